package inventory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// An answering gives an answer: one goroutine reads rows and the facts that they refer to,
// another one finds the ways in them, and that of the caller makes of both what is said.
type answering struct {
	s     *session
	parts []int32 // that are asked for, sorted: the candidates
	asked bits    // these, too

	*places // where the parts are, once that is asked

	// Of the first goroutine.
	facts map[int32]any // *origin, *decision or []string
	memo  [3]struct {   // of these, the last ones
		id   int32
		fact any
	}
	bases  map[int32]*planted
	routes map[routeKey]*route

	// Of the second one.
	labels map[int32]string
	read   map[int32]*timber
	grown  map[int32]*planted // of some that were read
	size   int                // of these, in bytes

	used    chan []row // to be used again
	answers []Entry
}

func newAnswering(s *session, parts []int32) *answering {
	a := &answering{
		s: s, parts: parts, facts: make(map[int32]any), bases: make(map[int32]*planted), routes: make(map[routeKey]*route),
		labels: make(map[int32]string), used: make(chan []row, 4),
	}
	a.forget()
	for _, part := range parts {
		a.asked.add(part)
	}
	return a
}

// A way is that from an artifact to a candidate.
type way struct {
	candidate int
	known     bool // there is one
	*route
	at []int32 // where the parts of it are, or the candidate alone is, in the tree that has it
}

// A route is the parts of ways, without the main component, or the candidate alone if there
// is no way.
type route struct {
	parts  []int32
	labels []string // once they are asked for
}

// A routeKey is what a route is of: a candidate, and the parts before it as they are kept.
type routeKey struct {
	candidate int
	parts     string
}

// A planted is what is known of a tree that contents are told by.
type planted struct {
	ways []way // to the candidates that are in it
}

// A background is what rows refer to.
type background struct {
	base   *planted // of the tree, if that need not be read
	origin *origin
	said   *decision
	gaps   []string
}

// stream calls use with the rows that source gives and what is said of them, until it wants
// no more. It must not keep them. While it does so the ways in the next rows are found, and
// those after them are read.
func (a *answering) stream(ctx context.Context, source func(give func([]row) (more bool, err error)) error, use func([]row, []Entry) (more bool, err error)) error {
	read, led, done := make(chan []row, 1), make(chan []row, 1), make(chan struct{})
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
		defer close(led)
		for rows := range read {
			if failed[1] = a.lead(ctx, rows); failed[1] != nil || !send(rows, led) {
				return
			}
		}
	})
	defer wg.Wait()
	defer close(done)
	for rows := range led {
		entries, err := a.finish(rows)
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

// buffer returns room for n rows.
func (a *answering) buffer(n int) []row {
	select {
	case rows := <-a.used:
		return slices.Grow(rows, n)
	default:
		return make([]row, 0, n)
	}
}

// locate finds out where the parts are.
func (a *answering) locate(ctx context.Context) (err error) {
	a.places, err = a.s.places(ctx, a.parts)
	return err
}

// rows returns those of ids, with their facts.
func (a *answering) rows(ctx context.Context, ids []int64) ([]row, error) {
	rows := a.buffer(len(ids))
	err := a.s.read(ctx, ids, func(r *rough) error {
		rows = rows[:len(rows)+1]
		return a.begin(&rows[len(rows)-1], r)
	})
	if err != nil {
		return nil, err
	}
	return rows, a.learn(ctx, rows)
}

// begin begins to make r of what a block has. Its patch is only kept if the ways in it may be
// others than in its tree, or if these are not known yet.
func (a *answering) begin(r *row, from *rough) (err error) {
	r.begin(from)
	if len(a.parts) == 0 {
		return nil
	}
	if a.places != nil && a.told {
		if r.base, err = a.base(r.tree); err != nil {
			return err
		}
		changed, _, ok := chop(from.patch)
		if r.base != nil && ok && !a.sets.has(r.contents) && !slices.ContainsFunc(r.base.ways, func(w way) bool { return touches(changed, w.at) }) {
			r.ways = r.base.ways
			return nil
		}
	}
	r.open, r.patch = true, string(from.patch)
	return nil
}

// base returns what is known of a tree by the ways that are kept beside lists, and nil if
// that is not enough.
func (a *answering) base(tree int32) (*planted, error) {
	if b, ok := a.bases[tree]; ok {
		return b, nil
	}
	if len(a.bases) > cacheFacts {
		clear(a.bases)
		clear(a.routes)
	}
	pairs := a.in(tree)
	b := &planted{make([]way, len(pairs))}
	for i := range pairs {
		one := &pairs[i]
		k := int(one.candidate)
		if one.n == untold-2 {
			b = nil
			break
		}
		key := routeKey{k, one.trail.parts}
		r := a.routes[key]
		if r == nil {
			r = &route{parts: one.route(a.parts[k])}
			a.routes[key] = r
		}
		b.ways[i] = way{k, one.n >= 0, r, one.positions()}
	}
	a.bases[tree] = b
	return b, nil
}

// learn gives rows their facts.
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
	// Most follow each other, as they were written for the same records, and a few do not.
	few := len(wanted)
	for few > 0 && wanted[len(wanted)-1]-wanted[few-1] < 2*int32(len(wanted)-few+1) {
		few--
	}
	for _, some := range [][]int32{wanted[:few], wanted[few:]} {
		if len(some) == 0 {
			continue
		}
		in, values := s.around("id", some)
		err := s.query(ctx, func(rows *sql.Rows) error {
			var id int32
			var one sql.RawBytes
			err := rows.Scan(&id, &one)
			if _, ok := slices.BinarySearch(some, id); ok {
				ids, data = append(ids, id), append(data, string(one))
			}
			return err
		}, "SELECT id, data FROM "+table+" WHERE "+in, values...)
		if err != nil {
			return nil, nil, err
		}
	}
	return ids, data, nil
}

