package minimum_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
)

const (
	app = "pkg:golang/example.com/app@v1.0.0"
	lib = "pkg:golang/example.org/lib@v1.2.3"
	gen = "pkg:golang/example.net/gen@v0.1.0" // it made the artifact
)

// component returns one that has all that any profile asks for.
func component(purl string) sbom.Component {
	path, version, _ := strings.Cut(strings.TrimPrefix(purl, "pkg:golang/"), "@")
	return sbom.Component{
		Ref: purl, Type: sbom.Library, Scope: sbom.Runtime, Name: path, Version: version, PURL: purl,
		CPEs:      []string{"cpe:2.3:a:example:" + version + ":*:*:*:*:*:*:*:*"},
		Supplier:  &sbom.Party{Name: "Shop", URL: "https://example.com"},
		Producer:  &sbom.Party{Name: "Maker", Email: "security@example.org"},
		Copyright: "Copyright 2026 Maker",
		Licenses:  &sbom.Licenses{Declared: "MIT", Concluded: "MIT"},
		References: []sbom.Reference{
			{Type: "distribution", URL: "https://example.org/lib.zip", Digests: []hallmark.Digest{digest("sha512")}},
			{Type: "rfc-9116", URL: "https://example.org/.well-known/security.txt"},
			{Type: "source-distribution", URL: "https://example.org/lib-src.zip", Digests: []hallmark.Digest{digest("sha256")}},
		},
		Requirements: sbom.Complete,
		Support:      "actively-maintained", SupportUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		Properties: []sbom.Property{
			{Name: "bsi:component:archive", Value: "archive"},
			{Name: "bsi:component:effectiveLicense", Value: "MIT"},
			{Name: "bsi:component:executable", Value: "non-executable"},
			{Name: "bsi:component:filename", Value: "lib.zip"},
			{Name: "bsi:component:structured", Value: "structured"},
		},
	}
}

func digest(algorithm string) hallmark.Digest {
	n := map[string]int{"sha1": 40, "sha256": 64, "dirHash": 64, "sha512": 128}[algorithm]
	d, err := hallmark.ParseDigest(algorithm + ":" + strings.Repeat("0f", n/2))
	if err != nil {
		panic(err)
	}
	return d
}

