package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// summaryPolicy asks for a summary by key 2 and for nothing of a build.
func summaryPolicy(t testing.TB) *verify.Policy {
	return &verify.Policy{Now: noon, Require: []verify.Requirement{{
		PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)},
		Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2},
	}}}
}

// summaryOf is what summaryPolicy asks for, but for the level.
func summaryOf(t testing.TB, a hallmark.Artifact, level string) *sign.Envelope {
	return state(t, a, &provenance.VSA{
		Verifier: verifier(), TimeVerified: noon().Add(-time.Hour), ResourceURI: "pkg:generic/app",
		Policy: resource(t, "https://policy.test", "policy"), Result: provenance.Passed, VerifiedLevels: []string{level},
	}, 2)
}

// An exception takes the place of no signature: where a summary stands for the
// provenance, it must be there.
func TestSummaryCannotBeExcused(t *testing.T) {
	a, p := newArtifact(t), summaryPolicy(t)
	p.Exceptions = []verify.Exception{exception(t, verify.RuleRequired, provenance.VSAType)}
	if r, err := p.Verify(t.Context(), a); end(r, err) != rejected {
		t.Errorf("no evidence at all: %v, %v, want it rejected", r, err)
	}
}

// A summary that needed an exception gives no level.
func TestLevelOfExcusedSummary(t *testing.T) {
	a, p := newArtifact(t), summaryPolicy(t)
	p.Exceptions = []verify.Exception{exception(t, verify.RuleSummary, "level")}
	r, err := p.Verify(t.Context(), a, summaryOf(t, a, "SLSA_BUILD_LEVEL_1"))
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Level(); n != 0 {
		t.Errorf("level %d, want 0", n)
	}
}

// What was excused once is not what the next release is expected to be like.
func TestExpectAfterException(t *testing.T) {
	c := newTrial(t)
	c.policy.Now = noon
	c.statement.definition().at("internalParameters", "github")["event_name"] = "pull_request_target"
	c.policy.Exceptions = []verify.Exception{exception(t, verify.RuleTrigger, "")}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := verify.Expect(r); err == nil {
		t.Errorf("a policy with the triggers %q, want an error", p.Triggers)
	}
}

// A range of versions goes on to hold.
func TestExpectRange(t *testing.T) {
	c := newTrial(t)
	c.policy.Refs = verify.Refs{Versions: ">=1.2.0 <3.0.0"}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.Expect(r)
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"refs/tags/v1.9.0": rejected, "refs/tags/v2.0.1": accepted, "refs/tags/v3.0.0": rejected} {
		c.statement.setRef(ref)
		if r, err := p.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != want {
			t.Errorf("%s: %v, %v, want it %s", ref, r, err, want)
		}
	}
}

// A chain is a policy with steps, and the evidence for them.
type chain struct {
	*trial
	t testing.TB
}

func newChain(t testing.TB, names ...string) chain {
	c := chain{newTrial(t), t}
	for i, name := range names {
		c.policy.Steps = append(c.policy.Steps, verify.Step{Name: name, PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 3+i)}})
	}
	return c
}

// takes makes the build take in the materials.
func (c chain) takes(materials ...object) chain {
	d := c.statement.definition()
	for _, m := range materials {
		d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), m)
	}
	return c
}

// did adds the evidence of key that a step took one list and made another.
func (c chain) did(key int, name string, materials, products []any) chain {
	st := object{
		"_type": provenance.StatementType, "subject": products, "predicateType": provenance.LinkType,
		"predicate": object{"name": name, "command": []any{"do"}, "materials": materials},
	}
	c.more = append(c.more, seal(c.t, provenance.MediaType, st, key))
	return c
}

// thing is a resource that has its name for content.
func thing(t testing.TB, name string) object {
	return object{"name": name, "digest": object{"sha256": sha256Of(t, name).Hex()}}
}

// material is a thing that a build takes in.
func material(t testing.TB, name string) object {
	m := thing(t, name)
	m["uri"] = "https://files.test/" + name
	return m
}

