package gobuild_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// parts inspects the repository as it is before a build.
func (r repository) parts() gobuild.Parts {
	r.t.Helper()
	o := r.options()
	o.AllowDirty = true
	p, err := gobuild.ProveSource(r.t.Context(), r.dir, nil, o)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := git.Inspect(r.t.Context(), r.dir, r.getenv)
	if err != nil {
		r.t.Fatal(err)
	}
	return gobuild.Parts{Getenv: r.getenv, Source: p, Checkout: c}
}

// strict is parts for a source that must be proved.
func (r repository) strict() gobuild.Parts {
	r.t.Helper()
	p := r.parts()
	var err error
	if p.Source, err = gobuild.ProveSource(r.t.Context(), r.dir, nil, r.options()); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// claim is what a platform would say.
func claim(repository, ref, commit string, from provenance.Evidence) *provenance.Build {
	d, err := hallmark.ParseDigest("gitCommit:" + commit)
	if err != nil {
		panic(err)
	}
	b := provenance.Local(provenance.Source{Repository: repository, Ref: ref, Commit: d, RepositoryFrom: from, CommitFrom: from})
	return b
}

// The matrix of what a binary, a checkout and a claim can have to do with each
// other.
func TestBind(t *testing.T) {
	const url = "https://example.com/r"
	for _, c := range []struct {
		name string
		do   func(t *testing.T, r repository) (bin string, p gobuild.Parts)
		want []string // links that do not match, name and status
	}{
		{"everything agrees", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim(url, "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Claim)
			return r.build("-buildvcs=true"), p
		}, nil},
		{"tag", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.git("tag", "v1.2.3")
			p := r.strict()
			p.Build = claim(url, "refs/tags/v1.2.3", p.Checkout.Commit.Hex(), provenance.Claim)
			return r.build("-buildvcs=true"), p
		}, []string{"claim ref: unknown"}},
		{"no claim", func(t *testing.T, r repository) (string, gobuild.Parts) {
			return r.build("-buildvcs=true"), r.strict()
		}, []string{"claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"nothing but the binary", func(t *testing.T, r repository) (string, gobuild.Parts) {
			return r.build("-buildvcs=true"), gobuild.Parts{Getenv: r.getenv}
		}, []string{
			"program: unknown", "main module: unknown", "module version: unknown", "commit: unknown", "modified: unknown", "commit time: unknown",
			"toolchain: unknown", "settings: unknown", "modules: unknown", "source: unknown", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown",
		}},
		{"worktree in another repository", func(t *testing.T, r repository) (string, gobuild.Parts) {
			inner := newRepository(t)
			inner.write("text.go", "package main\n\nvar text = \"inner\"\n")
			inner.commit()
			inner.git("worktree", "add", "--quiet", "--detach", filepath.Join(r.dir, "inner"))
			r.write(".git/info/exclude", "inner\n")
			r = r.at("inner")
			return r.build("-buildvcs=true"), r.parts()
		}, []string{"commit: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown", "module version: mismatch"}},
		{"submodule", func(t *testing.T, r repository) (string, gobuild.Parts) {
			sub := newRepository(t)
			sub.write("text.go", "package main\n\nvar text = \"sub\"\n")
			sub.commit()
			r.git("submodule", "--quiet", "add", sub.dir, "sub")
			r.commit()
			r = r.at("sub")
			return r.build("-buildvcs=true"), r.parts()
		}, []string{"commit: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown", "module version: mismatch"}},
		{"assume-unchanged", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.git("update-index", "--assume-unchanged", "main.go")
			r.write("main.go", mainGo+"// changed\n")
			p := r.parts()
			p.Checkout.Modified = nil // as git status has it
			return r.build("-buildvcs=true"), withSource(r, p)
		}, []string{"source: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"excluded file", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.write(".git/info/exclude", "new.go\n")
			r.write("new.go", "package main\n")
			return r.build("-buildvcs=true"), withSource(r, r.parts())
		}, []string{"source: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"stale binary", func(t *testing.T, r repository) (string, gobuild.Parts) {
			bin := r.build("-buildvcs=true")
			r.write("text.go", "package main\n\nvar text = \"newer\"\n")
			r.git("add", "-A")
			r.git("-c", "user.name=x", "commit", "--quiet", "--message=newer")
			return bin, r.strict()
		}, []string{"commit: mismatch", "module version: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"HEAD is not the claim", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim(url, "refs/heads/main", commit, provenance.Claim)
			return r.build("-buildvcs=true"), p
		}, []string{"claim commit: mismatch"}},
		{"the claim is of another repository", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim("https://example.com/other", "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Environment)
			return r.build("-buildvcs=true"), p
		}, []string{"claim repository: mismatch"}},
		{"the claim is of another branch", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim(url, "refs/heads/release", p.Checkout.Commit.Hex(), provenance.Claim)
			return r.build("-buildvcs=true"), p
		}, []string{"claim ref: mismatch"}},
		{"no stamps", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim(url, "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Claim)
			return r.build("-buildvcs=false"), p
		}, []string{"module version: unknown", "commit: unknown", "modified: unknown", "commit time: unknown"}},
		{"built from files", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Build = claim(url, "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Claim)
			return r.build("main.go", "text.go"), p
		}, []string{"program: mismatch", "main module: unknown", "module version: unknown", "commit: unknown", "modified: unknown", "commit time: unknown"}},
		{"dirty, and allowed", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.write("main.go", mainGo+"// changed\n")
			return r.build("-buildvcs=true"), r.parts()
		}, []string{"source: unknown", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"dirty while it was built", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			r.write("main.go", mainGo+"// changed\n")
			bin := r.build("-buildvcs=true")
			r.write("main.go", mainGo)
			return bin, p
		}, []string{"module version: mismatch", "modified: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"tampered commit", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			bin := r.build("-buildvcs=true")
			tamper(t, bin, "vcs.revision="+p.Checkout.Commit.Hex(), "vcs.revision="+commit)
			return bin, p
		}, []string{"commit: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"tampered setting", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			bin := r.build("-buildvcs=true")
			tamper(t, bin, "-trimpath=true", "-trimpath=true"[:10]+"fals")
			return bin, p
		}, []string{"settings: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"another setting", func(t *testing.T, r repository) (string, gobuild.Parts) {
			return r.build("-buildvcs=true", "-tags=other"), r.strict()
		}, []string{"settings: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"flags for the compiler", func(t *testing.T, r repository) (string, gobuild.Parts) {
			return r.build("-buildvcs=true", "-gcflags=-trimpath="+r.dir), r.strict()
		}, []string{"settings: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"flags for the assembler", func(t *testing.T, r repository) (string, gobuild.Parts) {
			return r.build("-buildvcs=true", "-asmflags=-I="+r.dir), r.strict()
		}, []string{"settings: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"an experiment", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.env["GOEXPERIMENT"] = "arenas"
			p := r.strict()
			delete(r.env, "GOEXPERIMENT")
			return r.build("-buildvcs=true"), p
		}, []string{"settings: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"another artifact", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Artifact = hallmark.Artifact{Name: "app", Digests: hash(t, "app")}
			return r.build("-buildvcs=true"), p
		}, []string{"artifact digest: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"workflow", func(t *testing.T, r repository) (string, gobuild.Parts) {
			r.write(".github/workflows/release.yml", "on: push\n")
			r.commit()
			p := r.strict()
			p.Workflow = gobuild.Workflow{Path: ".github/workflows/release.yml", Commit: p.Checkout.Commit, Evidence: provenance.Claim}
			return r.build("-buildvcs=true"), p
		}, []string{"claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"workflow that is not there", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Workflow = gobuild.Workflow{Path: ".github/workflows/release.yml", Commit: p.Checkout.Commit, Evidence: provenance.Claim}
			return r.build("-buildvcs=true"), p
		}, []string{"workflow: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"workflow at a commit that is not there", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Workflow = gobuild.Workflow{Path: "main.go", Evidence: provenance.Claim}
			p.Workflow.Commit, _ = hallmark.ParseDigest("gitCommit:" + other)
			return r.build("-buildvcs=true"), p
		}, []string{"workflow: unknown", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
		{"workflow with another blob", func(t *testing.T, r repository) (string, gobuild.Parts) {
			p := r.strict()
			p.Workflow = gobuild.Workflow{Path: "main.go", Commit: p.Checkout.Commit, Evidence: provenance.Claim}
			p.Workflow.Blob, _ = hallmark.ParseDigest("gitBlob:" + other)
			return r.build("-buildvcs=true"), p
		}, []string{"workflow: mismatch", "claim commit: unknown", "claim repository: unknown", "claim ref: unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			r.git("remote", "add", "origin", url+".git")
			bin, p := c.do(t, r)
			b, err := gobuild.Bind(t.Context(), bin, p)
			var mismatched []string
			if e, ok := errors.AsType[*gobuild.MismatchError](err); ok {
				for _, l := range e.Links {
					mismatched = append(mismatched, l.Name)
				}
				if b != nil || e.Binding == nil {
					t.Errorf("a mismatch returned the binding %v, in the error %v", b, e.Binding)
				}
				b = e.Binding
			} else if err != nil {
				t.Fatal(err)
			}
			var got, names []string
			for _, l := range b.Links {
				if l.Status != gobuild.Matched {
					got = append(got, l.Name+": "+l.Status.String())
				}
				if l.Status == gobuild.Mismatched {
					names = append(names, l.Name)
				}
				if l.Status == gobuild.Unlinked && l.Why == "" {
					t.Errorf("%s is unknown and does not say why", l.Name)
				}
			}
			want := slices.Clone(c.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q\n%s", got, want, b)
			}
			if !slices.Equal(names, mismatched) {
				t.Errorf("the error names %q, want %q", mismatched, names)
			}
			if strings.Contains(b.String(), r.dir) {
				t.Errorf("a path of this machine in\n%s", b)
			}
		})
	}
}

