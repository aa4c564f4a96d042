package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// speaksFor reports whether b may have the builder.id.
func (b *Builder) speaksFor(id string) bool {
	if b.Refs.IsZero() {
		return id == b.ID
	}
	return b.Refs.AllowAt(b.ID, id)
}

// name says which builder.id b may have.
func (b *Builder) name() string {
	if b.Refs.IsZero() {
		return b.ID
	}
	return b.ID + "@ (" + b.Refs.String() + ")"
}

// speakers returns those of signed who may speak for the builder that b names,
// or the first if none may.
func speakers(b *provenance.Build, signed []signedFor) []signedFor {
	var may []signedFor
	for _, s := range signed {
		if s.builder.speaksFor(b.Builder) {
			may = append(may, s)
		}
	}
	if may == nil {
		return signed[:1]
	}
	return may
}

// evaluate holds c against the policy and returns all checks. signed are all builders
// of the policy who signed it. An error is of the Inspector.
func (h *hearing) evaluate(i int, c *candidate, signed []signedFor) ([]Check, error) {
	p, b := h.policy, c.build
	var checks []Check
	check := func(rule Rule, item string, ok bool, got, want string) {
		checks = append(checks, compared(rule, item, ok, got, want, i))
	}

	// A signer speaks for the builders that the policy names for it only.
	var ids []string
	for _, s := range signed {
		ids = append(ids, s.builder.name())
	}
	check(RuleBuilder, "", c.builder.speaksFor(b.Builder), b.Builder, strings.Join(ids, " or "))
	if no := h.revoked(i, b.Builder, c.evidence); no != nil {
		checks = append(checks, *no)
	}
	claims := c.evidence.Claims
	if want := c.builder.Commit; !want.IsZero() {
		got := ""
		if claims != nil && claims.BuildSignerDigest != "" {
			got = "gitCommit:" + claims.BuildSignerDigest
		}
		check(RuleBuilder, "commit", got == want.String(), got, want.String())
	}
	check(RuleBuildType, "", slices.Contains(p.BuildTypes, b.Type), b.Type, strings.Join(p.BuildTypes, " or "))

	source, parameter := b.Source()
	c.source = source
	check(RuleSource, "", source.Repository == p.Source, source.Repository, p.Source)
	facts := factsOf(b, claims)
	if p.SourceID != "" {
		check(RuleSource, "repository id", facts.repositoryID == p.SourceID, facts.repositoryID, p.SourceID)
	}
	if p.OwnerID != "" {
		check(RuleSource, "owner id", facts.ownerID == p.OwnerID, facts.ownerID, p.OwnerID)
	}
	if !p.Refs.IsZero() {
		got := source.Ref
		if p.Refs.Any && got == "" {
			got = "any"
		}
		check(RuleRef, "", p.Refs.Allow(source.Ref), got, p.Refs.String())
	}
	switch {
	case source.Modified:
		// No ref has what was built, and no commit.
		want := cmp.Or(p.Commit.String(), "a commit")
		checks = append(checks, newCheck(RuleCommit, "", Unproven, "files were modified after "+source.Commit.String(), want, i))
	case !p.Commit.IsZero():
		check(RuleCommit, "", source.Commit == p.Commit, source.Commit.String(), p.Commit.String())
	default:
		// A repository without a commit is no source: it can be anything.
		check(RuleCommit, "", !source.Commit.IsZero(), source.Commit.String(), "a commit")
	}

	checks = append(checks, p.version(i, source.Ref)...)
	checks = append(checks, p.parameters(i, b, source, parameter)...)
	checks = append(checks, p.circumstances(i, facts, claims != nil || parameter == "workflow")...)
	if p.MaxAge != 0 {
		checks = append(checks, h.age(i, "", p.MaxAge, b.Finished, c.evidence))
	}
	if claims != nil {
		checks = append(checks, certificate(i, &c.builder, b, claims)...)
	}
	checks = append(checks, p.Inputs.check(i, b)...)

	var questions []Question
	if p.BuildInfo {
		questions = append(questions, Question{Rule: RuleBuildInfo, Now: h.now})
	}
	if p.Version != "" && p.Inspector != nil {
		questions = append(questions, Question{Rule: RuleVersion, Version: p.Version, Now: h.now})
	}
	if p.SignedCommit {
		questions = append(questions, Question{Rule: RuleCommitSigned, Now: h.now})
	}
	for _, q := range questions {
		more, err := h.ask(i, "", h.artifact, c.statement, q)
		if err != nil {
			return nil, err
		}
		if q.Rule == RuleVersion { // which counts if the Inspector knows one
			more = slices.DeleteFunc(more, func(c Check) bool { return c.Outcome == Unproven })
		}
		checks = append(checks, more...)
	}
	return checks, nil
}

