package policyfile_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
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

const whole = `builders:
  - id: https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0
    key: release                # a comment
    level: 2
    commit: 89abcdef0123456789abcdef0123456789abcdef
  - {id: https://example.com/builder, key: audit}
source: https://github.com/org/app
sourceID: "1296269"
ownerID: "583231"
refs: {releases: true, branches: [main], tags: [nightly]}
commit: 0123456789abcdef0123456789abcdef01234567
buildTypes: [https://actions.github.io/buildtypes/workflow/v1, https://example.com/type]
parameters:
  /workflow/path: .github/workflows/release.yml
  /inputs/channel: {oneOf: [stable, beta, 1, 1.0, true, null]}
  /inputs/note: any
  /inputs/text: "any"
  /inputs/free: {any: true}
  /inputs/list: [a, [], {}]
  /inputs/none: null
triggers: [push, release]
runners: [github-hosted]
environments: [production]
maxAge: 30d
require:
  - predicateType: https://cyclonedx.org/bom
    keys: [release, audit]
    threshold: 2
  - {predicateType: https://spdx.dev/Document, keys: [audit]}
`

// policy is what the file whole stands for.
func policy(t testing.TB) *verify.Policy {
	t.Helper()
	commit, err := hallmark.ParseDigest("gitCommit:0123456789abcdef0123456789abcdef01234567")
	if err != nil {
		t.Fatal(err)
	}
	builder, err := hallmark.ParseDigest("gitCommit:89abcdef0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Policy{
		Builders: []verify.Builder{
			{ID: "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0", Identity: identity(t, "release"), Level: 2, Commit: builder},
			{ID: "https://example.com/builder", Identity: identity(t, "audit")},
		},
		Source:     "https://github.com/org/app",
		SourceID:   "1296269",
		OwnerID:    "583231",
		BuildTypes: []string{"https://actions.github.io/buildtypes/workflow/v1", "https://example.com/type"},
		Refs:       verify.Refs{Branches: []string{"main"}, Tags: []string{"nightly"}, Releases: true},
		Commit:     commit,
		Parameters: map[string]verify.Parameter{
			"/workflow/path":  {OneOf: []any{".github/workflows/release.yml"}},
			"/inputs/channel": {OneOf: []any{"stable", "beta", json.Number("1"), json.Number("1.0"), true, nil}},
			"/inputs/note":    {Any: true},
			"/inputs/text":    {OneOf: []any{"any"}},
			"/inputs/free":    {Any: true},
			"/inputs/list":    {OneOf: []any{[]any{"a", []any{}, map[string]any{}}}},
			"/inputs/none":    {OneOf: []any{nil}},
		},
		Triggers:     []string{"push", "release"},
		Runners:      []string{"github-hosted"},
		Environments: []string{"production"},
		MaxAge:       720 * time.Hour,
		Require: []verify.Requirement{
			{PredicateType: "https://cyclonedx.org/bom", Identities: []verify.Identity{identity(t, "release"), identity(t, "audit")}, Threshold: 2},
			{PredicateType: "https://spdx.dev/Document", Identities: []verify.Identity{identity(t, "audit")}},
		},
	}
}

func TestWhole(t *testing.T) {
	got, err := policyfile.Parse([]byte(whole), policyfile.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	want := policy(t)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("policy\n%+v\nwant\n%+v", got, want)
	}
	// Every field of a Policy can be given.
	for i, v := 0, reflect.ValueOf(*want); i < v.NumField(); i++ {
		// But for the time, which is the caller's to tell.
		if v.Field(i).IsZero() && v.Type().Field(i).Name != "Now" {
			t.Errorf("the file gives no %s", v.Type().Field(i).Name)
		}
	}
}

