package gobuild

// Bounds of what this package reads. What is over one of them is an error that
// names it.
const (
	// MaxFiles is how many files a [SourceProof] has.
	MaxFiles = 200_000

	// MaxTree is how many entries the tree of a commit has, with those of the
	// submodules that are looked into.
	MaxTree = 2_000_000

	// MaxRecipeSize is the size of a [Recipe], in bytes.
	MaxRecipeSize = 8 << 20

	// MaxRecipeList is how many flags, variables, settings or modules a Recipe
	// has, each.
	MaxRecipeList = 20_000

	// MaxDifferences is how many [Difference]s a [Rebuilt] lists of each kind.
	MaxDifferences = 100
)

const (
	// maxLinks is how many symbolic links are followed to one file.
	maxLinks = 40

	// maxPointer is the size of an LFS pointer: "A pointer file must be less
	// than 1024 bytes".
	maxPointer = 1023

	// maxConvertible is the size of a file whose line ends are looked at.
	maxConvertible = 64 << 20

	// bufferSize is how much of a file is read at once.
	bufferSize = 64 << 10

	// maxShown is how many files, links or modules an error names.
	maxShown = 5
)
