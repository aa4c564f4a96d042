// Package inventory answers which artifacts contain a component, and whether they can
// still be trusted.
package inventory

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// A Dialect is the language of a database.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"     // 3.38 or later
	PostgreSQL Dialect = "postgresql" // 13 or later
)

// Options say how an Inventory works.
type Options struct {
	// Now tells the time. It must be given: exceptions end.
	Now func() time.Time

	// Copy loads rows into a table in one go, within the transaction that conn is in. For
	// PostgreSQL it is COPY, which database/sql has no word for. The values of a row are
	// int64, string, []byte, []int32 for an integer[], and nil. Without a Copy rows are
	// inserted.
	Copy func(ctx context.Context, conn *sql.Conn, table string, columns []string, rows iter.Seq[[]any]) error
}

// An Inventory is a database of Records.
type Inventory struct {
	db      *sql.DB
	dialect Dialect
	o       Options
}

// Open opens the inventory in db and makes its tables if it has none.
func Open(ctx context.Context, db *sql.DB, d Dialect, o Options) (*Inventory, error) {
	panic("not written yet")
}

// Drop removes from db all that Open and the Inventory have made.
func Drop(ctx context.Context, db *sql.DB, d Dialect) error { panic("not written yet") }

// Added is what Add has done.
type Added struct {
	New     int // records that were not there
	Updated int // that were, and have a later verdict now
	Same    int // that were there as they are
}

// Add adds records, all or, with an error, none.
func (v *Inventory) Add(ctx context.Context, records ...Record) (Added, error) {
	panic("not written yet")
}

// AddAll adds records in batches, each all or none, and calls progress, if it is not nil, after each with what was done so far. ...
func (v *Inventory) AddAll(ctx context.Context, records iter.Seq2[Record, error], progress func(Added)) (Added, error) {
	panic("not written yet")
}

// Known reports for each mark whether there is a Record with it.
func (v *Inventory) Known(ctx context.Context, marks []hallmark.Digest) ([]bool, error) {
	panic("not written yet")
}
