// Package sigstore recognizes who signed without a key of their own.
//
// A job of a build platform can sign with a key that it makes for the moment
// and forgets. A certificate authority, Fulcio, looks at the job's identity
// token and certifies for ten minutes whose key that is; a transparency log,
// Rekor, keeps the signature where everybody can see it; and an authority, of
// timestamps or the log itself, says when that was. All of it is kept in a
// Sigstore bundle beside the envelope.
//
// [TrustedRoot.NewIdentity] makes a [verify.Identity] of the [Workflow] that is
// expected to sign. A policy uses it as it uses a key:
//
//	root, err := sigstore.ParseTrustedRoot(trustedRoot)
//	builder := "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.2.3"
//	id, err := root.NewIdentity(sigstore.Workflow{
//		Issuer:  "https://token.actions.githubusercontent.com",
//		Builder: builder,
//	})
//	policy := &verify.Policy{
//		Builders: []verify.Builder{{ID: builder, Identity: id, Level: 3}},
//		…
//	}
//	env, err := sign.Parse(bundle)
//	res, err := policy.Verify(ctx, app, env)
//
// # What is verified
//
// The identity signed an envelope if [sign.Parse] found it in a bundle of
// version 0.3 and, in the order of the Sigstore client specification,
//
//   - the certificate names one URI and nothing else, which is the Builder; its
//     issuer is the Issuer; and extensions of it that say the same thing, in the
//     old and the new form, agree,
//   - at least one log of the trusted root has the entry: every entry in the
//     bundle has an inclusion proof, those of the root's logs are proven, and
//     what the bundle says the entry is, it is,
//   - an authority of the trusted root, of timestamps or a log that signs its
//     times, says when it was signed,
//   - at each such time the certificate is valid, its chain ends at an authority
//     of the trusted root, for code signing, and the log's key is valid,
//   - a certificate log of the trusted root has promised to keep the certificate,
//   - and the signature over the envelope is by the certified key.
//
// What the certificate says of the run is then in [verify.Claims], for the
// policy to hold against the provenance: a certificate without the extensions
// of a build platform leaves them empty, and the policy finds them unproven.
//
// All of this is computed from the bundle and the trusted root: there is no
// network, and no clock. Cryptography and formats are those of sigstore-go.
//
// # What is not a reason
//
// Whatever is wrong with an envelope or its bundle, Recognize returns an error
// that wraps [verify.ErrNotSigned] and says what. Anybody can lay a broken
// bundle beside an artifact, and that must not keep a policy from its verdict.
// It also means that a trusted root that is too old for a bundle looks like a
// signature of somebody else. Bundles of versions 0.1 and 0.2 are among what is
// not recognized: whoever holds a bundle can write another version into it, and
// the older ones ask for less.
//
// # What is not checked
//
// Of several logs or timestamp authorities one is enough. An instance without a
// public log, such as GitHub's for private repositories, is not served here.
// Certificates are not revoked in Sigstore, and a workflow is who it was when it
// signed.
//
// # Signing
//
// A [Signer] is the other side: it signs with a key that it makes for the moment.
// The trusted root says whom to believe, the [SigningConfig] whom to ask; both are
// files, and nothing is fetched but by [FetchTrust], which says so.
//
//	config, err := sigstore.ParseSigningConfig(signingConfig)
//	signer, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{})
//	env, err := signer.Sign(ctx, provenance.MediaType, payload, oidc.Token(os.Getenv, http.DefaultClient))
//
// Of the services that are valid at the time it takes, as the signing config has
// it, those of the highest version that is known here, the newest first, and one of
// an operator: one certificate authority, and as many timestamp authorities and
// logs as the config selects; where it leaves the choice, the newest. A log of
// version 2 does not say when something was signed, so a timestamp authority must
// be listed with it. A timestamp authority that is listed is asked in any case.
//
// [Signer.Sign] asks them one after another, and believes none: the certificate is
// for the key and for whom the token names, in a certificate log and of an
// authority of the trusted root; the timestamp is of the signature and within the
// certificate's validity; the log has the entry; and all of it together is
// recognized as an Identity recognizes it, before anything is returned. An error
// names the service, the step, and what is wrong. A certificate must name a URI, as
// those of build platforms do: tokens of people, whom Fulcio names by an address,
// are refused.
//
// A token goes to the certificate authority that the signing config names, over
// https, and nowhere else: redirects are not followed. Only on the machine itself,
// at a loopback address, services may be without TLS.
//
// https://github.com/sigstore/architecture-docs/blob/main/client-spec.md
package sigstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Workflow is who signs: a workflow of a build platform. Both fields must be
// given, and are compared byte by byte.
type Workflow struct {
	// Issuer is the URL of who issues the platform's identity tokens. For
	// GitHub it is "https://token.actions.githubusercontent.com".
	Issuer string

	// Builder is the URI of the workflow with its ref, as the certificate
	// names it: "https://github.com/org/repo/.github/workflows/build.yml@refs/tags/v1.2.3".
	// Of a reusable workflow it is the one that was called, not its caller.
	Builder string
}

