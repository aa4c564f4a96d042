package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
)

// secret is the private half of every key here but the RSA ones, so that a test
// can look for it. No error would have a part of it by chance.
var secret = []byte("Qx7#vLp2~Zt9@Wm4^Kd8&Rb5*Hs3!Ny6")

func edKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(secret) }

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	d := make([]byte, (c.Params().BitSize+7)/8)
	copy(d[max(0, len(d)-len(secret)):], secret)
	k, err := ecdsa.ParseRawPrivateKey(c, d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func block(name string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der}))
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func spkiOf(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// The primes of [rsaKey]: finding some takes long.
const (
	rsaP = "fda00a5d2f4e1196f0a94b1b320cf8d7cba8aba36b47d17216840c361966e07e" +
		"a54e5c1339beeba8c6cd49f01404b6ab10960d6e0cffe1900a9ca44bbd8cae8d" +
		"9eda8508bb9f16661b7d138535d9efb5b09528ecf3237a8dd76be503ed7d334f" +
		"0526068508aa5bcd96362a4718cd5717e0d8e3e447bd5c3992a881fd060eb697"
	rsaQ = "f7b43cd8d0dc51c27ead21510da70fb29ab1bb3f0bb054e64fcd736b652bcaed" +
		"6e82afc34f44e34c477aec52583bd802828009b487fbf0e7efa6f21c4d411d2d" +
		"69bb9692f169e2791135380298850d6047c99edfa2fa2c2695c85090db3b313c" +
		"206afa2aac51af79eaefd8f283eb12ed0feb2c5cd13fea69995c98f9fa4d9a13"
)

var rsaOnce = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	p, _ := new(big.Int).SetString(rsaP, 16)
	q, _ := new(big.Int).SetString(rsaQ, 16)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), phi),
		Primes:    []*big.Int{p, q},
	}
	k.Precompute()
	return k, k.Validate()
})

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsaOnce()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSigner(t testing.TB, key crypto.Signer) sign.SignerVerifier {
	t.Helper()
	s, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// token is a key that is not in memory.
type token struct {
	crypto.Signer
	sign func(random io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (k token) Sign(random io.Reader, data []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.sign != nil {
		return k.sign(random, data, opts)
	}
	return k.Signer.Sign(random, data, opts)
}

// publicOnly is a crypto.Signer with the public key.
type publicOnly struct{ key crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey { return k.key }

func (k publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func TestSigner(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	ctx := t.Context()
	data := []byte("data")
	for _, test := range []struct {
		name          string
		key           crypto.Signer
		deterministic bool
	}{
		{"Ed25519", edKey(), true},
		{"ECDSA P-256", ecKey(t, elliptic.P256()), true},
		{"Ed25519 in a token", token{Signer: edKey()}, true},
		{"ECDSA P-256 in a token", token{Signer: ecKey(t, elliptic.P256())}, false},
		{"ECDSA P-384", ecKey(t, elliptic.P384()), true},
		{"ECDSA P-521", ecKey(t, elliptic.P521()), true},
		{"RSA", rsaKey(t), false},
		{"RSA in a token", token{Signer: rsaKey(t)}, false},
	} {
		s := newSigner(t, test.key)
		sum := sha256.Sum256(spkiOf(t, test.key.Public()))
		id, err := s.KeyID()
		if err != nil || id != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: key id %q, %v, want %x", test.name, id, err, sum)
		}
		one, err := s.Sign(ctx, data)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		two, err := s.Sign(ctx, data)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if bytes.Equal(one, two) != test.deterministic {
			t.Errorf("%s: two signatures are equal: %t", test.name, !test.deterministic)
		}

		v, err := sign.NewVerifier(test.key.Public())
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if vid, _ := v.KeyID(); vid != id {
			t.Errorf("%s: the Verifier's key id is %q, the Signer's %q", test.name, vid, id)
		}
		if _, ok := v.(sign.Signer); ok {
			t.Errorf("%s: a Verifier is a Signer", test.name)
		}
		for i := range one {
			bad := bytes.Clone(one)
			bad[i] ^= 1
			if v.Verify(ctx, data, bad) == nil {
				t.Errorf("%s: a signature with another byte %d is valid", test.name, i)
			}
		}
		for _, v := range []sign.Verifier{v, s} {
			for _, sig := range [][]byte{one, two} {
				if err := v.Verify(ctx, data, sig); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
				for _, bad := range [][]byte{nil, {}, sig[:len(sig)-1], append(bytes.Clone(sig), 0)} {
					if err := v.Verify(ctx, data, bad); err == nil || err.Error() != "invalid signature" {
						t.Errorf("%s: signature %x: %v", test.name, bad, err)
					}
				}
				if v.Verify(ctx, []byte("Data"), sig) == nil {
					t.Errorf("%s: the signature is valid for other data", test.name)
				}
			}
		}

		ended, cancel := context.WithCancel(ctx)
		cancel()
		if sig, err := s.Sign(ended, data); sig != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Sign with an ended context: %x, %v", test.name, sig, err)
		}
		if err := v.Verify(ended, data, one); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Verify with an ended context: %v", test.name, err)
		}
	}
}

// The signatures of RFC 8032 section 7.1 and RFC 6979 appendix A.2.5.
func TestVectors(t *testing.T) {
	seed, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	raw, _ := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	onP256, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		key  crypto.Signer
		data string
		want string
	}{
		{
			"Ed25519", ed25519.NewKeyFromSeed(seed), "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"ECDSA", onP256, "sample",
			"3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		},
	} {
		sig, err := newSigner(t, test.key).Sign(t.Context(), []byte(test.data))
		if got := hex.EncodeToString(sig); err != nil || got != test.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", test.name, err, got, test.want)
		}
	}
}

// incomparable is a curve that panics where it is compared with its like.
type incomparable struct {
	elliptic.Curve
	_ []int
}

func TestNewRefuses(t *testing.T) {
	long := ed25519.PublicKey(bytes.Repeat([]byte{1}, 33))
	mixed := edKey()
	mixed[63] ^= 1
	p384, rsa2048 := ecKey(t, elliptic.P384()), rsaKey(t)
	n, prime := rsa2048.N, rsa2048.Primes[0]
	next := new(big.Int).Add(prime, big.NewInt(1<<20))
	for !next.ProbablyPrime(10) {
		next.Add(next, big.NewInt(2))
	}
	pow := func(base, exponent, add int64) *big.Int {
		x := new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
		return x.Add(x, big.NewInt(add))
	}
	edPoint := func(text string) ed25519.PublicKey {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return append(b, make([]byte, 32-len(b))...)
	}
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: pow(2, 1024, -1), E: 65537}}
	x25519, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 no other way leads to a key that is not on its curve
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	withNumber := func(d *big.Int) *ecdsa.PrivateKey {
		//lint:ignore SA1019 no other way leads to a number that is not the key's
		return &ecdsa.PrivateKey{PublicKey: p384.PublicKey, D: d}
	}
	foreign := ecKey(t, elliptic.P256()).PublicKey
	foreign.Curve = elliptic.P256().Params()

	for _, test := range []struct {
		name string
		key  crypto.PublicKey
		want string
	}{
		{"nothing", nil, "sign: key is a <nil>, want an ed25519.PublicKey, an *ecdsa.PublicKey or an *rsa.PublicKey"},
		{"short Ed25519", ed25519.PublicKey{1}, "sign: Ed25519 key of 1 bytes, want 32"},
		{"long Ed25519", long, "sign: Ed25519 key of 33 bytes, want 32"},
		{"no Ed25519", ed25519.PublicKey(nil), "sign: Ed25519 key of 0 bytes, want 32"},
		{"private key", edKey(), "sign: key is a ed25519.PrivateKey, want an ed25519.PublicKey, an *ecdsa.PublicKey or an *rsa.PublicKey"},
		{"P-224", ecKey(t, elliptic.P224()).Public(), "sign: ECDSA key on another curve than P-256, P-384 or P-521"},
		{"somebody's P-256", &foreign, "sign: ECDSA key on another curve than P-256, P-384 or P-521"},
		{"nil ECDSA", (*ecdsa.PublicKey)(nil), "sign: ECDSA key without a point"},
		{"zero ECDSA", new(ecdsa.PublicKey), "sign: ECDSA key without a point"},
		{"no point", &ecdsa.PublicKey{Curve: elliptic.P256()}, "sign: ECDSA key without a point"},
		//lint:ignore SA1019 no other way leads to half a point
		{"half a point", &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1)}, "sign: ECDSA key without a point"},
		//lint:ignore SA1019 as above
		{"a curve that cannot be compared", &ecdsa.PublicKey{Curve: incomparable{elliptic.P256(), nil}, X: big.NewInt(1), Y: big.NewInt(1)}, "sign: ECDSA key on another curve than P-256, P-384 or P-521"},
		{"not on the curve", offCurve, "sign: ECDSA P-256 key: P256 point not on curve"},
		{"value", ecdsa.PublicKey{Curve: elliptic.P256()}, "sign: key is a ecdsa.PublicKey, want an ed25519.PublicKey, an *ecdsa.PublicKey or an *rsa.PublicKey"},
		{"X25519", x25519.PublicKey(), "sign: key is a *ecdh.PublicKey, want an ed25519.PublicKey, an *ecdsa.PublicKey or an *rsa.PublicKey"},
		{"nil RSA", (*rsa.PublicKey)(nil), "sign: RSA key without a modulus"},
		{"zero RSA", new(rsa.PublicKey), "sign: RSA key without a modulus"},
		{"RSA of 2047 bits", &rsa.PublicKey{N: pow(2, 2047, -1), E: 65537}, "sign: RSA key of 2047 bits, want 2048 to 8192"},
		{"RSA of 8193 bits", &rsa.PublicKey{N: pow(2, 8193, -1), E: 65537}, "sign: RSA key of 8193 bits, want 2048 to 8192"},
		{"RSA below zero", &rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, "sign: RSA key of 2048 bits, want 2048 to 8192"},
		{"RSA with the exponent -3", &rsa.PublicKey{N: n, E: -3}, "sign: RSA key with the exponent -3, want an odd one from 3 to 2147483647"},
		{"RSA with the exponent 0", &rsa.PublicKey{N: n}, "sign: RSA key with the exponent 0, want an odd one from 3 to 2147483647"},
		{"RSA with the exponent 1", &rsa.PublicKey{N: n, E: 1}, "sign: RSA key with the exponent 1, want an odd one from 3 to 2147483647"},
		{"RSA with an even exponent", &rsa.PublicKey{N: n, E: 65536}, "sign: RSA key with the exponent 65536, want an odd one from 3 to 2147483647"},
		{"RSA with an even modulus", &rsa.PublicKey{N: pow(2, 2048, -2), E: 65537}, "sign: RSA key with an even modulus"},
		{"RSA with a small factor", &rsa.PublicKey{N: pow(2, 2048, -1), E: 65537}, "sign: RSA key with a modulus that 3 divides"},
		{"RSA of a square", &rsa.PublicKey{N: new(big.Int).Mul(prime, prime), E: 65537}, "sign: RSA key whose primes are next to each other"},
		{"RSA of primes next to each other", &rsa.PublicKey{N: new(big.Int).Mul(prime, next), E: 65537}, "sign: RSA key whose primes are next to each other"},
		{"Ed25519 of order 1", edPoint("01"), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 of order 2", edPoint("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 of order 4", edPoint("00"), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 of order 8", edPoint("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 of order 8, too", edPoint("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"), "sign: Ed25519 key is a point of low order, with which anybody can sign"},
		{"Ed25519 with another 1", edPoint("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "sign: Ed25519 key is not in its one canonical form: y is not below the prime"},
		{"Ed25519 with another 0", edPoint("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), "sign: Ed25519 key is not in its one canonical form: y is not below the prime"},
		{"Ed25519 of all ones", edPoint(strings.Repeat("ff", 32)), "sign: Ed25519 key is not in its one canonical form: y is not below the prime"},
		{"Ed25519 off the curve", edPoint("02"), "sign: Ed25519 key is not a point on the curve"},
	} {
		v, err := sign.NewVerifier(test.key)
		wantError(t, test.name+": NewVerifier", err, test.want)
		if v != nil {
			t.Errorf("%s: NewVerifier returns %v beside the error", test.name, v)
		}
		s, err := sign.NewSigner(publicOnly{test.key})
		wantError(t, test.name+": NewSigner", err, test.want)
		if s != nil {
			t.Errorf("%s: NewSigner returns %v beside the error", test.name, s)
		}
		_, err = sign.MarshalPublicKey(test.key)
		wantError(t, test.name+": MarshalPublicKey", err, test.want)
	}

	for _, test := range []struct {
		name string
		key  crypto.Signer
		want string
	}{
		{"nothing", nil, "sign: no key"},
		{"nil ECDSA", (*ecdsa.PrivateKey)(nil), "sign: no key"},
		{"nil RSA", (*rsa.PrivateKey)(nil), "sign: no key"},
		{"nil Ed25519", (*ed25519.PrivateKey)(nil), "sign: no key"},
		{"P-224", ecKey(t, elliptic.P224()), "sign: ECDSA key on another curve than P-256, P-384 or P-521"},
		{"ECDSA without a number", &ecdsa.PrivateKey{PublicKey: p384.PublicKey}, "sign: ECDSA private key without a number"},
		{"ECDSA with the number 0", withNumber(new(big.Int)), "sign: the number of the ECDSA private key is not from 1 to the order of its curve"},
		{"ECDSA with a large number", withNumber(pow(2, 384, -1)), "sign: the number of the ECDSA private key is not from 1 to the order of its curve"},
		{"ECDSA of two keys", withNumber(big.NewInt(5)), "sign: the halves of the ECDSA key do not belong together"},
		{"RSA without primes", &rsa.PrivateKey{PublicKey: rsa2048.PublicKey, D: rsa2048.D}, "sign: RSA private key with 0 primes, want 2"},
		{"RSA without a number", &rsa.PrivateKey{PublicKey: rsa2048.PublicKey, Primes: rsa2048.Primes}, "sign: RSA private key with a number that is not between 0 and its modulus"},
		{"RSA of two keys", &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: pow(2, 2048, -1979), E: 65537}, D: rsa2048.D, Primes: rsa2048.Primes}, "sign: the halves of the RSA key do not belong together"},
		{"RSA with another exponent", &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 3}, D: rsa2048.D, Primes: rsa2048.Primes}, "sign: the halves of the RSA key do not belong together"},
		{"RSA with another number", &rsa.PrivateKey{PublicKey: rsa2048.PublicKey, D: big.NewInt(5), Primes: rsa2048.Primes}, "sign: the halves of the RSA key do not belong together"},
		{"RSA of 1024 bits", small, "sign: RSA key of 1024 bits, want 2048 to 8192"},
		{"short Ed25519", ed25519.PrivateKey{1}, "sign: Ed25519 private key of 1 bytes, want 64"},
		{"Ed25519 seed", edKey()[:32], "sign: Ed25519 private key of 32 bytes, want 64"},
		{"Ed25519 of two keys", mixed, "sign: the halves of the Ed25519 key do not belong together"},
	} {
		_, err := sign.NewSigner(test.key)
		wantError(t, test.name, err, test.want)
	}
}

