package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"
)

// An answering gives an answer: one goroutine reads rows, another one finds what they refer
// to, and that of the caller makes of them what is said.
type answering struct {
	s     *session
	parts []int32 // that are asked for, sorted: the candidates
	asked bits    // these, too

	*places // where the parts are, once that is asked

	mu     sync.Mutex // of what is remembered
	labels map[int32]string
	facts  map[int32]any      // *origin, *decision or []string
	grown  map[int32]*planted // trees
	size   int                // of them, in bytes

	used    chan []row // to be used again
	answers []Entry
}

func newAnswering(s *session, parts []int32) *answering {
	a := &answering{
		s: s, parts: parts, labels: make(map[int32]string), facts: make(map[int32]any), grown: make(map[int32]*planted),
		used: make(chan []row, 4),
	}
	for _, part := range parts {
		a.asked.add(part)
	}
	return a
}

// A way is that from an artifact to a candidate.
type way struct {
	candidate int
	known     bool
	parts     []int32  // without the main component
	at        []int32  // where they are, or the candidate alone is, in the tree that has the way
	labels    []string // of the parts
}

// A planted tree is one that contents are told by.
type planted struct {
	*timber
	ways []way // to the candidates that are in it
}

// A background is what rows refer to.
type background struct {
	base   *planted // of the tree, unless the ways are known
	origin *origin
	said   *decision
	gaps   []string
}

// stream calls use with the rows that source gives and what is said of them, until it wants
// no more. It must not keep them. While it does so the next rows get their background, and
// those after them are read.
func (a *answering) stream(ctx context.Context, source func(give func([]row) (more bool, err error)) error, use func([]row, []Entry) (more bool, err error)) error {
	read, loaded, done := make(chan []row, 1), make(chan []row, 1), make(chan struct{})
	send := func(rows []row, to chan<- []row) bool {
		select {
		case to <- rows:
			return true
		case <-done:
			return false
		}
	}
	var failed [2]error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(read)
		failed[0] = source(func(rows []row) (bool, error) { return send(rows, read), nil })
	})
	wg.Go(func() {
		defer close(loaded)
		for rows := range read {
			if failed[1] = a.load(ctx, rows); failed[1] != nil || !send(rows, loaded) {
				return
			}
		}
	})
	defer wg.Wait()
	defer close(done)
	for rows := range loaded {
		entries, err := a.finish(ctx, rows)
		if err != nil {
			return err
		}
		if more, err := use(rows, entries); err != nil || !more {
			return err
		}
		select {
		case a.used <- rows[:0]:
		default:
		}
	}
	if failed[1] != nil { // then the source may still be at work
		return failed[1]
	}
	return failed[0]
}

// buffer returns room for rows.
func (a *answering) buffer() []row {
	select {
	case rows := <-a.used:
		return rows
	default:
		return nil
	}
}

// locate finds out where the parts are.
func (a *answering) locate(ctx context.Context) (err error) {
	a.places, err = a.s.places(ctx, a.parts)
	return err
}

// load gives rows the background that they need.
func (a *answering) load(ctx context.Context, rows []row) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.learn(ctx, rows); err != nil {
		return err
	}
	if len(a.parts) == 0 {
		return nil
	}
	return a.plant(ctx, rows)
}

// learn remembers the facts of rows.
func (a *answering) learn(ctx context.Context, rows []row) error {
	if len(a.facts) > cacheFacts {
		clear(a.facts)
	}
	var missing []int32
	for i := range rows {
		r := &rows[i]
		if a.remembers(r) {
			continue
		}
		for _, id := range [...]int32{r.head.origin, r.verdict, r.head.gaps} {
			if a.facts[id] == nil {
				missing = append(missing, id)
			}
		}
	}
	if missing = unique(missing); len(missing) == 0 {
		return nil
	}
	ids, facts, err := a.s.data(ctx, "inventory_fact", missing)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if a.facts[id], err = parseFact(facts[i]); err != nil {
			return err
		}
	}
	for i := range rows {
		if r := &rows[i]; r.said == nil && !a.remembers(r) {
			return fmt.Errorf("%w: a fact is missing", errDamaged)
		}
	}
	return nil
}

