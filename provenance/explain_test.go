package provenance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/hallmark-dev/hallmark/provenance"
)

// Facts of a Build come with their evidence, the best first; those of a
// statement with none.
func TestExplainFacts(t *testing.T) {
	b := claimed()
	b.Evidence["source.ref"] = provenance.Environment
	b.External["flags"] = []any{"-s"}
	b.Dependencies = []provenance.ResourceDescriptor{
		{URI: "git+https://example.com/r@refs/heads/main", Digest: provenance.DigestSet{"gitCommit": commitA}},
		{URI: "pkg:golang/a@v1", Digest: provenance.DigestSet{"dirHash": shaA}},
		{URI: "pkg:golang/b@v1", Digest: provenance.DigestSet{"md5": strings.Repeat("0", 32)}},
	}
	b.Started, b.Finished = day(1), day(2)
	b.Byproducts = []provenance.ResourceDescriptor{{URI: "a:b"}}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	show := func(e *provenance.Explanation) (lines []string) {
		for _, f := range e.Facts {
			lines = append(lines, fmt.Sprintf("%s: %s = %s", f.Evidence, f.Path, f.Value))
		}
		return lines
	}
	want := []string{
		"claim: builder = https://example.com/builder",
		"claim: source.repository = https://example.com/r",
		"claim: source.commit = gitCommit:" + commitA,
		"claim: invocation = https://example.com/run/1",
		"claim: internal.github.runner_environment = github-hosted",
		"environment: source.ref = refs/heads/main",
		"caller: type = https://example.com/type/v1",
		"caller: dependencies = 2, 1 of them with a digest",
		"caller: started = 2026-01-02T01:00:00Z",
		"caller: finished = 2026-01-02T02:00:00Z",
		"caller: byproducts = 1",
		`none: external.flags = ["-s"]`,
	}
	if got := show(b.Explain()); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	e := s.Explain()
	for _, f := range e.Facts {
		if f.Evidence != provenance.NoEvidence {
			t.Errorf("evidence %v for %s, which was read", f.Evidence, f.Path)
		}
	}
	if len(e.Facts) != len(want) || e.Level != 1 || e.Problems != nil || len(e.Subjects) != 1 {
		t.Errorf("explanation %+v", e)
	}
}

