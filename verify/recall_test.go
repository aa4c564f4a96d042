package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

func (p party) Recall(e *verify.Evidence) (*verify.Evidence, error) {
	own := &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Threshold: 1}
	for _, name := range p.names {
		switch {
		case p.certified && e.Claims != nil && e.Claims.Subject == name:
			own.Claims, own.Times = e.Claims, e.Times
		case !p.certified && slices.Contains(e.Keys, keyOf(name)):
			own.Keys = append(own.Keys, keyOf(name))
		}
	}
	if own.Keys == nil && own.Claims == nil {
		return nil, verify.ErrNotSigned
	}
	return own, nil
}

func (o oracle) Recall(e *verify.Evidence) (*verify.Evidence, error) {
	return o(context.Background(), &sign.Envelope{PayloadType: e.PayloadType, Payload: e.Payload})
}

func (s stamped) Recall(e *verify.Evidence) (*verify.Evidence, error) {
	ev, err := s.Identity.(verify.Recaller).Recall(e)
	if ev != nil {
		ev.Times = s.times
	}
	return ev, err
}

// written returns evidence after it was written as JSON and read again.
func written(t testing.TB, evidence []verify.Evidence) (again []verify.Evidence) {
	t.Helper()
	text, err := json.Marshal(evidence)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(evidence, again) {
		t.Fatalf("as JSON %s\nthis is %+v\nwhich was %+v", text, again, evidence)
	}
	return again
}

