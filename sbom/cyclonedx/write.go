package cyclonedx

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A writer writes one Document in one version.
type writer struct {
	d     *sbom.Document
	s     sbom.Stamp
	minor int // of the version
	g     *grammar

	components []*sbom.Component // the main one first, the others by Ref
	edges      []sbom.Edge       // sorted
	next       int               // the edge behind those that were asked for last
	children   map[string][]*sbom.Component
	parent     map[string]string // of a component that is written within another one
	touched    map[string]bool   // Refs that an edge has; nil unless somebody has to know

	types, references []string // names that this version has

	// What the Document's Remainder has for the members of a document.
	meta    []sbom.Remainder          // below /metadata
	members map[string]sbom.Remainder // others
	extra   map[string]*extra         // of dependencies, by ref
	raw     bool                      // the compositions are those that were read

	// Refs of which dependencies had no entry, although nothing is known to be missing.
	unlisted map[string]bool

	out        io.Writer
	p          printer
	serialAt   int // where in the bytes the serial number is
	properties []sbom.Property
	losses     []sbom.Loss
	before     int // how many losses are of what is never written
}

// replacesNotes says that the ancestor in a pedigree is what a component replaces.
const replacesNotes = "used instead of the ancestor, which was asked for"

// bound is how many bytes are kept before they are written.
const bound = 1 << 16

func newWriter(d *sbom.Document, s sbom.Stamp, minor int) *writer {
	w := &writer{d: d, s: s, minor: minor, g: newGrammar(minor), components: d.All(), edges: d.Edges}
	compare := func(a, b sbom.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
	}
	if !slices.IsSortedFunc(w.edges, compare) {
		w.edges = slices.Clone(w.edges)
		slices.SortFunc(w.edges, compare)
	}
	component := w.componentRule()
	w.types = w.names(component.properties["type"])
	reference := w.g.rule(w.g.rule(component.properties["externalReferences"]).items)
	w.references = w.names(reference.properties["type"])
	w.nest()
	w.remain()
	w.before = len(w.losses)
	return w
}

func (w *writer) componentRule() *rule { return componentRule(w.g) }

func componentRule(g *grammar) *rule {
	return g.rule(g.rule(g.root.properties["components"]).items)
}

func (w *writer) names(line int) (names []string) {
	for _, e := range w.g.rule(line).enum {
		names = append(names, e.text)
	}
	return names
}

// nest decides which components are written within another one: those that are
// a part of just that one, for all targets.
func (w *writer) nest() {
	parents := make(map[string][]string)
	for _, e := range w.edges {
		if e.Kind == sbom.Contains && (e.Target == "" || len(parents[e.To]) > 0) {
			parents[e.To] = append(parents[e.To], e.From)
		}
	}
	if len(parents) == 0 {
		return
	}
	w.parent, w.children = make(map[string]string), make(map[string][]*sbom.Component)
	for _, c := range w.components[1:] {
		if of := parents[c.Ref]; len(of) == 1 && w.parentOf(of, parents) {
			w.parent[c.Ref] = of[0]
			w.children[of[0]] = append(w.children[of[0]], c)
		}
	}
}

// parentOf reports whether the way up from of ends, and not too far from here.
func (w *writer) parentOf(of []string, parents map[string][]string) bool {
	for range maxNested {
		if len(of) != 1 || of[0] == w.d.Main.Ref {
			return true
		}
		of = parents[of[0]]
	}
	return false
}

// named returns the component with a ref, or nil. Unlike [sbom.Document.Component] it
// looks at nothing else of any component.
func (w *writer) named(ref string) *sbom.Component {
	if ref == w.d.Main.Ref {
		return &w.d.Main
	}
	i, ok := slices.BinarySearchFunc(w.components[1:], ref, func(c *sbom.Component, ref string) int { return cmp.Compare(c.Ref, ref) })
	if !ok {
		return nil
	}
	return w.components[1+i]
}

// from returns the edges from a component. It is quick if it is asked for one
// component after another.
func (w *writer) from(ref string) []sbom.Edge {
	i := w.next
	if i < len(w.edges) && w.edges[i].From < ref || i > 0 && w.edges[i-1].From >= ref {
		i, _ = slices.BinarySearchFunc(w.edges, ref, func(e sbom.Edge, ref string) int { return cmp.Compare(e.From, ref) })
	}
	n := i
	for n < len(w.edges) && w.edges[n].From == ref {
		n++
	}
	w.next = n
	return w.edges[i:n]
}

