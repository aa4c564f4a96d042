package gobuild_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

const (
	commit = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	other  = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"

	sum     = "h1:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
	dirHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// local returns the Build of a commit, modified or not.
func local(t *testing.T, modified bool) *provenance.Build {
	t.Helper()
	c, err := hallmark.ParseDigest("gitCommit:" + commit)
	if err != nil {
		t.Fatal(err)
	}
	return provenance.Local(provenance.Source{Repository: "https://example.com/r", Ref: "refs/heads/main", Commit: c, Modified: modified, CommitFrom: provenance.Git})
}

// info parses build information as "go version -m" prints it.
func info(t *testing.T, goVersion, text string) *debug.BuildInfo {
	t.Helper()
	i, err := debug.ParseBuildInfo(text)
	if err != nil {
		t.Fatal(err)
	}
	i.GoVersion = goVersion
	return i
}

func TestAttachDependencies(t *testing.T) {
	const std = "pkg:golang/stdlib@1.26.8"
	for _, c := range []struct {
		name, goVersion, info string
		want                  []string // uri, and digest
	}{
		{"nothing", "go1.26.8", "path\texample.com/app\nmod\texample.com/app\tv1.0.0\t\n", []string{std}},
		{"module", "go1.26.8", "dep\texample.com/Mod\tv1.2.3\t" + sum + "\n", []string{"pkg:golang/example.com/Mod@v1.2.3 dirHash:" + dirHash, std}},
		{"module without a sum", "go1.26.8", "dep\texample.com/m\tv1.2.3\t\n", []string{"pkg:golang/example.com/m@v1.2.3", std}},
		{"incompatible version", "go1.26.8", "dep\texample.com/m\tv2.0.0+incompatible\t" + sum + "\n", []string{"pkg:golang/example.com/m@v2.0.0%2Bincompatible dirHash:" + dirHash, std}},
		{"replaced by a module", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\texample.com/fork\tv1.2.4\t" + sum + "\n", []string{"pkg:golang/example.com/fork@v1.2.4 dirHash:" + dirHash, std}},
		{"replaced by a directory beside", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\t../m\t(devel)\t\n", []string{std}},
		{"replaced by a directory below", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\t./m\t(devel)\t\n", []string{std}},
		{"replaced by an absolute directory", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\t/home/octocat/m\t(devel)\t\n", []string{std}},
		{"absolute directory with a version", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\t/home/octocat/m\tv1.2.3\t\n", []string{std}},
		{"directory of another system with a version", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\tC:\\Users\\octocat\\m\tv1.2.3\t\n", []string{std}},
		{"directory with a version", "go1.26.8", "dep\texample.com/m\tv1.2.3\n=>\t../m\tv1.2.3\t\n", []string{std}},
		{"module of a workspace", "go1.26.8", "dep\texample.com/m\t(devel)\t\n", []string{std}},
		{
			"several, in their order", "go1.26.8",
			"dep\texample.com/b\tv1.0.0\t\ndep\texample.com/a\tv1.0.0\t\n",
			[]string{"pkg:golang/example.com/b@v1.0.0", "pkg:golang/example.com/a@v1.0.0", std},
		},

		{"Go without a patch", "go1.26", "", []string{"pkg:golang/stdlib@1.26"}},
		{"Go release candidate", "go1.26rc1", "", []string{"pkg:golang/stdlib@1.26rc1"}},
		{"Go with an experiment", "go1.26.8-X:jsonv2,nodwarf5", "", []string{std}},
		{"Go with an experiment, before 1.26", "go1.25.4 X:jsonv2", "", []string{"pkg:golang/stdlib@1.25.4"}},
		{"Go as packaged", "go1.22.2 (Red Hat 1.22.2-1.el9)", "", []string{"pkg:golang/stdlib@1.22.2"}},
		{"Go in development", "go1.27-devel_9d3a6b1 Mon Nov 2 10:00:00 2026 +0000", "", []string{"pkg:golang/stdlib"}},
		{"Go in development with an experiment", "go1.27-devel_9d3a6b1-X:jsonv2", "", []string{"pkg:golang/stdlib"}},
		{"Go in development, before 1.26", "devel go1.25-9d3a6b1 Mon Nov 2 10:00:00 2024 +0000", "", []string{"pkg:golang/stdlib"}},
		{"Go by somebody", "go1.26.8-somebody", "", []string{"pkg:golang/stdlib"}},
		{"no Go version", "", "", []string{"pkg:golang/stdlib"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := local(t, false)
			before := len(b.Dependencies)
			if err := gobuild.Attach(b, info(t, c.goVersion, c.info), gobuild.Recipe{}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range b.Dependencies[before:] {
				text := d.URI
				for _, digest := range d.Digest.Digests() {
					text += " " + digest.String()
				}
				got = append(got, text)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if s, _ := b.Source(); s.Commit.Hex() != commit {
				t.Errorf("source %+v", s)
			}
		})
	}
}

// recipe returns the byproduct of b, and what is in it.
func recipe(t *testing.T, b *provenance.Build) (provenance.ResourceDescriptor, string) {
	t.Helper()
	if len(b.Byproducts) != 1 {
		t.Fatalf("byproducts %v", b.Byproducts)
	}
	d := b.Byproducts[0]
	if d.Name != gobuild.RecipeName || d.MediaType != "application/json" || d.Digest["sha256"] == "" {
		t.Errorf("byproduct %+v", d)
	}
	return d, string(d.Content)
}

func TestAttachRecipe(t *testing.T) {
	const settings = "build\t-buildmode=exe\n" +
		"build\t-compiler=gc\n" +
		"build\t-tags=netgo,osusergo\n" +
		"build\t-trimpath=true\n" +
		"build\tDefaultGODEBUG=x=1\n" +
		"build\tCGO_ENABLED=1\n" +
		"build\tGOARCH=amd64\n" +
		"build\tGOOS=linux\n" +
		"build\tGOAMD64=v1\n" +
		"build\tGOEXPERIMENT=jsonv2\n" +
		"build\tGOFIPS140=off\n" +
		"build\t-pgo=/home/octocat/secret/default.pgo\n"
	const withheld = "build\t-ldflags=\"-X main.password=secret\"\n" +
		"build\t-gcflags=-trimpath=/home/octocat/secret\n" +
		"build\t-asmflags=-I/home/octocat/secret\n" +
		"build\t-gccgoflags=secret\n" +
		"build\tCGO_CFLAGS=-I/home/octocat/secret\n" +
		"build\tCGO_CPPFLAGS=secret\n" +
		"build\tCGO_CXXFLAGS=secret\n" +
		"build\tCGO_FFLAGS=secret\n" +
		"build\tCGO_LDFLAGS=-Lsecret\n" +
		"build\t-next=secret\n" +
		"build\tGONEXT=/home/octocat/secret\n" +
		"build\tvcs=git\nbuild\tvcs.time=2026-01-02T03:04:05Z\n"
	const want = `{"flags":["-trimpath"],"go":"go1.26.8","package":"example.com/app/cmd/app","settings":{` +
		`"-buildmode":"exe","-compiler":"gc","-pgo":"default.pgo","-tags":"netgo,osusergo","-trimpath":"true",` +
		`"CGO_ENABLED":"1","DefaultGODEBUG":"x=1","GOAMD64":"v1","GOARCH":"amd64","GOEXPERIMENT":"jsonv2","GOFIPS140":"off","GOOS":"linux"}}`
	b := local(t, false)
	b.Byproducts = nil
	if err := gobuild.Attach(b, info(t, "go1.26.8", "path\texample.com/app/cmd/app\n"+settings+withheld), gobuild.Recipe{Flags: []string{"-trimpath"}}); err != nil {
		t.Fatal(err)
	}
	d, got := recipe(t, b)
	if got != want {
		t.Errorf("recipe %s\nwant %s", got, want)
	}
	ds, err := hallmark.Hash(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.Digest, provenance.NewDigestSet(ds...)) {
		t.Errorf("digest %v, want %v", d.Digest, ds)
	}

	// A path of another system.
	b = local(t, false)
	if err := gobuild.Attach(b, info(t, "go1.26.8", "build\t-pgo=C:\\Users\\octocat\\app.pgo\n"), gobuild.Recipe{}); err != nil {
		t.Fatal(err)
	}
	if _, got := recipe(t, b); got != `{"flags":[],"go":"go1.26.8","package":"","settings":{"-pgo":"app.pgo"}}` {
		t.Errorf("recipe %s", got)
	}
}

// A recipe has content if it is under 1 KiB, and a digest in any case.
func TestAttachRecipeSize(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const rest = len(`{"flags":[""],"go":"go1.26.8","package":"","settings":{}}`)
	for _, c := range []struct {
		size    int
		content bool
	}{{1<<10 - 1, true}, {1 << 10, false}, {1 << 20, false}} {
		b := local(t, false)
		flag := strings.Repeat("x", c.size-rest)
		if err := gobuild.Attach(b, info(t, "go1.26.8", ""), gobuild.Recipe{Flags: []string{flag}}); err != nil {
			t.Fatal(err)
		}
		d, content := recipe(t, b)
		if (content != "") != c.content || c.content && len(content) != c.size {
			t.Errorf("recipe of %d bytes: content of %d", c.size, len(content))
		}
		text, err := json.Marshal(map[string]any{"flags": []string{flag}, "go": "go1.26.8", "package": "", "settings": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		ds, err := hallmark.Hash(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if d.Digest["sha256"] != ds[0].Hex() {
			t.Errorf("recipe of %d bytes: digest %v, want %v", c.size, d.Digest, ds)
		}
		a := hallmark.Artifact{Name: "app", Digests: ds}
		s, err := b.Statement(a)
		if err != nil {
			t.Fatal(err)
		}
		if ps := s.Validate(); ps != nil {
			t.Errorf("recipe of %d bytes: problems %v", c.size, ps)
		}
	}
}

func TestAttachMismatch(t *testing.T) {
	const clean, dirty = "\nbuild\tvcs.modified=false\n", "\nbuild\tvcs.modified=true\n"
	for _, c := range []struct {
		name, info string
		b          *provenance.Build
		want       []gobuild.Link
	}{
		{"the same", "build\tvcs.revision=" + commit + clean, local(t, false), nil},
		{"the same, modified", "build\tvcs.revision=" + commit + dirty, local(t, true), nil},
		{"no commit in the binary", "build\tGOOS=linux\n", local(t, false), nil},
		{"no commit in the binary, modified source", "", local(t, true), nil},
		{"no commit in the source", "build\tvcs.revision=" + commit + dirty, provenance.Local(provenance.Source{Repository: "https://example.com/r"}), nil},
		{"no source", "build\tvcs.revision=" + commit + dirty, provenance.Local(provenance.Source{}), nil},
		{"another commit", "build\tvcs.revision=" + other + clean, local(t, false), mismatch(gobuild.Commit, other, commit)},
		{"another commit than the modified one", "build\tvcs.revision=" + other + dirty, local(t, true), mismatch(gobuild.Commit, other, commit)},
		{"half of the commit", "build\tvcs.revision=" + commit[:20] + clean, local(t, false), mismatch(gobuild.Commit, commit[:20], commit)},
		{"modified in the binary", "build\tvcs.revision=" + commit + dirty, local(t, false), mismatch(gobuild.Modified, "true", "false")},
		{"modified in the source", "build\tvcs.revision=" + commit + clean, local(t, true), mismatch(gobuild.Modified, "false", "true")},
		{"the binary does not say", "build\tvcs.revision=" + commit + "\n", local(t, false), mismatch(gobuild.Modified, "", "false")},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := *c.b
			err := gobuild.Attach(c.b, info(t, "go1.26.8", c.info), gobuild.Recipe{})
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			got, ok := errors.AsType[*gobuild.MismatchError](err)
			if !ok || !slices.Equal(got.Links, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if !reflect.DeepEqual(*c.b, before) {
				t.Error("the build was changed")
			}
		})
	}
	err := &gobuild.MismatchError{Links: append(mismatch(gobuild.Commit, "a", "b"), mismatch(gobuild.Modified, "", "false")...)}
	if got, want := err.Error(), "gobuild: commit: mismatch: got a, want b, by binary; modified: mismatch: got nothing, want false, by binary"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func mismatch(name, got, want string) []gobuild.Link {
	return []gobuild.Link{{Name: name, Status: gobuild.Mismatched, Got: got, Want: want, Evidence: provenance.Binary}}
}

func TestAttachRefuses(t *testing.T) {
	b := local(t, false)
	before := *b
	for _, c := range []struct {
		name string
		b    *provenance.Build
		info *debug.BuildInfo
		r    gobuild.Recipe
		want string
	}{
		{"no build", nil, &debug.BuildInfo{}, gobuild.Recipe{}, "gobuild: no build or no build information"},
		{"no information", b, nil, gobuild.Recipe{}, "gobuild: no build or no build information"},
		{"malformed sum", b, info(t, "go1.26.8", "dep\texample.com/a\tv1.0.0\t"+sum+"\ndep\texample.com/b\tv1.0.0\th1:x\n"), gobuild.Recipe{}, `gobuild: module example.com/b: malformed module sum "h1:x"`},
		{"flag that is not UTF-8", b, info(t, "go1.26.8", ""), gobuild.Recipe{Flags: []string{"\xff"}}, "gobuild: recipe: "},
	} {
		if err := gobuild.Attach(c.b, c.info, c.r); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if !reflect.DeepEqual(*b, before) {
			t.Errorf("%s: the build was changed", c.name)
		}
	}
}

// What is attached to one Build does not show in another that has a list in
// common with it.
func TestAttachShared(t *testing.T) {
	a := local(t, false)
	a.Dependencies = append(make([]provenance.ResourceDescriptor, 0, 10), a.Dependencies...)
	b := *a
	if err := gobuild.Attach(a, info(t, "go1.25.0", ""), gobuild.Recipe{}); err != nil {
		t.Fatal(err)
	}
	if err := gobuild.Attach(&b, info(t, "go1.26.0", ""), gobuild.Recipe{}); err != nil {
		t.Fatal(err)
	}
	if got, want := a.Dependencies[1].URI, "pkg:golang/stdlib@1.25.0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAttachTwice(t *testing.T) {
	b := provenance.Local(provenance.Source{})
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/app"}
	if err := gobuild.Attach(b, info, gobuild.Recipe{}); err != nil {
		t.Fatal(err)
	}
	dependencies := len(b.Dependencies)
	if err := gobuild.Attach(b, info, gobuild.Recipe{}); err == nil || len(b.Dependencies) != dependencies || len(b.Byproducts) != 1 {
		t.Errorf("got %v, %d dependencies, %d byproducts", err, len(b.Dependencies), len(b.Byproducts))
	}
}