// wantRecalled holds what p says of kept evidence against what it said of the envelopes.
func wantRecalled(t testing.TB, p *verify.Policy, a hallmark.Artifact, envelopes []*sign.Envelope, r *verify.Result, err error) {
	t.Helper()
	evidence, open := p.Recognize(t.Context(), envelopes...)
	if open != nil && evidence == nil && p.Probe(t.Context()) != nil {
		return // it is no policy
	}
	got := p.Recall(t.Context(), a, written(t, evidence)...)
	want := verify.NewReport(a, r, err)
	if !got.Recalled || want.Recalled {
		t.Fatalf("recalled: %v, and %v of what was verified", got.Recalled, want.Recalled)
	}
	if open != nil { // What an identity could not tell is not there, but what another could.
		if got.Verdict != want.Verdict && (want.Verdict == accepted || want.Verdict == rejected && got.Verdict == accepted) {
			t.Fatalf("%s\nrecalled: %s\nbut not %v", want, got, open)
		}
		return
	}
	// Why somebody did not sign is not kept. That one who signed is revoked is said if
	// another signed the same envelope, too.
	plain := func(r *verify.Report) []string {
		var all []string
		for _, c := range r.Checks {
			unsigned := strings.HasPrefix(c.Got, verify.ErrNotSigned.Error()) || strings.HasPrefix(c.Got, "no evidence that one of these signed")
			if !unsigned && (c.Rule != verify.RuleRevoked || c.Payload != "") {
				all = append(all, fmt.Sprintf("%s %q %s %q %q %s", c.Rule, c.Item, c.Outcome, c.Got, c.Want, c.Payload))
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	switch {
	case got.Verdict != want.Verdict || got.Level != want.Level:
		t.Fatalf("%s\nrecalled: %s", want, got)
	case !slices.Equal(plain(got), plain(want)):
		t.Fatalf("%s\nrecalled: %s\n%q\n%q", want, got, plain(want), plain(got))
	case !reflect.DeepEqual(got.Builder, want.Builder), !reflect.DeepEqual(got.Source, want.Source),
		!reflect.DeepEqual(got.Exceptions, want.Exceptions), !slices.Equal(got.Warnings, want.Warnings):
		t.Fatalf("%+v\nrecalled: %+v", want, got)
	}
}

func (w *world) envelopes(set []piece) (all []*sign.Envelope) {
	for _, x := range set {
		all = append(all, x.sealed)
	}
	return all
}

// Of any policy and any evidence, what is recalled of it is decided as the envelopes
// are; and by any other policy it is accepted only if the envelopes are.
func TestRecall(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	rng := rand.New(rand.NewPCG(7, 7))
	agreed, others := make(map[string]int), make(map[string]int)
	for round := range rounds {
		w := newWorld(t, rng)
		set := w.evidence()
		v, r, err := w.verify(set)
		agreed[v]++
		wantRecalled(t, w.policy, w.artifact, w.envelopes(set), r, err)

		evidence, open := w.policy.Recognize(t.Context(), w.envelopes(set)...)
		other := newWorld(t, rng)
		if round%2 == 0 { // one that asks for less is often satisfied
			other.policy.Require = other.policy.Require[:min(1, len(other.policy.Require))]
		}
		other.policy.Exceptions = w.policy.Exceptions
		got := other.policy.Recall(t.Context(), w.artifact, evidence...)
		v, _, err = other.verify(set)
		others[got.Verdict+" "+v]++
		if got.Verdict == accepted && v != accepted && (open == nil || v == rejected) {
			t.Fatalf("round %d: %s\nwhich verified is %s: %v\n%s%s", round, got, v, err, other, set)
		}
	}
	t.Logf("%v; under another policy %v", agreed, others)
	for _, e := range []string{accepted, rejected, undecided} {
		if agreed[e] < rounds/20 {
			t.Errorf("%d rounds ended %s: the test shows little", agreed[e], e)
		}
	}
	if n := others[accepted+" "+accepted]; n < rounds/50 {
		t.Errorf("%d accepted under another policy: the test shows little", n)
	}
}

// stranger is an Identity that cannot recall.
type stranger struct{ verify.Identity }

// What cannot recall recognizes nothing of what was kept, and that is no news about the
// artifact.
func TestCannotRecall(t *testing.T) {
	c := newTrial(t)
	evidence, err := c.policy.Recognize(t.Context(), c.envelopes(t)...)
	if err != nil || len(evidence) != 1 {
		t.Fatal(evidence, err)
	}
	able := c.policy.Builders[0]
	unable := able
	unable.Identity = stranger{able.Identity}
	const why = "this identity cannot tell what is its own of evidence that was kept"
	for _, test := range []struct {
		name     string
		builders []verify.Builder
		want     string
	}{
		{"able", []verify.Builder{able}, accepted},
		{"unable", []verify.Builder{unable}, undecided},
		{"one of two", []verify.Builder{unable, able}, accepted},
		{"unable in time", []verify.Builder{{ID: builderID, Identity: during(t, unable.Identity, time.Time{}, noon().Add(time.Hour))}}, undecided},
	} {
		c.policy.Builders = test.builders
		if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		rep := c.policy.Recall(t.Context(), c.artifact, evidence...)
		if rep.Verdict != test.want || (test.want == undecided) != strings.Contains(rep.Error, why) {
			t.Errorf("%s: %s", test.name, rep)
		}
	}
}

func during(t testing.TB, id verify.Identity, from, until time.Time) verify.Identity {
	t.Helper()
	d, err := verify.During(id, from, until, noon)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whose evidence it is.
func TestRecaller(t *testing.T) {
	keys := func(threshold int, numbers ...int) verify.Identity {
		var all []sign.Verifier
		for _, n := range numbers {
			all = append(all, newKey(t, n))
		}
		id, err := verify.Keys(threshold, all...)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	fingerprints := func(numbers ...int) (all []hallmark.Digest) {
		for _, n := range numbers {
			fp, err := sign.Fingerprint(newKey(t, n).Public())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fp)
		}
		return all
	}
	hour := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Hour) }
	claims := &verify.Claims{Issuer: "i", Subject: "s"}
	by := func(numbers ...int) *verify.Evidence { return &verify.Evidence{Keys: fingerprints(numbers...)} }
	for _, test := range []struct {
		name string
		id   verify.Identity
		e    *verify.Evidence
		keys []int
		want string
	}{
		{"a key", keys(1, 1), by(1), []int{1}, ""},
		{"a key of several", keys(1, 1), by(2, 1, 3), []int{1}, ""},
		{"another key", keys(1, 1), by(2), nil, "not signed by this identity"},
		{"nobody", keys(1, 1), by(), nil, "not signed by this identity"},
		{"one of two", keys(1, 1, 2), by(2), []int{2}, ""},
		{"two of three, in their order", keys(2, 1, 2, 3), by(4, 3, 1), []int{1, 3}, ""},
		{"one, and two must", keys(2, 1, 2, 3), by(1), nil, "not signed by this identity: by 1 of its keys, and 2 must"},
		{"one twice, and two must", keys(2, 1, 2), by(1, 1), nil, "not signed by this identity: by 1 of its keys, and 2 must"},
		{"a key with a certificate", keys(1, 1), &verify.Evidence{Keys: fingerprints(1), Claims: claims, Times: []time.Time{hour(-9)}, Vouchers: []verify.Voucher{{Role: "log"}}}, []int{1}, ""},
		{"a certificate", keys(1, 1), &verify.Evidence{Claims: claims}, nil, "not signed by this identity"},

		{"a key that is still good", during(t, keys(1, 1), hour(-1), hour(1)), by(1), []int{1}, ""},
		{"a key that has run out", during(t, keys(1, 1), hour(-2), hour(-1)), by(1), nil, "not signed by this identity: 2026-03-02T12:00:00Z, as nobody saw when it was made, which is not before 2026-03-02T11:00:00Z"},
		{"a time that somebody told", during(t, keys(1, 1), hour(-2), hour(-1)), &verify.Evidence{Keys: fingerprints(1), Times: []time.Time{hour(-2)}}, nil, "not signed by this identity: 2026-03-02T12:00:00Z, as nobody saw when it was made, which is not before 2026-03-02T11:00:00Z"},
		{"a time that the identity knows", during(t, stamped{keys(1, 1), []time.Time{hour(-2)}}, hour(-2), hour(-1)), by(1), []int{1}, ""},
	} {
		test.e.PayloadType, test.e.Payload, test.e.Threshold = "text/plain", []byte("text"), 9
		before := fmt.Sprintf("%+v", test.e)
		ev, err := test.id.(verify.Recaller).Recall(test.e)
		switch {
		case fmt.Sprintf("%+v", test.e) != before:
			t.Errorf("%s: changed", test.name)
		case test.want != "":
			if ev != nil || !errors.Is(err, verify.ErrNotSigned) || err.Error() != test.want {
				t.Errorf("%s: %v, %v", test.name, ev, err)
			}
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		case !slices.Equal(ev.Keys, fingerprints(test.keys...)) || ev.Claims != nil || ev.Vouchers != nil || ev.Threshold == 9 || string(ev.Payload) != "text" || ev.PayloadType != "text/plain":
			t.Errorf("%s: %+v", test.name, ev)
		}
	}
}

// What Recognize makes of envelopes: one of each for all plain keys, and one for each
// certificate.
func TestPolicyRecognize(t *testing.T) {
	c := newTrial(t)
	c.keys = []int{3, 1, 2, 9}
	cert := certified(nil)
	c.policy.Builders = append(c.policy.Builders, verify.Builder{ID: builderID, Identity: cert}, verify.Builder{ID: builderID, Identity: cert})
	c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 2, 3), identity(t, 4)}}}
	c.policy.Steps = []verify.Step{{Name: "a", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 1, 5)}}}
	c.policy.Revoked = []verify.Revocation{{Key: fingerprintOf(t, 1)}}
	c.policy.Expires, c.policy.Now = noon().Add(-time.Hour), noon // which is no matter
	e := c.envelopes(t)[0]
	got, err := c.policy.Recognize(t.Context(), e, e)
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	if !reflect.DeepEqual(got[:2], got[2:]) {
		t.Errorf("of the same envelope %+v and %+v", got[:2], got[2:])
	}
	want := []hallmark.Digest{fingerprintOf(t, 1), fingerprintOf(t, 2), fingerprintOf(t, 3)}
	slices.SortFunc(want, func(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) })
	if k := got[0]; !slices.Equal(k.Keys, want) || k.Claims != nil || k.Threshold != 1 || !bytes.Equal(k.Payload, e.Payload) || k.PayloadType != c.typ || k.Signed.Hex() == "" {
		t.Errorf("keys: %+v", k)
	}
	if k := got[1]; k.Keys != nil || k.Claims == nil || k.Claims.Builder != builderID || len(k.Times) != 1 {
		t.Errorf("certificate: %+v", k)
	}
	got[0].Payload[0] ^= 1 // It is the caller's.
	if again, _ := c.policy.Recognize(t.Context(), e); again[0].Payload[0] != '{' {
		t.Error("the payload is shared")
	}

	two, err := verify.Keys(2, newKey(t, 3), newKey(t, 9))
	if err != nil {
		t.Fatal(err)
	}
	c.policy.Require[0].Identities = append(c.policy.Require[0].Identities, two)
	if got, err = c.policy.Recognize(t.Context(), e); err != nil || len(got) != 2 || len(got[0].Keys) != 4 || got[0].Threshold != 0 {
		t.Errorf("thresholds of one and two: %+v, %v", got, err)
	}

	down := errors.New("service is down")
	c.policy.Builders[1].Identity = oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) { return nil, down })
	c.policy.Builders[2].Identity = oracle(func(context.Context, *sign.Envelope) (*verify.Evidence, error) { return new(verify.Evidence), nil })
	got, err = c.policy.Recognize(t.Context(), nil, e)
	if len(got) != 1 || !errors.Is(err, down) || err.Error() != "verify: evidence 0: no envelope\n"+
		"verify: evidence 1: an oracle: service is down\nverify: evidence 1: an oracle: recognized without evidence" {
		t.Errorf("%d, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := c.policy.Recognize(ctx, e); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v, %v", got, err)
	}
	if rep := c.policy.Recall(ctx, c.artifact); rep.Verdict != undecided {
		t.Errorf("ended: %s", rep)
	}
	for _, p := range []*verify.Policy{nil, {}} {
		if got, err := p.Recognize(t.Context(), e); got != nil || err == nil {
			t.Errorf("without a policy: %v, %v", got, err)
		}
		if rep := p.Recall(t.Context(), c.artifact, got...); rep.Verdict != undecided || !strings.Contains(rep.Error, "verify: policy: ") {
			t.Errorf("without a policy: %s", rep)
		}
	}
}

