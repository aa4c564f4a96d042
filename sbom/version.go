package sbom

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
)

// A version is a version whose order is that of Semantic Versioning 2.0.0.
type version struct {
	numbers [3]string // major, minor, patch
	pre     []string  // identifiers of a pre-release; none is after all of them
}

// ordered reports whether the versions of packages of a PURL type have an order
// here: those that are Semantic Versioning's, without more rules.
func ordered(purlType string) bool {
	switch purlType {
	case "golang", "npm", "cargo", "semver":
		return true
	}
	return false
}

// parseVersion parses a version of a package of an ordered type. For golang a "v"
// may be first, and the minor and the patch version may be left out, which are
// 0 then, as golang.org/x/mod/semver has it. A version of the Go release
// ("1.26rc1", "go1.26.8") is read as what golang.org/ref/mod makes of it
// ("v1.26.0-rc.1").
//
// https://semver.org/spec/v2.0.0.html
func parseVersion(purlType, s string) (version, error) {
	malformed := func(why string) (version, error) {
		return version{}, fmt.Errorf("malformed version %.100q: %s", s, why)
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
	var v version
	numbers := strings.Split(core, ".")
	if len(numbers) > 3 || len(numbers) < 3 && (!golang || hasPre || hasBuild) {
		return malformed("want three numbers")
	}
	v.numbers = [3]string{"0", "0", "0"}
	copy(v.numbers[:], numbers)
	for _, n := range numbers {
		if !isNumber(n) {
			return malformed("want numbers without leading zeros")
		}
	}
	if hasPre {
		v.pre = strings.Split(pre, ".")
	}
	return v, nil
}

// spelling returns one spelling of a version: some tools leave out what Go writes
// before the number of a version, the "v" of a module's or the "go" of a release's, or
// take the one for the other.
func spelling(purlType, s string) string {
	if purlType != "golang" {
		return s
	}
	if _, err := parseVersion(purlType, s); err != nil {
		return s
	}
	return strings.TrimPrefix(strings.TrimPrefix(s, "go"), "v")
}

// parsePackage parses a package URL. That of Go's standard library has one name: some
// tools call it std, as the go command does, and others stdlib, as its vulnerability
// database does.
func parsePackage(s string) (purl.PURL, error) {
	p, err := purl.Parse(s)
	if err == nil && p.Type == "golang" && p.Path() == "std" {
		p.Name = "stdlib"
	}
	return p, err
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

// compare compares by precedence (section 11).
func (v version) compare(w version) int {
	for i := range v.numbers {
		if c := compareNumbers(v.numbers[i], w.numbers[i]); c != 0 {
			return c
		}
	}
	if len(v.pre) == 0 || len(w.pre) == 0 {
		return cmp.Compare(len(w.pre), len(v.pre))
	}
	for i := range min(len(v.pre), len(w.pre)) {
		a, b := v.pre[i], w.pre[i]
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
	return cmp.Compare(len(v.pre), len(w.pre))
}

// compareNumbers compares numbers of any size without leading zeros.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// compareVersions compares two versions of packages of a PURL type, by their order
// if they have one, and else as texts. What has no order is before what has.
func compareVersions(purlType, a, b string) int {
	if ordered(purlType) {
		v, errA := parseVersion(purlType, a)
		w, errB := parseVersion(purlType, b)
		switch {
		case errA == nil && errB == nil:
			return cmp.Or(v.compare(w), cmp.Compare(a, b))
		case errA == nil:
			return +1
		case errB == nil:
			return -1
		}
	}
	return cmp.Compare(a, b)
}