// A builder that is revoked does not carry out steps either.
func TestRevokedBuilderOfStep(t *testing.T) {
	const id = "https://builder.test/compile"
	c := newChain(t).takes(material(t, "objects"))
	c.policy.Steps = []verify.Step{{Name: "compile", PredicateType: provenance.PredicateType, Builder: id, Identities: []verify.Identity{identity(t, 3)}}}
	st := statement(c.artifact)
	st["subject"] = []any{thing(t, "objects")}
	st.at("predicate", "runDetails", "builder")["id"] = id
	c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 3)}
	if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
		t.Fatal(err)
	}
	c.policy.Revoked = []verify.Revocation{{Builder: id, Reason: "it was taken over"}}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if got := outcomes(reasons(err)); !slices.Equal(got, []string{"revoked compile: failed"}) {
		t.Errorf("%v, %v, want it rejected as the builder is revoked", r, err)
	}
}

// An exception for a step changes nothing where the step was done.
func TestNeedlessStepException(t *testing.T) {
	c := newChain(t, "compile").takes(material(t, "objects")).did(3, "compile", nil, []any{thing(t, "objects")})
	c.policy.Now = noon
	c.policy.Exceptions = []verify.Exception{exception(t, verify.RuleStep, "compile")}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(r.Checks()); len(got) != 0 || len(r.Exceptions()) != 0 || len(r.Statements()) != 2 {
		t.Errorf("%q, %v, %d statements", got, r.Exceptions(), len(r.Statements()))
	}
}

// Digests of unknown algorithms tell performances apart like others.
func TestStepOrder(t *testing.T) {
	a, b := thing(t, "objects"), thing(t, "objects")
	a.at("digest")["fooHash"], b.at("digest")["fooHash"] = "1", "2"
	m := material(t, "objects")
	m.at("digest")["fooHash"] = "1"
	c := newChain(t, "compile").takes(m).did(3, "compile", nil, []any{a}).did(3, "compile", nil, []any{b})
	for range 2 {
		if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
			t.Errorf("%v, want it accepted in any order", err)
		}
		slices.Reverse(c.more)
	}
}

// What cannot be read may be the performance that is missing.
func TestStepUndecided(t *testing.T) {
	c := newChain(t, "compile").takes(material(t, "objects")).did(3, "compile", nil, []any{thing(t, "junk")})
	c.more = append(c.more, seal(t, provenance.MediaType, []byte("{"), 3))
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != undecided {
		t.Errorf("%v, %v, want it undecided", r, err)
	}
}

// Steps take no more time than there is evidence of them.
func TestManyPerformances(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	c := newChain(t, names...).takes(material(t, "h"))
	for i, name := range names {
		before := "nothing"
		if i > 1 {
			before = names[i-1]
		}
		for n := range 12 {
			c.did(3+i, name, []any{thing(t, before), thing(t, fmt.Sprint(n))}, []any{thing(t, name)})
		}
	}
	start := time.Now()
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != rejected {
		t.Errorf("%v, %v, want it rejected", r, err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
}

// The products of a step and the materials of the next can be many.
func TestManyProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const n = 30_000
	var products []any
	for i := range n {
		products = append(products, object{"name": fmt.Sprint("p", i), "digest": object{"sha256": fmt.Sprintf("%064x", i)}})
	}
	c := newChain(t, "compile").did(3, "compile", nil, products)
	for i := range n {
		c.takes(object{"uri": fmt.Sprint("https://files.test/", i), "digest": object{"sha256": fmt.Sprintf("%064x", n+i)}})
	}
	envelopes := c.envelopes(t)
	start := time.Now()
	if r, err := c.policy.Verify(t.Context(), c.artifact, envelopes...); end(r, err) != rejected {
		t.Errorf("%v, %v, want it rejected", r, err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
}

// within fails if f takes longer than a loaded machine needs for it.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	d := time.Since(start)
	t.Logf("%s: %s", what, d)
	if d > 10*time.Second {
		t.Errorf("%s took %s", what, d)
	}
}

// Many inputs of a build that are all wrong.
func TestManyInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	c := newChain(t)
	c.policy.Inputs = verify.Inputs{Origins: []string{"https://deps.test/"}}
	for i := range 60_000 {
		c.takes(object{"uri": fmt.Sprint("https://evil.test/", i)})
	}
	envelopes := c.envelopes(t)
	within(t, "a rejection", func() {
		if r, err := c.policy.Verify(t.Context(), c.artifact, envelopes...); end(r, err) != rejected {
			t.Errorf("%v, want it rejected", err)
		}
	})
}

// Many exceptions for the artifact, and a scan that found as many vulnerabilities.
func TestManyExceptions(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const n = 30_000
	c := newTrial(t)
	c.policy.Now = noon
	c.policy.Require = []verify.Requirement{{PredicateType: provenance.VulnsType, Identities: []verify.Identity{identity(t, 2)}, Scan: &verify.Scan{}}}
	v := &provenance.Vulns{
		Scanner:  provenance.Scanner{URI: "https://scanner.test", DB: provenance.VulnsDB{LastUpdate: noon()}},
		Metadata: provenance.ScanMetadata{Started: noon(), Finished: noon()},
	}
	for i := range n {
		v.Scanner.Vulnerabilities = append(v.Scanner.Vulnerabilities, provenance.Vulnerability{ID: fmt.Sprint("CVE-", i)})
		c.policy.Exceptions = append(c.policy.Exceptions, exception(t, verify.RuleVulnerability, fmt.Sprint("CVE-", i)))
	}
	c.more = []*sign.Envelope{state(t, c.artifact, v, 2)}
	envelopes := c.envelopes(t)
	var r *verify.Result
	within(t, "a verdict", func() {
		var err error
		if r, err = c.policy.Verify(t.Context(), c.artifact, envelopes...); err != nil {
			t.Fatal(err)
		}
	})
	within(t, "its warnings", func() {
		if got := len(r.Warnings()); got != n {
			t.Errorf("%d warnings, want %d", got, n)
		}
	})
}

// Many summaries, each of them good, are all named in the next one.
func TestManySummaries(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const n = 10_000
	a, p := newArtifact(t), summaryPolicy(t)
	p.Require[0].Identities = []verify.Identity{oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: &verify.Claims{Issuer: "x"}}, nil
	})}
	good := string(summaryOf(t, a, "SLSA_BUILD_LEVEL_2").Payload)
	var envelopes []*sign.Envelope
	for i := range n {
		envelopes = append(envelopes, &sign.Envelope{PayloadType: provenance.MediaType, Payload: []byte(good + strings.Repeat(" ", i%1000) + strings.Repeat("\n", i/1000))})
	}
	r, err := p.Verify(t.Context(), a, envelopes...)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "a summary", func() {
		if _, err := r.VSA(verifier(), "pkg:generic/app", resource(t, "https://policy.test", "policy"), noon()); err != nil {
			t.Fatal(err)
		}
	})
}

