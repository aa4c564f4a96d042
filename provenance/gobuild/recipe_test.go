package gobuild_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

func TestRecipeCheck(t *testing.T) {
	const secret, machine = "has what looks like a secret", "has a path of the building machine"
	for _, c := range []struct{ value, want string }{
		{"-X main.version=v1.2.3 -s -w", ""},
		{"-X main.commit=283bf967fa3c591925dd25e6a6e8e781542117bf", ""},
		{"-X github.com/Org/Repo1/internal/Version.Text=v1", ""},
		{"-X main.repository=https://github.com/octocat/hello", ""},
		{"-O2 -g -I/usr/include/x", ""},
		{"-X example.com/task-runner-for-people.name=x", ""},
		{"-X main.config=/etc/app/config.yaml", ""},
		{"-X example.com/home/x.y=z", ""},

		{"-X main.password=hunter2", secret},
		{"-X main.dbPasswd=x", secret},
		{"-X main.API_KEY=x", secret},
		{"-X main.clientSecret=x", secret},
		{"-X 'main.token=x'", secret},
		{"-X main.x=ghp_" + strings.Repeat("a1B2", 9), secret},
		{"-X main.x=github_pat_" + strings.Repeat("a1B2", 9), secret},
		{"-X main.x=glpat-" + strings.Repeat("a1B2", 5), secret},
		{"-X main.x=AKIAIOSFODNN7EXAMPLE", secret},
		{"-X main.x=xoxb-" + strings.Repeat("1234", 5), secret},
		{"-X main.x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", secret},
		{"-X main.x=-----BEGIN PRIVATE KEY-----", secret},
		{"-X main.x=https://octocat:hunter2@example.com", secret},
		{"-X main.x=4eC39HqLyjWDarjtT1zdp7dc4eC39HqLyjWD", secret},

		{"-I/home/octocat/src", machine},
		{"-L/tmp/lib", machine},
		{"/ro" + "ot/x", machine},
		{"-X main.x=/Users/octocat/x", machine},
		{"-I=/private/var/x", machine},
		{`-IC:\Users\octocat`, machine},
		{"-B D:/src/x", machine},
		{"-X main.x=/builds/octocat/x", machine},
	} {
		for where, r := range map[string]gobuild.Recipe{
			"the flag -ldflags":     {Flags: []string{"-ldflags=" + c.value}},
			"CGO_CFLAGS":            {Env: map[string]string{"CGO_CFLAGS": c.value}},
			"the setting -compiler": {Settings: map[string]string{"-compiler": c.value}},
		} {
			err := r.Check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != "gobuild: recipe: "+where+" "+c.want) {
				t.Errorf("%q: error %v, want %q", c.value, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), c.value) {
				t.Errorf("%q is in the error %v", c.value, err)
			}
			if _, err2 := r.Marshal(); (err == nil) != (err2 == nil) {
				t.Errorf("%q: Marshal: %v", c.value, err2)
			}
		}
	}
	r := gobuild.Recipe{Env: map[string]string{"HOME": "x"}}
	if err := r.Check(); err == nil || err.Error() != `gobuild: recipe: the variable "HOME" is none that decides what is built` {
		t.Errorf("error %v", err)
	}
	// Nor does Attach publish it.
	b := local(t, false)
	if err := gobuild.Attach(b, info(t, "go1.26.8", ""), gobuild.Recipe{Flags: []string{"-ldflags=-X main.password=hunter2"}}); err == nil || len(b.Byproducts) != 0 {
		t.Errorf("error %v, byproducts %v", err, b.Byproducts)
	}
}