// linked reports whether an edge from c is one of those in dependencies, as
// [sbom.Document.Requires] says.
func linked(c *sbom.Component, e sbom.Edge) bool {
	runtime := mayBePart(c)
	return e.Kind == sbom.Linked || e.Kind != sbom.Declared && e.Kind != sbom.Contains && !runtime
}

// mayBePart reports whether c may be a part of the artifact.
func mayBePart(c *sbom.Component) bool {
	return c.Scope == sbom.Runtime || c.Scope == sbom.Optional || c.Scope == sbom.Unscoped
}

// document writes all. The serial number is the one that was read, or else serial.
func (w *writer) document(out io.Writer, serial string) error {
	w.out, w.p, w.losses = out, printer{b: w.p.b[:0]}, w.losses[:w.before]
	p := &w.p
	p.open('{')
	w.scalar("$schema", fmt.Sprintf("http://cyclonedx.org/schema/bom-1.%d.schema.json", w.minor))
	p.member("bomFormat", "CycloneDX")
	p.member("specVersion", fmt.Sprintf("1.%d", w.minor))
	if r, ok := w.members["serialNumber"]; !ok || !w.put("serialNumber", r) {
		p.name("serialNumber")
		w.serialAt = len(p.b) + 1
		p.text("urn:uuid:" + serial)
	}
	if r, ok := w.members["version"]; !ok || isAbsent(r) && w.minor < 5 || !w.put("version", r) { // 1.4 wants one
		p.name("version")
		p.node(&node{kind: '0', text: "1"})
	}
	w.metadata()

	if _, absent := w.members["components"]; !absent || len(w.components)-1 > len(w.parent) {
		p.list("components")
		for _, c := range w.components[1:] {
			if _, within := w.parent[c.Ref]; within {
				continue
			}
			p.line()
			w.component(c)
			if err := w.flush(bound); err != nil {
				return err
			}
		}
		p.close(']')
	}
	if err := w.dependencies(); err != nil {
		return err
	}
	if r, ok := w.members["compositions"]; w.raw && ok {
		w.put("compositions", r)
	} else if err := w.compositions(); err != nil {
		return err
	}
	for _, name := range sortedNames(w.members) {
		switch name {
		case "$schema", "serialNumber", "version", "components", "dependencies", "compositions":
		default:
			w.put(name, w.members[name])
		}
	}
	p.close('}')
	p.b = append(p.b, '\n')
	return w.flush(0)
}

// flush writes what is kept, if it is more than n bytes.
func (w *writer) flush(n int) error {
	if len(w.p.b) <= n {
		return nil
	}
	_, err := w.out.Write(w.p.b)
	w.p.b = w.p.b[:0]
	if err != nil {
		return fmt.Errorf("cyclonedx: %w", err)
	}
	return nil
}

// metadata writes the metadata, with the main component in its place.
func (w *writer) metadata() {
	n := w.putMetadata()
	p := &w.p
	_, absent := w.members["metadata/component"]
	main := !absent || !isUnnamed(&w.d.Main) || len(w.from(w.d.Main.Ref)) > 0
	if _, absent := w.members["metadata"]; absent && !main && len(n.list) == 0 {
		return
	}
	p.object("metadata")
	for i, name := range n.names {
		switch name {
		case "timestamp", "lifecycles", "tools", "authors":
		default:
			if main {
				p.name("component")
				w.component(&w.d.Main)
				main = false
			}
		}
		p.name(name)
		p.node(&n.list[i])
	}
	if main {
		p.name("component")
		w.component(&w.d.Main)
	}
	p.close('}')
}

