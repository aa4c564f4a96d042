package inventory

import (
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

	queue []int32
	seen  []bool
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

// pieces returns the parts of the components of the Document that g has read, those with the
// shortest way from the main component first. parts are those of the components, in the
// order of the Document.
func (g *graph) pieces(parts []*part) []piece {
	pieces := make([]piece, 0, len(parts))
	g.seen = append(g.seen[:0], make([]bool, len(parts)+1)...)
	g.seen[0] = true
	g.queue = append(g.queue[:0], 0)
	for k := 0; k < len(g.queue); k++ {
		at, before := g.queue[k], int32(theMain)
		if k > 0 {
			before = first + int32(k) - 1
		}
		for _, next := range g.to[g.first[at]:g.end[at]] {
			if !g.seen[next] {
				g.seen[next] = true
				pieces = append(pieces, piece{parts[next-1], before})
				g.queue = append(g.queue, next)
			}
		}
	}
	for i, p := range parts {
		if !g.seen[i+1] {
			pieces = append(pieces, piece{p, nothing})
		}
	}
	return pieces
}
