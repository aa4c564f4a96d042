package sbom

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rules are what a publisher knows of components and their sources do not tell:
// who produces them, how long they are supported, under which licence they are
// taken to be. They are written once and applied to every Document that is made;
// [ParseRules] reads them from a file.
//
// # Which components
//
// A rule is about the components that its Prefix names: the one with that Ref,
// or all whose package URL begins with it, by whole elements. So
// "pkg:golang/example.com/a" is about that module, at any version, and about
// "pkg:golang/example.com/a/b@v1.0.0", and not about "pkg:golang/example.com/ab";
// "pkg:golang/example.com/a@v1.2.3" is about one version and "pkg:golang" about
// all Go modules. The main component is one like the others. Package URLs are
// compared as they are written, which should be the canonical form.
//
// Of the rules about one thing the one with the longest Prefix is applied, and a
// Ref before any beginning. What is unknown or withheld is a thing that is said
// of the same: a supplier that is not known for "pkg:golang" is the rule, and
// one that is for "pkg:golang/example.com" its exception, or the other way
// around. Of references and properties all are applied.
//
// # What they do
//
// A rule adds and never changes: where a Document says something else already,
// that stays, and the [Outcome] names the component. A [Gap] is no such saying,
// and is gone when its element is known.
//
// Each rule leaves a Property where it was applied, so that a reader can tell the
// publisher's word from the source's:
//
//	rules                 the Name of the Rules; a Property of the Document
//	rule:author           the author, of the Document too
//	rule:producer, rule:supplier, rule:license, rule:support, rule:gap:ELEMENT
//	                      the Prefix of the rule
//	rule:license:reason   why the licence was concluded
//	rule:license:expires  when that ends, "2027-01-31"
//	rule:reference        the URL of the reference
//	rule:component        of a component that was added: the Name of the Rules
//
// The zero Rules change nothing.
type Rules struct {
	// Name tells one set of rules from another, "acme 2026-11"; may be empty.
	Name string

	// Authors are who answers for what the Document says.
	Authors []Party

	Producers []PartyRule // who made components
	Suppliers []PartyRule // who the user has them from

	Licenses   []LicenseRule   // under which licence they are taken to be
	Support    []SupportRule   // how far and until when they are supported
	Gaps       []GapRule       // what is not known of them, or not told
	References []ReferenceRule // where something is about them
	Properties []PropertyRule  // further facts

	// Components are in the artifact, or needed with it, and not known to the
	// source of the Document; a library in C for instance. The other rules are
	// about them too.
	Components []Component

	// Edges are further ones, between any components.
	Edges []Edge
}

// A PartyRule says who made or supplies components.
type PartyRule struct {
	Prefix string // of which components; see [Rules]
	Party  Party  // it must say something
}

// A LicenseRule concludes a licence of components.
type LicenseRule struct {
	Prefix string // of which components; see [Rules]

	// Expression is the conclusion, as [Licenses] has it.
	Expression string

	// Texts are those of the LicenseRefs in Expression.
	Texts []LicenseText

	// Reason says why, in a sentence. It must not be empty.
	Reason string

	// Expires is when the conclusion is to be made anew. From then on the rule
	// is not applied. Zero means never.
	Expires time.Time
}

// A SupportRule says how far components are supported.
type SupportRule struct {
	Prefix  string    // of which components; see [Rules]
	Support string    // as [Component.Support]; may be empty if there is an Until
	Until   time.Time // zero if nobody says
}

// A GapRule says of something that it is not known of components, or not told.
type GapRule struct {
	Prefix string // of which components; see [Rules]
	Gap    Gap    // not applied to those that have the element
}

// A ReferenceRule says where something is about components.
type ReferenceRule struct {
	Prefix    string    // of which components; see [Rules]
	Reference Reference // its Type and URL must not be empty
}

// A PropertyRule is a named fact of components.
type PropertyRule struct {
	Prefix   string   // of which components; see [Rules]
	Property Property // its Name must not begin with "rule:"
}

