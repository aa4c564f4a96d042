package osv

// Bounds of what is read. What is over one of them is an error that names the bound.
// How deep values are nested is bounded by internal/strictjson.
const (
	MaxRecord  = 1 << 25   // bytes of a record
	MaxEntries = 1_000_000 // entries of all lists of a record together

	maxFiles = 1_000_000 // files below a directory of records
	maxIndex = 1 << 28   // bytes of a file in index of the Go vulnerability database
)
