package spdx

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

const (
	format3  = "spdx-json@3." // what Remainders of these documents begin with
	context3 = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"

	// creationID is the blank node that is the creation information of what is
	// written, with a number behind it if there is such a one in the Remainder.
	creationID = "_:hallmark"

	noElement          = "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement"
	noAssertionElement = "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement"
	noAssertionLicense = "https://spdx.org/rdf/3.0.1/terms/Licensing/NoAssertion"

	buildType = "https://pkg.go.dev/cmd/go"

	// What comments say of elements that are not Components.
	embeddedFile = "embedded: the artifact has this file in it as it is"
	artifactFile = "artifact: this file is the artifact that the document is about"
	moduleSum    = "the sum of a Go module, as in go.sum: a hash of the list of its files' hashes, and of no file"
)

// write3 writes d as SPDX 3.0.1: once to learn its UUID, and once with it.
func write3(w io.Writer, d *sbom.Document, s sbom.Stamp) error {
	if err := newWriter3(d, s, uuid3(d, s)).document(w); err != nil {
		return fmt.Errorf("spdx: %w", err)
	}
	return nil
}

// uuid3 returns the UUID of the document that d is in SPDX 3.0.1.
func uuid3(d *sbom.Document, s sbom.Stamp) string {
	h := uuid.New(V301.PredicateType())
	newWriter3(d, s, uuid.Nil).document(h) // which does not fail
	return h.String()
}

type writer3 struct {
	d          *sbom.Document
	s          sbom.Stamp
	base       string // what identifiers begin with
	components []*sbom.Component
	scopes     map[string]sbom.Scope
	edges      []sbom.Edge
	out        *sink

	rest [][]byte // elements of the Remainder
	said *said3   // what they say; nil if there are none

	parties  map[sbom.Party]string // identifiers
	licences map[string]string     // of expressions
	texts    map[string]bool       // identifiers of those that are written

	creationID    string
	first         bool // no element is written yet
	relationships int
	created       int    // elements that have the creation information of this writing
	b             []byte // the element that is being written
}

func newWriter3(d *sbom.Document, s sbom.Stamp, id string) *writer3 {
	o := &writer3{
		d: d, s: s, base: namespace + id + "#", components: d.All(), scopes: scopesOf(d), edges: sortedEdges(d.Edges),
		parties: make(map[sbom.Party]string), licences: make(map[string]string), texts: make(map[string]bool), creationID: creationID, first: true,
	}
	if standsForNone(d) {
		o.components = o.components[1:]
	}
	if o.rest = elementsOf(d.Remainder, format3, "/@graph"); len(o.rest) > 0 {
		main := ""
		if !standsForNone(d) {
			main = o.id(d.Main.Ref)
		}
		o.said = newSaid3(o.rest, main)
		for n := 2; o.said.ids[o.creationID]; n++ {
			o.creationID = creationID + strconv.Itoa(n)
		}
	}
	return o
}

// id returns the identifier of the component with a Ref.
func (o *writer3) id(ref string) string {
	switch {
	case ref == documentID && standsForNone(o.d):
		if o.said != nil && o.said.document != "" {
			return o.said.document
		}
		return o.base + "SpdxDocument"
	case isIRI3(ref):
		return ref
	}
	return string(appendID(append(append(make([]byte, 0, 256), o.base...), "Package-"...), ref))
}

// isIRI3 reports whether a Ref is an identifier in SPDX 3 as it is: that of an
// element of a document which was read.
func isIRI3(ref string) bool {
	scheme, rest, _ := strings.Cut(ref, ":")
	switch scheme {
	case "http", "https":
		rest, _ = strings.CutPrefix(rest, "//")
	case "urn":
	default:
		return false
	}
	return rest != "" && !strings.ContainsFunc(rest, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"{}|\\^`", r)
	})
}

