package cyclonedx_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

var update = flag.Bool("update", false, "write the documents in testdata again")

// stamp has a time of another zone and with a fraction of a second.
func stamp() sbom.Stamp {
	return sbom.Stamp{
		Created: time.Date(2026, 11, 21, 12, 48, 28, 999, time.FixedZone("", 2*60*60)),
		Tool:    sbom.Tool{Name: "tool", Version: "v0.1.0"},
	}
}

func load(t *testing.T, name string) *sbom.Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".document.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := new(sbom.Document)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		name  string
		stamp sbom.Stamp
	}{
		{"source", stamp()},
		{"binary", sbom.Stamp{Tool: sbom.Tool{Name: "tool"}}},
		{"bare", sbom.Stamp{}},
		{"union", sbom.Stamp{}},
	} {
		got, err := cyclonedx.Marshal(load(t, test.name), test.stamp)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		file := filepath.Join("testdata", test.name+".cdx.json")
		if *update {
			if err := os.WriteFile(file, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what Marshal returns:\n%s", file, got)
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	for _, name := range []string{"source", "union"} {
		want, err := cyclonedx.Marshal(load(t, name), stamp())
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(20) {
			d := load(t, name)
			r := rand.New(rand.NewPCG(seed, 0))
			shuffle(r, d.Components)
			shuffle(r, d.Edges)
			shuffle(r, d.Properties)
			shuffle(r, d.Targets)
			shuffle(r, d.Main.Embedded)
			for _, c := range d.All() {
				shuffle(r, c.Targets)
				shuffle(r, c.Packages)
			}
			d.Edges = append(d.Edges, d.Edges[0])
			first := d.Components[0].Ref

			got, err := cyclonedx.Marshal(d, stamp())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s, seed %d: another order of the Document gives other bytes:\n%s", name, seed, got)
			}
			if d.Components[0].Ref != first {
				t.Fatalf("%s, seed %d: Marshal has sorted the caller's Document", name, seed)
			}
			if err := d.Sort(); err != nil {
				t.Fatal(err)
			}
			if got, _ := cyclonedx.Marshal(d, stamp()); !bytes.Equal(got, want) {
				t.Fatalf("%s, seed %d: the sorted Document gives other bytes:\n%s", name, seed, got)
			}
		}
	}
}

func shuffle[E any](r *rand.Rand, s []E) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestSerialNumber(t *testing.T) {
	const nilUUID = "00000000-0000-0000-0000-000000000000"
	// uuid5(NAMESPACE_URL, "https://cyclonedx.org/bom")
	namespace, err := hex.DecodeString("8c9a12bd1ab751a0adf40b1a3525cd2a")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`"serialNumber": "urn:uuid:(.{36})"`)
	seen := make(map[string]bool)
	for _, edit := range []func(*sbom.Document, *sbom.Stamp){
		func(d *sbom.Document, s *sbom.Stamp) {},
		func(d *sbom.Document, s *sbom.Stamp) { s.Created = s.Created.Add(time.Second) },
		func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Version = "v0.2.1" },
		// Where the serial number goes is not looked for in what a caller says.
		func(d *sbom.Document, s *sbom.Stamp) { d.Main.Name = "urn:uuid:" + nilUUID },
	} {
		d, s := load(t, "source"), stamp()
		edit(d, &s)
		data, err := cyclonedx.Marshal(d, s)
		if err != nil {
			t.Fatal(err)
		}
		m := number.FindSubmatchIndex(data)
		if m == nil {
			t.Fatalf("no serial number:\n%s", data)
		}
		got := string(data[m[2]:m[3]])
		copy(data[m[2]:m[3]], nilUUID)
		sum := sha1.Sum(slices.Concat(namespace, data))
		sum[6] = sum[6]&0x0f | 5<<4
		sum[8] = sum[8]&0x3f | 0b10<<6
		if want := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]); got != want {
			t.Errorf("serial number is %s, want %s", got, want)
		}
		if seen[got] {
			t.Errorf("serial number %s for two documents", got)
		}
		seen[got] = true
	}
}

