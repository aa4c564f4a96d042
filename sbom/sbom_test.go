package sbom_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

func lib(ref string) sbom.Component {
	return sbom.Component{Ref: ref, Name: ref, Type: sbom.Library, Scope: sbom.Runtime}
}

// document returns a Document in which main requires a and b, a requires c, and c
// requires a.
func document() *sbom.Document {
	main := lib("main")
	main.Type = sbom.Application
	return &sbom.Document{
		Main:       main,
		Components: []sbom.Component{lib("a"), lib("b"), lib("c"), lib("d")},
		Edges:      []sbom.Edge{{From: "a", To: "c"}, {From: "c", To: "a"}, {From: "main", To: "a"}, {From: "main", To: "b"}},
	}
}

func TestSort(t *testing.T) {
	want := document()
	want.Main.Properties = []sbom.Property{{"a", "1"}, {"a", "2"}, {"b", "1"}}
	want.Components[1].Properties = []sbom.Property{{"x", "1"}, {"y", "1"}}
	want.Properties = []sbom.Property{{"GOARCH", "amd64"}, {"GOOS", "linux"}}
	want.Targets = targets("x", "y", "z")
	want.Targets[1].Properties = []sbom.Property{{"CGO_ENABLED", "1"}, {"GOOS", "linux"}}
	want.Components[1].Targets = []string{"x", "z"}
	want.Components[1].Packages = []string{".", "a", "a/b"}
	want.Components[1].Embedded = []sbom.File{{Path: "a", Digest: digest(2)}, {Path: "b", Digest: digest(1)}}
	want.Edges = []sbom.Edge{
		{From: "a", To: "c"},
		{From: "a", To: "c", Target: "x"},
		{From: "a", To: "c", Target: "y"},
		{From: "a", To: "c", Kind: sbom.Declared},
		{From: "a", To: "c", Kind: sbom.ForTests},
		{From: "a", To: "c", Kind: sbom.ForTests, Target: "x"},
		{From: "a", To: "d"},
		{From: "main", To: "a"},
		{From: "main", To: "b"},
	}
	edges := slices.Clone(want.Edges)
	if err := want.Sort(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want.Edges, edges) {
		t.Fatalf("got edges %v, want %v", want.Edges, edges)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		got := document()
		got.Main.Properties = slices.Clone(want.Main.Properties)
		got.Components[1].Properties = slices.Clone(want.Components[1].Properties)
		got.Properties = slices.Clone(want.Properties)
		got.Targets = slices.Clone(want.Targets)
		got.Targets[1].Properties = slices.Clone(want.Targets[1].Properties)
		got.Components[1].Targets = slices.Clone(want.Components[1].Targets)
		got.Components[1].Packages = slices.Clone(want.Components[1].Packages)
		got.Components[1].Embedded = slices.Clone(want.Components[1].Embedded)
		got.Edges = append(slices.Clone(want.Edges), sbom.Edge{From: "main", To: "a"}) // twice
		shuffle(r, got.Components)
		shuffle(r, got.Edges)
		shuffle(r, got.Properties)
		shuffle(r, got.Main.Properties)
		shuffle(r, got.Targets[slices.IndexFunc(got.Targets, func(t sbom.Target) bool { return t.Name == "y" })].Properties)
		shuffle(r, got.Targets)
		for _, c := range got.All() {
			shuffle(r, c.Targets)
			shuffle(r, c.Packages)
			shuffle(r, c.Embedded)
		}
		if err := got.Sort(); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func shuffle[E any](r *rand.Rand, s []E) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestCheck(t *testing.T) {
	if err := document().Check(); err != nil {
		t.Errorf("a whole document: %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*sbom.Document)
		want   string
	}{
		{"main without ref", func(d *sbom.Document) { d.Main.Ref = ""; d.Edges = nil }, "sbom: main component has no ref"},
		{"without ref", func(d *sbom.Document) { d.Components[3].Ref = "" }, `sbom: component "d" has no ref`},
		{"ref twice", func(d *sbom.Document) { d.Components[3].Ref = "b" }, "sbom: b: its ref occurs twice"},
		{"ref of main", func(d *sbom.Document) { d.Components[3].Ref = "main" }, "sbom: main: its ref occurs twice"},
		{"without name", func(d *sbom.Document) { d.Components[3].Name = "" }, "sbom: d has no name"},
		{"type", func(d *sbom.Document) { d.Components[3].Type = "thing" }, `sbom: d: type "thing" is not known`},
		{"no scope", func(d *sbom.Document) { d.Components[3].Scope = "" }, `sbom: d: scope "" is not known`},
		{"scope of main", func(d *sbom.Document) { d.Main.Scope = sbom.Build }, `sbom: main component: scope "build", want "runtime"`},
		{"completeness", func(d *sbom.Document) { d.Components[3].Requirements = "partly" }, `sbom: d: completeness "partly" is not known`},
		{"purl", func(d *sbom.Document) { d.Components[3].PURL = "golang/d" }, `sbom: d: malformed package URL "golang/d": it does not begin with pkg:`},
		{"replaces", func(d *sbom.Document) { d.Components[3].Replaces = "golang/d" }, `sbom: d: malformed package URL "golang/d": it does not begin with pkg:`},
		{"digest", func(d *sbom.Document) { d.Components[3].Digests = make([]hallmark.Digest, 1) }, "sbom: d: a digest is zero"},
		{"verification", func(d *sbom.Document) { d.Components[3].Verification = "certain" }, `sbom: d: verification "certain" is not known`},
		{"distribution unverified", func(d *sbom.Document) {
			d.Components[3].Verification = sbom.Listed
			d.Components[3].Distribution = distribution()
		}, `sbom: d: a distribution, but its verification is "listed", want "recomputed" or more`},
		{"distribution without path", func(d *sbom.Document) { distributed(d).Path = "" }, "sbom: d: a distribution without a path or without digests"},
		{"distribution without digests", func(d *sbom.Document) { distributed(d).Digests = nil }, "sbom: d: a distribution without a path or without digests"},
		{"distribution with a dirHash", func(d *sbom.Document) {
			h1, err := hallmark.ParseH1("h1:gQBtGhjxykdjY9YhZpSlZIsbnaE2+PgjfLWUQTnoZ1U=")
			if err != nil {
				panic(err)
			}
			distributed(d).Digests[0] = h1
		}, `sbom: d: distribution: digest "dirHash:81006d1a18f1ca476363d6216694a5648b1b9da136f8f8237cb5944139e86755" does not identify a file`},
		{"distribution with a password", func(d *sbom.Document) { distributed(d).URL = "https://me:secret@example.com/d.zip" }, "sbom: d: distribution: want an absolute, escaped URL without a user"},
		{"distribution nowhere", func(d *sbom.Document) { distributed(d).URL = "d.zip" }, "sbom: d: distribution: want an absolute, escaped URL without a user"},
		{"distribution with a space", func(d *sbom.Document) { distributed(d).URL = "https://example.com/a b.zip" }, "sbom: d: distribution: want an absolute, escaped URL without a user"},
		{"distribution not UTF-8", func(d *sbom.Document) { distributed(d).Path = "\xff" }, `sbom: d: text "\xff" is not UTF-8`},
		{"edge from nowhere", func(d *sbom.Document) { d.Edges[0].From = "x" }, "sbom: edge x → c: an end is not in the document"},
		{"edge to nowhere", func(d *sbom.Document) { d.Edges[0].To = "x" }, "sbom: edge a → x: an end is not in the document"},
		{"edge to itself", func(d *sbom.Document) { d.Edges[0].To = "a" }, "sbom: edge a → a leads to its own start"},
		{"edge of no kind", func(d *sbom.Document) { d.Edges[0].Kind = "guessed" }, `sbom: edge a → c: kind "guessed" is not known`},
		{"edge of no target", func(d *sbom.Document) { d.Edges[0].Target = "x" }, `sbom: edge a → c: target "x" is not one of the document's`},
		{"one target", func(d *sbom.Document) { d.Targets = targets("x") }, "sbom: document: one target, want none or several"},
		{"target twice", func(d *sbom.Document) { d.Targets = targets("x", "x", "y") }, `sbom: target "x": want a name that no other one has, without a colon or a space`},
		{"target without name", func(d *sbom.Document) { d.Targets = targets("", "y") }, `sbom: target "": want a name that no other one has, without a colon or a space`},
		{"target with a colon", func(d *sbom.Document) { d.Targets = targets("x:y", "y") }, `sbom: target "x:y": want a name that no other one has, without a colon or a space`},
		{"targets of main", func(d *sbom.Document) { d.Targets = targets("x", "y"); d.Main.Targets = []string{"x"} }, "sbom: main component: it has targets, and a document is about it for all of them"},
		{"target of a component", func(d *sbom.Document) { d.Components[3].Targets = []string{"x"} }, `sbom: d: target "x" is not one of the document's, or occurs twice`},
		{"package without a name", func(d *sbom.Document) { d.Components[3].Packages = []string{""} }, `sbom: d: package "" has no name, or occurs twice`},
		{"package twice", func(d *sbom.Document) { d.Components[3].Packages = []string{".", "x", "."} }, `sbom: d: package "." has no name, or occurs twice`},
		{"embedded without digest", func(d *sbom.Document) { d.Components[3].Embedded = []sbom.File{{Path: "x"}} }, `sbom: d: embedded file "x" has no path or no digest that identifies it, or occurs twice`},
		{"phase", func(d *sbom.Document) { d.Phase = "dreams" }, `sbom: document: phase "dreams" is not known`},
		{"unknown not UTF-8", func(d *sbom.Document) { d.Unknown = []string{"\xff"} }, `sbom: document: text "\xff" is not UTF-8`},
		{"name not UTF-8", func(d *sbom.Document) { d.Components[3].Name = "\xff" }, `sbom: d: text "\xff" is not UTF-8`},
		{"property not UTF-8", func(d *sbom.Document) { d.Properties = []sbom.Property{{"a", "\xff"}} }, `sbom: document: text "\xff" is not UTF-8`},
		{
			"two faults", func(d *sbom.Document) { d.Phase = "dreams"; d.Components[3].Name = "" },
			"sbom: document: phase \"dreams\" is not known\nsbom: d has no name",
		},
	} {
		d := document()
		tt.change(d)
		if err := d.Check(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func distribution() *sbom.Distribution {
	d, err := hallmark.ParseDigest("sha256:" + strings.Repeat("0", 64))
	if err != nil {
		panic(err)
	}
	return &sbom.Distribution{
		Path:    "d/@v/v1.zip",
		URL:     "https://example.com/d/@v/v1.zip",
		Digests: []hallmark.Digest{d},
	}
}

// distributed gives d's component d a distribution.
func distributed(d *sbom.Document) *sbom.Distribution {
	d.Components[3].Verification = sbom.Recomputed
	d.Components[3].Distribution = distribution()
	return d.Components[3].Distribution
}

func TestDistribution(t *testing.T) {
	d := document()
	distributed(d)
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	d.Components[3].Verification, d.Components[3].Distribution.URL = sbom.Included, ""
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

func TestVerification(t *testing.T) {
	levels := []sbom.Verification{"certain", sbom.Unverified, sbom.Listed, sbom.Recomputed, sbom.Included}
	for i, v := range levels {
		for j, w := range levels {
			if got, want := v.AtLeast(w), i >= j && j > 0; got != want {
				t.Errorf("%q at least %q: %t", v, w, got)
			}
		}
	}
}

func targets(names ...string) (list []sbom.Target) {
	for _, name := range names {
		list = append(list, sbom.Target{Name: name})
	}
	return list
}

func TestWhy(t *testing.T) {
	d := document()
	for _, tt := range []struct{ ref, want string }{
		{"main", "main"},
		{"b", "main b"},
		{"c", "main a c"}, // there is a circle
		{"d", ""},
		{"nowhere", ""},
	} {
		if got := strings.Join(d.Why(tt.ref), " "); got != tt.want {
			t.Errorf("Why(%s) = %q, want %q", tt.ref, got, tt.want)
		}
	}
}

func TestComponent(t *testing.T) {
	d := document()
	for _, ref := range []string{"main", "a", "b", "c", "d"} {
		if c := d.Component(ref); c == nil || c.Ref != ref {
			t.Errorf("Component(%s) = %+v", ref, c)
		}
	}
	if c := d.Component("nowhere"); c != nil {
		t.Errorf("Component(nowhere) = %+v", c)
	}
}

func TestAll(t *testing.T) {
	d := document()
	slices.Reverse(d.Components)
	var refs []string
	for _, c := range d.All() {
		refs = append(refs, c.Ref)
	}
	if got := strings.Join(refs, " "); got != "main a b c d" {
		t.Errorf("got %s", got)
	}
	if d.All()[0] != &d.Main || d.All()[1] != &d.Components[3] {
		t.Error("got copies, want the document's own components")
	}
}

func TestRequires(t *testing.T) {
	d := document()
	d.Edges = append(d.Edges, d.Edges...)
	slices.Reverse(d.Edges)
	want := map[string][]string{"main": {"a", "b"}, "a": {"c"}, "c": {"a"}}
	got := d.Requires()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// The lists share memory; one must not grow into the next.
	_ = append(got["a"], "x")
	if got := d.Requires(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// kinds returns a Document in which tests of main need b, a tool needs d, and not
// every edge is for every target.
func kinds() *sbom.Document {
	d := document()
	d.Targets = targets("x", "y")
	d.Components[1].Scope = sbom.TestOnly   // b
	d.Components[2].Targets = []string{"x"} // c
	d.Components[3].Scope = sbom.ToolOnly   // d
	d.Edges = []sbom.Edge{
		{From: "main", To: "a"},
		{From: "main", To: "b", Kind: sbom.ForTests},
		{From: "main", To: "d", Kind: sbom.ForTools},
		{From: "main", To: "c", Kind: sbom.Declared},
		{From: "a", To: "c", Target: "x"},
		{From: "a", To: "b", Kind: sbom.ForTests, Target: "x"},
		{From: "a", To: "b", Kind: sbom.ForTests, Target: "y"},
		{From: "a", To: "b", Kind: sbom.Declared},
		{From: "b", To: "a", Kind: sbom.ForTests, Target: "x"},
		{From: "b", To: "a", Target: "y"},
		{From: "b", To: "c", Kind: sbom.Declared},
		{From: "d", To: "b", Kind: sbom.ForTools},
	}
	return d
}

func TestRequiresAndOthers(t *testing.T) {
	wantOthers := []sbom.Edge{
		{From: "a", To: "b", Kind: sbom.Declared},
		{From: "a", To: "b", Kind: sbom.ForTests},
		{From: "b", To: "c", Kind: sbom.Declared},
		{From: "main", To: "b", Kind: sbom.ForTests},
		{From: "main", To: "c", Kind: sbom.Declared},
		{From: "main", To: "d", Kind: sbom.ForTools},
	}
	wantRequires := map[string][]string{"main": {"a"}, "a": {"c"}, "b": {"a"}, "d": {"b"}}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		d := kinds()
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		shuffle(r, d.Edges)
		shuffle(r, d.Components) // the order does not matter
		if got := d.Requires(); !reflect.DeepEqual(got, wantRequires) {
			t.Errorf("Requires: got %v, want %v", got, wantRequires)
		}
		if got := slices.Collect(d.Others()); !slices.Equal(got, wantOthers) {
			t.Errorf("Others: got %v, want %v", got, wantOthers)
		}
	}
	// What only tests and tools need is not what the artifact needs.
	for ref, want := range map[string]string{"c": "main a c", "b": "", "d": ""} {
		if got := strings.Join(kinds().Why(ref), " "); got != want {
			t.Errorf("Why(%s) = %q, want %q", ref, got, want)
		}
	}
	for range document().Others() {
		t.Error("an edge that is linked is among the others")
	}
	for range kinds().Others() {
		break // must not panic
	}
}

func ExampleDocument_Others() {
	d := document()
	d.Components = append(d.Components, sbom.Component{Ref: "cmp", Name: "cmp", Type: sbom.Library, Scope: sbom.TestOnly})
	d.Edges = append(d.Edges, sbom.Edge{From: "a", To: "cmp", Kind: sbom.ForTests})
	for e := range d.Others() {
		fmt.Println(e.From, e.Kind, e.To)
	}
	fmt.Println(d.Requires()["a"], d.Why("cmp"))
	// Output:
	// a test cmp
	// [c] []
}

func ExampleDocument_Why() {
	d := document()
	fmt.Println(d.Why("c"))
	// Output: [main a c]
}

func ExampleDocument_Sort() {
	d := document()
	slices.Reverse(d.Components)
	d.Edges = append(d.Edges, sbom.Edge{From: "a", To: "elsewhere"})
	fmt.Println(d.Sort())
	fmt.Println(d.Components[0].Name)
	// Output:
	// sbom: edge a → elsewhere: an end is not in the document
	// a
}

func ExampleDocument_Check() {
	d := document()
	d.Components[0].Name = ""
	fmt.Println(d.Check())
	// Output: sbom: a has no name
}

func ExampleDocument_Component() {
	d := document()
	fmt.Println(d.Component("b").Scope, d.Component("elsewhere") == nil)
	// Output: runtime true
}

func ExampleDocument_All() {
	for _, c := range document().All() {
		fmt.Print(c.Name, " ")
	}
	// Output: main a b c d
}

func ExampleDocument_Requires() {
	fmt.Println(document().Requires()["main"])
	// Output: [a b]
}

// Time and memory must grow as the document does.
func BenchmarkSort(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := document()
			for i := range n {
				ref := fmt.Sprintf("pkg:golang/example.com/m%d", (i*7919)%n)
				d.Components = append(d.Components, lib(ref))
				d.Edges = append(d.Edges, sbom.Edge{From: "main", To: ref})
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Sort(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/component")
		})
	}
}
