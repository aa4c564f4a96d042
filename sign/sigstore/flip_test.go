package sigstore_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// places returns where in a JSON text each of its bytes is: the pointer of a value,
// with the indices of lists left out, or of a member's name, with " name" behind it;
// or "" between them.
func places(t testing.TB, data []byte) []string {
	t.Helper()
	all := make([]string, len(data))
	type level struct {
		at   string
		list bool
		name string // of the member whose value is next, if there is one
		has  bool
	}
	stack := []level{{list: true}}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for from := 0; ; from = int(d.InputOffset()) {
		token, err := d.Token()
		if err != nil {
			return all
		}
		for from < len(data) && bytes.IndexByte([]byte(" \t\r\n,:"), data[from]) >= 0 {
			from++
		}
		top := &stack[len(stack)-1]
		at := top.at
		if !top.list {
			at += "/" + top.name
		}
		switch delim, ok := token.(json.Delim); {
		case ok && (delim == '{' || delim == '['):
			top.has = false
			stack = append(stack, level{at: at, list: delim == '['})
			continue
		case ok:
			stack = stack[:len(stack)-1]
			continue
		case !top.list && !top.has:
			top.name, top.has = token.(string), true
			at = top.at + "/" + top.name + " name"
		default:
			top.has = false
		}
		for i := from; i < int(d.InputOffset()); i++ {
			all[i] = at
		}
	}
}

// meaning is what a JSON text says, however it is written; nil if it is none.
func meaning(data []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil
	}
	return v
}

// A flipped is an accepted bundle, of which each n-th byte becomes another one.
type flipped struct {
	data    []byte
	step    int
	oldest  string // version of bundles
	accepts func(data []byte) (what any, err error)
}

// flip holds c against what a changed bit may do, and returns how many were tried.
func flip(t *testing.T, c flipped) int {
	t.Helper()
	want, err := c.accepts(c.data)
	if err != nil {
		t.Fatal(err)
	}
	allowed := harmlessIn(c.data, c.oldest)
	where, original := places(t, c.data), meaning(c.data)
	n := 0
	for i := 0; i < len(c.data); i += c.step {
		n++
		data := bytes.Clone(c.data)
		data[i] ^= 1 << (n % 8)
		what, err := c.accepts(data)
		if err != nil {
			continue
		}
		if !reflect.DeepEqual(what, want) {
			t.Errorf("byte %d, in %s: something else is accepted", i, where[i])
		}
		at := where[i] + " changed"
		if !slices.ContainsFunc(allowed, func(r *regexp.Regexp) bool { return r.MatchString(at) }) && !reflect.DeepEqual(meaning(data), original) {
			t.Errorf("byte %d, in %s: still accepted, with %q for %q", i, where[i], data[max(0, i-8):min(i+8, len(data))], c.data[max(0, i-8):min(i+8, len(data))])
		}
	}
	return n
}

// asked returns a policy that asks for what a bundle attests, of who is expected to
// have signed it, beside provenance that is signed by a key of the test: whether the
// artifact is accepted depends on the bundle. It is nil if the bundle attests
// nothing, or not of a digest.
func asked(t testing.TB, e *sign.Envelope, id verify.Identity) (*verify.Policy, hallmark.Artifact, *sign.Envelope) {
	t.Helper()
	st, err := provenance.Parse(e.Payload)
	if err != nil {
		return nil, hallmark.Artifact{}, nil
	}
	var a hallmark.Artifact
	for _, s := range st.Subjects {
		for _, name := range []string{"sha256", "sha512"} {
			if d, err := hallmark.ParseDigest(name + ":" + s.Digest[name]); err == nil && a.Digests == nil {
				a.Digests = []hallmark.Digest{d}
			}
		}
	}
	if a.Digests == nil {
		return nil, a, nil
	}
	const at = "https://example.com/"
	ours := must(sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))))
	built := object{
		"_type": provenance.StatementType, "predicateType": provenance.PredicateType,
		"subject": []any{object{"digest": object{a.Digests[0].Algorithm(): a.Digests[0].Hex()}}},
		"predicate": object{
			"buildDefinition": object{
				"buildType": at, "externalParameters": object{"source": object{"repository": at, "ref": "refs/heads/main"}},
				"resolvedDependencies": []any{object{"uri": "git+" + at + "@refs/heads/main", "digest": object{"gitCommit": strings.Repeat("a", 40)}}},
			},
			"runDetails": object{"builder": object{"id": at}},
		},
	}
	p := &verify.Policy{
		Builders: []verify.Builder{{ID: at, Identity: must(verify.Key(ours))}},
		Source:   at, BuildTypes: []string{at}, Refs: verify.Refs{Branches: []string{"main"}}, Older: true,
		Require: []verify.Requirement{{PredicateType: st.PredicateType, Identities: []verify.Identity{id}}},
	}
	return p, a, must(sign.Sign(t.Context(), provenance.MediaType, must(json.Marshal(built)), ours))
}

// acceptsAsked returns what accepts a bundle that [asked] has a policy for, or nil.
func acceptsAsked(t testing.TB, e *sign.Envelope, id verify.Identity) func([]byte) (any, error) {
	p, a, built := asked(t, e, id)
	if p == nil {
		return nil
	}
	return accepts(t, p, a, built)
}

