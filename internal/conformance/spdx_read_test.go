package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// richDocument is randomDocument with what only documents of others have.
func richDocument(seed uint64) (*sbom.Document, sbom.Stamp) {
	d, s := randomDocument(seed)
	r := rand.New(rand.NewPCG(seed, 2))
	one := func(in int) bool { return r.IntN(in) == 0 }
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	word := func() string {
		return pick("a", "B c", `"q"`, `\`, "ä語", "x (y@z)", "", "NOASSERTION", "NONE", "Organization: ", "\u2028") + pick("", "1", " ", "\n", "\t") + pick("z", "<&>", "(e@f)")
	}
	party := func() sbom.Party {
		p := sbom.Party{Name: word(), Email: pick("", "", "a@example.com", "b"), URL: pick("", "", "https://example.com/?a=b c", `\`), Person: one(2)}
		if one(5) && p.URL != "" {
			p.Name = ""
		}
		return p
	}
	maybe := func() *sbom.Party {
		if !one(3) {
			return nil
		}
		p := party()
		return &p
	}
	for range r.IntN(3) {
		d.Authors = append(d.Authors, party())
	}
	d.Phase = sbom.Phase(pick(string(d.Phase), "design", "operations", "discovery", "decommission"))
	for i, c := range d.All() {
		if one(2) {
			continue
		}
		c.Type = sbom.Type(pick(string(c.Type), "framework", "container", "platform", "operating-system", "device", "device-driver", "firmware",
			"file", "machine-learning-model", "data", "cryptographic-asset", "unclassified"))
		if i > 0 && one(3) {
			c.Scope = sbom.Scope(pick("optional", "unscoped"))
		}
		c.Group, c.Description, c.Copyright = pick("", word()), pick("", word()), pick("", "c "+word())
		c.Supplier, c.Producer = maybe(), maybe()
		c.Support = pick("", "actively-maintained", "endOfSupport", word())
		if one(3) {
			c.SupportUntil = time.Unix(r.Int64N(1<<33), r.Int64N(2)*r.Int64N(1e9)).UTC()
		}
		for range r.IntN(3) {
			c.CPEs = append(c.CPEs, pick("cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "cpe:/a:b:c", "cpe:2.3:a b", "other")+fmt.Sprint(len(c.CPEs)))
		}
		for range r.IntN(5) {
			ref := sbom.Reference{Type: pick("website", "vcs", "distribution", "issue-tracker", "other", "bom", "own type"), URL: fmt.Sprint("https://example.com/", r.IntN(9))}
			ref.URL = pick(ref.URL, ref.URL, "NONE", "a b", ":x", `a\b`, "http://a:1:2/x", "%zz")
			ref.Comment = pick("", "", word())
			if one(3) {
				dg, err := hallmark.ParseDigest("sha256:" + strings.Repeat(pick("0", "a"), 64))
				if err != nil {
					panic(err)
				}
				ref.Digests = append(ref.Digests, dg)
			}
			c.References = append(c.References, ref)
		}
		for _, e := range []sbom.Element{"supplier", "producer", "version", "identifier", "hash", "license", "copyright", "requirements"} {
			if one(6) {
				c.Gaps = append(c.Gaps, sbom.Gap{Element: e, Kind: sbom.GapKind(pick("unknown", "withheld"))})
			}
		}
	}
	all := d.All()
	for range r.IntN(1 + len(all)) {
		e := sbom.Edge{From: all[r.IntN(len(all))].Ref, To: all[r.IntN(len(all))].Ref, Kind: sbom.Contains}
		if len(d.Targets) > 0 && one(4) {
			e.Target = d.Targets[r.IntN(len(d.Targets))].Name
		}
		if e.From != e.To {
			d.Edges = append(d.Edges, e)
		}
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d, s
}

func TestSPDXReadsWhatItWrites(t *testing.T) {
	for _, version := range []spdx.Version{spdx.V23, spdx.V301} {
		schemas := []interface{ Validate(any) error }{spdxSchema(t, "2.3"), spdxSchema(t, "2.3.1")}
		if version == spdx.V301 {
			schemas = []interface{ Validate(any) error }{spdx3Schema(t)}
		}
		for seed := range uint64(documents) {
			d, s := richDocument(seed)
			switch seed % 3 {
			case 1:
				d, s = randomDocument(seed)
			case 2:
				d, s = wideDocument(seed)
			}
			data, err := spdx.MarshalVersion(d, s, version)
			if err != nil {
				t.Fatalf("%s: seed %d: %v", version, seed, err)
			}
			for _, schema := range schemas {
				if version == spdx.V301 && (seed%8 > 1 || len(data) > 200_000) {
					break // its schema takes seconds for a large document
				}
				if err := validate2(schema, data); err != nil {
					t.Fatalf("%s: seed %d: %v", version, seed, err)
				}
			}
			back, stamp, err := spdx.Parse(data)
			if err != nil {
				t.Fatalf("%s: seed %d: %v\n%s", version, seed, err, data)
			}
			for _, c := range back.All() {
				c.Place = ""
			}
			if diff := difference("", reflect.ValueOf(*d), reflect.ValueOf(*back)); diff != "" {
				t.Fatalf("%s: seed %d: %s\n%s", version, seed, diff, data)
			}
			again, err := spdx.MarshalVersion(back, stamp, version)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%s: seed %d: it is written again with other bytes: %v", version, seed, err)
			}
		}
	}
}

// difference says where two values first differ, or "".
func difference(at string, a, b reflect.Value) string {
	switch a.Kind() {
	case reflect.Struct:
		if a.Type() == reflect.TypeFor[time.Time]() || a.Type() == reflect.TypeFor[hallmark.Digest]() {
			break
		}
		for i := range a.NumField() {
			if d := difference(at+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Slice:
		if a.Len() == b.Len() {
			for i := range a.Len() {
				if d := difference(fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i)); d != "" {
					return d
				}
			}
			return ""
		}
	case reflect.Pointer:
		if !a.IsNil() && !b.IsNil() {
			return difference(at, a.Elem(), b.Elem())
		}
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		return fmt.Sprintf("%s: %+v, want %+v", at, b.Interface(), a.Interface())
	}
	return ""
}

func validate2(s interface{ Validate(any) error }, data []byte) error {
	v, err := unmarshalSchema(data)
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func unmarshalSchema(data []byte) (any, error) {
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

// spdx3Schema returns the official JSON schema of SPDX 3.0.1. Its pattern of IRIs has a
// look-ahead, which Go has not: it is written in another way.
func spdx3Schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const name = "spdx-json-schema-3.0.1.json"
	data := readSBOM(t, "schemas/spdx/"+name)
	pattern, same := []byte(`"^(?!_:).+:.+"`), []byte(`"^([^_].*|_[^:].*):.+"`)
	if !bytes.Contains(data, pattern) {
		t.Fatal("the schema has no such pattern")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.ReplaceAll(data, pattern, same)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://spdx.org/"+name, doc); err != nil {
		t.Fatal(err)
	}
	return compileSchema(t, c, "https://spdx.org/"+name)
}
