package osv_test

import (
	"cmp"
	"fmt"
	"log"
	"strings"
	"testing/fstest"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

const advisory = `{
	"schema_version": "1.3.1",
	"id": "GO-2024-2687",
	"modified": "2024-05-20T16:03:47Z",
	"aliases": ["CVE-2023-45288"],
	"summary": "HTTP/2 CONTINUATION flood in net/http",
	"affected": [
		{
			"package": {"name": "stdlib", "ecosystem": "Go"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.21.9"}, {"introduced": "1.22.0-0"}, {"fixed": "1.22.2"}]}],
			"ecosystem_specific": {"imports": [{"path": "net/http"}]}
		},
		{
			"package": {"name": "golang.org/x/net", "ecosystem": "Go"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "0.23.0"}]}],
			"ecosystem_specific": {"imports": [{"path": "golang.org/x/net/http2"}]}
		}
	]
}`

// program is what is in a program.
func program() *sbom.Document {
	return &sbom.Document{
		Main: sbom.Component{Ref: "app", Name: "example.com/app", PURL: "pkg:golang/example.com/app@v1.0.0"},
		Components: []sbom.Component{
			{Ref: "std", Name: "stdlib", PURL: "pkg:golang/stdlib@1.22.1"},
			{Ref: "x/net", Name: "golang.org/x/net", PURL: "pkg:golang/golang.org/x/net@v0.22.0", Packages: []string{"html"}},
		},
		Edges: []sbom.Edge{{From: "app", To: "std"}, {From: "app", To: "x/net"}},
	}
}

func ExampleParse() {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.ID, a.Aliases, a.Summary)
	for _, p := range a.Affected {
		fmt.Println(p.PURL, p.Ranges[0].Events)
	}
	// Output:
	// GO-2024-2687 [CVE-2023-45288] HTTP/2 CONTINUATION flood in net/http
	// pkg:golang/stdlib [{introduced 0} {fixed 1.21.9} {introduced 1.22.0-0} {fixed 1.22.2}]
	// pkg:golang/golang.org/x/net [{introduced 0} {fixed 0.23.0}]
}

func ExampleAdvisory_Find() {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range a.Find(program()) {
		fmt.Printf("%s: %s (%s), fixed in %s\n", strings.Join(m.Chain, " → "), m.Answer, m.Reason, m.Fixed)
	}
	// Output:
	// app → std: affected (which of its packages are needed is not known), fixed in 1.22.2
	// app → x/net: not linked (it is needed without the packages that are affected), fixed in v0.23.0
}

func ExampleAdvisory_Affects() {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	for _, version := range []string{"@v0.22.0", "@v0.23.0", ""} {
		f := a.Affects(&sbom.Component{PURL: "pkg:golang/golang.org/x/net" + version, Packages: []string{"http2"}})
		fmt.Printf("%s: %q, fixed in %q\n", f.Answer, f.Reason, f.Fixed)
	}
	// Output:
	// affected: "", fixed in "v0.23.0"
	// unaffected: "v0.23.0 is not in the versions that are affected", fixed in "v0.23.0"
	// doubt: "it has no version", fixed in ""
}

func ExampleAdvisory_PURLs() {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.PURLs())
	// Output: [pkg:golang/golang.org/x/net pkg:golang/stdlib]
}

func ExampleAdvisory_Unknown() {
	a, err := osv.Parse([]byte(`{"id": "X-1", "modified": "2026-01-01T00:00:00Z", "affected": [
		{"package": {"ecosystem": "Android", "name": "platform/frameworks/base"}},
		{"package": {"ecosystem": "Debian:12", "name": "openssl"}}]}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range a.Unknown() {
		fmt.Println(u)
	}
	// Output:
	// affected[0]: there is no package URL for platform/frameworks/base of "Android"
	// affected[1]: openssl is a source package of Debian:12: what is made of it under other names is not looked for
}

func ExamplePackage_Contains() {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	std := &a.Affected[0]
	for _, version := range []string{"go1.22rc1", "1.22.2", "devel"} {
		ok, doubt := std.Contains(version)
		fmt.Printf("%s: %t %s\n", version, ok, cmp.Or(doubt, "without a doubt"))
	}
	// Output:
	// go1.22rc1: true without a doubt
	// 1.22.2: false without a doubt
	// devel: true malformed version "devel": want numbers without leading zeros
}

// directory is a directory of records; os.DirFS is one on a disk.
func directory() fstest.MapFS {
	return fstest.MapFS{
		"index/db.json":        {Data: []byte(`{"modified": "2024-05-21T00:00:00Z"}`)},
		"index/modules.json":   {Data: []byte(`[{"path": "golang.org/x/net", "vulns": [{"id": "GO-2024-2687", "modified": "2024-05-20T16:03:47Z"}]}, {"path": "stdlib", "vulns": [{"id": "GO-2024-2687", "modified": "2024-05-20T16:03:47Z"}]}]`)},
		"ID/GO-2024-2687.json": {Data: []byte(advisory)},
	}
}

func ExampleReadDB() {
	db, err := osv.ReadDB(directory())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Modified())
	for a, err := range db.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.ID)
	}
	// Output:
	// 2024-05-21 00:00:00 +0000 UTC
	// GO-2024-2687
}

func ExampleDB_Advisory() {
	db, err := osv.ReadDB(directory())
	if err != nil {
		log.Fatal(err)
	}
	_, err = db.Advisory("GO-2021-0001")
	fmt.Println(err)
	// Output: database of advisories: "GO-2021-0001": file does not exist
}

func ExampleDB_About() {
	db, err := osv.ReadDB(directory())
	if err != nil {
		log.Fatal(err)
	}
	about, err := db.About("pkg:golang/golang.org/x/net@v0.22.0", "pkg:golang/golang.org/x/text")
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range about {
		fmt.Println(a.ID)
	}
	// Output: GO-2024-2687
}

func ExampleDB_Find() {
	db, err := osv.ReadDB(directory())
	if err != nil {
		log.Fatal(err)
	}
	matches, err := db.Find(program())
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range matches {
		fmt.Println(m.Advisory.ID, m.Component.PURL, m.Answer)
	}
	// Output:
	// GO-2024-2687 pkg:golang/stdlib@1.22.1 affected
	// GO-2024-2687 pkg:golang/golang.org/x/net@v0.22.0 not linked
}
