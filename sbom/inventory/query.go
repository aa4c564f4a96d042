package inventory

import (
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Query asks which artifacts contain a component. At least one of Package, Digest and
// License must be given, and a component must be all that are.
type Query struct {
	// Package is a package by its URL and a range of versions. What it finds is what
	// [sbom.Document.Find] finds, with the same doubts.
	Package sbom.Query

	// Digest is one that the component has: for a Go module the dirHash of its files.
	Digest hallmark.Digest

	// License is an identifier of the SPDX License List, or a LicenseRef, that is in the
	// declared or the concluded licence of the component.
	License string

	// Of are the artifacts that are asked about. The zero Filter asks about all.
	Of Filter

	// Rule is a policy by which the trust of each hit is decided anew. Without one it is
	// the verdict that was kept.
	Rule *Rule
}

// A Filter says which artifacts are asked for. All that is given must hold; the zero
// Filter asks for all.
type Filter struct {
	Digest   hallmark.Digest // one of the artifact
	Name     string          // of the artifact
	Source   string          // URL of the repository that it was built from
	Commit   hallmark.Digest // that it was built from
	Workflow string          // that built it, as [Build] has it
	Builder  string          // builder.id, with its ref or, for all refs, without
	Signer   string          // who signed evidence of it, as [Entry] has it
	Key      hallmark.Digest // the fingerprint of a key that signed evidence of it
	Input    hallmark.Digest // of something that its build took in

	// After and Before are when the build was finished: not before one and before the
	// other. Zero is no bound. A build of which no time is known is within all bounds:
	// whoever looks for what was built in bad times wants to know of it.
	After, Before time.Time

	// Verdict is what the kept verdict is: verify.Accepted, verify.Rejected,
	// verify.Undecided, or "none" if nobody has decided. Empty asks for all.
	Verdict string

	Contents Contents // how far its SBOM can be believed; empty asks for all

	// Deployed asks for what runs, by what [Inventory.Deploy] was told.
	Deployed bool

	// Incomplete asks for what no answer about components can be certain of: artifacts
	// without an SBOM, and with one that is known to have gaps.
	Incomplete bool
}

// A Rule is a policy, and the digest of its file.
type Rule struct {
	Policy *verify.Policy  // nil if nobody has decided
	Digest hallmark.Digest // of the file, to be kept with verdicts; it may be zero
}

// A Hit is a component of an artifact that a [Query] asks for.
type Hit struct {
	Entry

	// Component is what is kept of the component: Type, Name, Group, Version, PURL,
	// Digests, Replaces, Packages and licences. Components of a Document of which all
	// this is the same are one.
	Component *sbom.Component

	// Path is a shortest way from the artifact to the component, as [sbom.Document.Why]
	// has it: package URLs, or name and version where there is none. It is nil if it is
	// not known, or if the artifact does not need the component.
	Path []string

	// Doubt says why it is not certain that the component is what is asked for, and is
	// empty if it is.
	Doubt string

	// Finding is what the advisory says of the component, if there is one.
	Finding *osv.Finding
}
