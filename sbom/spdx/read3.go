package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// An element3 is an element of a graph, with what is read of it.
type element3 struct {
	raw  []byte // in canonical form
	path string // in the document
	kind string
	id   string // spdxId, or @id of what is no element
	node string // @id

	name, comment, description string

	// Of relationships.
	from, relation, completeness, scope string
	to                                  []string

	// Of the document and the SBOM.
	root, sbomTypes []string
	creation        string
	info            *element3 // creation information that stands in the element
	within          bool      // others do, too

	// Of creation information.
	created   string
	by, using []string

	// Of packages and files.
	originated                          []string
	supplied                            string
	support                             []string
	validUntil                          string
	copyright, location, homePage, purl string
	version, purpose                    string
	digests                             []hallmark.Digest
	hashes                              []string // identifiers of those that are elsewhere in the graph
	cpes                                distinct[string]
	email, url                          string // of agents
	references                          []sbom.Reference
	properties                          []sbom.Property
	expression, licenseText             string
	custom                              map[string]string // identifiers of texts

	algorithm, hashValue string // of a Hash
}

// A reader3 reads a document of SPDX 3.0.1.
type reader3 struct {
	elements []*element3
	byID     map[string]*element3
	texts    map[string]string // of licences, by their names
	rest     []sbom.Remainder
}

const format301 = "spdx-json@3.0.1"

func parse3(data []byte) (*sbom.Document, sbom.Stamp, error) {
	r := &reader3{byID: make(map[string]*element3), texts: make(map[string]string)}
	if err := strictjson.Read(data, r.read); err != nil {
		return nil, sbom.Stamp{}, err
	}
	if err := r.check(); err != nil {
		return nil, sbom.Stamp{}, err
	}

	// A document that is written as this package writes it has nothing left over.
	if base, ok := r.base(); ok {
		if d, s, err := r.document(base); err == nil && refuse(d, s) == nil && isWritten3(data, d, s, base) {
			return d, s, nil
		}
	}
	d, s, err := r.document("")
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	return d, s, nil
}

// isWritten3 reports whether data is, but for white space, what write3 writes of d and
// s, if identifiers in it begin with base.
func isWritten3(data []byte, d *sbom.Document, s sbom.Stamp, base string) bool {
	id := strings.TrimSuffix(strings.TrimPrefix(base, namespace), "#")
	own := make(chan bool, 1)
	go func() { own <- uuid3(d, s) == id }()
	is := func(data []byte) bool {
		rest := comparison(data)
		return newWriter3(d, s, id).document(&rest) == nil && len(rest) == 0
	}
	same := is(data) || is(canonical(data))
	return <-own && same
}

// A comparison fails to write anything but its bytes. It need not have line breaks that
// are written.
type comparison []byte

func (c *comparison) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		text := bytes.TrimSuffix(line, []byte("\n"))
		rest, same := bytes.CutPrefix(*c, text)
		if !same {
			return 0, errors.New("not the same")
		}
		if len(text) < len(line) {
			rest = bytes.TrimPrefix(rest, []byte("\n"))
		}
		*c = rest
	}
	return len(p), nil
}

