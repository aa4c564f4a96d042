package sigstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

// A bundle is what a Sigstore bundle says. All of it is anyone's word.
//
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
type bundle struct {
	version int // 1, 2 or 3: 0.version

	// Of these there is one.
	certificate []byte   // since 0.3
	chain       [][]byte // before 0.3; the first is the signer's
	keyHint     string
	hasKey      bool

	entries    []logEntry
	timestamps [][]byte

	// Of these there is one.
	envelope *sign.Envelope // without its bundle
	message  *messageSignature
}

// A messageSignature signs a digest of something that is not in the bundle.
type messageSignature struct {
	algorithm string // of digest: "SHA2_256"
	digest    []byte
	signature []byte
}

// A logEntry is an entry of a transparency log.
type logEntry struct {
	index          int64 // in all of the log
	log            []byte
	kind, version  string
	integratedTime int64  // 0 for none
	promise        []byte // the signed entry timestamp
	proof          *inclusionProof
	body           []byte
}

// An inclusionProof shows that an entry is in a tree.
type inclusionProof struct {
	index      int64 // in this tree
	size       int64
	root       []byte
	hashes     [][]byte
	checkpoint string
}

// signature returns the one signature of b.
func (b *bundle) signature() []byte {
	if b.message != nil {
		return b.message.signature
	}
	return b.envelope.Signatures[0].Sig
}

// parseBundle parses a bundle. Names are those of the client specification, in
// lower camel case; unknown members are errors, and null is as good as absent.
//
// It returns a bundle and an error if there are line breaks in base64, and
// nothing else is wrong: such a bundle is never accepted, but what else there is
// to say against it may be what matters.
func parseBundle(data []byte) (*bundle, error) {
	if len(data) > sign.MaxEnvelopeSize {
		return nil, fmt.Errorf("malformed bundle: %d bytes, at most %d are read", len(data), sign.MaxEnvelopeSize)
	}
	p := &bundleParser{Reader: strictjson.NewReader(data)}
	b, err := p.bundle()
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return nil, fmt.Errorf("malformed bundle: %w", err)
	}
	if p.fault != nil {
		return b, fmt.Errorf("malformed bundle: %w", p.fault)
	}
	return b, nil
}

type bundleParser struct {
	*strictjson.Reader
	fault error // the first line break in base64
}

// members reads an object that has no members but those of names, separated by
// spaces. member is not called for those that are null.
func (p *bundleParser) members(names string, member func(name string) error) error {
	return p.Object(func(name string) error {
		switch {
		case !slices.Contains(strings.Fields(names), name):
			return p.Errorf("unknown member")
		case p.Null():
			return nil
		}
		return member(name)
	})
}

