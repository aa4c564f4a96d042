package inventory_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const (
	judgeSource = "https://git.example/app"
	judgeType   = "https://ci.example/build/v1"
	judgeCommit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	judgeInput  = "https://example.com/tool"
)

type object = map[string]any

func builderOf(n byte) string { return fmt.Sprintf("https://ci.example/builder/%d", n) }

// signer returns the key number n.
func signer(t testing.TB, n byte) sign.SignerVerifier {
	t.Helper()
	s, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(t testing.TB, n byte) hallmark.Digest {
	t.Helper()
	d, err := sign.Fingerprint(signer(t, n).Public())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func identityOf(t testing.TB, numbers ...byte) verify.Identity {
	t.Helper()
	var keys []sign.Verifier
	for _, n := range numbers {
		keys = append(keys, signer(t, n))
	}
	id, err := verify.Keys(1, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func parsed(t testing.TB, text string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func artifactOf(t testing.TB, name string) hallmark.Artifact {
	return hallmark.Artifact{Name: name, Digests: []hallmark.Digest{parsed(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))))}}
}

// attest returns a statement about a that keys sign.
func attest(t testing.TB, a hallmark.Artifact, predicateType string, predicate any, keys ...byte) *sign.Envelope {
	t.Helper()
	payload, err := json.Marshal(object{
		"_type": provenance.StatementType, "predicateType": predicateType, "predicate": predicate,
		"subject": []any{object{"name": a.Name, "digest": object{"sha256": a.Digests[0].Hex()}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := &sign.Envelope{PayloadType: provenance.MediaType, Payload: payload}
	for _, n := range keys {
		one, err := sign.Sign(t.Context(), e.PayloadType, payload, signer(t, n))
		if err != nil {
			t.Fatal(err)
		}
		e.Signatures = append(e.Signatures, one.Signatures...)
	}
	return e
}

func build(builder, commit, input string) object {
	return object{
		"buildDefinition": object{
			"buildType": judgeType, "externalParameters": object{"source": object{"repository": judgeSource, "ref": "refs/heads/main"}},
			"resolvedDependencies": []any{
				object{"uri": "git+" + judgeSource + "@refs/heads/main", "digest": object{"gitCommit": commit}},
				object{"uri": judgeInput, "digest": object{"sha256": strings.Repeat(input, 64)}},
			},
		},
		"runDetails": object{"builder": object{"id": builder}},
	}
}

// bomOf is an SBOM that n components are in.
func bomOf(n int) object {
	components := []any{}
	for i := range n {
		components = append(components, object{"type": "library", "bom-ref": fmt.Sprint(i), "name": fmt.Sprint("part", i), "version": "1.0.0", "purl": fmt.Sprintf("pkg:npm/part%d@1.0.0", i)})
	}
	return object{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components,
		"metadata": object{"component": object{"type": "application", "bom-ref": "main", "name": "app"}},
	}
}

func readBOM(s *provenance.SBOM) (*sbom.Document, error) {
	d, _, err := cyclonedx.Parse(s.Document)
	return d, err
}

// ruleOf is that builder 1 has key 1, and that key 2 signs SBOMs.
func ruleOf(t testing.TB, change func(p *verify.Policy)) inventory.Rule {
	p := &verify.Policy{
		Builders: []verify.Builder{{ID: builderOf(1), Identity: identityOf(t, 1)}}, Source: judgeSource, BuildTypes: []string{judgeType},
		Commit: parsed(t, "gitCommit:"+judgeCommit), Now: now,
		Require: []verify.Requirement{{PredicateType: provenance.CycloneDXType, Identities: []verify.Identity{identityOf(t, 2)}}},
	}
	if change != nil {
		change(p)
	}
	return inventory.Rule{Policy: p}
}

func observe(t testing.TB, rule inventory.Rule, a hallmark.Artifact, at time.Time, envelopes ...*sign.Envelope) []inventory.Record {
	t.Helper()
	records, err := inventory.Observe(t.Context(), rule, a, envelopes, readBOM, at)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// good returns what an artifact is accepted by.
func good(t testing.TB, a hallmark.Artifact) []*sign.Envelope {
	return []*sign.Envelope{
		attest(t, a, provenance.PredicateType, build(builderOf(1), judgeCommit, "e"), 1),
		attest(t, a, provenance.CycloneDXType, bomOf(3), 2),
	}
}

func trusts[T any](ts []T, of func(T) inventory.Trust) (list []string) {
	for _, one := range ts {
		list = append(list, of(one).String())
	}
	return list
}

func entryTrust(e inventory.Entry) inventory.Trust   { return e.Trust }
func nowTrust(j inventory.Judgement) inventory.Trust { return j.Now }
func hitTrust(h inventory.Hit) inventory.Trust       { return h.Trust }

func wantTrust(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// randomPolicy is one that keys 1 to 4 are asked by.
func randomPolicy(t testing.TB, rng *rand.Rand, a hallmark.Artifact) *verify.Policy {
	p := ruleOf(t, nil).Policy
	p.Builders, p.Require = nil, nil
	for n := range byte(2) {
		if p.Builders == nil || rng.IntN(2) == 0 {
			p.Builders = append(p.Builders, verify.Builder{ID: builderOf(n + 1), Identity: identityOf(t, byte(1+rng.IntN(3)), 4)})
		}
	}
	if rng.IntN(2) == 0 {
		n := byte(rng.IntN(3))
		p.Require = []verify.Requirement{{PredicateType: provenance.CycloneDXType, Identities: []verify.Identity{identityOf(t, 1+n%3, 1+(n+1)%3)}}}
	}
	if rng.IntN(3) == 0 {
		p.Revoked = append(p.Revoked, verify.Revocation{Key: keyOf(t, byte(1+rng.IntN(4)))})
	}
	if rng.IntN(6) == 0 {
		p.Revoked = append(p.Revoked, verify.Revocation{Builder: builderOf(byte(1 + rng.IntN(2)))})
	}
	if rng.IntN(2) == 0 {
		p.Inputs.Pinned = map[string]hallmark.Digest{judgeInput: parsed(t, "sha256:"+strings.Repeat("e", 64))}
	}
	if rng.IntN(2) == 0 {
		p.Exceptions = append(p.Exceptions, verify.Exception{
			Rule: verify.RuleCommit, Digest: a.Digests[0], Owner: "ann", Reason: "r", Control: "c", Expires: now().Add(time.Duration(rng.IntN(3)-1) * time.Hour),
		})
	}
	if rng.IntN(12) == 0 {
		p.Expires = now()
	}
	return p
}

// By any policy, what is judged of what was kept is what is verified of the envelopes, and
// what is attested is what would be.
func TestJudgeRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	v := newSQLite(t).open(t)
	type kept struct {
		artifact  hallmark.Artifact
		first     *verify.Policy
		envelopes []*sign.Envelope
	}
	var all []kept
	var records []inventory.Record
	for round := range 40 {
		k := kept{artifact: artifactOf(t, fmt.Sprint("app", round))}
		k.first = randomPolicy(t, rng, k.artifact)
		// Who is named by later ones is named by the first one.
		k.first.Require = append(k.first.Require, verify.Requirement{PredicateType: "https://example.com/any", Identities: []verify.Identity{identityOf(t, 1, 2, 3, 4)}})
		for range rng.IntN(4) {
			commit := judgeCommit
			if rng.IntN(4) == 0 {
				commit = strings.Repeat("b", 40)
			}
			k.envelopes = append(k.envelopes, attest(t, k.artifact, provenance.PredicateType,
				build(builderOf(byte(1+rng.IntN(2))), commit, []string{"e", "e", "f"}[rng.IntN(3)]), byte(1+rng.IntN(5))))
		}
		for n := range rng.IntN(4) {
			k.envelopes = append(k.envelopes, attest(t, k.artifact, provenance.CycloneDXType, bomOf(n+1), []byte{byte(1 + rng.IntN(5)), byte(1 + rng.IntN(5))}[:rng.IntN(3)]...))
		}
		k.envelopes = append(k.envelopes, attest(t, k.artifact, "https://example.com/any", object{}, 1, 2))
		records = append(records, observe(t, inventory.Rule{Policy: k.first}, k.artifact, now().Add(-time.Hour), k.envelopes...)...)
		all = append(all, k)
	}
	if _, err := v.Add(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
	verdicts := make(map[string]int)
	for round, k := range all {
		for range 4 {
			p := randomPolicy(t, rng, k.artifact)
			rule := inventory.Rule{Policy: p}
			attested := make(map[int]bool) // by the number of components
			var want inventory.Verdict
			for _, r := range observe(t, rule, k.artifact, now(), k.envelopes...) {
				want = r.Verdict
				if r.Document != nil {
					attested[len(r.Document.Components)] = attested[len(r.Document.Components)] || !r.Attested.IsZero() && !r.Revoked
				}
			}
			n := 0
			for j, err := range v.Judge(t.Context(), rule, inventory.Filter{Digest: k.artifact.Digests[0]}) {
				if err != nil {
					t.Fatal(err)
				}
				n++
				got := j.Now.Verdict
				verdicts[got.Verdict]++
				if got.Verdict != want.Verdict || !reflect.DeepEqual(got.Exceptions, want.Exceptions) || got.Verdict == verify.Rejected && len(got.Reasons) == 0 {
					t.Fatalf("round %d: %+v\nwant %+v", round, got, want)
				}
				if contents := j.Now.Contents; contents != inventory.NoSBOM && (contents == inventory.Attested) != attested[j.Parts] {
					t.Fatalf("round %d: %d parts are %s", round, j.Parts, contents)
				}
			}
			if n == 0 {
				t.Fatal("nothing was judged")
			}
		}
	}
	t.Log(verdicts)
	if verdicts[verify.Accepted] < 20 || verdicts[verify.Rejected] < 20 || verdicts[verify.Undecided] < 5 {
		t.Errorf("%v: the test shows little", verdicts)
	}
}

// Other policies flip what is trusted, where it is asked and where it is kept.
func TestJudgePolicies(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		a := artifactOf(t, "app")
		if _, err := v.Add(t.Context(), observe(t, ruleOf(t, nil), a, now(), append(good(t, a), attest(t, a, provenance.CycloneDXType, bomOf(2), 9))...)...); err != nil {
			t.Fatal(err)
		}
		wantTrust(t, "kept", trusts(all(t, v.Artifacts(t.Context(), inventory.Filter{})), entryTrust), "accepted", "accepted, SBOM not attested")
		for _, test := range []struct {
			name   string
			change func(p *verify.Policy)
			want   []string
		}{
			{"the same", nil, []string{"accepted", "accepted, SBOM not attested"}},
			{"a revoked builder", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Builder: builderOf(1)}} }, []string{"rejected", "rejected, SBOM not attested"}},
			{"a revoked key", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Key: keyOf(t, 1)}} }, []string{"rejected", "rejected, SBOM not attested"}},
			{"a revoked signer of SBOMs", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Key: keyOf(t, 2)}} }, []string{"rejected, SBOM not attested", "rejected, SBOM not attested"}},
			{"that, and no SBOM is asked for", func(p *verify.Policy) {
				p.Revoked, p.Require[0].PredicateType = []verify.Revocation{{Key: keyOf(t, 2)}}, provenance.PredicateType
				p.Require[0].Identities = append(p.Require[0].Identities, identityOf(t, 1))
			}, []string{"accepted, SBOM not attested", "accepted, SBOM not attested"}},
			{"nobody who signed the SBOM", func(p *verify.Policy) { p.Require = nil }, []string{"accepted, SBOM not attested", "accepted, SBOM not attested"}},
			{"nobody who signed anything", func(p *verify.Policy) { p.Builders[0].Identity, p.Require = identityOf(t, 3), nil }, []string{"rejected, SBOM not attested", "rejected, SBOM not attested"}},
			{"a stranger is named", func(p *verify.Policy) { p.Require[0].Identities = []verify.Identity{identityOf(t, 2, 9)} }, []string{"accepted", "accepted, SBOM not attested"}},
			{"nobody who can recall", func(p *verify.Policy) {
				p.Builders[0].Identity, p.Require[0].Identities[0] = forgetful{p.Builders[0].Identity}, forgetful{p.Require[0].Identities[0]}
			}, []string{"undecided, SBOM not attested", "undecided, SBOM not attested"}},
			{"it has ended", func(p *verify.Policy) { p.Expires = now() }, []string{"undecided", "undecided, SBOM not attested"}},
		} {
			rule := ruleOf(t, test.change)
			wantTrust(t, test.name, trusts(all(t, v.Judge(t.Context(), rule, inventory.Filter{})), nowTrust), test.want...)
			q := inventory.Query{Package: sbom.Query{PURL: "pkg:npm/part1"}, Rule: &rule}
			wantTrust(t, test.name+", affected", trusts(all(t, v.Affected(t.Context(), q)), hitTrust), test.want...)
		}
		wantTrust(t, "kept still", trusts(all(t, v.Artifacts(t.Context(), inventory.Filter{})), entryTrust), "accepted", "accepted, SBOM not attested")
	})
}