// document writes all elements.
func (o *writer3) document(w io.Writer) error {
	o.out = &sink{w: w, b: append(make([]byte, 0, 2*piece), `{"@context":"`+context3+`","@graph":[`...)}
	if o.said == nil {
		o.creation()
	}
	o.head()
	for _, c := range o.components {
		o.component(c)
	}
	o.dependencies()
	o.scope()
	if o.said != nil && o.created > 0 {
		o.creation()
	}
	for _, e := range o.rest {
		o.begin()
		o.out.b = append(o.out.b, e...)
		o.out.flush(false)
	}
	o.out.b = append(o.out.b, "\n]"...)
	for _, r := range o.d.Remainder {
		if strings.HasPrefix(r.Format, format3) && r.Path != "" && !strings.HasPrefix(r.Path, "/@") {
			o.out.b = append(appendString(append(o.out.b, ','), unescapePointer(r.Path[1:])), ':')
			o.out.b = append(o.out.b, canonical(r.Value)...)
		}
	}
	o.out.b = append(o.out.b, "}\n"...)
	o.out.flush(true)
	return o.out.err
}

// begin begins a line of the output.
func (o *writer3) begin() {
	if !o.first {
		o.out.b = append(o.out.b, ',')
	}
	o.first = false
	o.out.b = append(o.out.b, '\n')
}

// element begins an element. With end, it is written.
func (o *writer3) element(kind, id string) {
	o.created++
	o.b = append(append(append(o.b[:0], `{"type":"`...), kind...), `","spdxId":`...)
	o.b = append(appendString(o.b, id), `,"creationInfo":"`+o.creationID+`"`...)
}

func (o *writer3) end() {
	o.begin()
	o.out.b = append(append(o.out.b, o.b...), '}')
	o.out.flush(false)
}

// text appends a member with a text, if there is one.
func (o *writer3) text(name, value string) {
	if value != "" {
		o.b = append(append(append(o.b, `,"`...), name...), `":`...)
		o.b = appendString(o.b, value)
	}
}

// list appends a member with a list, if it has entries.
func (o *writer3) list(name string, values ...string) {
	for i, v := range values {
		if i == 0 {
			o.b = append(append(append(o.b, `,"`...), name...), `":[`...)
		} else {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, v)
	}
	if len(values) > 0 {
		o.b = append(o.b, ']')
	}
}

func (o *writer3) hashes(ds []hallmark.Digest) {
	for i, d := range ds {
		if i == 0 {
			o.b = append(o.b, `,"verifiedUsing":[`...)
		} else {
			o.b = append(o.b, ',')
		}
		algorithm, value, comment := hash3(d)
		o.b = append(append(append(o.b, `{"type":"Hash","algorithm":"`...), algorithm...), `","hashValue":`...)
		o.b = appendString(o.b, value)
		o.text("comment", comment)
		o.b = append(o.b, '}')
	}
	if len(ds) > 0 {
		o.b = append(o.b, ']')
	}
}

// hash3 returns what a Hash says of d. Only hashes of files have an algorithm.
func hash3(d hallmark.Digest) (algorithm, value, comment string) {
	switch a := d.Algorithm(); a {
	case "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512":
		return a, d.Hex(), ""
	case "blake2b":
		return "blake2b512", d.Hex(), ""
	case "dirHash":
		return "other", d.H1(), moduleSum
	}
	return "other", d.String(), "a digest by the names of the in-toto DigestSet"
}

// isFileHash3 reports whether d is the hash of a file.
func isFileHash3(d hallmark.Digest) bool {
	algorithm, _, _ := hash3(d)
	return algorithm != "other"
}

func (o *writer3) properties(ps []sbom.Property) {
	for i, p := range sorted(ps, compareProperties) {
		if i == 0 {
			o.b = append(o.b, `,"extension":[{"type":"extension_CdxPropertiesExtension","extension_cdxProperty":[`...)
		} else {
			o.b = append(o.b, ',')
		}
		o.b = appendString(append(o.b, `{"type":"extension_CdxPropertyEntry","extension_cdxPropName":`...), p.Name)
		o.b = append(appendString(append(o.b, `,"extension_cdxPropValue":`...), p.Value), '}')
	}
	if len(ps) > 0 {
		o.b = append(o.b, "]}]"...)
	}
}

