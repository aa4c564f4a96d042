package fleet_test

import (
	"bytes"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

func TestRecords(t *testing.T) {
	f := fleet.New(7, fleet.Options{Services: 60, Builds: 6, Components: 80})
	type build struct{ name, run string }
	again := make(map[build]inventory.Record)
	for r := range fleet.New(7, fleet.Options{Services: 60, Builds: 6, Components: 80, ByService: true}).Records() {
		again[build{r.Artifact.Name, r.Build.Run}] = r
	}
	var n, documents, edges, looked, reached, changed int
	last := make(map[string]map[string]bool)
	artifacts := make(map[string]bool)
	for r := range f.Records() {
		n++
		artifacts[r.Artifact.Digests[0].String()] = true
		for _, in := range r.Build.Inputs[1:] {
			if !artifacts[in.Digests[0].String()] {
				t.Errorf("%s is built of %s, which is not built before", r.Artifact.Name, in.Digests[0])
			}
		}
		for _, e := range r.Evidence {
			s, err := provenance.Parse(e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := s.Marshal(); err != nil || !bytes.Equal(p, e.Payload) {
				t.Fatalf("statement\n%s\nis written as\n%s\n%v", e.Payload, p, err)
			}
			if s.PredicateType == provenance.PredicateType {
				b, err := provenance.ParseBuild(s)
				if err != nil {
					t.Fatal(err)
				}
				if src, _ := b.Source(); src.Repository != r.Build.Source || src.Commit != r.Build.Commit || src.Ref != r.Build.Ref || b.Builder != r.Build.Builder || !b.Finished.Equal(r.Build.Finished) || len(b.Inputs()) != len(r.Build.Inputs) {
					t.Errorf("provenance %s, and the record has %+v", e.Payload, r.Build)
				}
			}
		}
		if r.Document == nil {
			continue
		}
		documents++
		if err := r.Document.Check(); err != nil {
			t.Fatal(err)
		}
		refs := make(map[string]bool)
		for i, c := range r.Document.Components {
			refs[c.Ref] = true
			if i > 0 && r.Document.Components[i-1].Ref >= c.Ref {
				t.Fatalf("%s stands before %s", r.Document.Components[i-1].Ref, c.Ref)
			}
		}
		if prev := last[r.Artifact.Name]; prev != nil {
			for ref := range refs {
				if !prev[ref] {
					changed++
				}
			}
		}
		last[r.Artifact.Name] = refs
		if len(refs) != 80 {
			t.Errorf("%d components, want 80", len(refs))
		}
		edges += len(r.Document.Edges)
		for i, e := range r.Document.Edges[1:] {
			if p := r.Document.Edges[i]; p.From > e.From || p.From == e.From && p.To >= e.To {
				t.Fatalf("edge %v stands before %v", p, e)
			}
		}
		if n%20 == 0 {
			for ref := range refs {
				looked++
				if r.Document.Why(ref) != nil {
					reached++
				}
			}
		}
		if a := again[build{r.Artifact.Name, r.Build.Run}]; a.Mark != r.Mark || len(a.Document.Components) != len(r.Document.Components) || a.Document.Components[40].Ref != r.Document.Components[40].Ref {
			t.Errorf("%s is another one in another order", r.Artifact.Name)
		}
	}
	if n != f.Len() || documents < n*9/10 {
		t.Errorf("%d records with %d documents, want %d", n, documents, f.Len())
	}
	t.Logf("%d edges, %.1f %% of the components reached, %.2f %% changed", edges/documents, 100*float64(reached)/float64(looked), float64(changed)/float64(documents)*1.25)
	running := 0
	for d := range f.Deployments() {
		if d.To.IsZero() {
			running++
		}
	}
	if running < 60 || running > 110 {
		t.Errorf("%d deployments of today, want between one and two of each service", running)
	}
}

func TestOdd(t *testing.T) {
	unsound := 0
	components := 0
	for seed := range uint64(200) {
		for _, r := range fleet.Odd(seed, true) {
			if r.Document != nil {
				components += len(r.Document.Components)
				if err := r.Document.Check(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		for _, r := range fleet.Odd(seed, false) {
			if r.Document != nil && r.Document.Check() != nil {
				unsound++
			}
		}
	}
	if unsound == 0 || components < 1000 {
		t.Errorf("%d Documents are not sound and there are %d components, want more", unsound, components)
	}
}

func BenchmarkRecords(b *testing.B) {
	f := fleet.New(1, fleet.Options{Services: 200, Builds: 50, Components: 500})
	b.ResetTimer()
	n := 0
	for b.Loop() {
		for range f.Records() {
			if n++; n%10000 == 0 {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/record")
}
