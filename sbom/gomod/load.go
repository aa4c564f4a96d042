package gomod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Options say what [Load] describes. Getenv is required.
type Options struct {
	// Getenv gives the environment, usually os.Getenv. Variables that the go
	// command knows have the meaning that they have there, with the
	// exceptions that Load names.
	Getenv func(string) string

	// Packages are the packages to describe, as arguments of the go command:
	// "./cmd/app", an import path, a pattern. They must all be of one module.
	// None means "./...", all packages in the directory and below it. For the
	// Document of one binary it is the one main package.
	Packages []string

	// GOOS and GOARCH are the target. Empty means what the go command would
	// build for.
	GOOS, GOARCH string

	// Tags are build tags. None means those that GOFLAGS has.
	Tags []string

	// Version is the version of the main module, if the caller knows it: the
	// sources do not say which version they are.
	Version string
}

// Load returns the modules that are linked into the packages asked for, in the
// module that dir is in, for one target. The Document's Phase is
// [sbom.PreBuild] and its edges are complete.
//
// The facts are the go command's, which is looked up in PATH. It is run with
// the variables of [Options.Getenv] that matter to it, and so reads the file
// that "go env -w" writes. These are fixed, because Load neither uses the
// network nor changes a file of the module: GOPROXY and checksum database are
// off, GOTOOLCHAIN is local, and -mod=mod in GOFLAGS is an error; its other flags
// (-tags, -mod=vendor, -modfile, -overlay) act as they do in a build. A workspace
// (go.work) is used if the go command would use it; GOWORK=off is for those who
// build without. The go command may write to its caches.
//
// What is not in the module cache, or in go.sum or go.work.sum, is an error, as
// is any package that cannot be loaded: a Document has all modules or does not
// exist. The other errors are a nil Getenv, a directory without a module,
// packages of several modules or of the standard library, and whatever the go
// command reports.
func Load(ctx context.Context, dir string, o Options) (*sbom.Document, error) {
	if o.Getenv == nil {
		return nil, errors.New("gomod: Options.Getenv is nil")
	}
	for _, tag := range o.Tags {
		if tag == "" || strings.ContainsAny(tag, ", \t\n'\"") {
			return nil, fmt.Errorf("gomod: malformed build tag %q", tag)
		}
	}
	env, err := readEnv(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	packages, err := list(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return assemble(packages, env, o)
}

// environment returns the environment for the go command.
func environment(o Options) []string {
	env := command.Env(o.Getenv,
		"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMP", "TEMP",
		"GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOENV", "GOFLAGS", "GOWORK", "GOTMPDIR",
		"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED", "CC")
	if o.GOOS != "" {
		env = append(env, "GOOS="+o.GOOS)
	}
	if o.GOARCH != "" {
		env = append(env, "GOARCH="+o.GOARCH)
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

// readEnv returns the settings of the go command in dir, after checking that
// they are ones that Load can work with.
func readEnv(ctx context.Context, dir string, o Options) (map[string]string, error) {
	out, err := command.Run(ctx, dir, environment(o), "go", "env", "-json",
		"GOMOD", "GOWORK", "GOFLAGS", "GOVERSION", "GOHOSTOS", "GOHOSTARCH", "GOOS", "GOARCH",
		"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED")
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("gomod: output of go env: %w", err)
	}
	if env["GOWORK"] == "off" {
		env["GOWORK"] = ""
	}
	if (env["GOMOD"] == "" || env["GOMOD"] == os.DevNull) && env["GOWORK"] == "" {
		return nil, fmt.Errorf("gomod: no go.mod in %s or a directory above it", dir)
	}
	if mod, _ := goflag(env["GOFLAGS"], "mod"); mod == "mod" {
		return nil, errors.New("gomod: GOFLAGS has -mod=mod, with which the go command may change go.mod")
	}
	if env["GOOS"] != env["GOHOSTOS"] || env["GOARCH"] != env["GOHOSTARCH"] {
		// go list looks for the files of any system, also of one that is not.
		// With -compiled it prepares to build, and checks that first.
		if _, err := command.Run(ctx, dir, environment(o), "go", "list", "-find", "-compiled",
			"-json=ImportPath", "-deps=false", "-export=false", "-test=false", "-m=false", "-buildvcs=false", "unsafe"); err != nil {
			return nil, fmt.Errorf("gomod: %w", explain(err))
		}
	}
	return env, nil
}

// goflag returns the last value that a flag has in GOFLAGS.
func goflag(goflags, name string) (value string, ok bool) {
	// Flags are separated by spaces, and one that has spaces in it is quoted
	// as a whole. There is no escape character.
	for rest := goflags; ; {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest == "" {
			return value, ok
		}
		var flag string
		if q := rest[:1]; q == "'" || q == `"` {
			flag, rest, _ = strings.Cut(rest[1:], q)
		} else if i := strings.IndexAny(rest, " \t\r\n"); i >= 0 {
			flag, rest = rest[:i], rest[i:]
		} else {
			flag, rest = rest, ""
		}
		flag = strings.TrimPrefix(strings.TrimPrefix(flag, "-"), "-")
		if key, v, _ := strings.Cut(flag, "="); key == name {
			value, ok = v, true
		}
	}
}

// A listed is a package as go list writes it.
type listed struct {
	ImportPath string
	Name       string
	Standard   bool // of the standard library
	DepOnly    bool // not asked for, but imported
	Imports    []string
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

// list returns the packages asked for and all that they import.
func list(ctx context.Context, dir string, o Options) ([]listed, error) {
	args := []string{
		"list", "-deps",
		"-json=ImportPath,Name,Standard,DepOnly,Imports,CgoFiles,Module,Incomplete,Error",
		// GOFLAGS may have any of these: an error must not be hidden, tests are
		// not linked, and imports must be resolved.
		"-e=false", "-test=false", "-find=false", "-compiled=false", "-export=false", "-m=false",
		// Nothing of the repository is needed, and git would be run.
		"-buildvcs=false",
		// With a profile, go list has packages several times.
		"-pgo=off",
	}
	if len(o.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(o.Tags, ","))
	}
	args = append(args, "--")
	if len(o.Packages) == 0 {
		args = append(args, "./...")
	}
	args = append(args, o.Packages...)
	out, err := command.Run(ctx, dir, environment(o), "go", args...)
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", explain(err))
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
			return nil, fmt.Errorf("gomod: output of go list: %w", err)
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
		return nil, fmt.Errorf("gomod: %w", err)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("gomod: no packages in %s match %s", dir, strings.Join(args[slices.Index(args, "--")+1:], " "))
	}
	return packages, nil
}

// explain turns the failure of go list into one that names the modules that
// are missing. The go command names them where it begins to look for them, and
// not always again where it says that it may not.
func explain(err error) error {
	e, ok := errors.AsType[*command.Error](err)
	if !ok {
		return err
	}
	var missing, messages []string
	for text := range strings.Lines(e.Stderr) {
		text = strings.TrimRight(text, "\r\n")
		if m, ok := strings.CutPrefix(text, "go: downloading "); ok {
			missing = append(missing, strings.Replace(m, " ", "@", 1))
		} else {
			messages = append(messages, text)
		}
	}
	text := strings.Join(messages, "\n")
	if len(text) > maxErrors {
		text = text[:maxErrors] + "…"
	}
	if len(missing) > 0 {
		text = "not in the module cache: " + strings.Join(missing, ", ") + "\n" + text
	}
	if strings.Contains(text, "disabled by GOPROXY=off") {
		text += "\n(the network is not used: \"go mod download\" gets what the module cache, go.sum or go.work.sum lacks)"
	}
	return fmt.Errorf("go list: %w: %s", e.Err, text)
}

// assemble makes a Document of packages: the modules that they are from, and
// the imports from one module to another.
func assemble(packages []listed, env map[string]string, o Options) (*sbom.Document, error) {
	d := &sbom.Document{Phase: sbom.PreBuild}

	// The packages asked for are of the module that the Document is about.
	// Files that were asked for by name are of none.
	roots := make(map[string]*listedModule)
	isProgram := false
	for _, p := range packages {
		switch {
		case p.DepOnly:
			continue
		case p.Standard:
			return nil, fmt.Errorf("gomod: package %s is of the standard library, not of a module", p.ImportPath)
		case p.Module == nil:
			roots[p.ImportPath] = nil
		default:
			roots[p.Module.Path] = p.Module
		}
		if p.Name == "main" {
			isProgram = true
			d.Properties = append(d.Properties, sbom.Property{Name: "Path", Value: p.ImportPath})
		}
	}
	if len(roots) > 1 {
		return nil, fmt.Errorf("gomod: packages of %d modules are asked for (%s), want those of one",
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
	usesCgo := false
	for _, p := range packages {
		usesCgo = usesCgo || len(p.CgoFiles) > 0
		if p.Standard || p.Module == nil {
			continue
		}
		modules[p.Module.Path] = p.Module
		// In vendor mode, modules other than the main ones have no place.
		if !p.Module.Main && p.Module.Dir == "" {
			mode = "vendor"
		}
	}
	refs := make(map[string]string) // of a module's path
	taken := make(map[string]bool)
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m, err := newModule(modules[path], mode)
		if err != nil {
			return nil, fmt.Errorf("gomod: %w", err)
		}
		if path == mainName {
			m.origin = ""
			if m.version == "" {
				m.version = o.Version
			} else if o.Version != "" && o.Version != m.version {
				return nil, fmt.Errorf("gomod: module %s has version %s, not %s", path, m.version, o.Version)
			}
		}
		c, err := m.component()
		if err != nil {
			return nil, fmt.Errorf("gomod: %w", err)
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
	if mainModule == nil {
		d.Main = sbom.Component{Ref: mainName, Name: mainName, Version: o.Version, Scope: sbom.Runtime, Requirements: sbom.Complete}
	}
	d.Main.Type = sbom.Library
	if isProgram {
		d.Main.Type = sbom.Application
	}
	std := stdlib(env["GOVERSION"])
	std.Requirements = sbom.Complete
	d.Components = append(d.Components, std, toolchain(env["GOVERSION"], env["GOHOSTOS"]+"-"+env["GOHOSTARCH"]))

	// Edges are the imports that cross from one component to another.
	owner := make(map[string]string, len(packages)) // of a package's path, a Ref
	for _, p := range packages {
		switch {
		case p.Standard:
			owner[p.ImportPath] = std.Ref
		case p.Module == nil:
			owner[p.ImportPath] = d.Main.Ref
		default:
			owner[p.ImportPath] = refs[p.Module.Path]
		}
	}
	edges := make(map[sbom.Edge]bool)
	for _, p := range packages {
		from := owner[p.ImportPath]
		for _, path := range p.Imports {
			to, ok := owner[path]
			if !ok && path != "C" {
				return nil, fmt.Errorf("gomod: output of go list: package %s imports %s, which is not listed", p.ImportPath, path)
			}
			if ok && from != to {
				edges[sbom.Edge{From: from, To: to}] = true
			}
		}
	}
	if isProgram {
		// The runtime is linked into every program and imported by none.
		edges[sbom.Edge{From: d.Main.Ref, To: std.Ref}] = true
	}
	d.Edges = slices.Collect(maps.Keys(edges))

	tags, _ := goflag(env["GOFLAGS"], "tags")
	tags = strings.Join(strings.FieldsFunc(tags, func(r rune) bool { return r == ',' || r == ' ' }), ",")
	if len(o.Tags) > 0 {
		tags = strings.Join(o.Tags, ",")
	}
	fips := env["GOFIPS140"]
	if fips == "off" {
		fips = ""
	}
	arch := archVariable(env["GOARCH"])
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
		d.Unknown = append(d.Unknown, unknownModule)
	}
	if d.Main.Version == "" {
		d.Unknown = append(d.Unknown, unknownVersion)
	}
	if mode == "vendor" {
		d.Unknown = append(d.Unknown, "whether the files in vendor are those of the modules that they are said to be from")
	}
	if usesCgo {
		d.Unknown = append(d.Unknown, "which C libraries are linked by the packages that use cgo")
	}
	return d, d.Sort()
}

// newModule returns the module that go list describes. The name of a directory
// that replaces a module is read from its go.mod.
func newModule(l *listedModule, mode string) (module, error) {
	m := module{path: l.Path, version: l.Version, sum: l.Sum}
	if l.Main {
		m.origin = "workspace"
		return m, nil
	}
	if r := l.Replace; r != nil {
		m = module{path: r.Path, version: r.Version, sum: r.Sum, replacedPath: l.Path, replacedVersion: l.Version}
		if r.Version == "" {
			m.path = l.Path
			m.origin = "directory"
			m.directory = r.Path
			name, err := moduleName(r.GoMod)
			if err != nil {
				return module{}, err
			}
			if name != "" {
				m.path = name
			}
		}
	}
	if mode == "vendor" {
		m.origin = "vendor"
	}
	return m, nil
}

// moduleName returns the module path in a go.mod file, or "" if there is none:
// a directory that is vendored need not be there any more.
func moduleName(gomod string) (string, error) {
	f, err := os.Open(gomod)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxGoMod+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxGoMod {
		return "", fmt.Errorf("%s: larger than %d bytes", gomod, maxGoMod)
	}
	return modfile.ModulePath(data), nil
}

// archVariable returns the name of the variable that selects among the
// processors of an architecture, or "" if it has none.
func archVariable(goarch string) string {
	switch goarch {
	case "386", "amd64", "arm", "arm64", "riscv64", "wasm":
		return "GO" + strings.ToUpper(goarch)
	case "mips", "mipsle":
		return "GOMIPS"
	case "mips64", "mips64le":
		return "GOMIPS64"
	case "ppc64", "ppc64le":
		return "GOPPC64"
	}
	return ""
}
