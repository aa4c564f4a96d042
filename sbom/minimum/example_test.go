package minimum_test

import (
	"fmt"
	"os"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
)

// A gate that wants the seven fields of NTIA, and says what is not there.
func ExampleProfile_Check() {
	doc := &sbom.Document{
		Main: sbom.Component{
			Ref: "pkg:golang/example.com/app@v1.0.0", PURL: "pkg:golang/example.com/app@v1.0.0",
			Name: "example.com/app", Version: "v1.0.0", Type: sbom.Application, Scope: sbom.Runtime,
			Supplier: &sbom.Party{Name: "Acme"},
		},
		Components: []sbom.Component{{
			Ref: "example.com/lib", Name: "example.com/lib", Type: sbom.Library, Scope: sbom.Runtime,
			Gaps: []sbom.Gap{{Element: sbom.ElementSupplier, Kind: sbom.NotKnown}},
		}},
		Edges: []sbom.Edge{{From: "pkg:golang/example.com/app@v1.0.0", To: "example.com/lib"}},
	}
	profile, ok := minimum.Lookup("ntia-2021")
	if !ok {
		fmt.Println("no such profile")
		return
	}
	report := profile.Check(minimum.Subject{
		Document: doc,
		Stamp:    sbom.Stamp{Created: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Tool: sbom.Tool{Name: "hallmark", Version: "v0.1.0"}},
		Format:   sbom.Format{Name: "cyclonedx-json", Version: "1.6"},
		New:      true,
	})
	fmt.Println("satisfied:", report.Satisfied)
	for _, r := range report.Results {
		if r.Satisfied || r.Field.Level != minimum.Required {
			continue
		}
		for _, f := range r.Findings {
			fmt.Printf("%s: %s of %s at %s is %s\n", r.Field.Clause, r.Field.Name, f.Ref, f.Place, f.Status)
		}
	}
	// Output:
	// satisfied: false
	// IV, Data Fields: Supplier Name of example.com/lib at /supplier is unknown
	// IV, Data Fields: Version of the Component of example.com/lib at /version is missing
}

func ExampleReport_WriteText() {
	profile, _ := minimum.Lookup("cra-2024")
	report := profile.Check(minimum.Subject{
		Document: &sbom.Document{Main: sbom.Component{Ref: "app", Name: "app", Type: sbom.Application, Scope: sbom.Runtime}},
		Format:   sbom.Format{Name: "spdx-json", Version: "3.0.1"},
	})
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// cra-2024, as spdx-json@3.0.1: not satisfied
	// components: 1
	//
	// FIELD                   CLAUSE                                LEVEL     PRESENT  UNKNOWN  WITHHELD  MISSING  VERDICT
	// Format                  Annex I, Part II, (1)                 required  1        0        0         0        satisfied
	// Top-level dependencies  Annex I, Part II, (1)                 required  0        0        0         1        not satisfied
	// Components              Annex I, Part II, (1); Article 3(39)  required  1        0        0         0        satisfied
	//
	// Top-level dependencies: the components that the product requires are given, or that there are none
	//   missing, at Relationship/to: nothing is said of what it requires
}

func ExampleProfiles() {
	for _, p := range minimum.Profiles() {
		required := 0
		for _, f := range p.Fields {
			if f.Level == minimum.Required {
				required++
			}
		}
		fmt.Printf("%s has %d fields, %d of them required\n", p.Name, len(p.Fields), required)
	}
	// Output:
	// bsi-2.1 has 23 fields, 14 of them required
	// cisa-2026 has 17 fields, 17 of them required
	// cra-2024 has 3 fields, 3 of them required
	// fda-2026 has 11 fields, 9 of them required
	// ntia-2021 has 11 fields, 7 of them required
	// telco-1.1 has 19 fields, 17 of them required
}

func ExampleLookup() {
	p, ok := minimum.Lookup("bsi-2.1")
	fmt.Println(p.URL, ok)
	_, ok = minimum.Lookup("bsi")
	fmt.Println(ok)
	// Output:
	// https://bsi.bund.de/dok/TR-03183-en true
	// false
}