// cyclonedx-go v0.12.0 escapes <, > and & in tools and evidence whatever its encoder
// is told: their MarshalJSON calls json.Marshal.
func TestNothingIsEscaped(t *testing.T) {
	d, s := load(t, "bare"), sbom.Stamp{Tool: sbom.Tool{Name: `<a> & \u003c \`, Version: `"\\u003e&`}}
	d.Main.Name = `\u0026 \\u0026`
	const text = `<b> \\u003cb\u003e & c`
	d.Main.Licenses = licenses(t, text)
	data, err := cyclonedx.Marshal(d, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"name": "<a> & \\u003c \\"`; !bytes.Contains(data, []byte(want)) {
		t.Errorf("no %s in\n%s", want, data)
	}
	var back cdx.BOM
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got := (*back.Metadata.Component.Evidence.Licenses)[0].License.Text.Content; got != text || bytes.Contains(data, []byte(`"\u003c`)) {
		t.Errorf("text of a licence is %q, want %q", got, text)
	}
	tool := (*back.Metadata.Tools.Components)[0]
	if tool.Name != s.Tool.Name || tool.Version != s.Tool.Version || back.Metadata.Component.Name != d.Main.Name {
		t.Errorf("tool %q %q and name %q, want %q %q and %q",
			tool.Name, tool.Version, back.Metadata.Component.Name, s.Tool.Name, s.Tool.Version, d.Main.Name)
	}

	bom, err := cyclonedx.BOM(d, s)
	if err != nil {
		t.Fatal(err)
	}
	var theirs bytes.Buffer
	if err := cdx.NewBOMEncoder(&theirs, cdx.BOMFileFormatJSON).SetEscapeHTML(false).Encode(bom); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(theirs.Bytes(), []byte(`"\u003ca\u003e`)) {
		t.Error("cyclonedx-go does not escape tools any more")
	}
}

// licenses returns what is known of a component with one file, of which nothing
// is known but its text.
func licenses(t *testing.T, text string) *sbom.Licenses {
	t.Helper()
	digest, err := hallmark.ParseDigest("sha256:" + strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	return &sbom.Licenses{
		Declared: "LicenseRef-x",
		Files:    []sbom.LicenseFile{{Path: "LICENSE", Digest: digest, Kind: sbom.KindLicense, IDs: []string{"LicenseRef-x"}}},
		Texts:    []sbom.LicenseText{{ID: "LicenseRef-x", Text: text}},
	}
}

func TestLicenses(t *testing.T) {
	for _, test := range []struct{ declared, concluded, want, property string }{
		{"", "", "", ""},
		{"MIT", "", `[{"license":{"id":"MIT","acknowledgement":"declared"}}]`, ""},
		{"", "MIT", `[{"license":{"id":"MIT","acknowledgement":"concluded"}}]`, ""},
		{"MIT", "ISC", `[{"license":{"id":"MIT","acknowledgement":"declared"}},{"license":{"id":"ISC","acknowledgement":"concluded"}}]`, ""},
		{"MIT AND ISC", "", `[{"expression":"MIT AND ISC","acknowledgement":"declared"}]`, ""},
		{"MIT AND ISC", "MIT", `[{"license":{"id":"MIT","acknowledgement":"concluded"}}]`, "hallmark:license:declared=MIT AND ISC"},
		{"MIT", "MIT OR ISC", `[{"expression":"MIT OR ISC","acknowledgement":"concluded"}]`, "hallmark:license:declared=MIT"},
		{"GPL-2.0+", "", `[{"expression":"GPL-2.0+","acknowledgement":"declared"}]`, ""},
		{"Not-On-The-List", "", `[{"expression":"Not-On-The-List","acknowledgement":"declared"}]`, ""},
		{"LicenseRef-x", "", `[{"license":{"name":"LicenseRef-x","acknowledgement":"declared"}}]`, "hallmark:license:text:LicenseRef-x=x"},
		{"(LicenseRef-x)", "", `[{"expression":"(LicenseRef-x)","acknowledgement":"declared"}]`, "hallmark:license:text:LicenseRef-x=x"},
	} {
		d := load(t, "bare")
		d.Main.Licenses = &sbom.Licenses{Declared: test.declared, Concluded: test.concluded}
		if test.declared+test.concluded == "" {
			d.Main.Licenses = nil
		}
		if strings.Contains(test.declared, "LicenseRef-x") {
			d.Main.Licenses.Texts = []sbom.LicenseText{{ID: "LicenseRef-x", Text: "x"}}
		}
		bom, err := cyclonedx.BOM(d, sbom.Stamp{})
		if err != nil {
			t.Fatal(err)
		}
		main := bom.Metadata.Component
		got, property := "", ""
		if main.Licenses != nil {
			data, err := json.Marshal(main.Licenses)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		}
		if main.Properties != nil {
			property = (*main.Properties)[0].Name + "=" + (*main.Properties)[0].Value
		}
		if got != test.want || property != test.property {
			t.Errorf("%q, %q:\n got %s %s\nwant %s %s", test.declared, test.concluded, got, property, test.want, test.property)
		}
	}
}

func TestDigests(t *testing.T) {
	const h1 = "dirHash:14404bc75cd2db5e28c298f2eeab017a2c5b51192e850030acae54c0b193c2de"
	for _, test := range []struct {
		digest     string
		hash, prop string // of every component
	}{
		{h1, "", "hallmark:go:h1=h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4="},
		{"md5:" + strings.Repeat("0", 32), "MD5", ""},
		{"sha1:" + strings.Repeat("1", 40), "SHA-1", ""},
		{"sha256:" + strings.Repeat("2", 64), "SHA-256", ""},
		{"sha384:" + strings.Repeat("3", 96), "SHA-384", ""},
		{"sha512:" + strings.Repeat("4", 128), "SHA-512", ""},
		{"sha3_256:" + strings.Repeat("5", 64), "SHA3-256", ""},
		{"sha3_384:" + strings.Repeat("6", 96), "SHA3-384", ""},
		{"sha3_512:" + strings.Repeat("7", 128), "SHA3-512", ""},
		{"blake2b:" + strings.Repeat("8", 128), "BLAKE2b-512", ""},
		{"sha512_256:" + strings.Repeat("9", 64), "", "hallmark:digest=sha512_256:" + strings.Repeat("9", 64)},
		{"gitTree:" + strings.Repeat("a", 40), "", "hallmark:digest=gitTree:" + strings.Repeat("a", 40)},
	} {
		dg, err := hallmark.ParseDigest(test.digest)
		if err != nil {
			t.Fatal(err)
		}
		d := load(t, "binary")
		d.Main.Digests = []hallmark.Digest{dg}
		d.Components[0].Digests = []hallmark.Digest{dg}
		bom, err := cyclonedx.BOM(d, sbom.Stamp{})
		if err != nil {
			t.Fatal(err)
		}
		main, other := bom.Metadata.Component, (*bom.Components)[0]
		if !reflect.DeepEqual(other.Hashes, main.Hashes) {
			t.Errorf("%s: hashes %v of a component that is not the main one, want %v", test.digest, other.Hashes, main.Hashes)
		}
		if test.prop != "" {
			if got := (*other.Properties)[0]; got.Name+"="+got.Value != test.prop {
				t.Errorf("%s: property %v, want %s", test.digest, got, test.prop)
			}
		}
		switch {
		case test.hash == "" && main.Hashes != nil:
			t.Errorf("%s: hashes %v, want none", test.digest, *main.Hashes)
		case test.hash == "":
			if got := (*main.Properties)[0]; got.Name+"="+got.Value != test.prop {
				t.Errorf("%s: property %v, want %s", test.digest, got, test.prop)
			}
		case main.Hashes == nil || main.Properties != nil:
			t.Errorf("%s: hashes %v, properties %v, want one hash", test.digest, main.Hashes, main.Properties)
		default:
			if got := (*main.Hashes)[0]; string(got.Algorithm) != test.hash || got.Value != dg.Hex() {
				t.Errorf("%s: hash %v, want %s", test.digest, got, test.hash)
			}
		}
	}
}

// What is in golden files only once, in the cases that are not there.
func TestVerification(t *testing.T) {
	sha512_256, err := hallmark.ParseDigest("sha512_256:" + strings.Repeat("9", 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []sbom.Verification{sbom.Unverified, sbom.Listed, sbom.Recomputed, sbom.Included} {
		d := load(t, "binary")
		d.Main.Verification, d.Components[0].Verification = level, level
		if level.AtLeast(sbom.Recomputed) {
			f := sbom.Distribution{Path: "a.zip", Digests: []hallmark.Digest{sha512_256}}
			d.Components[0].Distribution = &f
			if level == sbom.Included {
				f.URL = "https://example.com/a.zip"
				d.Main.Distribution = &f
			}
		}
		bom, err := cyclonedx.BOM(d, sbom.Stamp{})
		if err != nil {
			t.Fatal(err)
		}
		main, c := bom.Metadata.Component, (*bom.Components)[0]
		if main.Evidence != nil || main.ExternalReferences != nil {
			t.Errorf("%q: the artifact has evidence or an external reference", level)
		}
		value := ""
		for _, p := range *c.Properties {
			if p.Name == "hallmark:go:verification" {
				value += p.Value
			}
		}
		if value != string(level) || (c.Evidence != nil) != level.AtLeast(sbom.Recomputed) {
			t.Errorf("%q: property %q, evidence %v", level, value, c.Evidence)
		}
		if (c.ExternalReferences != nil) != (level == sbom.Included) {
			t.Errorf("%q: external references %v", level, c.ExternalReferences)
		}
		if level == sbom.Included && (*c.ExternalReferences)[0].Hashes != nil {
			t.Errorf("a hash that CycloneDX has no name for: %v", *(*c.ExternalReferences)[0].Hashes)
		}
	}
}

func TestCompositions(t *testing.T) {
	for _, test := range []struct {
		what string
		edit func(*sbom.Document)
		want string // assemblies, then the number of components by what is known
	}{
		{"as it is", func(d *sbom.Document) {}, "complete; complete 3, unknown 1"},
		{"main unknown", func(d *sbom.Document) { d.Main.Requirements = sbom.Unknown }, "unknown; complete 2, unknown 2"},
		{"part unknown", func(d *sbom.Document) { d.Components[1].Requirements = sbom.Unknown }, "unknown; complete 2, unknown 2"},
		{"tool complete", func(d *sbom.Document) { d.Components[2].Requirements = sbom.Complete }, "complete; complete 4, unknown 0"},
		{"sentence", func(d *sbom.Document) { d.Unknown = []string{"something"} }, "unknown; complete 3, unknown 1"},
	} {
		d := load(t, "source")
		test.edit(d)
		bom, err := cyclonedx.BOM(d, sbom.Stamp{})
		if err != nil {
			t.Fatal(err)
		}
		n := make(map[cdx.CompositionAggregate]int)
		for _, c := range (*bom.Compositions)[1:] {
			n[c.Aggregate] = len(*c.Dependencies)
		}
		got := fmt.Sprintf("%s; complete %d, unknown %d", (*bom.Compositions)[0].Aggregate, n["complete"], n["unknown"])
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		want string // in the error
		edit func(*sbom.Document, *sbom.Stamp)
	}{
		{"main component has no name", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Name = "" }},
		{"its ref occurs twice", func(d *sbom.Document, s *sbom.Stamp) { d.Components[1].Ref = d.Components[0].Ref }},
		{"an end is not in the document", func(d *sbom.Document, s *sbom.Stamp) { d.Edges[0].To = "elsewhere" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Ref, d.Edges = "a\xff", nil }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Name = "\xc3" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Components[1].Properties[0].Value = "\xed\xa0\x80" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Properties[0].Name = "\x80" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Unknown = []string{"\x80"} }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { s.Tool.Version = "\x80" }},
		{`phase "dreams" is not known`, func(d *sbom.Document, s *sbom.Stamp) { d.Phase = "dreams" }},
		{`main component: scope "build"`, func(d *sbom.Document, s *sbom.Stamp) { d.Main.Scope = sbom.Build }},
		{`completeness "nearly" is not known`, func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Requirements = "nearly" }},
		{"is a link to another document", func(d *sbom.Document, s *sbom.Stamp) { d.Components[2].Ref = "urn:cdx:x" }},
		{"version of 1025 characters", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Version = strings.Repeat("ä", 1025) }},
		{"replaces a version of 1025 characters", func(d *sbom.Document, s *sbom.Stamp) {
			d.Main.Replaces = "pkg:golang/a@" + strings.Repeat("1", 1025)
		}},
		{"a digest is zero", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Digests = make([]hallmark.Digest, 1) }},
		{"malformed package URL", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Replaces = "github.com/pkg/errors" }},
		{"malformed package URL", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Replaces = "pkg:golang/@v1.0.0" }},
		{"malformed package URL", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Replaces = "pkg:golang/a%2@v1" }},
		{"malformed package URL", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Replaces = "pkg:golang/a%ff@v1" }},
		{`version "v1" without a name`, func(d *sbom.Document, s *sbom.Stamp) { s.Tool = sbom.Tool{Version: "v1"} }},
		{"created in the year 10000", func(d *sbom.Document, s *sbom.Stamp) { s.Created = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		d, s := load(t, "source"), stamp()
		test.edit(d, &s)
		data, err := cyclonedx.Marshal(d, s)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Marshal: error %v, want one with %q", err, test.want)
		}
		if data != nil {
			t.Errorf("Marshal returns bytes beside the error %v", err)
		}
		if _, err := cyclonedx.BOM(d, s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("BOM: error %v, want one with %q", err, test.want)
		}
	}

	d, s := load(t, "source"), stamp()
	d.Phase, d.Main.Type, s.Tool.Name = "never", "", "\xff"
	_, err := cyclonedx.Marshal(d, s)
	for _, want := range []string{"phase", "type", "UTF-8"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("several faults: error %v, want one with %q too", err, want)
		}
	}
}

