package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

var shapeSeeds = flag.Uint64("shapes", 500, "how many documents of SPDX are made at random of each schema")

// A maker makes documents at random that a JSON schema of SPDX allows.
type maker struct {
	*rand.Rand
	defs     map[string]any
	ids      []string // of elements that the document has
	blanks   []string // blank nodes that it has
	next     int
	depth    int
	optional int // in percent, how often what may be there is there
}

func (m *maker) one(in int) bool { return m.IntN(in) == 0 }

func (m *maker) pick(from ...string) string { return from[m.IntN(len(from))] }

// resolve returns a schema with what it refers to and has all of in one object.
func (m *maker) resolve(schema map[string]any) map[string]any {
	all := map[string]any{"properties": map[string]any{}}
	var add func(s map[string]any)
	add = func(s map[string]any) {
		for word, v := range s {
			switch word {
			case "$ref":
				add(m.defs[strings.TrimPrefix(v.(string), "#/$defs/")].(map[string]any))
			case "allOf":
				for _, part := range v.([]any) {
					add(part.(map[string]any))
				}
			case "properties":
				for name, p := range v.(map[string]any) {
					have := all["properties"].(map[string]any)
					if name == "type" && have[name] != nil {
						if one, ok := have[name].(map[string]any)["oneOf"].([]any); ok && one[0].(map[string]any)["const"] != nil {
							continue
						}
					}
					have[name] = p
				}
			case "required":
				list, _ := all["required"].([]any)
				all["required"] = append(list, v.([]any)...)
			case "pattern":
				if all["pattern"] == nil || len(v.(string)) < len(all["pattern"].(string)) {
					all["pattern"] = v
				}
			default:
				all[word] = v
			}
		}
	}
	add(schema)
	return all
}

func (m *maker) make(schema map[string]any, name string) any {
	s := m.resolve(schema)
	switch {
	case s["const"] != nil:
		return s["const"]
	case s["enum"] != nil:
		list := s["enum"].([]any)
		return list[m.IntN(len(list))]
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		list, ok := s[word].([]any)
		if !ok {
			continue
		}
		if word == "anyOf" && len(list) > 1 { // an element: mostly by its identifier
			last, _ := list[len(list)-1].(map[string]any)["$ref"].(string)
			if strings.HasSuffix(last, "/BlankNodeOrIRI") {
				switch {
				case name == "extension" && m.one(2):
					return map[string]any{"type": "https://example.com/extension/" + m.pick("A", "B"), "https://example.com/more": []any{1, "two", map[string]any{"three": nil}}}
				case name == "extension":
					return m.make(map[string]any{"$ref": "#/$defs/extension_CdxPropertiesExtension"}, name)
				case m.depth > 4 || name != "verifiedUsing" && !isValue3(name) && !m.one(12):
					return m.link(name)
				default:
					return m.make(list[0].(map[string]any), name)
				}
			}
		}
		return m.make(list[m.IntN(len(list))].(map[string]any), name)
	}
	switch s["type"] {
	case "array":
		n := m.IntN(3)
		if least, ok := s["minItems"].(float64); ok {
			n = max(n, int(least))
		}
		list := []any{}
		for range n {
			list = append(list, m.make(s["items"].(map[string]any), name))
		}
		return list
	case "boolean":
		return m.one(2)
	case "integer":
		return 1 + m.IntN(1000)
	case "number":
		return []any{0.0, 8.8, 0.0000036, 1e30, 7.0}[m.IntN(5)]
	case "string":
		pattern, _ := s["pattern"].(string)
		return m.text(name, pattern)
	}
	m.depth++
	defer func() { m.depth-- }()
	object := make(map[string]any)
	var required []any
	if s["required"] != nil {
		required = s["required"].([]any)
	}
	properties := s["properties"].(map[string]any)
	for _, p := range slices.Sorted(maps.Keys(properties)) {
		isRequired := slices.Contains(required, any(p)) || p == "type"
		isRequired = isRequired || p == "name" && properties["software_packageVersion"] != nil // by the text of the model
		if p == "@id" || !isRequired && (m.IntN(100) >= m.optional || m.depth > 6) {
			continue
		}
		object[p] = m.make(properties[p].(map[string]any), p)
		if p == "name" && object[p] == "" && m.defs != nil || p == "name" && properties["downloadLocation"] != nil {
			object[p] = "x" // a Component has a name
		}
	}
	if s["properties"].(map[string]any)["spdxId"] != nil && object["spdxId"] != nil {
		object["spdxId"] = m.id()
	}
	return object
}

