package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// common are the flags that all commands have.
type common struct {
	db   string
	wait time.Duration
	at   cli.Time
	json bool
}

func (c *common) flags(flags *flag.FlagSet) {
	flags.StringVar(&c.db, "db", "inventory.db", "the database: a `FILE` for SQLite, or postgres://USER@HOST/NAME, whose password is better told by PGPASSWORD or a file .pgpass")
	flags.DurationVar(&c.wait, "wait", 10*time.Second, "how long to wait for others that write to a file")
	flags.Var(&c.at, "at", "answer as at this `TIME`, such as 2026-12-31T12:00:00Z or 2026-12-31, instead of now")
	flags.BoolVar(&c.json, "json", false, "print one JSON object for each answer, on a line of its own")
}

// A store is an inventory in a database.
type store struct {
	*inventory.Inventory
	db      *sql.DB
	dialect inventory.Dialect
	name    string // of the file, or the database without a password
	dir     string // that is removed in the end, if it is not empty
}

func (s *store) close() {
	s.db.Close()
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

func isPostgreSQL(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// connect returns the database, without looking at what is in it. A file that is not there
// is made if make says so.
func (c *common) connect(file string, make bool) (*store, error) {
	if isPostgreSQL(file) {
		config, err := pgx.ParseConfig(file)
		if err != nil {
			return nil, err // without the password
		}
		name := fmt.Sprintf("%s at %s", config.Database, config.Host)
		return &store{db: stdlib.OpenDB(*config), dialect: inventory.PostgreSQL, name: name}, nil
	}
	if strings.Contains(file, "://") {
		return nil, fmt.Errorf("-db %s: want a file, or postgres://…", file)
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !make:
		return nil, fmt.Errorf("%s: there is no inventory: ingest makes one", file)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: no regular file", file)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	options := url.Values{
		"_busy_timeout": {strconv.FormatInt(c.wait.Milliseconds(), 10)}, "_synchronous": {"NORMAL"}, "_foreign_keys": {"on"},
		"_pragma": {"cache_size(-65536)", "temp_store(memory)"},
	}
	if make {
		// Readers and one writer at a time, who wait for each other. What was not yet on the
		// disk when the power went is read again from the evidence. The file keeps that.
		options.Set("_journal_mode", "WAL")
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: options.Encode()}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	return &store{db: sql.OpenDB(connector), dialect: inventory.SQLite, name: file}, nil
}

// open opens the inventory.
func (c *common) open(ctx context.Context, make bool) (*store, error) {
	return c.openFile(ctx, c.db, make)
}

func (c *common) openFile(ctx context.Context, file string, make bool) (*store, error) {
	s, err := c.connect(file, make)
	if err != nil {
		return nil, err
	}
	if !make { // what is asked makes no tables
		there, _, err := s.look(ctx)
		if err == nil && !there {
			err = errors.New("there is no inventory in it: ingest makes one")
		}
		if err != nil {
			err = s.explain(err)
			s.db.Close()
			return nil, err
		}
	}
	o := inventory.Options{Now: c.at.Now}
	if s.dialect == inventory.PostgreSQL {
		o.Copy = copyRows
	}
	if s.Inventory, err = inventory.Open(ctx, s.db, s.dialect, o); err != nil {
		err = s.explain(err)
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// look reports whether the database has an inventory, and how many tables of something else.
func (s *store) look(ctx context.Context) (there bool, others int, err error) {
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
	if s.dialect == inventory.PostgreSQL {
		tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	}
	rows, err := s.db.QueryContext(ctx, tables)
	if err != nil {
		return false, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return false, 0, err
		}
		there = there || name == "inventory_meta"
		if !strings.HasPrefix(name, "inventory_") {
			others++
		}
	}
	return there, others, rows.Err()
}

// What is in errors of package inventory about tables of another version, and about rows
// that do not fit together.
const (
	remedy  = "build the inventory anew"
	damaged = "the database is damaged"
)

// explain says of an error of the database which one it is, and what to do.
func (s *store) explain(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the others tell more exactly what is in the text
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%s: no SQLite database", s.name)
		case sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%s: damaged, perhaps cut off: bring back a copy, or build it anew with ingest -rebuild: %w", s.name, err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fmt.Errorf("%s: another process has it locked: %w", s.name, err)
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			return fmt.Errorf("%s: SQLite cannot write to it, or to its directory, which it needs for reading too: %w", s.name, err)
		}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return err // says where
	}
	text := strings.TrimPrefix(err.Error(), "inventory: ")
	if strings.Contains(text, remedy) {
		text += ": ingest -rebuild"
	}
	return fmt.Errorf("%s: %s", s.name, text)
}

// copyRows loads rows by COPY.
func copyRows(ctx context.Context, conn *sql.Conn, table string, columns []string, rows iter.Seq[[]any]) error {
	next, stop := iter.Pull(rows)
	defer stop()
	return conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, _ := next()
			return row, nil // nil ends it
		}))
		return err
	})
}
