package minimum_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// For which fields it is enough to say that they are unknown, or withheld.
func TestDeclared(t *testing.T) {
	unknown := map[string][]string{
		"ntia-2021": {"Dependency Relationship"},
		"cisa-2026": {
			"SBOM Tool Version", "Component Dependency Relationship", "Component Hash Algorithm", "Component Hash Value", "Component Identifiers",
			"Component License", "Component Name", "Component Producer", "Component Version",
		},
		"bsi-2.1":   {"Dependencies on other components"},
		"telco-1.1": {"PackageDownloadLocation", "PackageLicenseConcluded", "PackageLicenseDeclared", "PackageCopyrightText"},
		"fda-2026":  {"Relationship"},
	}
	withheld := map[string][]string{
		"cisa-2026": unknown["cisa-2026"][1:], // a document has no way to say it of a tool
		"bsi-2.1":   {"Dependencies on other components"},
	}
	for _, p := range minimum.Profiles() {
		for _, f := range p.Fields {
			if want := slices.Contains(unknown[p.Name], f.Name); f.Unknown != want {
				t.Errorf("%s: %s: unknown is enough: %v, want %v", p.Name, f.Name, f.Unknown, want)
			}
			if want := slices.Contains(withheld[p.Name], f.Name); f.Withheld != want {
				t.Errorf("%s: %s: withheld is enough: %v, want %v", p.Name, f.Name, f.Withheld, want)
			}
		}
	}
}

// Each field is asked of each component, but for those of bsi-2.1 that identified and
// logical components do not have.
func TestAsked(t *testing.T) {
	for _, p := range minimum.Profiles() {
		s := whole(p.Name) // the main component, a module, and what made the artifact
		linked := s.Document.Component(lib)
		linked.References, linked.Properties = nil, nil
		for _, r := range p.Check(s).Results {
			want := 3
			switch {
			case !r.Field.Component:
				want = 1
			case p.Name != "bsi-2.1":
			case slices.Contains([]string{"Component creator", "Component name", "Component version", "Other unique identifiers"}, r.Field.Name):
			case slices.Contains([]string{
				"Dependencies on other components", "Distribution licences", "Original licences", "Effective licence", "URL of the security.txt",
			}, r.Field.Name):
				want = 2
			default:
				want = 1
			}
			if got := r.Present + r.Unknown + r.Withheld + r.Missing; got != want {
				t.Errorf("%s: %s: asked of %d, want %d", p.Name, r.Field.Name, got, want)
			}
		}
	}
}

// In a document that has all fields, there is something at the place of each.
func TestPlacesInDocuments(t *testing.T) {
	for _, format := range []sbom.Format{{Name: sbom.CycloneDX, Version: "1.6"}, {Name: sbom.SPDX, Version: "2.3"}, {Name: sbom.SPDX, Version: "3.0.1"}} {
		s := whole("bsi-2.1")
		s.Document.Authors = append(s.Document.Authors, sbom.Party{Name: "Jo Doe", Person: true})
		s.Document.Component(gen).Digests = []hallmark.Digest{digest("sha256")}
		file := s.Document.Component(lib)
		file.Digests = []hallmark.Digest{digest("dirHash")}
		file.Verification = sbom.Recomputed
		file.Distribution = &sbom.Distribution{Path: "lib.zip", URL: "https://example.org/lib.zip", Digests: []hallmark.Digest{digest("sha512")}}
		var data []byte
		var err error
		if format.Name == sbom.CycloneDX {
			data, err = cyclonedx.MarshalVersion(s.Document, s.Stamp, cyclonedx.Version(format.Version))
		} else {
			data, err = spdx.MarshalVersion(s.Document, s.Stamp, spdx.Version(format.Version))
		}
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := json.Unmarshal(data, &document); err != nil {
			t.Fatal(err)
		}

		// has reports whether there is something at a place.
		var has func(at any, path string) bool
		has = func(at any, path string) bool {
			if path == "" {
				return at != nil
			}
			name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			object, ok := at.(map[string]any)
			return ok && has(object[name], strings.TrimPrefix(rest, "/"))
		}
		var components []any
		for _, member := range []string{"components", "packages", "@graph"} {
			if list, ok := document[member].([]any); ok {
				components = list
			}
		}
		somewhere := func(f minimum.Field, place string) bool {
			if class, member, ok := strings.Cut(place, "/"); ok && class != "" && class != "#" {
				return slices.ContainsFunc(components, func(e any) bool {
					element := e.(map[string]any)
					is, _ := element["type"].(string) // or a class below it, LifecycleScopedRelationship
					return strings.HasSuffix(is, class) && (element[member] != nil || element["relationshipType"] == member)
				})
			}
			if f.Component && !strings.HasPrefix(place, "#") {
				return slices.ContainsFunc(components, func(c any) bool { return has(c, place) })
			}
			return has(document, strings.TrimPrefix(place, "#"))
		}
		nowhere := map[string]bool{
			// Nothing of the kind is written.
			"/signature": true, "/vulnerabilities": true,
			// It is written elsewhere, and read there too.
			"Relationship/generates": true, "Relationship/other": true,
		}
		for _, p := range minimum.Profiles() {
			empty := minimum.Subject{Document: &sbom.Document{Main: sbom.Component{Ref: "x"}}, Format: format}
			for _, r := range p.Check(empty).Results {
				if len(r.Findings) == 0 {
					t.Errorf("%s: %s: %s: nothing is found in an empty document", format, p.Name, r.Field.Name)
					continue
				}
				if place := r.Findings[0].Place; place != "" && !somewhere(r.Field, place) && !nowhere[place] {
					t.Errorf("%s: %s: %s: nothing is at %s", format, p.Name, r.Field.Name, place)
				}
			}
		}
	}
}
