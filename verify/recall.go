package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// A Recaller is an [Identity] that can tell of evidence which was verified once and
// kept whether it is its own. Those of [Key], [Keys] and package sign/sigstore can, and
// [During] can if its identity can.
type Recaller interface {
	Identity

	// Recall returns what of e speaks for this identity, as Recognize would of the
	// envelope: with the same payload, its own keys only, and no time that somebody
	// has told whom it does not rely on. It must not change e. The error is
	// [ErrNotSigned] if e is not its own, or wraps it to say why not, and is any
	// other error if that cannot be told.
	Recall(e *Evidence) (*Evidence, error)
}

// recall asks id whether e, which was kept, is its own.
func recall(id Identity, e *Evidence) (*Evidence, error) {
	r, ok := id.(Recaller)
	if !ok {
		return nil, errors.New("this identity cannot tell what is its own of evidence that was kept")
	}
	return r.Recall(e)
}

// Recognize returns what p's identities, those of its builders, requirements and
// steps, recognize of the envelopes, to be kept for [Policy.Recall]. Of each envelope
// there is one Evidence for all plain keys and one for each certificate; with logged
// keys, and where identities rely on different authorities, there are more. An envelope
// that none of them signed has none: a later policy can recall only whom p names.
//
// These are facts and no verdict. Revocations and what p asks of a statement do not
// matter here, nor that p has expired.
//
// What an identity cannot tell is told by the error, and does not hide what is found
// beside it. If p is incomplete or ctx ends nothing is returned.
func (p *Policy) Recognize(ctx context.Context, envelopes ...*sign.Envelope) ([]Evidence, error) {
	if p == nil {
		return nil, errors.New("verify: policy: there is none")
	}
	var now time.Time
	if p.Now != nil {
		now = p.Now()
	}
	if err := p.check(now); err != nil {
		return nil, err
	}
	var all []Evidence
	var errs []error
	for i, e := range envelopes {
		if e == nil {
			errs = append(errs, fmt.Errorf("verify: evidence %d: no envelope", i))
			continue
		}
		var found []Evidence
		for _, id := range p.identities() {
			ev, err := id.Recognize(ctx, e)
			switch {
			case ctx.Err() != nil:
				return nil, fmt.Errorf("verify: %w", context.Cause(ctx))
			case errors.Is(err, ErrNotSigned):
				continue
			case err == nil:
				err = ev.of(e)
			}
			if err == nil {
				found = keep(found, ev)
			} else if err := fmt.Errorf("verify: evidence %d: %s: %w", i, id, err); !slices.ContainsFunc(errs, func(o error) bool { return o.Error() == err.Error() }) {
				errs = append(errs, err)
			}
		}
		all = append(all, found...)
	}
	return all, errors.Join(errs...)
}

// keep adds to all, evidence of one envelope, what ev says that is not there.
func keep(all []Evidence, ev *Evidence) []Evidence {
	c := ev.clone()
	for i := range all {
		o := &all[i]
		switch {
		case o.plain() && c.plain():
			for _, k := range c.Keys {
				if !slices.Contains(o.Keys, k) {
					o.Keys = append(o.Keys, k)
				}
			}
			slices.SortFunc(o.Keys, func(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) })
			if o.Threshold != c.Threshold {
				o.Threshold = 0
			}
			return all
		case o.same(&c):
			return all
		}
	}
	return append(all, c)
}

// plain reports whether nothing is known but keys.
func (e *Evidence) plain() bool { return e.Claims == nil && len(e.Times) == 0 && len(e.Vouchers) == 0 }

// same reports whether o, of the same payload, says the same as e.
func (e *Evidence) same(o *Evidence) bool {
	return (e.Claims == nil) == (o.Claims == nil) && (e.Claims == nil || *e.Claims == *o.Claims) &&
		e.Threshold == o.Threshold && slices.Equal(e.Keys, o.Keys) && slices.EqualFunc(e.Times, o.Times, time.Time.Equal) &&
		slices.EqualFunc(e.Vouchers, o.Vouchers, func(a, b Voucher) bool {
			return a.Role == b.Role && a.Key == b.Key && a.Time.Equal(b.Time)
		})
}

// clone returns a copy of e that knows what was signed.
func (e *Evidence) clone() Evidence {
	c := *e
	c.Payload, c.Keys = bytes.Clone(e.Payload), slices.Clone(e.Keys)
	c.Times, c.Vouchers = slices.Clone(e.Times), slices.Clone(e.Vouchers)
	if e.Claims != nil {
		claims := *e.Claims
		c.Claims = &claims
	}
	if c.Signed.IsZero() {
		c.Signed = digestOf(c.Payload)
	}
	return c
}

// of returns an error if e does not speak for what is in the envelope.
func (e *Evidence) of(env *sign.Envelope) error {
	switch {
	case e == nil || len(e.Keys) == 0 && e.Claims == nil:
		return errors.New("recognized without evidence")
	case e.PayloadType != env.PayloadType || !bytes.Equal(e.Payload, env.Payload):
		return errors.New("recognized other bytes than the envelope has")
	}
	return nil
}