func fingerprintOf(t testing.TB, n int) hallmark.Digest {
	t.Helper()
	fp, err := sign.Fingerprint(newKey(t, n).Public())
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// What was learned since flips the verdict on what was kept.
func TestRecallRevoked(t *testing.T) {
	byKey, byCert := newTrial(t), newTrial(t)
	byCert.policy.Builders[0].Identity = certified(nil)
	for _, test := range []struct {
		name   string
		c      *trial
		change func(p *verify.Policy)
		want   string
	}{
		{"nothing", byKey, func(*verify.Policy) {}, accepted},
		{"nothing of a certificate", byCert, func(*verify.Policy) {}, accepted},
		{"the key", byKey, func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Key: fingerprintOf(t, 1)}} }, rejected},
		{"another key", byKey, func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Key: fingerprintOf(t, 2)}} }, accepted},
		{"the builder", byKey, func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Builder: builderID}} }, rejected},
		{"the builder at any ref", byCert, func(p *verify.Policy) {
			name, _, _ := strings.Cut(builderID, "@")
			p.Revoked = []verify.Revocation{{Builder: name}}
		}, rejected},
		{"the subject", byCert, func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Issuer: "https://token.actions.githubusercontent.com", Subject: builderID}}
		}, rejected},
		{"the subject, since", byCert, func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Issuer: "https://token.actions.githubusercontent.com", Subject: builderID, From: noon()}}
		}, accepted},
		{"the subject, since before", byCert, func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Issuer: "https://token.actions.githubusercontent.com", Subject: builderID, From: noon().Add(-2 * time.Hour)}}
		}, rejected},
		{"another source", byKey, func(p *verify.Policy) { p.Source += "x" }, rejected},
		{"another key is trusted", byKey, func(p *verify.Policy) { p.Builders = []verify.Builder{{ID: builderID, Identity: identity(t, 2)}} }, rejected},
		{"an age", byKey, func(p *verify.Policy) { p.MaxAge, p.Now = time.Hour, noon }, rejected},
		{"an SBOM", byKey, func(p *verify.Policy) {
			p.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 1)}}}
		}, rejected},
		{"the policy's end", byKey, func(p *verify.Policy) { p.Expires, p.Now = noon(), noon }, undecided},
	} {
		evidence, err := test.c.policy.Recognize(t.Context(), test.c.envelopes(t)...)
		if err != nil {
			t.Fatal(err)
		}
		p := *test.c.policy
		test.change(&p)
		if rep := p.Recall(t.Context(), test.c.artifact, evidence...); rep.Verdict != test.want {
			t.Errorf("%s: %s", test.name, rep)
		}
		if rep := p.Recall(t.Context(), anotherArtifact(t), evidence...); rep.Verdict == accepted {
			t.Errorf("%s: of another artifact: %s", test.name, rep)
		}
	}
}

