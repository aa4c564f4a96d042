package policyfile_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// signer returns the private halves of the tests' keys.
func signer(t testing.TB, name string) sign.SignerVerifier {
	t.Helper()
	s, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The package comment shows the whole grammar: it is read, and nothing of a Policy is
// missing in it.
func TestComment(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "policyfile.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for line := range strings.Lines(f.Doc.Text()) {
		if code, ok := strings.CutPrefix(line, "\t"); ok {
			text.WriteString(code)
		}
	}
	all := strings.ReplaceAll(text.String(), "sha256:…", "sha256:"+strings.Repeat("0", 64))
	o := options()
	o.Key = func(name string) (sign.Verifier, error) { return signer(t, name), nil }
	o.Now, o.Inspector = now, inspector
	p, err := policyfile.Parse([]byte(all), o)
	if err != nil {
		t.Fatal(err)
	}
	filled(t, "Policy", reflect.ValueOf(*p))
	seen := make(map[string]bool) // of the fields of elements
	for _, list := range []any{p.Builders, p.Steps, p.Require, p.Revoked, p.Exceptions} {
		elements := reflect.ValueOf(list)
		for i := range elements.Len() {
			for k := range elements.Index(i).NumField() {
				name := elements.Type().Elem().Name() + "." + elements.Type().Elem().Field(k).Name
				seen[name] = seen[name] || !elements.Index(i).Field(k).IsZero()
			}
		}
	}
	for name, shown := range seen {
		if !shown {
			t.Errorf("the package comment does not show %s", name)
		}
	}
	filled(t, "Inputs", reflect.ValueOf(p.Inputs))
	for _, q := range p.Require {
		if q.Summary != nil {
			filled(t, "Summary", reflect.ValueOf(*q.Summary))
		}
		if q.SBOM != nil {
			filled(t, "SBOM", reflect.ValueOf(*q.SBOM))
		}
	}
}

func filled(t *testing.T, name string, v reflect.Value) {
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the package comment does not show %s.%s", name, v.Type().Field(i).Name)
		}
	}
}

