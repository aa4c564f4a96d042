// One goroutine after the other: the race detector has nothing to find.

//go:build !race

package verify_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Every bit of an envelope that two have signed, in JSON: with another one the policy
// does not accept it, unless the bit is in a key id, which "is not signed, so nothing
// may be decided by it" ([sign.Signature]), or in a member that DSSE does not know,
// which [sign.Parse] ignores, or the envelope still says the same.
func TestEnvelopeFlips(t *testing.T) {
	c := newTrial(t)
	two, err := verify.Keys(2, newKey(t, 1), newKey(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	c.policy.Builders[0].Identity, c.keys = two, []int{1, 2}
	e := c.envelopes(t)[0]
	good, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good = append(bytes.TrimSuffix(bytes.TrimSpace(good), []byte("}")), `,"unknown":"member"}`...)
	accepts := func(data []byte) (*verify.Result, error) {
		e, err := sign.Parse(data)
		if err != nil {
			return nil, err
		}
		return c.policy.Verify(t.Context(), c.artifact, e)
	}
	want, err := accepts(good)
	if err != nil {
		t.Fatal(err)
	}
	// What is signed of an envelope, and nothing else.
	signed := func(data []byte) any {
		var v struct {
			Payload, PayloadType string
			Signatures           []struct{ Sig string }
		}
		if err := json.Unmarshal(data, &v); err != nil {
			return nil
		}
		return v
	}
	still := 0
	for i := range good {
		for bit := range 8 {
			data := bytes.Clone(good)
			data[i] ^= 1 << bit
			r, err := accepts(data)
			if err != nil {
				continue
			}
			still++
			if !reflect.DeepEqual(signed(data), signed(good)) || !reflect.DeepEqual(r.Statements(), want.Statements()) {
				t.Errorf("byte %d, bit %d: still accepted: %s", i, bit, data)
			}
		}
	}
	t.Logf("%d of %d changes were to what nobody has signed", still, 8*len(good))
}

// What a trusted builder has signed is held against the policy member by member. Those
// of a predicate that may be gone, or be of another kind, are the ones that no rule
// looks at; they are listed here, and all others are missed.
func TestStatementMembers(t *testing.T) {
	unlooked := []string{
		"/subject/name", "/subject/annotations", "/subject/downloadLocation", // the digest is what makes it the artifact
		"/predicate/buildDefinition/internalParameters/github/event_path",
		"/predicate/buildDefinition/resolvedDependencies/name", "/predicate/buildDefinition/resolvedDependencies/annotations",
		"/predicate/runDetails/builder/version", "/predicate/runDetails/builder/builderDependencies",
		"/predicate/runDetails/metadata", "/predicate/runDetails/byproducts",
		"/unknown", "/predicate/unknown",
	}
	c := newTrial(t)
	c.policy.Older = false
	st := c.statement
	st["unknown"], st.at("predicate")["unknown"] = "x", "x"
	st.subject()["annotations"], st.subject()["downloadLocation"] = object{"a": "b"}, "https://example.com/app"
	d := st.definition()
	d.at("internalParameters", "github")["event_path"] = "x"
	d.at("resolvedDependencies")["name"], d.at("resolvedDependencies")["annotations"] = "source", object{"a": "b"}
	run := st.at("predicate", "runDetails")
	run.at("builder")["version"], run.at("builder")["builderDependencies"] = object{"a": "1"}, []any{object{"uri": "x"}}
	run.at("metadata")["startedOn"], run["byproducts"] = "2026-06-01T12:00:00Z", []any{object{"name": "log", "uri": "x"}}
	if _, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...); err != nil {
		t.Fatal(err)
	}
	tried := 0
	var walk func(at string, o object)
	walk = func(at string, o object) {
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range o {
				if !yield(name) {
					return
				}
			}
		}) {
			here, was := at+"/"+name, o[name]
			may := slices.ContainsFunc(unlooked, func(p string) bool { return here == p || strings.HasPrefix(here, p+"/") })
			for _, v := range []any{nil, "", "other", 7, true, []any{}, object{}, []any{was}, object{name: was}} {
				if v == nil {
					delete(o, name)
				} else {
					o[name] = v
				}
				tried++
				r, err := c.policy.Verify(t.Context(), c.artifact, c.envelopes(t)...)
				if end(r, err) == accepted && !may {
					t.Errorf("%s: accepted as %v", here, v)
				}
			}
			o[name] = was
			switch v := was.(type) {
			case object:
				walk(here, v)
			case []any:
				if first, ok := v[0].(object); ok {
					walk(here, first)
				}
			}
		}
	}
	walk("", st)
	t.Logf("%d changes", tried)
}