func compareProperties(a, b sbom.Property) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// creation writes who made the document, and with what.
func (o *writer3) creation() {
	var by []string
	for i := range o.d.Authors {
		by = append(by, o.agent(&o.d.Authors[i]))
	}
	if len(by) == 0 {
		// Who answers for the document is not known, but a program made it.
		by = append(by, o.base+"SoftwareAgent")
	}
	o.b = append(o.b[:0], `{"type":"CreationInfo","@id":"`+o.creationID+`","specVersion":"3.0.1"`...)
	o.text("created", timestamp(o.s.Created))
	o.list("createdBy", by...)
	o.list("createdUsing", o.base+"Tool")
	o.end()
	tool := toolName(o.s.Tool)
	o.element("Tool", o.base+"Tool")
	o.text("name", tool)
	if o.s.Tool.Version != "" {
		o.text("comment", "version "+o.s.Tool.Version)
	}
	o.end()
	if len(o.d.Authors) == 0 {
		o.element("SoftwareAgent", o.base+"SoftwareAgent")
		o.text("name", tool)
		o.text("comment", "no person or organization is named as the author")
		o.end()
	}
}

// agent returns the identifier of a person or an organization, which is written
// when it is first met.
func (o *writer3) agent(p *sbom.Party) string {
	if id, ok := o.parties[*p]; ok {
		return id
	}
	if o.said != nil && o.said.agents[*p] != "" {
		return o.said.agents[*p]
	}
	id := o.base + "Agent-" + strconv.Itoa(len(o.parties)+1)
	o.parties[*p] = id
	kind := "Organization"
	if p.Person {
		kind = "Person"
	}
	o.element(kind, id)
	o.text("name", p.Name)
	if p.Email != "" {
		o.b = append(appendString(append(o.b, `,"externalIdentifier":[{"type":"ExternalIdentifier","externalIdentifierType":"email","identifier":`...), p.Email), "}]"...)
	}
	if p.URL != "" {
		o.b = append(appendString(append(o.b, `,"externalRef":[{"type":"ExternalRef","externalRefType":"altWebPage","locator":[`...), p.URL), "]}]"...)
	}
	o.end()
	return id
}

// head writes what is not about one component: the document and the SBOM.
func (o *writer3) head() {
	d := o.d
	said := *d
	said.Authors, said.Properties = nil, nil
	if sbomType(d.Phase) != "" {
		said.Phase = ""
	}
	comment := strings.Join(documentStatements(&said), "\n")
	hasDocument := o.said != nil && o.said.document != ""
	if !hasDocument {
		o.element("SpdxDocument", o.base+"SpdxDocument")
		o.text("name", documentName(d))
		o.text("comment", comment)
		o.properties(d.Properties)
		o.text("dataLicense", o.base+"License-CC0")
		profiles := []string{"core", "software", "simpleLicensing"}
		if o.isBuild() {
			profiles = append(profiles, "build")
		}
		if len(d.Properties) > 0 || slices.ContainsFunc(o.components, func(c *sbom.Component) bool { return len(c.Properties) > 0 }) {
			profiles = append(profiles, "extension")
		}
		o.list("profileConformance", profiles...)
		o.list("rootElement", o.base+"Sbom")
		o.end()
		o.element("simplelicensing_LicenseExpression", o.base+"License-CC0")
		o.text("simplelicensing_licenseExpression", "CC0-1.0")
		o.end()

		o.element("software_Sbom", o.base+"Sbom")
		if t := sbomType(d.Phase); t != "" {
			o.list("software_sbomType", strings.ToLower(t))
		}
		if !standsForNone(d) {
			o.list("rootElement", o.id(d.Main.Ref))
		}
		o.b = append(o.b, `,"element":[`...)
		o.begin()
		o.out.b = append(o.out.b, o.b...)
		for i, c := range o.components {
			if i > 0 {
				o.out.b = append(o.out.b, ',')
			}
			o.out.b = appendString(o.out.b, o.id(c.Ref))
			o.out.flush(false)
		}
		o.out.b = append(o.out.b, "]}"...)
	} else if comment != o.said.statements || !slices.Equal(d.Properties, o.said.properties) {
		// The document is written as it was read; what is new is beside it.
		o.element("Annotation", o.base+"Annotation")
		o.text("annotationType", "other")
		o.text("subject", o.said.document)
		o.text("statement", comment)
		o.properties(d.Properties)
		o.end()
	}
}

// isBuild reports whether the document says something of a build: that the go
// command made the artifact.
func (o *writer3) isBuild() bool {
	return o.d.Phase == sbom.Built && strings.HasPrefix(o.d.Main.PURL, "pkg:golang/")
}

