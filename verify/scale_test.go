// With the race detector, which has its own growth, time and memory tell nothing.

//go:build !race

package verify_test

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// sizes are those at which growth is looked at. Where time grows no faster than size,
// the nanoseconds for one are about the same at all of them.
func sizes() []int { return []int{1000, 10_000, 100_000} }

// A load is something that a hearing has many of.
type load struct {
	name string
	// of returns a trial whose envelopes are n of it large.
	of func(t testing.TB, n int) (*verify.Policy, hallmark.Artifact, []*sign.Envelope)
}

// loads are what people who do not mean it have many of, and people who do can bring.
func loads() []load {
	hex := func(i int) string { return fmt.Sprintf("%064x", i) }
	digest := func(i int) hallmark.Digest {
		d, err := hallmark.ParseDigest("sha256:" + hex(i))
		if err != nil {
			panic(err)
		}
		return d
	}
	of := func(change func(t testing.TB, c *trial, n int)) func(t testing.TB, n int) (*verify.Policy, hallmark.Artifact, []*sign.Envelope) {
		return func(t testing.TB, n int) (*verify.Policy, hallmark.Artifact, []*sign.Envelope) {
			c := newTrial(t)
			c.policy.Builders[0].Identity = believer()
			c.policy.Now = asOf
			change(t, c, n)
			return c.policy, c.artifact, c.envelopes(t)
		}
	}
	exception := func(i int) verify.Exception {
		return verify.Exception{
			Rule: verify.RuleVulnerability, Item: fmt.Sprintf("CVE-%d", i), Digest: digest(i),
			Owner: "ann", Reason: "it must go out", Control: "we look at it", Expires: asOf().Add(time.Hour),
		}
	}
	const vulnsType = "https://in-toto.io/attestation/vulns/v0.2"
	scan := func(t testing.TB, a hallmark.Artifact, n int) *sign.Envelope {
		var found []any
		for i := range n {
			found = append(found, object{"id": fmt.Sprintf("CVE-%d", i), "severity": []any{object{"method": "cvss_score", "score": "9.0"}}})
		}
		st := statement(a)
		st["predicateType"] = vulnsType
		st["predicate"] = object{
			"scanner":  object{"uri": "https://example.com/scanner", "version": "1", "db": object{}, "result": found},
			"metadata": object{"scanStartedOn": asOf().Format(time.RFC3339), "scanFinishedOn": asOf().Format(time.RFC3339)},
		}
		return seal(t, provenance.MediaType, st, 2)
	}
	return []load{
		{"envelopes", of(func(t testing.TB, c *trial, n int) {
			aside := seal(t, c.typ, statement(anotherArtifact(t)), 1)
			for range n {
				c.more = append(c.more, aside)
			}
		})},
		{"builds", of(func(t testing.TB, c *trial, n int) {
			same := seal(t, c.typ, c.statement, 1)
			for range n / 100 {
				c.more = append(c.more, same)
			}
		})},
		{"subjects", of(func(_ testing.TB, c *trial, n int) {
			var all []any
			for i := range n {
				all = append(all, object{"name": fmt.Sprint(i), "digest": object{"sha256": hex(i)}})
			}
			c.statement["subject"] = append(all, c.statement.subject())
		})},
		{"exceptions of others", of(func(_ testing.TB, c *trial, n int) {
			for i := range n {
				c.policy.Exceptions = append(c.policy.Exceptions, exception(i))
			}
		})},
		{"exceptions of the artifact", of(func(_ testing.TB, c *trial, n int) {
			for i := range n {
				e := exception(i)
				e.Digest = c.artifact.Digests[0]
				c.policy.Exceptions = append(c.policy.Exceptions, e)
			}
		})},
		{"vulnerabilities, each excused", of(func(t testing.TB, c *trial, n int) {
			for i := range n {
				e := exception(i)
				e.Digest = c.artifact.Digests[0]
				c.policy.Exceptions = append(c.policy.Exceptions, e)
			}
			c.policy.Require = []verify.Requirement{{PredicateType: vulnsType, Identities: []verify.Identity{identity(t, 2)}, Scan: &verify.Scan{Below: "7.0", Method: "cvss_score"}}}
			c.more = []*sign.Envelope{scan(t, c.artifact, n)}
		})},
		{"revocations", of(func(t testing.TB, c *trial, n int) {
			for i := range n {
				c.policy.Revoked = append(c.policy.Revoked, verify.Revocation{Key: digest(i)})
			}
		})},
		{"parameters", of(func(_ testing.TB, c *trial, n int) {
			inputs := object{}
			for i := range n {
				inputs[fmt.Sprint(i)] = "x"
				c.policy.Parameters[fmt.Sprintf("/inputs/%d", i)] = verify.Parameter{Any: true}
			}
			c.statement.external()["inputs"] = inputs
		})},
		{"inputs", of(func(_ testing.TB, c *trial, n int) {
			d := c.statement.definition()
			list := d["resolvedDependencies"].([]any)
			for i := range n {
				list = append(list, object{"uri": fmt.Sprintf("pkg:golang/example.com/%d@v1.0.0", i), "digest": object{"sha256": hex(i)}})
			}
			d["resolvedDependencies"] = list
			c.policy.Inputs = verify.Inputs{Digests: true, Origins: []string{"pkg:golang/example.com/"}}
		})},
		{"steps", of(func(t testing.TB, c *trial, n int) {
			// What each of two steps made is what the next took in.
			var files []any
			for i := range n {
				files = append(files, object{"name": fmt.Sprint(i), "uri": fmt.Sprint("file:", i), "digest": object{"sha256": hex(i)}})
			}
			for _, name := range []string{"one", "two"} {
				c.policy.Steps = append(c.policy.Steps, verify.Step{Name: name, PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 2)}})
				link := object{
					"_type": provenance.StatementType, "predicateType": provenance.LinkType, "subject": files,
					"predicate": object{"name": name, "command": []any{}, "materials": files, "byproducts": object{}, "environment": object{}},
				}
				c.more = append(c.more, seal(t, provenance.MediaType, link, 2))
			}
			d := c.statement.definition()
			d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), files...)
		})},
	}
}

