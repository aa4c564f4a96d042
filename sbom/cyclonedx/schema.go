package cyclonedx

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A grammar says what a document of one version may hold. It is not safe for
// concurrent use.
type grammar struct {
	lines []string // of shapes
	read  []*rule  // those lines that were needed
	root  *rule
}

// A rule is one node of a JSON schema of draft 7. Nil and zero fields say nothing.
type rule struct {
	number                          int    // its line in shapes
	types                           string // what a value may be: kinds of nodes, 'i' for an integer
	enum                            []node
	pattern                         string
	expression                      *regexp.Regexp // of the pattern, if there is no quicker way
	format                          string
	minLength, maxLength            int // in characters; no maximum is 0
	minItems, maxItems              int // likewise
	min, max                        *float64
	properties                      map[string]int
	required                        []string
	closed                          bool // no other members than properties
	items                           int  // the rule for elements, or -1
	tuple                           []int
	unique                          bool // no element is there twice
	oneOf, anyOf, allOf, ifThenElse []int
	not                             int // or -1
	never                           bool
}

// newGrammar returns the grammar of the version 1.minor.
func newGrammar(minor int) *grammar {
	g := &grammar{lines: strings.Split(shapes, "\n")}
	g.read = make([]*rule, len(g.lines))
	g.root = g.rule(root(minor))
	return g
}

func (g *grammar) rule(line int) *rule {
	if r := g.read[line]; r != nil {
		return r
	}
	n := mustParse([]byte(g.lines[line]))
	r := &rule{number: line, items: -1, not: -1}
	g.read[line] = r
	number := func(n *node) int {
		i, err := strconv.Atoi(n.text)
		if err != nil {
			panic(fmt.Sprintf("cyclonedx: internal error: %v", err))
		}
		return i
	}
	numbers := func(n *node) (all []int) {
		for i := range n.list {
			all = append(all, number(&n.list[i]))
		}
		return all
	}
	limit := func(n *node) *float64 {
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			panic(fmt.Sprintf("cyclonedx: internal error: %v", err))
		}
		return &f
	}
	for i, name := range n.names {
		v := &n.list[i]
		switch name {
		case "t":
			for _, t := range v.list {
				r.types += map[string]string{"object": "{", "array": "[", "string": `"`, "number": "0", "integer": "i", "boolean": "tf", "null": "n"}[t.text]
			}
		case "e":
			r.enum = v.list
		case "m":
			if r.pattern = v.text; r.pattern != hashContent && r.pattern != serialNumber {
				r.expression = regexp.MustCompile(r.pattern)
			}
		case "f":
			r.format = v.text
		case "l":
			r.minLength = number(v)
		case "L":
			r.maxLength = number(v)
		case "n":
			r.minItems = number(v)
		case "N":
			r.maxItems = number(v)
		case "a":
			r.min = limit(v)
		case "A":
			r.max = limit(v)
		case "p":
			r.properties = make(map[string]int, len(v.list))
			for i, name := range v.names {
				r.properties[name] = number(&v.list[i])
			}
		case "r":
			for _, name := range v.list {
				r.required = append(r.required, name.text)
			}
		case "c":
			r.closed = true
		case "i":
			r.items = number(v)
		case "I":
			r.tuple = numbers(v)
		case "u":
			r.unique = true
		case "o":
			r.oneOf = numbers(v)
		case "y":
			r.anyOf = numbers(v)
		case "w":
			r.allOf = numbers(v)
		case "q":
			r.ifThenElse = numbers(v)
		case "z":
			if v.kind == 't' {
				r.never = true
			} else {
				r.not = number(v)
			}
		}
	}
	return r
}

// The patterns of what is in a document as often as it has components.
const (
	hashContent  = "^([a-fA-F0-9]{32}|[a-fA-F0-9]{40}|[a-fA-F0-9]{64}|[a-fA-F0-9]{96}|[a-fA-F0-9]{128})$"
	serialNumber = "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
)

// A fault is what is wrong with a value, and where it is.
type fault struct {
	path string // a JSON pointer, made from its end
	what string
}

func (f *fault) within(step string) *fault {
	f.path = "/" + escape(step) + f.path
	return f
}

