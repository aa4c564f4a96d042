package cyclonedx_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
)

// Long lists take time in proportion to their length: with its square, each of these
// would take very long.
func TestLongLists(t *testing.T) {
	const n = 5_000
	list := func(element func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(element(i))
		}
		return b.String()
	}
	one := func(members string) string {
		return `"components":[{"type":"library","name":"a","bom-ref":"a",` + members + `}]`
	}
	for _, test := range []struct {
		members string
		want    func(d *sbom.Document) bool
	}{
		{ // without a ref, and of one name
			`"components":[` + list(func(i int) string { return fmt.Sprintf(`{"type":"library","name":"a","group":"%d"}`, i) }) + `]`,
			func(d *sbom.Document) bool {
				return d.Component("a").Group == "0" && d.Component("a#5000").Group == "4999"
			},
		},
		{
			one(`"components":[` + list(func(i int) string {
				return fmt.Sprintf(`{"type":"file","name":"f%d","hashes":[{"alg":"SHA-256","content":"%064x"}]}`, i, i)
			}) + `]`),
			func(d *sbom.Document) bool { return len(d.Components) == 1 && len(d.Component("a").Embedded) == n },
		},
		{
			one(`"hashes":[` + list(func(i int) string { return fmt.Sprintf(`{"alg":"SHA-256","content":"%064x"}`, i/2) }) + `]`),
			func(d *sbom.Document) bool { return len(d.Component("a").Digests) == n/2 },
		},
		{
			`"metadata":{"properties":[` + list(func(i int) string { return fmt.Sprintf(`{"name":"hallmark:target","value":"t%d"}`, i/2) }) + `]}`,
			func(d *sbom.Document) bool { return len(d.Targets) == n/2 },
		},
		{
			one(`"licenses":[{"license":{"id":"MIT"}}],"evidence":{"licenses":[` + list(func(i int) string {
				return fmt.Sprintf(`{"license":{"id":"MIT","properties":[{"name":"hallmark:license:file","value":"f%d"},`+
					`{"name":"hallmark:license:digest","value":"sha256:%064x"},{"name":"hallmark:license:coverage","value":"1"}]}}`, i, i)
			}) + `]}`),
			func(d *sbom.Document) bool { return len(d.Component("a").Licenses.Files) == n },
		},
		{
			one(`"description":"d"`) + `,"services":[` + list(func(i int) string { return fmt.Sprintf(`{"name":"s","bom-ref":"s%d"}`, i) }) + `],"dependencies":[` +
				list(func(i int) string { return fmt.Sprintf(`{"ref":"a","dependsOn":["s%d"]}`, i) }) + `]`,
			func(d *sbom.Document) bool { return len(d.Edges) == 0 },
		},
	} {
		start := time.Now()
		d, s, err := cyclonedx.Parse(compose("1.6", test.members))
		if err != nil || !test.want(d) {
			t.Errorf("%.100s: not what it should be, error %v", test.members, err)
			continue
		}
		if _, err := cyclonedx.Marshal(d, s); err != nil {
			t.Errorf("%.100s: %v", test.members, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.100s: %v", test.members, took)
		}
	}
}

