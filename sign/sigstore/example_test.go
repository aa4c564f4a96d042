package sigstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// newRoot returns the trusted root of an instance of Sigstore that has one
// authority and one log of each kind.
func newRoot() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	ca, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	type object = map[string]any
	valid := object{"start": "2026-01-01T00:00:00Z"}
	id := sha256.Sum256(spki)
	logs := []object{{
		"baseUrl":       "https://log.example.com",
		"hashAlgorithm": "SHA2_256",
		"publicKey":     object{"rawBytes": spki, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
		"logId":         object{"keyId": id[:]},
	}}
	authorities := []object{{
		"uri":       "https://ca.example.com",
		"certChain": object{"certificates": []object{{"rawBytes": ca}}},
		"validFor":  valid,
	}}
	data, err := json.Marshal(object{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs":                  logs,
		"ctlogs":                 logs,
		"certificateAuthorities": authorities,
	})
	if err != nil {
		panic(err)
	}
	return data
}

// A policy trusts releases of one reusable workflow on GitHub's own machines.
// The provenance that it is given was signed with somebody's key.
func ExampleTrustedRoot_NewIdentity() {
	root, err := sigstore.ParseTrustedRoot(newRoot()) // usually the trusted_root.json of the instance
	if err != nil {
		fmt.Println(err)
		return
	}
	const builder = "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.2.3"
	id, err := root.NewIdentity(sigstore.Workflow{
		Issuer:  "https://token.actions.githubusercontent.com",
		Builder: builder,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := &verify.Policy{
		Builders:   []verify.Builder{{ID: builder, Identity: id, Level: 3}},
		Source:     "https://github.com/org/app",
		BuildTypes: []string{"https://actions.github.io/buildtypes/workflow/v1"},
		Refs:       verify.Refs{Releases: true},
		Parameters: map[string]verify.Parameter{
			"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}},
		},
	}

	ds, err := hallmark.Hash(strings.NewReader("the artifact"))
	if err != nil {
		fmt.Println(err)
		return
	}
	app := hallmark.Artifact{Name: "app", Digests: ds}
	key, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		fmt.Println(err)
		return
	}
	env, err := sign.Sign(context.Background(), provenance.MediaType, []byte("{}"), key)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = policy.Verify(context.Background(), app, env)
	fmt.Println(err)
	// Output:
	// app rejected
	//   signature: got not signed by this identity: the envelope is not in a bundle, want workflow https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.2.3 (issuer https://token.actions.githubusercontent.com) (evidence 0)
}

func ExampleParseTrustedRoot() {
	_, err := sigstore.ParseTrustedRoot([]byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.9"}`))
	fmt.Println(err)
	// Output:
	// malformed trusted root: media type "application/vnd.dev.sigstore.trustedroot+json;version=0.9", want that of a trusted root of version 0.1 or 0.2
}

// One operator cannot be two.
func ExampleTrustedRoot_Require() {
	root, err := sigstore.ParseTrustedRoot(newRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = root.Require(sigstore.Requirements{Logs: 2})
	fmt.Println(err)

	root, err = root.Require(sigstore.Requirements{OldestBundle: "0.1"})
	fmt.Println(root != nil, err)
	// Output:
	// sigstore: a requirement of logs of 2 operators, the trusted root names 1
	// true <nil>
}

// Somebody signs a file with "cosign sign-blob". The bundle that lies beside it is
// of another file.
func ExampleTrustedRoot_RecognizeArtifact() {
	root, err := sigstore.ParseTrustedRoot(newRoot())
	if err != nil {
		fmt.Println(err)
		return
	}
	ds, err := hallmark.Hash(strings.NewReader("the artifact"))
	if err != nil {
		fmt.Println(err)
		return
	}
	bundle := []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial":{"certificate":{"rawBytes":"AAAA"}},
		"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AAAA"},"signature":"AAAA"}}`)
	_, err = root.RecognizeArtifact(context.Background(), bundle, hallmark.Artifact{Name: "app", Digests: ds},
		sigstore.Account{Issuer: "https://accounts.google.com", Subject: "who@example.com"})
	fmt.Println(errors.Is(err, verify.ErrNotSigned), err)
	// Output:
	// true not signed by this identity: message digest sha256:000000 is of another artifact, want sha256:03473f89a784c14707308b73a324b887c10627dc400d8f62fd37a74d66b12438
}
