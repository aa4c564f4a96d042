package release_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/release"
)

// files are those of a release: a program and the checksums of it.
func files() []hallmark.Artifact {
	files, err := hallmark.ParseChecksums([]byte(`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  app
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  checksums.txt
`))
	if err != nil {
		log.Fatal(err)
	}
	return files
}

func ExampleSet_Statements() {
	build := provenance.Local(provenance.Source{Repository: "https://github.com/octocat/hello", Ref: "refs/tags/v1.0.0"})
	bom, err := provenance.NewSBOM([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`))
	if err != nil {
		log.Fatal(err)
	}
	tests, err := release.ReadGoTest(strings.NewReader(`{"Action":"start","Package":"example.com/hello"}
{"Action":"run","Package":"example.com/hello","Test":"TestHello"}
{"Action":"pass","Package":"example.com/hello","Test":"TestHello","Elapsed":0}
{"Action":"pass","Package":"example.com/hello","Elapsed":0.002}
`), release.GoTestOptions{Configuration: []provenance.ResourceDescriptor{{URI: "git+https://github.com/octocat/hello"}}})
	if err != nil {
		log.Fatal(err)
	}
	set := release.Set{
		Subjects: files(),
		Build:    build,
		Steps: []release.Step{
			{Predicate: bom, Of: []string{"app"}},
			{Predicate: tests},
		},
		Rules: release.Rules{Exempt: map[string][]release.Kind{"checksums.txt": {release.SBOM}}},
	}
	statements, err := set.Statements()
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statements {
		fmt.Println(release.KindOf(s.PredicateType), "of", len(s.Subjects))
	}
	// Output:
	// provenance of 2
	// SBOM of 1
	// test result of 2
}

func ExampleCheck() {
	build := provenance.Local(provenance.Source{Repository: "https://github.com/octocat/hello"})
	provenanceOfApp, err := build.Statement(files()[0])
	if err != nil {
		log.Fatal(err)
	}
	report := release.Check([]*provenance.Statement{provenanceOfApp}, files(), release.Rules{})
	fmt.Print(report)
	fmt.Println(report.OK())
	// Output:
	// missing: "checksums.txt" has no provenance
	// false
}

func ExampleReadGoTest() {
	r, err := release.ReadGoTest(strings.NewReader(`{"Action":"start","Package":"example.com/hello"}
{"Action":"run","Package":"example.com/hello","Test":"TestHello"}
{"Action":"output","Package":"example.com/hello","Test":"TestHello","Output":"=== RUN   TestHello\n"}
{"Action":"pass","Package":"example.com/hello","Test":"TestHello","Elapsed":0}
{"Action":"run","Package":"example.com/hello","Test":"TestNetwork"}
{"Action":"skip","Package":"example.com/hello","Test":"TestNetwork","Elapsed":0}
{"Action":"pass","Package":"example.com/hello","Elapsed":0.002}
`), release.GoTestOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Result, r.Passed, r.Warned)
	// Output: WARNED [example.com/hello.TestHello] [example.com/hello.TestNetwork]
}

func ExampleReadGovulncheck() {
	started := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v, err := release.ReadGovulncheck(strings.NewReader(`{"config":{"protocol_version":"v1.0.0","scanner_name":"govulncheck",
	"db":"https://vuln.go.dev","db_last_modified":"2026-11-20T10:00:00Z","scan_level":"symbol","scan_mode":"source"}}
{"SBOM":{"roots":["example.com/hello"]}}
{"osv":{"id":"GO-2024-2687"}}
{"finding":{"osv":"GO-2024-2687","fixed_version":"v0.23.0","trace":[{"module":"golang.org/x/net","version":"v0.22.0","package":"golang.org/x/net/http2"}]}}
`), started, started.Add(time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	for _, found := range v.Scanner.Vulnerabilities {
		fmt.Println(found.ID, found.Annotations[0]["found"], found.Annotations[0]["module"])
	}
	// Output: GO-2024-2687 imported golang.org/x/net
}

func ExampleKindOf() {
	fmt.Println(release.KindOf("https://slsa.dev/provenance/v0.2"))
	fmt.Println(release.KindOf("https://cyclonedx.org/bom/v1.4"))
	fmt.Println(release.KindOf("https://example.com/review/v1"))
	// Output:
	// provenance
	// SBOM
	// https://example.com/review/v1
}

func ExampleReport_OK() {
	fmt.Println(release.Check(nil, files()[:1], release.Rules{}).OK())
	// Output: false
}
