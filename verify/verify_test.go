package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const (
	builderID = "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v1.2.3"
	buildType = "https://actions.github.io/buildtypes/workflow/v1"
	source    = "https://github.com/acme/app"
	commit    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	other     = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	sbomType  = "https://cyclonedx.org/bom"
)

// newKey returns the key number n, the same one each time.
func newKey(t testing.TB, n int) sign.SignerVerifier {
	t.Helper()
	s, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func identity(t testing.TB, keys ...int) verify.Identity {
	t.Helper()
	var vs []sign.Verifier
	for _, n := range keys {
		vs = append(vs, newKey(t, n))
	}
	id, err := verify.Keys(1, vs...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// keyText is how key n is named in a check.
func keyText(t testing.TB, n int) string { return identity(t, n).String() }

func newArtifact(t testing.TB) hallmark.Artifact {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader("app\n"), "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	return hallmark.Artifact{Name: "app", Digests: ds}
}

func gitCommit(t testing.TB, hex string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest("gitCommit:" + hex)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// object is a JSON object that tests take apart.
type object map[string]any

// at returns the object that the names lead to.
func (o object) at(names ...string) object {
	for _, n := range names {
		switch v := o[n].(type) {
		case object:
			o = v
		case []any:
			o = v[0].(object)
		}
	}
	return o
}

// statement returns the provenance that every test starts from.
func statement(a hallmark.Artifact) object {
	return object{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{object{"name": "app", "digest": object{"sha256": a.Digest("sha256").Hex()}}},
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate": object{
			"buildDefinition": object{
				"buildType": buildType,
				"externalParameters": object{
					"workflow": object{"path": ".github/workflows/release.yml", "ref": "refs/tags/v2.0.0", "repository": source},
				},
				"internalParameters": object{
					"github": object{"event_name": "push", "runner_environment": "github-hosted"},
				},
				"resolvedDependencies": []any{
					object{"uri": "git+" + source + "@refs/tags/v2.0.0", "digest": object{"gitCommit": commit}},
				},
			},
			"runDetails": object{
				"builder":  object{"id": builderID},
				"metadata": object{"invocationId": source + "/actions/runs/1/attempts/1"},
			},
		},
	}
}

func (o object) definition() object { return o.at("predicate", "buildDefinition") }
func (o object) external() object   { return o.definition().at("externalParameters") }
func (o object) subject() object    { return o.at("subject") }

// setRef changes the ref in all places that name it.
func (o object) setRef(ref string) {
	o.external().at("workflow")["ref"] = ref
	o.definition().at("resolvedDependencies")["uri"] = "git+" + source + "@" + ref
}

func policy(t testing.TB) *verify.Policy {
	t.Helper()
	return &verify.Policy{
		Builders:   []verify.Builder{{ID: builderID, Identity: identity(t, 1), Level: 2}},
		Source:     source,
		BuildTypes: []string{buildType},
		Refs:       verify.Refs{Releases: true},
		Commit:     gitCommit(t, commit),
		Parameters: map[string]verify.Parameter{
			"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}},
		},
	}
}

// seal signs payload, JSON or bytes, with the keys.
func seal(t testing.TB, payloadType string, payload any, keys ...int) *sign.Envelope {
	t.Helper()
	b, ok := payload.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	var signers []sign.SignerVerifier
	for _, n := range keys {
		signers = append(signers, newKey(t, n))
	}
	e, err := sign.Sign(t.Context(), payloadType, b, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// attest returns a signed statement of another type than provenance.
func attest(t testing.TB, a hallmark.Artifact, predicateType string, keys ...int) *sign.Envelope {
	t.Helper()
	st := statement(a)
	st["predicateType"] = predicateType
	st["predicate"] = object{"of": "something"}
	return seal(t, provenance.MediaType, st, keys...)
}

// A trial is the accepted case and what a test changes in it.
type trial struct {
	policy    *verify.Policy
	artifact  hallmark.Artifact
	statement object
	typ       string
	keys      []int            // that sign the statement
	raw       []byte           // signed instead of the statement, if not nil
	more      []*sign.Envelope // further evidence, behind the statement
	none      bool             // there is no statement
}

func newTrial(t testing.TB) *trial {
	a := newArtifact(t)
	return &trial{policy: policy(t), artifact: a, statement: statement(a), typ: provenance.MediaType, keys: []int{1}}
}

func (c *trial) envelopes(t testing.TB) []*sign.Envelope {
	var payload any = c.statement
	if c.raw != nil {
		payload = c.raw
	}
	if c.none {
		return c.more
	}
	return append([]*sign.Envelope{seal(t, c.typ, payload, c.keys...)}, c.more...)
}

// accepted, rejected and undecided are the three ends of Verify.
const (
	accepted  = "accepted"
	rejected  = "rejected"
	undecided = "undecided"
)

func end(r *verify.Result, err error) string {
	var no *verify.RejectedError
	switch {
	case err == nil && r != nil:
		return accepted
	case errors.As(err, &no) && r == nil && len(no.Reasons) > 0:
		return rejected
	case err != nil && r == nil:
		return undecided
	}
	return fmt.Sprintf("a result %v and the error %v", r, err)
}

func reasons(err error) []verify.Check {
	var no *verify.RejectedError
	if errors.As(err, &no) {
		return undigested(no.Reasons)
	}
	return nil
}

// undigested returns checks without what they have only of evidence.
func undigested(checks []verify.Check) []verify.Check {
	checks = slices.Clone(checks)
	for i := range checks {
		checks[i].Payload = hallmark.Digest{}
	}
	return checks
}

func TestAccepted(t *testing.T) {
	c := newTrial(t)
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Artifact(); !reflect.DeepEqual(got, c.artifact) {
		t.Errorf("artifact %v", got)
	}
	if got := r.Builder(); got.ID != builderID || r.Level() != 2 {
		t.Errorf("builder %v, level %d", got, r.Level())
	}
	if got, _ := r.Build().Source(); got.Repository != source || got.Ref != "refs/tags/v2.0.0" || got.Commit != c.policy.Commit {
		t.Errorf("source %v", got)
	}
	if n := len(r.Statements()); n != 1 {
		t.Errorf("%d statements, want 1", n)
	}
	digests := c.artifact.Digests[0].String() + " " + c.artifact.Digests[1].String()
	want := []verify.Check{
		{Rule: verify.RuleSignature, Got: keyText(t, 1)},
		{Rule: verify.RuleProvenance, Got: `"https://slsa.dev/provenance/v1"`, Want: `"https://slsa.dev/provenance/v1"`},
		{Rule: verify.RuleSubject, Got: digests, Want: digests},
		{Rule: verify.RuleBuilder, Got: builderID, Want: builderID},
		{Rule: verify.RuleBuildType, Got: buildType, Want: buildType},
		{Rule: verify.RuleSource, Got: source, Want: source},
		{Rule: verify.RuleRef, Got: "refs/tags/v2.0.0", Want: "a release tag (v1.2.3)"},
		{Rule: verify.RuleCommit, Got: "gitCommit:" + commit, Want: "gitCommit:" + commit},
		{Rule: verify.RuleParameter, Item: "/workflow/path", Got: `".github/workflows/release.yml"`, Want: `".github/workflows/release.yml"`},
		{Rule: verify.RuleTrigger, Got: "push", Want: "push or release or workflow_dispatch"},
		{Rule: verify.RuleRunner, Got: "github-hosted", Want: "github-hosted or gitlab-hosted"},
	}
	for i := range want {
		want[i].Outcome = verify.Passed
	}
	if got := undigested(r.Checks()); !reflect.DeepEqual(got, want) {
		t.Errorf("checks\n%v\nwant\n%v", got, want)
	}
}

// A policy that lacks anything accepts nothing, not even with good evidence.
func TestIncompletePolicy(t *testing.T) {
	good := newTrial(t)
	envelopes := good.envelopes(t)
	for _, test := range []struct {
		name   string
		change func(*verify.Policy)
		want   string
	}{
		{"zero", func(p *verify.Policy) { *p = verify.Policy{} }, "no builders"},
		{"no builders", func(p *verify.Policy) { p.Builders = nil }, "no builders"},
		{"builder without id", func(p *verify.Policy) { p.Builders[0].ID = "" }, "builder 0 has no id"},
		{"builder without identity", func(p *verify.Policy) { p.Builders[0].Identity = nil }, "builder 0 has no identity"},
		{"negative level", func(p *verify.Policy) { p.Builders[0].Level = -1 }, "level -1"},
		{"level 4", func(p *verify.Policy) { p.Builders[0].Level = 4 }, "level 4"},
		{"no source", func(p *verify.Policy) { p.Source = "" }, "no source"},
		{"no build types", func(p *verify.Policy) { p.BuildTypes = nil }, "no build types"},
		{"empty build type", func(p *verify.Policy) { p.BuildTypes = append(p.BuildTypes, "") }, "an empty build type"},
		{"neither ref nor commit", func(p *verify.Policy) { p.Refs, p.Commit = verify.Refs{}, hallmark.Digest{} }, "neither refs nor a commit"},
		{"branch without a name", func(p *verify.Policy) { p.Refs.Branches = []string{""} }, "a branch or tag without a name"},
		{"tag without a name", func(p *verify.Policy) { p.Refs.Tags = []string{""} }, "a branch or tag without a name"},
		{"maximum age without a clock", func(p *verify.Policy) { p.MaxAge = time.Hour }, "a rule about time, and no Now"},
		{"negative maximum age", func(p *verify.Policy) { p.MaxAge, p.Now = -1, time.Now }, "a maximum age of -1ns"},
		{"environment without a name", func(p *verify.Policy) { p.Environments = []string{""} }, "an environment without a name"},
		{"builder's commit of another kind", func(p *verify.Policy) { p.Builders[0].Commit = good.artifact.Digests[0] }, "the commit of builder 0 is a sha256"},
		{"commit of another kind", func(p *verify.Policy) { p.Commit = good.artifact.Digests[0] }, "the commit is a sha256"},
		{"parameter that is no pointer", func(p *verify.Policy) { p.Parameters["workflow"] = verify.Parameter{Any: true} }, `parameter "workflow" is not a JSON Pointer`},
		{"requirement without a type", func(p *verify.Policy) {
			p.Require = []verify.Requirement{{Identities: []verify.Identity{identity(t, 1)}}}
		}, "requirement 0 has no predicate type"},
		{"requirement without identities", func(p *verify.Policy) { p.Require = []verify.Requirement{{PredicateType: sbomType}} }, "requirement 0 lacks an identity"},
		{"requirement with a nil identity", func(p *verify.Policy) {
			p.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 1), nil}}}
		}, "requirement 0 lacks an identity"},
		{"negative threshold", func(p *verify.Policy) {
			p.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 1)}, Threshold: -1}}
		}, "asks for -1 signers of 1"},
		{"threshold above the identities", func(p *verify.Policy) {
			p.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 1)}, Threshold: 2}}
		}, "asks for 2 signers of 1"},
	} {
		p := policy(t)
		test.change(p)
		r, err := p.Verify(t.Context(), good.artifact, envelopes...)
		if end(r, err) != undecided || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, r, err, test.want)
		}
	}
	if r, err := (*verify.Policy)(nil).Verify(t.Context(), good.artifact, envelopes...); end(r, err) != undecided {
		t.Errorf("nil policy: %v, %v", r, err)
	}

	// All that a policy lacks is reported at once.
	_, err := new(verify.Policy).Verify(t.Context(), good.artifact)
	for _, want := range []string{"no builders", "no source", "no build types", "neither refs nor a commit"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error of the zero policy does not say %q: %v", want, err)
		}
	}
}

