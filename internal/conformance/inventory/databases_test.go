package inventory_test

import (
	"context"
	"database/sql"
	"iter"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/internal/postgrestest"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// A database is an empty one of some kind, that can be opened several times.
type database struct {
	dialect inventory.Dialect
	driver  string
	source  string // what the driver calls it
	copies  bool   // whether rows are loaded by COPY
}

// now is the time of all tests.
func now() time.Time { return fleet.OddStart().Add(100 * time.Hour) }

// each runs a test on all kinds of databases.
func each(t *testing.T, f func(t *testing.T, d database)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newSQLite(t)) })
	t.Run("postgresql", func(t *testing.T) { f(t, newPostgreSQL(t)) })
	t.Run("copy", func(t *testing.T) {
		d := newPostgreSQL(t)
		d.copies = true
		f(t, d)
	})
}

func newSQLite(t testing.TB) database {
	return sqliteFile(filepath.Join(t.TempDir(), "inventory.db"), "journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(60000)")
}

func sqliteFile(path string, pragmas ...string) database {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return database{inventory.SQLite, "sqlite", u.String(), false}
}

func newPostgreSQL(t testing.TB) database {
	return database{inventory.PostgreSQL, "pgx", postgrestest.Shared(t).Database(t), false}
}

// db opens d until the test ends.
func (d database) db(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func (d database) options() inventory.Options {
	o := inventory.Options{Now: now}
	if d.copies {
		o.Copy = copyRows
	}
	return o
}

// open opens the inventory in d until the test ends.
func (d database) open(t testing.TB) *inventory.Inventory {
	t.Helper()
	v, err := inventory.Open(context.Background(), d.db(t), d.dialect, d.options())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// copyRows is what Options.Copy is with pgx.
func copyRows(ctx context.Context, conn *sql.Conn, table string, columns []string, rows iter.Seq[[]any]) error {
	return conn.Raw(func(c any) error {
		next, stop := iter.Pull(rows)
		defer stop()
		_, err := c.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, _ := next()
			return row, nil
		}))
		return err
	})
}

// add adds records in batches of a size.
func add(t testing.TB, v *inventory.Inventory, records []inventory.Record, size int) (all inventory.Added) {
	t.Helper()
	for len(records) > 0 {
		n := min(size, len(records))
		added, err := v.Add(context.Background(), records[:n]...)
		if err != nil {
			t.Fatal(err)
		}
		all.New += added.New
		all.Updated += added.Updated
		all.Same += added.Same
		records = records[n:]
	}
	return all
}

// all returns what seq yields.
func all[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var ts []T
	for one, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, one)
	}
	return ts
}
