package gobuild_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// recipe returns how the repository's program is built with flags.
func (r repository) recipe(flags ...string) *gobuild.Recipe {
	r.t.Helper()
	o := r.options()
	o.Flags = append(o.Flags, flags...)
	p, err := gobuild.ProveSource(r.t.Context(), r.dir, nil, o)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := git.Inspect(r.t.Context(), r.dir, r.getenv)
	if err != nil {
		r.t.Fatal(err)
	}
	recipe, err := p.Recipe(r.t.Context(), p.Packages[0], c.Source(git.Options{}))
	if err != nil {
		r.t.Fatal(err)
	}
	// As it is read by whoever rebuilds.
	text, err := recipe.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, secret := range []string{r.dir, os.TempDir(), os.Getenv("HOME") + "/"} {
		if strings.Contains(string(text), secret) {
			r.t.Errorf("%s is in the recipe %s", secret, text)
		}
	}
	if recipe, err = gobuild.ParseRecipe(text); err != nil {
		r.t.Fatal(err)
	}
	again, err := recipe.Marshal()
	if err != nil || string(again) != string(text) {
		r.t.Errorf("%v: read and written again\n%s\n%s", err, again, text)
	}
	return recipe
}

func artifact(t testing.TB, file string) hallmark.Artifact {
	t.Helper()
	a, err := hallmark.HashFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A program is rebuilt in another directory from what the recipe says.
func TestRebuild(t *testing.T) {
	const ldflags = "-ldflags=-X main.text=changed"
	for _, c := range []struct {
		name string
		do   func(t *testing.T, r *repository) (bin string, recipe *gobuild.Recipe)
		want []string // beginnings of the differences in build information; "-" if there are only others
	}{
		{"the same", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			return r.build("-buildvcs=true"), r.recipe("-buildvcs=true")
		}, nil},
		{"without a stamp", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			return r.build("-buildvcs=false"), r.recipe("-buildvcs=false")
		}, nil},
		{"without a stamp, by GOFLAGS", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.env["GOFLAGS"] = "-buildvcs=false"
			return r.build(), r.recipe()
		}, nil},
		{"tag", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.git("tag", "v1.2.3")
			return r.build(), r.recipe()
		}, nil},
		{"after a tag", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.git("tag", "--annotate", "--message=tag", "v1.2.3")
			r.write("README", "")
			r.commit()
			return r.build(), r.recipe()
		}, nil},
		{"clone without tags", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.git("tag", "v1.2.3")
			clone := repository{t, filepath.Join(t.TempDir(), "clone"), r.env}
			r.git("clone", "--quiet", "--no-tags", "--depth=1", "file://"+r.dir, clone.dir)
			return clone.build(), clone.recipe()
		}, nil},
		{"flags that the binary does not have", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			return r.build(ldflags), r.recipe(ldflags)
		}, nil},
		{"target", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.env["GOOS"], r.env["GOARCH"] = "windows", "arm64"
			return r.build(), r.recipe()
		}, nil},
		{"nested module with a tag", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.write("tools/go.mod", "module example.com/app/tools\n\ngo 1.26\n")
			r.write("tools/main.go", "package main\n\nfunc main() {}\n")
			r.commit()
			r.git("tag", "tools/v0.1.0")
			r.write("README", "")
			r.commit()
			*r = r.at("tools")
			return r.build(), r.recipe()
		}, nil},
		{"workspace", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.write("text.go", "package main\n\nimport _ \"example.com/lib\"\n\nvar text = \"hello\"\n")
			r.write("go.work", "go 1.26\n\nuse (\n\t.\n\t./lib\n)\n")
			r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
			r.write("lib/lib.go", "package lib\n")
			r.commit()
			return r.build(), r.recipe()
		}, nil},
		{"vendored", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			vendorLib(r)
			r.commit()
			return r.build(), r.recipe()
		}, nil},
		{"modules", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			newProxy(t, r)
			useLib(r, "v1.0.0", "")
			r.commit()
			return r.build(), r.recipe()
		}, nil},
		{"settings of go env -w", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			file := repository{t, t.TempDir(), nil}
			file.write("env", "GOFLAGS=-buildvcs=false '-ldflags=-X main.text=changed'\nGOARCH=arm64\n")
			r.env["GOENV"] = filepath.Join(file.dir, "env")
			delete(r.env, "GOFLAGS")
			bin, recipe := r.build(), r.recipe()
			if want := []string{"-buildvcs=false", "-ldflags=-X main.text=changed", "-trimpath"}; !slices.Equal(recipe.Flags, want) || recipe.Env["GOARCH"] != "arm64" {
				t.Errorf("flags %q, environment %v, want %q", recipe.Flags, recipe.Env, want)
			}
			return bin, recipe
		}, nil},
		{"one of two commands", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			newProxy(t, r)
			useLib(r, "v1.0.0", "")
			r.write("cmd/other/main.go", "package main\n\nfunc main() {}\n")
			r.commit()
			o := r.options()
			p, err := gobuild.ProveSource(t.Context(), r.dir, []string{"./..."}, o)
			if err != nil {
				t.Fatal(err)
			}
			recipe, err := p.Recipe(t.Context(), "example.com/app/cmd/other", provenance.Source{Commit: p.Commit})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Packages) != 2 || len(p.Modules) != 1 || recipe.Modules != nil {
				t.Errorf("packages %v, modules %v, of one %v", p.Packages, p.Modules, recipe.Modules)
			}
			bin := r.build("./cmd/other")
			if _, err := gobuild.Bind(t.Context(), bin, gobuild.Parts{Getenv: r.getenv, Source: p}); err != nil {
				t.Error(err)
			}
			return bin, recipe
		}, nil},
		{"cgo", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			if _, err := exec.LookPath("gcc"); err != nil {
				t.Skip("needs gcc")
			}
			r.env["CGO_ENABLED"], r.env["CGO_CFLAGS"] = "1", "-O1 -DN=7"
			r.write("text.go", "package main\n\n// int c(void);\nimport \"C\"\n\nvar text = string(rune(C.c()))\n")
			r.write("c.c", "int c(void) { return N; }\n")
			r.commit()
			bin, recipe := r.build(), r.recipe()
			if recipe.Env["CGO_CFLAGS"] != "-O1 -DN=7" {
				t.Errorf("environment %v", recipe.Env)
			}
			return bin, recipe
		}, nil},
		{"SHA-256 repository", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			*r = newRepository(t, "--object-format=sha256")
			return r.build(), r.recipe()
		}, nil},
		{"a commit that no branch has", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.git("checkout", "--quiet", "--detach")
			r.write("text.go", "package main\n\nvar text = \"detached\"\n")
			r.commit()
			bin, recipe := r.build(), r.recipe()
			r.git("checkout", "--quiet", "main")
			return bin, recipe
		}, nil},

		{"other ldflags", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			return r.build(ldflags), r.recipe("-ldflags=-X main.text=others")
		}, []string{"-"}},
		{"GOAMD64", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			r.env["GOOS"], r.env["GOARCH"], r.env["GOAMD64"] = "linux", "amd64", "v3"
			bin := r.build()
			recipe := r.recipe()
			recipe.Env["GOAMD64"] = "v1"
			return bin, recipe
		}, []string{"setting GOAMD64: got v1, want v3"}},
		{"tags", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			return r.build("-tags=netgo"), r.recipe()
		}, []string{"setting -tags: got nothing, want netgo"}},
		{"source", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			bin := r.build()
			r.write("text.go", "package main\n\nvar text = \"other\"\n")
			r.commit()
			return bin, r.recipe()
		}, []string{"main module: got example.com/app@v0.0.0-", "setting vcs.revision: got "}},
		{"source, without a stamp", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			bin := r.build("-buildvcs=false")
			r.write("text.go", "package main\n\nvar text = \"other\"\n")
			r.commit()
			return bin, r.recipe("-buildvcs=false")
		}, []string{"-"}},
		{"dirty tree", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			recipe := r.recipe()
			r.write("text.go", "package main\n\nvar text = \"other\"\n")
			return r.build(), recipe
		}, []string{"main module: got example.com/app@v0.0.0-", "setting vcs.modified: got false, want true"}},
		{"module", func(t *testing.T, r *repository) (string, *gobuild.Recipe) {
			newProxy(t, r)
			useLib(r, "v1.1.0", "")
			bin := r.build("-buildvcs=false")
			useLib(r, "v1.0.0", "")
			r.commit()
			return bin, r.recipe("-buildvcs=false")
		}, []string{"module example.com/lib: got v1.0.0 h1:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			bin, recipe := c.do(t, &r)
			got, err := gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), gobuild.RebuildOptions{
				Getenv: r.getenv, Repository: r.dir, Temp: t.TempDir(), File: bin,
			})
			if err != nil {
				t.Fatal(err)
			}
			if want := c.want == nil; got.Reproduced() != want {
				t.Fatalf("reproduced: %v, want %v\n%s", got.Reproduced(), want, got)
			}
			if c.want == nil {
				if got.Differences != nil {
					t.Errorf("differences %v", got.Differences)
				}
				return
			}
			var told []string
			bytes := false
			for _, d := range got.Differences {
				switch kind, _, _ := strings.Cut(d.What, " "); kind {
				case "section":
				case "byte":
					bytes = true
				default:
					told = append(told, d.String())
				}
			}
			if !bytes {
				t.Errorf("no byte differs\n%s", got)
			}
			if c.want[0] == "-" {
				if told != nil || len(got.Differences) < 2 {
					t.Errorf("got %s", got)
				}
				return
			}
			if !slices.EqualFunc(told, c.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", told, c.want)
			}
			if strings.Contains(got.String(), r.dir) {
				t.Errorf("a path of this machine in\n%s", got)
			}
		})
	}
}

