package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/command"
)

// modulePath is the root module's. The nested modules have the path of their
// directory below it.
const modulePath = "github.com/hallmark-dev/hallmark"

// go test runs a test again when a file has changed that the test has read. It
// does not see what git and the go command read for this one, so look into every
// directory of the repository first.
func TestMain(m *testing.M) {
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	m.Run()
}

// rootDir returns the absolute path of the repository.
func rootDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a program in dir with this process's environment, changed by env,
// and returns what it prints.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	env = append(os.Environ(), env...)
	out, err := command.Run(t.Context(), dir, env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// workspace makes the go command see all modules, and alone makes it see the
// module it runs in, whatever the environment of the test says.
func workspace(t *testing.T) []string {
	return []string{"GOWORK=" + filepath.Join(rootDir(t), "go.work")}
}

func alone() []string { return []string{"GOWORK=off"} }

// repositoryFiles returns the regular files that git tracks or would add, as
// slash-separated paths below the root, sorted.
func repositoryFiles(t *testing.T) []string {
	t.Helper()
	out := run(t, rootDir(t), nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	var files []string
	for f := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		// A file that is deleted and still in the index is not there.
		if info, err := os.Lstat(filepath.Join(rootDir(t), filepath.FromSlash(f))); err == nil && info.Mode().IsRegular() {
			files = append(files, f)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// A goPackage is the Go files of one directory, with comments, for every
// platform.
type goPackage struct {
	dir   string // slash-separated, below the root; "." is the root
	name  string
	files []*ast.File
	tests []*ast.File // the external test package's too
}

// goPackages parses every Go file of the repository that is not test data. The
// positions in errors are paths below the root.
func goPackages(t *testing.T) ([]*goPackage, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	var packages []*goPackage
	for _, f := range repositoryFiles(t) {
		if path.Ext(f) != ".go" || slices.Contains(strings.Split(f, "/"), "testdata") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(rootDir(t), filepath.FromSlash(f)))
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, f, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(packages, func(p *goPackage) bool { return p.dir == path.Dir(f) })
		if i < 0 {
			i = len(packages)
			packages = append(packages, &goPackage{dir: path.Dir(f)})
		}
		p := packages[i]
		if strings.HasSuffix(f, "_test.go") {
			p.tests = append(p.tests, file)
		} else {
			p.files = append(p.files, file)
			p.name = file.Name.Name
		}
	}
	if len(packages) == 0 {
		t.Fatal("the repository has no Go files")
	}
	return packages, fset
}

// library reports whether p is code that a user's program can come to link,
// internal packages among it.
func (p *goPackage) library() bool {
	return !within(p.dir, "examples") && !within(p.dir, "internal/conformance") && p.dir != "internal/house" &&
		p.dir != "internal/postgrestest" && // which only tests import, by its floor
		p.dir != "sign/sigstore/internal/client" // a program, driven by the official suite
}

// importable reports whether a user's program can import p by name.
func (p *goPackage) importable() bool {
	return p.library() && !slices.Contains(strings.Split(p.dir, "/"), "internal")
}

// within reports whether the slash-separated path is dir or below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// An exception is something that a rule lets be.
type exception struct {
	what   string
	reason string
}

// exceptions looks things up in a list of exceptions. At the end of the test, an
// entry that was never found or that has no reason is a failure.
func exceptions(t *testing.T, list ...exception) (contains func(what string) bool) {
	used := make(map[string]bool)
	t.Cleanup(func() {
		for _, e := range list {
			if !used[e.what] {
				t.Errorf("the exception %q is not needed any more: remove it", e.what)
			}
			if e.reason == "" {
				t.Errorf("the exception %q has no reason", e.what)
			}
		}
	})
	return func(what string) bool {
		if !slices.ContainsFunc(list, func(e exception) bool { return e.what == what }) {
			return false
		}
		used[what] = true
		return true
	}
}
