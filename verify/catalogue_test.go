package verify_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// held says how p ends, and by which rules it rejects.
func held(t testing.TB, p *verify.Policy, a hallmark.Artifact, envelopes ...*sign.Envelope) (string, []verify.Rule) {
	t.Helper()
	r, err := p.Verify(t.Context(), a, envelopes...)
	var rules []verify.Rule
	for _, c := range reasons(err) {
		rules = append(rules, c.Rule)
	}
	return end(r, err), rules
}

// R23: a package of another name or version is another package, though the same party
// has built and published it: in the provenance and in what the registry says of it.
func TestPackageNames(t *testing.T) {
	const name = "pkg:npm/%40acme/app@1.2.0"
	const published = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"
	for _, other := range []string{
		"", "app", "pkg:npm/%40acme/app", "pkg:npm/%40acme/app@1.2.1", "pkg:npm/%40acme/app@1.2.0-rc.1", "pkg:npm/%40acme/app@1.2.00",
		"pkg:npm/@acme/app@1.2.0", "pkg:npm/%40Acme/app@1.2.0", "pkg:npm/acme/app@1.2.0", "pkg:npm/%40evil/app@1.2.0", "pkg:npm/%40acme/app@1.2.0?x=y", " " + name, name + "\x00",
	} {
		for _, where := range []string{"the provenance", "the registry"} {
			c := newTrial(t)
			c.policy.Subject = name
			c.policy.Require = []verify.Requirement{{PredicateType: published, Subject: name, Identities: []verify.Identity{identity(t, 2)}}}
			said := statement(c.artifact)
			said["predicateType"], said["predicate"] = published, object{"name": "@acme/app", "version": "1.2.0", "registry": "https://packages.test"}
			c.statement.subject()["name"], said.subject()["name"] = name, name
			c.more = []*sign.Envelope{seal(t, c.typ, said, 2)}
			if v, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); v != accepted {
				t.Fatal(v, rules)
			}
			if where == "the registry" {
				said.subject()["name"] = other
			} else {
				c.statement.subject()["name"] = other
			}
			// A subject of the right name beside it has another digest.
			right := object{"name": name, "digest": object{"sha256": strings.Repeat("0", 64)}}
			said["subject"] = append(said["subject"].([]any), right)
			c.statement["subject"] = append(c.statement["subject"].([]any), right)
			c.more = []*sign.Envelope{seal(t, c.typ, said, 2)}
			if v, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); v != rejected || !slices.Contains(rules, verify.RuleSubject) {
				t.Errorf("%q in %s: %s by %v", other, where, v, rules)
			}
		}
	}
}

