package openvex_test

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
)

func digest(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	algorithm, digit, _ := strings.Cut(s, ":")
	n := map[string]int{"md5": 32, "sha1": 40, "sha256": 64, "dirHash": 64, "sha384": 96, "sha512": 128, "sha3_224": 56, "sha3_256": 64, "sha3_384": 96, "sha3_512": 128, "blake2s": 64, "blake2b": 128}[algorithm]
	d, err := hallmark.ParseDigest(algorithm + ":" + strings.Repeat(digit, n/len(digit)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// full has all that a document can have.
func full(t testing.TB) *openvex.Document {
	return &openvex.Document{
		ID: "https://example.com/vex/1", Author: "Ann <ann@example.com>", Role: "release engineer", Timestamp: when, LastUpdated: when.Add(time.Hour), Version: 2, Tooling: "t",
		Statements: []openvex.Statement{
			{
				ID: "https://example.com/vex/1#1", Version: 3,
				Vulnerability: openvex.Vulnerability{ID: "https://pkg.go.dev/vuln/GO-2024-2687", Name: "GO-2024-2687", Description: "<d>", Aliases: []string{"CVE-2023-45288", "GHSA-4v7x-pqxf-cx7m"}},
				Timestamp:     when.Add(time.Minute), LastUpdated: when.Add(time.Hour),
				Products: []openvex.Product{{
					Component: openvex.Component{
						ID: "pkg:generic/app@1.0.0", PURL: "pkg:generic/app@1.0.0", CPE22: "cpe:/a:x:app:1.0.0", CPE23: "cpe:2.3:a:x:app:1.0.0:*:*:*:*:*:*:*",
						Digests: []hallmark.Digest{
							digest(t, "md5:1"), digest(t, "sha1:2"), digest(t, "sha256:3"), digest(t, "sha384:4"), digest(t, "sha512:5"), digest(t, "sha3_224:6"),
							digest(t, "sha3_256:7"), digest(t, "sha3_384:8"), digest(t, "sha3_512:9"), digest(t, "blake2s:a"), digest(t, "blake2b:b"),
						},
					},
					Subcomponents: []openvex.Component{{ID: "pkg:golang/golang.org/x/net@v0.22.0"}, {PURL: "pkg:golang/stdlib@1.22.1"}},
				}},
				Status: openvex.Affected, Supplier: "s", StatusNotes: "n", ActionStatement: "update", ActionTimestamp: when.Add(2 * time.Hour),
			},
			{
				Vulnerability: openvex.Vulnerability{Name: "CVE-2"},
				Products:      []openvex.Product{{Component: openvex.Component{Digests: []hallmark.Digest{digest(t, "sha256:c")}}}},
				Status:        openvex.NotAffected, Justification: openvex.VulnerableCodeNotPresent, ImpactStatement: "i",
			},
			{
				Vulnerability: openvex.Vulnerability{Name: "CVE-3"},
				Products:      []openvex.Product{{Component: openvex.Component{Digests: []hallmark.Digest{digest(t, "sha256:c")}}}},
				Status:        openvex.UnderInvestigation,
			},
		},
	}
}

func TestMarshal(t *testing.T) {
	b, err := full(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	hex := func(digit string, n int) string { return strings.Repeat(digit, n) }
	want := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex/1","author":"Ann <ann@example.com>","role":"release engineer",` +
		`"timestamp":"2026-01-02T03:04:05Z","last_updated":"2026-01-02T04:04:05Z","version":2,"tooling":"t","statements":[` +
		`{"@id":"https://example.com/vex/1#1","version":3,"vulnerability":{"@id":"https://pkg.go.dev/vuln/GO-2024-2687","name":"GO-2024-2687","description":"<d>","aliases":["CVE-2023-45288","GHSA-4v7x-pqxf-cx7m"]},` +
		`"timestamp":"2026-01-02T03:05:05Z","last_updated":"2026-01-02T04:04:05Z","products":[{"@id":"pkg:generic/app@1.0.0",` +
		`"identifiers":{"purl":"pkg:generic/app@1.0.0","cpe22":"cpe:/a:x:app:1.0.0","cpe23":"cpe:2.3:a:x:app:1.0.0:*:*:*:*:*:*:*"},` +
		`"hashes":{"md5":"` + hex("1", 32) + `","sha1":"` + hex("2", 40) + `","sha-256":"` + hex("3", 64) + `","sha-384":"` + hex("4", 96) + `","sha-512":"` + hex("5", 128) +
		`","sha3-224":"` + hex("6", 56) + `","sha3-256":"` + hex("7", 64) + `","sha3-384":"` + hex("8", 96) + `","sha3-512":"` + hex("9", 128) + `","blake2s-256":"` + hex("a", 64) + `","blake2b-512":"` + hex("b", 128) + `"},` +
		`"subcomponents":[{"@id":"pkg:golang/golang.org/x/net@v0.22.0"},{"identifiers":{"purl":"pkg:golang/stdlib@1.22.1"}}]}],` +
		`"status":"affected","supplier":"s","status_notes":"n","action_statement":"update","action_statement_timestamp":"2026-01-02T05:04:05Z"},` +
		`{"vulnerability":{"name":"CVE-2"},"products":[{"hashes":{"sha-256":"` + hex("c", 64) + `"}}],"status":"not_affected","justification":"vulnerable_code_not_present","impact_statement":"i"},` +
		`{"vulnerability":{"name":"CVE-3"},"products":[{"hashes":{"sha-256":"` + hex("c", 64) + `"}}],"status":"under_investigation"}]}`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
	back, err := openvex.Parse(b)
	if err != nil || !reflect.DeepEqual(back, full(t)) {
		t.Errorf("comes back as\n%+v\nerror %v", back, err)
	}

	// In another zone, and with digests in another order, it is the same.
	other := full(t)
	other.Timestamp = other.Timestamp.In(time.FixedZone("", 3600))
	ds := other.Statements[0].Products[0].Digests
	ds[0], ds[5] = ds[5], ds[0]
	if again, err := other.Marshal(); err != nil || !bytes.Equal(again, b) {
		t.Errorf("got\n%s\nerror %v", again, err)
	}
}

// Without an ID, the content makes one.
func TestID(t *testing.T) {
	ids := make(map[string]bool)
	for range 2 {
		for _, author := range []string{"a", "b"} {
			d := full(t)
			d.ID, d.Author = "", author
			b, err := d.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			back, err := openvex.Parse(b)
			if err != nil || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(back.ID) || d.ID != "" {
				t.Errorf("got %q, error %v", back.ID, err)
			}
			ids[back.ID] = true
		}
	}
	if len(ids) != 2 {
		t.Errorf("got %v, want two", ids)
	}
}

func TestCheck(t *testing.T) {
	if err := full(t).Check(); err != nil {
		t.Fatal(err)
	}
	if err := new(openvex.Document).Check(); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("zero document: got %v", err)
	}
	for _, tt := range []struct {
		change func(d *openvex.Document)
		want   string
	}{
		{func(d *openvex.Document) { d.ID = "no iri" }, `document: @id "no iri" is not an IRI`},
		{func(d *openvex.Document) { d.Author = " " }, "document: no author"},
		{func(d *openvex.Document) { d.Author = "\xff" }, `document: text "\xff" is not UTF-8`},
		{func(d *openvex.Document) { d.Timestamp = time.Time{} }, "document: no timestamp"},
		{func(d *openvex.Document) {
			d.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
			d.LastUpdated = d.Timestamp
		}, "document: time: Time.MarshalText: year outside of range [0,9999]\nopenvex: document: time: Time.MarshalText: year outside of range [0,9999]"},
		{func(d *openvex.Document) { d.LastUpdated = when.Add(-1) }, "document: last updated before its timestamp"},
		{func(d *openvex.Document) { d.Version = 0 }, "document: version 0, want 1 or more"},
		{func(d *openvex.Document) { d.Statements = nil }, "document: no statements"},
		{func(d *openvex.Document) { d.Statements[1].ID = d.Statements[0].ID }, `statement 1: @id "https://example.com/vex/1#1" occurs twice`},
		{func(d *openvex.Document) { d.Statements[1].ID = "x" }, `statement 1: @id "x" is not an IRI`},
		{func(d *openvex.Document) { d.Statements[1].Version = -1 }, "statement 1: version -1"},
		{func(d *openvex.Document) { d.Statements[1].Vulnerability.Name = "" }, "statement 1: no name of a vulnerability"},
		{func(d *openvex.Document) { d.Statements[1].Vulnerability.ID = "x" }, `statement 1: vulnerability: @id "x" is not an IRI`},
		{func(d *openvex.Document) { d.Statements[1].Vulnerability.Aliases = []string{"a", "a"} }, `statement 1: alias "a" is empty or occurs twice`},
		{func(d *openvex.Document) { d.Statements[0].LastUpdated = when }, "statement 0: last updated before its timestamp"},
		{func(d *openvex.Document) { d.Statements[1].LastUpdated = when.Add(-1) }, "statement 1: last updated before its timestamp"},
		{func(d *openvex.Document) { d.Statements[2].Status = "" }, `statement 2: status "" is not known`},
		{func(d *openvex.Document) { d.Statements[1].Justification = "none" }, `statement 1: justification "none" is not known`},
		{func(d *openvex.Document) { d.Statements[1].Justification, d.Statements[1].ImpactStatement = "", "" }, "statement 1: not_affected, and neither a justification nor an impact statement"},
		{func(d *openvex.Document) { d.Statements[1].ActionStatement = "a" }, "statement 1: not_affected, and an action statement"},
		{func(d *openvex.Document) { d.Statements[0].ActionStatement = "" }, "statement 0: affected, and no action statement"},
		{func(d *openvex.Document) { d.Statements[0].ImpactStatement = "i" }, "statement 0: affected, and a justification or an impact statement"},
		{func(d *openvex.Document) { d.Statements[2].ActionTimestamp = when }, "statement 2: under_investigation, and an action statement"},
		{func(d *openvex.Document) {
			d.Statements[2].Status, d.Statements[2].Justification = openvex.Fixed, openvex.ComponentNotPresent
		}, "statement 2: fixed, and a justification or an impact statement"},
		{func(d *openvex.Document) { d.Statements[2].Products = nil }, "statement 2: no products"},
		{func(d *openvex.Document) { d.Statements[2].Products[0] = openvex.Product{} }, "statement 2: product 0: nothing identifies it"},
		{func(d *openvex.Document) { d.Statements[2].Products[0].ID = "Unknown Product" }, `statement 2: product 0: @id "Unknown Product" is not an IRI`},
		{func(d *openvex.Document) { d.Statements[2].Products[0].PURL = "golang/x" }, `statement 2: product 0: malformed package URL "golang/x": it does not begin with pkg:`},
		{func(d *openvex.Document) { d.Statements[2].Products[0].CPE22 = "cpe:2.3:a" }, `statement 2: product 0: CPE "cpe:2.3:a" does not begin with cpe:/`},
		{func(d *openvex.Document) { d.Statements[2].Products[0].CPE23 = "cpe:/a" }, `statement 2: product 0: CPE "cpe:/a" does not begin with cpe:2.3:`},
		{func(d *openvex.Document) {
			d.Statements[2].Products[0].Digests = []hallmark.Digest{digest(t, "sha256:1"), digest(t, "sha256:2")}
		}, `statement 2: product 0: two digests of the algorithm "sha256"`},
		{func(d *openvex.Document) {
			d.Statements[0].Products[0].Subcomponents[0].Digests = []hallmark.Digest{digest(t, "dirHash:0")}
		}, `statement 0: product 0: subcomponent 0: the format has no name for the algorithm of the digest "dirHash:` + strings.Repeat("0", 64) + `"`},
		{func(d *openvex.Document) { d.Statements[0].Products[0].Subcomponents[0] = openvex.Component{} }, `statement 0: product 0: subcomponent 0: nothing identifies it`},
		{func(d *openvex.Document) {
			d.Statements[2].Vulnerability.Name, d.Statements[2].Timestamp = "CVE-2", when.In(time.FixedZone("", 60))
		}, "statement 2: product 0: under_investigation, and another statement of the same time says not_affected"},
	} {
		d := full(t)
		tt.change(d)
		err := d.Check()
		if want := "openvex: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
		if b, again := d.Marshal(); fmt.Sprint(again) != fmt.Sprint(err) || b != nil {
			t.Errorf("Marshal: %s, error %v, want %v", b, again, err)
		}
	}

	// What was known before and what is known later do not contradict each other.
	d := full(t)
	d.Statements[2].Vulnerability.Name, d.Statements[2].Timestamp = "CVE-2", when.Add(-time.Hour)
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	const head = `{"@context":"https://openvex.dev/ns/v0.2.0",`
	// What is missing is for Check.
	d, err := openvex.Parse([]byte(`{"@context":"https://openvex.dev/ns","timestamp":"2023-01-08T18:02:03.5-06:00","statements":[{"products":[{"@id":"Unknown Product"}]}]}`))
	if err != nil || !d.Timestamp.Equal(time.Date(2023, 1, 9, 0, 2, 3, 5e8, time.UTC)) || d.Statements[0].Products[0].ID != "Unknown Product" {
		t.Errorf("got %+v, error %v", d, err)
	}
	if err := d.Check(); err == nil {
		t.Error("a document without an author: no error")
	}
	places := regexp.MustCompile(` \(byte \d+\)`)
	for _, tt := range []struct{ in, want string }{
		{``, "$: want an object, got the end"},
		{`{}`, `@context "", want "https://openvex.dev/ns/v0.2.0"`},
		{`{"@context":"https://openvex.dev/ns/v0.0.1"}`, `@context "https://openvex.dev/ns/v0.0.1", want "https://openvex.dev/ns/v0.2.0"`},
		{`{"@context":["https://openvex.dev/ns"]}`, "$.@context: want a string, got an array"},
		{head + `"author":"a","author":"b"}`, `$: member "author" occurs twice`},
		{head + `"more":1}`, "$.more: the format has no such member"},
		{head + `"version":"1"}`, "$.version: want a value, got a string"},
		{head + `"version":1.5}`, "$.version: version 1.5, want an integer from 1"},
		{head + `"version":0}`, "$.version: version 0, want an integer from 1"},
		{head + `"timestamp":"2026"}`, `$.timestamp: "2026" is not a time of RFC 3339`},
		{head + `"statements":null}`, "$.statements: want an array, got null"},
		{head + `"statements":[{"vulnerability":"CVE-1"}]}`, "$.statements[0].vulnerability: want an object, got a string"},
		{head + `"statements":[{"vulnerability":{"more":1}}]}`, "$.statements[0].vulnerability.more: the format has no such member"},
		{head + `"statements":[{"more":1}]}`, "$.statements[0].more: the format has no such member"},
		{head + `"statements":[{"products":["pkg:a/b"]}]}`, "$.statements[0].products[0]: want an object, got a string"},
		{head + `"statements":[{"products":[{"identifiers":{"swid":"x"}}]}]}`, "$.statements[0].products[0].identifiers.swid: the format has no such member"},
		{head + `"statements":[{"products":[{"hashes":{"sha256":"x"}}]}]}`, "$.statements[0].products[0].hashes.sha256: an algorithm that is not read here"},
		{head + `"statements":[{"products":[{"hashes":{"sha-256":"AB"}}]}]}`, `$.statements[0].products[0].hashes: sha-256: malformed digest "sha256:AB": 2 digits, want [64]`},
		{head + `"statements":[{"products":[{"subcomponents":[{"subcomponents":[]}]}]}]}`, "$.statements[0].products[0].subcomponents[0].subcomponents: the format has no such member"},
		{strings.Repeat(" ", openvex.MaxDocument+1), "67108865 bytes, want at most 67108864"},
		{head + `"statements":[` + strings.Repeat("{},", openvex.MaxEntries) + `{}]}`, "$.statements[1000000]: more than 1000000 entries"},
	} {
		d, err := openvex.Parse([]byte(tt.in))
		if want := "malformed OpenVEX document: " + tt.want; err == nil || places.ReplaceAllString(err.Error(), "") != want || d != nil {
			t.Errorf("%.100s: got %v, error\n     %v\nwant %s", tt.in, d, err, want)
		}
	}
}

func TestStatement(t *testing.T) {
	s, err := full(t).Statement()
	if err != nil {
		t.Fatal(err)
	}
	if s.PredicateType != openvex.Type || len(s.Subjects) != 2 || s.Subjects[0].Name != "pkg:generic/app@1.0.0" || s.Subjects[1].Name != "" {
		t.Errorf("got %+v", s)
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := provenance.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := openvex.Parse(read.Predicate); err != nil || !reflect.DeepEqual(d, full(t)) {
		t.Errorf("got %+v, error %v", d, err)
	}

	// Products are those that the caller names.
	app := hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(t, "sha256:c")}}
	d := full(t)
	d.Statements = d.Statements[1:]
	d.Statements[1].Products = nil
	if s, err := d.Statement(app); err != nil || len(s.Subjects) != 1 || s.Subjects[0].Name != "app" {
		t.Errorf("got %+v, error %v", s, err)
	}
	if _, err := d.Statement(); err == nil || err.Error() != "openvex: statement 1: no products" {
		t.Errorf("no subjects: error %v", err)
	}

	d = full(t)
	d.Statements[2].Products[0].Digests = []hallmark.Digest{digest(t, "sha1:c")}
	if _, err := d.Statement(); err == nil || err.Error() != "openvex: statement 2: product 0: no digest that identifies it" {
		t.Errorf("a product with a SHA-1: error %v", err)
	}
	d = full(t)
	d.Statements[1].Products[0].Digests = []hallmark.Digest{digest(t, "sha256:c"), digest(t, "sha512:c")}
	d.Statements[2].Products[0].Digests = []hallmark.Digest{digest(t, "sha256:c"), digest(t, "sha512:d")}
	if _, err := d.Statement(); err == nil || !strings.Contains(err.Error(), "statement 2: product 0: it has the digest sha256:ccc") {
		t.Errorf("two products with the same SHA-256: error %v", err)
	}
}

// What is valid is written, and read as what it was.
func FuzzParse(f *testing.F) {
	b, err := full(f).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"@context":"https://openvex.dev/ns","@id":"https://openvex.dev/docs/example/1","author":"a","timestamp":"2023-01-08T18:02:03.647787998-06:00","version":1,"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:apk/wolfi/git@2"}],"status":"fixed"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := openvex.Parse(data)
		if err != nil {
			return
		}
		b, err := d.Marshal()
		if checked := d.Check(); (err == nil) != (checked == nil) {
			t.Fatalf("Check says %v, Marshal %v", checked, err)
		}
		if err != nil {
			return
		}
		again, err := openvex.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if d.ID == "" {
			d.ID = again.ID
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(twice, b) {
			t.Fatalf("got %s, error %v, want %s", twice, err, b)
		}
	})
}
