package sigstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A signed is what a log entry must be of.
type signed struct {
	signature []byte
	leaf      *x509.Certificate // nil for a managed key
	key       crypto.PublicKey

	// Of these there is one.
	payload, pae []byte // of an envelope
	artifact     *hallmark.Artifact
}

// verify returns an error if e is not an entry of s in l. If l has signed a time
// for e, it returns it too.
func (l *transparencyLog) verify(e *logEntry, s *signed, version int) (at time.Time, err error) {
	body, err := parseBody(e.body)
	if err != nil {
		return at, fmt.Errorf("malformed body: %w", err)
	}
	if e.kind != body.kind || e.version != body.version {
		return at, fmt.Errorf("it is a %.40q %.40q, not a %.40q %.40q", body.kind, body.version, e.kind, e.version)
	}
	tiles := body.kind == "hashedrekord" && body.version == "0.0.2"
	if tiles {
		err = s.isTiles(e.body)
	} else {
		err = s.is(body)
	}
	if err != nil {
		return at, err
	}

	switch {
	case e.promise != nil && tiles:
		return at, errors.New("an inclusion promise, which a log of version 2 does not make")
	case e.promise != nil:
		if err := l.verifyPromise(e); err != nil {
			return at, fmt.Errorf("inclusion promise: %w", err)
		}
		at = time.Unix(e.integratedTime, 0)
	case version == 1:
		return at, errors.New("no inclusion promise, which version 0.1 of the bundle asks for")
	case e.integratedTime != 0 && tiles:
		return at, errors.New("a time, which a log of version 2 does not say")
	case e.integratedTime != 0 && s.leaf != nil:
		// "The integration time MUST NOT be trusted if inclusion_promise is
		// omitted", and must not contradict either.
		if said := time.Unix(e.integratedTime, 0); said.Before(s.leaf.NotBefore) || said.After(s.leaf.NotAfter) {
			return at, fmt.Errorf("its time %s is outside of the certificate's validity, and not signed", said.UTC())
		}
	}

	if e.proof == nil {
		if version == 1 && !tiles {
			return at, nil
		}
		return at, errors.New("no inclusion proof")
	}
	return at, l.verifyProof(e, tiles)
}

// An entryBody is what an entry of a log of version 1 says.
type entryBody struct {
	kind, version string
	signatures    int
	signature     []byte
	key           []byte // PEM

	algorithm, digest string // of a hashedrekord's artifact, or an envelope's payload
}

// parseBody parses the body of a log entry, as far as it is needed to compare it
// with a bundle. Of a kind that is not known, it is the kind only.
//
// https://github.com/sigstore/rekor/tree/main/pkg/types
func parseBody(data []byte) (*entryBody, error) {
	b := new(entryBody)
	hash := func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "algorithm":
				b.algorithm, err = r.String()
			case "value":
				b.digest, err = r.String()
			default:
				err = r.Skip()
			}
			return err
		})
	}
	decoded := func(r *strictjson.Reader) ([]byte, error) {
		text, err := r.String()
		if err != nil {
			return nil, err
		}
		d, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, r.Errorf("malformed base64: %v", err)
		}
		return d, nil
	}
	// signatures reads a list of signatures with their keys.
	signatures := func(r *strictjson.Reader, sig, key string, twice bool) error {
		return r.Array(func(int) error {
			b.signatures++
			return r.Object(func(name string) (err error) {
				switch name {
				case sig:
					if b.signature, err = decoded(r); err == nil && twice {
						// Of an intoto entry it is the base64 of the base64.
						var n int
						text := b.signature
						b.signature = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
						if n, err = base64.StdEncoding.Decode(b.signature, text); err != nil {
							b.signature = nil // of nothing that was signed
							return nil
						}
						b.signature = b.signature[:n]
					}
				case key:
					b.key, err = decoded(r)
				default:
					err = r.Skip()
				}
				return err
			})
		})
	}
	var spec []byte
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "kind":
				b.kind, err = r.String()
			case "apiVersion":
				b.version, err = r.String()
			case "spec":
				spec, err = r.Raw()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil || spec == nil {
		return b, err
	}
	// path reads the members of spec by the names that lead to them.
	var path func(r *strictjson.Reader, at string, member func(at string) (bool, error)) error
	path = func(r *strictjson.Reader, at string, member func(at string) (bool, error)) error {
		return r.Object(func(name string) error {
			at := at + "/" + name
			if known, err := member(at); known || err != nil {
				return err
			}
			if r.Kind() == '{' {
				return path(r, at, member)
			}
			return r.Skip()
		})
	}
	r := strictjson.NewReader(spec)
	switch b.kind + " " + b.version {
	case "hashedrekord 0.0.1":
		b.signatures = 1
		err = path(r, "", func(at string) (_ bool, err error) {
			switch at {
			case "/data/hash":
				err = hash(r)
			case "/signature/content":
				b.signature, err = decoded(r)
			case "/signature/publicKey/content":
				b.key, err = decoded(r)
			default:
				return false, nil
			}
			return true, err
		})
	case "dsse 0.0.1":
		err = path(r, "", func(at string) (bool, error) {
			switch at {
			case "/payloadHash":
				return true, hash(r)
			case "/signatures":
				return true, signatures(r, "signature", "verifier", false)
			}
			return false, nil
		})
	case "intoto 0.0.2":
		err = path(r, "", func(at string) (bool, error) {
			switch at {
			case "/content/payloadHash":
				return true, hash(r)
			case "/content/envelope/signatures":
				return true, signatures(r, "sig", "publicKey", true)
			}
			return false, nil
		})
	}
	return b, err
}

