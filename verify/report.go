package verify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// The verdicts of a [Report].
const (
	Accepted  = "accepted"
	Rejected  = "rejected"
	Undecided = "undecided" // a gate stays shut, and nothing is known of the artifact
)

// A Report is how a verification ended, as data: for people by its String, and for
// programs as JSON, whose schema is the file report.schema.json beside this one. It is
// no [Result]: anybody can write one.
type Report struct {
	// Version is that of the schema, 1.
	Version int `json:"version"`

	// Verdict is Accepted, Rejected or Undecided.
	Verdict string `json:"verdict"`

	// Recalled says that no signature was verified for it: it is what [Policy.Recall]
	// says of evidence that was kept.
	Recalled bool `json:"recalled,omitempty"`

	// Artifact is what was verified.
	Artifact ReportArtifact `json:"artifact"`

	// Level is that of the Result.
	Level int `json:"level,omitempty"`

	// Builder and Source are those of the provenance that is accepted; nil if
	// there is none.
	Builder *ReportBuilder `json:"builder,omitempty"`
	Source  *ReportSource  `json:"source,omitempty"`

	// Checks are those of the accepted evidence, or the reasons for a rejection.
	Checks []ReportCheck `json:"checks"`

	Exceptions []ReportException `json:"exceptions,omitempty"` // that were needed
	Warnings   []string          `json:"warnings,omitempty"`   // by [Result.Warnings]

	// Error is why the verdict is undecided, else empty.
	Error string `json:"error,omitempty"`
}

// A ReportArtifact is what was verified.
type ReportArtifact struct {
	Name    string            `json:"name,omitempty"`
	Digests map[string]string `json:"digests"` // hexadecimal, by algorithm
}

// A ReportBuilder is who built it.
type ReportBuilder struct {
	ID       string `json:"id"`       // builder.id
	Identity string `json:"identity"` // who signed for it
}

// A ReportSource is what it was built from.
type ReportSource struct {
	Repository string `json:"repository"`
	Ref        string `json:"ref,omitempty"`
	Commit     string `json:"commit,omitempty"` // hexadecimal gitCommit
	Run        string `json:"run,omitempty"`    // the invocation
}

// A ReportCheck is a [Check].
type ReportCheck struct {
	Rule     Rule    `json:"rule"`
	Item     string  `json:"item,omitempty"`
	Outcome  Outcome `json:"outcome"`
	Got      string  `json:"got,omitempty"`
	Want     string  `json:"want,omitempty"`
	Evidence *int    `json:"evidence,omitempty"` // index of the envelope; nil for none
	Payload  string  `json:"payload,omitempty"`  // "sha256:…" of what is signed in it
	Hint     string  `json:"hint,omitempty"`     // what to do next
}

// A ReportException is an [Exception].
type ReportException struct {
	Rule    Rule      `json:"rule"`
	Item    string    `json:"item,omitempty"`
	Digest  string    `json:"digest"`
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Control string    `json:"control"`
	Expires time.Time `json:"expires"`
	Left    string    `json:"left"` // until then, for people: "12 days"
}

// NewReport returns what [Policy.Verify] said of a. Without a result and an error it
// reports that nothing was decided.
func NewReport(a hallmark.Artifact, r *Result, err error) *Report {
	rep := &Report{Version: 1, Verdict: Undecided, Artifact: ReportArtifact{a.Name, make(map[string]string)}, Checks: []ReportCheck{}}
	for _, d := range a.Digests {
		rep.Artifact.Digests[d.Algorithm()] = d.Hex()
	}
	var no *RejectedError
	var checks []Check
	switch {
	case errors.As(err, &no):
		rep.Verdict, checks = Rejected, no.Reasons
	case err != nil:
		rep.Error = err.Error()
	case r == nil:
		rep.Error = "nothing was verified"
	default:
		rep.Verdict, rep.Level, checks, rep.Warnings = Accepted, r.Level(), r.checks, r.Warnings()
		if b := r.build; b != nil {
			rep.Builder = &ReportBuilder{b.build.Builder, b.evidence.signer()}
			rep.Source = &ReportSource{b.source.Repository, b.source.Ref, b.source.Commit.Hex(), b.build.Invocation}
		}
		for _, e := range r.exceptions {
			rep.Exceptions = append(rep.Exceptions, ReportException{
				e.Rule, e.Item, e.Digest.String(), e.Owner, e.Reason, e.Control, e.Expires.UTC(), left(e.Expires.Sub(r.at)),
			})
		}
	}
	for _, c := range checks {
		k := ReportCheck{Rule: c.Rule, Item: c.Item, Outcome: c.Outcome, Got: c.Got, Want: c.Want, Payload: c.Payload.String(), Hint: c.Hint()}
		if i := c.Envelope; i >= 0 {
			k.Evidence = &i
		}
		rep.Checks = append(rep.Checks, k)
	}
	return rep
}

// left writes a time that is left for people: days, or less.
func left(d time.Duration) string {
	if d > 48*time.Hour {
		d = d.Truncate(24 * time.Hour)
	}
	return days(d.Truncate(time.Second))
}

