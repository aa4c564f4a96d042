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
// Of licences it holds what the texts say, with the files as evidence; a
// judgement is the caller's and has its own field ([Licenses]).
//
// What a publisher adds to a Document when it writes one down, such as a time,
// is a [Stamp].
//
// # Several Documents
//
// Whatever format Documents are from, [Diff] says what is not the same in two of
// them, and calls by its name what must never be: another content under the same
// name and version. [Union] makes one of those of an artifact for several targets,
// and [Merge] of those of several artifacts, or of several tools. [Document.Find]
// looks for a package in a range of versions, and says how it comes in.
// [Document.Check] refuses what is not a Document; [Document.Findings] names what
// is one, and not as its readers will expect it.
package sbom

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
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

	// Targets are the systems that the artifact is built for, sorted by name,
	// if the Document is a union of what is in it on several ones.
	Targets []Target

	// Authors are who answers for what the Document says, sorted.
	Authors []Party

	// Remainder is what was in a document that was read, and has no place in a
	// Document; of components, they have their own.
	Remainder []Remainder

	// Original are the bytes of a document that was read and has a signature in
	// it, which is of these bytes and of no others. Nil for all others.
	Original []byte
}

// A Target is one of the systems that an artifact is built for.
type Target struct {
	Name string // "linux/amd64"; without a colon or a space

	// Properties and Unknown are those of the Document that are not the same
	// for all its Targets.
	Properties []Property
	Unknown    []string
}

// An Edge says that From requires To. Both are Refs of components of the same
// Document. What a requirement is, the package that made the Document says; for
// Go it is the import of a package in To by a package in From.
type Edge struct {
	From, To string   // Refs of components
	Kind     EdgeKind // in what sense it is required

	// Target is the name of the only Target for which it is so. Where that is
	// so for several and not for all, there is an Edge for each.
	Target string
}

// An EdgeKind is in what sense one component requires another.
type EdgeKind string

// The kinds of Edges. The zero EdgeKind is [Linked].
const (
	Linked   EdgeKind = ""            // To is needed in the artifact because From is in it
	ForTests EdgeKind = "test"        // To is needed to test From, or what tests need
	ForTools EdgeKind = "tool"        // To is a tool of From's developers, or what such tools need
	Declared EdgeKind = "requirement" // From's manifest asks for To, whether it is needed or not
	Contains EdgeKind = "contains"    // To is a part of From, in documents of others
)

// A Component is one part of an artifact; for Go, a module.
type Component struct {
	// Ref identifies the component in its Document. It is the PURL unless
	// that is not known or not enough.
	Ref string

	Type    Type
	Name    string
	Version string // as its ecosystem writes it ("v1.2.3"); empty if unknown
	PURL    string // package URL, in canonical form but for what others wrote; empty if unknown
	Scope   Scope

	// Digests identify the component's content, as its ecosystem hashes it:
	// for a Go module the dirHash of its file tree. They are not digests of a
	// file that could be downloaded.
	Digests []hallmark.Digest

	// Verification says how far it has been proved that the component is what
	// its ecosystem has under its name and version.
	Verification Verification

	// Distribution is the file that the component is distributed as. Nil
	// unless the content of such a file was hashed and has the component's
	// digest, so that its Verification is [Recomputed] at least.
	Distribution *Distribution

	// Group is the namespace of the Name, where an ecosystem has one apart from
	// it. A Go module has none.
	Group string

	// Description is a sentence on what the component is.
	Description string

	// Supplier is who the user has the component from, and Producer who made
	// it; nil if nobody says. They are never guessed.
	Supplier, Producer *Party

	// Copyright is the text of the component's copyright notice.
	Copyright string

	// CPEs are the component's names in the Common Platform Enumeration, in the
	// form of version 2.3 or 2.2, sorted.
	CPEs []string

	// References are where more is said of the component, sorted.
	References []Reference

	// Support says how far the component is supported, "actively-maintained" for
	// instance, and SupportUntil until when; empty and zero if nobody says.
	Support      string
	SupportUntil time.Time

	// Gaps are what is known to be missing here, and why, sorted.
	Gaps []Gap

	// Replaces is the PURL of the component that was asked for and that this
	// one is used instead of, as a replace directive does in Go.
	Replaces string

	// Licenses is what is known of the component's licences, or nil if nobody
	// has looked.
	Licenses *Licenses

	// Requirements says whether the Edges from this component are all there,
	// but for those of the kind [Declared].
	Requirements Completeness

	// Targets are the names of those Targets of the Document for which the
	// component has its Scope, sorted. None means all.
	Targets []string

	// Packages are the parts of the component that are needed, if it has parts
	// and they are known, sorted. For a Go module they are its packages, by
	// their directories in it, with slashes; "." is the one in its root.
	Packages []string

	// Remainder is what was in a component of a document that was read, and has
	// no place in a Component.
	Remainder []Remainder

	// Place is where the component was in a document that was read: a JSON pointer
	// (RFC 6901), "/components/3". Empty if it was in none, or in several.
	Place string

	// Embedded are files of the component that the artifact has in it as they
	// are, sorted by Path; in Go, those that go:embed names.
	Embedded []File

	// Properties are facts that have no field, sorted.
	Properties []Property
}

