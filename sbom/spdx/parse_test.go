package spdx_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

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
		{two, `"name":"a"`, `"name":""`, "has no name"},
		{two, `["Tool: t"]`, `[]`, "no creators"},
		{two, "2026-11-21T10:48:28Z", "yesterday", "want YYYY-MM-DD"},
		{two, "DESCRIBES", "DESRIBES", `"DESRIBES", want one of`},
		{two, `"relatedSpdxElement":"SPDXRef-a"`, `"relatedSpdxElement":"SPDXRef-b"`, `"SPDXRef-b" is not in the document`},
		{two, `"SPDXID":"SPDXRef-a"`, `"SPDXID":"a b"`, "want SPDXRef-"},
		{two, `"SPDXID":"SPDXRef-a"`, `"SPDXID":"SPDXRef-DOCUMENT"`, "occurs twice"},
		{two, `[{"SPDXID":"SPDXRef-a"`, `[null,{"SPDXID":"SPDXRef-a"`, "want an object"},
		{two, `"name":"d"`, `"name":` + strings.Repeat("[", 200), "nested deeper"},
		{three, "/3.0.1/spdx-context", "/3.0.0/spdx-context", "want https://spdx.org/rdf/3.0.1"},
		{three, `"@graph"`, `"graph"`, "no @graph"},
		{three, `"spdxId":"https://example.com/a",`, "", "no spdxId"},
		{three, `"spdxId":"https://example.com/a"`, `"spdxId":"pkg:golang/a"`, "want one that begins with"},
		{three, `"spdxId":"https://example.com/a"`, `"spdxId":"https://example.com/o"`, "occurs twice"},
		{three, `,"creationInfo":"_:c","name":"a"`, `,"creationInfo":"_:d","name":"a"`, `"_:d" is not in the document`},
		{three, `,"creationInfo":"_:c","name":"a"`, `,"name":"a"`, "no creationInfo"},
		{three, `,"name":"a"`, ``, "without a name"},
		{three, `2026-11-21T`, `2026-11-21 `, "want YYYY-MM-DD"},
		{three, `"type":"Organization",`, ``, "no type"},
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