// data returns the data of those rows of a table that have one of the numbers wanted, which
// are sorted.
func (s *session) data(ctx context.Context, table string, wanted []int32) (ids []int32, data []string, err error) {
	in, values := s.around("id", wanted)
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id int32
		var one sql.RawBytes
		err := rows.Scan(&id, &one)
		if _, ok := slices.BinarySearch(wanted, id); ok {
			ids, data = append(ids, id), append(data, string(one))
		}
		return err
	}, "SELECT id, data FROM "+table+" WHERE "+in, values...)
	return ids, data, err
}

// remembers gives r its facts, if they are remembered.
func (a *answering) remembers(r *row) bool {
	from, ok1 := a.facts[r.head.origin].(*origin)
	said, ok2 := a.facts[r.verdict].(*decision)
	gaps, ok3 := a.facts[r.head.gaps].([]string)
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	r.background.origin, r.said, r.background.gaps = from, said, gaps
	return true
}

// plant remembers the trees of rows.
func (a *answering) plant(ctx context.Context, rows []row) error {
	if a.size > treeBytes {
		clear(a.grown)
		a.size = 0
	}
	if a.grown[0] == nil { // the bare one
		a.grown[0] = &planted{timber: new(timber)}
	}
	var missing []int32
	for i := range rows {
		if r := &rows[i]; r.ways == nil && a.grown[r.tree] == nil {
			missing = append(missing, r.tree)
		}
	}
	if missing = unique(missing); len(missing) > 0 {
		if err := a.grow(ctx, missing); err != nil {
			return err
		}
	}
	for i := range rows {
		if r := &rows[i]; r.ways == nil {
			if r.base = a.grown[r.tree]; r.base == nil {
				return fmt.Errorf("%w: a tree is missing", errDamaged)
			}
		}
	}
	return nil
}

