package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"
)

// An answering gives an answer. One goroutine reads what answers say from the database, and
// another one makes them of it.
type answering struct {
	s     *session
	parts []int32 // that are asked for, sorted: the candidates
	asked bits    // these, too

	// Where the parts are, once that is asked: in these trees, and in sets that differ from
	// a tree by having one.
	located    bool
	in, beside bits

	mu     sync.Mutex // of what is remembered
	labels map[int32]string
	facts  map[int32]any // *origin, *decision or []string
	trees  map[int32]*planted
	size   int // of the trees, in bytes

	used    chan []row // to be used again
	answers []Entry
}

func newAnswering(s *session, parts []int32) *answering {
	a := &answering{
		s: s, parts: parts, labels: make(map[int32]string), facts: make(map[int32]any), trees: make(map[int32]*planted),
		used: make(chan []row, 3),
	}
	if n := len(parts); n > 0 {
		a.asked = make(bits, parts[n-1]/64+1)
		for _, part := range parts {
			a.asked.add(part)
		}
	}
	return a
}

// A way is that from an artifact to a candidate.
type way struct {
	candidate int
	known     bool
	parts     []int32  // without the main component
	at        []int32  // in the tree that it was found in, each and 1
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

// A background is what rows refer to.
type background struct {
	base   *planted // of the tree, unless the ways are known
	origin *origin
	said   *decision
	gaps   []string
}

// stream calls use with the rows that source gives and what is said of them, until it wants
// no more. It must not keep them.
func (a *answering) stream(ctx context.Context, source func(give func([]row) (more bool, err error)) error, use func([]row, []Entry) (more bool, err error)) error {
	ready, done := make(chan []row, 1), make(chan struct{})
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ready)
		failed = source(func(rows []row) (bool, error) {
			if err := a.load(ctx, rows); err != nil {
				return false, err
			}
			select {
			case ready <- rows:
				return true, nil
			case <-done:
				return false, nil
			}
		})
	})
	defer wg.Wait()
	defer close(done)
	for rows := range ready {
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
	return failed
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
	a.in, a.beside, err = a.s.places(ctx, a.parts)
	a.located = err == nil
	return err
}

// dense reports whether the parts are in so many records that it is faster to look at all.
func (a *answering) dense() bool {
	return a.in.count() > len(a.in)*64/dense || a.beside.count() > len(a.beside)*64/dense
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
		h := &rows[i].head
		for _, id := range [...]int32{h.origin, h.verdict, h.gaps} {
			if a.facts[id] == nil {
				missing = append(missing, id)
			}
		}
	}
	if missing = unique(missing); len(missing) > 0 {
		in, value := a.s.in("id", missing)
		err := a.s.query(ctx, func(rows *sql.Rows) error {
			var id int32
			var data string
			err := rows.Scan(&id, &data)
			if err == nil {
				a.facts[id], err = parseFact(data)
			}
			return err
		}, "SELECT id, data FROM inventory_fact WHERE "+in, value)
		if err != nil {
			return err
		}
	}
	for i := range rows {
		h := &rows[i].head
		b := &rows[i].background
		var ok1, ok2, ok3 bool
		b.origin, ok1 = a.facts[h.origin].(*origin)
		b.said, ok2 = a.facts[h.verdict].(*decision)
		b.gaps, ok3 = a.facts[h.gaps].([]string)
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("%w: a fact is missing", errDamaged)
		}
	}
	return nil
}

// plant remembers the trees of rows.
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
		if r := &rows[i]; r.ways == nil && a.trees[r.tree] == nil {
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
			if r.base = a.trees[r.tree]; r.base == nil {
				return fmt.Errorf("%w: a tree is missing", errDamaged)
			}
		}
	}
	return nil
}

// grow remembers trees.
func (a *answering) grow(ctx context.Context, missing []int32) error {
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
	none := new(patch)
	add := func(k int, part int32) error {
		up, known, err := path(t, none, part)
		w := way{candidate: k, known: known, parts: up, at: make([]int32, len(up))}
		for i, part := range up {
			k, _ := t.position(part)
			w.at[i] = int32(k + 1)
		}
		p.ways = append(p.ways, w)
		return err
	}
	if len(a.parts) < len(t.parts) {
		for k, part := range a.parts {
			if _, ok := t.position(part); ok {
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
func (a *answering) walk(r *row, p *patch) error {
	if err := p.parse(r.patch); err != nil {
		return err
	}
	r.ways = r.base.ways
	if a.concerns(p, r.ways) {
		whole, err := r.base.tree()
		if err != nil {
			return err
		}
		if r.ways, err = a.anew(whole, p, r.ways); err != nil {
			return err
		}
	}
	if a.located && !a.in.has(r.tree) && a.beside.has(r.contents) != (len(r.ways) > 0) {
		return fmt.Errorf("%w: a record says of itself that it has other contents", errDamaged)
	}
	return nil
}

// concerns reports whether the ways to the candidates may be others, or to others, in a tree
// that differs by p from one with ways.
func (a *answering) concerns(p *patch, ways []way) bool {
	if p.size() == 0 {
		return false
	}
	for i := range ways {
		w := &ways[i]
		if !w.known {
			return true
		}
		for k, part := range w.parts {
			_, gone := slices.BinarySearch(p.gone, w.at[k])
			_, other := slices.BinarySearch(p.parts, part)
			if gone || other {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.parts, a.asked.has)
}

// anew returns the ways to the candidates in the tree that differs by p from base, which
// has ways.
func (a *answering) anew(base *tree, p *patch, ways []way) ([]way, error) {
	var candidates []int
	for _, w := range ways {
		i, _ := base.position(a.parts[w.candidate])
		if _, gone := slices.BinarySearch(p.gone, int32(i+1)); !gone {
			candidates = append(candidates, w.candidate)
		}
	}
	for _, part := range p.parts {
		if k, asked := slices.BinarySearch(a.parts, part); asked {
			candidates = append(candidates, k)
		}
	}
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	ways = make([]way, len(candidates))
	for i, k := range candidates {
		up, known, err := path(base, p, a.parts[k])
		if err != nil {
			return nil, err
		}
		ways[i] = way{candidate: k, known: known, parts: up}
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
