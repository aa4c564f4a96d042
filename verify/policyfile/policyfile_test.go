package policyfile_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// key returns the keys that the tests' files name.
func key(name string) (sign.Verifier, error) {
	switch name {
	case "release", "audit":
		return sign.NewVerifier(ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize)).Public())
	case "broken":
		return nil, nil
	}
	return nil, errors.New("no such key")
}

func identity(t testing.TB, name string) verify.Identity {
	t.Helper()
	v, err := key(name)
	if err != nil {
		t.Fatal(err)
	}
	id, err := verify.Key(v)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// options are those of the tests.
func options() policyfile.Options {
	return policyfile.Options{
		Key: key,
		Workflow: func(issuer, builder string, refs verify.Refs) (verify.Identity, error) {
			return keyless(workflow(issuer, builder, refs))
		},
		Account: func(issuer, subject string) (verify.Identity, error) { return keyless(account(issuer, subject)) },
	}
}

// A signatory is who signs without a key, and here never did.
type signatory struct{ kind, issuer, name, refs string }

func workflow(issuer, builder string, refs verify.Refs) signatory {
	return signatory{"workflow", issuer, builder, fmt.Sprintf("%#v", refs)}
}

func account(issuer, subject string) signatory { return signatory{"account", issuer, subject, ""} }

func keyless(s signatory) (verify.Identity, error) {
	if s.issuer == "" || s.name == "" {
		return nil, errors.New("asked for who has no name")
	}
	switch s.issuer {
	case "nobody":
		return nil, nil
	case "stranger":
		return nil, errors.New("no such issuer")
	}
	return s, nil
}

func (s signatory) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return nil, verify.ErrNotSigned
}

func (s signatory) String() string {
	return s.kind + " " + s.name + " of " + s.issuer + " at " + s.refs
}

// inspector finds nothing.
var inspector = new(blind)

type blind struct{}

func (*blind) Inspect(context.Context, hallmark.Artifact, *provenance.Statement, verify.Question) ([]verify.Finding, error) {
	return []verify.Finding{{Outcome: verify.Unproven}}, nil
}

const whole = `expires: 2127-01-31
serial: 7
builders:
  - id: https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0
    key: release                # a comment
    level: 2
    commit: 89abcdef0123456789abcdef0123456789abcdef
  - {id: https://example.com/builder, key: audit}
  - workflow: {issuer: https://issuer.example}
    refs: {versions: v1}
    id: https://ci.example/release.yml
  - {id: https://ci.example/level3, delegated: true, workflow: {builder: https://ci.example/build.yml, refs: {tags: [v2]}, issuer: https://issuer.example}, level: 3}
source: https://github.com/org/app
sourceID: "1296269"
ownerID: "583231"
subject: pkg:npm/%40org/app@1.2.3
refs: {releases: true, versions: ">=1.2.0 <2.0.0", branches: [main], tags: [nightly]}
commit: 0123456789abcdef0123456789abcdef01234567
signedCommit: true
version: v1.2.3
atLeast: v1.1.0
buildTypes: [https://actions.github.io/buildtypes/workflow/v1, https://example.com/type]
older: true
parameters:
  /workflow/path: .github/workflows/release.yml
  /inputs/channel: {oneOf: [stable, beta, 1, 1.0, true, null]}
  /inputs/note: any
  /inputs/text: "any"
  /inputs/free: {any: true}
  /inputs/list: [a, [], {}, {b: [1], any: any}]
  /inputs/none: null
triggers: [push, release]
runners: [github-hosted]
environments: [production]
maxAge: 30d
inputs:
  pinned:
    https://go.dev/dl/go.tar.gz: sha256:0000000000000000000000000000000000000000000000000000000000000001
  origins: ["git+https://github.com/org/"]
  digests: true
buildInfo: true
steps:
  - {name: review, predicateType: "https://in-toto.io/attestation/link/v0.3", keys: [audit, release], threshold: 2}
  - name: bundle
    predicateType: https://slsa.dev/provenance/v1
    builder: https://example.com/bundler
    accounts: [{issuer: https://accounts.example, subject: a@example.com}]
require:
  - predicateType: https://cyclonedx.org/bom
    keys: [release, audit]
    threshold: 2
    subject: app
    maxAge: 90d
    sbom: {minimum: [ntia-2021], buildInfo: true, minAge: 7d, maxAge: 1000d}
  - {predicateType: https://spdx.dev/Document, keys: [audit]}
  - predicateType: https://example.com/review
    workflows: [{issuer: https://issuer.example, builder: https://ci.example/test.yml, refs: {branches: [main]}}]
    accounts:
      - {issuer: https://accounts.example, subject: a@example.com}
      - {issuer: https://accounts.example, subject: b@example.com}
    keys: [audit]
    threshold: 3
  - {predicateType: "https://in-toto.io/attestation/test-result/v0.1", keys: [audit], tests: true}
  - {predicateType: "https://in-toto.io/attestation/vulns/v0.2", keys: [audit], scan: {below: 9.0, method: cvss_score}}
  - {predicateType: "https://in-toto.io/attestation/vulns/v0.2", keys: [release], scan: {}}
  - predicateType: https://slsa.dev/verification_summary/v1
    source: true
    keys: [audit]
    summary:
      verifier: https://example.com/verifier
      resource: git+https://github.com/org/app
      refs: {branches: [main]}
      level: 4
      properties: [SLSA_SOURCE_TWO_PARTY_REVIEWED]
      policy: sha256:0000000000000000000000000000000000000000000000000000000000000002
  - {predicateType: "https://in-toto.io/attestation/svr/v0.2", keys: [audit], properties: [ORG_A, ORG_B]}
revoked:
  - {key: sha256:0000000000000000000000000000000000000000000000000000000000000003, from: 2026-03-01T12:00:00+02:00, reason: stolen}
  - {issuer: https://accounts.example, subject: mallory@example.com}
  - builder: https://example.com/old
exceptions:
  - rule: vulnerability
    item: CVE-2026-0001
    digest: sha256:0000000000000000000000000000000000000000000000000000000000000004
    owner: alice
    reason: there is no fix yet
    control: it cannot be reached
    expires: 2026-12-31T00:00:00Z
`

