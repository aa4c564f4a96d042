package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/sheet"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// newPage returns the page of a case of which err and r came, when it was at.
func newPage(ctx context.Context, c *gate.Case, r *verify.Result, err error, at time.Time) *page {
	report := verify.NewReport(c.Artifact, r, err)
	p := &page{Artifact: text(c.Artifact.Name), Why: text(report.Error), At: at, Warnings: texts(report.Warnings)}
	for _, d := range c.Artifact.Digests {
		p.Digests = append(p.Digests, text(d.String()))
	}
	switch refused, ok := errors.AsType[*verify.RejectedError](err); {
	case ok && refused.Unproven():
		p.Verdict = unproven
	case ok:
		p.Verdict = rejected
	case err != nil:
		p.Verdict = undecided
	default:
		p.Verdict = accepted
	}
	p.Policy.Sentences = texts(c.Policy.Explain())
	for _, a := range c.Policy.Review(ctx, c.Artifact, r, err) {
		p.Answers = append(p.Answers, answer{text(a.Question), a.Answer, answerState(a), texts(a.Evidence)})
	}
	p.evidence(c, report)
	for _, k := range report.Checks {
		one := check{
			Rule: text(k.Rule), Item: text(k.Item), Outcome: string(k.Outcome), State: outcomeState(k.Outcome),
			Want: text(k.Want), Got: text(k.Got), Hint: text(k.Hint),
		}
		if k.Evidence != nil {
			one.Evidence = p.Evidence[*k.Evidence].Digest
		}
		if k.Outcome == verify.Passed {
			p.Passed = append(p.Passed, one)
		} else {
			p.Open = append(p.Open, one)
		}
	}
	rank := []state{bad, open, note}
	slices.SortStableFunc(p.Open, func(a, b check) int { return cmp.Compare(slices.Index(rank, a.State), slices.Index(rank, b.State)) })
	p.exceptions(c, r)
	p.Lineage = newWitness(ctx, c, r, report).lineage(c, r, p.Verdict)
	p.inside(c, r)
	return p
}

func outcomeState(o verify.Outcome) state {
	switch o {
	case verify.Passed:
		return good
	case verify.Failed:
		return bad
	case verify.Excused:
		return note
	}
	return open
}

func answerState(a verify.Answer) state {
	switch {
	case a.Good:
		return good
	case a.Answer == string(verify.Unproven):
		return open
	}
	return bad
}

// exceptions adds those of the policy for the artifact.
func (p *page) exceptions(c *gate.Case, r *verify.Result) {
	for _, e := range c.Policy.Exceptions {
		if !slices.Contains(c.Artifact.Digests, e.Digest) {
			continue
		}
		use := "it is not known whether it is needed"
		switch {
		case !p.At.Before(e.Expires):
			use = "no, it has ended"
		case r != nil && slices.Contains(r.Exceptions(), e):
			use = "yes, this release is accepted by it"
		case r != nil:
			use = "no, it is not needed"
		}
		p.Exceptions = append(p.Exceptions, exception{
			text(e.Rule), text(e.Item), text(e.Digest.String()), text(e.Owner), text(e.Reason), text(e.Control), e.Expires, left(p.At, e.Expires), use,
		})
	}
}

// evidence adds what was given as evidence, and what of it was of use.
func (p *page) evidence(c *gate.Case, report *verify.Report) {
	for i, e := range c.Envelopes {
		one := evidence{Index: i, Digest: text(digestOf(e.Payload)), Signatures: len(e.Signatures)}
		for _, k := range report.Checks {
			if k.Evidence != nil && *k.Evidence == i && k.Outcome == verify.Passed && (k.Rule == verify.RuleProvenance || k.Rule == verify.RuleRequired) {
				one.Says = append(one.Says, text(strings.Trim(k.Got, `"`)))
			}
		}
		p.Evidence = append(p.Evidence, one)
	}
	for _, err := range c.Skipped {
		p.Skipped = append(p.Skipped, text(err.Error()))
	}
}

func digestOf(data []byte) string {
	ds, err := hallmark.Hash(bytes.NewReader(data), "sha256")
	if err != nil {
		return ""
	}
	return ds[0].String()
}

// A witness is provenance that a builder of the policy has signed: that which was
// accepted, or one of those that were not.
type witness struct {
	report   *verify.Report
	envelope int // or -1, if there is none
	evidence *verify.Evidence
	build    *provenance.Build
}

