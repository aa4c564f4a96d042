package sigstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/go-openapi/strfmt"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/tle"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

const jsonType = "application/json"

// endpoint returns the URL of a path below that of a service.
func endpoint(s service, path string) string { return strings.TrimSuffix(s.url.String(), "/") + path }

// certificate asks a certificate authority for a certificate of key, which then
// is for the holder of the token, valid, logged and vouched for by the trusted
// root.
//
// "The Signer prepares a PKCS#10 CertificationRequestInfo", whose signature
// proves that the key is there: client specification section 2.1.3.
func (s *Signer) certificate(ctx context.Context, x *exchange, authority service, key *ecdsa.PrivateKey, t *token) (*x509.Certificate, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, errors.New("the key cannot sign a request")
	}
	body, err := json.Marshal(map[string][]byte{
		"certificateSigningRequest": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
	})
	if err != nil {
		return nil, err
	}
	answer, err := x.send(ctx, &request{
		method: http.MethodPost, url: endpoint(authority, "/api/v2/signingCert"),
		contentType: jsonType, accept: jsonType, bearer: t.compact, body: body,
		statuses: []int{http.StatusOK, http.StatusCreated}, limit: MaxAnswerSize,
	})
	if err != nil {
		return nil, err
	}
	leaf, err := parseCertificate(answer)
	if err != nil {
		return nil, fmt.Errorf("malformed answer: %w", err)
	}

	if !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, errors.New("it is for another key than the one it was asked for")
	}
	at := s.opt.Now()
	if at.Add(Skew).Before(leaf.NotBefore) || leaf.NotAfter.Add(Skew).Before(at) {
		return nil, fmt.Errorf("it is valid from %s to %s, now it is %s", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	claims, err := claimsOf(leaf)
	if err != nil {
		return nil, err
	}
	if err := t.certifies(claims); err != nil {
		return nil, err
	}
	if want := s.opt.Expect; want != nil {
		if err := want.is(claims); err != nil {
			return nil, fmt.Errorf("want that of %s: %w", want, err)
		}
	}
	if _, err := s.root.certified(ctx, leaf, []time.Time{leaf.NotBefore}); err != nil {
		return nil, fmt.Errorf("the trusted root does not vouch for it: %w", err)
	}
	return leaf, nil
}

// parseCertificate returns the first certificate of Fulcio's answer, a
// SigningCertificate. The others are in the trusted root, or of no use.
func parseCertificate(answer []byte) (*x509.Certificate, error) {
	var first string
	var detached bool
	err := strictjson.Read(answer, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			switch name {
			case "signedCertificateDetachedSct":
				detached = true
				return r.Skip()
			case "signedCertificateEmbeddedSct":
				return r.Object(func(name string) error {
					if name != "chain" {
						return r.Skip()
					}
					return r.Object(func(name string) error {
						if name != "certificates" {
							return r.Skip()
						}
						return r.Array(func(i int) error {
							text, err := r.String()
							if i == 0 {
								first = text
							}
							return err
						})
					})
				})
			}
			return r.Skip()
		})
	})
	switch {
	case err != nil:
		return nil, err
	case first == "" && detached:
		return nil, errors.New("the promise of the certificate log is beside the certificate, want it in there")
	case first == "":
		return nil, errors.New("no certificate")
	}
	block, rest := pem.Decode([]byte(first))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("want a certificate in PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return leaf, nil
}

// timestamp asks an authority when sig was made: RFC 3161. An authority of the
// trusted root says so, and it is within the validity of the certificate.
func (s *Signer) timestamp(ctx context.Context, x *exchange, authority service, sig []byte, leaf *x509.Certificate) ([]byte, error) {
	imprint := sha256.Sum256(sig)
	query, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: imprint[:]}).Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := x.send(ctx, &request{
		method: http.MethodPost, url: authority.url.String(),
		contentType: "application/timestamp-query", accept: "application/timestamp-reply", body: query,
		statuses: []int{http.StatusOK, http.StatusCreated}, limit: MaxAnswerSize,
	})
	if err != nil {
		return nil, err
	}
	if err := checkTimestamp(answer); err != nil {
		return nil, fmt.Errorf("malformed answer: %.200q", err.Error())
	}
	stamp, err := timestamp.ParseResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("malformed answer: %.200q", err.Error())
	}
	if stamp.HashAlgorithm != crypto.SHA256 || !bytes.Equal(stamp.HashedMessage, imprint[:]) {
		return nil, fmt.Errorf("it is of %s %x, want of SHA-256 %x", stamp.HashAlgorithm, stamp.HashedMessage, imprint)
	}
	at, _, err := s.root.timestamp(answer, sig)
	if err != nil {
		return nil, err
	}
	if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		return nil, fmt.Errorf("its time is %s, and the certificate is valid from %s to %s",
			at.UTC().Format(time.RFC3339), leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	return answer, nil
}