func TestRebuildRefuses(t *testing.T) {
	r := newRepository(t)
	newProxy(t, &r)
	useLib(&r, "v1.0.0", "")
	r.commit()
	r.git("tag", "v1.2.3")
	bin := r.build()
	a := artifact(t, bin)
	good := r.recipe()
	for _, c := range []struct {
		name string
		do   func(r *gobuild.Recipe, a *hallmark.Artifact, o *gobuild.RebuildOptions)
		want string
	}{
		{"no getenv", func(_ *gobuild.Recipe, _ *hallmark.Artifact, o *gobuild.RebuildOptions) { o.Getenv = nil }, "gobuild: no getenv"},
		{"no digest", func(_ *gobuild.Recipe, a *hallmark.Artifact, _ *gobuild.RebuildOptions) { *a = hallmark.Artifact{} }, "gobuild: the artifact has no SHA-256 to compare with"},
		{"no place", func(_ *gobuild.Recipe, _ *hallmark.Artifact, o *gobuild.RebuildOptions) { o.Repository = "" }, "gobuild: want either a repository or a checkout"},
		{"two places", func(_ *gobuild.Recipe, _ *hallmark.Artifact, o *gobuild.RebuildOptions) { o.Dir = r.dir }, "gobuild: want either a repository or a checkout"},
		{"incomplete", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) { *r = gobuild.Recipe{} }, "gobuild: incomplete recipe: no Go version\n"},
		{"other toolchain", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) { r.Go = "go1.20" }, "gobuild: the go command is go1."},
		{"other commit", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Source.Commit, _ = hallmark.ParseDigest("gitCommit:" + other)
		}, "gobuild: git "},
		{"other version", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) { r.Source.Tag = "v1.2.4" }, "gobuild: the checkout makes the version v1.2.4, the recipe has v1.2.3: other tags"},
		{"other sum", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			sum, _ := hallmark.ParseDigest("dirHash:" + dirHash)
			r.Modules = []gobuild.RecipeModule{{Path: "example.com/lib", Version: "v1.0.0", Sum: sum}}
		}, "gobuild: the recipe has the module example.com/lib@v1.0.0 with dirHash:" + dirHash},
		{"module too few", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) { r.Modules = nil }, "gobuild: the checkout uses the module example.com/lib@v1.0.0, which the recipe does not have"},
		{"other package", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Package = "example.com/app/none"
		}, "gobuild: go list "},
		{"other module", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Module = "example.com/other"
		}, "gobuild: the checkout has example.com/app of example.com/app at "},
		{"generated", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Generated = []string{"new.go"}
		}, "gobuild: the recipe has 1 generated files: want a checkout in which they are"},
		{"program to run", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Flags = append(r.Flags, "-toolexec=x")
		}, "gobuild: the flag -toolexec makes the go command run other programs than its own"},
		{"secret", func(r *gobuild.Recipe, _ *hallmark.Artifact, _ *gobuild.RebuildOptions) {
			r.Flags = append(r.Flags, "-ldflags=-X main.password=hunter2")
		}, "gobuild: recipe: the flag -ldflags has what looks like a secret"},
		{"not the file", func(r *gobuild.Recipe, a *hallmark.Artifact, o *gobuild.RebuildOptions) {
			a.Digests = hash(t, "other")
		}, "gobuild: app has sha256:"},
		{"module that is not in the cache", func(_ *gobuild.Recipe, _ *hallmark.Artifact, o *gobuild.RebuildOptions) {
			o.Getenv = func(name string) string {
				if name == "GOMODCACHE" {
					return t.TempDir()
				}
				return r.getenv(name)
			}
		}, "gobuild: go list "},
	} {
		recipe, a, o := *good, a, gobuild.RebuildOptions{Getenv: r.getenv, Repository: r.dir, Temp: t.TempDir(), File: bin}
		recipe.Flags, recipe.Modules = slices.Clone(good.Flags), slices.Clone(good.Modules)
		c.do(&recipe, &a, &o)
		got, err := gobuild.Rebuild(t.Context(), &recipe, a, o)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if got != nil {
			t.Errorf("%s: returned %v", c.name, got)
		}
		if left, err := os.ReadDir(o.Temp); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind %v, %v", c.name, left, err)
		}
	}

	// A tampered module in the cache is not built.
	cached := repository{t, filepath.Join(r.env["GOMODCACHE"], "example.com", "lib@v1.0.0"), nil}
	cached.write("lib.go", "package lib\n\nconst Text = \"tampered\"\n")
	_, err := gobuild.Rebuild(t.Context(), good, a, gobuild.RebuildOptions{Getenv: r.getenv, Repository: r.dir, Temp: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "example.com/lib@v1.0.0: differs") {
		t.Errorf("tampered module: %v", err)
	}
}

