package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Added is what [Inventory.Add] has done.
type Added struct {
	New     int // records that were not there
	Updated int // that were, and have a later verdict now, or another mark with the same
	Same    int // that were there as they are
}

// Add adds records: all of them or, with an error, none. A record that is there already is
// not added again; if its verdict is a later one than was kept, that is kept instead, with
// its evidence. Records are the same if they say the same of contents and build of the
// same artifact under the same name, and the same have signed that.
//
// Others that write wait as long as it takes, or as long as the database lets them.
func (v *Inventory) Add(ctx context.Context, records ...Record) (Added, error) {
	if len(records) > MaxBatch {
		return Added{}, fmt.Errorf("inventory: %d records at once, want at most %d", len(records), MaxBatch)
	}
	ready, err := prepare(ctx, records, 0)
	if err != nil {
		return Added{}, err
	}
	return v.add(ctx, ready)
}

// AddAll adds records in batches. Each batch is added wholly or not at all, so that what was
// added before an error stays, and adding the same records again goes on where it ended.
// progress, if it is not nil, is called after each batch with all that was done until
// then. An error of records ends it before the batch that it is in. records is ranged over
// by another goroutine, which has ended when AddAll returns.
func (v *Inventory) AddAll(ctx context.Context, records iter.Seq2[Record, error], progress func(Added)) (Added, error) {
	ctx, cancel := context.WithCancelCause(ctx)

	// A batch is prepared while the one before it is written.
	type result struct {
		ready []prepared
		err   error
	}
	batches := make(chan result)
	defer func() {
		cancel(nil)
		for range batches { // until nobody uses records any more
		}
	}()
	go func() {
		defer close(batches)
		send := func(r result) bool {
			select {
			case batches <- r:
				return r.err == nil
			case <-ctx.Done():
				return false
			}
		}
		// Documents and evidence are forgotten as soon as a few of them are prepared.
		var collected []Record
		var ready []prepared
		weight, heavy := 0, 0 // of what is collected, and of what is ready
		known := make(atlas)
		done := 0
		flush := func(last bool) bool {
			some, err := prepare(ctx, collected, done)
			if err != nil {
				return send(result{err: err})
			}
			for i := range some {
				known.take(&some[i])
				collected[i].Document, collected[i].Evidence = nil, nil
			}
			done += len(collected)
			ready, collected = append(ready, some...), nil
			weight, heavy = 0, heavy+weight
			if len(ready) < batch && heavy < batchWeight && !last {
				return true
			}
			some, ready, heavy = ready, nil, 0
			return send(result{ready: some})
		}
		for r, err := range records {
			if err != nil {
				// The batch that it would be in is not added.
				send(result{err: err})
				return
			}
			collected = append(collected, r)
			weight += r.weight()
			if (len(collected) == group || weight >= groupWeight) && !flush(false) {
				return
			}
			if ctx.Err() != nil {
				return
			}
		}
		if len(collected)+len(ready) > 0 {
			flush(true)
		}
	}()

	var all Added
	for b := range batches {
		if b.err != nil {
			return all, b.err
		}
		added, err := v.add(ctx, b.ready)
		if err != nil {
			return all, err
		}
		all.New += added.New
		all.Updated += added.Updated
		all.Same += added.Same
		if progress != nil {
			progress(all)
		}
	}
	if ctx.Err() != nil {
		return all, fmt.Errorf("inventory: %w", context.Cause(ctx))
	}
	return all, nil
}

// weight is about how many bytes r needs until it is added.
func (r *Record) weight() int {
	n := len(r.Build.Inputs)
	if r.Document != nil {
		n += len(r.Document.Components)
	}
	n *= 100
	for i := range r.Evidence {
		n += len(r.Evidence[i].Payload)
	}
	return n
}

// An atlas has a component for each hash, which the pieces of all Documents share, so that
// nothing else of a Document has to be remembered.
type atlas map[hash]*sbom.Component

