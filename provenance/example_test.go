package provenance_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// artifact returns what a build made of "Hello, world!".
func artifact() hallmark.Artifact {
	digests, err := hallmark.Hash(strings.NewReader("Hello, world!"))
	if err != nil {
		log.Fatal(err)
	}
	return hallmark.Artifact{Name: "hello", Digests: digests}
}

// checkout returns the source of a build.
func checkout() provenance.Source {
	commit, err := hallmark.ParseDigest("gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf")
	if err != nil {
		log.Fatal(err)
	}
	return provenance.Source{
		Repository:     "https://github.com/octocat/hello",
		Ref:            "refs/tags/v1.2.3",
		Commit:         commit,
		RepositoryFrom: provenance.Git,
		CommitFrom:     provenance.Git,
	}
}

func ExampleLocal() {
	build := provenance.Local(checkout())
	fmt.Println(build.Type)
	fmt.Println(build.Builder)
	fmt.Println("commit known by", build.Evidence["source.commit"])
	// Output:
	// https://hallmark-dev.github.io/buildtypes/local/v1
	// https://hallmark-dev.github.io/builders/local/v1
	// commit known by git
}

func ExampleBuild_Statement() {
	s, err := provenance.Local(checkout()).Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	payload, err := s.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", payload)

	// A build whose builder nobody knows has no provenance.
	unknown := provenance.Local(checkout())
	unknown.Builder = ""
	_, err = unknown.Statement(artifact())
	fmt.Println(err)
	// Output:
	// {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"hello","digest":{"sha256":"315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://hallmark-dev.github.io/buildtypes/local/v1","externalParameters":{"source":{"ref":"refs/tags/v1.2.3","repository":"https://github.com/octocat/hello"}},"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"283bf967fa3c591925dd25e6a6e8e781542117bf"}}]},"runDetails":{"builder":{"id":"https://hallmark-dev.github.io/builders/local/v1"}}}}
	// provenance: the builder is not known: name it, or give the observer the job's verified claims
}

func ExampleNew() {
	result := map[string]any{
		"result":        "PASSED",
		"configuration": []any{map[string]any{"uri": "https://github.com/octocat/hello/blob/v1.2.3/test.sh"}},
	}
	s, err := provenance.New("https://in-toto.io/attestation/test-result/v0.1", result, artifact())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType)
	fmt.Printf("%s\n", s.Predicate)
	// Output:
	// https://in-toto.io/attestation/test-result/v0.1
	// {"configuration":[{"uri":"https://github.com/octocat/hello/blob/v1.2.3/test.sh"}],"result":"PASSED"}
}

