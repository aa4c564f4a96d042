package gomod

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// standings writes a module and those that stand to it in every way there is.
func standings(t *testing.T) (dir string) {
	module := func(name, requires string) string {
		return "module example.com/" + name + "\n\ngo 1.25\n" + requires
	}
	return writeFiles(t,
		"app/go.mod", module("app", `
tool example.com/tool/cmd/gen

require (
	example.com/a v1.0.0
	example.com/forked v1.0.0
	example.com/tested v1.0.0
	example.com/tool v1.0.0
	example.com/tooled v1.0.0
	example.com/unused v1.0.0
	example.com/windows v1.0.0
)

require (
	example.com/b v1.0.0
	example.com/deep v1.0.0
	example.com/tagged v1.0.0
)

exclude (
	example.com/a v0.9.0
	example.com/never v1.0.0
)

replace (
	example.com/a => ../a
	example.com/b => ../b
	example.com/deep => ../deep
	example.com/forked => ../fork
	example.com/tagged => ../tagged
	example.com/tested => ../tested
	example.com/tool => ../tool
	example.com/tooled => ../tooled
	example.com/unused => ../unused
	example.com/windows => ../windows
)
`),
		"app/main.go", "package main\n\nimport (\n\t_ \"example.com/a\"\n\t_ \"example.com/forked\"\n\t_ \"fmt\"\n)\n\nfunc main() {}\n",
		"app/doc.go", "package documentation\n\nimport _ \"example.com/unused\"\n", // which go build passes over
		"app/main_test.go", "package main\n\nimport _ \"example.com/tested/x\"\n",
		"app/x_windows.go", "package main\n\nimport _ \"example.com/windows\"\n",
		"a/go.mod", module("a", "\nrequire example.com/b v1.0.0\n"),
		"a/a.go", "package a\n\nimport _ \"example.com/b/y\"\n",
		"a/tag.go", "//go:build special && !other\n\npackage a\n\nimport _ \"example.com/tagged\"\n",
		"a/ignored.go", "//go:build ignore\n\npackage main\n\nimport _ \"example.com/unused\"\n",
		"b/go.mod", module("b", ""),
		"b/y/y.go", "package y\n",
		"deep/go.mod", module("deep", ""),
		"deep/d.go", "package deep\n",
		"fork/go.mod", module("fork", ""),
		"fork/f.go", "package fork\n",
		"tagged/go.mod", module("tagged", ""),
		"tagged/t.go", "package tagged\n",
		"tested/go.mod", module("tested", ""),
		"tested/x/x.go", "package x\n",
		"tool/go.mod", module("tool", "\nrequire example.com/tooled v1.0.0\n"),
		"tool/cmd/gen/main.go", "package main\n\nimport _ \"example.com/tooled\"\n\nfunc main() {}\n",
		"tooled/go.mod", module("tooled", ""),
		"tooled/t.go", "package tooled\n",
		"unused/go.mod", module("unused", "\nrequire example.com/deep v1.0.0\n"),
		"unused/u.go", "package unused\n",
		"windows/go.mod", module("windows", ""),
		"windows/w.go", "package windows\n",
	)
}

func TestWhy(t *testing.T) {
	dir := standings(t)
	before := treeDigest(t, dir)
	o := Options{Getenv: getenv(), Packages: []string{"."}, Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}}
	release := strings.TrimPrefix(strings.TrimSpace(goCommand(t, ".", getenv(), "env", "GOVERSION")), "go")
	for _, tt := range []struct{ name, want string }{
		{"example.com/app", "example.com/app: linked|example.com/app"},
		{"pkg:golang/example.com/b", "example.com/b v1.0.0: linked, replaced by ../b|example.com/app|example.com/a|example.com/b/y"},
		{"pkg:golang/example.com/fork", "example.com/forked v1.0.0: linked, replaced by ../fork|example.com/app|example.com/forked"},
		{"stdlib", "stdlib 1.26.8: linked|example.com/app|fmt"},
		{"example.com/tested@v1.0.0", "example.com/tested v1.0.0: test only, replaced by ../tested|example.com/app [test]|example.com/tested/x"},
		{"example.com/tooled", "example.com/tooled v1.0.0: tool only, replaced by ../tooled|example.com/tool/cmd/gen|example.com/tooled"},
		{"example.com/windows", "example.com/windows v1.0.0: other target only, replaced by ../windows, by example.com/app/x_windows.go|example.com/app|example.com/windows"},
		{"example.com/tagged", "example.com/tagged v1.0.0: other target only, replaced by ../tagged, by example.com/a/tag.go|example.com/app|example.com/a|example.com/tagged"},
		{"example.com/unused", "example.com/unused v1.0.0: required, not used, replaced by ../unused|example.com/app|example.com/unused@v1.0.0"},
		{"example.com/a@v1.0.1", "example.com/a v1.0.0: linked (v1.0.1 was asked for), replaced by ../a|example.com/app|example.com/a"},
		{"example.com/a@v0.9.0", "example.com/a v1.0.0: excluded, replaced by ../a"},
		{"example.com/never", "example.com/never: excluded"},
		{"example.com/never@v1.1.0", "example.com/never: not required (v1.1.0 was asked for)"},
		{"example.com/elsewhere", "example.com/elsewhere: not required"},
	} {
		r, err := Why(t.Context(), filepath.Join(dir, "app"), o, tt.name)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := strings.Replace(tt.want, "stdlib 1.26.8", "stdlib "+release, 1)
		lines := strings.Split(r.String(), "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%s: got  %s\nwant %s", tt.name, got, want)
		}
	}
	o.Targets = append(o.Targets, Target{GOOS: "windows", GOARCH: "amd64"})
	if r, err := Why(t.Context(), filepath.Join(dir, "app"), o, "example.com/windows"); err != nil || r.Standing != Linked {
		t.Errorf("with windows: %v, %v", r, err)
	}
	for _, name := range []string{"", "../a", "pkg:golang/%zz", "go", "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64", "example.com/\x00"} {
		if r, err := Why(t.Context(), filepath.Join(dir, "app"), o, name); err == nil || !strings.Contains(err.Error(), "malformed module name") {
			t.Errorf("%q: %v, %v", name, r, err)
		}
	}
	if treeDigest(t, dir) != before {
		t.Error("the sources were changed")
	}
}

