package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A reader2 reads a document of SPDX 2.2 or 2.3.
type reader2 struct {
	data   []byte
	format string // that of Remainders
	d      *sbom.Document
	s      sbom.Stamp

	packages  []package2Read
	relations []relationRead
	ids       map[string]bool // of packages, files and snippets
	documents map[string]bool // identifiers of other documents
	texts     map[string]string

	// complete reports whether the document says that requirements are complete
	// unless it says something else.
	complete bool

	top       []member // of the document, in canonical form, but for the long arrays
	describes []string
	empty     []string // long arrays without elements
	elements  int
}

type package2Read struct {
	id    string
	place string
	raw   []byte // as it stands in the document
}

type relationRead struct {
	relation
	raw   []byte // as it stands in the document
	plain bool   // whether it has no other members, and all have something in them
}

func parse2(data []byte, version string) (*sbom.Document, sbom.Stamp, error) {
	r := &reader2{
		data: data, format: "spdx-json@" + version, d: new(sbom.Document), ids: make(map[string]bool),
		documents: make(map[string]bool), texts: make(map[string]string),
	}
	shape := make(chan error, 1)
	go func() {
		shape <- strictjson.Read(data, func(j *strictjson.Reader) error { return checkShape2(j, "document") })
	}()
	err := strictjson.Read(data, r.read)
	// What is not of the right shape may have been misread.
	if fault := <-shape; fault != nil {
		err = fault
	}
	if err == nil {
		err = r.document()
	}
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	return r.d, r.s, nil
}

// read reads the members of the document, but of packages their identifiers alone.
func (r *reader2) read(j *strictjson.Reader) error {
	each := func(name string, read func() error) error {
		before := r.elements
		err := j.Array(func(int) error {
			if r.elements++; r.elements > maxElements {
				return j.Errorf("more than %d elements", maxElements)
			}
			return read()
		})
		if r.elements == before {
			r.empty = append(r.empty, name)
		}
		return err
	}
	var id string
	identifier := func(name []byte) *string {
		if string(name) == "SPDXID" {
			return &id
		}
		return nil
	}
	text := make(map[string]string) // what relationships say, each text once
	return j.Object(func(name string) error {
		switch name {
		case "packages":
			return each(name, func() error {
				id = ""
				j.Kind() // goes to the first byte of the value
				start := j.Offset()
				if err := texts(j, identifier); err != nil {
					return err
				}
				if !isID2(id) {
					return j.Errorf("identifier %.200q, want SPDXRef- and letters, digits, full stops, hyphens or underscores", id)
				}
				r.packages = append(r.packages, package2Read{id, "/packages/" + strconv.Itoa(len(r.packages)), r.data[start:j.Offset()]})
				if err := r.identify(id); err != nil {
					return j.Errorf("%v", err)
				}
				return nil
			})
		case "relationships":
			return each(name, func() error {
				j.Kind()
				start := j.Offset()
				rel, err := readRelation(j, text)
				rel.raw = r.data[start:j.Offset()]
				r.relations = append(r.relations, rel)
				return err
			})
		}
		raw, err := j.Raw()
		if err != nil {
			return err
		}
		value := canonical(raw)
		r.top = append(r.top, member{name, value})
		switch name {
		case "files", "snippets":
			if value[0] != '[' {
				return j.Errorf("want an array")
			}
			for i, e := range elements(value) {
				if r.elements++; r.elements > maxElements {
					return j.Errorf("more than %d elements", maxElements)
				}
				var of struct{ SPDXID string }
				if err := json.Unmarshal(e, &of); err != nil {
					return err
				}
				if err := r.identify(of.SPDXID); err != nil {
					return j.Errorf("[%d]: %v", i, err)
				}
			}
		case "externalDocumentRefs":
			var refs []struct{ ExternalDocumentID string }
			if err := json.Unmarshal(value, &refs); err != nil {
				return err
			}
			for _, ref := range refs {
				r.documents[ref.ExternalDocumentID] = true
			}
		case "documentDescribes":
			return json.Unmarshal(value, &r.describes)
		case "hasExtractedLicensingInfos":
			var texts []struct{ LicenseID, ExtractedText string }
			if err := json.Unmarshal(value, &texts); err != nil {
				return err
			}
			for _, t := range texts {
				if _, ok := r.texts[t.LicenseID]; ok {
					return j.Errorf("two texts of %.200q", t.LicenseID)
				}
				r.texts[t.LicenseID] = t.ExtractedText
			}
		}
		return nil
	})
}

