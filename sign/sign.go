// Package sign puts bytes into signed envelopes and takes envelopes apart.
//
// An [Envelope] is a payload, the media type that says how to read it, and
// signatures over both: the Dead Simple Signing Envelope, DSSE 1.0.2. In JSON it
// is
//
//	{"payload":"<base64>","payloadType":"<type>","signatures":[{"keyid":"<hint>","sig":"<base64>"}]}
//
// and what is signed is not this JSON but the pre-authentication encoding of
// type and payload, which [Envelope.PAE] returns. [Sign] makes an envelope with
// the signatures of one key or several, [Countersign] adds signatures to one, and
// [Parse] reads one.
//
//	signer, err := sign.ParsePrivateKey(file)
//	env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
//	added, err := sign.AppendFile(ctx, "app.intoto.jsonl", env)
//
// To parse an envelope is not to believe it. Until package verify has
// recognized who signed it, everything in it is anyone's word, the payload
// type and the key ids too.
//
// # Where envelopes are kept
//
// Beside an artifact there is a file with the envelopes about it, one on each line:
// [ParseLines] reads it, and [AppendFile] appends to it. Package sign/oci keeps
// them beside an image.
//
// An envelope with one signature can also be in a Sigstore bundle, together with
// what shows who held the key and when. Whatever reads envelopes here reads bundles
// too, and keeps them in Envelope.Bundle; [Envelope.MarshalBundle] writes one for a
// key. Package sign/sigstore signs without a key of one's own, into a bundle.
//
// # Keys
//
// [ParsePrivateKey] and [ParsePublicKey] read keys from files, and
// [DecryptPrivateKey] those that are encrypted; [Generate] makes new ones.
// [NewSigner] takes any [crypto.Signer], in memory or wherever it leads to: a
// hardware token, an agent, a key service. [SignerVerifier] and [Verifier] are
// interfaces of go-securesystemslib, so that keys made for that module serve here
// and the other way round.
//
// Each key has one [Algorithm], settled when it is loaded, and by default
//
//	Ed25519                over the encoding itself
//	ECDSA on P-256         with SHA-256, in ASN.1 DER
//	ECDSA on P-384, P-521  with SHA-384, SHA-512
//	RSA                    by RSASSA-PSS with SHA-256
//
// The methods of an Algorithm settle on another one:
//
//	signer, err := sign.RSAPKCS1SHA256.ParsePrivateKey(file)
//
// https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
package sign

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A Signer signs with one key. For the function [Sign], it must be a
// [SignerVerifier].
//
//	Sign(ctx context.Context, data []byte) ([]byte, error)
//	KeyID() (string, error)
type Signer = dsse.Signer

// A Verifier checks signatures of one key: Verify returns nil for one that is the
// key's, and an error for any other.
//
//	Verify(ctx context.Context, data, sig []byte) error
//	KeyID() (string, error)
//	Public() crypto.PublicKey
//
// Here a key id is a hint and nothing more. The public key must be one that
// [Fingerprint] takes.
type Verifier = dsse.Verifier

// A SignerVerifier has a key pair: it is a [Signer] and a [Verifier]. The client of a
// key service can be one itself; [NewSigner] makes one of a [crypto.Signer], which
// knows no context.
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
	// KeyID is a hint which key it could be: that of the signature or, without
	// one, that of the bundle around it. It is not signed, so nothing may be
	// decided by it. It may be empty.
	KeyID string

	// Sig is what the key made of [Envelope.PAE], in the form of its algorithm.
	Sig []byte
}