func TestParseRecipe(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{}`, ""},
		{`{"source":{"shallow":true},"modules":[{}],"generated":["a"]}`, ""},

		{``, "malformed recipe: "},
		{`[]`, "malformed recipe: "},
		{`{"go":1}`, "malformed recipe: "},
		{`{"Go":"go1.26.8"}`, "malformed recipe: "},
		{`{"x":1}`, "malformed recipe: "},
		{`{"go":"a","go":"a"}`, "malformed recipe: "},
		{`{"go":"a\nb"}`, "malformed recipe: the Go version has a line break"},
		{`{"source":{"x":1}}`, "malformed recipe: "},
		{`{"source":{"shallow":false}}`, "malformed recipe: "},
		{`{"source":{"commit":"283bf967fa3c591925dd25e6a6e8e781542117bf"}}`, "malformed recipe: "},
		{`{"source":{"commit":"gitTree:283bf967fa3c591925dd25e6a6e8e781542117bf"}}`, "malformed recipe: "},
		{`{"source":{"tag":"--upload-pack=x"}}`, `malformed recipe: "--upload-pack=x" is no name of a ref`},
		{`{"source":{"tag":"a..b"}}`, `malformed recipe: "a..b" is no name of a ref`},
		{`{"source":{"ref":"a b"}}`, `malformed recipe: "a b" is no name of a ref`},
		{`{"modules":[{"sum":"h1:x"}]}`, "malformed recipe: "},
		{`{"modules":[{"x":""}]}`, "malformed recipe: "},
		{`{"dir":"../x"}`, `malformed recipe: dir is "../x", want a path in the checkout`},
		{`{"dir":"/x"}`, `malformed recipe: dir is "/x", want a path in the checkout`},
		{`{"dir":"a/../b"}`, `malformed recipe: dir is "a/../b", want a path in the checkout`},
		{`{"dir":"a\\b"}`, `malformed recipe: dir is "a\\b", want a path in the checkout`},
		{`{"work":"../go.work"}`, `malformed recipe: work is "../go.work", want a path in the checkout`},
		{`{"work":"x"}`, `malformed recipe: work is "x", want a go.work`},
		{`{"mod":"mod"}`, `malformed recipe: mod is "mod", want readonly or vendor`},
		{`{"package":"-toolexec=x"}`, `malformed recipe: "-toolexec=x" is no import path`},
		{`{"package":"./..."}`, `malformed recipe: "./..." is no import path`},
		{`{"module":"../x"}`, `malformed recipe: "../x" is no import path`},
		{`{"flags":["-overlay=x"]}`, "malformed recipe: gobuild: the flag -overlay makes"},
		{`{"flags":["-mod=vendor"]}`, "malformed recipe: flags has -mod, want it in mod"},
		{`{"flags":["-pgo=../x"]}`, "malformed recipe: -pgo leads out of the checkout"},
		{`{"flags":["-o=x"]}`, "malformed recipe: gobuild: unknown flag -o"},
		{`{"flags":["-C=x"]}`, "malformed recipe: gobuild: unknown flag -C"},
		{`{"flags":["-tags"]}`, "malformed recipe: gobuild: the flag -tags has no value"},
		{`{"flags":["x"]}`, `malformed recipe: gobuild: "x" is not a flag`},
		{`{"flags":["-compiler=gccgo"]}`, "malformed recipe: gobuild: -compiler=gccgo, want gc"},
		{`{"env":{"PATH":"x"}}`, "malformed recipe: gobuild: recipe: the variable"},
		{`{"env":{"CGO_CFLAGS":"a\u0000b"}}`, "malformed recipe: CGO_CFLAGS has a NUL"},
		{`{"env":{"GOFLAGS":"-toolexec=x"}}`, "malformed recipe: gobuild: recipe: the variable"},
		{`{"env":{"CC":"gcc"}}`, ""},
		{`{"env":{"CC":"./x"}}`, `malformed recipe: CC is "./x", want the name of a program`},
		{`{"env":{"CC":"gcc -wrapper x"}}`, `malformed recipe: CC is "gcc -wrapper x", want the name of a program`},
		{`{"flags":["-ldflags=-extld=x"]}`, "malformed recipe: gobuild: -ldflags with -extld names a program to run"},
		{`{"flags":["-ldflags=all='-extld' x"]}`, "malformed recipe: gobuild: -ldflags with -extld names a program to run"},
		{`{"flags":["-ldflags=all=-s\t--extar\tx"]}`, "malformed recipe: gobuild: -ldflags with -extar names a program to run"},
		{`{"flags":["-ldflags=-extld=x","-ldflags=none.example/...=-s"]}`, "malformed recipe: gobuild: -ldflags with -extld names a program to run"},
		{`{"flags":["-gcflags=-embedcfg=x"]}`, "malformed recipe: gobuild: -gcflags with -embedcfg makes Go's tools read other files"},
		{`{"flags":["-pkgdir=x"]}`, "malformed recipe: gobuild: the flag -pkgdir makes"},
		{`{"flags":["-ldflags=all='x"]}`, "malformed recipe: gobuild: malformed -ldflags: a quotation"},
		{`{"flags":["-ldflags=x"]}`, "malformed recipe: gobuild: malformed -ldflags: neither"},
		{`{"flags":["-ldflags=-X main.password=x"]}`, "malformed recipe: gobuild: recipe: the flag -ldflags has what looks like a secret"},
		{`{"flags":[` + strings.Repeat(`"-race",`, gobuild.MaxRecipeList) + `"-race"]}`, "malformed recipe: "},
		{strings.Repeat(" ", gobuild.MaxRecipeSize+1), "malformed recipe: 8388609 bytes, at most 8388608 are read"},
	} {
		r, err := gobuild.ParseRecipe([]byte(c.text))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%.100s: error %v, want %q", c.text, err, c.want)
		}
		if (r == nil) != (err != nil) {
			t.Errorf("%.100s: both %v and %v", c.text, r, err)
		}
	}
}

func TestRecipeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *repository, o *gobuild.Options)
		want string
	}{
		{"no -trimpath", func(r *repository, o *gobuild.Options) { o.Flags = nil }, "gobuild: no recipe for a build without -trimpath: its bytes depend on the directory"},
		{"deviations", func(r *repository, o *gobuild.Options) {
			r.write("new.go", "package main\n")
			o.AllowDirty = true
		}, "gobuild: 1 input of the build is not proved to be the commit's: new.go: untracked"},
		{"another file that is modified", func(r *repository, o *gobuild.Options) { r.write("README", "") }, "gobuild: recipe: the go command stamps the commit as modified"},
		{"secret", func(r *repository, o *gobuild.Options) {
			o.Flags = append(o.Flags, "-ldflags=-X main.password=hunter2")
		}, "gobuild: recipe: the flag -ldflags has what looks like a secret"},
		{"path of the checkout", func(r *repository, o *gobuild.Options) {
			o.Flags = append(o.Flags, "-gcflags=-I="+r.dir)
		}, "gobuild: recipe: the flag -gcflags has a path of the building machine"},
		{"path in GOFLAGS", func(r *repository, o *gobuild.Options) {
			r.env["GOFLAGS"] = "-ldflags=-L" + filepath.ToSlash(os.TempDir())
			o.Flags = append(o.Flags, "-asmflags=-I"+r.dir)
		}, "gobuild: recipe: the flag -asmflags has a path of the building machine"},
		{"stamp of the repository around", func(r *repository, o *gobuild.Options) {
			inner := newRepository(r.t)
			inner.git("worktree", "add", "--quiet", "--detach", filepath.Join(r.dir, "inner"))
			*r = r.at("inner")
		}, "gobuild: recipe: the go command stamps the commit of the repository around the checkout"},
	} {
		r := newRepository(t)
		o := r.options()
		c.do(&r, &o)
		p, err := gobuild.ProveSource(t.Context(), r.dir, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		recipe, err := p.Recipe(t.Context(), "example.com/app", provenance.Source{Commit: p.Commit})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || recipe != nil {
			t.Errorf("%s: %v, error %v, want %q", c.name, recipe, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret in %v", c.name, err)
		}
	}

	r := newRepository(t)
	p, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Recipe(t.Context(), "example.com/other", provenance.Source{Commit: p.Commit}); err == nil {
		t.Error("another package: no error")
	}
	if _, err := p.Recipe(t.Context(), "example.com/app", provenance.Source{}); err == nil {
		t.Error("another source: no error")
	}
	if _, err := p.Recipe(t.Context(), "example.com/app", provenance.Source{Commit: p.Commit, Modified: true}); err == nil {
		t.Error("modified source: no error")
	}
}

// A worktree outside of any repository has no stamp, and a rebuild from a clone
// must not have one either.
func TestRecipeWorktree(t *testing.T) {
	r := newRepository(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.git("worktree", "add", "--quiet", "--detach", filepath.Join(dir, "tree"))
	w := r
	w.dir = filepath.Join(dir, "tree")
	bin, recipe := w.build(), w.recipe()
	got, err := gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), gobuild.RebuildOptions{Getenv: r.getenv, Repository: w.dir, Temp: t.TempDir(), File: bin})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Reproduced() {
		t.Error(got)
	}
}

func FuzzParseRecipe(f *testing.F) {
	for _, text := range []string{
		`{}`,
		`{"dir":".","env":{"CGO_ENABLED":"0","GOAMD64":"v1","GOARCH":"amd64","GOOS":"linux"},"flags":["-trimpath","-ldflags=-s -w"],` +
			`"go":"go1.26.8","mod":"readonly","module":"example.com/app","modules":[{"path":"example.com/m","sum":"dirHash:` + dirHash + `","version":"v1.0.0"}],` +
			`"package":"example.com/app","settings":{"GOOS":"linux"},"source":{"commit":"gitCommit:` + commit + `","ref":"refs/tags/v1.2.3","repository":"https://example.com/r",` +
			`"shallow":true,"tag":"v1.2.3","tagCommit":"gitCommit:` + commit + `"},"version":"v1.2.3","work":"go.work","generated":["a.go"]}`,
		`{"flags":["-toolexec=x"]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := gobuild.ParseRecipe(data)
		if err != nil {
			if r != nil {
				t.Error("both a recipe and an error")
			}
			return
		}
		text, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := gobuild.ParseRecipe(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if got, err := again.Marshal(); err != nil || string(got) != string(text) {
			t.Errorf("%v: %s, then %s", err, text, got)
		}
		for _, name := range []string{r.Dir, r.Work} {
			if name != "" && !filepath.IsLocal(filepath.FromSlash(name)) {
				t.Errorf("%q leads out of the checkout", name)
			}
		}
	})
}