// readRelation reads a relationship, with texts that are in text already, or are
// then.
func readRelation(j *strictjson.Reader, text map[string]string) (rel relationRead, err error) {
	rel.plain = true
	err = j.Members(func(name []byte) error {
		var to *string
		switch string(name) {
		case "spdxElementId":
			to = &rel.From
		case "relatedSpdxElement":
			to = &rel.To
		case "relationshipType":
			to = &rel.Type
		case "comment":
			to = &rel.Comment
		default:
			rel.plain = false
			return j.Skip()
		}
		b, err := j.Text()
		known, ok := text[string(b)]
		if !ok {
			known = string(b)
			text[known] = known
		}
		*to = known
		rel.plain = rel.plain && known != ""
		return err
	})
	return rel, err
}

// texts reads an object, and sets what field returns for the name of a member to the
// text that the member is. Members for which it returns nil are passed over.
func texts(j *strictjson.Reader, field func(name []byte) *string) error {
	return j.Members(func(name []byte) (err error) {
		to := field(name)
		if to == nil {
			return j.Skip()
		}
		*to, err = j.String()
		return err
	})
}

// identify remembers an identifier of an element.
func (r *reader2) identify(id string) error {
	if id == documentID || r.ids[id] {
		return fmt.Errorf("identifier %.200q occurs twice", id)
	}
	r.ids[id] = true
	return nil
}

// A packageReader reads one package after another.
type packageReader struct {
	*reader2
	main    string          // the identifier of the main one, or of the document
	targets map[string]bool // of the document
	j       strictjson.Reader

	raw, written []byte // in canonical form, used again and again
}