// Inputs of one name are compared as a set, in time for them.
func TestCompareInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	results := make([]*verify.Result, 2)
	for k := range results {
		c := newChain(t)
		for i := range 20_000 {
			if k == 1 {
				i = 20_000 - 1 - i
			}
			c.takes(object{"uri": "https://deps.test/x", "digest": object{"sha256": fmt.Sprintf("%064x", i)}})
		}
		var err error
		if results[k], err = c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "the comparison", func() {
		if got := results[0].Compare(results[1]); len(got) != 0 {
			t.Errorf("another order of the same inputs gives %d changes", len(got))
		}
	})
}

// Copies of provenance do not make what is missing beside it looked for again.
func TestManyBuilds(t *testing.T) {
	const n = 300
	asked := 0
	watched := oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) {
		asked++
		return nil, verify.ErrNotSigned
	})
	c := newTrial(t)
	c.policy.Require = []verify.Requirement{{PredicateType: provenance.VSAType, Identities: []verify.Identity{watched}, OfSource: true}}
	c.more = slices.Repeat(c.envelopes(t), n)
	_, err := c.policy.Verify(t.Context(), c.artifact, c.more...)
	if len(reasons(err)) != 1 {
		t.Errorf("%d reasons, want 1", len(reasons(err)))
	}
	if asked > 2*n {
		t.Errorf("the identity was asked %d times about %d envelopes", asked, n)
	}
}

// Provenance that cannot be read may be that of a commit for which there is what the
// policy asks.
func TestBuildUndecided(t *testing.T) {
	c := newTrial(t)
	c.policy.Require = []verify.Requirement{{PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)}, OfSource: true}}
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != rejected {
		t.Errorf("%v, %v, want it rejected", r, err)
	}
	c.more = []*sign.Envelope{seal(t, provenance.MediaType, []byte("{"), 1)}
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != undecided {
		t.Errorf("with unreadable provenance: %v, %v, want it undecided", r, err)
	}
}

