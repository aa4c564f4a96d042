package cyclonedx

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A node is a value of a JSON document.
type node struct {
	kind  byte     // '{', '[', '"', '0' for a number, 't', 'f' or 'n'
	text  string   // of a string; of a number, as it is written
	names []string // of an object's members
	list  []node   // an object's members, in the order of names, or an array's elements
}

// parse reads a JSON document, as strictly as package strictjson.
func parse(data []byte) (node, error) {
	in := parser{tree: tree{piece: min(1024, 1+len(data)/16)}, text: string(data), r: strictjson.NewReader(data)}
	in.member = func(name []byte) error {
		in.called = append(in.called, in.name(name))
		return in.value()
	}
	in.element = func(int) error { return in.value() }
	if err := in.value(); err != nil {
		return node{}, err
	}
	if err := in.r.End(); err != nil {
		return node{}, err
	}
	if in.values > maxValues {
		return node{}, fmt.Errorf("more than %d values", maxValues)
	}
	return in.root(), nil
}

// mustParse reads what is known to be well formed.
func mustParse(data []byte) node {
	n, err := parse(data)
	if err != nil {
		panic(fmt.Sprintf("cyclonedx: internal error: %v", err))
	}
	return n
}

// A parser makes nodes of a document. Their texts are parts of it.
type parser struct {
	tree
	text    string // the document
	r       *strictjson.Reader
	values  int
	names   [256]string // some of those that occurred
	member  func(name []byte) error
	element func(i int) error
}

func (in *parser) value() error {
	if in.values++; in.values > maxValues {
		return in.r.Skip() // for what is wrong with it
	}
	switch kind := in.r.Kind(); kind {
	case '{':
		in.open()
		if err := in.r.Members(in.member); err != nil {
			return err
		}
		in.close(kind)
	case '[':
		in.open()
		if err := in.r.Array(in.element); err != nil {
			return err
		}
		in.close(kind)
	case '"':
		start := in.r.Offset() + 1
		b, err := in.r.Text()
		if err != nil {
			return err
		}
		text := in.text[start : in.r.Offset()-1]
		if len(text) != len(b) { // there is an escape in it, and each of them is longer than what it is for
			text = string(b)
		}
		in.add(str(text))
	case 't', 'f', 'n':
		if err := in.r.Skip(); err != nil {
			return err
		}
		in.add(node{kind: kind})
	default:
		number, err := in.r.Number()
		if err != nil {
			return err
		}
		in.add(node{kind: '0', text: string(number)})
	}
	return nil
}

// name returns the name of a member. There are few of them in a document, as a rule.
func (in *parser) name(b []byte) string {
	place := &in.names[0]
	if n := len(b); n > 0 {
		place = &in.names[byte(n)<<4^b[0]^b[n-1]<<2]
	}
	if *place != string(b) {
		*place = string(b)
	}
	return *place
}

// A tree makes nodes of values that it is given in the order of a document.
type tree struct {
	begun  []node   // of the arrays and objects that are open, one after another
	called []string // likewise, names of members
	marks  [][2]int // where in begun and called each of these begins
	piece  int      // how many values the memory is for that is asked for at a time
	nodes  []node   // such a piece, with what is taken of it
	taken  []string // likewise
}

func (t *tree) add(n node) {
	if len(t.begun) == cap(t.begun) {
		t.begun = slices.Grow(t.begun, max(16, len(t.begun))) // append would copy a long list more often
	}
	t.begun = append(t.begun, n)
}

func (t *tree) open() { t.marks = append(t.marks, [2]int{len(t.begun), len(t.called)}) }

// close adds what was opened last.
func (t *tree) close(kind byte) {
	mark := t.marks[len(t.marks)-1]
	n := node{kind: kind, list: take(&t.nodes, t.begun[mark[0]:], t.piece), names: take(&t.taken, t.called[mark[1]:], t.piece)}
	t.begun, t.called, t.marks = t.begun[:mark[0]], t.called[:mark[1]], t.marks[:len(t.marks)-1]
	t.add(n)
}

