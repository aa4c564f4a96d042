package osv

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/versions"
)

// Contains reports whether a version is affected. If that cannot be told, ok is true
// and doubt says why. version may be empty, for one that is not known.
//
// https://ossf.github.io/osv-schema/#evaluation
func (p *Package) Contains(version string) (ok bool, doubt string) {
	var doubts []string
	known := version != ""
	if typ := p.purlType(); known && versions.Ordered(typ) {
		_, err := versions.Parse(typ, version)
		known = err == nil
		if known && typ == "golang" {
			for _, v := range p.Versions {
				if same, err := versions.Exactly(typ, v).Contains(version); err == nil && same {
					return true, ""
				}
			}
		}
	}
	if slices.Contains(p.Versions, version) {
		return true, ""
	}

	evaluated := false
	for _, r := range p.Ranges {
		if r.Type == Git {
			continue
		}
		evaluated = true
		in, doubt := r.contains(version, p.purlType())
		switch {
		case !in:
			continue
		case doubt == "" && p.release() == "":
			return true, ""
		case doubt == "":
			doubt = "the advisory is about " + p.Ecosystem + ", and whether the package is of that release is not compared"
		}
		doubts = append(doubts, doubt)
	}
	switch {
	case evaluated:
	case len(p.Ranges) > 0:
		doubts = append(doubts, "the advisory has its ranges in Git commits")
	case len(p.Versions) == 0:
		doubts = append(doubts, "the advisory does not say which versions are affected")
	case version == "":
		doubts = append(doubts, "it has no version")
	case !known:
		doubts = append(doubts, fmt.Sprintf("version %.100q has no place in the order of versions", version))
	}
	if len(doubts) == 0 {
		return false, ""
	}
	slices.Sort(doubts)
	return true, strings.Join(slices.Compact(doubts), "; ")
}

// contains reports whether a version is in r, as [Package.Contains] does, for a package
// whose package URL has a type.
func (r *Range) contains(version, purlType string) (ok bool, doubt string) {
	var introduced, fixed, lastAffected, limits int
	fromStart, unlimited := false, false
	for _, e := range r.Events {
		switch e.Kind {
		case Introduced:
			introduced++
			fromStart = fromStart || e.Version == "0"
		case Fixed:
			fixed++
		case LastAffected:
			lastAffected++
		case Limit:
			limits++
			// "limit allows versions containing the string "*" to represent infinity"
			unlimited = unlimited || strings.Contains(e.Version, "*")
		}
	}
	unlimited = unlimited || limits == 0
	switch {
	case fixed > 0 && lastAffected > 0:
		return true, "a range of the advisory has both fixed and last_affected events"
	case fromStart && fixed+lastAffected == 0 && unlimited:
		return true, "" // whatever the order is
	case version == "":
		return true, "it has no version"
	}

	order := r.order(purlType)
	if !versions.Ordered(order) {
		// A bound can be told even so, unless the range begins and ends with it.
		if introduced == 1 && fixed+lastAffected < 2 && unlimited {
			in := slices.ContainsFunc(r.Events, func(e Event) bool { return e.Version == version && (e.Kind == Introduced || e.Kind == LastAffected) })
			out := slices.Contains(r.Events, Event{Fixed, version})
			if in != out {
				return in, ""
			}
		}
		return true, "the versions of its ecosystem have no order here"
	}
	v, err := versions.Parse(order, version)
	if err != nil {
		return true, err.Error()
	}

	// What the last event says that is not after v. One that is last_affected is
	// after its version, and before all later ones.
	var last versions.Version
	var found, lastAfter, starts, ends bool
	for _, e := range r.Events {
		if e.Kind == Limit && unlimited || e.Kind == Introduced && e.Version == "0" {
			continue
		}
		at, err := versions.Parse(order, e.Version)
		if err != nil {
			return true, fmt.Sprintf("in a range of the advisory: %v", err)
		}
		if e.Kind == Limit {
			unlimited = v.Compare(at) < 0
			continue
		}
		after := e.Kind == LastAffected
		if c := v.Compare(at); c < 0 || c == 0 && after {
			continue
		}
		later := +1
		if found {
			later = at.Compare(last)
			if later == 0 && after != lastAfter {
				later = -1
				if after {
					later = +1
				}
			}
		}
		if later > 0 {
			last, lastAfter, found, starts, ends = at, after, true, false, false
		}
		if later >= 0 {
			starts = starts || e.Kind == Introduced
			ends = ends || e.Kind != Introduced
		}
	}
	switch {
	case !unlimited:
		return false, ""
	case !found:
		return fromStart, ""
	case starts && ends:
		return true, "a range of the advisory has introduced and fixed events at the same version"
	}
	return starts, ""
}

// order returns the type of package URLs whose versions have the order of r, for a package
// whose package URL has a type.
func (r *Range) order(purlType string) string {
	if r.Type == SemVer && purlType != "golang" {
		return "semver"
	}
	return purlType
}

// fixes returns what the ranges of packages have as fixed, around a version: the highest
// one that is not above it, and the lowest one above it that is in none of the ranges.
// Either may be empty.
func fixes(packages []*Package, version string) (since, next string) {
	var sinceVersion, nextVersion versions.Version
	for _, p := range packages {
		for _, r := range p.Ranges {
			order := r.order(p.purlType())
			if r.Type == Git || !versions.Ordered(order) {
				continue
			}
			v, err := versions.Parse(order, version)
			if err != nil {
				return "", ""
			}
			for _, e := range r.Events {
				at, err := versions.Parse(order, e.Version)
				if e.Kind != Fixed || err != nil {
					continue
				}
				text := e.Version
				if order == "golang" && p.Name != "stdlib" && p.Name != "toolchain" {
					text = "v" + strings.TrimPrefix(text, "v")
				}
				switch {
				case at.Compare(v) <= 0:
					if since == "" || at.Compare(sinceVersion) > 0 {
						since, sinceVersion = text, at
					}
				case slices.ContainsFunc(packages, func(p *Package) bool { in, _ := p.Contains(e.Version); return in }):
				case next == "" || at.Compare(nextVersion) < 0:
					next, nextVersion = text, at
				}
			}
		}
	}
	return since, next
}