// A Distribution is a file that a component is distributed as; for a Go module,
// its zip.
type Distribution struct {
	// Path is the name of the file as its ecosystem has it, below the base URL
	// of any who serves it. For a Go module it is the one of the module proxy
	// protocol, "golang.org/x/mod/@v/v0.42.0.zip".
	Path string

	// URL is where the file can be had: a base URL that the caller named, and
	// Path. Empty if none was named; nobody has looked there.
	URL string

	// Digests are those of the file's bytes.
	Digests []hallmark.Digest
}

// A Party is a person or an organization.
type Party struct {
	Name   string // may be empty if there is an Email or a URL
	Email  string
	URL    string
	Person bool // whether it is a person; else it is an organization
}

// A Reference says where something is about a component.
type Reference struct {
	// Type is what is there, by the names that CycloneDX has for external
	// references: "website", "vcs", "distribution", "issue-tracker".
	Type string

	URL     string // where it is
	Comment string // what else is said of it; may be empty

	// Digests are those of the file that is there.
	Digests []hallmark.Digest
}

// A Gap says of something that it is not told, on purpose.
type Gap struct {
	Element Element // what is not told
	Kind    GapKind // why
}

// An Element is something that a document should tell of a component.
type Element string

// The elements that can have Gaps.
const (
	ElementSupplier   Element = "supplier"
	ElementProducer   Element = "producer"
	ElementVersion    Element = "version"
	ElementIdentifier Element = "identifier" // a PURL or another unique name
	ElementHash       Element = "hash"
	ElementLicense    Element = "license"
	ElementCopyright  Element = "copyright"
	ElementRequires   Element = "requirements"
)

// A GapKind is why something is not told.
type GapKind string

// The kinds of Gaps.
const (
	NotKnown GapKind = "unknown"  // who wrote the document does not know it
	Withheld GapKind = "withheld" // who wrote it does, and does not tell
)

// A Remainder is a value of a JSON document that was read, for which there is no
// place in a Document.
type Remainder struct {
	// Format is that of the document, as [Format.String] has it.
	Format string

	// Path is where the value was in the document, or in the object that is the
	// component: a JSON pointer (RFC 6901), "/evidence/callstack".
	Path string

	// Value is the value, in JSON.
	Value json.RawMessage
}

// A Loss is a value that a document had and that another document made of it has
// not, or not as it was.
type Loss struct {
	// Path is where it was, as a JSON pointer (RFC 6901) into the first document.
	Path string

	// Why says what became of it.
	Why string

	// Approximated reports whether something like it is there.
	Approximated bool
}

// A File is a file of a component.
type File struct {
	Path   string // in the component, with slashes
	Digest hallmark.Digest
}

// A Verification is a level of proof that a component is what its ecosystem has
// under its name and version. Each level has those before it within.
type Verification string

// The levels, from the lowest to the highest.
const (
	// Unverified is the zero Verification: nothing is known.
	Unverified Verification = ""

	// Listed: the component's digest is recorded where its user's ecosystem
	// keeps such digests. For a Go module this is go.sum, or the binary.
	Listed Verification = "listed"

	// Recomputed: the component's files were hashed, and have that digest.
	Recomputed Verification = "recomputed"

	// Included: the digest is in the ecosystem's public, signed log. For Go
	// this is the checksum database.
	Included Verification = "included"
)

