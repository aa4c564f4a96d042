package conformance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// goListDocument makes the Document that gomod.Load would make, of what the go
// command says: it is the judge of the other. Everything is asked of "go env",
// "go list" and "go mod graph".
func goListDocument(ctx context.Context, dir string, o gomod.Options) (*sbom.Document, error) {
	targets := o.Targets
	if len(targets) == 0 {
		targets = make([]gomod.Target, 1)
	}
	docs := make(map[string]*sbom.Document)
	for _, t := range targets {
		env, err := readEnv(ctx, dir, o, t)
		if err != nil {
			return nil, err
		}
		doc, err := goListTarget(ctx, dir, o, t, env)
		if err != nil {
			return nil, err
		}
		docs[env["GOOS"]+"/"+env["GOARCH"]] = doc
		if len(targets) == 1 {
			return doc, nil
		}
	}
	return sbom.Union(docs)
}

func goListTarget(ctx context.Context, dir string, o gomod.Options, t gomod.Target, env map[string]string) (*sbom.Document, error) {
	a := &answers{env: env}
	var err error
	if a.linked, err = list(ctx, dir, o, t, o.Packages); err != nil {
		return nil, err
	}
	if o.Tests {
		if a.tests, err = list(ctx, dir, o, t, o.Packages, "-test=true"); err != nil {
			return nil, err
		}
	}
	if o.Tools && a.main().GoMod != "" {
		out, err := command.Run(ctx, dir, environment(o, t), "go", "mod", "edit", "-json", a.main().GoMod)
		if err != nil {
			return nil, explain(err)
		}
		var file struct{ Tool []struct{ Path string } }
		if err := json.Unmarshal(out, &file); err != nil {
			return nil, err
		}
		var tools []string
		for _, tool := range file.Tool {
			tools = append(tools, tool.Path)
		}
		host := t
		host.GOOS, host.GOARCH, host.CGO = env["GOHOSTOS"], env["GOHOSTARCH"], ""
		if len(tools) > 0 {
			if a.tools, err = list(ctx, dir, o, host, tools); err != nil {
				return nil, err
			}
		}
	}
	if o.Graph {
		out, err := command.Run(ctx, dir, environment(o, t), "go", "list", "-m", "-e", "-json", "all")
		if err != nil {
			return nil, explain(err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
			m := new(listedModule)
			if err := dec.Decode(m); err != nil {
				return nil, err
			}
			a.modules = append(a.modules, m)
		}
		if out, err = command.Run(ctx, dir, environment(o, t), "go", "mod", "graph"); err != nil {
			return nil, explain(err)
		}
		for line := range strings.Lines(string(out)) {
			from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
			a.graph = append(a.graph, [2]string{from, to})
		}
	}
	return a.assemble(o, t)
}

// environment returns the environment for the go command.
func environment(o gomod.Options, t gomod.Target) []string {
	env := command.Env(o.Getenv,
		"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMP", "TEMP",
		"GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOENV", "GOFLAGS", "GOWORK", "GOTMPDIR",
		"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED", "CC")
	for _, v := range []struct{ name, value string }{
		{"GOOS", t.GOOS}, {"GOARCH", t.GOARCH}, {"CGO_ENABLED", t.CGO}, {"GOEXPERIMENT", t.Experiment}, {"GOMODCACHE", o.ModCache},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return append(env,
		"GO111MODULE=on",
		"GOTOOLCHAIN=local",
		"GOPROXY=off",
		// In a workspace, the go command adds sums that it lacks to go.work.sum:
		// with GOSUMDB=off without checking them, else after asking the
		// checksum database. A database that is nowhere makes it fail instead.
		// GONOSUMDB must not be empty, or GOPRIVATE would be its default.
		"GOSUMDB=offline.invalid+be575349+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA file:///offline.invalid",
		"GONOSUMDB=offline.invalid",
	)
}

// readEnv returns the settings of the go command in dir.
func readEnv(ctx context.Context, dir string, o gomod.Options, t gomod.Target) (map[string]string, error) {
	out, err := command.Run(ctx, dir, environment(o, t), "go", "env", "-json",
		"GOMOD", "GOWORK", "GOFLAGS", "GOVERSION", "GOHOSTOS", "GOHOSTARCH", "GOOS", "GOARCH",
		"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED")
	if err != nil {
		return nil, err
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("output of go env: %w", err)
	}
	if env["GOWORK"] == "off" {
		env["GOWORK"] = ""
	}
	if (env["GOMOD"] == "" || env["GOMOD"] == os.DevNull) && env["GOWORK"] == "" {
		return nil, fmt.Errorf("no go.mod in %s or a directory above it", dir)
	}
	if env["GOOS"] != env["GOHOSTOS"] || env["GOARCH"] != env["GOHOSTARCH"] {
		// go list looks for the files of any system, also of one that is not.
		// With -compiled it prepares to build, and checks that first.
		if _, err := command.Run(ctx, dir, environment(o, t), "go", "list", "-find", "-compiled",
			"-json=ImportPath", "-deps=false", "-export=false", "-test=false", "-m=false", "-buildvcs=false", "unsafe"); err != nil {
			return nil, explain(err)
		}
	}
	return env, nil
}

// A listed is a package as go list writes it.
type listed struct {
	ImportPath string
	Name       string
	ForTest    string // the package whose tests need this one, compiled for them
	Standard   bool   // of the standard library
	Dir        string
	EmbedFiles []string
	DepOnly    bool // not asked for, but imported
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
	Module     *listedModule
	Incomplete bool
	Error      *struct{ Err string }
}

type listedModule struct {
	Path    string
	Version string
	Main    bool
	Sum     string
	Dir     string
	GoMod   string
	Replace *listedModule

	// Not its Error: that the cache lacks the .info file, from which nothing
	// is needed here. A module that the cache lacks is an error of its packages.
}

// list returns the packages that the patterns match and all that they import.
func list(ctx context.Context, dir string, o gomod.Options, t gomod.Target, patterns []string, flags ...string) ([]listed, error) {
	args := []string{
		"list", "-deps",
		"-json=ImportPath,Name,ForTest,Standard,DepOnly,Imports,GoFiles,CgoFiles,Module,Incomplete,Error,Dir,EmbedFiles",
		// GOFLAGS may have any of these: an error must not be hidden, tests are
		// not linked, and imports must be resolved.
		"-e=false", "-test=false", "-find=false", "-compiled=false", "-export=false", "-m=false",
		// Nothing of the repository is needed, and git would be run.
		"-buildvcs=false",
		// With a profile, go list has packages several times.
		"-pgo=off",
	}
	args = append(args, flags...)
	if len(t.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(t.Tags, ","))
	}
	args = append(args, "--")
	if len(patterns) == 0 {
		args = append(args, "./...")
	}
	args = append(args, patterns...)
	out, err := command.Run(ctx, dir, environment(o, t), "go", args...)
	if err != nil {
		return nil, explain(err)
	}

	var packages []listed
	var errs []error
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("output of go list: %w", err)
		}
		switch {
		case p.Error != nil:
			errs = append(errs, fmt.Errorf("package %s: %s", p.ImportPath, p.Error.Err))
		case p.Incomplete:
			errs = append(errs, fmt.Errorf("package %s: one that it imports could not be loaded", p.ImportPath))
		}
		packages = append(packages, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no packages in %s match %s", dir, strings.Join(args[slices.Index(args, "--")+1:], " "))
	}
	return packages, nil
}

