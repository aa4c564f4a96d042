package sigstore

import "time"

// SetWait sets how long s waits before a second attempt.
func (s *Signer) SetWait(d time.Duration) { s.wait = d }

var (
	ParseToken       = parseToken
	ParseCertificate = parseCertificate
	ParseEntryV1     = parseEntryV1
	ParseEntryV2     = parseEntryV2
	Excerpt          = excerpt
)
