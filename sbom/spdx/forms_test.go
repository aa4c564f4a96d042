package spdx_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// written reads and writes a document and returns what it is then, and the package "a".
func written(t *testing.T, data []byte) (d *sbom.Document, out []byte, a map[string]any) {
	t.Helper()
	d, s, err := spdx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err = spdx.MarshalVersion(d, s, spdx.V301)
	if err != nil {
		t.Fatal(err)
	}
	return d, out, packageOf(t, out)
}

func packageOf(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var document struct {
		Graph []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	for _, e := range document.Graph {
		if e["spdxId"] == "https://example.com/a" {
			return e
		}
	}
	t.Fatalf("no package:\n%s", data)
	return nil
}

// What is about the same is written as often as it was read, each as it was.
func TestTwiceAboutTheSame(t *testing.T) {
	const plain = `{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:1"}`
	const other = `{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:0"}`
	const located = `{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:1","identifierLocator":["https://example.com/cpe"]}`
	const located2 = `{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:b:1","identifierLocator":["https://example.com/2"]}`
	const hash = `{"type":"Hash","algorithm":"md5","hashValue":"00000000000000000000000000000000"}`
	const said = `{"type":"Hash","algorithm":"md5","hashValue":"00000000000000000000000000000000","comment":"c"}`
	for _, members := range []string{
		`"externalIdentifier":[` + plain + `,` + located + `]`,
		`"externalIdentifier":[` + located + `,` + plain + `]`,
		`"externalIdentifier":[` + located + `]`,
		`"externalIdentifier":[` + located + `,` + located2 + `]`,
		`"externalIdentifier":[` + plain + `,` + located + `,` + located2 + `]`,
		`"externalIdentifier":[` + plain + `,` + plain + `]`,
		`"externalIdentifier":[` + other + `,` + located + `,` + plain + `]`,
		`"externalIdentifier":[` + strings.Repeat(other+`,`, 9) + located + `,` + strings.Repeat(plain+`,`, 9) + located2 + `]`,
		`"verifiedUsing":[` + hash + `,` + said + `]`,
		`"verifiedUsing":[` + said + `]`,
	} {
		data := compose3(members, "", "")
		d, out, a := written(t, data)
		if want := packageOf(t, data); !reflect.DeepEqual(a, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", members, a, want)
		}
		if again, err := spdx.Losses(d, mustStamp(t, data), spdx.V301); err != nil || len(again) > 0 {
			t.Errorf("%s: losses %v, error %v", members, again, err)
		}
		if _, twice, _ := written(t, out); !bytes.Equal(twice, out) {
			t.Errorf("%s: written again as\n%s\nwant\n%s", members, twice, out)
		}
	}
}

func mustStamp(t *testing.T, data []byte) sbom.Stamp {
	t.Helper()
	_, s, err := spdx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A Hash can stand in the graph and be named by its blank node.
func TestHashInGraph(t *testing.T) {
	const node = `{"type":"Hash","@id":"_:h","algorithm":"md5","hashValue":"000000000000000000000000000000AA"}`
	const hash = `{"type":"Hash","algorithm":"md5","hashValue":"000000000000000000000000000000bb"}`
	for _, test := range []struct{ members, elements, want string }{
		{`"verifiedUsing":["_:h"]`, node, "md5:000000000000000000000000000000aa"},
		{`"verifiedUsing":["_:h",` + hash + `]`, node, "md5:000000000000000000000000000000bb md5:000000000000000000000000000000aa"},
		{`"verifiedUsing":["_:h","_:h"]`, node, "md5:000000000000000000000000000000aa md5:000000000000000000000000000000aa"},
		{`"verifiedUsing":["_:x"]`, node, ""},
		{``, node + `,` + element3("software_File", "f", `"name":"f","verifiedUsing":["_:h"]`) + `,` +
			relation3("r", "a", "hasDistributionArtifact", `"https://example.com/f"`, ""), "md5:000000000000000000000000000000aa"},
	} {
		data := compose3(test.members, test.elements, "")
		d, out, a := written(t, data)
		var got []string
		for _, digest := range d.Main.Digests {
			got = append(got, digest.String())
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: digests %q, want %q", test.members, got, test.want)
		}
		if want := packageOf(t, data); !reflect.DeepEqual(a, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", test.members, a, want)
		}
		if n := bytes.Count(out, []byte(`"Hash"`)); n != bytes.Count(data, []byte(`"Hash"`)) {
			t.Errorf("%s: %d hashes:\n%s", test.members, n, out)
		}
		// In another version there is no graph.
		if two, err := spdx.Marshal(d, mustStamp(t, data)); err != nil || bytes.Contains(two, []byte("000000aa")) != strings.Contains(test.want, "aa") {
			t.Errorf("%s: error %v\n%s", test.members, err, two)
		}
	}
}

// The elements that stand for none and for no assertion have short names in the context.
func TestIndividuals(t *testing.T) {
	const terms = "https://spdx.org/rdf/3.0.1/terms/Core/"
	for _, test := range []struct {
		to, members string
		want        sbom.Completeness
	}{
		{"NoneElement", "", sbom.Complete},
		{terms + "NoneElement", "", sbom.Complete},
		{"NoneElement", `,"completeness":"complete"`, sbom.Complete},
		{"NoneElement", `,"completeness":"noAssertion"`, sbom.Unknown},
		{"NoAssertionElement", "", sbom.Unknown},
		{terms + "NoAssertionElement", `,"completeness":"noAssertion"`, sbom.Unknown},
		{"https://example.com/other", "", sbom.Unknown},
	} {
		data := compose3("", relation3("r", "a", "dependsOn", `"`+test.to+`"`, test.members), "")
		d, out, _ := written(t, data)
		if d.Main.Requirements != test.want || len(d.Edges) > 0 {
			t.Errorf("%s%s: requirements %q and edges %v, want %q", test.to, test.members, d.Main.Requirements, d.Edges, test.want)
		}
		if n := bytes.Count(out, []byte(`"dependsOn"`)); n != 1 {
			t.Errorf("%s: %d relationships, want 1:\n%s", test.to, n, out)
		}
		p, _ := minimum.Lookup("bsi-2.1")
		for _, r := range p.Check(minimum.Subject{Document: d, Format: sbom.Format{Name: "spdx-json", Version: "3.0.1"}}).Results {
			unknown := test.want == sbom.Unknown && !strings.HasPrefix(test.to, "https://example.com")
			if strings.Contains(strings.ToLower(r.Field.Name), "dependencies") && (r.Unknown > 0) != unknown {
				t.Errorf("%s%s: %s: %+v", test.to, test.members, r.Field.Name, r)
			}
		}
	}
	for _, id := range []string{"expandedlicensing_NoneLicense", "expandedlicensing_NoAssertionLicense"} {
		d, _, _ := written(t, compose3("", relation3("r", "a", "hasDeclaredLicense", `"`+id+`"`, ""), ""))
		if d.Main.Licenses != nil {
			t.Errorf("%s: licences %+v, want none", id, d.Main.Licenses)
		}
	}
}

// The name of a document may be empty if its schema allows it; that of a package may not.
func TestEmptyNames(t *testing.T) {
	for _, data := range []string{
		string(compose2("", "", "", "")),
		`{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"d","creationInfo":{"creators":["Tool: t"],"created":"2026-11-21T10:48:28Z"}}`,
	} {
		data = strings.Replace(data, `"name":"d"`, `"name":""`, 1)
		d, s, err := spdx.Parse([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		out, err := spdx.Marshal(d, s)
		if err != nil || !bytes.Contains(out, []byte(`"name": ""`)) || d.Main.Name == "" {
			t.Errorf("main %q, error %v:\n%s", d.Main.Name, err, out)
		}
	}
	for want, data := range map[string]string{
		"/packages/0: SPDXRef-a: an empty name": string(compose2("", "", "", "")),
		"/@graph/3: a package without a name":   string(compose3("", "", "")),
	} {
		_, _, err := spdx.Parse([]byte(strings.Replace(data, `"name":"a"`, `"name":""`, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// A signature is lost once.
func TestLossOfSignature(t *testing.T) {
	d := &sbom.Document{
		Main:      sbom.Component{Ref: "a", Name: "a", Type: sbom.Library, Scope: sbom.Runtime},
		Original:  []byte("{}"),
		Remainder: []sbom.Remainder{{Format: "cyclonedx-json@1.6", Path: "/signature", Value: json.RawMessage(`{"algorithm":"HS256","value":"x"}`)}},
	}
	for range 2 { // with it in the Remainder, and without
		losses, err := spdx.Losses(d, mustStamp(t, compose3("", "", "")), spdx.V23)
		if err != nil || len(losses) != 1 || losses[0].Path != "/signature" || !strings.Contains(losses[0].Why, "bytes") {
			t.Errorf("losses %v, error %v, want the signature once", losses, err)
		}
		d.Remainder = nil
	}
}

// A document that is cut off anywhere is none, and none is of two formats.
func TestPartsAreNoDocuments(t *testing.T) {
	for _, data := range [][]byte{
		compose2(`"checksums":[{"algorithm":"MD5","checksumValue":"00000000000000000000000000000000"}],"comment":"\u00e9\n"`, "", "", ""),
		bytes.Replace(compose2("", `"documentDescribes":["SPDXRef-a"]`, "", ""), []byte("SPDX-2.3"), []byte("SPDX-2.2"), 1),
		compose3(`"verifiedUsing":["_:h"]`, `{"type":"Hash","@id":"_:h","algorithm":"md5","hashValue":"00"}`, ""),
	} {
		if _, _, err := spdx.Parse(data); err != nil {
			t.Fatal(err)
		}
		for n := range data {
			if d, _, err := spdx.Parse(data[:n]); err == nil || d != nil || !strings.HasPrefix(err.Error(), "malformed SPDX document: ") {
				t.Errorf("%d bytes: error %v", n, err)
			}
		}
	}
	data := bytes.Replace(compose2("", "", "", ""), []byte("{"), []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6",`), 1)
	if _, err := sbom.Detect(data); err == nil {
		t.Error("a document of both formats has one")
	}
}

// What this package writes of requirements that nobody knows is declared as unknown when
// it is read again.
func TestOwnNoAssertion(t *testing.T) {
	d := &sbom.Document{Main: sbom.Component{Ref: "a", Name: "a", Type: sbom.Library, Scope: sbom.Runtime}}
	data, err := spdx.MarshalVersion(d, mustStamp(t, compose3("", "", "")), spdx.V301)
	if err != nil {
		t.Fatal(err)
	}
	d, s, err := spdx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := minimum.Lookup("bsi-2.1")
	for _, r := range p.Check(minimum.Subject{Document: d, Stamp: s, Format: sbom.Format{Name: "spdx-json", Version: "3.0.1"}}).Results {
		if r.Field.Name == "Dependencies on other components" && (r.Unknown != 1 || r.Missing > 0) {
			t.Errorf("%+v, want one unknown", r)
		}
	}
}