// NewIdentity returns the Identity of w, as far as r vouches for it.
func (r *TrustedRoot) NewIdentity(w Workflow) (verify.Identity, error) {
	if w.Issuer == "" || w.Builder == "" {
		return nil, errors.New("sigstore: a workflow needs an issuer and a builder")
	}
	return &identity{r, w}, nil
}

type identity struct {
	root     *TrustedRoot
	workflow Workflow
}

func (id *identity) String() string {
	return fmt.Sprintf("workflow %s (issuer %s)", id.workflow.Builder, id.workflow.Issuer)
}

func (id *identity) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, claims, err := id.root.recognize(e, func(claims *verify.Claims) error {
		switch {
		case claims.Builder != id.workflow.Builder:
			return fmt.Errorf("the certificate is of %.300q", claims.Builder)
		case claims.Issuer != id.workflow.Issuer:
			return fmt.Errorf("the certificate is for a token of %.300q", claims.Issuer)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
	}
	return &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Claims: claims}, nil
}

// recognize returns the certificate of whoever signed e, and what it says of
// them, if all of it is verified. Before anything that costs much, expected has a
// look at what it says: nothing vouches for it then.
func (r *TrustedRoot) recognize(e *sign.Envelope, expected func(*verify.Claims) error) (*x509.Certificate, *verify.Claims, error) {
	if e.Bundle == nil {
		return nil, nil, errors.New("the envelope is not in a bundle")
	}
	if err := camelCase(e.Bundle); err != nil {
		return nil, nil, fmt.Errorf("malformed bundle: %w", err)
	}
	b := new(bundle.Bundle)
	if err := b.UnmarshalJSON(e.Bundle); err != nil {
		return nil, nil, fmt.Errorf("malformed bundle: %w", err)
	}
	switch b.GetMediaType() {
	case "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3":
	default:
		return nil, nil, fmt.Errorf("bundle of media type %.100q, want version 0.3", b.GetMediaType())
	}
	inner := b.GetDsseEnvelope()
	if inner.GetPayloadType() != e.PayloadType || !bytes.Equal(inner.GetPayload(), e.Payload) {
		return nil, nil, errors.New("the bundle has another envelope")
	}
	if len(inner.GetSignatures()) != 1 {
		return nil, nil, fmt.Errorf("malformed bundle: its envelope has %d signatures, want 1", len(inner.GetSignatures()))
	}
	if b.GetVerificationMaterial().GetCertificate() == nil {
		return nil, nil, errors.New("the bundle has no certificate")
	}
	content, err := b.VerificationContent()
	if err != nil {
		return nil, nil, fmt.Errorf("malformed bundle: %w", err)
	}
	leaf := content.Certificate()

	// Who is it said to be? Nothing vouches for this yet, but if it is somebody
	// else, all the rest is not worth computing.
	claims, err := claimsOf(leaf)
	if err != nil {
		return nil, nil, fmt.Errorf("malformed certificate: %w", err)
	}
	if err := expected(claims); err != nil {
		return nil, nil, err
	}

	// Is it in the log? sigstore-go wants one proof in all entries, and does not
	// look at what an entry is said to be.
	entries, err := b.TlogEntries()
	if err != nil {
		return nil, nil, fmt.Errorf("malformed bundle: %w", err)
	}
	for i, entry := range entries {
		if !entry.HasInclusionProof() {
			return nil, nil, fmt.Errorf("log entry %d has no inclusion proof", i)
		}
		if err := checkBody(entry, e.PAE(), inner.GetSignatures()[0].GetSig(), leaf); err != nil {
			return nil, nil, fmt.Errorf("log entry %d: %w", i, err)
		}
	}
	logged, err := sigstoreverify.VerifyTlogEntry(b, r.root, 1, true)
	if err != nil {
		return nil, nil, fmt.Errorf("log: %w", err)
	}

	// When was it signed?
	stamped, faults, err := sigstoreverify.VerifySignedTimestamp(b, r.root)
	if err != nil {
		return nil, nil, fmt.Errorf("timestamp: %w", err)
	}
	times := logged
	for _, t := range stamped {
		times = append(times, *t)
	}
	if len(times) == 0 {
		return nil, nil, fmt.Errorf("no verified time: %w", errors.Join(faults...))
	}

	// "If a timestamp from the timestamping service is available, the Verifier
	// MUST perform path validation using [it]": one that is outside of the
	// certificate's validity is not outvoted by one within.
	var chains [][]*x509.Certificate
	for _, t := range times {
		chains, err = sigstoreverify.VerifyLeafCertificate(t.Time, leaf, r.root)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate: %w", err)
		}
		for i, entry := range entries {
			key, ok := r.root.RekorLogs()[hex.EncodeToString([]byte(entry.LogKeyID()))]
			if ok && (t.Time.Before(key.ValidityPeriodStart) || !key.ValidityPeriodEnd.IsZero() && t.Time.After(key.ValidityPeriodEnd)) {
				return nil, nil, fmt.Errorf("log entry %d: the log's key was not valid at %s", i, t.Time)
			}
		}
	}
	if err := sigstoreverify.VerifySignedCertificateTimestamp(chains, 1, r.root); err != nil {
		return nil, nil, fmt.Errorf("certificate log: %w", err)
	}

	signed, err := b.SignatureContent()
	if err != nil {
		return nil, nil, fmt.Errorf("malformed bundle: %w", err)
	}
	if err := sigstoreverify.VerifySignature(signed, content, r.root); err != nil {
		return nil, nil, fmt.Errorf("signature: %w", err)
	}
	return leaf, claims, nil
}

