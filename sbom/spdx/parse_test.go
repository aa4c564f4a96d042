package spdx_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

func TestParseRefuses(t *testing.T) {
	const two = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"d","documentNamespace":"https://example.com/d",` +
		`"creationInfo":{"creators":["Tool: t"],"created":"2026-11-21T10:48:28Z"},"packages":[{"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"NONE"}],` +
		`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"}]}`
	const three = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[` +
		`{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-11-21T10:48:28Z","createdBy":["https://example.com/o"]},` +
		`{"type":"Organization","spdxId":"https://example.com/o","creationInfo":"_:c","name":"o"},` +
		`{"type":"SpdxDocument","spdxId":"https://example.com/d","creationInfo":"_:c","rootElement":["https://example.com/a"]},` +
		`{"type":"software_Package","spdxId":"https://example.com/a","creationInfo":"_:c","name":"a"}]}`
	const relation = `{"type":"Relationship","spdxId":"https://example.com/r","creationInfo":"_:c","from":"https://example.com/a","relationshipType":"contains","to":["https://example.com/o"]}`
	for _, document := range []string{two, three} {
		if d, _, err := spdx.Parse([]byte(document)); err != nil || d.Main.Name != "a" {
			t.Fatalf("%v: %s", err, document)
		}
	}
	for _, test := range []struct{ document, old, new, want string }{
		{two, "SPDX-2.3", "SPDX-2.1", `version "SPDX-2.1"`},
		{two, `"spdxVersion":"SPDX-2.3",`, "", "neither spdxVersion nor @context"},
		{two, `{"spdxVersion"`, `{"@context":"x","spdxVersion"`, "and @context of SPDX 3"},
		{two, `{"spdxVersion"`, "\ufeff" + `{"spdxVersion"`, "want an object"},
		{two, `"name":"d"`, `"name":"d","name":"e"`, "occurs twice"},
		{two, `"name":"d"`, `"name":1`, "want a string"},
		{two, `"name":"d",`, ``, "no name"},
		{two, `"name":"a"`, `"name":"` + "\xff" + `"`, "not UTF-8"},
		{two, `"name":"a"`, `"name":""`, "/packages/0: SPDXRef-a: an empty name"},
		{two, `["Tool: t"]`, `[]`, "no creators"},
		{two, "2026-11-21T10:48:28Z", "yesterday", "want YYYY-MM-DD"},
		{two, "DESCRIBES", "DESRIBES", `"DESRIBES", want one of`},
		{two, `"relatedSpdxElement":"SPDXRef-a"`, `"relatedSpdxElement":"SPDXRef-b"`, `"SPDXRef-b" is not in the document`},
		{two, `"SPDXID":"SPDXRef-a"`, `"SPDXID":"a b"`, "want SPDXRef-"},
		{two, `"SPDXID":"SPDXRef-a"`, `"SPDXID":"SPDXRef-DOCUMENT"`, "occurs twice"},
		{two, `[{"SPDXID":"SPDXRef-a"`, `[null,{"SPDXID":"SPDXRef-a"`, "want an object"},
		{two, `"name":"d"`, `"name":` + strings.Repeat("[", 200), "nested deeper"},
		{three, "/3.0.1/spdx-context", "/3.0.0/spdx-context", "want https://spdx.org/rdf/3.0.1"},
		{three, `"@graph"`, `"graph"`, "neither an @graph nor an element"},
		{three, `"spdxId":"https://example.com/a",`, "", "no spdxId"},
		{three, `"spdxId":"https://example.com/a"`, `"spdxId":"pkg:golang/a"`, "want one that begins with"},
		{three, `"spdxId":"https://example.com/a"`, `"spdxId":"https://example.com/o"`, "occurs twice"},
		{three, `,"creationInfo":"_:c","name":"a"`, `,"creationInfo":"_:d","name":"a"`, `"_:d" is not in the document`},
		{three, `,"creationInfo":"_:c","name":"a"`, `,"name":"a"`, "no creationInfo"},
		{three, `,"name":"a"`, ``, "without a name"},
		{three, `2026-11-21T`, `2026-11-21 `, "want YYYY-MM-DD"},
		{three, `"type":"Organization",`, ``, "no type"},
		{three, `"type":"Organization"`, `"type":"Organisation"`, `type "Organisation", want a class of SPDX 3.0.1`},
		{three, `"type":"Organization"`, `"type":"spdx:Core/Organization"`, "want a class of SPDX 3.0.1"},
		{three, `"type":"Organization"`, `"type":"https://spdx.org/rdf/3.0.1/terms/Core/Organization"`, "want a class of SPDX 3.0.1"},
		{three, `"type":"Organization","spdxId"`, `"type":"Organization","@id"`, "no spdxId"},
		{three, `"type":"Organization","spdxId"`, `"type":"Organization","@id":"_:o","spdxId"`, "@id beside it"},
		{three, `"type":"Organization"`, `"type":"Hash"`, "an spdxId, which only elements have"},
		{three, `"creationInfo":"_:c","name":"a"`, `"creationInfo":{"type":"Hash"},"name":"a"`, `type "Hash", want CreationInfo`},
		{three, `"creationInfo":"_:c","name":"a"`, `"creationInfo":{"type":"CreationInfo"},"name":"a"`, "no created"},
		{three, `]}`, `,` + relation + `,` + strings.Replace(relation, "contains", "other", 1) + `]}`, "occurs twice"},
		{three, `]}`, `,{"type":"SpdxDocument","spdxId":"https://example.com/e","creationInfo":"_:c"}]}`, "2 elements are of the type SpdxDocument"},
		{three, `]}`, `]} x`, "after the end"},
	} {
		if !strings.Contains(test.document, test.old) {
			t.Fatalf("%s is not in the document", test.old)
		}
		i := strings.LastIndex(test.document, test.old)
		if strings.HasPrefix(test.old, `"name":"d"`) || strings.HasPrefix(test.old, `{"spdx`) {
			i = strings.Index(test.document, test.old)
		}
		d, _, err := spdx.Parse([]byte(test.document[:i] + test.new + test.document[i+len(test.old):]))
		if err == nil || d != nil || !strings.HasPrefix(err.Error(), "malformed SPDX document: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s instead of %s: error %v, want one with %q", test.new, test.old, err, test.want)
		}
	}
}

// What SPDX 3.0.1 allows beside elements in a graph that have all others in it by
// their identifiers.
func TestParseForms(t *testing.T) {
	const head = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld",`
	const info = `{"type":"CreationInfo","specVersion":"3.0.1","created":"2026-11-21T10:48:28Z","createdBy":["https://example.com/o"]}`
	const lib = `{"type":"software_Package","spdxId":"https://example.com/lib","creationInfo":` + info + `,"name":"lib"}`
	const app = `"type":"software_Package","spdxId":"https://example.com/app","creationInfo":` + info + `,"name":"app",` +
		`"suppliedBy":{"type":"Person","spdxId":"https://example.com/p","creationInfo":` + info + `,"name":"P"}`
	const relation = `{"type":"Relationship","spdxId":"https://example.com/r","creationInfo":` + info +
		`,"from":"https://example.com/app","relationshipType":"dependsOn","completeness":"complete","to":[` + lib + `]}`
	const document = `{"type":"SpdxDocument","spdxId":"https://example.com/d","creationInfo":` + info + `,"rootElement":[{` + app + `}]}`
	for name, test := range map[string]struct{ document, main, place, lib, libPlace string }{
		"elements within others": {head + `"@graph":[` + document + `,` + relation + `]}`, "app", "/@graph/0/rootElement/0", "lib", "/@graph/1/to/0"},
		"twice the same":         {head + `"@graph":[` + document + `,` + relation + `,` + strings.Replace(relation, lib, `"https://example.com/lib"`, 1) + `]}`, "app", "/@graph/0/rootElement/0", "lib", "/@graph/1/to/0"},
		"values in the graph": {head + `"@graph":[{"type":"Hash","@id":"_:h","algorithm":"sha256","hashValue":"00"},{"type":"https://example.com/Own","x":null},` +
			`{` + app + `,"verifiedUsing":["_:h"],"externalRef":["_:x"],"externalIdentifier":["_:y"]},{"type":"software_Sbom","spdxId":"https://example.com/s","creationInfo":` + info +
			`,"rootElement":["https://example.com/app"]},` + relation + `]}`, "app", "/@graph/2", "lib", "/@graph/4/to/0"},
		"no graph": {head + app + `}`, "document", "", "app", "/@graph/0"},
	} {
		d, s, err := spdx.Parse([]byte(test.document))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Created.Unix() != 1795258108 {
			t.Errorf("%s: created %v", name, s.Created)
		}
		lib := &d.Components[0]
		if d.Main.Name != test.main || d.Main.Place != test.place || lib.Name != test.lib || lib.Place != test.libPlace {
			t.Errorf("%s: %s at %q and %s at %q", name, d.Main.Name, d.Main.Place, lib.Name, lib.Place)
		}
		for _, c := range d.All() {
			if c.Name == "app" && (c.Supplier == nil || c.Supplier.Name != "P" || !c.Supplier.Person) {
				t.Errorf("%s: supplier %v", name, c.Supplier)
			}
		}
		if test.main == "app" && (len(d.Edges) != 1 || d.Main.Requirements != sbom.Complete) {
			t.Errorf("%s: edges %v, requirements %q", name, d.Edges, d.Main.Requirements)
		}
		out, err := spdx.MarshalVersion(d, s, spdx.V301)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"app", "p", "lib", "r", "s", "d"} {
			id := `"spdxId":"https://example.com/` + id + `"`
			want := min(strings.Count(test.document, id), 1)
			if name == "twice the same" && strings.HasSuffix(id, `/r"`) {
				want = 2
			}
			if got := strings.Count(string(out), id); got != want {
				t.Errorf("%s: %s occurs %d times, want %d:\n%s", name, id, got, want, out)
			}
		}
	}
}

// Each loss is at the place of the document that was read.
func TestLossesHavePlaces(t *testing.T) {
	const two = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"d","documentNamespace":"https://example.com/d",` +
		`"creationInfo":{"creators":["Tool: t"],"created":"2026-11-21T10:48:28Z"},"packages":[{"SPDXID":"SPDXRef-z","name":"z","downloadLocation":"NONE","summary":"S"},` +
		`{"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"NONE","sourceInfo":"T"}],` +
		`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"},` +
		`{"spdxElementId":"SPDXRef-a","relationshipType":"COPY_OF","relatedSpdxElement":"SPDXRef-z"}]}`
	d, s, err := spdx.Parse([]byte(two))
	if err != nil {
		t.Fatal(err)
	}
	losses, err := spdx.Losses(d, s, spdx.V301)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range losses {
		got = append(got, l.Path)
	}
	slices.Sort(got)
	want := []string{"/documentNamespace", "/name", "/packages/0/downloadLocation", "/packages/0/summary", "/packages/1/downloadLocation", "/packages/1/sourceInfo", "/relationships/1"}
	if !slices.Equal(got, want) {
		t.Errorf("losses at %q, want %q", got, want)
	}
}

// The bytes of a document are the caller's: what was read does not change with them.
func TestParseKeepsNoBytes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.spdx.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, name := range files {
		own, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, s, err := spdx.Parse(own)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []spdx.Version{spdx.V23, spdx.V301} {
			data, err := spdx.MarshalVersion(d, s, v)
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, data); err != nil {
				t.Fatal(err)
			}
			data = compact.Bytes() // so that values need not be made anew
			// What is somebody else's is kept in Remainders.
			data = bytes.ReplaceAll(data, []byte("https://spdx.org/spdxdocs/"), []byte("https://example.com/"))
			data = bytes.ReplaceAll(data, []byte("DEPENDS_ON"), []byte("AMENDS"))
			data = bytes.ReplaceAll(data, []byte("\"CONTAINS\""), []byte("\"COPY_OF\",\"other\":{}"))
			want, stamp, err := spdx.Parse(bytes.Clone(data))
			if err != nil {
				t.Fatalf("%s %s: %v", name, v, err)
			}
			got, _, _ := spdx.Parse(data)
			clear(data)
			if !reflect.DeepEqual(got, want) || len(got.Remainder) == 0 {
				t.Errorf("%s %s: %d values that have no place, and not the same ones after a change of the bytes", name, v, len(got.Remainder))
			}
			if _, err := spdx.MarshalVersion(got, stamp, v); err != nil {
				t.Errorf("%s %s: %v", name, v, err)
			}
		}
	}
}
