package inventory_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// Records of the Go vulnerability database are asked of programs that have the modules in
// all versions that the records tell apart.
func TestGoVulnerabilities(t *testing.T) {
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	files, err := filepath.Glob(filepath.Join(dir, "govulndb", "ID", "GO-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	var advisories []*osv.Advisory
	var components []sbom.Component
	for i := 0; i < len(files); i += 60 {
		data, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		a, err := osv.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		advisories = append(advisories, a)
		for _, p := range a.Affected {
			path := strings.TrimPrefix(p.PURL, "pkg:golang/")
			versions := []string{"", "v0.0.0-20200101000000-0123456789ab", "v99.0.0+incompatible", "(devel)"}
			for _, rng := range p.Ranges {
				for _, e := range rng.Events {
					if v := e.Version; v != "0" {
						versions = append(versions, "v"+v, "v"+v+"-rc.1", v)
					}
				}
			}
			for _, v := range versions {
				c := sbom.Component{Name: path, Version: v, PURL: "pkg:golang/" + path, Type: sbom.Library, Scope: sbom.Runtime}
				if v != "" {
					c.PURL += "@" + strings.NewReplacer("+", "%2B", "(", "%28", ")", "%29").Replace(v)
				}
				if len(p.Imports) > 0 && r.IntN(2) == 0 {
					c.Packages = []string{strings.TrimPrefix(strings.TrimPrefix(p.Imports[r.IntN(len(p.Imports))].Path, path), "/")}
					if c.Packages[0] == "" {
						c.Packages[0] = "."
					}
				}
				if r.IntN(10) == 0 {
					c.PURL = ""
				}
				components = append(components, c)
			}
		}
	}
	var records []inventory.Record
	for i := range 40 {
		d := &sbom.Document{Main: sbom.Component{Ref: "main", Name: fmt.Sprint("program ", i), Type: sbom.Application, Scope: sbom.Runtime}}
		for k := range 60 {
			c := pick(r, components)
			c.Ref = fmt.Sprintf("%03d", k)
			d.Components = append(d.Components, c)
			if r.IntN(5) > 0 {
				d.Edges = append(d.Edges, sbom.Edge{From: "main", To: c.Ref})
			}
		}
		sum := sha256.Sum256([]byte(d.Main.Name))
		records = append(records, inventory.Record{
			Artifact: hallmark.Artifact{Name: d.Main.Name, Digests: []hallmark.Digest{digest(t, "sha256:"+hex.EncodeToString(sum[:]))}},
			Document: d,
		})
	}
	records = append(records, fleet.Odd(1, true)...)
	var o oracle
	o.add(t, records...)
	var questions []question
	for _, a := range advisories {
		questions = append(questions, o.advisory(t, a, inventory.Filter{}))
	}
	questions = append(questions, o.advisory(t, advisories[0], inventory.Filter{Name: "program 7"}))
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 10)
		hits := 0
		for _, q := range questions {
			hits += q.compare(t, v)
		}
		if len(questions) < 50 || hits < 500 {
			t.Errorf("%d advisories, %d hits: too few to tell", len(questions), hits)
		}
	})
}

// Advisories of packages without an order, or that nobody knows the package URL of.
func TestOddAdvisories(t *testing.T) {
	var records []inventory.Record
	for seed := range uint64(6) {
		records = append(records, fleet.Odd(200+seed, true)...)
	}
	var o oracle
	o.add(t, records...)
	r := rand.New(rand.NewPCG(8, 8))
	versions := slices.DeleteFunc(fleet.OddVersions(), func(v string) bool { return strings.ContainsAny(v, " ä") })
	var questions []question
	for _, p := range []struct{ ecosystem, name string }{
		{"Go", "example.com/a"}, {"Go", "example.com/A"}, {"Go", "example.com/b/v2"}, {"Go", "github.com/BurntSushi/toml"}, {"Go", "stdlib"}, {"Go", "toolchain"},
		{"npm", "a"}, {"npm", "@acme/a"}, {"PyPI", "a_B"}, {"crates.io", "a"}, {"Debian:12", "a"}, {"Maven", "org.a:b"}, {"Nowhere", "a"},
	} {
		for range 4 {
			events := `{"introduced": "0"}, {"fixed": "` + strings.TrimPrefix(pick(r, versions), "v") + `"}`
			kind := "SEMVER"
			switch r.IntN(3) {
			case 0:
				kind = "ECOSYSTEM"
			case 1:
				events = `{"introduced": "` + strings.TrimPrefix(pick(r, versions), "v") + `"}`
			}
			a, err := osv.Parse(fmt.Appendf(nil, `{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": %q, "name": %q}, "ranges": [{"type": %q, "events": [%s]}], "versions": [%q]}]}`,
				p.ecosystem, p.name, kind, events, pick(r, versions)))
			if err != nil {
				t.Logf("%s %s: %v", p.ecosystem, events, err)
				continue
			}
			questions = append(questions, o.advisory(t, a, randomFilter(r, records, r.IntN(2))))
		}
	}
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		add(t, v, records, 40)
		hits := 0
		for _, q := range questions {
			hits += q.compare(t, v)
		}
		if len(questions) < 25 || hits < 100 {
			t.Errorf("%d advisories, %d hits: too few to tell", len(questions), hits)
		}
	})
}
