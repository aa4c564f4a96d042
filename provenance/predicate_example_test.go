package provenance_test

import (
	"fmt"
	"log"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
)

// day returns a time of the examples.
func day(hour int) time.Time { return time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC) }

func ExampleVSA_Statement() {
	summary := &provenance.VSA{
		Verifier:       provenance.Agent{ID: "https://example.com/gate"},
		TimeVerified:   day(12),
		ResourceURI:    "https://example.com/hello",
		Policy:         provenance.ResourceDescriptor{URI: "https://example.com/policy", Digest: provenance.DigestSet{"sha256": shaB}},
		Result:         provenance.Passed,
		VerifiedLevels: []string{"SLSA_BUILD_LEVEL_2"},
	}
	s, err := summary.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType)
	fmt.Printf("%s\n", s.Predicate)

	// A verifier that failed an artifact has found no level.
	summary.Result = provenance.Failed
	_, err = summary.Statement(artifact())
	fmt.Println(err)
	// Output:
	// https://slsa.dev/verification_summary/v1
	// {"verifier":{"id":"https://example.com/gate"},"timeVerified":"2026-01-02T12:00:00Z","resourceUri":"https://example.com/hello","policy":{"uri":"https://example.com/policy","digest":{"sha256":"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2"]}
	// malformed statement: $.predicate.verifiedLevels: the result is FAILED, so that FAILED is the only level
}

func ExampleParseVSA() {
	payload := []byte(`{
		"_type": "https://in-toto.io/Statement/v1",
		"subject": [{"name": "hello", "digest": {"sha256": "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}}],
		"predicateType": "https://slsa.dev/verification_summary/v1",
		"predicate": {
			"verifier": {"id": "https://example.com/gate"},
			"resourceUri": "https://example.com/hello",
			"policy": {"uri": "https://example.com/policy"},
			"verificationResult": "PASSED",
			"verifiedLevels": ["SLSA_BUILD_LEVEL_3", "EXAMPLE_SCANNED"],
			"dependencyLevels": {}
		}
	}`)
	s, err := provenance.Parse(payload)
	if err != nil {
		log.Fatal(err)
	}
	summary, err := provenance.ParseVSA(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Verifier.ID, summary.Result)
	fmt.Println(summary.Level(provenance.BuildTrack))
	fmt.Println(summary.Level(provenance.SourceTrack))
	fmt.Println("no dependencies:", summary.DependencyLevels != nil && len(summary.DependencyLevels) == 0)
	// Output:
	// https://example.com/gate PASSED
	// 3 true
	// 0 false
	// no dependencies: true
}

func ExampleVSA_Level() {
	summary := &provenance.VSA{
		Result:         provenance.Passed,
		VerifiedLevels: []string{"SLSA_BUILD_LEVEL_UNEVALUATED", "SLSA_SOURCE_LEVEL_2"},
	}
	fmt.Println(summary.Level(provenance.BuildTrack))
	fmt.Println(summary.Level(provenance.SourceTrack))
	// Output:
	// 0 false
	// 2 true
}

