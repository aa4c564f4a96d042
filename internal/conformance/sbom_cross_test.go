package conformance

import (
	"cmp"
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

// An output is a format that Documents are written in.
type output struct {
	sbom.Format
	schema  interface{ Validate(any) error }
	most    int // bytes of a document that the schema takes little time for
	marshal func(*sbom.Document, sbom.Stamp) ([]byte, error)
	losses  func(*sbom.Document, sbom.Stamp) ([]sbom.Loss, error)
	parse   func([]byte) (*sbom.Document, sbom.Stamp, error)
}

func outputs(t *testing.T) (all []output) {
	t.Helper()
	for _, v := range cycloneDXVersions() {
		all = append(all, output{
			sbom.Format{Name: sbom.CycloneDX, Version: string(v)},
			cycloneDXSchema(t, string(v)), 1 << 20,
			func(d *sbom.Document, s sbom.Stamp) ([]byte, error) { return cyclonedx.MarshalVersion(d, s, v) },
			func(d *sbom.Document, s sbom.Stamp) ([]sbom.Loss, error) { return cyclonedx.Losses(d, s, v) },
			cyclonedx.Parse,
		})
	}
	for _, v := range []spdx.Version{spdx.V23, spdx.V301} {
		next := output{
			sbom.Format{Name: sbom.SPDX, Version: string(v)},
			nil, 1 << 20,
			func(d *sbom.Document, s sbom.Stamp) ([]byte, error) { return spdx.MarshalVersion(d, s, v) },
			func(d *sbom.Document, s sbom.Stamp) ([]sbom.Loss, error) { return spdx.Losses(d, s, v) },
			spdx.Parse,
		}
		if v == spdx.V301 {
			next.schema, next.most = spdx3Schema(t), 200_000 // it takes seconds for a large one
		} else {
			next.schema = spdxSchema(t, "2.3.1")
		}
		all = append(all, next)
	}
	return all
}

// Every document of others that is read can be written in each version of the other
// format: it is valid, all fields are read back from it, and what it has no place
// for has been told.
func TestFromFormatToFormat(t *testing.T) {
	all := outputs(t)
	count := make(map[string]int)
	for _, file := range slices.Sorted(maps.Keys(index(t, func(file, _ string) bool { return strings.HasSuffix(file, "json") }))) {
		data := readSBOM(t, file)
		from, err := sbom.Detect(data)
		if err != nil {
			continue
		}
		parse := cyclonedx.Parse
		if from.Name == sbom.SPDX {
			parse = spdx.Parse
		}
		d, s, err := parse(data)
		if err != nil {
			continue // whether it has to be read, other tests say
		}
		count["read"]++
		if s.Created.IsZero() {
			s.Created = time.Unix(0, 0).UTC()
		}
		for _, v := range all {
			if v.Name == from.Name {
				continue
			}
			to := fmt.Sprintf("%s, to %s", file, v)
			out, err := v.marshal(d, s)
			if err != nil {
				t.Errorf("%s: %v", to, err)
				continue
			}
			count["written"]++
			if len(out) <= v.most {
				count["valid"]++
				if err := validate2(v.schema, out); err != nil {
					t.Errorf("%s: %.2000v", to, err)
				}
			}
			back, stamp, err := v.parse(out)
			if err != nil {
				t.Errorf("%s: read back: %v", to, err)
				continue
			}
			name := func(tool sbom.Tool) string {
				if v.Name == sbom.SPDX { // one text, and every document must have one
					return cmp.Or(strings.TrimSuffix(tool.Name+"-"+tool.Version, "-"), "hallmark")
				}
				return fmt.Sprint(tool)
			}
			if !stamp.Created.Equal(s.Created) || name(stamp.Tool) != name(s.Tool) {
				t.Errorf("%s: stamp %v, want %v", to, stamp, s)
			}
			if diff := difference("", reflect.ValueOf(*fieldsOf(d)), reflect.ValueOf(*fieldsOf(back))); diff != "" {
				t.Errorf("%s: %.600s", to, diff)
			}
			if len(back.Remainder) > 0 || slices.ContainsFunc(back.All(), func(c *sbom.Component) bool { return len(c.Remainder) > 0 }) {
				t.Errorf("%s: what is written is not all read as fields: %v", to, back.Remainder)
			}
			losses, err := v.losses(d, s)
			if err != nil {
				t.Errorf("%s: losses: %v", to, err)
			}
			count["losses"] += len(losses)
			for _, what := range unlike(d, losses) {
				t.Errorf("%s: %s", to, what)
			}
		}
	}
	t.Logf("%v", count)
	if count["read"] < 200 || count["losses"] < 1000 {
		t.Errorf("%v, want at least 200 documents and 1000 losses", count)
	}
}

// fieldsOf returns a copy of d without what is of its format alone, and with the digests
// in the order that CycloneDX has them in.
func fieldsOf(d *sbom.Document) *sbom.Document {
	fields := *d
	fields.Remainder, fields.Original = nil, nil
	fields.Main.Remainder = nil
	fields.Components = slices.Clone(d.Components)
	for i := range fields.Components {
		fields.Components[i].Remainder = nil
	}
	for _, c := range fields.All() {
		c.Place = ""
		c.Digests, c.References = slices.Clone(c.Digests), slices.Clone(c.References)
		for i := range c.References {
			c.References[i].Digests = slices.Clone(c.References[i].Digests)
		}
	}
	return orderDigests(&fields)
}

// unlike says where losses are not all values that are in Remainders, and nothing else.
func unlike(d *sbom.Document, losses []sbom.Loss) (list []string) {
	left := slices.DeleteFunc(slices.Clone(losses), func(l sbom.Loss) bool { return l.Approximated })
	rest := slices.Clone(d.Remainder)
	if d.Original != nil { // its signature is told once, whatever the reason
		signature := func(path string) bool { return path == "/signature" }
		if n := len(left); len(slices.DeleteFunc(slices.Clone(left), func(l sbom.Loss) bool { return signature(l.Path) })) != n-1 {
			list = append(list, "the signature is not told once")
		}
		left = slices.DeleteFunc(left, func(l sbom.Loss) bool { return signature(l.Path) })
		rest = slices.DeleteFunc(rest, func(r sbom.Remainder) bool { return signature(r.Path) })
	}
	for _, c := range d.All() {
		for _, r := range c.Remainder {
			// An element that stands within another one is told with it.
			within := sbom.Remainder{Format: r.Format, Path: c.Place + r.Path}
			if c.Place == "" || !slices.ContainsFunc(d.Remainder, func(o sbom.Remainder) bool { return o.Format == within.Format && o.Path == within.Path }) {
				rest = append(rest, r)
			}
		}
	}
	for _, r := range rest {
		if string(r.Value) == "null" {
			continue // what a document did not have cannot be lost
		}
		i := slices.IndexFunc(left, func(l sbom.Loss) bool { return strings.HasSuffix(l.Path, r.Path) && strings.Contains(l.Why, r.Format) })
		if i < 0 {
			list = append(list, fmt.Sprintf("%s: %.100s is lost, and nobody says so", r.Path, r.Value))
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, l := range left {
		list = append(list, fmt.Sprintf("a loss that is none: %v", l))
	}
	return list
}