// URIs that begin as an origin and lead elsewhere.
func TestOriginsLeftByPaths(t *testing.T) {
	for uri, want := range map[string]string{
		"https://deps.test/a/b":          accepted,
		"https://deps.test/a/..b/c":      accepted,
		"https://deps.test/a/../b":       rejected,
		"https://deps.test/a/..%2fb":     rejected,
		"https://deps.test/a/..%2Fb":     rejected,
		"https://deps.test/a/.%2e%2Fb":   rejected,
		`https://deps.test/a/..\b`:       rejected,
		"https://deps.test/a/..%5Cb":     rejected,
		"https://deps.test/a/..?file=b":  rejected,
		"https://deps.test/a/..#b":       rejected,
		"https://deps.test/A/b":          rejected,
		"HTTPS://deps.test/a/b":          rejected,
		"https://deps.test:443/a/b":      rejected,
		"https://x@deps.test/a/b":        rejected,
		"https://deps.test@evil.test/a/": rejected,
		"git+https://deps.test/a/b":      rejected,
		"https://deps.test/%61/b":        rejected,
		" https://deps.test/a/b":         rejected,
		"https://deps.test/a":            rejected,
	} {
		c := newChain(t).takes(object{"uri": uri})
		c.policy.Inputs.Origins = []string{"https://deps.test/a/"}
		if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != want {
			t.Errorf("%s: %v, %v, want it %s", uri, r, err, want)
		}
	}
}

// A certificate of today makes no old scan, summary or build young.
func TestAgeOfWhatIsSignedAnew(t *testing.T) {
	c := newTrial(t)
	c.policy.Now, c.policy.MaxAge = noon, 24*time.Hour
	c.policy.Builders[0].Identity = certified(nil)
	metadata := c.statement.at("predicate", "runDetails", "metadata")
	for finished, want := range map[time.Time]string{noon().Add(-2 * time.Hour): accepted, noon().Add(-48 * time.Hour): rejected} {
		metadata["finishedOn"] = finished
		if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != want {
			t.Errorf("a build finished on %s: %v, %v, want it %s", finished, r, err, want)
		}
	}

	a, p := newArtifact(t), summaryPolicy(t)
	p.Require[0].Identities = []verify.Identity{certified(nil)}
	for most, want := range map[time.Duration]string{2 * time.Hour: accepted, 90 * time.Minute: rejected} {
		p.Require[0].MaxAge = most
		v := &provenance.VSA{
			Verifier: verifier(), TimeVerified: noon().Add(-100 * time.Minute), ResourceURI: "pkg:generic/app",
			Policy: resource(t, "https://policy.test", "policy"), Result: provenance.Passed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_2"},
		}
		if r, err := p.Verify(t.Context(), a, state(t, a, v, 2)); end(r, err) != want {
			t.Errorf("a summary at most %s old: %v, %v, want it %s", most, r, err, want)
		}
	}
}

// The zero time is no time that anybody saw or tells.
func TestZeroTimes(t *testing.T) {
	none := func() time.Time { return time.Time{} }
	c := newTrial(t)
	c.policy.Builders[0].Identity = stamped{identity(t, 1), []time.Time{{}}}
	c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 1), From: noon()}}
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != rejected {
		t.Errorf("revoked, and signed at no time: %v, %v, want it rejected", r, err)
	}

	c = newTrial(t)
	c.policy.Expires, c.policy.Now = noon(), none
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != undecided {
		t.Errorf("a policy that ends, and no time: %v, %v, want it undecided", r, err)
	}

	c = newTrial(t)
	id, err := verify.During(identity(t, 1), time.Time{}, noon(), none)
	if err != nil {
		t.Fatal(err)
	}
	c.policy.Builders[0].Identity = id
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != undecided {
		t.Errorf("a key that ends, and no time: %v, %v, want it undecided", r, err)
	}
}

// A key that is revoked does not sign with a certificate either.
func TestRevokedKeyWithCertificate(t *testing.T) {
	c := newTrial(t)
	both := certified(nil)
	c.policy.Builders[0].Identity = oracle(func(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		ev, err := both.Recognize(ctx, e)
		ev.Keys = []hallmark.Digest{fingerprint(t, 1)}
		return ev, err
	})
	if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
		t.Fatal(err)
	}
	c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 1)}}
	if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != rejected {
		t.Errorf("%v, %v, want it rejected", r, err)
	}
}

