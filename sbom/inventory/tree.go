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
	parents []int32 // of each, the number of a part, or one of the values below
}

const (
	fromMain  = 0  // the main component requires it
	fromNoone = -1 // it cannot be reached
)

// bare is the tree of nothing, which sets that are like no other one differ from. Its number
// is 0.
func bare() *tree { return new(tree) }

// parent returns what is before a part, and whether the part is there.
func (t *tree) parent(part int32) (int32, bool) {
	i, ok := slices.BinarySearch(t.parts, part)
	if !ok {
		return 0, false
	}
	return t.parents[i], true
}

// A tree is written as how many parts there are, the differences of their numbers, and
// then a number for each: 0 for none, 1 for the main component, or the position of the
// parent and 2.
func (t *tree) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.parts)))
	last := int32(0)
	for _, p := range t.parts {
		b = binary.AppendUvarint(b, uint64(p-last))
		last = p
	}
	for _, p := range t.parents {
		code := uint64(p + 1)
		if p > 0 {
			i, ok := slices.BinarySearch(t.parts, p)
			if !ok {
				panic("inventory: internal error: a parent is not in its set")
			}
			code = uint64(i) + 2
		}
		b = binary.AppendUvarint(b, code)
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
	n := r.count()
	t.parts, t.parents = slices.Grow(t.parts[:0], n)[:n], slices.Grow(t.parents[:0], n)[:n]
	last := uint64(0)
	for i := range t.parts {
		d := r.number()
		if last += d; d == 0 || d >= 1<<31 || last >= 1<<31 {
			r.fail()
			break
		}
		t.parts[i] = int32(last)
	}
	for i := range t.parents {
		code := r.number()
		switch {
		case code < 2:
			t.parents[i] = int32(code) - 1
		case code-2 < uint64(n):
			t.parents[i] = t.parts[code-2]
		default:
			r.failed = true
		}
	}
	return r.end("a tree")
}

// A patch is what differs from a tree: parts that are not there, and parts that are, with
// what is before them.
type patch struct {
	gone []int32
	tree // the numbers of parents may be those of the other tree
}

// patchOf returns how t differs from base.
func patchOf(base, t *tree) *patch {
	p := new(patch)
	i := 0
	for k, part := range t.parts {
		for i < len(base.parts) && base.parts[i] < part {
			p.gone = append(p.gone, base.parts[i])
			i++
		}
		if i < len(base.parts) && base.parts[i] == part {
			if i++; base.parents[i-1] == t.parents[k] {
				continue
			}
		}
		p.parts, p.parents = append(p.parts, part), append(p.parents, t.parents[k])
	}
	p.gone = append(p.gone, base.parts[i:]...)
	return p
}

// more returns the parts that base has not.
func (p *patch) more(base *tree) (parts []int32) {
	for _, part := range p.parts {
		if _, ok := slices.BinarySearch(base.parts, part); !ok {
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
	for _, parent := range p.parents {
		b = binary.AppendUvarint(b, uint64(parent+1))
	}
	return b
}

// parse reads a patch into p, whose memory it uses again.
func (p *patch) parse(data string) error {
	r := reader{rest: data}
	list := func(ids []int32) []int32 {
		last := uint64(0)
		for range r.count() {
			d := r.number()
			if last += d; d == 0 || d >= 1<<31 || last >= 1<<31 {
				r.failed = true
				return nil
			}
			ids = append(ids, int32(last))
		}
		return ids
	}
	p.gone = list(p.gone[:0])
	p.parts = list(p.parts[:0])
	p.parents = p.parents[:0]
	for range p.parts {
		code := r.number()
		if code > 1<<31-1 {
			r.failed = true
			break
		}
		p.parents = append(p.parents, int32(code)-1)
	}
	return r.end("a tree")
}

// apply returns the tree that differs from base by p.
func (p *patch) apply(base *tree) (*tree, error) {
	t := new(tree)
	gone, more := p.gone, 0
	add := func(upTo int32, all bool) {
		for more < len(p.parts) && (all || p.parts[more] < upTo) {
			t.parts, t.parents = append(t.parts, p.parts[more]), append(t.parents, p.parents[more])
			more++
		}
	}
	for i, part := range base.parts {
		add(part, false)
		switch {
		case len(gone) > 0 && gone[0] == part:
			gone = gone[1:]
		case more < len(p.parts) && p.parts[more] == part:
			add(part+1, false)
		default:
			t.parts, t.parents = append(t.parts, part), append(t.parents, base.parents[i])
		}
	}
	add(0, true)
	if len(gone) > 0 {
		return nil, fmt.Errorf("%w: a tree lacks a part that another one has less", errDamaged)
	}
	return t, nil
}

// path returns the parts on the way to one, it included, of the tree that differs from
// base by p; p may be nil. It is nil if the part cannot be reached.
func path(base *tree, p *patch, to int32) ([]int32, error) {
	way := []int32{to}
	most := len(base.parts)
	if p != nil {
		most += len(p.parts)
	}
	for at := to; ; {
		parent, ok := int32(0), false
		if p != nil {
			parent, ok = p.parent(at)
		}
		if !ok {
			parent, ok = base.parent(at)
		}
		switch {
		case !ok || len(way) > most:
			return nil, fmt.Errorf("%w: a tree has no way to a part", errDamaged)
		case parent == fromNoone:
			return nil, nil
		case parent == fromMain:
			slices.Reverse(way)
			return way, nil
		}
		way = append(way, parent)
		at = parent
	}
}
