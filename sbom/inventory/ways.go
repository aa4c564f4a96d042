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
	facts facts
	memo  [3]struct { // of these, the last ones
		id   int32
		fact any
	}

	// Of the second one.
	bases  map[int32]*planted // trees by what is kept beside lists, nil if that is not enough
	routes map[routeKey]*route
	slabs  struct {
		planted slab[planted]
		ways    slab[way]
		places  slab[int32]
	}
	labels map[int32]string
	called bool // those of all trees are among them, if they are not too many
	read   map[int32]*timber
	grown  map[int32]*planted // some that were read
	size   int                // of these, in bytes

	used chan *sheaf // to be used again

	// Of the caller's.
	answers []Entry
	names   []string // of each, how the main component is called in a path
	clerk
	heads [sheet]head
}

func newAnswering(s *session, parts []int32) *answering {
	a := &answering{
		s: s, parts: parts, facts: make(facts), bases: make(map[int32]*planted), routes: make(map[routeKey]*route),
		labels: make(map[int32]string), used: make(chan *sheaf, 4),
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

// A draft is a row as far as it is needed until all is known that is said of it.
type draft struct {
	id             int64
	contents, tree int32
	facts          [3]int32 // an origin, a decision and gaps
	rest           span     // to be parsed

	origin *origin
	said   *decision
	gaps   []string

	ways  []way // to the candidates that the record has
	open  bool  // they are still to be found
	patch span  // for that
}

// A sheaf is drafts that are on their way to being said.
type sheaf struct {
	drafts []draft
	text   []byte // that they are about
}

// A span is a part of the text of a sheaf.
type span struct{ from, to int }

func (f *sheaf) at(s span) []byte { return f.text[s.from:s.to] }

// keep adds a text.
func (f *sheaf) keep(text []byte) span {
	f.text = append(f.text, text...)
	return span{len(f.text) - len(text), len(f.text)}
}

// stream calls use with the rows that source gives and what is said of them, until it wants
// no more. It must not keep them. While it does so the ways in the next rows are found, and
// those after them are read.
func (a *answering) stream(ctx context.Context, source func(give func(*sheaf) (more bool, err error)) error, use func(*sheaf, []Entry) (more bool, err error)) error {
	read, led, done := make(chan *sheaf, 1), make(chan *sheaf, 1), make(chan struct{})
	send := func(some *sheaf, to chan<- *sheaf) bool {
		select {
		case to <- some:
			return true
		case <-done:
			return false
		}
	}
	var failed [2]error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(read)
		failed[0] = source(func(some *sheaf) (bool, error) { return send(some, read), nil })
	})
	wg.Go(func() {
		defer close(led)
		for some := range read {
			if failed[1] = a.lead(ctx, some); failed[1] != nil || !send(some, led) {
				return
			}
		}
	})
	defer wg.Wait()
	defer close(done)
	for some := range led {
		entries, err := a.finish(some)
		if err != nil {
			return err
		}
		if more, err := use(some, entries); err != nil || !more {
			return err
		}
		select {
		case a.used <- some:
		default:
		}
	}
	if failed[1] != nil { // then the source may still be at work
		return failed[1]
	}
	return failed[0]
}

// sheaf returns an empty one, for n drafts.
func (a *answering) sheaf(n int) *sheaf {
	select {
	case some := <-a.used:
		some.drafts, some.text = slices.Grow(some.drafts[:0], n), some.text[:0]
		return some
	default:
		return &sheaf{make([]draft, 0, n), make([]byte, 0, 512*n)}
	}
}

// locate finds out where the parts are.
func (a *answering) locate(ctx context.Context) (err error) {
	a.places, err = a.s.places(ctx, a.parts)
	return err
}