func TestAncestor(t *testing.T) {
	for _, test := range []struct{ purl, name, version string }{
		{"pkg:golang/github.com/pkg/errors@v0.8.0", "github.com/pkg/errors", "v0.8.0"},
		{"pkg:golang/example.com/a@v2.0.0%2Bincompatible", "example.com/a", "v2.0.0+incompatible"},
		{"pkg:golang/example.com/a", "example.com/a", ""},
		{"pkg:npm/%40angular/core@1?x=y@z#a/b", "@angular/core", "1"},
	} {
		d := load(t, "source")
		d.Components[0].Replaces = test.purl
		bom, err := cyclonedx.BOM(d, stamp())
		if err != nil {
			t.Errorf("%s: %v", test.purl, err)
			continue
		}
		got := (*(*bom.Components)[0].Pedigree.Ancestors)[0]
		if got.Name != test.name || got.Version != test.version || got.PackageURL != test.purl {
			t.Errorf("%s: ancestor %q %q %q, want %q %q", test.purl, got.Name, got.Version, got.PackageURL, test.name, test.version)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		d := benchmarkDocument(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := cyclonedx.Marshal(d, stamp())
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(data)))
			}
		})
	}
}

// peak is the most memory that f has in use beyond what is in use before it.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	done, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return most - min(most, before)
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		d := benchmarkDocument(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var written counter
				if err := cyclonedx.Write(&written, d, stamp(), cyclonedx.V16); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(written))
			}
			b.ReportMetric(float64(peak(func() { _ = cyclonedx.Write(new(counter), d, stamp(), cyclonedx.V16) }))/(1<<20), "peak-MiB")
		})
	}
}

