// Package verify decides whether an artifact came from where it should.
//
// A [Policy] is what the caller knows beforehand: which builders are trusted and
// whose signature speaks for them, the source and the build type that are
// expected, and what else must be attested. [Policy.Verify] holds an artifact
// and the evidence for it, signed envelopes, against the policy. It returns a
// [Result], which nothing else can make: a function that takes a *Result can
// rely on the check having been made.
//
// # Two layers
//
// First, who signed? An [Identity] recognizes an envelope and answers with
// [Evidence]: the bytes that were verified, and the distinct keys or the
// certificate that did it. Nothing of a payload is read before.
//
// Second, is that what was expected? This is a pure function of the policy and
// the evidence: no network, no clock but the policy's, the same answer every time. Strings are
// compared byte by byte. The order of the envelopes does not matter, an envelope
// that proves nothing does no harm, and absence of evidence satisfies nothing.
// Of several builds that would do, that of the most trusted builder is taken,
// and the first of these.
//
// # Three ends
//
// Accepted is a *Result. Rejected is a [*RejectedError], which lists every
// reason as data. Any other error is undecided: the policy is incomplete, the
// evidence of a trusted signer cannot be read and no other is enough, an identity
// could not be asked, or the context ended. A gate stays shut for the last two; only a rejection is
// news about the artifact.
//
// A rule whose facts the evidence does not have is [Unproven], and unproven is
// not passed.
//
// # What is not checked
//
// Keys do not expire, and without a maximum age old evidence is as good as new.
// Dependencies are not looked at, and neither is what an attached SBOM says.
package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// Verify decides whether p accepts a on the evidence of envelopes. The three
// ends are described at the top of the package. a must have a digest for which
// [hallmark.Digest.Secure] holds.
func (p *Policy) Verify(ctx context.Context, a hallmark.Artifact, envelopes ...*sign.Envelope) (*Result, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(a.Digests, hallmark.Digest.Secure) {
		return nil, fmt.Errorf("verify: artifact %q has no digest by SHA-256 or better", a.Name)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	a.Digests = slices.Clone(a.Digests) // the caller's own may change

	// What cannot be decided may be what is missing, so that a part of the
	// policy for which nothing else is enough is undecided itself. A part that
	// surely fails is a rejection, whatever becomes of the others.
	var undecided []error
	var reasons []Check

	// Who signed, and is that what was expected?
	r := &Result{artifact: a}
	var open []error
	builds := candidates{unsigned: RuleSignature}
	for i, e := range envelopes {
		if e == nil {
			open = append(open, fmt.Errorf("evidence %d: no envelope", i))
			continue
		}
		signed, refused, err := p.recognizeBuilders(ctx, i, e)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("verify: %w", context.Cause(ctx))
		}
		if err != nil {
			open = append(open, fmt.Errorf("evidence %d: %w", i, err))
		}
		builds.refused = append(builds.refused, refused...)
		if len(signed) == 0 {
			continue
		}
		st, checks, err := read(i, signed[0].evidence, provenance.PredicateType, RuleProvenance, a)
		if err != nil {
			open = append(open, fmt.Errorf("evidence %d: %w", i, err))
			continue
		}
		if st == nil {
			builds.add(checks)
			continue
		}
		b, err := provenance.ParseBuild(st)
		if err != nil {
			open = append(open, fmt.Errorf("evidence %d: %w", i, err))
			continue
		}
		tried := slices.Clone(checks)
		for _, s := range speakers(b, signed) {
			more := p.evaluate(i, b, s, signed)
			if passed(more) && (r.statements == nil || s.builder.level() > r.Level()) {
				r.builder, r.statements, r.checks = s.builder, []*provenance.Statement{st}, slices.Concat(checks, more)
			}
			for _, c := range more {
				if !slices.Contains(tried, c) { // two speakers fail alike
					tried = append(tried, c)
				}
			}
		}
		builds.add(tried)
	}
	switch {
	case r.statements != nil:
	case len(open) > 0:
		undecided = append(undecided, open...)
	default:
		reasons = append(reasons, builds.reasons(wantIdentities(p.Builders))...)
	}

	for _, q := range p.Require {
		statements, checks, open, err := q.verify(ctx, a, envelopes)
		switch {
		case err != nil:
			return nil, err
		case statements != nil:
			r.statements = append(r.statements, statements...)
			r.checks = append(r.checks, checks...)
		case len(open) > 0:
			undecided = append(undecided, open...)
		default:
			reasons = append(reasons, checks...)
		}
	}

	switch {
	case len(reasons) > 0:
		return nil, &RejectedError{Artifact: a, Reasons: reasons}
	case len(undecided) > 0:
		return nil, fmt.Errorf("verify: %s is undecided: %w", title(a), errors.Join(undecided...))
	}
	return r, nil
}

