package sbom

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/versions"
)

// A Difference is all that is not the same in two Documents, what matters most
// first. It is empty if there is nothing.
type Difference []Change

// A Change is one thing that is not the same in two Documents.
type Change struct {
	Kind ChangeKind // in what sense it is not the same

	// Name and Version are those of the component that it is about, with its
	// Group before the Name: in the new Document, or in the old one if it is only
	// there. Both are empty for the Document as a whole.
	Name, Version string

	// What is the fact that is not the same: an algorithm, "declared",
	// "description", the name of a property or of a file. It is empty where the
	// Kind says it all.
	What string

	// Old and New are what the two Documents say, and empty where one says
	// nothing. Of a list they have those entries that only one of them has.
	Old, New string

	// OldRef and NewRef are the component's in the two Documents. One is empty
	// if the component is not in it, and both for the Document as a whole.
	OldRef, NewRef string

	// Edge is what was added or removed, with the Refs of the Document that has
	// it. It is zero for all other Kinds.
	Edge Edge
}

// A ChangeKind is in what sense two Documents are not the same.
type ChangeKind string

// The kinds of Changes, in the order that a Difference has them.
const (
	// Tampered: under the same name and version is another content. A digest of
	// the same algorithm is another one, be it of the component, of a file in it,
	// or of what is at a URL.
	Tampered ChangeKind = "tampered"

	// MainChanged: the Documents are about two things.
	MainChanged ChangeKind = "main component"

	Added          ChangeKind = "added"
	Removed        ChangeKind = "removed"
	VersionChanged ChangeKind = "version"

	// Replaced: the component is used instead of another one than before, or
	// of none; or another one is used instead of what was asked for.
	Replaced ChangeKind = "replaced"

	// ContentChanged: there is another content, and no version that promises
	// the same one.
	ContentChanged ChangeKind = "content"

	VerificationChanged ChangeKind = "verification"
	LicenseChanged      ChangeKind = "license"
	ScopeChanged        ChangeKind = "scope"
	TargetsChanged      ChangeKind = "targets"

	// EdgeAdded and EdgeRemoved are of components that are in both Documents.
	// What requires an added component, or what a removed one required, is in
	// the Documents.
	EdgeAdded   ChangeKind = "edge added"
	EdgeRemoved ChangeKind = "edge removed"

	// CompletenessChanged: more or less is known, by Requirements or Unknown.
	CompletenessChanged ChangeKind = "completeness"

	// DetailChanged: another fact, which What names.
	DetailChanged ChangeKind = "detail"
)

// rank returns the place of k in a Difference.
func (k ChangeKind) rank() int {
	return slices.Index([]ChangeKind{
		Tampered, MainChanged, Added, Removed, VersionChanged, Replaced, ContentChanged, VerificationChanged,
		LicenseChanged, ScopeChanged, TargetsChanged, EdgeAdded, EdgeRemoved, CompletenessChanged, DetailChanged,
	}, k)
}

