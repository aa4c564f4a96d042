package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/internal/postgrestest"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/verify"
)

// mixed returns Records of which no two are the same.
func mixed(t testing.TB) (records []inventory.Record, o oracle) {
	take := func(r inventory.Record) {
		n := len(o.records)
		if o.add(t, r); len(o.records) > n {
			records = append(records, r)
			return
		}
		// Which of the two is kept would depend on the order.
		o = oracle{}
		o.add(t, records...)
	}
	for seed := range uint64(4) {
		for _, r := range fleet.Odd(100+seed, true) {
			take(r)
		}
	}
	for r := range fleet.New(9, fleet.Options{Services: 12, Builds: 5, Components: 30}).Records() {
		take(r)
	}
	return records, o
}

// dump returns all that v says of some queries.
func dump(t testing.TB, v *inventory.Inventory) string {
	t.Helper()
	var lines []string
	for _, e := range all(t, v.Artifacts(t.Context(), inventory.Filter{})) {
		lines = append(lines, entry(t, e))
	}
	for _, p := range append(fleet.OddPackages(), "pkg:golang/stdlib") {
		for _, h := range all(t, v.Affected(t.Context(), inventory.Query{Package: sbom.Query{PURL: p}})) {
			lines = append(lines, strings.Join([]string{p, entry(t, h.Entry), kept(t, h.Component), fmt.Sprintf("%q", h.Path), h.Doubt}, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func shuffled[T any](r *rand.Rand, from []T) []T {
	to := slices.Clone(from)
	r.Shuffle(len(to), func(i, k int) { to[i], to[k] = to[k], to[i] })
	return to
}

func TestAddAgain(t *testing.T) {
	records, _ := mixed(t)
	r := rand.New(rand.NewPCG(4, 4))
	var want string
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		if got := add(t, v, records, 1000); got != (inventory.Added{New: len(records)}) {
			t.Errorf("%+v, want %d new ones", got, len(records))
		}
		got := dump(t, v)
		if want == "" {
			want = got
		} else if got != want { // of other databases too
			t.Error("another database, other answers")
		}
		// The second Inventory has seen nothing yet.
		for _, again := range []*inventory.Inventory{v, d.open(t)} {
			if added := add(t, again, shuffled(r, records), 37); added != (inventory.Added{Same: len(records)}) {
				t.Errorf("%+v, want %d that are there", added, len(records))
			}
			if dump(t, again) != want {
				t.Error("what was there is added, and the answers are others")
			}
		}
		if err := inventory.Drop(t.Context(), d.db(t), d.dialect); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Add(t.Context(), records[0]); err == nil {
			t.Error("Add to no tables: no error")
		}
		w := d.open(t)
		// Numbers that v has seen are those of other things now.
		for n, some := range [][]inventory.Record{shuffled(r, records)[:50], shuffled(r, records)} {
			add(t, []*inventory.Inventory{w, v}[n], some, 13)
		}
		if dump(t, w) != want {
			t.Error("other batches in another order, other answers")
		}
	})
}

func TestLaterVerdict(t *testing.T) {
	rec := fleet.Odd(3, true)[0]
	at := func(hours int, verdict string) inventory.Record {
		rec.Verdict = inventory.Verdict{Verdict: verdict, Policy: fleet.PolicyDigest(), At: fleet.OddStart().Add(time.Duration(hours) * time.Hour), Reasons: []string{verdict}}
		return rec
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		for i, c := range []struct {
			inventory.Record
			want    inventory.Added
			verdict string
		}{
			{at(1, verify.Accepted), inventory.Added{New: 1}, verify.Accepted},
			{at(1, verify.Accepted), inventory.Added{Same: 1}, verify.Accepted},
			{at(3, verify.Rejected), inventory.Added{Updated: 1}, verify.Rejected},
			{at(2, verify.Undecided), inventory.Added{Same: 1}, verify.Rejected},
			{at(3, verify.Rejected), inventory.Added{Same: 1}, verify.Rejected},
			{at(4, verify.Accepted), inventory.Added{Updated: 1}, verify.Accepted},
		} {
			got, err := v.Add(t.Context(), c.Record)
			if err != nil || got != c.want {
				t.Errorf("%d: %+v, error %v, want %+v", i, got, err, c.want)
			}
			es := all(t, v.Artifacts(t.Context(), inventory.Filter{Verdict: c.verdict}))
			if len(es) != 1 || len(all(t, v.Artifacts(t.Context(), inventory.Filter{}))) != 1 || es[0].Trust.Verdict.Reasons[0] != c.verdict {
				t.Errorf("%d: %+v, want one that is %s", i, es, c.verdict)
			}
		}
	})
}

func TestKnown(t *testing.T) {
	f := fleet.New(3, fleet.Options{Services: 8, Builds: 2, Components: 3})
	var records []inventory.Record
	var marks []hallmark.Digest
	for r := range f.Records() {
		records, marks = append(records, r), append(marks, r.Mark)
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records[:8], 8)
		known, err := v.Known(t.Context(), append(marks, hallmark.Digest{}))
		for i, k := range known {
			if k != (i < 8) {
				t.Errorf("mark %d: known %t", i, k)
			}
		}
		if err != nil || len(known) != 17 {
			t.Errorf("%d marks, error %v", len(known), err)
		}
	})
}

