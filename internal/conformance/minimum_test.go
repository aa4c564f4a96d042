package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// TestNTIAFixtures holds ntia-2021 against the fixtures of ntia-conformance-checker,
// each of which is named for the element that it lacks. lacks are the fields that
// are not satisfied here. Where they are others than the checker's, differs says
// why.
func TestNTIAFixtures(t *testing.T) {
	const (
		noDependencies = "the checker takes that the document DESCRIBES a package for a dependency relationship; " +
			"that is what the document is about, and what the package requires is not told"
		onlyFiles      = "the only relationship of the package is that files are in it"
		anyIdentifier  = "the checker takes the SPDX identifier, which each package has, for one by which databases know it"
		alsoNoSupplier = "the checker names the missing supplier too: it is NOASSERTION"
		notOfNTIA      = "a concluded licence is no element of NTIA 2021: the checker asks for it by another edition, FSCT 3"
	)
	for _, tt := range []struct {
		file    string
		lacks   []string
		refused string // why there is no document to judge
		differs []string
	}{
		{"missing_author_name/SPDXJSONExample-v2.3.spdx.json", []string{"Author of SBOM Data", "Dependency Relationship", "Supplier Name"}, "", []string{noDependencies, alsoNoSupplier}},
		{"missing_component_name/SPDXJsonExample.json", nil, "no spdxVersion", nil},
		{"missing_component_version/SPDXJSONExample-v2.3.spdx.json", []string{"Dependency Relationship", "Version of the Component"}, "", []string{noDependencies}},
		{"missing_concluded_license/SPDXJSONExample-v2.3.spdx.json", []string{"Dependency Relationship"}, "", []string{noDependencies, notOfNTIA}},
		{"missing_dependency_relationships/SPDXJSONExample-v2.3.spdx.json", []string{"Dependency Relationship"}, "", nil},
		{"missing_supplier_name/SPDXJSONExample-v2.3.spdx.json", []string{"Supplier Name"}, "", []string{anyIdentifier}},
		{"missing_timestamp/SPDXJSONExample-v2.3.spdx.json", []string{"Timestamp", "Dependency Relationship", "Supplier Name"}, "", []string{noDependencies, alsoNoSupplier}},
		{"missing_unique_identifiers/SPDXJSONExample-v2.3.spdx.json", nil, "a package has no SPDXID", nil},
		{"spdx3/missing_supplier_name.json", []string{"Dependency Relationship", "Supplier Name"}, "", []string{onlyFiles, anyIdentifier}},
		{"spdx3/missing_unique_identifiers.json", nil, "an element has no spdxId", nil},
		{"spdx3/missing_version.json", []string{"Dependency Relationship", "Version of the Component"}, "", []string{onlyFiles, anyIdentifier}},
	} {
		s, err := readMinimum(t, "minimum-elements/ntia-conformance-checker/"+tt.file)
		if tt.refused != "" || err != nil {
			if err == nil || err.Error() != tt.refused {
				t.Errorf("%s: error %v, want %q", tt.file, err, tt.refused)
			}
			continue
		}
		report := check(t, "ntia-2021", s)
		var lacks []string
		for _, r := range report.Results {
			if r.Field.Level == minimum.Required && !r.Satisfied {
				lacks = append(lacks, r.Field.Name)
			}
		}
		if !slices.Equal(lacks, tt.lacks) {
			t.Errorf("%s: lacks %q, want %q", tt.file, lacks, tt.lacks)
		}
		if report.Satisfied { // none of them conforms, the checker says
			t.Errorf("%s: satisfied", tt.file)
		}

		// What the fixture is named for is not satisfied, or a difference says why.
		if field := named(tt.file); !slices.Contains(lacks, field) && !slices.Contains(tt.differs, notOfNTIA) {
			t.Errorf("%s: %q is not lacking", tt.file, field)
		}
		if got := slices.Contains(lacks, "Dependency Relationship"); got && named(tt.file) != "Dependency Relationship" &&
			!slices.Contains(tt.differs, noDependencies) && !slices.Contains(tt.differs, onlyFiles) {
			t.Errorf("%s: a dependency relationship is lacking, and nothing says why the checker has it", tt.file)
		}
		result := func(field string) minimum.Result {
			return report.Results[slices.IndexFunc(report.Results, func(r minimum.Result) bool { return r.Field.Name == field })]
		}
		if r := result("License Information"); slices.Contains(tt.differs, notOfNTIA) && (r.Field.Level != minimum.Recommended || r.Missing != 0) {
			t.Errorf("%s: licence %+v, want it recommended, and that which is declared", tt.file, r)
		}
		if r := result("Other Unique Identifiers"); (r.Missing > 0) != slices.Contains(tt.differs, anyIdentifier) {
			t.Errorf("%s: identifiers %+v", tt.file, r)
		}
	}
}