// is returns an error if b, of a log of version 1, is of something else than s.
func (s *signed) is(b *entryBody) error {
	switch {
	case b.kind == "hashedrekord" && b.version == "0.0.1" && s.artifact == nil:
		// "When the bundle's content is a dsse_envelope […] the artifact hash =
		// Hash(PAE(payloadType, payload)), where Hash is the externalized hash
		// function of the entry's signing algorithm"
		algorithm, err := algorithmOf(s.key)
		if err != nil {
			return err
		}
		want, err := s.digest(algorithm.GetHashType())
		if err != nil {
			return err
		}
		if name := hashName(algorithm.GetHashType()); b.algorithm != name || b.digest != hex.EncodeToString(want) {
			return fmt.Errorf("it is of another payload: %.40s:%.200s, want %s:%x", b.algorithm, b.digest, name, want)
		}
	case b.kind == "hashedrekord" && b.version == "0.0.1":
		want := s.artifact.Digest(b.algorithm)
		if want.IsZero() {
			return fmt.Errorf("it is of a %.40q digest, and the artifact has none", b.algorithm)
		}
		if want.Hex() != b.digest {
			return fmt.Errorf("it is of another artifact: %s:%.200s, want %s", b.algorithm, b.digest, want)
		}
	case (b.kind == "dsse" && b.version == "0.0.1" || b.kind == "intoto" && b.version == "0.0.2") && s.payload != nil:
		sum := sha256.Sum256(s.payload)
		if want := hex.EncodeToString(sum[:]); b.algorithm != "sha256" || b.digest != want {
			return fmt.Errorf("it is of another payload: %.40s:%.200s, want sha256:%s", b.algorithm, b.digest, want)
		}
	default:
		return fmt.Errorf("a %.40q %.40q says nothing of what was signed here", b.kind, b.version)
	}
	if b.signatures != 1 || !bytes.Equal(b.signature, s.signature) {
		return errors.New("its body is of another signature")
	}
	block, rest := pem.Decode(b.key)
	switch {
	case block == nil || len(bytes.TrimSpace(rest)) > 0:
		return errors.New("its body has no key")
	case s.leaf != nil:
		if block.Type != "CERTIFICATE" || !bytes.Equal(block.Bytes, s.leaf.Raw) {
			return errors.New("its body is of another certificate")
		}
	default:
		der, err := x509.MarshalPKIXPublicKey(s.key)
		if err != nil {
			return err
		}
		if block.Type != "PUBLIC KEY" || !bytes.Equal(block.Bytes, der) {
			return errors.New("its body is of another key")
		}
	}
	return nil
}

// isTiles returns an error if body, of a log of version 2, is not the entry that
// s makes.
func (s *signed) isTiles(body []byte) error {
	algorithm, err := algorithmOf(s.key)
	if err != nil {
		return err
	}
	digest, err := s.digest(algorithm.GetHashType())
	if err != nil {
		return err
	}
	verifier := &rekortiles.Verifier{KeyDetails: algorithm.GetSignatureAlgorithm()}
	if s.leaf != nil {
		verifier.Verifier = &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: s.leaf.Raw}}
	} else {
		der, err := x509.MarshalPKIXPublicKey(s.key)
		if err != nil {
			return err
		}
		verifier.Verifier = &rekortiles.Verifier_PublicKey{PublicKey: &rekortiles.PublicKey{RawBytes: der}}
	}
	want, err := hashedrekord.ToEntryHash(digest, &rekortiles.Signature{Content: s.signature, Verifier: verifier})
	if err != nil {
		return err
	}
	if got := tlog.RecordHash(body); !bytes.Equal(got[:], want) {
		return errors.New("its body is of another signature, key or payload")
	}
	return nil
}