// What is wrong with one Record keeps all from being added.
func TestRefused(t *testing.T) {
	good := fleet.Odd(3, true)[0]
	cases := map[string]func(*inventory.Record){
		"no digest": func(r *inventory.Record) { r.Artifact.Digests = nil },
		"no SHA-256": func(r *inventory.Record) {
			r.Artifact.Digests = []hallmark.Digest{digest(t, "sha1:"+strings.Repeat("a", 40))}
		},
		"verdict":         func(r *inventory.Record) { r.Verdict.Verdict = "fine" },
		"attested by":     func(r *inventory.Record) { r.Attested = digest(t, "sha256:"+strings.Repeat("a", 64)) },
		"an edge from":    func(r *inventory.Record) { r.Document.Edges = []sbom.Edge{{From: "a", To: "c"}} },
		"an edge to":      func(r *inventory.Record) { r.Document.Edges = []sbom.Edge{{From: "c", To: "a"}} },
		"a Ref twice":     func(r *inventory.Record) { r.Document.Components[0].Ref = "main" },
		"a NUL":           func(r *inventory.Record) { r.Document.Components[0].Name = "a\x00b" },
		"no UTF-8":        func(r *inventory.Record) { r.Document.Components[0].Name = "\xff" },
		"a long name":     func(r *inventory.Record) { r.Document.Components[0].Name = strings.Repeat("a", 1<<20) },
		"a long URL":      func(r *inventory.Record) { r.Build.Source = strings.Repeat("a", 1<<20) },
		"a NUL in a gap":  func(r *inventory.Record) { r.Gaps = []string{"\x00"} },
		"a NUL in an URI": func(r *inventory.Record) { r.Build.Inputs = []inventory.Input{{URI: "\x00"}} },
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		for name, spoil := range cases {
			bad := good
			bad.Document = &sbom.Document{
				Main:       sbom.Component{Ref: "main", Name: "main", Type: sbom.Application, Scope: sbom.Runtime},
				Components: []sbom.Component{{Ref: "c", Name: "c", Type: sbom.Library, Scope: sbom.Runtime}},
			}
			bad.Attested = hallmark.Digest{}
			spoil(&bad)
			if _, err := v.Add(t.Context(), good, bad); err == nil || !strings.HasPrefix(err.Error(), "inventory: ") || len(err.Error()) > 5000 {
				t.Errorf("%s: error %.5000v", name, err)
			}
		}
		if es := all(t, v.Artifacts(t.Context(), inventory.Filter{})); len(es) != 0 {
			t.Errorf("%d artifacts are added, want none", len(es))
		}
		if err := bounds(t, v, good); err != nil {
			t.Error(err)
		}
	})
}

// bounds adds a Record with texts that are as long as they may be.
func bounds(t *testing.T, v *inventory.Inventory, r inventory.Record) error {
	random := func(n int) string { // which a database cannot compress
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[rand.IntN(36)]
		}
		return string(b)
	}
	const most = 1900 // with the word of what it is before it
	long := random(most)
	path := "example.com/" + random(most-60)
	r.Document = &sbom.Document{Main: sbom.Component{Ref: "main", Name: long, Type: sbom.Application, Scope: sbom.Runtime}}
	r.Document.Components = []sbom.Component{{
		Ref: "c", Name: random(most), PURL: "pkg:golang/" + path + "@v1.0.0", Type: sbom.Library, Scope: sbom.Runtime,
		Licenses: &sbom.Licenses{Declared: "LicenseRef-" + strings.Repeat("a", most-20), Texts: []sbom.LicenseText{{ID: "LicenseRef-" + strings.Repeat("a", most-20), Text: "text"}}},
	}}
	r.Attested = hallmark.Digest{}
	r.Artifact.Name, r.Build.Source, r.Build.Builder, r.Build.Workflow = long, random(most), random(most), random(most)
	r.Gaps = []string{random(16 << 10)}
	r.Verdict = inventory.Verdict{Verdict: verify.Rejected, At: fleet.OddStart(), Reasons: []string{random(16 << 10)}}
	if _, err := v.Add(t.Context(), r); err != nil {
		return err
	}
	for _, f := range []inventory.Filter{{Name: long}, {Source: r.Build.Source}, {Builder: r.Build.Builder}, {Workflow: r.Build.Workflow}} {
		if n := len(all(t, v.Artifacts(t.Context(), f))); n != 1 {
			return fmt.Errorf("%d artifacts by a long text, want 1", n)
		}
	}
	for _, q := range []inventory.Query{{Package: sbom.Query{PURL: "pkg:golang/" + path}}, {Package: sbom.Query{PURL: "pkg:golang/" + path[:1800]}}, {License: r.Document.Components[0].Licenses.Declared}} {
		want := 1
		if strings.HasSuffix(q.Package.PURL, path[:1800]) {
			want = 0
		}
		if n := len(all(t, v.Affected(t.Context(), q))); n != want {
			return fmt.Errorf("%d hits of a long text, want %d", n, want)
		}
	}
	return nil
}