// version checks that the tag that was built is the version that the policy asks for.
func (p *Policy) version(i int, ref string) []Check {
	var checks []Check
	one := func(item, want string, right bool) {
		c := newCheck(RuleVersion, item, Failed, ref, want, i)
		switch {
		case right:
			c.Outcome = Passed
		case ref == "":
			c.Outcome, c.Got = Unproven, notSaid
		}
		checks = append(checks, c)
	}
	if p.Version != "" {
		one("tag", p.Version, isVersion(ref, p.Version))
	}
	if p.AtLeast != "" {
		one("at least", p.AtLeast, notBefore(ref, p.AtLeast))
	}
	return checks
}

// parameters accounts for every external parameter of b.
func (p *Policy) parameters(i int, b *provenance.Build, source provenance.Source, parameter string) []Check {
	var checks []Check
	values := parametersOf(b, source, parameter)
	for _, at := range slices.Sorted(maps.Keys(values)) {
		got, err := strictjson.Append(nil, values[at])
		if err != nil {
			got = []byte("a value that cannot be written")
		}
		want, known := p.Parameters[at]
		c := newCheck(RuleParameter, at, Failed, string(got), want.String(), i)
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
			checks = append(checks, newCheck(RuleParameter, at, Failed, "no such parameter", p.Parameters[at].String(), i))
		}
	}
	return checks
}

// parametersOf returns the external parameters of b by their JSON Pointers, without
// those that the rules for source have looked at. parameter is the name of the one
// that names source, or "".
func parametersOf(b *provenance.Build, source provenance.Source, parameter string) map[string]any {
	values := make(map[string]any)
	leaves("", b.External, values)
	if parameter != "" {
		// Only what the rules for the source have looked at: a ref that is no
		// string is none for them.
		at := pointer("", parameter)
		for _, looked := range [][2]string{
			{at + "/repository", source.Repository},
			{at + "/ref", source.Ref},
			{at, source.URI()},
			{at, source.Repository}, // a string
			{at + "/uri", source.URI()},
			{at + "/digest/sha1", source.Commit.Hex()},
		} {
			if values[looked[0]] == looked[1] {
				delete(values, looked[0])
			}
		}
	} else if s, ok := b.External["source"].(map[string]any); ok && len(s) == 0 {
		// The parameter of a source that is not known: the rules for the
		// source say so.
		delete(values, "/source")
	} else if _, ok := values["/source/ref"].(string); ok && len(s) == 1 {
		delete(values, "/source/ref") // of a repository that is not known
	}
	return values
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
	return at + "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// circumstances checks what started the build, on what machine it ran and for
// which environment. Where platform is false and nothing is said of them, the
// build is of a platform without such facts: the rules then hold only if the
// policy names what it allows.
func (p *Policy) circumstances(i int, f facts, platform bool) []Check {
	var checks []Check
	one := func(rule Rule, got string, allowed []string, safe ...string) {
		if len(allowed) == 0 {
			if len(safe) == 0 || !platform && !f.said {
				return
			}
			allowed = safe
		}
		c := newCheck(rule, "", Passed, got, strings.Join(allowed, " or "), i)
		switch {
		case got == "":
			c.Outcome, c.Got = Unproven, notSaid
		case !slices.Contains(allowed, got):
			c.Outcome = Failed
		}
		checks = append(checks, c)
	}
	one(RuleTrigger, f.trigger, p.Triggers, "push", "release", "workflow_dispatch")
	one(RuleRunner, f.runner, p.Runners, "github-hosted", "gitlab-hosted")
	one(RuleEnvironment, f.environment, p.Environments)
	return checks
}

// age checks how old something is that ev speaks for. said is when it was made by
// its own words.
func (h *hearing) age(i int, item string, most time.Duration, said time.Time, ev *Evidence) Check {
	const skew = 5 * time.Minute
	c := newCheck(RuleAge, item, Failed, "", "at most "+days(most), i)
	// A certificate was made for the moment, but perhaps for what is older. A key was
	// not: that it signed before some time does not say how long.
	made, by := said, "the statement"
	if item == "" {
		by = "the provenance"
	}
	t, ok := ev.earliest()
	switch {
	case ok && (t.Before(said) || ev.Claims != nil && said.IsZero()):
		made, by = t, "an authority"
	case !ok && ev.Claims != nil:
		made = time.Time{}
	}
	age := h.now.Sub(made)
	c.Got = fmt.Sprintf("%s, of %s by %s", age.Round(time.Second), made.UTC().Format(time.RFC3339), by)
	switch {
	case made.IsZero():
		c.Outcome, c.Got = Unproven, notSaid
	case age < -skew:
		c.Got = fmt.Sprintf("%s by %s, after now, %s", made.UTC().Format(time.RFC3339), by, h.now.UTC().Format(time.RFC3339))
	case age <= most:
		c.Outcome = Passed
	}
	return c
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
