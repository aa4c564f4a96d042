package cyclonedx_test

import (
	"fmt"
	"log"
	"os"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

func document() *sbom.Document {
	return &sbom.Document{
		Main: sbom.Component{
			Ref:   "pkg:golang/example.com/app",
			Type:  sbom.Application,
			Name:  "example.com/app",
			PURL:  "pkg:golang/example.com/app",
			Scope: sbom.Runtime,
		},
		Phase: sbom.PostBuild,
	}
}

func ExampleMarshal() {
	created := time.Date(2026, 11, 21, 10, 48, 28, 0, time.UTC)
	data, err := cyclonedx.Marshal(document(), sbom.Stamp{Created: created})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)
	// Output:
	// {
	//   "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
	//   "bomFormat": "CycloneDX",
	//   "specVersion": "1.6",
	//   "serialNumber": "urn:uuid:a70ed032-74f0-59a8-a1d9-66dd5aec00df",
	//   "version": 1,
	//   "metadata": {
	//     "timestamp": "2026-11-21T10:48:28Z",
	//     "lifecycles": [
	//       {
	//         "phase": "post-build"
	//       }
	//     ],
	//     "component": {
	//       "bom-ref": "pkg:golang/example.com/app",
	//       "type": "application",
	//       "name": "example.com/app",
	//       "purl": "pkg:golang/example.com/app"
	//     }
	//   },
	//   "components": [],
	//   "dependencies": [],
	//   "compositions": [
	//     {
	//       "aggregate": "unknown",
	//       "assemblies": [
	//         "pkg:golang/example.com/app"
	//       ]
	//     },
	//     {
	//       "aggregate": "unknown",
	//       "dependencies": [
	//         "pkg:golang/example.com/app"
	//       ]
	//     }
	//   ]
	// }
}

// A publisher who knows more than the Document adds it before encoding.
func ExampleBOM() {
	bom, err := cyclonedx.BOM(document(), sbom.Stamp{})
	if err != nil {
		log.Fatal(err)
	}
	bom.Metadata.Supplier = &cdx.OrganizationalEntity{Name: "Example Ltd"}
	if err := cdx.NewBOMEncoder(os.Stdout, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {
	//   "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
	//   "bomFormat": "CycloneDX",
	//   "specVersion": "1.6",
	//   "version": 1,
	//   "metadata": {
	//     "lifecycles": [
	//       {
	//         "phase": "post-build"
	//       }
	//     ],
	//     "component": {
	//       "bom-ref": "pkg:golang/example.com/app",
	//       "type": "application",
	//       "name": "example.com/app",
	//       "purl": "pkg:golang/example.com/app"
	//     },
	//     "supplier": {
	//       "name": "Example Ltd"
	//     }
	//   },
	//   "components": [],
	//   "dependencies": [],
	//   "compositions": [
	//     {
	//       "aggregate": "unknown",
	//       "assemblies": [
	//         "pkg:golang/example.com/app"
	//       ]
	//     },
	//     {
	//       "aggregate": "unknown",
	//       "dependencies": [
	//         "pkg:golang/example.com/app"
	//       ]
	//     }
	//   ]
	// }
}
