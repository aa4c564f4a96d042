package gomod

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestWhy(t *testing.T) {
	module := func(name, requires string) string {
		return "module example.com/" + name + "\n\ngo 1.25\n" + requires
	}
	dir := writeFiles(t,
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
	for _, name := range []string{"", "../a", "pkg:golang/%zz", "example.com/\x00"} {
		if r, err := Why(t.Context(), filepath.Join(dir, "app"), o, name); err == nil || !strings.Contains(err.Error(), "malformed module name") {
			t.Errorf("%q: %v, %v", name, r, err)
		}
	}
	if treeDigest(t, dir) != before {
		t.Error("the sources were changed")
	}
}
