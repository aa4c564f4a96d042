package sbom_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// shop is the thing as a whole that documents are merged for.
func shop() sbom.Component {
	c := golang("example.com/shop", "v5.0.0")
	c.Type = sbom.Application
	return c
}

// outline returns a line for each component, with its scope and targets, and for
// each edge.
func outline(d *sbom.Document) string {
	var b strings.Builder
	for _, c := range d.All() {
		fmt.Fprintf(&b, "%s %s %s\n", c.Ref, c.Scope, strings.Join(c.Targets, ","))
	}
	for _, e := range d.Edges {
		fmt.Fprintf(&b, "%s > %s %s %s\n", e.From, e.To, e.Kind, e.Target)
	}
	return strings.ReplaceAll(b.String(), "pkg:golang/example.com/", "")
}

func TestMerge(t *testing.T) {
	one, two := release(), release()
	two.Main.Name, two.Main.PURL = "example.com/web", "pkg:golang/example.com/web@v1.0.0"
	rename(two, two.Main.Ref, two.Main.PURL)
	upgrade(two, "example.com/z", "v1.1.0", "v1.2.0")
	two.Component("pkg:golang/example.com/y@v0.9.0").Scope = sbom.TestOnly
	for i := range two.Edges {
		if strings.HasSuffix(two.Edges[i].To, "/y@v0.9.0") {
			two.Edges[i].Kind = sbom.ForTests
		}
	}
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"web": two, "app": one})
	if err != nil {
		t.Fatal(err)
	}
	want := `shop@v5.0.0 runtime 
app@v1.0.0 runtime 
web@v1.0.0 runtime 
x@v1.2.3 runtime 
y@v0.9.0 runtime 
z@v1.0.0 runtime 
z@v1.1.0 runtime 
z@v1.2.0 runtime 
app@v1.0.0 > x@v1.2.3  
app@v1.0.0 > y@v0.9.0  
shop@v5.0.0 > app@v1.0.0  
shop@v5.0.0 > web@v1.0.0  
web@v1.0.0 > x@v1.2.3  
web@v1.0.0 > y@v0.9.0 test 
x@v1.2.3 > z@v1.0.0  
x@v1.2.3 > z@v1.1.0  
x@v1.2.3 > z@v1.2.0  
`
	if got := outline(m); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMergeOfOne(t *testing.T) {
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"app": release()})
	if err != nil || len(m.Components) != 5 || len(m.Edges) != 5 {
		t.Errorf("got %+v, error %v, want 5 components and 5 edges", m, err)
	}
	// What tells of the same thing twice is the thing.
	m, err = sbom.Merge(release().Main, map[string]*sbom.Document{"source": release(), "binary": release()})
	if err != nil || !reflect.DeepEqual(m, release()) {
		t.Errorf("got %+v, error %v, want the document itself", m, err)
	}
}

func TestMergeRefs(t *testing.T) {
	// Both call other things "1" and "main", and the same things by other names.
	one, two := release(), release()
	const x, y = "pkg:golang/example.com/x@v1.2.3", "pkg:golang/example.com/y@v0.9.0"
	rename(one, one.Main.Ref, "main")
	rename(two, two.Main.Ref, "main")
	two.Main.Name, two.Main.PURL = "example.com/web", "pkg:golang/example.com/web@v1.0.0"
	rename(one, x, "1")
	rename(two, y, "1")
	two.Components = append(two.Components, lib("two:1")) // taken
	if err := two.Sort(); err != nil {
		t.Fatal(err)
	}
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"one": one, "two": two})
	if err != nil {
		t.Fatal(err)
	}
	want := `shop@v5.0.0 runtime 
1 runtime 
one:main runtime 
y@v0.9.0 runtime 
z@v1.0.0 runtime 
z@v1.1.0 runtime 
two:1 runtime 
two:main runtime 
1 > z@v1.0.0  
1 > z@v1.1.0  
one:main > 1  
one:main > y@v0.9.0  
shop@v5.0.0 > one:main  
shop@v5.0.0 > two:main  
two:main > 1  
two:main > y@v0.9.0  
`
	if got := outline(m); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}

	// Without PURLs, only the Ref can say that it is the same thing.
	one, two = document(), document()
	two.Components[0].Name = "other"
	two.Components = append(two.Components, lib("two:a"))
	m, err = sbom.Merge(shop(), map[string]*sbom.Document{"one": one, "two": two})
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, c := range m.Components {
		refs = append(refs, c.Ref)
	}
	if got := strings.Join(refs, " "); got != "b c d main one:a two:a two:two:a" {
		t.Errorf("got %s", got)
	}
	if got := m.Component("two:two:a").Name; got != "other" {
		t.Errorf("the other one is %s", got)
	}
}

