package inventory

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A graph is that of a Document, by the positions of its components, of which the main
// one is the first. Its memory is used again for the next Document.
type graph struct {
	position   map[string]int32 // by Ref
	to         []int32          // edges, those from one component together
	first, end []int32          // of the edges from each, in to

	parents, depths, queue, at []int32
	keys                       []key
	buf                        []byte
}

// A key is what components are sorted by: their hash, of which the begin is compared
// first.
type key struct {
	begin uint64
	hash  hash
	at    int32
}

// sized returns list with n zeros.
func sized(list []int32, n int) []int32 {
	list = slices.Grow(list[:0], n)[:n]
	clear(list)
	return list
}

// read reads the edges of d that [sbom.Document.Requires] returns, and returns what is wrong
// with its Refs and Edges.
func (g *graph) read(d *sbom.Document) (errs []error) {
	fail := func(format string, a ...any) {
		if len(errs) < 10 {
			errs = append(errs, fmt.Errorf("SBOM: "+format, a...))
		}
	}
	n := len(d.Components) + 1
	if g.position == nil {
		g.position = make(map[string]int32, n)
	}
	clear(g.position)
	g.position[d.Main.Ref] = 0
	if d.Main.Ref == "" {
		fail("the main component has no Ref")
	}
	for i := range d.Components {
		ref := d.Components[i].Ref
		if g.position[ref] = int32(i) + 1; ref == "" || len(g.position) != i+2 {
			fail("component %.100q: want a Ref that no other one has", ref)
			return errs
		}
	}

	g.first, g.end, g.to = sized(g.first, n), sized(g.end, n), g.to[:0]
	sorted := true // and of one kind, as most are
	from := int32(0)
	for i := range d.Edges {
		e := &d.Edges[i]
		to, ok := g.position[e.To]
		if !ok {
			fail("an edge to %.100q, which is no component", e.To)
		}
		if i == 0 || d.Edges[i-1].From != e.From {
			if from, ok = g.position[e.From]; !ok {
				fail("an edge from %.100q, which is no component", e.From)
			}
			sorted = sorted && (i == 0 || d.Edges[i-1].From < e.From)
			g.first[from] = int32(len(g.to))
		} else {
			sorted = sorted && d.Edges[i-1].To <= e.To
		}
		sorted = sorted && e.Kind == sbom.Linked
		g.to = append(g.to, to)
		g.end[from] = int32(len(g.to))
	}
	if sorted || errs != nil {
		return errs
	}
	g.first, g.end, g.to = sized(g.first, n), sized(g.end, n), g.to[:0]
	for ref, refs := range d.Requires() {
		from := g.position[ref]
		g.first[from] = int32(len(g.to))
		for _, ref := range refs {
			g.to = append(g.to, g.position[ref])
		}
		g.end[from] = int32(len(g.to))
	}
	return nil
}

// components returns the components of d, which g has read, but for its main one. Of
// several that are kept alike there is one, that with the shortest way from the main
// component.
func (g *graph) components(d *sbom.Document) []piece {
	const unseen = fromNoone - 1
	n := len(d.Components)
	g.parents, g.depths, g.at = sized(g.parents, n), sized(g.depths, n), sized(g.at, n)
	for i := range n {
		g.parents[i], g.depths[i] = unseen, 1<<30
	}
	g.queue = append(g.queue[:0], 0)
	for k := 0; k < len(g.queue); k++ {
		at := g.queue[k]
		parent, depth := at-1, int32(0)
		if at == 0 {
			parent = fromMain - 1
		} else {
			depth = g.depths[parent] + 1
		}
		for _, next := range g.to[g.first[at]:g.end[at]] {
			if next > 0 && g.parents[next-1] == unseen {
				g.parents[next-1], g.depths[next-1] = parent, depth
				g.queue = append(g.queue, next)
			}
		}
	}

	g.keys = slices.Grow(g.keys[:0], n)[:n]
	for i := range d.Components {
		g.buf = appendComponent(g.buf[:0], &d.Components[i])
		h := sha256.Sum256(g.buf)
		g.keys[i] = key{binary.BigEndian.Uint64(h[:8]), h, int32(i)}
	}
	slices.SortFunc(g.keys, func(a, b key) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(g.depths[a.at], g.depths[b.at]), cmp.Compare(a.at, b.at))
	})
	all := make([]piece, 0, n)
	for i := range g.keys {
		k := &g.keys[i]
		if n := len(all); n == 0 || all[n-1].hash != k.hash {
			all = append(all, piece{hash: k.hash, c: &d.Components[k.at], parent: g.parents[k.at]})
		}
		g.at[k.at] = int32(len(all) - 1)
	}
	for i := range all {
		if all[i].parent >= 0 {
			all[i].parent = g.at[all[i].parent]
		}
	}
	return all
}