// signedFor is a builder whose identity signed an envelope.
type signedFor struct {
	builder  Builder
	evidence *Evidence
}

// recognizeBuilders returns the builders who signed e, the i-th evidence, or why
// none did, as far as they say.
func (p *Policy) recognizeBuilders(ctx context.Context, i int, e *sign.Envelope) (signed []signedFor, refused []Check, err error) {
	var errs []error
	for _, b := range p.Builders {
		ev, err := recognize(ctx, b.Identity, e)
		switch {
		case ev != nil:
			signed = append(signed, signedFor{b, ev})
		case !errors.Is(err, ErrNotSigned):
			errs = append(errs, err)
		case err != ErrNotSigned: // but says why
			refused = append(refused, newCheck(RuleSignature, "", Failed, err.Error(), b.Identity.String(), i))
		}
	}
	if signed != nil {
		refused = nil // one is enough
	}
	return signed, refused, errors.Join(errs...)
}

// recognize returns evidence, or what id.Recognize returned if that is or wraps
// ErrNotSigned, or another error.
func recognize(ctx context.Context, id Identity, e *sign.Envelope) (*Evidence, error) {
	ev, err := id.Recognize(ctx, e)
	switch {
	case errors.Is(err, ErrNotSigned):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%s: %w", id, err)
	case ev == nil || len(ev.Keys) == 0 && ev.Claims == nil:
		return nil, fmt.Errorf("%s: recognized without evidence", id)
	case ev.PayloadType != e.PayloadType || !bytes.Equal(ev.Payload, e.Payload):
		// Another identity's evidence is about these bytes.
		return nil, fmt.Errorf("%s: recognized other bytes than the envelope has", id)
	}
	return ev, nil
}

// read returns the statement in the i-th evidence if it is of version 1, of the
// predicate type, and about a. Otherwise it returns the checks that say why not, or an
// error if the statement cannot be read.
func read(i int, ev *Evidence, predicateType string, rule Rule, a hallmark.Artifact) (*provenance.Statement, []Check, error) {
	signature := Check{Rule: RuleSignature, Outcome: Passed, Got: ev.signer(), Envelope: i}
	if ev.PayloadType != provenance.MediaType {
		return nil, []Check{signature, newCheck(RulePayloadType, "", Failed, quote(ev.PayloadType), quote(provenance.MediaType), i)}, nil
	}
	st, err := provenance.Parse(ev.Payload)
	if err != nil {
		return nil, nil, err
	}
	// Leniency is for those who only look.
	if st.Type != "" {
		return nil, nil, fmt.Errorf("malformed statement: _type %q, want %q", st.Type, provenance.StatementType)
	}
	for _, n := range st.Notes {
		if n.Severity != provenance.Note {
			return nil, nil, fmt.Errorf("malformed statement: %s", n)
		}
	}
	typed := newCheck(rule, "", Passed, quote(st.PredicateType), quote(predicateType), i)
	if st.PredicateType != predicateType {
		typed.Outcome = Failed
		return nil, []Check{signature, typed}, nil
	}
	subject := subjectCheck(i, st, a)
	checks := []Check{signature, typed, subject}
	if subject.Outcome != Passed {
		return nil, checks, nil
	}
	return st, checks, nil
}