// A policy does not ask what it cannot answer.
func TestPolicyThatAsksInVain(t *testing.T) {
	for name, p := range map[string]*verify.Policy{
		"a version, and nothing that has one": func() *verify.Policy { p := summaryPolicy(t); p.Version = "v1.0.0"; return p }(),
		"build level 4":                       func() *verify.Policy { p := summaryPolicy(t); p.Require[0].Summary.Level = 4; return p }(),
		"two steps of one name": func() *verify.Policy {
			p := newChain(t, "a", "b", "a").policy
			return p
		}(),
	} {
		r, err := p.Verify(t.Context(), newArtifact(t))
		if end(r, err) != undecided {
			t.Errorf("%s: %v, %v, want an error", name, r, err)
		}
		t.Log(err)
	}
}

// A vulnerability is rated by all whose ratings count, not by who can be read.
func TestRatingsThatCannotBeCompared(t *testing.T) {
	c := newTrial(t)
	c.policy.Require = []verify.Requirement{{PredicateType: provenance.VulnsType, Identities: []verify.Identity{identity(t, 2)}, Scan: &verify.Scan{Below: "7.0"}}}
	c.more = []*sign.Envelope{state(t, c.artifact, &provenance.Vulns{
		Scanner: provenance.Scanner{
			URI: "https://scanner.test", DB: provenance.VulnsDB{LastUpdate: noon()},
			Vulnerabilities: []provenance.Vulnerability{{ID: "CVE-1", Severity: []provenance.Rating{{Method: "cvss_score", Score: "3.0"}, {Method: "vendor", Score: "CRITICAL"}}}},
		},
		Metadata: provenance.ScanMetadata{Started: noon(), Finished: noon()},
	}, 2)}
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if got := outcomes(reasons(err)); !slices.Equal(got, []string{"vulnerability CVE-1: unproven"}) {
		t.Errorf("%v, want it unproven", err)
	}
}

// Where too few have signed what is good, what speaks against the artifact is said.
func TestReasonsBesideTooFewSigners(t *testing.T) {
	c := newTrial(t)
	c.policy.Require = []verify.Requirement{{PredicateType: provenance.TestResultType, Identities: []verify.Identity{identity(t, 2), identity(t, 3)}, Threshold: 2, Tests: true}}
	for key, result := range map[int]provenance.Result{2: provenance.Passed, 3: provenance.Failed} {
		c.more = append(c.more, state(t, c.artifact, &provenance.TestResult{Result: result, Configuration: []provenance.ResourceDescriptor{resource(t, "https://ci.test", "c")}}, key))
	}
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if got := outcomes(reasons(err)); !slices.Equal(got, []string{"required " + provenance.TestResultType + ": failed", "tests: failed"}) {
		t.Errorf("%v, want the failed tests among the reasons", err)
	}
}

// What a review says of events is by a list of those that are safe.
func TestReviewOfEvents(t *testing.T) {
	for event, want := range map[string]string{
		"push": verify.No, "schedule": verify.No, "pull_request_target": verify.Yes, "merge_request_event": verify.Yes,
		"issues": string(verify.Unproven), "fork": string(verify.Unproven), "discussion_comment": string(verify.Unproven),
	} {
		c := newTrial(t)
		c.policy.Triggers = []string{event}
		c.statement.definition().at("internalParameters", "github")["event_name"] = event
		r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
		if err != nil {
			t.Fatal(err)
		}
		if x := c.policy.Review(t.Context(), c.artifact, r, err)[2]; x.Answer != want || x.Good != (want == verify.No) {
			t.Errorf("%s: %+v, want %s", event, x, want)
		}
	}
}

// A probe that was interrupted has not found the policy to be good.
func TestProbeInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		p := policy(t)
		asked := 0
		p.Builders[0].Identity = oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) {
			if asked++; asked == n {
				cancel()
			}
			return nil, verify.ErrNotSigned
		})
		err := p.Probe(ctx)
		cancel()
		if asked < n {
			return
		}
		if err == nil {
			t.Errorf("interrupted at question %d, and no error", n)
		}
	}
}

// A report names what has no name by a digest that it has.
func TestReportWithoutSHA256(t *testing.T) {
	a := newArtifact(t)
	a = hallmark.Artifact{Digests: []hallmark.Digest{a.Digest("sha512")}}
	if got := verify.NewReport(a, nil, nil).String(); !strings.HasPrefix(got, a.Digests[0].String()+" undecided") {
		t.Errorf("%s", got)
	}
}

// What is no policy yet can be explained.
func TestExplainIncomplete(t *testing.T) {
	p := &verify.Policy{Builders: []verify.Builder{{}}, Require: []verify.Requirement{{Identities: []verify.Identity{nil}}}, Steps: []verify.Step{{}}}
	if len(p.Explain()) == 0 {
		t.Error("nothing")
	}
}

