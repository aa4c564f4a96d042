package git_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// A repository is a checkout that git makes with an environment of its own, so
// that its commits have the same names everywhere.
type repository struct {
	t   testing.TB
	dir string
}

// newRepository returns a repository with one commit on the branch main: the
// files a and dir/b.
func newRepository(t testing.TB, args ...string) repository {
	t.Helper()
	r := emptyRepository(t, args...)
	r.write("a", "a\n")
	r.write("dir/b", "b\n")
	r.commit()
	return r
}

func emptyRepository(t testing.TB, args ...string) repository {
	t.Helper()
	// git prints the directory without symbolic links.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := repository{t, dir}
	r.git(append([]string{"init", "--quiet", "--initial-branch=main"}, args...)...)
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// try is git without minding whether it fails.
func (r repository) try(args ...string) (string, error) {
	out, err := command.Run(context.Background(), r.dir, []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + r.dir,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Author", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE=1700000000 +0100",
		"GIT_COMMITTER_NAME=Committer", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE=1700000001 +0100",
	}, "git", append([]string{"-c", "protocol.file.allow=always"}, args...)...)
	return strings.TrimSuffix(string(out), "\n"), err
}

func digest(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (r repository) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) remove(name string) {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.dir, filepath.FromSlash(name))); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) commit() {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message=commit")
}

// getenv is the environment that a program would pass on, with a home of its
// own.
func (r repository) getenv(name string) string {
	switch name {
	case "HOME":
		return r.t.TempDir()
	case "PATH":
		return os.Getenv("PATH")
	}
	return ""
}

