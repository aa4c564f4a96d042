package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// VSA returns a verification summary of r to sign and hand on: verifier found that
// what is to be had at resource, r's artifact, satisfies policy, at a time. policy
// has a URI and should have a digest, as package policyfile tells it. The level is
// r's, and not evaluated if that is 0. The evidence is
// listed by its digests.
//
// https://slsa.dev/spec/v1.2/verification_summary
func (r *Result) VSA(verifier provenance.Agent, resource string, policy provenance.ResourceDescriptor, at time.Time) (*provenance.Statement, error) {
	if resource == "" || at.IsZero() {
		return nil, errors.New("verify: a summary needs a resource and a time")
	}
	v := provenance.VSA{
		Verifier: verifier, TimeVerified: at, ResourceURI: resource, Policy: policy,
		InputAttestations: r.evidence(), Result: provenance.Passed, VerifiedLevels: r.levels(), SLSAVersion: "1.2",
	}
	return v.Statement(r.Artifact())
}

// SVR returns the same in the simpler form, with the level as a property.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md
func (r *Result) SVR(verifier provenance.Agent, policy provenance.ResourceDescriptor, at time.Time) (*provenance.Statement, error) {
	if at.IsZero() {
		return nil, errors.New("verify: a verification result needs a time")
	}
	v := provenance.SVR{Verifier: verifier, Policies: []provenance.ResourceDescriptor{policy}, TimeCreated: at, Properties: r.levels()}
	return v.Statement(r.Artifact())
}

// levels returns the levels that r has by the policy's trust.
func (r *Result) levels() []string {
	level := fmt.Sprint(r.Level())
	if r.Level() == 0 {
		level = "UNEVALUATED"
	}
	return []string{"SLSA_" + provenance.BuildTrack + "_LEVEL_" + level}
}

// evidence returns the statements that the policy was satisfied by, by their digests.
func (r *Result) evidence() []provenance.ResourceDescriptor {
	var all []provenance.ResourceDescriptor
	seen := make(map[hallmark.Digest]bool)
	for _, c := range r.checks {
		if c.Payload.IsZero() || seen[c.Payload] {
			continue
		}
		seen[c.Payload] = true
		all = append(all, provenance.ResourceDescriptor{MediaType: provenance.MediaType, Digest: provenance.NewDigestSet(c.Payload)})
	}
	return all
}
