// Package sbom says what is inside an artifact.
//
// A [Document] is the graph of an artifact's components, in no particular file
// format. The packages below this one fill it and write it: sbom/gomod from Go
// modules and Go binaries, sbom/cyclonedx and sbom/spdx as their formats.
//
// # Only what is known
//
// A Document holds facts of its source and is the same whenever it is made from
// the same input. An empty field means that the source does not tell: nothing
// here is guessed, a supplier least of all. What the source could not tell
// about the graph as a whole is a sentence in [Document.Unknown], and each
// component says by [Component.Requirements] how far its edges can be relied on.
//
// What a publisher adds to a Document when it writes one down, such as a time,
// is a [Stamp].
package sbom

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// A Document is what is inside one artifact: its components, and which of them
// requires which.
type Document struct {
	// Main is the component that the document is about.
	Main Component

	// Components are all others, sorted by Ref.
	Components []Component

	// Edges say which component requires which, sorted.
	Edges []Edge

	// Phase is the stage of a product's life that the facts are from.
	Phase Phase

	// Properties are facts about the document's source that have no field,
	// sorted, as "GOOS" and its value are for a Go build.
	Properties []Property

	// Unknown says what the source could not tell, one sentence each.
	Unknown []string
}

// An Edge says that From requires To. Both are Refs of components of the same
// Document. What a requirement is, the package that made the Document says; for
// Go it is the import of a package in To by a package in From.
type Edge struct{ From, To string }

// A Component is one part of an artifact; for Go, a module.
type Component struct {
	// Ref identifies the component in its Document. It is the PURL unless
	// that is not known or not enough.
	Ref string

	Type    Type
	Name    string
	Version string // as its ecosystem writes it ("v1.2.3"); empty if unknown
	PURL    string // package URL in canonical form; empty if unknown
	Scope   Scope

	// Digests identify the component's content, as its ecosystem hashes it:
	// for a Go module the dirHash of its file tree. They are not digests of a
	// file that could be downloaded.
	Digests []hallmark.Digest

	// Replaces is the PURL of the component that was asked for and that this
	// one is used instead of, as a replace directive does in Go.
	Replaces string

	// Requirements says whether the Edges from this component are all there.
	Requirements Completeness

	// Properties are facts that have no field, sorted.
	Properties []Property
}

// A Property is a named fact.
type Property struct{ Name, Value string }

// A Type is what kind of thing a component is, by its CycloneDX name.
type Type string

// The types that components have.
const (
	Application Type = "application" // what is run
	Library     Type = "library"     // what is linked into it
)

// A Scope is what a component is needed for.
type Scope string

// The scopes that components have. The zero Scope is not valid.
const (
	Runtime Scope = "runtime" // it is part of the artifact
	Build   Scope = "build"   // it made the artifact and is not part of it
)

// Completeness is how much is known of a list.
type Completeness string

// The zero Completeness is [Unknown].
const (
	Unknown  Completeness = ""         // the list may lack any number of entries
	Complete Completeness = "complete" // the list has every entry
)

// A Phase is a stage in the life of a product, by its CycloneDX name.
type Phase string

// The phases that a Document can be from.
const (
	PreBuild  Phase = "pre-build"  // from sources: what a build would use
	PostBuild Phase = "post-build" // from the artifact itself
	Built     Phase = "build"      // from the sources and the artifact built from them
)

// A Stamp is what a publisher adds to a Document when writing it. The zero
// Stamp adds nothing, which not every format allows.
type Stamp struct {
	// Created is the time that the written document carries, in UTC and to
	// the second. It is the caller's to give, so that the same Document can
	// be written twice with the same bytes.
	Created time.Time

	// Tool is the program that writes the document.
	Tool Tool
}

// A Tool is a program by name and version. Either may be empty.
type Tool struct{ Name, Version string }

// Sort puts d into the order that its comments promise and returns every way
// in which it is not a Document, as [Document.Check] does.
func (d *Document) Sort() error {
	slices.SortFunc(d.Components, func(a, b Component) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.SortFunc(d.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	d.Edges = slices.Compact(d.Edges)
	sortProperties(d.Properties)
	sortProperties(d.Main.Properties)
	for i := range d.Components {
		sortProperties(d.Components[i].Properties)
	}
	return d.Check()
}

func sortProperties(ps []Property) {
	slices.SortFunc(ps, func(a, b Property) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
}

// Check returns every way in which d is not a Document, joined: a component
// without a Ref, a name, a type or a scope, two with the same Ref, an edge whose
// end is not in the document or that leads back to its start. Encoders refuse
// a Document that does not pass.
func (d *Document) Check() error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("sbom: "+format, a...)) }
	known := make(map[string]bool, len(d.Components)+1)
	for i, c := range d.components() {
		where := fmt.Sprintf("component %d (%s)", i, cmp.Or(c.Ref, c.Name))
		if i == 0 {
			where = "main component"
		}
		switch {
		case c.Ref == "":
			fail("%s has no ref", where)
		case known[c.Ref]:
			fail("%s: its ref occurs twice", where)
		}
		known[c.Ref] = true
		if c.Name == "" {
			fail("%s has no name", where)
		}
		if c.Type != Application && c.Type != Library {
			fail("%s: type %q, want %q or %q", where, c.Type, Application, Library)
		}
		if c.Scope != Runtime && c.Scope != Build {
			fail("%s: scope %q, want %q or %q", where, c.Scope, Runtime, Build)
		}
		if c.PURL != "" && !strings.HasPrefix(c.PURL, "pkg:") {
			fail("%s: PURL %q does not begin with pkg:", where, c.PURL)
		}
	}
	for _, e := range d.Edges {
		if !known[e.From] || !known[e.To] {
			fail("edge %s → %s: an end is not in the document", e.From, e.To)
		}
		if e.From == e.To {
			fail("edge %s → %s leads to its own start", e.From, e.To)
		}
	}
	return errors.Join(errs...)
}

// components yields d's components with their number in the document; Main is
// number 0.
func (d *Document) components() iter.Seq2[int, *Component] {
	return func(yield func(int, *Component) bool) {
		if !yield(0, &d.Main) {
			return
		}
		for i := range d.Components {
			if !yield(i+1, &d.Components[i]) {
				return
			}
		}
	}
}

// Component returns the component of d that ref identifies, or nil.
func (d *Document) Component(ref string) *Component {
	if ref == d.Main.Ref {
		return &d.Main
	}
	i, ok := slices.BinarySearchFunc(d.Components, ref, func(c Component, ref string) int { return cmp.Compare(c.Ref, ref) })
	if !ok {
		return nil
	}
	return &d.Components[i]
}

// Why returns a shortest chain of edges from d's main component to ref, as
// Refs, both ends included. It returns nil if there is none, which for a
// Document whose edges are not known to be complete does not mean that the
// component is not needed.
func (d *Document) Why(ref string) []string {
	to := make(map[string][]string)
	for _, e := range d.Edges {
		to[e.From] = append(to[e.From], e.To)
	}
	from := map[string]string{d.Main.Ref: ""}
	for queue := []string{d.Main.Ref}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == ref {
			var chain []string
			for at := ref; at != ""; at = from[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range to[queue[0]] {
			if _, seen := from[next]; !seen {
				from[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}
