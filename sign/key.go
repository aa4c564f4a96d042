package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/hallmark-dev/hallmark"
)

// NewSigner returns a SignerVerifier that signs with key, which may be held in
// memory, by a hardware token or by a key service: anything whose public key
// is Ed25519 or ECDSA P-256. Its key id is the hexadecimal SHA-256 of the
// public key's PKIX form.
//
// Signatures by keys in memory are deterministic, by RFC 8032 and RFC 6979. Sign
// gives up when its context has ended, but cannot interrupt key once it signs.
// It is safe for concurrent use if key is.
func NewSigner(key crypto.Signer) (SignerVerifier, error) {
	switch k := key.(type) {
	case nil:
		return nil, errors.New("sign: no key")
	case *ecdsa.PrivateKey:
		if k == nil {
			return nil, errors.New("sign: no key")
		}
	case ed25519.PrivateKey:
		// crypto/ed25519 panics over a key of another length, and a signature
		// made with another key's public half gives the private one away.
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("sign: Ed25519 private key of %d bytes, want %d", len(k), ed25519.PrivateKeySize)
		}
		if !k.Equal(ed25519.NewKeyFromSeed(k.Seed())) {
			return nil, errors.New("sign: the halves of the Ed25519 key do not belong together")
		}
	}
	v, err := newVerifier(key.Public())
	if err != nil {
		return nil, err
	}
	if _, ok := v.key.(ed25519.PublicKey); ok {
		return &signer{v, func(data []byte) ([]byte, error) {
			return key.Sign(rand.Reader, data, crypto.Hash(0))
		}}, nil
	}
	var random io.Reader = rand.Reader
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		random = nil // RFC 6979: the same payload gets the same signature
	}
	return &signer{v, func(data []byte) ([]byte, error) {
		sum := sha256.Sum256(data)
		return key.Sign(random, sum[:], crypto.SHA256)
	}}, nil
}

// NewVerifier returns a Verifier for key, an ed25519.PublicKey or an
// *ecdsa.PublicKey on P-256, with the key id that [NewSigner] gives. It is safe
// for concurrent use.
func NewVerifier(key crypto.PublicKey) (Verifier, error) {
	v, err := newVerifier(key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Fingerprint returns the SHA-256 of key's PKIX form. Two keys are the same key
// if their fingerprints are equal, whatever their ids say.
func Fingerprint(key crypto.PublicKey) (hallmark.Digest, error) {
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

// ParsePrivateKey parses a private key in PEM: PKCS #8 ("PRIVATE KEY"), or
// SEC 1 ("EC PRIVATE KEY"). The key must be one that [NewSigner] takes. Data
// beside the one PEM block is an error, as are an encrypted key and data of more
// than [MaxKeySize]. No error holds any part of the key.
func ParsePrivateKey(data []byte) (SignerVerifier, error) {
	block, err := onlyBlock(data, "private key")
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("malformed private key: PEM block %.40q, want PRIVATE KEY or EC PRIVATE KEY", block.Type)
	}
	// crypto/x509 passes over what follows a private key.
	var whole asn1.RawValue
	rest, unread := asn1.Unmarshal(block.Bytes, &whole)
	if err != nil || unread != nil || len(rest) > 0 {
		// What the parser says could quote the key.
		return nil, fmt.Errorf("malformed private key: the PEM block %s does not hold one", block.Type)
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("sign: a %T cannot sign", key)
	}
	return NewSigner(s)
}

// ParsePublicKey parses a public key in PEM, in PKIX form ("PUBLIC KEY"). The
// key must be one that [NewVerifier] takes. Data beside the one PEM block is an
// error, as are data of more than [MaxKeySize].
func ParsePublicKey(data []byte) (Verifier, error) {
	block, err := onlyBlock(data, "public key")
	if err != nil {
		return nil, err
	}
	if block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("malformed public key: PEM block %.40q, want PUBLIC KEY", block.Type)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("malformed public key: %w", err)
	}
	return NewVerifier(key)
}

// MarshalPublicKey returns key in the form that [ParsePublicKey] reads.
func MarshalPublicKey(key crypto.PublicKey) ([]byte, error) {
	if _, err := newVerifier(key); err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("sign: public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func onlyBlock(data []byte, what string) (*pem.Block, error) {
	if len(data) > MaxKeySize {
		return nil, fmt.Errorf("malformed %s: %d bytes, at most %d are read", what, len(data), MaxKeySize)
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("malformed %s: no PEM block", what)
	case bytes.Count(data, []byte("-----BEGIN ")) > 1:
		// Counted, because encoding/pem passes over a block that is broken.
		return nil, fmt.Errorf("malformed %s: more than one PEM block", what)
	case !bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN ")):
		return nil, fmt.Errorf("malformed %s: data before the PEM block", what)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("malformed %s: data after the PEM block", what)
	case len(block.Headers) > 0:
		return nil, fmt.Errorf("malformed %s: the PEM block has headers; encrypted keys are not read", what)
	}
	return block, nil
}

// verifier is a public key whose algorithm was settled when it was made.
type verifier struct {
	key crypto.PublicKey
	id  string
}

func newVerifier(key crypto.PublicKey) (*verifier, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("sign: Ed25519 key of %d bytes, want %d", len(k), ed25519.PublicKeySize)
		}
	case *ecdsa.PublicKey:
		if k == nil || *k == (ecdsa.PublicKey{Curve: k.Curve}) {
			return nil, errors.New("sign: ECDSA key without a point")
		}
		if k.Curve != elliptic.P256() {
			return nil, errors.New("sign: ECDSA key on another curve than P-256")
		}
		if _, err := k.ECDH(); err != nil {
			return nil, fmt.Errorf("sign: ECDSA key: %w", err)
		}
	default:
		return nil, fmt.Errorf("sign: key is a %T, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256", key)
	}
	fp, err := Fingerprint(key)
	if err != nil {
		return nil, err
	}
	return &verifier{key, fp.Hex()}, nil
}

// errSignature is what Verify returns for a signature that is not the key's.
var errSignature = errors.New("invalid signature")

func (v *verifier) Verify(ctx context.Context, data, sig []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	valid := false
	switch k := v.key.(type) {
	case ed25519.PublicKey:
		valid = ed25519.Verify(k, data, sig)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		valid = ecdsa.VerifyASN1(k, sum[:], sig)
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
	sign func(data []byte) ([]byte, error)
}

func (s *signer) Sign(ctx context.Context, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.sign(data)
}

var _ SignerVerifier = (*signer)(nil)
