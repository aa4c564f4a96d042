package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// What follows is decided twice: by Policy.Verify of JSON, and by a model, of what
// the JSON was made of. The model knows nothing of how Verify comes to its verdict.

const (
	otherType   = "https://example.com/other/v1"
	sourceType  = "https://example.com/source/v1"
	partyIssuer = "https://issuer.example"
	testsType   = "https://in-toto.io/attestation/test-result/v0.1"
	otherID     = "https://github.com/acme/builder/.github/workflows/other.yml@refs/tags/v1.0.0"
)

// asOf is when the policies are asked.
func asOf() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// keyOf is the key of somebody.
func keyOf(name string) hallmark.Digest {
	d, err := hallmark.ParseDigest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))))
	if err != nil {
		panic(err)
	}
	return d
}

// A party is an identity of several people, of whom as many as its threshold must have
// signed. A signature has the name of who made it as its key id; one by "!name" is one
// of which nobody can tell whether it is theirs.
type party struct {
	names     []string
	certified bool // the one has a certificate, and an authority tells the time, an hour ago
}

func (p party) Recognize(_ context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	ev := &verify.Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Threshold: 1}
	for _, name := range p.names {
		signed := slices.ContainsFunc(e.Signatures, func(s sign.Signature) bool { return s.KeyID == name })
		if slices.ContainsFunc(e.Signatures, func(s sign.Signature) bool { return s.KeyID == "!"+name }) {
			return nil, errors.New("the service is down")
		}
		switch {
		case !signed:
		case p.certified:
			ev.Claims = &verify.Claims{Issuer: partyIssuer, Subject: name}
			ev.Times = []time.Time{asOf().Add(-time.Hour)}
		default:
			ev.Keys = append(ev.Keys, keyOf(name))
		}
	}
	if ev.Keys == nil && ev.Claims == nil {
		return nil, verify.ErrNotSigned
	}
	return ev, nil
}

func (p party) String() string { return strings.Join(p.names, " or ") }

// A fault is something wrong with provenance, by the check that finds it.
type fault struct {
	rule   verify.Rule
	item   string
	change func(st object)
}

// faults are such of which each fails one check and no other.
func faults() []fault {
	dependency := func(st object) object { return st.definition().at("resolvedDependencies") }
	return []fault{
		{verify.RuleBuildType, "", func(st object) { st.definition()["buildType"] = buildType + "x" }},
		{verify.RuleSource, "", func(st object) {
			st.external().at("workflow")["repository"] = source + "x"
			dependency(st)["uri"] = strings.Replace(dependency(st)["uri"].(string), source, source+"x", 1)
		}},
		{verify.RuleRef, "", func(st object) {
			st.external().at("workflow")["ref"] = "refs/heads/main"
			uri, _, _ := strings.Cut(dependency(st)["uri"].(string), "@")
			dependency(st)["uri"] = uri + "@refs/heads/main"
		}},
		{verify.RuleCommit, "", func(st object) { dependency(st)["digest"] = object{"gitCommit": other} }},
		{verify.RuleParameter, "/workflow/path", func(st object) { st.external().at("workflow")["path"] = "evil.yml" }},
		{verify.RuleParameter, "/inputs/debug", func(st object) { st.external()["inputs"] = object{"debug": true} }},
		{verify.RuleParameter, "/more", func(st object) { st.external()["more"] = []any{} }},
		{verify.RuleTrigger, "", func(st object) { st.definition().at("internalParameters", "github")["event_name"] = "pull_request" }},
		{verify.RuleRunner, "", func(st object) {
			st.definition().at("internalParameters", "github")["runner_environment"] = "self-hosted"
		}},
		{verify.RuleAge, "", func(st object) {
			st.at("predicate", "runDetails", "metadata")["finishedOn"] = asOf().Add(-72 * time.Hour).Format(time.RFC3339)
		}},
		{verify.RuleInput, "pinned https://example.com/tool", func(st object) {
			list := st.definition()["resolvedDependencies"].([]any)
			list[1].(object)["digest"] = object{"sha256": strings.Repeat("f", 64)}
		}},
	}
}

// A piece is one piece of evidence, by what it is made of.
type piece struct {
	signers []string
	what    string // predicate type, "text", "garbage" or "nothing"
	other   bool   // of another artifact, or commit
	builder string // of provenance: builder.id
	faults  []int  // of provenance
	failed  bool   // of test results

	sealed *sign.Envelope
}

