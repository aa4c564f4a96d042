package cyclonedx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/uuid"
	"github.com/hallmark-dev/hallmark/sbom"
)

// isOurs reports whether a value is of a CycloneDX document.
func isOurs(r sbom.Remainder) bool { return strings.HasPrefix(r.Format, "cyclonedx-json@") }

func format(minor int) string {
	return sbom.Format{Name: "cyclonedx-json", Version: fmt.Sprintf("1.%d", minor)}.String()
}

// difference appends what has to be put into own to make it the same as read: the
// values that only read has, and nulls for what only own has. No member of a
// CycloneDX document is null.
func difference(to []sbom.Remainder, format, path string, read, own *node, without ...string) []sbom.Remainder {
	for i, name := range read.names {
		if slices.Contains(without, name) {
			continue
		}
		n, m := &read.list[i], own.get(name)
		if m != nil && n.equal(m) {
			continue
		}
		at := path + "/" + escape(name)
		if m != nil && n.kind == '{' && m.kind == '{' {
			to = difference(to, format, at, n, m)
		} else {
			to = append(to, sbom.Remainder{Format: format, Path: at, Value: n.compact(nil)})
		}
	}
	for _, name := range own.names {
		if read.get(name) == nil && !slices.Contains(without, name) {
			to = append(to, absent(format, path+"/"+escape(name)))
		}
	}
	return to
}

// absent says that there was no such value, although one would be written.
func absent(format, path string) sbom.Remainder {
	return sbom.Remainder{Format: format, Path: path, Value: json.RawMessage("null")}
}

func isAbsent(r sbom.Remainder) bool { return string(r.Value) == "null" }

// remain sorts the Document's Remainder by what writes it.
func (w *writer) remain() {
	w.members, w.extra, w.unlisted = make(map[string]sbom.Remainder), make(map[string]*extra), make(map[string]bool)
	for _, r := range w.d.Remainder {
		name := unescape(strings.TrimPrefix(r.Path, "/"))
		switch {
		case !isOurs(r) && isAbsent(r): // what it did not have cannot be lost
		case !isOurs(r):
			w.losses = append(w.losses, otherFormat(r, ""))
		case r.Path == "/metadata/component" || r.Path == "/metadata":
			w.members[name] = r
		case strings.HasPrefix(r.Path, "/metadata/"):
			r.Path = strings.TrimPrefix(r.Path, "/metadata")
			w.meta = append(w.meta, r)
		case strings.HasPrefix(r.Path, "/dependencies/") && isAbsent(r):
			w.unlisted[unescape(strings.TrimPrefix(r.Path, "/dependencies/"))] = true
		case strings.HasPrefix(r.Path, "/dependencies/"):
			w.dependent(r)
		case r.Path == "" || strings.Count(r.Path, "/") > 1:
			w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "there is no such place to put it"})
		default:
			w.members[name] = r
		}
	}
	for _, c := range w.components {
		for _, r := range c.Remainder {
			if !isOurs(r) && !isAbsent(r) {
				w.losses = append(w.losses, otherFormat(r, w.place(c)))
			}
		}
	}

	// What was read stays only as long as it says what the fields say.
	if r, ok := w.members["compositions"]; ok {
		n, ok := value(r)
		w.raw = ok
		known := readCompositions(&n)
		for _, c := range w.components {
			w.raw = w.raw && known[c.Ref] == c.Requirements
		}
		if !w.raw {
			if !isAbsent(r) {
				w.losses = append(w.losses, changed(r, ""))
			}
			delete(w.members, "compositions")
		}
	}

	w.touched = make(map[string]bool)
	if len(w.d.Remainder) == 0 {
		return
	}
	for _, e := range w.edges {
		if e.Kind != sbom.Contains || w.parent[e.To] != e.From {
			w.touched[e.From], w.touched[e.To] = true, true
		}
	}
	for _, e := range w.extra {
		for _, to := range e.on {
			w.touched[to.text] = true
		}
	}
	w.undangle()
}

// An extra is an entry of dependencies that is put back.
type extra struct {
	path string
	node node     // without dependsOn
	on   []node   // dependsOn, if there is any
	at   []string // where each of these was
	list bool     // there was a dependsOn
}

// place is where a component was, or if that is not known, where it is in a document
// that has them as the Document has.
func (w *writer) place(c *sbom.Component) string {
	if c.Place != "" {
		return c.Place
	}
	if c == &w.d.Main {
		return "/metadata/component"
	}
	i, _ := slices.BinarySearchFunc(w.components[1:], c.Ref, func(c *sbom.Component, ref string) int { return strings.Compare(c.Ref, ref) })
	return fmt.Sprintf("/components/%d", i)
}

