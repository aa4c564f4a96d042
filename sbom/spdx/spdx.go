// Package spdx writes an [sbom.Document] as SPDX JSON, of version 2.3 or 3.0.1, and
// reads documents of 2.2, 2.3 and 3.0.1.
//
//	data, err := spdx.Marshal(doc, sbom.Stamp{Created: when})
//	data, err := spdx.MarshalVersion(doc, stamp, spdx.V301)
//	doc, stamp, err := spdx.Parse(data)
//
// [Write] writes to an io.Writer and holds little of the document in memory. What
// is written is read back as the same Document: see [Parse].
//
// # SPDX 2.3
//
// Every component is a package, the main one first and the others sorted by
// Ref. The relationships between them are true statements by the table of the
// specification's clause 11.1:
//
//	SPDXRef-DOCUMENT DESCRIBES main
//	main CONTAINS c              c is part of the artifact
//	c OPTIONAL_COMPONENT_OF main c may be part of the artifact, or not
//	main DYNAMIC_LINK c          the system must have c for the artifact
//	c BUILD_TOOL_OF main         c made the artifact and is not part of it
//	c TEST_DEPENDENCY_OF main    only tests need c; the comment says so if no edge
//	                             of main does
//	c DEV_TOOL_OF main           only tools of the developers need c
//	main OTHER c                 nothing needs c; a manifest asks for it, as the
//	                             comment says
//	a DEPENDS_ON b               a requires b, by [sbom.Document.Requires]
//	b TEST_DEPENDENCY_OF a       edges that it leaves out, of the kind "test",
//	b DEV_DEPENDENCY_OF a        of the kind "tool"
//	a CONTAINS b                 "contains": with a comment if a is main
//	a OTHER b                    and "requirement", as the comment says
//	a DEPENDS_ON NONE            a requires nothing
//	a DEPENDS_ON NOASSERTION     what a requires is not known, or not all of it
//
// A comment on one of these has a line for each edge that it stands for, unless
// that is one for all targets and of the kind that the type means: the kind
// ("linked", "test", "tool", "requirement", "contains") and " for " with the target. A package
// with neither NONE nor NOASSERTION has all its requirements in the document, if
// the document's comment has the line "requirements complete unless NOASSERTION".
//
// What SPDX 2.3 has no field for stands in the comment of the package, or of the
// document, one statement in a line:
//
//	go.sum h1:…        the sum of a Go module as in go.sum
//	digest ALG:HEX     any other digest that is no checksum
//	distribution PATH  the path of the file that the package is distributed as,
//	                   whose URL is the download location and whose digests are
//	                   the checksums
//	distributed at URL, distributed as DIGEST   where that is not so
//	verification LEVEL how far it is proved that the package is the one of its
//	                   name: listed, recomputed or included, as
//	                   [sbom.Verification] says
//	replaces PURL      the package is used instead of that one, which was asked for
//	type TYPE          the Type, if the primary purpose is OTHER
//	group NAME         the Group
//	supplier JSON, producer JSON, cpe NAME, reference JSON   what does not fit into
//	                   the field for it: the Party, the name, the Reference
//	support TEXT       how far it is supported
//	supported until TIME   until when, if that is not to the second
//	gap ELEMENT KIND   what is not told: "unknown" or "withheld"
//	target NAME        a target that needs the component, which without such lines
//	                   all do; in the document's comment, a target
//	package PATH       a part of the component that is needed, by its path in it
//	embedded DIGEST PATH  a file of the component that is in the artifact as it is
//	property N=V       the Property N of the component, or of the Document, is V
//	target NAME property N=V   in the document's comment: the Property of a target
//	target NAME unknown SENTENCE  what the source could not tell of it
//	unknown SENTENCE   what the source could not tell, in the document's comment
//	author JSON        in the document's comment: an author who does not fit among
//	                   the creators
//	phase PHASE        in the document's comment: a phase that is no type of SBOM
//
// A text in such a line that holds control characters or begins with a double
// quote is written as a quoted Go string, and so is a name that holds "=".
//
// A checksum is the digest of a file, by an algorithm that SPDX has a name for: of
// the component, or of the file that it is distributed as, if its URL is known. The
// h1 sum of a Go module is a hash of a list of hashes and never a checksum. The
// homepage is the first reference of the type "website", and the download location
// that of the type "distribution", if nothing more is said of it; other references
// of CycloneDX's types are external references of the category OTHER.
//
// The comment of the creation information is the type of the SBOM by the names of
// CISA, as "SBOM Type: Build". A supplier, copyright or download location that is
// not known is NOASSERTION. No files were analysed, so there is no package
// verification code.
//
// A main component with the Ref "SPDXRef-DOCUMENT" and the type
// [sbom.Unclassified] is no package: it stands for what a document is about that
// describes none.
//
// # SPDX 3.0.1
//
// The elements come in this order, each in a line:
//
//	CreationInfo               created by the authors; if there are none, by the
//	                           program, a SoftwareAgent
//	Tool                       the program that wrote the document
//	SpdxDocument               its comment has the lines of 2.3; Properties are a
//	                           CdxPropertiesExtension
//	software_Sbom              its type is that of the phase, and it lists all packages
//	software_Package           each component, the main one first
//	software_File              behind its package: the artifact or the file that it is
//	                           distributed as (hasDistributionArtifact), with its
//	                           hashes, and files embedded in the artifact (contains).
//	                           What Properties of BSI's names say of the former is its
//	                           software_additionalPurpose (BSI TR-03183-2, 8.2)
//	build_Build                for the phase [sbom.Built] of a Go program: what it
//	                           hasOutput is the artifact, its parameters are the
//	                           document's Properties
//	Person, Organization       authors, suppliers (suppliedBy), producers (originatedBy)
//	simplelicensing_…          expressions and texts (hasDeclaredLicense,
//	                           hasConcludedLicense); if none is declared and somebody
//	                           has looked, it is NoAssertion. The evidence is in the
//	                           comment of hasDeclaredLicense, as below
//	dependsOn                  the edges of a component, by kind and target, with the
//	                           lifecycle scope runtime, test or development, and with
//	                           completeness: complete, incomplete where a Gap says so,
//	                           else noAssertion. To NoneElement, nothing is required,
//	                           and to NoAssertionElement, nothing is known
//	contains                   edges of the kind "contains"; as the comment says, if
//	                           they are from main
//	other                      edges of the kind "requirement", as the comment says
//	contains, hasOptionalComponent, hasDynamicLink, usesTool
//	                           what main has the others for: Runtime, Optional, System,
//	                           Build and ToolOnly (by their scope build or development)
//	other                      TestOnly and GraphOnly, as the comment says
//
// Digests of a component are verifiedUsing; one that is not the hash of a file has the
// algorithm "other" and a comment on what it is. CPEs are external identifiers,
// references external references, by SPDX's names for their types. What has no
// place stands in comments, in the lines of 2.3. The identifiers of elements begin
// with https://spdx.org/spdxdocs/, a UUID as below and "#"; only a Ref that is an
// http, https or urn IRI is one as it is.
//
// # Licences
//
// The declared and the concluded licence are those of the component, NOASSERTION
// if it has none. The texts that LicenseRefs stand for are in the document's
// extracted licensing information, sorted by identifier and without a name. The
// evidence stands in the comments on the licence (clause 7.16), one statement in
// a line:
//
//	license DIGEST N% IDS PATH   a file that licenses the package: N percent of
//	                             its words are those of known licences, IDS
//	notice DIGEST N% IDS PATH    a file with notices; IDS are "-" if there are none
//	patents DIGEST N% IDS PATH   a file that grants rights in patents, likewise
//	unknown SENTENCE             why no licence is declared
//	text ID                      a text that nothing of these refers to
//
// # Identifiers
//
// A package's identifier is "SPDXRef-Package-" and the component's Ref, in which
// every byte other than an ASCII letter, digit or full stop is a hyphen and two
// upper-case hexadecimal digits. A Ref that is an identifier already, as those of
// documents that were read are, stays as it is. So no two Refs have the same
// identifier, and a component has the same in every document.
//
// The document's namespace is the one that clause 6.5.2 gives to creators
// without a website of their own: https://spdx.org/spdxdocs/, the document's
// name, a hyphen and a UUID. The UUID is made from the document: it is that of
// version 5 (RFC 9562) of all its bytes, in which the nil UUID stands for it. Its
// namespace is the UUID of version 5 of [PredicateType] in the namespace for
// URLs. The same document has the same namespace, another one has another. The UUID
// of 3.0.1 is made likewise, of the predicate type of that version.
//
// # Documents of others
//
// What a Document has no field for is its Remainder, and that of its components, by
// JSON pointers. It is put back when a document of the same major version is
// written: members where they were, elements of arrays beside those that are
// written, or in place of what says the same. What the Remainder says is not said
// twice. It is not looked at otherwise: who takes a component, an edge or a
// supplier out of a Document that was read, takes out of the Remainder what names it.
//
// So a document that was read is written again with all its values, and with these
// differences: 2.2 is written as 2.3; packages are sorted; the tool of the Stamp is a
// creator; in 3.0.1 an element that stands within another one is beside it, and there
// is an SpdxDocument. The value null of a Remainder says that a document did not have
// what would be written: a supplier, a licence or a copyright, where NOASSERTION says
// that somebody has asked; filesAnalyzed, which is true then; a package URL, where an
// external identifier says it. Behind an element of an array, at the same path, null says
// that what is written about the same was there as well.
//
// The specifications are at https://spdx.github.io/spdx-spec/v2.3/ and
// https://spdx.github.io/spdx-spec/v3.0.1/.
package spdx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A Version is a version of SPDX that is written.
type Version string