func (x piece) String() string {
	return fmt.Sprintf("\n%s by %q, of another: %v, builder %.20s, faults %v, failed: %v", x.what, x.signers, x.other, x.builder[len(x.builder)-20:], x.faults, x.failed)
}

// envelope makes what x is made of.
func (w *world) envelope(x piece) *sign.Envelope {
	if x.what == "nothing" {
		return nil
	}
	about := w.artifact
	if x.other {
		about = w.another
	}
	st := statement(about)
	st["predicateType"] = x.what
	st.at("predicate", "runDetails", "builder")["id"] = x.builder
	st.at("predicate", "runDetails", "metadata")["finishedOn"] = asOf().Add(-time.Hour).Format(time.RFC3339)
	d := st.definition()
	d["resolvedDependencies"] = append(d["resolvedDependencies"].([]any),
		object{"uri": "https://example.com/tool", "digest": object{"sha256": strings.Repeat("e", 64)}})
	for _, i := range x.faults {
		w.faults[i].change(st)
	}
	switch x.what {
	case sourceType:
		hex := commit
		if x.other {
			hex = other
		}
		st["subject"] = []any{object{"digest": object{"gitCommit": hex}}}
		st["predicate"] = object{}
	case sbomType, otherType:
		st["predicate"] = object{}
	case testsType:
		result := "PASSED"
		if x.failed {
			result = "FAILED"
		}
		st["predicate"] = object{"result": result, "configuration": []any{}}
	}
	payload, err := json.Marshal(st)
	if err != nil {
		w.t.Fatal(err)
	}
	e := &sign.Envelope{PayloadType: provenance.MediaType, Payload: payload}
	switch x.what {
	case "text":
		e.PayloadType = "text/plain"
	case "garbage":
		e.Payload = e.Payload[:len(e.Payload)/2]
	}
	for _, s := range x.signers {
		e.Signatures = append(e.Signatures, sign.Signature{KeyID: s, Sig: []byte{0}})
	}
	return e
}

// A world is a policy and what the model knows of it.
type world struct {
	t        testing.TB
	rng      *rand.Rand
	artifact hallmark.Artifact
	another  hallmark.Artifact
	faults   []fault
	policy   *verify.Policy
}

// everybody are those who sign; the last of them are unknown to all policies.
func everybody() []string { return []string{"ann", "bob", "cyd", "dan", "eve"} }

func (w *world) some(of []string, least int) []string {
	all := slices.Clone(of)
	w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:least+w.rng.IntN(len(all)-least+1)]
}

func newWorld(t testing.TB, rng *rand.Rand) *world {
	w := &world{t: t, rng: rng, artifact: newArtifact(t), another: anotherArtifact(t), faults: faults()}
	p := policy(t)
	p.Builders = nil
	for _, id := range []string{builderID, otherID}[:1+rng.IntN(2)] {
		p.Builders = append(p.Builders, verify.Builder{ID: id, Level: 1 + rng.IntN(3), Identity: party{w.some(everybody()[:3], 1), false}})
	}
	p.MaxAge, p.Now = 24*time.Hour, asOf
	d, err := hallmark.ParseDigest("sha256:" + strings.Repeat("e", 64))
	if err != nil {
		t.Fatal(err)
	}
	p.Inputs.Pinned = map[string]hallmark.Digest{"https://example.com/tool": d}
	for _, typ := range w.some([]string{sbomType, testsType, sourceType}, 0) {
		q := verify.Requirement{PredicateType: typ, OfSource: typ == sourceType, Tests: typ == testsType}
		for range 1 + rng.IntN(3) {
			who := party{w.some(everybody()[:4], 1), false}
			if rng.IntN(3) == 0 {
				who = party{who.names[:1], true}
			}
			q.Identities = append(q.Identities, who)
		}
		q.Threshold = rng.IntN(len(q.Identities) + 1)
		p.Require = append(p.Require, q)
	}
	for range max(0, rng.IntN(4)-1) {
		name := everybody()[rng.IntN(5)]
		r := verify.Revocation{Key: keyOf(name), Reason: "lost"}
		if rng.IntN(2) == 0 {
			r = verify.Revocation{Issuer: partyIssuer, Subject: name}
		}
		r.From = []time.Time{{}, asOf().Add(-time.Minute), asOf().Add(-time.Hour), asOf().Add(-2 * time.Hour)}[rng.IntN(4)]
		p.Revoked = append(p.Revoked, r)
	}
	w.policy = p
	return w
}