func newWitness(ctx context.Context, c *gate.Case, r *verify.Result, report *verify.Report) *witness {
	w := &witness{report: report, envelope: -1}
	var signed []int // as the checks know them, that of accepted provenance first
	for _, accepted := range []bool{true, false} {
		for _, k := range report.Checks {
			if k.Evidence != nil && (k.Rule == verify.RuleProvenance && k.Outcome == verify.Passed) == accepted {
				signed = append(signed, *k.Evidence)
			}
		}
	}
	for _, i := range signed {
		for _, b := range c.Policy.Builders {
			if r != nil && (b.ID != r.Builder().ID || b.Identity.String() != r.Builder().Identity.String()) {
				continue
			}
			if w.read(ctx, b, c.Envelopes[i]) {
				w.envelope = i
				return w
			}
		}
	}
	return w
}

// read reports whether the builder signed provenance, which w then has.
func (w *witness) read(ctx context.Context, b verify.Builder, e *sign.Envelope) bool {
	ev, err := b.Identity.Recognize(ctx, e)
	if err != nil || ev == nil || ev.PayloadType != provenance.MediaType || !bytes.Equal(ev.Payload, e.Payload) {
		return false
	}
	st, err := provenance.Parse(ev.Payload)
	if err != nil {
		return false
	}
	build, err := provenance.ParseBuild(st)
	if err != nil {
		return false
	}
	w.evidence, w.build = ev, build
	return true
}

// node returns a station of which these rules decide.
func (w *witness) node(v verdict, kind string, title text, notes []text, rules ...verify.Rule) node {
	n := node{Kind: kind, State: none, Title: title, Notes: notes}
	for _, k := range w.report.Checks {
		if !slices.Contains(rules, k.Rule) || w.envelope >= 0 && k.Evidence != nil && *k.Evidence != w.envelope {
			continue
		}
		if s := outcomeState(k.Outcome); n.State == none || worse(s, n.State) {
			n.State = s
		}
	}
	switch n.State {
	case good:
		n.Says = "as expected"
	case bad:
		n.Says = "not as expected"
	case open:
		n.Says = "unproven"
	case note:
		n.Says = "excused by an exception"
	case none:
		n.Says = "the policy does not ask"
		if v != accepted {
			n.Says = "not established"
		}
		if v != accepted && w.envelope >= 0 {
			n.Says = "only said, in evidence that was not accepted"
		}
		if title == "" {
			n.Says = ""
		}
	}
	if n.Title == "" {
		n.Title = "not told"
		if n.State == bad {
			n.Title, n.Says = "none", "missing"
		}
	}
	return n
}

// worse reports whether a is worse than b.
func worse(a, b state) bool {
	rank := []state{good, note, open, bad}
	return slices.Index(rank, a) > slices.Index(rank, b)
}

