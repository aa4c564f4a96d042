package sbom_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

func digest(first byte) hallmark.Digest {
	d, err := hallmark.ParseDigest(fmt.Sprintf("sha256:%02x%s", first, strings.Repeat("00", 31)))
	if err != nil {
		panic(err)
	}
	return d
}

// pair returns the documents of an artifact for two targets: b is for linux only,
// and for windows tests need it.
func pair() (linux, windows *sbom.Document) {
	linux, windows = document(), document()
	linux.Properties = []sbom.Property{{Name: "GOOS", Value: "linux"}, {Name: "mode", Value: "module"}}
	windows.Properties = []sbom.Property{{Name: "GOOS", Value: "windows"}, {Name: "mode", Value: "module"}}
	linux.Unknown = []string{"the version", "C libraries"}
	windows.Unknown = []string{"the version"}
	linux.Components[0].Packages = []string{".", "x_linux"}
	windows.Components[0].Packages = []string{".", "x_windows"}
	linux.Components[0].Embedded = []sbom.File{{Path: "all", Digest: digest(1)}, {Path: "linux", Digest: digest(2)}}
	windows.Components[0].Embedded = []sbom.File{{Path: "all", Digest: digest(1)}}
	linux.Components[1].Packages = []string{"."}
	windows.Components[1].Packages = []string{".", "for/tests"}
	windows.Components[1].Embedded = []sbom.File{{Path: "for/tests/file", Digest: digest(3)}}
	windows.Components[1].Scope = sbom.TestOnly
	windows.Components[1].Requirements = sbom.Unknown
	windows.Components = windows.Components[:3] // no d
	for i, e := range windows.Edges {
		if e.To == "b" {
			windows.Edges[i].Kind = sbom.ForTests
		}
	}
	return linux, windows
}

func TestUnion(t *testing.T) {
	linux, windows := pair()
	u, err := sbom.Union(map[string]*sbom.Document{"windows/amd64": windows, "linux/amd64": linux})
	if err != nil {
		t.Fatal(err)
	}
	want := document()
	want.Properties = []sbom.Property{{Name: "mode", Value: "module"}}
	want.Unknown = []string{"the version"}
	want.Targets = []sbom.Target{
		{Name: "linux/amd64", Properties: []sbom.Property{{Name: "GOOS", Value: "linux"}}, Unknown: []string{"C libraries"}},
		{Name: "windows/amd64", Properties: []sbom.Property{{Name: "GOOS", Value: "windows"}}},
	}
	want.Components[0].Packages = []string{".", "x_linux", "x_windows"}
	want.Components[0].Embedded = linux.Components[0].Embedded
	want.Components[1].Packages = []string{"."} // not what tests need on windows
	want.Components[1].Targets = []string{"linux/amd64"}
	want.Components[1].Requirements = sbom.Unknown
	want.Components[3].Targets = []string{"linux/amd64"}
	want.Edges[3].Target = "linux/amd64"
	want.Edges = append(want.Edges, sbom.Edge{From: "main", To: "b", Kind: sbom.ForTests, Target: "windows/amd64"})
	if !reflect.DeepEqual(u, want) {
		t.Errorf("got  %+v\nwant %+v", u, want)
	}

	// What goes in is not changed, and for equal documents nothing is special.
	again, _ := pair()
	if !reflect.DeepEqual(linux, again) {
		t.Errorf("an argument was changed: %+v", linux)
	}
	u, err = sbom.Union(map[string]*sbom.Document{"a": document(), "b": document()})
	if err != nil {
		t.Fatal(err)
	}
	want = document()
	want.Targets = targets("a", "b")
	if !reflect.DeepEqual(u, want) {
		t.Errorf("got  %+v\nwant %+v", u, want)
	}
}

func TestUnionRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(d *sbom.Document)
		want   string
	}{
		{"a fault", func(d *sbom.Document) { d.Main.Name = "" }, "sbom: union: target two: sbom: main component has no name"},
		{"a union", func(d *sbom.Document) { d.Targets = targets("x", "y") }, "sbom: union: target two: its document is a union itself"},
		{"phase", func(d *sbom.Document) { d.Phase = sbom.PreBuild }, `sbom: union: phase "" for one, "pre-build" for two`},
		{"main", func(d *sbom.Document) { d.Main.Ref = "x"; d.Edges = nil }, "sbom: union: main component main for one, x for two"},
		{"name", func(d *sbom.Document) { d.Components[0].Name = "x" }, "sbom: union: a: name a, and x for two"},
		{"version", func(d *sbom.Document) { d.Components[0].Version = "x" }, "sbom: union: a: version , and x for two"},
		{"PURL", func(d *sbom.Document) { d.Components[0].PURL = "pkg:x/y" }, "sbom: union: a: PURL , and pkg:x/y for two"},
		{"digests", func(d *sbom.Document) { d.Components[0].Digests = []hallmark.Digest{digest(3)} }, "sbom: union: a: digests [], and [sha256:03"},
		{"replaces", func(d *sbom.Document) { d.Components[0].Replaces = "pkg:x/y" }, "sbom: union: a: what it replaces , and pkg:x/y for two"},
		{"licences", func(d *sbom.Document) { d.Components[0].Licenses = &sbom.Licenses{Unknown: "x"} }, "sbom: union: a: other licences for two"},
		{"supplier", func(d *sbom.Document) { d.Components[0].Supplier = &sbom.Party{Name: "x"} }, "sbom: union: a: something else is told"},
		{"references", func(d *sbom.Document) {
			d.Components[0].References = []sbom.Reference{{Type: "website", URL: "https://example.com"}}
		}, "sbom: union: a: something else is told"},
		{"authors", func(d *sbom.Document) { d.Authors = []sbom.Party{{Name: "x"}} }, "sbom: union: authors [] for one"},
		{"a remainder", func(d *sbom.Document) {
			d.Remainder = []sbom.Remainder{{Format: "cyclonedx-json@1.6", Path: "/x", Value: []byte("1")}}
		}, "sbom: union: target two: its document has what no field has"},
		{"a component's remainder", func(d *sbom.Document) {
			d.Components[0].Remainder = []sbom.Remainder{{Format: "cyclonedx-json@1.6", Path: "/x", Value: []byte("1")}}
		}, "sbom: union: target two: a has what no field has"},
		{"embedded", func(d *sbom.Document) {
			d.Components[1].Embedded = []sbom.File{{Path: "f", Digest: digest(2)}}
		}, "sbom: union: b: embedded file f sha256:01"},
	} {
		one, two := document(), document()
		one.Components[1].Embedded = []sbom.File{{Path: "f", Digest: digest(1)}}
		tt.change(two)
		if _, err := sbom.Union(map[string]*sbom.Document{"one": one, "two": two}); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := sbom.Union(map[string]*sbom.Document{"one": document()}); err == nil || err.Error() != "sbom: union: 1 documents, want at least two" {
		t.Errorf("one document: %v", err)
	}
	two := document()
	two.Components[0].Verification = sbom.Included
	if u, err := sbom.Union(map[string]*sbom.Document{"one": document(), "two": two}); err != nil || u.Components[0].Verification != sbom.Unverified {
		t.Errorf("one verified: %v, %+v", err, u)
	}
}

func ExampleUnion() {
	forWindows, forLinux := document(), document()
	forWindows.Components = append(forWindows.Components, sbom.Component{
		Ref: "winio", Name: "winio", Type: sbom.Library, Scope: sbom.Runtime,
	})
	forWindows.Edges = append(forWindows.Edges, sbom.Edge{From: "a", To: "winio"})
	d, err := sbom.Union(map[string]*sbom.Document{"linux/amd64": forLinux, "windows/amd64": forWindows})
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Component("a").Targets, d.Component("winio").Targets)
	// Output: [] [windows/amd64]
}