// AtLeast reports whether v is the level w or a higher one. A level that is not
// known is below all others.
func (v Verification) AtLeast(w Verification) bool {
	levels := []Verification{Unverified, Listed, Recomputed, Included}
	return slices.Index(levels, v) >= slices.Index(levels, w) && slices.Contains(levels, w)
}

// A Property is a named fact.
type Property struct{ Name, Value string }

// A Type is what kind of thing a component is, by its CycloneDX name.
type Type string

// The types that components have.
const (
	Application Type = "application" // what is run
	Library     Type = "library"     // what is linked into it

	// Components of Go programs are none of these.
	Framework          Type = "framework"
	Container          Type = "container"
	Platform           Type = "platform"
	OperatingSystem    Type = "operating-system"
	Device             Type = "device"
	DeviceDriver       Type = "device-driver"
	Firmware           Type = "firmware"
	FileType           Type = "file"
	MachineLearning    Type = "machine-learning-model"
	Data               Type = "data"
	CryptographicAsset Type = "cryptographic-asset"

	// Unclassified is a component of a document that does not say what it is,
	// as SPDX documents need not.
	Unclassified Type = "unclassified"
)

// known reports whether t is one of the types that components have.
func (t Type) known() bool {
	switch t {
	case Application, Library, Framework, Container, Platform, OperatingSystem, Device, DeviceDriver, Firmware, FileType, MachineLearning, Data, CryptographicAsset, Unclassified:
		return true
	}
	return false
}

// A Scope is what a component is needed for.
type Scope string

// The scopes that components have. The zero Scope is not valid.
const (
	Runtime   Scope = "runtime"  // it is part of the artifact
	Optional  Scope = "optional" // it may be part of the artifact, or not
	System    Scope = "system"   // the artifact needs it where it runs, and does not have it in it
	Build     Scope = "build"    // it made the artifact and is not part of it
	TestOnly  Scope = "test"     // it is needed to test the artifact, and for nothing else
	ToolOnly  Scope = "tool"     // it is needed by tools of the developers, and for nothing else
	GraphOnly Scope = "graph"    // a manifest asks for it, and nothing needs it

	// Unscoped is a component of a document that does not say what it is needed
	// for, as SPDX documents need not.
	Unscoped Scope = "unscoped"
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

	// What this module makes is from none of these.
	Design       Phase = "design"
	Operations   Phase = "operations"   // from a system that runs
	Discovery    Phase = "discovery"    // from looking at systems
	Decommission Phase = "decommission" // of what is taken out of use
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

func (g Gap) known() bool {
	switch g.Element {
	case ElementSupplier, ElementProducer, ElementVersion, ElementIdentifier, ElementHash, ElementLicense, ElementCopyright, ElementRequires:
		return g.Kind == NotKnown || g.Kind == Withheld
	}
	return false
}

// Sort puts d into the order that its comments promise and returns every way
// in which it is not a Document, as [Document.Check] does.
func (d *Document) Sort() error {
	slices.SortFunc(d.Components, func(a, b Component) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.SortFunc(d.Edges, compareEdges)
	d.Edges = slices.Compact(d.Edges)
	slices.SortFunc(d.Authors, compareParties)
	sortProperties(d.Properties)
	slices.SortFunc(d.Targets, func(a, b Target) int { return cmp.Compare(a.Name, b.Name) })
	for i := range d.Targets {
		sortProperties(d.Targets[i].Properties)
	}
	d.Main.sort()
	for i := range d.Components {
		d.Components[i].sort()
	}
	return d.Check()
}

func (c *Component) sort() {
	sortProperties(c.Properties)
	slices.Sort(c.CPEs)
	slices.SortFunc(c.References, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Comment, b.Comment),
			slices.CompareFunc(a.Digests, b.Digests, func(a, b hallmark.Digest) int { return cmp.Compare(a.String(), b.String()) }))
	})
	slices.SortFunc(c.Gaps, func(a, b Gap) int { return cmp.Or(cmp.Compare(a.Element, b.Element), cmp.Compare(a.Kind, b.Kind)) })
	slices.Sort(c.Targets)
	slices.Sort(c.Packages)
	slices.SortFunc(c.Embedded, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	if c.Licenses != nil {
		c.Licenses.sort()
	}
}