// The versions that are written, as [sbom.Format] has them. The zero Version is V23.
const (
	V23  Version = "2.3"
	V301 Version = "3.0.1"
)

// PredicateType returns the in-toto predicate type of a document of the version.
func (v Version) PredicateType() string {
	if v == V301 {
		return "https://spdx.dev/Document/v3"
	}
	return PredicateType
}

// MediaType returns the media type of a document of the version.
func (v Version) MediaType() string {
	if v == V301 {
		return "application/spdx3+json"
	}
	return MediaType
}

// PredicateType is the in-toto predicate type of an SPDX 2.3 document.
const PredicateType = "https://spdx.dev/Document/v2.3"

// MediaType is the media type of what [Marshal] returns.
// https://www.iana.org/assignments/media-types/application/spdx+json
const MediaType = "application/spdx+json"

// Marshal returns d with s as an SPDX 2.3 document. It is [Write] into memory.
func Marshal(d *sbom.Document, s sbom.Stamp) ([]byte, error) {
	return MarshalVersion(d, s, V23)
}

// MarshalVersion returns d with s as a document of the version. It is [Write] into
// memory.
func MarshalVersion(d *sbom.Document, s sbom.Stamp, v Version) ([]byte, error) {
	var buf bytes.Buffer
	if err := Write(&buf, d, s, v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Write writes d with s as a document of the version, with a line break at its end:
// SPDX 2.3 is indented, 3.0.1 has one element in a line. <, > and & are written as
// they are. The document's tool is s.Tool, or "hallmark" if that has no name.
//
// The same d and s give the same bytes. The order of components, edges and
// properties in d does not matter; that of digests, of Authors and of Unknown is
// kept. The document is not held in memory: it is made twice, first for the UUID
// that is made from it.
//
// Write fails, with every reason joined and before anything is written, if
// [sbom.Document.Check] does or if d or s cannot be said in SPDX:
//
//   - s has no time of creation, which every document must have, or its year is
//     beyond 9999; so with the end of support;
//   - a name, a version, a package URL or the path of a distribution holds a
//     control character, or a package URL a space: fields of SPDX 2.3 are one line
//     (clauses 6.8, 7.1, 7.3, 7.4 and 7.21), and a locator has no space. Components
//     that were read from a document, which have a Place, may have such names and
//     versions, and keep them, and so may what stands for a document;
//   - the tool has a version and no name, or its name is not UTF-8;
//   - a Remainder of SPDX holds what is not strict JSON;
//   - v is neither [V23] nor [V301].
//
// A Remainder of another format, or of the other major version, has no place; [Losses]
// tells. So has the signature of an Original, which is of other bytes.
//
// It fails with the error of w, too.
func Write(w io.Writer, d *sbom.Document, s sbom.Stamp, v Version) error {
	if err := refuse(d, s); err != nil {
		return err
	}
	switch v {
	case "", V23:
		return write2(w, d, s)
	case V301:
		return write3(w, d, s)
	}
	return fmt.Errorf("spdx: version %.50q, want %s or %s", string(v), V23, V301)
}

// refuse returns every reason for which d and s have no form in SPDX,
// joined.
func refuse(d *sbom.Document, s sbom.Stamp) error {
	errs := []error{d.Check()}
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("spdx: "+format, a...)) }
	line := func(of string, texts ...string) {
		for _, t := range texts {
			if strings.ContainsFunc(t, unicode.IsControl) {
				fail("%s: text %q holds a control character, want one line", of, t)
			}
		}
	}
	remainder := func(of string, rest []sbom.Remainder) {
		for _, r := range rest {
			if _, err := strictjson.Append(nil, r.Value); err != nil && strings.HasPrefix(r.Format, "spdx-json@") {
				fail("%s: remainder %s: %w", of, r.Path, err)
			}
		}
	}
	remainder("document", d.Remainder)
	for _, c := range d.All() {
		remainder(c.Ref, c.Remainder)
		line(c.Ref, c.PURL, c.Replaces)
		if c.Place == "" && (c != &d.Main || !standsForNone(d)) {
			line(c.Ref, c.Name, c.Version)
		}
		if c.Distribution != nil {
			line(c.Ref, c.Distribution.Path)
		}
		if y := c.SupportUntil.UTC().Year(); y < 0 || y > 9999 {
			fail("%s: supported until the year %d, want one of four digits", c.Ref, y)
		}
		if strings.Contains(c.PURL, " ") {
			fail("%s: package URL %q holds a space", c.Ref, c.PURL)
		}
	}

	line("tool", s.Tool.Name, s.Tool.Version)
	if !utf8.ValidString(s.Tool.Name + s.Tool.Version) {
		fail("tool: %q %q is not UTF-8", s.Tool.Name, s.Tool.Version)
	}
	if s.Tool.Name == "" && s.Tool.Version != "" {
		fail("tool: version %q without a name", s.Tool.Version)
	}
	if s.Created.IsZero() {
		fail("no time of creation: SPDX requires it (2.3, clause 6.9), and it is the caller's to give")
	}
	if y := s.Created.UTC().Year(); y < 0 || y > 9999 {
		fail("created in the year %d, want one of four digits", y)
	}
	return errors.Join(errs...)
}
