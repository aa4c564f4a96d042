package hallmark

// Bounds of what [ParseChecksums] and [HashDir] take. What is over one of them is
// an error that names the bound.
const (
	// MaxChecksums is the size of a file of checksums, in bytes.
	MaxChecksums = 64 << 20

	// MaxChecksumLine is the length of a line of it, in bytes.
	MaxChecksumLine = 64 << 10

	// MaxDirFiles is how many files and directories a directory may have, at
	// all depths.
	MaxDirFiles = 2_000_000
)
