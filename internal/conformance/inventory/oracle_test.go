package inventory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// An oracle answers what an inventory is asked, out of the Records themselves.
type oracle struct {
	records map[string]*known // by what makes them the same
}

// A known is a Record, and what is kept of it.
type known struct {
	inventory.Record
	title string // all that an Entry of it says
	parts map[string]*part
	edges map[[2]string]bool // labels of components of which one requires the other
	alike bool               // whether several components are kept as one
}

// A part is a component, or several that are kept as one.
type part struct {
	components []*sbom.Component
	depth      int // of a shortest way from the main component, with both ends; 0 if there is none
}

func text(t testing.TB, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// kept returns all that is kept of a component.
func kept(t testing.TB, c *sbom.Component) string {
	var distribution []hallmark.Digest
	if c.Distribution != nil {
		distribution = c.Distribution.Digests
	}
	var licenses [2]string
	if l := c.Licenses; l != nil {
		licenses = [2]string{l.Declared, l.Concluded}
	}
	digests := func(ds []hallmark.Digest) string { return fmt.Sprint(ds) }
	return text(t, []any{c.Type, c.Name, c.Group, c.Version, c.PURL, c.Replaces, digests(c.Digests), digests(distribution), strings.Join(c.Packages, " "), licenses})
}

func label(c *sbom.Component) string {
	switch {
	case c.PURL != "":
		return c.PURL
	case c.Group != "":
		return strings.TrimSpace(c.Group + "/" + c.Name + " " + c.Version)
	}
	return strings.TrimSpace(c.Name + " " + c.Version)
}

// entry returns all that an Entry says.
func entry(t testing.TB, e inventory.Entry) string {
	v := e.Trust.Verdict
	return text(t, []any{
		e.Artifact.Name, fmt.Sprint(e.Artifact.Digests), e.Build.Source, e.Build.Commit.String(), e.Build.Ref, e.Build.Workflow, e.Build.Builder,
		e.Build.Type, e.Build.Run, e.Build.Finished.UTC(), strings.Join(e.Signers, " "), v.Verdict, v.Policy.String(), v.At.UTC(), fmt.Sprint(v.Reasons),
		text(t, append([]any{}, len(v.Exceptions), fmt.Sprint(v.Exceptions))), e.Trust.Contents, e.Trust.Lapsed, strings.Join(e.Gaps, "; "), e.Parts, e.Complete,
	})
}

// add adds Records as Add does.
func (o *oracle) add(t testing.TB, records ...inventory.Record) {
	if o.records == nil {
		o.records = make(map[string]*known)
	}
	for _, r := range records {
		k := &known{Record: r, parts: make(map[string]*part), edges: make(map[[2]string]bool)}
		e := inventory.Entry{Artifact: r.Artifact, Build: r.Build, Signers: k.signers()}
		e.Trust = inventory.Trust{Verdict: r.Verdict, Contents: k.contents()}
		for _, x := range r.Verdict.Exceptions {
			e.Trust.Lapsed = e.Trust.Lapsed || !now().Before(x.Expires)
		}
		e.Gaps = k.gaps()
		var identity []string
		if d := r.Document; d != nil {
			labels := make(map[string]string)
			e.Complete = len(e.Gaps) == 0
			for _, c := range d.All() {
				labels[c.Ref] = label(c)
				e.Complete = e.Complete && c.Requirements == sbom.Complete
				content := kept(t, c)
				if c == &d.Main {
					content = "main " + content
				}
				p := k.parts[content]
				if p == nil {
					p = new(part)
					k.parts[content] = p
				} else {
					k.alike = true
				}
				p.components = append(p.components, c)
				if depth := len(d.Why(c.Ref)); depth > 0 && (p.depth == 0 || depth < p.depth) {
					p.depth = depth
				}
			}
			for from, tos := range d.Requires() {
				for _, to := range tos {
					k.edges[[2]string{labels[from], labels[to]}] = true
				}
			}
			e.Parts = len(k.parts) - 1
			for content, p := range k.parts {
				identity = append(identity, fmt.Sprint(p.depth, content))
			}
			slices.Sort(identity)
		}
		k.title = entry(t, e)

		digests := fmt.Sprint(r.Artifact.Digests)
		b := r.Build
		for _, in := range b.Inputs {
			identity = append(identity, fmt.Sprint(in))
		}
		b.Inputs = nil
		identity = append(identity, r.Artifact.Name, digests, fmt.Sprintf("%+v", b), r.Attested.String(), fmt.Sprint(r.Document == nil), strings.Join(k.signers(), " "))
		key := strings.Join(identity, "\n")
		old := o.records[key]
		decision := func(v inventory.Verdict) string {
			return text(t, []any{v.Verdict, v.Policy.String(), v.Reasons, v.Exceptions})
		}
		if old == nil || r.Verdict.At.After(old.Verdict.At) || r.Verdict.At.Equal(old.Verdict.At) && decision(r.Verdict) == decision(old.Verdict) {
			o.records[key] = k
		}
	}
}

func (k *known) contents() inventory.Contents {
	switch {
	case k.Document == nil:
		return inventory.NoSBOM
	case k.Attested.IsZero():
		return inventory.Unattested
	}
	return inventory.Attested
}

func (k *known) signers() (names []string) {
	for _, e := range k.Evidence {
		if e.Claims != nil {
			names = append(names, e.Claims.Subject)
			continue
		}
		for _, key := range e.Keys {
			names = append(names, key.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (k *known) gaps() []string {
	gaps := slices.Clone(k.Gaps)
	switch d := k.Document; {
	case d != nil:
		for _, s := range d.Unknown {
			gaps = append(gaps, "the SBOM does not tell: "+s)
		}
		for _, target := range d.Targets {
			for _, s := range target.Unknown {
				gaps = append(gaps, "the SBOM does not tell for "+target.Name+": "+s)
			}
		}
		for _, h := range d.Main.Digests {
			if want := k.Artifact.Digest(h.Algorithm()); !want.IsZero() && want != h {
				gaps = append(gaps, fmt.Sprintf("the SBOM is about %s, and the artifact is %s", h, want))
			}
		}
	case len(gaps) == 0:
		gaps = append(gaps, "there is no SBOM")
	}
	return gaps
}

// is reports whether k is one that f asks for.
func (k *known) is(f inventory.Filter) bool {
	b := k.Build
	either := func(given bool, holds bool) bool { return !given || holds }
	keys := func() bool {
		for _, e := range k.Evidence {
			if e.Claims == nil && slices.Contains(e.Keys, f.Key) {
				return true
			}
		}
		return false
	}
	input := func() bool {
		for _, in := range b.Inputs {
			if slices.Contains(in.Digests, f.Input) {
				return true
			}
		}
		return false
	}
	verdict := f.Verdict
	if verdict == "none" {
		verdict = ""
	}
	return either(!f.Digest.IsZero(), slices.Contains(k.Artifact.Digests, f.Digest)) &&
		either(f.Name != "", k.Artifact.Name == f.Name) &&
		either(f.Source != "", b.Source == f.Source) &&
		either(!f.Commit.IsZero(), b.Commit == f.Commit) &&
		either(f.Workflow != "", b.Workflow == f.Workflow) &&
		either(f.Builder != "", b.Builder == f.Builder || strings.HasPrefix(b.Builder, f.Builder+"@")) &&
		either(f.Signer != "", slices.Contains(k.signers(), f.Signer)) &&
		either(!f.Key.IsZero(), keys()) &&
		either(!f.Input.IsZero(), input()) &&
		either(!f.After.IsZero(), b.Finished.IsZero() || !b.Finished.Before(f.After)) &&
		either(!f.Before.IsZero(), b.Finished.IsZero() || b.Finished.Before(f.Before)) &&
		either(f.Verdict != "", k.Verdict.Verdict == verdict) &&
		either(f.Contents != "", k.contents() == f.Contents) &&
		either(f.Incomplete, len(k.gaps()) > 0)
}

// artifacts returns all that Artifacts has to say, sorted.
func (o *oracle) artifacts(f inventory.Filter) (titles []string) {
	for _, k := range o.records {
		if k.is(f) {
			titles = append(titles, k.title)
		}
	}
	slices.Sort(titles)
	return titles
}

// A hit is a component of an artifact, and the Document that it is in.
type hit struct {
	*known
	*part
}

// affected returns all that Affected has to say or, with an advisory, that Advisory has.
func (o *oracle) affected(t testing.TB, a *osv.Advisory, q inventory.Query) (map[string][]hit, error) {
	if _, err := (&sbom.Document{}).Find(q.Package); err != nil && q.Package != (sbom.Query{}) {
		return nil, err
	}
	hits := make(map[string][]hit)
	for _, k := range o.records {
		if k.Document == nil || !k.is(q.Of) {
			continue
		}
		doubts := make(map[*sbom.Component]string)
		switch {
		case a != nil:
			for _, m := range a.Find(k.Document) {
				doubts[m.Component] = ""
				if m.Answer == osv.Doubt {
					doubts[m.Component] = m.Reason
				}
			}
		case q.Package == (sbom.Query{}):
			for _, c := range k.Document.All() {
				doubts[c] = ""
			}
		default:
			matches, err := k.Document.Find(q.Package)
			if err != nil {
				return nil, err
			}
			for _, m := range matches {
				doubts[m.Component] = m.Doubt
			}
		}
		for content, p := range k.parts {
			c := p.components[0]
			doubt, ok := doubts[c]
			if !ok || !q.Digest.IsZero() && !slices.Contains(c.Digests, q.Digest) {
				continue
			}
			if q.License != "" {
				var ids []string
				if l := c.Licenses; l != nil {
					for _, expression := range []string{l.Declared, l.Concluded} {
						some, _ := sbom.LicenseIDs(expression)
						ids = append(ids, some...)
					}
				}
				if !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, q.License) }) {
					continue
				}
			}
			key := strings.Join([]string{k.title, strings.TrimPrefix(content, "main "), doubt, fmt.Sprint(p.depth > 0)}, "\n")
			hits[key] = append(hits[key], hit{k, p})
		}
	}
	return hits, nil
}

// A question is a Query, or an advisory with a Filter, and its answer.
type question struct {
	inventory.Query
	advisory *osv.Advisory
	hits     map[string][]hit
	err      error
}

func (o *oracle) question(t testing.TB, q inventory.Query) question {
	hits, err := o.affected(t, nil, q)
	return question{q, nil, hits, err}
}

func (o *oracle) advisory(t testing.TB, a *osv.Advisory, of inventory.Filter) question {
	q := inventory.Query{Of: of}
	hits, err := o.affected(t, a, q)
	return question{q, a, hits, err}
}

// compare compares the answer of v with the one that q has, and returns how many hits there
// are.
func (q question) compare(t *testing.T, v *inventory.Inventory) int {
	t.Helper()
	got := make(map[string]bool)
	answers := v.Affected(t.Context(), q.Query)
	if q.advisory != nil {
		answers = v.Advisory(t.Context(), q.advisory, q.Of, nil)
	}
	for h, err := range answers {
		if err != nil {
			if q.err == nil {
				t.Errorf("%+v: error %v", q.Query, err)
			}
			return 0
		}
		key := strings.Join([]string{entry(t, h.Entry), kept(t, h.Component), h.Doubt, fmt.Sprint(h.Path != nil)}, "\n")
		got[key] = true
		hits := q.hits[key]
		if hits == nil {
			t.Errorf("%+v: found\n%s\nwhich is not in the Documents", q.Query, key)
			continue
		}
		if h.Path != nil && !slices.ContainsFunc(hits, func(k hit) bool { return k.leads(h.Path, h.Component) }) {
			t.Errorf("%+v: found\n%s\nby way of %q, which is no shortest one", q.Query, key, h.Path)
		}
	}
	if q.err != nil {
		t.Errorf("%+v: no error, want %v", q.Query, q.err)
	}
	for key := range q.hits {
		if !got[key] {
			t.Errorf("%+v: did not find\n%s", q.Query, key)
		}
	}
	return len(got)
}

// leads reports whether path is a shortest way to c.
func (k hit) leads(path []string, c *sbom.Component) bool {
	if path[0] != label(&k.Document.Main) || path[len(path)-1] != label(c) || len(path) > k.depth || len(path) < k.depth && !k.alike {
		return false
	}
	for i := range path[1:] {
		if !k.edges[[2]string{path[i], path[i+1]}] {
			return false
		}
	}
	return true
}

// compareArtifacts compares the answers of v with those of o.
func (o *oracle) compareArtifacts(t *testing.T, v *inventory.Inventory, f inventory.Filter) int {
	t.Helper()
	var got []string
	for _, e := range all(t, v.Artifacts(t.Context(), f)) {
		got = append(got, entry(t, e))
	}
	slices.Sort(got)
	want := o.artifacts(f)
	if !slices.Equal(got, want) {
		t.Errorf("%+v: %d artifacts, want %d", f, len(got), len(want))
		for _, s := range got {
			if !slices.Contains(want, s) {
				t.Errorf("not wanted:\n%s", s)
			}
		}
		for _, s := range want {
			if !slices.Contains(got, s) {
				t.Errorf("wanted:\n%s", s)
			}
		}
	}
	return len(got)
}