// check returns the first thing for which n is not what r wants, or nil.
func (g *grammar) check(n *node, r *rule) *fault {
	wrong := func(format string, a ...any) *fault { return &fault{what: fmt.Sprintf(format, a...)} }
	if r.never {
		return wrong("it is not allowed here")
	}
	if r.types != "" && strings.IndexByte(r.types, n.kind) < 0 && !(n.kind == '0' && strings.Contains(r.types, "i") && isInteger(n.text)) {
		return wrong("want %s, got %s", kinds(r.types), kinds(string(n.kind)))
	}
	if r.enum != nil && !slices.ContainsFunc(r.enum, func(e node) bool { return e.kind == n.kind && e.text == n.text }) {
		if n.kind == '"' {
			return wrong("%.100q is none of the values for it", n.text)
		}
		return wrong("it is none of the values for it")
	}
	switch n.kind {
	case '"':
		if !r.matches(n.text) {
			return wrong("%.100q does not have the form %s", n.text, r.pattern)
		}
		if r.format != "" && !hasFormat(n.text, r.format) {
			return wrong("%.100q is not of the format %s", n.text, r.format)
		}
		if r.minLength > 0 || r.maxLength > 0 {
			switch l := utf8.RuneCountInString(n.text); {
			case l < r.minLength:
				return wrong("%d characters, want at least %d", l, r.minLength)
			case r.maxLength > 0 && l > r.maxLength:
				return wrong("%d characters, want at most %d", l, r.maxLength)
			}
		}
	case '0':
		if r.min != nil || r.max != nil {
			f, err := strconv.ParseFloat(n.text, 64)
			if err != nil || r.min != nil && f < *r.min || r.max != nil && f > *r.max {
				return wrong("%.100s is out of range", n.text)
			}
		}
	case '{':
		for _, name := range r.required {
			if n.get(name) == nil {
				return wrong("member %q is missing", name)
			}
		}
		if r.properties != nil || r.closed {
			for i, name := range n.names {
				line, ok := r.properties[name]
				switch {
				case ok:
					if f := g.check(&n.list[i], g.rule(line)); f != nil {
						return f.within(name)
					}
				case r.closed:
					return wrong("member %.100q is not known", name)
				}
			}
		}
	case '[':
		if len(n.list) < r.minItems || r.maxItems > 0 && len(n.list) > r.maxItems {
			return wrong("%d elements", len(n.list))
		}
		for i := range n.list {
			item := r.items
			if i < len(r.tuple) {
				item = r.tuple[i]
			}
			if item < 0 {
				continue
			}
			if f := g.check(&n.list[i], g.rule(item)); f != nil {
				return f.within(strconv.Itoa(i))
			}
		}
		if r.unique {
			if i := firstTwice(n.list); i >= 0 {
				return wrong("an element is there twice").within(strconv.Itoa(i))
			}
		}
	}
	for _, line := range r.allOf {
		if f := g.check(n, g.rule(line)); f != nil {
			return f
		}
	}
	if r.not >= 0 && g.check(n, g.rule(r.not)) == nil {
		return wrong("members that exclude one another")
	}
	if q := r.ifThenElse; q != nil {
		then := q[1]
		if g.check(n, g.rule(q[0])) != nil {
			then = q[2]
		}
		if f := g.check(n, g.rule(then)); f != nil {
			return f
		}
	}
	if of := append(r.anyOf[:len(r.anyOf):len(r.anyOf)], r.oneOf...); len(of) > 0 {
		any, one := 0, 0
		var deepest *fault // of all, what is most likely meant
		for i, line := range of {
			f := g.check(n, g.rule(line))
			switch {
			case f == nil && i < len(r.anyOf):
				any++
			case f == nil:
				one++
			case deepest == nil || strings.Count(f.path, "/") > strings.Count(deepest.path, "/"):
				deepest = f
			}
		}
		if one > 1 {
			return wrong("it says one thing in %d ways that exclude one another", one)
		}
		if len(r.anyOf) > 0 && any == 0 || len(r.oneOf) > 0 && one == 0 {
			return deepest
		}
	}
	return nil
}

