package keyless_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	sigstoreroot "github.com/sigstore/sigstore-go/pkg/root"
	sigstoresign "github.com/sigstore/sigstore-go/pkg/sign"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

const issuer = "https://token.actions.githubusercontent.com"

func newRoot(t testing.TB, stack *keyless.Stack) *sigstore.TrustedRoot {
	t.Helper()
	root, err := sigstore.ParseTrustedRoot(stack.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func newSigner(t testing.TB, stack *keyless.Stack) *sigstore.Signer {
	t.Helper()
	config, err := sigstore.ParseSigningConfig(stack.SigningConfig())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sigstore.NewSigner(newRoot(t, stack), config, sigstore.SignerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// newApp returns the artifact that all provenance here is about.
func newApp(t testing.TB) hallmark.Artifact {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(file, []byte("app"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, err := hallmark.HashFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// observe returns the provenance of what the job has built.
func observe(t testing.TB, stack *keyless.Stack, job keyless.Claims, app hallmark.Artifact) []byte {
	t.Helper()
	verifier := oidc.Verifier{Get: stack.Get}
	claims, err := verifier.Verify(t.Context(), stack.Token(job.With("aud", oidc.DefaultAudience)), nil)
	if err != nil {
		t.Fatal(err)
	}
	build, err := github.Observe(job.Getenv, claims)
	if err != nil {
		t.Fatal(err)
	}
	st, err := build.Statement(app)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// tokens offers the token of a job, for the audience that is asked for.
func tokens(stack *keyless.Stack, job keyless.Claims) func(context.Context, string) (string, error) {
	return func(_ context.Context, audience string) (string, error) {
		return stack.Token(job.With("aud", audience)), nil
	}
}

// newPolicy accepts releases of acme/app by the workflow of keyless.GitHub.
func newPolicy(t testing.TB, stack *keyless.Stack) *verify.Policy {
	t.Helper()
	builder := keyless.GitHub().Builder()
	id, err := newRoot(t, stack).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Policy{
		Builders:   []verify.Builder{{ID: builder, Identity: id, Level: 3}},
		Source:     "https://github.com/acme/app",
		BuildTypes: []string{github.BuildType},
		Refs:       verify.Refs{Releases: true},
		Parameters: map[string]verify.Parameter{"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}}},
	}
}

// The whole way, as a job of GitHub Actions and the gate behind it go it: what
// the job has built is hashed, observed, stated, signed and verified. Whatever
// the platform says of the job is held against the policy, and a job whose
// provenance says something else of it is caught by its certificate.
func TestKeyless(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	signer, policy, app := newSigner(t, stack), newPolicy(t, stack), newApp(t)

	honest := keyless.GitHub()
	branch := honest.With("ref", "refs/heads/v1.2.3").With("workflow_ref", "acme/app/.github/workflows/release.yml@refs/heads/v1.2.3")
	fork := honest.With("repository", "mallory/app").With("repository_owner", "mallory").
		With("workflow_ref", "mallory/app/.github/workflows/release.yml@refs/tags/v1.2.3")
	selfHosted := honest.With("runner_environment", "self-hosted")
	created := honest.With("event_name", "create")
	other := honest.With("sha", "ffffffffffffffffffffffffffffffffffffffff")
	elsewhere := honest.With("job_workflow_ref", "mallory/builder/.github/workflows/build.yml@refs/tags/v2.0.0")
	moved := honest.With("job_workflow_ref", "acme/builder/.github/workflows/build.yml@refs/heads/main")

	for _, test := range []struct {
		name       string
		says, runs keyless.Claims // what the provenance says of the job, and what the platform does
		want       []verify.Rule  // what is wrong; nothing if it is accepted
	}{
		{"accepted", honest, honest, nil},
		{"accepted in an environment", honest.With("environment", "production"), honest.With("environment", "production"), nil},

		{"branch", branch, branch, []verify.Rule{verify.RuleRef}},
		{"repository", fork, fork, []verify.Rule{verify.RuleSource}},
		{"runner", selfHosted, selfHosted, []verify.Rule{verify.RuleRunner}},
		{"trigger", created, created, []verify.Rule{verify.RuleTrigger}},
		{"workflow", elsewhere, elsewhere, []verify.Rule{verify.RuleSignature}},
		{"ref of the workflow", moved, moved, []verify.Rule{verify.RuleSignature}},

		{"lie about the branch", honest, branch, []verify.Rule{verify.RuleCertificate}},
		{"lie about the repository", honest, fork, []verify.Rule{verify.RuleCertificate}},
		{"lie about the runner", honest, selfHosted, []verify.Rule{verify.RuleCertificate, verify.RuleRunner}},
		{"lie about the trigger", honest, created, []verify.Rule{verify.RuleCertificate, verify.RuleTrigger}},
		{"lie about the commit", honest, other, []verify.Rule{verify.RuleCertificate}},
		{"lie about the workflow", honest, elsewhere, []verify.Rule{verify.RuleSignature}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env, err := signer.Sign(t.Context(), provenance.MediaType, observe(t, stack, test.says, app), tokens(stack, test.runs))
			if err != nil {
				t.Fatal(err)
			}
			res, err := policy.Verify(t.Context(), app, env)
			if len(test.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				if res.Level() != 3 {
					t.Errorf("level %d, want 3", res.Level())
				}
				return
			}
			rejected, ok := errors.AsType[*verify.RejectedError](err)
			if !ok {
				t.Fatalf("not rejected, but %v", err)
			}
			var got []verify.Rule
			for _, c := range rejected.Reasons {
				got = append(got, c.Rule)
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if got = slices.Compact(got); !slices.Equal(got, test.want) {
				t.Errorf("rejected for %v, want %v: %v", got, test.want, err)
			}
		})
	}

	// Of a bundle that was changed nothing is left.
	t.Run("tampered", func(t *testing.T) {
		env, err := signer.Sign(t.Context(), provenance.MediaType, observe(t, stack, honest, app), tokens(stack, honest))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Verify(t.Context(), app, env); err != nil {
			t.Fatal(err)
		}
		for name, text := range tampered(t, env.Bundle) {
			changed, err := sign.Parse(text)
			if err != nil {
				continue
			}
			if _, err := policy.Verify(t.Context(), app, changed); err == nil {
				t.Errorf("accepted with another %s", name)
			}
		}
	})

	// Without the stack's root nobody has signed.
	t.Run("other root", func(t *testing.T) {
		env, err := signer.Sign(t.Context(), provenance.MediaType, observe(t, stack, honest, app), tokens(stack, honest))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newPolicy(t, keyless.Start(t)).Verify(t.Context(), app, env); err == nil {
			t.Error("accepted by the root of another stack")
		}
	})
}

// tampered returns bundles that differ from the one in one place each.
func tampered(t testing.TB, text []byte) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for name, path := range map[string]string{
		"payload":     "dsseEnvelope payload",
		"signature":   "dsseEnvelope signatures 0 sig",
		"certificate": "verificationMaterial certificate rawBytes",
		"checkpoint":  "verificationMaterial tlogEntries 0 inclusionProof checkpoint envelope",
		"body":        "verificationMaterial tlogEntries 0 canonicalizedBody",
		"timestamp":   "verificationMaterial timestampVerificationData rfc3161Timestamps 0 signedTimestamp",
	} {
		var b any
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		v := b
		steps := strings.Fields(path)
		for i, step := range steps {
			if array, ok := v.([]any); ok {
				v = array[0]
				continue
			}
			o := v.(map[string]any)
			if i < len(steps)-1 {
				v = o[step]
				continue
			}
			// A character of base64 near the end, where in the certificate, the
			// checkpoint and the timestamp the signature is.
			s := []byte(o[step].(string))
			if at := len(s) - 12; s[at] == 'A' {
				s[at] = 'B'
			} else {
				s[at] = 'A'
			}
			o[step] = string(s)
		}
		changed, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = changed
	}
	return all
}

// People sign as jobs do: directly, and by way of the issuer of the public instance.
func TestPeople(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	signer := newSigner(t, stack)
	person := keyless.Claims{
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"sub": "1234", "email": "who@example.com", "email_verified": true,
	}
	for _, test := range []struct {
		claims keyless.Claims
		issuer string // in the certificate
	}{
		{person.With("iss", "https://accounts.google.com"), "https://accounts.google.com"},
		{person.With("iss", "https://oauth2.sigstore.dev/auth").With("federated_claims", map[string]string{"connector_id": "https://github.com/login/oauth", "user_id": "1"}), "https://github.com/login/oauth"},
	} {
		env, err := signer.Sign(t.Context(), "text/plain", []byte("reviewed"), tokens(stack, test.claims))
		if err != nil {
			t.Fatal(err)
		}
		for version, data := range map[string][]byte{"0.1": stack.TrustedRoot(), "0.2": stack.TrustedRootV02()} {
			root, err := sigstore.ParseTrustedRoot(data)
			if err != nil {
				t.Fatalf("trusted root %s: %v", version, err)
			}
			id, err := root.NewIdentity(sigstore.Account{Issuer: test.issuer, Subject: "who@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := id.Recognize(t.Context(), env); err != nil {
				t.Errorf("trusted root %s: %v", version, err)
			}
		}
	}
}

// sigstore-go signs with the stack, and what it has signed is recognized; it
// verifies what Signer has signed.
func TestSigstoreGo(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	app, job := newApp(t), keyless.GitHub()
	payload := observe(t, stack, job, app)

	key, err := sigstoresign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := sigstoresign.Bundle(&sigstoresign.DSSEData{Data: payload, PayloadType: provenance.MediaType}, key, sigstoresign.BundleOptions{
		CertificateProvider:        sigstoresign.NewFulcio(&sigstoresign.FulcioOptions{BaseURL: stack.Fulcio.URL}),
		CertificateProviderOptions: &sigstoresign.CertificateProviderOptions{IDToken: stack.Token(job)},
		TimestampAuthorities: []*sigstoresign.TimestampAuthority{
			sigstoresign.NewTimestampAuthority(&sigstoresign.TimestampAuthorityOptions{URL: stack.TSA.URL + "/api/v1/timestamp"}),
		},
		TransparencyLogs: []sigstoresign.Transparency{sigstoresign.NewRekor(&sigstoresign.RekorOptions{BaseURL: stack.Rekor.URL, Version: 2})},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(pb)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := sign.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPolicy(t, stack).Verify(t.Context(), app, theirs); err != nil {
		t.Error(err)
	}

	ours, err := newSigner(t, stack).Sign(t.Context(), provenance.MediaType, payload, tokens(stack, job))
	if err != nil {
		t.Fatal(err)
	}
	root, err := sigstoreroot.NewTrustedRootFromJSON(stack.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sigstoreverify.NewVerifier(root, sigstoreverify.WithSignedCertificateTimestamps(1),
		sigstoreverify.WithTransparencyLog(1), sigstoreverify.WithSignedTimestamps(1))
	if err != nil {
		t.Fatal(err)
	}
	id, err := sigstoreverify.NewShortCertificateIdentity(issuer, "", job.Builder(), "")
	if err != nil {
		t.Fatal(err)
	}
	policy := sigstoreverify.NewPolicy(sigstoreverify.WithoutArtifactUnsafe(), sigstoreverify.WithCertificateIdentity(id))
	judge := func(text []byte) error {
		b := new(bundle.Bundle)
		if err := b.UnmarshalJSON(text); err != nil {
			return err
		}
		_, err := verifier.Verify(b, policy)
		return err
	}
	for name, text := range tampered(t, ours.Bundle) {
		if err := judge(text); err == nil {
			t.Errorf("sigstore-go accepts a bundle with another %s: it is no judge", name)
		}
	}
	if err := judge(ours.Bundle); err != nil {
		t.Error(err)
	}
}
