package sigstore_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// A mutation changes one thing of a document.
type mutation struct {
	at   string // where, with the indices of lists left out
	what string
	data []byte
}

// mutations returns data with each member removed, twice, in another case, null,
// emptied and of another kind, and with each string changed at every step-th character.
func mutations(t *testing.T, data []byte, step int) (all []mutation) {
	t.Helper()
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(v any, at string, put func(raw string) string)
	walk = func(v any, at string, put func(raw string) string) {
		add := func(what, raw string) { all = append(all, mutation{at, what, []byte(put(raw))}) }
		switch v := v.(type) {
		case map[string]any:
			names := make([]string, 0, len(v))
			for name := range v {
				names = append(names, name)
			}
			slices.Sort(names)
			members := func(skip string, extra ...string) string {
				var parts []string
				for _, n := range names {
					if n != skip {
						parts = append(parts, fmt.Sprintf("%q:%s", n, must(json.Marshal(v[n]))))
					}
				}
				return "{" + strings.Join(append(parts, extra...), ",") + "}"
			}
			for _, name := range names {
				raw := string(must(json.Marshal(v[name])))
				here := at + "/" + name
				for what, text := range map[string]string{
					"removed": members(name),
					"null":    members(name, fmt.Sprintf("%q:null", name)),
					"twice":   members("", fmt.Sprintf("%q:%s", name, raw)),
					"case":    members(name, fmt.Sprintf("%q:%s", strings.ToUpper(name[:1])+name[1:], raw)),
				} {
					all = append(all, mutation{here, what, []byte(put(text))})
				}
				for _, other := range []string{`""`, `"x"`, "987654321", "true", "false", "[]", "{}", `{"x":0}`, `[` + raw + `]`, `{"` + name + `":` + raw + `}`} {
					what := "another kind"
					if other[0] == raw[0] || raw == "null" {
						what = "emptied"
					}
					if other[0] != raw[0] || other == "[]" || other == "{}" {
						all = append(all, mutation{here, what, []byte(put(members(name, fmt.Sprintf("%q:%s", name, other))))})
					}
				}
				walk(v[name], here, func(raw string) string { return put(members(name, fmt.Sprintf("%q:%s", name, raw))) })
			}
		case []any:
			for i := range v {
				rest := slices.Delete(slices.Clone(v), i, i+1)
				add("element removed", string(must(json.Marshal(rest))))
				add("element twice", string(must(json.Marshal(append(slices.Clone(v), v[i])))))
				walk(v[i], at, func(raw string) string {
					parts := make([]string, len(v))
					for j := range v {
						parts[j] = string(must(json.Marshal(v[j])))
					}
					parts[i] = raw
					return put("[" + strings.Join(parts, ",") + "]")
				})
			}
		case string:
			for i := 0; i < len(v); i++ {
				if i%step != 0 && i < len(v)-4 {
					continue
				}
				for _, c := range []byte{v[i] ^ 1, v[i] ^ 2, 'A', '=', '\n'} {
					if c == v[i] {
						continue
					}
					b := []byte(v)
					b[i] = c
					if strings.ToValidUTF8(string(b), "") != string(b) {
						continue
					}
					add("changed", string(must(json.Marshal(string(b)))))
				}
			}
			add("shorter", string(must(json.Marshal(v[:max(len(v)-1, 0)]))))
			add("longer", string(must(json.Marshal(v+"A"))))
		}
	}
	walk(doc, "", func(raw string) string { return raw })
	return all
}

// harmless are the changes after which the same is recognized: what is removed
// was one of several, or nothing; and what is changed is a hint. By regular
// expressions of where and what.
func harmless() []*regexp.Regexp {
	const entry = `^/verificationMaterial/tlogEntries`
	var all []*regexp.Regexp
	for _, text := range []string{
		`^/dsseEnvelope/signatures/keyid (removed|null|changed|shorter|longer)$`,                                                // a hint, where a certificate has the key
		`^/verificationMaterial/publicKey/hint (removed|null|changed|shorter|longer)$`,                                          // a hint, without an envelope
		`^/verificationMaterial/publicKey (null|removed|emptied)$`,                                                              // a null
		`^/verificationMaterial/x509CertificateChain/certificates`,                                                              // hints, but for the first, which claims are compared of
		`^/verificationMaterial/timestampVerificationData/rfc3161Timestamps/signedTimestamp changed$`,                           // around what the authority has signed
		`^/verificationMaterial/timestampVerificationData(/rfc3161Timestamps)? (removed|null|emptied|element (removed|twice))$`, // if a log has signed a time
		entry + `/(inclusionPromise|integratedTime) (removed|null)$`,                                                            // if an authority has
		entry + `/inclusionProof (removed|null)$`,                                                                               // in version 0.1
		entry + `/logIndex (removed|null)$`,                                                                                     // of entry 0
		entry + `/inclusionProof/(logIndex|hashes) (removed|null|emptied)$`,                                                     // of entry 0
	} {
		all = append(all, regexp.MustCompile(text))
	}
	return all
}

// harmlessIn are those of a bundle, of which oldest is the oldest version that may be.
func harmlessIn(data []byte, oldest string) []*regexp.Regexp {
	all := harmless()
	if strings.Count(string(data), `\u2014 `)+strings.Count(string(data), `— `) > 1 {
		// A checkpoint that somebody else has signed too, who is not known.
		all = append(all, regexp.MustCompile(`/checkpoint/envelope (changed|longer|shorter)$`))
	}
	if oldest == "0.1" {
		all = append(all, regexp.MustCompile(`^/mediaType changed$`))
	}
	return all
}

