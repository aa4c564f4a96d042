package inventory_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// A made is an artifact with all its Records, for the oracle.
type made struct {
	inventory.Entry
	digests map[hallmark.Digest]bool
	names   []string
	inputs  map[hallmark.Digest]bool
}

// makings puts together the Records of each artifact, by the digest that it goes by.
func makings(records []inventory.Record) map[hallmark.Digest]*made {
	all := make(map[hallmark.Digest]*made)
	for _, r := range records {
		e := inventory.Entry{Artifact: r.Artifact, Build: r.Build}
		m := all[e.Digest()]
		if m == nil {
			m = &made{e, make(map[hallmark.Digest]bool), nil, make(map[hallmark.Digest]bool)}
			all[e.Digest()] = m
		}
		m.names = append(m.names, r.Artifact.Name)
		for _, d := range r.Artifact.Digests {
			m.digests[d] = true
		}
		for _, in := range r.Build.Inputs {
			for _, d := range in.Digests {
				m.inputs[d] = true
			}
		}
		if r.Document != nil {
			for i := range r.Document.Components {
				c := &r.Document.Components[i]
				for _, d := range c.Digests {
					m.inputs[d] = true
				}
				if c.Distribution != nil {
					for _, d := range c.Distribution.Digests {
						m.inputs[d] = true
					}
				}
			}
		}
	}
	return all
}

// took reports whether a took b in.
func (a *made) took(b *made) bool {
	for d := range b.digests {
		if a.inputs[d] {
			return true
		}
	}
	return false
}

// both runs a test on both kinds of databases. How the rows came into them does not matter
// here.
func both(t *testing.T, f func(t *testing.T, d database)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newSQLite(t)) })
	t.Run("postgresql", func(t *testing.T) { f(t, newPostgreSQL(t)) })
}

// The order of rebuilding is what its definition says, over all pairs of artifacts.
func TestRebuild(t *testing.T) {
	f := fleet.New(3, fleet.Options{Services: 40, Builds: 5, Components: 8})
	var records []inventory.Record
	for r := range f.Records() {
		records = append(records, r)
	}
	artifacts := makings(records)
	runs := make(map[hallmark.Digest]bool)
	var deployments []inventory.Deployment
	for d := range f.Deployments() {
		deployments = append(deployments, inventory.Deployment(d))
		if d.To.IsZero() {
			runs[d.Digest] = true
		}
	}
	last := make(map[string]time.Time)
	for _, m := range artifacts {
		if name := m.Artifact.Name; m.Build.Finished.After(last[name]) {
			last[name] = m.Build.Finished
		}
	}

	both(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 70)
		if err := v.Deploy(t.Context(), deployments...); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(4, 4))
		deepest := 0
		for n := range 16 {
			o := inventory.RebuildOptions{Deployed: n%4 == 1 || n%4 == 3, Latest: n%4 >= 2}
			var ask []hallmark.Digest
			for range 1 + r.IntN(3) {
				ask = append(ask, f.Digest(r.IntN(12), r.IntN(5)))
			}
			if n%8 == 0 { // what is no artifact of the fleet
				ask = append(ask, records[0].Build.Inputs[0].Digests...)
			}
			steps, err := v.Rebuild(t.Context(), o, ask...)
			if err != nil {
				t.Fatal(err)
			}

			// The closure: again and again, until nothing comes to it.
			in := make(map[hallmark.Digest]bool)
			for changed := true; changed; {
				changed = false
				for id, m := range artifacts {
					if in[id] {
						continue
					}
					affected := slices.Contains(ask, id)
					for _, d := range ask {
						affected = affected || m.inputs[d]
					}
					for other := range in {
						affected = affected || m.took(artifacts[other])
					}
					if affected {
						in[id], changed = true, true
					}
				}
			}
			// What is asked for, and what that took in.
			needed := make(map[hallmark.Digest]bool)
			for id := range in {
				m := artifacts[id]
				if o == (inventory.RebuildOptions{}) || o.Deployed && runs[id] || o.Latest && m.Build.Finished.Equal(last[m.Artifact.Name]) {
					needed[id] = true
				}
			}
			for changed := true; changed; {
				changed = false
				for id := range needed {
					for other := range in {
						if !needed[other] && artifacts[id].took(artifacts[other]) {
							needed[other], changed = true, true
						}
					}
				}
			}
			var round func(id hallmark.Digest) int
			rounds := make(map[hallmark.Digest]int)
			round = func(id hallmark.Digest) int {
				if rounds[id] == 0 {
					most := 1
					for other := range needed {
						if other != id && artifacts[id].took(artifacts[other]) {
							most = max(most, round(other)+1)
						}
					}
					rounds[id] = most
				}
				return rounds[id]
			}

			if len(steps) != len(needed) {
				t.Errorf("%d: %d steps, want %d", n, len(steps), len(needed))
			}
			for i, s := range steps {
				id := s.Entry.Digest()
				deepest = max(deepest, s.Round)
				if !needed[id] || s.Round != round(id) || s.Asked != slices.Contains(ask, id) || s.Circle != nil {
					t.Errorf("%d: %s in round %d, want %d: asked for %v", n, s.Entry.Title(), s.Round, round(id), s.Asked)
				}
				if want := artifacts[id].Build; s.Entry.Build.Commit != want.Commit || s.Entry.Build.Workflow != want.Workflow || s.Entry.Build.Source != want.Source {
					t.Errorf("%d: %+v, want %+v", n, s.Entry.Build, want)
				}
				var after []hallmark.Digest
				for other := range needed {
					if other != id && artifacts[id].took(artifacts[other]) {
						after = append(after, other)
					}
				}
				slices.SortFunc(after, func(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) })
				if !slices.Equal(s.After, after) {
					t.Errorf("%d: %s after %v, want %v", n, s.Entry.Title(), s.After, after)
				}
				if len(s.Outside) > 0 != (n%8 == 0 && artifacts[id].inputs[ask[len(ask)-1]]) {
					t.Errorf("%d: %s with %v from outside", n, s.Entry.Title(), s.Outside)
				}
				if i > 0 && (steps[i-1].Round > s.Round || steps[i-1].Round == s.Round && steps[i-1].Entry.Title() > s.Entry.Title()) {
					t.Errorf("%d: %s comes before %s", n, steps[i-1].Entry.Title(), s.Entry.Title())
				}
			}
		}
		if deepest < 3 {
			t.Errorf("no more than %d rounds: too few to tell", deepest)
		}
	})
}