// remembers gives r its facts, if they are remembered.
func (a *answering) remembers(r *row) bool {
	for i, id := range [...]int32{r.head.origin, r.verdict, r.head.gaps} {
		if m := &a.memo[i]; m.id != id || m.fact == nil { // many have the same as the one before
			m.id, m.fact = id, a.facts[id]
		}
	}
	from, ok1 := a.memo[0].fact.(*origin)
	said, ok2 := a.memo[1].fact.(*decision)
	gaps, ok3 := a.memo[2].fact.([]string)
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	r.background.origin, r.said, r.background.gaps = from, said, gaps
	return true
}

// errUnread is that a tree has to be read.
var errUnread = errors.New("inventory: internal error: a tree is not read")

// lead finds the ways in rows to the candidates that they have, and what these are called.
func (a *answering) lead(ctx context.Context, rows []row) error {
	var p patch
	for {
		var unread, unknown []int32 // trees, of which the ways are known, or not
		for i := range rows {
			r := &rows[i]
			if !r.open {
				continue
			}
			switch err := a.walk(r, &p); {
			case err == nil:
				r.open, r.patch = false, ""
			case err != errUnread:
				return err
			case r.base != nil:
				unread = append(unread, r.tree)
			default:
				unknown = append(unknown, r.tree)
			}
		}
		if len(unread)+len(unknown) == 0 {
			return a.call(ctx, rows)
		}
		if a.size > treeBytes {
			a.forget()
		}
		if err := a.grow(ctx, unread, false); err != nil {
			return err
		}
		if err := a.grow(ctx, unknown, true); err != nil {
			return err
		}
	}
}

