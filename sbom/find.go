package sbom

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
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
//   - it is a Go module whose path is another one only by the case of letters,
//     which some documents do not keep;
//   - it has parts, one of them is asked for, and its parts are not known;
//   - it has no PURL, and its name is that of the PURL.
//
// Find fails if q is malformed, if Versions asks for an order that there is not, or
// if both PURL and Versions have a version. The components' Refs must be as
// [Document.Check] wants them.
func (d *Document) Find(q Query) ([]Match, error) {
	want, err := parsePackage(q.PURL)
	if err != nil {
		return nil, fmt.Errorf("sbom: find: %w", err)
	}
	var in func(version string) (bool, error) // nil for any
	switch {
	case q.Versions != "" && want.Version != "":
		return nil, fmt.Errorf("sbom: find: %s has a version, and there is a range of versions", q.PURL)
	case q.Versions != "":
		r, err := parseRange(want.Type, q.Versions)
		if err != nil {
			return nil, fmt.Errorf("sbom: find: %w", err)
		}
		in = r.contains
	case want.Version != "":
		in = func(version string) (bool, error) { return version == want.Version, nil }
		if v, err := parseVersion(want.Type, want.Version); err == nil && ordered(want.Type) {
			in = versionRange{purlType: want.Type, conditions: []condition{{"=", want.Version, v}}}.contains
		}
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

// matches reports whether c is or may be want, in a version for which in reports
// true, and what the doubt is.
func (c *Component) matches(want purl.PURL, in func(version string) (bool, error)) (doubt string, ok bool) {
	var doubts []string
	have, err := parsePackage(c.PURL)
	switch {
	case err != nil && c.fullName() == want.Path():
		doubts = append(doubts, "it has no package URL")
	case err == nil && have.Type == want.Type && have.Path() == want.Path():
	case err == nil && have.Type == want.Type && want.Type == "golang" && strings.EqualFold(have.Path(), want.Path()):
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

// maxConditions is how many conditions a range of versions may have.
const maxConditions = 1000

// A versionRange is a range of the versions of packages of a PURL type.
type versionRange struct {
	purlType   string
	conditions []condition
	intervals  bool // the conditions are those of a version range specifier, sorted
}

type condition struct {
	operator string // "=", "!=", "<", "<=", ">", ">="
	text     string
	version  version // if the type is ordered
}

// parseRange parses a range of versions as [Query] has it.
func parseRange(purlType, s string) (versionRange, error) {
	malformed := func(format string, a ...any) (versionRange, error) {
		return versionRange{}, fmt.Errorf("malformed range of versions %.100q: %w", s, fmt.Errorf(format, a...))
	}
	r := versionRange{purlType: purlType}
	var words []string
	if specifier, ok := strings.CutPrefix(s, "vers:"); ok {
		r.intervals = true
		scheme, conditions, ok := strings.Cut(specifier, "/")
		if !ok {
			return malformed("no slash behind the type")
		}
		if scheme != purlType {
			return malformed("its type is %q, want %q", scheme, purlType)
		}
		// "Spaces are not significant", and "Strip leading and trailing pipes".
		conditions = strings.NewReplacer(" ", "", "\t", "").Replace(conditions)
		words = strings.FieldsFunc(conditions, func(c rune) bool { return c == '|' })
		if len(words) == 0 {
			return malformed("no conditions")
		}
		if len(words) == 1 && words[0] == "*" {
			return r, nil
		}
	} else {
		words = strings.Split(s, ",")
	}
	if len(words) > maxConditions {
		return malformed("%d conditions, want at most %d", len(words), maxConditions)
	}

	for _, word := range words {
		word = strings.TrimSpace(word)
		c := condition{operator: "="}
		for _, operator := range []string{">=", "<=", "!=", "<", ">", "="} {
			if rest, ok := strings.CutPrefix(word, operator); ok {
				c.operator, word = operator, strings.TrimSpace(rest)
				break
			}
		}
		c.text = word
		if r.intervals {
			var err error
			if c.text, err = url.PathUnescape(word); err != nil {
				return malformed("%w", err)
			}
		}
		if c.text == "" || strings.ContainsAny(word, "<>=!*| ") {
			return malformed("condition %.50q: want an operator and a version", word)
		}
		if ordered(purlType) {
			var err error
			if c.version, err = parseVersion(purlType, c.text); err != nil {
				return malformed("%w", err)
			}
		} else if c.operator != "=" && c.operator != "!=" {
			return malformed("%s%.50s: the versions of packages of the type %s have no order here", c.operator, c.text, purlType)
		}
		r.conditions = append(r.conditions, c)
	}
	if r.intervals {
		if err := r.sort(); err != nil {
			return malformed("%w", err)
		}
	}
	return r, nil
}

// sort sorts the conditions of a version range specifier by their versions, and
// returns what is wrong with their order.
func (r *versionRange) sort() error {
	compare := func(a, b condition) int {
		if ordered(r.purlType) {
			return a.version.compare(b.version)
		}
		return cmp.Compare(a.text, b.text)
	}
	slices.SortStableFunc(r.conditions, compare)
	last := "" // the last operator but for "!="
	bound := ""
	for i, c := range r.conditions {
		if i > 0 && compare(r.conditions[i-1], c) == 0 {
			return fmt.Errorf("version %.50q occurs twice", c.text)
		}
		var ok bool
		switch c.operator {
		case "!=":
			continue
		case "=":
			// "> or >= followed by =, > or >=: this is the same as > or >="
			ok = last == "" || last == "=" || last[0] == '<'
		case "<", "<=":
			ok = bound == "" || bound[0] == '>'
			// "=, < or <= followed by < or <=: this is the same as < or <="
			ok = ok && last != "="
			bound = c.operator
		default:
			ok = bound == "" || bound[0] == '<'
			bound = c.operator
		}
		if !ok {
			return fmt.Errorf("%s%.50s does not fit to %s before it", c.operator, c.text, last)
		}
		last = c.operator
	}
	return nil
}

// contains reports whether s is in r. It fails if that cannot be told.
func (r versionRange) contains(s string) (bool, error) {
	if len(r.conditions) == 0 {
		return true, nil
	}
	var v version
	if ordered(r.purlType) {
		var err error
		if v, err = parseVersion(r.purlType, s); err != nil {
			return false, err
		}
	}
	// holds compares with one condition.
	holds := func(c condition) bool {
		n := cmp.Compare(s, c.text)
		if ordered(r.purlType) {
			n = v.compare(c.version)
		}
		switch c.operator {
		case "=":
			return n == 0
		case "!=":
			return n != 0
		case "<":
			return n < 0
		case "<=":
			return n <= 0
		case ">":
			return n > 0
		case ">=":
			return n >= 0
		}
		panic("sbom: internal error: operator " + c.operator)
	}
	if !r.intervals {
		for _, c := range r.conditions {
			if !holds(c) {
				return false, nil
			}
		}
		return true, nil
	}

	// The conditions are signposts on a line. Bounds alternate, so that v is
	// inside if the last one before it opens, or if there is none before it and
	// the first one closes. Single versions are taken in or out whatever the
	// bounds are.
	inside, bounded, taken := false, false, false
	for _, c := range r.conditions {
		taken = taken || c.operator != "!="
		switch c.operator {
		case "=":
			if holds(c) {
				return true, nil
			}
		case "!=":
			if !holds(c) {
				return false, nil
			}
		case ">", ">=":
			inside = inside || holds(c)
			bounded = true
		default:
			inside = (inside || !bounded) && holds(c)
			bounded = true
		}
	}
	// Where nothing is taken in, all is that is not taken out.
	return inside || !taken, nil
}