func TestMergeKeepsApart(t *testing.T) {
	const ref = "pkg:golang/example.com/x@v1.2.3"
	both := func(set func(c *sbom.Component, i int)) func(one, two *sbom.Component) {
		return func(one, two *sbom.Component) { set(one, 1); set(two, 2) }
	}
	for _, tt := range []struct {
		name   string
		change func(one, two *sbom.Component)
		apart  bool
		want   func(c *sbom.Component) bool // of the one there is
	}{
		{"nothing", func(_, _ *sbom.Component) {}, false, nil},
		{"description", both(func(c *sbom.Component, i int) { c.Description = fmt.Sprint(i) }), true, nil},
		{"description of one", func(_, c *sbom.Component) { c.Description = "d" }, false, func(c *sbom.Component) bool { return c.Description == "d" }},
		{"supplier", both(func(c *sbom.Component, i int) { c.Supplier = &sbom.Party{Name: fmt.Sprint(i)} }), true, nil},
		{"supplier of one", func(c, _ *sbom.Component) { c.Supplier = &sbom.Party{Name: "A"} }, false, func(c *sbom.Component) bool { return c.Supplier.Name == "A" }},
		{"producer", both(func(c *sbom.Component, i int) { c.Producer = &sbom.Party{Name: fmt.Sprint(i)} }), true, nil},
		{"licences", both(func(c *sbom.Component, i int) { c.Licenses = &sbom.Licenses{Unknown: fmt.Sprint(i)} }), true, nil},
		{"licences of one", func(_, c *sbom.Component) { c.Licenses = &sbom.Licenses{Declared: "MIT"} }, false, func(c *sbom.Component) bool { return c.Licenses.Declared == "MIT" }},
		{"name", func(_, c *sbom.Component) { c.Name = "x" }, true, nil},
		{"group", func(_, c *sbom.Component) { c.Group, c.Name = "example.com", "x" }, true, nil},
		{"type", func(_, c *sbom.Component) { c.Type = sbom.Framework }, true, nil},
		{"application", func(_, c *sbom.Component) { c.Type = sbom.Application }, false, func(c *sbom.Component) bool { return c.Type == sbom.Application }},
		{"replaces", func(_, c *sbom.Component) { c.Replaces = "pkg:golang/example.com/w@v1.0.0" }, true, nil},
		{"spelling", func(c, _ *sbom.Component) { c.PURL = "pkg:golang/example.com/%78@v1.2.3" }, false, func(c *sbom.Component) bool { return c.PURL == ref }},
		{"gaps", func(_, c *sbom.Component) { c.Gaps = []sbom.Gap{{Element: sbom.ElementSupplier, Kind: sbom.NotKnown}} }, true, nil},
		{"remainder", both(func(c *sbom.Component, i int) {
			c.Remainder = []sbom.Remainder{{Format: "f@1", Path: "/x", Value: json.RawMessage(fmt.Sprint(i))}}
		}), true, nil},
		{"remainder of one", func(_, c *sbom.Component) {
			c.Remainder = []sbom.Remainder{{Format: "f@1", Path: "/x", Value: json.RawMessage("1")}}
		}, false, func(c *sbom.Component) bool { return len(c.Remainder) == 1 }},
		{"lists", both(func(c *sbom.Component, i int) {
			c.CPEs = []string{"cpe:/a:a", fmt.Sprint("cpe:/a:b", i)}
			c.Packages = []string{".", fmt.Sprint(i)}
			c.Properties = []sbom.Property{{"p", "1"}, {"q", fmt.Sprint(i)}}
			c.References = []sbom.Reference{{Type: "vcs", URL: "https://example.com"}, {Type: "website", URL: fmt.Sprint("https://example.com/", i)}}
			c.Embedded = []sbom.File{{Path: "f", Digest: digest(1)}, {Path: fmt.Sprint(i), Digest: digest(2)}}
		}), false, func(c *sbom.Component) bool {
			return len(c.CPEs) == 3 && len(c.Packages) == 3 && len(c.Properties) == 3 && len(c.References) == 3 && len(c.Embedded) == 3
		}},
		{"complete in one", func(_, c *sbom.Component) { c.Requirements = sbom.Complete }, false, func(c *sbom.Component) bool { return c.Requirements == sbom.Unknown }},
		{"complete in both", both(func(c *sbom.Component, _ int) { c.Requirements = sbom.Complete }), false, func(c *sbom.Component) bool { return c.Requirements == sbom.Complete }},
		{"scope", func(c, _ *sbom.Component) { c.Scope = sbom.TestOnly }, false, func(c *sbom.Component) bool { return c.Scope == sbom.Runtime }},
		{"proved of the digest", func(_, c *sbom.Component) { c.Verification = sbom.Included }, false, func(c *sbom.Component) bool { return c.Verification == sbom.Included }},
		{"proved of something", func(c, d *sbom.Component) { c.Verification, d.Digests = sbom.Included, nil }, false, func(c *sbom.Component) bool { return c.Verification == sbom.Unverified && len(c.Digests) == 1 }},
		{"distribution", func(_, c *sbom.Component) { c.Verification, c.Distribution = sbom.Included, distribution() }, false, func(c *sbom.Component) bool { return c.Distribution != nil }},
		{"distribution of something", func(c, d *sbom.Component) {
			c.Verification, c.Distribution, d.Digests = sbom.Included, distribution(), nil
		}, true, nil},
	} {
		one, two := release(), release()
		tt.change(one.Component(ref), two.Component(ref))
		m, err := sbom.Merge(shop(), map[string]*sbom.Document{"one": one, "two": two})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		a, b, c := m.Component("one:"+ref), m.Component("two:"+ref), m.Component(ref)
		switch {
		case tt.apart && (a == nil || b == nil || c != nil):
			t.Errorf("%s: they became one, want two", tt.name)
		case !tt.apart && (a != nil || b != nil || c == nil):
			t.Errorf("%s: they are kept apart, want one", tt.name)
		case tt.want != nil && !tt.want(c):
			t.Errorf("%s: got %+v", tt.name, c)
		}
	}
}