// A counter counts the bytes that are written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkParse reads what package cyclonedx writes, and what it does not: the
// same without its properties and with other members, so that it is kept beside
// the fields. The last one is encoding/json into the types of cyclonedx-go.
func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		own, err := cyclonedx.Marshal(benchmarkDocument(n), stamp())
		if err != nil {
			b.Fatal(err)
		}
		foreign := bytes.ReplaceAll(own, []byte(`"hallmark:go:h1"`), []byte(`"h1"`))
		foreign = bytes.ReplaceAll(foreign, []byte(`"scope": "required"`), []byte(`"publisher": "somebody"`))
		for _, test := range []struct {
			name string
			data []byte
			read func([]byte) error
		}{
			{"own", own, func(data []byte) error { _, _, err := cyclonedx.Parse(data); return err }},
			{"foreign", foreign, func(data []byte) error { _, _, err := cyclonedx.Parse(data); return err }},
			{"peer", own, func(data []byte) error { return json.Unmarshal(data, new(cdx.BOM)) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", test.name, n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(test.data)))
				for b.Loop() {
					if err := test.read(test.data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// benchmarkDocument returns a Document of n components that require two others
// each, with the fields that a Go module has.
func benchmarkDocument(n int) *sbom.Document {
	h1, err := hallmark.ParseH1("h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=")
	if err != nil {
		panic(err)
	}
	module := func(i int) sbom.Component {
		name := fmt.Sprintf("example.com/some/module%06d", i)
		purl := "pkg:golang/" + name + "@v1.2.3"
		return sbom.Component{
			Ref: purl, Type: sbom.Library, Name: name, Version: "v1.2.3", PURL: purl, Scope: sbom.Runtime,
			Digests: []hallmark.Digest{h1}, Requirements: sbom.Complete,
		}
	}
	d := &sbom.Document{Main: module(0)}
	for i := 1; i < n; i++ {
		d.Components = append(d.Components, module(i))
		d.Edges = append(d.Edges, sbom.Edge{From: module(i / 2).Ref, To: module(i).Ref})
		if i > 1 && i/3 != i/2 {
			d.Edges = append(d.Edges, sbom.Edge{From: module(i / 3).Ref, To: module(i).Ref})
		}
	}
	if err := d.Sort(); err != nil {
		panic(err)
	}
	return d
}
