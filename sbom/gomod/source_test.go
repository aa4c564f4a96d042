package gomod

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/mod/module"
)

const (
	sumA = "h1:USOPeaOvHGNsWkt2pUqvkraHkwVwHLa+/VDoGH1nslk="
	sumB = "h1:gQBtGhjxykdjY9YhZpSlZIsbnaE2+PgjfLWUQTnoZ1U="
)

// Each rule, by what is in the files and in the environment. The module is in
// app; "@" in the wanted lines stands for "example.com/app: ", PUBLIC for the proxy
// that the go command asks by default.
func TestSourcePolicy(t *testing.T) {
	private := SourcePolicy{Private: []PathPattern{"*.corp.example.com", "github.com/corp"}}
	const corp = "module example.com/app\n\ngo 1.26\n\nrequire git.corp.example.com/lib v1.0.0\n"
	corpSum := "git.corp.example.com/lib v1.0.0 " + sumA + "\n"
	const plain = "module example.com/app\n\ngo 1.26\n"
	gogen := func(lines ...string) string {
		return "package p\n\n//go:generate " + strings.Join(lines, "\n//go:generate ") + "\n"
	}
	for _, test := range []struct {
		name   string
		files  []string // below app unless the name begins with "../"
		env    []string
		policy SourcePolicy
		want   []string
	}{
		{name: "nothing", files: []string{"go.mod", plain}},
		{"vars that are not for this", []string{"go.mod", plain}, []string{"GOFLAGS=-buildvcs=false -tags=x -mod=vendor", "GOTOOLCHAIN=auto", "GO111MODULE=on", "GOPROXY=https://other.example.com"}, SourcePolicy{}, nil},

		// Settings.
		{"modules are off", []string{"go.mod", plain}, []string{"GO111MODULE=off"}, SourcePolicy{}, []string{"GO111MODULE: modules are off, so that go.mod and go.sum decide nothing"}},
		{"-mod=mod", []string{"go.mod", plain}, []string{"GOFLAGS=-tags=x -mod=mod"}, SourcePolicy{}, []string{"GOFLAGS: -mod=mod lets the go command change go.mod and go.sum"}},
		{"the last -mod", []string{"go.mod", plain}, []string{"GOFLAGS=-mod=mod --mod=readonly"}, SourcePolicy{}, nil},
		{
			"files elsewhere",
			[]string{"go.mod", plain},
			[]string{"GOFLAGS=-modfile=/secret/x.mod '-overlay=/secret/o.json' --toolexec=/secret/t -insecure"},
			SourcePolicy{},
			[]string{
				"GOFLAGS: -modfile has another file in place of go.mod", "GOFLAGS: -overlay has other files in place of those that are there",
				"GOFLAGS: -toolexec runs a program in place of the compiler", "GOFLAGS: -insecure: modules may be fetched without knowing who answers",
			},
		},
		{"GOINSECURE", []string{"go.mod", plain}, []string{"GOINSECURE=corp.example.com,,*.lab.example.com/"}, SourcePolicy{}, []string{
			"GOINSECURE: *.lab.example.com: modules may be fetched without knowing who answers", "GOINSECURE: corp.example.com: modules may be fetched without knowing who answers",
		}},
		{"a proxy by http", []string{"go.mod", plain}, []string{"GOPROXY=http://me:secret@go.example.com/secret,off,http://never.example.com"}, SourcePolicy{}, []string{"GOPROXY: http://go.example.com: modules may be fetched without knowing who answers"}},
		{"a proxy by http that is known", []string{"go.mod", plain}, []string{"GOPROXY=http://athens:3000/x"}, SourcePolicy{Proxies: []string{"http://athens:3000"}}, nil},
		{"no database", []string{"go.mod", plain}, []string{"GOSUMDB=off", "GONOSUMDB=*"}, SourcePolicy{}, []string{"GOSUMDB: the checksum database is not asked"}},
		{"GONOSUMCHECK", []string{"go.mod", plain}, []string{"GONOSUMCHECK=1"}, SourcePolicy{}, []string{"GONOSUMCHECK: the go command does not know this variable, which is meant to switch off the checksum database"}},
		{"the database by its other names", []string{"go.mod", plain}, []string{"GOSUMDB=sum.golang.google.cn"}, SourcePolicy{Database: goDatabaseKey}, nil},
		{"the database by a mirror", []string{"go.mod", plain}, []string{"GOSUMDB=" + goDatabaseKey + " https://me:secret@mirror.example.com"}, SourcePolicy{}, nil},
		{"another database", []string{"go.mod", plain}, []string{"GOSUMDB=sum.example.com+deadbeef+AAAA"}, SourcePolicy{}, []string{"GOSUMDB: the checksum database is sum.example.com, want sum.golang.org"}},
		{"an impostor", []string{"go.mod", plain}, []string{"GOSUMDB=sum.golang.org+deadbeef+AAAA"}, SourcePolicy{}, []string{"GOSUMDB: the checksum database is sum.golang.org with another key, want sum.golang.org"}},
		{"no key", []string{"go.mod", plain}, []string{"GOSUMDB=https://me:secret@sum.example.com"}, SourcePolicy{}, []string{"GOSUMDB: the checksum database is one with a malformed name, want sum.golang.org"}},
		{"the own database", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GOSUMDB=sum.example.com+deadbeef+AAAA", "GOPROXY=direct"}, SourcePolicy{Private: private.Private, Database: "sum.example.com+deadbeef+AAAA"}, nil},
		{"not the own database", []string{"go.mod", plain}, nil, SourcePolicy{Database: "sum.example.com+deadbeef+AAAA"}, []string{"GOSUMDB: the checksum database is sum.golang.org, want sum.example.com"}},

		// Patterns.
		{
			"wide patterns",
			[]string{"go.mod", plain},
			[]string{"GONOSUMDB=*,github.com,git.corp.example.com,github.com/corp/*/x,*.corp.example.com/,*.example.com,none"},
			private,
			[]string{
				"GONOSUMDB: the checksum database is not asked for modules *, which are not all private",
				"GONOSUMDB: the checksum database is not asked for modules *.example.com, which are not all private",
				"GONOSUMDB: the checksum database is not asked for modules github.com, which are not all private",
			},
		},
		{"wide GOPRIVATE", []string{"go.mod", plain}, []string{"GOPRIVATE=github.com/corp,github.com/corporation"}, private, []string{"GOPRIVATE: the checksum database is not asked for modules github.com/corporation, which are not all private"}},
		{"GONOSUMDB before GOPRIVATE", []string{"go.mod", plain}, []string{"GOPRIVATE=*", "GONOSUMDB=github.com/corp"}, private, nil},
		{"a class", []string{"go.mod", plain}, []string{"GOPRIVATE=[a-z]*"}, private, []string{"GOPRIVATE: the checksum database is not asked for modules pattern 1, which are not all private"}},
		{
			"patterns for nothing",
			[]string{"go.mod", plain},
			[]string{"GOPRIVATE=https://me:secret@github.com/corp, git.corp.example.com,corp,/home/me,github.com/corp/...,[", "GOINSECURE=x y"},
			private,
			[]string{
				"GOINSECURE: pattern 1 matches no module", "GOPRIVATE: pattern 1 matches no module", "GOPRIVATE: pattern 2 matches no module", "GOPRIVATE: pattern 3 matches no module",
				"GOPRIVATE: pattern 4 matches no module", "GOPRIVATE: pattern 5 matches no module", "GOPRIVATE: pattern 6 matches no module",
			},
		},

		// Private modules.
		{"private and covered", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GOPRIVATE=*.corp.example.com"}, private, nil},
		{"private, nothing set", []string{"go.mod", corp, "go.sum", corpSum}, nil, private, []string{
			"@go.mod:5: git.corp.example.com/lib is private, and is asked of https://PUBLIC",
			"@go.mod:5: git.corp.example.com/lib is private, and the checksum database sum.golang.org is asked for it",
		}},
		{"private, the database alone", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GOPRIVATE=*.corp.example.com", "GONOSUMDB=none"}, private, []string{
			"@go.mod:5: git.corp.example.com/lib is private, and the checksum database sum.golang.org is asked for it",
		}},
		{"private, proxies alone", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GOPRIVATE=*.corp.example.com", "GONOPROXY=none", "GOPROXY=https://me:secret@own.example.com/go|proxy.golang.org/x,https://u:p@third.example.com,direct,https://never.example.com"}, SourcePolicy{Private: private.Private, Proxies: []string{"https://own.example.com"}}, []string{
			"@go.mod:5: git.corp.example.com/lib is private, and is asked of https://PUBLIC and https://third.example.com",
		}},
		{"own proxy", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GONOSUMDB=*.corp.example.com", "GOPROXY=https://me:secret@own.example.com/go,direct"}, SourcePolicy{Private: private.Private, Proxies: []string{"https://own.example.com"}}, nil},
		{"direct", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GONOSUMDB=*.corp.example.com", "GOPROXY=direct,https://never.example.com"}, private, nil},
		{"off", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GONOSUMDB=*.corp.example.com", "GOPROXY=off"}, private, nil},
		{"files", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GONOSUMDB=*.corp.example.com", "GOPROXY=file:///mirror"}, private, nil},
		{"malformed proxies", []string{"go.mod", corp, "go.sum", corpSum}, []string{"GONOSUMDB=*.corp.example.com", "GOPROXY=secret,https://se/cret@x.example.com"}, private, []string{
			"@go.mod:5: git.corp.example.com/lib is private, and is asked of a proxy with a malformed URL and a proxy with a malformed URL",
		}},
		{"private in go.sum", []string{"go.mod", plain, "go.sum", "\nexample.org/x v1.0.0 " + sumA + "\ngithub.com/corp/deep/v2 v2.0.0/go.mod " + sumA + "\n"}, []string{"GOPROXY=direct"}, private, []string{
			"@go.sum:3: github.com/corp/deep/v2 is private, and the checksum database sum.golang.org is asked for it",
		}},
		{"private, and here", []string{"go.mod", corp + "\nreplace git.corp.example.com/lib => ./lib\n"}, nil, SourcePolicy{Private: private.Private, Replaces: []Replacement{{Path: "git.corp.example.com/lib", NewPath: "./lib"}}}, nil},
		{"private fork", []string{"go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.org/x v1.0.0\nreplace example.org/x => github.com/corp/x v1.1.0\n", "go.sum", "github.com/corp/x v1.1.0 " + sumA + "\n"}, []string{"GOPROXY=off"}, private, []string{
			"@go.mod:5: github.com/corp/x is private, and the checksum database sum.golang.org is asked for it",
			"@go.mod:6: example.org/x is replaced by github.com/corp/x v1.1.0",
		}},

		// Replaces.
		{
			"replaces",
			[]string{"go.mod", plain + `
replace (
	example.org/a => example.org/fork v1.0.0
	example.org/b v1.1.0 => ./b
	example.org/c => ../c
	example.org/d => /secret/d
	example.org/e => ./..e/../../app/e
)
exclude example.org/f v1.0.0
`},
			nil,
			SourcePolicy{},
			[]string{
				"@go.mod:6: example.org/a is replaced by example.org/fork v1.0.0",
				"@go.mod:7: example.org/b v1.1.0 is replaced by the directory ./b",
				"@go.mod:8: example.org/c is replaced by a directory outside of the sources, ../c",
				"@go.mod:9: example.org/d is replaced by a directory outside of the sources, with an absolute path",
				"@go.mod:10: example.org/e is replaced by the directory ./..e/../../app/e",
			},
		},
		{"replaces that are wanted", []string{"go.mod", plain + "\nreplace example.org/a => example.org/fork v1.0.0\nreplace example.org/b v1.1.0 => ../b\n"}, nil, SourcePolicy{Replaces: []Replacement{
			{"example.org/a", "", "example.org/fork", "v1.0.0"}, {"example.org/b", "v1.1.0", "../b", ""},
		}}, nil},
		{"almost", []string{"go.mod", plain + "\nreplace example.org/a => example.org/fork v1.0.1\nreplace example.org/b => ../b\n"}, nil, SourcePolicy{Replaces: []Replacement{
			{"example.org/a", "", "example.org/fork", "v1.0.0"}, {"example.org/b", "v1.1.0", "../b", ""},
		}}, []string{"@go.mod:5: example.org/a is replaced by example.org/fork v1.0.1", "@go.mod:6: example.org/b is replaced by a directory outside of the sources, ../b"}},

		// Workspaces.
		{
			"a workspace",
			[]string{
				"../go.work", "go 1.26\n\nuse (\n\t./app\n\t./lib\n\t./tool\n)\n\nreplace example.org/a => ./x\n", "go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n",
				"../lib/go.mod", "module example.com/lib\n\ngo 1.26\n\nrequire example.org/n v1.0.0\nreplace example.org/b => ../tool/b\n", "../tool/go.mod", "module example.com/tool\n\ngo 1.26\n",
				"../go.work.sum", "example.org/n v1.0.1 " + sumA + "\ngithub.com/corp/n v1.0.0 " + sumA + "\n",
			},
			[]string{"GOWORK="},
			SourcePolicy{Private: private.Private, Uses: []string{"./tool"}},
			[]string{
				"go.work:5: example.com/lib is taken from the directory ./lib",
				"go.work:9: example.org/a is replaced by the directory ./x",
				"go.work.sum:2: github.com/corp/n is private, and is asked of https://PUBLIC",
				"go.work.sum:2: github.com/corp/n is private, and the checksum database sum.golang.org is asked for it",
				"example.com/lib: go.mod:6: example.org/b is replaced by the directory ../tool/b",
			},
		},

		// Sums.
		{"no sums", []string{"go.mod", plain + "\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b v1.0.0\n\texample.org/c v1.0.0\n\texample.org/d v1.0.0\n)\nreplace example.org/d => ./d\n", "go.sum", "example.org/a v1.0.0 " + sumA + "\nexample.org/b v1.0.0/go.mod " + sumA + "\nexample.org/b v1.1.0 " + sumA + "\nexample.org/c v1.0.0 " + sumA + "\nexample.org/c v1.0.0 " + sumB + "\n"}, nil, SourcePolicy{Replaces: []Replacement{{"example.org/d", "", "./d", ""}}}, []string{
			"@go.mod:7: example.org/b@v1.0.0: no sum in go.sum",
			"@go.mod:8: example.org/c@v1.0.0: several sums in go.sum",
		}},
		{"a higher version, as of old", []string{"go.mod", "module example.com/app\n\ngo 1.16\n\nrequire example.org/b v1.2.0\nrequire example.org/c v1.9.0\nrequire example.org/d v1.9.0\n", "go.sum", "example.org/d v1.8.0 " + sumA + "\nexample.org/b v1.10.0 " + sumA + "\nexample.org/c v1.10.0/go.mod " + sumA + "\n"}, nil, SourcePolicy{}, []string{
			"@go.mod:6: example.org/c@v1.9.0: no sum in go.sum",
			"@go.mod:7: example.org/d@v1.9.0: no sum in go.sum",
		}},

		// Tools.
		{
			"tools",
			[]string{"go.mod", plain + `
tool (
	example.org/a/cmd/x
	example.org/b
	example.org/c/cmd/x
	example.com/app/cmd/own
	example.org/missing
	example.org/d/cmd/x
)
require (
	example.org/a v1.0.0
	example.org/b v1.0.0
	example.org/c v1.0.0
	example.org/d v1.0.0
)
replace example.org/c => ./c
replace example.org/d => ./d
`, "go.sum", "example.org/a v1.0.0 " + sumA + "\n"},
			nil,
			SourcePolicy{Replaces: []Replacement{{"example.org/d", "", "./d", ""}}},
			[]string{
				"@go.mod:7: the tool example.org/b is not pinned: no sum in go.sum of example.org/b@v1.0.0, want a required module with a sum",
				"@go.mod:8: the tool example.org/c/cmd/x is not pinned: example.org/c@v1.0.0 is replaced by a directory, want a required module with a sum",
				"@go.mod:10: the tool example.org/missing is not pinned: no required module has it, want a required module with a sum",
				"@go.mod:15: example.org/b@v1.0.0: no sum in go.sum",
				"@go.mod:19: example.org/c is replaced by the directory ./c",
			},
		},
		{
			"go:generate",
			[]string{
				"go.mod", plain + "\nrequire example.org/a v1.0.0\nignore ./ignored\n", "go.sum", "example.org/a v1.0.0 " + sumA + "\nexample.org/deep v1.0.0 " + sumA + "\n", "gen.go", gogen(
					`go run example.org/a/cmd/x -out x`, `go run example.org/deep`, `go run ./cmd/gen x@latest`, `go run gen_x.go`, `go run cmd/dist`, `go tool x`, `stringer -type=T`, `go run example.com/app/cmd/x`,
					`go run example.org/x@v1.0.0`, `go get example.org/x@v1.0.0`, `go get example.org/x@none`, `go build -o x example.org/none`, `go install`, `echo go run example.org/x@latest`, // lines 3 to 16
					`go run example.org/x@latest`, `go run -tags x -C=. example.org/x@v1`, `go run "-tags" "x y" example.org/x@master`, `go install example.org/x/...@v1.0 example.org/y@v1.2.3`, `go get -u example.org/x`, // to 21
					`go run example.org/none`, `$GOROOT/bin/go run example.org/x@$V`, `env GOFLAGS=-mod=mod X=1 go run -mod mod example.org/none`, `-command moq go run example.org/x@latest`, `moq -a`, // to 26
					`go run -modfile=tools.mod example.org/none`, `go -C nested run example.org/none`, `go -C sub run example.org/none`,
				), "ignored/x.go", gogen("go run example.org/x@latest"), "testdata/x.go", gogen("go run example.org/x@latest"), "vendor/x/x.go", gogen("go run example.org/x@latest"), "nested/go.mod", "module x\n", "nested/x.go", gogen("go run example.org/x@latest"),
				"_x.go", gogen("go run example.org/x@latest"), "sub/x_windows_test.go", gogen("go run example.org/x@latest"),
			},
			nil,
			SourcePolicy{},
			[]string{
				"@gen.go:17: the tool example.org/x is not pinned: @latest", "@gen.go:18: the tool example.org/x is not pinned: @v1",
				"@gen.go:19: the tool example.org/x is not pinned: @master", "@gen.go:20: the tool example.org/x is not pinned: @v1.0", "@gen.go:21: the tool example.org/x is not pinned: no version, which means the latest",
				"@gen.go:22: the tool example.org/none is not pinned: no required module has it", "@gen.go:23: the tool example.org/x is not pinned: a variable decides",
				"@gen.go:24: -mod=mod lets the go command change go.mod and go.sum", "@gen.go:24: the tool example.org/none is not pinned: no required module has it",
				"@gen.go:26: the tool example.org/x is not pinned: @latest", "@gen.go:27: -modfile has another file in place of go.mod", "@gen.go:29: the tool example.org/none is not pinned: no required module has it", "@gen.go:28: -C leads to another module, which is not looked at",
				"@sub/x_windows_test.go:3: the tool example.org/x is not pinned: @latest",
			},
		},
		{"go:generate without sums", []string{"go.mod", plain, "gen.go", gogen("go run example.org/x@v1.0.0", "go get example.org/x@v1.0.0")}, []string{"GOSUMDB=off"}, SourcePolicy{}, []string{
			"GOSUMDB: the checksum database is not asked", "@gen.go:3: the tool example.org/x is not pinned: no sum is checked of @v1.0.0",
		}},
		{"go:generate in a private module", []string{"go.mod", "module git.corp.example.com/app\n\ngo 1.26\n", "gen.go", gogen("go run git.corp.example.com/app/gen")}, nil, private, nil},
		{"go:generate of private tools", []string{"go.mod", plain, "gen.go", gogen("go install github.com/corp/x@v1.0.0", "go install git.corp.example.com/y@v1.0.0")}, []string{"GOPRIVATE=github.com/corp"}, private, []string{
			"@gen.go:3: the tool github.com/corp/x is not pinned: no sum is checked of @v1.0.0",
			"@gen.go:4: git.corp.example.com/y is private, and is asked of https://PUBLIC",
			"@gen.go:4: git.corp.example.com/y is private, and the checksum database sum.golang.org is asked for it",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files []string
			for pair := range slices.Chunk(test.files, 2) {
				files = append(files, filepath.ToSlash(filepath.Join("app", pair[0])), pair[1])
			}
			dir := writeFiles(t, files...)
			before := treeDigest(t, dir)
			findings, err := test.policy.Check(t.Context(), filepath.Join(dir, "app"), vars(append([]string{"GOWORK=off", "GOENV=off"}, test.env...)...))
			if err != nil {
				t.Fatal(err)
			}
			if treeDigest(t, dir) != before {
				t.Error("the sources were changed")
			}
			var got []string
			for _, f := range findings {
				line := strings.Replace(f.String(), "example.com/app: ", "@", 1)
				line = strings.TrimSuffix(line, ", want a tool directive, or a version that has a sum")
				got = append(got, line)
				if f.Rule == "" || (f.Setting == "") == (f.File == "") || f.File != "" && f.Line == 0 {
					t.Errorf("%+v: want a rule, and a setting or a line", f)
				}
				for _, text := range []string{"secret", "cret@", dir, "default:"} {
					if strings.Contains(line+f.Subject+f.Got+f.Want, text) {
						t.Errorf("%+v: %q in it", f, text)
					}
				}
			}
			slices.Sort(got)
			for i, line := range test.want {
				test.want[i] = strings.ReplaceAll(line, "PUBLIC", "proxy.golang.org")
			}
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

// A directory that the policy allows, but that is elsewhere.
func TestSourcePolicyLinks(t *testing.T) {
	dir := writeFiles(t,
		"app/go.mod", "module example.com/app\n\ngo 1.26\n\nreplace example.org/a => ./linked/a\nreplace example.org/b => ./real/b\nreplace example.org/c => ./none\n",
		"app/real/b/go.mod", "module example.org/b\n",
		"outside/a/go.mod", "module example.org/a\n",
	)
	if err := errors.Join(os.Symlink("../outside", filepath.Join(dir, "app", "linked")), os.Symlink("app", filepath.Join(dir, "link"))); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("symbolic links need a privilege on this system")
		}
		t.Fatal(err)
	}
	policy := SourcePolicy{Replaces: []Replacement{{"example.org/a", "", "./linked/a", ""}, {"example.org/b", "", "./real/b", ""}, {"example.org/c", "", "./none", ""}}}
	for _, name := range []string{"app", "link"} {
		findings, err := policy.Check(t.Context(), filepath.Join(dir, name), vars("GOENV=off"))
		if err != nil {
			t.Fatal(err)
		}
		want := Finding{Rule: DirectoryOutside, Module: "example.com/app", File: "go.mod", Line: 5, Subject: "example.org/a", Got: "./linked/a (a symbolic link)"}
		if len(findings) != 1 || findings[0] != want {
			t.Errorf("%s: got %+v\nwant %+v", name, findings, want)
		}
	}
}

func TestSourcePolicyErrors(t *testing.T) {
	good := writeFiles(t, "go.mod", "module example.com/app\n\ngo 1.26\n")
	empty := t.TempDir()
	env := vars("GOENV=off")
	for _, test := range []struct {
		name   string
		policy SourcePolicy
		dir    string
		getenv func(string) string
		want   string
	}{
		{"no environment", SourcePolicy{}, good, nil, "getenv is nil"},
		{"no module", SourcePolicy{}, empty, env, "no go.mod in"},
		{"no directory", SourcePolicy{}, filepath.Join(good, "none"), env, "no such file"},
		{"a file", SourcePolicy{}, filepath.Join(good, "go.mod"), env, "is not a directory"},
		{"GOFLAGS", SourcePolicy{}, good, vars("GOENV=off", "GOFLAGS='-x"), "malformed GOFLAGS: unterminated"},
		{"GOWORK", SourcePolicy{}, good, vars("GOENV=off", "GOWORK=x"), "want off or an absolute path"},
		{"go.mod", SourcePolicy{}, writeFiles(t, "go.mod", "module x\nrequire a.b/c latest\n"), env, "malformed go.mod"},
		{"go.sum", SourcePolicy{}, writeFiles(t, "go.mod", "module x\n", "go.sum", "x\n"), env, "malformed go.sum"},
		{"every host", SourcePolicy{Private: []PathPattern{"*"}}, good, env, `malformed pattern "*": it covers every host`},
		{"every host with a dot", SourcePolicy{Private: []PathPattern{"*.?*/corp"}}, good, env, `it covers every host`},
		{"URL", SourcePolicy{Private: []PathPattern{"https://github.com/corp"}}, good, env, `it covers no module`},
		{"empty", SourcePolicy{Private: []PathPattern{""}}, good, env, `malformed pattern "": it covers no module`},
		{"list", SourcePolicy{Private: []PathPattern{"a.b,c.d"}}, good, env, `a comma in it`},
		{"class", SourcePolicy{Private: []PathPattern{"[a].b"}}, good, env, `a class or an escape in it`},
		{"long", SourcePolicy{Private: []PathPattern{PathPattern("a.b/" + strings.Repeat("x", maxPattern))}}, good, env, `longer than 256 bytes`},
		{"proxy with a path", SourcePolicy{Proxies: []string{"https://a.b/c"}}, good, env, `malformed proxy`},
		{"proxy with a password", SourcePolicy{Proxies: []string{"https://me:secret@a.b"}}, good, env, `malformed proxy`},
		{"proxy without a scheme", SourcePolicy{Proxies: []string{"a.b"}}, good, env, `malformed proxy`},
		{"database", SourcePolicy{Database: "off"}, good, env, `malformed database`},
		{"replacement", SourcePolicy{Replaces: []Replacement{{Path: "a.b"}}}, good, env, `malformed replacement "a.b" => ""`},
	} {
		findings, err := test.policy.Check(t.Context(), test.dir, test.getenv)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(findings) > 0 {
			t.Errorf("%s: got %v, %v, want %q", test.name, findings, err, test.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a password in %v", test.name, err)
		}
	}
}

// What one pattern includes of another, no path may contradict.
func TestPathPattern(t *testing.T) {
	paths := []string{"github.com/corp", "github.com/corp/x/v2", "github.com/corporation/x", "a.corp.example.com", "b.a.corp.example.com/x/y", "corp.example.com/x", "example.com/x", "example.com", "x.example.com/corp"}
	patterns := []string{"github.com/corp", "github.com/corp/", "github.com/*", "github.com/corp/*", "github.com", "*.corp.example.com", "*.example.com", "*.example.com/*", "a.corp.example.com", "corp.example.com", "*", "*/corp", "?.corp.example.com", "[ab].corp.example.com", "*.example.com/corp"}
	for _, p := range patterns {
		for _, q := range patterns {
			in := PathPattern(p).includes(strings.TrimSuffix(q, "/"))
			for _, path := range paths {
				if in && module.MatchPrefixPatterns(q, path) && !module.MatchPrefixPatterns(p, path) {
					t.Errorf("%s includes %s, but %s is not in it", p, q, path)
				}
			}
			if !in && p == q {
				t.Errorf("%s does not include itself", p)
			}
		}
	}
	for _, test := range []struct {
		pattern PathPattern
		glob    string
		want    bool
	}{
		{"*.corp.example.com", "git.corp.example.com", true},
		{"*.corp.example.com", "git.corp.example.com/x/*", true},
		{"github.com/*", "github.com/corp", true},
		{"github.com/corp", "github.com/corp/x", true},
		{"github.com/*", "github.com/corp-?", true},
		{"github.com/corp", "github.com/*", false},
		{"github.com/corp/x", "github.com/corp", false},
		{"*.corp.example.com", "corp.example.com", false},
	} {
		if got := test.pattern.includes(test.glob); got != test.want {
			t.Errorf("%s includes %s: %v, want %v", test.pattern, test.glob, got, test.want)
		}
	}
	for _, path := range paths {
		if got, want := PathPattern("github.com/corp").Match(path), strings.HasPrefix(path+"/", "github.com/corp/"); got != want {
			t.Errorf("Match(%s) = %v", path, got)
		}
		if PathPattern("*").Match(path) {
			t.Errorf("a malformed pattern matches %s", path)
		}
	}
}

// By which pattern a module is private, a Document tells.
func TestPrivateProperties(t *testing.T) {
	for _, test := range []struct {
		env  string
		want string
	}{
		{"", ""},
		{"GOPRIVATE=example.org,*.com/lib,example.com", "direct=*.com/lib private=*.com/lib"},
		{"GOPRIVATE=example.com/ GONOPROXY=none", "private=example.com/"},
		{"GONOPROXY=example.com", "direct=example.com"},
		{"GONOSUMDB=example.[a-z]om", "withheld=private"},
		{"GOPRIVATE=" + strings.Repeat("*", maxPattern) + ".com", "withheld=direct withheld=private"},
	} {
		other := module.Version{Path: "example.com/other", Version: "v1.0.0"}
		l := &loader{settings: &settings{getenv: vars(strings.Fields(test.env)...)}, mains: &mains{list: []*mainModule{{path: "example.com/app", replace: map[module.Version]module.Version{other: {Path: "example.com/lib", Version: "v1.2.3"}}}}}, cache: &modCache{sums: &goSums{}}}
		m, err := l.module(other)
		if err != nil {
			t.Fatal(err)
		}
		c, err := m.component()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range c.Properties {
			got = append(got, p.Name+"="+p.Value)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: got %q, want %q", test.env, text, test.want)
		}
	}
}

func TestParseGenerate(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{"//go:generate a\n", "3 a"},
		{"//go:generate\ta  b\t \"c d\" \"\\x65\"\r\n", "3 a|b|c d|e"},
		{"/*\n//go:generate in a comment\n*/", "4 in|a|comment"},
		{" //go:generate a\n// go:generate a\n//go:generatea\n//go:generate\n", ""},
		{"//go:generate a", "3 refused"},
		{"//go:generate \n", "3 refused"},
		{"//go:generate \"a\n//go:generate \"a\"b\n//go:generate \"\\q\"\n//go:generate 'a b'\n", "3 refused\n4 refused\n5 refused\n6 'a|b'"},
		{"//go:generate -command x go run y\n//go:generate x z\n//go:generate x w\n//go:generate -command x no\n//go:generate x\n", "4 go|run|y|z\n5 go|run|y|w\n6 refused\n7 go|run|y"},
		{"//go:generate -command x\n//go:generate x\n//go:generate x y\n//go:generate -command\n", "4 refused\n5 y\n6 refused"},
		{"//go:generate " + strings.Repeat("x", maxGenerateLine-len("//go:generate \n")) + "\n//go:generate " + strings.Repeat("x", maxGenerateLine-len("//go:generate ")) + "\n", "3 " + strings.Repeat("x", maxGenerateLine-len("//go:generate \n")) + "\n4 refused"},
	} {
		var got []string
		for _, l := range parseGenerate([]byte("package p\n\n" + test.src)) {
			words := "refused"
			if l.words != nil {
				words = strings.Join(l.words, "|")
			}
			got = append(got, string(rune('0'+l.line))+" "+words)
		}
		if text := strings.Join(got, "\n"); text != test.want {
			t.Errorf("%.100q: got\n%s\nwant\n%s", test.src, text, test.want)
		}
	}
	if got := parseGenerate([]byte("no package\n//go:generate a\n")); got != nil {
		t.Errorf("without a package: %v", got)
	}
}

// The go command, which prints the commands that it would run, is the judge of
// how go:generate lines are read.
func TestGenerateJudge(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	starts := []string{"//go:generate ", "//go:generate\t", "//go:generate a ", "//go:generate", "// go:generate ", " //go:generate ", "//go:generate -command a b ", "//go:generate -command \"b c\" "}
	pieces := []string{"go run x@latest", " ", " ", "\t", "a", "b ", ` "a b" `, `"\x61\t" `, ` "\u00e9"`, "é", "\xff", "'", "`", " $GOPACKAGE", "${GOFILE}", "$DOLLAR", "$none", `"`, `\`, ` "" `, "\r"}
	ends := []string{"\n", "\n", "\n", "\n", "\n", "\r\n", "\n\n", ""}
	r := rand.New(rand.NewPCG(3, 4))
	ran, refused := 0, 0
	for range 150 {
		src := "package p\n\n"
		for range 1 + r.IntN(5) {
			src += starts[r.IntN(len(starts))]
			for range r.IntN(5) {
				src += pieces[r.IntN(len(pieces))]
			}
			src += ends[r.IntN(len(ends))]
		}
		dir := writeFiles(t, "go.mod", "module example.com/app\n\ngo 1.26.0\n", "p.go", src)
		cmd := exec.Command("go", "generate", "-n", "p.go")
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GOENV=off", "GOTOOLCHAIN=local", "GOPROXY=off", "GOWORK=off", "GOCACHE=" + dir}
		out, err := cmd.CombinedOutput()
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		}

		want := ""
		for _, l := range parseGenerate([]byte(src)) {
			if l.words == nil {
				want += "p.go:" + strconv.Itoa(l.line) + ": refused\n"
				refused++
				break // as in the go command
			}
			ran++
			text := strings.Join(l.words, "\x00")
			text = os.Expand(text, func(name string) string {
				return map[string]string{"GOPACKAGE": "p", "GOFILE": "p.go", "DOLLAR": "$"}[name]
			})
			want += strings.ReplaceAll(text, "\x00", " ") + "\n"
		}
		got := regexp.MustCompile(`(?m)^(?:\./)?(p\.go:\d+: )(no arguments to directive|directive too long|mismatched quoted string|bad quoted string|bad backslash|expect space after quoted argument|command ".*" multiply defined|no command specified for -command)$`).ReplaceAllString(string(out), "${1}refused")
		got = regexp.MustCompile(`(?m)^(?:\./)?(p\.go:\d+: )error reading .*$`).ReplaceAllString(got, "${1}refused")
		if got != want {
			t.Errorf("%q:\ngot\n%s\nthe go command says\n%s", src, want, out)
		}
	}
	if ran < 50 || refused < 20 {
		t.Errorf("%d commands, %d that are refused: too few to judge by", ran, refused)
	}
}

// Whatever is in a file of Go, its commands are some of its lines.
func FuzzGenerate(f *testing.F) {
	f.Add("package p\n//go:generate go run x@latest\n")
	f.Add("package p\n//go:generate -command x \"go\" \"r\\x75n\"\r\n//go:generate x -tags a b@v1\n//go:generate \"\n")
	f.Add("package p\n//go:generate env GOFLAGS=-mod=mod go -C= get -- -u x/... @ x@none a@$b\n")
	f.Fuzz(func(t *testing.T, src string) {
		lines := strings.SplitAfter(src, "\n")
		c := &sourceCheck{settings: &settings{getenv: vars()}, mains: new(mains), sums: new(goSums), asked: make(map[string]bool)}
		last := 0
		for _, l := range parseGenerate([]byte(src)) {
			if l.line <= last || l.line > len(lines) || !strings.HasPrefix(lines[l.line-1], "//go:generate") {
				t.Fatalf("line %d, after %d", l.line, last)
			}
			last = l.line
			if l.words != nil && len(l.words) == 0 {
				t.Errorf("line %d: no words", l.line)
			}
			if err := c.checkCommand(Finding{File: "x.go", Line: l.line}, "", l.words); err != nil {
				t.Error(err)
			}
		}
		for _, f := range c.findings {
			if s := f.String(); s == "" || strings.ContainsFunc(s, unicode.IsControl) || f.Subject == "" && f.Rule != UnpinnedTool {
				t.Errorf("%+v", f)
			}
		}
	})
}
