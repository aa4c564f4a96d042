package spdx_test

import (
	"fmt"
	"log"
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
