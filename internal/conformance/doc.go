// Package conformance holds the tests in which others judge Hallmark: official
// schemas and test suites, and other people's implementations of the same
// formats. It is a module of its own, so that what the judges need does not
// become a requirement of who uses Hallmark.
//
// A judge is judged first: its verdicts on documents with a known verdict are
// compared before its verdict on Hallmark's output counts.
//
// The documents are in a corpus outside of the repository, in the directory
// that the environment variable HALLMARK_CORPUS names. Without it the tests
// that need it are skipped. HALLMARK_REGISTRY names the program of a registry.
package conformance
