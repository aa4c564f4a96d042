package sbom

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/versions"
)

// A Query asks whether a package is in a Document.
type Query struct {
	// PURL is the package URL of the package. Without a version, any version is
	// asked for; with one, all that are equal to it in the order that Versions
	// speaks of. The qualifiers that it has must be those of a component, and
	// others do not matter. A subpath asks for a part of the package: for Go, for
	// a package in a module.
	PURL string

	// Versions is a range of versions, of which a component must have one, or
	// empty. With it, the PURL has no version. It is written as conditions that
	// are all to be met,
	//
	//	>= v1.0.0, < v1.5.2
	//
	// each with one of the operators =, !=, <, <=, > and >=, or as a version
	// range specifier with the type of the PURL,
	//
	//	vers:golang/>=1.0.0|<1.5.2|>=2.0.0|<2.1.0
	//
	// https://github.com/package-url/vers-spec
	//
	// Versions have an order here for the types golang, npm and cargo, by
	// section 11 of Semantic Versioning 2.0.0. Of a type with another order, only
	// "=" and "!=" can be asked, and equal are versions that are the same text.
	// For golang the "v" may be left out, and of the standard library, "1.26rc1"
	// is the same as "1.26.0-rc.1", and std is another name of stdlib.
	Versions string
}

// A Match is a component that a [Query] asks for.
type Match struct {
	Component *Component // the Document's own

	// Chain is how the component comes in, as [Document.Why] has it; nil if it is
	// not known, or if the artifact does not need the component.
	Chain []string

	// Doubt says why it is not certain that the component is what is asked for,
	// and is empty if it is.
	Doubt string
}

// Find returns the components of d that q asks for, the main component first and
// then by Ref. Who asks for something harmful wants to know of all that could be
// it, so there are Matches in doubt, if
//
//   - the component has no version, or one that has no place in the order;
//   - it is used instead of what is asked for ([Component.Replaces]), and
//     what it has of that is not known;
//   - its path is another one only by the case of letters, which some documents do
//     not keep, and some ecosystems do not see;
//   - it has parts, one of them is asked for, and its parts are not known;
//   - it has no PURL, and its name is that of the PURL.
//
// Find fails if q is malformed, if Versions asks for an order that there is not, or
// if both PURL and Versions have a version. The components' Refs must be as
// [Document.Check] wants them.
func (d *Document) Find(q Query) ([]Match, error) {
	want, in, err := q.parse()
	if err != nil {
		return nil, fmt.Errorf("sbom: find: %w", err)
	}
	var matches []Match
	for _, c := range d.All() {
		if doubt, ok := c.matches(want, in); ok {
			matches = append(matches, Match{Component: c, Doubt: doubt})
		}
	}
	if len(matches) == 0 {
		return nil, nil
	}
	from := d.ways()
	for i := range matches {
		matches[i].Chain = chain(from, matches[i].Component.Ref)
	}
	return matches, nil
}

// Match returns what [Document.Find] says of c without its Document, and so without a
// Chain. ok is false if c is not what q asks for. It fails where Find does.
func (q Query) Match(c *Component) (m Match, ok bool, err error) {
	want, in, err := q.parse()
	if err != nil {
		return Match{}, false, fmt.Errorf("sbom: match: %w", err)
	}
	doubt, ok := c.matches(want, in)
	if !ok {
		return Match{}, false, nil
	}
	return Match{Component: c, Doubt: doubt}, true, nil
}

// parse returns the package that q asks for, and which of its versions; nil for any.
func (q Query) parse() (want purl.PURL, in func(version string) (bool, error), err error) {
	if want, err = parsePackage(q.PURL); err != nil {
		return want, nil, err
	}
	switch {
	case q.Versions != "" && want.Version != "":
		return want, nil, fmt.Errorf("%s has a version, and there is a range of versions", q.PURL)
	case q.Versions != "":
		r, err := versions.ParseRange(want.Type, q.Versions)
		return want, r.Contains, err
	case want.Version != "":
		in = versions.Exactly(want.Type, want.Version).Contains
	}
	return want, in, nil
}

// matches reports whether c is or may be want, in a version for which in reports
// true, and what the doubt is.
func (c *Component) matches(want purl.PURL, in func(version string) (bool, error)) (doubt string, ok bool) {
	var doubts []string
	have, err := parsePackage(c.PURL)
	switch {
	case err != nil && c.fullName() == want.Path():
		doubts = append(doubts, "it has no package URL")
	case err == nil && have.Type == want.Type && have.Path() == want.Path():
	case err == nil && have.Type == want.Type && strings.EqualFold(have.Path(), want.Path()):
		doubts = append(doubts, "its path differs in the case of letters")
	default:
		instead, err := purl.Parse(c.Replaces)
		if err != nil || instead.Type != want.Type || !strings.EqualFold(instead.Path(), want.Path()) {
			return "", false
		}
		// Of which version it is made is not known.
		return "it is used instead of " + c.Replaces, true
	}

	for _, q := range want.Qualifiers {
		if err == nil && !slices.Contains(have.Qualifiers, q) {
			return "", false
		}
	}
	if want.Subpath != "" && have.Subpath != want.Subpath {
		switch {
		case have.Subpath != "":
			return "", false
		case len(c.Packages) == 0:
			doubts = append(doubts, "its parts are not known")
		case !slices.Contains(c.Packages, want.Subpath):
			return "", false
		}
	}
	if in != nil {
		version := cmp.Or(have.Version, c.Version)
		inside, err := in(version)
		switch {
		case version == "":
			doubts = append(doubts, "it has no version")
		case err != nil:
			doubts = append(doubts, err.Error())
		case !inside:
			return "", false
		}
	}
	return strings.Join(doubts, "; "), true
}
