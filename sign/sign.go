// Package sign puts bytes into signed envelopes and takes envelopes apart.
//
// An [Envelope] is a payload, the media type that says how to read it, and
// signatures over both: the Dead Simple Signing Envelope, DSSE 1.0.2. [Sign]
// makes one, [Parse] reads one. [ParseLines] reads a file with several, and
// [AppendFile] appends to it. In JSON an envelope is
//
//	{"payload":"<base64>","payloadType":"<type>","signatures":[{"keyid":"<hint>","sig":"<base64>"}]}
//
// and what is signed is not this JSON but the pre-authentication encoding of
// type and payload, which [Envelope.PAE] returns.
//
// To parse an envelope is not to believe it. Until package verify has
// recognized who signed it, everything in it is anyone's word, the payload
// type and the key ids too.
//
// [Signer] and [Verifier] are the interfaces of go-securesystemslib, so that
// keys made for that module serve here and the other way round. [NewSigner] and
// [NewVerifier] make them of Ed25519, ECDSA and RSA keys, in memory or wherever a
// [crypto.Signer] leads to; [ParsePrivateKey], [DecryptPrivateKey] and
// [ParsePublicKey] read them from files, and [Generate] makes new ones. Each key has
// one [Algorithm], settled when it is loaded: by default Ed25519 signs the encoding
// itself; ECDSA its SHA-256, SHA-384 or SHA-512, as the curve P-256, P-384 or P-521
// has it, in ASN.1 DER; RSA its SHA-256, by RSASSA-PSS.
//
// https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
package sign

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A Signer signs with one key.
type Signer = dsse.Signer

// A Verifier checks signatures of one key.
type Verifier = dsse.Verifier

// A SignerVerifier has a key pair: it signs, and checks signatures.
type SignerVerifier = dsse.SignerVerifier

// An Envelope is a payload with signatures over it and its type.
type Envelope struct {
	PayloadType string // a media type, compared byte by byte
	Payload     []byte
	Signatures  []Signature

	// Bundle is the Sigstore bundle that [Parse] found the envelope in, as it
	// was written: beside the envelope it has what shows who held the signing
	// key and when. It is nil for an envelope that stood alone.
	Bundle json.RawMessage
}

// A Signature is one signature of an Envelope.
type Signature struct {
	// KeyID is a hint which key it could be. It is not signed, so nothing
	// may be decided by it. It may be empty.
	KeyID string

	// Sig is what the key made of [Envelope.PAE], in the form of its algorithm.
	Sig []byte
}

// Sign returns an envelope of payload with a signature by each of signers, in
// their order. It is an error if the payload type is empty or not UTF-8, and if
// there are no signers or more than [MaxSignatures].
//
// The signature of a signer that is also a [Verifier], as those of [NewSigner]
// are, is verified before it is returned, so that a broken key or key service
// makes an error here and not at the gate. Two signers with the same public
// key are an error: the second signature would count for nothing.
func Sign(ctx context.Context, payloadType string, payload []byte, signers ...Signer) (*Envelope, error) {
	if payloadType == "" {
		return nil, errors.New("sign: no payload type")
	}
	if !utf8.ValidString(payloadType) {
		return nil, fmt.Errorf("sign: payload type %.100q is not UTF-8", payloadType)
	}
	if len(signers) == 0 {
		return nil, errors.New("sign: no signer")
	}
	if len(signers) > MaxSignatures {
		return nil, fmt.Errorf("sign: %d signers, at most %d can sign one envelope", len(signers), MaxSignatures)
	}
	// All that can be refused is refused before the first key is used.
	seen := make(map[hallmark.Digest]int)
	for i, s := range signers {
		if s == nil {
			return nil, fmt.Errorf("sign: signer %d is nil", i)
		}
		if v, ok := s.(Verifier); ok {
			fp, err := Fingerprint(v.Public())
			if err != nil {
				return nil, fmt.Errorf("sign: signer %d: %w", i, err)
			}
			if first, ok := seen[fp]; ok {
				return nil, fmt.Errorf("sign: signers %d and %d have the same key", first, i)
			}
			seen[fp] = i
		}
	}
	e := &Envelope{PayloadType: payloadType, Payload: bytes.Clone(payload)}
	pae := e.PAE()
	for i, s := range signers {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("sign: signer %d: %w", i, err)
		}
		sig, err := s.Sign(ctx, pae)
		if err != nil {
			return nil, fmt.Errorf("sign: signer %d: %w", i, err)
		}
		id, err := s.KeyID()
		if err != nil {
			return nil, fmt.Errorf("sign: signer %d: key id: %w", i, err)
		}
		if len(sig) == 0 {
			return nil, fmt.Errorf("sign: signer %d (key id %q) made an empty signature", i, id)
		}
		if v, ok := s.(Verifier); ok {
			if err := v.Verify(ctx, pae, sig); err != nil {
				if ended := ctx.Err(); ended != nil {
					return nil, fmt.Errorf("sign: signer %d: %w", i, ended)
				}
				return nil, fmt.Errorf("sign: signer %d (key id %q) made a signature that its own key does not verify: %w", i, id, err)
			}
		}
		e.Signatures = append(e.Signatures, Signature{id, bytes.Clone(sig)})
	}
	return e, nil
}

