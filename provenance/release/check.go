package release

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A Kind is what a statement is about. One whose predicate has no Kind below is
// of the Kind that is its predicate type.
type Kind string

const (
	Provenance Kind = "provenance"         // SLSA Build provenance, of any version
	SBOM       Kind = "SBOM"               // CycloneDX or SPDX, of any version
	TestResult Kind = "test result"        // of in-toto
	Scan       Kind = "vulnerability scan" // of in-toto, or Cosign's
)

// KindOf returns the Kind of statements with the predicate type.
func KindOf(predicateType string) Kind {
	switch predicateType {
	case provenance.PredicateType, provenance.PredicateTypeV02, provenance.PredicateTypeV01:
		return Provenance
	case provenance.TestResultType:
		return TestResult
	case provenance.VulnsType, provenance.VulnsTypeV01, provenance.CosignVulnsType:
		return Scan
	}
	for _, t := range []string{provenance.CycloneDXType, provenance.SPDXType} {
		if predicateType == t || strings.HasPrefix(predicateType, t+"/v") {
			return SBOM
		}
	}
	return Kind(predicateType)
}

// Rules say what the artifacts of a release need. Provenance they need in any
// case, and a statement of every Kind that one of them has.
type Rules struct {
	// Needs are further Kinds that each needs.
	Needs []Kind

	// Exempt are the Kinds that an artifact does not need, by its name: a file of
	// checksums has no SBOM. No artifact is exempt from Provenance.
	Exempt map[string][]Kind
}

// A Fault is what is wrong in a release.
type Fault string

const (
	// Invalid is a statement with an error that Validate finds, or an artifact
	// without a name or digest that identifies it.
	Invalid Fault = "invalid"

	// Missing is an artifact without a statement of a Kind that it needs, or a
	// statement that the provenance names and that is not there.
	Missing Fault = "missing"

	// Extra is a statement about something that is not an artifact of the release.
	Extra Fault = "extra"

	// Mismatch is a statement about another digest than that of the artifact
	// whose name it has, or that has one right digest and a wrong one.
	Mismatch Fault = "mismatch"

	// Differs is an artifact with two statements that contradict each other: two
	// builds that are not equivalent, or two different SBOMs of one predicate type.
	Differs Fault = "differs"

	// Versions is a release of more than one version or commit.
	Versions Fault = "versions"
)

// A Finding is one thing that is wrong.
type Finding struct {
	// Fault is what is wrong.
	Fault Fault

	// Kind is that of the statement that is wrong or not there; empty if it is
	// none.
	Kind Kind

	// Artifact is the name of the artifact or subject; empty if it is all of them.
	Artifact string

	// Text says it all, in one line.
	Text string
}

func (f Finding) String() string { return string(f.Fault) + ": " + f.Text }

