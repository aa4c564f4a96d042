package inventory

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A session is one connection, in one transaction. Statements are written with ? for
// their values, whatever the dialect. Two goroutines may ask it.
type session struct {
	v    *Inventory
	conn *sql.Conn

	mu  sync.Mutex        // of a query and its answer
	sql map[string]string // statements as the dialect has them
}

// begin begins a transaction: of a writer, which excludes all others, or of a reader,
// which sees the database as it is now whatever is written meanwhile.
func (v *Inventory) begin(ctx context.Context, write bool) (*session, error) {
	conn, err := v.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{v: v, conn: conn, sql: make(map[string]string)}
	statements := []string{"BEGIN"}
	switch {
	case v.dialect == SQLite && write:
		statements = []string{"BEGIN IMMEDIATE"}
	case v.dialect == PostgreSQL && write:
		// What was written before the lock was had must be seen, whatever the default is.
		statements = []string{"BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT pg_advisory_xact_lock(hashtext('hallmark inventory'), hashtext(current_schema()))"}
	case v.dialect == PostgreSQL:
		statements = []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			s.rollback()
			return nil, err
		}
	}
	return s, nil
}

// rollback ends the transaction without a trace. A connection that cannot do so is not
// used again.
func (s *session) rollback() {
	if _, err := s.conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	s.conn.Close()
}

// commit ends the transaction with all that was done.
func (s *session) commit(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		s.rollback()
		return err
	}
	return s.conn.Close()
}

// view runs f in the transaction of a reader.
func (v *Inventory) view(ctx context.Context, f func(*session) error) error {
	s, err := v.begin(ctx, false)
	if err != nil {
		return explain(ctx, err)
	}
	defer s.rollback()
	return explain(ctx, f(s))
}

// update runs f in the transaction of a writer, and commits it unless f fails.
func (v *Inventory) update(ctx context.Context, f func(*session) error) error {
	s, err := v.begin(ctx, true)
	if err != nil {
		return explain(ctx, err)
	}
	done := false
	defer func() {
		if !done {
			s.rollback()
		}
	}()
	if err := f(s); err != nil {
		return explain(ctx, err)
	}
	done = true
	return explain(ctx, s.commit(ctx))
}

// explain says where an error is from. What a driver says of a context that has ended
// matters less than why it has.
func explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("inventory: %w", context.Cause(ctx))
	case strings.HasPrefix(err.Error(), "inventory: "):
		return err
	}
	return fmt.Errorf("inventory: %w", err)
}

// exec runs a statement.
func (s *session) exec(ctx context.Context, query string, values ...any) error {
	_, err := s.conn.ExecContext(ctx, s.text(query), values...)
	return err
}

// query calls row for each row of the answer. What row scans into sql.RawBytes is good
// until it returns. It must not ask for something else.
func (s *session) query(ctx context.Context, row func(*sql.Rows) error, query string, values ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, err := s.conn.QueryContext(ctx, s.text(query), values...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// number returns the only value of the answer, which is 0 without a row and for NULL.
func (s *session) number(ctx context.Context, query string, values ...any) (n int64, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var one sql.NullInt64
		err := rows.Scan(&one)
		n = one.Int64
		return err
	}, query, values...)
	return n, err
}

// text returns a statement as the dialect has it: its ? as $1, $2 and so on.
func (s *session) text(query string) string {
	if s.v.dialect != PostgreSQL {
		return query
	}
	if text, ok := s.sql[query]; ok {
		return text
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	s.sql[query] = b.String()
	return b.String()
}

// in returns a condition that an INTEGER is one of ids, and its value.
func (s *session) in(column string, ids []int32) (condition string, value any) {
	b := make([]byte, 0, 8*len(ids)+2)
	for _, id := range ids {
		b = append(strconv.AppendInt(b, int64(id), 10), ',')
	}
	list := strings.TrimSuffix(string(b), ",")
	if s.v.dialect == PostgreSQL {
		return column + " = ANY(CAST(? AS INTEGER[]))", "{" + list + "}"
	}
	return column + " IN (SELECT value FROM json_each(?))", "[" + list + "]"
}

// around returns a condition that an INTEGER is one of ids, which are sorted, or of others
// between them if there are few of these: then it is faster to pass over them.
func (s *session) around(column string, ids []int32) (condition string, values []any) {
	if n := len(ids); n > 1 && int(ids[n-1]-ids[0]) < 2*n {
		return column + " BETWEEN ? AND ?", []any{int64(ids[0]), int64(ids[n-1])}
	}
	in, value := s.in(column, ids)
	return in, []any{value}
}

// insert adds rows to a table.
func (s *session) insert(ctx context.Context, table string, columns []string, rows iter.Seq[[]any]) error {
	if s.v.o.Copy != nil {
		return s.v.o.Copy(ctx, s.conn, table, columns, rows)
	}
	head := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES "
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")"
	if s.v.dialect == SQLite {
		// A statement that is prepared once is as fast as many rows in one.
		insert, err := s.conn.PrepareContext(ctx, head+one)
		if err != nil {
			return err
		}
		defer insert.Close()
		for row := range rows {
			for i, value := range row {
				if ids, ok := value.([]int32); ok {
					row[i] = appendInts([]byte{}, ids)
				}
			}
			if _, err := insert.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return nil
	}
	var values []any
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := s.exec(ctx, head+strings.TrimSuffix(strings.Repeat(one+", ", n), ", "), values...)
		values, n = values[:0], 0
		return err
	}
	for row := range rows {
		for _, value := range row {
			if ids, ok := value.([]int32); ok {
				value = arrayText(ids)
			}
			values = append(values, value)
		}
		if n++; n == inlineLimit {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Lists of ascending numbers are an integer[] in PostgreSQL, which every driver reads
// and writes as text, and in SQLite the differences, each as a uvarint.

func arrayText(ids []int32) string {
	b := append(make([]byte, 0, 8*len(ids)+2), '{')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, '}'))
}

func appendInts(b []byte, ids []int32) []byte {
	last := int32(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last))
		last = id
	}
	return b
}

var errDamaged = errors.New("the database is damaged")

// ints appends the numbers of a list in a database to ids.
func (s *session) ints(ids []int32, list []byte) ([]int32, error) {
	start := len(ids)
	if s.v.dialect == SQLite {
		last := uint64(0)
		for len(list) > 0 {
			d, n := binary.Uvarint(list)
			if n <= 0 || d == 0 || d > 1<<31 {
				return nil, fmt.Errorf("%w: a list of sets", errDamaged)
			}
			last += d
			if last >= 1<<31 {
				return nil, fmt.Errorf("%w: a list of sets", errDamaged)
			}
			ids, list = append(ids, int32(last)), list[n:]
		}
		return ids, nil
	}
	if len(list) < 2 || list[0] != '{' || list[len(list)-1] != '}' {
		return nil, fmt.Errorf("%w: a list of sets", errDamaged)
	}
	list = list[1 : len(list)-1]
	ids = slices.Grow(ids, len(list)/6)
	for n, i := int64(0), 0; i <= len(list) && len(list) > 0; i++ {
		if i < len(list) && '0' <= list[i] && list[i] <= '9' {
			n = n*10 + int64(list[i]-'0')
			continue
		}
		if i < len(list) && list[i] != ',' || n == 0 || n >= 1<<31 || len(ids) > start && int64(ids[len(ids)-1]) >= n {
			return nil, fmt.Errorf("%w: a list of sets", errDamaged)
		}
		ids, n = append(ids, int32(n)), 0
	}
	return ids, nil
}
