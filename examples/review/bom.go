package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A bom is an SBOM as a page shows it.
type bom struct {
	Format, Evidence, Tool text
	Created                time.Time
	Unknown                []text
	Licences               []share
	Scopes                 []string
	Components             []component // the artifact first, the others by name
	Left                   int         // how many more there are
}

// maxComponents is how many components a page lists. Browsers are slow with more.
const maxComponents = 20_000

// A share is how many components have the same licences.
type share struct {
	Name  text
	Count int
	Share int // of 200
}

// A component is one of a bom. Others are named by their index.
type component struct {
	Name     text      `json:"name"`
	Version  text      `json:"version"`
	Licence  text      `json:"licence"`
	Scope    string    `json:"scope"`
	Facts    [][2]text `json:"facts"`
	Requires []int     `json:"requires"`
	Complete bool      `json:"complete"` // whether those are all
	Before   int       `json:"before"`   // the one before it on a shortest way from the artifact, or -1

	distance int // steps from the artifact, or -1
}

// Distance says how far from the artifact c is.
func (c *component) Distance() string {
	switch c.distance {
	case -1:
		return "not known"
	case 0:
		return "itself"
	case 1:
		return "direct"
	}
	return fmt.Sprintf("%d steps", c.distance)
}

// Says is what there is, in a sentence.
func (b *bom) Says() string {
	direct, unknown := 0, 0
	for _, c := range b.Components {
		switch c.distance {
		case 1:
			direct++
		case -1:
			unknown++
		}
	}
	s := fmt.Sprintf("%s beside the artifact itself, %d of them required by it directly.", plural(len(b.Components)-1+b.Left, "component"), direct)
	if unknown > 0 {
		s += fmt.Sprintf(" How the artifact comes to need %d of them, the document does not say.", unknown)
	}
	if b.Left > 0 {
		s += fmt.Sprintf(" This page lists %d: %d more, those after them by name, are in the document only.", len(b.Components), b.Left)
	}
	return s
}

// Graph is what the search and the graph work on.
func (b *bom) Graph() any { return map[string]any{"components": b.Components} }

// newBOM returns d as a page shows it.
func newBOM(d *sbom.Document, stamp sbom.Stamp, format, evidence string) *bom {
	b := &bom{Format: text(format), Evidence: text(evidence), Created: stamp.Created, Unknown: texts(d.Unknown)}
	b.Tool = text(strings.TrimSpace(stamp.Tool.Name + " " + stamp.Tool.Version))

	all := d.All()
	slices.SortStableFunc(all[1:], func(x, y *sbom.Component) int {
		return cmp.Or(cmp.Compare(fullName(x), fullName(y)), cmp.Compare(x.Version, y.Version))
	})
	if n := len(all) - maxComponents; n > 0 {
		all, b.Left = all[:maxComponents], n
	}
	index := make(map[string]int)
	for i, c := range all {
		index[c.Ref] = i
	}
	requires := d.Requires()
	scopes, licences := make(map[string]bool), make(map[text]int)
	for _, c := range all {
		one := component{
			Name: text(fullName(c)), Version: text(c.Version), Licence: licence(c), Scope: string(c.Scope), Facts: facts(c),
			Requires: []int{}, Complete: c.Requirements == sbom.Complete, Before: -1, distance: -1,
		}
		for _, ref := range requires[c.Ref] {
			if i, ok := index[ref]; ok {
				one.Requires = append(one.Requires, i)
			} else {
				one.Complete = false
			}
		}
		slices.Sort(one.Requires)
		b.Components = append(b.Components, one)
		scopes[one.Scope] = true
		licences[one.Licence]++
	}

	// The shortest ways, one step of all of them after the other.
	b.Components[0].distance = 0
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		from := &b.Components[queue[0]]
		for _, i := range from.Requires {
			if c := &b.Components[i]; c.distance < 0 {
				c.distance, c.Before = from.distance+1, queue[0]
				queue = append(queue, i)
			}
		}
	}

	for name, n := range licences {
		b.Licences = append(b.Licences, share{name, n, max(1, 200*n/len(all))})
	}
	slices.SortFunc(b.Licences, func(x, y share) int { return cmp.Or(-cmp.Compare(x.Count, y.Count), cmp.Compare(x.Name, y.Name)) })
	for s := range scopes {
		b.Scopes = append(b.Scopes, s)
	}
	slices.Sort(b.Scopes)
	return b
}

func fullName(c *sbom.Component) string {
	if c.Group != "" {
		return c.Group + "/" + c.Name
	}
	return c.Name
}

// licence is what is known of the licences of a component, in one line.
func licence(c *sbom.Component) text {
	switch l := c.Licenses; {
	case l == nil:
		return "not told"
	case l.Concluded != "":
		return text(l.Concluded)
	case l.Declared != "":
		return text(l.Declared)
	}
	return "not known"
}

// facts are what else is known of a component, each with its name.
func facts(c *sbom.Component) [][2]text {
	all := [][2]text{}
	add := func(name, value string) {
		if value != "" {
			all = append(all, [2]text{text(name), text(value)})
		}
	}
	add("Package URL", c.PURL)
	add("Type", string(c.Type))
	add("Scope", string(c.Scope))
	if l := c.Licenses; l != nil {
		add("Declared", l.Declared)
		add("Concluded", l.Concluded)
		add("Licences", l.Unknown)
	} else {
		add("Licences", "not told")
	}
	for _, p := range []struct {
		name  string
		party *sbom.Party
	}{{"Supplier", c.Supplier}, {"Producer", c.Producer}} {
		if p.party != nil {
			add(p.name, cmp.Or(p.party.Name, p.party.Email, p.party.URL))
		}
	}
	add("Replaces", c.Replaces)
	add("Only for", strings.Join(c.Targets, ", "))
	add("Support", c.Support)
	for _, d := range c.Digests {
		add("Digest", d.String())
	}
	add("Verified", string(c.Verification))
	add("Description", c.Description)
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
