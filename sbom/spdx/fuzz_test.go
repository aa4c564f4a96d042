package spdx_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// What is read can be written, and is then read as the same.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"source", "binary", "bare", "union"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".spdx.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		d, s, err := spdx.Parse(data)
		if err != nil {
			f.Fatal(err)
		}
		data, err = spdx.MarshalVersion(d, s, spdx.V301)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, s, err := spdx.Parse(data)
		if err != nil {
			return
		}
		v := spdx.V23
		if bytes.Contains(data, []byte(`"@context"`)) {
			v = spdx.V301
		}
		out, err := spdx.MarshalVersion(d, s, v)
		if err != nil {
			return // names of several lines, and the like
		}
		if _, _, err := spdx.Parse(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
