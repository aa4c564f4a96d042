// Package spdx writes an [sbom.Document] as SPDX 2.3 JSON.
//
//	data, err := spdx.Marshal(doc, sbom.Stamp{Created: when})
//
// # What is written
//
// Every component is a package, the main one first and the others sorted by
// Ref. The relationships between them are true statements by the table of the
// specification's clause 11.1:
//
//	SPDXRef-DOCUMENT DESCRIBES main
//	main CONTAINS c              c is part of the artifact
//	main DYNAMIC_LINK c          the system must have c for the artifact
//	c BUILD_TOOL_OF main         c made the artifact and is not part of it
//	c TEST_DEPENDENCY_OF main    only tests need c
//	c DEV_TOOL_OF main           only tools of the developers need c
//	main OTHER c                 nothing needs c; a manifest asks for it, as the
//	                             comment says
//	a DEPENDS_ON b               a requires b, by [sbom.Document.Requires]
//	b TEST_DEPENDENCY_OF a       edges that it leaves out, of the kind "test",
//	b DEV_DEPENDENCY_OF a        of the kind "tool"
//	a OTHER b                    and "requirement", as the comment says
//	a DEPENDS_ON NONE            a requires nothing
//	a DEPENDS_ON NOASSERTION     what a requires is not known, or not all of it
//
// A package with neither NONE nor NOASSERTION has all its requirements in the
// document.
//
// What SPDX 2.3 has no field for stands in the comment of the package, or of the
// document, one statement in a line:
//
//	go.sum h1:…        the sum of a Go module as in go.sum
//	digest ALG:HEX     any other digest that is no checksum
//	verification LEVEL how far it is proved that the package is the one of its
//	                   name: listed, recomputed or included, as
//	                   [sbom.Verification] says
//	replaces PURL      the package is used instead of that one, which was asked for
//	target NAME        a target that needs the component, which without such lines
//	                   all do; in the document's comment, a target
//	package PATH       a part of the component that is needed, by its path in it
//	embedded DIGEST PATH  a file of the component that is in the artifact as it is
//	property N=V       the Property N of the component, or of the Document, is V
//	target NAME property N=V   in the document's comment: the Property of a target
//	target NAME unknown SENTENCE  what the source could not tell of it
//	unknown SENTENCE   what the source could not tell, in the document's comment
//
// A text in such a line that holds control characters or begins with a double
// quote is written as a quoted Go string, and so is a name that holds "=".
//
// A checksum is the digest of a file, by an algorithm that SPDX has a name for. The
// main component's are those of the artifact. Another one's are those of the
// file that it is distributed as, if its URL is known, which then is the download
// location. The h1 sum of a Go module is a hash of a list of hashes and never a
// checksum.
//
// The comment of the creation information is the type of the SBOM: Source,
// Build or Analyzed, as "SBOM Type: Build". Suppliers and copyright are
// NOASSERTION, because a Document does not hold them; so are download locations
// that are not known. No
// files were analysed, so there is no package verification code.
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
//
// # Identifiers
//
// A package's identifier is "SPDXRef-Package-" and the component's Ref, in which
// every byte other than an ASCII letter, digit or full stop is a hyphen and two
// upper-case hexadecimal digits. So no two Refs have the same identifier, and a
// component has the same in every document.
//
// The document's namespace is the one that clause 6.5.2 gives to creators
// without a website of their own: https://spdx.org/spdxdocs/, the document's
// name, a hyphen and a UUID. The UUID is made from the document: it is that of
// version 5 (RFC 9562) of all its bytes, in which the nil UUID stands for it. Its
// namespace is the UUID of version 5 of [PredicateType] in the namespace for
// URLs. The same document has the same namespace, another one has another.
//
// The specification is at https://spdx.github.io/spdx-spec/v2.3/.
package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// PredicateType is the in-toto predicate type of an SPDX 2.3 document.
const PredicateType = "https://spdx.dev/Document/v2.3"

// MediaType is the media type of what [Marshal] returns.
// https://www.iana.org/assignments/media-types/application/spdx+json
const MediaType = "application/spdx+json"

const (
	namespace   = "https://spdx.org/spdxdocs/"
	noAssertion = "NOASSERTION"
)

