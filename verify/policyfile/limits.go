package policyfile

// MaxSize is the size of a policy file, in bytes. A larger one is an error.
const MaxSize = 1 << 20

// MaxItems is how many members or elements a map or a list in a policy file may
// have, and MaxDepth how deep lists and maps may be in the value of a parameter.
// More is an error.
const (
	MaxItems = 10_000
	MaxDepth = 32
)

// MaxFaults is how many faults of a policy file are reported. What follows is
// counted.
const MaxFaults = 50
