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
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// A Policy says which builds the caller accepts. Builders, Source and BuildTypes
// must be given, and at least one of Refs and Commit: a Policy that lacks one of
// them is an error and accepts nothing. It is not changed by verification and
// may be used by several goroutines.
type Policy struct {
	// Builders are those that may have made the artifact. One is enough.
	Builders []Builder

	// Source is the repository's URL, "https://github.com/org/repo".
	Source string

	// SourceID and OwnerID are what the platform tells the repository and whom it
	// belongs to by: whoever registers a name anew that somebody gave up gets
	// another one. Empty means that it is not asked. A certificate tells them;
	// without one only a build of GitHub Actions does, by its internal parameters.
	SourceID, OwnerID string

	// BuildTypes are the build types whose parameters the caller understands.
	BuildTypes []string

	// Refs are the branches and tags that may have been built. With a Commit
	// it may be left zero: the commit then is enough.
	Refs Refs

	// Commit is the commit that must have been built. The zero Digest stands
	// for any commit of an allowed ref; a build that names none is unproven.
	Commit hallmark.Digest

	// Parameters are the external parameters that the build may have, by
	// JSON Pointer (RFC 6901): "/workflow/path". The build must have exactly
	// these, beside its source's repository and ref, for which Source and
	// Refs answer: one that is missing and one that is not named here are
	// both failures. What counts as a parameter is every value that is no
	// object with members; an array is one value.
	Parameters map[string]Parameter

	// Triggers are the events that may have started a build. Empty means
	// push, release and workflow_dispatch, which only people with write
	// access can cause, and is not held against builds of a platform that
	// has no events. A certificate tells the event; without one only a build
	// of GitHub Actions does, by its internal parameters. Those of other
	// platforms are not read: what started such a build is unproven if this
	// is given, and not asked if it is empty.
	Triggers []string

	// Runners are the kinds of machine on which the build may have run. Empty
	// means those of the platform itself, github-hosted and gitlab-hosted, and
	// is not held against builds of a platform without such kinds. What tells
	// the machine is what tells the event of Triggers.
	Runners []string

	// Environments are the deployment environments for which the build may have
	// run, each of which its repository may hold to rules of its own. Empty means
	// that it is not asked. Only a certificate tells it.
	Environments []string

	// MaxAge is how old the build may be when the policy is asked. Zero means any
	// age. Of a signature with a certificate, which was made for the moment, the
	// earliest time counts that an authority has verified. A plain key may have
	// signed at any time before one that an authority tells, so it is when the
	// provenance says that the build was finished, if no authority tells an earlier
	// one. A time after Now is not young but wrong, unless it is by less than five
	// minutes.
	MaxAge time.Duration

	// Now returns the time at which the policy is asked. It must be given with a
	// rule about time, which is MaxAge.
	Now func() time.Time

	// Require is what must be attested of the artifact beside its provenance.
	// That it is attested is all: what the predicate says is not looked at, so
	// that results of failed tests are test results.
	Require []Requirement
}

// A Builder is a build platform that the caller trusts.
type Builder struct {
	// ID is the builder.id that the provenance must have, byte by byte. If the
	// signer has a certificate, that must name the same builder: provenance that
	// names a machine or a service instead of the workflow that signed, as npm's
	// does, is rejected.
	ID string

	// Identity is who may sign for ID.
	Identity Identity

	// Commit is the commit of the builder's own instructions, a gitCommit. The
	// zero Digest stands for any: a tag of the builder can move. Only a
	// certificate tells it.
	Commit hallmark.Digest

	// Level is the SLSA Build level up to which the caller trusts the
	// builder, 1 to 3; 0 means 1. A Result has no higher level, whatever the
	// provenance says.
	Level int
}

func (b *Builder) level() int { return max(b.Level, 1) }

// Refs are the branches and tags that a build may be of. The zero Refs allows
// none.
type Refs struct {
	Branches []string // exact names, "main"
	Tags     []string // exact names, "v1.2.3"

	// Releases allows every tag that is a semantic version with a v and
	// without a pre-release: "v1.2.3".
	Releases bool

	// Any allows every ref, and a build that names none.
	Any bool
}

// A Parameter says which values an external parameter may have. The zero
// Parameter allows none.
type Parameter struct {
	// OneOf are the values that are allowed: JSON values, compared with the
	// digits of numbers as written.
	OneOf []any

	// Any allows every value. It is for a parameter that cannot make the
	// artifact another one than the caller wants.
	Any bool
}

