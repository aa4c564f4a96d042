package sigstore_test

import (
	"bytes"
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
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// kept returns evidence after it was written as JSON and read again.
func kept(t testing.TB, ev *verify.Evidence) *verify.Evidence {
	t.Helper()
	again := new(verify.Evidence)
	if err := json.Unmarshal(must(json.Marshal(ev)), again); err != nil {
		t.Fatal(err)
	}
	if again.PayloadType == "" { // of an artifact there is no payload
		again.Payload = ev.Payload
	}
	return again
}

// wantRecalled reports it if what id has recognized is not the same when it is recalled.
func wantRecalled(t testing.TB, id verify.Identity, ev *verify.Evidence) {
	t.Helper()
	again, err := id.(verify.Recaller).Recall(kept(t, ev))
	if err != nil || !reflect.DeepEqual(again, ev) {
		t.Errorf("recognized %+v\nrecalled %+v, %v", ev, again, err)
	}
}

// without removes the i-th of a list of a trusted root.
func without(list string, i int) func(root object) {
	return func(root object) { root[list] = slices.Delete(slices.Clone(root[list].([]any)), i, i+1) }
}

// ended ends the validity of the i-th of a list at a time.
func ended(list string, i int, at time.Time) func(root object) {
	return func(root object) {
		only := object{list: []any{root[list].([]any)[i]}}
		end(at, list)(only)
	}
}

// What a trusted root recognized is recalled by another if and only if that would
// recognize it, and as the same.
func TestRecall(t *testing.T) {
	in := newInstance(t)
	at := began().Add(time.Hour)
	managed := newKey()
	workflow := sigstore.Workflow{Issuer: issuer, Builder: builder}
	key := sigstore.Key{Verifier: mustVerify(t, managed)}
	private := drop("tlogs", "ctlogs")
	rng := rand.New(rand.NewPCG(8, 8))
	some := func(n, least int) []int { return rng.Perm(n)[:least+rng.IntN(n-least+1)] }

	type change struct {
		name string
		edit func(root object)
	}
	var changes []change
	for _, list := range []struct {
		name string
		n    int
	}{{"tlogs", 4}, {"ctlogs", 2}, {"timestampAuthorities", 2}, {"certificateAuthorities", 1}} {
		for i := range list.n {
			changes = append(changes, change{fmt.Sprintf("without %s %d", list.name, i), without(list.name, i)})
			for _, d := range []time.Duration{-time.Second, 0, time.Second, time.Minute} {
				changes = append(changes, change{fmt.Sprintf("%s %d ended %s after", list.name, i, d), ended(list.name, i, at.Add(d))})
			}
		}
	}
	another := newInstance(t)
	changes = append(changes,
		change{"of another instance", func(root object) {
			var other object
			if err := json.Unmarshal(another.trustedRoot(), &other); err != nil {
				t.Fatal(err)
			}
			for name, v := range other {
				root[name] = v
			}
		}},
		change{"with another authority", func(root object) {
			var other object
			if err := json.Unmarshal(another.trustedRoot(), &other); err != nil {
				t.Fatal(err)
			}
			root["certificateAuthorities"] = other["certificateAuthorities"]
		}},
		change{"of two instances", func(root object) {
			var other object
			if err := json.Unmarshal(another.trustedRoot(), &other); err != nil {
				t.Fatal(err)
			}
			for name, v := range other {
				if more, ok := v.([]any); ok {
					root[name] = append(more, root[name].([]any)...)
				}
			}
		}},
		change{"in another order", func(root object) {
			for _, name := range []string{"tlogs", "ctlogs", "timestampAuthorities"} {
				slices.Reverse(root[name].([]any))
			}
		}},
	)

	verdicts := make(map[bool]int)
	same := make(map[string]int) // by change, how often it made no difference
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		s := signing{at: at, logs: some(4, 1), ctLogs: some(2, 1), tsas: some(2, 0)}
		who := sigstore.Signatory(workflow)
		if rng.IntN(4) == 0 {
			s.key, s.hint, who = managed, "k", key
		}
		for range s.tsas {
			s.stamps = append(s.stamps, at.Add(time.Duration(rng.IntN(3)-1)*30*time.Second))
		}
		var edit []func(object)
		old := rng.IntN(4) == 0
		if old { // a bundle of version 0.1
			edit = append(edit, version("0.1"))
			for _, i := range rng.Perm(len(s.logs)) {
				if s.logs[i]%2 == 1 && rng.IntN(2) == 0 { // a log of version 1, which has promised
					edit = append(edit, func(b object) { delete(entryOf(b, i), "inclusionProof") })
				}
			}
		}
		if s.key != nil && old {
			continue
		}
		e, err := sign.Parse(in.sign(`{"a":1}`, s, edit...))
		if err != nil {
			t.Fatal(err)
		}
		var evidence []*verify.Evidence
		logged := false
		for i, root := range []*sigstore.TrustedRoot{
			in.root(sigstore.Requirements{OldestBundle: "0.1"}), in.root(sigstore.Requirements{OldestBundle: "0.1", NoLogs: true}, private),
		} {
			id := must(root.NewIdentity(who))
			if ev, err := id.Recognize(t.Context(), e); err == nil {
				wantRecalled(t, id, ev)
				evidence, logged = append(evidence, kept(t, ev)), logged || i == 0
			}
		}
		if evidence == nil {
			continue
		}
		for n := range 8 {
			q := sigstore.Requirements{Logs: rng.IntN(3), CertificateLogs: rng.IntN(3), TimestampAuthorities: rng.IntN(3), OldestBundle: "0.1"}
			if rng.IntN(3) == 0 {
				q = sigstore.Requirements{OldestBundle: []string{"0.1", "0.3"}[rng.IntN(2)]}
			}
			var edits []func(object)
			names := ""
			for k := range rng.IntN(3) {
				c := changes[rng.IntN(len(changes))]
				if n < 2 && k == 0 { // one that takes nothing away
					c = changes[len(changes)-1-n]
				}
				edits, names = append(edits, c.edit), names+c.name+", "
			}
			if rng.IntN(8) == 0 {
				q = sigstore.Requirements{OldestBundle: "0.1", NoLogs: true}
				edits, names = append(edits, private), names+"private"
			}
			root, err := tryRoot(in, q, edits)
			if err != nil {
				continue // It cannot be met, or a list had no more elements.
			}
			id, err := root.NewIdentity(who)
			if err != nil || !logged && !q.NoLogs { // nothing is known of logs
				continue
			}
			want, notSigned := id.Recognize(t.Context(), e)
			if old && q.OldestBundle == "0.3" && notSigned != nil {
				continue // It is told that of the version only if there is no proof.
			}
			var got *verify.Evidence
			var forgotten error
			for _, ev := range evidence {
				before := fmt.Sprintf("%+v", *ev)
				again, err := id.(verify.Recaller).Recall(ev)
				if (again == nil) != errors.Is(err, verify.ErrNotSigned) || fmt.Sprintf("%+v", *ev) != before {
					t.Fatalf("%v, %v", again, err)
				}
				if forgotten = errors.Join(forgotten, err); err == nil {
					got = again
					break
				}
			}
			verdicts[want != nil]++
			if want != nil {
				same[names]++
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("round %d, %s%+v: %+v\nrecognized %+v, %v\nrecalled %+v, %v", round, names, q, s, want, notSigned, got, forgotten)
			}
		}
	}
	t.Log(verdicts)
	if testing.Short() { // so few rounds need not show everything
		return
	}
	if verdicts[true] < rounds || verdicts[false] < rounds || same["of two instances, "] == 0 || same["in another order, "] == 0 {
		t.Errorf("%v, %v: the test shows little", verdicts, same)
	}
}

