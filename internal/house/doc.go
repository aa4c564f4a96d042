// Package house holds this repository to the rules that a compiler does not
// know. It has no code, only tests, one file per concern:
//
//   - floors_test.go: which package may import and link what;
//   - api_test.go: the exported names, against testdata/api.txt;
//   - docs_test.go: a comment for every name, an Example for every verb;
//   - quiet_test.go: no global state, no printing, no clock, no network;
//   - weight_test.go: what a program that imports Hallmark takes on with it;
//   - consume_test.go: the modules as somebody outside gets them;
//   - pages_test.go: the commands and policies of the pages.
//
// Each rule has a reason, which its failure prints. Each list of exceptions is
// short, has a reason per entry, and fails for an entry that is not needed any
// more.
//
// The tests run git and the go command in the checkout that they stand in, and
// judge its working tree: what git tracks, and what it would add.
package house
