package spdx

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark/sbom"
)

// Losses returns what of the Remainders of d and its components a document of the
// version has no place for: what is of another format or major version, and what
// no longer agrees with the fields of d. Fields of d are never lost. A signature in
// the document that d was read from is lost, too.
//
// Paths are JSON pointers into the document that d was read from, by each component's
// Place. Those of a component without one are as in a document that has the components
// in the order of [sbom.Document.All], in which one of SPDX 3 is named by its Ref.
//
// Losses fails as [Write] does.
func Losses(d *sbom.Document, s sbom.Stamp, v Version) ([]sbom.Loss, error) {
	data, err := MarshalVersion(d, s, v)
	if err != nil {
		return nil, err
	}
	var losses []sbom.Loss
	if d.Original != nil {
		losses = append(losses, sbom.Loss{Path: "/signature", Why: "it is of the bytes of the document that was read"})
	}
	family := format2
	if v == V301 {
		family = format3
	}
	// What was put back is left over again when it is read.
	again, _, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("spdx: internal error: %w", err)
	}
	type value struct{ ref, path, value string } // the ref of what is not in a component is ""
	kept := make(map[value]int)
	valueOf := func(ref string, r sbom.Remainder) value {
		return value{ref, anyIndex(r.Path), string(canonical(r.Value))}
	}
	for _, r := range again.Remainder {
		kept[valueOf("", r)]++
	}
	for _, c := range again.All() {
		for _, r := range c.Remainder {
			kept[valueOf(c.Ref, r)]++
		}
	}
	told := make(map[sbom.Loss]bool)
	add := func(ref, at string, rest []sbom.Remainder) {
		for _, r := range rest {
			if d.Original != nil && at+r.Path == "/signature" {
				continue // as said already
			}
			why := "it is of " + r.Format
			if strings.HasPrefix(r.Format, family) {
				if v := valueOf(ref, r); kept[v] > 0 {
					kept[v]--
					continue
				}
				why = "it does not agree with what is known otherwise"
			}
			if string(r.Value) == "null" {
				continue // a document that did not have something; so has this one not
			}
			loss := sbom.Loss{Path: at + r.Path, Why: why}
			if !told[loss] { // an element that stands within another one is kept by itself, too
				told[loss] = true
				losses = append(losses, loss)
			}
		}
	}
	add("", "", d.Remainder)
	for i, c := range d.All() {
		for _, r := range c.Remainder {
			add(c.Ref, cmp.Or(c.Place, placeOf(r.Format, c.Ref, i)), []sbom.Remainder{r})
		}
	}
	return losses, nil
}

// placeOf returns where the component of a number is in a document of a format, if
// nobody knows where it was.
func placeOf(format, ref string, i int) string {
	switch {
	case strings.HasPrefix(format, format2):
		return fmt.Sprintf("/packages/%d", i)
	case strings.HasPrefix(format, format3):
		return "/@graph/" + escapePointer(ref)
	case i == 0:
		return "/metadata/component"
	}
	return fmt.Sprintf("/components/%d", i-1)
}

// anyIndex returns a path with a star in place of each number: what is before an
// element can be elsewhere in another document. What was within another element of a
// graph is beside it.
func anyIndex(path string) string {
	if strings.HasPrefix(path, "/@graph/") {
		return "/@graph/*"
	}
	elements := strings.Split(path, "/")
	for i, e := range elements {
		if strings.Trim(e, "0123456789") == "" && e != "" {
			elements[i] = "*"
		}
	}
	return strings.Join(elements, "/")
}
