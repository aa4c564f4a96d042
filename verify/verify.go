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
// Second, is that what was expected? This is a pure function of the policy, the
// evidence and the [Inspector]'s findings: no network, no clock but the policy's, the
// same answer every time. Strings are compared byte by byte. The order of the envelopes
// does not matter, an envelope that proves nothing does no harm, and absence of evidence
// satisfies nothing. Of several builds that would do, one that needs the fewest
// exceptions is taken, of these that of the most trusted builder, and the first of
// these.
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
// not passed. An [Exception] of the policy can excuse a rule for one artifact and a
// time; [Excused] is not passed either, and the Result says so.
//
// # What to do with a verdict
//
// [NewReport] writes it for people and, as JSON, for programs. [Result.VSA] sums it up
// in a statement to sign and hand on, for which a [Requirement] of another policy can
// ask. [Policy.Recall] says what another policy would of evidence that was verified
// once and kept, without the envelopes. [Policy.Review] answers what a release review asks. [Expect] makes a policy for
// the next release. [Policy.Explain] and [Policy.Probe] look at a policy before it
// decides.
//
// # What is not checked
//
// Keys run out only by [During], and without a maximum age old evidence is as good as
// new. That an input, a predicate or an SBOM is complete, nothing can tell but who made
// it. What a platform, a registry or a person does beside the build is in no
// provenance: a policy can require that somebody whom it names attests it.
package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// Verify decides whether p accepts a on the evidence of envelopes. The three
// ends are described at the top of the package. a must have a digest for which
// [hallmark.Digest.Secure] holds.
func (p *Policy) Verify(ctx context.Context, a hallmark.Artifact, envelopes ...*sign.Envelope) (*Result, error) {
	h, err := p.open(ctx, a)
	if err != nil {
		return nil, err
	}
	h.evidence = make([]exhibit, len(envelopes))
	for i, e := range envelopes {
		h.evidence[i].envelope = e
	}
	return h.decide()
}

// decide holds the evidence against the policy.
func (h *hearing) decide() (*Result, error) {
	p := h.policy

	// What cannot be decided may be what is missing, so that a part of the
	// policy for which nothing else is enough is undecided itself. A part that
	// surely fails is a rejection, whatever becomes of the others.
	var undecided []error
	var reasons []Check
	take := func(failed []Check, open []error) {
		if len(open) > 0 {
			undecided = append(undecided, open...)
		} else {
			reasons = append(reasons, failed...)
		}
	}

	r := &Result{artifact: h.artifact, policy: p, at: h.now}
	var builds []candidate
	var later []error // may be a build that would do
	if len(p.Builders) > 0 {
		var failed []Check
		var err error
		if builds, failed, later, err = h.builds(); err != nil {
			return nil, err
		}
		if len(builds) == 0 {
			take(failed, later)
			later = nil
		}
	}

	var others []found
	for i := range p.Require {
		q := &p.Require[i]
		if q.OfSource {
			continue
		}
		f, failed, open, err := h.require(q, h.artifact)
		if err != nil {
			return nil, err
		}
		take(failed, open)
		others = append(others, f)
		if q.Summary != nil && len(p.Builders) == 0 && excused(f.checks) == 0 {
			r.level = max(r.level, q.Summary.Level)
		}
	}

	// The first of the builds that would do whose source and steps do, too.
	var last []Check
	for _, b := range builds {
		before, err := h.before(b)
		if err != nil {
			return nil, err
		}
		if before.failed == nil && before.open == nil {
			r.build, others = &b, append(others, before.all...)
			break
		}
		last, later = append(last, before.failed...), append(later, before.open...)
	}
	if r.build == nil {
		take(once(last), once(later))
	}

	switch {
	case len(reasons) > 0:
		return nil, &RejectedError{Artifact: h.artifact, Reasons: reasons}
	case len(undecided) > 0:
		return nil, fmt.Errorf("verify: %s is undecided: %w", title(h.artifact), errors.Join(undecided...))
	}
	if r.build != nil {
		if excused(r.build.checks) == 0 {
			r.level = r.build.builder.level()
		}
		r.statements = append(r.statements, r.build.statement)
		r.proofs = append(r.proofs, []*Evidence{r.build.evidence})
		r.checks = append(r.checks, r.build.checks...)
	}
	for _, f := range others {
		r.statements = append(r.statements, f.statements...)
		r.proofs = append(r.proofs, f.proofs...)
		r.checks = append(r.checks, f.checks...)
	}
	r.exceptions = h.used(r.checks)
	return r, nil
}

