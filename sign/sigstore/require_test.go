package sigstore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

func set(name string, value any) func(object) { return func(o object) { o[name] = value } }
func drop(names ...string) func(object)       { return func(o object) { dropAll(o, names) } }
func dropAll(o object, names []string) {
	for _, n := range names {
		delete(o, n)
	}
}

// version makes a bundle of version 0.3 one of an older version.
func version(v string) func(object) {
	return func(b object) {
		b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=" + v
		materialOf(b)["x509CertificateChain"] = object{"certificates": []any{materialOf(b)["certificate"]}}
		delete(materialOf(b), "certificate")
	}
}

func materialOf(b object) object                { return b["verificationMaterial"].(object) }
func entryOf(b object, i int) object            { return materialOf(b)["tlogEntries"].([]any)[i].(object) }
func inEntry(f func(entry object)) func(object) { return func(b object) { f(entryOf(b, 0)) } }

// eachIn changes the objects of lists of a trusted root.
func eachIn(f func(o object), lists ...string) func(object) {
	return func(root object) {
		for _, l := range lists {
			for _, x := range root[l].([]any) {
				f(x.(object))
			}
		}
	}
}

// end ends the validity of all of lists.
func end(at time.Time, lists ...string) func(object) {
	return eachIn(func(o object) {
		if key, ok := o["publicKey"].(object); ok {
			o = key
		}
		o["validFor"].(object)["end"] = at.Format(time.RFC3339)
	}, lists...)
}

