package git_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/git"
)

// in returns the repository in a directory of r.
func (r repository) in(dir string) repository {
	return repository{r.t, filepath.Join(r.dir, filepath.FromSlash(dir))}
}

// status returns the files that git status lists.
func (r repository) status() []string {
	r.t.Helper()
	var files []string
	for line := range strings.SplitSeq(r.git("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none"), "\x00") {
		if line != "" {
			files = append(files, line[3:])
		}
	}
	slices.Sort(files)
	return files
}

func (r repository) chmod(name string, mode fs.FileMode) {
	r.t.Helper()
	if err := os.Chmod(filepath.Join(r.dir, filepath.FromSlash(name)), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) symlink(to, name string) {
	r.t.Helper()
	if err := os.Symlink(to, filepath.Join(r.dir, filepath.FromSlash(name))); err != nil {
		r.t.Fatal(err)
	}
}

// What is modified by which means. git status says so of all of that but for
// what is hidden.
func TestModified(t *testing.T) {
	for _, c := range []struct {
		name                string
		do                  func(r repository)
		modified, hidden    []string
		filtered, converted []string
		sparse              bool
		statusDiffers       bool // it runs filters, and goes by sizes and times
	}{
		{name: "nothing", do: func(r repository) {}},

		{name: "assume-unchanged", do: func(r repository) {
			r.git("update-index", "--assume-unchanged", "a")
			r.write("a", "evil\n")
		}, modified: []string{"a"}, hidden: []string{"a"}},
		{name: "assume-unchanged, and it is", do: func(r repository) {
			r.git("update-index", "--assume-unchanged", "a")
			r.write("a", "a\n")
		}},
		{name: "assume-unchanged and deleted", do: func(r repository) {
			r.git("update-index", "--assume-unchanged", "dir/b")
			r.remove("dir/b")
		}, modified: []string{"dir/b"}, hidden: []string{"dir/b"}},
		{name: "skip-worktree", do: func(r repository) {
			r.git("update-index", "--skip-worktree", "a")
			r.write("a", "evil\n")
		}, modified: []string{"a"}, hidden: []string{"a"}},
		{name: "skip-worktree and deleted", do: func(r repository) {
			r.git("update-index", "--skip-worktree", "a")
			r.remove("a")
		}, modified: []string{"a"}, hidden: []string{"a"}},
		{name: "both flags", do: func(r repository) {
			r.git("update-index", "--skip-worktree", "a")
			r.git("update-index", "--assume-unchanged", "a")
			r.write("a", "evil\n")
		}, modified: []string{"a"}, hidden: []string{"a"}},
		{name: "assume-unchanged and staged", do: func(r repository) {
			r.write("a", "evil\n")
			r.git("add", "a")
			r.git("update-index", "--assume-unchanged", "a")
		}, modified: []string{"a"}},

		{name: "sparse directory", do: func(r repository) {
			r.write("dir/sub/c", "c\n")
			r.write("other/d", "d\n")
			r.commit()
			r.git("sparse-checkout", "set", "dir")
		}, sparse: true},
		{name: "sparse, with a file back and changed", do: func(r repository) {
			r.git("sparse-checkout", "set", "nothing")
			r.write("dir/b", "evil\n")
		}, modified: []string{"dir/b"}},
		{name: "sparse, and a directory deleted", do: func(r repository) {
			r.git("sparse-checkout", "set", "dir")
			r.remove("dir/b")
			r.remove("dir")
		}, modified: []string{"dir/b"}},
		{name: "sparse, a file of a directory", do: func(r repository) {
			r.write("dir/auth.go", "package dir\n")
			r.commit()
			r.git("config", "core.sparseCheckout", "true")
			r.git("update-index", "--skip-worktree", "dir/auth.go")
			r.remove("dir/auth.go")
		}, modified: []string{"dir/auth.go"}, hidden: []string{"dir/auth.go"}, sparse: true},

		{name: "executable", do: func(r repository) { r.chmod("a", 0o777) }, modified: []string{"a"}},
		{name: "executable, where that does not count", do: func(r repository) {
			r.git("config", "core.fileMode", "no")
			r.chmod("a", 0o777)
		}},
		{name: "file becomes a link", do: func(r repository) {
			r.remove("a")
			r.symlink("dir/b", "a")
		}, modified: []string{"a"}},
		{name: "link", do: func(r repository) {
			r.symlink("a", "link")
			r.commit()
		}},
		{name: "link to elsewhere", do: func(r repository) {
			r.symlink("a", "link")
			r.commit()
			r.remove("link")
			r.symlink("dir/b", "link")
		}, modified: []string{"link"}},
		{name: "link becomes a file of its text", do: func(r repository) {
			r.symlink("a", "link")
			r.commit()
			r.remove("link")
			r.write("link", "a")
		}, modified: []string{"link"}},
		{name: "link is a file of its text", do: func(r repository) {
			r.symlink("a", "link")
			r.commit()
			r.remove("link")
			r.write("link", "a")
			r.git("config", "core.symlinks", "false")
		}},
		{name: "file becomes a directory", do: func(r repository) {
			r.remove("a")
			r.write("a/x", "x\n")
		}, modified: []string{"a", "a/x"}},
		{name: "directory becomes a link", do: func(r repository) {
			r.write("other/b", "b\n")
			r.commit()
			r.remove("dir/b")
			r.remove("dir")
			r.symlink("other", "dir")
		}, modified: []string{"dir", "dir/b"}},
		{name: "directory above becomes a link", do: func(r repository) {
			r.write("dir/sub/c", "c\n")
			r.write("other/sub/c", "c\n")
			r.write("other/b", "b\n")
			r.commit()
			r.remove("dir/b")
			r.remove("dir/sub/c")
			r.remove("dir/sub")
			r.remove("dir")
			r.symlink("other", "dir")
		}, modified: []string{"dir", "dir/b", "dir/sub/c"}},
		{name: "same size and time", do: func(r repository) {
			// git relies on what stat says, of which the user chose less.
			r.git("config", "core.checkStat", "minimal")
			r.git("config", "core.trustctime", "false")
			at := time.Unix(1_500_000_000, 0)
			name := filepath.Join(r.dir, "a")
			if err := os.Chtimes(name, at, at); err != nil {
				r.t.Fatal(err)
			}
			r.git("update-index", "--refresh")
			r.write("a", "e\n")
			if err := os.Chtimes(name, at, at); err != nil {
				r.t.Fatal(err)
			}
			if s := r.status(); s != nil {
				r.t.Fatalf("git status sees %q", s)
			}
		}, modified: []string{"a"}, statusDiffers: true},
		{name: "intended to be added", do: func(r repository) {
			r.write("new", "")
			r.git("add", "--intent-to-add", "new")
		}, modified: []string{"new"}},
		{name: "no longer tracked", do: func(r repository) { r.git("rm", "--quiet", "--cached", "a") }, modified: []string{"a"}},
		{name: "conflict", do: func(r repository) {
			r.git("checkout", "--quiet", "-b", "other")
			r.write("a", "other\n")
			r.commit()
			r.git("checkout", "--quiet", "main")
			r.write("a", "main\n")
			r.commit()
			r.git("read-tree", "-m", "HEAD~", "HEAD", "other")
		}, modified: []string{"a"}},
		{name: "conflict with what is there", do: func(r repository) {
			r.git("checkout", "--quiet", "-b", "other")
			r.write("a", "other\n")
			r.commit()
			r.git("checkout", "--quiet", "main")
			r.write("a", "main\n")
			r.commit()
			r.git("checkout", "--quiet", "other")
			r.git("read-tree", "-m", "HEAD~", "HEAD", "main")
			r.git("symbolic-ref", "HEAD", "refs/heads/main")
			r.write("a", "main\n")
		}, modified: []string{"a"}},
		{name: "merge commit", do: func(r repository) {
			r.git("checkout", "--quiet", "-b", "other")
			r.write("c", "c\n")
			r.commit()
			r.git("checkout", "--quiet", "main")
			r.write("d", "d\n")
			r.commit()
			r.git("merge", "--quiet", "--message=merge", "other")
			if parents := r.git("rev-list", "--parents", "-n1", "HEAD"); len(strings.Fields(parents)) != 3 {
				r.t.Fatalf("no merge: %s", parents)
			}
		}},
		{name: "names", do: func(r repository) {
			for _, name := range []string{"-n", "with space", "tab\t", "newline\n", "ä", "\xff", `quote"`, ":(top)x", "*"} {
				r.write(name, "x\r\n")
			}
			r.git("-c", "core.autocrlf=true", "add", "--all")
			r.git("-c", "core.autocrlf=true", "commit", "--quiet", "--message=names")
			r.git("config", "core.autocrlf", "true")
		}, converted: []string{"*", "-n", ":(top)x", "newline\n", `quote"`, "tab\t", "with space", "ä", "\xff"}},

		{name: "line ends", do: func(r repository) {
			r.git("config", "core.autocrlf", "true")
			r.write("a", "a\r\n")
		}, converted: []string{"a"}, statusDiffers: true},
		{name: "line ends that are not converted", do: func(r repository) { r.write("a", "a\r\n") }, modified: []string{"a"}},
		{name: "encoding", do: func(r repository) {
			r.write(".gitattributes", "*.txt working-tree-encoding=UTF-16LE text\n")
			r.write("x.txt", "x\x00\n\x00")
			r.commit()
		}, converted: []string{"x.txt"}},
		{name: "encoding that is not one", do: func(r repository) {
			r.write(".gitattributes", "*.txt working-tree-encoding=UTF-16LE text\n")
			r.write("x.txt", "x\x00\n\x00")
			r.commit()
			r.write("x.txt", "x")
			r.write("a", "evil\n")
		}, modified: []string{"a", "x.txt"}},
		{name: "ident", do: func(r repository) {
			r.write(".gitattributes", "a ident\n")
			r.write("a", "$Id$\n")
			r.commit()
			r.write("a", "$Id: 0123 $\n")
		}, converted: []string{"a"}, statusDiffers: true},
		{name: "filter that runs", do: func(r repository) {
			r.write(".gitattributes", "*.up filter=case\n")
			r.git("config", "filter.case.clean", "tr a-z A-Z")
			r.write("x.up", "text\n")
			r.commit()
		}, modified: []string{"x.up"}, filtered: []string{"x.up"}, statusDiffers: true},
		{name: "filter that does nothing", do: func(r repository) {
			r.write(".gitattributes", "*.up filter=case\n")
			r.git("config", "filter.case.clean", "cat")
			r.git("config", "filter.case.required", "true")
			r.write("x.up", "text\n")
			r.commit()
		}},
		{name: "large file", do: func(r repository) {
			r.large("large")
			r.write("x.bin", "large")
		}, converted: []string{"x.bin"}, statusDiffers: true},
		{name: "large file of another content", do: func(r repository) {
			r.large("large")
			r.write("x.bin", "evil!")
		}, modified: []string{"x.bin"}},
		{name: "large file, its pointer", do: func(r repository) { r.large("large") }, statusDiffers: true},

		{name: "ignored", do: func(r repository) {
			r.write(".gitignore", "*.go\n")
			r.git("config", "core.excludesFile", filepath.Join(r.dir, ".git", "ignored"))
			r.write(".git/ignored", "*.c\n")
			r.write(".git/info/exclude", "*.s\n")
			r.commit()
			r.write("x.go", "package x\n")
			r.write("x.c", "")
			r.write("x.s", "")
		}},
		{name: "repository within", do: func(r repository) {
			r.write("within/x", "x\n")
			r.in("within").git("init", "--quiet")
		}, modified: []string{"within/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" {
				t.Skip("the file systems there have neither links nor all of the names")
			}
			r := newRepository(t)
			c.do(r)
			got := r.inspect()
			check := func(what string, got, want []string) {
				t.Helper()
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", what, got, want)
				}
			}
			check("modified", got.Modified, c.modified)
			check("hidden", got.Hidden, c.hidden)
			check("filtered", got.Filtered, c.filtered)
			check("converted", got.Converted, c.converted)
			if got.Sparse != c.sparse {
				t.Errorf("sparse %t", got.Sparse)
			}
			if c.statusDiffers {
				return
			}
			shown := slices.DeleteFunc(slices.Clone(got.Modified), func(name string) bool { return slices.Contains(got.Hidden, name) })
			check("git status", slices.Compact(r.status()), shown)
		})
	}
}

