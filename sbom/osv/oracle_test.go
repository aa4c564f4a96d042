package osv_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// canonical returns a version as x/mod/semver compares it: with the "v" that records
// do not have, and of a release of Go what its modules have.
func canonical(v string) string {
	v = strings.TrimPrefix(strings.TrimPrefix(v, "v"), "go")
	for _, pre := range []string{"rc", "beta"} {
		if before, n, ok := strings.Cut(v, pre); ok && !strings.ContainsAny(v, "-+") {
			if strings.Count(before, ".") == 1 {
				before += ".0"
			}
			v = before + "-" + pre + "." + n
		}
	}
	return "v" + v
}

// evaluate is the pseudocode of the format for a range whose versions x/mod/semver
// orders. Events of the same version come in the order of kinds.
func evaluate(r osv.Range, version string, kinds ...osv.EventKind) bool {
	limited, before := false, false
	for _, e := range r.Events {
		if e.Kind == osv.Limit {
			limited = true
			before = before || e.Version == "*" || semver.Compare(canonical(version), canonical(e.Version)) < 0
		}
	}
	if limited && !before {
		return false
	}
	compare := func(a, b string) int {
		if a == "0" || b == "0" {
			return cmp.Compare(min(len(b), 2), min(len(a), 2)) * -1
		}
		return semver.Compare(canonical(a), canonical(b))
	}
	events := slices.Clone(r.Events)
	slices.SortStableFunc(events, func(a, b osv.Event) int {
		return cmp.Or(compare(a.Version, b.Version), slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind))
	})
	vulnerable := false
	for _, e := range events {
		order := compare(version, e.Version)
		switch {
		case e.Kind == osv.Introduced && order >= 0:
			vulnerable = true
		case e.Kind == osv.Fixed && order >= 0:
			vulnerable = false
		case e.Kind == osv.LastAffected && order > 0:
			vulnerable = false
		}
	}
	return vulnerable
}

// around returns versions at a bound, just below it, just above it, and elsewhere.
func around(bound string) []string {
	bound, _, _ = strings.Cut(bound, "+")
	if bound == "0" {
		return []string{"0.0.0", "0.0.0-20200101000000-0123456789ab"}
	}
	core, pre, isPre := strings.Cut(bound, "-")
	numbers := strings.Split(core, ".")
	var major, minor, patch int
	fmt.Sscan(numbers[0], &major)
	fmt.Sscan(numbers[1], &minor)
	fmt.Sscan(numbers[2], &patch)
	vs := []string{
		bound, bound + "+incompatible", core, core + "-0", core + "-rc.1", core + "-0.20200101000000-0123456789ab",
		fmt.Sprintf("%d.%d.%d", major, minor, patch+1),
		fmt.Sprintf("%d.%d.%d-0.20240101000000-0123456789ab", major, minor, patch+1),
		fmt.Sprintf("%d.%d.0-rc.2", major, minor+1),
		fmt.Sprintf("%d.0.0+incompatible", major+1),
	}
	if patch > 0 {
		vs = append(vs, fmt.Sprintf("%d.%d.%d", major, minor, patch-1))
	}
	if isPre {
		vs = append(vs, core+"-"+pre+".0", core+"-"+pre+"a", core+"-"+pre[:len(pre)-1]+"0")
	}
	return slices.DeleteFunc(vs, func(v string) bool { return !semver.IsValid(canonical(v)) })
}

// Every bound of every range of the Go vulnerability database, from both sides: what
// x/mod/semver makes of the pseudocode of the format is the judge.
func TestGoVersions(t *testing.T) {
	n, in := 0, 0
	for a, err := range goDB(t).All() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Affected {
			p := &a.Affected[i]
			versions := []string{"0.0.0-20180101000000-0123456789ab", "999.0.0"}
			for _, r := range p.Ranges {
				for _, e := range r.Events {
					versions = append(versions, around(e.Version)...)
				}
			}
			for _, v := range versions {
				want := slices.ContainsFunc(p.Ranges, func(r osv.Range) bool { return evaluate(r, v, osv.Introduced, osv.Fixed) })
				for _, prefix := range []string{"v", "go", ""} {
					if prefix != "v" && (p.Name != "stdlib" || strings.Contains(v, "-")) {
						continue
					}
					n++
					got, doubt := p.Contains(prefix + v)
					if got != want || doubt != "" {
						t.Errorf("%s: %s %s%s: got %t, doubt %q, want %t", a.ID, p.Name, prefix, v, got, doubt, want)
					}
				}
				if want {
					in++
				}
			}
		}
	}
	if n < 100_000 || in < 10_000 {
		t.Errorf("%d versions, %d of them affected: that is too few", n, in)
	}
}