// What a bundle must have, and what it must not have.
func TestRequirements(t *testing.T) {
	in := newInstance(t)
	at := began().Add(time.Hour)
	email := []asn1.RawValue{{Class: 2, Tag: 1, Bytes: []byte("who@example.com")}}
	name := otherName("who!example.com")
	workflow := sigstore.Workflow{Issuer: issuer, Builder: builder}
	who := sigstore.Account{Issuer: issuer, Subject: "who@example.com"}
	managed, other := newKey(), newKey()
	key := sigstore.Key{Verifier: mustVerify(t, managed)}
	one := signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}
	with := func(s signing, f func(*signing)) signing { f(&s); return s }
	logs := func(n ...int) signing { return with(one, func(s *signing) { s.logs = n }) }
	tsas := func(n ...int) signing { return with(one, func(s *signing) { s.tsas = n }) }
	oldLog := signing{logs: []int{1}, ctLogs: []int{0}}
	hashed := with(oldLog, func(s *signing) { s.hashed = true })
	otherHashed := object{}
	if err := json.Unmarshal(in.sign(`{"b":2}`, hashed), &otherHashed); err != nil {
		t.Fatal(err)
	}
	keyed := signing{logs: []int{0}, tsas: []int{0}, key: managed, hint: "k"}
	private := drop("tlogs", "ctlogs")
	none := sigstore.Requirements{}
	oldest := func(v string) sigstore.Requirements { return sigstore.Requirements{OldestBundle: v} }

	for _, test := range []struct {
		name    string
		signing signing
		edit    func(bundle object)
		root    func(root object)
		require sigstore.Requirements
		who     sigstore.Signatory
		want    string // the fault, or "" for none
	}{
		{"a log of version 2, and a timestamp", one, nil, nil, none, workflow, ""},
		{"a log of version 1, with its time", oldLog, nil, nil, none, workflow, ""},
		{"a trusted root of version 0.1", one, nil, set("mediaType", "application/vnd.dev.sigstore.trustedroot+json;version=0.1"), none, workflow, ""},
		{"logs that have no id but that of checkpoints", one, func(b object) {
			id, _ := base64.StdEncoding.DecodeString(entryOf(b, 0)["logId"].(object)["keyId"].(string))
			entryOf(b, 0)["logId"].(object)["keyId"] = id[:4]
		}, eachIn(drop("logId"), "tlogs"), none, workflow, ""},
		{"an entry by the id of checkpoints", one, func(b object) {
			id, _ := base64.StdEncoding.DecodeString(entryOf(b, 0)["logId"].(object)["keyId"].(string))
			entryOf(b, 0)["logId"].(object)["keyId"] = id[:4]
		}, nil, none, workflow, ""},

		{"two logs of two operators", logs(0, 2), nil, nil, sigstore.Requirements{Logs: 2}, workflow, ""},
		{"two logs of one operator", logs(0, 1), nil, nil, sigstore.Requirements{Logs: 2}, workflow, "of the logs of 1 operators, want 2"},
		{"one log", one, nil, nil, sigstore.Requirements{Logs: 2}, workflow, "of the logs of 1 operators, want 2"},
		{"one log by two ids", one, func(b object) {
			again := object{}
			for n, v := range entryOf(b, 0) {
				again[n] = v
			}
			again["logId"] = object{"keyId": []byte("another id")}
			materialOf(b)["tlogEntries"] = []any{entryOf(b, 0), again}
		}, func(root object) {
			again := object{}
			for n, v := range root["tlogs"].([]any)[0].(object) {
				again[n] = v
			}
			again["logId"], again["operator"] = object{"keyId": []byte("another id")}, "c.example"
			delete(again, "checkpointKeyId")
			root["tlogs"] = append(root["tlogs"].([]any), again)
		}, sigstore.Requirements{Logs: 2}, workflow, "of the logs of 1 operators, want 2"},
		{"a log that is not known", one, nil, func(root object) { root["tlogs"] = root["tlogs"].([]any)[1:] }, none, workflow, "which the trusted root does not have"},
		{"a log that is not known beside one that is", logs(0, 2), nil, func(root object) { root["tlogs"] = root["tlogs"].([]any)[2:] }, none, workflow, ""},

		{"two authorities of two operators", tsas(0, 1), nil, nil, sigstore.Requirements{TimestampAuthorities: 2}, workflow, ""},
		{"two timestamps of one authority", tsas(0, 0), nil, nil, sigstore.Requirements{TimestampAuthorities: 2}, workflow, "of the authorities of 1 operators, want 2"},
		{"two authorities of one operator", tsas(0, 1), nil, func(root object) {
			eachIn(set("operator", "a.example"), "timestampAuthorities")(root)
			third := object{}
			for n, v := range root["timestampAuthorities"].([]any)[0].(object) {
				third[n] = v
			}
			third["operator"] = "c.example"
			third["certChain"] = object{"certificates": []any{object{"rawBytes": authority("x", "x", []x509.ExtKeyUsage{0}).chain[0].Raw}}}
			root["timestampAuthorities"] = append(root["timestampAuthorities"].([]any), third)
		}, sigstore.Requirements{TimestampAuthorities: 2}, workflow, "of the authorities of 1 operators, want 2"},
		{"a log's time instead of an authority's", oldLog, nil, nil, sigstore.Requirements{TimestampAuthorities: 1}, workflow, "of the authorities of 0 operators, want 1"},
		{"two certificate logs", with(one, func(s *signing) { s.ctLogs = []int{0, 1} }), nil, nil, sigstore.Requirements{CertificateLogs: 2}, workflow, ""},
		{"one certificate log", one, nil, nil, sigstore.Requirements{CertificateLogs: 2}, workflow, "certificate logs of 1 operators have it, want 2"},
		{"one certificate log twice", with(one, func(s *signing) { s.ctLogs = []int{0, 0} }), nil, nil, sigstore.Requirements{CertificateLogs: 2}, workflow, "of 1 operators"},
		{"no certificate log", with(one, func(s *signing) { s.ctLogs = nil }), nil, nil, none, workflow, "certificate log: "},

		{"an instance without logs", signing{tsas: []int{0}}, nil, private, sigstore.Requirements{NoLogs: true}, workflow, ""},
		{"an instance without logs, and no time", signing{}, nil, private, sigstore.Requirements{NoLogs: true}, workflow, "timestamp: of the authorities of 0 operators, want 1"},

		{"the second time is outside of the certificate's validity", with(tsas(0, 1), func(s *signing) { s.stamps = []time.Time{at, at.Add(11 * time.Minute)} }), nil, nil, none, workflow, "certificate: the verified time"},
		{"the second time is after the authority's end", with(tsas(0, 1), func(s *signing) { s.stamps = []time.Time{at, at.Add(time.Minute)} }), nil, end(at, "certificateAuthorities"), none, workflow, "certificate: at 2026-01-01 01:01:00"},
		{"an entry of another certificate", oldLog, func(b object) {
			sig := must(base64.StdEncoding.DecodeString(b["dsseEnvelope"].(object)["signatures"].([]any)[0].(object)["sig"].(string)))
			s := signing{names: email, issuer: issuer, at: at}
			materialOf(b)["tlogEntries"] = []any{in.entry(in.logs[1], s, sig, []byte(`{"a":1}`), nil, in.certificateFor(other.Public(), s), nil)}
		}, nil, none, workflow, "its body is of another certificate"},
		{"the first time is", with(tsas(0, 1), func(s *signing) { s.stamps = []time.Time{at.Add(-2 * time.Minute)} }), nil, nil, none, workflow, "certificate: the verified time"},
		{"one authority is not known", tsas(0, 1), nil, func(root object) { root["timestampAuthorities"] = root["timestampAuthorities"].([]any)[:1] }, none, workflow, ""},
		{"no authority is known", tsas(1), nil, func(root object) { root["timestampAuthorities"] = root["timestampAuthorities"].([]any)[:1] }, none, workflow, "timestamp 0: no authority"},
		{"no authority is known, but a log's time is", with(oldLog, func(s *signing) { s.tsas = []int{1} }), nil, func(root object) { root["timestampAuthorities"] = root["timestampAuthorities"].([]any)[:1] }, none, workflow, "timestamp 0: no authority"},

		{"a time that is not signed", oldLog, inEntry(drop("inclusionPromise")), nil, none, workflow, "no verified time"},
		{"a time that is not signed, beside one that is", with(oldLog, func(s *signing) { s.tsas = []int{0} }), inEntry(drop("inclusionPromise")), nil, none, workflow, ""},
		{"a time that is not signed, and contradicts", with(oldLog, func(s *signing) { s.tsas = []int{0} }), func(b object) {
			delete(entryOf(b, 0), "inclusionPromise")
			entryOf(b, 0)["integratedTime"] = "1"
		}, nil, none, workflow, "outside of the certificate's validity, and not signed"},
		{"a time of a log that says none", one, inEntry(set("integratedTime", fmt.Sprint(at.Unix()))), nil, none, workflow, "a log of version 2 does not say"},
		{"another time than was signed", oldLog, inEntry(set("integratedTime", fmt.Sprint(at.Unix()+1))), nil, none, workflow, "inclusion promise: "},
		{"a promise of a log that makes none", one, inEntry(set("inclusionPromise", object{"signedEntryTimestamp": "AAAA"})), nil, none, workflow, "a log of version 2 does not make"},
		{"an envelope logged by its hash", hashed, nil, nil, none, workflow, ""},
		{"another envelope's hash", hashed, inEntry(func(e object) { e["canonicalizedBody"] = entryOf(otherHashed, 0)["canonicalizedBody"] }), nil, none, workflow, "it is of another payload: sha256:"},
		{"another index than was signed", oldLog, inEntry(set("logIndex", "1")), nil, none, workflow, "inclusion promise: "},

		{"version 0.1 with a promise only", oldLog, func(b object) { version("0.1")(b); delete(entryOf(b, 0), "inclusionProof") }, nil, oldest("0.1"), workflow, ""},
		{"version 0.1, and 0.2 wanted", oldLog, version("0.1"), nil, oldest("0.2"), workflow, "bundle of version 0.1, want version 0.2"},
		{"version 0.1 without a promise", with(oldLog, func(s *signing) { s.tsas = []int{0} }), func(b object) { version("0.1")(b); delete(entryOf(b, 0), "inclusionPromise") }, nil, oldest("0.1"), workflow, "no inclusion promise"},
		{"version 0.1 of a log that makes no promise", one, version("0.1"), nil, oldest("0.1"), workflow, "no inclusion promise"},
		{"version 0.2 with a promise only", oldLog, func(b object) { version("0.2")(b); delete(entryOf(b, 0), "inclusionProof") }, nil, oldest("0.1"), workflow, "no inclusion proof"},
		{"version 0.2, not asked for", oldLog, version("0.2"), nil, none, workflow, "bundle of version 0.2, want version 0.3"},
		{"version 0.2", oldLog, version("0.2"), nil, oldest("0.2"), workflow, ""},
		{"a proof without a checkpoint", one, inEntry(func(e object) { delete(e["inclusionProof"].(object), "checkpoint") }), nil, none, workflow, "inclusion proof without a checkpoint"},
		{"a proof of another tree", one, inEntry(func(e object) { e["inclusionProof"].(object)["treeSize"] = "2" }), nil, none, workflow, "inclusion proof: "},
		{"a proof of another entry", one, inEntry(func(e object) { e["logIndex"] = "1" }), nil, none, workflow, "inclusion proof: it is of entry 0, not of entry 1"},
		{"64 hashes in a proof", one, inEntry(func(e object) { e["inclusionProof"].(object)["hashes"] = make64() }), nil, none, workflow, "more than 63 hashes"},
		{"33 timestamps", one, func(b object) {
			all := make([]any, 33)
			for i := range all {
				all[i] = object{"signedTimestamp": "AAAA"}
			}
			materialOf(b)["timestampVerificationData"].(object)["rfc3161Timestamps"] = all
		}, nil, none, workflow, "more than 32 timestamps"},
		{"base64 with a line break", one, func(b object) {
			c := materialOf(b)["certificate"].(object)
			c["rawBytes"] = c["rawBytes"].(string)[:4] + "\n" + c["rawBytes"].(string)[4:]
		}, nil, none, workflow, "malformed base64: line break"},
		{"null for what is not there", one, inEntry(set("inclusionPromise", nil)), nil, none, workflow, ""},

		{"the log's key ends with the entry", oldLog, nil, end(at, "tlogs"), none, workflow, ""},
		{"the log's key ended before", oldLog, nil, end(at.Add(-time.Second), "tlogs"), none, workflow, "the log's key was not valid"},
		{"the authority ends with the certificate", one, nil, end(at, "certificateAuthorities"), none, workflow, ""},
		{"the authority ended before", one, nil, end(at.Add(-time.Second), "certificateAuthorities"), none, workflow, "certificate: at "},
		{"the timestamp authority ends with the timestamp", one, nil, end(at, "timestampAuthorities"), none, workflow, ""},
		{"the timestamp authority ended before", one, nil, end(at.Add(-time.Second), "timestampAuthorities"), none, workflow, "timestamp 0: "},
		{"the certificate log ends with its promise", one, nil, end(at, "ctlogs"), none, workflow, ""},
		{"the certificate log ended before", one, nil, end(at.Add(-time.Second), "ctlogs"), none, workflow, "certificate log: "},

		{"a person", with(one, func(s *signing) { s.names = email }), nil, nil, none, who, ""},
		{"a person of another issuer", with(one, func(s *signing) { s.names, s.issuer = email, "https://evil.example" }), nil, nil, none, who, `for a token of "https://evil.example"`},
		{"another person", with(one, func(s *signing) { s.names = email }), nil, nil, none, sigstore.Account{Issuer: issuer, Subject: "who@example.co"}, `the certificate is of "who@example.com"`},
		{"a person, and not a workflow", with(one, func(s *signing) { s.names = email }), nil, nil, none, sigstore.Workflow{Issuer: issuer, Builder: "who@example.com"}, `the certificate is of "who@example.com"`},
		{"an account", with(one, func(s *signing) { s.names = name }), nil, nil, none, sigstore.Account{Issuer: issuer, Subject: "who!example.com"}, ""},
		{"a workflow as an account", one, nil, nil, none, sigstore.Account{Issuer: issuer, Subject: builder}, ""},

		{"a key", keyed, nil, nil, none, key, ""},
		{"a key in a log of version 1", with(keyed, func(s *signing) { s.logs, s.tsas = []int{1}, nil }), nil, nil, none, key, ""},
		{"a key without a hint", with(keyed, func(s *signing) { s.hint = "" }), nil, nil, none, key, ""},
		{"a key by another id in the envelope", keyed, func(b object) { b["dsseEnvelope"].(object)["signatures"].([]any)[0].(object)["keyid"] = "l" }, nil, none, key, `the key id of its signature "l"`},
		{"another key", keyed, nil, nil, none, sigstore.Key{Verifier: mustVerify(t, other)}, "its body is of another signature, key or payload"},
		{"another key in a log of version 1", with(keyed, func(s *signing) { s.logs, s.tsas = []int{1}, nil }), nil, nil, none, sigstore.Key{Verifier: mustVerify(t, other)}, "its body is of another key"},
		{"a key without a log entry", with(keyed, func(s *signing) { s.logs = nil }), nil, nil, none, key, "not enough log entries"},
		{"a key without a time", with(keyed, func(s *signing) { s.tsas = nil }), nil, nil, none, key, "no verified time"},
		{"a key on its last day", keyed, nil, nil, none, sigstore.Key{Verifier: key.Verifier, End: at}, ""},
		{"a key after its end", keyed, nil, nil, none, sigstore.Key{Verifier: key.Verifier, End: at.Add(-time.Second)}, "the key was not valid at"},
		{"a key before its start", keyed, nil, nil, none, sigstore.Key{Verifier: key.Verifier, Start: at.Add(time.Second)}, "the key was not valid at"},
		{"a key, and a workflow wanted", keyed, nil, nil, none, workflow, "the bundle has a key, and no certificate"},
		{"a workflow, and a key wanted", one, nil, nil, none, key, "the bundle has a certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			edits := []func(object){}
			if test.root != nil {
				edits = append(edits, test.root)
			}
			changes := []func(object){}
			if test.edit != nil {
				changes = append(changes, test.edit)
			}
			id, err := in.root(test.require, edits...).NewIdentity(test.who)
			if err != nil {
				t.Fatal(err)
			}
			e, err := sign.Parse(in.sign(`{"a":1}`, test.signing, changes...))
			if err != nil {
				err = fmt.Errorf("%w: %w", verify.ErrNotSigned, err)
			}
			var ev *verify.Evidence
			if err == nil {
				ev, err = id.Recognize(t.Context(), e)
			}
			if test.want != "" {
				if ev != nil || !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, %v, want ErrNotSigned with %q", ev, err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantRecalled(t, id, ev)
			_, isKey := test.who.(sigstore.Key)
			if string(ev.Payload) != `{"a":1}` || (len(ev.Keys) == 1) != isKey || (ev.Claims == nil) != isKey {
				t.Errorf("evidence %+v", ev)
			}
		})
	}
}