// R14 and R15.
func TestKeys(t *testing.T) {
	k := newKey(t, 1)
	for _, test := range []struct {
		name      string
		threshold int
		keys      []sign.Verifier
	}{
		{"none", 1, nil},
		{"threshold 0", 0, []sign.Verifier{k}},
		{"negative threshold", -1, []sign.Verifier{k}},
		{"threshold above the keys", 2, []sign.Verifier{k}},
		{"nil key", 1, []sign.Verifier{k, nil}},
		{"one key twice", 2, []sign.Verifier{k, newKey(t, 1)}},
		{"one key under two ids", 2, []sign.Verifier{k, renamed{k, "another"}}},
	} {
		if id, err := verify.Keys(test.threshold, test.keys...); err == nil {
			t.Errorf("%s: %v, want an error", test.name, id)
		}
	}

	// The threshold counts keys, whatever is signed and hinted twice.
	two, err := verify.Keys(2, k, newKey(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	one, both := seal(t, "text/plain", []byte("x"), 1), seal(t, "text/plain", []byte("x"), 1, 2)
	twice := *one
	twice.Signatures = append(slices.Clone(one.Signatures), sign.Signature{KeyID: both.Signatures[1].KeyID, Sig: one.Signatures[0].Sig})
	swapped := *both
	swapped.Signatures = []sign.Signature{
		{KeyID: both.Signatures[1].KeyID, Sig: both.Signatures[0].Sig},
		{KeyID: both.Signatures[0].KeyID, Sig: both.Signatures[1].Sig},
	}
	if _, err := two.Recognize(t.Context(), &twice); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("one signature twice under two ids: %v, want ErrNotSigned", err)
	}
	ev, err := two.Recognize(t.Context(), &swapped)
	if err != nil {
		t.Fatalf("good signatures with each other's hints: %v", err)
	}
	if len(ev.Keys) != 2 || string(ev.Payload) != "x" || ev.PayloadType != "text/plain" {
		t.Errorf("evidence %v", ev)
	}
}

// renamed is a key under another id.
type renamed struct {
	sign.Verifier
	id string
}

func (r renamed) KeyID() (string, error) { return r.id, nil }

// Each case differs from the accepted one in one thing, and is rejected by that
// thing's rule alone.
func TestRules(t *testing.T) {
	failed := func(rule verify.Rule, got, want string) []verify.Check {
		return []verify.Check{{Rule: rule, Outcome: verify.Failed, Got: got, Want: want}}
	}
	unproven := func(rule verify.Rule, got, want string) []verify.Check {
		return []verify.Check{{Rule: rule, Outcome: verify.Unproven, Got: got, Want: want}}
	}
	absent := func(cs []verify.Check) []verify.Check {
		cs[0].Envelope = -1
		return cs
	}
	parameter := func(at, got, want string) []verify.Check {
		return []verify.Check{{Rule: verify.RuleParameter, Item: at, Outcome: verify.Failed, Got: got, Want: want}}
	}
	const (
		notSaid = "the evidence does not say"
		release = "a release tag (v1.2.3)"
	)
	key1, key2 := keyText(t, 1), keyText(t, 2)
	a := newArtifact(t)
	sum := a.Digest("sha256").Hex()
	subjects := a.Digests[0].String() + " " + a.Digests[1].String()

	for _, test := range []struct {
		name   string
		change func(*trial)
		want   []verify.Check
	}{
		{
			"no evidence", func(c *trial) { c.none = true },
			absent(failed(verify.RuleSignature, "no evidence that one of these signed", "provenance signed by "+key1)),
		},
		{
			"signed by another key", func(c *trial) { c.keys = []int{2} },
			absent(failed(verify.RuleSignature, "no evidence that one of these signed", "provenance signed by "+key1)),
		},
		{
			"repository made anew, as the predicate says", func(c *trial) {
				c.policy.SourceID = "42"
				c.statement.definition().at("internalParameters", "github")["repository_id"] = "43"
			},
			[]verify.Check{{Rule: verify.RuleSource, Item: "repository id", Outcome: verify.Failed, Got: "43", Want: "42"}},
		},
		{
			"environment, which a predicate does not say", func(c *trial) { c.policy.Environments = []string{"production"} },
			unproven(verify.RuleEnvironment, notSaid, "production"),
		},
		{
			"payload type", func(c *trial) { c.typ = "application/vnd.in-toto.provenance+json" },
			failed(verify.RulePayloadType, `"application/vnd.in-toto.provenance+json"`, `"application/vnd.in-toto+json"`),
		},
		{
			"payload type in another case", func(c *trial) { c.typ = "application/vnd.in-toto+JSON" },
			failed(verify.RulePayloadType, `"application/vnd.in-toto+JSON"`, `"application/vnd.in-toto+json"`),
		},
		{
			"predicate type", func(c *trial) { c.statement["predicateType"] = "https://slsa.dev/provenance/v0.2" },
			absent(failed(verify.RuleProvenance, `only "https://slsa.dev/provenance/v0.2"`, "provenance signed by "+key1)),
		},
		{"a VSA and an SBOM only", func(c *trial) {
			c.statement["predicateType"] = "https://slsa.dev/verification_summary/v1"
			c.more = append(c.more, attest(t, c.artifact, sbomType, 1), attest(t, c.artifact, sbomType, 1))
		}, absent(failed(verify.RuleProvenance, `only "https://cyclonedx.org/bom", "https://slsa.dev/verification_summary/v1"`, "provenance signed by "+key1))},

		{
			"subject: another artifact", func(c *trial) { c.statement.subject()["digest"] = object{"sha256": strings.Repeat("0", 64)} },
			failed(verify.RuleSubject, `"app" (sha256:`+strings.Repeat("0", 64)+`)`, subjects),
		},
		{
			"subject: name only", func(c *trial) { delete(c.statement.subject(), "digest") },
			failed(verify.RuleSubject, `"app" (no digest that is known)`, subjects),
		},
		{"subject: only MD5 and SHA-1", func(c *trial) {
			ds, err := hallmark.Hash(strings.NewReader("app\n"), "sha1", "sha256")
			if err != nil {
				t.Fatal(err)
			}
			c.artifact.Digests = ds
			c.statement.subject()["digest"] = object{"md5": strings.Repeat("0", 32), "sha1": ds[0].Hex()}
		}, []verify.Check{{Rule: verify.RuleSubject, Outcome: verify.Failed, Got: `"app" (md5:00000000000000000000000000000000)`}}},
		{
			"subject: SHA-512 conflicts", func(c *trial) { c.statement.subject().at("digest")["sha512"] = strings.Repeat("0", 128) },
			failed(verify.RuleSubject, `"app" (sha256:`+sum+`)`, subjects),
		},
		{
			"subject: in upper case", func(c *trial) { c.statement.subject().at("digest")["sha256"] = strings.ToUpper(sum) },
			failed(verify.RuleSubject, `"app" (sha256:`+strings.ToUpper(sum)+`)`, subjects),
		},
		{
			"subject: truncated", func(c *trial) { c.statement.subject().at("digest")["sha256"] = sum[:63] },
			failed(verify.RuleSubject, `"app" (sha256:`+sum[:63]+`)`, subjects),
		},
		{
			"subject: with a prefix", func(c *trial) { c.statement.subject().at("digest")["sha256"] = "sha256:" + sum },
			failed(verify.RuleSubject, `"app" (sha256:sha256:`+sum[:57]+`)`, subjects),
		},
		{
			"subject: SHA-256 under the name of SHA-512", func(c *trial) { c.statement.subject()["digest"] = object{"sha512": sum} },
			failed(verify.RuleSubject, `"app" (no digest that is known)`, subjects),
		},
		{
			"subject: algorithm in another case", func(c *trial) { c.statement.subject()["digest"] = object{"SHA256": sum} },
			failed(verify.RuleSubject, `"app" (no digest that is known)`, subjects),
		},

		{"builder: another", func(c *trial) {
			c.statement.at("predicate", "runDetails", "builder")["id"] = "https://github.com/acme/builder"
		}, failed(verify.RuleBuilder, "https://github.com/acme/builder", builderID)},
		{
			"builder: missing", func(c *trial) { c.statement.at("predicate", "runDetails")["builder"] = object{} },
			unproven(verify.RuleBuilder, notSaid, builderID),
		},
		{"builder: for whom another signs", func(c *trial) {
			c.policy.Builders = append(c.policy.Builders, verify.Builder{ID: "https://example.com/builder", Identity: identity(t, 2)})
			c.statement.at("predicate", "runDetails", "builder")["id"] = "https://example.com/builder"
		}, failed(verify.RuleBuilder, "https://example.com/builder", builderID)},

		{
			"build type: another", func(c *trial) { c.statement.definition()["buildType"] = "https://example.com/type" },
			failed(verify.RuleBuildType, "https://example.com/type", buildType),
		},
		{
			"build type: missing", func(c *trial) { delete(c.statement.definition(), "buildType") },
			unproven(verify.RuleBuildType, notSaid, buildType),
		},

		{
			"ref: branch of the tag's name", func(c *trial) { c.statement.setRef("refs/heads/v2.0.0") },
			failed(verify.RuleRef, "refs/heads/v2.0.0", release),
		},
		{
			"ref: branch that is called a tag", func(c *trial) { c.statement.setRef("refs/heads/refs/tags/v2.0.0") },
			failed(verify.RuleRef, "refs/heads/refs/tags/v2.0.0", release),
		},
		{
			"ref: pre-release", func(c *trial) { c.statement.setRef("refs/tags/v2.0.0-rc.1") },
			failed(verify.RuleRef, "refs/tags/v2.0.0-rc.1", release),
		},
		{
			"ref: build metadata", func(c *trial) { c.statement.setRef("refs/tags/v2.0.0+1") },
			failed(verify.RuleRef, "refs/tags/v2.0.0+1", release),
		},
		{
			"ref: leading zero", func(c *trial) { c.statement.setRef("refs/tags/v2.00.0") },
			failed(verify.RuleRef, "refs/tags/v2.00.0", release),
		},
		{
			"ref: sign", func(c *trial) { c.statement.setRef("refs/tags/v2.+0.0") },
			failed(verify.RuleRef, "refs/tags/v2.+0.0", release),
		},
		{
			"ref: moving tag", func(c *trial) { c.statement.setRef("refs/tags/v2") },
			failed(verify.RuleRef, "refs/tags/v2", release),
		},
		{
			"ref: four numbers", func(c *trial) { c.statement.setRef("refs/tags/v2.0.0.0") },
			failed(verify.RuleRef, "refs/tags/v2.0.0.0", release),
		},
		{
			"ref: in another case", func(c *trial) { c.statement.setRef("refs/tags/V2.0.0") },
			failed(verify.RuleRef, "refs/tags/V2.0.0", release),
		},
		{
			"ref: short", func(c *trial) { c.statement.setRef("v2.0.0") },
			failed(verify.RuleRef, "v2.0.0", release),
		},
		{
			"ref: pull request", func(c *trial) { c.statement.setRef("refs/pull/1/merge") },
			failed(verify.RuleRef, "refs/pull/1/merge", release),
		},
		{
			"ref: another tag than the only one", func(c *trial) { c.policy.Refs = verify.Refs{Tags: []string{"v2.0.1"}} },
			failed(verify.RuleRef, "refs/tags/v2.0.0", "refs/tags/v2.0.1"),
		},
		{"ref: tag of the branch's name", func(c *trial) {
			c.policy.Refs = verify.Refs{Branches: []string{"main"}, Tags: []string{"v1"}}
			c.statement.setRef("refs/tags/main")
		}, failed(verify.RuleRef, "refs/tags/main", "refs/heads/main or refs/tags/v1")},
		{"ref: missing", func(c *trial) {
			delete(c.statement.external().at("workflow"), "ref")
			c.statement.definition().at("resolvedDependencies")["uri"] = "git+" + source
		}, unproven(verify.RuleRef, notSaid, release)},

		{"commit: another", func(c *trial) {
			c.statement.definition().at("resolvedDependencies")["digest"] = object{"gitCommit": other}
		}, failed(verify.RuleCommit, "gitCommit:"+other, "gitCommit:"+commit)},
		{"commit: abbreviated", func(c *trial) {
			c.statement.definition().at("resolvedDependencies")["digest"] = object{"gitCommit": commit[:12]}
		}, unproven(verify.RuleCommit, notSaid, "gitCommit:"+commit)},
		{"commit: two", func(c *trial) {
			d := c.statement.definition()
			d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any),
				object{"uri": "git+" + source + "@refs/tags/v2.0.0", "digest": object{"gitCommit": other}})
		}, unproven(verify.RuleCommit, notSaid, "gitCommit:"+commit)},
		{"commit: of another repository", func(c *trial) {
			c.statement.definition().at("resolvedDependencies")["uri"] = "git+https://github.com/evil/app@refs/tags/v2.0.0"
		}, unproven(verify.RuleCommit, notSaid, "gitCommit:"+commit)},
		{"commit: modified", func(c *trial) {
			c.statement.definition().at("resolvedDependencies")["annotations"] = object{"modified": true, "base": "gitCommit:" + commit}
		}, unproven(verify.RuleCommit, "files were modified after gitCommit:"+commit, "gitCommit:"+commit)},
		{"commit: modified, any commit wanted", func(c *trial) {
			c.policy.Commit = hallmark.Digest{}
			c.statement.definition().at("resolvedDependencies")["annotations"] = object{"modified": true, "base": "gitCommit:" + commit}
		}, unproven(verify.RuleCommit, "files were modified after gitCommit:"+commit, "a commit")},
		{"commit: none, any commit wanted", func(c *trial) {
			c.policy.Commit = hallmark.Digest{}
			delete(c.statement.definition(), "resolvedDependencies")
		}, unproven(verify.RuleCommit, notSaid, "a commit")},

		{
			"parameter: unknown", func(c *trial) { c.statement.external()["inputs"] = object{"channel": "beta"} },
			parameter("/inputs/channel", `"beta"`, "no such parameter"),
		},
		{
			"parameter: unknown and null", func(c *trial) { c.statement.external()["inputs"] = object{"channel": nil} },
			parameter("/inputs/channel", "null", "no such parameter"),
		},
		{
			"parameter: unknown and empty", func(c *trial) { c.statement.external()["inputs"] = object{} },
			parameter("/inputs", "{}", "no such parameter"),
		},
		{
			"parameter: unknown beside the source's", func(c *trial) { c.statement.external().at("workflow")["sha"] = commit },
			parameter("/workflow/sha", `"`+commit+`"`, "no such parameter"),
		},
		{
			"parameter: name that needs an escape", func(c *trial) { c.statement.external()["a/b~c"] = true },
			parameter("/a~1b~0c", "true", "no such parameter"),
		},
		{
			"parameter: missing", func(c *trial) { delete(c.statement.external().at("workflow"), "path") },
			parameter("/workflow/path", "no such parameter", `".github/workflows/release.yml"`),
		},
		{
			"parameter: other value", func(c *trial) { c.statement.external().at("workflow")["path"] = "x.yml" },
			parameter("/workflow/path", `"x.yml"`, `".github/workflows/release.yml"`),
		},
		{"parameter: array of the value", func(c *trial) {
			c.statement.external().at("workflow")["path"] = []any{".github/workflows/release.yml"}
		}, parameter("/workflow/path", `[".github/workflows/release.yml"]`, `".github/workflows/release.yml"`)},
		{"parameter: ref that is no string", func(c *trial) {
			c.policy.Refs = verify.Refs{Any: true}
			c.statement.external().at("workflow")["ref"] = []any{"refs/heads/evil"}
			c.statement.definition().at("resolvedDependencies")["uri"] = "git+" + source
		}, parameter("/workflow/ref", `["refs/heads/evil"]`, "no such parameter")},
		{"parameter: number with other digits", func(c *trial) {
			c.policy.Parameters["/n"] = verify.Parameter{OneOf: []any{1, json.Number("2.0")}}
			c.statement.external()["n"] = json.Number("1.0")
		}, parameter("/n", "1.0", "1 or 2.0")},
		{"parameter: number instead of text", func(c *trial) {
			c.policy.Parameters["/n"] = verify.Parameter{OneOf: []any{"1"}}
			c.statement.external()["n"] = 1
		}, parameter("/n", "1", `"1"`)},
		{"parameter: none allowed", func(c *trial) {
			c.policy.Parameters["/n"] = verify.Parameter{}
			c.statement.external()["n"] = 1
		}, parameter("/n", "1", "no value")},

		{"trigger", func(c *trial) {
			c.statement.definition().at("internalParameters", "github")["event_name"] = "pull_request_target"
		}, failed(verify.RuleTrigger, "pull_request_target", "push or release or workflow_dispatch")},
		{"trigger: missing", func(c *trial) {
			delete(c.statement.definition().at("internalParameters", "github"), "event_name")
		}, unproven(verify.RuleTrigger, notSaid, "push or release or workflow_dispatch")},
		{
			"trigger: not the one that is wanted", func(c *trial) { c.policy.Triggers = []string{"release"} },
			failed(verify.RuleTrigger, "push", "release"),
		},
		{"runner", func(c *trial) {
			c.statement.definition().at("internalParameters", "github")["runner_environment"] = "self-hosted"
		}, failed(verify.RuleRunner, "self-hosted", "github-hosted or gitlab-hosted")},
		{"runner: missing", func(c *trial) {
			delete(c.statement.definition().at("internalParameters", "github"), "runner_environment")
		}, unproven(verify.RuleRunner, notSaid, "github-hosted or gitlab-hosted")},

		{
			"required: missing", func(c *trial) { require(t, c, 1, 2) },
			[]verify.Check{{Rule: verify.RuleRequired, Item: sbomType, Outcome: verify.Failed, Got: "no evidence that one of these signed", Want: key2, Envelope: -1}},
		},
		{"required: of another signer", func(c *trial) {
			require(t, c, 1, 2)
			c.more = append(c.more, attest(t, c.artifact, sbomType, 1))
		}, []verify.Check{{Rule: verify.RuleRequired, Item: sbomType, Outcome: verify.Failed, Got: "no evidence that one of these signed", Want: key2, Envelope: -1}}},
		{"required: of another type", func(c *trial) {
			require(t, c, 1, 2)
			c.more = append(c.more, attest(t, c.artifact, "https://spdx.dev/Document", 2))
		}, []verify.Check{{Rule: verify.RuleRequired, Item: sbomType, Outcome: verify.Failed, Got: "no evidence that one of these signed", Want: key2, Envelope: -1}}},
		{"required: about another artifact", func(c *trial) {
			require(t, c, 1, 2)
			c.more = append(c.more, attest(t, anotherArtifact(t), sbomType, 2))
		}, []verify.Check{{
			Rule: verify.RuleSubject, Item: sbomType, Outcome: verify.Failed,
			Got: `"app" (` + anotherArtifact(t).Digests[0].String() + `)`, Want: subjects, Envelope: 1,
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			test.change(c)
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			wantRecalled(t, c.policy, c.artifact, c.envelopes(t), r, err)
			got := reasons(err)
			want := slices.Clone(test.want)
			for i := range min(len(got), len(want)) {
				if want[i].Want == "" {
					want[i].Want = got[i].Want
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("reasons\n%+v\nwant\n%+v\n(%v)", got, want, err)
			}
		})
	}
}

// require adds a requirement for an SBOM by threshold of the keys.
func require(t testing.TB, c *trial, threshold int, keys ...int) {
	var ids []verify.Identity
	for _, k := range keys {
		ids = append(ids, identity(t, k))
	}
	c.policy.Require = append(c.policy.Require, verify.Requirement{PredicateType: sbomType, Identities: ids, Threshold: threshold})
}

func anotherArtifact(t testing.TB) hallmark.Artifact {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader("another\n"))
	if err != nil {
		t.Fatal(err)
	}
	return hallmark.Artifact{Name: "app", Digests: ds}
}

