package verify

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// evaluate holds b, which the builders in signed may have signed, against p. It
// returns all checks, and the builder that b names.
func (p *Policy) evaluate(i int, b *provenance.Build, signed []signedFor) ([]Check, Builder) {
	var checks []Check
	check := func(rule Rule, item string, ok bool, got, want string) {
		outcome := Failed
		switch {
		case ok:
			outcome = Passed
		case got == "":
			outcome, got = Unproven, "the evidence does not say"
		}
		checks = append(checks, Check{rule, item, outcome, got, want, i})
	}

	// A signer speaks for the builders that the policy names for it only.
	var builder Builder
	var ids []string
	evidence := signed[0].evidence
	for _, s := range signed {
		ids = append(ids, s.builder.ID)
		if s.builder.ID == b.Builder {
			builder, evidence = s.builder, s.evidence
			break
		}
	}
	check(RuleBuilder, "", builder.ID != "", b.Builder, strings.Join(ids, " or "))
	check(RuleBuildType, "", slices.Contains(p.BuildTypes, b.Type), b.Type, strings.Join(p.BuildTypes, " or "))

	source, parameter := b.Source()
	check(RuleSource, "", source.Repository == p.Source, source.Repository, p.Source)
	if !p.Refs.none() {
		got := source.Ref
		if p.Refs.Any && got == "" {
			got = "any"
		}
		check(RuleRef, "", p.Refs.allow(source.Ref), got, p.Refs.String())
	}
	switch {
	case p.Commit.IsZero():
	case source.Modified:
		checks = append(checks, Check{RuleCommit, "", Unproven, "files were modified after " + source.Commit.String(), p.Commit.String(), i})
	default:
		check(RuleCommit, "", source.Commit == p.Commit, source.Commit.String(), p.Commit.String())
	}

	checks = append(checks, p.parameters(i, b, parameter)...)
	checks = append(checks, p.circumstances(i, b, evidence.Claims)...)
	if evidence.Claims != nil {
		checks = append(checks, certificate(i, b, source, evidence.Claims)...)
	}
	return checks, builder
}

// parameters accounts for every external parameter of b. source is the name of
// the one that names the source, or "".
func (p *Policy) parameters(i int, b *provenance.Build, source string) []Check {
	var checks []Check
	values := make(map[string]any)
	leaves("", b.External, values)
	if source != "" {
		delete(values, pointer("", source)+"/repository")
		delete(values, pointer("", source)+"/ref")
	} else if s, ok := b.External["source"].(map[string]any); ok && len(s) == 0 {
		// The parameter of a source that is not known: the rules for the
		// source say so.
		delete(values, "/source")
	}
	for _, at := range slices.Sorted(maps.Keys(values)) {
		got, err := strictjson.Append(nil, values[at])
		if err != nil {
			got = []byte("a value that cannot be written")
		}
		want, known := p.Parameters[at]
		c := Check{RuleParameter, at, Failed, string(got), want.String(), i}
		switch {
		case !known:
			c.Want = "no such parameter"
		case err == nil && want.allows(string(got)):
			c.Outcome = Passed
		}
		checks = append(checks, c)
	}
	for _, at := range slices.Sorted(maps.Keys(p.Parameters)) {
		if _, ok := values[at]; !ok {
			checks = append(checks, Check{RuleParameter, at, Failed, "no such parameter", p.Parameters[at].String(), i})
		}
	}
	return checks
}

// leaves adds to values what is in v and is no object with members, by its JSON
// Pointer.
func leaves(at string, v any, values map[string]any) {
	if m, ok := v.(map[string]any); ok && (len(m) > 0 || at == "") {
		for name, v := range m {
			leaves(pointer(at, name), v, values)
		}
		return
	}
	values[at] = v
}