// Of a group of keys no one is enough if two must sign.
func TestExplainGroup(t *testing.T) {
	id, err := verify.Keys(2, newKey(t, 1), newKey(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	p := &verify.Policy{Require: []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{id}}}}
	if text := strings.Join(p.Explain(), "\n"); !strings.Contains(text, id.String()) {
		t.Errorf("%s is not in\n%s", id, text)
	}
}

// Whatever a trusted signer has signed, there is one of the three ends, the same in
// each order, and nothing is accepted that does not name the artifact.
func FuzzVerify(f *testing.F) {
	a := newArtifact(f)
	key := sha256Of(f, "key")
	everything := oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Keys: []hallmark.Digest{key}}, nil
	})
	p := policy(f)
	p.Now, p.Older = noon, true
	p.Builders[0].Identity = everything
	p.Inputs = verify.Inputs{Origins: []string{"git+https://github.com/", "https://deps.test/"}}
	p.Exceptions = []verify.Exception{exception(f, verify.RuleTrigger, ""), exception(f, verify.RuleInput, "")}
	ids := []verify.Identity{everything}
	others := []verify.Requirement{
		{PredicateType: provenance.VSAType, Identities: ids, Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2}},
		{PredicateType: provenance.VulnsType, Identities: ids, Scan: &verify.Scan{Below: "7.0"}},
		{PredicateType: provenance.TestResultType, Identities: ids, Tests: true},
		{PredicateType: provenance.SVRType, Identities: ids, Properties: []string{"A"}},
		{PredicateType: provenance.VSAType, Identities: ids, OfSource: true, Summary: &verify.Summary{
			Verifier: "https://verifier.test", Resource: "git+" + source, Level: 3, Refs: verify.Refs{Branches: []string{"main"}},
		}},
	}
	build := seal(f, provenance.MediaType, statement(a), 1).Payload
	link := seal(f, provenance.MediaType, object{
		"_type": provenance.StatementType, "subject": []any{thing(f, "objects")}, "predicateType": provenance.LinkType,
		"predicate": object{"name": "compile", "command": []any{"do"}, "materials": []any{thing(f, "sources")}},
	}, 1).Payload
	f.Add(build, link)
	f.Add(build, summaryOf(f, a, "SLSA_BUILD_LEVEL_2").Payload)
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{"digest":{"sha256":"`+a.Digests[0].Hex()+`"}}],"predicate":{"builder":{"id":"x"},"buildType":"y"}}`), []byte("{"))
	f.Add(build, []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"`+provenance.VulnsType+`","subject":[{"digest":{"sha256":"`+a.Digests[0].Hex()+`"}}],"predicate":{"scanner":{"uri":"s","result":[{"id":"CVE-1","severity":[{"method":"m","score":"3"}]}]}}}`))
	f.Add(build, []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"`+provenance.SVRType+`","subject":[{"digest":{"sha256":"`+a.Digests[0].Hex()+`"}}],"predicate":{"verifier":{"id":"v"},"properties":["A"]}}`))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		envelopes := []*sign.Envelope{{PayloadType: provenance.MediaType, Payload: x}, {PayloadType: provenance.MediaType, Payload: y}}
		swapped := []*sign.Envelope{envelopes[1], envelopes[0]}
		for i := range len(others) + 2 {
			q := *p
			switch i {
			case 0:
			case 1:
				q.Steps = []verify.Step{{Name: "compile", PredicateType: provenance.LinkType, Identities: ids}}
			default:
				q.Require = others[i-2 : i-1]
			}
			r, err := q.Verify(t.Context(), a, envelopes...)
			again, err2 := q.Verify(t.Context(), a, swapped...)
			if end(r, err) != end(again, err2) {
				t.Fatalf("policy %d: %v, and in another order %v", i, err, err2)
			}
			_ = verify.NewReport(a, r, err).String()
			if err != nil {
				continue
			}
			names := func(d hallmark.Digest) bool {
				return bytes.Contains(slices.Concat(x, y), []byte(d.Hex())) || bytes.Contains(slices.Concat(x, y), []byte(`\u`))
			}
			if !slices.ContainsFunc(a.Digests, names) {
				t.Fatalf("policy %d accepts what does not name the artifact", i)
			}
			_ = r.Compare(again)
			if next, err := verify.Expect(r); err == nil {
				_ = next.Review(t.Context(), a, r, nil)
			}
		}
	})
}