// What is printed is what it is, whatever a go.mod or a directory has for names.
func TestReasonIsPrintable(t *testing.T) {
	const odd = "../\x1b[2J\nexample.com/b: linked"
	for _, s := range []string{
		(&Reason{Module: "example.com/a", Standing: OtherTarget, Replaced: odd, File: odd, Imports: []string{odd}}).String(),
		VendoredModule{Path: "example.com/a", ReplacePath: odd, Extra: []string{odd, "a,b"}}.String(),
	} {
		if strings.Contains(s, "\x1b") || strings.Contains(s, "\nexample.com/b") {
			t.Errorf("got %q", s)
		}
	}
}

func TestLoadScopes(t *testing.T) {
	app := filepath.Join(standings(t), "app")
	o := Options{Getenv: getenv(), Packages: []string{"."}, Targets: []Target{{GOOS: "linux", GOARCH: "amd64", CGO: "0"}}}
	scopes := func() map[string]sbom.Scope {
		t.Helper()
		d, err := Load(t.Context(), app, o)
		if err != nil {
			t.Fatal(err)
		}
		scopes := make(map[string]sbom.Scope)
		for _, c := range d.Components {
			if c.Scope != sbom.Build && c.Name != stdlibName {
				scopes[strings.TrimPrefix(c.Name, "example.com/")] = c.Scope
			}
			if d.Why(c.Ref) == nil != (c.Scope != sbom.Runtime) {
				t.Errorf("%s has the scope %s, and %q leads to it", c.Ref, c.Scope, d.Why(c.Ref))
			}
		}
		return scopes
	}
	want := map[string]sbom.Scope{"a": sbom.Runtime, "b": sbom.Runtime, "fork": sbom.Runtime}
	if got := scopes(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	o.Tests = true
	want["tested"] = sbom.TestOnly
	if got := scopes(); !maps.Equal(got, want) {
		t.Errorf("with tests: got %v, want %v", got, want)
	}
	o.Tools = true
	want["tool"], want["tooled"] = sbom.ToolOnly, sbom.ToolOnly
	if got := scopes(); !maps.Equal(got, want) {
		t.Errorf("with tools: got %v, want %v", got, want)
	}
	o.Graph = true
	for _, m := range []string{"deep", "tagged", "unused", "windows"} {
		want[m] = sbom.GraphOnly
	}
	if got := scopes(); !maps.Equal(got, want) {
		t.Errorf("with the graph: got %v, want %v", got, want)
	}

	// Several targets: each has what it has alone.
	o.Targets = append(o.Targets, Target{GOOS: "windows", GOARCH: "amd64", CGO: "0"}, Target{GOOS: "linux", GOARCH: "amd64", CGO: "0", Tags: []string{"special"}})
	d, err := Load(t.Context(), app, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, target := range d.Targets {
		names = append(names, target.Name)
	}
	release := strings.TrimSpace(goCommand(t, ".", getenv(), "env", "GOVERSION"))
	plain, special := "linux/amd64,CGO_ENABLED=0,"+release, "linux/amd64,CGO_ENABLED=0,-tags=special,"+release
	if want := []string{special, plain, "windows/amd64"}; !slices.Equal(names, want) {
		t.Errorf("targets %q, want %q", names, want)
	}
	for name, want := range map[string][]string{"a": nil, "tested": nil, "tagged": {special}, "windows": {"windows/amd64"}, "unused": nil} {
		c := d.Component("pkg:golang/example.com/" + name)
		if c == nil || !slices.Equal(c.Targets, want) {
			t.Errorf("%s: %+v, want it for %q", name, c, want)
		}
	}
	if e := (sbom.Edge{From: "pkg:golang/example.com/app", To: "pkg:golang/example.com/windows", Target: "windows/amd64"}); !slices.Contains(d.Edges, e) {
		t.Errorf("no edge %v in %v", e, d.Edges)
	}
	o.Targets = append(o.Targets, o.Targets[0])
	if _, err := Load(t.Context(), app, o); err == nil || !strings.Contains(err.Error(), "two targets are linux/amd64") {
		t.Errorf("a target twice: %v", err)
	}
}
