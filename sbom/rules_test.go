package sbom_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
)

// modules returns a document about example.com/app, of the modules with these
// package URLs.
func modules(purls ...string) *sbom.Document {
	d := &sbom.Document{Main: module("pkg:golang/example.com/app@v1.0.0")}
	for _, p := range purls {
		d.Components = append(d.Components, module(p))
		d.Edges = append(d.Edges, sbom.Edge{From: d.Main.Ref, To: p})
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}

func module(purl string) sbom.Component {
	path, version, _ := strings.Cut(strings.TrimPrefix(purl, "pkg:golang/"), "@")
	return sbom.Component{Ref: purl, PURL: purl, Type: sbom.Library, Scope: sbom.Runtime, Name: path, Version: version}
}

func org(name string) sbom.Party { return sbom.Party{Name: name} }

var when = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestRulesPrefix(t *testing.T) {
	for _, tt := range []struct {
		prefix, purl string
		want         bool
	}{
		{"pkg:golang/example.com/a", "pkg:golang/example.com/a@v1.0.0", true},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/a", true},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/a/b@v1.0.0", true},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/a?goos=linux", true},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/a#b", true},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/ab@v1.0.0", false},
		{"pkg:golang/example.com/a", "pkg:golang/example.com/A@v1.0.0", false},
		{"pkg:golang/example.com/a", "pkg:golang/other.example.com/a@v1.0.0", false},
		{"pkg:golang/example.com/a@v1.2", "pkg:golang/example.com/a@v1.2.3", false},
		{"pkg:golang/example.com/a@v1.2.3", "pkg:golang/example.com/a@v1.2.3", true},
		{"pkg:golang/example.com/a@v1.2.3", "pkg:golang/example.com/a@v1.2.3#b", true},
		{"pkg:golang/example.com/a@v1.2.3", "pkg:golang/example.com/a@v1.2.30", false},
		{"pkg:golang", "pkg:golang/example.com/a@v1.0.0", true},
		{"pkg:go", "pkg:golang/example.com/a@v1.0.0", false},
		{"pkg", "pkg:golang/example.com/a@v1.0.0", false},
	} {
		d := modules(tt.purl)
		r := sbom.Rules{Suppliers: []sbom.PartyRule{{tt.prefix, org("x")}}}
		got, outcomes, err := r.Apply(d, when)
		if err != nil {
			t.Fatalf("%s: %v", tt.prefix, err)
		}
		if has := got.Components[0].Supplier != nil; has != tt.want {
			t.Errorf("%s applied to %s: %v, want %v", tt.prefix, tt.purl, has, tt.want)
		}
		if unused := got.Main.Supplier == nil && !tt.want; outcomes[0].Unused() != unused {
			t.Errorf("%s on %s: unused %v, want %v", tt.prefix, tt.purl, outcomes[0].Unused(), unused)
		}
	}

	// A component that has no package URL is named by its Ref.
	d := modules()
	d.Components = []sbom.Component{{Ref: "libc.so.6", Name: "libc.so.6", Type: sbom.Library, Scope: sbom.System}}
	r := sbom.Rules{Suppliers: []sbom.PartyRule{{"libc.so.6", org("the distribution")}}}
	got, _, err := r.Apply(d, when)
	if err != nil || got.Components[0].Supplier == nil {
		t.Errorf("by Ref: %v, error %v", got, err)
	}
}

