package inventory

// Bounds of what is kept and asked. What is over one of them is an error that names it.
const (
	// MaxBatch is how many records [Inventory.Add] takes at once.
	MaxBatch = 10_000

	// MaxParts is how many components a Document, and how many inputs a Build, may have.
	MaxParts = 1_000_000

	maxReasons = 100      // sentences of a verdict
	maxText    = 16 << 10 // bytes of a package URL or a sentence
	maxTerm    = 2000     // bytes of a name, package URL or licence that is looked for; PostgreSQL indexes no more than about 2,700
	maxList    = 1000     // digests, signers, reasons, exceptions, gaps, pieces of evidence
	maxPayload = 1 << 20  // bytes of a piece of evidence as it is kept
	maxRecord  = 16 << 20 // bytes of what is kept of a record beside its contents

	batch       = 1000    // records that AddAll adds at once
	fanout      = 16      // segments of a size that are merged into one of the next
	cacheParts  = 1 << 20 // parts whose numbers are remembered
	cacheTrees  = 4096    // trees that others are told by
	cacheFacts  = 1 << 16 // facts and labels that are remembered
	firstChunk  = 128     // sets that are asked for before the first hit
	chunk       = 8192    // sets or records that are asked for at once
	inlineLimit = 500     // values of a statement that are not in one list
)
