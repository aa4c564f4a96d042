package sbom_test

import (
	"fmt"

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
