package cyclonedx

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

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
		at := path + "/" + escape(name)
		n, m := &read.list[i], own.get(name)
		switch {
		case m != nil && n.equal(m):
		case m != nil && n.kind == '{' && m.kind == '{':
			to = difference(to, format, at, n, m)
		default:
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
	w.members, w.extra = make(map[string]sbom.Remainder), make(map[string]*node)
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
		case r.Path == "" || strings.Count(r.Path, "/") > 1:
			w.losses = append(w.losses, sbom.Loss{Path: r.Path, Why: "there is no such place to put it"})
		case name == "dependencies" && !isAbsent(r):
			w.dependents(r)
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
	for _, n := range w.extra {
		for _, to := range n.items("dependsOn") {
			w.touched[to.text] = true
		}
	}
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

// dependents reads the entries of dependencies that are put back.
func (w *writer) dependents(r sbom.Remainder) {
	n, ok := value(r)
	if ok {
		n, ok = w.g.fit(&n, w.g.rule(w.g.root.properties["dependencies"]), r.Path, &w.losses)
	}
	if !ok {
		w.losses = append(w.losses, changed(r, ""))
		return
	}
	for i := range n.list {
		w.extra[n.list[i].str("ref")] = &n.list[i]
	}
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
	w.p = printer{}
	w.own(c, false)
	own := mustParse(w.p.b)
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
			w.losses = append(w.losses, changed(r, place))
		}
	}
	return own
}