// now is when the tests' files are read.
func now() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }

// policy is what the file whole stands for.
func policy(t testing.TB) *verify.Policy {
	t.Helper()
	sha256 := func(last string) hallmark.Digest {
		return digest(t, "sha256:"+strings.Repeat("0", 63)+last)
	}
	audit := []verify.Identity{identity(t, "audit")}
	return &verify.Policy{
		Expires: time.Date(2127, 1, 31, 0, 0, 0, 0, time.UTC),
		Builders: []verify.Builder{
			{
				ID: "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0", Identity: identity(t, "release"), Level: 2,
				Commit: digest(t, "gitCommit:89abcdef0123456789abcdef0123456789abcdef"),
			},
			{ID: "https://example.com/builder", Identity: identity(t, "audit")},
			{
				ID: "https://ci.example/release.yml", Refs: verify.Refs{Versions: "v1"},
				Identity: workflow("https://issuer.example", "https://ci.example/release.yml", verify.Refs{Versions: "v1"}),
			},
			{
				ID: "https://ci.example/level3", Delegated: true, Level: 3,
				Identity: workflow("https://issuer.example", "https://ci.example/build.yml", verify.Refs{Tags: []string{"v2"}}),
			},
		},
		Source:       "https://github.com/org/app",
		SourceID:     "1296269",
		OwnerID:      "583231",
		Subject:      "pkg:npm/%40org/app@1.2.3",
		BuildTypes:   []string{"https://actions.github.io/buildtypes/workflow/v1", "https://example.com/type"},
		Older:        true,
		Refs:         verify.Refs{Branches: []string{"main"}, Tags: []string{"nightly"}, Releases: true, Versions: ">=1.2.0 <2.0.0"},
		Commit:       digest(t, "gitCommit:0123456789abcdef0123456789abcdef01234567"),
		SignedCommit: true,
		Version:      "v1.2.3",
		AtLeast:      "v1.1.0",
		Parameters: map[string]verify.Parameter{
			"/workflow/path":  {OneOf: []any{".github/workflows/release.yml"}},
			"/inputs/channel": {OneOf: []any{"stable", "beta", json.Number("1"), json.Number("1.0"), true, nil}},
			"/inputs/note":    {Any: true},
			"/inputs/text":    {OneOf: []any{"any"}},
			"/inputs/free":    {Any: true},
			"/inputs/list":    {OneOf: []any{[]any{"a", []any{}, map[string]any{}, map[string]any{"b": []any{json.Number("1")}, "any": "any"}}}},
			"/inputs/none":    {OneOf: []any{nil}},
		},
		Triggers:     []string{"push", "release"},
		Runners:      []string{"github-hosted"},
		Environments: []string{"production"},
		MaxAge:       720 * time.Hour,
		Inputs: verify.Inputs{
			Pinned:  map[string]hallmark.Digest{"https://go.dev/dl/go.tar.gz": sha256("1")},
			Origins: []string{"git+https://github.com/org/"},
			Digests: true,
		},
		BuildInfo: true,
		Steps: []verify.Step{
			{Name: "review", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, "audit"), identity(t, "release")}, Threshold: 2},
			{
				Name: "bundle", PredicateType: provenance.PredicateType, Builder: "https://example.com/bundler",
				Identities: []verify.Identity{account("https://accounts.example", "a@example.com")},
			},
		},
		Require: []verify.Requirement{
			{
				PredicateType: "https://cyclonedx.org/bom", Identities: []verify.Identity{identity(t, "release"), identity(t, "audit")}, Threshold: 2,
				Subject: "app", MaxAge: 90 * 24 * time.Hour,
				SBOM: &verify.SBOM{Minimum: []string{"ntia-2021"}, BuildInfo: true, MinAge: 7 * 24 * time.Hour, MaxAge: 24000 * time.Hour},
			},
			{PredicateType: "https://spdx.dev/Document", Identities: audit},
			{PredicateType: "https://example.com/review", Identities: []verify.Identity{
				workflow("https://issuer.example", "https://ci.example/test.yml", verify.Refs{Branches: []string{"main"}}),
				account("https://accounts.example", "a@example.com"),
				account("https://accounts.example", "b@example.com"),
				identity(t, "audit"),
			}, Threshold: 3},
			{PredicateType: provenance.TestResultType, Identities: audit, Tests: true},
			{PredicateType: provenance.VulnsType, Identities: audit, Scan: &verify.Scan{Below: "9.0", Method: "cvss_score"}},
			{PredicateType: provenance.VulnsType, Identities: []verify.Identity{identity(t, "release")}, Scan: &verify.Scan{}},
			{PredicateType: provenance.VSAType, Identities: audit, OfSource: true, Summary: &verify.Summary{
				Verifier: "https://example.com/verifier", Resource: "git+https://github.com/org/app", Refs: verify.Refs{Branches: []string{"main"}}, Level: 4,
				Properties: []string{"SLSA_SOURCE_TWO_PARTY_REVIEWED"}, Policy: sha256("2"),
			}},
			{PredicateType: provenance.SVRType, Identities: audit, Properties: []string{"ORG_A", "ORG_B"}},
		},
		Revoked: []verify.Revocation{
			{Key: sha256("3"), From: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Reason: "stolen"},
			{Issuer: "https://accounts.example", Subject: "mallory@example.com"},
			{Builder: "https://example.com/old"},
		},
		Exceptions: []verify.Exception{{
			Rule: verify.RuleVulnerability, Item: "CVE-2026-0001", Digest: sha256("4"), Owner: "alice", Reason: "there is no fix yet",
			Control: "it cannot be reached", Expires: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC),
		}},
	}
}

