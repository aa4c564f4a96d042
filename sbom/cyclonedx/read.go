package cyclonedx

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Parse reads a CycloneDX JSON document of a version from 1.2 to 1.7, and returns
// it with what its publisher has added. The Document is sorted and passes
// [sbom.Document.Check].
//
// Parse fails if data are not JSON as RFC 8259 has it, in UTF-8 and without a byte
// order mark; if an object has two members of one name; if the JSON schema of the
// document's version does not allow it, with its formats; if two objects have the
// same bom-ref or dependencies name a ref that is none; if a component has an empty
// name; and if the document has more than 256 MiB, 20 million values, one million
// components or a depth of 100. Identifiers of licences are not looked up, since
// their list grows.
func Parse(data []byte) (*sbom.Document, sbom.Stamp, error) {
	d, s, err := read(data)
	if err != nil {
		return nil, sbom.Stamp{}, fmt.Errorf("malformed CycloneDX document: %w", err)
	}
	return d, s, nil
}

func read(data []byte) (*sbom.Document, sbom.Stamp, error) {
	bad := func(path, format string, a ...any) (*sbom.Document, sbom.Stamp, error) {
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", cmp.Or(path, "/"), fmt.Errorf(format, a...))
	}
	if len(data) > maxDocument {
		return bad("", "%d bytes, want at most %d", len(data), maxDocument)
	}
	doc, err := parse(data)
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	if f := doc.str("bomFormat"); f != "CycloneDX" {
		return bad("/bomFormat", "%.100q, want %q", f, "CycloneDX")
	}
	minor := 0
	if n, err := fmt.Sscanf(doc.str("specVersion"), "1.%1d", &minor); n != 1 || err != nil || doc.str("specVersion") != fmt.Sprintf("1.%d", minor) || minor < 2 || minor > 7 {
		return bad("/specVersion", "%.100q, want one from 1.2 to 1.7", doc.str("specVersion"))
	}
	in := reader{minor: minor, format: format(minor), refs: make(map[string]*node, 1+len(doc.items("components"))), d: new(sbom.Document)}
	return in.read(data, &doc)
}

