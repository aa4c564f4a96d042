package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sbomCorpus returns the directory of the SBOM documents and schemas.
func sbomCorpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	return filepath.Join(dir, "sbom")
}

// cycloneDXSchema returns the official JSON schema of a CycloneDX version. Formats,
// such as date-time, are checked too.
func cycloneDXSchema(t *testing.T, version string) *jsonschema.Schema {
	t.Helper()
	const base = "http://cyclonedx.org/schema/"
	main := "bom-" + version + ".schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range []string{main, "spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"} {
		addSchema(t, c, base+name, "schemas/cyclonedx/"+name)
	}
	return compileSchema(t, c, base+main)
}

// spdxSchema returns the official JSON schema of an SPDX 2 version.
func spdxSchema(t *testing.T, version string) *jsonschema.Schema {
	t.Helper()
	name := "spdx-schema-" + version + ".json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	addSchema(t, c, "https://spdx.org/"+name, "schemas/spdx/"+name)
	return compileSchema(t, c, "https://spdx.org/"+name)
}

func addSchema(t *testing.T, c *jsonschema.Compiler, url, file string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(readSBOM(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
}

func compileSchema(t *testing.T, c *jsonschema.Compiler, url string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, data []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// The name of each file of CycloneDX's own test suite begins with the verdict,
// and the schema's verdict stands in the corpus's INDEX.md.
func TestJudgeCycloneDXSchemas(t *testing.T) {
	for _, version := range []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
		schema := cycloneDXSchema(t, version)
		n := make(map[bool]int)
		for file, indexed := range index(t, func(file, _ string) bool {
			return strings.HasPrefix(file, "cyclonedx/spec/"+version+"/")
		}) {
			want := indexed
			switch name := filepath.Base(file); {
			case strings.HasPrefix(name, "valid-"):
				want = true
			case strings.HasPrefix(name, "invalid-"):
				want = false
			}
			if want != indexed {
				t.Errorf("%s: valid %v by its name, %v by INDEX.md", file, want, indexed)
			}
			n[want]++
			if err := validate(schema, readSBOM(t, file)); (err == nil) != want {
				t.Errorf("%s: error %v, want valid %v", file, err, want)
			}
		}
		if n[true] == 0 || n[false] == 0 {
			t.Errorf("%s: %d valid and %d invalid files, want some of each", version, n[true], n[false])
		}
		t.Logf("%s: %d valid and %d invalid files", version, n[true], n[false])
	}
}

// INDEX.md has the verdicts of the schema of 2.3.1, which allows a little more
// than that of 2.3.
func TestJudgeSPDXSchema(t *testing.T) {
	schema := spdxSchema(t, "2.3.1")
	n := make(map[bool]int)
	for file, want := range index(t, func(_, version string) bool { return version == "SPDX-2.3" }) {
		n[want]++
		if err := validate(schema, readSBOM(t, file)); (err == nil) != want {
			t.Errorf("%s: error %v, want valid %v", file, err, want)
		}
	}
	if n[true] == 0 || n[false] == 0 {
		t.Errorf("%d valid and %d invalid documents, want some of each", n[true], n[false])
	}
	t.Logf("%d valid and %d invalid documents", n[true], n[false])
}

// index returns the files of the corpus's INDEX.md that match, and whether they
// are valid by the schema of their version.
func index(t *testing.T, match func(file, version string) bool) map[string]bool {
	t.Helper()
	valid := make(map[string]bool)
	for line := range strings.Lines(string(readSBOM(t, "INDEX.md"))) {
		// | file | source | expected | version | verdict |
		cell := strings.Split(strings.TrimPrefix(line, "| "), " | ")
		if len(cell) >= 5 && match(cell[0], cell[3]) {
			valid[cell[0]] = strings.HasPrefix(cell[4], "valid")
		}
	}
	return valid
}

func readSBOM(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(sbomCorpus(t), filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