// forgetful is an Identity that cannot recall.
type forgetful struct{ verify.Identity }

// at returns a Rule that is asked at a time.
func at(t testing.TB, when time.Time, change func(p *verify.Policy)) inventory.Rule {
	return ruleOf(t, func(p *verify.Policy) {
		p.Now = func() time.Time { return when }
		if change != nil {
			change(p)
		}
	})
}

// Of several verdicts the latest is kept, whoever made it.
func TestKeep(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		a := artifactOf(t, "app")
		hour := func(n int) time.Time { return now().Add(time.Duration(n) * time.Hour) }
		revoked := func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Key: keyOf(t, 2)}} }
		mark := parsed(t, "sha256:"+strings.Repeat("7", 64))
		put := func(when time.Time, change func(p *verify.Policy)) inventory.Added {
			t.Helper()
			records := observe(t, at(t, when, change), a, when, good(t, a)...)
			records[0].Mark = mark
			added, err := v.Add(t.Context(), records...)
			if err != nil {
				t.Fatal(err)
			}
			return added
		}
		keep := func(when time.Time, change func(p *verify.Policy)) {
			t.Helper()
			if err := v.Keep(t.Context(), all(t, v.Judge(t.Context(), at(t, when, change), inventory.Filter{}))...); err != nil {
				t.Fatal(err)
			}
		}
		check := func(what, want string) {
			t.Helper()
			entries := all(t, v.Artifacts(t.Context(), inventory.Filter{}))
			wantTrust(t, what, trusts(entries, entryTrust), want)
			for _, c := range []inventory.Contents{inventory.Attested, inventory.Unattested, inventory.NoSBOM} {
				if n := len(all(t, v.Artifacts(t.Context(), inventory.Filter{Contents: c}))); (n == 1) != (c == entries[0].Trust.Contents) {
					t.Errorf("%s: %d are %s", what, n, c)
				}
			}
			if n := len(all(t, v.Artifacts(t.Context(), inventory.Filter{Verdict: entries[0].Trust.Verdict.Verdict}))); n != 1 {
				t.Errorf("%s: %d have the verdict", what, n)
			}
			if known, err := v.Known(t.Context(), []hallmark.Digest{mark}); err != nil || !known[0] {
				t.Errorf("%s: the mark is not known: %v", what, err)
			}
		}
		put(hour(0), nil)
		check("added", "accepted")
		keep(hour(0), revoked)
		check("judged at the same time", "accepted")
		keep(hour(1), revoked)
		check("judged", "rejected, SBOM not attested")
		if got := put(hour(0), nil); got != (inventory.Added{Same: 1}) {
			t.Errorf("added before: %+v", got)
		}
		check("added before", "rejected, SBOM not attested")
		if got := put(hour(1), nil); got != (inventory.Added{Same: 1}) {
			t.Errorf("added then: %+v", got)
		}
		check("added then", "rejected, SBOM not attested")
		keep(hour(0), nil)
		check("judged before", "rejected, SBOM not attested")
		if got := put(hour(2), nil); got != (inventory.Added{Updated: 1}) {
			t.Errorf("added later: %+v", got)
		}
		check("added later", "accepted")
		if got := put(hour(3), revoked); got != (inventory.Added{Updated: 1}) {
			t.Errorf("revoked: %+v", got)
		}
		check("revoked", "rejected, SBOM not attested")
		keep(hour(4), nil)
		check("not any more", "accepted")
	})
}

