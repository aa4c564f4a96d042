package inventory

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"
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

// An Inventory is a database of Records. It may be used by several goroutines, and a
// database by several Inventories, in any number of processes.
type Inventory struct {
	db      *sql.DB
	dialect Dialect
	o       Options

	mu   sync.Mutex // of seen; one batch at a time is added
	seen *seen
}

// schema is the version of the tables.
const schema = 3

// tables are the statements that make them. The words in braces are those of a
// dialect.
const tables = `
CREATE TABLE inventory_meta (
	name  {text} PRIMARY KEY,
	value BIGINT NOT NULL
);
CREATE TABLE inventory_part (
	id    INTEGER PRIMARY KEY,
	hash  {bytes} NOT NULL UNIQUE,
	label {text} NOT NULL,
	data  {bytes} NOT NULL
);
CREATE TABLE inventory_term (
	term {text} NOT NULL,
	part INTEGER NOT NULL,
	PRIMARY KEY (term, part)
) {compact};
CREATE TABLE inventory_tree (
	id     INTEGER PRIMARY KEY,
	family BIGINT NOT NULL,
	data   {bytes} NOT NULL
);
CREATE INDEX inventory_tree_family ON inventory_tree (family, id);
CREATE TABLE inventory_set (
	id    INTEGER PRIMARY KEY,
	hash  {bytes} NOT NULL UNIQUE,
	tree  INTEGER NOT NULL,
	patch {bytes} NOT NULL
);
CREATE INDEX inventory_set_tree ON inventory_set (tree);
CREATE TABLE inventory_segment (
	id   INTEGER PRIMARY KEY,
	sets INTEGER NOT NULL
);
CREATE TABLE inventory_posting (
	segment INTEGER NOT NULL,
	part    INTEGER NOT NULL,
	trees   {ints} NOT NULL,
	ways    {bytes} NOT NULL,
	sets    {ints} NOT NULL,
	PRIMARY KEY (segment, part)
) {compact};
CREATE TABLE inventory_fact (
	id   INTEGER PRIMARY KEY,
	hash {bytes} NOT NULL UNIQUE
);
CREATE TABLE inventory_facts (
	id   INTEGER PRIMARY KEY,
	data {bytes} NOT NULL
);
CREATE TABLE inventory_tag (
	tag  {text} NOT NULL,
	fact INTEGER NOT NULL,
	PRIMARY KEY (tag, fact)
) {compact};
CREATE TABLE inventory_record (
	id         INTEGER PRIMARY KEY,
	hash       {bytes} NOT NULL UNIQUE,
	main       INTEGER NOT NULL,
	contents   INTEGER NOT NULL,
	tree       INTEGER NOT NULL,
	inputs     INTEGER NOT NULL,
	origin     INTEGER NOT NULL,
	verdict    INTEGER NOT NULL,
	attested   INTEGER NOT NULL,
	incomplete INTEGER NOT NULL,
	built      BIGINT NOT NULL,
	mark       {bytes},
	sbom       {text} NOT NULL,
	evidence   {bytes} NOT NULL
);
CREATE INDEX inventory_record_main ON inventory_record (main);
CREATE INDEX inventory_record_contents ON inventory_record (contents);
CREATE INDEX inventory_record_tree ON inventory_record (tree);
CREATE INDEX inventory_record_inputs ON inventory_record (inputs);
CREATE INDEX inventory_record_origin ON inventory_record (origin);
CREATE INDEX inventory_record_built ON inventory_record (built);
CREATE INDEX inventory_record_mark ON inventory_record (mark);
CREATE TABLE inventory_block (
	id   INTEGER PRIMARY KEY,
	data {bytes} NOT NULL
);
CREATE TABLE inventory_about (
	term   {text} NOT NULL,
	record INTEGER NOT NULL,
	PRIMARY KEY (term, record)
) {compact};
CREATE TABLE inventory_deployment (
	digest      {text} NOT NULL,
	environment {text} NOT NULL,
	service     {text} NOT NULL,
	since       BIGINT NOT NULL,
	until       BIGINT NOT NULL,
	PRIMARY KEY (digest, environment, service, since)
) {compact};
CREATE INDEX inventory_deployment_place ON inventory_deployment (environment, service, digest, since);
CREATE TABLE inventory_environment (
	environment {text} PRIMARY KEY,
	told        BIGINT NOT NULL
) {compact}
`