// explain returns what the go command said.
func explain(err error) error {
	if e, ok := errors.AsType[*command.Error](err); ok {
		return fmt.Errorf("%w: %s", e.Err, e.Stderr)
	}
	return err
}

// answers are what the go command says.
type answers struct {
	env                  map[string]string
	linked, tests, tools []listed
	modules              []*listedModule // of the build list
	graph                [][2]string     // the lines of "go mod graph"
}

// main returns the module of a package that was asked for.
func (a *answers) main() listedModule {
	for _, p := range a.linked {
		if !p.DepOnly && p.Module != nil {
			return *p.Module
		}
	}
	return listedModule{}
}

// assemble makes a Document of the answers: the modules that packages are from,
// and the imports from one module to another.
func (a *answers) assemble(o gomod.Options, t gomod.Target) (*sbom.Document, error) {
	d := &sbom.Document{Phase: sbom.PreBuild}
	packages, env := a.linked, a.env

	// The packages asked for are of the module that the Document is about.
	// Files that were asked for by name are of none.
	roots := make(map[string]*listedModule)
	isProgram := false
	for _, p := range packages {
		switch {
		case p.DepOnly:
			continue
		case p.Standard:
			return nil, fmt.Errorf("package %s is of the standard library, not of a module", p.ImportPath)
		case p.Module == nil:
			roots[p.ImportPath] = nil
		default:
			roots[p.Module.Path] = p.Module
		}
		// A directory with nothing but tests is no program, whatever its name.
		if p.Name == "main" && len(p.GoFiles)+len(p.CgoFiles) > 0 {
			isProgram = true
			d.Properties = append(d.Properties, sbom.Property{Name: "Path", Value: p.ImportPath})
		}
	}
	if len(roots) > 1 {
		return nil, fmt.Errorf("packages of %d modules are asked for (%s), want those of one",
			len(roots), strings.Join(slices.Sorted(maps.Keys(roots)), ", "))
	}
	var mainName string
	var mainModule *listedModule
	for mainName, mainModule = range roots { // one
	}

	// One component for each module that a package is from.
	mode := "module"
	if env["GOWORK"] != "" {
		mode = "workspace"
	}
	modules := make(map[string]*listedModule)
	scopes := make(map[string]sbom.Scope)
	parts := make(map[string][]string) // packages, by the path of their module
	embedded := make(map[string][]sbom.File)
	usesCgo := false
	add := func(p listed, scope sbom.Scope) {
		if p.Standard || p.Module == nil {
			return
		}
		path := p.Module.Path
		if modules[path] == nil {
			modules[path], scopes[path] = p.Module, scope
		}
		if scopes[path] == scope && p.ForTest == "" {
			dir := cmp.Or(strings.TrimPrefix(p.ImportPath[len(path):], "/"), ".")
			parts[path] = append(parts[path], dir)
			for _, name := range p.EmbedFiles {
				if !o.Embedded {
					break
				}
				digests := hashFile(filepath.Join(p.Dir, name))
				embedded[path] = append(embedded[path], sbom.File{Path: pathpkg.Join(dir, name), Digest: digests})
			}
		}
		// In vendor mode, modules other than the main ones have no place.
		if !p.Module.Main && p.Module.Dir == "" {
			mode = "vendor"
		}
	}
	for _, p := range packages {
		usesCgo = usesCgo || len(p.CgoFiles) > 0 && !p.Standard
		add(p, sbom.Runtime)
	}
	for _, p := range a.tests {
		if strings.HasSuffix(p.ImportPath, ".test") {
			continue // the program that the go command makes
		}
		if !slices.ContainsFunc(a.linked, func(q listed) bool { return p.ImportPath == q.ImportPath }) {
			add(p, sbom.TestOnly)
		}
	}
	for _, p := range a.tools {
		add(p, sbom.ToolOnly)
	}
	for _, m := range a.modules {
		if modules[m.Path] == nil {
			modules[m.Path], scopes[m.Path] = m, sbom.GraphOnly
		}
	}
	refs := make(map[string]string) // of a module's path
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		c, err := component(modules[path], mode, path == mainName)
		if err != nil {
			return nil, err
		}
		refs[path] = c.Ref
		if c.Scope = scopes[path]; c.Scope == sbom.GraphOnly {
			c.Requirements = sbom.Unknown
		}
		c.Packages, c.Embedded = parts[path], embedded[path]
		if path == mainName {
			c.Scope, c.Requirements = sbom.Runtime, sbom.Complete
			d.Main = c
		} else {
			d.Components = append(d.Components, c)
		}
	}
	if mainModule == nil {
		d.Main = sbom.Component{Ref: mainName, Name: mainName, Version: o.Version, Scope: sbom.Runtime, Requirements: sbom.Complete}
		for _, p := range packages {
			if p.ImportPath != mainName || !o.Embedded {
				continue
			}
			for _, name := range p.EmbedFiles {
				d.Main.Embedded = append(d.Main.Embedded, sbom.File{Path: name, Digest: hashFile(filepath.Join(p.Dir, name))})
			}
		}
	}
	d.Main.Type = sbom.Library
	if isProgram {
		d.Main.Type = sbom.Application
	}
	release, _, _ := strings.Cut(env["GOVERSION"], "-X:")
	std := sbom.Component{Type: sbom.Library, Name: "stdlib", Version: strings.TrimPrefix(release, "go"), Scope: sbom.Runtime, Requirements: sbom.Complete}
	std.PURL = gomod.PURL(std.Name, std.Version)
	std.Ref = std.PURL
	tool := sbom.Component{Type: sbom.Application, Name: "golang.org/toolchain", Scope: sbom.Build}
	tool.Version = "v0.0.1-" + release + "." + env["GOHOSTOS"] + "-" + env["GOHOSTARCH"]
	tool.PURL = gomod.PURL(tool.Name, tool.Version)
	tool.Ref = tool.PURL
	d.Components = append(d.Components, std, tool)

	// Edges are the imports that cross from one component to another.
	edges := make(map[sbom.Edge]bool)
	if isProgram {
		// The runtime is linked into every program and imported by none.
		edges[sbom.Edge{From: d.Main.Ref, To: std.Ref}] = true
	}
	plain := func(path string) string { // without the test that a package is compiled for
		path, _, _ = strings.Cut(path, " [")
		return path
	}
	for _, of := range []struct {
		kind     sbom.EdgeKind
		packages []listed
	}{{sbom.Linked, a.linked}, {sbom.ForTests, a.tests}, {sbom.ForTools, a.tools}} {
		owner := make(map[string]string, len(of.packages)) // of a package's path, a Ref
		for _, p := range of.packages {
			switch {
			case p.Standard:
				owner[plain(p.ImportPath)] = std.Ref
			case p.Module == nil:
				owner[plain(p.ImportPath)] = d.Main.Ref
			default:
				owner[plain(p.ImportPath)] = refs[p.Module.Path]
			}
		}
		for _, p := range of.packages {
			if of.kind == sbom.ForTests && strings.HasSuffix(p.ImportPath, ".test") {
				continue
			}
			for _, path := range p.Imports {
				to, ok := owner[plain(path)]
				if !ok && path != "C" {
					return nil, fmt.Errorf("output of go list: package %s imports %s, which is not listed", p.ImportPath, path)
				}
				if e := (sbom.Edge{From: owner[plain(p.ImportPath)], To: to}); ok && e.From != e.To && !edges[e] {
					e.Kind = of.kind
					edges[e] = true
				}
			}
		}
	}
	for _, p := range a.tools {
		if p.Standard {
			continue
		}
		if e := (sbom.Edge{From: d.Main.Ref, To: refs[p.Module.Path], Kind: sbom.ForTools}); !p.DepOnly && e.From != e.To {
			edges[e] = true
		}
	}
	selected := make(map[string]string)
	for _, m := range a.modules {
		selected[m.Path] = m.Version
	}
	for _, line := range a.graph {
		from, version, _ := strings.Cut(line[0], "@")
		to, _, _ := strings.Cut(line[1], "@")
		if v, ok := selected[from]; !ok || v != version || refs[to] == "" || refs[from] == refs[to] {
			continue
		}
		edges[sbom.Edge{From: refs[from], To: refs[to], Kind: sbom.Declared}] = true
	}
	d.Edges = slices.Collect(maps.Keys(edges))

	tags := strings.Join(t.Tags, ",")
	for flag := range strings.FieldsSeq(env["GOFLAGS"]) {
		if value, ok := strings.CutPrefix(flag, "-tags="); ok && len(t.Tags) == 0 {
			tags = value
		}
	}
	fips := env["GOFIPS140"]
	if fips == "off" {
		fips = ""
	}
	arch := map[string]string{
		"386": "GO386", "amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64", "riscv64": "GORISCV64", "wasm": "GOWASM",
		"mips": "GOMIPS", "mipsle": "GOMIPS", "mips64": "GOMIPS64", "mips64le": "GOMIPS64", "ppc64": "GOPPC64", "ppc64le": "GOPPC64",
	}[env["GOARCH"]]
	for _, p := range []sbom.Property{
		{Name: "GoVersion", Value: env["GOVERSION"]},
		{Name: "mode", Value: mode},
		{Name: "GOOS", Value: env["GOOS"]},
		{Name: "GOARCH", Value: env["GOARCH"]},
		{Name: arch, Value: env[arch]},
		{Name: "CGO_ENABLED", Value: env["CGO_ENABLED"]},
		{Name: "GOEXPERIMENT", Value: env["GOEXPERIMENT"]},
		{Name: "GOFIPS140", Value: fips},
		{Name: "-tags", Value: tags},
	} {
		if p.Value != "" {
			d.Properties = append(d.Properties, p)
		}
	}

	if mainModule == nil {
		d.Unknown = append(d.Unknown, "the module of the main package: it was built from files, or with the toolchain")
	}
	if d.Main.Version == "" {
		d.Unknown = append(d.Unknown, "the version of the main module")
	}
	if mode == "vendor" {
		d.Unknown = append(d.Unknown, "whether the files in vendor are those of the modules that they are said to be from")
	}
	switch {
	case usesCgo:
		d.Unknown = append(d.Unknown, "which C libraries are linked by the packages that use cgo")
	case env["CGO_ENABLED"] == "1":
		d.Unknown = append(d.Unknown, "whether C libraries are linked, and which")
	}
	return d, d.Sort()
}

