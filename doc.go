// Package hallmark has the two words that all packages of this module speak: a
// [Digest], which names bytes, and an [Artifact], which is a name with its
// digests. [HashFile], [HashFiles] and [HashDir] make them of what is on disk,
// [ParseChecksums] and [ParseArtifact] of what others have hashed.
//
// A hallmark on a piece of silver says what it is made of, who made it, and which
// office tested it. The packages of this module strike the same marks on
// software, and read them.
//
// # The way through
//
// Data goes one way. Each step has a package, a type and a verb:
//
//	what is inside     module graph    →  [sbom.Document]         sbom/gomod
//	                   proofs, licences added to it               sbom/sumdb, sbom/license
//	                   sbom.Document   ↔  CycloneDX, SPDX         sbom/cyclonedx, sbom/spdx
//	                   held against minimum elements              sbom/minimum
//	where it is from   running build   →  [provenance.Build]      provenance/ci, provenance/git
//	                   with the platform's word                   provenance/oidc
//	                   Build           →  [provenance.Statement]  provenance
//	                   tied to source, commit and program         provenance/gobuild
//	                   what is said of a release, together        provenance/release
//	who says so        statement       →  [sign.Envelope]         sign
//	                   kept beside an image in its registry       sign/oci
//	whether to         envelopes       →  [verify.Result]         verify, verify/policyfile
//	believe it         what is in SBOMs and Go programs, for it   verify/inspect
//
// The example of this package goes the whole way in one function. The programs
// in the directory examples are it in earnest; they are there to be copied, and the
// README there is the road past them.
//
// A verifier needs neither the sbom packages nor a way to sign, and a program
// that only writes SBOMs links no signatures. Package sign/sigstore, which signs
// without keys and recognizes who did, is a module of its own, because what it
// stands on is large.
//
// # What no package does
//
// No package reads the environment, the clock or the network but through what
// the caller gives it, prints or logs, keeps global state, or has an init
// function. The same input gives the same bytes, in every build and on every
// machine, and no output has a path of the machine it was made on, unless a
// caller asks for it. Times are the caller's to give. Package provenance/git runs
// git, and provenance/gobuild git and the go command, with an environment of their
// own; no other package runs a program.
//
// [sbom.Document]: https://pkg.go.dev/github.com/hallmark-dev/hallmark/sbom#Document
// [provenance.Build]: https://pkg.go.dev/github.com/hallmark-dev/hallmark/provenance#Build
// [provenance.Statement]: https://pkg.go.dev/github.com/hallmark-dev/hallmark/provenance#Statement
// [sign.Envelope]: https://pkg.go.dev/github.com/hallmark-dev/hallmark/sign#Envelope
// [verify.Result]: https://pkg.go.dev/github.com/hallmark-dev/hallmark/verify#Result
package hallmark