// verifyPromise verifies the time that a log of version 1 has signed.
func (l *transparencyLog) verifyPromise(e *logEntry) error {
	key, ok := l.key.(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("the log's key is a %T, want one of ECDSA", l.key)
	}
	// RFC 8785 of these four members. A number of more than 2⁵³ would have
	// another form, and no log has one.
	text := fmt.Appendf(nil, `{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":%d}`,
		base64.StdEncoding.EncodeToString(e.body), e.integratedTime, e.log, e.index)
	hash := sha256.Sum256(text)
	if !ecdsa.VerifyASN1(key, hash[:], e.promise) {
		return errors.New("the log has not signed it")
	}
	return nil
}

// verifyProof verifies that e is in a tree whose root the log has signed.
func (l *transparencyLog) verifyProof(e *logEntry, tiles bool) error {
	f := e.proof
	// In a log of version 1 an entry's index is counted over several trees.
	if tiles && e.index != f.index {
		return fmt.Errorf("inclusion proof: it is of entry %d, not of entry %d", f.index, e.index)
	}
	if len(f.root) != tlog.HashSize {
		return fmt.Errorf("inclusion proof: a root of %d bytes, want %d", len(f.root), tlog.HashSize)
	}
	if f.index >= f.size {
		return fmt.Errorf("inclusion proof: entry %d of a tree with %d", f.index, f.size)
	}
	proof := make(tlog.RecordProof, len(f.hashes))
	for i, h := range f.hashes {
		if len(h) != tlog.HashSize {
			return fmt.Errorf("inclusion proof: hash %d of %d bytes, want %d", i, len(h), tlog.HashSize)
		}
		proof[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(proof, f.size, tlog.Hash(f.root), f.index, tlog.RecordHash(e.body)); err != nil {
		return fmt.Errorf("inclusion proof: it does not lead to its root: %w", err)
	}

	if f.checkpoint == "" {
		return errors.New("inclusion proof without a checkpoint")
	}
	origin, _, _ := strings.Cut(f.checkpoint, "\n")
	name := l.host
	if !tiles {
		// The origin is the log's name and the number of the tree. A log of
		// version 1 often has not the name that it is reached by.
		var tree string
		name, tree, _ = strings.Cut(origin, " - ")
		if _, err := strconv.ParseUint(tree, 10, 64); err != nil {
			return fmt.Errorf("checkpoint: malformed origin %.200q, want a name and the number of a tree", origin)
		}
	} else if origin != name {
		return fmt.Errorf("checkpoint: of %.200q, want %q", origin, name)
	}
	verifier, err := l.noteVerifier(name, tiles)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// Signatures of keys that are not known, of witnesses for instance, are no
	// matter.
	n, err := note.Open([]byte(f.checkpoint), note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("checkpoint: signature of the log: %w", err)
	}
	// x/mod reads base64 that is not the one encoding of its bytes.
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return fmt.Errorf("checkpoint: signature of the log: malformed base64: %w", err)
		}
	}
	// https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) < 4 {
		return fmt.Errorf("checkpoint: malformed text of %d lines, want 3", len(lines)-1)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return fmt.Errorf("checkpoint: malformed size %.40q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return fmt.Errorf("checkpoint: malformed root hash %.100q", lines[2])
	}
	if size != f.size || !bytes.Equal(root, f.root) {
		return fmt.Errorf("checkpoint: of another tree: root hash %x of %d entries, the inclusion proof has %x of %d", root, size, f.root, f.size)
	}
	return nil
}

// noteVerifier returns what verifies the notes that l signs by this name.
func (l *transparencyLog) noteVerifier(name string, tiles bool) (note.Verifier, error) {
	v, err := signature.LoadVerifier(l.key, l.hash)
	if err != nil {
		return nil, err
	}
	if tiles {
		return tilesnote.NewNoteVerifier(name, v)
	}
	der, err := x509.MarshalPKIXPublicKey(l.key)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(der)
	return &logNote{name, binary.BigEndian.Uint32(id[:]), v}, nil
}

// A logNote verifies notes of a log of version 1. Whatever its algorithm is, the
// id of its key is that of certificate logs.
type logNote struct {
	name string
	id   uint32
	v    signature.Verifier
}

func (n *logNote) Name() string    { return n.name }
func (n *logNote) KeyHash() uint32 { return n.id }
func (n *logNote) Verify(msg, sig []byte) bool {
	return n.v.VerifySignature(bytes.NewReader(sig), bytes.NewReader(msg)) == nil
}

// host returns the name of a log of version 2: the host of its URL, which may
// have no scheme.
func host(baseURL string) string {
	if !strings.Contains(baseURL, "://") {
		baseURL = "https://" + baseURL
	}
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
