package gobuild_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// pointer is what LFS commits for a file.
func pointer(text string) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", sha256.Sum256([]byte(text)), len(text))
}

func TestProveSource(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *repository, o *gobuild.Options) // before the proof; r.dir is proved
		want []string                                // files that are not a match, or that are marked *
		err  string                                  // if it is no UnprovenError
	}{
		{"clean", func(r *repository, o *gobuild.Options) {}, nil, ""},
		{"other files do not count", func(r *repository, o *gobuild.Options) {
			r.write("README", "new")
			r.write("text_test.go", "package main")
			r.write("text_windows.go", "package main")
			r.write("text_plan9.go", "package main")
		}, nil, ""},
		{"differs", func(r *repository, o *gobuild.Options) { r.write("main.go", mainGo+"// changed\n") }, []string{"main.go: differs"}, ""},
		{"assume-unchanged", func(r *repository, o *gobuild.Options) {
			r.git("update-index", "--assume-unchanged", "main.go")
			r.write("main.go", mainGo+"// changed\n")
		}, []string{"main.go: differs"}, ""},
		{"skip-worktree", func(r *repository, o *gobuild.Options) {
			r.git("update-index", "--skip-worktree", "main.go")
			r.write("main.go", mainGo+"// changed\n")
		}, []string{"main.go: differs"}, ""},
		{"staged", func(r *repository, o *gobuild.Options) {
			r.write("main.go", mainGo+"// changed\n")
			r.git("add", "main.go")
		}, []string{"main.go: differs"}, ""},
		{"new", func(r *repository, o *gobuild.Options) { r.write("new.go", "package main") }, []string{"new.go: untracked"}, ""},
		{"new and staged", func(r *repository, o *gobuild.Options) {
			r.write("new.go", "package main")
			r.git("add", "new.go")
		}, []string{"new.go: untracked"}, ""},
		{"excluded", func(r *repository, o *gobuild.Options) {
			r.write(".git/info/exclude", "new.go\n")
			r.write("new.go", "package main")
		}, []string{"new.go: untracked"}, ""},
		{"ignored", func(r *repository, o *gobuild.Options) {
			r.write(".gitignore", "new.go\n")
			r.commit()
			r.write("new.go", "package main")
		}, []string{"new.go: untracked"}, ""},
		{"declared", func(r *repository, o *gobuild.Options) {
			r.write("new.go", "package main")
			r.write("text.go", "package main\n\nvar text = \"generated\"\n")
			o.Generated = []gobuild.Generated{{"new.go", "made by the build"}, {"text.go", "so is this"}, {"nothing.go", "on another platform"}}
		}, []string{"*new.go: declared (made by the build)", "*text.go: declared (so is this)"}, ""},
		{"declared and a match", func(r *repository, o *gobuild.Options) {
			o.Generated = []gobuild.Generated{{"text.go", "made by the build"}}
		}, nil, ""},
		{"go.mod differs", func(r *repository, o *gobuild.Options) { r.write("go.mod", "module example.com/app\n\ngo 1.25\n") }, []string{"go.mod: differs"}, ""},
		{"new go.sum", func(r *repository, o *gobuild.Options) { r.write("go.sum", "") }, []string{"go.sum: untracked"}, ""},
		{"new go.work", func(r *repository, o *gobuild.Options) { r.write("go.work", "go 1.26\n\nuse .\n") }, []string{"go.work: untracked"}, ""},
		{"new go.work, but it is off", func(r *repository, o *gobuild.Options) {
			r.write("go.work", "go 1.26\n\nuse .\n")
			r.env["GOWORK"] = "off"
		}, nil, ""},
		{"tags", func(r *repository, o *gobuild.Options) {
			r.write("secret.go", "//go:build secret\n\npackage main\n")
			o.Flags = append(o.Flags, "-tags=secret")
		}, []string{"secret.go: untracked"}, ""},
		{"tags in GOFLAGS", func(r *repository, o *gobuild.Options) {
			r.write("secret.go", "//go:build secret\n\npackage main\n")
			r.env["GOFLAGS"] = "-tags=secret"
		}, []string{"secret.go: untracked"}, ""},
		{"target", func(r *repository, o *gobuild.Options) {
			r.write("text_plan9.go", "package main")
			r.env["GOOS"], r.env["GOARCH"] = "plan9", "amd64"
		}, []string{"text_plan9.go: untracked"}, ""},
		{"embedded", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\nimport \"embed\"\n\n//go:embed data\nvar files embed.FS\nvar text = \"\"\n")
			r.write("data/a", "a\n")
			r.write("data/b", "b\n")
			r.commit()
			r.write("data/b", "changed\n")
			r.write("data/c", "c\n")
		}, []string{"data/b: differs", "data/c: untracked"}, ""},
		{"profile", func(r *repository, o *gobuild.Options) { r.write("default.pgo", "") }, []string{"default.pgo: untracked"}, ""},
		{"profile, off", func(r *repository, o *gobuild.Options) {
			r.write("default.pgo", "")
			o.Flags = append(o.Flags, "-pgo=off")
		}, nil, ""},
		{"replaced by a directory in the checkout", func(r *repository, o *gobuild.Options) {
			replaceLib(r, "./lib")
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib/lib.go", "package lib\n")
			r.commit()
			r.write("lib/lib.go", "package lib // changed\n")
			r.write("lib/new.go", "package lib\n")
		}, []string{"lib/lib.go: differs", "lib/new.go: untracked"}, ""},
		{"replaced by a directory outside", func(r *repository, o *gobuild.Options) {
			outside := repository{r.t, r.t.TempDir(), r.env}
			outside.write("go.mod", "module example.com/lib\n\ngo 1.26\n")
			outside.write("lib.go", "package lib\n")
			replaceLib(r, outside.dir)
			r.commit()
			o.Generated = []gobuild.Generated{{"example.com/lib/lib.go", "not in the checkout"}}
		}, []string{"example.com/lib/go.mod: outside", "example.com/lib/lib.go: outside"}, ""},
		{"replaced by a directory in the module cache", func(r *repository, o *gobuild.Options) {
			cached := repository{r.t, filepath.Join(r.env["GOMODCACHE"], "example.com", "lib@v1.0.0"), r.env}
			cached.write("go.mod", "module example.com/lib\n\ngo 1.26\n")
			cached.write("lib.go", "package lib\n")
			replaceLib(r, cached.dir)
			r.write("go.sum", "example.com/lib v1.0.0 "+sum+"\n")
			r.commit()
		}, []string{"example.com/lib/go.mod: outside", "example.com/lib/lib.go: outside"}, ""},
		{"replaced by a directory that nothing is used of", func(r *repository, o *gobuild.Options) {
			r.write("go.mod", "module example.com/app\n\ngo 1.26\n\nreplace example.com/lib => ./lib\n\nrequire example.com/lib v1.0.0\n")
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.commit()
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.25\n")
		}, []string{"lib/go.mod: differs"}, ""},
		{"member of a workspace", func(r *repository, o *gobuild.Options) {
			r.write("text.go", "package main\n\nimport _ \"example.com/lib\"\n\nvar text = \"hello\"\n")
			r.write("go.work", "go 1.26\n\nuse (\n\t.\n\t./lib\n)\n")
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib/lib.go", "package lib\n")
			r.commit()
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.25\n")
			r.write("lib/lib.go", "package lib // changed\n")
		}, []string{"lib/go.mod: differs", "lib/lib.go: differs"}, ""},
		{"member of a workspace that nothing is used of", func(r *repository, o *gobuild.Options) {
			r.write("go.work", "go 1.26\n\nuse (\n\t.\n\t./lib\n)\n")
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib/lib.go", "package lib\n")
			r.commit()
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.25\n")
			r.write("lib/lib.go", "package lib // changed, but not compiled\n")
		}, []string{"lib/go.mod: differs"}, ""},
		{"workspace around the checkout", func(r *repository, o *gobuild.Options) {
			outer := repository{r.t, r.t.TempDir(), r.env}
			outer.write("go.work", "go 1.26\n\nuse "+r.dir+"\n")
			r.env["GOWORK"] = filepath.Join(outer.dir, "go.work")
		}, []string{"go.work: outside"}, ""},
		{"nested module", func(r *repository, o *gobuild.Options) {
			r.write("nested/go.mod", "module example.com/nested\n\ngo 1.26\n")
			r.write("nested/main.go", "package main\n\nfunc main() {}\n")
			r.commit()
			r.write("main.go", "changed, but not compiled")
			r.write("nested/new.go", "package main")
			*r = r.at("nested")
		}, []string{"nested/new.go: untracked"}, ""},
		{"vendored", func(r *repository, o *gobuild.Options) {
			vendorLib(r)
			r.commit()
			r.write("vendor/example.com/lib/lib.go", "package lib // changed\n")
			r.write("vendor/example.com/lib/new.go", "package lib\n")
		}, []string{"vendor/example.com/lib/lib.go: differs", "vendor/example.com/lib/new.go: untracked"}, ""},
		{"vendored and ignored", func(r *repository, o *gobuild.Options) {
			r.write(".gitignore", "vendor\n")
			vendorLib(r)
			r.commit()
		}, []string{"vendor/example.com/lib/lib.go: untracked", "vendor/modules.txt: untracked"}, ""},
		{"SHA-256 repository", func(r *repository, o *gobuild.Options) {
			*r = newRepository(r.t, "--object-format=sha256")
			o.Getenv = r.getenv
			r.write("text.go", "package main\n\nvar text = \"changed\"\n")
		}, []string{"text.go: differs"}, ""},
		{"worktree in another repository", func(r *repository, o *gobuild.Options) {
			inner := newRepository(r.t)
			inner.write("text.go", "package main\n\nvar text = \"inner\"\n")
			inner.commit()
			inner.git("worktree", "add", "--quiet", "--detach", filepath.Join(r.dir, "inner"))
			*r = r.at("inner")
		}, nil, ""},
		{"in a submodule", func(r *repository, o *gobuild.Options) {
			r.git("submodule", "--quiet", "add", newRepository(r.t).dir, "sub")
			r.commit()
			*r = r.at("sub")
			r.write("text.go", "package main\n\nvar text = \"changed\"\n")
		}, []string{"text.go: differs"}, ""},
		{"from a submodule", func(r *repository, o *gobuild.Options) {
			addSubmodule(r)
		}, nil, ""},
		{"from a submodule that differs", func(r *repository, o *gobuild.Options) {
			addSubmodule(r)
			r.write("lib/lib.go", "package lib // changed\n")
			r.write("lib/new.go", "package lib\n")
		}, []string{"lib/lib.go: differs", "lib/new.go: untracked"}, ""},
		{"from a submodule at another commit", func(r *repository, o *gobuild.Options) {
			addSubmodule(r)
			sub := r.at("lib")
			sub.write("lib.go", "package lib // changed\n")
			sub.commit()
		}, []string{"lib/lib.go: differs"}, ""},
		{"symbolic link to a file", func(r *repository, o *gobuild.Options) {
			r.write("files/a.txt", "package main\n")
			r.link("a.go", "files/a.txt")
			r.commit()
		}, nil, ""},
		{"symbolic link to a file that differs", func(r *repository, o *gobuild.Options) {
			r.write("files/a.txt", "package main\n")
			r.link("a.go", "files/a.txt")
			r.commit()
			r.write("files/a.txt", "package main // changed\n")
		}, []string{"files/a.txt: differs"}, ""},
		{"symbolic link that leads elsewhere", func(r *repository, o *gobuild.Options) {
			r.write("files/a.txt", "package main\n")
			r.write("files/b.txt", "package main\n\nvar b int\n")
			r.link("a.go", "files/a.txt")
			r.commit()
			if err := os.Remove(filepath.Join(r.dir, "a.go")); err != nil {
				r.t.Fatal(err)
			}
			r.link("a.go", "files/b.txt")
		}, []string{"a.go: differs (the symbolic link leads elsewhere)"}, ""},
		{"symbolic link in the place of a file", func(r *repository, o *gobuild.Options) {
			r.write("files/a.txt", "package main\n")
			r.write("a.go", "package main\n")
			r.commit()
			if err := os.Remove(filepath.Join(r.dir, "a.go")); err != nil {
				r.t.Fatal(err)
			}
			r.link("a.go", "files/a.txt")
		}, []string{"a.go: differs (one is a symbolic link, the other is not)"}, ""},
		{"symbolic link to a directory", func(r *repository, o *gobuild.Options) {
			replaceLib(r, "./link")
			r.write("lib1/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib1/lib.go", "package lib\n")
			r.write("lib2/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib2/lib.go", "package lib // 2\n")
			r.link("link", "lib1")
			r.commit()
			if err := os.Remove(filepath.Join(r.dir, "link")); err != nil {
				r.t.Fatal(err)
			}
			r.link("link", "lib2")
		}, []string{"link: differs (the symbolic link leads elsewhere)"}, ""},
		{"symbolic link out of the checkout", func(r *repository, o *gobuild.Options) {
			outside := repository{r.t, r.t.TempDir(), r.env}
			outside.write("a.txt", "package main\n")
			r.link("a.go", filepath.Join(outside.dir, "a.txt"))
			r.commit()
		}, []string{"example.com/app/a.txt: outside"}, ""},
		{"reached by a symbolic link", func(r *repository, o *gobuild.Options) {
			link := filepath.Join(r.t.TempDir(), "link")
			if err := os.Symlink(r.dir, link); err != nil {
				r.t.Skipf("no symbolic links: %v", err)
			}
			r.dir = link
		}, nil, ""},
		{"line ends", func(r *repository, o *gobuild.Options) {
			r.write(".gitattributes", "*.go text eol=crlf\n")
			r.commit()
			r.write("main.go", strings.ReplaceAll(mainGo, "\n", "\r\n"))
		}, []string{"*main.go: converted (line ends)"}, ""},
		{"line ends by configuration", func(r *repository, o *gobuild.Options) {
			r.git("config", "core.autocrlf", "true")
			r.write("main.go", strings.ReplaceAll(mainGo, "\n", "\r\n"))
		}, []string{"*main.go: converted (line ends)"}, ""},
		{"line ends that git does not make", func(r *repository, o *gobuild.Options) {
			r.write("main.go", strings.ReplaceAll(mainGo, "\n", "\r\n"))
		}, []string{"main.go: differs (only its line ends differ)"}, ""},
		{"line ends of a binary", func(r *repository, o *gobuild.Options) {
			r.write(".gitattributes", "*.go -text\n")
			r.git("config", "core.autocrlf", "true")
			r.commit()
			r.write("main.go", strings.ReplaceAll(mainGo, "\n", "\r\n"))
		}, []string{"main.go: differs"}, ""},
		{"line ends and more", func(r *repository, o *gobuild.Options) {
			r.write(".gitattributes", "*.go text eol=crlf\n")
			r.commit()
			r.write("main.go", strings.ReplaceAll(mainGo, "\n", "\r\n")+"// changed\n")
		}, []string{"main.go: differs"}, ""},
		{"LFS", func(r *repository, o *gobuild.Options) {
			embedLFS(r, "large file")
			r.write("data", "large file")
		}, []string{"*data: converted (LFS)"}, ""},
		{"LFS, another file", func(r *repository, o *gobuild.Options) {
			embedLFS(r, "large file")
			r.write("data", "other file")
		}, []string{"data: differs (the LFS pointer names another file)"}, ""},
		{"LFS, not fetched", func(r *repository, o *gobuild.Options) { embedLFS(r, "large file") }, nil, ""},
		{"LFS, not a pointer", func(r *repository, o *gobuild.Options) {
			embedLFS(r, "large file")
			r.write("data", "no pointer")
			r.git("-c", "filter.lfs.clean=", "-c", "filter.lfs.required=false", "add", "data")
			r.git("commit", "--quiet", "--message=commit")
			r.write("data", "large file")
		}, []string{"data: differs (its blob is no LFS pointer)"}, ""},
		{"filter", func(r *repository, o *gobuild.Options) {
			r.write(".gitattributes", "*.go filter=crypt\n")
			r.commit()
			r.git("config", "filter.crypt.clean", "touch ran; cat")
			r.write("main.go", mainGo+"// changed\n")
		}, []string{`main.go: unknown (the filter "crypt" of git lies between)`}, ""},
		{"keywords", func(r *repository, o *gobuild.Options) {
			r.write(".gitattributes", "*.go ident\n")
			r.commit()
			r.write("main.go", mainGo+"// $Id: x $\n")
		}, []string{"main.go: unknown (git expands keywords in it)"}, ""},
		{"replaced commit", func(r *repository, o *gobuild.Options) {
			first := r.git("rev-parse", "HEAD")
			r.git("checkout", "--quiet", "--orphan", "other")
			r.write("text.go", "package main\n\nvar text = \"other\"\n")
			r.commit()
			other := r.git("rev-parse", "HEAD")
			r.git("checkout", "--quiet", "main")
			r.git("replace", first, other)
			r.write("text.go", "package main\n\nvar text = \"other\"\n")
		}, []string{"text.go: differs"}, ""},
		{"generated without a reason", func(r *repository, o *gobuild.Options) {
			o.Generated = []gobuild.Generated{{"new.go", ""}}
		}, nil, `gobuild: generated file "new.go" has no reason`},
		{"generated elsewhere", func(r *repository, o *gobuild.Options) {
			o.Generated = []gobuild.Generated{{"../new.go", "x"}}
		}, nil, `gobuild: generated file "../new.go": want a path relative to the top of the checkout`},
		{"overlay", func(r *repository, o *gobuild.Options) { o.Flags = []string{"-overlay=x"} }, nil, "gobuild: the flag -overlay makes the go command read other files than those of the checkout"},
		{"overlay in GOFLAGS", func(r *repository, o *gobuild.Options) { r.env["GOFLAGS"] = "-overlay=x" }, nil, "gobuild: the flag -overlay makes the go command read other files than those of the checkout"},
		{"other go.mod", func(r *repository, o *gobuild.Options) { o.Flags = []string{"--modfile=x"} }, nil, "gobuild: the flag -modfile makes the go command read other files than those of the checkout"},
		{"other programs", func(r *repository, o *gobuild.Options) { r.env["GOFLAGS"] = "-toolexec=x" }, nil, "gobuild: the flag -toolexec makes the go command run other programs than its own"},
		{"no checkout", func(r *repository, o *gobuild.Options) {
			if err := os.RemoveAll(filepath.Join(r.dir, ".git")); err != nil {
				r.t.Fatal(err)
			}
		}, nil, git.ErrNoCheckout.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			o := r.options()
			c.do(&r, &o)
			p, err := gobuild.ProveSource(t.Context(), r.dir, nil, o)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			clean := !slices.ContainsFunc(c.want, func(s string) bool { return s[0] != '*' })
			if clean {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				e, ok := errors.AsType[*gobuild.UnprovenError](err)
				if !ok || p != nil {
					t.Fatalf("error %v, want an UnprovenError; proof %v", err, p)
				}
				var got []string
				for _, f := range e.Files {
					got = append(got, f.String())
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				o.AllowDirty = true
				if p, err = gobuild.ProveSource(t.Context(), r.dir, nil, o); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, f := range p.Files {
				if mark := map[gobuild.Outcome]string{gobuild.Converted: "*", gobuild.Declared: "*"}[f.Outcome]; f.Outcome != gobuild.Match {
					got = append(got, mark+f.String())
				}
				if (f.Outcome == gobuild.Match) != f.Digest.IsZero() {
					t.Errorf("%s has the digest %s", f, f.Digest)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if p.Clean() != clean {
				t.Errorf("clean: %v, want %v", p.Clean(), clean)
			}
			if want := r.git("rev-parse", "HEAD"); p.Commit.Hex() != want {
				t.Errorf("commit %s, want %s", p.Commit.Hex(), want)
			}
			if strings.Contains(p.String(), r.dir) || strings.Contains(p.String(), os.TempDir()) {
				t.Errorf("a path of this machine in\n%s", p)
			}
			if _, err := os.Stat(filepath.Join(r.dir, "ran")); err == nil {
				t.Error("git has run a filter")
			}
		})
	}
}

func replaceLib(r *repository, dir string) {
	r.write("go.mod", "module example.com/app\n\ngo 1.26\n\nreplace example.com/lib => "+dir+"\n\nrequire example.com/lib v1.0.0\n")
	r.write("text.go", "package main\n\nimport _ \"example.com/lib\"\n\nvar text = \"hello\"\n")
}

func vendorLib(r *repository) {
	r.write("go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n")
	r.write("text.go", "package main\n\nimport _ \"example.com/lib\"\n\nvar text = \"hello\"\n")
	r.write("vendor/modules.txt", "# example.com/lib v1.0.0\n## explicit; go 1.26\nexample.com/lib\n")
	r.write("vendor/example.com/lib/lib.go", "package lib\n")
}

func addSubmodule(r *repository) {
	lib := emptyRepository(r.t)
	lib.write("go.mod", "module example.com/lib\n\ngo 1.26\n")
	lib.write("lib.go", "package lib\n")
	lib.commit()
	r.git("submodule", "--quiet", "add", lib.dir, "lib")
	replaceLib(r, "./lib")
	r.commit()
}

// embedLFS commits a pointer to text, as LFS would.
func embedLFS(r *repository, text string) {
	r.write(".gitattributes", "data filter=lfs diff=lfs merge=lfs -text\n")
	r.write("data", pointer(text))
	r.write("text.go", "package main\n\nimport _ \"embed\"\n\n//go:embed data\nvar text string\n")
	r.commit()
}

// newProxy returns the environment of a module cache of its own, filled from a
// proxy that has example.com/lib v1.0.0 and v1.1.0 and example.com/fork v1.0.0.
func newProxy(t testing.TB, r *repository) {
	t.Helper()
	proxy, cache := t.TempDir(), t.TempDir()
	for _, m := range []module.Version{{Path: "example.com/lib", Version: "v1.0.0"}, {Path: "example.com/lib", Version: "v1.1.0"}, {Path: "example.com/fork", Version: "v1.0.0"}} {
		src := repository{t, t.TempDir(), nil}
		src.write("go.mod", "module "+m.Path+"\n\ngo 1.26\n")
		src.write("lib.go", "package lib\n\nconst Text = \""+m.String()+"\"\n")
		at := repository{t, proxy, nil}
		dir := m.Path + "/@v/" + m.Version
		at.write(dir+".info", `{"Version":"`+m.Version+`"}`)
		at.write(dir+".mod", "module "+m.Path+"\n\ngo 1.26\n")
		var archive bytes.Buffer
		if err := zip.CreateFromDir(&archive, m, src.dir); err != nil {
			t.Fatal(err)
		}
		at.write(dir+".zip", archive.String())
	}
	r.env["GOPROXY"] = "file://" + filepath.ToSlash(proxy)
	r.env["GOSUMDB"] = "off"
	r.env["GOMODCACHE"] = cache
	r.env["GOFLAGS"] = "-modcacherw" // so that it can be removed
}

func useLib(r *repository, version, replace string) {
	r.write("go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib "+version+"\n"+replace)
	r.write("text.go", "package main\n\nimport \"example.com/lib\"\n\nvar text = lib.Text\n")
	r.tidy()
}

func (r repository) tidy() {
	r.t.Helper()
	var env []string
	for _, name := range []string{"GOENV", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "PATH", "HOME", "GOCACHE", "GOMODCACHE", "GOFLAGS"} {
		env = append(env, name+"="+r.getenv(name))
	}
	if _, err := command.Run(context.Background(), r.dir, env, "go", "mod", "tidy"); err != nil {
		r.t.Fatal(err)
	}
}

func TestProveSourceModules(t *testing.T) {
	r := newRepository(t)
	newProxy(t, &r)
	useLib(&r, "v1.0.0", "")
	r.commit()
	o := r.options()
	prove := func() (*gobuild.SourceProof, error) {
		return gobuild.ProveSource(t.Context(), r.dir, []string{"example.com/app"}, o)
	}
	check := func(p *gobuild.SourceProof, err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Modules) != 1 || p.Modules[0].String() != want || p.Modules[0].Sum.IsZero() {
			t.Errorf("modules %v, want %s", p.Modules, want)
		}
	}
	p, err := prove()
	check(p, err, "example.com/lib@v1.0.0: pinned")
	o.VerifyModules = true
	p, err = prove()
	check(p, err, "example.com/lib@v1.0.0: match")

	// The go command does not look again at what is in the module cache.
	cached := repository{t, filepath.Join(r.env["GOMODCACHE"], "example.com", "lib@v1.0.0"), nil}
	cached.write("lib.go", "package lib\n\nconst Text = \"tampered\"\n")
	_, err = prove()
	if e, ok := errors.AsType[*gobuild.UnprovenError](err); !ok || len(e.Files) != 0 || len(e.Modules) != 1 || e.Error() != "gobuild: 1 input of the build is not proved to be the commit's: example.com/lib@v1.0.0: differs" {
		t.Errorf("tampered module: %v", err)
	}
	o.VerifyModules = false
	p, err = prove()
	check(p, err, "example.com/lib@v1.0.0: pinned")

	useLib(&r, "v1.0.0", "replace example.com/lib => example.com/fork v1.0.0\n")
	r.commit()
	o.VerifyModules = true
	p, err = prove()
	check(p, err, "example.com/fork@v1.0.0: match")
	if p.Modules[0].Replaces != "example.com/lib" {
		t.Errorf("replaces %q", p.Modules[0].Replaces)
	}
}