// read makes the Document of what the schema allows. Until it is known whether the
// schema does, nothing may depend on that.
func (in *reader) read(data []byte, doc *node) (*sbom.Document, sbom.Stamp, error) {
	var beside sync.WaitGroup
	var wrong *fault
	var serial string
	var known map[string]sbom.Completeness
	beside.Go(func() {
		g := newGrammar(in.minor)
		if wrong = g.check(doc, g.root); wrong == nil {
			serial, known = serialOf(data, doc.str("serialNumber")), readCompositions(doc.get("compositions"))
		}
	})
	bad := func(path, format string, a ...any) (*sbom.Document, sbom.Stamp, error) {
		if beside.Wait(); wrong != nil {
			path, format, a = cmp.Or(wrong.path, "/"), "%s", []any{wrong.what}
		}
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", path, fmt.Errorf(format, a...))
	}
	if f := in.look(doc, false); f != nil {
		return bad(f.path, "%s", f.what)
	}
	d := in.d
	d.Components = make([]sbom.Component, 0, 1+len(doc.items("components")))

	meta := doc.get("metadata")
	said := readMetadata(meta)
	d.Phase, d.Authors, d.Properties, d.Unknown, d.Targets = said.phase, said.authors, said.properties, said.unknown, said.targets
	if n := meta.get("component"); n != nil {
		if f := in.component(n, "", "/metadata/component"); f != nil {
			return bad("/metadata/component"+f.path, "%s", f.what)
		}
		d.Main, d.Components = d.Components[0], d.Components[1:]
		d.Main.Scope = sbom.Runtime
	} else {
		d.Main = unnamed()
		for in.known(d.Main.Ref) {
			d.Main.Ref += "'"
		}
		d.Remainder = append(d.Remainder, absent(in.format, "/metadata/component"))
	}
	for i := range doc.items("components") {
		place := "/components/" + strconv.Itoa(i)
		if f := in.component(&doc.items("components")[i], "", place); f != nil {
			return bad(place+f.path, "%s", f.what)
		}
	}
	if len(d.Components) == 0 {
		d.Components = nil
	}
	if beside.Wait(); wrong != nil {
		return bad("", "")
	}
	for _, c := range d.All() {
		c.Requirements = known[c.Ref]
	}
	if f := in.edges(doc); f != nil {
		return bad("/dependencies"+f.path, "%s", f.what)
	}
	if err := d.Sort(); err != nil {
		return nil, sbom.Stamp{}, err
	}

	// What writing it again would not give.
	w := newWriter(d, said.stamp, in.minor)
	defer beside.Wait()
	for part := range slices.Chunk(w.components, max(100, len(w.components)/runtime.GOMAXPROCS(0)+1)) {
		own := *w
		beside.Go(func() { in.remainders(part, own) })
	}
	own := w.metadataOf()
	if meta != nil {
		d.Remainder = difference(d.Remainder, in.format, "/metadata", meta, &own, "component")
	} else {
		d.Remainder = append(d.Remainder, absent(in.format, "/metadata"))
		for _, name := range own.names {
			d.Remainder = append(d.Remainder, absent(in.format, "/metadata/"+escape(name)))
		}
	}
	w.p = printer{tree: &tree{begun: make([]node, 0, 16+len(w.components))}}
	w.p.open('{')
	if doc.get("compositions") != nil {
		if err := w.compositions(); err != nil {
			return nil, sbom.Stamp{}, err
		}
	} else {
		d.Remainder = append(d.Remainder, absent(in.format, "/compositions"))
	}
	w.p.close('}')
	own = w.p.tree.root()
	own.set("version", node{kind: '0', text: "1"})
	own.set("$schema", str(fmt.Sprintf("http://cyclonedx.org/schema/bom-1.%d.schema.json", in.minor)))
	own.set("serialNumber", str(serial))
	d.Remainder = difference(d.Remainder, in.format, "", doc, &own, "bomFormat", "specVersion", "metadata", "components", "dependencies")
	for _, name := range []string{"components", "dependencies"} {
		if doc.get(name) == nil {
			d.Remainder = append(d.Remainder, absent(in.format, "/"+name))
		}
	}
	in.dependents(doc, w)
	if in.signed {
		d.Original = bytes.Clone(data)
	}
	return d, said.stamp, nil
}

// remainders sets those of some components. It has w for itself, but for what is
// only read.
func (in *reader) remainders(of []*sbom.Component, w writer) {
	own := tree{piece: 1024}
	w.p, w.properties, w.losses = printer{tree: &own}, nil, nil
	for _, c := range of {
		n := in.refs[c.Ref]
		if n == nil {
			continue
		}
		own.reset()
		w.own(c, false)
		would := own.root()
		c.Remainder = difference(nil, in.format, "", n, &would, "components")
		if n.get("components") != nil && len(n.items("components")) == 0 {
			c.Remainder = append(c.Remainder, sbom.Remainder{Format: in.format, Path: "/components", Value: []byte("[]")})
		}
	}
}

// serialOf returns the serial number that data have if it is made from them, as
// the package comment says, and serial is where it is.
func serialOf(data []byte, serial string) string {
	number, ok := strings.CutPrefix(serial, "urn:uuid:")
	if !ok || number[14] != '5' { // the version of the UUID
		return ""
	}
	i := bytes.Index(data, []byte(number))
	if i < 0 {
		return ""
	}
	content := uuid.New(PredicateType)
	content.Write(data[:i])
	content.Write([]byte(uuid.Nil))
	content.Write(data[i+len(number):])
	return "urn:uuid:" + content.String()
}

// A reader makes a Document of a document.
type reader struct {
	minor  int
	format string
	refs   map[string]*node // of all that has one; the components, and nil for all others
	names  map[string]int   // the last number behind a name that is a Ref
	more   []sbom.Edge      // that components have as properties
	signed bool
	d      *sbom.Document
}

