package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

const (
	format2   = "spdx-json@2." // what Remainders of these documents begin with
	namespace = "https://spdx.org/spdxdocs/"

	noAssertion = "NOASSERTION"
	none        = "NONE"

	// documentID is the identifier of a document. A main component with this Ref
	// stands for what a document is about that describes no package, and is none.
	documentID = "SPDXRef-DOCUMENT"
)

// write2 writes d as SPDX 2.3: once to learn its UUID, and once with it.
func write2(w io.Writer, d *sbom.Document, s sbom.Stamp) error {
	o := newWriter2(d, s)
	h := uuid.New(PredicateType)
	if err := o.document(h, uuid.Nil); err != nil {
		return fmt.Errorf("spdx: %w", err)
	}
	if err := o.document(w, h.String()); err != nil {
		return fmt.Errorf("spdx: %w", err)
	}
	return nil
}

type writer2 struct {
	d          *sbom.Document
	s          sbom.Stamp
	components []*sbom.Component
	scopes     map[string]sbom.Scope
	edges      []sbom.Edge
	ids        map[string]string // of components, by their Refs

	rest [][]byte      // relationships of the Remainder
	said map[fact]bool // what they and documentDescribes say; nil if nothing was read
}

func newWriter2(d *sbom.Document, s sbom.Stamp) *writer2 {
	o := &writer2{d: d, s: s, components: d.All(), scopes: scopesOf(d), edges: sortedEdges(d.Edges)}
	if standsForNone(d) {
		o.components = o.components[1:]
	}
	o.ids = make(map[string]string, len(o.components))
	for _, c := range o.components {
		o.ids[c.Ref] = id2(c.Ref)
	}
	o.rest = elementsOf(d.Remainder, format2, "/relationships")
	if slices.ContainsFunc(d.Remainder, func(r sbom.Remainder) bool { return strings.HasPrefix(r.Format, format2) }) {
		o.said = make(map[fact]bool)
		main, text := o.id(d.Main.Ref), make(map[string]string)
		for _, raw := range o.rest {
			var r relationRead
			err := strictjson.Read(raw, func(j *strictjson.Reader) (err error) {
				r, err = readRelation(j, text)
				return err
			})
			if err == nil {
				for _, f := range r.facts(nil, main) {
					o.said[f] = true
				}
			}
		}
		for _, r := range d.Remainder {
			var ids []string
			if strings.HasPrefix(r.Format, format2) && r.Path == "/documentDescribes" && json.Unmarshal(r.Value, &ids) == nil {
				for _, id := range ids {
					o.said[fact{kind: describes, to: id}] = true
				}
			}
		}
	}
	return o
}

// standsForNone reports whether the main component of d is none, but stands for
// what a document is about that describes no package.
func standsForNone(d *sbom.Document) bool {
	return d.Main.Ref == documentID && d.Main.Type == sbom.Unclassified
}

// id returns the identifier of what has a Ref.
func (o *writer2) id(ref string) string {
	if ref == documentID && standsForNone(o.d) {
		return documentID
	}
	return o.ids[ref]
}

// document writes the document, with the UUID in its namespace.
func (o *writer2) document(w io.Writer, id string) error {
	out := &sink{w: w}
	list := o.top(id)
	out.b = append(out.b, '{')
	for i, m := range list {
		if i > 0 {
			out.b = append(out.b, ',')
		}
		out.b = append(out.b, "\n  "...)
		out.b = append(appendString(out.b, m.name), ": "...)
		if m.value != nil {
			out.b = appendIndented(out.b, m.value, 1)
			continue
		}
		open := byte('[')
		write := func(n int, element func(b []byte, i int) []byte) {
			out.each(n, func(b []byte, i int, scratch *[]byte) []byte {
				separator := byte(',')
				if i == 0 {
					separator = open
				}
				*scratch = element((*scratch)[:0], i)
				return appendIndented(append(append(b, separator), "\n    "...), *scratch, 2)
			})
			if n > 0 {
				open = ','
			}
		}
		switch m.name {
		case "packages":
			write(len(o.components), func(b []byte, i int) []byte {
				c := o.components[i]
				return restore(package2(b, c, c == &o.d.Main), c.Remainder, format2)
			})
		case "relationships":
			some := make([]relation, 0, 4096)
			flush := func() {
				write(len(some), func(b []byte, i int) []byte { return some[i].appendJSON(b) })
				some = some[:0]
			}
			o.relationships(func(r relation) {
				if some = append(some, r); len(some) == cap(some) {
					flush()
				}
			})
			flush()
			write(len(o.rest), func(b []byte, i int) []byte { return append(b, o.rest[i]...) })
		}
		out.b = append(out.b, "\n  ]"...)
	}
	out.b = append(out.b, "\n}\n"...)
	out.flush(true)
	return out.err
}

