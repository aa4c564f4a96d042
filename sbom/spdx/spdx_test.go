package spdx_test

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
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

var update = flag.Bool("update", false, "write the documents in testdata again")

// stamp has a time of another zone and with a fraction of a second.
func stamp() sbom.Stamp {
	return sbom.Stamp{
		Created: time.Date(2026, 11, 21, 12, 48, 28, 999, time.FixedZone("", 2*60*60)),
		Tool:    sbom.Tool{Name: "tool", Version: "v0.1.0"},
	}
}

// load returns one of the Documents that package cyclonedx is tested with.
func load(t *testing.T, name string) *sbom.Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "cyclonedx", "testdata", name+".document.json"))
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

// marshal returns what Marshal makes of d, as bytes and as a document.
func marshal(t *testing.T, d *sbom.Document, s sbom.Stamp) ([]byte, *v2_3.Document) {
	t.Helper()
	data, err := spdx.Marshal(d, s)
	if err != nil {
		t.Fatal(err)
	}
	doc := new(v2_3.Document)
	if err := json.Unmarshal(data, doc); err != nil {
		t.Fatal(err)
	}
	return data, doc
}

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		name string
		tool sbom.Tool
	}{
		{"source", sbom.Tool{Name: "tool", Version: "v0.1.0"}},
		{"binary", sbom.Tool{Name: "tool"}},
		{"bare", sbom.Tool{}},
		{"union", sbom.Tool{}},
	} {
		got, _ := marshal(t, load(t, test.name), sbom.Stamp{Created: stamp().Created, Tool: test.tool})
		file := filepath.Join("testdata", test.name+".spdx.json")
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
		want, _ := marshal(t, load(t, name), stamp())
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

			if got, _ := marshal(t, d, stamp()); !bytes.Equal(got, want) {
				t.Fatalf("%s, seed %d: another order of the Document gives other bytes:\n%s", name, seed, got)
			}
			if d.Components[0].Ref != first {
				t.Fatalf("%s, seed %d: Marshal has sorted the caller's Document", name, seed)
			}
			if err := d.Sort(); err != nil {
				t.Fatal(err)
			}
			if got, _ := marshal(t, d, stamp()); !bytes.Equal(got, want) {
				t.Fatalf("%s, seed %d: the sorted Document gives other bytes:\n%s", name, seed, got)
			}
		}
	}
}

func shuffle[E any](r *rand.Rand, s []E) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestNamespace(t *testing.T) {
	const nilUUID = "00000000-0000-0000-0000-000000000000"
	// uuid5(NAMESPACE_URL, "https://spdx.dev/Document/v2.3")
	space, err := hex.DecodeString("e3e07b3739fc564ebaee2073e7765a57")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, test := range []struct {
		name string // escaped
		edit func(*sbom.Document, *sbom.Stamp)
	}{
		{"example.com%2Fapp-v1.2.3", func(d *sbom.Document, s *sbom.Stamp) {}},
		{"example.com%2Fapp-v1.2.3", func(d *sbom.Document, s *sbom.Stamp) { s.Created = s.Created.Add(time.Second) }},
		{"example.com%2Fapp-v1.2.3", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Version = "v0.2.1" }},
		{"%C3%A4%23%3C&%3E", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Name, d.Main.Version = "ä#<&>", "" }},
		// Where the UUID goes is not looked for in what a caller says.
		{url("https://spdx.org/spdxdocs/x-" + nilUUID), func(d *sbom.Document, s *sbom.Stamp) {
			d.Main.Name, d.Main.Version = "https://spdx.org/spdxdocs/x-"+nilUUID, ""
		}},
		{url(`"documentNamespace": "https://spdx.org/spdxdocs/`), func(d *sbom.Document, s *sbom.Stamp) {
			d.Main.Name, d.Main.Version = `"documentNamespace": "https://spdx.org/spdxdocs/`, ""
		}},
	} {
		d, s := load(t, "source"), stamp()
		test.edit(d, &s)
		data, doc := marshal(t, d, s)
		got, ok := strings.CutPrefix(doc.DocumentNamespace, "https://spdx.org/spdxdocs/"+test.name+"-")
		if !ok {
			t.Errorf("namespace %s, want it to begin with https://spdx.org/spdxdocs/%s-", doc.DocumentNamespace, test.name)
			continue
		}
		line := []byte(`"documentNamespace": "https://spdx.org/spdxdocs/` + test.name + "-")
		at := bytes.Index(data, line) + len(line)
		copy(data[at:], nilUUID)
		sum := sha1.Sum(slices.Concat(space, data))
		sum[6] = sum[6]&0x0f | 5<<4
		sum[8] = sum[8]&0x3f | 0b10<<6
		if want := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]); got != want {
			t.Errorf("UUID of the namespace is %s, want %s", got, want)
		}
		if seen[got] {
			t.Errorf("UUID %s for two documents", got)
		}
		seen[got] = true
	}
}