// PAE returns what e's signatures sign: its type and payload in DSSE's
// pre-authentication encoding.
//
//	"DSSEv1" SP length(type) SP type SP length(payload) SP payload
//
// Lengths are in bytes, decimal, without leading zeros.
func (e *Envelope) PAE() []byte {
	b := make([]byte, 0, len("DSSEv1 ")+len(e.PayloadType)+len(e.Payload)+2*20+3)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(e.PayloadType)), 10)
	b = append(b, ' ')
	b = append(b, e.PayloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(e.Payload)), 10)
	b = append(b, ' ')
	return append(b, e.Payload...)
}

// Marshal returns e as JSON on one line, without a newline and without its
// bundle. The same envelope gives the same bytes. It is an error if e is not one
// that [Parse] reads: without a payload type or a signature, with text that is
// not UTF-8, or over a bound.
func (e *Envelope) Marshal() ([]byte, error) {
	if e.PayloadType == "" || len(e.Signatures) == 0 {
		return nil, errors.New("sign: envelope without a payload type or without a signature")
	}
	if len(e.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("sign: envelope with %d signatures, at most %d are read", len(e.Signatures), MaxSignatures)
	}
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(e.Payload))+256*(1+len(e.Signatures)))
	b = append(b, `{"payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Payload)
	b = append(b, `","payloadType":`...)
	b, err := strictjson.AppendString(b, e.PayloadType)
	if err != nil {
		return nil, fmt.Errorf("sign: payload type: %w", err)
	}
	b = append(b, `,"signatures":[`...)
	for i, s := range e.Signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if s.KeyID != "" {
			b = append(b, `"keyid":`...)
			if b, err = strictjson.AppendString(b, s.KeyID); err != nil {
				return nil, fmt.Errorf("sign: key id of signature %d: %w", i, err)
			}
			b = append(b, ',')
		}
		b = append(b, `"sig":"`...)
		b = base64.StdEncoding.AppendEncode(b, s.Sig)
		b = append(b, `"}`...)
	}
	b = append(b, `]}`...)
	if len(b) > MaxEnvelopeSize {
		return nil, fmt.Errorf("sign: envelope of %d bytes, at most %d are read", len(b), MaxEnvelopeSize)
	}
	return b, nil
}

// bundleType begins the media type of every Sigstore bundle.
const bundleType = "application/vnd.dev.sigstore.bundle"

// Parse parses an envelope, or the envelope in a Sigstore bundle.
//
// It is strict where two readers could disagree: a member that occurs twice,
// bytes that are not UTF-8, data after the end, and base64 that is not the one
// encoding of its bytes are errors. Both the standard and the URL-safe alphabet
// are read, as DSSE asks, but not mixed in one string. Members that DSSE does
// not know are ignored, but for those that hold the content of a bundle; a name
// in another case is one that it does not know.
//
// Of a bundle only its envelope is read. A bundle that signs a file's digest
// instead of an envelope is an error.
func Parse(data []byte) (*Envelope, error) {
	if len(data) > MaxEnvelopeSize {
		return nil, fmt.Errorf("malformed envelope: %d bytes, at most %d are read", len(data), MaxEnvelopeSize)
	}
	var bare, inner parts
	var mediaType string
	var bundled bool
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "mediaType":
				if r.Kind() != '"' {
					return r.Skip() // an unknown member, if this is no bundle
				}
				mediaType, err = r.String()
				return err
			case "dsseEnvelope":
				bundled = true
				return r.Object(func(name string) error { return inner.read(r, name) })
			case "messageSignature":
				return r.Errorf("the bundle has a message signature, not an envelope")
			}
			return bare.read(r, name)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("malformed envelope: %w", err)
	}
	if !bundled {
		return bare.envelope()
	}
	if bare.any() {
		return nil, errors.New("malformed bundle: it has an envelope and is one")
	}
	if !strings.HasPrefix(mediaType, bundleType) {
		return nil, fmt.Errorf("malformed bundle: media type %.100q, want %s…", mediaType, bundleType)
	}
	e, err := inner.envelope()
	if err != nil {
		return nil, err
	}
	// "there MUST be exactly one signature": protobuf-specs, Bundle.dsse_envelope.
	if len(e.Signatures) != 1 {
		return nil, fmt.Errorf("malformed bundle: its envelope has %d signatures, want 1", len(e.Signatures))
	}
	e.Bundle = bytes.Clone(data)
	return e, nil
}

