package inventory

import (
	"bytes"
	"context"
	"crypto/ed25519"
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
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const (
	testBuilder = "https://ci.example/builder"
	testType    = "https://ci.example/build/v1"
	testSource  = "https://git.example/app"
	testCommit  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// key returns the key number n. That of the builder is 1, that of who signs SBOMs is 2,
// and nobody knows 9.
func newKey(t testing.TB, n byte) sign.SignerVerifier {
	t.Helper()
	s, err := sign.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fingerprint(t testing.TB, n byte) hallmark.Digest {
	t.Helper()
	d, err := sign.Fingerprint(newKey(t, n).Public())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func by(t testing.TB, n byte) verify.Identity {
	t.Helper()
	id, err := verify.Key(newKey(t, n))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func digest(t testing.TB, text string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func artifact(t testing.TB) hallmark.Artifact {
	return hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(t, "sha256:"+strings.Repeat("1", 64))}}
}

type thing = map[string]any

// statement returns a statement about the artifact, or about the one of another digit.
func statement(predicateType string, predicate any, digits ...string) thing {
	subjects := []any{}
	for _, digit := range append(digits, "1")[:max(1, len(digits))] {
		subjects = append(subjects, thing{"name": "app", "digest": thing{"sha256": strings.Repeat(digit, 64)}})
	}
	return thing{"_type": provenance.StatementType, "subject": subjects, "predicateType": predicateType, "predicate": predicate}
}

// built returns provenance that is accepted, with inputs.
func built(inputs ...any) thing {
	return statement(provenance.PredicateType, thing{
		"buildDefinition": thing{
			"buildType":            testType,
			"externalParameters":   thing{"source": thing{"repository": testSource, "ref": "refs/tags/v1.0.0"}},
			"resolvedDependencies": append([]any{thing{"uri": "git+" + testSource + "@refs/tags/v1.0.0", "digest": thing{"gitCommit": testCommit}}}, inputs...),
		},
		"runDetails": thing{"builder": thing{"id": testBuilder}, "metadata": thing{"invocationId": "https://ci.example/runs/1", "finishedOn": "2026-03-02T10:00:00Z"}},
	})
}

func bom(names ...string) thing {
	components := []any{}
	for _, name := range names {
		components = append(components, thing{"type": "library", "bom-ref": name, "name": name, "version": "1.0.0", "purl": "pkg:npm/" + name + "@1.0.0"})
	}
	return thing{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components,
		"metadata": thing{"component": thing{"type": "application", "bom-ref": "main", "name": "app"}},
	}
}

func seal(t testing.TB, payloadType string, payload any, keys ...byte) *sign.Envelope {
	t.Helper()
	text, ok := payload.([]byte)
	if !ok {
		var err error
		if text, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	e := &sign.Envelope{PayloadType: payloadType, Payload: text}
	for _, n := range keys {
		one, err := sign.Sign(t.Context(), payloadType, text, newKey(t, n))
		if err != nil {
			t.Fatal(err)
		}
		e.Signatures = append(e.Signatures, one.Signatures...)
	}
	return e
}

func attest(t testing.TB, payload any, keys ...byte) *sign.Envelope {
	t.Helper()
	return seal(t, provenance.MediaType, payload, keys...)
}

func testPolicy(t testing.TB) *verify.Policy {
	return &verify.Policy{
		Builders: []verify.Builder{{ID: testBuilder, Identity: by(t, 1)}}, Source: testSource, BuildTypes: []string{testType},
		Commit: digest(t, "gitCommit:"+testCommit), Now: noon,
		Require: []verify.Requirement{{PredicateType: provenance.CycloneDXType, Identities: []verify.Identity{by(t, 2)}}},
	}
}

func readBOM(s *provenance.SBOM) (*sbom.Document, error) {
	d, _, err := cyclonedx.Parse(s.Document)
	return d, err
}

func observe(t testing.TB, p *verify.Policy, envelopes ...*sign.Envelope) []Record {
	t.Helper()
	records, err := Observe(t.Context(), Rule{Policy: p}, artifact(t), envelopes, readBOM, noon())
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		t.Fatal("nothing was observed")
	}
	for i := range records {
		if err := new(prepared).of(&records[i]); err != nil {
			t.Errorf("record %d cannot be added: %v", i, err)
		}
	}
	return records
}

// of prepares a record as Add does.
func (p *prepared) of(r *Record) error {
	if err := r.prepare(p, newBenches()[0]); err != nil {
		return err
	}
	w := &writer{seen: newSeen()}
	for part := range w.unnumbered([]prepared{*p}) {
		if _, _, err := part.describe(); err != nil {
			return err
		}
	}
	return nil
}

// summary says what an answer would of a record.
func summary(t testing.TB, r *Record) string {
	t.Helper()
	p := new(prepared)
	if err := p.of(r); err != nil {
		return err.Error()
	}
	var names []string
	if r.Document != nil {
		for i := range r.Document.Components {
			names = append(names, r.Document.Components[i].Name)
		}
	}
	trust := Trust{r.Verdict, p.attested, r.Verdict.lapsed(noon())}
	return fmt.Sprintf("%s, trusted: %v, %d components %s, built by %q, %d gaps", trust, trust.Trusted(), len(names), strings.Join(names, " "), r.Build.Builder, len(r.Gaps))
}

func TestObserve(t *testing.T) {
	good := attest(t, built(), 1)
	sound := attest(t, statement(provenance.CycloneDXType, bom("left")), 2)
	alien := attest(t, statement(provenance.CycloneDXType, bom("evil")), 9)
	const trusted = `accepted, trusted: true, 1 components left, built by "https://ci.example/builder", 0 gaps`
	const evil = `accepted, SBOM not attested, trusted: false, 1 components evil, built by "https://ci.example/builder", 0 gaps`
	old := statement(provenance.PredicateTypeV02, thing{
		"builder": thing{"id": testBuilder}, "buildType": testType,
		"invocation": thing{"configSource": thing{"uri": "git+" + testSource, "digest": thing{"sha1": testCommit}, "entryPoint": "ci.yml"}},
		"materials":  []any{thing{"uri": "git+" + testSource, "digest": thing{"sha1": testCommit}}},
	})
	old["_type"] = provenance.StatementTypeV01
	for _, test := range []struct {
		name      string
		change    func(p *verify.Policy)
		envelopes []*sign.Envelope
		want      []string
	}{
		{"accepted", nil, []*sign.Envelope{good, sound}, []string{trusted}},
		{"in another order", nil, []*sign.Envelope{sound, good}, []string{trusted}},
		{"accepted, and no SBOM is asked for", func(p *verify.Policy) { p.Require = nil }, []*sign.Envelope{good}, []string{
			`accepted, no SBOM, trusted: false, 0 components , built by "https://ci.example/builder", 0 gaps`,
		}},
		{"the SBOM is signed by the builder", func(p *verify.Policy) { p.Require = nil }, []*sign.Envelope{good, attest(t, statement(provenance.CycloneDXType, bom("left")), 1)}, []string{trusted}},
		{"excused", func(p *verify.Policy) {
			p.Exceptions = []verify.Exception{{
				Rule: verify.RuleRequired, Item: provenance.CycloneDXType, Digest: artifact(t).Digests[0],
				Owner: "ann", Reason: "r", Control: "c", Expires: noon().Add(time.Hour),
			}}
		}, []*sign.Envelope{good}, []string{
			`accepted with 1 exception, no SBOM, trusted: false, 0 components , built by "https://ci.example/builder", 0 gaps`,
		}},
		{"a commit that is another", func(p *verify.Policy) { p.Commit = digest(t, "gitCommit:"+strings.Repeat("b", 40)) }, []*sign.Envelope{good, sound}, []string{
			`rejected, trusted: false, 1 components left, built by "https://ci.example/builder", 0 gaps`,
		}},
		{"a revoked builder", func(p *verify.Policy) { p.Revoked = []verify.Revocation{{Builder: testBuilder}} }, []*sign.Envelope{good, sound}, []string{
			`rejected, trusted: false, 1 components left, built by "https://ci.example/builder", 0 gaps`,
		}},
		{"nothing at all", nil, nil, []string{`rejected, no SBOM, trusted: false, 0 components , built by "", 0 gaps`}},
		{"provenance by a stranger", nil, []*sign.Envelope{attest(t, built(), 9), sound}, []string{
			`rejected, trusted: false, 1 components left, built by "", 0 gaps`,
		}},
		{"provenance by who may sign SBOMs only", nil, []*sign.Envelope{attest(t, built(), 2), sound}, []string{
			`rejected, trusted: false, 1 components left, built by "https://ci.example/builder", 0 gaps`,
		}},
		{"that and the good one", nil, []*sign.Envelope{attest(t, statement(provenance.PredicateType, thing{
			"buildDefinition": thing{"buildType": testType, "externalParameters": thing{}},
			"runDetails":      thing{"builder": thing{"id": "https://evil.example"}},
		}), 2), good, sound}, []string{trusted}},
		{"a policy that has ended", func(p *verify.Policy) { p.Expires = noon() }, []*sign.Envelope{good, sound}, []string{
			`undecided, trusted: false, 1 components left, built by "https://ci.example/builder", 0 gaps`,
		}},
		{"a policy that is none", func(p *verify.Policy) { p.Source = "" }, []*sign.Envelope{good, sound}, []string{
			`undecided, SBOM not attested, trusted: false, 1 components left, built by "", 1 gaps`,
		}},

		{"an SBOM that nobody signed", nil, []*sign.Envelope{good, sound, attest(t, statement(provenance.CycloneDXType, bom("evil")))}, []string{trusted, evil}},
		{"an SBOM of a stranger, first", nil, []*sign.Envelope{alien, good, sound}, []string{trusted, evil}},
		{"an SBOM of a stranger alone", func(p *verify.Policy) { p.Require = nil }, []*sign.Envelope{good, alien}, []string{evil}},
		{"an SBOM that nobody signed, and somebody did", nil, []*sign.Envelope{attest(t, statement(provenance.CycloneDXType, bom("left"))), good, sound}, []string{trusted}},
		{"an SBOM that is signed as something else", func(p *verify.Policy) { p.Require = nil }, []*sign.Envelope{
			good, seal(t, "text/plain", statement(provenance.CycloneDXType, bom("evil")), 1), attest(t, statement(provenance.CycloneDXType, bom("evil"))),
		}, []string{evil}},
		{"an SBOM of a revoked key", func(p *verify.Policy) {
			p.Revoked = []verify.Revocation{{Key: fingerprint(t, 2)}}
			p.Require[0].Identities = append(p.Require[0].Identities, by(t, 3))
		}, []*sign.Envelope{good, sound, attest(t, statement(provenance.CycloneDXType, bom("right")), 3)}, []string{
			strings.ReplaceAll(strings.Replace(trusted, "accepted", "accepted, SBOM not attested", 1), "true", "false"),
			strings.Replace(trusted, "left", "right", 1),
		}},
		{"the same twice", nil, []*sign.Envelope{good, sound, sound, good}, []string{trusted}},
		{"two that are attested", nil, []*sign.Envelope{good, attest(t, statement(provenance.CycloneDXType, bom("a", "b")), 2), sound}, []string{
			`accepted, trusted: true, 2 components a b, built by "https://ci.example/builder", 0 gaps`, trusted,
		}},
		{"about another artifact", nil, []*sign.Envelope{good, sound, attest(t, statement(provenance.CycloneDXType, bom("else"), "2"), 2)}, []string{trusted}},
		{"about this and another", nil, []*sign.Envelope{good, attest(t, statement(provenance.CycloneDXType, bom("left"), "2", "1"), 2)}, []string{trusted}},
		{"no SBOM in it", nil, []*sign.Envelope{good, sound, attest(t, statement(provenance.CycloneDXType, thing{}), 2)}, []string{
			trusted, `accepted, no SBOM, trusted: false, 0 components , built by "https://ci.example/builder", 1 gaps`,
		}},
		{"several that cannot be read", nil, []*sign.Envelope{
			good, sound, attest(t, statement(provenance.SPDXType, thing{"spdxVersion": "SPDX-2.3"}), 2), attest(t, statement(provenance.SPDXType, thing{"spdxVersion": "SPDX-2.2"})),
		}, []string{trusted, `accepted, no SBOM, trusted: false, 0 components , built by "https://ci.example/builder", 2 gaps`}},
		{"what cannot be kept", nil, []*sign.Envelope{
			good, sound, attest(t, statement(provenance.CycloneDXType, bom(strings.Repeat("x", 3000)))), attest(t, statement(provenance.CycloneDXType, bom("a", "a"))),
		}, []string{trusted, `accepted, no SBOM, trusted: false, 0 components , built by "https://ci.example/builder", 2 gaps`}},
		{"nonsense", nil, []*sign.Envelope{
			nil,
			{},
			{PayloadType: provenance.MediaType},
			{PayloadType: provenance.MediaType, Payload: []byte("{")},
			good, sound,
			{PayloadType: provenance.MediaType, Payload: []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"https://cyclonedx.org/bom","predicate":{}}`)},
		}, []string{strings.Replace(trusted, "0 gaps", "1 gaps", 1)}},
		{"older provenance", func(p *verify.Policy) { p.Older = true }, []*sign.Envelope{attest(t, old, 1), sound}, []string{
			`rejected, trusted: false, 1 components left, built by "https://ci.example/builder", 0 gaps`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := testPolicy(t)
			if test.change != nil {
				test.change(p)
			}
			var got []string
			for _, r := range observe(t, p, test.envelopes...) {
				got = append(got, summary(t, &r))
				if (r.Verdict.Verdict == verify.Accepted) == (len(r.Verdict.Reasons) > 0) || !r.Verdict.At.Equal(noon()) {
					t.Errorf("%+v", r.Verdict)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q\ngot  %s\nwant %s", observe(t, p, test.envelopes...)[0].Verdict.Reasons, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

// Without a policy there are the documents, and nobody who answers for them.
func TestObserveUndecided(t *testing.T) {
	records := observe(t, nil, attest(t, built(), 1), attest(t, statement(provenance.CycloneDXType, bom("left")), 2), nil)
	const want = `nobody has decided, SBOM not attested, trusted: false, 1 components left, built by "", 0 gaps`
	if len(records) != 1 || summary(t, &records[0]) != want || records[0].Evidence != nil {
		t.Errorf("%+v", records)
	}
}

func TestObserveRefuses(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		p    *verify.Policy
		a    hallmark.Artifact
		at   time.Time
		want string
	}{
		{"no digest", t.Context(), nil, hallmark.Artifact{Name: "x"}, noon(), `inventory: artifact "x" has no digest by SHA-256 or better`},
		{"no time", t.Context(), testPolicy(t), artifact(t), time.Time{}, "inventory: no time at which the policy is asked"},
		{"ended", ended, testPolicy(t), artifact(t), noon(), "inventory: context canceled"},
		{"ended without a policy", ended, nil, artifact(t), noon(), "inventory: context canceled"},
	} {
		records, err := Observe(test.ctx, Rule{Policy: test.p}, test.a, []*sign.Envelope{attest(t, statement(provenance.CycloneDXType, bom("left")), 2)}, readBOM, test.at)
		if records != nil || err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, %v", test.name, records, err)
		}
	}
	if _, err := Observe(t.Context(), Rule{}, artifact(t), nil, nil, noon()); err == nil {
		t.Error("nobody reads")
	}
}

// What strangers add changes nothing of what is kept of the others, however much it is.
func TestObserveStrangers(t *testing.T) {
	p := testPolicy(t)
	envelopes := []*sign.Envelope{attest(t, built(thing{"uri": "https://example.com/tool", "digest": thing{"sha256": strings.Repeat("e", 64)}}), 1), attest(t, statement(provenance.CycloneDXType, bom("left")), 2)}
	want := observe(t, p, envelopes...)[0]
	for _, test := range []struct {
		name string
		more func() []*sign.Envelope
		gaps int
	}{
		{"copies", func() (all []*sign.Envelope) { return slices.Repeat(envelopes, 600) }, 0},
		{"SBOMs", func() (all []*sign.Envelope) {
			for i := range 150 {
				all = append(all, attest(t, statement(provenance.CycloneDXType, bom(fmt.Sprint("evil", i)))))
			}
			return all
		}, 0},
		{"SBOMs that cannot be read", func() (all []*sign.Envelope) {
			for i := range 150 {
				all = append(all, attest(t, statement(provenance.CycloneDXType, thing{"a": i}), 9))
			}
			return all
		}, 0},
		{"evidence of other artifacts", func() (all []*sign.Envelope) {
			for i := range 150 {
				st := built(thing{"uri": fmt.Sprint("https://example.com/", i)})
				st["subject"] = []any{thing{"digest": thing{"sha256": strings.Repeat("3", 64)}}}
				all = append(all, attest(t, st, 1))
			}
			return all
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			records := observe(t, p, append(test.more(), envelopes...)...)
			got := records[0]
			if len(got.Gaps) != test.gaps || !reflect.DeepEqual(got.Evidence[:2], want.Evidence[:2]) && !reflect.DeepEqual(got.Evidence[:2], []verify.Evidence{want.Evidence[1], want.Evidence[0]}) {
				t.Errorf("%q, %d pieces of evidence", got.Gaps, len(got.Evidence))
			}
			if test.gaps == 0 {
				a, b := new(prepared), new(prepared)
				if err := errors.Join(a.of(&want), b.of(&got)); err != nil || a.hash != b.hash {
					t.Errorf("another record: %v", err)
				}
			}
			if got.Attested != want.Attested || !reflect.DeepEqual(got.Build, want.Build) || !reflect.DeepEqual(got.Verdict, want.Verdict) {
				t.Errorf("%+v", got)
			}
			if len(records) > maxStrange+2 {
				t.Errorf("%d records", len(records))
			}
			for _, r := range records[1:] {
				if !r.Attested.IsZero() {
					t.Error("a stranger's SBOM is attested")
				}
			}
			if last := records[len(records)-1]; strings.HasPrefix(test.name, "SBOMs") && (last.Document != nil || !strings.Contains(strings.Join(last.Gaps, "\n"), "50 more SBOMs that nobody has signed")) {
				t.Errorf("%q", last.Gaps)
			}
		})
	}
}

// What is too large, or cannot be kept, is told.
func TestObserveBounds(t *testing.T) {
	long := strings.Repeat("long ", maxPayload/5)
	subjects := []string{"1"}
	for range 12_000 {
		subjects = append(subjects, "2")
	}
	huge := built()
	huge["predicate"].(thing)["buildDefinition"].(thing)["internalParameters"] = thing{"x": long}
	odd := func(at ...string) thing {
		st := built()
		o := st["predicate"].(thing)
		for _, name := range at[:len(at)-1] {
			o = o[name].(thing)
		}
		o[at[len(at)-1]] = "https://ci.example/" + strings.Repeat("x", maxText)
		return st
	}
	for _, test := range []struct {
		name     string
		envelope *sign.Envelope
		evidence int // that is kept
		gaps     string
	}{
		{"provenance", attest(t, huge, 1), 0, "1 pieces of evidence are too large or too many to be kept"},
		{"an SBOM", attest(t, statement(provenance.CycloneDXType, thing{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": thing{"component": thing{"type": "application", "bom-ref": "main", "name": "app", "description": long}}}), 2), 1, ""},
		{"an SBOM of many", attest(t, statement(provenance.CycloneDXType, bom("left"), subjects...), 2), 0, "1 pieces of evidence are too large or too many to be kept"},
		{"a scan", attest(t, statement(provenance.VulnsType, thing{"x": long}), 2), 1, "what is in sha256:* is not kept: * bytes, want at most 1048576"},
		{"text", seal(t, "text/plain", []byte(long+long), 2), 0, "1 pieces of evidence are too large or too many to be kept"},
		{"a long name of a builder", attest(t, odd("runDetails", "builder", "id"), 1), 1, "what the provenance says cannot be kept: *"},
		{"a long name of a run", attest(t, odd("runDetails", "metadata", "invocationId"), 1), 1, "what the provenance says cannot be kept: *"},
		{"a NUL", attest(t, built(thing{"uri": "a\x00b"}), 1), 1, "what the provenance says cannot be kept: *"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := observe(t, testPolicy(t), test.envelope)[0]
			if len(r.Evidence) != test.evidence {
				t.Errorf("%d pieces of evidence, want %d", len(r.Evidence), test.evidence)
			}
			gaps := strings.Join(r.Gaps, "\n")
			for i, part := range strings.Split(test.gaps, "*") {
				at := strings.Index(gaps, part)
				if at < 0 || i == 0 && at > 0 {
					t.Errorf("%.300s", gaps)
				}
				gaps = gaps[max(at, 0)+len(part):]
			}
			if len(r.Evidence) == 0 && !r.Attested.IsZero() {
				t.Error("attested without evidence")
			}
		})
	}
}

// The facts of a build.
func TestObserveBuild(t *testing.T) {
	var inputs []any
	for i := range 500 {
		inputs = append(inputs, thing{"uri": fmt.Sprint("https://example.com/", i), "digest": thing{"sha256": fmt.Sprintf("%064x", i)}, "annotations": thing{"n": i}})
	}
	inputs = append(inputs, inputs[7], thing{"digest": thing{"sha256": fmt.Sprintf("%064x", 3)}})
	r := observe(t, testPolicy(t), attest(t, built(inputs...), 1))[0]
	b := r.Build
	want := Build{
		Source: testSource, Commit: digest(t, "gitCommit:"+testCommit), Ref: "refs/tags/v1.0.0", Builder: testBuilder, Type: testType,
		Run: "https://ci.example/runs/1", Finished: noon().Add(-2 * time.Hour), Inputs: b.Inputs,
	}
	if !reflect.DeepEqual(b, want) || len(b.Inputs) != 501 {
		t.Errorf("%+v", b)
	}
	if n := len(r.Evidence[0].Payload); n > 1500 {
		t.Errorf("%d bytes are kept beside the inputs: %s", n, r.Evidence[0].Payload)
	}
}

// A provenance is what tests of reduce make at random: source, inputs that may be twice, or
// have more members than are kept, or nothing to be told by.
func randomInputs(rng *rand.Rand) []any {
	var list []any
	for range rng.IntN(8) {
		n := rng.IntN(3)
		d := thing{}
		if rng.IntN(4) > 0 {
			d["uri"] = fmt.Sprintf("https://example.com/%d", n)
		}
		if rng.IntN(3) == 0 {
			d["name"] = fmt.Sprint("input ", n)
		}
		if rng.IntN(4) > 0 {
			d["digest"] = thing{"sha256": strings.Repeat(fmt.Sprint(n+rng.IntN(2)), 64)}
		}
		switch rng.IntN(8) {
		case 0:
			d["digest"] = thing{"unheard": "abc", "sha256": strings.Repeat("5", 64)}
		case 1:
			d["digest"] = thing{"sha256": "ABC"}
		case 2:
			d["content"] = []byte("text")
		case 3:
			d["downloadLocation"] = "https://example.com/here"
		case 4:
			d["annotations"] = thing{"modified": true, "number": json.Number("1.50e2")}
		case 5:
			d["uri"] = "git+" + testSource + "@refs/tags/v1.0.0" // of the source
		}
		list = append(list, d)
	}
	return list
}

// reread returns evidence after it was written to a row and read again.
func reread(t testing.TB, evidence []verify.Evidence) []verify.Evidence {
	t.Helper()
	data, err := new(packer).pack(evidence)
	if err != nil {
		t.Fatal(err)
	}
	again, err := unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// keptInputs returns inputs as they are kept: each once, in whatever order.
func keptInputs(rng *rand.Rand, inputs []Input) []Input {
	seen := make(map[string]bool)
	inputs = slices.DeleteFunc(slices.Clone(inputs), func(in Input) bool {
		key := string(appendInput(nil, &in))
		again := seen[key]
		seen[key] = true
		return again
	})
	rng.Shuffle(len(inputs), func(i, j int) { inputs[i], inputs[j] = inputs[j], inputs[i] })
	return inputs
}

// What is recalled of evidence that was reduced and restored is what is recalled of it as it
// was, by any policy of what a build may take in.
func TestReduce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	verdicts, shorter := make(map[string]int), 0
	for round := range 150 {
		p := testPolicy(t)
		p.Require = nil
		if rng.IntN(2) == 0 {
			p.Inputs.Pinned = map[string]hallmark.Digest{"https://example.com/1": digest(t, "sha256:"+strings.Repeat("1", 64))}
		}
		if rng.IntN(3) == 0 {
			p.Inputs.Origins = []string{"https://example.com/"}
		}
		p.Inputs.Digests = rng.IntN(3) == 0
		if rng.IntN(3) == 0 {
			p.Steps = []verify.Step{{Name: "step", PredicateType: provenance.LinkType, Identities: []verify.Identity{by(t, 2)}}}
		}
		var envelopes []*sign.Envelope
		for range 1 + rng.IntN(3) {
			st := built(randomInputs(rng)...)
			d := st["predicate"].(thing)["buildDefinition"].(thing)
			d["internalParameters"] = thing{"number": json.Number("12345678901234567890.10"), "<": "\u2028&"}
			switch rng.IntN(6) {
			case 0:
				delete(d, "resolvedDependencies")
			case 1:
				d["resolvedDependencies"] = nil
			case 2:
				d["resolvedDependencies"].([]any)[0].(thing)["annotations"] = thing{"modified": true}
			}
			envelopes = append(envelopes, attest(t, st, 1))
		}
		link := statement(provenance.LinkType, thing{"name": "step", "command": []any{}, "materials": []any{}, "byproducts": thing{}, "environment": thing{}})
		link["subject"] = []any{thing{"name": "input 1", "digest": thing{"sha256": strings.Repeat("1", 64)}}}
		envelopes = append(envelopes, attest(t, link, 2), attest(t, statement(provenance.CycloneDXType, bom("left")), 1))

		whole, err := p.Recognize(t.Context(), envelopes...)
		if err != nil {
			t.Fatal(err)
		}
		whole = distinct(whole)
		r := observe(t, p, envelopes...)[0]
		got := reread(t, r.Evidence)
		if err := restore(got, keptInputs(rng, r.Build.Inputs)); err != nil {
			t.Fatal(err)
		}
		for i := range r.Evidence {
			e := &r.Evidence[i]
			was := slices.IndexFunc(whole, func(o verify.Evidence) bool { return o.Signed == e.Signed })
			if len(e.Payload) < len(whole[was].Payload) {
				shorter++
			}
			if bytes.Contains(whole[was].Payload, []byte("internalParameters")) && !bytes.Contains(got[i].Payload, []byte("12345678901234567890.10")) {
				t.Fatalf("a number is another one: %s", got[i].Payload)
			}
		}
		want, again := p.Recall(t.Context(), artifact(t), whole...), p.Recall(t.Context(), artifact(t), got...)
		verdicts[want.Verdict]++
		lines := func(r *verify.Report) (all []string) {
			for _, c := range r.Checks {
				all = append(all, fmt.Sprintf("%s %q %s %q %q %s", c.Rule, c.Item, c.Outcome, c.Got, c.Want, c.Payload))
			}
			slices.Sort(all)
			return all
		}
		if want.Verdict != again.Verdict || !slices.Equal(lines(want), lines(again)) || !reflect.DeepEqual(want.Source, again.Source) {
			t.Fatalf("round %d: %s\nreduced: %s\n%q\n%q", round, want, again, lines(want), lines(again))
		}
	}
	t.Log(verdicts, shorter)
	if verdicts[verify.Accepted] < 20 || verdicts[verify.Rejected] < 20 || shorter < 100 {
		t.Errorf("%v, %d shorter: the test shows little", verdicts, shorter)
	}
}

// Statements of another form than provenance of version 1 stay as they are.
func TestReduceOlder(t *testing.T) {
	for _, predicateType := range []string{provenance.PredicateTypeV02, provenance.PredicateTypeV01, provenance.VSAType, provenance.LinkType, "https://example.com/other"} {
		st := statement(predicateType, thing{"materials": []any{thing{"uri": "x"}}, "buildDefinition": thing{"resolvedDependencies": []any{thing{"uri": "x"}}}})
		e := verify.Evidence{PayloadType: provenance.MediaType, Payload: attest(t, st, 1).Payload, Keys: []hallmark.Digest{fingerprint(t, 1)}}
		kept, gaps := reduce([]verify.Evidence{e}, Build{Inputs: []Input{{URI: "x"}}}, func(verify.Evidence) bool { return true })
		if len(gaps) > 0 || len(kept) != 1 || !bytes.Equal(kept[0].Payload, e.Payload) {
			t.Errorf("%s: %v, %q", predicateType, kept, gaps)
		}
		if err := restore(kept, []Input{{URI: "y"}}); err != nil || !bytes.Equal(kept[0].Payload, e.Payload) {
			t.Errorf("%s: %s, %v", predicateType, kept[0].Payload, err)
		}
	}
}

// Keyless evidence is in a row as it was.
func TestPackKeyless(t *testing.T) {
	e := verify.Evidence{
		PayloadType: provenance.MediaType, Payload: attest(t, built(), 1).Payload, Threshold: 1,
		Claims:   &verify.Claims{Issuer: "https://issuer.example", Subject: "https://ci.example/b@refs/tags/v1", Builder: testBuilder},
		Times:    []time.Time{noon(), noon().Add(time.Nanosecond)},
		Vouchers: []verify.Voucher{{Role: "log", Key: fingerprint(t, 3), Time: noon()}, {Role: "certificate-authority", Key: fingerprint(t, 4)}},
	}
	e.Signed = signed(&e)
	if got := reread(t, []verify.Evidence{e}); !reflect.DeepEqual(got, []verify.Evidence{e}) {
		t.Errorf("%+v\nwant %+v", got, e)
	}
}

// What Check refuses of what says who answers for a record.
func TestCheckTrust(t *testing.T) {
	good := observe(t, testPolicy(t), attest(t, built(), 1), attest(t, statement(provenance.CycloneDXType, bom("left")), 2))[0]
	of := func(st thing) verify.Evidence {
		e := verify.Evidence{PayloadType: provenance.MediaType, Payload: attest(t, st).Payload, Keys: []hallmark.Digest{fingerprint(t, 2)}}
		e.Signed = signed(&e)
		return e
	}
	for _, test := range []struct {
		name   string
		change func(r *Record)
		want   string
	}{
		{"no evidence", func(r *Record) { r.Evidence = nil }, "not among the evidence"},
		{"evidence that nobody signed", func(r *Record) { r.Evidence[1].Keys = nil }, "nobody has signed it"},
		{"evidence of the build", func(r *Record) { r.Attested = r.Evidence[0].Signed }, "the statement is not of an SBOM"},
		{"evidence of another artifact", func(r *Record) {
			r.Evidence[1] = of(statement(provenance.CycloneDXType, thing{}, "2"))
			r.Attested = r.Evidence[1].Signed
		}, "about another artifact"},
		{"evidence of another type", func(r *Record) { r.Evidence[1].PayloadType = "text/plain" }, "not among the evidence"},
		{"two of one digest", func(r *Record) {
			r.Evidence = append(r.Evidence, of(statement(provenance.CycloneDXType, thing{}, "2")))
			r.Evidence[2].Signed = r.Attested
		}, "about another artifact"},
		{"no document", func(r *Record) { r.Document = nil }, "and there is none"},
		{"another word", func(r *Record) { r.Verdict.Verdict = "Accepted" }, `verdict "Accepted", want`},
		{"no time", func(r *Record) { r.Verdict.At = time.Time{} }, "when it was made is missing"},
		{"a time that is none", func(r *Record) { r.Verdict.At = noon().AddDate(8000, 0, 0) }, "want a year from 1 to 9999"},
		{"an exception for ever", func(r *Record) { r.Verdict.Exceptions = []verify.Exception{{Expires: noon().AddDate(8000, 0, 0)}} }, "want a year from 1 to 9999"},
		{"a build that is to come", func(r *Record) { r.Build.Finished = noon().AddDate(400_000, 0, 0) }, "want a year from 1 to 9999"},
		{"many reasons", func(r *Record) { r.Verdict.Reasons = slices.Repeat([]string{"x"}, 10_000) }, "10000 reasons"},
		{"a long reason", func(r *Record) { r.Verdict.Reasons = []string{strings.Repeat("x", 1<<20)} }, "want UTF-8"},
		{"no text", func(r *Record) { r.Verdict.Reasons = []string{"\xff"} }, "want UTF-8"},
		{"a NUL", func(r *Record) { r.Artifact.Name = "a\x00" }, "want UTF-8"},
		{"too much evidence", func(r *Record) {
			for i := range 9 {
				e := of(built())
				e.Payload, e.Signed = append(e.Payload, bytes.Repeat([]byte(" "), maxPayload-3000)...), digest(t, "sha256:"+strings.Repeat(fmt.Sprint(i), 64))
				r.Evidence = append(r.Evidence, e)
			}
		}, "bytes of evidence, want at most"},
	} {
		r := good
		r.Evidence = slices.Clone(good.Evidence)
		test.change(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Whoever signed the same bytes as something else has not signed the statement.
func TestRecallsType(t *testing.T) {
	payload := attest(t, statement(provenance.CycloneDXType, bom("left"))).Payload
	as := func(payloadType string, n byte) verify.Evidence {
		return verify.Evidence{PayloadType: payloadType, Payload: payload, Keys: []hallmark.Digest{fingerprint(t, n)}, Threshold: 1}
	}
	p := testPolicy(t)
	evidence := []verify.Evidence{as("text/plain", 1), as(provenance.MediaType, 2)}
	d := signed(&evidence[0])
	if !recalls(p, evidence, d) {
		t.Error("who signed the statement is not recalled")
	}
	p.Revoked = []verify.Revocation{{Key: fingerprint(t, 2)}}
	if recalls(p, evidence, d) {
		t.Error("who signed text is taken for who signed the statement")
	}
}