func (r *reader3) read(j *strictjson.Reader) error {
	graph := false
	var one []member // beside the graph, or of the only element if there is none
	err := j.Object(func(name string) error {
		switch name {
		case "@context":
			context, err := j.String()
			if err == nil && context != context3 {
				return j.Errorf("%.200q, want %s", context, context3)
			}
			return err
		case "@graph":
			graph = true
			return j.Array(func(i int) error {
				raw, err := j.Raw()
				if err != nil {
					return err
				}
				if err := r.add(canonical(raw), "/@graph/"+strconv.Itoa(i)); err != nil {
					return j.Errorf("%v", err)
				}
				return nil
			})
		}
		raw, err := j.Raw()
		if one = append(one, member{name, canonical(raw)}); err != nil {
			return err
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !graph && !slices.ContainsFunc(one, func(m member) bool { return m.name == "type" || m.name == "@type" }):
		return errors.New("neither an @graph nor an element")
	case !graph:
		return r.add(appendObject(nil, one), "/@graph/0")
	}
	for _, m := range one {
		r.rest = append(r.rest, sbom.Remainder{Format: format301, Path: "/" + escapePointer(m.name), Value: m.value})
	}
	return nil
}

// add adds an element in canonical form, and beside it those that stand within it,
// in place of which it has their identifiers.
func (r *reader3) add(raw []byte, path string) error {
	e := &element3{raw: raw, path: path}
	if err := e.read(); err != nil {
		return err
	}
	if e.within {
		raw, err := r.takeOut(raw, path, true)
		if err != nil {
			return err
		}
		e = &element3{raw: raw, path: path}
		if err := e.read(); err != nil {
			return err
		}
	}
	if len(r.elements) >= maxElements {
		return fmt.Errorf("more than %d elements", maxElements)
	}
	r.elements = append(r.elements, e)
	return nil
}

// takeOut returns a value without the elements in it, which it adds, and with their
// identifiers instead.
func (r *reader3) takeOut(value []byte, path string, top bool) ([]byte, error) {
	switch value[0] {
	case '[':
		list := elements(value)
		for i := range list {
			var err error
			if list[i], err = r.takeOut(list[i], path+"/"+strconv.Itoa(i), false); err != nil {
				return nil, err
			}
		}
		return appendArray(nil, list), nil
	case '{':
		list := members(value)
		var id []byte
		for i, m := range list {
			if m.name == "extension" { // whose values can be anything
				continue
			}
			var err error
			if list[i].value, err = r.takeOut(m.value, path+"/"+escapePointer(m.name), false); err != nil {
				return nil, err
			}
			if m.name == "spdxId" {
				id = m.value
			}
		}
		value = appendObject(nil, list)
		if id == nil || top {
			return value, nil
		}
		return id, r.add(value, path)
	}
	return value, nil
}

func (e *element3) read() error {
	return strictjson.Read(e.raw, func(j *strictjson.Reader) error {
		err := j.Members(func(name []byte) (err error) {
			text := func(to *string) error {
				*to, err = j.String()
				return err
			}
			switch string(name) {
			case "type":
				return text(&e.kind)
			case "spdxId":
				return text(&e.id)
			case "@id":
				return text(&e.node)
			case "name":
				return text(&e.name)
			case "comment":
				return text(&e.comment)
			case "description":
				return text(&e.description)
			case "relationshipType":
				return text(&e.relation)
			case "completeness":
				return text(&e.completeness)
			case "scope":
				return text(&e.scope)
			case "created":
				return text(&e.created)
			case "validUntilTime":
				return text(&e.validUntil)
			case "software_copyrightText":
				return text(&e.copyright)
			case "software_downloadLocation":
				return text(&e.location)
			case "software_homePage":
				return text(&e.homePage)
			case "software_packageUrl":
				return text(&e.purl)
			case "software_packageVersion":
				return text(&e.version)
			case "software_primaryPurpose":
				return text(&e.purpose)
			case "simplelicensing_licenseExpression":
				return text(&e.expression)
			case "simplelicensing_licenseText":
				return text(&e.licenseText)
			case "algorithm", "hashValue":
				if j.Kind() != '"' { // of a class of others
					return j.Skip()
				}
				if string(name) == "algorithm" {
					return text(&e.algorithm)
				}
				return text(&e.hashValue)
			case "from":
				e.from, err = link(j)
				return err
			case "creationInfo":
				if j.Kind() != '{' {
					e.creation, err = link(j)
					return err
				}
				raw, err := j.Raw()
				if err != nil {
					return err
				}
				e.creation, e.info = "_:", &element3{raw: raw}
				if err := e.info.read(); err != nil {
					return j.Errorf("%v", err)
				}
				if e.info.kind != "CreationInfo" {
					return j.Errorf("type %.100q, want CreationInfo", e.info.kind)
				}
				return nil
			case "suppliedBy":
				e.supplied, err = link(j)
				return err
			case "to":
				e.to, err = links(j)
				return err
			case "rootElement":
				e.root, err = links(j)
				return err
			case "createdBy":
				e.by, err = links(j)
				return err
			case "createdUsing":
				e.using, err = links(j)
				return err
			case "originatedBy":
				e.originated, err = links(j)
				return err
			case "supportLevel":
				e.support, err = links(j)
				return err
			case "software_sbomType":
				e.sbomTypes, err = links(j)
				return err
			case "verifiedUsing":
				return j.Array(func(int) error { return e.readHash(j) })
			case "externalIdentifier":
				return j.Array(func(int) error { return e.readIdentifier(j) })
			case "externalRef":
				return j.Array(func(int) error { return e.readReference(j) })
			case "extension", "simplelicensing_customIdToUri":
				raw, err := j.Raw()
				if err == nil && string(name) == "extension" {
					e.readProperties(raw)
				} else if err == nil {
					e.readCustom(raw)
				}
				return err
			}
			return j.Skip()
		})
		if err != nil {
			return err
		}
		class := classOf3(e.kind)
		e.within = bytes.Count(e.raw, []byte(`"spdxId":`)) > min(len(e.id), 1)
		switch {
		case e.kind == "":
			return errors.New("no type")
		case class == noClass:
			return fmt.Errorf("type %.100q, want a class of SPDX 3.0.1, or an IRI as the name of another one", e.kind)
		case e.kind == "CreationInfo" && (e.created == "" || len(e.by) == 0):
			return errors.New("CreationInfo: no created or no createdBy")
		case class != elementOf3:
			if e.id != "" && class != othersOf3 {
				return fmt.Errorf("%.100s: an spdxId, which only elements have", e.kind)
			}
			e.id = cmp.Or(e.id, e.node)
		case e.id == "" || e.node != "":
			return fmt.Errorf("%.100s: no spdxId, or @id beside it", e.kind)
		case isRelationship3(e) && (e.from == "" || len(e.to) == 0 || e.relation == ""):
			return fmt.Errorf("%.100s: no from, no to or no relationshipType", e.kind)
		case e.creation == "":
			return fmt.Errorf("%.100s: no creationInfo", e.kind)
		}
		return nil
	})
}

// link reads the identifier of an element, or an element that stands there itself,
// and returns the identifier.
func link(j *strictjson.Reader) (id string, err error) {
	if j.Kind() == '"' {
		return j.String()
	}
	err = j.Object(func(name string) (err error) {
		if name == "spdxId" || name == "@id" {
			id, err = j.String()
			return err
		}
		return j.Skip()
	})
	return cmp.Or(id, "_:"), err
}

func links(j *strictjson.Reader) (ids []string, err error) {
	err = j.Array(func(int) error {
		id, err := link(j)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func (e *element3) readHash(j *strictjson.Reader) error {
	if j.Kind() == '"' {
		id, err := j.String()
		e.hashes = append(e.hashes, id)
		return err
	}
	var algorithm, value, comment string
	err := texts(j, func(name []byte) *string {
		switch string(name) {
		case "algorithm":
			return &algorithm
		case "hashValue":
			return &value
		case "comment":
			return &comment
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d, err := digestOf3(algorithm, value, comment); err == nil {
		e.digests = append(e.digests, d)
	}
	return nil // what is no digest is left over
}

// resolve adds the digests that are elsewhere in the graph.
func (e *element3) resolve(byID map[string]*element3) {
	for _, id := range e.hashes {
		if h := byID[id]; h != nil && h.kind == "Hash" {
			if d, err := digestOf3(h.algorithm, h.hashValue, h.comment); err == nil {
				e.digests = append(e.digests, d)
			}
		}
	}
}

// digestOf3 is the inverse of hash3.
func digestOf3(algorithm, value, comment string) (d hallmark.Digest, err error) {
	switch {
	case algorithm == "other" && comment == moduleSum:
		return hallmark.ParseH1(value)
	case algorithm == "other":
		return hallmark.ParseDigest(value)
	case algorithm == "blake2b512":
		return hallmark.ParseDigest("blake2b:" + strings.ToLower(value))
	}
	return hallmark.ParseDigest(algorithm + ":" + strings.ToLower(value))
}

func (e *element3) readIdentifier(j *strictjson.Reader) error {
	if j.Kind() == '"' { // it is elsewhere in the graph
		return j.Skip()
	}
	var kind, id string
	err := texts(j, func(name []byte) *string {
		switch string(name) {
		case "externalIdentifierType":
			return &kind
		case "identifier":
			return &id
		}
		return nil
	})
	switch kind {
	case "cpe22", "cpe23":
		if isCPE2(id) && (kind == "cpe23") == strings.HasPrefix(id, "cpe:2.3:") {
			e.cpes.add(id)
		}
	case "packageUrl":
		if e.purl == "" && isPURL(id) {
			e.purl = id
		}
	case "email":
		e.email = cmp.Or(e.email, id)
	case "urlScheme":
		e.url = cmp.Or(e.url, id)
	}
	return err
}

func (e *element3) readReference(j *strictjson.Reader) error {
	if j.Kind() == '"' { // it is elsewhere in the graph
		return j.Skip()
	}
	var kind, comment string
	var locators []string
	err := j.Object(func(name string) (err error) {
		switch name {
		case "externalRefType":
			kind, err = j.String()
		case "comment":
			comment, err = j.String()
		case "locator":
			locators, err = links(j)
		default:
			err = j.Skip()
		}
		return err
	})
	if t := referenceTypeOf3(kind); t != "" && len(locators) == 1 && locators[0] != "" {
		e.references = append(e.references, sbom.Reference{Type: t, URL: locators[0], Comment: comment})
		if kind == "altWebPage" {
			e.url = cmp.Or(e.url, locators[0])
		}
	}
	return err
}

// readProperties reads an extension if it is written again as it is.
func (e *element3) readProperties(raw []byte) {
	var list []struct {
		Properties []struct {
			Name  string `json:"extension_cdxPropName"`
			Value string `json:"extension_cdxPropValue"`
		} `json:"extension_cdxProperty"`
	}
	if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return
	}
	var ps []sbom.Property
	for _, p := range list[0].Properties {
		ps = append(ps, sbom.Property{Name: p.Name, Value: p.Value})
	}
	o := new(writer3)
	o.properties(ps)
	if same(raw, bytes.TrimPrefix(o.b, []byte(`,"extension":`))) {
		e.properties = ps
	}
}

func (e *element3) readCustom(raw []byte) {
	var list []struct{ Key, Value string }
	if json.Unmarshal(raw, &list) != nil {
		return
	}
	e.custom = make(map[string]string)
	for _, entry := range list {
		e.custom[entry.Key] = entry.Value
	}
}

// check returns an error if identifiers occur twice or lead nowhere.
func (r *reader3) check() error {
	var errs []error
	fail := func(format string, a ...any) {
		if len(errs) < 100 {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	documents := 0
	for _, e := range r.elements {
		if e.id == "" {
			continue
		}
		if other := r.byID[e.id]; other != nil && isRelationship3(e) && same(other.raw, e.raw) {
			continue // it says the same twice
		} else if other != nil {
			fail("%s: identifier %.200q occurs twice", e.path, e.id)
		}
		r.byID[e.id] = e
		switch e.kind {
		case "SpdxDocument":
			documents++
		case "simplelicensing_SimpleLicensingText":
			r.texts[e.name] = e.licenseText
		}
	}
	if documents > 1 {
		fail("%d elements are of the type SpdxDocument, want one", documents)
	}
	for _, e := range r.elements {
		e.resolve(r.byID)
		for id := range e.links() {
			if strings.HasPrefix(id, "_:") && id != "_:" && r.byID[id] == nil {
				fail("%s: %.200q is not in the document", e.path, id)
			}
		}
	}
	return errors.Join(errs...)
}

// links yields the identifiers that e has of other elements.
func (e *element3) links() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, ids := range [...][]string{{e.creation, e.supplied, e.from}, e.to, e.by, e.using, e.originated, e.root} {
			for _, id := range ids {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// base returns what identifiers of the document begin with, if this package may
// have written it.
func (r *reader3) base() (string, bool) {
	for _, e := range r.elements {
		if e.kind == "SpdxDocument" {
			base, ok := strings.CutSuffix(e.id, "SpdxDocument")
			return base, ok && strings.HasPrefix(base, namespace) && len(base) == len(namespace)+len(uuid.Nil)+len("#")
		}
	}
	return "", false
}

func isRelationship3(e *element3) bool {
	return strings.HasSuffix(e.kind, "Relationship") && classOf3(e.kind) == elementOf3
}

func isPackage3(kind string) bool {
	return kind == "software_Package" || kind == "ai_AIPackage" || kind == "dataset_DatasetPackage"
}

// document makes a Document of what was read. With a base, it is that of a document
// that this package has written, whose identifiers begin with it.
func (r *reader3) document(base string) (*sbom.Document, sbom.Stamp, error) {
	fail := func(format string, a ...any) (*sbom.Document, sbom.Stamp, error) {
		return nil, sbom.Stamp{}, fmt.Errorf(format, a...)
	}
	d, s := new(sbom.Document), sbom.Stamp{}
	ref := func(id string) (string, bool) {
		if base != "" {
			if local, ok := strings.CutPrefix(id, base+"Package-"); ok {
				return decodeID(local)
			}
		}
		return id, isIRI3(id)
	}

	var document, main *element3
	for _, e := range r.elements {
		if e.kind == "SpdxDocument" {
			document = e
		}
	}
	name := "document"
	about := document // what says what the others are about
	if about == nil {
		i := slices.IndexFunc(r.elements, func(e *element3) bool { return e.kind == "software_Sbom" })
		if i < 0 {
			i = slices.IndexFunc(r.elements, func(e *element3) bool { return e.kind == "Bom" || e.kind == "Bundle" })
		}
		if i < 0 {
			i = slices.IndexFunc(r.elements, func(e *element3) bool { return e.creation != "" })
		}
		if i >= 0 {
			about = r.elements[i]
		}
	}
	if document != nil {
		name = cmp.Or(document.name, document.id)
		said, _, _ := readDocumentStatements(document.comment)
		d.Unknown, d.Targets, d.Phase = said.Unknown, said.Targets, said.Phase
		d.Properties = document.properties
	}
	if about != nil {
		roots := [][]string{about.root}
		for _, e := range append([]*element3{about}, r.all(about.root)...) {
			if e.kind == "software_Sbom" {
				roots = append(roots, e.root)
				if len(e.sbomTypes) == 1 {
					d.Phase = cmp.Or(d.Phase, phaseOf(e.sbomTypes[0]))
				}
			}
		}
		for _, ids := range slices.Backward(roots) {
			for _, id := range ids {
				if e := r.byID[id]; main == nil && e != nil && isPackage3(e.kind) {
					main = e
				}
			}
		}
		if info := cmp.Or(about.info, r.byID[about.creation]); info != nil && info.kind == "CreationInfo" {
			t, err := time.Parse(time.RFC3339, info.created)
			if err != nil {
				return fail("%s: created %.100q, want YYYY-MM-DDThh:mm:ssZ", cmp.Or(info.path, about.path), info.created)
			}
			s.Created = t.UTC().Truncate(time.Second)
			for _, id := range info.by {
				if p, ok := r.party(id); ok && r.byID[id].kind != "SoftwareAgent" {
					d.Authors = append(d.Authors, p)
				}
			}
			for _, id := range info.using {
				if e := r.byID[id]; e != nil && e.kind == "Tool" && s.Tool.Name == "" {
					s.Tool = splitTool(e.name)
					if version, ok := strings.CutPrefix(e.comment, "version "); ok && strings.HasSuffix(e.name, "-"+version) {
						s.Tool = sbom.Tool{Name: strings.TrimSuffix(e.name, "-"+version), Version: version}
					} else if base != "" {
						s.Tool = sbom.Tool{Name: e.name}
					}
				}
			}
		}
	}

	components := make(map[string]*sbom.Component) // by identifier
	var order []*element3
	for _, e := range r.elements {
		if !isPackage3(e.kind) {
			continue
		}
		c, err := r.component(e, base)
		if err != nil {
			return fail("%s: %w", e.path, err)
		}
		var ok bool
		if c.Ref, ok = ref(e.id); !ok {
			return fail("%s: identifier %.200q, want one that begins with https:, http: or urn:", e.path, e.id)
		}
		c.Place = e.path
		components[e.id] = c
		order = append(order, e)
	}

	mainID := ""
	if main != nil {
		mainID = main.id
		components[mainID].Scope = sbom.Runtime
	} else {
		d.Main = sbom.Component{Ref: documentID, Name: name, Type: sbom.Unclassified, Scope: sbom.Runtime}
		if document != nil {
			mainID = document.id
			components[mainID] = &d.Main
		}
	}
	var distributed []string              // identifiers of what files are distributions of
	files := make(map[string][]*element3) // these files
	var facts []fact                      // used again and again
	for _, e := range r.elements {
		if !isRelationship3(e) {
			continue
		}
		facts = e.facts(facts[:0], mainID)
		for _, f := range facts {
			switch f.kind {
			case scoped:
				if c := components[f.to]; c != nil && f.to != mainID && c.Scope == sbom.Unscoped {
					c.Scope = f.scope
				}
			case requires:
				if a, b := components[f.from], components[f.to]; a != nil && b != nil && a != b {
					d.Edges = append(d.Edges, sbom.Edge{From: a.Ref, To: b.Ref, Kind: f.edge, Target: f.target})
				}
			case complete:
				if c := components[f.from]; c != nil {
					c.Requirements = sbom.Complete
				}
			}
		}
		c := components[e.from]
		if c == nil {
			continue
		}
		switch e.relation {
		case "hasDeclaredLicense", "hasConcludedLicense":
			r.license(c, e)
		case "hasDistributionArtifact":
			for _, id := range e.to {
				if f := r.byID[id]; f != nil && f.kind == "software_File" && len(f.digests) > 0 {
					if files[e.from] == nil {
						distributed = append(distributed, e.from)
					}
					files[e.from] = append(files[e.from], f)
				}
			}
		case "contains":
			for _, id := range e.to {
				if f := r.byID[id]; base != "" && f != nil && f.comment == embeddedFile && len(f.digests) == 1 {
					c.Embedded = append(c.Embedded, sbom.File{Path: f.name, Digest: f.digests[0]})
				}
			}
		}
	}
	for _, id := range distributed {
		distribute(components[id], r.byID[id], files[id], base != "")
	}
	for _, e := range r.elements { // where it is not complete, it is not
		facts = e.facts(facts[:0], mainID)
		for _, f := range facts {
			if c := components[f.from]; c != nil && f.kind == incomplete {
				c.Requirements = sbom.Unknown
			}
		}
	}

	targets := make(map[string]bool)
	for _, t := range d.Targets {
		targets[t.Name] = true
	}
	d.Edges = slices.DeleteFunc(d.Edges, func(e sbom.Edge) bool { return e.Target != "" && !targets[e.Target] })
	if others := len(order); main == nil || others > 1 {
		d.Components = slices.Grow(d.Components, others)
	}
	for _, e := range order {
		c := components[e.id]
		c.Targets = slices.DeleteFunc(c.Targets, func(t string) bool { return !targets[t] })
		if e == main {
			d.Main = *c
		} else {
			d.Components = append(d.Components, *c)
		}
	}
	if base == "" {
		d.Remainder = slices.Clone(r.rest)
		for _, e := range r.elements {
			if !isPackage3(e.kind) {
				d.Remainder = append(d.Remainder, sbom.Remainder{Format: format301, Path: e.path, Value: e.raw})
			}
		}
		for i, rest := range d.Remainder {
			d.Remainder[i].Value = bytes.Clone(rest.Value) // the document is the caller's
		}
	}
	if err := d.Sort(); err != nil {
		return nil, sbom.Stamp{}, err
	}
	if base != "" {
		return d, s, nil
	}

	// What is not written of packages.
	o := newWriter3(d, s, uuid.Nil)
	o.out = &sink{w: new(bytes.Buffer)}
	o.creation()
	o.head()
	at := make(map[string]*element3)
	for _, e := range order {
		at[components[e.id].Ref] = e
	}
	for _, c := range o.components {
		l := o.place(c, c == &d.Main)
		o.pack(c, &l)
		c.Remainder = leftover(format301, "", at[c.Ref].raw, append(o.b, '}'))
		if c.PURL != "" && !bytes.Contains(at[c.Ref].raw, []byte(`"software_packageUrl":`)) { // but an external identifier
			c.Remainder = append(c.Remainder, sbom.Remainder{Format: format301, Path: "/software_packageUrl", Value: json.RawMessage("null")})
		}
	}
	return d, s, nil
}

// all returns the elements of the identifiers that are in the document.
func (r *reader3) all(ids []string) (list []*element3) {
	for _, id := range ids {
		if e := r.byID[id]; e != nil {
			list = append(list, e)
		}
	}
	return list
}

// party returns the person or organization that an agent is.
func (r *reader3) party(id string) (p sbom.Party, ok bool) {
	e := r.byID[id]
	if e == nil {
		return p, false
	}
	return e.party()
}

func (e *element3) party() (p sbom.Party, ok bool) {
	switch e.kind {
	case "Person", "Organization", "Agent", "SoftwareAgent":
		p = sbom.Party{Name: e.name, Email: e.email, URL: e.url, Person: e.kind == "Person"}
	}
	return p, p != sbom.Party{Person: p.Person}
}

// component reads what a package says of itself.
func (r *reader3) component(e *element3, base string) (*sbom.Component, error) {
	said, text := readStatements(e.comment)
	c := r.packageOf(e, said)
	if base == "" && text != e.comment {
		// What would be written elsewhere is somebody else's text.
		l := (&writer3{d: new(sbom.Document)}).place(c, false)
		if !slices.Equal(statements(&l.rest), statements(&said)) {
			c = r.packageOf(e, sbom.Component{})
		}
	}
	if c.Name == "" {
		return nil, errors.New("a package without a name")
	}
	return c, nil
}

// packageOf reads a package in whose comment something is said.
func (r *reader3) packageOf(e *element3, said sbom.Component) *sbom.Component {
	c := &said
	c.Name, c.Description, c.Version = e.name, e.description, e.version
	if e.copyright != none && e.copyright != noAssertion {
		c.Copyright = e.copyright
	}
	c.Scope = sbom.Unscoped
	c.Type = cmp.Or(said.Type, typeOf3(e.purpose))
	if isPURL(e.purl) {
		c.PURL = e.purl
	}
	c.Digests = join(e.digests, said.Digests)
	c.CPEs = append(c.CPEs, e.cpes.list...)
	c.Properties = append(c.Properties, e.properties...)
	c.References = append(c.References, e.references...)
	if e.homePage != "" {
		c.References = append(c.References, sbom.Reference{Type: "website", URL: e.homePage})
	}
	if e.location != "" {
		c.References = append(c.References, sbom.Reference{Type: "distribution", URL: e.location})
	}
	if p, ok := r.party(e.supplied); ok {
		c.Supplier = &p
	}
	if len(e.originated) > 0 {
		if p, ok := r.party(e.originated[0]); ok {
			c.Producer = &p
		}
	}
	if len(e.support) == 1 && c.Support == "" && supportLevel3(e.support[0]) == e.support[0] {
		c.Support = e.support[0]
	}
	if t, err := time.Parse(time.RFC3339, e.validUntil); err == nil && c.SupportUntil.IsZero() {
		c.SupportUntil = t.UTC()
	}
	slices.Sort(c.CPEs)
	sortReferences(c.References)
	return c
}

// remains3 returns what the Remainder of a package says itself.
func remains3(c *sbom.Component) *element3 {
	e := new(element3)
	rest := slices.DeleteFunc(slices.Clone(c.Remainder), func(r sbom.Remainder) bool {
		return strings.HasPrefix(r.Path, "/extension") || string(r.Value) == "null"
	})
	e.raw = restore([]byte(`{"type":"software_Package","spdxId":"urn:","creationInfo":"_:"}`), rest, format3)
	if e.read() != nil {
		return new(element3) // it is put back as it is
	}
	if e.homePage != "" {
		e.references = append(e.references, sbom.Reference{Type: "website", URL: e.homePage})
	}
	if e.location != "" {
		e.references = append(e.references, sbom.Reference{Type: "distribution", URL: e.location})
	}
	return e
}

// license adds to c what a relationship says of its licence.
func (r *reader3) license(c *sbom.Component, e *element3) {
	l := sbom.Licenses{}
	if c.Licenses != nil {
		l = *c.Licenses
		l.Texts = slices.Clone(l.Texts)
	}
	texts := make(map[string]string)
	if len(e.to) == 1 {
		var expression string
		if x := r.byID[e.to[0]]; x != nil {
			expression = x.expression
			for key, id := range x.custom {
				if text := r.byID[id]; text != nil {
					texts[key] = text.licenseText
				}
			}
		} else if id, ok := strings.CutPrefix(e.to[0], "https://spdx.org/licenses/"); ok {
			expression = id
		}
		if _, err := sbom.LicenseIDs(expression); err == nil {
			if e.relation == "hasDeclaredLicense" {
				l.Declared = expression
			} else {
				l.Concluded = expression
			}
		}
	}
	if e.relation == "hasDeclaredLicense" {
		said, _ := readLicenseStatements(e.comment)
		l.Files, l.Unknown = said.Files, said.Unknown
		l.Texts = append(l.Texts, said.Texts...)
	}
	has := make(map[string]bool, len(l.Texts))
	for i, t := range l.Texts {
		has[t.ID] = true
		if text, ok := r.texts[t.ID]; ok {
			l.Texts[i].Text = text
		}
	}
	for _, id := range licenseRefs(&l) {
		text, ok := texts[id]
		if !ok {
			text, ok = r.texts[id]
		}
		if ok && !has[id] {
			l.Texts = append(l.Texts, sbom.LicenseText{ID: id, Text: text})
		}
	}
	slices.SortFunc(l.Texts, func(a, b sbom.LicenseText) int { return cmp.Compare(a.ID, b.ID) })
	probe := sbom.Document{Main: sbom.Component{Ref: "probe", Name: "probe", Type: sbom.Library, Scope: sbom.Runtime, Licenses: &l}}
	if probe.Check() == nil {
		c.Licenses = &l
	}
}

// distribute adds to c, which p is, the files that it is distributed as, all of which
// have digests. Only what this package has written says more of one than that.
func distribute(c *sbom.Component, p *element3, files []*element3, own bool) {
	at := slices.IndexFunc(c.References, func(r sbom.Reference) bool {
		return p.location != "" && r.Type == "distribution" && r.URL == p.location && r.Comment == "" && len(r.Digests) == 0
	})
	var digests distinct[hallmark.Digest] // but for those of c
	if !own {
		for _, d := range c.Digests {
			digests.add(d)
		}
	}
	known := len(digests.list)
	for _, f := range files {
		local, ok := strings.CutPrefix(f.comment, "path ")
		switch {
		case own && ok:
			c.Distribution = &sbom.Distribution{URL: p.location, Digests: f.digests}
			unquote(&c.Distribution.Path, local)
			if at >= 0 {
				c.References, at = slices.Delete(c.References, at, at+1), -1
			}
		case at >= 0 && f.comment != artifactFile:
			c.References[at].Digests, at = f.digests, -1
		default:
			for _, d := range f.digests {
				digests.add(d)
			}
		}
	}
	c.Digests = slices.Concat(digests.list[known:], c.Digests)
	sortReferences(c.References)
}

// isNone3 reports whether an identifier is that of the element that stands for none. The
// context lets it be named by the last part alone.
func isNone3(id string) bool { return id == noElement || id == "NoneElement" }

// isNoAssertion3 is likewise for that which says nothing.
func isNoAssertion3(id string) bool { return id == noAssertionElement || id == "NoAssertionElement" }

// facts appends what a relationship says, if main is what the document is about.
func (e *element3) facts(facts []fact, main string) []fact {
	comment, target := e.comment, ""
	if i := strings.LastIndex("\n"+comment, "\nfor "); i >= 0 && e.relation != "hasDeclaredLicense" {
		if !unquote(&target, comment[i+len("for "):]) {
			return facts
		}
		comment = strings.TrimSuffix(comment[:i], "\n")
	}
	edges := func(kind sbom.EdgeKind) {
		for _, to := range e.to {
			if !isNone3(to) && !isNoAssertion3(to) {
				facts = append(facts, fact{kind: requires, from: e.from, to: to, edge: kind, target: target})
			}
		}
	}
	scopes := func(s sbom.Scope) {
		for _, to := range e.to {
			if e.from == main {
				facts = append(facts, fact{kind: scoped, to: to, scope: s})
			}
		}
	}
	switch e.relation {
	case "dependsOn", "hasPrerequisite", "hasStaticLink":
		switch e.scope {
		case "", "runtime":
			edges(sbom.Linked)
		case "test":
			edges(sbom.ForTests)
		case "development":
			edges(sbom.ForTools)
		}
		if e.relation != "dependsOn" {
			break
		}
		switch {
		case e.completeness == "complete", e.completeness == "" && len(e.to) == 1 && isNone3(e.to[0]):
			facts = append(facts, fact{kind: complete, from: e.from})
		default:
			facts = append(facts, fact{kind: incomplete, from: e.from})
		}
	case "contains":
		if e.from == main && comment != partOf {
			scopes(sbom.Runtime)
		} else {
			edges(sbom.Contains)
		}
	case "hasOptionalComponent":
		scopes(sbom.Optional)
	case "hasDynamicLink":
		scopes(sbom.System)
	case "usesTool":
		if e.scope == "build" || e.scope == "development" {
			scopes(map[bool]sbom.Scope{true: sbom.Build, false: sbom.ToolOnly}[e.scope == "build"])
		}
	case "other":
		switch comment {
		case onlyTests:
			scopes(sbom.TestOnly)
		case onlyGraph:
			scopes(sbom.GraphOnly)
		case requirement:
			edges(sbom.Declared)
		}
	}
	return facts
}

// A said3 is what the elements of a Remainder say that is written of a Document,
// too.
type said3 struct {
	ids        map[string]bool
	document   string // the identifier of the SpdxDocument
	statements string // in its comment
	properties []sbom.Property
	relations  map[string]bool // "FROM TYPE" of relationships
	edges      map[fact]bool
	hashes     map[string]bool // "FROM DIGEST" of distribution artifacts
	agents     map[sbom.Party]string
	nodes      map[string]hallmark.Digest // Hashes in the graph, by their blank nodes
}

// newSaid3 reads the elements of a Remainder. main is the identifier of what the
// document is about, or "" if that is no package.
func newSaid3(rest [][]byte, main string) *said3 {
	said := &said3{
		ids: make(map[string]bool), relations: make(map[string]bool), edges: make(map[fact]bool), hashes: make(map[string]bool), agents: make(map[sbom.Party]string),
		nodes: make(map[string]hallmark.Digest),
	}
	byID := make(map[string]*element3)
	var all []*element3
	for _, raw := range rest {
		e := &element3{raw: raw}
		if e.read() != nil {
			continue // it is put back as it is
		}
		byID[e.id], said.ids[e.id] = e, true
		all = append(all, e)
		if d, err := digestOf3(e.algorithm, e.hashValue, e.comment); err == nil && e.kind == "Hash" {
			said.nodes[e.id] = d
		}
		if p, ok := e.party(); ok && said.agents[p] == "" {
			said.agents[p] = e.id
		}
		if e.kind == "SpdxDocument" {
			said.document = e.id
			d, _, _ := readDocumentStatements(e.comment)
			d.Authors, d.Properties = nil, nil // they are read elsewhere
			if sbomType(d.Phase) != "" {
				d.Phase = ""
			}
			said.statements, said.properties = strings.Join(documentStatements(&d), "\n"), e.properties
		}
	}
	if main == "" {
		main = said.document
	}
	for _, e := range all {
		e.resolve(byID)
	}
	for _, e := range all {
		if !isRelationship3(e) {
			continue
		}
		said.relations[e.from+" "+e.relation] = true
		for _, f := range e.facts(nil, main) {
			said.edges[f] = true
		}
		if e.relation == "hasDistributionArtifact" {
			for _, id := range e.to {
				if f := byID[id]; f != nil {
					for _, d := range f.digests {
						said.hashes[e.from+" "+d.String()] = true
					}
				}
			}
		}
	}
	return said
}

// has reports whether files that a component is distributed as have all digests.
func (s *said3) has(id string, ds []hallmark.Digest) bool {
	return s != nil && !slices.ContainsFunc(ds, func(d hallmark.Digest) bool { return !s.hashes[id+" "+d.String()] })
}
