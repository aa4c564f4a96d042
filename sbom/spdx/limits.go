package spdx

// Bounds of what Parse reads. What is over one of them is an error that names the
// bound. How deep values are nested and how many members objects have is bounded
// by internal/strictjson.
const (
	maxDocument = 1 << 30   // bytes
	maxElements = 2_000_000 // packages, files, snippets and relationships together, or elements of a graph
)