// What is said of an artifact later makes no other record of it, but is kept with it.
func TestAddLaterEvidence(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		a := artifactOf(t, "app")
		envelopes := good(t, a)
		const more = "https://example.com/any"
		rule := ruleOf(t, func(p *verify.Policy) {
			p.Require = append(p.Require, verify.Requirement{PredicateType: more, Identities: []verify.Identity{identityOf(t, 2)}})
		})
		for i, want := range []inventory.Added{{New: 1}, {Updated: 1}, {Updated: 1}} {
			when := now().Add(time.Duration(i) * time.Hour)
			added, err := v.Add(t.Context(), observe(t, ruleOf(t, nil), a, when, envelopes...)...)
			if err != nil || added != want {
				t.Errorf("%d: %+v, %v", i, added, err)
			}
			judged := "accepted"
			if i == 0 {
				judged = "rejected"
			}
			wantTrust(t, fmt.Sprint("by all that is kept ", i), trusts(all(t, v.Judge(t.Context(), rule, inventory.Filter{})), nowTrust), judged)
			envelopes = append(envelopes, attest(t, a, more, object{"n": i}, 2))
		}
	})
}

// An exception that ends makes an artifact one that is not trusted, and no judgement hides it.
func TestJudgeLapsed(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		clock := now()
		o := d.options()
		o.Now = func() time.Time { return clock }
		v, err := inventory.Open(t.Context(), d.db(t), d.dialect, o)
		if err != nil {
			t.Fatal(err)
		}
		a := artifactOf(t, "app")
		rule := ruleOf(t, func(p *verify.Policy) {
			p.Commit = parsed(t, "gitCommit:"+strings.Repeat("b", 40))
			p.Exceptions = []verify.Exception{{Rule: verify.RuleCommit, Digest: a.Digests[0], Owner: "ann", Reason: "a \x00 \xff reason", Control: "c", Expires: now().Add(time.Hour)}}
		})
		if _, err := v.Add(t.Context(), observe(t, rule, a, now(), good(t, a)...)...); err != nil {
			t.Fatal(err)
		}
		check := func(trusted bool, want, judged string) {
			t.Helper()
			entries := all(t, v.Artifacts(t.Context(), inventory.Filter{}))
			wantTrust(t, "kept", trusts(entries, entryTrust), want)
			judgements := all(t, v.Judge(t.Context(), rule, inventory.Filter{}))
			wantTrust(t, "judged", trusts(judgements, nowTrust), judged)
			if entries[0].Trust.Trusted() != trusted || judgements[0].Now.Trusted() != trusted || judgements[0].Changed() {
				t.Errorf("trusted: %v, and by judgement %v", entries[0].Trust.Trusted(), judgements[0].Now.Trusted())
			}
		}
		check(true, "accepted with 1 exception", "accepted with 1 exception")
		clock = now().Add(time.Hour)
		check(false, "accepted once, by an exception that has ended", "accepted once, by an exception that has ended")
		rule.Policy.Now = func() time.Time { return clock }
		check(false, "accepted once, by an exception that has ended", "rejected")
	})
}

