package gobuild_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// A repository is a checkout with an environment of its own.
type repository struct {
	t   testing.TB
	dir string
	env map[string]string // beside what every test has
}

func emptyRepository(t testing.TB, args ...string) repository {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// The go command takes the version of a commit from the module cache, if
	// that has one.
	r := repository{t, dir, map[string]string{"GOMODCACHE": t.TempDir(), "GOFLAGS": "-modcacherw"}}
	r.git(append([]string{"init", "--quiet", "--initial-branch=main"}, args...)...)
	return r
}

const mainGo = "package main\n\nfunc main() { println(text) }\n"

// newRepository returns a repository with a small command in it.
func newRepository(t testing.TB, args ...string) repository {
	t.Helper()
	r := emptyRepository(t, args...)
	r.write("go.mod", "module example.com/app\n\ngo 1.26\n")
	r.write("main.go", mainGo)
	r.write("text.go", "package main\n\nvar text = \"hello\"\n")
	r.commit()
	return r
}

func (r repository) at(dir string) repository {
	r.dir = filepath.Join(r.dir, filepath.FromSlash(dir))
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	out, err := command.Run(context.Background(), r.dir, []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + r.dir,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Author", "GIT_AUTHOR_EMAIL=author@example.com", "GIT_AUTHOR_DATE=1700000000 +0100",
		"GIT_COMMITTER_NAME=Committer", "GIT_COMMITTER_EMAIL=committer@example.com", "GIT_COMMITTER_DATE=1700000001 +0100",
	}, "git", append([]string{"-c", "protocol.file.allow=always"}, args...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (r repository) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) link(name, to string) {
	r.t.Helper()
	if err := os.Symlink(filepath.FromSlash(to), filepath.Join(r.dir, filepath.FromSlash(name))); err != nil {
		r.t.Skipf("no symbolic links: %v", err)
	}
}

func (r repository) commit() {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message=commit")
}

// getenv is the environment of a build: the settings of whoever runs the tests
// do not count.
func (r repository) getenv(name string) string {
	if v, ok := r.env[name]; ok {
		return v
	}
	switch name {
	case "GOENV":
		return "off"
	case "GOPROXY":
		return "off"
	case "GOTOOLCHAIN":
		return "local"
	case "CGO_ENABLED":
		return "0"
	case "PATH", "HOME", "GOROOT", "GOCACHE", "GOMODCACHE", "GOPATH", "TMPDIR", "XDG_CACHE_HOME", "SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA", "TMP", "TEMP":
		return os.Getenv(name)
	}
	return ""
}

// build builds the package in the repository's directory and returns the binary.
func (r repository) build(args ...string) string {
	r.t.Helper()
	bin := filepath.Join(r.t.TempDir(), "app")
	var env []string
	for _, name := range []string{
		"GOENV", "GOPROXY", "GOTOOLCHAIN", "CGO_ENABLED", "PATH", "HOME", "GOROOT", "GOCACHE", "GOMODCACHE", "GOPATH", "TMPDIR", "XDG_CACHE_HOME",
		"SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA", "TMP", "TEMP", "GOFLAGS", "GOWORK", "GOOS", "GOARCH", "GOAMD64", "GOEXPERIMENT", "CGO_CFLAGS",
	} {
		if v := r.getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if _, err := command.Run(context.Background(), r.dir, env, "go", append([]string{"build", "-trimpath", "-o", bin}, args...)...); err != nil {
		r.t.Fatal(err)
	}
	return bin
}

func (r repository) options() gobuild.Options {
	return gobuild.Options{Getenv: r.getenv, Flags: []string{"-trimpath"}}
}