// evidence returns some, with about what the policy asks for among it, and gives the
// policy exceptions.
func (w *world) evidence() (set []piece) {
	by := func(id verify.Identity, what string) piece {
		names := id.(party).names
		return piece{signers: []string{names[w.rng.IntN(len(names))]}, what: what, builder: builderID}
	}
	if w.rng.IntN(8) > 0 {
		b := w.policy.Builders[w.rng.IntN(len(w.policy.Builders))]
		x := by(b.Identity, provenance.PredicateType)
		if x.builder = b.ID; w.rng.IntN(2) == 0 {
			x.faults = []int{w.rng.IntN(len(w.faults))}
		}
		set = append(set, x)
	}
	for _, q := range w.policy.Require {
		for _, id := range q.Identities[:max(q.Threshold, 1)] {
			if w.rng.IntN(10) > 0 {
				x := by(id, q.PredicateType)
				x.failed = w.rng.IntN(4) == 0
				set = append(set, x)
			}
		}
	}
	for i := range set {
		set[i].sealed = w.envelope(set[i])
	}
	for range w.rng.IntN(4) {
		set = append(set, w.piece())
	}
	for _, x := range set {
		if len(x.faults) > 0 && w.rng.IntN(2) == 0 {
			e, f := w.exception(), w.faults[x.faults[0]]
			e.Rule, e.Item = f.rule, f.item
			w.policy.Exceptions = append(w.policy.Exceptions, e)
		}
	}
	for range max(0, w.rng.IntN(6)-3) {
		w.policy.Exceptions = append(w.policy.Exceptions, w.exception())
	}
	w.rng.Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
	return set
}

func (w *world) exception() verify.Exception {
	e := verify.Exception{
		Digest: w.artifact.Digests[w.rng.IntN(2)], Owner: "ann", Reason: "it must go out", Control: "we look at it",
		Expires: asOf().Add(time.Duration(1+w.rng.IntN(89)) * 24 * time.Hour),
	}
	switch w.rng.IntN(6) {
	case 0:
		e.Expires = asOf().Add(-time.Duration(w.rng.IntN(2)) * time.Second)
	case 1:
		e.Digest = keyOf("something else")
	}
	switch w.rng.IntN(5) {
	case 0:
		e.Rule, e.Item = verify.RuleRequired, []string{sbomType, testsType, sourceType, otherType, ""}[w.rng.IntN(5)]
	case 1:
		e.Rule = verify.RuleTests
	default:
		f := w.faults[w.rng.IntN(len(w.faults))]
		e.Rule, e.Item = f.rule, f.item
		if w.rng.IntN(6) == 0 {
			e.Item = "" // of which none is a wildcard
		}
	}
	return e
}

func (w *world) piece() piece {
	x := piece{signers: w.some(everybody(), 0), builder: builderID}
	x.signers = x.signers[:min(len(x.signers), 1+w.rng.IntN(2))]
	x.what = []string{
		provenance.PredicateType, provenance.PredicateType, provenance.PredicateType, provenance.PredicateType,
		sbomType, sbomType, testsType, testsType, sourceType, sourceType, otherType, "text", "garbage",
	}[w.rng.IntN(13)]
	x.other = w.rng.IntN(6) == 0
	x.failed = w.rng.IntN(3) == 0
	if w.rng.IntN(4) == 0 {
		x.builder = otherID
	}
	if x.what == provenance.PredicateType {
		for range max(0, w.rng.IntN(5)-2) {
			if i := w.rng.IntN(len(w.faults)); !slices.Contains(x.faults, i) {
				x.faults = append(x.faults, i)
			}
		}
	}
	switch w.rng.IntN(40) {
	case 0:
		x.what = "nothing"
	case 1:
		if len(x.signers) > 0 {
			x.signers[0] = "!" + x.signers[0]
		}
	}
	x.sealed = w.envelope(x)
	return x
}

