package inventory_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"iter"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// may returns noon of a day in May.
func may(day int) time.Time { return time.Date(2026, 5, day, 12, 0, 0, 0, time.UTC) }

// today is what the examples take for the time.
func today() time.Time { return may(20) }

// digest returns the SHA-256 digest of a file with a content.
func digest(content string) hallmark.Digest {
	sum := sha256.Sum256([]byte(content))
	d, err := hallmark.ParseDigest("sha256:" + hex.EncodeToString(sum[:]))
	if err != nil {
		log.Fatal(err)
	}
	return d
}

// document returns an SBOM with some modules, of which each requires the next one.
func document(modules ...string) *sbom.Document {
	d := &sbom.Document{}
	for i, m := range modules {
		url := "pkg:golang/" + m
		name, version, _ := strings.Cut(m, "@")
		c := sbom.Component{Ref: url, Type: sbom.Library, Name: name, Version: version, PURL: url, Scope: sbom.Runtime, Requirements: sbom.Complete}
		if i == 0 {
			c.Type, d.Main = sbom.Application, c
			continue
		}
		d.Components = append(d.Components, c)
		d.Edges = append(d.Edges, sbom.Edge{From: "pkg:golang/" + modules[i-1], To: url})
	}
	return d
}

// shop returns the records of a base image and of two programs that are built on it.
func shop() []inventory.Record {
	record := func(day int, name string, d *sbom.Document, inputs ...string) inventory.Record {
		r := inventory.Record{
			Artifact: hallmark.Artifact{Name: name, Digests: []hallmark.Digest{digest(name)}},
			Document: d,
			Build: inventory.Build{
				Source:   "https://git.example.com/" + name,
				Workflow: ".github/workflows/release.yml",
				Builder:  "https://ci.example.com/builder@refs/tags/v1",
				Finished: may(day),
			},
			Verdict: inventory.Verdict{Verdict: verify.Accepted, Policy: digest("policy"), At: may(day)},
			Mark:    digest("evidence of " + name),
		}
		for _, in := range inputs {
			r.Build.Inputs = append(r.Build.Inputs, inventory.Input{Name: in, Digests: []hallmark.Digest{digest(in)}})
		}
		return r
	}
	return []inventory.Record{
		record(1, "base", document("example.com/base@v1.0.0", "example.com/tls@v1.1.0")),
		record(2, "web", document("example.com/web@v1.3.0", "example.com/http@v1.8.0", "example.com/tls@v1.1.0"), "base"),
		record(3, "report", document("example.com/report@v0.9.0", "example.com/pdf@v2.0.0+incompatible"), "base"),
	}
}

// example is an inventory in memory, for as long as the program runs. A real one is in a
// file, "file:inventory.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(60000)".
func example(name string, records ...inventory.Record) *inventory.Inventory {
	db, err := sql.Open("sqlite", "file:"+name+"?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	v, err := inventory.Open(context.Background(), db, inventory.SQLite, inventory.Options{Now: today})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := v.Add(context.Background(), records...); err != nil {
		log.Fatal(err)
	}
	return v
}

func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:example?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	v, err := inventory.Open(ctx, db, inventory.SQLite, inventory.Options{Now: today})
	if err != nil {
		log.Fatal(err)
	}
	added, err := v.Add(ctx, shop()...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(added.New, "new records")

	// An advisory: which artifacts have a version before v1.2.0 in them?
	q := inventory.Query{Package: sbom.Query{PURL: "pkg:golang/example.com/tls", Versions: "< v1.2.0"}}
	for h, err := range v.Affected(ctx, q) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s (%s)\n", h.Title(), h.Trust)
		for _, p := range h.Path {
			fmt.Println("\t" + p)
		}
	}
	// With a driver, the output is:
	// 3 new records
	// base (accepted, SBOM not attested)
	// 	pkg:golang/example.com/base@v1.0.0
	// 	pkg:golang/example.com/tls@v1.1.0
	// web (accepted, SBOM not attested)
	// 	pkg:golang/example.com/web@v1.3.0
	// 	pkg:golang/example.com/http@v1.8.0
	// 	pkg:golang/example.com/tls@v1.1.0
}

func ExampleDrop() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:drop?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	v, err := inventory.Open(ctx, db, inventory.SQLite, inventory.Options{Now: today})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := v.Add(ctx, shop()...); err != nil {
		log.Fatal(err)
	}

	// Tables of another version are made anew from the evidence.
	if err := inventory.Drop(ctx, db, inventory.SQLite); err != nil {
		log.Fatal(err)
	}
	if v, err = inventory.Open(ctx, db, inventory.SQLite, inventory.Options{Now: today}); err != nil {
		log.Fatal(err)
	}
	added, err := v.Add(ctx, shop()...)
	fmt.Println(added.New, "new records,", err)
	// With a driver, the output is:
	// 3 new records, <nil>
}