func isInteger(number string) bool {
	if !strings.ContainsAny(number, ".eE") {
		return true
	}
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && f == float64(int64(f))
}

// kinds says what kinds of values types stand for.
func kinds(types string) string {
	var names []string
	for _, t := range types {
		switch t {
		case '{':
			names = append(names, "an object")
		case '[':
			names = append(names, "an array")
		case '"':
			names = append(names, "a string")
		case '0':
			names = append(names, "a number")
		case 'i':
			names = append(names, "an integer")
		case 't':
			names = append(names, "a boolean")
		case 'f':
			if len(types) == 1 {
				names = append(names, "a boolean")
			}
		case 'n':
			names = append(names, "null")
		}
	}
	return strings.Join(names, " or ")
}

func (r *rule) matches(s string) bool {
	hex := func(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
	switch {
	case r.pattern == "":
		return true
	case r.pattern == hashContent:
		switch len(s) {
		case 32, 40, 64, 96, 128:
			return strings.Trim(s, "0123456789abcdefABCDEF") == ""
		}
		return false
	case r.pattern == serialNumber:
		s, ok := strings.CutPrefix(s, "urn:uuid:")
		return ok && len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
			hex(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])
	}
	return r.expression.MatchString(s)
}

func hasFormat(s, format string) bool {
	switch format {
	case "date-time":
		_, ok := parseTime(s)
		return ok
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		return err == nil
	case "idn-email":
		return isEmail(s)
	case "iri-reference":
		return isReference(s)
	case "uri":
		u, err := url.Parse(s)
		return err == nil && u.IsAbs() && isReference(s)
	}
	return true
}

