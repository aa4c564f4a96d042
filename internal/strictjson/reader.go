// Package strictjson reads JSON that somebody hostile may have written, and
// writes JSON whose bytes depend on nothing but its value.
//
// A [Reader] walks over a document once and hands each member of an object to
// the caller under its exact name. It refuses what makes two readers see two
// documents: a member name that occurs twice in an object, at any depth and
// however it is escaped; a byte order mark; bytes that are not UTF-8 and escapes
// of half a surrogate pair; anything after the document. Names are compared
// byte by byte, so "Payload" is not "payload". It follows RFC 8259 otherwise.
package strictjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a document. What is over one of them is refused with an error that
// names the bound. The size is for the caller to bound.
const (
	// MaxDepth is how deep arrays and objects may be nested.
	MaxDepth = 100

	// MaxMembers is how many members the objects may have that are open at
	// once, one within another: their names are kept to find a second one.
	MaxMembers = 1_000_000
)

// manyMembers is the size of an object from which on its names are kept in a
// map. Below it, comparing them one by one is faster.
const manyMembers = 16

// An Error is a fault in a document.
type Error struct {
	Path   string // of the value, as "$.signatures[0].sig"
	Offset int    // in bytes from the start of the document
	Fault  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (byte %d): %s", e.Path, e.Offset, e.Fault)
}

// A Reader reads one document. After an error its position is undefined.
type Reader struct {
	data  []byte
	pos   int
	path  []step
	names [][]byte // of the objects that are open, one after another

	members int // of the objects that are open

	// noReplacement refuses the escape \ufffd, which is all that encoding/json
	// leaves of bytes that are not UTF-8.
	noReplacement bool
}

// step is one part of the way to the value being read: a member or an element.
type step struct {
	name  []byte // nil for an element
	index int
}

// NewReader returns a Reader of data, which must not change while it is used.
func NewReader(data []byte) *Reader {
	return &Reader{data: data, path: make([]step, 0, 8), names: make([][]byte, 0, manyMembers)}
}

// Reset makes r what [NewReader] returns of data, in the memory that it has.
func (r *Reader) Reset(data []byte) { *r = Reader{data: data, path: r.path[:0], names: r.names[:0]} }

// Read reads all of data with read, which must read exactly one value.
func Read(data []byte, read func(*Reader) error) error {
	r := NewReader(data)
	if err := read(r); err != nil {
		return err
	}
	return r.End()
}

// Value returns the value of data: nil, a bool, a string, a [json.Number] with
// the digits as written, a []any, or a map[string]any.
func Value(data []byte) (any, error) {
	var v any
	err := Read(data, func(r *Reader) (err error) {
		v, err = r.Value()
		return err
	})
	return v, err
}

// Path returns where in the document the Reader stands.
func (r *Reader) Path() string {
	b := []byte("$")
	for _, s := range r.path {
		if s.name == nil {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
			continue
		}
		b = append(b, '.')
		// A name comes from the document: keep it short and on one line, and
		// do not let one look like several.
		name := s.name[:min(len(s.name), 100)]
		if q := strconv.Quote(string(name)); len(q) == len(name)+2 && len(name) > 0 && !bytes.ContainsAny(name, ".[") {
			b = append(b, name...)
		} else {
			b = append(b, q...)
		}
	}
	return string(b)
}

// Offset returns how many bytes of the document were read.
func (r *Reader) Offset() int { return r.pos }

// Errorf returns an [*Error] at the Reader's position.
func (r *Reader) Errorf(format string, a ...any) error {
	return &Error{r.Path(), r.pos, fmt.Sprintf(format, a...)}
}