// What the configuration of a repository names to be run, is not run.
func TestHostileRepository(t *testing.T) {
	r := newRepository(t)
	r.write(".gitattributes", "*.go filter=evil\n")
	r.commit()
	bin, recipe := r.build("-buildvcs=false"), r.recipe("-buildvcs=false")

	marker := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(evil, []byte("#!/bin/sh\ntouch "+marker+"\nexit 1\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil,
		"core.fsmonitor": evil, "core.sshCommand": evil, "core.pager": evil, "core.editor": evil, "core.gitProxy": evil,
		"core.alternateRefsCommand": evil, "uploadpack.packObjectsHook": evil, "gpg.program": evil, "credential.helper": evil,
		"diff.external": evil, "core.hooksPath": filepath.Dir(evil),
		"remote.origin.url": "file://" + r.dir, "remote.origin.uploadpack": evil, "remote.origin.promisor": "true", "core.repositoryFormatVersion": "1", "extensions.partialClone": "origin",
	} {
		r.git("config", name, value)
	}
	for _, hook := range []string{"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"} {
		for _, dir := range []string{filepath.Dir(evil), filepath.Join(r.dir, ".git", "hooks")} {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, hook), []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(what string) {
		t.Helper()
		if _, err := os.Stat(marker); err == nil {
			t.Errorf("%s has run a program", what)
			os.Remove(marker)
		}
	}
	if _, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err != nil {
		t.Error(err)
	}
	check("ProveSource")
	r.write("main.go", mainGo+"// changed\n")
	if _, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err == nil {
		t.Error("changed: no error")
	}
	check("ProveSource of what differs")
	o := gobuild.RebuildOptions{Getenv: r.getenv, Repository: r.dir, Temp: t.TempDir(), File: bin}
	got, err := gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), o)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Reproduced() {
		t.Error(got)
	}
	check("Rebuild")

	// Nor to fetch what a partial clone does not have.
	id := r.git("rev-parse", "HEAD:text.go")
	if err := os.Remove(filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	if _, err := gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), o); err == nil {
		t.Error("an object is not there: no error")
	}
	tree := r.git("-c", "core.fsmonitor=false", "rev-parse", "HEAD^{tree}")
	if err := os.Remove(filepath.Join(r.dir, ".git", "objects", tree[:2], tree[2:])); err != nil {
		t.Fatal(err)
	}
	if _, err := gobuild.ProveSource(t.Context(), r.dir, nil, r.options()); err == nil {
		t.Error("a tree is not there: no error")
	}
	check("what is not there")
}