// Marshal returns d with s as an SPDX 2.3 document: indented JSON with a line
// break at its end, in which <, > and & are written as they are. The document's
// creator is s.Tool, or the tool "hallmark" if that has no name.
//
// The same d and s give the same bytes. The order of components, edges and
// properties in d does not matter; that of digests and of Unknown is kept.
//
// Marshal fails, with every reason joined, if [sbom.Document.Check] does or if
// d or s cannot be said in SPDX:
//
//   - s has no time of creation, which clause 6.9 requires, or its year is beyond
//     9999;
//   - a name, a version, a package URL or the path of a distribution holds a
//     control character, or a package URL a space: clauses 6.8, 7.1, 7.3, 7.4 and
//     7.21 want one line, and no space in a locator;
//   - the tool has a version and no name, or its name is not UTF-8.
func Marshal(d *sbom.Document, s sbom.Stamp) ([]byte, error) {
	components := d.All()
	if err := refuse(d, s, components); err != nil {
		return nil, err
	}
	doc := document(d, s, components)
	doc.DocumentNamespace = namespace + url.PathEscape(doc.DocumentName) + "-" + uuid.Nil

	// Not the json package of tools-golang, which brings in every version of
	// SPDX and is this encoder for a document that is not converted.
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("spdx: %w", err)
	}
	data := buf.Bytes()

	// Only the document's name stands before its namespace, and the quotes
	// in a name are escaped.
	field := []byte(`"documentNamespace": "` + namespace)
	at := bytes.Index(data, field) + len(field) + len(url.PathEscape(doc.DocumentName)) + len("-")
	copy(data[at:], uuid.OfContent(PredicateType, data))
	return data, nil
}

func document(d *sbom.Document, s sbom.Stamp, components []*sbom.Component) *v2_3.Document {
	doc := &v2_3.Document{
		SPDXVersion:    v2_3.Version,
		DataLicense:    v2_3.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   d.Main.Name,
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: cmp.Or(s.Tool.Name, "hallmark")}},
			Created:  s.Created.UTC().Format(time.RFC3339),
		},
	}
	if d.Main.Version != "" {
		doc.DocumentName += "-" + d.Main.Version
	}
	if s.Tool.Version != "" {
		doc.CreationInfo.Creators[0].Creator += "-" + s.Tool.Version
	}
	if d.Phase != "" {
		doc.CreationInfo.CreatorComment = "SBOM Type: " + sbomType(d.Phase)
	}
	var lines []string
	for _, u := range d.Unknown {
		lines = append(lines, "unknown "+quote(u, ""))
	}
	lines = appendProperties(lines, "", d.Properties)
	for _, t := range slices.SortedFunc(slices.Values(d.Targets), func(a, b sbom.Target) int { return cmp.Compare(a.Name, b.Name) }) {
		name := "target " + quote(t.Name, "")
		lines = append(lines, name)
		for _, u := range t.Unknown {
			lines = append(lines, name+" unknown "+quote(u, ""))
		}
		lines = appendProperties(lines, name+" ", t.Properties)
	}
	doc.DocumentComment = strings.Join(lines, "\n")

	doc.OtherLicenses = extracted(components)
	doc.Packages = make([]*v2_3.Package, len(components))
	ids := make(map[string]common.DocElementID, len(components))
	scopes := make(map[string]sbom.Scope, len(components))
	for i, c := range components {
		doc.Packages[i] = newPackage(c, i == 0)
		ids[c.Ref] = common.DocElementID{ElementRefID: doc.Packages[i].PackageSPDXIdentifier}
		scopes[c.Ref] = c.Scope
	}

	// In one piece: a document has several relationships per component.
	all := make([]v2_3.Relationship, 0, 2*len(components)+len(d.Edges))
	relate := func(a common.DocElementID, is string, b common.DocElementID) {
		all = append(all, v2_3.Relationship{RefA: a, Relationship: is, RefB: b})
	}
	other := func(a, b common.DocElementID, comment string) {
		all = append(all, v2_3.Relationship{RefA: a, Relationship: common.TypeRelationshipOther, RefB: b, RelationshipComment: comment})
	}
	main := ids[d.Main.Ref]
	relate(common.DocElementID{ElementRefID: "DOCUMENT"}, common.TypeRelationshipDescribe, main)
	for _, c := range components[1:] {
		switch c.Scope {
		case sbom.Runtime:
			relate(main, common.TypeRelationshipContains, ids[c.Ref])
		case sbom.Build:
			relate(ids[c.Ref], common.TypeRelationshipBuildToolOf, main)
		case sbom.System:
			relate(main, common.TypeRelationshipDynamicLink, ids[c.Ref])
		case sbom.TestOnly:
			relate(ids[c.Ref], common.TypeRelationshipTestDependencyOf, main)
		case sbom.ToolOnly:
			relate(ids[c.Ref], common.TypeRelationshipDevToolOf, main)
		case sbom.GraphOnly:
			other(main, ids[c.Ref], "graph: a manifest asks for it, and nothing needs it")
		}
	}
	requires := d.Requires()
	for _, c := range components {
		for _, to := range requires[c.Ref] {
			relate(ids[c.Ref], common.TypeRelationshipDependsOn, ids[to])
		}
		switch {
		case c.Requirements == sbom.Unknown:
			relate(ids[c.Ref], common.TypeRelationshipDependsOn, common.DocElementID{SpecialID: noAssertion})
		case len(requires[c.Ref]) == 0:
			relate(ids[c.Ref], common.TypeRelationshipDependsOn, common.DocElementID{SpecialID: "NONE"})
		}
	}
	for e := range d.Others() {
		switch a, b := ids[e.From], ids[e.To]; e.Kind {
		case sbom.ForTests:
			if e.From == d.Main.Ref && scopes[e.To] == sbom.TestOnly {
				continue // it is said above
			}
			relate(b, common.TypeRelationshipTestDependencyOf, a)
		case sbom.ForTools:
			relate(b, common.TypeRelationshipDevDependencyOf, a)
		case sbom.Declared:
			other(a, b, "requirement: the manifest of the first asks for the second")
		}
	}
	doc.Relationships = make([]*v2_3.Relationship, len(all))
	for i := range all {
		doc.Relationships[i] = &all[i]
	}
	return doc
}