func ExampleVSA_SourceStatement() {
	summary := &provenance.VSA{
		Verifier:       provenance.Agent{ID: "https://example.com/forge"},
		ResourceURI:    "git+https://github.com/octocat/hello",
		Policy:         provenance.ResourceDescriptor{URI: "https://example.com/policy"},
		Result:         provenance.Passed,
		VerifiedLevels: []string{"SLSA_SOURCE_LEVEL_3", provenance.SourceTwoPartyReviewed},
	}
	s, err := summary.SourceStatement(provenance.Revision{
		Commit: checkout().Commit,
		URI:    "https://github.com/octocat/hello/commit/283bf967fa3c591925dd25e6a6e8e781542117bf",
		Refs:   []string{"refs/heads/main"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Subjects[0].Digest.Digests(), s.Subjects[0].Annotations)
	fmt.Printf("%s\n", s.Predicate)
	// Output:
	// [gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf] map[sourceRefs:[refs/heads/main]]
	// {"verifier":{"id":"https://example.com/forge"},"resourceUri":"git+https://github.com/octocat/hello","policy":{"uri":"https://example.com/policy"},"verificationResult":"PASSED","verifiedLevels":["SLSA_SOURCE_LEVEL_3","SLSA_SOURCE_TWO_PARTY_REVIEWED"]}
}

func ExampleParseSourceVSA() {
	summary := &provenance.VSA{
		Verifier:       provenance.Agent{ID: "https://example.com/forge"},
		ResourceURI:    "git+https://github.com/octocat/hello",
		Policy:         provenance.ResourceDescriptor{URI: "https://example.com/policy"},
		Result:         provenance.Passed,
		VerifiedLevels: []string{"SLSA_SOURCE_LEVEL_3"},
	}
	s, err := summary.SourceStatement(provenance.Revision{Commit: checkout().Commit, Refs: []string{"refs/heads/main"}})
	if err != nil {
		log.Fatal(err)
	}
	read, revisions, err := provenance.ParseSourceVSA(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.ResourceURI)
	fmt.Println(revisions[0].Commit, revisions[0].Refs)
	fmt.Println(read.Level(provenance.SourceTrack))
	// Output:
	// git+https://github.com/octocat/hello
	// gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf [refs/heads/main]
	// 3 true
}

func ExampleTestResult_Statement() {
	tests := &provenance.TestResult{
		Result:        provenance.Failed,
		Configuration: []provenance.ResourceDescriptor{{Name: "test.sh", Digest: provenance.DigestSet{"gitBlob": commitB}}},
		Passed:        []string{"example.com/hello.TestGreeting"},
		Failed:        []string{"example.com/hello.TestParting"},
	}
	s, err := tests.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)
	// Output:
	// {"result":"FAILED","configuration":[{"name":"test.sh","digest":{"gitBlob":"b9f0fb3fdbb94c9d24b2c75b49663122a529e123"}}],"passedTests":["example.com/hello.TestGreeting"],"failedTests":["example.com/hello.TestParting"]}
}

func ExampleParseTestResult() {
	tests := &provenance.TestResult{Result: provenance.Warned, Configuration: []provenance.ResourceDescriptor{}, Warned: []string{"TestFlaky"}}
	s, err := tests.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseTestResult(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Result, read.Warned)
	// Output:
	// WARNED [TestFlaky]
}

func ExampleVulns_Statement() {
	scan := &provenance.Vulns{
		Scanner: provenance.Scanner{
			URI:     "https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck",
			Version: "v1.1.4",
			DB:      provenance.VulnsDB{URI: "https://vuln.go.dev", LastUpdate: day(8)},
			Vulnerabilities: []provenance.Vulnerability{
				{ID: "GO-2024-2687", Severity: []provenance.Rating{{Method: "cvss_score", Score: "5.3"}}},
			},
		},
		Metadata: provenance.ScanMetadata{Started: day(9), Finished: day(10)},
	}
	s, err := scan.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)

	// That nothing was found has to be said.
	scan.Scanner.Vulnerabilities = nil
	_, err = scan.Statement(artifact())
	fmt.Println(err)
	// Output:
	// {"scanner":{"uri":"https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck","version":"v1.1.4","db":{"uri":"https://vuln.go.dev","lastUpdate":"2026-01-02T08:00:00Z"},"result":[{"id":"GO-2024-2687","severity":[{"method":"cvss_score","score":"5.3"}]}]},"metadata":{"scanStartedOn":"2026-01-02T09:00:00Z","scanFinishedOn":"2026-01-02T10:00:00Z"}}
	// malformed statement: $.predicate.scanner.result: missing: only an empty list says that nothing was found
}

