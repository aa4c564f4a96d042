package minimum_test

import (
	"slices"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
)

// The rules that sbomqs publishes for the same editions, field by field: in
// docs/reference/{ntia,cisa-2026,bsi-v21}-compliance.md and compliance-standards.md
// of github.com/interlynk-io/sbomqs as of 2026. Where a rule here is another one,
// why says so, and change is what shows it: the field is then what status says, and
// the profile is satisfied or not.
func TestPeerRules(t *testing.T) {
	const (
		present, unknown, missing = minimum.Present, minimum.Unknown, minimum.Missing
	)
	comment := func(text string) change { return also(phase(""), left("/creationInfo/comment", text)) }
	logical := "sbomqs asks logical components for it, as its own documentation says it should not; 3.2.2 exempts them, and a linked Go module has no file"
	linked := func(_ *minimum.Subject, c *sbom.Component) { c.References, c.Properties = nil, nil }
	optional := "sbomqs requires it; by 5.2.3 and 5.2.4 it must be there if it exists, which no document tells"
	seen := make(map[string]bool)
	for _, tt := range []struct {
		profile, field string
		why            string // empty: the same rule
		change         change
		status         minimum.Status
		satisfied      bool
	}{
		{"ntia-2021", "Data format", "", nil, "", true},
		{"ntia-2021", "Author of SBOM Data", "sbomqs falls back to a supplier or manufacturer: who supplies software is not thereby the source of data about it", func(s *minimum.Subject, _ *sbom.Component) {
			s.Document.Authors, s.Stamp.Tool = nil, sbom.Tool{}
		}, missing, false},
		{"ntia-2021", "Timestamp", "", nil, "", true},
		{"ntia-2021", "Dependency Relationship", "", nil, "", true},
		{"ntia-2021", "Supplier Name", "sbomqs falls back to the manufacturer; annex K.2 of SPDX 2.3 and the conformance checker of SPDX do not", without(sbom.ElementSupplier, ""), missing, false},
		{"ntia-2021", "Component Name", "", nil, "", true},
		{"ntia-2021", "Version of the Component", "", nil, "", true},
		{"ntia-2021", "Other Unique Identifiers", "", nil, "", true},
		{"ntia-2021", "Lifecycle Phase", "sbomqs has no such field; it is recommended in section V", phase(""), missing, true},
		{"ntia-2021", "Hash of the Component", "sbomqs has no such field; it is recommended in section V", without(sbom.ElementHash, ""), missing, true},
		{"ntia-2021", "License Information", "sbomqs has no such field; it is recommended in section V", without(sbom.ElementLicense, ""), missing, true},

		{"cisa-2026", "SBOM Author", "", nil, "", true},
		{"cisa-2026", "SBOM Author Signature", "", nil, "", true},
		{"cisa-2026", "SBOM Data Format Name", "", nil, "", true},
		{"cisa-2026", "SBOM Data Format Version", "", nil, "", true},
		{"cisa-2026", "SBOM Generation Context", "sbomqs takes any comment of an SPDX 2 document for it; a sample's comment tells no phase", also(format("spdx-json", "2.3"), comment(`"A sample."`)), missing, false},
		{"cisa-2026", "SBOM Timestamp", "", nil, "", true},
		{"cisa-2026", "SBOM Tool Name", "", nil, "", true},
		{"cisa-2026", "SBOM Tool Version", "sbomqs takes NOASSERTION for a version; it is said to be unknown, which is enough", func(s *minimum.Subject, _ *sbom.Component) { s.Stamp.Tool.Version = "NOASSERTION" }, unknown, true},
		{"cisa-2026", "SBOM Version", "sbomqs does not ask it of SPDX; annex K.4 of SPDX 2.3.1 names the namespace for it, which a document cannot lack", format("spdx-json", "2.3"), present, true},
		{"cisa-2026", "Component Dependency Relationship", "sbomqs looks at the main component alone; it is a field of each, and Coverage asks for all", also(without(sbom.ElementRequires, ""), left("/compositions", "null")), missing, false},
		{"cisa-2026", "Component Hash Algorithm", "", nil, "", true},
		{"cisa-2026", "Component Hash Value", "sbomqs looks at the component's hashes alone; the file that it is distributed as has them too", func(_ *minimum.Subject, c *sbom.Component) {
			c.Digests, c.References = nil, []sbom.Reference{{Type: "distribution", URL: "https://example.org/lib.zip", Digests: []hallmark.Digest{digest("sha256")}}}
		}, present, true},
		{"cisa-2026", "Component Identifiers", "sbomqs takes the hash of a commit for one; it identifies a state of a repository, not a component in it", func(s *minimum.Subject, c *sbom.Component) {
			without(sbom.ElementIdentifier, "")(s, c)
			commit, err := hallmark.ParseDigest("gitCommit:92d5690375eec0e66e3e5bdc7cb96ea79f0ef427")
			if err != nil {
				panic(err)
			}
			c.Digests = []hallmark.Digest{commit}
		}, missing, false},
		{"cisa-2026", "Component License", "sbomqs takes declared licences alone; what is concluded is one under which the component is available too", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Declared = "" }, present, true},
		{"cisa-2026", "Component Name", "", nil, "", true},
		{"cisa-2026", "Component Producer", "", nil, "", true},
		{"cisa-2026", "Component Version", "sbomqs takes NOASSERTION for a version; it is said to be unknown, which is enough", func(_ *minimum.Subject, c *sbom.Component) { c.Version = "NOASSERTION" }, unknown, true},

		{"bsi-2.1", "SBOM format", "", nil, "", true},
		{"bsi-2.1", "No vulnerability information", "sbomqs does not look; 3.1 forbids it", left("/vulnerabilities", `[{}]`), missing, false},
		{"bsi-2.1", "Build SBOM", "sbomqs has no such field for this version", phase(sbom.Design), missing, true},
		{"bsi-2.1", "Creator of the SBOM", "", nil, "", true},
		{"bsi-2.1", "Timestamp", "", nil, "", true},
		{"bsi-2.1", "Component creator", "", nil, "", true},
		{"bsi-2.1", "Component name", "", nil, "", true},
		{"bsi-2.1", "Component version", "", nil, "", true},
		{"bsi-2.1", "Filename of the component", "sbomqs takes the property alone; the distribution is a file with a name", func(s *minimum.Subject, c *sbom.Component) {
			unset("bsi:component:filename")(s, c)
			c.Distribution = &sbom.Distribution{Path: "a/lib.zip"}
		}, present, true},
		{"bsi-2.1", "Filename of the component", logical, linked, present, true},
		{"bsi-2.1", "Hash value of the deployable component", logical, linked, present, true},
		{"bsi-2.1", "Dependencies on other components", "sbomqs takes a component that requires nothing for complete; 5.2.2 wants that said", also(func(s *minimum.Subject, c *sbom.Component) {
			s.Document.Edges, c.Requirements = s.Document.Edges[:1], sbom.Unknown
		}, left("/compositions", "null")), missing, false},
		{"bsi-2.1", "Distribution licences", "", nil, "", true},
		{"bsi-2.1", "Hash value of the deployable component", "sbomqs takes that of a distribution reference alone, as 8.2 maps it; 8 explains and does not require, and a component's own SHA-512 is that of its file", func(_ *minimum.Subject, c *sbom.Component) {
			c.References[0].Digests, c.Digests = nil, []hallmark.Digest{digest("sha512")}
		}, present, true},
		{"bsi-2.1", "Executable property", logical, linked, present, true},
		{"bsi-2.1", "Archive property", logical, linked, present, true},
		{"bsi-2.1", "Structured property", logical, linked, present, true},
		{"bsi-2.1", "SBOM-URI", optional, left("/serialNumber", "null"), missing, true},
		{"bsi-2.1", "Source code URI", optional, func(_ *minimum.Subject, c *sbom.Component) { c.References = c.References[:2] }, missing, true},
		{"bsi-2.1", "URI of the deployable form of the component", optional, func(_ *minimum.Subject, c *sbom.Component) {
			c.References, c.Digests = nil, []hallmark.Digest{digest("sha512")}
		}, missing, true},
		{"bsi-2.1", "Other unique identifiers", optional, without(sbom.ElementIdentifier, ""), missing, true},
		{"bsi-2.1", "Original licences", optional, func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Declared = "" }, missing, true},
		{"bsi-2.1", "Effective licence", "", nil, "", true},
		{"bsi-2.1", "Hash value of the source code of the component", "", nil, "", true},
		{"bsi-2.1", "URL of the security.txt", "", nil, "", true},

		{"telco-1.1", "Data Format", "", nil, "", true},
		{"telco-1.1", "DataLicense", "", nil, "", true},
		{"telco-1.1", "SPDXID", "", nil, "", true},
		{"telco-1.1", "DocumentName", "", nil, "", true},
		{"telco-1.1", "DocumentNamespace", "", nil, "", true},
		{"telco-1.1", "Creator: Organization", "", nil, "", true},
		{"telco-1.1", "Creator: Tool", "", nil, "", true},
		{"telco-1.1", "Created", "", nil, "", true},
		{"telco-1.1", "CreatorComment", "sbomqs takes any comment; 3.5 wants one of six words in it", comment(`"A sample."`), missing, false},
		{"telco-1.1", "Relationship", "sbomqs has no such field; 3.2 requires it", also(ofMain(without(sbom.ElementRequires, "")), left("/compositions", "null")), missing, false},
		{"telco-1.1", "PackageName", "", nil, "", true},
		{"telco-1.1", "PackageVersion", "", nil, "", true},
		{"telco-1.1", "PackageSupplier", "", nil, "", true},
		{"telco-1.1", "PackageDownloadLocation", "", nil, "", true},
		{"telco-1.1", "PackageLicenseConcluded", "", nil, "", true},
		{"telco-1.1", "PackageLicenseDeclared", "", nil, "", true},
		{"telco-1.1", "PackageCopyrightText", "", nil, "", true},
		{"telco-1.1", "PackageChecksum", "sbomqs requires SHA-256; version 1.1 of the guide recommends a checksum, and names no algorithm", without(sbom.ElementHash, ""), missing, true},
		{"telco-1.1", "ExternalRef: PURL", "sbomqs requires it; version 1.1 of the guide recommends it", func(_ *minimum.Subject, c *sbom.Component) { c.PURL = "" }, missing, true},
	} {
		seen[tt.profile+" "+tt.field] = true
		if (tt.why == "") != (tt.change == nil) {
			t.Errorf("%s %s: a difference has a reason and something that shows it", tt.profile, tt.field)
		}
		if tt.change == nil {
			continue
		}
		p, _ := minimum.Lookup(tt.profile)
		s := whole(tt.profile)
		tt.change(&s, s.Document.Component(lib))
		report := p.Check(s)
		n := slices.IndexFunc(report.Results, func(r minimum.Result) bool { return r.Field.Name == tt.field })
		if n < 0 {
			t.Fatalf("%s %s: no such field", tt.profile, tt.field)
		}
		r := report.Results[n]
		got := minimum.Present
		if i := slices.IndexFunc(r.Findings, func(f minimum.Finding) bool { return f.Status != minimum.Present }); i >= 0 {
			got = r.Findings[i].Status
		}
		if got != tt.status || report.Satisfied != tt.satisfied {
			t.Errorf("%s %s: %s and satisfied %v, want %s and %v", tt.profile, tt.field, got, report.Satisfied, tt.status, tt.satisfied)
		}
	}
	// sbomqs has no profile of the Regulation and none of the FDA, and asks, by version
	// 1.0 of the Telco guide, for FilesAnalyzed, which version 1.1 does not have.
	for _, name := range []string{"ntia-2021", "cisa-2026", "bsi-2.1", "telco-1.1"} {
		p, _ := minimum.Lookup(name)
		for _, f := range p.Fields {
			if !seen[name+" "+f.Name] {
				t.Errorf("%s %s is not compared", name, f.Name)
			}
		}
	}
}