// expression returns the identifier of a license expression, which is written when
// it is first met.
func (o *writer3) expression(s string) string {
	if id := o.licences[s]; id != "" {
		return id
	}
	id := o.base + "License-" + strconv.Itoa(len(o.licences)+1)
	o.licences[s] = id
	o.element("simplelicensing_LicenseExpression", id)
	o.text("simplelicensing_licenseExpression", s)
	ids, _ := sbom.LicenseIDs(s) // Check has seen it
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "LicenseRef-") })
	for i, id := range ids {
		if i == 0 {
			o.b = append(o.b, `,"simplelicensing_customIdToUri":[`...)
		} else {
			o.b = append(o.b, ',')
		}
		o.b = appendString(append(o.b, `{"type":"DictionaryEntry","key":`...), id)
		o.text("value", o.base+id)
		o.b = append(o.b, '}')
	}
	if len(ids) > 0 {
		o.b = append(o.b, ']')
	}
	o.end()
	return id
}

// component writes c as a package, and the elements that are about it alone.
func (o *writer3) component(c *sbom.Component) {
	main := c == &o.d.Main
	id := o.id(c.Ref)
	l := o.place(c, main)
	o.pack(c, &l)
	if len(c.Remainder) > 0 {
		if slices.ContainsFunc(c.Remainder, func(r sbom.Remainder) bool {
			return strings.HasPrefix(r.Format, format3) && r.Path == "/creationInfo"
		}) {
			o.created--
		}
		b := restore(append(o.b, '}'), c.Remainder, format3)
		o.b = append(o.b[:0], b[:len(b)-1]...)
	}
	o.end()

	local := "Package-" + idString(c.Ref)
	if l.file != nil {
		file := o.base + "Distribution-" + idString(c.Ref)
		o.element("software_File", file)
		o.text("name", l.file.name)
		o.text("comment", l.file.comment)
		o.hashes(l.file.digests)
		if purposes := additionalPurposes(c.Properties); len(purposes) > 0 {
			o.list("software_additionalPurpose", purposes...)
		}
		o.text("software_primaryPurpose", l.file.purpose)
		o.end()
		o.relate(id, "hasDistributionArtifact", "", "", "", file)
		if l.file.comment == artifactFile && o.isBuild() {
			build := o.base + "Build"
			o.element("build_Build", build)
			o.text("build_buildType", buildType)
			for i, p := range sorted(o.d.Properties, compareProperties) {
				if i == 0 {
					o.b = append(o.b, `,"build_parameter":[`...)
				} else {
					o.b = append(o.b, ',')
				}
				o.b = appendString(append(o.b, `{"type":"DictionaryEntry","key":`...), p.Name)
				o.b = append(appendString(append(o.b, `,"value":`...), p.Value), '}')
			}
			if len(o.d.Properties) > 0 {
				o.b = append(o.b, ']')
			}
			o.end()
			o.relate(build, "hasOutput", "", "", "", file)
		}
	}
	var embedded []string
	for i, f := range sorted(c.Embedded, compareFiles) {
		file := o.base + "File-" + strconv.Itoa(i+1) + "-" + local
		embedded = append(embedded, file)
		o.element("software_File", file)
		o.text("name", f.Path)
		o.text("comment", embeddedFile)
		o.hashes([]hallmark.Digest{f.Digest})
		o.end()
	}
	o.relate(id, "contains", "", "", "", embedded...)

	if c.Licenses != nil {
		o.license(id, c.Licenses)
	}
}

// additionalPurposes returns the purposes by which BSI TR-03183-2, version 2.1.0,
// clause 8.2, has the properties of a file, sorted. That it is not executable, or no
// archive, is said by none.
func additionalPurposes(ps []sbom.Property) []string {
	var purposes []string
	for _, p := range ps {
		switch p {
		case sbom.Property{Name: "bsi:component:executable", Value: "executable"}:
			purposes = append(purposes, "executable")
		case sbom.Property{Name: "bsi:component:archive", Value: "archive"}:
			purposes = append(purposes, "archive")
		case sbom.Property{Name: "bsi:component:structured", Value: "structured"}:
			purposes = append(purposes, "container")
		case sbom.Property{Name: "bsi:component:structured", Value: "unstructured"}:
			purposes = append(purposes, "firmware")
		}
	}
	slices.Sort(purposes)
	return slices.Compact(purposes)
}

