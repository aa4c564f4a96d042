package verify_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Attacks that other verifiers have fallen for, as far as they apply to
// provenance that is signed with keys, by the row of the catalogue of such
// attacks that the project keeps. Each case changes the accepted one. rule is
// what rejects it; it is empty for what cannot be decided.
func TestMustReject(t *testing.T) {
	otherBuilder := func(id string) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) { c.statement.at("predicate", "runDetails", "builder")["id"] = id }
	}
	otherRef := func(ref string) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) { c.statement.setRef(ref) }
	}
	otherSource := func(url string) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) {
			c.statement.external().at("workflow")["repository"] = url
			c.statement.definition().at("resolvedDependencies")["uri"] = "git+" + url + "@refs/tags/v2.0.0"
		}
	}
	circumstance := func(name, value string) func(*testing.T, *trial) {
		return func(_ *testing.T, c *trial) {
			c.statement.definition().at("internalParameters", "github")[name] = value
		}
	}
	payload := func(change func(good string) string) func(*testing.T, *trial) {
		return func(t *testing.T, c *trial) {
			good, err := json.Marshal(c.statement)
			if err != nil {
				t.Fatal(err)
			}
			c.raw = []byte(change(string(good)))
		}
	}
	const path = "https://github.com/acme/builder/.github/workflows/build.yml"

	for _, test := range []struct {
		row    string
		name   string
		change func(*testing.T, *trial)
		rule   verify.Rule
	}{
		{"R01", "no attestation", func(_ *testing.T, c *trial) { c.none = true }, verify.RuleSignature},
		{"R01", "no attestation for a requirement", func(t *testing.T, c *trial) { require(t, c, 1, 2) }, verify.RuleRequired},
		{"R02", "an attestation of another type", func(_ *testing.T, c *trial) { c.statement["predicateType"] = sbomType }, verify.RuleProvenance},
		{"R02", "provenance of version 0.2 that would be right in version 1", older("0.2"), verify.RuleProvenance},
		{"R02", "provenance of version 0.1 that would be right in version 1", older("0.1"), verify.RuleProvenance},
		{"R02", "predicate type that begins right", func(_ *testing.T, c *trial) { c.statement["predicateType"] = provenance.PredicateType + "/" }, verify.RuleProvenance},
		{"R03", "truncated payload", payload(func(s string) string { return s[:len(s)/2] }), ""},
		{"R03", "payload that is no JSON", payload(func(string) string { return "provenance" }), ""},
		{"R03", "payload in an array", payload(func(s string) string { return "[" + s + "]" }), ""},
		{"R12", "second subject list for another reader", payload(func(s string) string {
			return strings.Replace(s, `"subject":`, `"subject":[{"digest":{"sha256":"00"}}],"subject":`, 1)
		}), ""},
		{"R12", "payload exchanged after signing", func(t *testing.T, c *trial) {
			e := seal(t, c.typ, statement(anotherArtifact(t)), 1)
			e.Payload, c.none = seal(t, c.typ, c.statement, 2).Payload, true
			c.more = []*sign.Envelope{e}
		}, verify.RuleSignature},
		{"R14", "threshold below zero", func(t *testing.T, c *trial) { require(t, c, -1, 2) }, ""},
		{"R15", "one key signs twice", func(t *testing.T, c *trial) {
			require(t, c, 2, 2, 3)
			c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 2), attest(t, c.artifact, sbomType, 2)}
		}, verify.RuleRequired},
		{"R15", "one key with two ids", func(t *testing.T, c *trial) {
			k, err := verify.Key(renamed{newKey(t, 2), "another"})
			if err != nil {
				t.Fatal(err)
			}
			c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Threshold: 2, Identities: []verify.Identity{identity(t, 2), k}}}
			c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 2)}
		}, verify.RuleRequired},
		{"R17", "evidence of another artifact", func(t *testing.T, c *trial) { c.artifact = anotherArtifact(t) }, verify.RuleSubject},
		{"R31", "builder twice", payload(func(s string) string {
			return strings.Replace(s, `"builder":{`, `"builder":{"id":"x"},"builder":{`, 1)
		}), ""},
		{"R32", "subject in upper case", payload(func(s string) string { return strings.Replace(s, `"subject"`, `"SUBJECT"`, 1) }), ""},
		{"R33", "predicate_type", payload(func(s string) string { return strings.Replace(s, `"predicateType"`, `"predicate_type"`, 1) }), ""},
		{"R34", "byte order mark", payload(func(s string) string { return "\ufeff" + s }), ""},
		{"R34", "data behind the end", payload(func(s string) string { return s + s }), ""},
		{"R34", "half a surrogate pair", payload(func(s string) string { return strings.Replace(s, `"app"`, `"\ud800"`, 1) }), ""},
		{"R36", "another payload type", func(_ *testing.T, c *trial) { c.typ = "application/json" }, verify.RulePayloadType},
		{"R39", "weak digests only", func(_ *testing.T, c *trial) {
			c.statement.subject()["digest"] = object{"md5": strings.Repeat("0", 32), "sha1": strings.Repeat("0", 40)}
		}, verify.RuleSubject},
		{"R40", "digests that disagree", func(_ *testing.T, c *trial) {
			c.statement.subject().at("digest")["sha512"] = strings.Repeat("0", 128)
		}, verify.RuleSubject},
		{"R44", "another organisation", otherBuilder(strings.Replace(builderID, "acme", "evil", 1)), verify.RuleBuilder},
		{"R44", "organisation that begins right", otherBuilder(strings.Replace(builderID, "acme", "acme-evil", 1)), verify.RuleBuilder},
		{"R44", "repository that begins right", otherBuilder(strings.Replace(builderID, "builder/", "builder-evil/", 1)), verify.RuleBuilder},
		{"R44", "something in front", otherBuilder("https://evil.example/" + builderID), verify.RuleBuilder},
		{"R44", "something behind", otherBuilder(builderID + "x"), verify.RuleBuilder},
		{"R44", "another character for the dot", otherBuilder(strings.Replace(builderID, "build.yml", "build-yml", 1)), verify.RuleBuilder},
		{"R44", "upper case", otherBuilder(strings.Replace(builderID, "acme", "Acme", 1)), verify.RuleBuilder},
		{"R44", "dot segments", otherBuilder(strings.Replace(builderID, "workflows/", "workflows/../workflows/", 1)), verify.RuleBuilder},
		{"R44", "Cyrillic a", otherBuilder(strings.Replace(builderID, "acme", "\u0430cme", 1)), verify.RuleBuilder},
		{"R44", "two at signs", otherBuilder(path + "@x@refs/tags/v1.2.3"), verify.RuleBuilder},
		{"R45", "builder's branch", otherBuilder(path + "@refs/heads/v1.2.3"), verify.RuleBuilder},
		{"R45", "builder's pull request", otherBuilder(path + "@refs/pull/1/head"), verify.RuleBuilder},
		{"R45", "builder's commit", otherBuilder(path + "@" + commit), verify.RuleBuilder},
		{"R45", "builder's moving tag", otherBuilder(path + "@refs/tags/v1"), verify.RuleBuilder},
		{"R45", "builder's pre-release", otherBuilder(path + "@refs/tags/v1.2.3-rc.1"), verify.RuleBuilder},
		{"R45", "builder without a ref", otherBuilder(path), verify.RuleBuilder},
		{"R46", "the caller instead of the builder", otherBuilder(source + "/.github/workflows/release.yml@refs/tags/v2.0.0"), verify.RuleBuilder},
		{"R47", "self-hosted runner", circumstance("runner_environment", "self-hosted"), verify.RuleRunner},
		{"R47", "runner in another case", circumstance("runner_environment", "GitHub-Hosted"), verify.RuleRunner},
		{"R48", "pull_request", circumstance("event_name", "pull_request"), verify.RuleTrigger},
		{"R48", "pull_request_target", circumstance("event_name", "pull_request_target"), verify.RuleTrigger},
		{"R48", "workflow_run", circumstance("event_name", "workflow_run"), verify.RuleTrigger},
		{"R48", "issue_comment", circumstance("event_name", "issue_comment"), verify.RuleTrigger},
		{"R48", "no event", func(_ *testing.T, c *trial) { delete(c.statement.definition(), "internalParameters") }, verify.RuleTrigger},
		{"R49", "fork", otherSource("https://github.com/evil/app"), verify.RuleSource},
		{"R49", "source in another case", otherSource("https://github.com/Acme/App"), verify.RuleSource},
		{"R49", "source that begins right", otherSource("https://github.com/acme/app-evil"), verify.RuleSource},
		{"R49", "source with .git", otherSource(source + ".git"), verify.RuleSource},
		{"R49", "two parameters that name a source", func(_ *testing.T, c *trial) {
			c.statement.external()["source"] = object{"repository": "https://github.com/evil/app"}
		}, verify.RuleSource},
		{"R50", "branch instead of a tag", otherRef("refs/heads/main"), verify.RuleRef},
		{"R50", "branch called as the tag", otherRef("refs/heads/v2.0.0"), verify.RuleRef},
		{"R50", "ref in another case", otherRef("refs/Tags/v2.0.0"), verify.RuleRef},
		{"R50", "older tag", func(_ *testing.T, c *trial) {
			c.policy.Refs = verify.Refs{Tags: []string{"v2.0.0"}}
			c.statement.setRef("refs/tags/v1.0.0")
		}, verify.RuleRef},
		{"R51", "no builder", func(_ *testing.T, c *trial) { delete(c.statement.at("predicate", "runDetails"), "builder") }, verify.RuleBuilder},
		{"R51", "builder that is a number", payload(func(s string) string { return strings.Replace(s, `"id":"`+builderID+`"`, `"id":1`, 1) }), ""},
		{"R52", "unknown external parameter", func(_ *testing.T, c *trial) { c.statement.external()["inputs"] = object{"debug": true} }, verify.RuleParameter},
		{"R52", "unknown parameter that is false", func(_ *testing.T, c *trial) { c.statement.external()["debug"] = false }, verify.RuleParameter},
		{"R53", "build type not named", func(_ *testing.T, c *trial) { c.statement.definition()["buildType"] = buildType + "/" }, verify.RuleBuildType},
		{"R54", "unknown statement type", func(_ *testing.T, c *trial) { c.statement["_type"] = "https://in-toto.io/Statement/v0.1" }, ""},
		{"R54", "statement type under another name", func(_ *testing.T, c *trial) {
			c.statement["type"] = c.statement["_type"]
			delete(c.statement, "_type")
		}, ""},
		{"R54", "no statement type", func(_ *testing.T, c *trial) { delete(c.statement, "_type") }, ""},
		{"R54", "no predicate type", func(_ *testing.T, c *trial) { delete(c.statement, "predicateType") }, ""},
		{"R62", "requirement's attestation deleted", func(t *testing.T, c *trial) {
			require(t, c, 1, 2)
			c.more = []*sign.Envelope{attest(t, c.artifact, "https://spdx.dev/Document", 2)}
		}, verify.RuleRequired},
	} {
		t.Run(test.row+" "+test.name, func(t *testing.T) {
			c := newTrial(t)
			before, err := json.Marshal(c.statement)
			if err != nil {
				t.Fatal(err)
			}
			test.change(t, c)
			if string(c.raw) == string(before) {
				t.Fatal("the case changes nothing")
			}
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if test.rule == "" {
				if end(r, err) != undecided {
					t.Errorf("%v, %v, want it undecided", r, err)
				}
				return
			}
			if !slices.ContainsFunc(reasons(err), func(c verify.Check) bool { return c.Rule == test.rule && c.Outcome != verify.Passed }) {
				t.Errorf("%v, %v, want it rejected by rule %s", r, err, test.rule)
			}
		})
	}

	// R27: of good and bad signatures, in every order, the good ones count.
	two, err := verify.Keys(2, newKey(t, 1), newKey(t, 2), newKey(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for bad, want := range map[int]string{1: accepted, 2: rejected} {
			c := newTrial(t)
			c.policy.Builders[0].Identity = two
			c.keys = []int{1, 2, 3}
			e := c.envelopes(t)[0]
			for _, i := range order[:bad] {
				e.Signatures[i].Sig[0] ^= 1
			}
			e.Signatures = []sign.Signature{e.Signatures[order[2]], e.Signatures[order[0]], e.Signatures[order[1]]}
			if r, err := c.policy.Verify(t.Context(), c.artifact, e); end(r, err) != want {
				t.Errorf("R27: %d bad signatures, order %v: %v, %v, want %s", bad, order, r, err, want)
			}
		}
	}
}