// An Outcome is what became of a rule.
type Outcome struct {
	// Rule is what the rule is about and its Prefix, "supplier pkg:golang/example.com".
	Rule string

	// Applied is how many components have what the rule says.
	Applied int

	// Overruled is how many more it is about, which a rule with a longer Prefix
	// was applied to.
	Overruled int

	// Differing are the Refs of those more that it is about, and of which the
	// Document says something else.
	Differing []string

	// Expired reports that the rule was not applied because of its Expires.
	Expired bool
}

// Unused reports whether the rule is about no component of the Document.
func (o Outcome) Unused() bool {
	return !o.Expired && o.Applied == 0 && o.Overruled == 0 && len(o.Differing) == 0
}

// Apply returns d with what r says at a time, and the outcome of each rule about
// components: of producers, suppliers, licences, support, gaps, references and
// properties, in this order and as they are in r. If d is sorted, the result is.
// d itself stays as it is and shares memory with the result, which is without
// d's Original: a signature is not of what somebody added.
//
// Apply fails, with every reason joined, if a rule is malformed, two rules of the
// same Prefix are about the same thing, a component is in d already, or the
// result does not pass [Document.Check].
func (r *Rules) Apply(d *Document, at time.Time) (*Document, []Outcome, error) {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("sbom: rules: "+format, a...)) }

	// A rule as the code below sees it. The rules about one thing are in one
	// table, where a component finds its own by looking for each beginning of
	// its package URL: so the time does not depend on how many rules there are.
	type rule struct {
		name, prefix string
		// apply reports whether c has what the rule says, when it is done.
		apply   func(c *Component) bool
		expired bool
		outcome *Outcome
	}
	tables := make(map[string]map[string]*rule) // by thing and Prefix
	var things []string
	additions := make(map[string][]*rule) // references and properties, by Prefix
	var all []*rule
	add := func(thing string, n rule) {
		if n.prefix == "" || strings.HasPrefix(n.prefix, "pkg:") && strings.HasSuffix(n.prefix, "/") {
			fail("%s: prefix %q: want a Ref or the beginning of a package URL, without a slash at its end", n.name, n.prefix)
		}
		n.outcome = &Outcome{Rule: n.name + " " + n.prefix, Expired: n.expired}
		all = append(all, &n)
		switch {
		case n.expired:
		case thing == "":
			additions[n.prefix] = append(additions[n.prefix], &n)
		default:
			if tables[thing] == nil {
				tables[thing] = make(map[string]*rule)
				things = append(things, thing)
			}
			if other := tables[thing][n.prefix]; other != nil {
				fail("%s and %s %s are about the same", other.outcome.Rule, n.name, n.prefix)
			}
			tables[thing][n.prefix] = &n
		}
	}

	party := func(e Element, name string, rules []PartyRule, field func(*Component) **Party) {
		for _, p := range rules {
			if p.Party == (Party{Person: p.Party.Person}) {
				fail("%s %s: a party without a name, an email address or a URL", name, p.Prefix)
			}
			add(string(e), rule{name: name, prefix: p.Prefix, apply: func(c *Component) bool {
				if at := field(c); *at == nil {
					*at = new(p.Party)
					c.fill(e)
					c.note("rule:"+name, p.Prefix)
				}
				return **field(c) == p.Party
			}})
		}
	}
	party(ElementProducer, "producer", r.Producers, func(c *Component) **Party { return &c.Producer })
	party(ElementSupplier, "supplier", r.Suppliers, func(c *Component) **Party { return &c.Supplier })

	for _, l := range r.Licenses {
		if strings.TrimSpace(l.Reason) == "" {
			fail("license %s: no reason", l.Prefix)
		}
		if _, err := LicenseIDs(l.Expression); err != nil {
			fail("license %s: %w", l.Prefix, err)
		}
		if !l.Expires.IsZero() && at.IsZero() {
			fail("license %s: it expires, and no time is given", l.Prefix)
		}
		expired := !l.Expires.IsZero() && !at.Before(l.Expires)
		add(string(ElementLicense), rule{name: "license", prefix: l.Prefix, expired: expired, apply: func(c *Component) bool {
			if c.Licenses != nil && c.Licenses.Concluded != "" {
				return c.Licenses.Concluded == l.Expression
			}
			licenses := new(Licenses)
			if c.Licenses != nil {
				*licenses = *c.Licenses
			}
			licenses.Concluded = l.Expression
			licenses.Texts = distinct(slices.Concat(licenses.Texts, l.Texts))
			slices.SortFunc(licenses.Texts, func(a, b LicenseText) int { return cmp.Compare(a.ID, b.ID) })
			c.Licenses = licenses
			c.fill(ElementLicense)
			c.note("rule:license", l.Prefix)
			c.note("rule:license:reason", l.Reason)
			if !l.Expires.IsZero() {
				c.note("rule:license:expires", l.Expires.UTC().Format(time.DateOnly))
			}
			return true
		}})
	}
	for _, s := range r.Support {
		if s.Support == "" && s.Until.IsZero() {
			fail("support %s: neither how far nor until when", s.Prefix)
		}
		add("support", rule{name: "support", prefix: s.Prefix, apply: func(c *Component) bool {
			if c.Support == "" && c.SupportUntil.IsZero() {
				c.Support, c.SupportUntil = s.Support, s.Until
				c.note("rule:support", s.Prefix)
			}
			return c.Support == s.Support && c.SupportUntil.Equal(s.Until)
		}})
	}
	for _, g := range r.Gaps {
		if !g.Gap.known() {
			fail("gap %s: %q %q is not known", g.Prefix, g.Gap.Element, g.Gap.Kind)
		}
		name := "gap:" + string(g.Gap.Element)
		add(string(g.Gap.Element), rule{name: name, prefix: g.Prefix, apply: func(c *Component) bool {
			if c.tells(g.Gap.Element) {
				return false
			}
			if i := slices.IndexFunc(c.Gaps, func(o Gap) bool { return o.Element == g.Gap.Element }); i >= 0 {
				return c.Gaps[i] == g.Gap
			}
			c.Gaps = append(slices.Clip(c.Gaps), g.Gap)
			(&Component{Gaps: c.Gaps}).sort()
			c.note("rule:"+name, g.Prefix)
			return true
		}})
	}
	for _, f := range r.References {
		if f.Reference.Type == "" || f.Reference.URL == "" {
			fail("reference %s: no type or no URL", f.Prefix)
		}
		add("", rule{name: "reference", prefix: f.Prefix, apply: func(c *Component) bool {
			same := func(o Reference) bool {
				return o.Type == f.Reference.Type && o.URL == f.Reference.URL && o.Comment == f.Reference.Comment && slices.Equal(o.Digests, f.Reference.Digests)
			}
			if !slices.ContainsFunc(c.References, same) {
				c.References = append(slices.Clip(c.References), f.Reference)
				(&Component{References: c.References}).sort()
				c.note("rule:reference", f.Reference.URL)
			}
			return true
		}})
	}
	for _, p := range r.Properties {
		if p.Property.Name == "" || strings.HasPrefix(p.Property.Name, "rule:") {
			fail("property %s: name %q is empty, or one that rules leave", p.Prefix, p.Property.Name)
		}
		add("", rule{name: "property " + p.Property.Name, prefix: p.Prefix, apply: func(c *Component) bool {
			c.note(p.Property.Name, p.Property.Value)
			return true
		}})
	}

	result := new(*d)
	result.Original = nil
	result.Authors = slices.Clone(d.Authors)
	result.Properties = slices.Clone(d.Properties)
	note := func(name, value string) {
		if p := (Property{name, value}); !slices.Contains(result.Properties, p) {
			result.Properties = append(result.Properties, p)
		}
	}
	for _, a := range r.Authors {
		if !slices.Contains(result.Authors, a) {
			result.Authors = append(result.Authors, a)
			for _, text := range []string{a.Name, a.Email, a.URL} {
				if text != "" {
					note("rule:author", text)
					break
				}
			}
		}
	}
	slices.SortFunc(result.Authors, func(a, b Party) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email), cmp.Compare(a.URL, b.URL))
	})
	if r.Name != "" {
		note("rules", r.Name)
	}
	known := map[string]bool{d.Main.Ref: true}
	for _, c := range d.Components {
		known[c.Ref] = true
	}
	result.Components = slices.Clone(d.Components)
	for _, c := range r.Components {
		if known[c.Ref] {
			fail("component %s: it is in the document already", c.Ref)
		}
		known[c.Ref] = true
		c.note("rule:component", r.Name)
		result.Components = append(result.Components, c)
	}
	result.Edges = slices.Concat(d.Edges, r.Edges)
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}

	var prefixes []string
	each := func(c *Component) {
		prefixes = c.appendPrefixes(prefixes[:0])
		for _, thing := range things {
			done := false
			for _, p := range prefixes {
				switch n := tables[thing][p]; {
				case n == nil:
				case done:
					n.outcome.Overruled++
				case n.apply(c):
					n.outcome.Applied++
					done = true
				default:
					n.outcome.Differing = append(n.outcome.Differing, c.Ref)
					done = true
				}
			}
		}
		for _, p := range prefixes {
			for _, n := range additions[p] {
				n.apply(c)
				n.outcome.Applied++
			}
		}
	}
	each(&result.Main)
	for i := range result.Components {
		each(&result.Components[i])
	}
	slices.SortFunc(result.Components, func(a, b Component) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.SortFunc(result.Edges, compareEdges)
	result.Edges = slices.Compact(result.Edges)
	sortProperties(result.Properties)
	if err := result.Check(); err != nil {
		return nil, nil, fmt.Errorf("with rules applied: %w", err)
	}

	outcomes := make([]Outcome, len(all))
	for i, n := range all {
		slices.Sort(n.outcome.Differing)
		outcomes[i] = *n.outcome
	}
	return result, outcomes, nil
}

