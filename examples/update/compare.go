package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/input"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/license"
)

// A side is what one of the arguments is about.
type side struct {
	path    string
	kind    input.Kind
	doc     *sbom.Document
	options gomod.Options // of a directory
}

// read reads a directory, a binary or a document, and finds the licences of what is in
// the first two.
func (c *command) read(ctx context.Context, progress *cli.Progress, path string) (*side, error) {
	progress.Step("reading %s", path)
	kind, err := input.KindOf(path)
	if err != nil {
		return nil, err
	}
	s := &side{path: path, kind: kind}
	dir := ""
	switch kind {
	case input.Document:
		s.doc, _, err = input.ReadDocument(path)
		return s, err
	case input.Directory:
		dir = path
		s.options = gomod.Options{Getenv: os.Getenv, Tests: c.tests, Tools: c.tools, Cache: &memory{}}
		s.doc, err = gomod.Load(ctx, path, s.options)
	default:
		f, ferr := os.Open(path)
		if ferr != nil {
			return nil, ferr
		}
		defer f.Close()
		s.doc, err = gomod.ReadBinary(f, gomod.BinaryOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	places, err := gomod.Locate(dir, os.Getenv)
	if err != nil {
		return nil, err
	}
	err = gomod.AddLicenses(ctx, s.doc, new(license.Scanner), gomod.LicenseOptions{
		Places:   *places,
		Progress: func(done, total int) { progress.Step("looking for licences in %d of %d modules", done, total) },
	})
	return s, err
}

// compare reports what is not the same on two sides.
func (c *command) compare(ctx context.Context, progress *cli.Progress, old, new *side) (*Report, error) {
	diff, err := sbom.Diff(old.doc, new.doc)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	var pairs []*pair
	for _, d := range diff {
		was, is := old.doc.Component(d.OldRef), new.doc.Component(d.NewRef)
		switch d.Kind {
		case sbom.Tampered:
			r.find("tampered", d.Name, d.Version, "%s %s → %s", d.What, d.Old, d.New)
		case sbom.MainChanged:
			r.find("main", d.Name, d.Version, "%s → %s", d.Old, d.New)
		case sbom.Replaced:
			r.find("replaced", d.Name, d.Version, "%s %s → %s", d.What, cmp.Or(d.Old, "none"), cmp.Or(d.New, "none"))
		case sbom.VersionChanged:
			if is == &new.doc.Main {
				continue // it is what the update is of
			}
			u := &Update{Name: d.Name, Old: d.Old, New: d.New, Number: promise(d.Old, d.New), OldLicence: declared(was), NewLicence: declared(is)}
			r.Updates = append(r.Updates, u)
			if u.Number == Older {
				r.find("older", d.Name, d.Version, "%s was used before", d.Old)
			}
			pairs = append(pairs, &pair{update: u, was: was, is: is})
		case sbom.LicenseChanged:
			// Who has not looked does not know of another licence.
			if (d.What == "declared" || d.What == "concluded") && was.Licenses != nil && is.Licenses != nil {
				r.find("licence", d.Name, d.Version, "%s %s → %s", d.What, cmp.Or(d.Old, "unknown"), cmp.Or(d.New, "unknown"))
			}
		case sbom.Added:
			m := Module{Name: d.Name, Version: d.Version, Licence: declared(is)}
			m.Why, err = new.why(ctx, is)
			r.Added = append(r.Added, m)
		case sbom.Removed:
			m := Module{Name: d.Name, Version: d.Version, Licence: declared(was)}
			m.Why, err = old.why(ctx, was)
			r.Removed = append(r.Removed, m)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}

	if err := c.compareAll(ctx, progress, r, pairs); err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, o := range old.doc.All() {
		known[origin(o)] = true
	}
	for _, n := range new.doc.All()[1:] {
		if from := origin(n); !known[from] {
			r.find("origin", n.Name, n.Version, "nothing was from %s before", from)
		}
	}
	r.sort()
	return r, nil
}

// declared returns what is declared, or else concluded, of a licence.
func declared(c *sbom.Component) string {
	if c.Licenses == nil {
		return ""
	}
	return cmp.Or(c.Licenses.Declared, c.Licenses.Concluded)
}

// why returns a chain to a component.
func (s *side) why(ctx context.Context, c *sbom.Component) ([]string, error) {
	if s.kind == input.Directory && isModule(c) {
		reason, err := gomod.Why(ctx, s.path, s.options, c.Name)
		if err != nil {
			return nil, err
		}
		if len(reason.Imports) > 0 {
			return reason.Imports, nil
		}
	}
	var names []string
	for _, ref := range s.doc.Why(c.Ref) {
		names = append(names, s.doc.Component(ref).Name)
	}
	return names, nil
}

// isModule reports whether c is a Go module that somebody publishes, and not the
// standard library or the toolchain.
func isModule(c *sbom.Component) bool {
	return strings.HasPrefix(c.PURL, "pkg:golang/") && c.Name != "golang.org/toolchain" && module.CheckPath(c.Name) == nil
}

// origin returns who a component is from: the host and, where anybody can have
// a part of it, that part.
func origin(c *sbom.Component) string {
	if !strings.HasPrefix(c.PURL, "pkg:golang/") && c.PURL != "" {
		name, _, _ := strings.Cut(c.PURL, "?")
		name, _, _ = strings.Cut(name, "#")
		return path.Dir(name)
	}
	host, rest, _ := strings.Cut(c.Name, "/")
	switch host {
	case "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht", "gitee.com":
		org, _, _ := strings.Cut(rest, "/")
		return host + "/" + org
	case "gopkg.in":
		org, _, _ := strings.Cut(rest, "/")
		org, _, _ = strings.Cut(org, ".v")
		return host + "/" + org
	}
	if !strings.Contains(host, ".") {
		return "the Go distribution"
	}
	return host
}

// A Promise is what a version number says of an update.
type Promise string

// The promises.
const (
	Patch      Promise = "patch" // what compiled compiles
	Minor      Promise = "minor" // what compiled compiles
	Major      Promise = "major"
	Initial    Promise = "v0" // anything may change
	Prerelease Promise = "pre-release"
	Older      Promise = "older"
	NoNumber   Promise = "none" // one of them is no version, or not one of this kind
)

// promise returns what the versions of a module say of an update.
//
// https://semver.org/spec/v2.0.0.html, items 4 and 6 to 9
func promise(old, new string) Promise {
	for _, v := range []*string{&old, &new} {
		// Of the standard library, and of modules in documents of others.
		*v = "v" + strings.TrimPrefix(strings.TrimPrefix(*v, "go"), "v")
	}
	switch {
	case !semver.IsValid(old) || !semver.IsValid(new):
		return NoNumber
	case semver.Compare(new, old) < 0:
		return Older
	case semver.Major(old) != semver.Major(new):
		return Major
	case semver.Major(old) == "v0":
		return Initial
	case semver.Prerelease(old)+semver.Prerelease(new) != "":
		return Prerelease
	case semver.MajorMinor(old) == semver.MajorMinor(new):
		return Patch
	}
	return Minor
}

// A memory is a cache for as long as the program runs.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

// Get returns the value of a key, if there is one.
func (m *memory) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	return value, ok
}

// Put keeps a value.
func (m *memory) Put(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	m.values[key] = slices.Clone(value)
}