// excused reports whether an exception of the policy holds for a check.
func (w *world) excused(rule verify.Rule, item string) bool {
	return slices.ContainsFunc(w.policy.Exceptions, func(e verify.Exception) bool {
		return e.Rule == rule && e.Item == item && slices.Contains(w.artifact.Digests, e.Digest) && asOf().Before(e.Expires)
	})
}

// trusted returns who of id signed x, and are trusted. ok is false if that cannot be
// told.
func (w *world) trusted(id verify.Identity, x piece) (names []string, ok bool) {
	if x.what == "nothing" {
		return nil, false
	}
	for _, name := range id.(party).names {
		if slices.Contains(x.signers, "!"+name) {
			return nil, false
		}
		certified := id.(party).certified
		revoked := slices.ContainsFunc(w.policy.Revoked, func(r verify.Revocation) bool {
			if certified { // An hour ago trust must not have ended.
				return r.Subject == name && (r.From.IsZero() || !r.From.After(asOf().Add(-time.Hour)))
			}
			return r.Key == keyOf(name) // and nobody knows when it signed
		})
		switch {
		case !slices.Contains(x.signers, name) || revoked:
		case certified:
			names = append(names, "the certificate of "+name)
		default:
			names = append(names, name)
		}
	}
	return names, true
}

// An answer is that of the model to one part of the policy.
type answer int

const (
	no answer = iota
	open
	yes
)

// worst returns the verdict on several parts: one that is surely not met rejects.
func worst(parts ...answer) answer { return slices.Min(append(parts, yes)) }

// best returns the verdict on several things of which one is enough.
func best(parts ...answer) answer { return slices.Max(append(parts, no)) }

// requirement is the model's answer whether q is met, about the artifact or the commit
// that was built.
func (w *world) requirement(q verify.Requirement, set []piece, builtOther bool) answer {
	if w.excused(verify.RuleRequired, q.PredicateType) {
		return yes
	}
	unclear := false
	who := make([][]string, len(q.Identities))
	for _, x := range set {
		for k, id := range q.Identities {
			names, ok := w.trusted(id, x)
			switch {
			case !ok, len(names) > 0 && x.what == "garbage":
				unclear = true
			case x.what != q.PredicateType:
			case q.OfSource && x.other != builtOther, !q.OfSource && x.other:
			case q.Tests && x.failed && !w.excused(verify.RuleTests, ""):
			default:
				who[k] = append(who[k], names...)
			}
		}
	}
	switch {
	case countable(who, nil) >= max(q.Threshold, 1):
		return yes
	case unclear:
		return open
	}
	return no
}

// countable returns how many of who can be counted, each by somebody who is not
// counted for another: by trying all.
func countable(who [][]string, taken []string) int {
	if len(who) == 0 {
		return 0
	}
	most := countable(who[1:], taken)
	for _, name := range who[0] {
		if !slices.Contains(taken, name) {
			most = max(most, 1+countable(who[1:], append(slices.Clone(taken), name)))
		}
	}
	return most
}

// verdict is the model's.
func (w *world) verdict(set []piece) string {
	var parts []answer
	for _, q := range w.policy.Require {
		if !q.OfSource {
			parts = append(parts, w.requirement(q, set, false))
		}
	}
	built := no
	for _, x := range set {
		for _, b := range w.policy.Builders {
			names, ok := w.trusted(b.Identity, x)
			switch {
			case !ok, len(names) > 0 && x.what == "garbage":
				built = best(built, open)
			case len(names) == 0 || x.what != provenance.PredicateType || x.other || x.builder != b.ID:
			case slices.ContainsFunc(x.faults, func(i int) bool { return !w.excused(w.faults[i].rule, w.faults[i].item) }):
			default:
				before := yes
				builtOther := slices.ContainsFunc(x.faults, func(i int) bool { return w.faults[i].rule == verify.RuleCommit })
				for _, q := range w.policy.Require {
					if q.OfSource {
						before = worst(before, w.requirement(q, set, builtOther))
					}
				}
				built = best(built, before)
			}
		}
	}
	return []string{rejected, undecided, accepted}[worst(append(parts, built)...)]
}

func (w *world) verify(set []piece) (string, *verify.Result, error) {
	var envelopes []*sign.Envelope
	for _, x := range set {
		envelopes = append(envelopes, x.sealed)
	}
	r, err := w.policy.Verify(w.t.Context(), w.artifact, envelopes...)
	return end(r, err), r, err
}

