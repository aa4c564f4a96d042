// Package cyclonedx writes an [sbom.Document] as CycloneDX JSON, of the versions
// 1.4 to 1.7, and reads the versions 1.2 to 1.7.
//
//	data, err := cyclonedx.Marshal(doc, sbom.Stamp{Created: when}) // 1.6
//	err := cyclonedx.Write(w, doc, stamp, cyclonedx.V17)          // large ones
//	doc, stamp, err := cyclonedx.Parse(data)
//
// # What is written
//
// The main component is metadata.component. All others are components, sorted
// by bom-ref, which is the component's Ref. Those that are part of the artifact
// have the scope required, or optional if they may be. So have those that a system
// must have for it the scope required, with the property hallmark:scope and, from
// 1.7 on, isExternal; those of which nobody says what they are needed for have that
// property and no scope; all others, as those that only made the artifact, have the
// scope excluded and that property. Files that are embedded are components of type
// file inside the component that they are from. Components that are a part of one
// other ([sbom.Contains]) are inside that one.
//
// A component has an entry in dependencies if anything is known of what it
// requires; an entry without dependsOn means that it requires nothing. Entries
// have what [sbom.Document.Requires] has, for all targets together; edges that it
// leaves out are properties of the component that they are from, and so are those
// that are not for all targets, or not of the kind [sbom.Linked].
// Compositions list the components by what is known of their requirements,
// complete or unknown. The assemblies of the main component, which
// are everything in it, are complete if all that is part of the artifact has
// complete requirements and neither the Document nor a Target of it has an Unknown;
// otherwise they are unknown.
//
// A component that is used instead of another one has that other one as the
// ancestor in its pedigree, and notes that say so.
//
// Authors who are persons are metadata.authors, and the first organization is
// metadata.manufacturer from 1.6 on. A person who is a supplier or a producer is
// the contact of an organization without a name. The producer is the manufacturer
// of the component from 1.6 on. The first CPE is cpe. A type of component that the
// version does not have is application, which is what CycloneDX says of those
// that are nothing more specific, or library if nobody says what it is; a type of reference is other. What a version has
// no place for is always a property too.
//
// # Hashes
//
// Digests are hashes if they are by a file hash that CycloneDX has a name for. The h1
// sum of a Go module is not among them: it is a hash of a list of hashes, which no
// file has, and its label here would be SHA-256. Digests that are no hashes are
// properties.
//
// The file that a component is distributed as is an external reference of type
// distribution if its URL is known, with the hashes of that file. A component
// whose files were hashed has evidence of its identity from 1.5 on: the field hash,
// by hash-comparison with its digests. The main component
// is the artifact, so it has neither.
//
// # Licences
//
// What is declared is in licenses, acknowledged as declared: a licence with an
// id, one with a name if it is a LicenseRef, or else an expression. What was
// concluded is there too, acknowledged as that. Up to 1.6, CycloneDX has no place
// for an expression beside anything else, and up to 1.5 no acknowledgement: then
// what is declared is a property if there is something concluded.
//
// The evidence has a licence for each identifier in each file that licenses the
// component, with the properties hallmark:license:file (the path in the component),
// hallmark:license:digest and hallmark:license:coverage (percent); in 1.4, it has
// each identifier once, and the files are properties of the component. The text of a
// LicenseRef is with the first evidence of it, as "text/plain; charset=utf-8".
//
// # Properties
//
// What CycloneDX has no field for is a property. A Property whose name has a
// namespace, as "cdx:npm:package:path", has that name. These names are used
// besides, on components unless said otherwise:
//
//	hallmark:go:h1             the sum of a Go module as in go.sum, "h1:…"
//	hallmark:go:verification   how far it is proved that this is the component of
//	                           its name: "listed", "recomputed" or "included", as
//	                           [sbom.Verification] says
//	hallmark:digest            any other digest, "algorithm:hex"
//	hallmark:type              an [sbom.Type] that the version does not have
//	hallmark:scope             an [sbom.Scope] other than "runtime" and "optional", such as
//	                           "build": it made the artifact and is not part of it
//	hallmark:target            one of the targets that need the component; without any,
//	                           all do. In the metadata: one of the document's targets
//	hallmark:target:NAME:property:P  in the metadata: the Property P of that target
//	hallmark:target:NAME:unknown     in the metadata: what is unknown of it
//	hallmark:package           a part of the component that is needed, by its path in it
//	hallmark:edge:KIND         the bom-ref of what the component requires in the sense of
//	                           an [sbom.EdgeKind], "linked", "test", "tool", "requirement"
//	                           or "contains", for all targets
//	hallmark:edge:KIND:TARGET  the same, for one of them. Where there is one of these for what
//	                           dependencies have too, it says in what sense they have it
//	hallmark:supplier          a party that its member does not say all of, as a JSON object
//	hallmark:producer          likewise, or if there is no such member
//	hallmark:author            likewise, in the metadata
//	hallmark:cpe               another CPE than the first
//	hallmark:distribution:path    the Path of the component's Distribution,
//	hallmark:distribution:url     its URL, and
//	hallmark:distribution:digest  a digest that is not among the hashes of the reference
//	hallmark:reference:N:type     the type of the external reference N, counted from 0,
//	hallmark:reference:N:url      its URL, if it is none, which is percent-encoded there,
//	hallmark:reference:N:digest   and a digest that is not among its hashes
//	hallmark:support           how far the component is supported
//	hallmark:support:until     until when, by RFC 3339
//	cdx:cisa:unknown-information   an [sbom.Element] of the component that is not known, by the
//	                           name of its data field in CISA's minimum elements of 2026
//	                           ("Component Producer"), or else "supplier" or "copyright"
//	cdx:cisa:withheld-information  one that is known and not told
//	hallmark:license:declared  what is declared, if it is not in licenses
//	hallmark:license:acknowledgement  "concluded" if that is what licenses are, up to 1.5
//	hallmark:license:unknown   why no licence is declared
//	hallmark:license:license   in 1.4, a file that licenses the component, "DIGEST N IDS PATH":
//	                           N percent of its words are those of known licences, IDS ("-"
//	                           if there are none)
//	hallmark:license:notice    a file with notices, likewise
//	hallmark:license:patents   a file that grants rights in patents, likewise
//	hallmark:license:text:ID   the text of a LicenseRef that no file has
//	hallmark:property:NAME     the Property NAME of the component, or of the
//	                           Document if it is in the metadata
//	hallmark:phase             in the metadata, the [sbom.Phase], in 1.4
//	hallmark:unknown           in the metadata: what the source could not tell
//
// Nothing is written of what a Document does not hold: no supplier, no licence
// that nobody looked for, no timestamp without [sbom.Stamp.Created] and no tool
// without its name.
//
// # What is read
//
// [Parse] puts into fields what they can say, and all else into Remainders: those of
// a component are relative to its object. What is written of a Document is read as
// the same Document, in each version, but for the order of a component's digests:
// hashes come first. Documents of others are the same when they are written in
// their version again, but for white space, for the order of members, of components,
// of dependencies and of what these are on, and for entries of dependencies that are
// about the same component. Each of their Remainders is put back as long as reading
// it gives the fields as they are; a field that was changed is written as it is now.
// The value null of a Remainder says that a document did not have what would be
// written.
//
// Components that are inside others are components of the Document, and an edge of
// the kind [sbom.Contains] says where they were. Scopes are Runtime for required
// and for none, Optional, Build for excluded, and System for what is external.
// Licences that nobody acknowledged are taken for declared, and several of them for
// all to apply. An identifier of a licence is not looked up. A component without
// a bom-ref gets its package URL or its name and version as the Ref, with a number
// behind it if there is another one. A document that does not say what it is about
// has the main component "unnamed", which is unclassified and has no Place.
//
// Of dependencies, the Remainder has each entry that says more than the Edges, with
// nulls in dependsOn for those that the Edges have. Two entries of one ref are written
// as one, and one of a ref that nothing has in the version that is written is left out.
//
// A document with a signature in it (JSF), anywhere, is its own
// [sbom.Document.Original]. It is written as those bytes, or not at all: see
// [Marshal]. Signatures are not verified. To write such a document without its
// signatures, set the Original to nil.
//
// # Serial number
//
// The serial number is made from the document: the UUID of version 5 (RFC 9562)
// of all its bytes, in which the nil UUID stands for the serial number. Its
// namespace is the UUID of version 5 of [PredicateType] in the namespace for
// URLs. The same document has the same serial number, another one has another. A
// document that was read with another serial number keeps it, and its version:
// who changes the Document decides whether it is still the same, and takes
// "/serialNumber" out of its Remainder if it is not.
//
// The specification is at https://cyclonedx.org/docs/1.7/json/.
package cyclonedx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// PredicateType is the in-toto predicate type of a CycloneDX document.
const PredicateType = "https://cyclonedx.org/bom"

