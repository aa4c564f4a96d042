package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A lineage is the way from an artifact to what it was made of and by whom, as a
// picture and in words:
//
//	                          ┌ repository → commit
//	artifact → provenance  ───┼ workflow → builder
//	                          └ signer → time
type lineage struct {
	Artifact, Provenance node
	Repository, Commit   node
	Workflow, Builder    node
	Signer, Time         node
}

// A node is one station of a lineage.
type node struct {
	Kind  string // what it is, in a word or two
	State state
	Says  string // the state in words
	Title text
	Notes []text
}

// Nodes returns all stations, in the order of reading.
func (l *lineage) Nodes() []node {
	return []node{l.Artifact, l.Provenance, l.Repository, l.Commit, l.Workflow, l.Builder, l.Signer, l.Time}
}

// A picture is a drawing of a lineage, in pixels.
type picture struct {
	Class         string
	Width, Height int
	Boxes         []box
	Arrows        []arrow
}

type box struct {
	X, Y, Width, Height int
	State               state
	Sign, Kind          string
	Title               []line
	Notes               []line
}

// A line is a line of text, with its middle at Y from the top of its box.
type line struct {
	Y    int
	Text string
}

// An arrow goes from one box to another, and says what the one has to do with the
// other.
type arrow struct {
	Path   string
	State  state
	X, Y   int // of the middle of the label
	Anchor string
	Label  string
}

// Measures of a picture. Text is monospaced, so that what fits is known: a character is
// at most 0.61 of its size wide in the fonts that are asked for.
const (
	margin     = 2
	boxHeight  = 116
	titleSize  = 13
	noteSize   = 11
	padding    = 14
	titleLines = 3
	boxLines   = 4 // of title and notes together
)

// Wide draws l from left to right, for screens that have the room.
func (l *lineage) Wide() picture {
	const width, gap, row = 224, 76, boxHeight + 26
	p := picture{Class: "wide", Width: 2*margin + 4*width + 3*gap, Height: 2*margin + 3*row - 26}
	at := func(n node, column, line int) box {
		b := n.box(margin+column*(width+gap), margin+line*row, width)
		b.Height = boxHeight
		return b
	}
	p.Boxes = []box{
		at(l.Artifact, 0, 1), at(l.Provenance, 1, 1),
		at(l.Repository, 2, 0), at(l.Commit, 3, 0),
		at(l.Workflow, 2, 1), at(l.Builder, 3, 1),
		at(l.Signer, 2, 2), at(l.Time, 3, 2),
	}
	connect := func(from, to int, label string) {
		a, b := p.Boxes[from], p.Boxes[to]
		x1, y1 := a.X+a.Width, a.Y+a.Height/2
		x2, y2 := b.X, b.Y+b.Height/2
		arrow := arrow{State: between(a, b), X: (x1 + x2) / 2, Y: (y1+y2)/2 - 8, Anchor: "middle", Label: label}
		if y1 == y2 {
			arrow.Path = path(point{x1, y1}, point{x2 - 7, y2})
		} else {
			// Around a corner, the label lies on the last part, beside the box.
			middle := x1 + 26
			arrow.Path = path(point{x1, y1}, point{middle, y1}, point{middle, y2}, point{x2 - 7, y2})
			arrow.X, arrow.Y = (middle+x2)/2+2, y2-8
		}
		p.Arrows = append(p.Arrows, arrow)
	}
	connect(0, 1, "told by")
	connect(1, 2, "from")
	connect(1, 4, "by")
	connect(1, 6, "signed")
	connect(2, 3, "at")
	connect(4, 5, "on")
	connect(6, 7, "seen at")
	return p
}