// A Report is what is wrong in a release.
type Report struct {
	// Findings come in the order of the Faults above, then by Artifact, Kind and
	// Text. None means that the release is complete.
	Findings []Finding
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// String returns a line for every finding, but at most twenty of each Fault.
func (r *Report) String() string {
	if r.OK() {
		return "the release is complete\n"
	}
	const most = 20
	var b strings.Builder
	total, n := make(map[Fault]int), 0
	for _, f := range r.Findings {
		total[f.Fault]++
	}
	for i, f := range r.Findings {
		if i == 0 || f.Fault != r.Findings[i-1].Fault {
			n = 0
		}
		switch n++; {
		case n <= most:
			fmt.Fprintln(&b, f)
		case n == total[f.Fault]:
			fmt.Fprintf(&b, "%s: and %d more\n", f.Fault, n-most)
		}
	}
	return b.String()
}

// Check reports whether statements are those of a release of subjects. Artifacts
// are found by their secure digests alone. It reads no signatures: give it the
// statements of envelopes that have been verified. The order of statements and
// subjects does not matter.
//
// A statement about the commit that one of the builds was made from is about the
// source of the release: it is not extra, and no artifact's.
//
// What the version is, the tag of the provenance's source says, the main component
// of an SBOM in CycloneDX or SPDX, and the package URL of a [provenance.Release].
// A leading v and Go's +incompatible make no difference.
func Check(statements []*provenance.Statement, subjects []hallmark.Artifact, rules Rules) *Report {
	return check(statements, subjects, rules, nil)
}

// check is Check. payloads are the digests of the statements, as far as they are
// named; nil if they are not known.
func check(statements []*provenance.Statement, subjects []hallmark.Artifact, rules Rules, payloads map[string]bool) *Report {
	c := checker{
		statements: slices.Clone(statements), subjects: subjects,
		about: make([]map[Kind][]int, len(subjects)), payloads: payloads,
	}
	slices.SortFunc(c.statements, func(a, b *provenance.Statement) int {
		return cmp.Or(
			strings.Compare(a.PredicateType, b.PredicateType),
			bytes.Compare(a.Predicate, b.Predicate),
			slices.CompareFunc(a.Subjects, b.Subjects, func(a, b provenance.ResourceDescriptor) int { return strings.Compare(a.Name, b.Name) }),
		)
	})
	for _, s := range c.statements {
		if KindOf(s.PredicateType) != Provenance {
			continue
		}
		if b, err := provenance.ParseBuild(s); err == nil { // else it will be found invalid
			c.builds = append(c.builds, b)
		}
	}
	c.match()
	c.missing(rules)
	c.references()
	c.differences()
	c.versions()

	rank := func(f Fault) int {
		return slices.Index([]Fault{Invalid, Missing, Extra, Mismatch, Differs, Versions}, f)
	}
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank(a.Fault), rank(b.Fault)),
			strings.Compare(a.Artifact, b.Artifact),
			strings.Compare(string(a.Kind), string(b.Kind)),
			strings.Compare(a.Text, b.Text),
		)
	})
	return &Report{slices.Compact(c.findings)}
}

type checker struct {
	statements []*provenance.Statement
	subjects   []hallmark.Artifact
	about      []map[Kind][]int // the statements about each subject
	builds     []*provenance.Build
	payloads   map[string]bool
	findings   []Finding
}

func (c *checker) add(fault Fault, kind Kind, artifact, format string, a ...any) {
	c.findings = append(c.findings, Finding{fault, kind, artifact, fmt.Sprintf(format, a...)})
}

// match finds what each statement is about.
func (c *checker) match() {
	byDigest := make(map[hallmark.Digest][]int)
	byName := make(map[string]int)
	for i, a := range c.subjects {
		c.about[i] = make(map[Kind][]int)
		if _, ok := byName[a.Name]; ok || a.Name == "" {
			c.add(Invalid, "", a.Name, "an artifact has the name %.200q, want one of its own", a.Name)
		} else {
			byName[a.Name] = i
		}
		secure := false
		for _, d := range a.Digests {
			if d.Secure() {
				secure = true
				byDigest[d] = append(byDigest[d], i)
			}
		}
		if !secure {
			c.add(Invalid, "", a.Name, "artifact %.200q has no digest by which it can be found", a.Name)
		}
	}
	sources := make(map[string]bool)
	for _, b := range c.builds {
		if source, _ := b.Source(); !source.Commit.IsZero() {
			sources[source.Commit.Hex()] = true
		}
	}
	for n, s := range c.statements {
		kind := KindOf(s.PredicateType)
		for _, p := range s.Validate() {
			if p.Severity == provenance.Error {
				c.add(Invalid, kind, "", "%s: %s", kind, p)
			}
		}
		for _, subject := range s.Subjects {
			found := false
			for _, d := range subject.Digest.Digests() {
				for _, i := range byDigest[d] { // only secure ones are there
					found = true
					if had := c.about[i][kind]; len(had) == 0 || had[len(had)-1] != n {
						c.about[i][kind] = append(had, n)
					}
					for _, other := range subject.Digest.Digests() {
						if want := c.subjects[i].Digest(other.Algorithm()); !want.IsZero() && want != other {
							c.add(Mismatch, kind, c.subjects[i].Name, "%s of %.200q has its digest %s and another one, %s, want %s", kind, c.subjects[i].Name, d, other, want)
						}
					}
				}
			}
			if found {
				continue
			}
			what := digests(subject.Digest.Digests())
			if i, ok := byName[subject.Name]; ok && subject.Name != "" {
				c.add(Mismatch, kind, subject.Name, "%s of %.200q is about %.200s, the artifact is %s", kind, subject.Name, what, digests(c.subjects[i].Digests))
			} else if !sources[subject.Digest["gitCommit"]] {
				c.add(Extra, kind, subject.Name, "%s of %.200q (%.200s), which is not in the release", kind, cmp.Or(subject.Name, subject.URI), what)
			}
		}
	}
}

