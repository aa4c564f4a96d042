package gomod

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A program with a module in a directory, whose module has another name than
// the one that is required, and packages that must not appear: of a test, of
// another system, of a build tag.
func fixture(t testing.TB) string {
	return writeFiles(t,
		"app/go.mod", `module example.com/app

go 1.25.0

require (
	example.com/lib v1.2.3
	example.com/tagged v1.0.0
	example.com/testonly v1.0.0
	example.com/windowsonly v1.0.0
)

replace (
	example.com/lib => ../fork
	example.com/tagged => ../tagged
	example.com/testonly => ../testonly
	example.com/windowsonly => ../windowsonly
)
`,
		"app/main.go", "package main\n\nimport \"example.com/lib/deep\"\n\nfunc main() { deep.F() }\n",
		"app/main_test.go", "package main\n\nimport _ \"example.com/testonly\"\n",
		"app/w_windows.go", "package main\n\nimport _ \"example.com/windowsonly\"\n",
		"app/t.go", "//go:build special\n\npackage main\n\nimport _ \"example.com/tagged\"\n",
		"app/cmd/other/main.go", "package main\n\nfunc main() {}\n",
		"app/internal/x/x.go", "package x\n\nimport _ \"fmt\"\n",
		"fork/go.mod", "module example.com/Fork+x\n\ngo 1.25.0\n",
		"fork/deep/deep.go", "package deep\n\nimport \"strings\"\n\nfunc F() string { return strings.ToUpper(\"x\") }\n",
		"tagged/go.mod", "module example.com/tagged\n",
		"tagged/x.go", "package tagged\n",
		"testonly/go.mod", "module example.com/testonly\n",
		"testonly/x.go", "package testonly\n",
		"windowsonly/go.mod", "module example.com/windowsonly\n",
		"windowsonly/x.go", "package windowsonly\n",
	)
}