// Kind returns the first byte of the next value without reading it: one of
// { [ " t f n - and the digits for a well-formed document, 0 at its end.
func (r *Reader) Kind() byte {
	r.space()
	if r.pos == len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

// Null reads a null and reports whether there was one.
func (r *Reader) Null() bool {
	if r.Kind() != 'n' || !bytes.HasPrefix(r.data[r.pos:], []byte("null")) {
		return false
	}
	r.pos += 4
	return true
}

// End returns an error if anything but white space is left.
func (r *Reader) End() error {
	r.space()
	if r.pos != len(r.data) {
		return r.Errorf("data after the end of the document")
	}
	return nil
}

// Object reads an object. It calls member with the name of each member; member
// must read the value, by any method of r.
func (r *Reader) Object(member func(name string) error) error {
	return r.object(func(name []byte) error { return member(string(name)) })
}

func (r *Reader) object(member func(name []byte) error) error {
	if err := r.open('{', "an object"); err != nil {
		return err
	}
	mark, outside := len(r.names), r.members
	var seen map[string]bool
	for first := true; ; first = false {
		more, err := r.more('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if r.Kind() != '"' {
			return r.Errorf("want a member name, got %s", r.next())
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		if r.members == MaxMembers {
			return r.Errorf("more than %d members", MaxMembers)
		}
		r.members++
		if seen == nil {
			for _, n := range r.names[mark:] {
				if bytes.Equal(n, name) {
					return r.Errorf("member %.100q occurs twice", name)
				}
			}
			if len(r.names)-mark == manyMembers {
				seen = make(map[string]bool)
				for _, n := range r.names[mark:] {
					seen[string(n)] = true
				}
			}
		} else if seen[string(name)] {
			return r.Errorf("member %.100q occurs twice", name)
		}
		if seen == nil {
			r.names = append(r.names, name)
		} else {
			seen[string(name)] = true
		}
		if r.Kind() != ':' {
			return r.Errorf("want a colon after member name %.100q, got %s", name, r.next())
		}
		r.pos++
		r.path = append(r.path, step{name: name})
		if err := member(name); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	r.names, r.members = r.names[:mark], outside
	return nil
}

// Members is [Reader.Object] for a name that may be a part of the document and
// must not be changed.
func (r *Reader) Members(member func(name []byte) error) error { return r.object(member) }

// Array reads an array. It calls element for each element with its index;
// element must read the value, by any method of r.
func (r *Reader) Array(element func(i int) error) error {
	if err := r.open('[', "an array"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := r.more(']', i == 0)
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		r.path = append(r.path, step{index: i})
		if err := element(i); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
}

// open reads the bracket that begins an array or object.
func (r *Reader) open(bracket byte, what string) error {
	if r.Kind() != bracket {
		return r.Errorf("want %s, got %s", what, r.next())
	}
	if len(r.path) == MaxDepth {
		return r.Errorf("nested deeper than %d", MaxDepth)
	}
	r.pos++
	return nil
}

// more reads the comma before a further element, or the bracket after the last.
func (r *Reader) more(end byte, first bool) (bool, error) {
	switch k := r.Kind(); {
	case k == end:
		r.pos++
		return false, nil
	case first:
		return true, nil
	case k == ',':
		r.pos++
		if r.Kind() == end {
			return false, r.Errorf("comma before %q", end)
		}
		return true, nil
	default:
		return false, r.Errorf("want a comma or %q, got %s", end, r.next())
	}
}

// String reads a string.
func (r *Reader) String() (string, error) {
	b, err := r.Text()
	return string(b), err
}

// Text reads a string and returns its value, which may be a part of the
// document and must not be changed.
func (r *Reader) Text() ([]byte, error) {
	if r.Kind() != '"' {
		return nil, r.Errorf("want a string, got %s", r.next())
	}
	return r.text()
}

func (r *Reader) text() ([]byte, error) {
	r.pos++
	start := r.pos
	for len(r.data)-r.pos >= 8 && plain(binary.LittleEndian.Uint64(r.data[r.pos:])) {
		r.pos += 8
	}
	ascii := true
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			b := r.data[start:r.pos:r.pos]
			if !ascii && !utf8.Valid(b) {
				return nil, r.Errorf("string is not UTF-8")
			}
			r.pos++
			return b, nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return nil, r.Errorf("control character %#02x in a string", c)
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.pos++
	}
	return nil, r.Errorf("string has no end")
}

// plain reports whether none of eight bytes is a quotation mark, a backslash, a
// control character or outside of ASCII: long strings are base64 as a rule. The
// highest bit of a byte is set in it or by what is subtracted if the byte is one
// of these.
func plain(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	return (eight|(eight-' '*each)|((eight^'"'*each)-each)|((eight^'\\'*each)-each))&high == 0
}

// escaped reads the rest of a string that began at start and whose first escape
// is at r.pos.
func (r *Reader) escaped(start int) ([]byte, error) {
	b := bytes.Clone(r.data[start:r.pos])
	for r.pos < len(r.data) {
		c := r.data[r.pos]
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return nil, r.Errorf("string is not UTF-8")
			}
			r.pos++
			return b, nil
		case c < ' ':
			return nil, r.Errorf("control character %#02x in a string", c)
		case c != '\\':
			b = append(b, c)
			r.pos++
			continue
		}
		if r.pos+1 == len(r.data) {
			break
		}
		e := r.data[r.pos+1]
		r.pos += 2
		switch e {
		case '"', '\\', '/':
			b = append(b, e)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			u, err := r.hex4()
			if err != nil {
				return nil, err
			}
			if utf16.IsSurrogate(u) {
				if !bytes.HasPrefix(r.data[r.pos:], []byte(`\u`)) {
					return nil, r.Errorf("half a surrogate pair in a string")
				}
				r.pos += 2
				low, err := r.hex4()
				if err != nil {
					return nil, err
				}
				if u = utf16.DecodeRune(u, low); u == utf8.RuneError {
					return nil, r.Errorf("half a surrogate pair in a string")
				}
			}
			if u == utf8.RuneError && r.noReplacement {
				return nil, r.Errorf("string is not UTF-8")
			}
			b = utf8.AppendRune(b, u)
		default:
			return nil, r.Errorf("unknown escape in a string, a backslash before %s", strconv.QuoteRune(rune(e)))
		}
	}
	return nil, r.Errorf("string has no end")
}

func (r *Reader) hex4() (rune, error) {
	if len(r.data)-r.pos < 4 {
		return 0, r.Errorf("escape \\u without four hexadecimal digits")
	}
	var u rune
	for _, c := range r.data[r.pos : r.pos+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, r.Errorf("escape \\u without four hexadecimal digits")
		}
		u = u<<4 | rune(c)
	}
	r.pos += 4
	return u, nil
}