// What a C compiler reads is among the files, as far as it is in the checkout.
func TestProveSourceC(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc")
	}
	r := newRepository(t)
	r.env["CGO_ENABLED"] = "1"
	r.write("text.go", "package main\n\n// #cgo CFLAGS: -I${SRCDIR}/include\n// #include \"a.h\"\n// #include <deep/b.h>\nimport \"C\"\n\nvar text = string(rune(C.a+C.b+C.c()))\n")
	r.write("a.h", "#define a 1\n")
	r.write("include/deep/b.h", "#include \"../../c/c.h\"\n#define b 2\n")
	r.write("c/c.h", "#include <stddef.h>\nint c(void);\n")
	r.write("c.c", "int c(void) { return 3; }\n")
	r.commit()
	p, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Files {
		got = append(got, f.Path)
	}
	if want := []string{"a.h", "c.c", "c/c.h", "go.mod", "include/deep/b.h", "main.go", "text.go"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if !slices.Equal(p.Cgo, []string{"example.com/app"}) || !strings.Contains(p.String(), "example.com/app: what a C compiler finds outside of the checkout is not seen") {
		t.Errorf("cgo %v\n%s", p.Cgo, p)
	}
	for _, name := range []string{"a.h", "c/c.h", "include/deep/b.h", "c.c"} {
		before, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r.write(name, string(before)+"// changed\n")
		_, err = gobuild.ProveSource(t.Context(), r.dir, nil, r.options())
		if e, ok := errors.AsType[*gobuild.UnprovenError](err); !ok || len(e.Files) != 1 || e.Files[0].String() != name+": differs" {
			t.Errorf("%s: %v", name, err)
		}
		r.write(name, string(before))
	}
}

