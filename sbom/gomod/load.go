package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/module"

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

	// Targets are what is built for. None means one, which is what the go
	// command would build for. With several, the Document is the [sbom.Union]
	// of theirs.
	Targets []Target

	// Tests adds the modules that only tests of the packages need, with the
	// scope [sbom.TestOnly].
	Tests bool

	// Tools adds the modules that only the tools need that the go.mod of the
	// main module names, with the scope [sbom.ToolOnly]. Tools are for the system
	// that Load runs on.
	Tools bool

	// Graph adds all other modules that go.mod files require, with the scope
	// [sbom.GraphOnly], and what requires what, as edges of the kind
	// [sbom.Declared]. Vendor directories do not tell this: it is an error.
	Graph bool

	// Embedded adds the files that packages embed, with their digests.
	Embedded bool

	// ModCache is the directory of the module cache. Empty means that of the
	// go command.
	ModCache string

	// Version is the version of the main module, if the caller knows it: the
	// sources do not say which version they are.
	Version string

	// VersionFrom says where the caller has Version from, for the property
	// versionFrom: "vcs" if it is what the version control system tells, as
	// InspectModule of provenance/git does, or "caller", which is what empty
	// means. Anything else is an error.
	VersionFrom string

	// Cache, if there is one, makes a second Load of the same modules faster.
	Cache Cache
}

// A Target is what packages are built for. What is empty is what the go command
// would take.
type Target struct {
	// GOOS and GOARCH are the system, as "go tool dist list" names it.
	GOOS, GOARCH string

	// CGO is "1" if packages are built with cgo, "0" if without it.
	CGO string

	// Tags are build tags, instead of those that GOFLAGS has.
	Tags []string

	// GoVersion is the release of the Go toolchain that builds ("go1.26.8"),
	// instead of that of the toolchain that is found.
	GoVersion string

	// Experiment is a value of GOEXPERIMENT ("jsonv2,nodwarf5").
	Experiment string
}

// Load returns the modules that are linked into the packages asked for, in the
// module that dir is in. The Document's Phase is [sbom.PreBuild] and its edges are
// complete. What it reads, and what it does not check, the package comment tells.
//
// What is not in the module cache is an error that names each module that is
// missing and the file that was looked for. So is what is not in go.sum or
// go.work.sum an error, any package that cannot be loaded, one that two modules
// have, and a go.mod that the go command would have to change: a Document has all
// modules or does not exist. The other errors are that both Getenv and ModCache are
// missing, a directory without a module, packages of several modules or of the
// standard library, malformed files, settings that are not supported, targets of
// which two are the same, and a bound that is exceeded.
func Load(ctx context.Context, dir string, o Options) (*sbom.Document, error) {
	if o.Getenv == nil && o.ModCache == "" {
		return nil, errors.New("gomod: Options.Getenv is nil, and Options.ModCache is empty")
	}
	o.VersionFrom = cmp.Or(o.VersionFrom, fromCaller)
	if o.VersionFrom != fromCaller && o.VersionFrom != fromVCS {
		return nil, fmt.Errorf("gomod: Options.VersionFrom is %q, want %q or %q", o.VersionFrom, fromCaller, fromVCS)
	}
	src := &sources{cache: o.Cache}
	d, err := loadTargets(ctx, dir, o, src)
	if cerr := src.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	return d, nil
}