// A hearing is one run of Verify or Recall.
type hearing struct {
	ctx        context.Context
	policy     *Policy
	now        time.Time // zero if the policy has no Now
	artifact   hallmark.Artifact
	exceptions map[Check][]Exception // that are about the artifact, by rule and item
	evidence   []exhibit
	sources    map[hallmark.Digest]answer // to what is asked of a commit
	attempts   []attempt                  // at the steps, once somebody has asked for them
}

// An exhibit is one envelope, with what was found out about it. Nothing of it is
// read before somebody is known to have signed it.
type exhibit struct {
	envelope  *sign.Envelope
	kept      *Evidence // what is remembered of the envelope, which then has no signatures
	payload   hallmark.Digest
	read      bool
	statement *provenance.Statement
	err       error
}

// An answer is what there is for a part of the policy, or why there is nothing.
type answer struct {
	all    []found
	failed []Check
	open   []error
}

// found are the statements that satisfied a part of the policy, and how.
type found struct {
	statements []*provenance.Statement
	proofs     [][]*Evidence // what speaks for each of them
	checks     []Check
}

// open begins a hearing, or says why there can be none.
func (p *Policy) open(ctx context.Context, a hallmark.Artifact) (*hearing, error) {
	if p == nil {
		return nil, errors.New("verify: policy: there is none")
	}
	c := *p // what it says is settled now
	h := &hearing{ctx: ctx, policy: &c, artifact: a}
	if p.Now != nil {
		h.now = p.Now()
	}
	if err := h.policy.check(h.now); err != nil {
		return nil, err
	}
	if !p.Expires.IsZero() && !h.now.Before(p.Expires) {
		return nil, fmt.Errorf("verify: policy: it expired on %s", date(p.Expires))
	}
	if !slices.ContainsFunc(a.Digests, hallmark.Digest.Secure) {
		return nil, fmt.Errorf("verify: artifact %q has no digest by SHA-256 or better", a.Name)
	}
	if ctx.Err() != nil {
		return nil, h.interrupted()
	}
	h.artifact.Digests = slices.Clone(a.Digests) // the caller's own may change
	h.sources = make(map[hallmark.Digest]answer)
	h.exceptions = make(map[Check][]Exception)
	for _, e := range p.Exceptions {
		if slices.Contains(a.Digests, e.Digest) {
			k := Check{Rule: e.Rule, Item: e.Item}
			h.exceptions[k] = append(h.exceptions[k], e)
		}
	}
	return h, nil
}

func (h *hearing) interrupted() error { return fmt.Errorf("verify: %w", context.Cause(h.ctx)) }

// recognize returns what speaks for the i-th envelope as id's. Without evidence
// and error the identity did not sign it; if it is known why not, a check says so.
func (h *hearing) recognize(i int, id Identity, rule Rule, item string) (*Evidence, *Check, error) {
	e, kept := h.evidence[i].envelope, h.evidence[i].kept
	if e == nil {
		return nil, nil, errors.New("no envelope")
	}
	var ev *Evidence
	var err error
	if kept != nil {
		ev, err = recall(id, kept)
	} else {
		ev, err = id.Recognize(h.ctx, e)
	}
	switch {
	case h.ctx.Err() != nil:
		return nil, nil, h.interrupted()
	case err == ErrNotSigned:
		return nil, nil, nil
	case errors.Is(err, ErrNotSigned): // and says why
		c := newCheck(rule, item, Failed, err.Error(), id.String(), i)
		return nil, &c, nil
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", id, err)
	}
	if err := ev.of(e); err != nil { // another identity's evidence is about these bytes
		return nil, nil, fmt.Errorf("%s: %w", id, err)
	}
	ev, refused := h.trusted(i, ev)
	if refused != nil {
		refused.Item = item
	}
	return ev, refused, nil
}