// R26: there is one matcher of patterns, and what it does with a condition and with its
// negation never agrees. Ranges of versions are held against numbers that are compared
// here; the pattern of an origin against what it means.
func TestPatterns(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	rng := rand.New(rand.NewPCG(26, 26))
	number := func() [3]int { return [3]int{rng.IntN(3), rng.IntN(3), rng.IntN(12)} }
	text := func(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
	holds := func(operator string, n int) bool {
		switch operator {
		case "=":
			return n == 0
		case "!=":
			return n != 0
		case "<":
			return n < 0
		case "<=":
			return n <= 0
		case ">":
			return n > 0
		}
		return n >= 0
	}
	negation := map[string]string{"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
	operators := []string{"=", "!=", "<", "<=", ">", ">="}
	allowed := 0
	for range 20_000 {
		v := number()
		var words []string
		want := true
		for range 1 + rng.IntN(3) {
			op, w := operators[rng.IntN(len(operators))], number()
			words = append(words, op+text(w))
			want = want && holds(op, slices.Compare(v[:], w[:]))

			one, not := verify.Refs{Versions: op + text(w)}, verify.Refs{Versions: negation[op] + text(w)}
			if ref := "refs/tags/v" + text(v); one.Allow(ref) == not.Allow(ref) {
				t.Fatalf("%s: %s and %s agree", ref, one, not)
			}
			for _, ref := range []string{text(v), "v" + text(v), "refs/heads/v" + text(v), "refs/tags/" + text(v), "refs/tags/v" + text(v) + "-rc.1", "refs/tags/v" + text(v) + "+x", "refs/tags/x/v" + text(v), "refs/tags/v0" + text(v), "refs/pull/1/v" + text(v), ""} {
				if one.Allow(ref) {
					t.Fatalf("%s allows %s", one, ref)
				}
			}
		}
		rng.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		r := verify.Refs{Versions: strings.Join(words, " ")}
		if got := r.Allow("refs/tags/v" + text(v)); got != want {
			t.Fatalf("%s: v%s: %v, want %v", r, text(v), got, want)
		}
		if want {
			allowed++
		}
		// A range that begins so is the two conditions that it stands for.
		w := number()
		short := verify.Refs{Versions: fmt.Sprintf("v%d.%d", w[0], w[1])}
		long := verify.Refs{Versions: fmt.Sprintf(">=%d.%d.0 <%d.%d.0", w[0], w[1], w[0], w[1]+1)}
		if ref := "refs/tags/v" + text(v); short.Allow(ref) != long.Allow(ref) {
			t.Fatalf("%s: %s and %s do not agree", ref, short, long)
		}
	}
	if allowed < 1000 {
		t.Errorf("%d versions were allowed: the test shows little", allowed)
	}
	// What would negate, if there were such a pattern, allows nothing.
	for _, bad := range []string{"!v1", "!>=1.0.0", "^1.0.0", "~1.0.0", "*", "1.*", "1.x", ">=1.0.0 || <2.0.0", ">=1.0.0,<2.0.0", ">= 1.0.0", "not v1", "-1.0.0"} {
		if r := (verify.Refs{Versions: bad}); r.Check() == nil || r.Allow("refs/tags/v1.0.0") {
			t.Errorf("%q is a range", bad)
		}
	}

	for _, test := range []struct {
		origin, uri string
		want        bool
	}{
		{"https://deps.test/a/", "https://deps.test/a/b", true},
		{"https://deps.test/a/", "https://deps.test/a", false},
		{"https://deps.test/a", "https://deps.test/a", true},
		{"https://deps.test/a", "https://deps.test/a/b", false},
		{"https://deps.test/", "https://deps.test.evil/", false},
		{"https://deps.test/", "HTTPS://deps.test/a", false},
		{"https://deps.test/a/", "https://deps.test/a/../b", false},
		{"https://deps.test/a/", "https://deps.test/a/%2e%2E/b", false},
		{"https://deps.test/a/", `https://deps.test/a/..\b`, false},
		{"https://deps.test/a/", "https://deps.test/a/..%2fb", false},
		{"https://deps.test/*/", "https://deps.test/a/b", false},
		{"!https://deps.test/a/", "https://deps.test/b/c", false},
		{"", "https://deps.test/", false},
	} {
		c := newTrial(t)
		d := c.statement.definition()
		d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), object{"uri": test.uri, "digest": object{"sha256": strings.Repeat("a", 64)}})
		c.policy.Inputs.Origins = []string{test.origin}
		if v, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); (v == accepted) != test.want {
			t.Errorf("%q of the origin %q: %s by %v", test.uri, test.origin, v, rules)
		}
	}
}

