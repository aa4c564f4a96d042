package git_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance/git"
)

// What the go command says of many more repositories, a test in
// internal/conformance asks it.
func TestInspectModule(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r repository)
		in   string
		want git.Module
	}{
		{"tag", func(r repository) { r.git("tag", "v1.2.3") }, ".", git.Module{Version: "v1.2.3", Tag: "v1.2.3"}},
		{"tag and a file", func(r repository) { r.git("tag", "v1.2.3"); r.write("new", "x") }, ".", git.Module{Version: "v1.2.3+dirty", Tag: "v1.2.3", Modified: true}},
		{"no tag", func(repository) {}, ".", git.Module{Version: "v0.0.0-20231114221321-f91b5f53b653"}},
		{"below the module", func(r repository) { r.git("tag", "v1.2.3") }, "dir", git.Module{Version: "v1.2.3", Tag: "v1.2.3"}},
		{"module in a directory", func(r repository) {
			r.write("sub/go.mod", "module example.com/m/sub\n")
			r.commit()
			r.git("tag", "sub/v0.2.0")
		}, "sub", git.Module{Path: "example.com/m/sub", Version: "v0.2.0", Tag: "sub/v0.2.0"}},
		{"no repository", func(r repository) {
			if err := os.RemoveAll(filepath.Join(r.dir, ".git")); err != nil {
				r.t.Fatal(err)
			}
		}, ".", git.Module{Why: "there is no directory .git in or above it"}},
		{"replaced commit", func(r repository) {
			r.git("tag", "v1.0.0", "HEAD~")
			r.git("replace", "--graft", "HEAD") // it has no parent any more
		}, ".", git.Module{Version: "v1.0.1-0.20231114221321-f91b5f53b653"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			r.write("go.mod", "module example.com/m\n")
			r.commit()
			c.do(r)
			if c.want.Path == "" {
				c.want.Path = "example.com/m"
			}
			m, err := git.InspectModule(t.Context(), filepath.Join(r.dir, c.in), r.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if *m != c.want {
				t.Errorf("got %+v\nwant %+v", *m, c.want)
			}
		})
	}
}

// Without running filters, files that need one are compared as far as possible.
func TestInspectModuleFilters(t *testing.T) {
	for _, c := range []struct {
		name     string
		do       func(r repository)
		modified bool
	}{
		{"pointer", func(r repository) { r.large("large") }, false},
		{"large file", func(r repository) { r.large("large"); r.write("x.bin", "large") }, false},
		{"large file, changed", func(r repository) { r.large("large"); r.write("x.bin", "evil!") }, true},
		{"large file, executable", func(r repository) { r.large("large"); r.write("x.bin", "large"); r.chmod("x.bin", 0o777) }, true},
		{"large file, and another", func(r repository) { r.large("large"); r.write("x.bin", "large"); r.write("new", "") }, true},
		{"unknown filter", func(r repository) {
			r.large("large")
			r.git("config", "filter.x.clean", "tr a b")
			r.write(".gitattributes", "x.bin filter=x\n")
			r.git("-c", "filter.lfs.required=false", "commit", "--quiet", "--all", "--message=attributes")
			r.write("x.bin", "large")
		}, true},
		{"submodule", func(r repository) {
			inner := newRepository(r.t)
			r.git("submodule", "--quiet", "add", inner.dir, "sub")
			r.large("large")
			r.write("sub/a", "evil\n")
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			r.write("go.mod", "module example.com/m\n")
			r.commit()
			c.do(r)
			m, err := git.InspectModule(t.Context(), r.dir, r.getenv)
			if err != nil || m.Modified != c.modified {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

func TestInspectModuleErrors(t *testing.T) {
	r := newRepository(t)
	inspect := func(ctx context.Context, dir string, getenv func(string) string) error {
		t.Helper()
		m, err := git.InspectModule(ctx, dir, getenv)
		if m != nil {
			t.Errorf("got %+v, want an error", *m)
		}
		return err
	}
	want := func(err error, text string) {
		t.Helper()
		if err == nil || !strings.HasPrefix(err.Error(), "git: ") || !strings.Contains(err.Error(), text) {
			t.Errorf("got error %v, want %q in it", err, text)
		}
	}
	ctx := t.Context()
	want(inspect(ctx, r.dir, nil), "no getenv")
	want(inspect(ctx, r.dir, r.getenv), "no go.mod in it or above")
	r.write("go.mod", "module example.com/m\n")
	want(inspect(ctx, filepath.Join(r.dir, "go.mod"), r.getenv), "is not a directory")
	if err := inspect(ctx, filepath.Join(r.dir, "gone"), r.getenv); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := inspect(ctx, r.dir, func(string) string { return "" }); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no git: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := inspect(cancelled, r.dir, r.getenv); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	r.write("go.mod", "module example.com/m\nrequire (\n")
	want(inspect(ctx, r.dir, r.getenv), "malformed go.mod")
	r.write("go.mod", "go 1.26\n")
	want(inspect(ctx, r.dir, r.getenv), "malformed go.mod: no module directive")
	r.write("go.mod", "module /m\n")
	want(inspect(ctx, r.dir, r.getenv), "malformed go.mod: malformed import path")
	r.write("go.mod", "module example.com/m\n//"+strings.Repeat("x", 16<<20))
	want(inspect(ctx, r.dir, r.getenv), "of at most 16777216 bytes")

	// The one at the commit is as large.
	r.commit()
	r.write("go.mod", "module example.com/m\n")
	want(inspect(ctx, r.dir, r.getenv), "malformed go.mod: go.mod at the commit")
	r.commit()
	if err := os.Mkdir(filepath.Join(r.dir, ".svn"), 0o777); err != nil {
		t.Fatal(err)
	}
	want(inspect(ctx, r.dir, r.getenv), "several version control systems")
	if err := os.Remove(filepath.Join(r.dir, ".svn")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.dir, ".hg"), 0o777); err != nil {
		t.Fatal(err)
	}
	want(inspect(ctx, r.dir, r.getenv), "the repository is .hg, want .git")
}

// Nothing is written into the checkout, not even the index.
func TestInspectModuleReadsOnly(t *testing.T) {
	r := newRepository(t)
	r.write("go.mod", "module example.com/m\n")
	r.commit()
	r.write("a", "a\n") // as it was, but with another time
	index := filepath.Join(r.dir, ".git", "index")
	before, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	m, err := git.InspectModule(t.Context(), r.dir, r.getenv)
	if err != nil || m.Modified {
		t.Fatalf("%+v, %v", m, err)
	}
	if after, err := os.ReadFile(index); err != nil || string(after) != string(before) {
		t.Errorf("the index was written, %v", err)
	}
}