// parse returns the statement that is signed in the i-th envelope, which somebody
// trusted is known to have signed.
func (h *hearing) parse(i int) (*provenance.Statement, error) {
	x := &h.evidence[i]
	if !x.read {
		x.read = true
		x.payload = x.signed()
		x.statement, x.err = h.statement(x.envelope.Payload)
	}
	return x.statement, x.err
}

// statement reads a statement. Leniency is for those who only look.
func (h *hearing) statement(payload []byte) (*provenance.Statement, error) {
	st, err := provenance.Parse(payload)
	if err != nil {
		return nil, err
	}
	if st.Type != "" && !(h.policy.Older && st.Type == provenance.StatementTypeV01) {
		return nil, fmt.Errorf("malformed statement: _type %q, want %q", st.Type, provenance.StatementType)
	}
	for _, n := range st.Notes {
		if n.Severity != provenance.Note {
			return nil, fmt.Errorf("malformed statement: %s", n)
		}
	}
	return st, nil
}

// read returns the statement in the i-th envelope, which ev speaks for, if it is
// of one of the predicate types and about a. Otherwise it returns the checks that say
// why not, or an error if the statement cannot be read. name is what a must be called
// in it, or empty.
func (h *hearing) read(i int, ev *Evidence, rule Rule, item string, a hallmark.Artifact, name string, types ...string) (*provenance.Statement, []Check, error) {
	checks := []Check{newCheck(RuleSignature, item, Passed, ev.signer(), "", i)}
	if ev.PayloadType != provenance.MediaType {
		return nil, h.about(i, append(checks, newCheck(RulePayloadType, item, Failed, quote(ev.PayloadType), quote(provenance.MediaType), i))), nil
	}
	st, err := h.parse(i)
	if err != nil {
		return nil, nil, err
	}
	typed := newCheck(rule, item, Passed, quote(st.PredicateType), quote(types[0]), i)
	if !slices.Contains(types, st.PredicateType) {
		typed.Outcome = Failed
		return nil, h.about(i, append(checks, typed)), nil
	}
	subject := subjectCheck(i, item, st, a, name)
	checks = h.about(i, append(checks, typed, subject))
	if subject.Outcome != Passed {
		return nil, checks, nil
	}
	return st, checks, nil
}

// about notes in checks of the i-th envelope what was signed in it.
func (h *hearing) about(i int, checks []Check) []Check {
	x := &h.evidence[i]
	if x.payload.IsZero() {
		x.payload = x.signed()
	}
	for k := range checks {
		checks[k].Payload = x.payload
	}
	return checks
}

// subjectCheck looks for a among the subjects of st. A subject is a if they
// share a secure digest, and no digest of an algorithm that both have differs. What is
// known by its gitCommit alone is that commit.
func subjectCheck(i int, item string, st *provenance.Statement, a hallmark.Artifact, name string) Check {
	want := artifactText(a)
	if name != "" {
		want = quote(name) + " " + want
	}
	c := newCheck(RuleSubject, item, Failed, "", want, i)
	commit := len(a.Digests) == 1 && a.Digests[0].Algorithm() == "gitCommit"
	for _, s := range st.Subjects {
		shared, conflict := false, false
		for _, d := range a.Digests {
			value, ok := s.Digest[d.Algorithm()]
			if !ok {
				continue
			}
			// A value that is no digest of its algorithm cannot be equal.
			if value != d.Hex() {
				conflict = true
			} else if d.Secure() || commit {
				shared = true
			}
		}
		if shared && !conflict && (name == "" || s.Name == name) {
			c.Outcome, c.Got = Passed, want
			return c
		}
	}
	c.Got = subjectsText(st.Subjects)
	return c
}

