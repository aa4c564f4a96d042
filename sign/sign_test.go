package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
)

const mediaType = "application/vnd.in-toto+json"

// fake is a Signer, and only that.
type fake struct {
	id    string
	sig   string
	err   error
	idErr error
}

func (f fake) Sign(context.Context, []byte) ([]byte, error) { return []byte(f.sig), f.err }
func (f fake) KeyID() (string, error)                       { return f.id, f.idErr }

func TestSign(t *testing.T) {
	ctx := t.Context()
	ed, ec := newSigner(t, edKey()), newSigner(t, ecKey(t, elliptic.P256()))
	payload := []byte(`{"a":"b"}`)
	e, err := sign.Sign(ctx, mediaType, payload, ec, ed, fake{id: "other", sig: "sig"}, fake{id: "other", sig: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	payload[0] = 'x' // the envelope has its own
	if e.PayloadType != mediaType || string(e.Payload) != `{"a":"b"}` || e.Bundle != nil || len(e.Signatures) != 4 {
		t.Errorf("got %+v", e)
	}
	if want := `DSSEv1 28 application/vnd.in-toto+json 9 {"a":"b"}`; string(e.PAE()) != want {
		t.Errorf("PAE is %s, want %s", e.PAE(), want)
	}
	for i, v := range []sign.Verifier{ec, ed} {
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
	again, err := sign.Sign(ctx, mediaType, []byte(`{"a":"b"}`), ec, ed, fake{id: "other", sig: "sig"}, fake{id: "other", sig: "sig"})
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
	ecID, _ := ec.KeyID()
	many := make([]sign.Signer, sign.MaxSignatures+1)
	for i := range many {
		many[i] = fake{id: fmt.Sprint(i), sig: "sig"}
	}
	const invalid = " made a signature that its own key does not verify: invalid signature"

	for _, test := range []struct {
		name        string
		payloadType string
		signers     []sign.Signer
		want        string
	}{
		{"no type", "", []sign.Signer{ed}, "sign: no payload type"},
		{"type not UTF-8", "a\xff", []sign.Signer{ed}, `sign: payload type "a\xff" is not UTF-8`},
		{"no signer", "t", nil, "sign: no signer"},
		{"nil signer", "t", []sign.Signer{counting, nil}, "sign: signer 1 is nil"},
		{"too many signers", "t", many, "sign: 65 signers, at most 64 can sign one envelope"},
		{"one signer twice", "t", []sign.Signer{counting, ed, ed}, "sign: signers 1 and 2 have the same key"},
		{"one key twice", "t", []sign.Signer{counting, ed, newSigner(t, token{Signer: ecKey(t, elliptic.P256())})}, "sign: signers 0 and 2 have the same key"},
		{"broken", "t", []sign.Signer{fake{err: broken}}, "sign: signer 0: the token is gone"},
		{"broken token", "t", []sign.Signer{ed, counting}, "sign: signer 1: the token is gone"},
		{"no key id", "t", []sign.Signer{ed, fake{sig: "sig", idErr: broken}}, "sign: signer 1: key id: the token is gone"},
		{"empty signature", "t", []sign.Signer{fake{id: "x"}}, `sign: signer 0 (key id "x") made an empty signature`},
		{"empty signature of a token", "t", []sign.Signer{empty}, `sign: signer 0 (key id "` + id + `") made an empty signature`},
		{"garbage", "t", []sign.Signer{ec, garbage}, `sign: signer 1 (key id "` + id + `")` + invalid},
		{"other data", "t", []sign.Signer{wrong}, `sign: signer 0 (key id "` + id + `")` + invalid},
		{"not DER", "t", []sign.Signer{raw}, `sign: signer 0 (key id "` + ecID + `")` + invalid},
	} {
		e, err := sign.Sign(t.Context(), test.payloadType, []byte("data"), test.signers...)
		wantError(t, test.name, err, test.want)
		if e != nil {
			t.Errorf("%s: %+v beside the error", test.name, e)
		}
	}
	if used != 1 {
		t.Errorf("a key was used %d times, want once: what can be refused before is", used)
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
	for _, test := range []struct {
		signers func(sign.Signer) []sign.Signer
		want    string
	}{
		{func(s sign.Signer) []sign.Signer { return []sign.Signer{s} }, "sign: signer 0: context canceled"},
		{func(s sign.Signer) []sign.Signer { return []sign.Signer{signOnly{s}, ed} }, "sign: signer 1: context canceled"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := sign.Sign(ctx, "t", nil, test.signers(stopping{newSigner(t, ecKey(t, elliptic.P256())), cancel})...)
		wantError(t, "cancelled within", err, test.want)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not wrap context.Canceled", err)
		}
	}
}

// stopping ends the context when it has signed.
type stopping struct {
	sign.SignerVerifier
	stop func()
}

func (s stopping) Sign(ctx context.Context, data []byte) ([]byte, error) {
	defer s.stop()
	return s.SignerVerifier.Sign(ctx, data)
}

// signOnly hides that a Signer is a Verifier too.
type signOnly struct{ sign.Signer }

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

func TestParseRefuses(t *testing.T) {
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
		{"PAYLOAD", strings.Replace(envelope(`""`, good), "payload", "PAYLOAD", 1), "malformed envelope: no payload"},
		{"null payload", envelope("null", good), "malformed envelope: $.payload (byte 11): want a string, got null"},
		{"number", envelope("1", good), "malformed envelope: $.payload (byte 11): want a string, got a number"},
		{"payload twice", `{"payload":"",` + envelope(`""`, good)[1:], `malformed envelope: $ (byte 23): member "payload" occurs twice`},
		{"payload twice, escaped", `{"p\u0061yload":"",` + envelope(`""`, good)[1:], `malformed envelope: $ (byte 28): member "payload" occurs twice`},

		{"no type", `{"payload":"","signatures":` + good + `}`, "malformed envelope: no payloadType"},
		{"empty type", `{"payload":"","payloadType":"","signatures":` + good + `}`, "malformed envelope: no payloadType"},
		{"null type", `{"payload":"","payloadType":null,"signatures":` + good + `}`, "malformed envelope: $.payloadType (byte 28): want a string, got null"},
		{"type not UTF-8", "{\"payloadType\":\"\xff\"}", "malformed envelope: $.payloadType (byte 17): string is not UTF-8"},
		{"half a surrogate pair", `{"payloadType":"\ud800"}`, "malformed envelope: $.payloadType (byte 22): half a surrogate pair in a string"},
		{"snake case", `{"payload":"","payload_type":"t","signatures":` + good + `}`, "malformed envelope: no payloadType"},

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

func TestParseBundle(t *testing.T) {
	const v03 = `"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"`
	const inner = `"dsseEnvelope":{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln","keyid":""}]}`
	for _, in := range []string{
		`{` + v03 + `,` + inner + `}`,
		` {"verificationMaterial":{"publicKey":{"hint":"x"}}, ` + inner + `, ` + v03 + "}\n",
		`{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1",` + inner + `}`,
	} {
		data := []byte(in)
		e, err := sign.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		clear(data) // the envelope has its own
		if string(e.Payload) != "hello" || e.PayloadType != "t" || len(e.Signatures) != 1 || string(e.Signatures[0].Sig) != "sig" {
			t.Errorf("%s: got %+v", in, e)
		}
		if string(e.Bundle) != in {
			t.Errorf("the bundle is\n%s\nwant\n%s", e.Bundle, in)
		}
		// Alone, it is the same envelope without its bundle.
		alone, err := e.Marshal()
		if want := `{"payload":"aGVsbG8=","payloadType":"t","signatures":[{"sig":"c2ln"}]}`; err != nil || string(alone) != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, alone, want)
		}
	}

	for _, test := range []struct{ name, in, want string }{
		{"no media type", `{` + inner + `}`, `malformed bundle: media type "", want application/vnd.dev.sigstore.bundle…`},
		{"another media type", `{"mediaType":"application/json",` + inner + `}`, `malformed bundle: media type "application/json", want application/vnd.dev.sigstore.bundle…`},
		{"no string", `{"mediaType":null,` + inner + `}`, `malformed bundle: media type "", want application/vnd.dev.sigstore.bundle…`},
		{"snake case", `{"media_type":"application/vnd.dev.sigstore.bundle.v0.3+json","dsse_envelope":{}}`, "malformed envelope: no payloadType"},
		{"message signature", `{` + v03 + `,"messageSignature":{}}`, "malformed envelope: $.messageSignature (byte 80): the bundle has a message signature, not an envelope"},
		{"both", `{` + v03 + `,` + inner + `,"messageSignature":{}}`, "malformed envelope: $.messageSignature (byte 177): the bundle has a message signature, not an envelope"},
		{"neither", `{` + v03 + `}`, "malformed envelope: no payloadType"},
		{"no object", `{` + v03 + `,"dsseEnvelope":null}`, "malformed envelope: $.dsseEnvelope (byte 76): want an object, got null"},
		{"empty", `{` + v03 + `,"dsseEnvelope":{}}`, "malformed envelope: no payloadType"},
		{"twice", `{` + v03 + `,` + inner + `,` + inner + `}`, `malformed envelope: $ (byte 172): member "dsseEnvelope" occurs twice`},
		{"within itself", `{` + v03 + `,` + inner + `,"payload":""}`, "malformed bundle: it has an envelope and is one"},
		{"with signatures", `{` + v03 + `,` + inner + `,"signatures":[]}`, "malformed bundle: it has an envelope and is one"},
		{"in an envelope", `{"payload":"","payloadType":"t","signatures":[{"sig":""}],` + inner + `}`, "malformed bundle: it has an envelope and is one"},
		{"two signatures", strings.Replace(`{`+v03+`,`+inner+`}`, `[`, `[{"sig":"c2ln"},`, 1), "malformed bundle: its envelope has 2 signatures, want 1"},
	} {
		e, err := sign.Parse([]byte(test.in))
		wantError(t, test.name, err, test.want)
		if e != nil {
			t.Errorf("%s: %+v beside the error", test.name, e)
		}
	}
}

// line returns an envelope on one line with a payload to know it by.
func line(payload string) string {
	return `{"payload":"` + base64.StdEncoding.EncodeToString([]byte(payload)) + `","payloadType":"t","signatures":[{"sig":"c2ln"}]}`
}

func TestParseLines(t *testing.T) {
	for _, test := range []struct {
		name, in      string
		want, skipped []string
	}{
		{"nothing", "", nil, nil},
		{"empty lines", "\n\r\n \t\n", nil, nil},
		{"one", line("a") + "\n", []string{"a"}, nil},
		{"no last newline", line("a"), []string{"a"}, nil},
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
		{"on several lines", "{\n}", nil, []string{
			"line 1: malformed envelope: $ (byte 1): want a member name, got the end",
			"line 2: malformed envelope: $ (byte 0): want an object, got '}'",
		}},
		{"bundle", `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":` + line("a") + "}\n" + line("b"), []string{"a", "b"}, nil},
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
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":` + line("a") + `}`,
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
