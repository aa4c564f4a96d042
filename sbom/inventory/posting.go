package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"maps"
	mathbits "math/bits"
	"slices"
)

// Postings tell for each part in which trees it is and by which ways, and in which sets that
// differ from a tree by having it. They are in segments, of which each was written at once, so
// that a batch adds to none of the lists that are there.

// A posting is what a segment tells of a part.
type posting struct {
	part  int32
	trees []int32
	ways  []byte // in the trees, one after the other
	sets  []int32
}

// join adds what a later segment tells.
func (p *posting) join(other *posting) {
	p.trees = append(p.trees, other.trees...)
	p.ways = append(p.ways, other.ways...)
	p.sets = append(p.sets, other.sets...)
}

// sort sorts p, as batches of different sizes need: their segments are not merged in the
// order in which they were written.
func (p *posting) sort() error {
	slices.Sort(p.sets)
	if slices.IsSorted(p.trees) {
		return nil
	}
	pairs, err := p.pairs(nil, 0)
	if err != nil {
		return err
	}
	slices.SortFunc(pairs, comparePairs)
	p.ways = p.ways[:0]
	for i := range pairs {
		p.trees[i] = pairs[i].tree
		p.ways = pairs[i].trail.append(p.ways)
	}
	return nil
}

// A pair is a tree that has a candidate.
type pair struct {
	tree, candidate int32
	trail
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.tree, b.tree), cmp.Compare(a.candidate, b.candidate))
}

// pairs appends those of p, whose part is a candidate.
func (p *posting) pairs(list []pair, candidate int32) ([]pair, error) {
	r := reader[string]{data: string(p.ways)}
	for _, tree := range p.trees {
		list = append(list, pair{tree, candidate, readTrail(&r)})
	}
	return list, r.end("a list of ways")
}

// postings are pairs of a part, in the upper half, and a number.
type postings struct {
	trees, sets []uint64
	grown       []rooted // the trees, whose numbers follow each other
}

// posting returns what p tells of the first part of which it still tells something.
func (p *postings) posting() *posting {
	var part uint64
	switch {
	case len(p.trees) == 0:
		part = p.sets[0] >> 32
	case len(p.sets) == 0:
		part = p.trees[0] >> 32
	default:
		part = min(p.trees[0]>>32, p.sets[0]>>32)
	}
	one := &posting{part: int32(part), trees: taken(part, &p.trees), ways: []byte{}, sets: taken(part, &p.sets)}
	for _, id := range one.trees {
		t := p.grown[id-p.grown[0].id]
		at, _ := slices.BinarySearch(t.parts, one.part)
		one.ways = t.appendWay(one.ways, at)
	}
	return one
}

// taken returns the numbers of a part, which are the next of pairs if it has some, and
// takes them away.
func taken(part uint64, pairs *[]uint64) []int32 {
	n := 0
	for n < len(*pairs) && (*pairs)[n]>>32 == part {
		n++
	}
	ids := make([]int32, n)
	for i, pair := range (*pairs)[:n] {
		ids[i] = int32(uint32(pair))
	}
	*pairs = (*pairs)[n:]
	return ids
}

func appendPairs(pairs []uint64, parts []int32, number int32) []uint64 {
	for _, part := range parts {
		pairs = append(pairs, uint64(part)<<32|uint64(number))
	}
	return pairs
}

// addSegment adds a segment with p for so many sets, and merges those that are too many.
func (w *writer) addSegment(ctx context.Context, p *postings, sets int64) error {
	segment, err := w.next(ctx, "inventory_segment")
	if err != nil {
		return err
	}
	if err := w.exec(ctx, "INSERT INTO inventory_segment (id, sets) VALUES (?, ?)", int64(segment), sets); err != nil {
		return err
	}
	slices.Sort(p.trees)
	slices.Sort(p.sets)
	err = w.addPostings(ctx, segment, func(yield func(*posting) bool) {
		for len(p.trees)+len(p.sets) > 0 && yield(p.posting()) {
		}
	})
	if err != nil {
		return err
	}
	return w.mergeSegments(ctx)
}

// addPostings adds those of a segment.
func (w *writer) addPostings(ctx context.Context, segment int32, list iter.Seq[*posting]) error {
	return w.insert(ctx, "inventory_posting", []string{"segment", "part", "trees", "ways", "sets"}, func(yield func([]any) bool) {
		for p := range list {
			if !yield([]any{int64(segment), int64(p.part), p.trees, p.ways, p.sets}) {
				return
			}
		}
	})
}

