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

// parse reads a JSON document.
func parse(data []byte) (n node, err error) {
	values := 0
	err = strictjson.Read(data, func(r *strictjson.Reader) error { return n.read(r, &values) })
	return n, err
}

func (n *node) read(r *strictjson.Reader, values *int) error {
	if *values++; *values > maxValues {
		return r.Errorf("more than %d values", maxValues)
	}
	switch k := r.Kind(); k {
	case '{':
		n.kind = k
		return r.Object(func(name string) error {
			n.names = append(n.names, name)
			n.list = append(n.list, node{})
			return n.list[len(n.list)-1].read(r, values)
		})
	case '[':
		n.kind = k
		return r.Array(func(int) error {
			n.list = append(n.list, node{})
			return n.list[len(n.list)-1].read(r, values)
		})
	case '"':
		n.kind = k
		b, err := r.Text()
		n.text = string(b)
		return err
	case 't', 'f', 'n':
		n.kind = k
		return r.Skip()
	}
	number, err := r.Number()
	n.kind, n.text = '0', string(number)
	return err
}

// mustParse reads what this package has written itself.
func mustParse(data []byte) node {
	n, err := parse(data)
	if err != nil {
		panic(fmt.Sprintf("cyclonedx: internal error: %v", err))
	}
	return n
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

// at returns the value that a JSON pointer (RFC 6901) leads to through objects,
// or nil.
func (n *node) at(pointer string) *node {
	for n != nil && pointer != "" {
		var step string
		step, pointer, _ = strings.Cut(pointer[1:], "/")
		if pointer != "" {
			pointer = "/" + pointer
		}
		n = n.get(unescape(step))
	}
	return n
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
