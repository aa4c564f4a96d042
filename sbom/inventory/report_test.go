package inventory

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
	"github.com/hallmark-dev/hallmark/verify"
)

// aReport is a Report that has everything once.
func aReport() *Report {
	at := func(day int) time.Time { return time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC) }
	artifact := func(name string, n int) ReportArtifact {
		return ReportArtifact{name, []hallmark.Digest{numbered(n)}}
	}
	commit, err := hallmark.ParseDigest("gitCommit:" + strings.Repeat("c", 40))
	if err != nil {
		panic(err)
	}
	build := ReportBuild{
		"https://git.example.org/base", commit, "refs/heads/main", ".github/workflows/release.yml", "https://ci.example.org/builder@refs/tags/v1",
		"https://git.example.org/base/runs/7", at(1),
	}
	return &Report{
		Version: 1,
		At:      at(9),
		Cause: ReportCause{
			Kind:     CauseAdvisory,
			Advisory: &ReportAdvisory{"GO-2026-0001", []string{"CVE-2026-1"}, []string{"pkg:golang/example.com/x"}, "x does too much", at(8)},
			Of:       &ReportFilter{Builder: "https://ci.example.org/builder", After: at(1), Deployed: true},
		},
		Policy: numbered(99),
		Counts: ReportCounts{
			Asked: 7, Affected: 2, Doubtful: 1, Unknown: 1, Trusted: 1, Accepted: 1, Rejected: 1, Dependents: 1,
			Running: 2, Environments: 1, Services: 1, Ran: 1, Strangers: 2, Steps: 3, Rounds: 2,
		},
		Affected: []ReportAffected{{
			Artifact: artifact("base", 1), Build: build, Signers: []string{"release@example.org"}, Running: true,
			Trust: ReportTrust{Trusted: true, Text: "accepted", Verdict: verify.Accepted, Contents: Attested, Policy: numbered(99), At: at(2), Exceptions: 1},
			Components: []ReportComponent{
				{Version: "v1.2.3", PURL: "pkg:golang/example.com/x@v1.2.3", Path: []string{"base", "pkg:golang/example.com/y@v1.0.0", "pkg:golang/example.com/x@v1.2.3"}, Fixed: "v1.2.4"},
			},
			Gaps: []string{"it is not known what is linked by cgo"},
		}, {
			Artifact: artifact("base", 2), Doubtful: true, More: 3,
			Trust:      ReportTrust{Text: "rejected, SBOM not attested", Verdict: verify.Rejected, Contents: Unattested, Reasons: []string{"the builder is another one"}},
			Components: []ReportComponent{{Name: "x", Version: "v1", Doubt: "it has no package URL"}},
		}},
		Others: []ReportOther{
			{Artifact: artifact("a", 11), Status: StatusAbsent},
			{Artifact: artifact("b", 12), Status: StatusFixed, Components: []ReportComponent{{Version: "v1.2.5", PURL: "pkg:golang/example.com/x@v1.2.5"}}},
			{Artifact: artifact("c", 13), Status: StatusNotLinked, Components: []ReportComponent{{Version: "v1.2.0", PURL: "pkg:golang/example.com/x@v1.2.0"}}},
			{Artifact: artifact("d", 14), Status: StatusOutside, Components: []ReportComponent{{Version: "v1.0.0", PURL: "pkg:golang/example.com/x@v1.0.0"}}},
			{Artifact: artifact("e", 15), Status: StatusUnknown, Why: "it has no SBOM"},
		},
		Dependents: []ReportDependent{{
			Artifact: artifact("web\x1b[2J", 3), Build: build, Trust: ReportTrust{Text: "nobody has decided, no SBOM", Contents: NoSBOM},
			Inputs: []hallmark.Digest{numbered(1)}, Running: true,
		}},
		Deployments: []ReportDeployment{
			{Digest: numbered(1), Name: "base", Environment: "production", Service: "shop/base", From: at(3)},
			{Digest: numbered(3), Name: "web\x1b[2J", Dependent: true, Environment: "production", Service: "shop/web", From: at(3), To: at(4)},
		},
		Environments: []ReportEnvironment{{"production", at(9)}, {Name: "staging"}},
		Rebuild: []ReportStep{
			{Round: 1, Artifact: artifact("base", 1), Build: build, Affected: true, Updates: []ReportUpdate{{"pkg:golang/example.com/x@v1.2.3", "v1.2.3", "v1.2.4"}}},
			{Round: 1, Artifact: artifact("base", 2), Affected: true, Circle: []hallmark.Digest{numbered(3)}},
			{Round: 2, Artifact: artifact("web\x1b[2J", 3), Build: build, After: []hallmark.Digest{numbered(1)}},
		},
		Incomplete: []string{`Of the environment "staging" it is known what was deployed, and not what else runs there.`},
	}
}

