package verify

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A Rule names one thing that a Policy checks.
type Rule string

// The rules.
const (
	RuleSignature   Rule = "signature"    // somebody whom the policy names signed
	RulePayloadType Rule = "payload-type" // what was signed is a statement
	RuleProvenance  Rule = "provenance"   // the statement is SLSA provenance of a version that is accepted
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

	RuleRevoked       Rule = "revoked"          // the signer or the builder is still trusted
	RuleVersion       Rule = "version"          // the artifact is the version that it is offered as
	RuleInput         Rule = "input"            // what the build took in, Check.Item
	RuleStep          Rule = "step"             // a step before the build, named in Check.Item
	RuleSummary       Rule = "summary"          // what a verification summary says of Check.Item
	RuleTests         Rule = "tests"            // tests passed
	RuleVulnerability Rule = "vulnerability"    // one that was found, named in Check.Item
	RuleProperty      Rule = "property"         // one that was verified, named in Check.Item
	RuleMinimum       Rule = "minimum-elements" // of an SBOM, by the profile in Check.Item
	RuleBuildInfo     Rule = "build-info"       // the artifact says the same of itself
	RuleDependencyAge Rule = "dependency-age"
	RuleCommitSigned  Rule = "commit-signature"
)

// known reports whether r is one of the rules above.
func (r Rule) known() bool {
	switch r {
	case RuleSignature, RulePayloadType, RuleProvenance, RuleSubject, RuleBuilder, RuleBuildType,
		RuleSource, RuleRef, RuleCommit, RuleParameter, RuleTrigger, RuleRunner, RuleEnvironment,
		RuleAge, RuleCertificate, RuleRequired, RuleRevoked, RuleVersion, RuleInput, RuleStep,
		RuleSummary, RuleTests, RuleVulnerability, RuleProperty, RuleMinimum, RuleBuildInfo,
		RuleDependencyAge, RuleCommitSigned:
		return true
	}
	return false
}

// An Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
	Unproven Outcome = "unproven" // the evidence does not tell; this is not a pass
	Excused  Outcome = "excused"  // an exception of the policy covers it
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

	// Payload is the SHA-256 digest of what was signed in it.
	Payload hallmark.Digest
}

// newCheck returns a Check of the envelope-th evidence.
func newCheck(rule Rule, item string, outcome Outcome, got, want string, envelope int) Check {
	return Check{Rule: rule, Item: item, Outcome: outcome, Got: got, Want: want, Envelope: envelope}
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
	if c.Outcome != Failed {
		text = fmt.Sprintf("%s: %s: %s, want %s", name, c.Outcome, line(c.Got), line(c.Want))
	}
	if c.Envelope >= 0 {
		text += fmt.Sprintf(" (evidence %d)", c.Envelope)
	}
	return text
}

// notSaid is what a check got that is unproven.
const notSaid = "the evidence does not say"

// compared returns the Check of what the envelope-th evidence says, which is right if
// ok. What it does not say is unproven.
func compared(rule Rule, item string, ok bool, got, want string, envelope int) Check {
	switch {
	case ok:
		return newCheck(rule, item, Passed, got, want, envelope)
	case got == "":
		return newCheck(rule, item, Unproven, notSaid, want, envelope)
	}
	return newCheck(rule, item, Failed, got, want, envelope)
}

// good reports whether c does not stand against the evidence.
func (c Check) good() bool { return c.Outcome == Passed || c.Outcome == Excused }

// line returns s for a report. A step of the build may have chosen it, so it
// must not begin a line of its own, steer a terminal or fill a log.
func line(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
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
	policy     *Policy
	at         time.Time  // zero if the policy has no Now
	build      *candidate // nil if the policy has no builders
	level      int
	statements []*provenance.Statement
	proofs     [][]*Evidence // what speaks for each of them
	checks     []Check
	exceptions []Exception
}

// Artifact returns what was accepted. Its name is the one that the caller gave.
func (r *Result) Artifact() hallmark.Artifact {
	return hallmark.Artifact{Name: r.artifact.Name, Digests: slices.Clone(r.artifact.Digests)}
}

// Builder returns the builder of the policy that made the artifact. It is zero if the
// policy has none and a verification summary was enough.
func (r *Result) Builder() Builder {
	if r.build == nil {
		return Builder{}
	}
	return r.build.builder
}

// Level returns the SLSA Build level up to which the policy trusts the builder, or,
// without one, the highest that it asked a verification summary for. What a document
// says of itself does not count. What needed an exception, the build or a summary,
// gives no level: it then is 0.
func (r *Result) Level() int { return r.level }

// Build returns the provenance that was accepted, or nil if the policy has no
// builders.
func (r *Result) Build() *provenance.Build {
	if r.build == nil {
		return nil
	}
	b, err := provenance.ParseBuild(r.build.statement)
	if err != nil {
		panic("verify: internal error: provenance that was accepted cannot be read")
	}
	return b
}

// Claims returns what the certificate says that speaks for the provenance, or nil if
// a plain key does.
func (r *Result) Claims() *Claims {
	if r.build == nil || r.build.evidence.Claims == nil {
		return nil
	}
	c := *r.build.evidence.Claims
	return &c
}

// Statements returns the statements that the policy was satisfied by: the
// provenance first, then those of each requirement about the artifact and of each
// about its source, in the policy's order, and those of the steps.
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

// Evidence returns what speaks for each of the [Result.Statements], to be kept for
// [Policy.Recall]: evidence for each identity that was asked for it, and of a step for
// all who attested the same, without signers that the policy revokes.
func (r *Result) Evidence() [][]Evidence {
	var all [][]Evidence
	for _, some := range r.proofs {
		var one []Evidence
		for _, ev := range some {
			one = append(one, ev.clone())
		}
		all = append(all, one)
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
// passed, or are excused.
func (r *Result) Checks() []Check { return slices.Clone(r.checks) }

// Exceptions returns the exceptions of the policy that were needed.
func (r *Result) Exceptions() []Exception { return slices.Clone(r.exceptions) }

// Warnings returns, as sentences, what will not be so much longer: exceptions that
// were needed and the policy itself, if they end within two weeks. It also tells the
// exceptions for the artifact that were not needed, which can go.
func (r *Result) Warnings() []string {
	var all []string
	soon := func(what string, t time.Time) {
		if d := t.Sub(r.at); d <= endsSoon {
			all = append(all, fmt.Sprintf("%s ends on %s, in %s", what, date(t), left(d)))
		}
	}
	if !r.policy.Expires.IsZero() {
		soon("the policy", r.policy.Expires)
	}
	needed := make(map[Exception]bool)
	for _, e := range r.exceptions {
		needed[e] = true
		soon("the exception for "+e.name()+", for which "+line(e.Owner)+" answers,", e.Expires)
	}
	for _, e := range r.policy.Exceptions {
		if slices.Contains(r.artifact.Digests, e.Digest) && !needed[e] {
			all = append(all, fmt.Sprintf("the exception for %s, for which %s answers, is not needed", e.name(), line(e.Owner)))
		}
	}
	return all
}

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