// Diff returns what is not the same in two Documents, which can be of any
// formats. It fails if one of them fails [Document.Check].
//
// The main components are compared with each other. Other components are the same
// thing in both if they have the same PURL but for the version, or, if one has no
// PURL, the same name. Go's standard library is one thing, be it called std or stdlib,
// and its versions and those of modules are the same with and without the letters
// before the number. Of several versions of a thing, those that are in both are
// the same; the others are compared from the newest on, and what is left over was
// added or removed. What is used instead of something (Replaces) is compared with
// it, or with what was used instead of it.
//
// Where the version is the same, all is compared; where it is not, digests, files,
// CPEs and references are left out, since they are of a version. Never compared are
// Refs, which are names within a Document, and what is of a format and not of
// the artifact, Remainder, Place and Original.
//
// Diff(b, a) has the same Changes as Diff(a, b), the other way round.
func Diff(old, new *Document) (Difference, error) {
	for _, d := range []*Document{old, new} {
		if err := d.Check(); err != nil {
			return nil, fmt.Errorf("sbom: diff: %w", err)
		}
	}
	pairs, removed, added := match(old, new)

	var diff Difference
	for _, c := range removed {
		diff = append(diff, Change{Kind: Removed, Name: c.fullName(), Version: c.Version, Old: c.Version, OldRef: c.Ref})
	}
	for _, c := range added {
		diff = append(diff, Change{Kind: Added, Name: c.fullName(), Version: c.Version, New: c.Version, NewRef: c.Ref})
	}
	// What came beside something must not be the same with another content.
	beside(added, old.All(), func(c, have *Component, f fact, is, was string) {
		diff = append(diff, Change{Tampered, c.fullName(), c.Version, f.what, was, is, have.Ref, c.Ref, Edge{}})
	})
	beside(removed, new.All(), func(c, have *Component, f fact, was, is string) {
		diff = append(diff, Change{Tampered, have.fullName(), have.Version, f.what, was, is, c.Ref, have.Ref, Edge{}})
	})
	for i, p := range pairs {
		was, is := p[0], p[1]
		change := Change{Name: is.fullName(), Version: is.Version, OldRef: was.Ref, NewRef: is.Ref}
		same := sameVersion(was, is)
		other := was.thing() != is.thing() && was.foldedName() != is.foldedName()
		switch {
		case other && i == 0:
			change.Kind, change.Old, change.New = MainChanged, was.label(), is.label()
			diff = append(diff, change)
			continue
		case other:
			change.Kind, change.What, change.Old, change.New = Replaced, "component", was.label(), is.label()
			diff = append(diff, change)
		case !same:
			change.Kind, change.Old, change.New = VersionChanged, was.Version, is.Version
			diff = append(diff, change)
		case was.Version != is.Version:
			change.Kind, change.What, change.Old, change.New = DetailChanged, "version spelled", was.Version, is.Version
			diff = append(diff, change)
		}
		compare(was.facts(), is.facts(), func(f fact, was, is string, both bool) {
			if f.ofVersion && (!same || other) || f.ofIdentity && other {
				return
			}
			change := change
			change.Kind, change.What, change.Old, change.New = f.kind, f.what, was, is
			if f.kind == Tampered {
				switch {
				case !both:
					change.Kind = DetailChanged // one of them does not tell
				case !fixes(change.Version):
					change.Kind = ContentChanged
				}
			}
			diff = append(diff, change)
		})
	}
	compare(old.facts(), new.facts(), func(f fact, was, is string, _ bool) {
		diff = append(diff, Change{Kind: f.kind, What: f.what, Old: was, New: is})
	})
	diff = append(diff, diffEdges(old, new, pairs)...)

	slices.SortFunc(diff, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(a.Kind.rank(), b.Kind.rank()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.What, b.What), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New),
			cmp.Compare(a.OldRef, b.OldRef), cmp.Compare(a.NewRef, b.NewRef), compareEdges(a.Edge, b.Edge),
		)
	})
	return diff, nil
}