func isValue3(name string) bool {
	switch name {
	case "externalRef", "externalIdentifier", "extension", "import", "namespaceMap", "software_contentIdentifier", "software_byteRange", "software_lineRange",
		"build_parameter", "build_environment", "ai_metric", "ai_hyperparameter", "dataset_sensor", "simplelicensing_customIdToUri", "extension_cdxProperty",
		"ai_energyConsumption", "ai_trainingEnergyConsumption":
		return true
	}
	return false
}

func (m *maker) id() string {
	m.next++
	id := fmt.Sprintf("%s%d", m.pick("https://example.com/a#", "urn:uuid:1-", "http://spdx.org/spdxdocs/x#SPDXRef-"), m.next)
	m.ids = append(m.ids, id)
	return id
}

func (m *maker) link(name string) string {
	switch {
	case name == "creationInfo":
		return "_:info"
	case m.one(20):
		return m.blanks[m.IntN(len(m.blanks))]
	case len(m.ids) == 0 || m.one(10):
		return m.pick("https://example.com/elsewhere", "urn:other:x", "https://spdx.org/licenses/MIT", "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement",
			"https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement")
	}
	return m.ids[m.IntN(len(m.ids))]
}

func (m *maker) text(name, pattern string) string {
	switch name {
	case "SPDXID":
		m.next++
		id := fmt.Sprintf("SPDXRef-%s%d", m.pick("a", "File.", "Package-", "Package-a-2", "x_"), m.next)
		m.ids = append(m.ids, id)
		return id
	case "spdxElementId", "relatedSpdxElement", "documentDescribes", "hasFiles", "reference", "snippetFromFile", "fileDependencies":
		if m.one(8) && name != "documentDescribes" {
			return m.pick("NONE", "NOASSERTION", "DocumentRef-1:SPDXRef-x")
		}
		if m.one(4) || len(m.ids) == 0 {
			return "SPDXRef-DOCUMENT"
		}
		return m.ids[m.IntN(len(m.ids))]
	case "externalDocumentId":
		m.next++
		return fmt.Sprint("DocumentRef-", m.next)
	case "licenseId":
		m.next++
		return fmt.Sprint("LicenseRef-", m.next)
	case "creators", "annotator", "reviewer":
		return m.pick("Tool: t-1.0", "Tool: t", "Person: P (p@example.com)", "Organization: O", "Person: ", "someone")
	}
	switch {
	case strings.HasPrefix(pattern, "^[0-9]{4}"), strings.HasPrefix(pattern, `^\d\d\d\d`):
		return m.pick("2024-02-29T23:59:59Z", "1999-01-01T00:00:00Z", "2026-11-21T10:00:00Z")
	case strings.HasPrefix(pattern, `^(0|[1-9]`):
		return "3.0.1"
	case strings.HasPrefix(pattern, `^[^\/]+`):
		return m.pick("text/plain", "application/json")
	case strings.HasPrefix(pattern, "^-?"):
		return m.pick("8.8", "-1.", "0.0000036")
	case pattern == "^_:.+":
		return m.blanks[m.IntN(len(m.blanks))]
	case pattern != "":
		return m.link(name)
	}
	switch name {
	case "software_packageUrl":
		return m.pick("pkg:golang/example.com/a@v1.2.3", "pkg:npm/%40a/b@1", "https://example.com/no-purl")
	case "simplelicensing_licenseExpression", "licenseConcluded", "licenseDeclared":
		return m.pick("MIT", "MIT AND (Apache-2.0 OR LicenseRef-1)", "NONE", "NOASSERTION", "not an expression", "DocumentRef-a:LicenseRef-b", "mit with x")
	case "hashValue", "checksumValue", "packageVerificationCodeValue":
		return m.pick("d41d8cd98f00b204e9800998ecf8427e", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "xyz", "")
	case "identifier", "referenceLocator":
		return m.pick("cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "cpe:/a:b:c", "pkg:golang/x@v1", "a@example.com", "https://example.com", "x y")
	case "created", "annotationDate", "reviewDate", "releaseDate", "builtDate", "validUntilDate":
		return m.pick("2024-02-29T23:59:59Z", "1999-01-01T00:00:00Z")
	case "supplier", "originator":
		return m.pick("NOASSERTION", "Organization: A (a@example.com)", "Person: B", "Organization: C ()", "Person:  D", "", "nobody")
	case "downloadLocation", "homepage":
		return m.pick("NONE", "NOASSERTION", "https://example.com/x", "git+https://example.com/x@main#sub", "")
	case "copyrightText":
		return m.pick("NONE", "NOASSERTION", "Copyright A", "")
	}
	return m.pick("a", "B c", "", "ä\u2028", "two\nlines", `"q\`, "<&>", "go.sum h1:x", "property a=b", "requirements complete unless NOASSERTION",
		"type library", "dependsOn", "only\nproperty a=b", "text\nunknown x", "license", "NOASSERTION", "NONE") + m.pick("", "", " 2")
}

// Whatever the schema of SPDX 3.0.1 allows is read and written again with all that
// is in it, in elements of each of its classes.
func TestSPDX3Shapes(t *testing.T) {
	schema := spdx3Schema(t)
	var file struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(readSBOM(t, "schemas/spdx/spdx-json-schema-3.0.1.json"), &file); err != nil {
		t.Fatal(err)
	}
	var classes []string
	for _, c := range file.Defs["AnyClass"].(map[string]any)["anyOf"].([]any) {
		classes = append(classes, strings.TrimPrefix(c.(map[string]any)["$ref"].(string), "#/$defs/"))
	}
	made := make(map[string]int)
	for seed := range *shapeSeeds {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 3)), defs: file.Defs, optional: 30}
		info := map[string]any{"type": "CreationInfo", "@id": "_:info", "created": "2026-11-21T10:00:00Z", "specVersion": "3.0.1", "createdBy": []any{m.id()}}
		m.blanks = []string{"_:info"}
		graph := []any{info}
		documents := m.IntN(2)
		if documents == 1 {
			graph = append(graph, m.make(map[string]any{"$ref": "#/$defs/SpdxDocument"}, ""))
			made["SpdxDocument"]++
		}
		for range 2 + m.IntN(12) {
			class := classes[m.IntN(len(classes))]
			if m.one(3) {
				class = m.pick("software_Package", "Relationship", "software_File", "SpdxDocument", "software_Sbom", "LifecycleScopedRelationship", "Person")
			}
			if class == "SpdxDocument" {
				if documents++; documents > 1 {
					continue
				}
			}
			made[class]++
			e := m.make(map[string]any{"$ref": "#/$defs/" + class}, "").(map[string]any)
			if e["spdxId"] == nil {
				e["@id"] = fmt.Sprintf("_:b%d", len(m.blanks))
				m.blanks = append(m.blanks, e["@id"].(string))
			}
			graph = append(graph, e)
		}
		data, err := json.Marshal(map[string]any{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(data, []byte(`"type":"SpdxDocument"`)) > 1 {
			continue // which no document has
		}
		if seed%4 == 0 {
			if err := validate2(schema, data); err != nil {
				t.Fatalf("seed %d: what is made is not valid: %v\n%s", seed, err, data)
			}
		}
		judgeSPDX(t, fmt.Sprintf("seed %d", seed), data, spdx.V301, schema, seed%16 == 0)
	}
	t.Logf("%d classes: %v", len(made), made)
	if len(made) < len(classes) && *shapeSeeds >= 500 {
		t.Errorf("%d classes were made, want %d", len(made), len(classes))
	}
}

// Whatever the schemas of SPDX 2.2 and 2.3 allow is read and written again with all
// that is in it.
func TestSPDX2Shapes(t *testing.T) {
	schema := spdxSchema(t, "2.3.1")
	for _, version := range []string{"2.2.2", "2.3.1"} {
		var root map[string]any
		if err := json.Unmarshal(readSBOM(t, "schemas/spdx/spdx-schema-"+version+".json"), &root); err != nil {
			t.Fatal(err)
		}
		for seed := range *shapeSeeds {
			m := &maker{Rand: rand.New(rand.NewPCG(seed, 2)), optional: int(10 + seed%80)}
			properties := root["properties"].(map[string]any)
			doc := make(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(properties)) {
				if name == "relationships" || name == "documentDescribes" || name == "$schema" || name == "SPDXID" || m.one(4) && name != "name" && name != "creationInfo" {
					continue
				}
				doc[name] = m.make(properties[name].(map[string]any), name)
			}
			m.optional = 60
			for _, name := range []string{"relationships", "relationships", "documentDescribes"} { // now that there are identifiers
				if m.one(2) {
					doc[name] = m.make(properties[name].(map[string]any), name)
				}
			}
			if doc["name"] == "" {
				doc["name"] = "d" // a Component has a name, and a document can be one
			}
			doc["spdxVersion"], doc["dataLicense"], doc["SPDXID"] = "SPDX-"+version[:3], "CC0-1.0", "SPDXRef-DOCUMENT"
			doc["documentNamespace"] = m.pick("https://example.com/d", "https://spdx.org/spdxdocs/d-1")
			doc["externalDocumentRefs"] = []any{map[string]any{
				"externalDocumentId": "DocumentRef-1", "spdxDocument": "https://example.com/e", "checksum": map[string]any{"algorithm": "SHA1", "checksumValue": ""},
			}}
			if p, ok := doc["packages"].([]any); ok { // files that are in the package
				for _, p := range p {
					delete(p.(map[string]any), m.pick("hasFiles", "x"))
				}
			}
			data, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if version == "2.3.1" {
				if err := validate2(schema, data); err != nil {
					t.Fatalf("seed %d: what is made is not valid: %v\n%s", seed, err, data)
				}
			}
			judgeSPDX(t, fmt.Sprintf("%s: seed %d", version, seed), data, spdx.V23, schema, true)
		}
	}
}

// flat is a graph with the elements that stand within others beside them.
func flat(t *testing.T, data []byte) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var all []any
	var walk func(v any, top bool) any
	walk = func(v any, top bool) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = walk(v[i], false)
			}
		case map[string]any:
			for name := range v {
				v[name] = walk(v[name], false)
			}
			if id := v["spdxId"]; id != nil {
				all = append(all, v)
				return id
			}
			if top {
				all = append(all, v)
			}
		}
		return v
	}
	for _, e := range doc["@graph"].([]any) {
		walk(e, true)
	}
	doc["@graph"] = all
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// judgeSPDX says where a valid document is not written again as it was.
func judgeSPDX(t *testing.T, name string, data []byte, version spdx.Version, schema interface{ Validate(any) error }, valid bool) *sbom.Document {
	t.Helper()
	d, s, err := spdx.Parse(data)
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, data)
		return nil
	}
	if version == spdx.V301 {
		data = flat(t, data)
	}
	if s.Created.IsZero() {
		s.Created = time.Unix(0, 0)
	}
	out, err := spdx.MarshalVersion(d, s, version)
	if err != nil {
		t.Errorf("%s: written: %v\n%s", name, err, data)
		return nil
	}
	if valid {
		if err := validate2(schema, out); err != nil {
			t.Errorf("%s: written: %v\n%s\n%s", name, err, data, out)
		}
	}
	hasDocument := version == spdx.V23 || bytes.Contains(data, []byte(`"SpdxDocument"`)) // or it is written
	var bad []string
	for _, diff := range differences(t, data, out) {
		if !isKnownDifference(diff) && (hasDocument || !strings.HasPrefix(diff, "/@graph[] new: https://spdx.org/spdxdocs/") && diff != "/@graph[] new: _:hallmark") {
			bad = append(bad, diff)
		}
	}
	losses, err := spdx.Losses(d, s, version)
	if err != nil {
		t.Errorf("%s: losses: %v", name, err)
	}
	judgeConversions(t, name, d, s, version)
	if len(bad) > 0 || len(losses) > 0 {
		t.Errorf("%s: differences %q, losses %v\n%s\n%s", name, bad, losses, data, out)
	}
	return d
}

// judgeConversions says where a Document that was read of a version of SPDX is not
// written in other formats with all its fields, or Losses does not tell what is lost.
func judgeConversions(t *testing.T, name string, d *sbom.Document, s sbom.Stamp, version spdx.Version) {
	t.Helper()
	if converted++; converted%3 != 0 {
		return
	}
	if all == nil {
		all = outputs(t)
	}
	for _, v := range all {
		if v.Name == sbom.SPDX && v.Version == string(version) {
			continue
		}
		to := fmt.Sprintf("%s, to %s", name, v)
		out, err := v.marshal(d, s)
		if err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if err := validate2(v.schema, out); err != nil {
			t.Errorf("%s: %.1000v", to, err)
		}
		back, _, err := v.parse(out)
		if err != nil {
			t.Errorf("%s: read back: %v", to, err)
			continue
		}
		if diff := difference("", reflect.ValueOf(*fieldsOf(d)), reflect.ValueOf(*fieldsOf(back))); diff != "" {
			t.Errorf("%s: %.600s", to, diff)
		}
		losses, err := v.losses(d, s)
		if err != nil {
			t.Errorf("%s: losses: %v", to, err)
		}
		for _, what := range unlike(d, losses) {
			t.Errorf("%s: %s", to, what)
		}
	}
}

var (
	converted int
	all       []output
)
