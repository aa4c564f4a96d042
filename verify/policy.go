package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// A Policy says which builds the caller accepts. Builders, Source and BuildTypes
// must be given, and at least one of Refs and Commit: a Policy that lacks one of
// them is an error and accepts nothing. Only one that requires a [Summary] of the
// artifact may lack them all, and then asks nothing of a build.
//
// It is not changed by verification and may be used by several goroutines. What is in
// it must not be changed as long as a [Result] of it is in use.
type Policy struct {
	// Builders are those that may have made the artifact. One is enough.
	Builders []Builder

	// Source is the repository's URL, "https://github.com/org/repo".
	Source string

	// SourceID and OwnerID are what the platform tells the repository and whom it
	// belongs to by: whoever registers a name anew that somebody gave up gets
	// another one. Empty means that it is not asked. A certificate tells them, or
	// without one the provenance, by its build type: those of GitHub Actions and of
	// GitLab CI/CD that are known here.
	SourceID, OwnerID string

	// BuildTypes are the build types whose parameters the caller understands.
	BuildTypes []string

	// Older accepts, beside Statement v1 and provenance v1, what went before them:
	// Statement v0.1, and provenance v0.2 and v0.1, as [provenance.ParseBuild] reads
	// them. The certificate, if there is one, then has to say what they leave open.
	Older bool

	// Subject is the name that the artifact must have in its provenance, a package
	// URL for most registries: "pkg:npm/%40acme/app@1.2.0". Empty means any name:
	// the digest is what makes it the artifact.
	Subject string

	// Refs are the branches and tags that may have been built. With a Commit
	// it may be left zero: the commit then is enough.
	Refs Refs

	// Commit is the commit that must have been built. The zero Digest stands
	// for any commit of an allowed ref; a build that names none is unproven.
	Commit hallmark.Digest

	// SignedCommit asks that the commit is signed by those whom the Inspector trusts
	// for it.
	SignedCommit bool

	// Version is the version that the artifact is offered as, "v1.2.0". The tag that
	// was built must be it, alone or as the last part of a path ("tools/v1.2.0"), and
	// so must be the version that the artifact has of itself, if the Inspector knows
	// one, and that of the main component of every SBOM that is required.
	Version string

	// AtLeast is the lowest version that may be accepted, "v1.1.0": the tag that was
	// built must be a version that is not before it, by Semantic Versioning.
	AtLeast string

	// Parameters are the external parameters that the build may have, by
	// JSON Pointer (RFC 6901): "/workflow/path". The build must have exactly
	// these, beside its source's repository and ref, for which Source and
	// Refs answer: one that is missing and one that is not named here are
	// both failures. What counts as a parameter is every value that is no
	// object with members; an array is one value.
	Parameters map[string]Parameter

	// Triggers are the events that may have started a build. Empty means
	// push, release and workflow_dispatch, which only people with write
	// access can cause, and is not held against builds of a platform that
	// has no events. A certificate tells the event. Without one the provenance does,
	// by its build type: it is asked of GitHub Actions in any case, and of other
	// platforms if this is given; what started the build is unproven if the build type
	// is not known here.
	Triggers []string

	// Runners are the kinds of machine on which the build may have run. Empty
	// means those of the platform itself, github-hosted and gitlab-hosted, and
	// is not held against builds of a platform without such kinds. What tells
	// the machine is what tells the event of Triggers.
	Runners []string

	// Environments are the deployment environments for which the build may have
	// run, each of which its repository may hold to rules of its own. Empty means
	// that it is not asked. Only a certificate tells it.
	Environments []string

	// MaxAge is how old the build may be when the policy is asked. Zero means any
	// age. The earliest time counts that an authority has verified of the signature,
	// or that at which the provenance says that the build was finished, if that is
	// earlier. A signature with a certificate, which was made for the moment, needs a
	// time of an authority. A plain key may have signed at any time before one, so
	// that there the provenance must tell. A time after Now is not young but wrong,
	// unless it is by less than five minutes.
	MaxAge time.Duration

	// Inputs are what the build may have taken in.
	Inputs Inputs

	// BuildInfo asks that the artifact, by what it says of its own build, is what
	// its provenance says. The Inspector tells.
	BuildInfo bool

	// Steps are what was done before the build, the first step first.
	Steps []Step

	// Require is what must be attested beside the provenance.
	Require []Requirement

	// Revoked are the signers and builders that are not trusted any more, or were
	// not from some time on.
	Revoked []Revocation

	// Exceptions excuse what fails, each for one artifact and for a time.
	Exceptions []Exception

	// Inspector looks into SBOMs and into the artifact, for the rules that need it.
	// Without one these are unproven.
	Inspector Inspector

	// Expires is when the policy ends: from then on it decides nothing. Zero
	// means never.
	Expires time.Time

	// Now returns the time at which the policy is asked. It must be given with
	// whatever depends on time: MaxAge, Exceptions, Expires, a requirement's MaxAge
	// and the age of dependencies. The zero time is an error there.
	Now func() time.Time
}

