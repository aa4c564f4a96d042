// Package osv reads advisories in the format of Open Source Vulnerability, and says
// which components of a document they are about.
//
// An [Advisory] is a record of versions 1.0 to 1.7 of the format, and of later ones
// below 2, which "only add new fields". [Parse] refuses what two readers could
// take for two things: a member twice, a value of another type, an event or a range
// of a kind that the format does not have, an event of two kinds, a range without
// an introduced event. Members that it does not know are passed over.
//
// https://ossf.github.io/osv-schema/
//
// # Which packages
//
// An advisory names packages by an ecosystem and a name there, and documents name
// components by package URLs. What is looked for is, by ecosystem:
//
//	Go                pkg:golang/<module path>
//	                  pkg:golang/stdlib of the name stdlib, which is found as std too
//	                  pkg:golang/golang.org/toolchain of the name toolchain
//	npm               pkg:npm/<name>
//	crates.io         pkg:cargo/<name>
//	PyPI              pkg:pypi/<name>, in lower case and with hyphens
//	Maven             pkg:maven/<group>/<artifact> of the name group:artifact
//	NuGet             pkg:nuget/<name>
//	RubyGems          pkg:gem/<name>
//	Packagist         pkg:composer/<vendor>/<name>, in lower case
//	Hex, Pub          pkg:hex/<name>, pkg:pub/<name>, in lower case
//	Hackage           pkg:hackage/<name>
//	CRAN              pkg:cran/<name>
//	Bioconductor      pkg:bioconductor/<name>
//	ConanCenter       pkg:conan/<name>
//	Bitnami           pkg:bitnami/<name>, in lower case
//	Julia, opam       pkg:julia/<name>, pkg:opam/<name>
//	SwiftURL          pkg:swift/<host>/<path>, without the scheme and .git
//	VSCode            pkg:vscode-extension/<publisher>/<name> of publisher.name
//	Debian, Ubuntu    pkg:deb/debian/<name>, pkg:deb/ubuntu/<name>
//	Alpine, Wolfi,    pkg:apk/alpine/<name>, and so on
//	Chainguard
//	Red Hat, SUSE,    pkg:rpm/redhat/<name>, and so on
//	openSUSE, AlmaLinux,
//	Mageia, openEuler
//
// What is behind a colon in the name of an ecosystem, a release or a repository, is
// not compared. Packages of other ecosystems are looked for by the package URL that
// the record has, and cannot be looked for if it has none. [Advisory.Unknown] says so,
// and what else cannot be found: distributions name the source package as a rule,
// and documents what was made of it, under the same name or under others.
//
// Components are compared with a package as [sbom.Query] has it, so that one is in
// doubt if it has no package URL but the name, if it differs in the case of letters,
// or if it is used instead of the package.
//
// # Which versions
//
// A version is affected as the format evaluates it: if it is listed, or if, in one of
// the ranges, the last event that is not after it is an introduced one, or it
// is not after the one that is last_affected, and if it is before one of the
// limits. "0" is before all versions, and the limit "*" after all. What is decided
// is
//
//   - ranges of type SEMVER in any ecosystem, and of type ECOSYSTEM in those whose
//     order is Semantic Versioning's: Go, npm and crates.io. For Go, "v" and "go" may
//     be first, build metadata such as +incompatible has no part in the order,
//     pseudo-versions are the pre-releases that they look like, and a release of Go is
//     what its modules have as version: "go1.22rc1" is 1.22.0-rc.1. All of this is
//     how the go command and govulncheck have it;
//   - in other ecosystems, ranges with all versions in them, and the versions that
//     are written as a bound is, where the range has one introduced event and one
//     fixed or last_affected one at most;
//   - listed versions, by their text; for Go by their order.
//
// The rest is a doubt with its reason, and never a no: a version that is not
// known or has no place in the order, a range of another order, ranges of Git commits
// where there are no others, a range with both fixed and last_affected events, which
// the format does not allow, or with introduced and fixed at the same version that
// decide, an advisory that says nothing of versions, and a range of one release of a
// distribution.
//
// # Which packages of a Go module
//
// The Go vulnerability database names the packages that are affected (imports), with
// the functions in them. Where it does, and the parts of a component are known
// ([sbom.Component.Packages]), a component that has none of the packages is
// [NotLinked]. Functions are not looked for, and the systems to which a package
// may be restricted are told and not compared.
//
// # Databases
//
// [ReadDB] reads a directory in the layout of the Go vulnerability database, as
// "govulncheck -db file://…" does, or any other directory of records. The Go
// vulnerability database can be had as one file, https://vuln.go.dev/vulndb.zip, and
// those of other ecosystems from https://osv.dev.
//
// Nothing here uses the network, and no clock is read. All of it is safe for
// concurrent use as long as nothing is changed.
package osv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
)

