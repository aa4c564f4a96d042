package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

// generated is how many documents are made of each version's schema.
const generated = 15

// A generator makes random values that a JSON schema of CycloneDX allows, with all
// that it has a name for, in most cases: what excludes what is left to the schema to say.
type generator struct {
	t       *testing.T
	r       *rand.Rand
	version string
	files   map[string]any
	refs    int
}

func (g *generator) one(in int) bool { return g.r.IntN(in) == 0 }

func (g *generator) pick(from ...string) string { return from[g.r.IntN(len(from))] }

// at returns the schema at a reference from a file.
func (g *generator) at(file, ref string) (string, map[string]any) {
	other, pointer, _ := strings.Cut(ref, "#")
	if other == "" {
		other = file
	}
	if g.files[other] == nil {
		var v any
		if err := json.Unmarshal(readSBOM(g.t, "schemas/cyclonedx/"+other), &v); err != nil {
			g.t.Fatal(err)
		}
		g.files[other] = v
	}
	at := g.files[other]
	for _, step := range strings.Split(pointer, "/")[1:] {
		at = at.(map[string]any)[step]
	}
	return other, at.(map[string]any)
}

// value returns a value for a schema, at most so deep.
func (g *generator) value(file, name string, schema map[string]any, depth int) any {
	if ref, ok := schema["$ref"].(string); ok {
		other, at := g.at(file, ref)
		return g.value(other, name, at, depth)
	}
	if c, ok := schema["const"]; ok {
		return c
	}
	if list, ok := schema["enum"].([]any); ok {
		return list[g.r.IntN(len(list))]
	}
	kind, _ := schema["type"].(string)
	if list, ok := schema["type"].([]any); ok {
		kind = list[g.r.IntN(len(list))].(string)
	}
	var chosen map[string]any
	for _, word := range []string{"oneOf", "anyOf"} {
		if list, ok := schema[word].([]any); ok {
			chosen = list[g.r.IntN(len(list))].(map[string]any)
		}
	}
	if schema["properties"] == nil && schema["items"] == nil && chosen != nil && (chosen["$ref"] != nil || chosen["type"] != nil || chosen["properties"] != nil || chosen["enum"] != nil) {
		return g.value(file, name, chosen, depth)
	}
	if kind == "" && (schema["properties"] != nil || schema["required"] != nil) {
		kind = "object"
	}
	switch kind {
	case "object":
		v := make(map[string]any)
		var required []string
		need := func(list any) {
			all, _ := list.([]any)
			for _, name := range all {
				required = append(required, name.(string))
			}
		}
		need(schema["required"])
		need(chosen["required"])
		properties, _ := schema["properties"].(map[string]any)
		all := maps.Clone(properties)
		if more, ok := chosen["properties"].(map[string]any); ok {
			if all == nil {
				all = make(map[string]any)
			}
			maps.Copy(all, more)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			must := slices.Contains(required, name)
			if name == "signature" || !must && (depth <= 0 || !g.one(3) && depth < 7 || depth >= 7 && g.one(3)) {
				continue
			}
			sub, ok := all[name].(map[string]any)
			if !ok {
				continue
			}
			v[name] = g.value(file, name, sub, depth-1)
		}
		if closed, ok := schema["additionalProperties"].(bool); (!ok || closed) && g.one(6) {
			v[g.pick("x-extra", "a/b~c", "ä")] = []any{json.Number("1e3"), "x", map[string]any{"bom": true}}
		}
		return v
	case "array":
		v := []any{}
		items, _ := schema["items"].(map[string]any)
		n := g.r.IntN(4)
		if depth <= 0 {
			n = 1
		}
		for range n {
			if items != nil {
				v = append(v, g.value(file, name, items, depth-1))
			}
		}
		return v
	case "string":
		return g.text(name, schema)
	case "integer":
		return json.Number(g.pick("1", "2", "99", "5", "7"))
	case "number":
		return json.Number(g.pick("0", "1", "0.5", "1e-1", "0.50"))
	case "boolean":
		return g.one(2)
	}
	return g.pick("any", "thing")
}