// appendPrefixes appends what rules about c can have as their Prefix, from the
// most to the least exact: its Ref, its package URL and the beginnings of that.
func (c *Component) appendPrefixes(prefixes []string) []string {
	prefixes = append(prefixes, c.Ref)
	if c.PURL != c.Ref && c.PURL != "" {
		prefixes = append(prefixes, c.PURL)
	}
	for i := len(c.PURL) - 1; i > 0; i-- {
		if strings.IndexByte("/@?#", c.PURL[i]) >= 0 {
			prefixes = append(prefixes, c.PURL[:i])
		}
	}
	return prefixes
}

// note adds a Property to c, unless it has it.
func (c *Component) note(name, value string) {
	if p := (Property{name, value}); !slices.Contains(c.Properties, p) {
		c.Properties = append(slices.Clip(c.Properties), p)
		sortProperties(c.Properties)
	}
}

// fill takes away what c says of e being unknown or withheld.
func (c *Component) fill(e Element) {
	if i := slices.IndexFunc(c.Gaps, func(g Gap) bool { return g.Element == e }); i >= 0 {
		c.Gaps = slices.Concat(c.Gaps[:i], c.Gaps[i+1:])
	}
}

// tells reports whether c has anything of e.
func (c *Component) tells(e Element) bool {
	switch e {
	case ElementSupplier:
		return c.Supplier != nil
	case ElementProducer:
		return c.Producer != nil
	case ElementVersion:
		return c.Version != ""
	case ElementIdentifier:
		return c.PURL != "" || len(c.CPEs) > 0
	case ElementHash:
		return len(c.Digests) > 0 || c.Distribution != nil
	case ElementLicense:
		return c.Licenses != nil && (c.Licenses.Declared != "" || c.Licenses.Concluded != "")
	case ElementCopyright:
		return c.Copyright != ""
	case ElementRequires:
		return c.Requirements == Complete
	}
	return false
}
