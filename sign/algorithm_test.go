package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
)

// algorithms returns all there are, each with a key for it.
func algorithms(t testing.TB) map[sign.Algorithm]crypto.Signer {
	t.Helper()
	return map[sign.Algorithm]crypto.Signer{
		sign.Ed25519:         edKey(),
		sign.ECDSAP256SHA256: ecKey(t, elliptic.P256()),
		sign.ECDSAP384SHA384: ecKey(t, elliptic.P384()),
		sign.ECDSAP384SHA256: ecKey(t, elliptic.P384()),
		sign.ECDSAP521SHA512: ecKey(t, elliptic.P521()),
		sign.ECDSAP521SHA256: ecKey(t, elliptic.P521()),
		sign.RSAPSSSHA256:    rsaKey(t),
		sign.RSAPSSSHA384:    rsaKey(t),
		sign.RSAPSSSHA512:    rsaKey(t),
		sign.RSAPKCS1SHA256:  rsaKey(t),
		sign.RSAPKCS1SHA384:  rsaKey(t),
		sign.RSAPKCS1SHA512:  rsaKey(t),
	}
}

// What one algorithm signs, no other one takes for its own, with the same key or
// another one.
func TestAlgorithms(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	ctx, data := t.Context(), []byte("data")
	all := algorithms(t)
	for a, key := range all {
		for _, in := range []crypto.Signer{key, token{Signer: key}} {
			s, err := a.NewSigner(in)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			sig, err := s.Sign(ctx, data)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			for b, other := range all {
				v, err := b.NewVerifier(other.Public())
				if err != nil {
					t.Fatalf("%s: %v", b, err)
				}
				if err := v.Verify(ctx, data, sig); (err == nil) != (a == b) {
					t.Errorf("%s of %s: %v", b, a, err)
				}
				if sameKind := reflect.DeepEqual(key, other); !sameKind {
					if _, err := b.NewVerifier(key.Public()); err == nil {
						t.Errorf("%s takes a key for %s", b, a)
					}
					if _, err := b.NewSigner(key); err == nil {
						t.Errorf("%s signs with a key for %s", b, a)
					}
				}
			}
		}
		text, err := sign.MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := sign.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		s, err := a.ParsePrivateKey(text)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		v, err := a.ParsePublicKey(public)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		locked, err := a.DecryptPrivateKey([]byte(encryptedPKCS8(t, pkcs8(t, key))), []byte(passphrase))
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		for _, s := range []sign.Signer{s, locked} {
			sig, err := s.Sign(ctx, data)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			if err := v.Verify(ctx, data, sig); err != nil {
				t.Errorf("%s: %v", a, err)
			}
		}
	}

	// The default is one of them.
	for a, key := range map[sign.Algorithm]crypto.Signer{
		sign.Ed25519: edKey(), sign.ECDSAP256SHA256: ecKey(t, elliptic.P256()), sign.ECDSAP384SHA384: ecKey(t, elliptic.P384()),
		sign.ECDSAP521SHA512: ecKey(t, elliptic.P521()), sign.RSAPSSSHA256: rsaKey(t),
	} {
		sig, err := newSigner(t, key).Sign(ctx, data)
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.NewVerifier(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(ctx, data, sig); err != nil {
			t.Errorf("the default is not %s: %v", a, err)
		}
	}

	const want = ", want ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, ecdsa-p384-sha256, ecdsa-p521-sha512, ecdsa-p521-sha256, rsa-pss-sha256, rsa-pss-sha384, rsa-pss-sha512, rsa-pkcs1v15-sha256, rsa-pkcs1v15-sha384, rsa-pkcs1v15-sha512"
	for _, a := range []sign.Algorithm{"ecdsa-p256-sha256-p1363", "ml-dsa-44", "rsa-pss-sha256-salt0", "ED25519", " ", "rsa-pkcs1v15-sha1"} {
		_, err := a.NewSigner(edKey())
		wantError(t, string(a), err, fmt.Sprintf("sign: unsupported algorithm %q", string(a))+want)
		_, err = a.NewVerifier(edKey().Public())
		wantError(t, string(a), err, fmt.Sprintf("sign: unsupported algorithm %q", string(a))+want)
		_, err = sign.Generate(a)
		wantError(t, string(a), err, fmt.Sprintf("sign: unsupported algorithm %q", string(a))+want)
	}
	_, err := sign.RSAPSSSHA256.NewVerifier(edKey().Public())
	wantError(t, "another kind", err, "sign: algorithm rsa-pss-sha256 with a key for Ed25519, want one for RSA")
	_, err = sign.ECDSAP384SHA256.NewSigner(ecKey(t, elliptic.P256()))
	wantError(t, "another curve", err, "sign: algorithm ecdsa-p384-sha256 with a key for ECDSA P-256, want one for ECDSA P-384")
}

// RSASSA-PSS with another salt is another scheme, which the signature must not
// choose.
func TestPSSSalt(t *testing.T) {
	key, sum := rsaKey(t), sha256.Sum256([]byte("data"))
	v, err := sign.NewVerifier(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for length := 0; length <= 2048/8-32-2; length++ {
		salt := length
		if salt == 0 {
			continue // crypto/rsa would choose
		}
		sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(t.Context(), []byte("data"), sig); (err == nil) != (salt == 32) {
			t.Errorf("salt of %d bytes: %v", salt, err)
		}
		if length > 40 {
			length += 23
		}
	}
}

func TestGenerate(t *testing.T) {
	for a, want := range algorithms(t) {
		if strings.HasPrefix(string(a), "rsa") && a != sign.RSAPKCS1SHA512 {
			continue // each takes long
		}
		key, err := sign.Generate(a)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if reflect.TypeOf(key) != reflect.TypeOf(want) {
			t.Errorf("%s: a %T", a, key)
		}
		if k, ok := key.(*rsa.PrivateKey); ok && (k.N.BitLen() != 3072 || k.E != 65537) {
			t.Errorf("RSA key of %d bits with the exponent %d", k.N.BitLen(), k.E)
		}
		if _, err := a.NewSigner(key); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	one, err := sign.Generate("")
	if err != nil {
		t.Fatal(err)
	}
	two, err := sign.Generate("")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := one.(ed25519.PrivateKey), two.(ed25519.PrivateKey); a.Equal(b) {
		t.Error("twice the same key")
	}
}

// What a key that is not in memory is asked for.
func TestToken(t *testing.T) {
	for a, key := range algorithms(t) {
		var got crypto.SignerOpts
		var size int
		s, err := a.NewSigner(token{key, func(random io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error) {
			if random == nil {
				t.Errorf("%s: no randomness", a)
			}
			got, size = opts, len(data)
			return key.Sign(random, data, opts)
		}})
		if err != nil {
			t.Fatal(err)
		}
		sig, err := s.Sign(t.Context(), []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), []byte("data"), sig); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		hash := got.HashFunc()
		want := "sha" + strings.TrimPrefix(fmt.Sprint(hash), "SHA-")
		if a == sign.Ed25519 {
			if hash != 0 || size != len("data") {
				t.Errorf("%s: asked for %v of %d bytes", a, hash, size)
			}
		} else if !strings.HasSuffix(string(a), want) || size != hash.Size() {
			t.Errorf("%s: asked for %v of %d bytes", a, hash, size)
		}
		pss, ok := got.(*rsa.PSSOptions)
		if ok != strings.Contains(string(a), "pss") || ok && pss.SaltLength != rsa.PSSSaltLengthEqualsHash {
			t.Errorf("%s: asked with %#v", a, got)
		}
	}

	// One that signs messages is not asked to sign a hash.
	s := newSigner(t, messages{token{ecKey(t, elliptic.P256()), func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
		return nil, errors.New("it signs messages only")
	}}, ecKey(t, elliptic.P256())})
	sig, err := s.Sign(t.Context(), []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), []byte("data"), sig); err != nil {
		t.Error(err)
	}
}