// tryRoot is in.root where edits or requirements may be impossible.
func tryRoot(in *instance, q sigstore.Requirements, edits []func(object)) (r *sigstore.TrustedRoot, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("no such element")
		}
	}()
	if r, err = sigstore.ParseTrustedRoot(in.trustedRoot(edits...)); err != nil {
		return nil, err
	}
	return r.Require(q)
}

// Whose evidence it is.
func TestRecallNot(t *testing.T) {
	in, another := newInstance(t), newInstance(t)
	at := began().Add(time.Hour)
	managed := newKey()
	key := mustVerify(t, managed)
	one := signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}
	keyed := signing{logs: []int{0}, tsas: []int{0}, key: managed, hint: "k"}
	oldLog := signing{logs: []int{1}, ctLogs: []int{0}}
	workflow := sigstore.Workflow{Issuer: issuer, Builder: builder}
	byKey := sigstore.Key{Verifier: key}
	path, _, _ := strings.Cut(builder, "@")
	drop := func(role string) func(ev *verify.Evidence) {
		return func(ev *verify.Evidence) {
			ev.Vouchers = slices.DeleteFunc(ev.Vouchers, func(v verify.Voucher) bool { return v.Role == role })
		}
	}
	for _, test := range []struct {
		name    string
		signing signing
		as      sigstore.Signatory // who is recognized
		in      *instance
		who     sigstore.Signatory // who is asked later
		change  func(ev *verify.Evidence)
		want    string
	}{
		{"the same", one, workflow, in, workflow, nil, ""},
		{"an account of that name", one, workflow, in, sigstore.Account{Issuer: issuer, Subject: builder}, nil, ""},
		{"any ref", one, workflow, in, sigstore.Workflow{Issuer: issuer, Builder: path, Refs: verify.Refs{Any: true}}, nil, ""},
		{"another ref", one, workflow, in, sigstore.Workflow{Issuer: issuer, Builder: path, Refs: verify.Refs{Tags: []string{"v9"}}}, nil, "the certificate is of"},
		{"another workflow", one, workflow, in, sigstore.Workflow{Issuer: issuer, Builder: builder + "x"}, nil, "the certificate is of"},
		{"another issuer", one, workflow, in, sigstore.Workflow{Issuer: issuer + "/", Builder: builder}, nil, "the certificate is for a token of"},
		{"another instance", one, workflow, another, workflow, nil, "not enough log entries"},
		{"a key, and a workflow wanted", keyed, byKey, in, workflow, nil, "the bundle has a key, and no certificate"},
		{"a workflow, and a key wanted", one, workflow, in, byKey, nil, "the bundle has a certificate"},
		{"a key", keyed, byKey, in, byKey, nil, ""},
		{"another key", keyed, byKey, in, sigstore.Key{Verifier: mustVerify(t, newKey())}, nil, "it is of another key"},
		{"a key on its last day", keyed, byKey, in, sigstore.Key{Verifier: key, End: at}, nil, ""},
		{"a key after its end", keyed, byKey, in, sigstore.Key{Verifier: key, End: at.Add(-time.Second)}, nil, "the key was not valid at"},
		{"a key of another instance", keyed, byKey, another, byKey, nil, "not enough log entries"},
		{"the key of a log of another instance", keyed, byKey, another, byKey, func(ev *verify.Evidence) {
			ev.Vouchers = append(ev.Vouchers, must(must(another.root(sigstore.Requirements{}).NewIdentity(byKey)).
				Recognize(t.Context(), must(sign.Parse(another.sign(`{}`, keyed))))).Vouchers...)
		}, ""}, // who keeps it answers for that

		// Altered.
		{"nobody has vouched", one, workflow, in, workflow, func(ev *verify.Evidence) { ev.Vouchers = nil }, "no authority and no log has vouched for it"},
		{"no certificate", one, workflow, in, workflow, func(ev *verify.Evidence) { ev.Claims = nil }, "the bundle has a key, and no certificate"},
		{"two keys", keyed, byKey, in, byKey, func(ev *verify.Evidence) { ev.Keys = append(ev.Keys, ev.Keys[0]) }, "it is of another key"},
		{"no log", one, workflow, in, workflow, drop("log"), "not enough log entries"},
		{"no certificate log", one, workflow, in, workflow, drop("certificate-log"), "certificate logs of 0 operators"},
		{"no authority", one, workflow, in, workflow, drop("certificate-authority"), "no authority has issued it"},
		{"no time", one, workflow, in, workflow, drop("timestamp-authority"), "no verified time"},
		{"no time of a log", oldLog, workflow, in, workflow, func(ev *verify.Evidence) {
			for i := range ev.Vouchers {
				ev.Vouchers[i].Time = time.Time{}
			}
		}, "no verified time"},
		{"a time that nobody told", one, workflow, in, workflow, func(ev *verify.Evidence) { ev.Times = []time.Time{at.Add(-time.Hour)} }, ""},
		{"a log that has only promised", oldLog, workflow, in, workflow, func(ev *verify.Evidence) {
			for i := range ev.Vouchers {
				if ev.Vouchers[i].Role == "log" {
					ev.Vouchers[i].Role = "log-promise"
				}
			}
		}, "only promised"},
		{"before the authority", one, workflow, in, workflow, func(ev *verify.Evidence) {
			for i := range ev.Vouchers {
				if ev.Vouchers[i].Role == "log" {
					ev.Vouchers[i].Time = began().Add(-time.Second)
				}
			}
		}, "no authority of the trusted root has the key"},
		{"a role that is not known", one, workflow, in, workflow, func(ev *verify.Evidence) { ev.Vouchers = append(ev.Vouchers, verify.Voucher{Role: "king"}) }, ""},
	} {
		e := must(sign.Parse(in.sign(`{"a":1}`, test.signing)))
		want, err := must(in.root(sigstore.Requirements{}).NewIdentity(test.as)).Recognize(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		ev := kept(t, want)
		if test.change != nil {
			test.change(ev)
		}
		got, err := must(test.in.root(sigstore.Requirements{}).NewIdentity(test.who)).(verify.Recaller).Recall(ev)
		if test.want != "" {
			if got != nil || !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %+v, %v, want %q", test.name, got, err, test.want)
			}
		} else if err != nil || !slices.Equal(got.Times, want.Times) || !bytes.Equal(got.Payload, want.Payload) || !reflect.DeepEqual(got.Claims, want.Claims) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// Who vouched must have been valid when they did.
func TestRecallEnded(t *testing.T) {
	in := newInstance(t)
	at := began().Add(time.Hour)
	who := sigstore.Workflow{Issuer: issuer, Builder: builder}
	ev, err := must(in.root(sigstore.Requirements{}).NewIdentity(who)).Recognize(t.Context(),
		must(sign.Parse(in.sign(`{}`, signing{at: at, logs: []int{1}, ctLogs: []int{0}, tsas: []int{0}}))))
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]string{
		"tlogs": "of a log was not valid", "ctlogs": "certificate logs of 0 operators", "timestampAuthorities": "timestamp: no authority",
		"certificateAuthorities": "no authority of the trusted root has the key",
	} {
		for after, want := range map[time.Duration]string{0: "", -time.Second: want} {
			id := must(in.root(sigstore.Requirements{}, end(at.Add(after), list)).NewIdentity(who))
			if _, err := id.(verify.Recaller).Recall(ev); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s ended %s after: %v, want %q", list, after, err, want)
			}
		}
	}
}