// Recall says what p would of an artifact on evidence that was verified once and kept,
// by [Policy.Recognize] or [Result.Evidence]. Everything is decided anew as by
// [Policy.Verify], whom p trusts and revokes, what it asks of the statements, its
// exceptions and the time, but for the signatures: instead, each identity tells which
// evidence is its own. One that is no [Recaller] cannot, and what it might have signed
// is undecided.
//
// It is no [Result], and nothing is verified by it: who could write to where evidence
// was kept could have it say anything. It answers what becomes of artifacts that went
// through a gate, and is no gate itself. The index of a check's evidence is that among
// evidence.
//
// As far as p names whom the policy named that recognized the evidence, the verdict is
// that of Verify on the envelopes, each split by who signed it. Who is named by p alone
// is not known to have signed anything.
//
// # What may be left out of a payload
//
// Signed tells that a Payload is not what was signed any more. Nothing else checks it:
//
//   - In the resolvedDependencies of provenance of version 1, what has no members but
//     uri, name, digest and downloadLocation may be taken away and put back in any
//     order, each as often as it was there; what [provenance.Build.Inputs] has may lose
//     its other members. The rest describes the source and must stay whole: its
//     annotations say that files were modified.
//   - A predicate of which the type is neither provenance nor a link may be replaced by
//     {}. What a policy asks of its content is unproven then, and no exception is about
//     that; that it was attested, by whom and of what, is as known as before.
//
// The [Inspector] is asked as ever. Without one, what it would tell is unproven.
func (p *Policy) Recall(ctx context.Context, a hallmark.Artifact, evidence ...Evidence) *Report {
	var r *Result
	h, err := p.open(ctx, a)
	if err == nil {
		h.evidence = make([]exhibit, len(evidence))
		kept := slices.Clone(evidence)
		for i := range kept {
			e := &kept[i]
			h.evidence[i] = exhibit{envelope: &sign.Envelope{PayloadType: e.PayloadType, Payload: e.Payload}, kept: e}
		}
		r, err = h.decide()
	}
	rep := NewReport(a, r, err)
	rep.Recalled = true
	return rep
}

// Recalls reports whether evidence that was kept is that of one of p's identities, and of
// nobody whom p revokes. An error says that this cannot be told, for one of them at least.
func (p *Policy) Recalls(e Evidence) (bool, error) {
	if p == nil {
		return false, errors.New("verify: policy: there is none")
	}
	h := &hearing{ctx: context.Background(), policy: p}
	h.evidence = []exhibit{{envelope: &sign.Envelope{PayloadType: e.PayloadType, Payload: e.Payload}, kept: &e}}
	var errs []error
	for _, id := range p.identities() {
		ev, _, err := h.recognize(0, id, RuleSignature, "")
		if ev != nil && err == nil {
			return true, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("verify: %w", err))
		}
	}
	return false, errors.Join(errs...)
}

// signed returns the digest of what was signed.
func (x *exhibit) signed() hallmark.Digest {
	if x.kept != nil && !x.kept.Signed.IsZero() {
		return x.kept.Signed
	}
	return digestOf(x.envelope.Payload)
}

// emptied reports whether the predicate of st, in x, is not the one that was signed, but
// what is left if its content was not kept.
func (x *exhibit) emptied(st *provenance.Statement) bool {
	if x.kept == nil || x.kept.Signed == digestOf(x.envelope.Payload) {
		return false
	}
	const most = 64 // bytes of which all can be space
	left := st.Predicate
	return len(left) <= most && slices.Contains([]string{"", "{}", "null"}, strings.Join(strings.Fields(string(left)), ""))
}

// notKept is what a check got of a predicate that was emptied. No exception excuses it:
// nobody knows what of.
const notKept = "its content was not kept"

// forgotten returns the checks of what q asks of a predicate that was emptied, as
// [hearing.contents] does of others: all are unproven.
func (h *hearing) forgotten(i int, q *Requirement) []Check {
	checks := []Check{}
	unproven := func(rule Rule, item, want string) {
		checks = append(checks, newCheck(rule, item, Unproven, notKept, want, i))
	}
	if q.Summary != nil {
		unproven(RuleSummary, "", "a summary by "+q.Summary.Verifier)
	}
	if q.Tests {
		unproven(RuleTests, "", string(provenance.Passed))
	}
	if q.Scan != nil {
		unproven(RuleVulnerability, "", q.Scan.want())
	}
	for _, want := range q.Properties {
		unproven(RuleProperty, want, want)
	}
	if isSBOM(q.PredicateType) {
		for _, question := range h.questions(q) {
			unproven(question.Rule, question.Profile, question.want())
		}
	}
	if q.MaxAge != 0 && saysWhen(q.PredicateType) {
		unproven(RuleAge, q.PredicateType, "at most "+days(q.MaxAge))
	}
	return checks
}