// A Requirement is an attestation that an artifact must have beside its
// provenance. Requirements do not depend on each other: evidence that fails one
// may satisfy another.
type Requirement struct {
	// PredicateType is the exact predicate type.
	PredicateType string

	// Identities are those who may sign it.
	Identities []Identity

	// Threshold is how many of them must have signed, each by a key or a
	// certificate identity that is not counted for another; 0 means 1. They
	// need not have signed the same statement: two test results may differ.
	Threshold int
}

// A Rule names one thing that a Policy checks.
type Rule string

// The rules.
const (
	RuleSignature   Rule = "signature"    // somebody whom the policy names signed
	RulePayloadType Rule = "payload-type" // what was signed is a statement
	RuleProvenance  Rule = "provenance"   // the statement is SLSA provenance, version 1
	RuleSubject     Rule = "subject"      // the statement is about the artifact
	RuleBuilder     Rule = "builder"      // it names the builder that its signer may speak for
	RuleBuildType   Rule = "build-type"
	RuleSource      Rule = "source"
	RuleRef         Rule = "ref"
	RuleCommit      Rule = "commit"
	RuleParameter   Rule = "parameter" // an external parameter, named in Check.Item
	RuleTrigger     Rule = "trigger"
	RuleRunner      Rule = "runner"
	RuleEnvironment Rule = "environment"
	RuleAge         Rule = "age"
	RuleCertificate Rule = "certificate" // the signer's certificate and the statement agree on Check.Item
	RuleRequired    Rule = "required"    // a requirement, whose predicate type is in Check.Item
)

// An Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
	Unproven Outcome = "unproven" // the evidence does not tell; this is not a pass
)

// A Check is one rule held against one piece of evidence.
type Check struct {
	Rule    Rule
	Item    string // what of several things the rule was about; often empty
	Outcome Outcome
	Got     string // what the evidence says
	Want    string // what the policy asks for

	// Envelope is the index of the evidence among the envelopes given to
	// Verify, or -1 if there was none to check.
	Envelope int
}

func (c Check) String() string {
	name := string(c.Rule)
	if c.Item != "" {
		name += " " + line(c.Item)
	}
	if c.Outcome == Passed {
		return fmt.Sprintf("%s: %s", name, line(c.Got))
	}
	text := fmt.Sprintf("%s: got %s, want %s", name, line(c.Got), line(c.Want))
	if c.Outcome == Unproven {
		text = fmt.Sprintf("%s: unproven: %s, want %s", name, line(c.Got), line(c.Want))
	}
	if c.Envelope >= 0 {
		text += fmt.Sprintf(" (evidence %d)", c.Envelope)
	}
	return text
}

// line returns s for a report. A step of the build may have chosen it, so it
// must not begin a line of its own, steer a terminal or fill a log.
func line(s string) string {
	const most = 1000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// A Result is an artifact that a Policy accepted, and why. Only
// [Policy.Verify] makes one, and nothing changes it: its methods return copies.
type Result struct {
	artifact   hallmark.Artifact
	builder    Builder
	statements []*provenance.Statement // the provenance first
	checks     []Check
}

// Artifact returns what was accepted. Its name is the one that the caller gave.
func (r *Result) Artifact() hallmark.Artifact {
	return hallmark.Artifact{Name: r.artifact.Name, Digests: slices.Clone(r.artifact.Digests)}
}

// Builder returns the builder of the policy that made the artifact.
func (r *Result) Builder() Builder { return r.builder }

// Level returns the SLSA Build level up to which the policy trusts the builder.
func (r *Result) Level() int { return r.builder.level() }

// Build returns the provenance that was accepted.
func (r *Result) Build() *provenance.Build {
	b, err := provenance.ParseBuild(r.statements[0])
	if err != nil {
		panic("verify: internal error: provenance that was accepted cannot be read")
	}
	return b
}

// Statements returns the statements that the policy was satisfied by: the
// provenance first, then those of each requirement, in the policy's order.
func (r *Result) Statements() []*provenance.Statement {
	var all []*provenance.Statement
	for _, s := range r.statements {
		c := *s
		c.Predicate = bytes.Clone(s.Predicate)
		c.Subjects = slices.Clone(s.Subjects)
		c.Notes = slices.Clone(s.Notes)
		for i := range c.Subjects {
			d := &c.Subjects[i]
			d.Digest = maps.Clone(d.Digest)
			d.Content = bytes.Clone(d.Content)
			d.Annotations, _ = clone(d.Annotations).(map[string]any)
			d.Extensions = maps.Clone(d.Extensions)
			for name, raw := range d.Extensions {
				d.Extensions[name] = bytes.Clone(raw)
			}
		}
		all = append(all, &c)
	}
	return all
}

// clone returns a copy of a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = clone(e)
		}
		return c
	case map[string]any:
		c := maps.Clone(v)
		for name, e := range c {
			c[name] = clone(e)
		}
		return c
	}
	return v
}

