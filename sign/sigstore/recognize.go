package sigstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"
	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/x509util"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// verify verifies that who has signed the envelope in b or, if there is an
// artifact, its digest, in the order of the client specification:
//
// https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification
func (r *TrustedRoot) verify(ctx context.Context, b *bundle, who Signatory, artifact *hallmark.Artifact) (*x509.Certificate, *verify.Evidence, error) {
	if oldest := r.requirements.oldestBundle(); b.version < oldest {
		return nil, nil, fmt.Errorf("bundle of version 0.%d, want version 0.%d", b.version, oldest)
	}
	s := &signed{signature: b.signature(), artifact: artifact}
	switch {
	case artifact == nil && b.envelope == nil:
		return nil, nil, errors.New("the bundle has a message signature, not an envelope")
	case artifact != nil && b.message == nil:
		return nil, nil, errors.New("the bundle has an envelope, not a message signature")
	case artifact != nil:
		// The digest is not signed. It tells early that this is of something
		// else.
		name := messageHash(b.message.algorithm)
		if name == "" {
			return nil, nil, fmt.Errorf("malformed bundle: message digest by %.40q", b.message.algorithm)
		}
		want := artifact.Digest(name)
		if want.IsZero() {
			return nil, nil, &noDigestError{name}
		}
		if got := hex.EncodeToString(b.message.digest); got != want.Hex() {
			return nil, nil, fmt.Errorf("message digest %s:%.200s is of another artifact, want %s", name, got, want)
		}
	}

	// Who is it said to be? Nothing vouches for this yet, but if it is somebody
	// else, all the rest is not worth computing.
	ev := new(verify.Evidence)
	key, isKey := who.(Key)
	if b.hasKey {
		if !isKey {
			return nil, nil, errors.New("the bundle has a key, and no certificate")
		}
		// "the key hints MUST be exactly the same in the verification material
		// and in the DSSE envelope": sigstore_bundle.proto
		if b.envelope != nil && b.envelope.Signatures[0].KeyID != b.keyHint {
			return nil, nil, fmt.Errorf("the bundle is of key %.100q, and its envelope of key %.100q", b.keyHint, b.envelope.Signatures[0].KeyID)
		}
		fp, err := sign.Fingerprint(key.Public())
		if err != nil {
			return nil, nil, err
		}
		s.key, ev.Keys = key.Public(), []hallmark.Digest{fp}
	} else {
		leaf, err := b.leaf()
		if err != nil {
			return nil, nil, err
		}
		if ev.Claims, err = claimsOf(leaf); err != nil {
			return nil, nil, fmt.Errorf("malformed certificate: %w", err)
		}
		if err := who.is(ev.Claims); err != nil {
			return nil, nil, err
		}
		if _, err := sign.NewVerifier(leaf.PublicKey); err != nil {
			return nil, nil, fmt.Errorf("certificate: the key: %w", err)
		}
		s.leaf, s.key = leaf, leaf.PublicKey
	}
	if b.envelope != nil {
		s.payload, s.pae = b.envelope.Payload, b.envelope.PAE()
		if s.payload == nil {
			s.payload = []byte{}
		}
		ev.PayloadType, ev.Payload = b.envelope.PayloadType, s.payload
	}

	logs, err := r.logged(ctx, b, s)
	if err != nil {
		return nil, nil, err
	}
	stamps, err := r.stamped(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	ev.Vouchers = append(logs, stamps...)
	times := told(ev.Vouchers)
	if len(times) == 0 {
		return nil, nil, errors.New("no verified time: no timestamp, and no time that a log has signed")
	}
	for _, t := range times {
		if s.leaf == nil && !within(t, key.Start, key.End) {
			return nil, nil, fmt.Errorf("the key was not valid at %s", t)
		}
	}
	if s.leaf != nil {
		certified, err := r.certified(ctx, s.leaf, times)
		if err != nil {
			return nil, nil, err
		}
		ev.Vouchers = append(ev.Vouchers, certified...)
	}
	for i, e := range b.entries {
		l := r.logs[string(e.log)]
		for _, t := range times {
			if l != nil && !l.validAt(t) {
				return nil, nil, fmt.Errorf("log entry %d: the log's key was not valid at %s", i, t)
			}
		}
	}

	if err := s.verify(ctx, key); err != nil {
		return nil, nil, fmt.Errorf("signature: %w", err)
	}
	ev.Times, ev.Vouchers = times, sorted(ev.Vouchers)
	return s.leaf, ev, nil
}

// leaf returns the certificate of the signer. Who verifies has the certificates
// of authorities; those that a bundle brings along are not used.
func (b *bundle) leaf() (*x509.Certificate, error) {
	der := b.certificate
	if der == nil {
		der = b.chain[0]
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("malformed bundle: certificate: %w", err)
	}
	return leaf, nil
}

// superfluous returns an error if there is a root certificate in b: "Signers MUST
// NOT include root CA certificates in bundles [and] Verifiers SHOULD handle old or
// non-complying bundles that have superfluous […] certificates by […] ignoring
// them". It is worth saying if something else is wrong.
func (b *bundle) superfluous() error {
	for i, der := range b.chain {
		c, err := x509.ParseCertificate(der)
		if err == nil && i > 0 && bytes.Equal(c.RawIssuer, c.RawSubject) {
			return fmt.Errorf("certificate %d of the bundle is a root certificate, which it must not have", i)
		}
	}
	return nil
}

// logged verifies the entries of b in r's logs, and returns these, with the times that
// they have signed. Entries of logs that r does not know say nothing.
func (r *TrustedRoot) logged(ctx context.Context, b *bundle, s *signed) ([]verify.Voucher, error) {
	var logs []verify.Voucher
	var unknown error
	operators := make(map[string]bool)
	for i := range b.entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e := &b.entries[i]
		for _, other := range b.entries[:i] {
			if bytes.Equal(e.log, other.log) && e.index == other.index {
				return nil, fmt.Errorf("log entry %d is a duplicate", i)
			}
		}
		l := r.logs[string(e.log)]
		if l == nil {
			unknown = fmt.Errorf("log entry %d is of the log %.32x, which the trusted root does not have", i, e.log)
			continue
		}
		at, err := l.verify(e, s, b.version)
		if err != nil {
			return nil, fmt.Errorf("log entry %d: %w", i, err)
		}
		role := roleLog
		if e.proof == nil {
			role = rolePromise
		}
		logs = append(logs, verify.Voucher{Role: role, Key: l.public, Time: at.UTC()})
		operators[l.operator] = true
	}
	if err := r.enoughLogs(operators); err != nil {
		return nil, errors.Join(err, unknown)
	}
	return logs, nil
}

