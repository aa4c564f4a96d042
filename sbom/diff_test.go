package sbom_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// golang returns the component of a module.
func golang(path, version string) sbom.Component {
	c := lib("pkg:golang/" + path + "@" + version)
	c.Name, c.Version, c.PURL = path, version, c.Ref
	return c
}

// release returns a Document in which app v1.0.0 requires x and y, and x requires
// two versions of z.
func release() *sbom.Document {
	app := golang("example.com/app", "v1.0.0")
	app.Type = sbom.Application
	x, y, z1, z2 := golang("example.com/x", "v1.2.3"), golang("example.com/y", "v0.9.0"), golang("example.com/z", "v1.0.0"), golang("example.com/z", "v1.1.0")
	x.Digests = []hallmark.Digest{digest(1)}
	d := &sbom.Document{Main: app, Components: []sbom.Component{x, y, z1, z2}}
	d.Edges = []sbom.Edge{{From: app.Ref, To: x.Ref}, {From: app.Ref, To: y.Ref}, {From: x.Ref, To: z1.Ref}, {From: x.Ref, To: z2.Ref}}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}

// rename gives a component of d another Ref.
func rename(d *sbom.Document, old, new string) {
	d.Component(old).Ref = new
	for i := range d.Edges {
		if d.Edges[i].From == old {
			d.Edges[i].From = new
		}
		if d.Edges[i].To == old {
			d.Edges[i].To = new
		}
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
}

// upgrade gives a module of d another version.
func upgrade(d *sbom.Document, path, old, new string) {
	c := d.Component("pkg:golang/" + path + "@" + old)
	c.Version, c.PURL = new, "pkg:golang/"+path+"@"+new
	rename(d, c.Ref, c.PURL)
}

func TestDiff(t *testing.T) {
	const x, y, z1, z2 = "pkg:golang/example.com/x@v1.2.3", "pkg:golang/example.com/y@v0.9.0", "pkg:golang/example.com/z@v1.0.0", "pkg:golang/example.com/z@v1.1.0"
	for _, tt := range []struct {
		name   string
		change func(old, new *sbom.Document)
		want   string // lines
	}{
		{"nothing", func(_, _ *sbom.Document) {}, ""},
		{"refs", func(_, d *sbom.Document) { rename(d, x, "1"); rename(d, y, "2") }, ""},
		{"qualifiers", func(_, d *sbom.Document) { d.Component(x).PURL += "?type=module" }, "example.com/x v1.2.3: package URL pkg:golang/example.com/x → pkg:golang/example.com/x?type=module\n"},
		{"another spelling", func(_, d *sbom.Document) { d.Component(x).PURL = "pkg:GOLANG/example.com/%78@v1.2.3" }, ""},
		{"no PURL", func(_, d *sbom.Document) { d.Component(x).PURL = "" }, "example.com/x v1.2.3: package URL pkg:golang/example.com/x → none\n"},
		{"group", func(_, d *sbom.Document) { d.Component(x).Group, d.Component(x).Name = "example.com", "x" }, ""},
		{"lower case", func(old, d *sbom.Document) {
			old.Component(x).PURL, old.Component(x).Name = "pkg:golang/example.com/X@v1.2.3", "example.com/X"
		}, "example.com/x v1.2.3: name example.com/X → example.com/x\nexample.com/x v1.2.3: package URL pkg:golang/example.com/X → pkg:golang/example.com/x\n"},

		{"added", func(_, d *sbom.Document) { d.Components = append(d.Components, golang("example.com/w", "v1.0.0")) }, "added example.com/w v1.0.0\n"},
		{"removed", func(old, _ *sbom.Document) {
			old.Components = append(old.Components, golang("example.com/w", "v1.0.0"))
		}, "removed example.com/w v1.0.0\n"},
		{"version", func(_, d *sbom.Document) { upgrade(d, "example.com/y", "v0.9.0", "v0.10.0") }, "example.com/y v0.9.0 → v0.10.0\n"},
		{"version and digest", func(_, d *sbom.Document) {
			d.Component(x).Digests[0] = digest(2)
			upgrade(d, "example.com/x", "v1.2.3", "v1.2.4")
		}, "example.com/x v1.2.3 → v1.2.4\n"},
		{"one of two versions", func(_, d *sbom.Document) { upgrade(d, "example.com/z", "v1.0.0", "v1.0.1") }, "example.com/z v1.0.0 → v1.0.1\n"},
		{"both versions", func(_, d *sbom.Document) {
			upgrade(d, "example.com/z", "v1.1.0", "v1.10.0")
			upgrade(d, "example.com/z", "v1.0.0", "v1.9.0")
		}, "example.com/z v1.1.0 → v1.10.0\nexample.com/z v1.0.0 → v1.9.0\n"},
		{"two versions become one", func(_, d *sbom.Document) {
			d.Components = slices.DeleteFunc(d.Components, func(c sbom.Component) bool { return c.Ref == z1 })
			d.Edges = slices.DeleteFunc(d.Edges, func(e sbom.Edge) bool { return e.To == z1 })
			upgrade(d, "example.com/z", "v1.1.0", "v1.2.0")
		}, "removed example.com/z v1.0.0\nexample.com/z v1.1.0 → v1.2.0\n"},

		{"tampered", func(_, d *sbom.Document) { d.Component(x).Digests[0] = digest(2) }, "TAMPERED example.com/x v1.2.3: sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\n"},
		{"tampered beside", func(_, d *sbom.Document) { d.Component(x).Digests = append(d.Component(x).Digests, digest(2)) }, "TAMPERED example.com/x v1.2.3: sha256 none → 02" + strings.Repeat("0", 62) + "\n"},
		{"tampered in a second one", func(_, d *sbom.Document) {
			d.Components = append(d.Components, *d.Component(x))
			c := &d.Components[len(d.Components)-1]
			c.Ref, c.Digests = "z", []hallmark.Digest{digest(2)}
		}, "TAMPERED example.com/x v1.2.3: sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\nadded example.com/x v1.2.3\n"},
		{"the same in a second one", func(_, d *sbom.Document) {
			d.Components = append(d.Components, *d.Component(x))
			d.Components[len(d.Components)-1].Ref = "z"
		}, "added example.com/x v1.2.3\n"},
		{"tampered and named otherwise", func(_, d *sbom.Document) {
			d.Component(x).Digests[0] = digest(2)
			rename(d, x, "1")
		}, "TAMPERED example.com/x v1.2.3: sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\n"},
		{"embedded file", func(old, d *sbom.Document) {
			old.Component(x).Embedded = []sbom.File{{Path: "f", Digest: digest(1)}}
			d.Component(x).Embedded = []sbom.File{{Path: "f", Digest: digest(2)}, {Path: "g", Digest: digest(3)}}
		}, "TAMPERED example.com/x v1.2.3: embedded file f sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) +
			"\nexample.com/x v1.2.3: embedded file none → g\nexample.com/x v1.2.3: embedded file g sha256 none → 03" + strings.Repeat("0", 62) + "\n"},
		{"distribution", func(old, d *sbom.Document) {
			for i, d := range []*sbom.Document{old, d} {
				d.Component(x).Verification = sbom.Recomputed
				d.Component(x).Distribution = distribution()
				d.Component(x).Distribution.Digests[0] = digest(byte(i + 1))
			}
		}, "TAMPERED example.com/x v1.2.3: https://example.com/d/@v/v1.zip sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\n"},
		{"reference", func(old, d *sbom.Document) {
			old.Component(x).References = []sbom.Reference{{Type: "distribution", URL: "https://example.com/x", Digests: []hallmark.Digest{digest(1)}}, {Type: "website", URL: "https://example.com/", Digests: []hallmark.Digest{digest(1)}}}
			d.Component(x).References = []sbom.Reference{{Type: "distribution", URL: "https://example.com/x", Digests: []hallmark.Digest{digest(2)}}, {Type: "website", URL: "https://example.com/", Digests: []hallmark.Digest{digest(2)}}}
		}, "TAMPERED example.com/x v1.2.3: https://example.com/x sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) +
			"\nexample.com/x v1.2.3: https://example.com/ sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\n"},
		{"content without a version", func(old, d *sbom.Document) {
			upgrade(old, "example.com/x", "v1.2.3", "v1.2.3+dirty")
			upgrade(d, "example.com/x", "v1.2.3", "v1.2.3+dirty")
			d.Component("pkg:golang/example.com/x@v1.2.3+dirty").Digests[0] = digest(2)
		}, "example.com/x v1.2.3+dirty: content sha256 01" + strings.Repeat("0", 62) + " → 02" + strings.Repeat("0", 62) + "\n"},
		{"another algorithm", func(_, d *sbom.Document) {
			d.Component(x).Digests[0], _ = hallmark.ParseDigest("md5:" + strings.Repeat("0", 32))
		}, "example.com/x v1.2.3: md5 none → " + strings.Repeat("0", 32) + "\nexample.com/x v1.2.3: sha256 01" + strings.Repeat("0", 62) + " → none\n"},

		{"replaced", func(_, d *sbom.Document) {
			c := d.Component(x)
			c.Name, c.Version, c.PURL, c.Replaces = "example.com/fork", "v0.1.0", "pkg:golang/example.com/fork@v0.1.0", "pkg:golang/example.com/x@v1.2.3"
			rename(d, x, c.PURL)
		}, "replaced example.com/x v1.2.3 → example.com/fork v0.1.0\n"},
		{"another fork", func(old, d *sbom.Document) {
			for i, d := range []*sbom.Document{old, d} {
				c := d.Component(x)
				c.Name, c.Replaces = fmt.Sprint("example.com/fork", i), "pkg:golang/example.com/x@v1.2.3"
				c.PURL = "pkg:golang/" + c.Name + "@v1.2.3"
				rename(d, x, c.PURL)
			}
		}, "replaced example.com/fork0 v1.2.3 → example.com/fork1 v1.2.3\n"},
		{"replaces another version", func(old, d *sbom.Document) {
			old.Component(x).Replaces, d.Component(x).Replaces = "pkg:golang/example.com/x@v1.0.0", "pkg:golang/example.com/x@v1.1.0"
		}, "example.com/x v1.2.3: replaces pkg:golang/example.com/x@v1.0.0 → pkg:golang/example.com/x@v1.1.0\n"},

		{"scope", func(_, d *sbom.Document) { d.Component(x).Scope = sbom.TestOnly }, "example.com/x v1.2.3: scope runtime → test\n"},
		{"licence", func(old, d *sbom.Document) {
			old.Component(x).Licenses, d.Component(x).Licenses = &sbom.Licenses{Declared: "MIT"}, &sbom.Licenses{Declared: "MIT OR Apache-2.0"}
		}, "example.com/x v1.2.3: license declared MIT → MIT OR Apache-2.0\n"},
		{"licence lost", func(old, _ *sbom.Document) { old.Component(x).Licenses = &sbom.Licenses{Concluded: "MIT"} }, "example.com/x v1.2.3: license concluded MIT → none\n"},
		{"licence of another version", func(old, d *sbom.Document) {
			old.Component(x).Licenses, d.Component(x).Licenses = &sbom.Licenses{Declared: "MIT"}, &sbom.Licenses{Declared: "GPL-3.0-only"}
			upgrade(d, "example.com/x", "v1.2.3", "v1.2.4")
		}, "example.com/x v1.2.3 → v1.2.4\nexample.com/x v1.2.4: license declared MIT → GPL-3.0-only\n"},
		{"verification", func(_, d *sbom.Document) { d.Component(x).Verification = sbom.Listed }, "example.com/x v1.2.3: verification unverified → listed\n"},
		{"requirements", func(old, _ *sbom.Document) { old.Component(x).Requirements = sbom.Complete }, "example.com/x v1.2.3: requirements complete → unknown\n"},

		{"edge", func(_, d *sbom.Document) { d.Edges = append(d.Edges, sbom.Edge{From: y, To: z1, Kind: sbom.ForTests}) }, "edge added example.com/y v0.9.0 → example.com/z v1.0.0 (test)\n"},
		{"edge of an added one", func(_, d *sbom.Document) {
			d.Components = append(d.Components, golang("example.com/w", "v1.0.0"))
			d.Edges = append(d.Edges, sbom.Edge{From: y, To: "pkg:golang/example.com/w@v1.0.0"})
		}, "added example.com/w v1.0.0\n"},
		{"edge to another", func(_, d *sbom.Document) { d.Edges[3].To = y }, "edge added example.com/x v1.2.3 → example.com/y v0.9.0\nedge removed example.com/x v1.2.3 → example.com/z v1.1.0\n"},
		{"targets", func(_, d *sbom.Document) {
			d.Targets = targets("linux", "windows")
			d.Component(x).Targets = []string{"linux"}
			d.Edges[0].Target = "linux"
		}, "document: targets none → linux, windows\nexample.com/x v1.2.3: targets none → linux\nedge added example.com/app v1.0.0 → example.com/x v1.2.3 for linux\nedge removed example.com/app v1.0.0 → example.com/x v1.2.3\n"},

		{"main", func(_, d *sbom.Document) {
			d.Main.Name, d.Main.PURL = "example.com/other", "pkg:golang/example.com/other@v1.0.0"
		}, "main component example.com/app v1.0.0 → example.com/other v1.0.0\n"},
		{"version of main", func(_, d *sbom.Document) {
			d.Main.Version, d.Main.PURL = "v1.1.0", "pkg:golang/example.com/app@v1.1.0"
		}, "example.com/app v1.0.0 → v1.1.0\n"},
		{"document", func(old, d *sbom.Document) {
			old.Phase, d.Phase = sbom.PreBuild, sbom.Built
			old.Properties, d.Properties = []sbom.Property{{"CGO_ENABLED", "0"}, {"GOOS", "linux"}}, []sbom.Property{{"CGO_ENABLED", "1"}, {"GOOS", "linux"}}
			d.Unknown = []string{"the C libraries"}
			d.Authors = []sbom.Party{{Name: "A", Email: "a@example.com", Person: true}}
		}, "document: unknown none → the C libraries\ndocument: author none → person A <a@example.com>\ndocument: phase pre-build → build\ndocument: property CGO_ENABLED 0 → 1\n"},
		{"not for a terminal", func(_, d *sbom.Document) { d.Component(x).Description = "a\n\x1b[31mred" }, "example.com/x v1.2.3: description none → \"a\\n\\x1b[31mred\"\n"},
		{"long", func(_, d *sbom.Document) { d.Component(x).Description = strings.Repeat("ä", 1000) }, "example.com/x v1.2.3: description none → " + strings.Repeat("ä", 100) + "…\n"},
	} {
		old, new := release(), release()
		tt.change(old, new)
		if err := new.Sort(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		diff, err := sbom.Diff(old, new)
		if err != nil || diff.String() != tt.want {
			t.Errorf("%s: error %v, got\n%swant\n%s", tt.name, err, diff, tt.want)
		}
		back, err := sbom.Diff(new, old)
		if err != nil || !mirrored(diff, back) {
			t.Errorf("%s: error %v, the other way round:\n%s", tt.name, err, back)
		}
	}
}

// mirrored reports whether back is diff the other way round.
func mirrored(diff, back sbom.Difference) bool {
	turn := func(c sbom.Change) sbom.Change {
		c.Old, c.New, c.OldRef, c.NewRef = c.New, c.Old, c.NewRef, c.OldRef
		switch c.Kind {
		case sbom.Added:
			c.Kind = sbom.Removed
		case sbom.Removed:
			c.Kind = sbom.Added
		case sbom.EdgeAdded:
			c.Kind = sbom.EdgeRemoved
		case sbom.EdgeRemoved:
			c.Kind = sbom.EdgeAdded
		}
		c.Name, c.Version = "", "" // they are of the new document, if there is one
		return c
	}
	lines := func(d sbom.Difference, turned bool) (list []string) {
		for _, c := range d {
			if c.Name, c.Version = "", ""; turned {
				c = turn(c)
			}
			if c.Kind == sbom.EdgeAdded || c.Kind == sbom.EdgeRemoved {
				c.What = ""
			}
			list = append(list, fmt.Sprintf("%+v", c))
		}
		slices.Sort(list)
		return list
	}
	return slices.Equal(lines(diff, true), lines(back, false))
}

// Whatever is set in a field is a difference, but for what Diff names.
func TestDiffOfEveryField(t *testing.T) {
	party := &sbom.Party{Name: "A"}
	components := map[string]func(c *sbom.Component){
		"Type":         func(c *sbom.Component) { c.Type = sbom.Framework },
		"Name":         func(c *sbom.Component) { c.Name = "other" },
		"Version":      func(c *sbom.Component) { c.Version = "v9" },
		"PURL":         func(c *sbom.Component) { c.PURL = "pkg:golang/other" },
		"Scope":        func(c *sbom.Component) { c.Scope = sbom.Build },
		"Digests":      func(c *sbom.Component) { c.Digests = []hallmark.Digest{digest(7)} },
		"Verification": func(c *sbom.Component) { c.Verification = sbom.Included },
		"Distribution": func(c *sbom.Component) { c.Verification = sbom.Recomputed; c.Distribution = distribution() },
		"Group":        func(c *sbom.Component) { c.Group = "g" },
		"Description":  func(c *sbom.Component) { c.Description = "d" },
		"Supplier":     func(c *sbom.Component) { c.Supplier = party },
		"Producer":     func(c *sbom.Component) { c.Producer = party },
		"Copyright":    func(c *sbom.Component) { c.Copyright = "c" },
		"CPEs":         func(c *sbom.Component) { c.CPEs = []string{"cpe:/a:b"} },
		"References":   func(c *sbom.Component) { c.References = []sbom.Reference{{Type: "vcs", URL: "https://example.com"}} },
		"Support":      func(c *sbom.Component) { c.Support = "none" },
		"SupportUntil": func(c *sbom.Component) { c.SupportUntil = time.Unix(1, 0) },
		"Gaps":         func(c *sbom.Component) { c.Gaps = []sbom.Gap{{Element: sbom.ElementHash, Kind: sbom.NotKnown}} },
		"Replaces":     func(c *sbom.Component) { c.Replaces = "pkg:golang/r" },
		"Licenses":     func(c *sbom.Component) { c.Licenses = &sbom.Licenses{Unknown: "none found"} },
		"Requirements": func(c *sbom.Component) { c.Requirements = sbom.Complete },
		"Targets":      func(c *sbom.Component) { c.Targets = []string{"t"} },
		"Packages":     func(c *sbom.Component) { c.Packages = []string{"."} },
		"Embedded":     func(c *sbom.Component) { c.Embedded = []sbom.File{{Path: "f", Digest: digest(1)}} },
		"Properties":   func(c *sbom.Component) { c.Properties = []sbom.Property{{"p", ""}} },

		"Ref":       nil,
		"Remainder": nil,
		"Place":     nil,
	}
	documents := map[string]func(d *sbom.Document){
		"Main":       func(d *sbom.Document) { d.Main.Description = "d" },
		"Components": func(d *sbom.Document) { d.Components = append(d.Components, lib("e")) },
		"Edges":      func(d *sbom.Document) { d.Edges = d.Edges[1:] },
		"Phase":      func(d *sbom.Document) { d.Phase = sbom.Built },
		"Properties": func(d *sbom.Document) { d.Properties = []sbom.Property{{"p", ""}} },
		"Unknown":    func(d *sbom.Document) { d.Unknown = []string{"u"} },
		"Targets":    func(d *sbom.Document) { d.Targets[0].Unknown = []string{"u"} },
		"Authors":    func(d *sbom.Document) { d.Authors = []sbom.Party{*party} },

		"Remainder": nil,
		"Original":  nil,
	}
	make2 := func() (a, b *sbom.Document) {
		a, b = document(), document()
		a.Targets, b.Targets = targets("s", "t"), targets("s", "t")
		return a, b
	}
	check := func(field string, a, b *sbom.Document) {
		diff, err := sbom.Diff(a, b)
		if err != nil || len(diff) == 0 {
			t.Errorf("%s: got %v, error %v, want a difference", field, diff, err)
		}
	}
	for i := range reflect.TypeFor[sbom.Component]().NumField() {
		field := reflect.TypeFor[sbom.Component]().Field(i).Name
		set, ok := components[field]
		if !ok {
			t.Errorf("Component.%s: is it compared? Give it a case", field)
		} else if set != nil {
			a, b := make2()
			set(&b.Components[3])
			check("Component."+field, a, b)
		}
	}
	for i := range reflect.TypeFor[sbom.Document]().NumField() {
		field := reflect.TypeFor[sbom.Document]().Field(i).Name
		set, ok := documents[field]
		if !ok {
			t.Errorf("Document.%s: is it compared? Give it a case", field)
		} else if set != nil {
			a, b := make2()
			set(b)
			check("Document."+field, a, b)
		}
	}
}

func TestDiffRefuses(t *testing.T) {
	bad := release()
	bad.Components[0].Name = ""
	for _, pair := range [][2]*sbom.Document{{bad, release()}, {release(), bad}} {
		if diff, err := sbom.Diff(pair[0], pair[1]); err == nil || diff != nil || !strings.HasPrefix(err.Error(), "sbom: diff: sbom: ") {
			t.Errorf("got %v, error %v", diff, err)
		}
	}
}

// randomDocument returns a Document of few names, so that much is the same, and
// much nearly so.
func randomDocument(r *rand.Rand) *sbom.Document {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	some := func(n int) bool { return r.IntN(n) == 0 }
	component := func(ref string) sbom.Component {
		name := pick("a", "b", "B", "c")
		c := sbom.Component{Ref: ref, Name: name, Version: pick("", "v1.0.0", "v1.1.0", "v1.10.0", "v2"), Type: sbom.Library, Scope: sbom.Runtime}
		if !some(4) {
			c.PURL = "pkg:golang/" + name
			if c.Version != "" {
				c.PURL += "@" + c.Version
			}
			c.PURL += pick("", "", "?type=module", "?arch=x")
		}
		if some(3) {
			c.Scope = sbom.Scope(pick("test", "tool", "optional"))
		}
		if some(3) {
			c.Digests = []hallmark.Digest{digest(byte(r.IntN(3)))}
			c.Verification = sbom.Verification(pick("", "listed", "recomputed", "included"))
		}
		if some(4) {
			c.Replaces = "pkg:golang/" + pick("a", "b", "c", "d") + "@v1"
		}
		if some(3) {
			id := "LicenseRef-" + pick("1", "2")
			c.Licenses = &sbom.Licenses{Declared: "MIT AND " + id, Texts: []sbom.LicenseText{{ID: id, Text: "text of " + id}}}
		}
		if some(3) {
			c.Requirements = sbom.Complete
		}
		if some(4) {
			c.Remainder = []sbom.Remainder{{Format: "f@1", Path: "/x", Value: json.RawMessage(pick("1", "2"))}}
		}
		if some(4) {
			c.Properties = []sbom.Property{{"p", pick("", "1", "2")}}
		}
		if some(4) {
			c.Supplier = &sbom.Party{Name: pick("A", "B")}
		}
		return c
	}
	d := &sbom.Document{Main: component("main")}
	d.Main.Scope = sbom.Runtime
	d.Phase = sbom.Phase(pick("", "pre-build", "build"))
	if some(3) {
		d.Targets = targets("s", "t")
	}
	if some(3) {
		d.Unknown = []string{pick("u", "v")}
		d.Properties = []sbom.Property{{"GOOS", pick("linux", "windows")}}
		d.Remainder = []sbom.Remainder{{Format: "f@1", Path: "/y", Value: json.RawMessage("1")}}
	}
	refs := []string{"main"}
	for i := range r.IntN(12) {
		ref := fmt.Sprint(pick("r", "s"), i)
		c := component(ref)
		if d.Targets != nil && some(3) {
			c.Targets = []string{"s"}
		}
		d.Components = append(d.Components, c)
		refs = append(refs, ref)
	}
	for range r.IntN(3 * len(refs)) {
		e := sbom.Edge{From: pick(refs...), To: pick(refs...), Kind: sbom.EdgeKind(pick("", "", "test", "tool", "requirement"))}
		if d.Targets != nil && some(2) {
			e.Target = pick("s", "t")
		}
		if e.From != e.To {
			d.Edges = append(d.Edges, e)
		}
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}

// Tools differ in how they write the same: the name of the standard library, the letters
// before a version, the case of letters and the qualifiers of package URLs, and which
// algorithm they hash by. None of it is another component, or another version.
func TestDiffOfTools(t *testing.T) {
	library := func(ref, name, version, purl string, digests ...hallmark.Digest) sbom.Component {
		return sbom.Component{Ref: ref, Type: sbom.Library, Scope: sbom.Runtime, Name: name, Version: version, PURL: purl, Digests: digests}
	}
	one := &sbom.Document{Main: golang("example.com/app", "v1.0.0"), Components: []sbom.Component{
		library("1", "std", "go1.22.1", "pkg:golang/std@1.22.1?type=module"),
		library("2", "example.com/Mod", "v0.5.0", "pkg:golang/example.com/Mod@v0.5.0?goos=linux&type=module", digest(1)),
		library("3", "example.com/old", "v0.5.0", "pkg:golang/example.com/old@v0.5.0"),
		library("4", "lib", "v1.0.0", "pkg:npm/lib@v1.0.0"),
	}}
	sha1, err := hallmark.ParseDigest("sha1:" + strings.Repeat("0f", 20))
	if err != nil {
		t.Fatal(err)
	}
	two := &sbom.Document{Main: golang("example.com/app", "v1.0.0"), Components: []sbom.Component{
		library("a", "stdlib", "v1.22.1", "pkg:golang/stdlib@v1.22.1"),
		library("b", "example.com/mod", "0.5.0", "pkg:golang/example.com/mod@0.5.0", sha1),
		library("c", "example.com/old", "0.5.1", "pkg:golang/example.com/old@0.5.1"),
		library("d", "lib", "1.0.0", "pkg:npm/lib@1.0.0"), // "v" is no part of a version of npm
	}}
	for _, d := range []*sbom.Document{one, two} {
		d.Main.Scope = sbom.Runtime
	}
	diff, err := sbom.Diff(one, two)
	if err != nil {
		t.Fatal(err)
	}
	const want = `example.com/old v0.5.0 → 0.5.1
lib v1.0.0 → 1.0.0
`
	if got := diff.Of(sbom.Tampered, sbom.Added, sbom.Removed, sbom.Replaced, sbom.VersionChanged).String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, line := range []string{"stdlib v1.22.1: version spelled go1.22.1 → v1.22.1\n", "example.com/mod 0.5.0: version spelled v0.5.0 → 0.5.0\n"} {
		if !strings.Contains(diff.String(), line) {
			t.Errorf("got\n%swant %s", diff, line)
		}
	}

	// The same version with another content is tampering, however it is spelled.
	two.Components[1].Digests = []hallmark.Digest{digest(2)}
	if diff, err := sbom.Diff(one, two); err != nil || len(diff.Of(sbom.Tampered)) != 1 {
		t.Errorf("error %v, want tampering:\n%s", err, diff)
	}
}

func TestDiffOfRandomDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		a, b := randomDocument(r), randomDocument(r)
		if diff, err := sbom.Diff(a, a); err != nil || len(diff) > 0 {
			t.Fatalf("%d: error %v, with itself:\n%s", i, err, diff)
		}
		diff, err := sbom.Diff(a, b)
		if err != nil {
			t.Fatal(err)
		}
		back, err := sbom.Diff(b, a)
		if err != nil {
			t.Fatal(err)
		}
		if !mirrored(diff, back) {
			t.Fatalf("%d:\n%s\nthe other way round:\n%s", i, diff, back)
		}
		added := len(diff.Of(sbom.Added)) - len(diff.Of(sbom.Removed))
		if added != len(b.Components)-len(a.Components) {
			t.Fatalf("%d: %d more components, want %d:\n%s", i, added, len(b.Components)-len(a.Components), diff)
		}
		shuffle(r, b.Components)
		shuffle(r, b.Edges)
		if again, err := sbom.Diff(a, b); err != nil || again.String() != diff.String() || !reflect.DeepEqual(again, diff) {
			t.Fatalf("%d: error %v, in another order:\n%s\nwant:\n%s", i, err, again, diff)
		}
	}
}

// A gate that lets a release pass unless something of it has another content than
// before, or comes new.
func ExampleDiff() {
	old, new := release(), release()
	upgrade(new, "example.com/y", "v0.9.0", "v0.10.0")
	new.Component("pkg:golang/example.com/x@v1.2.3").Digests = []hallmark.Digest{digest(0xff)}
	diff, err := sbom.Diff(old, new)
	if err != nil {
		panic(err)
	}
	fmt.Print(diff)
	fmt.Println("refused:", len(diff.Of(sbom.Tampered, sbom.Added)) > 0)
	// Output:
	// TAMPERED example.com/x v1.2.3: sha256 0100000000000000000000000000000000000000000000000000000000000000 → ff00000000000000000000000000000000000000000000000000000000000000
	// example.com/y v0.9.0 → v0.10.0
	// refused: true
}

func ExampleDifference_Of() {
	old, new := release(), release()
	upgrade(new, "example.com/y", "v0.9.0", "v0.10.0")
	new.Component("pkg:golang/example.com/x@v1.2.3").Scope = sbom.TestOnly
	diff, err := sbom.Diff(old, new)
	if err != nil {
		panic(err)
	}
	for _, c := range diff.Of(sbom.VersionChanged) {
		fmt.Println(c.Name, c.Old, c.New)
	}
	// Output: example.com/y v0.9.0 v0.10.0
}

// large returns a Document of n modules, of which every tenth has another version
// than in that of another generation.
func large(n, generation int) *sbom.Document {
	d := &sbom.Document{Main: golang("example.com/app", "v1.0.0")}
	for i := range n {
		version := "v1.0.0"
		if i%10 == 0 {
			version = fmt.Sprintf("v1.%d.0", generation)
		}
		c := golang(fmt.Sprintf("example.com/m%d", i), version)
		c.Digests = []hallmark.Digest{digest(byte(i))}
		d.Components = append(d.Components, c)
		from := d.Main.Ref
		if i > 0 {
			from = d.Components[(i-1)/4].Ref
		}
		d.Edges = append(d.Edges, sbom.Edge{From: from, To: c.Ref})
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}

func bySize(b *testing.B, bench func(b *testing.B, n int)) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			bench(b, n)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/component")
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		old, new := large(n, 1), large(n, 2)
		for b.Loop() {
			if diff, err := sbom.Diff(old, new); err != nil || len(diff) != n/10 {
				b.Fatal(err, len(diff))
			}
		}
	})
}
