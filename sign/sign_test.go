package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sign"
)

const mediaType = "application/vnd.in-toto+json"

// foreign is a key of another module: what it does is what its functions do.
type foreign struct {
	sign.SignerVerifier
	sign   func(ctx context.Context, data []byte) ([]byte, error)
	verify func(ctx context.Context, data, sig []byte) error
	keyID  func() (string, error)
}

func (f foreign) Sign(ctx context.Context, data []byte) ([]byte, error) {
	if f.sign == nil {
		return f.SignerVerifier.Sign(ctx, data)
	}
	return f.sign(ctx, data)
}

func (f foreign) Verify(ctx context.Context, data, sig []byte) error {
	if f.verify == nil {
		return f.SignerVerifier.Verify(ctx, data, sig)
	}
	return f.verify(ctx, data, sig)
}

func (f foreign) KeyID() (string, error) {
	if f.keyID == nil {
		return f.SignerVerifier.KeyID()
	}
	return f.keyID()
}

// edSigner returns the nth of many signers.
func edSigner(t testing.TB, n int) sign.SignerVerifier {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(n), 'n'
	return newSigner(t, ed25519.NewKeyFromSeed(seed))
}

func TestSign(t *testing.T) {
	ctx := t.Context()
	ed, ec := newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256()))
	named := foreign{SignerVerifier: edSigner(t, 1), keyID: func() (string, error) { return "", nil }}
	payload := []byte(`{"a":"b"}`)
	e, err := sign.Sign(ctx, mediaType, payload, ec, ed, named)
	if err != nil {
		t.Fatal(err)
	}
	payload[0] = 'x' // the envelope has its own
	if e.PayloadType != mediaType || string(e.Payload) != `{"a":"b"}` || e.Bundle != nil || len(e.Signatures) != 3 {
		t.Errorf("got %+v", e)
	}
	if want := `DSSEv1 28 application/vnd.in-toto+json 9 {"a":"b"}`; string(e.PAE()) != want {
		t.Errorf("PAE is %s, want %s", e.PAE(), want)
	}
	for i, v := range []sign.Verifier{ec, ed, named} {
		if err := v.Verify(ctx, e.PAE(), e.Signatures[i].Sig); err != nil {
			t.Errorf("signature %d: %v", i, err)
		}
		if id, _ := v.KeyID(); e.Signatures[i].KeyID != id {
			t.Errorf("signature %d has the key id %q, want %q", i, e.Signatures[i].KeyID, id)
		}
	}

	// The same payload and keys give the same envelope.
	one, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sign.Sign(ctx, mediaType, []byte(`{"a":"b"}`), ec, ed, named)
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Marshal()
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("%v\nonce  %s\ntwice %s", err, one, two)
	}

	// A payload may be empty.
	e, err = sign.Sign(ctx, "t", nil, ed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = sign.Parse(data); err != nil || e.Payload == nil || len(e.Payload) != 0 {
		t.Errorf("an empty payload comes back as %v, %v", e, err)
	}
}

func TestSignRefuses(t *testing.T) {
	ed, ec := newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256()))
	id, _ := ed.KeyID()
	broken := errors.New("the token is gone")

	used := 0
	counting := newSigner(t, token{ecKey(t, elliptic.P256()), func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
		used++
		return nil, broken
	}})
	garbage := newSigner(t, token{edKey(), func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
		return bytes.Repeat([]byte{7}, 64), nil
	}})
	// It signs something else than it is given.
	wrong := newSigner(t, token{edKey(), func(r io.Reader, _ []byte, o crypto.SignerOpts) ([]byte, error) {
		return edKey().Sign(r, []byte("data"), o)
	}})
	empty := newSigner(t, token{edKey(), func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }})
	raw := newSigner(t, token{ecKey(t, elliptic.P256()), func(_ io.Reader, sum []byte, _ crypto.SignerOpts) ([]byte, error) {
		r, s, err := ecdsa.Sign(zero{}, ecKey(t, elliptic.P256()), sum)
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}})
	named := func(id string, err error) sign.SignerVerifier {
		return foreign{SignerVerifier: edSigner(t, 1), keyID: func() (string, error) { return id, err }}
	}
	ecID, _ := ec.KeyID()
	many := make([]sign.SignerVerifier, sign.MaxSignatures+1)
	for i := range many {
		many[i] = edSigner(t, i)
	}
	const invalid = " it made a signature that its own key does not verify: invalid signature"
	// A payload of this size is too large for an envelope with anything else.
	large := strings.Repeat("x", sign.MaxEnvelopeSize/4*3)

	for _, test := range []struct {
		name        string
		payloadType string
		payload     string
		signers     []sign.SignerVerifier
		want        string
	}{
		{"no type", "", "data", []sign.SignerVerifier{ed}, "sign: no payload type"},
		{"type not UTF-8", "a\xff", "data", []sign.SignerVerifier{ed}, `sign: payload type "a\xff" is not UTF-8`},
		{"no signer", "t", "data", nil, "sign: no signer"},
		{"nil signer", "t", "data", []sign.SignerVerifier{counting, nil}, "sign: signer 1 is nil"},
		{"too many signers", "t", "data", many, "sign: 65 signatures, at most 64 are in one envelope"},
		{"large payload", "t", large, []sign.SignerVerifier{counting}, "sign: type and payload of 67108865 bytes, an envelope has at most 67108864"},
		{"large payload with the rest", "t", large[4:], []sign.SignerVerifier{ed}, "sign: envelope of 67109081 bytes, at most 67108864 are read"},
		{"one signer twice", "t", "data", []sign.SignerVerifier{counting, ed, ed}, "sign: signers 1 and 2 have the same key"},
		{"one key twice", "t", "data", []sign.SignerVerifier{counting, ed, newSigner(t, token{Signer: ecKey(t, elliptic.P256())})}, "sign: signers 0 and 2 have the same key"},
		{"one key with two ids", "t", "data", []sign.SignerVerifier{edSigner(t, 1), named("x", nil)}, "sign: signers 0 and 1 have the same key"},
		{"broken token", "t", "data", []sign.SignerVerifier{ed, counting}, `sign: signer 1 (key id "` + ecID + `"): the token is gone`},
		{"no key id", "t", "data", []sign.SignerVerifier{counting, named("", broken)}, "sign: signer 1: key id: the token is gone"},
		{"key id not UTF-8", "t", "data", []sign.SignerVerifier{counting, named("\xff", nil)}, `sign: signer 1: key id "\xff" is not UTF-8`},
		{"empty signature", "t", "data", []sign.SignerVerifier{empty}, `sign: signer 0 (key id "` + id + `"): it made an empty signature`},
		{"garbage", "t", "data", []sign.SignerVerifier{ec, garbage}, `sign: signer 1 (key id "` + id + `"):` + invalid},
		{"other data", "t", "data", []sign.SignerVerifier{wrong}, `sign: signer 0 (key id "` + id + `"):` + invalid},
		{"panic", "t", "data", []sign.SignerVerifier{foreign{SignerVerifier: ed, sign: func(context.Context, []byte) ([]byte, error) { panic("out of paper") }}}, `sign: signer 0 (key id "` + id + `"): it panicked: out of paper`},
		{"no return", "t", "data", []sign.SignerVerifier{foreign{SignerVerifier: ed, keyID: func() (string, error) { runtime.Goexit(); return "", nil }}}, `sign: signer 0: it did not return`},
		{"not DER", "t", "data", []sign.SignerVerifier{raw}, `sign: signer 0 (key id "` + ecID + `"):` + invalid},
	} {
		used = 0
		e, err := sign.Sign(t.Context(), test.payloadType, []byte(test.payload), test.signers...)
		wantError(t, test.name, err, test.want)
		if e != nil {
			t.Errorf("%s: %+v beside the error", test.name, e)
		}
		if used > 0 && test.name != "broken token" {
			t.Errorf("%s: a key was used, and what can be refused before is", test.name)
		}
	}
	if _, err := sign.Sign(t.Context(), "t", nil, counting); !errors.Is(err, broken) {
		t.Errorf("the signer's error is not wrapped in %v", err)
	}
	if _, err := sign.Sign(t.Context(), "t", nil, many[:sign.MaxSignatures]...); err != nil {
		t.Errorf("as many signers as can be: %v", err)
	}
}