// A policy of workflows recalls what was verified; what was learned since flips the
// verdict, and a plain key learns nothing of times that logs have told.
func TestRecallPolicy(t *testing.T) {
	in := newInstance(t)
	const subject = `"subject":[{"name":"app","digest":{"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}]`
	const payload = `{"_type":"https://in-toto.io/Statement/v1",` + subject + `,"predicateType":"` + provenance.VSAType + `","predicate":{` +
		`"verifier":{"id":"https://verifier.test"},"timeVerified":"2026-01-01T01:00:00Z","resourceUri":"pkg:app","policy":{"uri":"https://policy.test"},` +
		`"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2"]}}`
	a := hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{must(hallmark.ParseDigest("sha256:" + strings.Repeat("a", 64)))}}
	policyOf := func(id verify.Identity) *verify.Policy {
		return &verify.Policy{
			Require: []verify.Requirement{{
				PredicateType: provenance.VSAType, Identities: []verify.Identity{id},
				Summary: &verify.Summary{Verifier: "https://verifier.test", Resource: "pkg:app", Level: 2},
			}},
			Now: func() time.Time { return began().AddDate(0, 1, 0) },
		}
	}
	managed := newKey()
	root := in.root(sigstore.Requirements{})
	workflow := must(root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	logged := must(root.NewIdentity(sigstore.Key{Verifier: mustVerify(t, managed)}))
	byWorkflow := must(sign.Parse(in.sign(payload, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}})))
	byKey := must(sign.Parse(in.sign(payload, signing{logs: []int{0}, tsas: []int{0}, key: managed, hint: "k"})))

	p := policyOf(workflow)
	res, err := p.Verify(t.Context(), a, byWorkflow)
	if err != nil {
		t.Fatal(err)
	}
	evidence := must(p.Recognize(t.Context(), byWorkflow))
	if !reflect.DeepEqual(res.Evidence(), [][]verify.Evidence{evidence}) {
		t.Errorf("%+v, want %+v", res.Evidence(), evidence)
	}
	evidence[0] = *kept(t, &evidence[0])
	want := verify.NewReport(a, res, nil)
	want.Recalled = true
	if got := p.Recall(t.Context(), a, evidence...); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	path, _, _ := strings.Cut(builder, "@")
	for _, test := range []struct {
		revoked verify.Revocation
		want    string
	}{
		{verify.Revocation{Builder: path}, verify.Rejected},
		{verify.Revocation{Builder: path, From: began().Add(2 * time.Hour)}, verify.Accepted},
		{verify.Revocation{Builder: path, From: began().Add(time.Hour)}, verify.Rejected},
		{verify.Revocation{Issuer: issuer, Subject: builder}, verify.Rejected},
		{verify.Revocation{Builder: path + "x"}, verify.Accepted},
	} {
		p.Revoked = []verify.Revocation{test.revoked}
		if rep := p.Recall(t.Context(), a, evidence...); rep.Verdict != test.want {
			t.Errorf("%+v: %s", test.revoked, rep)
		}
	}
	other := must(newInstance(t).root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	if rep := policyOf(other).Recall(t.Context(), a, evidence...); rep.Verdict != verify.Rejected || !strings.Contains(rep.String(), "not enough log entries") {
		t.Errorf("of another instance: %s", rep)
	}

	// What a log said of a key's signature is of no matter where no log is asked.
	evidence = must(policyOf(logged).Recognize(t.Context(), byKey))
	plain := must(verify.Key(mustVerify(t, managed)))
	inTime := must(verify.During(plain, time.Time{}, began().Add(2*time.Hour), func() time.Time { return began().AddDate(0, 1, 0) }))
	for _, test := range []struct {
		id   verify.Identity
		want string
	}{{logged, verify.Accepted}, {plain, verify.Accepted}, {inTime, verify.Rejected}, {workflow, verify.Rejected}} {
		p := policyOf(test.id)
		r, err := p.Verify(t.Context(), a, byKey)
		rep := p.Recall(t.Context(), a, evidence...)
		if want := verify.NewReport(a, r, err).Verdict; rep.Verdict != test.want || want != test.want {
			t.Errorf("%s: %s, want %s, as verified %s", test.id, rep, test.want, want)
		}
	}
}