// older turns the statement into provenance of an older version, from which
// [provenance.ParseBuild] reads what it reads from the accepted one.
func older(version string) func(*testing.T, *trial) {
	return func(t *testing.T, c *trial) {
		parameters, environment := c.statement.external(), c.statement.definition().at("internalParameters")
		id := c.statement.at("predicate", "runDetails", "builder")["id"]
		materials := c.statement.definition()["resolvedDependencies"]
		c.statement["predicateType"] = "https://slsa.dev/provenance/v" + version
		predicate := object{"builder": object{"id": id}, "materials": materials}
		if version == "0.1" {
			predicate["recipe"] = object{"type": buildType, "arguments": parameters, "environment": environment}
		} else {
			predicate["buildType"] = buildType
			predicate["invocation"] = object{"parameters": parameters, "environment": environment}
		}
		c.statement["predicate"] = predicate

		payload, err := json.Marshal(c.statement)
		if err != nil {
			t.Fatal(err)
		}
		s, err := provenance.Parse(payload)
		if err != nil {
			t.Fatal(err)
		}
		b, err := provenance.ParseBuild(s)
		if err != nil {
			t.Fatal(err)
		}
		if s, parameter := b.Source(); b.Builder != builderID || b.Type != buildType || parameter != "workflow" || s.Commit.Hex() != commit {
			t.Fatalf("not the same build: %+v", b)
		}
	}
}