// camelCase returns an error if a member of data has an underscore in its name.
// Protocol buffers read "log_index" as "logIndex"; the client specification has
// the second only.
func camelCase(data []byte) error {
	var walk func(r *strictjson.Reader) error
	walk = func(r *strictjson.Reader) error {
		switch r.Kind() {
		case '{':
			return r.Object(func(name string) error {
				if strings.Contains(name, "_") {
					return r.Errorf("unknown member")
				}
				return walk(r)
			})
		case '[':
			return r.Array(func(int) error { return walk(r) })
		}
		return r.Skip()
	}
	return strictjson.Read(data, walk)
}

// checkBody returns an error if the body of entry is of another kind than the
// bundle says, or, in a log of version 2, if it is not the entry that these
// values make. sigstore-go computes that entry anew and leaves the body alone,
// in version 2; in version 1 it compares the body itself.
func checkBody(entry *tlog.Entry, pae, sig []byte, leaf *x509.Certificate) error {
	tle := entry.TransparencyLogEntry()
	var kind, version string
	err := strictjson.Read(tle.GetCanonicalizedBody(), func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "kind":
				kind, err = r.String()
			case "apiVersion":
				version, err = r.String()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("malformed body: %w", err)
	}
	if said := tle.GetKindVersion(); said.GetKind() != kind || said.GetVersion() != version {
		return fmt.Errorf("it is a %.40q %.40q, not a %.40q %.40q", kind, version, said.GetKind(), said.GetVersion())
	}
	if !entry.IsRekorV2() {
		return nil
	}
	algorithm, err := signature.GetDefaultAlgorithmDetails(leaf.PublicKey, options.WithED25519ph())
	if err != nil {
		return err
	}
	if !algorithm.GetHashType().Available() {
		return errors.New("the key's algorithm has no hash")
	}
	h := algorithm.GetHashType().New()
	h.Write(pae)
	want, err := hashedrekord.ToEntryHash(h.Sum(nil), &rekortiles.Signature{
		Content: sig,
		Verifier: &rekortiles.Verifier{
			Verifier:   &rekortiles.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw}},
			KeyDetails: algorithm.GetSignatureAlgorithm(),
		},
	})
	if err != nil {
		return err
	}
	// The hash of a leaf: RFC 6962 section 2.1.
	got := sha256.Sum256(append([]byte{0}, tle.GetCanonicalizedBody()...))
	if !bytes.Equal(got[:], want) {
		return errors.New("its body is of another signature")
	}
	return nil
}
