package inventory

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// grove makes trees of the same program: each with some parts in other versions, some less
// and some more, and some behind others than before.
type grove struct {
	*rand.Rand
	next int32
}

type leaf struct{ part, parent int32 } // the parent by its index, or -1, -2

func (g *grove) number() int32 {
	g.next += 1 + g.Int32N(300)
	return g.next
}

func (g *grove) plant(n int) (leaves []leaf) {
	for i := range n {
		leaves = append(leaves, leaf{g.number(), g.Int32N(int32(i)+2) - 2})
	}
	return leaves
}

func (g *grove) change(leaves []leaf, share float64) []leaf {
	leaves = slices.Clone(leaves)
	for i := range leaves {
		switch {
		case g.Float64() < share:
			leaves[i].part = g.number()
		case g.Float64() < share/4:
			leaves[i].parent = g.Int32N(int32(i)+2) - 2
		}
	}
	for range int(share * float64(len(leaves)) / 2) {
		if g.IntN(2) == 0 {
			leaves = append(leaves, leaf{g.number(), g.Int32N(int32(len(leaves))+2) - 2})
		} else if last := int32(len(leaves) - 1); last >= 0 {
			leaves = leaves[:last]
		}
	}
	return leaves
}

// tree returns the tree of leaves, and the way to each part. What is behind a part that
// cannot be reached cannot be reached either.
func (g *grove) tree(leaves []leaf) (t *tree, ways map[int32][]int32) {
	for i, l := range leaves {
		if l.parent >= 0 && leaves[l.parent].parent == -2 {
			leaves[i].parent = -2
		}
	}
	order := make([]int, len(leaves))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(leaves[a].part - leaves[b].part) })
	t, ways = new(tree), make(map[int32][]int32)
	for _, i := range order {
		before := leaves[i].parent + 2
		if before >= first {
			before = int32(first + slices.Index(order, int(before-first)))
		}
		t.parts, t.parents = append(t.parts, leaves[i].part), append(t.parents, before)
		var way []int32
		at := int32(i)
		for ; at >= 0; at = leaves[at].parent {
			way = append(way, leaves[at].part)
		}
		if slices.Reverse(way); at == -2 {
			way = nil
		}
		ways[leaves[i].part] = way
	}
	return t, ways
}

// find returns the place of a part in the tree that differs from base by p.
func (p *patch) find(base *timber, part int32) (place int32, ok bool) {
	for other, place := range p.more() {
		if other == part {
			return place, true
		}
	}
	at, ok := base.position(part)
	if c, _ := p.change(int32(at)); ok && (c.gone || c.part != 0) {
		return 0, false
	}
	return int32(first + 2*at), ok
}

