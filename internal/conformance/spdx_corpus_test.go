package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// INDEX.md has the verdicts of the schemas of 2.2.2, 2.3.1 and 3.0.1.
func TestJudgeSPDXSchemas(t *testing.T) {
	for version, schema := range map[string]interface{ Validate(any) error }{
		"SPDX-2.2": spdxSchema(t, "2.2.2"), "SPDX-2.3": spdxSchema(t, "2.3.1"), "SPDX-3": spdx3Schema(t),
	} {
		n := make(map[bool]int)
		for file, want := range index(t, func(_, v string) bool { return v == version }) {
			n[want]++
			if err := validate2(schema, readSBOM(t, file)); (err == nil) != want {
				t.Errorf("%s: error %v, want valid %v", file, err, want)
			}
		}
		if n[true] == 0 || n[false] == 0 {
			t.Errorf("%s: %d valid and %d invalid documents, want some of each", version, n[true], n[false])
		}
		t.Logf("%s: %d valid and %d invalid documents", version, n[true], n[false])
	}
}

func TestSPDXCorpus(t *testing.T) {
	schemas := map[spdx.Version]interface{ Validate(any) error }{spdx.Version23: spdxSchema(t, "2.3.1"), spdx.Version301: spdx3Schema(t)}
	n := make(map[string]int)
	files := index(t, func(file, _ string) bool {
		return strings.Contains(file, "spdx") && strings.HasSuffix(file, ".json") && !strings.HasPrefix(file, "schemas/") && !strings.Contains(file, "cyclonedx")
	})
	for file, valid := range files {
		data := readSBOM(t, file)
		d, s, err := spdx.Parse(data)
		if err != nil {
			n["refused"]++
			if valid {
				t.Errorf("%s: valid, but %v", file, err)
			}
			continue
		}
		if !valid {
			t.Logf("%s: invalid, but read", file)
		}
		n["read"]++
		version := spdx.Version23
		if strings.Contains(string(data[:min(len(data), 4000)]), "@context") {
			version = spdx.Version301
		}
		out, err := spdx.MarshalVersion(version, d, s)
		if err != nil {
			t.Errorf("%s: written: %v", file, err)
			continue
		}
		if err := validate2(schemas[version], out); err != nil && valid {
			t.Errorf("%s: written: %v", file, err)
		}
		for _, diff := range differences(t, data, out) {
			t.Errorf("%s: %s", file, diff)
		}
	}
	t.Logf("%v", n)
}

// differences returns what the first document has and the second has not, and what
// the second has beside that.
func differences(t *testing.T, a, b []byte) []string {
	var va, vb any
	if err := json.Unmarshal(a, &va); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vb); err != nil {
		t.Fatal(err)
	}
	var list []string
	compare(&list, "", va, vb)
	return list
}

func compare(list *[]string, path string, a, b any) {
	add := func(format string, v any) {
		data, _ := json.Marshal(v)
		*list = append(*list, fmt.Sprintf(format, path, fmt.Sprintf("%.200s", data)))
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			add("%s lost: %s", a)
			return
		}
		for name, v := range a {
			if w, ok := b[name]; ok {
				compare(list, path+"/"+name, v, w)
			} else {
				*list = append(*list, fmt.Sprintf("%s/%s lost: %.200v", path, name, v))
			}
		}
		for name, w := range b {
			if _, ok := a[name]; !ok {
				*list = append(*list, fmt.Sprintf("%s/%s new: %.200v", path, name, w))
			}
		}
	case []any:
		b, ok := b.([]any)
		if !ok {
			add("%s lost: %s", a)
			return
		}
		b = slices.Clone(b)
		key := func(v any) string {
			if m, ok := v.(map[string]any); ok {
				for _, name := range []string{"SPDXID", "spdxId", "@id", "licenseId"} {
					if id, ok := m[name].(string); ok {
						return id
					}
				}
			}
			data, _ := json.Marshal(v)
			return string(data)
		}
		for _, v := range a {
			i := slices.IndexFunc(b, func(w any) bool { return key(w) == key(v) })
			if i < 0 {
				*list = append(*list, fmt.Sprintf("%s[] lost: %.300s", path, key(v)))
				continue
			}
			compare(list, path+"["+key(v)[:min(60, len(key(v)))]+"]", v, b[i])
			b = slices.Delete(b, i, i+1)
		}
		for _, w := range b {
			*list = append(*list, fmt.Sprintf("%s[] new: %.300s", path, key(w)))
		}
	default:
		if a != b {
			*list = append(*list, fmt.Sprintf("%s: %.200v, was %.200v", path, b, a))
		}
	}
}
