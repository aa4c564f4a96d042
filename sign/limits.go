package sign

// Bounds of what [Parse], [ParseLines], [ParsePrivateKey] and [ParsePublicKey]
// accept, and [Sign], [Countersign], [Envelope.Marshal] and [AppendFile] make. What
// is over one of them is refused with an error that names the bound.
const (
	// MaxEnvelopeSize is the size of an envelope or bundle, in bytes.
	MaxEnvelopeSize = 64 << 20

	// MaxSignatures is the number of signatures in one envelope.
	MaxSignatures = 64

	// MaxLines is the number of lines of a JSON Lines file.
	MaxLines = 10_000

	// MaxLinesSize is the size of a JSON Lines file, in bytes: one that [ParseLines]
	// reads, or that [AppendFile] appends to, with what it appends.
	MaxLinesSize = 256 << 20

	// MaxKeySize is the size of a key in PEM, in bytes.
	MaxKeySize = 64 << 10
)