func digest(t testing.TB, text string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhole(t *testing.T) {
	o := options()
	o.Now, o.Inspector = now, inspector
	got, err := policyfile.Parse([]byte(whole), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Now == nil || got.Inspector != inspector {
		t.Errorf("Inspector %v, want that of the options, and its Now", got.Inspector)
	}
	// Every field of a Policy can be given.
	for i, v := 0, reflect.ValueOf(*got); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the file gives no %s", v.Type().Field(i).Name)
		}
	}
	got.Now, got.Inspector = nil, nil
	if want := policy(t); !reflect.DeepEqual(got, want) {
		t.Errorf("policy\n%+v\nwant\n%+v", got, want)
	}
}

// The same in JSON, indented with tabs, as programs write it.
func TestJSON(t *testing.T) {
	text, err := os.ReadFile("testdata/whole.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Fatal("this is not JSON")
	}
	o := options()
	o.Now = now
	got, err := policyfile.Parse(text, o)
	if err != nil {
		t.Fatal(err)
	}
	got.Now = nil
	if want := policy(t); !reflect.DeepEqual(got, want) {
		t.Errorf("policy\n%+v\nwant\n%+v", got, want)
	}
}

func TestParts(t *testing.T) {
	for text, want := range map[string]verify.Policy{
		"source: x":                            {Source: "x"},
		"refs: any":                            {Refs: verify.Refs{Any: true}},
		"refs: {}":                             {},
		"refs: {releases: false}":              {},
		"builders: []":                         {},
		"parameters: {}":                       {Parameters: map[string]verify.Parameter{}},
		"source: '0'":                          {Source: "0"},
		"source: yes":                          {Source: "yes"}, // a string since YAML 1.2
		"source: &a x":                         {Source: "x"},
		"source: !!str 1":                      {Source: "1"},
		"\ufeffsource: x":                      {Source: "x"},
		"# a comment\nsource: x\n":             {Source: "x"},
		"---\nsource: x\n...\n":                {Source: "x"},
		"expires: 2027-01-31T13:00:00+01:00":   {Expires: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)},
		"expires: '2027-01-31T12:00:00+00:00'": {Expires: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)},
		"commit: '0000000000000000000000000000000000000000000000000000000000000001'": {Commit: gitCommit(t, strings.Repeat("0", 63)+"1")},
		"commit: 1234567890123456789012345678901234567890":                           {Commit: gitCommit(t, "1234567890123456789012345678901234567890")},
		"commit: 123456789012345678901234567890123456e100":                           {Commit: gitCommit(t, "123456789012345678901234567890123456e100")},
	} {
		got, err := policyfile.Parse([]byte(text), policyfile.Options{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: %+v, want %+v", text, *got, want)
		}
	}
}