// pack makes the package that c is.
func (o *writer3) pack(c *sbom.Component, l *place3) {
	var supplier, producer string
	if c.Supplier != nil {
		supplier = o.agent(c.Supplier)
	}
	if c.Producer != nil {
		producer = o.agent(c.Producer)
	}
	o.element("software_Package", o.id(c.Ref))
	o.text("name", c.Name)
	o.text("description", c.Description)
	o.text("comment", strings.Join(statements(&l.rest), "\n"))
	open := `,"externalIdentifier":[`
	for _, cpe := range l.cpes {
		kind := "cpe22"
		if strings.HasPrefix(cpe, "cpe:2.3:") {
			kind = "cpe23"
		}
		o.b = append(append(append(o.b, open...), `{"type":"ExternalIdentifier","externalIdentifierType":"`...), kind...)
		o.b = append(appendString(append(o.b, `","identifier":`...), cpe), '}')
		open = ","
	}
	if open == "," {
		o.b = append(o.b, ']')
	}
	open = `,"externalRef":[`
	for _, r := range l.references {
		o.b = append(append(append(o.b, open...), `{"type":"ExternalRef","externalRefType":"`...), referenceType3(r.Type)...)
		o.b = append(appendString(append(o.b, `","locator":[`...), r.URL), ']')
		o.text("comment", r.Comment)
		o.b = append(o.b, '}')
		open = ","
	}
	if open == "," {
		o.b = append(o.b, ']')
	}
	o.properties(c.Properties)
	o.hashes(l.checksums)
	if producer != "" {
		o.list("originatedBy", producer)
	}
	o.text("suppliedBy", supplier)
	if s := supportLevel3(c.Support); s != "" {
		o.list("supportLevel", s)
	}
	if !c.SupportUntil.IsZero() {
		o.text("validUntilTime", timestamp(c.SupportUntil))
	}
	o.text("software_copyrightText", c.Copyright)
	o.text("software_downloadLocation", l.location)
	o.text("software_homePage", l.homepage)
	if !l.identified {
		o.text("software_packageUrl", c.PURL)
	}
	o.text("software_packageVersion", c.Version)
	o.text("software_primaryPurpose", purpose3(c.Type))
}

// license writes the licences of the component with an identifier.
func (o *writer3) license(id string, l *sbom.Licenses) {
	declared := o.said == nil || !o.said.relations[id+" hasDeclaredLicense"]
	concluded := l.Concluded != "" && (o.said == nil || !o.said.relations[id+" hasConcludedLicense"])
	if !declared && !concluded {
		return
	}
	for _, t := range slices.SortedFunc(slices.Values(l.Texts), func(a, b sbom.LicenseText) int { return cmp.Compare(a.ID, b.ID) }) {
		if !o.texts[t.ID] {
			o.texts[t.ID] = true
			o.element("simplelicensing_SimpleLicensingText", o.base+t.ID)
			o.text("name", t.ID)
			o.b = appendString(append(o.b, `,"simplelicensing_licenseText":`...), t.Text)
			o.end()
		}
	}
	comment := strings.Join(licenseStatements(l), "\n")
	if declared && (l.Declared != "" || comment != "") {
		to := noAssertionLicense
		if l.Declared != "" {
			to = o.expression(l.Declared)
		}
		o.relate(id, "hasDeclaredLicense", "", "", comment, to)
	}
	if concluded {
		o.relate(id, "hasConcludedLicense", "", "", "", o.expression(l.Concluded))
	}
}

// relate writes a relationship, if it leads anywhere.
func (o *writer3) relate(from, kind, scope, completeness, comment string, to ...string) {
	if len(to) == 0 {
		return
	}
	o.relationship(from, kind, scope, completeness, comment)
	for i, t := range to {
		if i > 0 {
			o.out.b = append(o.out.b, ',')
		}
		o.out.b = appendString(o.out.b, t)
		o.out.flush(false)
	}
	o.out.b = append(o.out.b, "]}"...)
}

// relationship writes a relationship up to where it leads.
func (o *writer3) relationship(from, kind, scope, completeness, comment string) {
	o.relationships++
	class := "Relationship"
	if scope != "" {
		class = "LifecycleScopedRelationship"
	}
	o.element(class, o.base+"Relationship-"+strconv.Itoa(o.relationships))
	o.text("comment", comment)
	o.text("completeness", completeness)
	o.text("scope", scope)
	o.text("from", from)
	o.text("relationshipType", kind)
	o.b = append(o.b, `,"to":[`...)
	o.begin()
	o.out.b = append(o.out.b, o.b...)
}