// What the rules allow is accepted.
func TestAllowed(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*trial)
	}{
		{"artifact is the second subject", func(c *trial) {
			c.statement["subject"] = append([]any{object{"name": "lib", "digest": object{"sha256": strings.Repeat("0", 64)}}}, c.statement["subject"].([]any)...)
		}},
		{"artifact has another name", func(c *trial) { c.artifact.Name = "renamed" }},
		{"subject with both digests", func(c *trial) { c.statement.subject().at("digest")["sha512"] = c.artifact.Digest("sha512").Hex() }},
		{"subject with SHA-512 only", func(c *trial) { c.statement.subject()["digest"] = object{"sha512": c.artifact.Digest("sha512").Hex()} }},
		{"subject with an unknown algorithm", func(c *trial) { c.statement.subject().at("digest")["future256"] = "zz" }},
		{"unknown members", func(c *trial) {
			c.statement["comment"] = "x"
			c.statement.definition()["comment"] = object{"x": "y"}
		}},
		{"signed by others too", func(c *trial) { c.keys = []int{3, 1, 2} }},
		{"two builders with one key", func(c *trial) {
			c.policy.Builders = append([]verify.Builder{{ID: "https://example.com/builder", Identity: identity(t, 1)}}, c.policy.Builders...)
		}},
		{"branch", func(c *trial) {
			c.policy.Refs = verify.Refs{Branches: []string{"main", "release/2"}}
			c.statement.setRef("refs/heads/release/2")
		}},
		{"tag by name", func(c *trial) {
			c.policy.Refs = verify.Refs{Tags: []string{"v2.0.0-rc.1"}}
			c.statement.setRef("refs/tags/v2.0.0-rc.1")
		}},
		{"any ref", func(c *trial) {
			c.policy.Refs, c.policy.Commit = verify.Refs{Any: true}, hallmark.Digest{}
			c.statement.setRef("refs/pull/1/merge")
		}},
		{"commit alone, no ref", func(c *trial) {
			c.policy.Refs = verify.Refs{}
			delete(c.statement.external().at("workflow"), "ref")
			c.statement.definition().at("resolvedDependencies")["uri"] = "git+" + source
		}},
		{"ref alone", func(c *trial) { c.policy.Commit = hallmark.Digest{} }},
		{"parameters of every kind", func(c *trial) {
			c.statement.external()["inputs"] = object{"a/b": object{"c~d": []any{1, object{"y": 1, "x": nil}}}, "n": json.Number("1.0"), "e": object{}, "": "unnamed", "note": "whatever"}
			c.policy.Parameters["/inputs/a~1b/c~0d"] = verify.Parameter{OneOf: []any{"z", []any{1, map[string]any{"x": nil, "y": 1}}}}
			c.policy.Parameters["/inputs/n"] = verify.Parameter{OneOf: []any{json.Number("1.0")}}
			c.policy.Parameters["/inputs/e"] = verify.Parameter{OneOf: []any{map[string]any{}}}
			c.policy.Parameters["/inputs/"] = verify.Parameter{OneOf: []any{"unnamed"}}
			c.policy.Parameters["/inputs/note"] = verify.Parameter{Any: true}
		}},
		{"trigger and runner that the policy names", func(c *trial) {
			c.policy.Triggers, c.policy.Runners = []string{"schedule"}, []string{"self-hosted"}
			github := c.statement.definition().at("internalParameters", "github")
			github["event_name"], github["runner_environment"] = "schedule", "self-hosted"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			test.change(c)
			if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
				t.Error(err)
			}
		})
	}
}

