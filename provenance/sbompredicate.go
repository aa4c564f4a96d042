package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// Predicate types of an [SBOM]. Some producers append a version to them,
// "https://cyclonedx.org/bom/v1.4".
const (
	CycloneDXType = "https://cyclonedx.org/bom"
	SPDXType      = "https://spdx.dev/Document"
)

// Formats of an [SBOM].
const (
	CycloneDX = "CycloneDX"
	SPDX      = "SPDX"
)

// An SBOM is a software bill of materials as a predicate: the document itself.
// What is in it is for packages sbom/cyclonedx and sbom/spdx to read.
type SBOM struct {
	Format   string // CycloneDX or SPDX
	Version  string // of the format: "1.6", "2.3", "3.0.1"
	Document json.RawMessage
}

// NewSBOM returns the SBOM that document is. It is an error if that is neither
// CycloneDX nor SPDX in JSON. The document is not checked beyond its format and
// version.
func NewSBOM(document []byte) (*SBOM, error) {
	b := &SBOM{Document: document}
	var bomFormat, spdxID string
	var hasGraph bool
	err := strictjson.Read(document, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "bomFormat":
				bomFormat, err = r.String()
			case "specVersion":
				b.Version, err = r.String()
			case "SPDXID":
				spdxID, err = r.String()
			case "spdxVersion":
				var version string
				if version, err = r.String(); err != nil {
					return err
				}
				var ok bool
				if b.Version, ok = strings.CutPrefix(version, "SPDX-"); !ok {
					return r.Errorf("%.40q does not begin with SPDX-", version)
				}
				b.Format = SPDX
			case "@context":
				// A list of contexts can have others beside that of SPDX.
				return readContexts(r, func(context string) {
					if v, ok := strings.CutPrefix(context, "https://spdx.org/rdf/"); ok {
						b.Version, _, _ = strings.Cut(v, "/")
						b.Format = SPDX
					}
				})
			case "@graph":
				hasGraph = true
				return r.Skip()
			default:
				return r.Skip()
			}
			return err
		})
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("malformed SBOM: %w", err)
	case bomFormat != "" && b.Format != "":
		return nil, errors.New("malformed SBOM: it is CycloneDX and SPDX at once")
	case bomFormat != "" && bomFormat != CycloneDX:
		return nil, fmt.Errorf("malformed SBOM: $.bomFormat: %.40q, want %q", bomFormat, CycloneDX)
	case bomFormat != "":
		b.Format = CycloneDX
	case b.Format == "":
		return nil, errors.New("malformed SBOM: neither CycloneDX (bomFormat) nor SPDX (spdxVersion, @context)")
	}
	major, minor, _ := strings.Cut(b.Version, ".")
	switch {
	case major == "" || minor == "" || strings.Trim(major+minor, "0123456789.") != "":
		return nil, fmt.Errorf("malformed SBOM: %s version %.40q", b.Format, b.Version)
	case b.Format == SPDX && major == "2" && spdxID != "SPDXRef-DOCUMENT":
		return nil, fmt.Errorf("malformed SBOM: $.SPDXID: %.100q, want SPDXRef-DOCUMENT", spdxID)
	case b.Format == SPDX && major == "3" && !hasGraph:
		return nil, errors.New("malformed SBOM: $.@graph: missing")
	}
	return b, nil
}

// readContexts calls found with the contexts of a JSON-LD document.
func readContexts(r *strictjson.Reader, found func(string)) error {
	one := func(int) error {
		if r.Kind() != '"' {
			return r.Skip()
		}
		context, err := r.String()
		if err == nil {
			found(context)
		}
		return err
	}
	if r.Kind() == '[' {
		return r.Array(one)
	}
	return one(0)
}

// Type returns the predicate type that b is written with: [CycloneDXType] for
// CycloneDX of any version; [SPDXType] with /v3 for SPDX 3, with /v2.3 for that
// version, and alone for older ones.
func (b *SBOM) Type() string {
	switch {
	case b.Format == CycloneDX:
		return CycloneDXType
	case strings.HasPrefix(b.Version, "3."):
		return SPDXType + "/v3"
	case b.Version == "2.3":
		return SPDXType + "/v2.3"
	}
	return SPDXType
}

// ParseSBOM returns the SBOM in s, whose predicate type must be one of those of
// an SBOM, with a version or without. It is an error if the document is of
// another format, or of another version than the type names.
func ParseSBOM(s *Statement) (*SBOM, error) {
	format, version, ok := sbomType(s.PredicateType)
	if !ok {
		return nil, fmt.Errorf("provenance: predicate type %.200q, want %q or %q", s.PredicateType, CycloneDXType, SPDXType)
	}
	if s.Predicate == nil {
		return nil, errors.New("malformed SBOM: no predicate")
	}
	b, err := NewSBOM(s.Predicate)
	if err != nil {
		return nil, err
	}
	if format != b.Format || version != b.Version && version != "" && !strings.HasPrefix(b.Version, version+".") {
		return nil, fmt.Errorf("malformed SBOM: %s %s, but the predicate type is %q", b.Format, b.Version, s.PredicateType)
	}
	return b, nil
}

// Statement returns the Statement that b says what subjects are made of. The
// document is written without white space, its members in their order and its
// numbers with their digits. It fails if [Statement.Validate] finds an error.
func (b *SBOM) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return New(b.Type(), b.Document, subjects...)
}

// sbomType returns what a predicate type says of an SBOM. version is empty if it
// says nothing.
func sbomType(predicateType string) (format, version string, ok bool) {
	for _, f := range []struct{ format, typ string }{{CycloneDX, CycloneDXType}, {SPDX, SPDXType}} {
		version, ok := strings.CutPrefix(predicateType, f.typ)
		if ok && version == "" {
			return f.format, "", true
		}
		if version, ok = strings.CutPrefix(version, "/v"); ok {
			return f.format, version, true
		}
	}
	return "", "", false
}

func isSBOM(predicateType string) bool {
	_, _, ok := sbomType(predicateType)
	return ok
}

func validateSBOM(ps *problems, s *Statement) {
	if _, err := ParseSBOM(s); err != nil {
		ps.add(Error, "$.predicate", "%v", err)
	}
}
