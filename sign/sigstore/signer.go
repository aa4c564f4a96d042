package sigstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
)

// DefaultAudience is the audience of identity tokens for Fulcio, if nothing else
// was agreed on.
const DefaultAudience = "sigstore"

// SignerOptions say how a [Signer] signs. The zero SignerOptions are those for
// the public good instance.
type SignerOptions struct {
	// Client sends the requests, but for its cookies and its rule for redirects,
	// which are not used. Nil means one with nothing of the process around it but
	// the certificates that the machine trusts: no proxy, and no connection that
	// stays open. [http.DefaultClient] has the proxies of the environment.
	Client *http.Client

	// Now returns the time at which services are chosen, and that the token and
	// the certificate must be valid at. Nil means the time of the machine.
	Now func() time.Time

	// Audience is what the certificate authority wants tokens to be for. Empty
	// means DefaultAudience. A signing config does not have it.
	Audience string

	// Expect is the workflow that signs. If it is given, a certificate for
	// another one is an error. If not, what the token says of it must be in the
	// certificate.
	Expect Workflow
}

// A Signer signs as whoever an identity token names, with a key that it makes for
// one signature. It may be used by several goroutines, if the functions in its
// options may.
type Signer struct {
	root   *TrustedRoot
	each   *TrustedRoot // root, requiring no more of a bundle than one log
	config *SigningConfig
	opt    SignerOptions
	wait   time.Duration // before a second attempt
}

// NewSigner returns a Signer that uses the services in config and believes them
// what root vouches for. It is an error if root names no log, as that of an
// instance without logs, and if opt.Expect is half given. It does not use the
// network.
func NewSigner(root *TrustedRoot, config *SigningConfig, opt SignerOptions) (*Signer, error) {
	if root == nil || config == nil {
		return nil, errors.New("sigstore: a signer needs a trusted root and a signing config")
	}
	if (opt.Expect.Issuer == "") != (opt.Expect.Builder == "") {
		return nil, errors.New("sigstore: the expected workflow needs an issuer and a builder")
	}
	each, err := root.Require(Requirements{})
	if err == nil {
		err = each.ready(anyone{})
	}
	if err != nil {
		return nil, err
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Audience == "" {
		opt.Audience = DefaultAudience
	}
	return &Signer{root, each, config, opt, firstWait}, nil
}

// Sign returns an envelope of payload, which must not be empty, in a Sigstore
// bundle of version 0.3, which is in [sign.Envelope.Bundle]. The bundle has the
// certificate of the key, and no other one, and was verified against the trusted
// root, as an Identity of the root verifies it. If anything is wrong, nothing is
// returned.
//
// token is called once, with the audience that the token must be for. It returns
// the identity token in the compact form of RFC 7515; package provenance/oidc has
// such functions for build systems. Neither the token nor the key is in any
// error, and nothing but the token's audience, issuer, times and what it says of
// the workflow: but errors of token are passed on as they are.
//
// It uses the network: it sends the token and the key's public half to the
// certificate authority, the hash of the signature to the timestamp authorities,
// and certificate, signature and the payload's hash to the logs, where they stay,
// in public, also if something fails afterwards. A log of API version 1 is sent
// the payload itself, and keeps its hash. A request that is not answered, or with
// status 429 or 5xx, is sent up to [MaxAttempts] times. Sign returns soon after
// ctx ends.
func (s *Signer) Sign(ctx context.Context, payloadType string, payload []byte, token func(ctx context.Context, audience string) (string, error)) (*sign.Envelope, error) {
	// All that can be refused is refused before anybody is asked.
	const room = 64 << 10 // for what is beside the payload
	switch {
	case token == nil:
		return nil, errors.New("sigstore: no function for the identity token")
	case payloadType == "":
		return nil, errors.New("sigstore: no payload type")
	case !utf8.ValidString(payloadType):
		return nil, fmt.Errorf("sigstore: payload type %.100q is not UTF-8", payloadType)
	case len(payload) == 0: // protocol buffers do not write it, and DSSE wants it written
		return nil, errors.New("sigstore: no payload")
	case base64.StdEncoding.EncodedLen(len(payload))+len(payloadType)+room > sign.MaxEnvelopeSize:
		return nil, fmt.Errorf("sigstore: payload of %d bytes: a bundle has at most %d", len(payload), sign.MaxEnvelopeSize)
	}
	e := &sign.Envelope{PayloadType: payloadType, Payload: bytes.Clone(payload)}
	chosen, err := s.config.choose(s.opt.Now())
	if err != nil {
		return nil, err
	}
	if got, want := len(chosen.logs), s.root.requirements.Logs; got < want {
		return nil, fmt.Errorf("sigstore: signing config: it selects %d logs, and the trusted root requires %d", got, want)
	}
	if got, want := len(chosen.stamps), s.root.requirements.TimestampAuthorities; got < want {
		return nil, fmt.Errorf("sigstore: signing config: it selects %d timestamp authorities, and the trusted root requires %d", got, want)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sigstore: %w", err)
	}
	compact, err := token(ctx, s.opt.Audience)
	if err != nil {
		return nil, fmt.Errorf("sigstore: identity token: %w", err)
	}
	t, err := parseToken(compact)
	if err != nil {
		return nil, fmt.Errorf("sigstore: malformed identity token: %w", err)
	}
	if err := t.check(s.opt.Audience, s.opt.Now()); err != nil {
		return nil, fmt.Errorf("sigstore: identity token: %w", err)
	}

	x := newExchange(s.opt.Client, s.opt.Now, s.wait)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sigstore: make a key: %w", err)
	}
	leaf, err := s.certificate(ctx, x, chosen.authority, key, t)
	if err != nil {
		if repeats(err.Error(), compact) {
			err = cmp.Or(ctx.Err(), errors.New("malformed answer: the identity token is in it"))
		}
		return nil, fmt.Errorf("sigstore: certificate of %s: %w", chosen.authority.url.Host, err)
	}
	for attempt := 1; ; attempt++ {
		signed, err := s.finish(ctx, x, chosen, key, leaf, e)
		// A log has a signature already if it took one and its answer was lost.
		// Another signature by the same key is another entry.
		if errors.Is(err, errLogged) && attempt < MaxAttempts {
			continue
		}
		return signed, err
	}
}

