package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	mathbits "math/bits"
	"slices"
)

// Postings tell for each part in which trees it is, and in which sets that differ from a
// tree by having it. They are in segments, of which each was written at once, so that a batch
// adds to none of the lists that are there.

// postings are pairs of a part, in the upper half, and a number.
type postings struct {
	trees, sets []uint64
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
	if err := w.addPostings(ctx, segment, p); err != nil {
		return err
	}
	return w.mergeSegments(ctx)
}

// addPostings adds the lists of a segment.
func (w *writer) addPostings(ctx context.Context, segment int32, p *postings) error {
	slices.Sort(p.trees)
	slices.Sort(p.sets)
	return w.insert(ctx, "inventory_posting", []string{"segment", "part", "trees", "sets"}, func(yield func([]any) bool) {
		// take returns the numbers of a part, which are the next of pairs if it has some.
		take := func(part uint64, pairs *[]uint64) (ids []int32) {
			n := 0
			for n < len(*pairs) && (*pairs)[n]>>32 == part {
				n++
			}
			ids = make([]int32, n)
			for i, pair := range (*pairs)[:n] {
				ids[i] = int32(uint32(pair))
			}
			*pairs = (*pairs)[n:]
			return ids
		}
		trees, sets := p.trees, p.sets
		for len(trees)+len(sets) > 0 {
			var part uint64
			switch {
			case len(trees) == 0:
				part = sets[0] >> 32
			case len(sets) == 0:
				part = trees[0] >> 32
			default:
				part = min(trees[0]>>32, sets[0]>>32)
			}
			if !yield([]any{int64(segment), int64(part), take(part, &trees), take(part, &sets)}) {
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
	const width = 1000 // parts that are merged at once
	var p postings
	for from := int64(0); from <= parts; from += width {
		p.trees, p.sets = p.trees[:0], p.sets[:0]
		err := w.lists(ctx, func(part int32, trees, sets []int32) error {
			for _, id := range trees {
				p.trees = append(p.trees, uint64(part)<<32|uint64(id))
			}
			for _, id := range sets {
				p.sets = append(p.sets, uint64(part)<<32|uint64(id))
			}
			return nil
		}, old+" AND part >= ? AND part < ? ORDER BY segment, part", value, from, from+width)
		if err != nil {
			return err
		}
		if err := w.addPostings(ctx, into, &p); err != nil {
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

// lists calls f with the lists of those postings for which a condition holds. f must not
// keep them.
func (s *session) lists(ctx context.Context, f func(part int32, trees, sets []int32) error, condition string, values ...any) error {
	var trees, sets []int32
	return s.query(ctx, func(rows *sql.Rows) error {
		var part int32
		var a, b sql.RawBytes
		err := rows.Scan(&part, &a, &b)
		if err == nil {
			trees, err = s.ints(trees[:0], a)
		}
		if err == nil {
			sets, err = s.ints(sets[:0], b)
		}
		if err != nil {
			return err
		}
		return f(part, trees, sets)
	}, "SELECT part, trees, sets FROM inventory_posting WHERE "+condition, values...)
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
	trees, sets bits     // in these trees, and in sets that differ from a tree by having one
	pairs       []uint64 // the trees in the upper half, and the part by its position, sorted; none if they are many

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
	p := new(places)
	inSegment, all := s.in("segment", segments)
	for some := range slices.Chunk(parts, inlineLimit) {
		inPart, these := s.in("part", some)
		err := s.lists(ctx, func(part int32, trees, sets []int32) error {
			k, _ := slices.BinarySearch(parts, part)
			for _, id := range trees {
				p.trees.add(id)
				if len(p.pairs) <= maxPairs {
					p.pairs = append(p.pairs, uint64(id)<<32|uint64(k))
				}
			}
			for _, id := range sets {
				p.sets.add(id)
			}
			return nil
		}, inSegment+" AND "+inPart, all, these)
		if err != nil {
			return nil, err
		}
	}
	if len(p.pairs) > maxPairs {
		p.pairs = nil
	}
	slices.Sort(p.pairs)
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
