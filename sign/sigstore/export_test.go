package sigstore

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/hallmark-dev/hallmark/verify"
)

// SetWait sets how long s waits before a second attempt.
func (s *Signer) SetWait(d time.Duration) { s.wait = d }

// Choose returns the URLs of the services that c chooses at a time.
func (c *SigningConfig) Choose(at time.Time) (urls []string, err error) {
	s, err := c.choose(at)
	if err != nil {
		return nil, err
	}
	for _, one := range append(append([]service{s.authority}, s.stamps...), s.logs...) {
		urls = append(urls, one.url.String())
	}
	return urls, nil
}

// CheckToken parses a token and looks at it as Sign does.
func CheckToken(compact, audience string, at time.Time) error {
	t, err := parseToken(compact)
	if err != nil {
		return err
	}
	return t.check(audience, at)
}

// ClaimsOf returns what a certificate says, whoever issued it.
func ClaimsOf(c *x509.Certificate) (*verify.Claims, error) { return claimsOf(c) }

// VerifyTimestamp verifies a timestamp of sig by the authority whose certificate is leaf.
func VerifyTimestamp(leaf *x509.Certificate, stamp, sig []byte) error {
	authority := &root.SigstoreTimestampingAuthority{Root: leaf, Leaf: leaf}
	_, _, err := (&TrustedRoot{tsas: []timestampAuthority{{TimestampingAuthority: authority}}}).timestamp(stamp, sig)
	return err
}

// DefaultClient returns the client that is used if none is given.
func DefaultClient() *http.Client { return newExchange(nil, nil, 0).client }

var (
	ParseCertificate = parseCertificate
	ParseEntryV1     = parseEntryV1
	ParseEntryV2     = parseEntryV2
	Excerpt          = excerpt
)