// A Builder is a build platform that the caller trusts.
type Builder struct {
	// ID is the builder.id that the provenance must have, byte by byte. If the
	// signer has a certificate, that must name the same builder.
	ID string

	// Refs makes ID that of a builder without the ref that comes behind it after
	// an @, which must be one of these: "any release of this workflow". The zero
	// Refs leaves ID as it is.
	Refs Refs

	// Identity is who may sign for ID.
	Identity Identity

	// Delegated says that the certificate of Identity names another than ID: a
	// workflow that signs for those it was called by, or, as with npm, a workflow
	// that names the machine it ran on. What it says of ID is then its word.
	Delegated bool

	// Commit is the commit of the builder's own instructions, a gitCommit. The
	// zero Digest stands for any: a tag of the builder can move. Only a
	// certificate tells it.
	Commit hallmark.Digest

	// Level is the SLSA Build level up to which the caller trusts the
	// builder, 1 to 3; 0 means 1. A Result has no higher level, whatever the
	// provenance says.
	Level int
}

func (b *Builder) level() int { return max(b.Level, 1) }

// A Parameter says which values an external parameter may have. The zero
// Parameter allows none.
type Parameter struct {
	// OneOf are the values that are allowed: JSON values, compared with the
	// digits of numbers as written.
	OneOf []any

	// Any allows every value. It is for a parameter that cannot make the
	// artifact another one than the caller wants.
	Any bool
}

// check returns everything that p lacks to be a policy. now is when it is asked.
func (p *Policy) check(now time.Time) error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("verify: policy: "+format, a...)) }
	summary := slices.ContainsFunc(p.Require, func(q Requirement) bool { return q.Summary != nil && !q.OfSource })
	if len(p.Builders) == 0 && summary {
		p.checkWithout(fail)
	} else {
		p.checkBuilds(fail)
	}
	for i, s := range p.Steps {
		if err := s.check(); err != nil {
			fail("step %d: %w", i, err)
		}
		if slices.ContainsFunc(p.Steps[:i], func(o Step) bool { return o.Name == s.Name }) {
			fail("step %d is another %q", i, s.Name)
		}
	}
	for i, q := range p.Require {
		if err := q.check(); err != nil {
			fail("requirement %d %w", i, err)
		}
	}
	for i, r := range p.Revoked {
		if err := r.check(); err != nil {
			fail("revocation %d: %w", i, err)
		}
	}
	timed := p.MaxAge != 0 || len(p.Exceptions) > 0 || !p.Expires.IsZero() ||
		slices.ContainsFunc(p.Require, func(q Requirement) bool {
			return q.MaxAge != 0 || q.SBOM != nil && (q.SBOM.MinAge != 0 || q.SBOM.MaxAge != 0)
		})
	if timed && p.Now == nil {
		fail("a rule about time, and no Now to tell the time")
	} else if timed && now.IsZero() {
		fail("a rule about time, and Now tells the zero time")
	} else {
		for i, e := range p.Exceptions {
			if err := e.check(now); err != nil {
				fail("exception %d: %w", i, err)
			}
		}
	}
	return errors.Join(errs...)
}

