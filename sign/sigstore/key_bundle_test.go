package sigstore_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/hallmark-dev/hallmark/sign"
)

// What sign writes for a key, sigstore-go verifies by that key, as cosign does, and
// by no other.
func TestKeyBundle(t *testing.T) {
	seed := bytes.Repeat([]byte("k"), ed25519.SeedSize)
	onP256, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
	if err != nil {
		t.Fatal(err)
	}
	keys := []crypto.Signer{ed25519.NewKeyFromSeed(seed), onP256}
	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicateType":"https://example.com/p","predicate":{}}`)
	for i, key := range keys {
		signer, err := sign.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		e, err := sign.Sign(t.Context(), "application/vnd.in-toto+json", payload, signer)
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.MarshalBundle()
		if err != nil {
			t.Fatal(err)
		}
		b := new(bundle.Bundle)
		if err := b.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		id, err := signer.KeyID()
		if err != nil {
			t.Fatal(err)
		}
		for other, trusted := range keys {
			by, err := signature.LoadVerifier(trusted.Public(), crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			material := root.NewTrustedPublicKeyMaterial(func(hint string) (root.TimeConstrainedVerifier, error) {
				if hint != id {
					return nil, errors.New("another hint")
				}
				return root.NewExpiringKey(by, time.Time{}, time.Time{}), nil
			})
			v, err := sigstoreverify.NewVerifier(material, sigstoreverify.WithNoObserverTimestamps())
			if err != nil {
				t.Fatal(err)
			}
			res, err := v.Verify(b, sigstoreverify.NewPolicy(sigstoreverify.WithArtifact(bytes.NewReader(nil)), sigstoreverify.WithKey()))
			if (err == nil) != (other == i) {
				t.Errorf("key %d on what key %d signed: %v", other, i, err)
			}
			if err == nil && res.Statement.GetPredicateType() != "https://example.com/p" {
				t.Errorf("sigstore-go reads %v", res.Statement)
			}
		}
		// What sigstore-go writes of it is read again.
		theirs, err := b.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := sign.Parse(theirs)
		if err != nil || !bytes.Equal(back.PAE(), e.PAE()) || !bytes.Equal(back.Signatures[0].Sig, e.Signatures[0].Sig) {
			t.Errorf("%s comes back as %v, %v", theirs, back, err)
		}
	}
}