func TestRulesLongestPrefix(t *testing.T) {
	const a, ab, ab2, c = "pkg:golang/example.com/a@v1.0.0", "pkg:golang/example.com/a/b@v1.0.0", "pkg:golang/example.com/a/b@v2.0.0", "pkg:golang/example.org/c@v1.0.0"
	r := sbom.Rules{
		Suppliers: []sbom.PartyRule{
			{"pkg:golang/example.com/a/b@v2.0.0", org("version")},
			{"pkg:golang/example.com/a", org("path")},
			{"pkg:golang", org("all")},
		},
		Gaps: []sbom.GapRule{
			{"pkg:golang/example.com/a/b", sbom.Gap{Element: sbom.ElementSupplier, Kind: sbom.Withheld}},
			{"pkg:golang", sbom.Gap{Element: sbom.ElementProducer, Kind: sbom.NotKnown}},
		},
		Producers: []sbom.PartyRule{{"pkg:golang/example.org", org("somebody")}},
	}
	got, outcomes, err := r.Apply(modules(a, ab, ab2, c), when)
	if err != nil {
		t.Fatal(err)
	}
	unknown := sbom.Gap{Element: sbom.ElementProducer, Kind: sbom.NotKnown}
	for ref, want := range map[string]struct {
		supplier, producer string
		gaps               []sbom.Gap
	}{
		a:            {"path", "", []sbom.Gap{unknown}},
		ab:           {"", "", []sbom.Gap{unknown, {Element: sbom.ElementSupplier, Kind: sbom.Withheld}}},
		ab2:          {"version", "", []sbom.Gap{unknown}},
		c:            {"all", "somebody", nil},
		got.Main.Ref: {"all", "", []sbom.Gap{unknown}},
	} {
		component := got.Component(ref)
		if s := partyName(component.Supplier); s != want.supplier {
			t.Errorf("%s: supplier %q, want %q", ref, s, want.supplier)
		}
		if s := partyName(component.Producer); s != want.producer {
			t.Errorf("%s: producer %q, want %q", ref, s, want.producer)
		}
		if !slices.Equal(component.Gaps, want.gaps) {
			t.Errorf("%s: gaps %v, want %v", ref, component.Gaps, want.gaps)
		}
	}
	want := []sbom.Outcome{
		{Rule: "producer pkg:golang/example.org", Applied: 1},
		{Rule: "supplier pkg:golang/example.com/a/b@v2.0.0", Applied: 1},
		{Rule: "supplier pkg:golang/example.com/a", Applied: 1, Overruled: 2},
		{Rule: "supplier pkg:golang", Applied: 2, Overruled: 3},
		{Rule: "gap:supplier pkg:golang/example.com/a/b", Applied: 1, Overruled: 1},
		{Rule: "gap:producer pkg:golang", Applied: 4, Overruled: 1},
	}
	if !reflect.DeepEqual(outcomes, want) {
		t.Errorf("got  %+v\nwant %+v", outcomes, want)
	}
}

