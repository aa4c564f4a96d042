package openvex

// Bounds of what [Parse] reads and [Document.Marshal] writes. What is over one of them
// is an error that names the bound. How deep values are nested is bounded by
// internal/strictjson.
const (
	MaxDocument = 1 << 26   // bytes
	MaxEntries  = 1_000_000 // entries of all lists and maps together
)