// An Advisory is a record of a vulnerability, and of what it affects.
type Advisory struct {
	SchemaVersion string // of the format, "1.3.1"; empty if it is not told, which means 1.0.0

	ID       string   // "GO-2024-2687"
	Aliases  []string // identifiers of the same vulnerability elsewhere, "CVE-2023-45288"
	Upstream []string // identifiers of vulnerabilities that this one is made of
	Related  []string // identifiers of others that have to do with it

	Summary string // one line
	Details string // Markdown

	// Modified and Published are when the record was; Published is zero if that
	// is not told.
	Modified, Published time.Time

	// Withdrawn is when the record was withdrawn, and zero if it was not. What is
	// withdrawn affects nothing.
	Withdrawn time.Time

	Severity   []Severity  // how bad it is, if that is the same for all packages
	Affected   []Package   // what it is about
	References []Reference // where more is said of it
}

// A Package is one that an Advisory is about. A package may have several.
type Package struct {
	Ecosystem string // "Go", "Debian:12"; empty if the record names no package
	Name      string // as its ecosystem has it

	// PURL is what is looked for: a package URL without a version, in canonical
	// form. Empty if it cannot be looked for.
	PURL string

	// Unknown says why the package cannot be looked for, or what of it cannot, and
	// is empty if all can.
	Unknown string

	Ranges   []Range
	Versions []string   // that are affected, whatever the Ranges are
	Severity []Severity // how bad it is for the package

	// Imports are the packages of a Go module that are affected, for Go only. None
	// means all.
	Imports []Import
}

// A Range is a range of versions.
type Range struct {
	Type   RangeType
	Repo   string // of Git, for ranges of commits
	Events []Event
}

// A RangeType is what the versions of a Range are.
type RangeType string

// The types of Ranges.
const (
	SemVer    RangeType = "SEMVER"    // Semantic Versioning 2.0.0
	Ecosystem RangeType = "ECOSYSTEM" // versions with the order of their ecosystem
	Git       RangeType = "GIT"       // commits
)

// An Event is where in the order of versions something changes.
type Event struct {
	Kind    EventKind // what changes
	Version string    // where; "0" is before all versions, and the limit "*" after all
}

// An EventKind is what changes.
type EventKind string

// The kinds of Events.
const (
	Introduced   EventKind = "introduced"    // this version is affected, and those after it
	Fixed        EventKind = "fixed"         // this version is not, and those after it
	LastAffected EventKind = "last_affected" // those after this version are not
	Limit        EventKind = "limit"         // nothing is said of this version and those after it
)

// An Import is a package of a Go module.
type Import struct {
	Path    string   // import path
	Symbols []string // the functions and methods that are affected, "Client.Do"; none means all

	// GOOS and GOARCH are the systems on which it is affected; none means all.
	GOOS, GOARCH []string
}

// A Severity is how bad a vulnerability is, by one method.
type Severity struct {
	Type  string // "CVSS_V3"
	Score string // "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:H/I:N/A:N"
}

// A Reference is where more is said of a vulnerability.
type Reference struct {
	Type string // "FIX"
	URL  string
}

// An Answer is whether a component is affected.
type Answer string

// The answers, from the worst.
const (
	// Affected: its version is affected, and it is not known that the packages in
	// question are not in the artifact.
	Affected Answer = "affected"

	// Doubt: it cannot be told; the Reason says why.
	Doubt Answer = "doubt"

	// NotLinked: its version is affected or may be, and what is affected in it is
	// not among its packages that are needed.
	NotLinked Answer = "not linked"

	// Unaffected: it is none of the packages, or a version of one that is not
	// affected.
	Unaffected Answer = "unaffected"
)

// rank returns the place of a among the answers, the worst last.
func (a Answer) rank() int {
	return slices.Index([]Answer{Unaffected, NotLinked, Doubt, Affected}, a)
}

// A Finding is what an Advisory says of a component.
type Finding struct {
	// Answer is whether the component is affected.
	Answer Answer

	// Package is the entry of the Advisory that the answer is from, the first one if
	// there are several. Nil if the component is none of the packages, or the
	// Advisory is withdrawn.
	Package *Package

	// Reason says why it is in [Doubt] or [Unaffected]. With [Affected] it says
	// what could have made it another answer, and is empty if nothing could.
	Reason string

	// Imports are the packages of a Go module because of which the component is
	// affected or in doubt: those that it has, or all that the Advisory names if it
	// is not known which it has.
	Imports []Import

	// Fixed is the lowest version above the component's that some range has as
	// fixed and that is not affected. With [Unaffected] it is the highest one that is
	// not above the component's: if there is one, the component is a version with the
	// fix, and else it was never affected. It is written as versions of the ecosystem
	// are, and is empty if there is none, or none can be told.
	Fixed string
}

// A Match is a component of a Document that an Advisory affects, or may affect.
type Match struct {
	Advisory  *Advisory
	Component *sbom.Component // the Document's own
	Chain     []string        // how it comes in, as [sbom.Document.Why] has it
	Finding
}

