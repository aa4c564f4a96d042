package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// PredicateType is the predicate type of a [Build]. Versions 1.0 to 1.2 of the
// SLSA specification share it and are the same in writing.
const PredicateType = "https://slsa.dev/provenance/v1"

// PredicateTypeV02 and PredicateTypeV01 are the older predicate types that
// [ParseBuild] and [Convert] read.
//
// https://slsa.dev/spec/v0.2/provenance
const (
	PredicateTypeV02 = "https://slsa.dev/provenance/v0.2"
	PredicateTypeV01 = "https://slsa.dev/provenance/v0.1"
)

// A Build says how a builder made its artifacts: SLSA Build provenance.
//
// https://slsa.dev/spec/v1.2/build-provenance
type Build struct {
	// Type is the URI that gives the parameters their meaning.
	Type string

	// External are the parameters that whoever asked for the build could
	// choose: its source first of all. They are the interface of the build,
	// and a verifier must know all of them. Values are JSON values, as
	// encoding/json decodes them with UseNumber.
	External map[string]any

	// Internal are parameters that the builder set.
	Internal map[string]any

	// Dependencies are what the build used, as far as it is known. The
	// descriptor of the source is the first, if there is one.
	Dependencies []ResourceDescriptor

	// Builder is the URI of the builder: the platform, in the mode in which
	// it ran. It decides which SLSA level the build can have.
	Builder string

	// BuilderVersion has versions of the builder's parts, by their names.
	BuilderVersion map[string]string

	// BuilderDependencies are what the builder itself is made of.
	BuilderDependencies []ResourceDescriptor

	// Invocation is the builder's name for this run, a URL if it has one.
	Invocation string

	// Started and Finished are the times of the run; zero if not recorded.
	Started, Finished time.Time

	// Byproducts are what the build left beside its artifacts.
	Byproducts []ResourceDescriptor

	// Extensions are the members that SLSA does not name, by the path of the
	// object in the predicate that has them: "" for the predicate itself,
	// "buildDefinition", "runDetails", "runDetails.builder" and
	// "runDetails.metadata".
	Extensions map[string]Extensions

	// Notes say what [ParseBuild] read otherwise than it is written: each is a
	// Note if nothing is lost by it, or a Warning.
	Notes []Problem

	// Evidence says where the values above come from, by their path:
	// "builder", "invocation", "source.repository", "source.ref",
	// "source.commit", "external.workflow.path". It is not part of the provenance: a claim
	// about its own trustworthiness would be worth nothing to a verifier.
	Evidence map[string]Evidence
}

// Evidence is how a fact about a build became known. The higher, the harder it
// was for the build's own steps to forge it.
type Evidence int

const (
	NoEvidence  Evidence = iota // not known
	Caller                      // the program that uses this module says so
	ModulePath                  // the path of a Go module says where its repository is
	Binary                      // build information in the artifact
	Environment                 // a variable that a build step could have changed
	Git                         // the checkout
	Claim                       // a claim of the job's identity token, verified
)

func (e Evidence) String() string {
	switch e {
	case Caller:
		return "caller"
	case ModulePath:
		return "module path"
	case Binary:
		return "binary"
	case Environment:
		return "environment"
	case Git:
		return "git"
	case Claim:
		return "claim"
	}
	return "none"
}

// Claims are what a job's identity token says of the job, after its signature,
// issuer, audience and time have been verified: by package provenance/oidc, or
// by the caller, who then answers for it.
type Claims struct {
	// Issuer is the token's claim iss, as it is in it.
	Issuer string

	// Values are the other claims by their names in the token. Claims that
	// are not strings have their JSON form.
	Values map[string]string
}

// A Source is the commit that a build was made from.
type Source struct {
	// Repository is its URL, "https://github.com/org/repo", without user
	// information; empty if not known.
	Repository string

	// Ref is the full name of the branch or tag, "refs/tags/v1.2.3"; empty if
	// not known.
	Ref string

	// Commit is a gitCommit; zero if not known.
	Commit hallmark.Digest

	// Modified says that files differed from the commit, so that Commit is
	// only what they were changed from.
	Modified bool

	// RepositoryFrom and CommitFrom say how they became known. What has no
	// better evidence than the caller or a module path is marked so in the
	// statement.
	RepositoryFrom, CommitFrom Evidence
}

