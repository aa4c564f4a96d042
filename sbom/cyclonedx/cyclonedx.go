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
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// PredicateType is the in-toto predicate type of a CycloneDX document.
const PredicateType = "https://cyclonedx.org/bom"

// MediaType is the media type of what [Marshal] returns.
// https://www.iana.org/assignments/media-types/application/vnd.cyclonedx+json
const MediaType = "application/vnd.cyclonedx+json; version=1.6"

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
//   - the tool has a version and no name, or the year is beyond 9999.
func Marshal(d *sbom.Document, s sbom.Stamp) ([]byte, error) {
	bom, err := BOM(d, s)
	if err != nil {
		return nil, err
	}
	const noSerial = "urn:uuid:" + uuid.Nil
	bom.SerialNumber = noSerial

	// Not EncodeVersion: it copies the whole document and then changes what
	// it takes for newer than the version, correct or not.
	var buf bytes.Buffer
	enc := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := enc.Encode(bom); err != nil {
		return nil, fmt.Errorf("cyclonedx: %w", err)
	}
	data := buf.Bytes()

	// cyclonedx-go encodes tools and evidence apart from the rest and with HTML
	// escapes. The pair of backslashes is in the list so that one which belongs
	// to the text is never taken for the beginning of an escape.
	if bytes.Contains(data, []byte(`\u003`)) || bytes.Contains(data, []byte(`\u0026`)) {
		unescape := strings.NewReplacer(`\\`, `\\`, `\u003c`, `<`, `\u003e`, `>`, `\u0026`, `&`)
		data = []byte(unescape.Replace(string(data)))
	}

	// The serial number stands before anything that d or s could contain.
	at := bytes.Index(data, []byte(noSerial))
	copy(data[at:], "urn:uuid:"+uuid.OfContent(PredicateType, data))
	return data, nil
}

// BOM returns d with s as a value of cyclonedx-go, for callers who add to it
// before they encode it. It has no serial number, because that of [Marshal] is
// made from the finished document. BOM fails as Marshal does.
//
// Encode it with Encode and not with EncodeVersion, which in cyclonedx-go
// v0.12.0 can make a valid document invalid.
func BOM(d *sbom.Document, s sbom.Stamp) (*cdx.BOM, error) {
	components := d.All()
	if err := refuse(d, s, components); err != nil {
		return nil, err
	}
	bom := cdx.NewBOM()
	bom.SpecVersion = cdx.SpecVersion1_6
	bom.JSONSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"

	edges := edgeProperties(d)
	main := component(&d.Main, edges[d.Main.Ref], true)
	bom.Metadata = &cdx.Metadata{Component: &main}
	if !s.Created.IsZero() {
		bom.Metadata.Timestamp = s.Created.UTC().Format(time.RFC3339)
	}
	if d.Phase != "" {
		bom.Metadata.Lifecycles = &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhase(d.Phase)}}
	}
	if s.Tool.Name != "" {
		tool := cdx.Component{Type: cdx.ComponentTypeApplication, Name: s.Tool.Name, Version: s.Tool.Version}
		bom.Metadata.Tools = &cdx.ToolsChoice{Components: &[]cdx.Component{tool}}
	}
	var properties []cdx.Property
	for _, u := range d.Unknown {
		properties = append(properties, cdx.Property{Name: "hallmark:unknown", Value: u})
	}
	properties = appendProperties(properties, d.Properties)
	for _, t := range slices.SortedFunc(slices.Values(d.Targets), func(a, b sbom.Target) int { return cmp.Compare(a.Name, b.Name) }) {
		name := "hallmark:target:" + t.Name
		properties = append(properties, cdx.Property{Name: "hallmark:target", Value: t.Name})
		for _, u := range t.Unknown {
			properties = append(properties, cdx.Property{Name: name + ":unknown", Value: u})
		}
		properties = appendNamed(properties, name+":property:", t.Properties)
	}
	if len(properties) > 0 {
		bom.Metadata.Properties = &properties
	}

	others := make([]cdx.Component, len(components)-1)
	for i, c := range components[1:] {
		others[i] = component(c, edges[c.Ref], false)
	}
	bom.Components = &others

	requires := d.Requires()
	dependencies := make([]cdx.Dependency, 0, len(components))
	for _, c := range components {
		to := requires[c.Ref]
		switch {
		case len(to) > 0:
			dependencies = append(dependencies, cdx.Dependency{Ref: c.Ref, Dependencies: &to})
		case c.Requirements == sbom.Complete:
			dependencies = append(dependencies, cdx.Dependency{Ref: c.Ref})
		}
	}
	bom.Dependencies = &dependencies
	bom.Compositions = compositions(d, components)
	return bom, nil
}