func ExampleParseVulns() {
	s := &provenance.Statement{
		PredicateType: provenance.CosignVulnsType,
		Predicate:     []byte(`{"scanner":{"uri":"pkg:github/aquasecurity/trivy@v0.50.0","result":{"SchemaVersion":2}}}`),
	}
	scan, err := provenance.ParseVulns(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("tells what was found:", scan.Scanner.Vulnerabilities != nil)
	fmt.Println("report:", scan.Scanner.Report)
	// Output:
	// tells what was found: false
	// report: map[SchemaVersion:2]
}

func ExampleSBOM_Statement() {
	sbom, err := provenance.NewSBOM([]byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}`))
	if err != nil {
		log.Fatal(err)
	}
	s, err := sbom.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType)
	fmt.Printf("%s\n", s.Predicate)
	// Output:
	// https://cyclonedx.org/bom
	// {"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}
}

func ExampleNewSBOM() {
	for _, document := range []string{
		`{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"}`,
		`{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}`,
	} {
		sbom, err := provenance.NewSBOM([]byte(document))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(sbom.Format, sbom.Version, sbom.Type())
	}
	_, err := provenance.NewSBOM([]byte(`{"name": "hello"}`))
	fmt.Println(err)
	// Output:
	// SPDX 2.3 https://spdx.dev/Document/v2.3
	// SPDX 3.0.1 https://spdx.dev/Document/v3
	// malformed SBOM: neither CycloneDX (bomFormat) nor SPDX (spdxVersion, @context)
}

func ExampleParseSBOM() {
	s, err := provenance.New(provenance.SPDXType, map[string]any{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"}, artifact())
	if err != nil {
		log.Fatal(err)
	}
	sbom, err := provenance.ParseSBOM(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sbom.Format, sbom.Version)
	// Output:
	// SPDX 2.3
}

func ExampleSCAI_Statement() {
	report := &provenance.SCAI{Attributes: []provenance.Assertion{{
		Attribute:  "WITH_RACE_DETECTOR",
		Conditions: map[string]any{"flags": "-race"},
		Evidence:   &provenance.ResourceDescriptor{Name: "build.log", Digest: provenance.DigestSet{"sha256": shaB}},
	}}}
	s, err := report.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseSCAI(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)
	fmt.Println(read.Attributes[0].Attribute, read.Attributes[0].Evidence.Name)
	// Output:
	// {"attributes":[{"attribute":"WITH_RACE_DETECTOR","conditions":{"flags":"-race"},"evidence":{"name":"build.log","digest":{"sha256":"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}}}]}
	// WITH_RACE_DETECTOR build.log
}

func ExampleRelease_Statement() {
	release := &provenance.Release{PURL: "pkg:golang/example.com/hello@v1.2.3"}
	s, err := release.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseRelease(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType)
	fmt.Printf("%s\n", s.Predicate)
	fmt.Println(read.PURL)

	release.PURL = "pkg:golang/example.com/hello"
	_, err = release.Statement(artifact())
	fmt.Println(err)
	// Output:
	// https://in-toto.io/attestation/release/v0.2
	// {"purl":"pkg:golang/example.com/hello@v1.2.3"}
	// pkg:golang/example.com/hello@v1.2.3
	// malformed statement: $.predicate.purl: "pkg:golang/example.com/hello" has no version
}

func ExampleLink_Statement() {
	step := &provenance.Link{
		Name:      "build",
		Command:   []string{"go", "build", "-trimpath", "."},
		Materials: []provenance.ResourceDescriptor{{Name: "hello.go", Digest: provenance.DigestSet{"sha256": shaB}}},
	}
	s, err := step.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseLink(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)
	fmt.Println(read.Name, read.Command)
	// Output:
	// {"name":"build","command":["go","build","-trimpath","."],"materials":[{"name":"hello.go","digest":{"sha256":"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}}]}
	// build [go build -trimpath .]
}

func ExampleReference_Statement() {
	reference := &provenance.Reference{
		Attester: provenance.Agent{ID: "https://example.com/builder"},
		References: []provenance.ResourceDescriptor{{
			DownloadLocation: "https://example.com/hello.spdx.json",
			MediaType:        "application/spdx+json",
			Digest:           provenance.DigestSet{"sha256": shaB},
		}},
	}
	s, err := reference.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseReference(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)
	fmt.Println(read.References[0].DownloadLocation)
	// Output:
	// {"attester":{"id":"https://example.com/builder"},"references":[{"digest":{"sha256":"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},"downloadLocation":"https://example.com/hello.spdx.json","mediaType":"application/spdx+json"}]}
	// https://example.com/hello.spdx.json
}

func ExampleSVR_Statement() {
	result := &provenance.SVR{
		Verifier:    provenance.Agent{ID: "https://example.com/gate/v2"},
		TimeCreated: day(12),
		Properties:  []string{"SLSA_BUILD_LEVEL_3", "EXAMPLE_SCANNED"},
	}
	s, err := result.Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	read, err := provenance.ParseSVR(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)
	fmt.Println(read.Properties)
	// Output:
	// {"verifier":{"id":"https://example.com/gate/v2","policies":[]},"timeCreated":"2026-01-02T12:00:00Z","properties":["SLSA_BUILD_LEVEL_3","EXAMPLE_SCANNED"]}
	// [SLSA_BUILD_LEVEL_3 EXAMPLE_SCANNED]
}

func ExampleStatement_DefinitionDigest() {
	run := func(id string) *provenance.Statement {
		build := provenance.Local(checkout())
		build.Invocation = id
		s, err := build.Statement(artifact())
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	first, err := run("run-1").DefinitionDigest()
	if err != nil {
		log.Fatal(err)
	}
	second, err := run("run-2").DefinitionDigest()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first == second)
	// Output:
	// true
}

func ExampleEquivalent() {
	build := func(flags ...any) *provenance.Statement {
		b := provenance.Local(checkout())
		b.External["flags"] = flags
		s, err := b.Statement(artifact())
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	differences, err := provenance.Equivalent(build("-trimpath", "-ldflags=-s"), build("-trimpath", "-ldflags=-s -w"))
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range differences {
		fmt.Println(d)
	}
	// Output:
	// $.predicate.buildDefinition.externalParameters.flags[1]: "-ldflags=-s", then "-ldflags=-s -w"
}

func ExampleBuild_Level() {
	level, why := provenance.Local(checkout()).Level()
	fmt.Println(level)
	for _, reason := range why {
		fmt.Println(reason)
	}
	// Output:
	// 1
	// the run is shown by nothing
	// the builder is what the program that made the provenance says
	// the repository, the ref and the commit are taken from the checkout, which a step of the build could have changed
	// it was built on somebody's own machine
}

func ExampleBuild_Explain() {
	fmt.Print(provenance.Local(checkout()).Explain())
	// Output:
	// SLSA Build provenance, as the build itself was observed.
	//
	// The checkout shows it, which a step of the build could have changed:
	//   repository  https://github.com/octocat/hello
	//   ref         refs/tags/v1.2.3
	//   commit      gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf
	//
	// The program that made the provenance says so:
	//   builder     https://hallmark-dev.github.io/builders/local/v1
	//   build type  https://hallmark-dev.github.io/buildtypes/local/v1
	//
	// This evidence can defend SLSA Build level 1. What is in the way of level 2:
	//   the run is shown by nothing
	//   the builder is what the program that made the provenance says
	//   the repository, the ref and the commit are taken from the checkout, which a step of the build could have changed
	//   it was built on somebody's own machine
}

func ExampleStatement_Explain() {
	s, err := provenance.Local(checkout()).Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(s.Explain())
	// Output:
	// SLSA Build provenance for one artifact:
	//   hello  sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
	// Whoever has it can check that it has this digest.
	//
	// All else is the word of whoever signed it, or of nobody if nobody did:
	//   builder     https://hallmark-dev.github.io/builders/local/v1
	//   repository  https://github.com/octocat/hello
	//   ref         refs/tags/v1.2.3
	//   commit      gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf
	//   build type  https://hallmark-dev.github.io/buildtypes/local/v1
	//
	// By itself it shows SLSA Build level 1: that there is provenance. It has the level of its
	// builder if whoever signed it may speak for that builder, which a policy decides.
}