// Ranges as nobody would write them: in any order, with the same version several
// times. Where the order of events of a version decides, there must be a doubt.
func TestRandomRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	version := func() string {
		v := fmt.Sprintf("%d.%d.%d", rng.IntN(2), rng.IntN(3), rng.IntN(3))
		return v + []string{"", "", "-0", "-rc.1", "-rc.11", "-rc.2", "+incompatible"}[rng.IntN(7)]
	}
	count := make(map[string]int)
	for range 30_000 {
		r := osv.Range{Type: osv.SemVer, Events: []osv.Event{{Kind: osv.Introduced, Version: "0"}}}
		if rng.IntN(2) == 0 {
			r.Events[0].Version = version()
		}
		end := []osv.EventKind{osv.Fixed, osv.LastAffected}[rng.IntN(2)]
		for range rng.IntN(5) {
			r.Events = append(r.Events, osv.Event{Kind: []osv.EventKind{osv.Introduced, end, end}[rng.IntN(3)], Version: version()})
		}
		for rng.IntN(4) == 0 {
			r.Events = append(r.Events, osv.Event{Kind: osv.Limit, Version: []string{"*", version()}[rng.IntN(2)]})
		}
		rng.Shuffle(len(r.Events), func(i, j int) { r.Events[i], r.Events[j] = r.Events[j], r.Events[i] })

		v := version()
		first := evaluate(r, v, osv.Introduced, osv.Fixed, osv.LastAffected)
		last := evaluate(r, v, osv.Fixed, osv.Introduced, osv.LastAffected)
		for _, p := range []osv.Package{
			{Ecosystem: "Go", Name: "example.com/m", PURL: "pkg:golang/example.com/m", Ranges: []osv.Range{r}},
			{Ecosystem: "npm", Name: "m", PURL: "pkg:npm/m", Ranges: []osv.Range{r}},
		} {
			got, doubt := p.Contains(v)
			switch {
			case first != last:
				count["doubt"]++
				if !got || doubt == "" {
					t.Fatalf("%s in %v: got %t, %q, want a doubt", v, r.Events, got, doubt)
				}
			case got != first || doubt != "":
				t.Fatalf("%s in %v: got %t, %q, want %t", v, r.Events, got, doubt, first)
			default:
				count[fmt.Sprint(got)]++
			}
		}
	}
	if count["true"] < 5_000 || count["false"] < 5_000 || count["doubt"] < 100 {
		t.Errorf("%v: some are too few", count)
	}
}

// What is told as the version to go to is not affected, and nothing below it is told by
// the record to be one.
func TestFixed(t *testing.T) {
	n := 0
	for a, err := range goDB(t).All() {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range a.Affected {
			for _, r := range p.Ranges {
				for _, e := range r.Events {
					if e.Kind != osv.Introduced || !a.Withdrawn.IsZero() {
						continue
					}
					v := e.Version
					if v == "0" {
						v = "0.0.0-0"
					}
					var want string
					for _, e := range r.Events {
						if e.Kind == osv.Fixed && semver.Compare(canonical(e.Version), canonical(v)) > 0 && (want == "" || semver.Compare(canonical(e.Version), canonical(want)) < 0) {
							want = e.Version
						}
					}
					if len(slices.DeleteFunc(slices.Clone(a.Affected), func(q osv.Package) bool { return q.PURL != p.PURL })) > 1 {
						continue // the bounds of one may be within another
					}
					if want != "" && p.Name != "stdlib" && p.Name != "toolchain" {
						want = "v" + want
					}
					c := &sbom.Component{Name: p.Name, Version: canonical(v), PURL: p.PURL}
					n++
					if f := a.Affects(c); f.Answer != osv.Affected || f.Fixed != want {
						t.Errorf("%s: %s %s: got %s, fixed in %q, want %q", a.ID, p.Name, v, f.Answer, f.Fixed, want)
					}
				}
			}
		}
	}
	if n < 5000 {
		t.Errorf("%d versions: that is too few", n)
	}
}