// readPackage reads a package, but for what relationships say of it.
func (r *packageReader) readPackage(p package2Read, c *sbom.Component) error {
	*c = sbom.Component{Ref: ref2(p.id), Type: sbom.Unclassified, Scope: sbom.Unscoped, Place: p.place}
	var location, fileName, comment string
	var terms licences2
	var checksums distinct[hallmark.Digest]
	var cpes distinct[string]
	var references []sbom.Reference
	// The members that a package need not have, and always has where this package
	// writes it.
	unsaid, has := []string{"supplier", "licenseConcluded", "licenseDeclared", "copyrightText", "filesAnalyzed"}, 0
	r.j.Reset(p.raw)
	j := &r.j
	err := j.Members(func(name []byte) error {
		switch string(name) {
		case "checksums":
			return j.Array(func(int) error {
				var algorithm, value string
				err := texts(j, func(name []byte) *string {
					switch string(name) {
					case "algorithm":
						return &algorithm
					case "checksumValue":
						return &value
					}
					return nil
				})
				if d, bad := digestOf2(algorithm, strings.ToLower(value)); bad == nil {
					checksums.add(d)
				}
				return err
			})
		case "externalRefs":
			return j.Array(func(int) error {
				var category, kind, locator, comment string
				err := texts(j, func(name []byte) *string {
					switch string(name) {
					case "referenceCategory":
						return &category
					case "referenceType":
						return &kind
					case "referenceLocator":
						return &locator
					case "comment":
						return &comment
					}
					return nil
				})
				ref := sbom.Reference{Type: kind, URL: locator, Comment: comment}
				switch {
				case kind == "purl" && c.PURL == "" && isPURL(locator):
					c.PURL = locator
				case (kind == "cpe23Type" || kind == "cpe22Type") && isCPE2(locator):
					cpes.add(locator)
				case category == "OTHER" && isReference2(ref):
					references = append(references, ref)
				}
				return err
			})
		}
		if i := slices.Index(unsaid, string(name)); i >= 0 {
			has |= 1 << i
		}
		if j.Kind() != '"' {
			return j.Skip()
		}
		b, err := j.Text()
		if err != nil {
			return err
		}
		switch string(name) {
		case "name":
			c.Name = string(b)
		case "versionInfo":
			c.Version = string(b)
		case "packageFileName":
			fileName = string(b)
		case "downloadLocation":
			location = string(b)
		case "supplier", "originator":
			if party, ok := parseParty2(string(b)); ok && party2(&party) == string(b) {
				if string(name) == "supplier" {
					c.Supplier = &party
				} else {
					c.Producer = &party
				}
			}
		case "homepage":
			if s := string(b); s != "" && s != none && s != noAssertion {
				references = append(references, sbom.Reference{Type: "website", URL: s})
			}
		case "licenseConcluded":
			terms.concluded = string(b)
		case "licenseDeclared":
			terms.declared = string(b)
		case "licenseComments":
			terms.comments = string(b)
		case "copyrightText":
			if s := string(b); s != none && s != noAssertion {
				c.Copyright = s
			}
		case "description":
			c.Description = string(b)
		case "comment":
			comment = string(b)
		case "primaryPackagePurpose":
			c.Type = typeOf2(string(b))
		case "validUntilDate":
			if t, err := time.Parse(time.RFC3339, string(b)); err == nil {
				c.SupportUntil = t.UTC()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}

	if c.Name == "" {
		return fmt.Errorf("%s: %s: an empty name, want one: it is all that tells what a package is", p.place, p.id)
	}
	c.CPEs = cpes.list
	said, text := readStatements(comment)
	isLocation := location != none && location != noAssertion && location != ""
	with := func(said sbom.Component) sbom.Component {
		c := *c
		c.Verification, c.Replaces, c.Group, c.Support = said.Verification, said.Replaces, said.Group, said.Support
		c.Type = cmp.Or(said.Type, c.Type)
		if !said.SupportUntil.IsZero() {
			c.SupportUntil = said.SupportUntil
		}
		c.Gaps, c.Targets, c.Packages, c.Embedded, c.Properties = said.Gaps, said.Targets, said.Packages, said.Embedded, said.Properties
		c.CPEs = append(slices.Clip(c.CPEs), said.CPEs...)
		c.References = append(slices.Clip(references), said.References...)
		c.Supplier, c.Producer = cmp.Or(c.Supplier, said.Supplier), cmp.Or(c.Producer, said.Producer)
		if said.Distribution != nil {
			own := *said.Distribution
			c.Distribution = &own
		}
		switch {
		case c.Distribution != nil && c.Distribution.URL == "" && isLocation && fileName != "":
			c.Distribution.URL = location
			c.Distribution.Digests = join(checksums.list, c.Distribution.Digests)
			c.Digests = said.Digests
		default:
			if isLocation {
				c.References = append(c.References, sbom.Reference{Type: "distribution", URL: location})
			}
			c.Digests = join(checksums.list, said.Digests)
		}
		slices.Sort(c.CPEs)
		sortReferences(c.References)
		if c.Distribution != nil && !sane(&c) {
			c.Distribution = nil
		}
		return c
	}
	whole := with(said)
	if text != comment {
		l := place2(&whole, p.id == r.main)
		if !slices.Equal(statements(&l.rest), statements(&said)) { // what would be written elsewhere is somebody else's text
			whole = with(sbom.Component{})
		}
	}
	*c = whole
	c.Targets = slices.DeleteFunc(c.Targets, func(t string) bool { return !r.targets[t] })
	r.licences(c, terms)

	// What is not written again. NOASSERTION is not the same as nothing, and neither
	// is false (clause 7.8).
	r.j.Reset(p.raw)
	if r.raw, err = r.j.Append(r.raw[:0]); err != nil {
		return err
	}
	r.written = package2(r.written[:0], c, p.id == r.main)
	c.Remainder = leftover(r.format, "", r.raw, r.written)
	for i, name := range unsaid {
		if has&(1<<i) == 0 {
			c.Remainder = append(c.Remainder, sbom.Remainder{Format: r.format, Path: "/" + name, Value: json.RawMessage("null")})
		}
	}
	return nil
}

// document makes a Document of what was read.
func (r *reader2) document() error {
	var errs []error
	fail := func(format string, a ...any) {
		if len(errs) < 100 {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	d := r.d
	components := make([]sbom.Component, len(r.packages))
	byID := make(map[string]*sbom.Component, len(r.packages))
	for i, p := range r.packages {
		byID[p.id] = &components[i]
	}
	exists := func(id string) bool {
		if document, element, ok := strings.Cut(id, ":"); ok {
			return r.documents[document] && strings.HasPrefix(element, "SPDXRef-")
		}
		return id == documentID || r.ids[id] || id == none || id == noAssertion
	}
	for _, id := range r.describes {
		if !exists(id) {
			fail("documentDescribes: %.200q is not in the document", id)
		}
	}
	for i, rel := range r.relations {
		for _, id := range []string{rel.From, rel.To} {
			if !exists(id) {
				fail("relationship %d: %.200q is not in the document", i, id)
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}

	if err := r.header(); err != nil {
		return err
	}

	// What the document is about: the first package that it describes.
	described := r.describes
	var facts []fact // used again and again
	for _, rel := range r.relations {
		facts = rel.facts(facts[:0], documentID)
		for _, f := range facts {
			if f.kind == describes {
				described = append(described, f.to)
			}
		}
	}
	main := documentID
	if i := slices.IndexFunc(described, func(id string) bool { return byID[id] != nil }); i >= 0 {
		main = described[i]
	}

	targets := make(map[string]bool)
	for _, t := range d.Targets {
		targets[t.Name] = true
	}
	err := inRanges(len(components), func(from, to int) error {
		p := &packageReader{reader2: r, main: main, targets: targets}
		for i := from; i < to; i++ {
			if err := p.readPackage(r.packages[i], &components[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}

	at := func(id string) *sbom.Component { return byID[id] }
	if main == documentID {
		d.Main.Ref, d.Main.Type = documentID, sbom.Unclassified
	} else {
		byID[main].Scope = sbom.Runtime
	}
	ref := func(id string) string {
		if id == documentID {
			if main == documentID {
				return documentID
			}
			return ""
		}
		if c := at(id); c != nil {
			return c.Ref
		}
		return ""
	}
	for _, rel := range r.relations {
		facts = rel.facts(facts[:0], main)
		for _, f := range facts {
			c := at(f.to)
			switch f.kind {
			case scoped:
				if c != nil && c.Scope == sbom.Unscoped {
					c.Scope = f.scope
				}
			case requires:
				if from, to := ref(f.from), ref(f.to); from != "" && to != "" && from != to {
					d.Edges = append(d.Edges, sbom.Edge{From: from, To: to, Kind: f.edge, Target: f.target})
				}
				if c := at(f.from); c != nil && r.complete && rel.Type == "DEPENDS_ON" { // else it is NONE that says so
					c.Requirements = sbom.Complete
				}
			case complete:
				if c := at(f.from); c != nil {
					c.Requirements = sbom.Complete
				}
			}
		}
	}
	for _, rel := range r.relations {
		facts = rel.facts(facts[:0], main)
		for _, f := range facts {
			if c := at(f.from); c != nil && f.kind == incomplete {
				c.Requirements = sbom.Unknown
			}
		}
	}

	d.Edges = slices.DeleteFunc(d.Edges, func(e sbom.Edge) bool { return e.Target != "" && !targets[e.Target] })
	d.Components = components
	if i := slices.IndexFunc(r.packages, func(p package2Read) bool { return p.id == main }); i >= 0 {
		d.Main = components[i]
		d.Components = slices.Delete(components, i, i+1)
	}
	if len(d.Components) == 0 {
		d.Components = nil
	}
	if err := d.Sort(); err != nil {
		return err
	}
	return r.remainder()
}

// header reads what the document says of itself.
func (r *reader2) header() error {
	d := r.d
	for _, m := range r.top {
		switch m.name {
		case "name":
			if standIn := json.Unmarshal(m.value, &d.Main.Name); standIn != nil {
				return standIn
			}
			d.Main.Name = cmp.Or(d.Main.Name, "document") // as a schema allows it, and a Component does not
			d.Main.Scope = sbom.Runtime
		case "comment":
			var comment string
			if err := json.Unmarshal(m.value, &comment); err != nil {
				return err
			}
			said, complete, _ := readDocumentStatements(comment)
			d.Unknown, d.Properties, d.Targets, r.complete = said.Unknown, said.Properties, said.Targets, complete
			d.Authors = join(d.Authors, said.Authors)
			d.Phase = cmp.Or(d.Phase, said.Phase)
		case "creationInfo":
			var info struct {
				Created, Comment string
				Creators         []string
			}
			if err := json.Unmarshal(m.value, &info); err != nil {
				return err
			}
			if len(info.Creators) == 0 {
				return errors.New("creationInfo: no creators")
			}
			t, err := time.Parse(time.RFC3339, info.Created)
			if err != nil && info.Created != "" {
				return fmt.Errorf("creationInfo: created %.100q, want YYYY-MM-DDThh:mm:ssZ", info.Created)
			}
			r.s.Created = t.UTC().Truncate(time.Second)
			var authors []sbom.Party
			for _, creator := range info.Creators {
				if tool, ok := strings.CutPrefix(creator, "Tool: "); ok && r.s.Tool.Name == "" {
					r.s.Tool = splitTool(tool)
				} else if p, ok := parseParty2(creator); ok && party2(&p) == creator {
					authors = append(authors, p)
				}
			}
			d.Authors = join(authors, d.Authors)
			last := info.Comment[strings.LastIndexByte(info.Comment, '\n')+1:]
			if kind, ok := strings.CutPrefix(last, "SBOM Type: "); ok && sbomType(phaseOf(kind)) == kind {
				d.Phase = phaseOf(kind)
			}
		}
	}
	return nil
}

// splitTool divides the name of a tool from its version: what is behind a hyphen
// and begins with a digit, or with v and a digit.
func splitTool(s string) sbom.Tool {
	for i := 1; i+1 < len(s); i++ {
		if s[i] != '-' {
			continue
		}
		version := strings.TrimPrefix(s[i+1:], "v")
		if version != "" && '0' <= version[0] && version[0] <= '9' {
			return sbom.Tool{Name: s[:i], Version: s[i+1:]}
		}
	}
	return sbom.Tool{Name: s}
}

// A licences2 is what a package says of its licence.
type licences2 struct{ declared, concluded, comments string }

// licences sets the licences of c.
func (r *reader2) licences(c *sbom.Component, said licences2) {
	l, _ := readLicenseStatements(said.comments)
	for i, t := range l.Texts {
		l.Texts[i].Text = r.texts[t.ID]
	}
	try := func(l sbom.Licenses) bool {
		for _, id := range licenseRefs(&l) {
			text, ok := r.texts[id]
			if !ok {
				return false
			}
			l.Texts = append(l.Texts, sbom.LicenseText{ID: id, Text: text})
		}
		slices.SortFunc(l.Texts, func(a, b sbom.LicenseText) int { return cmp.Compare(a.ID, b.ID) })
		probe := sbom.Document{Main: sbom.Component{Ref: "probe", Name: "probe", Type: sbom.Library, Scope: sbom.Runtime, Licenses: &l}}
		if probe.Check() != nil {
			return false
		}
		c.Licenses = &l
		return true
	}
	expression := func(s string) string {
		if s == noAssertion || s == none {
			return ""
		}
		if _, err := sbom.LicenseIDs(s); err != nil {
			return ""
		}
		return s
	}
	l.Declared, l.Concluded = expression(said.declared), expression(said.concluded)
	if l.Declared == "" && l.Concluded == "" && l.Unknown == "" {
		return
	}
	// What the comments say is theirs only if it agrees with the rest.
	if !try(l) && !try(sbom.Licenses{Declared: l.Declared, Concluded: l.Concluded}) && !try(sbom.Licenses{Declared: l.Declared}) {
		try(sbom.Licenses{Concluded: l.Concluded})
	}
}

// remainder sets the Remainder of the document: what is not written again.
func (r *reader2) remainder() error {
	d := r.d
	o := newWriter2(d, r.s)
	theirs := slices.DeleteFunc(o.top(uuid.Nil), func(m member) bool { return m.value == nil })
	var rest []sbom.Remainder
	for _, l := range leftover(r.format, "", appendObject(nil, r.top), appendObject(nil, theirs)) {
		switch {
		case l.Path == "/spdxVersion", l.Path == "/creationInfo/created", l.Path == "/documentNamespace":
		default:
			rest = append(rest, l)
		}
	}
	again := func() { // as what is left over makes it
		if len(rest) > len(d.Remainder) {
			d.Remainder = rest
			o = newWriter2(d, r.s)
		}
	}
	again()
	same := 0 // so many are written, and in the order in which they were read
	written := make(map[relation]int)
	o.relationships(func(rel relation) {
		if len(written) == 0 && same < len(r.relations) && r.relations[same].plain && r.relations[same].relation == rel {
			same++
			return
		}
		written[rel]++
	})
	for i, rel := range r.relations[same:] {
		if rel.plain && written[rel.relation] > 0 {
			written[rel.relation]--
			continue
		}
		rest = append(rest, sbom.Remainder{Format: r.format, Path: "/relationships/" + strconv.Itoa(same+i), Value: bytes.Clone(canonical(rel.raw))})
	}
	for _, name := range r.empty {
		rest = append(rest, sbom.Remainder{Format: r.format, Path: "/" + name, Value: json.RawMessage("[]")})
	}
	again()

	i := slices.IndexFunc(r.top, func(m member) bool { return m.name == "documentNamespace" })
	if i < 0 {
		return nil
	}
	if strings.HasPrefix(string(r.top[i].value), `"`+namespace) {
		h := uuid.New(PredicateType)
		if err := o.document(h, uuid.Nil); err != nil {
			return err
		}
		own := slices.IndexFunc(theirs, func(m member) bool { return m.name == "documentNamespace" })
		if strings.Replace(string(theirs[own].value), uuid.Nil+`"`, h.String()+`"`, 1) == string(r.top[i].value) {
			return nil
		}
	}
	d.Remainder = append(d.Remainder, sbom.Remainder{Format: r.format, Path: "/documentNamespace", Value: bytes.Clone(r.top[i].value)})
	return nil
}