// Narrow draws l from top to bottom.
func (l *lineage) Narrow() picture {
	const width, gap, indent = 316, 30, 26
	p := picture{Class: "narrow", Width: 2*margin + width}
	y := margin
	for i, n := range l.Nodes() {
		x := margin
		if i > 1 {
			x += indent
		}
		b := n.box(x, y, width-(x-margin))
		p.Boxes = append(p.Boxes, b)
		y += b.Height + gap
	}
	p.Height = y - gap + margin
	down := func(from, to int, label string) {
		a, b := p.Boxes[from], p.Boxes[to]
		x := b.X + 24
		p.Arrows = append(p.Arrows, arrow{Path: path(point{x, a.Y + a.Height}, point{x, b.Y - 7}), State: between(a, b), X: x + 12, Y: b.Y - gap/2 + 4, Anchor: "start", Label: label})
	}
	branch := func(from, to int, label string) {
		a, b := p.Boxes[from], p.Boxes[to]
		x, y := a.X+12, b.Y+b.Height/2
		p.Arrows = append(p.Arrows, arrow{Path: path(point{x, a.Y + a.Height}, point{x, y}, point{b.X - 7, y}), State: between(a, b), X: b.X + 12, Y: b.Y - gap/2 + 4, Anchor: "start", Label: label})
	}
	down(0, 1, "told by")
	branch(1, 2, "built from")
	down(2, 3, "at")
	branch(1, 4, "by the instructions of")
	down(4, 5, "on")
	branch(1, 6, "signed by")
	down(6, 7, "seen at")
	return p
}

// Pictures returns the drawings of l, of which a reader sees one.
func (l *lineage) Pictures() []picture { return []picture{l.Wide(), l.Narrow()} }

// between is how the arrow from a to b stands: as b does, unless a is wrong.
func between(a, b box) state {
	if a.State == bad {
		return bad
	}
	return b.State
}

// box returns n as a box, as high as it needs.
func (n node) box(x, y, width int) box {
	b := box{X: x, Y: y, Width: width, State: n.State, Sign: n.State.Sign(), Kind: n.Kind}
	room := width - 2*padding
	at := 46
	for _, s := range wrap(n.Title.String(), room*100/(61*titleSize), titleLines) {
		b.Title = append(b.Title, line{at, s})
		at += titleSize + 4
	}
	at += 2
	for _, note := range n.Notes[:min(len(n.Notes), boxLines-len(b.Title))] {
		b.Notes = append(b.Notes, line{at, wrap(note.String(), room*100/(61*noteSize), 1)[0]})
		at += noteSize + 5
	}
	b.Height = at
	return b
}

// wrap cuts s into at most most lines that are so many columns wide. What does not fit
// is left out of the middle of the last line: both ends of a name or a digest tell
// more.
func wrap(s string, columns, most int) []string {
	var lines []string
	for len(lines) < most-1 && cells(s) > columns {
		n := fit(s, columns)
		// Behind a sign that parts names, if there is one in the second half.
		if i := strings.LastIndexAny(s[:n], "/@:- "); i > n/2 {
			n = i + 1
		}
		lines = append(lines, s[:n])
		s = s[n:]
	}
	if cells(s) > columns {
		head := s[:fit(s, (columns-1)/2)]
		tail := s[len(head):]
		for tail != "" && cells(head)+1+cells(tail) > columns {
			_, n := utf8.DecodeRuneInString(tail)
			tail = tail[n:]
		}
		s = head + "…" + tail
	}
	return append(lines, s)
}

// fit returns how many bytes of s are at most so many columns wide, and not less than
// one character.
func fit(s string, columns int) int {
	width := 0
	for i, r := range s {
		if width += cell(r); width > columns && i > 0 {
			return i
		}
	}
	return len(s)
}

func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

// cell returns how many columns a character may take: two, unless it is of an alphabet
// that monospaced fonts have.
func cell(r rune) int {
	if r < 0x0530 || r >= 0x2010 && r < 0x2030 {
		return 1
	}
	return 2
}

type point struct{ x, y int }

// path returns a line along points, as the attribute d of SVG has it.
func path(points ...point) string {
	var b strings.Builder
	for i, p := range points {
		fmt.Fprintf(&b, "%c%d %d", "ML"[min(i, 1)], p.x, p.y)
	}
	return b.String()
}

// States are those that an arrow of p can have.
func (picture) States() []state { return []state{good, bad, open, note, none} }

// Inner and InnerHeight are the size of the frame of b, and Mark is where its sign ends.
func (b box) Inner() int       { return b.Width - 2 }
func (b box) InnerHeight() int { return b.Height - 2 }
func (b box) Mark() int        { return b.Width - padding }
