package sign

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// bundleType is the media type of the bundles that are written.
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundleVersion returns the version of bundles with a media type, or "".
func bundleVersion(mediaType string) string {
	switch mediaType {
	case "application/vnd.dev.sigstore.bundle+json;version=0.1":
		return "0.1"
	case "application/vnd.dev.sigstore.bundle+json;version=0.2":
		return "0.2"
	case "application/vnd.dev.sigstore.bundle+json;version=0.3", bundleType:
		return "0.3"
	}
	return ""
}

// MarshalBundle returns a Sigstore bundle of version 0.3 with e, as JSON on one
// line, without a newline: the form in which cosign and others of Sigstore keep
// envelopes that were signed with a key. The key id of the signature is the hint
// which key that is, and is in that place only: go-securesystemslib, with which
// they verify, passes over a signature whose key id is not one of its own making.
// The same envelope gives the same bytes. An envelope that was found in a bundle
// gives that bundle.
//
// It is an error if e has more or less than one signature, and in the cases of
// [Envelope.Marshal].
//
// Nothing in such a bundle shows when the signature was made, and no log has it:
// who verifies it must know the key, and be told to do without both.
func (e *Envelope) MarshalBundle() ([]byte, error) {
	if e.Bundle != nil {
		line, err := e.line()
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		return line, nil
	}
	if n := len(e.Signatures); n != 1 {
		return nil, fmt.Errorf("sign: envelope with %d signatures, a bundle has exactly one", n)
	}
	nameless := *e
	nameless.Signatures = []Signature{{"", e.Signatures[0].Sig}}
	inner, err := nameless.Marshal()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(inner)+len(e.Signatures[0].KeyID)+256)
	b = append(b, `{"mediaType":"`+bundleType+`","verificationMaterial":{"publicKey":{`...)
	if id := e.Signatures[0].KeyID; id != "" {
		b = append(b, `"hint":`...)
		if b, err = strictjson.AppendString(b, id); err != nil {
			return nil, fmt.Errorf("sign: key id: %w", err)
		}
	}
	b = append(b, `}},"dsseEnvelope":`...)
	b = append(append(b, inner...), '}')
	if len(b) > MaxEnvelopeSize {
		return nil, fmt.Errorf("sign: bundle of %d bytes, at most %d are read", len(b), MaxEnvelopeSize)
	}
	return b, nil
}

// A bundle is what was read of a document that could be one. Whether it is is
// known at its end: until then, faults that only a bundle can have are kept.
type bundle struct {
	mediaType string
	material  []string // which kinds of key material it has
	hint      string
	envelope  *parts // nil if it is no bundle
	fault     error  // the first
}

// isMember reports whether bundles have a member of that name.
func (*bundle) isMember(name []byte) bool {
	switch string(name) {
	case "mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope":
		return true
	}
	return false
}

// read reads the member of that name, one that bundles have.
func (b *bundle) read(r *strictjson.Reader, name []byte) error {
	switch string(name) {
	case "messageSignature":
		return r.Errorf("the bundle has a message signature, not an envelope")
	case "dsseEnvelope":
		b.envelope = new(parts)
		return r.Members(func(name []byte) error { return b.envelope.read(r, name, b) })
	case "mediaType":
		return b.text(r, &b.mediaType)
	}
	return b.members(r, func(name []byte) error {
		switch kind := string(name); kind {
		case "certificate", "x509CertificateChain":
			b.material = append(b.material, kind)
			return b.members(r, func(name []byte) error { return b.skip(r, name) })
		case "publicKey":
			b.material = append(b.material, kind)
			return b.members(r, func(name []byte) error {
				if string(name) == "hint" {
					return b.text(r, &b.hint)
				}
				return b.skip(r, name)
			})
		}
		return b.skip(r, name)
	})
}

// members reads an object, if that is what is there.
func (b *bundle) members(r *strictjson.Reader, member func(name []byte) error) error {
	if r.Kind() != '{' {
		b.keep(r.Errorf("want an object"))
		return r.Skip()
	}
	return r.Members(member)
}

// text reads a string, if that is what is there.
func (b *bundle) text(r *strictjson.Reader, s *string) (err error) {
	if r.Kind() != '"' {
		b.keep(r.Errorf("want a string"))
		return r.Skip()
	}
	*s, err = r.String()
	return err
}

// skip reads the value of a member that means nothing here.
func (b *bundle) skip(r *strictjson.Reader, name []byte) error {
	// "The bundle MUST use lowerCamelCase rather than snake_case for keys":
	// client-spec.md
	if b.fault == nil && bytes.IndexByte(name, '_') >= 0 {
		b.keep(r.Errorf("the name has an underscore"))
	}
	switch r.Kind() {
	case '{':
		return r.Members(func(name []byte) error { return b.skip(r, name) })
	case '[':
		return r.Array(func(int) error { return b.skip(r, nil) })
	}
	return r.Skip()
}

func (b *bundle) keep(fault error) {
	if b.fault == nil {
		b.fault = fault
	}
}

// whole returns the envelope of b, if b is a bundle with one.
func (b *bundle) whole() (*Envelope, error) {
	version := bundleVersion(b.mediaType)
	switch {
	case version == "":
		return nil, fmt.Errorf("media type %.100q, want %s or that of version 0.1 or 0.2", b.mediaType, bundleType)
	case b.fault != nil:
		return nil, b.fault
	case len(b.material) == 0:
		return nil, errors.New("no publicKey, certificate or x509CertificateChain in its verificationMaterial")
	case len(b.material) > 1:
		return nil, fmt.Errorf("%s in its verificationMaterial, want one of them", strings.Join(b.material, " and "))
	case b.material[0] == "certificate" && version != "0.3":
		return nil, fmt.Errorf("a bundle of version %s has no certificate, but x509CertificateChain", version)
	case b.material[0] == "x509CertificateChain" && version == "0.3":
		return nil, errors.New("a bundle of version 0.3 has no x509CertificateChain, but a certificate")
	}
	e, err := b.envelope.whole()
	if err != nil {
		return nil, fmt.Errorf("dsseEnvelope: %w", err)
	}
	// "DSSE envelopes in a bundle MUST have exactly one signature", and the hints
	// "MUST be exactly the same": sigstore_bundle.proto
	if len(e.Signatures) != 1 {
		return nil, fmt.Errorf("its envelope has %d signatures, want 1", len(e.Signatures))
	}
	switch id := &e.Signatures[0].KeyID; {
	case *id == "":
		*id = b.hint
	case b.hint != "" && b.hint != *id:
		return nil, fmt.Errorf("the hint of its public key is %.100q, and the key id of its signature %.100q", b.hint, *id)
	}
	return e, nil
}