// lineage returns the way from the artifact to what it was made of and by whom.
func (w *witness) lineage(c *gate.Case, r *verify.Result, v verdict) lineage {
	var repository, commit, workflow, builder, signer, when, typ text
	var digests, at, modified, started, on, issuer, seen, kind []text
	for _, d := range c.Artifact.Digests {
		digests = append(digests, text(d.String()))
	}
	if b := w.build; b != nil {
		typ, kind = "SLSA provenance", []text{"build type " + text(b.Type)}
		source, _ := b.Source()
		repository, commit, builder = text(source.Repository), text(source.Commit.Hex()), text(b.Builder)
		if source.Ref != "" {
			at = []text{text(source.Ref)}
		}
		if source.Modified {
			modified = []text{"files were modified"}
		}
		workflow = workflowOf(b)
		if b.Invocation != "" {
			started = append(started, "run "+text(b.Invocation))
		}
		if !b.Finished.IsZero() {
			kind = append(kind, "finished "+text(sheet.Minute(b.Finished))+", as it says")
		}
	}
	if r != nil && r.Build() == nil {
		typ = "not asked for: a verification summary was enough"
	}
	if r != nil && w.build != nil {
		on = []text{"no SLSA Build level: it needs an exception"}
		if n := r.Level(); n > 0 {
			on = []text{text(fmt.Sprintf("up to SLSA Build level %d", n))}
		}
	}
	if ev := w.evidence; ev != nil {
		when = "no authority tells"
		if len(ev.Times) > 0 {
			first := slices.MinFunc(ev.Times, time.Time.Compare)
			when, seen = text(sheet.Minute(first)), []text{text("told by a log or an authority")}
		}
		var keys []string
		for _, k := range ev.Keys {
			keys = append(keys, "key "+k.String())
		}
		signer = text(strings.Join(keys, ", "))
		if claims := ev.Claims; claims != nil {
			signer = text(cmp.Or(claims.Subject, claims.Builder))
			issuer = []text{"issuer " + text(claims.Issuer)}
			workflow = cmp.Or(text(claims.BuildConfig), workflow)
			if claims.Trigger != "" {
				started = append([]text{"started by " + text(claims.Trigger)}, started...)
			}
			if claims.Runner != "" {
				on = append(on, "on "+text(claims.Runner))
			}
		}
	}
	l := lineage{
		Artifact:   w.node(v, "Artifact", text(c.Artifact.Name), digests, verify.RuleSubject, verify.RuleBuildInfo, verify.RuleVersion),
		Provenance: w.node(v, "Provenance", typ, kind, verify.RuleProvenance, verify.RulePayloadType, verify.RuleBuildType, verify.RuleInput, verify.RuleStep),
		Repository: w.node(v, "Repository", repository, at, verify.RuleSource, verify.RuleRef),
		Commit:     w.node(v, "Commit", commit, modified, verify.RuleCommit, verify.RuleCommitSigned),
		Workflow:   w.node(v, "Workflow", workflow, started, verify.RuleParameter, verify.RuleTrigger, verify.RuleEnvironment),
		Builder:    w.node(v, "Builder", builder, on, verify.RuleBuilder, verify.RuleRunner),
		Signer:     w.node(v, "Signer", signer, issuer, verify.RuleSignature, verify.RuleRevoked, verify.RuleCertificate),
		Time:       w.node(v, "Time of signing", when, seen, verify.RuleAge),
	}
	if l.Artifact.State == none {
		l.Artifact.Says = "what is at hand"
	}
	if w.evidence != nil && len(w.evidence.Times) > 0 && l.Time.State == none {
		l.Time.State, l.Time.Says = good, "verified"
	}
	if w.evidence != nil && l.Signer.State == none {
		l.Signer.State, l.Signer.Says = good, "recognized"
	}
	return l
}

// workflowOf returns what a build says that its instructions are.
func workflowOf(b *provenance.Build) text {
	for _, name := range []string{"workflow", "pipeline"} {
		p, _ := b.External[name].(map[string]any)
		for _, member := range []string{"path", "entryPoint"} {
			if path, _ := p[member].(string); path != "" {
				return text(path)
			}
		}
	}
	return ""
}

// inside adds the SBOM that satisfied the policy, if there is one.
func (p *page) inside(c *gate.Case, r *verify.Result) {
	p.NoSBOM = "What is inside is not shown, because the release is not accepted."
	if r == nil {
		return
	}
	p.NoSBOM = "The policy does not ask for an SBOM, so that none was verified."
	for _, st := range r.Statements() {
		b, err := provenance.ParseSBOM(st)
		if err != nil {
			if strings.HasPrefix(st.PredicateType, provenance.CycloneDXType) || strings.HasPrefix(st.PredicateType, provenance.SPDXType) {
				p.NoSBOM = text("The attested SBOM cannot be read: " + err.Error())
			}
			continue
		}
		parse := cyclonedx.Parse
		if b.Format == provenance.SPDX {
			parse = spdx.Parse
		}
		d, stamp, err := parse(b.Document)
		if err != nil {
			p.NoSBOM = text("The attested SBOM cannot be read: " + err.Error())
			continue
		}
		p.SBOM = newBOM(d, stamp, b.Format+" "+b.Version, attestedIn(c, st))
		return
	}
}

// attestedIn returns the digest of what was signed with the statement in it.
func attestedIn(c *gate.Case, st *provenance.Statement) string {
	for _, e := range c.Envelopes {
		if other, err := provenance.Parse(e.Payload); err == nil && other.PredicateType == st.PredicateType && bytes.Equal(other.Predicate, st.Predicate) {
			return digestOf(e.Payload)
		}
	}
	return ""
}
