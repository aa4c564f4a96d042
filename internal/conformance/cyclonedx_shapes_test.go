package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what package cyclonedx knows of the schemas again")

// A shape is a node of a JSON schema: what it says itself, without the words
// that are for people, and its nodes in the order in which it says them.
type shape struct {
	says   string // with %d for each of nodes
	nodes  []int
	itself int // a reference: the node that it stands for, or -1
}

// Package cyclonedx checks documents by a table that is made here of the official
// schemas of all versions. Nodes that say the same are one line of it.
func TestShapesAreThoseOfTheSchemas(t *testing.T) {
	b := shapes{t: t, known: make(map[string]int), files: make(map[string]any)}
	var roots []int
	for _, version := range []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
		roots = append(roots, b.ref("bom-"+version+".schema.json", "#"))
	}
	lines, roots := b.lines(roots)

	var file bytes.Buffer
	file.WriteString(`package cyclonedx

// shapes are the JSON schemas of CycloneDX 1.2 to 1.7 without their words, one
// node a line, in which a number as a node is the line that it is at. The tests of
// this module make them of the official schemas and compare.
//
// Names of registries that grow, as those of licences, are any string here, and
// so is what must match "^(.*)$" in 1.2, which is anything but a line break.
const shapes = ` + "`")
	for _, line := range lines {
		file.WriteString(line + "\n")
	}
	fmt.Fprintf(&file, "`\n\n// root returns the line in shapes that a document of the version 1.minor has.\nfunc root(minor int) int {\n\tswitch minor {\n")
	for i, r := range roots {
		fmt.Fprintf(&file, "\tcase %d:\n\t\treturn %d\n", i+2, r)
	}
	fmt.Fprintf(&file, "\t}\n\treturn -1\n}\n")

	const name = "../../sbom/cyclonedx/shapes.go"
	if *update {
		if err := os.WriteFile(name, file.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, file.Bytes()) {
		t.Errorf("%s differs from what the schemas say: run this test with -update", name)
	}
}

type shapes struct {
	t     *testing.T
	files map[string]any
	known map[string]int // by file and pointer
	all   []shape
}

// ref returns the node at a place in a schema.
func (b *shapes) ref(file, pointer string) int {
	key := file + pointer
	if n, ok := b.known[key]; ok {
		return n
	}
	n := len(b.all)
	b.known[key] = n
	b.all = append(b.all, shape{itself: -1})
	if file == "spdx.schema.json" || file == "cryptography-defs.schema.json" {
		b.all[n].says = `{"t":["string"]}`
		return n
	}
	if b.files[file] == nil {
		var v any
		if err := json.Unmarshal(readSBOM(b.t, "schemas/cyclonedx/"+file), &v); err != nil {
			b.t.Fatal(err)
		}
		b.files[file] = v
	}
	at := b.files[file]
	for _, step := range strings.Split(pointer, "/")[1:] {
		at = at.(map[string]any)[step]
	}
	b.all[n] = b.node(file, at)
	return n
}

func (b *shapes) add(file string, schema any) int {
	s := b.node(file, schema)
	b.all = append(b.all, s)
	return len(b.all) - 1
}

func (b *shapes) node(file string, schema any) shape {
	switch schema := schema.(type) {
	case bool:
		if !schema {
			return shape{says: `{"z":true}`, itself: -1}
		}
		return shape{says: `{}`, itself: -1}
	case map[string]any:
		if r, ok := schema["$ref"].(string); ok { // what is beside it has no meaning in draft 7
			other, pointer, _ := strings.Cut(r, "#")
			if other == "" {
				other = file
			}
			return shape{itself: b.ref(other, "#"+pointer)}
		}
		return b.object(file, schema)
	}
	b.t.Fatalf("%s: a schema is %v", file, schema)
	return shape{}
}