// A caller's own checkout can have what a fresh one has not.
func TestRebuildDir(t *testing.T) {
	r := newRepository(t)
	r.write(".gitignore", "made.go\n")
	r.commit()
	r.write("made.go", "package main\n\nfunc init() { text += \"!\" }\n")
	o := r.options()
	o.Generated = []gobuild.Generated{{Path: "made.go", Reason: "go generate"}}
	p, err := gobuild.ProveSource(t.Context(), r.dir, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := p.Recipe(t.Context(), "example.com/app", provenance.Source{Commit: p.Commit})
	if err != nil {
		t.Fatal(err)
	}
	bin := r.build()
	got, err := gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), gobuild.RebuildOptions{Getenv: r.getenv, Dir: r.dir, Temp: t.TempDir(), File: bin})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Reproduced() {
		t.Error(got)
	}
	b, err := got.Build("https://example.com/rebuilder")
	if err != nil {
		t.Fatal(err)
	}
	if d := b.Dependencies[len(b.Dependencies)-1]; d.Name != "made.go" || d.Annotations["generated"] == nil {
		t.Errorf("dependencies %+v", b.Dependencies)
	}
	r.write("README", "new")
	_, err = gobuild.Rebuild(t.Context(), recipe, artifact(t, bin), gobuild.RebuildOptions{Getenv: r.getenv, Dir: r.dir, Temp: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "README") {
		t.Errorf("dirty checkout: %v", err)
	}
}