type messages struct {
	token
	key *ecdsa.PrivateKey
}

func (m messages) SignMessage(random io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error) {
	sum := sha256.Sum256(data)
	return m.key.Sign(random, sum[:], opts)
}

// Whatever a key does, it makes a good signature or an error.
func TestBrokenToken(t *testing.T) {
	broken := errors.New("the token is gone")
	sum := sha256.Sum256([]byte("data"))
	for _, test := range []struct {
		name string
		key  crypto.Signer
		sign func() ([]byte, error)
		want string // the end of the error
	}{
		{"error", ecKey(t, elliptic.P256()), func() ([]byte, error) { return nil, broken }, "the token is gone"},
		{"signature and error", edKey(), func() ([]byte, error) { return make([]byte, 64), broken }, "the token is gone"},
		{"nothing", edKey(), func() ([]byte, error) { return nil, nil }, "made an empty signature"},
		{"garbage", edKey(), func() ([]byte, error) { return make([]byte, 64), nil }, "does not verify: invalid signature"},
		{"too short", edKey(), func() ([]byte, error) { return make([]byte, 63), nil }, "does not verify: invalid signature"},
		{"too long", rsaKey(t), func() ([]byte, error) { return make([]byte, 1<<20), nil }, "does not verify: invalid signature"},
		{"PKCS #1 v1.5", rsaKey(t), func() ([]byte, error) { return rsa.SignPKCS1v15(nil, rsaKey(t), crypto.SHA256, sum[:]) }, "does not verify: invalid signature"},
		{"not DER", ecKey(t, elliptic.P256()), func() ([]byte, error) {
			der, err := ecKey(t, elliptic.P256()).Sign(rand.Reader, sum[:], crypto.SHA256)
			if err != nil {
				return nil, err
			}
			var rs struct{ R, S *big.Int }
			_, err = asn1.Unmarshal(der, &rs)
			return append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...), err
		}, "does not verify: invalid signature"},
		{"panic", edKey(), func() ([]byte, error) { panic("no slot") }, "it panicked: no slot"},
		{"end", edKey(), func() ([]byte, error) { runtime.Goexit(); return nil, nil }, "it did not return"},
	} {
		s := newSigner(t, token{test.key, func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return test.sign() }})
		e, err := sign.Sign(t.Context(), "t", []byte("data"), s)
		if err == nil || !strings.HasSuffix(err.Error(), test.want) || e != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A key service that does not answer is left alone when the context ends, and its