func gitCommit(t testing.TB, hex string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest("gitCommit:" + hex)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFaults(t *testing.T) {
	const at = "malformed policy: "
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", at + "it is empty"},
		{"white space", " \n\n", at + "it is empty"},
		{"a comment", "# nothing\n", at + "it is empty"},
		{"no members", "{}\n", at + "line 1: it is empty"},
		{"null", "---\n", at + "line 2: want a policy"},
		{"a list", "\n- a\n", at + "line 2: want a policy"},
		{"a string", "policy", at + "line 1: want a policy"},
		{"a second document", "source: x\n---\nsource: y\n", at + "a second document"},
		{"an empty second document", "source: x\n---\n", at + "a second document"},
		{"a second document that is not YAML", "source: x\n---\n: : :\n\t", at + "a second document"},
		{"no YAML", "source: x\nrefs: [\n", at + "line 2: did not find expected node content"},
		{"no YAML, a control character", "source: \x00", at + "control characters are not allowed"},
		{"half of a surrogate pair in JSON", `{"source": "\ud83d"}`, at + "found invalid Unicode character escape code"},

		{"an unknown member", "source: x\nsources: y\n", at + `line 2: a policy has no member "sources"`},
		{"a member in another case", "Source: x\n", at + `line 1: a policy has no member "Source"`},
		{"a member twice", "source: x\nrefs: any\nsource: y\n", at + `line 3: "source" is already on line 1`},
		{"a member twice in JSON", `{"source": "x", "sourc\u0065": "y"}`, at + `line 1: "source" is already on line 1`},
		{"a name that is no string", "1: x\nsource: y\n", at + "line 1: a name that is not a string"},
		{"a name that is a map", "? {a: b}\n: c\nsource: y\n", at + "line 1: a name that is not a string"},
		{"a merge", "source: x\n<<: {refs: any}\n", at + "line 2: a name that is not a string"},
		{"an alias", "source: &s x\nrefs: {branches: [*s]}\n", at + "line 2: aliases are not read"},
		{"an alias of a map", "parameters: &p {/a: b}\nrefs: *p\n", at + "line 2: aliases are not read"},
		{"an alias as a name", "source: &s refs\n*s : any\n", at + "line 2: a name that is not a string"},
		{"a tag on a map", "!policy {source: x}\n", at + "line 1: want a policy"},
		{"a tag on a list", "triggers: !x [push]\n", at + "line 1: want a list"},
		{"a tag on a string", "source: !x y\n", at + "line 1: want a string"},
		{"a tag on refs", "refs: !x any\n", at + "line 1: want refs"},
		{"a tag on a commit", "commit: !x 0123456789abcdef0123456789abcdef01234567\n", at + "line 1: want a commit"},
		{"a tag on a value", "parameters:\n  /a: !x y\n", at + `line 2: "y" is no value that JSON has; put it in quotation marks`},
		{"binary", "source: !!binary aGk=\n", at + "line 1: want a string"},

		{"an age without a unit", "maxAge: 30\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age in weeks", "maxAge: 2w\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age of nothing", "maxAge: 0d\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age that is written oddly", "maxAge: 030d\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age below nothing", "maxAge: -1d\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age of ages", "maxAge: 100001d\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"an age that is a list", "maxAge: [30d]\n", at + "line 1: want a number of days or hours, 30d or 12h"},
		{"a source ID that is a number", "sourceID: 42\n", at + "line 1: want a string"},
		{"an empty environment", "environments: ['']\n", at + "line 1: want a string"},
		{"source is a number", "source: 1\n", at + "line 1: want a string"},
		{"source is empty", "source: ''\n", at + "line 1: want a string"},
		{"source is null", "source:\n", at + "line 1: want a string"},
		{"source is a list", "source: [x]\n", at + "line 1: want a string"},
		{"builders are a map", "builders: {id: x}\n", at + "line 1: want a list"},
		{"builders are null", "builders:\n", at + "line 1: want a list"},
		{"build types are a string", "buildTypes: x\n", at + "line 1: want a list"},
		{"an empty build type", "buildTypes: [x, '']\n", at + "line 1: want a string"},
		{"a trigger that is a number", "triggers: [push,\n  1]\n", at + "line 2: want a string"},
		{"a runner that is null", "runners: [~]\n", at + "line 1: want a string"},
		{"parameters are a list", "parameters: []\n", at + "line 1: want parameters"},

		{"a builder that is a string", "builders:\n  - x\n", at + "line 2: want a builder"},
		{"a builder without all", "builders:\n  - level: 1\n", at + "line 2: a builder without id\n" + at + "line 2: a builder without key or workflow"},
		{"a builder without key", "builders:\n  - id: x\n", at + "line 2: a builder without key or workflow"},
		{"a builder with more", "builders:\n  - id: x\n    key: release\n    name: y\n", at + `line 4: a builder has no member "name"`},
		{"an empty id", "builders:\n  - id: ''\n    key: release\n", at + "line 2: want a string"},
		{"an unknown key", "builders:\n  - id: x\n    key: stranger\n", at + `line 3: key "stranger": no such key`},
		{"a key that is none", "builders:\n  - id: x\n    key: broken\n", at + `line 3: key "broken": verify: key 0 is nil`},
		{"a builder with a key and a workflow", "builders:\n  - id: x\n    key: release\n    workflow: {issuer: i}\n", at + "line 2: a builder with key and workflow"},
		{"a workflow that is a string", "builders:\n  - id: x\n    workflow: y\n", at + "line 3: want a workflow"},
		{"a workflow that is null", "builders:\n  - id: x\n    workflow:\n", at + "line 3: want a workflow"},
		{"a workflow without an issuer", "builders:\n  - id: x\n    workflow: {builder: y}\n", at + "line 3: a workflow without issuer"},
		{"a workflow of nothing", "builders:\n  - id: x\n    workflow: {}\n", at + "line 3: a workflow without issuer"},
		{"a workflow without a builder or an id", "builders:\n  - workflow:\n      issuer: i\n", at + "line 2: a builder without id\n" + at + "line 3: a workflow without builder"},
		{"an empty issuer", "builders:\n  - id: x\n    workflow:\n      issuer: ''\n", at + "line 4: want a string"},
		{"an empty builder is not the id", "builders:\n  - id: x\n    workflow:\n      issuer: i\n      builder: ''\n", at + "line 5: want a string"},
		{"a builder that is any", "builders:\n  - id: x\n    workflow:\n      issuer: i\n      builder: {any: true}\n", at + "line 5: want a string"},
		{"an alias of a workflow", "builders:\n  - {id: x, workflow: &w {issuer: i}}\n  - {id: y, workflow: *w}\n", at + "line 3: aliases are not read"},
		{"a tag on a workflow", "builders:\n  - id: x\n    workflow: !w {issuer: i}\n", at + "line 3: want a workflow"},
		{"a workflow with refs", "builders:\n  - id: x\n    workflow:\n      issuer: i\n      refs: {releases: true}\n", at + "line 4: a workflow without builder"},
		{"a workflow with a subject", "builders:\n  - id: x\n    workflow:\n      issuer: i\n      subject: a@example.com\n", at + `line 5: a workflow has no member "subject"`},
		{"a workflow twice", "builders:\n  - id: x\n    workflow: {issuer: i}\n    workflow: {issuer: j}\n", at + `line 4: "workflow" is already on line 3`},
		{"an account builds", "builders:\n  - id: x\n    account: {issuer: i, subject: a@example.com}\n", at + `line 3: a builder has no member "account"` + "\n" + at + "line 2: a builder without key or workflow"},
		{"an unknown workflow", "builders:\n  - id: x\n    workflow:\n      issuer: stranger\n", at + `line 4: workflow "x": no such issuer`},
		{"a workflow that is nobody", "builders:\n  - id: x\n    delegated: true\n    workflow: {issuer: nobody, builder: y}\n", at + `line 4: workflow "y": it is nobody`},
		{"level 0", "builders:\n  - id: x\n    key: release\n    level: 0\n", at + "line 4: want a number, 1 or more"},
		{"level 4", "builders:\n  - id: x\n    key: release\n    level: 4\n", at + "line 4: level 4, want 1 to 3"},
		{"a level in quotation marks", "builders:\n  - id: x\n    key: release\n    level: '1'\n", at + "line 4: want a number, 1 or more"},
		{"a level that is 1 or 8", "builders: [{id: x, key: release, level: 01}]\n", at + "line 1: want a number, 1 or more"},
		{"a level that is half", "builders: [{id: x, key: release, level: 1.5}]\n", at + "line 1: want a number, 1 or more"},

		{"refs is another word", "refs: all\n", at + "line 1: want refs"},
		{"any in quotation marks", "refs: 'any'\n", at + "line 1: want refs"},
		{"any that is no truth", "refs: {any: every}\n", at + "line 1: want true or false"},
		{"no triggers", "triggers: []\n", at + "line 1: an empty list"},
		{"no runners", "source: a\nrunners: []\n", at + "line 2: an empty list"},
		{"no build types", "buildTypes: []\n", at + "line 1: an empty list"},
		{"no branches", "refs: {branches: []}\n", at + "line 1: an empty list"},
		{"releases in another case", "refs: {releases: True}\n", at + "line 1: want true or false"},
		{"releases in quotation marks", "refs: {releases: 'true'}\n", at + "line 1: want true or false"},
		{"releases: yes", "refs: {releases: yes}\n", at + "line 1: want true or false"},
		{"an empty branch", "refs: {branches: ['']}\n", at + "line 1: want a string"},

		{"a short commit", "commit: 0123456\n", at + `line 1: commit: malformed digest "gitCommit:0123456": 7 digits, want [40 64]`},
		{
			"an upper-case commit", "commit: 0123456789ABCDEF0123456789ABCDEF01234567\n",
			at + `line 1: commit: malformed digest "gitCommit:0123456789ABCDEF0123456789ABCDEF01234567": not lower-case hexadecimal`,
		},
		{"a commit that is a list", "commit: []\n", at + "line 1: want a commit"},
		{"no commit", "commit:\n", at + "line 1: want a commit"},

		{"a parameter that is no pointer", "parameters:\n  /a: b\n  workflow: x\n", at + `line 3: parameter "workflow" is not a JSON Pointer, which begins with /`},
		{"a parameter with a lone ~", "parameters:\n  /a~0~1~b: c\n", at + `line 2: parameter "/a~0~1~b" is not a JSON Pointer, which has ~0 for ~`},
		{"a range of versions that is none", "source: x\nrefs: {versions: latest}\n", at + `line 2: malformed range of versions "latest": malformed version "vlatest": want numbers without leading zeros`},
		{"a range of versions of a builder", "builders:\n  - {id: x, key: release, refs: {versions: '>'}}\n", at + `line 2: malformed range of versions ">": malformed version "v": want numbers without leading zeros`},
		{"a parameter twice", "parameters:\n  /a: b\n  /a: c\n", at + `line 3: "/a" is already on line 2`},
		{"a parameter that nothing satisfies", "parameters:\n  /a: {}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter of no values", "parameters:\n  /a: {oneOf: []}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter that is not any", "parameters:\n  /a: {any: false}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter with both", "parameters:\n  /a: {oneOf: [b], any: true}\n", at + "line 2: a parameter with oneOf and any"},
		{"a parameter with more", "parameters:\n  /a: {oneOf: [b], regexp: c}\n", at + `line 2: a parameter has no member "regexp"`},
		{"an object as a value", "parameters:\n  /a: {oneOf: [{b: c}]}\n", at + "line 2: a value that is an object with members"},
		{"a member of an object twice", "parameters:\n  /a: [{b: c,\n    b: d}]\n", at + `line 3: "b" is already on line 2`},
		{"a date", "parameters:\n  /a: 2024-01-01\n", at + `line 2: "2024-01-01" is no value that JSON has; put it in quotation marks`},
		{"a number that is not JSON", "parameters:\n  /a: 0x10\n", at + `line 2: "0x10" is no value that JSON has; put it in quotation marks`},
		{"infinity", "parameters:\n  /a: [.inf]\n", at + `line 2: ".inf" is no value that JSON has; put it in quotation marks`},
		{"True", "parameters:\n  /a: True\n", at + `line 2: "True" is no value that JSON has; put it in quotation marks`},

		{"a requirement without all", "require:\n  - {}\n", at + "line 2: a requirement without predicateType\n" + at + "line 2: a requirement without keys or workflows or accounts"},
		{"a requirement of nobody", "require:\n  - predicateType: x\n    keys: []\n", at + "line 3: an empty list"},
		{"a requirement of one key", "require:\n  - predicateType: x\n    keys: release\n", at + "line 3: want a list"},
		{"a requirement of no workflow", "require:\n  - predicateType: x\n    keys: [release]\n    workflows: []\n", at + "line 4: an empty list"},
		{"a requirement of no account", "require:\n  - predicateType: x\n    accounts: []\n", at + "line 3: an empty list"},
		{"a requirement of one workflow", "require:\n  - predicateType: x\n    workflows: {issuer: i, builder: y}\n", at + "line 3: want a list"},
		{"a requirement of one account", "require:\n  - predicateType: x\n    accounts: {issuer: i, subject: y}\n", at + "line 3: want a list"},
		{"a required workflow without a builder", "require:\n  - predicateType: x\n    workflows:\n      - issuer: i\n", at + "line 4: a workflow without builder"},
		{"an account without all", "require:\n  - predicateType: x\n    accounts:\n      - {}\n", at + "line 4: an account without issuer\n" + at + "line 4: an account without subject"},
		{"an account with more", "require:\n  - predicateType: x\n    accounts:\n      - {issuer: i, subject: y, email: z}\n", at + `line 4: an account has no member "email"`},
		{"an account that is a string", "require:\n  - predicateType: x\n    accounts: [a@example.com]\n", at + "line 3: want an account"},
		{"an unknown account", "require:\n  - predicateType: x\n    accounts:\n      - {issuer: i, subject: y}\n      - {issuer: stranger, subject: y}\n", at + `line 5: account "y": no such issuer`},
		{"a requirement with more", "require:\n  - predicateType: x\n    keys: [release]\n    optional: true\n", at + `line 4: a requirement has no member "optional"`},
		{"threshold 0", "require:\n  - predicateType: x\n    keys: [release]\n    threshold: 0\n", at + "line 4: want a number, 1 or more"},
		{"a negative threshold", "require:\n  - predicateType: x\n    keys: [release]\n    threshold: -1\n", at + "line 4: want a number, 1 or more"},

		{"refs of a builder that allow none", "builders:\n  - id: x\n    key: release\n    refs: {}\n", at + "line 4: refs that allow none"},
		{"releases of a builder that are none", "builders:\n  - id: x\n    key: release\n    refs: {releases: false}\n", at + "line 4: refs that allow none"},
		{"refs of a workflow that allow none", "builders:\n  - id: x\n    delegated: true\n    workflow:\n      issuer: i\n      builder: y\n      refs: {}\n", at + "line 7: refs that allow none"},
		{"another workflow", "builders:\n  - id: x\n    workflow:\n      issuer: i\n      builder: y\n", at + "line 4: the workflow is another than the id, and delegated is not true"},
		{"a workflow at other refs", "builders:\n  - id: x\n    refs: {releases: true}\n    workflow: {issuer: i, builder: x, refs: {tags: [v1]}}\n", at + "line 4: the workflow is another than the id, and delegated is not true"},
		{"delegated to oneself", "builders:\n  - id: x\n    delegated: true\n    workflow: {issuer: i}\n", at + "line 3: delegated, and the id has no other workflow"},
		{"delegated to a key", "builders:\n  - id: x\n    delegated: true\n    key: release\n", at + "line 3: delegated, and the id has no other workflow"},
		{"delegated to nobody", "builders:\n  - id: x\n    delegated: 1\n    key: release\n", at + "line 3: want true or false"},

		{"a key without a name", "builders:\n  - id: x\n    key: {from: 2026-01-01}\n", at + "line 3: a key without name"},
		{"a key with more", "builders:\n  - id: x\n    key: {name: release, file: y}\n", at + `line 3: a key has no member "file"`},
		{"a key that is a list", "builders:\n  - id: x\n    key: [release]\n", at + "line 3: want a string"},
		{"a key for no time", "builders:\n  - id: x\n    key: {name: release, from: 2026-01-01, until: 2026-01-01}\n", at + `line 3: key "release": verify: no Now to tell the time`},
		{"a workflow for no time", "builders:\n  - id: x\n    workflow: {issuer: i, from: 2026-01-02, until: 2026-01-01}\n", at + `line 3: workflow "x": verify: no Now to tell the time`},
		{"a time, and no clock", "builders:\n  - id: x\n    key: {name: release, from: 2026-01-01}\n", at + `line 3: key "release": verify: no Now to tell the time`},
		{"an account in a window that is none", "require:\n  - predicateType: x\n    accounts: [{issuer: i, subject: s, from: soon}]\n", at + "line 3: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a signer twice", "require:\n  - predicateType: x\n    keys: [release,\n      audit, release]\n", at + `line 4: key "release" is there twice`},
		{"a workflow twice in a list", "require:\n  - predicateType: x\n    workflows: [{issuer: i, builder: y}, {builder: y, issuer: i}]\n", at + `line 3: workflow "y" is there twice`},
		{"a trigger twice", "triggers: [push, push]\n", at + `line 1: "push" is there twice`},

		{"a time of day", "expires: 12:00\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a short day", "expires: 2027-1-31\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a day that is none", "expires: 2027-02-30\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a time with a blank", "expires: 2027-01-31 12:00:00Z\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a time with a comma", "expires: 2027-01-31T12:00:00,5Z\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a time without a zone", "expires: 2027-01-31T12:00:00\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"no time at all", "expires: 0001-01-01\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"a time that is null", "expires:\n", at + "line 1: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"serial 0", "serial: 0\n", at + "line 1: want a number, 1 or more"},
		{"a version that is a number", "version: 1.2\n", at + "line 1: want a string"},
		{"signedCommit: yes", "signedCommit: yes\n", at + "line 1: want true or false"},

		{"inputs of nothing", "inputs: {}\n", at + "line 1: it is empty"},
		{"inputs with more", "inputs: {pins: {}}\n", at + `line 1: inputs has no member "pins"`},
		{"nothing pinned", "inputs: {pinned: {}}\n", at + "line 1: it is empty"},
		{"an input pinned to a tag", "inputs:\n  pinned:\n    x: v1\n", at + `line 3: malformed digest "v1": no colon, want algorithm:hex`},
		{"no origins", "inputs: {origins: []}\n", at + "line 1: an empty list"},

		{"a step without all", "steps:\n  - {}\n", at + "line 2: a step without name\n" + at + "line 2: a step without predicateType\n" + at + "line 2: a step without keys or workflows or accounts"},
		{"a step with more", "steps:\n  - {name: x, predicateType: y, keys: [release], expect: z}\n", at + `line 2: a step has no member "expect"`},

		{"a summary of nothing", "require:\n  - {predicateType: x, keys: [release], summary: {}}\n", at + "line 2: a summary without verifier\n" + at + "line 2: a summary without resource"},
		{"a summary with more", "require:\n  - {predicateType: x, keys: [release], summary: {verifier: v, resource: r, result: FAILED}}\n", at + `line 2: a summary has no member "result"`},
		{"level 5", "require:\n  - {predicateType: x, keys: [release], summary: {verifier: v, resource: r, level: 5}}\n", at + "line 2: level 5, want 1 to 4"},
		{"a scan without a method", "require:\n  - {predicateType: x, keys: [release], scan: {below: high}}\n", at + "line 2: a scan without method"},
		{"a scan without a bound", "require:\n  - {predicateType: x, keys: [release], scan: {method: nvd}}\n", at + "line 2: a scan without below"},
		{"a scan with more", "require:\n  - {predicateType: x, keys: [release], scan: {below: high, method: nvd, ignore: [y]}}\n", at + `line 2: a scan has no member "ignore"`},
		{"a bound that is infinite", "require:\n  - {predicateType: x, keys: [release], scan: {below: .inf, method: nvd}}\n", at + "line 2: want a string"},
		{"an SBOM that need not have anything", "require:\n  - {predicateType: x, keys: [release], sbom: {}}\n", at + "line 2: it is empty"},
		{"an SBOM with more", "require:\n  - {predicateType: x, keys: [release], sbom: {format: z}}\n", at + `line 2: an sbom has no member "format"`},
		{"dependencies of no age", "require:\n  - {predicateType: x, keys: [release], sbom: {minAge: 8d, maxAge: 7d}}\n", at + "line 2: an sbom with minAge beyond maxAge"},
		{"no properties", "require:\n  - {predicateType: x, keys: [release], properties: []}\n", at + "line 2: an empty list"},

		{"nothing is revoked", "revoked:\n  - {reason: lost}\n", at + "line 2: what is revoked without key or subject or builder"},
		{"a key is revoked by its name", "revoked:\n  - {key: release}\n", at + `line 2: malformed digest "release": no colon, want algorithm:hex`},
		{"an exception without all", "exceptions:\n  - item: CVE-2026-0001\n", at + "line 2: an exception without rule\n" + at + "line 2: an exception without digest\n" + at + "line 2: an exception without owner\n" +
			at + "line 2: an exception without reason\n" + at + "line 2: an exception without control\n" + at + "line 2: an exception without expires"},
		{"an exception for ever", "exceptions:\n  - {rule: age, digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000001', owner: a, reason: b, control: c, expires: never}\n", at + "line 2: want a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z"},
		{"an exception with more", "exceptions:\n  - {rule: age, digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000001', owner: a, reason: b, control: c, expires: 2027-01-01, digests: [x]}\n", at + `line 2: an exception has no member "digests"`},
		{"lists in lists", "parameters:\n  /a: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n", at + "line 2: values in each other, more than 32"},

		{
			"several", "source: 1\nrefs: 2\nbuilders:\n  - id: x\n    key: stranger\n    lvl: 1\nfoo: bar\n",
			at + "line 1: want a string\n" + at + "line 2: want refs\n" + at + "line 5: key \"stranger\": no such key\n" +
				at + "line 6: a builder has no member \"lvl\"\n" + at + "line 7: a policy has no member \"foo\"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := policyfile.Parse([]byte(test.text), options())
			if p != nil || err == nil || err.Error() != test.want {
				t.Errorf("%v\n%v\nwant\n%s", p, err, test.want)
			}
		})
	}

	const noKeys = at + `line 1: key "release" is not known`
	if _, err := policyfile.Parse([]byte("builders: [{id: x, key: release}]"), policyfile.Options{}); err == nil || err.Error() != noKeys {
		t.Errorf("without Options.Key: %v, want %s", err, noKeys)
	}
	const without = ` is not known: nothing here recognizes who signs without a key`
	for text, want := range map[string]string{
		"builders:\n - id: x\n   workflow: {issuer: i}":                             at + `line 3: workflow "x"` + without,
		"require:\n - {predicateType: x, workflows: [\n  {issuer: i, builder: y}]}": at + `line 3: workflow "y"` + without,
		"require:\n - {predicateType: x, accounts: [\n  {issuer: i, subject: y}]}":  at + `line 3: account "y"` + without,
	} {
		if p, err := policyfile.Parse([]byte(text), policyfile.Options{Key: key}); p != nil || err == nil || err.Error() != want {
			t.Errorf("%q without the function for it: %v, want %s", text, err, want)
		}
	}
	// Many faults are counted.
	_, err := policyfile.Parse([]byte("triggers: ["+strings.Repeat("1, ", policyfile.MaxFaults+9)+"1]"), policyfile.Options{})
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != policyfile.MaxFaults+1 || lines[policyfile.MaxFaults] != at+"10 more faults" {
		t.Errorf("%d lines of error, the last %q, want %d and how many more", len(lines), lines[len(lines)-1], policyfile.MaxFaults)
	}
	for text, want := range map[string]string{
		"triggers: [" + strings.Repeat("a, ", policyfile.MaxItems) + "a]": at + fmt.Sprintf("line 1: %d elements, at most %d are read", policyfile.MaxItems+1, policyfile.MaxItems),
		"parameters: {" + manyMembers(policyfile.MaxItems+1) + "}":        at + fmt.Sprintf("line 1: %d members, at most %d are read", policyfile.MaxItems+1, policyfile.MaxItems),
	} {
		if _, err := policyfile.Parse([]byte(text), policyfile.Options{}); err == nil || err.Error() != want {
			t.Errorf("%.30s…: %.100v, want %s", text, err, want)
		}
	}
	large := bytes.Repeat([]byte("#"), policyfile.MaxSize+1)
	if _, err := policyfile.Parse(large, policyfile.Options{}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(policyfile.MaxSize)) {
		t.Errorf("%d bytes: %v, want the bound", len(large), err)
	}
	if _, err := policyfile.Parse(append(large[:policyfile.MaxSize-10], "\nsource: x"...), policyfile.Options{}); err != nil {
		t.Errorf("%d bytes: %v", policyfile.MaxSize, err)
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "/%d: x, ", i)
	}
	return b.String()
}

