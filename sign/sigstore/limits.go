package sigstore

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

	// MaxCertificates is the number of certificates in the chain of a bundle or
	// of an authority.
	MaxCertificates = 16

	// MaxProofHashes is the number of hashes in an inclusion proof: a log of
	// 2⁶³ entries needs no more.
	MaxProofHashes = 63
)