func partyName(p *sbom.Party) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// Each kind of rule, on a component that says nothing, one that says the same,
// and one that says something else.
func TestRulesNeverChange(t *testing.T) {
	const prefix = "pkg:golang/example.com/a"
	until := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	withheld := sbom.Gap{Element: sbom.ElementCopyright, Kind: sbom.Withheld}
	for _, tt := range []struct {
		name        string
		rules       sbom.Rules
		same, other func(*sbom.Component)
		properties  []sbom.Property // those that the rule leaves
	}{
		{
			"producer",
			sbom.Rules{Producers: []sbom.PartyRule{{prefix, org("x")}}},
			func(c *sbom.Component) { c.Producer = &sbom.Party{Name: "x"} },
			func(c *sbom.Component) { c.Producer = &sbom.Party{Name: "x", URL: "https://example.com"} },
			[]sbom.Property{{"rule:producer", prefix}},
		},
		{
			"supplier",
			sbom.Rules{Suppliers: []sbom.PartyRule{{prefix, org("x")}}},
			func(c *sbom.Component) { c.Supplier = &sbom.Party{Name: "x"} },
			func(c *sbom.Component) { c.Supplier = &sbom.Party{Name: "y"} },
			[]sbom.Property{{"rule:supplier", prefix}},
		},
		{
			"license",
			sbom.Rules{Licenses: []sbom.LicenseRule{{Prefix: prefix, Expression: "MIT", Reason: "a letter", Expires: until}}},
			func(c *sbom.Component) { c.Licenses = &sbom.Licenses{Declared: "ISC", Concluded: "MIT"} },
			func(c *sbom.Component) { c.Licenses = &sbom.Licenses{Concluded: "ISC"} },
			[]sbom.Property{{"rule:license", prefix}, {"rule:license:expires", "2030-01-01"}, {"rule:license:reason", "a letter"}},
		},
		{
			"support",
			sbom.Rules{Support: []sbom.SupportRule{{prefix, "active", until}}},
			func(c *sbom.Component) { c.Support, c.SupportUntil = "active", until.Local() },
			func(c *sbom.Component) { c.Support = "abandoned" },
			[]sbom.Property{{"rule:support", prefix}},
		},
		{
			"gap",
			sbom.Rules{Gaps: []sbom.GapRule{{prefix, withheld}}},
			func(c *sbom.Component) { c.Gaps = []sbom.Gap{withheld} },
			func(c *sbom.Component) { c.Copyright = "(c)" },
			[]sbom.Property{{"rule:gap:copyright", prefix}},
		},
		{
			"gap of another kind",
			sbom.Rules{Gaps: []sbom.GapRule{{prefix, withheld}}},
			func(c *sbom.Component) { c.Gaps = []sbom.Gap{withheld} },
			func(c *sbom.Component) {
				c.Gaps = []sbom.Gap{{Element: sbom.ElementCopyright, Kind: sbom.NotKnown}}
			},
			[]sbom.Property{{"rule:gap:copyright", prefix}},
		},
		{
			"reference",
			sbom.Rules{References: []sbom.ReferenceRule{{prefix, sbom.Reference{Type: "vcs", URL: "https://example.com/a"}}}},
			func(c *sbom.Component) {
				c.References = []sbom.Reference{{Type: "vcs", URL: "https://example.com/a"}}
			},
			nil, // one more is added
			[]sbom.Property{{"rule:reference", "https://example.com/a"}},
		},
		{
			"property",
			sbom.Rules{Properties: []sbom.PropertyRule{{prefix, sbom.Property{Name: "team", Value: "a"}}}},
			func(c *sbom.Component) { c.Properties = []sbom.Property{{"team", "a"}} },
			nil,
			[]sbom.Property{{"team", "a"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := modules(prefix + "@v1.0.0")
			got, outcomes, err := tt.rules.Apply(d, when)
			if err != nil {
				t.Fatal(err)
			}
			c := got.Components[0]
			if !slices.Equal(c.Properties, tt.properties) {
				t.Errorf("properties %v, want %v", c.Properties, tt.properties)
			}
			if outcomes[0].Applied != 1 {
				t.Errorf("got %+v, want it applied to one component", outcomes[0])
			}
			if !reflect.DeepEqual(d, modules(prefix+"@v1.0.0")) {
				t.Errorf("the document itself is changed: %+v", d)
			}
			again, outcomes, err := tt.rules.Apply(got, when)
			if err != nil || !reflect.DeepEqual(again, got) || outcomes[0].Applied != 1 {
				t.Errorf("applied twice: %+v, outcomes %+v, error %v", again, outcomes, err)
			}

			same := modules(prefix + "@v1.0.0")
			tt.same(&same.Components[0])
			got, outcomes, err = tt.rules.Apply(same, when)
			if err != nil || !reflect.DeepEqual(got, same) || outcomes[0].Applied != 1 {
				t.Errorf("a component that says it: %+v, outcomes %+v, error %v", got, outcomes, err)
			}

			if tt.other == nil {
				return
			}
			other := modules(prefix + "@v1.0.0")
			tt.other(&other.Components[0])
			got, outcomes, err = tt.rules.Apply(other, when)
			if err != nil || !reflect.DeepEqual(got, other) {
				t.Errorf("a component that says something else: %+v, error %v", got, err)
			}
			if o := outcomes[0]; o.Applied != 0 || !slices.Equal(o.Differing, []string{prefix + "@v1.0.0"}) || o.Unused() {
				t.Errorf("a component that says something else: %+v", o)
			}
		})
	}
}

func TestRulesFillGaps(t *testing.T) {
	const a = "pkg:golang/example.com/a@v1.0.0"
	d := modules(a)
	d.Components[0].Gaps = []sbom.Gap{{sbom.ElementHash, sbom.NotKnown}, {sbom.ElementLicense, sbom.NotKnown}, {sbom.ElementProducer, sbom.NotKnown}, {sbom.ElementSupplier, sbom.Withheld}}
	gaps := slices.Clone(d.Components[0].Gaps)
	r := sbom.Rules{
		Producers: []sbom.PartyRule{{a, org("x")}},
		Suppliers: []sbom.PartyRule{{a, org("y")}},
		Licenses:  []sbom.LicenseRule{{Prefix: a, Expression: "MIT", Reason: "a letter"}},
		Gaps:      []sbom.GapRule{{a, sbom.Gap{Element: sbom.ElementCopyright, Kind: sbom.NotKnown}}},
	}
	got, _, err := r.Apply(d, when)
	if err != nil {
		t.Fatal(err)
	}
	want := []sbom.Gap{{sbom.ElementCopyright, sbom.NotKnown}, {sbom.ElementHash, sbom.NotKnown}}
	if !slices.Equal(got.Components[0].Gaps, want) {
		t.Errorf("got %v, want %v", got.Components[0].Gaps, want)
	}
	if !slices.Equal(d.Components[0].Gaps, gaps) {
		t.Errorf("the document itself is changed: %v", d.Components[0].Gaps)
	}
}

func TestRulesOfDocument(t *testing.T) {
	const a = "pkg:golang/example.com/a@v1.0.0"
	d := modules(a)
	d.Original = []byte("{}")
	d.Authors = []sbom.Party{org("source")}
	openssl := sbom.Component{Ref: "openssl", Name: "openssl", Type: sbom.Library, Scope: sbom.Runtime, PURL: "pkg:generic/openssl@3.5.0"}
	r := sbom.Rules{
		Name:       "acme 1",
		Authors:    []sbom.Party{{Email: "sbom@example.com"}, org("source")},
		Suppliers:  []sbom.PartyRule{{"pkg:generic", org("the distribution")}},
		Components: []sbom.Component{openssl},
		Edges:      []sbom.Edge{{From: a, To: "openssl"}},
	}
	got, _, err := r.Apply(d, when)
	if err != nil {
		t.Fatal(err)
	}
	if want := []sbom.Party{{Email: "sbom@example.com"}, org("source")}; !slices.Equal(got.Authors, want) {
		t.Errorf("authors %v, want %v", got.Authors, want)
	}
	if want := []sbom.Property{{"rule:author", "sbom@example.com"}, {"rules", "acme 1"}}; !slices.Equal(got.Properties, want) {
		t.Errorf("properties %v, want %v", got.Properties, want)
	}
	if got.Original != nil {
		t.Error("the result has the bytes of a signed document that says less")
	}
	c := got.Component("openssl")
	if c == nil || partyName(c.Supplier) != "the distribution" || !slices.Contains(c.Properties, sbom.Property{Name: "rule:component", Value: "acme 1"}) {
		t.Errorf("component added: %+v", c)
	}
	if want := []string{"pkg:golang/example.com/app@v1.0.0", a, "openssl"}; !slices.Equal(got.Why("openssl"), want) {
		t.Errorf("it is needed by %v, want %v", got.Why("openssl"), want)
	}
	if openssl.Properties != nil || openssl.Supplier != nil {
		t.Errorf("the rules themselves are changed: %+v", openssl)
	}
	if _, _, err := r.Apply(got, when); err == nil || !strings.Contains(err.Error(), "sbom: rules: component openssl: it is in the document already") {
		t.Errorf("a component added twice: error %v", err)
	}
}

func TestRulesLicense(t *testing.T) {
	const a = "pkg:golang/example.com/a@v1.0.0"
	expires := when.Add(time.Hour)
	r := sbom.Rules{Licenses: []sbom.LicenseRule{
		{Prefix: a, Expression: "LicenseRef-acme", Texts: []sbom.LicenseText{{"LicenseRef-acme", "All rights reserved."}}, Reason: "contract 7", Expires: expires},
		{Prefix: "pkg:golang/example.com", Expression: "MIT", Reason: "all of ours are"},
	}}
	d := modules(a)
	d.Components[0].Licenses = &sbom.Licenses{Unknown: "no licence file"}
	got, outcomes, err := r.Apply(d, when)
	if err != nil {
		t.Fatal(err)
	}
	l := got.Components[0].Licenses
	if l.Concluded != "LicenseRef-acme" || l.Unknown != "no licence file" || len(l.Texts) != 1 {
		t.Errorf("got %+v", l)
	}
	if outcomes[1].Applied != 1 || outcomes[1].Overruled != 1 {
		t.Errorf("got %+v", outcomes)
	}
	if d.Components[0].Licenses.Concluded != "" {
		t.Error("the document itself is changed")
	}

	// From its expiry on the conclusion is not drawn, and the wider rule is.
	got, outcomes, err = r.Apply(d, expires)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Components[0].Licenses.Concluded; c != "MIT" || !outcomes[0].Expired || outcomes[0].Unused() || outcomes[0].Applied != 0 || outcomes[1].Applied != 2 {
		t.Errorf("after the expiry: %s, outcomes %+v", c, outcomes)
	}
}

func TestRulesMalformed(t *testing.T) {
	const p = "pkg:golang/example.com"
	for _, tt := range []struct {
		name  string
		rules sbom.Rules
		want  string
	}{
		{"no prefix", sbom.Rules{Producers: []sbom.PartyRule{{"", org("x")}}}, `sbom: rules: producer: prefix "": want a Ref or the beginning of a package URL, without a slash at its end`},
		{"slash", sbom.Rules{Suppliers: []sbom.PartyRule{{p + "/", org("x")}}}, `sbom: rules: supplier: prefix "pkg:golang/example.com/": want a Ref or the beginning of a package URL, without a slash at its end`},
		{"no party", sbom.Rules{Producers: []sbom.PartyRule{{p, sbom.Party{Person: true}}}}, "sbom: rules: producer pkg:golang/example.com: a party without a name, an email address or a URL"},
		{"two producers", sbom.Rules{Producers: []sbom.PartyRule{{p, org("x")}, {p, org("y")}}}, "sbom: rules: producer pkg:golang/example.com and producer pkg:golang/example.com are about the same"},
		{"producer and gap", sbom.Rules{Producers: []sbom.PartyRule{{p, org("x")}}, Gaps: []sbom.GapRule{{p, sbom.Gap{Element: sbom.ElementProducer, Kind: sbom.NotKnown}}}}, "sbom: rules: producer pkg:golang/example.com and gap:producer pkg:golang/example.com are about the same"},
		{"two gaps", sbom.Rules{Gaps: []sbom.GapRule{{p, sbom.Gap{Element: sbom.ElementHash, Kind: sbom.NotKnown}}, {p, sbom.Gap{Element: sbom.ElementHash, Kind: sbom.Withheld}}}}, "sbom: rules: gap:hash pkg:golang/example.com and gap:hash pkg:golang/example.com are about the same"},
		{"gap", sbom.Rules{Gaps: []sbom.GapRule{{p, sbom.Gap{Element: "taste", Kind: sbom.NotKnown}}}}, `sbom: rules: gap pkg:golang/example.com: "taste" "unknown" is not known`},
		{"no reason", sbom.Rules{Licenses: []sbom.LicenseRule{{Prefix: p, Expression: "MIT", Reason: " "}}}, "sbom: rules: license pkg:golang/example.com: no reason"},
		{"expression", sbom.Rules{Licenses: []sbom.LicenseRule{{Prefix: p, Expression: "NOASSERTION", Reason: "x"}}}, `sbom: rules: license pkg:golang/example.com: malformed license expression "NOASSERTION": "NOASSERTION" is no license identifier`},
		{"license without text", sbom.Rules{Licenses: []sbom.LicenseRule{{Prefix: p, Expression: "LicenseRef-x", Reason: "x"}}}, "with rules applied: sbom: main component: licenses: no text of LicenseRef-x"},
		{"support", sbom.Rules{Support: []sbom.SupportRule{{Prefix: p}}}, "sbom: rules: support pkg:golang/example.com: neither how far nor until when"},
		{"reference", sbom.Rules{References: []sbom.ReferenceRule{{p, sbom.Reference{Type: "vcs"}}}}, "sbom: rules: reference pkg:golang/example.com: no type or no URL"},
		{"property", sbom.Rules{Properties: []sbom.PropertyRule{{p, sbom.Property{Name: "rule:supplier"}}}}, `sbom: rules: property pkg:golang/example.com: name "rule:supplier" is empty, or one that rules leave`},
		{"author", sbom.Rules{Authors: []sbom.Party{{}}}, "with rules applied: sbom: author: a party without a name, an email address or a URL"},
		{"component", sbom.Rules{Components: []sbom.Component{{Ref: "x", Name: "x", Type: sbom.Library}}}, `with rules applied: sbom: x: scope "" is not known`},
		{"edge", sbom.Rules{Edges: []sbom.Edge{{From: "x", To: "pkg:golang/example.com/app@v1.0.0"}}}, "with rules applied: sbom: edge x → pkg:golang/example.com/app@v1.0.0: an end is not in the document"},
	} {
		if _, _, err := tt.rules.Apply(modules(), when); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got error %v\nwant %s", tt.name, err, tt.want)
		}
	}
	expiring := sbom.Rules{Licenses: []sbom.LicenseRule{{Prefix: p, Expression: "MIT", Reason: "x", Expires: when}}}
	if _, _, err := expiring.Apply(modules(), time.Time{}); err == nil || !strings.Contains(err.Error(), "it expires, and no time is given") {
		t.Errorf("a rule that expires, at no time: error %v", err)
	}
	var none sbom.Rules
	if got, outcomes, err := none.Apply(modules(), time.Time{}); err != nil || len(outcomes) != 0 || !reflect.DeepEqual(got, modules()) {
		t.Errorf("no rules: %+v, %v, error %v", got, outcomes, err)
	}
}