func otherFormat(r sbom.Remainder, place string) sbom.Loss {
	return sbom.Loss{Path: place + r.Path, Why: "it is from a document of the format " + r.Format}
}

func changed(r sbom.Remainder, place string) sbom.Loss {
	return sbom.Loss{Path: place + r.Path, Why: "what is known now is not what it says, or this version does not allow it"}
}

// dependent reads an entry of dependencies that is put back.
func (w *writer) dependent(r sbom.Remainder) {
	n, ok := value(r)
	e := &extra{path: r.Path}
	if ok && n.kind == '{' {
		for i, t := range n.items("dependsOn") {
			if t.kind != 'n' {
				e.on, e.at = append(e.on, t), append(e.at, fmt.Sprintf("%s/dependsOn/%d", r.Path, i))
			}
		}
		if e.list = n.get("dependsOn") != nil; e.list {
			n.set("dependsOn", node{kind: '[', list: e.on})
		}
		n, ok = w.g.fit(&n, w.g.rule(w.g.rule(w.g.root.properties["dependencies"]).items), r.Path, &w.losses)
	}
	ref := n.str("ref")
	if !ok || ref == "" {
		w.losses = append(w.losses, changed(r, ""))
		return
	}
	n.drop("dependsOn")
	e.node = n
	before := w.extra[ref]
	if before == nil {
		w.extra[ref] = e
		return
	}
	before.on, before.at, before.list = append(before.on, e.on...), append(before.at, e.at...), before.list || e.list
	for i, name := range n.names {
		if before.node.get(name) == nil {
			before.node.set(name, n.list[i])
		} else if name != "ref" {
			w.losses = append(w.losses, sbom.Loss{Path: r.Path + "/" + escape(name), Why: "there is another entry of the same ref"})
		}
	}
	w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "it is in one entry with what else has the ref", Approximated: true})
}

// undangle takes out of the entries of dependencies that are put back what nothing in
// this version has the ref of, as what is not a component may be left out.
func (w *writer) undangle() {
	known := make(map[string]bool)
	for _, c := range w.components {
		known[c.Ref] = true
	}
	missing := make(map[string]bool)
	want := func(ref string) {
		if !known[ref] && !strings.HasPrefix(ref, "urn:cdx:") {
			missing[ref] = true
		}
	}
	for ref, e := range w.extra {
		want(ref)
		for _, list := range [][]node{e.on, e.node.items("provides")} {
			for _, t := range list {
				want(t.text)
			}
		}
	}
	if len(missing) == 0 {
		return
	}
	// What else has a ref is seen when all is written.
	probe := *w
	probe.extra, probe.losses, probe.before, probe.p, probe.properties = nil, nil, 0, printer{}, nil
	if err := probe.document(refs{missing, new([]byte)}, uuid.Nil); err != nil {
		return // it is the same error when it is written
	}
	gone := func(at string) {
		w.losses = append(w.losses, sbom.Loss{Path: at, Why: "nothing in this version has the ref"})
	}
	for _, ref := range sortedNames(w.extra) {
		e := w.extra[ref]
		if missing[ref] {
			gone(e.path)
			delete(w.extra, ref)
			continue
		}
		some, told := len(e.on) > 0, len(w.losses)
		var on []node
		var at []string
		for i, t := range e.on {
			if missing[t.text] {
				gone(e.at[i])
			} else {
				on, at = append(on, t), append(at, e.at[i])
			}
		}
		if len(on) == 0 && some {
			e.list = false // that nothing is required is not what it says
		}
		e.on, e.at = on, at
		var provides []node
		for i, t := range e.node.items("provides") {
			if missing[t.text] {
				gone(fmt.Sprintf("%s/provides/%d", e.path, i))
			} else {
				provides = append(provides, t)
			}
		}
		if len(provides) > 0 {
			e.node.set("provides", node{kind: '[', list: provides})
		} else if len(e.node.items("provides")) > 0 {
			e.node.drop("provides")
		}
		if len(on) == 0 && some && len(e.node.names) == 1 {
			delete(w.extra, ref)
			if len(w.from(ref)) == 0 {
				w.losses = w.losses[:told]
				gone(e.path)
			}
		}
	}
}

// refs takes from the refs that are missing those that what is written to it has. A
// printer writes each member on a line of its own.
type refs struct {
	missing map[string]bool
	rest    *[]byte // of a line that has not ended
}

func (r refs) Write(p []byte) (int, error) {
	*r.rest = append(*r.rest, p...)
	for {
		line, rest, ok := bytes.Cut(*r.rest, []byte("\n"))
		if !ok {
			break
		}
		if ref, ok := bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte(`"bom-ref": `)); ok {
			n := mustParse(bytes.TrimSuffix(ref, []byte(",")))
			delete(r.missing, n.text)
		}
		*r.rest = rest
	}
	*r.rest = append([]byte(nil), *r.rest...)
	return len(p), nil
}