// Checks returns every check that was made of the accepted evidence. All have
// passed.
func (r *Result) Checks() []Check { return slices.Clone(r.checks) }

// A RejectedError says why a Policy does not accept an artifact.
type RejectedError struct {
	Artifact hallmark.Artifact
	Reasons  []Check // at least one; none has passed
}

// Unproven reports whether nothing speaks against the artifact but that the
// evidence does not tell enough.
func (e *RejectedError) Unproven() bool {
	return !slices.ContainsFunc(e.Reasons, func(c Check) bool { return c.Outcome != Unproven })
}

func (e *RejectedError) Error() string {
	var b strings.Builder
	verdict := "rejected"
	if e.Unproven() {
		verdict = "unproven"
	}
	fmt.Fprintf(&b, "%s %s", title(e.Artifact), verdict)
	for _, c := range e.Reasons {
		b.WriteString("\n  " + c.String())
	}
	return b.String()
}

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

// check returns everything that p lacks to be a policy.
func (p *Policy) check() error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("verify: policy: "+format, a...)) }
	if p == nil {
		return errors.New("verify: policy: there is none")
	}
	if len(p.Builders) == 0 {
		fail("no builders")
	}
	for i, b := range p.Builders {
		if b.ID == "" {
			fail("builder %d has no id", i)
		}
		if b.Identity == nil {
			fail("builder %d has no identity", i)
		}
		if b.Level < 0 || b.Level > 3 {
			fail("builder %d has level %d, want 1 to 3", i, b.Level)
		}
		if !b.Commit.IsZero() && b.Commit.Algorithm() != "gitCommit" {
			fail("the commit of builder %d is a %s, want a gitCommit", i, b.Commit.Algorithm())
		}
	}
	if p.Source == "" {
		fail("no source")
	}
	if len(p.BuildTypes) == 0 {
		fail("no build types")
	}
	if slices.Contains(p.BuildTypes, "") {
		fail("an empty build type")
	}
	if p.Refs.none() && p.Commit.IsZero() {
		fail("neither refs nor a commit")
	}
	if slices.Contains(p.Refs.Branches, "") || slices.Contains(p.Refs.Tags, "") {
		fail("a branch or tag without a name")
	}
	if p.MaxAge < 0 {
		fail("a maximum age of %s", p.MaxAge)
	}
	if p.MaxAge != 0 && p.Now == nil {
		fail("a maximum age, and no Now to tell the time")
	}
	if slices.Contains(p.Environments, "") {
		fail("an environment without a name")
	}
	if !p.Commit.IsZero() && p.Commit.Algorithm() != "gitCommit" {
		fail("the commit is a %s, want a gitCommit", p.Commit.Algorithm())
	}
	for at := range p.Parameters {
		if !strings.HasPrefix(at, "/") {
			fail("parameter %q is not a JSON Pointer", at)
		}
	}
	for i, q := range p.Require {
		if q.PredicateType == "" {
			fail("requirement %d has no predicate type", i)
		}
		if len(q.Identities) == 0 || slices.Contains(q.Identities, nil) {
			fail("requirement %d lacks an identity", i)
		}
		if q.Threshold < 0 || q.Threshold > len(q.Identities) {
			fail("requirement %d asks for %d signers of %d", i, q.Threshold, len(q.Identities))
		}
	}
	return errors.Join(errs...)
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
			refused = append(refused, Check{RuleSignature, "", Failed, err.Error(), b.Identity.String(), i})
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
		return nil, []Check{signature, {RulePayloadType, "", Failed, quote(ev.PayloadType), quote(provenance.MediaType), i}}, nil
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
	typed := Check{rule, "", Passed, quote(st.PredicateType), quote(predicateType), i}
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
				refused = append(refused, Check{RuleRequired, q.PredicateType, Failed, err.Error(), id.String(), i})
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
		short := Check{RuleRequired, q.PredicateType, Failed, fmt.Sprintf("%d distinct signers", n), want, -1}
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
		reasons = append(reasons, Check{RuleProvenance, "", Failed, got, want, -1})
	}
	if len(reasons) == 0 {
		reasons = []Check{{c.unsigned, c.item, Failed, "no evidence that it signed", want, -1}}
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
