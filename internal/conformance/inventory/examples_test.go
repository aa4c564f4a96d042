package inventory_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The root module has no driver, so that examples of package sbom/inventory which need one
// have no output there. Here they get both.
func TestExamples(t *testing.T) {
	file, err := filepath.Abs("../../../sbom/inventory/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\t// With a driver, the output is:\n", "\t// Output:\n")
	text = strings.Replace(text, "\nimport (\n", "\nimport (\n\t_ \"modernc.org/sqlite\"\n", 1)
	dir := t.TempDir()
	driven := filepath.Join(dir, "example_test.go")
	if err := os.WriteFile(driven, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: driven}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "test", "-count=1", "-v", "-run", "^Example", "-overlay", filepath.Join(dir, "overlay.json"), "github.com/hallmark-dev/hallmark/sbom/inventory").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	names := func(pattern, s string) (names []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(s, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	want := names(`(?m)^func (Example\w*)\(\)`, text)
	got := names(`(?m)^--- PASS: (Example\w*) `, string(out)) // and those that need no driver
	if missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(got, name) }); len(missing) > 0 || len(want) == 0 {
		t.Errorf("examples %v ran, and not %v", got, missing)
	}
}