// MediaType is the media type of what [Marshal] returns. See [Version.MediaType]
// for others.
// https://www.iana.org/assignments/media-types/application/vnd.cyclonedx+json
const MediaType = "application/vnd.cyclonedx+json; version=1.6"

// A Version is a version of CycloneDX that is written.
type Version string

// The versions that are written. The zero Version is [V16].
const (
	V14 Version = "1.4"
	V15 Version = "1.5"
	V16 Version = "1.6"
	V17 Version = "1.7"
)

// MediaType returns the media type of a document of the version v.
func (v Version) MediaType() string {
	if v == "" {
		v = V16
	}
	return "application/vnd.cyclonedx+json; version=" + string(v)
}

func (v Version) minor() (int, error) {
	switch v {
	case V14:
		return 4, nil
	case V15:
		return 5, nil
	case V16, "":
		return 6, nil
	case V17:
		return 7, nil
	}
	return 0, fmt.Errorf("cyclonedx: version %q is not one that is written, want 1.4 to 1.7", string(v))
}

// Marshal returns d with s as a CycloneDX 1.6 document: indented JSON with a
// line break at its end, in which <, > and & are written as they are.
//
// The same d and s give the same bytes. The order of components, edges and
// properties in d does not matter; that of digests and of Unknown is kept.
//
// Marshal fails, with every reason joined, if [sbom.Document.Check] does or if
// d or s cannot be said in CycloneDX:
//
//   - a version is longer than 1024 characters, or the tool's name is not UTF-8;
//   - a Ref begins with urn:cdx:, which would make it a link to another document;
//   - a Replaces is not a package URL with a name;
//   - the tool has a version and no name, or the year is beyond 9999;
//   - d has an Original, and is not what is read from it, with s and in the
//     version of the Original: what was signed is written as it is or not at all.
func Marshal(d *sbom.Document, s sbom.Stamp) ([]byte, error) {
	return MarshalVersion(d, s, V16)
}

