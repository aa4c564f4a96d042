package gomod

import (
	"bytes"
	debuginfo "debug/buildinfo"
	"debug/macho"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// build builds a package and returns the program.
func build(t testing.TB, dir string, getenv func(string) string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	goCommand(t, dir, getenv, append([]string{"build", "-o", file}, args...)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const modinfo = `path	example.com/app/cmd/app
mod	example.com/app	v1.2.4-0.20261121104830-bcb64c912b21+dirty	
dep	example.com/lib	v1.0.0
=>	../lib	(devel)	
dep	example.com/old	v1.0.0+incompatible
=>	example.com/New	v1.1.0	h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
dep	example.com/sibling	(devel)	
dep	golang.org/x/mod	v0.42.0	h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
build	-buildmode=exe
build	-compiler=gc
build	-ldflags="-X main.token=secret"
build	-pgo=/home/me/app/default.pgo
build	-tags=a,b
build	CGO_ENABLED=1
build	CGO_CFLAGS="-I /home/me"
build	CGO_CPPFLAGS=
build	GOARCH=amd64
build	GOEXPERIMENT=jsonv2
build	GOOS=linux
build	GOAMD64=v1
build	GOFUTURE=/home/me
build	vcs=git
build	vcs.modified=true
`

func TestReadBinary(t *testing.T) {
	for _, test := range []struct{ name, goVersion, modinfo, want string }{
		{"everything", "go1.26.8-X:jsonv2", modinfo, `runtime application example.com/app [pkg:golang/example.com/app@v1.2.4-0.20261121104830-bcb64c912b21%2Bdirty] bsi:component:executable=executable
runtime library example.com/New [pkg:golang/example.com/New@v1.1.0] h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= for pkg:golang/example.com/old@v1.0.0%2Bincompatible
runtime library example.com/lib [pkg:golang/example.com/lib] for pkg:golang/example.com/lib@v1.0.0 directory=../lib origin=directory
runtime library example.com/sibling [pkg:golang/example.com/sibling] origin=workspace
build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
runtime library golang.org/x/mod [pkg:golang/golang.org/x/mod@v0.42.0] h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
runtime library stdlib [pkg:golang/stdlib@GO]
-buildmode=exe
-compiler=gc
-pgo=default.pgo
-tags=a,b
CGO_ENABLED=1
GOAMD64=v1
GOARCH=amd64
GOEXPERIMENT=jsonv2
GOOS=linux
GoVersion=GO
Path=example.com/app/cmd/app
vcs=git
vcs.modified=true
versionFrom=binary
withheld=-ldflags
withheld=CGO_CFLAGS
withheld=GOFUTURE
unknown: which module imports which: a binary does not record it
unknown: the system that the toolchain ran on, and so its version as a module
unknown: whether C libraries are linked into it, and which: a binary does not record it
`},
		{"built from a file", "go1.26.8", "path\tcommand-line-arguments\ndep\tgolang.org/x/mod\tv0.42.0\t\n", `runtime application command-line-arguments [command-line-arguments] bsi:component:executable=executable
build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
runtime library golang.org/x/mod [pkg:golang/golang.org/x/mod@v0.42.0]
runtime library stdlib [pkg:golang/stdlib@GO]
GoVersion=GO
Path=command-line-arguments
unknown: the module of the main package: it was built from files, or with the toolchain
unknown: the version of the main module
unknown: which module imports which: a binary does not record it
unknown: the system that the toolchain ran on, and so its version as a module
unknown: whether C libraries are linked into it, and which: a binary does not record it
`},
		{"a library, a development version of Go, an absolute directory", "devel go1.27-9d3a6b1", "path\texample.com/l\nmod\texample.com/l\t(devel)\t\ndep\texample.com/d\tv1.0.0\n=>\t/home/me/d\t(devel)\t\nbuild\t-buildmode=c-shared\n", `runtime library example.com/l [pkg:golang/example.com/l] bsi:component:executable=executable
runtime library example.com/d [pkg:golang/example.com/d] for pkg:golang/example.com/d@v1.0.0 origin=directory
build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
runtime library stdlib [pkg:golang/stdlib]
-buildmode=c-shared
GoVersion=GO
Path=example.com/l
unknown: the version of the main module
unknown: which module imports which: a binary does not record it
unknown: the system that the toolchain ran on, and so its version as a module
unknown: whether C libraries are linked into it, and which: a binary does not record it
`},
		{"installed by version", "go1.26.8", "path\texample.com/m/cmd/c\nmod\texample.com/m\tv1.0.0\th1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", `runtime application example.com/m [pkg:golang/example.com/m@v1.0.0] h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= bsi:component:executable=executable
build application golang.org/toolchain [pkg:golang/golang.org/toolchain]
runtime library stdlib [pkg:golang/stdlib@GO]
GoVersion=GO
Path=example.com/m/cmd/c
versionFrom=binary
unknown: which module imports which: a binary does not record it
unknown: the system that the toolchain ran on, and so its version as a module
unknown: whether C libraries are linked into it, and which: a binary does not record it
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := ReadBinary(bytes.NewReader(elfFile(test.goVersion, test.modinfo)), BinaryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(t, d); got != test.want {
				t.Errorf("got other lines than wanted:\n%s", diff(got, test.want))
			}
			if d.Phase != sbom.PostBuild {
				t.Errorf("phase %q", d.Phase)
			}
		})
	}
}

// What is withheld by name can be had.
func TestUnredacted(t *testing.T) {
	text := strings.Replace(modinfo, "../lib", "/home/me/lib", 1) + "build\t-gcflags=\"-N\\n -l\"\nbuild\tCGO_LDFLAGS=" + strings.Repeat("x", maxText+1) + "\n"
	data := elfFile("go1.26.8", text)
	d, err := ReadBinary(bytes.NewReader(data), BinaryOptions{Unredacted: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"-ldflags": "-X main.token=secret", "-pgo": "/home/me/app/default.pgo", "CGO_CFLAGS": "-I /home/me", "GOFUTURE": "/home/me",
		"-gcflags": "-N\n -l", "GOOS": "linux", "withheld": "",
	} {
		if got := property(d.Properties, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !slices.Contains(d.Properties, sbom.Property{Name: "CGO_CPPFLAGS"}) {
		t.Error("a setting without a value is missing")
	}
	replaced := d.Component("pkg:golang/example.com/lib")
	if got := property(replaced.Properties, "directory"); got != "/home/me/lib" {
		t.Errorf("directory is %q", got)
	}

	// More is said, and nothing else: both describe the same program.
	strict, err := ReadBinary(bytes.NewReader(data), BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	strict.Phase = sbom.PreBuild
	if err := Reconcile(strict, d); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"/home", "secret", "CGO_CPPFLAGS"} {
		if strings.Contains(summary(t, strict), text) {
			t.Errorf("the strict Document has %q", text)
		}
	}

	_, err = FromBuildInfo(&debug.BuildInfo{Path: "p", Settings: []debug.BuildSetting{{Key: "-x", Value: strings.Repeat("x", maxRawSetting+1)}}}, BinaryOptions{Unredacted: true})
	if err == nil || err.Error() != `malformed binary: "-x": 1048577 bytes, want at most 1048576` {
		t.Errorf("a long setting: got %v", err)
	}
}

func TestReadBinaryErrors(t *testing.T) {
	whole := elfFile("go1.26.8", modinfo)
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "malformed binary: "},
		{"text", []byte(strings.Repeat("not a program\n", 10)), "malformed binary: "},
		{"cut in the header", whole[:50], "malformed binary: "},
		{"cut in the program header", whole[:100], "malformed binary: "},
		{"cut in the build information", whole[:400], "malformed binary: "},
		{"no Go program", bytes.Replace(whole, []byte(" Go buildinf:"), []byte(" No buildinf:"), 1), "malformed binary: "},
		{"malformed line", elfFile("go1.26.8", "path\tp\nmod\tonly\n"), "malformed binary: "},
		{"replacement of nothing", elfFile("go1.26.8", "path\tp\n=>\ta\tv1\t\n"), "malformed binary: "},
		{"malformed sum", elfFile("go1.26.8", "path\tp\nmod\tm\tv1\th1:short\n"), `malformed binary: module m v1: malformed module sum "h1:short"`},
		{"sum of another kind", elfFile("go1.26.8", "path\tp\nmod\tm\tv1\th2:AAAA\n"), "malformed binary: module m v1: malformed module sum"},
		{"twice the same module", elfFile("go1.26.8", "path\tp\nmod\tm\tv1\t\ndep\ta\tv1\t\ndep\ta\tv1\t\n"), "malformed binary: sbom: pkg:golang/a@v1: its ref occurs twice"},
		{"nameless module", elfFile("go1.26.8", "path\tp\nmod\tm\tv1\t\ndep\t\tv1\t\n"), "malformed binary: module 1: it has no path"},
		{"control character", elfFile("go1.26.8", "path\tp\nmod\tm\x1b[2J\tv1\t\n"), `malformed binary: main module: "path": "m\x1b[2J" is not text`},
		{"not UTF-8", elfFile("go1.26.8", "path\tp\nmod\tm\tv1\xff\t\n"), `is not text`},
		{"not UTF-8 in a setting", elfFile("go1.26.8", "path\tp\nbuild\tGOOS=\xff\n"), `malformed binary: "GOOS": "\xff" is not text`},
		{"long path", elfFile("go1.26.8", "path\tp\nmod\t"+strings.Repeat("m", maxText+1)+"\tv1\t\n"), `malformed binary: main module: "path": 8193 bytes, want at most 8192`},
		{"many modules", elfFile("go1.26.8", "path\tp\n"+strings.Repeat("dep\ta\tv1\t\n", maxModules+1)), "malformed binary: 20001 modules, want at most 20000"},
		{"many settings", elfFile("go1.26.8", "path\tp\n"+strings.Repeat("build\ta=b\n", maxSettings+1)), "malformed binary: 1001 build settings, want at most 1000"},
		{"no modules recorded", elfFile("go1.26.8", ""), "does not record its modules"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := ReadBinary(bytes.NewReader(test.data), BinaryOptions{})
			if err == nil {
				t.Fatalf("got\n%s\nwant an error with %q", summary(t, d), test.want)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %q in it", err, test.want)
			}
		})
	}

	broken := errors.New("the disk is gone")
	_, err := ReadBinary(readerAt(func([]byte, int64) (int, error) { return 0, broken }), BinaryOptions{})
	if !errors.Is(err, broken) || strings.Contains(err.Error(), "malformed") {
		t.Errorf("reader that fails: got %v, want %v", err, broken)
	}
	for _, info := range []*debug.BuildInfo{
		nil,
		{Path: "p", Deps: []*debug.Module{nil}},
		{Path: "p", Deps: []*debug.Module{{Path: "a", Replace: &debug.Module{}}}},
		{Path: "p", Deps: []*debug.Module{{Path: "a", Replace: &debug.Module{Path: "b", Replace: &debug.Module{Path: "c"}}}}},
	} {
		if d, err := FromBuildInfo(info, BinaryOptions{}); err == nil {
			t.Errorf("got\n%s\nwant an error", summary(t, d))
		}
	}
}

type readerAt func([]byte, int64) (int, error)

func (r readerAt) ReadAt(p []byte, off int64) (int, error) { return r(p, off) }

// Real programs, for two systems, against their sources.
func TestReconcile(t *testing.T) {
	dir := fixture(t)
	app := filepath.Join(dir, "app")
	var source, binary *sbom.Document
	for _, test := range []struct {
		goos, goarch string
		tags, flags  []string
	}{
		{goos: "windows", goarch: "arm64", tags: []string{"special", "other"}, flags: []string{"-trimpath", "-tags=other,special"}},
		{goos: "linux", goarch: "amd64", flags: []string{"-ldflags=-s -w"}},
	} {
		env := getenv("GOOS="+test.goos, "GOARCH="+test.goarch)
		var err error
		source, err = Load(t.Context(), app, Options{Getenv: env, Packages: []string{"."}, Version: "v1.0.0", Targets: []Target{{Tags: test.tags}}})
		if err != nil {
			t.Fatal(err)
		}
		program := build(t, app, env, append(test.flags, ".")...)
		if binary, err = ReadBinary(bytes.NewReader(program), BinaryOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Reconcile(source, binary); err != nil {
			t.Errorf("%s/%s: %v", test.goos, test.goarch, err)
		}
		if _, err := ReadBinary(bytes.NewReader(program[:len(program)/50]), BinaryOptions{}); err == nil || !strings.HasPrefix(err.Error(), "malformed binary: ") {
			t.Errorf("%s/%s: truncated: got %v", test.goos, test.goarch, err)
		}
	}

	vendored := build(t, app, getenv("GOOS=linux", "GOARCH=amd64"), ".")
	goCommand(t, app, getenv(), "mod", "vendor")
	fromVendor, err := Load(t.Context(), app, Options{Getenv: getenv(), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadBinary(bytes.NewReader(vendored), BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Reconcile(fromVendor, b); err != nil {
		t.Errorf("vendor: %v", err)
	}

	if err := Reconcile(binary, source); err == nil || !strings.Contains(err.Error(), `phase "post-build" and "pre-build"`) {
		t.Errorf("source and binary swapped: got %v", err)
	}
	if err := Reconcile(source, source); err == nil {
		t.Error("two sources agree")
	}
}

func TestReconcileDifferences(t *testing.T) {
	const sum = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	info := func() *debug.BuildInfo {
		return &debug.BuildInfo{
			GoVersion: "go1.26.8",
			Path:      "example.com/app",
			Main:      debug.Module{Path: "example.com/app", Version: "v1.0.0"},
			Deps: []*debug.Module{
				{Path: "example.com/a", Version: "v1.0.0", Sum: sum},
				{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v1.0.0", Sum: sum}},
				{Path: "example.com/d", Version: "v1.0.0", Replace: &debug.Module{Path: "../d", Version: "(devel)"}},
			},
			Settings: []debug.BuildSetting{
				{Key: "-tags", Value: "x,y"},
				{Key: "CGO_ENABLED", Value: "0"},
				{Key: "GOARCH", Value: "amd64"},
				{Key: "GOAMD64", Value: "v1"},
				{Key: "GOOS", Value: "linux"},
				{Key: "-trimpath", Value: "true"},
			},
		}
	}
	document := func(info *debug.BuildInfo) *sbom.Document {
		d, err := FromBuildInfo(info, BinaryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	set := func(key, value string) func(*debug.BuildInfo) {
		return func(i *debug.BuildInfo) {
			for j := range i.Settings {
				if i.Settings[j].Key == key {
					i.Settings[j].Value = value
					return
				}
			}
			i.Settings = append(i.Settings, debug.BuildSetting{Key: key, Value: value})
		}
	}
	// The source's own Document differs in what this does not compare.
	source := document(info())
	source.Phase = sbom.PreBuild
	source.Properties = append(source.Properties, sbom.Property{Name: "Path", Value: "example.com/app/cmd/other"})
	source.Component("pkg:golang/example.com/d").Name = "example.com/name-in-go.mod"
	if err := source.Sort(); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name   string
		change func(*debug.BuildInfo)
		want   string
	}{
		{"nothing", func(i *debug.BuildInfo) {}, ""},
		{"order of tags", set("-tags", "y,x"), ""},
		{"-trimpath", set("-trimpath", "false"), ""},
		{"unknown version of main", func(i *debug.BuildInfo) { i.Main.Version = "(devel)" }, ""},
		{
			"main module", func(i *debug.BuildInfo) { i.Main.Path = "example.com/other" },
			"main module: source has example.com/app, binary has example.com/other",
		},
		{
			"version of main", func(i *debug.BuildInfo) { i.Main.Version = "v1.0.0+dirty" },
			"version of the main module: source has v1.0.0, binary has v1.0.0+dirty",
		},
		{
			"main package", func(i *debug.BuildInfo) { i.Path = "example.com/app/cmd/third" },
			"main package: source has example.com/app, example.com/app/cmd/other, binary has example.com/app/cmd/third",
		},
		{
			"module less", func(i *debug.BuildInfo) { i.Deps = i.Deps[1:] },
			"module example.com/a v1.0.0: in the source, not in the binary",
		},
		{
			"module more", func(i *debug.BuildInfo) {
				i.Deps = append(i.Deps, &debug.Module{Path: "example.com/x", Version: "v0.1.0"})
			},
			"module example.com/x v0.1.0: in the binary, not in the source",
		},
		{
			"version", func(i *debug.BuildInfo) { i.Deps[0].Version = "v1.0.1" },
			"module example.com/a: version: source has v1.0.0, binary has v1.0.1",
		},
		{
			"sum", func(i *debug.BuildInfo) { i.Deps[0].Sum = "h1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
			"module example.com/a: sum: source has h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, binary has h1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		},
		{
			"no sum", func(i *debug.BuildInfo) { i.Deps[0].Sum = "" },
			"module example.com/a: sum: source has h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, binary has none",
		},
		{
			"another replacement", func(i *debug.BuildInfo) { i.Deps[1].Replace.Path = "example.com/e" },
			"module example.com/b: name: source has example.com/c, binary has example.com/e",
		},
		{
			"replacement of another version", func(i *debug.BuildInfo) { i.Deps[1].Version = "v1.0.1" },
			"module example.com/b: what it replaces: source has pkg:golang/example.com/b@v1.0.0, binary has pkg:golang/example.com/b@v1.0.1",
		},
		{
			"not replaced", func(i *debug.BuildInfo) {
				i.Deps[1] = &debug.Module{Path: "example.com/b", Version: "v1.0.0", Sum: sum}
			},
			"module example.com/b: what it replaces: source has pkg:golang/example.com/b@v1.0.0, binary has none\nmodule example.com/b: name: source has example.com/c, binary has example.com/b",
		},
		{
			"another directory", func(i *debug.BuildInfo) { i.Deps[2].Replace.Path = "../evil" },
			"module example.com/d: directory: source has ../d, binary has ../evil",
		},
		{
			"a module named like the standard library", func(i *debug.BuildInfo) {
				i.Deps = append(i.Deps, &debug.Module{Path: "stdlib", Version: "(devel)"})
			},
			"module stdlib: version: source has 1.26.8, binary has none\nmodule pkg:golang/stdlib@1.26.8 1.26.8: in the binary, not in the source",
		},
		{
			"Go release", func(i *debug.BuildInfo) { i.GoVersion = "go1.26.9" },
			"module stdlib: version: source has 1.26.8, binary has 1.26.9",
		},
		{
			"experiment", func(i *debug.BuildInfo) {
				i.GoVersion = "go1.26.8-X:jsonv2"
				set("GOEXPERIMENT", "jsonv2")(i)
			},
			"GOEXPERIMENT: source has none, binary has jsonv2",
		},
		{
			"target", func(i *debug.BuildInfo) {
				set("GOOS", "darwin")(i)
				set("GOARCH", "arm64")(i)
				set("GOARM64", "v8.0")(i)
			},
			"GOOS: source has linux, binary has darwin\nGOARCH: source has amd64, binary has arm64\nGOARM64: source has none, binary has v8.0",
		},
		{"processor", set("GOAMD64", "v3"), "GOAMD64: source has v1, binary has v3"},
		{"cgo", set("CGO_ENABLED", "1"), "CGO_ENABLED: source has 0, binary has 1"},
		{
			"FIPS module", func(i *debug.BuildInfo) {
				set("GOFIPS140", "v1.0.0-c2097c7c")(i)
				set("-tags", "x,y,fips140v1.0")(i)
			},
			"GOFIPS140: source has none, binary has v1.0.0-c2097c7c",
		},
		{"tags", set("-tags", "x"), "-tags: source has x,y, binary has x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := info()
			test.change(i)
			err := Reconcile(source, document(i))
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "gomod: source and binary differ:\n")
			}
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}

	for _, test := range []struct {
		source, binary string
		same           bool
	}{
		{"v1.0.0", "v1.0.0-c2097c7c", true},
		{"v1.0.0-c2097c7c", "v1.0.0-c2097c7c", true},
		{"certified", "v1.0.0-c2097c7c", true},
		{"latest", "latest", true},
		{"v1.0.0", "v1.1.0-00000000", false},
		{"latest", "v1.0.0-c2097c7c", false},
		{"certified", "", false},
	} {
		i := info()
		set("GOFIPS140", test.source)(i)
		s := document(i)
		s.Phase = sbom.PreBuild
		set("GOFIPS140", test.binary)(i)
		if err := Reconcile(s, document(i)); (err == nil) != test.same {
			t.Errorf("GOFIPS140=%s, binary with %s: got %v", test.source, test.binary, err)
		}
	}

	// Without a release, the whole version must be the same.
	devel := func(version string) *sbom.Document {
		i := info()
		i.GoVersion = version
		return document(i)
	}
	source = devel("go1.27-devel_1")
	source.Phase = sbom.PreBuild
	if err := Reconcile(source, devel("go1.27-devel_1-X:jsonv2")); err != nil {
		t.Errorf("same development version: %v", err)
	}
	if err := Reconcile(source, devel("go1.27-devel_2")); err == nil || !strings.Contains(err.Error(), "Go version: source has go1.27-devel_1, binary has go1.27-devel_2") {
		t.Errorf("other development version: got %v", err)
	}
}

// Documents for several targets are compared target by target.
func TestReconcileTargets(t *testing.T) {
	info := func(target, tags string, modules ...string) *debug.BuildInfo {
		goos, goarch, _ := strings.Cut(target, "/")
		i := &debug.BuildInfo{
			GoVersion: "go1.26.8", Path: "m/cmd", Main: debug.Module{Path: "m"},
			Settings: []debug.BuildSetting{{Key: "GOOS", Value: goos}, {Key: "GOARCH", Value: goarch}, {Key: "-tags", Value: tags}},
		}
		for _, m := range modules {
			i.Deps = append(i.Deps, &debug.Module{Path: m, Version: "v1.0.0"})
		}
		return i
	}
	document := func(phase sbom.Phase, info *debug.BuildInfo) *sbom.Document {
		d, err := FromBuildInfo(info, BinaryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d.Phase = phase
		return d
	}
	union := func(docs map[string]*sbom.Document) *sbom.Document {
		d, err := sbom.Union(docs)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	source := func(target, tags string, modules ...string) *sbom.Document {
		d := document(sbom.PreBuild, info(target, tags, modules...))
		// What is not linked is in the sources and in no binary.
		for _, scope := range []sbom.Scope{sbom.TestOnly, sbom.ToolOnly, sbom.GraphOnly} {
			ref := PURL("only/"+string(scope), "v1.0.0")
			d.Components = append(d.Components, sbom.Component{Ref: ref, PURL: ref, Name: "only", Type: sbom.Library, Scope: scope})
		}
		return d
	}
	binary := func(target, tags string, modules ...string) *sbom.Document {
		d := document(sbom.PostBuild, info(target, tags, modules...))
		d.Components = append(d.Components, sbom.Component{Ref: "system:c", Name: "c", Type: sbom.Library, Scope: sbom.System})
		return d
	}
	// b is only tested on darwin/arm64.
	tested := source("darwin/arm64", "", "a")
	tested.Components = append(tested.Components, sbom.Component{Ref: "pkg:golang/b@v1.0.0", PURL: "pkg:golang/b@v1.0.0", Name: "b", Version: "v1.0.0", Type: sbom.Library, Scope: sbom.TestOnly})
	three := union(map[string]*sbom.Document{
		"linux/amd64": source("linux/amd64", "", "a", "l"), "darwin/amd64": source("darwin/amd64", "", "a", "b"), "darwin/arm64": tested,
	})
	tags := union(map[string]*sbom.Document{"plain": source("linux/amd64", "", "a"), "tagged": source("linux/amd64", "x", "a", "x", "y")})
	fat := func(amd64, arm64 *sbom.Document) *sbom.Document {
		return union(map[string]*sbom.Document{"darwin/amd64": amd64, "darwin/arm64": arm64})
	}
	for _, test := range []struct {
		name           string
		source, binary *sbom.Document
		want           string
	}{
		{"fat", three, fat(binary("darwin/amd64", "", "a", "b"), binary("darwin/arm64", "", "a")), ""},
		{"one of three", three, binary("linux/amd64", "", "l", "a"), ""},
		{"a module that another target has", three, binary("linux/amd64", "", "a", "b", "l"), "target linux/amd64: module b v1.0.0: in the binary, not in the source"},
		{
			"in both and in one", three, fat(binary("darwin/amd64", "", "b"), binary("darwin/arm64", "", "b")),
			"target darwin/amd64: module a v1.0.0: in the source, not in the binary\ntarget darwin/arm64: module a v1.0.0: in the source, not in the binary\ntarget darwin/arm64: module b v1.0.0: in the binary, not in the source",
		},
		{"a target more", three, binary("windows/amd64", "", "a"), "target windows/amd64: in the binary, not in the source"},
		{
			"fat, and sources of one", source("darwin/amd64", "", "a"), fat(binary("darwin/amd64", "", "a"), binary("darwin/arm64", "", "a")),
			"target darwin/arm64: GOARCH: source has amd64, binary has arm64",
		},
		{"tags", tags, binary("linux/amd64", "x", "a", "x", "y"), ""},
		{"no tags", tags, binary("linux/amd64", "", "a"), ""},
		{"the closest of two", tags, binary("linux/amd64", "x", "a", "x"), "target linux/amd64: module y v1.0.0: in the source, not in the binary"},
	} {
		got := ""
		if err := Reconcile(test.source, test.binary); err != nil {
			got = strings.TrimPrefix(err.Error(), "gomod: source and binary differ:\n")
		}
		if got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func FuzzReadBinary(f *testing.F) {
	f.Add(elfFile("go1.26.8", modinfo))
	f.Add(elfFile("devel go1.27-9d3a6b1", "path\tcommand-line-arguments\ndep\ta\tv1\t\n=>\t./b\t\t\n"))
	f.Add([]byte("MZ"))
	f.Add([]byte("\xfe\xed\xfa\xce"))
	f.Add([]byte("\xca\xfe\xba\xbe"))
	f.Add(elfFile("go1.26.8", modinfo, "libc.so.6", "/home/me/x.so"))
	f.Add(peFile("go1.26.8", modinfo, "KERNEL32.dll", "user32.dll"))
	f.Add(machOFile(macho.CpuArm64, "go1.26.8", modinfo, "/usr/lib/libSystem.B.dylib", "weak @rpath/x.dylib"))
	f.Add(fatFile(fat32, machOFile(macho.CpuAmd64, "go1.26.8", "path\tp\n"), machOFile(macho.CpuArm64, "go1.26.8", "path\tp\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadBinary(bytes.NewReader(data), BinaryOptions{})
		if err != nil {
			return
		}
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		again, err := ReadBinary(bytes.NewReader(data), BinaryOptions{})
		if err != nil || summary(t, again) != summary(t, d) {
			t.Error("read twice, with two results")
		}
	})
}

// FuzzFromBuildInfo changes the text of the build information, which fuzzing a
// whole binary seldom reaches.
func FuzzFromBuildInfo(f *testing.F) {
	f.Add("go1.26.8", modinfo)
	f.Fuzz(func(t *testing.T, goVersion, text string) {
		info, err := debug.ParseBuildInfo(text)
		if err != nil {
			return
		}
		info.GoVersion = goVersion
		d, err := FromBuildInfo(info, BinaryOptions{})
		if err != nil {
			return
		}
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		for i := range d.Components {
			if p, ok := strings.CutPrefix(d.Components[i].PURL, "pkg:golang/"); !ok || strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~:/%@") != "" {
				t.Errorf("PURL %q", d.Components[i].PURL)
			}
		}
		source := *d
		source.Phase = sbom.PreBuild
		if err := Reconcile(&source, d); err != nil {
			t.Errorf("a document differs from itself: %v", err)
		}
	})
}

// The time is to be compared with that of package debug/buildinfo, which is most of
// what "go version -m" does.
func BenchmarkReadBinary(b *testing.B) {
	for _, target := range []string{"linux", "darwin", "windows"} {
		program := build(b, ".", getenv("GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS="+target), "cmd/vet")
		b.Run(target, func(b *testing.B) {
			b.SetBytes(int64(len(program)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadBinary(bytes.NewReader(program), BinaryOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(target+"/debug/buildinfo", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := debuginfo.Read(bytes.NewReader(program)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestDifference(t *testing.T) {
	source, binary := new(debug.BuildInfo), new(debug.BuildInfo)
	*source = debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/app", Main: debug.Module{Path: "example.com/app"}, Deps: []*debug.Module{
		{Path: "example.com/a", Version: "v1.0.0"}, {Path: "example.com/b", Version: "v1.0.0"},
	}}
	*binary = *source
	binary.Deps = []*debug.Module{{Path: "example.com/b", Version: "v1.1.0"}, {Path: "example.com/c", Version: "(devel)"}}
	s, err := FromBuildInfo(source, BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Phase = sbom.PreBuild
	b, err := FromBuildInfo(binary, BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []Difference
	for _, e := range errors.Unwrap(Reconcile(s, b)).(interface{ Unwrap() []error }).Unwrap() {
		d, ok := errors.AsType[*Difference](e)
		if !ok {
			t.Fatalf("%v is a %T", e, e)
		}
		got = append(got, *d)
	}
	if want := []Difference{
		{What: "module example.com/a", Source: "v1.0.0", only: onlySource},
		{What: "module example.com/b: version", Source: "v1.0.0", Binary: "v1.1.0"},
		{What: "module example.com/c", Binary: "(devel)", only: onlyBinary},
	}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
