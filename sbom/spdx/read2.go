package spdx

import (
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
	raw       []byte // in canonical form
	component *sbom.Component
	concluded string
	declared  string
	comments  string // on the licence
}

type relationRead struct {
	raw []byte
	relation
}

func parse2(data []byte, version string) (*sbom.Document, sbom.Stamp, error) {
	r := &reader2{
		format: "spdx-json@" + version, d: new(sbom.Document), ids: make(map[string]bool),
		documents: make(map[string]bool), texts: make(map[string]string),
	}
	err := strictjson.Read(data, func(j *strictjson.Reader) error { return checkShape2(j, "document") })
	if err == nil {
		err = strictjson.Read(data, r.read)
	}
	if err == nil {
		err = r.document()
	}
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	return r.d, r.s, nil
}

// read reads the members of the document.
func (r *reader2) read(j *strictjson.Reader) error {
	each := func(name string, f func(raw []byte) error) error {
		before := r.elements
		err := j.Array(func(int) error {
			if r.elements++; r.elements > maxElements {
				return j.Errorf("more than %d elements", maxElements)
			}
			raw, err := j.Raw()
			if err == nil {
				if err := f(raw); err != nil {
					return j.Errorf("%v", err)
				}
			}
			return err
		})
		if r.elements == before {
			r.empty = append(r.empty, name)
		}
		return err
	}
	return j.Object(func(name string) error {
		switch name {
		case "packages":
			return each(name, r.readPackage)
		case "relationships":
			return each(name, func(raw []byte) error {
				rel := relationRead{raw: canonical(raw)}
				var err error
				if rel.relation, err = readRelation(rel.raw); err != nil {
					return err
				}
				r.relations = append(r.relations, rel)
				return nil
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

func readRelation(raw []byte) (rel relation, err error) {
	err = strictjson.Read(raw, func(j *strictjson.Reader) error {
		return j.Object(func(name string) (err error) {
			switch name {
			case "spdxElementId":
				rel.From, err = j.String()
			case "relatedSpdxElement":
				rel.To, err = j.String()
			case "relationshipType":
				rel.Type, err = j.String()
			case "comment":
				rel.Comment, err = j.String()
			default:
				err = j.Skip()
			}
			return err
		})
	})
	return rel, err
}

// identify remembers an identifier of an element.
func (r *reader2) identify(id string) error {
	if id == documentID || r.ids[id] {
		return fmt.Errorf("identifier %.200q occurs twice", id)
	}
	r.ids[id] = true
	return nil
}

// readPackage reads a package, but for what other parts of the document say of it.
func (r *reader2) readPackage(raw []byte) error {
	raw = canonical(raw)
	c := &sbom.Component{Type: sbom.Unclassified, Scope: sbom.Unscoped, Place: "/packages/" + strconv.Itoa(len(r.packages))}
	p := package2Read{raw: raw, component: c}
	var id, location, fileName, comment string
	var checksums []hallmark.Digest
	var references []sbom.Reference
	err := strictjson.Read(raw, func(j *strictjson.Reader) error {
		return j.Object(func(name string) error {
			switch name {
			case "checksums":
				return j.Array(func(int) error {
					var algorithm, value string
					err := j.Object(func(name string) (err error) {
						switch name {
						case "algorithm":
							algorithm, err = j.String()
						case "checksumValue":
							value, err = j.String()
						default:
							err = j.Skip()
						}
						return err
					})
					if d, bad := digestOf2(algorithm, strings.ToLower(value)); bad == nil && !slices.Contains(checksums, d) {
						checksums = append(checksums, d)
					}
					return err
				})
			case "externalRefs":
				return j.Array(func(int) error {
					var category, kind, locator, comment string
					err := j.Object(func(name string) (err error) {
						switch name {
						case "referenceCategory":
							category, err = j.String()
						case "referenceType":
							kind, err = j.String()
						case "referenceLocator":
							locator, err = j.String()
						case "comment":
							comment, err = j.String()
						default:
							err = j.Skip()
						}
						return err
					})
					ref := sbom.Reference{Type: kind, URL: locator, Comment: comment}
					switch {
					case kind == "purl" && c.PURL == "" && isPURL(locator):
						c.PURL = locator
					case (kind == "cpe23Type" || kind == "cpe22Type") && isCPE2(locator) && !slices.Contains(c.CPEs, locator):
						c.CPEs = append(c.CPEs, locator)
					case category == "OTHER" && isReference2(ref):
						references = append(references, ref)
					}
					return err
				})
			}
			if j.Kind() != '"' {
				return j.Skip()
			}
			b, err := j.Text()
			if err != nil {
				return err
			}
			switch name {
			case "SPDXID":
				id = string(b)
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
					if name == "supplier" {
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
				p.concluded = string(b)
			case "licenseDeclared":
				p.declared = string(b)
			case "licenseComments":
				p.comments = string(b)
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
	})
	if err != nil {
		return err
	}
	if !isID2(id) {
		return fmt.Errorf("identifier %.200q, want SPDXRef- and letters, digits, full stops, hyphens or underscores", id)
	}
	if err := r.identify(id); err != nil {
		return err
	}
	c.Ref = ref2(id)

	said, text := readStatements(comment)
	isLocation := location != none && location != noAssertion && location != ""
	with := func(said sbom.Component) *sbom.Component {
		c := *c
		c.Verification, c.Replaces, c.Group, c.Support = said.Verification, said.Replaces, said.Group, said.Support
		c.Type = cmp.Or(said.Type, c.Type)
		if !said.SupportUntil.IsZero() {
			c.SupportUntil = said.SupportUntil
		}
		c.Gaps, c.Targets, c.Packages, c.Embedded, c.Properties = said.Gaps, said.Targets, said.Packages, said.Embedded, said.Properties
		c.CPEs = append(slices.Clone(c.CPEs), said.CPEs...)
		c.References = append(slices.Clone(references), said.References...)
		c.Supplier, c.Producer = cmp.Or(c.Supplier, said.Supplier), cmp.Or(c.Producer, said.Producer)
		if said.Distribution != nil {
			own := *said.Distribution
			c.Distribution = &own
		}
		switch {
		case c.Distribution != nil && c.Distribution.URL == "" && isLocation && fileName != "":
			c.Distribution.URL = location
			c.Distribution.Digests = join(checksums, c.Distribution.Digests)
			c.Digests = said.Digests
		default:
			if isLocation {
				c.References = append(c.References, sbom.Reference{Type: "distribution", URL: location})
			}
			c.Digests = join(checksums, said.Digests)
		}
		slices.Sort(c.CPEs)
		sortReferences(c.References)
		if !sane(&c) {
			c.Distribution = nil
		}
		return &c
	}
	p.component = with(said)
	if text != comment && !slices.ContainsFunc([]bool{false, true}, func(main bool) bool {
		l := place2(p.component, main)
		return slices.Equal(statements(&l.rest), statements(&said))
	}) { // what would be written elsewhere is somebody else's text
		p.component = with(sbom.Component{})
	}
	r.packages = append(r.packages, p)
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
	byID := make(map[string]*sbom.Component, len(r.packages))
	for _, p := range r.packages {
		byID[id2(p.component.Ref)] = p.component
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
	for _, rel := range r.relations {
		for _, f := range rel.facts(documentID) {
			if f.kind == describes {
				described = append(described, f.to)
			}
		}
	}
	main := documentID
	if i := slices.IndexFunc(described, func(id string) bool { return byID[id] != nil }); i >= 0 {
		main = described[i]
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
		for _, f := range rel.facts(main) {
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
		for _, f := range rel.facts(main) {
			if c := at(f.from); c != nil && f.kind == incomplete {
				c.Requirements = sbom.Unknown
			}
		}
	}

	targets := make(map[string]bool)
	for _, t := range d.Targets {
		targets[t.Name] = true
	}
	d.Edges = slices.DeleteFunc(d.Edges, func(e sbom.Edge) bool { return e.Target != "" && !targets[e.Target] })
	for _, p := range r.packages {
		c := p.component
		c.Targets = slices.DeleteFunc(c.Targets, func(t string) bool { return !targets[t] })
		r.licences(p)
		b := package2(nil, c, id2(c.Ref) == main)
		c.Remainder = leftover(r.format, "", p.raw, b)
		c.Remainder = append(c.Remainder, r.unsaid(p.raw)...)
		if id2(c.Ref) == main {
			d.Main = *c
		} else {
			d.Components = append(d.Components, *c)
		}
	}
	if err := d.Sort(); err != nil {
		return err
	}
	return r.remainder()
}

// unsaid returns nulls for the members that a package need not have, and always has
// where this package writes it: NOASSERTION is not the same as nothing, and neither
// is false (clause 7.8).
func (r *reader2) unsaid(pack []byte) (rest []sbom.Remainder) {
	have := members(pack)
	for _, name := range []string{"supplier", "licenseConcluded", "licenseDeclared", "copyrightText", "filesAnalyzed"} {
		if !slices.ContainsFunc(have, func(m member) bool { return m.name == name }) {
			rest = append(rest, sbom.Remainder{Format: r.format, Path: "/" + name, Value: json.RawMessage("null")})
		}
	}
	return rest
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

// licences sets the licences of the component of p.
func (r *reader2) licences(p package2Read) {
	l, _ := readLicenseStatements(p.comments)
	for i, t := range l.Texts {
		l.Texts[i].Text = r.texts[t.ID]
	}
	c := p.component
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
	l.Declared, l.Concluded = expression(p.declared), expression(p.concluded)
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
	d.Remainder = rest
	written := make(map[relation]int)
	newWriter2(d, r.s).relationships(func(rel relation) { written[rel]++ })
	for i, rel := range r.relations {
		if written[rel.relation] > 0 && same(rel.appendJSON(nil), rel.raw) {
			written[rel.relation]--
			continue
		}
		rest = append(rest, sbom.Remainder{Format: r.format, Path: "/relationships/" + strconv.Itoa(i), Value: rel.raw})
	}
	for _, name := range r.empty {
		rest = append(rest, sbom.Remainder{Format: r.format, Path: "/" + name, Value: json.RawMessage("[]")})
	}

	d.Remainder = rest
	i := slices.IndexFunc(r.top, func(m member) bool { return m.name == "documentNamespace" })
	if i < 0 {
		return nil
	}
	if strings.HasPrefix(string(r.top[i].value), `"`+namespace) {
		h := uuid.New(PredicateType)
		o = newWriter2(d, r.s)
		if err := o.document(h, uuid.Nil); err != nil {
			return err
		}
		own := slices.IndexFunc(theirs, func(m member) bool { return m.name == "documentNamespace" })
		if strings.Replace(string(theirs[own].value), uuid.Nil+`"`, h.String()+`"`, 1) == string(r.top[i].value) {
			return nil
		}
	}
	d.Remainder = append(d.Remainder, sbom.Remainder{Format: r.format, Path: "/documentNamespace", Value: json.RawMessage(r.top[i].value)})
	return nil
}