func TestFingerprint(t *testing.T) {
	// Keys of kinds that this package does not sign with have one too.
	for _, key := range []crypto.PublicKey{edKey().Public(), ecKey(t, elliptic.P256()).Public(), ecKey(t, elliptic.P384()).Public(), rsaKey(t).Public()} {
		d, err := sign.Fingerprint(key)
		if want := fmt.Sprintf("sha256:%x", sha256.Sum256(spkiOf(t, key))); err != nil || d.String() != want {
			t.Errorf("%T: %s, %v, want %s", key, d, err, want)
		}
	}
	for _, test := range []struct {
		name string
		key  crypto.PublicKey
		want string
	}{
		{"nil RSA", (*rsa.PublicKey)(nil), "sign: RSA key without a modulus"},
		{"zero RSA", new(rsa.PublicKey), "sign: RSA key without a modulus"},
		{"nil ECDSA", (*ecdsa.PublicKey)(nil), "sign: ECDSA key without a point"},
		{"zero ECDSA", new(ecdsa.PublicKey), "sign: ECDSA key without a point"},
		{"ECDSA without a point", &ecdsa.PublicKey{Curve: elliptic.P256()}, "sign: ECDSA key without a point"},
		{"nothing", nil, "sign: public key: x509: unsupported public key type: <nil>"},
	} {
		d, err := sign.Fingerprint(test.key)
		wantError(t, test.name, err, test.want)
		if !d.IsZero() {
			t.Errorf("%s: %s beside the error", test.name, d)
		}
	}
	d, err := sign.Fingerprint("key")
	wantError(t, "a string", err, "sign: public key: x509: unsupported public key type: string")
	if !d.IsZero() {
		t.Errorf("a string: %s beside the error", d)
	}
}