func TestMergeTargets(t *testing.T) {
	one, err := sbom.Union(map[string]*sbom.Document{"linux": document(), "windows": document()})
	if err != nil {
		t.Fatal(err)
	}
	one.Component("b").Targets = []string{"linux"}
	one.Targets[0].Unknown = []string{"C libraries"}
	one.Edges[3].Target = "linux" // main → b
	two := document()
	two.Components, two.Edges = two.Components[:2], two.Edges[3:] // a, b
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"one": one, "two": two})
	if err != nil {
		t.Fatal(err)
	}
	want := `shop@v5.0.0 runtime 
a runtime 
b runtime one/linux,two
c runtime one/linux,one/windows
d runtime one/linux,one/windows
main runtime 
a > c  one/linux
a > c  one/windows
c > a  one/linux
c > a  one/windows
main > a  one/linux
main > a  one/windows
main > b  one/linux
main > b  two
shop@v5.0.0 > main  
`
	if got := outline(m); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(m.Targets) != 3 || !slices.Equal(m.Targets[0].Unknown, []string{"C libraries"}) {
		t.Errorf("targets are %+v", m.Targets)
	}
}

func TestMergeOfDocuments(t *testing.T) {
	text := func(id, text string) *sbom.Licenses {
		return &sbom.Licenses{Declared: "(MIT OR " + id + ") AND LicenseRef-same", Files: []sbom.LicenseFile{{Path: "LICENSE", Digest: digest(1), Kind: sbom.KindLicense, IDs: []string{id}}}, Texts: []sbom.LicenseText{{ID: id, Text: text}, {ID: "LicenseRef-same", Text: "same"}}}
	}
	one, two := document(), document()
	two.Main.Name = "other"
	one.Phase, two.Phase = sbom.PreBuild, sbom.Built
	one.Unknown, two.Unknown = []string{"the version"}, []string{"the version", "C libraries"}
	one.Properties = []sbom.Property{{"GOOS", "linux"}}
	one.Authors, two.Authors = []sbom.Party{{Name: "A"}}, []sbom.Party{{Name: "A"}, {Name: "B"}}
	one.Remainder = []sbom.Remainder{{Format: "cyclonedx-json@1.6", Path: "/annotations", Value: json.RawMessage("[]")}}
	two.Original = []byte("{}")
	one.Components[3].Licenses, two.Components[3].Licenses = text("LicenseRef-1", "one"), text("LicenseRef-1", "two")
	two.Components[0].Licenses = text("LicenseRef-d_e-1", "taken")
	two.Components[0].Licenses = text("LicenseRef-d-e-1", "taken")
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"c": one, "d/e": two})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want any }{
		{"phase", m.Phase, sbom.Phase("")},
		{"properties", m.Properties, []sbom.Property{{"c:GOOS", "linux"}, {"c:phase", "pre-build"}, {"d/e:phase", "build"}}},
		{"unknown", m.Unknown, []string{"c: the version", "d/e: the version", "d/e: C libraries", "d/e: the document is signed, and its signature is not of this one"}},
		{"authors", m.Authors, []sbom.Party{{Name: "A"}, {Name: "B"}}},
		{"remainder", m.Remainder, []sbom.Remainder{{Format: "c:cyclonedx-json@1.6", Path: "/annotations", Value: json.RawMessage("[]")}}},
		{"licences of one", m.Component("c:d").Licenses, text("LicenseRef-1", "one")},
		{"licences of two", m.Component("d/e:d").Licenses, text("LicenseRef-d-e-d-e-1", "two")},
		{"original", m.Original, []byte(nil)},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.what, c.got, c.want)
		}
	}
}