// A repository whose objects are not what their names say proves nothing. git
// looks at commits and at the tree at the top, and not at those below.
func TestProveSourceForged(t *testing.T) {
	for name, want := range map[string]string{"HEAD": "", "HEAD^{tree}": "", "HEAD:lib": "gobuild: the repository has a tree of the name "} {
		r := newRepository(t)
		r.write("text.go", "package main\n\nimport \"example.com/app/lib\"\n\nvar text = lib.Text\n")
		r.write("lib/lib.go", "package lib\n\nvar Text = \"hello\"\n")
		r.commit()
		genuine := r.git("rev-parse", name)
		r.write("lib/lib.go", "package lib\n\nvar Text = \"forged\"\n")
		r.commit()
		forged := r.git("rev-parse", name)
		r.git("reset", "--quiet", "--soft", "HEAD~1")

		object := func(id string) string { return filepath.Join(r.dir, ".git", "objects", id[:2], id[2:]) }
		data, err := os.ReadFile(object(forged))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(object(genuine)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(object(genuine), data, 0o444); err != nil {
			t.Fatal(err)
		}
		if _, err = gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// Trees of old tools have the mode 100664, which git prints as 100644.
func TestProveSourceOldTree(t *testing.T) {
	r := newRepository(t)
	var content, object bytes.Buffer
	for _, name := range []string{"go.mod", "main.go", "text.go"} {
		id, err := hex.DecodeString(r.git("rev-parse", "HEAD:"+name))
		if err != nil {
			t.Fatal(err)
		}
		content.WriteString("100664 " + name + "\x00" + string(id))
	}
	text := fmt.Sprintf("tree %d\x00%s", content.Len(), &content)
	id := fmt.Sprintf("%x", sha1.Sum([]byte(text)))
	w := zlib.NewWriter(&object)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r.write(".git/objects/"+id[:2]+"/"+id[2:], object.String())
	r.git("reset", "--quiet", "--soft", r.git("commit-tree", "-m", "old", id))
	if mode := r.git("ls-tree", "HEAD", "main.go"); !strings.HasPrefix(mode, "100644 ") {
		t.Fatalf("git prints %s", mode)
	}
	if _, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err != nil {
		t.Error(err)
	}
	r.write("main.go", mainGo+"// changed\n")
	if _, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err == nil {
		t.Error("changed: no error")
	}
}

func TestRecheck(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r repository)
		want string
	}{
		{"nothing", func(r repository) {}, ""},
		{"another file", func(r repository) { r.write("README", "") }, ""},
		{"changed", func(r repository) { r.write("main.go", mainGo+"// changed\n") }, "gobuild: inputs of the build have changed since the source was proved: main.go"},
		{"new", func(r repository) { r.write("new.go", "package main\n") }, "gobuild: inputs of the build have changed since the source was proved: new.go"},
		{"gone", func(r repository) {
			r.write("main.go", "package main\n\nfunc main() {}\n")
			if err := os.Remove(filepath.Join(r.dir, "text.go")); err != nil {
				r.t.Fatal(err)
			}
		}, "gobuild: inputs of the build have changed since the source was proved: main.go, text.go"},
		{"committed", func(r repository) { r.write("README", ""); r.commit() }, "gobuild: HEAD was "},
	} {
		r := newRepository(t)
		p, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options())
		if err != nil {
			t.Fatal(err)
		}
		c.do(r)
		switch err := p.Recheck(t.Context()); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestSourceRecord(t *testing.T) {
	r := newRepository(t)
	r.git("remote", "add", "origin", "https://example.com/r.git")
	r.write(".git/info/exclude", "hidden.go\nmade.go\n")
	r.write("hidden.go", "package main\n")
	r.write("made.go", "package main\n")
	o := r.options()
	o.AllowDirty = true
	o.Generated = []gobuild.Generated{{"made.go", "made by the build"}}
	p, err := gobuild.ProveSource(t.Context(), r.dir, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	// git sees nothing.
	c, err := git.Inspect(t.Context(), r.dir, r.getenv)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Build(t.Context(), git.Options{Getenv: r.getenv})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Record(b); err != nil {
		t.Fatal(err)
	}
	s, _ := b.Source()
	if !s.Modified || s.Commit != p.Commit {
		t.Errorf("source %+v", s)
	}
	if len(b.Dependencies) != 3 || b.Dependencies[0].Digest != nil || b.Dependencies[0].URI != "git+https://example.com/r@refs/heads/main" {
		t.Fatalf("dependencies %+v", b.Dependencies)
	}
	for i, want := range []string{"hidden.go map[modified:true why:untracked]", "made.go map[generated:made by the build]"} {
		d := b.Dependencies[i+1]
		if got := fmt.Sprint(d.Name, " ", d.Annotations); got != want || d.Digest["sha256"] == "" {
			t.Errorf("got %s %v, want %s", got, d.Digest, want)
		}
	}
	st, err := b.Statement(hallmark.Artifact{Name: "app", Digests: hash(t, "app")})
	if err != nil {
		t.Fatal(err)
	}
	if ps := st.Validate(); ps != nil {
		t.Errorf("problems %v", ps)
	}

	// Of another commit, or without a source to mark.
	if err := p.Record(local(t, false)); err == nil {
		t.Error("another commit: no error")
	}
	if err := p.Record(provenance.Local(provenance.Source{})); err == nil {
		t.Error("no source: no error")
	}
	// Clean, but with a declared file.
	if err := os.Remove(filepath.Join(r.dir, "hidden.go")); err != nil {
		t.Fatal(err)
	}
	if p, err = gobuild.ProveSource(t.Context(), r.dir, nil, o); err != nil {
		t.Fatal(err)
	}
	if b, err = c.Build(t.Context(), git.Options{Getenv: r.getenv}); err != nil {
		t.Fatal(err)
	}
	if err := p.Record(b); err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Source(); s.Modified || s.Commit != p.Commit || len(b.Dependencies) != 2 {
		t.Errorf("clean: source %+v, dependencies %v", s, b.Dependencies)
	}
}

func hash(t testing.TB, text string) []hallmark.Digest {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return ds
}