// metadataOf returns the metadata without the main component.
func (w *writer) metadataOf() node {
	outer := w.p
	w.p = printer{tree: new(tree)}
	p := &w.p
	p.open('{')
	if !w.s.Created.IsZero() {
		p.member("timestamp", w.s.Created.UTC().Format(time.RFC3339))
	}
	properties := w.properties[:0]
	add := func(name, value string) { properties = append(properties, sbom.Property{Name: name, Value: value}) }
	if phase := string(w.d.Phase); phase != "" {
		if w.minor >= 5 {
			p.list("lifecycles")
			p.element()
			p.member("phase", phase)
			p.close('}')
			p.close(']')
		} else {
			add("hallmark:phase", phase)
			w.moved("/metadata/lifecycles")
		}
	}
	if t := w.s.Tool; t.Name != "" {
		if w.minor >= 5 {
			p.object("tools")
			p.list("components")
			p.element()
			p.member("type", "application")
		} else {
			p.list("tools")
			p.element()
		}
		p.member("name", t.Name)
		p.member("version", t.Version)
		p.close('}')
		p.close(']')
		if w.minor >= 5 {
			p.close('}')
		}
	}
	authors := slices.Clone(w.d.Authors)
	slices.SortStableFunc(authors, func(a, b sbom.Party) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email), cmp.Compare(a.URL, b.URL))
	})
	var manufacturer *sbom.Party
	first := true
	for i, a := range authors {
		switch {
		case a.Person && a.URL == "" && isAddress(a.Email):
			if first {
				p.list("authors")
				first = false
			}
			p.element()
			p.member("name", a.Name)
			p.member("email", a.Email)
			p.close('}')
		case w.minor >= 6 && manufacturer == nil && !a.Person && sameParty(a):
			manufacturer = &authors[i]
		default:
			add("hallmark:author", partyText(a))
			if w.minor < 6 && !a.Person {
				w.moved("/metadata/manufacturer")
			}
		}
	}
	if !first {
		p.close(']')
	}
	if manufacturer != nil {
		w.party("manufacturer", *manufacturer)
	}
	for _, u := range w.d.Unknown {
		add("hallmark:unknown", u)
	}
	properties = appendNamed(properties, "", w.d.Properties)
	for _, t := range slices.SortedFunc(slices.Values(w.d.Targets), func(a, b sbom.Target) int { return cmp.Compare(a.Name, b.Name) }) {
		name := "hallmark:target:" + t.Name
		add("hallmark:target", t.Name)
		for _, u := range t.Unknown {
			add(name+":unknown", u)
		}
		properties = appendNamed(properties, name+":property:", t.Properties)
	}
	w.printProperties(properties)
	w.properties = properties
	p.close('}')
	n := p.tree.root()
	w.p = outer
	return n
}

// component writes c, with what was left of it when it was read.
func (w *writer) component(c *sbom.Component) {
	if !slices.ContainsFunc(c.Remainder, isOurs) {
		w.own(c, true)
		return
	}
	n := w.putComponent(c)
	p := &w.p
	p.open('{')
	for i := range n.list {
		if n.names[i] == "components" && len(w.children[c.Ref]) > 0 {
			continue
		}
		p.name(n.names[i])
		p.node(&n.list[i])
	}
	if len(w.children[c.Ref]) > 0 {
		p.list("components")
		for _, f := range n.items("components") {
			p.line()
			p.node(&f)
		}
		w.within(c)
		p.close(']')
	}
	p.close('}')
}

// within writes the components that are written within c.
func (w *writer) within(c *sbom.Component) {
	for _, child := range w.children[c.Ref] {
		w.p.line()
		w.component(child)
	}
}