// errLogged says that a log has an entry already, and keeps no second one.
var errLogged = errors.New("the log has such an entry already")

// logEntry has a signature logged and returns the entry, as the log says it is.
func (s *Signer) logEntry(ctx context.Context, x *exchange, log service, leaf *x509.Certificate, digest, sig []byte, e *sign.Envelope) (*protorekor.TransparencyLogEntry, error) {
	r := &request{
		method: http.MethodPost, contentType: jsonType, accept: jsonType,
		statuses: []int{http.StatusCreated}, limit: MaxAnswerSize,
	}
	var parse func([]byte) (*protorekor.TransparencyLogEntry, error)
	var err error
	switch log.version {
	case 2:
		// "Rekor v2 only supports hashedrekord entries", of the hash of the
		// pre-authentication encoding.
		r.url, parse = endpoint(log, "/api/v2/log/entries"), parseEntryV2
		r.body, err = protojson.Marshal(&rekortiles.CreateEntryRequest{Spec: &rekortiles.CreateEntryRequest_HashedRekordRequestV002{
			HashedRekordRequestV002: &rekortiles.HashedRekordRequestV002{
				Digest: digest,
				Signature: &rekortiles.Signature{Content: sig, Verifier: &rekortiles.Verifier{
					Verifier:   &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw}},
					KeyDetails: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
				}},
			},
		}})
	default:
		// An entry of the kind dsse: it has the hash of the payload, and the log
		// computes that of the envelope that it is sent.
		r.url, parse = endpoint(log, "/api/v1/log/entries"), parseEntryV1
		var envelope []byte
		envelope, err = (&sign.Envelope{PayloadType: e.PayloadType, Payload: e.Payload, Signatures: []sign.Signature{{Sig: sig}}}).Marshal()
		if err != nil {
			return nil, err
		}
		type object = map[string]any
		r.body, err = json.Marshal(object{"apiVersion": "0.0.1", "kind": "dsse", "spec": object{"proposedContent": object{
			"envelope":  string(envelope),
			"verifiers": [][]byte{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})},
		}}})
	}
	if err != nil {
		return nil, err
	}
	answer, err := x.send(ctx, r)
	if s, ok := errors.AsType[*statusError](err); ok && s.status == http.StatusConflict {
		return nil, fmt.Errorf("%w: %w", errLogged, err)
	}
	if err != nil {
		return nil, err
	}
	entry, err := parse(answer)
	if err != nil {
		// On one line, and without the white space that protojson varies.
		return nil, fmt.Errorf("malformed answer: %.300s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return entry, nil
}

// parseEntryV2 parses the answer of a log of version 2: a TransparencyLogEntry.
// Whether it is one of what was signed is seen when the bundle is recognized.
func parseEntryV2(answer []byte) (*protorekor.TransparencyLogEntry, error) {
	if err := camelCase(answer); err != nil {
		return nil, err
	}
	entry := new(protorekor.TransparencyLogEntry)
	return entry, protojson.Unmarshal(answer, entry)
}

// parseEntryV1 parses the answer of a log of version 1: an object with an entry
// under its identifier.
func parseEntryV1(answer []byte) (*protorekor.TransparencyLogEntry, error) {
	if err := strictjson.Read(answer, (*strictjson.Reader).Skip); err != nil {
		return nil, err
	}
	var entries models.LogEntry
	if err := json.Unmarshal(answer, &entries); err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, fmt.Errorf("%d entries, want 1", len(entries))
	}
	var entry models.LogEntryAnon
	for _, entry = range entries {
	}
	if err := entry.Validate(strfmt.Default); err != nil {
		return nil, err
	}
	// What Validate lets pass, and GenerateTransparencyLogEntry does not expect.
	if v := entry.Verification; v == nil || v.InclusionProof == nil || len(v.SignedEntryTimestamp) == 0 {
		return nil, errors.New("an entry without an inclusion proof and a signed time")
	}
	text, ok := entry.Body.(string)
	if !ok {
		return nil, errors.New("an entry whose body is not a string")
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	// Rekor's code writes to the standard error output when it meets another one.
	if b, err := parseBody(body); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	} else if b.kind != "dsse" || b.version != "0.0.1" {
		return nil, fmt.Errorf("an entry of the kind %.40q %.40q, want \"dsse\" \"0.0.1\"", b.kind, b.version)
	}
	return tle.GenerateTransparencyLogEntry(entry)
}