// A tree that is told by what differs from another one has the same parts, and the same ways
// to them.
func TestPatches(t *testing.T) {
	g := &grove{Rand: rand.New(rand.NewPCG(3, 3))}
	for n := range 300 {
		leaves := g.plant(g.IntN(120))
		base, _ := g.tree(leaves)
		if n%10 == 0 {
			base = bare()
		}
		other, ways := g.tree(g.change(leaves, []float64{0, .02, .3, 1}[n%4]))
		standing, err := openTree(string(base.append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		if all, err := standing.whole(); err != nil || !slices.Equal(all.parts, base.parts) || !slices.Equal(all.parents, base.parents) {
			t.Fatalf("tree %d: %+v, error %v, want %+v", n, all, err, base)
		}
		data := string(patchOf(base, other).append(nil))
		var p patch
		if err := p.parse([]byte(data)); err != nil {
			t.Fatal(err)
		}
		if parts, err := p.apply(base); err != nil || !slices.Equal(parts, other.parts) {
			t.Fatalf("tree %d: parts %v, error %v, want %v", n, parts, err, other.parts)
		}
		for _, part := range append(slices.Clone(base.parts), other.parts...) {
			place, ok := p.find(standing, part)
			want, there := ways[part]
			if ok != there {
				t.Fatalf("tree %d: part %d is there: %v, want %v", n, part, ok, there)
			}
			if !ok {
				continue
			}
			if way, _, err := path(standing, &p, place); err != nil || !slices.Equal(way, want) {
				t.Fatalf("tree %d: part %d: %v, error %v, want %v", n, part, way, err, want)
			}
		}
		// What no bit is set for is as it is in the base.
		none := new(patch)
		for i, part := range base.parts {
			way, at, err := path(standing, none, int32(first+2*i))
			if err != nil {
				t.Fatal(err)
			}
			if way == nil {
				at = []int32{int32(i)}
			}
			if r := (reader[[]byte]{data: []byte(data)}); !touches(r.text(), at) && !slices.Equal(way, ways[part]) {
				t.Fatalf("tree %d: part %d: the way is %v, and would be %v", n, part, ways[part], way)
			}
		}
		// Versions alone take little room.
		if n%4 == 1 && n%10 != 0 && len(data) > len(base.append(nil)) {
			t.Errorf("tree %d of %d parts: %d bytes", n, len(leaves), len(data))
		}
	}
}

// Trees of any size are read in parts as they are as a whole.
func TestTimber(t *testing.T) {
	g := &grove{Rand: rand.New(rand.NewPCG(4, 4))}
	for _, n := range []int{0, 1, grouped - 1, grouped, grouped + 1, 500, 70_000} {
		all := new(tree)
		for i := range n {
			all.parts, all.parents = append(all.parts, g.number()), append(all.parents, g.Int32N(int32(i)+2))
		}
		kept, err := openTree(string(all.append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range all.parts {
			at, ok := kept.position(part)
			if _, other := kept.position(part + 1); !ok || at != i || kept.part(i) != part || kept.before(i) != all.parents[i] || other != slices.Contains(all.parts[i:min(i+2, n)], part+1) {
				t.Fatalf("%d parts: part %d at %d: position %d, %v, part %d, before %d", n, part, i, at, ok, kept.part(i), kept.before(i))
			}
		}
		if _, ok := kept.position(1 << 30); ok || n > 0 && g.next > 1<<30 {
			t.Errorf("%d parts: one that is not there is", n)
		}
	}
}

// The way to each part that is kept beside a list is that in the tree, if it is not too long.
func TestTrails(t *testing.T) {
	g := &grove{Rand: rand.New(rand.NewPCG(5, 5))}
	var memory slab[int32]
	counts := make(map[string]int)
	for n := range 200 {
		leaves := g.plant(g.IntN(150))
		if n%4 == 0 { // in one line
			for i := range leaves {
				leaves[i].parent = int32(i) - 1
			}
		}
		one, ways := g.tree(leaves)
		standing, err := openTree(string(one.append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for i := range one.parts {
			all = one.appendWay(all, i)
		}
		from := reader[string]{data: string(all)}
		var again []byte
		for i, part := range one.parts {
			trail := readTrail(&from)
			again = trail.append(again)
			want := ways[part]
			_, at, err := path(standing, new(patch), int32(first+2*i))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case want == nil:
				counts["none"]++
				if trail.n != unreached-2 || !slices.Equal(trail.route(&memory, part), []int32{part}) || !slices.Equal(trail.positions(&memory), []int32{int32(i)}) {
					t.Fatalf("tree %d: part %d: %+v, and there is no way", n, part, trail)
				}
			case len(want) > farthest+1:
				counts["long"]++
				if trail.n != untold-2 {
					t.Fatalf("tree %d: part %d: %+v, and the way is %v", n, part, trail, want)
				}
			default:
				counts["told"]++
				if !slices.Equal(trail.route(&memory, part), want) || !slices.Equal(trail.positions(&memory), at) {
					t.Fatalf("tree %d: part %d: %+v, want %v at %v", n, part, trail, want, at)
				}
			}
		}
		if err := from.end("ways"); err != nil || string(again) != string(all) {
			t.Fatalf("tree %d: error %v, or ways are written in another form", n, err)
		}
	}
	if counts["none"] < 500 || counts["long"] < 500 || counts["told"] < 500 {
		t.Errorf("too few to tell: %v", counts)
	}
}

// A position that no tree has is damage, and is not looked up.
func TestStrangePositions(t *testing.T) {
	for _, at := range []int32{MaxParts + 1, 1 << 30, 1<<30 + 5, 1<<31 - 1} {
		for _, way := range []trail{{at: at, n: unreached - 2}, {at: 1, n: 1, parts: "\x05", places: string(binary.AppendUvarint(nil, uint64(at)))}} {
			r := reader[string]{data: string(way.append(nil))}
			if got := readTrail(&r); !r.failed {
				t.Errorf("a way at %d is read: %+v", at, got)
			}
		}
	}
	standing, err := openTree(string((&tree{[]int32{1, 2}, []int32{theMain, first}}).append(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int32{-1, -1 << 31, 2, 1<<31 - 1} {
		if _, _, err := standing.step(at); !errors.Is(err, errDamaged) {
			t.Errorf("position %d: error %v", at, err)
		}
	}
}

// Segments that were written in any order are merged into one in which everything is sorted.
func TestMergedPostings(t *testing.T) {
	g := &grove{Rand: rand.New(rand.NewPCG(6, 6))}
	for n := range 50 {
		part := int32(7)
		var want posting
		var segments []posting
		for tree := range int32(1 + g.IntN(30)) {
			one, _ := g.tree(append(g.plant(g.IntN(20)), leaf{part, -1}))
			at, _ := slices.BinarySearch(one.parts, part)
			segment := posting{trees: []int32{tree + 1}, ways: one.appendWay(nil, at), sets: []int32{3 * tree, 3*tree + 1}}
			want.join(&segment)
			segments = append(segments, segment)
			g.next = max(g.next, part)
		}
		g.Shuffle(len(segments), func(i, k int) { segments[i], segments[k] = segments[k], segments[i] })
		var merged posting
		for _, s := range segments {
			merged.join(&s)
		}
		if err := merged.sort(); err != nil || !reflect.DeepEqual(merged, want) {
			t.Fatalf("%d: %+v, error %v, want %+v", n, merged, err, want)
		}
	}
}
