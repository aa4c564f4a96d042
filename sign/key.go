package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512" // for crypto.Hash
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hallmark-dev/hallmark"
)

// NewSigner returns a SignerVerifier that signs with key by its default
// [Algorithm]. The key may be held in memory, by a hardware token, by an agent or
// by a key service: anything whose public key [NewVerifier] takes. Its key id is the
// hexadecimal SHA-256 of the public key's PKIX form.
//
// A private key in memory is an error if its parts do not belong together, or if
// it is an RSA key with more than two primes. Signatures by keys in memory are
// deterministic, by RFC 8032, RFC 6979 and PKCS #1 v1.5, but not by RSASSA-PSS,
// which is salted.
//
// A key that is not in memory is asked to sign the hash of the data, or the data
// itself if it is an Ed25519 key or a [crypto.MessageSigner]; for RSASSA-PSS with
// an [rsa.PSSOptions] as options. Sign gives up when its context ends, although a
// [crypto.Signer] cannot be interrupted: it goes on in a goroutine of its own, which
// ends when it returns, and what it returns then is dropped. A panic of the key is
// returned as an error. What the key makes is not verified before [Sign] does.
//
// The signer is safe for concurrent use if key is. No text, JSON or field of
// it shows the private key.
func NewSigner(key crypto.Signer) (SignerVerifier, error) { return Algorithm("").NewSigner(key) }

// NewSigner is as the function [NewSigner], with this algorithm. It is an error if
// the key is for another one.
func (a Algorithm) NewSigner(key crypto.Signer) (SignerVerifier, error) {
	key, err := checkPrivate(key)
	if err != nil {
		return nil, err
	}
	v, err := a.newVerifier(key.Public())
	if err != nil {
		return nil, err
	}
	var opts crypto.SignerOpts = v.hash
	if v.pss {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: v.hash}
	}
	switch key.(type) {
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey:
		var random io.Reader = rand.Reader
		if _, ok := key.(*ecdsa.PrivateKey); ok {
			random = nil // RFC 6979: the same payload gets the same signature
		}
		return &signer{v, func(ctx context.Context, data []byte) ([]byte, error) {
			digest, err := v.digest(ctx, data)
			if err != nil {
				return nil, err
			}
			return key.Sign(random, digest, opts)
		}}, nil
	}
	return &signer{v, func(ctx context.Context, data []byte) ([]byte, error) {
		data = bytes.Clone(data) // the key may read it when the caller has it back
		var sig []byte
		err := within(ctx, func() (err error) {
			sig, err = crypto.SignMessage(key, rand.Reader, data, opts)
			return err
		})
		if err != nil {
			return nil, err
		}
		return sig, nil
	}}, nil
}

// NewVerifier returns a Verifier for key by its default [Algorithm], with the key
// id that [NewSigner] gives. The key is an ed25519.PublicKey, an *ecdsa.PublicKey
// on P-256, P-384 or P-521, or an *rsa.PublicKey. The Verifier has a copy of it,
// and is safe for concurrent use.
//
// Refused are points that are not on the curve, Ed25519 points of low order or not
// in their canonical form, RSA keys of less than [MinRSABits] or more than
// [MaxRSABits], with an exponent that is not an odd number from 3 to 2147483647, or
// with a modulus that is even, has a factor below 1000, or has two primes that are
// next to each other.
func NewVerifier(key crypto.PublicKey) (Verifier, error) { return Algorithm("").NewVerifier(key) }

// NewVerifier is as the function [NewVerifier], with this algorithm. It is an error
// if the key is for another one.
func (a Algorithm) NewVerifier(key crypto.PublicKey) (Verifier, error) {
	v, err := a.newVerifier(key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Fingerprint returns the SHA-256 of key's PKIX form. Two keys are the same key
// if their fingerprints are equal, whatever their ids say. It is an error if
// [x509.MarshalPKIXPublicKey] does not know such keys; whether a key is a good one
// is not looked at.
func Fingerprint(key crypto.PublicKey) (hallmark.Digest, error) {
	if err := checkWhole(key); err != nil {
		return hallmark.Digest{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return hallmark.Digest{}, fmt.Errorf("sign: public key: %w", err)
	}
	ds, err := hallmark.Hash(bytes.NewReader(der))
	if err != nil {
		return hallmark.Digest{}, err
	}
	return ds[0], nil
}

// verifier is a public key whose algorithm was settled when it was made.
type verifier struct {
	scheme
	key crypto.PublicKey
	id  string
}

func (a Algorithm) newVerifier(key crypto.PublicKey) (*verifier, error) {
	// The algorithm first: what is named wrongly is no fault of the key.
	s := scheme{}
	if a != "" {
		var err error
		if s, err = a.scheme(); err != nil {
			return nil, err
		}
	}
	key, kind, err := checkPublic(key)
	if err != nil {
		return nil, err
	}
	if a == "" {
		if s, err = kind.algorithm().scheme(); err != nil {
			return nil, err
		}
	}
	if s.kind != kind {
		return nil, fmt.Errorf("sign: algorithm %s with a key for %s, want one for %s", a, kind, s.kind)
	}
	fp, err := Fingerprint(key)
	if err != nil {
		return nil, err
	}
	return &verifier{s, key, fp.Hex()}, nil
}

// digest returns the hash of data, or data itself if that is signed. It does not
// hash on when ctx has ended.
func (v *verifier) digest(ctx context.Context, data []byte) ([]byte, error) {
	if v.hash == 0 {
		return data, nil
	}
	h := v.hash.New()
	for part := range slices.Chunk(data, 1<<20) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h.Write(part)
	}
	return h.Sum(nil), nil
}

// errSignature is what Verify returns for a signature that is not the key's.
var errSignature = errors.New("invalid signature")

func (v *verifier) Verify(ctx context.Context, data, sig []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	digest, err := v.digest(ctx, data)
	if err != nil {
		return err
	}
	valid := false
	switch k := v.key.(type) {
	case ed25519.PublicKey:
		valid = ed25519.Verify(k, digest, sig)
	case *ecdsa.PublicKey:
		valid = ecdsa.VerifyASN1(k, digest, sig)
	case *rsa.PublicKey:
		if v.pss {
			// Without a salt length it would be what the signature says.
			opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			valid = rsa.VerifyPSS(k, v.hash, digest, sig, opts) == nil
		} else {
			valid = rsa.VerifyPKCS1v15(k, v.hash, digest, sig) == nil
		}
	}
	if !valid {
		return errSignature
	}
	return nil
}

func (v *verifier) KeyID() (string, error)   { return v.id, nil }
func (v *verifier) Public() crypto.PublicKey { return v.key }
func (v *verifier) String() string           { return "key sha256:" + v.id }

type signer struct {
	*verifier

	// The private key is where no reflection finds it. A Format method would
	// not do: package fmt does not call it for what is in an unexported field.
	sign func(ctx context.Context, data []byte) ([]byte, error)
}

func (s *signer) Sign(ctx context.Context, data []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return s.sign(ctx, data)
}

var _ SignerVerifier = (*signer)(nil)
