package provenance

// Bounds of what [Parse], [ParseBuild] and [Statement.Validate] accept. What is
// over one of them is refused with an error that names the bound.
const (
	// MaxStatementSize is the size of a statement, in bytes.
	MaxStatementSize = 64 << 20

	// MaxSubjects is the number of subjects of one statement.
	MaxSubjects = 100_000

	// MaxDependencies is the number of resources in one list of a predicate, and
	// of vulnerabilities or attributes.
	MaxDependencies = 100_000

	// MaxTests is the number of tests in one list of a test result.
	MaxTests = 1_000_000

	// MaxLevels is the number of levels or properties of a verification.
	MaxLevels = 1_000

	// MaxDigests is the number of digests of one resource.
	MaxDigests = 32
)