func ExampleInventory_AddAll() {
	v := example("addall")

	// Records may come from a directory that is too large to be held in memory.
	records := func(yield func(inventory.Record, error) bool) {
		for _, r := range shop() {
			if !yield(r, nil) {
				return
			}
		}
	}
	for range 2 {
		added, err := v.AddAll(context.Background(), records, func(a inventory.Added) {
			fmt.Println(a.New+a.Updated+a.Same, "done")
		})
		fmt.Printf("%+v %v\n", added, err)
	}
	// With a driver, the output is:
	// 3 done
	// {New:3 Updated:0 Same:0} <nil>
	// 3 done
	// {New:0 Updated:0 Same:3} <nil>
}

func ExampleInventory_Known() {
	v := example("known", shop()[:2]...)

	// Of what is known already, the evidence need not be read again.
	var marks []hallmark.Digest
	for _, r := range shop() {
		marks = append(marks, r.Mark)
	}
	fmt.Println(v.Known(context.Background(), marks))
	// With a driver, the output is:
	// [true true false] <nil>
}

func ExampleInventory_Artifacts() {
	v := example("artifacts", shop()...)

	// What has a builder made that is not trusted any more?
	bad := inventory.Filter{Builder: "https://ci.example.com/builder", After: may(2), Before: may(4)}
	for e, err := range v.Artifacts(context.Background(), bad) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Title(), e.Build.Finished.Format(time.DateOnly), e.Trust, e.Trust.Trusted())
	}
	// With a driver, the output is:
	// web 2026-05-02 accepted, SBOM not attested false
	// report 2026-05-03 accepted, SBOM not attested false
}

const advisory = `{
	"schema_version": "1.3.1",
	"id": "GO-2026-0001",
	"modified": "2026-05-19T00:00:00Z",
	"aliases": ["CVE-2026-0001"],
	"summary": "A session is resumed without its keys in example.com/tls",
	"affected": [{
		"package": {"name": "example.com/tls", "ecosystem": "Go"},
		"ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.2.0"}]}]
	}]
}`

func ExampleInventory_Advisory() {
	v := example("advisory", shop()...)
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	for h, err := range v.Advisory(context.Background(), a, inventory.Filter{}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.ID, h.Title(), h.Component.PURL)
	}
	// With a driver, the output is:
	// GO-2026-0001 base pkg:golang/example.com/tls@v1.1.0
	// GO-2026-0001 web pkg:golang/example.com/tls@v1.1.0
}

func ExampleInventory_Snapshot() {
	ctx := context.Background()
	v := example("snapshot", shop()...)
	runs := func(name string) inventory.Deployment {
		return inventory.Deployment{Digest: digest(name), Environment: "production", Service: "shop/" + name}
	}

	// Somebody tells of one deployment, and then a cluster what runs in it.
	if err := v.Deploy(ctx, inventory.Deployment{Digest: digest("web"), Environment: "production", Service: "shop/web", From: may(4)}); err != nil {
		log.Fatal(err)
	}
	if err := v.Snapshot(ctx, "production", may(10), runs("report"), runs("by hand")); err != nil {
		log.Fatal(err)
	}
	for d, err := range v.Deployments(ctx, inventory.Filter{}) {
		if err != nil {
			log.Fatal(err)
		}
		what := "unknown"
		if d.Entry != nil {
			what = d.Entry.Title()
		}
		fmt.Printf("%s: %s, ended: %t\n", d.Service, what, !d.To.IsZero())
	}
	// With a driver, the output is:
	// shop/by hand: unknown, ended: false
	// shop/report: report, ended: false
	// shop/web: web, ended: true
}

func ExampleInventory_Rebuild() {
	v := example("rebuild", shop()...)
	steps, err := v.Rebuild(context.Background(), inventory.RebuildOptions{}, digest("base"))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range steps {
		fmt.Println(s.Round, s.Entry.Title(), s.Entry.Build.Source, "after", len(s.After))
	}
	// With a driver, the output is:
	// 1 base https://git.example.com/base after 0
	// 2 report https://git.example.com/report after 1
	// 2 web https://git.example.com/web after 1
}

