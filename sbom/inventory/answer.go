package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/verify"
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

// A candidate is a part that is asked for.
type candidate struct {
	part      int32
	component *sbom.Component
	doubt     string
	finding   *osv.Finding
}

// candidates returns the parts that q asks for, by their numbers.
func (s *session) candidates(ctx context.Context, q *Query) ([]candidate, error) {
	var terms []string
	switch {
	case q.Package != sbom.Query{}:
		want, err := purl.Parse(q.Package.PURL)
		if err != nil {
			return nil, err
		}
		// A malformed query is one also if there is nothing to hold against it.
		if _, _, err := q.Package.Match(new(sbom.Component)); err != nil {
			return nil, err
		}
		terms = packageTerms(want)
	case !q.Digest.IsZero():
		terms = []string{componentTerm(q.Digest)}
	case q.License != "":
		terms = []string{licenseTerm(q.License)}
	default:
		return nil, errors.New("the query names no package, digest or licence")
	}
	if q.License != "" {
		if ids, err := sbom.LicenseIDs(q.License); err != nil || len(ids) != 1 {
			return nil, fmt.Errorf("malformed licence %.100q: want one identifier", q.License)
		}
	}
	found, err := s.partsOf(ctx, terms)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(c candidate) bool {
		of := componentTerms(c.component)
		return !q.Digest.IsZero() && !slices.Contains(of, componentTerm(q.Digest)) ||
			q.License != "" && !slices.Contains(of, licenseTerm(q.License))
	})
	if q.Package == (sbom.Query{}) {
		return found, nil
	}

	var matches []candidate
	for _, c := range found {
		m, ok, err := q.Package.Match(c.component)
		if err != nil {
			return nil, err
		}
		if ok {
			c.doubt = m.Doubt
			matches = append(matches, c)
		}
	}
	return matches, nil
}

// concerned returns the parts that a is about, by their numbers: those that it affects,
// may affect, or does not because of what is not linked, and with all those in other
// versions too.
func (s *session) concerned(ctx context.Context, a *osv.Advisory, all bool) ([]candidate, error) {
	var terms []string
	for _, u := range a.PURLs() {
		p, err := purl.Parse(u)
		if err != nil {
			return nil, err
		}
		terms = append(terms, packageTerms(p)...)
	}
	found, err := s.partsOf(ctx, terms)
	if err != nil {
		return nil, err
	}
	var concerned []candidate
	for _, c := range found {
		f := a.Affects(c.component)
		if f.Answer == osv.Unaffected && (!all || f.Package == nil) {
			continue
		}
		c.finding = &f
		if f.Answer == osv.Doubt {
			c.doubt = f.Reason
		}
		concerned = append(concerned, c)
	}
	return concerned, nil
}

