package spdx
import ("errors";"github.com/hallmark-dev/hallmark/sbom")
func parse3(data []byte) (*sbom.Document, sbom.Stamp, error) { return nil, sbom.Stamp{}, errors.New("later") }
