package sbom_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// documented returns the document in the comment of ParseRules.
func documented(t testing.TB) string {
	t.Helper()
	src, err := os.ReadFile("rulesfile.go")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(src)) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			b.WriteString(text)
		}
	}
	return b.String()
}

func TestParseRules(t *testing.T) {
	got, err := sbom.ParseRules([]byte(documented(t)))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := hallmark.ParseDigest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if err != nil {
		t.Fatal(err)
	}
	const acme, app = "pkg:golang/acme.example", "pkg:golang/acme.example/app"
	want := &sbom.Rules{
		Name:    "acme 2026-11",
		Authors: []sbom.Party{{Name: "Acme", Email: "sbom@acme.example", URL: "https://acme.example"}, {Name: "Jo Doe", Person: true}},
		Producers: []sbom.PartyRule{
			{acme, sbom.Party{Name: "Acme", Email: "security@acme.example"}},
			{"pkg:golang/stdlib", sbom.Party{Name: "The Go Authors", URL: "https://go.dev"}},
		},
		Suppliers: []sbom.PartyRule{{acme, sbom.Party{Name: "Acme", URL: "https://acme.example"}}},
		Licenses: []sbom.LicenseRule{{
			Prefix: "pkg:golang/example.org/parser@v1.2.3", Expression: "MIT OR LicenseRef-parser",
			Texts:  []sbom.LicenseText{{"LicenseRef-parser", "Do with it what you like.\n"}},
			Reason: "letter of its author, 2026-03-01", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		}},
		Support:    []sbom.SupportRule{{acme, "actively-maintained", time.Date(2031, 12, 31, 0, 0, 0, 0, time.UTC)}},
		Gaps:       []sbom.GapRule{{"pkg:golang", sbom.Gap{Element: sbom.ElementSupplier, Kind: sbom.NotKnown}}},
		References: []sbom.ReferenceRule{{app, sbom.Reference{Type: "distribution", URL: "https://acme.example/app.tar.gz", Comment: "for Linux", Digests: []hallmark.Digest{empty}}}},
		Properties: []sbom.PropertyRule{{app, sbom.Property{Name: "acme:team", Value: "payments"}}},
		Components: []sbom.Component{{
			Ref: "openssl", Type: sbom.Library, Group: "org.openssl", Name: "openssl", Version: "3.5.0",
			PURL: "pkg:generic/openssl@3.5.0", CPEs: []string{"cpe:2.3:a:openssl:openssl:3.5.0:*:*:*:*:*:*:*"}, Scope: sbom.System,
			Description: "TLS, loaded while the program runs", Copyright: "Copyright The OpenSSL Project Authors",
			Digests: []hallmark.Digest{empty}, Requirements: sbom.Complete,
		}},
		Edges: []sbom.Edge{
			{From: app + "@v1.0.0", To: "openssl"},
			{From: app + "@v1.0.0", To: "pkg:golang/acme.example/lint@v1.0.0", Kind: sbom.ForTools},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	// All of it can be applied, and has an effect.
	d := modules("pkg:golang/acme.example/lint@v1.0.0", "pkg:golang/example.org/parser@v1.2.3", "pkg:golang/stdlib@1.26.8")
	d.Main = module(app + "@v1.0.0")
	d.Edges = nil
	_, outcomes, err := got.Apply(d, when)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Unused() || o.Expired {
			t.Errorf("%+v", o)
		}
	}

	for _, text := range []string{"{}", " {\n} ", `{"gaps": []}`} {
		if got, err := sbom.ParseRules([]byte(text)); err != nil || !reflect.DeepEqual(got, new(sbom.Rules)) {
			t.Errorf("%s: %+v, error %v", text, got, err)
		}
	}
	got, err = sbom.ParseRules([]byte(`{"components": [{"purl": "pkg:generic/x@1", "type": "library", "name": "x", "scope": "runtime"}]}`))
	if err != nil || got.Components[0].Ref != "pkg:generic/x@1" {
		t.Errorf("a component without a ref: %+v, error %v", got, err)
	}
	// One conclusion takes the place of another.
	for _, text := range []string{
		`{"licenses": [{"prefix": "a", "expression": "MIT", "reason": "x", "expires": "2026-01-01"}, {"prefix": "a", "expression": "ISC", "reason": "y"}]}`,
		`{"licenses": [{"prefix": "a", "expression": "MIT", "reason": "x", "expires": "1960-01-01"}, {"prefix": "a", "expression": "ISC", "reason": "y", "expires": "2027-01-01"}]}`,
	} {
		got, err := sbom.ParseRules([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if _, outcomes, err := got.Apply(modules(), when); err != nil || !outcomes[0].Expired {
			t.Errorf("%s: %v, error %v", text, outcomes, err)
		}
	}
}

func TestParseRulesMalformed(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "$ (byte 0): want an object, got the end"},
		{"no JSON", "name: acme", "$ (byte 0): want an object, got null"},
		{"a list", "[]", "$ (byte 0): want an object, got an array"},
		{"null", "null", "$ (byte 0): want an object, got null"},
		{"cut off", `{"name": "acme", "suppliers": [{"prefix": "pkg:go`, "$.suppliers[0].prefix (byte 49): string has no end"},
		{"byte order mark", "\ufeff{}", "$ (byte 0): want an object, got byte 0xef"},
		{"more behind it", `{} {}`, "$ (byte 3): data after the end of the document"},
		{"twice", `{"gaps": [], "gaps": []}`, `$ (byte 19): member "gaps" occurs twice`},
		{"unknown member", `{"supplier": []}`, "$.supplier (byte 12): unknown member"},
		{"the field's name", `{"Suppliers": []}`, "$.Suppliers (byte 13): unknown member"},
		{"unknown member of a rule", `{"suppliers": [{"prefix": "pkg:golang", "nane": "x"}]}`, "$.suppliers[0].nane (byte 47): unknown member"},
		{"unknown member of each", `{"gaps": [{"prefix": "a", "reason": "x"}]}`, "$.gaps[0].reason (byte 35): unknown member"},
		{"unknown member of a text", `{"licenses": [{"texts": [{"ref": "x"}]}]}`, "$.licenses[0].texts[0].ref (byte 32): unknown member"},
		{"a null", `{"name": null}`, "$.name (byte 9): want a string, got null"},
		{"empty name", `{"name": ""}`, "$.name (byte 11): empty"},
		{"list that is none", `{"gaps": {}}`, "$.gaps (byte 9): want an array, got an object"},
		{"rule that is none", `{"gaps": ["supplier"]}`, "$.gaps[0] (byte 10): want an object, got a string"},
		{"no prefix", `{"suppliers": [{"name": "x"}]}`, `$.suppliers[0] (byte 28): supplier: prefix "": want a Ref or the beginning of a package URL, without a slash at its end`},
		{"prefix with a slash", `{"producers": [{"prefix": "pkg:golang/", "name": "x"}]}`, `$.producers[0] (byte 53): producer: prefix "pkg:golang/": want a Ref or the beginning of a package URL, without a slash at its end`},
		{"nobody", `{"suppliers": [{"prefix": "a", "person": true}]}`, "$.suppliers[0] (byte 46): supplier a: a party without a name, an email address or a URL"},
		{"author", `{"authors": [{}]}`, "$.authors[0] (byte 15): author: a party without a name, an email address or a URL"},
		{"person", `{"authors": [{"person": "yes"}]}`, "$.authors[0].person (byte 29): want true or false"},
		{"two suppliers", `{"suppliers": [{"prefix": "a", "name": "x"}, {"prefix": "a", "name": "x"}]}`, `$.suppliers[1] (byte 73): a second rule about the supplier of "a"`},
		{"supplier and gap", `{"suppliers": [{"prefix": "a", "name": "x"}], "gaps": [{"prefix": "a", "element": "supplier", "kind": "unknown"}]}`, `$.gaps[0] (byte 112): a second rule about the supplier of "a"`},
		{"two licences", `{"licenses": [{"prefix": "a", "expression": "MIT", "reason": "x"}, {"prefix": "a", "expression": "ISC", "reason": "x"}]}`, `$.licenses[1] (byte 118): a second rule about the license of "a"`},
		{"two ends of support", `{"support": [{"prefix": "a", "support": "x"}, {"prefix": "a", "support": "y"}]}`, `$.support[1] (byte 77): a second rule about the support of "a"`},
		{"no expression", `{"licenses": [{"prefix": "a", "reason": "x"}]}`, `$.licenses[0] (byte 44): license a: malformed license expression "": "" where a word is wanted`},
		{"no reason", `{"licenses": [{"prefix": "a", "expression": "MIT"}]}`, "$.licenses[0] (byte 50): license a: no reason"},
		{"no text", `{"licenses": [{"prefix": "a", "expression": "LicenseRef-x", "reason": "x"}]}`, "$.licenses[0] (byte 74): main component: licenses: no text of LicenseRef-x"},
		{"day", `{"licenses": [{"prefix": "a", "expires": "31.1.2027"}]}`, `$.licenses[0].expires (byte 52): "31.1.2027" is no day, want one as 2027-01-31`},
		{"time", `{"support": [{"prefix": "a", "until": "2027-01-31T00:00:00Z"}]}`, `$.support[0].until (byte 60): "2027-01-31T00:00:00Z" is no day, want one as 2027-01-31`},
		{"zero day", `{"support": [{"prefix": "a", "until": "0001-01-01"}]}`, `$.support[0].until (byte 50): "0001-01-01" is no day, want one as 2027-01-31`},
		{"support of nothing", `{"support": [{"prefix": "a"}]}`, "$.support[0] (byte 28): support a: neither how far nor until when"},
		{"element", `{"gaps": [{"prefix": "a", "element": "taste", "kind": "unknown"}]}`, `$.gaps[0] (byte 64): gap a: "taste" "unknown" is not known`},
		{"no kind", `{"gaps": [{"prefix": "a", "element": "supplier"}]}`, `$.gaps[0] (byte 48): gap a: "supplier" "" is not known`},
		{"reference", `{"references": [{"prefix": "a", "type": "vcs"}]}`, "$.references[0] (byte 46): reference a: no type or no URL"},
		{"digest", `{"references": [{"digests": ["sha256:00"]}]}`, `$.references[0].digests[0] (byte 40): malformed digest "sha256:00": 2 digits, want [64]`},
		{"property", `{"properties": [{"prefix": "a", "name": "rule:x"}]}`, `$.properties[0] (byte 49): property a: name "rule:x" is empty, or one that rules leave`},
		{"component without a ref", `{"components": [{"type": "library", "name": "x", "scope": "runtime"}]}`, `$.components[0] (byte 68): component "x" has no ref`},
		{"component without anything", `{"components": [{"ref": "x"}]}`, `$.components[0] (byte 28): x has no name; x: type "" is not known; x: scope "" is not known`},
		{"package URL", `{"components": [{"purl": "golang/x", "type": "library", "name": "x", "scope": "runtime"}]}`, `$.components[0] (byte 88): golang/x: malformed package URL "golang/x": it does not begin with pkg:`},
		{"two components", `{"components": [{"ref": "x", "type": "library", "name": "x", "scope": "runtime"}, {"ref": "x", "type": "library", "name": "y", "scope": "runtime"}]}`, `$.components[1] (byte 146): a second rule about the component of "x"`},
		{"edge", `{"edges": [{"from": "x"}]}`, `$.edges[0] (byte 24): want an edge from one component to another, got "x" to ""`},
		{"edge to itself", `{"edges": [{"from": "x", "to": "x"}]}`, `$.edges[0] (byte 35): want an edge from one component to another, got "x" to "x"`},
		{"kind of edge", `{"edges": [{"from": "x", "to": "y", "kind": "needs"}]}`, `$.edges[0] (byte 52): edge x → y: kind "needs" is not known`},
		{"deep", `{"gaps": ` + strings.Repeat("[", 200), "$.gaps[0] (byte 10): want an object, got an array"},
		{"many", `{"authors": [` + strings.Repeat(`{"name": "x"},`, 100_000) + `{"name": "x"}]}`, "$.authors[100000] (byte 1400013): more than 100000 rules, authors, licence texts, components and edges"},
		{"large", strings.Repeat(" ", 1<<26) + "{}", "67108866 bytes, want at most 67108864"},
	} {
		got, err := sbom.ParseRules([]byte(tt.text))
		if err == nil || got != nil || err.Error() != "malformed rules: "+tt.want {
			t.Errorf("%s: got %+v, error\n     %v\nwant malformed rules: %s", tt.name, got, err, tt.want)
		}
	}
}

// What a file says can be applied to any Document, or is told to be at odds with it.
func FuzzParseRules(f *testing.F) {
	f.Add([]byte(documented(f)))
	f.Add([]byte(`{"licenses": [{"prefix": "a", "expression": "MIT", "reason": "x", "expires": "1960-01-01"}, {"prefix": "a", "expression": "ISC", "reason": "y"}]}`))
	f.Add([]byte(`{"components": [{"purl": "pkg:generic/x@1", "type": "library", "name": "x", "scope": "runtime"}], "edges": [{"from": "pkg:generic/x@1", "to": "y"}]}`))
	f.Add([]byte(`{"properties": [{"prefix": "pkg:golang", "name": "x", "value": ""}], "gaps": [{"prefix": "a", "element": "hash", "kind": "withheld"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := sbom.ParseRules(data)
		if err != nil {
			if r != nil || !strings.HasPrefix(err.Error(), "malformed rules: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, error %q", r, err)
			}
			return
		}
		// Edges need their ends, and one licence or another may have expired.
		d := modules("pkg:golang/example.com/a@v1.0.0")
		r.Edges = nil
		seen := make(map[string]bool)
		for _, l := range r.Licenses {
			if !l.Expires.IsZero() && seen[l.Prefix] {
				return
			}
			seen[l.Prefix] = true
		}
		for _, g := range r.Gaps {
			if g.Gap.Element == sbom.ElementLicense && seen[g.Prefix] {
				return
			}
		}
		for _, c := range r.Components {
			if d.Component(c.Ref) != nil {
				return
			}
		}
		if got, _, err := r.Apply(d, when); err == nil {
			if err := got.Check(); err != nil {
				t.Error(err)
			}
		} else if !strings.Contains(err.Error(), "license") {
			t.Errorf("Apply: %v", err) // two texts of one LicenseRef can be at odds
		}
	})
}

// What a publisher knows is in a file, which people can read and change.
func ExampleParseRules() {
	rules, err := sbom.ParseRules([]byte(`{
		"name": "acme 2026-11",
		"authors": [{"name": "Acme", "email": "sbom@acme.example"}],
		"producers": [{"prefix": "pkg:golang/acme.example", "name": "Acme", "url": "https://acme.example"}],
		"gaps": [{"prefix": "pkg:golang", "element": "producer", "kind": "unknown"}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	app := sbom.Component{Ref: "app", PURL: "pkg:golang/acme.example/app@v1.0.0", Name: "acme.example/app", Type: sbom.Application, Scope: sbom.Runtime}
	doc, _, err := rules.Apply(&sbom.Document{Main: app}, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(doc.Main.Name, "is by", doc.Main.Producer.Name)

	_, err = sbom.ParseRules([]byte(`{"producers": [{"prefx": "pkg:golang/acme.example", "name": "Acme"}]}`))
	fmt.Println(err)
	// Output:
	// acme.example/app is by Acme
	// malformed rules: $.producers[0].prefx (byte 24): unknown member
}