func TestRebuiltStatements(t *testing.T) {
	r := newRepository(t)
	r.git("remote", "add", "origin", "https://example.com/r.git")
	bin := r.build()
	a := artifact(t, bin)
	got, err := gobuild.Rebuild(t.Context(), r.recipe(), a, gobuild.RebuildOptions{Getenv: r.getenv, Repository: r.dir, Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := got.Build("https://example.com/rebuilder")
	if err != nil {
		t.Fatal(err)
	}
	st, err := b.Statement(got.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	if ps := st.Validate(); ps != nil {
		t.Errorf("problems %v", ps)
	}
	if s, _ := b.Source(); s.Commit != got.Source.Commit || s.Repository != "https://example.com/r" || s.RepositoryFrom != provenance.Caller {
		t.Errorf("source %+v", s)
	}
	if !json.Valid(b.Byproducts[0].Content) || b.Byproducts[0].Name != gobuild.RecipeName {
		t.Errorf("recipe %+v", b.Byproducts[0])
	}

	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	input := provenance.ResourceDescriptor{URI: "https://example.com/app.intoto.jsonl", Digest: provenance.NewDigestSet(hash(t, "x")...)}
	v, err := got.VSA("https://example.com/rebuilder", "https://example.com/app", when, input)
	if err != nil {
		t.Fatal(err)
	}
	vst, err := v.Statement(got.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	if ps := vst.Validate(); ps != nil {
		t.Errorf("problems %v", ps)
	}
	if !slices.Equal(v.VerifiedLevels, []string{gobuild.GoRebuilt}) || v.Result != provenance.Passed {
		t.Errorf("%+v", v)
	}

	failed := *got
	failed.Original = hallmark.Artifact{Name: "app", Digests: hash(t, "other")}
	if v, err = failed.VSA("https://example.com/rebuilder", "https://example.com/app", when, input); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.VerifiedLevels, []string{"FAILED"}) || v.Result != provenance.Failed {
		t.Errorf("%+v", v)
	}
	if _, err := v.Statement(got.Artifact); err != nil {
		t.Error(err)
	}

	// Whether two builders have reproduced it is another question.
	first := provenance.Local(provenance.Source{Repository: "https://example.com/r", Ref: "refs/heads/main", Commit: got.Source.Commit, CommitFrom: provenance.Git})
	fst, err := first.Statement(a)
	if err != nil {
		t.Fatal(err)
	}
	x := gobuild.Vouched{Statement: fst, Signer: "key 1", Operator: "example.com", Trusted: true}
	y := gobuild.Vouched{Statement: st, Signer: "key 2", Operator: "example.org", Trusted: true}
	if err := gobuild.Reproduced(a, x, y); err != nil {
		t.Error(err)
	}
	base, err := got.VSA("https://example.com/verifier", "https://example.com/app", when, input, input)
	if err != nil {
		t.Fatal(err)
	}
	both, err := gobuild.ReproducedVSA(*base, a, x, y)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(both.VerifiedLevels, []string{gobuild.GoRebuilt, provenance.BuildReproduced}) || len(base.VerifiedLevels) != 1 {
		t.Errorf("levels %v, %v", both.VerifiedLevels, base.VerifiedLevels)
	}
	if _, err := both.Statement(a); err != nil {
		t.Error(err)
	}
	if _, err := gobuild.ReproducedVSA(*v, a, x, y); err == nil {
		t.Error("a failed verification was reproduced")
	}
	for _, c := range []struct {
		name string
		do   func(a *hallmark.Artifact, x, y *gobuild.Vouched)
		want string
	}{
		{"nothing", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { *x, *y = gobuild.Vouched{}, gobuild.Vouched{} }, "the first builder is not trusted"},
		{"first not trusted", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { x.Trusted = false }, "the first builder is not trusted"},
		{"second not trusted", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Trusted = false }, "the second builder is not trusted"},
		{"one signer", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Signer = x.Signer }, "both statements are signed by key 1"},
		{"unknown signer", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Signer = "" }, "who signed the second statement is not known"},
		{"one operator", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Operator = "Example.com" }, "both builders are operated by example.com"},
		{"unknown operator", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { x.Operator = "" }, "who operates the first builder is not known"},
		{"one builder", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Statement = x.Statement }, "both statements are of the builder https://"},
		{"other artifact", func(a *hallmark.Artifact, x, y *gobuild.Vouched) { a.Digests = hash(t, "other") }, "the first statement is not about the artifact"},
		{"no digest", func(a *hallmark.Artifact, x, y *gobuild.Vouched) { a.Digests = nil }, "the artifact has no SHA-256"},
		{"other predicate", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) { y.Statement = vst }, "the second statement: "},
		{"other commit", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) {
			b := claim("https://example.com/r", "refs/heads/main", other, provenance.Git)
			x.Statement, _ = b.Statement(got.Artifact)
		}, "the statements are of two commits, "},
		{"modified", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) {
			x.Statement, _ = local(t, true).Statement(got.Artifact)
		}, "the source of the first statement was modified"},
		{"no commit", func(_ *hallmark.Artifact, x, y *gobuild.Vouched) {
			x.Statement, _ = provenance.Local(provenance.Source{Repository: "https://example.com/r"}).Statement(got.Artifact)
		}, "the first statement does not tell the commit"},
	} {
		a, x, y := a, x, y
		c.do(&a, &x, &y)
		err := gobuild.Reproduced(a, x, y)
		if err == nil || !strings.Contains(err.Error(), "gobuild: not reproduced: "+c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if v, err := gobuild.ReproducedVSA(*base, a, x, y); err == nil || v != nil {
			t.Errorf("%s: %v, %v", c.name, v, err)
		}
	}
}