// enoughLogs returns an error if entries in the logs of these operators are not enough.
func (r *TrustedRoot) enoughLogs(operators map[string]bool) error {
	want := max(r.requirements.Logs, 1)
	if r.requirements.NoLogs {
		want = 0
	}
	if len(operators) < want {
		return fmt.Errorf("log: not enough log entries: of the logs of %d operators, want %d", len(operators), want)
	}
	return nil
}

// stamped returns r's timestamp authorities that have signed a time for b, with that.
// Those of others say nothing, as long as there is one.
func (r *TrustedRoot) stamped(ctx context.Context, b *bundle) ([]verify.Voucher, error) {
	var stamps []verify.Voucher
	var faults []error
	operators := make(map[string]bool)
	for i, stamp := range b.timestamps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, tsa, err := r.timestamp(stamp, b.signature())
		if err != nil {
			faults = append(faults, fmt.Errorf("timestamp %d: %w", i, err))
			continue
		}
		stamps = append(stamps, verify.Voucher{Role: roleTimestamps, Key: tsa.chain.keys[0], Time: at.UTC()})
		operators[tsa.operator] = true
	}
	if err := r.enoughTimestamps(operators); err != nil {
		return nil, errors.Join(append([]error{err}, faults...)...)
	}
	if len(stamps) == 0 && len(faults) > 0 && len(r.tsas) > 0 {
		// "If verification or timestamp parsing fails, the Verifier MUST abort"
		return nil, errors.Join(faults...)
	}
	return stamps, nil
}

