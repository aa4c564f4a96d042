package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
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
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
)

// secret is the private half of every key here but the RSA ones, so that a test
// can look for it.
var secret = []byte("the private key of these tests!!")

func edKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(secret) }

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	d := make([]byte, (c.Params().BitSize+7)/8)
	copy(d[len(d)-len(secret):], secret)
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

func pkix(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
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
	} {
		s := newSigner(t, test.key)
		sum := sha256.Sum256(pkix(t, test.key.Public()))
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
		for _, v := range []sign.Verifier{v, s} {
			for _, sig := range [][]byte{one, two} {
				if err := v.Verify(ctx, data, sig); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
				for i := range sig {
					bad := bytes.Clone(sig)
					bad[i] ^= 1
					if v.Verify(ctx, data, bad) == nil {
						t.Errorf("%s: a signature with another byte %d is valid", test.name, i)
					}
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

func TestNewRefuses(t *testing.T) {
	long := ed25519.PublicKey(bytes.Repeat([]byte{1}, 33))
	mixed := edKey()
	mixed[63] ^= 1
	p384, p521 := ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521())
	x25519, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 no other way leads to a key that is not on its curve
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	foreign := ecKey(t, elliptic.P256()).PublicKey
	foreign.Curve = elliptic.P256().Params()

	for _, test := range []struct {
		name string
		key  crypto.PublicKey
		want string
	}{
		{"nothing", nil, "sign: key is a <nil>, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"short Ed25519", ed25519.PublicKey{1}, "sign: Ed25519 key of 1 bytes, want 32"},
		{"long Ed25519", long, "sign: Ed25519 key of 33 bytes, want 32"},
		{"no Ed25519", ed25519.PublicKey(nil), "sign: Ed25519 key of 0 bytes, want 32"},
		{"private key", edKey(), "sign: key is a ed25519.PrivateKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"P-384", p384.Public(), "sign: ECDSA key on another curve than P-256"},
		{"P-521", p521.Public(), "sign: ECDSA key on another curve than P-256"},
		{"somebody's P-256", &foreign, "sign: ECDSA key on another curve than P-256"},
		{"nil ECDSA", (*ecdsa.PublicKey)(nil), "sign: ECDSA key without a point"},
		{"zero ECDSA", new(ecdsa.PublicKey), "sign: ECDSA key without a point"},
		{"no point", &ecdsa.PublicKey{Curve: elliptic.P256()}, "sign: ECDSA key without a point"},
		{"not on the curve", offCurve, "sign: ECDSA key: P256 point not on curve"},
		{"value", ecdsa.PublicKey{Curve: elliptic.P256()}, "sign: key is a ecdsa.PublicKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"X25519", x25519.PublicKey(), "sign: key is a *ecdh.PublicKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"RSA", rsaKey(t).Public(), "sign: key is a *rsa.PublicKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
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
		{"P-384", p384, "sign: ECDSA key on another curve than P-256"},
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
		if want := fmt.Sprintf("sha256:%x", sha256.Sum256(pkix(t, key))); err != nil || d.String() != want {
			t.Errorf("%T: %s, %v, want %s", key, d, err, want)
		}
	}
	d, err := sign.Fingerprint("key")
	wantError(t, "a string", err, "sign: public key: x509: unsupported public key type: string")
	if !d.IsZero() {
		t.Errorf("a string: %s beside the error", d)
	}
}

func TestParsePrivateKey(t *testing.T) {
	ed, ec := pkcs8(t, edKey()), pkcs8(t, ecKey(t, elliptic.P256()))
	ecParameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	big := strings.Repeat("\n", sign.MaxKeySize-len(block("PRIVATE KEY", ed)))

	for _, test := range []struct {
		name, in string
		public   crypto.PublicKey
	}{
		{"Ed25519", block("PRIVATE KEY", ed), edKey().Public()},
		{"ECDSA", block("PRIVATE KEY", ec), ecKey(t, elliptic.P256()).Public()},
		{"ECDSA in SEC 1", block("EC PRIVATE KEY", sec1(t, ecKey(t, elliptic.P256()))), ecKey(t, elliptic.P256()).Public()},
		{"white space", "\n \n" + block("PRIVATE KEY", ed) + "\n \n", edKey().Public()},
		{"DOS", strings.ReplaceAll(block("PRIVATE KEY", ec), "\n", "\r\n"), ecKey(t, elliptic.P256()).Public()},
		{"no last newline", strings.TrimSpace(block("PRIVATE KEY", ed)), edKey().Public()},
		{"as much as is read", block("PRIVATE KEY", ed) + big, edKey().Public()},
	} {
		s, err := sign.ParsePrivateKey([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got, want := pkix(t, s.Public()), pkix(t, test.public); !bytes.Equal(got, want) {
			t.Errorf("%s: got the key %x, want %x", test.name, got, want)
		}
	}

	headers := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ec, Headers: map[string]string{
		"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00",
	}}))
	x25519, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	rsaPrivate := rsaKey(t)
	broken := strings.Replace(block("PRIVATE KEY", ed), "\n", "\n!", 1)
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", "malformed private key: no PEM block"},
		{"text", "key", "malformed private key: no PEM block"},
		{"DER", string(ed), "malformed private key: no PEM block"},
		{"no end", strings.Split(block("PRIVATE KEY", ed), "-----END")[0], "malformed private key: no PEM block"},
		{"broken", broken, "malformed private key: no PEM block"},
		{"OpenSSH", block("OPENSSH PRIVATE KEY", ed), `malformed private key: PEM block "OPENSSH PRIVATE KEY", want PRIVATE KEY or EC PRIVATE KEY`},
		{"encrypted PKCS #8", block("ENCRYPTED PRIVATE KEY", ed), `malformed private key: PEM block "ENCRYPTED PRIVATE KEY", want PRIVATE KEY or EC PRIVATE KEY`},
		{"encrypted PEM", headers, "malformed private key: the PEM block has headers; encrypted keys are not read"},
		{"public key", block("PUBLIC KEY", pkix(t, edKey().Public())), `malformed private key: PEM block "PUBLIC KEY", want PRIVATE KEY or EC PRIVATE KEY`},
		{"certificate", block("CERTIFICATE", ed), `malformed private key: PEM block "CERTIFICATE", want PRIVATE KEY or EC PRIVATE KEY`},
		{"long type", block(strings.Repeat("K", 100), ed), `malformed private key: PEM block "` + strings.Repeat("K", 40) + `", want PRIVATE KEY or EC PRIVATE KEY`},
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaPrivate)), `malformed private key: PEM block "RSA PRIVATE KEY", want PRIVATE KEY or EC PRIVATE KEY`},
		{"RSA", block("PRIVATE KEY", pkcs8(t, rsaPrivate)), "sign: key is a *rsa.PublicKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"P-384", block("PRIVATE KEY", pkcs8(t, ecKey(t, elliptic.P384()))), "sign: ECDSA key on another curve than P-256"},
		{"P-384 in SEC 1", block("EC PRIVATE KEY", sec1(t, ecKey(t, elliptic.P384()))), "sign: ECDSA key on another curve than P-256"},
		{"X25519", block("PRIVATE KEY", pkcs8(t, x25519)), "sign: a *ecdh.PrivateKey cannot sign"},
		{"empty", block("PRIVATE KEY", nil), "malformed private key: the PEM block PRIVATE KEY does not hold one"},
		{"garbage", block("PRIVATE KEY", secret), "malformed private key: the PEM block PRIVATE KEY does not hold one"},
		{"cut", block("PRIVATE KEY", ed[:len(ed)-1]), "malformed private key: the PEM block PRIVATE KEY does not hold one"},
		{"SEC 1 as PKCS #8", block("PRIVATE KEY", sec1(t, ecKey(t, elliptic.P256()))), "malformed private key: the PEM block PRIVATE KEY does not hold one"},
		{"PKCS #8 as SEC 1", block("EC PRIVATE KEY", ec), "malformed private key: the PEM block EC PRIVATE KEY does not hold one"},
		{"data after the key", block("PRIVATE KEY", append(bytes.Clone(ed), 0)), "malformed private key: the PEM block PRIVATE KEY does not hold one"},
		{"data after the SEC 1 key", block("EC PRIVATE KEY", append(sec1(t, ecKey(t, elliptic.P256())), 0)), "malformed private key: the PEM block EC PRIVATE KEY does not hold one"},
		{"text before", "my key\n" + block("PRIVATE KEY", ed), "malformed private key: data before the PEM block"},
		{"text after", block("PRIVATE KEY", ed) + "my key\n", "malformed private key: data after the PEM block"},
		{"NUL after", block("PRIVATE KEY", ed) + "\x00", "malformed private key: data after the PEM block"},
		{"two keys", block("PRIVATE KEY", ed) + block("PRIVATE KEY", ec), "malformed private key: more than one PEM block"},
		{"a broken key and another", broken + block("PRIVATE KEY", ec), "malformed private key: more than one PEM block"},
		{"parameters", ecParameters + block("EC PRIVATE KEY", ec), "malformed private key: more than one PEM block"},
		{"too large", block("PRIVATE KEY", ed) + big + "\n", "malformed private key: 65537 bytes, at most 65536 are read"},
	} {
		s, err := sign.ParsePrivateKey([]byte(test.in))
		wantError(t, test.name, err, test.want)
		if s != nil {
			t.Errorf("%s: %v beside the error", test.name, s)
		}
		if err != nil {
			noSecret(t, test.name, err.Error())
		}
	}
}

func TestParsePublicKey(t *testing.T) {
	ed, ec := pkix(t, edKey().Public()), pkix(t, ecKey(t, elliptic.P256()).Public())
	for _, der := range [][]byte{ed, ec} {
		v, err := sign.ParsePublicKey([]byte(block("PUBLIC KEY", der)))
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := sign.MarshalPublicKey(v.Public())
		if err != nil || string(text) != block("PUBLIC KEY", der) {
			t.Errorf("%x comes back as %s, %v", der, text, err)
		}
	}

	offCurve := bytes.Clone(ec)
	offCurve[len(offCurve)-1] ^= 1
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", "malformed public key: no PEM block"},
		{"private key", block("PRIVATE KEY", pkcs8(t, edKey())), `malformed public key: PEM block "PRIVATE KEY", want PUBLIC KEY`},
		{"private key by another name", block("PUBLIC KEY", pkcs8(t, edKey())), "malformed public key: "},
		{"certificate", block("CERTIFICATE", ed), `malformed public key: PEM block "CERTIFICATE", want PUBLIC KEY`},
		{"PKCS #1", block("RSA PUBLIC KEY", ed), `malformed public key: PEM block "RSA PUBLIC KEY", want PUBLIC KEY`},
		{"RSA", block("PUBLIC KEY", pkix(t, rsaKey(t).Public())), "sign: key is a *rsa.PublicKey, want an ed25519.PublicKey or an *ecdsa.PublicKey on P-256"},
		{"P-384", block("PUBLIC KEY", pkix(t, ecKey(t, elliptic.P384()).Public())), "sign: ECDSA key on another curve than P-256"},
		{"not on the curve", block("PUBLIC KEY", offCurve), "malformed public key: "},
		{"short Ed25519", block("PUBLIC KEY", append([]byte{48, 41, 48, 5, 6, 3, 43, 101, 112, 3, 32, 0}, secret[1:]...)), "malformed public key: "},
		{"data after the key", block("PUBLIC KEY", append(bytes.Clone(ed), 0)), "malformed public key: "},
		{"garbage", block("PUBLIC KEY", secret), "malformed public key: "},
		{"text before", "my key\n" + block("PUBLIC KEY", ed), "malformed public key: data before the PEM block"},
		{"text after", block("PUBLIC KEY", ed) + "x", "malformed public key: data after the PEM block"},
		{"two keys", block("PUBLIC KEY", ed) + block("PUBLIC KEY", ec), "malformed public key: more than one PEM block"},
		{"a private key too", block("PUBLIC KEY", ed) + block("PRIVATE KEY", pkcs8(t, edKey())), "malformed public key: more than one PEM block"},
		{"headers", strings.Replace(block("PUBLIC KEY", ed), "\n", "\nA: b\n\n", 1), "malformed public key: the PEM block has headers; encrypted keys are not read"},
		{"too large", strings.Repeat(" ", sign.MaxKeySize+1), "malformed public key: 65537 bytes, at most 65536 are read"},
	} {
		v, err := sign.ParsePublicKey([]byte(test.in))
		// The words of crypto/x509 are its own affair.
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", test.name, err, test.want)
		}
		if v != nil {
			t.Errorf("%s: %v beside the error", test.name, v)
		}
		if err != nil {
			noSecret(t, test.name, err.Error())
		}
	}
}

