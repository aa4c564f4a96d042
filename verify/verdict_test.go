package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// verifier is who sums up in these tests.
func verifier() provenance.Agent { return provenance.Agent{ID: "https://verifier.test"} }

// A summary that one gate makes is what the next one asks for.
func TestSummaryRoundTrip(t *testing.T) {
	for _, excused := range []bool{false, true} {
		c := newTrial(t)
		c.policy.Now = noon
		if excused {
			c.statement.definition().at("internalParameters", "github")["event_name"] = "schedule"
			c.policy.Exceptions = []verify.Exception{exception(t, verify.RuleTrigger, "")}
		}
		envelopes := c.envelopes(t)
		r, err := c.policy.Verify(t.Context(), c.artifact, envelopes...)
		if err != nil {
			t.Fatal(err)
		}
		st, err := r.VSA(verifier(), "pkg:generic/app", resource(t, "https://policy.test", "policy"), noon())
		if err != nil {
			t.Fatal(err)
		}
		v, err := provenance.ParseVSA(st)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"SLSA_BUILD_LEVEL_2"}
		if excused {
			want = []string{"SLSA_BUILD_LEVEL_UNEVALUATED"}
		}
		if !slices.Equal(v.VerifiedLevels, want) || v.Result != provenance.Passed || v.Verifier.ID != "https://verifier.test" || !v.TimeVerified.Equal(noon()) {
			t.Errorf("summary %+v, want the levels %q", v, want)
		}
		if len(v.InputAttestations) != 1 || v.InputAttestations[0].Digest["sha256"] != sha256Of(t, string(envelopes[0].Payload)).Hex() {
			t.Errorf("evidence %+v", v.InputAttestations)
		}
		payload, err := st.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		next := &verify.Policy{Require: []verify.Requirement{{
			PredicateType: provenance.VSAType, Identities: []verify.Identity{identity(t, 5)}, MaxAge: time.Hour,
			Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:generic/app", Level: 2, Policy: sha256Of(t, "policy")},
		}}, Now: func() time.Time { return noon().Add(time.Hour) }}
		r2, err := next.Verify(t.Context(), c.artifact, seal(t, provenance.MediaType, payload, 5))
		switch {
		case excused:
			if got := outcomes(reasons(err)); !slices.Equal(got, []string{"summary level: failed"}) {
				t.Errorf("an excused build has a level: %v", err)
			}
		case err != nil:
			t.Error(err)
		case r2.Build() != nil || r2.Level() != 2 || r2.Claims() != nil || r2.Builder().ID != "" || len(r2.Statements()) != 1:
			t.Errorf("%+v, level %d, builder %q", r2.Build(), r2.Level(), r2.Builder().ID)
		}

		svr, err := r.SVR(verifier(), resource(t, "https://policy.test", "policy"), noon())
		if err != nil {
			t.Fatal(err)
		}
		if s, err := provenance.ParseSVR(svr); err != nil || !slices.Equal(s.Properties, want) || len(s.Policies) != 1 {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := r.VSA(verifier(), "", resource(t, "https://policy.test", "policy"), noon()); err == nil {
			t.Error("a summary of no resource")
		}
		if _, err := r.SVR(verifier(), resource(t, "https://policy.test", "policy"), time.Time{}); err == nil {
			t.Error("a verification result of no time")
		}
	}
}