// drafts returns those of ids, with their facts.
func (a *answering) drafts(ctx context.Context, ids []int64) (*sheaf, error) {
	some := a.sheaf(len(ids))
	err := a.s.read(ctx, ids, func(r *rough) error {
		a.begin(some, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return some, a.learn(ctx, some.drafts)
}

// begin adds a draft.
func (a *answering) begin(some *sheaf, from *rough) {
	d := draft{id: from.id, contents: from.contents, tree: from.tree, facts: [...]int32{from.origin, from.verdict, from.gaps}, rest: some.keep(from.rest)}
	if len(a.parts) > 0 {
		d.open, d.patch = true, some.keep(from.patch)
	}
	some.drafts = append(some.drafts, d)
}

// base returns what is known of a tree by the ways that are kept beside lists, and nil if
// that is not enough.
func (a *answering) base(tree int32) *planted {
	if b, ok := a.bases[tree]; ok {
		return b
	}
	if len(a.bases) > cacheFacts {
		clear(a.bases)
		clear(a.routes)
	}
	pairs := a.in(tree)
	b := &a.slabs.planted.take(1)[0]
	b.ways = a.slabs.ways.take(len(pairs))
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
			r = &route{parts: one.route(&a.slabs.places, a.parts[k])}
			a.routes[key] = r
		}
		b.ways[i] = way{k, one.n >= 0, r, one.positions(&a.slabs.places)}
	}
	a.bases[tree] = b
	return b
}

// learn gives drafts their facts.
func (a *answering) learn(ctx context.Context, drafts []draft) error {
	if len(a.facts) > cacheFacts {
		clear(a.facts)
	}
	var missing []int32
	for i := range drafts {
		if d := &drafts[i]; !a.remembers(d) {
			for _, id := range d.facts {
				if a.facts[id] == nil {
					missing = append(missing, id)
				}
			}
		}
	}
	if missing = unique(missing); len(missing) == 0 {
		return nil
	}
	for i, id := range missing {
		missing[i] = id / perFacts
	}
	_, blocks, err := a.s.data(ctx, "inventory_facts", slices.Compact(missing))
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if err := a.facts.read(block); err != nil {
			return err
		}
	}
	for i := range drafts {
		if d := &drafts[i]; d.said == nil && !a.remembers(d) {
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

// remembers gives d its facts, if they are remembered.
func (a *answering) remembers(d *draft) bool {
	for i, id := range d.facts {
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
	d.origin, d.said, d.gaps = from, said, gaps
	return true
}

// What has to be done before the ways in a draft can be found.
var (
	errUnread    = errors.New("inventory: internal error: a tree is not read")
	errUnplanted = errors.New("inventory: internal error: the ways in a tree are not found")
)

// lead finds the ways in drafts to the candidates that they have, and what these are called.
func (a *answering) lead(ctx context.Context, some *sheaf) error {
	if !slices.ContainsFunc(some.drafts, func(d draft) bool { return d.open }) { // then the first goroutine may still ask where the parts are
		return a.call(ctx, some.drafts)
	}
	if a.places != nil && a.told && !a.called {
		a.called = true
		if err := a.callAll(ctx); err != nil {
			return err
		}
	}
	var p patch
	for {
		var unread, unplanted []int32
		for i := range some.drafts {
			d := &some.drafts[i]
			if !d.open {
				continue
			}
			switch err := a.walk(d, some.at(d.patch), &p); err {
			case nil:
				d.open = false
			case errUnread:
				unread = append(unread, d.tree)
			case errUnplanted:
				unplanted = append(unplanted, d.tree)
			default:
				return err
			}
		}
		if len(unread)+len(unplanted) == 0 {
			return a.call(ctx, some.drafts)
		}
		if a.size > treeBytes {
			a.forget()
		}
		if err := a.grow(ctx, unread, false); err != nil {
			return err
		}
		if err := a.grow(ctx, unplanted, true); err != nil {
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

// walk finds the ways in d to the candidates that it has, unless that has to wait for its
// tree. p is memory to be used.
func (a *answering) walk(d *draft, data []byte, p *patch) (err error) {
	var base *planted
	if a.places != nil && a.told {
		base = a.base(d.tree)
	}
	if base == nil {
		if base = a.grown[d.tree]; base == nil {
			return errUnplanted
		}
	}
	d.ways = base.ways
	beside := a.places == nil || a.sets.has(d.contents)
	patch := reader[[]byte]{data: data}
	if changed := patch.text(); beside || patch.failed || touched(changed, d.ways) {
		if err := p.parse(data); err != nil {
			return err
		}
		if d.ways, err = a.anew(&footing{base.ways, a.read[d.tree]}, p); err != nil {
			return err
		}
	}
	if a.places != nil && !a.trees.has(d.tree) && beside != (len(d.ways) > 0) {
		return fmt.Errorf("%w: a record says of itself that it has other contents", errDamaged)
	}
	return nil
}

// touched reports whether one of ways goes through something that changed has a bit for.
func touched(changed []byte, ways []way) bool {
	for i := range ways {
		if touches(changed, ways[i].at) {
			return true
		}
	}
	return false
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

// callAll remembers the labels of all ways in trees, unless they are many: one question is
// faster than one for each sheaf.
func (a *answering) callAll(ctx context.Context) error {
	var parts []int32
	var all bits
	for i := range a.pairs {
		r := reader[string]{data: a.pairs[i].parts}
		for range a.pairs[i].n {
			if part := r.id(); !all.has(part) {
				all.add(part)
				parts = append(parts, part)
			}
		}
		if len(parts) > fewLabels {
			return nil
		}
	}
	return a.name(ctx, parts)
}

// call gives the routes of drafts their labels.
func (a *answering) call(ctx context.Context, drafts []draft) error {
	var fresh []*route
	var parts []int32
	for i := range drafts {
		for k := range drafts[i].ways {
			if w := &drafts[i].ways[k]; w.known && w.labels == nil && len(w.parts) > 0 {
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

// finish returns what is said of the drafts of a sheaf, until the next call.
func (a *answering) finish(some *sheaf) ([]Entry, error) {
	n := len(some.drafts)
	a.answers, a.names = slices.Grow(a.answers[:0], n)[:n], slices.Grow(a.names[:0], n)[:n]
	now := a.s.v.o.Now()
	done := 0
	for drafts := range slices.Chunk(some.drafts, sheet) {
		for i := range drafts {
			d := &drafts[i]
			if err := a.heads[i].parse(some.at(d.rest), &a.clerk, d.origin.Source, &a.names[done+i]); err != nil {
				return nil, err
			}
		}
		if err := a.clerk.write(); err != nil {
			return nil, err
		}
		for i := range drafts {
			drafts[i].entry(&a.heads[i], now, &a.answers[done+i])
		}
		done += len(drafts)
	}
	return a.answers, nil
}

// entry makes e of what is said of d, and of h, which is its head.
func (d *draft) entry(h *head, now time.Time, e *Entry) {
	from, said := d.origin, d.said
	v := Verdict{Verdict: said.Verdict, Policy: said.Policy, At: h.decided, Reasons: said.Reasons, Exceptions: said.Exceptions}
	*e = Entry{
		Artifact: h.artifact,
		Build:    Build{from.Source, h.commit, h.ref, from.Workflow, from.Builder, from.Type, h.run, h.finished, nil},
		Signers:  from.Signers, Gaps: d.gaps, Parts: h.parts, Complete: h.complete,
		Trust: Trust{v, h.attested, v.lapsed(now)},
		id:    d.id,
	}
}

func unique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