// edgeProperties returns the edges that have no place in dependencies, by the Ref
// of the component that they are from.
func edgeProperties(d *sbom.Document) map[string][]cdx.Property {
	properties := make(map[string][]cdx.Property)
	for e := range d.Others() {
		properties[e.From] = append(properties[e.From], cdx.Property{Name: "hallmark:edge:" + string(e.Kind), Value: e.To})
	}
	return properties
}

// component returns c as a component, or as the main one, which has no scope and
// may have hashes.
func component(c *sbom.Component, edges []cdx.Property, main bool) cdx.Component {
	out := cdx.Component{
		BOMRef:     c.Ref,
		Type:       cdx.ComponentType(c.Type), // a sbom.Type is a CycloneDX name
		Name:       c.Name,
		Version:    c.Version,
		PackageURL: c.PURL,
	}
	var properties []cdx.Property
	var hashes []cdx.Hash
	for _, d := range c.Digests {
		switch hash := hashAlgorithm(d); {
		case main && hash != "":
			hashes = append(hashes, cdx.Hash{Algorithm: hash, Value: d.Hex()})
		case d.H1() != "":
			properties = append(properties, cdx.Property{Name: "hallmark:go:h1", Value: d.H1()})
		default:
			properties = append(properties, cdx.Property{Name: "hallmark:digest", Value: d.String()})
		}
	}
	if c.Verification != sbom.Unverified {
		properties = append(properties, cdx.Property{Name: "hallmark:go:verification", Value: string(c.Verification)})
	}
	if !main && c.Verification.AtLeast(sbom.Recomputed) {
		certain := float32(1)
		var methods []cdx.EvidenceIdentityMethod
		for _, d := range c.Digests {
			methods = append(methods, cdx.EvidenceIdentityMethod{
				Technique:  cdx.EvidenceIdentityTechniqueHashComparison,
				Confidence: &certain,
				Value:      cmp.Or(d.H1(), d.String()),
			})
		}
		if len(methods) > 0 {
			identity := cdx.EvidenceIdentity{Field: cdx.EvidenceIdentityFieldTypeHash, Methods: &methods}
			out.Evidence = &cdx.Evidence{Identity: &cdx.EvidenceIdentityChoice{Identities: &[]cdx.EvidenceIdentity{identity}}}
		}
	}
	if f := c.Distribution; !main && f != nil && f.URL != "" {
		var hashes []cdx.Hash
		for _, d := range f.Digests {
			if hash := hashAlgorithm(d); hash != "" {
				hashes = append(hashes, cdx.Hash{Algorithm: hash, Value: d.Hex()})
			}
		}
		reference := cdx.ExternalReference{URL: f.URL, Type: cdx.ERTypeDistribution}
		if len(hashes) > 0 {
			reference.Hashes = &hashes
		}
		out.ExternalReferences = &[]cdx.ExternalReference{reference}
	}
	switch {
	case main:
	case c.Scope == sbom.Runtime:
		out.Scope = cdx.ScopeRequired
	case c.Scope == sbom.System:
		out.Scope = cdx.ScopeRequired
		properties = append(properties, cdx.Property{Name: "hallmark:scope", Value: string(c.Scope)})
	default:
		out.Scope = cdx.ScopeExcluded
		properties = append(properties, cdx.Property{Name: "hallmark:scope", Value: string(c.Scope)})
	}
	for _, t := range slices.Sorted(slices.Values(c.Targets)) {
		properties = append(properties, cdx.Property{Name: "hallmark:target", Value: t})
	}
	properties = append(properties, edges...)
	for _, p := range slices.Sorted(slices.Values(c.Packages)) {
		properties = append(properties, cdx.Property{Name: "hallmark:package", Value: p})
	}
	if len(c.Embedded) > 0 {
		files := slices.SortedFunc(slices.Values(c.Embedded), func(a, b sbom.File) int { return cmp.Compare(a.Path, b.Path) })
		embedded := make([]cdx.Component, len(files))
		for i, f := range files {
			embedded[i] = cdx.Component{Type: cdx.ComponentTypeFile, Name: f.Path}
			if hash := hashAlgorithm(f.Digest); hash != "" {
				embedded[i].Hashes = &[]cdx.Hash{{Algorithm: hash, Value: f.Digest.Hex()}}
			} else {
				embedded[i].Properties = &[]cdx.Property{{Name: "hallmark:digest", Value: f.Digest.String()}}
			}
		}
		out.Components = &embedded
	}
	properties = append(properties, setLicenses(&out, c.Licenses)...)
	properties = appendProperties(properties, c.Properties)
	if len(hashes) > 0 {
		out.Hashes = &hashes
	}
	if len(properties) > 0 {
		out.Properties = &properties
	}
	if c.Replaces != "" {
		name, version, _ := splitPURL(c.Replaces) // refuse has seen the error
		out.Pedigree = &cdx.Pedigree{
			Ancestors: &[]cdx.Component{{Type: out.Type, Name: name, Version: version, PackageURL: c.Replaces}},
			Notes:     "used instead of the ancestor, which was asked for",
		}
	}
	return out
}