// A build on somebody's own machine has neither events nor kinds of runners. The
// rules hold for it only if the policy asks.
func TestLocal(t *testing.T) {
	local := func(t *testing.T, s provenance.Source) (*verify.Policy, hallmark.Artifact, *sign.Envelope) {
		a := newArtifact(t)
		st, err := provenance.Local(s).Statement(a)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := st.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p := policy(t)
		p.Builders[0].ID = provenance.LocalBuilder
		p.BuildTypes = []string{provenance.LocalBuildType}
		p.Parameters = nil
		return p, a, seal(t, provenance.MediaType, payload, 1)
	}
	full := provenance.Source{Repository: source, Ref: "refs/tags/v2.0.0", Commit: gitCommit(t, commit)}

	p, a, e := local(t, full)
	if _, err := p.Verify(t.Context(), a, e); err != nil {
		t.Error(err)
	}
	p.Triggers, p.Runners = []string{"push"}, []string{"github-hosted"}
	_, err := p.Verify(t.Context(), a, e)
	want := []verify.Check{
		{Rule: verify.RuleTrigger, Outcome: verify.Unproven, Got: "the evidence does not say", Want: "push"},
		{Rule: verify.RuleRunner, Outcome: verify.Unproven, Got: "the evidence does not say", Want: "github-hosted"},
	}
	if got := reasons(err); !slices.Equal(got, want) {
		t.Errorf("reasons %+v, want %+v", got, want)
	}

	// What is not known of the source is unproven, and nothing else is wrong.
	for _, s := range []provenance.Source{{}, {Ref: full.Ref}, {Commit: full.Commit}, {Ref: full.Ref, Commit: full.Commit}} {
		p, a, e := local(t, s)
		_, err := p.Verify(t.Context(), a, e)
		var no *verify.RejectedError
		if !errors.As(err, &no) || !no.Unproven() {
			t.Errorf("source %+v: %v, want it unproven", s, err)
			continue
		}
		var rules []verify.Rule
		for _, c := range no.Reasons {
			rules = append(rules, c.Rule)
		}
		if want := []verify.Rule{verify.RuleSource, verify.RuleRef, verify.RuleCommit}; !slices.Equal(rules, want) {
			t.Errorf("source %+v: rules %v, want %v", s, rules, want)
		}
		if !strings.HasPrefix(err.Error(), "app unproven\n") {
			t.Errorf("source %+v: %v", s, err)
		}
	}
}

