package sbom_test

import (
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A Place is a JSON pointer, and of a document that is no more there is none.
func TestPlace(t *testing.T) {
	document := func(place string) *sbom.Document {
		c := sbom.Component{Ref: "pkg:npm/a@1.0.0", PURL: "pkg:npm/a@1.0.0", Name: "a", Version: "1.0.0", Type: sbom.Library, Scope: sbom.Runtime, Place: place}
		c.References = []sbom.Reference{{Type: "vcs", URL: "https://example.com"}, {Type: "vcs", URL: "https://example.com/" + place}}
		main := sbom.Component{Ref: "m", Name: "m", Type: sbom.Application, Scope: sbom.Runtime, Place: "/metadata/component"}
		return &sbom.Document{Main: main, Components: []sbom.Component{c}}
	}
	if err := document("/components/1").Check(); err != nil {
		t.Error(err)
	}
	if err := document("components/1").Check(); err == nil || !strings.Contains(err.Error(), "no JSON pointer") {
		t.Errorf("error %v, want that it is no JSON pointer", err)
	}
	none := func(what string, d *sbom.Document, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, c := range d.All() {
			if c.Place != "" {
				t.Errorf("%s: %s has the place %s", what, c.Ref, c.Place)
			}
		}
	}
	docs := map[string]*sbom.Document{"x": document("/components/1"), "y": document("/components/2")}
	m, err := sbom.Merge(docs["x"].Main, docs)
	none("merge", m, err)
	if len(m.Components) == 1 && len(m.Components[0].References) != 3 {
		t.Errorf("references %v, want three", m.Components[0].References)
	}
	docs["y"].Components[0].References = docs["x"].Components[0].References
	u, err := sbom.Union(docs)
	none("union", u, err)
	if docs["x"].Main.Place == "" || docs["x"].Components[0].Place == "" {
		t.Error("the documents were changed")
	}
}
