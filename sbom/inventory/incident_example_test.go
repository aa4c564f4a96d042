package inventory_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// What runs in a cluster, as kubectl get pods -o json prints it.
func ExampleParsePods() {
	const pods = `{"kind":"List","items":[{
		"kind":"Pod",
		"metadata":{"namespace":"shop","name":"web-5d9c7b6f4-x2x4q","labels":{"pod-template-hash":"5d9c7b6f4"},
			"ownerReferences":[{"kind":"ReplicaSet","name":"web-5d9c7b6f4","controller":true}]},
		"spec":{"containers":[{"name":"app","image":"registry.example/web:v1"},{"name":"sidecar","image":"registry.example/sidecar:v2"}]},
		"status":{"phase":"Running","startTime":"2026-03-01T12:00:00Z","containerStatuses":[
			{"name":"app","imageID":"registry.example/web@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}
	}]}`
	deployments, skipped, err := inventory.ParsePods([]byte(pods), "production")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range deployments {
		fmt.Printf("%s %s runs %.20s… since %s\n", d.Environment, d.Service, d.Digest, d.From.Format(time.DateOnly))
	}
	for _, err := range skipped {
		fmt.Println(err)
	}
	// Output:
	// production shop/web runs sha256:e3b0c44298fc1… since 2026-03-01
	// shop/web-5d9c7b6f4-x2x4q containers "sidecar": no node has said yet which image this is (imageID): "registry.example/sidecar:v2" has no digest
}

// A report that was handed on is read, and made into what others want to have.
func ExampleParseReport() {
	const data = `{"version":1,"at":"2026-03-09T12:00:00Z",
		"cause":{"kind":"advisory","advisory":{"id":"GO-2026-0001","packages":["pkg:golang/example.com/lib"],"summary":"lib does too much"}},
		"counts":{"asked":1,"affected":1,"doubtful":0,"unknown":0,"trusted":1,"accepted":1,"rejected":0,"undecided":0,"undeclared":0,
			"dependents":0,"running":0,"environments":0,"services":0,"ran":0,"strangers":0,"steps":0,"rounds":0},
		"affected":[{"artifact":{"name":"web","digests":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
			"trust":{"trusted":true,"text":"accepted","verdict":"accepted","contents":"attested"},
			"components":[{"version":"v1.2.3","purl":"pkg:golang/example.com/lib@v1.2.3","fixed":"v1.2.4"}]}],
		"dependents":[],"deployments":[],"environments":[],"rebuild":[],"incomplete":[]}`
	report, err := inventory.ParseReport([]byte(data))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)

	vex, err := report.VEX("security@example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(vex.Statements[0].Status, vex.Statements[0].ActionStatement)

	st, err := report.Statement()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(st.PredicateType, st.Subjects[0].Name)

	_, err = inventory.ParseReport([]byte(strings.Replace(data, `"affected":1`, `"affected":0`, 1)))
	fmt.Println(err)
	written, err := report.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(written) > 0)
	// Output:
	// GO-2026-0001: lib does too much, asked at 2026-03-09T12:00:00Z
	//   affected: 1 of 1 artifact
	//   trusted: 1; verdicts: 1 accepted, 0 rejected, 0 undecided, 0 of which nobody has decided
	//   running now: 0 artifacts
	//
	// Affected
	//   web sha256:e3b0c44298fc: accepted
	//     pkg:golang/example.com/lib@v1.2.3, fixed in v1.2.4
	// affected Update pkg:golang/example.com/lib to v1.2.4 or later.
	// https://hallmark-dev.github.io/predicates/incident/v1 web
	// malformed report: $.affected: 1 entries and 0 unlisted ones, want 0
	// true
}

// An Entry goes by its sha256 where there is room for one digest.
func ExampleEntry_Digest() {
	a, err := hallmark.ParseArtifact("web@sha512:" + strings.Repeat("ab", 64) + ",sha256:" + strings.Repeat("cd", 32))
	if err != nil {
		log.Fatal(err)
	}
	e := inventory.Entry{Artifact: a}
	r := inventory.ReportArtifact{Digests: a.Digests}
	fmt.Println(e.Digest() == r.Digest(), e.Digest().Algorithm(), e.Title(), r.Title()[:12])
	// Output: true sha256 web sha512:ababa
}