// mergeSegments merges segments that are about as large as many others, so that there
// are few, whatever the size of batches.
func (w *writer) mergeSegments(ctx context.Context) error {
	for {
		classes := make(map[int][]int32)
		sizes := make(map[int32]int64)
		err := w.query(ctx, func(rows *sql.Rows) error {
			var id int32
			var sets int64
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

func (w *writer) mergeThese(ctx context.Context, ids []int32, sizes map[int32]int64) error {
	size := int64(0)
	for _, id := range ids {
		size += sizes[id]
	}
	into, err := w.next(ctx, "inventory_segment")
	if err != nil {
		return err
	}
	parts, err := w.number(ctx, "SELECT max(id) FROM inventory_part")
	if err != nil {
		return err
	}
	old, value := w.in("segment", ids)
	const width = 1000                                                                             // parts that are merged at once
	merged := slices.Repeat([]posting{{trees: []int32{}, ways: []byte{}, sets: []int32{}}}, width) // not nil, which would be NULL
	for from := int64(0); from <= parts; from += width {
		for i := range merged {
			p := &merged[i]
			p.part, p.trees, p.ways, p.sets = int32(from)+int32(i), p.trees[:0], p.ways[:0], p.sets[:0]
		}
		err := w.lists(ctx, func(p *posting) error {
			merged[int64(p.part)-from].join(p)
			return nil
		}, old+" AND part >= ? AND part < ? ORDER BY segment, part", value, from, from+width)
		for i := 0; err == nil && i < len(merged); i++ {
			err = merged[i].sort()
		}
		if err != nil {
			return err
		}
		err = w.addPostings(ctx, into, func(yield func(*posting) bool) {
			for i := range merged {
				if p := &merged[i]; len(p.trees)+len(p.sets) > 0 && !yield(p) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
	}
	for _, table := range []string{"inventory_posting", "inventory_segment"} {
		column := "segment"
		if table == "inventory_segment" {
			column = "id"
		}
		which, value := w.in(column, ids)
		if err := w.exec(ctx, "DELETE FROM "+table+" WHERE "+which, value); err != nil {
			return err
		}
	}
	return w.exec(ctx, "INSERT INTO inventory_segment (id, sets) VALUES (?, ?)", int64(into), size)
}

// lists calls f with those postings for which a condition holds. f must not keep them.
func (s *session) lists(ctx context.Context, f func(*posting) error, condition string, values ...any) error {
	var p posting
	return s.query(ctx, func(rows *sql.Rows) error {
		var trees, ways, sets sql.RawBytes
		err := rows.Scan(&p.part, &trees, &ways, &sets)
		if err == nil {
			p.trees, err = s.ints(p.trees[:0], trees)
		}
		if err == nil {
			p.sets, err = s.ints(p.sets[:0], sets)
		}
		if err != nil {
			return err
		}
		p.ways = ways
		return f(&p)
	}, "SELECT part, trees, ways, sets FROM inventory_posting WHERE "+condition, values...)
}

// A bits has numbers: a bit for each, in pages, of which there are those that have one.
type bits []*page

type page [1024]uint64

func (b bits) has(id int32) bool {
	i := int(uint32(id) / (64 * uint32(len(page{}))))
	return i < len(b) && b[i] != nil && b[i][uint32(id)/64%uint32(len(page{}))]&(1<<(uint32(id)%64)) != 0
}

// add adds a number, which is not negative.
func (b *bits) add(id int32) {
	i := int(id) / (64 * len(page{}))
	for i >= len(*b) {
		*b = append(*b, nil)
	}
	if (*b)[i] == nil {
		(*b)[i] = new(page)
	}
	(*b)[i][int(id)/64%len(page{})] |= 1 << (id % 64)
}

// list returns the numbers, sorted.
func (b bits) list() (ids []int32) {
	for i, p := range b {
		if p == nil {
			continue
		}
		for k, word := range p {
			for ; word != 0; word &= word - 1 {
				ids = append(ids, int32(64*(len(p)*i+k)+mathbits.TrailingZeros64(word)))
			}
		}
	}
	return ids
}

// A places is where some parts are.
type places struct {
	trees, sets bits   // in these trees, and in sets that differ from a tree by having one
	pairs       []pair // of the trees, sorted
	told        bool   // whether they are all of them: there may be too many

	dense bool // it is a large share of all
}

// places returns where parts are.
func (s *session) places(ctx context.Context, parts []int32) (*places, error) {
	var segments []int32
	err := s.query(ctx, func(rows *sql.Rows) error {
		var id int32
		err := rows.Scan(&id)
		segments = append(segments, id)
		return err
	}, "SELECT id FROM inventory_segment ORDER BY id")
	if err != nil {
		return nil, err
	}
	p := &places{told: true}
	inSegment, all := s.in("segment", segments)
	for some := range slices.Chunk(parts, inlineLimit) {
		inPart, these := s.in("part", some)
		err := s.lists(ctx, func(list *posting) (err error) {
			for _, id := range list.trees {
				p.trees.add(id)
			}
			for _, id := range list.sets {
				p.sets.add(id)
			}
			if p.told = p.told && len(p.pairs)+len(list.trees) <= maxPairs; p.told {
				k, _ := slices.BinarySearch(parts, list.part)
				p.pairs, err = list.pairs(p.pairs, int32(k))
			}
			return err
		}, inSegment+" AND "+inPart, all, these)
		if err != nil {
			return nil, err
		}
	}
	if !p.told {
		p.pairs = nil
	}
	slices.SortFunc(p.pairs, comparePairs)
	for _, of := range []struct {
		bits
		table string
	}{{p.trees, "inventory_tree"}, {p.sets, "inventory_set"}} {
		ids := of.list()
		last, err := s.number(ctx, "SELECT max(id) FROM "+of.table)
		if err != nil {
			return nil, err
		}
		if n := len(ids); n > 0 && int64(ids[n-1]) > last {
			return nil, fmt.Errorf("%w: a set is missing", errDamaged)
		}
		p.dense = p.dense || int64(len(ids)) > last/dense
	}
	return p, nil
}

// in returns the pairs of a tree.
func (p *places) in(tree int32) []pair {
	i, _ := slices.BinarySearchFunc(p.pairs, tree, func(one pair, tree int32) int { return cmp.Compare(one.tree, tree) })
	n := i
	for n < len(p.pairs) && p.pairs[n].tree == tree {
		n++
	}
	return p.pairs[i:n]
}
