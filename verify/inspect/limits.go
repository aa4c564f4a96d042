package inspect

// Bounds of what an Inspector reads and keeps. Those of SBOMs and of programs are
// the bounds of the packages that read them.
const (
	maxArtifact = 16 << 30 // bytes of an artifact
	blockSize   = 64 << 10 // bytes of it that are hashed by themselves

	maxKept    = 64 << 20 // bytes of SBOMs, as they were attested, of which the contents are kept
	maxEntries = 1_000    // SBOMs, and programs
)