// look finds all refs of the document and its signatures.
//
// What is within a formulation may be described in several places of it.
func (in *reader) look(n *node, within bool) *fault {
	for i := range n.list {
		step := ""
		if n.kind == '{' {
			step = n.names[i]
			switch v := &n.list[i]; {
			case step == "bom-ref" && v.kind == '"' && v.text != "":
				before := len(in.refs)
				if in.refs[v.text] = nil; len(in.refs) == before && !within {
					return (&fault{what: fmt.Sprintf("there are two of the ref %.100q", v.text)}).within(step)
				}
			case step == "signature" && v.kind == '{':
				in.signed = true
			}
		} else {
			if n.list[i].kind != '{' && n.list[i].kind != '[' {
				continue
			}
			step = strconv.Itoa(i)
		}
		if f := in.look(&n.list[i], within || step == "formulation"); f != nil {
			return f.within(step)
		}
	}
	return nil
}

// known reports whether something has the ref.
func (in *reader) known(ref string) bool {
	_, ok := in.refs[ref]
	return ok
}

// unnamed is the main component of a document that does not say what it is about.
func unnamed() sbom.Component {
	return sbom.Component{Ref: "unnamed", Type: sbom.Unclassified, Name: "unnamed", Scope: sbom.Runtime}
}

func isUnnamed(c *sbom.Component) bool {
	u := unnamed()
	u.Ref, u.Requirements = c.Ref, c.Requirements
	return strings.Trim(c.Ref, "'") == "unnamed" && reflect.DeepEqual(*c, u)
}

// component adds the component that is at place and those within it.
func (in *reader) component(n *node, within, place string) *fault {
	if len(in.d.Components) == maxComponents {
		return &fault{what: fmt.Sprintf("more than %d components", maxComponents)}
	}
	if n.str("name") == "" {
		return (&fault{what: "the name is empty"}).within("name")
	}
	in.d.Components = append(in.d.Components, sbom.Component{})
	c := &in.d.Components[len(in.d.Components)-1] // until there is another one
	edges := readComponent(c, n, false)
	c.Place = place
	if c.Ref == "" {
		// One that nothing else has, and that is the same each time.
		name := c.PURL
		if name == "" {
			name = c.Name
			if c.Version != "" {
				name += "@" + c.Version
			}
		}
		c.Ref = name
		for in.known(c.Ref) {
			if in.names == nil {
				in.names = make(map[string]int)
			}
			in.names[name] = max(2, in.names[name]+1)
			c.Ref = fmt.Sprintf("%s#%d", name, in.names[name])
		}
	}
	if strings.HasPrefix(c.Ref, "urn:cdx:") {
		return (&fault{what: "it is a link to another document"}).within("bom-ref")
	}
	in.refs[c.Ref] = n
	for _, e := range edges {
		e.From = c.Ref
		in.more = append(in.more, e)
	}
	if within != "" {
		in.more = append(in.more, sbom.Edge{From: within, To: c.Ref, Kind: sbom.Contains})
	}
	ref := c.Ref
	embedded := make(map[string]sbom.File, len(c.Embedded))
	for _, f := range c.Embedded {
		embedded[f.Path] = f
	}
	for i := range n.items("components") {
		m := &n.items("components")[i]
		if f, ok := embedded[m.str("name")]; ok && isEmbedded(m, f) {
			continue
		}
		if f := in.component(m, ref, place+"/components/"+strconv.Itoa(i)); f != nil {
			return f.within(strconv.Itoa(i)).within("components")
		}
	}
	return nil
}

