package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Append appends v as JSON without white space. The same value gives the same
// bytes: members of maps come in the byte order of their names, members of a
// [json.RawMessage] in the order that they have in it, numbers keep their
// digits, and only what must be escaped in a string is escaped.
//
// v may be what [Value] returns, a string or integer type, a slice of strings, a
// map of strings to strings, a json.RawMessage, or anything that encoding/json
// can marshal. It is an error if v holds a string that is not UTF-8 or a
// json.RawMessage or json.Number that a [Reader] refuses. Within a value that
// only encoding/json can marshal, text that was marshaled already must not have
// the escape \ufffd.
func Append(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return AppendString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case json.Number:
		var n json.Number
		err := Read([]byte(v), func(r *Reader) (err error) {
			n, err = r.Number()
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("json.Number %.100q: %w", string(v), err)
		}
		return append(b, n...), nil
	case json.RawMessage:
		return appendRaw(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = Append(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case []string:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = AppendString(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		return appendMap(b, v)
	case map[string]string:
		return appendMap(b, v)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	r := NewReader(buf.Bytes())
	r.noReplacement = true
	if b, err = r.Append(b); err != nil {
		return nil, err
	}
	return b, nil
}

func appendMap[V any](b []byte, m map[string]V) ([]byte, error) {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = AppendString(b, name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = Append(b, m[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendRaw appends a document without its white space, its strings escaped
// anew and its members and numbers as they are.
func appendRaw(b, raw []byte) ([]byte, error) {
	err := Read(raw, func(r *Reader) (err error) {
		b, err = r.Append(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Append reads a value of any kind and appends it, as the function [Append] does.
func (r *Reader) Append(b []byte) ([]byte, error) {
	switch r.Kind() {
	case '{':
		b = append(b, '{')
		first := true
		err := r.object(func(name []byte) (err error) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendQuoted(b, name), ':')
			b, err = r.Append(b)
			return err
		})
		return append(b, '}'), err
	case '[':
		b = append(b, '[')
		err := r.Array(func(i int) (err error) {
			if i > 0 {
				b = append(b, ',')
			}
			b, err = r.Append(b)
			return err
		})
		return append(b, ']'), err
	case '"':
		s, err := r.text()
		return appendQuoted(b, s), err
	}
	raw, err := r.Raw()
	return append(b, raw...), err
}

// AppendString appends s as a JSON string. Only quotation marks, backslashes
// and control characters are escaped, as RFC 8785 section 3.2.2.2 says.
func AppendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("string %.100q is not UTF-8", s)
	}
	return appendQuoted(b, s), nil
}

func appendQuoted[T []byte | string](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0 // of what is not appended yet
	for i := 0; i < len(s); i++ {
		for len(s)-i >= 8 && plain(word(s[i:i+8])) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
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
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(append(b, s[start:]...), '"')
}

// word returns eight bytes as [plain] wants them.
func word[T []byte | string](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