// top returns the members of the document. The values of those that are written
// piece by piece are nil.
func (o *writer2) top(id string) []member {
	d := o.d
	name := documentName(d)
	text := func(s string) []byte { return appendString(nil, s) }
	list := []member{
		{"spdxVersion", text(v2_3.Version)},
		{"dataLicense", text(v2_3.DataLicense)},
		{"SPDXID", text(documentID)},
		{"name", text(name)},
		{"documentNamespace", text(namespace + url.PathEscape(name) + "-" + id)},
	}
	if comment := o.comment(); comment != "" {
		list = append(list, member{"comment", text(comment)})
	}
	list = append(list, member{"creationInfo", creation2(d, o.s)})
	if len(o.components) > 0 {
		list = append(list, member{"packages", nil})
	}
	if texts := extracted(o.components); len(texts) > 0 {
		// A text of the Remainder has more than a Document keeps of it.
		others := make(map[string]bool)
		for _, o := range elementsOf(d.Remainder, format2, "/hasExtractedLicensingInfos") {
			others[licenseID(o)] = true
		}
		var array [][]byte
		for _, t := range texts {
			if others[t.ID] {
				continue
			}
			entry := appendString([]byte(`{"licenseId":`), t.ID)
			entry = append(appendString(append(entry, `,"extractedText":`...), t.Text), `,"name":"NOASSERTION"}`...)
			array = append(array, entry)
		}
		if len(array) > 0 {
			list = append(list, member{"hasExtractedLicensingInfos", appendArray(nil, array)})
		}
	}
	list = putAll(list, slices.DeleteFunc(slices.Clone(d.Remainder), func(r sbom.Remainder) bool {
		return strings.HasPrefix(r.Path, "/relationships/") || r.Path == "/packages" && len(o.components) > 0 // they were none
	}), format2)
	some := len(o.rest) > 0 || o.said == nil && !standsForNone(d)
	if !some {
		o.relationships(func(relation) { some = true })
	}
	if some {
		list = slices.DeleteFunc(list, func(m member) bool { return m.name == "relationships" }) // there were none
		list = append(list, member{"relationships", nil})
	}
	return list
}

func licenseID(raw []byte) string {
	var entry struct {
		ID string `json:"licenseId"`
	}
	if json.Unmarshal(raw, &entry) != nil {
		return ""
	}
	return entry.ID
}

func documentName(d *sbom.Document) string {
	if d.Main.Version == "" {
		return d.Main.Name
	}
	return d.Main.Name + "-" + d.Main.Version
}

func (o *writer2) comment() string {
	d := o.d
	said := *d
	if sbomType(d.Phase) != "" {
		said.Phase = ""
	}
	_, said.Authors = divide(d.Authors, func(p sbom.Party) bool { return party2(&p) != "" })
	lines := documentStatements(&said)
	if slices.ContainsFunc(d.All(), func(c *sbom.Component) bool {
		return c.Requirements == sbom.Complete && slices.ContainsFunc(edgesFrom(o.edges, c.Ref), func(e sbom.Edge) bool { return isLinked(e, o.scopes) })
	}) {
		lines = append(lines, completeLine)
	}
	return strings.Join(lines, "\n")
}

func creation2(d *sbom.Document, s sbom.Stamp) []byte {
	b := []byte(`{"creators":[`)
	b = appendString(b, "Tool: "+toolName(s.Tool))
	for _, p := range d.Authors {
		if text := party2(&p); text != "" {
			b = appendString(append(b, ','), text)
		}
	}
	b = appendString(append(b, `],"created":`...), s.Created.UTC().Format(time.RFC3339))
	if t := sbomType(d.Phase); t != "" {
		b = appendString(append(b, `,"comment":`...), "SBOM Type: "+t)
	}
	return append(b, '}')
}