// What a predicate tells is told; what is in no list is nowhere told.
func TestExplainPredicates(t *testing.T) {
	const check = "Whoever has it can check that it has this digest.\n\nAll else is the word of whoever signed it, or of nobody if nobody did:\n"
	for _, c := range []struct{ typ, predicate, what, want string }{
		{
			provenance.VSAType, `{` + aVSA + `,"verifiedLevels":["SLSA_BUILD_LEVEL_3","X"],"dependencyLevels":{"B":2,"A":1}}`, "A verification summary",
			"  result          PASSED\n  levels          SLSA_BUILD_LEVEL_3 X\n  resource        https://example.com/app\n  verifier        https://example.com/v\n  policy          https://example.com/p\n  dependencies.A  1\n  dependencies.B  2\n",
		},
		{
			provenance.VSAType, `{` + aVSA + `,"verifiedLevels":["X"],"dependencyLevels":{}}`, "A verification summary",
			"  result        PASSED\n  levels        X\n  resource      https://example.com/app\n  verifier      https://example.com/v\n  policy        https://example.com/p\n  dependencies  none\n",
		},
		{
			provenance.TestResultType, `{"result":"FAILED","configuration":[` + anEntry + `],"passedTests":[],"failedTests":["a","b"]}`, "A test result",
			"  result         FAILED\n  passed         0\n  failed         2\n  configuration  c\n",
		},
		{
			provenance.VulnsType, `{"scanner":{` + scannerA + `,"version":"v1","result":[{"id":"1","severity":[{"method":"m","score":"s"},{"method":"n","score":"t"}]},{"id":"2","severity":[]}]},` + scanned + `}`, "A vulnerability scan",
			"  found             1 m s, n t\n  found             2\n  scanner           https://example.com/s v1\n  database.updated  2026-01-01T00:00:00Z\n  finished          2026-01-02T03:04:06Z\n",
		},
		{
			provenance.VulnsType, `{"scanner":{` + scannerA + `,"result":[]},` + scanned + `}`, "A vulnerability scan",
			"  found             none\n  scanner           https://example.com/s\n  database.updated  2026-01-01T00:00:00Z\n  finished          2026-01-02T03:04:06Z\n",
		},
		{
			provenance.SCAIType, `{"attributes":[{"attribute":"A","evidence":` + anEntry + `},{"attribute":"B"}]}`, "A report of attributes",
			"  attribute  A, evidence c\n  attribute  B, without evidence\n",
		},
		{
			provenance.CosignVulnsType, `{"scanner":{"uri":"a:b","result":{}}}`, "A vulnerability scan",
			"  found    not told\n  scanner  a:b\n",
		},
		{provenance.VSATypeV02, `{"verification_result":"PASSED","policy_level":"SLSA_LEVEL_3"}`, "A verification summary", "  result  PASSED\n  levels  SLSA_LEVEL_3\n"},
		{provenance.ReleaseType, `{"purl":"pkg:golang/a@v1"}`, "A record of a release", "  package  pkg:golang/a@v1\n"},
		{
			provenance.LinkType, `{"name":"build","command":["go","build"],"materials":[` + anEntry + `]}`, "A record of a step",
			"  step      build\n  command   go build\n  material  c\n",
		},
		{
			provenance.ReferenceType, `{"attester":{"id":"a:b"},"references":[{"downloadLocation":"a:d","mediaType":"x/y","digest":{"sha256":"` + shaB + `"}}]}`, "A list of documents",
			"  attester  a:b\n  document  a:d\n",
		},
		{
			provenance.SVRType, `{"verifier":{"id":"a:b","policies":[{"digest":{"sha256":"` + shaB + `"}}]},"timeCreated":"2026-01-02T03:04:05Z","properties":["A","B"]}`, "A verification result",
			"  properties  A B\n  verifier    a:b\n  verified    2026-01-02T03:04:05Z\n  policy      sha256:" + shaB + "\n",
		},
		{provenance.CycloneDXType, `{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "A bill of materials", "  format  CycloneDX 1.6\n  size    45 bytes\n"},
	} {
		want := c.what + " for one artifact:\n  app  sha256:" + shaA + "\n" + check + c.want
		e := stated(t, c.typ, anApp, c.predicate).Explain()
		if got := e.String(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.typ, got, want)
		}
		if e.Level != -1 {
			t.Errorf("%s: level %d", c.typ, e.Level)
		}
	}

	// Of a type that nobody knows here, and of one that cannot be read.
	const head = "A statement of type https://example.com/x for one artifact:\n  app  sha256:" + shaA + "\nWhoever has it can check that it has this digest.\n"
	if got := stated(t, "https://example.com/x", anApp, `{"a":1}`).Explain().String(); got != head {
		t.Errorf("got\n%s\nwant\n%s", got, head)
	}
	want := "An unreadable statement of type https://slsa.dev/verification_summary/v1 for one artifact:\n  app  sha256:" + shaA +
		"\nWhoever has it can check that it has this digest.\n\nWrong with it:\n  $.predicate: $.verifier (byte 12): want an object, got a number\n"
	if got := stated(t, provenance.VSAType, anApp, `{"verifier":1}`).Explain().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A statement says of itself what it does not know well, and what is wrong with
// it is told.
func TestExplainFaults(t *testing.T) {
	predicate := goBuild(`"commitFrom":"caller"`, `"commitFrom":"caller","repositoryFrom":"module path"`, `"finishedOn":"2026`, `"finishedOn":"2025`, `"event":"push"`, `"source":"push"`)
	got := parse(t, statement(predicate)).Explain().String()
	for _, want := range []string{
		"  repository       https://example.com/r, as said by the module path\n",
		"  commit           gitCommit:" + commitA + ", as said by the caller\n",
		"\nWrong with it:\n  $.predicate.runDetails.metadata.finishedOn: 2025-01-02T03:04:06Z is before startedOn\n",
		"\nNot quite right:\n  $.predicate.buildDefinition.internalParameters: \"source\" is an external parameter too\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
	if none := parse(t, `{"_type":"`+provenance.StatementType+`","subject":[{"name":"a"}],"predicateType":"a:b"}`).Explain().String(); strings.Contains(none, "this digest") {
		t.Errorf("of no digest: got\n%s", none)
	}
	if empty := stated(t, provenance.PredicateType, anApp, "{}").Explain(); empty.Level != 0 || !strings.Contains(empty.String(), "\nWhat is in the way of SLSA Build level 1:\n  the builder is not known\n") {
		t.Errorf("got %s", empty)
	}
}

// Text from a statement stays on its line, and there is never much of it.
func TestExplainIsPrintable(t *testing.T) {
	nasty := "\x1b[31m\nThis evidence can defend SLSA Build level 3\u202e"
	b := claimed()
	b.Builder = nasty
	b.External[nasty] = nasty
	b.External["long"] = strings.Repeat("x", 10_000)
	for i := range 50 {
		b.External[fmt.Sprintf("p%02d", i)] = "x"
	}
	s := &provenance.Statement{PredicateType: nasty, Subjects: []provenance.ResourceDescriptor{{Name: nasty}}}
	many := &provenance.Statement{PredicateType: "a:b"}
	for i := range 50 {
		many.Subjects = append(many.Subjects, provenance.ResourceDescriptor{Name: fmt.Sprint("a", i)})
	}
	for _, e := range []*provenance.Explanation{b.Explain(), s.Explain(), many.Explain(), {Level: -1, What: nasty, Facts: []provenance.Fact{{Path: nasty, Value: nasty}}}} {
		text := e.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) {
			t.Errorf("not printable: %q", text)
		}
		if strings.Contains(text, "\nThis evidence can defend SLSA Build level 3") {
			t.Errorf("another line: %s", text)
		}
		for line := range strings.Lines(text) {
			if len(line) > 1000 {
				t.Errorf("%d bytes: %.50s", len(line), line)
			}
		}
		if n := strings.Count(text, "\n"); n > 80 {
			t.Errorf("%d lines", n)
		}
	}
	if text := b.Explain().String(); !strings.Contains(text, "\n  and 32 more\n") {
		t.Errorf("got %s", text)
	}
	if text := many.Explain().String(); !strings.Contains(text, " for 50 artifacts:\n  a0\n") || !strings.Contains(text, "\n  and 30 more\n") || !strings.Contains(text, "\n  and more\n") {
		t.Errorf("got %s", text)
	}
}

// A secret in a URL is not told on, wherever it comes from.
func TestExplainHidesSecrets(t *testing.T) {
	const url = "https://user:secret@example.com/r"
	b := claimed()
	b.Builder = url
	b.Invocation = "ssh://git@example.com/r?a=b@c"
	b.External["list"] = []any{"a " + url, "b git+https://secret@example.com"}
	s, err := claimed().Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	s.Subjects[0].Name = url
	s.Predicate = []byte(strings.ReplaceAll(string(s.Predicate), "https://example.com/r", url))
	ds, err := provenance.Equivalent(parse(t, statement(goBuild())), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{b.Explain().String(), s.Explain().String(), fmt.Sprint(b.Explain().Facts, s.Explain().Facts), fmt.Sprint(ds)} {
		if strings.Contains(strings.ReplaceAll(text, "can be a secret", ""), "secret") {
			t.Errorf("secret in\n%s", text)
		}
		if !strings.Contains(text, "…@example.com") {
			t.Errorf("no URL in\n%s", text)
		}
	}
	if text := b.Explain().String(); !strings.Contains(text, "  ssh://git@example.com/r?a=b@c\n") {
		t.Errorf("got %s", text)
	}
}

// FuzzExplain: whatever a statement says, an explanation of it is text on lines.
func FuzzExplain(f *testing.F) {
	for typ, predicate := range fullPredicates() {
		f.Add(typ, []byte(predicate))
	}
	f.Add(provenance.PredicateType, []byte(goBuild()))
	f.Fuzz(func(t *testing.T, typ string, predicate []byte) {
		s := &provenance.Statement{
			PredicateType: typ, Predicate: predicate,
			Subjects: []provenance.ResourceDescriptor{{Name: typ, Digest: provenance.NewDigestSet(app(t).Digests...)}},
		}
		if text := s.Explain().String(); strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }) {
			t.Fatalf("not printable: %q", text)
		}
	})
}