func compareParties(a, b Party) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email), cmp.Compare(a.URL, b.URL), compareBool(a.Person, b.Person))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func sortProperties(ps []Property) {
	slices.SortFunc(ps, func(a, b Property) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
}

// Check returns every way in which d is not a Document, joined:
//
//   - a component without a Ref or a name, with a type, a scope or a completeness
//     that is none of this package's, with a zero Digest, or with a PURL or a
//     Replaces that is malformed, which one that is not canonical is not;
//   - a Verification that is none of this package's;
//   - a Distribution of a component that is not [Recomputed], without a Path or
//     Digests, with a Digest that is not [hallmark.Digest.Secure], or with a URL
//     that is not absolute and escaped or that names a user, who might have a
//     password;
//   - a party or a reference that says nothing, a Gap of no known element or kind
//     or two of one element, a remainder whose value is not JSON, a place that is
//     no JSON pointer;
//   - two components with the same Ref;
//   - a main component that is not part of the artifact, or not for every Target;
//   - a package twice, or a file that is embedded twice or without a SHA-256
//     or stronger Digest;
//   - two Targets of a name, or just one Target; a name of one that is empty or
//     holds a colon or a space; a target of a component or an edge that is
//     none of them, or that a component has twice;
//   - licenses that say nothing, an expression, an identifier, a path or a kind
//     that is malformed, a file without a digest or twice, a licence that a file
//     has and Declared has not, and a LicenseRef without its text or with two;
//   - an edge with an end that is not in d, of a kind that is none of this
//     package's, or that leads to its own start;
//   - a Phase that is none of this package's;
//   - a text anywhere in d that is not UTF-8.
//
// Encoders refuse a Document that does not pass.
func (d *Document) Check() error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("sbom: "+format, a...)) }
	text := func(of string, texts ...string) {
		for _, t := range texts {
			// Two texts could become one when they are written down.
			if !utf8.ValidString(t) {
				fail("%s: text %q is not UTF-8", of, t)
			}
		}
	}
	properties := func(of string, ps []Property) {
		for _, p := range ps {
			text(of, p.Name, p.Value)
		}
	}

	party := func(of string, p Party) {
		if p == (Party{Person: p.Person}) {
			fail("%s: a party without a name, an email address or a URL", of)
		}
		text(of, p.Name, p.Email, p.URL)
	}
	remainder := func(of string, list []Remainder) {
		for _, r := range list {
			if r.Format == "" || r.Path != "" && r.Path[0] != '/' || !json.Valid(r.Value) {
				fail("%s: remainder %q has no format, no JSON pointer or a value that is not JSON", of, r.Path)
			}
			text(of, r.Format, r.Path)
		}
	}

	text("document", d.Unknown...)
	for _, a := range d.Authors {
		party("author", a)
	}
	remainder("document", d.Remainder)
	properties("document", d.Properties)
	switch d.Phase {
	case "", PreBuild, Built, PostBuild, Design, Operations, Discovery, Decommission:
	default:
		fail("document: phase %q is not known", d.Phase)
	}
	if d.Main.Scope != Runtime {
		fail("main component: scope %q, want %q", d.Main.Scope, Runtime)
	}
	if len(d.Main.Targets) > 0 {
		fail("main component: it has targets, and a document is about it for all of them")
	}
	targets := make(map[string]bool)
	for _, t := range d.Targets {
		if t.Name == "" || strings.ContainsAny(t.Name, ": ") || targets[t.Name] {
			fail("target %q: want a name that no other one has, without a colon or a space", t.Name)
		}
		targets[t.Name] = true
		text("target", t.Name)
		text("target "+t.Name, t.Unknown...)
		properties("target "+t.Name, t.Properties)
	}
	if len(targets) == 1 {
		fail("document: one target, want none or several")
	}
	known := make(map[string]bool, len(d.Components)+1)
	licenseTexts := make(map[string]string)
	for i, c := range d.All() {
		where := c.Ref
		switch {
		case i == 0:
			where = "main component"
		case c.Ref == "":
			where = fmt.Sprintf("component %q", c.Name)
		}
		if c.Place != "" {
			where += " at " + c.Place
		}
		if c.Ref == "" {
			fail("%s has no ref", where)
		} else if known[c.Ref] {
			fail("%s: its ref occurs twice", where)
		}
		known[c.Ref] = true
		if c.Name == "" {
			fail("%s has no name", where)
		}
		if !c.Type.known() {
			fail("%s: type %q is not known", where, c.Type)
		}
		switch c.Scope {
		case Runtime, Optional, System, Build, TestOnly, ToolOnly, GraphOnly, Unscoped:
		default:
			fail("%s: scope %q is not known", where, c.Scope)
		}
		if c.Requirements != Complete && c.Requirements != Unknown {
			fail("%s: completeness %q is not known", where, c.Requirements)
		}
		for _, p := range []string{c.PURL, c.Replaces} {
			if p != "" {
				if _, err := purl.Parse(p); err != nil {
					fail("%s: %w", where, err)
				}
			}
		}
		for _, dg := range c.Digests {
			if dg.IsZero() {
				fail("%s: a digest is zero", where)
			}
		}
		if !c.Verification.AtLeast(Unverified) {
			fail("%s: verification %q is not known", where, c.Verification)
		}
		if f := c.Distribution; f != nil {
			if !c.Verification.AtLeast(Recomputed) {
				fail("%s: a distribution, but its verification is %q, want %q or more", where, c.Verification, Recomputed)
			}
			if f.Path == "" || len(f.Digests) == 0 {
				fail("%s: a distribution without a path or without digests", where)
			}
			for _, dg := range f.Digests {
				if !dg.Secure() {
					fail("%s: distribution: digest %q does not identify a file", where, dg)
				}
			}
			// The URL is not in the error: a password is not for logs.
			if u, err := url.Parse(f.URL); f.URL != "" && (err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.String() != f.URL) {
				fail("%s: distribution: want an absolute, escaped URL without a user", where)
			}
			text(where, f.Path, f.URL)
		}
		if l := c.Licenses; l != nil {
			l.check(func(format string, a ...any) { fail("%s: %w", where, fmt.Errorf(format, a...)) }, licenseTexts)
			text(where, l.Unknown)
			for _, f := range l.Files {
				text(where, f.Path)
			}
		}
		for _, p := range []*Party{c.Supplier, c.Producer} {
			if p != nil {
				party(where, *p)
			}
		}
		for _, r := range c.References {
			if r.Type == "" || r.URL == "" {
				fail("%s: a reference without a type or a URL", where)
			}
			text(where, r.Type, r.URL, r.Comment)
			for _, dg := range r.Digests {
				if dg.IsZero() {
					fail("%s: reference: a digest is zero", where)
				}
			}
		}
		for i, g := range c.Gaps {
			if !g.known() || slices.ContainsFunc(c.Gaps[:i], func(o Gap) bool { return o.Element == g.Element }) {
				fail("%s: gap %q %q is not known, or there are two", where, g.Element, g.Kind)
			}
		}
		remainder(where, c.Remainder)
		if c.Place != "" && c.Place[0] != '/' {
			fail("%s: place %q is no JSON pointer", where, c.Place)
		}
		text(where, c.Place, c.Group, c.Description, c.Copyright, c.Support)
		text(where, c.CPEs...)
		for i, t := range c.Targets {
			if !targets[t] || slices.Contains(c.Targets[:i], t) {
				fail("%s: target %q is not one of the document's, or occurs twice", where, t)
			}
		}
		packages := make(map[string]bool, len(c.Packages))
		for _, p := range c.Packages {
			if p == "" || packages[p] {
				fail("%s: package %q has no name, or occurs twice", where, p)
			}
			packages[p] = true
		}
		embedded := make(map[string]bool, len(c.Embedded))
		for _, f := range c.Embedded {
			if f.Path == "" || embedded[f.Path] || !f.Digest.Secure() {
				fail("%s: embedded file %q has no path or no digest that identifies it, or occurs twice", where, f.Path)
			}
			embedded[f.Path] = true
			text(where, f.Path)
		}
		text(where, c.Ref, c.Name, c.Version, c.PURL, c.Replaces)
		text(where, c.Packages...)
		properties(where, c.Properties)
	}
	from := false // whether the edge's From is known, which is that of several edges as a rule
	for i, e := range d.Edges {
		if i == 0 || e.From != d.Edges[i-1].From {
			from = known[e.From]
		}
		if !from || !known[e.To] {
			fail("edge %s → %s: an end is not in the document", e.From, e.To)
		}
		switch e.Kind {
		case Linked, ForTests, ForTools, Declared, Contains:
		default:
			fail("edge %s → %s: kind %q is not known", e.From, e.To, e.Kind)
		}
		if e.Target != "" && !targets[e.Target] {
			fail("edge %s → %s: target %q is not one of the document's", e.From, e.To, e.Target)
		}
		if e.From == e.To {
			fail("edge %s → %s leads to its own start", e.From, e.To)
		}
	}
	return errors.Join(errs...)
}