func digests(ds []hallmark.Digest) string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return cmp.Or(strings.Join(all, ", "), "no digest")
}

// missing finds what artifacts need and do not have.
func (c *checker) missing(rules Rules) {
	needed := map[Kind]bool{Provenance: true}
	for _, k := range rules.Needs {
		needed[k] = true
	}
	for _, kinds := range c.about {
		for k := range kinds {
			needed[k] = true
		}
	}
	for i, a := range c.subjects {
		for k := range needed {
			exempt := k != Provenance && slices.Contains(rules.Exempt[a.Name], k)
			if !exempt && len(c.about[i][k]) == 0 {
				c.add(Missing, k, a.Name, "%.200q has no %s", a.Name, k)
			}
		}
	}
}

// references finds the statements that a provenance names and that are not there.
func (c *checker) references() {
	for _, b := range c.builds {
		for _, d := range b.Byproducts {
			t, ok := d.Annotations[annotationPredicateType].(string)
			if !ok || d.MediaType != provenance.MediaType {
				continue
			}
			if c.payloads == nil {
				c.payloads = make(map[string]bool)
				for _, s := range c.statements {
					// One that cannot be written has been found invalid.
					if sum, err := payloadDigest(s); err == nil {
						c.payloads[sum] = true
					}
				}
			}
			if !c.payloads[d.Digest["sha256"]] {
				c.add(Missing, KindOf(t), "", "the provenance names a statement (%s, %s) that is not there", KindOf(t), digests(d.Digest.Digests()))
			}
		}
	}
}

// differences finds statements about one artifact that contradict each other.
func (c *checker) differences() {
	// Those that are compared with another are so once for all of their artifacts.
	type pair struct{ a, b int }
	compared := make(map[pair]string)
	for i, artifact := range c.subjects {
		for _, n := range c.about[i][Provenance] {
			p := pair{c.about[i][Provenance][0], n}
			if p.a == p.b {
				continue
			}
			text, ok := compared[p]
			if !ok {
				text = c.compare(p.a, p.b)
				compared[p] = text
			}
			if text != "" {
				c.add(Differs, Provenance, artifact.Name, "two builds of %.200q differ: %s", artifact.Name, text)
			}
		}
		first := make(map[string]int)
		for _, n := range c.about[i][SBOM] {
			t := c.statements[n].PredicateType
			m, ok := first[t]
			if !ok {
				first[t] = n
				continue
			}
			p := pair{m, n}
			text, ok := compared[p]
			if !ok {
				a, errA := strictjson.Append(nil, c.statements[m].Predicate)
				b, errB := strictjson.Append(nil, c.statements[n].Predicate)
				if errA != nil || errB != nil || !bytes.Equal(a, b) {
					text = "differ"
				}
				compared[p] = text
			}
			if text != "" {
				c.add(Differs, SBOM, artifact.Name, "two SBOMs of %.200q with the type %s differ", artifact.Name, t)
			}
		}
	}
}

// compare returns how two builds differ, or "" if they do not.
func (c *checker) compare(a, b int) string {
	// Each may have more subjects than the other.
	var both [2]provenance.Statement
	for i, n := range []int{a, b} {
		both[i] = *c.statements[n]
		both[i].Subjects = nil
	}
	ds, err := provenance.Equivalent(&both[0], &both[1])
	if err != nil || len(ds) == 0 { // what is malformed has been found invalid
		return ""
	}
	text := ds[0].String()
	if n := len(ds) - 1; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
}

