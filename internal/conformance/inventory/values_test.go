package inventory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// Whatever value a table has, every question is answered or is an error, and in time.
func TestDamagedValues(t *testing.T) {
	dir := t.TempDir()
	sound, bad := filepath.Join(dir, "sound.db"), filepath.Join(dir, "bad.db")
	f := fleet.New(9, fleet.Options{Services: 12, Builds: 3, Components: 30})
	records := fleet.Odd(3, true)
	for r := range f.Records() {
		records = append(records, r)
	}
	func() {
		db := sqliteFile(sound).db(t)
		defer db.Close()
		v, err := inventory.Open(t.Context(), db, inventory.SQLite, inventory.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		add(t, v, records, 5) // several segments
		if err := v.Deploy(t.Context(), inventory.Deployment{Digest: records[len(records)-1].Artifact.Digests[0], Environment: "e", Service: "s", From: now()}); err != nil {
			t.Fatal(err)
		}
	}()
	data, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	rule := ruleOf(t, nil)
	digests := []hallmark.Digest{records[len(records)-1].Artifact.Digests[0]}
	for _, r := range records {
		for _, in := range r.Build.Inputs {
			digests = append(digests, in.Digests...)
		}
	}

	columns := []string{
		"block.data", "facts.data", "set.tree", "set.patch", "tree.data", "posting.sets", "posting.trees", "posting.ways", "part.data", "record.evidence", "record.hash", "set.hash", "part.hash", "fact.hash",
		"part.label", "record.sbom", "about.term", "term.term", "tag.tag", "deployment.digest", "tree.id", "record.contents", "record.tree", "record.main", "record.inputs",
		"record.attested", "segment.id", "posting.part", "deployment.until", "meta.value",
	}
	random := rand.New(rand.NewPCG(7, 7))
	for n := range 4 * len(columns) {
		table, column, _ := strings.Cut(columns[n%len(columns)], ".")
		how := random.IntN(5)
		err := func() error {
			for _, suffix := range []string{"", "-journal"} {
				os.Remove(bad + suffix)
			}
			if err := os.WriteFile(bad, data, 0o600); err != nil {
				return err
			}
			db := sqliteFile(bad).db(t)
			defer db.Close()
			v, err := inventory.Open(t.Context(), db, inventory.SQLite, inventory.Options{Now: now})
			if err != nil {
				return err
			}
			var value any
			of := fmt.Sprintf("FROM inventory_%s ORDER BY %s LIMIT 1 OFFSET abs(random()) %% (SELECT count(*) FROM inventory_%s)", table, column, table)
			if err := db.QueryRow("SELECT " + column + " " + of).Scan(&value); err != nil {
				return err
			}
			text := fmt.Sprintf("%s", value)
			old := value
			switch b, number := []byte(text), false; {
			case how == 0:
				value = []byte(nil)
				_, number = old.(int64)
				if number {
					value = int64(-1)
				} else {
					value = []byte{}
				}
			default:
				if n, ok := old.(int64); ok {
					value = []int64{n + 1, 1 << 40, -n, 1<<31 - 1}[how-1]
					break
				}
				if len(b) == 0 {
					value = []byte{1, 2, 3}
					break
				}
				switch at := random.IntN(len(b)); how {
				case 1:
					b = b[:at]
				case 2:
					b[at] ^= 1 << random.IntN(8)
				case 3:
					b[at] = 0xff
				case 4:
					b = append(b, b[:at]...)
				}
				value = b
			}
			if b, ok := value.([]byte); ok && how%2 == 1 {
				if _, ok := old.(string); ok {
					value = string(b)
				}
			}
			if _, err := db.Exec("UPDATE inventory_"+table+" SET "+column+" = ? WHERE "+column+" = ?", value, old); err != nil && !strings.Contains(err.Error(), "constraint") && !strings.Contains(err.Error(), "mismatch") {
				return err
			}

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var errs []error
			first := func(err error) {
				if err != nil {
					errs = append(errs, err)
				}
			}
			for _, err := range v.Artifacts(ctx, inventory.Filter{}) {
				first(err)
			}
			read := len(errs) > 0
			for _, q := range []inventory.Query{
				{Package: sbom.Query{PURL: "pkg:golang/stdlib"}},
				{License: "MIT", Rule: &rule},
				{License: "MIT", Of: inventory.Filter{Deployed: true}},
				{License: "Apache-2.0", Of: inventory.Filter{Input: digests[len(digests)-1]}},
			} {
				for _, err := range v.Affected(ctx, q) {
					first(err)
				}
			}
			for _, err := range v.Judge(ctx, rule, inventory.Filter{}) {
				first(err)
			}
			for _, err := range v.Deployments(ctx, inventory.Filter{}) {
				first(err)
			}
			_, err = v.Rebuild(ctx, inventory.RebuildOptions{Latest: true}, digests...)
			first(err)
			_, err = v.Report(ctx, inventory.Cause{Query: inventory.Query{Package: sbom.Query{PURL: "pkg:golang/stdlib"}}}, inventory.ReportOptions{Others: true})
			first(err)
			_, err = v.Known(ctx, []hallmark.Digest{records[0].Mark})
			first(err)
			more := fleet.Odd(4, true)
			_, err = v.Add(ctx, append(more, records...)...)
			first(err)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for _, err := range errs {
				if !strings.HasPrefix(err.Error(), "inventory: ") || len(err.Error()) > 5000 {
					t.Errorf("%s.%s = %.50q: error %.1000v", table, column, value, err)
				}
			}
			if (table == "block" || table == "fact") && column == "data" && how < 2 && !read {
				t.Errorf("%s.%s = %.50q, that is not all: no error", table, column, value)
			}
			return nil
		}()
		if err != nil {
			t.Errorf("%s.%s: %v", table, column, err)
		}
	}
}
