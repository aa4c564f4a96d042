// Package gobuild ties a Go program to the commit that it was built from, and
// builds it again.
//
// Four things tell of a program where it is from: what it says of itself in its
// build information, the checkout, the files that the compiler read, and what
// the platform says. Each can be wrong while the others look right. The go
// command stamps a program with the commit of another repository, and as not
// modified, if it builds in a worktree or a submodule that lies in one; it does not
// see edits that git was told to overlook, nor files that git ignores; and a binary
// in dist can be from last week.
//
// # The source
//
// [ProveSource] compares every file that decides what is built with the blob of
// the commit, in the repository that the module itself is of. What comes of each
// file is an [Outcome]:
//
//	match      the bytes are the blob's
//	converted  git makes the bytes of the blob: other line ends, or LFS
//	declared   the caller says that the build generates it, and why
//	differs    the commit has other bytes
//	untracked  the commit does not have it: new, ignored or hidden
//	outside    it is not in the checkout
//	unknown    a filter lies between, or a submodule's commit is not there
//
// The last four are deviations, and an error unless they are allowed. Modules of
// the module cache are pinned by go.sum, which is one of the files.
//
// # The binding
//
// [Bind] holds the program against all of that, link by link: program, main
// module, module version, commit, modified, commit time, toolchain, settings and
// modules by its build information; source by the proof; claim commit, claim
// repository and claim ref by the Build that was observed; workflow by the blob of
// its file. A link is a match, a mismatch, which is an error, or unknown, which is
// recorded and never taken for a match. [Binding.Record] adds what was found to the
// Build; [Attach] adds what the binary says of itself, without a proof.
//
// Whoever has the binary can change its build information, so that it is no
// better evidence than the binary itself. A contradiction, though, is news.
//
// # The recipe
//
// What ties the bytes to the source is that the source gives these bytes. With
// -trimpath a Go program can be built again anywhere, if it is known how; but
// its build information has neither -ldflags nor CGO_CFLAGS then, nor what
// "go env -w" had set, nor whether the tags were there that decide its version. A
// [Recipe] has all of that, without secrets and without paths of the machine:
//
//	{"dir":".","env":{"CGO_ENABLED":"0","GOAMD64":"v1","GOARCH":"amd64","GOOS":"linux"},
//	 "flags":["-trimpath"],"go":"go1.26.8","mod":"readonly","module":"example.com/app",
//	 "modules":[{"path":"golang.org/x/mod","sum":"dirHash:9f86…","version":"v0.42.0"}],
//	 "package":"example.com/app","settings":{},"source":{"commit":"gitCommit:283b…",
//	 "repository":"https://example.com/app","tag":"v1.2.3","tagCommit":"gitCommit:283b…"},
//	 "version":"v1.2.3"}
//
// [Rebuild] follows it offline in another directory. A [Rebuilt] is the second
// provenance of the same bytes, or says in which setting, module, section or byte
// they differ. When two builders that have nothing to do with each other have made
// an artifact, [Reproduced] says so, and else why not.
//
// # A release
//
// In the order in which a release does it, errors left out:
//
//	checkout, _ := git.Inspect(ctx, ".", os.Getenv)
//	o := gobuild.Options{Getenv: os.Getenv, Flags: []string{"-trimpath"}}
//	source, _ := gobuild.ProveSource(ctx, ".", []string{"./cmd/app"}, o)
//	// go build -trimpath -o dist/app ./cmd/app
//	_ = source.Recheck(ctx)
//	build, _ := github.Observe(os.Getenv, claims)
//	binding, _ := gobuild.Bind(ctx, "dist/app", gobuild.Parts{
//		Getenv: os.Getenv, Source: source, Checkout: checkout, Build: build,
//	})
//	recipe, _ := source.Recipe(ctx, source.Packages[0], checkout.Source(git.Options{}))
//	_ = binding.Record(build, *recipe)
//	statement, _ := build.Statement(binding.Artifact)
package gobuild

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
)

// Attach adds to b what info says of the binary that b made:
//
//   - each linked module as a dependency, "pkg:golang/<path>@<version>", with its
//     sum as dirHash where go.sum had one; of a replaced module the replacement;
//   - the standard library as a dependency without a digest, and without a
//     version if Go was no release;
//   - a byproduct with the package, the Go version, the settings and r, as JSON:
//     its digest, and its content if that is under 1 KiB.
//
// A module that is a directory beside the source, replaced by one or of a
// workspace, is left out: it has no name for others. Of the settings those are
// recorded that can hold neither secrets nor paths of the building machine:
// -ldflags, CGO_CFLAGS and their like are left out, as is the commit, which b
// has.
//
// If the source of b is known and info names another commit, or says that files
// were modified where b says that they were not, or the other way round, the
// error is a [*MismatchError]. A binary that names no commit is not an error; a
// Build that has a recipe already is one. b is not changed if there is an error.
func Attach(b *provenance.Build, info *debug.BuildInfo, r Recipe) error {
	if b == nil || info == nil {
		return errors.New("gobuild: no build or no build information")
	}
	if e := stamps(b, info); e != nil {
		return e
	}
	return attach(b, info, r)
}

// stamps returns a [*MismatchError] if info contradicts the source of b.
func stamps(b *provenance.Build, info *debug.BuildInfo) error {
	settings := settingsOf(info)
	source, _ := b.Source()
	if settings["vcs.revision"] == "" || source.Commit.IsZero() {
		return nil
	}
	e := new(MismatchError)
	for _, l := range []Link{
		{Name: Commit, Got: settings["vcs.revision"], Want: source.Commit.Hex()},
		{Name: Modified, Got: settings["vcs.modified"], Want: fmt.Sprint(source.Modified)},
	} {
		if l.Got != l.Want {
			l.Status, l.Evidence = Mismatched, provenance.Binary
			e.Links = append(e.Links, l)
		}
	}
	if e.Links == nil {
		return nil
	}
	return e
}

// attach is Attach without a look at the source.
func attach(b *provenance.Build, info *debug.BuildInfo, r Recipe) error {
	for _, d := range b.Byproducts {
		if d.Name == RecipeName {
			return errors.New("gobuild: the build has a recipe already")
		}
	}

	var dependencies []provenance.ResourceDescriptor
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		if isDirectory(m) {
			continue
		}
		d := provenance.ResourceDescriptor{URI: purl.Golang(m.Path, m.Version)}
		if m.Sum != "" {
			h1, err := hallmark.ParseH1(m.Sum)
			if err != nil {
				return fmt.Errorf("gobuild: module %s: %w", m.Path, err)
			}
			d.Digest = provenance.NewDigestSet(h1)
		}
		dependencies = append(dependencies, d)
	}
	dependencies = append(dependencies, provenance.ResourceDescriptor{URI: purl.Golang("stdlib", strings.TrimPrefix(buildinfo.Release(info.GoVersion), "go"))})

	recipe, err := r.With(info).Marshal()
	if err != nil {
		return err
	}
	d, err := byproduct(RecipeName, recipe)
	if err != nil {
		return err
	}
	b.Dependencies = append(slices.Clip(b.Dependencies), dependencies...)
	b.Byproducts = append(slices.Clip(b.Byproducts), d)
	return nil
}
