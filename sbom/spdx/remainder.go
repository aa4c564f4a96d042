package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A member is one of a JSON object, its value in canonical form: without white
// space, and with only what must be escaped in a string escaped.
type member struct {
	name  string
	value []byte
}

// members returns the members of an object in canonical form, in their order.
func members(object []byte) []member {
	var list []member
	err := strictjson.Read(object, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			value, err := r.Raw()
			list = append(list, member{name, value})
			return err
		})
	})
	if err != nil {
		panic("spdx: internal error: " + err.Error())
	}
	return list
}

func elements(array []byte) (list [][]byte) {
	err := strictjson.Read(array, func(r *strictjson.Reader) error {
		return r.Array(func(int) error {
			value, err := r.Raw()
			list = append(list, value)
			return err
		})
	})
	if err != nil {
		panic("spdx: internal error: " + err.Error())
	}
	return list
}

func appendObject(b []byte, list []member) []byte {
	b = append(b, '{')
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendString(b, m.name), ':'), m.value...)
	}
	return append(b, '}')
}

func appendArray(b []byte, list [][]byte) []byte {
	b = append(append(b, '['), bytes.Join(list, []byte{','})...)
	return append(b, ']')
}

// canonical returns a value in canonical form: the value itself if that is in it.
func canonical(value []byte) []byte {
	if isCanonical(value) {
		return value
	}
	b, err := strictjson.Append(make([]byte, 0, len(value)), json.RawMessage(value))
	if err != nil {
		panic("spdx: internal error: " + err.Error())
	}
	return b
}

// isCanonical reports whether a value is in canonical form. It may say that one is
// not which has a backslash in a string.
func isCanonical(value []byte) bool {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case ' ', '\t', '\n', '\r':
			return false
		case '"':
			n := stringLen(value[i:])
			text := value[i : i+n]
			if bytes.IndexByte(text, '\\') >= 0 && (bytes.Contains(text, []byte(`\u`)) || bytes.Contains(text, []byte(`\/`))) {
				return false
			}
			i += n - 1
		}
	}
	return true
}

// appendString appends a string that is known to be UTF-8.
func appendString(b []byte, s string) []byte {
	b, err := strictjson.AppendString(b, s)
	if err != nil {
		panic("spdx: internal error: " + err.Error())
	}
	return b
}

// leftover returns what an object that was read has and another one, written of
// what is known of it, has not: members, and elements of arrays. Both are in
// canonical form.
func leftover(format, path string, read, written []byte) (rest []sbom.Remainder) {
	if bytes.Equal(read, written) {
		return nil
	}
	have := members(written)
	keep := func(path string, value []byte) {
		rest = append(rest, sbom.Remainder{Format: format, Path: path, Value: bytes.Clone(value)})
	}
	for _, m := range members(read) {
		path := path + "/" + escapePointer(m.name)
		i := slices.IndexFunc(have, func(o member) bool { return o.name == m.name })
		switch {
		case i < 0:
			keep(path, m.value)
		case same(m.value, have[i].value):
		case m.value[0] == '{' && have[i].value[0] == '{':
			rest = append(rest, leftover(format, path, m.value, have[i].value)...)
		case m.value[0] == '[' && have[i].value[0] == '[':
			list, others := unlike(format, path, elements(m.value), elements(have[i].value))
			if m.name == "originatedBy" && others > 0 { // another element that is the same party
				keep(path, m.value)
				continue
			}
			rest = append(rest, list...)
		case isComment(m.name):
			// The text before the statements.
			var text, lines string
			if json.Unmarshal(m.value, &text) == nil && json.Unmarshal(have[i].value, &lines) == nil {
				text = strings.TrimSuffix(strings.TrimSuffix(text, lines), "\n")
				keep(path, appendString(nil, text))
				continue
			}
			keep(path, m.value)
		default:
			keep(path, m.value)
		}
	}
	return rest
}

