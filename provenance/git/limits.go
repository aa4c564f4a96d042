package git

// MaxModified is how many modified files [Inspect] lists. A checkout with more
// is an error.
const MaxModified = 10_000
