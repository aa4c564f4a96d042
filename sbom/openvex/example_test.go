package openvex_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom/openvex"
)

// program returns a document about a program.
func program() *openvex.Document {
	app, err := hallmark.ParseDigest("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	if err != nil {
		log.Fatal(err)
	}
	return &openvex.Document{
		Author:    "security@example.com",
		Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Version:   1,
		Statements: []openvex.Statement{{
			Vulnerability: openvex.Vulnerability{Name: "CVE-2023-45288", Aliases: []string{"GO-2024-2687"}},
			Products: []openvex.Product{{
				Component:     openvex.Component{ID: "pkg:generic/app@1.0.0", Digests: []hallmark.Digest{app}},
				Subcomponents: []openvex.Component{{ID: "pkg:golang/golang.org/x/net@v0.22.0"}},
			}},
			Status:        openvex.NotAffected,
			Justification: openvex.VulnerableCodeNotPresent,
		}},
	}
}

func ExampleDocument_Marshal() {
	b, err := program().Marshal()
	if err != nil {
		log.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.String())
	// Output:
	// {
	//   "@context": "https://openvex.dev/ns/v0.2.0",
	//   "@id": "urn:uuid:beca42dd-5379-5e17-a13c-25e137ed6a5a",
	//   "author": "security@example.com",
	//   "timestamp": "2026-01-02T03:04:05Z",
	//   "version": 1,
	//   "statements": [
	//     {
	//       "vulnerability": {
	//         "name": "CVE-2023-45288",
	//         "aliases": [
	//           "GO-2024-2687"
	//         ]
	//       },
	//       "products": [
	//         {
	//           "@id": "pkg:generic/app@1.0.0",
	//           "hashes": {
	//             "sha-256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	//           },
	//           "subcomponents": [
	//             {
	//               "@id": "pkg:golang/golang.org/x/net@v0.22.0"
	//             }
	//           ]
	//         }
	//       ],
	//       "status": "not_affected",
	//       "justification": "vulnerable_code_not_present"
	//     }
	//   ]
	// }
}

func ExampleDocument_Check() {
	d := program()
	d.Statements[0].Status = openvex.Affected
	d.Statements[0].Products[0].ID = "Unknown Product"
	fmt.Println(d.Check())
	// Output:
	// openvex: statement 0: affected, and no action statement
	// openvex: statement 0: affected, and a justification or an impact statement
	// openvex: statement 0: product 0: @id "Unknown Product" is not an IRI
}

func ExampleParse() {
	d, err := openvex.Parse([]byte(`{
		"@context": "https://openvex.dev/ns/v0.2.0",
		"@id": "https://openvex.dev/docs/example/vex-1",
		"author": "security@example.com",
		"timestamp": "2026-01-02T04:04:05+01:00",
		"version": 1,
		"statements": [
			{"vulnerability": {"name": "CVE-2023-45288"}, "products": [{"@id": "pkg:apk/wolfi/git@2.39.0-r1"}], "status": "fixed"}
		]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range d.Statements {
		fmt.Println(s.Vulnerability.Name, s.Status, s.Products[0].ID)
	}
	// Output: CVE-2023-45288 fixed pkg:apk/wolfi/git@2.39.0-r1
}

func ExampleDocument_Statement() {
	s, err := program().Statement()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType)
	for _, subject := range s.Subjects {
		fmt.Println(subject.Name, subject.Digest)
	}
	// Output:
	// https://openvex.dev/ns/v0.2.0
	// pkg:generic/app@1.0.0 map[sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
}