// own writes what the fields of c say, and what is within it if it is asked for.
func (w *writer) own(c *sbom.Component, within bool) {
	p := &w.p
	main := c == &w.d.Main
	properties := w.properties[:0]
	add := func(name, value string) { properties = append(properties, sbom.Property{Name: name, Value: value}) }

	p.open('{')
	p.member("bom-ref", c.Ref)
	kind := w.kind(c.Type)
	p.member("type", kind)
	if kind != string(c.Type) {
		add("hallmark:type", string(c.Type))
		if c.Type != sbom.Unclassified { // which no version has
			w.moved(w.place(c) + "/type")
		}
	}
	if c.Supplier != nil {
		w.party("supplier", *c.Supplier)
		if !sameParty(*c.Supplier) {
			add("hallmark:supplier", partyText(*c.Supplier))
		}
	}
	if c.Producer != nil {
		if w.minor >= 6 {
			w.party("manufacturer", *c.Producer)
		}
		if w.minor < 6 || !sameParty(*c.Producer) {
			add("hallmark:producer", partyText(*c.Producer))
		}
		if w.minor < 6 {
			w.moved(w.place(c) + "/manufacturer")
		}
	}
	p.member("group", c.Group)
	p.member("name", c.Name)
	p.member("version", c.Version)
	p.member("description", c.Description)

	hashes := 0
	for _, d := range c.Digests {
		switch hash := hashAlgorithm(d); {
		case hash != "":
			hashes++
		case d.Algorithm() == "dirHash":
			add("hallmark:go:h1", d.H1())
		default:
			add("hallmark:digest", d.String())
		}
	}
	if c.Verification != sbom.Unverified {
		add("hallmark:go:verification", string(c.Verification))
	}
	switch {
	case main, c.Scope == sbom.Unscoped:
	case c.Scope == sbom.Runtime, c.Scope == sbom.System:
		p.member("scope", "required")
	case c.Scope == sbom.Optional:
		p.member("scope", "optional")
	default:
		p.member("scope", "excluded")
	}
	if !main && c.Scope != sbom.Runtime && c.Scope != sbom.Optional {
		add("hallmark:scope", string(c.Scope))
	}
	if hashes > 0 {
		w.hashes(c.Digests)
	}
	for _, t := range sorted(c.Targets) {
		add("hallmark:target", t)
	}
	properties = w.edgeProperties(properties, c)
	for _, name := range sorted(c.Packages) {
		add("hallmark:package", name)
	}
	properties = w.licenses(properties, c)
	p.member("copyright", c.Copyright)
	for i, cpe := range sorted(c.CPEs) {
		if i == 0 {
			p.member("cpe", cpe)
		} else {
			add("hallmark:cpe", cpe)
		}
	}
	p.member("purl", c.PURL)
	if c.Replaces != "" {
		name, version, _ := splitPURL(c.Replaces) // refuse has seen the error
		p.object("pedigree")
		p.list("ancestors")
		p.element()
		p.member("type", kind)
		p.member("name", name)
		p.member("version", version)
		p.member("purl", c.Replaces)
		p.close('}')
		p.close(']')
		p.member("notes", replacesNotes)
		p.close('}')
	}
	properties = w.externalReferences(properties, c)
	if c.Support != "" {
		add("hallmark:support", c.Support)
	}
	if !c.SupportUntil.IsZero() {
		add("hallmark:support:until", c.SupportUntil.UTC().Format(time.RFC3339Nano))
	}
	for _, g := range c.Gaps {
		add(gapProperty(g.Kind), elementName(g.Element))
	}
	properties = appendNamed(properties, "", c.Properties)
	w.printProperties(properties)
	w.properties = properties

	if children := w.children[c.Ref]; len(c.Embedded) > 0 || within && len(children) > 0 {
		p.list("components")
		for _, f := range slices.SortedFunc(slices.Values(c.Embedded), func(a, b sbom.File) int { return cmp.Compare(a.Path, b.Path) }) {
			p.element()
			p.member("type", "file")
			p.member("name", f.Path)
			if hashAlgorithm(f.Digest) != "" {
				w.hashes([]hallmark.Digest{f.Digest})
			} else {
				w.printProperties([]sbom.Property{{Name: "hallmark:digest", Value: f.Digest.String()}})
			}
			p.close('}')
		}
		if within {
			w.within(c)
		}
		p.close(']')
	}
	w.evidence(c)
	if c.Scope == sbom.System && !main {
		if w.minor >= 7 {
			p.name("isExternal")
			p.node(&node{kind: 't'})
		} else {
			w.moved(w.place(c) + "/isExternal")
		}
	}
	p.close('}')
}

// kind returns the name of a type. Where nothing is known, the specification
// recommends library.
func (w *writer) kind(t sbom.Type) string {
	switch {
	case slices.Contains(w.types, string(t)):
		return string(t) // a sbom.Type is a CycloneDX name
	case t == sbom.Unclassified:
		return string(sbom.Library)
	}
	return string(sbom.Application)
}

// moved notes that something is a property that has a place of its own in another
// version, or none.
func (w *writer) moved(path string) {
	w.losses = append(w.losses, sbom.Loss{Path: path, Why: "this version has no place for it, and it is a property", Approximated: true})
}

// hashes writes those digests that CycloneDX has a name for.
func (w *writer) hashes(digests []hallmark.Digest) {
	p := &w.p
	first := true
	for _, d := range digests {
		alg := hashAlgorithm(d)
		if alg == "" {
			continue
		}
		if first {
			p.list("hashes")
			first = false
		}
		p.element()
		p.member("alg", alg)
		p.member("content", d.Hex())
		p.close('}')
	}
	if !first {
		p.close(']')
	}
}