func (r repository) inspect() *git.Checkout {
	r.t.Helper()
	c, err := git.Inspect(context.Background(), r.dir, r.getenv)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// committer commits and tags.
var committer = git.Person{Name: "Committer", Mail: "committer@example.com", Time: time.Unix(1700000001, 0).UTC()}

// tag returns the tag of a name, annotated if object is not empty.
func tag(name, object string) git.Tag {
	t := git.Tag{Ref: "refs/tags/" + name}
	if object != "" {
		d, err := hallmark.ParseDigest("gitTag:" + object)
		if err != nil {
			panic(err)
		}
		t.Object, t.Tagger = d, committer
	}
	return t
}

// The names of the first commit and of its tree.
const (
	firstCommit = "gitCommit:a88b174c2a4881289bbed231ae66c952fdbbb00b"
	firstTree   = "gitTree:59ea6591f74e34fa1ccb267ca4dc6ff08e4dc6ff"
)

func TestInspect(t *testing.T) {
	// What a case does to the repository, and what it changes in the Checkout.
	for _, c := range []struct {
		name string
		do   func(r repository)
		want func(c *git.Checkout)
	}{
		{"branch", func(r repository) {}, nil},
		{"branch and tag", func(r repository) { r.git("tag", "v1.0.0") }, func(c *git.Checkout) { c.Tags = []git.Tag{tag("v1.0.0", "")} }},
		{
			"branch with a slash",
			func(r repository) { r.git("checkout", "--quiet", "-b", "feature/one") },
			func(c *git.Checkout) { c.Ref = "refs/heads/feature/one" },
		},
		{
			"detached, no tag",
			func(r repository) { r.git("checkout", "--quiet", "--detach") },
			func(c *git.Checkout) { c.Ref = "" },
		},
		{
			"detached, one tag",
			func(r repository) { r.git("tag", "v1.0.0"); r.git("checkout", "--quiet", "--detach") },
			func(c *git.Checkout) { c.Ref, c.Tags = "refs/tags/v1.0.0", []git.Tag{tag("v1.0.0", "")} },
		},
		{
			"detached, annotated tag",
			func(r repository) {
				r.git("tag", "--annotate", "--message=tag", "v1.0.0")
				r.git("checkout", "--quiet", "v1.0.0")
			},
			func(c *git.Checkout) {
				c.Ref, c.Tags = "refs/tags/v1.0.0", []git.Tag{tag("v1.0.0", "bcc42383a0baf82bccd088dba998d14b7ecfdd60")}
			},
		},
		{
			"detached, two tags",
			func(r repository) {
				r.git("tag", "v1.0.0")
				r.git("tag", "--annotate", "--message=tag", "v1.0.1")
				r.git("checkout", "--quiet", "v1.0.0")
			},
			func(c *git.Checkout) {
				c.Ref, c.Tags = "", []git.Tag{tag("v1.0.0", ""), tag("v1.0.1", "6cade3d7f461afe07c03eb122808b95f95643fd4")}
			},
		},
		{
			"detached, tag of another commit",
			func(r repository) {
				r.git("checkout", "--quiet", "--detach")
				r.git("commit", "--quiet", "--allow-empty", "--message=two")
				r.git("tag", "v2.0.0")
				r.git("checkout", "--quiet", "HEAD~1")
			},
			func(c *git.Checkout) { c.Ref = "" },
		},
		{
			"untracked",
			func(r repository) { r.write("new/c", ""); r.write("new/ä\n", "") },
			func(c *git.Checkout) { c.Modified = []string{"new/c", "new/ä\n"} },
		},
		{
			"untracked, but the configuration hides such files",
			func(r repository) { r.write("c", ""); r.git("config", "status.showUntrackedFiles", "no") },
			func(c *git.Checkout) { c.Modified = []string{"c"} },
		},
		{
			"modified",
			func(r repository) { r.write("dir/b", "changed\n"); r.write("a", "changed\n") },
			func(c *git.Checkout) { c.Modified = []string{"a", "dir/b"} },
		},
		{
			"modified and staged",
			func(r repository) { r.write("a", "changed\n"); r.git("add", "a") },
			func(c *git.Checkout) { c.Modified = []string{"a"} },
		},
		{
			"staged and changed back",
			func(r repository) { r.write("a", "changed\n"); r.git("add", "a"); r.write("a", "a\n") },
			func(c *git.Checkout) { c.Modified = []string{"a"} },
		},
		{
			"touched",
			func(r repository) {
				if err := os.Chtimes(filepath.Join(r.dir, "a"), time.Time{}, time.Unix(1, 0)); err != nil {
					r.t.Fatal(err)
				}
			},
			nil,
		},
		{
			"deleted",
			func(r repository) { r.remove("dir/b") },
			func(c *git.Checkout) { c.Modified = []string{"dir/b"} },
		},
		{
			"renamed",
			func(r repository) { r.git("mv", "a", "z") },
			func(c *git.Checkout) { c.Modified = []string{"a", "z"} },
		},
		{
			"renamed, relative paths configured",
			func(r repository) { r.git("config", "status.relativePaths", "true"); r.git("mv", "dir/b", "dir/c") },
			func(c *git.Checkout) { c.Modified = []string{"dir/b", "dir/c"} },
		},
		{
			"ignored",
			func(r repository) { r.write(".git/info/exclude", "*.out\n"); r.write("app.out", "") },
			nil,
		},
		{
			"configured branch header",
			func(r repository) {
				r.git("config", "status.branch", "true")
				r.git("config", "status.short", "true")
				r.git("config", "status.showStash", "true")
			},
			nil,
		},

		{"origin", func(r repository) { r.git("remote", "add", "origin", "git@github.com:octocat/hello.git") }, func(c *git.Checkout) { c.Remote, c.Repository = "origin", "https://github.com/octocat/hello" }},
		{"origin with a token", func(r repository) {
			r.git("remote", "add", "origin", "https://octocat:secret@github.com/octocat/hello.git")
		}, func(c *git.Checkout) { c.Remote, c.Repository = "origin", "https://github.com/octocat/hello" }},
		{"origin is a path", func(r repository) { r.git("remote", "add", "origin", "/srv/hello.git") }, func(c *git.Checkout) { c.Remote = "origin" }},
		{"the only remote", func(r repository) { r.git("remote", "add", "upstream", "https://example.com/up") }, func(c *git.Checkout) { c.Remote, c.Repository = "upstream", "https://example.com/up" }},
		{
			"origin and another",
			func(r repository) {
				r.git("remote", "add", "a", "https://example.com/a")
				r.git("remote", "add", "origin", "https://example.com/o")
			},
			func(c *git.Checkout) { c.Remote, c.Repository = "origin", "https://example.com/o" },
		},
		{
			"two others",
			func(r repository) {
				r.git("remote", "add", "a", "https://example.com/a")
				r.git("remote", "add", "b", "https://example.com/b")
			},
			nil,
		},
		{"remote without a url", func(r repository) { r.git("config", "remote.origin.fetch", "x") }, func(c *git.Checkout) { c.Remote = "origin" }},
		{
			"remote with two urls",
			func(r repository) {
				r.git("remote", "add", "origin", "https://example.com/o")
				r.git("remote", "set-url", "--add", "origin", "https://example.com/two")
			},
			func(c *git.Checkout) { c.Remote, c.Repository = "origin", "https://example.com/o" },
		},
		{
			"url that the configuration rewrites",
			func(r repository) {
				r.git("remote", "add", "origin", "https://example.com/o")
				r.git("config", "url.https://secret@mirror.example/.insteadOf", "https://example.com/")
			},
			func(c *git.Checkout) { c.Remote, c.Repository = "origin", "https://example.com/o" },
		},

		{"replaced commit", func(r repository) {
			first := r.git("rev-parse", "HEAD")
			r.git("checkout", "--quiet", "--orphan", "other")
			r.write("a", "other\n")
			r.commit()
			other := r.git("rev-parse", "HEAD")
			r.git("checkout", "--quiet", "main")
			r.git("replace", first, other)
			if r.git("rev-parse", "HEAD^{tree}") != r.git("rev-parse", "other^{tree}") {
				r.t.Fatal("git does not follow the replace ref")
			}
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			c.do(r)
			want := git.Checkout{
				Root:         r.dir,
				Ref:          "refs/heads/main",
				Time:         time.Unix(1700000001, 0).UTC(),
				Author:       git.Person{Name: "Author", Mail: "author@example.com", Time: time.Unix(1700000000, 0).UTC()},
				Committer:    committer,
				ObjectFormat: "sha1",
			}
			if c.want != nil {
				c.want(&want)
			}
			got := r.inspect()
			if got.Commit.String() != firstCommit || got.Tree.String() != firstTree {
				t.Errorf("commit %s, tree %s, want %s, %s", got.Commit, got.Tree, firstCommit, firstTree)
			}
			want.Commit, want.Tree = got.Commit, got.Tree
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("got %+v\nwant %+v", *got, want)
			}
		})
	}
}