// The evidence of a Result speaks for its statements, one for one.
func TestResultEvidence(t *testing.T) {
	c := newTrial(t)
	require(t, c, 2, 2, 3, 4)
	c.policy.Require = append(c.policy.Require, verify.Requirement{PredicateType: sourceType, OfSource: true, Identities: []verify.Identity{identity(t, 5)}})
	ofSource := statement(c.artifact)
	ofSource["predicateType"], ofSource["predicate"], ofSource["subject"] = sourceType, object{}, []any{object{"digest": object{"gitCommit": commit}}}
	link := statement(c.artifact)
	link["predicateType"], link["predicate"] = provenance.LinkType, object{"name": "step", "command": []any{}, "materials": []any{}, "byproducts": object{}, "environment": object{}}
	link["subject"] = []any{object{"name": "x", "digest": object{"sha256": strings.Repeat("e", 64)}}}
	d := c.statement.definition()
	d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any), object{"name": "x", "digest": object{"sha256": strings.Repeat("e", 64)}})
	c.policy.Steps = []verify.Step{{Name: "step", PredicateType: provenance.LinkType, Threshold: 2, Identities: []verify.Identity{identity(t, 6), identity(t, 7)}}}
	another := attest(t, c.artifact, sbomType, 4)
	c.more = []*sign.Envelope{
		seal(t, c.typ, link, 6), attest(t, c.artifact, sbomType, 2, 3), another, seal(t, c.typ, ofSource, 5, 1), seal(t, c.typ, link, 7),
		attest(t, c.artifact, otherType, 1),
	}
	envelopes := c.envelopes(t)
	r, err := c.policy.Verify(t.Context(), c.artifact, envelopes...)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]verify.Evidence{
		{{Payload: envelopes[0].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 1)}}},
		{{Payload: envelopes[2].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 2)}}, {Payload: envelopes[2].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 3)}}},
		{{Payload: envelopes[3].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 4)}}},
		{{Payload: envelopes[4].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 5)}}},
		{{Payload: envelopes[1].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 6)}}, {Payload: envelopes[5].Payload, Keys: []hallmark.Digest{fingerprintOf(t, 7)}}},
	}
	for _, some := range want {
		for i := range some {
			some[i].PayloadType, some[i].Threshold = provenance.MediaType, 1
			ds, err := hallmark.Hash(bytes.NewReader(some[i].Payload), "sha256")
			if err != nil {
				t.Fatal(err)
			}
			some[i].Signed = ds[0]
		}
	}
	got := r.Evidence()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nwant %+v", got, want)
	}
	statements := r.Statements()
	if len(statements) != len(got) {
		t.Fatalf("%d statements, and evidence for %d", len(statements), len(got))
	}
	for i, some := range got {
		for _, e := range some {
			if st, err := provenance.Parse(e.Payload); err != nil || !reflect.DeepEqual(st, statements[i]) {
				t.Errorf("the evidence for %+v is of %+v, %v", statements[i], st, err)
			}
		}
	}
	if rep := c.policy.Recall(t.Context(), c.artifact, slices.Concat(got...)...); rep.Verdict != accepted {
		t.Errorf("what was enough is not: %s", rep)
	}
	got[0][0].Payload[0], got[0][0].Keys[0] = 0, hallmark.Digest{}
	if !reflect.DeepEqual(r.Evidence(), want) {
		t.Error("the evidence of a result can be changed")
	}
}