// A judgement of tables that are gone is of no record that has its number now.
func TestKeepElsewhere(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.db(t)
		open := func() *inventory.Inventory {
			v, err := inventory.Open(t.Context(), db, d.dialect, d.options())
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		a := artifactOf(t, "app")
		records := observe(t, ruleOf(t, nil), a, now(), append(good(t, a), attest(t, a, provenance.CycloneDXType, bomOf(2), 9))...)
		v := open()
		if _, err := v.Add(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
		later := at(t, now().Add(time.Hour), nil)
		old := all(t, v.Judge(t.Context(), later, inventory.Filter{}))
		if err := inventory.Drop(t.Context(), db, d.dialect); err != nil {
			t.Fatal(err)
		}
		v = open()
		slices.Reverse(records) // of the same artifact, the SBOM that nobody signed has the first number
		if _, err := v.Add(t.Context(), records...); err != nil {
			t.Fatal(err)
		}
		if err := v.Keep(t.Context(), old[0]); err == nil || !strings.Contains(err.Error(), "judge anew") {
			t.Error(err)
		}
		if err := v.Keep(t.Context(), inventory.Judgement{Entry: old[0].Entry, Now: old[0].Now}); err == nil {
			t.Error("a judgement that nobody made is kept")
		}
		fresh := all(t, v.Judge(t.Context(), later, inventory.Filter{}))
		for i := range fresh {
			fresh[i].Now.Contents = inventory.Attested
		}
		if err := v.Keep(t.Context(), fresh...); err != nil {
			t.Fatal(err)
		}
		wantTrust(t, "kept", trusts(all(t, v.Artifacts(t.Context(), inventory.Filter{})), entryTrust), "accepted, SBOM not attested", "accepted")
		for _, change := range []func(n *inventory.Verdict){
			func(n *inventory.Verdict) { n.Verdict = "good" },
			func(n *inventory.Verdict) { n.Reasons = slices.Repeat([]string{"x"}, 10_000) },
			func(n *inventory.Verdict) { n.Reasons = []string{strings.Repeat("x", 1<<20)} },
			func(n *inventory.Verdict) { n.At = n.At.AddDate(9000, 0, 0) },
		} {
			j := fresh[0]
			change(&j.Now.Verdict)
			if err := v.Keep(t.Context(), fresh[1], j); err == nil || !strings.Contains(err.Error(), "judgement 1: ") {
				t.Errorf("%+.100v: %v", j.Now.Verdict, err)
			}
		}
	})
}

