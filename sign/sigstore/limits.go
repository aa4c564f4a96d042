package sigstore

import "time"

// Bounds of what [ParseTrustedRoot], Recognize and [TrustedRoot.RecognizeArtifact]
// read. What is over one of them is refused with an error that names the bound.
const (
	// MaxTrustedRootSize is the size of a trusted root, in bytes.
	MaxTrustedRootSize = 4 << 20

	// MaxInstances is the number of logs, and of authorities, of one kind in a
	// trusted root.
	MaxInstances = 64

	// MaxLogEntries and MaxTimestamps are the numbers of log entries and of
	// timestamps in a bundle.
	MaxLogEntries = 32
	MaxTimestamps = 32

	// MaxTimestampSize is the size of a timestamp, in bytes: all of it is read to
	// see who has signed it.
	MaxTimestampSize = 64 << 10

	// MaxCertificates is the number of certificates in the chain of a bundle or
	// of an authority, and in a timestamp.
	MaxCertificates = 16

	// MaxProofHashes is the number of hashes in an inclusion proof: a log of
	// 2⁶³ entries needs no more.
	MaxProofHashes = 63
)

// Bounds of what [ParseSigningConfig], [Signer.Sign] and [FetchTrust] read, how
// often they ask and how long they wait. What is over one of them is refused
// with an error that names the bound.
const (
	// MaxSigningConfigSize is the size of a signing config, in bytes.
	MaxSigningConfigSize = 1 << 20

	// MaxServices is how many services of one kind a signing config may list.
	MaxServices = 32

	// MaxTokenSize is the size of an identity token, in bytes.
	MaxTokenSize = 64 << 10

	// MaxAnswerSize is the size of one answer of a service, in bytes.
	MaxAnswerSize = 1 << 20

	// MaxAttempts is how often a request is sent before it is given up.
	MaxAttempts = 4

	// MaxWait is how long one answer may take, if the context does not end
	// before.
	MaxWait = 30 * time.Second

	// MaxRetryAfter is how long a service may ask to be left alone before the
	// next attempt. One that asks for more is given up.
	MaxRetryAfter = 30 * time.Second

	// Skew is how far the clocks of the issuer of a token, of the certificate
	// authority and of the machine may be apart.
	Skew = time.Minute
)