// match returns the components that are in both documents, the main ones first,
// and those that are in one of them.
func match(old, new *Document) (pairs [][2]*Component, removed, added []*Component) {
	pairs = append(pairs, [2]*Component{&old.Main, &new.Main})
	removed, added = old.All()[1:], new.All()[1:]
	parsed := make(map[*Component]purl.PURL)
	for _, c := range slices.Concat(removed, added) {
		if p, err := parsePackage(c.PURL); err == nil {
			p.Version = spelling(p.Type, p.Version)
			parsed[c] = p
		}
	}

	// by pairs components that have the same key, which is not empty, the last
	// ones first.
	by := func(oldKey, newKey func(*Component) string) {
		if len(removed) == 0 || len(added) == 0 {
			return
		}
		group := func(list []*Component, key func(*Component) string) (map[string][]*Component, []*Component) {
			groups := make(map[string][]*Component)
			var without []*Component
			for _, c := range list {
				if k := key(c); k != "" {
					groups[k] = append(groups[k], c)
				} else {
					without = append(without, c)
				}
			}
			for _, g := range groups {
				slices.SortFunc(g, func(a, b *Component) int {
					return cmp.Or(cmp.Compare(parsed[a].Type, parsed[b].Type), versions.Compare(parsed[a].Type, a.Version, b.Version), cmp.Compare(a.Ref, b.Ref))
				})
			}
			return groups, without
		}
		oldGroups, oldRest := group(removed, oldKey)
		newGroups, newRest := group(added, newKey)
		for k, were := range oldGroups {
			are := newGroups[k]
			for len(were) > 0 && len(are) > 0 {
				pairs = append(pairs, [2]*Component{were[len(were)-1], are[len(are)-1]})
				were, are = were[:len(were)-1], are[:len(are)-1]
			}
			oldRest = append(oldRest, were...)
			newGroups[k] = are
		}
		for _, are := range newGroups {
			newRest = append(newRest, are...)
		}
		removed, added = oldRest, newRest
	}
	both := func(key func(*Component) string) { by(key, key) }
	const sep = "\x00"
	// purlKey returns the PURL of c without what is cleared.
	purlKey := func(version, qualifiers bool) func(c *Component) string {
		return func(c *Component) string {
			p, ok := parsed[c]
			if !ok {
				return ""
			}
			key := spelling(p.Type, c.Version) + sep // which the PURL may lack
			if !version {
				p.Version, key = "", ""
			}
			if !qualifiers {
				p.Qualifiers = nil
			}
			return key + p.String()
		}
	}
	nameKey := func(version bool) func(c *Component) string {
		return func(c *Component) string {
			key := c.foldedName() + sep
			if version {
				key += c.Version
			}
			return key
		}
	}
	without := func(key func(*Component) string) func(*Component) string {
		return func(c *Component) string {
			if c.PURL != "" {
				return ""
			}
			return key(c)
		}
	}
	with := func(key func(*Component) string) func(*Component) string {
		return func(c *Component) string {
			if c.PURL == "" {
				return ""
			}
			return key(c)
		}
	}

	both(func(c *Component) string { return c.Ref + sep + purlKey(true, true)(c) + sep + nameKey(true)(c) })
	both(purlKey(true, true))
	both(purlKey(true, false))
	both(without(nameKey(true)))
	both(purlKey(false, true))
	both(purlKey(false, false))
	both(without(func(c *Component) string { return c.Ref + sep + nameKey(false)(c) }))
	both(without(nameKey(false)))
	for _, version := range []bool{true, false} {
		by(with(nameKey(version)), without(nameKey(version)))
		by(without(nameKey(version)), with(nameKey(version)))
		// Some lower the case of Go's module paths.
		both(func(c *Component) string {
			if parsed[c].Type != "golang" {
				return ""
			}
			return strings.ToLower(purlKey(version, false)(c))
		})
	}
	both(func(c *Component) string {
		asked := c.PURL
		if c.Replaces != "" {
			asked = c.Replaces
		}
		p, err := parsePackage(asked)
		if err != nil {
			return ""
		}
		p.Version, p.Qualifiers = "", nil
		return p.String()
	})
	return pairs, removed, added
}

// beside calls tampered for each of list that has the name and the version of one
// of all, and a digest of something that none of these has.
func beside(list, all []*Component, tampered func(c, have *Component, f fact, digest, digests string)) {
	key := func(c *Component) string {
		if p, err := purl.Parse(c.PURL); err == nil {
			return p.String() + "\x00" + c.Version
		}
		return c.foldedName() + "\x00" + c.Version
	}
	same := make(map[string][]*Component)
	for _, c := range list {
		if fixes(c.Version) {
			same[key(c)] = nil
		}
	}
	if len(same) == 0 {
		return
	}
	for _, c := range all {
		if have, ok := same[key(c)]; ok {
			same[key(c)] = append(have, c)
		}
	}
	type content struct{ key, what string }
	digests := make(map[content]map[string]bool)
	for k, components := range same {
		for _, c := range components {
			for _, s := range c.facts() {
				if s.kind != Tampered {
					continue
				}
				at := content{k, s.what}
				if digests[at] == nil {
					digests[at] = make(map[string]bool)
				}
				digests[at][s.value] = true
			}
		}
	}
	texts := make(map[content]string)
	for at, have := range digests {
		texts[at] = strings.Join(slices.Sorted(maps.Keys(have)), ", ")
	}
	for _, c := range list {
		k := key(c)
		if len(same[k]) == 0 {
			continue
		}
		for _, s := range c.facts() {
			if have := digests[content{k, s.what}]; s.kind == Tampered && len(have) > 0 && !have[s.value] {
				tampered(c, same[k][0], s.fact, s.value, texts[content{k, s.what}])
			}
		}
	}
}

