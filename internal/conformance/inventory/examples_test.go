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
	room, err := filepath.Abs("../../../sbom/inventory")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(room, "*example_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern, text string) (names []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	dir := t.TempDir()
	replace := make(map[string]string)
	var want []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), "\t// With a driver, the output is:\n", "\t// Output:\n")
		text = strings.Replace(text, "\nimport (\n", "\nimport (\n\t_ \"modernc.org/sqlite\"\n", 1)
		replace[file] = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(replace[file], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, names(`(?m)^func (Example\w*)\(\)`, text)...)
	}
	slices.Sort(want)
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
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
	if got := names(`(?m)^--- PASS: (Example\w*) `, string(out)); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("examples %v ran, want %v", got, want)
	}
}