// One fault and one that is not known make a rejection that is not unproven.
func TestUnprovenAndFailed(t *testing.T) {
	c := newTrial(t)
	delete(c.statement.definition(), "resolvedDependencies")
	c.statement.external().at("workflow")["path"] = "x.yml"
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	var no *verify.RejectedError
	if !errors.As(err, &no) || no.Unproven() || len(no.Reasons) != 2 {
		t.Errorf("%v, want two reasons that are not unproven together", err)
	}
}

// Every rule that fails is reported, of every statement about the artifact.
func TestAllReasons(t *testing.T) {
	c := newTrial(t)
	c.policy.Source = "https://github.com/acme/other"
	c.policy.BuildTypes = []string{"https://example.com/type"}
	c.policy.Refs = verify.Refs{Branches: []string{"main"}}
	c.policy.Commit = gitCommit(t, other)
	c.policy.Parameters = nil
	c.policy.Triggers = []string{"schedule"}
	c.policy.Runners = []string{"own"}
	c.policy.Builders[0].ID = "https://example.com/builder"
	require(t, c, 1, 2)
	c.more = append(c.more, seal(t, provenance.MediaType, c.statement, 1))
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	one := []verify.Rule{
		verify.RuleBuilder, verify.RuleBuildType, verify.RuleSource, verify.RuleRef, verify.RuleCommit,
		verify.RuleParameter, verify.RuleTrigger, verify.RuleRunner,
	}
	want := slices.Concat(one, one, []verify.Rule{verify.RuleRequired})
	var got []verify.Rule
	for _, r := range reasons(err) {
		got = append(got, r.Rule)
		if r.Outcome != verify.Failed {
			t.Errorf("%v: outcome %s", r.Rule, r.Outcome)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules %v\nwant %v", got, want)
	}
	if n := strings.Count(err.Error(), "\n"); n != len(want) {
		t.Errorf("the error has %d lines of reasons, want %d:\n%v", n, len(want), err)
	}
}

// What a build step chose cannot fake a line of a report.
func TestReportLines(t *testing.T) {
	c := newTrial(t)
	c.artifact.Name = "app\n::error::x"
	c.statement.at("predicate", "runDetails", "builder")["id"] = "x\n  source: fine\x1b[2J" + strings.Repeat("y", 5000)
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if n := strings.Count(err.Error(), "\n"); n != 1 || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 2000 {
		t.Errorf("report of %d bytes:\n%s", len(err.Error()), err)
	}
	if got := reasons(err)[0].Got; !strings.HasPrefix(got, "x\n") || len(got) < 5000 {
		t.Errorf("the data is not what the evidence says: %.100q", got)
	}
}

// Signed by whom the policy trusts, but not readable: neither yes nor no.
func TestUndecided(t *testing.T) {
	a := newArtifact(t)
	good, err := json.Marshal(statement(a))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string]string{
		"empty":                   "",
		"truncated":               string(good[:len(good)-1]),
		"not JSON":                "hello",
		"array":                   "[" + string(good) + "]",
		"null":                    "null",
		"byte order mark":         "\ufeff" + string(good),
		"data behind":             string(good) + "{}",
		"subject twice":           strings.Replace(string(good), `"subject":`, `"subject":[],"subject":`, 1),
		"builder twice":           strings.Replace(string(good), `"builder":`, `"builder":{"id":"x"},"builder":`, 1),
		"deep":                    strings.Replace(string(good), `"_type"`, `"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,"_type"`, 1),
		"no statement type":       strings.Replace(string(good), `"_type"`, `"type"`, 1),
		"unknown statement type":  strings.Replace(string(good), "Statement/v1", "Statement/v2", 1),
		"no predicate type":       strings.Replace(string(good), `"predicateType"`, `"predicatetype"`, 1),
		"no subject":              strings.Replace(string(good), `"subject"`, `"SUBJECT"`, 1),
		"no predicate":            strings.Replace(string(good), `"predicate":`, `"Predicate":`, 1),
		"predicate is an array":   strings.Replace(string(good), `"predicate":`, `"predicate":[],"x":`, 1),
		"builder id is a number":  strings.Replace(string(good), `"id":"`+builderID+`"`, `"id":7`, 1),
		"parameters are an array": strings.Replace(string(good), `"externalParameters":`, `"externalParameters":[],"x":`, 1),
		"not UTF-8":               strings.Replace(string(good), "release.yml", "\xff", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if payload == string(good) {
				t.Fatal("the case changes nothing")
			}
			c := newTrial(t)
			c.raw = []byte(payload)
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if end(r, err) != undecided || !strings.Contains(err.Error(), "evidence 0: malformed ") {
				t.Errorf("%v, %v, want it undecided", r, err)
			}
			// It takes nothing from other evidence that is enough.
			c.more = []*sign.Envelope{seal(t, provenance.MediaType, good, 1)}
			if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
				t.Errorf("beside good evidence: %v", err)
			}
			// Of somebody else it says nothing.
			c.more, c.keys = nil, []int{2}
			if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != rejected {
				t.Errorf("signed by another key: %v, %v", r, err)
			}
		})
	}
}