// partsOf returns the components with one of the terms, by their numbers.
func (s *session) partsOf(ctx context.Context, terms []string) ([]candidate, error) {
	found := make(map[int32]candidate)
	terms = slices.DeleteFunc(terms, func(term string) bool { return !plain(term, maxTerm) }) // which no component has
	for some := range slices.Chunk(terms, inlineLimit) {
		values := make([]any, len(some))
		for i, term := range some {
			values[i] = term
		}
		err := s.query(ctx, func(rows *sql.Rows) error {
			var c candidate
			var data sql.RawBytes
			if err := rows.Scan(&c.part, &data); err != nil {
				return err
			}
			var err error
			c.component, err = parseComponent(string(data))
			found[c.part] = c
			return err
		}, "SELECT t.part, p.data FROM inventory_term t LEFT JOIN inventory_part p ON p.id = t.part WHERE t.term IN ("+list(len(some))+")", values...)
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b candidate) int { return cmp.Compare(a.part, b.part) }), nil
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

	emit := func(rows []row) (bool, error) {
		entries, err := a.entries(ctx, rows)
		if err == nil && rule != nil {
			err = s.judgeThese(ctx, rule, entries)
		}
		if err != nil {
			return false, err
		}
		steps := 0
		for i := range rows {
			for k := range rows[i].ways {
				steps += len(rows[i].ways[k].labels) + 1
			}
		}
		paths := make([]string, 0, steps)
		for i := range rows {
			for k := range rows[i].ways {
				w := &rows[i].ways[k]
				c := &found[w.candidate]
				h := Hit{Entry: entries[i], Component: c.component, Doubt: c.doubt, Finding: c.finding}
				if w.known {
					from := len(paths)
					paths = append(append(paths, rows[i].main), w.labels...)
					h.Path = paths[from:len(paths):len(paths)]
				}
				if !yield(h) {
					return false, nil
				}
			}
		}
		return true, nil
	}
	// these gives the records of ids.
	these := func(ids []int64, ways func(rows []row) error) (more bool, err error) {
		for ids := range slices.Chunk(ids, chunk) {
			rows, err := s.rows(ctx, ids)
			if err == nil {
				err = ways(rows)
			}
			if err != nil {
				return false, err
			}
			if more, err := emit(rows); err != nil || !more {
				return false, err
			}
		}
		return true, nil
	}

	// The main components of artifacts.
	for some := range slices.Chunk(parts, chunk) {
		is := make(map[int64]int32)
		in, value := s.in("r.main", some)
		ids, err := s.idsWhere(ctx, func(id int64, main int32) bool {
			is[id] = main
			return true
		}, "r.main", in+where, append([]any{value}, values...))
		if err != nil {
			return err
		}
		more, err := these(ids, func(rows []row) error {
			for i := range rows {
				k, _ := slices.BinarySearch(parts, is[rows[i].id])
				rows[i].ways = []way{{candidate: k, known: true}}
			}
			return nil
		})
		if err != nil || !more {
			return err
		}
	}

	// All others. If the records are few and the candidates many, it is faster to look at
	// what is in each than where each candidate is.
	if where != "" && len(parts) > narrowed {
		ids, err := s.idsWhere(ctx, every, "r.contents", "r.contents > 0"+where+" LIMIT "+strconv.Itoa(narrowed+1), values)
		if err != nil {
			return err
		}
		if len(ids) <= narrowed {
			_, err := these(ids, func(rows []row) error { return a.ways(ctx, rows) })
			return err
		}
	}
	if err := a.locate(ctx); err != nil {
		return err
	}
	if where == "" && a.dense() {
		return s.scan(ctx, a.in, a.beside, func(rows []row) (bool, error) {
			if err := a.ways(ctx, rows); err != nil {
				return false, err
			}
			return emit(rows)
		})
	}
	for _, by := range []struct {
		column string
		of     bits
		wanted func(id int64, tree int32) bool
	}{
		{"r.tree", a.in, every},
		{"r.contents", a.beside, func(_ int64, tree int32) bool { return !a.in.has(tree) }}, // which were given
	} {
		list := by.of.list()
		for size := firstChunk; len(list) > 0; size = min(4*size, chunk) {
			some := list[:min(size, len(list))]
			list = list[len(some):]
			in, value := s.in(by.column, some)
			ids, err := s.idsWhere(ctx, by.wanted, "r.tree", in+where, append([]any{value}, values...))
			if err != nil {
				return err
			}
			more, err := these(ids, func(rows []row) error { return a.ways(ctx, rows) })
			if err != nil || !more {
				return err
			}
		}
	}
	return nil
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

// An answering is what is remembered while an answer is given.
type answering struct {
	s      *session
	parts  []int32 // that are asked for, sorted: the candidates
	labels map[int32]string
	facts  map[int32]any // *origin, *decision or []string
	trees  map[int32]*planted

	// Where the parts are, once that is asked: in these trees, and in sets that differ from
	// a tree by having one.
	located    bool
	in, beside bits

	size    int // bytes of the trees
	answers []Entry
}

func newAnswering(s *session, parts []int32) *answering {
	return &answering{s: s, parts: parts, labels: make(map[int32]string), facts: make(map[int32]any), trees: make(map[int32]*planted)}
}

// A way is that from an artifact to a candidate.
type way struct {
	candidate int
	known     bool
	parts     []int32  // without the main component
	labels    []string // of the parts
}

// A planted tree is one that contents are told by.
type planted struct {
	data string
	ways []way // to the candidates that are in it

	once  sync.Once
	whole *tree
	err   error
}