// Names of the annotations that a source's descriptor can have.
const (
	annotationModified       = "modified"       // true
	annotationBase           = "base"           // gitCommit:… that modified files come from
	annotationRepositoryFrom = "repositoryFrom" // "caller", "module path"
	annotationCommitFrom     = "commitFrom"     // "caller"
)

// URI returns s in the form of resource descriptors, git+<repository>@<ref>, or
// "" without a repository.
func (s Source) URI() string {
	switch {
	case s.Repository == "":
		return ""
	case s.Ref == "":
		return "git+" + s.Repository
	}
	return "git+" + s.Repository + "@" + s.Ref
}

// Descriptor returns s as a resource. A modified source has no gitCommit
// digest, because the commit is not what was built; the commit is then an
// annotation. ok is false if there is nothing to describe it by.
func (s Source) Descriptor() (d ResourceDescriptor, ok bool) {
	if s.Repository == "" && s.Commit.IsZero() {
		return d, false
	}
	d.URI = s.URI()
	d.Annotations = make(map[string]any)
	if s.Modified {
		d.Annotations[annotationModified] = true
	}
	switch {
	case s.Commit.IsZero():
	case s.Modified:
		d.Annotations[annotationBase] = s.Commit.String()
	default:
		d.Digest = NewDigestSet(s.Commit)
	}
	if s.Repository != "" && (s.RepositoryFrom == Caller || s.RepositoryFrom == ModulePath) {
		d.Annotations[annotationRepositoryFrom] = s.RepositoryFrom.String()
	}
	if !s.Commit.IsZero() && s.CommitFrom == Caller {
		d.Annotations[annotationCommitFrom] = s.CommitFrom.String()
	}
	// A modified commit of an unknown repository has neither: nothing is left
	// to identify it by.
	return d, d.URI != "" || d.Digest != nil
}

// Source returns the source that b names, and the name of the external
// parameter that names it, or "" if no one parameter does:
//
//   - "workflow" in the build types of GitHub Actions, "pipeline" in the one of this
//     module for GitLab CI/CD and "source" in the others of this module: an object
//     with a repository, an https URL, and a ref.
//   - Buildkite's job/v1 has a string "repository" and, in the object "build", a tag
//     or else a branch; no one parameter names the source.
//   - Provenance of version 0.2 and 0.1, as [ParseBuild] reads it, has the URI of its
//     configuration in the string "source": git+<repository>, and @<ref> if it is
//     known. Any build type may have such a parameter.
//   - slsa.dev/container-based-build/v0.1?draft has that URI in the member uri of the
//     object "source".
//   - GitLab's runners and GitLab itself, by the build types
//     gitlab.com/gitlab-org/gitlab-runner/…/PROVENANCE.md and
//     docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1, have the URL of the
//     project in the string "source", and no ref.
//   - slsa-framework/slsa-github-generator/delegator-generic@v0 has the source in no
//     parameter: it is the only dependency whose URI begins with git+.
//
// A URI has the full name of a ref, "refs/…", or none. The source that a URI or a
// dependency names is not known unless there is a dependency with that URI.
//
// The commit is the gitCommit digest of the dependency whose URI is that
// repository at that ref; it is zero if such dependencies have different ones.
// Where a URI names the source, its digest may be called sha1 as well, as version 0.2
// has it, and by GitLab's runners sha256, of whatever length a commit has. The source
// is modified if any of them says so. If there is no such parameter, or several, the
// zero Source is returned: a source that is not known for certain is not known.
func (b *Build) Source() (s Source, parameter string) {
	s, parameter, _ = b.source()
	return s, parameter
}

// Inputs returns the dependencies of b but for those that describe the source that
// [Build.Source] returns.
func (b *Build) Inputs() []ResourceDescriptor {
	_, _, is := b.source()
	return slices.DeleteFunc(slices.Clone(b.Dependencies), is)
}

// Build types whose sources are named in ways of their own.
const (
	typeContainerBased = "https://slsa.dev/container-based-build/v0.1?draft"
	typeDelegator      = "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0"
	typeGitLab         = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"
)

