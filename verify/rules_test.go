package verify_test

import (
	"context"
	"errors"
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

// noon is when the policies of these tests are asked.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// outcomes says what of checks did not pass: "rule item: outcome".
func outcomes(checks []verify.Check) []string {
	all := []string{}
	for _, c := range checks {
		if c.Outcome != verify.Passed {
			all = append(all, strings.TrimSpace(string(c.Rule)+" "+c.Item)+": "+string(c.Outcome))
		}
	}
	return all
}

// stamped is an Identity whose evidence has verified times.
type stamped struct {
	verify.Identity
	times []time.Time
}

func (s stamped) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	ev, err := s.Identity.Recognize(ctx, e)
	if ev != nil {
		ev.Times = s.times
	}
	return ev, err
}

// certified is an Identity whose signers have a certificate.
func certified(change func(*verify.Claims)) verify.Identity {
	return oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		c := &verify.Claims{
			Issuer: "https://token.actions.githubusercontent.com", Subject: builderID, Builder: builderID, Repository: source, Ref: "refs/tags/v2.0.0",
			Commit: commit, Trigger: "push", Runner: "github-hosted", Invocation: source + "/actions/runs/1/attempts/1",
		}
		if change != nil {
			change(c)
		}
		return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: c, Times: []time.Time{noon().Add(-time.Hour)}}, nil
	})
}

// state signs a statement about a with a predicate.
func state(t testing.TB, a hallmark.Artifact, predicate interface {
	Statement(...hallmark.Artifact) (*provenance.Statement, error)
}, keys ...int,
) *sign.Envelope {
	t.Helper()
	st, err := predicate.Statement(a)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return seal(t, provenance.MediaType, payload, keys...)
}

func sha256Of(t testing.TB, s string) hallmark.Digest {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return ds[0]
}

func resource(t testing.TB, uri, content string) provenance.ResourceDescriptor {
	return provenance.ResourceDescriptor{Name: uri, URI: uri, Digest: provenance.NewDigestSet(sha256Of(t, content))}
}