// named returns the field that the checker says the fixture lacks.
func named(file string) string {
	for part, field := range map[string]string{
		"missing_author_name":              "Author of SBOM Data",
		"missing_component_version":        "Version of the Component",
		"missing_version":                  "Version of the Component",
		"missing_dependency_relationships": "Dependency Relationship",
		"missing_supplier_name":            "Supplier Name",
		"missing_timestamp":                "Timestamp",
	} {
		if strings.Contains(file, part) {
			return field
		}
	}
	return ""
}

// The real documents of the checker have no verdict: each is judged by each profile,
// and none is found to satisfy one that wants a supplier of each component.
func TestMinimumRealDocuments(t *testing.T) {
	dir := filepath.Join(sbomCorpus(t), "minimum-elements", "ntia-conformance-checker")
	files, err := filepath.Glob(filepath.Join(dir, "real_world_sboms", "*.json"))
	if err != nil || len(files) != 7 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range append(files, filepath.Join(dir, "SPDXSBOMExampleTests", "chainguard.spdx.json")) {
		name, err := filepath.Rel(sbomCorpus(t), file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := readMinimum(t, filepath.ToSlash(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range minimum.Profiles() {
			r := check(t, p.Name, s)
			if r.Satisfied && p.Name != "cra-2024" {
				t.Errorf("%s: satisfies %s", name, p.Name)
			}
		}
	}
}

// Rules for a Document at random leave what it said as it was, change nothing when
// applied again, and what they say can be written.
func TestRulesOfRandomDocuments(t *testing.T) {
	when := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	known := sbom.Party{Name: "Example", Email: "sbom@example.com"}
	for seed := range uint64(documents) {
		d, s := randomDocument(seed)
		before := fmt.Sprintf("%+v", d.All())
		r := sbom.Rules{
			Name:      "at random",
			Authors:   []sbom.Party{known},
			Suppliers: []sbom.PartyRule{{Prefix: d.Main.Ref, Party: known}},
			Gaps:      []sbom.GapRule{{Prefix: "pkg:golang", Gap: sbom.Gap{Element: sbom.ElementSupplier, Kind: sbom.Withheld}}},
			Licenses:  []sbom.LicenseRule{{Prefix: "pkg:golang", Expression: "MIT OR Apache-2.0", Reason: "a test"}},
			Support:   []sbom.SupportRule{{Prefix: "pkg:golang/example.com", Support: "active", Until: when}},
		}
		got, outcomes, err := r.Apply(d, when)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if fmt.Sprintf("%+v", d.All()) != before {
			t.Errorf("seed %d: the document itself is changed", seed)
		}
		if got.Main.Supplier == nil || *got.Main.Supplier != known {
			t.Errorf("seed %d: supplier %v", seed, got.Main.Supplier)
		}
		for i, c := range got.All() {
			was := d.All()[i]
			if was.Ref != c.Ref || was.Name != c.Name || was.Version != c.Version || was.Licenses != nil && was.Licenses.Concluded != "" && was.Licenses.Concluded != c.Licenses.Concluded {
				t.Errorf("seed %d: %s says something else than before", seed, c.Ref)
			}
		}
		again, same, err := r.Apply(got, when)
		if err != nil || !reflect.DeepEqual(again, got) || !reflect.DeepEqual(same, outcomes) {
			t.Errorf("seed %d: applied again: outcomes %+v, first %+v, error %v", seed, same, outcomes, err)
		}
		if _, err := cyclonedx.Marshal(got, s); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if _, err := spdx.Marshal(got, s); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for _, p := range minimum.Profiles() {
			check(t, p.Name, minimum.Subject{Document: got, Stamp: s, Format: sbom.Format{Name: "spdx-json", Version: "2.3"}, New: true})
		}
	}
}

// check returns the report of a profile, whose counts must agree with each other.
func check(t *testing.T, profile string, s minimum.Subject) *minimum.Report {
	t.Helper()
	p, ok := minimum.Lookup(profile)
	if !ok {
		t.Fatalf("no profile %s", profile)
	}
	report := p.Check(s)
	for _, r := range report.Results {
		n := 1
		if r.Field.Component {
			n = report.Components
		}
		if got := r.Present + r.Unknown + r.Withheld + r.Missing; got > n || got < n && profile != "bsi-2.1" {
			t.Errorf("%s: %s: %d answers for %d components", profile, r.Field.Name, got, n)
		}
	}
	return report
}

// readMinimum reads of an SPDX document in JSON what profiles ask for, of a
// document that lacks what a reader would not do without too.
func readMinimum(t *testing.T, name string) (minimum.Subject, error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(sbomCorpus(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var version struct {
		SPDXVersion string
		Context     json.RawMessage `json:"@context"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		t.Fatal(err)
	}
	s := minimum.Subject{Document: new(sbom.Document), Format: sbom.Format{Name: "spdx-json"}}
	switch {
	case version.Context != nil:
		s.Format.Version = "3.0.1"
		err = readMinimum3(data, &s)
	case version.SPDXVersion != "":
		s.Format.Version = strings.TrimPrefix(version.SPDXVersion, "SPDX-")
		err = readMinimum2(data, &s)
	default:
		err = fmt.Errorf("no spdxVersion")
	}
	if err != nil {
		return s, err
	}
	return s, s.Document.Sort()
}

func readMinimum2(data []byte, s *minimum.Subject) error {
	var doc struct {
		Name         string
		CreationInfo struct {
			Created  string
			Creators []string
		}
		DocumentDescribes []string
		Packages          []struct {
			SPDXID, Name, VersionInfo, Supplier, Originator string
			LicenseConcluded, LicenseDeclared               string
			ExternalRefs                                    []struct{ ReferenceType, ReferenceLocator string }
		}
		Relationships []struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	if created, err := time.Parse(time.RFC3339, doc.CreationInfo.Created); err == nil {
		s.Stamp.Created = created
	}
	for _, creator := range doc.CreationInfo.Creators {
		switch kind, name, _ := strings.Cut(creator, ": "); kind {
		case "Tool":
			s.Stamp.Tool.Name = name
		default:
			s.Document.Authors = append(s.Document.Authors, sbom.Party{Name: name, Person: kind == "Person"})
		}
	}
	d := s.Document
	// Without any other it is about the first package: that it does not say so
	// is not what is judged here.
	about := doc.DocumentDescribes
	for _, r := range doc.Relationships {
		if r.SPDXElementID == "SPDXRef-DOCUMENT" && r.RelationshipType == "DESCRIBES" {
			about = append(about, r.RelatedSPDXElement)
		}
	}
	main := 0
	for i, p := range doc.Packages {
		if p.SPDXID == "" {
			return fmt.Errorf("a package has no SPDXID")
		}
		if slices.Contains(about, p.SPDXID) && !slices.Contains(about, doc.Packages[main].SPDXID) {
			main = i
		}
	}
	packages := make(map[string]bool)
	for i, p := range doc.Packages {
		packages[p.SPDXID] = true
		c := sbom.Component{Ref: p.SPDXID, Name: p.Name, Version: p.VersionInfo, Type: sbom.Library, Scope: sbom.Runtime}
		party := func(text string, e sbom.Element) *sbom.Party {
			if text == "NOASSERTION" {
				c.Gaps = append(c.Gaps, sbom.Gap{Element: e, Kind: sbom.NotKnown})
			}
			if _, name, ok := strings.Cut(text, ": "); ok {
				return &sbom.Party{Name: name}
			}
			return nil
		}
		c.Supplier, c.Producer = party(p.Supplier, sbom.ElementSupplier), party(p.Originator, sbom.ElementProducer)
		if p.LicenseConcluded+p.LicenseDeclared != "" {
			c.Licenses = &sbom.Licenses{Unknown: "whatever it is"}
		}
		for _, r := range p.ExternalRefs {
			switch r.ReferenceType {
			case "purl":
				c.PURL = r.ReferenceLocator
			case "cpe22Type", "cpe23Type":
				c.CPEs = append(c.CPEs, r.ReferenceLocator)
			}
		}
		if i == main {
			d.Main = c
		} else {
			d.Components = append(d.Components, c)
		}
	}
	for _, r := range doc.Relationships {
		switch r.RelationshipType {
		case "DEPENDS_ON", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK":
			if packages[r.SPDXElementID] && packages[r.RelatedSPDXElement] {
				d.Edges = append(d.Edges, sbom.Edge{From: r.SPDXElementID, To: r.RelatedSPDXElement})
			}
		}
	}
	return nil
}

func readMinimum3(data []byte, s *minimum.Subject) error {
	var doc struct {
		Graph []struct {
			Type, SPDXID, Created, Name, SuppliedBy, From, RelationshipType string
			PackageVersion                                                  string `json:"software_packageVersion"`
			PackageURL                                                      string `json:"software_packageUrl"`
			CreatedBy, OriginatedBy, To, RootElement                        []string
			ExternalIdentifier                                              []struct{ ExternalIdentifierType, Identifier string }
		} `json:"@graph"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	names := make(map[string]string)
	var root string
	for _, e := range doc.Graph {
		names[e.SPDXID] = e.Name
		if e.Type == "software_Sbom" && len(e.RootElement) > 0 {
			root = e.RootElement[0]
		}
	}
	party := func(id string) *sbom.Party {
		if names[id] == "" {
			return nil
		}
		return &sbom.Party{Name: names[id]}
	}
	d := s.Document
	known := make(map[string]bool)
	for _, e := range doc.Graph {
		if e.SPDXID == "" && e.Type != "CreationInfo" {
			return fmt.Errorf("an element has no spdxId")
		}
		c := sbom.Component{Ref: e.SPDXID, Name: e.Name, Version: e.PackageVersion, PURL: e.PackageURL, Type: sbom.Library, Scope: sbom.Runtime, Supplier: party(e.SuppliedBy)}
		switch {
		case e.Type == "CreationInfo":
			if created, err := time.Parse(time.RFC3339, e.Created); err == nil {
				s.Stamp.Created = created
			}
			for _, by := range e.CreatedBy {
				if p := party(by); p != nil {
					d.Authors = append(d.Authors, *p)
				}
			}
			continue
		case e.Type == "software_File":
			c.Type = sbom.FileType
		case !strings.HasSuffix(e.Type, "Package"):
			continue
		}
		for _, id := range e.ExternalIdentifier {
			if strings.HasPrefix(id.ExternalIdentifierType, "cpe") {
				c.CPEs = append(c.CPEs, id.Identifier)
			}
		}
		known[c.Ref] = true
		if c.Ref == root {
			d.Main = c
		} else {
			d.Components = append(d.Components, c)
		}
	}
	for _, e := range doc.Graph {
		if e.RelationshipType != "dependsOn" && e.RelationshipType != "contains" {
			continue
		}
		for _, to := range e.To {
			if known[e.From] && known[to] {
				d.Edges = append(d.Edges, sbom.Edge{From: e.From, To: to})
			}
		}
	}
	return nil
}

// What is not known stands as NOASSERTION in SPDX 2.3, and is unknown, not missing,
// before it is written and when it is read again.
func TestMinimumOfNoAssertion(t *testing.T) {
	d := &sbom.Document{Main: sbom.Component{Ref: "app", Name: "app", Type: sbom.Application, Scope: sbom.Runtime}}
	data, err := spdx.Marshal(d, sbom.Stamp{Created: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	back, stamp, err := spdx.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	profile, _ := minimum.Lookup("telco-1.1")
	for _, s := range []minimum.Subject{{Document: d, Stamp: stamp, New: true}, {Document: back, Stamp: stamp}} {
		s.Format = sbom.Format{Name: sbom.SPDX, Version: "2.3"}
		n := 0
		for _, r := range profile.Check(s).Results {
			switch r.Field.Name {
			case "PackageSupplier", "PackageLicenseConcluded", "PackageLicenseDeclared", "PackageCopyrightText":
				n++
				if r.Unknown != 1 {
					t.Errorf("new %v: %s: %+v, want it unknown", s.New, r.Field.Name, r)
				}
			}
		}
		if n != 4 {
			t.Errorf("%d fields, want 4", n)
		}
	}
}
