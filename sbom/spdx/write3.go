package spdx
import ("io";"github.com/hallmark-dev/hallmark/sbom")
func write3(w io.Writer, d *sbom.Document, s sbom.Stamp) error { return nil }
