package verify_test

import (
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// summaryPolicy asks for a summary by key 2 and for nothing of a build.
func summaryPolicy(t testing.TB) *verify.Policy {
	return &verify.Policy{Now: noon, Require: []verify.Requirement{{
		PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)},
		Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2},
	}}}
}

// summaryOf is what summaryPolicy asks for, but for the level.
func summaryOf(t testing.TB, a hallmark.Artifact, level string) *sign.Envelope {
	return state(t, a, &provenance.VSA{
		Verifier: verifier(), TimeVerified: noon().Add(-time.Hour), ResourceURI: "pkg:generic/app",
		Policy: resource(t, "https://policy.test", "policy"), Result: provenance.Passed, VerifiedLevels: []string{level},
	}, 2)
}

// An exception takes the place of no signature: where a summary stands for the
// provenance, it must be there.
func TestSummaryCannotBeExcused(t *testing.T) {
	a, p := newArtifact(t), summaryPolicy(t)
	p.Exceptions = []verify.Exception{exception(t, verify.RuleRequired, provenance.VSAType)}
	if r, err := p.Verify(t.Context(), a); end(r, err) != rejected {
		t.Errorf("no evidence at all: %v, %v, want it rejected", r, err)
	}
}

// A summary that needed an exception gives no level.
func TestLevelOfExcusedSummary(t *testing.T) {
	a, p := newArtifact(t), summaryPolicy(t)
	p.Exceptions = []verify.Exception{exception(t, verify.RuleSummary, "level")}
	r, err := p.Verify(t.Context(), a, summaryOf(t, a, "SLSA_BUILD_LEVEL_1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Level(); n != 0 {
		t.Errorf("level %d, want 0", n)
	}
}