// evidence writes how it is known what c is, and the licences that were found.
func (w *writer) evidence(c *sbom.Component) {
	p := &w.p
	identity := w.minor >= 5 && c != &w.d.Main && c.Verification.AtLeast(sbom.Recomputed) && len(c.Digests) > 0
	licenses := c.Licenses != nil && slices.ContainsFunc(c.Licenses.Files, func(f sbom.LicenseFile) bool { return f.Kind == sbom.KindLicense })
	if !identity && !licenses {
		return
	}
	p.object("evidence")
	if identity {
		if w.minor >= 6 {
			p.list("identity")
			p.element()
		} else {
			p.object("identity")
		}
		p.member("field", "hash")
		p.list("methods")
		for _, d := range c.Digests {
			p.element()
			p.member("technique", "hash-comparison")
			p.name("confidence")
			p.node(&node{kind: '0', text: "1"})
			p.member("value", cmp.Or(d.H1(), d.String()))
			p.close('}')
		}
		p.close(']')
		p.close('}')
		if w.minor >= 6 {
			p.close(']')
		}
	}
	if licenses {
		w.foundLicenses(c.Licenses)
	}
	p.close('}')
}

// externalReferences writes the distribution and the references of c, and returns
// properties with what they cannot say.
func (w *writer) externalReferences(properties []sbom.Property, c *sbom.Component) []sbom.Property {
	p := &w.p
	add := func(name, value string) { properties = append(properties, sbom.Property{Name: name, Value: value}) }
	n := 0
	begin := func() {
		if n == 0 {
			p.list("externalReferences")
		}
		n++
		p.element()
	}
	if f := c.Distribution; f != nil {
		reference := c != &w.d.Main && f.URL != "" && isReference(f.URL)
		if reference {
			begin()
			p.member("url", f.URL)
			w.hashes(f.Digests)
			p.member("type", "distribution")
			p.close('}')
		}
		add("hallmark:distribution:path", f.Path)
		if f.URL != "" {
			add("hallmark:distribution:url", f.URL)
		}
		for _, d := range f.Digests {
			if !reference || hashAlgorithm(d) == "" {
				add("hallmark:distribution:digest", d.String())
			}
		}
	}
	for _, r := range c.References {
		name := fmt.Sprintf("hallmark:reference:%d:", n)
		begin()
		p.name("url")
		if isReference(r.URL) {
			p.text(r.URL)
		} else {
			p.text(strings.ReplaceAll(url.PathEscape(r.URL), ":", "%3A"))
			add(name+"url", r.URL)
		}
		p.member("comment", r.Comment)
		w.hashes(r.Digests)
		if slices.Contains(w.references, r.Type) {
			p.member("type", r.Type)
		} else {
			p.member("type", "other")
			add(name+"type", r.Type)
			w.moved(fmt.Sprintf("%s/externalReferences/%d/type", w.place(c), n-1))
		}
		p.close('}')
		for _, d := range r.Digests {
			if hashAlgorithm(d) == "" {
				add(name+"digest", d.String())
			}
		}
	}
	if n > 0 {
		p.close(']')
	}
	return properties
}

// edgeProperties appends the edges from c that are not what dependencies and
// nested components say.
func (w *writer) edgeProperties(properties []sbom.Property, c *sbom.Component) []sbom.Property {
	edges := w.from(c.Ref)
	for i := 0; i < len(edges); {
		// All to the same component.
		n := i + 1
		for n < len(edges) && edges[n].To == edges[i].To {
			n++
		}
		plain := true // dependencies say all that they can
		for _, e := range edges[i:n] {
			plain = plain && (!linked(c, e) || e.Kind == sbom.Linked && e.Target == "")
		}
		for j, e := range edges[i:n] {
			if j > 0 && e == edges[i+j-1] || e.Kind == sbom.Contains && w.parent[e.To] == c.Ref || plain && linked(c, e) {
				continue
			}
			kind := string(e.Kind)
			if e.Kind == sbom.Linked {
				kind = "linked"
			}
			if e.Target != "" {
				kind += ":" + e.Target
			}
			properties = append(properties, sbom.Property{Name: "hallmark:edge:" + kind, Value: e.To})
		}
		i = n
	}
	return properties
}

// printProperties writes the member properties, if there are any.
func (w *writer) printProperties(properties []sbom.Property) {
	if len(properties) == 0 {
		return
	}
	p := &w.p
	p.list("properties")
	for _, q := range properties {
		p.element()
		p.name("name")
		p.text(q.Name)
		p.name("value")
		p.text(q.Value)
		p.close('}')
	}
	p.close(']')
}