// isGitLabRunner reports whether a build type is that of a version of GitLab's runner.
func isGitLabRunner(buildType string) bool {
	rest, ok := strings.CutPrefix(buildType, "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/")
	return ok && strings.HasSuffix(rest, "/PROVENANCE.md")
}

// source returns what Source does, and what reports whether a dependency is that
// source.
func (b *Build) source() (s Source, parameter string, is func(ResourceDescriptor) bool) {
	uri := ""                           // that names the source
	algorithms := []string{"gitCommit"} // by which dependencies have the commit
	none := func(ResourceDescriptor) bool { return false }
	for _, name := range []string{"workflow", "pipeline", "source"} {
		var one Source
		switch p := b.External[name].(type) {
		case map[string]any:
			one.Repository, _ = p["repository"].(string)
			one.Ref, _ = p["ref"].(string)
			if text, ok := p["uri"].(string); ok && name == "source" && one.Repository == "" && b.Type == typeContainerBased {
				one, uri, algorithms = sourceOf(text), text, append(algorithms, "sha1")
			}
		case map[string]string: // not from JSON, but as good
			one.Repository, one.Ref = p["repository"], p["ref"]
		case string:
			switch {
			case name != "source":
			case isGitLabRunner(b.Type), b.Type == typeGitLab:
				one, uri = sourceOf("git+"+p), p
				one.Ref = "" // An @ would be a part of the project's path.
				if one.Repository != p {
					one = Source{}
				}
				if isGitLabRunner(b.Type) {
					algorithms = append(algorithms, "sha256")
				}
			default:
				one, uri, algorithms = sourceOf(p), p, append(algorithms, "sha1")
			}
		}
		if one.Repository == "" {
			continue
		}
		if parameter != "" {
			return Source{}, "", none
		}
		s, parameter = one, name
	}
	build, _ := b.External["build"].(map[string]any)
	repository, _ := b.External["repository"].(string)
	switch {
	case parameter != "":
	case repository != "" && build != nil:
		s.Repository = repository
		if tag, _ := build["tag"].(string); tag != "" {
			s.Ref = "refs/tags/" + tag
		} else if branch, _ := build["branch"].(string); branch != "" {
			s.Ref = "refs/heads/" + branch
		}
	case b.Type == typeDelegator:
		for _, d := range b.Dependencies {
			if !strings.HasPrefix(d.URI, "git+") {
				continue
			}
			if uri != "" {
				return Source{}, "", none
			}
			s, uri, algorithms = sourceOf(d.URI), d.URI, []string{"gitCommit", "sha1"}
		}
	}
	if s.Repository == "" {
		return Source{}, "", none
	}

	is = func(d ResourceDescriptor) bool { return d.URI == s.URI() || uri != "" && d.URI == uri }
	found, several := false, false
	for _, d := range b.Dependencies {
		if !is(d) {
			continue
		}
		found = true
		modified, _ := d.Annotations[annotationModified].(bool)
		s.Modified = s.Modified || modified
		if from, _ := d.Annotations[annotationRepositoryFrom].(string); from == ModulePath.String() {
			s.RepositoryFrom = ModulePath
		} else if from == Caller.String() {
			s.RepositoryFrom = Caller
		}
		if from, _ := d.Annotations[annotationCommitFrom].(string); from == Caller.String() {
			s.CommitFrom = Caller
		}
		base, hasBase := d.Annotations[annotationBase].(string)
		for _, algorithm := range algorithms {
			c, err := hallmark.ParseDigest("gitCommit:" + d.Digest[algorithm])
			if hasBase && modified {
				c, err = hallmark.ParseDigest(base)
			}
			if err == nil && c.Algorithm() == "gitCommit" {
				several = several || !s.Commit.IsZero() && c != s.Commit
				s.Commit = c
			}
		}
	}
	if several { // neither is known to be the one
		s.Commit = hallmark.Digest{}
	}
	if uri != "" && !found {
		return Source{}, "", none
	}
	return s, parameter, is
}

