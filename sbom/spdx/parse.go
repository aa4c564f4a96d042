package spdx

import (
	"errors"
	"fmt"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Parse reads an SPDX document in JSON, of version 2.2, 2.3 or 3.0.1.
func Parse(data []byte) (*sbom.Document, sbom.Stamp, error) {
	fail := func(err error) (*sbom.Document, sbom.Stamp, error) {
		return nil, sbom.Stamp{}, fmt.Errorf("malformed SPDX document: %w", err)
	}
	if len(data) > maxDocument {
		return fail(fmt.Errorf("%d bytes, want at most %d", len(data), maxDocument))
	}
	var version string
	var graph bool
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "spdxVersion":
				version, err = r.String()
			case "@context":
				graph = true
				err = r.Skip()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil {
		return fail(err)
	}
	var d *sbom.Document
	var s sbom.Stamp
	switch {
	case graph && version != "":
		return fail(errors.New("spdxVersion of SPDX 2 and @context of SPDX 3"))
	case graph:
		d, s, err = parse3(data)
	case version == "SPDX-2.2", version == "SPDX-2.3":
		d, s, err = parse2(data, version[len("SPDX-"):])
	case version == "":
		return fail(errors.New("neither spdxVersion nor @context"))
	default:
		return fail(fmt.Errorf("version %.50q, want SPDX-2.2, SPDX-2.3 or the @context of SPDX 3.0.1", version))
	}
	if err != nil {
		return fail(err)
	}
	return d, s, nil
}