// diffEdges returns the edges between pairs that one of the documents has.
func diffEdges(old, new *Document, pairs [][2]*Component) Difference {
	type end struct {
		pair int
		c    *Component
	}
	ends := [2]map[string]end{make(map[string]end, len(pairs)), make(map[string]end, len(pairs))}
	for i, p := range pairs {
		for which, c := range p {
			ends[which][c.Ref] = end{i, c}
		}
	}
	type edge struct {
		from, to int
		kind     EdgeKind
		target   string
	}
	edges := func(which int, d *Document) map[edge]Edge {
		m := make(map[edge]Edge, len(d.Edges))
		for _, e := range d.Edges {
			from, ok := ends[which][e.From]
			to, also := ends[which][e.To]
			if ok && also {
				m[edge{from.pair, to.pair, e.Kind, e.Target}] = e
			}
		}
		return m
	}
	var diff Difference
	were, are := edges(0, old), edges(1, new)
	only := func(kind ChangeKind, which int, these, those map[edge]Edge) {
		for k, e := range these {
			if _, ok := those[k]; ok {
				continue
			}
			from, to := ends[which][e.From].c, ends[which][e.To].c
			c := Change{Kind: kind, Name: from.fullName(), Version: from.Version, What: to.label(), Edge: e}
			c.OldRef, c.NewRef = pairs[k.from][0].Ref, pairs[k.from][1].Ref
			diff = append(diff, c)
		}
	}
	only(EdgeRemoved, 0, were, are)
	only(EdgeAdded, 1, are, were)
	return diff
}

// A fact is something that is said of a component or a document.
type fact struct {
	kind       ChangeKind // if what is said is not the same
	what       string
	ofVersion  bool // it is of one version of the component
	ofIdentity bool // it says which component it is
}

// said is a fact, and what is said.
type said struct {
	fact
	value string
}

// compare calls different for each fact of which not the same is said, with what
// only one of them says, and whether both say something.
func compare(old, new []said, different func(f fact, was, is string, both bool)) {
	byFact := func(a, b said) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.what, b.what)) }
	order := func(a, b said) int { return cmp.Or(byFact(a, b), cmp.Compare(a.value, b.value)) }
	slices.SortFunc(old, order)
	slices.SortFunc(new, order)
	for len(old)+len(new) > 0 {
		f := slices.MinFunc(slices.Concat(old[:min(1, len(old))], new[:min(1, len(new))]), byFact)
		values := func(list []said) (of, rest []said) {
			n := 0
			for n < len(list) && byFact(list[n], f) == 0 {
				n++
			}
			return list[:n], list[n:]
		}
		var were, are []said
		were, old = values(old)
		are, new = values(new)
		both := len(were) > 0 && len(are) > 0
		var was, is []string
		sep := ", "
		for _, s := range slices.Concat(were, are) {
			if strings.Contains(s.value, sep) {
				sep = "; " // sentences
				break
			}
		}
		for len(were)+len(are) > 0 {
			switch {
			case len(were) > 0 && len(are) > 0 && were[0].value == are[0].value:
				were, are = were[1:], are[1:]
			case len(are) == 0 || len(were) > 0 && were[0].value < are[0].value:
				was, were = append(was, were[0].value), were[1:]
			default:
				is, are = append(is, are[0].value), are[1:]
			}
		}
		if len(was)+len(is) > 0 {
			different(f.fact, strings.Join(was, sep), strings.Join(is, sep), both)
		}
	}
}

