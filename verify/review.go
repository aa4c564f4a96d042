package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-dev/hallmark"
)

// The answers to a question, beside string([Unproven]).
const (
	Yes = "yes"
	No  = "no"
)

// Properties by which somebody whom a policy names can attest, in a simple
// verification result that the policy requires, what no evidence of a build shows.
// [Policy.Review] looks for them.
const (
	// PropertyFederation says that the build job reaches production by credentials
	// that it exchanges its identity token for, and by no others.
	PropertyFederation = "ORG_OIDC_ACCESS"

	// PropertyImmutableTags says that the registry lets nobody overwrite a tag.
	PropertyImmutableTags = "ORG_REGISTRY_IMMUTABLE_TAGS"

	// PropertyDeployments says that it is recorded where each digest runs.
	PropertyDeployments = "ORG_DEPLOYMENTS_RECORDED"
)

// An Answer is one of those that a release review asks for.
type Answer struct {
	Question string
	Answer   string   // Yes, No or string(Unproven)
	Good     bool     // what a release should have; what is unproven is not
	Evidence []string // sentences: what the answer rests on, or what would give one
}

// Review answers six questions about a release, on what [Policy.Verify] said of a:
// whether it can be traced to a commit and a workflow, how its build job reaches
// production, whether untrusted pull requests can reach it, whether its tag can be
// overwritten, whether production can reject what is not it, and whether all its
// deployments can be found. What the evidence does not tell is unproven.
//
// It asks p what it rejects, by [Policy.Probe].
func (p *Policy) Review(ctx context.Context, a hallmark.Artifact, r *Result, err error) []Answer {
	return []Answer{
		traced(r, err),
		attested(r, Yes, "Does the build job reach production by short-lived federation alone, and by no credential that it keeps?", PropertyFederation,
			signedAs(r), "How the job reaches production is in no provenance."),
		p.untrusted(r),
		attested(r, No, "Can a registry tag be overwritten after the release?", PropertyImmutableTags,
			"What was verified is "+artifactText(a)+", which a tag that moves does not change.", "What the registry permits is in no provenance."),
		p.rejects(ctx),
		attested(r, Yes, "Can all deployments of this digest be found if it is compromised?", PropertyDeployments,
			"Where it runs is in no provenance."),
	}
}

// attested answers a question by a property that must have been verified.
func attested(r *Result, good, question, property string, otherwise ...string) Answer {
	x := Answer{Question: question, Answer: string(Unproven)}
	if r != nil {
		for _, c := range r.checks {
			if c.Rule == RuleProperty && c.Item == property && c.Outcome == Passed {
				x.Answer, x.Good = good, true
				x.Evidence = []string{fmt.Sprintf("%s is attested in evidence %d (%s).", property, c.Envelope, c.Payload)}
				return x
			}
		}
	}
	for _, s := range otherwise {
		if s != "" {
			x.Evidence = append(x.Evidence, s)
		}
	}
	x.Evidence = append(x.Evidence, "A policy can require that somebody attests "+property+".")
	return x
}

// signedAs says by what the provenance was signed.
func signedAs(r *Result) string {
	switch {
	case r == nil || r.build == nil:
		return ""
	case r.build.evidence.Claims != nil:
		return "For signing it had no key of its own: a certificate was issued for the job by " + line(r.build.evidence.Claims.Issuer) + "."
	}
	return "For signing it has a key, or is near somebody who has."
}

// maxReasons is how many reasons of a rejection an answer has. A policy about
// inputs can give one for each module.
const maxReasons = 5

// ofBuild reports whether c is about where an artifact comes from, and not about what
// else is required.
func (c Check) ofBuild() bool {
	switch c.Rule {
	case RuleBuilder, RuleBuildType, RuleSource, RuleRef, RuleCommit, RuleCertificate, RuleProvenance:
		return true
	case RuleSignature, RuleRevoked, RulePayloadType, RuleSubject: // a requirement's have its type
		return c.Item == ""
	}
	return false
}