// large commits a file x.bin as Git Large File Storage does, which is not
// installed: what is committed is the pointer. The file is left as that.
func (r repository) large(content string) {
	r.t.Helper()
	r.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	sum := sha256.Sum256([]byte(content))
	r.write("x.bin", fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", sum, len(content)))
	r.commit()
	r.git("config", "filter.lfs.clean", "false")
	r.git("config", "filter.lfs.process", "false")
	r.git("config", "filter.lfs.required", "true")
}

// The two places in which Go's own stamp names the repository around: there, a
// Checkout is that of the module's own repository.
func TestInspectOwnRepository(t *testing.T) {
	inner, outer := newRepository(t), newRepository(t)
	outer.write("outer", "outer\n")
	outer.commit()
	inner.write("inner", "inner\n")
	inner.commit()
	outer.git("submodule", "--quiet", "add", inner.dir, "sub")
	outer.commit()
	outer.write(".git/info/exclude", "tree\n")
	inner.git("worktree", "add", "--quiet", "--detach", filepath.Join(outer.dir, "tree"))

	sub, tree := outer.in("sub").inspect(), outer.in("tree").inspect()
	want := inner.git("rev-parse", "HEAD")
	if sub.Commit.Hex() != want || !sub.Submodule || sub.Linked {
		t.Errorf("submodule: %+v", sub)
	}
	if tree.Commit.Hex() != want || tree.Submodule || !tree.Linked || tree.Ref != "" {
		t.Errorf("worktree: %+v", tree)
	}
	if c := outer.inspect(); c.Submodule || c.Linked || c.Modified != nil {
		t.Errorf("outer: %+v", c)
	}
	if c := inner.inspect(); c.Submodule || c.Linked {
		t.Errorf("inner: %+v", c)
	}
}

func TestInspectSubmodule(t *testing.T) {
	inner, middle, outer := newRepository(t), newRepository(t), newRepository(t)
	middle.git("submodule", "--quiet", "add", inner.dir, "inner")
	middle.commit()
	outer.git("submodule", "--quiet", "add", middle.dir, "middle")
	outer.commit()
	check := func(what string, modified, hidden []string) {
		t.Helper()
		c := outer.inspect()
		if !slices.Equal(c.Modified, modified) || !slices.Equal(c.Hidden, hidden) {
			t.Errorf("%s: modified %q, hidden %q, want %q, %q", what, c.Modified, c.Hidden, modified, hidden)
		}
	}
	check("not checked out within", nil, nil)
	middleIn := outer.in("middle")
	if status := outer.status(); status != nil {
		t.Errorf("git status shows %q", status)
	}

	// What is in a directory for a submodule, git never lists.
	middleIn.write("inner/evil.go", "package inner\n")
	if status := outer.status(); status != nil {
		t.Errorf("git status shows %q", status)
	}
	check("file in place of a submodule", []string{"middle"}, []string{"middle"})
	middleIn.remove("inner/evil.go")

	middleIn.git("submodule", "--quiet", "update", "--init")
	check("checked out within", nil, nil)
	innerIn := middleIn.in("inner")
	innerIn.git("update-index", "--assume-unchanged", "a")
	innerIn.write("a", "evil\n")
	check("hidden in the innermost", []string{"middle"}, []string{"middle"})
	innerIn.write("new", "")
	check("and one that is not", []string{"middle"}, nil)
	innerIn.remove("new")
	innerIn.git("update-index", "--no-assume-unchanged", "a")
	innerIn.git("checkout", "--quiet", ".")
	check("back", nil, nil)

	// Of what git tracks, the files of submodules are a part.
	c := outer.inspect()
	untracked, err := c.Untracked(t.Context(), []string{
		filepath.Join(innerIn.dir, "a"), filepath.Join(middleIn.dir, "dir", "b"), filepath.Join(innerIn.dir, "x"),
	}, outer.getenv)
	if err != nil || !slices.Equal(untracked, []string{"middle/inner/x"}) {
		t.Errorf("untracked %q, %v", untracked, err)
	}

	// By its configuration, the submodule has its files elsewhere.
	worktree := innerIn.git("config", "core.worktree")
	innerIn.git("config", "core.worktree", inner.dir)
	innerIn.write("evil.go", "package inner\n")
	if c, err := git.Inspect(t.Context(), outer.dir, outer.getenv); err == nil || !strings.Contains(err.Error(), "the repository there is that of "+inner.dir) {
		t.Errorf("files elsewhere: %+v, %v", c, err)
	}
	innerIn.remove("evil.go")
	repository{t, filepath.Join(outer.dir, ".git", "modules", "middle", "modules", "inner")}.git("config", "core.worktree", worktree)
	check("back again", nil, nil)

	innerIn.git("symbolic-ref", "HEAD", "refs/heads/none")
	check("without a commit", []string{"middle"}, nil)
	if err := os.WriteFile(filepath.Join(innerIn.dir, ".git"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if c, err := git.Inspect(t.Context(), outer.dir, outer.getenv); err == nil {
		t.Errorf("a submodule without a repository: %+v", c)
	}
}

func TestInspectShallow(t *testing.T) {
	origin := newRepository(t)
	origin.write("c", "c\n")
	origin.commit()
	r := emptyRepository(t)
	r.git("clone", "--quiet", "--depth=1", "file://"+origin.dir, "clone")
	clone := r.in("clone")
	c := clone.inspect()
	if !c.Shallow || c.Commit.Hex() != origin.git("rev-parse", "HEAD") || c.Modified != nil {
		t.Errorf("got %+v", c)
	}
	b, err := c.Build(t.Context(), git.Options{ModulePath: "github.com/octocat/hello"})
	if err != nil || b.Dependencies[0].Annotations["shallow"] != true {
		t.Errorf("got %+v, %v", b, err)
	}
	if c := origin.inspect(); c.Shallow {
		t.Errorf("got %+v", c)
	}
}

func TestInspectBare(t *testing.T) {
	r := newRepository(t)
	r.git("clone", "--quiet", "--bare", ".", "bare.git")
	for _, dir := range []string{"bare.git", ".git", ".git/objects", "bare.git/refs"} {
		c, err := git.Inspect(t.Context(), filepath.Join(r.dir, filepath.FromSlash(dir)), r.getenv)
		if !errors.Is(err, git.ErrNoCheckout) {
			t.Errorf("%s: %+v, %v", dir, c, err)
		}
	}
	// A worktree of a bare repository is one.
	r.in("bare.git").git("worktree", "add", "--quiet", filepath.Join(r.dir, "tree"))
	if c := r.in("tree").inspect(); c.Commit.String() != firstCommit || !c.Linked {
		t.Errorf("got %+v", c)
	}
}

// What the compiler reads although git ignores it.
func TestObserveReads(t *testing.T) {
	r := newRepository(t)
	r.write(".gitignore", "*.go\n")
	r.commit()
	r.write("dir/x.go", "package dir\n")
	outside := filepath.Join(t.TempDir(), "outside.go")
	if err := os.WriteFile(outside, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	o := git.Options{Getenv: r.getenv, ModulePath: "github.com/octocat/hello"}
	if _, err := git.Observe(t.Context(), r.dir, o); err != nil {
		t.Fatal(err)
	}
	o.Reads = []string{filepath.Join(r.dir, "a"), filepath.Join(r.dir, "dir", "x.go"), outside}
	_, err := git.Observe(t.Context(), r.dir, o)
	if modified, ok := errors.AsType[*git.ModifiedError](err); !ok || !slices.Equal(modified.Files, []string{"dir/x.go"}) {
		t.Errorf("got %v", err)
	}
	o.AllowModified = true
	b, err := git.Observe(t.Context(), r.dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if source, _ := b.Source(); !source.Modified || len(b.Dependencies) != 2 || b.Dependencies[1].Name != "dir/x.go" {
		t.Errorf("got %+v", b.Dependencies)
	}
	c := r.inspect()
	o.Getenv = nil
	if _, err := c.Build(t.Context(), o); err == nil || err.Error() != "git: no getenv" {
		t.Errorf("got %v", err)
	}
}

// A file behind a link is not hashed: it can be anyone's.
func TestObserveBehindLink(t *testing.T) {
	r := newRepository(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "b"), []byte("secret\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	r.remove("dir/b")
	r.remove("dir")
	r.symlink(outside, "dir")
	b, err := git.Observe(t.Context(), r.dir, git.Options{Getenv: r.getenv, ModulePath: "github.com/octocat/hello", AllowModified: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Dependencies) != 1 {
		t.Errorf("got %+v", b.Dependencies)
	}
}

// The objects of a repository can be others than their names say. git does not
// look.
func TestInspectForgedObject(t *testing.T) {
	for _, kind := range []string{"HEAD", "HEAD^{tree}", "HEAD:dir"} {
		r := newRepository(t)
		other := newRepository(t)
		other.write("a", "other\n")
		other.write("dir/b", "other\n")
		other.commit()
		object := func(r repository) string {
			id := r.git("rev-parse", kind)
			return filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])
		}
		forged, err := os.ReadFile(object(other))
		if err != nil {
			t.Fatal(err)
		}
		name := object(r)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, forged, 0o444); err != nil {
			t.Fatal(err)
		}
		for _, of := range []string{"HEAD^{tree}", "HEAD:dir", "HEAD:a", "HEAD:dir/b"} {
			id := other.git("rev-parse", of)
			data, err := os.ReadFile(filepath.Join(other.dir, ".git", "objects", id[:2], id[2:]))
			if err != nil {
				t.Fatal(err)
			}
			r.write(".git/objects/"+id[:2]+"/"+id[2:], string(data))
		}
		c, err := git.Inspect(t.Context(), r.dir, r.getenv)
		if err == nil || kind == "HEAD:dir" && !strings.Contains(err.Error(), "another content than its name says") {
			t.Errorf("%s: %+v, %v", kind, c, err)
		}
	}
}