func (w *world) String() string {
	p := w.policy
	var b strings.Builder
	for _, one := range p.Builders {
		fmt.Fprintf(&b, "builder %s by %s\n", one.ID[len(one.ID)-20:], one.Identity)
	}
	for _, q := range p.Require {
		fmt.Fprintf(&b, "%d of %v for %s\n", q.Threshold, q.Identities, q.PredicateType)
	}
	for _, e := range p.Exceptions {
		fmt.Fprintf(&b, "exception %s %q until %s, ours: %v\n", e.Rule, e.Item, e.Expires, slices.Contains(w.artifact.Digests, e.Digest))
	}
	for _, r := range p.Revoked {
		for _, name := range everybody() {
			if keyOf(name) == r.Key {
				fmt.Fprintf(&b, "the key of %s is revoked from %s\n", name, r.From)
			}
		}
		if r.Subject != "" {
			fmt.Fprintf(&b, "%s is revoked from %s\n", r.Subject, r.From)
		}
	}
	return b.String()
}

// Of any policy and any evidence:
//
//   - the verdict is that of the model, whatever the order of the evidence is;
//   - what is not accepted is not accepted with less evidence, neither a rejection nor
//     what is undecided, whichever piece is taken away;
//   - what is accepted is accepted with more evidence, and what is not becomes so only
//     by evidence with which the model accepts it, too;
//   - evidence that nobody of the policy has signed changes nothing;
//   - a policy without its exceptions, or with more that is required, accepts nothing
//     that the policy does not, and one without its revocations all that it does;
//   - an exception that was not needed changes nothing when it is gone, and each that
//     the Result names is.
func TestProperties(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const rounds = 1000
	rng := rand.New(rand.NewPCG(7, 7))
	ends, turned, excused := make(map[string]int), 0, 0
	for round := range rounds {
		w := newWorld(t, rng)
		set := w.evidence()
		fail := func(format string, a ...any) {
			t.Helper()
			t.Fatalf("round %d: %s\n%s%s", round, fmt.Sprintf(format, a...), w, set)
		}
		verdict, r, err := w.verify(set)
		ends[verdict]++
		if want := w.verdict(set); verdict != want {
			fail("%s, want %s: %v", verdict, want, err)
		}

		shuffled := slices.Clone(set)
		rng.Shuffle(len(set), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if v, _, e := w.verify(shuffled); v != verdict || reasonSet(e) != reasonSet(err) {
			fail("%s, and in another order %s:\n%v\n%v", verdict, v, err, e)
		}
		for i := range set {
			fewer := slices.Delete(slices.Clone(set), i, i+1)
			if v, _, _ := w.verify(fewer); verdict != accepted && v == accepted {
				fail("%s, and accepted without %d", verdict, i)
			}
		}
		extra := w.piece()
		more := append(slices.Clone(set), extra)
		switch v, _, e := w.verify(more); {
		case verdict == accepted && v != accepted:
			fail("accepted, and with %s %s: %v", extra, v, e)
		case verdict != accepted && v == accepted:
			turned++
			if w.verdict(more) != accepted {
				fail("accepted by %s", extra)
			}
		}
		extra.signers = everybody()[4:]
		extra.sealed = w.envelope(extra)
		if extra.what != "nothing" {
			if v, _, e := w.verify(append(slices.Clone(set), extra)); v != verdict {
				fail("%s, and by what nobody has signed %s: %v", verdict, v, e)
			}
		}

		exceptions, revoked, required := w.policy.Exceptions, w.policy.Revoked, w.policy.Require
		w.policy.Exceptions = nil
		if v, _, _ := w.verify(set); verdict != accepted && v == accepted {
			fail("accepted without exceptions")
		}
		if verdict == accepted {
			w.policy.Exceptions = r.Exceptions()
			if v, _, e := w.verify(set); v != accepted {
				fail("%s with the exceptions that were needed: %v", v, e)
			}
			for i := range r.Exceptions() {
				excused++
				w.policy.Exceptions = slices.Delete(r.Exceptions(), i, i+1)
				// Another one of the same rule may do.
				w.policy.Exceptions = slices.DeleteFunc(w.policy.Exceptions, func(e verify.Exception) bool {
					return e.Rule == r.Exceptions()[i].Rule && e.Item == r.Exceptions()[i].Item
				})
				if v, _, _ := w.verify(set); v == accepted {
					fail("accepted without exception %+v, which it says it needs", r.Exceptions()[i])
				}
			}
		}
		w.policy.Exceptions, w.policy.Revoked = exceptions, nil
		if v, _, _ := w.verify(set); verdict == accepted && v != accepted {
			fail("%s without revocations", v)
		}
		w.policy.Revoked = revoked
		w.policy.Require = append(slices.Clone(required), verify.Requirement{PredicateType: otherType, Identities: []verify.Identity{party{everybody()[:1], false}}})
		if v, _, _ := w.verify(set); verdict != accepted && v == accepted {
			fail("accepted with one more requirement")
		}
	}
	t.Logf("%v; %d became accepted with one piece more, %d exceptions were needed", ends, turned, excused)
	for _, e := range []string{accepted, rejected, undecided} {
		if ends[e] < rounds/20 {
			t.Errorf("%d rounds ended %s: the test shows little", ends[e], e)
		}
	}
	if turned < rounds/100 || excused < rounds/20 {
		t.Errorf("%d became accepted with one piece more, %d exceptions were needed: the test shows little", turned, excused)
	}
}

// An exception excuses the check that it names, and no other: each fault with an
// exception for each.
func TestExceptionsAreNarrow(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 1)))
	w.policy.Require, w.policy.Exceptions, w.policy.Revoked = nil, nil, nil
	w.policy.Builders = []verify.Builder{{ID: builderID, Identity: party{[]string{"ann"}, false}}}
	good := piece{signers: []string{"ann"}, what: provenance.PredicateType, builder: builderID}
	good.sealed = w.envelope(good)
	if v, _, err := w.verify([]piece{good}); v != accepted {
		t.Fatal(err)
	}
	for i, f := range w.faults {
		bad := good
		bad.faults = []int{i}
		bad.sealed = w.envelope(bad)
		for _, e := range w.faults {
			w.policy.Exceptions = []verify.Exception{{
				Rule: e.rule, Item: e.item, Digest: w.artifact.Digests[0],
				Owner: "ann", Reason: "it must go out", Control: "we look at it", Expires: asOf().Add(time.Hour),
			}}
			v, r, err := w.verify([]piece{bad})
			if same := f.rule == e.rule && f.item == e.item; (v == accepted) != same {
				t.Errorf("%s %q with an exception for %s %q: %s, %v", f.rule, f.item, e.rule, e.item, v, err)
			} else if same && len(r.Exceptions()) != 1 {
				t.Errorf("%s %q: needed %v", f.rule, f.item, r.Exceptions())
			}
		}
	}
}