// parts are the members of an envelope as far as they were there.
type parts struct {
	payloadType      string
	payload          []byte
	signatures       []Signature
	hasType, hasBody bool
	hasSignatures    bool
}

func (p *parts) any() bool { return p.hasType || p.hasBody || p.hasSignatures }

func (p *parts) read(r *strictjson.Reader, name string) (err error) {
	switch name {
	case "payloadType":
		p.hasType = true
		p.payloadType, err = r.String()
		return err
	case "payload":
		p.hasBody = true
		p.payload, err = decode(r)
		return err
	case "signatures":
		p.hasSignatures = true
		return r.Array(func(i int) error {
			if i == MaxSignatures {
				return r.Errorf("more than %d signatures", MaxSignatures)
			}
			var s Signature
			var hasSig bool
			err := r.Object(func(name string) (err error) {
				switch name {
				case "keyid":
					// "absent, null and empty are the same": envelope.md
					if r.Null() {
						return nil
					}
					s.KeyID, err = r.String()
					return err
				case "sig":
					hasSig = true
					s.Sig, err = decode(r)
					return err
				}
				return r.Skip()
			})
			if err == nil && !hasSig {
				err = r.Errorf("signature without sig")
			}
			p.signatures = append(p.signatures, s)
			return err
		})
	}
	return r.Skip()
}

func (p *parts) envelope() (*Envelope, error) {
	switch {
	case !p.hasType || p.payloadType == "":
		return nil, errors.New("malformed envelope: no payloadType")
	case !p.hasBody:
		return nil, errors.New("malformed envelope: no payload")
	case len(p.signatures) == 0:
		return nil, errors.New("malformed envelope: no signature")
	}
	return &Envelope{PayloadType: p.payloadType, Payload: p.payload, Signatures: p.signatures}, nil
}

// decode reads a string of base64 in either alphabet, padded and canonical.
func decode(r *strictjson.Reader) ([]byte, error) {
	text, err := r.Text()
	if err != nil {
		return nil, err
	}
	// encoding/base64 skips newlines even when strict. IndexByte twice is much
	// faster than ContainsAny.
	if bytes.IndexByte(text, '\r') >= 0 || bytes.IndexByte(text, '\n') >= 0 {
		return nil, r.Errorf("malformed base64: line break")
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil && bytes.ContainsAny(text, "-_") {
		n, err = base64.URLEncoding.Strict().Decode(b, text)
	}
	if err != nil {
		return nil, r.Errorf("malformed base64: %v", err)
	}
	return b[:n:n], nil
}

// ParseLines parses JSON Lines: one envelope or bundle on each line, as
// "<artifact>.intoto.jsonl" has them. The last line need not end in a newline.
// Empty lines are passed over.
//
// Lines that are neither are no reason to give up the others, which in-toto's
// bundle specification says must be read: they are returned as skipped, with
// their line numbers. It is an error if data has more than [MaxLines] lines.
func ParseLines(data []byte) (envelopes []*Envelope, skipped []error, err error) {
	n := bytes.Count(data, []byte("\n"))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	if n > MaxLines {
		return nil, nil, fmt.Errorf("malformed envelope lines: %d lines, at most %d are read", n, MaxLines)
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if text = bytes.Trim(text, " \t\r\n"); len(text) == 0 {
			continue
		}
		e, err := Parse(text)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		envelopes = append(envelopes, e)
	}
	return envelopes, skipped, nil
}