// Components that are parts of one another, or too deep in others, are there once.
func TestPartsOfOneAnother(t *testing.T) {
	chain := func(n int, more ...sbom.Edge) *sbom.Document {
		d := &sbom.Document{Main: sbom.Component{Ref: "main", Name: "main", Type: sbom.Application, Scope: sbom.Runtime}, Edges: more}
		for i := range n {
			d.Components = append(d.Components, sbom.Component{Ref: fmt.Sprint("c", i), Name: "c", Type: sbom.Library, Scope: sbom.Runtime})
			if i > 0 {
				d.Edges = append(d.Edges, sbom.Edge{From: fmt.Sprint("c", i-1), To: fmt.Sprint("c", i), Kind: sbom.Contains})
			}
		}
		if err := d.Sort(); err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, d := range map[string]*sbom.Document{
		"cycle":             chain(3, sbom.Edge{From: "c2", To: "c0", Kind: sbom.Contains}),
		"cycle with a tail": chain(4, sbom.Edge{From: "c1", To: "c0", Kind: sbom.Contains}),
		"deep":              chain(200),
		"main in a part":    chain(2, sbom.Edge{From: "main", To: "c0", Kind: sbom.Contains}, sbom.Edge{From: "c1", To: "main", Kind: sbom.Contains}),
	} {
		data, err := cyclonedx.Marshal(d, sbom.Stamp{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _, err := cyclonedx.Parse(data); err != nil || !reflect.DeepEqual(unplaced(got), d) {
			t.Errorf("%s: read as %+v, error %v", name, got, err)
		}
	}
}

// No signature is in what is written again of a signed document, at whatever depth it
// was, and none goes silently.
func TestNoSignatureStays(t *testing.T) {
	const signature = `"signature":{"algorithm":"HS256","value":"x"}`
	for path, members := range map[string]string{
		"/signature":                             signature,
		"/components/0/signature":                `"components":[{"type":"library","name":"a",` + signature + `}]`,
		"/metadata/component/signature":          `"metadata":{"component":{"type":"library","name":"a",` + signature + `}}`,
		"/metadata/tools/components/0/signature": `"metadata":{"tools":{"components":[{"type":"library","name":"a",` + signature + `}]}}`,
		"/metadata/tools/services/0/signature":   `"metadata":{"tools":{"services":[{"name":"a",` + signature + `}]}}`,
		"/services/0/signature":                  `"services":[{"name":"a",` + signature + `}]`,
		"/compositions/0/signature":              `"compositions":[{"aggregate":"complete",` + signature + `}]`,
		"/components/0/components/0/pedigree/ancestors/0/signature": `"components":[{"type":"library","name":"a","components":[{"type":"library","name":"b",` +
			`"pedigree":{"ancestors":[{"type":"library","name":"x",` + signature + `}]}}]}]`,
		"/annotations/0/signature":  `"annotations":[{"subjects":["a"],"annotator":{"individual":{"name":"x"}},"timestamp":"2020-01-01T00:00:00Z","text":"x",` + signature + `}]`,
		"/declarations/signature":   `"declarations":{"targets":{},` + signature + `}`,
		"/formulation/0/components": `"formulation":[{"bom-ref":"f","components":[{"type":"library","name":"a",` + signature + `}]}]`,
	} {
		d, s, err := cyclonedx.Parse(compose("1.6", members))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if data, err := cyclonedx.Marshal(d, s); err != nil || !bytes.Equal(data, compose("1.6", members)) {
			t.Errorf("%s: written as\n%s, error %v", path, data, err)
		}
		for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V15, cyclonedx.V17} {
			if data, err := cyclonedx.MarshalVersion(d, s, v); err == nil {
				t.Errorf("%s: written in another version:\n%s", path, data)
			}
		}
		d.Original = nil
		for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V15, cyclonedx.V16, cyclonedx.V17} {
			data, err := cyclonedx.MarshalVersion(d, s, v)
			if err != nil || bytes.Contains(data, []byte("signature")) {
				t.Errorf("%s, %s: got\n%s, error %v", path, v, data, err)
			}
			losses, err := cyclonedx.Losses(d, s, v)
			told := false
			for _, l := range losses {
				told = told || strings.HasPrefix(path, l.Path) || strings.HasPrefix(l.Path, path)
			}
			if err != nil || !told {
				t.Errorf("%s, %s: losses %v, error %v", path, v, losses, err)
			}
		}
	}
}

// What was read can be written: a time that is beyond 9999 in UTC is none of a Stamp.
func TestLastTime(t *testing.T) {
	data := compose("1.6", `"metadata":{"timestamp":"9999-12-31T23:59:59-01:00"}`)
	d, s, err := cyclonedx.Parse(data)
	if err != nil || !s.Created.IsZero() {
		t.Fatalf("stamp %v, error %v, want none", s, err)
	}
	if got, err := cyclonedx.Marshal(d, s); err != nil || !bytes.Contains(got, []byte("9999-12-31T23:59:59-01:00")) {
		t.Errorf("got\n%s, error %v", got, err)
	}
}

// Where a document has what cannot be, its error says.
func TestErrorsHavePlaces(t *testing.T) {
	_, _, err := cyclonedx.Parse(compose("1.6", `"components":[{"type":"library","name":"a"},{"type":"library","name":"b","components":[{"type":"library","name":"c","purl":"pkg:npm/"}]}]`))
	if err == nil || !strings.Contains(err.Error(), "/components/1/components/0: ") {
		t.Errorf("error %v", err)
	}
}

// Of what a document is not about, nothing is said in any format.
func TestUnnamed(t *testing.T) {
	d, s, err := cyclonedx.Parse(compose("1.6", `"components":[{"type":"library","name":"a","bom-ref":"unnamed"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if d.Main.Type != sbom.Unclassified || d.Main.Name != "unnamed" || d.Main.Ref != "unnamed'" || d.Main.Place != "" {
		t.Errorf("main component %+v", d.Main)
	}
	for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V15, cyclonedx.V16, cyclonedx.V17} {
		if data, err := cyclonedx.MarshalVersion(d, s, v); err != nil || bytes.Contains(data, []byte("unnamed'")) || bytes.Contains(data, []byte("metadata")) {
			t.Errorf("%s: got\n%s, error %v", v, data, err)
		}
	}
	p, _ := minimum.Lookup("ntia-2021")
	for _, r := range p.Check(minimum.Subject{Document: d, Stamp: s, Format: sbom.Format{Name: sbom.CycloneDX, Version: "1.6"}}).Results {
		if r.Field.Name == "Component Name" && (r.Missing != 1 || r.Present != 1) {
			t.Errorf("names: %+v, want the main component's to be missing", r)
		}
	}
}

// What is malformed and stays aside is a finding.
func TestFindingsAside(t *testing.T) {
	find := func(hash, purl, expression string) (all []string) {
		d, _, err := cyclonedx.Parse(compose("1.6", fmt.Sprintf(`"components":[{"type":"library","name":"a","bom-ref":"a","purl":%q,"licenses":[{"expression":%q}],"hashes":[{"alg":"SHA-256","content":%q}]}]`, purl, expression, hash)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Findings() {
			if f.Ref == "a" {
				all = append(all, string(f.Kind))
			}
		}
		return all
	}
	if got := find(strings.Repeat("a", 64), "pkg:npm/a", "MIT OR ISC"); len(got) > 0 {
		t.Errorf("got %q, want nothing", got)
	}
	got := find(strings.Repeat("a", 32), "npm/a", "(MIT")
	slices.Sort(got)
	if want := []string{"digest-malformed", "license-malformed", "purl-malformed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
