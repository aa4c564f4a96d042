package gobuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// RebuildBuildType is the type of the Build that [Rebuilt.Build] returns. The text
// behind the URI is kept in provenance/buildtypes/go-rebuild-v1.md.
const RebuildBuildType = "https://hallmark-dev.github.io/buildtypes/go-rebuild/v1"

// GoRebuilt is a property, among the levels of a VSA, of an artifact that was
// built again, byte for byte, from the commit and the recipe of its provenance. It
// is one of this module's own. Who reproduced it, and whether that was somebody
// else than the first builder, it does not say: see [Reproduced].
const GoRebuilt = "HALLMARK_GO_REBUILT"

// RebuildOptions says where a rebuild takes place. Getenv and one of Repository
// and Dir are required.
type RebuildOptions struct {
	// Getenv returns variables of the environment, usually os.Getenv. It says
	// where git, the go command, its caches and a C compiler are; how to build,
	// only the recipe says.
	Getenv func(string) string

	// Repository is a directory in a repository that has the commit. A fresh
	// checkout is made of it elsewhere, with no tag but the recipe's, without
	// submodules, and with pointers in the place of LFS files. The repository
	// is not changed, and neither its configuration nor the user's has a say.
	Repository string

	// Dir is a checkout of the commit that the caller has made, where such a
	// one is not enough. It must have no modified file, and the tags that the
	// version needs.
	Dir string

	// Temp is the directory in which a temporary one is made, and removed at
	// the end; "" means that of the system.
	Temp string

	// FreshCache leaves the build cache aside and compiles everything, the
	// standard library too. Otherwise results of earlier builds are used, by
	// whoever could write to the cache.
	FreshCache bool

	// File is the artifact, if it is at hand. If it was not reproduced, it is
	// compared with what was built.
	File string
}

// A Rebuilt is what came of building again.
type Rebuilt struct {
	Recipe   Recipe
	Original hallmark.Artifact // what should be made
	Artifact hallmark.Artifact // what was made: the name of the original, and its SHA-256
	Source   *SourceProof      // of the checkout that it was made from

	// Differences say where the artifact differs from the original: first in
	// what both say of themselves, then in their sections, then in their
	// bytes. It is empty if it was reproduced, or if there was no file to
	// compare with.
	Differences []Difference
}

// Reproduced reports whether what was made is the original.
func (r *Rebuilt) Reproduced() bool {
	d := r.Artifact.Digest("sha256")
	return !d.IsZero() && d == r.Original.Digest("sha256")
}