// component returns the module that go list describes. The name of a directory
// that replaces a module is read from its go.mod.
func component(l *listedModule, mode string, isMain bool) (sbom.Component, error) {
	c := sbom.Component{Type: sbom.Library, Name: l.Path, Version: l.Version, Scope: sbom.Runtime, Requirements: sbom.Complete}
	sum, origin := l.Sum, ""
	switch r := l.Replace; {
	case l.Main:
		origin = "workspace"
	case r != nil:
		c.Name, c.Version, sum = r.Path, r.Version, r.Sum
		c.Replaces = gomod.PURL(l.Path, l.Version)
		if r.Version == "" {
			c.Name, origin = l.Path, "directory"
			if data, err := os.ReadFile(r.GoMod); err == nil {
				c.Name = cmp.Or(modfile.ModulePath(data), c.Name)
			}
			if !filepath.IsAbs(r.Path) {
				c.Properties = append(c.Properties, sbom.Property{Name: "directory", Value: r.Path})
			}
		}
	}
	if mode == "vendor" && !l.Main {
		origin = "vendor"
	}
	if origin != "" && !isMain {
		c.Properties = append(c.Properties, sbom.Property{Name: "origin", Value: origin})
	}
	if sum != "" {
		d, err := hallmark.ParseH1(sum)
		if err != nil {
			return c, err
		}
		c.Digests = []hallmark.Digest{d}
	}
	c.PURL = gomod.PURL(c.Name, c.Version)
	c.Ref = c.PURL
	return c, nil
}

