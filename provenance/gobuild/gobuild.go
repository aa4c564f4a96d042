// Package gobuild adds to a Build what a finished Go binary says of itself.
//
// A Go binary carries build information: the modules that are linked into it
// with their sums, the Go version, settings, and, if it was built in a git
// checkout with -buildvcs=true, the commit. [Attach] holds it against the
// source that the Build names and records the rest as dependencies and as a
// byproduct. The build type and the parameters of the platform stay as they
// are.
//
// Whoever has the binary can change its build information, so that it is no
// better evidence than the binary itself. A contradiction, though, is news.
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
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if source, _ := b.Source(); settings["vcs.revision"] != "" && !source.Commit.IsZero() {
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
		if e.Links != nil {
			return e
		}
	}

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

	r = r.with(info.GoVersion, info.Path, settings)
	if err := r.Check(); err != nil {
		return err
	}
	d, err := byproduct(RecipeName, r.value())
	if err != nil {
		return err
	}
	b.Dependencies = append(slices.Clip(b.Dependencies), dependencies...)
	b.Byproducts = append(slices.Clip(b.Byproducts), d)
	return nil
}