// Whatever is given as evidence that was kept, there is an answer.
func FuzzRecall(f *testing.F) {
	in := newInstance(f)
	root := in.root(sigstore.Requirements{})
	managed := newKey()
	v, err := sign.NewVerifier(managed.Public())
	if err != nil {
		f.Fatal(err)
	}
	var ids []verify.Recaller
	for _, who := range []sigstore.Signatory{sigstore.Workflow{Issuer: issuer, Builder: builder}, sigstore.Key{Verifier: v}} {
		id := must(root.NewIdentity(who)).(verify.Recaller)
		ids = append(ids, id)
		s := signing{logs: []int{0, 1}, ctLogs: []int{0}, tsas: []int{0}}
		if _, ok := who.(sigstore.Key); ok {
			s.key, s.hint = managed, "k"
		}
		f.Add(must(json.Marshal(must(id.Recognize(f.Context(), must(sign.Parse(in.sign("{}", s))))))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := new(verify.Evidence)
		if json.Unmarshal(data, e) != nil {
			return
		}
		for i, id := range ids {
			ev, err := id.Recall(e)
			switch {
			case (ev == nil) != errors.Is(err, verify.ErrNotSigned):
				t.Fatalf("%v, %v", ev, err)
			case ev == nil:
			case len(ev.Times) == 0 || len(ev.Vouchers) < 2 || !bytes.Equal(ev.Payload, e.Payload):
				t.Fatalf("recalled %+v", ev)
			case i == 0 && (ev.Claims == nil || ev.Claims.Builder != builder || ev.Claims.Issuer != issuer || ev.Keys != nil):
				t.Fatalf("recalled %+v", ev)
			case i == 1 && (ev.Claims != nil || len(ev.Keys) != 1):
				t.Fatalf("recalled %+v", ev)
			}
		}
	})
}

// BenchmarkRecall is what recognizing an identity's evidence again costs.
func BenchmarkRecall(b *testing.B) {
	id := newIdentity(b, sigstore.Workflow{Issuer: issuer, Builder: builder}).(verify.Recaller)
	ev, err := id.Recognize(b.Context(), mustParse(b, accepted(b)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id.Recall(ev); err != nil {
			b.Fatal(err)
		}
	}
}