func BenchmarkGrowth(b *testing.B) {
	for _, l := range loads() {
		for _, n := range sizes() {
			p, a, envelopes := l.of(b, n)
			b.Run(fmt.Sprintf("%s/%d", l.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Verify(b.Context(), a, envelopes...); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/one")
			})
		}
	}
}

// A hundred thousand of anything are decided in seconds, and ten times as many take no
// hundred times as long. Of subjects a statement has at most as many as package
// provenance reads: with more it is undecided as soon.
func TestGrowth(t *testing.T) {
	for _, l := range loads() {
		t.Run(l.name, func(t *testing.T) {
			var before time.Duration
			for _, n := range sizes() {
				p, a, envelopes := l.of(t, n)
				// What is slow once is tried again: other things run on a busy machine.
				took, slow := time.Hour, true
				for try := 0; try < 3 || try < 10 && slow; try++ {
					runtime.GC()
					began := time.Now()
					r, err := p.Verify(t.Context(), a, envelopes...)
					took = min(took, time.Since(began))
					if end(r, err) == rejected {
						t.Fatalf("%d: %.300v", n, err)
					}
					slow = took > 5*time.Second || n == 1000 && took > time.Second/2 || n > 1000 && took > time.Second/4 && took > 30*before
					if took > time.Second && !slow {
						break
					}
				}
				t.Logf("%d: %s, %d envelopes", n, took, len(envelopes))
				// What grows with the square is not waited for.
				if slow {
					t.Fatalf("%s for %d, and %s for a tenth", took, n, before)
				}
				before = took
			}
		})
	}
}

// A statement with a hundred thousand subjects is decided or refused in under a second
// (P6, V10); a busy machine has longer.
func TestManySubjects(t *testing.T) {
	for _, l := range loads() {
		if l.name != "subjects" {
			continue
		}
		p, a, envelopes := l.of(t, 100_000)
		began := time.Now()
		r, err := p.Verify(t.Context(), a, envelopes...)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s after %s", end(r, err), took)
		}
		if end(r, err) == rejected {
			t.Error("it is about the artifact, and rejected")
		}
		t.Logf("%s: %.200v", end(r, err), err)
	}
}

// peak returns by how much live memory grows while f runs, at most, as the garbage
// collector finds it when it is made to run often.
func peak(f func()) uint64 {
	live := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() uint64 { metrics.Read(live); return live[0].Value.Uint64() }
	runtime.GC()
	before, most := heap(), uint64(0)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			most = max(most, heap())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(most, heap()) - before
}

// The SBOM attestation of 50 MB is verified within four times its size in memory (V10):
// with the file, from its bytes to the verdict.
func TestLargeAttestation(t *testing.T) {
	c := newTrial(t)
	require(t, c, 1, 2)
	var components []any
	for i := range 150_000 {
		components = append(components, object{
			"type": "library", "name": fmt.Sprintf("example.com/some/longer/path/of/a/module/%d", i), "version": "v1.2.3",
			"purl": fmt.Sprintf("pkg:golang/example.com/some/longer/path/of/a/module/%d@v1.2.3", i), "bom-ref": fmt.Sprintf("component-number-%d", i),
			"description": strings.Repeat("x", 50),
		})
	}
	st := statement(c.artifact)
	st["predicateType"] = sbomType
	st["predicate"] = object{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}
	data, err := seal(t, provenance.MediaType, st, 2).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	components, st = nil, nil
	build := c.envelopes(t)[0]
	var verdict string
	used := peak(func() {
		data := bytes.Clone(data) // as a program reads it
		e, err := sign.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		data = nil
		r, err := c.policy.Verify(t.Context(), c.artifact, build, e)
		verdict = end(r, err)
	})
	if verdict != accepted {
		t.Error(verdict)
	}
	t.Logf("%d MB: %.2f times its size in memory", len(data)>>20, float64(used)/float64(len(data)))
	if len(data) < 50<<20 {
		t.Errorf("the attestation is of %d bytes only", len(data))
	}
	if used > 4*uint64(len(data)) {
		t.Errorf("%d bytes for an attestation of %d", used, len(data))
	}
}