func TestReportText(t *testing.T) {
	const want = `GO-2026-0001, CVE-2026-1: x does too much; artifacts by the builder https://ci.example.org/builder, built since 2026-03-01T12:00:00Z, that run, asked at 2026-03-09T12:00:00Z
  affected: 2 of 7 artifacts, 1 of them in doubt; of 1 more it cannot be told; 1 artifact took them in
  trusted: 1; verdicts: 1 accepted, 1 rejected, 0 undecided, 0 of which nobody has decided, by the policy sha256:0000000000000000000000000000000000000000000000000000000000000099
  running now: 2 artifacts, in 1 environment, as 1 service; 1 more ran
  to rebuild: 3 artifacts in 2 rounds

Affected
  base sha256:000000000000: accepted, runs
    pkg:golang/example.com/x@v1.2.3, fixed in v1.2.4, by pkg:golang/example.com/y@v1.0.0
  base sha256:000000000000: rejected, SBOM not attested
    x v1; in doubt: it has no package URL

Took in what is affected
  "web\x1b[2J" sha256:000000000000: nobody has decided, no SBOM, runs

Deployments
  production shop/base: base sha256:000000000000, from 2026-03-03T12:00:00Z
  production shop/web: "web\x1b[2J" sha256:000000000000, from 2026-03-03T12:00:00Z, until 2026-03-04T12:00:00Z

Rebuild
  1. base sha256:000000000000 from https://git.example.org/base, commit cccccccccccccccccccccccccccccccccccccccc, by .github/workflows/release.yml
    update pkg:golang/example.com/x@v1.2.3 to v1.2.4
  1. base sha256:000000000000
    in a circle with "web\x1b[2J"
  2. "web\x1b[2J" sha256:000000000000 from https://git.example.org/base, commit cccccccccccccccccccccccccccccccccccccccc, by .github/workflows/release.yml
    after base

Cannot be told
  Of the environment "staging" it is known what was deployed, and not what else runs there.`
	if got := aReport().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// Long lists are told by their beginnings.
	r := aReport()
	for len(r.Affected) < 30 {
		r.Affected = append(r.Affected, r.Affected[0])
	}
	r.Counts.Affected, r.Unlisted = 100, map[string]int{"affected": 70, "deployments": 5}
	text := r.String()
	if strings.Count(text, "fixed in") != 19 || !strings.Contains(text, "\n  and 80 more\n") {
		t.Errorf("a long one:\n%s", text)
	}
}