// A place3 says where what a Component has is written.
type place3 struct {
	location, homepage string
	checksums          []hallmark.Digest
	cpes               []string
	references         []sbom.Reference
	file               *file3
	identified         bool           // whether an external identifier is the PURL, and nothing else
	rest               sbom.Component // what stands in the comment
}

// A file3 is the file that a component is distributed as.
type file3 struct {
	name, comment, purpose string
	digests                []hallmark.Digest
}

func (o *writer3) place(c *sbom.Component, main bool) (l place3) {
	id := o.id(c.Ref)
	l.rest = *c
	rest := &l.rest
	if purpose3(c.Type) != "other" {
		rest.Type = ""
	}
	rest.Supplier, rest.Producer, rest.Properties, rest.Embedded = nil, nil, nil, nil
	if supportLevel3(c.Support) == c.Support {
		rest.Support = ""
	}
	l.checksums, rest.Digests = c.Digests, nil

	distributed := o.said != nil && o.said.relations[id+" hasDistributionArtifact"]
	switch f := c.Distribution; {
	case f != nil:
		if !distributed {
			l.file = &file3{path.Base(f.Path), "path " + quote(f.Path, ""), "archive", f.Digests}
		}
		if !distributed || o.said.has(id, f.Digests) {
			rest.Distribution = nil
		}
		l.location = f.URL
	case main && o.said == nil:
		// The artifact has a name of its own, which is not known unless a Property tells.
		files, others := divide(c.Digests, isFileHash3)
		if len(others) == len(c.Digests) {
			files = nil
		}
		name := path.Base(c.Name)
		named := slices.IndexFunc(c.Properties, func(p sbom.Property) bool { return p.Name == "bsi:component:filename" && p.Value != "" })
		if named >= 0 {
			name = c.Properties[named].Value
		}
		if len(files) > 0 || named >= 0 {
			l.checksums = others
			l.file = &file3{name, artifactFile, "", files}
			if c.Type == sbom.Application && (o.d.Phase == sbom.Built || o.d.Phase == sbom.PostBuild) {
				l.file.purpose = "executable"
			}
		}
	}
	if distributed {
		l.checksums = slices.DeleteFunc(slices.Clone(l.checksums), func(d hallmark.Digest) bool { return o.said.has(id, []hallmark.Digest{d}) })
	}

	rest.References, rest.CPEs = nil, nil
	references := slices.Clone(c.References)
	if len(c.Remainder) > 0 {
		remains := remains3(c)
		type key struct{ kind, url, comment string }
		said := make(map[key]int)
		for _, r := range remains.references {
			said[key{r.Type, r.URL, r.Comment}]++
		}
		references = slices.DeleteFunc(references, func(r sbom.Reference) bool {
			k := key{r.Type, r.URL, r.Comment}
			if len(r.Digests) > 0 || said[k] == 0 {
				return false
			}
			said[k]--
			return true
		})
		if o.said != nil && len(remains.hashes) > 0 {
			nodes := make(map[hallmark.Digest]int)
			for _, id := range remains.hashes {
				nodes[o.said.nodes[id]]++
			}
			l.checksums = slices.DeleteFunc(slices.Clone(l.checksums), func(d hallmark.Digest) bool {
				nodes[d]--
				return nodes[d] >= 0
			})
		}
		l.identified = remains.purl == c.PURL && slices.ContainsFunc(c.Remainder, func(r sbom.Remainder) bool {
			return strings.HasPrefix(r.Format, format3) && r.Path == "/software_packageUrl" && string(r.Value) == "null"
		})
	}
	sortReferences(references)
	for _, r := range references {
		plain := r.Comment == "" && len(r.Digests) == 0
		switch {
		case r.Comment == "" && r.Type == "distribution" && c.Distribution == nil && l.location == "" &&
			(plain || distributed && o.said.has(id, r.Digests) || !distributed && l.file == nil):
			l.location = r.URL
			if !plain && !distributed {
				l.file = &file3{name: path.Base(r.URL), digests: r.Digests}
			}
		case plain && r.Type == "website" && l.homepage == "":
			l.homepage = r.URL
		case len(r.Digests) == 0 && referenceType3(r.Type) != "":
			l.references = append(l.references, r)
		default:
			rest.References = append(rest.References, r)
		}
	}
	for _, cpe := range sorted(c.CPEs, cmp.Compare) {
		if isCPE2(cpe) {
			l.cpes = append(l.cpes, cpe)
		} else {
			rest.CPEs = append(rest.CPEs, cpe)
		}
	}
	return l
}