// edges adds the edges of dependencies and those that components have as
// properties.
func (in *reader) edges(doc *node) *fault {
	runtime := make(map[string]*sbom.Component)
	exact := make(map[[2]string]bool)
	if len(in.more) > 0 {
		for _, c := range in.d.All() {
			runtime[c.Ref] = c
		}
	}
	for _, e := range in.more {
		if in.refs[e.To] != nil && e.From != e.To {
			in.d.Edges = append(in.d.Edges, e)
			if linked(runtime[e.From], e) {
				exact[[2]string{e.From, e.To}] = true
			}
		}
	}
	most := len(in.d.Edges)
	for i := range doc.items("dependencies") {
		most += len(doc.items("dependencies")[i].items("dependsOn"))
	}
	in.d.Edges = slices.Grow(in.d.Edges, most)
	refer := func(ref string) (component, ok bool) {
		n, ok := in.refs[ref]
		return n != nil, ok || strings.HasPrefix(ref, "urn:cdx:")
	}
	for i := range doc.items("dependencies") {
		n := &doc.items("dependencies")[i]
		from := n.str("ref")
		source, ok := refer(from)
		if !ok {
			return (&fault{what: fmt.Sprintf("there is no %.100q", from)}).within("ref").within(strconv.Itoa(i))
		}
		for j, to := range n.items("dependsOn") {
			target, ok := refer(to.text)
			if !ok {
				return (&fault{what: fmt.Sprintf("there is no %.100q", to.text)}).within(strconv.Itoa(j)).within("dependsOn").within(strconv.Itoa(i))
			}
			if source && target && from != to.text && (len(exact) == 0 || !exact[[2]string{from, to.text}]) {
				in.d.Edges = append(in.d.Edges, sbom.Edge{From: from, To: to.text})
			}
		}
	}
	return nil
}

// dependents adds to the Remainder what dependencies say and w would not write: each
// entry at its place, with nulls in dependsOn for those that the Edges have. It adds too
// of which components they say nothing, although an entry would be written, since it
// is said to be known that they require nothing.
func (in *reader) dependents(doc *node, w *writer) {
	list := doc.items("dependencies")
	var first map[string]int // the entry of a ref; made if it is needed
	find := func(ref string) (int, bool) {
		if first == nil {
			first = make(map[string]int, len(list))
			for i := range list {
				if _, twice := first[list[i].str("ref")]; !twice {
					first[list[i].str("ref")] = i
				}
			}
		}
		i, ok := first[ref]
		return i, ok
	}
	added := make(map[int]bool)
	add := func(i int, left *node) {
		added[i] = true
		in.d.Remainder = append(in.d.Remainder, sbom.Remainder{Format: in.format, Path: fmt.Sprintf("/dependencies/%d", i), Value: left.compact(nil)})
	}
	next := 0
	var to []string // what the Edges have, sorted as they are, and
	var of string   // the ref that has it
	for i := range list {
		n := &list[i]
		var c *sbom.Component
		twice := false
		if next < len(w.components) && w.components[next].Ref == n.str("ref") { // as they are written
			c = w.components[next]
		} else {
			c = w.named(n.str("ref"))
			at, _ := find(n.str("ref"))
			if twice = at != i; twice && !added[at] {
				add(at, &node{kind: '{', names: []string{"ref"}, list: []node{*n.get("ref")}}) // that there are two
			}
		}
		next++
		if c == nil || c.Ref != of {
			to, of = to[:0], ""
		}
		if c != nil && c.Ref != of {
			of = c.Ref
			for _, e := range w.from(c.Ref) {
				if linked(c, e) {
					to = append(to, e.To)
				}
			}
		}
		has := func(t node) bool {
			_, ok := slices.BinarySearch(to, t.text)
			return ok
		}
		left := node{kind: '{'}
		given := n.get("dependsOn")
		if given != nil && (len(to) == 0 || slices.ContainsFunc(given.list, func(t node) bool { return !has(t) })) {
			on := slices.Clone(given.list)
			for j := range on {
				if has(on[j]) {
					on[j] = node{kind: 'n'}
				}
			}
			left.set("dependsOn", node{kind: '[', list: on})
		}
		for i, name := range n.names {
			if name != "ref" && name != "dependsOn" {
				left.set(name, n.list[i])
			}
		}
		if len(left.names) > 0 || c == nil || twice || len(to) == 0 && c.Requirements != sbom.Complete {
			left.set("ref", *n.get("ref"))
			add(i, &left)
		}
	}
	next = 0
	for _, c := range w.components {
		if next < len(list) && list[next].str("ref") == c.Ref {
			next++
			continue
		}
		if c.Requirements != sbom.Complete || slices.ContainsFunc(w.from(c.Ref), func(e sbom.Edge) bool { return linked(c, e) }) {
			continue
		}
		if _, ok := find(c.Ref); !ok {
			in.d.Remainder = append(in.d.Remainder, absent(in.format, "/dependencies/"+escape(c.Ref)))
		}
	}
}