// String is the report for people: the verdict, what did not pass and what to do about
// it, exceptions and warnings. It has a line for each and ends without a newline.
func (r *Report) String() string {
	var b strings.Builder
	name := r.Artifact.Name
	for _, algorithm := range slices.Sorted(maps.Keys(r.Artifact.Digests)) { // sha256 before sha512
		name = cmp.Or(name, algorithm+":"+r.Artifact.Digests[algorithm])
	}
	fmt.Fprintf(&b, "%s %s", line(name), r.Verdict)
	if r.Recalled {
		b.WriteString(" by evidence that was kept, no signature was verified now")
	}
	if r.Verdict == Accepted {
		if r.Source != nil {
			fmt.Fprintf(&b, ": built by %s from %s", line(r.Builder.ID), line(r.Source.Repository))
			if r.Source.Ref != "" {
				b.WriteString(" at " + line(r.Source.Ref))
			}
			if r.Source.Commit != "" {
				b.WriteString(", commit " + line(r.Source.Commit))
			}
		}
		if r.Level > 0 {
			fmt.Fprintf(&b, ", SLSA Build level %d", r.Level)
		}
	}
	if r.Error != "" {
		for part := range strings.SplitSeq(r.Error, "\n") {
			b.WriteString("\n  " + line(part))
		}
	}
	var hints []string
	for _, c := range r.Checks {
		if c.Outcome == Passed {
			continue
		}
		k := Check{Rule: c.Rule, Item: c.Item, Outcome: c.Outcome, Got: c.Got, Want: c.Want, Envelope: -1}
		if c.Evidence != nil {
			k.Envelope = *c.Evidence
		}
		b.WriteString("\n  " + k.String())
		if c.Hint != "" && !slices.Contains(hints, c.Hint) {
			hints = append(hints, c.Hint)
		}
	}
	for _, e := range r.Exceptions {
		what := (&Exception{Rule: e.Rule, Item: e.Item}).name()
		fmt.Fprintf(&b, "\n  exception: %s, by %s until %s: %s; instead: %s", what, line(e.Owner), date(e.Expires), line(e.Reason), line(e.Control))
	}
	for _, w := range r.Warnings {
		b.WriteString("\n  warning: " + line(w))
	}
	for _, h := range hints {
		b.WriteString("\n  next: " + h)
	}
	return b.String()
}

// Hint says what can be done about a check that did not pass, in one sentence. It is
// empty if the check passed.
func (c Check) Hint() string {
	switch {
	case c.Outcome == Passed:
		return ""
	case c.Outcome == Excused:
		return "Repair what is excused before the exception ends."
	case c.Got == notKept:
		return "Verify the artifact with its envelopes: what was kept of them does not tell."
	case c.Outcome == Unproven:
		switch c.Rule {
		case RuleMinimum, RuleBuildInfo, RuleDependencyAge, RuleCommitSigned, RuleVersion:
			return "Let the gate inspect: it needs the artifact itself or an SBOM that says this."
		case RuleAge:
			return "Sign with a timestamp or a log, or let the provenance say when the build finished."
		}
		return "Let the build record this fact, or sign as the job, so that a certificate tells it."
	}
	switch c.Rule {
	case RuleSignature:
		return "Look whether the evidence of this artifact is there, and whether the one who signed it is one that the policy names."
	case RuleRevoked:
		return "Build and sign the artifact anew by somebody whom the policy trusts."
	case RulePayloadType, RuleProvenance:
		return "Attest SLSA provenance, version 1, with the job that builds."
	case RuleSubject:
		return "Look whether this is the file that was built: its digest is not in the evidence."
	case RuleBuilder, RuleBuildType, RuleTrigger, RuleRunner, RuleEnvironment:
		return "Build with the workflow, event and machine that the policy names, or name them in the policy if they are as good."
	case RuleSource, RuleRef, RuleCommit:
		return "Build from the repository and ref that the policy names."
	case RuleVersion:
		return "Offer the artifact as the version that it is."
	case RuleParameter:
		return "Build with the parameters that the policy names, or name this one in the policy if it can do no harm."
	case RuleAge:
		return "Build or attest anew."
	case RuleCertificate:
		return "Do not use it: what the build says of itself is not what its platform certified."
	case RuleRequired, RuleStep, RuleProperty:
		return "Have the attestation made and signed by those whom the policy names."
	case RuleInput:
		return "Take the build's inputs from where the policy allows, or add the origin to it."
	case RuleSummary:
		return "Ask the verifier for a summary of this artifact, resource and level."
	case RuleTests:
		return "Repair what failed, and attest the tests of what is released."
	case RuleVulnerability:
		return "Update what is vulnerable, or have an exception approved with an owner and an end."
	case RuleMinimum, RuleBuildInfo, RuleDependencyAge:
		return "Make the SBOM anew from the artifact that is released, and attest it."
	case RuleCommitSigned:
		return "Build from a commit that one of the trusted people signed."
	}
	return "Compare what the evidence says with what the policy asks for."
}
