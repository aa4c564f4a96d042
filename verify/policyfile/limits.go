package policyfile

// MaxSize is the size of a policy file, in bytes. A larger one is an error.
const MaxSize = 1 << 20
