package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// Every provenance in the corpus has a definition, whatever its version: it is
// equivalent to itself, run another time by another builder, and no longer if it
// is made of another commit. What is said of it is text, and no evidence.
func TestDefinitionCorpus(t *testing.T) {
	all := attestations(t, func(string, string) bool { return true })
	digests := make(map[hallmark.Digest]int)
	builds, sources := 0, 0
	for _, a := range all {
		s, err := provenance.Parse(a.payload)
		if err != nil {
			continue // judged elsewhere
		}
		e := s.Explain()
		text := e.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) || strings.Count(text, "\n") > 150 {
			t.Errorf("%s: %q", a.file, text)
		}
		for _, f := range e.Facts {
			if f.Evidence != provenance.NoEvidence {
				t.Errorf("%s: evidence %s for %s", a.file, f.Evidence, f.Path)
			}
		}
		b, err := provenance.ParseBuild(s)
		if err != nil {
			continue
		}
		builds++
		if level, _ := b.Level(); level != e.Level || level > 1 {
			t.Errorf("%s: level %d, explained as %d", a.file, level, e.Level)
		}
		if b.Builder != "" && !strings.Contains(text, "  "+b.Builder+"\n") {
			t.Errorf("%s: builder %s is not in\n%s", a.file, b.Builder, text)
		}

		digest, err := s.DefinitionDigest()
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		digests[digest]++
		edit := func(edit func(predicate map[string]any)) *provenance.Statement {
			var predicate map[string]any
			d := json.NewDecoder(bytes.NewReader(s.Predicate))
			d.UseNumber()
			if err := d.Decode(&predicate); err != nil {
				t.Fatal(err)
			}
			edit(predicate)
			data, err := json.Marshal(predicate)
			if err != nil {
				t.Fatal(err)
			}
			return &provenance.Statement{Subjects: s.Subjects, PredicateType: s.PredicateType, Predicate: data}
		}
		rerun := edit(func(p map[string]any) {
			run, old := p["runDetails"].(map[string]any)
			if !old {
				run = p
			}
			run["builder"] = map[string]any{"id": "https://example.com/rebuilder"}
			run["metadata"] = map[string]any{}
		})
		if ds, err := provenance.Equivalent(s, rerun); err != nil || len(ds) > 0 {
			t.Errorf("%s: another run: %v, %v", a.file, ds, err)
		}
		if d, err := rerun.DefinitionDigest(); err != nil || d != digest {
			t.Errorf("%s: another run: %v, %v", a.file, d, err)
		}

		source, _ := b.Source()
		if source.Commit.IsZero() {
			continue
		}
		sources++
		changed := &provenance.Statement{
			Subjects: s.Subjects, PredicateType: s.PredicateType,
			Predicate: bytes.ReplaceAll(s.Predicate, []byte(source.Commit.Hex()), []byte(strings.Repeat("0", len(source.Commit.Hex())))),
		}
		ds, err := provenance.Equivalent(s, changed)
		if err != nil || len(ds) == 0 || !strings.Contains(ds[len(ds)-1].String(), source.Commit.Hex()) {
			t.Errorf("%s: another commit: %v, %v", a.file, ds, err)
		}
	}
	if builds < 130 || sources < 15 {
		t.Errorf("%d builds, %d with a source, want 130 and 15", builds, sources)
	}
	t.Logf("%d builds, %d with a source, %d definitions", builds, sources, len(digests))
}

// Two runs of a workflow have one definition, and a linker flag is one
// difference, even where the platform's build type has no place for it.
func TestDefinitionOfRuns(t *testing.T) {
	run := func(id string, flags ...string) *provenance.Statement {
		claims := githubClaims(someCommit)
		claims.Values = maps.Clone(claims.Values)
		claims.Values["run_id"] = id
		b, err := github.Observe(githubEnvironment, claims)
		if err != nil {
			t.Fatal(err)
		}
		info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "github.com/octocat/hello"}
		if err := gobuild.Attach(b, info, gobuild.Recipe{Flags: flags}); err != nil {
			t.Fatal(err)
		}
		s, err := b.Statement(someArtifact(t))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := run("1", "-trimpath", "-ldflags=-s"), run("2", "-trimpath", "-ldflags=-s")
	if string(first.Predicate) == string(second.Predicate) {
		t.Fatal("both are the same run")
	}
	ds, err := provenance.Equivalent(first, second)
	if err != nil || ds != nil {
		t.Errorf("two runs differ: %v, %v", ds, err)
	}
	a, err := first.DefinitionDigest()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := second.DefinitionDigest(); err != nil || a != b {
		t.Errorf("digests %s and %s, %v", a, b, err)
	}

	ds, err = provenance.Equivalent(first, run("3", "-trimpath", "-ldflags=-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	want := []provenance.Difference{{
		Path: `$.predicate.runDetails.byproducts["` + gobuild.RecipeName + `"].content.flags[1]`, A: `"-ldflags=-s"`, B: `"-ldflags=-s -w"`,
	}}
	if !slices.Equal(ds, want) {
		t.Errorf("got %v, want %v", ds, want)
	}
}
