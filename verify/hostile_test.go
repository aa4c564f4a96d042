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

// What was excused once is not what the next release is expected to be like.
func TestExpectAfterException(t *testing.T) {
	c := newTrial(t)
	c.policy.Now = noon
	c.statement.definition().at("internalParameters", "github")["event_name"] = "pull_request_target"
	c.policy.Exceptions = []verify.Exception{exception(t, verify.RuleTrigger, "")}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := verify.Expect(r); err == nil {
		t.Errorf("a policy with the triggers %q, want an error", p.Triggers)
	}
}

// A range of versions goes on to hold.
func TestExpectRange(t *testing.T) {
	c := newTrial(t)
	c.policy.Refs = verify.Refs{Versions: ">=1.2.0 <3.0.0"}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.Expect(r)
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"refs/tags/v1.9.0": rejected, "refs/tags/v2.0.1": accepted, "refs/tags/v3.0.0": rejected} {
		c.statement.setRef(ref)
		if r, err := p.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != want {
			t.Errorf("%s: %v, %v, want it %s", ref, r, err, want)
		}
	}
}
