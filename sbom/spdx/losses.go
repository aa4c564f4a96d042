package spdx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/sbom"
)

// Losses returns what of the Remainders of d and its components a document of the
// version has no place for: what is of another format or major version, and what
// no longer agrees with the fields of d. Fields of d are never lost. A signature in
// the document that d was read from is lost, too.
//
// Paths are JSON pointers into the document that d was read from, in which
// components are counted in the order of [sbom.Document.All], whatever place they
// had there; a component of SPDX 3 is named by its Ref instead of a number.
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
	kept := map[string][]sbom.Remainder{"": again.Remainder} // by Ref, that of the document is ""
	for _, c := range again.All() {
		kept[c.Ref] = c.Remainder
	}
	add := func(ref, at string, rest []sbom.Remainder) {
		for _, r := range rest {
			why := "it is of " + r.Format
			if strings.HasPrefix(r.Format, family) {
				i := slices.IndexFunc(kept[ref], func(k sbom.Remainder) bool {
					return anyIndex(k.Path) == anyIndex(r.Path) && bytes.Equal(canonical(k.Value), canonical(r.Value))
				})
				if i >= 0 {
					kept[ref] = slices.Delete(kept[ref], i, i+1)
					continue
				}
				why = "it does not agree with what is known otherwise"
			}
			if string(r.Value) == "null" {
				continue // a document that did not have something; so has this one not
			}
			losses = append(losses, sbom.Loss{Path: at + r.Path, Why: why})
		}
	}
	add("", "", d.Remainder)
	for i, c := range d.All() {
		for _, r := range c.Remainder {
			add(c.Ref, placeOf(r.Format, c.Ref, i), []sbom.Remainder{r})
		}
	}
	return losses, nil
}

// placeOf returns where the component of a number is in a document of a format.
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
// element can be elsewhere in another document.
func anyIndex(path string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		if strings.Trim(e, "0123456789") == "" && e != "" {
			elements[i] = "*"
		}
	}
	return strings.Join(elements, "/")
}