// A name in a file may be long; the error about it is not.
func TestErrorsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, text := range []string{
		long + ": x", "builders: [{id: x, key: " + long + "}]", long + ": 1\n" + long + ": 2",
		"parameters: {" + long + ": x}", "parameters: {/a: !x " + long + "}", "commit: " + long,
		"builders: [{id: " + long + ", workflow: {issuer: stranger}}]", "builders: [{id: x, workflow: {issuer: i, " + long + ": x}}]",
		"require: [{predicateType: x, accounts: [{issuer: nobody, subject: " + long + "}]}]",
	} {
		if _, err := policyfile.Parse([]byte(text), options()); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.40s…: an error of %d bytes", text, len(fmt.Sprint(err)))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"source": "x", "parameters": {"/a": {"oneOf": [1, null, [{}]]}}}`))
	f.Add([]byte("builders: [{workflow: {issuer: i, builder: b, refs: any}, key: release}, {workflow: {issuer: nobody}, id: x}]"))
	f.Add([]byte("require:\n  - predicateType: x\n    workflows: [{issuer: i, builder: b}]\n    accounts: [{issuer: stranger, subject: s}, {}]\n"))
	f.Add([]byte("serial: 1\nexpires: 2027-01-31\nrevoked: [{key: 'sha256:00', from: 2026-01-01T00:00:00+01:00}]\nexceptions: [{rule: age}]\n"))
	f.Add([]byte("require: [{predicateType: x, keys: [{name: audit, until: 2027-01-01}], scan: {below: 7.0, method: m}, sbom: {minAge: 1d}, summary: {level: 4}}]\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n--- !x\n? b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := options()
		o.Now = now
		p, err := policyfile.Parse(data, o)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		serial, unread := policyfile.Serial(data)
		if unread != nil && err == nil || serial < 0 {
			t.Fatalf("serial %d, %v", serial, unread)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed policy: ") && !strings.HasPrefix(err.Error(), "refused policy: ") {
				t.Fatalf("error %q", err)
			}
			return
		}
		again, err := policyfile.Parse(data, o)
		p.Now, again.Now = nil, nil
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v, and again %+v, %v", p, again, err)
		}
		// What was read is a policy or an error, never a yes without evidence.
		if r, err := p.Verify(t.Context(), hallmark.Artifact{Name: "x"}); err == nil {
			t.Fatalf("accepted: %v", r)
		}
	})
}
