package verify

import (
	"github.com/hallmark-dev/hallmark"
)

// Inputs are what a build may have taken in: the resolvedDependencies of its
// provenance. The zero Inputs asks nothing. With any other a build that lists none
// is unproven. The source, for which other rules answer, is not an input.
//
// A build lists what its platform knows of; that it lists all, none can tell.
type Inputs struct {
	// Pinned are inputs that must be there, by URI, each with its digest.
	Pinned map[string]hallmark.Digest

	// Origins are where inputs may come from: an input's URI is one of these, or
	// goes on from one that ends in a slash. Empty means from anywhere.
	Origins []string

	// Digests asks that each input has a digest for which [hallmark.Digest.Secure]
	// holds, or is a gitCommit.
	Digests bool
}

// A Step is something that was done before the build, attested by those who did
// it. What a step made, the subjects of its statement, is taken in by the next step
// and, from the last one, by the build: at least one of its products must be among
// the materials of what comes after it, by a secure digest, and no material that has
// the name of a product may have another digest.
type Step struct {
	// Name is the step's name, for people; in a link it must be the link's.
	Name string

	// PredicateType is provenance.LinkType or provenance.PredicateType.
	PredicateType string

	// Builder is the builder.id of a step whose attestation is provenance.
	Builder string

	// Identities are those who may attest it, and Threshold how many of them must
	// have attested the same products of the same materials; 0 means 1.
	Identities []Identity
	Threshold  int
}