func hashFile(name string) hallmark.Digest {
	a, err := hallmark.HashFile(name)
	if err != nil {
		panic(err)
	}
	return a.Digests[0]
}

// facts returns all that a Document says, one fact in a line.
func facts(d *sbom.Document) []string {
	lines := []string{"phase " + string(d.Phase)}
	for _, c := range d.All() {
		text, err := json.Marshal(c)
		if err != nil {
			panic(err)
		}
		lines = append(lines, string(text))
	}
	for _, e := range d.Edges {
		lines = append(lines, e.From+" → "+e.To+" "+string(e.Kind)+" "+e.Target)
	}
	for _, p := range d.Properties {
		lines = append(lines, p.Name+"="+p.Value)
	}
	for _, t := range d.Targets {
		lines = append(lines, fmt.Sprint(t))
	}
	return append(lines, d.Unknown...)
}

// judgeSource compares what Load says with what the go command says. It returns
// the Document of the first, or its error if both fail.
func judgeSource(t *testing.T, dir string, o gomod.Options) (*sbom.Document, error) {
	t.Helper()
	want, wantErr := goListDocument(t.Context(), dir, o)
	got, err := gomod.Load(t.Context(), dir, o)
	switch {
	case err != nil && wantErr != nil:
		return nil, err
	case err != nil:
		t.Fatalf("Load: %v\nthe go command finds nothing wrong", err)
	case wantErr != nil:
		t.Fatalf("the go command says: %v\nLoad finds nothing wrong:\n%s", wantErr, strings.Join(facts(got), "\n"))
	}
	g, w := facts(got), facts(want)
	for _, line := range g {
		if !slices.Contains(w, line) {
			t.Errorf("only Load says: %s", line)
		}
	}
	for _, line := range w {
		if !slices.Contains(g, line) {
			t.Errorf("only the go command says: %s", line)
		}
	}
	return got, nil
}
