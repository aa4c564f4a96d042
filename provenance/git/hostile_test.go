package git_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/git"
)

// A trap is a program that leaves a mark if it is run.
type trap struct {
	t             *testing.T
	program, mark string
}

func newTrap(t *testing.T) trap {
	t.Helper()
	dir := t.TempDir()
	x := trap{t, filepath.Join(dir, "program"), filepath.Join(dir, "ran")}
	if err := os.WriteFile(x.program, []byte("#!/bin/sh\necho \"$0 $*\" >> '"+x.mark+"'\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	return x
}

// sprung returns how the program was run, and sets the trap again.
func (x trap) sprung() string {
	x.t.Helper()
	text, err := os.ReadFile(x.mark)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		x.t.Fatal(err)
	}
	if err := os.Remove(x.mark); err != nil {
		x.t.Fatal(err)
	}
	return string(text)
}

// set lays the program out wherever the configuration of a repository can name
// one.
func (x trap) set(r repository) {
	x.t.Helper()
	hooks := filepath.Dir(x.program)
	for _, hook := range []string{"post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout", "pre-auto-gc"} {
		if err := os.Symlink(x.program, filepath.Join(hooks, hook)); err != nil && !errors.Is(err, fs.ErrExist) {
			x.t.Fatal(err)
		}
	}
	// Half of it in files that are included.
	more := filepath.Join(x.t.TempDir(), "config")
	for i, setting := range []string{
		"core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy", "core.askPass", "core.alternateRefsCommand",
		"sequence.editor", "credential.helper", "diff.external", "interactive.diffFilter", "pager.log", "pager.status", "pager.ls-files",
		"gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program", "gpg.ssh.defaultKeyCommand",
		"filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "filter.e=vi.l.clean", "filter.lfs.process", "filter.lfs.clean",
		"diff.evil.textconv", "diff.evil.command", "merge.evil.driver", "remote.origin.uploadpack", "uploadpack.packObjectsHook", "trailer.x.command",
	} {
		if i%2 == 0 {
			r.git("config", setting, x.program)
		} else {
			r.git("config", "--file", more, setting, x.program)
		}
	}
	for _, verb := range []string{"rev-parse", "ls-files", "ls-tree", "cat-file", "for-each-ref", "status", "log", "config", "hash-object", "check-attr", "verify-commit", "verify-tag", "remote", "symbolic-ref"} {
		r.git("config", "alias."+verb, "!"+x.program)
	}
	r.git("config", "filter.evil.required", "true")
	r.git("config", "log.showSignature", "true")
	r.git("config", "core.hooksPath", hooks)
	r.git("config", "protocol.ext.allow", "always")
	r.git("config", "remote.origin.url", "ext::"+x.program)
	r.git("config", "remote.origin.promisor", "true")
	r.git("config", "core.untrackedCache", "true")
	r.git("config", "include.path", more)
	r.git("config", "includeIf.gitdir:**.path", more)
	r.write(".git/info/attributes", "a filter=evil diff=evil\n* filter=evil\ndir/b filter=e=vi.l\n")
}

// Nothing that is configured in a checkout, in a submodule of it or in files that
// they include runs a program.
func TestHostileConfiguration(t *testing.T) {
	inner, r := newRepository(t), newRepository(t)
	r.write("go.mod", "module example.com/m\n")
	r.git("submodule", "--quiet", "add", inner.dir, "sub")
	r.commit()
	tagged := r.signed(t)
	x := newTrap(t)
	x.set(r)
	// In a submodule, the repository is elsewhere.
	gitDir := repository{t, filepath.Join(r.dir, ".git", "modules", "sub")}
	for _, name := range []string{"core.fsmonitor", "filter.inner.clean", "filter.inner.process"} {
		gitDir.git("config", name, x.program)
	}
	gitDir.write("info/attributes", "* filter=inner\n")
	// What is older than the index is compared anew, and so is what changed.
	touched := int64(0)
	touch := func() {
		t.Helper()
		touched++
		for _, name := range []string{"a", "dir/b", "go.mod", "sub/a", "sub/dir/b"} {
			if err := os.Chtimes(filepath.Join(r.dir, name), time.Time{}, time.Unix(touched, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, change := range []string{"", "a", "sub/a"} {
		if change != "" {
			r.write(change, "evil\n")
		}
		touch()
		index, err := os.ReadFile(filepath.Join(r.dir, ".git", "index"))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{".", "dir"} {
			c, err := git.Inspect(t.Context(), filepath.Join(r.dir, dir), r.getenv)
			if err != nil {
				t.Fatal(err)
			}
			if (len(c.Modified) > 0) != (change != "") {
				t.Errorf("%q: modified %q", change, c.Modified)
			}
			if _, err := c.Untracked(t.Context(), []string{filepath.Join(r.dir, "a")}, r.getenv); err != nil {
				t.Error(err)
			}
			if _, err := c.VerifyCommit(t.Context(), git.Signers{}, r.getenv); err != nil {
				t.Error(err)
			}
			for _, tag := range c.Tags {
				if sig, err := c.VerifyTag(t.Context(), tag, git.Signers{}, r.getenv); err != nil || sig.Status == git.Good {
					t.Errorf("%+v, %v", sig, err)
				}
			}
			if len(c.Tags) != tagged {
				t.Errorf("tags %+v", c.Tags)
			}
			if _, err := c.Build(t.Context(), git.Options{AllowModified: true, Repository: "https://example.com/r"}); err != nil {
				t.Error(err)
			}
		}
		m, err := git.InspectModule(t.Context(), r.dir, r.getenv)
		if err != nil || m.Modified != (change != "") {
			t.Errorf("%q: %+v, %v", change, m, err)
		}
		if text := x.sprung(); text != "" {
			t.Errorf("%q: the program ran: %s", change, text)
		}
		if again, err := os.ReadFile(filepath.Join(r.dir, ".git", "index")); err != nil || string(again) != string(index) {
			t.Errorf("the index was written, error %v", err)
		}
	}

	// The trap works: git itself walks into it.
	for _, args := range [][]string{
		{"-c", "core.fsmonitor=false", "-c", "filter.evil.process=", "-c", "filter.evil.required=false", "status"},
		{"-c", "filter.evil.process=", "-c", "filter.evil.required=false", "status", "--ignore-submodules=all"},
		{"-C", "sub", "-c", "core.fsmonitor=false", "status"},
		{"-c", "gpg.ssh.allowedSignersFile=/dev/null", "verify-tag", "v-ssh"},
	} {
		touch()
		r.try(args...)
		if x.sprung() == "" {
			t.Errorf("git %s does not run the program", strings.Join(args, " "))
		}
	}
}

// Of a partial clone, nothing is fetched: that would run a program, or ask a
// host.
func TestHostilePromisor(t *testing.T) {
	origin := newRepository(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	r := emptyRepository(t)
	r.git("clone", "--quiet", "--no-checkout", "--filter=tree:0", "file://"+origin.dir, "clone")
	clone := r.in("clone")
	x := newTrap(t)
	clone.git("config", "protocol.ext.allow", "always")
	clone.git("config", "remote.origin.url", "ext::"+x.program)
	clone.git("config", "remote.origin.uploadpack", x.program)
	clone.write("a", "a\n")
	clone.git("update-index", "--add", "a")
	c, err := git.Inspect(t.Context(), clone.dir, clone.getenv)
	if err == nil {
		t.Errorf("got %+v, want an error for the tree that is missing", c)
	}
	if text := x.sprung(); text != "" {
		t.Errorf("the program ran: %s", text)
	}
	clone.try("ls-tree", "HEAD")
	if x.sprung() == "" {
		t.Error("git ls-tree does not run the program")
	}
}

// The files that git compares are those that the caller looks at.
func TestHostileWorktree(t *testing.T) {
	clean, r := newRepository(t), newRepository(t)
	r.write("a", "evil\n")
	r.git("config", "core.worktree", clean.dir)
	if c, err := git.Inspect(t.Context(), r.dir, r.getenv); err == nil || !strings.Contains(err.Error(), "is that of another directory") && !errors.Is(err, git.ErrNoCheckout) {
		t.Errorf("got %+v, %v", c, err)
	}

	// A directory of the checkout that looks like a repository is none.
	r = newRepository(t)
	x := newTrap(t)
	r.write("evil/HEAD", "ref: refs/heads/main\n")
	r.write("evil/objects/x", "")
	r.write("evil/refs/x", "")
	r.write("evil/config", "[core]\n\tbare = false\n\tworktree = ..\n\tfsmonitor = "+x.program+"\n")
	r.commit()
	for _, dir := range []string{"evil", "evil/refs"} {
		c, err := git.Inspect(t.Context(), filepath.Join(r.dir, filepath.FromSlash(dir)), r.getenv)
		if !errors.Is(err, git.ErrNoCheckout) {
			t.Errorf("%s: %+v, %v", dir, c, err)
		}
	}
	if text := x.sprung(); text != "" {
		t.Errorf("the program ran: %s", text)
	}
}

// Programs are not looked for in the checkout, although the PATH asks for that.
func TestHostilePath(t *testing.T) {
	r := newRepository(t)
	r.signed(t)
	x := newTrap(t)
	for _, name := range []string{"git", "ssh-keygen", "gpg"} {
		r.symlink(x.program, name)
	}
	getenv := func(name string) string {
		if name == "PATH" {
			return strings.Join([]string{"", ".", "./", r.getenv("PATH"), "."}, string(os.PathListSeparator))
		}
		return r.getenv(name)
	}
	c, err := git.Inspect(t.Context(), r.dir, getenv)
	if err != nil || !slices.Equal(c.Modified, []string{"git", "gpg", "ssh-keygen"}) {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, tag := range c.Tags {
		if _, err := c.VerifyTag(t.Context(), tag, git.Signers{}, getenv); err != nil {
			t.Error(err)
		}
	}
	if text := x.sprung(); text != "" {
		t.Errorf("the program ran: %s", text)
	}
}