func digest(t testing.TB, s string) hallmark.Digest {
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Two ingesters add what is the same by half, while somebody reads.
func TestTwoIngesters(t *testing.T) {
	records, o := mixed(t)
	each(t, func(t *testing.T, d database) {
		d.open(t)
		var wg sync.WaitGroup
		done := make(chan struct{})
		var readers sync.WaitGroup
		readers.Go(func() {
			v, last := d.open(t), 0
			for {
				artifacts := make(map[string]bool)
				n := 0
				for e, err := range v.Artifacts(t.Context(), inventory.Filter{}) {
					if err != nil {
						t.Error(err)
						return
					}
					artifacts[entry(t, e)] = true
					n++
				}
				if n < last || n != len(artifacts) {
					t.Errorf("%d artifacts, %d of them different, and there were %d", n, len(artifacts), last)
				}
				last = n
				for h, err := range v.Affected(t.Context(), inventory.Query{Package: sbom.Query{PURL: "pkg:golang/stdlib"}}) {
					if err != nil || h.Component == nil {
						t.Error(err)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		var sums [2]inventory.Added
		for i := range sums {
			wg.Go(func() {
				v := d.open(t)
				some := [][]inventory.Record{records[:len(records)*3/4], records[len(records)/4:]}[i]
				for len(some) > 0 {
					n := min(9, len(some))
					added, err := v.Add(t.Context(), some[:n]...)
					if err != nil {
						t.Error(err)
						return
					}
					sums[i].New += added.New
					sums[i].Same += added.Same
					some = some[n:]
				}
			})
		}
		wg.Wait()
		close(done)
		readers.Wait()
		if got := sums[0].New + sums[1].New; got != len(records) {
			t.Errorf("%+v: %d new ones, want %d", sums, got, len(records))
		}
		v := d.open(t)
		o.compareArtifacts(t, v, inventory.Filter{})
		o.question(t, inventory.Query{Package: sbom.Query{PURL: "pkg:golang/stdlib"}}).compare(t, v)
	})
}

// many are enough Records for several batches of AddAll.
func many() *fleet.Fleet {
	return fleet.New(11, fleet.Options{Services: 100, Builds: 24, Components: 4})
}

func TestInterrupted(t *testing.T) {
	f := many()
	var o oracle
	for r := range f.Records() {
		o.add(t, r)
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		count := func() int { return len(all(t, v.Artifacts(context.Background(), inventory.Filter{}))) }

		// By whoever reads the progress, and in the midst of a batch.
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		done, err := v.AddAll(ctx, f.Records(), func(a inventory.Added) { cancel(enough) })
		if !errors.Is(err, enough) {
			t.Errorf("error %v, want %v", err, enough)
		}
		if n := count(); n != done.New || n == 0 || n == f.Len() {
			t.Errorf("%d artifacts are added, and %+v were told", n, done)
		}
		r := rand.New(rand.NewPCG(5, 5))
		for range 3 {
			before := count()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(200))*time.Millisecond)
			done, err := v.AddAll(ctx, f.Records(), nil)
			cancel()
			if n := count(); err == nil && n != f.Len() || err != nil && (!errors.Is(err, context.DeadlineExceeded) || n != before+done.New) {
				t.Errorf("%d artifacts, then %d, and %+v were told; error %v", before, n, done, err)
			}
		}

		// By what cannot be read.
		bad := errors.New("bad record")
		done, err = v.AddAll(t.Context(), func(yield func(inventory.Record, error) bool) {
			n := 0
			for r := range f.Records() {
				if n++; n == 2100 {
					yield(inventory.Record{}, bad)
					return
				}
				if !yield(r, nil) {
					return
				}
			}
		}, nil)
		if !errors.Is(err, bad) || done.New+done.Same != 2000 {
			t.Errorf("%+v, error %v, want %v after 2000", done, err, bad)
		}

		told := 0
		done, err = v.AddAll(t.Context(), f.Records(), func(a inventory.Added) { told = a.New + a.Same })
		if err != nil || done.New+done.Same != f.Len() || told != f.Len() {
			t.Errorf("%+v, told of %d, error %v", done, told, err)
		}
		if got := o.compareArtifacts(t, v, inventory.Filter{}); got != f.Len() {
			t.Errorf("%d artifacts, want %d", got, f.Len())
		}
		o.question(t, inventory.Query{Package: sbom.Query{PURL: f.Package(.5)}}).compare(t, v)
	})
}

// Whatever ends AddAll, nobody ranges over the records any more when it returns.
func TestNobodyIsLeft(t *testing.T) {
	f := many()
	for name, fail := range map[string]func(d database, cancel func()) error{
		"the caller has enough": func(_ database, cancel func()) error { cancel(); return nil },
		"nothing can be added":  func(d database, _ func()) error { return inventory.Drop(t.Context(), d.db(t), d.dialect) },
	} {
		d := newSQLite(t)
		v := d.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := false
		_, err := v.AddAll(ctx, func(yield func(inventory.Record, error) bool) {
			defer func() {
				time.Sleep(50 * time.Millisecond) // a file is closed
				ended = true
			}()
			f.Records()(yield)
		}, func(inventory.Added) {
			if err := fail(d, cancel); err != nil {
				t.Error(err)
			}
		})
		if err == nil || !ended {
			t.Errorf("%s: the records are no more used: %t, error %v", name, ended, err)
		}
		cancel()
	}
}

// A server that is killed loses nothing that was added, and has nothing by half.
func TestKilledServer(t *testing.T) {
	s := postgrestest.Start(t)
	f := many()
	for _, copies := range []bool{false, true} {
		d := database{inventory.PostgreSQL, "pgx", s.Database(t), copies}
		v := d.open(t)
		killed := make(chan struct{})
		done, err := v.AddAll(t.Context(), func(yield func(inventory.Record, error) bool) {
			n := 0
			for r := range f.Records() {
				if n++; n == 1200 { // the first batch is being written
					go func() {
						s.Kill(t)
						close(killed)
					}()
				}
				if n == 2300 {
					<-killed
				}
				if !yield(r, nil) {
					return
				}
			}
		}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "inventory: ") {
			t.Errorf("copy %t: error %v", copies, err)
		}
		<-killed
		s.Restart(t)
		n := len(all(t, retried(v.Artifacts(t.Context(), inventory.Filter{}), v)))
		// The word that the last batch was added may have been lost.
		if n != done.New && n != done.New+1000 || n == f.Len() {
			t.Errorf("copy %t: %d artifacts, and %+v were told", copies, n, done)
		}
		if done, err = v.AddAll(t.Context(), f.Records(), nil); err != nil || done.New != f.Len()-n || done.Same != n {
			t.Errorf("copy %t: %+v, error %v, want %d new ones", copies, done, err, f.Len()-n)
		}
		var o oracle
		for r := range f.Records() {
			o.add(t, r)
		}
		o.compareArtifacts(t, v, inventory.Filter{})
		o.question(t, inventory.Query{Package: sbom.Query{PURL: f.Package(.5)}}).compare(t, v)
	}
}

// retried asks once before: a connection of a server that is no more is noticed when it is used.
func retried[T any](seq iter.Seq2[T, error], v *inventory.Inventory) iter.Seq2[T, error] {
	for range 3 {
		if _, err := v.Known(context.Background(), nil); err == nil {
			break
		}
	}
	return seq
}

// Whoever has heard enough leaves no connection behind.
func TestEnough(t *testing.T) {
	records, _ := mixed(t)
	each(t, func(t *testing.T, d database) {
		db := d.db(t)
		v, err := inventory.Open(t.Context(), db, d.dialect, d.options())
		if err != nil {
			t.Fatal(err)
		}
		add(t, v, records, 1000)
		q := inventory.Query{Package: sbom.Query{PURL: "pkg:golang/stdlib"}}
		for range v.Affected(t.Context(), q) {
			break
		}
		for range v.Artifacts(t.Context(), inventory.Filter{}) {
			break
		}
		func() {
			defer func() { recover() }()
			for range v.Affected(t.Context(), q) {
				panic("enough")
			}
		}()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for _, err = range v.Affected(ctx, q) {
			cancel()
			n++
		}
		if n > 1000 || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%d hits after the context has ended, error %v", n, err)
		}
		// Others may be asked meanwhile.
		for e, err := range v.Artifacts(t.Context(), inventory.Filter{Name: records[len(records)-1].Artifact.Name}) {
			if err != nil {
				t.Fatal(err)
			}
			if es := all(t, v.Artifacts(t.Context(), inventory.Filter{Digest: e.Artifact.Digests[0]})); len(es) == 0 {
				t.Errorf("%s is not found by its digest", e.Title())
			}
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are in use", n)
		}
	})
}
