package inventory

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	mathbits "math/bits"
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

// append appends t in a form in which one part of it can be found without reading all: the
// number of parts; for each group of them the number of the part before it, and where its
// differences begin; how long all differences are, and these; and what is before each.
func (t *tree) append(b []byte) []byte {
	var index, parts []byte
	last := int32(0)
	for i, part := range t.parts {
		if i%grouped == 0 {
			index = binary.LittleEndian.AppendUint32(index, uint32(last))
			index = binary.LittleEndian.AppendUint32(index, uint32(len(parts)))
		}
		parts = binary.AppendUvarint(parts, uint64(part-last))
		last = part
	}
	b = append(binary.AppendUvarint(b, uint64(len(t.parts))), index...)
	b = append(binary.AppendUvarint(b, uint64(len(parts))), parts...)
	for _, before := range t.parents {
		if wide(len(t.parts)) {
			b = binary.LittleEndian.AppendUint32(b, uint32(before))
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(before))
		}
	}
	return b
}

// grouped is how many parts one entry of the index is for.
const grouped = 32

// wide reports whether what is before one of n parts takes four bytes instead of two.
func wide(n int) bool { return n+first > math.MaxUint16 }

// A timber is a tree as it is kept.
type timber struct {
	n                     int // parts
	index, parts, parents string
}

func openTree(data string) (*timber, error) {
	r := reader[string]{data: data}
	t := &timber{n: r.count()}
	t.index = r.take((t.n + grouped - 1) / grouped * 8)
	t.parts = r.text()
	size := 2
	if wide(t.n) {
		size = 4
	}
	t.parents = r.take(size * t.n)
	return t, r.end("a tree")
}

