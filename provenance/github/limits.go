package github

// MaxWorkflowSize is the size of the file that [AddWorkflow] reads, in bytes.
const MaxWorkflowSize = 1 << 20
