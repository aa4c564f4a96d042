package inventory_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/verify"
)

func TestOddFleets(t *testing.T) {
	var batches [][]inventory.Record
	var records []inventory.Record
	var o oracle
	r := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(20) {
		some := fleet.Odd(seed, true)
		o.add(t, some...)
		records = append(records, some...)
		for n := 0; len(some) > 0; some = some[n:] {
			n = 1 + r.IntN(len(some))
			batches = append(batches, some[:n])
		}
	}
	var questions []question
	for range 250 {
		questions = append(questions, o.question(t, randomQuery(r, records)))
	}
	var filters []inventory.Filter
	for range 150 {
		filters = append(filters, randomFilter(r, records, 3))
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		for _, b := range batches {
			add(t, v, b, len(b))
		}
		hits, none, artifacts := 0, 0, 0
		// How rows were loaded makes no difference to answers once they are the right ones.
		questions, filters := questions, filters
		if d.copies {
			questions, filters = questions[:50], filters[:20]
		}
		for _, q := range questions {
			n := q.compare(t, v)
			hits += n
			if n == 0 {
				none++
			}
		}
		for _, f := range filters {
			artifacts += o.compareArtifacts(t, v, f)
		}
		t.Logf("%d records, %d hits, %d queries without, %d artifacts", len(o.records), hits, none, artifacts)
		if hits < 10*len(questions) || artifacts < 10*len(filters) || none > len(questions)/2 {
			t.Error("too few to tell")
		}
	})
}

func TestFleet(t *testing.T) {
	f := fleet.New(5, fleet.Options{Services: 30, Builds: 6, Components: 60})
	var records []inventory.Record
	for r := range f.Records() {
		records = append(records, r)
	}
	var o oracle
	o.add(t, records...)
	r := rand.New(rand.NewPCG(2, 2))
	var questions []question
	for _, share := range []float64{.99, .17, .01} {
		p := f.Package(share)
		questions = append(questions, o.question(t, inventory.Query{Package: sbom.Query{PURL: p}}))
		for _, versions := range []string{"< v1.1.0", ">= v1.0.3, < v1.2.0", "vers:golang/>=v1.0.1|<v1.0.5|v1.3.0"} {
			questions = append(questions, o.question(t, inventory.Query{Package: sbom.Query{PURL: p, Versions: versions}, Of: randomFilter(r, records, 1)}))
		}
	}
	// Many components of few artifacts.
	for _, license := range []string{"MIT", "Apache-2.0", "BSD-3-Clause"} {
		questions = append(questions, o.question(t, inventory.Query{License: license, Of: inventory.Filter{Digest: pick(r, records).Artifact.Digests[0]}}))
		questions = append(questions, o.question(t, inventory.Query{License: license, Of: inventory.Filter{Name: pick(r, records).Artifact.Name}}))
	}
	var filters []inventory.Filter
	for range 30 {
		filters = append(filters, randomFilter(r, records, 2))
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 50)
		hits := 0
		for _, q := range questions {
			hits += q.compare(t, v)
		}
		for _, f := range filters {
			o.compareArtifacts(t, v, f)
		}
		if hits < 150 {
			t.Errorf("%d hits are too few to tell", hits)
		}
	})
}

