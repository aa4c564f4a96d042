package inventory

import "time"

// stale is the age from which on what an environment was told to run is old.
const stale = 24 * time.Hour

// Bounds of what is kept and asked. What is over one of them is an error that names it.
const (
	// MaxBatch is how many records [Inventory.Add] takes at once.
	MaxBatch = 10_000

	// MaxParts is how many components a Document, and how many inputs a Build, may have.
	MaxParts = 1_000_000

	// MaxPods is the size of what [ParsePods] reads, in bytes.
	MaxPods = 256 << 20

	// MaxDeployments is how many deployments are told of at once.
	MaxDeployments = 1_000_000

	// MaxSteps is how many artifacts an order of rebuilding, and a Report, may be about.
	MaxSteps = 200_000

	// MaxReport is the size of what [ParseReport] reads, in bytes.
	MaxReport = 512 << 20

	// DefaultListed is how many entries each list of a Report has, unless it is to have
	// another number.
	DefaultListed = 10_000

	maxCauses   = 20       // components of an artifact that are listed in a Report
	maxLine     = 1000     // bytes of a text in a report for people
	shown       = 20       // entries of a list in it
	maxPlace    = 1024     // bytes of the name of an environment or a service; both are in one index
	maxReasons  = 100      // sentences of a verdict
	maxText     = 16 << 10 // bytes of a package URL or a sentence
	maxTerm     = 2000     // bytes of a name, package URL or licence that is looked for; PostgreSQL indexes no more than about 2,700
	maxList     = 1000     // digests, signers, reasons, exceptions, gaps, pieces of evidence
	maxPayload  = 1 << 20  // bytes of a piece of evidence as it is kept
	maxEvidence = 8 << 20  // bytes of all of it
	maxRecord   = 16 << 20 // bytes of what is kept of a record beside its contents
	maxStrange  = 100      // SBOMs that nobody has signed whom a policy names, of one artifact
	maxOthers   = 100      // pieces of evidence about others that are kept with an artifact

	batch       = 1000    // records that AddAll adds at once
	group       = 50      // records that are prepared at once, of which batch is a multiple
	batchWeight = 1 << 28 // bytes, or about as many, from which on AddAll adds fewer at once
	groupWeight = 1 << 26 // bytes, or about as many, from which on fewer are prepared at once
	cacheAtlas  = 1 << 16 // components of which several Documents have the same
	fanout      = 16      // segments of a size that are merged into one of the next
	atlasBytes  = 1 << 26 // bytes of them
	cacheParts  = 1 << 18 // parts whose numbers are remembered
	cacheTrees  = 4096    // families whose trees are remembered while adding
	treeParts   = 1 << 23 // parts of all of them
	treeBytes   = 1 << 26 // bytes of trees that are remembered while answering
	readTrees   = 512     // trees that are read at once
	cacheFacts  = 1 << 16 // facts and labels that are remembered
	fewLabels   = 2000    // labels on all ways that are asked for at once
	firstChunk  = 128     // records that are asked for before the first hit
	firstTrees  = 16      // trees, each of several records
	chunk       = 4096    // records, sets or trees that are asked for at once
	narrowed    = 200     // records of a filter whose parts are looked at one by one, if more parts than that are asked for
	dense       = 8       // one tree of so many has what is asked for if it is faster to look at all records
	maxPairs    = 1 << 19 // pairs of a tree and a part in it that are remembered
	farthest    = 16      // parts before one on a way that is kept beside a list
	leastTree   = 24      // parts of a set for which another one may be told by what differs from it
	variants    = 2       // trees of a family that a set is compared with
	inlineLimit = 500     // values of a statement that are not in one list

	skew = 24 * time.Hour // by which the clocks of others may be ahead
)
