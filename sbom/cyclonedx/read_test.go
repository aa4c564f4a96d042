package cyclonedx_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

// What this package writes, it reads as it was, with nothing left over.
func TestParseOwn(t *testing.T) {
	for _, name := range []string{"source", "binary", "bare", "union"} {
		for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V15, cyclonedx.V16, cyclonedx.V17} {
			d := load(t, name)
			data, err := cyclonedx.MarshalVersion(d, stamp(), v)
			if err != nil {
				t.Fatal(err)
			}
			got, s, err := cyclonedx.Parse(data)
			if err != nil {
				t.Errorf("%s, %s: %v", name, v, err)
				continue
			}
			if err := d.Sort(); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(unplaced(got), d) {
				t.Errorf("%s, %s: got\n%s", name, v, toJSON(t, got))
			}
			if want := stamp(); s.Tool != want.Tool || !s.Created.Equal(want.Created.Truncate(time.Second)) {
				t.Errorf("%s, %s: stamp %v, want %v", name, v, s, want)
			}
		}
	}
}

// unplaced returns d without the places that its components were read from.
func unplaced(d *sbom.Document) *sbom.Document {
	for _, c := range d.All() {
		c.Place = ""
	}
	return d
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// compose returns a document of a version with members.
func compose(version, members string) []byte {
	return fmt.Appendf(nil, `{"bomFormat":"CycloneDX","specVersion":%q,"version":1,%s}`, version, members)
}

func TestParseRefuses(t *testing.T) {
	one := `"components":[{"type":"library","name":"a","bom-ref":"a"}]`
	for _, test := range []struct{ data, want string }{
		{"", "the end"},
		{"\ufeff" + string(compose("1.6", one)), "want a value"},
		{string(compose("1.6", one)) + "{}", "after the end"},
		{string(compose("1.6", one))[:40], "no end"},
		{string(compose("1.6", `"components":[],"components":[]`)), "twice"},
		{string(compose("1.6", `"components":[],"\u0063omponents":[]`)), "twice"},
		{string(compose("1.6", "\"properties\":[{\"name\":\"\xff\"}]")), "UTF-8"},
		{string(compose("1.6", `"properties":[{"name":"\ud800"}]`)), "surrogate"},
		{string(compose("1.6", `"components":`+strings.Repeat("[", 200)+strings.Repeat("]", 200))), "nested deeper"},
		{`{"spdxVersion":"SPDX-2.3"}`, "/bomFormat"},
		{`[]`, "/bomFormat"},
		{`null`, "/bomFormat"},
		{string(compose("1.1", one)), "/specVersion"},
		{string(compose("1.8", one)), "/specVersion"},
		{string(compose("1.16", one)), "/specVersion"},
		{string(compose("2.0", one)), "/specVersion"},
		{string(compose(" 1.6", one)), "/specVersion"},
		{string(compose("1.6", `"Components":[]`)), `member "Components" is not known`},
		{string(compose("1.6", `"components":{}`)), "/components: want an array, got an object"},
		{string(compose("1.6", `"components":[null]`)), "/components/0: want an object, got null"},
		{string(compose("1.6", `"components":[{"name":"a","type":"lib"}]`)), `/components/0/type: "lib" is none`},
		{string(compose("1.4", `"components":[{"name":"a","type":"data"}]`)), `/components/0/type: "data" is none`},
		{string(compose("1.5", `"components":[{"name":"a","type":"data","manufacturer":{}}]`)), `member "manufacturer" is not known`},
		{string(compose("1.6", `"components":[{"name":1,"type":"data"}]`)), "/components/0/name: want a string, got a number"},
		{string(compose("1.6", `"components":[{"name":"","type":"data"}]`)), "/components/0/name: the name is empty"},
		{string(compose("1.6", `"components":[{"name":"a","type":"data","bom-ref":"urn:cdx:x"}]`)), "link to another document"},
		{string(compose("1.6", `"components":[{"name":"a","type":"data","bom-ref":"a"},{"name":"b","type":"data","bom-ref":"a"}]`)), "there are two"},
		{string(compose("1.6", one+`,"services":[{"name":"s","bom-ref":"a"}]`)), `/services/0/bom-ref: there are two of the ref "a"`},
		{string(compose("1.6", `"components":[{"name":"a","type":"data"},{"type":"data","name":"a"}]`)), "/components/1: an element is there twice"},
		{string(compose("1.6", one+`,"dependencies":[{"ref":"b"}]`)), `/dependencies/0/ref: there is no "b"`},
		{string(compose("1.6", one+`,"dependencies":[{"ref":"a","dependsOn":["c"]}]`)), `/dependencies/0/dependsOn/0: there is no "c"`},
		{string(compose("1.6", one+`,"serialNumber":"urn:uuid:x"`)), "/serialNumber"},
		{string(compose("1.6", `"metadata":{"timestamp":"2026-11-21"}`)), "/metadata/timestamp"},
		{string(compose("1.6", `"externalReferences":[{"type":"vcs","url":"a b:c"}]`)), "/externalReferences/0/url"},
		{string(compose("1.7", `"components":[{"name":"a","type":"data","version":"1","versionRange":"vers:x"}]`)), "exclude one another"},
		{`{"bomFormat":"CycloneDX","specVersion":"1.6","version":0}`, "/version: 0 is out of range"},
		{`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1.5}`, "/version: want an integer"},
	} {
		d, _, err := cyclonedx.Parse([]byte(test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "malformed CycloneDX document: ") {
			t.Errorf("%.200s:\nerror %v, want one with %q", test.data, err, test.want)
		}
		if d != nil {
			t.Errorf("%.200s: a Document beside an error", test.data)
		}
	}
}

const foreign = `"serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
"metadata":{"timestamp":"2026-11-21T10:00:00.5+01:00","supplier":{"name":"S"},"component":{"type":"application","name":"app","bom-ref":"app"}},
"components":[
 {"type":"library","name":"z","bom-ref":"z","hashes":[{"alg":"SHA-256","content":"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"}],
  "licenses":[{"license":{"id":"MIT"}},{"expression":"ISC OR MIT"}],"purl":"not one",
  "components":[{"type":"library","name":"part"},{"type":"file","name":"f","hashes":[{"alg":"SHA-256","content":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}]}],
  "properties":[{"name":"plain","value":"v"},{"name":"cdx:npm:x","value":"y"}],"evidence":{"occurrences":[{"location":"x"}]}},
 {"type":"library","name":"a","version":"1","publisher":"P","scope":"excluded","bom-ref":"a"}],
"services":[{"name":"s","bom-ref":"s"}],
"dependencies":[{"ref":"z","dependsOn":["s","a","z"],"provides":["a"]},{"ref":"s","dependsOn":["a"]},{"ref":"app","dependsOn":[]}],
"compositions":[{"aggregate":"incomplete","assemblies":["app"]},{"aggregate":"complete","dependencies":["a"]}]`

func TestRemainder(t *testing.T) {
	data := compose("1.7", strings.ReplaceAll(foreign, "\n", ""))
	d, s, err := cyclonedx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, c := range d.All() {
		refs = append(refs, c.Ref)
	}
	if want := []string{"app", "a", "part", "z"}; !slices.Equal(refs, want) {
		t.Errorf("components %q, want %q", refs, want)
	}
	if want := []sbom.Edge{{From: "z", To: "a"}, {From: "z", To: "part", Kind: sbom.Contains}}; !slices.Equal(d.Edges, want) {
		t.Errorf("edges %v, want %v", d.Edges, want)
	}
	z := d.Component("z")
	if z.Licenses.Declared != "MIT AND (ISC OR MIT)" || len(z.Digests) != 1 || len(z.Embedded) != 1 || z.PURL != "" ||
		!slices.Equal(z.Properties, []sbom.Property{{Name: "cdx:npm:x", Value: "y"}, {Name: "plain", Value: "v"}}) {
		t.Errorf("component %+v", z)
	}
	if d.Component("a").Requirements != sbom.Complete || d.Component("a").Scope != sbom.Build || !s.Created.Equal(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("component %+v, stamp %v", d.Component("a"), s)
	}
	rest := func(list []sbom.Remainder) (all []string) {
		for _, r := range list {
			if r.Format != "cyclonedx-json@1.7" {
				t.Errorf("remainder of the format %s", r.Format)
			}
			all = append(all, r.Path+" "+string(r.Value))
		}
		return all
	}
	for _, test := range []struct {
		of        string
		got, want []string
	}{
		{"document", rest(d.Remainder), []string{
			`/metadata/timestamp "2026-11-21T10:00:00.5+01:00"`,
			`/metadata/supplier {"name":"S"}`,
			`/serialNumber "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"`,
			`/services [{"name":"s","bom-ref":"s"}]`,
			`/compositions [{"aggregate":"incomplete","assemblies":["app"]},{"aggregate":"complete","dependencies":["a"]}]`,
			`/$schema null`,
			`/dependencies/0 {"dependsOn":["s",null,"z"],"provides":["a"],"ref":"z"}`,
			`/dependencies/1 {"dependsOn":["a"],"ref":"s"}`,
			`/dependencies/2 {"dependsOn":[],"ref":"app"}`,
			`/dependencies/a null`,
		}},
		{"part", rest(d.Component("part").Remainder), []string{`/bom-ref null`, `/scope null`}},
		{"a", rest(d.Component("a").Remainder), []string{`/publisher "P"`, `/properties null`}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("remainder of %s:\n%s\nwant\n%s", test.of, strings.Join(test.got, "\n"), strings.Join(test.want, "\n"))
		}
	}

	written := func() string {
		t.Helper()
		data, err := cyclonedx.MarshalVersion(d, s, cyclonedx.V17)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := json.Compact(&buf, data); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	losses := func() (all []string) {
		t.Helper()
		list, err := cyclonedx.Losses(d, s, cyclonedx.V17)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			all = append(all, l.Path)
		}
		return all
	}
	if got := losses(); len(got) > 0 {
		t.Errorf("losses %q, want none", got)
	}

	// What is changed in a field is written, and what else was there with it.
	z.Copyright, z.Support = "©", "yes"
	got := written()
	for _, want := range []string{
		`"copyright":"©"`, `"name":"hallmark:support","value":"yes"`, `"name":"cdx:npm:x","value":"y"`, `{"expression":"ISC OR MIT"}`,
		`"content":"2CF2`, `"purl":"not one"`, `"occurrences"`, `{"type":"library","name":"part"}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if got := losses(); !slices.Equal(got, []string{"/components/0/properties/0"}) {
		t.Errorf("losses %q, want the properties as they were", got)
	}
	// A licence that is not what is said now does not come back.
	z.Licenses = &sbom.Licenses{Declared: "Zlib"}
	d.Component("part").Requirements = sbom.Complete
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}
	got = written()
	if strings.Contains(got, "ISC OR MIT") || !strings.Contains(got, `"id":"Zlib"`) {
		t.Errorf("not the licence that was set:\n%s", got)
	}
	if !strings.Contains(got, `"bom-ref":"part"`) || strings.Contains(got, "incomplete") {
		t.Errorf("compositions are not what is known now:\n%s", got)
	}
	if got := losses(); !slices.Equal(got, []string{"/compositions", "/components/0/licenses/0", "/components/0/licenses/1", "/components/0/properties/0"}) {
		t.Errorf("losses %q", got)
	}
}

func TestOtherFormat(t *testing.T) {
	d := load(t, "bare")
	d.Remainder = []sbom.Remainder{{Format: "spdx-json@2.3", Path: "/annotations", Value: json.RawMessage("[]")}}
	d.Main.Remainder = []sbom.Remainder{
		{Format: "spdx-json@2.3", Path: "/attributionTexts", Value: json.RawMessage("[]")},
		{Format: "cyclonedx-json@1.7", Path: "/no/such", Value: json.RawMessage("1")},
		{Format: "cyclonedx-json@1.7", Path: "/publisher", Value: json.RawMessage(`"P"`)},
		{Format: "cyclonedx-json@1.7", Path: "/name", Value: json.RawMessage(`"another"`)},
		{Format: "cyclonedx-json@1.7", Path: "/tags", Value: json.RawMessage(`[{"a":1,"a":2}]`)},
	}
	var got []string
	losses, err := cyclonedx.Losses(d, sbom.Stamp{}, cyclonedx.V16)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range losses {
		got = append(got, l.Path)
	}
	want := []string{"/annotations", "/metadata/component/attributionTexts", "/metadata/component/no", "/metadata/component/name", "/metadata/component/tags"}
	if !slices.Equal(got, want) {
		t.Errorf("losses %q, want %q", got, want)
	}
	data, err := cyclonedx.Marshal(d, sbom.Stamp{})
	if err != nil || !bytes.Contains(data, []byte(`"publisher": "P"`)) {
		t.Errorf("error %v, no publisher in\n%s", err, data)
	}
}

// A document that is signed is written as it was read or not at all.
func TestSigned(t *testing.T) {
	const signature = `"signature":{"algorithm":"ES256","value":"AA","certificatePath":["AA"]}`
	for _, data := range [][]byte{
		compose("1.5", `"components":[],`+signature),
		compose("1.5", `"components":[{"type":"library","name":"a",`+signature+`}]`),
	} {
		d, s, err := cyclonedx.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cyclonedx.MarshalVersion(d, s, cyclonedx.V15)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("error %v, got\n%s, want\n%s", err, got, data)
		}
		var buf bytes.Buffer
		if err := cyclonedx.Write(&buf, d, s, cyclonedx.V15); err != nil || !bytes.Equal(buf.Bytes(), data) {
			t.Errorf("error %v, written\n%s, want\n%s", err, &buf, data)
		}
		if _, err := cyclonedx.Marshal(d, s); err == nil || !strings.Contains(err.Error(), "signed in version 1.5") {
			t.Errorf("in another version: error %v", err)
		}
		if _, err := cyclonedx.MarshalVersion(d, stamp(), cyclonedx.V15); err == nil || !strings.Contains(err.Error(), "was changed") {
			t.Errorf("with another stamp: error %v", err)
		}
		d.Main.Version = "2"
		if _, err := cyclonedx.MarshalVersion(d, s, cyclonedx.V15); err == nil || !strings.Contains(err.Error(), "was changed") {
			t.Errorf("changed: error %v", err)
		}
		d.Original = nil
		got, err = cyclonedx.MarshalVersion(d, s, cyclonedx.V15)
		if err != nil || bytes.Contains(got, []byte("signature")) {
			t.Errorf("without the original: error %v, got\n%s", err, got)
		}
		if losses, err := cyclonedx.Losses(d, s, cyclonedx.V15); err != nil || len(losses) != 1 || !strings.HasSuffix(losses[0].Path, "/signature") {
			t.Errorf("losses %v, error %v, want the signature", losses, err)
		}
	}
}

// What cyclonedx-go v0.12.0 loses, adds, cannot read or lets pass, and this package
// does not. A test that fails for the sake of theirs means that it is mended.
func TestPeerDefects(t *testing.T) {
	for _, test := range []struct {
		what, data   string
		decodes, has bool   // cyclonedx-go reads it; it has want when it is written again
		want         string // in what is written again
	}{
		{
			"the path of a signature's certificates is lost", `"signature":{"algorithm":"ES256","value":"AA","certificatePath":["AA"]}`,
			true, false, `"certificatePath":["AA"]`,
		},
		{
			"properties of model cards are lost", `"components":[{"type":"machine-learning-model","name":"a","modelCard":{"properties":[{"name":"n","value":"v"}]}}]`,
			true, false, `"modelCard":{"properties":[{"name":"n","value":"v"}]}`,
		},
		{
			"a property without a value gets one", `"components":[{"type":"library","name":"a","properties":[{"name":"n"}]}]`,
			true, false, `{"name":"n"}`,
		},
		{
			"a provider without a name gets one", `"services":[{"name":"s","provider":{"url":["https://example.com"]}}]`,
			true, false, `"provider":{"url":["https://example.com"]}`,
		},
		{
			"the asserter of a patent may be a ref", `"components":[{"type":"library","name":"a","bom-ref":"a","patentAssertions":[{"assertionType":"ownership","asserter":"a"}]}]`,
			false, false, `"asserter":"a"`,
		},
	} {
		data := compose("1.7", test.data)
		var theirs cdx.BOM
		err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&theirs)
		if (err == nil) != test.decodes {
			t.Errorf("%s: cyclonedx-go: error %v", test.what, err)
		}
		if err == nil {
			var buf bytes.Buffer
			if err := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON).Encode(&theirs); err != nil {
				t.Fatal(err)
			}
			if has := bytes.Contains(buf.Bytes(), []byte(test.want)); has != test.has {
				t.Errorf("%s: cyclonedx-go: %v, want %v in\n%s", test.what, has, test.has, &buf)
			}
		}
		d, s, err := cyclonedx.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		again, err := cyclonedx.MarshalVersion(d, s, cyclonedx.V17)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := json.Compact(&buf, again); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(buf.String(), test.want) {
			t.Errorf("%s: no %s in\n%s", test.what, test.want, &buf)
		}
	}

	invalid := compose("1.6", `"unknown":1,"components":[{"type":"neither","name":"a"}]`)
	if err := cdx.NewBOMDecoder(bytes.NewReader(invalid), cdx.BOMFileFormatJSON).Decode(new(cdx.BOM)); err != nil {
		t.Errorf("cyclonedx-go refuses what is not valid: %v", err)
	}
	if _, _, err := cyclonedx.Parse(invalid); err == nil {
		t.Error("what is not valid is read")
	}

	// EncodeVersion leaves what the version has not.
	d, s, err := cyclonedx.Parse(compose("1.6", `"components":[{"type":"library","name":"a","licenses":[{"expression":"MIT OR ISC","bom-ref":"l"}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	bom, err := cyclonedx.BOM(d, s)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON).EncodeVersion(bom, cdx.SpecVersion1_4); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cyclonedx.Parse(buf.Bytes()); err == nil {
		t.Errorf("cyclonedx-go writes what is valid:\n%s", &buf)
	}
	data, err := cyclonedx.MarshalVersion(d, s, cyclonedx.V14)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cyclonedx.Parse(data); err != nil {
		t.Error(err)
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		version cyclonedx.Version
		media   string
		ok      bool
	}{
		{"", "application/vnd.cyclonedx+json; version=1.6", true},
		{cyclonedx.V16, cyclonedx.MediaType, true},
		{cyclonedx.V14, "application/vnd.cyclonedx+json; version=1.4", true},
		{"1.3", "application/vnd.cyclonedx+json; version=1.3", false},
		{"1.8", "application/vnd.cyclonedx+json; version=1.8", false},
	} {
		if got := test.version.MediaType(); got != test.media {
			t.Errorf("media type %q, want %q", got, test.media)
		}
		_, err := cyclonedx.MarshalVersion(load(t, "bare"), sbom.Stamp{}, test.version)
		if werr := cyclonedx.Write(new(counter), load(t, "bare"), sbom.Stamp{}, test.version); (err == nil) != test.ok || (werr == nil) != test.ok {
			t.Errorf("version %q: errors %v and %v, want none: %v", test.version, err, werr, test.ok)
		}
	}
}

// Even if nothing were collected, 100,000 components would need less than 64 MiB
// besides the Document: here is a fifth of them, and of that.
func TestWriteMemory(t *testing.T) {
	d := benchmarkDocument(20_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := cyclonedx.Write(new(counter), d, stamp(), cyclonedx.V16); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20/5 {
		t.Errorf("%d bytes were allocated, want at most %d", n, 64<<20/5)
	}
}

// Memory that is never touched is none.
func TestParseSize(t *testing.T) {
	if _, _, err := cyclonedx.Parse(make([]byte, 1<<28+1)); err == nil || !strings.Contains(err.Error(), "want at most 268435456") {
		t.Errorf("error %v, want one with the bound", err)
	}
}

// A failing is a writer that is full after some bytes.
type failing int

func (f *failing) Write(p []byte) (int, error) {
	if *f -= failing(len(p)); *f < 0 {
		return 0, fmt.Errorf("full")
	}
	return len(p), nil
}

func TestWriteFails(t *testing.T) {
	d := benchmarkDocument(2000)
	for _, n := range []failing{0, 1 << 17, 1 << 20} {
		if err := cyclonedx.Write(&n, d, stamp(), cyclonedx.V16); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("error %v, want that of the writer", err)
		}
	}
}

// Components are read and compared by several goroutines, and the schema is checked
// by another one: the outcome is one all the same.
func TestManyComponents(t *testing.T) {
	data, err := cyclonedx.Marshal(benchmarkDocument(1000), stamp())
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte(`"scope": "required"`), []byte(`"publisher": "somebody"`))
	want, _, err := cyclonedx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range want.All() {
		if got := len(c.Remainder); i > 0 && got != 2 { // the publisher, and no scope
			t.Fatalf("%s: %d remainders, want 2", c.Ref, got)
		}
	}
	for range 3 {
		if got, _, err := cyclonedx.Parse(data); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read as another document, error %v", err)
		}
	}
	// What the schema does not allow is told before two of one ref.
	data = bytes.Replace(data, []byte("module000998@v1.2.3\""), []byte("module000997@v1.2.3\""), 1)
	twice := "malformed CycloneDX document: /components/997/bom-ref: there are two of the ref \"pkg:golang/example.com/some/module000997@v1.2.3\""
	if _, _, err := cyclonedx.Parse(data); err == nil || err.Error() != twice {
		t.Errorf("error %v, want %s", err, twice)
	}
	data = append(bytes.TrimSuffix(data, []byte("\n}\n")), ",\n  \"version\": \"1\"}"...)
	data = bytes.Replace(data, []byte("  \"version\": 1,\n"), nil, 1)
	for range 3 {
		if _, _, err := cyclonedx.Parse(data); err == nil || !strings.HasPrefix(err.Error(), "malformed CycloneDX document: /version: want an integer") {
			t.Errorf("error %v, want one of the version", err)
		}
	}
}

// Whatever is read is written in all versions, and what is written is read as the
// same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(compose("1.7", foreign)))
	f.Add([]byte(compose("1.4", `"components":[{"type":"library","name":"a","signature":{"algorithm":"ES256","value":""}}]`)))
	f.Add([]byte(compose("1.2", `"x":[],"components":[{"type":"library","name":"a","version":"","x":null}]`)))
	f.Add([]byte(compose("1.6", `"components":[{"type":"library","name":"a","bom-ref":"a","properties":[{"name":"hallmark:edge:contains","value":"a"}]}],"dependencies":[{"ref":"a","dependsOn":["a"]},{"ref":"a"}]`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, s, err := cyclonedx.Parse(data)
		if err != nil {
			return
		}
		if d.Original != nil {
			var doc struct{ SpecVersion string }
			if err := json.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			if v := cyclonedx.Version(doc.SpecVersion); v > "1.3" {
				if got, err := cyclonedx.MarshalVersion(d, s, v); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("signed and written in other bytes: %v", err)
				}
			}
			d.Original = nil
		}
		for _, v := range []cyclonedx.Version{cyclonedx.V14, cyclonedx.V15, cyclonedx.V16, cyclonedx.V17} {
			out, err := cyclonedx.MarshalVersion(d, s, v)
			if err != nil {
				t.Fatalf("%s: %v", v, err)
			}
			again, s, err := cyclonedx.Parse(out)
			if err != nil {
				t.Fatalf("%s: %v\n%s", v, err, out)
			}
			twice, err := cyclonedx.MarshalVersion(again, s, v)
			if err != nil {
				t.Fatalf("%s: %v", v, err)
			}
			if !bytes.Equal(out, twice) {
				t.Fatalf("%s: written as\n%s\nand then as\n%s", v, out, twice)
			}
		}
	})
}