// A candidate is provenance that was accepted of the artifact.
type candidate struct {
	builder   Builder
	evidence  *Evidence
	statement *provenance.Statement
	build     *provenance.Build
	source    provenance.Source
	checks    []Check
}

// excused returns how many of checks an exception was needed for.
func excused(checks []Check) int {
	n := 0
	for _, k := range checks {
		if k.Outcome == Excused {
			n++
		}
	}
	return n
}

// builds returns the provenance that would do, the best first: with the fewest
// exceptions, of the most trusted builder, and the first of these. If there is none
// it returns why, and what could not be decided.
func (h *hearing) builds() (builds []candidate, failed []Check, open []error, err error) {
	p := h.policy
	types := []string{provenance.PredicateType}
	if p.Older {
		types = append(types, provenance.PredicateTypeV02, provenance.PredicateTypeV01)
	}
	f := failures{unsigned: RuleSignature}
	for i := range h.evidence {
		undecided := func(err error) { open = append(open, fmt.Errorf("evidence %d: %w", i, err)) }
		signed, refused, err := h.recognizeBuilders(i)
		if h.ctx.Err() != nil {
			return nil, nil, nil, h.interrupted()
		}
		if err != nil {
			undecided(err)
		}
		f.refused = append(f.refused, refused...)
		if len(signed) == 0 {
			continue
		}
		st, checks, err := h.read(i, signed[0].evidence, RuleProvenance, "", h.artifact, p.Subject, types...)
		if err != nil {
			undecided(err)
			continue
		}
		if st == nil {
			f.add(checks)
			continue
		}
		b, err := provenance.ParseBuild(st)
		if err != nil {
			undecided(err)
			continue
		}
		tried := slices.Clone(checks)
		for _, s := range speakers(b, signed) {
			c := candidate{builder: s.builder, evidence: s.evidence, statement: st, build: b}
			more, err := h.evaluate(i, &c, signed)
			if h.ctx.Err() != nil {
				return nil, nil, nil, h.interrupted()
			}
			if err != nil {
				undecided(err)
				continue
			}
			more = h.settle(h.about(i, more))
			if passed(more) {
				c.checks = slices.Concat(checks, more)
				builds = append(builds, c)
			}
			tried = append(tried, more...)
		}
		f.add(once(tried)) // two speakers fail alike
	}
	slices.SortStableFunc(builds, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(excused(a.checks), excused(b.checks)), cmp.Compare(b.builder.level(), a.builder.level()))
	})
	if len(builds) == 0 && len(open) == 0 {
		failed = f.reasons(wantIdentities(p.Builders))
	}
	return builds, failed, open, nil
}

// before returns what the policy asks of the source and of the steps before the build b.
func (h *hearing) before(b candidate) (a answer, err error) {
	if a, err = h.ofSource(b.source.Commit); err != nil {
		return a, err
	}
	if len(h.policy.Steps) > 0 {
		f, why, undecided, err := h.steps(b.build)
		if err != nil {
			return a, err
		}
		a.all = append(slices.Clip(a.all), f)
		a.failed, a.open = slices.Concat(a.failed, why), slices.Concat(a.open, undecided)
	}
	if len(a.failed) > 0 {
		a.open = nil // it fails, whatever becomes of the others
	}
	return a, nil
}

// ofSource returns what the policy asks of a commit, for which it looks once.
func (h *hearing) ofSource(commit hallmark.Digest) (a answer, err error) {
	a, ok := h.sources[commit]
	if ok {
		return a, nil
	}
	for i := range h.policy.Require {
		q := &h.policy.Require[i]
		if !q.OfSource {
			continue
		}
		f, why, undecided, err := h.require(q, hallmark.Artifact{Digests: []hallmark.Digest{commit}})
		if err != nil {
			return a, err
		}
		a.all = append(a.all, f)
		a.failed, a.open = append(a.failed, why...), append(a.open, undecided...)
	}
	h.sources[commit] = a
	return a, nil
}