// dependencies writes what requires what, and how much of it is known.
func (o *writer3) dependencies() {
	for _, c := range o.d.All() {
		id := o.id(c.Ref)
		if c.Ref == documentID && standsForNone(o.d) && len(edgesFrom(o.edges, c.Ref)) == 0 {
			continue
		}
		groups := make(map[sbom.Edge][]string) // by kind and target
		var kinds []sbom.Edge
		for _, e := range edgesFrom(o.edges, c.Ref) {
			to := o.id(e.To)
			if o.said != nil && o.said.edges[fact{kind: requires, from: id, to: to, edge: e.Kind, target: e.Target}] {
				continue
			}
			kind := sbom.Edge{Kind: e.Kind, Target: e.Target}
			if groups[kind] == nil {
				kinds = append(kinds, kind)
			}
			groups[kind] = append(groups[kind], to)
		}
		slices.SortFunc(kinds, compareEdges)
		completeness := "noAssertion"
		if c.Requirements == sbom.Complete {
			completeness = "complete"
		} else if slices.ContainsFunc(c.Gaps, func(g sbom.Gap) bool { return g.Element == sbom.ElementRequires }) {
			completeness = "incomplete"
		}
		stated := o.said != nil && o.said.relations[id+" dependsOn"]
		for _, k := range kinds {
			comment := ""
			if k.Target != "" {
				comment = "for " + quote(k.Target, "")
			}
			switch k.Kind {
			case sbom.Linked:
				o.relate(id, "dependsOn", "runtime", completeness, comment, groups[k]...)
			case sbom.ForTests:
				o.relate(id, "dependsOn", "test", completeness, comment, groups[k]...)
			case sbom.ForTools:
				o.relate(id, "dependsOn", "development", completeness, comment, groups[k]...)
			case sbom.Contains:
				lines := []string{partOf, comment}
				if c.Ref != o.d.Main.Ref { // there it would say the scope
					lines = lines[1:]
				}
				o.relate(id, "contains", "", "", strings.TrimSuffix(strings.Join(lines, "\n"), "\n"), groups[k]...)
				continue
			case sbom.Declared:
				if comment != "" {
					comment = "\n" + comment
				}
				o.relate(id, "other", "", "", requirement+comment, groups[k]...)
				continue
			}
			stated = true
		}
		switch {
		case stated, c.Ref == documentID && standsForNone(o.d):
		case c.Requirements == sbom.Unknown && o.said != nil:
			// The document that was read does not say it either.
		case c.Requirements == sbom.Complete:
			o.relate(id, "dependsOn", "runtime", completeness, "", noElement)
		default:
			o.relate(id, "dependsOn", "runtime", completeness, "", noAssertionElement)
		}
	}
}

// scope writes what the main component has the others for.
func (o *writer3) scope() {
	main := o.id(o.d.Main.Ref)
	for _, scope := range []sbom.Scope{sbom.Runtime, sbom.Optional, sbom.System, sbom.Build, sbom.TestOnly, sbom.ToolOnly, sbom.GraphOnly} {
		any := false
		for _, c := range o.components {
			if c == &o.d.Main || c.Scope != scope {
				continue
			}
			id := o.id(c.Ref)
			if o.said != nil && o.said.edges[fact{kind: scoped, to: id, scope: scope}] {
				continue
			}
			if any {
				o.out.b = append(o.out.b, ',')
			} else {
				kind, lifecycle, comment := scope3(scope)
				o.relationship(main, kind, lifecycle, "", comment)
				any = true
			}
			o.out.b = appendString(o.out.b, id)
			o.out.flush(false)
		}
		if any {
			o.out.b = append(o.out.b, "]}"...)
		}
	}
}

