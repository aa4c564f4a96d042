// Package versions orders the versions of packages, and tells which are in a range.
//
// What a version is and which is before which depends on the type of the package,
// by its PURL. Those of the types golang, npm and cargo are ordered by section 11 of
// Semantic Versioning 2.0.0; versions of other types have no order here, and are
// equal if they are the same text.
package versions

import (
	"cmp"
	"fmt"
	"strings"
)

// A Version is a version whose order is that of Semantic Versioning 2.0.0.
type Version struct {
	Numbers [3]string // major, minor, patch, without leading zeros, of any size
	Written int       // how many of them are not left out
	Pre     []string  // identifiers of a pre-release; none is after all of them
	Build   string    // build metadata, which has no part in the order
}

// Ordered reports whether the versions of packages of a PURL type have an order
// here: those that are Semantic Versioning's, without more rules.
func Ordered(purlType string) bool {
	switch purlType {
	case "golang", "npm", "cargo", "semver":
		return true
	}
	return false
}

// Parse parses a version of a package of an ordered type. For golang a "v"
// may be first, and the minor and the patch version may be left out, which are
// 0 then, as golang.org/x/mod/semver has it. A version of the Go release
// ("1.26rc1", "go1.26.8") is read as what golang.org/ref/mod makes of it
// ("v1.26.0-rc.1").
//
// https://semver.org/spec/v2.0.0.html
func Parse(purlType, s string) (Version, error) {
	malformed := func(why string) (Version, error) {
		return Version{}, fmt.Errorf("malformed version %.100q: %s", s, why)
	}
	golang := purlType == "golang"
	rest, module := s, false
	if golang {
		rest, module = strings.CutPrefix(s, "v")
	}
	if golang && !module {
		rest = strings.TrimPrefix(rest, "go")
		for _, word := range []string{"rc", "beta"} {
			release, number, ok := strings.Cut(rest, word)
			if ok && strings.Trim(release, "0123456789.") == "" && isNumber(number) {
				if strings.Count(release, ".") == 1 {
					release += ".0"
				}
				rest = release + "-" + word + "." + number
			}
		}
	}

	// "Build metadata MUST be ignored when determining version precedence."
	rest, build, hasBuild := strings.Cut(rest, "+")
	if hasBuild && !identifiers(build, false) {
		return malformed("build metadata")
	}
	core, pre, hasPre := strings.Cut(rest, "-")
	if hasPre && !identifiers(pre, true) {
		return malformed("pre-release")
	}
	v := Version{Build: build}
	numbers := strings.Split(core, ".")
	if len(numbers) > 3 || len(numbers) < 3 && (!golang || hasPre || hasBuild) {
		return malformed("want three numbers")
	}
	v.Numbers = [3]string{"0", "0", "0"}
	v.Written = copy(v.Numbers[:], numbers)
	for _, n := range numbers {
		if !isNumber(n) {
			return malformed("want numbers without leading zeros")
		}
	}
	if hasPre {
		v.Pre = strings.Split(pre, ".")
	}
	return v, nil
}

// isNumber reports whether s is a number without leading zeros.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || s == "0")
}

// identifiers reports whether s is identifiers with full stops between them, of
// which in a pre-release none is a number with leading zeros.
func identifiers(s string, pre bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
			return false
		}
		if pre && strings.Trim(id, "0123456789") == "" && !isNumber(id) {
			return false
		}
	}
	return true
}

// Compare compares by precedence (section 11).
func (v Version) Compare(w Version) int {
	for i := range v.Numbers {
		if c := compareNumbers(v.Numbers[i], w.Numbers[i]); c != 0 {
			return c
		}
	}
	if len(v.Pre) == 0 || len(w.Pre) == 0 {
		return cmp.Compare(len(w.Pre), len(v.Pre))
	}
	for i := range min(len(v.Pre), len(w.Pre)) {
		a, b := v.Pre[i], w.Pre[i]
		var c int
		switch aNumber, bNumber := isNumber(a), isNumber(b); {
		case aNumber && bNumber:
			c = compareNumbers(a, b)
		case aNumber:
			c = -1 // "Numeric identifiers always have lower precedence"
		case bNumber:
			c = +1
		default:
			c = cmp.Compare(a, b)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(v.Pre), len(w.Pre))
}

// compareNumbers compares numbers of any size without leading zeros.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Compare compares two versions of packages of a PURL type, by their order
// if they have one, and else as texts. What has no order is before what has.
func Compare(purlType, a, b string) int {
	if Ordered(purlType) {
		v, errA := Parse(purlType, a)
		w, errB := Parse(purlType, b)
		switch {
		case errA == nil && errB == nil:
			return cmp.Or(v.Compare(w), cmp.Compare(a, b))
		case errA == nil:
			return +1
		case errB == nil:
			return -1
		}
	}
	return cmp.Compare(a, b)
}