// Nothing that a stranger says makes anything of it, or anything of another record, trusted
// or less so, or keeps a good one from being added.
func TestStrangers(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		a := artifactOf(t, "app")
		entries := func() (trusted, others []string) {
			for _, e := range all(t, v.Artifacts(t.Context(), inventory.Filter{})) {
				if e.Trust.Trusted() {
					trusted = append(trusted, entry(t, e))
				} else {
					others = append(others, entry(t, e))
				}
			}
			return trusted, others
		}
		if _, err := v.Add(t.Context(), observe(t, ruleOf(t, nil), a, now(), good(t, a)...)...); err != nil {
			t.Fatal(err)
		}
		want, _ := entries()
		if len(want) != 1 {
			t.Fatal(want)
		}
		odd := bomOf(2)
		odd["metadata"].(object)["component"].(object)["name"] = "a\x00b"
		long := bomOf(1)
		long["components"].([]any)[0].(object)["name"] = strings.Repeat("x", 1<<20)
		long["components"].([]any)[0].(object)["purl"] = "pkg:npm/" + strings.Repeat("x", 1<<20) + "@1.0.0"
		text := attest(t, a, provenance.CycloneDXType, bomOf(3))
		text.Payload = append(text.Payload, ' ')
		same := good(t, a)[1] // of the same content, and signed by nobody
		same.Signatures = nil
		foreign := attest(t, artifactOf(t, "other"), provenance.CycloneDXType, bomOf(4), 2)
		for _, envelopes := range [][]*sign.Envelope{
			{text},
			{same},
			{foreign},
			{attest(t, a, provenance.CycloneDXType, odd, 9)},
			{attest(t, a, provenance.CycloneDXType, long)},
			{attest(t, a, provenance.PredicateType, build("https://evil.example", judgeCommit, "e"), 9)},
			{nil, {}, {PayloadType: provenance.MediaType, Payload: bytes.Repeat([]byte("["), 1<<20)}},
		} {
			// Alone, a minute later, and beside what is good.
			for i, with := range [][]*sign.Envelope{envelopes, append(slices.Clone(envelopes), good(t, a)...)} {
				if _, err := v.Add(t.Context(), observe(t, ruleOf(t, nil), a, now().Add(time.Duration(i-1)*time.Minute), with...)...); err != nil {
					t.Errorf("%.200s: %v", envelopes[0].Payload, err)
				}
			}
			for _, rule := range []*inventory.Rule{nil, new(ruleOf(t, nil))} {
				q := inventory.Query{Package: sbom.Query{PURL: "pkg:npm/part0"}, Rule: rule}
				n := 0
				for _, h := range all(t, v.Affected(t.Context(), q)) {
					if h.Trust.Trusted() {
						n++
						if h.Parts != 3 || h.Build.Builder != builderOf(1) {
							t.Errorf("%s of %d parts is trusted", h.Title(), h.Parts)
						}
					}
				}
				if n < 1 {
					t.Errorf("after %.200s nothing is trusted", envelopes[0].Payload)
				}
			}
		}
		got, others := entries()
		for i, g := range got {
			if g != want[0] && !strings.Contains(g, "no envelope") {
				t.Errorf("trusted %d: %s\nwant %s", i, g, want[0])
			}
		}
		if len(others) < 4 {
			t.Errorf("%q", others)
		}
	})
}