// PURLs returns the package URLs to look for, without versions, sorted and none
// twice. There are none if a is withdrawn.
//
// To find what may be one of them, look for the path whatever the case of its letters
// is, among package URLs, names of components without one, and what components
// replace; [Advisory.Affects] then tells of each.
func (a *Advisory) PURLs() []string {
	var purls []string
	for _, p := range a.Affected {
		if p.PURL != "" && a.Withdrawn.IsZero() {
			purls = append(purls, p.PURL)
		}
	}
	slices.Sort(purls)
	return slices.Compact(purls)
}

// Unknown returns what cannot be looked for, a sentence each. There is none if a is
// withdrawn.
func (a *Advisory) Unknown() []string {
	switch {
	case !a.Withdrawn.IsZero():
		return nil
	case len(a.Affected) == 0:
		return []string{"it names nothing that is affected"}
	}
	var unknown []string
	for i, p := range a.Affected {
		if p.Unknown != "" {
			unknown = append(unknown, fmt.Sprintf("affected[%d]: %s", i, p.Unknown))
		}
	}
	return unknown
}

// Affects returns what a says of c, which is the worst of what its entries say. What
// c is needed for, its Scope, is for the caller to see.
func (a *Advisory) Affects(c *sbom.Component) Finding {
	if !a.Withdrawn.IsZero() {
		return Finding{Answer: Unaffected, Reason: "the advisory was withdrawn on " + a.Withdrawn.UTC().Format(time.DateOnly)}
	}
	worst := Finding{Answer: Unaffected, Reason: "it is none of the packages"}
	var same []*Package // that c is, or may be
	version := ""
	for i := range a.Affected {
		p := &a.Affected[i]
		f, v := p.affects(c)
		switch {
		case f.Package == nil:
			continue
		case worst.Package == nil || f.Answer.rank() > worst.Answer.rank():
			worst = f
		case f.Answer == worst.Answer:
			worst.Imports = append(slices.Clip(worst.Imports), f.Imports...)
		}
		same, version = append(same, p), cmp.Or(v, version)
	}
	since, next := fixes(same, version)
	if worst.Fixed = next; worst.Answer == Unaffected {
		worst.Fixed = since
	}
	return worst
}

// Find returns the components of d that a affects, or may affect: all whose Answer is
// not [Unaffected], the main component first and then by Ref. The components' Refs
// must be as [sbom.Document.Check] wants them.
func (a *Advisory) Find(d *sbom.Document) []Match {
	var matches []Match
	for _, c := range d.All() {
		if f := a.Affects(c); f.Answer != Unaffected {
			matches = append(matches, Match{a, c, d.Why(c.Ref), f})
		}
	}
	return matches
}

// affects returns what p says of c, and the version of c. Its Package is nil if c is not
// p.
func (p *Package) affects(c *sbom.Component) (Finding, string) {
	if p.PURL == "" {
		return Finding{}, ""
	}
	query := sbom.Query{PURL: p.PURL}
	own := *c
	own.Replaces = ""
	m, is, err := query.Match(&own)
	if err == nil && !is {
		if m, is, err = query.Match(c); err == nil && is {
			// The version is that of something else.
			return Finding{Answer: Doubt, Package: p, Reason: m.Doubt, Imports: p.Imports}, ""
		}
	}
	if err != nil {
		return Finding{Answer: Doubt, Package: p, Reason: err.Error()}, ""
	}
	if !is {
		return Finding{}, ""
	}

	version := c.Version
	if have, err := purl.Parse(c.PURL); err == nil {
		version = cmp.Or(have.Version, c.Version)
	}
	version = p.version(version)
	in, doubt := p.Contains(version)
	if !in {
		return Finding{Answer: Unaffected, Package: p, Reason: fmt.Sprintf("%.100s is not in the versions that are affected", version)}, version
	}
	f := Finding{Answer: Affected, Package: p, Imports: p.Imports}
	if len(p.Imports) > 0 {
		if len(c.Packages) == 0 {
			f.Reason = "which of its packages are needed is not known"
		} else if f.Imports = p.linked(c.Packages); len(f.Imports) == 0 {
			return Finding{Answer: NotLinked, Package: p, Reason: "it is needed without the packages that are affected"}, version
		}
	}
	if m.Doubt != "" && doubt != "" {
		m.Doubt += "; "
	}
	if doubt = m.Doubt + doubt; doubt != "" {
		f.Answer, f.Reason = Doubt, doubt
	}
	return f, version
}

// linked returns those of p's imports that are among the packages of a module, which
// are directories in it.
func (p *Package) linked(packages []string) []Import {
	var linked []Import
	for _, i := range p.Imports {
		dir := i.Path
		if p.Name != "stdlib" && p.Name != "toolchain" {
			rest, ok := strings.CutPrefix(i.Path+"/", p.Name+"/")
			if !ok { // nobody can tell whether the module has it
				linked = append(linked, i)
				continue
			}
			dir = cmp.Or(strings.TrimSuffix(rest, "/"), ".")
		}
		if slices.Contains(packages, dir) {
			linked = append(linked, i)
		}
	}
	return linked
}