// R49: whoever registers the name of a repository or of an owner that somebody gave up
// has another id, and nothing but the id tells it, in a certificate as in what GitHub
// says in the predicate. Where nothing says the id, it is unproven.
func TestRecycledNames(t *testing.T) {
	for _, test := range []struct {
		name              string
		repository, owner any
		want              string
	}{
		{"as it was", "42", "7", accepted},
		{"the repository made anew", "43", "7", rejected},
		{"the owner made anew", "42", "8", rejected},
		{"both", "43", "8", rejected},
		{"an id that begins so", "420", "7", rejected},
		{"an id with a sign", "+42", "7", rejected},
		{"an id with a zero", "042", "7", rejected},
		{"an id with a space", "42 ", "7", rejected},
		{"an id that is a number", json.Number("42"), "7", accepted},
		{"another id that is a number", json.Number("42.0"), "7", rejected},
		{"no ids", nil, nil, rejected},
		{"no id of the owner", "42", nil, rejected},
	} {
		for _, certificate := range []bool{false, true} {
			c := newTrial(t)
			c.policy.SourceID, c.policy.OwnerID = "42", "7"
			if certificate {
				repository, owner := "", "" // a certificate has text only
				if test.repository != nil {
					repository = fmt.Sprint(test.repository)
				}
				if test.owner != nil {
					owner = fmt.Sprint(test.owner)
				}
				c.policy.Builders[0].Identity = certified(func(c *verify.Claims) { c.RepositoryID, c.OwnerID = repository, owner })
			} else {
				github := c.statement.definition().at("internalParameters", "github")
				github["repository_id"], github["repository_owner_id"] = test.repository, test.owner
				for name, v := range github {
					if v == nil {
						delete(github, name)
					}
				}
			}
			if v, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); v != test.want || v == rejected && !slices.Contains(rules, verify.RuleSource) {
				t.Errorf("%s, certificate %v: %s by %v, want %s", test.name, certificate, v, rules, test.want)
			}
		}
	}

	// The certificate tells one, and the predicate lies.
	c := newTrial(t)
	c.policy.SourceID = "42"
	c.policy.Builders[0].Identity = certified(func(c *verify.Claims) { c.RepositoryID = "43" })
	c.statement.definition().at("internalParameters", "github")["repository_id"] = "42"
	if v, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); v != rejected || !slices.Contains(rules, verify.RuleSource) || !slices.Contains(rules, verify.RuleCertificate) {
		t.Errorf("a predicate that lies: %s by %v", v, rules)
	}
}

// R61: an exception lacks nothing, ends in time, and is of this artifact and of what it
// names; it is looked at when the policy is asked.
func TestExceptionsEnd(t *testing.T) {
	broken := func(e verify.Exception, at time.Time) (string, []verify.Rule) {
		c := newTrial(t)
		c.statement.definition().at("internalParameters", "github")["event_name"] = "pull_request_target"
		c.policy.Now = func() time.Time { return at }
		c.policy.Exceptions = []verify.Exception{e}
		return held(t, c.policy, c.artifact, c.envelopes(t)...)
	}
	for _, test := range []struct {
		name   string
		change func(*verify.Exception)
		want   string
	}{
		{"whole", func(*verify.Exception) {}, accepted},
		{"of the other digest", func(e *verify.Exception) { e.Digest = newArtifact(t).Digest("sha512") }, accepted},
		{"of another artifact", func(e *verify.Exception) { e.Digest = sha256Of(t, "another") }, rejected},
		{"of another rule", func(e *verify.Exception) { e.Rule = verify.RuleRunner }, rejected},
		{"of a rule that there is not", func(e *verify.Exception) { e.Rule = "Trigger" }, undecided},
		{"of another item", func(e *verify.Exception) { e.Item = "pull_request_target" }, rejected},
		{"expired", func(e *verify.Exception) { e.Expires = noon().Add(-time.Nanosecond) }, rejected},
		{"expires now", func(e *verify.Exception) { e.Expires = noon() }, rejected},
		{"expires then, in another zone", func(e *verify.Exception) { e.Expires = noon().In(time.FixedZone("", -12*60*60)) }, rejected},
		{"of the greatest length", func(e *verify.Exception) { e.Expires = noon().Add(verify.MaxException) }, accepted},
		{"too long", func(e *verify.Exception) { e.Expires = noon().Add(verify.MaxException + time.Nanosecond) }, undecided},
		{"without an end", func(e *verify.Exception) { e.Expires = time.Time{} }, undecided},
		{"without an owner", func(e *verify.Exception) { e.Owner = "" }, undecided},
		{"without a reason", func(e *verify.Exception) { e.Reason = "" }, undecided},
		{"without a control", func(e *verify.Exception) { e.Control = "" }, undecided},
		{"without a digest", func(e *verify.Exception) { e.Digest = hallmark.Digest{} }, undecided},
		{"of the signature", func(e *verify.Exception) { e.Rule = verify.RuleSignature }, undecided},
		{"of the subject", func(e *verify.Exception) { e.Rule = verify.RuleSubject }, undecided},
	} {
		e := exception(t, verify.RuleTrigger, "")
		test.change(&e)
		if v, rules := broken(e, noon()); v != test.want || v == rejected && !slices.Contains(rules, verify.RuleTrigger) {
			t.Errorf("%s: %s by %v, want %s", test.name, v, rules, test.want)
		}
	}
	// The same policy a day later.
	e := exception(t, verify.RuleTrigger, "")
	for at, want := range map[time.Duration]string{0: accepted, 24*time.Hour - 1: accepted, 24 * time.Hour: rejected, 1000 * time.Hour: rejected} {
		if v, rules := broken(e, noon().Add(at)); v != want {
			t.Errorf("%s later: %s by %v, want %s", at, v, rules, want)
		}
	}
	// With white space for an owner, a reason or a control nobody has given one.
	for _, change := range []func(*verify.Exception){
		func(e *verify.Exception) { e.Owner = " " }, func(e *verify.Exception) { e.Reason = "\t" }, func(e *verify.Exception) { e.Control = "\n" },
	} {
		e := exception(t, verify.RuleTrigger, "")
		change(&e)
		if v, _ := broken(e, noon()); v != undecided {
			t.Errorf("%+v: %s", e, v)
		}
	}
}

