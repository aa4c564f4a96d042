package cyclonedx_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"strings"
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

// An older version has no place for who made a component: it is a property there.
func ExampleMarshalVersion() {
	doc := document()
	doc.Main.Producer = &sbom.Party{Name: "Example Ltd"}
	data, err := cyclonedx.MarshalVersion(doc, sbom.Stamp{}, cyclonedx.V15)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(string(data), `"name": "hallmark:producer"`))
	fmt.Println(cyclonedx.V15.MediaType())
	// Output:
	// true
	// application/vnd.cyclonedx+json; version=1.5
}

// What Write writes is what Marshal returns, but it is never in memory as a whole.
func ExampleWrite() {
	marshaled, err := cyclonedx.Marshal(document(), sbom.Stamp{})
	if err != nil {
		log.Fatal(err)
	}
	h := sha256.New()
	if err := cyclonedx.Write(h, document(), sbom.Stamp{}, cyclonedx.V16); err != nil {
		log.Fatal(err)
	}
	sum := sha256.Sum256(marshaled)
	fmt.Println(bytes.Equal(h.Sum(nil), sum[:]))
	// Output:
	// true
}

const theirs = `{
  "bomFormat": "CycloneDX",
  "specVersion": "1.7",
  "version": 1,
  "metadata": {"component": {"type": "application", "name": "app", "bom-ref": "app"}},
  "components": [
    {"type": "library", "name": "lib", "version": "1.0", "bom-ref": "lib", "publisher": "Example Ltd"}
  ],
  "dependencies": [{"ref": "app", "dependsOn": ["lib"]}],
  "citations": [{"pointers": ["/components/0/name"], "timestamp": "2026-11-21T10:48:28Z", "attributedTo": "lib"}]
}`

func ExampleParse() {
	doc, _, err := cyclonedx.Parse([]byte(theirs))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(doc.Main.Name, doc.Edges)
	for _, c := range doc.Components {
		for _, r := range c.Remainder {
			fmt.Printf("%s %s: %s\n", c.Name, r.Path, r.Value)
		}
	}
	// Output:
	// app [{app lib  }]
	// lib /publisher: "Example Ltd"
	// lib /scope: null
}

// What a document of 1.7 has and one of 1.6 cannot have.
func ExampleLosses() {
	doc, stamp, err := cyclonedx.Parse([]byte(theirs))
	if err != nil {
		log.Fatal(err)
	}
	losses, err := cyclonedx.Losses(doc, stamp, cyclonedx.V16)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range losses {
		fmt.Printf("%s: %s\n", l.Path, l.Why)
	}
	// Output:
	// /citations: this version does not have the member
}