// zero is a source of randomness for what is not meant to be secret.
type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What is signed is what is returned, whatever a signer does with the bytes that
// it is given and with those that it gave, and whatever the caller does (R12).
func TestSignExactly(t *testing.T) {
	payload := []byte("pay the bearer 1")
	var kept []byte
	spoils := func(n int) sign.SignerVerifier {
		s := edSigner(t, n)
		return foreign{
			SignerVerifier: s,
			sign: func(ctx context.Context, data []byte) ([]byte, error) {
				payload[15] = '2' // the caller's
				sig, err := s.Sign(ctx, data)
				data[len(data)-1] = '3'
				kept = sig
				return sig, err
			},
			verify: func(ctx context.Context, data, sig []byte) error {
				err := s.Verify(ctx, data, sig)
				data[len(data)-1] = '4'
				clear(sig)
				clear(kept)
				return err
			},
		}
	}
	signers := []sign.SignerVerifier{spoils(1), edSigner(t, 2), spoils(3), edSigner(t, 4)}
	check := func(e *sign.Envelope, n int) {
		t.Helper()
		if string(e.Payload) != "pay the bearer 1" || len(e.Signatures) != n {
			t.Errorf("got %q with %d signatures", e.Payload, len(e.Signatures))
		}
		for i, s := range e.Signatures {
			if err := edSigner(t, i+1).Verify(t.Context(), e.PAE(), s.Sig); err != nil {
				t.Errorf("signature %d: %v", i, err)
			}
		}
	}
	e, err := sign.Sign(t.Context(), "t", payload, signers...)
	if err != nil {
		t.Fatal(err)
	}
	check(e, 4)

	payload = e.Payload
	c, err := sign.Countersign(t.Context(), e, spoils(5))
	if err != nil {
		t.Fatal(err)
	}
	check(c, 5)
	if string(e.Payload) != "pay the bearer 2" {
		t.Errorf("the signer of this test changes nothing: %q", e.Payload)
	}
}

func TestCountersign(t *testing.T) {
	ctx := t.Context()
	ed, ec := newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256()))
	e, err := sign.Sign(ctx, mediaType, []byte("payload"), ed)
	if err != nil {
		t.Fatal(err)
	}
	// What is no signature of anybody stays too.
	e.Signatures = append(e.Signatures, sign.Signature{KeyID: "?", Sig: []byte("garbage")}, sign.Signature{})
	before, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sign.Countersign(ctx, e, ec, edSigner(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	after, err := e.Marshal()
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v: the envelope was\n%s\nand is\n%s", err, before, after)
	}
	whole, err := c.Marshal()
	if err != nil || !bytes.HasPrefix(whole, bytes.TrimSuffix(before, []byte("]}"))) {
		t.Errorf("%v: got\n%s\nwhich does not begin with\n%s", err, whole, before)
	}
	if len(c.Signatures) != 5 {
		t.Fatalf("%d signatures, want 5", len(c.Signatures))
	}
	for i, v := range map[int]sign.Verifier{0: ed, 3: ec, 4: edSigner(t, 1)} {
		if err := v.Verify(ctx, c.PAE(), c.Signatures[i].Sig); err != nil {
			t.Errorf("signature %d: %v", i, err)
		}
	}

	// Step by step gives the same as at once, here and after a journey.
	one, err := sign.Countersign(ctx, e, ec)
	if err != nil {
		t.Fatal(err)
	}
	data, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if one, err = sign.Parse(data); err != nil {
		t.Fatal(err)
	}
	two, err := sign.Countersign(ctx, one, edSigner(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := two.Marshal(); err != nil || !bytes.Equal(steps, whole) {
		t.Errorf("%v\nin steps %s\nat once  %s", err, steps, whole)
	}

	// Nothing of c is e's.
	clear(c.Payload)
	clear(c.Signatures[0].Sig)
	if after, _ := e.Marshal(); !bytes.Equal(before, after) {
		t.Error("the two envelopes share memory")
	}
}

func TestCountersignRefuses(t *testing.T) {
	ctx := t.Context()
	ed, ec := newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256()))
	e, err := sign.Sign(ctx, "t", []byte("payload"), ed)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(e *sign.Envelope)) *sign.Envelope {
		other := *e
		other.Signatures = slices.Clone(e.Signatures)
		change(&other)
		return &other
	}
	bundled, err := e.MarshalBundle()
	if err != nil {
		t.Fatal(err)
	}
	inBundle, err := sign.Parse(bundled)
	if err != nil {
		t.Fatal(err)
	}
	full := with(func(e *sign.Envelope) { e.Signatures = make([]sign.Signature, sign.MaxSignatures) })
	ecID, _ := ec.KeyID()
	used := 0
	counting := foreign{SignerVerifier: ec, sign: func(context.Context, []byte) ([]byte, error) {
		used++
		return []byte("garbage"), nil
	}}
	for _, test := range []struct {
		name    string
		e       *sign.Envelope
		signers []sign.SignerVerifier
		want    string
		used    int
	}{
		{"nil", nil, []sign.SignerVerifier{counting}, "sign: no envelope to countersign", 0},
		{"zero", new(sign.Envelope), []sign.SignerVerifier{counting}, "sign: envelope without a payload type or without a signature", 0},
		{"no signature", with(func(e *sign.Envelope) { e.Signatures = nil }), []sign.SignerVerifier{counting}, "sign: envelope without a payload type or without a signature", 0},
		{"key id not UTF-8", with(func(e *sign.Envelope) { e.Signatures[0].KeyID = "\xff" }), []sign.SignerVerifier{counting}, `sign: key id of signature 0: string "\xff" is not UTF-8`, 0},
		{"bundle", inBundle, []sign.SignerVerifier{counting}, "sign: the envelope is in a bundle, which has exactly one signature: it cannot be countersigned", 0},
		{"no signer", e, nil, "sign: no signer", 0},
		{"too many", full, []sign.SignerVerifier{counting}, "sign: 65 signatures, at most 64 are in one envelope", 0},
		{"has signed", e, []sign.SignerVerifier{counting, ed}, "sign: signer 1: its key made signature 0 already", 0},
		{"has signed, under another id", with(func(e *sign.Envelope) {
			e.Signatures = append([]sign.Signature{{KeyID: "x"}}, e.Signatures...)
			e.Signatures[1].KeyID = "y"
		}), []sign.SignerVerifier{ed}, "sign: signer 0: its key made signature 1 already", 0},
		{"one key twice", e, []sign.SignerVerifier{counting, ec}, "sign: signers 0 and 1 have the same key", 0},
		{"garbage", e, []sign.SignerVerifier{edSigner(t, 1), counting}, `sign: signer 1 (key id "` + ecID + `"): it made a signature that its own key does not verify: invalid signature`, 1},
	} {
		used = 0
		c, err := sign.Countersign(ctx, test.e, test.signers...)
		wantError(t, test.name, err, test.want)
		if c != nil {
			t.Errorf("%s: %+v beside the error", test.name, c)
		}
		if used != test.used {
			t.Errorf("%s: the key was used %d times, want %d", test.name, used, test.used)
		}
	}
}