func ExampleInventory_Report() {
	ctx := context.Background()
	v := example("report", shop()...)
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		log.Fatal(err)
	}
	r, err := v.Report(ctx, inventory.Cause{Advisory: a}, inventory.ReportOptions{Others: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, one := range r.Affected {
		fmt.Println(one.Artifact.Title(), one.Artifact.Digest() == digest(one.Artifact.Title()), one.Trust.Text)
	}

	// The same for programs, and to sign.
	data, err := r.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	again, err := inventory.ParseReport(data)
	if err != nil {
		log.Fatal(err)
	}
	s, err := again.Statement()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.PredicateType, len(s.Subjects))
	// With a driver, the output is:
	// base true accepted, SBOM not attested
	// web true accepted, SBOM not attested
	// https://hallmark-dev.github.io/predicates/incident/v1 2
}

// envelopes are what is signed of a program, by somebody with a key.
func envelopes(key ed25519.PrivateKey, a hallmark.Artifact) (all []*sign.Envelope) {
	signer, err := sign.NewSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	b := &provenance.Build{
		Type:     "https://example.com/make/v1",
		Builder:  "https://ci.example.com/builder",
		External: map[string]any{"source": map[string]any{"repository": "https://git.example.com/web", "ref": "refs/tags/v1.3.0"}},
		Dependencies: []provenance.ResourceDescriptor{{
			URI:    "git+https://git.example.com/web@refs/tags/v1.3.0",
			Digest: provenance.DigestSet{"gitCommit": strings.Repeat("c", 40)},
		}},
		Finished: may(2),
	}
	made, err := b.Statement(a)
	if err != nil {
		log.Fatal(err)
	}
	bom, err := provenance.New(provenance.CycloneDXType, map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6"}, a)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range []*provenance.Statement{made, bom} {
		payload, err := s.Marshal()
		if err != nil {
			log.Fatal(err)
		}
		e, err := sign.Sign(context.Background(), provenance.MediaType, payload, signer)
		if err != nil {
			log.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// policy trusts a key to speak for the builder.
func policy(key ed25519.PrivateKey) inventory.Rule {
	verifier, err := sign.NewVerifier(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	id, err := verify.Key(verifier)
	if err != nil {
		log.Fatal(err)
	}
	return inventory.Rule{Digest: digest("policy"), Policy: &verify.Policy{
		Builders:   []verify.Builder{{ID: "https://ci.example.com/builder", Identity: id}},
		Source:     "https://git.example.com/web",
		BuildTypes: []string{"https://example.com/make/v1"},
		Refs:       verify.Refs{Releases: true},
		Now:        today,
	}}
}

func ExampleObserve() {
	ctx := context.Background()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	web := hallmark.Artifact{Name: "web", Digests: []hallmark.Digest{digest("web")}}

	// The reader is that of the format, sbom/cyclonedx or sbom/spdx.
	read := func(*provenance.SBOM) (*sbom.Document, error) { return shop()[1].Document, nil }
	records, err := inventory.Observe(ctx, policy(key), web, envelopes(key, web), read, today())
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(r.Verdict.Verdict, len(r.Document.Components), !r.Attested.IsZero(), r.Build.Builder, r.Check())
	}
	// Output:
	// accepted 2 true https://ci.example.com/builder <nil>
}

func ExampleInventory_Judge() {
	ctx := context.Background()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	web := hallmark.Artifact{Name: "web", Digests: []hallmark.Digest{digest("web")}}
	read := func(*provenance.SBOM) (*sbom.Document, error) { return shop()[1].Document, nil }
	records, err := inventory.Observe(ctx, policy(key), web, envelopes(key, web), read, may(2))
	if err != nil {
		log.Fatal(err)
	}
	v := example("judge", records...)

	// The key was stolen. Nobody has to look for the evidence again.
	rule := policy(key)
	stolen, err := sign.Fingerprint(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	rule.Policy.Revoked = []verify.Revocation{{Key: stolen, Reason: "stolen"}}
	rule.Digest = digest("policy of today")
	judgements := collect(v.Judge(ctx, rule, inventory.Filter{}))
	for _, j := range judgements {
		fmt.Printf("%s was %s and is %s (changed: %t)\n", j.Title(), j.Trust, j.Now, j.Changed())
	}
	if err := v.Keep(ctx, judgements...); err != nil {
		log.Fatal(err)
	}
	rejected := collect(v.Artifacts(ctx, inventory.Filter{Verdict: verify.Rejected}))
	fmt.Println(len(rejected), "rejected:", rejected[0].Digest() == web.Digests[0])
	// With a driver, the output is:
	// web was accepted and is rejected, SBOM not attested (changed: true)
	// 1 rejected: true
}

func collect[T any](seq iter.Seq2[T, error]) []T {
	return slices.Collect(func(yield func(T) bool) {
		for t, err := range seq {
			if err != nil {
				log.Fatal(err)
			}
			if !yield(t) {
				return
			}
		}
	})
}