// facts returns what is said of c, but for its version and what no Difference has.
func (c *Component) facts() []said {
	list := make([]said, 0, 8)
	add := func(kind ChangeKind, what, value string) {
		if value != "" {
			list = append(list, said{fact{kind: kind, what: what}, value})
		}
	}
	ofVersion := func(kind ChangeKind, what, value string) {
		list = append(list, said{fact{kind: kind, what: what, ofVersion: true}, value})
	}
	ofIdentity := func(kind ChangeKind, what, value string) {
		if value != "" {
			list = append(list, said{fact{kind: kind, what: what, ofIdentity: true}, value})
		}
	}
	digests := func(of string, ds []hallmark.Digest) {
		for _, d := range ds {
			ofVersion(Tampered, of+d.Algorithm(), d.Hex())
		}
	}

	ofIdentity(DetailChanged, "name", c.fullName())
	ofIdentity(DetailChanged, "type", string(c.Type))
	if p, err := purl.Parse(c.PURL); err == nil {
		p.Version = ""
		ofIdentity(DetailChanged, "package URL", p.String())
	}
	ofIdentity(Replaced, "replaces", c.Replaces)
	digests("", c.Digests)
	if f := c.Distribution; f != nil {
		ofVersion(DetailChanged, "distribution", f.Path)
		if f.URL != "" {
			ofVersion(DetailChanged, "distribution", f.URL)
		}
		// The same files can be in another archive.
		for _, d := range f.Digests {
			if f.URL == "" {
				ofVersion(DetailChanged, "distribution", d.String())
			} else {
				ofVersion(Tampered, f.URL+" "+d.Algorithm(), d.Hex())
			}
		}
	}
	for _, f := range c.Embedded {
		ofVersion(DetailChanged, "embedded file", f.Path)
		digests("embedded file "+f.Path+" ", []hallmark.Digest{f.Digest})
	}
	if l := c.Licenses; l != nil {
		add(LicenseChanged, "declared", l.Declared)
		add(LicenseChanged, "concluded", l.Concluded)
		add(LicenseChanged, "unknown", l.Unknown)
		for _, t := range l.Texts {
			add(LicenseChanged, "text of "+t.ID, t.Text)
		}
		for _, f := range l.Files {
			add(LicenseChanged, "file "+f.Path, fmt.Sprintf("%s %d%% %s", f.Kind, f.Coverage, strings.Join(f.IDs, " ")))
			digests("license file "+f.Path+" ", []hallmark.Digest{f.Digest})
		}
	}
	add(VerificationChanged, "", cmp.Or(string(c.Verification), "unverified"))
	add(ScopeChanged, "", string(c.Scope))
	for _, t := range c.Targets {
		add(TargetsChanged, "", t)
	}
	add(CompletenessChanged, "requirements", cmp.Or(string(c.Requirements), "unknown"))

	add(DetailChanged, "description", c.Description)
	add(DetailChanged, "copyright", c.Copyright)
	add(DetailChanged, "support", c.Support)
	if !c.SupportUntil.IsZero() {
		add(DetailChanged, "support until", c.SupportUntil.UTC().Format(time.RFC3339Nano))
	}
	if c.Supplier != nil {
		add(DetailChanged, "supplier", c.Supplier.String())
	}
	if c.Producer != nil {
		add(DetailChanged, "producer", c.Producer.String())
	}
	for _, g := range c.Gaps {
		add(DetailChanged, "gap: "+string(g.Element), string(g.Kind))
	}
	for _, p := range c.Packages {
		add(DetailChanged, "packages", p)
	}
	for _, p := range c.Properties {
		ofProperty(add, p)
	}
	for _, s := range c.CPEs {
		ofVersion(DetailChanged, "CPE", s)
	}
	for _, r := range c.References {
		value := r.URL
		if r.Comment != "" {
			value += " (" + r.Comment + ")"
		}
		ofVersion(DetailChanged, "reference "+r.Type, value)
		for _, d := range r.Digests {
			// What is on a website may change; what is distributed may not.
			kind := DetailChanged
			if strings.Contains(r.Type, "distribution") {
				kind = Tampered
			}
			ofVersion(kind, r.URL+" "+d.Algorithm(), d.Hex())
		}
	}
	return list
}

func (d *Document) facts() []said {
	var list []said
	add := func(kind ChangeKind, what, value string) {
		list = append(list, said{fact{kind: kind, what: what}, value})
	}
	if d.Phase != "" {
		add(DetailChanged, "phase", string(d.Phase))
	}
	for _, p := range d.Properties {
		ofProperty(add, p)
	}
	for _, s := range d.Unknown {
		add(CompletenessChanged, "unknown", s)
	}
	for _, a := range d.Authors {
		add(DetailChanged, "author", a.String())
	}
	for _, t := range d.Targets {
		add(TargetsChanged, "", t.Name)
		for _, p := range t.Properties {
			ofProperty(func(kind ChangeKind, what, value string) { add(kind, t.Name+" "+what, value) }, p)
		}
		for _, s := range t.Unknown {
			add(CompletenessChanged, t.Name+" unknown", s)
		}
	}
	return list
}