// Several countersign one envelope at once, some of them with garbage.
func TestCountersignAtOnce(t *testing.T) {
	e, err := sign.Sign(t.Context(), "t", []byte("payload"), edSigner(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			s := edSigner(t, n+1)
			bad := n%2 == 1
			if bad {
				s = foreign{SignerVerifier: s, sign: func(_ context.Context, data []byte) ([]byte, error) {
					clear(data)
					return make([]byte, 64), nil
				}}
			}
			c, err := sign.Countersign(t.Context(), e, edSigner(t, 100), s)
			switch {
			case bad && (err == nil || c != nil):
				t.Errorf("signer %d: %v, %v, want an error", n, c, err)
			case !bad && err != nil:
				t.Errorf("signer %d: %v", n, err)
			case !bad:
				for i, v := range []sign.Verifier{edSigner(t, 0), edSigner(t, 100), s} {
					if err := v.Verify(t.Context(), c.PAE(), c.Signatures[i].Sig); err != nil {
						t.Errorf("signer %d: signature %d: %v", n, i, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestSignCancelled(t *testing.T) {
	ed := newSigner(t, edKey())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e, err := sign.Sign(ctx, "t", nil, ed)
	if e != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v, %v", e, err)
	}
	wantError(t, "cancelled before", err, "sign: signer 0: context canceled")

	// Between two signers, and between a signature and its check.
	ecID, _ := newSigner(t, ecKey(t, elliptic.P256())).KeyID()
	for _, check := range []func(context.Context, []byte, []byte) error{
		nil,
		func(context.Context, []byte, []byte) error { return nil },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		stopping := newSigner(t, token{ecKey(t, elliptic.P256()), func(r io.Reader, data []byte, o crypto.SignerOpts) ([]byte, error) {
			cancel()
			return ecKey(t, elliptic.P256()).Sign(r, data, o)
		}})
		_, err := sign.Sign(ctx, "t", nil, foreign{SignerVerifier: stopping, verify: check}, ed)
		wantError(t, "cancelled within", err, `sign: signer 0 (key id "`+ecID+`"): context canceled`)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not wrap context.Canceled", err)
		}
	}

	// The cause is what is told.
	gone := errors.New("the operator went home")
	because, stop := context.WithCancelCause(t.Context())
	stop(gone)
	if _, err := sign.Sign(because, "t", nil, ed); !errors.Is(err, gone) {
		t.Errorf("%v does not wrap the cause", err)
	}
}

// A key service that does not answer holds nobody up: whoever signs gives up with
// the context, within 100 ms, and no goroutine is left when the service answers
// after all.
func TestSignBlocked(t *testing.T) {
	ed := newSigner(t, edKey())
	signed, err := sign.Sign(t.Context(), "t", nil, edSigner(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	verbs := map[string]func(context.Context, sign.SignerVerifier) (*sign.Envelope, error){
		"Sign": func(ctx context.Context, s sign.SignerVerifier) (*sign.Envelope, error) {
			return sign.Sign(ctx, "t", []byte("payload"), s)
		},
		"Countersign": func(ctx context.Context, s sign.SignerVerifier) (*sign.Envelope, error) {
			return sign.Countersign(ctx, signed, s)
		},
	}
	blocks := map[string]func(answer <-chan struct{}) foreign{
		"Sign": func(answer <-chan struct{}) foreign {
			return foreign{SignerVerifier: ed, sign: func(ctx context.Context, data []byte) ([]byte, error) {
				<-answer
				return ed.Sign(ctx, data)
			}}
		},
		"Verify": func(answer <-chan struct{}) foreign {
			return foreign{SignerVerifier: ed, verify: func(ctx context.Context, data, sig []byte) error {
				<-answer
				return ed.Verify(ctx, data, sig)
			}}
		},
		"KeyID": func(answer <-chan struct{}) foreign {
			return foreign{SignerVerifier: ed, keyID: func() (string, error) {
				<-answer
				return ed.KeyID()
			}}
		},
	}
	for verb, do := range verbs {
		for method, block := range blocks {
			before := runtime.NumGoroutine()
			answer := make(chan struct{})
			// A machine with much else to do may be late, but not always.
			took := time.Hour
			for try := 0; try < 5 && took > 100*time.Millisecond; try++ {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				deadline, _ := ctx.Deadline()
				e, err := do(ctx, block(answer))
				took = time.Since(deadline)
				cancel()
				if e != nil || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, with a %s that blocks: %v, %v", verb, method, e, err)
				}
			}
			if took > 100*time.Millisecond {
				t.Errorf("%s, with a %s that blocks: gave up %v after the context", verb, method, took)
			}
			close(answer)
			for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s, with a %s that blocked: %d goroutines, and %d before", verb, method, runtime.NumGoroutine(), before)
				}
			}
		}
	}
}

// Lengths are in bytes, not in characters (R37).
func TestPAE(t *testing.T) {
	for _, test := range []struct{ payloadType, payload, want string }{
		{"", "", "DSSEv1 0  0 "},
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"ü", "é\x00\n ", "DSSEv1 2 ü 5 é\x00\n "},
		{"a 1 b", "1 c", "DSSEv1 5 a 1 b 3 1 c"},
		{"t", strings.Repeat("x", 1000), "DSSEv1 1 t 1000 " + strings.Repeat("x", 1000)},
	} {
		e := &sign.Envelope{PayloadType: test.payloadType, Payload: []byte(test.payload)}
		if got := string(e.PAE()); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestMarshal(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	sig := func(id, sig string) sign.Signature { return sign.Signature{KeyID: id, Sig: []byte(sig)} }
	for _, test := range []struct {
		e    sign.Envelope
		want string
	}{
		{
			sign.Envelope{PayloadType: "t", Payload: []byte("\xfb\xff"), Signatures: []sign.Signature{sig("", "\xff\xfe")}},
			`{"payload":"+/8=","payloadType":"t","signatures":[{"sig":"//4="}]}`,
		},
		{
			sign.Envelope{PayloadType: "<é\">", Signatures: []sign.Signature{sig("a\n", "1"), sig("", "")}, Bundle: json.RawMessage("{}")},
			`{"payload":"","payloadType":"<é\">","signatures":[{"keyid":"a\n","sig":"MQ=="},{"sig":""}]}`,
		},
	} {
		got, err := test.e.Marshal()
		if err != nil || string(got) != test.want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, test.want)
		}
	}

	one := []sign.Signature{sig("", "s")}
	for _, test := range []struct {
		name string
		e    sign.Envelope
		want string
	}{
		{"zero", sign.Envelope{}, "sign: envelope without a payload type or without a signature"},
		{"no type", sign.Envelope{Signatures: one}, "sign: envelope without a payload type or without a signature"},
		{"no signature", sign.Envelope{PayloadType: "t"}, "sign: envelope without a payload type or without a signature"},
		{"type not UTF-8", sign.Envelope{PayloadType: "\xff", Signatures: one}, `sign: payload type: string "\xff" is not UTF-8`},
		{"key id not UTF-8", sign.Envelope{PayloadType: "t", Signatures: append(one, sig("\xff", "s"))}, `sign: key id of signature 1: string "\xff" is not UTF-8`},
		{"signatures", sign.Envelope{PayloadType: "t", Signatures: make([]sign.Signature, 65)}, "sign: envelope with 65 signatures, at most 64 are read"},
		{"size", sign.Envelope{PayloadType: "t", Payload: make([]byte, sign.MaxEnvelopeSize*3/4), Signatures: one}, "sign: envelope of 67108926 bytes, at most 67108864 are read"},
	} {
		got, err := test.e.Marshal()
		wantError(t, test.name, err, test.want)
		if got != nil {
			t.Errorf("%s: %.100s beside the error", test.name, got)
		}
	}
}

// What is read as an envelope, and as which.
func TestParse(t *testing.T) {
	plain := &sign.Envelope{PayloadType: "t", Payload: []byte("hello"), Signatures: []sign.Signature{{KeyID: "k", Sig: []byte("sig")}}}
	with := func(change func(*sign.Envelope)) *sign.Envelope {
		e := *plain
		e.Signatures = []sign.Signature{e.Signatures[0]}
		change(&e)
		return &e
	}
	for _, test := range []struct {
		name, in string
		want     *sign.Envelope
	}{
		{"plain", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}`, plain},
		{"another order", `{"signatures":[{"sig":"c2ln","keyid":"k"}],"payloadType":"t","payload":"aGVsbG8="}`, plain},
		{"white space", " {\n\t\"payload\" : \"aGVsbG8=\" ,\r\n \"payloadType\" : \"t\", \"signatures\" : [ { \"keyid\" : \"k\" , \"sig\" : \"c2ln\" } ] } \n", plain},
		{"escapes", `{"p\u0061yload":"\u0061GVsbG8\u003d","payloadType":"\u0074","signatures":[{"keyid":"\u006b","sig":"c2ln"}]}`, plain},
		{"unknown members", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln","cert":null,"Sig":1}],"PAYLOAD":[{}],"x":{"payload":1}}`, plain},
		{"mediaType alone", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}],"mediaType":7}`, plain},
		{"no key id", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Signatures[0].KeyID = "" })},
		{"null key id", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":null,"sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Signatures[0].KeyID = "" })},
		{"empty key id", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":"","sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Signatures[0].KeyID = "" })},
		{"empty payload", `{"payload":"","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Payload = []byte{} })},
		{"empty signature", `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"keyid":"k","sig":""}]}`, with(func(e *sign.Envelope) { e.Signatures[0].Sig = []byte{} })},
		{"standard base64", `{"payload":"+/+/","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Payload = []byte("\xfb\xff\xbf") })},
		{"URL-safe base64", `{"payload":"-_-_","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Payload = []byte("\xfb\xff\xbf") })},
		{"an alphabet for each", `{"payload":"-_-_","payloadType":"t","signatures":[{"keyid":"k","sig":"+/+/"}]}`, with(func(e *sign.Envelope) {
			e.Payload, e.Signatures[0].Sig = []byte("\xfb\xff\xbf"), []byte("\xfb\xff\xbf")
		})},
		{"escaped slash", `{"payload":"\/\/\/\/","payloadType":"t","signatures":[{"keyid":"k","sig":"c2ln"}]}`, with(func(e *sign.Envelope) { e.Payload = []byte("\xff\xff\xff") })},
		{"U+FFFD", "{\"payload\":\"aGVsbG8=\",\"payloadType\":\"\uFFFD\",\"signatures\":[{\"keyid\":\"k\",\"sig\":\"c2ln\"}]}", with(func(e *sign.Envelope) { e.PayloadType = "\uFFFD" })},
	} {
		got, err := sign.Parse([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func signatures(n int) string {
	return `{"payload":"","payloadType":"t","signatures":[` + strings.TrimSuffix(strings.Repeat(`{"sig":"c2ln"},`, n), ",") + "]}"
}

// R31, R32, R34 and R35, and what is no envelope.
func TestParseRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	// envelope is well-formed but for what it is given.
	envelope := func(payload, sigs string) string {
		return `{"payload":` + payload + `,"payloadType":"t","signatures":` + sigs + `}`
	}
	const good = `[{"sig":"c2ln"}]`
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", "malformed envelope: $ (byte 0): want an object, got the end"},
		{"null", "null", "malformed envelope: $ (byte 0): want an object, got null"},
		{"array", "[" + envelope(`""`, good) + "]", "malformed envelope: $ (byte 0): want an object, got an array"},
		{"empty", "{}", "malformed envelope: no payloadType"},
		{"byte order mark", "\ufeff" + envelope(`""`, good), "malformed envelope: $ (byte 0): want an object, got byte 0xef"},
		{"two", envelope(`""`, good) + envelope(`""`, good), "malformed envelope: $ (byte 62): data after the end of the document"},
		{"cut", `{"payload":"aGVs`, "malformed envelope: $.payload (byte 16): string has no end"},
		{"deep", `{"x":` + strings.Repeat("[", 1000), "malformed envelope: $.x" + strings.Repeat("[0]", 99) + " (byte 104): nested deeper than 100"},

		{"no payload", `{"payloadType":"t","signatures":` + good + `}`, "malformed envelope: no payload"},
		{"PAYLOAD", strings.Replace(envelope(`""`, good), "payload", "PAYLOAD", 1), `malformed envelope: no payload, but a member "PAYLOAD": names are compared byte by byte`},
		{"null payload", envelope("null", good), "malformed envelope: $.payload (byte 11): want a string, got null"},
		{"number", envelope("1", good), "malformed envelope: $.payload (byte 11): want a string, got a number"},
		{"payload twice", `{"payload":"",` + envelope(`""`, good)[1:], `malformed envelope: $ (byte 23): member "payload" occurs twice`},
		{"payload twice, escaped", `{"p\u0061yload":"",` + envelope(`""`, good)[1:], `malformed envelope: $ (byte 28): member "payload" occurs twice`},

		{"no type", `{"payload":"","signatures":` + good + `}`, "malformed envelope: no payloadType"},
		{"empty type", `{"payload":"","payloadType":"","signatures":` + good + `}`, "malformed envelope: no payloadType"},
		{"null type", `{"payload":"","payloadType":null,"signatures":` + good + `}`, "malformed envelope: $.payloadType (byte 28): want a string, got null"},
		{"type not UTF-8", "{\"payloadType\":\"\xff\"}", "malformed envelope: $.payloadType (byte 17): string is not UTF-8"},
		{"half a surrogate pair", `{"payloadType":"\ud800"}`, "malformed envelope: $.payloadType (byte 22): half a surrogate pair in a string"},
		{"R33: snake case", `{"payload":"","payload_type":"t","signatures":` + good + `}`, `malformed envelope: no payloadType, but a member "payload_type": names are compared byte by byte`},
		{"all in upper case", `{"PAYLOAD":"","PAYLOADTYPE":"t","SIGNATURES":` + good + `}`, `malformed envelope: no payloadType, but a member "PAYLOADTYPE": names are compared byte by byte`},
		{"Sig", envelope(`""`, `[{"Sig":"c2ln"}]`), `malformed envelope: $.signatures[0] (byte 60): signature without sig, but a member "Sig": names are compared byte by byte`},
		{"long names twice", `{"` + strings.Repeat("x", 1000) + `":1,"` + strings.Repeat("x", 1000) + `":1}`, `malformed envelope: $ (byte 2008): member "` + strings.Repeat("x", 100) + `" occurs twice`},
		{"a long name that is like another", `{"` + strings.Repeat("_", 1000) + `payload":1,"payloadType":"t"}`, "malformed envelope: no payload"},

		{"no signatures", `{"payload":"","payloadType":"t"}`, "malformed envelope: no signature"},
		{"empty signatures", envelope(`""`, `[]`), "malformed envelope: no signature"},
		{"null signatures", envelope(`""`, `null`), "malformed envelope: $.signatures (byte 45): want an array, got null"},
		{"an object", envelope(`""`, `{"sig":"c2ln"}`), "malformed envelope: $.signatures (byte 45): want an array, got an object"},
		{"null signature", envelope(`""`, `[null]`), "malformed envelope: $.signatures[0] (byte 46): want an object, got null"},
		{"no sig", envelope(`""`, `[{"sig":"c2ln"},{"keyid":"k"}]`), "malformed envelope: $.signatures[1] (byte 74): signature without sig"},
		{"null sig", envelope(`""`, `[{"sig":null}]`), "malformed envelope: $.signatures[0].sig (byte 53): want a string, got null"},
		{"sig twice", envelope(`""`, `[{"sig":"c2ln","sig":"c2ln"}]`), `malformed envelope: $.signatures[0] (byte 65): member "sig" occurs twice`},
		{"key id a number", envelope(`""`, `[{"keyid":1,"sig":"c2ln"}]`), "malformed envelope: $.signatures[0].keyid (byte 55): want a string, got a number"},
		{"65 signatures", signatures(65), "malformed envelope: $.signatures[64] (byte 1006): more than 64 signatures"},

		{"line break", envelope(`"aGVs\nbG8="`, good), "malformed envelope: $.payload (byte 23): malformed base64: line break"},
		{"carriage return", envelope(`"aGVs\rbG8="`, good), "malformed envelope: $.payload (byte 23): malformed base64: line break"},
		{"space", envelope(`"aGVs bG8="`, good), "malformed envelope: $.payload (byte 22): malformed base64: illegal base64 data at input byte 4"},
		{"no padding", envelope(`"aGVsbG8"`, good), "malformed envelope: $.payload (byte 20): malformed base64: illegal base64 data at input byte 4"},
		{"more padding", envelope(`"aGVsbG8=="`, good), "malformed envelope: $.payload (byte 22): malformed base64: illegal base64 data at input byte 8"},
		{"padding within", envelope(`"aA==aA=="`, good), "malformed envelope: $.payload (byte 21): malformed base64: illegal base64 data at input byte 4"},
		{"other bits", envelope(`"aGVsbG9="`, good), "malformed envelope: $.payload (byte 21): malformed base64: illegal base64 data at input byte 7"},
		{"other bits, URL-safe", envelope(`"-_9="`, good), "malformed envelope: $.payload (byte 17): malformed base64: illegal base64 data at input byte 3"},
		{"no padding, URL-safe", envelope(`"-_8"`, good), "malformed envelope: $.payload (byte 16): malformed base64: illegal base64 data at input byte 0"},
		{"two alphabets", envelope(`"+/-_"`, good), "malformed envelope: $.payload (byte 17): malformed base64: illegal base64 data at input byte 0"},
		{"base64 of sig", envelope(`""`, `[{"sig":"c2l"}]`), "malformed envelope: $.signatures[0].sig (byte 58): malformed base64: illegal base64 data at input byte 0"},
	} {
		e, err := sign.Parse([]byte(test.in))
		wantError(t, test.name, err, test.want)
		if e != nil {
			t.Errorf("%s: %+v beside the error", test.name, e)
		}
	}

	if _, err := sign.Parse([]byte(signatures(sign.MaxSignatures))); err != nil {
		t.Errorf("as many signatures as can be: %v", err)
	}
	full := []byte(signatures(1))
	full = append(full, bytes.Repeat([]byte(" "), sign.MaxEnvelopeSize-len(full))...)
	if _, err := sign.Parse(full); err != nil {
		t.Errorf("as many bytes as can be: %v", err)
	}
	_, err := sign.Parse(append(full, ' '))
	wantError(t, "a byte more", err, "malformed envelope: 67108865 bytes, at most 67108864 are read")
}

// The parts of a bundle that is well-formed.
const (
	bundle01 = `"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1"`
	bundle02 = `"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.2"`
	bundle03 = `"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"`
	byKey    = `"verificationMaterial":{"publicKey":{"hint":"k"}}`
	byCert   = `"verificationMaterial":{"certificate":{"rawBytes":"MAA="},"tlogEntries":[{"logIndex":"1"}]}`
	byChain  = `"verificationMaterial":{"x509CertificateChain":{"certificates":[{"rawBytes":"MAA="}]}}`
	sealed   = `"dsseEnvelope":{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln","keyid":""}]}`
)

func object(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

func TestParseBundle(t *testing.T) {
	for _, in := range []string{
		object(bundle03, byCert, sealed),
		object(bundle03, byKey, sealed),
		object(bundle03, `"verificationMaterial":{"publicKey":{}}`, sealed),
		object(`"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.3"`, byCert, sealed),
		object(bundle02, byChain, sealed),
		object(bundle02, byKey, sealed),
		object(bundle01, byChain, sealed),
		object(bundle01, byKey, sealed),
		" " + object(sealed, byKey, bundle03) + "\n",
		object(bundle03, byKey, sealed, `"x":null`, `"Payload":[]`),
		object(bundle03, `"verificationMaterial":{"x":{},"publicKey":{"y":1,"hint":"k"},"Certificate":1}`, sealed),
		object(bundle03, byKey, strings.Replace(sealed, `"keyid":""`, `"keyid":"k"`, 1)),
		object(bundle03, byKey, strings.Replace(sealed, `"keyid":""`, `"keyid":null`, 1)),
		object(bundle03, byKey, strings.Replace(sealed, `,"keyid":""`, ``, 1)),
		object(bundle03, `"verificationMaterial":{"publicKey":{"hint":""}}`, strings.Replace(sealed, `"keyid":""`, `"keyid":"k"`, 1)),
	} {
		hint := ""
		if strings.Contains(in, `"k"`) {
			hint = "k" // in the one place or the other
		}
		data := []byte(in)
		e, err := sign.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		clear(data) // the envelope has its own
		if string(e.Payload) != "hello" || e.PayloadType != "t" || len(e.Signatures) != 1 || string(e.Signatures[0].Sig) != "sig" || e.Signatures[0].KeyID != hint {
			t.Errorf("%s: got %+v", in, e)
		}
		if string(e.Bundle) != in {
			t.Errorf("the bundle is\n%s\nwant\n%s", e.Bundle, in)
		}
		// Alone, it is the same envelope without its bundle.
		e.Signatures[0].KeyID = ""
		alone, err := e.Marshal()
		if want := `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln"}]}`; err != nil || string(alone) != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, alone, want)
		}
	}

	// Both alphabets of base64, as in an envelope that stands alone (R35).
	e, err := sign.Parse([]byte(object(bundle03, byKey, `"dsseEnvelope":{"payload":"-_-_","payloadType":"t","signatures":[{"sig":"+/+/"}]}`)))
	if err != nil || string(e.Payload) != "\xfb\xff\xbf" || string(e.Signatures[0].Sig) != "\xfb\xff\xbf" {
		t.Errorf("URL-safe base64 in a bundle: %v, %v", e, err)
	}

	const want03 = ", want application/vnd.dev.sigstore.bundle.v0.3+json or that of version 0.1 or 0.2"
	for _, test := range []struct{ name, in, want string }{
		{"no media type", object(byKey, sealed), `malformed bundle: media type ""` + want03},
		{"another media type", object(`"mediaType":"application/json"`, byKey, sealed), `malformed bundle: media type "application/json"` + want03},
		{"version 0.4", object(`"mediaType":"application/vnd.dev.sigstore.bundle.v0.4+json"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle.v0.4+json"` + want03},
		{"version 0.3.1", object(`"mediaType":"application/vnd.dev.sigstore.bundle.v0.3.1+json"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle.v0.3.1+json"` + want03},
		{"version 0.1 in the new form", object(`"mediaType":"application/vnd.dev.sigstore.bundle.v0.1+json"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle.v0.1+json"` + want03},
		{"media type in another case", object(`"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+JSON"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle.v0.3+JSON"` + want03},
		{"another parameter", object(`"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1;x=y"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle+json;version=0.1;x=y"` + want03},
		{"a space", object(`"mediaType":"application/vnd.dev.sigstore.bundle+json; version=0.1"`, byKey, sealed), `malformed bundle: media type "application/vnd.dev.sigstore.bundle+json; version=0.1"` + want03},
		{"no string", object(`"mediaType":null`, byKey, sealed), `malformed bundle: media type ""` + want03},

		{"message signature", object(bundle03, `"messageSignature":{}`), "malformed envelope: $.messageSignature (byte 80): the bundle has a message signature, not an envelope"},
		{"both", object(bundle03, sealed, `"messageSignature":{}`), "malformed bundle: $.messageSignature (byte 177): the bundle has a message signature, not an envelope"},
		{"both, one null", object(bundle03, sealed, `"messageSignature":null`), "malformed bundle: $.messageSignature (byte 177): the bundle has a message signature, not an envelope"},
		{"neither", object(bundle03, byKey), "malformed envelope: no payloadType"},
		{"no object", object(bundle03, `"dsseEnvelope":null`), "malformed bundle: $.dsseEnvelope (byte 76): want an object, got null"},
		{"empty", object(bundle03, byKey, `"dsseEnvelope":{}`), "malformed bundle: dsseEnvelope: no payloadType"},
		{"twice", object(bundle03, sealed, sealed), `malformed bundle: $ (byte 172): member "dsseEnvelope" occurs twice`},
		{"within itself", object(bundle03, byKey, sealed, `"payload":""`), "malformed bundle: it has an envelope and is one"},
		{"with signatures", object(bundle03, byKey, sealed, `"signatures":[]`), "malformed bundle: it has an envelope and is one"},
		{"in an envelope", object(`"payload":"","payloadType":"t","signatures":[{"sig":""}]`, sealed), "malformed bundle: it has an envelope and is one"},
		{"two signatures", strings.Replace(object(bundle03, byKey, sealed), `[`, `[{"sig":"c2ln"},`, 1), "malformed bundle: its envelope has 2 signatures, want 1"},
		{"no signature", strings.Replace(object(bundle03, byKey, sealed), `[{"sig":"c2ln","keyid":""}]`, `[]`, 1), "malformed bundle: dsseEnvelope: no signature"},
		{"null signatures", strings.Replace(object(bundle03, byKey, sealed), `[{"sig":"c2ln","keyid":""}]`, `null`, 1), "malformed bundle: $.dsseEnvelope.signatures (byte 179): want an array, got null"},

		{"no material", object(bundle03, sealed), "malformed bundle: no publicKey, certificate or x509CertificateChain in its verificationMaterial"},
		{"null material", object(bundle03, `"verificationMaterial":null`, sealed), "malformed bundle: $.verificationMaterial (byte 84): want an object"},
		{"no key material", object(bundle03, `"verificationMaterial":{"tlogEntries":[]}`, sealed), "malformed bundle: no publicKey, certificate or x509CertificateChain in its verificationMaterial"},
		{"null key", object(bundle03, `"verificationMaterial":{"publicKey":null}`, sealed), "malformed bundle: $.verificationMaterial.publicKey (byte 97): want an object"},
		{"certificate a string", object(bundle03, `"verificationMaterial":{"certificate":"MAA="}`, sealed), "malformed bundle: $.verificationMaterial.certificate (byte 99): want an object"},
		{"chain an array", object(bundle02, `"verificationMaterial":{"x509CertificateChain":[]}`, sealed), "malformed bundle: $.verificationMaterial.x509CertificateChain (byte 115): want an object"},
		{"two kinds", object(bundle03, `"verificationMaterial":{"publicKey":{},"certificate":{}}`, sealed), "malformed bundle: publicKey and certificate in its verificationMaterial, want one of them"},
		{"a chain in version 0.3", object(bundle03, byChain, sealed), "malformed bundle: a bundle of version 0.3 has no x509CertificateChain, but a certificate"},
		{"a certificate in version 0.2", object(bundle02, byCert, sealed), "malformed bundle: a bundle of version 0.2 has no certificate, but x509CertificateChain"},
		{"R55: a certificate in version 0.1", object(bundle01, byCert, sealed), "malformed bundle: a bundle of version 0.1 has no certificate, but x509CertificateChain"},
		{"another hint", object(bundle03, byKey, strings.Replace(sealed, `"keyid":""`, `"keyid":"K"`, 1)), `malformed bundle: the hint of its public key is "k", and the key id of its signature "K"`},
		{"null hint", object(bundle03, `"verificationMaterial":{"publicKey":{"hint":null}}`, sealed), "malformed bundle: $.verificationMaterial.publicKey.hint (byte 105): want a string"},

		{"R33: snake case", object(`"media_type":"application/vnd.dev.sigstore.bundle.v0.3+json"`, `"dsse_envelope":{}`), "malformed envelope: no payloadType"},
		{"R33: snake case beside", object(bundle03, byKey, sealed, `"message_signature":{}`), "malformed bundle: $.message_signature (byte 228): the name has an underscore"},
		{"R33: snake case before", object(`"dsse_envelope":{}`, bundle03, byKey, sealed), "malformed bundle: $.dsse_envelope (byte 17): the name has an underscore"},
		{"R33: snake case in the material", object(bundle03, strings.Replace(byKey, `{"p`, `{"public_key":{},"p`, 1), sealed), "malformed bundle: $.verificationMaterial.public_key (byte 98): the name has an underscore"},
		{"R33: snake case in a log entry", object(bundle03, strings.Replace(byCert, "logIndex", "log_index", 1), sealed), "malformed bundle: $.verificationMaterial.tlogEntries[0].log_index (byte 147): the name has an underscore"},
		{"R33: snake case in the envelope", object(bundle03, byKey, strings.Replace(sealed, `"payloadType"`, `"payload_type":"x","payloadType"`, 1)), "malformed bundle: $.dsseEnvelope.payload_type (byte 163): the name has an underscore"},
		{"R33: snake case in a signature", object(bundle03, byKey, strings.Replace(sealed, `"keyid"`, `"key_id"`, 1)), "malformed bundle: $.dsseEnvelope.signatures[0].key_id (byte 203): the name has an underscore"},

		{"R32: in another case", object(bundle03, byKey, strings.Replace(sealed, "dsseEnvelope", "DsseEnvelope", 1)), "malformed envelope: no payloadType"},
		{"R31: hint twice", object(bundle03, `"verificationMaterial":{"publicKey":{"hint":"k","hint":"k"}}`, sealed), `malformed envelope: $.verificationMaterial.publicKey (byte 115): member "hint" occurs twice`},
		{"R31: unknown twice", object(bundle03, byKey, sealed, `"x":1`, `"x":1`), `malformed bundle: $ (byte 217): member "x" occurs twice`},
	} {
		e, err := sign.Parse([]byte(test.in))
		wantError(t, test.name, err, test.want)
		if e != nil {
			t.Errorf("%s: %+v beside the error", test.name, e)
		}
	}

	// An envelope that stands alone may have any member that DSSE does not know.
	for _, unknown := range []string{bundle01, `"mediaType":7`, byKey, `"verificationMaterial":null`, `"verification_material":{"a_b":[{"c_d":1}]}`} {
		in := strings.TrimSuffix(line("a"), "}") + "," + unknown + "}"
		if e, err := sign.Parse([]byte(in)); err != nil || e.Bundle != nil || string(e.Payload) != "a" {
			t.Errorf("%s: %+v, %v", in, e, err)
		}
	}
}

func TestMarshalBundle(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	plain := sign.Envelope{PayloadType: "t", Payload: []byte("hello"), Signatures: []sign.Signature{{KeyID: "k\"", Sig: []byte("sig")}}}
	nameless := plain
	nameless.Signatures = []sign.Signature{{Sig: []byte("sig")}}
	for _, test := range []struct {
		e    sign.Envelope
		want string
	}{
		{plain, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"k\""}},"dsseEnvelope":{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln"}]}}`},
		{nameless, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{}},"dsseEnvelope":{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln"}]}}`},
	} {
		got, err := test.e.MarshalBundle()
		if err != nil || string(got) != test.want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, test.want)
		}
		back, err := sign.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if string(back.Bundle) != test.want {
			t.Errorf("the bundle is %s", back.Bundle)
		}
		again, err := back.MarshalBundle()
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("%v: the bundle comes back as %s", err, again)
		}
		back.Bundle = nil
		if !reflect.DeepEqual(*back, test.e) {
			t.Errorf("got %+v, want %+v", back, test.e)
		}
	}

	other := plain
	other.Bundle = json.RawMessage(object(bundle03, byKey, sealed))
	two := plain
	two.Signatures = make([]sign.Signature, 2)
	large := plain
	large.Payload = make([]byte, (sign.MaxEnvelopeSize-140)/4*3)
	for _, test := range []struct {
		name string
		e    sign.Envelope
		want string
	}{
		{"zero", sign.Envelope{}, "sign: envelope with 0 signatures, a bundle has exactly one"},
		{"no type", sign.Envelope{Signatures: plain.Signatures}, "sign: envelope without a payload type or without a signature"},
		{"key id not UTF-8", sign.Envelope{PayloadType: "t", Signatures: []sign.Signature{{KeyID: "\xff"}}}, `sign: key id: string "\xff" is not UTF-8`},
		{"two signatures", two, "sign: envelope with 2 signatures, a bundle has exactly one"},
		{"another bundle", other, "sign: its bundle has another envelope"},
		{"large", large, "sign: bundle of 67108915 bytes, at most 67108864 are read"},
	} {
		got, err := test.e.MarshalBundle()
		wantError(t, test.name, err, test.want)
		if got != nil {
			t.Errorf("%s: %.100s beside the error", test.name, got)
		}
	}
}

// Package encoding/json writes an envelope as DSSE has it, and reads it as Parse
// does.
func TestJSON(t *testing.T) {
	for _, want := range []string{line("a"), object(bundle03, byKey, sealed)} {
		e, err := sign.Parse([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{e, *e, struct{ sign.Envelope }{*e}, map[string]any{"e": *e}, []*sign.Envelope{e}} {
			data, err := json.Marshal(v)
			if err != nil || !strings.Contains(string(data), want) {
				t.Errorf("%T: %v\ngot  %s\nwant %s", v, err, data, want)
			}
		}
		var back struct{ E sign.Envelope }
		if err := json.Unmarshal([]byte(`{"E":`+want+`}`), &back); err != nil || !reflect.DeepEqual(&back.E, e) {
			t.Errorf("%v: got %+v, want %+v", err, back.E, e)
		}
	}
	for in, want := range map[string]string{
		`{}`:   "malformed envelope: no payloadType",
		`null`: "malformed envelope: $ (byte 0): want an object, got null",
		`{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]}`: `malformed envelope: $ (byte 23): member "payload" occurs twice`,
	} {
		e := sign.Envelope{PayloadType: "before"}
		wantError(t, in, json.Unmarshal([]byte(in), &e), want)
		if e.PayloadType != "before" {
			t.Errorf("%s: changed to %+v", in, e)
		}
	}
	if _, err := json.Marshal(sign.Envelope{}); err == nil {
		t.Error("the zero envelope is marshaled")
	}
	if data, err := json.Marshal((*sign.Envelope)(nil)); err != nil || string(data) != "null" {
		t.Errorf("nil: %s, %v", data, err)
	}
}

// Nothing is written to where programs write (R66).
func TestQuiet(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	e, err := sign.Sign(t.Context(), "t", []byte("payload"), newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256())))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign.Countersign(t.Context(), e, edSigner(t, 1)); err != nil {
		t.Fatal(err)
	}
	sign.Countersign(t.Context(), e, newSigner(t, edKey()))
	for _, in := range fuzzSeeds() {
		if e, err := sign.Parse([]byte(in)); err == nil {
			e.Marshal()
			e.MarshalBundle()
		}
		sign.ParseLines([]byte(in))
	}
	path := t.TempDir() + "/x.intoto.jsonl"
	for range 2 {
		if _, err := sign.AppendFile(t.Context(), path, e); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if out, err := io.ReadAll(r); err != nil || len(out) > 0 {
		t.Errorf("written: %q, %v", out, err)
	}
}

// line returns an envelope on one line with a payload to know it by.
func line(payload string) string {
	return `{"payload":"` + base64.StdEncoding.EncodeToString([]byte(payload)) + `","payloadType":"t","signatures":[{"sig":"c2ln"}]}`
}

func TestParseLines(t *testing.T) {
	indented := func(payload string) string {
		return strings.NewReplacer("{", "{\n  ", ",", ",\n  ", "}", "\n}").Replace(line(payload))
	}
	for _, test := range []struct {
		name, in      string
		want, skipped []string
	}{
		{"nothing", "", nil, nil},
		{"empty lines", "\n\r\n \t\n", nil, nil},
		{"one", line("a") + "\n", []string{"a"}, nil},
		{"R64: no last newline", line("a"), []string{"a"}, nil},
		{"two", line("a") + "\n" + line("b"), []string{"a", "b"}, nil},
		{"DOS", line("a") + "\r\n\r\n" + line("b") + "\r\n", []string{"a", "b"}, nil},
		{"the same twice", line("a") + "\n" + line("a") + "\n", []string{"a", "a"}, nil},
		{
			"others between", "{}\n" + line("a") + "\nnull\n\n" + line("b") + "\n{",
			[]string{"a", "b"},
			[]string{
				"line 1: malformed envelope: no payloadType",
				"line 3: malformed envelope: $ (byte 0): want an object, got null",
				"line 6: malformed envelope: $ (byte 1): want a member name, got the end",
			},
		},
		{"two on a line", line("a") + line("b"), nil, []string{"line 1: malformed envelope: $ (byte 66): data after the end of the document"}},
		{"byte order mark", "\ufeff" + line("a") + "\n" + line("b"), []string{"b"}, []string{"line 1: malformed envelope: $ (byte 0): want an object, got byte 0xef"}},
		{"white space that JSON does not have", "\u00a0" + line("a"), nil, []string{"line 1: malformed envelope: $ (byte 0): want an object, got byte 0xc2"}},
		{"one on several lines", "\n" + indented("a") + "\n", []string{"a"}, nil},
		{"one bundle on several lines", object(bundle03, byKey, "\n"+`"dsseEnvelope":`+"\r\n"+indented("a")), []string{"a"}, nil},
		{"something else on several lines", "{\n}", nil, []string{"line 1: malformed envelope: no payloadType"}},
		{"something else with an envelope on a line", "[\n" + line("a") + "\n]", nil, []string{"line 1: malformed envelope: $ (byte 0): want an object, got an array"}},
		{"two on several lines", "{\n}\n{\n}", nil, []string{
			"line 1: malformed envelope: $ (byte 1): want a member name, got the end",
			"line 2: malformed envelope: $ (byte 0): want an object, got '}'",
			"line 3: malformed envelope: $ (byte 1): want a member name, got the end",
			"line 4: malformed envelope: $ (byte 0): want an object, got '}'",
		}},
		{"R64: mixed", object(bundle03, byKey, `"dsseEnvelope":`+line("a")) + "\n" + line("b") + "\n" + object(bundle01, byChain, `"dsseEnvelope":`+line("c")), []string{"a", "b", "c"}, nil},
		{"as many lines as can be", strings.Repeat("\n", sign.MaxLines-1) + line("a"), []string{"a"}, nil},
		{"the same with a last newline", strings.Repeat("\n", sign.MaxLines-1) + line("a") + "\n", []string{"a"}, nil},
	} {
		envelopes, skipped, err := sign.ParseLines([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got, errs []string
		for _, e := range envelopes {
			got = append(got, string(e.Payload))
		}
		for _, err := range skipped {
			errs = append(errs, err.Error())
		}
		if !reflect.DeepEqual(got, test.want) || !reflect.DeepEqual(errs, test.skipped) {
			t.Errorf("%s: got %q, skipped %q\nwant %q, skipped %q", test.name, got, errs, test.want, test.skipped)
		}
	}

	for _, in := range []string{
		strings.Repeat("\n", sign.MaxLines+1),
		strings.Repeat("\n", sign.MaxLines) + line("a"),
	} {
		envelopes, skipped, err := sign.ParseLines([]byte(in))
		wantError(t, "too many lines", err, "malformed envelope lines: 10001 lines, at most 10000 are read")
		if envelopes != nil || skipped != nil {
			t.Errorf("too many lines: %v and %v beside the error", envelopes, skipped)
		}
	}
}

func fuzzSeeds() []string {
	return []string{
		"", "{}", line("a"), line("\xff\xfe") + "\n" + line("b"), signatures(3), signatures(65),
		`{"payload":"-_-_","payloadType":"\u00e9","signatures":[{"keyid":null,"sig":"+/+/"}],"x":[{}]}`,
		object(bundle03, byKey, sealed), object(bundle03, byCert, sealed), object(sealed, byChain, bundle02, `"a_b":1`),
		`{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":"c2ln"}]}`,
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := sign.Parse(data)
		if err != nil {
			if e != nil {
				t.Fatalf("%+v beside the error %v", e, err)
			}
			return
		}
		roundTrip(t, e)
		bundleRoundTrip(t, e)
	})
}

// bundleRoundTrip checks that e comes back from a bundle.
func bundleRoundTrip(t *testing.T, e *sign.Envelope) {
	t.Helper()
	data, err := e.MarshalBundle()
	if len(e.Signatures) != 1 {
		if err == nil {
			t.Fatalf("a bundle with %d signatures: %s", len(e.Signatures), data)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	back, err := sign.Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if !bytes.Equal(back.Bundle, data) {
		t.Fatalf("the bundle %s comes back as %s", data, back.Bundle)
	}
	back.Bundle = e.Bundle
	if !reflect.DeepEqual(back, e) {
		t.Fatalf("%+v comes back as %+v", e, back)
	}

	// Somebody who reads the JSON as most do reads the same.
	var plain struct {
		MediaType    string
		DSSEEnvelope struct {
			Payload    []byte
			Signatures []struct{ Sig []byte }
		}
	}
	if e.Bundle != nil {
		return // with members of anybody's choice, in any case
	}
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	if plain.MediaType != "application/vnd.dev.sigstore.bundle.v0.3+json" || !bytes.Equal(plain.DSSEEnvelope.Payload, e.Payload) || !bytes.Equal(plain.DSSEEnvelope.Signatures[0].Sig, e.Signatures[0].Sig) {
		t.Fatalf("encoding/json reads %+v, want %+v", plain, e)
	}
}

func FuzzCountersign(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add([]byte(s))
	}
	signer := newSigner(f, edKey())
	signed, err := sign.Sign(f.Context(), "t", []byte("payload"), signer)
	if err != nil {
		f.Fatal(err)
	}
	data, err := signed.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := sign.Parse(data)
		if err != nil {
			return
		}
		before := *e
		before.Payload = bytes.Clone(e.Payload)
		before.Signatures = slices.Clone(e.Signatures)
		has := slices.ContainsFunc(e.Signatures, func(s sign.Signature) bool { return signer.Verify(t.Context(), e.PAE(), s.Sig) == nil })
		c, err := sign.Countersign(t.Context(), e, signer)
		if !reflect.DeepEqual(e, &before) {
			t.Fatalf("%+v is changed to %+v", before, e)
		}
		if refused := has || e.Bundle != nil || len(e.Signatures) == sign.MaxSignatures; refused != (err != nil) || refused != (c == nil) {
			t.Fatalf("%+v, %v", c, err)
		}
		if err != nil {
			return
		}
		roundTrip(t, c)
		n := len(e.Signatures)
		if !reflect.DeepEqual(c.Signatures[:n], e.Signatures) || len(c.Signatures) != n+1 || !bytes.Equal(c.PAE(), e.PAE()) {
			t.Fatalf("%+v is countersigned as %+v", e, c)
		}
		if err := signer.Verify(t.Context(), c.PAE(), c.Signatures[n].Sig); err != nil {
			t.Fatal(err)
		}
		if again, err := sign.Countersign(t.Context(), c, signer); err == nil {
			t.Fatalf("countersigned twice: %+v", again)
		}
	})
}

// roundTrip checks that e comes back from its JSON, but for the bundle.
func roundTrip(t *testing.T, e *sign.Envelope) {
	t.Helper()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := sign.Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if back.Bundle != nil {
		t.Fatal("a bare envelope has a bundle")
	}
	back.Bundle = e.Bundle
	if !reflect.DeepEqual(back, e) {
		t.Fatalf("%+v comes back as %+v", e, back)
	}
	again, err := back.Marshal()
	if err != nil || !bytes.Equal(again, data) {
		t.Fatalf("%s, and again %s (%v)", data, again, err)
	}

	// Somebody who reads the JSON as most do reads the same.
	var plain struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			KeyID string `json:"keyid"`
			Sig   []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain.Payload, e.Payload) || plain.PayloadType != e.PayloadType || len(plain.Signatures) != len(e.Signatures) {
		t.Fatalf("encoding/json reads %+v, want %+v", plain, e)
	}
	for i, s := range plain.Signatures {
		if s.KeyID != e.Signatures[i].KeyID || !bytes.Equal(s.Sig, e.Signatures[i].Sig) {
			t.Fatalf("encoding/json reads %+v, want %+v", plain, e)
		}
	}
}

func FuzzParseLines(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add([]byte(s))
		f.Add([]byte(s + "\n\n" + line("last")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		envelopes, skipped, err := sign.ParseLines(data)
		if err != nil {
			return
		}
		if n := bytes.Count(data, []byte("\n")) + 1; len(envelopes)+len(skipped) > n {
			t.Fatalf("%d envelopes and %d skipped in %d lines", len(envelopes), len(skipped), n)
		}
		// Written again, one on each line, they are the same.
		var lines [][]byte
		for _, e := range envelopes {
			roundTrip(t, e)
			b, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, b)
		}
		back, skipped, err := sign.ParseLines(bytes.Join(lines, []byte("\n")))
		if err != nil || len(skipped) > 0 || len(back) != len(envelopes) {
			t.Fatalf("%d envelopes come back as %d, skipped %v, %v", len(envelopes), len(back), skipped, err)
		}
		for i, e := range back {
			e.Bundle = envelopes[i].Bundle
			if !reflect.DeepEqual(e, envelopes[i]) {
				t.Fatalf("%+v comes back as %+v", envelopes[i], e)
			}
		}
	})
}