// sourceOf returns the source that a URI names, git+<repository>[@<ref>], as far as it
// does nothing but that; otherwise the zero Source.
func sourceOf(uri string) Source {
	text, ok := strings.CutPrefix(uri, "git+")
	u, err := url.Parse(text)
	if !ok || err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.ContainsAny(text, "?#") {
		return Source{}
	}
	// No host and no path of a repository has an @; a ref may have one.
	repository, ref, at := strings.Cut(text, "@")
	if at && !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(repository, u.Scheme+"://"+u.Host) {
		return Source{}
	}
	return Source{Repository: repository, Ref: ref}
}

// Statement returns the statement that b made subjects. It fails if anything
// that SLSA requires is missing: most often the Builder, which an observer
// leaves empty when nothing it may rely on names it, and which the caller then
// has to name.
func (b *Build) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	if b.Builder == "" {
		return nil, errors.New("provenance: the builder is not known: name it, or give the observer the job's verified claims")
	}
	predicate, err := b.marshal()
	if err != nil {
		return nil, err
	}
	return New(PredicateType, predicate, subjects...)
}

// marshal returns b as a predicate, its members in the order of the
// specification, each object's extensions last.
func (b *Build) marshal() (json.RawMessage, error) {
	for path := range b.Extensions {
		if extensible(path) == nil {
			return nil, fmt.Errorf("provenance: extensions of %.100q, which is no object of a predicate", path)
		}
	}
	var out []byte
	var err error
	value := func(v any) {
		if err == nil {
			out, err = strictjson.Append(out, v)
		}
	}
	list := func(ds []ResourceDescriptor) {
		out = append(out, '[')
		for i, d := range ds {
			if i > 0 {
				out = append(out, ',')
			}
			if err == nil {
				out, err = d.append(out)
			}
		}
		out = append(out, ']')
	}
	// end ends an object with its extensions, the first of them after sep.
	end := func(path string, sep byte) {
		if err == nil {
			out, err = b.Extensions[path].append(out, sep)
		}
		out = append(out, '}')
	}
	out = append(out, `{"buildDefinition":{"buildType":`...)
	value(b.Type)
	out = append(out, `,"externalParameters":`...)
	value(b.External)
	if len(b.Internal) > 0 {
		out = append(out, `,"internalParameters":`...)
		value(b.Internal)
	}
	if len(b.Dependencies) > 0 {
		out = append(out, `,"resolvedDependencies":`...)
		list(b.sortedDependencies())
	}
	end("buildDefinition", ',')
	out = append(out, `,"runDetails":{"builder":{"id":`...)
	value(b.Builder)
	if len(b.BuilderDependencies) > 0 {
		out = append(out, `,"builderDependencies":`...)
		list(sorted(b.BuilderDependencies))
	}
	if len(b.BuilderVersion) > 0 {
		out = append(out, `,"version":`...)
		value(b.BuilderVersion)
	}
	end("runDetails.builder", ',')
	if b.Invocation != "" || !b.Started.IsZero() || !b.Finished.IsZero() || len(b.Extensions["runDetails.metadata"]) > 0 {
		out = append(out, `,"metadata":`...)
		sep := byte('{')
		metadata := func(name, v string) {
			out = append(append(append(out, sep, '"'), name...), '"', ':')
			value(v)
			sep = ','
		}
		if b.Invocation != "" {
			metadata("invocationId", b.Invocation)
		}
		if !b.Started.IsZero() {
			metadata("startedOn", b.Started.UTC().Format(time.RFC3339Nano))
		}
		if !b.Finished.IsZero() {
			metadata("finishedOn", b.Finished.UTC().Format(time.RFC3339Nano))
		}
		end("runDetails.metadata", sep)
	}
	if len(b.Byproducts) > 0 {
		out = append(out, `,"byproducts":`...)
		list(sorted(b.Byproducts))
	}
	end("runDetails", ',')
	end("", ',')
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return out, nil
}