// What was written is read, and nothing else.
func TestParseReport(t *testing.T) {
	r := aReport()
	data, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseReport(data)
	if err != nil {
		t.Fatal(err)
	}
	if twice, err := again.Marshal(); err != nil || !bytes.Equal(twice, data) || again.String() != r.String() {
		t.Errorf("%v\n%s\n%s", err, data, twice)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, data, "", "\t"); err != nil {
		t.Fatal(err)
	}
	if _, err := ParseReport(indented.Bytes()); err != nil {
		t.Errorf("indented: %v", err)
	}

	for _, tt := range []struct{ name, old, new, want string }{
		{"no JSON", `{"version"`, `{version`, "malformed report: "},
		{"a member twice", `"version":1`, `"version":1,"version":1`, "version"},
		{"an unknown member", `"version":1`, `"version":1,"more":2`, `want "`},
		{"another case", `"cause"`, `"Cause"`, `want "`},
		{"another order", `{"version":1,"at":"2026-03-09T12:00:00Z"`, `{"at":"2026-03-09T12:00:00Z","version":1`, `want "`},
		{"another version", `"version":1`, `"version":2`, "$.version: 2, want 1"},
		{"no time", `"at":"2026-03-09T12:00:00Z",`, ``, "$.at: "},
		{"a time of somewhere", `"at":"2026-03-09T12:00:00Z"`, `"at":"2026-03-09T13:00:00+01:00"`, "want a time in UTC"},
		{"another form of a time", `"told":"2026-03-09T12:00:00Z"`, `"told":"2026-03-09T12:00:00.0Z"`, `want "`},
		{"no digest", `"digests":["sha256:` + numbered(1).Hex() + `"]`, `"digests":[]`, "$.affected[0].artifact.digests: none"},
		{"a malformed digest", numbered(1).String(), "sha256:1", "malformed digest"},
		{"a weak digest", `"digests":["` + numbered(2).String(), `"digests":["sha1:` + strings.Repeat("a", 40), "none by which it is identified"},
		{"null for a list", `"incomplete":[`, `"incomplete":null,"x":[`, "$.incomplete: missing"},
		{"an unknown kind", `"kind":"advisory"`, `"kind":"rumour"`, `$.cause.kind: "rumour"`},
		{"another kind", `"kind":"advisory"`, `"kind":"component"`, "$.cause: its members"},
		{"a count", `"affected":2`, `"affected":3`, "$.affected: 2 entries and 0 unlisted ones, want 3"},
		{"verdicts", `"rejected":1`, `"rejected":2`, "$.counts"},
		{"less than none", `"strangers":2`, `"strangers":-2`, "$.counts"},
		{"more than are trusted", `"trusted":1`, `"trusted":2`, "$.counts"},
		{"an unknown status", `"status":"absent"`, `"status":"fine"`, "$.others[0]: status"},
		{"a status without a reason", `,"why":"it has no SBOM"`, ``, "$.others[4]: status"},
		{"a round too many", `"round":2`, `"round":3`, "$.rebuild[2].round: 3 of 2"},
		{"nothing taken in", `"inputs":["` + numbered(1).String() + `"]`, `"inputs":[]`, "$.dependents[0].inputs: none"},
		{"an unknown list", `"incomplete":[`, `"unlisted":{"secrets":1},"incomplete":[`, "$.unlisted: 1 of "},
		{"more behind", "\n", "{}", "malformed report"},
		{"no UTF-8", "x does too much", "x \xff", "malformed report"},
	} {
		text := strings.Replace(string(data), tt.old, tt.new, 1)
		if text == string(data) {
			t.Errorf("%s: nothing is changed", tt.name)
		}
		if _, err := ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := (&Report{}).Marshal(); err == nil {
		t.Error("a zero Report is written")
	}
	r.Incomplete[0] = "\xff"
	if _, err := r.Marshal(); err == nil {
		t.Error("what is no UTF-8 is written")
	}
}

func FuzzParseReport(f *testing.F) {
	data, err := aReport().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"at":"2026-03-09T12:00:00Z","cause":{"kind":"artifacts","of":{"builder":"b"}},"counts":{},"affected":[],"dependents":[],"deployments":[],"environments":[],"rebuild":[],"incomplete":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseReport(data)
		if err != nil {
			return
		}
		_ = r.String()
		written, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseReport(written); err != nil || again.String() != r.String() {
			t.Fatalf("%s is not read again: %v", written, err)
		}
		if st, err := r.Statement(); err == nil {
			if _, err := st.Split(2); err != nil {
				t.Log(err)
			}
		}
		if d, err := r.VEX("somebody"); err == nil {
			if _, err := d.Marshal(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestReportStatement(t *testing.T) {
	r := aReport()
	st, err := r.Statement()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range st.Subjects {
		names = append(names, s.Name)
	}
	if want := []string{"base@" + numbered(1).String(), "base@" + numbered(2).String()}; st.PredicateType != ReportType || !slices.Equal(names, want) {
		t.Errorf("%s about %q, want %q", st.PredicateType, names, want)
	}
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := provenance.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseReport(read.Predicate); err != nil || back.String() != r.String() {
		t.Errorf("%v, %v", back, err)
	}
	if parts, err := st.Split(1); err != nil || len(parts) != 2 {
		t.Errorf("%d parts, %v", len(parts), err)
	}

	r.Unlisted, r.Counts.Affected = map[string]int{"affected": 1}, 3
	if _, err := r.Statement(); err == nil || !strings.Contains(err.Error(), "1 artifact more that are affected are not listed") {
		t.Errorf("a part: %v", err)
	}
	r = aReport()
	r.Affected, r.Counts = []ReportAffected{}, ReportCounts{Asked: 5, Dependents: 1, Steps: 3, Rounds: 2}
	if _, err := r.Statement(); err == nil || !strings.Contains(err.Error(), "nothing is affected") {
		t.Errorf("nothing: %v", err)
	}
}

func TestReportVEX(t *testing.T) {
	d, err := aReport().VEX("security@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range d.Statements {
		for _, p := range s.Products {
			got = append(got, strings.Join([]string{
				strings.TrimLeft(p.Digests[0].Hex(), "0"), p.Subcomponents[0].ID, string(s.Status), string(s.Justification), s.StatusNotes + s.ActionStatement,
			}, " "))
		}
		if s.Vulnerability.Name != "GO-2026-0001" || !slices.Equal(s.Vulnerability.Aliases, []string{"CVE-2026-1"}) {
			t.Errorf("%+v", s.Vulnerability)
		}
	}
	want := []string{
		"1 pkg:golang/example.com/x@v1.2.3 affected  Update pkg:golang/example.com/x to v1.2.4 or later.",
		"2 pkg:golang/example.com/x under_investigation  It is not certain: it has no package URL.",
		"15 pkg:golang/example.com/x under_investigation  There is no SBOM that is attested and complete.",
		"12 pkg:golang/example.com/x@v1.2.5 fixed  ",
		"13 pkg:golang/example.com/x@v1.2.0 not_affected vulnerable_code_not_present ",
		"14 pkg:golang/example.com/x@v1.0.0 not_affected vulnerable_code_not_present ",
		"11 pkg:golang/example.com/x not_affected component_not_present ",
	}
	if !slices.Equal(got, want) || len(d.Statements) != 6 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	data, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openvex.Parse(data); err != nil {
		t.Error(err)
	}

	for what, change := range map[string]func(r *Report){
		"about no advisory":               func(r *Report) { r.Cause = ReportCause{Kind: CauseComponent, License: "MIT"} },
		"2 artifacts more are not listed": func(r *Report) { r.Unlisted = map[string]int{"others": 2} },
		"has no digest":                   func(r *Report) { r.Others[0].Artifact.Digests = nil },
		`has the status "wrong"`:          func(r *Report) { r.Others[0].Status = "wrong" },
	} {
		r := aReport()
		change(r)
		if _, err := r.VEX("x"); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := aReport().VEX(""); err == nil || !strings.Contains(err.Error(), "no author") {
		t.Errorf("without an author: %v", err)
	}
}
