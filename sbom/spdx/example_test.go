package spdx_test

import (
	"crypto/sha256"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

func ExampleMarshal() {
	d := &sbom.Document{
		Main: sbom.Component{
			Ref:   "pkg:golang/example.com/app",
			Type:  sbom.Application,
			Name:  "example.com/app",
			PURL:  "pkg:golang/example.com/app",
			Scope: sbom.Runtime,
		},
		Phase: sbom.PostBuild,
	}
	created := time.Date(2026, 11, 21, 10, 48, 28, 0, time.UTC)
	data, err := spdx.Marshal(d, sbom.Stamp{Created: created})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)
	// Output:
	// {
	//   "spdxVersion": "SPDX-2.3",
	//   "dataLicense": "CC0-1.0",
	//   "SPDXID": "SPDXRef-DOCUMENT",
	//   "name": "example.com/app",
	//   "documentNamespace": "https://spdx.org/spdxdocs/example.com%2Fapp-12d621a0-7c54-54d0-ba55-85d3d9aefce6",
	//   "creationInfo": {
	//     "creators": [
	//       "Tool: hallmark"
	//     ],
	//     "created": "2026-11-21T10:48:28Z",
	//     "comment": "SBOM Type: Analyzed"
	//   },
	//   "packages": [
	//     {
	//       "name": "example.com/app",
	//       "SPDXID": "SPDXRef-Package-pkg-3Agolang-2Fexample.com-2Fapp",
	//       "supplier": "NOASSERTION",
	//       "downloadLocation": "NOASSERTION",
	//       "filesAnalyzed": false,
	//       "licenseConcluded": "NOASSERTION",
	//       "licenseDeclared": "NOASSERTION",
	//       "copyrightText": "NOASSERTION",
	//       "externalRefs": [
	//         {
	//           "referenceCategory": "PACKAGE-MANAGER",
	//           "referenceType": "purl",
	//           "referenceLocator": "pkg:golang/example.com/app"
	//         }
	//       ],
	//       "primaryPackagePurpose": "APPLICATION"
	//     }
	//   ],
	//   "relationships": [
	//     {
	//       "spdxElementId": "SPDXRef-DOCUMENT",
	//       "relatedSpdxElement": "SPDXRef-Package-pkg-3Agolang-2Fexample.com-2Fapp",
	//       "relationshipType": "DESCRIBES"
	//     },
	//     {
	//       "spdxElementId": "SPDXRef-Package-pkg-3Agolang-2Fexample.com-2Fapp",
	//       "relatedSpdxElement": "NOASSERTION",
	//       "relationshipType": "DEPENDS_ON"
	//     }
	//   ]
	// }
}

func ExampleMarshalVersion() {
	d := &sbom.Document{
		Main: sbom.Component{
			Ref: "pkg:golang/example.com/app", Type: sbom.Application, Name: "example.com/app",
			PURL: "pkg:golang/example.com/app", Scope: sbom.Runtime, Requirements: sbom.Complete,
		},
		Phase: sbom.PostBuild,
	}
	created := time.Date(2026, 11, 21, 10, 48, 28, 0, time.UTC)
	data, err := spdx.MarshalVersion(d, sbom.Stamp{Created: created}, spdx.V301)
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, `"dependsOn"`) {
			fmt.Print(line)
		}
	}
	fmt.Println(spdx.V301.PredicateType(), spdx.V301.MediaType())
	// Output:
	// {"type":"LifecycleScopedRelationship","spdxId":"https://spdx.org/spdxdocs/82de7662-2362-50f4-be96-2c9c185c0a49#Relationship-1","creationInfo":"_:hallmark","completeness":"complete","scope":"runtime","from":"https://spdx.org/spdxdocs/82de7662-2362-50f4-be96-2c9c185c0a49#Package-pkg-3Agolang-2Fexample.com-2Fapp","relationshipType":"dependsOn","to":["https://spdx.org/rdf/3.0.1/terms/Core/NoneElement"]}
	// https://spdx.dev/Document/v3 application/spdx3+json
}

func ExampleWrite() {
	d := &sbom.Document{Main: sbom.Component{Ref: "app", Type: sbom.Application, Name: "app", Scope: sbom.Runtime}}
	h := sha256.New()
	err := spdx.Write(h, d, sbom.Stamp{Created: time.Unix(0, 0)}, spdx.V23)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", h.Sum(nil)[:4])
	// Output: 788eee1a
}

func ExampleParse() {
	d, stamp, err := spdx.Parse([]byte(`{
		"spdxVersion": "SPDX-2.3",
		"dataLicense": "CC0-1.0",
		"SPDXID": "SPDXRef-DOCUMENT",
		"name": "theirs",
		"documentNamespace": "https://example.com/theirs-1",
		"creationInfo": {"creators": ["Tool: other-1.0"], "created": "2026-11-21T10:48:28Z"},
		"packages": [
			{"SPDXID": "SPDXRef-app", "name": "app", "downloadLocation": "NOASSERTION", "summary": "an app"},
			{"SPDXID": "SPDXRef-lib", "name": "lib", "versionInfo": "1.0", "downloadLocation": "NOASSERTION"}
		],
		"relationships": [
			{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-app"},
			{"spdxElementId": "SPDXRef-app", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-lib"}
		]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Main.Name, d.Requires()[d.Main.Ref], stamp.Tool)
	for _, r := range d.Main.Remainder {
		fmt.Println(r.Path, string(r.Value))
	}
	// Output:
	// app [SPDXRef-lib] {other 1.0}
	// /summary "an app"
	// /supplier null
	// /licenseConcluded null
	// /licenseDeclared null
	// /copyrightText null
	// /filesAnalyzed null
}

func ExampleLosses() {
	d := &sbom.Document{
		Main: sbom.Component{
			Ref:   "app",
			Type:  sbom.Application,
			Name:  "app",
			Scope: sbom.Runtime,
			Remainder: []sbom.Remainder{
				{Format: "cyclonedx-json@1.6", Path: "/author", Value: []byte(`"Jane Doe"`)},
			},
		},
	}
	stamp := sbom.Stamp{Created: time.Date(2026, 11, 21, 10, 48, 28, 0, time.UTC)}
	losses, err := spdx.Losses(d, stamp, spdx.V23)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range losses {
		fmt.Printf("%s: %s\n", l.Path, l.Why)
	}
	// Output:
	// /metadata/component/author: it is of cyclonedx-json@1.6
}