// enoughTimestamps returns an error if timestamps by the authorities of these operators
// are not enough.
func (r *TrustedRoot) enoughTimestamps(operators map[string]bool) error {
	want := r.requirements.TimestampAuthorities
	if r.requirements.NoLogs {
		want = max(want, 1)
	}
	if len(operators) < want {
		return fmt.Errorf("timestamp: of the authorities of %d operators, want %d", len(operators), want)
	}
	return nil
}

// timestamp verifies a timestamp of sig: RFC 3161. It returns its time, and the
// authority that says it.
func (r *TrustedRoot) timestamp(stamp, sig []byte) (at time.Time, by *timestampAuthority, err error) {
	if err := checkTimestamp(stamp); err != nil {
		return at, nil, fmt.Errorf("malformed: %w", err)
	}
	faults := []error{errors.New("no authority of the trusted root has signed it")}
	for i := range r.tsas {
		t, err := r.tsas[i].Verify(stamp, sig)
		if err == nil {
			return t.Time, &r.tsas[i], nil
		}
		faults = append(faults, err)
	}
	return at, nil, errors.Join(faults...)
}

// checkTimestamp returns an error if it could take long to verify a timestamp.
// What is in it besides the authority's signature is anybody's: each signature
// would be verified, by certificates that are there too, before it is looked at
// whose they are.
func checkTimestamp(der []byte) error {
	if len(der) > MaxTimestampSize {
		return fmt.Errorf("%d bytes, at most %d are read", len(der), MaxTimestampSize)
	}
	var response struct {
		Status asn1.RawValue
		Token  asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(der, &response); err != nil || len(rest) > 0 {
		return errors.New("want a response")
	}
	if len(response.Token.FullBytes) == 0 { // why not is in the status
		return nil
	}
	token, err := pkcs7.Parse(response.Token.FullBytes)
	switch {
	case err != nil:
		return err
	case len(token.Signers) != 1: // RFC 3161 section 2.4.2
		return fmt.Errorf("%d signatures, want 1", len(token.Signers))
	case len(token.Certificates) > MaxCertificates:
		return fmt.Errorf("%d certificates, at most %d are read", len(token.Certificates), MaxCertificates)
	}
	for i, c := range token.Certificates {
		if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > sign.MaxRSABits {
			return fmt.Errorf("the key of certificate %d is of RSA with %d bits, at most %d are used", i, k.N.BitLen(), sign.MaxRSABits)
		}
	}
	return nil
}

// certified verifies that r's authorities have certified leaf, at each of times,
// and that enough certificate logs know of it. It returns the one that issued it, by the
// key that did, and the logs.
func (r *TrustedRoot) certified(ctx context.Context, leaf *x509.Certificate, times []time.Time) ([]verify.Voucher, error) {
	if leaf.IsCA {
		return nil, errors.New("certificate: it is of an authority, not of who signs")
	}
	// crypto/x509 does not know names of accounts. They were read by claimsOf.
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, func(id asn1.ObjectIdentifier) bool {
		return id.Equal(subjectAlternativeName())
	})
	// "If a timestamp from the timestamping service is available, the Verifier
	// MUST perform path validation using [it]": one that is outside of the
	// certificate's validity is not outvoted by one within.
	var chains [][]*x509.Certificate
	for _, t := range times {
		if t.Before(leaf.NotBefore) || t.After(leaf.NotAfter) {
			return nil, fmt.Errorf("certificate: the verified time %s is outside of its validity, from %s to %s", t, leaf.NotBefore, leaf.NotAfter)
		}
		chains = nil
		var faults []error
		for _, ca := range r.authorities {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			found, err := ca.Verify(leaf, t)
			if err == nil {
				chains = found
				break
			}
			faults = append(faults, err)
		}
		if chains == nil {
			return nil, fmt.Errorf("certificate: at %s: %w", t, errors.Join(faults...))
		}
	}
	issuer := chains[0][min(1, len(chains[0])-1)]
	var vouchers []verify.Voucher
	for _, ca := range r.authorities {
		if i := slices.IndexFunc(ca.chain.certificates, issuer.Equal); i >= 0 {
			vouchers = []verify.Voucher{{Role: roleAuthority, Key: ca.chain.keys[i]}}
			break
		}
	}
	if r.requirements.NoLogs {
		return vouchers, nil
	}
	scts, err := x509util.ParseSCTsFromCertificate(leaf.Raw)
	if err != nil {
		return nil, fmt.Errorf("certificate log: %w", err)
	}
	// sigstore-go counts logs, and does not say which.
	operators := make(map[string]bool)
	var fault error
	for _, l := range r.ctLogs {
		if err := sigstoreverify.VerifySignedCertificateTimestamp(chains, 1, l.alone); err != nil {
			fault = err
			continue
		}
		vouchers = append(vouchers, verify.Voucher{Role: roleCertificateLog, Key: l.public, Time: l.promised(scts)})
		operators[l.operator] = true
	}
	if err := r.enoughCertificateLogs(operators); err != nil {
		return nil, errors.Join(err, fault)
	}
	return vouchers, nil
}

