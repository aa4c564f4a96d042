package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// An Exception excuses one check of one artifact for a time. All members but Item
// must be given.
//
// It never excuses that nobody trusted has signed, what was signed, or that the
// evidence is about another artifact: [RuleSignature], [RuleRevoked],
// [RulePayloadType], [RuleProvenance] and [RuleSubject]; nor, in a policy without
// builders, that a summary is missing. It excuses a check of its own Rule and Item
// alone, and is looked at when nothing else makes the check pass.
type Exception struct {
	// Rule and Item are those of the [Check] that is excused. An empty Item is no
	// wildcard. Requirements of the same type are not told apart, but for those of the
	// source, whose items begin with "source".
	Rule Rule
	Item string

	// Digest is one of the artifact's, by SHA-256 or better.
	Digest hallmark.Digest

	Owner   string // who answers for it
	Reason  string // why it is needed
	Control string // what is done instead

	// Expires is when it ends, at most [MaxException] after the policy is asked.
	Expires time.Time
}

// A Revocation says whom not to trust any more: a Key, a certificate's Subject with
// its Issuer, or a Builder; exactly one of these three.
type Revocation struct {
	// Key is the fingerprint of a public key, as [sign.Fingerprint] returns it.
	Key hallmark.Digest

	// Issuer and Subject are those of [Claims].
	Issuer, Subject string

	// Builder is a builder.id, with its ref or, for all refs, without.
	Builder string

	// From is when trust ended. What was signed before, as an authority has
	// verified, is as good as it was; what nobody knows the time of is not. Zero
	// means always.
	From time.Time

	// Reason is why, for people.
	Reason string
}

// name says what e excuses.
func (e *Exception) name() string {
	if e.Item == "" {
		return string(e.Rule)
	}
	return string(e.Rule) + " " + line(e.Item)
}

// excusable reports whether an exception may be made of r.
func excusable(r Rule) bool {
	switch r {
	case RuleSignature, RuleRevoked, RulePayloadType, RuleProvenance, RuleSubject:
		return false
	}
	return true
}

// check returns what e lacks. now is when the policy is asked.
func (e *Exception) check(now time.Time) error {
	var errs []error
	missing := func(what string, ok bool) {
		if !ok {
			errs = append(errs, errors.New("no "+what))
		}
	}
	missing("rule", e.Rule != "")
	missing("digest by SHA-256 or better", e.Digest.Secure())
	missing("owner", strings.TrimSpace(e.Owner) != "")
	missing("reason", strings.TrimSpace(e.Reason) != "")
	missing("compensating control", strings.TrimSpace(e.Control) != "")
	missing("expiry", !e.Expires.IsZero())
	if e.Rule != "" && !e.Rule.known() {
		errs = append(errs, fmt.Errorf("there is no rule %.100q", e.Rule))
	} else if e.Rule != "" && !excusable(e.Rule) {
		errs = append(errs, fmt.Errorf("rule %s cannot be excused", e.Rule))
	}
	const day = 24 * time.Hour
	if left := e.Expires.Sub(now); left > MaxException {
		errs = append(errs, fmt.Errorf("it expires on %s, in %s, at most %s are allowed", date(e.Expires), days((left+day-1).Truncate(day)), days(MaxException)))
	}
	return errors.Join(errs...)
}

// settle marks what of checks is excused. It is the only place that does.
func (h *hearing) settle(checks []Check) []Check {
	for i := range checks {
		c := &checks[i]
		if c.Outcome == Passed || c.Got == notKept || !excusable(c.Rule) {
			continue
		}
		ended := ""
		for _, e := range h.exceptions[Check{Rule: c.Rule, Item: c.Item}] {
			if h.now.Before(e.Expires) {
				c.Outcome = Excused
			} else {
				ended = fmt.Sprintf(" (an exception by %s ended on %s)", e.Owner, date(e.Expires))
			}
		}
		if c.Outcome != Excused && !strings.HasSuffix(c.Got, ended) {
			c.Got += ended
		}
	}
	return checks
}