func loadTargets(ctx context.Context, dir string, o Options, src *sources) (*sbom.Document, error) {
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
	targets := o.Targets
	if len(targets) == 0 {
		targets = make([]Target, 1)
	}
	if len(targets) > maxTargets {
		return nil, fmt.Errorf("%d targets, want at most %d", len(targets), maxTargets)
	}
	variants := make([]*variant, len(targets))
	for i, t := range targets {
		if variants[i], err = loadTarget(ctx, dir, o, t, src); err != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	names := variantNames(variants)
	docs := make(map[string]*sbom.Document, len(variants))
	for i, v := range variants {
		if docs[names[i]] != nil {
			return nil, fmt.Errorf("two targets are %s", names[i])
		}
		if docs[names[i]], err = v.document(ctx, o); err != nil {
			return nil, err
		}
	}
	if len(docs) == 1 {
		return docs[names[0]], nil
	}
	return sbom.Union(docs)
}

// A variant is what Load knows of one target.
type variant struct {
	*loader
	selector  *selector
	goVersion string // whose build constraints are met
	packages  []*pkg // those asked for, their tests, and all that they import
	tools     []*pkg // the same of tools
}

func loadTarget(ctx context.Context, dir string, o Options, t Target, src *sources) (*variant, error) {
	s, err := readSettings(o, t)
	if err != nil {
		return nil, err
	}
	ms, err := readMains(dir, s)
	if err != nil {
		return nil, err
	}
	v := new(variant)
	if v.loader, err = newLoader(ms, s, src); err != nil {
		return nil, err
	}
	patterns := o.Packages
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	if v.goVersion = buildinfo.Release(s.goVersion); v.goVersion == "" {
		v.goVersion = "go" + ms.goVersion()
	}
	v.selector = newSelector(s, v.goVersion)
	if v.packages, err = v.load(ctx, dir, patterns, v.selector, o.Tests); err != nil {
		return nil, err
	}
	if o.Tools {
		v.tools, err = v.loadTools(ctx, dir, o, t)
	}
	return v, err
}

// loadTools returns the tools of the module that the packages are from, and all
// that they import. The go command builds them for itself.
func (v *variant) loadTools(ctx context.Context, dir string, o Options, t Target) ([]*pkg, error) {
	var tools []string
	main := v.mains.find(v.root())
	if main == nil {
		return nil, nil
	}
	for _, tool := range main.file.Tool {
		tools = append(tools, tool.Path)
	}
	if len(tools) == 0 {
		return nil, nil
	}
	o.Targets = nil
	s, err := readSettings(o, Target{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Tags: t.Tags, GoVersion: t.GoVersion, Experiment: t.Experiment})
	if err != nil {
		return nil, err
	}
	host, err := newLoader(v.mains, s, v.sources)
	if err != nil {
		return nil, err
	}
	return host.load(ctx, dir, tools, newSelector(s, v.goVersion), false)
}

// root returns the path of the module of one package that was asked for.
func (v *variant) root() string {
	i := slices.IndexFunc(v.packages, func(p *pkg) bool { return p.root })
	return v.packages[i].module()
}

// variantNames returns the names of targets: their system, and what else it takes to
// tell them from each other.
func variantNames(variants []*variant) []string {
	names := make([]string, len(variants))
	count := make(map[string]int)
	for i, v := range variants {
		names[i] = v.settings.goos + "/" + v.settings.goarch
		count[names[i]]++
	}
	for i, v := range variants {
		if count[names[i]] == 1 {
			continue
		}
		s := v.settings
		names[i] += ",CGO_ENABLED=" + s.cgoEnabled()
		for _, p := range []sbom.Property{{Name: "GOEXPERIMENT", Value: s.experiment}, {Name: "-tags", Value: strings.Join(s.tags, "+")}} {
			if p.Value != "" {
				names[i] += "," + p.Name + "=" + p.Value
			}
		}
		names[i] += "," + v.goVersion
	}
	return names
}

// document makes a Document of the build: the modules that its packages are
// from, and the imports from one module to another.
func (v *variant) document(ctx context.Context, o Options) (*sbom.Document, error) {
	d := &sbom.Document{Phase: sbom.PreBuild}
	linked := link(v.packages)

	// The packages asked for are of the module that the Document is about.
	// Files that were asked for by name are of none.
	roots := make(map[string]bool)
	isProgram := false
	for _, p := range v.packages {
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
	mainName := v.root()

	// One component for each module that a package is from. What is linked comes
	// first, then what tests need, then what tools need.
	mode := "module"
	if v.mains.work != nil {
		mode = "workspace"
	}
	usesCgo := false
	parts := make(map[string]*part) // by the path of the module
	add := func(p *pkg, scope sbom.Scope) {
		if p.tree == nil || p.test {
			return
		}
		m := parts[p.tree.module.Path]
		if m == nil {
			m = &part{module: p.tree.module, scope: scope}
			parts[p.tree.module.Path] = m
		}
		if m.scope == scope {
			m.packages = append(m.packages, p)
		}
		if v.vendor != nil && v.mains.find(p.tree.module.Path) == nil {
			mode = "vendor"
		}
	}
	for _, p := range v.packages {
		if linked[p.path] {
			usesCgo = usesCgo || p.cgo
			add(p, sbom.Runtime)
		}
	}
	for _, p := range v.packages {
		if !linked[p.path] {
			add(p, sbom.TestOnly)
		}
	}
	for _, p := range v.tools {
		add(p, sbom.ToolOnly)
	}
	if parts[mainName] == nil && v.mains.find(mainName) != nil { // it has nothing but tests
		parts[mainName] = &part{module: module.Version{Path: mainName}, scope: sbom.Runtime}
	}
	var g *graph
	if o.Graph {
		if v.vendor != nil {
			return nil, errors.New("vendor does not tell which modules are required (GOFLAGS=-mod=readonly leaves it aside)")
		}
		var err error
		if g, err = v.fullGraph(ctx); err != nil {
			return nil, err
		}
		for _, m := range g.list() {
			if parts[m.Path] == nil {
				parts[m.Path] = &part{module: m, scope: sbom.GraphOnly}
			}
		}
	}

	versionFrom := ""
	refs := make(map[string]string) // of a module's path
	taken := make(map[string]bool)
	for _, path := range slices.Sorted(maps.Keys(parts)) {
		part := parts[path]
		m, err := v.module(part.module)
		if err != nil {
			return nil, err
		}
		if path == mainName {
			m.origin = ""
			part.scope = sbom.Runtime
			if m.version == "" {
				m.version, versionFrom = o.Version, o.VersionFrom
			} else if o.Version != "" && o.Version != m.version {
				return nil, fmt.Errorf("module %s has version %s, not %s", path, m.version, o.Version)
			}
		}
		c, err := m.component()
		if err != nil {
			return nil, err
		}
		if c.Scope = part.scope; c.Scope != sbom.GraphOnly {
			c.Requirements = sbom.Complete
		}
		for _, p := range part.packages {
			c.Packages = append(c.Packages, p.inModule())
			if o.Embedded {
				files, err := p.embedded(ctx)
				if err != nil {
					return nil, fmt.Errorf("package %s: %w", p.path, err)
				}
				c.Embedded = append(c.Embedded, files...)
			}
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
		}
		setRef(&c, taken)
		refs[path] = c.Ref
		if path == mainName {
			d.Main = c
		} else {
			d.Components = append(d.Components, c)
		}
	}
	if parts[mainName] == nil {
		d.Main = sbom.Component{Ref: mainName, Name: mainName, Version: o.Version, Scope: sbom.Runtime, Requirements: sbom.Complete}
		for _, p := range v.packages {
			if p.named == nil || !o.Embedded {
				continue
			}
			var err error
			if d.Main.Embedded, err = p.embedded(ctx); err != nil {
				return nil, err
			}
		}
		refs[mainName] = mainName
		versionFrom = o.VersionFrom
		d.Unknown = append(d.Unknown, unknownModule)
	}
	d.Main.Type = sbom.Library
	if isProgram {
		d.Main.Type = sbom.Application
	}
	s := v.settings
	std := stdlib(s.goVersion)
	std.Requirements = sbom.Complete
	d.Components = append(d.Components, std, toolchain(s.goVersion, s.host()))

	// Edges are the imports that cross from one component to another. The
	// runtime is linked into every program and imported by none.
	edges := make(map[sbom.Edge]bool)
	if isProgram {
		edges[sbom.Edge{From: d.Main.Ref, To: std.Ref}] = true
	}
	imports := func(packages []*pkg, kind sbom.EdgeKind, of func(*pkg) bool) {
		owner := make(map[string]string, len(packages)) // of a package's path, a Ref
		for _, p := range packages {
			owner[p.path] = refs[p.module()]
		}
		for _, p := range packages {
			if !of(p) {
				continue
			}
			for _, path := range p.imports {
				e := sbom.Edge{From: owner[p.path], To: owner[path]}
				if e.To == "" {
					e.To = std.Ref
				}
				if e.From == e.To || edges[e] {
					continue // also if it is linked
				}
				e.Kind = kind
				edges[e] = true
			}
		}
	}
	imports(v.packages, sbom.Linked, func(p *pkg) bool { return linked[p.path] })
	imports(v.packages, sbom.ForTests, func(p *pkg) bool { return !linked[p.path] })
	imports(v.tools, sbom.ForTools, func(*pkg) bool { return true })
	for _, p := range v.tools {
		if e := (sbom.Edge{From: d.Main.Ref, To: refs[p.module()], Kind: sbom.ForTools}); p.root && e.From != e.To {
			edges[e] = true
		}
	}
	if o.Graph {
		for m, requirements := range g.requires {
			if g.selected[m.Path] != m.Version || refs[m.Path] == "" {
				continue
			}
			for _, r := range requirements {
				if e := (sbom.Edge{From: refs[m.Path], To: refs[r.Path], Kind: sbom.Declared}); e.To != "" && e.From != e.To {
					edges[e] = true
				}
			}
		}
	}
	d.Edges = slices.Collect(maps.Keys(edges))

	for _, p := range []sbom.Property{
		{Name: "GoVersion", Value: s.goVersion},
		{Name: "mode", Value: mode},
		{Name: "GOOS", Value: s.goos},
		{Name: "GOARCH", Value: s.goarch},
		{Name: archVariable(s.goarch), Value: s.arch},
		{Name: "CGO_ENABLED", Value: s.cgoEnabled()},
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
	} else if versionFrom != "" {
		d.Properties = append(d.Properties, sbom.Property{Name: "versionFrom", Value: versionFrom})
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
	if s.goVersion == "" {
		d.Unknown = append(d.Unknown, "the Go toolchain: build constraints are read as for "+v.goVersion+", which go.mod asks for")
	} else if buildinfo.Release(s.goVersion) == "" {
		d.Unknown = append(d.Unknown, "the release of the Go toolchain: build constraints are read as for "+v.goVersion+", which go.mod asks for")
	}
	if v.selector.asked.Load() {
		d.Unknown = append(d.Unknown, "which experiments the Go toolchain has by default, on which the choice of a file depends")
	}
	return d, d.Sort()
}

// A part is a module of a build, and the packages for which it has its scope.
type part struct {
	module   module.Version // as it is required
	scope    sbom.Scope
	packages []*pkg
}

// link returns the paths of the packages that were asked for and of all that they
// import, without what only tests need.
func link(packages []*pkg) map[string]bool {
	byPath := make(map[string]*pkg, len(packages))
	linked := make(map[string]bool, len(packages))
	var queue []*pkg
	for _, p := range packages {
		byPath[p.path] = p
		if p.root {
			linked[p.path] = true
			queue = append(queue, p)
		}
	}
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, path := range p.imports {
			if q := byPath[path]; q != nil && !linked[path] {
				linked[path] = true
				queue = append(queue, q)
			}
		}
	}
	return linked
}

// module returns the path of the module that p is from.
func (p *pkg) module() string {
	if p.tree == nil {
		return p.path
	}
	return p.tree.module.Path
}

// inModule returns the directory of p in its module. In vendor, directories are
// those of import paths.
func (p *pkg) inModule() string {
	if p.tree == nil {
		return "."
	}
	return path.Clean(strings.TrimPrefix(p.path[len(p.tree.module.Path):], "/"))
}

// module returns what is used of a module. The name of a directory that replaces
// it is read from its go.mod.
func (l *loader) module(required module.Version) (moduleUse, error) {
	m := moduleUse{path: required.Path, version: required.Version}
	if l.mains.find(m.path) != nil {
		m.origin = "workspace"
		return m, nil
	}
	to, err := l.mains.replacement(required)
	if err != nil {
		return moduleUse{}, err
	}
	actual := required
	if to.Path != "" {
		actual = to
		m = moduleUse{path: to.Path, version: to.Version, replacedPath: required.Path, replacedVersion: required.Version}
		if to.Version == "" {
			m.path = required.Path
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