// grow reads trees, not all if they are many, and perhaps finds the ways to the candidates
// that are in them.
func (a *answering) grow(ctx context.Context, trees []int32, search bool) error {
	trees = unique(trees)
	trees = trees[:min(len(trees), readTrees)]
	if len(trees) == 0 {
		return nil
	}
	ids, data, err := a.s.data(ctx, "inventory_tree", trees)
	if err != nil {
		return err
	}
	if len(ids) != len(trees) {
		return fmt.Errorf("%w: a tree is missing", errDamaged)
	}
	read, grown := make([]*timber, len(ids)), make([]planted, len(ids))
	err = spread(len(ids), func(from, to int) (err error) {
		for i := from; i < to && err == nil; i++ {
			if read[i], err = openTree(data[i]); err == nil && search {
				grown[i].ways, err = a.search(read[i])
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		a.read[id] = read[i]
		if search {
			a.grown[id] = &grown[i]
		}
		a.size += len(data[i]) + 200*len(grown[i].ways)
	}
	return nil
}

// forget forgets the trees that were read, but for the bare one.
func (a *answering) forget() {
	a.read, a.grown, a.size = map[int32]*timber{0: new(timber)}, map[int32]*planted{0: new(planted)}, 0
}

// search finds the ways to the candidates that are in t.
func (a *answering) search(t *timber) (ways []way, err error) {
	add := func(k, at int) error {
		parts, places, err := path(t, new(patch), int32(first+2*at))
		w := way{k, true, &route{parts: parts}, places}
		if parts == nil {
			w = way{k, false, &route{parts: a.parts[k : k+1]}, []int32{int32(at)}}
		}
		ways = append(ways, w)
		return err
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

// walk finds the ways in r to the candidates that it has, which is errUnread if its tree has
// to be read for that. p is memory to be used.
func (a *answering) walk(r *row, p *patch) (err error) {
	base := r.base
	if base == nil {
		if base = a.grown[r.tree]; base == nil {
			return errUnread
		}
	}
	r.ways = base.ways
	beside := a.places == nil || a.sets.has(r.contents)
	from := reader{rest: r.patch}
	changed := from.text()
	if beside || from.failed || slices.ContainsFunc(r.ways, func(w way) bool { return touches(changed, w.at) }) {
		if err := p.parse(r.patch); err != nil {
			return err
		}
		if r.ways, err = a.anew(&footing{base.ways, a.read[r.tree]}, p); err != nil {
			return err
		}
	}
	if a.places != nil && !a.trees.has(r.tree) && beside != (len(r.ways) > 0) {
		return fmt.Errorf("%w: a record says of itself that it has other contents", errDamaged)
	}
	return nil
}

// A footing is what is known of a tree: some ways, and perhaps all of it.
type footing struct {
	ways []way
	*timber
}

func (f *footing) step(at int32) (part, before int32, err error) {
	if f.timber != nil {
		return f.timber.step(at)
	}
	for i := range f.ways {
		w := &f.ways[i]
		switch k := slices.Index(w.at, at); {
		case k < 0:
			continue
		case !w.known:
			return w.parts[k], nothing, nil
		case k == 0:
			return w.parts[k], theMain, nil
		default:
			return w.parts[k], first + 2*w.at[k-1], nil
		}
	}
	return 0, 0, errUnread
}

func (f *footing) steps() int {
	if f.timber != nil {
		return f.timber.steps()
	}
	return (farthest + 1) * len(f.ways)
}

// anew returns the ways to the candidates in the tree that differs by p from that of base.
func (a *answering) anew(base *footing, p *patch) ([]way, error) {
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
		parts, _, err := path(base, p, f.place)
		if err != nil {
			return nil, err
		}
		ways[i] = way{f.candidate, parts != nil, &route{parts: parts}, nil}
	}
	return ways, nil
}

// call gives the routes of rows their labels.
func (a *answering) call(ctx context.Context, rows []row) error {
	var fresh []*route
	var parts []int32
	for i := range rows {
		for k := range rows[i].ways {
			if w := &rows[i].ways[k]; w.known && w.labels == nil && len(w.parts) > 0 {
				fresh, parts = append(fresh, w.route), append(parts, w.parts...)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := a.name(ctx, parts); err != nil {
		return err
	}
	for _, r := range fresh {
		r.labels = make([]string, len(r.parts))
		for i, part := range r.parts {
			r.labels[i] = a.labels[part]
		}
	}
	return nil
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

// finish returns what is said of rows, until the next call.
func (a *answering) finish(rows []row) ([]Entry, error) {
	a.answers = slices.Grow(a.answers[:0], len(rows))[:len(rows)]
	now := a.s.v.o.Now()
	err := spread(len(rows), func(from, to int) error {
		var c clerk
		done := from
		for i := from; i < to; i++ {
			if err := rows[i].parse(&c, rows[i].background.origin.Source); err != nil {
				return err
			}
			if len(c.draft) < sheet && i+1 < to {
				continue
			}
			if err := c.write(); err != nil {
				return err
			}
			for ; done <= i; done++ {
				a.answers[done] = rows[done].entry(now)
			}
		}
		return nil
	})
	return a.answers, err
}

// entry returns what is said of r.
func (r *row) entry(now time.Time) Entry {
	from, said := r.background.origin, r.said
	v := Verdict{Verdict: said.Verdict, Policy: said.Policy, At: r.decided, Reasons: said.Reasons, Exceptions: said.Exceptions}
	return Entry{
		Artifact: r.artifact,
		Build:    Build{from.Source, r.commit, r.ref, from.Workflow, from.Builder, from.Type, r.run, r.finished, nil},
		Signers:  from.Signers, Gaps: r.background.gaps, Parts: r.parts, Complete: r.complete,
		Trust: Trust{v, r.attested, v.lapsed(now)},
		id:    r.id,
	}
}

func unique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