// Each end as people and as programs read it.
func TestReport(t *testing.T) {
	good := newTrial(t)
	good.policy.Now = noon
	good.policy.Expires = noon().Add(3 * 24 * time.Hour)
	good.policy.Exceptions = []verify.Exception{exception(t, verify.RuleTrigger, ""), exception(t, verify.RuleRunner, "")}
	good.statement.definition().at("internalParameters", "github")["event_name"] = "schedule"
	r, err := good.policy.Verify(t.Context(), good.artifact, good.envelopes(t)...)
	rep := verify.NewReport(good.artifact, r, err)
	if want := strings.Join([]string{
		"app accepted: built by " + builderID + " from " + source + " at refs/tags/v2.0.0, commit " + commit,
		"  trigger: excused: schedule, want push or release or workflow_dispatch (evidence 0)",
		"  exception: trigger, by team-a until 2026-03-03T12:00:00Z: the migration is not done; instead: reviewed by hand",
		"  warning: the policy ends on 2026-03-05T12:00:00Z, in 3 days",
		"  warning: the exception for trigger, for which team-a answers, ends on 2026-03-03T12:00:00Z, in 1 day",
		"  warning: the exception for runner, for which team-a answers, is not needed",
		"  next: Repair what is excused before the exception ends.",
	}, "\n"); rep.String() != want {
		t.Errorf("report\n%s\nwant\n%s", rep, want)
	}
	if rep.Verdict != verify.Accepted || rep.Level != 0 || rep.Builder.ID != builderID || rep.Source.Commit != commit || len(rep.Exceptions) != 1 || rep.Exceptions[0].Left != "1 day" || len(rep.Warnings) != 3 {
		t.Errorf("%+v", rep)
	}
	for _, c := range rep.Checks {
		if c.Evidence == nil || *c.Evidence != 0 || !strings.HasPrefix(c.Payload, "sha256:") || (c.Hint == "") != (c.Outcome == verify.Passed) {
			t.Errorf("check %+v", c)
		}
	}

	bad := newTrial(t)
	bad.statement.external().at("workflow")["path"] = "evil\n\x1b[31myml"
	r, err = bad.policy.Verify(t.Context(), bad.artifact, bad.envelopes(t)...)
	rep = verify.NewReport(bad.artifact, r, err)
	if want := "app rejected\n  parameter /workflow/path: got \"evil\\n\\u001b[31myml\", want \".github/workflows/release.yml\" (evidence 0)\n" +
		"  next: Build with the parameters that the policy names, or name this one in the policy if it can do no harm."; rep.String() != want || rep.Verdict != verify.Rejected {
		t.Errorf("report\n%s\nwant\n%s", rep, want)
	}

	rep = verify.NewReport(bad.artifact, nil, errors.New("the log does not answer\nat all"))
	if want := "app undecided\n  the log does not answer\n  at all"; rep.String() != want || rep.Verdict != verify.Undecided {
		t.Errorf("report\n%s\nwant\n%s", rep, want)
	}
	rep = verify.NewReport(hallmark.Artifact{Digests: bad.artifact.Digests}, nil, nil)
	if !strings.HasPrefix(rep.String(), "sha256:") || rep.Verdict != verify.Undecided || rep.Error == "" {
		t.Errorf("report %s", rep)
	}
}

// The schema has every member that a report can have, and no other.
func TestReportSchema(t *testing.T) {
	data, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	var compare func(at string, s map[string]any, typ reflect.Type)
	compare = func(at string, s map[string]any, typ reflect.Type) {
		if items, ok := s["items"].(map[string]any); ok {
			s = items
		}
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		properties, ok := s["properties"].(map[string]any)
		if !ok || typ.Kind() != reflect.Struct {
			return
		}
		required, _ := s["required"].([]any)
		names := make(map[string]bool)
		for i := range typ.NumField() {
			name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			names[name] = true
			p, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s is not in the schema", at, name)
				continue
			}
			if must := slices.Contains(required, any(name)); must != (options != "omitempty") {
				t.Errorf("%s.%s: required %t in the schema", at, name, must)
			}
			compare(at+"."+name, p, typ.Field(i).Type)
		}
		for name := range properties {
			if !names[name] {
				t.Errorf("%s.%s is in the schema alone", at, name)
			}
		}
	}
	compare("$", schema, reflect.TypeFor[verify.Report]())
}

