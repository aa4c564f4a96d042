// Package sigstore recognizes who signed without a key of their own, and signs
// like that.
//
// A job of a build platform can sign with a key that it makes for the moment
// and forgets. A certificate authority, Fulcio, looks at the job's identity
// token and certifies for ten minutes whose key that is; a transparency log,
// Rekor, keeps the signature where everybody can see it; and an authority, of
// timestamps or the log itself, says when that was. All of it is kept in a
// Sigstore bundle beside the envelope.
//
// A [TrustedRoot] names the authorities and logs of an instance of Sigstore, such as
// the public good instance. It is a file, trusted_root.json, that the caller has
// from where it may be trusted; [FetchTrust] fetches it, if it is asked to.
// [TrustedRoot.NewIdentity] makes a [verify.Identity] of the [Signatory] that is
// expected: a [Workflow], an [Account] of a person or a service, or a [Key] whose
// signatures are logged. A policy uses it as it uses a key:
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
// [TrustedRoot.RecognizeArtifact] recognizes who signed the digest of a file,
// without an envelope, as "cosign sign-blob" does it.
//
// # What is verified
//
// A Signatory signed an envelope if [sign.Parse] found it in a bundle of version
// 0.3 and, in the order of the Sigstore client specification,
//
//   - the bundle is one, by its media type, with the members of the specification,
//     in its spelling, and no others,
//   - the certificate names one holder and nothing else, by a URI, an e-mail
//     address, or the name of an account; that is the Builder, with one of the
//     Refs if there are any, or the Subject; its issuer is the Issuer; and
//     extensions of it that say the same thing, in the old and the new form, agree,
//   - at least one log of the trusted root has the entry: what an entry of such a
//     log says is the signature, the key and what was signed, as the bundle has
//     them; its kind is what the bundle says; an inclusion proof leads to the root
//     of a checkpoint that the log has signed; and if the log has signed the time,
//     that is right,
//   - an authority of the trusted root, of timestamps or a log that signs its
//     times, says when it was signed; if there are timestamps, one of them is right,
//   - at each such time the certificate is valid, its chain ends at an authority
//     of the trusted root, for code signing, and the log's key is valid; it is not
//     an authority's itself,
//   - a certificate log of the trusted root has promised to keep the certificate,
//   - and the signature is by the certified key.
//
// Who is a [Key] has no certificate: then the log's entry and the signature are by
// that key, and each of the times is one at which it may have signed.
//
// All validities include both ends. [TrustedRoot.Require] asks for more, for
// several logs or authorities, which count by their operators; or for less: for
// older bundles, or for no logs where an instance has none.
//
// What the certificate says of its holder is then in [verify.Claims], for the
// policy to hold against the provenance: a certificate without the extensions
// of a build platform leaves them empty, and the policy finds them unproven.
//
// All of this is computed from the bundle and the trusted root: there is no
// network, no clock, and no output. Chains of certificates, timestamps and the
// promises of certificate logs are verified by sigstore-go, signatures by what
// that uses; bundles are read and log entries compared here.
//
// # What is not a reason
//
// Whatever is wrong with an envelope or its bundle, Recognize returns an error
// that wraps [verify.ErrNotSigned] and says what. Anybody can lay a broken
// bundle beside an artifact, and that must not keep a policy from its verdict.
// It also means that a trusted root that is too old for a bundle looks like a
// signature of somebody else.
//
// # What is kept
//
// The Evidence names who vouched for it, by their keys. [verify.Policy.Recall] can ask
// an Identity later whether it is its own: if authorities and logs of its trusted root
// are among them, as many as it requires, that were valid at the times they told. What
// others told is forgotten, so that a trusted root with more logs recalls the same, and
// one of another instance, or without the authority that issued the certificate,
// nothing. Of an older bundle it is known whether there was a proof, and not the version.
//
// # What is not checked
//
// Some of a bundle is signed by nobody, and may change without anything to
// notice: its version; the ids of keys that a certificate has; certificates of
// authorities, for which those of the trusted root are taken; entries of logs, and
// signatures on checkpoints, whose keys the trusted root does not have; and what
// is around the signed part of a timestamp. Nothing of this is in the Evidence. One
// of several times can be removed, and is not there then.
//
// Nothing of a payload is read. Certificates are not revoked in Sigstore, and a
// workflow is who it was when it signed. A certificate without an issuer, as
// GitHub has for releases, is of nobody.
//
// # Signing
//
// A [Signer] is the other side. The trusted root says whom to believe, the
// [SigningConfig] whom to ask, and the identity token who signs:
//
//	config, err := sigstore.ParseSigningConfig(signingConfig)
//	signer, err := sigstore.NewSigner(root, config, sigstore.SignerOptions{})
//	env, err := signer.Sign(ctx, provenance.MediaType, payload, oidc.Token(os.Getenv, http.DefaultClient))
//
// The services are chosen when it signs, of those that are valid then by the signing
// config. There is one certificate authority, at least one log, and as many logs and
// timestamp authorities as the config's selectors say; of each kind those of the
// highest API version that is listed and known here (1 or 2 for logs, 1 for the
// others), at most one of each operator, and the newest where there is a choice. A
// log of version 2 does not say when something was signed, so a timestamp authority
// must be listed with it. One that is listed is asked in any case.
//
// [Signer.Sign] asks them one after another, and believes none: the certificate is
// for the key and for whom the token names, in a certificate log and of an
// authority of the trusted root; the timestamp is of the signature and within the
// certificate's validity; the log has the entry; and all of it together is
// recognized as an Identity recognizes it, before anything is returned. An error
// names the service, the step, and what is wrong.
//
// The certificate must name whom the token names: the workflow, or a person's
// address. Of a person's token nothing else is known that would be in both.
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
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Signatory is who is expected to sign: a [Workflow], an [Account] or a [Key].
type Signatory interface {
	// check returns an error if nobody can be it.
	check() error

	// is returns an error if a certificate with these claims is of somebody else.
	is(*verify.Claims) error

	// String names it for people.
	String() string
}

