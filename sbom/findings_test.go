package sbom_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

func TestFindings(t *testing.T) {
	const x = "pkg:golang/example.com/x@v1.2.3"
	weak := func(s string) hallmark.Digest {
		d, err := hallmark.ParseDigest(s)
		if err != nil {
			panic(err)
		}
		return d
	}
	for _, tt := range []struct {
		name   string
		change func(d *sbom.Document, x *sbom.Component)
		want   string // lines
	}{
		{"nothing", func(_ *sbom.Document, _ *sbom.Component) {}, ""},
		{"spelling", func(_ *sbom.Document, c *sbom.Component) { c.PURL = "pkg:golang/example.com/x@v1.2.3#" }, x + ": PURL pkg:golang/example.com/x@v1.2.3#: its canonical form is " + x},
		{"spelling of what it replaces", func(_ *sbom.Document, c *sbom.Component) { c.Replaces = "pkg:golang//w" }, x + ": Replaces pkg:golang//w: its canonical form is pkg:golang/w"},
		{"version", func(_ *sbom.Document, c *sbom.Component) { c.Version = "1.2.3" }, x + ": PURL " + x + `: its version is "v1.2.3", and that of the component "1.2.3"`},
		{"name", func(_ *sbom.Document, c *sbom.Component) { c.Name = "y" }, x + ": PURL " + x + `: its name is "example.com/x", and that of the component "y"`},
		{"group", func(_ *sbom.Document, c *sbom.Component) { c.Group, c.Name = "example.com", "x" }, ""},
		{"twice", func(d *sbom.Document, c *sbom.Component) {
			d.Components = append(d.Components, *c)
			d.Components[len(d.Components)-1].Ref = "0"
			d.Edges = append(d.Edges, sbom.Edge{From: c.Ref, To: "0"})
		}, x + ": PURL " + x + ": component 0 has it too"},
		{"no version of Go", func(_ *sbom.Document, c *sbom.Component) {
			c.Version, c.PURL = "(devel)", "pkg:golang/example.com/x@%28devel%29"
		}, x + `: PURL pkg:golang/example.com/x@%28devel%29: malformed version "(devel)": want numbers without leading zeros`},
		{"weak", func(_ *sbom.Document, c *sbom.Component) {
			c.Digests = []hallmark.Digest{weak("md5:" + strings.Repeat("0", 32)), weak("sha1:" + strings.Repeat("0", 40))}
		}, x + ": Digests md5: no digest withstands collisions"},
		{"weak and strong", func(_ *sbom.Document, c *sbom.Component) {
			c.Digests = append(c.Digests, weak("md5:"+strings.Repeat("0", 32)))
		}, ""},
		{"two digests", func(_ *sbom.Document, c *sbom.Component) { c.Digests = append(c.Digests, digest(2)) }, x + ": Digests " + digest(2).String() + ": there is another one of sha256"},
		{"CPEs", func(_ *sbom.Document, c *sbom.Component) {
			c.CPEs = []string{
				"cpe:/a:golang:go:1.26", "cpe:2.3:a:golang:go:1.26:*:*:*:*:*:*:*", `cpe:2.3:a:x:a\:b:1:*:*:*:*:*:*:*`,
				"cpe:2.3:a:golang:go:1.26", "cpe:2.3:x:golang:go:1.26:*:*:*:*:*:*:*", "cpe:2.3:a:golang::1.26:*:*:*:*:*:*:*", "cpe:/x:a", "cpe:/a:1:2:3:4:5:6:7", "golang", "cpe:/a:b c",
			}
		}, x + ": CPEs cpe:2.3:a:golang:go:1.26: N\n" + x + ": CPEs cpe:2.3:x:golang:go:1.26:*:*:*:*:*:*:*: N\n" + x + ": CPEs cpe:2.3:a:golang::1.26:*:*:*:*:*:*:*: N\n" +
			x + ": CPEs cpe:/x:a: N\n" + x + ": CPEs cpe:/a:1:2:3:4:5:6:7: N\n" + x + ": CPEs golang: N\n" + x + ": CPEs cpe:/a:b c: N"},
		{"URL", func(_ *sbom.Document, c *sbom.Component) {
			c.References = []sbom.Reference{{Type: "vcs", URL: "git@example.com:x"}, {Type: "website", URL: "example.com"}, {Type: "bom", URL: "urn:cdx:1"}}
		}, x + ": References git@example.com:x: it is not an absolute URL\n" + x + ": References example.com: it is not an absolute URL"},
		{"parties", func(d *sbom.Document, c *sbom.Component) {
			d.Authors = []sbom.Party{{Email: "a@example.com"}, {Email: "example.com"}}
			c.Supplier, c.Producer = &sbom.Party{Name: "A", URL: "www"}, &sbom.Party{Email: "a b@c"}
		}, "document: Authors example.com: it is not an email address\n" + x + ": Supplier www: it is not an absolute URL\n" + x + ": Producer a b@c: it is not an email address"},
		{"time", func(_ *sbom.Document, c *sbom.Component) {
			c.SupportUntil = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		}, x + ": SupportUntil: its year is 10000"},
		{"gaps", func(_ *sbom.Document, c *sbom.Component) {
			c.Supplier, c.Producer, c.Copyright, c.Requirements = &sbom.Party{Name: "A"}, &sbom.Party{Name: "B"}, "C", sbom.Complete
			c.Licenses = &sbom.Licenses{Concluded: "MIT"}
			for _, e := range []sbom.Element{sbom.ElementCopyright, sbom.ElementHash, sbom.ElementIdentifier, sbom.ElementLicense, sbom.ElementProducer, sbom.ElementRequires, sbom.ElementSupplier, sbom.ElementVersion} {
				c.Gaps = append(c.Gaps, sbom.Gap{Element: e, Kind: sbom.NotKnown})
			}
		}, strings.TrimSuffix(strings.Repeat(x+": Gaps E: it is said to be unknown, and it is there\n", 8), "\n")},
		{"gaps that are", func(_ *sbom.Document, c *sbom.Component) {
			c.PURL, c.Version, c.Digests = "", "", nil
			for _, e := range []sbom.Element{sbom.ElementCopyright, sbom.ElementHash, sbom.ElementIdentifier, sbom.ElementLicense, sbom.ElementProducer, sbom.ElementRequires, sbom.ElementSupplier, sbom.ElementVersion} {
				c.Gaps = append(c.Gaps, sbom.Gap{Element: e, Kind: sbom.Withheld})
			}
		}, ""},
		{"no edges", func(d *sbom.Document, _ *sbom.Component) { d.Edges = nil }, "document: Edges: there are components, and nothing says what requires them"},
		{"unreachable", func(d *sbom.Document, _ *sbom.Component) {
			d.Components = append(d.Components, lib("u"), sbom.Component{Ref: "v", Name: "v", Type: sbom.Library, Scope: sbom.TestOnly})
		}, "u: Ref: no chain of edges leads to it from the main component"},
	} {
		d := release()
		tt.change(d, d.Component(x))
		if err := d.Sort(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var lines []string
		for _, f := range d.Findings() {
			line := strings.Replace(f.String(), "it is neither a CPE 2.3 formatted string nor a CPE 2.2 URI", "N", 1)
			if f.Kind == sbom.GapContradicted {
				line = strings.Replace(line, "Gaps "+f.Value, "Gaps E", 1)
			}
			lines = append(lines, line)
		}
		if tt.name == "CPEs" { // they are sorted
			if len(lines) != 7 {
				t.Errorf("%s: got %d, want 7:\n%s", tt.name, len(lines), strings.Join(lines, "\n"))
			}
			for _, line := range lines {
				if !strings.Contains(tt.want, line) {
					t.Errorf("%s: got %s", tt.name, line)
				}
			}
			continue
		}
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func ExampleDocument_Findings() {
	d := release()
	d.Component("pkg:golang/example.com/y@v0.9.0").PURL = "pkg:Golang/example.com/y@v0.9.0"
	for _, f := range d.Findings() {
		fmt.Println(f)
	}
	// Output: pkg:golang/example.com/y@v0.9.0: PURL pkg:Golang/example.com/y@v0.9.0: its canonical form is pkg:golang/example.com/y@v0.9.0
}

func BenchmarkFindings(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		d := large(n, 1)
		for b.Loop() {
			if list := d.Findings(); len(list) != 0 {
				b.Fatal(list[0])
			}
		}
	})
}
