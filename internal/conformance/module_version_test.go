package conformance

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// A checkout is a repository that a case of TestModuleVersion makes.
type checkout struct {
	t       *testing.T
	dir     string // where its commands run
	home    string
	commits int
}

// environ is the environment of git and of the go command.
func (r *checkout) environ() []string {
	date := fmt.Sprintf("%d +0200", 1700000000+100*r.commits)
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_COMMITTER_DATE=" + date,
	}
}

func (r *checkout) run(name string, args ...string) {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, r.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

func (r *checkout) git(line string) {
	r.t.Helper()
	r.run("git", append([]string{"-c", "protocol.file.allow=always"}, strings.Fields(line)...)...)
}

func (r *checkout) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

// module writes a module with a program.
func (r *checkout) module(dir, modulePath string) {
	r.t.Helper()
	r.write(dir+"/go.mod", "module "+modulePath+"\n\ngo 1.26\n")
	r.write(dir+"/main.go", "package main\n\nfunc main() {}\n")
}

// commit commits all files, and changes one before, so that there is something
// to commit.
func (r *checkout) commit(tags ...string) {
	r.t.Helper()
	r.commits++
	r.write("count.txt", fmt.Sprint(r.commits))
	r.git("add --all")
	r.git("commit --quiet --message=commit")
	for _, tag := range tags {
		r.git("tag " + tag)
	}
}

// TestModuleVersion holds InspectModule against the version that the go command
// stamps a program with, and both against what a person reads out of the rules.
func TestModuleVersion(t *testing.T) {
	const m = "example.com/m"
	for _, c := range []struct {
		name string
		make func(*checkout)
		in   string // directory of the program
		want string // Main.Version; "error" if the go command fails
		auto string // what it is with -buildvcs=auto, if -buildvcs=true fails
	}{
		// Tags.
		{"tag", func(r *checkout) { r.module(".", m); r.commit("v1.2.3") }, ".", "v1.2.3", ""},
		{"tag of v0", func(r *checkout) { r.module(".", m); r.commit("v0.0.0") }, ".", "v0.0.0", ""},
		{"annotated tag", func(r *checkout) { r.module(".", m); r.commit(); r.git("tag --annotate --message=x v1.2.3") }, ".", "v1.2.3", ""},
		{"tag of a tag", func(r *checkout) {
			r.module(".", m)
			r.commit()
			r.git("tag --annotate --message=x v1.2.3")
			r.git("tag --annotate --message=x v1.2.4 v1.2.3")
		}, ".", "v1.2.4", ""},
		{"two tags", func(r *checkout) { r.module(".", m); r.commit("v1.10.0", "v1.9.0") }, ".", "v1.10.0", ""},
		{"pre-release", func(r *checkout) { r.module(".", m); r.commit("v1.2.3-rc.1") }, ".", "v1.2.3-rc.1", ""},
		{"pre-release and release", func(r *checkout) { r.module(".", m); r.commit("v1.2.3-rc.1", "v1.2.3") }, ".", "v1.2.3", ""},
		{"pre-release of what is to come", func(r *checkout) { r.module(".", m); r.commit("v1.2.3", "v1.3.0-rc.1") }, ".", "v1.3.0-rc.1", ""},
		{"tags that are none", func(r *checkout) {
			r.module(".", m)
			r.commit("1.2.3", "v1.2", "v1", "v1.2.3.4", "v01.2.3", "release-v1.2.3", "V1.2.3", "v1.2.3-", "x/v1.2.3")
		}, ".", "v0.0.0-20231114221500-@", ""},
		{"tag with a comma", func(r *checkout) { r.module(".", m); r.commit("v1.2.3,", "v1.2.4") }, ".", "v1.2.4", ""},
		{"build metadata", func(r *checkout) { r.module(".", m); r.commit("v1.2.3+meta") }, ".", "v1.2.4-0.20231114221500-@", ""},
		{"incompatible by name", func(r *checkout) { r.module(".", m); r.commit("v1.2.3+incompatible") }, ".", "v1.2.4-0.20231114221500-@", ""},
		{"tag like a pseudo-version", func(r *checkout) { r.module(".", m); r.commit("v1.2.4-0.20200101000000-abcdefabcdef") }, ".", "v0.0.0-20231114221500-@", ""},
		{"branch like a version", func(r *checkout) { r.module(".", m); r.commit(); r.git("branch v1.2.3") }, ".", "v0.0.0-20231114221500-@", ""},
		{"retracted by itself", func(r *checkout) {
			r.module(".", m)
			r.write("go.mod", "module "+m+"\n\ngo 1.26\n\nretract v1.2.3\n")
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},

		// History.
		{"no tag", func(r *checkout) { r.module(".", m); r.commit() }, ".", "v0.0.0-20231114221500-@", ""},
		{"after a tag", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.commit() }, ".", "v1.2.4-0.20231114221640-@", ""},
		{"after a pre-release", func(r *checkout) { r.module(".", m); r.commit("v1.2.3-rc.1"); r.commit() }, ".", "v1.2.3-rc.1.0.20231114221640-@", ""},
		{"after build metadata", func(r *checkout) { r.module(".", m); r.commit("v1.2.3+b", "v1.2.3+a"); r.commit() }, ".", "v1.2.4-0.20231114221640-@", ""},
		{"after lower and higher", func(r *checkout) { r.module(".", m); r.commit("v1.10.0"); r.commit("v1.9.0"); r.commit() }, ".", "v1.10.1-0.20231114221820-@", ""},
		{"newer tag of another branch", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.git("checkout --quiet -b other")
			r.commit("v1.9.0")
			r.git("checkout --quiet main")
			r.commit()
		}, ".", "v1.2.4-0.20231114221820-@", ""},
		{"tag of a merged branch", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.git("checkout --quiet -b other")
			r.commit("v1.9.0")
			r.git("checkout --quiet main")
			r.git("merge --quiet --no-ff -m merge other")
		}, ".", "v1.9.1-0.20231114221640-@", ""},
		{"tag of a later commit", func(r *checkout) { r.module(".", m); r.commit(); r.commit("v1.2.3"); r.git("checkout --quiet HEAD~") }, ".", "v0.0.0-20231114221500-@", ""},
		{"shallow, without the tag", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.commit()
			r.git("clone --quiet --depth=1 file://" + r.dir + " clone")
		}, "clone", "v0.0.0-20231114221640-@", ""},
		{"shallow, with the tag", func(r *checkout) {
			r.module(".", m)
			r.commit()
			r.commit("v1.2.3")
			r.git("clone --quiet --depth=1 file://" + r.dir + " clone")
		}, "clone", "v1.2.3", ""},
		{"without decoration", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.git("config log.excludeDecoration refs/tags/*")
		}, ".", "v1.2.4-0.20231114221500-@", ""},

		// Modified.
		{"modified", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.write("count.txt", "x") }, ".", "v1.2.3+dirty", ""},
		{"modified after a tag", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.commit(); r.write("count.txt", "x") }, ".", "v1.2.4-0.20231114221640-@+dirty", ""},
		{"staged", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.write("new.txt", "x"); r.git("add new.txt") }, ".", "v1.2.3+dirty", ""},
		{"untracked", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.write("new.txt", "x") }, ".", "v1.2.3+dirty", ""},
		{"untracked elsewhere", func(r *checkout) {
			r.module(".", m)
			r.write("cmd/main.go", "package main\n\nfunc main() {}\n")
			r.commit("v1.2.3")
			r.write("other/new.txt", "x")
		}, "cmd", "v1.2.3+dirty", ""},
		{"untracked, not shown", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.git("config status.showUntrackedFiles no")
			r.write("new.txt", "x")
		}, ".", "v1.2.3", ""},
		{"ignored", func(r *checkout) {
			r.module(".", m)
			r.write(".gitignore", "new.txt\n")
			r.commit("v1.2.3")
			r.write("new.txt", "x")
		}, ".", "v1.2.3", ""},
		{"empty directory", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.run("mkdir", "empty") }, ".", "v1.2.3", ""},
		{"assumed unchanged", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.git("update-index --assume-unchanged count.txt")
			r.write("count.txt", "x")
		}, ".", "v1.2.3", ""},
		{"touched", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.write("count.txt", "1") }, ".", "v1.2.3", ""},
		{"modified, go.mod renamed", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.module(".", "example.com/other") }, ".", "v1.2.3+dirty", ""},
		{"modified, major version changed", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.module(".", m+"/v2") }, ".", "(devel)", ""},

		// Major versions.
		{"v2", func(r *checkout) { r.module(".", m+"/v2"); r.commit("v2.0.0", "v1.9.0", "v3.0.0") }, ".", "v2.0.0", ""},
		{"v2 without a tag", func(r *checkout) { r.module(".", m+"/v2"); r.commit("v1.9.0"); r.commit() }, ".", "v2.0.0-20231114221640-@", ""},
		{"v2 after a tag", func(r *checkout) { r.module(".", m+"/v2"); r.commit("v2.1.0", "v3.0.0"); r.commit() }, ".", "v2.1.1-0.20231114221640-@", ""},
		{"v2 of a path without", func(r *checkout) { r.module(".", m); r.commit("v2.0.0") }, ".", "v0.0.0-20231114221500-@", ""},
		{"v2 of a path without, after v1", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.commit("v2.0.0"); r.commit() }, ".", "v1.2.4-0.20231114221820-@", ""},
		{"v2 in a directory", func(r *checkout) { r.module(".", m); r.module("v2", m+"/v2"); r.commit("v1.2.3", "v2.3.4") }, "v2", "v2.3.4", ""},
		{"beside v2 in a directory", func(r *checkout) { r.module(".", m); r.module("v2", m+"/v2"); r.commit("v1.2.3", "v2.3.4") }, ".", "v1.2.3", ""},
		{"v2 twice", func(r *checkout) { r.module(".", m+"/v2"); r.module("v2", m+"/v2"); r.commit("v2.3.4") }, ".", "(devel)", ""},
		{"v3 beside v2", func(r *checkout) { r.module(".", m+"/v3"); r.module("v2", m+"/v2"); r.commit("v2.3.4", "v3.4.5") }, "v2", "v2.3.4", ""},
		{"v1 as a suffix", func(r *checkout) { r.module(".", m+"/v1"); r.commit("v1.2.3") }, ".", "(devel)", ""},
		{"gopkg.in", func(r *checkout) { r.module(".", "gopkg.in/m.v2"); r.commit("v2.0.0") }, ".", "(devel)", ""},
		{"no go.mod at the commit", func(r *checkout) { r.commit("v1.2.3"); r.module(".", m) }, ".", "v1.2.3+dirty", ""},
		{"incompatible", func(r *checkout) { r.commit("v2.0.0"); r.module(".", m) }, ".", "v2.0.0+incompatible.dirty", ""},
		{"after incompatible", func(r *checkout) { r.commit("v2.0.0"); r.commit(); r.module(".", m) }, ".", "v2.0.1-0.20231114221640-@+incompatible.dirty", ""},
		{"incompatible beside v2", func(r *checkout) {
			r.write("v2/go.mod", "module "+m+"/v2\n")
			r.commit("v2.0.0", "v3.0.0")
			r.module(".", m)
		}, ".", "v3.0.0+incompatible.dirty", ""},
		{"not incompatible", func(r *checkout) {
			r.write("v2/go.mod", "module "+m+"/v2\n")
			r.commit("v2.0.0", "v1.0.0")
			r.module(".", m)
		}, ".", "v1.0.0+dirty", ""},

		// Modules in directories.
		{"sub", func(r *checkout) { r.module(".", m); r.module("sub", m+"/sub"); r.commit("v1.9.0", "sub/v1.2.3") }, "sub", "v1.2.3", ""},
		{"sub without a tag", func(r *checkout) { r.module(".", m); r.module("sub", m+"/sub"); r.commit("v1.9.0", "subs/v1.2.3") }, "sub", "v0.0.0-20231114221500-@", ""},
		{"sub after a tag", func(r *checkout) {
			r.module(".", m)
			r.module("sub", m+"/sub")
			r.commit("sub/v1.2.3")
			r.commit("v1.9.0")
		}, "sub", "v1.2.4-0.20231114221640-@", ""},
		{"sub of sub", func(r *checkout) {
			r.module(".", m)
			r.module("a/b", m+"/a/b")
			r.commit("a/b/v0.1.0", "b/v0.2.0", "a/v0.3.0")
		}, "a/b", "v0.1.0", ""},
		{"sub, v2", func(r *checkout) {
			r.module(".", m)
			r.module("sub", m+"/sub/v2")
			r.commit("sub/v2.0.0", "sub/v1.0.0")
		}, "sub", "v2.0.0", ""},
		{"sub, v2 in a directory", func(r *checkout) {
			r.module(".", m)
			r.module("sub/v2", m+"/sub/v2")
			r.commit("sub/v2.0.0", "sub/v2/v2.1.0")
		}, "sub/v2", "v2.0.0", ""},
		{"sub below v2", func(r *checkout) { r.module(".", m+"/v2"); r.module("sub", m+"/sub"); r.commit("sub/v1.2.3") }, "sub", "v1.2.3", ""},
		{"sub below v2 with v2 in its path", func(r *checkout) { r.module(".", m+"/v2"); r.module("sub", m+"/v2/sub"); r.commit("sub/v1.2.3") }, "sub", "(devel)", ""},
		{"sub, tag like a pseudo-version", func(r *checkout) {
			r.module(".", m)
			r.module("sub", m+"/sub")
			r.commit("sub/v1.2.4-0.20200101000000-abcdefabcdef")
		}, "sub", "(devel)", ""},
		{"sub in another directory", func(r *checkout) { r.module(".", m); r.module("dir", m+"/sub"); r.commit("sub/v1.2.3", "dir/v1.2.3") }, "dir", "(devel)", ""},
		{"sub of another path", func(r *checkout) {
			r.module(".", m)
			r.module("sub", "example.com/other")
			r.commit("sub/v1.2.3", "v1.2.3")
		}, "sub", "(devel)", ""},
		{"sub of a path that begins alike", func(r *checkout) { r.module(".", m); r.module("sub", m+"x/sub"); r.commit("sub/v1.2.3", "v1.2.3") }, "sub", "(devel)", ""},
		{"sub without a module above", func(r *checkout) { r.module("sub", m+"/sub"); r.commit("sub/v1.2.3", "v1.2.3") }, "sub", "(devel)", ""},
		{"sub not committed", func(r *checkout) { r.module(".", m); r.commit("sub/v1.2.3", "v1.2.3"); r.module("sub", m+"/sub") }, "sub", "(devel)", ""},
		{"modified sub", func(r *checkout) {
			r.module(".", m)
			r.module("sub", m+"/sub")
			r.commit("v1.2.3")
			r.write("sub/main.go", "package main\n\nfunc main() { println() }\n")
		}, ".", "v1.2.3+dirty", ""},
		{"package below the module", func(r *checkout) {
			r.module(".", m)
			r.write("cmd/x/main.go", "package main\n\nfunc main() {}\n")
			r.commit("v1.2.3")
		}, "cmd/x", "v1.2.3", ""},

		// go.mod files.
		{"no dot", func(r *checkout) { r.module(".", "m"); r.commit("v1.2.3") }, ".", "v1.2.3", ""},
		{"upper case", func(r *checkout) { r.module(".", "example.com/M"); r.commit("v1.2.3") }, ".", "v1.2.3", ""},
		{"quoted", func(r *checkout) { r.module(".", `"`+m+`"`); r.commit("v1.2.3") }, ".", "v1.2.3", ""},
		{"quoted in another way", func(r *checkout) { r.module(".", "`"+m+"`"); r.commit("v1.2.3") }, ".", "error", ""},
		{"CRLF", func(r *checkout) { r.module(".", m+"\r"); r.commit("v1.2.3") }, ".", "v1.2.3", ""},
		{"comment above", func(r *checkout) {
			r.module(".", m)
			r.write("go.mod", "// Deprecated: no.\nmodule "+m+"\n")
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},
		{"comment behind", func(r *checkout) { r.module(".", m+" // Deprecated: no."); r.commit("v1.2.3") }, ".", "(devel)", ""},
		{"block", func(r *checkout) { r.module(".", "(\n\t"+m+"\n)"); r.commit("v1.2.3") }, ".", "(devel)", ""},
		{"tab", func(r *checkout) { r.module(".", m); r.write("go.mod", "module\t"+m+"\n"); r.commit("v1.2.3") }, ".", "(devel)", ""},
		{"malformed", func(r *checkout) {
			r.module(".", m)
			r.write("go.mod", "module "+m+"\nrequire (\n")
			r.commit("v1.2.3")
		}, ".", "error", ""},
		{"no module directive", func(r *checkout) { r.module(".", m); r.write("go.mod", "go 1.26\n"); r.commit("v1.2.3") }, ".", "error", ""},
		{"replaced", func(r *checkout) {
			r.module(".", m)
			r.write("go.mod", "module "+m+"\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ./lib\n")
			r.write("main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n")
			r.write("lib/go.mod", "module example.com/lib\n")
			r.write("lib/lib.go", "package lib\n")
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},
		{"vendored", func(r *checkout) {
			r.module(".", m)
			r.write("go.mod", "module "+m+"\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n")
			r.write("main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n")
			r.write("vendor/modules.txt", "# example.com/lib v1.0.0\n## explicit\nexample.com/lib\n")
			r.write("vendor/example.com/lib/lib.go", "package lib\n")
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},

		// Repositories.
		{"none", func(r *checkout) { r.module(".", m); r.run("rm", "-r", ".git") }, ".", "(devel)", ""},
		{"no commit", func(r *checkout) { r.module(".", m) }, ".", "(devel)", ""},
		{"no commit, nothing to be seen", func(r *checkout) { r.module(".", m); r.write(".gitignore", "*\n") }, ".", "error", ""},
		{"all ignored", func(r *checkout) { r.commit("v1.2.3"); r.module(".", m); r.write(".git/info/exclude", "*\n") }, ".", "v1.2.3", ""},
		{"no files, but a commit", func(r *checkout) { r.git("commit --quiet --allow-empty -m x"); r.module(".", m) }, ".", "v0.0.0-20231114221320-@+dirty", ""},
		{"worktree", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.git("worktree add --quiet ../worktree") }, "../worktree", "(devel)", ""},
		{"worktree below", func(r *checkout) {
			r.module(".", m)
			r.write(".gitignore", "w\n")
			r.commit("v1.2.3")
			r.git("worktree add --quiet w")
			r.commit()
		}, "w", "v1.2.4-0.20231114221640-@", ""},
		{"submodule", func(r *checkout) {
			r.git("init --quiet ../lib")
			top := r.dir
			r.dir = filepath.Join(top, "..", "lib")
			r.module(".", m)
			r.commit("v1.2.3")
			r.dir = top
			r.git("submodule --quiet add ../lib lib")
			r.commit()
		}, "lib", "(devel)", ""},
		{"above a submodule", func(r *checkout) {
			r.git("init --quiet ../lib")
			top := r.dir
			r.dir = filepath.Join(top, "..", "lib")
			r.commit()
			r.dir = top
			r.git("submodule --quiet add ../lib lib")
			r.module(".", m)
			r.commit("v1.2.3")
			r.write("lib/new.txt", "x")
		}, ".", "v1.2.3+dirty", ""},
		{"repository in a repository", func(r *checkout) {
			r.commit("v1.9.0")
			r.git("init --quiet lib")
			r.dir = filepath.Join(r.dir, "lib")
			r.module(".", m)
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},
		{"repository in a module", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.9.0")
			r.git("init --quiet lib")
			r.dir = filepath.Join(r.dir, "lib")
			r.write("main.go", "package main\n\nfunc main() {}\n")
			r.commit("v1.2.3")
		}, ".", "error", "(devel)"},
		{"SHA-256", func(r *checkout) {
			r.run("rm", "-r", ".git")
			r.git("init --quiet --object-format=sha256")
			r.module(".", m)
			r.commit("v1.2.3")
		}, ".", "v1.2.3", ""},
		{"SHA-256, no tag", func(r *checkout) {
			r.run("rm", "-r", ".git")
			r.git("init --quiet --object-format=sha256")
			r.module(".", m)
			r.commit()
		}, ".", "v0.0.0-20231114221500-@", ""},
		{"Mercurial too", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.run("mkdir", ".hg") }, ".", "error", ""},
		{"in Fossil", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.write("../_FOSSIL_", "") }, ".", "error", ""},
		{"not a repository", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.run("rm", ".git/HEAD") }, ".", "error", ""},
		{"empty .git", func(r *checkout) {
			r.module(".", m)
			r.commit("v1.2.3")
			r.module("sub", m)
			r.run("mkdir", "sub/.git")
		}, "sub", "v1.2.3+dirty", ""},
		{"bare", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.git("config core.bare true") }, ".", "error", ""},
		{"signatures shown", func(r *checkout) { r.module(".", m); r.commit("v1.2.3"); r.git("config log.showSignature true") }, ".", "v1.2.3", ""},
		{"no module", func(r *checkout) { r.write("main.go", "package main\n\nfunc main() {}\n"); r.commit("v1.2.3") }, ".", "error", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newCheckout(t)
			c.make(r)
			dir := filepath.Join(r.dir, filepath.FromSlash(c.in))
			env := func(name string) string {
				for _, v := range r.environ() {
					if value, ok := strings.CutPrefix(v, name+"="); ok {
						return value
					}
				}
				return ""
			}

			want := c.want
			stamped, err := r.build(dir, "-buildvcs=true")
			if err != nil {
				stamped = "error"
			}
			short := ""
			if strings.Contains(want, "@") {
				if i := strings.LastIndex(stamped, "-"); i >= 0 {
					short = stamped[i+1 : min(len(stamped), i+13)]
				}
				want = strings.Replace(want, "@", short, 1)
			}
			if stamped != want {
				t.Errorf("the go command has %q, %v; want %q", stamped, err, want)
			}
			if c.auto != "" {
				want = c.auto
			}
			if stamped, err := r.build(dir, "-buildvcs=auto"); err == nil && stamped != want || err != nil && want != "error" {
				t.Errorf("the go command has %q, %v with -buildvcs=auto; want %q", stamped, err, want)
			}

			got, err := git.InspectModule(t.Context(), dir, env)
			switch {
			case want == "error":
				if err == nil {
					t.Errorf("got %+v, want an error", got)
				}
			case err != nil:
				t.Error(err)
			case want == "(devel)":
				if got.Version != "" || got.Tag != "" || got.Why == "" {
					t.Errorf("got %+v, want no version", got)
				}
			case got.Version != want || got.Why != "":
				t.Errorf("got %+v, want version %s", got, want)
			}
			if err == nil {
				t.Logf("%+v", *got)
			}

			// What is known before the build agrees with what the program says.
			if err != nil || want == "error" {
				return
			}
			source, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: env, Packages: []string{"."}, ModCache: r.home, Version: got.Version, VersionFrom: "vcs"})
			if err != nil {
				t.Fatal(err)
			}
			if source.Main.Name != got.Path || source.Main.Version != got.Version || (property(source.Properties, "versionFrom") == "vcs") != (got.Version != "") {
				t.Errorf("the document has %s %s, %v; want %s %s", source.Main.Name, source.Main.Version, source.Properties, got.Path, got.Version)
			}
			if stamped == "error" {
				return
			}
			f, err := os.Open(filepath.Join(r.home, "program"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			binary, err := gomod.ReadBinary(f, gomod.BinaryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if binary.Main.Version != got.Version || (property(binary.Properties, "versionFrom") == "binary") != (got.Version != "") {
				t.Errorf("the document of the binary has version %q, %v; want %q", binary.Main.Version, binary.Properties, got.Version)
			}
		})
	}
}