func fingerprint(t testing.TB, n int) hallmark.Digest {
	t.Helper()
	fp, err := sign.Fingerprint(newKey(t, n).Public())
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

func exception(t testing.TB, rule verify.Rule, item string) verify.Exception {
	return verify.Exception{
		Rule: rule, Item: item, Digest: newArtifact(t).Digest("sha256"), Owner: "team-a", Reason: "the migration is not done",
		Control: "reviewed by hand", Expires: noon().Add(24 * time.Hour),
	}
}

// inspector answers by the rule that is asked.
type inspector map[verify.Rule]verify.Finding

func (in inspector) Inspect(_ context.Context, _ hallmark.Artifact, _ *provenance.Statement, q verify.Question) ([]verify.Finding, error) {
	f, ok := in[q.Rule]
	if !ok {
		return nil, errors.New("the disk is gone")
	}
	return []verify.Finding{f}, nil
}

// Each rule that a policy can have, held and broken. A case that wants nothing is
// accepted.
func TestMoreRules(t *testing.T) {
	a := newArtifact(t)
	vsa := func(change func(*provenance.VSA)) *provenance.VSA {
		v := &provenance.VSA{
			Verifier: provenance.Agent{ID: "https://verifier.test"}, TimeVerified: noon().Add(-time.Hour), ResourceURI: "pkg:generic/app",
			Policy: resource(t, "https://policy.test", "policy"), Result: provenance.Passed,
			VerifiedLevels: []string{"SLSA_BUILD_LEVEL_2", "ACME_APPROVED"},
		}
		if change != nil {
			change(v)
		}
		return v
	}
	wantSummary := func(c *trial, s verify.Summary, keys ...int) {
		c.policy.Require = append(c.policy.Require, verify.Requirement{PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, keys...)}, Summary: &s})
	}
	summary := verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2}
	withVSA := func(change func(*provenance.VSA), ask func(*verify.Requirement)) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			c.policy.Now = noon
			wantSummary(c, summary, 2)
			if ask != nil {
				ask(&c.policy.Require[0])
			}
			c.more = append(c.more, state(t, a, vsa(change), 2))
		}
	}
	source := func(change func(*provenance.VSA, *provenance.Revision), ask func(*verify.Requirement)) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			c.policy.Now = noon
			v := vsa(nil)
			v.ResourceURI, v.VerifiedLevels = "git+"+source, []string{"SLSA_SOURCE_LEVEL_3"}
			r := provenance.Revision{Commit: gitCommit(t, commit), Refs: []string{"refs/heads/main"}}
			if change != nil {
				change(v, &r)
			}
			st, err := v.SourceStatement(r)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := st.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			c.more = append(c.more, seal(t, provenance.MediaType, payload, 2))
			q := verify.Requirement{
				PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)}, OfSource: true,
				Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "git+" + source0, Level: 3, Refs: verify.Refs{Branches: []string{"main"}}},
			}
			if ask != nil {
				ask(&q)
			}
			c.policy.Require = append(c.policy.Require, q)
		}
	}
	tests := func(change func(*provenance.TestResult)) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			r := &provenance.TestResult{Result: provenance.Passed, Configuration: []provenance.ResourceDescriptor{resource(t, "https://ci.test", "c")}, Passed: []string{"a"}}
			change(r)
			c.more = append(c.more, state(t, a, r, 2))
			c.policy.Require = []verify.Requirement{{PredicateType: provenance.TestResultType, Identities: []verify.Identity{identity(t, 2)}, Tests: true}}
		}
	}
	scan := func(s verify.Scan, found ...provenance.Vulnerability) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			v := &provenance.Vulns{
				Scanner: provenance.Scanner{
					URI: "https://scanner.test", DB: provenance.VulnsDB{LastUpdate: noon().Add(-time.Hour)},
					Vulnerabilities: append([]provenance.Vulnerability{}, found...),
				},
				Metadata: provenance.ScanMetadata{Started: noon().Add(-time.Hour), Finished: noon().Add(-time.Hour)},
			}
			c.more = append(c.more, state(t, a, v, 2))
			c.policy.Require = []verify.Requirement{{PredicateType: provenance.VulnsType, Identities: []verify.Identity{identity(t, 2)}, Scan: &s}}
		}
	}
	vuln := func(id string, ratings ...provenance.Rating) provenance.Vulnerability {
		return provenance.Vulnerability{ID: id, Severity: ratings}
	}
	inputs := func(in verify.Inputs, extra ...any) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) {
			c.policy.Inputs = in
			d := c.statement.definition()
			d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), extra...)
		}
	}
	dep := func(uri, algorithm, hex string) object {
		return object{"uri": uri, "digest": object{algorithm: hex}}
	}
	h := strings.Repeat("ab", 32)
	pinned := map[string]hallmark.Digest{"https://deps.test/x": sha256Of(t, "x")}
	dirHash, err := hallmark.ParseDigest("dirHash:" + h)
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(r verify.Revocation, times ...time.Time) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			c.policy.Revoked = []verify.Revocation{r}
			c.policy.Builders[0].Identity = stamped{c.policy.Builders[0].Identity, times}
		}
	}
	step := func(name string, keys ...int) verify.Step {
		s := verify.Step{Name: name, PredicateType: provenance.LinkType}
		for _, k := range keys {
			s.Identities = append(s.Identities, identity(t, k))
		}
		return s
	}
	link := func(name, product, material string, keys ...int) *sign.Envelope {
		l := &provenance.Link{Name: name, Command: []string{"do"}}
		if material != "" {
			m := resource(t, material, material)
			m.URI = ""
			l.Materials = []provenance.ResourceDescriptor{m}
		}
		return state(t, hallmark.Artifact{Name: product, Digests: []hallmark.Digest{sha256Of(t, product)}}, l, keys...)
	}
	steps := func(more []*sign.Envelope, ss ...verify.Step) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			c.policy.Steps, c.more = ss, more
			inputs(verify.Inputs{}, dep("objects", "sha256", sha256Of(t, "objects").Hex()))(t, c)
		}
	}
	inspected := func(outcome verify.Outcome, rule verify.Rule, ask func(*verify.Policy)) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			c.policy.Now = noon
			ask(c.policy)
			c.policy.Inspector = inspector{rule: {Outcome: outcome, Got: "x"}}
			require(t, c, 1, 2)
			c.more = append(c.more, attest(t, a, sbomType, 2))
		}
	}
	sbom := func(s verify.SBOM) func(*verify.Policy) {
		return func(p *verify.Policy) {
			p.Require = append(p.Require, verify.Requirement{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 2)}, SBOM: &s})
		}
	}
	excuse := func(e verify.Exception, change func(*testing.T, *trial)) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			change(t, c)
			c.policy.Now = noon
			c.policy.Exceptions = append(c.policy.Exceptions, e)
		}
	}
	tag := func(ref string, ask func(*verify.Policy)) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) {
			c.statement.setRef(ref)
			c.policy.Refs = verify.Refs{Any: true}
			ask(c.policy)
		}
	}
	otherTrigger := func(_ *testing.T, c *trial) {
		c.statement.definition().at("internalParameters", "github")["event_name"] = "pull_request_target"
	}

	for _, test := range []struct {
		name   string
		change func(*testing.T, *trial)
		want   []string // of a rejection, or what is excused in what is accepted
	}{
		// Builders.
		{"builder of any release", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].ID, c.policy.Builders[0].Refs = strings.TrimSuffix(builderID, "@refs/tags/v1.2.3"), verify.Refs{Releases: true}
		}, nil},
		{"builder of a branch", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].ID, c.policy.Builders[0].Refs = strings.TrimSuffix(builderID, "@refs/tags/v1.2.3"), verify.Refs{Branches: []string{"main"}}
		}, []string{"builder: failed"}},
		{"builder of a later release", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].ID, c.policy.Builders[0].Refs = strings.TrimSuffix(builderID, "@refs/tags/v1.2.3"), verify.Refs{Versions: ">=1.2.4"}
		}, []string{"builder: failed"}},
		{"delegated", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].Delegated = true
			c.policy.Builders[0].Identity = certified(func(c *verify.Claims) { c.Builder = "https://github.com/acme/delegator" })
		}, nil},
		{"not delegated", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].Identity = certified(func(c *verify.Claims) { c.Builder = "https://github.com/acme/delegator" })
		}, []string{"certificate builder: failed"}},

		// Subject.
		{"name of the subject", func(_ *testing.T, c *trial) { c.policy.Subject = "app" }, nil},
		{"another name of the subject", func(_ *testing.T, c *trial) { c.policy.Subject = "pkg:npm/app@1.0.0" }, []string{"subject: failed"}},

		// Versions.
		{"version", tag("refs/tags/v2.0.0", func(p *verify.Policy) { p.Version = "v2.0.0" }), nil},
		{"version in a path", tag("refs/tags/tools/v2.0.0", func(p *verify.Policy) { p.Version = "v2.0.0" }), nil},
		{"another version", tag("refs/tags/v1.0.0", func(p *verify.Policy) { p.Version = "v2.0.0" }), []string{"version tag: failed"}},
		{"version of a branch", tag("refs/heads/v2.0.0", func(p *verify.Policy) { p.Version = "v2.0.0" }), []string{"version tag: failed"}},
		{"version that begins so", tag("refs/tags/v2.0.0-rc.1", func(p *verify.Policy) { p.Version = "v2.0.0" }), []string{"version tag: failed"}},
		{"at least", tag("refs/tags/v2.0.0", func(p *verify.Policy) { p.AtLeast = "v2.0.0" }), nil},
		{"older", tag("refs/tags/v1.10.0", func(p *verify.Policy) { p.AtLeast = "v2.0.0" }), []string{"version at least: failed"}},
		{"pre-release of the least", tag("refs/tags/v2.0.0-rc.1", func(p *verify.Policy) { p.AtLeast = "v2.0.0" }), []string{"version at least: failed"}},
		{"version of the artifact", inspected(verify.Passed, verify.RuleVersion, func(p *verify.Policy) { p.Version = "v2.0.0" }), nil},
		{"SBOM without a version, and artifact", inspected(verify.Unproven, verify.RuleVersion, func(p *verify.Policy) { p.Version = "v2.0.0" }), []string{"version " + sbomType + ": unproven"}}, // of the SBOM alone
		{"another version of the artifact", inspected(verify.Failed, verify.RuleVersion, func(p *verify.Policy) { p.Version = "v2.0.0" }), []string{"version: failed", "version " + sbomType + ": failed"}},

		// Inputs.
		{"inputs", inputs(verify.Inputs{Pinned: pinned, Origins: []string{"https://deps.test/"}, Digests: true}, dep("https://deps.test/x", "sha256", sha256Of(t, "x").Hex())), nil},
		{"no inputs", inputs(verify.Inputs{Digests: true}), []string{"input: unproven"}},
		{"another digest", inputs(verify.Inputs{Pinned: pinned}, dep("https://deps.test/x", "sha256", h)), []string{"input pinned https://deps.test/x: failed"}},
		{"twice, once with another digest", inputs(verify.Inputs{Pinned: pinned}, dep("https://deps.test/x", "sha256", sha256Of(t, "x").Hex()), dep("https://deps.test/x", "sha256", h)), []string{"input pinned https://deps.test/x: failed"}},
		{"not there", inputs(verify.Inputs{Pinned: pinned}, dep("https://deps.test/y", "sha256", h)), []string{"input pinned https://deps.test/x: unproven"}},
		{"another origin", inputs(verify.Inputs{Origins: []string{"https://deps.test/"}}, dep("https://deps.test.evil/x", "sha256", h)), []string{"input https://deps.test.evil/x: failed"}},
		{"an origin without a slash", inputs(verify.Inputs{Origins: []string{"https://deps.test/a"}}, dep("https://deps.test/ab", "sha256", h)), []string{"input https://deps.test/ab: failed"}},
		{"dot segments", inputs(verify.Inputs{Origins: []string{"https://deps.test/a/"}}, dep("https://deps.test/a/%2E%2e/b", "sha256", h)), []string{"input https://deps.test/a/%2E%2e/b: failed"}},
		{"a module by its sum", inputs(verify.Inputs{Pinned: map[string]hallmark.Digest{"https://deps.test/x": dirHash}, Digests: true}, dep("https://deps.test/x", "dirHash", h)), nil},
		{"a module by its sum, of the specification's example", inputs(verify.Inputs{Pinned: map[string]hallmark.Digest{"https://deps.test/x": dirHash}, Digests: true}, dep("https://deps.test/x", "dirHash1", h)), nil},
		{"a module with its sum", inputs(verify.Inputs{Digests: true}, dep("pkg:golang/deps.test/x@v1.0.0", "dirHash", h), dep("pkg:golang/deps.test/y@v1.0.0", "dirHash1", h)), nil},
		{"input without a digest", inputs(verify.Inputs{Digests: true}, object{"uri": "https://deps.test/x"}), []string{"input https://deps.test/x: unproven"}},
		{"input with a weak digest", inputs(verify.Inputs{Digests: true}, dep("https://deps.test/x", "sha1", strings.Repeat("a", 40))), []string{"input https://deps.test/x: unproven"}},
		{"input without a URI", inputs(verify.Inputs{Origins: []string{"https://deps.test/"}}, object{"name": "x", "digest": object{"sha256": h}}), []string{"input x: unproven"}},

		// Steps.
		{"steps", steps([]*sign.Envelope{link("fetch", "sources", "", 3), link("compile", "objects", "sources", 4)}, step("fetch", 3), step("compile", 4)), nil},
		{"step of two", steps([]*sign.Envelope{link("compile", "objects", "", 3), link("compile", "objects", "", 4)}, verify.Step{Name: "compile", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 3), identity(t, 4)}, Threshold: 2}), nil},
		{"step of two who differ", steps([]*sign.Envelope{link("compile", "objects", "a", 3), link("compile", "objects", "b", 4)}, verify.Step{Name: "compile", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 3), identity(t, 4)}, Threshold: 2}), []string{"step compile: failed"}},
		{"step by somebody else", steps([]*sign.Envelope{link("compile", "objects", "", 9)}, step("compile", 3)), []string{"step compile: failed"}},
		{"another step", steps([]*sign.Envelope{link("test", "objects", "", 3)}, step("compile", 3)), []string{"step compile: failed"}},
		{"step that made something else", steps([]*sign.Envelope{link("compile", "junk", "", 3)}, step("compile", 3)), []string{"step compile: failed"}},
		{"chain that is broken", steps([]*sign.Envelope{link("fetch", "other", "", 3), link("compile", "objects", "sources", 4)}, step("fetch", 3), step("compile", 4)), []string{"step fetch: failed"}},
		{"chain by its second way", steps([]*sign.Envelope{link("fetch", "sources", "", 3), link("compile", "objects", "junk", 4), link("compile", "objects", "sources", 4)}, step("fetch", 3), step("compile", 4)), nil},
		{"excused step", excuse(exception(t, verify.RuleStep, "compile"), steps([]*sign.Envelope{link("fetch", "other", "", 3)}, step("fetch", 3), step("compile", 4))), []string{"step compile: excused"}},

		// Revocation.
		{"revoked key", revoke(verify.Revocation{Key: fingerprint(t, 1)}), []string{"revoked: failed"}},
		{"another key is revoked", revoke(verify.Revocation{Key: fingerprint(t, 2)}), nil},
		{"signed before the key was revoked", revoke(verify.Revocation{Key: fingerprint(t, 1), From: noon()}, noon().Add(-time.Second)), nil},
		{"signed when the key was revoked", revoke(verify.Revocation{Key: fingerprint(t, 1), From: noon()}, noon()), []string{"revoked: failed"}},
		{"signed at a time nobody knows", revoke(verify.Revocation{Key: fingerprint(t, 1), From: noon()}), []string{"revoked: failed"}},
		{"signed before, and stamped anew", revoke(verify.Revocation{Key: fingerprint(t, 1), From: noon()}, noon().Add(time.Hour), noon().Add(-time.Hour)), nil},
		{"revoked builder", revoke(verify.Revocation{Builder: builderID, Reason: "it was taken over"}), []string{"revoked: failed"}},
		{"builder revoked at all refs", revoke(verify.Revocation{Builder: strings.TrimSuffix(builderID, "@refs/tags/v1.2.3")}), []string{"revoked: failed"}},
		{"builder revoked at another ref", revoke(verify.Revocation{Builder: strings.TrimSuffix(builderID, "3") + "4"}), nil},
		{"builder whose name begins so", revoke(verify.Revocation{Builder: strings.TrimSuffix(builderID, ".3")}), nil},
		{"one of two keys revoked", func(t *testing.T, c *trial) {
			c.policy.Builders[0].Identity, c.keys = identity(t, 1, 2), []int{1, 2}
			c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 1)}}
		}, nil},
		{"one of two keys revoked that both must sign", func(t *testing.T, c *trial) {
			both, err := verify.Keys(2, newKey(t, 1), newKey(t, 2))
			if err != nil {
				t.Fatal(err)
			}
			c.policy.Builders[0].Identity, c.keys = both, []int{1, 2}
			c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 1)}}
		}, []string{"revoked: failed"}},
		{"revoked subject", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].Identity = certified(nil)
			c.policy.Revoked = []verify.Revocation{{Issuer: "https://token.actions.githubusercontent.com", Subject: builderID}}
		}, []string{"revoked: failed"}},
		{"revoked subject of another issuer", func(_ *testing.T, c *trial) {
			c.policy.Builders[0].Identity = certified(nil)
			c.policy.Revoked = []verify.Revocation{{Issuer: "https://issuer.test", Subject: builderID}}
		}, nil},
		{"revoked signer of a requirement", func(t *testing.T, c *trial) {
			require(t, c, 1, 2)
			c.more = []*sign.Envelope{attest(t, a, sbomType, 2)}
			c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 2)}}
		}, []string{"revoked " + sbomType + ": failed"}},

		// Verification summaries.
		{"summary", withVSA(nil, nil), nil},
		{"summary with all that can be asked", withVSA(nil, func(q *verify.Requirement) {
			q.MaxAge = time.Hour
			q.Summary.Policy, q.Summary.Properties = sha256Of(t, "policy"), []string{"ACME_APPROVED"}
		}), nil},
		{"summary of another verifier", withVSA(func(v *provenance.VSA) { v.Verifier.ID = "https://verifier.test/" }, nil), []string{"summary verifier: failed"}},
		{"summary of another resource", withVSA(func(v *provenance.VSA) { v.ResourceURI = "pkg:generic/app2" }, nil), []string{"summary resource: failed"}},
		{"failed summary", withVSA(func(v *provenance.VSA) { v.Result, v.VerifiedLevels = provenance.Failed, []string{"FAILED"} }, nil), []string{"summary result: failed", "summary level: failed"}},
		{"summary of a lower level", withVSA(func(v *provenance.VSA) { v.VerifiedLevels = []string{"SLSA_BUILD_LEVEL_1"} }, nil), []string{"summary level: failed"}},
		{"summary of another track", withVSA(func(v *provenance.VSA) { v.VerifiedLevels = []string{"SLSA_SOURCE_LEVEL_3"} }, nil), []string{"summary level: failed"}},
		{"summary without a property", withVSA(nil, func(q *verify.Requirement) { q.Summary.Properties = []string{"ACME"} }), []string{"summary ACME: failed"}},
		{"summary by another policy", withVSA(nil, func(q *verify.Requirement) { q.Summary.Policy = sha256Of(t, "other") }), []string{"summary policy: failed"}},
		{"stale summary", withVSA(nil, func(q *verify.Requirement) { q.MaxAge = time.Hour - time.Second }), []string{"age " + provenance.VSAType + ": failed"}},
		{"summary without a time", withVSA(func(v *provenance.VSA) { v.TimeVerified = time.Time{} }, func(q *verify.Requirement) { q.MaxAge = time.Hour }), []string{"age " + provenance.VSAType + ": unproven"}},
		{"summary instead of provenance", func(t *testing.T, c *trial) {
			withVSA(nil, nil)(t, c)
			c.none = true
			c.policy = &verify.Policy{Require: c.policy.Require}
		}, nil},
		{"failed summary instead of provenance", func(t *testing.T, c *trial) {
			withVSA(func(v *provenance.VSA) { v.VerifiedLevels = []string{"SLSA_BUILD_LEVEL_1"} }, nil)(t, c)
			c.none = true
			c.policy = &verify.Policy{Require: c.policy.Require}
		}, []string{"summary level: failed"}},
		{"no summary instead of provenance", func(t *testing.T, c *trial) {
			withVSA(nil, nil)(t, c)
			c.more = nil
			c.policy = &verify.Policy{Require: c.policy.Require}
		}, []string{"required " + provenance.VSAType + ": failed"}},

		// The source.
		{"source summary", source(nil, nil), nil},
		{"source summary of another commit", source(func(_ *provenance.VSA, r *provenance.Revision) { r.Commit = gitCommit(t, other) }, nil), []string{"subject source " + provenance.VSAType + ": failed"}},
		{"source summary of another branch", source(func(_ *provenance.VSA, r *provenance.Revision) { r.Refs = []string{"refs/heads/feature"} }, nil), []string{"summary source ref: failed"}},
		{"source summary of no branch", source(func(_ *provenance.VSA, r *provenance.Revision) { r.Refs = nil }, nil), []string{"summary source ref: unproven"}},
		{"source summary of a lower level", source(func(v *provenance.VSA, _ *provenance.Revision) { v.VerifiedLevels = []string{"SLSA_SOURCE_LEVEL_2"} }, nil), []string{"summary source level: failed"}},
		{"source summary for the artifact", source(nil, func(q *verify.Requirement) { q.OfSource, q.Summary.Refs = false, verify.Refs{} }), []string{"subject " + provenance.VSAType + ": failed"}},

		// Tests, scans and properties.
		{"tests", tests(func(*provenance.TestResult) {}), nil},
		{"failed tests", tests(func(r *provenance.TestResult) { r.Result, r.Failed = provenance.Failed, []string{"b"} }), []string{"tests: failed"}},
		{"tests that warned", tests(func(r *provenance.TestResult) { r.Result = provenance.Warned }), []string{"tests: failed"}},
		{"passed, with a failed test", func(t *testing.T, c *trial) {
			tests(func(*provenance.TestResult) {})(t, c)
			st := statement(a)
			st["predicateType"] = provenance.TestResultType
			st["predicate"] = object{"result": "PASSED", "configuration": []any{}, "failedTests": []any{"b"}}
			c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 2)}
		}, []string{"tests: failed"}},
		{"scan", scan(verify.Scan{}), nil},
		{"a vulnerability", scan(verify.Scan{}, vuln("CVE-1")), []string{"vulnerability CVE-1: failed"}},
		{"a small vulnerability", scan(verify.Scan{Below: "7.0", Method: "cvss_score"}, vuln("CVE-1", provenance.Rating{Method: "cvss_score", Score: "6.9"})), nil},
		{"a vulnerability of the limit", scan(verify.Scan{Below: "7.0", Method: "cvss_score"}, vuln("CVE-1", provenance.Rating{Method: "cvss_score", Score: "7"})), []string{"vulnerability CVE-1: failed"}},
		{"small by one method, great by another", scan(verify.Scan{Below: "high"}, vuln("CVE-1", provenance.Rating{Method: "a", Score: "LOW"}, provenance.Rating{Method: "b", Score: "HIGH"})), []string{"vulnerability CVE-1: failed"}},
		{"a word where a score is asked for", scan(verify.Scan{Below: "7.0"}, vuln("CVE-1", provenance.Rating{Method: "a", Score: "low"})), []string{"vulnerability CVE-1: unproven"}},
		{"less than any number", scan(verify.Scan{Below: "7.0"}, vuln("CVE-1", provenance.Rating{Method: "a", Score: "-Inf"})), []string{"vulnerability CVE-1: unproven"}},
		{"no number", scan(verify.Scan{Below: "7.0"}, vuln("CVE-1", provenance.Rating{Method: "a", Score: "NaN"})), []string{"vulnerability CVE-1: unproven"}},
		{"not rated", scan(verify.Scan{Below: "7.0"}, vuln("CVE-1")), []string{"vulnerability CVE-1: unproven"}},
		{"not rated by the method", scan(verify.Scan{Below: "7.0", Method: "cvss_score"}, vuln("CVE-1", provenance.Rating{Method: "other", Score: "1"})), []string{"vulnerability CVE-1: unproven"}},
		{"excused vulnerability", excuse(exception(t, verify.RuleVulnerability, "CVE-1"), scan(verify.Scan{}, vuln("CVE-1"))), []string{"vulnerability CVE-1: excused"}},
		{"excused vulnerability and another", excuse(exception(t, verify.RuleVulnerability, "CVE-1"), scan(verify.Scan{}, vuln("CVE-1"), vuln("CVE-2"))), []string{"vulnerability CVE-2: failed"}},
		{"properties", func(t *testing.T, c *trial) {
			v := &provenance.SVR{Verifier: provenance.Agent{ID: "https://verifier.test"}, TimeCreated: noon(), Properties: []string{"A", "B"}}
			c.more = []*sign.Envelope{state(t, a, v, 2)}
			c.policy.Require = []verify.Requirement{{PredicateType: provenance.SVRType, Identities: []verify.Identity{identity(t, 2)}, Properties: []string{"A", "C"}}}
		}, []string{"property C: failed"}},

		// The inspector.
		{"minimum elements", inspected(verify.Passed, verify.RuleMinimum, sbom(verify.SBOM{Minimum: []string{"ntia"}})), nil},
		{"fewer", inspected(verify.Failed, verify.RuleMinimum, sbom(verify.SBOM{Minimum: []string{"ntia"}})), []string{"minimum-elements ntia: failed"}},
		{"an inspector that excuses", inspected(verify.Excused, verify.RuleMinimum, sbom(verify.SBOM{Minimum: []string{"ntia"}})), []string{"minimum-elements ntia: failed"}},
		{"young dependency", inspected(verify.Failed, verify.RuleDependencyAge, sbom(verify.SBOM{MinAge: time.Hour})), []string{"dependency-age " + sbomType + ": failed"}},
		{"SBOM of something else", inspected(verify.Failed, verify.RuleBuildInfo, sbom(verify.SBOM{BuildInfo: true})), []string{"build-info " + sbomType + ": failed"}},
		{"artifact of something else", inspected(verify.Failed, verify.RuleBuildInfo, func(p *verify.Policy) { p.BuildInfo = true }), []string{"build-info: failed"}},
		{"unsigned commit", inspected(verify.Unproven, verify.RuleCommitSigned, func(p *verify.Policy) { p.SignedCommit = true }), []string{"commit-signature: unproven"}},
		{"nobody to inspect", func(t *testing.T, c *trial) {
			inspected(verify.Passed, verify.RuleBuildInfo, sbom(verify.SBOM{BuildInfo: true}))(t, c)
			c.policy.Inspector, c.policy.BuildInfo = nil, true
		}, []string{"build-info: unproven", "build-info " + sbomType + ": unproven"}},

		// Exceptions.
		{"excused", excuse(exception(t, verify.RuleTrigger, ""), otherTrigger), []string{"trigger: excused"}},
		{"expired to the second", func(t *testing.T, c *trial) {
			e := exception(t, verify.RuleTrigger, "")
			e.Expires = noon()
			excuse(e, otherTrigger)(t, c)
		}, []string{"trigger: failed"}},
		{"a second before it expires", func(t *testing.T, c *trial) {
			e := exception(t, verify.RuleTrigger, "")
			e.Expires = noon().Add(time.Second)
			excuse(e, otherTrigger)(t, c)
		}, []string{"trigger: excused"}},
		{"excused for another artifact", func(t *testing.T, c *trial) {
			e := exception(t, verify.RuleTrigger, "")
			e.Digest = sha256Of(t, "another")
			excuse(e, otherTrigger)(t, c)
		}, []string{"trigger: failed"}},
		{"another rule is excused", excuse(exception(t, verify.RuleRunner, ""), otherTrigger), []string{"trigger: failed"}},
		{"another item is excused", excuse(exception(t, verify.RuleParameter, "/inputs"), func(_ *testing.T, c *trial) { c.statement.external()["inputs"] = object{"a": "b"} }), []string{"parameter /inputs/a: failed"}},
		{"excused absence", excuse(exception(t, verify.RuleRequired, sbomType), func(t *testing.T, c *trial) { require(t, c, 1, 2) }), []string{"required " + sbomType + ": excused"}},
		{"excused requirement that something speaks against", excuse(exception(t, verify.RuleRequired, provenance.TestResultType), tests(func(r *provenance.TestResult) { r.Result = provenance.Failed })), []string{"required " + provenance.TestResultType + ": excused"}},
		{"excused build, and one that needs none", excuse(exception(t, verify.RuleTrigger, ""), func(t *testing.T, c *trial) {
			c.more = []*sign.Envelope{seal(t, c.typ, statement(a), 1)}
			otherTrigger(t, c)
		}), nil},

		// What went before version 1.
		{"statement v0.1", func(_ *testing.T, c *trial) {
			c.policy.Older, c.statement["_type"] = true, "https://in-toto.io/Statement/v0.1"
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			test.change(t, c)
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			wantRecalled(t, c.policy, c.artifact, c.envelopes(t), r, err)
			var no *verify.RejectedError
			switch {
			case err == nil:
				if got := outcomes(r.Checks()); !slices.Equal(got, append([]string{}, test.want...)) {
					t.Errorf("accepted with %q, want %q", got, test.want)
				}
				for _, c := range r.Checks() {
					if c.Outcome != verify.Passed && c.Outcome != verify.Excused {
						t.Errorf("accepted with %s", c)
					}
				}
			case errors.As(err, &no):
				if got := outcomes(no.Reasons); !slices.Equal(got, test.want) || slices.ContainsFunc(no.Reasons, func(c verify.Check) bool { return c.Outcome == verify.Excused }) && len(got) == 1 {
					t.Errorf("%v\nwant %q", err, test.want)
				}
				for _, c := range no.Reasons {
					if c.Hint() == "" {
						t.Errorf("%s: no hint", c)
					}
				}
			default:
				t.Errorf("undecided: %v", err)
			}
		})
	}
}