// certified is an Identity with a certificate, which whoever writes its name has.
type certified struct{ name string }

func (c certified) evidence(payloadType string, payload []byte) *verify.Evidence {
	key := hallmark.Digest{}
	if err := key.UnmarshalText([]byte("sha256:" + strings.Repeat("d", 64))); err != nil {
		panic(err)
	}
	return &verify.Evidence{
		PayloadType: payloadType, Payload: payload, Threshold: 1,
		Claims:   &verify.Claims{Issuer: "https://issuer.example", Subject: c.name},
		Times:    []time.Time{now().Add(-time.Hour).UTC()},
		Vouchers: []verify.Voucher{{Role: "log", Key: key, Time: now().Add(-time.Hour).UTC()}},
	}
}

func (c certified) String() string { return c.name }

func (c certified) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	if len(e.Signatures) == 0 || e.Signatures[0].KeyID != c.name {
		return nil, verify.ErrNotSigned
	}
	return c.evidence(e.PayloadType, e.Payload), nil
}

func (c certified) Recall(e *verify.Evidence) (*verify.Evidence, error) {
	if e.Claims == nil || e.Claims.Subject != c.name {
		return nil, verify.ErrNotSigned
	}
	own := c.evidence(e.PayloadType, e.Payload)
	if !reflect.DeepEqual(own.Claims, e.Claims) || !slices.EqualFunc(own.Times, e.Times, time.Time.Equal) || !reflect.DeepEqual(own.Vouchers, e.Vouchers) {
		return nil, fmt.Errorf("kept as %+v", e)
	}
	return own, nil
}

