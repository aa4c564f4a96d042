package sigstore_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

func ExampleParseSigningConfig() {
	_, err := sigstore.ParseSigningConfig([]byte(`{
		"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.1+json",
		"caUrl": "https://fulcio.example.com"
	}`))
	fmt.Println(err)
	// Output:
	// malformed signing config: media type "application/vnd.dev.sigstore.signingconfig.v0.1+json", want "application/vnd.dev.sigstore.signingconfig.v0.2+json"
}

// A job of a build platform signs. The instance of Sigstore is in this process.
func ExampleNewSigner() {
	s := newStack()
	defer s.close()
	root, err := sigstore.ParseTrustedRoot(s.trustedRoot()) // usually the trusted_root.json of the instance
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err := sigstore.ParseSigningConfig(s.config(2)) // and its signing_config.json
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{
		Now: func() time.Time { return s.now }, // usually not given
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	env, err := signer.Sign(context.Background(), provenance.MediaType, []byte("{}"), s.token)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})
	if err != nil {
		fmt.Println(err)
		return
	}
	ev, err := id.Recognize(context.Background(), env)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%s", ev.Payload, ev.Claims.Builder)
	// Output:
	// {}
	// https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v1.2.3
}

// In a job, the token is that of the job. Outside of one there is none.
func ExampleSigner_Sign() {
	s := newStack()
	defer s.close()
	getenv := func(string) string { return "" } // usually os.Getenv
	signer := s.signer(2, sigstore.SignerOptions{})
	_, err := signer.Sign(context.Background(), provenance.MediaType, []byte("{}"), oidc.Token(getenv, http.DefaultClient))
	fmt.Println(err)
	// Output:
	// sigstore: identity token: oidc: this is no job of a system that is known to give one: no identity token is offered
}

// The repository of an instance is in this process. For the public good instance
// it would be
//
//	sigstore.FetchTrust(ctx, sigstore.PublicGoodURL, sigstore.PublicGoodRoot(), sigstore.TrustOptions{Cache: dir})
func ExampleFetchTrust() {
	s := newStack()
	defer s.close()
	repo := newRepository(s.now)
	repo.target("trusted_root.json", s.trustedRoot())
	repo.target("signing_config.v0.2.json", s.config(2))
	repo.publish()
	server := httptest.NewServer(repo)
	defer server.Close()

	trust, err := sigstore.FetchTrust(context.Background(), server.URL, repo.initial, sigstore.TrustOptions{
		Now: func() time.Time { return s.now }, // usually not given
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sigstore.ParseTrustedRoot(trust.TrustedRoot)
	fmt.Println(err)
	_, err = sigstore.ParseSigningConfig(trust.SigningConfig)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

func ExamplePublicGoodRoot() {
	root, err := metadata.Root().FromBytes(sigstore.PublicGoodRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(root.Signed.Type, root.Signed.Roles["root"].Threshold)
	// Output:
	// root 3
}
