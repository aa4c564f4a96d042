package inventory_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/internal/postgrestest"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// holdLock names the file of a database. With it, the program locks that instead of running
// tests, until its standard input ends.
const holdLock = "HALLMARK_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdLock); path != "" {
		if err := lock(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	postgrestest.Main(m)
}

func lock(path string) error {
	d := sqliteFile(path)
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		return err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin)
	_, err = conn.ExecContext(context.Background(), "ROLLBACK")
	return err
}

func TestLockedByAnotherProcess(t *testing.T) {
	for _, journal := range []string{"WAL", "DELETE"} {
		path := filepath.Join(t.TempDir(), "inventory.db")
		impatient := sqliteFile(path, "journal_mode("+journal+")", "busy_timeout(100)").open(t)
		patient := sqliteFile(path, "journal_mode("+journal+")", "busy_timeout(60000)").open(t)
		records := fleet.Odd(3, true)
		add(t, impatient, records[:1], 1)

		other := exec.Command(os.Args[0])
		other.Env = append(os.Environ(), holdLock+"="+path)
		in, err := other.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		word := make([]byte, 7)
		if io.ReadFull(out, word); string(word) != "locked\n" {
			t.Fatalf("the other process says %q", word)
		}

		if _, err := impatient.Add(t.Context(), records...); err == nil || !strings.HasPrefix(err.Error(), "inventory: ") || !strings.Contains(err.Error(), "locked") {
			t.Errorf("%s: Add: error %v, want one that says that it is locked", journal, err)
		}
		if es := all(t, impatient.Artifacts(t.Context(), inventory.Filter{})); len(es) != 1 {
			t.Errorf("%s: %d artifacts, want 1: who writes does not keep others from reading", journal, len(es))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		start := time.Now()
		if _, err := patient.Add(ctx, records...); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: Add: error %v, want %v", journal, err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: Add waited %s for the lock, and its context had ended", journal, took)
		}
		cancel()

		in.Close()
		if err := other.Wait(); err != nil {
			t.Fatal(err)
		}
		if added, err := patient.Add(t.Context(), records...); err != nil || added.New != len(records)-1 {
			t.Errorf("%s: %+v, error %v", journal, added, err)
		}
	}
}

// ask opens the inventory in a file, and returns what it answers.
func ask(t *testing.T, path string) (artifacts, hits []string, err error) {
	d := sqliteFile(path)
	db := d.db(t)
	defer db.Close()
	v, err := inventory.Open(t.Context(), db, d.dialect, d.options())
	if err != nil {
		return nil, nil, err
	}
	for e, err := range v.Artifacts(t.Context(), inventory.Filter{}) {
		if err != nil {
			return nil, nil, err
		}
		artifacts = append(artifacts, entry(t, e))
	}
	for h, err := range v.Affected(t.Context(), inventory.Query{Package: sbom.Query{PURL: "pkg:golang/stdlib"}}) {
		if err != nil {
			return nil, nil, err
		}
		hits = append(hits, strings.Join([]string{entry(t, h.Entry), kept(t, h.Component), fmt.Sprint(h.Path), h.Doubt}, " "))
	}
	slices.Sort(artifacts)
	slices.Sort(hits)
	return artifacts, hits, nil
}