// TestModuleVersionCached shows the difference that InspectModule documents: what the
// go command remembers, if it may not ask anybody.
func TestModuleVersionCached(t *testing.T) {
	r := newCheckout(t)
	r.module(".", "example.com/m")
	r.commit()
	before, err := r.build(r.dir, "-buildvcs=true")
	if err != nil {
		t.Fatal(err)
	}
	r.git("tag v1.2.3")
	if after, err := r.build(r.dir, "-buildvcs=true", "GOPROXY=off"); err != nil || after != before {
		t.Errorf("the go command has %s after the tag, %v; want %s of the module cache", after, err, before)
	}
	if after, err := r.build(r.dir, "-buildvcs=true"); err != nil || after != "v1.2.3" {
		t.Errorf("the go command has %s after the tag, %v; want v1.2.3", after, err)
	}
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &checkout{t: t, dir: filepath.Join(base, "repo"), home: filepath.Join(base, "home")}
	for _, dir := range []string{r.dir, r.home} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	r.git("init --quiet --initial-branch=main")
	return r
}

// build builds the program in a directory, and returns the version that it has
// of its main module.
func (r *checkout) build(dir, buildvcs string, env ...string) (string, error) {
	r.t.Helper()
	program := filepath.Join(r.home, "program")
	cmd := exec.Command("go", "build", buildvcs, "-o", program, ".")
	cmd.Dir = dir
	cmd.Env = append(r.environ(),
		"GOENV=off", "GOFLAGS=-modcacherw", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		"GOPROXY=direct", "GOSUMDB=off", "GOMODCACHE="+filepath.Join(r.home, "mod"), "GOCACHE="+goCache(r.t))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			r.t.Fatal(err)
		}
		return "", fmt.Errorf("%w: %s", err, out)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		r.t.Fatal(err)
	}
	return info.Main.Version, nil
}

// goCache returns the go command's build cache, so that the standard library is
// not compiled for each program.
func goCache(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(string(runGo(t, t.TempDir(), nil, "env", "GOCACHE")))
}