// A part of a policy that surely fails is a rejection, and one that is satisfied
// is no doubt, whatever cannot be read beside.
func TestUndecidedParts(t *testing.T) {
	unreadable := seal(t, provenance.MediaType, []byte("{"), 1)
	for _, test := range []struct {
		name   string
		change func(*trial)
		want   string
	}{
		{"provenance not there, and perhaps unreadable", func(c *trial) { c.none = true }, undecided},
		{"requirement not there, and perhaps unreadable", func(c *trial) { require(t, c, 1, 1) }, undecided},
		{"requirement of somebody else not there", func(c *trial) { require(t, c, 1, 2) }, rejected},
		{"provenance perhaps unreadable, requirement of somebody else not there", func(c *trial) {
			c.none = true
			require(t, c, 1, 2)
		}, rejected},
		{"provenance enough, requirement enough", func(c *trial) {
			require(t, c, 1, 1)
			c.more = append(c.more, attest(t, c.artifact, sbomType, 1))
		}, accepted},
		{"requirement enough, another perhaps unreadable", func(c *trial) {
			require(t, c, 1, 1)
			c.policy.Require[0].PredicateType = "https://spdx.dev/Document"
			require(t, c, 1, 1)
			c.more = append(c.more, attest(t, c.artifact, sbomType, 1))
		}, undecided},
	} {
		c := newTrial(t)
		c.more = []*sign.Envelope{unreadable}
		test.change(c)
		if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != test.want {
			t.Errorf("%s: %v, %v, want %s", test.name, r, err, test.want)
		}
	}
}

func TestNoDigest(t *testing.T) {
	c := newTrial(t)
	ds, err := hallmark.Hash(strings.NewReader("app\n"), "sha1")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []hallmark.Artifact{{}, {Name: "app"}, {Name: "app", Digests: ds}, {Digests: []hallmark.Digest{{}}}} {
		if r, err := c.policy.Verify(t.Context(), a, c.envelopes(t)...); end(r, err) != undecided {
			t.Errorf("%v: %v, %v, want an error", a, r, err)
		}
	}
}

// oracle is an Identity that does what it is told.
type oracle func(context.Context, *sign.Envelope) (*verify.Evidence, error)

func (o oracle) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	return o(ctx, e)
}
func (o oracle) String() string { return "an oracle" }

// An identity that fails, or whose answer cannot be true, decides nothing.
func TestIdentityFails(t *testing.T) {
	down := errors.New("service is down")
	for name, o := range map[string]oracle{
		"error":   func(context.Context, *sign.Envelope) (*verify.Evidence, error) { return nil, down },
		"nothing": func(context.Context, *sign.Envelope) (*verify.Evidence, error) { return nil, nil },
		"nobody": func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
			return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload}, nil
		},
		"other bytes": func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
			return &verify.Evidence{PayloadType: e.PayloadType, Payload: []byte("{}"), Claims: &verify.Claims{}}, nil
		},
		"another type": func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
			return &verify.Evidence{PayloadType: "x", Payload: e.Payload, Claims: &verify.Claims{}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTrial(t)
			c.policy.Builders[0].Identity = o
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if end(r, err) != undecided || !strings.Contains(err.Error(), "an oracle") || name == "error" && !errors.Is(err, down) {
				t.Errorf("builder: %v, %v, want it undecided", r, err)
			}
			c.policy.Builders = append(c.policy.Builders, verify.Builder{ID: builderID, Identity: identity(t, 1)})
			if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
				t.Errorf("beside a builder that is enough: %v", err)
			}
			c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{o}}}
			if r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); end(r, err) != undecided {
				t.Errorf("requirement: %v, %v, want it undecided", r, err)
			}
		})
	}
}

// An identity that says why it did not sign is quoted, if nothing else speaks of
// the artifact.
func TestRefused(t *testing.T) {
	c := newTrial(t)
	no := oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) {
		return nil, fmt.Errorf("%w: wrong ink", verify.ErrNotSigned)
	})
	c.policy.Builders[0].Identity = no
	c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{no, identity(t, 2)}}}
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	want := []verify.Check{
		{Rule: verify.RuleSignature, Outcome: verify.Failed, Got: "not signed by this identity: wrong ink", Want: "an oracle"},
		{Rule: verify.RuleRequired, Item: sbomType, Outcome: verify.Failed, Got: "not signed by this identity: wrong ink", Want: "an oracle"},
	}
	if got := reasons(err); !slices.Equal(got, want) {
		t.Errorf("reasons %+v\nwant %+v", got, want)
	}
	c.policy.Builders = append(c.policy.Builders, verify.Builder{ID: builderID, Identity: identity(t, 1)})
	c.policy.Require = nil
	if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
		t.Error(err)
	}
}