// Where every input is refused, a review says that this is another reason, names some
// and counts the others.
func TestReviewOfManyReasons(t *testing.T) {
	c := newTrial(t)
	c.policy.Inputs = verify.Inputs{Digests: true}
	d := c.statement.definition()
	for i := range 200 {
		d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), object{"uri": fmt.Sprintf("https://deps.test/%d", i)})
	}
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	var no *verify.RejectedError
	if !errors.As(err, &no) || len(no.Reasons) < 200 {
		t.Fatalf("got %v, want 200 reasons", err)
	}
	got := c.policy.Review(t.Context(), c.artifact, r, err)[0].Evidence
	if want := fmt.Sprintf("%d more checks did not pass.", len(no.Reasons)-5); len(got) != 7 || got[6] != want {
		t.Errorf("%d sentences of evidence, the last %q; want 7 and %q", len(got), got[len(got)-1], want)
	}
}

// source0 is source where a test has another of that name.
const source0 = source

// A policy that asks for what cannot be, or not in a way that can be decided.
func TestIncoherentPolicy(t *testing.T) {
	good := newTrial(t)
	envelopes := good.envelopes(t)
	bad := func(change func(*verify.Exception)) func(*verify.Policy) {
		return func(p *verify.Policy) {
			e := exception(t, verify.RuleTrigger, "")
			change(&e)
			p.Exceptions = []verify.Exception{e}
		}
	}
	asks := func(q verify.Requirement) func(*verify.Policy) {
		return func(p *verify.Policy) {
			if q.PredicateType == "" {
				q.PredicateType = provenance.VSAType
			}
			q.Identities = []verify.Identity{identity(t, 2)}
			p.Require = []verify.Requirement{q}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*verify.Policy)
		want   string
	}{
		{"exception without a rule", bad(func(e *verify.Exception) { e.Rule = "" }), "exception 0: no rule"},
		{"exception without a digest", bad(func(e *verify.Exception) { e.Digest = hallmark.Digest{} }), "no digest"},
		{"exception with a weak digest", bad(func(e *verify.Exception) { e.Digest = gitCommit(t, commit) }), "no digest"},
		{"exception without an owner", bad(func(e *verify.Exception) { e.Owner = "" }), "no owner"},
		{"exception without a reason", bad(func(e *verify.Exception) { e.Reason = "" }), "no reason"},
		{"exception without a control", bad(func(e *verify.Exception) { e.Control = "" }), "no compensating control"},
		{"exception without an end", bad(func(e *verify.Exception) { e.Expires = time.Time{} }), "no expiry"},
		{"exception for too long", bad(func(e *verify.Exception) { e.Expires = noon().Add(verify.MaxException + time.Second) }), "in 91 days, at most 90 days"},
		{"exception of the signature", bad(func(e *verify.Exception) { e.Rule = verify.RuleSignature }), "rule signature cannot be excused"},
		{"exception of the subject", bad(func(e *verify.Exception) { e.Rule = verify.RuleSubject }), "cannot be excused"},
		{"exception of a revocation", bad(func(e *verify.Exception) { e.Rule = verify.RuleRevoked }), "cannot be excused"},
		{"exception of the payload type", bad(func(e *verify.Exception) { e.Rule = verify.RulePayloadType }), "cannot be excused"},
		{"exception of provenance", bad(func(e *verify.Exception) { e.Rule = verify.RuleProvenance }), "cannot be excused"},
		{"exception without a clock", func(p *verify.Policy) {
			p.Exceptions, p.Now = []verify.Exception{exception(t, verify.RuleTrigger, "")}, nil
		}, "no Now"},
		{"end without a clock", func(p *verify.Policy) { p.Expires, p.Now = noon(), nil }, "no Now"},
		{"expired", func(p *verify.Policy) { p.Expires = noon() }, "it expired on 2026-03-02T12:00:00Z"},
		{"revocation of nobody", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Reason: "x"}} }, "revocation 0: want one of"},
		{"revocation of two", func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Builder: "x", Key: fingerprint(t, 1)}}
		}, "want one of"},
		{"revocation without a subject", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Issuer: "x"}} }, "an issuer with a subject"},
		{"trigger without a name", func(p *verify.Policy) { p.Triggers = []string{"push", ""} }, "a trigger without a name"},
		{"runner without a name", func(p *verify.Policy) { p.Runners = []string{""} }, "a runner without a name"},
		{"step without a name", func(p *verify.Policy) {
			p.Steps = []verify.Step{{PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 1)}}}
		}, "step 0: no name"},
		{"step of another type", func(p *verify.Policy) {
			p.Steps = []verify.Step{{Name: "x", PredicateType: "y", Identities: []verify.Identity{identity(t, 1)}}}
		}, `predicate type "y"`},
		{"step with provenance of nobody", func(p *verify.Policy) {
			p.Steps = []verify.Step{{Name: "x", PredicateType: provenance.PredicateType, Identities: []verify.Identity{identity(t, 1)}}}
		}, "want a builder"},
		{"step of nobody", func(p *verify.Policy) {
			p.Steps = []verify.Step{{Name: "x", PredicateType: provenance.LinkType}}
		}, "lacks an identity"},
		{"builder with a ref twice", func(p *verify.Policy) { p.Builders[0].Refs = verify.Refs{Releases: true} }, "has refs, and an id with an @"},
		{"malformed range", func(p *verify.Policy) { p.Refs = verify.Refs{Versions: ">=x"} }, "malformed range"},
		{"malformed range of a builder", func(p *verify.Policy) {
			p.Builders[0].ID, p.Builders[0].Refs = "x", verify.Refs{Versions: "~1"}
		}, "builder 0: malformed range"},
		{"malformed least version", func(p *verify.Policy) { p.AtLeast = "newest" }, "at least: malformed version"},
		{"version below the least", func(p *verify.Policy) { p.Version, p.AtLeast = "v1.0.0", "v2.0.0" }, "version \"v1.0.0\", and at least"},
		{"origin without a scheme", func(p *verify.Policy) { p.Inputs.Origins = []string{"github.com/org/"} }, "is no URI"},
		{"exception of no rule", bad(func(e *verify.Exception) { e.Rule = "tirgger" }), "there is no rule"},
		{"weakly pinned input", func(p *verify.Policy) { p.Inputs.Pinned = map[string]hallmark.Digest{"x": {}} }, `input "x" has no digest`},
		{"summary of an SBOM", asks(verify.Requirement{PredicateType: sbomType, Summary: &verify.Summary{Verifier: "x", Resource: "y", Level: 1}}), "asks for a summary, which"},
		{"summary of nobody", asks(verify.Requirement{Summary: &verify.Summary{Resource: "y", Level: 1}}), "names no verifier"},
		{"summary of nothing", asks(verify.Requirement{Summary: &verify.Summary{Resource: "y", Verifier: "x"}}), "no level"},
		{"refs of an artifact", asks(verify.Requirement{Summary: &verify.Summary{Resource: "y", Verifier: "x", Level: 1, Refs: verify.Refs{Any: true}}}), "only the summary of a commit"},
		{"tests of a summary", asks(verify.Requirement{Tests: true}), "passed tests, which"},
		{"scan of a summary", asks(verify.Requirement{Scan: &verify.Scan{}}), "a scan, which"},
		{"properties of a summary", asks(verify.Requirement{Properties: []string{"A"}}), "properties, which"},
		{"no properties", asks(verify.Requirement{PredicateType: provenance.SVRType, Properties: []string{}}), "no property"},
		{"SBOM of a summary", asks(verify.Requirement{SBOM: &verify.SBOM{}}), "an SBOM, which"},
		{"severity that is none", asks(verify.Requirement{PredicateType: provenance.VulnsType, Scan: &verify.Scan{Below: "bad"}}), `severities below "bad"`},
		{"severity that is no number", asks(verify.Requirement{PredicateType: provenance.VulnsType, Scan: &verify.Scan{Below: "NaN"}}), `severities below "NaN"`},
		{"negative age", asks(verify.Requirement{MaxAge: -1}), "negative age"},
		{"summary and a source", func(p *verify.Policy) {
			asks(verify.Requirement{Summary: &verify.Summary{Resource: "y", Verifier: "x", Level: 1}})(p)
			p.Builders = nil
		}, "a source, and no builders"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := policy(t)
			p.Now = noon
			test.change(p)
			r, err := p.Verify(t.Context(), good.artifact, envelopes...)
			if end(r, err) != undecided || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "verify: policy: ") {
				t.Errorf("%v, %v, want an error with %q", r, err, test.want)
			}
			if err := p.Probe(t.Context()); err == nil && test.name != "expired" {
				t.Error("the probe finds nothing")
			}
		})
	}
}