// take makes p use the components that a has, and a remember those that it has not.
func (a atlas) take(p *prepared) {
	if p.main == nil {
		return
	}
	p.main.c = reduced(p.main.c)
	for i := range p.contents.pieces {
		piece := &p.contents.pieces[i]
		c, ok := a[piece.hash]
		if !ok {
			if len(a) >= cacheAtlas {
				clear(a)
			}
			c = reduced(piece.c)
			a[piece.hash] = c
		}
		piece.c = c
	}
}

// reduced returns what is kept of c.
func reduced(c *sbom.Component) *sbom.Component {
	r := &sbom.Component{Type: c.Type, Name: c.Name, Group: c.Group, Version: c.Version, PURL: c.PURL, Replaces: c.Replaces, Digests: c.Digests, Packages: c.Packages}
	if c.Distribution != nil {
		r.Distribution = &sbom.Distribution{Digests: c.Distribution.Digests}
	}
	if c.Licenses != nil {
		r.Licenses = &sbom.Licenses{Declared: c.Licenses.Declared, Concluded: c.Licenses.Concluded}
	}
	return r
}

// Known reports for each mark whether there is a Record with it. The zero mark is not
// known.
func (v *Inventory) Known(ctx context.Context, marks []hallmark.Digest) ([]bool, error) {
	there := make(map[string]bool)
	err := v.view(ctx, func(s *session) error {
		for some := range slices.Chunk(marks, inlineLimit) {
			values := make([]any, len(some))
			for i, m := range some {
				values[i] = []byte(m.String())
			}
			err := s.query(ctx, func(rows *sql.Rows) error {
				var mark sql.RawBytes
				err := rows.Scan(&mark)
				there[string(mark)] = true
				return err
			}, "SELECT mark FROM inventory_record WHERE mark IN ("+list(len(some))+")", values...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	known := make([]bool, len(marks))
	for i, m := range marks {
		known[i] = !m.IsZero() && there[m.String()]
	}
	return known, nil
}

func list(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// A seen remembers numbers, so that a database is not asked again for what does not
// change.
type seen struct {
	generation int64 // of the tables
	parts      map[hash]int32
	facts      map[hash]int32
	families   map[int64]family
}

// A family are sets that are told by what differs from one of them.
type family struct {
	set  int32
	tree *tree
}

func newSeen() *seen {
	return &seen{parts: make(map[hash]int32), facts: make(map[hash]int32), families: make(map[int64]family)}
}

// A writer adds one batch. What it learns is remembered once that is committed.
type writer struct {
	*session
	seen  *seen
	parts map[hash]int32 // of this batch
	facts map[hash]int32
	sets  map[hash]int32

	families map[int64]family
	trees    map[int32]abridged // of sets of this batch
}

// An abridged tree of a set is what rows have of it.
type abridged struct {
	base int32
	tree string // none without a base
}

// abridged returns the tree of a set.
func (w *writer) abridged(ctx context.Context, set int32) (abridged, error) {
	t, ok := w.trees[set]
	if ok {
		return t, nil
	}
	err := w.query(ctx, func(rows *sql.Rows) error {
		ok = true
		var tree []byte
		err := rows.Scan(&t.base, &tree)
		t.tree = string(tree)
		return err
	}, "SELECT base, CASE base WHEN 0 THEN NULL ELSE tree END FROM inventory_set WHERE id = ?", int64(set))
	if err == nil && !ok {
		err = fmt.Errorf("%w: a set is missing", errDamaged)
	}
	w.trees[set] = t
	return t, err
}

func (v *Inventory) add(ctx context.Context, records []prepared) (added Added, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var w *writer
	err = v.update(ctx, func(s *session) error {
		generation, err := s.number(ctx, "SELECT value FROM inventory_meta WHERE name = 'generation'")
		if err != nil {
			return err
		}
		if generation != v.seen.generation {
			v.seen = newSeen()
			v.seen.generation = generation
		}
		w = &writer{session: s, seen: v.seen, parts: make(map[hash]int32), facts: make(map[hash]int32), sets: make(map[hash]int32), families: make(map[int64]family), trees: make(map[int32]abridged)}
		added, err = w.add(ctx, records)
		return err
	})
	if err != nil {
		return Added{}, err
	}
	for _, m := range []struct {
		from, to map[hash]int32
		most     int
	}{{w.parts, v.seen.parts, cacheParts}, {w.facts, v.seen.facts, cacheFacts}} {
		if len(m.to)+len(m.from) > m.most {
			clear(m.to)
		}
		maps.Copy(m.to, m.from)
	}
	if len(v.seen.families)+len(w.families) > cacheTrees {
		clear(v.seen.families)
	}
	maps.Copy(v.seen.families, w.families)
	return added, nil
}

func (w *writer) add(ctx context.Context, records []prepared) (added Added, err error) {
	// Which are there already?
	hashes := make([]hash, len(records))
	for i := range records {
		hashes[i] = records[i].hash
	}
	type kept struct {
		id   int64
		mark string
	}
	there := make(map[hash]kept)
	err = w.byHash(ctx, "inventory_record", "id, hash, mark", hashes, func(rows *sql.Rows) error {
		var k kept
		var h, mark sql.RawBytes
		if err := rows.Scan(&k.id, &h, &mark); err != nil {
			return err
		}
		if len(h) != len(hash{}) {
			return fmt.Errorf("%w: a hash of %d bytes", errDamaged, len(h))
		}
		k.mark = string(mark)
		there[hash(h)] = k
		return nil
	})
	if err != nil {
		return added, err
	}
	var fresh []*prepared
	var late []*prepared // those that may have a later verdict than was kept
	index := make(map[hash]int)
	for i := range records {
		p := &records[i]
		if _, ok := there[p.hash]; ok {
			late = append(late, p)
		} else if k, ok := index[p.hash]; ok { // twice in this batch
			if p.later(fresh[k].decided, p.verdict.hash == fresh[k].verdict.hash) {
				fresh[k] = p
			}
			added.Same++
		} else {
			index[p.hash] = len(fresh)
			fresh = append(fresh, p)
		}
	}

	if err := w.addFacts(ctx, fresh, late); err != nil {
		return added, err
	}
	if err := w.addParts(ctx, fresh); err != nil {
		return added, err
	}
	if err := w.addSets(ctx, fresh); err != nil {
		return added, err
	}
	if err := w.addRecords(ctx, fresh); err != nil {
		return added, err
	}
	added.New = len(fresh)

	// Those that are there already change as far as their verdicts are not older.
	var ids []int64
	for _, p := range late {
		ids = append(ids, there[p.hash].id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := w.rows(ctx, ids)
	if err != nil {
		return added, err
	}
	changed := make(map[int64]bool)
	for _, p := range late {
		k := there[p.hash]
		i, _ := slices.BinarySearch(ids, k.id)
		old := &rows[i].head
		verdict, mark := w.fact(&p.verdict), p.mark.String()
		if !p.later(old.decided, verdict == old.verdict) {
			added.Same++
			continue
		}
		if micros(p.decided) == micros(old.decided) {
			p.attested = old.attested // which may have been judged since
		}
		head := p.head(w.fact(&p.origin), verdict, w.fact(&p.gaps))
		if head.same(old) && mark == k.mark {
			added.Same++
			continue
		}
		*old = head
		err = w.exec(ctx, "UPDATE inventory_record SET verdict = ?, attested = ?, incomplete = ?, mark = ?, evidence = ? WHERE id = ?",
			p.code, attestedCode(p.attested), number(p.incomplete), p.markBytes(), p.evidence, k.id)
		if err != nil {
			return added, err
		}
		there[p.hash] = kept{k.id, mark}
		changed[k.id] = true
		added.Updated++
	}
	return added, w.rewrite(ctx, slices.DeleteFunc(rows, func(r row) bool { return !changed[r.id] }))
}

// head returns that of p with the numbers of its facts.
func (p *prepared) head(origin, verdict, gaps int32) head {
	n := 0
	if p.contents != nil {
		n = len(p.contents.pieces)
	}
	return head{p.artifact, p.build.Commit, p.build.Ref, p.build.Run, p.build.Finished, p.decided, origin, verdict, gaps, p.attested, p.complete, n}
}

// same reports whether other, of the same record, says the same.
func (h *head) same(other *head) bool {
	return micros(h.decided) == micros(other.decided) && h.verdict == other.verdict && h.gaps == other.gaps && h.attested == other.attested && h.complete == other.complete
}

// later reports whether what p says is kept instead of what was decided at a time: if it was
// decided later, or then and is the same, so that only gaps or the mark are others.
func (p *prepared) later(than time.Time, same bool) bool {
	a, b := micros(p.decided), micros(than)
	return a > b || a == b && same
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (p *prepared) markBytes() any {
	if p.mark.IsZero() {
		return nil
	}
	return []byte(p.mark.String())
}

// byHash asks a table for the rows of hashes.
func (w *writer) byHash(ctx context.Context, table, columns string, hashes []hash, row func(*sql.Rows) error) error {
	for some := range slices.Chunk(hashes, inlineLimit) {
		values := make([]any, len(some))
		for i := range some {
			values[i] = some[i][:]
		}
		if err := w.query(ctx, row, "SELECT "+columns+" FROM "+table+" WHERE hash IN ("+list(len(some))+")", values...); err != nil {
			return err
		}
	}
	return nil
}

// numbers asks a table for the numbers of those hashes that it has, and returns the number
// of the next row.
func (w *writer) numbers(ctx context.Context, table string, hashes []hash, found map[hash]int32) (next int32, err error) {
	err = w.byHash(ctx, table, "id, hash", hashes, func(rows *sql.Rows) error {
		var id int32
		var h sql.RawBytes
		if err := rows.Scan(&id, &h); err != nil {
			return err
		}
		if len(h) != len(hash{}) {
			return fmt.Errorf("%w: a hash of %d bytes", errDamaged, len(h))
		}
		found[hash(h)] = id
		return nil
	})
	if err != nil {
		return 0, err
	}
	last, err := w.number(ctx, "SELECT max(id) FROM "+table)
	if err == nil && last >= 1<<31-1-1<<24 {
		err = fmt.Errorf("%s is full", table)
	}
	return int32(last + 1), err
}

func (w *writer) fact(f *fact) int32 {
	if id, ok := w.facts[f.hash]; ok {
		return id
	}
	return w.seen.facts[f.hash]
}

// addFacts adds the facts that are not there.
func (w *writer) addFacts(ctx context.Context, groups ...[]*prepared) error {
	var facts []*fact
	for _, records := range groups {
		for _, p := range records {
			facts = append(facts, &p.origin, &p.verdict, &p.gaps)
		}
	}
	return w.intern(ctx, facts)
}

// addVerdicts adds the verdicts that are not there.
func (w *writer) addVerdicts(ctx context.Context, records []*prepared) error {
	var facts []*fact
	for _, p := range records {
		facts = append(facts, &p.verdict)
	}
	return w.intern(ctx, facts)
}

// intern adds those of facts that are not there.
func (w *writer) intern(ctx context.Context, facts []*fact) error {
	missing := make(map[hash]*fact)
	var order []hash
	for _, f := range facts {
		if _, ok := w.seen.facts[f.hash]; !ok && missing[f.hash] == nil {
			missing[f.hash] = f
			order = append(order, f.hash)
		}
	}
	if len(order) == 0 {
		return nil
	}
	next, err := w.numbers(ctx, "inventory_fact", order, w.facts)
	if err != nil {
		return err
	}
	var rows, tags [][]any
	for _, h := range order {
		if _, ok := w.facts[h]; ok {
			continue
		}
		w.facts[h] = next
		rows = append(rows, []any{int64(next), h[:], missing[h].data})
		for _, tag := range missing[h].tags {
			tags = append(tags, []any{tag, int64(next)})
		}
		next++
	}
	if err := w.insert(ctx, "inventory_fact", []string{"id", "hash", "data"}, slices.Values(rows)); err != nil {
		return err
	}
	return w.insert(ctx, "inventory_tag", []string{"tag", "fact"}, slices.Values(tags))
}

// pieces yields everything that records are made of.
func pieces(records []*prepared) iter.Seq[*piece] {
	return func(yield func(*piece) bool) {
		for _, p := range records {
			if p.main != nil && !yield(p.main) {
				return
			}
			for _, s := range []*set{p.contents, p.inputs} {
				if s == nil {
					continue
				}
				for i := range s.pieces {
					if !yield(&s.pieces[i]) {
						return
					}
				}
			}
		}
	}
}

func (w *writer) part(h hash) int32 {
	if id, ok := w.seen.parts[h]; ok {
		return id
	}
	return w.parts[h]
}

// addParts adds the parts that are not there.
func (w *writer) addParts(ctx context.Context, records []*prepared) error {
	missing := make(map[hash]*piece)
	var order []hash
	for p := range pieces(records) {
		if _, ok := w.seen.parts[p.hash]; !ok && missing[p.hash] == nil {
			missing[p.hash] = p
			order = append(order, p.hash)
		}
	}
	if len(order) == 0 {
		return nil
	}
	next, err := w.numbers(ctx, "inventory_part", order, w.parts)
	if err != nil {
		return err
	}
	var rows, terms [][]any
	for _, h := range order {
		if _, ok := w.parts[h]; ok {
			continue
		}
		w.parts[h] = next
		p := missing[h]
		data, label, all := p.data(), p.label(), p.terms()
		if err := checkPart(label, data, all); err != nil {
			return err
		}
		rows = append(rows, []any{int64(next), h[:], label, data})
		for _, term := range all {
			terms = append(terms, []any{term, int64(next)})
		}
		next++
	}
	if err := w.insert(ctx, "inventory_part", []string{"id", "hash", "label", "data"}, slices.Values(rows)); err != nil {
		return err
	}
	return w.insert(ctx, "inventory_term", []string{"term", "part"}, slices.Values(terms))
}

// checkPart returns why a part cannot be kept.
func checkPart(label string, data []byte, terms []string) error {
	if len(data) > maxRecord || !plain(label, maxText) {
		return fmt.Errorf("component or input %.100q: want UTF-8 of at most %d bytes without a NUL, and of all together %d bytes", label, maxText, maxRecord)
	}
	for _, term := range terms {
		if !plain(term, maxTerm) {
			return fmt.Errorf("component or input %.100q: %.100q: want UTF-8 of at most %d bytes without a NUL", label, term, maxTerm)
		}
	}
	return nil
}

// addSets adds the sets that are not there, and a segment that says which of them has
// which parts.
func (w *writer) addSets(ctx context.Context, records []*prepared) error {
	var order []*set
	var hashes []hash
	missing := make(map[hash]bool)
	for _, p := range records {
		for _, s := range []*set{p.contents, p.inputs} {
			if s != nil && !missing[s.hash] {
				missing[s.hash] = true
				order, hashes = append(order, s), append(hashes, s.hash)
			}
		}
	}
	if len(order) == 0 {
		return nil
	}
	next, err := w.numbers(ctx, "inventory_set", hashes, w.sets)
	if err != nil {
		return err
	}
	var pairs []uint64 // a part in the upper half, a set in the lower
	var rows [][]any
	for _, s := range order {
		if _, ok := w.sets[s.hash]; ok {
			continue
		}
		w.sets[s.hash] = next
		t := w.tree(s)
		base, data, err := w.shorten(ctx, s.family, next, t)
		if err != nil {
			return err
		}
		if w.trees[next] = (abridged{base, string(data)}); base == 0 {
			w.trees[next] = abridged{}
		}
		rows = append(rows, []any{int64(next), s.hash[:], s.family, int64(base), data})
		for _, part := range t.parts {
			pairs = append(pairs, uint64(part)<<32|uint64(next))
		}
		next++
	}
	if len(rows) == 0 {
		return nil
	}
	if err := w.insert(ctx, "inventory_set", []string{"id", "hash", "family", "base", "tree"}, slices.Values(rows)); err != nil {
		return err
	}
	segment, err := w.number(ctx, "SELECT max(id) FROM inventory_segment")
	if err != nil {
		return err
	}
	segment++
	if err := w.exec(ctx, "INSERT INTO inventory_segment (id, sets) VALUES (?, ?)", segment, int64(len(rows))); err != nil {
		return err
	}
	slices.Sort(pairs)
	if err := w.addPostings(ctx, segment, pairs); err != nil {
		return err
	}
	return w.mergeSegments(ctx)
}

// addPostings adds the lists of a segment: pairs are parts, in the upper half, with the sets
// that have them, sorted.
func (w *writer) addPostings(ctx context.Context, segment int64, pairs []uint64) error {
	return w.insert(ctx, "inventory_posting", []string{"segment", "part", "sets"}, func(yield func([]any) bool) {
		for len(pairs) > 0 {
			part := pairs[0] >> 32
			n := 0
			for n < len(pairs) && pairs[n]>>32 == part {
				n++
			}
			sets := make([]int32, n)
			for i, pair := range pairs[:n] {
				sets[i] = int32(uint32(pair))
			}
			pairs = pairs[n:]
			if !yield([]any{segment, int64(part), sets}) {
				return
			}
		}
	})
}

// tree returns the tree of s by the numbers of its parts.
func (w *writer) tree(s *set) *tree {
	ids := make([]int32, len(s.pieces))
	order := make([]uint64, len(s.pieces)) // the number, and the position
	for i := range s.pieces {
		ids[i] = w.part(s.pieces[i].hash)
		order[i] = uint64(ids[i])<<32 | uint64(i)
	}
	slices.Sort(order)
	t := &tree{make([]int32, len(ids)), make([]int32, len(ids))}
	for k, o := range order {
		t.parts[k] = int32(o >> 32)
		parent := s.pieces[uint32(o)].parent
		if parent >= 0 {
			parent = ids[parent]
		} else {
			parent++
		}
		t.parents[k] = parent
	}
	return t
}

// shorten returns a tree as it is kept: whole, with base 0, or as what differs from that of
// another set.
func (w *writer) shorten(ctx context.Context, key int64, id int32, t *tree) (base int32, data []byte, err error) {
	f, ok := w.families[key]
	if !ok {
		f, ok = w.seen.families[key]
	}
	if !ok {
		err := w.query(ctx, func(rows *sql.Rows) error {
			var data []byte
			if err := rows.Scan(&f.set, &data); err != nil {
				return err
			}
			f.tree, err = parseTree(string(data))
			ok = true
			return err
		}, "SELECT id, tree FROM inventory_set WHERE family = ? AND base = 0 ORDER BY id DESC LIMIT 1", key)
		if err != nil {
			return 0, nil, err
		}
	}
	if ok {
		if p := patchOf(f.tree, t); p.size() <= len(t.parts)/4 {
			w.families[key] = f
			return f.set, p.append(nil), nil
		}
	}
	w.families[key] = family{id, t}
	return 0, t.append(nil), nil
}

// mergeSegments merges segments that are about as large as many others, so that there
// are few, whatever the size of batches.
func (w *writer) mergeSegments(ctx context.Context) error {
	for {
		classes := make(map[int][]int64)
		sizes := make(map[int64]int64)
		err := w.query(ctx, func(rows *sql.Rows) error {
			var id, sets int64
			if err := rows.Scan(&id, &sets); err != nil {
				return err
			}
			class := 0
			for n := sets; n >= fanout; n /= fanout {
				class++
			}
			classes[class] = append(classes[class], id)
			sizes[id] = sets
			return nil
		}, "SELECT id, sets FROM inventory_segment ORDER BY id")
		if err != nil {
			return err
		}
		merged := false
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			if ids := classes[class]; len(ids) >= fanout {
				if err := w.mergeThese(ctx, ids, sizes); err != nil {
					return err
				}
				merged = true
				break
			}
		}
		if !merged {
			return nil
		}
	}
}

func (w *writer) mergeThese(ctx context.Context, ids []int64, sizes map[int64]int64) error {
	size := int64(0)
	some := make([]int32, len(ids))
	for i, id := range ids {
		size += sizes[id]
		some[i] = int32(id)
	}
	last, err := w.number(ctx, "SELECT max(id) FROM inventory_segment")
	if err != nil {
		return err
	}
	into := last + 1
	parts, err := w.number(ctx, "SELECT max(id) FROM inventory_part")
	if err != nil {
		return err
	}
	old, value := w.in("segment", some)
	const width = 1000 // parts that are merged at once
	var pairs []uint64
	var sets []int32
	for from := int64(0); from <= parts; from += width {
		pairs = pairs[:0]
		err := w.query(ctx, func(rows *sql.Rows) error {
			var part int32
			var list sql.RawBytes
			err := rows.Scan(&part, &list)
			if err == nil {
				sets, err = w.ints(sets[:0], list)
			}
			for _, set := range sets {
				pairs = append(pairs, uint64(part)<<32|uint64(set))
			}
			return err
		}, "SELECT part, sets FROM inventory_posting WHERE "+old+" AND part >= ? AND part < ? ORDER BY segment, part", value, from, from+width)
		if err != nil {
			return err
		}
		slices.Sort(pairs)
		if err := w.addPostings(ctx, into, pairs); err != nil {
			return err
		}
	}
	for _, table := range []string{"inventory_posting", "inventory_segment"} {
		column := "segment"
		if table == "inventory_segment" {
			column = "id"
		}
		which, value := w.in(column, some)
		if err := w.exec(ctx, "DELETE FROM "+table+" WHERE "+which, value); err != nil {
			return err
		}
	}
	return w.exec(ctx, "INSERT INTO inventory_segment (id, sets) VALUES (?, ?)", into, size)
}

// addRecords adds records, of whose parts and facts all are there.
func (w *writer) addRecords(ctx context.Context, records []*prepared) error {
	last, err := w.number(ctx, "SELECT max(id) FROM inventory_record")
	if err != nil {
		return err
	}
	if last+int64(len(records)) >= 1<<31 {
		return errors.New("inventory_record is full")
	}
	rows := func(yield func([]any) bool) {
		for i, p := range records {
			var main, contents, inputs int32
			if p.main != nil {
				main, contents = w.part(p.main.hash), w.sets[p.contents.hash]
			}
			if p.inputs != nil {
				inputs = w.sets[p.inputs.hash]
			}
			origin := w.fact(&p.origin)
			if !yield([]any{
				last + 1 + int64(i), p.hash[:], int64(main), int64(contents), int64(inputs), int64(origin), p.code, attestedCode(p.attested), number(p.incomplete),
				micros(p.build.Finished), p.markBytes(), p.sbom.String(), p.evidence,
			}) {
				return
			}
		}
	}
	columns := []string{"id", "hash", "main", "contents", "inputs", "origin", "verdict", "attested", "incomplete", "built", "mark", "sbom", "evidence"}
	if err := w.insert(ctx, "inventory_record", columns, rows); err != nil {
		return err
	}
	answers := make([]row, len(records))
	for i, p := range records {
		r := &answers[i]
		r.id = last + 1 + int64(i)
		r.head = p.head(w.fact(&p.origin), w.fact(&p.verdict), w.fact(&p.gaps))
		if p.main != nil {
			r.main, r.contents = label(p.main.c), w.sets[p.contents.hash]
			t, err := w.abridged(ctx, r.contents)
			if err != nil {
				return err
			}
			r.base, r.tree = t.base, t.tree
		}
	}
	if err := w.addRows(ctx, answers); err != nil {
		return err
	}
	about := func(yield func([]any) bool) {
		for i, p := range records {
			id := last + 1 + int64(i)
			for _, term := range p.about() {
				if !yield([]any{term, id}) {
					return
				}
			}
		}
	}
	return w.insert(ctx, "inventory_about", []string{"term", "record"}, about)
}

// about returns what a record is looked for by.
func (p *prepared) about() []string {
	var terms []string
	for _, d := range p.artifact.Digests {
		terms = append(terms, d.String())
	}
	if p.artifact.Name != "" {
		terms = append(terms, "name:"+p.artifact.Name)
	}
	if !p.build.Commit.IsZero() {
		terms = append(terms, "commit:"+p.build.Commit.String())
	}
	return terms
}

func attestedCode(c Contents) int64 {
	switch c {
	case Attested:
		return 2
	case Unattested:
		return 1
	}
	return 0
}
