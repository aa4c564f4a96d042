package license

// Bounds on what is read. What is over one is an error that says so, but for
// maxScan and with it maxIDs: a text over these is one that is not known.
const (
	maxFile  = 4 << 20 // bytes of a licence file
	maxScan  = 1 << 20 // bytes of a text in which licences are looked for
	maxFiles = 1_000   // licence files of a module
	maxDirs  = 100_000 // directories of a module that are looked at
	maxEntry = 1 << 20 // files and directories in one of them

	// How many engines for some licences a Scanner makes. After these it makes
	// one for all of them, so that odd texts cannot have it make any number.
	maxEngines = 64
)

// A text is known if the texts of licences are that much of it, and nothing
// between them is longer. Below that, its words are more than a title, a
// copyright line and a sentence about which file is under which licence: the
// shortest licences in use have about a hundred words.
const (
	minCoverage = 75  // percent of its words
	maxUnknown  = 100 // words in a row
)