func (g *generator) text(name string, schema map[string]any) string {
	switch schema["format"] {
	case "date-time":
		return g.pick("2026-11-21T01:02:03Z", "2026-11-21T01:02:03.456+02:00", "2020-02-29t23:59:59z")
	case "date":
		return "2026-11-21"
	case "iri-reference":
		return g.pick("https://example.com/a?b#c", "//x", "a/ä", "mailto:a@b.c", "", "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x") + strconv.Itoa(g.r.IntN(9))
	case "idn-email":
		return g.pick("a@example.com", "ä@ö")
	}
	switch pattern, _ := schema["pattern"].(string); {
	case strings.HasPrefix(pattern, "^([a-fA-F0-9]{32}"):
		return strings.Repeat(g.pick("a", "0", "F"), []int{32, 40, 64, 96, 128}[g.r.IntN(5)])
	case strings.HasPrefix(pattern, "^urn:uuid"):
		return "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b7" + strconv.Itoa(g.r.IntN(10))
	case strings.HasPrefix(pattern, "^urn:cdx") && strings.HasSuffix(pattern, "#.+$"):
		return "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x"
	case strings.HasPrefix(pattern, "^urn:cdx"):
		return "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1"
	case strings.HasPrefix(pattern, "^[-+a-z0-9.]+/"):
		return "text/plain"
	case strings.HasPrefix(pattern, "^([a-z]{2})"):
		return g.pick("en", "de-AT")
	case strings.HasPrefix(pattern, "^CRE:"):
		return "CRE:1-2"
	case strings.HasPrefix(pattern, "^[A-Z]{2}$"):
		return "DE"
	case strings.HasPrefix(pattern, "^[A-Za-z0-9][A-Za"):
		return "A1 (b) 2"
	}
	switch name {
	case "bom-ref":
		g.refs++
		return "r" + strconv.Itoa(g.refs)
	case "ref", "dependsOn", "provides", "assemblies", "dependencies", "subjects", "vulnerabilities", "requirements", "evidence", "target":
		return "r" + strconv.Itoa(1+g.r.IntN(12))
	case "purl":
		return g.pick("pkg:npm/%40a/b@1.0.0", "pkg:golang/x.y/z@v1.2.3", "PKG:Go/x", "no purl", "pkg:npm/a?b=c#d")
	case "cpe":
		return g.pick("cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "cpe:/a:b:c")
	case "expression":
		return g.pick("MIT OR Apache-2.0", "MIT", "LicenseRef-x", "(MIT", "GPL-2.0-only WITH Classpath-exception-2.0")
	}
	if n, ok := schema["minLength"].(float64); ok && n > 1 {
		return strings.Repeat("x", int(n))
	}
	return g.pick("a", "b c", "<Ä & \"B\">\u2028", "hallmark:scope", "cdx:cisa:unknown-information", "Component Version", "build", "0") + g.pick("", "", "x", "y")
}

// fit makes the references of dependencies those of something, and each once.
func fitDependencies(doc map[string]any) {
	known := make(map[string]bool)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, m := range v {
				if s, ok := m.(string); ok && name == "bom-ref" {
					known[s] = true
				}
				walk(m)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	list, _ := doc["dependencies"].([]any)
	var kept []any
	for _, e := range list {
		e := e.(map[string]any)
		if !known[fmt.Sprint(e["ref"])] {
			continue
		}
		for _, name := range []string{"dependsOn", "provides"} {
			on, ok := e[name].([]any)
			if !ok {
				continue
			}
			fit := []any{}
			for _, r := range on {
				if known[fmt.Sprint(r)] {
					fit = append(fit, r)
				}
			}
			e[name] = fit
		}
		kept = append(kept, e)
	}
	if list != nil {
		doc["dependencies"] = append([]any{}, kept...)
	}
}

// resolve returns the value at a JSON pointer.
func resolve(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		switch at := v.(type) {
		case map[string]any:
			m, ok := at[step]
			if !ok {
				return nil, false
			}
			v = m
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Documents made of the schemas, with anything that they allow.
func TestCycloneDXGenerated(t *testing.T) {
	schemas := cycloneDXSchemas(t)
	all := outputs(t)
	count := make(map[string]int)
	for _, version := range []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
		for seed := range uint64(generated) {
			g := &generator{t: t, r: rand.New(rand.NewPCG(seed, 3)), version: version, files: make(map[string]any)}
			data := g.document(schemas[version].Validate)
			if data == nil {
				t.Fatalf("%s: no valid document", version)
			}
			count["made"]++
			name := fmt.Sprintf("%s, seed %d", version, seed)
			d, s, err := cyclonedx.Parse(data)
			if err != nil {
				if !explained(err, nil) {
					t.Errorf("%s: %v\n%s", name, err, data)
				}
				count["refused "+err.Error()[strings.LastIndex(err.Error(), ": "):]]++
				continue
			}
			count["read"]++
			for _, v := range all {
				if v.Name == sbom.CycloneDX {
					testConverted(t, name, data, version, d, s, v)
				}
			}
		}
	}
	t.Logf("%v", count)
}

// document returns a document that the schema allows.
func (g *generator) document(validate func(any) error) []byte {
	file := "bom-" + g.version + ".schema.json"
	_, root := g.at(file, "#")
	members := root["properties"].(map[string]any)
	doc := map[string]any{"bomFormat": "CycloneDX", "specVersion": g.version, "version": json.Number("1")}
	allow := func() bool {
		data, err := json.Marshal(doc)
		if err != nil {
			g.t.Fatal(err)
		}
		v, err := unmarshalSchema(data)
		if err != nil {
			g.t.Fatal(err)
		}
		return validate(v) == nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if doc[name] != nil || name == "signature" || g.one(4) {
			continue
		}
		// Elements that the schema does not allow are left out one by one.
		v := g.value(file, name, members[name].(map[string]any), 8)
		switch v := v.(type) {
		case []any:
			doc[name] = []any{}
			for _, e := range v {
				before := doc[name].([]any)
				doc[name] = append(before[:len(before):len(before)], e)
				for range 30 {
					if allow() {
						break
					}
					_, items := g.at(file, "#/properties/"+name)
					e = g.value(file, name, items["items"].(map[string]any), 2+g.r.IntN(5))
					doc[name] = append(before[:len(before):len(before)], e)
				}
				if !allow() {
					doc[name] = before
				}
			}
		case map[string]any:
			doc[name] = map[string]any{}
			for _, member := range slices.Sorted(maps.Keys(v)) {
				doc[name].(map[string]any)[member] = v[member]
				for range 10 {
					if allow() {
						break
					}
					again := g.value(file, name, members[name].(map[string]any), 5).(map[string]any)
					if again[member] != nil {
						doc[name].(map[string]any)[member] = again[member]
					}
				}
				if !allow() {
					delete(doc[name].(map[string]any), member)
				}
			}
			if !allow() {
				delete(doc, name)
			}
		default:
			doc[name] = v
			if !allow() {
				delete(doc, name)
			}
		}
	}
	fitDependencies(doc)
	if !allow() {
		delete(doc, "dependencies")
	}
	if !allow() {
		return nil
	}
	data, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		g.t.Fatal(err)
	}
	return data
}

func testConverted(t *testing.T, name string, data []byte, version string, d *sbom.Document, s sbom.Stamp, v output) {
	t.Helper()
	name += ", to " + v.Version
	out, err := v.marshal(d, s)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, data)
		return
	}
	if err := validate2(v.schema, out); err != nil && !explained(nil, err) {
		t.Errorf("%s: %v\n%s", name, err, data)
	}
	losses, err := v.losses(d, s)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, data)
	}
	if v.Version == version {
		if at := firstDifference("", normal(t, data), normal(t, out)); at != "" {
			t.Errorf("%s: differs at %s\n%s\n%s", name, at, data, out)
		}
		if len(losses) > 0 {
			t.Errorf("%s: losses %v", name, losses)
		}
	}
	var source any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&source); err != nil {
		t.Fatal(err)
	}
	// What is lost is at its place in the source.
	seen := make(map[string]bool)
	for _, l := range losses {
		if seen[l.Path+l.Why] {
			t.Errorf("%s: told twice: %v", name, l)
		}
		seen[l.Path+l.Why] = true
		if _, ok := resolve(source, l.Path); !ok && !l.Approximated {
			t.Errorf("%s: nothing is at the path of %v\n%s", name, l, data)
		}
	}
	before, after := leaves(t, data), leaves(t, out)
	told := make(map[string]bool)
	for leaf, n := range before {
		path, _, _ := strings.Cut(leaf, "=")
		if n <= after[leaf] {
			continue
		}
		found := false
		for _, l := range losses {
			if path == general(l.Path) || strings.HasPrefix(path, general(l.Path)+"/") {
				told[l.Path], found = true, true
			}
		}
		if tool := "/metadata/tools/*/"; leaf == tool+"name="+s.Tool.Name || leaf == tool+"version="+s.Tool.Version {
			continue // it is in another place before 1.5
		}
		if !found {
			t.Errorf("%s: %.200s is lost, and nobody says so\n%s\n%s", name, leaf, data, out)
		}
	}
	for _, l := range losses {
		if !told[l.Path] && !l.Approximated && !strings.HasSuffix(l.Path, "/signature") {
			t.Errorf("%s: a loss that is none: %v\n%s\n%s", name, l, data, out)
		}
	}
	back, stamp, err := v.parse(out)
	if err != nil {
		t.Errorf("%s: read again: %v\n%s\n%s", name, err, data, out)
		return
	}
	if twice, err := v.marshal(back, stamp); err != nil || !bytes.Equal(twice, out) {
		t.Errorf("%s: other bytes the second time: %v\n%s\n%s\n%s", name, err, data, out, twice)
	}
}