// What names something that is not in the result, or not under that name, is put aside,
// like what is of the document.
func TestMergeNames(t *testing.T) {
	const format = "spdx-json@3.0.1"
	left := func(value string) sbom.Remainder {
		return sbom.Remainder{Format: format, Path: "/x", Value: json.RawMessage(value)}
	}
	one, two := document(), document()
	for _, d := range []*sbom.Document{one, two} {
		d.Main = shop() // the same as that of the result
		d.Main.Ref = "main"
		d.Main.Remainder = []sbom.Remainder{left(`"_:1"`), left(`"main"`), left(`{"of":["urn:agent"]}`), left(`"urn:other"`)}
		d.Components[3].Remainder = []sbom.Remainder{left(`{"bom-ref":"licence"}`), left(`{"bom-ref":"a"}`), left(`"c"`)}
		d.Remainder = []sbom.Remainder{{Format: format, Path: "/@graph/0", Value: json.RawMessage(`[{"@id":"_:1"},{"name":"urn:other","spdxId":"urn:agent"}]`)}}
	}
	two.Components[2].Name = "another c"
	two.Components[3].Name = "another d"
	m, err := sbom.Merge(shop(), map[string]*sbom.Document{"one": one, "two": two})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ ref, formats string }{
		{m.Main.Ref, "one:spdx-json@3.0.1 one:spdx-json@3.0.1 one:spdx-json@3.0.1 spdx-json@3.0.1"},
		{"one:d", "spdx-json@3.0.1 one:spdx-json@3.0.1 one:spdx-json@3.0.1"},
		{"two:d", "two:spdx-json@3.0.1 two:spdx-json@3.0.1 two:spdx-json@3.0.1"},
	} {
		c := m.Component(tt.ref)
		if c == nil {
			t.Fatalf("%s is not there:\n%s", tt.ref, outline(m))
		}
		var formats []string
		for _, r := range c.Remainder {
			formats = append(formats, r.Format)
		}
		if got := strings.Join(formats, " "); got != tt.formats {
			t.Errorf("%s: got %s, want %s", tt.ref, got, tt.formats)
		}
	}
	if one.Main.Remainder[0].Format != format || one.Components[3].Remainder[0].Format != format {
		t.Error("an argument was changed")
	}
}