// Number reads a number and returns it as written. One that is too large for a
// float64 is refused: readers disagree about its value.
func (r *Reader) Number() (json.Number, error) {
	r.space()
	start := r.pos
	digits := func() bool {
		from := r.pos
		for r.pos < len(r.data) && '0' <= r.data[r.pos] && r.data[r.pos] <= '9' {
			r.pos++
		}
		return r.pos > from
	}
	accept := func(chars string) bool {
		if r.pos < len(r.data) && bytes.IndexByte([]byte(chars), r.data[r.pos]) >= 0 {
			r.pos++
			return true
		}
		return false
	}
	accept("-")
	if !accept("0") && !digits() {
		return "", r.Errorf("want a value, got %s", r.next())
	}
	fraction := true
	if accept(".") {
		fraction = digits()
	}
	exponent := true
	if accept("eE") {
		accept("+-")
		exponent = digits()
	}
	if !fraction || !exponent {
		return "", r.Errorf("malformed number")
	}
	n := string(r.data[start:r.pos])
	if _, err := strconv.ParseFloat(n, 64); err != nil {
		return "", r.Errorf("number out of range")
	}
	return json.Number(n), nil
}

// Skip reads a value of any kind, as strictly as if it were wanted.
func (r *Reader) Skip() error {
	switch r.Kind() {
	case '{':
		return r.object(func([]byte) error { return r.Skip() })
	case '[':
		return r.Array(func(int) error { return r.Skip() })
	case '"':
		_, err := r.text()
		return err
	case 't', 'f', 'n':
		_, err := r.literal()
		return err
	}
	_, err := r.Number()
	return err
}

// Raw reads a value of any kind and returns its bytes, a part of the document.
func (r *Reader) Raw() (json.RawMessage, error) {
	r.space()
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.data[start:r.pos:r.pos], nil
}

// Value reads a value of any kind, as the function [Value] returns it.
func (r *Reader) Value() (any, error) {
	switch r.Kind() {
	case '{':
		m := make(map[string]any)
		err := r.Object(func(name string) error {
			v, err := r.Value()
			m[name] = v
			return err
		})
		return m, err
	case '[':
		a := []any{}
		err := r.Array(func(int) error {
			v, err := r.Value()
			a = append(a, v)
			return err
		})
		return a, err
	case '"':
		return r.String()
	case 't', 'f', 'n':
		return r.literal()
	}
	return r.Number()
}

func (r *Reader) literal() (any, error) {
	rest := r.data[r.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		r.pos += 4
		return true, nil
	case bytes.HasPrefix(rest, []byte("false")):
		r.pos += 5
		return false, nil
	case bytes.HasPrefix(rest, []byte("null")):
		r.pos += 4
		return nil, nil
	}
	return nil, r.Errorf("want a value, got %s", r.next())
}

func (r *Reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// next describes the next byte for an error.
func (r *Reader) next() string {
	if r.pos >= len(r.data) {
		return "the end"
	}
	switch c := r.data[r.pos]; c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		if '0' <= c && c <= '9' || c == '-' {
			return "a number"
		}
		if c >= utf8.RuneSelf {
			return fmt.Sprintf("byte %#x", c)
		}
		return strconv.QuoteRune(rune(c))
	}
}