// The text behind RebuildBuildType shows what Build emits.
func TestRebuildBuildTypeExample(t *testing.T) {
	file := filepath.Join("..", "buildtypes", "go-rebuild-v1.md")
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"`" + gobuild.RebuildBuildType + "`", gobuild.GoRebuilt, gobuild.RecipeName, provenance.BuildReproduced} {
		if !strings.Contains(string(doc), name) {
			t.Errorf("the text does not name %s", name)
		}
	}
	_, example, _ := strings.Cut(string(doc), "```json\n")
	example, _, ok := strings.Cut(example, "\n```")
	if !ok {
		t.Fatal("the text has no example")
	}
	c := digests("gitCommit:" + commit)[0]
	module := digests("dirHash:" + dirHash)[0]
	a := hallmark.Artifact{Name: "app", Digests: digests("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")}
	r := &gobuild.Rebuilt{
		Recipe: gobuild.Recipe{
			Go: "go1.26.8", Package: "github.com/octocat/hello/cmd/app", Module: "github.com/octocat/hello", Version: "v1.2.3", Dir: ".", Mod: "readonly",
			Flags:   []string{"-trimpath", "-ldflags=-s -w"},
			Env:     map[string]string{"CGO_ENABLED": "0", "GOAMD64": "v1", "GOARCH": "amd64", "GOOS": "linux"},
			Source:  gobuild.RecipeSource{Repository: "https://github.com/octocat/hello", Ref: "refs/tags/v1.2.3", Commit: c, Tag: "v1.2.3", TagCommit: c},
			Modules: []gobuild.RecipeModule{{Path: "golang.org/x/mod", Version: "v0.42.0", Sum: module}},
		},
		Original: a, Artifact: a,
		Source: &gobuild.SourceProof{Commit: c, Modules: []gobuild.Module{{Path: "golang.org/x/mod", Version: "v0.42.0", Sum: module, Outcome: gobuild.Match}}},
	}
	b, err := r.Build("https://rebuilder.example/go")
	if err != nil {
		t.Fatal(err)
	}
	b.Byproducts[0].Content = nil // long
	s, err := b.Statement(a)
	if err != nil {
		t.Fatal(err)
	}
	if want := indented(t, s); example != want {
		t.Errorf("the example is\n%s\nBuild emits\n%s", example, want)
	}
}

func indented(t *testing.T, s *provenance.Statement) string {
	t.Helper()
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	return want.String()
}