// goroutine ends when it does.
func TestBlockedToken(t *testing.T) {
	for _, key := range []crypto.Signer{edKey(), ecKey(t, elliptic.P256()), rsaKey(t)} {
		before := runtime.NumGoroutine()
		asked, answer := make(chan []byte, 1), make(chan bool)
		s := newSigner(t, token{key, func(_ io.Reader, data []byte, _ crypto.SignerOpts) ([]byte, error) {
			asked <- data
			<-answer
			return nil, nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		data := []byte("data")
		ended := make(chan time.Time, 1)
		var got []byte
		go func() {
			got = <-asked
			ended <- time.Now()
			cancel()
		}()
		sig, err := s.Sign(ctx, data)
		if took := time.Since(<-ended); took > 100*time.Millisecond {
			t.Errorf("%T: %v after the context ended", key, took)
		}
		if sig != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%T: %x, %v", key, sig, err)
		}
		clear(data) // the key has its own
		if _, ok := key.(ed25519.PrivateKey); ok && string(got) != "data" {
			t.Errorf("%T: the key signs %q", key, got)
		}
		close(answer)
		for i := 0; runtime.NumGoroutine() > before; i++ {
			if i == 500 {
				t.Fatalf("%T: %d goroutines, want %d", key, runtime.NumGoroutine(), before)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// Large data is not hashed to its end for nobody.
func TestCancelledHash(t *testing.T) {
	data := make([]byte, sign.MaxEnvelopeSize)
	for a, key := range algorithms(t) {
		if a == sign.Ed25519 {
			continue // crypto/ed25519 hashes it
		}
		s, err := a.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		ctx := &countdown{Context: t.Context(), left: 3}
		if _, err := s.Sign(ctx, data); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Sign: %v", a, err)
		}
		ctx.left = 3
		if err := s.Verify(ctx, data, make([]byte, 64)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Verify: %v", a, err)
		}
	}
}

// countdown is a context that ends after it was asked some times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// A verifier keeps the key it was made of, whatever its owner does with it.
func TestVerifierCopies(t *testing.T) {
	for _, test := range []struct {
		key    crypto.Signer
		public func() (crypto.PublicKey, func())
	}{
		{edKey(), func() (crypto.PublicKey, func()) {
			k := ed25519.PublicKey(bytes.Clone(edKey()[32:]))
			return k, func() { clear(k) }
		}},
		{ecKey(t, elliptic.P256()), func() (crypto.PublicKey, func()) {
			k := ecKey(t, elliptic.P256()).PublicKey
			return &k, func() { k = ecKey(t, elliptic.P384()).PublicKey }
		}},
		{rsaKey(t), func() (crypto.PublicKey, func()) {
			k := &rsa.PublicKey{N: new(big.Int).Set(rsaKey(t).N), E: 65537}
			return k, func() { k.N.SetInt64(15); k.E = 3 }
		}},
	} {
		public, change := test.public()
		v, err := sign.NewVerifier(public)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := newSigner(t, test.key).Sign(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		change()
		if err := v.Verify(t.Context(), nil, sig); err != nil {
			t.Errorf("%T: %v", public, err)
		}
	}
}

// Nothing that reflection finds in a signer is a private key.
func TestNoField(t *testing.T) {
	for a, key := range algorithms(t) {
		s, err := a.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		private := [][]byte{secret}
		if k, ok := key.(*rsa.PrivateKey); ok {
			private = [][]byte{k.D.Bytes(), k.Primes[0].Bytes(), k.Primes[1].Bytes()}
		}
		for _, b := range memory(reflect.ValueOf(s), make(map[uintptr]bool)) {
			for _, p := range private {
				reversed := bytes.Clone(p)
				for i := range reversed {
					reversed[i] = p[len(p)-1-i]
				}
				if bytes.Contains(b, p[:16]) || bytes.Contains(b, reversed[:16]) {
					t.Errorf("%s: the private key is in a field", a)
				}
			}
		}
		if len(memory(reflect.ValueOf(key), make(map[uintptr]bool))) == 0 {
			t.Errorf("%s: nothing was found in the key itself", a)
		}
	}
}

// memory returns the numbers that a value holds, field by field, as bytes.
func memory(v reflect.Value, seen map[uintptr]bool) [][]byte {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return nil
		}
		seen[v.Pointer()] = true
		return memory(v.Elem(), seen)
	case reflect.Interface:
		return memory(v.Elem(), seen)
	case reflect.Struct:
		var all [][]byte
		for i := range v.NumField() {
			all = append(all, memory(v.Field(i), seen)...)
		}
		return all
	case reflect.String:
		return [][]byte{[]byte(v.String())}
	case reflect.Slice, reflect.Array:
		var all [][]byte
		var flat []byte
		for i := range v.Len() {
			switch e := v.Index(i); e.Kind() {
			case reflect.Uint8:
				flat = append(flat, byte(e.Uint()))
			case reflect.Uint, reflect.Uint64:
				for n, j := e.Uint(), 0; j < 8; j++ { // little-endian, as big.Int has its words
					flat = append(flat, byte(n>>(8*j)))
				}
			default:
				all = append(all, memory(e, seen)...)
			}
		}
		if flat != nil {
			all = append(all, flat)
		}
		return all
	}
	return nil
}
