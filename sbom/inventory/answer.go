package inventory

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// Affected returns the components that q asks for, each with its artifact. If it fails,
// the last pair has an error and no Hit. The answer is of the moment at which it begins,
// whatever is added meanwhile, and holds a connection until it ends. Hits that the main
// component of an artifact is come first; the order is otherwise that in which things were
// added, and always the same for the same database.
func (v *Inventory) Affected(ctx context.Context, q Query) iter.Seq2[Hit, error] {
	return answer(ctx, v, func(s *session, yield func(Hit) bool) error {
		found, err := s.candidates(ctx, &q)
		if err != nil {
			return err
		}
		return s.hits(ctx, found, &q.Of, q.Rule, yield)
	})
}

// Advisory returns the components that an OSV record is about, each with its artifact, of
// those artifacts that the Filter asks for. Each Hit has a Finding, which may also say that
// what is affected in a module is not linked. rule is as [Query] has it. What the record
// says that cannot be looked for, [osv.Advisory.Unknown] tells. It is otherwise like
// [Inventory.Affected].
func (v *Inventory) Advisory(ctx context.Context, a *osv.Advisory, of Filter, rule *Rule) iter.Seq2[Hit, error] {
	return answer(ctx, v, func(s *session, yield func(Hit) bool) error {
		if a == nil {
			return errors.New("no advisory")
		}
		found, err := s.concerned(ctx, a, false)
		if err != nil {
			return err
		}
		return s.hits(ctx, found, &of, rule, yield)
	})
}

// Artifacts returns the artifacts that f asks for, in the order in which they were added.
// It is otherwise like [Inventory.Affected].
func (v *Inventory) Artifacts(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return answer(ctx, v, func(s *session, yield func(Entry) bool) error {
		return s.entries(ctx, &f, yield)
	})
}

// answer returns what ask yields in the transaction of a reader.
func answer[T any](ctx context.Context, v *Inventory, ask func(s *session, yield func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		enough := false
		err := v.view(ctx, func(s *session) error {
			return ask(s, func(t T) bool {
				enough = enough || !yield(t, nil)
				return !enough
			})
		})
		if err != nil && !enough {
			var none T
			yield(none, err)
		}
	}
}