// dependencies writes what requires what, and what was read and is about others
// than components.
func (w *writer) dependencies() error {
	p := &w.p
	open := false
	entry := func(ref string, to []string, more *extra) error {
		if !open {
			p.list("dependencies")
			open = true
		}
		p.element()
		p.member("ref", ref)
		if len(to) > 0 || more != nil && more.list {
			p.list("dependsOn")
			for _, t := range to {
				p.line()
				p.text(t)
			}
			if more != nil {
				seen := make(map[string]bool, len(to)+len(more.on))
				for _, t := range to {
					seen[t] = true
				}
				for _, t := range more.on {
					if !seen[t.text] {
						p.line()
						p.text(t.text)
					}
					seen[t.text] = true
				}
			}
			p.close(']')
		}
		if more != nil {
			for i, name := range more.node.names {
				if name != "ref" {
					p.name(name)
					p.node(&more.node.list[i])
				}
			}
		}
		p.close('}')
		return w.flush(bound)
	}
	if _, absent := w.members["dependencies"]; !absent {
		p.list("dependencies")
		open = true
	}
	var to []string
	left := make(map[string]bool, len(w.extra))
	for ref := range w.extra {
		left[ref] = true
	}
	for _, c := range w.components {
		to = to[:0]
		for _, e := range w.from(c.Ref) {
			if linked(c, e) && (len(to) == 0 || to[len(to)-1] != e.To) {
				to = append(to, e.To)
			}
		}
		more := w.extra[c.Ref]
		delete(left, c.Ref)
		if len(to) > 0 || c.Requirements == sbom.Complete && !w.unlisted[c.Ref] || more != nil {
			if err := entry(c.Ref, to, more); err != nil {
				return err
			}
		}
	}
	for _, ref := range sortedNames(left) {
		if err := entry(ref, nil, w.extra[ref]); err != nil {
			return err
		}
	}
	if open {
		p.close(']')
	}
	return nil
}

// compositions writes what is known to be complete. The order of its lists is
// that of components.
func (w *writer) compositions() error {
	inventory := "complete"
	if len(w.d.Unknown) > 0 || slices.ContainsFunc(w.d.Targets, func(t sbom.Target) bool { return len(t.Unknown) > 0 }) {
		inventory = "unknown"
	}
	for _, c := range w.components {
		if mayBePart(c) && c.Requirements != sbom.Complete {
			// What this one requires may be in the artifact and not here.
			inventory = "unknown"
		}
	}
	p := &w.p
	p.list("compositions")
	p.element()
	p.member("aggregate", inventory)
	p.list("assemblies")
	p.line()
	p.text(w.d.Main.Ref)
	p.close(']')
	p.close('}')
	for _, aggregate := range []string{"complete", "unknown"} {
		open := false
		for _, c := range w.components {
			if (c.Requirements == sbom.Complete) != (aggregate == "complete") {
				continue
			}
			if !open {
				p.element()
				p.member("aggregate", aggregate)
				p.list("dependencies")
				open = true
			}
			p.line()
			p.text(c.Ref)
			if err := w.flush(bound); err != nil {
				return err
			}
		}
		if open {
			p.close(']')
			p.close('}')
		}
	}
	p.close(']')
	return nil
}

// party writes an organization, or a person as the one to ask of an organization
// without a name.
func (w *writer) party(name string, of sbom.Party) {
	p := &w.p
	p.object(name)
	if !of.Person {
		p.member("name", of.Name)
	}
	if of.URL != "" && isReference(of.URL) {
		p.list("url")
		p.line()
		p.text(of.URL)
		p.close(']')
	}
	email := of.Email
	if !isAddress(email) {
		email = ""
	}
	if email != "" || of.Person && of.Name != "" {
		p.list("contact")
		p.element()
		if of.Person {
			p.member("name", of.Name)
		}
		p.member("email", email)
		p.close('}')
		p.close(']')
	}
	p.close('}')
}

// isAddress reports whether an email address can stand in its member: if it is one,
// or empty.
func isAddress(email string) bool { return email == "" || isEmail(email) }

// sameParty reports whether a party is read as it is written.
func sameParty(p sbom.Party) bool {
	w := writer{p: printer{tree: new(tree)}}
	w.p.open('{')
	w.party("party", p)
	w.p.close('}')
	n := w.p.tree.root()
	got := readParty(n.get("party"))
	return got != nil && *got == p
}

