package conformance

import (
	"context"
	"crypto/ed25519"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// A summaryRow is what slsa-verifier was asked about a verification summary in one of
// its tests, and its answer. What a row does not say is that of the summary which it
// has a file of.
type summaryRow struct {
	Name string
	Err  map[string]string

	// Test_matchExpectedValues.
	Opts struct{ ExpectedDigests, ExpectedResourceURI, ExpectedVerifiedLevels, ExpectedVerifierID any }
	VSA  struct {
		Predicate       struct{ ResourceURI, VerificationResult, VerifiedLevels, Verifier any }
		StatementHeader struct{ Subject any }
	}

	// Test_matchVerifiedLevels.
	VSAOpts struct{ ExpectedVerifiedLevels []string }
}

// said returns the literal in a table, or otherwise if there is an expression of Go or
// nothing.
func said(literal, otherwise any) any {
	if m, ok := literal.(map[string]any); literal == nil || ok && m["$go"] != nil {
		return otherwise
	}
	return literal
}

// summaryTables reads the tables of slsa-verifier's tests of summaries.
func summaryTables(t *testing.T) map[string][]summaryRow {
	t.Helper()
	var files map[string]json.RawMessage
	if err := json.Unmarshal(readVerify(t, "slsa-verifier/go-tables.json"), &files); err != nil {
		t.Fatal(err)
	}
	var raw map[string][]json.RawMessage
	if err := json.Unmarshal(files["verifiers/internal/vsa/verifier_test.go"], &raw); err != nil {
		t.Fatal(err)
	}
	tables := make(map[string][]summaryRow)
	for name, rows := range raw {
		for _, one := range rows {
			var r summaryRow
			if json.Unmarshal(one, &r) == nil {
				tables[name] = append(tables[name], r)
			}
		}
	}
	return tables
}

// A p1363 verifies signatures by ECDSA that are two numbers side by side, in the form of
// IEEE P1363, which is none of package sign's.
type p1363 struct{ sign.Verifier }

func (p p1363) Verify(ctx context.Context, data, sig []byte) error {
	half := len(sig) / 2
	der, err := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
	if err != nil {
		return err
	}
	return p.Verifier.Verify(ctx, data, der)
}

// R63: the summary that slsa-verifier has a file of, and what its tests ask of one.
func TestSummaries(t *testing.T) {
	e, err := sign.Parse(readVerify(t, "slsa-verifier/testdata/vsa/gce/v1/gke-gce-pre.bcid-vsa.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.ParsePublicKey(readVerify(t, "slsa-verifier/testdata/vsa/gce/v1/vsa_signing_public_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := verify.Key(key); err != nil {
		t.Fatal(err)
	} else if _, err := id.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("a signature in another form: %v", err)
	}
	google, err := verify.Key(p1363{key})
	if err != nil {
		t.Fatal(err)
	}
	var real struct {
		Predicate map[string]any
	}
	if err := json.Unmarshal(e.Payload, &real); err != nil {
		t.Fatal(err)
	}
	ours, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	us, err := verify.Key(ours)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := hallmark.Hash(strings.NewReader("image"))
	if err != nil {
		t.Fatal(err)
	}
	image := hallmark.Artifact{Name: "image", Digests: ds}
	verifier := real.Predicate["verifier"].(map[string]any)["id"].(string)
	resource := real.Predicate["resourceUri"].(string)

	// asks is a policy for a summary by id.
	asks := func(id verify.Identity, verifier, resource string, levels []string) *verify.Policy {
		s := &verify.Summary{Verifier: verifier, Resource: resource}
		for _, l := range levels {
			if n, ok := strings.CutPrefix(l, "SLSA_BUILD_LEVEL_"); ok {
				s.Level, _ = strconv.Atoi(n)
			} else {
				s.Properties = append(s.Properties, l)
			}
		}
		return &verify.Policy{Require: []verify.Requirement{{PredicateType: provenance.VSAType, Identities: []verify.Identity{id}, Summary: s}}}
	}

	// The file: its signature is good if it is read in its form, and whatever is asked of
	// its key id, which is only a hint. What it is about is told by a number that its maker gave it, and no digest:
	// there is no artifact that it could be about.
	if ev, err := google.Recognize(t.Context(), e); err != nil || string(ev.Payload) != string(e.Payload) {
		t.Errorf("its signature: %v", err)
	}
	p := asks(google, verifier, resource, []string{"BCID_L1", "SLSA_BUILD_LEVEL_2"})
	_, err = p.Verify(t.Context(), image, e)
	var rejected *verify.RejectedError
	if !errors.As(err, &rejected) || len(rejected.Reasons) != 1 || rejected.Reasons[0].Rule != verify.RuleSubject {
		t.Errorf("the summary of something without a digest: %v", err)
	}

	// What its tests ask, of the same about something that has one.
	sealed := func(predicate map[string]any, subjects any) *sign.Envelope {
		t.Helper()
		payload, err := json.Marshal(map[string]any{"_type": provenance.StatementType, "predicateType": provenance.VSAType, "subject": subjects, "predicate": predicate})
		if err != nil {
			t.Fatal(err)
		}
		e, err := sign.Sign(t.Context(), provenance.MediaType, payload, ours)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	same := func(name string, err error, want bool) {
		t.Helper()
		if (err == nil) != want {
			t.Errorf("%s: %v, and slsa-verifier accepts it: %v", name, err, want)
		}
	}
	texts := func(v any) (all []string) {
		for _, one := range v.([]any) {
			all = append(all, one.(string))
		}
		return all
	}
	tables := summaryTables(t)
	rows, unasked := 0, 0
	subject := []any{map[string]any{"digest": map[string]string{"sha256": ds[0].Hex()}}}
	for _, r := range tables["Test_matchExpectedValues"] {
		predicate := maps.Clone(real.Predicate)
		for name, v := range map[string]any{
			"resourceUri": r.VSA.Predicate.ResourceURI, "verificationResult": r.VSA.Predicate.VerificationResult,
			"verifiedLevels": r.VSA.Predicate.VerifiedLevels, "verifier": r.VSA.Predicate.Verifier,
		} {
			predicate[name] = said(v, predicate[name])
		}
		about := image
		if _, other := said(r.Opts.ExpectedDigests, nil).([]any); other { // another one, or none
			about.Digests = somethingElse(t)
		}
		levels := texts(said(r.Opts.ExpectedVerifiedLevels, real.Predicate["verifiedLevels"]))
		p := asks(us, said(r.Opts.ExpectedVerifierID, verifier).(string), said(r.Opts.ExpectedResourceURI, resource).(string), levels)
		_, err := p.Verify(t.Context(), about, sealed(predicate, said(r.VSA.StatementHeader.Subject, subject)))
		rows++
		if levels == nil {
			// A policy that asks a summary for no level and no property is none.
			if unasked++; err == nil || errors.As(err, &rejected) {
				t.Errorf("%s: %v", r.Name, err)
			}
			continue
		}
		same(r.Name, err, r.Err == nil)
	}
	for _, r := range tables["Test_matchVerifiedLevels"] {
		rows++
		levels := r.VSAOpts.ExpectedVerifiedLevels
		if len(levels) == 0 {
			unasked++
			continue
		}
		predicate := maps.Clone(real.Predicate)
		predicate["verifiedLevels"] = r.VSA.Predicate.VerifiedLevels
		_, err := asks(us, verifier, resource, levels).Verify(t.Context(), image, sealed(predicate, subject))
		same(fmt.Sprintf("%s (%s of %s)", r.Name, levels, r.VSA.Predicate.VerifiedLevels), err, r.Err == nil)
	}
	t.Logf("%d rows, of which %d ask for no level; tables %s", rows, unasked, slices.Sorted(maps.Keys(tables)))
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}