func (b *shapes) object(file string, schema map[string]any) shape {
	s := shape{itself: -1}
	var parts []string
	says := func(name, value string) { parts = append(parts, fmt.Sprintf("%q:%s", name, value)) }
	text := func(v any) string {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			b.t.Fatal(err)
		}
		return strings.ReplaceAll(strings.TrimSpace(buf.String()), "%", "%%")
	}
	one := func(v any) string {
		s.nodes = append(s.nodes, b.add(file, v))
		return "%d"
	}
	list := func(v any) string {
		var all []string
		for _, e := range v.([]any) {
			all = append(all, one(e))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	for _, word := range slices.Sorted(maps.Keys(schema)) {
		v := schema[word]
		switch word {
		case "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "definitions", "meta:enum", "readOnly", "then", "else":
		case "additionalItems": // items is never a list
		case "type":
			if _, ok := v.([]any); !ok {
				v = []any{v}
			}
			says("t", text(v))
		case "enum":
			says("e", text(v))
		case "const":
			says("e", text([]any{v}))
		case "required":
			says("r", text(v))
		case "uniqueItems":
			if v == true {
				says("u", "true")
			}
		case "additionalProperties":
			if v == false {
				says("c", "true")
			} else if v != true {
				b.t.Fatalf("%s: additionalProperties %v", file, v)
			}
		case "pattern":
			if v != "^(.*)$" {
				says("m", text(v))
			}
		case "format":
			if v != "string" { // which is none
				says("f", text(v))
			}
		case "minLength":
			says("l", text(v))
		case "maxLength":
			says("L", text(v))
		case "minItems":
			says("n", text(v))
		case "maxItems":
			says("N", text(v))
		case "minimum":
			says("a", text(v))
		case "maximum":
			says("A", text(v))
		case "properties":
			var all []string
			for _, name := range slices.Sorted(maps.Keys(v.(map[string]any))) {
				all = append(all, text(name)+":"+one(v.(map[string]any)[name]))
			}
			says("p", "{"+strings.Join(all, ",")+"}")
		case "items":
			if _, ok := v.([]any); ok {
				says("I", list(v))
			} else {
				says("i", one(v))
			}
		case "oneOf":
			says("o", list(v))
		case "anyOf":
			says("y", list(v))
		case "allOf":
			says("w", list(v))
		case "not":
			says("z", one(v))
		case "if":
			says("q", list([]any{v, cmpOr(schema["then"], true), cmpOr(schema["else"], true)}))
		default:
			b.t.Fatalf("%s: the schema says %q, which is not known here", file, word)
		}
	}
	s.says = "{" + strings.Join(parts, ",") + "}"
	return s
}

func cmpOr(v, otherwise any) any {
	if v == nil {
		return otherwise
	}
	return v
}

// lines returns the nodes that can be reached from roots, each of those that say
// the same once, and the lines that roots are at.
func (b *shapes) lines(roots []int) (lines []string, at []int) {
	real := func(n int) int {
		for b.all[n].itself >= 0 {
			n = b.all[n].itself
		}
		return n
	}
	// Nodes are of one class until something tells them apart.
	class := make([]int, len(b.all))
	for count := 0; ; {
		names := make(map[string]int)
		next := make([]int, len(b.all))
		for i, s := range b.all {
			if s.itself >= 0 {
				continue
			}
			key := s.says
			for _, n := range s.nodes {
				key += fmt.Sprint(" ", class[real(n)])
			}
			if _, ok := names[key]; !ok {
				names[key] = len(names)
			}
			next[i] = names[key]
		}
		class = next
		if len(names) == count {
			break
		}
		count = len(names)
	}

	line := make(map[int]int) // of a class
	var queue []int
	place := func(n int) int {
		c := class[real(n)]
		if _, ok := line[c]; !ok {
			line[c] = len(line)
			queue = append(queue, real(n))
		}
		return line[c]
	}
	for _, r := range roots {
		at = append(at, place(r))
	}
	for i := 0; i < len(queue); i++ {
		s := b.all[queue[i]]
		var nodes []any
		for _, n := range s.nodes {
			nodes = append(nodes, place(n))
		}
		lines = append(lines, fmt.Sprintf(s.says, nodes...))
	}
	return lines, at
}
