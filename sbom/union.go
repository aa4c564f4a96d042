package sbom

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Union returns one Document for all of docs, which are about the same artifact
// as it is built for several targets, by the names of these. It says which
// target needs what:
//
//   - a component that has the same scope in all of docs has no Targets; another
//     one has the scope that comes first in the order Runtime, Optional, System, Build,
//     TestOnly, ToolOnly, GraphOnly, Unscoped, and as Targets those for which it has it;
//   - an edge that is in all of docs has no Target;
//   - the properties and the unknown of the Document are those that all of docs
//     have, and each Target has the others.
//
// A component has the packages and embedded files that it has in any of docs in
// which it has that scope, the properties that it has in any of docs, and what is
// proved of it and known of its requirements in all of them.
//
// It is an error if there are less than two of docs, if one fails
// [Document.Check] or is a union itself, if they are not about the same main
// component or from the same phase, or if components with the same Ref differ in
// what does not depend on a target: type, name, version, PURL, digests, what they
// replace, licences, the digest of an embedded file, and what is told of them. So is
// a document that has what no field has (a Remainder or an Original): [Merge] keeps
// it. The main component is an application if it is one for any target.
func Union(docs map[string]*Document) (*Document, error) {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("sbom: union: "+format, a...)) }
	if len(docs) < 2 {
		fail("%d documents, want at least two", len(docs))
		return nil, errors.Join(errs...)
	}
	names := slices.Sorted(maps.Keys(docs))
	first := docs[names[0]]
	for _, name := range names {
		d := docs[name]
		if err := d.Check(); err != nil {
			fail("target %s: %w", name, err)
		}
		if len(d.Targets) > 0 {
			fail("target %s: its document is a union itself", name)
		}
		if len(d.Remainder) > 0 || d.Original != nil {
			fail("target %s: its document has what no field has: Merge keeps it", name)
		}
		for _, c := range d.All() {
			if len(c.Remainder) > 0 {
				fail("target %s: %s has what no field has: Merge keeps it", name, c.Ref)
			}
		}
		if !slices.Equal(d.Authors, first.Authors) {
			fail("authors %v for %s, %v for %s", first.Authors, names[0], d.Authors, name)
		}
		if d.Phase != first.Phase {
			fail("phase %q for %s, %q for %s", first.Phase, names[0], d.Phase, name)
		}
		if d.Main.Ref != first.Main.Ref {
			fail("main component %s for %s, %s for %s", first.Main.Ref, names[0], d.Main.Ref, name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	scopes := make(map[string]Scope) // of a Ref
	for _, d := range docs {
		for _, c := range d.All() {
			if s, ok := scopes[c.Ref]; !ok || c.Scope.rank() < s.rank() {
				scopes[c.Ref] = c.Scope
			}
		}
	}
	u := &Document{Phase: first.Phase, Authors: slices.Clone(first.Authors)}
	components := make(map[string]*Component)
	in := make(map[string]map[string]Scope) // of a Ref, by target
	edges := make(map[Edge][]string)
	properties := make(map[Property][]string)
	unknown := make(map[string][]string)
	for _, name := range names {
		d := docs[name]
		for _, c := range d.All() {
			c = new(*c)
			c.Place = "" // it is in several documents
			if c.Scope != scopes[c.Ref] {
				c.Packages, c.Embedded = nil, nil // for another purpose
			}
			if have := components[c.Ref]; have == nil {
				c.Packages, c.Embedded, c.Properties = slices.Clone(c.Packages), slices.Clone(c.Embedded), slices.Clone(c.Properties)
				components[c.Ref] = c
				in[c.Ref] = make(map[string]Scope)
			} else if err := have.join(c); err != nil {
				fail("%s: %w for %s", c.Ref, err, name)
			}
			in[c.Ref][name] = c.Scope
		}
		for _, e := range distinct(d.Edges) {
			edges[e] = append(edges[e], name)
		}
		for _, p := range distinct(d.Properties) {
			properties[p] = append(properties[p], name)
		}
		for _, s := range distinct(d.Unknown) {
			unknown[s] = append(unknown[s], name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	for ref, c := range components {
		c.Scope = scopes[ref]
		c.Targets = nil
		for _, name := range names {
			if in[ref][name] == c.Scope {
				c.Targets = append(c.Targets, name)
			}
		}
		if len(c.Targets) == len(names) {
			c.Targets = nil
		}
		if ref == first.Main.Ref {
			u.Main = *c
		} else {
			u.Components = append(u.Components, *c)
		}
	}
	for e, of := range edges {
		if len(of) == len(names) {
			u.Edges = append(u.Edges, e)
			continue
		}
		for _, e.Target = range of {
			u.Edges = append(u.Edges, e)
		}
	}
	// In the order that the documents have them.
	for i, name := range names {
		t := Target{Name: name}
		for _, p := range distinct(docs[name].Properties) {
			if len(properties[p]) < len(names) {
				t.Properties = append(t.Properties, p)
			} else if i == 0 {
				u.Properties = append(u.Properties, p)
			}
		}
		for _, s := range distinct(docs[name].Unknown) {
			if len(unknown[s]) < len(names) {
				t.Unknown = append(t.Unknown, s)
			} else if i == 0 {
				u.Unknown = append(u.Unknown, s)
			}
		}
		u.Targets = append(u.Targets, t)
	}
	return u, u.Sort()
}

// join adds what other has to c, which is the same component for another target.
func (c *Component) join(other *Component) error {
	var errs []error
	same := func(what string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			errs = append(errs, fmt.Errorf("%s %v, and %v", what, a, b))
		}
	}
	if other.Type == Application && c.Type == Library {
		c.Type = Application // a module whose commands are not for every target
	}
	same("name", c.Name, other.Name)
	same("version", c.Version, other.Version)
	same("PURL", c.PURL, other.PURL)
	same("digests", c.Digests, other.Digests)
	same("what it replaces", c.Replaces, other.Replaces)
	if !reflect.DeepEqual(c.Licenses, other.Licenses) {
		errs = append(errs, errors.New("other licences"))
	}
	told := func(c *Component) Component {
		return Component{
			Group: c.Group, Description: c.Description, Supplier: c.Supplier, Producer: c.Producer, Copyright: c.Copyright,
			CPEs: c.CPEs, References: c.References, Support: c.Support, SupportUntil: c.SupportUntil, Gaps: c.Gaps,
		}
	}
	if !reflect.DeepEqual(told(c), told(other)) {
		errs = append(errs, errors.New("something else is told (group, description, supplier, producer, copyright, CPEs, references, support or gaps)"))
	}
	if other.Requirements != Complete {
		c.Requirements = other.Requirements
	}
	if c.Verification.AtLeast(other.Verification) {
		c.Verification = other.Verification
	}
	if !reflect.DeepEqual(c.Distribution, other.Distribution) || !c.Verification.AtLeast(Recomputed) {
		c.Distribution = nil
	}
	for _, p := range other.Packages {
		if !slices.Contains(c.Packages, p) {
			c.Packages = append(c.Packages, p)
		}
	}
	for _, f := range other.Embedded {
		i := slices.IndexFunc(c.Embedded, func(have File) bool { return have.Path == f.Path })
		if i < 0 {
			c.Embedded = append(c.Embedded, f)
		} else {
			same("embedded file "+f.Path, c.Embedded[i].Digest, f.Digest)
		}
	}
	for _, p := range other.Properties {
		if !slices.Contains(c.Properties, p) {
			c.Properties = append(c.Properties, p)
		}
	}
	return errors.Join(errs...)
}

// rank returns the place of s among the scopes, from the closest to the artifact on.
func (s Scope) rank() int {
	return slices.Index([]Scope{Runtime, Optional, System, Build, TestOnly, ToolOnly, GraphOnly, Unscoped}, s)
}

// distinct returns list without what is in it already.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	var once []T
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			once = append(once, v)
		}
	}
	return once
}
