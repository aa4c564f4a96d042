package sigstore_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// corpus returns the path of a file of the corpus.
func corpus(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set")
	}
	return filepath.Join(append([]string{dir, "verify"}, elem...)...)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A builderCase is one bundle of the set about builder identities.
type builderCase struct {
	ID     string
	Desc   string
	Want   string
	Class  string
	Bundle string

	// What the case expects otherwise.
	ExpectationOverride map[string]any
}

// required is how much of a bundle the case asks for, beyond what is usual. What
// else it expects is told by its class.
func (c builderCase) required() sigstore.Requirements {
	number := func(name string) int {
		n, _ := c.ExpectationOverride[name].(float64)
		return int(n)
	}
	return sigstore.Requirements{Logs: number("tlog"), CertificateLogs: number("scts"), TimestampAuthorities: max(number("timestamps"), number("tsa"))}
}

func builderCases(t testing.TB) []builderCase {
	t.Helper()
	var file struct{ Cases []builderCase }
	if err := json.Unmarshal(read(t, corpus(t, "builder-identity", "cases.json")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

const (
	issuer      = "https://token.actions.githubusercontent.com"
	builderPath = "https://github.com/acme/builder/.github/workflows/build.yml"
	builder     = builderPath + "@refs/tags/v1.2.3"
)

func trustedRoot(t testing.TB) []byte {
	return read(t, corpus(t, "builder-identity", "trusted_root.json"))
}

// identityOf is an identity by the bytes of a trusted root.
func identityOf(trustedRoot []byte, w sigstore.Workflow) (verify.Identity, error) {
	r, err := sigstore.ParseTrustedRoot(trustedRoot)
	if err != nil {
		return nil, err
	}
	return r.NewIdentity(w)
}

func newIdentity(t testing.TB, w sigstore.Workflow) verify.Identity {
	t.Helper()
	id, err := identityOf(trustedRoot(t), w)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// builderPolicy is the set's expectation, as far as a Policy can say it. A
// builder's ref is exact here, so that each release is a builder of its own.
func builderPolicy(t testing.TB, q sigstore.Requirements) (*verify.Policy, hallmark.Artifact) {
	t.Helper()
	app, err := hallmark.HashFile(corpus(t, "builder-identity", "artifact"), "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := hallmark.ParseDigest("gitCommit:" + strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	p := &verify.Policy{
		Source:       "https://github.com/acme/app",
		SourceID:     "42",
		OwnerID:      "7",
		Environments: []string{"production"},
		BuildTypes:   []string{"https://actions.github.io/buildtypes/workflow/v1"},
		Refs:         verify.Refs{Tags: []string{"v2.0.0"}},
		Commit:       commit,
		Parameters:   map[string]verify.Parameter{"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}}},
	}
	trusted := trustedRoot(t)
	if q != (sigstore.Requirements{}) {
		// Two of anything are not to be had of the set's one operator. Those of
		// another one are there, and have nothing to do with its bundles.
		var ours, others object
		if err := errors.Join(json.Unmarshal(trusted, &ours), json.Unmarshal(newInstance(t).trustedRoot(), &others)); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"tlogs", "ctlogs", "timestampAuthorities"} {
			ours[list] = append(ours[list].([]any), others[list].([]any)...)
		}
		trusted = must(json.Marshal(ours))
	}
	root, err := sigstore.ParseTrustedRoot(trusted)
	if err == nil {
		root, err = root.Require(q)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range releases(t) {
		identity, err := root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: id})
		if err != nil {
			t.Fatal(err)
		}
		p.Builders = append(p.Builders, verify.Builder{ID: id, Level: 3, Identity: identity})
	}
	return p, app
}

// releases are the builder's releases that certificates of the set name.
func releases(t testing.TB) (all []string) {
	t.Helper()
	release := regexp.MustCompile(`^` + regexp.QuoteMeta(builderPath) + `@refs/tags/v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`)
	for _, c := range builderCases(t) {
		b := new(bundle.Bundle)
		if b.UnmarshalJSON(read(t, corpus(t, "builder-identity", filepath.FromSlash(c.Bundle)))) != nil {
			continue
		}
		content, err := b.VerificationContent()
		if err != nil || content.Certificate() == nil {
			continue
		}
		for _, u := range content.Certificate().URIs {
			if id := u.String(); release.MatchString(id) && !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

func parse(t testing.TB, c builderCase) (*sign.Envelope, error) {
	t.Helper()
	return sign.Parse(read(t, corpus(t, "builder-identity", filepath.FromSlash(c.Bundle))))
}

func TestBuilderIdentity(t *testing.T) {
	// Rules that may reject a case of a class; "" is for what cannot be read.
	rules := map[string][]verify.Rule{
		"source-id":           {verify.RuleSource},
		"environment":         {verify.RuleEnvironment},
		"builder-digest":      {verify.RuleBuilder},
		"issuer":              {verify.RuleSignature},
		"builder":             {verify.RuleSignature},
		"builder-ref":         {verify.RuleSignature},
		"runner":              {verify.RuleRunner},
		"trigger":             {verify.RuleTrigger},
		"source-repo":         {verify.RuleSource, verify.RuleCertificate},
		"source-ref":          {verify.RuleRef, verify.RuleCertificate},
		"source-commit":       {verify.RuleCommit, verify.RuleCertificate},
		"builder-id":          {verify.RuleBuilder, ""},
		"build-type":          {verify.RuleBuildType},
		"external-parameters": {verify.RuleParameter},
		"predicate-type":      {verify.RuleProvenance, ""},
		"statement-type":      {""},
		"invocation":          {verify.RuleCertificate},
		"subject":             {verify.RuleSubject, ""},
		"predicate":           {""},
		"json":                {""},
		"limit":               {""},
		"payload-type":        {verify.RulePayloadType},
		"signature":           {verify.RuleSignature, ""},
		"tlog":                {verify.RuleSignature, ""},
		"timestamp":           {verify.RuleSignature, ""},
		"certificate":         {verify.RuleSignature, ""},
		"bundle-version":      {verify.RuleSignature, ""},
		"threshold":           {verify.RuleSignature, ""},
	}

	usual, app := builderPolicy(t, sigstore.Requirements{})
	for _, c := range builderCases(t) {
		t.Run(c.ID, func(t *testing.T) {
			policy := usual
			if len(c.ExpectationOverride) > 0 {
				policy, _ = builderPolicy(t, c.required())
			}
			if pinned, ok := c.ExpectationOverride["builder.digest"].(string); ok {
				for i := range policy.Builders {
					policy.Builders[i].Commit = must(hallmark.ParseDigest("gitCommit:" + pinned))
				}
			}
			e, err := parse(t, c)
			var rejected *verify.RejectedError
			if err == nil {
				_, err = policy.Verify(t.Context(), app, e)
			}
			switch {
			case c.Want == "accept":
				if err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Errorf("accepted, and must not be: %s", c.Desc)
			default:
				got := []verify.Rule{""}
				if errors.As(err, &rejected) {
					got = nil
					for _, r := range rejected.Reasons {
						got = append(got, r.Rule)
					}
				}
				want, known := rules[c.Class]
				if !known {
					t.Errorf("class %q is not in the table: %v", c.Class, err)
				}
				for _, w := range want {
					for _, g := range got {
						if g == w {
							return
						}
					}
				}
				if known {
					t.Errorf("rejected by %q, want one of %q (%s): %v", got, want, c.Desc, err)
				}
			}
		})
	}
}

// accepted returns the bundle of a case that is accepted.
func accepted(t testing.TB) []byte {
	t.Helper()
	for _, c := range builderCases(t) {
		if c.ID == "ok-workflow-dispatch" {
			return read(t, corpus(t, "builder-identity", filepath.FromSlash(c.Bundle)))
		}
	}
	t.Fatal("the case is gone")
	return nil
}

func mustParse(t testing.TB, data []byte) *sign.Envelope {
	t.Helper()
	e, err := sign.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// certificateOf returns the certificate in the bundle of e.
func certificateOf(t testing.TB, e *sign.Envelope) []byte {
	t.Helper()
	var b struct {
		VerificationMaterial struct {
			Certificate struct{ RawBytes []byte }
		}
	}
	if err := json.Unmarshal(e.Bundle, &b); err != nil {
		t.Fatal(err)
	}
	return b.VerificationMaterial.Certificate.RawBytes
}

func TestRecognize(t *testing.T) {
	id := newIdentity(t, sigstore.Workflow{Issuer: issuer, Builder: builder})
	e := mustParse(t, accepted(t))
	ev, err := id.Recognize(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if string(ev.Payload) != string(e.Payload) || ev.PayloadType != e.PayloadType || ev.Keys != nil {
		t.Errorf("evidence of other bytes, or with keys: %+v", ev)
	}
	want := verify.Claims{
		Issuer:            issuer,
		Subject:           builder,
		Builder:           builder,
		BuildSigner:       builder,
		BuildSignerDigest: strings.Repeat("b", 40),
		BuildConfig:       "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v2.0.0",
		BuildConfigDigest: strings.Repeat("a", 40),
		Repository:        "https://github.com/acme/app",
		RepositoryID:      "42",
		Visibility:        "public",
		Owner:             "https://github.com/acme",
		OwnerID:           "7",
		Ref:               "refs/tags/v2.0.0",
		Commit:            strings.Repeat("a", 40),
		Workflow:          "Release",
		Trigger:           "workflow_dispatch",
		Runner:            "github-hosted",
		Environment:       "production",
		Invocation:        "https://github.com/acme/app/actions/runs/1/attempts/1",
		TokenSubject:      "repo:acme/app:ref:refs/tags/v2.0.0",
	}
	// The log of the set says no time, its one timestamp authority does.
	leaf := must(x509.ParseCertificate(certificateOf(t, e)))
	if len(ev.Times) != 1 || ev.Times[0].Before(leaf.NotBefore) || ev.Times[0].After(leaf.NotAfter) {
		t.Errorf("times %v, want one from %s to %s", ev.Times, leaf.NotBefore, leaf.NotAfter)
	}
	if *ev.Claims != want {
		t.Errorf("claims\n%+v\nwant\n%+v", *ev.Claims, want)
	}
	if got, want := id.String(), "workflow "+builder+" (issuer "+issuer+")"; got != want {
		t.Errorf("String %q, want %q", got, want)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := id.Recognize(ctx, e); !errors.Is(err, context.Canceled) || errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("cancelled: %v", err)
	}
}

// What is not signed by the workflow, or not well enough, is ErrNotSigned with a
// reason.
func TestNotSigned(t *testing.T) {
	good := string(accepted(t))
	expected := sigstore.Workflow{Issuer: issuer, Builder: builder}
	change := func(old, new string) func(*sign.Envelope) {
		return func(e *sign.Envelope) {
			changed := strings.Replace(good, old, new, 1)
			if changed == good {
				t.Fatalf("%q changes nothing", old)
			}
			e.Bundle = json.RawMessage(changed)
		}
	}
	// edit changes the decoded bundle.
	edit := func(f func(bundle map[string]any)) func(*sign.Envelope) {
		return func(e *sign.Envelope) {
			var b map[string]any
			if err := json.Unmarshal([]byte(good), &b); err != nil {
				t.Fatal(err)
			}
			f(b)
			data, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			e.Bundle = data
		}
	}
	material := func(b map[string]any) map[string]any { return b["verificationMaterial"].(map[string]any) }
	entry := func(b map[string]any) map[string]any { return material(b)["tlogEntries"].([]any)[0].(map[string]any) }
	const v03 = "application/vnd.dev.sigstore.bundle.v0.3+json"

	at := func(path string, refs verify.Refs) sigstore.Workflow {
		return sigstore.Workflow{Issuer: issuer, Builder: path, Refs: refs}
	}
	for _, test := range []struct {
		name     string
		workflow sigstore.Workflow
		change   func(*sign.Envelope)
		want     string
	}{
		{"nothing changed, formatted anew", expected, edit(func(map[string]any) {}), ""},
		{"no bundle", expected, func(e *sign.Envelope) { e.Bundle = nil }, "the envelope is not in a bundle"},
		{"another payload", expected, func(e *sign.Envelope) { e.Payload = append([]byte(" "), e.Payload...) }, "the bundle has another envelope"},
		{"another payload type", expected, func(e *sign.Envelope) { e.PayloadType += "x" }, "the bundle has another envelope"},
		{"another tag of the builder", sigstore.Workflow{Issuer: issuer, Builder: builderPath + "@refs/tags/v1.2.4"}, nil, `the certificate is of "` + builder + `"`},
		{"the builder without its ref", sigstore.Workflow{Issuer: issuer, Builder: builderPath}, nil, `the certificate is of "`},
		{"the builder in another case", sigstore.Workflow{Issuer: issuer, Builder: strings.Replace(builder, "acme", "Acme", 1)}, nil, `the certificate is of "`},
		{"any release of the builder", at(builderPath, verify.Refs{Releases: true}), nil, ""},
		{"a range of the builder's versions", at(builderPath, verify.Refs{Versions: ">=1.2.3 <2.0.0"}), nil, ""},
		{"any ref of the builder", at(builderPath, verify.Refs{Any: true}), nil, ""},
		{"another range of the builder's versions", at(builderPath, verify.Refs{Versions: ">=1.2.4"}), nil, `the certificate is of "` + builder + `"`},
		{"a branch of the builder", at(builderPath, verify.Refs{Branches: []string{"main"}}), nil, `the certificate is of "` + builder + `"`},
		{"any release of another builder", at(builderPath[:len(builderPath)-1], verify.Refs{Any: true}), nil, `the certificate is of "` + builder + `"`},
		{"any release in another case", at(strings.Replace(builderPath, "acme", "Acme", 1), verify.Refs{Releases: true}), nil, `the certificate is of "`},
		{"any release, by another issuer", sigstore.Workflow{Issuer: issuer + "/", Builder: builderPath, Refs: verify.Refs{Releases: true}}, nil, `the certificate is for a token of "` + issuer + `"`},
		{"another issuer", sigstore.Workflow{Issuer: issuer + "/", Builder: builder}, nil, `the certificate is for a token of "` + issuer + `"`},
		{"not JSON", expected, func(e *sign.Envelope) { e.Bundle = e.Bundle[1:] }, "malformed bundle"},
		{"an unknown member", expected, change(`"mediaType"`, `"x":1,"mediaType"`), "malformed bundle"},
		{"a name with an underscore", expected, change(`"verificationMaterial"`, `"verification_material"`), "unknown member"},
		{"a member twice", expected, change(`"mediaType"`, `"mediaType":"`+v03+`","mediaType"`), "twice"},
		{"version 0.1", expected, change(v03, "application/vnd.dev.sigstore.bundle+json;version=0.1"), "want a certificate chain"},
		{"version 0.2", expected, change(v03, "application/vnd.dev.sigstore.bundle+json;version=0.2"), "want a certificate chain"},
		{"version 0.3.1", expected, change(v03, "application/vnd.dev.sigstore.bundle.v0.3.1+json"), "malformed bundle: media type"},
		{"version 0.3, in the other form", expected, change(v03, "application/vnd.dev.sigstore.bundle+json;version=0.3"), ""},
		{"no certificate", expected, edit(func(b map[string]any) {
			delete(material(b), "certificate")
			material(b)["publicKey"] = map[string]any{"hint": "x"}
		}), "the bundle has a key, and no certificate"},
		{"two signatures", expected, edit(func(b map[string]any) {
			e := b["dsseEnvelope"].(map[string]any)
			e["signatures"] = append(e["signatures"].([]any), e["signatures"].([]any)[0])
		}), "more than 1 signature"},
		{"no signatures", expected, edit(func(b map[string]any) { b["dsseEnvelope"].(map[string]any)["signatures"] = []any{} }), "no signature in its envelope"},
		{"another signature", expected, edit(func(b map[string]any) {
			b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["sig"] = "AAAA"
		}), "log entry 0: its body is of another signature"},
		{"no log entry", expected, edit(func(b map[string]any) { delete(material(b), "tlogEntries") }), "log: not enough log entries"},
		{"no inclusion proof", expected, edit(func(b map[string]any) { delete(entry(b), "inclusionProof") }), "inclusion proof"},
		{"an entry without a proof beside one that has", expected, edit(func(b map[string]any) {
			second := map[string]any{}
			for name, v := range entry(b) {
				second[name] = v
			}
			delete(second, "inclusionProof")
			second["logIndex"] = "12345"
			material(b)["tlogEntries"] = []any{entry(b), second}
		}), "log entry 1: no inclusion proof"},
		{"the log entry twice", expected, edit(func(b map[string]any) { material(b)["tlogEntries"] = []any{entry(b), entry(b)} }), "log entry 1 is a duplicate"},
		{"33 log entries", expected, edit(func(b map[string]any) {
			for range 32 {
				material(b)["tlogEntries"] = append(material(b)["tlogEntries"].([]any), entry(b))
			}
		}), "more than 32 log entries"},
		{"another kind of entry", expected, edit(func(b map[string]any) { entry(b)["kindVersion"].(map[string]any)["kind"] = "dsse" }), `not a "dsse"`},
		{"another version of entry", expected, edit(func(b map[string]any) { entry(b)["kindVersion"].(map[string]any)["version"] = "9.9.9" }), `"9.9.9"`},
		{"no timestamp", expected, edit(func(b map[string]any) { delete(material(b), "timestampVerificationData") }), "no verified time"},
		{"a timestamp that is none", expected, edit(func(b map[string]any) {
			material(b)["timestampVerificationData"] = map[string]any{"rfc3161Timestamps": []any{map[string]any{"signedTimestamp": "AAAA"}}}
		}), "timestamp 0"},
		{"another certificate", expected, edit(func(b map[string]any) {
			material(b)["certificate"].(map[string]any)["rawBytes"] = "AAAA"
		}), "malformed bundle"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := mustParse(t, []byte(good))
			if test.change != nil {
				test.change(e)
			}
			ev, err := newIdentity(t, test.workflow).Recognize(t.Context(), e)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if ev != nil || !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, %v, want ErrNotSigned with %q", ev, err, test.want)
			}
		})
	}
}

func TestTrustedRoot(t *testing.T) {
	good := trustedRoot(t)
	edit := func(f func(map[string]any)) []byte {
		var r map[string]any
		if err := json.Unmarshal(good, &r); err != nil {
			t.Fatal(err)
		}
		f(r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	expected := sigstore.Workflow{Issuer: issuer, Builder: builder}
	for _, test := range []struct {
		name     string
		root     []byte
		workflow sigstore.Workflow
		want     string
	}{
		{"no issuer", good, sigstore.Workflow{Builder: builder}, "needs an issuer and a builder"},
		{"no builder", good, sigstore.Workflow{Issuer: issuer}, "needs an issuer and a builder"},
		{"a range that is none", good, sigstore.Workflow{Issuer: issuer, Builder: builderPath, Refs: verify.Refs{Versions: "latest"}}, "malformed range of versions"},
		{"a ref, and refs", good, sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: verify.Refs{Releases: true}}, "has a ref, and there are refs"},
		{"nothing", nil, expected, "malformed trusted root"},
		{"an empty object", []byte("{}"), expected, "malformed trusted root"},
		{"not JSON", good[1:], expected, "malformed trusted root"},
		{"too large", make([]byte, sigstore.MaxTrustedRootSize+1), expected, "at most"},
		{"an unknown member", edit(func(r map[string]any) { r["x"] = 1 }), expected, "malformed trusted root"},
		{"a name with an underscore", edit(func(r map[string]any) { r["media_type"] = r["mediaType"]; delete(r, "mediaType") }), expected, "unknown member"},
		{"another version", edit(func(r map[string]any) { r["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v0.9+json" }), expected, "malformed trusted root"},
		{"no authority", edit(func(r map[string]any) { delete(r, "certificateAuthorities") }), expected, "without a certificate authority"},
		{"no log", edit(func(r map[string]any) { delete(r, "tlogs") }), expected, "without a log"},
		{"no certificate log", edit(func(r map[string]any) { delete(r, "ctlogs") }), expected, "without a certificate log"},
		{"a log twice", edit(func(r map[string]any) { logs := r["tlogs"].([]any); r["tlogs"] = append(logs, logs[0]) }), expected, "two logs have the id"},
		{"a key without a start", edit(func(r map[string]any) {
			delete(r["ctlogs"].([]any)[0].(map[string]any)["publicKey"].(map[string]any), "validFor")
		}), expected, "no start of its validity"},
	} {
		if id, err := identityOf(test.root, test.workflow); id != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, id, err, test.want)
		}
	}

	// The roots of others are read, and do not know this bundle.
	e := mustParse(t, accepted(t))
	id, err := identityOf(read(t, corpus(t, "sigstore-roots", "production", "trusted_root.json")), expected)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("the public good instance's root: %v", err)
	}

	// A root whose keys are of another time knows the bundle's signer no more.
	for what, members := range map[string][]string{
		"log:":             {"tlogs"},
		"certificate:":     {"certificateAuthorities"},
		"certificate log:": {"ctlogs"},
		"timestamp 0:":     {"timestampAuthorities"},
	} {
		late := edit(func(r map[string]any) {
			for _, m := range members {
				for _, x := range r[m].([]any) {
					o := x.(map[string]any)
					if key, ok := o["publicKey"].(map[string]any); ok {
						o = key
					}
					o["validFor"] = map[string]any{"start": "2050-01-01T00:00:00Z"}
				}
			}
		})
		id, err := identityOf(late, expected)
		if err != nil {
			t.Fatal(err)
		}
		if what == "log:" {
			what = "log entry 0: the log's key was not valid"
		}
		if _, err := id.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v of another time: %v, want ErrNotSigned with %q", members, err, what)
		}
	}
}

// Bundles of the public good instance, as builders in the world publish them.
func TestRealWorld(t *testing.T) {
	production := read(t, corpus(t, "sigstore-roots", "production", "trusted_root.json"))
	for _, test := range []struct {
		file string
		want verify.Claims
	}{
		{"gh-attestation/data/reusable-workflow-attestation.sigstore.json", verify.Claims{
			Issuer:  issuer,
			Builder: "https://github.com/github/artifact-attestations-workflows/.github/workflows/attest.yml@09b495c3f12c7881b3cc17209a327792065c1a1d",

			BuildSignerDigest: "09b495c3f12c7881b3cc17209a327792065c1a1d",
			BuildConfig:       "https://github.com/malancas/attest-demo/.github/workflows/shared.yml@refs/heads/main",
			BuildConfigDigest: "95baf27389e83e6a5c48f42e190d48d7abcea19e",
			RepositoryID:      "804070735",
			Visibility:        "public",
			Owner:             "https://github.com/malancas",
			OwnerID:           "16248153",
			Workflow:          "Build / Attest / Verify (Shared)",

			Repository: "https://github.com/malancas/attest-demo",
			Ref:        "refs/heads/main",
			Commit:     "95baf27389e83e6a5c48f42e190d48d7abcea19e",
			Trigger:    "workflow_dispatch",
			Runner:     "github-hosted",
			Invocation: "https://github.com/malancas/attest-demo/actions/runs/9228858953/attempts/1",
		}},
		{"slsa-verifier/testdata/gha_go/v2.1.0/binary-linux-amd64-push-v14.2.intoto.jsonl", verify.Claims{
			Issuer:  issuer,
			Builder: "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_go_slsa3.yml@refs/tags/v2.1.0",

			BuildSignerDigest: "f7dd8c54c2067bafc12ca7a55595d5ee9b75204a",
			BuildConfig:       "https://github.com/slsa-framework/example-package/.github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml@refs/tags/v14.2",
			BuildConfigDigest: "4d329c75e7ec1725f7c9ce917a8799d408d06be3",
			RepositoryID:      "486325809",
			Visibility:        "public",
			Owner:             "https://github.com/slsa-framework",
			OwnerID:           "80431187",
			Workflow:          ".github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml",

			Repository: "https://github.com/slsa-framework/example-package",
			Ref:        "refs/tags/v14.2",
			Commit:     "4d329c75e7ec1725f7c9ce917a8799d408d06be3",
			Trigger:    "push",
			Runner:     "github-hosted",
			Invocation: "https://github.com/slsa-framework/example-package/actions/runs/13530999644/attempts/1",
		}},
	} {
		t.Run(path.Base(test.file), func(t *testing.T) {
			e := mustParse(t, bytes.TrimSpace(read(t, corpus(t, filepath.FromSlash(test.file)))))
			id, err := identityOf(production, sigstore.Workflow{Issuer: test.want.Issuer, Builder: test.want.Builder})
			if err != nil {
				t.Fatal(err)
			}
			ev, err := id.Recognize(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			wantRecalled(t, id, ev)
			// On GitHub, who signs is called the same thrice.
			test.want.Subject, test.want.BuildSigner = test.want.Builder, test.want.Builder
			if *ev.Claims != test.want {
				t.Errorf("claims\n%+v\nwant\n%+v", *ev.Claims, test.want)
			}
		})
	}

	// GitHub's own instance for private repositories has no log.
	e := mustParse(t, read(t, corpus(t, "gh-attestation", "data", "github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl")))
	id, err := identityOf(production, sigstore.Workflow{
		Issuer:  issuer,
		Builder: "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("without a log: %v, want ErrNotSigned", err)
	}
}

// Bundles of other instances: the name of an account in a certificate, and a key
// that has an end.
func TestOtherInstances(t *testing.T) {
	dir := corpus(t, "sigstore-go", "testdata")
	artifact := func(hex string) hallmark.Artifact {
		d, err := hallmark.ParseDigest("sha256:" + hex)
		if err != nil {
			t.Fatal(err)
		}
		return hallmark.Artifact{Digests: []hallmark.Digest{d}}
	}
	rootOf := func(name string, q sigstore.Requirements) *sigstore.TrustedRoot {
		r, err := sigstore.ParseTrustedRoot(read(t, filepath.Join(dir, "trusted-roots", name)))
		if err == nil {
			r, err = r.Require(q)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}

	scaffolding := rootOf("scaffolding.json", sigstore.Requirements{})
	bundle := read(t, filepath.Join(dir, "bundles", "othername.sigstore.json"))
	app := artifact("bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b")
	who := sigstore.Account{Issuer: "http://oidc.local:8080", Subject: "foo!oidc.local"}
	ev, err := scaffolding.RecognizeArtifact(t.Context(), bundle, app, who)
	if err != nil {
		t.Fatal(err)
	}
	if want := (verify.Claims{Issuer: who.Issuer, Subject: who.Subject}); *ev.Claims != want {
		t.Errorf("claims %+v, want %+v", *ev.Claims, want)
	}
	for _, who := range []sigstore.Signatory{
		sigstore.Account{Issuer: who.Issuer, Subject: "foo@oidc.local"},
		sigstore.Account{Issuer: issuer, Subject: who.Subject},
		sigstore.Workflow{Issuer: who.Issuer, Builder: who.Subject},
	} {
		if _, err := scaffolding.RecognizeArtifact(t.Context(), bundle, app, who); !errors.Is(err, verify.ErrNotSigned) {
			t.Errorf("%s: %v, want ErrNotSigned", who, err)
		}
	}

	// It has no log, and no certificate.
	r := rootOf("public-key-validity.json", sigstore.Requirements{NoLogs: true})
	bundle = read(t, filepath.Join(dir, "bundles", "public-key-validity.sigstore.json"))
	app = artifact("6ae8a75555209fd6c44157c0aed8016e763ff435a19cf186f76863140143ff72")
	v, err := sign.ParsePublicKey(read(t, filepath.Join(dir, "public-keys", "public-key-validity.pem")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.RecognizeArtifact(t.Context(), bundle, app, sigstore.Key{Verifier: v}); err != nil {
		t.Error(err)
	}
	ended := sigstore.Key{Verifier: v, End: time.Date(2026, 6, 4, 0, 0, 0, 0, time.UTC)}
	if _, err := r.RecognizeArtifact(t.Context(), bundle, app, ended); !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), "the key was not valid at") {
		t.Errorf("a key after its end: %v", err)
	}
}

// Nothing is printed, whatever is recognized or not.
func TestQuiet(t *testing.T) {
	policy, app := builderPolicy(t, sigstore.Requirements{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	for _, c := range builderCases(t) {
		if e, err := parse(t, c); err == nil {
			_, _ = policy.Verify(t.Context(), app, e)
		}
	}
	os.Stdout, os.Stderr = stdout, stderr
	w.Close()
	var got [1000]byte
	if n, _ := r.Read(got[:]); n > 0 {
		t.Errorf("printed %q", got[:n])
	}
}

func FuzzRecognize(f *testing.F) {
	id, err := identityOf(newRoot(), sigstore.Workflow{Issuer: issuer, Builder: builder})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":"AAAA"},` +
		`"tlogEntries":[{"logIndex":"1","logId":{"keyId":"AAAA"},"kindVersion":{"kind":"dsse","version":"0.0.1"},"canonicalizedBody":"AAAA",` +
		`"inclusionProof":{"checkpoint":{"envelope":"x"}}}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"AAAA"}]}},` +
		`"dsseEnvelope":{"payload":"AAAA","payloadType":"x","signatures":[{"sig":"AAAA"}]}}`))
	if dir := os.Getenv("HALLMARK_CORPUS"); dir != "" {
		id = newIdentity(f, sigstore.Workflow{Issuer: issuer, Builder: builder})
		f.Add(accepted(f))
	}
	in := newInstance(f)
	root := in.root(sigstore.Requirements{OldestBundle: "0.1"})
	signer := sigstore.Workflow{Issuer: issuer, Builder: builder}
	f.Add(in.sign("{}", signing{logs: []int{0, 1}, ctLogs: []int{0}, tsas: []int{0}}))
	f.Add(in.sign("", signing{logs: []int{1}, ctLogs: []int{0}, artifact: []byte("x")}))
	digests, err := hallmark.Hash(strings.NewReader("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := root.RecognizeArtifact(t.Context(), data, hallmark.Artifact{Digests: digests}, signer)
		if (ev == nil) == (err == nil) || err != nil && !errors.Is(err, verify.ErrNotSigned) && !strings.Contains(err.Error(), "the artifact has none") {
			t.Fatalf("%v, %v", ev, err)
		}
		e, err := sign.Parse(data)
		if err != nil {
			return
		}
		ev, err = id.Recognize(t.Context(), e)
		if (ev == nil) == (err == nil) || err != nil && !errors.Is(err, verify.ErrNotSigned) {
			t.Fatalf("%v, %v", ev, err)
		}
		if err == nil && (ev.Claims.Issuer != issuer || ev.Claims.Builder != builder || string(ev.Payload) != string(e.Payload)) {
			t.Fatalf("recognized %+v", ev)
		}
	})
}

func FuzzParseTrustedRoot(f *testing.F) {
	f.Add(newRoot())
	f.Add(newInstance(f).trustedRoot())
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{}],"timestampAuthorities":[{"certChain":{}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := identityOf(data, sigstore.Workflow{Issuer: issuer, Builder: builder})
		if (id == nil) == (err == nil) {
			t.Fatalf("%v, %v", id, err)
		}
	})
}

func BenchmarkRecognize(b *testing.B) {
	id := newIdentity(b, sigstore.Workflow{Issuer: issuer, Builder: builder})
	data := accepted(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id.Recognize(b.Context(), mustParse(b, data)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecognizeNot is what another builder of a policy costs.
func BenchmarkRecognizeNot(b *testing.B) {
	id := newIdentity(b, sigstore.Workflow{Issuer: issuer, Builder: builderPath + "@refs/tags/v9.9.9"})
	e := mustParse(b, accepted(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id.Recognize(b.Context(), e); err == nil {
			b.Fatal("recognized")
		}
	}
}

// BenchmarkSigstoreGo is what sigstore-go itself does with the same bundle.
func BenchmarkSigstoreGo(b *testing.B) {
	tr, err := root.NewTrustedRootFromJSON(trustedRoot(b))
	if err != nil {
		b.Fatal(err)
	}
	v, err := sigstoreverify.NewVerifier(tr, sigstoreverify.WithSignedCertificateTimestamps(1),
		sigstoreverify.WithTransparencyLog(1), sigstoreverify.WithObserverTimestamps(1))
	if err != nil {
		b.Fatal(err)
	}
	id, err := sigstoreverify.NewShortCertificateIdentity(issuer, "", builder, "")
	if err != nil {
		b.Fatal(err)
	}
	policy := sigstoreverify.NewPolicy(sigstoreverify.WithoutArtifactUnsafe(), sigstoreverify.WithCertificateIdentity(id))
	data := accepted(b)
	b.ReportAllocs()
	for b.Loop() {
		bun := new(bundle.Bundle)
		if err := bun.UnmarshalJSON(data); err != nil {
			b.Fatal(err)
		}
		if _, err := v.Verify(bun, policy); err != nil {
			b.Fatal(err)
		}
	}
}