// What is left of a file is an error, or is not noticed because nothing of it was asked.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "inventory.db")
	func() {
		db := sqliteFile(path).db(t)
		defer db.Close()
		v, err := inventory.Open(t.Context(), db, inventory.SQLite, inventory.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		records, _ := mixed(t)
		add(t, v, records, 20)
	}()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	artifacts, hits, err := ask(t, path)
	if err != nil || len(artifacts) < 100 || len(hits) < 50 {
		t.Fatalf("%d artifacts, %d hits, error %v", len(artifacts), len(hits), err)
	}
	bad := filepath.Join(dir, "bad.db")
	write := func(data []byte) {
		t.Helper()
		for _, name := range []string{bad, bad + "-journal", bad + "-wal", bad + "-shm"} {
			os.Remove(name)
		}
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, n := range []int{99, 100, 511, 512, 4095, 4096, 8192, len(data) / 4, len(data) / 2, len(data) - 4096, len(data) - 1} {
		write(data[:n])
		a, h, err := ask(t, bad)
		if err == nil && (!slices.Equal(a, artifacts) || !slices.Equal(h, hits)) {
			t.Errorf("the first %d bytes of %d: %d artifacts, %d hits, want an error", n, len(data), len(a), len(h))
		}
		if err != nil && !strings.HasPrefix(err.Error(), "inventory: ") {
			t.Errorf("the first %d bytes: error %v", n, err)
		}
	}

	r := rand.New(rand.NewPCG(6, 6))
	faults, wrong := 0, 0
	const times = 120
	for range times {
		damaged := slices.Clone(data)
		at := r.IntN(len(data))
		for i := range damaged[at:min(len(data), at+1+r.IntN(3000))] {
			damaged[at+i] = byte(r.Uint32())
		}
		write(damaged)
		a, h, err := ask(t, bad)
		switch {
		case err != nil:
			faults++
			if !strings.HasPrefix(err.Error(), "inventory: ") || len(err.Error()) > 2000 {
				t.Errorf("error %.3000v", err)
			}
		case !slices.Equal(a, artifacts) || !slices.Equal(h, hits):
			wrong++
		}
	}
	// SQLite keeps no checksums: a text that is overwritten within is another text.
	if wrong > times/40 || faults < times/4 {
		t.Errorf("%d other answers of damaged files, and %d errors of %d", wrong, faults, times)
	}
}

// A file that is copied while it is written has what was written before, or nothing.
func TestCopiedFile(t *testing.T) {
	records, _ := mixed(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "inventory.db")
	v := sqliteFile(path, "journal_mode(WAL)").open(t)
	add(t, v, records[:len(records)/2], 10)
	before, _, err := ask(t, path)
	if err != nil {
		t.Fatal(err)
	}
	add(t, v, records[len(records)/2:], 10)
	after, _, err := ask(t, path)
	if err != nil {
		t.Fatal(err)
	}

	// Both files: all. The first alone: what was moved into it, which may be nothing.
	for _, with := range []bool{true, false} {
		to := filepath.Join(dir, fmt.Sprint(with)+".db")
		for _, suffix := range []string{"", "-wal"} {
			if suffix == "" || with {
				data, err := os.ReadFile(path + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, _, err := ask(t, to)
		if with && !slices.Equal(got, after) || err != nil && !strings.HasPrefix(err.Error(), "inventory: ") {
			t.Errorf("with its log, %t: %d artifacts, error %v, want %d, or of an older state (%d)", with, len(got), err, len(after), len(before))
		}
		for _, a := range got {
			if !slices.Contains(after, a) {
				t.Errorf("with its log, %t: %s is not in the inventory", with, a)
			}
		}
	}
}

func TestOtherDatabases(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		run := func(statements ...string) {
			t.Helper()
			for _, s := range statements {
				if _, err := d.db(t).Exec(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		refused := func(what, want string) {
			t.Helper()
			_, err := inventory.Open(t.Context(), d.db(t), d.dialect, d.options())
			if err == nil || !strings.HasPrefix(err.Error(), "inventory: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", what, err, want)
			}
		}
		tables := func() (n int) {
			t.Helper()
			query := "SELECT count(*) FROM sqlite_master WHERE name LIKE 'inventory%'"
			if d.dialect == inventory.PostgreSQL {
				query = "SELECT count(*) FROM pg_class WHERE relname LIKE 'inventory%'"
			}
			if err := d.db(t).QueryRow(query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}

		// Tables of others stay what they are.
		run("CREATE TABLE users (name TEXT)", "INSERT INTO users VALUES ('ann')")
		add(t, d.open(t), fleet.Odd(1, true), 100)
		if tables() == 0 {
			t.Error("no tables of the inventory")
		}
		run("UPDATE inventory_meta SET value = 2 WHERE name = 'schema'")
		refused("an older schema", "version 2, want 3")
		run("UPDATE inventory_meta SET value = 4 WHERE name = 'schema'")
		refused("a newer schema", "version 4, want 3")
		run("DELETE FROM inventory_meta WHERE name = 'schema'")
		refused("a schema that is not told", "version 0, want 3")
		if err := inventory.Drop(t.Context(), d.db(t), d.dialect); err != nil {
			t.Fatal(err)
		}
		if n := tables(); n != 0 {
			t.Errorf("%d tables and indexes are left", n)
		}
		if err := inventory.Drop(t.Context(), d.db(t), d.dialect); err != nil {
			t.Errorf("Drop of nothing: %v", err)
		}
		var name string
		if err := d.db(t).QueryRow("SELECT name FROM users").Scan(&name); err != nil || name != "ann" {
			t.Errorf("the table of somebody else: %q, error %v", name, err)
		}

		run("CREATE TABLE inventory_meta (id INTEGER)")
		refused("a table of that name", "")
		run("DROP TABLE inventory_meta", "CREATE TABLE inventory_part (id INTEGER)")
		refused("another table of that name", "inventory_part")
		run("DROP TABLE inventory_part")
		if n := tables(); n != 0 {
			t.Errorf("%d tables and indexes are left of an Open that failed", n)
		}

		other := d
		other.dialect = map[inventory.Dialect]inventory.Dialect{inventory.SQLite: inventory.PostgreSQL, inventory.PostgreSQL: inventory.SQLite}[d.dialect]
		d = other
		refused("the other dialect", "")
	})

	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("This is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{text: "not a database", dir: "", filepath.Join(dir, "none", "inventory.db"): ""} {
		if _, _, err := ask(t, path); err == nil || !strings.HasPrefix(err.Error(), "inventory: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", filepath.Base(path), err, want)
		}
	}
}

// What no database keeps is not found, by any of them.
func TestStrangeTexts(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, fleet.Odd(1, true), 100)
		for _, text := range []string{"a\x00b", "\xff", strings.Repeat("a", 1<<20)} {
			for _, f := range []inventory.Filter{{Name: text}, {Source: text}, {Workflow: text}, {Builder: text}, {Signer: text}} {
				if n := len(all(t, v.Artifacts(t.Context(), f))); n != 0 {
					t.Errorf("%.100q: %d artifacts", text, n)
				}
			}
		}
		if n := len(all(t, v.Affected(t.Context(), inventory.Query{License: "LicenseRef-" + strings.Repeat("a", 2500)}))); n != 0 {
			t.Errorf("%d hits of a long licence", n)
		}
	})
}

// The tables are those of the current schema, and are written one batch after the other,
// whatever the server has as its defaults.
func TestPostgreSQLDefaults(t *testing.T) {
	d := newPostgreSQL(t)
	v := d.open(t)
	add(t, v, fleet.Odd(1, true), 100)
	with := func(settings string) database {
		other := d
		other.source += map[bool]string{true: "&", false: "?"}[strings.Contains(d.source, "?")] + settings
		return other
	}

	if _, err := d.db(t).Exec("CREATE SCHEMA other"); err != nil {
		t.Fatal(err)
	}
	other := with("search_path=other,public")
	if err := inventory.Drop(t.Context(), other.db(t), other.dialect); err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, v.Artifacts(t.Context(), inventory.Filter{}))); n == 0 {
		t.Error("tables in another schema were removed")
	}
	add(t, other.open(t), fleet.Odd(2, true), 100)
	if err := inventory.Drop(t.Context(), other.db(t), other.dialect); err != nil {
		t.Fatal(err)
	}
	if n := len(all(t, v.Artifacts(t.Context(), inventory.Filter{}))); n == 0 {
		t.Error("tables in another schema were removed")
	}

	strict := with("default_transaction_isolation=serializable")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			v := strict.open(t)
			for n := range uint64(8) {
				if _, err := v.Add(t.Context(), fleet.Odd(10+n, true)...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Who may only read can ask.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	records := fleet.Odd(3, true)
	func() {
		db := sqliteFile(path).db(t)
		defer db.Close()
		v, err := inventory.Open(t.Context(), db, inventory.SQLite, inventory.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		add(t, v, records, 10)
	}()
	d := sqliteFile(path)
	d.source += "?mode=ro"
	v := d.open(t)
	if n := len(all(t, v.Artifacts(t.Context(), inventory.Filter{}))); n == 0 {
		t.Error("no artifacts")
	}
	if _, err := v.Add(t.Context(), fleet.Odd(4, true)...); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("Add: error %v, want one that says that it may only be read", err)
	}
}

func TestOptions(t *testing.T) {
	db := newSQLite(t).db(t)
	for _, c := range []struct {
		db      *sql.DB
		dialect inventory.Dialect
		o       inventory.Options
	}{
		{nil, inventory.SQLite, inventory.Options{Now: now}},
		{db, "mysql", inventory.Options{Now: now}},
		{db, inventory.SQLite, inventory.Options{}},
	} {
		if _, err := inventory.Open(t.Context(), c.db, c.dialect, c.o); err == nil || !strings.HasPrefix(err.Error(), "inventory: ") {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if err := inventory.Drop(t.Context(), nil, inventory.SQLite); err == nil {
		t.Error("Drop without a database: no error")
	}
	v := newSQLite(t).open(t)
	for _, q := range []inventory.Query{
		{},
		{Package: sbom.Query{PURL: "golang/a"}},
		{Package: sbom.Query{PURL: "pkg:golang/a", Versions: "newest"}},
		{Package: sbom.Query{PURL: "pkg:golang/a@v1.0.0", Versions: "> v1.0.0"}},
		{Package: sbom.Query{PURL: "pkg:pypi/a", Versions: "> 1.0"}},
		{License: "MIT OR Apache-2.0"},
		{License: "(("},
		{License: "MIT", Of: inventory.Filter{Verdict: "fine"}},
		{License: "MIT", Of: inventory.Filter{Contents: "fine"}},
		{License: "MIT", Of: inventory.Filter{After: now(), Before: now()}},
	} {
		n := 0
		for h, err := range v.Affected(t.Context(), q) {
			if n++; err == nil || !strings.HasPrefix(err.Error(), "inventory: ") || h.Component != nil {
				t.Errorf("%+v: error %v", q, err)
			}
		}
		if n != 1 {
			t.Errorf("%+v: %d errors, want 1", q, n)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	for _, err := range v.Artifacts(ctx, inventory.Filter{}) {
		if !errors.Is(err, why) {
			t.Errorf("error %v, want %v", err, why)
		}
	}
}