// newPackage returns c as a package, or as the main one, which may have
// checksums.
func newPackage(c *sbom.Component, main bool) *v2_3.Package {
	p := &v2_3.Package{
		PackageName:             c.Name,
		PackageSPDXIdentifier:   common.ElementID("Package-" + idString(c.Ref)),
		PackageVersion:          c.Version,
		PackageSupplier:         &common.Supplier{Supplier: noAssertion},
		PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  noAssertion,
		PackageCopyrightText:    noAssertion,
		PrimaryPackagePurpose:   strings.ToUpper(string(c.Type)), // clause 7.24
	}
	if c.PURL != "" {
		p.PackageExternalReferences = []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  c.PURL,
		}}
	}
	var lines []string
	for _, d := range c.Digests {
		switch algorithm := checksumAlgorithm(d); {
		case main && algorithm != "":
			p.PackageChecksums = append(p.PackageChecksums, common.Checksum{Algorithm: algorithm, Value: d.Hex()})
		case d.H1() != "":
			lines = append(lines, "go.sum "+d.H1())
		default:
			lines = append(lines, "digest "+d.String())
		}
	}
	if f := c.Distribution; !main && f != nil && f.URL != "" {
		p.PackageDownloadLocation = f.URL
		p.PackageFileName = path.Base(f.Path)
		for _, d := range f.Digests {
			if algorithm := checksumAlgorithm(d); algorithm != "" {
				p.PackageChecksums = append(p.PackageChecksums, common.Checksum{Algorithm: algorithm, Value: d.Hex()})
			}
		}
	}
	if c.Verification != sbom.Unverified {
		lines = append(lines, "verification "+string(c.Verification))
	}
	if c.Replaces != "" {
		lines = append(lines, "replaces "+c.Replaces)
	}
	for _, t := range slices.Sorted(slices.Values(c.Targets)) {
		lines = append(lines, "target "+quote(t, ""))
	}
	for _, path := range slices.Sorted(slices.Values(c.Packages)) {
		lines = append(lines, "package "+quote(path, ""))
	}
	for _, f := range slices.SortedFunc(slices.Values(c.Embedded), func(a, b sbom.File) int { return cmp.Compare(a.Path, b.Path) }) {
		lines = append(lines, "embedded "+f.Digest.String()+" "+quote(f.Path, ""))
	}
	p.PackageComment = strings.Join(appendProperties(lines, "", c.Properties), "\n")
	if l := c.Licenses; l != nil {
		p.PackageLicenseDeclared = cmp.Or(l.Declared, noAssertion)
		p.PackageLicenseConcluded = cmp.Or(l.Concluded, noAssertion)
		p.PackageLicenseComments = strings.Join(licenseLines(l), "\n")
	}
	return p
}