// A Workflow is a workflow of a build platform. Issuer and Builder must be given,
// and are compared byte by byte.
type Workflow struct {
	// Issuer is the URL of who issues the platform's identity tokens. For
	// GitHub it is "https://token.actions.githubusercontent.com".
	Issuer string

	// Builder is the URI of the workflow with its ref, as the certificate
	// names it: "https://github.com/org/repo/.github/workflows/build.yml@refs/tags/v1.2.3".
	// Of a reusable workflow it is the one that was called, not its caller.
	Builder string

	// Refs makes Builder the URI without the ref, of which the certificate must have
	// one of these: "any release of this workflow". The zero Refs leaves Builder as
	// it is.
	Refs verify.Refs
}

// An Account is a person or a service, by the name that the issuer of their
// tokens has for them. Both fields must be given, and are compared byte by byte.
type Account struct {
	// Issuer is the URL of who issues the identity tokens:
	// "https://accounts.google.com".
	Issuer string

	// Subject is an e-mail address, "name!domain", or a URI, as the certificate
	// has it.
	Subject string
}

// A Key is whoever holds a key of their own, and has logged what they signed with
// it. Unlike [verify.Key] it asks for a bundle, with a log entry that is of this
// key. The bundle's hint of the key is only a hint, but the same as the key id of
// its envelope.
//
// An envelope is verified by the Verifier. A digest that is signed without one is
// verified as the clients of Sigstore sign by default: by ECDSA with the hash of
// the curve, by RSA in PKCS #1 v1.5 with SHA-256, or by Ed25519ph.
type Key struct {
	sign.Verifier

	// Start and End are when the key may have signed, both inclusive. The zero
	// time leaves that end open.
	Start, End time.Time
}

// NewIdentity returns the Identity of who, as far as r vouches for them. It is a
// [verify.Recaller]. It is an error if no bundle could be theirs, or meet what r requires: then who is not
// fully named, or r has too few logs or authorities.
func (r *TrustedRoot) NewIdentity(who Signatory) (verify.Identity, error) {
	if err := r.ready(who); err != nil {
		return nil, err
	}
	return &identity{r, who}, nil
}

func (r *TrustedRoot) ready(who Signatory) error {
	if who == nil {
		return errors.New("sigstore: nobody is expected to sign")
	}
	if err := who.check(); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	if _, ok := who.(Key); ok {
		return nil
	}
	switch {
	case len(r.authorities) == 0:
		return errors.New("sigstore: trusted root without a certificate authority")
	case len(r.ctLogs) == 0 && !r.requirements.NoLogs:
		return errors.New("sigstore: trusted root without a certificate log")
	}
	return nil
}

func (w Workflow) check() error {
	if w.Issuer == "" || w.Builder == "" {
		return errors.New("sigstore: a workflow needs an issuer and a builder")
	}
	if err := w.Refs.Check(); err != nil {
		return fmt.Errorf("sigstore: the refs of workflow %s: %w", w.Builder, err)
	}
	if !w.Refs.IsZero() && strings.Contains(w.Builder, "@") {
		return fmt.Errorf("sigstore: workflow %s has a ref, and there are refs", w.Builder)
	}
	return nil
}

func (w Workflow) is(c *verify.Claims) error {
	same := c.Builder == w.Builder
	if !w.Refs.IsZero() {
		same = w.Refs.AllowAt(w.Builder, c.Builder)
	}
	switch {
	case !same:
		return fmt.Errorf("the certificate is of %.300q", c.Subject)
	case c.Issuer != w.Issuer:
		return fmt.Errorf("the certificate is for a token of %.300q", c.Issuer)
	case c.BuildSigner != "" && c.BuildSigner != c.Builder:
		return fmt.Errorf("malformed certificate: its name and extension %d differ: %.200q, %.200q", buildSigner, c.Builder, c.BuildSigner)
	}
	return nil
}