// once returns the elements of s, each of them once.
func once[E comparable](s []E) []E {
	seen := make(map[E]bool)
	return slices.DeleteFunc(s, func(e E) bool {
		again := seen[e]
		seen[e] = true
		return again
	})
}

// signedFor is a builder whose identity signed an envelope.
type signedFor struct {
	builder  Builder
	evidence *Evidence
}

// recognizeBuilders returns the builders who signed the i-th envelope, or why none
// did, as far as they say.
func (h *hearing) recognizeBuilders(i int) (signed []signedFor, refused []Check, err error) {
	var errs []error
	for _, b := range h.policy.Builders {
		ev, why, err := h.recognize(i, b.Identity, RuleSignature, "")
		switch {
		case ev != nil:
			signed = append(signed, signedFor{b, ev})
		case why != nil:
			refused = append(refused, *why)
		case err != nil:
			errs = append(errs, err)
		}
		if h.ctx.Err() != nil || h.evidence[i].envelope == nil {
			break
		}
	}
	if signed != nil {
		refused = nil // one is enough
	}
	return signed, refused, errors.Join(errs...)
}

// title names a in a report.
func title(a hallmark.Artifact) string { return line(cmp.Or(a.Name, artifactText(a))) }

func artifactText(a hallmark.Artifact) string { return strings.Join(texts(a.Digests), " ") }

// subjectsText names a few subjects for a failed check.
func subjectsText(subjects []provenance.ResourceDescriptor) string {
	const show = 3
	var text []string
	for _, s := range subjects[:min(show, len(subjects))] {
		digest := "no digest that is known"
		if h, ok := s.Digest["sha256"]; ok {
			digest = fmt.Sprintf("sha256:%.64s", h)
		} else if ds := s.Digest.Digests(); len(ds) > 0 {
			digest = ds[0].String()
		}
		text = append(text, fmt.Sprintf("%.100q (%s)", s.Name, digest))
	}
	if n := len(subjects) - show; n > 0 {
		text = append(text, fmt.Sprintf("%d more", n))
	}
	return strings.Join(text, ", ")
}

// failures keep why evidence that a trusted party signed did not do.
type failures struct {
	item     string
	unsigned Rule // that fails if there is no evidence at all

	about   []Check // failures of evidence about the artifact
	failed  []Check // failures of evidence that never got so far
	types   []Check // of statements that are no provenance: no reason beside others
	refused []Check // of evidence whose signature is not trusted, if it is known why
}

// add takes the checks of one piece of evidence.
func (c *failures) add(checks []Check) {
	failed := &c.failed
	for _, k := range checks {
		if k.Rule == RuleSubject && k.Outcome == Passed {
			failed = &c.about
		}
	}
	for _, k := range checks {
		switch {
		case k.good():
		case k.Rule == RuleProvenance:
			c.types = append(c.types, k)
		case k.Rule == RuleRequired:
			// The item names the type that is missing.
		default:
			*failed = append(*failed, k)
		}
	}
}

// passed reports whether nothing in checks stands against the evidence.
func passed(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return !c.good() })
}

// reasons returns why no evidence did: evidence about the artifact first, and
// that there is none if there is none.
func (c *failures) reasons(want string) []Check {
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
		reasons = []Check{newCheck(c.unsigned, c.item, Failed, "no evidence that one of these signed", want, -1)}
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

// digestOf returns the SHA-256 digest of b.
func digestOf(b []byte) hallmark.Digest {
	sum := sha256.Sum256(b)
	d, err := hallmark.NewDigest("sha256", sum[:])
	if err != nil {
		panic("verify: internal error: " + err.Error())
	}
	return d
}
