package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
)

// fixture returns a page of a release, as v, with n components.
func fixture(v verdict, n int) *page {
	commit := text("0123456789abcdef0123456789abcdef01234567")
	p := &page{
		Artifact: "app_1.2.0_linux_amd64",
		Digests:  []text{text("sha256:" + strings.Repeat("0123456789abcdef", 4))},
		Verdict:  v,
		At:       time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC),
		Policy: policyView{File: "policy.yaml", Digest: text("sha256:" + strings.Repeat("ab", 32)), Sentences: []text{
			"The artifact was built by https://github.com/acme/builder/.github/workflows/build.yml, which signs without a key of its own.",
			"It was built from https://github.com/acme/app, at a release tag.",
		}},
		Passed: []check{{Rule: "subject", Outcome: "passed", State: good, Want: "sha256:0123", Got: "sha256:0123", Evidence: text("sha256:" + strings.Repeat("cd", 32))}},
		Lineage: lineage{
			Artifact:   node{"Artifact", good, "is what was signed for", "app_1.2.0_linux_amd64", []text{text("sha256:" + strings.Repeat("0123456789abcdef", 4))}},
			Provenance: node{"Provenance", good, "signed", "SLSA provenance v1", []text{"build type https://actions.github.io/buildtypes/workflow/v1"}},
			Repository: node{"Repository", good, "expected", "https://github.com/acme/app", []text{"refs/tags/v1.2.0"}},
			Commit:     node{"Commit", none, "the policy takes any", commit, nil},
			Workflow:   node{"Workflow", good, "expected", "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.0", []text{"started by push"}},
			Builder:    node{"Builder", good, "trusted to level 3", "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v2.1.0", []text{"on github-hosted"}},
			Signer:     node{"Signer", good, "recognized", "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v2.1.0", []text{"issuer https://token.actions.githubusercontent.com"}},
			Time:       node{"Time", good, "verified", "2026-11-21 12:00 UTC", []text{"by an authority of timestamps or a log"}},
		},
		Evidence: []evidence{{0, text("sha256:" + strings.Repeat("cd", 32)), 1, []text{"https://slsa.dev/provenance/v1"}}},
		NoSBOM:   "No SBOM is among the evidence that the policy asks for.",
	}
	questions := []text{
		"Can the artifact be traced to the exact commit and workflow?",
		"Can the build job reach production credentials directly, or by short-lived federation?",
		"Can untrusted pull-request code influence a trusted release?",
		"Can a registry tag be overwritten after release?",
		"Can production reject an artifact that is unsigned or built by an unexpected workflow?",
		"Can all deployments of a compromised digest be found?",
	}
	for i, q := range questions {
		a := answer{q, "unproven", open, []text{"no evidence tells of it"}}
		if v == accepted && i%2 == 0 {
			a = answer{q, "yes", good, []text{"commit " + commit, "workflow .github/workflows/release.yml"}}
		} else if v == rejected && i == 0 {
			a = answer{q, "no", bad, []text{"the source is another repository"}}
		}
		p.Answers = append(p.Answers, a)
	}
	switch v {
	case accepted:
		p.Open = []check{{Rule: "vulnerability", Item: "CVE-2026-12345", Outcome: "excused", State: note, Want: "none of severity 7.0 or more", Got: "8.1", Evidence: p.Evidence[0].Digest}}
		p.Exceptions = []exception{{
			Rule: "vulnerability", Item: "CVE-2026-12345", Digest: p.Digests[0], Owner: "security@acme.example", Reason: "The vulnerable function is not called; the fix breaks the API.",
			Control: "The endpoint is behind the internal gateway, which filters the header.", Expires: p.At.Add(9 * 24 * time.Hour), Left: left(p.At, p.At.Add(9*24*time.Hour)), Use: "yes, this release needs it",
		}}
		p.Warnings = []text{"The exception of vulnerability CVE-2026-12345 ends within 14 days, on 2026-12-01."}
	case rejected:
		p.Lineage.Repository.State, p.Lineage.Repository.Says, p.Lineage.Repository.Title = bad, "not expected", "https://github.com/evil/app"
		p.Lineage.Commit.State, p.Lineage.Commit.Says = open, "not established"
		p.Open = []check{
			{Rule: "source", Outcome: "failed", State: bad, Want: `"https://github.com/acme/app"`, Got: `"https://github.com/evil/app"`, Evidence: p.Evidence[0].Digest, Hint: "Build it in the repository that the policy names, or name this one in the policy if you trust it."},
			{Rule: "required", Item: "https://cyclonedx.org/bom", Outcome: "unproven", State: open, Want: "signed by key sha256:" + commit, Got: "no evidence that it signed", Envelope: -1, Hint: "Attest it, and give the attestation as evidence."},
		}
	case undecided:
		p.Why = "verify: app is undecided: evidence 0: malformed statement: unexpected end of JSON"
		p.Passed, p.Evidence = nil, nil
		p.Skipped = []text{"app.intoto.jsonl: line 1: malformed envelope"}
		for _, n := range []*node{&p.Lineage.Artifact, &p.Lineage.Provenance, &p.Lineage.Repository, &p.Lineage.Commit, &p.Lineage.Workflow, &p.Lineage.Builder, &p.Lineage.Signer, &p.Lineage.Time} {
			n.State, n.Says = none, "not established"
			if n.Kind != "Artifact" {
				n.Title, n.Notes = "not known", nil
			}
		}
	}
	if n > 0 {
		d := &sbom.Document{Main: sbom.Component{Ref: "app", Type: sbom.Application, Name: "example.com/app", Version: "v1.2.0"}}
		for i := range n {
			c := sbom.Component{Ref: fmt.Sprintf("c%05d", i), Type: sbom.Library, Scope: sbom.Runtime, Name: fmt.Sprintf("example.com/lib%d", i), Version: "v0.1.0", Requirements: sbom.Complete}
			if i%3 > 0 {
				c.Licenses = &sbom.Licenses{Declared: []string{"MIT", "Apache-2.0"}[i%3-1]}
			}
			d.Components = append(d.Components, c)
			from := "app"
			if i > 8 {
				from = fmt.Sprintf("c%05d", i/3)
			}
			d.Edges = append(d.Edges, sbom.Edge{From: from, To: c.Ref})
		}
		p.SBOM = newBOM(d, sbom.Stamp{Created: p.At, Tool: sbom.Tool{Name: "hallmark", Version: "v1"}}, "CycloneDX 1.6", string(p.Evidence[0].Digest))
	}
	return p
}

func html(t *testing.T, p *page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWritePages(t *testing.T) {
	if data, err := os.ReadFile("/tmp/hm/review/real/prom.cdx.json"); err == nil {
		d, stamp, err := cyclonedx.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		p := fixture(accepted, 0)
		p.SBOM = newBOM(d, stamp, "CycloneDX 1.6", string(p.Evidence[0].Digest))
		os.WriteFile("/tmp/hm/review/real/prom.html", html(t, p), 0o644)
	}
	for v, n := range map[verdict]int{accepted: 400, rejected: 0, unproven: 0, undecided: 0} {
		if err := os.WriteFile("/tmp/hm/review/"+string(v)+".html", html(t, fixture(v, n)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