// unlike returns what an array that was read has and another one, which is written,
// has not, and how many the other one has that it has not itself. What is about the same
// as something in both is followed by null, so that both are written.
func unlike(format, path string, read, written [][]byte) (rest []sbom.Remainder, others int) {
	both := make([]bool, len(read))
	others = len(written)
	if len(read)+len(written) <= 16 {
		left := slices.Clone(written)
		for n, e := range read {
			if i := slices.IndexFunc(left, func(o []byte) bool { return same(o, e) }); i >= 0 {
				left, both[n] = slices.Delete(left, i, i+1), true
			}
		}
		others = len(left)
	} else {
		count := make(map[string]int)
		for _, e := range written {
			count[string(ordered(e))]++
		}
		for n, e := range read {
			if what := string(ordered(e)); count[what] > 0 {
				count[what]--
				others--
				both[n] = true
			}
		}
	}
	if !slices.Contains(both, false) {
		return nil, others
	}

	replaced, matched := make(map[string]int), make(map[string]bool) // by what they are about
	for _, e := range written {
		replaced[about(e)]++
	}
	for n, e := range read {
		if both[n] {
			replaced[about(e)]--
			matched[about(e)] = true
		}
	}
	for n, e := range read {
		if both[n] {
			continue
		}
		r := sbom.Remainder{Format: format, Path: path + "/" + strconv.Itoa(n), Value: bytes.Clone(e)}
		rest = append(rest, r)
		what := about(e)
		if replaced[what]--; replaced[what] < 0 && matched[what] && what != "" {
			r.Value = json.RawMessage("null")
			rest = append(rest, r)
		}
	}
	return rest, others
}

// same reports whether two values in canonical form are the same, whatever the order
// of members.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) != len(b) || a[0] != b[0] {
		return false
	}
	return (a[0] == '{' || a[0] == '[') && bytes.Equal(ordered(a), ordered(b))
}

// ordered returns a value in canonical form with the members of objects sorted.
func ordered(value []byte) []byte {
	switch value[0] {
	case '{':
		list := members(value)
		for i, m := range list {
			list[i].value = ordered(m.value)
		}
		slices.SortFunc(list, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		return appendObject(nil, list)
	case '[':
		list := elements(value)
		for i, e := range list {
			list[i] = ordered(e)
		}
		return appendArray(nil, list)
	}
	return value
}

// A distinct is a list without duplicates, in the order in which they were added.
type distinct[T comparable] struct {
	list []T
	has  map[T]bool // of a long list
}

func (d *distinct[T]) add(v T) {
	switch {
	case d.has == nil && slices.Contains(d.list, v), d.has[v]:
		return
	case d.has == nil && len(d.list) == 16:
		d.has = make(map[T]bool)
		for _, v := range d.list {
			d.has[v] = true
		}
	}
	d.list = append(d.list, v)
	if d.has != nil {
		d.has[v] = true
	}
}

// inRanges calls do for ranges that together are the numbers below n, several at a
// time, and returns the error of the first range that has one.
func inRanges(n int, do func(from, to int) error) error {
	errs := make([]error, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = do(i*n/len(errs), (i+1)*n/len(errs)) })
	}
	all.Wait()
	return cmp.Or(errs...)
}

// isComment reports whether a member is one that statements stand in, behind what
// others have written there.
func isComment(name string) bool { return name == "comment" || name == "licenseComments" }

// restore puts back into an object in canonical form what leftover has returned.
func restore(object []byte, rest []sbom.Remainder, family string) []byte {
	if !slices.ContainsFunc(rest, func(r sbom.Remainder) bool { return strings.HasPrefix(r.Format, family) && r.Path != "" }) {
		return object
	}
	return appendObject(nil, putAll(members(object), rest, family))
}