func TestInspectSubdirectory(t *testing.T) {
	r := newRepository(t)
	r.write("a", "changed\n")
	want := r.inspect()
	got, err := git.Inspect(t.Context(), filepath.Join(r.dir, "dir"), r.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || len(got.Modified) != 1 {
		t.Errorf("from a subdirectory %+v, want %+v", got, want)
	}
}

func TestInspectSHA256(t *testing.T) {
	r := newRepository(t, "--object-format=sha256")
	c := r.inspect()
	if got, want := c.Commit.String(), "gitCommit:cdc2ba496cb8c3c08ec99bb06d7e0b7fdb9cb543f694490a6efe5cc175a86d82"; got != want {
		t.Errorf("commit %s, want %s", got, want)
	}
	if got, want := c.Tree.String(), "gitTree:88f1e2adf8ccc8616b07b1e8723c76e92f59858923cfe379fc5f107ab7537139"; got != want {
		t.Errorf("tree %s, want %s", got, want)
	}
}

// Submodules and linked worktrees have commits of their own, and what is in a
// submodule is part of the checkout around it.
func TestInspectNested(t *testing.T) {
	inner, outer := newRepository(t), newRepository(t)
	inner.write("c", "c\n")
	inner.commit()
	outer.git("submodule", "--quiet", "add", inner.dir, "sub")
	outer.commit()
	sub := repository{t, filepath.Join(outer.dir, "sub")}

	if c := outer.inspect(); c.Modified != nil {
		t.Errorf("clean submodule: modified %q", c.Modified)
	}
	if got, want := sub.inspect().Commit, inner.inspect().Commit; got != want {
		t.Errorf("submodule at %s, want %s", got, want)
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"modified", func() { sub.write("c", "changed\n") }},
		{"untracked", func() { sub.git("checkout", "--quiet", "."); sub.write("new", "") }},
		{"another commit", func() { sub.commit() }},
		{"the configuration ignores it", func() {
			outer.git("config", "submodule.sub.ignore", "all")
			outer.git("config", "diff.ignoreSubmodules", "all")
		}},
	} {
		c.do()
		if got := outer.inspect().Modified; !slices.Equal(got, []string{"sub"}) {
			t.Errorf("submodule with %s: modified %q, want sub", c.name, got)
		}
	}
	b, err := git.Observe(t.Context(), outer.dir, git.Options{Getenv: outer.getenv, ModulePath: "example.com/outer", AllowModified: true})
	if err != nil || len(b.Dependencies) != 1 || !reflect.DeepEqual(b.Dependencies[0].Annotations["notHashed"], []any{"sub"}) {
		t.Errorf("a modified submodule has no hash: %+v, %v", b, err)
	}

	tree := repository{t, filepath.Join(outer.dir, "tree")}
	inner.git("worktree", "add", "--quiet", "-b", "branch", tree.dir, "HEAD~1")
	if c := tree.inspect(); c.Commit.String() != firstCommit || c.Ref != "refs/heads/branch" || c.Root != tree.dir {
		t.Errorf("worktree %+v", c)
	}
}