// url escapes the characters that the tests have in names.
func url(s string) string {
	return strings.NewReplacer("/", "%2F", `"`, "%22", " ", "%20").Replace(s)
}

func TestIdentifiers(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	seen := make(map[string]string)
	// Each of these is another one's identifier by some simpler rule.
	for _, ref := range []string{
		"a/b", "a-b", "a_b", "a-2Fb", "a/2Fb", "A/B", "a/B", "a//b", "a%2Fb", "a b", "a\x00b",
		"DOCUMENT", "SPDXRef-DOCUMENT", "SPDXRef-a", "SPDXRef-Package-a", "SPDXRef-Package-a-2Fb", "SPDXRef-Package-a-", "SPDXRef-Package-SPDXRef-2Da", "Package-a", "a", "ä", "é", "a\u0308", "-", "--", ".", "NONE",
	} {
		d := load(t, "bare")
		d.Main.Ref = ref
		_, doc := marshal(t, d, stamp())
		id := string(doc.Packages[0].PackageSPDXIdentifier)
		if !valid.MatchString(id) {
			t.Errorf("%q: identifier %q is not valid", ref, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the identifier %s", ref, other, id)
		}
		seen[id] = ref
	}
}

func TestDigests(t *testing.T) {
	for _, test := range []struct {
		digest         string
		checksum, line string
	}{
		{"dirHash:14404bc75cd2db5e28c298f2eeab017a2c5b51192e850030acae54c0b193c2de", "", "go.sum h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4="},
		{"md5:" + strings.Repeat("0", 32), "MD5", ""},
		{"sha1:" + strings.Repeat("1", 40), "SHA1", ""},
		{"sha224:" + strings.Repeat("2", 56), "SHA224", ""},
		{"sha256:" + strings.Repeat("2", 64), "SHA256", ""},
		{"sha384:" + strings.Repeat("3", 96), "SHA384", ""},
		{"sha512:" + strings.Repeat("4", 128), "SHA512", ""},
		{"sha3_256:" + strings.Repeat("5", 64), "SHA3-256", ""},
		{"sha3_384:" + strings.Repeat("6", 96), "SHA3-384", ""},
		{"sha3_512:" + strings.Repeat("7", 128), "SHA3-512", ""},
		{"blake2b:" + strings.Repeat("8", 128), "BLAKE2b-512", ""},
		{"sha512_256:" + strings.Repeat("9", 64), "", "digest sha512_256:" + strings.Repeat("9", 64)},
		{"gitTree:" + strings.Repeat("a", 40), "", "digest gitTree:" + strings.Repeat("a", 40)},
	} {
		dg, err := hallmark.ParseDigest(test.digest)
		if err != nil {
			t.Fatal(err)
		}
		d := load(t, "binary")
		d.Main.Digests = []hallmark.Digest{dg}
		d.Components[0].Digests = []hallmark.Digest{dg}
		_, doc := marshal(t, d, stamp())
		main, other := doc.Packages[0], doc.Packages[1]
		if !slices.Equal(other.PackageChecksums, main.PackageChecksums) || other.PackageComment != main.PackageComment {
			t.Errorf("%s: %v %q, and %v %q for the main component", test.digest, other.PackageChecksums, other.PackageComment, main.PackageChecksums, main.PackageComment)
		}
		if main.PackageComment != test.line {
			t.Errorf("%s: comment of the main component %q, want %q", test.digest, main.PackageComment, test.line)
		}
		switch {
		case test.checksum == "" && main.PackageChecksums != nil:
			t.Errorf("%s: checksums %v, want none", test.digest, main.PackageChecksums)
		case test.checksum == "":
		case len(main.PackageChecksums) != 1,
			string(main.PackageChecksums[0].Algorithm) != test.checksum,
			main.PackageChecksums[0].Value != dg.Hex():
			t.Errorf("%s: checksums %v, want one of %s", test.digest, main.PackageChecksums, test.checksum)
		}
	}
}

func TestVerification(t *testing.T) {
	sha256, err := hallmark.ParseDigest("sha256:" + strings.Repeat("2", 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		level            sbom.Verification
		url              string
		location, file   string
		checksums        int
		comment, ofOther string
	}{
		{sbom.Unverified, "", "NOASSERTION", "", 0, "", "go.sum"},
		{sbom.Listed, "", "NOASSERTION", "", 0, "verification listed", "verification listed"},
		{sbom.Recomputed, "", "NOASSERTION", "", 0, "verification recomputed", "verification recomputed"},
		{sbom.Included, "https://example.com/x/a.zip", "https://example.com/x/a.zip", "a.zip", 1, "verification included", "verification included"},
	} {
		d := load(t, "binary")
		d.Main.Verification, d.Components[0].Verification = test.level, test.level
		if test.level.AtLeast(sbom.Recomputed) {
			f := &sbom.Distribution{Path: "x/a.zip", URL: test.url, Digests: []hallmark.Digest{sha256}}
			d.Main.Distribution, d.Components[0].Distribution = f, f
		}
		_, doc := marshal(t, d, stamp())
		main, c := doc.Packages[0], doc.Packages[1]
		if main.PackageDownloadLocation != "NOASSERTION" || main.PackageFileName != "" || !strings.Contains(main.PackageComment, test.comment) {
			t.Errorf("%q: main package %+v", test.level, main)
		}
		if c.PackageDownloadLocation != test.location || c.PackageFileName != test.file || len(c.PackageChecksums) != test.checksums || !strings.Contains(c.PackageComment, test.ofOther) {
			t.Errorf("%q: package %+v", test.level, c)
		}
	}
}

func TestComments(t *testing.T) {
	d := load(t, "bare")
	d.Unknown = []string{"one line", "two\nlines", `"quoted"`}
	d.Properties = []sbom.Property{{Name: "b=c", Value: "d=e"}, {Name: "a", Value: "x\ty"}, {Name: "", Value: ""}}
	_, doc := marshal(t, d, stamp())
	want := strings.Join([]string{
		`unknown one line`,
		`unknown "two\nlines"`,
		`unknown "\"quoted\""`,
		`property "b=c"=d=e`,
		`property =`,
		`property a="x\ty"`,
	}, "\n")
	if doc.DocumentComment != want {
		t.Errorf("comment\n%s\nwant\n%s", doc.DocumentComment, want)
	}
}

func TestCreators(t *testing.T) {
	for _, test := range []struct {
		tool sbom.Tool
		want string
	}{
		{sbom.Tool{}, "hallmark"},
		{sbom.Tool{Name: "t"}, "t"},
		{sbom.Tool{Name: "t<u>", Version: "v1&2"}, "t<u>-v1&2"},
	} {
		_, doc := marshal(t, load(t, "bare"), sbom.Stamp{Created: stamp().Created, Tool: test.tool})
		if got := doc.CreationInfo.Creators; len(got) != 1 || got[0].CreatorType != "Tool" || got[0].Creator != test.want {
			t.Errorf("%v: creators %v, want Tool: %s", test.tool, got, test.want)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		want string // in the error
		edit func(*sbom.Document, *sbom.Stamp)
	}{
		{"no time of creation", func(d *sbom.Document, s *sbom.Stamp) { s.Created = time.Time{} }},
		{"main component has no name", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Name = "" }},
		{"its ref occurs twice", func(d *sbom.Document, s *sbom.Stamp) { d.Components[1].Ref = d.Components[0].Ref }},
		{"an end is not in the document", func(d *sbom.Document, s *sbom.Stamp) { d.Edges[0].To = "elsewhere" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Ref, d.Edges = "a\xff", nil }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Name = "\xc3" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Components[1].Properties[0].Value = "\xed\xa0\x80" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Properties[0].Name = "\x80" }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { d.Unknown = []string{"\x80"} }},
		{"not UTF-8", func(d *sbom.Document, s *sbom.Stamp) { s.Tool.Version = "\x80" }},
		{"want one line", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Name = "a\nb" }},
		{"want one line", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Version = "v1\r" }},
		{"want one line", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].PURL = "pkg:golang/a\x00" }},
		{"want one line", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Replaces = "pkg:golang/a\nb" }},
		{"want one line", func(d *sbom.Document, s *sbom.Stamp) { s.Tool.Name = "a\nPerson: b" }},
		{"holds a space", func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].PURL = "pkg:golang/a b" }},
		{`phase "dreams" is not known`, func(d *sbom.Document, s *sbom.Stamp) { d.Phase = "dreams" }},
		{`main component: scope "build"`, func(d *sbom.Document, s *sbom.Stamp) { d.Main.Scope = sbom.Build }},
		{`completeness "nearly" is not known`, func(d *sbom.Document, s *sbom.Stamp) { d.Components[0].Requirements = "nearly" }},
		{"a digest is zero", func(d *sbom.Document, s *sbom.Stamp) { d.Main.Digests = make([]hallmark.Digest, 1) }},
		{`version "v1" without a name`, func(d *sbom.Document, s *sbom.Stamp) { s.Tool = sbom.Tool{Version: "v1"} }},
		{"created in the year 10000", func(d *sbom.Document, s *sbom.Stamp) { s.Created = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		d, s := load(t, "source"), stamp()
		test.edit(d, &s)
		data, err := spdx.Marshal(d, s)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
		if data != nil {
			t.Errorf("bytes beside the error %v", err)
		}
	}

	d := load(t, "source")
	d.Phase, d.Main.Type = "never", ""
	_, err := spdx.Marshal(d, sbom.Stamp{})
	for _, want := range []string{"phase", "type", "6.9"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("several faults: error %v, want one with %q too", err, want)
		}
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
	for _, v := range []spdx.Version{spdx.V23, spdx.V301} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			d := benchmarkDocument(n)
			b.Run(fmt.Sprint(v, "/", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var size counter
					if err := spdx.Write(&size, d, stamp(), v); err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(size))
				}
				b.ReportMetric(float64(peak(func() { _ = spdx.Write(new(counter), d, stamp(), v) }))/(1<<20), "peak-MiB")
			})
		}
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkParse reads what this package writes, and what it does not: the same with
// other members, so that they are kept beside the fields. Peers are encoding/json with
// the types of tools-golang, and for 3.0.1, of which that has none, with maps.
func BenchmarkParse(b *testing.B) {
	parse := func(data []byte) error { _, _, err := spdx.Parse(data); return err }
	for _, v := range []spdx.Version{spdx.V23, spdx.V301} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprint(v, "/", n), func(b *testing.B) {
				own, err := spdx.MarshalVersion(benchmarkDocument(n), stamp(), v)
				if err != nil {
					b.Fatal(err)
				}
				foreign := bytes.ReplaceAll(own, []byte("https://spdx.org/spdxdocs/"), []byte("https://example.com/"))
				foreign = bytes.ReplaceAll(foreign, []byte(`"copyrightText": "NOASSERTION"`), []byte(`"summary": "A module"`))
				for _, test := range []struct {
					name string
					data []byte
					read func([]byte) error
				}{
					{"own", own, parse},
					{"foreign", foreign, parse},
					{"peer", own, func(data []byte) error {
						if v == spdx.V23 {
							return json.Unmarshal(data, new(v2_3.Document))
						}
						return json.Unmarshal(data, new(map[string]any))
					}},
				} {
					b.Run(test.name, func(b *testing.B) {
						b.ReportAllocs()
						b.SetBytes(int64(len(test.data)))
						for b.Loop() {
							if err := test.read(test.data); err != nil {
								b.Fatal(err)
							}
						}
					})
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

// What Properties say of the file that a component is delivered as, by BSI's names,
// is where BSI TR-03183-2 wants it, and comes back as the Properties that it was.
func TestAdditionalPurpose(t *testing.T) {
	sum, err := hallmark.ParseDigest("sha512:" + strings.Repeat("0", 128))
	if err != nil {
		t.Fatal(err)
	}
	property := func(name, value string) sbom.Property {
		return sbom.Property{Name: "bsi:component:" + name, Value: value}
	}
	for _, test := range []struct {
		properties []sbom.Property
		want       string
	}{
		{nil, `"name":"app","comment":"artifact`},
		{[]sbom.Property{property("executable", "executable")}, `"software_additionalPurpose":["executable"],"software_primaryPurpose":"executable"`},
		{
			[]sbom.Property{property("archive", "no archive"), property("executable", "executable"), property("filename", "app.exe"), property("structured", "unstructured")},
			`"software_additionalPurpose":["executable","firmware"],"software_primaryPurpose":"executable"`,
		},
		{[]sbom.Property{property("filename", "app.exe")}, `"name":"app.exe","comment":"artifact`},
		{
			[]sbom.Property{property("archive", "archive"), property("executable", "non-executable"), property("structured", "structured")},
			`"software_additionalPurpose":["archive","container"]`,
		},
	} {
		d := &sbom.Document{Phase: sbom.PostBuild, Main: sbom.Component{
			Ref: "app", Name: "example.com/app", Type: sbom.Application, Scope: sbom.Runtime,
			Digests: []hallmark.Digest{sum}, Properties: test.properties,
		}}
		if name := property("filename", "app.exe"); slices.Contains(test.properties, name) {
			d.Main.Digests = nil // a file all the same
		}
		var b bytes.Buffer
		if err := spdx.Write(&b, d, stamp(), spdx.V301); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, test.want) || test.properties == nil && strings.Contains(got, "additionalPurpose") {
			t.Errorf("%v: want %s in\n%s", test.properties, test.want, got)
		}
		back, s, err := spdx.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(back.Main.Properties, test.properties) || !slices.Equal(back.Main.Digests, d.Main.Digests) || len(back.Remainder) > 0 {
			t.Errorf("%v: read as %+v", test.properties, back)
		}
		var again bytes.Buffer
		if err := spdx.Write(&again, back, s, spdx.V301); err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
			t.Errorf("%v: written again, error %v:\n%s\nwant\n%s", test.properties, err, &again, &b)
		}
	}
}