// Whatever is changed of a bundle that is accepted, its signer is not recognized;
// or it is one of a few changes, and the same is recognized, but for a time that is gone.
func TestMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	const step = 97
	run := func(t *testing.T, floor string, data []byte, recognize func(data []byte) (*verify.Evidence, error)) {
		want, err := recognize(data)
		if err != nil {
			t.Fatal(err)
		}
		allowed := harmlessIn(data, floor)
		n := 0
		for _, m := range mutations(t, data, step) {
			n++
			ev, err := recognize(m.data)
			if err != nil {
				continue
			}
			at := m.at + " " + m.what
			if !slices.ContainsFunc(allowed, func(r *regexp.Regexp) bool { return r.MatchString(at) }) {
				t.Errorf("%s: still recognized, changed %s", at, m.data)
			}
			// One of several times can be removed, and none changed or added.
			for _, when := range ev.Times {
				if !slices.Contains(want.Times, when) {
					t.Errorf("%s: recognized at %s", at, when)
				}
			}
			// So it is with who vouched, and what a log had beside its promise.
			for _, v := range ev.Vouchers {
				if !slices.ContainsFunc(want.Vouchers, func(w verify.Voucher) bool {
					return w.Key == v.Key && (w.Time == v.Time || v.Time.IsZero()) && (w.Role == v.Role || w.Role == "log" && v.Role == "log-promise")
				}) {
					t.Errorf("%s: recognized by %v", at, v)
				}
			}
			ev.Times, ev.Vouchers = want.Times, want.Vouchers
			if !reflect.DeepEqual(ev, want) {
				t.Errorf("%s: recognized as %+v", at, ev)
			}
		}
		t.Logf("%d mutations", n)
	}

	envelope := func(t *testing.T, r *sigstore.TrustedRoot, who sigstore.Signatory) func(data []byte) (*verify.Evidence, error) {
		id, err := r.NewIdentity(who)
		if err != nil {
			t.Fatal(err)
		}
		return func(data []byte) (*verify.Evidence, error) {
			e, err := sign.Parse(data)
			if err != nil {
				return nil, err
			}
			return id.Recognize(t.Context(), e)
		}
	}

	t.Run("instance", func(t *testing.T) {
		in := newInstance(t)
		recognize := envelope(t, in.root(sigstore.Requirements{}), sigstore.Workflow{Issuer: issuer, Builder: builder})
		for _, s := range []signing{
			{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}},
			{logs: []int{1}, ctLogs: []int{0}},
		} {
			run(t, "", in.sign("{}", s), recognize)
		}
		managed := newKey()
		key := sigstore.Key{Verifier: mustVerify(t, managed)}
		run(t, "", in.sign("{}", signing{logs: []int{0}, tsas: []int{0}, key: managed, hint: "k"}),
			envelope(t, in.root(sigstore.Requirements{}), key))
	})

	t.Run("builder-identity", func(t *testing.T) {
		r, err := sigstore.ParseTrustedRoot(trustedRoot(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range builderCases(t) {
			if c.Want != "accept" {
				continue
			}
			t.Run(c.ID, func(t *testing.T) {
				data := read(t, corpus(t, "builder-identity", filepath.FromSlash(c.Bundle)))
				// Whatever the workflow is, it is the one.
				var who sigstore.Workflow
				for _, id := range releases(t) {
					w := sigstore.Workflow{Issuer: issuer, Builder: id}
					if _, err := envelope(t, r, w)(data); err == nil {
						who = w
					}
				}
				if who.Builder == "" {
					t.Fatal("it is accepted, and of no release of the builder")
				}
				run(t, "", data, envelope(t, r, who))
			})
		}
	})

	t.Run("sigstore-conformance", func(t *testing.T) {
		for _, c := range conformanceCases(t) {
			t.Run(c.name, func(t *testing.T) {
				if _, err := sign.Parse(c.bundle); err == nil {
					run(t, "0.1", c.bundle, envelope(t, c.root, c.who))
					return
				}
				run(t, "0.1", c.bundle, func(data []byte) (*verify.Evidence, error) {
					return c.root.RecognizeArtifact(t.Context(), data, c.artifact, c.who)
				})
			})
		}
	})
}

// A conformanceCase is a bundle of the suite for clients that they must accept.
type conformanceCase struct {
	name     string
	root     *sigstore.TrustedRoot
	who      sigstore.Signatory
	bundle   []byte
	artifact hallmark.Artifact
}

func conformanceCases(t *testing.T) (all []conformanceCase) {
	t.Helper()
	var cases []struct {
		Case, Identity, Issuer, TrustedRoot, Artifact string
		WantFail, Key                                 bool
	}
	if err := json.Unmarshal(read(t, corpus(t, "sigstore-conformance", "cases.json")), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.WantFail {
			continue
		}
		dir := corpus(t, "sigstore-conformance", "assets", "bundle-verify", c.Case)
		file := filepath.Join(dir, "trusted_root.json")
		if _, err := os.Stat(file); err != nil {
			file = corpus(t, "sigstore-roots", "production", "trusted_root.json")
		}
		one := conformanceCase{name: c.Case, who: sigstore.Account{Issuer: c.Issuer, Subject: c.Identity}}
		one.root = must(must(sigstore.ParseTrustedRoot(read(t, file))).Require(sigstore.Requirements{OldestBundle: "0.1"}))
		if c.Key {
			one.who = sigstore.Key{Verifier: must(sign.ParsePublicKey(read(t, filepath.Join(dir, "key.pub"))))}
		}
		one.bundle = read(t, filepath.Join(dir, "bundle.sigstore.json"))
		if c.Artifact != "" {
			if _, err := os.Stat(filepath.Join(dir, c.Artifact)); err == nil {
				one.artifact = must(hallmark.HashFile(filepath.Join(dir, c.Artifact)))
			}
		}
		all = append(all, one)
	}
	return all
}