// No way of printing a signer shows its private key.
func TestSecret(t *testing.T) {
	for _, key := range []crypto.Signer{edKey(), ecKey(t, elliptic.P256())} {
		s := newSigner(t, key)
		id, err := s.KeyID()
		if err != nil {
			t.Fatal(err)
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

func FuzzParsePrivateKey(f *testing.F) {
	for _, s := range []string{
		"", block("PRIVATE KEY", pkcs8(f, edKey())), block("PRIVATE KEY", pkcs8(f, ecKey(f, elliptic.P256()))),
		block("EC PRIVATE KEY", sec1(f, ecKey(f, elliptic.P256()))), block("PRIVATE KEY", pkcs8(f, ecKey(f, elliptic.P384()))),
		block("PRIVATE KEY", secret), "-----BEGIN PRIVATE KEY-----\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := sign.ParsePrivateKey(data)
		if err != nil {
			noSecret(t, "the error", err.Error())
			return
		}
		// What is read can sign, and comes back from what it is written as.
		sig, err := s.Sign(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), data, sig); err != nil {
			t.Fatal(err)
		}
		text, err := sign.MarshalPublicKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.ParsePublicKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(t.Context(), data, sig); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, s := range []string{
		"", block("PUBLIC KEY", pkix(f, edKey().Public())), block("PUBLIC KEY", pkix(f, ecKey(f, elliptic.P256()).Public())),
		block("PUBLIC KEY", pkix(f, ecKey(f, elliptic.P384()).Public())), block("PUBLIC KEY", secret),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := sign.ParsePublicKey(data)
		if err != nil {
			return
		}
		text, err := sign.MarshalPublicKey(v.Public())
		if err != nil {
			t.Fatal(err)
		}
		again, err := sign.ParsePublicKey(text)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := v.KeyID()
		two, _ := again.KeyID()
		if one == "" || one != two {
			t.Fatalf("the key id is %s, and %s after a round trip", one, two)
		}
		if v.Verify(t.Context(), data, data) == nil {
			t.Fatal("data is its own signature")
		}
	})
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %q", what, want)
	} else if err.Error() != want {
		t.Errorf("%s:\ngot  %s\nwant %s", what, err, want)
	}
}