// grow remembers trees.
func (a *answering) grow(ctx context.Context, missing []int32) error {
	ids, trees, err := a.s.data(ctx, "inventory_tree", missing)
	if err != nil {
		return err
	}
	all := make([]planted, len(trees))
	err = spread(len(trees), func(from, to int) error {
		for i := from; i < to; i++ {
			t, err := openTree(trees[i])
			if err != nil {
				return err
			}
			all[i].timber = t
			if all[i].ways, err = a.search(ids[i], t); err != nil {
				return err
			}
			if a.places != nil && a.trees.has(ids[i]) != (len(all[i].ways) > 0) {
				return fmt.Errorf("%w: a tree has other parts", errDamaged)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var unknown []int32
	for i := range all {
		a.grown[ids[i]] = &all[i]
		a.size += len(trees[i])
		for _, w := range all[i].ways {
			unknown = append(unknown, w.parts...)
			a.size += 200
		}
	}
	if err := a.name(ctx, unknown); err != nil {
		return err
	}
	for i := range all {
		a.label(all[i].ways)
	}
	return nil
}

// search finds the ways to the candidates that are in t, whose number is id.
func (a *answering) search(id int32, t *timber) (ways []way, err error) {
	none := new(patch)
	add := func(k, at int) error {
		parts, places, err := path(t, none, int32(first+2*at))
		w := way{candidate: k, known: parts != nil, parts: parts, at: places}
		if !w.known {
			w.at = []int32{int32(at)}
		}
		ways = append(ways, w)
		return err
	}
	if a.places != nil && a.pairs != nil {
		i, _ := slices.BinarySearch(a.pairs, uint64(id)<<32)
		for ; i < len(a.pairs) && int32(a.pairs[i]>>32) == id; i++ {
			k := int(uint32(a.pairs[i]))
			at, ok := t.position(a.parts[k])
			if !ok {
				return nil, fmt.Errorf("%w: a tree has other parts", errDamaged)
			}
			if err := add(k, at); err != nil {
				return nil, err
			}
		}
		return ways, nil
	}
	if len(a.parts) < t.n/16 { // few enough to look for each
		for k, part := range a.parts {
			if at, ok := t.position(part); ok {
				if err := add(k, at); err != nil {
					return nil, err
				}
			}
		}
		return ways, nil
	}
	all, err := t.whole()
	if err != nil {
		return nil, err
	}
	for at, part := range all.parts {
		if a.asked.has(part) {
			k, _ := slices.BinarySearch(a.parts, part)
			if err := add(k, at); err != nil {
				return nil, err
			}
		}
	}
	return ways, nil
}

// finish returns what is said of rows, until the next call, and finds the ways in them to
// the candidates that they have.
func (a *answering) finish(ctx context.Context, rows []row) ([]Entry, error) {
	a.answers = slices.Grow(a.answers[:0], len(rows))[:len(rows)]
	now := a.s.v.o.Now()
	var mu sync.Mutex // of unknown
	var unknown []int32
	err := spread(len(rows), func(from, to int) error {
		var p patch
		var new []int32
		for i := from; i < to; i++ {
			r := &rows[i]
			if err := r.parse(); err != nil {
				return err
			}
			a.answers[i] = r.entry(now)
			if r.base == nil {
				continue
			}
			if err := a.walk(r, &p); err != nil {
				return err
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
	if err != nil || len(unknown) == 0 {
		return a.answers, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.name(ctx, unknown); err != nil {
		return nil, err
	}
	for i := range rows {
		a.label(rows[i].ways)
	}
	return a.answers, nil
}

// entry returns what is said of r.
func (r *row) entry(now time.Time) Entry {
	from, said := r.background.origin, r.said
	run := r.run
	if r.bySource {
		run = from.Source + run
	}
	v := Verdict{Verdict: said.Verdict, Policy: said.Policy, At: r.decided, Reasons: said.Reasons, Exceptions: said.Exceptions}
	return Entry{
		Artifact: r.artifact,
		Build:    Build{from.Source, r.commit, r.ref, from.Workflow, from.Builder, from.Type, run, r.finished, nil},
		Signers:  from.Signers, Gaps: r.background.gaps, Parts: r.parts, Complete: r.complete,
		Trust: Trust{v, r.attested, v.lapsed(now)},
		id:    r.id,
	}
}

// walk finds the ways in r to the candidates that it has. p is memory to be used.
func (a *answering) walk(r *row, p *patch) (err error) {
	r.ways = r.base.ways
	beside := a.places == nil || a.sets.has(r.contents)
	if beside || slices.ContainsFunc(r.ways, func(w way) bool { return touches(r.patch, w.at) }) {
		if err := p.parse(r.patch); err != nil {
			return err
		}
		if r.ways, err = a.anew(r.base, p); err != nil {
			return err
		}
	}
	if a.places != nil && !a.trees.has(r.tree) && beside != (len(r.ways) > 0) {
		return fmt.Errorf("%w: a record says of itself that it has other contents", errDamaged)
	}
	return nil
}

// anew returns the ways to the candidates in the tree that differs by p from base.
func (a *answering) anew(base *planted, p *patch) ([]way, error) {
	type found struct {
		candidate int
		place     int32
	}
	var all []found
	for i := range base.ways {
		w := &base.ways[i]
		at := w.at[len(w.at)-1]
		if c, _ := p.change(at); !c.gone && c.part == 0 {
			all = append(all, found{w.candidate, first + 2*at})
		}
	}
	for part, place := range p.more() {
		if a.asked.has(part) {
			k, _ := slices.BinarySearch(a.parts, part)
			all = append(all, found{k, place})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.candidate - b.candidate })
	ways := make([]way, len(all))
	for i, f := range all {
		parts, _, err := path(base.timber, p, f.place)
		if err != nil {
			return nil, err
		}
		ways[i] = way{candidate: f.candidate, known: parts != nil, parts: parts}
	}
	return ways, nil
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

// name remembers the labels of parts.
func (a *answering) name(ctx context.Context, parts []int32) error {
	if len(a.labels) > cacheFacts {
		clear(a.labels)
	}
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

func unique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