func TestReview(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *trial)
		want   string
	}{
		{"a key", func(*testing.T, *trial) {}, "yes unproven no unproven yes unproven"},
		{"a certificate", func(_ *testing.T, c *trial) { c.policy.Builders[0].Identity = certified(nil) }, "yes unproven no unproven no unproven"},
		{"a key on somebody's machine", func(_ *testing.T, c *trial) { c.policy.Builders[0].Level = 1 }, "yes unproven unproven unproven yes unproven"},
		{"pull requests", func(_ *testing.T, c *trial) {
			c.policy.Triggers = []string{"pull_request_target", "push"}
		}, "yes unproven yes unproven yes unproven"},
		{"rejected", func(_ *testing.T, c *trial) { c.statement.setRef("refs/heads/x") }, "no unproven unproven unproven yes unproven"},
		{"rejected for its SBOM", func(t *testing.T, c *trial) { require(t, c, 1, 2) }, "unproven unproven unproven unproven yes unproven"},
		{"undecided", func(_ *testing.T, c *trial) { c.raw = []byte("{") }, "unproven unproven unproven unproven yes unproven"},
		{"excused ref", func(t *testing.T, c *trial) {
			c.policy.Now, c.policy.Exceptions = noon, []verify.Exception{exception(t, verify.RuleRef, "")}
			c.statement.setRef("refs/heads/x")
		}, "unproven unproven unproven unproven yes unproven"},
		{"attested", func(t *testing.T, c *trial) {
			all := []string{verify.PropertyFederation, verify.PropertyImmutableTags, verify.PropertyDeployments}
			c.more = []*sign.Envelope{state(t, c.artifact, &provenance.SVR{Verifier: verifier(), TimeCreated: noon(), Properties: all}, 2)}
			c.policy.Require = []verify.Requirement{{PredicateType: provenance.SVRType, Identities: []verify.Identity{identity(t, 2)}, Properties: all}}
		}, "yes yes no no yes yes"},
		{"attested, and nobody asked", func(t *testing.T, c *trial) {
			c.more = []*sign.Envelope{state(t, c.artifact, &provenance.SVR{Verifier: verifier(), TimeCreated: noon(), Properties: []string{verify.PropertyFederation}}, 2)}
			c.policy.Require = []verify.Requirement{{PredicateType: provenance.SVRType, Identities: []verify.Identity{identity(t, 2)}}}
		}, "yes unproven no unproven yes unproven"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			test.change(t, c)
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			var got []string
			for _, a := range c.policy.Review(t.Context(), c.artifact, r, err) {
				got = append(got, a.Answer)
				if !strings.HasSuffix(a.Question, "?") || len(a.Evidence) == 0 || a.Good && a.Answer == string(verify.Unproven) {
					t.Errorf("%+v", a)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// gullible recognizes everything.
type gullible struct{ verify.Identity }

func (gullible) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: new(verify.Claims)}, nil
}

func TestProbe(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*trial)
		want   string
	}{
		{"good", func(*trial) {}, ""},
		{"any ref, parameter and trigger", func(c *trial) {
			c.policy.Refs, c.policy.Commit = verify.Refs{Any: true}, hallmark.Digest{}
			c.policy.Parameters["/workflow/path"] = verify.Parameter{Any: true}
		}, ""},
		{"versions", func(c *trial) {
			c.policy.Refs = verify.Refs{Versions: ">=2.0.0"}
			c.policy.Version, c.policy.AtLeast = "v2.1.0", "v2.0.0"
		}, ""},
		{"everything", func(c *trial) {
			c.policy.Now, c.policy.SourceID, c.policy.OwnerID, c.policy.MaxAge = noon, "1", "2", time.Hour
			c.policy.Environments = []string{"production"}
			c.policy.Exceptions = []verify.Exception{exception(t, verify.RuleTrigger, "")}
			c.policy.Inputs.Pinned = map[string]hallmark.Digest{"https://deps.test/x": sha256Of(t, "x")}
			require(t, c, 1, 2)
		}, ""},
		{"builder whom everybody is", func(c *trial) { c.policy.Builders[0].Identity = gullible{identity(t, 1)} }, keyText(t, 1) + " recognizes a signature by a stranger"},
		{"requirement that everybody signs", func(c *trial) {
			require(t, c, 1, 2)
			c.policy.Require[0].Identities[0] = gullible{identity(t, 2)}
		}, keyText(t, 2) + " recognizes a signature by a stranger"},
		{"nothing", func(c *trial) { *c.policy = verify.Policy{} }, "no builders"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			test.change(c)
			err := c.policy.Probe(t.Context())
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	var none *verify.Policy
	if err := none.Probe(t.Context()); err == nil {
		t.Error("no policy is a good one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newTrial(t).policy.Probe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it cancelled", err)
	}
}

// What a first release was is what the next one is held to.
func TestExpect(t *testing.T) {
	first := newTrial(t)
	first.policy.Refs, first.policy.Commit = verify.Refs{Any: true}, hallmark.Digest{}
	first.policy.Triggers = []string{"push", "schedule"}
	first.policy.Parameters["/inputs/note"] = verify.Parameter{Any: true}
	first.statement.external()["inputs"] = object{"note": "first"}
	first.statement.definition().at("internalParameters", "github")["repository_id"] = "42"
	r, err := first.policy.Verify(t.Context(), first.artifact, first.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.Expect(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		name   string
		change func(object)
		want   []string // reasons
		diff   []string // of what the first policy accepts
	}{
		{"the same", func(object) {}, nil, nil},
		{"the next release", func(s object) {
			s.setRef("refs/tags/v2.1.0")
			s.definition().at("resolvedDependencies", "digest")["gitCommit"] = other
			s.external().at("inputs")["note"] = "second"
		}, nil, []string{"commit", "parameter /inputs/note", "ref"}},
		{"an older one", func(s object) { s.setRef("refs/tags/v1.9.0") }, []string{"version at least: failed"}, []string{"ref"}},
		{"a branch", func(s object) { s.setRef("refs/heads/main") }, []string{"ref: failed", "version at least: failed"}, []string{"ref"}},
		{"another event", func(s object) {
			s.definition().at("internalParameters", "github")["event_name"] = "schedule"
		}, []string{"trigger: failed"}, []string{"trigger"}},
		{"a repository made anew", func(s object) {
			s.definition().at("internalParameters", "github")["repository_id"] = "43"
		}, []string{"source repository id: failed"}, []string{"repository id"}},
		{"another input", func(s object) {
			d := s.definition()
			d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), object{"uri": "https://deps.test/x", "digest": object{"sha256": strings.Repeat("a", 64)}})
		}, nil, []string{"input https://deps.test/x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			c.statement.external()["inputs"] = object{"note": "first"}
			c.statement.definition().at("internalParameters", "github")["repository_id"] = "42"
			test.change(c.statement)
			_, err := p.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if got := outcomes(reasons(err)); !slices.Equal(got, append([]string{}, test.want...)) {
				t.Errorf("%v, want %q", err, test.want)
			}
			next, err := first.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if err != nil {
				t.Fatal(err)
			}
			var diff []string
			for _, d := range r.Compare(next) {
				diff = append(diff, strings.TrimSpace(d.What+" "+d.Item))
				if d.Old == d.New {
					t.Errorf("%+v", d)
				}
			}
			if !slices.Equal(diff, test.diff) {
				t.Errorf("changes %q, want %q", diff, test.diff)
			}
		})
	}
	if p, err := verify.Expect(nil); p != nil || err == nil {
		t.Error("something is expected of nothing")
	}
}

// Everything that a policy can ask is in its explanation, and no more than is asked.
func TestExplain(t *testing.T) {
	c := newTrial(t)
	short := len(c.policy.Explain())
	p := c.policy
	p.Now, p.Expires, p.Older, p.Subject, p.SourceID, p.OwnerID = noon, noon().Add(time.Hour), true, "pkg:npm/x", "1", "2"
	p.Version, p.AtLeast, p.SignedCommit, p.BuildInfo, p.MaxAge = "v2.0.0", "v1.9.0", true, true, 48*time.Hour
	p.Environments = []string{"production"}
	p.Builders[0].Delegated, p.Builders[0].Commit = true, gitCommit(t, other)
	p.Inputs = verify.Inputs{Pinned: map[string]hallmark.Digest{"https://deps.test/x": sha256Of(t, "x")}, Origins: []string{"https://deps.test/"}, Digests: true}
	p.Steps = []verify.Step{{Name: "compile", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 3)}}}
	p.Revoked = []verify.Revocation{{Key: fingerprint(t, 9), From: noon(), Reason: "it was lost"}, {Builder: "https://bad.test", Reason: "taken over"}}
	p.Exceptions = []verify.Exception{exception(t, verify.RuleParameter, "/inputs/x")}
	ids := []verify.Identity{identity(t, 2), identity(t, 3)}
	p.Require = []verify.Requirement{
		{PredicateType: sbomType, Identities: ids, Threshold: 2, SBOM: &verify.SBOM{Minimum: []string{"ntia"}, BuildInfo: true, MinAge: 72 * time.Hour, MaxAge: 96 * time.Hour}},
		{PredicateType: provenance.VSAType, Identities: ids, OfSource: true, MaxAge: time.Hour, Summary: &verify.Summary{Verifier: "v", Resource: "r", Level: 3, Properties: []string{"A"}, Policy: sha256Of(t, "p"), Refs: verify.Refs{Branches: []string{"main"}}}},
		{PredicateType: provenance.TestResultType, Identities: ids, Tests: true, Subject: "app"},
		{PredicateType: provenance.VulnsType, Identities: ids, Scan: &verify.Scan{Below: "high", Method: "m"}},
		{PredicateType: provenance.VulnsType, Identities: ids, Scan: &verify.Scan{}},
		{PredicateType: provenance.SVRType, Identities: ids, Properties: []string{"B", "C"}},
		{PredicateType: "https://acme.test/x", Identities: ids},
	}
	text := strings.Join(p.Explain(), "\n")
	for _, want := range []string{
		"SLSA Build level 2", "is the word of its signer", "gitCommit:" + other, source, "repository by the id 1", "owner by the id 2",
		"a release tag", "gitCommit:" + commit, "signed by people", buildType, "versions before 1", "pkg:npm/x", "It must be v2.0.0", "older than v1.9.0",
		"/workflow/path", "push, release or workflow_dispatch", "github-hosted", "deploy to production", "no older than 2 days", "from https://deps.test/", "https://deps.test/x as sha256:",
		"says of its own build", "step compile", "2 of key", "elements of ntia", "list what the artifact", "less than 3 days ago", "more than 4 days ago",
		"about the commit", "Source level 3", "with A", "against the policy sha256:", "refs/heads/main", "no older than 1h0m0s", "all tests passed", "call it app",
		"severity high or more by m", "no vulnerability.", "say B and C", "does not matter", "2026-03-02T12:00:00Z is not trusted: it was lost", "https://bad.test is trusted: taken over",
		"parameter /inputs/x of sha256:", "team-a answers", "reviewed by hand", "this policy decides nothing",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, s := range p.Explain() {
		if !strings.HasSuffix(s, ".") || strings.Contains(s, "\n") || strings.Contains(s, "  ") {
			t.Errorf("not a sentence: %q", s)
		}
	}
	if short >= 20 {
		t.Errorf("%d sentences about a short policy", short)
	}
}
