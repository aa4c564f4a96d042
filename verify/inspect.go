package verify

import (
	"context"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// An Inspector looks into what this package does not read: SBOMs, and the artifact
// itself. Package verify/inspect has one for Go. Implementations must be safe for
// concurrent use, and answer the same question alike.
type Inspector interface {
	// Inspect answers q about a and s, a statement about a that is verified: an
	// SBOM, or the provenance. It returns at least one finding. An error means that
	// this cannot be told now, and leaves the verdict undecided; what the evidence
	// does not tell is a finding that is [Unproven].
	Inspect(ctx context.Context, a hallmark.Artifact, s *provenance.Statement, q Question) ([]Finding, error)
}

// A Question is what a policy asks an [Inspector].
type Question struct {
	// Rule says what is asked:
	//
	//	RuleMinimum        whether an SBOM has the minimum elements of Profile
	//	RuleVersion        whether Version is that of the SBOM's main component, or,
	//	                   asked with the provenance, the version that the artifact
	//	                   says it has
	//	RuleBuildInfo      whether an SBOM lists exactly the modules that the artifact
	//	                   says it was built from, or whether the artifact agrees with
	//	                   the provenance
	//	RuleDependencyAge  whether each dependency of an SBOM was released at least
	//	                   MinAge and at most MaxAge before Now; zero is no bound
	//	RuleCommitSigned   whether the commit that the provenance names is signed
	Rule Rule

	Profile        string
	Version        string
	MinAge, MaxAge time.Duration
	Now            time.Time
}

// A Finding is what an [Inspector] found.
type Finding struct {
	Item    string  // what of several things it is about; often empty
	Outcome Outcome // Passed, Failed or Unproven
	Got     string  // what there is
	Want    string  // what was asked for
}