// With a certificate, its claims are what is believed and what the predicate
// must not contradict.
func TestClaims(t *testing.T) {
	claims := func() *verify.Claims {
		return &verify.Claims{
			Issuer: "https://token.actions.githubusercontent.com", Builder: builderID, Repository: source, Ref: "refs/tags/v2.0.0",
			Commit: commit, Trigger: "push", Runner: "github-hosted", Invocation: source + "/actions/runs/1/attempts/1",
		}
	}
	for _, test := range []struct {
		name   string
		change func(*trial, *verify.Claims)
		want   []verify.Check
	}{
		{"agree", func(*trial, *verify.Claims) {}, nil},
		{"predicate without circumstances", func(c *trial, _ *verify.Claims) { delete(c.statement.definition(), "internalParameters") }, nil},
		{
			"builder", func(_ *trial, c *verify.Claims) { c.Builder = "x" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "builder", Outcome: verify.Failed, Got: builderID, Want: "x"}},
		},
		{
			"repository", func(_ *trial, c *verify.Claims) { c.Repository = "x" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "source", Outcome: verify.Failed, Got: source, Want: "x"}},
		},
		{
			"ref", func(_ *trial, c *verify.Claims) { c.Ref = "x" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "ref", Outcome: verify.Failed, Got: "refs/tags/v2.0.0", Want: "x"}},
		},
		{
			"commit", func(_ *trial, c *verify.Claims) { c.Commit = other },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "commit", Outcome: verify.Failed, Got: commit, Want: other}},
		},
		{
			"no commit claim", func(_ *trial, c *verify.Claims) { c.Commit = "" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "commit", Outcome: verify.Unproven, Got: commit, Want: "a claim of the certificate"}},
		},
		{
			"invocation", func(_ *trial, c *verify.Claims) { c.Invocation = "x" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "invocation", Outcome: verify.Failed, Got: source + "/actions/runs/1/attempts/1", Want: "x"}},
		},
		{"trigger", func(_ *trial, c *verify.Claims) { c.Trigger = "pull_request" }, []verify.Check{
			{Rule: verify.RuleTrigger, Outcome: verify.Failed, Got: "pull_request", Want: "push or release or workflow_dispatch"},
			{Rule: verify.RuleCertificate, Item: "trigger", Outcome: verify.Failed, Got: "push", Want: "pull_request"},
		}},
		{
			"trigger that is allowed too", func(_ *trial, c *verify.Claims) { c.Trigger = "release" },
			[]verify.Check{{Rule: verify.RuleCertificate, Item: "trigger", Outcome: verify.Failed, Got: "push", Want: "release"}},
		},
		{"no runner claim", func(c *trial, cl *verify.Claims) {
			cl.Runner = ""
			delete(c.statement.definition(), "internalParameters")
		}, []verify.Check{{Rule: verify.RuleRunner, Outcome: verify.Unproven, Got: "the evidence does not say", Want: "github-hosted or gitlab-hosted"}}},
		{"what is asked beside", func(c *trial, cl *verify.Claims) {
			cl.RepositoryID, cl.OwnerID, cl.Environment, cl.BuildSignerDigest = "42", "7", "production", commit
			c.policy.SourceID, c.policy.OwnerID, c.policy.Environments = "42", "7", []string{"staging", "production"}
			c.policy.Builders[0].Commit = gitCommit(t, commit)
		}, nil},
		{"a repository made anew", func(c *trial, cl *verify.Claims) {
			cl.RepositoryID, c.policy.SourceID = "43", "42"
		}, []verify.Check{{Rule: verify.RuleSource, Item: "repository id", Outcome: verify.Failed, Got: "43", Want: "42"}}},
		{"an owner made anew", func(c *trial, cl *verify.Claims) {
			cl.OwnerID, c.policy.OwnerID = "8", "7"
		}, []verify.Check{{Rule: verify.RuleSource, Item: "owner id", Outcome: verify.Failed, Got: "8", Want: "7"}}},
		{"another environment", func(c *trial, cl *verify.Claims) {
			cl.Environment, c.policy.Environments = "staging", []string{"production"}
		}, []verify.Check{{Rule: verify.RuleEnvironment, Outcome: verify.Failed, Got: "staging", Want: "production"}}},
		{"another commit of the builder", func(c *trial, cl *verify.Claims) {
			cl.BuildSignerDigest, c.policy.Builders[0].Commit = other, gitCommit(t, commit)
		}, []verify.Check{{Rule: verify.RuleBuilder, Item: "commit", Outcome: verify.Failed, Got: "gitCommit:" + other, Want: "gitCommit:" + commit}}},
		{"nothing of what is asked beside", func(c *trial, cl *verify.Claims) {
			c.policy.SourceID, c.policy.OwnerID, c.policy.Environments = "42", "7", []string{"production"}
			c.policy.Builders[0].Commit = gitCommit(t, commit)
		}, []verify.Check{
			{Rule: verify.RuleBuilder, Item: "commit", Outcome: verify.Unproven, Got: "the evidence does not say", Want: "gitCommit:" + commit},
			{Rule: verify.RuleSource, Item: "repository id", Outcome: verify.Unproven, Got: "the evidence does not say", Want: "42"},
			{Rule: verify.RuleSource, Item: "owner id", Outcome: verify.Unproven, Got: "the evidence does not say", Want: "7"},
			{Rule: verify.RuleEnvironment, Outcome: verify.Unproven, Got: "the evidence does not say", Want: "production"},
		}},
		{"ids that the predicate has and the certificate has not", func(c *trial, cl *verify.Claims) {
			c.statement.definition().at("internalParameters", "github")["repository_id"] = "42"
			c.policy.SourceID = "42"
		}, []verify.Check{
			{Rule: verify.RuleSource, Item: "repository id", Outcome: verify.Unproven, Got: "the evidence does not say", Want: "42"},
			{Rule: verify.RuleCertificate, Item: "repository id", Outcome: verify.Unproven, Got: "42", Want: "a claim of the certificate"},
		}},
		{"ids that differ", func(c *trial, cl *verify.Claims) {
			c.statement.definition().at("internalParameters", "github")["repository_owner_id"] = "8"
			cl.OwnerID, c.policy.OwnerID = "7", "7"
		}, []verify.Check{{Rule: verify.RuleCertificate, Item: "owner id", Outcome: verify.Failed, Got: "8", Want: "7"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, cl := newTrial(t), claims()
			test.change(c, cl)
			c.policy.Builders[0].Identity = oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
				return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: cl}, nil
			})
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if got := reasons(err); !slices.Equal(got, test.want) {
				t.Errorf("reasons %+v\nwant %+v", got, test.want)
			}
			if test.want == nil && (err != nil || r.Checks()[0].Got != builderID) {
				t.Errorf("%v, %v", r, err)
			}
		})
	}

	// One builder, trusted by its certificate or by its key: either is enough.
	c, cl := newTrial(t), claims()
	cl.Trigger = "pull_request"
	c.policy.Builders = append([]verify.Builder{{ID: builderID, Level: 3, Identity: oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: cl}, nil
	})}}, c.policy.Builders...)
	r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if err != nil || r.Level() != 2 {
		t.Errorf("%v, %v, want it accepted at level 2, by the key", r, err)
	}
	// What fails for both is one reason.
	c.policy.BuildTypes = []string{"https://example.com/type"}
	_, err = c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	var rules []verify.Rule
	for _, r := range reasons(err) {
		rules = append(rules, r.Rule)
	}
	if want := []verify.Rule{verify.RuleBuildType, verify.RuleTrigger, verify.RuleCertificate}; !slices.Equal(rules, want) {
		t.Errorf("rules %v, want %v", rules, want)
	}
}

// The earliest time counts, and of a key only one that it says itself: what was
// signed before a time may have been for long.
func TestAge(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	ago := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	const (
		passed   = verify.Passed
		failed   = verify.Failed
		unproven = verify.Unproven
	)
	for _, test := range []struct {
		name     string
		finished time.Time // in the provenance
		times    []time.Time
		certain  bool // there is a certificate
		want     verify.Outcome
		got      string
	}{
		{"a key", ago(23), nil, false, passed, "23h0m0s, of 2026-03-01T13:00:00Z by the provenance"},
		{"a key, to the second", ago(24), nil, false, passed, "24h0m0s, of 2026-03-01T12:00:00Z by the provenance"},
		{"a key, a second late", ago(24).Add(-time.Second), nil, false, failed, "24h0m1s, of 2026-03-01T11:59:59Z by the provenance"},
		{"a key, and no time", time.Time{}, nil, false, unproven, "the evidence does not say"},
		{"a key that was stamped", ago(1), []time.Time{ago(25)}, false, failed, "25h0m0s, of 2026-03-01T11:00:00Z by an authority"},
		{"a key that was stamped anew", ago(25), []time.Time{ago(1)}, false, failed, "25h0m0s, of 2026-03-01T11:00:00Z by the provenance"},
		{"a key that was stamped, and no time", time.Time{}, []time.Time{ago(1)}, false, unproven, "the evidence does not say"},
		{"a certificate", time.Time{}, []time.Time{ago(1)}, true, passed, "1h0m0s, of 2026-03-02T11:00:00Z by an authority"},
		{"a certificate for what is older", ago(99), []time.Time{ago(1)}, true, failed, "99h0m0s, of 2026-02-26T09:00:00Z by the provenance"},
		{"a certificate that was stamped anew", ago(1), []time.Time{ago(1), ago(25), ago(2)}, true, failed, "25h0m0s, of 2026-03-01T11:00:00Z by an authority"},
		{"a certificate, and no time", ago(1), nil, true, unproven, "the evidence does not say"},
		{"a clock that is a little behind", now.Add(5 * time.Minute), nil, false, passed, "-5m0s, of 2026-03-02T12:05:00Z by the provenance"},
		{"tomorrow", now.Add(24 * time.Hour), nil, false, failed, "2026-03-03T12:00:00Z by the provenance, after now, 2026-03-02T12:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			c.policy.MaxAge, c.policy.Now = 24*time.Hour, func() time.Time { return now }
			if !test.finished.IsZero() {
				c.statement.at("predicate", "runDetails", "metadata")["finishedOn"] = test.finished.Format(time.RFC3339)
			}
			key := c.policy.Builders[0].Identity
			c.policy.Builders[0].Identity = oracle(func(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
				ev, err := key.Recognize(ctx, e)
				if err != nil {
					return nil, err
				}
				ev.Times = test.times
				if test.certain {
					ev.Keys, ev.Claims = nil, &verify.Claims{
						Issuer: "https://token.actions.githubusercontent.com", Builder: builderID, Repository: source, Ref: "refs/tags/v2.0.0",
						Commit: commit, Trigger: "push", Runner: "github-hosted", Invocation: source + "/actions/runs/1/attempts/1",
					}
				}
				return ev, nil
			})
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			checks := reasons(err)
			if err == nil {
				checks = r.Checks()
			}
			i := slices.IndexFunc(checks, func(c verify.Check) bool { return c.Rule == verify.RuleAge })
			if i < 0 || (err == nil) != (test.want == passed) || checks[i].Outcome != test.want || checks[i].Got != test.got || checks[i].Want != "at most 1 day" {
				t.Errorf("%v, %+v, want %s: %s", err, checks, test.want, test.got)
			}
		})
	}
}

