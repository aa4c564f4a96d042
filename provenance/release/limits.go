package release

import (
	"fmt"

	"github.com/hallmark-dev/hallmark/provenance"
)

// Bounds of what [ReadGoTest] and [ReadGovulncheck] read. The streams may be as
// long as they like: what is over one of these is an error that names the bound.
const (
	// MaxEvent is the size of one event of go test, in bytes.
	MaxEvent = 1 << 20

	// MaxTests is the number of tests and packages of one run.
	MaxTests = 1_000_000

	// MaxMessage is the size of one message of govulncheck, in bytes.
	MaxMessage = 32 << 20

	// MaxVulnerabilities is the number of vulnerabilities that a scan knows of.
	MaxVulnerabilities = provenance.MaxDependencies

	// MaxText is the size of all text that is kept of a stream, in bytes: less
	// than what a statement can have.
	MaxText = provenance.MaxStatementSize / 2
)

// A budget is what is left of MaxText.
type budget int

// spend takes texts from b.
func (b *budget) spend(texts ...string) error {
	for _, s := range texts {
		*b -= budget(len(s))
	}
	if *b < 0 {
		return fmt.Errorf("more than %d bytes of text to keep", MaxText)
	}
	return nil
}