func TestCompare(t *testing.T) {
	r := newRepository(t)
	bin := r.build("-buildvcs=false")
	ds, err := gobuild.Compare(bin, bin)
	if err != nil || ds != nil {
		t.Errorf("%v, %v", ds, err)
	}
	dir := repository{t, t.TempDir(), nil}
	dir.write("a", "0123456789")
	dir.write("b", "01234x6789")
	dir.write("c", "01234")
	at := func(name string) string { return filepath.Join(dir.dir, name) }
	for _, c := range []struct{ want, got, told string }{
		{"a", "a", "[]"},
		{"a", "b", "[byte 5: got 7836373839, want 3536373839]"},
		{"a", "c", "[byte 5: got the end, want 3536373839]"},
		{"c", "a", "[byte 5: got 3536373839, want the end]"},
	} {
		ds, err := gobuild.Compare(at(c.want), at(c.got))
		if err != nil {
			t.Fatal(err)
		}
		if got := text(ds); got != c.told {
			t.Errorf("%s and %s: %s, want %s", c.want, c.got, got, c.told)
		}
	}
	ds, err = gobuild.Compare(bin, at("a"))
	if err != nil || len(ds) < 3 || ds[0].String() != "build information: got none, want some" {
		t.Errorf("%v, %v", ds, err)
	}
	if _, err := gobuild.Compare(bin, at("none")); err == nil {
		t.Error("no file: no error")
	}

	// Without -trimpath the binary has -ldflags, which can have a secret.
	a, b := r.build("-trimpath=false", "-buildvcs=false", "-ldflags=-X main.password=one"), r.build("-trimpath=false", "-buildvcs=false", "-ldflags=-X main.password=two")
	if ds, err = gobuild.Compare(a, b); err != nil {
		t.Fatal(err)
	}
	if len(ds) == 0 || ds[0].What != "setting -ldflags" || strings.Contains(text(ds), "password") {
		t.Errorf("%v", ds)
	}
}

func text(ds []gobuild.Difference) string {
	var texts []string
	for _, d := range ds {
		texts = append(texts, d.String())
	}
	return "[" + strings.Join(texts, " ") + "]"
}
