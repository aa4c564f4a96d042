package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// A Requirement is an attestation that there must be beside the provenance.
// Requirements do not depend on each other: evidence that fails one may satisfy
// another. Beyond its type, subject and signers a predicate is looked at only as far
// as one of the fields below asks for: results of failed tests are test results.
type Requirement struct {
	// PredicateType is the exact predicate type.
	PredicateType string

	// Identities are those who may sign it.
	Identities []Identity

	// Threshold is how many of them must have signed, each by a key or a
	// certificate identity that is not counted for another; 0 means 1. They
	// need not have signed the same statement: two test results may differ.
	Threshold int

	// OfSource says that it is about the commit that was built, a subject's
	// gitCommit, instead of the artifact.
	OfSource bool

	// Subject is the name that the artifact must have in it. Empty means any.
	Subject string

	// MaxAge is how old it may be: by the earliest time that an authority has
	// verified, or else by the time that a [Summary] or [Scan] says of itself.
	// Zero means any age.
	MaxAge time.Duration

	Summary *Summary // what a verification summary must say
	Tests   bool     // that the result of tests is PASSED
	Scan    *Scan    // what a scan for vulnerabilities may say
	SBOM    *SBOM    // what an SBOM must have in it

	// Properties are those that a simple verification result must have.
	Properties []string
}

// A Summary is what a verification summary attestation (VSA) must say beside
// PASSED, by "Verifying VSAs" of SLSA 1.2.
type Summary struct {
	// Verifier is the exact verifier.id, for which the Identities of the
	// requirement may speak.
	Verifier string

	// Resource is the exact resourceUri: what the artifact was verified as.
	Resource string

	// Level is the least level of the build track or, of a commit, of the source
	// track. Zero asks for none. A summary with two levels of the track has none.
	Level int

	// Properties are others of the verified levels that must be there:
	// "SLSA_BUILD_REPRODUCED", or names of the verifier's own.
	Properties []string

	// Policy is a digest of the policy that the verifier must have used. The zero
	// Digest stands for any.
	Policy hallmark.Digest
}

// A Scan is what a scan for known vulnerabilities may say. Each one that is found
// is a check of its own, whose item is its name, so that one can be excused.
type Scan struct {
	// Below is the severity that no vulnerability may reach: a score, "7.0", or one
	// of the words low, medium, high and critical. Empty allows no vulnerability at all.
	Below string

	// Method is whose ratings count, "cvss_score". A vulnerability that is not rated
	// by it, or not in such terms as Below, is unproven.
	Method string
}

// An SBOM is what an SBOM must have in it. The policy's Inspector tells.
type SBOM struct {
	// Minimum are names of profiles of minimum elements.
	Minimum []string

	// BuildInfo asks that it lists what the artifact says it was built from.
	BuildInfo bool

	// MinAge and MaxAge are how old releases of dependencies must and may be. Zero
	// means any age.
	MinAge, MaxAge time.Duration
}

// verify looks for a statement about a for q, signed by as many identities as
// it asks for. If there is none it returns nil statements, the reasons, and what
// of the evidence could not be decided.
func (q *Requirement) verify(ctx context.Context, a hallmark.Artifact, envelopes []*sign.Envelope) (statements []*provenance.Statement, checks []Check, open []error, err error) {
	threshold := max(q.Threshold, 1)
	found := candidates{item: q.PredicateType, unsigned: RuleRequired}
	signers := make([][]string, len(q.Identities)) // by identity
	for i, e := range envelopes {
		if e == nil {
			open = append(open, fmt.Errorf("evidence %d: no envelope", i))
			continue
		}
		counted, signed := false, false
		var refused []Check
		for k, id := range q.Identities {
			ev, err := recognize(ctx, id, e)
			if ctx.Err() != nil {
				return nil, nil, nil, fmt.Errorf("verify: %w", context.Cause(ctx))
			}
			switch {
			case err == ErrNotSigned: // and does not say why
				continue
			case errors.Is(err, ErrNotSigned):
				refused = append(refused, newCheck(RuleRequired, q.PredicateType, Failed, err.Error(), id.String(), i))
				continue
			case err != nil:
				open = append(open, fmt.Errorf("evidence %d: %w", i, err))
				continue
			}
			signed = true
			st, made, err := read(i, ev, q.PredicateType, RuleRequired, a)
			if err != nil {
				open = append(open, fmt.Errorf("evidence %d: %w", i, err))
				continue
			}
			for k := range made {
				made[k].Item = q.PredicateType
			}
			if !passed(made) {
				found.add(made)
				continue
			}
			if !counted {
				statements = append(statements, st)
				counted = true
			}
			checks = append(checks, made...)
			signers[k] = append(signers[k], ev.signers()...)
		}
		if !signed {
			found.refused = append(found.refused, refused...)
		}
	}
	n := distinct(signers)
	if n >= threshold {
		return statements, checks, open, nil
	}
	var names []string
	for _, id := range q.Identities {
		names = append(names, id.String())
	}
	want := strings.Join(names, ", ")
	if threshold > 1 {
		want = fmt.Sprintf("%d of %s", threshold, want)
	}
	if n > 0 {
		short := newCheck(RuleRequired, q.PredicateType, Failed, fmt.Sprintf("%d distinct signers", n), want, -1)
		return nil, append([]Check{short}, found.failed...), open, nil
	}
	return nil, found.reasons(want), open, nil
}

// distinct returns how many identities, given by their signers, can be counted
// if no signer is counted twice: a maximum matching, one augmenting path after
// the other. A group of keys is one identity, and two names of one key are one
// signer.
func distinct(identities [][]string) int {
	holder := make(map[string]int) // which identity a signer counts for
	n := 0
	for i := range identities {
		tried := make(map[string]bool)
		var place func(i int) bool
		place = func(i int) bool {
			for _, s := range identities[i] {
				if tried[s] {
					continue
				}
				tried[s] = true
				if other, taken := holder[s]; !taken || place(other) {
					holder[s] = i
					return true
				}
			}
			return false
		}
		if place(i) {
			n++
		}
	}
	return n
}