// finish signs e with key, has that stamped and logged, and returns e in its
// bundle.
func (s *Signer) finish(ctx context.Context, x *exchange, chosen *services, key *ecdsa.PrivateKey, leaf *x509.Certificate, e *sign.Envelope) (*sign.Envelope, error) {
	digest := sha256.Sum256(e.PAE())
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, errors.New("sigstore: the key cannot sign") // whatever it says, it may have the key in it
	}
	var stamps *protobundle.TimestampVerificationData
	for _, authority := range chosen.stamps {
		stamp, err := s.timestamp(ctx, x, authority, sig, leaf)
		if err != nil {
			return nil, fmt.Errorf("sigstore: timestamp of %s: %w", authority.url.Host, err)
		}
		if stamps == nil {
			stamps = new(protobundle.TimestampVerificationData)
		}
		stamps.Rfc3161Timestamps = append(stamps.Rfc3161Timestamps, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: stamp})
	}
	bundle := func(root *TrustedRoot, entries ...*protorekor.TransparencyLogEntry) (*sign.Envelope, error) {
		return root.bundle(&protobundle.Bundle{
			MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
			VerificationMaterial: &protobundle.VerificationMaterial{
				Content:                   &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw}},
				TlogEntries:               entries,
				TimestampVerificationData: stamps,
			},
			Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
				PayloadType: e.PayloadType,
				Payload:     e.Payload,
				Signatures:  []*protodsse.Signature{{Sig: sig}},
			}},
		}, key, e)
	}
	var entries []*protorekor.TransparencyLogEntry
	for _, log := range chosen.logs {
		entry, err := s.logEntry(ctx, x, log, leaf, digest[:], sig, e)
		if err == nil {
			// Each log for itself: among several a bad one would be passed over.
			_, err = bundle(s.each, entry)
		}
		if err != nil {
			return nil, fmt.Errorf("sigstore: log entry of %s: %w", log.url.Host, err)
		}
		entries = append(entries, entry)
	}
	signed, err := bundle(s.root, entries...)
	if err != nil {
		return nil, fmt.Errorf("sigstore: the bundle that was made: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sigstore: %w", err)
	}
	return signed, nil
}

// bundle returns the envelope in pb if r recognizes key as who signed it, and it
// is e.
func (r *TrustedRoot) bundle(pb *protobundle.Bundle, key *ecdsa.PrivateKey, e *sign.Envelope) (*sign.Envelope, error) {
	text, err := protojson.Marshal(pb)
	if err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	// The same bundle, the same bytes: protojson puts white space in by chance.
	if text, err = strictjson.Append(nil, json.RawMessage(text)); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	signed, err := sign.Parse(text)
	if err != nil {
		return nil, err
	}
	leaf, err := r.recognize(signed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it does not verify: %w", err)
	case !key.PublicKey.Equal(leaf.PublicKey):
		return nil, errors.New("it does not verify: it is by another key")
	case signed.PayloadType != e.PayloadType || !bytes.Equal(signed.Payload, e.Payload):
		return nil, errors.New("it does not verify: it is of another payload")
	}
	return signed, nil
}