// String names w for people.
func (w Workflow) String() string {
	at := ""
	if !w.Refs.IsZero() {
		at = " at " + w.Refs.String()
	}
	return fmt.Sprintf("workflow %s%s (issuer %s)", w.Builder, at, w.Issuer)
}

func (a Account) check() error {
	if a.Issuer == "" || a.Subject == "" {
		return errors.New("sigstore: an account needs an issuer and a subject")
	}
	return nil
}

func (a Account) is(c *verify.Claims) error {
	switch {
	case c.Subject != a.Subject:
		return fmt.Errorf("the certificate is of %.300q", c.Subject)
	case c.Issuer != a.Issuer:
		return fmt.Errorf("the certificate is for a token of %.300q", c.Issuer)
	}
	return nil
}

// String names a for people.
func (a Account) String() string { return fmt.Sprintf("account %s (issuer %s)", a.Subject, a.Issuer) }

func (k Key) check() error {
	if k.Verifier == nil {
		return errors.New("sigstore: no key")
	}
	_, err := sign.Fingerprint(k.Public())
	return err
}

func (k Key) is(c *verify.Claims) error {
	return fmt.Errorf("the bundle has a certificate, of %.300q, and no key", c.Subject)
}

// String names k for people.
func (k Key) String() string {
	fp, err := sign.Fingerprint(k.Public())
	if err != nil {
		return "a logged key"
	}
	return "logged key " + fp.String()
}

type identity struct {
	root *TrustedRoot
	who  Signatory
}

func (id *identity) String() string { return id.who.String() }

func (id *identity) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := bundleOf(e)
	if b == nil {
		return nil, fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
	}
	_, ev, more := id.root.verify(ctx, b, id.who, nil)
	if err = errors.Join(err, more); err != nil {
		return nil, notSigned(ctx, errors.Join(err, b.superfluous()))
	}
	return ev, nil
}

// RecognizeArtifact verifies a bundle that has a signature of an artifact's
// digest, as "cosign sign-blob" writes it, and returns what speaks for it. The
// artifact must have a digest by the hash that belongs to the key: sha256, for
// keys on the curve P-384 sha384, on P-521 and for Ed25519 sha512.
//
// The error is [verify.ErrNotSigned], or wraps it to say why, if who did not sign
// the artifact. The Evidence has no payload.
func (r *TrustedRoot) RecognizeArtifact(ctx context.Context, bundle []byte, artifact hallmark.Artifact, who Signatory) (*verify.Evidence, error) {
	if err := r.ready(who); err != nil {
		return nil, err
	}
	if len(artifact.Digests) == 0 {
		return nil, errors.New("sigstore: an artifact without a digest")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := parseBundle(bundle)
	if b == nil {
		return nil, fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
	}
	_, ev, more := r.verify(ctx, b, who, &artifact)
	if err = errors.Join(err, more); err != nil {
		return nil, notSigned(ctx, errors.Join(err, b.superfluous()))
	}
	return ev, nil
}

// A noDigestError says that an artifact lacks the digest that a signature is of.
type noDigestError struct{ algorithm string }

func (e *noDigestError) Error() string {
	return fmt.Sprintf("sigstore: the signature is of a %s digest, and the artifact has none", e.algorithm)
}

// notSigned returns err as it is if it says nothing about the signer.
func notSigned(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if missing := new(noDigestError); errors.As(err, &missing) {
		return missing
	}
	return fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
}

// bundleOf returns the bundle of e, and an error if it has faults: then it serves
// to find more. It is nil if nothing can be made of it.
func bundleOf(e *sign.Envelope) (*bundle, error) {
	if e.Bundle == nil {
		return nil, errors.New("the envelope is not in a bundle")
	}
	b, err := parseBundle(e.Bundle)
	if b == nil {
		return nil, err
	}
	if b.envelope == nil || b.envelope.PayloadType != e.PayloadType || !bytes.Equal(b.envelope.Payload, e.Payload) {
		return nil, errors.New("the bundle has another envelope")
	}
	return b, err
}

// recognize returns the certificate of whoever signed e, if all of it is verified.
func (r *TrustedRoot) recognize(e *sign.Envelope) (*x509.Certificate, error) {
	b, err := bundleOf(e)
	if err != nil {
		return nil, err
	}
	leaf, _, err := r.verify(context.Background(), b, anyone{}, nil)
	return leaf, err
}

// anyone is whoever has a certificate.
type anyone struct{}

func (anyone) check() error            { return nil }
func (anyone) String() string          { return "anyone" }
func (anyone) is(*verify.Claims) error { return nil }