// root returns the one value that is not within another one.
func (t *tree) root() node { return t.begun[0] }

// reset begins another document. The one before it is lost.
func (t *tree) reset() {
	t.begun, t.called, t.marks, t.nodes, t.taken = t.begun[:0], t.called[:0], t.marks[:0], t.nodes[:0], t.taken[:0]
}

// take copies a list into what is left of a piece of memory, or into another one.
func take[E any](piece *[]E, list []E, size int) []E {
	if len(list) == 0 {
		return nil
	}
	if cap(*piece)-len(*piece) < len(list) {
		*piece = make([]E, 0, max(size, len(list)))
	}
	start := len(*piece)
	*piece = append(*piece, list...)
	return (*piece)[start:len(*piece):len(*piece)]
}

func str(s string) node { return node{kind: '"', text: s} }

// get returns a member of an object, or nil if n is none or has it not.
func (n *node) get(name string) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	for i := range n.names {
		if n.names[i] == name {
			return &n.list[i]
		}
	}
	return nil
}

// str returns the text of a member that is a string, or "".
func (n *node) str(name string) string {
	if m := n.get(name); m != nil && m.kind == '"' {
		return m.text
	}
	return ""
}

// items returns the elements of a member that is an array.
func (n *node) items(name string) []node {
	if m := n.get(name); m != nil && m.kind == '[' {
		return m.list
	}
	return nil
}

// set gives an object a member, in the place of one of that name.
func (n *node) set(name string, value node) {
	if m := n.get(name); m != nil {
		*m = value
		return
	}
	n.names = append(n.names, name)
	n.list = append(n.list, value)
}

// drop takes a member from an object.
func (n *node) drop(name string) {
	if i := slices.Index(n.names, name); i >= 0 {
		n.names = slices.Delete(n.names, i, i+1)
		n.list = slices.Delete(n.list, i, i+1)
	}
}

// clone returns a copy of n that has nothing in common with it.
func (n *node) clone() node {
	c := *n
	c.names = slices.Clone(n.names)
	c.list = slices.Clone(n.list)
	for i := range c.list {
		c.list[i] = c.list[i].clone()
	}
	return c
}

// equal reports whether two values are the same but for the order of members.
// Numbers are the same if they are written in the same way.
func (n *node) equal(m *node) bool {
	if n.kind != m.kind || n.text != m.text || len(n.list) != len(m.list) {
		return false
	}
	for i := range n.list {
		other := &m.list[i]
		if n.kind == '{' {
			if m.names[i] != n.names[i] {
				if other = m.get(n.names[i]); other == nil {
					return false
				}
			}
		}
		if !n.list[i].equal(other) {
			return false
		}
	}
	return true
}

// like gives the members of n that are equal to those of m the order of members
// that they have there.
func (n *node) like(m *node) {
	for i, name := range n.names {
		if o := m.get(name); o != nil && n.list[i].equal(o) {
			n.list[i] = o.clone()
		} else if o != nil && o.kind == '{' && n.list[i].kind == '{' {
			n.list[i].like(o)
		}
	}
}

// put sets the value at a JSON pointer through objects, which it makes where
// there are none, or takes it away if value is a null. It reports whether it could.
func (n *node) put(pointer string, value node) bool {
	steps := strings.Split(pointer, "/")[1:]
	for i, step := range steps {
		if n.kind != '{' {
			return false
		}
		step = unescape(step)
		if i == len(steps)-1 {
			if value.kind == 'n' {
				n.drop(step)
			} else {
				n.set(step, value)
			}
			return true
		}
		if n.get(step) == nil {
			if value.kind == 'n' {
				return true
			}
			n.set(step, node{kind: '{'})
		}
		n = n.get(step)
	}
	return false
}

// at returns the value at a JSON pointer through objects, or nil.
func (n *node) at(pointer string) *node {
	for _, step := range strings.Split(pointer, "/")[1:] {
		n = n.get(unescape(step))
	}
	return n
}

// has reports whether n has all members of m, which is an object, as m has them.
func (n *node) has(m *node) bool {
	if m.kind != '{' {
		return false
	}
	for i, name := range m.names {
		if o := n.get(name); o == nil || !o.equal(&m.list[i]) {
			return false
		}
	}
	return true
}