// MarshalVersion is [Marshal] for any version that is written.
func MarshalVersion(d *sbom.Document, s sbom.Stamp, v Version) ([]byte, error) {
	minor, err := v.minor()
	if err != nil {
		return nil, err
	}
	if d.Original != nil {
		return original(d, s, minor)
	}
	if err := refuse(d, s); err != nil {
		return nil, err
	}
	return newWriter(d, s, minor).marshal()
}

// Write writes to w what [MarshalVersion] returns, and does not keep it. It goes
// over d twice, because the serial number is made from all of the document and is
// near its start. An error of w is returned as it is, wrapped.
func Write(w io.Writer, d *sbom.Document, s sbom.Stamp, v Version) error {
	minor, err := v.minor()
	if err != nil {
		return err
	}
	if d.Original != nil {
		data, err := original(d, s, minor)
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("cyclonedx: %w", err)
		}
		return nil
	}
	if err := refuse(d, s); err != nil {
		return err
	}
	out := newWriter(d, s, minor)
	serial := uuid.Nil
	if _, read := out.members["serialNumber"]; !read {
		if serial, err = out.serial(); err != nil {
			return err
		}
	}
	return out.document(w, serial)
}

// Losses returns what [MarshalVersion] leaves out or changes of d: of the
// Remainders, what the version has no place for, what is of another format, and
// what no longer agrees with the fields of d; and, as approximated, fields that are
// properties in this version and have a place in another one. Of fields nothing is
// lost. What is in both is told as often.
//
// Paths are those in the document that was read, by each component's Place. For one
// without, they are those in a document that has the components as d has them, none
// within another. NOASSERTION in SPDX is what an empty field says, and no loss.
// Signatures are always lost: what is signed is an Original. Losses fails as Marshal
// does, but not for an Original, as it is about writing d without it.
func Losses(d *sbom.Document, s sbom.Stamp, v Version) ([]sbom.Loss, error) {
	minor, err := v.minor()
	if err != nil {
		return nil, err
	}
	if err := refuse(d, s); err != nil {
		return nil, err
	}
	out := newWriter(d, s, minor)
	if err := out.document(io.Discard, uuid.Nil); err != nil {
		return nil, err
	}
	// What is left out with all that is in it was tried piece by piece.
	seen := make(map[sbom.Loss]bool, len(out.losses))
	return slices.DeleteFunc(out.losses, func(l sbom.Loss) bool {
		twice := seen[l]
		seen[l] = true
		return twice
	}), nil
}