// withSource returns p with a proof whose deviations are not allowed.
func withSource(r repository, p gobuild.Parts) gobuild.Parts {
	o := r.options()
	o.AllowDirty = true
	var err error
	if p.Source, err = gobuild.ProveSource(r.t.Context(), r.dir, nil, o); err != nil {
		r.t.Fatal(err)
	}
	p.Source.Disallow()
	return p
}

// tamper replaces text in a file by other text of the same length.
func tamper(t *testing.T, file, from, to string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(from) != len(to) || !bytes.Contains(data, []byte(from)) {
		t.Fatalf("cannot replace %q by %q", from, to)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestBindModules(t *testing.T) {
	r := newRepository(t)
	newProxy(t, &r)
	useLib(&r, "v1.0.0", "")
	r.commit()
	bin := r.build("-buildvcs=true")
	if _, err := gobuild.Bind(t.Context(), bin, r.strict()); err != nil {
		t.Fatal(err)
	}
	mismatch := func(name string, err error, got, want string) {
		t.Helper()
		e, ok := errors.AsType[*gobuild.MismatchError](err)
		if !ok {
			t.Fatalf("%s: error %v, want a mismatch", name, err)
		}
		l := e.Binding.Link(gobuild.Modules)
		if l.Status != gobuild.Mismatched || l.Got != got || l.Want != want {
			t.Errorf("%s: %+v, want got %q, want %q", name, l, got, want)
		}
	}
	p := r.strict()

	sum := p.Source.Modules[0].Sum.H1()
	forged := "h1:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
	tampered := filepath.Join(t.TempDir(), "app")
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tampered, data, 0o777); err != nil {
		t.Fatal(err)
	}
	tamper(t, tampered, sum, forged)
	_, err = gobuild.Bind(t.Context(), tampered, p)
	mismatch("tampered sum", err, "example.com/lib@v1.0.0 "+forged, "example.com/lib@v1.0.0 "+sum)

	useLib(&r, "v1.1.0", "")
	r.commit()
	_, err = gobuild.Bind(t.Context(), bin, r.strict())
	mismatch("other version", err, "example.com/lib@v1.0.0, no example.com/lib@v1.1.0", "no example.com/lib@v1.0.0, example.com/lib@v1.1.0")

	// A binary that was built with a replacement, from a source without.
	useLib(&r, "v1.0.0", "replace example.com/lib => example.com/fork v1.0.0\n")
	bin = r.build("-buildvcs=true")
	useLib(&r, "v1.0.0", "")
	r.commit()
	_, err = gobuild.Bind(t.Context(), bin, r.strict())
	mismatch("replaced", err, "example.com/fork@v1.0.0, no example.com/lib@v1.0.0", "no example.com/fork@v1.0.0, example.com/lib@v1.0.0")

	// By a directory.
	r.write("lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
	r.write("lib/lib.go", "package lib\n\nconst Text = \"local\"\n")
	useLib(&r, "v1.0.0", "replace example.com/lib => ./lib\n")
	bin = r.build("-buildvcs=true")
	useLib(&r, "v1.0.0", "")
	r.commit()
	_, err = gobuild.Bind(t.Context(), bin, r.strict())
	mismatch("replaced by a directory", err, "no example.com/lib@v1.0.0", "example.com/lib@v1.0.0")
}

// A dirty source that was allowed is recorded, although the go command did not
// see that it is one.
func TestBindAllowed(t *testing.T) {
	for name, hide := range map[string][]string{"excluded": nil, "assume-unchanged": {"update-index", "--assume-unchanged", "text.go"}} {
		r := newRepository(t)
		r.git("remote", "add", "origin", "https://example.com/r.git")
		if hide != nil {
			r.git(hide...)
			r.write("text.go", "package main\n\nvar text = \"changed\"\n")
		} else {
			r.write(".git/info/exclude", "new.go\n")
			r.write("new.go", "package main\n")
		}
		for _, sees := range []bool{false, true} {
			p := r.parts()
			if p.Checkout.Modified = nil; sees { // as an observer that looks closer
				p.Checkout.Modified = []string{"text.go"}
			}
			p.Build = claim("https://example.com/r", "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Git)
			b, err := gobuild.Bind(t.Context(), r.build("-buildvcs=true"), p)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := b.Record(p.Build, gobuild.Recipe{}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s, _ := p.Build.Source(); !s.Modified || p.Build.Dependencies[0].Digest != nil {
				t.Errorf("%s: source %+v", name, s)
			}
			if e := p.Build.Evidence["binding."+gobuild.SourceFiles]; e != provenance.NoEvidence {
				t.Errorf("%s: evidence %v for the source", name, e)
			}
		}
	}
}

// What is vendored has no sums.
func TestBindVendored(t *testing.T) {
	r := newRepository(t)
	vendorLib(&r)
	r.commit()
	b, err := gobuild.Bind(t.Context(), r.build("-buildvcs=true"), r.strict())
	if err != nil {
		t.Fatal(err)
	}
	if l := b.Link(gobuild.Modules); l.Status != gobuild.Unlinked || l.Why != "vendored modules have no sums; their files are those of the source" {
		t.Errorf("%+v", l)
	}
	if l := b.Link(gobuild.SourceFiles); l.Status != gobuild.Matched {
		t.Errorf("%+v", l)
	}
}

// A program from the module cache is not one of the checkout.
func TestBindInstalled(t *testing.T) {
	r := newRepository(t)
	p := r.strict()
	bin := r.build("-buildvcs=true")
	// The go command writes a sum of the main module only there.
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(data, []byte("mod\texample.com/app\tv0.0.0-"))
	if i < 0 {
		t.Fatal("no module in the binary")
	}
	line, _, _ := bytes.Cut(data[i:], []byte("\n"))
	rest := len(line) - len("mod\texample.com/app\tv0.1.0\t")
	tamper(t, bin, string(line), "mod\texample.com/app\tv0.1.0\t"+strings.Repeat("h", rest))
	_, err = gobuild.Bind(t.Context(), bin, p)
	e, ok := errors.AsType[*gobuild.MismatchError](err)
	if !ok || e.Binding.Link(gobuild.MainModule).Why != "it was built in the module cache, from v0.1.0, and not in the checkout" {
		t.Errorf("error %v", err)
	}
}

func TestBindRefuses(t *testing.T) {
	r := newRepository(t)
	bin := r.build("-buildvcs=true")
	p := r.strict()
	if _, err := gobuild.Bind(t.Context(), filepath.Join(r.dir, "main.go"), p); err == nil || !strings.Contains(err.Error(), "main.go has no build information") {
		t.Errorf("no binary: %v", err)
	}
	if _, err := gobuild.Bind(t.Context(), bin, gobuild.Parts{}); err == nil {
		t.Error("no getenv: no error")
	}
	for _, name := range []string{"../x", "/x", "a/../b"} {
		q := p
		q.Workflow.Path = name
		if _, err := gobuild.Bind(t.Context(), bin, q); err == nil || !strings.Contains(err.Error(), "want a path relative to the top") {
			t.Errorf("workflow %q: %v", name, err)
		}
	}
	r.write("README", "")
	r.commit()
	p.Checkout = nil
	if _, err := gobuild.Bind(t.Context(), bin, p); err == nil || !strings.Contains(err.Error(), "the source was proved at commit") {
		t.Errorf("HEAD moved: %v", err)
	}
}

func TestBindingRecord(t *testing.T) {
	r := newRepository(t)
	r.git("remote", "add", "origin", "https://example.com/r.git")
	r.write("release.yml", "on: push\n")
	r.commit()
	p := r.strict()
	p.Build = claim("https://example.com/r", "refs/heads/main", p.Checkout.Commit.Hex(), provenance.Claim)
	p.Workflow = gobuild.Workflow{Path: "release.yml", Commit: p.Checkout.Commit, Evidence: provenance.Claim}
	b, err := gobuild.Bind(t.Context(), r.build("-buildvcs=true"), p)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := p.Source.Recipe(t.Context(), "example.com/app", provenance.Source{Commit: p.Checkout.Commit})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Record(p.Build, *recipe); err != nil {
		t.Fatal(err)
	}
	if s, _ := p.Build.Source(); s.Modified || s.Commit != p.Source.Commit {
		t.Errorf("source %+v", s)
	}
	if d := p.Build.Dependencies[len(p.Build.Dependencies)-1]; d.Name != "release.yml" || d.Digest["gitBlob"] != r.git("rev-parse", "HEAD:release.yml") {
		t.Errorf("workflow %+v", d)
	}
	for _, name := range []string{gobuild.Commit, gobuild.SourceFiles, gobuild.ClaimCommit, gobuild.WorkflowFile} {
		if p.Build.Evidence["binding."+name] == provenance.NoEvidence {
			t.Errorf("no evidence for %s: %v", name, p.Build.Evidence)
		}
	}
	if len(p.Build.Byproducts) != 2 || p.Build.Byproducts[1].Name != gobuild.BindingName || p.Build.Byproducts[1].Digest["sha256"] == "" {
		t.Errorf("byproducts %+v", p.Build.Byproducts)
	}
	if c := p.Build.Byproducts[1].Content; c != nil && !json.Valid(c) {
		t.Errorf("content %s", c)
	}
	st, err := p.Build.Statement(b.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{r.dir, os.TempDir(), os.Getenv("HOME") + "/"} {
		if strings.Contains(string(payload), secret) {
			t.Errorf("%s is in the statement", secret)
		}
	}
	before := len(p.Build.Dependencies)
	if err := b.Record(p.Build, *recipe); err == nil || len(p.Build.Dependencies) != before {
		t.Errorf("recorded twice: %v", err)
	}
}