// Sign returns an envelope of payload with a signature by each of signers, in
// their order. It is an error if the payload type is empty or not UTF-8, if the
// payload is too large for an envelope, and if there are no signers, too many, or
// two with the same public key: the second signature would count for nothing. All
// this is found out before the first key is used.
//
// Each signature is verified by its signer before it is returned, so that a
// broken key or key service makes an error here and not at the gate. What is
// signed, verified and returned are the same bytes, whatever becomes of payload
// meanwhile and whatever a signer does with those that it is given.
//
// When ctx ends, Sign returns at once, with an error that wraps its cause. A
// signer that does not look at ctx goes on in a goroutine of its own, which ends
// when the signer returns; its signature is lost. A panic of a signer is returned as
// an error.
func Sign(ctx context.Context, payloadType string, payload []byte, signers ...SignerVerifier) (*Envelope, error) {
	if payloadType == "" {
		return nil, errors.New("sign: no payload type")
	}
	if !utf8.ValidString(payloadType) {
		return nil, fmt.Errorf("sign: payload type %.100q is not UTF-8", payloadType)
	}
	e := &Envelope{PayloadType: payloadType, Payload: bytes.Clone(payload)}
	if err := e.add(ctx, signers); err != nil {
		return nil, err
	}
	return e, nil
}

// Countersign returns an envelope with the signatures of e, as they are, and
// behind them one by each of signers, made as [Sign] makes them. It does not
// change e.
//
// It is an error if a signer has signed e already, if e is in a bundle, which has
// exactly one signature, and if [Parse] would not read e.
//
// Whose the signatures of e are is not looked at, and neither is what the payload
// says. Who countersigns vouches for it like whoever signed first, so e should
// have been verified before.
func Countersign(ctx context.Context, e *Envelope, signers ...SignerVerifier) (*Envelope, error) {
	switch {
	case e == nil:
		return nil, errors.New("sign: no envelope to countersign")
	case e.Bundle != nil:
		return nil, errors.New("sign: the envelope is in a bundle, which has exactly one signature: it cannot be countersigned")
	}
	if _, err := e.Marshal(); err != nil {
		return nil, err
	}
	c := &Envelope{PayloadType: e.PayloadType, Payload: bytes.Clone(e.Payload)}
	for _, s := range e.Signatures {
		c.Signatures = append(c.Signatures, Signature{s.KeyID, bytes.Clone(s.Sig)})
	}
	if err := c.add(ctx, signers); err != nil {
		return nil, err
	}
	return c, nil
}