func escape(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1")
}

func unescape(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// compact appends n as JSON without white space.
func (n *node) compact(b []byte) []byte {
	switch n.kind {
	case '{':
		b = append(b, '{')
		for i := range n.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(quote(b, n.names[i]), ':')
			b = n.list[i].compact(b)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i := range n.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.list[i].compact(b)
		}
		return append(b, ']')
	case '"':
		return quote(b, n.text)
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	case 'n':
		return append(b, "null"...)
	}
	return append(b, n.text...)
}

// canonical appends n as compact does, with the members of objects sorted.
func (n *node) canonical(b []byte) []byte {
	c := n.clone()
	c.sort()
	return c.compact(b)
}

func (n *node) sort() {
	for i := range n.list {
		n.list[i].sort()
	}
	if n.kind == '{' {
		values := make(map[string]node, len(n.list))
		for i, name := range n.names {
			values[name] = n.list[i]
		}
		slices.Sort(n.names)
		for i, name := range n.names {
			n.list[i] = values[name]
		}
	}
}

// A printer writes a JSON document with a line for each value, indented by two
// spaces, or makes nodes of what it would write.
type printer struct {
	b     []byte
	depth int
	empty bool  // nothing is in what was opened last
	tree  *tree // for the nodes, or nil
}

func (p *printer) line() {
	if p.tree != nil {
		return
	}
	if !p.empty {
		p.b = append(p.b, ',')
	}
	p.empty = false
	p.indent()
}

func (p *printer) indent() {
	const spaces = "\n                                                                "
	p.b = append(p.b, spaces[:min(1+2*p.depth, len(spaces))]...)
	for range p.depth - (len(spaces)-1)/2 {
		p.b = append(p.b, "  "...)
	}
}

// name begins a member of the object that is open.
func (p *printer) name(name string) {
	if p.tree != nil {
		p.tree.called = append(p.tree.called, name)
		return
	}
	p.line()
	p.b = append(quote(p.b, name), ": "...)
}

func (p *printer) open(bracket byte) {
	if p.tree != nil {
		p.tree.open()
		return
	}
	p.b = append(p.b, bracket)
	p.depth++
	p.empty = true
}

func (p *printer) close(bracket byte) {
	if p.tree != nil {
		p.tree.close(bracket - 2) // '[' and '{'
		return
	}
	p.depth--
	if !p.empty {
		p.indent()
	}
	p.b = append(p.b, bracket)
	p.empty = false
}

func (p *printer) text(s string) {
	if p.tree != nil {
		p.tree.add(str(s))
		return
	}
	p.b = quote(p.b, s)
}

// member writes a member that is a string, if it is not empty.
func (p *printer) member(name, value string) {
	if value != "" {
		p.name(name)
		p.text(value)
	}
}

// list begins an array as a member.
func (p *printer) list(name string) {
	p.name(name)
	p.open('[')
}

// object begins an object as a member.
func (p *printer) object(name string) {
	p.name(name)
	p.open('{')
}

// element begins an object as an element of an array.
func (p *printer) element() {
	p.line()
	p.open('{')
}

func (p *printer) node(n *node) {
	if p.tree != nil {
		p.tree.add(*n)
		return
	}
	switch n.kind {
	case '{':
		p.open('{')
		for i := range n.list {
			p.name(n.names[i])
			p.node(&n.list[i])
		}
		p.close('}')
	case '[':
		p.open('[')
		for i := range n.list {
			p.line()
			p.node(&n.list[i])
		}
		p.close(']')
	default:
		p.b = n.compact(p.b)
	}
}

// quote appends s as a JSON string. Of what need not be escaped, the line
// breaks of Unicode are, for those who take JSON for JavaScript.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(slices.Grow(b, len(s)+2), '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
				b = append(b, s[start:i]...)
				b = append(b, `\u202`...)
				b = append(b, hex[s[i+2]&0xf])
				i += 3
				start = i
				continue
			}
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
