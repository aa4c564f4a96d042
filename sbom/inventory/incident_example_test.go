package inventory_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
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

// fill adds to an inventory a base image, and a program that took it in and has a library
// in it.
func fill(ctx context.Context, v *inventory.Inventory) {
	artifact := func(name, hex string) hallmark.Artifact {
		a, err := hallmark.ParseArtifact(name + "@sha256:" + strings.Repeat(hex, 32))
		if err != nil {
			log.Fatal(err)
		}
		return a
	}
	base, web := artifact("registry.example/base", "ba"), artifact("registry.example/web", "eb")
	document := func(name string, components ...sbom.Component) *sbom.Document {
		d := &sbom.Document{Main: sbom.Component{Ref: name, Name: name, Type: sbom.Application, Scope: sbom.Runtime, Requirements: sbom.Complete}}
		for _, c := range components {
			d.Components = append(d.Components, c)
			d.Edges = append(d.Edges, sbom.Edge{From: name, To: c.Ref})
		}
		return d
	}
	lib := sbom.Component{
		Ref: "pkg:golang/example.com/lib@v1.2.3", PURL: "pkg:golang/example.com/lib@v1.2.3", Name: "example.com/lib", Version: "v1.2.3",
		Type: sbom.Library, Scope: sbom.Runtime, Requirements: sbom.Complete,
	}
	_, err := v.Add(ctx,
		inventory.Record{
			Artifact: base, Document: document("base", lib),
			Build: inventory.Build{Source: "https://git.example.com/base", Workflow: ".ci/build", Builder: "https://ci.example.com"},
		},
		inventory.Record{
			Artifact: web, Document: document("web"),
			Build: inventory.Build{
				Source: "https://git.example.com/web", Workflow: ".ci/release", Builder: "https://ci.example.com",
				Inputs: []inventory.Input{{Name: base.Name, Digests: base.Digests}},
			},
		},
	)
	if err != nil {
		log.Fatal(err)
	}
}

// open opens an inventory in a new database in memory.
func open(ctx context.Context) *inventory.Inventory {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	now := func() time.Time { return time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC) }
	v, err := inventory.Open(ctx, db, inventory.SQLite, inventory.Options{Now: now})
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// Everything that an incident asks, at once.
func ExampleInventory_Report() {
	ctx := context.Background()
	v := open(ctx)
	fill(ctx, v)
	advisory, err := osv.Parse([]byte(`{"id":"GO-2026-0001","modified":"2026-03-08T00:00:00Z","summary":"lib does too much",
		"affected":[{"package":{"ecosystem":"Go","name":"example.com/lib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.4"}]}]}]}`))
	if err != nil {
		log.Fatal(err)
	}
	report, err := v.Report(ctx, inventory.Cause{Advisory: advisory}, inventory.ReportOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report)

	// With a driver, the output is:
	// GO-2026-0001: lib does too much, asked at 2026-03-09T12:00:00Z
	//   affected: 1 of 2 artifacts; of 1 more it cannot be told; 1 artifact took them in
	//   trusted: 0; verdicts: 0 accepted, 0 rejected, 0 undecided, 1 of which nobody has decided
	//   running now: 0 artifacts
	//   to rebuild: 2 artifacts in 2 rounds
	//
	// Affected
	//   registry.example/base sha256:babababababa: nobody has decided, SBOM not attested
	//     pkg:golang/example.com/lib@v1.2.3, fixed in v1.2.4
	//
	// Took in what is affected
	//   registry.example/web sha256:ebebebebebeb: nobody has decided, SBOM not attested
	//
	// Rebuild
	//   1. registry.example/base sha256:babababababa from https://git.example.com/base, by .ci/build
	//     update pkg:golang/example.com/lib@v1.2.3 to v1.2.4
	//   2. registry.example/web sha256:ebebebebebeb from https://git.example.com/web, by .ci/release
	//     after registry.example/base
	//
	// Cannot be told
	//   Of 1 artifact it is not known whether it is affected: there is no SBOM that is attested and complete.
	//   Where anything runs is not known: nobody has told the inventory.
}

// A base image has to be built before what took it in.
func ExampleInventory_Rebuild() {
	ctx := context.Background()
	v := open(ctx)
	fill(ctx, v)
	base, err := hallmark.ParseDigest("sha256:" + strings.Repeat("ba", 32))
	if err != nil {
		log.Fatal(err)
	}
	steps, err := v.Rebuild(ctx, inventory.RebuildOptions{}, base)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range steps {
		fmt.Printf("%d. %s from %s by %s\n", s.Round, s.Entry.Title(), s.Entry.Build.Source, s.Entry.Build.Workflow)
	}

	// With a driver, the output is:
	// 1. registry.example/base from https://git.example.com/base by .ci/build
	// 2. registry.example/web from https://git.example.com/web by .ci/release
}

// What runs is told one by one, or of an environment as a whole.
func ExampleInventory_Snapshot() {
	ctx := context.Background()
	v := open(ctx)
	fill(ctx, v)
	digest := func(hex string) hallmark.Digest {
		d, err := hallmark.ParseDigest("sha256:" + strings.Repeat(hex, 32))
		if err != nil {
			log.Fatal(err)
		}
		return d
	}
	at := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	err := v.Deploy(ctx, inventory.Deployment{Digest: digest("eb"), Environment: "production", Service: "shop/web", From: at})
	if err != nil {
		log.Fatal(err)
	}
	// An hour later, something else runs there.
	err = v.Snapshot(ctx, "production", at.Add(time.Hour), inventory.Deployment{Digest: digest("cc"), Service: "shop/miner"})
	if err != nil {
		log.Fatal(err)
	}
	for d, err := range v.Deployments(ctx, inventory.Filter{}) {
		if err != nil {
			log.Fatal(err)
		}
		what, until := "something that nobody knows", "still runs"
		if d.Entry != nil {
			what = d.Entry.Title()
		}
		if !d.To.IsZero() {
			until = "until " + d.To.Format(time.TimeOnly)
		}
		fmt.Printf("%s: %s from %s, %s\n", d.Service, what, d.From.Format(time.TimeOnly), until)
	}

	// With a driver, the output is:
	// shop/miner: something that nobody knows from 13:00:00, still runs
	// shop/web: registry.example/web from 12:00:00, until 13:00:00
}
