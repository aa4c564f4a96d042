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
func parse(data []byte) (n node, err error) {
	if err := strictjson.Read(data, (*strictjson.Reader).Skip); err != nil {
		return node{}, err
	}
	t := builder{text: string(data), piece: 1024}
	n = t.value()
	if t.values > maxValues {
		return node{}, fmt.Errorf("more than %d values", maxValues)
	}
	return n, nil
}

// mustParse reads what this package has written itself.
func mustParse(data []byte) node {
	t := builder{text: string(data), piece: 16}
	return t.value()
}

// next reads another document that this package has written itself. The one
// before it is lost.
func (t *builder) next(data []byte) node {
	if t.first == nil {
		t.piece = 1024
		t.first, t.firstNames = make([]node, t.piece), make([]string, t.piece)
	}
	t.text, t.pos, t.values, t.nodes, t.names = string(data), 0, 0, t.first, t.firstNames
	return t.value()
}

// A builder makes nodes of a document that is known to be well formed. Their texts
// are parts of it.
type builder struct {
	text   string
	pos    int
	values int
	nodes  []node   // what is left of a larger piece of memory
	names  []string // likewise
	open   []node   // of the arrays and objects that are open, one after another
	called []string // likewise, names
	piece  int      // how many values the memory is for that is asked for at a time

	first      []node // the memory for each document, if there are several
	firstNames []string
}

func (t *builder) space() {
	for t.pos < len(t.text) {
		switch t.text[t.pos] {
		case ' ', '\n', '\t', '\r', ',', ':': // where they are, is known
			t.pos++
		default:
			return
		}
	}
}

func (t *builder) value() (n node) {
	if t.values++; t.values > maxValues {
		return n
	}
	t.space()
	start := t.pos
	switch n.kind = t.text[start]; n.kind {
	case '{', '[':
		t.pos++
		mark, names := len(t.open), len(t.called)
		for t.space(); t.text[t.pos] != n.kind+2 && t.values <= maxValues; t.space() { // ']' and '}'
			if n.kind == '{' {
				t.called = append(t.called, t.quoted())
			}
			t.open = append(t.open, t.value())
		}
		t.pos++
		n.list = take(&t.nodes, t.open[mark:], t.piece)
		n.names = take(&t.names, t.called[names:], t.piece)
		clear(t.open[mark:])
		t.open, t.called = t.open[:mark], t.called[:names]
	case '"':
		n.text = t.quoted()
	case 't', 'n':
		t.pos += len("true")
	case 'f':
		t.pos += len("false")
	default:
		for t.pos < len(t.text) && strings.IndexByte("+-.0123456789eE", t.text[t.pos]) >= 0 {
			t.pos++
		}
		n.kind, n.text = '0', t.text[start:t.pos]
	}
	return n
}

// take copies a list into a part of a larger piece of memory.
func take[E any](from *[]E, list []E, piece int) []E {
	if len(list) == 0 {
		return nil
	}
	if len(*from) < len(list) {
		*from = make([]E, max(piece, len(list)))
	}
	part := (*from)[:len(list):len(list)]
	*from = (*from)[len(list):]
	copy(part, list)
	return part
}

func (t *builder) quoted() string {
	start := t.pos + 1
	end := start
	for {
		end += strings.IndexByte(t.text[end:], '"')
		escape := strings.IndexByte(t.text[start:end], '\\')
		if escape < 0 {
			t.pos = end + 1
			return t.text[start:end]
		}
		// The quotation mark may be escaped.
		slashes := 0
		for t.text[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			break
		}
		end++
	}
	t.pos = end + 1
	s, err := strictjson.NewReader([]byte(t.text[start-1 : t.pos])).String()
	if err != nil {
		panic(fmt.Sprintf("cyclonedx: internal error: %v", err))
	}
	return s
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
// spaces.
type printer struct {
	b     []byte
	depth int
	empty bool // nothing is in what was opened last
}

func (p *printer) line() {
	if !p.empty {
		p.b = append(p.b, ',')
	}
	p.empty = false
	p.b = append(p.b, '\n')
	for range p.depth {
		p.b = append(p.b, "  "...)
	}
}

// name begins a member of the object that is open.
func (p *printer) name(name string) {
	p.line()
	p.b = append(quote(p.b, name), ": "...)
}

func (p *printer) open(bracket byte) {
	p.b = append(p.b, bracket)
	p.depth++
	p.empty = true
}

func (p *printer) close(bracket byte) {
	p.depth--
	if !p.empty {
		p.b = append(p.b, '\n')
		for range p.depth {
			p.b = append(p.b, "  "...)
		}
	}
	p.b = append(p.b, bracket)
	p.empty = false
}

func (p *printer) text(s string) { p.b = quote(p.b, s) }

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
	b = append(b, '"')
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