// subjectCheck looks for a among the subjects of st. A subject is a if they
// share a secure digest, and no digest of an algorithm that both have differs.
func subjectCheck(i int, st *provenance.Statement, a hallmark.Artifact) Check {
	c := Check{Rule: RuleSubject, Outcome: Failed, Want: artifactText(a), Envelope: i}
	for _, s := range st.Subjects {
		shared, conflict := false, false
		for _, d := range a.Digests {
			hex, ok := s.Digest[d.Algorithm()]
			if !ok {
				continue
			}
			// A value that is no digest of its algorithm cannot be equal.
			if hex != d.Hex() {
				conflict = true
			} else if d.Secure() {
				shared = true
			}
		}
		if shared && !conflict {
			c.Outcome, c.Got = Passed, artifactText(a)
			return c
		}
	}
	c.Got = subjectsText(st.Subjects)
	return c
}

// title names a in a report.
func title(a hallmark.Artifact) string { return line(cmp.Or(a.Name, artifactText(a))) }

func artifactText(a hallmark.Artifact) string {
	var ds []string
	for _, d := range a.Digests {
		ds = append(ds, d.String())
	}
	return strings.Join(ds, " ")
}

// subjectsText names a few subjects for a failed check.
func subjectsText(subjects []provenance.ResourceDescriptor) string {
	const show = 3
	var text []string
	for _, s := range subjects[:min(show, len(subjects))] {
		hex := "no SHA-256"
		if h, ok := s.Digest["sha256"]; ok {
			hex = fmt.Sprintf("sha256:%.64s", h)
		}
		text = append(text, fmt.Sprintf("%.100q (%s)", s.Name, hex))
	}
	if n := len(subjects) - show; n > 0 {
		text = append(text, fmt.Sprintf("%d more", n))
	}
	return strings.Join(text, ", ")
}

// candidates keeps why evidence that a trusted party signed did not do.
type candidates struct {
	item     string
	unsigned Rule // that fails if there is no evidence at all

	about   []Check // failures of evidence about the artifact
	failed  []Check // failures of evidence that never got so far
	types   []Check // of statements that are no provenance: no reason beside others
	refused []Check // of evidence whose signature is not trusted, if it is known why
}

// add takes the checks of one piece of evidence.
func (c *candidates) add(checks []Check) {
	failed := &c.failed
	for _, k := range checks {
		if k.Rule == RuleSubject && k.Outcome == Passed {
			failed = &c.about
		}
	}
	for _, k := range checks {
		switch {
		case k.Outcome == Passed:
		case k.Rule == RuleProvenance:
			c.types = append(c.types, k)
		case k.Rule == RuleRequired:
			// The item names the type that is missing.
		default:
			*failed = append(*failed, k)
		}
	}
}

func passed(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return c.Outcome != Passed })
}

// reasons returns why no evidence did: evidence about the artifact first, and
// that there is none if there is none.
func (c *candidates) reasons(want string) []Check {
	switch {
	case len(c.about) > 0:
		return c.about
	case len(c.failed) > 0:
		return c.failed
	}
	reasons := c.refused
	if len(c.types) > 0 {
		var types []string
		for _, k := range c.types {
			types = append(types, k.Got)
		}
		slices.Sort(types)
		got := "only " + strings.Join(slices.Compact(types), ", ")
		reasons = append(reasons, newCheck(RuleProvenance, "", Failed, got, want, -1))
	}
	if len(reasons) == 0 {
		reasons = []Check{newCheck(c.unsigned, c.item, Failed, "no evidence that it signed", want, -1)}
	}
	return reasons
}

func wantIdentities(builders []Builder) string {
	var names []string
	for _, b := range builders {
		if n := b.Identity.String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return "provenance signed by " + strings.Join(names, " or ")
}

func quote(s string) string { return fmt.Sprintf("%.200q", s) }