// promised returns when l has promised to keep a certificate with these promises.
func (l *ctLog) promised(scts []*ct.SignedCertificateTimestamp) time.Time {
	for _, sct := range scts {
		if at := ct.TimestampToTime(sct.Timestamp).UTC(); string(sct.LogID.KeyID[:]) == l.id && within(at, l.start, l.end) {
			return at
		}
	}
	return time.Time{}
}

// enoughCertificateLogs returns an error if the certificate logs of these operators are
// not enough.
func (r *TrustedRoot) enoughCertificateLogs(operators map[string]bool) error {
	want := max(r.requirements.CertificateLogs, 1)
	if r.requirements.NoLogs {
		want = 0
	}
	if len(operators) < want {
		return fmt.Errorf("certificate log: certificate logs of %d operators have it, want %d", len(operators), want)
	}
	return nil
}

// algorithmOf returns how keys like this one sign a digest.
//
// https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md
func algorithmOf(key crypto.PublicKey) (signature.AlgorithmDetails, error) {
	a, err := signature.GetDefaultAlgorithmDetails(key, options.WithED25519ph())
	if err == nil && !a.GetHashType().Available() {
		err = errors.New("the key's algorithm has no hash")
	}
	return a, err
}

// digest returns what is signed, by h.
func (s *signed) digest(h crypto.Hash) ([]byte, error) {
	if s.artifact == nil {
		sum := h.New()
		sum.Write(s.pae)
		return sum.Sum(nil), nil
	}
	d := s.artifact.Digest(hashName(h))
	if d.IsZero() {
		return nil, &noDigestError{hashName(h)}
	}
	return hex.DecodeString(d.Hex())
}

// verify verifies the signature. key is who is expected to hold the key, if it
// has no certificate.
func (s *signed) verify(ctx context.Context, key Key) error {
	if s.artifact == nil && s.leaf == nil {
		return key.Verify(ctx, s.pae, s.signature)
	}
	if s.artifact == nil {
		v, err := signature.LoadDefaultVerifier(s.key)
		if err != nil {
			return err
		}
		return v.VerifySignature(bytes.NewReader(s.signature), bytes.NewReader(s.pae))
	}
	algorithm, err := algorithmOf(s.key)
	if err != nil {
		return err
	}
	digest, err := s.digest(algorithm.GetHashType())
	if err != nil {
		return err
	}
	v, err := signature.LoadDefaultVerifier(s.key, options.WithED25519ph())
	if err != nil {
		return err
	}
	return v.VerifySignature(bytes.NewReader(s.signature), nil, options.WithDigest(digest))
}