// parseTime reads a date and time of RFC 3339. A leap second is read as the one
// before it.
func parseTime(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	if len(s) > 19 && s[17:19] == "60" {
		s = s[:17] + "59" + s[19:]
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// isReference reports whether s is a URL, absolute or not, in which there may be
// characters of all scripts.
func isReference(s string) bool {
	u, err := url.Parse(s)
	if err != nil || strings.Contains(s, `\`) {
		return false
	}
	// What net/url takes for a host with several ports.
	return !strings.Contains(u.Hostname(), ":") || strings.HasPrefix(u.Host, "[")
}

// isEmail reports whether s has what an address needs: something before and
// behind its last @, and no space.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// firstTwice returns the index of the first value that an earlier one is equal
// to, or -1.
func firstTwice(list []node) int {
	if len(list) <= 8 {
		for i := range list {
			for j := range i {
				if list[i].equal(&list[j]) {
					return i
				}
			}
		}
		return -1
	}
	// Only what has the same name as another one is looked at in full, and none has
	// if they are in order, as in many documents.
	name := func(n *node) string {
		if n.kind != '{' {
			return n.text
		}
		if ref := cmp.Or(n.str("bom-ref"), n.str("ref")); ref != "" {
			return ref
		}
		return n.str("name") + "\n" + n.str("version")
	}
	rising := 1
	for rising < len(list) && name(&list[rising-1]) < name(&list[rising]) {
		rising++
	}
	if rising == len(list) {
		return -1
	}
	first := make(map[string]int, len(list))
	var seen map[string]bool
	for i := range list {
		n := &list[i]
		j, ok := first[name(n)]
		if !ok {
			first[name(n)] = i
			continue
		}
		if seen == nil {
			seen = make(map[string]bool)
		}
		seen[string(list[j].canonical(nil))] = true
		whole := string(n.canonical(nil))
		if seen[whole] {
			return i
		}
		seen[whole] = true
	}
	return -1
}

// fit returns what of n r allows, and reports whether that is anything. What it
// leaves out or changes it adds to losses, with the path in front.
//
// Signatures are left out: they are of other bytes.
func (g *grammar) fit(n *node, r *rule, path string, losses *[]sbom.Loss) (node, bool) {
	lose := func(at, why string, approximated bool) {
		*losses = append(*losses, sbom.Loss{Path: at, Why: why, Approximated: approximated})
	}
	if r.never {
		return node{}, false
	}
	out := node{kind: n.kind, text: n.text}
	switch n.kind {
	case '"':
		if r.enum != nil && g.check(n, r) != nil {
			// What the version has no name for.
			for _, general := range []string{"other", "application"} {
				if slices.ContainsFunc(r.enum, func(e node) bool { return e.text == general }) {
					lose(path, fmt.Sprintf("there is no %.100q in this version: it is %q", n.text, general), true)
					return str(general), true
				}
			}
		}
	case '{':
		for i, name := range n.names {
			at := path + "/" + escape(name)
			if name == "signature" && n.list[i].kind == '{' {
				lose(at, "the signature is not of this document", false)
				continue
			}
			line, known := r.properties[name]
			switch {
			case known:
				before := len(*losses)
				if m, ok := g.fit(&n.list[i], g.rule(line), at, losses); ok {
					out.names = append(out.names, name)
					out.list = append(out.list, m)
				} else {
					*losses = (*losses)[:before]
					lose(at, "this version does not allow the value", false)
				}
			case r.closed:
				lose(at, "this version does not have the member", false)
			default:
				out.names = append(out.names, name)
				out.list = append(out.list, unsigned(&n.list[i], at, losses))
			}
		}
	case '[':
		seen := make(map[string]bool)
		for i := range n.list {
			at := path + "/" + strconv.Itoa(i)
			item := r.items
			if i < len(r.tuple) {
				item = r.tuple[i]
			}
			if item < 0 {
				out.list = append(out.list, unsigned(&n.list[i], at, losses))
				continue
			}
			before := len(*losses)
			m, ok := g.fit(&n.list[i], g.rule(item), at, losses)
			switch {
			case !ok:
				*losses = (*losses)[:before]
				lose(at, "this version does not allow the value", false)
			case r.unique && seen[string(m.canonical(nil))]:
				*losses = (*losses)[:before]
				lose(at, "in this version it is the same as another one", false)
			case r.maxItems > 0 && len(out.list) == r.maxItems:
				*losses = (*losses)[:before]
				lose(at, "this version allows no more of them", false)
			default:
				if out.list = append(out.list, m); r.unique {
					seen[string(m.canonical(nil))] = true
				}
			}
		}
	}
	for _, line := range r.allOf {
		m, ok := g.fit(&out, g.rule(line), path, losses)
		if !ok {
			return node{}, false
		}
		out = m
	}
	for _, of := range [][]int{r.anyOf, r.oneOf} {
		if len(of) == 0 || slices.ContainsFunc(of, func(line int) bool { return g.check(&out, g.rule(line)) == nil }) {
			continue
		}
		// The way in which least is lost.
		var best node
		var least []sbom.Loss
		found := false
		for _, line := range of {
			var lost []sbom.Loss
			if m, ok := g.fit(&out, g.rule(line), path, &lost); ok && (!found || weight(lost) < weight(least)) {
				best, least, found = m, lost, true
			}
		}
		if !found {
			return node{}, false
		}
		out = best
		*losses = append(*losses, least...)
	}
	if n.kind == '{' && len(out.list) == 0 && len(n.list) > 0 || n.kind == '[' && len(out.list) == 0 && len(n.list) > 0 {
		return node{}, false
	}
	return out, g.check(&out, r) == nil
}

// unsigned returns a copy of what is at path without signatures.
func unsigned(n *node, path string, losses *[]sbom.Loss) node {
	c := *n
	c.names, c.list = slices.Clone(n.names), nil
	for i := range n.list {
		step := strconv.Itoa(i)
		if n.kind == '{' {
			step = escape(n.names[i])
			if step == "signature" && n.list[i].kind == '{' {
				*losses = append(*losses, sbom.Loss{Path: path + "/" + step, Why: "the signature is not of this document"})
				c.names = slices.DeleteFunc(c.names, func(name string) bool { return name == step })
				continue
			}
		}
		c.list = append(c.list, unsigned(&n.list[i], path+"/"+step, losses))
	}
	return c
}

// weight is how much is lost.
func weight(lost []sbom.Loss) (w int) {
	for _, l := range lost {
		if w += 2; l.Approximated {
			w--
		}
	}
	return w
}
