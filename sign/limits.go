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

	// MaxKeySize is the size of a key in PEM, or of a line with one, in bytes.
	MaxKeySize = 64 << 10

	// MinRSABits and MaxRSABits are the size of an RSA modulus.
	MinRSABits, MaxRSABits = 2048, 8192
)

// Bounds of what decrypting a private key costs, whatever its file asks for: at
// each of them it takes some seconds of one processor.
const (
	// MaxPBKDF2Iterations is the number of iterations of PBKDF2.
	MaxPBKDF2Iterations = 5_000_000

	// MaxScryptMemory is the memory that scrypt takes for its table, 128 N r, in
	// bytes. For its blocks, 128 r p, it is a 64th of that.
	MaxScryptMemory = 256 << 20

	// MaxScryptWork is that memory times p, how often scrypt fills it, in bytes.
	MaxScryptWork = 1 << 30

	// MaxBcryptRounds is the number of rounds of OpenSSH's KDF.
	MaxBcryptRounds = 512
)