// What programs read from a file they decode into Rules as they are.
func TestRulesJSON(t *testing.T) {
	const text = `{"Name": "acme 1",
		"Suppliers": [{"Prefix": "pkg:golang", "Party": {"Name": "x", "URL": "https://example.com"}}],
		"Licenses": [{"Prefix": "pkg:golang/a.example", "Expression": "MIT", "Reason": "a letter", "Expires": "2027-01-31T00:00:00Z"}],
		"Gaps": [{"Prefix": "pkg:golang", "Gap": {"Element": "producer", "Kind": "unknown"}}]}`
	var r sbom.Rules
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	got, _, err := r.Apply(modules(), when)
	if err != nil || partyName(got.Main.Supplier) != "x" || len(got.Main.Gaps) != 1 {
		t.Errorf("got %+v, error %v", got, err)
	}
}

// P6: time and memory grow with the components, whatever the number of rules.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		purls := make([]string, n)
		var r sbom.Rules
		for i := range purls {
			purls[i] = fmt.Sprintf("pkg:golang/example.com/org%d/m%d@v1.0.%d", i%100, i, i)
		}
		for i := range n / 10 {
			r.Suppliers = append(r.Suppliers, sbom.PartyRule{Prefix: fmt.Sprintf("pkg:golang/example.com/org%d/m%d", i%100, i), Party: org("x")})
			r.References = append(r.References, sbom.ReferenceRule{Prefix: r.Suppliers[i].Prefix, Reference: sbom.Reference{Type: "vcs", URL: "https://example.com"}})
		}
		r.Gaps = []sbom.GapRule{{"pkg:golang", sbom.Gap{Element: sbom.ElementSupplier, Kind: sbom.NotKnown}}}
		d := modules(purls...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.Apply(d, when); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/component")
		})
	}
}
