package inventory

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A tree says for each part of a set which one is before it on a shortest way from the
// artifact. Of sets that differ by little, as the builds of one program do, one is kept whole
// and the others as what differs from it.
type tree struct {
	parts   []int32 // their numbers, ascending
	parents []int32 // of each, what is before it
}

// What is before a part.
const (
	nothing = 0 // it cannot be reached
	theMain = 1 // the main component
	first   = 2 // the part at position 0, and from there on those at the next ones
)

// bare returns the tree of nothing, which sets that are like no other one differ from. Its
// number is 0.
func bare() *tree { return new(tree) }

// position returns where a part is.
func (t *tree) position(part int32) (int, bool) { return slices.BinarySearch(t.parts, part) }

// append appends how many parts there are, the differences of their numbers, and what is
// before each.
func (t *tree) append(b []byte) []byte {
	b = appendInts(binary.AppendUvarint(b, uint64(len(t.parts))), t.parts)
	for _, p := range t.parents {
		b = binary.AppendUvarint(b, uint64(p))
	}
	return b
}

func parseTree(data string) (*tree, error) {
	t := new(tree)
	return t, t.parse(data)
}

// parse reads a tree into t, whose memory it uses again.
func (t *tree) parse(data string) error {
	r := reader{rest: data}
	t.parts = r.ascending(t.parts)
	t.parents = r.numbers(t.parents, len(t.parts), first+len(t.parts))
	return r.end("a tree")
}

// ascending appends ascending numbers to list, before which there is how many they are.
func (r *reader) ascending(list []int32) []int32 {
	list = r.numbers(list, r.count(), 1<<31)
	last := int32(0)
	for i, d := range list {
		if last += d; last <= 0 || d == 0 {
			r.fail()
			return nil
		}
		list[i] = last
	}
	return list
}

// numbers returns n numbers less than bound, in the memory of list.
func (r *reader) numbers(list []int32, n, bound int) []int32 {
	list = slices.Grow(list[:0], n)[:n]
	s := r.rest
	for i := range list {
		var d uint64
		switch { // most are of one byte or two
		case len(s) > 0 && s[0] < 0x80:
			d, s = uint64(s[0]), s[1:]
		case len(s) > 1 && s[1] < 0x80:
			d, s = uint64(s[0]&0x7f)|uint64(s[1])<<7, s[2:]
		default:
			r.rest = s
			d = r.number()
			s = r.rest
		}
		if d >= uint64(bound) {
			r.fail()
			return nil
		}
		list[i] = int32(d)
	}
	r.rest = s
	return list
}

// A patch is what differs from a tree, its base.
type patch struct {
	gone  []int32 // positions in the base of parts that are not there, each and 1
	parts []int32 // that are there and not in the base, or not behind the same one

	// Of each of parts what is before it: nothing, theMain, or first and twice the position
	// in the base, or first, 1 and twice the position in parts.
	parents []int32
}

// patchOf returns how t differs from base.
func patchOf(base, t *tree) *patch {
	p := new(patch)
	var at []int32 // in t, of p.parts
	i := 0
	for k, part := range t.parts {
		for ; i < len(base.parts) && base.parts[i] < part; i++ {
			p.gone = append(p.gone, int32(i+1))
		}
		if i < len(base.parts) && base.parts[i] == part {
			a, b := base.parents[i], t.parents[k]
			i++
			if a == b && a < first || a >= first && b >= first && base.parts[a-first] == t.parts[b-first] {
				continue
			}
		}
		p.parts, at = append(p.parts, part), append(at, int32(k))
	}
	for ; i < len(base.parts); i++ {
		p.gone = append(p.gone, int32(i+1))
	}
	for _, k := range at {
		before := t.parents[k]
		if before >= first {
			part := t.parts[before-first]
			if i, ok := slices.BinarySearch(p.parts, part); ok {
				before = int32(first + 2*i + 1)
			} else {
				i, _ := base.position(part)
				before = int32(first + 2*i)
			}
		}
		p.parents = append(p.parents, before)
	}
	return p
}

// more returns the parts that base has not.
func (p *patch) more(base *tree) (parts []int32) {
	for _, part := range p.parts {
		if _, ok := base.position(part); !ok {
			parts = append(parts, part)
		}
	}
	return parts
}

// size is how many parts differ.
func (p *patch) size() int { return len(p.gone) + len(p.parts) }

func (p *patch) append(b []byte) []byte {
	b = appendInts(binary.AppendUvarint(b, uint64(len(p.gone))), p.gone)
	b = appendInts(binary.AppendUvarint(b, uint64(len(p.parts))), p.parts)
	for _, before := range p.parents {
		b = binary.AppendUvarint(b, uint64(before))
	}
	return b
}

// parse reads a patch into p, whose memory it uses again.
func (p *patch) parse(data string) error {
	r := reader{rest: data}
	p.gone = r.ascending(p.gone)
	p.parts = r.ascending(p.parts)
	p.parents = r.numbers(p.parents, len(p.parts), 1<<31-1)
	return r.end("a tree")
}

// apply returns the parts of the tree that differs from base by p.
func (p *patch) apply(base *tree) ([]int32, error) {
	if n := len(p.gone); n > 0 && int(p.gone[n-1]) > len(base.parts) {
		return nil, fmt.Errorf("%w: a tree lacks a part that another one has less", errDamaged)
	}
	parts := slices.Clone(p.parts)
	gone := p.gone
	for i, part := range base.parts {
		if len(gone) > 0 && int(gone[0]) == i+1 {
			gone = gone[1:]
			continue
		}
		parts = append(parts, part)
	}
	return unique(parts), nil
}

// path returns the parts on the way to one, it included, of the tree that differs from
// base by p, and whether it can be reached.
func path(base *tree, p *patch, to int32) (way []int32, known bool, err error) {
	way = append(make([]int32, 0, 4), to)
	for at := to; len(way) <= len(base.parts)+len(p.parts); way = append(way, at) {
		before, list := int32(-1), base.parts
		if i, ok := slices.BinarySearch(p.parts, at); ok {
			if before = p.parents[i]; before >= first {
				if (before-first)%2 == 1 {
					list = p.parts
				}
				before = first + (before-first)/2
			}
		} else if i, ok := base.position(at); ok {
			before = base.parents[i]
		}
		switch {
		case before == nothing:
			return nil, false, nil
		case before == theMain:
			slices.Reverse(way)
			return way, true, nil
		case before < 0 || int(before-first) >= len(list):
			return nil, false, fmt.Errorf("%w: a tree has no way to a part", errDamaged)
		}
		at = list[before-first]
	}
	return nil, false, fmt.Errorf("%w: a tree has a way without an end", errDamaged)
}