func TestSerialAndExpiry(t *testing.T) {
	for _, test := range []struct {
		text  string
		least int
		now   func() time.Time
		want  string
	}{
		{"serial: 7\n", 0, nil, ""},
		{"serial: 7\n", 7, nil, ""},
		{"serial: 8\n", 7, nil, ""},
		{"serial: 6\n", 7, nil, "refused policy: line 1: serial 6, and that of the last one was 7: it is an older one"},
		{"source: x\n", 0, nil, ""},
		{"source: x\n", 1, nil, "refused policy: line 1: no serial, and that of the last one was 1: it may be an older one"},
		{"serial: x\n", 7, nil, "malformed policy: line 1: want a number, 1 or more"},
		{"expires: 2026-12-02\n", 0, now, ""},
		{"expires: 2026-12-01T00:00:01Z\n", 0, now, ""},
		{"expires: 2026-12-01\n", 0, now, "refused policy: line 1: it expired at 2026-12-01T00:00:00Z"},
		{"source: x\nexpires: 2026-12-01T01:00:00+01:00\n", 0, now, "refused policy: line 2: it expired at 2026-12-01T00:00:00Z"},
		{"expires: 2020-01-01\n", 0, nil, ""}, // Verify asks for a Now
	} {
		p, err := policyfile.Parse([]byte(test.text), policyfile.Options{MinSerial: test.least, Now: test.now})
		if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && (got != test.want || p != nil) {
			t.Errorf("%q, at least %d: %v, %v, want %s", test.text, test.least, p, err, test.want)
		}
	}
	for text, want := range map[string]int{"serial: 7\nsource: !x y\n": 7, "source: x\n": 0, "{\"serial\": 12}": 12} {
		if got, err := policyfile.Serial([]byte(text)); got != want || err != nil {
			t.Errorf("%q: serial %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "[]", "serial: -1", "serial: 1\nserial: 2", "serial: [1]"} {
		if n, err := policyfile.Serial([]byte(text)); err == nil {
			t.Errorf("%q: serial %d, want an error", text, n)
		}
	}
	d := policyfile.Descriptor("https://example.com/policy.yaml", []byte("abc"))
	if d.Digest["sha256"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || d.URI != "https://example.com/policy.yaml" {
		t.Errorf("descriptor %+v", d)
	}
}

// A window of time is that of who signs, and each identity is told with its name.
func TestWindow(t *testing.T) {
	var named []policyfile.Signatory
	o := options()
	o.Now = now
	o.Named = func(id verify.Identity, s policyfile.Signatory) {
		if id == nil {
			t.Errorf("%+v is nobody", s)
		}
		named = append(named, s)
	}
	p, err := policyfile.Parse([]byte(`
builders:
  - {id: x, key: {name: release, from: 2026-01-01, until: 2026-12-01}}
  - {id: y, workflow: {issuer: i, until: 2027-01-01}, refs: {releases: true}}
require:
  - {predicateType: z, keys: [{name: audit}, {name: release, until: 2026-12-02}], accounts: [{issuer: i, subject: s, from: 2026-12-02}]}
`), o)
	if err != nil {
		t.Fatal(err)
	}
	day := func(month, day int) time.Time { return time.Date(2026, time.Month(month), day, 0, 0, 0, 0, time.UTC) }
	if want := []policyfile.Signatory{
		{Key: "release", From: day(1, 1), Until: day(12, 1)},
		{Issuer: "i", Builder: "y", Refs: verify.Refs{Releases: true}, Until: day(13, 1)},
		{Key: "audit"},
		{Key: "release", Until: day(12, 2)},
		{Issuer: "i", Subject: "s", From: day(12, 2)},
	}; !reflect.DeepEqual(named, want) {
		t.Errorf("named %+v\nwant %+v", named, want)
	}
	for _, text := range []string{
		"builders: [{id: x, key: {name: release, from: 2026-01-02, until: 2026-01-02}}]",
		"builders: [{id: x, workflow: {issuer: i, from: 2026-01-03, until: 2026-01-02}}]",
	} {
		if p, err := policyfile.Parse([]byte(text), o); err == nil || !strings.HasPrefix(err.Error(), "malformed policy: line 1: ") || !strings.Contains(err.Error(), "until 2026-01-02") {
			t.Errorf("%s: %v, %v, want an error: there is no such time", text, p, err)
		}
	}
	e, err := sign.Sign(t.Context(), "text/plain", []byte("x"), signer(t, "release"))
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Builders[0].Identity.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("after its time: %v, %v", ev, err)
	}
	if _, err := p.Require[0].Identities[1].Recognize(t.Context(), e); err != nil {
		t.Errorf("in its time: %v", err)
	}
}

func TestParseSigned(t *testing.T) {
	const good = "expires: 2027-01-31\nserial: 7\nsource: https://github.com/org/app\n"
	envelope := func(payloadType, text, by string) *sign.Envelope {
		e, err := sign.Sign(t.Context(), payloadType, []byte(text), signer(t, by))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	o := policyfile.Options{Now: now, MinSerial: 7}
	admin := identity(t, "release")
	p, err := policyfile.ParseSigned(t.Context(), envelope(policyfile.MediaType, good, "release"), admin, o)
	if err != nil || p.Source != "https://github.com/org/app" || p.Now == nil {
		t.Fatalf("%+v, %v", p, err)
	}
	two := envelope(policyfile.MediaType, good, "audit")
	two.Signatures = append(two.Signatures, envelope(policyfile.MediaType, good, "release").Signatures...)
	if _, err := policyfile.ParseSigned(t.Context(), two, admin, o); err != nil {
		t.Errorf("signed by another, too: %v", err)
	}

	altered := envelope(policyfile.MediaType, good, "release")
	altered.Payload = bytes.Replace(altered.Payload, []byte("app"), []byte("bad"), 1)
	unsigned := envelope(policyfile.MediaType, good, "release")
	unsigned.Signatures = nil
	lost := func() policyfile.Options { o := o; o.Now = nil; return o }()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		name      string
		ctx       context.Context
		e         *sign.Envelope
		id        verify.Identity
		o         policyfile.Options
		notSigned bool
		want      string
	}{
		{"no envelope", t.Context(), nil, admin, o, false, "policyfile: no envelope"},
		{"nobody", t.Context(), two, nil, o, false, "policyfile: nobody is expected"},
		{"no clock", t.Context(), two, admin, lost, false, "no Options.Now"},
		{"another signer", t.Context(), envelope(policyfile.MediaType, good, "audit"), admin, o, true, ""},
		{"altered", t.Context(), altered, admin, o, true, ""},
		{"unsigned", t.Context(), unsigned, admin, o, true, ""},
		{"another signer of what is no policy", t.Context(), envelope(policyfile.MediaType, "[", "audit"), admin, o, true, ""},
		{"a statement", t.Context(), envelope(provenance.MediaType, good, "release"), admin, o, false, `what was signed is a "application/vnd.in-toto+json"`},
		{"text", t.Context(), envelope("application/yaml", good, "release"), admin, o, false, `what was signed is a "application/yaml"`},
		{"a type in another case", t.Context(), envelope(strings.ToUpper(policyfile.MediaType), good, "release"), admin, o, false, "what was signed is a"},
		{"an oracle of other bytes", t.Context(), envelope(policyfile.MediaType, good, "release"), oracle{good + " "}, o, false, "recognized without evidence of what the envelope has"},
		{"no policy", t.Context(), envelope(policyfile.MediaType, "[", "release"), admin, o, false, "malformed policy: "},
		{"no expiry", t.Context(), envelope(policyfile.MediaType, "serial: 7\n", "release"), admin, o, false, "malformed policy: line 1: a signed policy without expires"},
		{"no serial", t.Context(), envelope(policyfile.MediaType, "expires: 2027-01-31\n", "release"), admin, o, false, "malformed policy: line 1: a signed policy without serial"},
		{"expired", t.Context(), envelope(policyfile.MediaType, "serial: 7\nexpires: 2026-11-30\n", "release"), admin, o, false, "refused policy: line 2: it expired at 2026-11-30T00:00:00Z"},
		{"an older one", t.Context(), envelope(policyfile.MediaType, "serial: 6\nexpires: 2027-01-31\n", "release"), admin, o, false, "refused policy: line 1: serial 6"},
		{"a context that has ended", ended, two, admin, o, false, "context canceled"},
	} {
		p, err := policyfile.ParseSigned(test.ctx, test.e, test.id, test.o)
		if p != nil || err == nil || errors.Is(err, verify.ErrNotSigned) != test.notSigned || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want %s", test.name, p, err, test.want)
		}
	}
}

// An oracle has always signed the same.
type oracle struct{ text string }

func (o oracle) Recognize(context.Context, *sign.Envelope) (*verify.Evidence, error) {
	return &verify.Evidence{PayloadType: policyfile.MediaType, Payload: []byte(o.text), Claims: new(verify.Claims)}, nil
}

func (oracle) String() string { return "an oracle" }

// A policy is tried when it is read.
func TestProbe(t *testing.T) {
	const text = `
builders: [{id: https://example.com/builder, workflow: {issuer: i}}]
buildTypes: [https://example.com/type]
refs: {releases: true}
`
	const source = "source: https://github.com/org/app\n"
	o := options()
	if _, err := policyfile.Parse([]byte(text+source), o); err != nil {
		t.Errorf("a good policy: %v", err)
	}
	o.Workflow = func(string, string, verify.Refs) (verify.Identity, error) { return anybody{}, nil }
	if p, err := policyfile.Parse([]byte(text+source), o); err == nil || !strings.HasPrefix(err.Error(), "refused policy: ") {
		t.Errorf("anybody builds: %v, %v, want it refused", p, err)
	}
	// It is for whoever completes a policy to have it probed then.
	p, err := policyfile.Parse([]byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Source = "https://github.com/org/app"; p.Probe(t.Context()) == nil {
		t.Error("anybody builds, and the policy that was completed is good")
	}

	// Nobody else tells that an exception is for too long, or a rule without a time.
	for text, want := range map[string]string{
		"maxAge: 1d\n": "no Now",
		"require: [{predicateType: x, keys: [audit], threshold: 2}]\n": "2 signers of 1",
		"require: [{predicateType: x, keys: [audit], tests: true}]\n":  "passed tests",
		"revoked: [{builder: x, issuer: i, subject: s}]\n":             "want one of",
		"steps: [{name: s, predicateType: x, keys: [audit]}]\n":        "predicate type",
		"atLeast: latest\n": "at least",
		"inputs: {pinned: {x: 'md5:00000000000000000000000000000000'}}\n":                                                                           "digest",
		"exceptions: [{rule: signature, digest: 'sha256:" + strings.Repeat("0", 64) + "', owner: o, reason: r, control: c, expires: 2126-12-31}]\n": "",
	} {
		if p, err := policyfile.Parse([]byte(text+source+complete), options()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", text, p, err, want)
		}
	}
	const exception = "exceptions: [{rule: age, digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000001', owner: o, reason: r, control: c, expires: "
	o = options()
	o.Now = now
	for expires, ok := range map[string]bool{"2027-02-28": true, "2027-03-01": true, "2027-03-02": false, "2020-01-01": true} {
		if p, err := policyfile.Parse([]byte(exception+expires+"}]\n"+source+complete), o); (err == nil) != ok {
			t.Errorf("an exception until %s, read on 2026-12-01: %v, %v", expires, p, err)
		}
	}
}

const complete = `
builders: [{id: https://example.com/builder, key: release}]
buildTypes: [https://example.com/type]
refs: {releases: true}
`

// anybody has signed everything.
type anybody struct{}

func (anybody) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: new(verify.Claims)}, nil
}

func (anybody) String() string { return "anybody" }
