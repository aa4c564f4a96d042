package verify

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// An Inspector looks into what this package does not read: SBOMs, and the artifact
// itself. Package verify/inspect has one for Go. Implementations must be safe for
// concurrent use, and answer the same question alike.
type Inspector interface {
	// Inspect answers q about a and s, a statement about a that is verified: an
	// SBOM, or the provenance, which it must not change. It returns at least one finding. An error means that
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

	Profile        string        // of RuleMinimum
	Version        string        // of RuleVersion, "v1.2.0"
	MinAge, MaxAge time.Duration // of RuleDependencyAge
	Now            time.Time     // when the policy is asked; zero if it has no Now
}

// A Finding is what an [Inspector] found.
type Finding struct {
	Item    string  // what of several things it is about; often empty
	Outcome Outcome // Passed, Failed or Unproven
	Got     string  // what there is
	Want    string  // what was asked for
}

// ask returns what the Inspector finds of a and st, of the i-th envelope. item is what
// the checks are about that it has no name for.
func (h *hearing) ask(i int, item string, a hallmark.Artifact, st *provenance.Statement, q Question) ([]Check, error) {
	want := q.want()
	if h.policy.Inspector == nil {
		return []Check{newCheck(q.Rule, cmp.Or(q.Profile, item), Unproven, "nobody to inspect it", want, i)}, nil
	}
	findings, err := h.policy.Inspector.Inspect(h.ctx, a, st, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q.Rule, err)
	}
	if len(findings) == 0 {
		return nil, fmt.Errorf("%s: the inspector found nothing at all", q.Rule)
	}
	var checks []Check
	for _, f := range findings {
		c := newCheck(q.Rule, cmp.Or(f.Item, q.Profile, item), f.Outcome, cmp.Or(f.Got, notSaid), cmp.Or(f.Want, want), i)
		if c.Outcome != Passed && c.Outcome != Unproven {
			c.Outcome = Failed // an inspector excuses nothing
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// want says what q asks for.
func (q Question) want() string {
	switch q.Rule {
	case RuleVersion:
		return q.Version
	case RuleMinimum:
		return "the elements of " + q.Profile
	case RuleBuildInfo:
		return "what the artifact says of itself"
	case RuleCommitSigned:
		return "a signed commit"
	case RuleDependencyAge:
		var want []string
		if q.MinAge != 0 {
			want = append(want, "at least "+days(q.MinAge))
		}
		if q.MaxAge != 0 {
			want = append(want, "at most "+days(q.MaxAge))
		}
		return strings.Join(want, " and ") + " since the release"
	}
	return string(q.Rule)
}