// readCompositions returns of which components it is said that their requirements
// are complete.
func readCompositions(n *node) map[string]sbom.Completeness {
	if n == nil {
		return nil
	}
	most := 0
	for i := range n.list {
		most += len(n.list[i].items("dependencies"))
	}
	known := make(map[string]sbom.Completeness, most)
	for i := range n.list {
		if n.list[i].str("aggregate") == "complete" {
			for _, ref := range n.list[i].items("dependencies") {
				known[ref.text] = sbom.Complete
			}
		}
	}
	for i := range n.list {
		if n.list[i].str("aggregate") != "complete" {
			for _, ref := range n.list[i].items("dependencies") {
				delete(known, ref.text)
			}
		}
	}
	return known
}

// A metadata is what the metadata say, but for the component.
type metadata struct {
	stamp      sbom.Stamp
	phase      sbom.Phase
	authors    []sbom.Party
	properties []sbom.Property
	unknown    []string
	targets    []sbom.Target
}

func readMetadata(n *node) (m metadata) {
	if t, ok := parseTime(n.str("timestamp")); ok && t.UTC().Year() <= 9999 {
		m.stamp.Created = t.UTC().Truncate(time.Second)
	}
	if tools := n.get("tools"); tools != nil {
		list := tools.list
		if tools.kind == '{' {
			list = tools.items("components")
		}
		if len(list) > 0 && list[0].str("name") != "" {
			m.stamp.Tool = sbom.Tool{Name: list[0].str("name"), Version: versionOf(&list[0])}
		}
	}
	if phases := n.items("lifecycles"); len(phases) > 0 {
		m.phase = readPhase(phases[0].str("phase"))
	}
	for _, a := range n.items("authors") {
		if p := (sbom.Party{Name: a.str("name"), Email: emailOf(&a), Person: true}); p.Name+p.Email != "" {
			m.authors = append(m.authors, p)
		}
	}
	if p := readParty(n.get("manufacturer")); p != nil {
		m.authors = append(m.authors, *p)
	}
	targets := make(map[string]int)
	target := func(name string) *sbom.Target {
		if i, ok := targets[name]; ok {
			return &m.targets[i]
		}
		return nil
	}
	for _, p := range n.items("properties") {
		name, value := p.str("name"), p.str("value")
		switch rest, ours := strings.CutPrefix(name, "hallmark:"); {
		case p.get("name") == nil:
		case !ours:
			m.properties = append(m.properties, sbom.Property{Name: name, Value: value})
		case rest == "unknown":
			m.unknown = append(m.unknown, value)
		case rest == "phase":
			m.phase = readPhase(value)
		case rest == "author":
			if a, ok := readPartyText(value); ok {
				m.authors = append(m.authors, a)
			}
		case rest == "target":
			if target(value) == nil {
				targets[value] = len(m.targets)
				m.targets = append(m.targets, sbom.Target{Name: value})
			}
		case strings.HasPrefix(rest, "property:"):
			m.properties = append(m.properties, sbom.Property{Name: strings.TrimPrefix(rest, "property:"), Value: value})
		case strings.HasPrefix(rest, "target:"):
			of, what, _ := strings.Cut(strings.TrimPrefix(rest, "target:"), ":")
			t := target(of)
			if property, ok := strings.CutPrefix(what, "property:"); ok && t != nil {
				t.Properties = append(t.Properties, sbom.Property{Name: property, Value: value})
			} else if what == "unknown" && t != nil {
				t.Unknown = append(t.Unknown, value)
			}
		}
	}
	// As they are in a Document.
	slices.SortFunc(m.authors, func(a, b sbom.Party) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email), cmp.Compare(a.URL, b.URL), cmp.Compare(fmt.Sprint(a.Person), fmt.Sprint(b.Person)))
	})
	sortProperties(m.properties)
	return m
}