func (p *bundleParser) bundle() (*bundle, error) {
	b := new(bundle)
	var mediaType string
	var hasMaterial, hasChain bool
	err := p.members("mediaType verificationMaterial messageSignature dsseEnvelope", func(name string) (err error) {
		switch name {
		case "mediaType":
			mediaType, err = p.String()
		case "verificationMaterial":
			hasMaterial = true
			hasChain, err = p.material(b)
		case "messageSignature":
			b.message, err = p.message()
		case "dsseEnvelope":
			b.envelope, err = p.envelope()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch mediaType {
	case "application/vnd.dev.sigstore.bundle+json;version=0.1":
		b.version = 1
	case "application/vnd.dev.sigstore.bundle+json;version=0.2":
		b.version = 2
	case "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3":
		b.version = 3
	default:
		return nil, fmt.Errorf("media type %.100q, want version 0.1, 0.2 or 0.3", mediaType)
	}
	kinds := 0
	for _, has := range []bool{b.certificate != nil, hasChain, b.hasKey} {
		if has {
			kinds++
		}
	}
	switch {
	case !hasMaterial || kinds == 0:
		return nil, errors.New("no certificate and no key")
	case kinds > 1:
		return nil, errors.New("more than one of certificate, certificate chain and key")
	case hasChain && len(b.chain) == 0:
		return nil, errors.New("its certificate chain is empty")
	case hasChain && b.version >= 3:
		return nil, errors.New("a certificate chain in version 0.3, want one certificate")
	case b.certificate != nil && b.version < 3:
		return nil, fmt.Errorf("one certificate in version 0.%d, want a certificate chain", b.version)
	case (b.envelope == nil) == (b.message == nil):
		return nil, errors.New("want one of envelope and message signature")
	}
	return b, nil
}

func (p *bundleParser) material(b *bundle) (hasChain bool, err error) {
	const names = "publicKey certificate x509CertificateChain tlogEntries timestampVerificationData"
	err = p.members(names, func(name string) (err error) {
		switch name {
		case "publicKey":
			b.hasKey = true
			b.keyHint, err = member(p, "hint", p.String)
		case "certificate":
			b.certificate, err = p.wrapped("rawBytes")
		case "x509CertificateChain":
			hasChain = true
			b.chain, err = member(p, "certificates", func() ([][]byte, error) {
				return list(p, MaxCertificates, "certificates", func() ([]byte, error) { return p.wrapped("rawBytes") })
			})
		case "tlogEntries":
			b.entries, err = list(p, MaxLogEntries, "log entries", p.entry)
		case "timestampVerificationData":
			b.timestamps, err = member(p, "rfc3161Timestamps", func() ([][]byte, error) {
				return list(p, MaxTimestamps, "timestamps", func() ([]byte, error) { return p.wrapped("signedTimestamp") })
			})
		}
		return err
	})
	return hasChain, err
}

func (p *bundleParser) entry() (e logEntry, err error) {
	const names = "logIndex logId kindVersion integratedTime inclusionPromise inclusionProof canonicalizedBody"
	err = p.members(names, func(name string) (err error) {
		switch name {
		case "logIndex":
			e.index, err = p.int()
		case "logId":
			e.log, err = p.wrapped("keyId")
		case "kindVersion":
			err = p.members("kind version", func(name string) (err error) {
				if name == "kind" {
					e.kind, err = p.String()
				} else {
					e.version, err = p.String()
				}
				return err
			})
		case "integratedTime":
			e.integratedTime, err = p.int()
		case "inclusionPromise":
			e.promise, err = p.wrapped("signedEntryTimestamp")
		case "inclusionProof":
			e.proof, err = p.proof()
		case "canonicalizedBody":
			e.body, err = p.bytes()
		}
		return err
	})
	switch {
	case err != nil:
	case len(e.log) == 0:
		err = p.Errorf("log entry without the id of its log")
	case len(e.body) == 0:
		err = p.Errorf("log entry without a body")
	}
	return e, err
}

func (p *bundleParser) proof() (*inclusionProof, error) {
	f := new(inclusionProof)
	err := p.members("logIndex rootHash treeSize hashes checkpoint", func(name string) (err error) {
		switch name {
		case "logIndex":
			f.index, err = p.int()
		case "rootHash":
			f.root, err = p.bytes()
		case "treeSize":
			f.size, err = p.int()
		case "hashes":
			f.hashes, err = list(p, MaxProofHashes, "hashes", p.bytes)
		case "checkpoint":
			f.checkpoint, err = member(p, "envelope", p.String)
		}
		return err
	})
	return f, err
}

func (p *bundleParser) message() (*messageSignature, error) {
	m := new(messageSignature)
	err := p.members("messageDigest signature", func(name string) (err error) {
		if name == "signature" {
			m.signature, err = p.bytes()
			return err
		}
		return p.members("algorithm digest", func(name string) (err error) {
			if name == "algorithm" {
				m.algorithm, err = p.String()
			} else {
				m.digest, err = p.bytes()
			}
			return err
		})
	})
	if err == nil && (len(m.digest) == 0 || len(m.signature) == 0) {
		err = p.Errorf("message signature without a digest, or without a signature")
	}
	return m, err
}

// envelope reads an envelope as [sign.Parse] does, but for members that it does
// not know: a bundle has none.
func (p *bundleParser) envelope() (*sign.Envelope, error) {
	e := new(sign.Envelope)
	err := p.members("payload payloadType signatures", func(name string) (err error) {
		switch name {
		case "payload":
			e.Payload, err = p.eitherBytes()
		case "payloadType":
			e.PayloadType, err = p.String()
		case "signatures":
			// "DSSE envelopes in a bundle MUST have exactly one signature."
			e.Signatures, err = list(p, 1, "signature in its envelope", func() (s sign.Signature, err error) {
				err = p.members("sig keyid", func(name string) (err error) {
					if name == "sig" {
						s.Sig, err = p.eitherBytes()
					} else {
						s.KeyID, err = p.String()
					}
					return err
				})
				return s, err
			})
		}
		return err
	})
	if err == nil && len(e.Signatures) == 0 {
		err = p.Errorf("no signature in its envelope")
	}
	return e, err
}

// wrapped reads an object whose one member, name, is base64. Nothing in it is
// an error.
func (p *bundleParser) wrapped(name string) ([]byte, error) {
	b, err := member(p, name, p.bytes)
	if err == nil && len(b) == 0 {
		err = p.Errorf("no %s", name)
	}
	return b, err
}

// member reads an object that has no member but name.
func member[T any](p *bundleParser, name string, read func() (T, error)) (v T, err error) {
	err = p.members(name, func(string) (err error) {
		v, err = read()
		return err
	})
	return v, err
}

// list reads an array of at most bound elements.
func list[T any](p *bundleParser, bound int, what string, element func() (T, error)) (all []T, err error) {
	err = p.Array(func(i int) error {
		if i == bound {
			return p.Errorf("more than %d %s", bound, what)
		}
		v, err := element()
		all = append(all, v)
		return err
	})
	return all, err
}

// bytes reads standard base64.
func (p *bundleParser) bytes() ([]byte, error) { return p.decode(false) }

// eitherBytes reads base64 in the standard or the URL-safe alphabet.
func (p *bundleParser) eitherBytes() ([]byte, error) { return p.decode(true) }

func (p *bundleParser) decode(either bool) ([]byte, error) {
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	// encoding/base64 skips newlines even when strict.
	if p.fault == nil && (bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0) {
		p.fault = p.Errorf("malformed base64: line break")
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil && either && bytes.ContainsAny(text, "-_") {
		n, err = base64.URLEncoding.Strict().Decode(b, text)
	}
	if err != nil {
		return nil, p.Errorf("malformed base64: %v", err)
	}
	return b[:n:n], nil
}

// int reads an integer, which protocol buffers write as a string: JSON's numbers
// have not the digits for it.
func (p *bundleParser) int() (int64, error) {
	var text string
	var err error
	if p.Kind() == '"' {
		text, err = p.String()
	} else {
		var n json.Number
		n, err = p.Number()
		text = string(n)
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, p.Errorf("%.40q is not an integer", text)
	}
	if n < 0 {
		return 0, p.Errorf("%d is negative", n)
	}
	return n, nil
}