// scope3 returns the relationship in which the main component is to those of a
// scope.
func scope3(s sbom.Scope) (kind, lifecycle, comment string) {
	switch s {
	case sbom.Runtime:
		return "contains", "", ""
	case sbom.Optional:
		return "hasOptionalComponent", "", ""
	case sbom.System:
		return "hasDynamicLink", "runtime", ""
	case sbom.Build:
		return "usesTool", "build", ""
	case sbom.TestOnly:
		return "other", "test", onlyTests
	case sbom.ToolOnly:
		return "usesTool", "development", ""
	}
	return "other", "", onlyGraph
}

// purpose3 returns the primary purpose of a type, or "" if nothing is known.
func purpose3(t sbom.Type) string {
	switch t {
	case sbom.Application, sbom.Framework, sbom.Library, sbom.Container, sbom.Platform, sbom.Device, sbom.Firmware, sbom.Data:
		return string(t)
	case sbom.OperatingSystem:
		return "operatingSystem"
	case sbom.DeviceDriver:
		return "deviceDriver"
	case sbom.FileType:
		return "file"
	case sbom.MachineLearning:
		return "model"
	case sbom.Unclassified:
		return ""
	}
	return "other"
}

// typeOf3 is the inverse of purpose3.
func typeOf3(purpose string) sbom.Type {
	for _, t := range []sbom.Type{
		sbom.Application, sbom.Framework, sbom.Library, sbom.Container, sbom.Platform, sbom.OperatingSystem, sbom.Device,
		sbom.DeviceDriver, sbom.Firmware, sbom.FileType, sbom.MachineLearning, sbom.Data,
	} {
		if purpose3(t) == purpose {
			return t
		}
	}
	return sbom.Unclassified
}

// supportLevel3 returns the level of support that a word stands for, or "".
func supportLevel3(s string) string {
	switch s {
	case "deployed", "development", "endOfSupport", "limitedSupport", "noSupport", "support":
		return s
	case "actively-maintained":
		return "support"
	case "no-longer-maintained":
		return "endOfSupport"
	case "abandoned":
		return "noSupport"
	}
	return ""
}

// referenceType3 returns SPDX's name of a type of reference, or "" if it has none.
func referenceType3(t string) string {
	switch t {
	case "website":
		return "altWebPage"
	case "distribution":
		return "altDownloadLocation"
	case "source-distribution":
		return "sourceArtifact"
	case "vcs", "license", "chat", "documentation", "support":
		return t
	case "issue-tracker":
		return "issueTracker"
	case "mailing-list":
		return "mailingList"
	case "social":
		return "socialMedia"
	case "build-meta":
		return "buildMeta"
	case "build-system":
		return "buildSystem"
	case "release-notes":
		return "releaseNotes"
	case "advisories":
		return "securityAdvisory"
	case "adversary-model":
		return "securityAdversaryModel"
	case "threat-model":
		return "securityThreatModel"
	case "risk-assessment":
		return "riskAssessment"
	case "vulnerability-assertion":
		return "vulnerabilityDisclosureReport"
	case "exploitability-statement":
		return "vulnerabilityExploitabilityAssessment"
	case "pentest-report":
		return "securityPenTestReport"
	case "static-analysis-report":
		return "staticAnalysisReport"
	case "dynamic-analysis-report":
		return "dynamicAnalysisReport"
	case "runtime-analysis-report":
		return "runtimeAnalysisReport"
	case "component-analysis-report":
		return "componentAnalysisReport"
	case "certification-report":
		return "certificationReport"
	case "quality-metrics":
		return "metrics"
	case "attestation":
		return "secureSoftwareAttestation"
	case "other":
		return "other"
	}
	return ""
}

// referenceTypeOf3 is the inverse of referenceType3.
func referenceTypeOf3(kind string) string {
	for _, t := range []string{
		"website", "distribution", "source-distribution", "vcs", "license", "chat", "documentation", "support", "issue-tracker",
		"mailing-list", "social", "build-meta", "build-system", "release-notes", "advisories", "adversary-model", "threat-model",
		"risk-assessment", "vulnerability-assertion", "exploitability-statement", "pentest-report", "static-analysis-report",
		"dynamic-analysis-report", "runtime-analysis-report", "component-analysis-report", "certification-report",
		"quality-metrics", "attestation", "other",
	} {
		if referenceType3(t) == kind {
			return t
		}
	}
	return ""
}