func TestInspectRefuses(t *testing.T) {
	plain, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	r := newRepository(t)
	r.write(".git/info/exclude", "cache/\n")
	r.write("cache/mod/go.mod", "module example.com/m\n")
	r.write("untracked/go.mod", "module example.com/m\n")
	with := func(name, value string) func(string) string {
		return func(n string) string {
			if n == name {
				return value
			}
			return r.getenv(n)
		}
	}
	empty := emptyRepository(t)
	staged := emptyRepository(t)
	staged.write("a", "a\n")
	staged.git("add", "a")

	for _, c := range []struct {
		name   string
		ctx    context.Context
		dir    string
		getenv func(string) string
		is     error // may be nil
		want   string
	}{
		{"no repository", t.Context(), plain, r.getenv, git.ErrNoCheckout, "git: " + plain + ": not in a git checkout"},
		{"ignored directory", t.Context(), filepath.Join(r.dir, "cache", "mod"), r.getenv, git.ErrNoCheckout, "the checkout around it tracks none of its files"},
		{"untracked directory", t.Context(), filepath.Join(r.dir, "untracked"), r.getenv, git.ErrNoCheckout, "the checkout around it tracks none of its files"},
		{"nothing in the repository", t.Context(), empty.dir, r.getenv, git.ErrNoCheckout, "the checkout around it tracks none of its files"},
		{"no commit", t.Context(), staged.dir, r.getenv, nil, "git: " + staged.dir + ": the branch has no commit yet"},
		{"no directory", t.Context(), filepath.Join(plain, "x"), r.getenv, fs.ErrNotExist, "git: stat"},
		{"no git", t.Context(), r.dir, with("PATH", plain), exec.ErrNotFound, "git: "},
		{"no PATH", t.Context(), r.dir, with("PATH", ""), exec.ErrNotFound, "git: "},
		{"cancelled", cancelled, r.dir, r.getenv, context.Canceled, "git: "},
		{"no getenv", t.Context(), r.dir, nil, nil, "git: no getenv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := git.Inspect(c.ctx, c.dir, c.getenv)
			if got != nil || err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("checkout %v, error %v, want %q", got, err, c.want)
			}
			if c.is != git.ErrNoCheckout && errors.Is(err, git.ErrNoCheckout) {
				t.Errorf("error %v is ErrNoCheckout", err)
			}
		})
	}
}