// An exception that some evidence would need is none that the verdict needed, if there
// is enough evidence without it: the Result does not name it, nor that evidence.
func TestExceptionNotNeeded(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(2, 2)))
	w.policy.Builders = []verify.Builder{{ID: builderID, Identity: party{[]string{"ann"}, false}}}
	w.policy.Require = []verify.Requirement{{
		PredicateType: testsType, Tests: true, Threshold: 2,
		Identities: []verify.Identity{party{[]string{"bob"}, false}, party{[]string{"cyd"}, false}},
	}}
	w.policy.Revoked = nil
	e := w.exception()
	e.Rule, e.Item, e.Digest, e.Expires = verify.RuleTests, "", w.artifact.Digests[0], asOf().Add(time.Hour)
	w.policy.Exceptions = []verify.Exception{e}
	set := []piece{
		{signers: []string{"ann"}, what: provenance.PredicateType, builder: builderID},
		{signers: []string{"bob"}, what: testsType, failed: true},
		{signers: []string{"bob"}, what: testsType},
		{signers: []string{"cyd"}, what: testsType},
	}
	for i := range set {
		set[i].sealed = w.envelope(set[i])
	}
	for _, test := range []struct {
		set    []piece
		needed int
	}{{set, 0}, {slices.Delete(slices.Clone(set), 2, 3), 1}} {
		v, r, err := w.verify(test.set)
		if v != accepted {
			t.Fatal(err)
		}
		if n := len(r.Exceptions()); n != test.needed || len(r.Statements()) != 3 {
			t.Errorf("%d exceptions were needed, and %d statements, want %d and 3", n, len(r.Statements()), test.needed)
		}
	}
}
