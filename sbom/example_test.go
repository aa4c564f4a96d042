package sbom_test

import (
	"fmt"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A gate that wants at least that the files were hashed.
func ExampleVerification_AtLeast() {
	for _, v := range []sbom.Verification{sbom.Listed, sbom.Recomputed, sbom.Included} {
		fmt.Println(v, v.AtLeast(sbom.Recomputed))
	}
	// Output:
	// listed false
	// recomputed true
	// included true
}

// What a publisher knows and no go.mod tells: who supplies which modules, and
// what is not told on purpose.
func ExampleRules_Apply() {
	component := func(path string) sbom.Component {
		purl := "pkg:golang/" + path + "@v1.0.0"
		return sbom.Component{Ref: purl, PURL: purl, Name: path, Version: "v1.0.0", Type: sbom.Library, Scope: sbom.Runtime}
	}
	doc := &sbom.Document{
		Main:       component("example.com/app"),
		Components: []sbom.Component{component("example.com/lib"), component("example.org/parser")},
	}
	rules := sbom.Rules{
		Name:    "acme 2026-11",
		Authors: []sbom.Party{{Name: "Acme", Email: "sbom@example.com"}},
		Suppliers: []sbom.PartyRule{
			{Prefix: "pkg:golang/example.com", Party: sbom.Party{Name: "Acme", URL: "https://example.com"}},
			{Prefix: "pkg:golang/example.net", Party: sbom.Party{Name: "Nobody"}},
		},
		Gaps: []sbom.GapRule{
			{Prefix: "pkg:golang", Gap: sbom.Gap{Element: sbom.ElementSupplier, Kind: sbom.NotKnown}},
		},
		Licenses: []sbom.LicenseRule{
			{Prefix: "pkg:golang/example.org/parser", Expression: "MIT", Reason: "letter of its author, 2026-03-01"},
		},
	}
	doc, outcomes, err := rules.Apply(doc, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range doc.All() {
		switch {
		case c.Supplier != nil:
			fmt.Println(c.Name, "is supplied by", c.Supplier.Name)
		default:
			fmt.Println(c.Name, c.Gaps)
		}
	}
	for _, o := range outcomes {
		if o.Unused() {
			fmt.Println("of no use:", o.Rule)
		}
	}
	// Output:
	// example.com/app is supplied by Acme
	// example.com/lib is supplied by Acme
	// example.org/parser [{supplier unknown}]
	// of no use: supplier pkg:golang/example.net
}