// hashAlgorithm returns CycloneDX's name of the hash of a file that d is, or
// "" if d is none or has no name there.
func hashAlgorithm(d hallmark.Digest) cdx.HashAlgorithm {
	switch d.Algorithm() {
	case "md5":
		return cdx.HashAlgoMD5
	case "sha1":
		return cdx.HashAlgoSHA1
	case "sha256":
		return cdx.HashAlgoSHA256
	case "sha384":
		return cdx.HashAlgoSHA384
	case "sha512":
		return cdx.HashAlgoSHA512
	case "sha3_256":
		return cdx.HashAlgoSHA3_256
	case "sha3_384":
		return cdx.HashAlgoSHA3_384
	case "sha3_512":
		return cdx.HashAlgoSHA3_512
	case "blake2b":
		return cdx.HashAlgoBlake2b_512
	}
	return ""
}

func appendProperties(to []cdx.Property, ps []sbom.Property) []cdx.Property {
	return appendNamed(to, "hallmark:property:", ps)
}

// appendNamed appends the properties, with a prefix to their names, sorted.
func appendNamed(to []cdx.Property, prefix string, ps []sbom.Property) []cdx.Property {
	first := len(to)
	for _, p := range ps {
		to = append(to, cdx.Property{Name: prefix + p.Name, Value: p.Value})
	}
	slices.SortFunc(to[first:], func(a, b cdx.Property) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	return to
}

// compositions returns what is known to be complete. The order of its lists is
// that of components.
func compositions(d *sbom.Document, components []*sbom.Component) *[]cdx.Composition {
	inventory := cdx.CompositionAggregateComplete
	if len(d.Unknown) > 0 || slices.ContainsFunc(d.Targets, func(t sbom.Target) bool { return len(t.Unknown) > 0 }) {
		inventory = cdx.CompositionAggregateUnknown
	}
	var complete, unknown []cdx.BOMReference
	for _, c := range components {
		if c.Requirements == sbom.Complete {
			complete = append(complete, cdx.BOMReference(c.Ref))
			continue
		}
		unknown = append(unknown, cdx.BOMReference(c.Ref))
		if c.Scope == sbom.Runtime {
			// What this one requires may be in the artifact and not here.
			inventory = cdx.CompositionAggregateUnknown
		}
	}
	out := []cdx.Composition{{
		Aggregate:  inventory,
		Assemblies: &[]cdx.BOMReference{cdx.BOMReference(d.Main.Ref)},
	}}
	if len(complete) > 0 {
		out = append(out, cdx.Composition{Aggregate: cdx.CompositionAggregateComplete, Dependencies: &complete})
	}
	if len(unknown) > 0 {
		out = append(out, cdx.Composition{Aggregate: cdx.CompositionAggregateUnknown, Dependencies: &unknown})
	}
	return &out
}

// refuse returns every reason for which d and s have no form in CycloneDX 1.6,
// joined.
func refuse(d *sbom.Document, s sbom.Stamp, components []*sbom.Component) error {
	errs := []error{d.Check()}
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("cyclonedx: "+format, a...)) }
	for _, c := range components {
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
	if y := s.Created.UTC().Year(); y < 0 || y > 9999 {
		fail("created in the year %d, want one of four digits", y)
	}
	return errors.Join(errs...)
}

// maxVersion is how many characters the JSON schema allows a version.
const maxVersion = 1024

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