func TestMergeRefuses(t *testing.T) {
	const ref = "pkg:golang/example.com/x@v1.2.3"
	for _, tt := range []struct {
		name   string
		main   func(*sbom.Component)
		change func(d *sbom.Document)
		as     string
		want   string
	}{
		{"name", nil, nil, "t:w", `sbom: merge: name "t:w": want one without a colon or a space`},
		{"no name", nil, nil, "", `sbom: merge: name "": want one without a colon or a space`},
		{"a fault", nil, func(d *sbom.Document) { d.Main.Name = "" }, "two", "sbom: merge: two: sbom: main component has no name"},
		{"main", func(c *sbom.Component) { c.Ref = "" }, nil, "two", "sbom: merge: sbom: main component has no ref"},
		{
			"digest", nil, func(d *sbom.Document) { d.Component(ref).Digests[0] = digest(9) }, "two",
			"sbom: merge: two: example.com/x v1.2.3 (" + ref + "): another sha256 than in one",
		},
		{
			"digest under another ref", nil, func(d *sbom.Document) { d.Component(ref).Digests[0] = digest(9); rename(d, ref, "1") }, "two",
			"sbom: merge: two: example.com/x v1.2.3 (1): another sha256 than in one",
		},
		{
			"digest of one of two", nil, func(d *sbom.Document) {
				d.Components = append(d.Components, *d.Component(ref))
				c := &d.Components[len(d.Components)-1]
				c.Ref, c.Digests = "1", []hallmark.Digest{digest(9)}
			}, "two",
			"sbom: merge: two: example.com/x v1.2.3 (" + ref + "): another sha256 than in one",
		},
		{
			"digest of main", func(c *sbom.Component) { *c = release().Main; c.Digests = []hallmark.Digest{digest(1)} },
			func(d *sbom.Document) { d.Main.Digests = []hallmark.Digest{digest(2)} }, "two",
			"sbom: merge: two: example.com/app v1.0.0 (pkg:golang/example.com/app@v1.0.0): another sha256 than in the main component",
		},
	} {
		main, two := shop(), release()
		if tt.main != nil {
			tt.main(&main)
		}
		if tt.change != nil {
			tt.change(two)
		}
		if m, err := sbom.Merge(main, map[string]*sbom.Document{"one": release(), tt.as: two}); err == nil || err.Error() != tt.want || m != nil {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := sbom.Merge(shop(), nil); err == nil || err.Error() != "sbom: merge: no documents" {
		t.Errorf("no documents: %v", err)
	}
}

// What is in a component of a document is in one of the result, with its edges.
func TestMergeOfRandomDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	merged, joined := 0, 0
	for i := range 400 {
		docs := make(map[string]*sbom.Document)
		before := make(map[string]string)
		components, edges := 0, 0
		for n := range 1 + r.IntN(3) {
			name := fmt.Sprint("n", n)
			docs[name] = randomDocument(r)
			before[name] = fmt.Sprintf("%+v", docs[name])
			components += 1 + len(docs[name].Components)
			edges += 1 + len(docs[name].Edges)
		}
		m, err := sbom.Merge(shop(), docs)
		if err != nil {
			if !strings.Contains(err.Error(), ": another sha256 than in ") {
				t.Fatalf("%d: %v", i, err)
			}
			continue
		}
		merged++
		joined += components - len(m.Components)
		if len(docs) == 1 && (len(m.Components) != components || len(m.Edges) != edges && m.Targets == nil) {
			t.Fatalf("%d: %d components and %d edges, want %d and %d", i, len(m.Components), len(m.Edges), components, edges)
		}

		// In the result, a component of the Document is one that says all it says.
		holds := func(have, c *sbom.Component) bool {
			return have.Name == c.Name && have.Version == c.Version && have.Replaces == c.Replaces &&
				(c.PURL == "" || have.PURL == c.PURL) &&
				subset(c.Digests, have.Digests) && subset(c.Properties, have.Properties) &&
				(len(c.Remainder) == 0 || reflect.DeepEqual(have.Remainder, c.Remainder)) &&
				(c.Supplier == nil || have.Supplier != nil && *have.Supplier == *c.Supplier) &&
				(c.Licenses == nil || have.Licenses != nil && slices.Equal(licenseTexts(have), licenseTexts(c))) &&
				(have.Requirements == sbom.Unknown || c.Requirements == sbom.Complete)
		}
		for name, d := range docs {
			if fmt.Sprintf("%+v", d) != before[name] {
				t.Fatalf("%d: an argument was changed", i)
			}
			can := make(map[string]map[string]bool) // the Refs that a component can have now
			for _, c := range d.All() {
				can[c.Ref] = make(map[string]bool)
				for _, have := range m.All() {
					if holds(have, c) {
						can[c.Ref][have.Ref] = true
					}
				}
				if len(can[c.Ref]) == 0 {
					t.Fatalf("%d: %s: component %+v is not in the result:\n%+v", i, name, c, m)
				}
			}
			for _, e := range d.Edges {
				found := slices.ContainsFunc(m.Edges, func(have sbom.Edge) bool {
					return can[e.From][have.From] && can[e.To][have.To] && have.Kind == e.Kind &&
						(have.Target == "" || have.Target == name || have.Target == name+"/"+e.Target || e.Target == "" && strings.HasPrefix(have.Target, name+"/"))
				})
				if !found {
					t.Fatalf("%d: %s: edge %+v is not in the result", i, name, e)
				}
			}
			for _, s := range d.Unknown {
				if !slices.Contains(m.Unknown, name+": "+s) {
					t.Fatalf("%d: %s: %q is not in %q", i, name, s, m.Unknown)
				}
			}
		}
		again, err := sbom.Merge(shop(), maps.Collect(maps.All(docs)))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%d: error %v, again it is %+v, want %+v", i, err, again, m)
		}
	}
	if merged < 300 || joined < 50 {
		t.Errorf("%d merged, %d components joined: too few to tell", merged, joined)
	}
	t.Logf("%d merged, %d components joined", merged, joined)
}

