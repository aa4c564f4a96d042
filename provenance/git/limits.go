package git

// MaxModified is how many modified files [Inspect] lists. A checkout with more
// is an error.
const MaxModified = 10_000

// MaxTags is how many tags [Inspect] lists. A commit with more is an error.
const MaxTags = 10_000

// MaxAllowedSigners is how many signers [ParseAllowedSigners] reads, and
// MaxSignersSize how many bytes: of these, and of the keys in [Signers].
const (
	MaxAllowedSigners = 100_000
	MaxSignersSize    = 64 << 20
)

const (
	maxGoMod      = 16 << 20        // bytes of a go.mod, as in the go command
	maxObject     = 16 << 20        // bytes of a commit or tag
	maxSeconds    = 253_402_300_799 // of a person's time: the end of the year 9999
	maxFilters    = 1_000           // settings of filters in the configuration
	maxSubmodules = 16              // submodules in one another
	maxArguments  = 30_000          // bytes of file names in one command; Windows has room for 32,767 characters
)