// An inspector that cannot tell leaves it open, for the build as for an SBOM.
func TestInspectorFails(t *testing.T) {
	for _, test := range []func(*testing.T, *trial){
		func(_ *testing.T, c *trial) { c.policy.BuildInfo = true },
		func(t *testing.T, c *trial) {
			c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 2)}, SBOM: &verify.SBOM{BuildInfo: true}}}
			c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 2)}
		},
	} {
		c := newTrial(t)
		test(t, c)
		c.policy.Inspector = inspector{}
		r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
		if end(r, err) != undecided || !strings.Contains(err.Error(), "evidence") || !strings.Contains(err.Error(), "build-info: the disk is gone") {
			t.Errorf("%v, %v", r, err)
		}
	}
}

func TestDuring(t *testing.T) {
	day := 24 * time.Hour
	from, until := noon(), noon().Add(day)
	for _, test := range []struct {
		name        string
		times       []time.Time
		now         time.Time
		from, until time.Time
		why         string
	}{
		{"within", []time.Time{noon()}, noon().Add(9 * day), from, until, ""},
		{"before", []time.Time{noon().Add(-1)}, noon(), from, until, "which is before"},
		{"at the end", []time.Time{until}, noon(), from, until, "which is not before"},
		{"just before the end", []time.Time{until.Add(-1)}, noon(), from, until, ""},
		{"stamped again later", []time.Time{noon().Add(5 * day), noon()}, noon(), from, until, ""},
		{"nobody saw it, and the key is good", nil, noon(), from, until, ""},
		{"nobody saw it, and the key has run out", nil, until, from, until, "nobody saw when it was made"},
		{"without an end", nil, noon().Add(9 * day), from, time.Time{}, ""},
		{"without a begin", []time.Time{noon().Add(-9 * day)}, noon(), time.Time{}, until, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, err := verify.During(stamped{identity(t, 1), test.times}, test.from, test.until, func() time.Time { return test.now })
			if err != nil {
				t.Fatal(err)
			}
			c := newTrial(t)
			_, err = id.Recognize(t.Context(), c.envelopes(t)[0])
			if (err == nil) != (test.why == "") || err != nil && (!errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.why)) {
				t.Errorf("%v, want %q", err, test.why)
			}
			if ev, err := id.Recognize(t.Context(), seal(t, c.typ, c.statement, 9)); ev != nil || !errors.Is(err, verify.ErrNotSigned) {
				t.Errorf("a stranger: %v, %v", ev, err)
			}
		})
	}
	if id := must(verify.During(identity(t, 1), from, until, noon)); id.String() != keyText(t, 1)+" from 2026-03-02T12:00:00Z until 2026-03-03T12:00:00Z" {
		t.Error(id)
	}
	for _, bad := range []func() (verify.Identity, error){
		func() (verify.Identity, error) { return verify.During(nil, from, until, noon) },
		func() (verify.Identity, error) { return verify.During(identity(t, 1), from, until, nil) },
		func() (verify.Identity, error) { return verify.During(identity(t, 1), until, from, noon) },
	} {
		if id, err := bad(); id != nil || err == nil {
			t.Errorf("%v, %v", id, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return v
}