// Evidence of certificates is judged as that of keys is.
func TestJudgeKeyless(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		v := d.open(t)
		a := artifactOf(t, "app")
		envelopes := good(t, a)
		envelopes[1].Signatures = []sign.Signature{{KeyID: "ann@example.com", Sig: []byte{1}}}
		rule := func(change func(p *verify.Policy)) inventory.Rule {
			return ruleOf(t, func(p *verify.Policy) {
				p.Require[0].Identities[0] = certified{"ann@example.com"}
				if change != nil {
					change(p)
				}
			})
		}
		first := observe(t, rule(nil), a, now(), envelopes...)
		if _, err := v.Add(t.Context(), first...); err != nil {
			t.Fatal(err)
		}
		wantTrust(t, "kept", trusts(all(t, v.Artifacts(t.Context(), inventory.Filter{})), entryTrust), "accepted")
		wantTrust(t, "judged", trusts(all(t, v.Judge(t.Context(), rule(nil), inventory.Filter{})), nowTrust), "accepted")
		signers := all(t, v.Artifacts(t.Context(), inventory.Filter{Signer: "ann@example.com"}))
		if len(signers) != 1 || !slices.Equal(signers[0].Signers, slices.Sorted(slices.Values([]string{"ann@example.com", keyOf(t, 1).String()}))) {
			t.Errorf("%+v", signers)
		}
		gone := rule(func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Issuer: "https://issuer.example", Subject: "ann@example.com"}}
		})
		for _, j := range all(t, v.Judge(t.Context(), gone, inventory.Filter{})) {
			if j.Now.Contents != inventory.Unattested || j.Now.Trusted() {
				t.Errorf("%s", j.Now)
			}
		}
		before := rule(func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Issuer: "https://issuer.example", Subject: "ann@example.com", From: now().Add(-time.Minute)}}
		})
		wantTrust(t, "revoked after it signed", trusts(all(t, v.Judge(t.Context(), before, inventory.Filter{})), nowTrust), "accepted")
	})
}
