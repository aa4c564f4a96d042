package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModPURL builds the package URLs of the official test suite. A subpath
// is not of a module, and is left out of both sides.
func TestGoModPURL(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(sbomCorpus(t), "purl", "tests", "types", "golang-test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests []struct {
			Type   string          `json:"test_type"`
			Input  json.RawMessage `json:"input"`
			Output json.RawMessage `json:"expected_output"`
		} `json:"tests"`
	}
	if err := json.Unmarshal(data, &suite); err != nil {
		t.Fatal(err)
	}
	built := 0
	for _, test := range suite.Tests {
		if test.Type != "build" {
			continue
		}
		built++
		var in struct{ Namespace, Name, Version string }
		var want string
		if err := json.Unmarshal(test.Input, &in); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(test.Output, &want); err != nil {
			t.Fatal(err)
		}
		want, _, _ = strings.Cut(want, "#")
		if got := gomod.PURL(in.Namespace+"/"+in.Name, in.Version); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if built < 5 {
		t.Errorf("%d packages built, want 5", built)
	}
}
