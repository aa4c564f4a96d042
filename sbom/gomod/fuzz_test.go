package gomod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is in the files of a module, a Document of it holds together, and
// all else is an error. No file is changed.
func FuzzLoad(f *testing.F) {
	f.Add("module example.com/app\n\ngo 1.25.0\n", "", "", "", "package main\n\nimport _ \"fmt\"\n\nfunc main() {}\n")
	f.Add("module app\n\ngo 1.16\n\nrequire lib v1.0.0\n\nreplace lib => ./lib\n", "", "lib v1.0.0 h1:x\n", "", "package main\n\nimport _ \"lib\"\n")
	f.Add("module example.com/app\n\ngo 1.25.0\n\nrequire example.com/lib v1.0.0\n", "", "", "# example.com/lib v1.0.0\n## explicit; go 1.21\nexample.com/lib\n", "package main\n\nimport _ \"example.com/lib\"\n")
	f.Add("module a.b/c\n\nexclude a.b/d v1.0.0\nignore ./lib\ntool a.b/c\n", "go 1.25.0\n\nuse .\n\nreplace a.b/d => ./lib\n", "", "", "package c\n")
	f.Add("module a.b/c\n\nrequire (\n\ta.b/c v1.0.0\n\ta.b/c v1.1.0\n)\nreplace a.b/c => ../../../../etc\n", "go 1.18\n\nuse (\n\t.\n\t./lib\n)\n", "x\n", "", "package c\n")
	f.Fuzz(func(t *testing.T, mod, work, sum, vendor, code string) {
		dir := t.TempDir()
		write := func(name, text string) {
			if text == "" {
				return
			}
			name = filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
		write("go.mod", mod)
		write("go.work", work)
		write("go.sum", sum)
		write("vendor/modules.txt", vendor)
		write("vendor/example.com/lib/l.go", "package lib\n")
		write("main.go", code)
		write("lib/go.mod", "module lib\n")
		write("lib/l.go", "package lib\n")
		before := treeDigest(t, dir)
		d, err := Load(t.Context(), dir, Options{ModCache: filepath.Join(dir, "none"), Targets: []Target{{GOOS: "linux", GOARCH: "amd64"}}})
		if treeDigest(t, dir) != before {
			t.Error("Load changed the sources")
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "gomod: ") {
				t.Errorf("error %v", err)
			}
			return
		}
		if err := d.Check(); err != nil {
			t.Error(err)
		}
	})
}