func make64() (all []any) {
	for range 64 {
		all = append(all, bytes.Repeat([]byte{1}, 32))
	}
	return all
}

func otherName(name string) []asn1.RawValue {
	id := must(asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 7}))
	value := must(asn1.MarshalWithParams(name, "utf8,explicit,tag:0"))
	return []asn1.RawValue{{Class: 2, Tag: 0, IsCompound: true, Bytes: append(id, value...)}}
}

func mustVerify(t *testing.T, key *ecdsa.PrivateKey) sign.Verifier {
	t.Helper()
	v, err := sign.NewVerifier(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Requirements that no bundle could meet, and signatories that nobody is.
func TestImpossible(t *testing.T) {
	in := newInstance(t)
	workflow := sigstore.Workflow{Issuer: issuer, Builder: builder}
	for _, test := range []struct {
		name    string
		root    func(object)
		require sigstore.Requirements
		who     sigstore.Signatory
		want    string
	}{
		{"more logs than operators", nil, sigstore.Requirements{Logs: 3}, workflow, "logs of 3 operators, the trusted root names 2"},
		{"operators without names", eachIn(drop("operator"), "tlogs"), sigstore.Requirements{Logs: 2}, workflow, "the trusted root names 1"},
		{"more certificate logs", nil, sigstore.Requirements{CertificateLogs: 3}, workflow, "certificate logs of 3 operators"},
		{"more authorities", nil, sigstore.Requirements{TimestampAuthorities: 3}, workflow, "timestamp authorities of 3 operators"},
		{"fewer than none", nil, sigstore.Requirements{Logs: -1}, workflow, "a requirement of -1 logs"},
		{"fewer certificate logs than none", nil, sigstore.Requirements{CertificateLogs: -1}, workflow, "-1 certificate logs"},
		{"fewer authorities than none", nil, sigstore.Requirements{TimestampAuthorities: -1}, workflow, "-1 timestamp authorities"},
		{"a version that there is not", nil, sigstore.Requirements{OldestBundle: "0.0"}, workflow, "want 0.1, 0.2 or 0.3"},
		{"no logs, where there are", nil, sigstore.Requirements{NoLogs: true}, workflow, "trusted root with a log"},
		{"no logs, and one of them", drop("tlogs", "ctlogs"), sigstore.Requirements{NoLogs: true, Logs: 1}, workflow, "and of an instance without"},
		{"no logs, and no authority", drop("tlogs", "ctlogs", "timestampAuthorities"), sigstore.Requirements{NoLogs: true}, workflow, "without a timestamp authority"},
		{"no logs, and not asked for", drop("tlogs", "ctlogs"), sigstore.Requirements{}, workflow, "without a log"},
		{"no certificate logs", drop("ctlogs"), sigstore.Requirements{}, workflow, "without a certificate log"},
		{"no authority", drop("certificateAuthorities"), sigstore.Requirements{}, workflow, "without a certificate authority"},
		{"nobody", nil, sigstore.Requirements{}, nil, "nobody is expected"},
		{"no issuer", nil, sigstore.Requirements{}, sigstore.Account{Subject: "x"}, "needs an issuer and a subject"},
		{"no subject", nil, sigstore.Requirements{}, sigstore.Account{Issuer: "x"}, "needs an issuer and a subject"},
		{"no key", nil, sigstore.Requirements{}, sigstore.Key{}, "no key"},
	} {
		edits := []func(object){}
		if test.root != nil {
			edits = append(edits, test.root)
		}
		r, err := sigstore.ParseTrustedRoot(in.trustedRoot(edits...))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if r, err = r.Require(test.require); err == nil {
			_, err = r.NewIdentity(test.who)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.name, err, test.want)
		}
	}

	// A key needs no certificates.
	r, err := sigstore.ParseTrustedRoot(in.trustedRoot(drop("certificateAuthorities", "ctlogs")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.NewIdentity(sigstore.Key{Verifier: mustVerify(t, newKey())}); err != nil {
		t.Error(err)
	}
}

// Keys that others could make too, and roots that are no roots.
func TestWeakRoots(t *testing.T) {
	in := newInstance(t)
	weakRSA := must(x509.MarshalPKIXPublicKey(&must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey))
	p224 := must(x509.MarshalPKIXPublicKey(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).Public()))
	with := func(der []byte, details string) func(object) {
		return func(l object) {
			l["publicKey"].(object)["rawBytes"], l["publicKey"].(object)["keyDetails"] = der, details
		}
	}
	many := func(list string) func(object) {
		return func(root object) {
			one := root[list].([]any)[0]
			for range sigstore.MaxInstances {
				root[list] = append(root[list].([]any), one)
			}
		}
	}
	for _, test := range []struct {
		name string
		edit func(object)
		want string
	}{
		{"RSA of 1024 bits", eachIn(with(weakRSA, "PKIX_RSA_PKCS1V15_2048_SHA256"), "tlogs"), "of 1024 bits, want 2048"},
		{"RSA of 1024 bits for certificates", eachIn(with(weakRSA, "PKIX_RSA_PKCS1V15_2048_SHA256"), "ctlogs"), "of 1024 bits, want 2048"},
		{"the curve P-224", eachIn(with(p224, "PKIX_ECDSA_P256_SHA_256"), "tlogs"), "on another curve than P-256"},
		{"a key that is none", eachIn(with([]byte{1}, "PKIX_ECDSA_P256_SHA_256"), "tlogs"), "failed to parse public key"},
		{"a log without an id", eachIn(drop("logId", "checkpointKeyId"), "tlogs"), "log 0 has no id"},
		{"a log without a start", eachIn(func(l object) { delete(l["publicKey"].(object), "validFor") }, "tlogs"), "no start of its validity"},
		{"an authority without a start", eachIn(drop("validFor"), "certificateAuthorities"), "certificate authority 0 has no start"},
		{"a timestamp authority without a start", eachIn(drop("validFor"), "timestampAuthorities"), "timestamp authority 0 has no start"},
		{"an authority without certificates", eachIn(drop("certChain"), "certificateAuthorities"), "has 0 certificates"},
		{"an authority whose certificate is none", eachIn(set("certChain", object{"certificates": []any{object{"rawBytes": "AAAA"}}}), "timestampAuthorities"), "timestamp authority 0: certificate 0"},
		{"two logs of one id", func(root object) { root["tlogs"] = append(root["tlogs"].([]any), root["tlogs"].([]any)[0]) }, "two logs have the id"},
		{"two certificate logs of one id", func(root object) { root["ctlogs"] = append(root["ctlogs"].([]any), root["ctlogs"].([]any)[0]) }, "two certificate logs have the id"},
		{"too many logs", many("tlogs"), "at most 64"},
		{"too many certificate logs", many("ctlogs"), "at most 64"},
		{"too many authorities", many("certificateAuthorities"), "at most 64"},
		{"too many timestamp authorities", many("timestampAuthorities"), "at most 64"},
		{"a signing config", func(r object) {
			clear(r)
			r["mediaType"], r["caUrls"] = "application/vnd.dev.sigstore.signingconfig.v0.2+json", []any{}
		}, `media type "application/vnd.dev.sigstore.signingconfig.v0.2+json", want that of a trusted root`},
		{"a member twice in two cases", set("Tlogs", []any{}), "malformed trusted root"},
	} {
		if r, err := sigstore.ParseTrustedRoot(in.trustedRoot(test.edit)); r != nil || err == nil ||
			!strings.HasPrefix(err.Error(), "malformed trusted root: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", test.name, r, err, test.want)
		}
	}
}

// Signatures of a digest.
func TestRecognizeArtifact(t *testing.T) {
	in := newInstance(t)
	r := in.root(sigstore.Requirements{})
	data := []byte("the artifact")
	digests := must(hallmark.Hash(bytes.NewReader(data), "sha256", "sha512"))
	app := hallmark.Artifact{Digests: digests}
	evil := hallmark.Artifact{Digests: must(hallmark.Hash(strings.NewReader("another artifact")))}
	workflow := sigstore.Workflow{Issuer: issuer, Builder: builder}
	managed := newKey()
	key := sigstore.Key{Verifier: mustVerify(t, managed)}
	tiles := signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}, artifact: data}
	old := signing{logs: []int{1}, ctLogs: []int{0}, artifact: data}
	keyed := tiles
	keyed.key = managed
	digest := func(of string) func(object) {
		return func(b object) {
			sum := sha256.Sum256([]byte(of))
			b["messageSignature"].(object)["messageDigest"].(object)["digest"] = sum[:]
		}
	}

	for _, test := range []struct {
		name      string
		bundle    []byte
		app       hallmark.Artifact
		who       sigstore.Signatory
		want      string // the fault, or "" for none
		undecided bool
	}{
		{"a log of version 2", in.sign("", tiles), app, workflow, "", false},
		{"a log of version 1", in.sign("", old), app, workflow, "", false},
		{"a key", in.sign("", keyed), app, key, "", false},
		{"another artifact", in.sign("", tiles), evil, workflow, "is of another artifact", false},
		{"another artifact, and the digest too", in.sign("", tiles, digest("another artifact")), evil, workflow, "log entry 0: ", false},
		{"another artifact, and the digest too, in a log of version 1", in.sign("", old, digest("another artifact")), evil, workflow, "it is of another artifact", false},
		{"another digest", in.sign("", tiles, digest("x")), app, workflow, "is of another artifact", false},
		{"a digest by another hash", in.sign("", tiles, func(b object) {
			b["messageSignature"].(object)["messageDigest"].(object)["algorithm"] = "SHA2_512"
		}), app, workflow, "is of another artifact", false},
		{"a digest by no hash", in.sign("", tiles, func(b object) {
			b["messageSignature"].(object)["messageDigest"].(object)["algorithm"] = "SHA3_512"
		}), app, workflow, "message digest by", false},
		{"no digest", in.sign("", tiles, func(b object) { delete(b["messageSignature"].(object), "messageDigest") }), app, workflow, "without a digest", false},
		{"another signature", in.sign("", tiles, func(b object) { b["messageSignature"].(object)["signature"] = "AAAA" }), app, workflow, "another signature", false},
		{"an envelope", in.sign("{}", signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}), app, workflow, "not a message signature", false},
		{"an artifact without that digest", in.sign("", tiles), hallmark.Artifact{Digests: digests[1:]}, workflow, "the artifact has none", true},
		{"an artifact without a digest", in.sign("", tiles), hallmark.Artifact{}, workflow, "without a digest", true},
		{"nobody", in.sign("", tiles), app, nil, "nobody is expected", true},
		{"not JSON", []byte("{"), app, workflow, "malformed bundle", false},
	} {
		ev, err := r.RecognizeArtifact(t.Context(), test.bundle, test.app, test.who)
		switch {
		case test.want == "":
			if err != nil || ev.Payload != nil || ev.PayloadType != "" || len(ev.Keys) == 0 && ev.Claims == nil {
				t.Errorf("%s: %+v, %v", test.name, ev, err)
			}
		case ev != nil || err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, verify.ErrNotSigned) == test.undecided:
			t.Errorf("%s: %v, %v, want an error with %q", test.name, ev, err, test.want)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.RecognizeArtifact(ctx, in.sign("", tiles), app, workflow); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	// An envelope's Recognize says so of a digest's bundle.
	id, err := r.NewIdentity(workflow)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := id.Recognize(t.Context(), &sign.Envelope{Bundle: in.sign("", tiles)}); !errors.Is(err, verify.ErrNotSigned) {
		t.Errorf("a message signature: %v", err)
	}
}

// Nothing asks a network, and several goroutines may use one Identity.
func TestOffline(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) {
		t.Error("something dialled")
		return nil, errors.New("no network")
	}
	transport, resolver := http.DefaultTransport, net.DefaultResolver
	http.DefaultTransport = &http.Transport{DialContext: refuse}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: refuse}
	defer func() { http.DefaultTransport, net.DefaultResolver = transport, resolver }()

	in := newInstance(t)
	id, err := in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})
	if err != nil {
		t.Fatal(err)
	}
	e := mustParse(t, in.sign("{}", signing{logs: []int{0, 1}, ctLogs: []int{0}, tsas: []int{0}}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := id.Recognize(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
