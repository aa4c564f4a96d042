package inventory_test

import (
	"bufio"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/internal/postgrestest"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// The largest of the fleets takes minutes and some gigabytes:
//
//	go test ./internal/conformance/inventory -run '^$' -bench Fleet/copy -large
var large = flag.Bool("large", false, "measure with 100,000 artifacts, too")

// BenchmarkFleet adds fleets of artifacts with 500 components each, and asks for components
// that about a share of the artifacts has. artifacts/s is of the whole ingest, of which
// making-s is what it takes to make up the records, on another goroutine; in-hand/s is of the
// last ones, which are made up before they are added. first-ms is how
// long the first hit takes, of the fastest of all times, and peak-MB what the process
// needed at most.
func BenchmarkFleet(b *testing.B) {
	sizes := []int{1000, 10_000}
	if *large {
		sizes = append(sizes, 100_000)
	}
	for _, kind := range []string{"sqlite", "postgresql", "copy"} {
		b.Run(kind, func(b *testing.B) {
			for _, size := range sizes {
				b.Run(strconv.Itoa(size), func(b *testing.B) { benchmarkFleet(b, kind, size) })
			}
		})
	}
}

func benchmarkFleet(b *testing.B, kind string, size int) {
	var d database
	if kind == "sqlite" {
		path := filepath.Join(b.TempDir(), "inventory.db")
		d = sqliteFile(path, "journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(60000)")
	} else {
		s := postgrestest.Start(b, "fsync=on", "max_wal_size=4GB")
		d = database{inventory.PostgreSQL, "pgx", s.Database(b), kind == "copy"}
	}
	f := fleet.New(1, fleet.Options{Services: size / 50, Builds: 50, Components: 500})
	v := d.open(b)

	forgetPeak()
	start := time.Now()
	var making time.Duration
	next, stop := iter.Pull2(f.Records())
	defer stop()
	inHand := make([]inventory.Record, min(2000, size/5))
	added, err := v.AddAll(context.Background(), func(yield func(inventory.Record, error) bool) {
		for range size - len(inHand) {
			last := time.Now()
			r, err, _ := next()
			making += time.Since(last)
			if !yield(r, err) {
				return
			}
		}
	}, nil)
	took := time.Since(start)
	peakOfIngest := peak()
	if err == nil {
		for i := range inHand {
			inHand[i], err, _ = next()
		}
	}
	if err != nil || added.New != size-len(inHand) {
		b.Fatalf("%+v, error %v", added, err)
	}
	runtime.GC()
	start = time.Now()
	last, err := v.AddAll(context.Background(), func(yield func(inventory.Record, error) bool) {
		for _, r := range inHand {
			if !yield(r, nil) {
				return
			}
		}
	}, nil)
	tookInHand := time.Since(start)
	if err != nil || last.New != len(inHand) {
		b.Fatalf("%+v, error %v", last, err)
	}
	handful := float64(len(inHand))
	clear(inHand)
	debug.FreeOSMemory() // so that what is in hand is not told of the answers
	bytes := d.size(b)
	b.Run("ingest", func(b *testing.B) {
		for b.Loop() { // it has been done
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(added.New)/took.Seconds(), "artifacts/s")
		b.ReportMetric(handful/tookInHand.Seconds(), "in-hand/s")
		b.ReportMetric(making.Seconds(), "making-s")
		b.ReportMetric(float64(bytes)/1e6, "database-MB")
		b.ReportMetric(peakOfIngest, "peak-MB")
	})

	for _, share := range []float64{.99, .17, .01} {
		q := inventory.Query{Package: sbom.Query{PURL: f.Package(share), Versions: "< v1000.0.0"}}
		b.Run(fmt.Sprintf("%.0f%%", 100*share), func(b *testing.B) {
			runtime.GC()
			forgetPeak()
			hits, best := 0, time.Hour
			for b.Loop() {
				start, n := time.Now(), 0
				for _, err := range v.Affected(context.Background(), q) {
					if err != nil {
						b.Fatal(err)
					}
					if n++; n == 1 {
						best = min(best, time.Since(start))
					}
				}
				hits = n
			}
			b.ReportMetric(float64(hits), "hits")
			b.ReportMetric(float64(best.Microseconds())/1000, "first-ms")
			b.ReportMetric(peak(), "peak-MB")
		})
	}
	b.Run("builder", func(b *testing.B) {
		hits := 0
		for b.Loop() {
			hits = 0
			for _, err := range v.Artifacts(context.Background(), inventory.Filter{Builder: f.Builders()[2].ID}) {
				if err != nil {
					b.Fatal(err)
				}
				hits++
			}
		}
		b.ReportMetric(float64(hits), "hits")
	})
	b.Run("rebuild", func(b *testing.B) {
		steps := 0
		for b.Loop() {
			all, err := v.Rebuild(context.Background(), inventory.RebuildOptions{Latest: true}, f.Digest(0, 0), f.Digest(0, 49))
			if err != nil {
				b.Fatal(err)
			}
			steps = len(all)
		}
		b.ReportMetric(float64(steps), "steps")
	})
}

// size returns how large the database is.
func (d database) size(b *testing.B) (n int64) {
	query := "SELECT pg_database_size(current_database())"
	if d.dialect == inventory.SQLite {
		query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	}
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// forgetPeak makes peak begin anew, if the system can do so.
func forgetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak returns the most memory that the process had, in megabytes: what the system counts,
// or else what the Go runtime has asked for.
func peak() float64 {
	if file, err := os.Open("/proc/self/status"); err == nil {
		defer file.Close()
		for s := bufio.NewScanner(file); s.Scan(); {
			if value, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
				if kB, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB")); err == nil {
					return float64(kB) * 1024 / 1e6
				}
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys) / 1e6
}
