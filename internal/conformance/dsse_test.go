package conformance

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// readVerify returns a file of the signing and verification corpus.
func readVerify(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	data, err := os.ReadFile(filepath.Join(dir, "verify", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type dsseCases struct {
	Cases []dsseCase
	Keys  map[string]struct {
		Alg          string
		PublicKeyPEM string
	}
	PAE []struct {
		TypeHex, BodyHex, PAEHex string
	}
	SpecVector struct {
		X, Y, D              string
		PayloadType, Payload string
		PAE                  string
		Sig                  []byte
	}
}

type dsseCase struct {
	ID              string
	Desc            string
	Envelope        string
	TrustedKeys     []string
	TrustedKeyIDs   []string
	Threshold       int
	WantPayloadType string
	Want            string
	Peer            string `json:"goSecuresystemslibV0111"`
}

func readDSSE(t *testing.T) *dsseCases {
	t.Helper()
	var all dsseCases
	if err := json.Unmarshal(readVerify(t, "dsse/cases.json"), &all); err != nil {
		t.Fatal(err)
	}
	return &all
}

// verifiers returns the trusted keys of a case under the ids that they have in
// it.
func (all *dsseCases) verifiers(t *testing.T, c dsseCase) []dsse.Verifier {
	t.Helper()
	var vs []dsse.Verifier
	for i, name := range c.TrustedKeys {
		k, ok := all.Keys[name]
		if !ok {
			t.Fatalf("%s: no key %s", c.ID, name)
		}
		id := name
		if c.TrustedKeyIDs != nil {
			id = c.TrustedKeyIDs[i]
		}
		switch k.Alg {
		case "ed25519", "ecdsa-p256-sha256":
			v, err := sign.ParsePublicKey([]byte(k.PublicKeyPEM))
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			vs = append(vs, known{v, id})
		case "rsa-pss-sha256", "rsa-pkcs1v15-sha256":
			// Package sign has no RSA keys. What is judged of these cases is
			// the envelope and what package verify does with a foreign key.
			block, _ := pem.Decode([]byte(k.PublicKeyPEM))
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			vs = append(vs, rsaVerifier{key.(*rsa.PublicKey), k.Alg == "rsa-pss-sha256", id})
		default:
			t.Fatalf("%s: key %s is for %s", c.ID, name, k.Alg)
		}
	}
	return vs
}

// known is a Verifier under another key id.
type known struct {
	sign.Verifier
	id string
}

func (k known) KeyID() (string, error) { return k.id, nil }

// rsaVerifier is a key of a kind that package sign does not know.
type rsaVerifier struct {
	key *rsa.PublicKey
	pss bool
	id  string
}

func (v rsaVerifier) KeyID() (string, error)   { return v.id, nil }
func (v rsaVerifier) Public() crypto.PublicKey { return v.key }

func (v rsaVerifier) Verify(_ context.Context, data, sig []byte) error {
	sum := sha256.Sum256(data)
	if v.pss {
		return rsa.VerifyPSS(v.key, crypto.SHA256, sum[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return rsa.VerifyPKCS1v15(v.key, crypto.SHA256, sum[:], sig)
}

// hallmarkVerdict returns why Hallmark rejects a case, or nil.
func hallmarkVerdict(ctx context.Context, c dsseCase, vs []dsse.Verifier) error {
	identity, err := verify.Keys(c.Threshold, vs...)
	if err != nil {
		return err
	}
	e, err := sign.Parse([]byte(c.Envelope))
	if err != nil {
		return err
	}
	ev, err := identity.Recognize(ctx, e)
	if err != nil {
		return err
	}
	if ev.PayloadType != c.WantPayloadType {
		return fmt.Errorf("payload type %q, want %q", ev.PayloadType, c.WantPayloadType)
	}
	return nil
}

// peerVerdict returns why go-securesystemslib rejects a case, or nil.
func peerVerdict(ctx context.Context, c dsseCase, vs []dsse.Verifier) error {
	v, err := dsse.NewMultiEnvelopeVerifier(c.Threshold, vs...)
	if err != nil {
		return err
	}
	var e dsse.Envelope
	if err := json.Unmarshal([]byte(c.Envelope), &e); err != nil {
		return err
	}
	_, err = v.Verify(ctx, &e)
	return err
}

// differs says where Hallmark's verdict is another one than go-securesystemslib's,
// and what is wrong with that.
func differs(id string) string {
	switch id {
	case "bad-type-unexpected", "bad-type-params":
		return "it leaves the payload type to its caller"
	case "bad-missing-type", "bad-null-payload":
		return "it does not tell an absent or null member from an empty one"
	case "bad-dup-type", "bad-dup-signatures", "bad-dup-sig":
		return "it takes the last of two members of one name"
	case "bad-case-only", "bad-case-signatures", "ok-case-extra", "ok-kelvin":
		return "it takes a name in another case for the name"
	case "bad-invalid-utf8", "bad-lone-surrogate":
		return "it puts U+FFFD in the place of what is not text"
	case "bad-b64-newline", "bad-b64-trailing-bits":
		return "it reads several encodings of the same bytes"
	case "th-same-key-two-ids", "th-same-key-two-ids-nokeyid", "th-two-keys-one-id":
		return "it tells keys apart by their ids"
	case "bad-many-signatures":
		return "it has no bound"
	}
	return ""
}

func TestDSSE(t *testing.T) {
	all := readDSSE(t)
	if len(all.Cases) == 0 {
		t.Fatal("no cases")
	}
	verdict := func(err error) string {
		if err != nil {
			return "reject"
		}
		return "accept"
	}
	different := 0
	for _, c := range all.Cases {
		if c.ID == "bad-invalid-utf8" {
			// The case is about a byte that cases.json cannot hold.
			c.Envelope = strings.Replace(c.Envelope, "\uFFFD", "\xff", 1)
		}
		vs := all.verifiers(t, c)
		ours := hallmarkVerdict(t.Context(), c, vs)
		if got := verdict(ours); got != c.Want {
			t.Errorf("%s (%s): %s (%v), want %s", c.ID, c.Desc, got, ours, c.Want)
		}

		// The judge is judged: it still does what was written down of it.
		theirs := peerVerdict(t.Context(), c, vs)
		wantPeer, _, _ := strings.Cut(c.Peer, ":")
		if got := verdict(theirs); got != wantPeer {
			t.Errorf("%s (%s): go-securesystemslib says %s (%v), was %s", c.ID, c.Desc, got, theirs, c.Peer)
		}
		reason := differs(c.ID)
		if (reason != "") != (verdict(ours) != verdict(theirs)) {
			t.Errorf("%s (%s): Hallmark says %v and go-securesystemslib %v, with the reason %q", c.ID, c.Desc, ours, theirs, reason)
		}
		if reason != "" {
			different++
		}
	}
	t.Logf("%d cases, in %d of them go-securesystemslib has another verdict", len(all.Cases), different)
}

// An accepted case is no longer accepted when a bit of its payload, its type or
// all its signatures is another one, and is never when a member is gone.
func TestDSSEMutations(t *testing.T) {
	all := readDSSE(t)
	mutants := 0
	for _, c := range all.Cases {
		if c.Want != "accept" {
			continue
		}
		vs := all.verifiers(t, c)
		e, err := sign.Parse([]byte(c.Envelope))
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		mutant := func(what string, change func(*sign.Envelope)) {
			mutants++
			m := *e
			m.Payload = slices.Clone(e.Payload)
			m.Signatures = slices.Clone(e.Signatures)
			change(&m)
			data, err := m.Marshal()
			if err != nil {
				return
			}
			changed := c
			changed.Envelope = string(data)
			if hallmarkVerdict(t.Context(), changed, vs) == nil {
				t.Errorf("%s is accepted with %s", c.ID, what)
			}
		}
		for i := range e.Payload {
			mutant(fmt.Sprintf("another byte %d of the payload", i), func(m *sign.Envelope) { m.Payload[i] ^= 1 })
		}
		mutant("a longer payload", func(m *sign.Envelope) { m.Payload = append(m.Payload, ' ') })
		mutant("a byte moved from the payload to the type", func(m *sign.Envelope) {
			m.PayloadType += " "
			m.Payload = append([]byte(" "), m.Payload...)
		})
		for i := range e.PayloadType {
			mutant(fmt.Sprintf("another byte %d of the type", i), func(m *sign.Envelope) {
				m.PayloadType = m.PayloadType[:i] + string(m.PayloadType[i]^1) + m.PayloadType[i+1:]
			})
		}
		for i := range 8 * len(e.Signatures[0].Sig) {
			mutant(fmt.Sprintf("another bit %d of the signatures", i), func(m *sign.Envelope) {
				for k, s := range m.Signatures {
					m.Signatures[k].Sig = slices.Clone(s.Sig)
					if i/8 < len(s.Sig) {
						m.Signatures[k].Sig[i/8] ^= 1 << (i % 8)
					}
				}
			})
		}
		if len(e.Signatures) == c.Threshold {
			for i := range e.Signatures {
				mutant(fmt.Sprintf("signature %d gone", i), func(m *sign.Envelope) {
					m.Signatures = slices.Delete(m.Signatures, i, i+1)
				})
				if c.Threshold > 1 {
					mutant(fmt.Sprintf("signature %d in the place of all", i), func(m *sign.Envelope) {
						for k := range m.Signatures {
							m.Signatures[k].Sig = e.Signatures[i].Sig
						}
					})
				}
			}
		}
		for _, name := range []string{"payload", "payloadType", "signatures", "sig"} {
			for _, to := range []string{strings.ToUpper(name), name + " ", "x"} {
				mutants++
				changed := c
				changed.Envelope = strings.ReplaceAll(c.Envelope, `"`+name+`"`, `"`+to+`"`)
				if changed.Envelope != c.Envelope && hallmarkVerdict(t.Context(), changed, vs) == nil {
					t.Errorf("%s is accepted with %s for %s", c.ID, to, name)
				}
			}
		}
	}
	t.Logf("%d mutants", mutants)
}

func TestDSSEPAE(t *testing.T) {
	all := readDSSE(t)
	if len(all.PAE) == 0 {
		t.Fatal("no vectors")
	}
	text := func(h string) string {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, v := range all.PAE {
		e := sign.Envelope{PayloadType: text(v.TypeHex), Payload: []byte(text(v.BodyHex))}
		if got := string(e.PAE()); got != text(v.PAEHex) {
			t.Errorf("type %q, body %q: got %q, want %q", e.PayloadType, e.Payload, got, text(v.PAEHex))
		}
		if theirs := dsse.PAE(e.PayloadType, e.Payload); string(theirs) != string(e.PAE()) {
			t.Errorf("type %q, body %q: got %q, go-securesystemslib has %q", e.PayloadType, e.Payload, e.PAE(), theirs)
		}
	}
}

// The vector of the specification has its signature as the two numbers one after
// the other. Package sign has it in DER, and makes the same one: both follow RFC
// 6979.
func TestDSSESpecVector(t *testing.T) {
	v := readDSSE(t).SpecVector
	number := func(s string) []byte {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatalf("%q is not a number", s)
		}
		return n.FillBytes(make([]byte, 32))
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), number(v.D))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, number(v.X), number(v.Y)))
	if err != nil || !key.PublicKey.Equal(public) {
		t.Fatalf("the vector's key halves do not belong together (%v)", err)
	}
	signer, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sign.Sign(t.Context(), v.PayloadType, []byte(v.Payload), signer)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.PAE()) != v.PAE {
		t.Errorf("PAE is %q, want %q", e.PAE(), v.PAE)
	}
	der, err := derSignature(v.Sig)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Signatures[0].Sig, der) {
		t.Errorf("got the signature %x, want %x", e.Signatures[0].Sig, der)
	}
	if err := signer.Verify(t.Context(), []byte(v.PAE), der); err != nil {
		t.Errorf("the vector's signature in DER: %v", err)
	}
	if err := signer.Verify(t.Context(), []byte(v.PAE), v.Sig); err == nil {
		t.Error("the vector's signature is accepted as it is, but is not DER")
	}
}

// derSignature returns an ECDSA signature in ASN.1 DER that has its two numbers
// one after the other.
func derSignature(raw []byte) ([]byte, error) {
	if len(raw) != 64 {
		return nil, fmt.Errorf("signature of %d bytes, want 64", len(raw))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}

// What the one signs the other verifies, through JSON as each writes it.
func TestDSSEInterop(t *testing.T) {
	const payloadType = "application/vnd.in-toto+json"
	keys := envelopeKeys(t)
	sets := [][]envelopeKey{{keys[0]}, {keys[1]}, keys}
	for _, set := range sets {
		var name []string
		var ourSigners []sign.SignerVerifier
		var theirSigners []dsse.Signer
		var ours, theirs []dsse.Verifier
		for _, k := range set {
			name = append(name, k.name)
			ourSigners = append(ourSigners, k.ours)
			theirSigners = append(theirSigners, k.theirs)
			ours = append(ours, k.ours)
			theirs = append(theirs, k.theirs)
		}
		t.Run(strings.Join(name, "+"), func(t *testing.T) {
			for _, payload := range []string{"", "{}", "\x00\xff\xfe", strings.Repeat("hallmark?>", 1000)} {
				// Ours, verified by go-securesystemslib.
				e, err := sign.Sign(t.Context(), payloadType, []byte(payload), ourSigners...)
				if err != nil {
					t.Fatal(err)
				}
				data, err := e.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				var read dsse.Envelope
				if err := json.Unmarshal(data, &read); err != nil {
					t.Fatal(err)
				}
				verifier, err := dsse.NewMultiEnvelopeVerifier(len(theirs), theirs...)
				if err != nil {
					t.Fatal(err)
				}
				accepted, body, err := verifier.VerifyAndDecode(t.Context(), &read)
				if err != nil || len(accepted) != len(set) || string(body) != payload || read.PayloadType != payloadType {
					t.Errorf("go-securesystemslib on ours: %v, %d keys, payload %q, type %q", err, len(accepted), body, read.PayloadType)
				}

				// Theirs, verified by us, in both alphabets of base64.
				signer, err := dsse.NewEnvelopeSigner(theirSigners...)
				if err != nil {
					t.Fatal(err)
				}
				made, err := signer.SignPayload(t.Context(), payloadType, []byte(payload))
				if err != nil {
					t.Fatal(err)
				}
				identity, err := verify.Keys(len(ours), ours...)
				if err != nil {
					t.Fatal(err)
				}
				urlSafe := *made
				urlSafe.Payload = base64.URLEncoding.EncodeToString([]byte(payload))
				for _, made := range []*dsse.Envelope{made, &urlSafe} {
					data, err := json.Marshal(made)
					if err != nil {
						t.Fatal(err)
					}
					e, err := sign.Parse(data)
					if err != nil {
						t.Fatal(err)
					}
					ev, err := identity.Recognize(t.Context(), e)
					if err != nil || len(ev.Keys) != len(set) || string(ev.Payload) != payload || ev.PayloadType != payloadType {
						t.Errorf("ours on go-securesystemslib's: %v, %+v", err, ev)
					}

					// Marshaled by us, it still is what they signed.
					again, err := e.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					var back dsse.Envelope
					if err := json.Unmarshal(again, &back); err != nil {
						t.Fatal(err)
					}
					if made != &urlSafe && !reflect.DeepEqual(&back, made) {
						t.Errorf("go-securesystemslib's envelope comes back as %+v, want %+v", back, made)
					}
					if _, err := verifier.Verify(t.Context(), &back); err != nil {
						t.Errorf("go-securesystemslib on its own, marshaled by us: %v", err)
					}
				}

				// Neither takes it for another payload.
				e.Payload = append(e.Payload, 'x')
				if _, err := identity.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
					t.Errorf("another payload: %v", err)
				}
			}
		})
	}
}