// Nothing in the environment of the process, or in what getenv has besides what
// is asked for, moves git to another repository.
func TestInspectHostileEnvironment(t *testing.T) {
	r, other := newRepository(t), newRepository(t)
	other.write("a", "other\n")
	other.commit()
	want := r.inspect()
	hostile := map[string]string{
		"GIT_DIR":                          filepath.Join(other.dir, ".git"),
		"GIT_WORK_TREE":                    other.dir,
		"GIT_INDEX_FILE":                   filepath.Join(other.dir, ".git", "index"),
		"GIT_OBJECT_DIRECTORY":             filepath.Join(other.dir, ".git", "objects"),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES": filepath.Join(other.dir, ".git", "objects"),
		"GIT_CONFIG_COUNT":                 "1",
		"GIT_CONFIG_KEY_0":                 "remote.origin.url",
		"GIT_CONFIG_VALUE_0":               "https://evil.example/r",
		"GIT_CONFIG_PARAMETERS":            "'remote.origin.url=https://evil.example/r'",
		"GIT_NAMESPACE":                    "evil",
		"GIT_EXEC_PATH":                    other.dir,
	}
	for name, value := range hostile {
		t.Setenv(name, value)
	}
	got, err := git.Inspect(t.Context(), r.dir, func(name string) string {
		if v, ok := hostile[name]; ok {
			return v
		}
		return r.getenv(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The configuration of a checkout does not start programs of its choice as a
// monitor or a hook, and nothing in the checkout is changed.
func TestInspectHostileConfiguration(t *testing.T) {
	r := newRepository(t)
	mark := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho ran >> '"+mark+"'\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	r.git("config", "core.fsmonitor", program)
	r.git("config", "core.pager", program)
	r.git("config", "pager.status", "true")
	r.git("config", "core.editor", program)
	r.git("config", "core.hooksPath", filepath.Dir(program))
	for _, hook := range []string{"post-index-change", "fsmonitor-watchman", "reference-transaction"} {
		if err := os.Symlink(program, filepath.Join(filepath.Dir(program), hook)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(r.dir, "a"), time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err) // git status would write the index anew
	}
	index, err := os.ReadFile(filepath.Join(r.dir, ".git", "index"))
	if err != nil {
		t.Fatal(err)
	}
	r.inspect()
	if text, err := os.ReadFile(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the program of the configuration ran: %q, %v", text, err)
	}
	if again, err := os.ReadFile(filepath.Join(r.dir, ".git", "index")); err != nil || string(again) != string(index) {
		t.Errorf("the index was written, error %v", err)
	}

	// The trap works: git itself walks into it.
	r.git("status")
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("git status does not run the program: %v", err)
	}
}

func TestCheckoutSource(t *testing.T) {
	r := newRepository(t)
	c := r.inspect()
	want := provenance.Source{Ref: "refs/heads/main", Commit: c.Commit, CommitFrom: provenance.Git}
	if got := c.Source(git.Options{ModulePath: "example"}); got != want {
		t.Errorf("no remote, no module: %+v, want %+v", got, want)
	}
	want.Repository, want.RepositoryFrom = "https://github.com/octocat/hello", provenance.ModulePath
	if got := c.Source(git.Options{ModulePath: "github.com/octocat/hello/v2"}); got != want {
		t.Errorf("no remote: %+v, want %+v", got, want)
	}
	c.Repository, c.Modified = "https://example.com/r", []string{"a"}
	want.Repository, want.RepositoryFrom, want.Modified = c.Repository, provenance.Git, true
	if got := c.Source(git.Options{ModulePath: "github.com/octocat/hello/v2"}); got != want {
		t.Errorf("remote, modified: %+v, want %+v", got, want)
	}
	o := git.Options{Repository: "https://example.com/said", ModulePath: "github.com/octocat/hello"}
	if got := c.Source(o); got != want {
		t.Errorf("a remote goes before what the caller says: %+v, want %+v", got, want)
	}
	c.Repository = ""
	want.Repository, want.RepositoryFrom = "https://example.com/said", provenance.Caller
	if got := c.Source(o); got != want {
		t.Errorf("what the caller says goes before the module: %+v, want %+v", got, want)
	}
}

func TestUntracked(t *testing.T) {
	r := newRepository(t)
	r.write(".gitignore", "ignored\n")
	r.commit()
	r.write("ignored", "x")
	r.write("new", "x")
	r.write("a", "modified")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, link := range []struct{ to, name string }{{"dir", "link"}, {outside, "escape"}} {
		if err := os.Symlink(link.to, filepath.Join(r.dir, link.name)); err != nil {
			t.Fatal(err)
		}
	}
	c := r.inspect()
	in := func(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }
	got, err := c.Untracked(t.Context(), []string{
		in("a"), in("dir/b"), in("link/b"), in("dir/../a"), // tracked, by whatever way
		in("ignored"), in("new"), in("escape"), in("gone"), outside,
	}, r.getenv)
	if want := []string{"ignored", "new", "escape", "gone", outside}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := c.Untracked(t.Context(), []string{in("no/such/file")}, r.getenv); err == nil {
		t.Error("no error for a directory that is not there")
	}
}

func TestObserve(t *testing.T) {
	r := newRepository(t)
	o := git.Options{Getenv: r.getenv, ModulePath: "github.com/octocat/hello"}
	b, err := git.Observe(t.Context(), r.dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if want := provenance.Local(r.inspect().Source(o)); !reflect.DeepEqual(b, want) {
		t.Errorf("build %+v, want %+v", b, want)
	}

	r.write("a", "changed\n")
	r.write("new", "new\n")
	r.remove("dir/b")
	_, err = git.Observe(t.Context(), r.dir, o)
	modified, ok := errors.AsType[*git.ModifiedError](err)
	if !ok || !slices.Equal(modified.Files, []string{"a", "dir/b", "new"}) {
		t.Errorf("error %v, want a ModifiedError", err)
	}
	if want := "git: 3 files differ from the commit: a, dir/b, new"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}

	o.AllowModified = true
	if b, err = git.Observe(t.Context(), r.dir, o); err != nil {
		t.Fatal(err)
	}
	want := []provenance.ResourceDescriptor{
		{
			URI: "git+https://github.com/octocat/hello@refs/heads/main",
			Annotations: map[string]any{
				"modified": true, "base": firstCommit, "repositoryFrom": "module path", "deleted": []any{"dir/b"},
			},
		},
		{
			Name: "a", Annotations: map[string]any{"modified": true},
			Digest: provenance.DigestSet{"sha256": "7f8b1dfc466b6249f06cbe55c9174df2578e7754da793fded244ef5cba2a38f1"},
		},
		{
			Name: "new", Annotations: map[string]any{"modified": true},
			Digest: provenance.DigestSet{"sha256": "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c"},
		},
	}
	if !reflect.DeepEqual(b.Dependencies, want) {
		t.Errorf("dependencies %+v\nwant %+v", b.Dependencies, want)
	}
	if source, _ := b.Source(); !source.Modified || source.Commit.String() != firstCommit {
		t.Errorf("source %+v", source)
	}

	o.ModulePath = ""
	if _, err := git.Observe(t.Context(), r.dir, o); err == nil || err.Error() != "git: the checkout is modified and its repository is not known" {
		t.Errorf("no repository: error %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	c := r.inspect()
	cancel()
	o.ModulePath = "github.com/octocat/hello"
	if _, err := c.Build(cancelled, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

func TestModifiedError(t *testing.T) {
	err := &git.ModifiedError{Files: []string{"a", "b", "c", "d", "e", "f"}}
	if got, want := err.Error(), "git: 6 files differ from the commit: a, b, c, d, e, …"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nothing of the machine is in a statement.
func TestObservePublishes(t *testing.T) {
	r := newRepository(t)
	r.git("remote", "add", "origin", "file://"+r.dir)
	r.write("a", "changed\n")
	b, err := git.Observe(t.Context(), r.dir, git.Options{Getenv: r.getenv, ModulePath: "example.com/m", AllowModified: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(payload), r.dir) {
		t.Errorf("the checkout's path is in %s", payload)
	}
}