// All returns all components of d: the main one first, the others by Ref, in
// whatever order they are in d. They are d's own and not copies.
func (d *Document) All() []*Component {
	all := make([]*Component, 1, 1+len(d.Components))
	all[0] = &d.Main
	for i := range d.Components {
		all = append(all, &d.Components[i])
	}
	slices.SortFunc(all[1:], func(a, b *Component) int { return cmp.Compare(a.Ref, b.Ref) })
	return all
}

// Requires returns, for the Ref of each component that requires any, the Refs of
// those that it requires for any target, sorted and without duplicates. Edges of
// the kinds [Declared] and [Contains] are left out. So are, from components that are part of the
// artifact, all that are not [Linked]: what can be reached from the main
// component is needed in the artifact.
func (d *Document) Requires() map[string][]string {
	linked := d.linked()
	edges := make([]Edge, 0, len(d.Edges))
	for _, e := range d.Edges {
		if linked(e) {
			edges = append(edges, Edge{From: e.From, To: e.To})
		}
	}
	slices.SortFunc(edges, compareEdges)
	edges = slices.Compact(edges)
	to := make([]string, len(edges)) // one piece of memory for all lists
	requires := make(map[string][]string)
	for i, e := range edges {
		to[i] = e.To
		n := len(requires[e.From])
		requires[e.From] = to[i-n : i+1 : i+1]
	}
	return requires
}

