package release_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/release"
)

func digest(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// artifact returns one whose digest has the digit.
func artifact(t testing.TB, name, digit string) hallmark.Artifact {
	t.Helper()
	return hallmark.Artifact{Name: name, Digests: []hallmark.Digest{digest(t, "sha256:"+strings.Repeat(digit, 64))}}
}

// built returns a build of a tag and of the commit with the digit.
func built(t testing.TB, tag, digit string) *provenance.Build {
	t.Helper()
	return provenance.Local(provenance.Source{
		Repository: "https://example.com/r",
		Ref:        "refs/tags/" + tag,
		Commit:     digest(t, "gitCommit:"+strings.Repeat(digit, 40)),
	})
}

func bom(t testing.TB, version string) *provenance.SBOM {
	t.Helper()
	b, err := provenance.NewSBOM([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"application","name":"app","version":"` + version + `"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tested() *provenance.TestResult {
	return &provenance.TestResult{
		Result:        provenance.Passed,
		Configuration: []provenance.ResourceDescriptor{{Name: "go.mod", Digest: provenance.DigestSet{"sha256": strings.Repeat("9", 64)}}},
		Passed:        []string{"example.com/m.TestA"},
	}
}

func scanned() *provenance.Vulns {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return &provenance.Vulns{
		Scanner: provenance.Scanner{
			URI: release.GovulncheckURI, Version: "v1.1.4",
			DB:              provenance.VulnsDB{URI: "https://vuln.go.dev", LastUpdate: at},
			Vulnerabilities: []provenance.Vulnerability{},
		},
		Metadata: provenance.ScanMetadata{Started: at, Finished: at.Add(time.Minute)},
	}
}

// set returns a complete one: two programs and their checksums.
func set(t testing.TB) *release.Set {
	t.Helper()
	return &release.Set{
		Subjects: []hallmark.Artifact{artifact(t, "app", "a"), artifact(t, "tool", "b"), artifact(t, "checksums.txt", "c")},
		Build:    built(t, "v1.2.3", "1"),
		Steps: []release.Step{
			{Predicate: bom(t, "v1.2.3"), Of: []string{"app", "tool"}},
			{Predicate: tested()},
			{Predicate: scanned(), Of: []string{"app", "tool"}},
		},
		Rules: release.Rules{Exempt: map[string][]release.Kind{"checksums.txt": {release.SBOM, release.Scan}}},
	}
}

func statements(t testing.TB, s *release.Set) []*provenance.Statement {
	t.Helper()
	sts, err := s.Statements()
	if err != nil {
		t.Fatal(err)
	}
	return sts
}

func state(t testing.TB, p release.Predicate, subjects ...hallmark.Artifact) *provenance.Statement {
	t.Helper()
	s, err := p.Statement(subjects...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reread returns what a reader has of sts: what was written and parsed.
func reread(t testing.TB, sts []*provenance.Statement) []*provenance.Statement {
	t.Helper()
	var again []*provenance.Statement
	for _, s := range sts {
		b, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		r, err := provenance.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, r)
	}
	return again
}

func TestSet(t *testing.T) {
	s := set(t)
	sts := statements(t, s)
	var got []string
	for _, st := range sts {
		got = append(got, fmt.Sprint(release.KindOf(st.PredicateType), " of ", len(st.Subjects)))
	}
	want := []string{"provenance of 3", "SBOM of 2", "test result of 3", "vulnerability scan of 2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(s.Build.Byproducts) != 0 {
		t.Error("the caller's build was changed")
	}
	b, err := provenance.ParseBuild(sts[0])
	if err != nil || len(b.Byproducts) != 3 {
		t.Fatalf("%v %v", b, err)
	}
	if r := release.Check(reread(t, sts), s.Subjects, s.Rules); !r.OK() || r.String() != "the release is complete\n" {
		t.Errorf("what was written and read again:\n%s", r)
	}
}

// The same set in any order gives the same bytes.
func TestSetOrder(t *testing.T) {
	s := &release.Set{Build: built(t, "v1.2.3", "1"), Steps: []release.Step{{Predicate: bom(t, "1.2.3")}, {Predicate: tested()}}}
	for i := range 1500 {
		s.Subjects = append(s.Subjects, hallmark.Artifact{Name: fmt.Sprint("f", i), Digests: []hallmark.Digest{digest(t, fmt.Sprintf("sha256:%064x", i))}})
	}
	all := func() string {
		var b strings.Builder
		for _, st := range statements(t, s) {
			line, err := st.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", line)
		}
		return b.String()
	}
	want := all()
	if n := strings.Count(want, "\n"); n != 6 {
		t.Errorf("%d statements, want 2 of each", n)
	}
	r := rand.New(rand.NewSource(1))
	for range 10 {
		r.Shuffle(len(s.Subjects), func(i, j int) { s.Subjects[i], s.Subjects[j] = s.Subjects[j], s.Subjects[i] })
		if all() != want {
			t.Fatal("the order of the subjects shows")
		}
	}
}

// broken is a predicate that does not say what it is asked for.
type broken struct{ p release.Predicate }

func (b broken) Statement(subjects ...hallmark.Artifact) (*provenance.Statement, error) {
	if b.p == nil {
		return nil, errors.New("broken")
	}
	s, err := b.p.Statement(subjects...)
	if err == nil {
		s.Subjects = append(s.Subjects, s.Subjects...)
	}
	return s, err
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*release.Set)
		want   string
	}{
		{"no subjects", func(s *release.Set) { s.Subjects = nil }, "no subjects"},
		{"no build", func(s *release.Set) { s.Build = nil }, "no build"},
		{"no builder", func(s *release.Set) { s.Build.Builder = "" }, "the builder is not known"},
		{"one name twice", func(s *release.Set) { s.Subjects[1].Name = "app" }, "want one of its own"},
		{"no name", func(s *release.Set) { s.Subjects[1].Name = "" }, "want one of its own"},
		{"no digest", func(s *release.Set) { s.Subjects[1].Digests = nil }, "needs a digest"},
		{"no predicate", func(s *release.Set) { s.Steps[1].Predicate = nil }, "step 1: no predicate"},
		{"a predicate that fails", func(s *release.Set) { s.Steps[1].Predicate = broken{} }, "step 1: broken"},
		{"a predicate about more", func(s *release.Set) { s.Steps[1].Predicate = broken{tested()} }, "step 1: a statement about 2 subjects"},
		{"a test result without a result", func(s *release.Set) { s.Steps[1].Predicate = &provenance.TestResult{} }, "want PASSED, WARNED or FAILED"},
		{"another name", func(s *release.Set) { s.Steps[0].Of = []string{"apps"} }, `no subject is named "apps"`},
		{"no SBOM of one", func(s *release.Set) { s.Steps[0].Of = []string{"app"} }, `missing: "tool" has no SBOM`},
		{"no exemption", func(s *release.Set) { s.Rules.Exempt = nil }, `missing: "checksums.txt" has no vulnerability scan`},
		{"a Kind that none has", func(s *release.Set) { s.Rules.Needs = []release.Kind{"https://example.com/review"} }, `"app" has no https://example.com/review`},
		{"another version", func(s *release.Set) { s.Build = built(t, "v1.2.4", "1") }, "versions: the statements are of 2 versions: 1.2.3 (an SBOM); 1.2.4 (the tag of the provenance)"},
	} {
		s := set(t)
		c.change(s)
		sts, err := s.Statements()
		if err == nil || !strings.Contains(err.Error(), c.want) || sts != nil {
			t.Errorf("%s: got %v and %d statements, want %s", c.name, err, len(sts), c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	app, tool, sums := artifact(t, "app", "a"), artifact(t, "tool", "b"), artifact(t, "checksums.txt", "c")
	other := artifact(t, "other", "d")
	both := hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{app.Digests[0], digest(t, "sha512:"+strings.Repeat("a", 128))}}
	wrong := both
	wrong.Digests = []hallmark.Digest{app.Digests[0], digest(t, "sha512:"+strings.Repeat("b", 128))}
	again := built(t, "v1.2.3", "1")
	again.Invocation = "https://example.com/runs/2"
	again.Started = time.Unix(0, 0)
	flags := built(t, "v1.2.3", "1")
	flags.External["flags"] = "-race"
	spdx, err := provenance.NewSBOM([]byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-a"],
		"packages":[{"SPDXID":"SPDXRef-b","versionInfo":"9"},{"SPDXID":"SPDXRef-a","versionInfo":"1.2.4"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	spdx2, err := provenance.NewSBOM([]byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT",
		"packages":[{"SPDXID":"SPDXRef-b","versionInfo":"9"},{"SPDXID":"SPDXRef-a","versionInfo":"v1.2.5"}],
		"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-b"},
			{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	spdx3, err := provenance.NewSBOM([]byte(`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
		{"type":"SpdxDocument","spdxId":"urn:d","rootElement":["urn:a"]},{"type":"software_Package","spdxId":"urn:a","software_packageVersion":"1.2.6"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	spdx0, err := provenance.NewSBOM([]byte(`{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT","documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","versionInfo":""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	byproduct := built(t, "v1.2.3", "1")
	byproduct.Byproducts = []provenance.ResourceDescriptor{{
		Name: "log", MediaType: "text/plain", Digest: provenance.DigestSet{"sha256": strings.Repeat("8", 64)},
		Annotations: map[string]any{"predicateType": provenance.TestResultType},
	}}
	rel := &provenance.Release{PURL: "pkg:golang/example.com/r@v1.2.7"}

	type sts = []*provenance.Statement
	for _, c := range []struct {
		name     string
		change   func(sts) sts
		subjects []hallmark.Artifact
		want     []string
	}{
		{"an artifact without anything", nil, []hallmark.Artifact{app, tool, sums, other}, []string{
			`missing: "other" has no SBOM`,
			`missing: "other" has no provenance`,
			`missing: "other" has no test result`,
			`missing: "other" has no vulnerability scan`,
		}},
		{"statements without their artifact", nil, []hallmark.Artifact{app, sums}, []string{
			`extra: SBOM of "tool" (sha256:` + strings.Repeat("b", 64) + `), which is not in the release`,
			`extra: provenance of "tool" (sha256:` + strings.Repeat("b", 64) + `), which is not in the release`,
			`extra: test result of "tool" (sha256:` + strings.Repeat("b", 64) + `), which is not in the release`,
			`extra: vulnerability scan of "tool" (sha256:` + strings.Repeat("b", 64) + `), which is not in the release`,
		}},
		{"no provenance", func(s sts) sts { return s[1:] }, nil, []string{
			`missing: "app" has no provenance`, `missing: "checksums.txt" has no provenance`, `missing: "tool" has no provenance`,
		}},
		{"no test result", func(s sts) sts { return slices.Delete(s, 2, 3) }, nil, []string{
			`missing: the provenance names a statement (test result, sha256:…) that is not there`,
		}},
		{"an SBOM exchanged", func(s sts) sts { s[1] = state(t, bom(t, "1.2.3"), app, tool); return s }, nil, []string{
			`missing: the provenance names a statement (SBOM, sha256:…) that is not there`,
		}},
		{"an SBOM about another digest", func(s sts) sts {
			return append(s, state(t, bom(t, "v1.2.3"), artifact(t, "app", "e")))
		}, nil, []string{
			`mismatch: SBOM of "app" is about sha256:` + strings.Repeat("e", 64) + `, the artifact is sha256:` + strings.Repeat("a", 64),
		}},
		{"one digest right and one wrong", func(s sts) sts {
			return append(s, state(t, tested(), wrong))
		}, []hallmark.Artifact{both, tool, sums}, []string{
			`mismatch: test result of "app" has its digest sha256:` + strings.Repeat("a", 64) + ` and another one, sha512:` + strings.Repeat("b", 128) + `, want sha512:` + strings.Repeat("a", 128),
		}},
		{"a test result of the source", func(s sts) sts {
			return append(s, state(t, tested(), hallmark.Artifact{Name: "source", Digests: []hallmark.Digest{digest(t, "gitCommit:"+strings.Repeat("1", 40)), digest(t, "sha256:"+strings.Repeat("7", 64))}}))
		}, nil, nil},
		{"a test result of another source", func(s sts) sts {
			return append(s, state(t, tested(), hallmark.Artifact{Digests: []hallmark.Digest{digest(t, "gitCommit:"+strings.Repeat("2", 40)), digest(t, "sha256:"+strings.Repeat("7", 64))}}))
		}, nil, []string{
			`extra: test result of "" (gitCommit:` + strings.Repeat("2", 40) + `, sha256:` + strings.Repeat("7", 64) + `), which is not in the release`,
		}},
		{"a version that go calls incompatible", func(s sts) sts {
			return append(s, state(t, &provenance.Release{PURL: "pkg:golang/example.com/r@v1.2.3%2Bincompatible"}, app, tool, sums))
		}, nil, nil},
		{"a version that is empty", func(s sts) sts { return append(s, state(t, spdx0, app)) }, nil, nil},
		{"one thing wrong twice", func(s sts) sts { return append(s, state(t, tested(), other), state(t, tested(), other)) }, nil, []string{
			`extra: test result of "other" (sha256:` + strings.Repeat("d", 64) + `), which is not in the release`,
		}},
		{"a byproduct that is no statement", func(s sts) sts { return append(s, state(t, byproduct, app)) }, nil, nil},
		{"another name for the digest", func(s sts) sts { return append(s, state(t, tested(), artifact(t, "renamed", "a"))) }, nil, nil},
		{"a second run of the build", func(s sts) sts { return append(s, state(t, again, app)) }, nil, nil},
		{"a build of another commit", func(s sts) sts { return append(s, state(t, built(t, "v1.2.3", "2"), app)) }, nil, []string{
			`differs: two builds of "app" differ: …`,
			`versions: the artifacts were built from 2 commits of https://example.com/r: ` + strings.Repeat("1", 40) + ", " + strings.Repeat("2", 40),
		}},
		{"a build with other parameters", func(s sts) sts { return append(s, state(t, flags, app, tool)) }, nil, []string{
			`differs: two builds of "app" differ: …`, `differs: two builds of "tool" differ: …`,
		}},
		{"another SBOM of one type", func(s sts) sts { return append(s, state(t, bom(t, "1.2.3"), app)) }, nil, []string{
			`differs: two SBOMs of "app" with the type https://cyclonedx.org/bom differ`,
		}},
		{"versions", func(s sts) sts {
			return append(s, state(t, spdx, app, tool), state(t, spdx2, app), state(t, spdx3, app, tool, sums), state(t, rel, app, tool, sums))
		}, nil, []string{
			`differs: two SBOMs of "app" with the type https://spdx.dev/Document/v2.3 differ`,
			`versions: the statements are of 5 versions: 1.2.3 (an SBOM, the tag of the provenance); 1.2.4 (an SBOM); 1.2.5 (an SBOM); 1.2.6 (an SBOM); 1.2.7 (the release)`,
		}},
		{"a statement that is invalid", func(s sts) sts {
			s[2] = &provenance.Statement{Subjects: s[2].Subjects, PredicateType: s[2].PredicateType, Predicate: json.RawMessage(`{"result":"MAYBE"}`)}
			return s
		}, nil, []string{
			`invalid: test result: $.predicate.configuration: missing`,
			`invalid: test result: $.predicate.result: "MAYBE", want PASSED, WARNED or FAILED`,
			`missing: the provenance names a statement (test result, sha256:…) that is not there`,
		}},
		{"a name twice and no digest", nil, []hallmark.Artifact{app, tool, sums, {Name: "app", Digests: app.Digests}, {Name: "md5", Digests: []hallmark.Digest{digest(t, "md5:"+strings.Repeat("a", 32))}}}, []string{
			`invalid: an artifact has the name "app", want one of its own`,
			`invalid: artifact "md5" has no digest by which it can be found`,
			`missing: "md5" has no SBOM`, `missing: "md5" has no provenance`, `missing: "md5" has no test result`, `missing: "md5" has no vulnerability scan`,
		}},
	} {
		s := set(t)
		all := statements(t, s)
		if c.change != nil {
			all = c.change(all)
		}
		subjects := s.Subjects
		if c.subjects != nil {
			subjects = c.subjects
		}
		r := release.Check(all, subjects, s.Rules)
		var got []string
		for i, f := range r.Findings {
			line := f.String()
			// What is told by … is not compared.
			if i < len(c.want) {
				if before, after, ok := strings.Cut(c.want[i], "…"); ok && strings.HasPrefix(line, before) && strings.HasSuffix(line, after) {
					line = c.want[i]
				}
			}
			got = append(got, line)
		}
		if !slices.Equal(got, c.want) || r.OK() != (len(c.want) == 0) {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", c.name, strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
		}
		// The order of what is checked does not show.
		random := rand.New(rand.NewSource(1))
		for range 5 {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			subjects = slices.Clone(subjects)
			random.Shuffle(len(subjects), func(i, j int) { subjects[i], subjects[j] = subjects[j], subjects[i] })
			if shuffled := release.Check(all, subjects, s.Rules); shuffled.String() != r.String() {
				t.Errorf("%s: in another order:\n%swant\n%s", c.name, shuffled, r)
			}
		}
	}
}

// Nothing is exempt from provenance.
func TestCheckExempt(t *testing.T) {
	subjects := []hallmark.Artifact{artifact(t, "app", "a")}
	r := release.Check(nil, subjects, release.Rules{
		Needs:  []release.Kind{release.SBOM, release.Scan},
		Exempt: map[string][]release.Kind{"app": {release.Provenance, release.Scan}},
	})
	want := []release.Finding{
		{Fault: release.Missing, Kind: release.SBOM, Artifact: "app", Text: `"app" has no SBOM`},
		{Fault: release.Missing, Kind: release.Provenance, Artifact: "app", Text: `"app" has no provenance`},
	}
	if !slices.Equal(r.Findings, want) {
		t.Errorf("got %v", r.Findings)
	}
}

func TestReportString(t *testing.T) {
	var subjects []hallmark.Artifact
	for i := range 25 {
		subjects = append(subjects, hallmark.Artifact{Name: fmt.Sprintf("f%02d", i), Digests: []hallmark.Digest{digest(t, fmt.Sprintf("sha256:%064x", i))}})
	}
	lines := strings.Split(release.Check(nil, subjects, release.Rules{}).String(), "\n")
	if len(lines) != 22 || lines[19] != `missing: "f19" has no provenance` || lines[20] != "missing: and 5 more" {
		t.Errorf("got %q", lines)
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		predicateType string
		want          release.Kind
	}{
		{"https://slsa.dev/provenance/v1", release.Provenance},
		{"https://slsa.dev/provenance/v0.2", release.Provenance},
		{"https://cyclonedx.org/bom", release.SBOM},
		{"https://cyclonedx.org/bom/v1.4", release.SBOM},
		{"https://spdx.dev/Document/v3", release.SBOM},
		{"https://spdx.dev/Documents", "https://spdx.dev/Documents"},
		{"https://in-toto.io/attestation/vulns/v0.1", release.Scan},
		{"https://cosign.sigstore.dev/attestation/vuln/v1", release.Scan},
		{"https://in-toto.io/attestation/test-result/v0.1", release.TestResult},
		{"https://example.com/x", "https://example.com/x"},
	} {
		if got := release.KindOf(c.predicateType); got != c.want {
			t.Errorf("%s: got %q, want %q", c.predicateType, got, c.want)
		}
	}
}

// P6: linear in the number of artifacts.
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		s := &release.Set{Build: built(b, "v1.2.3", "1"), Steps: []release.Step{{Predicate: bom(b, "1.2.3")}, {Predicate: tested()}, {Predicate: scanned()}}}
		for i := range n {
			s.Subjects = append(s.Subjects, hallmark.Artifact{Name: fmt.Sprint("f", i), Digests: []hallmark.Digest{digest(b, fmt.Sprintf("sha256:%064x", i))}})
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Statements(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/artifact")
		})
	}
}
