package versions

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// MaxConditions is how many conditions a range of versions may have.
const MaxConditions = 1000

// A Range is a range of the versions of packages of a PURL type.
type Range struct {
	purlType   string
	conditions []condition
	intervals  bool // the conditions are those of a version range specifier, sorted
}

type condition struct {
	operator string // "=", "!=", "<", "<=", ">", ">="
	text     string
	version  Version // if the type is ordered
}

// Exactly returns the range of the versions that are equal to s: by their order if
// there is one and s has a place in it, and else as texts.
func Exactly(purlType, s string) Range {
	v, err := Parse(purlType, s)
	if err != nil || !Ordered(purlType) {
		purlType = ""
	}
	return Range{purlType: purlType, conditions: []condition{{"=", s, v}}}
}

// ParseRange parses a range of versions, which is written as conditions that are
// all to be met,
//
//	>= v1.0.0, < v1.5.2
//
// each with one of the operators =, !=, <, <=, > and >=, or as a version range
// specifier with the type of the PURL,
//
//	vers:golang/>=1.0.0|<1.5.2|>=2.0.0|<2.1.0
//
// Of a type without an order only = and != can be asked.
//
// https://github.com/package-url/vers-spec
func ParseRange(purlType, s string) (Range, error) {
	malformed := func(format string, a ...any) (Range, error) {
		return Range{}, fmt.Errorf("malformed range of versions %.100q: %w", s, fmt.Errorf(format, a...))
	}
	r := Range{purlType: purlType}
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
	if len(words) > MaxConditions {
		return malformed("%d conditions, want at most %d", len(words), MaxConditions)
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
		if Ordered(purlType) {
			var err error
			if c.version, err = Parse(purlType, c.text); err != nil {
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
func (r *Range) sort() error {
	compare := func(a, b condition) int {
		if Ordered(r.purlType) {
			return a.version.Compare(b.version)
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

// Contains reports whether s is in r. It fails if that cannot be told.
func (r Range) Contains(s string) (bool, error) {
	if len(r.conditions) == 0 {
		return true, nil
	}
	var v Version
	if Ordered(r.purlType) {
		var err error
		if v, err = Parse(r.purlType, s); err != nil {
			return false, err
		}
	}
	// holds compares with one condition.
	holds := func(c condition) bool {
		order := cmp.Compare(s, c.text)
		if Ordered(r.purlType) {
			order = v.Compare(c.version)
		}
		holds, ok := Holds(c.operator, order)
		if !ok {
			panic("versions: internal error: operator " + c.operator)
		}
		return holds
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

// Holds reports whether a condition with an operator holds for a version whose
// [Version.Compare] with the one of the condition is order. ok is false if there is no
// such operator.
func Holds(operator string, order int) (holds, ok bool) {
	switch operator {
	case "=":
		return order == 0, true
	case "!=":
		return order != 0, true
	case "<":
		return order < 0, true
	case "<=":
		return order <= 0, true
	case ">":
		return order > 0, true
	case ">=":
		return order >= 0, true
	}
	return false, false
}
