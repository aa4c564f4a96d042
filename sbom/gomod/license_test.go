package gomod_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/license"
)

// A reader is a LicenseScanner that takes the word in a file LICENSE for an
// identifier.
type reader struct {
	mu    sync.Mutex
	calls []string
	cache map[string]string // identifiers by h1
}

func (r *reader) Scan(ctx context.Context, files fs.FS, h1 string, packages []string) (*sbom.Licenses, error) {
	if id, ok := r.cache[h1]; ok {
		return &sbom.Licenses{Declared: id}, nil
	}
	var ids []string
	for _, dir := range append([]string{"."}, packages...) {
		id, err := fs.ReadFile(files, strings.TrimPrefix(dir+"/LICENSE", "./"))
		if err != nil {
			return nil, err
		}
		ids = append(ids, string(id))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, h1+" "+strings.Join(ids, ","))
	return &sbom.Licenses{Declared: strings.Join(ids, " AND ")}, nil
}

func place(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func placeZip(t *testing.T, dir, name string, files map[string]string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for name, text := range files {
		e, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

const sum = "h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4="

// program returns the Document of a program that uses modules as path@version.
func program(t *testing.T, modules ...string) *sbom.Document {
	t.Helper()
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/app", Main: debug.Module{Path: "example.com/app"}}
	for _, m := range modules {
		path, version, _ := strings.Cut(m, "@")
		info.Deps = append(info.Deps, &debug.Module{Path: path, Version: version, Sum: sum})
	}
	d, err := gomod.FromBuildInfo(info, gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// found returns what is declared or unknown of each component that is a module.
func found(d *sbom.Document) string {
	var lines []string
	for _, c := range d.All() {
		lines = append(lines, c.Name+": "+c.Licenses.Declared+c.Licenses.Unknown)
	}
	return strings.Join(lines, "\n")
}

func TestAddLicenses(t *testing.T) {
	dir := t.TempDir()
	// The module cache: a directory, one that is not whole, a zip, nothing.
	place(t, dir, "cache/github.com/!upper/dir@v1.0.0/LICENSE", "Dir")
	place(t, dir, "cache/github.com/!upper/dir@v1.0.0/x/y/LICENSE", "Y")
	place(t, dir, "cache/example.com/part@v1.0.0/LICENSE", "Part")
	place(t, dir, "cache/cache/download/example.com/part/@v/v1.0.0.partial", "")
	placeZip(t, dir, "cache/cache/download/example.com/part/@v/v1.0.0.zip", map[string]string{"example.com/part@v1.0.0/LICENSE": "Whole"})
	placeZip(t, dir, "cache/cache/download/github.com/!upper/zip/@v/v2.0.0+incompatible.zip",
		map[string]string{"github.com/Upper/zip@v2.0.0+incompatible/LICENSE": "Zip"})
	// Outside of it.
	place(t, dir, "app/LICENSE", "App")
	place(t, dir, "app/vendor/example.com/vendored/LICENSE", "Vendored")
	place(t, dir, "app/vendor/example.com/asked/LICENSE", "Fork")
	place(t, dir, "lib/LICENSE", "Lib")
	place(t, dir, "lib/go.mod", "module example.com/lib\n")
	place(t, dir, "other/LICENSE", "Other")
	place(t, dir, "other/go.mod", "module example.com/another\n")
	place(t, dir, "work/LICENSE", "Work")
	place(t, dir, "go/VERSION", "go1.26.8\ntime 2026-08-28T16:20:06Z\n")
	place(t, dir, "go/LICENSE", "Go")

	d := program(t, "github.com/Upper/dir@v1.0.0", "example.com/part@v1.0.0", "github.com/Upper/zip@v2.0.0+incompatible", "example.com/gone@v1.0.0")
	local := func(name, origin, directory, replaces string) {
		c := sbom.Component{Ref: gomod.PURL(name, ""), Name: name, Type: sbom.Library, Scope: sbom.Runtime, Replaces: replaces}
		c.Properties = []sbom.Property{{Name: "origin", Value: origin}}
		if directory != "" {
			c.Properties = append(c.Properties, sbom.Property{Name: "directory", Value: directory})
		}
		d.Components = append(d.Components, c)
	}
	local("example.com/lib", "directory", "../lib", "pkg:golang/example.com/y@v1.0.0")
	local("example.com/other", "directory", "../other", "")
	local("example.com/absolute", "directory", "", "")
	local("example.com/work", "workspace", "", "")
	local("example.com/vendored", "vendor", "", "")
	local("example.com/fork", "vendor", "", "pkg:golang/example.com/asked@v1.0.0")
	local("example.com/unvendored", "vendor", "", "")
	d.Components[slices.IndexFunc(d.Components, func(c sbom.Component) bool { return c.Scope == sbom.Build })].Version = "v0.0.1-go1.26.8.linux-amd64"
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}

	d.Component("pkg:golang/github.com/Upper/dir@v1.0.0").Packages = []string{"x/y"}

	scanner := new(reader)
	var progress []int
	o := gomod.LicenseOptions{
		Places: gomod.Places{
			ModCache: filepath.Join(dir, "cache"), GOROOT: filepath.Join(dir, "go"), Root: filepath.Join(dir, "app"),
			Modules: map[string]string{d.Main.Name: filepath.Join(dir, "app")},
		},
		Directories: map[string]string{"pkg:golang/example.com/work": filepath.Join(dir, "work")},
		Workers:     3,
		Progress: func(done, total int) {
			progress = append(progress, done)
			if total != len(d.All()) {
				t.Errorf("%d modules in all, want %d", total, len(d.All()))
			}
		},
	}
	if err := gomod.AddLicenses(t.Context(), d, scanner, o); err != nil {
		t.Fatal(err)
	}
	const given = "the directory of the module was not given"
	want := strings.Join([]string{
		"example.com/app: App",
		"example.com/absolute: " + given,
		"example.com/fork: Fork",
		"example.com/gone: the module is not in the module cache",
		"example.com/lib: Lib",
		"example.com/other: " + given,
		"example.com/part: Whole",
		"example.com/unvendored: the module is not in the directory vendor",
		"example.com/vendored: Vendored",
		"example.com/work: Work",
		"github.com/Upper/dir: Dir AND Y",
		"github.com/Upper/zip: Zip",
		"golang.org/toolchain: Go",
		"stdlib: Go",
	}, "\n")
	if got := found(d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !slices.IsSorted(progress) || len(progress) != len(d.All()) {
		t.Errorf("progress %v", progress)
	}
	// The sum stands for what is in the module cache and nothing else.
	for _, call := range scanner.calls {
		id := call[strings.LastIndex(call, " ")+1:]
		if fromCache := slices.Contains([]string{"Dir,Y", "Whole", "Zip"}, id); strings.HasPrefix(call, sum) != fromCache {
			t.Errorf("%q", call)
		}
	}

	// With nothing but what the scanner knows.
	if err := gomod.AddLicenses(t.Context(), d, &reader{cache: map[string]string{sum: "Cached"}}, gomod.LicenseOptions{}); err != nil {
		t.Fatal(err)
	}
	want = strings.NewReplacer(
		"app: App", "app: "+given, "fork: Fork", "fork: "+given, "gone: the module is not in the module cache", "gone: Cached", "lib: Lib", "lib: "+given,
		"part: Whole", "part: Cached", "unvendored: the module is not in the directory vendor", "unvendored: "+given, "vendored: Vendored", "vendored: "+given,
		"work: Work", "work: "+given, "Dir AND Y", "Cached", ": Zip", ": Cached",
		"toolchain: Go", "toolchain: the module cache was not given", "stdlib: Go", "stdlib: a Go distribution of this version was not given",
	).Replace(want)
	if got := found(d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// Another Go.
	place(t, dir, "go/VERSION", "go1.26.80\n")
	if err := gomod.AddLicenses(t.Context(), d, new(reader), o); err != nil {
		t.Fatal(err)
	}
	if got := found(d); strings.Contains(got, ": Go") {
		t.Errorf("got\n%s", got)
	}
}

func TestAddLicensesErrors(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "cache/example.com/a@v1.0.0/LICENSE", "A")
	place(t, dir, "cache/example.com/b@v1.0.0/README", "")
	place(t, dir, "cache/cache/download/example.com/c/@v/v1.0.0.zip", "no zip")
	placeZip(t, dir, "cache/cache/download/example.com/d/@v/v1.0.0.zip", map[string]string{"example.com/other@v1.0.0/LICENSE": "D"})
	o := gomod.LicenseOptions{Places: gomod.Places{ModCache: filepath.Join(dir, "cache")}}

	d := program(t, "example.com/a@v1.0.0", "example.com/b@v1.0.0", "example.com/c@v1.0.0", "example.com/d@v1.0.0")
	err := gomod.AddLicenses(t.Context(), d, new(reader), o)
	for _, m := range []string{"b", "c", "d"} {
		if err == nil || !strings.Contains(err.Error(), "gomod: licences of pkg:golang/example.com/"+m+"@v1.0.0: ") {
			t.Errorf("got %v, want an error with module %s", err, m)
		}
	}
	for _, c := range d.All() {
		if c.Licenses != nil {
			t.Errorf("%s was changed", c.Ref)
		}
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := gomod.AddLicenses(cancelled, program(t), new(reader), o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want one that is context.Canceled", err)
	}

	// Paths that lead elsewhere.
	d = program(t)
	d.Components = append(d.Components, sbom.Component{
		Ref: "a", Name: "../../a", Type: sbom.Library, Scope: sbom.Runtime, Properties: []sbom.Property{{Name: "origin", Value: "vendor"}},
	}, sbom.Component{
		Ref: "b", Name: "b", Type: sbom.Library, Scope: sbom.Runtime, Replaces: "pkg:golang/%2E%2E/a@v1", Properties: []sbom.Property{{Name: "origin", Value: "vendor"}},
	}, sbom.Component{
		Ref: "c", Name: "../a", Version: "v1.0.0", Type: sbom.Library, Scope: sbom.Runtime,
	})
	o.Places.Root, o.Places.Modules = dir, map[string]string{d.Main.Name: dir}
	place(t, dir, "LICENSE", "Main")
	err = gomod.AddLicenses(t.Context(), d, new(reader), o)
	for _, want := range []string{`licences of a: malformed module path "../../a"`, `licences of b: malformed package URL "pkg:golang/%2E%2E/a@v1"`, `licences of c: malformed module path "../a"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %s", err, want)
		}
	}
}

func TestConcludedIsKept(t *testing.T) {
	d := program(t)
	d.Main.Licenses = &sbom.Licenses{
		Declared: "LicenseRef-old", Concluded: "MIT OR LicenseRef-own",
		Texts: []sbom.LicenseText{{ID: "LicenseRef-old", Text: "old"}, {ID: "LicenseRef-own", Text: "own"}},
	}
	dir := t.TempDir()
	place(t, dir, "LICENSE", "ISC")
	o := gomod.LicenseOptions{Directories: map[string]string{d.Main.Ref: dir}}
	if err := gomod.AddLicenses(t.Context(), d, new(reader), o); err != nil {
		t.Fatal(err)
	}
	if l := d.Main.Licenses; l.Declared != "ISC" || l.Concluded != "MIT OR LicenseRef-own" || len(l.Texts) != 1 || l.Texts[0].Text != "own" {
		t.Errorf("%+v", l)
	}
}

func ExampleAddLicenses() {
	ctx := context.Background()
	d, err := gomod.FromBuildInfo(&debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "github.com/hallmark-dev/hallmark/cmd",
		Main:      debug.Module{Path: "github.com/hallmark-dev/hallmark"},
	}, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	// With Places, all components have their licences.
	err = gomod.AddLicenses(ctx, d, new(license.Scanner), gomod.LicenseOptions{
		Directories: map[string]string{d.Main.Ref: "../.."},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Main.Licenses.Declared)
	for _, f := range d.Main.Licenses.Files {
		fmt.Println(f.Path, f.Kind, f.Coverage)
	}
	fmt.Println(d.Component("pkg:golang/stdlib@1.26.8").Licenses.Unknown)
	// Output:
	// Apache-2.0
	// LICENSE license 100
	// a Go distribution of this version was not given
}