// used returns the exceptions that checks needed, in their order.
func (h *hearing) used(checks []Check) []Exception {
	var all []Exception
	seen := make(map[Check]bool)
	for _, c := range checks {
		k := Check{Rule: c.Rule, Item: c.Item}
		if c.Outcome != Excused || seen[k] {
			continue
		}
		seen[k] = true
		for _, e := range h.exceptions[k] {
			if h.now.Before(e.Expires) {
				all = append(all, e)
			}
		}
	}
	return all
}

// check returns what r lacks.
func (r *Revocation) check() error {
	n := 0
	for _, given := range []bool{!r.Key.IsZero(), r.Issuer != "" || r.Subject != "", r.Builder != ""} {
		if given {
			n++
		}
	}
	if n != 1 {
		return errors.New("want one of a key, an issuer with a subject, and a builder")
	}
	if (r.Issuer == "") != (r.Subject == "") {
		return errors.New("want an issuer with a subject")
	}
	return nil
}

// stands reports whether r is of no matter for ev, which was signed before trust
// ended.
func (r *Revocation) stands(ev *Evidence) bool {
	t, ok := ev.earliest()
	return !r.From.IsZero() && ok && t.Before(r.From)
}

// revoke returns the check that fails as r holds for ev, of the i-th envelope.
func (r *Revocation) revoke(i int, who string) *Check {
	got := who + " is revoked"
	if !r.From.IsZero() {
		got += " from " + date(r.From) + " on"
	}
	if r.Reason != "" {
		got += ": " + r.Reason
	}
	want := "a signer who is trusted"
	if !r.From.IsZero() {
		want = "a signature that an authority saw before"
	}
	c := newCheck(RuleRevoked, "", Failed, got, want, i)
	return &c
}

// trusted returns ev without the signers that are revoked, or the check that fails
// if too few are left.
func (h *hearing) trusted(i int, ev *Evidence) (*Evidence, *Check) {
	var gone *Check
	for k := range h.policy.Revoked {
		r := &h.policy.Revoked[k]
		if r.stands(ev) {
			continue
		}
		switch claims := ev.Claims; {
		case !r.Key.IsZero() && slices.Contains(ev.Keys, r.Key) && ev.Threshold == 0:
			return nil, r.revoke(i, "key "+r.Key.String()) // how many of them are enough is not known
		case !r.Key.IsZero() && slices.Contains(ev.Keys, r.Key):
			gone = r.revoke(i, "key "+r.Key.String())
			left := *ev
			left.Keys = slices.DeleteFunc(slices.Clone(ev.Keys), func(d hallmark.Digest) bool { return d == r.Key })
			ev = &left
		case claims == nil:
		case r.Issuer != "" && r.Issuer == claims.Issuer && r.Subject == claims.name():
			return nil, r.revoke(i, claims.name())
		case r.Builder != "" && (r.names(claims.Builder) || r.names(claims.BuildSigner)):
			return nil, r.revoke(i, r.Builder)
		}
	}
	if gone != nil && len(ev.Keys) < ev.Threshold {
		return nil, gone
	}
	return ev, nil
}

// revoked returns the check that fails as the builder that the i-th envelope names is
// revoked, or nil.
func (h *hearing) revoked(i int, builder string, ev *Evidence) *Check {
	for k := range h.policy.Revoked {
		if r := &h.policy.Revoked[k]; r.names(builder) && !r.stands(ev) {
			return r.revoke(i, r.Builder)
		}
	}
	return nil
}

// names reports whether the builder is the one that r is about.
func (r *Revocation) names(builder string) bool {
	return r.Builder != "" && (builder == r.Builder || strings.HasPrefix(builder, r.Builder+"@"))
}

// date writes a time for people: a day, or the time of a day that is not its begin.
func date(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// days writes a duration for people.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		if d == day {
			return "1 day"
		}
		return fmt.Sprintf("%d days", d/day)
	}
	return d.Round(time.Second).String()
}
