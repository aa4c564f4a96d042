package gomod

// Bounds on what is read. What is over one is an error that says so. The output
// of the go command has the bounds of internal/command.
const (
	maxGoMod    = 16 << 20 // bytes of a go.mod file, as in the go command
	maxVERSION  = 4 << 10  // bytes of the file VERSION of a Go distribution
	maxModules  = 20_000   // modules that a binary names
	maxSettings = 1_000    // build settings that a binary has
	maxText     = 8 << 10  // bytes of one path, version or setting of a binary
	maxErrors   = 4 << 10  // bytes of the go command's messages in an error
)