func traced(r *Result, err error) Answer {
	x := Answer{Question: "Can the artifact be traced to the exact commit and workflow?", Answer: string(Unproven)}
	var no *RejectedError
	switch {
	case errors.As(err, &no):
		if slices.ContainsFunc(no.Reasons, Check.ofBuild) {
			x.Answer = No
		} else {
			x.Evidence = []string{"It is rejected for other reasons than where it comes from."}
		}
		for i, c := range no.Reasons {
			if i == maxReasons {
				x.Evidence = append(x.Evidence, fmt.Sprintf("%d more checks did not pass.", len(no.Reasons)-i))
				break
			}
			x.Evidence = append(x.Evidence, c.String())
		}
	case err != nil:
		x.Evidence = []string{"The verification is undecided: " + line(err.Error())}
	case r == nil || r.build == nil:
		x.Evidence = []string{"No provenance was asked for: the verifier whose summary was enough has seen it."}
	default:
		b := r.build
		x.Evidence = []string{
			fmt.Sprintf("Commit %s of %s, %s.", b.source.Commit, line(b.source.Repository), line(cmp.Or(b.source.Ref, "no ref"))),
			fmt.Sprintf("Built by %s, %s.", line(b.build.Builder), line(cmp.Or(b.build.Invocation, "in a run that has no name"))),
			fmt.Sprintf("Signed by %s.", line(b.evidence.signer())),
		}
		x.Answer, x.Good = Yes, true
		for _, c := range b.checks {
			switch {
			case c.Outcome != Excused:
			case c.Rule == RuleSource || c.Rule == RuleRef || c.Rule == RuleCommit || c.Rule == RuleBuilder || c.Rule == RuleCertificate:
				x.Answer, x.Good = string(Unproven), false
				x.Evidence = append(x.Evidence, c.String())
			}
		}
	}
	return x
}

// untrusted answers whether what strangers propose can reach the release.
func (p *Policy) untrusted(r *Result) Answer {
	x := Answer{Question: "Can untrusted pull-request code influence the release?", Answer: string(Unproven)}
	if r == nil || r.build == nil {
		x.Evidence = []string{"No accepted provenance says what started the build."}
		return x
	}
	b := r.build
	trigger := factsOf(b.build, b.evidence.Claims).trigger
	unknown := ""
	for _, t := range append([]string{trigger}, p.Triggers...) {
		switch t {
		case "pull_request", "pull_request_target", "workflow_run", "issue_comment", "merge_request_event", "external_pull_request_event":
			x.Answer = Yes
			x.Evidence = []string{"The policy allows builds that " + line(t) + " starts."}
			return x
		case "", "push", "release", "workflow_dispatch", "repository_dispatch", "schedule", "web", "api", "trigger":
		default:
			unknown = t
		}
	}
	switch {
	case trigger == "":
		x.Evidence = []string{"The evidence does not say what started the build."}
	case unknown != "":
		x.Evidence = []string{"The policy allows builds that " + line(unknown) + " starts, of which it is not known who can cause it."}
	case b.evidence.Claims == nil && r.Level() < 2:
		x.Evidence = []string{fmt.Sprintf("%s started the build by its own words, which a step of it may have written.", line(trigger))}
	default:
		x.Answer, x.Good = No, true
		x.Evidence = []string{
			fmt.Sprintf("%s started it, at %s, which only people with write access can cause.", line(trigger), line(b.source.Ref)),
			"Caches that other runs can write to are in no provenance.",
		}
	}
	return x
}

// rejects answers whether p is worth enforcing.
func (p *Policy) rejects(ctx context.Context) Answer {
	x := Answer{Question: "Can production reject an artifact that is unsigned, or built by an unexpected workflow?", Answer: No}
	if err := p.Probe(ctx); err != nil {
		x.Evidence = []string{line(err.Error())}
		if ctx.Err() != nil {
			x.Answer = string(Unproven)
		}
		return x
	}
	x.Answer, x.Good = Yes, true
	x.Evidence = []string{
		"This policy rejects it without evidence, signed by a stranger, of another builder, of another source, and another artifact with its evidence.",
		"That a gate with this policy is before production is for those who run it to see to.",
	}
	return x
}