func little(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// group returns the number of the part before a group, and a reader of the differences.
func (t *timber) group(i int) (last uint64, r reader[string]) {
	at := t.index[8*i:]
	return uint64(little(at)), reader[string]{data: t.parts[min(int(little(at[4:])), len(t.parts)):]}
}

// part returns the number of the part at a position, and 0 if it is damaged.
func (t *timber) part(at int) int32 {
	last, r := t.group(at / grouped)
	for range at%grouped + 1 {
		last += r.number()
	}
	if r.failed || last > math.MaxInt32 {
		return 0
	}
	return int32(last)
}

// position returns where a part is.
func (t *timber) position(part int32) (int, bool) {
	low, high := 0, len(t.index)/8 // the group is behind the last one before low
	for low < high {
		if mid := (low + high) / 2; little(t.index[8*mid:]) < uint32(part) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return 0, false
	}
	last, r := t.group(low - 1)
	for at := grouped * (low - 1); at < min(grouped*low, t.n); at++ {
		if last += r.number(); last >= uint64(part) || r.failed {
			return at, last == uint64(part) && !r.failed
		}
	}
	return 0, false
}

// before returns what is before the part at a position.
func (t *timber) before(at int) int32 {
	if wide(t.n) {
		return int32(little(t.parents[4*at:]))
	}
	return int32(t.parents[2*at]) | int32(t.parents[2*at+1])<<8
}

// whole returns all of the tree.
func (t *timber) whole() (*tree, error) {
	all := &tree{make([]int32, t.n), make([]int32, t.n)}
	r := reader[string]{data: t.parts}
	last := uint64(0)
	for i := range all.parts {
		d := r.number()
		if last += d; d == 0 || d > math.MaxInt32 || last > math.MaxInt32 {
			r.fail()
			break
		}
		all.parts[i], all.parents[i] = int32(last), t.before(i)
		if p := all.parents[i]; p < 0 || int(p) >= first+t.n {
			r.fail()
		}
	}
	return all, r.end("a tree")
}

// A patch is what differs from a tree, its base.
type patch struct {
	changes []change // of what is at positions of the base, ascending

	// Parts that are not in the base, ascending, and what is before each.
	added   []int32
	parents []int32

	work []byte
}

// A change is one of a patch. What is before a part is nothing, theMain, first and twice a
// position of the base, or first, 1 and twice a position in added.
type change struct {
	at     int32
	part   int32 // that is there; 0 is the one of the base
	moved  bool  // it is behind before, and not behind what it is in the base
	gone   bool  // nothing is there
	before int32
}

// patchOf returns how t differs from base, with few changes: a part that is instead of
// another one, as a version is instead of the one before, is at its position.
func patchOf(base, t *tree) *patch {
	// Where the parts of each are in the other one, and 1.
	in, over := make([]int32, len(t.parts)), make([]int32, len(base.parts))
	for i, k := 0, 0; i < len(over) && k < len(in); {
		switch a, b := base.parts[i], t.parts[k]; {
		case a == b:
			over[i], in[k] = int32(k+1), int32(i+1)
			i++
			k++
		case a < b:
			i++
		default:
			k++
		}
	}
	// What is before the same is the same in another version, perhaps, and what is before
	// that.
	for k, i := range in {
		for i > 0 {
			a, b := base.parents[i-1]-first, t.parents[k]-first
			if a < 0 || b < 0 || over[a] != 0 || in[b] != 0 {
				break
			}
			over[a], in[b] = b+1, a+1
			i, k = a+1, int(b)
		}
	}
	// What nothing is behind is instead of something that was behind the same.
	free := make(map[int32][]int32) // positions, by what is before them
	for i, k := range over {
		if k == 0 {
			free[base.parents[i]] = append(free[base.parents[i]], int32(i))
		}
	}
	// as returns what is before a part of t in terms of the base, and -1 if it is not there.
	as := func(before int32) int32 {
		if before < first {
			return before
		}
		if i := in[before-first]; i > 0 {
			return first + i - 1
		}
		return -1
	}
	for k, i := range in {
		if i != 0 {
			continue
		}
		before := as(t.parents[k])
		if list := free[before]; len(list) > 0 {
			over[list[0]], in[k] = int32(k+1), list[0]+1
			free[before] = list[1:]
		}
	}

	p := new(patch)
	index := make(map[int32]int32) // of p.added, by position in t
	for k, i := range in {
		if i == 0 {
			index[int32(k)] = int32(len(p.added))
			p.added = append(p.added, t.parts[k])
		}
	}
	code := func(k int) int32 {
		before := t.parents[k]
		if before < first {
			return before
		}
		if i := in[before-first]; i > 0 {
			return first + 2*(i-1)
		}
		return first + 2*index[before-first] + 1
	}
	for k, i := range in {
		if i == 0 {
			p.parents = append(p.parents, code(k))
		}
	}
	for i, k := range over {
		c := change{at: int32(i), gone: k == 0}
		if k > 0 {
			if part := t.parts[k-1]; part != base.parts[i] {
				c.part = part
			}
			if as(t.parents[k-1]) != base.parents[i] {
				c.moved, c.before = true, code(int(k-1))
			}
		}
		if c.gone || c.moved || c.part != 0 {
			p.changes = append(p.changes, c)
		}
	}
	return p
}

// more yields the parts that the base has not, and the place of each, as what is before a
// part behind it is said.
func (p *patch) more() iter.Seq2[int32, int32] {
	return func(yield func(part, place int32) bool) {
		for _, c := range p.changes {
			if c.part != 0 && !yield(c.part, first+2*c.at) {
				return
			}
		}
		for i, part := range p.added {
			if !yield(part, int32(first+2*i+1)) {
				return
			}
		}
	}
}

// append appends a bit for each position that is changed, the changes, and the parts that are
// added.
func (p *patch) append(b []byte) []byte {
	p.work = p.work[:0]
	for _, c := range p.changes {
		for int(c.at/8) >= len(p.work) {
			p.work = append(p.work, 0)
		}
		p.work[c.at/8] |= 1 << (c.at % 8)
	}
	b = append(binary.AppendUvarint(b, uint64(len(p.work))), p.work...)
	for _, c := range p.changes {
		switch {
		case c.gone:
			b = append(b, 0)
		case c.moved && c.part != 0:
			b = binary.AppendUvarint(b, uint64(c.part)<<2|3)
			b = binary.AppendUvarint(b, uint64(c.before))
		case c.moved:
			b = binary.AppendUvarint(b, uint64(c.before)<<2|2)
		default:
			b = binary.AppendUvarint(b, uint64(c.part)<<2|1)
		}
	}
	b = appendInts(binary.AppendUvarint(b, uint64(len(p.added))), p.added)
	for _, before := range p.parents {
		b = binary.AppendUvarint(b, uint64(before))
	}
	return b
}

// touches reports whether a patch changes what is at one of positions. changed is what it
// has a bit for each of them in.
func touches(changed []byte, positions []int32) bool {
	for _, at := range positions {
		if i := int(at / 8); i < len(changed) && changed[i]&(1<<(at%8)) != 0 {
			return true
		}
	}
	return false
}

// parse reads a patch into p, whose memory it uses again.
func (p *patch) parse(data []byte) error {
	r := reader[[]byte]{data: data}
	changed := r.text()
	p.changes = p.changes[:0]
	for i := 0; i < len(changed); i += 8 {
		var word [8]byte
		copy(word[:], changed[i:])
		for bits := binary.LittleEndian.Uint64(word[:]); bits != 0; bits &= bits - 1 {
			n := r.number()
			c := change{at: int32(8*i + mathbits.TrailingZeros64(bits))}
			switch value := n >> 2; {
			case value > math.MaxInt32:
				r.fail()
			case n == 0:
				c.gone = true
			case n&3 == 1 && value > 0:
				c.part = int32(value)
			case n&3 == 2:
				c.moved, c.before = true, int32(value)
			case n&3 == 3 && value > 0:
				c.part, c.moved, c.before = int32(value), true, r.id()
			default:
				r.fail()
			}
			p.changes = append(p.changes, c)
		}
	}
	p.added, p.parents = p.added[:0], p.parents[:0]
	last := int32(0)
	for range r.count() {
		d := r.id()
		if last += d; d == 0 || last < 0 {
			r.fail()
		}
		p.added = append(p.added, last)
	}
	for range p.added {
		p.parents = append(p.parents, r.id())
	}
	return r.end("a tree")
}

// apply returns the parts of the tree that differs from base by p.
func (p *patch) apply(base *tree) ([]int32, error) {
	parts := slices.Concat(base.parts, p.added)
	for _, c := range p.changes {
		if int(c.at) >= len(base.parts) {
			return nil, fmt.Errorf("%w: a tree lacks a part that another one has less", errDamaged)
		}
		if c.gone || c.part != 0 {
			parts[c.at] = c.part
		}
	}
	parts = unique(parts)
	if len(parts) > 0 && parts[0] == 0 {
		parts = parts[1:]
	}
	return parts, nil
}

// change returns what p changes at a position.
func (p *patch) change(at int32) (c change, ok bool) {
	i, ok := slices.BinarySearchFunc(p.changes, at, func(c change, at int32) int { return int(c.at - at) })
	if ok {
		c = p.changes[i]
	}
	return c, ok
}

// A ground is what a patch stands on: a tree, or what is known of one.
type ground interface {
	// step returns the part at a position and what is before it, as a patch says it.
	step(at int32) (part, before int32, err error)
	// steps returns how many positions there may be on a way.
	steps() int
}

func (t *timber) steps() int { return t.n }

func (t *timber) step(at int32) (part, before int32, err error) {
	if at >= 0 && int(at) < t.n {
		part, before = t.part(int(at)), t.before(int(at))
	}
	if part == 0 || before < 0 || int(before) >= first+t.n {
		return 0, 0, fmt.Errorf("%w: a tree has no way to a part", errDamaged)
	}
	return part, placed(before), nil
}

// placed returns what is before a part of a tree as a patch says it.
func placed(before int32) int32 {
	if before < first {
		return before
	}
	return first + 2*(before-first)
}

// path returns the parts on the way to a place, that there included, of the tree that differs
// from base by p, and their positions in base, -1 for those that are not there. There is
// none if it cannot be reached.
func path(base ground, p *patch, place int32) (way, at []int32, err error) {
	way, at = make([]int32, 0, 4), make([]int32, 0, 4)
	for len(way) <= base.steps()+len(p.changes)+len(p.added) {
		i := (place - first) / 2
		position := i
		var part, before int32
		if (place-first)%2 == 1 {
			position = -1
			if int(i) < len(p.added) {
				part, before = p.added[i], p.parents[i]
			}
		} else {
			c, _ := p.change(i)
			if part, before = c.part, c.before; !c.gone && (part == 0 || !c.moved) {
				kept, behind, err := base.step(i)
				if err != nil {
					return nil, nil, err
				}
				part = cmp.Or(part, kept)
				if !c.moved {
					before = behind
				}
			}
		}
		if part == 0 || before < 0 {
			break
		}
		way, at = append(way, part), append(at, position)
		switch place = before; place {
		case nothing:
			return nil, nil, nil
		case theMain:
			slices.Reverse(way)
			slices.Reverse(at)
			return way, at, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: a tree has no way to a part", errDamaged)
}

// A way is also kept beside the number of its tree in the list of a part, so that the tree
// need not be read: the position of the part; how many parts are before it, and 2; these,
// from the main component on; and their positions. Instead of how many it may say:
const (
	untold    = 0 // they are more than farthest
	unreached = 1 // there is no way
)

// appendWay appends the way to the part at a position.
func (t *tree) appendWay(b []byte, at int) []byte {
	var way [farthest]int32 // positions, backwards
	n := 0
	before := t.parents[at]
	for before >= first && n < farthest {
		way[n] = before - first
		before = t.parents[before-first]
		n++
	}
	b = binary.AppendUvarint(b, uint64(at))
	switch {
	case before >= first:
		return append(b, untold)
	case before == nothing:
		return append(b, unreached)
	}
	b = append(b, byte(n+2))
	for i := n - 1; i >= 0; i-- {
		b = binary.AppendUvarint(b, uint64(t.parts[way[i]]))
	}
	for i := n - 1; i >= 0; i-- {
		b = binary.AppendUvarint(b, uint64(way[i]))
	}
	return b
}

// A trail is a way as it is kept.
type trail struct {
	at     int32
	n      int    // parts before the last one; -1 if there is no way, -2 if it is not told
	parts  string // uvarints of these
	places string // and of their positions
}

// readTrail reads a way.
func readTrail(r *reader[string]) trail {
	t := trail{at: r.position()}
	n := r.number()
	if n > farthest+2 {
		r.fail()
		n = unreached
	}
	t.n = int(n) - 2
	start := r.at
	for range t.n {
		r.id()
	}
	t.parts = r.data[start:r.at]
	start = r.at
	for range t.n {
		r.position()
	}
	t.places = r.data[start:r.at]
	return t
}

// append appends t.
func (t *trail) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.at))
	b = append(b, byte(t.n+2))
	return append(append(b, t.parts...), t.places...)
}

// route returns the parts of t, or the last one alone if there is no way.
func (t *trail) route(memory *slab[int32], last int32) []int32 {
	return numbers(memory, t.parts, t.n, last)
}

// positions returns where these are.
func (t *trail) positions(memory *slab[int32]) []int32 {
	return numbers(memory, t.places, t.n, t.at)
}

// numbers returns n of them and the last one.
func numbers(memory *slab[int32], data string, n int, last int32) []int32 {
	r := reader[string]{data: data}
	list := memory.take(max(n, 0) + 1)
	for i := range n {
		list[i] = r.id()
	}
	list[len(list)-1] = last
	return list
}