// licenseLines returns what l has beside expressions and texts.
func licenseLines(l *sbom.Licenses) (lines []string) {
	if l.Unknown != "" {
		lines = append(lines, "unknown "+quote(l.Unknown, ""))
	}
	for _, f := range slices.SortedFunc(slices.Values(l.Files), func(a, b sbom.LicenseFile) int { return cmp.Compare(a.Path, b.Path) }) {
		ids := "-"
		if len(f.IDs) > 0 {
			ids = strings.Join(slices.Sorted(slices.Values(f.IDs)), ",")
		}
		lines = append(lines, fmt.Sprintf("%s %s %d%% %s %s", f.Kind, f.Digest, f.Coverage, ids, quote(f.Path, "")))
	}
	return lines
}

// extracted returns the texts of licences that components have.
func extracted(components []*sbom.Component) []*v2_3.OtherLicense {
	var all []*v2_3.OtherLicense
	for _, c := range components {
		if c.Licenses == nil {
			continue
		}
		for _, t := range c.Licenses.Texts {
			all = append(all, &v2_3.OtherLicense{LicenseIdentifier: t.ID, ExtractedText: t.Text, LicenseName: noAssertion})
		}
	}
	slices.SortFunc(all, func(a, b *v2_3.OtherLicense) int { return cmp.Compare(a.LicenseIdentifier, b.LicenseIdentifier) })
	// Check has seen that what has the same identifier is the same text.
	return slices.CompactFunc(all, func(a, b *v2_3.OtherLicense) bool { return a.LicenseIdentifier == b.LicenseIdentifier })
}

// idString returns s in the characters of an SPDX identifier, clause 7.2. The
// package comment says how; it can be undone.
func idString(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+len(s)/2)
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.':
			b = append(b, c)
		default:
			b = append(b, '-', hex[c>>4], hex[c&0xf])
		}
	}
	return string(b)
}

// sbomType returns the type of SBOM that is made in a phase, by the names of
// CISA's "Types of Software Bill of Material (SBOM) Documents", or "" for a phase
// that is not known.
func sbomType(p sbom.Phase) string {
	switch p {
	case sbom.PreBuild:
		return "Source"
	case sbom.Built:
		return "Build"
	case sbom.PostBuild:
		return "Analyzed"
	}
	return ""
}

// checksumAlgorithm returns SPDX's name of the hash of a file that d is, or "" if
// d is none or has no name there.
func checksumAlgorithm(d hallmark.Digest) common.ChecksumAlgorithm {
	switch d.Algorithm() {
	case "md5":
		return common.MD5
	case "sha1":
		return common.SHA1
	case "sha224":
		return common.SHA224
	case "sha256":
		return common.SHA256
	case "sha384":
		return common.SHA384
	case "sha512":
		return common.SHA512
	case "sha3_256":
		return common.SHA3_256
	case "sha3_384":
		return common.SHA3_384
	case "sha3_512":
		return common.SHA3_512
	case "blake2b":
		return common.BLAKE2b_512
	}
	return ""
}

// appendProperties appends a line for each property, sorted, that begins with
// prefix.
func appendProperties(lines []string, prefix string, ps []sbom.Property) []string {
	first := len(lines)
	for _, p := range ps {
		lines = append(lines, prefix+"property "+quote(p.Name, "=")+"="+quote(p.Value, ""))
	}
	slices.Sort(lines[first:])
	return lines
}

// quote returns s as it stands in a line of a comment.
func quote(s, special string) string {
	if strings.HasPrefix(s, `"`) || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, special) {
		return strconv.Quote(s)
	}
	return s
}

// refuse returns every reason for which d and s have no form in SPDX 2.3,
// joined.
func refuse(d *sbom.Document, s sbom.Stamp, components []*sbom.Component) error {
	errs := []error{d.Check()}
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("spdx: "+format, a...)) }
	line := func(of string, texts ...string) {
		for _, t := range texts {
			if strings.ContainsFunc(t, unicode.IsControl) {
				fail("%s: text %q holds a control character, want one line", of, t)
			}
		}
	}
	for _, c := range components {
		line(c.Ref, c.Name, c.Version, c.PURL, c.Replaces)
		if c.Distribution != nil {
			line(c.Ref, c.Distribution.Path)
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
		fail("no time of creation: SPDX 2.3 requires it (clause 6.9), and it is the caller's to give")
	}
	if y := s.Created.UTC().Year(); y < 0 || y > 9999 {
		fail("created in the year %d, want one of four digits", y)
	}
	return errors.Join(errs...)
}
