package sbom

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A Format is a format of SBOM documents, with its version.
type Format struct {
	Name    string // CycloneDX or SPDX
	Version string // "1.6", "2.3", "3.0.1"
}

// The names of formats.
const (
	CycloneDX = "cyclonedx-json"
	SPDX      = "spdx-json"
)

// String returns "NAME@VERSION".
func (f Format) String() string { return f.Name + "@" + f.Version }

// Detect returns the format of a JSON document, by the members that each format
// requires: bomFormat and specVersion of CycloneDX, spdxVersion of SPDX 2, and
// the @context of SPDX 3. The version is the one that the document says; whether
// anybody can read it, the readers say.
//
// It is an error if the document has those of several formats or of none, or if it
// is not JSON as RFC 8259 has it, without a byte order mark and with each name once
// in an object.
func Detect(data []byte) (Format, error) {
	var found []Format
	isCycloneDX, specVersion := false, ""
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			switch name {
			case "bomFormat":
				s, err := r.String()
				isCycloneDX = s == "CycloneDX"
				return err
			case "specVersion":
				s, err := r.String()
				specVersion = s
				return err
			case "spdxVersion":
				s, err := r.String()
				if version, ok := strings.CutPrefix(s, "SPDX-"); ok {
					found = append(found, Format{SPDX, version})
				}
				return err
			case "@context":
				v, err := r.Value()
				contexts, isList := v.([]any)
				if !isList {
					contexts = []any{v}
				}
				for _, c := range contexts {
					url, _ := c.(string)
					if rest, ok := strings.CutPrefix(url, "https://spdx.org/rdf/"); ok {
						version, _, _ := strings.Cut(rest, "/")
						found = append(found, Format{SPDX, version})
					}
				}
				return err
			}
			return r.Skip()
		})
	})
	if err != nil {
		return Format{}, fmt.Errorf("malformed SBOM: %w", err)
	}
	if isCycloneDX {
		found = append(found, Format{CycloneDX, specVersion})
	}
	switch found = slices.Compact(found); len(found) {
	case 0:
		return Format{}, errors.New("malformed SBOM: neither a CycloneDX nor an SPDX document")
	case 1:
		return found[0], nil
	}
	return Format{}, fmt.Errorf("malformed SBOM: a document of several formats, %s and %s", found[0], found[1])
}
