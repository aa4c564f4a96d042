package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/verify"
)

// where returns f as conditions of a record r, each with an AND before it.
func (s *session) where(ctx context.Context, f *Filter) (conditions string, values []any, err error) {
	var b strings.Builder
	and := func(condition string, v ...any) {
		b.WriteString(" AND " + condition)
		values = append(values, v...)
	}
	none := func(text string) bool { // nothing that is kept has it, and PostgreSQL does not take it
		if plain(text, maxText) {
			return false
		}
		and("1 = 0")
		return true
	}
	about := func(term string) {
		if !none(term) {
			and("r.id IN (SELECT record FROM inventory_about WHERE term = ?)", term)
		}
	}
	tagged := func(tag, value string) {
		if value != "" && !none(value) {
			and("r.origin IN (SELECT fact FROM inventory_tag WHERE tag = ?)", tag+value)
		}
	}
	if !f.Digest.IsZero() {
		about(f.Digest.String())
	}
	if f.Name != "" {
		about("name:" + f.Name)
	}
	if !f.Commit.IsZero() {
		about("commit:" + f.Commit.String())
	}
	tagged("source:", f.Source)
	tagged("workflow:", f.Workflow)
	tagged("builder:", f.Builder)
	tagged("signer:", f.Signer)
	tagged("key:", f.Key.String())
	if !f.Input.IsZero() {
		sets, err := s.tookIn(ctx, f.Input)
		if err != nil {
			return "", nil, err
		}
		in, value := s.in("r.inputs", sets)
		and(in, value)
	}
	if !f.After.IsZero() && !f.Before.IsZero() && !f.After.Before(f.Before) {
		return "", nil, fmt.Errorf("the time from %s until %s has no moment", f.After.UTC(), f.Before.UTC())
	}
	if !f.After.IsZero() {
		and("(r.built = 0 OR r.built >= ?)", micros(f.After))
	}
	if !f.Before.IsZero() {
		and("(r.built = 0 OR r.built < ?)", micros(f.Before))
	}
	switch f.Verdict {
	case "":
	case "none", verify.Accepted, verify.Rejected, verify.Undecided:
		and("r.verdict = ?", verdictCode(f.Verdict))
	default:
		return "", nil, fmt.Errorf("verdict %q, want %q, %q, %q or none", f.Verdict, verify.Accepted, verify.Rejected, verify.Undecided)
	}
	switch f.Contents {
	case "":
	case Attested, Unattested, NoSBOM:
		and("r.attested = ?", attestedCode(f.Contents))
	default:
		return "", nil, fmt.Errorf("contents %q, want %q, %q or %q", f.Contents, Attested, Unattested, NoSBOM)
	}
	if f.Deployed {
		and("r.id IN (SELECT a.record FROM inventory_about a JOIN inventory_deployment d ON d.digest = a.term WHERE d.until = 0)")
	}
	if f.Incomplete {
		and("r.incomplete = 1")
	}
	return b.String(), values, nil
}

// ids returns the records that f asks for, sorted.
func (s *session) ids(ctx context.Context, f *Filter) ([]int64, error) {
	where, values, err := s.where(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.idsWhere(ctx, every, "r.contents", "r.id > 0"+where, values)
}

// idsWhere returns the numbers of records r for which a condition holds, sorted, and wanted
// reports true for it and the value of a column.
func (s *session) idsWhere(ctx context.Context, wanted func(id int64, value int32) bool, column, condition string, values []any) (ids []int64, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id int64
		var value int32
		err := rows.Scan(&id, &value)
		if wanted(id, value) {
			ids = append(ids, id)
		}
		return err
	}, "SELECT r.id, "+column+" FROM inventory_record r WHERE "+condition, values...)
	slices.Sort(ids)
	return ids, err
}

// every is for [session.idsWhere], with the column contents.
func every(int64, int32) bool { return true }

func narrow(ids []int64) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id) // no record has a larger one
	}
	return out
}