func toolName(t sbom.Tool) string {
	name := cmp.Or(t.Name, "hallmark")
	if t.Version != "" {
		name += "-" + t.Version
	}
	return name
}

// party2 returns p as it stands in a field, clause 7.5, or "" if it does not fit
// there.
func party2(p *sbom.Party) string {
	s := "Organization: "
	if p.Person {
		s = "Person: "
	}
	s += p.Name
	if p.Email != "" {
		s += " (" + p.Email + ")"
	}
	if back, ok := parseParty2(s); !ok || back != *p || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

// parseParty2 reads a person or an organization, and reports whether s is one.
func parseParty2(s string) (p sbom.Party, ok bool) {
	name, isPerson := strings.CutPrefix(s, "Person: ")
	name, isOrganization := strings.CutPrefix(name, "Organization: ")
	if isPerson == isOrganization {
		return p, false
	}
	p.Person, p.Name = isPerson, name
	if i := strings.LastIndex(name, " ("); i >= 0 && strings.HasSuffix(name, ")") && strings.Contains(name[i:], "@") {
		p.Name, p.Email = name[:i], name[i+2:len(name)-1]
	}
	return p, p.Name != "" && strings.TrimSpace(p.Name) == p.Name && !strings.HasPrefix(p.Name, "Organization: ")
}

// package2 appends c as a package, or as the main one.
func package2(b []byte, c *sbom.Component, main bool) []byte {
	l := place2(c, main)
	b = append(b, `{"name":`...)
	b = appendString(b, c.Name)
	text := func(name, value string) {
		if value != "" {
			b = appendString(append(append(append(b, `,"`...), name...), `":`...), value)
		}
	}
	text("SPDXID", id2(c.Ref))
	text("versionInfo", c.Version)
	text("packageFileName", l.fileName)
	text("supplier", cmp.Or(l.supplier, noAssertion))
	text("originator", l.originator)
	text("downloadLocation", cmp.Or(l.location, noAssertion))
	b = append(b, `,"filesAnalyzed":false`...)
	for i, d := range l.checksums {
		if i == 0 {
			b = append(b, `,"checksums":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"algorithm":`...), string(checksumAlgorithm(d)))
		b = append(appendString(append(b, `,"checksumValue":`...), d.Hex()), '}')
	}
	if len(l.checksums) > 0 {
		b = append(b, ']')
	}
	text("homepage", l.homepage)
	declared, concluded := "", ""
	if c.Licenses != nil {
		declared, concluded = c.Licenses.Declared, c.Licenses.Concluded
	}
	text("licenseConcluded", cmp.Or(concluded, noAssertion))
	text("licenseDeclared", cmp.Or(declared, noAssertion))
	if c.Licenses != nil {
		text("licenseComments", strings.Join(licenseStatements(c.Licenses), "\n"))
	}
	text("copyrightText", cmp.Or(c.Copyright, noAssertion))
	text("description", c.Description)
	text("comment", strings.Join(statements(&l.rest), "\n"))
	open := `,"externalRefs":[`
	external := func(category, kind, locator, comment string) {
		b = append(b, open...)
		open = ","
		b = appendString(append(b, `{"referenceCategory":`...), category)
		b = appendString(append(b, `,"referenceType":`...), kind)
		b = appendString(append(b, `,"referenceLocator":`...), locator)
		text("comment", comment)
		b = append(b, '}')
	}
	if c.PURL != "" {
		external(common.CategoryPackageManager, common.TypePackageManagerPURL, c.PURL, "")
	}
	for _, cpe := range l.cpes {
		kind := common.TypeSecurityCPE22Type
		if strings.HasPrefix(cpe, "cpe:2.3:") {
			kind = common.TypeSecurityCPE23Type
		}
		external(common.CategorySecurity, kind, cpe, "")
	}
	for _, r := range l.references {
		external(common.CategoryOther, r.Type, r.URL, r.Comment)
	}
	if open == "," {
		b = append(b, ']')
	}
	text("primaryPackagePurpose", purpose2(c.Type))
	if !c.SupportUntil.IsZero() {
		text("validUntilDate", c.SupportUntil.UTC().Format(time.RFC3339))
	}
	return append(b, '}')
}

// A place says where in a package what a Component has is written.
type place struct {
	fileName, location, homepage string
	supplier, originator         string
	checksums                    []hallmark.Digest
	cpes                         []string
	references                   []sbom.Reference
	rest                         sbom.Component // what stands in the comment
}

func place2(c *sbom.Component, main bool) (l place) {
	l.rest = *c
	rest := &l.rest
	if purpose2(c.Type) != "OTHER" {
		rest.Type = ""
	}
	if c.Supplier != nil {
		if l.supplier = party2(c.Supplier); l.supplier != "" {
			rest.Supplier = nil
		}
	}
	if c.Producer != nil {
		if l.originator = party2(c.Producer); l.originator != "" {
			rest.Producer = nil
		}
	}

	isChecksum := func(d hallmark.Digest) bool { return checksumAlgorithm(d) != "" }
	if f := c.Distribution; f != nil && f.URL != "" && !main {
		l.location, l.fileName = f.URL, path.Base(f.Path)
		checksums, others := divide(f.Digests, isChecksum)
		l.checksums = checksums
		rest.Distribution = &sbom.Distribution{Path: f.Path, Digests: others}
	} else {
		l.checksums, rest.Digests = divide(c.Digests, isChecksum)
	}

	rest.References, rest.CPEs = nil, nil
	for _, r := range sorted(c.References, compareReferences) {
		plain := r.Comment == "" && len(r.Digests) == 0 && r.URL != noAssertion && r.URL != none
		switch {
		case plain && r.Type == "distribution" && c.Distribution == nil && l.location == "":
			l.location = r.URL
		case plain && r.Type == "website" && l.homepage == "":
			l.homepage = r.URL
		case isReference2(r):
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

// isReference2 reports whether r can be an external reference of the category
// OTHER: its locator has no spaces (clause 7.21), and its type is one of
// CycloneDX's.
func isReference2(r sbom.Reference) bool {
	return len(r.Digests) == 0 && isReferenceType(r.Type) && isLocator(r.URL)
}

func isCPE2(s string) bool {
	return (strings.HasPrefix(s, "cpe:2.3:") || strings.HasPrefix(s, "cpe:/")) && isLocator(s)
}

// isPURL reports whether s can be the PURL of a Component. What else a document has in
// the place of one is left over.
func isPURL(s string) bool { return strings.HasPrefix(s, "pkg:") && isLocator(s) }

func isLocator(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// divide divides a list into those that a field has room for, and the others. If
// one list behind the other is not all again in its order, the others are all.
func divide[T comparable](all []T, fits func(T) bool) (field, others []T) {
	for _, v := range all {
		if fits(v) {
			field = append(field, v)
		} else {
			others = append(others, v)
		}
	}
	if !slices.Equal(slices.Concat(field, others), all) {
		others = all
	}
	return field, others
}

// join is the inverse of divide.
func join[T comparable](field, others []T) []T {
	if len(field) > len(others) {
		return slices.Concat(field, others)
	}
	left := make(map[T]int, len(others))
	for _, v := range others {
		left[v]++
	}
	for _, v := range field {
		if left[v]--; left[v] < 0 {
			return slices.Concat(field, others)
		}
	}
	return others
}

// purpose2 returns the primary package purpose of a type, clause 7.24, or "" if
// nothing is known.
func purpose2(t sbom.Type) string {
	switch t {
	case sbom.Application, sbom.Framework, sbom.Library, sbom.Container, sbom.Device, sbom.Firmware, sbom.FileType:
		return strings.ToUpper(string(t))
	case sbom.OperatingSystem:
		return "OPERATING_SYSTEM" // as the schema has it; the text has a hyphen
	case sbom.Unclassified:
		return ""
	}
	return "OTHER"
}

// typeOf2 is the inverse of purpose2.
func typeOf2(purpose string) sbom.Type {
	t := sbom.Type(strings.ToLower(strings.ReplaceAll(purpose, "_", "-")))
	if purpose != "OTHER" && purpose2(t) == strings.ReplaceAll(purpose, "-", "_") {
		return t
	}
	return sbom.Unclassified
}

// A relation is a relationship.
type relation struct {
	From, To, Type, Comment string
}

func (r relation) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"spdxElementId":`...), r.From)
	b = appendString(append(b, `,"relatedSpdxElement":`...), r.To)
	b = appendString(append(b, `,"relationshipType":`...), r.Type)
	if r.Comment != "" {
		b = appendString(append(b, `,"comment":`...), r.Comment)
	}
	return append(b, '}')
}

// Comments on relationships.
const (
	onlyTests   = "scope: only tests need it"
	onlyGraph   = "graph: a manifest asks for it, and nothing needs it"
	partOf      = "part: the second is a part of the first"
	requirement = "requirement: the manifest of the first asks for the second"
)

// relationships calls yield with all relationships that d has, but for those that
// say what its Remainder says.
func (o *writer2) relationships(yield func(relation)) {
	d := o.d
	emit := func(r relation, facts ...fact) {
		if o.said != nil && !slices.ContainsFunc(facts, func(f fact) bool { return !o.said[f] }) {
			return
		}
		yield(r)
	}
	main := o.id(d.Main.Ref)
	if !standsForNone(d) {
		emit(relation{documentID, main, common.TypeRelationshipDescribe, ""}, fact{kind: describes, to: main})
	}
	for _, c := range o.components {
		if c == &d.Main {
			continue
		}
		id := o.id(c.Ref)
		scope := fact{kind: scoped, to: id, scope: c.Scope}
		switch c.Scope {
		case sbom.Runtime:
			emit(relation{main, id, common.TypeRelationshipContains, ""}, scope)
		case sbom.Optional:
			emit(relation{id, main, common.TypeRelationshipOptionalComponentOf, ""}, scope)
		case sbom.Build:
			emit(relation{id, main, common.TypeRelationshipBuildToolOf, ""}, scope)
		case sbom.System:
			emit(relation{main, id, common.TypeRelationshipDynamicLink, ""}, scope)
		case sbom.TestOnly:
			test := sbom.Edge{From: d.Main.Ref, To: c.Ref, Kind: sbom.ForTests}
			if _, ok := slices.BinarySearchFunc(o.edges, test, compareEdges); ok {
				emit(relation{id, main, common.TypeRelationshipTestDependencyOf, ""}, scope, fact{kind: requires, from: main, to: id, edge: sbom.ForTests})
			} else {
				emit(relation{id, main, common.TypeRelationshipTestDependencyOf, onlyTests}, scope)
			}
		case sbom.ToolOnly:
			emit(relation{id, main, common.TypeRelationshipDevToolOf, ""}, scope)
		case sbom.GraphOnly:
			emit(relation{main, id, common.TypeRelationshipOther, onlyGraph}, scope)
		}
	}

	var others, linked []sbom.Edge // used again and again
	var facts []fact
	for _, c := range d.All() {
		from := o.id(c.Ref)
		dependsOn := false
		for own := edgesFrom(o.edges, c.Ref); len(own) > 0; {
			n := 0
			for n < len(own) && own[n].To == own[0].To {
				n++
			}
			to := o.id(own[0].To)
			linked, facts = linked[:0], facts[:0]
			for _, e := range own[:n] {
				if isLinked(e, o.scopes) {
					linked = append(linked, e)
					facts = append(facts, fact{kind: requires, from: from, to: to, edge: e.Kind, target: e.Target})
				} else {
					others = append(others, e)
				}
			}
			own = own[n:]
			if len(linked) > 0 {
				dependsOn = true
				emit(relation{from, to, common.TypeRelationshipDependsOn, edgeComment(linked, sbom.Linked)}, facts...)
			}
		}
		switch {
		case from == documentID:
		case c.Requirements == sbom.Unknown && o.said != nil:
			// The document that was read does not say it either.
		case c.Requirements == sbom.Unknown:
			emit(relation{from, noAssertion, common.TypeRelationshipDependsOn, ""}, fact{kind: incomplete, from: from})
		case !dependsOn:
			emit(relation{from, none, common.TypeRelationshipDependsOn, ""}, fact{kind: complete, from: from})
		}
	}
	slices.SortFunc(others, compareEdges)
	for len(others) > 0 {
		e := others[0]
		n := 0
		for n < len(others) && others[n].From == e.From && others[n].To == e.To && others[n].Kind == e.Kind {
			n++
		}
		group := others[:n]
		others = others[n:]
		from, to := o.id(e.From), o.id(e.To)
		var facts []fact
		for _, e := range group {
			facts = append(facts, fact{kind: requires, from: from, to: to, edge: e.Kind, target: e.Target})
		}
		switch e.Kind {
		case sbom.ForTests:
			if e.From == d.Main.Ref && o.scopes[e.To] == sbom.TestOnly {
				// The one for all targets is said above.
				group = slices.DeleteFunc(slices.Clone(group), func(e sbom.Edge) bool { return e.Target == "" })
				facts = slices.DeleteFunc(facts, func(f fact) bool { return f.target == "" })
				if len(group) == 0 {
					continue
				}
			}
			usual := e.Kind
			if e.From == d.Main.Ref && o.scopes[e.To] == sbom.Unscoped {
				usual = sbom.Linked // without a comment it would say the scope, too
			}
			emit(relation{to, from, common.TypeRelationshipTestDependencyOf, edgeComment(group, usual)}, facts...)
		case sbom.ForTools:
			emit(relation{to, from, common.TypeRelationshipDevDependencyOf, edgeComment(group, e.Kind)}, facts...)
		case sbom.Contains:
			usual := e.Kind
			if e.From == d.Main.Ref {
				usual = sbom.Linked // without a comment it would say the scope
			}
			emit(relation{from, to, common.TypeRelationshipContains, edgeComment(group, usual)}, facts...)
		case sbom.Declared:
			comment := requirement
			if targets := edgeComment(group, e.Kind); targets != "" {
				comment += "\n" + targets
			}
			emit(relation{from, to, common.TypeRelationshipOther, comment}, facts...)
		}
	}
}

// edgeComment returns what a relationship of a type that means usual does not say
// of the edges that it stands for: a line for each.
func edgeComment(edges []sbom.Edge, usual sbom.EdgeKind) string {
	if len(edges) == 1 && edges[0].Kind == usual && edges[0].Target == "" {
		return ""
	}
	var lines []string
	for _, e := range edges {
		line := edgeName(e.Kind)
		if e.Target != "" {
			line += " for " + quote(e.Target, "")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func edgeName(k sbom.EdgeKind) string { return cmp.Or(string(k), "linked") }

// readEdgeComment is the inverse of edgeComment. It returns nil if the comment is
// none.
func readEdgeComment(comment string, usual sbom.EdgeKind) (edges []sbom.Edge) {
	if comment == "" {
		return []sbom.Edge{{Kind: usual}}
	}
	for line := range strings.SplitSeq(comment, "\n") {
		kind, target, isFor := strings.Cut(line, " for ")
		e := sbom.Edge{Kind: sbom.EdgeKind(kind)}
		switch e.Kind {
		case "linked":
			e.Kind = sbom.Linked
		case sbom.ForTests, sbom.ForTools, sbom.Declared, sbom.Contains:
		default:
			return nil
		}
		if isFor && !unquote(&e.Target, target) {
			return nil
		}
		edges = append(edges, e)
	}
	return edges
}

// A fact is one of what relationships say. Its ends are identifiers of the format.
type fact struct {
	kind     factKind
	from, to string
	edge     sbom.EdgeKind
	target   string
	scope    sbom.Scope
}

type factKind byte

const (
	describes  factKind = iota + 1 // the document is about to
	scoped                         // to is in main in the sense of scope
	requires                       // from requires to
	complete                       // from requires nothing else
	incomplete                     // it may
)

// facts appends what r says, if main is what the document is about.
func (r relation) facts(facts []fact, main string) []fact {
	edges := func(from, to string, usual sbom.EdgeKind, comment string) []fact {
		if comment == "" {
			return append(facts, fact{kind: requires, from: from, to: to, edge: usual})
		}
		for _, e := range readEdgeComment(comment, usual) {
			facts = append(facts, fact{kind: requires, from: from, to: to, edge: e.Kind, target: e.Target})
		}
		return facts
	}
	scope := func(whole, part string, s sbom.Scope) []fact {
		if whole != main || part == main {
			return facts
		}
		return append(facts, fact{kind: scoped, to: part, scope: s})
	}
	// What main contains is in the artifact, unless the comment says that it is
	// about a part of a component.
	parts := func(whole, part string) []fact {
		all := readEdgeComment(r.Comment, sbom.Linked)
		isEdges := all != nil && !slices.ContainsFunc(all, func(e sbom.Edge) bool { return e.Kind != sbom.Contains })
		switch {
		case isEdges:
			return edges(whole, part, sbom.Contains, r.Comment)
		case whole == main:
			return scope(whole, part, sbom.Runtime)
		case whole == documentID:
			return facts
		}
		return edges(whole, part, sbom.Contains, "")
	}
	switch r.Type {
	case "DESCRIBES":
		if r.From == documentID {
			return append(facts, fact{kind: describes, to: r.To})
		}
	case "DESCRIBED_BY":
		if r.To == documentID {
			return append(facts, fact{kind: describes, to: r.From})
		}
	case "DEPENDS_ON":
		switch r.To {
		case none:
			return append(facts, fact{kind: complete, from: r.From})
		case noAssertion:
			return append(facts, fact{kind: incomplete, from: r.From})
		}
		return edges(r.From, r.To, sbom.Linked, r.Comment)
	case "DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF":
		return edges(r.To, r.From, sbom.Linked, "")
	case "HAS_PREREQUISITE", "STATIC_LINK":
		return edges(r.From, r.To, sbom.Linked, "")
	case "PREREQUISITE_FOR":
		return edges(r.To, r.From, sbom.Linked, "")
	case "DEV_DEPENDENCY_OF":
		return edges(r.To, r.From, sbom.ForTools, r.Comment)
	case "TEST_DEPENDENCY_OF":
		switch {
		case r.Comment == onlyTests:
			return scope(r.To, r.From, sbom.TestOnly)
		case r.Comment == "":
			facts = scope(r.To, r.From, sbom.TestOnly)
			return edges(r.To, r.From, sbom.ForTests, "")
		}
		return edges(r.To, r.From, sbom.ForTests, r.Comment)
	case "CONTAINS":
		return parts(r.From, r.To)
	case "CONTAINED_BY":
		return parts(r.To, r.From)
	case "DYNAMIC_LINK":
		return scope(r.From, r.To, sbom.System)
	case "OPTIONAL_COMPONENT_OF":
		return scope(r.To, r.From, sbom.Optional)
	case "BUILD_TOOL_OF":
		return scope(r.To, r.From, sbom.Build)
	case "DEV_TOOL_OF":
		return scope(r.To, r.From, sbom.ToolOnly)
	case "OTHER":
		if r.Comment == onlyGraph {
			return scope(r.From, r.To, sbom.GraphOnly)
		}
		if targets, ok := strings.CutPrefix(r.Comment, requirement); ok {
			return edges(r.From, r.To, sbom.Declared, strings.TrimPrefix(targets, "\n"))
		}
	}
	return facts
}

// scopesOf returns the scopes of components by their Refs.
func scopesOf(d *sbom.Document) map[string]sbom.Scope {
	scopes := make(map[string]sbom.Scope, len(d.Components)+1)
	for _, c := range d.All() {
		scopes[c.Ref] = c.Scope
	}
	return scopes
}

// isLinked reports whether an edge is one of those of [sbom.Document.Requires].
func isLinked(e sbom.Edge, scopes map[string]sbom.Scope) bool {
	if e.Kind == sbom.Linked || e.Kind == sbom.Declared {
		return e.Kind == sbom.Linked
	}
	switch scopes[e.From] {
	case sbom.Runtime, sbom.Optional, sbom.Unscoped:
		return false
	}
	return true
}

func sortedEdges(all []sbom.Edge) []sbom.Edge {
	all = sorted(all, compareEdges)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			return slices.Compact(slices.Clone(all))
		}
	}
	return all
}

// edgesFrom returns those of sorted edges that begin at ref.
func edgesFrom(edges []sbom.Edge, ref string) []sbom.Edge {
	i, _ := slices.BinarySearchFunc(edges, ref, func(e sbom.Edge, ref string) int { return cmp.Compare(e.From, ref) })
	n := i
	for n < len(edges) && edges[n].From == ref {
		n++
	}
	return edges[i:n]
}

func compareEdges(a, b sbom.Edge) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
}

// extracted returns the texts of licences that components have, sorted.
func extracted(components []*sbom.Component) []sbom.LicenseText {
	seen := make(map[string]bool)
	var all []sbom.LicenseText
	for _, c := range components {
		if c.Licenses == nil {
			continue
		}
		for _, t := range c.Licenses.Texts {
			// Check has seen that what has the same identifier is the same text.
			if !seen[t.ID] {
				seen[t.ID] = true
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, func(a, b sbom.LicenseText) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// id2 returns the SPDX identifier of the component with a Ref.
func id2(ref string) string {
	if isID2(ref) && ref != documentID && !isEncodedID2(ref) {
		return ref
	}
	return "SPDXRef-Package-" + idString(ref)
}

// ref2 is the inverse of id2 for packages.
func ref2(id string) string {
	if isEncodedID2(id) {
		ref, _ := decodeID(id[len("SPDXRef-Package-"):])
		return ref
	}
	return id
}

// isID2 reports whether s is an SPDX identifier, clause 7.2. Underscores are not
// allowed there, and occur.
func isID2(s string) bool {
	rest, ok := strings.CutPrefix(s, "SPDXRef-")
	return ok && rest != "" && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
}

func isEncodedID2(id string) bool {
	rest, ok := strings.CutPrefix(id, "SPDXRef-Package-")
	if !ok {
		return false
	}
	ref, ok := decodeID(rest)
	return ok && ref != "" && (!isID2(ref) || ref == documentID || isEncodedID2(ref))
}

// idString returns s in the characters of an SPDX identifier, clause 7.2. The
// package comment says how.
func idString(s string) string { return string(appendID(make([]byte, 0, 256), s)) }

func appendID(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.':
			b = append(b, c)
		default:
			b = append(b, '-', hex[c>>4], hex[c&0xf])
		}
	}
	return b
}

// decodeID is the inverse of idString. It reports whether s is what idString
// returns of something in UTF-8.
func decodeID(s string) (string, bool) {
	if strings.IndexByte(s, '-') < 0 {
		return s, idString(s) == s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '-' {
			b = append(b, s[i])
			continue
		}
		if len(s)-i < 3 {
			return "", false
		}
		c := strings.IndexByte("0123456789ABCDEF", s[i+1])<<4 | strings.IndexByte("0123456789ABCDEF", s[i+2])
		if c < 0 {
			return "", false
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), idString(string(b)) == s && bytes.Equal(b, bytes.ToValidUTF8(b, nil))
}

// sbomType returns the type of SBOM that is made in a phase, by the names of
// CISA's "Types of Software Bill of Material (SBOM) Documents", or "" for a phase
// that has none.
func sbomType(p sbom.Phase) string {
	switch p {
	case sbom.Design:
		return "Design"
	case sbom.PreBuild:
		return "Source"
	case sbom.Built:
		return "Build"
	case sbom.PostBuild:
		return "Analyzed"
	case sbom.Discovery:
		return "Deployed"
	case sbom.Operations:
		return "Runtime"
	}
	return ""
}

// phaseOf is the inverse of sbomType, for names in any case.
func phaseOf(name string) sbom.Phase {
	for _, p := range []sbom.Phase{sbom.Design, sbom.PreBuild, sbom.Built, sbom.PostBuild, sbom.Discovery, sbom.Operations} {
		if strings.EqualFold(sbomType(p), name) {
			return p
		}
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

// digestOf2 is the inverse of checksumAlgorithm.
func digestOf2(algorithm, value string) (hallmark.Digest, error) {
	name := strings.ToLower(strings.ReplaceAll(algorithm, "SHA3-", "SHA3_"))
	if algorithm == string(common.BLAKE2b_512) {
		name = "blake2b"
	}
	d, err := hallmark.ParseDigest(name + ":" + value)
	if err == nil && string(checksumAlgorithm(d)) != algorithm {
		err = fmt.Errorf("algorithm %.50q", algorithm)
	}
	return d, err
}

// isReferenceType reports whether t is a type of external reference of CycloneDX
// 1.6.
func isReferenceType(t string) bool {
	switch t {
	case "vcs", "issue-tracker", "website", "advisories", "bom", "mailing-list", "social", "chat", "documentation", "support",
		"source-distribution", "distribution", "distribution-intake", "license", "build-meta", "build-system", "release-notes",
		"security-contact", "model-card", "log", "configuration", "evidence", "formulation", "attestation", "threat-model",
		"adversary-model", "risk-assessment", "vulnerability-assertion", "exploitability-statement", "pentest-report",
		"static-analysis-report", "dynamic-analysis-report", "runtime-analysis-report", "component-analysis-report",
		"maturity-report", "certification-report", "codified-infrastructure", "quality-metrics", "poam", "electronic-signature",
		"digital-signature", "rfc-9116", "other":
		return true
	}
	return false
}
