package cyclonedx

// Bounds of a document. What is over one of them is refused with an error that
// names the bound. How deep it may be nested is bounded by its reader, to 100.
const (
	// maxDocument is how many bytes a document may have.
	maxDocument = 1 << 28

	// maxComponents is how many components it may have, nested ones too.
	maxComponents = 1_000_000

	// maxValues is how many values it may have, arrays and objects too.
	maxValues = 20_000_000

	// maxNested is how deep components may be written within one another. Those
	// deeper are written beside them, with a property that says where they
	// belong.
	maxNested = 20
)

// maxVersion is how many characters the JSON schema allows a version.
const maxVersion = 1024