// Builds of a program whose ways are long: of 60 components 40 are in one line, and some
// cannot be reached. From one build to the next versions change, and a component is moved.
func TestLongWays(t *testing.T) {
	component := func(i, version int) sbom.Component {
		name := fmt.Sprintf("git.example.org/deep/c%02d", i)
		url := fmt.Sprintf("pkg:golang/%s@v1.%d.0", name, version)
		return sbom.Component{Ref: url, Type: sbom.Library, Name: name, Version: fmt.Sprintf("v1.%d.0", version), PURL: url}
	}
	const line, total = 40, 60
	version := make([]int, total)
	before := make([]int, total) // -1 is the main component, -2 nothing
	for i := range before {
		switch {
		case i < line:
			before[i] = i - 1
		case i < total-5:
			before[i] = -1
		default:
			before[i] = -2
		}
	}
	like := fleet.New(3, fleet.Options{Services: 1, Builds: 12, Components: 1})
	var records []inventory.Record
	var o oracle
	r := rand.New(rand.NewPCG(8, 8))
	for one := range like.Records() {
		d := &sbom.Document{Main: sbom.Component{Ref: "main", Type: sbom.Application, Name: "deep", Version: "v1.0.0", PURL: "pkg:golang/git.example.org/deep@v1.0.0"}}
		for i := range total {
			d.Components = append(d.Components, component(i, version[i]))
		}
		for i := range total {
			switch {
			case before[i] == -1:
				d.Edges = append(d.Edges, sbom.Edge{From: d.Main.Ref, To: d.Components[i].Ref})
			case before[i] >= 0:
				d.Edges = append(d.Edges, sbom.Edge{From: d.Components[before[i]].Ref, To: d.Components[i].Ref})
			}
		}
		slices.SortFunc(d.Edges, func(a, b sbom.Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
		one.Document, one.Attested, one.Evidence, one.Gaps = d, hallmark.Digest{}, nil, nil
		records = append(records, one)
		o.add(t, one)
		version[r.IntN(total)]++
		version[r.IntN(line)]++
		if i := 1 + r.IntN(line-1); i%3 == 0 {
			before[i] = r.IntN(i+1) - 1
		}
	}
	var questions []question
	for i := range total {
		questions = append(questions, o.question(t, inventory.Query{Package: sbom.Query{PURL: "pkg:golang/" + component(i, 0).Name}}))
		questions = append(questions, o.question(t, inventory.Query{Package: sbom.Query{PURL: "pkg:golang/" + component(i, 0).Name, Versions: ">= v1.1.0"}}))
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 5)
		longest, hits := 0, 0
		for _, q := range questions {
			hits += q.compare(t, v)
			for _, h := range all(t, v.Affected(t.Context(), q.Query)) {
				longest = max(longest, len(h.Path))
			}
		}
		if longest < 30 || hits < len(records)*total {
			t.Errorf("%d hits, the longest way of %d components: too few to tell", hits, longest)
		}
	})
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomQuery(r *rand.Rand, records []inventory.Record) (q inventory.Query) {
	var c *sbom.Component
	for c == nil {
		if d := pick(r, records).Document; d != nil {
			c = pick(r, d.All())
		}
	}
	kinds := 1 + r.IntN(7)
	if r.IntN(4) > 0 {
		kinds = 1
	}
	if kinds&1 != 0 {
		q.Package = randomPackage(r, c)
	}
	if kinds&2 != 0 {
		if len(c.Digests) > 0 {
			q.Digest = pick(r, c.Digests)
		} else {
			q.License = pick(r, fleet.OddLicenses())
		}
	}
	if kinds&4 != 0 {
		q.License = pick(r, fleet.OddLicenses())
		if r.IntN(4) == 0 && !strings.HasPrefix(q.License, "LicenseRef-") {
			q.License = strings.ToLower(q.License)
		}
	}
	if r.IntN(3) == 0 {
		q.Of = randomFilter(r, records, 1)
	}
	return q
}

func randomPackage(r *rand.Rand, c *sbom.Component) (q sbom.Query) {
	q.PURL = pick(r, fleet.OddPackages())
	switch r.IntN(6) {
	case 0:
		q.PURL = cmp.Or(c.PURL, q.PURL) // with its version, as a rule
		return q
	case 1:
		q.PURL = cmp.Or(c.Replaces, q.PURL)
	case 2:
		if !strings.ContainsAny(q.PURL, "?#") {
			q.PURL += pick(r, []string{"#client", "#a/b", "#.", "?arch=amd64"})
		}
	}
	if r.IntN(3) == 0 || strings.ContainsAny(q.PURL, "@") && !strings.Contains(q.PURL, "%40") {
		return q
	}
	typ, _, _ := strings.Cut(strings.TrimPrefix(q.PURL, "pkg:"), "/")
	operators := []string{"=", "!=", "", "<", "<=", ">", ">="}
	if typ == "pypi" || typ == "deb" || typ == "generic" {
		operators = operators[:3]
	}
	one := func() string {
		v := pick(r, fleet.OddVersions())
		if typ == "golang" && r.IntN(3) == 0 {
			v = strings.TrimPrefix(v, "v")
		}
		return pick(r, operators) + v
	}
	switch r.IntN(4) {
	case 0:
		q.Versions = one()
	case 1, 2:
		q.Versions = one() + ", " + one()
	case 3:
		q.Versions = "vers:" + typ + "/" + one() + "|" + one()
	}
	return q
}

// randomFilter returns a Filter with up to n fields of n Records.
func randomFilter(r *rand.Rand, records []inventory.Record, n int) (f inventory.Filter) {
	digest := func(ds []hallmark.Digest) hallmark.Digest {
		if len(ds) == 0 {
			return hallmark.Digest{}
		}
		return pick(r, ds)
	}
	rec := pick(r, records)
	for range n {
		if r.IntN(3) == 0 {
			rec = pick(r, records)
		}
		switch r.IntN(14) {
		case 0:
			f.Digest = digest(rec.Artifact.Digests)
		case 1:
			f.Name = rec.Artifact.Name
		case 2:
			f.Source = rec.Build.Source
		case 3:
			f.Commit = rec.Build.Commit
		case 4:
			f.Workflow = rec.Build.Workflow
		case 5:
			f.Builder = rec.Build.Builder
			if r.IntN(2) == 0 {
				f.Builder, _, _ = strings.Cut(f.Builder, "@")
			}
		case 6, 7:
			if len(rec.Evidence) > 0 {
				e := pick(r, rec.Evidence)
				switch {
				case e.Claims != nil:
					f.Signer = e.Claims.Subject
				case r.IntN(2) == 0:
					f.Signer = e.Keys[0].String()
				default:
					f.Key = digest(e.Keys)
				}
			}
		case 8:
			if len(rec.Build.Inputs) > 0 {
				f.Input = digest(pick(r, rec.Build.Inputs).Digests)
			}
		case 9:
			f.After = rec.Build.Finished
			f.Before = time.Time{}
		case 10:
			f.Before = rec.Build.Finished
			f.After = time.Time{}
		case 11:
			f.Verdict = pick(r, []string{"none", verify.Accepted, verify.Rejected, verify.Undecided})
		case 12:
			f.Contents = pick(r, []inventory.Contents{inventory.NoSBOM, inventory.Attested, inventory.Unattested})
		case 13:
			f.Incomplete = true
		}
	}
	return f
}
