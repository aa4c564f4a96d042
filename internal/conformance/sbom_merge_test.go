package conformance

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// Documents of others that are merged can be written in each format, valid, and read
// back with nothing added, removed or other than before; what of them is left aside is
// told. Merged with itself, a document is what it is alone.
func TestMergeOfDocumentsOfOthers(t *testing.T) {
	all := outputs(t)
	shop := sbom.Component{Ref: "shop", Name: "shop", Type: sbom.Application, Scope: sbom.Runtime}
	stamp := sbom.Stamp{Created: time.Unix(0, 0).UTC(), Tool: sbom.Tool{Name: "hallmark", Version: "v1.0.0"}}
	read := 0
	files := index(t, func(file, _ string) bool { return strings.HasSuffix(file, "json") })
	for i, file := range slices.Sorted(maps.Keys(files)) {
		data := readSBOM(t, file)
		from, err := sbom.Detect(data)
		if err != nil || len(data) > 100_000 {
			continue
		}
		parse := cyclonedx.Parse
		if from.Name == sbom.SPDX {
			parse = spdx.Parse
		}
		d, _, err := parse(data)
		if err != nil {
			continue // whether it has to be read, other tests say
		}
		read++
		alone, err := sbom.Merge(shop, map[string]*sbom.Document{"a": d})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		twice, err := sbom.Merge(shop, map[string]*sbom.Document{"a": d, "b": d})
		if err != nil {
			t.Errorf("%s: twice: %v", file, err)
			continue
		}
		if !reflect.DeepEqual(twice.Components, alone.Components) || !slices.Equal(twice.Edges, alone.Edges) {
			t.Errorf("%s: twice: %d components and %d edges, want %d and %d", file, len(twice.Components), len(twice.Edges), len(alone.Components), len(alone.Edges))
		}
		components := slices.Clone(twice.Components)
		for j, v := range all {
			twice.Components = slices.Clone(components)
			if v.Name != from.Name && (i+j)%3 != 0 { // those of its own format have more to put back
				continue
			}
			to := fmt.Sprintf("%s, merged, to %s", file, v)
			out, err := v.marshal(twice, stamp)
			if err != nil {
				t.Errorf("%s: %v", to, err)
				continue
			}
			if len(out) <= v.most && files[file] {
				if err := validate2(v.schema, out); err != nil {
					t.Errorf("%s: %.2000v", to, err)
				}
			}
			back, _, err := v.parse(out)
			if err != nil {
				t.Errorf("%s: read back: %v", to, err)
				continue
			}
			if diff, err := sbom.Diff(twice, back); err != nil || len(diff) > 0 {
				t.Errorf("%s: error %v, read back:\n%.2000s", to, err, diff)
			}
			losses, err := v.losses(twice, stamp)
			if err != nil {
				t.Errorf("%s: losses: %v", to, err)
			}
			if v.Name == from.Name { // what of the components is put back is not lost
				ofMerged := func(l sbom.Loss) bool { return !strings.Contains(l.Why, " a:") && !strings.Contains(l.Why, " b:") }
				losses = slices.DeleteFunc(losses, ofMerged)
				for _, c := range twice.All() {
					c.Remainder = slices.DeleteFunc(slices.Clone(c.Remainder), func(r sbom.Remainder) bool { return !strings.HasPrefix(r.Format, "a:") })
				}
			}
			for _, what := range unlike(twice, losses) {
				t.Errorf("%s: %s", to, what)
			}
		}
	}
	if read < 200 {
		t.Errorf("%d documents, want at least 200", read)
	}
}