// whole returns a subject that lacks nothing, for the profile.
func whole(profile string) minimum.Subject {
	tool := component(gen)
	tool.Scope = sbom.Build
	d := &sbom.Document{
		Main:       component(app),
		Components: []sbom.Component{tool, component(lib)},
		Edges:      []sbom.Edge{{From: app, To: lib}, {From: lib, To: gen}},
		Phase:      sbom.Built,
		Authors:    []sbom.Party{{Name: "Example", Email: "sbom@example.com"}},
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	s := minimum.Subject{ // as a reader returns it that left nothing aside
		Document: d,
		Stamp:    sbom.Stamp{Created: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Tool: sbom.Tool{Name: "hallmark", Version: "v1.0.0"}},
		Format:   sbom.Format{Name: "cyclonedx-json", Version: "1.6"},
		Signed:   true,
	}
	if profile == "telco-1.1" {
		s.Format = sbom.Format{Name: "spdx-json", Version: "2.3"}
	}
	return s
}

// A change takes something from a whole subject, c being the component of lib.
type change func(s *minimum.Subject, c *sbom.Component)

func format(name, version string) change {
	return func(s *minimum.Subject, _ *sbom.Component) { s.Format = sbom.Format{Name: name, Version: version} }
}

// without returns c without what Gaps of the element are about, and such a Gap if
// there is a kind.
func without(e sbom.Element, kind sbom.GapKind) change {
	return func(s *minimum.Subject, c *sbom.Component) {
		switch e {
		case sbom.ElementSupplier:
			c.Supplier = nil
		case sbom.ElementProducer:
			c.Producer = nil
		case sbom.ElementVersion:
			c.Version = ""
		case sbom.ElementIdentifier:
			c.PURL, c.CPEs = "", nil
		case sbom.ElementHash:
			c.References = nil
		case sbom.ElementLicense:
			c.Licenses = nil
		case sbom.ElementCopyright:
			c.Copyright = ""
		case sbom.ElementRequires:
			s.Document.Edges, c.Requirements = nil, sbom.Unknown
		}
		if kind != "" {
			c.Gaps = []sbom.Gap{{Element: e, Kind: kind}}
		}
	}
}

// ofMain makes the change to the main component.
func ofMain(f change) change {
	return func(s *minimum.Subject, _ *sbom.Component) { f(s, &s.Document.Main) }
}

func withoutReferences(s *minimum.Subject, c *sbom.Component) { c.References = nil }

func unset(name string) change {
	return func(_ *minimum.Subject, c *sbom.Component) {
		c.Properties = slices.DeleteFunc(c.Properties, func(p sbom.Property) bool { return p.Name == name })
	}
}

func set(name, value string) change {
	return func(_ *minimum.Subject, c *sbom.Component) {
		for i := range c.Properties {
			if c.Properties[i].Name == name {
				c.Properties[i].Value = value
			}
		}
	}
}

func authors(list ...sbom.Party) change {
	return func(s *minimum.Subject, _ *sbom.Component) { s.Document.Authors = list }
}

func stamp(created time.Time, tool sbom.Tool) change {
	return func(s *minimum.Subject, _ *sbom.Component) { s.Stamp = sbom.Stamp{Created: created, Tool: tool} }
}

func named(text string) change { return func(_ *minimum.Subject, c *sbom.Component) { c.Name = text } }

func phase(p sbom.Phase) change {
	return func(s *minimum.Subject, _ *sbom.Component) { s.Document.Phase = p }
}

// left says that a reader left a value aside, in the subject's format.
func left(path, value string) change {
	return func(s *minimum.Subject, _ *sbom.Component) {
		s.Document.Remainder = append(s.Document.Remainder, sbom.Remainder{Format: s.Format.String(), Path: path, Value: json.RawMessage(value)})
	}
}

// leftOf is left for what was in a component.
func leftOf(path, value string) change {
	return func(s *minimum.Subject, c *sbom.Component) {
		c.Remainder = append(c.Remainder, sbom.Remainder{Format: s.Format.String(), Path: path, Value: json.RawMessage(value)})
	}
}

// unsaid says of a component that was read that it did not have a member.
func unsaid(path string) change {
	return func(s *minimum.Subject, c *sbom.Component) {
		c.Remainder = append(c.Remainder, sbom.Remainder{Format: s.Format.String(), Path: path, Value: json.RawMessage("null")})
	}
}

// also makes several changes.
func also(changes ...change) change {
	return func(s *minimum.Subject, c *sbom.Component) {
		for _, f := range changes {
			f(s, c)
		}
	}
}

func isNew(s *minimum.Subject, _ *sbom.Component) { s.New = true }

// Each field of each profile, with what makes it other than present, what it is
// then, and whether the profile is still satisfied. What the definitions ask for is
// in whole, where each is present.
func cases() []struct {
	profile, field string
	change         change
	status         minimum.Status
	satisfied      bool
} {
	const (
		present, unknown, withheld, missing = minimum.Present, minimum.Unknown, minimum.Withheld, minimum.Missing
	)
	when := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	tool := sbom.Tool{Name: "hallmark", Version: "v1.0.0"}
	type c = struct {
		profile, field string
		change         change
		status         minimum.Status
		satisfied      bool
	}
	all := []c{
		{"ntia-2021", "Data format", format("cyclonedx-json", "1.2"), present, true},
		{"ntia-2021", "Data format", format("spdx-json", "3.0.1"), present, true},
		{"ntia-2021", "Data format", format("html", "5"), missing, false},
		{"ntia-2021", "Author of SBOM Data", authors(), present, true}, // the tool is
		{"ntia-2021", "Author of SBOM Data", func(s *minimum.Subject, c *sbom.Component) {
			s.Document.Authors, s.Stamp.Tool = nil, sbom.Tool{}
		}, missing, false},
		{"ntia-2021", "Timestamp", stamp(time.Time{}, tool), missing, false},
		{"ntia-2021", "Dependency Relationship", also(ofMain(without(sbom.ElementRequires, "")), left("/compositions", "null")), missing, false},
		{"ntia-2021", "Dependency Relationship", ofMain(without(sbom.ElementRequires, sbom.NotKnown)), unknown, true},
		{"ntia-2021", "Dependency Relationship", ofMain(without(sbom.ElementRequires, sbom.Withheld)), withheld, false},
		{"ntia-2021", "Dependency Relationship", func(s *minimum.Subject, _ *sbom.Component) { s.Document.Edges = nil }, present, true}, // it has none
		{"ntia-2021", "Dependency Relationship", func(s *minimum.Subject, _ *sbom.Component) { s.Document.Main.Requirements = sbom.Unknown }, present, true},
		{"ntia-2021", "Dependency Relationship", func(s *minimum.Subject, c *sbom.Component) {
			left("/compositions", "null")(s, c)
			s.Document.Main.Requirements = sbom.Unknown
			c.Type = sbom.FileType // that a file is in it is no relationship
		}, missing, false},
		{"ntia-2021", "Supplier Name", without(sbom.ElementSupplier, ""), missing, false},
		{"ntia-2021", "Supplier Name", without(sbom.ElementSupplier, sbom.NotKnown), unknown, false},
		{"ntia-2021", "Supplier Name", func(_ *minimum.Subject, c *sbom.Component) { c.Supplier = &sbom.Party{Name: "NOASSERTION"} }, unknown, false},
		{"ntia-2021", "Supplier Name", func(_ *minimum.Subject, c *sbom.Component) { c.Supplier = &sbom.Party{Email: "a@example.com"} }, present, true},
		{"ntia-2021", "Component Name", named(""), missing, false},
		{"ntia-2021", "Version of the Component", without(sbom.ElementVersion, ""), missing, false},
		{"ntia-2021", "Version of the Component", without(sbom.ElementVersion, sbom.NotKnown), unknown, false},
		{"ntia-2021", "Other Unique Identifiers", without(sbom.ElementIdentifier, ""), missing, true},
		{"ntia-2021", "Other Unique Identifiers", func(_ *minimum.Subject, c *sbom.Component) { c.PURL = "" }, present, true}, // a CPE
		{"ntia-2021", "Lifecycle Phase", phase(""), missing, true},
		{"ntia-2021", "Hash of the Component", without(sbom.ElementHash, ""), missing, true},
		{"ntia-2021", "License Information", without(sbom.ElementLicense, ""), missing, true},

		{"cisa-2026", "SBOM Author", authors(), missing, false}, // the tool is none
		{"cisa-2026", "SBOM Author", authors(sbom.Party{Name: "unknown"}), missing, false},
		{"cisa-2026", "SBOM Author", authors(sbom.Party{URL: "https://example.com"}), present, true},
		{"cisa-2026", "SBOM Author Signature", func(s *minimum.Subject, _ *sbom.Component) { s.Signed = false }, missing, false},
		{"cisa-2026", "SBOM Author Signature", func(s *minimum.Subject, _ *sbom.Component) {
			s.Signed, s.Document.Original = false, []byte(`{"signature": {}}`)
		}, present, true},
		{"cisa-2026", "SBOM Data Format Name", format("syft-json", "16"), missing, false},
		{"cisa-2026", "SBOM Data Format Version", format("cyclonedx-json", ""), missing, false},
		{"cisa-2026", "SBOM Generation Context", phase(""), missing, false},
		{"cisa-2026", "SBOM Timestamp", stamp(time.Time{}, tool), missing, false},
		{"cisa-2026", "SBOM Tool Name", stamp(when, sbom.Tool{}), missing, false},
		{"cisa-2026", "SBOM Tool Version", stamp(when, sbom.Tool{Name: "x"}), missing, false},
		{"cisa-2026", "SBOM Tool Version", stamp(when, sbom.Tool{Name: "x", Version: "unknown"}), unknown, true},
		{"cisa-2026", "SBOM Version", left("/serialNumber", "null"), missing, false},
		{"cisa-2026", "SBOM Version", also(left("/serialNumber", "null"), isNew), present, true},
		{"cisa-2026", "SBOM Version", also(left("/serialNumber", "null"), format("spdx-json", "3.0.1")), present, true},
		{"cisa-2026", "SBOM Version", left("/serialNumber", `"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"`), present, true},
		{"cisa-2026", "SBOM Version", format("syft-json", "16"), missing, false},
		{"cisa-2026", "Component Dependency Relationship", also(without(sbom.ElementRequires, ""), left("/compositions", "null")), missing, false},
		{"cisa-2026", "Component Dependency Relationship", without(sbom.ElementRequires, sbom.NotKnown), unknown, true},
		{"cisa-2026", "Component Dependency Relationship", without(sbom.ElementRequires, sbom.Withheld), withheld, true},
		{"cisa-2026", "Component Dependency Relationship", without(sbom.ElementRequires, ""), unknown, true}, // compositions say so
		{"cisa-2026", "Component Dependency Relationship", also(without(sbom.ElementRequires, ""), left("/compositions", `[{"aggregate":"incomplete","dependencies":["`+lib+`"]}]`)), unknown, true},
		{"cisa-2026", "Component Dependency Relationship", also(without(sbom.ElementRequires, ""), left("/compositions", `[{"aggregate":"incomplete","assemblies":["`+lib+`"]}]`)), missing, false},
		{"cisa-2026", "Component Dependency Relationship", also(format("spdx-json", "2.3"), without(sbom.ElementRequires, "")), missing, false},
		{"cisa-2026", "Component Dependency Relationship", also(format("spdx-json", "2.3"), without(sbom.ElementRequires, ""), isNew), unknown, true},
		{"cisa-2026", "Component Dependency Relationship", func(s *minimum.Subject, c *sbom.Component) {
			c.Requirements, s.Document.Edges = sbom.Unknown, s.Document.Edges[:1] // it is required
		}, present, true},
		{"cisa-2026", "Component Hash Algorithm", without(sbom.ElementHash, ""), missing, false},
		{"cisa-2026", "Component Hash Algorithm", without(sbom.ElementHash, sbom.NotKnown), unknown, true},
		{"cisa-2026", "Component Hash Value", without(sbom.ElementHash, ""), missing, false},
		{"cisa-2026", "Component Hash Value", without(sbom.ElementHash, sbom.Withheld), withheld, true},
		{"cisa-2026", "Component Hash Value", func(_ *minimum.Subject, c *sbom.Component) {
			c.References, c.Digests = nil, []hallmark.Digest{digest("dirHash")} // it is of no file
		}, missing, false},
		{"cisa-2026", "Component Hash Value", func(_ *minimum.Subject, c *sbom.Component) {
			c.References, c.Digests = nil, []hallmark.Digest{digest("dirHash"), digest("sha1")}
		}, present, true},
		{"cisa-2026", "Component Hash Value", func(_ *minimum.Subject, c *sbom.Component) {
			c.References = nil
			c.Distribution = &sbom.Distribution{Path: "lib.zip", Digests: []hallmark.Digest{digest("sha256")}}
		}, present, true},
		{"cisa-2026", "Component Identifiers", without(sbom.ElementIdentifier, ""), missing, false},
		{"cisa-2026", "Component Identifiers", without(sbom.ElementIdentifier, sbom.Withheld), withheld, true},
		{"cisa-2026", "Component Identifiers", func(s *minimum.Subject, c *sbom.Component) {
			without(sbom.ElementIdentifier, "")(s, c)
			c.Remainder = []sbom.Remainder{{Format: s.Format.String(), Path: "/swid", Value: json.RawMessage(`{"tagId": "x"}`)}}
		}, present, true},
		{"cisa-2026", "Component Identifiers", func(s *minimum.Subject, c *sbom.Component) {
			without(sbom.ElementIdentifier, "")(s, c)
			c.Remainder = []sbom.Remainder{{Format: s.Format.String(), Path: "/externalRefs/0", Value: json.RawMessage(`{"referenceCategory": "PERSISTENT-ID", "referenceType": "swh"}`)}}
		}, present, true},
		{"cisa-2026", "Component Identifiers", func(s *minimum.Subject, c *sbom.Component) {
			without(sbom.ElementIdentifier, "")(s, c)
			c.Remainder = []sbom.Remainder{{Format: s.Format.String(), Path: "/externalRefs/0", Value: json.RawMessage(`{"referenceType": "advisory"}`)}}
		}, missing, false},
		{"cisa-2026", "Component Identifiers", func(s *minimum.Subject, c *sbom.Component) {
			without(sbom.ElementIdentifier, "")(s, c)
			c.Properties = append(c.Properties, sbom.Property{Name: "cdx:cisa:component-identifier", Value: "acme-part:12345"})
		}, present, true},
		{"cisa-2026", "Component License", without(sbom.ElementLicense, ""), missing, false},
		{"cisa-2026", "Component License", without(sbom.ElementLicense, sbom.NotKnown), unknown, true},
		{"cisa-2026", "Component License", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses = &sbom.Licenses{Unknown: "no licence file"} }, unknown, true},
		{"cisa-2026", "Component License", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[{"license": {"name": "Shop's terms", "url": "https://example.com"}}]`)), present, true},
		{"cisa-2026", "Component License", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[{"license": {"id": "MIT"}}, {"license": {"name": "Shop's terms"}}]`)), present, true},
		{"cisa-2026", "Component License", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[{"license": {"name": "NOASSERTION"}}]`)), unknown, true},
		{"cisa-2026", "Component License", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[{"expression": "no expression"}]`)), missing, false},
		{"cisa-2026", "Component License", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[7]`)), missing, false},
		{"cisa-2026", "Component Producer", also(format("spdx-json", "2.3"), without(sbom.ElementProducer, ""), leftOf("/originator", `"NOASSERTION"`)), unknown, true},
		{"cisa-2026", "Component Producer", also(format("spdx-json", "2.3"), without(sbom.ElementProducer, "")), missing, false},
		{"cisa-2026", "Component Name", named(""), missing, false},
		{"cisa-2026", "Component Name", named("unknown"), unknown, true},
		{"cisa-2026", "Component Producer", without(sbom.ElementProducer, ""), missing, false}, // its supplier is not meant
		{"cisa-2026", "Component Producer", without(sbom.ElementProducer, sbom.NotKnown), unknown, true},
		{"cisa-2026", "Component Producer", without(sbom.ElementProducer, sbom.Withheld), withheld, true},
		{"cisa-2026", "Component Producer", func(_ *minimum.Subject, c *sbom.Component) { c.Producer = &sbom.Party{Name: "unknown"} }, unknown, true},
		{"cisa-2026", "Component Version", without(sbom.ElementVersion, ""), missing, false},
		{"cisa-2026", "Component Version", without(sbom.ElementVersion, sbom.NotKnown), unknown, true},
		{"cisa-2026", "Component Version", func(_ *minimum.Subject, c *sbom.Component) { c.Version = "unknown" }, unknown, true},

		{"bsi-2.1", "SBOM format", format("cyclonedx-json", "1.7"), present, true},
		{"bsi-2.1", "SBOM format", format("cyclonedx-json", "1.10"), present, true},
		{"bsi-2.1", "SBOM format", format("spdx-json", "3.0.1"), present, true},
		{"bsi-2.1", "SBOM format", format("spdx-json", "3.1"), present, true},
		{"bsi-2.1", "SBOM format", format("cyclonedx-json", "1.5"), missing, false},
		{"bsi-2.1", "SBOM format", format("spdx-json", "2.3"), missing, false},
		{"bsi-2.1", "SBOM format", format("spdx-json", "3.0.0"), missing, false},
		{"bsi-2.1", "SBOM format", format("spdx-json", "3.0"), missing, false},
		{"bsi-2.1", "SBOM format", format("cyclonedx-json", "1.x"), missing, false},
		{"bsi-2.1", "No vulnerability information", left("/vulnerabilities", `[{"id": "CVE-2026-1"}]`), missing, false},
		{"bsi-2.1", "No vulnerability information", left("/vulnerabilities", `[]`), present, true},
		{"bsi-2.1", "No vulnerability information", also(format("spdx-json", "3.0.1"), left("/@graph/7", `{"type":"security_Vulnerability"}`)), missing, false},
		{"bsi-2.1", "No vulnerability information", also(left("/vulnerabilities", `[{}]`), format("spdx-json", "3.0.1")), present, true}, // not in that format
		{"bsi-2.1", "Build SBOM", phase(sbom.PreBuild), missing, true},
		{"bsi-2.1", "Creator of the SBOM", authors(), missing, false},
		{"bsi-2.1", "Creator of the SBOM", authors(sbom.Party{Name: "Example"}), missing, false},
		{"bsi-2.1", "Creator of the SBOM", authors(sbom.Party{Name: "Example", Email: "none"}), missing, false},
		{"bsi-2.1", "Creator of the SBOM", authors(sbom.Party{Name: "Example", URL: "example.com"}), missing, false},
		{"bsi-2.1", "Creator of the SBOM", authors(sbom.Party{Name: "A"}, sbom.Party{Name: "B", URL: "https://example.com"}), present, true},
		{"bsi-2.1", "Timestamp", stamp(time.Time{}, tool), missing, false},
		{"bsi-2.1", "Component creator", without(sbom.ElementProducer, ""), missing, false},
		{"bsi-2.1", "Component creator", without(sbom.ElementProducer, sbom.NotKnown), unknown, false},
		{"bsi-2.1", "Component creator", func(_ *minimum.Subject, c *sbom.Component) { c.Producer.Email = "" }, missing, false}, // only a name
		{"bsi-2.1", "Component creator", func(_ *minimum.Subject, c *sbom.Component) { c.Producer.Email = "a@b@c" }, missing, false},
		{"bsi-2.1", "Component name", named(""), missing, false},
		{"bsi-2.1", "Component version", without(sbom.ElementVersion, ""), missing, false},
		{"bsi-2.1", "Component version", without(sbom.ElementVersion, sbom.NotKnown), unknown, false},
		{"bsi-2.1", "Filename of the component", unset("bsi:component:filename"), missing, false},
		{"bsi-2.1", "Filename of the component", set("bsi:component:filename", "usr/lib.zip"), missing, false},
		{"bsi-2.1", "Filename of the component", func(s *minimum.Subject, c *sbom.Component) {
			unset("bsi:component:filename")(s, c)
			c.Distribution = &sbom.Distribution{Path: "example.org/lib/@v/v1.2.3.zip"}
		}, present, true},
		{"bsi-2.1", "Dependencies on other components", also(func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }, left("/compositions", "null")), missing, false},
		{"bsi-2.1", "Dependencies on other components", also(func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }, left("/compositions", "7")), missing, false},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), left("/@graph/1", `{"type":"Person"}`), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), missing, false},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), left("/@graph/1", `{"type":"Relationship","from":"`+lib+`","relationshipType":"dependsOn","to":["urn:x"]}`), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), missing, false},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), left("/@graph/1", `{"type":"Relationship","from":"`+lib+`","relationshipType":"dependsOn","to":["urn:x"],"completeness":"noAssertion"}`), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), unknown, true},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), left("/@graph/1", `{"type":"Relationship","from":"`+lib+`","relationshipType":"dependsOn","to":["NoAssertionElement"]}`), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), unknown, true},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), left("/@graph/1", `{"type":"Relationship","from":"`+lib+`","relationshipType":"contains","to":["urn:x"],"completeness":"noAssertion","comment":"dependsOn"}`), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), missing, false},
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }), unknown, true}, // which this module has written
		{"bsi-2.1", "Dependencies on other components", without(sbom.ElementRequires, sbom.NotKnown), unknown, true},
		{"bsi-2.1", "Dependencies on other components", func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }, unknown, true}, // compositions say so
		{"bsi-2.1", "Dependencies on other components", also(format("spdx-json", "3.0.1"), func(_ *minimum.Subject, c *sbom.Component) { c.Requirements = sbom.Unknown }, isNew), unknown, true},
		{"bsi-2.1", "Distribution licences", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Concluded = "" }, missing, false},                              // declared is not enough
		{"bsi-2.1", "Distribution licences", also(without(sbom.ElementLicense, ""), leftOf("/licenses", `[{"license": {"name": "Shop's terms"}}]`)), missing, false}, // no expression
		{"bsi-2.1", "Distribution licences", without(sbom.ElementLicense, sbom.NotKnown), unknown, false},
		{"bsi-2.1", "Hash value of the deployable component", withoutReferences, missing, false},
		{"bsi-2.1", "Hash value of the deployable component", func(_ *minimum.Subject, c *sbom.Component) {
			c.References[0].Digests = []hallmark.Digest{digest("sha256")} // not SHA-512
		}, missing, false},
		{"bsi-2.1", "Hash value of the deployable component", func(_ *minimum.Subject, c *sbom.Component) {
			c.References[0].Digests, c.References[2].Digests = nil, []hallmark.Digest{digest("sha512")} // of the source
		}, missing, false},
		{"bsi-2.1", "Executable property", unset("bsi:component:executable"), missing, false},
		{"bsi-2.1", "Executable property", set("bsi:component:executable", "true"), missing, false},
		{"bsi-2.1", "Archive property", unset("bsi:component:archive"), missing, false},
		{"bsi-2.1", "Archive property", set("bsi:component:archive", "no archive"), present, true},
		{"bsi-2.1", "Archive property", set("bsi:component:archive", "no-archive"), missing, false},
		{"bsi-2.1", "Structured property", unset("bsi:component:structured"), missing, false},
		{"bsi-2.1", "SBOM-URI", left("/serialNumber", "null"), missing, true},
		{"bsi-2.1", "Source code URI", func(_ *minimum.Subject, c *sbom.Component) { c.References = c.References[:2] }, missing, true},
		{"bsi-2.1", "Source code URI", func(_ *minimum.Subject, c *sbom.Component) { c.References[2].Type = "vcs" }, present, true},
		{"bsi-2.1", "URI of the deployable form of the component", func(_ *minimum.Subject, c *sbom.Component) {
			c.References, c.Digests = c.References[1:], []hallmark.Digest{digest("sha512")}
		}, missing, true},
		{"bsi-2.1", "URI of the deployable form of the component", func(_ *minimum.Subject, c *sbom.Component) {
			c.References[0].Type = "other"
			c.Distribution = &sbom.Distribution{Path: "lib.zip", URL: "https://example.org/lib.zip", Digests: []hallmark.Digest{digest("sha512")}}
		}, present, true},
		{"bsi-2.1", "Other unique identifiers", without(sbom.ElementIdentifier, ""), missing, true},
		{"bsi-2.1", "Original licences", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Declared = "" }, missing, true},
		{"bsi-2.1", "Effective licence", unset("bsi:component:effectiveLicense"), missing, true},
		{"bsi-2.1", "Hash value of the source code of the component", func(_ *minimum.Subject, c *sbom.Component) { c.References[2].Digests = nil }, missing, true},
		{"bsi-2.1", "URL of the security.txt", func(_ *minimum.Subject, c *sbom.Component) { c.References[1].Type = "other" }, missing, true},

		{"telco-1.1", "Data Format", format("spdx-json", "2.2"), present, true},
		{"telco-1.1", "Data Format", format("spdx-json", "2.1"), missing, false},
		{"telco-1.1", "Data Format", format("cyclonedx-json", "1.6"), missing, false},
		{"telco-1.1", "DataLicense", format("spdx-json", "3.0.1"), missing, false},
		{"telco-1.1", "SPDXID", format("spdx-json", "3.0.1"), missing, false},
		{"telco-1.1", "DocumentName", format("cyclonedx-json", "1.6"), missing, false},
		{"telco-1.1", "DocumentNamespace", format("cyclonedx-json", "1.6"), missing, false},
		{"telco-1.1", "Creator: Organization", authors(sbom.Party{Name: "Jane Doe", Person: true}), missing, false},
		{"telco-1.1", "Creator: Tool", stamp(when, sbom.Tool{Name: "hallmark"}), missing, false},
		{"telco-1.1", "Creator: Tool", stamp(when, sbom.Tool{}), missing, false},
		{"telco-1.1", "Created", stamp(time.Time{}, tool), missing, false},
		{"telco-1.1", "CreatorComment", phase(""), missing, false},
		{"telco-1.1", "CreatorComment", also(phase(""), left("/creationInfo/comment", `"This was ANALYZED."`)), present, true},
		{"telco-1.1", "CreatorComment", also(phase(""), left("/creationInfo/comment", `"A sample."`)), missing, false},
		{"telco-1.1", "Relationship", also(ofMain(without(sbom.ElementRequires, "")), left("/compositions", "null")), missing, false},
		{"telco-1.1", "Relationship", ofMain(without(sbom.ElementRequires, sbom.NotKnown)), unknown, false},
		{"telco-1.1", "PackageName", named(""), missing, false},
		{"telco-1.1", "PackageVersion", without(sbom.ElementVersion, ""), missing, false},
		{"telco-1.1", "PackageVersion", without(sbom.ElementVersion, sbom.NotKnown), unknown, false},
		{"telco-1.1", "PackageSupplier", also(without(sbom.ElementSupplier, ""), unsaid("/supplier")), missing, false},
		{"telco-1.1", "PackageSupplier", without(sbom.ElementSupplier, ""), unknown, false}, // NOASSERTION
		{"telco-1.1", "PackageSupplier", without(sbom.ElementSupplier, sbom.NotKnown), unknown, false},
		{"telco-1.1", "PackageDownloadLocation", withoutReferences, unknown, true}, // SPDX 2 must say NOASSERTION
		{"telco-1.1", "PackageDownloadLocation", func(s *minimum.Subject, c *sbom.Component) {
			s.Format, c.References = sbom.Format{Name: "cyclonedx-json", Version: "1.6"}, nil
		}, missing, false},
		{"telco-1.1", "PackageLicenseConcluded", also(func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Concluded = "" }, unsaid("/licenseConcluded")), missing, false},
		{"telco-1.1", "PackageLicenseConcluded", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Concluded = "" }, unknown, true}, // NOASSERTION
		{"telco-1.1", "PackageLicenseConcluded", without(sbom.ElementLicense, sbom.NotKnown), unknown, true},
		{"telco-1.1", "PackageLicenseConcluded", without(sbom.ElementLicense, sbom.Withheld), withheld, false},
		{"telco-1.1", "PackageLicenseConcluded", func(s *minimum.Subject, c *sbom.Component) { c.Licenses, s.New = nil, true }, unknown, true},
		{"telco-1.1", "PackageLicenseDeclared", also(func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Declared = "" }, unsaid("/licenseDeclared")), missing, false},
		{"telco-1.1", "PackageLicenseDeclared", func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Declared = "" }, unknown, true}, // NOASSERTION
		{"telco-1.1", "PackageLicenseDeclared", without(sbom.ElementLicense, sbom.NotKnown), unknown, true},
		{"telco-1.1", "PackageCopyrightText", also(without(sbom.ElementCopyright, ""), unsaid("/copyrightText")), missing, false},
		{"telco-1.1", "PackageCopyrightText", without(sbom.ElementCopyright, ""), unknown, true}, // NOASSERTION
		{"telco-1.1", "PackageCopyrightText", without(sbom.ElementCopyright, sbom.NotKnown), unknown, true},
		{"telco-1.1", "PackageCopyrightText", func(s *minimum.Subject, c *sbom.Component) { c.Copyright, s.New = "", true }, unknown, true},
		{"telco-1.1", "PackageCopyrightText", func(_ *minimum.Subject, c *sbom.Component) { c.Copyright = "NOASSERTION" }, unknown, true},
		{"telco-1.1", "PackageChecksum", without(sbom.ElementHash, ""), missing, true},
		{"telco-1.1", "ExternalRef: PURL", func(_ *minimum.Subject, c *sbom.Component) { c.PURL = "" }, missing, true}, // a CPE is none

		{"cra-2024", "Format", format("csv", ""), missing, false},
		{"cra-2024", "Top-level dependencies", also(ofMain(without(sbom.ElementRequires, "")), left("/compositions", "null")), missing, false},
		{"cra-2024", "Top-level dependencies", ofMain(without(sbom.ElementRequires, sbom.NotKnown)), unknown, false},
		{"cra-2024", "Top-level dependencies", func(s *minimum.Subject, _ *sbom.Component) { s.Document.Edges = nil }, present, true},
		{"cra-2024", "Components", named(""), missing, false},

		{"fda-2026", "Machine-readable format", format("pdf", "1.7"), missing, false},
		{"fda-2026", "Author Name", func(s *minimum.Subject, c *sbom.Component) {
			s.Document.Authors, s.Stamp.Tool = nil, sbom.Tool{}
		}, missing, false},
		{"fda-2026", "Timestamp", stamp(time.Time{}, tool), missing, false},
		{"fda-2026", "Relationship", also(ofMain(without(sbom.ElementRequires, "")), left("/compositions", "null")), missing, false},
		{"fda-2026", "Relationship", ofMain(without(sbom.ElementRequires, sbom.NotKnown)), unknown, true},
		{"fda-2026", "Supplier Name", without(sbom.ElementSupplier, ""), missing, false},
		{"fda-2026", "Component Name", named(""), missing, false},
		{"fda-2026", "Version String", without(sbom.ElementVersion, ""), missing, false},
		{"fda-2026", "Unique Identifier", without(sbom.ElementIdentifier, ""), missing, true},
		{"fda-2026", "Component Hash", without(sbom.ElementHash, ""), missing, true},
		{"fda-2026", "Level of support", func(_ *minimum.Subject, c *sbom.Component) { c.Support = "" }, missing, false},
		{"fda-2026", "End-of-support date", func(_ *minimum.Subject, c *sbom.Component) { c.SupportUntil = time.Time{} }, missing, false},
	}
	return all
}

func TestFields(t *testing.T) {
	failing := make(map[string]bool)
	for i, tt := range cases() {
		where := fmt.Sprintf("%d %s %s", i, tt.profile, tt.field)
		p, ok := minimum.Lookup(tt.profile)
		if !ok {
			t.Fatalf("%s: no such profile", where)
		}
		s := whole(tt.profile)
		before := p.Check(s)
		tt.change(&s, s.Document.Component(lib))
		after := p.Check(s)

		n := slices.IndexFunc(before.Results, func(r minimum.Result) bool { return r.Field.Name == tt.field })
		if n < 0 {
			t.Fatalf("%s: no such field", where)
		}
		old, r := before.Results[n], after.Results[n]
		if !before.Satisfied || !old.Satisfied || old.Unknown+old.Withheld+old.Missing > 0 {
			t.Errorf("%s: of a whole document: %+v", where, old)
		}
		if after.Satisfied != tt.satisfied {
			t.Errorf("%s: satisfied %v, want %v\n%s", where, after.Satisfied, tt.satisfied, text(t, after))
		}
		counts := map[minimum.Status]int{minimum.Present: r.Present, minimum.Unknown: r.Unknown, minimum.Withheld: r.Withheld, minimum.Missing: r.Missing}
		if counts[tt.status] == 0 || tt.status != minimum.Present && old.Present-r.Present != 1 {
			t.Errorf("%s: %v, want one %s: %+v", where, counts, tt.status, r.Findings)
		}
		if tt.status == minimum.Present {
			if r.Present != old.Present {
				t.Errorf("%s: not present: %+v", where, r.Findings)
			}
			continue
		}
		failing[tt.profile+" "+tt.field] = true
		if len(r.Findings) != 1 || r.Findings[0].Status != tt.status || r.Findings[0].Detail == "" {
			t.Errorf("%s: %+v, want one finding with a detail, %s", where, r.Findings, tt.status)
		} else if f := r.Findings[0]; (f.Ref != "") != r.Field.Component || f.Ref != "" && f.Ref != lib {
			t.Errorf("%s: found in %q", where, f.Ref)
		}
	}
	for _, p := range minimum.Profiles() {
		for _, f := range p.Fields {
			if !failing[p.Name+" "+f.Name] {
				t.Errorf("%s: nothing makes %s fail", p.Name, f.Name)
			}
		}
	}
}

func text(t *testing.T, r *minimum.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestProfiles(t *testing.T) {
	var names []string
	for _, p := range minimum.Profiles() {
		names = append(names, p.Name)
		if p.Title == "" || !strings.HasPrefix(p.URL, "https://") {
			t.Errorf("%s: %q at %q", p.Name, p.Title, p.URL)
		}
		seen := make(map[string]bool)
		for _, f := range p.Fields {
			if seen[f.Name] || f.Name == "" || f.Clause == "" || f.Definition == "" {
				t.Errorf("%s: field %+v, want one with a name of its own, a clause and a definition", p.Name, f)
			}
			seen[f.Name] = true
		}
	}
	if want := []string{"bsi-2.1", "cisa-2026", "cra-2024", "fda-2026", "ntia-2021", "telco-1.1"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	cisa, _ := minimum.Lookup("cisa-2026")
	if len(cisa.Fields) != 17 {
		t.Errorf("cisa-2026 has %d fields, want the 17 of Appendix A", len(cisa.Fields))
	}
	if _, ok := minimum.Lookup("bsi"); ok {
		t.Error("there is a profile bsi")
	}
}

// Where a value is depends on the format.
func TestPlaces(t *testing.T) {
	p, _ := minimum.Lookup("cisa-2026")
	for _, tt := range []struct {
		format                                    sbom.Format
		author, signature, producer, relationship string
	}{
		{sbom.Format{Name: "cyclonedx-json", Version: "1.6"}, "/metadata/authors", "/signature", "/manufacturer", "#/dependencies"},
		{sbom.Format{Name: "spdx-json", Version: "2.3"}, "/creationInfo/creators", "", "/originator", "#/relationships"},
		{sbom.Format{Name: "spdx-json", Version: "3.0.1"}, "CreationInfo/createdBy", "", "/originatedBy", "Relationship/to"},
		{sbom.Format{Name: "html", Version: "5"}, "", "", "", ""},
	} {
		s := minimum.Subject{Document: &sbom.Document{Main: sbom.Component{Ref: "x"}}, Format: tt.format}
		got := make(map[string]string)
		for _, r := range p.Check(s).Results {
			if len(r.Findings) > 0 {
				got[r.Field.Name] = r.Findings[0].Place
			}
		}
		for field, want := range map[string]string{
			"SBOM Author": tt.author, "SBOM Author Signature": tt.signature,
			"Component Producer": tt.producer, "Component Dependency Relationship": tt.relationship,
		} {
			if place, ok := got[field]; !ok || place != want {
				t.Errorf("%s: %s at %q, want %q", tt.format, field, place, want)
			}
		}
	}
}

// A file is a component by bsi-2.1 alone, and what made the artifact is one of
// which less is asked.
func TestComponents(t *testing.T) {
	file := sbom.Component{Ref: "file", Type: sbom.FileType, Scope: sbom.Runtime, Name: "a.txt"}
	for _, p := range minimum.Profiles() {
		s := whole(p.Name)
		s.Document.Components = append(s.Document.Components, file)
		r := p.Check(s)
		if files := p.Name == "bsi-2.1"; (r.Components == 4) != files || r.Satisfied == files {
			t.Errorf("%s: %d components, satisfied %v", p.Name, r.Components, r.Satisfied)
		}
		s = whole(p.Name)
		s.Document.Main.Type = sbom.FileType
		if r := p.Check(s); r.Components != 3 {
			t.Errorf("%s: %d components if the main one is a file, want 3", p.Name, r.Components)
		}
	}

	bsi, _ := minimum.Lookup("bsi-2.1")
	s := whole("bsi-2.1")
	made := s.Document.Component(gen)
	made.References, made.Properties, made.Licenses, made.Requirements = nil, nil, nil, ""
	if r := bsi.Check(s); !r.Satisfied {
		t.Errorf("an identified component: not satisfied\n%s", text(t, r))
	}
	made.Version = ""
	if r := bsi.Check(s); r.Satisfied {
		t.Error("an identified component without a version: satisfied")
	}
	made.Version, made.Scope = "v1", sbom.Optional // it may be part of the artifact
	if r := bsi.Check(s); r.Satisfied {
		t.Error("a component that may be part of the artifact: satisfied")
	}
}

// A module that is linked into a Go program has no file in it: no field of a file is
// asked for, unless the document describes one.
func TestLogicalComponents(t *testing.T) {
	bsi, _ := minimum.Lookup("bsi-2.1")
	linked := func(_ *minimum.Subject, c *sbom.Component) { c.References, c.Properties = nil, nil }
	for _, tt := range []struct {
		name      string
		change    change
		satisfied bool
	}{
		{"module", linked, true},
		{"module with the zip that it was fetched as", also(linked, func(_ *minimum.Subject, c *sbom.Component) {
			c.Distribution = &sbom.Distribution{Path: "example.org/lib/@v/v1.2.3.zip", Digests: []hallmark.Digest{digest("sha256")}}
		}), true},
		{"module without a conclusion about its licence", also(linked, func(_ *minimum.Subject, c *sbom.Component) { c.Licenses.Concluded = "" }), false},
		{"module that is said to be an archive", also(linked, func(_ *minimum.Subject, c *sbom.Component) {
			c.Properties = []sbom.Property{{Name: "bsi:component:archive", Value: "archive"}}
		}), false},
		{"program in Go", also(linked, func(_ *minimum.Subject, c *sbom.Component) { c.Type = sbom.Application }), false},
		{"main component", ofMain(also(linked, func(_ *minimum.Subject, c *sbom.Component) { c.Type = sbom.Library })), false},
		{"library of another ecosystem", also(linked, func(_ *minimum.Subject, c *sbom.Component) { c.PURL = "pkg:deb/debian/lib@1" }), false},
		{"library without a package URL", also(linked, func(_ *minimum.Subject, c *sbom.Component) { c.PURL = "" }), false},
		{"module in SPDX 3 with a file", also(linked, format("spdx-json", "3.0.1"),
			left("/@graph/0", `{"type":"software_File","spdxId":"urn:file","name":"lib.zip"}`),
			left("/@graph/1", `{"type":"Relationship","from":"`+lib+`","relationshipType":"hasDistributionArtifact","to":["urn:file"]}`)), false},
	} {
		s := whole("bsi-2.1")
		tt.change(&s, s.Document.Component(lib))
		if r := bsi.Check(s); r.Satisfied != tt.satisfied {
			t.Errorf("%s: satisfied %v, want %v\n%s", tt.name, r.Satisfied, tt.satisfied, text(t, r))
		}
	}
}

// In SPDX 3, BSI's properties are purposes of the file that the component is
// distributed as, which a reader leaves aside.
func TestFilesOfSPDX3(t *testing.T) {
	const file = `{"type":"software_File","spdxId":"urn:file","name":"./lib.zip","software_additionalPurpose":%s}`
	const present, missing = minimum.Present, minimum.Missing
	const distributed = `{"type":"Relationship","from":"urn:lib","relationshipType":"hasDistributionArtifact","to":["urn:gone","urn:file"]}`
	rest := func(elements ...string) (list []sbom.Remainder) {
		for i, e := range elements {
			list = append(list, sbom.Remainder{Format: "spdx-json@3.0.1", Path: fmt.Sprintf("/@graph/%d", i), Value: json.RawMessage(e)})
		}
		return list
	}
	bsi, _ := minimum.Lookup("bsi-2.1")
	for _, tt := range []struct {
		name string
		rest []sbom.Remainder

		filename, executable, archive, structured minimum.Status
	}{
		{"zip", rest(distributed, fmt.Sprintf(file, `["archive","container"]`)), present, present, present, present},
		{"program", rest(fmt.Sprintf(file, `["executable","firmware"]`), distributed), present, present, present, present},
		{"purposes that are not BSI's", rest(distributed, fmt.Sprintf(file, `["install"]`)), present, missing, missing, missing},
		{"executable alone", rest(distributed, fmt.Sprintf(file, `["executable"]`)), present, present, missing, missing},
		{"of another component", rest(strings.Replace(distributed, "lib", "other", 1), fmt.Sprintf(file, `["archive","container"]`)), missing, missing, missing, missing},
		{"no file", rest(distributed, `{"type":"software_Snippet","spdxId":"urn:file"}`), missing, missing, missing, missing},
		{"another shape", rest(distributed, `{"type":["software_File"]}`, `7`), missing, missing, missing, missing},
		{"written by this module", nil, missing, missing, missing, missing},
	} {
		s := minimum.Subject{
			Document: &sbom.Document{
				Main:      sbom.Component{Ref: "urn:lib", Name: "lib", Type: sbom.Library, Scope: sbom.Runtime},
				Remainder: tt.rest,
			},
			Format: sbom.Format{Name: sbom.SPDX, Version: "3.0.1"},
		}
		got := make(map[string]minimum.Status)
		for _, r := range bsi.Check(s).Results {
			got[r.Field.Name] = present
			if len(r.Findings) > 0 {
				got[r.Field.Name] = r.Findings[0].Status
			}
		}
		for field, want := range map[string]minimum.Status{
			"Filename of the component": tt.filename, "Executable property": tt.executable, "Archive property": tt.archive,
			"Structured property": tt.structured,
		} {
			if got[field] != want {
				t.Errorf("%s: %s is %s, want %s", tt.name, field, got[field], want)
			}
		}
		s.Format = sbom.Format{Name: sbom.CycloneDX, Version: "1.6"}
		for _, r := range bsi.Check(s).Results {
			if r.Field.Name == "Executable property" && r.Present > 0 {
				t.Errorf("%s: read as CycloneDX, an element of SPDX counts", tt.name)
			}
		}
	}
}

// What is the same of several components is told once.
func TestWriteTextGroups(t *testing.T) {
	p, _ := minimum.Lookup("ntia-2021")
	s := whole("ntia-2021")
	s.Document.Authors, s.Stamp.Tool = nil, sbom.Tool{}
	for i, c := range s.Document.All() {
		c.Supplier, c.Producer = nil, nil
		if i > 0 {
			c.Version = ""
		}
	}
	s.Document.Component(lib).PURL, s.Document.Component(lib).CPEs = "", nil
	got := text(t, p.Check(s))
	_, got, _ = strings.Cut(got, "\n\n") // the table
	_, got, _ = strings.Cut(got, "\n\n")
	want := `Author of SBOM Data: who the data is from is named; it may be a tool
  missing, at /metadata/authors: nobody is named

Supplier Name: who supplies the component is named
  missing in all 3 components, at /supplier: nobody is named

Version of the Component: the component has the version that its supplier gave it
  missing in 2 of 3 components, at /version: no version
    ` + gen + `
    ` + lib + `

Other Unique Identifiers: the component has a name by which databases know it, such as a package URL or a CPE, if there is one
  missing in ` + lib + `, at /purl: neither a package URL nor another identifier
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What a Ref of somebody else's document holds does not reach a terminal.
func TestWriteTextQuotes(t *testing.T) {
	p, _ := minimum.Lookup("cra-2024")
	s := minimum.Subject{Document: &sbom.Document{Main: sbom.Component{Ref: "a\x1b[2J\nb"}}}
	got := text(t, p.Check(s))
	if strings.Contains(got, "\x1b") || !strings.Contains(got, `"a\x1b[2J\nb"`) {
		t.Errorf("got %q", got)
	}
}

// P6: time and memory grow with the components.
func BenchmarkCheck(b *testing.B) {
	for _, name := range []string{"cisa-2026", "bsi-2.1"} {
		p, _ := minimum.Lookup(name)
		for _, n := range []int{1_000, 10_000, 100_000} {
			s := whole(name)
			for i := range n {
				ref := fmt.Sprintf("pkg:golang/example.org/m%d@v1.0.0", i)
				c := component(lib)
				c.Ref, c.PURL = ref, ref
				if i%2 == 0 {
					c.Producer, c.Version = nil, ""
				}
				s.Document.Components = append(s.Document.Components, c)
				s.Document.Edges = append(s.Document.Edges, sbom.Edge{From: app, To: ref})
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p.Check(s)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/component")
			})
		}
	}
}