// tree returns all of it.
func (p *planted) tree() (*tree, error) {
	p.once.Do(func() { p.whole, p.err = parseTree(p.data) })
	return p.whole, p.err
}

// locate finds out where the parts are.
func (a *answering) locate(ctx context.Context) (err error) {
	a.in, a.beside, err = a.s.places(ctx, a.parts)
	a.located = err == nil
	return err
}

// dense reports whether the parts are in so many records that it is faster to look at all.
func (a *answering) dense() bool {
	return a.in.count() > len(a.in)*64/dense || a.beside.count() > len(a.beside)*64/dense
}

// ways finds the ways in rows to the candidates that they have.
func (a *answering) ways(ctx context.Context, rows []row) error {
	if len(a.labels) > cacheFacts {
		clear(a.labels)
		clear(a.trees) // whose labels are known
		a.size = 0
	}
	if err := a.plant(ctx, rows); err != nil {
		return err
	}
	var mu sync.Mutex // of unknown
	var unknown []int32
	err := spread(len(rows), func(from, to int) error {
		var p patch
		var new []int32
		for i := from; i < to; i++ {
			r := &rows[i]
			base := a.trees[r.tree]
			if base == nil {
				return fmt.Errorf("%w: a tree is missing", errDamaged)
			}
			if err := p.parse(r.patch); err != nil {
				return err
			}
			var err error
			if r.ways, err = a.through(base, &p); err != nil {
				return err
			}
			if a.located && !a.in.has(r.tree) && a.beside.has(r.contents) != (len(r.ways) > 0) {
				return fmt.Errorf("%w: a record says of itself that it has other contents", errDamaged)
			}
			for _, w := range r.ways {
				if w.labels == nil {
					new = append(new, w.parts...)
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		unknown = append(unknown, new...)
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.name(ctx, unknown); err != nil {
		return err
	}
	for i := range rows {
		a.label(rows[i].ways)
	}
	return nil
}

// through returns the ways to the candidates that are in the tree that differs from base
// by p.
func (a *answering) through(base *planted, p *patch) ([]way, error) {
	same := true
	for i := range base.ways {
		same = same && !p.touches(&base.ways[i], a.parts)
	}
	more := false
	for _, part := range p.parts {
		_, ok := slices.BinarySearch(a.parts, part)
		more = more || ok
	}
	if same && !more {
		return base.ways, nil
	}
	var candidates []int
	for _, w := range base.ways {
		if _, gone := slices.BinarySearch(p.gone, a.parts[w.candidate]); !gone {
			candidates = append(candidates, w.candidate)
		}
	}
	for _, part := range p.parts {
		if k, ok := slices.BinarySearch(a.parts, part); ok {
			candidates = append(candidates, k)
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	whole, err := base.tree()
	if err != nil {
		return nil, err
	}
	ways := make([]way, len(candidates))
	for i, k := range candidates {
		up, err := path(whole, p, a.parts[k])
		if err != nil {
			return nil, err
		}
		ways[i] = way{candidate: k, known: up != nil, parts: up}
	}
	return ways, nil
}

// touches reports whether a way in a tree is another one, or none, in the tree that differs
// from it by p.
func (p *patch) touches(w *way, parts []int32) bool {
	if p.size() == 0 {
		return false
	}
	if !w.known {
		return true
	}
	for _, part := range w.parts {
		_, gone := slices.BinarySearch(p.gone, part)
		_, other := slices.BinarySearch(p.parts, part)
		if gone || other {
			return true
		}
	}
	return false
}

// plant remembers the trees that those of rows are told by.
func (a *answering) plant(ctx context.Context, rows []row) error {
	if a.size > treeBytes {
		clear(a.trees)
		a.size = 0
	}
	if a.trees[0] == nil {
		a.trees[0] = &planted{data: string(bare().append(nil))}
	}
	var missing []int32
	for i := range rows {
		if a.trees[rows[i].tree] == nil {
			missing = append(missing, rows[i].tree)
		}
	}
	if missing = unique(missing); len(missing) == 0 {
		return nil
	}
	var ids []int32
	var trees []*planted
	in, value := a.s.in("id", missing)
	err := a.s.query(ctx, func(rows *sql.Rows) error {
		var id int32
		p := new(planted)
		err := rows.Scan(&id, &p.data)
		ids, trees = append(ids, id), append(trees, p)
		return err
	}, "SELECT id, data FROM inventory_tree WHERE "+in, value)
	if err != nil {
		return err
	}
	err = spread(len(trees), func(from, to int) error {
		var t tree
		for i := from; i < to; i++ {
			if err := t.parse(trees[i].data); err != nil {
				return err
			}
			if err := a.search(&t, trees[i]); err != nil {
				return err
			}
			if a.located && a.in.has(ids[i]) != (len(trees[i].ways) > 0) {
				return fmt.Errorf("%w: a tree has other parts", errDamaged)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var unknown []int32
	for i, p := range trees {
		a.trees[ids[i]] = p
		a.size += 4 * len(p.data) // and more, as soon as all of it is asked for
		for _, w := range p.ways {
			unknown = append(unknown, w.parts...)
			a.size += 100
		}
	}
	if err := a.name(ctx, unknown); err != nil {
		return err
	}
	for _, p := range trees {
		a.label(p.ways)
	}
	return nil
}

// search finds the ways to the candidates that are in t.
func (a *answering) search(t *tree, p *planted) error {
	add := func(k int, part int32) error {
		up, err := path(t, nil, part)
		p.ways = append(p.ways, way{candidate: k, known: up != nil, parts: up})
		return err
	}
	if len(a.parts) < len(t.parts) {
		for k, part := range a.parts {
			if _, ok := slices.BinarySearch(t.parts, part); ok {
				if err := add(k, part); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, part := range t.parts {
		if k, ok := slices.BinarySearch(a.parts, part); ok {
			if err := add(k, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// label gives ways the labels of their parts, all of which are remembered.
func (a *answering) label(ways []way) {
	for i := range ways {
		w := &ways[i]
		if w.labels != nil || len(w.parts) == 0 {
			continue
		}
		w.labels = make([]string, len(w.parts))
		for k, part := range w.parts {
			w.labels[k] = a.labels[part]
		}
	}
}

func unique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// name remembers the labels of parts.
func (a *answering) name(ctx context.Context, parts []int32) error {
	parts = slices.DeleteFunc(unique(parts), func(part int32) bool {
		_, ok := a.labels[part]
		return ok
	})
	if len(parts) == 0 {
		return nil
	}
	in, value := a.s.in("id", parts)
	err := a.s.query(ctx, func(rows *sql.Rows) error {
		var id int32
		var text string
		err := rows.Scan(&id, &text)
		a.labels[id] = text
		return err
	}, "SELECT id, label FROM inventory_part WHERE "+in, value)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, ok := a.labels[part]; !ok {
			return fmt.Errorf("%w: a part is missing", errDamaged)
		}
	}
	return nil
}

// entries returns rows as answers have them, until the next call.
func (a *answering) entries(ctx context.Context, rows []row) ([]Entry, error) {
	if len(a.facts) > cacheFacts {
		clear(a.facts)
	}
	missing := make(map[int32]any)
	for i := range rows {
		h := &rows[i].head
		if a.facts[h.origin] == nil {
			missing[h.origin] = new(origin)
		}
		if a.facts[h.verdict] == nil {
			missing[h.verdict] = new(decision)
		}
		if a.facts[h.gaps] == nil {
			missing[h.gaps] = new([]string)
		}
	}
	if len(missing) > 0 {
		in, value := a.s.in("id", slices.Sorted(maps.Keys(missing)))
		err := a.s.query(ctx, func(rows *sql.Rows) error {
			var id int32
			var data sql.RawBytes
			if err := rows.Scan(&id, &data); err != nil {
				return err
			}
			fact := missing[id]
			if err := json.Unmarshal(data, fact); err != nil {
				return fmt.Errorf("%w: %w", errDamaged, err)
			}
			a.facts[id] = fact
			return nil
		}, "SELECT id, data FROM inventory_fact WHERE "+in, value)
		if err != nil {
			return nil, err
		}
	}

	now := a.s.v.o.Now()
	a.answers = slices.Grow(a.answers[:0], len(rows))[:len(rows)]
	entries := a.answers
	return entries, spread(len(rows), func(first, behind int) error {
		for i := first; i < behind; i++ {
			h := &rows[i].head
			from, ok1 := a.facts[h.origin].(*origin)
			said, ok2 := a.facts[h.verdict].(*decision)
			gaps, ok3 := a.facts[h.gaps].(*[]string)
			if !ok1 || !ok2 || !ok3 {
				return fmt.Errorf("%w: a fact is missing", errDamaged)
			}
			entries[i] = Entry{
				Artifact: h.artifact,
				Build:    Build{from.Source, h.commit, h.ref, from.Workflow, from.Builder, from.Type, h.run, h.finished, nil},
				Signers:  from.Signers, Gaps: *gaps, Parts: h.parts, Complete: h.complete,
				id: rows[i].id,
			}
			v := Verdict{Verdict: said.Verdict, Policy: said.Policy, At: h.decided, Reasons: said.Reasons, Exceptions: said.Exceptions}
			entries[i].Trust = Trust{v, h.attested, v.lapsed(now)}
		}
		return nil
	})
}

// entries yields the artifacts that f asks for.
func (s *session) entries(ctx context.Context, f *Filter, yield func(Entry) bool) error {
	where, values, err := s.where(ctx, f)
	if err != nil {
		return err
	}
	a := newAnswering(s, nil)
	size := firstChunk
	for last := int64(0); ; size = min(4*size, chunk) {
		ids, err := s.idsWhere(ctx, every, "r.contents", "r.id > ?"+where+" ORDER BY r.id LIMIT "+strconv.Itoa(size), append([]any{last}, values...))
		if err != nil {
			return err
		}
		rows, err := s.rows(ctx, ids)
		if err != nil {
			return err
		}
		entries, err := a.entries(ctx, rows)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !yield(e) {
				return nil
			}
		}
		if len(ids) < size {
			return nil
		}
		last = ids[len(ids)-1]
	}
}

// entriesOf returns the records of ids, which are sorted, as answers have them.
func (s *session) entriesOf(ctx context.Context, ids []int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		a := newAnswering(s, nil)
		for some := range slices.Chunk(ids, chunk) {
			rows, err := s.rows(ctx, some)
			var entries []Entry
			if err == nil {
				entries, err = a.entries(ctx, rows)
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func narrow(ids []int64) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id) // no record has a larger one
	}
	return out
}

// ids returns the records that f asks for, sorted.
func (s *session) ids(ctx context.Context, f *Filter) ([]int64, error) {
	where, values, err := s.where(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.idsWhere(ctx, every, "r.contents", "r.id > 0"+where, values)
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
		err = s.setsWith(ctx, parts, func(sets []row) error {
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
	err = s.setsWith(ctx, parts, func(rows []row) error {
		for i := range rows {
			if len(rows[i].ways) > 0 {
				sets = append(sets, rows[i].contents)
			}
		}
		return nil
	})
	return sets, err
}

// setsWith gives the sets that have one of parts, which are sorted, as rows that only have
// contents: some at a time, with others.
func (s *session) setsWith(ctx context.Context, parts []int32, give func([]row) error) error {
	a := newAnswering(s, parts)
	if err := a.locate(ctx); err != nil {
		return err
	}
	for _, by := range []struct {
		column string
		of     bits
	}{{"tree", a.in}, {"id", a.beside}} {
		for some := range slices.Chunk(by.of.list(), firstChunk) {
			var sets []row
			in, value := s.in(by.column, some)
			err := s.query(ctx, func(rows *sql.Rows) error {
				var r row
				err := rows.Scan(&r.contents, &r.tree, &r.patch)
				if by.column == "tree" || !a.in.has(r.tree) { // not given yet
					sets = append(sets, r)
				}
				return err
			}, "SELECT id, tree, patch FROM inventory_set WHERE "+in, value)
			if err == nil {
				err = a.ways(ctx, sets)
			}
			if err == nil {
				err = give(sets)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
