package verify_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// believer is an Identity that believes everybody, so that a benchmark measures
// the policy and no signature.
func believer() verify.Identity {
	evidence := &verify.Evidence{Claims: &verify.Claims{
		Issuer: "https://token.actions.githubusercontent.com", Builder: builderID, Repository: source, Ref: "refs/tags/v2.0.0",
		Commit: commit, Trigger: "push", Runner: "github-hosted", Invocation: source + "/actions/runs/1/attempts/1",
	}}
	return oracle(func(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
		ev := *evidence
		ev.PayloadType, ev.Payload = e.PayloadType, e.Payload
		return &ev, nil
	})
}

// BenchmarkEvaluate is a policy held against provenance whose signer is known.
func BenchmarkEvaluate(b *testing.B) {
	c := newTrial(b)
	c.policy.Builders[0].Identity = believer()
	e := c.envelopes(b)[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.policy.Verify(b.Context(), c.artifact, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEnvelopes is the same with ever more evidence beside it: time and
// memory grow no faster than the number of envelopes.
func BenchmarkEnvelopes(b *testing.B) {
	c := newTrial(b)
	c.policy.Builders[0].Identity = believer()
	good := c.envelopes(b)[0]
	aside := seal(b, c.typ, statement(anotherArtifact(b)), 1)
	for _, n := range []int{100, 1000, 10_000} {
		envelopes := []*sign.Envelope{good}
		for len(envelopes) < n {
			envelopes = append(envelopes, aside)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.policy.Verify(b.Context(), c.artifact, envelopes...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/envelope")
		})
	}
}

// BenchmarkVerify is the whole way with one Ed25519 key.
func BenchmarkVerify(b *testing.B) {
	c := newTrial(b)
	e := c.envelopes(b)[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.policy.Verify(b.Context(), c.artifact, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecall is the same of what was kept, and BenchmarkRecognize what it takes to
// keep it.
func BenchmarkRecall(b *testing.B) {
	c := newTrial(b)
	evidence, err := c.policy.Recognize(b.Context(), c.envelopes(b)...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if rep := c.policy.Recall(b.Context(), c.artifact, evidence...); rep.Verdict != accepted {
			b.Fatal(rep)
		}
	}
}

func BenchmarkRecognize(b *testing.B) {
	c := newTrial(b)
	e := c.envelopes(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.policy.Recognize(b.Context(), e...); err != nil {
			b.Fatal(err)
		}
	}
}