// checkWithout checks that a policy without builders asks nothing of a build.
func (p *Policy) checkWithout(fail func(format string, a ...any)) {
	for _, rule := range []struct {
		what string
		is   bool
	}{
		{"a source", p.Source != "" || p.SourceID != "" || p.OwnerID != ""},
		{"build types", p.BuildTypes != nil},
		{"refs", !p.Refs.IsZero()},
		{"a commit", !p.Commit.IsZero() || p.SignedCommit},
		{"a least version", p.AtLeast != ""},
		{"a version, no SBOM that has one", p.Version != "" && !slices.ContainsFunc(p.Require, func(q Requirement) bool { return isSBOM(q.PredicateType) })},
		{"parameters", p.Parameters != nil},
		{"circumstances of a build", p.Triggers != nil || p.Runners != nil || p.Environments != nil},
		{"a maximum age", p.MaxAge != 0},
		{"inputs", !p.Inputs.none()},
		{"what the artifact says of its build", p.BuildInfo},
		{"steps before a build", p.Steps != nil},
		{"a subject", p.Subject != ""},
		{"something of the source", slices.ContainsFunc(p.Require, func(q Requirement) bool { return q.OfSource })},
	} {
		if rule.is {
			fail("%s, and no builders", rule.what)
		}
	}
}

// checkBuilds checks what p says of builds.
func (p *Policy) checkBuilds(fail func(format string, a ...any)) {
	if len(p.Builders) == 0 {
		fail("no builders")
	}
	for i, b := range p.Builders {
		if b.ID == "" {
			fail("builder %d has no id", i)
		}
		if b.Identity == nil {
			fail("builder %d has no identity", i)
		}
		if b.Level < 0 || b.Level > 3 {
			fail("builder %d has level %d, want 1 to 3", i, b.Level)
		}
		if !b.Commit.IsZero() && b.Commit.Algorithm() != "gitCommit" {
			fail("the commit of builder %d is a %s, want a gitCommit", i, b.Commit.Algorithm())
		}
		if !b.Refs.IsZero() && strings.Contains(b.ID, "@") {
			fail("builder %d has refs, and an id with an @", i)
		}
		if err := b.Refs.Check(); err != nil {
			fail("builder %d: %w", i, err)
		}
	}
	if p.Source == "" {
		fail("no source")
	}
	if len(p.BuildTypes) == 0 {
		fail("no build types")
	}
	if slices.Contains(p.BuildTypes, "") {
		fail("an empty build type")
	}
	if p.Refs.IsZero() && p.Commit.IsZero() {
		fail("neither refs nor a commit")
	}
	if err := p.Refs.Check(); err != nil {
		fail("%w", err)
	}
	if p.MaxAge < 0 {
		fail("a maximum age of %s", p.MaxAge)
	}
	for _, list := range []struct {
		what  string
		names []string
	}{{"a trigger", p.Triggers}, {"a runner", p.Runners}, {"an environment", p.Environments}} {
		if slices.Contains(list.names, "") {
			fail("%s without a name", list.what)
		}
	}
	if !p.Commit.IsZero() && p.Commit.Algorithm() != "gitCommit" {
		fail("the commit is a %s, want a gitCommit", p.Commit.Algorithm())
	}
	if p.AtLeast != "" {
		if _, err := bound(p.AtLeast); err != nil {
			fail("at least: %w", err)
		} else if p.Version != "" && !notBefore("refs/tags/"+p.Version, p.AtLeast) {
			fail("version %.100q, and at least %.100q", p.Version, p.AtLeast)
		}
	}
	for at := range p.Parameters {
		if !strings.HasPrefix(at, "/") {
			fail("parameter %q is not a JSON Pointer", at)
		}
	}
	for uri, d := range p.Inputs.Pinned {
		if uri == "" || !identifies(d) {
			fail("input %q has no digest that identifies it", uri)
		}
	}
	for _, origin := range p.Inputs.Origins {
		if origin == "" || strings.HasSuffix(origin, "://") {
			fail("origin %q of inputs is everywhere", origin)
		} else if !strings.Contains(origin, ":") {
			fail("origin %.200q of inputs is no URI, which has a scheme: https://…", origin)
		}
	}
}

// checkSigners checks who may sign and how many of them must.
func checkSigners(ids []Identity, threshold int) error {
	if len(ids) == 0 || slices.Contains(ids, nil) {
		return errors.New("lacks an identity")
	}
	if threshold < 0 || threshold > len(ids) {
		return fmt.Errorf("asks for %d signers of %d", threshold, len(ids))
	}
	return nil
}
