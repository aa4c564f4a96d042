// Package cyclonedx writes an [sbom.Document] as CycloneDX 1.6 JSON.
//
//	data, err := cyclonedx.Marshal(doc, sbom.Stamp{Created: when})
//
// # What is written
//
// The main component is metadata.component. All others are components, sorted
// by bom-ref, which is the component's Ref. Those that are part of the artifact
// have the scope required. So have those that a system must have for it, with the
// property hallmark:scope; all others, as those that only made the artifact, have
// the scope excluded and that property. Files that are embedded are components
// of type file inside the component that they are from.
//
// A component has an entry in dependencies if anything is known of what it
// requires; an entry without dependsOn means that it requires nothing. Entries
// have what [sbom.Document.Requires] has, for all targets together; edges that it
// leaves out are properties of the component that they are from.
// Compositions list the components by what is known of their requirements,
// complete or unknown. The assemblies of the main component, which
// are everything in it, are complete if all that is part of the artifact has
// complete requirements and neither the Document nor a Target of it has an Unknown;
// otherwise they are unknown.
//
// A component that is used instead of another one has that other one as the
// ancestor in its pedigree, and notes that say so.
//
// # Hashes
//
// Only digests of the main component are hashes, and only those by a file hash
// that CycloneDX has a name for. The h1 sum of a Go module is not among them:
// it is a hash of a list of hashes, which no file has, and its label here would
// be SHA-256. Digests that are no hashes are properties.
//
// The file that a component is distributed as is an external reference of type
// distribution if its URL is known, with the hashes of that file. A component
// whose files were hashed has evidence of its identity: the field hash, by
// hash-comparison with the digest that it has as a property. The main component
// is the artifact, so it has neither.
//
// # Licences
//
// What is declared is in licenses, acknowledged as declared: a licence with an
// id, one with a name if it is a LicenseRef, or else an expression. What was
// concluded is there too, acknowledged as that. CycloneDX has no place for an
// expression beside anything else: if one of the two is an expression, what is
// declared is a property.
//
// The evidence has a licence for each identifier in each file that licenses the
// component, with the properties hallmark:license:file (the path in the component),
// hallmark:license:digest and hallmark:license:coverage (percent). The text of a
// LicenseRef is with the first evidence of it, as "text/plain; charset=utf-8".
//
// # Properties
//
// What CycloneDX has no field for is a property. These names are used, on
// components unless said otherwise:
//
//	hallmark:go:h1             the sum of a Go module as in go.sum, "h1:…"
//	hallmark:go:verification   how far it is proved that this is the component of
//	                           its name: "listed", "recomputed" or "included", as
//	                           [sbom.Verification] says
//	hallmark:digest            any other digest, "algorithm:hex"
//	hallmark:scope             an [sbom.Scope] other than "runtime", such as "build": it
//	                           made the artifact and is not part of it
//	hallmark:target            one of the targets that need the component; without any,
//	                           all do. In the metadata: one of the document's targets
//	hallmark:target:NAME:property:P  in the metadata: the Property P of that target
//	hallmark:target:NAME:unknown     in the metadata: what is unknown of it
//	hallmark:package           a part of the component that is needed, by its path in it
//	hallmark:edge:KIND         the bom-ref of what the component requires in the sense of
//	                           an [sbom.EdgeKind], "test", "tool" or "requirement"
//	hallmark:license:declared  what is declared, if it is not in licenses
//	hallmark:license:unknown   why no licence is declared
//	hallmark:license:notice    a file with notices, "DIGEST N IDS PATH": N percent of its words
//	                           are those of known licences, IDS ("-" if there are none)
//	hallmark:license:patents   a file that grants rights in patents, likewise
//	hallmark:license:text:ID   the text of a LicenseRef that no file has
//	hallmark:property:NAME     the Property NAME of the component, or of the
//	                           Document if it is in the metadata
//	hallmark:unknown           in the metadata: what the source could not tell
//
// Nothing is written of what a Document does not hold: no supplier, no licence
// that nobody looked for, no timestamp without [sbom.Stamp.Created] and no tool
// without its name.
//
// # Serial number
//
// The serial number is made from the document: the UUID of version 5 (RFC 9562)
// of all its bytes, in which the nil UUID stands for the serial number. Its
// namespace is the UUID of version 5 of [PredicateType] in the namespace for
// URLs. The same document has the same serial number, another one has another.
//
// The specification is at https://cyclonedx.org/docs/1.6/json/.
package cyclonedx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
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
//   - the URL of a party or a reference is not one, or an email address has no @
//     with something on both sides, or spaces;
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
// Paths are those in a document that has the components as d has them, none within
// another. Signatures are always lost: what is signed is an Original. Losses fails
// as Marshal does, but not for an Original, as it is about writing d without it.
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
	return out.losses, nil
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
	party := func(of string, p sbom.Party) {
		if !isReference(p.URL) || p.Email != "" && !isEmail(p.Email) {
			fail("%s: party %q: want a URL, got %q, and an email address, got %q", of, p.Name, p.URL, p.Email)
		}
	}
	for _, a := range d.Authors {
		party("author", a)
	}
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
		for _, p := range []*sbom.Party{c.Supplier, c.Producer} {
			if p != nil {
				party(c.Ref, *p)
			}
		}
		for _, r := range c.References {
			if !isReference(r.URL) {
				fail("%s: malformed URL %.200q of a reference", c.Ref, r.URL)
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