func ExampleParse() {
	payload := []byte(`{
		"_type": "https://in-toto.io/Statement/v1",
		"subject": [{"name": "hello", "digest": {"sha256": "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}}],
		"predicateType": "https://example.com/review/v1",
		"predicate": {"approved": true}
	}`)
	s, err := provenance.Parse(payload)
	if err != nil {
		log.Fatal(err)
	}
	for _, subject := range s.Subjects {
		fmt.Println(subject.Name, subject.Digest.Digests())
	}
	fmt.Println(s.PredicateType)

	// Two readers could take two subjects from this one.
	_, err = provenance.Parse([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[],"subject":[]}`))
	fmt.Println(err)
	// Output:
	// hello [sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3]
	// https://example.com/review/v1
	// malformed statement: $ (byte 65): member "subject" occurs twice
}

func ExampleStatement_Validate() {
	s := &provenance.Statement{
		Subjects: []provenance.ResourceDescriptor{
			{Name: "hello", Digest: provenance.DigestSet{"sha256": "315F5BDB", "etag": "x"}},
		},
		PredicateType: "example.com/review",
	}
	for _, p := range s.Validate() {
		fmt.Println(p.Severity, p)
	}
	_, err := s.Marshal()
	fmt.Println("written:", err == nil)
	// Output:
	// error $.subject[0].digest: no digest but by broken or unknown algorithms
	// warning $.subject[0].digest.etag: malformed digest "etag:x": unknown algorithm "etag"
	// error $.subject[0].digest.sha256: malformed digest "sha256:315F5BDB": 8 digits, want [64]
	// error $.predicateType: "example.com/review" is not an absolute URI
	// written: false
}

func ExampleParseBuild() {
	s, err := provenance.Local(checkout()).Statement(artifact())
	if err != nil {
		log.Fatal(err)
	}
	build, err := provenance.ParseBuild(s)
	if err != nil {
		log.Fatal(err)
	}
	source, parameter := build.Source()
	fmt.Println("parameter:", parameter)
	fmt.Println("repository:", source.Repository)
	fmt.Println("ref:", source.Ref)
	fmt.Println("commit:", source.Commit)
	fmt.Println("others:", len(build.Inputs()))
	// Output:
	// parameter: source
	// repository: https://github.com/octocat/hello
	// ref: refs/tags/v1.2.3
	// commit: gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf
	// others: 0
}

func ExampleSource_Descriptor() {
	source := checkout()
	source.Modified = true
	d, ok := source.Descriptor()
	fmt.Println(ok, d.URI == source.URI())
	fmt.Println(d.URI)
	fmt.Println("digests:", d.Digest.Digests())
	fmt.Println("modified:", d.Annotations["modified"])
	fmt.Println("base:", d.Annotations["base"])
	// Output:
	// true true
	// git+https://github.com/octocat/hello@refs/tags/v1.2.3
	// digests: []
	// modified: true
	// base: gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf
}

func ExampleNewDigestSet() {
	set := provenance.NewDigestSet(artifact().Digests...)
	set["etag"] = "x" // identifies nothing here
	for _, d := range set.Digests() {
		fmt.Println(d)
	}
	// Output:
	// sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
}

func ExampleRepositoryURL() {
	for _, remote := range []string{
		"git@github.com:octocat/hello.git",
		"https://octocat:secret@github.com/octocat/hello.git",
		"ssh://git@git.example.com:2222/octocat/hello",
		"/srv/git/hello.git",
	} {
		fmt.Printf("%q\n", provenance.RepositoryURL(remote))
	}
	// Output:
	// "https://github.com/octocat/hello"
	// "https://github.com/octocat/hello"
	// "https://git.example.com/octocat/hello"
	// ""
}

func ExampleModuleRepository() {
	for _, path := range []string{"github.com/octocat/hello/v2", "example.com/hello/v2", "hello"} {
		fmt.Printf("%q\n", provenance.ModuleRepository(path))
	}
	// Output:
	// "https://github.com/octocat/hello"
	// "https://example.com/hello"
	// ""
}

func ExampleConvert() {
	old, err := provenance.Parse([]byte(`{
		"_type": "https://in-toto.io/Statement/v0.1",
		"subject": [{"name": "hello", "digest": {"sha256": "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}}],
		"predicateType": "https://slsa.dev/provenance/v0.2",
		"predicate": {
			"builder": {"id": "https://example.com/builder"},
			"buildType": "https://example.com/make/v1",
			"invocation": {"configSource": {"uri": "git+https://github.com/octocat/hello", "entryPoint": "Makefile"}},
			"metadata": {"reproducible": true}
		}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	s, losses, err := provenance.Convert(old)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range losses {
		fmt.Println(l)
	}
	fmt.Printf("%s\n", s.Predicate)
	// Output:
	// $.predicate.metadata.reproducible: version 1 leaves it to the builder's id
	// {"buildDefinition":{"buildType":"https://example.com/make/v1","externalParameters":{"entryPoint":"Makefile","source":"git+https://github.com/octocat/hello"},"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello"}]},"runDetails":{"builder":{"id":"https://example.com/builder"}}}
}

func ExampleLint() {
	for _, p := range provenance.Lint([]byte(`{
		"_type": "https://in-toto.io/Statement/v1",
		"subject": [{"name": "hello", "digest": {"SHA256": "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}}],
		"predicateType": "https://slsa.dev/provenance/v1.0",
		"predicate": {"runDetails": {"builder": {"id": ""}}}
	}`)) {
		fmt.Println(p.Severity, p)
	}
	// Output:
	// error $.predicateType: "https://slsa.dev/provenance/v1.0", which go-witness writes, want "https://slsa.dev/provenance/v1"
	// error $.subject[0].digest.SHA256: "SHA256" is not the name of an algorithm: they are in lower case, without a hyphen
	// error $.predicate.runDetails.builder.id: no builder, which BuildKit leaves empty unless it is told
}

func ExamplePayloadType() {
	fmt.Println(provenance.PayloadType(provenance.PredicateType))
	fmt.Println(provenance.PayloadType("https://example.com/review/v1"))
	// Output:
	// application/vnd.in-toto.provenance+json
	// application/vnd.in-toto+json
}

func ExampleIsPayloadType() {
	fmt.Println(provenance.IsPayloadType("application/vnd.in-toto.provenance+json"))
	fmt.Println(provenance.IsPayloadType("application/json"))
	// Output:
	// true
	// false
}