// Open opens the inventory in db, and makes its tables if it has none. It does not write
// if they are there. Tables of another version are an error: [Drop] them, and add the
// evidence again.
func Open(ctx context.Context, db *sql.DB, d Dialect, o Options) (*Inventory, error) {
	switch {
	case db == nil:
		return nil, errors.New("inventory: no database")
	case d != SQLite && d != PostgreSQL:
		return nil, fmt.Errorf("inventory: dialect %q, want %q or %q", d, SQLite, PostgreSQL)
	case o.Now == nil:
		return nil, errors.New("inventory: no Now to tell the time")
	}
	v := &Inventory{db: db, dialect: d, o: o, seen: newSeen()}
	there := false
	look := func(s *session) (err error) {
		there, err = s.exists(ctx)
		if err != nil || !there {
			return err
		}
		got, err := s.number(ctx, "SELECT value FROM inventory_meta WHERE name = 'schema'")
		if err == nil && got != schema {
			err = fmt.Errorf("the tables are of version %d, want %d: build the inventory anew from the evidence", got, schema)
		}
		return err
	}
	if err := v.view(ctx, look); err != nil || there {
		return v, err
	}
	err := v.update(ctx, func(s *session) error {
		if err := look(s); err != nil || there { // somebody else was faster
			return err
		}
		words := strings.NewReplacer("{text}", "TEXT", "{bytes}", "BLOB", "{ints}", "BLOB", "{compact}", "WITHOUT ROWID")
		if d == PostgreSQL {
			words = strings.NewReplacer("{text}", `TEXT COLLATE "C"`, "{bytes}", "BYTEA", "{ints}", "INTEGER[]", "{compact}", "")
		}
		for _, statement := range strings.Split(words.Replace(tables), ";\n") {
			if err := s.exec(ctx, statement); err != nil {
				return err
			}
		}
		if d == PostgreSQL { // Compressed, and in another place, they take less room and more time.
			for _, table := range []string{"inventory_block", "inventory_facts"} {
				if err := s.exec(ctx, "ALTER TABLE "+table+" ALTER COLUMN data SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160)"); err != nil {
					return err
				}
			}
		}
		var generation [8]byte
		rand.Read(generation[:])
		return s.exec(ctx, "INSERT INTO inventory_meta (name, value) VALUES ('schema', ?), ('generation', ?)",
			int64(schema), int64(binary.LittleEndian.Uint64(generation[:])>>1))
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// exists reports whether the tables are there.
func (s *session) exists(ctx context.Context) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'inventory_meta'"
	if s.v.dialect == PostgreSQL {
		query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'inventory_meta'"
	}
	n, err := s.number(ctx, query)
	return n > 0, err
}

// Drop removes from db, and in PostgreSQL from its current schema, all that an Inventory
// has made. It is no error if there is nothing.
func Drop(ctx context.Context, db *sql.DB, d Dialect) error {
	if db == nil || d != SQLite && d != PostgreSQL {
		return fmt.Errorf("inventory: no database, or dialect %q, want %q or %q", d, SQLite, PostgreSQL)
	}
	v := &Inventory{db: db, dialect: d}
	return v.update(ctx, func(s *session) error {
		place := "main"
		if d == PostgreSQL { // in which a name alone could be that of a table in another schema
			err := s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&place) }, "SELECT quote_ident(current_schema())")
			if err != nil {
				return err
			}
		}
		for _, statement := range strings.Split(tables, ";\n") {
			if name, ok := strings.CutPrefix(strings.TrimSpace(statement), "CREATE TABLE "); ok {
				name, _, _ = strings.Cut(name, " ")
				if err := s.exec(ctx, "DROP TABLE IF EXISTS "+place+"."+name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
