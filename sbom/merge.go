package sbom

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
)

// Merge returns one Document for what docs are about, by names of the caller's: a
// release and its artifacts, or an artifact of which several tools tell. main is
// the thing as a whole. It requires the main component of each of docs that is not
// the same thing. Unlike [Union], which says for which target of one build
// something is so, Merge takes Documents of any origin, and says of a component
// what any of them says.
//
// Components of two Documents are the same thing if they have the same PURL. One
// that has none, or that shares it with another one of its Document, must have the
// same Ref, group, name and version too. They become one component, unless
// something would be lost: where one says what the other says otherwise, such as
// its supplier, both are kept. The one component
//
//   - has the Ref of the first one, and is an [Application] if either is, with
//     the scope that is closer to the artifact, in the order of [Union];
//   - has the digests, packages, files, references, CPEs and properties of both;
//   - has Requirements that are [Complete] if both are;
//   - has the higher Verification if they share a digest of SHA-256 or more or a
//     dirHash, and else the lower one.
//
// A Ref that different components have gets the name of the first Document with
// the component before it, and a colon, but for that of main. A LicenseRef that
// has different texts gets another name likewise.
//
// Every edge is kept, between the components that its ends became. If one of docs
// is a union, each of its Targets is a target of the result, "NAME/TARGET", and
// each of docs that is none is one as a whole, "NAME".
//
// Properties and Unknown of a Document get its name before them, and a colon. So
// does the Format of its Remainder, whose paths lead into a document that is no
// more, so that no encoder puts it where it does not belong. Those of components stay
// as they are, unless they name something that is not in the result under that name:
// what is in such a Remainder of the Document, or a component with another Ref now;
// or have a name for something in them that something else has already. A Phase that is not that of all becomes a property. That a
// Document was signed becomes a sentence of Unknown, since its signature is not of
// the result.
//
// Merge fails if there are no docs, if a name is empty or has a colon or a space
// in it, if main or one of docs fails [Document.Check], or if what has the same
// name and version has different content, as [Tampered] says. The error names all
// of these.
func Merge(main Component, docs map[string]*Document) (*Document, error) {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("sbom: merge: "+format, a...)) }
	if len(docs) == 0 {
		fail("no documents")
	}
	names := slices.Sorted(maps.Keys(docs))
	union := false
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, ": ") {
			fail("name %q: want one without a colon or a space", name)
		}
		if err := docs[name].Check(); err != nil {
			fail("%s: %w", name, err)
		}
		union = union || len(docs[name].Targets) > 0
	}
	if err := (&Document{Main: main}).Check(); err != nil {
		fail("%w", err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	type group struct {
		Component
		name    string           // of the first document with it
		of      string           // the name of the document that its Remainder is from
		targets map[string]Scope // if there are any
	}
	groups := []*group{{Component: main.clone()}}
	kinds := make(map[string][]*group) // of one thing; several if something would be lost
	kinds[keys([]*Component{&main})[0]] = groups[:1:1]
	became := make(map[string]map[string]*group) // by name and Ref
	targetsOf := make(map[string][]string)
	var targets []Target
	texts := make(map[string]string)
	ownTexts(main.Licenses, texts)
	contents := make(map[content]digests)
	for _, err := range promise(contents, "", []*Component{&main}) {
		fail("%w", err)
	}
	for _, name := range names {
		d := docs[name]
		for _, err := range promise(contents, name, d.All()) {
			fail("%w", err)
		}
		for _, t := range d.Targets {
			t.Name, t.Properties = name+"/"+t.Name, slices.Clone(t.Properties)
			targetsOf[name] = append(targetsOf[name], t.Name)
			targets = append(targets, t)
		}
		if union && len(d.Targets) == 0 {
			targetsOf[name] = []string{name}
			targets = append(targets, Target{Name: name})
		}

		all := d.All()
		renamed := renameTexts(name, all, texts)
		became[name] = make(map[string]*group, len(all))
		for i, key := range keys(all) {
			c := all[i].clone()
			c.Licenses = c.Licenses.rename(renamed)
			in := targetsOf[name]
			if len(c.Targets) > 0 {
				in = nil
				for _, t := range c.Targets {
					in = append(in, name+"/"+t)
				}
			}
			c.Targets = nil

			var g *group
			for _, have := range kinds[key] {
				if joined, ok := have.joined(&c); ok {
					if len(have.Remainder) == 0 {
						have.of = name
					}
					have.Component, g = joined, have
					break
				}
			}
			if g == nil {
				g = &group{Component: c, name: name, of: name, targets: make(map[string]Scope)}
				groups = append(groups, g)
				kinds[key] = append(kinds[key], g)
			}
			for _, t := range in {
				if g != groups[0] {
					g.targets[t] = c.Scope
				}
			}
			became[name][c.Ref] = g
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	of := make(map[string]int) // how many groups have a Ref
	for _, g := range groups {
		of[g.Ref]++
	}
	for _, refs := range became {
		for ref := range refs {
			of[ref] += 0 // not to be given to another one
		}
	}
	for _, g := range groups[1:] {
		if of[g.Ref] == 1 {
			continue
		}
		for taken := true; taken; _, taken = of[g.Ref] {
			g.Ref = g.name + ":" + g.Ref
		}
		of[g.Ref] = 1
	}

	gone := make(map[string]map[string]bool) // names that mean nothing in the result, or something else
	for _, name := range names {
		gone[name] = make(map[string]bool)
		for _, r := range docs[name].Remainder {
			for is, s := range r.texts() {
				if is {
					gone[name][s] = true
				}
			}
		}
		for ref, g := range became[name] {
			gone[name][ref] = ref != g.Ref
		}
	}
	for _, g := range groups {
		g.Remainder = slices.Clone(g.Remainder)
		for i, r := range g.Remainder {
			for is, s := range r.texts() {
				if _, taken := of[s]; is && taken || gone[g.of][s] {
					g.Remainder[i].Format = g.of + ":" + r.Format
				} else if is {
					of[s] = 1
				}
			}
		}
	}

	m := &Document{Targets: targets, Phase: docs[names[0]].Phase}
	for i, g := range groups {
		for t, s := range g.targets {
			if s == g.Scope {
				g.Targets = append(g.Targets, t)
			}
		}
		if len(g.Targets) == len(targets) {
			g.Targets = nil
		}
		if i == 0 {
			m.Main = g.Component
		} else {
			m.Components = append(m.Components, g.Component)
		}
	}
	for _, name := range names {
		d := docs[name]
		edge := func(e Edge) {
			in := targetsOf[name]
			if e.Target != "" {
				in = []string{name + "/" + e.Target}
			}
			if len(in) == 0 {
				m.Edges = append(m.Edges, e)
			}
			for _, e.Target = range in {
				m.Edges = append(m.Edges, e)
			}
		}
		if top := became[name][d.Main.Ref]; top != groups[0] {
			edge(Edge{From: m.Main.Ref, To: top.Ref})
		}
		for _, e := range d.Edges {
			e.From, e.To = became[name][e.From].Ref, became[name][e.To].Ref
			edge(e)
		}

		for _, p := range d.Properties {
			m.Properties = append(m.Properties, Property{name + ":" + p.Name, p.Value})
		}
		if d.Phase != docs[names[0]].Phase {
			m.Phase = ""
		}
		for _, s := range d.Unknown {
			m.Unknown = append(m.Unknown, name+": "+s)
		}
		if d.Original != nil {
			m.Unknown = append(m.Unknown, name+": the document is signed, and its signature is not of this one")
		}
		m.Authors = distinct(slices.Concat(m.Authors, d.Authors))
		for _, r := range d.Remainder {
			m.Remainder = append(m.Remainder, Remainder{name + ":" + r.Format, r.Path, r.Value})
		}
	}
	for _, name := range names {
		if p := docs[name].Phase; p != m.Phase {
			m.Properties = append(m.Properties, Property{name + ":phase", string(p)})
		}
	}
	if union {
		m.Edges = untarget(m.Edges, len(targets))
	}
	return m, m.Sort()
}

// clone returns c with lists of its own, so that they can be sorted, and without its
// Place, which is not in the result.
func (c *Component) clone() Component {
	k := *c
	k.Place = ""
	k.CPEs, k.References, k.Gaps = slices.Clone(c.CPEs), slices.Clone(c.References), slices.Clone(c.Gaps)
	k.Targets, k.Packages = slices.Clone(c.Targets), slices.Clone(c.Packages)
	k.Embedded, k.Properties = slices.Clone(c.Embedded), slices.Clone(c.Properties)
	k.Licenses = c.Licenses.rename(nil)
	return k
}

// texts yields the texts in the value of r, and whether each is the name of what it is
// in: as CycloneDX has it, or SPDX 2, or SPDX 3.
func (r Remainder) texts() iter.Seq2[bool, string] {
	return func(yield func(bool, string) bool) {
		before := ""
		for d := json.NewDecoder(bytes.NewReader(r.Value)); ; {
			token, err := d.Token()
			if err != nil {
				return // at the end; a Document has no value that is not JSON
			}
			s, ok := token.(string)
			is := before == "bom-ref" || before == "SPDXID" || before == "spdxId" || before == "@id"
			if before = s; ok && !yield(is, s) {
				return
			}
		}
	}
}

// untarget returns edges in which those that are so for all of n targets have
// none.
func untarget(edges []Edge, n int) []Edge {
	in := make(map[Edge]map[string]bool)
	for _, e := range edges {
		t := e.Target
		e.Target = ""
		if in[e] == nil {
			in[e] = make(map[string]bool)
		}
		in[e][t] = true
	}
	var list []Edge
	for e, targets := range in {
		if targets[""] || len(targets) == n {
			list = append(list, e)
			continue
		}
		for e.Target = range targets {
			list = append(list, e)
		}
	}
	return list
}

// keys returns for each component of a document what says which thing it is.
func keys(all []*Component) []string {
	const sep = "\x00"
	purls := make([]string, len(all))
	count := make(map[string]int)
	for i, c := range all {
		if p, err := purl.Parse(c.PURL); err == nil {
			purls[i] = p.String()
			count[purls[i]]++
		}
	}
	list := make([]string, len(all))
	for i, c := range all {
		if list[i] = purls[i]; count[purls[i]] != 1 {
			list[i] = strings.Join([]string{purls[i], c.Ref, c.Group, c.Name, c.Version}, sep)
		}
	}
	return list
}

// content is something of which the name and version of a component promise that it
// is always the same.
type content struct{ component, what string }

// digests are those of a content in a document, sorted.
type digests struct {
	name string // of the document
	of   *Component
	all  []string
}

// promise adds the contents of a document's components, and returns of which of
// them there are other digests already.
func promise(contents map[content]digests, name string, all []*Component) (errs []error) {
	own := make(map[content]digests)
	var order []content
	for i, key := range keys(all) {
		c := all[i]
		if !fixes(c.Version) {
			continue
		}
		if p, err := purl.Parse(c.PURL); err == nil {
			key = p.String() + "\x00" + c.Version // of all that have it
		}
		for _, f := range c.facts() {
			if f.kind != Tampered {
				continue
			}
			k := content{key, f.what}
			have, ok := own[k]
			if !ok {
				order = append(order, k)
			}
			own[k] = digests{name, c, append(have.all, f.value)}
		}
	}
	for _, k := range order {
		is := own[k]
		slices.Sort(is.all)
		is.all = slices.Compact(is.all)
		was, ok := contents[k]
		if !ok {
			contents[k] = is
		} else if !slices.Equal(was.all, is.all) {
			errs = append(errs, fmt.Errorf("%s: %s (%s): another %s than in %s", name, is.of.label(), is.of.Ref, k.what, cmp.Or(was.name, "the main component")))
		}
	}
	return errs
}

// tampered reports whether something of c and other has different digests.
func (c *Component) tampered(other *Component) bool {
	found := false
	compare(c.facts(), other.facts(), func(f fact, _, _ string, both bool) {
		found = found || f.kind == Tampered && both
	})
	return found
}

// joined returns what both c and other say, which are the same thing, and whether
// nothing is lost thereby.
func (c *Component) joined(other *Component) (Component, bool) {
	ok := true
	j := *c
	either := func(to *string, s string) {
		ok = ok && (*to == s || *to == "" || s == "")
		if *to == "" {
			*to = s
		}
	}
	if j.Type == Library && other.Type == Application {
		j.Type = Application
	}
	ok = ok && (j.Type == other.Type || j.Type == Application && other.Type == Library)
	ok = ok && j.Name == other.Name && j.Version == other.Version && j.Group == other.Group && j.Replaces == other.Replaces
	if p, err := purl.Parse(j.PURL); err == nil && j.PURL != other.PURL {
		j.PURL = p.String() // of two spellings
	}
	if other.Scope.rank() < j.Scope.rank() {
		j.Scope = other.Scope
	}
	if other.Requirements != Complete {
		j.Requirements = other.Requirements
	}

	ok = ok && !c.tampered(other)
	proved := false
	for _, d := range other.Digests {
		proved = proved || slices.Contains(j.Digests, d) && (d.Secure() || d.Algorithm() == "dirHash")
	}
	if j.Verification.AtLeast(other.Verification) != proved {
		j.Verification = other.Verification
	}
	if j.Distribution == nil {
		j.Distribution = other.Distribution
	}
	ok = ok && (j.Distribution == nil || j.Verification.AtLeast(Recomputed))
	ok = ok && (other.Distribution == nil || reflect.DeepEqual(j.Distribution, other.Distribution))

	either(&j.Description, other.Description)
	either(&j.Copyright, other.Copyright)
	either(&j.Support, other.Support)
	if j.SupportUntil.IsZero() {
		j.SupportUntil = other.SupportUntil
	}
	ok = ok && (other.SupportUntil.IsZero() || j.SupportUntil.Equal(other.SupportUntil))
	for _, party := range []struct{ to, from **Party }{{&j.Supplier, &other.Supplier}, {&j.Producer, &other.Producer}} {
		if *party.to == nil {
			*party.to = *party.from
		}
		ok = ok && (*party.from == nil || **party.to == **party.from)
	}
	if j.Licenses == nil {
		j.Licenses = other.Licenses
	}
	ok = ok && (other.Licenses == nil || reflect.DeepEqual(j.Licenses, other.Licenses))
	ok = ok && slices.Equal(j.Gaps, other.Gaps)
	if len(j.Remainder) == 0 {
		j.Remainder = other.Remainder
	}
	ok = ok && (len(other.Remainder) == 0 || reflect.DeepEqual(j.Remainder, other.Remainder))

	j.Digests = distinct(slices.Concat(j.Digests, other.Digests))
	j.CPEs = distinct(slices.Concat(j.CPEs, other.CPEs))
	j.Packages = distinct(slices.Concat(j.Packages, other.Packages))
	j.Embedded = distinct(slices.Concat(j.Embedded, other.Embedded))
	j.Properties = distinct(slices.Concat(j.Properties, other.Properties))
	j.References = slices.Clone(j.References)
	have := make(map[string]bool, len(j.References))
	for _, r := range j.References {
		have[fmt.Sprintf("%q", r)] = true
	}
	for _, r := range other.References {
		if key := fmt.Sprintf("%q", r); !have[key] {
			have[key] = true
			j.References = append(j.References, r)
		}
	}
	return j, ok
}

// ownTexts adds the texts of l to texts, by their IDs.
func ownTexts(l *Licenses, texts map[string]string) {
	if l != nil {
		for _, t := range l.Texts {
			texts[t.ID] = t.Text
		}
	}
}

// renameTexts returns the IDs that the texts of a document's components get because
// theirs have another text already, and adds all to texts.
func renameTexts(name string, all []*Component, texts map[string]string) map[string]string {
	own := make(map[string]string)
	for _, c := range all {
		ownTexts(c.Licenses, own)
	}
	renamed := make(map[string]string)
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if have, ok := texts[id]; ok && have != own[id] {
			to := id
			for taken := true; taken; {
				to = licenseRef + idName(name) + "-" + strings.TrimPrefix(to, licenseRef)
				_, inTexts := texts[to]
				_, inOwn := own[to]
				taken = inTexts || inOwn
			}
			renamed[id] = to
			texts[to] = own[id]
		}
	}
	for id, text := range own {
		if _, ok := renamed[id]; !ok {
			texts[id] = text
		}
	}
	return renamed
}

// idName returns name as a license identifier can have it.
func idName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.':
			return r
		}
		return '-'
	}, name)
}

// rename returns a copy of l with other IDs for some of its texts.
func (l *Licenses) rename(to map[string]string) *Licenses {
	if l == nil {
		return nil
	}
	id := func(id string) string {
		if to[id] != "" {
			return to[id]
		}
		return id
	}
	expression := func(s string) string {
		words := strings.Split(s, " ")
		for i, w := range words {
			if bare := strings.Trim(w, "()"); to[bare] != "" {
				words[i] = strings.Replace(w, bare, to[bare], 1)
			}
		}
		return strings.Join(words, " ")
	}
	r := *l
	r.Declared, r.Concluded = expression(l.Declared), expression(l.Concluded)
	r.Files, r.Texts = slices.Clone(l.Files), slices.Clone(l.Texts)
	for i := range r.Files {
		r.Files[i].IDs = slices.Clone(r.Files[i].IDs)
		for j := range r.Files[i].IDs {
			r.Files[i].IDs[j] = id(r.Files[i].IDs[j])
		}
		if len(to) > 0 {
			slices.Sort(r.Files[i].IDs)
		}
	}
	for i := range r.Texts {
		r.Texts[i].ID = id(r.Texts[i].ID)
	}
	return &r
}