// The same in JSON, indented with tabs, as programs write it.
func TestJSON(t *testing.T) {
	const text = `{
	"builders": [
		{"id": "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.0.0", "key": "release", "level": 2, "commit": "89abcdef0123456789abcdef0123456789abcdef"},
		{"id": "https://example.com/builder", "key": "audit"}
	],
	"source": "https://github.com/org/app",
	"sourceID": "1296269",
	"ownerID": "583231",
	"refs": {"releases": true, "branches": ["main"], "tags": ["nightly"]},
	"commit": "0123456789abcdef0123456789abcdef01234567",
	"buildTypes": ["https://actions.github.io/buildtypes/workflow/v1", "https://example.com/type"],
	"parameters": {
		"/workflow/path": ".github/workflows/release.yml",
		"/inputs/channel": {"oneOf": ["stable", "beta", 1, 1.0, true, null]},
		"/inputs/note": {"any": true},
		"/inputs/text": "any",
		"/inputs/free": {"any": true},
		"/inputs/list": ["a", [], {}],
		"/inputs/none": null
	},
	"triggers": ["push", "release"],
	"runners": ["github-hosted"],
	"environments": ["production"],
	"maxAge": "720h",
	"require": [
		{"predicateType": "https://cyclonedx.org/bom", "keys": ["release", "audit"], "threshold": 2},
		{"predicateType": "https://spdx.dev/Document", "keys": ["audit"]}
	]
}
`
	if !json.Valid([]byte(text)) {
		t.Fatal("this is not JSON")
	}
	got, err := policyfile.Parse([]byte(text), policyfile.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if want := policy(t); !reflect.DeepEqual(got, want) {
		t.Errorf("policy\n%+v\nwant\n%+v", got, want)
	}
}

func TestParts(t *testing.T) {
	for text, want := range map[string]verify.Policy{
		"source: x":                {Source: "x"},
		"refs: any":                {Refs: verify.Refs{Any: true}},
		"refs: {}":                 {},
		"refs: {releases: false}":  {},
		"builders: []":             {},
		"parameters: {}":           {Parameters: map[string]verify.Parameter{}},
		"source: '0'":              {Source: "0"},
		"source: yes":              {Source: "yes"}, // a string since YAML 1.2
		"source: &a x":             {Source: "x"},
		"source: !!str 1":          {Source: "1"},
		"\ufeffsource: x":          {Source: "x"},
		"# a comment\nsource: x\n": {Source: "x"},
		"---\nsource: x\n...\n":    {Source: "x"},
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
		{"a builder without all", "builders:\n  - level: 1\n", at + "line 2: a builder without id\n" + at + "line 2: a builder without key"},
		{"a builder without key", "builders:\n  - id: x\n", at + "line 2: a builder without key"},
		{"a builder with more", "builders:\n  - id: x\n    key: release\n    name: y\n", at + `line 4: a builder has no member "name"`},
		{"an empty id", "builders:\n  - id: ''\n    key: release\n", at + "line 2: want a string"},
		{"an unknown key", "builders:\n  - id: x\n    key: stranger\n", at + `line 3: key "stranger": no such key`},
		{"a key that is none", "builders:\n  - id: x\n    key: broken\n", at + `line 3: key "broken": verify: key 0 is nil`},
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
		{"a parameter twice", "parameters:\n  /a: b\n  /a: c\n", at + `line 3: "/a" is already on line 2`},
		{"a parameter that nothing satisfies", "parameters:\n  /a: {}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter of no values", "parameters:\n  /a: {oneOf: []}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter that is not any", "parameters:\n  /a: {any: false}\n", at + "line 2: a parameter that no value satisfies"},
		{"a parameter with both", "parameters:\n  /a: {oneOf: [b], any: true}\n", at + "line 2: a parameter with oneOf and any"},
		{"a parameter with more", "parameters:\n  /a: {oneOf: [b], regexp: c}\n", at + `line 2: a parameter has no member "regexp"`},
		{"an object as a value", "parameters:\n  /a: {oneOf: [{b: c}]}\n", at + "line 2: a value that is an object with members"},
		{"a date", "parameters:\n  /a: 2024-01-01\n", at + `line 2: "2024-01-01" is no value that JSON has; put it in quotation marks`},
		{"a number that is not JSON", "parameters:\n  /a: 0x10\n", at + `line 2: "0x10" is no value that JSON has; put it in quotation marks`},
		{"infinity", "parameters:\n  /a: [.inf]\n", at + `line 2: ".inf" is no value that JSON has; put it in quotation marks`},
		{"True", "parameters:\n  /a: True\n", at + `line 2: "True" is no value that JSON has; put it in quotation marks`},

		{"a requirement without all", "require:\n  - {}\n", at + "line 2: a requirement without predicateType\n" + at + "line 2: a requirement without keys"},
		{"a requirement of nobody", "require:\n  - predicateType: x\n    keys: []\n", at + "line 3: a requirement that nobody can sign"},
		{"a requirement of one key", "require:\n  - predicateType: x\n    keys: release\n", at + "line 3: want a list"},
		{"a requirement with more", "require:\n  - predicateType: x\n    keys: [release]\n    optional: true\n", at + `line 4: a requirement has no member "optional"`},
		{"threshold 0", "require:\n  - predicateType: x\n    keys: [release]\n    threshold: 0\n", at + "line 4: want a number, 1 or more"},
		{"a negative threshold", "require:\n  - predicateType: x\n    keys: [release]\n    threshold: -1\n", at + "line 4: want a number, 1 or more"},

		{
			"several", "source: 1\nrefs: 2\nbuilders:\n  - id: x\n    key: stranger\n    lvl: 1\nfoo: bar\n",
			at + "line 1: want a string\n" + at + "line 2: want refs\n" + at + "line 5: key \"stranger\": no such key\n" +
				at + "line 6: a builder has no member \"lvl\"\n" + at + "line 7: a policy has no member \"foo\"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := policyfile.Parse([]byte(test.text), policyfile.Options{Key: key})
			if p != nil || err == nil || err.Error() != test.want {
				t.Errorf("%v\n%v\nwant\n%s", p, err, test.want)
			}
		})
	}

	const noKeys = at + `line 1: key "release" is not known`
	if _, err := policyfile.Parse([]byte("builders: [{id: x, key: release}]"), policyfile.Options{}); err == nil || err.Error() != noKeys {
		t.Errorf("without Options.Key: %v, want %s", err, noKeys)
	}
	large := bytes.Repeat([]byte("#"), policyfile.MaxSize+1)
	if _, err := policyfile.Parse(large, policyfile.Options{}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(policyfile.MaxSize)) {
		t.Errorf("%d bytes: %v, want the bound", len(large), err)
	}
	if _, err := policyfile.Parse(append(large[:policyfile.MaxSize-10], "\nsource: x"...), policyfile.Options{}); err != nil {
		t.Errorf("%d bytes: %v", policyfile.MaxSize, err)
	}
}

// A name in a file may be long; the error about it is not.
func TestErrorsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, text := range []string{
		long + ": x", "builders: [{id: x, key: " + long + "}]", long + ": 1\n" + long + ": 2",
		"parameters: {" + long + ": x}", "parameters: {/a: !x " + long + "}", "commit: " + long,
	} {
		if _, err := policyfile.Parse([]byte(text), policyfile.Options{Key: key}); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.40s…: an error of %d bytes", text, len(fmt.Sprint(err)))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"source": "x", "parameters": {"/a": {"oneOf": [1, null, [{}]]}}}`))
	f.Add([]byte("a: &a [*a]\n<<: *a\n--- !x\n? b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policyfile.Parse(data, policyfile.Options{Key: key})
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "malformed policy: ") {
				t.Fatalf("error %q", err)
			}
			return
		}
		again, err := policyfile.Parse(data, policyfile.Options{Key: key})
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v, and again %+v, %v", p, again, err)
		}
		// What was read is a policy or an error, never a yes without evidence.
		if r, err := p.Verify(t.Context(), hallmark.Artifact{Name: "x"}); err == nil {
			t.Fatalf("accepted: %v", r)
		}
	})
}