// add adds a signature by each of signers to e, which nobody else has.
func (e *Envelope) add(ctx context.Context, signers []SignerVerifier) error {
	if len(signers) == 0 {
		return errors.New("sign: no signer")
	}
	if n := len(e.Signatures) + len(signers); n > MaxSignatures {
		return fmt.Errorf("sign: %d signatures, at most %d are in one envelope", n, MaxSignatures)
	}
	// All that can be refused is refused before the first key is used. Who signs
	// and verifies has the bytes to itself, always: what it does to them must not
	// change what is returned, or what the next one signs.
	size := len(e.PayloadType) + base64.StdEncoding.EncodedLen(len(e.Payload))
	if size > MaxEnvelopeSize {
		return fmt.Errorf("sign: type and payload of %d bytes, an envelope has at most %d", size, MaxEnvelopeSize)
	}
	ids := make([]string, len(signers))
	seen := make(map[hallmark.Digest]int)
	for i, s := range signers {
		if s == nil {
			return fmt.Errorf("sign: signer %d is nil", i)
		}
		var public crypto.PublicKey
		err := within(ctx, func() (err error) {
			public = s.Public()
			if ids[i], err = s.KeyID(); err != nil {
				return fmt.Errorf("key id: %w", err)
			}
			for k, before := range e.Signatures {
				if s.Verify(ctx, e.PAE(), bytes.Clone(before.Sig)) == nil {
					return fmt.Errorf("its key made signature %d already", k)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("sign: signer %d: %w", i, err)
		}
		if !utf8.ValidString(ids[i]) {
			return fmt.Errorf("sign: signer %d: key id %.100q is not UTF-8", i, ids[i])
		}
		fp, err := Fingerprint(public)
		if err != nil {
			return fmt.Errorf("sign: signer %d: %w", i, err)
		}
		if first, ok := seen[fp]; ok {
			return fmt.Errorf("sign: signers %d and %d have the same key", first, i)
		}
		seen[fp] = i
	}
	made := make([]Signature, len(signers))
	for i, s := range signers {
		var sig []byte
		err := within(ctx, func() (err error) {
			if sig, err = s.Sign(ctx, e.PAE()); err != nil {
				return err
			}
			if len(sig) == 0 {
				return errors.New("it made an empty signature")
			}
			sig = bytes.Clone(sig)
			if err := s.Verify(ctx, e.PAE(), bytes.Clone(sig)); err != nil {
				return fmt.Errorf("it made a signature that its own key does not verify: %w", err)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("sign: signer %d (key id %.100q): %w", i, ids[i], err)
		}
		made[i] = Signature{ids[i], sig}
	}
	e.Signatures = append(e.Signatures, made...)
	for _, s := range e.Signatures {
		size += len(s.KeyID) + base64.StdEncoding.EncodedLen(len(s.Sig))
	}
	// In JSON a character has six bytes at most.
	if 6*size > MaxEnvelopeSize {
		if _, err := e.Marshal(); err != nil {
			return err
		}
	}
	return nil
}

// within returns what f returns, or why ctx has ended if it has: then f goes on for
// itself.
func within(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() {
		err := errors.New("it did not return") // but ended the goroutine
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("it panicked: %v", p)
			}
			done <- err
		}()
		err = f()
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
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

// MarshalJSON returns what [AppendFile] writes of e: its bundle if it was found in
// one, or else what [Envelope.Marshal] returns. With it, package encoding/json
// writes an envelope as DSSE has it.
func (e Envelope) MarshalJSON() ([]byte, error) { return e.line() }

// UnmarshalJSON is [Parse]. Around the envelope, package encoding/json is as lax as
// it always is: [Parse] is what to call where the choice is free.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	read, err := Parse(data)
	if err != nil {
		return err
	}
	*e = *read
	return nil
}

// Parse parses an envelope, or the envelope in a Sigstore bundle.
//
// It is strict where two readers could disagree: a member that occurs twice,
// bytes that are not UTF-8, data after the end, and base64 that is not the one
// encoding of its bytes are errors. Both the standard and the URL-safe alphabet
// are read, as DSSE asks, but not mixed in one string. Members that DSSE does
// not know are ignored, but for those that hold the content of a bundle; a name
// in another case is one that it does not know. A key id that is null is none; any
// other null in the place of a member that is read is an error.
//
// A bundle is one of version 0.1, 0.2 or 0.3, by one of the four media types that
// these have. It is an error
//
//   - if it has a signature of a file's digest instead of an envelope, or more
//     or less than one signature in the envelope,
//   - if its verification material has not exactly one of a public key's hint, a
//     certificate (of version 0.3 only) and a chain of certificates (before version
//     0.3 only),
//   - if the hint and the key id are both there and are not equal,
//   - and if a member has an underscore in its name, anywhere: some readers of
//     bundles take "media_type" for "mediaType".
//
// What else is in a bundle is well-formed JSON in [Envelope.Bundle], and is for
// those who recognize the signer to read. Parse decides nothing about trust.
//
// The Envelope has no part of data. Time grows with len(data), whoever wrote it, and
// memory is at most ten times that: for an envelope as others write them it is
// three quarters, and for a bundle once more, because it is kept.
func Parse(data []byte) (*Envelope, error) {
	if len(data) > MaxEnvelopeSize {
		return nil, fmt.Errorf("malformed envelope: %d bytes, at most %d are read", len(data), MaxEnvelopeSize)
	}
	var bare parts
	var b bundle
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Members(func(name []byte) error {
			if b.isMember(name) {
				return b.read(r, name)
			}
			return bare.read(r, name, &b)
		})
	})
	switch {
	case err != nil && b.envelope != nil:
		return nil, fmt.Errorf("malformed bundle: %w", err)
	case err != nil:
		return nil, fmt.Errorf("malformed envelope: %w", err)
	case b.envelope == nil:
		e, err := bare.whole()
		if err != nil {
			return nil, fmt.Errorf("malformed envelope: %w", err)
		}
		return e, nil
	case bare.any():
		return nil, errors.New("malformed bundle: it has an envelope and is one")
	}
	e, err := b.whole()
	if err != nil {
		return nil, fmt.Errorf("malformed bundle: %w", err)
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

	// variants are names that are like those of members, for errors.
	variants []string
}

func (p *parts) any() bool { return p.hasType || p.hasBody || p.hasSignatures }

// read reads the member of that name. b looks at what an envelope does not know.
func (p *parts) read(r *strictjson.Reader, name []byte, b *bundle) (err error) {
	switch string(name) {
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
			var variant string
			err := r.Members(func(name []byte) (err error) {
				switch string(name) {
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
				if like(name, "sig") {
					variant = string(name)
				}
				return b.skip(r, name)
			})
			if err == nil && !hasSig {
				err = r.Errorf("signature without sig%s", but(variant))
			}
			p.signatures = append(p.signatures, s)
			return err
		})
	}
	for _, known := range []string{"payloadType", "payload", "signatures"} {
		if len(p.variants) < 8 && like(name, known) {
			p.variants = append(p.variants, string(name))
		}
	}
	return b.skip(r, name)
}

// whole returns the envelope of p, if that is one.
func (p *parts) whole() (*Envelope, error) {
	missing := func(name, what string) error {
		for _, v := range p.variants {
			if like([]byte(v), name) {
				return fmt.Errorf("no %s%s", what, but(v))
			}
		}
		return fmt.Errorf("no %s", what)
	}
	switch {
	case p.payloadType == "":
		return nil, missing("payloadType", "payloadType")
	case !p.hasBody:
		return nil, missing("payload", "payload")
	case len(p.signatures) == 0:
		return nil, missing("signatures", "signature")
	}
	return &Envelope{PayloadType: p.payloadType, Payload: p.payload, Signatures: p.signatures}, nil
}

// like reports whether name is another name than known that some readers take for
// it: in another case, or with underscores.
func like(name []byte, known string) bool {
	return len(name) < 100 && string(name) != known && bytes.EqualFold(bytes.ReplaceAll(name, []byte("_"), nil), []byte(known))
}

// but ends an error about a member that is not there, but one that is like it.
func but(variant string) string {
	if variant == "" {
		return ""
	}
	return fmt.Sprintf(", but a member %q: names are compared byte by byte", variant)
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
// "<artifact>.intoto.jsonl" has them. The last line need not end in a newline; a
// line may end in a carriage return and one. Empty lines are passed over. Data that
// is one JSON value is one envelope or bundle, over however many lines it stands.
//
// Lines that are neither are no reason to give up the others, which in-toto's
// bundle specification says must be read: they are returned as skipped, with
// their line numbers, and so is one of more than [MaxEnvelopeSize] bytes. It is an
// error if data has more than [MaxLines] lines or [MaxLinesSize] bytes. There is no
// reader of longer files: what a policy is to decide over must be in memory
// anyway.
func ParseLines(data []byte) (envelopes []*Envelope, skipped []error, err error) {
	if len(data) > MaxLinesSize {
		return nil, nil, fmt.Errorf("malformed envelope lines: %d bytes, at most %d are read", len(data), MaxLinesSize)
	}
	n := bytes.Count(data, []byte("\n"))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	if n > MaxLines {
		return nil, nil, fmt.Errorf("malformed envelope lines: %d lines, at most %d are read", n, MaxLines)
	}
	texts := bytes.Lines(data)
	if bytes.ContainsRune(bytes.Trim(data, " \t\r\n"), '\n') && json.Valid(data) {
		texts = slices.Values([][]byte{data})
	}
	line := 0
	for text := range texts {
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