// String says in a line whether the artifact was reproduced, and lists what
// differs.
func (r *Rebuilt) String() string {
	if r.Reproduced() {
		return fmt.Sprintf("%s %s was reproduced from %s\n", r.Original.Name, r.Artifact.Digest("sha256"), r.Recipe.Source.Commit)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s was not reproduced: got %s, want %s\n", r.Original.Name, r.Artifact.Digest("sha256"), r.Original.Digest("sha256"))
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	return b.String()
}

// Rebuild follows a recipe and compares what it makes with the artifact, which
// needs a SHA-256. It builds in a directory of its own, from a fresh checkout of
// the recipe's commit, out of the module cache: GOPROXY is off and modules are not
// changed (-mod=readonly, or vendor if the recipe says so), GOTOOLCHAIN is local,
// and settings from "go env -w" do not count.
//
// An artifact that is another one is no error: see [Rebuilt.Reproduced]. It is an
// error if the recipe is not complete; if the go command is of another version; if
// a module is not in the cache, or its files do not have the recipe's sum; if the
// checkout deviates from the commit, but for the files that the recipe says are
// generated, which only a caller's Dir can have; or if the tags there make another
// version. Then nothing is known of the artifact.
//
// The go command compiles the source and runs, for cgo, a C compiler and linker,
// with the flags of the recipe, which can make them run more; it does not run what it
// has compiled. Do not follow a recipe of somebody whom you would not let build on
// the machine. Which version of a C compiler it was, a recipe does not say.
func Rebuild(ctx context.Context, recipe *Recipe, artifact hallmark.Artifact, o RebuildOptions) (*Rebuilt, error) {
	if o.Getenv == nil {
		return nil, errors.New("gobuild: no getenv")
	}
	if recipe == nil {
		return nil, errors.New("gobuild: no recipe")
	}
	if artifact.Digest("sha256").IsZero() {
		return nil, errors.New("gobuild: the artifact has no SHA-256 to compare with")
	}
	if (o.Repository == "") == (o.Dir == "") {
		return nil, errors.New("gobuild: want either a repository or a checkout")
	}
	if err := errors.Join(recipe.complete(), recipe.wellFormed()); err != nil {
		return nil, err
	}
	if len(recipe.Generated) > 0 && o.Dir == "" {
		return nil, fmt.Errorf("gobuild: the recipe has %d generated files: want a checkout in which they are", len(recipe.Generated))
	}
	temp, err := os.MkdirTemp(o.Temp, "rebuild-")
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	defer os.RemoveAll(temp)
	if temp, err = filepath.EvalSymlinks(temp); err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}

	top := o.Dir
	if top == "" {
		top = filepath.Join(temp, "source")
		if err := checkoutAt(ctx, top, o, recipe); err != nil {
			return nil, err
		}
	} else {
		c, err := git.Inspect(ctx, top, o.Getenv)
		if err != nil {
			return nil, fmt.Errorf("gobuild: %w", err)
		}
		modified := slices.DeleteFunc(slices.Clone(c.Modified), func(name string) bool { return slices.Contains(recipe.Generated, name) })
		if len(modified) > 0 {
			return nil, fmt.Errorf("gobuild: %w", &git.ModifiedError{Files: modified})
		}
		if c.Commit != recipe.Source.Commit {
			return nil, fmt.Errorf("gobuild: the checkout is of commit %s, the recipe of %s", c.Commit.Hex(), recipe.Source.Commit.Hex())
		}
		top = c.Root
	}
	dir := filepath.Join(top, filepath.FromSlash(recipe.Dir))

	getenv := recipe.getenv(o, top, temp)
	t := tool{dir, getenv}
	settings, err := t.settings(ctx)
	if err != nil {
		return nil, err
	}
	if settings["GOVERSION"] != recipe.Go {
		return nil, fmt.Errorf("gobuild: the go command is %s, the recipe wants %s", settings["GOVERSION"], shown(recipe.Go))
	}
	p, err := ProveSource(ctx, dir, []string{recipe.Package}, Options{Getenv: getenv, Flags: recipe.Flags, VerifyModules: true, Generated: recipe.generated()})
	if err != nil {
		return nil, err
	}
	if p.Commit != recipe.Source.Commit || p.ModulePath != recipe.Module || !slices.Equal(p.Packages, []string{recipe.Package}) {
		return nil, fmt.Errorf("gobuild: the checkout has %s of %s at %s, the recipe %s of %s at %s",
			strings.Join(p.Packages, " "), p.ModulePath, p.Commit.Hex(), recipe.Package, recipe.Module, recipe.Source.Commit.Hex())
	}
	if err := recipe.sameModules(p); err != nil {
		return nil, err
	}
	if stamped(recipe.Flags) {
		m, err := git.InspectModule(ctx, dir, getenv)
		if err != nil {
			return nil, fmt.Errorf("gobuild: %w", err)
		}
		if m.Version != recipe.Version {
			return nil, fmt.Errorf("gobuild: the checkout makes the version %s, the recipe has %s: other tags or another depth of history (%s)",
				cmp.Or(m.Version, "(devel)"), cmp.Or(shown(recipe.Version), "(devel)"), cmp.Or(m.Why, "tag "+cmp.Or(m.Tag, "none")))
		}
	}

	out := filepath.Join(temp, "out")
	args := append(append([]string{"build", "-o", out}, recipe.Flags...), "--", recipe.Package)
	if _, err := t.run(ctx, args...); err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	if err := p.Recheck(ctx); err != nil {
		return nil, err
	}
	made, err := hallmark.HashFile(out)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	r := &Rebuilt{Recipe: *recipe, Original: artifact, Source: p, Artifact: hallmark.Artifact{Name: artifact.Name, Digests: made.Digests}}
	if o.File != "" && !r.Reproduced() {
		original, err := hallmark.HashFile(o.File)
		if err != nil {
			return nil, fmt.Errorf("gobuild: %w", err)
		}
		if original.Digest("sha256") != artifact.Digest("sha256") {
			return nil, fmt.Errorf("gobuild: %s has %s, the artifact has %s", filepath.Base(o.File), original.Digest("sha256"), artifact.Digest("sha256"))
		}
		if r.Differences, err = Compare(o.File, out); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// checkoutAt makes a checkout of the recipe's commit, with the recipe's tag. The
// new repository borrows the objects of the other one, whose configuration is not
// asked for anything. ProveSource looks at what came of it.
func checkoutAt(ctx context.Context, top string, o RebuildOptions, r *Recipe) error {
	from, err := filepath.Abs(o.Repository)
	if err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	out, err := (tool{from, o.Getenv}).git(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects", "--git-path", "shallow")
	if err != nil {
		return err
	}
	objects, shallow, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if strings.Contains(shallow, "\n") {
		return errors.New("gobuild: the path of the repository has a line break")
	}
	if err := os.Mkdir(top, 0o777); err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	commit := r.Source.Commit.Hex()
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	// Settings and templates of the user could have filters and hooks.
	g := tool{top, func(name string) string {
		switch name {
		case "HOME", "XDG_CONFIG_HOME", "USERPROFILE":
			return ""
		case "GIT_CONFIG_NOSYSTEM":
			return "1"
		}
		return o.Getenv(name)
	}}
	if _, err := g.git(ctx, "init", "--quiet", "--template=", "--object-format="+format); err != nil {
		return err
	}
	info := filepath.Join(top, ".git", "objects", "info")
	if err := os.MkdirAll(info, 0o777); err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	if err := os.WriteFile(filepath.Join(info, "alternates"), []byte(objects+"\n"), 0o666); err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	// Where the history of a shallow repository ends.
	switch ends, err := os.ReadFile(shallow); {
	case err == nil:
		if err := os.WriteFile(filepath.Join(top, ".git", "shallow"), ends, 0o666); err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("gobuild: %w", err)
	}
	if r.Source.Tag != "" {
		if _, err := g.git(ctx, "update-ref", "refs/tags/"+r.Source.Tag, r.Source.TagCommit.Hex()); err != nil {
			return err
		}
	}
	_, err = g.git(ctx, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit)
	return err
}

// getenv returns the environment of a rebuild.
func (r *Recipe) getenv(o RebuildOptions, top, temp string) func(string) string {
	return func(name string) string {
		switch name {
		case "GOENV", "GOPROXY":
			return "off"
		case "GOTMPDIR": // a go command that is killed leaves something there
			return temp
		case "GOTOOLCHAIN":
			return "local"
		case "GOFLAGS":
			return "-mod=" + r.Mod
		case "GOWORK":
			if r.Work == "" {
				return "off"
			}
			return filepath.Join(top, filepath.FromSlash(r.Work))
		case "GOCACHE":
			if o.FreshCache {
				return filepath.Join(temp, "cache")
			}
		}
		if slices.Contains(buildVariables(), name) {
			return r.Env[name]
		}
		return o.Getenv(name)
	}
}

func (r *Recipe) generated() []Generated {
	var gs []Generated
	for _, name := range r.Generated {
		gs = append(gs, Generated{name, "the recipe says that it is generated"})
	}
	return gs
}

// sameModules compares the modules of the recipe with those that are used.
func (r *Recipe) sameModules(p *SourceProof) error {
	has := make(map[string]hallmark.Digest)
	if r.Mod == "readonly" {
		for _, m := range p.Modules {
			has[m.Path+"@"+m.Version] = m.Sum
		}
	}
	var errs []error
	for _, m := range r.Modules {
		key := m.Path + "@" + m.Version
		if sum := has[key]; sum != m.Sum {
			errs = append(errs, fmt.Errorf("gobuild: the recipe has the module %s with %s, the checkout with %s", key, m.Sum, cmp.Or(sum.String(), "nothing")))
		}
		delete(has, key)
	}
	for key := range has {
		errs = append(errs, fmt.Errorf("gobuild: the checkout uses the module %s, which the recipe does not have", key))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// stamped reports whether the go command is to ask git for a commit.
func stamped(flags []string) bool {
	v, _ := flag(flags, "buildvcs")
	return v != "false" && v != "0"
}

// Build returns how r.Artifact was made, as the provenance of a second builder,
// which the URI names: who it is must be known, because two provenances of one
// builder are worth no more than one. Its type is [RebuildBuildType].
func (r *Rebuilt) Build(builder string) (*provenance.Build, error) {
	source := map[string]any{}
	s := provenance.Source{
		Repository: r.Recipe.Source.Repository, Ref: r.Recipe.Source.Ref, Commit: r.Recipe.Source.Commit,
		RepositoryFrom: provenance.Git, CommitFrom: provenance.Git,
	}
	if s.Repository != "" {
		source["repository"] = s.Repository
		// It was rebuilt from a copy of which only the commit is known.
		s.RepositoryFrom = provenance.Caller
	}
	if s.Ref != "" {
		source["ref"] = s.Ref
	}
	how := r.Recipe.value()
	for _, name := range []string{"source", "settings", "modules"} {
		delete(how, name)
	}
	b := &provenance.Build{
		Type:     RebuildBuildType,
		Builder:  builder,
		External: map[string]any{"source": source, "go": how},
		Evidence: map[string]provenance.Evidence{"builder": provenance.Caller, "source.commit": provenance.Git, "source.repository": provenance.Caller},
	}
	if d, ok := s.Descriptor(); ok {
		b.Dependencies = append(b.Dependencies, d)
	}
	for _, m := range r.Source.Modules {
		b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{URI: purl.Golang(m.Path, m.Version), Digest: provenance.NewDigestSet(m.Sum)})
	}
	b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{URI: purl.Golang("stdlib", strings.TrimPrefix(buildinfo.Release(r.Recipe.Go), "go"))})
	for _, f := range r.Source.Files {
		if f.Outcome == Declared {
			b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{
				Name: f.Path, Digest: provenance.NewDigestSet(f.Digest), Annotations: map[string]any{annotationGenerated: f.Why},
			})
		}
	}
	recipe, err := r.Recipe.Marshal()
	if err != nil {
		return nil, err
	}
	d, err := byproduct(RecipeName, recipe)
	if err != nil {
		return nil, err
	}
	b.Byproducts = append(b.Byproducts, d)
	return b, nil
}

// VSA returns what a rebuild verifies: that the artifact has the property
// [GoRebuilt], or, if it was not reproduced, that it failed. verifier is the URI
// of whoever rebuilt, resource where the artifact is to be had. The policy is the
// recipe. inputs are the attestations that the recipe is from, with their digests.
func (r *Rebuilt) VSA(verifier, resource string, when time.Time, inputs ...provenance.ResourceDescriptor) (*provenance.VSA, error) {
	recipe, err := r.Recipe.Marshal()
	if err != nil {
		return nil, err
	}
	d, err := byproduct(RecipeName, recipe)
	if err != nil {
		return nil, err
	}
	v := &provenance.VSA{
		Verifier:          provenance.Agent{ID: verifier},
		TimeVerified:      when,
		ResourceURI:       resource,
		Policy:            provenance.ResourceDescriptor{URI: RebuildBuildType, Digest: d.Digest},
		InputAttestations: inputs,
		Result:            provenance.Failed,
		VerifiedLevels:    []string{string(provenance.Failed)},
	}
	if r.Reproduced() {
		v.Result, v.VerifiedLevels = provenance.Passed, []string{GoRebuilt}
	}
	return v, nil
}

// A Vouched is a statement with what its verifier knows of where it is from. None
// of it can be taken from the statement.
type Vouched struct {
	Statement *provenance.Statement // verified

	// Signer is the identity that signed it, as the verification has found it:
	// the URI of a certificate, the fingerprint of a key.
	Signer string

	// Operator is who runs the builder, as the verifier knows: "github.com",
	// "our own machines". Builders of one operator are not independent.
	Operator string

	// Trusted says that the verifier trusts this signer to speak for this
	// builder.
	Trusted bool
}

// Reproduced decides whether an artifact may have the property
// [provenance.BuildReproduced] of SLSA: two builders, independently operated and
// each trusted by the verifier, have made the artifact and say so. It returns
// nil if it may, and else everything that is against it. What is not said is
// against it: the zero Vouched is never enough.
//
// Both statements must be SLSA Build provenance of the artifact, by different
// builders, of different operators, with different signers, both trusted, made of
// the same commit, which was not modified.
//
// https://slsa.dev/spec/v1.2/verified-properties
func Reproduced(artifact hallmark.Artifact, a, b Vouched) error {
	var errs []error
	against := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("gobuild: not reproduced: "+format, args...))
		}
	}
	want := artifact.Digest("sha256")
	against(want.IsZero(), "the artifact has no SHA-256")
	var builds [2]provenance.Build
	for i, v := range []Vouched{a, b} {
		which := [2]string{"first", "second"}[i]
		against(!v.Trusted, "the %s builder is not trusted", which)
		against(v.Signer == "", "who signed the %s statement is not known", which)
		against(v.Operator == "", "who operates the %s builder is not known", which)
		if v.Statement == nil {
			against(true, "there is no %s statement", which)
			continue
		}
		build, err := provenance.ParseBuild(v.Statement)
		if err != nil {
			against(true, "the %s statement: %w", which, err)
			continue
		}
		builds[i] = *build
		against(!slices.ContainsFunc(v.Statement.Subjects, func(d provenance.ResourceDescriptor) bool {
			return !want.IsZero() && d.Digest["sha256"] == want.Hex()
		}), "the %s statement is not about the artifact", which)
		against(build.Builder == "", "the %s statement names no builder", which)
		s, _ := build.Source()
		against(s.Commit.IsZero(), "the %s statement does not tell the commit", which)
		against(s.Modified, "the source of the %s statement was modified", which)
	}
	against(a.Signer != "" && a.Signer == b.Signer, "both statements are signed by %s", a.Signer)
	against(a.Operator != "" && strings.EqualFold(a.Operator, b.Operator), "both builders are operated by %s", a.Operator)
	against(builds[0].Builder != "" && builds[0].Builder == builds[1].Builder, "both statements are of the builder %s", builds[0].Builder)
	s, _ := builds[0].Source()
	u, _ := builds[1].Source()
	against(!s.Commit.IsZero() && !u.Commit.IsZero() && s.Commit != u.Commit, "the statements are of two commits, %s and %s", s.Commit.Hex(), u.Commit.Hex())
	return errors.Join(errs...)
}

// ReproducedVSA returns v with the property [provenance.BuildReproduced], if
// [Reproduced] allows it. v must have passed.
func ReproducedVSA(v provenance.VSA, artifact hallmark.Artifact, a, b Vouched) (*provenance.VSA, error) {
	if err := Reproduced(artifact, a, b); err != nil {
		return nil, err
	}
	if v.Result != provenance.Passed {
		return nil, fmt.Errorf("gobuild: the result is %q, want %q", string(v.Result), string(provenance.Passed))
	}
	if !slices.Contains(v.VerifiedLevels, provenance.BuildReproduced) {
		v.VerifiedLevels = append(slices.Clip(v.VerifiedLevels), provenance.BuildReproduced)
	}
	return &v, nil
}