// R63: the summary of another verifier, of something else, of a lower level or none, of
// another policy, or of long ago.
func TestSummariesRefused(t *testing.T) {
	const digest = "sha256"
	good := func() object {
		return object{
			"verifier": object{"id": "https://verifier.test"}, "timeVerified": noon().Add(-time.Hour).Format(time.RFC3339),
			"resourceUri": "pkg:generic/app", "verificationResult": "PASSED", "slsaVersion": "1.0",
			"policy":         object{"uri": "https://policy.test", "digest": object{digest: sha256Of(t, "policy").Hex()}},
			"verifiedLevels": []any{"SLSA_BUILD_LEVEL_2", "ACME_APPROVED"},
		}
	}
	levels := func(all ...any) func(object) { return func(v object) { v["verifiedLevels"] = all } }
	for _, test := range []struct {
		name   string
		change func(v object)
		want   string
	}{
		{"good", func(object) {}, accepted},
		{"of a higher level", levels("SLSA_BUILD_LEVEL_3", "ACME_APPROVED"), accepted},
		{"of another track, too", levels("SLSA_SOURCE_LEVEL_1", "SLSA_BUILD_LEVEL_2", "ACME_APPROVED"), accepted},
		{"of a level that there is not yet", levels("SLSA_BUILD_LEVEL_5", "ACME_APPROVED"), accepted},
		{"with an unknown member", func(v object) { v["acme_more"] = true }, accepted},

		{"FAILED", func(v object) { v["verificationResult"] = "FAILED" }, "no"},
		{"FAILED by its levels", levels("FAILED", "SLSA_BUILD_LEVEL_2", "ACME_APPROVED"), "no"},
		{"passed in another case", func(v object) { v["verificationResult"] = "passed" }, "no"},
		{"without a result", func(v object) { delete(v, "verificationResult") }, "no"},
		{"another verifier", func(v object) { v["verifier"] = object{"id": "https://verifier.test/"} }, "no"},
		{"verifier in another case", func(v object) { v["verifier"] = object{"id": "https://Verifier.test"} }, "no"},
		{"without a verifier", func(v object) { delete(v, "verifier") }, "no"},
		{"another resource", func(v object) { v["resourceUri"] = "pkg:generic/app2" }, "no"},
		{"resource that begins so", func(v object) { v["resourceUri"] = "pkg:generic/app@1" }, "no"},
		{"without a resource", func(v object) { delete(v, "resourceUri") }, "no"},
		{"lower level", levels("SLSA_BUILD_LEVEL_1", "ACME_APPROVED"), "no"},
		{"level of another track", levels("SLSA_SOURCE_LEVEL_3", "ACME_APPROVED"), "no"},
		{"no levels", levels(), "no"},
		{"without levels", func(v object) { delete(v, "verifiedLevels") }, "no"},
		{"two levels of a track", levels("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3", "ACME_APPROVED"), "no"},
		{"the same level twice", levels("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_2", "ACME_APPROVED"), "no"},
		{"a level and that it was not evaluated", levels("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_UNEVALUATED", "ACME_APPROVED"), "no"},
		{"a level that is no number", levels("SLSA_BUILD_LEVEL_X", "ACME_APPROVED"), "no"},
		{"a level with a zero", levels("SLSA_BUILD_LEVEL_02", "ACME_APPROVED"), "no"},
		{"a level with a sign", levels("SLSA_BUILD_LEVEL_+2", "ACME_APPROVED"), "no"},
		{"a level that is large", levels("SLSA_BUILD_LEVEL_99999999999999999999", "ACME_APPROVED"), "no"},
		{"level in another case", levels("slsa_build_level_2", "ACME_APPROVED"), "no"},
		{"without the property", levels("SLSA_BUILD_LEVEL_2"), "no"},
		{"property that begins so", levels("SLSA_BUILD_LEVEL_2", "ACME_APPROVED_NOT"), "no"},
		{"another policy", func(v object) { v.at("policy")["digest"] = object{digest: sha256Of(t, "other").Hex()} }, "no"},
		{"policy by its address only", func(v object) { delete(v.at("policy"), "digest") }, "no"},
		{"policy by another digest", func(v object) { v.at("policy")["digest"] = object{"sha1": strings.Repeat("a", 40)} }, "no"},
		{"without a policy", func(v object) { delete(v, "policy") }, "no"},
		{"stale", func(v object) { v["timeVerified"] = noon().Add(-25 * time.Hour).Format(time.RFC3339) }, "no"},
		{"from the future", func(v object) { v["timeVerified"] = noon().Add(time.Hour).Format(time.RFC3339) }, "no"},
		{"without a time", func(v object) { delete(v, "timeVerified") }, "no"},
		{"at no time", func(v object) { v["timeVerified"] = "yesterday" }, "no"},
	} {
		for _, alone := range []bool{false, true} {
			c := newTrial(t)
			q := verify.Requirement{
				PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)}, MaxAge: 24 * time.Hour,
				Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2, Properties: []string{"ACME_APPROVED"}, Policy: sha256Of(t, "policy")},
			}
			c.policy.Now, c.policy.Require = noon, []verify.Requirement{q}
			if alone {
				c.policy, c.none = &verify.Policy{Now: noon, Require: []verify.Requirement{q}}, true
			}
			st := statement(c.artifact)
			v := good()
			test.change(v)
			st["predicateType"], st["predicate"] = provenance.VSAType, v
			c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 2)}
			if got, rules := held(t, c.policy, c.artifact, c.envelopes(t)...); (got == accepted) != (test.want == accepted) {
				t.Errorf("%s, alone: %v: %s by %v", test.name, alone, got, rules)
			}
		}
	}

	// Who may speak for the verifier, and of what.
	for _, test := range []struct {
		name   string
		change func(c *trial, st object)
	}{
		{"somebody else's signature", func(c *trial, st object) { c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 3)} }},
		{"another artifact", func(c *trial, _ object) { c.artifact = anotherArtifact(t) }},
		{"another predicate type", func(c *trial, st object) {
			st["predicateType"] = "https://slsa.dev/verification_summary/v2"
			c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 2)}
		}},
		{"of a revoked key", func(c *trial, _ object) { c.policy.Revoked = []verify.Revocation{{Key: fingerprint(t, 2)}} }},
	} {
		c := newTrial(t)
		st := statement(c.artifact)
		st["predicateType"], st["predicate"] = provenance.VSAType, good()
		c.more = []*sign.Envelope{seal(t, provenance.MediaType, st, 2)}
		c.policy = &verify.Policy{Require: []verify.Requirement{{
			PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 2)},
			Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2},
		}}}
		if v, rules := held(t, c.policy, c.artifact, c.more...); v != accepted {
			t.Fatal(v, rules)
		}
		test.change(c, st)
		if v, rules := held(t, c.policy, c.artifact, c.more...); v != rejected {
			t.Errorf("%s: %s by %v", test.name, v, rules)
		}
	}
}