// extensible returns the members that SLSA names of the object at a path of the
// predicate, or nil if it names none there.
func extensible(path string) []string {
	switch path {
	case "":
		return []string{"buildDefinition", "runDetails"}
	case "buildDefinition":
		return []string{"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
	case "runDetails":
		return []string{"builder", "metadata", "byproducts"}
	case "runDetails.builder":
		return []string{"id", "builderDependencies", "version"}
	case "runDetails.metadata":
		return []string{"invocationId", "startedOn", "finishedOn"}
	}
	return nil
}

// sortedDependencies returns b's dependencies in the order in which they are
// written: the source first, as GitHub's build type asks, then the others.
func (b *Build) sortedDependencies() []ResourceDescriptor {
	ds := sorted(b.Dependencies)
	_, _, is := b.source()
	if i := slices.IndexFunc(ds, is); i > 0 {
		source := ds[i]
		ds = slices.Insert(slices.Delete(ds, i, i+1), 0, source)
	}
	return ds
}

func sorted(ds []ResourceDescriptor) []ResourceDescriptor {
	return sortedBy(ds, func(a, b *ResourceDescriptor) int {
		if c := strings.Compare(a.URI, b.URI); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// ParseBuild returns the Build in s, whose predicate type must be
// [PredicateType], [PredicateTypeV02] or [PredicateTypeV01]. A member whose name
// differs from a known one in case only is an error, but for "invocationID",
// which is in use. Members that SLSA does not know are in Extensions; they
// change nothing else, as it asks.
//
// Of the older versions the members have their new places by the migration
// table of SLSA v1.0, and what has none is in Notes: see [Convert]. Whoever
// relies on a build type or its parameters should look at the predicate type of
// s, because the old build type does not describe the parameters in their new
// places.
func ParseBuild(s *Statement) (*Build, error) {
	if s.Predicate == nil {
		return nil, errors.New("malformed provenance: no predicate")
	}
	switch s.PredicateType {
	case PredicateTypeV02, PredicateTypeV01:
		o, err := parseOld(s)
		if err != nil {
			return nil, err
		}
		for _, l := range o.losses {
			o.Notes = append(o.Notes, Problem{l.Path, Warning, "not read: " + l.Why})
		}
		return &o.Build, nil
	case PredicateType:
	default:
		return nil, fmt.Errorf("provenance: predicate type %.200q, want %q", s.PredicateType, PredicateType)
	}
	b, err := parseBuild(s.Predicate)
	if err != nil {
		return nil, err
	}
	// Google Cloud Build writes [{}].
	var byproducts []ResourceDescriptor
	for i, d := range b.Byproducts {
		if d.isZero() {
			b.note(Warning, fmt.Sprintf("$.runDetails.byproducts[%d]", i), "an empty resource, left out")
			continue
		}
		byproducts = append(byproducts, d)
	}
	b.Byproducts = byproducts
	return b, nil
}

// parseBuild reads a predicate of version 1.
func parseBuild(predicate json.RawMessage) (*Build, error) {
	b := new(Build)
	err := strictjson.Read(predicate, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			switch name {
			case "buildDefinition":
				return r.Object(func(name string) error { return b.readDefinition(r, name) })
			case "runDetails":
				return r.Object(func(name string) error { return b.readRun(r, name) })
			}
			return b.extension(r, "", name)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("malformed provenance: %w", err)
	}
	return b, nil
}

// note is b's noter for a predicate.
func (b *Build) note(severity Severity, path, format string, a ...any) {
	b.Notes = append(b.Notes, Problem{"$.predicate" + path[len("$"):], severity, fmt.Sprintf(format, a...)})
}

// extension reads a member of the object at path that SLSA does not name.
func (b *Build) extension(r *strictjson.Reader, path, name string) error {
	e, err := extension(r, b.Extensions[path], name, extensible(path)...)
	if err != nil {
		return err
	}
	if b.Extensions == nil {
		b.Extensions = make(map[string]Extensions)
	}
	b.Extensions[path] = e
	return nil
}

func (b *Build) readDefinition(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "buildType":
		b.Type, err = r.String()
	case "externalParameters":
		b.External, err = readParameters(r)
	case "internalParameters":
		b.Internal, err = readParameters(r)
	case "resolvedDependencies":
		b.Dependencies, err = readDescriptors(r, MaxDependencies, b.note)
	default:
		err = b.extension(r, "buildDefinition", name)
	}
	return err
}

func (b *Build) readRun(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "builder":
		return r.Object(func(name string) (err error) {
			switch name {
			case "id":
				b.Builder, err = r.String()
			case "builderDependencies":
				b.BuilderDependencies, err = readDescriptors(r, MaxDependencies, b.note)
			case "version":
				if r.Null() {
					return nil
				}
				b.BuilderVersion = make(map[string]string)
				return r.Object(func(part string) (err error) {
					b.BuilderVersion[part], err = r.String()
					return err
				})
			default:
				err = b.extension(r, "runDetails.builder", name)
			}
			return err
		})
	case "metadata":
		if r.Null() {
			return nil
		}
		return r.Object(func(name string) (err error) {
			switch name {
			case "invocationId", "invocationID": // the latter from in-toto-golang before v0.10.0
				if b.Invocation != "" {
					return r.Errorf("a second invocation id")
				}
				if name == "invocationID" {
					b.note(Note, r.Path(), "read as invocationId")
				}
				b.Invocation, err = readOptional(r)
			case "startedOn":
				b.Started, err = b.readTime(r)
			case "finishedOn":
				b.Finished, err = b.readTime(r)
			default:
				err = b.extension(r, "runDetails.metadata", name)
			}
			return err
		})
	case "byproducts":
		b.Byproducts, err = readDescriptors(r, MaxDependencies, b.note)
		return err
	}
	return b.extension(r, "runDetails", name)
}

// readParameters reads an object of parameters. "Unset, null, and empty MUST be
// interpreted equivalently."
func readParameters(r *strictjson.Reader) (map[string]any, error) {
	if r.Null() {
		return nil, nil
	}
	if r.Kind() != '{' {
		return nil, r.Errorf("parameters are not an object")
	}
	v, err := r.Value()
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

func (b *Build) readTime(r *strictjson.Reader) (time.Time, error) {
	if r.Null() {
		return time.Time{}, nil
	}
	s, err := r.String()
	if err != nil {
		return time.Time{}, err
	}
	t, err := parseTime(r, s)
	if err != nil {
		return time.Time{}, err
	}
	if t.IsZero() {
		b.note(Warning, r.Path(), "the zero time, read as none")
	}
	if !strings.HasSuffix(s, "Z") {
		b.note(Warning, r.Path(), "%s is not in UTC, with a Z at its end", s)
	}
	return t.UTC(), nil
}

// parseTime parses a time of RFC 3339. [time.Parse] also reads an hour of one
// digit, and a comma before the fraction.
func parseTime(r *strictjson.Reader, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return time.Time{}, r.Errorf("malformed time %.40q, want RFC 3339", s)
	}
	return t, nil
}

// validateBuild reports what is wrong with SLSA provenance. The paths are those
// of its version.
func (s *Statement) validateBuild(ps *problems) {
	if s.Predicate == nil {
		ps.add(Error, "$.predicate", "provenance without a predicate")
		return
	}
	if s.PredicateType != PredicateType {
		s.validateOld(ps)
		return
	}
	b, err := parseBuild(s.Predicate)
	if err != nil {
		ps.add(Error, "$.predicate", "%v", err)
		return
	}
	const definition, run = "$.predicate.buildDefinition", "$.predicate.runDetails"
	checkURI(ps, definition+".buildType", b.Type)
	if len(b.External) == 0 {
		ps.add(Error, definition+".externalParameters", "missing or empty")
	}
	for _, name := range slices.Sorted(maps.Keys(b.External)) {
		if _, ok := b.Internal[name]; ok {
			ps.add(Warning, definition+".internalParameters", "%q is an external parameter too", name)
		}
	}
	validateDescriptors(ps, definition+".resolvedDependencies", b.Dependencies)
	checkURI(ps, run+".builder.id", b.Builder)
	validateDescriptors(ps, run+".builder.builderDependencies", b.BuilderDependencies)
	if !b.Started.IsZero() && !b.Finished.IsZero() && b.Finished.Before(b.Started) {
		ps.add(Error, run+".metadata.finishedOn", "%s is before startedOn", b.Finished.Format(time.RFC3339Nano))
	}
	validateDescriptors(ps, run+".byproducts", b.Byproducts)
	for _, path := range slices.Sorted(maps.Keys(b.Extensions)) {
		at := "$.predicate"
		if path != "" {
			at += "." + path
		}
		b.Extensions[path].validate(ps, at, extensible(path)...)
	}
	*ps = append(*ps, b.Notes...)
}