// No way of printing a signer shows its private key.
func TestSecret(t *testing.T) {
	for _, key := range []crypto.Signer{edKey(), ecKey(t, elliptic.P256()), ecKey(t, elliptic.P521()), rsaKey(t)} {
		s := newSigner(t, key)
		id, err := s.KeyID()
		if err != nil {
			t.Fatal(err)
		}
		noSecret := func(t *testing.T, what, text string) {
			t.Helper()
			noSecret(t, what, text)
			if k, ok := key.(*rsa.PrivateKey); ok {
				for _, n := range []*big.Int{k.D, k.Primes[0], k.Primes[1]} {
					if strings.Contains(text, n.String()) || strings.Contains(text, n.Text(16)) || strings.Contains(text, string(n.Bytes())) {
						t.Errorf("%s shows the private key: %s", what, text)
					}
				}
			}
		}
		type holder struct {
			Signer sign.SignerVerifier
			hidden sign.SignerVerifier
		}
		for _, v := range []any{
			s, &s,
			[]sign.Signer{s},
			map[string]sign.Signer{"k": s},
			holder{s, s},
			&holder{s, s},
			fmt.Errorf("signer %v: %w", s, errors.New("x")),
			struct{ sign.Signer }{s},
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%X", "% x", "%#x", "%s", "%q", "%o", "%b", "%c", "%t", "%e", "%g", "%U", "%p", "%T", "%100v", "%.5s"} {
				noSecret(t, fmt.Sprintf("%s of a %T", verb, v), fmt.Sprintf(verb, v))
			}
			noSecret(t, fmt.Sprintf("Sprint of a %T", v), fmt.Sprint(v))
			text, err := json.Marshal(v)
			noSecret(t, fmt.Sprintf("JSON of a %T", v), fmt.Sprintf("%s %v", text, err))
			var logs bytes.Buffer
			slog.New(slog.NewTextHandler(&logs, nil)).Info("key", "key", v)
			slog.New(slog.NewJSONHandler(&logs, nil)).Info("key", "key", v)
			noSecret(t, fmt.Sprintf("log of a %T", v), logs.String())
		}
		if got, want := fmt.Sprint(s), "key sha256:"+id; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// noSecret looks for the private key in the forms in which it would get into a
// text: as it is, in hexadecimal, in base64, and as a list or one large number.
func noSecret(t *testing.T, what, text string) {
	t.Helper()
	lists := func(verb string) string {
		return strings.Trim(fmt.Sprintf(verb, secret[8:16]), "[]{}")
	}
	hexes := fmt.Sprintf("%x", secret[8:16])
	for _, form := range []string{
		string(secret[8:16]),
		hexes, strings.ToUpper(hexes),
		fmt.Sprintf("% x", secret[8:16]), fmt.Sprintf("% X", secret[8:16]), fmt.Sprintf("%# x", secret[8:16]),
		// Eight bytes from each of three starts, less the characters that
		// depend on the neighbours.
		base64.StdEncoding.EncodeToString(secret[6:15]), base64.StdEncoding.EncodeToString(secret[7:16]), base64.StdEncoding.EncodeToString(secret[8:17]),
		lists("%d"), lists("%o"), lists("%b"), strings.ReplaceAll(lists("%d"), " ", ","),
		strings.Trim(fmt.Sprintf("%#v", secret[8:16])[len("[]byte"):], "{}"),
		new(big.Int).SetBytes(secret).String(), new(big.Int).SetBytes(secret).Text(8), new(big.Int).SetBytes(secret).Text(2),
	} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the private key: %s", what, text)
			return
		}
	}
}

// The test that looks for the key finds it where it is.
func TestNoSecret(t *testing.T) {
	ed, ec := edKey(), ecKey(t, elliptic.P256())
	d := new(big.Int).SetBytes(secret)
	for _, text := range []string{
		fmt.Sprintf("%v", ed), fmt.Sprintf("%x", ed), fmt.Sprintf("%X", ed), string(ed), fmt.Sprintf("%#v", ed), fmt.Sprintf("%b", ed),
		fmt.Sprintf("%v", d), fmt.Sprintf("%x", d), fmt.Sprintf("%o", d), fmt.Sprintf("%#v", *ec), block("PRIVATE KEY", pkcs8(t, ed)), block("PRIVATE KEY", pkcs8(t, ec)),
	} {
		probe := new(testing.T)
		noSecret(probe, "", strings.ReplaceAll(text, "\n", ""))
		if !probe.Failed() {
			t.Errorf("the key was not found in %s", text)
		}
	}
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %q", what, want)
	} else if err.Error() != want {
		t.Errorf("%s:\ngot  %s\nwant %s", what, err, want)
	}
}