// original returns the bytes that were signed, if d and s are still what they say.
func original(d *sbom.Document, s sbom.Stamp, minor int) ([]byte, error) {
	read, stamp, err := Parse(d.Original)
	if err != nil {
		return nil, fmt.Errorf("cyclonedx: the original: %w", err)
	}
	doc, err := parse(d.Original)
	if err != nil {
		return nil, fmt.Errorf("cyclonedx: the original: %w", err)
	}
	if want := fmt.Sprintf("1.%d", minor); doc.str("specVersion") != want {
		return nil, fmt.Errorf("cyclonedx: the document is signed in version %s: in %s it would not be the signed one", doc.str("specVersion"), want)
	}
	if !reflect.DeepEqual(read, d) || !stamp.Created.Equal(s.Created) || stamp.Tool != s.Tool {
		return nil, errors.New("cyclonedx: the document is signed and was changed: it would not be the signed one")
	}
	return bytes.Clone(d.Original), nil
}

// BOM returns d with s as a value of cyclonedx-go, for callers who add to it
// before they encode it. It has no serial number, because that of [Marshal] is
// made from the finished document. BOM fails as Marshal does, and leaves out what
// cyclonedx-go v0.12.0 has no field for.
//
// Encode it with Encode and not with EncodeVersion, which in cyclonedx-go
// v0.12.0 can make a valid document invalid.
func BOM(d *sbom.Document, s sbom.Stamp) (*cdx.BOM, error) {
	data, err := Marshal(d, s)
	if err != nil {
		return nil, err
	}
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		return nil, fmt.Errorf("cyclonedx: %w", err)
	}
	bom.SerialNumber = ""
	return bom, nil
}

// refuse returns every reason for which d and s have no form in CycloneDX,
// joined.
func refuse(d *sbom.Document, s sbom.Stamp) error {
	errs := []error{d.Check()}
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("cyclonedx: "+format, a...)) }
	for i := -1; i < len(d.Components); i++ {
		c := &d.Main
		if i >= 0 {
			c = &d.Components[i]
		}
		if strings.HasPrefix(c.Ref, "urn:cdx:") {
			fail("%s: a ref that begins with urn:cdx: is a link to another document", c.Ref)
		}
		if n := utf8.RuneCountInString(c.Version); n > maxVersion {
			fail("%s: version of %d characters, want at most %d", c.Ref, n, maxVersion)
		}
		if c.Replaces != "" {
			_, version, err := splitPURL(c.Replaces)
			if err != nil {
				fail("%s: replaces: %w", c.Ref, err)
			}
			if n := utf8.RuneCountInString(version); n > maxVersion {
				fail("%s: replaces a version of %d characters, want at most %d", c.Ref, n, maxVersion)
			}
		}
	}

	if !utf8.ValidString(s.Tool.Name + s.Tool.Version) {
		fail("tool: %q %q is not UTF-8", s.Tool.Name, s.Tool.Version)
	}
	if s.Tool.Name == "" && s.Tool.Version != "" {
		fail("tool: version %q without a name", s.Tool.Version)
	}
	if n := utf8.RuneCountInString(s.Tool.Version); n > maxVersion {
		fail("tool: version of %d characters, want at most %d", n, maxVersion)
	}
	if y := s.Created.UTC().Year(); y < 0 || y > 9999 {
		fail("created in the year %d, want one of four digits", y)
	}
	return errors.Join(errs...)
}

// splitPURL returns the name and the version in a package URL. The name
// includes the namespace, as a Component's does.
// https://github.com/package-url/purl-spec
func splitPURL(purl string) (name, version string, err error) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	_, rest, slash := strings.Cut(rest, "/")
	name = rest
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name, version = rest[:i], rest[i+1:]
	}
	name, nerr := url.PathUnescape(name)
	version, verr := url.PathUnescape(version)
	if !ok || !slash || name == "" || nerr != nil || verr != nil || !utf8.ValidString(name+version) {
		return "", "", fmt.Errorf("malformed package URL %q: want pkg:type/name@version", purl)
	}
	return name, version, nil
}