// versions finds a release of several.
func (c *checker) versions() {
	said := make(map[string]map[string]bool)    // who says it, by version
	commits := make(map[string]map[string]bool) // by repository
	say := func(version, who string) {
		version = strings.TrimSuffix(strings.TrimPrefix(version, "v"), "+incompatible")
		if version == "" || version[0] < '0' || version[0] > '9' {
			return // "(devel)", "nightly"
		}
		if said[version] == nil {
			said[version] = make(map[string]bool)
		}
		said[version][who] = true
	}
	for _, b := range c.builds {
		source, _ := b.Source()
		if tag, ok := strings.CutPrefix(source.Ref, "refs/tags/"); ok {
			say(tag[strings.LastIndex(tag, "/")+1:], "the tag of the provenance")
		}
		if !source.Commit.IsZero() {
			if commits[source.Repository] == nil {
				commits[source.Repository] = make(map[string]bool)
			}
			commits[source.Repository][source.Commit.Hex()] = true
		}
	}
	for _, s := range c.statements {
		switch KindOf(s.PredicateType) {
		case SBOM:
			for _, v := range mainVersions(s.Predicate) {
				say(v, "an SBOM")
			}
		case Kind(provenance.ReleaseType), Kind(provenance.ReleaseTypeV01):
			if r, err := provenance.ParseRelease(s); err == nil {
				if p, err := purl.Parse(r.PURL); err == nil {
					say(p.Version, "the release")
				}
			}
		}
	}
	if len(said) > 1 {
		var all []string
		for _, v := range slices.Sorted(maps.Keys(said)) {
			all = append(all, fmt.Sprintf("%.100s (%s)", v, strings.Join(slices.Sorted(maps.Keys(said[v])), ", ")))
		}
		c.add(Versions, "", "", "the statements are of %d versions: %s", len(said), strings.Join(all, "; "))
	}
	for _, r := range slices.Sorted(maps.Keys(commits)) {
		if n := len(commits[r]); n > 1 {
			c.add(Versions, Provenance, "", "the artifacts were built from %d commits of %s: %s", n, r, strings.Join(slices.Sorted(maps.Keys(commits[r])), ", "))
		}
	}
}

// mainVersions returns the versions of what an SBOM is about, as far as it says
// them and is well formed.
func mainVersions(document []byte) []string {
	v, err := strictjson.Value(document)
	if err != nil {
		return nil
	}
	get := func(v any, path ...string) any {
		for _, name := range path {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		return v
	}
	list := func(v any, path ...string) []any {
		l, _ := get(v, path...).([]any)
		return l
	}
	var versions []string
	keep := func(v any) {
		if s, ok := v.(string); ok {
			versions = append(versions, s)
		}
	}
	// CycloneDX
	keep(get(v, "metadata", "component", "version"))
	// SPDX 2
	described := make(map[any]bool)
	for _, id := range list(v, "documentDescribes") {
		if s, ok := id.(string); ok {
			described[s] = true
		}
	}
	for _, r := range list(v, "relationships") {
		if get(r, "spdxElementId") == "SPDXRef-DOCUMENT" && get(r, "relationshipType") == "DESCRIBES" {
			if s, ok := get(r, "relatedSpdxElement").(string); ok {
				described[s] = true
			}
		}
	}
	for _, p := range list(v, "packages") {
		if id, ok := get(p, "SPDXID").(string); ok && described[id] {
			keep(get(p, "versionInfo"))
		}
	}
	// SPDX 3: what the document, or a bill of materials in it, has as its root.
	for _, e := range list(v, "@graph") {
		for _, id := range list(e, "rootElement") {
			if s, ok := id.(string); ok {
				described[s] = true
			}
		}
	}
	for _, e := range list(v, "@graph") {
		if id, ok := get(e, "spdxId").(string); ok && described[id] {
			keep(get(e, "software_packageVersion"))
		}
	}
	return versions
}