// partyText is a party as a property.
func partyText(p sbom.Party) string {
	var b []byte
	b = append(b, '{')
	for _, m := range []struct{ name, value string }{{"name", p.Name}, {"email", p.Email}, {"url", p.URL}} {
		if m.value != "" {
			b = append(quote(append(quote(b, m.name), ':'), m.value), ',')
		}
	}
	return string(fmt.Appendf(b, `"person":%t}`, p.Person))
}

// appendNamed appends the properties, sorted, with a prefix to their names. With
// none, those whose names have a namespace keep them as they are.
func appendNamed(to []sbom.Property, prefix string, ps []sbom.Property) []sbom.Property {
	first := len(to)
	for _, p := range ps {
		switch {
		case prefix != "":
			p.Name = prefix + p.Name
		case !isNamespaced(p.Name):
			p.Name = "hallmark:property:" + p.Name
		}
		to = append(to, p)
	}
	slices.SortFunc(to[first:], func(a, b sbom.Property) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	return to
}

// isNamespaced reports whether a property is somebody's, by its name, and neither
// one of this package nor one that it reads as something else.
func isNamespaced(name string) bool {
	space, _, ok := strings.Cut(name, ":")
	return ok && space != "" && space != "hallmark" && name != gapProperty(sbom.NotKnown) && name != gapProperty(sbom.Withheld)
}

// gapProperty is the name of the property that tells a Gap.
func gapProperty(kind sbom.GapKind) string {
	if kind == sbom.Withheld {
		return "cdx:cisa:withheld-information"
	}
	return "cdx:cisa:unknown-information"
}

// elementName is the name of an Element in a property: the one that the data field
// for it has in CISA's minimum elements of 2026, if there is one.
func elementName(e sbom.Element) string {
	switch e {
	case sbom.ElementProducer:
		return "Component Producer"
	case sbom.ElementVersion:
		return "Component Version"
	case sbom.ElementIdentifier:
		return "Component Identifiers"
	case sbom.ElementHash:
		return "Component Hash Value"
	case sbom.ElementLicense:
		return "Component License"
	case sbom.ElementRequires:
		return "Component Dependency Relationship"
	}
	return string(e)
}

// hashAlgorithm returns CycloneDX's name of the hash of a file that d is, or
// "" if d is none or has no name there.
func hashAlgorithm(d hallmark.Digest) string {
	switch d.Algorithm() {
	case "md5":
		return "MD5"
	case "sha1":
		return "SHA-1"
	case "sha256":
		return "SHA-256"
	case "sha384":
		return "SHA-384"
	case "sha512":
		return "SHA-512"
	case "sha3_256":
		return "SHA3-256"
	case "sha3_384":
		return "SHA3-384"
	case "sha3_512":
		return "SHA3-512"
	case "blake2b":
		return "BLAKE2b-512"
	}
	return ""
}

// digestOf is the Digest of a hash that has a name there and the right length.
func digestOf(alg, content string) (hallmark.Digest, bool) {
	for _, name := range []string{"md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b"} {
		d, err := hallmark.ParseDigest(name + ":" + strings.ToLower(content))
		if err == nil && hashAlgorithm(d) == alg {
			return d, true
		}
	}
	return hallmark.Digest{}, false
}

// serial returns the serial number that the document has by its content.
func (w *writer) serial() (string, error) {
	content := uuid.New(PredicateType)
	if err := w.document(content, uuid.Nil); err != nil {
		return "", err
	}
	return content.String(), nil
}

// marshal returns the document in one piece.
func (w *writer) marshal() ([]byte, error) {
	var buf bytes.Buffer
	w.serialAt = 0
	if err := w.document(&buf, uuid.Nil); err != nil {
		return nil, err
	}
	data := buf.Bytes()
	if w.serialAt > 0 { // it is in the first piece that was written
		copy(data[w.serialAt:], "urn:uuid:"+uuid.OfContent(PredicateType, data))
	}
	return data, nil
}

// value returns the value of a Remainder, which Check has seen to be JSON. It may still
// be no JSON that can be read again, with a member twice for instance.
func value(r sbom.Remainder) (node, bool) {
	n, err := parse(r.Value)
	return n, err == nil
}

// sorted returns list in order, and does not change it.
func sorted(list []string) []string {
	if !slices.IsSorted(list) {
		list = slices.Sorted(slices.Values(list))
	}
	return list
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
