package sbom

import (
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/versions"
)

// spelling returns one spelling of a version: some tools leave out what Go writes
// before the number of a version, the "v" of a module's or the "go" of a release's, or
// take the one for the other.
func spelling(purlType, s string) string {
	if purlType != "golang" {
		return s
	}
	if _, err := versions.Parse(purlType, s); err != nil {
		return s
	}
	return strings.TrimPrefix(strings.TrimPrefix(s, "go"), "v")
}

// parsePackage parses a package URL. That of Go's standard library has one name: some
// tools call it std, as the go command does, and others stdlib, as its vulnerability
// database does.
func parsePackage(s string) (purl.PURL, error) {
	p, err := purl.Parse(s)
	if err == nil && p.Type == "golang" && p.Path() == "std" {
		p.Name = "stdlib"
	}
	return p, err
}
