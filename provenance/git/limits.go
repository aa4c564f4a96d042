package git

// MaxModified is how many modified files [Inspect] lists. A checkout with more
// is an error.
const MaxModified = 10_000

// maxGoMod is how many bytes a go.mod has at most, as in the go command.
const maxGoMod = 16 << 20