func TestRequirements(t *testing.T) {
	a := newArtifact(t)
	sbom := func(keys ...int) *sign.Envelope { return attest(t, a, sbomType, keys...) }
	for _, test := range []struct {
		name      string
		threshold int
		ids       [][]int // the keys of each identity
		evidence  []*sign.Envelope
		want      int // distinct signers; accepted if as many as the threshold
	}{
		{"one of one", 1, [][]int{{2}}, []*sign.Envelope{sbom(2)}, 1},
		{"zero means one", 0, [][]int{{2}}, nil, 0},
		{"one of two", 1, [][]int{{2}, {3}}, []*sign.Envelope{sbom(3)}, 1},
		{"both in one envelope", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(2, 3)}, 2},
		{"both in two envelopes", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(3), sbom(2)}, 2},
		{"only one of two", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(2)}, 1},
		{"one twice", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(2), sbom(2)}, 1},
		{"one key as two identities", 2, [][]int{{2}, {2}}, []*sign.Envelope{sbom(2), sbom(2)}, 1},
		{"a group is one identity", 2, [][]int{{2, 3}, {4}}, []*sign.Envelope{sbom(2, 3)}, 1},
		{"groups that share a key", 2, [][]int{{2, 3}, {2}}, []*sign.Envelope{sbom(2, 3)}, 2},
		{"groups that share a key, one signed", 2, [][]int{{2, 3}, {2}}, []*sign.Envelope{sbom(2)}, 1},
		{"three that must move over", 3, [][]int{{2, 3}, {3, 4}, {2}}, []*sign.Envelope{sbom(2), sbom(3), sbom(4)}, 3},
		{"a key and two names of another", 3, [][]int{{2, 3, 4}, {5}, {5}}, []*sign.Envelope{sbom(2, 3, 4, 5)}, 2},
		{"somebody else's", 1, [][]int{{2}}, []*sign.Envelope{sbom(9)}, 0},
		{"one is about another artifact", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(2), attest(t, anotherArtifact(t), sbomType, 3)}, 1},
		{"one is of another type", 2, [][]int{{2}, {3}}, []*sign.Envelope{sbom(2), attest(t, a, "https://spdx.dev/Document", 3)}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTrial(t)
			q := verify.Requirement{PredicateType: sbomType, Threshold: test.threshold}
			for _, keys := range test.ids {
				q.Identities = append(q.Identities, identity(t, keys...))
			}
			c.policy.Require = []verify.Requirement{q}
			c.more = test.evidence
			r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
			if test.want >= max(test.threshold, 1) {
				if err != nil {
					t.Fatal(err)
				}
				if got := len(r.Statements()); got != 1+len(test.evidence) {
					t.Errorf("%d statements, want the provenance and %d", got, len(test.evidence))
				}
				return
			}
			got := reasons(err)
			if len(got) == 0 {
				t.Fatalf("%v, %v, want it rejected", r, err)
			}
			text := "no evidence that one of these signed"
			if test.want > 0 {
				text = fmt.Sprintf("%d distinct signers", test.want)
			}
			if c := got[0]; c.Rule != verify.RuleRequired || c.Item != sbomType || c.Outcome != verify.Failed || c.Got != text || c.Envelope != -1 {
				t.Errorf("%+v, want got %q", c, text)
			}
			if test.name == "one is about another artifact" && (len(got) != 2 || got[1].Rule != verify.RuleSubject || got[1].Envelope != 2) {
				t.Errorf("reasons %+v, want the subject too", got)
			}
		})
	}
}

// A statement may serve several requirements, and what fails one may serve
// another.
func TestRequirementsAreIndependent(t *testing.T) {
	c := newTrial(t)
	require(t, c, 1, 2)
	require(t, c, 1, 3)
	c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 2, 3)}
	if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
		t.Error(err)
	}
	c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 2)}
	_, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
	if got := reasons(err); len(got) != 1 || got[0].Want != keyText(t, 3) {
		t.Errorf("reasons %+v, want the second requirement's alone", got)
	}
}

// Of several builds the most trusted counts, whatever their order.
func TestLevels(t *testing.T) {
	c := newTrial(t)
	c.policy.Builders = []verify.Builder{
		{ID: "https://example.com/builder", Identity: identity(t, 2)},
		{ID: builderID, Identity: identity(t, 1), Level: 3},
	}
	strong := seal(t, c.typ, c.statement, 1)
	c.statement.at("predicate", "runDetails", "builder")["id"] = "https://example.com/builder"
	weak := seal(t, c.typ, c.statement, 2)
	for _, test := range []struct {
		envelopes []*sign.Envelope
		want      int
	}{
		{[]*sign.Envelope{weak, strong}, 3},
		{[]*sign.Envelope{strong, weak}, 3},
		{[]*sign.Envelope{weak}, 1},
	} {
		r, err := c.policy.Verify(t.Context(), c.artifact, test.envelopes...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Level() != test.want || (r.Builder().ID == builderID) != (test.want == 3) || r.Build().Builder != r.Builder().ID {
			t.Errorf("level %d by %s, want %d", r.Level(), r.Builder().ID, test.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	c := newTrial(t)
	require(t, c, 1, 1)
	reason := errors.New("the gate closes")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	for _, envelopes := range [][]*sign.Envelope{nil, c.envelopes(t)} {
		r, err := c.policy.Verify(ctx, c.artifact, envelopes...)
		if end(r, err) != undecided || !errors.Is(err, reason) {
			t.Errorf("%v, %v, want %v", r, err, reason)
		}
	}

	// While an identity is asked, of a builder and of a requirement.
	for _, requirement := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		stop := oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) {
			cancel()
			return nil, verify.ErrNotSigned
		})
		c := newTrial(t)
		if requirement {
			c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{stop}}}
		} else {
			c.policy.Builders[0].Identity = stop
		}
		r, err := c.policy.Verify(ctx, c.artifact, c.envelopes(t)...)
		if end(r, err) != undecided || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v, want it cancelled", r, err)
		}
		cancel()
	}
}

func TestNilEnvelope(t *testing.T) {
	c := newTrial(t)
	good := c.envelopes(t)[0]
	if _, err := c.policy.Verify(t.Context(), c.artifact, nil, good, nil); err != nil {
		t.Error(err)
	}
	r, err := c.policy.Verify(t.Context(), c.artifact, nil)
	if end(r, err) != undecided || !strings.Contains(err.Error(), "evidence 0: no envelope") {
		t.Errorf("%v, %v, want it undecided", r, err)
	}
}

// Nothing that a caller holds can change a Result.
func TestResultIsImmutable(t *testing.T) {
	c := newTrial(t)
	c.statement.subject()["annotations"] = object{"list": []any{object{"a": "b"}}}
	c.statement.subject()["content"] = "YXBw"
	c.statement.subject()["acme_x"] = "y"
	c.statement.subject().at("digest")["dirHash1"] = strings.Repeat("0", 64)
	require(t, c, 1, 1)
	c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 1)}
	envelopes := c.envelopes(t)
	r, err := c.policy.Verify(t.Context(), c.artifact, envelopes...)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := func() string {
		b, err := json.Marshal([]any{r.Artifact().Name, r.Artifact().Digests, r.Builder().ID, r.Level(), r.Build(), r.Statements(), fmt.Sprintf("%+v", r.Checks())})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := snapshot()

	c.artifact.Digests[0] = gitCommit(t, other)
	for _, e := range envelopes {
		for i := range e.Payload {
			e.Payload[i] = 'x'
		}
	}
	c.policy.Builders[0].ID = "x"
	c.policy.Builders[0].Level = 3
	r.Artifact().Digests[0] = gitCommit(t, other)
	r.Build().Builder = "x"
	r.Build().External["workflow"].(map[string]any)["path"] = "x"
	r.Checks()[0].Outcome = verify.Failed
	for _, s := range r.Statements() {
		s.PredicateType = "x"
		for i := range s.Predicate {
			s.Predicate[i] = 'x'
		}
		s.Subjects[0].Name = "x"
		s.Subjects[0].Digest["sha256"] = "x"
		if s.Subjects[0].Annotations != nil {
			s.Subjects[0].Content[0] = 'x'
			s.Subjects[0].Annotations["list"].([]any)[0].(map[string]any)["a"] = "x"
			s.Subjects[0].Extensions["acme_x"][1] = 'x'
			s.Notes[0].Text = "x"
		}
	}
	r.Statements()[0] = nil
	if after := snapshot(); after != before {
		t.Errorf("the result became\n%s\nand was\n%s", after, before)
	}
}

// A Policy is shared by many goroutines.
func TestConcurrent(t *testing.T) {
	c := newTrial(t)
	require(t, c, 2, 1, 2)
	c.more = []*sign.Envelope{attest(t, c.artifact, sbomType, 1, 2)}
	envelopes := c.envelopes(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			evidence, want := envelopes, accepted
			if i%2 == 1 {
				evidence, want = envelopes[1:], rejected
			}
			if r, err := c.policy.Verify(t.Context(), c.artifact, evidence...); end(r, err) != want {
				t.Errorf("%v, %v, want %s", r, err, want)
			}
		})
	}
	wg.Wait()
}