func subset[E comparable](list, of []E) bool {
	return !slices.ContainsFunc(list, func(e E) bool { return !slices.Contains(of, e) })
}

func licenseTexts(c *sbom.Component) (texts []string) {
	for _, t := range c.Licenses.Texts {
		texts = append(texts, t.Text)
	}
	return texts
}

// A release of two programs.
func ExampleMerge() {
	server, client := release(), release()
	client.Main.Name, client.Main.PURL = "example.com/client", "pkg:golang/example.com/client@v1.0.0"
	rename(client, client.Main.Ref, client.Main.PURL)
	client.Unknown = []string{"C libraries"}
	d, err := sbom.Merge(sbom.Component{
		Ref: "release", Name: "shop", Version: "5.0", Type: sbom.Application, Scope: sbom.Runtime, Requirements: sbom.Complete,
	}, map[string]*sbom.Document{"server": server, "client": client})
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Requires()["release"])
	fmt.Println(len(d.Components), d.Unknown)
	// Output:
	// [pkg:golang/example.com/app@v1.0.0 pkg:golang/example.com/client@v1.0.0]
	// 6 [client: C libraries]
}

func BenchmarkMerge(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		docs := map[string]*sbom.Document{"one": large(n, 1), "two": large(n, 2)}
		for b.Loop() {
			if m, err := sbom.Merge(shop(), docs); err != nil || len(m.Components) != n+n/10+1 {
				b.Fatal(err, len(m.Components))
			}
		}
	})
}