// accepts returns what says which statements p accepts of a bundle, beside others.
func accepts(t testing.TB, p *verify.Policy, a hallmark.Artifact, others ...*sign.Envelope) func([]byte) (any, error) {
	return func(data []byte) (any, error) {
		e, err := sign.Parse(data)
		if err != nil {
			return nil, err
		}
		r, err := p.Verify(t.Context(), a, append(slices.Clone(others), e)...)
		if err != nil {
			return nil, err
		}
		return r.Statements(), nil
	}
}

// vouchedBy returns the identity of whoever is named in the certificate of a bundle, as
// far as root vouches for them, or nil.
func vouchedBy(t *testing.T, root *sigstore.TrustedRoot, e *sign.Envelope) verify.Identity {
	leaf, err := x509.ParseCertificate(bundleLeaf(t, e.Bundle))
	if err != nil {
		return nil
	}
	claims, err := sigstore.ClaimsOf(leaf)
	if err != nil {
		return nil
	}
	id, err := root.NewIdentity(sigstore.Account{Issuer: claims.Issuer, Subject: claims.Subject})
	if err != nil {
		return nil
	}
	if _, err := id.Recognize(t.Context(), e); err != nil {
		if !errors.Is(err, verify.ErrNotSigned) {
			t.Error(err)
		}
		return nil
	}
	return id
}

// Whatever bit is changed of a bundle that a policy accepts, the policy does not
// accept it any more; or the bit is in what nobody has signed, which package
// sigstore names under "What is not checked", or the bundle still says the same; and
// then the same is accepted.
func TestFlips(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const few = 120 // flips of one of many
	t.Run("instance", func(t *testing.T) {
		in := newInstance(t)
		id := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
		payload := string(must(json.Marshal(object{
			"_type": provenance.StatementType, "predicateType": "https://example.com/", "predicate": object{},
			"subject": []any{object{"digest": object{"sha256": strings.Repeat("a", 64)}}},
		})))
		for _, s := range []signing{
			{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}},
			{logs: []int{1}, ctLogs: []int{0}},
		} {
			data := in.sign(payload, s)
			t.Logf("%d bits", flip(t, flipped{data, 1, "", acceptsAsked(t, mustParse(t, data), id)}))
		}
	})

	t.Run("builder-identity", func(t *testing.T) {
		n := 0
		for _, c := range builderCases(t) {
			if c.Want != "accept" {
				continue
			}
			p, app := builderPolicy(t, c.required())
			data := read(t, corpus(t, "builder-identity", filepath.FromSlash(c.Bundle)))
			step := max(1, len(data)/few)
			if c.ID == "ok-workflow-dispatch" {
				step = 1
			}
			t.Run(c.ID, func(t *testing.T) {
				n += flip(t, flipped{data, step, "", accepts(t, p, app)})
			})
		}
		t.Logf("%d bits", n)
	})

	t.Run("sigstore-conformance", func(t *testing.T) {
		attested, digests, n := 0, 0, 0
		for _, c := range conformanceCases(t) {
			data := c.bundle
			e, err := sign.Parse(data)
			accepts := func(data []byte) (any, error) { return c.root.RecognizeArtifact(t.Context(), data, c.artifact, c.who) }
			if err == nil {
				accepts = acceptsAsked(t, e, must(c.root.NewIdentity(c.who)))
				attested++
			} else {
				digests++
			}
			if accepts == nil {
				t.Errorf("%s attests nothing", c.name)
				continue
			}
			t.Run(c.name, func(t *testing.T) { n += flip(t, flipped{data, max(1, len(data)/few), "0.1", accepts}) })
		}
		t.Logf("%d bits of %d attestations, and of %d signatures of a digest, which are no evidence for a policy", n, attested, digests)
	})

	production := must(must(sigstore.ParseTrustedRoot(read(t, corpus(t, "sigstore-roots", "production", "trusted_root.json")))).Require(sigstore.Requirements{OldestBundle: "0.1"}))
	for set, want := range map[string]int{"gh-attestation/data": 6, "slsa-verifier/testdata": 60} {
		t.Run(set, func(t *testing.T) {
			bundles, accepted, n := 0, 0, 0
			err := filepath.WalkDir(corpus(t, filepath.FromSlash(set)), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data := read(t, path)
				for _, data := range bundlesIn(data) {
					e, err := sign.Parse(data)
					if err != nil || e.Bundle == nil {
						continue
					}
					bundles++
					id := vouchedBy(t, production, e)
					if id == nil {
						continue
					}
					accepts := acceptsAsked(t, e, id)
					if accepts == nil {
						continue
					}
					if _, err := accepts(data); err != nil {
						t.Logf("%s: %v", path, err)
						continue
					}
					accepted++
					n += flip(t, flipped{data, max(1, len(data)/few), "0.1", accepts})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bits of %d bundles, of %d", n, accepted, bundles)
			if accepted < want {
				t.Errorf("%d bundles are accepted, want %d or more", accepted, want)
			}
		})
	}
}