// putAll puts what is of a family of formats into an object. Elements of an array,
// which stand one behind the other, are put there at once.
func putAll(list []member, rest []sbom.Remainder, family string) []member {
	array := func(r sbom.Remainder) string {
		i := strings.LastIndexByte(r.Path, '/')
		if _, err := strconv.Atoi(r.Path[i+1:]); err != nil || i <= 0 || !strings.HasPrefix(r.Format, family) {
			return ""
		}
		return r.Path[:i]
	}
	var has map[string]bool // names in the list, if there is much to put into it
	if len(rest) > 32 {
		has = make(map[string]bool)
		for _, m := range list {
			has[m.name] = true
		}
	}
	for len(rest) > 0 {
		r, n := rest[0], 1
		first, _, deeper := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		name := unescapePointer(first)
		switch {
		case !strings.HasPrefix(r.Format, family) || r.Path == "":
		case array(r) == "/"+first:
			for n < len(rest) && array(rest[n]) == array(r) {
				n++
			}
			list = putElements(list, name, rest[:n])
		case deeper:
			within := []sbom.Remainder{r}
			for n < len(rest) && strings.HasPrefix(rest[n].Path, "/"+first+"/") && array(rest[n]) != "/"+first {
				within = append(within, rest[n])
				n++
			}
			for i := range within {
				within[i].Path = within[i].Path[1+len(first):]
			}
			list = putWithin(list, name, within, family)
		case has != nil && !has[name] && string(r.Value) != "null":
			list = append(list, member{name, canonical(r.Value)})
		default:
			list = put(list, name, canonical(r.Value))
		}
		if has != nil {
			has[name] = true
		}
		rest = rest[n:]
	}
	return list
}

// putWithin puts what is left over of a member that is an object into it.
func putWithin(list []member, name string, rest []sbom.Remainder, family string) []member {
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		i = len(list)
		list = append(list, member{name: name})
	} else {
		list = slices.Clone(list)
	}
	var inner []member
	if old := list[i].value; old != nil && old[0] == '{' {
		inner = members(old)
	}
	list[i].value = appendObject(nil, putAll(inner, rest, family))
	return list
}

// putElements inserts elements into the array that a member is, in place of those
// that are written of the same.
func putElements(list []member, name string, rest []sbom.Remainder) []member {
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		i = len(list)
		list = append(list, member{name: name})
	} else {
		list = slices.Clone(list)
	}
	old := list[i].value
	if old != nil && old[0] == '{' { // their numbers are names
		inner := members(old)
		for _, r := range rest {
			inner = put(inner, r.Path[strings.LastIndexByte(r.Path, '/')+1:], canonical(r.Value))
		}
		list[i].value = appendObject(nil, inner)
		return list
	}
	var written, all [][]byte
	if old != nil && old[0] == '[' {
		written = elements(old)
	}
	values := make([][]byte, len(rest))
	same := make(map[string]int)
	for n, r := range rest {
		values[n] = canonical(r.Value)
		if isBeside(rest, n) {
			same[about(values[n-1])]--
		} else {
			same[about(values[n])]++
		}
	}
	written = slices.DeleteFunc(written, func(e []byte) bool {
		what := about(e)
		if what == "" || same[what] <= 0 {
			return false
		}
		same[what]--
		return true
	})
	for n, r := range rest {
		if isBeside(rest, n) {
			continue
		}
		at, err := strconv.Atoi(r.Path[strings.LastIndexByte(r.Path, '/')+1:])
		for err == nil && len(written) > 0 && len(all) < at {
			all, written = append(all, written[0]), written[1:]
		}
		all = append(all, values[n])
	}
	list[i].value = appendArray(nil, append(all, written...))
	return list
}

// isBeside reports whether an element of an array says of the one before it that what
// is written of the same is there as well.
func isBeside(rest []sbom.Remainder, n int) bool {
	return n > 0 && string(rest[n].Value) == "null" && rest[n].Path == rest[n-1].Path
}

// put sets the value of a member.
func put(list []member, name string, value []byte) []member {
	i := slices.IndexFunc(list, func(m member) bool { return m.name == name })
	if i < 0 {
		if string(value) == "null" && isUnsaid(name) {
			return list
		}
		i = len(list)
		list = append(list, member{name: name})
	} else {
		list = slices.Clone(list)
	}
	old := list[i].value
	if string(value) == "null" && old != nil {
		// It was not there. If more than nothing is known now, it stays.
		if string(old) == `"NOASSERTION"` || name == "filesAnalyzed" {
			list = slices.Delete(list, i, i+1)
		}
		return list
	}
	var text, lines string
	if isComment(name) && old != nil && json.Unmarshal(value, &text) == nil && json.Unmarshal(old, &lines) == nil && text != "" {
		value = appendString(nil, text+"\n"+lines)
	}
	list[i].value = value
	return list
}