// reduced returns e as it is kept by those who keep inputs elsewhere: they come back in
// another order and with what identifies them only.
func reduced(t testing.TB, rng *rand.Rand, e verify.Evidence, whole func(d object) bool) verify.Evidence {
	t.Helper()
	var st map[string]any
	decoder := json.NewDecoder(bytes.NewReader(e.Payload))
	decoder.UseNumber()
	if err := decoder.Decode(&st); err != nil {
		return e
	}
	if st["predicateType"] != provenance.PredicateType {
		return e
	}
	d, _ := st["predicate"].(map[string]any)["buildDefinition"].(map[string]any)
	list, _ := d["resolvedDependencies"].([]any)
	for _, one := range list {
		one := one.(map[string]any)
		if whole(one) {
			continue
		}
		for name := range one {
			if !slices.Contains([]string{"uri", "name", "digest", "downloadLocation"}, name) {
				delete(one, name)
			}
		}
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	payload, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	e.Payload = payload
	return e
}

// A statement whose inputs are in another order and without what does not identify them
// has the same verdict, by any policy of what a build may take in.
func TestRecallReduced(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	isSource := func(d object) bool { uri, _ := d["uri"].(string); return strings.HasPrefix(uri, "git+"+source) }
	hex := func(n int) string { return strings.Repeat(fmt.Sprintf("%x", n), 64) }
	verdicts := make(map[string]int)
	for round := range 300 {
		c := newTrial(t)
		d := c.statement.definition()
		list := d["resolvedDependencies"].([]any)
		if rng.IntN(4) == 0 {
			list[0].(object)["annotations"] = object{"modified": true}
		}
		if rng.IntN(4) == 0 { // another commit of the source
			list = append(list, object{"uri": list[0].(object)["uri"], "digest": object{"gitCommit": other}, "annotations": object{"a": "b"}})
		}
		for range rng.IntN(6) {
			n := rng.IntN(4)
			one := object{"mediaType": "text/plain", "annotations": object{"modified": true}, "content": []byte("text"), "hallmark_more": 1}
			if rng.IntN(5) > 0 {
				one["uri"] = fmt.Sprintf("https://example.com/%d", n)
			}
			if rng.IntN(5) > 0 {
				one["name"] = fmt.Sprint("input ", n)
			}
			if rng.IntN(5) > 0 {
				one["digest"] = object{"sha256": hex(n + rng.IntN(2)), "other": "x"}
			}
			if rng.IntN(5) == 0 {
				one["downloadLocation"] = "https://example.com/here"
			}
			list = append(list, one)
		}
		d["resolvedDependencies"] = list
		if rng.IntN(2) == 0 {
			digest, err := hallmark.ParseDigest("sha256:" + hex(1))
			if err != nil {
				t.Fatal(err)
			}
			c.policy.Inputs.Pinned = map[string]hallmark.Digest{"https://example.com/1": digest}
		}
		if rng.IntN(3) == 0 {
			c.policy.Inputs.Origins = []string{"https://example.com/"}
		}
		c.policy.Inputs.Digests = rng.IntN(3) == 0
		if rng.IntN(3) == 0 {
			c.policy.Steps = []verify.Step{{Name: "step", PredicateType: provenance.LinkType, Identities: []verify.Identity{identity(t, 6)}}}
			link := statement(c.artifact)
			link["predicateType"], link["predicate"] = provenance.LinkType, object{"name": "step"}
			link["subject"] = []any{object{"name": "input 1", "digest": object{"sha256": hex(1 + rng.IntN(2))}}}
			c.more = append(c.more, seal(t, c.typ, link, 6))
		}
		evidence, err := c.policy.Recognize(t.Context(), c.envelopes(t)...)
		if err != nil {
			t.Fatal(err)
		}
		want := c.policy.Recall(t.Context(), c.artifact, evidence...)
		r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
		if end(r, err) != want.Verdict {
			t.Fatalf("round %d: %v\nrecalled: %s", round, err, want)
		}
		for i := range evidence {
			evidence[i] = reduced(t, rng, evidence[i], isSource)
		}
		got := c.policy.Recall(t.Context(), c.artifact, evidence...)
		verdicts[got.Verdict]++
		lines := func(r *verify.Report) []string {
			var all []string
			for _, c := range r.Checks {
				all = append(all, fmt.Sprintf("%s %q %s %q %s", c.Rule, c.Item, c.Outcome, c.Want, c.Payload))
			}
			slices.Sort(all)
			return all
		}
		if got.Verdict != want.Verdict || !slices.Equal(lines(got), lines(want)) {
			t.Fatalf("round %d: %s\nreduced: %s\n%s\n%s", round, want, got, lines(want), lines(got))
		}
	}
	t.Log(verdicts)
	if verdicts[accepted] < 20 || verdicts[rejected] < 20 {
		t.Errorf("%v: the test shows little", verdicts)
	}

	// What the source says of itself is no input.
	c := newTrial(t)
	c.statement.definition().at("resolvedDependencies")["annotations"] = object{"modified": true}
	evidence, err := c.policy.Recognize(t.Context(), c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if rep := c.policy.Recall(t.Context(), c.artifact, evidence...); rep.Verdict != rejected {
		t.Error(rep)
	}
	evidence[0] = reduced(t, rng, evidence[0], func(object) bool { return false })
	if rep := c.policy.Recall(t.Context(), c.artifact, evidence...); rep.Verdict != accepted {
		t.Errorf("the annotations of the source are of no matter any more, so that Recall's documentation is wrong: %s", rep)
	}
}

// A predicate that was not kept says nothing of its content, and no exception makes up
// for it. That it was attested is known.
func TestRecallEmptied(t *testing.T) {
	a := newArtifact(t)
	made := noon().Add(-48 * time.Hour)
	scan := provenance.Vulns{Scanner: provenance.Scanner{URI: "https://scanner.example", Vulnerabilities: []provenance.Vulnerability{}}}
	scan.Scanner.DB.LastUpdate = made
	scan.Metadata.Started, scan.Metadata.Finished = made, made
	vsa := provenance.VSA{
		Verifier: provenance.Agent{ID: "https://verifier.example"}, TimeVerified: made, ResourceURI: "pkg:app", Result: provenance.Passed,
		Policy: provenance.ResourceDescriptor{URI: "https://policy.example"}, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_3"},
	}
	svr := provenance.SVR{Verifier: provenance.Agent{ID: "https://verifier.example"}, TimeCreated: made, Properties: []string{"P"}}
	tests := provenance.TestResult{Result: provenance.Passed, Configuration: []provenance.ResourceDescriptor{{URI: "https://tests.example"}}}
	content := verify.Requirement{PredicateType: sbomType, SBOM: &verify.SBOM{Minimum: []string{"ntia"}}}
	for _, test := range []struct {
		name     string
		envelope func(keys ...int) *sign.Envelope
		ask      verify.Requirement // that is proven by what is signed
		rule     verify.Rule
		item     string
	}{
		{"an SBOM", nil, content, verify.RuleMinimum, "ntia"},
		{"a summary", func(k ...int) *sign.Envelope { return state(t, a, &vsa, k...) }, verify.Requirement{
			PredicateType: provenance.VSAType, Summary: &verify.Summary{Verifier: "https://verifier.example", Resource: "pkg:app", Level: 3},
		}, verify.RuleSummary, ""},
		{"an old summary", func(k ...int) *sign.Envelope { return state(t, a, &vsa, k...) }, verify.Requirement{PredicateType: provenance.VSAType, MaxAge: 72 * time.Hour}, verify.RuleAge, provenance.VSAType},
		{"tests", func(k ...int) *sign.Envelope { return state(t, a, &tests, k...) }, verify.Requirement{PredicateType: provenance.TestResultType, Tests: true}, verify.RuleTests, ""},
		{"a scan", func(k ...int) *sign.Envelope { return state(t, a, &scan, k...) }, verify.Requirement{PredicateType: provenance.VulnsType, Scan: &verify.Scan{}}, verify.RuleVulnerability, ""},
		{"an old scan", func(k ...int) *sign.Envelope { return state(t, a, &scan, k...) }, verify.Requirement{PredicateType: provenance.VulnsType, MaxAge: 72 * time.Hour}, verify.RuleAge, provenance.VulnsType},
		{"a property", func(k ...int) *sign.Envelope { return state(t, a, &svr, k...) }, verify.Requirement{PredicateType: provenance.SVRType, Properties: []string{"P"}}, verify.RuleProperty, "P"},
		{"an old result", func(k ...int) *sign.Envelope { return state(t, a, &svr, k...) }, verify.Requirement{PredicateType: provenance.SVRType, MaxAge: 72 * time.Hour}, verify.RuleAge, provenance.SVRType},
	} {
		for _, id := range []verify.Identity{identity(t, 2), stamped{identity(t, 2), []time.Time{noon().Add(-time.Hour)}}} {
			c := newTrial(t)
			c.policy.Inspector, c.policy.Now = inspector{verify.RuleMinimum: {Outcome: verify.Passed, Got: "all"}}, noon
			if test.envelope == nil {
				test.envelope = func(k ...int) *sign.Envelope { return attest(t, a, sbomType, k...) }
			}
			c.more = []*sign.Envelope{test.envelope(2)}
			test.ask.Identities = []verify.Identity{id}
			c.policy.Require = []verify.Requirement{test.ask}
			r, err := c.policy.Verify(t.Context(), a, c.envelopes(t)...)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			wantRecalled(t, c.policy, a, c.envelopes(t), r, err)
			evidence, err := c.policy.Recognize(t.Context(), c.envelopes(t)...)
			if err != nil {
				t.Fatal(err)
			}
			var st map[string]any
			if err := json.Unmarshal(evidence[1].Payload, &st); err != nil {
				t.Fatal(err)
			}
			for _, left := range []any{object{}, nil} {
				st["predicate"] = left
				if evidence[1].Payload, err = json.Marshal(st); err != nil {
					t.Fatal(err)
				}
				for _, c.policy.Exceptions = range [][]verify.Exception{nil, {exception(t, test.rule, test.item)}} {
					rep := c.policy.Recall(t.Context(), a, evidence...)
					if rep.Verdict != rejected || len(rep.Checks) != 1 || rep.Checks[0].Rule != test.rule || rep.Checks[0].Item != test.item ||
						rep.Checks[0].Outcome != verify.Unproven || rep.Checks[0].Got != "its content was not kept" || rep.Checks[0].Payload != evidence[1].Signed.String() {
						t.Errorf("%s: %s", test.name, rep)
					}
				}
				c.policy.Exceptions = nil
				c.policy.Require[0] = verify.Requirement{PredicateType: test.ask.PredicateType, Identities: test.ask.Identities}
				if rep := c.policy.Recall(t.Context(), a, evidence...); rep.Verdict != accepted {
					t.Errorf("%s, of which nothing is asked: %s", test.name, rep)
				}
				c.policy.Require[0] = test.ask
			}
		}
	}
}

// A predicate that was empty when it was signed has its content.
func TestRecallEmpty(t *testing.T) {
	c := newTrial(t)
	empty := statement(c.artifact)
	empty["predicateType"], empty["predicate"] = sbomType, object{}
	c.more = []*sign.Envelope{seal(t, c.typ, empty, 2)}
	c.policy.Inspector = inspector{verify.RuleMinimum: {Outcome: verify.Passed, Got: "all"}}
	c.policy.Require = []verify.Requirement{{PredicateType: sbomType, Identities: []verify.Identity{identity(t, 2)}, SBOM: &verify.SBOM{Minimum: []string{"ntia"}}}}
	evidence, err := c.policy.Recognize(t.Context(), c.envelopes(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if rep := c.policy.Recall(t.Context(), c.artifact, evidence...); rep.Verdict != accepted {
		t.Error(rep)
	}
	evidence[1].Signed = hallmark.Digest{} // It is not known whether it was.
	if rep := c.policy.Recall(t.Context(), c.artifact, evidence...); rep.Verdict != rejected {
		t.Error(rep)
	}
}

// forgetful is an Identity that does not know any more who signed.
type forgetful struct{ verify.Identity }

func (forgetful) Recall(e *verify.Evidence) (*verify.Evidence, error) { return e, nil }

func TestProbeRecall(t *testing.T) {
	p := policy(t)
	if err := p.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Builders[0].Identity = forgetful{p.Builders[0].Identity}
	if err := p.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "recalls a signature by a stranger") {
		t.Errorf("got %v", err)
	}
}

// Whatever is given as evidence that was kept, there is an answer, and none is accepted
// but for the keys of the policy.
func FuzzRecall(f *testing.F) {
	c := newTrial(f)
	require(f, c, 1, 2)
	c.more = []*sign.Envelope{attest(f, c.artifact, sbomType, 2)}
	evidence, err := c.policy.Recognize(f.Context(), c.envelopes(f)...)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(evidence)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`[{"payloadType":"application/vnd.in-toto+json","payload":"e30=","claims":{},"times":["2026-01-01T00:00:00Z"],"vouchers":[{"role":"log","key":"sha256:00"}]},{}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var evidence []verify.Evidence
		if json.Unmarshal(text, &evidence) != nil {
			return
		}
		rep := c.policy.Recall(t.Context(), c.artifact, evidence...)
		if rep.Verdict == accepted {
			for _, n := range []int{1, 2} {
				if !slices.ContainsFunc(evidence, func(e verify.Evidence) bool { return slices.Contains(e.Keys, fingerprintOf(t, n)) }) {
					t.Errorf("accepted without key %d: %s", n, text)
				}
			}
		}
		if rep.String() == "" {
			t.Error("no answer")
		}
	})
}
