package verify_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// evidence returns envelopes of every kind that can lie beside an artifact: what
// the policy asks for, what is not good enough, and what does not matter. The
// first few are of signers whom the policy knows and cannot be read.
func evidence(t testing.TB, a hallmark.Artifact) (unreadable, readable []*sign.Envelope) {
	t.Helper()
	typ := "application/vnd.in-toto+json"
	wrong := statement(a)
	wrong.external().at("workflow")["path"] = "evil.yml"
	unknown := statement(a)
	delete(unknown.definition(), "resolvedDependencies")
	unsigned := seal(t, typ, statement(a), 1)
	unsigned.Signatures[0].Sig = make([]byte, 64)
	changed := seal(t, typ, statement(a), 1)
	changed.Payload = append(changed.Payload, ' ')
	unreadable = []*sign.Envelope{
		nil,
		seal(t, typ, []byte("{"), 1),
		seal(t, typ, []byte(""), 2),
	}
	readable = []*sign.Envelope{
		seal(t, typ, statement(a), 1),
		seal(t, typ, statement(a), 2),
		seal(t, typ, statement(a), 9),
		seal(t, typ, statement(anotherArtifact(t)), 1),
		seal(t, typ, wrong, 1),
		seal(t, typ, unknown, 1),
		seal(t, typ, []byte("{"), 9),
		seal(t, "text/plain", []byte("hello"), 1),
		attest(t, a, sbomType, 2),
		attest(t, a, sbomType, 3),
		attest(t, a, sbomType, 2, 3),
		attest(t, a, sbomType, 9),
		attest(t, anotherArtifact(t), sbomType, 2, 3),
		attest(t, a, "https://slsa.dev/verification_summary/v1", 1, 2, 3),
		unsigned, changed,
		new(sign.Envelope),
	}
	return unreadable, readable
}

// reasonSet is what a rejection says, without the places of the evidence.
func reasonSet(err error) string {
	var all []string
	for _, c := range reasons(err) {
		c.Envelope = 0
		all = append(all, c.String())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// The verdict on evidence does not depend on its order. What accepts stays when
// evidence is added, and what is rejected is not accepted when some is taken
// away. What cannot be read makes no difference but that between rejected and
// undecided, and no other evidence makes that one.
func TestMonotone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	a := newArtifact(t)
	unreadable, readable := evidence(t, a)
	plain, strict := policy(t), newTrial(t)
	require(t, strict, 2, 2, 3)
	rng := rand.New(rand.NewPCG(1, 2))
	ends := make(map[string]int)
	for round := range 400 {
		p := plain
		if round%2 == 1 {
			p = strict.policy
		}
		judge := func(envelopes []*sign.Envelope) (string, error) {
			r, err := p.Verify(t.Context(), a, envelopes...)
			return end(r, err), err
		}
		pick := func(from []*sign.Envelope, n int) []*sign.Envelope {
			var some []*sign.Envelope
			for range n {
				some = append(some, from[rng.IntN(len(from))])
			}
			return some
		}
		set := pick(readable, rng.IntN(8))
		if round%4 == 0 {
			set = append(set, pick(unreadable, 1)...)
		}
		verdict, err := judge(set)
		ends[verdict]++

		shuffled := slices.Clone(set)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if v, e := judge(shuffled); v != verdict || reasonSet(e) != reasonSet(err) {
			t.Fatalf("round %d: %s, and in another order %s:\n%v\n%v", round, verdict, v, err, e)
		}
		more := slices.Concat(set, pick(readable, 3), pick(unreadable, 1))
		if v, e := judge(more); verdict == accepted && v != accepted {
			t.Fatalf("round %d: accepted, and with more evidence %s: %v", round, v, e)
		}
		if len(set) > 0 {
			i := rng.IntN(len(set))
			fewer := slices.Delete(slices.Clone(set), i, i+1)
			if v, _ := judge(fewer); verdict != accepted && v == accepted {
				t.Fatalf("round %d: %s, and with less evidence accepted", round, verdict)
			}
		}
	}
	for _, e := range []string{accepted, rejected, undecided} {
		if ends[e] < 20 {
			t.Errorf("%d rounds ended %s: the test shows little (%v)", ends[e], e, ends)
		}
	}
}

// Each piece of evidence that decides nothing leaves both verdicts as they are.
func TestOtherEvidence(t *testing.T) {
	a := newArtifact(t)
	unreadable, readable := evidence(t, a)
	p := policy(t)
	good := readable[0]
	for i, e := range readable[1:] {
		if _, err := p.Verify(t.Context(), a, good, e); err != nil {
			t.Errorf("evidence %d: accepted without it, and with it %v", i+1, err)
		}
		if r, err := p.Verify(t.Context(), a, e); end(r, err) != rejected {
			t.Errorf("evidence %d alone: %v, %v, want it rejected", i+1, r, err)
		}
	}
	for i, e := range unreadable {
		if _, err := p.Verify(t.Context(), a, e, good); err != nil {
			t.Errorf("unreadable evidence %d: accepted without it, and with it %v", i, err)
		}
		if _, err := p.Verify(t.Context(), a, e); err == nil || errors.As(err, new(*verify.RejectedError)) != (i == 2) {
			// Nobody who signs provenance signed the last one.
			t.Errorf("unreadable evidence %d alone: %v", i, err)
		}
	}
}