// Others yields the edges that [Document.Requires] leaves out, sorted, each once and
// without its Target.
func (d *Document) Others() iter.Seq[Edge] {
	linked := d.linked()
	var others []Edge
	for _, e := range d.Edges {
		if !linked(e) {
			others = append(others, Edge{From: e.From, To: e.To, Kind: e.Kind})
		}
	}
	slices.SortFunc(others, compareEdges)
	return slices.Values(slices.Compact(others))
}

// linked returns a function that reports whether an edge is one of those that
// Requires has.
func (d *Document) linked() func(Edge) bool {
	runtime := map[string]bool{d.Main.Ref: true}
	for _, c := range d.Components {
		runtime[c.Ref] = c.Scope == Runtime || c.Scope == Optional || c.Scope == Unscoped
	}
	return func(e Edge) bool {
		return e.Kind == Linked || e.Kind != Declared && e.Kind != Contains && !runtime[e.From]
	}
}

func compareEdges(a, b Edge) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
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
// Refs, both ends included, by [Document.Requires]. It returns nil if there is
// none, which for a Document whose edges are not known to be complete does not
// mean that the component is not needed.
func (d *Document) Why(ref string) []string { return chain(d.ways(), ref) }

// ways returns for the Ref of each component that can be reached from the main one
// the Ref of the component before it on a shortest way.
func (d *Document) ways() map[string]string {
	requires := d.Requires()
	from := map[string]string{d.Main.Ref: ""}
	for queue := []string{d.Main.Ref}; len(queue) > 0; queue = queue[1:] {
		for _, next := range requires[queue[0]] {
			if _, seen := from[next]; !seen {
				from[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return from
}

// chain returns the way to ref, both ends included, or nil if there is none.
func chain(from map[string]string, ref string) []string {
	if _, ok := from[ref]; !ok {
		return nil
	}
	var refs []string
	for at := ref; at != ""; at = from[at] {
		refs = append(refs, at)
	}
	slices.Reverse(refs)
	return refs
}