// What runs is what was told, in whatever order and however often.
func TestDeployments(t *testing.T) {
	var records []inventory.Record
	for seed := range uint64(6) {
		records = append(records, fleet.Odd(seed, true)...)
	}
	artifacts := makings(records)
	ids := slices.SortedFunc(maps.Keys(artifacts), func(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) })
	for _, hex := range []string{"a", "b", "c"} { // that are in no record
		d, err := hallmark.ParseDigest("sha256:" + strings.Repeat(hex, 64))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d)
	}
	both(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 100)
		type key struct {
			digest               hallmark.Digest
			environment, service string
			from                 time.Time
		}
		want := make(map[key]time.Time)
		start := fleet.OddStart()
		r := rand.New(rand.NewPCG(9, 9))
		tell := func(d inventory.Deployment) {
			k := key{d.Digest, d.Environment, d.Service, d.From}
			if end, ok := want[k]; !ok || d.To.After(end) {
				want[k] = d.To
			}
		}
		check := func(what string, f inventory.Filter) {
			t.Helper()
			var got, wanted []string
			lines := func(digest hallmark.Digest, environment, service string, from, to time.Time, there bool) string {
				return fmt.Sprintf("%s\x00%s\x00%s\x00%d|%d|%v", environment, service, digest, from.Unix(), to.Unix(), there)
			}
			for _, d := range all(t, v.Deployments(t.Context(), f)) {
				if d.Entry != nil && !artifacts[d.Entry.Digest()].digests[d.Digest] {
					t.Errorf("%s: %s is said to be %s", what, d.Digest, d.Entry.Title())
				}
				got = append(got, lines(d.Digest, d.Environment, d.Service, d.From.UTC(), d.To.UTC(), d.Entry != nil))
			}
			for k, to := range want {
				m := artifacts[k.digest]
				if f.Deployed && !to.IsZero() || f.Name != "" && (m == nil || !slices.Contains(m.names, f.Name)) || !f.Digest.IsZero() && (m == nil || !m.digests[f.Digest]) {
					continue
				}
				wanted = append(wanted, lines(k.digest, k.environment, k.service, k.from.UTC(), to.UTC(), m != nil))
			}
			if !slices.IsSortedFunc(got, func(a, b string) int { // by place and digest
				return cmp.Compare(a[:strings.LastIndex(a, "\x00")], b[:strings.LastIndex(b, "\x00")])
			}) {
				t.Errorf("%s: not sorted", what)
			}
			slices.Sort(got)
			slices.Sort(wanted)
			if !slices.Equal(got, wanted) {
				t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
			}
		}

		var list []inventory.Deployment
		for range 200 {
			d := inventory.Deployment{Digest: ids[r.IntN(len(ids))], Environment: []string{"", "a", "Ü"}[r.IntN(3)], Service: fmt.Sprint("s", r.IntN(4))}
			if r.IntN(4) > 0 {
				d.From = start.Add(time.Duration(r.IntN(5)) * time.Hour)
			}
			if r.IntN(2) == 0 {
				d.To = start.Add(time.Duration(5+r.IntN(5)) * time.Hour)
			}
			list = append(list, d)
			tell(d)
		}
		for range 2 {
			r.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
			if err := v.Deploy(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
		}
		check("after deployments", inventory.Filter{})
		check("what runs", inventory.Filter{Deployed: true})
		check("by name", inventory.Filter{Name: records[0].Artifact.Name})
		check("by digest", inventory.Filter{Digest: ids[0]})
		check("by digest, what runs", inventory.Filter{Digest: ids[1], Deployed: true})

		// Looks at an environment, one after the other.
		for n := range 8 {
			at := start.Add(time.Duration(20+n) * time.Hour)
			environment := []string{"a", "Ü", "new"}[n%3]
			var now []inventory.Deployment
			seen := make(map[[2]string]bool)
			for range r.IntN(12) {
				d := inventory.Deployment{Digest: ids[r.IntN(len(ids))], Service: fmt.Sprint("s", r.IntN(4))}
				if r.IntN(3) == 0 {
					d.From = at.Add(-time.Duration(r.IntN(100)) * time.Minute)
				}
				if k := [2]string{d.Digest.String(), d.Service}; !seen[k] {
					seen[k] = true
					now = append(now, d)
				}
			}
			for k, to := range want {
				if k.environment == environment && to.IsZero() && !seen[[2]string{k.digest.String(), k.service}] {
					want[k] = at
				}
			}
			for _, d := range now {
				running := false
				for k, to := range want {
					running = running || k.environment == environment && k.digest == d.Digest && k.service == d.Service && to.IsZero()
				}
				if !running {
					want[key{d.Digest, environment, d.Service, cmp.Or(d.From, at)}] = time.Time{}
				}
			}
			for range 2 { // twice is as once
				if err := v.Snapshot(t.Context(), environment, at, now...); err != nil {
					t.Fatal(err)
				}
			}
			check(fmt.Sprint("after look ", n), inventory.Filter{})
			if err := v.Snapshot(t.Context(), environment, at.Add(-time.Minute)); err == nil || !strings.Contains(err.Error(), "and there is one of") {
				t.Errorf("an older look: %v", err)
			}
		}
		check("what runs in the end", inventory.Filter{Deployed: true})

		// What has ended before the look, and what is malformed, with nothing done.
		at := start.Add(40 * time.Hour)
		if err := v.Snapshot(t.Context(), "jobs", at, inventory.Deployment{Digest: ids[0], Service: "backup", From: start, To: at.Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
		want[key{ids[0], "jobs", "backup", start}] = at.Add(-time.Hour)
		good := inventory.Deployment{Digest: ids[0], Service: "good"}
		for what, bad := range map[string]inventory.Deployment{
			"no digest":       {Service: "s"},
			"a long name":     {Digest: ids[0], Service: strings.Repeat("s", 1025)},
			"no text":         {Digest: ids[0], Service: "\xff"},
			"a NUL":           {Digest: ids[0], Service: "a\x00b"},
			"before 1970":     {Digest: ids[0], From: time.Unix(-1, 0)},
			"backwards":       {Digest: ids[0], From: at, To: at.Add(-time.Second)},
			"after year 9999": {Digest: ids[0], From: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		} {
			if err := v.Deploy(t.Context(), good, bad); err == nil || !strings.HasPrefix(err.Error(), "inventory: deploy: deployment 1: ") {
				t.Errorf("%s: %v", what, err)
			}
			if err := v.Snapshot(t.Context(), "jobs", at.Add(time.Hour), good, bad); err == nil || !strings.HasPrefix(err.Error(), "inventory: snapshot: deployment 1") {
				t.Errorf("%s: %v", what, err)
			}
		}
		for what, err := range map[string]error{
			"another environment": v.Snapshot(t.Context(), "jobs", at, inventory.Deployment{Digest: ids[0], Environment: "x"}),
			"no time":             v.Snapshot(t.Context(), "jobs", time.Time{}),
			"of the future":       v.Snapshot(t.Context(), "jobs", at, inventory.Deployment{Digest: ids[0], From: at.Add(1)}),
		} {
			if err == nil {
				t.Errorf("%s is taken", what)
			}
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := v.Deploy(canceled, good); err == nil {
			t.Error("deployed after the end")
		}
		check("in the end", inventory.Filter{})
	})
}

// A report says of an incident what the Records say, and reads as it was written.
func TestReport(t *testing.T) {
	f := fleet.New(8, fleet.Options{Services: 60, Builds: 4, Components: 30})
	var records []inventory.Record
	for r := range f.Records() {
		records = append(records, r)
		if len(records)%5 == 0 && r.Document != nil { // another SBOM of the same artifact
			other := *r.Document
			other.Components = append([]sbom.Component{{Ref: "a", Name: "a", Type: sbom.Library, Scope: sbom.Unscoped}}, other.Components...)
			other.Unknown = append(slices.Clone(other.Unknown), "the second one does not know all")
			r.Document = &other
			records = append(records, r)
		}
	}
	artifacts := makings(records)
	var deployments []inventory.Deployment
	for d := range f.Deployments() {
		deployments = append(deployments, inventory.Deployment(d))
	}
	schema := reportSchema(t)

	both(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 100)
		ask := func(c inventory.Cause, o inventory.ReportOptions) *inventory.Report {
			t.Helper()
			r, err := v.Report(t.Context(), c, o)
			if err != nil {
				t.Fatal(err)
			}
			data, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", r, err)
			}
			again, err := inventory.ParseReport(data)
			if err != nil {
				t.Fatal(err)
			}
			if twice, err := again.Marshal(); err != nil || !bytes.Equal(twice, data) || again.String() != r.String() {
				t.Errorf("read again: %s, %v", twice, err)
			}
			if st, err := r.Statement(); err == nil {
				payload, err := st.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if back, err := inventory.ParseReport(st.Predicate); err != nil || back.String() != r.String() || len(payload) < len(st.Predicate) || len(st.Subjects) != len(r.Affected) {
					t.Errorf("from a statement: %v", err)
				}
			} else if len(r.Affected) > 0 && r.Unlisted["affected"] == 0 {
				t.Error(err)
			}
			return r
		}

		before := ask(inventory.Cause{Query: inventory.Query{Package: sbom.Query{PURL: f.Package(.3)}}}, inventory.ReportOptions{})
		if before.Counts.Running != 0 || !slices.ContainsFunc(before.Incomplete, func(s string) bool { return strings.Contains(s, "nobody has told") }) {
			t.Errorf("before anything was told to run: %v", before.Incomplete)
		}
		if err := v.Deploy(t.Context(), deployments...); err != nil {
			t.Fatal(err)
		}

		for n, c := range []inventory.Cause{
			{Query: inventory.Query{Package: sbom.Query{PURL: f.Package(.99)}}},
			{Query: inventory.Query{Package: sbom.Query{PURL: f.Package(.3)}}},
			{Query: inventory.Query{Package: sbom.Query{PURL: f.Package(.3), Versions: "< v3.0.0"}, Of: inventory.Filter{Builder: f.Builders()[0].ID}}},
			{Query: inventory.Query{Package: sbom.Query{PURL: "pkg:golang/example.com/nobody-has-it"}}},
			{Query: inventory.Query{Of: inventory.Filter{Builder: f.Builders()[3].ID}}},
			{Query: inventory.Query{Of: inventory.Filter{Name: f.Name(0)}}},
		} {
			o := inventory.ReportOptions{Others: n%2 == 0, Rebuild: inventory.RebuildOptions{Latest: n == 1}}
			r := ask(c, o)

			// By the Records.
			q := c.Query
			component := q.Package.PURL != ""
			builder, _, _ := strings.Cut(q.Of.Builder, "@")
			asked, affected, unknown := make(map[hallmark.Digest]bool), make(map[hallmark.Digest]bool), make(map[hallmark.Digest]bool)
			least := make(map[hallmark.Digest]bool) // what is not trusted
			for _, rec := range records {
				id := (&inventory.Entry{Artifact: rec.Artifact}).Digest()
				if of, _, _ := strings.Cut(rec.Build.Builder, "@"); builder != "" && of != builder || q.Of.Name != "" && rec.Artifact.Name != q.Of.Name {
					continue
				}
				asked[id] = true
				hit := !component
				if component && rec.Document != nil {
					matches, err := rec.Document.Find(q.Package)
					if err != nil {
						t.Fatal(err)
					}
					hit = len(matches) > 0
				}
				if hit {
					affected[id] = true
					lapsed := slices.ContainsFunc(rec.Verdict.Exceptions, func(e verify.Exception) bool { return !now().Before(e.Expires) })
					if rec.Verdict.Verdict != verify.Accepted || lapsed || rec.Attested.IsZero() || rec.Document == nil {
						least[id] = true
					}
				}
			}
			if component {
				for id := range asked {
					certain := false
					for _, rec := range records {
						if rec.Document != nil && (&inventory.Entry{Artifact: rec.Artifact}).Digest() == id && !rec.Attested.IsZero() {
							complete := len((&known{Record: rec}).gaps()) == 0
							for _, c := range rec.Document.All() {
								complete = complete && c.Requirements == sbom.Complete
							}
							certain = certain || complete
						}
					}
					if !affected[id] && !certain {
						unknown[id] = true
					}
				}
			}
			closed := maps.Clone(affected)
			for changed := true; changed; {
				changed = false
				for id, m := range artifacts {
					for other := range closed {
						if !closed[id] && m.took(artifacts[other]) {
							closed[id], changed = true, true
						}
					}
				}
			}
			runs, ran, places := make(map[hallmark.Digest]bool), make(map[hallmark.Digest]bool), make(map[[2]string]bool)
			told := 0
			for _, d := range deployments {
				if !closed[d.Digest] {
					continue
				}
				told++
				ran[d.Digest] = true
				if d.To.IsZero() {
					runs[d.Digest] = true
					places[[2]string{d.Environment, d.Service}] = true
				}
			}
			k := r.Counts
			got := []int{k.Asked, k.Affected, k.Unknown, k.Trusted, k.Dependents, k.Running, k.Ran, k.Services, len(r.Deployments)}
			want := []int{len(asked), len(affected), len(unknown), len(affected) - len(least), len(closed) - len(affected), len(runs), len(ran) - len(runs), len(places), told}
			if !slices.Equal(got, want) {
				t.Errorf("%d: %v, want %v\n%s", n, got, want, r)
			}
			if n < 3 && (k.Affected == 0 || k.Running == 0 || k.Steps == 0) {
				t.Errorf("%d: too little to tell:\n%s", n, r)
			}
			for _, a := range r.Affected {
				if id := a.Artifact.Digest(); !affected[id] || a.Running != runs[id] || a.Trust.Trusted == least[id] || component != (len(a.Components) > 0) {
					t.Errorf("%d: %+v", n, a)
				}
			}
			if o.Rebuild == (inventory.RebuildOptions{}) && len(r.Rebuild) != len(closed) {
				t.Errorf("%d: %d steps of %d", n, len(r.Rebuild), len(closed))
			}
			if o.Others && component && len(r.Others) != len(asked)-len(affected) || !o.Others && r.Others != nil {
				t.Errorf("%d: %d others", n, len(r.Others))
			}
			for _, a := range r.Others {
				if id := a.Artifact.Digest(); affected[id] || (a.Status == inventory.StatusUnknown) != unknown[id] {
					t.Errorf("%d: %+v", n, a)
				}
			}

			// A short one has the same counts, and says what it leaves out.
			o.Limit = 2
			short := ask(c, o)
			if short.Counts != r.Counts || len(short.Affected) > 2 || short.Unlisted["affected"] != max(0, len(affected)-2) {
				t.Errorf("%d: a short one: %+v, %v", n, short.Counts, short.Unlisted)
			}
			if _, err := short.Statement(); len(affected) > 2 && (err == nil || !strings.Contains(err.Error(), "that are affected are not listed")) {
				t.Errorf("%d: a statement of a part: %v", n, err)
			}
		}

		// Under another policy, trust is what it says of each artifact, of dependents too.
		rule := inventory.Rule{Digest: fleet.PolicyDigest(), Policy: &verify.Policy{
			Source: records[0].Build.Source, BuildTypes: []string{records[0].Build.Type}, Now: now, Refs: verify.Refs{Branches: []string{"main"}},
			Parameters: map[string]verify.Parameter{"/workflow/path": {OneOf: []any{records[0].Build.Workflow}}},
		}}
		for _, b := range f.Builders() {
			for _, key := range b.Keys {
				verifier, err := sign.NewVerifier(key.Public())
				if err != nil {
					t.Fatal(err)
				}
				id, err := verify.Key(verifier)
				if err != nil {
					t.Fatal(err)
				}
				for _, ref := range []string{"", "@refs/tags/v1.0"} {
					rule.Policy.Builders = append(rule.Policy.Builders, verify.Builder{ID: b.ID + ref, Identity: id})
				}
			}
		}
		verdicts := make(map[hallmark.Digest]string)
		for _, j := range all(t, v.Judge(t.Context(), rule, inventory.Filter{})) {
			verdicts[j.Entry.Digest()] = j.Now.Verdict.Verdict
		}
		accepted := 0
		for _, c := range []inventory.Cause{
			{Query: inventory.Query{Package: sbom.Query{PURL: f.Package(.99)}, Rule: &rule}},
			{Query: inventory.Query{Of: inventory.Filter{Name: f.Name(0)}, Rule: &rule}},
		} {
			r := ask(c, inventory.ReportOptions{Others: true})
			if r.Policy != rule.Digest {
				t.Errorf("by the policy %s", r.Policy)
			}
			for _, a := range r.Affected {
				if want := verdicts[a.Artifact.Digest()]; a.Trust.Verdict != want || a.Trust.Policy != rule.Digest {
					t.Errorf("%s is %+v, want %s", a.Artifact.Title(), a.Trust, want)
				}
			}
			for _, a := range r.Dependents {
				if want := verdicts[a.Artifact.Digest()]; a.Trust.Verdict != want {
					t.Errorf("%s is %+v, want %s", a.Artifact.Title(), a.Trust, want)
				}
			}
			accepted += r.Counts.Accepted
		}
		if accepted == 0 {
			t.Error("the policy accepts nothing: too little to tell")
		}

		for what, c := range map[string]inventory.Cause{
			"no policy":    {Query: inventory.Query{License: "MIT", Rule: &inventory.Rule{}}},
			"nothing":      {},
			"both":         {Query: inventory.Query{License: "MIT"}, Advisory: &osv.Advisory{ID: "X"}},
			"a bad query":  {Query: inventory.Query{Package: sbom.Query{PURL: "golang.org/x/net"}}},
			"a bad filter": {Query: inventory.Query{Of: inventory.Filter{Verdict: "good"}}},
		} {
			if _, err := v.Report(t.Context(), c, inventory.ReportOptions{}); err == nil || !strings.HasPrefix(err.Error(), "inventory: ") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "sbom", "inventory", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://hallmark.test/incident.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("https://hallmark.test/incident.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// What an advisory affects is what it says of the components of the Documents; a VEX
// document says the same of each artifact, once.
func TestAdvisories(t *testing.T) {
	var records []inventory.Record
	for seed := range uint64(16) {
		records = append(records, fleet.Odd(seed, true)...)
	}
	for i := range records { // of which more are certain than of odd ones
		r := &records[i]
		if r.Document == nil || i%4 == 0 {
			continue
		}
		d := *r.Document
		d.Components, d.Unknown, d.Targets, d.Main.Digests, r.Gaps = slices.Clone(d.Components), nil, nil, nil, nil
		for k := range d.Components {
			d.Components[k].Requirements, d.Components[k].Gaps, d.Components[k].Targets = sbom.Complete, nil, nil
		}
		d.Edges = slices.Clone(d.Edges)
		for k := range d.Edges {
			d.Edges[k].Target = ""
		}
		d.Main.Requirements, d.Main.Gaps, d.Main.Targets = sbom.Complete, nil, nil
		r.Document = &d
	}
	var advisories []*osv.Advisory
	r := rand.New(rand.NewPCG(7, 7))
	for n, p := range fleet.OddPackages() {
		rest := strings.TrimPrefix(strings.SplitN(p, "?", 2)[0], "pkg:")
		ecosystem, name := "", ""
		for _, e := range [][2]string{{"golang/", "Go"}, {"npm/", "npm"}, {"cargo/", "crates.io"}, {"pypi/", "PyPI"}} {
			if path, ok := strings.CutPrefix(rest, e[0]); ok {
				ecosystem, name = e[1], strings.ReplaceAll(path, "%40", "@")
			}
		}
		if ecosystem == "" {
			continue
		}
		imports := ""
		if ecosystem == "Go" && n%2 == 0 {
			imports = fmt.Sprintf(`,"ecosystem_specific":{"imports":[{"path":%q}]}`, name+"/client")
		}
		introduced, fixed := []string{"0", "1.0.0"}[r.IntN(2)], []string{"1.0.1", "1.5.0", "2.0.0"}[r.IntN(3)]
		a, err := osv.Parse(fmt.Appendf(nil, `{"schema_version":"1.3.1","id":"TEST-%d","aliases":["CVE-2026-%d"],"modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":%q,"name":%q},
			"ranges":[{"type":"SEMVER","events":[{"introduced":%q},{"fixed":%q}]}]%s}]}`, n, n, ecosystem, name, introduced, fixed, imports))
		if err != nil {
			t.Fatal(err)
		}
		advisories = append(advisories, a)
	}

	both(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 100)
		seen := make(map[string]int)
		for _, a := range advisories {
			// The worst that is said of a component, by artifact.
			rank := []string{inventory.StatusAbsent, inventory.StatusOutside, inventory.StatusFixed, inventory.StatusNotLinked, "doubtful", "affected"}
			worst, certain := make(map[hallmark.Digest]int), make(map[hallmark.Digest]bool)
			for _, rec := range records {
				id := (&inventory.Entry{Artifact: rec.Artifact}).Digest()
				worst[id] = max(worst[id], 0)
				if rec.Document == nil {
					continue
				}
				complete := len((&known{Record: rec}).gaps()) == 0 && !rec.Attested.IsZero()
				for _, c := range rec.Document.All() {
					complete = complete && c.Requirements == sbom.Complete
					n := 0
					switch f := a.Affects(c); {
					case f.Answer == osv.Affected:
						n = 5
					case f.Answer == osv.Doubt:
						n = 4
					case f.Answer == osv.NotLinked:
						n = 3
					case f.Package != nil: // it is before the vulnerability, or behind it
						n = 1
						bound := f.Package.Ranges[0].Events[1].Version
						m, after, err := sbom.Query{PURL: f.Package.PURL, Versions: ">= " + bound}.Match(c)
						if after && err == nil && m.Doubt == "" {
							n = 2
						}
					}
					worst[id] = max(worst[id], n)
				}
				certain[id] = certain[id] || complete
			}

			r, err := v.Report(t.Context(), inventory.Cause{Advisory: a}, inventory.ReportOptions{Others: true})
			if err != nil {
				t.Fatal(err)
			}
			hits := make(map[hallmark.Digest]bool)
			for _, h := range all(t, v.Advisory(t.Context(), a, inventory.Filter{}, nil)) {
				if h.Finding.Answer != osv.NotLinked {
					hits[h.Entry.Digest()] = true
				}
			}
			if len(hits) != r.Counts.Affected {
				t.Errorf("%s: %d artifacts have hits, and %d are affected", a.ID, len(hits), r.Counts.Affected)
			}
			got, want := make(map[string]string), make(map[string]string)
			for id, n := range worst {
				want[id.String()] = rank[n]
				if n < 4 && !certain[id] {
					want[id.String()] = inventory.StatusUnknown
				}
				seen[want[id.String()]]++
			}
			for _, one := range r.Affected {
				got[one.Artifact.Digest().String()] = map[bool]string{true: "doubtful", false: "affected"}[one.Doubtful]
				for _, c := range one.Components {
					if said := a.Affects(&sbom.Component{PURL: c.PURL, Name: c.Name, Version: c.Version}); c.Doubt == "" && c.Fixed != said.Fixed {
						t.Errorf("%s: %+v is fixed in %s", a.ID, c, said.Fixed)
					}
				}
			}
			for _, one := range r.Others {
				got[one.Artifact.Digest().String()] = one.Status
			}
			if !maps.Equal(got, want) {
				for id, status := range want {
					if got[id] != status {
						t.Errorf("%s: %s is %q, want %q", a.ID, id, got[id], status)
					}
				}
			}

			doc, err := r.VEX("security@example.org")
			if err != nil {
				t.Fatal(err)
			}
			said := make(map[string]string)
			for _, s := range doc.Statements {
				for _, p := range s.Products {
					id := p.Digests[0].String()
					if said[id] != "" || len(p.Subcomponents) == 0 {
						t.Errorf("%s: of %s it says %s and %s", a.ID, id, said[id], s.Status)
					}
					said[id] = strings.TrimSpace(string(s.Status) + " " + string(s.Justification))
				}
			}
			vex := map[string]string{
				inventory.StatusAbsent: "not_affected component_not_present", inventory.StatusOutside: "not_affected vulnerable_code_not_present",
				inventory.StatusNotLinked: "not_affected vulnerable_code_not_present", inventory.StatusFixed: "fixed",
				inventory.StatusUnknown: "under_investigation", "doubtful": "under_investigation", "affected": "affected",
			}
			for id, status := range want {
				if said[id] != vex[status] {
					t.Errorf("%s: %s is %s, want %s", a.ID, id, said[id], vex[status])
				}
			}
			if data, err := doc.Marshal(); err != nil || len(said) != len(want) {
				t.Errorf("%s: %d of %d products in %d bytes, %v", a.ID, len(said), len(want), len(data), err)
			}
		}
		t.Log(seen)
		for _, status := range []string{inventory.StatusAbsent, inventory.StatusOutside, inventory.StatusFixed, inventory.StatusNotLinked, inventory.StatusUnknown, "doubtful", "affected"} {
			if seen[status] < 3 {
				t.Errorf("%q %d times: too few to tell", status, seen[status])
			}
		}

		withdrawn := *advisories[0]
		withdrawn.Withdrawn = now()
		r, err := v.Report(t.Context(), inventory.Cause{Advisory: &withdrawn}, inventory.ReportOptions{})
		if err != nil || r.Counts.Affected != 0 || !slices.ContainsFunc(r.Incomplete, func(s string) bool { return strings.Contains(s, "was withdrawn") }) {
			t.Errorf("withdrawn: %v, %v", r, err)
		}
	})
}

// Can all deployments of a compromised digest be found? What is compromised is a base
// image; it runs by itself and in what took it in, in two clusters, one of which is looked
// at again later, by nodes that tell images in several ways.
func TestCompromisedDigest(t *testing.T) {
	sha := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	artifact := func(name, c string) hallmark.Artifact {
		a, err := hallmark.ParseArtifact("registry.example.org/" + name + "@" + sha(c))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	base, library, web, other := artifact("base", "a"), artifact("library", "b"), artifact("web", "c"), artifact("other", "d")
	took := func(as ...hallmark.Artifact) inventory.Build {
		b := inventory.Build{Builder: "https://ci.example.org/builder"}
		for _, a := range as {
			b.Inputs = append(b.Inputs, inventory.Input{Name: a.Name, Digests: a.Digests})
		}
		return b
	}
	// The library has the base image in it by its SBOM, and no input tells of it.
	inLibrary := &sbom.Document{
		Main: sbom.Component{Ref: "library", Name: "library", Type: sbom.Application, Scope: sbom.Runtime},
		Components: []sbom.Component{{
			Ref: "pkg:oci/base", PURL: "pkg:oci/base", Name: "base", Type: sbom.Container, Scope: sbom.Runtime, Digests: base.Digests,
		}},
	}
	records := []inventory.Record{
		{Artifact: base, Build: took()},
		{Artifact: library, Document: inLibrary},
		{Artifact: web, Build: took(library)},
		{Artifact: other, Build: took()},
	}
	pod := func(namespace, name, spec, id, phase string) string {
		return fmt.Sprintf(`{"kind":"Pod","metadata":{"namespace":%q,"name":%q,"ownerReferences":[{"kind":"StatefulSet","name":%q,"controller":true}]},
			"spec":{"containers":[{"name":"main","image":%q}]},
			"status":{"phase":%q,"startTime":"2026-03-01T00:00:00Z","containerStatuses":[{"name":"main","imageID":%q,"state":{"terminated":{"finishedAt":"2026-03-01T06:00:00Z"}}}]}}`,
			namespace, name, strings.TrimSuffix(name, "-0"), spec, phase, id)
	}
	list := func(pods ...string) string { return `{"kind":"List","items":[` + strings.Join(pods, ",") + `]}` }
	at := now().Add(-30 * time.Hour)
	looks := []struct {
		environment string
		at          time.Time
		pods        string
		skipped     int
	}{
		{"east", at, list(
			pod("shop", "web-0", "registry.example.org/web:v1", "registry.example.org/web@"+sha("c"), "Running"),
			pod("shop", "old-0", "registry.example.org/base:v1", "docker-pullable://registry.example.org/base@"+sha("a"), "Running"),
			pod("shop", "other-0", "registry.example.org/other:v1", "registry.example.org/other@"+sha("d"), "Running"),
		), 0},
		{"west", at, list(
			pod("jobs", "nightly-0", "registry.example.org/base@"+sha("a"), sha("9"), "Succeeded"), // its node tells the configuration
			pod("shop", "mirror-0", "mirror.example.org/library@"+sha("b"), "mirror.example.org/library@"+sha("8"), "Running"),
			pod("shop", "tag-0", "registry.example.org/web:v1", "registry.example.org/web:v1", "Running"),
		), 1},
		{"east", now().Add(-time.Hour), list(
			pod("shop", "web-0", "registry.example.org/web:v1", "registry.example.org/web@"+sha("c"), "Running"),
		), 0},
	}
	both(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 10)
		for _, look := range looks {
			ds, skipped, err := inventory.ParsePods([]byte(look.pods), look.environment)
			if err != nil || len(skipped) != look.skipped {
				t.Fatal(skipped, err)
			}
			if err := v.Snapshot(t.Context(), look.environment, look.at, ds...); err != nil {
				t.Fatal(err)
			}
		}
		r, err := v.Report(t.Context(), inventory.Cause{Query: inventory.Query{Of: inventory.Filter{Digest: base.Digests[0]}}}, inventory.ReportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range r.Deployments {
			got = append(got, fmt.Sprintf("%s %s %s %v", d.Environment, d.Service, strings.TrimPrefix(d.Name, "registry.example.org/"), d.To.IsZero()))
		}
		want := []string{"east shop/web web true", "west shop/mirror library true", "east shop/old base false", "west jobs/nightly base false"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q\n%s", got, want, r)
		}
		// What cannot be told is said: how old the look at one cluster is, and that the
		// digest that a node tells of the mirrored image is of nothing that is known.
		for _, want := range []string{`What runs in the environment "west" was last told at`, "In 1 place something runs of which the inventory knows nothing."} {
			if !slices.ContainsFunc(r.Incomplete, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("%q, want %s", r.Incomplete, want)
			}
		}
		if k := r.Counts; k.Dependents != 2 || k.Running != 2 || k.Ran != 1 || k.Environments != 2 || k.Rounds != 3 {
			t.Errorf("%+v", k)
		}
	})
}