// pointer returns the JSON Pointer of the member name of the value at at.
func pointer(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// circumstances checks what started the build and on what machine it ran, where
// the platform has such facts: a certificate's claims, or what the predicate of
// a GitHub build says. Other builds have neither rule.
func (p *Policy) circumstances(i int, b *provenance.Build, claims *Claims) []Check {
	var trigger, runner string
	github, ok := b.Internal["github"].(map[string]any)
	if ok {
		trigger, _ = github["event_name"].(string)
		runner, _ = github["runner_environment"].(string)
	}
	if claims != nil {
		trigger, runner = claims.Trigger, claims.Runner
	} else if !ok {
		return nil
	}
	one := func(rule Rule, got string, allowed, safe []string) Check {
		if len(allowed) == 0 {
			allowed = safe
		}
		c := Check{rule, "", Passed, got, strings.Join(allowed, " or "), i}
		switch {
		case got == "":
			c.Outcome, c.Got = Unproven, "the evidence does not say"
		case !slices.Contains(allowed, got):
			c.Outcome = Failed
		}
		return c
	}
	return []Check{
		one(RuleTrigger, trigger, p.Triggers, []string{"push", "release", "workflow_dispatch"}),
		one(RuleRunner, runner, p.Runners, []string{"github-hosted", "gitlab-hosted"}),
	}
}

// certificate compares what the signer's certificate and the predicate both say
// of the build. The platform wrote the one, a step of the build perhaps the
// other.
func certificate(i int, b *provenance.Build, source provenance.Source, claims *Claims) []Check {
	var checks []Check
	for _, c := range []struct{ item, claim, predicate string }{
		{"builder", claims.Builder, b.Builder},
		{"source", claims.Repository, source.Repository},
		{"ref", claims.Ref, source.Ref},
		{"commit", claims.Commit, source.Commit.Hex()},
		{"invocation", claims.Invocation, b.Invocation},
	} {
		check := Check{RuleCertificate, c.item, Passed, c.predicate, c.claim, i}
		switch {
		case c.claim == "":
			check.Outcome, check.Want = Unproven, "a claim of the certificate"
		case c.claim != c.predicate:
			check.Outcome = Failed
		}
		checks = append(checks, check)
	}
	return checks
}

func (r Refs) none() bool {
	return len(r.Branches) == 0 && len(r.Tags) == 0 && !r.Releases && !r.Any
}

// allow reports whether ref, a full name, is one of r.
func (r Refs) allow(ref string) bool {
	if r.Any {
		return true
	}
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return slices.Contains(r.Branches, branch)
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return slices.Contains(r.Tags, tag) || r.Releases && isRelease(tag)
	}
	return false
}

// String says what r allows.
func (r Refs) String() string {
	var all []string
	for _, b := range r.Branches {
		all = append(all, "refs/heads/"+b)
	}
	for _, t := range r.Tags {
		all = append(all, "refs/tags/"+t)
	}
	if r.Releases {
		all = append(all, "a release tag (v1.2.3)")
	}
	if r.Any {
		all = append(all, "any")
	}
	return strings.Join(all, " or ")
}

// isRelease reports whether tag is v<major>.<minor>.<patch>, without leading
// zeros, pre-release or build metadata.
func isRelease(tag string) bool {
	version, ok := strings.CutPrefix(tag, "v")
	if !ok {
		return false
	}
	numbers := strings.Split(version, ".")
	for _, n := range numbers {
		u, err := strconv.ParseUint(n, 10, 64)
		if err != nil || strconv.FormatUint(u, 10) != n {
			return false
		}
	}
	return len(numbers) == 3
}

// allows reports whether the value, as strictjson writes it, is one of p.
func (p Parameter) allows(value string) bool {
	if p.Any {
		return true
	}
	return slices.ContainsFunc(p.OneOf, func(v any) bool {
		b, err := strictjson.Append(nil, v)
		return err == nil && string(b) == value
	})
}

// String says what p allows.
func (p Parameter) String() string {
	if p.Any {
		return "any value"
	}
	var all []string
	for _, v := range p.OneOf {
		b, err := strictjson.Append(nil, v)
		if err != nil {
			b = fmt.Appendf(nil, "%v", v)
		}
		all = append(all, string(b))
	}
	if all == nil {
		return "no value"
	}
	return strings.Join(all, " or ")
}