func sortProperties(ps []sbom.Property) {
	slices.SortFunc(ps, func(a, b sbom.Property) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
}

func readPhase(s string) sbom.Phase {
	switch p := sbom.Phase(s); p {
	case sbom.PreBuild, sbom.PostBuild, sbom.Built, sbom.Design, sbom.Operations, sbom.Discovery, sbom.Decommission:
		return p
	}
	return ""
}

// readParty reads an organization, or nil if it says nothing that a Party has.
func readParty(n *node) *sbom.Party {
	if n == nil {
		return nil
	}
	p := sbom.Party{Name: n.str("name")}
	if urls := n.items("url"); len(urls) > 0 && isReference(urls[0].text) {
		p.URL = urls[0].text
	}
	if contacts := n.items("contact"); len(contacts) > 0 {
		p.Email = emailOf(&contacts[0])
		if name := contacts[0].str("name"); p.Name == "" && name != "" {
			p.Name, p.Person = name, true
		}
	}
	if p == (sbom.Party{}) {
		return nil
	}
	return &p
}

// What a schema before 1.4 allows and a later one does not, stays where it is.

func emailOf(n *node) string {
	if e := n.str("email"); isEmail(e) {
		return e
	}
	return ""
}

func versionOf(n *node) string {
	if v := n.str("version"); utf8.RuneCountInString(v) <= maxVersion {
		return v
	}
	return ""
}

// readPartyText reads what partyText returns.
func readPartyText(s string) (sbom.Party, bool) {
	n, err := parse([]byte(s))
	if err != nil {
		return sbom.Party{}, false
	}
	p := sbom.Party{Name: n.str("name"), Email: n.str("email"), URL: n.str("url")}
	if person := n.get("person"); person != nil {
		p.Person = person.kind == 't'
	}
	return p, p.Name+p.Email+p.URL != ""
}

// readComponent reads a component into c, which is zero, but for its Requirements, and returns
// the edges that it has as properties, without From. The lists are sorted.
func readComponent(c *sbom.Component, n *node, main bool) (edges []sbom.Edge) {
	c.Ref, c.Type, c.Scope = n.str("bom-ref"), sbom.Type(n.str("type")), sbom.Runtime
	c.Group, c.Name, c.Version = n.str("group"), n.str("name"), versionOf(n)
	c.Description, c.Copyright = n.str("description"), n.str("copyright")
	c.Supplier, c.Producer = readParty(n.get("supplier")), readParty(n.get("manufacturer"))
	if purl := n.str("purl"); strings.HasPrefix(purl, "pkg:") {
		c.PURL = purl
	}
	if cpe := n.str("cpe"); cpe != "" {
		c.CPEs = append(c.CPEs, cpe)
	}
	if external := n.get("isExternal"); external != nil && external.kind == 't' {
		c.Scope = sbom.System
	}
	switch n.str("scope") {
	case "optional":
		c.Scope = sbom.Optional
	case "excluded":
		c.Scope = sbom.Build
	}
	var digests map[hallmark.Digest]bool // if there are many
	digest := func(d hallmark.Digest) {
		if len(c.Digests) < 16 {
			if !slices.Contains(c.Digests, d) {
				c.Digests = append(c.Digests, d)
			}
			return
		}
		if digests == nil {
			digests = make(map[hallmark.Digest]bool)
			for _, have := range c.Digests {
				digests[have] = true
			}
		}
		if !digests[d] {
			c.Digests = append(c.Digests, d)
			digests[d] = true
		}
	}
	for _, h := range n.items("hashes") {
		if d, ok := digestOf(h.str("alg"), h.str("content")); ok {
			digest(d)
		}
	}

	property := make(map[string][]string) // those that have a part to play together
	var texts []sbom.LicenseText
	for _, p := range n.items("properties") {
		name, value := p.str("name"), p.str("value")
		rest, ours := strings.CutPrefix(name, "hallmark:")
		switch {
		case p.get("name") == nil:
		case name == gapProperty(sbom.NotKnown), name == gapProperty(sbom.Withheld):
			kind := sbom.NotKnown
			if name == gapProperty(sbom.Withheld) {
				kind = sbom.Withheld
			}
			if g := (sbom.Gap{Element: elementOf(value), Kind: kind}); g.Element != "" && !slices.ContainsFunc(c.Gaps, func(o sbom.Gap) bool { return o.Element == g.Element }) {
				c.Gaps = append(c.Gaps, g)
			}
		case !ours:
			c.Properties = append(c.Properties, sbom.Property{Name: name, Value: value})
		case rest == "go:h1":
			if d, err := hallmark.ParseH1(value); err == nil {
				digest(d)
			}
		case rest == "digest":
			if d, err := hallmark.ParseDigest(value); err == nil {
				digest(d)
			}
		case rest == "go:verification":
			if v := sbom.Verification(value); v.AtLeast(sbom.Unverified) {
				c.Verification = v
			}
		case rest == "type":
			if t := sbom.Type(value); isType(t) {
				c.Type = t
			}
		case rest == "scope":
			switch s := sbom.Scope(value); s {
			case sbom.System, sbom.Build, sbom.TestOnly, sbom.ToolOnly, sbom.GraphOnly, sbom.Unscoped:
				c.Scope = s
			}
		case rest == "supplier":
			if p, ok := readPartyText(value); ok {
				c.Supplier = &p
			}
		case rest == "producer":
			if p, ok := readPartyText(value); ok {
				c.Producer = &p
			}
		case rest == "target":
			c.Targets = append(c.Targets, value)
		case rest == "package":
			c.Packages = append(c.Packages, value)
		case rest == "cpe":
			c.CPEs = append(c.CPEs, value)
		case rest == "support":
			c.Support = value
		case rest == "support:until":
			if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
				c.SupportUntil = t.UTC()
			}
		case strings.HasPrefix(rest, "edge:"):
			kind, target, _ := strings.Cut(strings.TrimPrefix(rest, "edge:"), ":")
			e := sbom.Edge{To: value, Kind: sbom.EdgeKind(kind), Target: target}
			switch e.Kind {
			case "linked":
				e.Kind = sbom.Linked
			case sbom.ForTests, sbom.ForTools, sbom.Declared, sbom.Contains:
			default:
				continue
			}
			edges = append(edges, e)
		case strings.HasPrefix(rest, "license:text:"):
			texts = append(texts, sbom.LicenseText{ID: strings.TrimPrefix(rest, "license:text:"), Text: value})
		case strings.HasPrefix(rest, "license:"), strings.HasPrefix(rest, "distribution:"), strings.HasPrefix(rest, "reference:"):
			property[name] = append(property[name], value)
		case strings.HasPrefix(rest, "property:"):
			c.Properties = append(c.Properties, sbom.Property{Name: strings.TrimPrefix(rest, "property:"), Value: value})
		}
	}
	if main {
		c.Scope = sbom.Runtime
	}
	c.Licenses = readLicenses(n, property, texts)

	if pedigree := n.get("pedigree"); pedigree.str("notes") == replacesNotes && len(pedigree.items("ancestors")) == 1 {
		if purl := pedigree.items("ancestors")[0].str("purl"); purl != "" {
			if _, _, err := splitPURL(purl); err == nil {
				c.Replaces = purl
			}
		}
	}
	references := n.items("externalReferences")
	first := 0
	if path := property["hallmark:distribution:path"]; len(path) > 0 {
		c.Distribution = &sbom.Distribution{Path: path[0]}
		if url := property["hallmark:distribution:url"]; len(url) > 0 {
			c.Distribution.URL = url[0]
			if len(references) > 0 && references[0].str("type") == "distribution" && references[0].str("url") == url[0] {
				first = 1
				for _, h := range references[0].items("hashes") {
					if d, ok := digestOf(h.str("alg"), h.str("content")); ok {
						c.Distribution.Digests = append(c.Distribution.Digests, d)
					}
				}
			}
		}
		for _, s := range property["hallmark:distribution:digest"] {
			if d, err := hallmark.ParseDigest(s); err == nil {
				c.Distribution.Digests = append(c.Distribution.Digests, d)
			}
		}
	}
	for i := first; i < len(references); i++ {
		n := &references[i]
		name := fmt.Sprintf("hallmark:reference:%d:", i)
		r := sbom.Reference{Type: n.str("type"), URL: n.str("url"), Comment: n.str("comment")}
		if t := property[name+"type"]; len(t) > 0 {
			r.Type = t[0]
		}
		for _, h := range n.items("hashes") {
			if d, ok := digestOf(h.str("alg"), h.str("content")); ok {
				r.Digests = append(r.Digests, d)
			}
		}
		for _, s := range property[name+"digest"] {
			if d, err := hallmark.ParseDigest(s); err == nil {
				r.Digests = append(r.Digests, d)
			}
		}
		isURL := isReference(r.URL)
		if u := property[name+"url"]; len(u) > 0 {
			r.URL, isURL = u[0], true
		}
		if r.Type != "" && r.URL != "" && isURL {
			c.References = append(c.References, r)
		}
	}
	paths := make(map[string]bool)
	for i := range n.items("components") {
		if f, ok := readEmbedded(&n.items("components")[i]); ok && !paths[f.Path] {
			c.Embedded = append(c.Embedded, f)
			paths[f.Path] = true
		}
	}

	sortProperties(c.Properties)
	slices.Sort(c.CPEs)
	slices.Sort(c.Targets)
	slices.Sort(c.Packages)
	slices.SortStableFunc(c.References, func(a, b sbom.Reference) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Comment, b.Comment))
	})
	slices.SortFunc(c.Gaps, func(a, b sbom.Gap) int { return cmp.Compare(a.Element, b.Element) })
	slices.SortFunc(c.Embedded, func(a, b sbom.File) int { return cmp.Compare(a.Path, b.Path) })
	return edges
}