// hits yields the records that have one of the candidates and that f asks for.
func (s *session) hits(ctx context.Context, found []candidate, f *Filter, rule *Rule, yield func(Hit) bool) error {
	where, values, err := s.where(ctx, f)
	if err != nil || len(found) == 0 {
		return err
	}
	if rule != nil && rule.Policy == nil {
		return errors.New("a rule without a policy")
	}
	parts := make([]int32, len(found))
	for i, c := range found {
		parts[i] = c.part
	}
	a := newAnswering(s, parts)
	for _, c := range found {
		a.labels[c.part] = label(c.component)
	}

	source := func(give func(*sheaf) (bool, error)) error {
		if more, err := a.mains(ctx, where, values, give); err != nil || !more {
			return err
		}
		return a.others(ctx, where, values, give)
	}
	return a.stream(ctx, source, func(some *sheaf, entries []Entry) (bool, error) {
		if rule != nil {
			if err := s.judgeThese(ctx, rule, entries); err != nil {
				return false, err
			}
		}
		steps, drafts := 0, some.drafts
		for i := range drafts {
			for k := range drafts[i].ways {
				steps += len(drafts[i].ways[k].labels) + 1
			}
		}
		paths := make([]string, 0, steps)
		for i := range drafts {
			for k := range drafts[i].ways {
				w := &drafts[i].ways[k]
				c := &found[w.candidate]
				h := Hit{Entry: entries[i], Component: c.component, Doubt: c.doubt, Finding: c.finding}
				if w.known {
					from := len(paths)
					paths = append(append(paths, a.names[i]), w.labels...)
					h.Path = paths[from:len(paths):len(paths)]
				}
				if !yield(h) {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// mains gives the records for which a condition holds whose main component is a candidate.
func (a *answering) mains(ctx context.Context, where string, values []any, give func(*sheaf) (more bool, err error)) (more bool, err error) {
	for some := range slices.Chunk(a.parts, chunk) {
		is := make(map[int64]int32)
		in, value := a.s.in("r.main", some)
		ids, err := a.s.idsWhere(ctx, func(id int64, main int32) bool {
			is[id] = main
			return true
		}, "r.main", in+where, append([]any{value}, values...))
		if err != nil {
			return false, err
		}
		more, err := a.these(ctx, ids, func(of *sheaf) (bool, error) {
			for i := range of.drafts {
				d := &of.drafts[i]
				k, _ := slices.BinarySearch(a.parts, is[d.id])
				d.ways, d.open = []way{{candidate: k, known: true, route: new(route)}}, false
			}
			return give(of)
		})
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// these gives the records of ids.
func (a *answering) these(ctx context.Context, ids []int64, give func(*sheaf) (more bool, err error)) (more bool, err error) {
	for ids := range slices.Chunk(ids, chunk) {
		of, err := a.drafts(ctx, ids)
		if err != nil {
			return false, err
		}
		if more, err := give(of); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// others gives the records for which a condition holds that have a candidate as another
// component, and perhaps some that have none.
func (a *answering) others(ctx context.Context, where string, values []any, give func(*sheaf) (more bool, err error)) error {
	// If the records are few and the candidates many, it is faster to look at what is in
	// each than where each candidate is.
	if where != "" && len(a.parts) > narrowed {
		ids, err := a.s.idsWhere(ctx, every, "r.contents", "r.contents > 0"+where+" LIMIT "+strconv.Itoa(narrowed+1), values)
		if err != nil {
			return err
		}
		if len(ids) <= narrowed {
			_, err := a.these(ctx, ids, give)
			return err
		}
	}
	if err := a.locate(ctx); err != nil {
		return err
	}
	if where == "" && a.dense {
		return a.scan(ctx, give)
	}
	for _, by := range []struct {
		column string
		of     bits
		wanted func(id int64, tree int32) bool
	}{
		{"r.tree", a.trees, every},
		{"r.contents", a.sets, func(_ int64, tree int32) bool { return !a.trees.has(tree) }}, // which were given
	} {
		list := by.of.list()
		for size := firstTrees; len(list) > 0; size = min(4*size, chunk) {
			some := list[:min(size, len(list))]
			list = list[len(some):]
			in, value := a.s.in(by.column, some)
			ids, err := a.s.idsWhere(ctx, by.wanted, "r.tree", in+where, append([]any{value}, values...))
			if err != nil {
				return err
			}
			if more, err := a.these(ctx, ids, give); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// scan gives all rows that have a candidate as another component, some at a time. It is for
// many of them: all blocks are read.
func (a *answering) scan(ctx context.Context, give func(*sheaf) (more bool, err error)) error {
	from := int64(0)
	for size := firstChunk / perBlock; ; size = min(4*size, chunk/perBlock) {
		some := a.sheaf(size * perBlock)
		next, err := a.s.scan(ctx, from, size, func(r *rough) error {
			if a.trees.has(r.tree) || a.sets.has(r.contents) {
				a.begin(some, r)
			}
			return nil
		})
		if err == nil {
			err = a.learn(ctx, some.drafts)
		}
		if err != nil {
			return err
		}
		if more, err := give(some); err != nil || !more || next == 0 {
			return err
		}
		from = next
	}
}

// entries yields the artifacts that f asks for.
func (s *session) entries(ctx context.Context, f *Filter, yield func(Entry) bool) error {
	where, values, err := s.where(ctx, f)
	if err != nil {
		return err
	}
	a := newAnswering(s, nil)
	return a.stream(ctx, func(give func(*sheaf) (bool, error)) error {
		size := firstChunk
		for last := int64(0); ; size = min(4*size, chunk) {
			ids, err := s.idsWhere(ctx, every, "r.contents", "r.id > ?"+where+" ORDER BY r.id LIMIT "+strconv.Itoa(size), append([]any{last}, values...))
			if err != nil {
				return err
			}
			if more, err := a.these(ctx, ids, give); err != nil || !more || len(ids) < size {
				return err
			}
			last = ids[len(ids)-1]
		}
	}, eachEntry(yield))
}

// entriesOf returns the records of ids, which are sorted, as answers have them.
func (s *session) entriesOf(ctx context.Context, ids []int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		a := newAnswering(s, nil)
		enough := false
		err := a.stream(ctx, func(give func(*sheaf) (bool, error)) error {
			_, err := a.these(ctx, ids, give)
			return err
		}, eachEntry(func(e Entry) bool {
			enough = !yield(e, nil)
			return !enough
		}))
		if err != nil && !enough {
			yield(Entry{}, err)
		}
	}
}

// eachEntry is for [answering.stream], and yields all entries.
func eachEntry(yield func(Entry) bool) func(*sheaf, []Entry) (more bool, err error) {
	return func(_ *sheaf, entries []Entry) (bool, error) {
		for i := range entries {
			if !yield(entries[i]) {
				return false, nil
			}
		}
		return true, nil
	}
}

// find returns the records of artifacts by one of their digests.
func (s *session) find(ctx context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error) {
	found := make(map[hallmark.Digest][]int64)
	for some := range slices.Chunk(digests, inlineLimit) {
		values := make([]any, len(some))
		for i, d := range some {
			values[i] = d.String()
		}
		err := s.query(ctx, func(rows *sql.Rows) error {
			var term string
			var id int64
			if err := rows.Scan(&term, &id); err != nil {
				return err
			}
			d, err := hallmark.ParseDigest(term)
			found[d] = append(found[d], id)
			return err
		}, "SELECT term, record FROM inventory_about WHERE term IN ("+list(len(some))+") ORDER BY term, record", values...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// usedBy returns the records whose artifacts have something with one of the digests in
// them, or whose builds took it in, sorted.
func (s *session) usedBy(ctx context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error) {
	used := make(map[hallmark.Digest][]int64)
	for some := range slices.Chunk(digests, inlineLimit/2) {
		of := make(map[string]hallmark.Digest)
		var values []any
		for _, d := range some {
			for _, term := range []string{inputTerm(d), componentTerm(d)} {
				of[term] = d
				values = append(values, term)
			}
		}
		digestsOf := make(map[int32][]hallmark.Digest)
		err := s.query(ctx, func(rows *sql.Rows) error {
			var part int32
			var term string
			err := rows.Scan(&part, &term)
			digestsOf[part] = append(digestsOf[part], of[term])
			return err
		}, "SELECT part, term FROM inventory_term WHERE term IN ("+list(len(values))+")", values...)
		if err != nil {
			return nil, err
		}
		parts := slices.Sorted(maps.Keys(digestsOf))
		err = s.setsWith(ctx, parts, func(sets []draft) error {
			with := make(map[int32][]int32) // parts by set
			for _, r := range sets {
				for _, w := range r.ways {
					with[r.contents] = append(with[r.contents], parts[w.candidate])
				}
			}
			all := slices.Sorted(maps.Keys(with))
			for _, column := range []string{"contents", "inputs"} {
				in, value := s.in(column, all)
				err := s.query(ctx, func(rows *sql.Rows) error {
					var id int64
					var set int32
					err := rows.Scan(&id, &set)
					for _, part := range with[set] {
						for _, d := range digestsOf[part] {
							used[d] = append(used[d], id)
						}
					}
					return err
				}, "SELECT id, "+column+" FROM inventory_record WHERE "+in, value)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for d, ids := range used {
		slices.Sort(ids)
		used[d] = slices.Compact(ids)
	}
	return used, nil
}

// tookIn returns the sets that have an input with a digest.
func (s *session) tookIn(ctx context.Context, d hallmark.Digest) ([]int32, error) {
	var parts []int32
	err := s.query(ctx, func(rows *sql.Rows) error {
		var part int32
		err := rows.Scan(&part)
		parts = append(parts, part)
		return err
	}, "SELECT part FROM inventory_term WHERE term = ? ORDER BY part", inputTerm(d))
	if err != nil {
		return nil, err
	}
	var sets []int32
	err = s.setsWith(ctx, parts, func(drafts []draft) error {
		for i := range drafts {
			if len(drafts[i].ways) > 0 {
				sets = append(sets, drafts[i].contents)
			}
		}
		return nil
	})
	return sets, err
}

// setsWith gives the sets that have one of parts, which are sorted, as drafts that only have
// contents: some at a time, with others.
func (s *session) setsWith(ctx context.Context, parts []int32, give func([]draft) error) error {
	a := newAnswering(s, parts)
	if err := a.locate(ctx); err != nil {
		return err
	}
	for _, by := range []struct {
		column string
		of     bits
	}{{"tree", a.trees}, {"id", a.sets}} {
		for some := range slices.Chunk(by.of.list(), firstChunk) {
			var sets sheaf
			in, value := s.in(by.column, some)
			err := s.query(ctx, func(rows *sql.Rows) error {
				var r rough
				var changed sql.RawBytes
				if err := rows.Scan(&r.contents, &r.tree, &changed); err != nil || by.column == "id" && a.trees.has(r.tree) { // then it was given
					return err
				}
				r.patch = changed
				a.begin(&sets, &r)
				return nil
			}, "SELECT id, tree, patch FROM inventory_set WHERE "+in, value)
			if err == nil {
				err = a.lead(ctx, &sets)
			}
			if err == nil {
				err = give(sets.drafts)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