// ofProperty adds a property, which may have an empty value.
func ofProperty(add func(kind ChangeKind, what, value string), p Property) {
	value := p.Value
	if value == "" {
		value = `""`
	}
	add(DetailChanged, "property "+p.Name, value)
}

// String returns the name, the email address and the URL of p, as far as there are
// any, and what p is.
func (p Party) String() string {
	s := strings.TrimSpace(p.Name)
	if p.Email != "" {
		s += " <" + p.Email + ">"
	}
	if p.URL != "" {
		s += " " + p.URL
	}
	if p.Person {
		return "person " + strings.TrimSpace(s)
	}
	return strings.TrimSpace(s)
}

// fullName returns the name of c with its group before it.
func (c *Component) fullName() string {
	if c.Group == "" {
		return c.Name
	}
	return c.Group + "/" + c.Name
}

// foldedName is the name of c by which it is compared if there is no PURL.
func (c *Component) foldedName() string { return strings.ToLower(c.fullName()) }

// label returns the name and the version of c.
func (c *Component) label() string { return strings.TrimSpace(c.fullName() + " " + c.Version) }

// thing returns the PURL of c without a version and qualifiers, or its name if it
// has none.
func (c *Component) thing() string {
	p, err := parsePackage(c.PURL)
	if err != nil {
		return c.foldedName()
	}
	p.Version, p.Qualifiers = "", nil
	return p.String()
}

// sameVersion reports whether both have one version, which Go's can be spelled
// differently.
func sameVersion(was, is *Component) bool {
	p, err := purl.Parse(was.PURL)
	if err != nil {
		p, _ = purl.Parse(is.PURL)
	}
	return spelling(p.Type, was.Version) == spelling(p.Type, is.Version)
}

// fixes reports whether a version promises that the content is always the same.
func fixes(version string) bool {
	return version != "" && version != "(devel)" && !strings.HasSuffix(version, "+dirty")
}

// Of returns the Changes of d that are of one of the kinds, for a gate that lets
// the others pass.
func (d Difference) Of(kinds ...ChangeKind) Difference {
	var of Difference
	for _, c := range d {
		if slices.Contains(kinds, c.Kind) {
			of = append(of, c)
		}
	}
	return of
}

// String returns a line for each Change, and "" if there is none.
func (d Difference) String() string {
	var b strings.Builder
	for _, c := range d {
		b.WriteString(c.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String returns a line that says what changed, without a line break. Values that
// are long are cut short, and those that cannot be printed are quoted.
func (c Change) String() string {
	about := "document"
	if c.OldRef+c.NewRef != "" {
		about = printable(c.Name)
		if c.Version != "" && c.Kind != VersionChanged {
			about += " " + printable(c.Version)
		}
	}
	was, is := cmp.Or(printable(c.Old), "none"), cmp.Or(printable(c.New), "none")
	switch c.Kind {
	case Tampered:
		return fmt.Sprintf("TAMPERED %s: %s %s → %s", about, printable(c.What), was, is)
	case MainChanged:
		return fmt.Sprintf("main component %s → %s", was, is)
	case Added, Removed:
		return fmt.Sprintf("%s %s", c.Kind, about)
	case VersionChanged:
		return fmt.Sprintf("%s %s → %s", about, was, is)
	case Replaced:
		if c.What == "component" {
			return fmt.Sprintf("replaced %s → %s", was, is)
		}
	case EdgeAdded, EdgeRemoved:
		s := fmt.Sprintf("%s %s → %s", c.Kind, about, printable(c.What))
		if c.Edge.Kind != Linked {
			s += " (" + string(c.Edge.Kind) + ")"
		}
		if c.Edge.Target != "" {
			s += " for " + printable(c.Edge.Target)
		}
		return s
	case ContentChanged, VerificationChanged, LicenseChanged, ScopeChanged, TargetsChanged:
		return fmt.Sprintf("%s: %s %s → %s", about, strings.TrimSpace(string(c.Kind)+" "+printable(c.What)), was, is)
	}
	return fmt.Sprintf("%s: %s %s → %s", about, printable(c.What), was, is)
}

// maxPrinted is how many bytes of a value a line has.
const maxPrinted = 200

// printable returns s for a line of text.
func printable(s string) string {
	if len(s) > maxPrinted {
		s = strings.ToValidUTF8(s[:maxPrinted], "") + "…"
	}
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}
