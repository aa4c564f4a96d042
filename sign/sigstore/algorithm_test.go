package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

// Each kind of key signs in one way: another hash, another padding or the hash of
// an envelope instead of it are not signatures of it.
func TestAlgorithms(t *testing.T) {
	must := func(key crypto.Signer, err error) crypto.Signer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		return must(key, err)
	}
	rsaKey := func() crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return must(key, err)
	}
	ed := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ph := &ed25519.Options{Hash: crypto.SHA512}
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	message := []byte("the message")
	ds, err := hallmark.Hash(bytes.NewReader(message), "sha256", "sha384", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	app := hallmark.Artifact{Digests: ds}

	for _, test := range []struct {
		name     string
		key      crypto.Signer
		opts     crypto.SignerOpts
		envelope bool // verifies as the signature of an envelope
		artifact bool // and as that of an artifact
	}{
		{"P-256 and SHA-256", curve(elliptic.P256()), crypto.SHA256, true, true},
		{"P-256 and SHA-384", curve(elliptic.P256()), crypto.SHA384, false, false},
		{"P-384 and SHA-384", curve(elliptic.P384()), crypto.SHA384, true, true},
		{"P-384 and SHA-256", curve(elliptic.P384()), crypto.SHA256, false, false},
		{"P-521 and SHA-512", curve(elliptic.P521()), crypto.SHA512, true, true},
		{"P-521 and SHA-256", curve(elliptic.P521()), crypto.SHA256, false, false},
		{"Ed25519", ed, crypto.Hash(0), true, false},
		{"Ed25519ph", ed, ph, false, true},
		{"RSA PKCS #1 v1.5 and SHA-256", rsaKey(), crypto.SHA256, true, true},
		{"RSA PKCS #1 v1.5 and SHA-512", rsaKey(), crypto.SHA512, false, false},
		{"RSA-PSS and SHA-256", rsaKey(), pss, false, false},
	} {
		data := message
		if h := test.opts.HashFunc(); h != 0 {
			sum := h.New()
			sum.Write(message)
			data = sum.Sum(nil)
		}
		sig, err := test.key.Sign(rand.Reader, data, test.opts)
		if err != nil {
			t.Fatal(err)
		}
		s := &signed{signature: sig, leaf: &x509.Certificate{}, key: test.key.Public(), payload: message, pae: message}
		if err := s.verify(t.Context(), Key{}); (err == nil) != test.envelope {
			t.Errorf("%s: envelope: %v", test.name, err)
		}
		s = &signed{signature: sig, leaf: &x509.Certificate{}, key: test.key.Public(), artifact: &app}
		if err := s.verify(t.Context(), Key{}); (err == nil) != test.artifact {
			t.Errorf("%s: artifact: %v", test.name, err)
		}
	}
}