// isUnsaid reports whether a Remainder has null for a member that was not there.
func isUnsaid(name string) bool {
	switch name {
	case "supplier", "licenseConcluded", "licenseDeclared", "copyrightText", "filesAnalyzed", "software_packageUrl":
		return true
	}
	return false
}

// about returns what an element of an array is about: the text that no two elements
// should have, or "".
func about(element []byte) string {
	if element[0] != '{' {
		return ""
	}
	var e struct {
		Algorithm, ChecksumValue        string // checksums
		ReferenceType, ReferenceLocator string // external references
		LicenseID                       string // extracted licences
		HashValue                       string
		Identifier                      string // external identifiers of SPDX 3
	}
	if json.Unmarshal(element, &e) != nil {
		return ""
	}
	return strings.ToLower(e.Algorithm+e.ChecksumValue+e.HashValue) + e.ReferenceType + e.ReferenceLocator + e.LicenseID + e.Identifier
}

// escapePointer returns a name as it stands in a JSON pointer (RFC 6901).
func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func unescapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
}

// elementsOf returns the elements of an array of a document that are in its
// Remainder, in their order. Those of a graph may have been within others.
func elementsOf(rest []sbom.Remainder, family, array string) (list [][]byte) {
	for _, r := range rest {
		if strings.HasPrefix(r.Format, family) && strings.HasPrefix(r.Path, array+"/") &&
			(array == "/@graph" || !strings.Contains(r.Path[len(array)+1:], "/")) {
			list = append(list, canonical(r.Value))
		}
	}
	return list
}

// appendIndented appends a value in canonical form as it stands at a depth of a
// document that is indented by two spaces.
func appendIndented(b, value []byte, depth int) []byte {
	newline := func() {
		b = append(b, '\n')
		for range depth {
			b = append(b, "  "...)
		}
	}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '"':
			n := stringLen(value[i:])
			b = append(b, value[i:i+n]...)
			i += n - 1
		case '{', '[':
			b = append(b, c)
			if value[i+1] == c+2 { // the bracket that closes it
				i++
				b = append(b, c+2)
				continue
			}
			depth++
			newline()
		case '}', ']':
			depth--
			newline()
			b = append(b, c)
		case ',':
			b = append(b, ',')
			newline()
		case ':':
			b = append(b, ": "...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// stringLen returns the length of the string that b begins with.
func stringLen(b []byte) int {
	for n := 1; ; {
		n += bytes.IndexByte(b[n:], '"') + 1
		slashes := 0
		for b[n-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 { // else the quotation mark is escaped
			return n
		}
	}
}

// A sink writes to w in large pieces and remembers the first error.
type sink struct {
	w   io.Writer
	b   []byte
	err error

	parts, scratch [][]byte // of each, one for a processor
}

const piece = 1 << 16

// flush writes what is in the buffer, if it is much or if all is wanted.
func (s *sink) flush(all bool) {
	if len(s.b) < piece && !all {
		return
	}
	if s.err == nil {
		_, s.err = s.w.Write(s.b)
	}
	s.b = s.b[:0]
}

// each writes n elements that do not depend on one another, in their order. They are
// made on all processors, by appending to b; scratch is theirs to use again and again.
func (s *sink) each(n int, element func(b []byte, i int, scratch *[]byte) []byte) {
	const part = 64
	if s.parts == nil {
		s.parts, s.scratch = make([][]byte, runtime.GOMAXPROCS(0)), make([][]byte, runtime.GOMAXPROCS(0))
	}
	for i := 0; i < n; i += part * len(s.parts) {
		var all sync.WaitGroup
		for p := range s.parts {
			all.Go(func() {
				b := s.parts[p][:0]
				for k := i + p*part; k < min(i+(p+1)*part, n); k++ {
					b = element(b, k, &s.scratch[p])
				}
				s.parts[p] = b
			})
		}
		all.Wait()
		for _, b := range s.parts {
			s.b = append(s.b, b...)
			s.flush(false)
		}
	}
}
