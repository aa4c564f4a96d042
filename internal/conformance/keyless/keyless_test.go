package keyless_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	sgsign "github.com/sigstore/sigstore-go/pkg/sign"
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

func TestFlow(t *testing.T) {
	stack := keyless.Start(t)
	root, err := sigstore.ParseTrustedRoot(stack.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	job := keyless.GitHub()
	file := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(file, []byte("app"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, err := hallmark.HashFile(file)
	if err != nil {
		t.Fatal(err)
	}
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
	key, err := sgsign.NewEphemeralKeypair(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sgsign.Bundle(&sgsign.DSSEData{Data: payload, PayloadType: provenance.MediaType}, key, sgsign.BundleOptions{
		Context:                    context.Background(),
		CertificateProvider:        sgsign.NewFulcio(&sgsign.FulcioOptions{BaseURL: stack.Fulcio.URL}),
		CertificateProviderOptions: &sgsign.CertificateProviderOptions{IDToken: stack.Token(job)},
		TimestampAuthorities:       []*sgsign.TimestampAuthority{sgsign.NewTimestampAuthority(&sgsign.TimestampAuthorityOptions{URL: stack.TSA.URL + "/api/v1/timestamp"})},
		TransparencyLogs:           []sgsign.Transparency{sgsign.NewRekor(&sgsign.RekorOptions{BaseURL: stack.Rekor.URL, Version: 2})},
	})
	if err != nil {
		t.Fatal(err)
	}
	env, err := sign.Parse(toBytes(t, b))
	if err != nil {
		t.Fatal(err)
	}
	id, err := root.NewIdentity(sigstore.Workflow{Issuer: "https://token.actions.githubusercontent.com", Builder: job.Builder()})
	if err != nil {
		t.Fatal(err)
	}
	policy := &verify.Policy{
		Builders:   []verify.Builder{{ID: job.Builder(), Identity: id, Level: 3}},
		Source:     "https://github.com/acme/app",
		BuildTypes: []string{github.BuildType},
		Refs:       verify.Refs{Releases: true},
		Parameters: map[string]verify.Parameter{"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}}},
	}
	res, err := policy.Verify(t.Context(), app, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Checks() {
		t.Log(c)
	}
}

func toBytes(t *testing.T, b *protobundle.Bundle) []byte {
	data, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
