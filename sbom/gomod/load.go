package gomod

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Options say what [Load] describes. Getenv or ModCache is required.
type Options struct {
	// Getenv gives the environment, usually os.Getenv. Variables that the go
	// command knows have the meaning that they have there, with the
	// exceptions that Load names. Without it the environment is empty.
	Getenv func(string) string

	// Packages are the packages to describe, as arguments of the go command:
	// "./cmd/app", an import path, a pattern. They must all be of one module.
	// None means "./...", all packages in the directory and below it. For the
	// Document of one binary it is the one main package.
	Packages []string

	// GOOS and GOARCH are the target. Empty means what the go command would
	// build for.
	GOOS, GOARCH string

	// CGO is "1" if packages are built with cgo, "0" if without it. Empty means
	// what the go command would do.
	CGO string

	// Tags are build tags. None means those that GOFLAGS has.
	Tags []string

	// GoVersion is the release of the Go toolchain that builds ("go1.26.8").
	// Empty means that of the toolchain that is found.
	GoVersion string

	// ModCache is the directory of the module cache. Empty means that of the
	// go command.
	ModCache string

	// Version is the version of the main module, if the caller knows it: the
	// sources do not say which version they are.
	Version string
}

// Load returns the modules that are linked into the packages asked for, in the
// module that dir is in, for one target. The Document's Phase is
// [sbom.PreBuild] and its edges are complete. What it reads, and what it does
// not check, the package comment tells.
//
// What is not in the module cache is an error that names each module that is
// missing and the file that was looked for; a module of which only the zip is
// there is missing too. So is what is not in go.sum or go.work.sum an error, any
// package that cannot be loaded, one that two modules have, and a go.mod that the
// go command would have to change: a Document has all modules or does not exist.
// The other errors are that both Getenv and ModCache are missing, a directory
// without a module, packages of several modules or of the standard library,
// malformed files, settings that are not supported, and a bound that is exceeded.
func Load(ctx context.Context, dir string, o Options) (*sbom.Document, error) {
	if o.Getenv == nil && o.ModCache == "" {
		return nil, errors.New("gomod: Options.Getenv is nil, and Options.ModCache is empty")
	}
	d, err := load(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	return d, nil
}

func load(ctx context.Context, dir string, o Options) (*sbom.Document, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	s, err := readSettings(o)
	if err != nil {
		return nil, err
	}
	ms, err := readMains(dir, s)
	if err != nil {
		return nil, err
	}
	l, err := newLoader(ms, s)
	if err != nil {
		return nil, err
	}
	patterns := o.Packages
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	goVersion := buildinfo.Release(s.goVersion)
	if goVersion == "" {
		goVersion = "go" + ms.goVersion()
	}
	t := newTarget(s, goVersion)
	packages, err := l.load(ctx, dir, patterns, t)
	if err != nil {
		return nil, err
	}
	d, err := l.document(packages, o)
	if err != nil {
		return nil, err
	}
	if s.goVersion == "" {
		d.Unknown = append(d.Unknown, "the Go toolchain: build constraints are read as for "+goVersion+", which go.mod asks for")
	} else if buildinfo.Release(s.goVersion) == "" {
		d.Unknown = append(d.Unknown, "the release of the Go toolchain: build constraints are read as for "+goVersion+", which go.mod asks for")
	}
	if t.asked.Load() {
		d.Unknown = append(d.Unknown, "which experiments the Go toolchain has by default, on which the choice of a file depends")
	}
	return d, nil
}

// document makes a Document of packages: the modules that they are from, and
// the imports from one module to another.
func (l *loader) document(packages []*pkg, o Options) (*sbom.Document, error) {
	d := &sbom.Document{Phase: sbom.PreBuild}

	// The packages asked for are of the module that the Document is about.
	// Files that were asked for by name are of none.
	roots := make(map[string]bool)
	isProgram := false
	for _, p := range packages {
		if !p.root {
			continue
		}
		roots[p.module()] = true
		if p.name == "main" {
			isProgram = true
			d.Properties = append(d.Properties, sbom.Property{Name: "Path", Value: p.path})
		}
	}
	if len(roots) > 1 {
		return nil, fmt.Errorf("packages of %d modules are asked for (%s), want those of one",
			len(roots), strings.Join(slices.Sorted(maps.Keys(roots)), ", "))
	}
	var mainName string
	for mainName = range roots { // one
	}

	// One component for each module that a package is from.
	mode := "module"
	if l.mains.work != nil {
		mode = "workspace"
	}
	trees := make(map[string]*tree)
	usesCgo := false
	for _, p := range packages {
		usesCgo = usesCgo || p.cgo
		if p.tree == nil {
			continue
		}
		trees[p.tree.module.Path] = p.tree
		if l.vendor != nil && l.mains.find(p.tree.module.Path) == nil {
			mode = "vendor"
		}
	}
	refs := make(map[string]string) // of a module's path
	taken := make(map[string]bool)
	for _, path := range slices.Sorted(maps.Keys(trees)) {
		m, err := l.module(trees[path])
		if err != nil {
			return nil, err
		}
		if path == mainName {
			m.origin = ""
			if m.version == "" {
				m.version = o.Version
			} else if o.Version != "" && o.Version != m.version {
				return nil, fmt.Errorf("module %s has version %s, not %s", path, m.version, o.Version)
			}
		}
		c, err := m.component()
		if err != nil {
			return nil, err
		}
		c.Requirements = sbom.Complete
		setRef(&c, taken)
		refs[path] = c.Ref
		if path == mainName {
			d.Main = c
		} else {
			d.Components = append(d.Components, c)
		}
	}
	if trees[mainName] == nil {
		d.Main = sbom.Component{Ref: mainName, Name: mainName, Version: o.Version, Scope: sbom.Runtime, Requirements: sbom.Complete}
		refs[mainName] = mainName
		d.Unknown = append(d.Unknown, unknownModule)
	}
	d.Main.Type = sbom.Library
	if isProgram {
		d.Main.Type = sbom.Application
	}
	s := l.settings
	std := stdlib(s.goVersion)
	std.Requirements = sbom.Complete
	d.Components = append(d.Components, std, toolchain(s.goVersion, s.host()))

	// Edges are the imports that cross from one component to another.
	owner := make(map[string]string, len(packages)) // of a package's path, a Ref
	for _, p := range packages {
		owner[p.path] = refs[p.module()]
	}
	edges := make(map[sbom.Edge]bool)
	for _, p := range packages {
		from := owner[p.path]
		for _, path := range p.imports {
			to, ok := owner[path]
			if !ok {
				to = std.Ref
			}
			if from != to {
				edges[sbom.Edge{From: from, To: to}] = true
			}
		}
	}
	if isProgram {
		// The runtime is linked into every program and imported by none.
		edges[sbom.Edge{From: d.Main.Ref, To: std.Ref}] = true
	}
	d.Edges = slices.Collect(maps.Keys(edges))

	cgo := "0"
	if s.cgo {
		cgo = "1"
	}
	for _, p := range []sbom.Property{
		{Name: "GoVersion", Value: s.goVersion},
		{Name: "mode", Value: mode},
		{Name: "GOOS", Value: s.goos},
		{Name: "GOARCH", Value: s.goarch},
		{Name: archVariable(s.goarch), Value: s.arch},
		{Name: "CGO_ENABLED", Value: cgo},
		{Name: "GOEXPERIMENT", Value: s.experiment},
		{Name: "GOFIPS140", Value: s.fips},
		{Name: "-tags", Value: strings.Join(s.tags, ",")},
	} {
		if p.Value != "" {
			d.Properties = append(d.Properties, p)
		}
	}

	if d.Main.Version == "" {
		d.Unknown = append(d.Unknown, unknownVersion)
	}
	if mode == "vendor" {
		d.Unknown = append(d.Unknown, "whether the files in vendor are those of the modules that they are said to be from")
	}
	switch {
	case usesCgo:
		d.Unknown = append(d.Unknown, "which C libraries are linked by the packages that use cgo")
	case s.cgo:
		d.Unknown = append(d.Unknown, unknownCLibs) // by the standard library
	}
	return d, d.Sort()
}

// module returns the path of the module that p is from.
func (p *pkg) module() string {
	if p.tree == nil {
		return p.path
	}
	return p.tree.module.Path
}

// module returns the module whose files are in t. The name of a directory that
// replaces a module is read from its go.mod.
func (l *loader) module(t *tree) (moduleUse, error) {
	m := moduleUse{path: t.module.Path, version: t.module.Version}
	if l.mains.find(m.path) != nil {
		m.origin = "workspace"
		return m, nil
	}
	actual := t.module
	if to := t.replaced; to.Path != "" {
		actual = to
		m = moduleUse{path: to.Path, version: to.Version, replacedPath: t.module.Path, replacedVersion: t.module.Version}
		if to.Version == "" {
			m.path = t.module.Path
			m.origin = "directory"
			m.directory = to.Path
			name, err := moduleName(l.replacedDir(to.Path))
			if err != nil {
				return moduleUse{}, err
			}
			if name != "" {
				m.path = name
			}
		}
	}
	if l.vendor != nil {
		m.origin = "vendor"
	} else if m.version != "" {
		m.sum = l.cache.sums.of(actual)
	}
	if m.version != "" {
		m.private = l.settings.coveredBy("GONOSUMDB", m.path)
		m.direct = l.settings.coveredBy("GONOPROXY", m.path)
	}
	return m, nil
}
