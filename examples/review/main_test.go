package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const (
	at      = "2026-11-22T02:00:00Z"
	builder = "https://ci.example/builders/v1"
	typ     = "https://ci.example/buildtypes/v1"
	source  = "https://git.example/acme/app"
	commit  = "0123456789abcdef0123456789abcdef01234567"
)

// A bench is a directory with an artifact, a key and what that has signed.
type bench struct {
	t      *testing.T
	dir    string
	signer sign.SignerVerifier
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	var err error
	if b.signer, err = sign.NewSigner(key); err != nil {
		t.Fatal(err)
	}
	pem, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b.write("app", "the program")
	b.write("key.pub", string(pem))
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// attest signs a statement about the artifact.
func (b *bench) attest(predicateType string, predicate any) *sign.Envelope {
	b.t.Helper()
	app, err := hallmark.HashFile(b.path("app"))
	if err != nil {
		b.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"_type":         provenance.StatementType,
		"subject":       []any{map[string]any{"name": "app", "digest": map[string]string{"sha256": app.Digests[0].Hex()}}},
		"predicateType": predicateType,
		"predicate":     predicate,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	env, err := sign.Sign(b.t.Context(), provenance.MediaType, payload, b.signer)
	if err != nil {
		b.t.Fatal(err)
	}
	return env
}

// build signs provenance of the artifact, with these external parameters beside its
// source.
func (b *bench) build(parameters map[string]any) *sign.Envelope {
	external := map[string]any{"source": map[string]string{"repository": source, "ref": "refs/tags/v1.2.0"}}
	for name, v := range parameters {
		external[name] = v
	}
	return b.attest(provenance.PredicateType, map[string]any{
		"buildDefinition": map[string]any{
			"buildType":            typ,
			"externalParameters":   external,
			"resolvedDependencies": []any{map[string]any{"uri": "git+" + source + "@refs/tags/v1.2.0", "digest": map[string]string{"gitCommit": commit}}},
		},
		"runDetails": map[string]any{"builder": map[string]string{"id": builder}, "metadata": map[string]string{"invocationId": "https://ci.example/runs/7"}},
	})
}

// bom signs an SBOM of the artifact.
func (b *bench) bom(d *sbom.Document) *sign.Envelope {
	b.t.Helper()
	data, err := cyclonedx.Marshal(d, sbom.Stamp{})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.attest(provenance.CycloneDXType, json.RawMessage(data))
}

// lines writes envelopes to a file.
func (b *bench) lines(name string, envelopes ...*sign.Envelope) {
	b.t.Helper()
	var all []byte
	for _, e := range envelopes {
		line, err := e.Marshal()
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(append(all, line...), '\n')
	}
	b.write(name, string(all))
}

// review runs the program on the artifact, with its output in a file, and returns the
// page, if there is one.
func (b *bench) review(args ...string) (string, error) {
	b.t.Helper()
	out := b.path("page.html")
	os.Remove(out)
	stdout := os.Stdout
	os.Stdout, _ = os.Open(os.DevNull)
	err := run(b.t.Context(), append([]string{"-policy", b.path("policy.yaml"), "-key", "release=" + b.path("key.pub"), "-at", at, "-o", out}, append(args, b.path("app"))...))
	os.Stdout = stdout
	data, readErr := os.ReadFile(out)
	if readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
		b.t.Fatal(readErr)
	}
	return string(data), err
}

const policyText = `
builders: [{id: ` + builder + `, key: release, level: 2}]
source: ` + source + `
buildTypes: [` + typ + `]
refs: {releases: true}
`

const wantBOM = "require: [{predicateType: https://cyclonedx.org/bom, keys: [release]}]\n"

func TestRun(t *testing.T) {
	b := newBench(t)
	build := b.build(nil)
	inside := b.bom(document(20))
	other := *build
	other.Payload = append(bytes.Clone(other.Payload), ' ')
	for _, tt := range []struct {
		name     string
		policy   string
		evidence []*sign.Envelope
		text     string // instead of evidence
		verdict  verdict
		want     []string
	}{
		{"accepted", policyText, []*sign.Envelope{build}, "", accepted, []string{
			"app</span> <span class=\"verdict\">accepted", commit, "up to SLSA Build level 2", "https://ci.example/runs/7", "refs/tags/v1.2.0",
			"The policy does not ask for an SBOM", "no authority tells", "https://slsa.dev/provenance/v1",
		}},
		{"with its SBOM", policyText + wantBOM, []*sign.Envelope{build, inside}, "", accepted, []string{
			"20 components beside the artifact itself, 9 of them required by it directly.", "CycloneDX 1.6, in evidence", digestOf(inside.Payload), ">example.com/lib7<",
		}},
		{"another source", strings.Replace(policyText, "acme/app", "acme/other", 1), []*sign.Envelope{build}, "", rejected, []string{
			"https://git.example/acme/other", "not as expected", "What to do:", "What is inside is not shown",
		}},
		{"no evidence", policyText, nil, "", rejected, []string{"no evidence that one of these signed"}},
		{"another signature", policyText, []*sign.Envelope{&other}, "", rejected, []string{"1</td>", "nothing that the policy asks for"}},
		{"not told", policyText + "triggers: [push]\n", []*sign.Envelope{build}, "", unproven, []string{"the evidence does not say", "only said, in evidence that was not accepted"}},
		{"no envelope", policyText, nil, "[]\n", undecided, []string{"Why it is undecided", "no evidence can be read", "Passed over"}},
		{"malformed", policyText, []*sign.Envelope{b.attest(provenance.PredicateType, "none")}, "", undecided, []string{"Why it is undecided", "malformed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := *b
			b.t = t
			b.write("policy.yaml", tt.policy)
			b.lines("app.intoto.jsonl", tt.evidence...)
			if tt.text != "" {
				b.write("app.intoto.jsonl", tt.text)
			}
			page, err := b.review()
			if !strings.Contains(page, `<span class="verdict">`+string(tt.verdict)+`</span>`) {
				t.Errorf("no page with the verdict: %v", err)
			}
			switch tt.verdict {
			case accepted:
				if err != nil {
					t.Error(err)
				}
			case undecided:
				if err == nil || errors.Is(err, cli.ErrFindings) {
					t.Errorf("undecided: %v", err)
				}
			default:
				if !errors.Is(err, cli.ErrFindings) {
					t.Errorf("%s: %v", tt.verdict, err)
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if strings.Contains(page, b.dir) && tt.verdict != undecided {
				t.Error("the page names a directory of this machine")
			}
			if n := strings.Count(page, "<h3>"); tt.verdict != undecided && n < 7 {
				t.Errorf("%d headings, and each of six questions has one", n)
			}
			if again, _ := b.review(); again != page {
				t.Error("the same input is another page")
			}
		})
	}
}

// Bad input leaves no page, and one that is there as it is.
func TestBadInput(t *testing.T) {
	b := newBench(t)
	b.write("policy.yaml", policyText)
	b.lines("app.intoto.jsonl", b.build(nil))
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no artifact of that name", []string{b.path("none")}, "want one"},
		{"a flag that is none", []string{"-none"}, "not defined"},
		{"evidence that is not there", []string{"-evidence", b.path("none")}, "no such file"},
		{"a key that is not there", []string{"-key", "release=" + b.path("none")}, "there twice"},
		{"a time that is none", []string{"-at", "today"}, "invalid value"},
		{"another source than the policy's", []string{"-source", "https://git.example/acme/other"}, "but the policy has"},
	} {
		page, err := b.review(tt.args...)
		if page != "" || err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d bytes of a page, %v", tt.name, len(page), err)
		}
	}

	// A page that cannot be written whole is not written.
	out := b.path("page.html")
	b.write("page.html", "the page before")
	for _, args := range [][]string{{"-o", filepath.Join(b.dir, "none", "page.html"), b.path("app")}, {"-o", out, "-evidence", b.path("key.pub"), "-policy", b.path("none"), b.path("app")}} {
		if err := run(t.Context(), append([]string{"-policy", b.path("policy.yaml"), "-key", "release=" + b.path("key.pub")}, args...)); err == nil || errors.Is(err, cli.ErrFindings) {
			t.Errorf("%q: %v", args, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, []string{"-policy", b.path("policy.yaml"), "-key", "release=" + b.path("key.pub"), "-o", out, b.path("app")}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "the page before" {
		t.Errorf("the page before is %q, %v", data, err)
	}
	if left, err := filepath.Glob(b.path(".page*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// stranger is who signed without a key, as a Sigstore instance would vouch for.
type stranger struct{}

func (stranger) String() string { return "a workflow" }

func (stranger) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	return &verify.Evidence{
		PayloadType: e.PayloadType, Payload: e.Payload,
		Claims: &verify.Claims{
			Issuer: "https://token.ci.example", Subject: builder, Builder: builder, Repository: source, Ref: "refs/tags/v1.2.0", Commit: commit,
			BuildConfig: source + "/.ci/release.yml@refs/tags/v1.2.0", Trigger: "push", Runner: "github-hosted", Invocation: "https://ci.example/runs/7",
		},
		Times: []time.Time{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 11, 59, 30, 0, time.UTC)},
	}, nil
}

// What a certificate and an authority of time say is in the picture, and exceptions are
// told with what is left of them.
func TestNewPage(t *testing.T) {
	b := newBench(t)
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	app, err := hallmark.HashFile(b.path("app"))
	if err != nil {
		t.Fatal(err)
	}
	exceptionOf := func(item string, days int) verify.Exception {
		return verify.Exception{
			Rule: verify.RuleParameter, Item: item, Digest: app.Digests[0], Owner: "security@acme.example", Reason: "the old pipeline sets it",
			Control: "somebody looks at each release", Expires: now.Add(time.Duration(days) * 24 * time.Hour),
		}
	}
	c := &gate.Case{Artifact: app, Envelopes: []*sign.Envelope{b.build(map[string]any{"channel": "stable"})}, Policy: &verify.Policy{
		Builders: []verify.Builder{{ID: builder, Identity: stranger{}, Level: 3}}, Source: source, BuildTypes: []string{typ}, Refs: verify.Refs{Releases: true},
		Now:        func() time.Time { return now },
		Exceptions: []verify.Exception{exceptionOf("/channel", 9), exceptionOf("/other", 80), exceptionOf("/channel", -1)},
	}}
	r, err := c.Policy.Verify(t.Context(), c.Artifact, c.Envelopes...)
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t.Context(), c, r, nil, now)
	if p.Verdict != accepted || len(p.Open) != 1 || p.Open[0].Outcome != "excused" || p.Open[0].State != note || p.Open[0].Hint == "" {
		t.Errorf("%s, open %+v", p.Verdict, p.Open)
	}
	var got []string
	for _, e := range p.Exceptions {
		got = append(got, fmt.Sprintf("%s: %s, %s", e.Item, e.Left, e.Use))
	}
	want := []string{"/channel: 9 days left, yes, this release is accepted by it", "/other: 80 days left, no, it is not needed", "/channel: ended, no, it has ended"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exceptions %q, want %q", got, want)
	}
	if len(p.Warnings) == 0 || len(p.Answers) != 6 {
		t.Errorf("%d warnings, %d answers", len(p.Warnings), len(p.Answers))
	}
	var stations []string
	for _, n := range p.Lineage.Nodes() {
		stations = append(stations, fmt.Sprintf("%s %s: %s %s", n.State, n.Kind, n.Title, n.Notes[:min(1, len(n.Notes))]))
	}
	for i, want := range []string{
		"good Artifact: app [sha256:", "good Provenance: SLSA provenance [build type " + typ + "]", "good Repository: " + source + " [refs/tags/v1.2.0]", "good Commit: " + commit,
		"note Workflow: " + source + "/.ci/release.yml@refs/tags/v1.2.0 [started by push]", "good Builder: " + builder + " [no SLSA Build level: it needs an exception]",
		"good Signer: " + builder + " [issuer https://token.ci.example]", "good Time of signing: 2026-11-21 11:59 UTC [told by",
	} {
		if !strings.HasPrefix(stations[i], want) {
			t.Errorf("station %q, want %q", stations[i], want)
		}
	}
}

// document returns the SBOM of an artifact with n components, of which each requires up
// to three others.
func document(n int) *sbom.Document {
	d := &sbom.Document{Main: sbom.Component{Ref: "app", Type: sbom.Application, Scope: sbom.Runtime, Name: "example.com/app", Version: "v1.2.0", Requirements: sbom.Complete}, Phase: sbom.PostBuild}
	ref := func(i int) string { return fmt.Sprintf("pkg:golang/example.com/lib%d@v0.1.%d", i, i) }
	for i := range n {
		c := sbom.Component{Ref: ref(i), PURL: ref(i), Type: sbom.Library, Scope: sbom.Runtime, Name: fmt.Sprintf("example.com/lib%d", i), Version: fmt.Sprintf("v0.1.%d", i), Requirements: sbom.Complete}
		if i%3 > 0 {
			c.Licenses = &sbom.Licenses{Declared: []string{"MIT", "Apache-2.0"}[i%3-1]}
		}
		d.Components = append(d.Components, c)
		from := "app"
		if i > 8 {
			from = ref(i / 3)
		}
		d.Edges = append(d.Edges, sbom.Edge{From: from, To: c.Ref})
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}