// readEmbedded reads a component that is a file within another one, and nothing
// else.
func readEmbedded(n *node) (f sbom.File, ok bool) {
	if n.str("type") != "file" || n.str("name") == "" {
		return f, false
	}
	f.Path = n.str("name")
	for _, h := range n.items("hashes") {
		f.Digest, _ = digestOf(h.str("alg"), h.str("content"))
	}
	for _, p := range n.items("properties") {
		if d, err := hallmark.ParseDigest(p.str("value")); p.str("name") == "hallmark:digest" && err == nil {
			f.Digest = d
		}
	}
	return f, f.Digest.Secure() && isEmbedded(n, f)
}

// isEmbedded reports whether n is what is written of f.
func isEmbedded(n *node, f sbom.File) bool {
	w := writer{p: printer{tree: new(tree)}}
	w.p.open('{')
	w.p.member("type", "file")
	w.p.member("name", f.Path)
	if hashAlgorithm(f.Digest) != "" {
		w.hashes([]hallmark.Digest{f.Digest})
	} else {
		w.printProperties([]sbom.Property{{Name: "hallmark:digest", Value: f.Digest.String()}})
	}
	w.p.close('}')
	own := w.p.tree.root()
	return n.equal(&own)
}

// elementOf is the inverse of elementName, or "" if the name is none.
func elementOf(name string) sbom.Element {
	for _, e := range []sbom.Element{
		sbom.ElementSupplier, sbom.ElementProducer, sbom.ElementVersion, sbom.ElementIdentifier,
		sbom.ElementHash, sbom.ElementLicense, sbom.ElementCopyright, sbom.ElementRequires,
	} {
		if elementName(e) == name {
			return e
		}
	}
	return ""
}

func isType(t sbom.Type) bool {
	switch t {
	case sbom.Application, sbom.Library, sbom.Framework, sbom.Container, sbom.Platform, sbom.OperatingSystem, sbom.Device, sbom.DeviceDriver,
		sbom.Firmware, sbom.FileType, sbom.MachineLearning, sbom.Data, sbom.CryptographicAsset, sbom.Unclassified:
		return true
	}
	return false
}