func TestLoad(t *testing.T) {
	dir := fixture(t)
	before := treeDigest(t, dir)
	app := filepath.Join(dir, "app")
	linux := Options{Getenv: getenv("GOAMD64=v2"), Packages: []string{"."}, Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}
	d, err := Load(t.Context(), app, linux)
	if err != nil {
		t.Fatal(err)
	}
	want := `runtime application example.com/app [pkg:golang/example.com/app] complete
runtime library example.com/Fork+x [pkg:golang/example.com/Fork%2Bx] for pkg:golang/example.com/lib@v1.2.3 directory=../fork origin=directory complete
build application golang.org/toolchain [pkg:golang/golang.org/toolchain@TOOLCHAIN]
runtime library stdlib [pkg:golang/stdlib@GO] complete
pkg:golang/example.com/Fork%2Bx → pkg:golang/stdlib@GO
pkg:golang/example.com/app → pkg:golang/example.com/Fork%2Bx
pkg:golang/example.com/app → pkg:golang/stdlib@GO
CGO_ENABLED=0
GOAMD64=v2
GOARCH=amd64
GOOS=linux
GoVersion=GO
Path=example.com/app
mode=module
unknown: the version of the main module
`
	if got := summary(t, d); got != want {
		t.Errorf("got other lines than wanted:\n%s", diff(got, want))
	}
	if d.Phase != sbom.PreBuild {
		t.Errorf("phase %q", d.Phase)
	}

	for _, test := range []struct {
		name   string
		change func(*Options)
		want   string // lines that differ from those above
	}{
		{"version of the caller", func(o *Options) { o.Version = "v1.0.0+x" }, `+ runtime application example.com/app [pkg:golang/example.com/app@v1.0.0%2Bx] complete
+ pkg:golang/example.com/app@v1.0.0%2Bx → pkg:golang/example.com/Fork%2Bx
+ pkg:golang/example.com/app@v1.0.0%2Bx → pkg:golang/stdlib@GO
+ versionFrom=caller
- runtime application example.com/app [pkg:golang/example.com/app] complete
- pkg:golang/example.com/app → pkg:golang/example.com/Fork%2Bx
- pkg:golang/example.com/app → pkg:golang/stdlib@GO
- unknown: the version of the main module
`},
		{"another target", func(o *Options) { o.Targets = []Target{{GOOS: "windows", GOARCH: "arm64"}} }, `+ runtime library example.com/windowsonly [pkg:golang/example.com/windowsonly] for pkg:golang/example.com/windowsonly@v1.0.0 directory=../windowsonly origin=directory complete
+ pkg:golang/example.com/app → pkg:golang/example.com/windowsonly
+ GOARCH=arm64
+ GOARM64=v8.0
+ GOOS=windows
- GOAMD64=v2
- GOARCH=amd64
- GOOS=linux
`},
		{"tag", func(o *Options) { o.Targets[0].Tags = []string{"other", "special"} }, `+ runtime library example.com/tagged [pkg:golang/example.com/tagged] for pkg:golang/example.com/tagged@v1.0.0 directory=../tagged origin=directory complete
+ pkg:golang/example.com/app → pkg:golang/example.com/tagged
+ -tags=other,special
`},
		{"tag of GOFLAGS", func(o *Options) { o.Getenv = getenv("GOAMD64=v2", "GOFLAGS='-tags=a special'") }, `+ runtime library example.com/tagged [pkg:golang/example.com/tagged] for pkg:golang/example.com/tagged@v1.0.0 directory=../tagged origin=directory complete
+ pkg:golang/example.com/app → pkg:golang/example.com/tagged
+ -tags=a,special
`},
		{"tags of GOFLAGS overridden", func(o *Options) {
			o.Getenv = getenv("GOAMD64=v2", "GOFLAGS=-tags=special")
			o.Targets[0].Tags = []string{"a"}
		}, `+ -tags=a
`},
		{"GOFLAGS for tests and errors", func(o *Options) { o.Getenv = getenv("GOAMD64=v2", "GOFLAGS=-test -e -find -export -buildvcs=true") }, ""},
		{"experiment", func(o *Options) { o.Getenv = getenv("GOAMD64=v2", "GOEXPERIMENT=jsonv2") }, `+ GOEXPERIMENT=jsonv2
`},
		{"a command that imports nothing", func(o *Options) { o.Packages = []string{"./cmd/other"} }, `+ Path=example.com/app/cmd/other
- runtime library example.com/Fork+x [pkg:golang/example.com/Fork%2Bx] for pkg:golang/example.com/lib@v1.2.3 directory=../fork origin=directory complete
- pkg:golang/example.com/Fork%2Bx → pkg:golang/stdlib@GO
- pkg:golang/example.com/app → pkg:golang/example.com/Fork%2Bx
- Path=example.com/app
`},
		{"all packages", func(o *Options) { o.Packages = nil }, `+ Path=example.com/app/cmd/other
`},
		{"a library", func(o *Options) { o.Packages = []string{"example.com/app/internal/x"} }, `+ runtime library example.com/app [pkg:golang/example.com/app] complete
- runtime application example.com/app [pkg:golang/example.com/app] complete
- runtime library example.com/Fork+x [pkg:golang/example.com/Fork%2Bx] for pkg:golang/example.com/lib@v1.2.3 directory=../fork origin=directory complete
- pkg:golang/example.com/Fork%2Bx → pkg:golang/stdlib@GO
- pkg:golang/example.com/app → pkg:golang/example.com/Fork%2Bx
- Path=example.com/app
`},
		{"a file", func(o *Options) { o.Packages = []string{"main.go"} }, `+ runtime application command-line-arguments [command-line-arguments] complete
+ command-line-arguments → pkg:golang/example.com/Fork%2Bx
+ command-line-arguments → pkg:golang/stdlib@GO
+ Path=command-line-arguments
+ unknown: the module of the main package: it was built from files, or with the toolchain
- runtime application example.com/app [pkg:golang/example.com/app] complete
- pkg:golang/example.com/app → pkg:golang/example.com/Fork%2Bx
- pkg:golang/example.com/app → pkg:golang/stdlib@GO
- Path=example.com/app
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := linux
			o.Targets = slices.Clone(o.Targets)
			test.change(&o)
			d, err := Load(t.Context(), app, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := diff(summary(t, d), want); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
	if treeDigest(t, dir) != before {
		t.Error("Load changed the sources")
	}
}

func TestLoadWorkspace(t *testing.T) {
	dir := writeFiles(t,
		"go.work", "go 1.25.0\n\nuse (\n\t./app\n\t./lib\n)\n",
		"app/go.mod", "module example.com/app\n\ngo 1.25.0\n",
		"app/main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n",
		"lib/go.mod", "module example.com/lib\n\ngo 1.25.0\n",
		"lib/lib.go", "package lib\n",
	)
	before := treeDigest(t, dir)
	o := Options{Getenv: getenv("GOWORK="), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}
	d, err := Load(t.Context(), filepath.Join(dir, "app"), o)
	if err != nil {
		t.Fatal(err)
	}
	want := `runtime application example.com/app [pkg:golang/example.com/app] complete
runtime library example.com/lib [pkg:golang/example.com/lib] origin=workspace complete
build application golang.org/toolchain [pkg:golang/golang.org/toolchain@TOOLCHAIN]
runtime library stdlib [pkg:golang/stdlib@GO] complete
pkg:golang/example.com/app → pkg:golang/example.com/lib
pkg:golang/example.com/app → pkg:golang/stdlib@GO
CGO_ENABLED=0
GOAMD64=v1
GOARCH=amd64
GOOS=linux
GoVersion=GO
Path=example.com/app
mode=workspace
unknown: the version of the main module
`
	if got := summary(t, d); got != want {
		t.Errorf("got other lines than wanted:\n%s", diff(got, want))
	}

	// At the top of the workspace there is no go.mod, and it has two modules.
	o.Packages = []string{"./app/..."}
	if top, err := Load(t.Context(), dir, o); err != nil || diff(summary(t, top), want) != "" {
		t.Errorf("top of the workspace: got %v, %v", top, err)
	}
	o.Packages = nil
	_, err = Load(t.Context(), dir, o)
	if err == nil || !strings.Contains(err.Error(), "2 modules are asked for (example.com/app, example.com/lib)") && !strings.Contains(err.Error(), "directory prefix") {
		t.Errorf("packages of two modules: got %v", err)
	}
	o.Packages = []string{"example.com/app", "example.com/lib"}
	_, err = Load(t.Context(), dir, o)
	if err == nil || !strings.Contains(err.Error(), "2 modules are asked for (example.com/app, example.com/lib)") {
		t.Errorf("packages of two modules: got %v", err)
	}
	o.Getenv = getenv()
	_, err = Load(t.Context(), filepath.Join(dir, "app"), o)
	if err == nil || !strings.Contains(err.Error(), "example.com/lib") {
		t.Errorf("without the workspace: got %v", err)
	}
	if treeDigest(t, dir) != before {
		t.Error("Load changed the sources")
	}
}

func TestLoadVendor(t *testing.T) {
	dir := fixture(t)
	app := filepath.Join(dir, "app")
	goCommand(t, app, getenv(), "mod", "vendor")
	// What is vendored need not be there any more.
	if err := os.RemoveAll(filepath.Join(dir, "fork")); err != nil {
		t.Fatal(err)
	}
	before := treeDigest(t, dir)
	d, err := Load(t.Context(), app, Options{Getenv: getenv(), Packages: []string{"."}, Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `runtime application example.com/app [pkg:golang/example.com/app] complete
runtime library example.com/lib [pkg:golang/example.com/lib] for pkg:golang/example.com/lib@v1.2.3 directory=../fork origin=vendor complete
build application golang.org/toolchain [pkg:golang/golang.org/toolchain@TOOLCHAIN]
runtime library stdlib [pkg:golang/stdlib@GO] complete
pkg:golang/example.com/app → pkg:golang/example.com/lib
pkg:golang/example.com/app → pkg:golang/stdlib@GO
pkg:golang/example.com/lib → pkg:golang/stdlib@GO
CGO_ENABLED=0
GOAMD64=v1
GOARCH=amd64
GOOS=linux
GoVersion=GO
Path=example.com/app
mode=vendor
unknown: the version of the main module
unknown: whether the files in vendor are those of the modules that they are said to be from
`
	if got := summary(t, d); got != want {
		t.Errorf("got other lines than wanted:\n%s", diff(got, want))
	}
	if treeDigest(t, dir) != before {
		t.Error("Load changed the sources")
	}
}

func TestLoadErrors(t *testing.T) {
	dir := writeFiles(t,
		"empty/x.txt", "",
		"nomod/main.go", "package main\n\nfunc main() {}\n",
		"broken/go.mod", "module example.com/broken\n\nrequire example.com/x\n",
		"broken/main.go", "package main\n\nfunc main() {}\n",
		"nopackage/go.mod", "module example.com/nopackage\n",
		"newgo/go.mod", "module example.com/newgo\n\ngo 1.9999.0\n",
		"newgo/main.go", "package main\n\nfunc main() {}\n",
		"imports/go.mod", "module example.com/imports\n\ngo 1.25.0\n",
		"imports/main.go", "package main\n\nimport (\n\t_ \"example.com/one\"\n\t_ \"example.com/imports/two\"\n)\n\nfunc main() {}\n",
		"indirect/go.mod", "module example.com/indirect\n\ngo 1.25.0\n",
		"indirect/main.go", "package main\n\nimport _ \"example.com/indirect/p\"\n\nfunc main() {}\n",
		"indirect/p/p.go", "package p\n\nimport _ \"example.com/nowhere\"\n",
		"syntax/go.mod", "module example.com/syntax\n\ngo 1.25.0\n",
		"syntax/main.go", "pakage main\n",
		"missing/go.mod", "module example.com/missing\n\ngo 1.25.0\n\nrequire golang.org/x/mod v0.42.0\n",
		"missing/go.sum", "golang.org/x/mod v0.42.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ngolang.org/x/mod v0.42.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"missing/main.go", "package main\n\nimport _ \"golang.org/x/mod/semver\"\n\nfunc main() {}\n",
		"ok/go.mod", "module example.com/ok\n\ngo 1.25.0\n",
		"ok/main.go", "package main\n\nfunc main() {}\n",
		"goenv", "GOFLAGS=-mod=mod\n",
		"badsum/go.mod", "module example.com/badsum\n",
		"badsum/go.sum", "\nexample.com/x v1.0.0\n",
		"badsum/main.go", "package main\n\nfunc main() {}\n",
		"bad.work", "go 1.25.0\n\nuse\n",
		"many.work", "go 1.25.0\n\nuse (\n"+strings.Repeat("\t./ok\n", maxUses+1)+")\n",
		"twice.work", "go 1.25.0\n\nuse ./ok\n\nuse ./ok/.\n",
		"gone/go.mod", "module example.com/gone\n\ngo 1.25.0\n\nrequire example.com/x v1.0.0\n\nreplace example.com/x => ../none\n",
		"gone/main.go", "package main\n\nimport _ \"example.com/x\"\n\nfunc main() {}\n",
	)
	before := treeDigest(t, dir)
	for _, test := range []struct {
		name, dir string
		options   Options
		want      []string // in the error
	}{
		{"no getenv", "ok", Options{}, []string{"Getenv is nil"}},
		{"no module cache", "ok", Options{Getenv: vars()}, []string{"module cache is unknown"}},
		{"a file", "ok/main.go", Options{Getenv: getenv()}, []string{"main.go is not a directory"}},
		{"workspace file that is not there", "ok", Options{Getenv: getenv("GOWORK=" + filepath.Join(dir, "none.work"))}, []string{"go.work", "no such file"}},
		{"relative workspace", "ok", Options{Getenv: getenv("GOWORK=x.work")}, []string{"GOWORK is x.work"}},
		{"all packages there are", "ok", Options{Getenv: getenv(), Packages: []string{"all"}}, []string{"all", "standard library"}},
		{"every path there is", "ok", Options{Getenv: getenv(), Packages: []string{"..."}}, []string{"standard library"}},
		{"directory of nobody", "ok", Options{Getenv: getenv(), Packages: []string{"../syntax"}}, []string{"not of the main module"}},
		{"directories of nobody", "ok", Options{Getenv: getenv(), Packages: []string{"../..."}}, []string{"not of a main module"}},
		{"version in an import path", "ok", Options{Getenv: getenv(), Packages: []string{"example.com/ok@v1.0.0"}}, []string{"has no version"}},
		{"files of two directories", "ok", Options{Getenv: getenv(), Packages: []string{"main.go", "../syntax/main.go"}}, []string{"in one directory"}},
		{"a file and a package", "ok", Options{Getenv: getenv(), Packages: []string{"main.go", "."}}, []string{"must be .go files"}},
		{"-modfile", "ok", Options{Getenv: getenv("GOFLAGS=-modfile=x.mod")}, []string{"-modfile, which is not supported"}},
		{"malformed go.sum", "badsum", Options{Getenv: getenv()}, []string{"malformed go.sum", "go.sum:2", "2 fields"}},
		{"malformed go.work", "ok", Options{Getenv: getenv("GOWORK=" + filepath.Join(dir, "bad.work"))}, []string{"malformed go.work", "bad.work:3"}},
		{"many modules in go.work", "ok", Options{Getenv: getenv("GOWORK=" + filepath.Join(dir, "many.work"))}, []string{"it uses 5001 modules, want at most 5000"}},
		{"a module twice in go.work", "ok", Options{Getenv: getenv("GOWORK=" + filepath.Join(dir, "twice.work"))}, []string{"appears several times"}},
		{"replaced by nothing", "gone", Options{Getenv: getenv()}, []string{"example.com/x@v1.0.0", "replaced by a directory", "no such file"}},
		{"no go.mod", "nomod", Options{Getenv: getenv()}, []string{"no go.mod in"}},
		{"empty directory", "empty", Options{Getenv: getenv()}, []string{"no go.mod in"}},
		{"no directory", "none", Options{Getenv: getenv()}, []string{"none", "no such file"}},
		{"broken go.mod", "broken", Options{Getenv: getenv()}, []string{"go.mod:3"}},
		{"no package", "nopackage", Options{Getenv: getenv()}, []string{"no packages in", "./..."}},
		{"a newer Go", "newgo", Options{Getenv: getenv()}, []string{"1.9999.0"}},
		{"imports that are not there", "imports", Options{Getenv: getenv()}, []string{"example.com/one", "example.com/imports/two"}},
		{"import of an import", "indirect", Options{Getenv: getenv()}, []string{"example.com/nowhere"}},
		{"syntax error", "syntax", Options{Getenv: getenv()}, []string{"main.go:1:1"}},
		{"module cache is empty", "missing", Options{Getenv: getenv("GOMODCACHE=" + t.TempDir())}, []string{"not in the module cache: golang.org/x/mod@v0.42.0"}},
		{"sum does not match", "missing", Options{Getenv: getenv()}, []string{"golang.org/x/mod@v0.42.0", "checksum mismatch"}},
		{"-mod=mod", "ok", Options{Getenv: getenv("GOFLAGS=-mod=mod")}, []string{"GOFLAGS has -mod=mod"}},
		{"-mod=mod by go env -w", "ok", Options{Getenv: getenv("GOFLAGS=", "GOENV="+filepath.Join(dir, "goenv"))}, []string{"GOFLAGS has -mod=mod"}},
		{"unknown flag in GOFLAGS", "ok", Options{Getenv: getenv("GOFLAGS=-nosuchflag")}, []string{"-nosuchflag"}},
		{"no such package", "ok", Options{Getenv: getenv(), Packages: []string{"./nothing"}}, []string{"nothing"}},
		{"a flag for a package", "ok", Options{Getenv: getenv(), Packages: []string{"-mod=mod"}}, []string{"-mod=mod"}},
		{"standard library", "ok", Options{Getenv: getenv(), Packages: []string{"fmt"}}, []string{"fmt is of the standard library"}},
		{"no such system", "ok", Options{Getenv: getenv(), Targets: []Target{{GOOS: "atari"}}}, []string{"atari"}},
		{"malformed tag", "ok", Options{Getenv: getenv(), Targets: []Target{{Tags: []string{"a,b"}}}}, []string{`malformed build tag "a,b"`}},
		{"empty tag", "ok", Options{Getenv: getenv(), Targets: []Target{{Tags: []string{""}}}}, []string{"malformed build tag"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := Load(t.Context(), filepath.Join(dir, test.dir), test.options)
			if err == nil {
				t.Fatalf("got\n%s\nwant an error with %q", summary(t, d), test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
		})
	}
	if treeDigest(t, dir) != before {
		t.Error("Load changed the sources")
	}

	cause := errors.New("no time left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Load(ctx, filepath.Join(dir, "ok"), Options{Getenv: getenv()}); !errors.Is(err, cause) {
		t.Errorf("cancelled context: got %v, want %v", err, cause)
	}

	// While it loads.
	ctx, cancel = context.WithCancelCause(t.Context())
	o := Options{Getenv: func(name string) string {
		if name == "GOFLAGS" {
			cancel(cause)
		}
		return getenv()(name)
	}}
	if _, err := Load(ctx, "../..", o); !errors.Is(err, cause) {
		t.Errorf("context cancelled on the way: got %v, want %v", err, cause)
	}
}

// Neither a toolchain nor an environment is needed.
func TestLoadWithoutToolchain(t *testing.T) {
	dir := writeFiles(t,
		"go.mod", "module app\n\ngo 1.24.0\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ./lib\n",
		"main.go", "package main\n\nimport (\n\t_ \"app/inner\"\n\t_ \"net/http\"\n\t_ \"example.com/lib\"\n)\n\nfunc main() {}\n",
		"inner/i.go", "package inner\n",
		"inner/new.go", "//go:build go1.25\n\npackage inner\n\nimport _ \"example.com/lib/new\"\n",
		"inner/map.go", "//go:build goexperiment.swissmap\n\npackage inner\n",
		"lib/go.mod", "module example.com/lib\n",
		"lib/l.go", "package lib\n",
		"lib/new/n.go", "package new\n",
	)
	before := treeDigest(t, dir)
	lines := func(o Options) string {
		t.Helper()
		if len(o.Targets) == 0 {
			o.Targets = make([]Target, 1)
		}
		o.Targets[0].GOOS, o.Targets[0].GOARCH = "linux", "amd64"
		d, err := Load(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return summary(t, d)
	}
	want := `runtime application app [pkg:golang/app] complete
runtime library example.com/lib [pkg:golang/example.com/lib] for pkg:golang/example.com/lib@v1.0.0 directory=./lib origin=directory complete
build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
runtime library stdlib [pkg:golang/stdlib] complete
pkg:golang/app → pkg:golang/example.com/lib
pkg:golang/app → pkg:golang/stdlib
CGO_ENABLED=0
GOAMD64=v1
GOARCH=amd64
GOOS=linux
Path=app
mode=module
unknown: the version of the main module
unknown: the Go toolchain: build constraints are read as for go1.24.0, which go.mod asks for
unknown: which experiments the Go toolchain has by default, on which the choice of a file depends
`
	none := t.TempDir()
	if got := lines(Options{ModCache: none, Targets: []Target{{CGO: "0"}}}); got != want {
		t.Errorf("got other lines than wanted:\n%s", diff(got, want))
	}
	if got := lines(Options{Getenv: vars("GOMODCACHE=" + none)}); got != want {
		t.Errorf("got other lines than wanted:\n%s", diff(got, want))
	}

	// With a release, but still without its files.
	got := diff(lines(Options{ModCache: none, Targets: []Target{{CGO: "0", GoVersion: "go1.26.1"}}}), want)
	if wantDiff := `+ build application golang.org/toolchain [pkg:golang/golang.org/toolchain@TOOLCHAIN]
+ runtime library stdlib [pkg:golang/stdlib@GO] complete
+ pkg:golang/app → pkg:golang/stdlib@GO
+ GoVersion=GO
- build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
- runtime library stdlib [pkg:golang/stdlib] complete
- pkg:golang/app → pkg:golang/stdlib
- unknown: the Go toolchain: build constraints are read as for go1.24.0, which go.mod asks for
- unknown: which experiments the Go toolchain has by default, on which the choice of a file depends
`; got != wantDiff {
		t.Errorf("with Options.GoVersion: got\n%swant\n%s", got, wantDiff)
	}

	// With a toolchain that is named and not in PATH.
	with := lines(Options{Getenv: vars("GOROOT="+goroot(t), "GOMODCACHE="+none, "CGO_ENABLED=0")})
	if strings.Contains(with, "toolchain:") || !strings.Contains(with, "GoVersion=GO") {
		t.Errorf("with GOROOT and an empty PATH: got\n%s", with)
	}
	if treeDigest(t, dir) != before {
		t.Error("Load changed the sources")
	}
}

// The same Document comes out whatever the number of processors is.
func TestLoadIsDeterministic(t *testing.T) {
	want := ""
	for n := range 20 {
		old := runtime.GOMAXPROCS(1 + n%4)
		d, err := Load(t.Context(), "../..", Options{Getenv: getenv()})
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(t, d); want == "" {
			want = got
		} else if got != want {
			t.Fatal(diff(got, want))
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	o := Options{Getenv: getenv(), Packages: []string{"."}}
	b.Run("Load", func(b *testing.B) {
		for b.Loop() {
			if _, err := Load(b.Context(), ".", o); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The same question to the go command alone.
	b.Run("go list", func(b *testing.B) {
		for b.Loop() {
			goCommand(b, ".", o.Getenv, "list", "-deps", "-json=ImportPath,Module,Standard,Imports", "-buildvcs=false", ".")
		}
	})
}

// Files that are named one by one are a package with a name that is none of a package.
func TestLoadNamedFiles(t *testing.T) {
	dir := writeFiles(t,
		"go.mod", "module example.com/a\n\ngo 1.24\n",
		"a.go", "package a\n\nimport _ \"embed\"\n\n//go:embed a.txt\nvar text string\n",
		"a.txt", "text",
		"b.go", "package a\n\nimport _ \"command-line-arguments\"\n",
	)
	for _, o := range []Options{
		{Getenv: getenv(), Packages: []string{"command-line-arguments"}},
		{Getenv: getenv(), Packages: []string{"b.go"}},
		{Getenv: getenv()},
		{ModCache: dir, Packages: []string{"command-line-arguments"}}, // without a toolchain
		{ModCache: dir, Packages: []string{"b.go"}},
	} {
		if d, err := Load(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "command-line-arguments") {
			t.Errorf("%q: got %v, %v, want an error", o.Packages, d, err)
		}
	}
	d, err := Load(t.Context(), dir, Options{Getenv: getenv(), Packages: []string{"a.go"}, Embedded: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Main.Embedded) != 1 || d.Main.Embedded[0].Path != "a.txt" {
		t.Errorf("embedded files %v, want a.txt", d.Main.Embedded)
	}
	if err := os.Remove(filepath.Join(dir, "a.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), dir, Options{Getenv: getenv(), Packages: []string{"a.go"}, Embedded: true}); err == nil || !strings.Contains(err.Error(), "no matching files found") {
		t.Errorf("got %v, want an error", err)
	}
}

func TestLoadDanglingLink(t *testing.T) {
	dir := writeFiles(t, "go.mod", "module example.com/a\n\ngo 1.24\n", "a.go", "package a\n")
	link := func(name string) {
		if err := os.Symlink("nowhere", filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links:", err)
		}
	}
	o := Options{Getenv: getenv(), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}
	// Editors leave such links behind.
	link(".#a.go")
	link("b_windows.go")
	if _, err := Load(t.Context(), dir, o); err != nil {
		t.Error(err)
	}
	link("c.go")
	if _, err := Load(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "c.go: no such file") {
		t.Errorf("got %v, want an error", err)
	}
}
