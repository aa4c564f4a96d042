package sbom_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}`, "cyclonedx-json@1.6"},
		{`{"specVersion": "1.2", "x": {"spdxVersion": "SPDX-2.3"}, "bomFormat": "CycloneDX"}`, "cyclonedx-json@1.2"},
		{`{"spdxVersion": "SPDX-2.3"}`, "spdx-json@2.3"},
		{`{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}`, "spdx-json@3.0.1"},
		{`{"@context": ["https://example.com/x", "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"]}`, "spdx-json@3.0.1"},
		{`{"bomFormat": "CycloneDX", "specVersion": "1.6", "spdxVersion": "SPDX-2.3"}`, "a document of several formats"},
		{`{"bomFormat": "cyclonedx", "specVersion": "1.6"}`, "neither a CycloneDX nor an SPDX document"},
		{`{"specVersion": "1.6"}`, "neither a CycloneDX nor an SPDX document"},
		{`{"@context": {"@vocab": "https://spdx.org/rdf/3.0.1/terms"}}`, "neither a CycloneDX nor an SPDX document"},
		{`{}`, "neither a CycloneDX nor an SPDX document"},
		{`[]`, "malformed SBOM"},
		{``, "malformed SBOM"},
		{`{"bomFormat": "CycloneDX"`, "malformed SBOM"},
		{`{"bomFormat": "CycloneDX", "bomFormat": "CycloneDX"}`, "malformed SBOM"},
		{`{"spdxVersion": 2}`, "malformed SBOM"},
		{"\xef\xbb\xbf{}", "malformed SBOM"},
		{strings.Repeat("[", 200), "malformed SBOM"},
	} {
		f, err := sbom.Detect([]byte(tt.data))
		if err == nil && f.String() != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: got %s, %v, want %s", tt.data, f, err, tt.want)
		}
	}
}

func ExampleDetect() {
	f, err := sbom.Detect([]byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}`))
	fmt.Println(f, f.Name == sbom.CycloneDX, err)
	// Output: cyclonedx-json@1.6 true <nil>
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6"}`))
	f.Add([]byte(`{"@context": ["https://spdx.org/rdf/3.0.1/spdx-context.jsonld"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if format, err := sbom.Detect(data); err == nil && format.Name != sbom.CycloneDX && format.Name != sbom.SPDX {
			t.Errorf("%q: %s", data, format)
		}
	})
}