// put writes a member of the document as it was read, and reports whether this
// version has it.
func (w *writer) put(name string, r sbom.Remainder) bool {
	if isAbsent(r) {
		return true
	}
	line, ok := w.g.root.properties[name]
	if !ok {
		w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "this version does not have the member"})
		return false
	}
	if name == "signature" {
		w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "the signature is not of this document"})
		return false
	}
	n, ok := value(r)
	if ok {
		n, ok = w.g.fit(&n, w.g.rule(line), r.Path, &w.losses)
	}
	if !ok {
		w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "this version does not allow the value"})
		return false
	}
	w.p.name(name)
	w.p.node(&n)
	return true
}

// scalar writes a member that is value unless the document of the same version had
// another one.
func (w *writer) scalar(name, value string) {
	if r, ok := w.members[name]; ok && r.Format == format(w.minor) && w.put(name, r) {
		return
	}
	w.p.member(name, value)
}

// putMetadata returns the metadata, without the main component, with what was left
// of them.
func (w *writer) putMetadata() node {
	own := w.metadataOf()
	if len(w.meta) == 0 {
		return own
	}
	says := func(n *node) string { return fmt.Sprintf("%+v", readMetadata(n)) }
	want := says(&own)
	return w.restore(own, w.meta, w.g.rule(w.g.root.properties["metadata"]), "/metadata", func(n *node) bool { return says(n) == want })
}

// putComponent returns c, without what is written within it, with what was left of
// it.
func (w *writer) putComponent(c *sbom.Component) node {
	outer := w.p
	w.p = printer{tree: new(tree)}
	w.own(c, false)
	own := w.p.tree.root()
	w.p = outer
	var rest []sbom.Remainder
	for _, r := range c.Remainder {
		// A component without a ref in another version might be equal to one here.
		if isOurs(r) && (r.Path != "/bom-ref" || w.raw && !w.touched[c.Ref] && r.Format == format(w.minor)) {
			rest = append(rest, r)
		}
	}
	main := c == &w.d.Main
	var want sbom.Component
	edges := readComponent(&want, &own, main)
	return w.restore(own, rest, w.componentRule(), w.place(c), func(n *node) bool {
		var got sbom.Component
		same := slices.Equal(readComponent(&got, n, main), edges)
		got.Ref = want.Ref
		return same && reflect.DeepEqual(&got, &want)
	})
}

// restore puts rest into own and returns it as far as this version allows it. What
// would change what own says is lost.
func (w *writer) restore(own node, rest []sbom.Remainder, rule *rule, place string, same func(*node) bool) node {
	try := func(into *node, rest []sbom.Remainder) (n node, losses []sbom.Loss, ok bool) {
		n = into.clone()
		for _, r := range rest {
			v, ok := value(r)
			if !ok || !n.put(r.Path, v) {
				return n, nil, false
			}
		}
		n, ok = w.g.fit(&n, rule, place, &losses)
		n.like(&own)
		return n, losses, ok && same(&n)
	}
	if n, losses, ok := try(&own, rest); ok {
		w.losses = append(w.losses, losses...)
		return n
	}
	for _, r := range rest {
		n, losses, ok := try(&own, []sbom.Remainder{r})
		switch {
		case ok:
			own = n
			w.losses = append(w.losses, losses...)
		case !isAbsent(r):
			w.losses = append(w.losses, replaced(r, place, &own)...)
		}
	}
	return own
}

// replaced returns what is lost of a value that own has otherwise: of a list, the
// elements that own has not, too.
func replaced(r sbom.Remainder, place string, own *node) []sbom.Loss {
	was, ok := value(r)
	is := own.at(r.Path)
	if !ok || was.kind != '[' || len(was.list) == 0 || is == nil || is.kind != '[' {
		return []sbom.Loss{changed(r, place)}
	}
	same := make(map[string]bool, len(is.list))
	named := make(map[string]*node, len(is.list))
	for i := range is.list {
		same[string(is.list[i].canonical(nil))] = true
		named[is.list[i].str("name")] = &is.list[i]
	}
	var losses []sbom.Loss
	for i := range was.list {
		e := &was.list[i]
		if same[string(e.canonical(nil))] {
			continue
		}
		l := changed(r, place)
		l.Path += fmt.Sprintf("/%d", i)
		if name := e.str("name"); name != "" {
			n := named[name]
			l.Approximated = n != nil && n.has(e) || r.Path == "/properties" && named["hallmark:property:"+name] != nil
		}
		losses = append(losses, l)
	}
	return losses
}
