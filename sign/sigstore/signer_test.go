package sigstore_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/digitorus/timestamp"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigstoreverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

func TestSign(t *testing.T) {
	for _, rekor := range []int{1, 2} {
		t.Run(fmt.Sprintf("Rekor %d", rekor), func(t *testing.T) {
			s := newStack()
			defer s.close()
			payload := []byte(`{"_type":"https://in-toto.io/Statement/v1", "subject":[{"name":"<é>","digest":{"sha256":"` + strings.Repeat("ab", 32) +
				`"}}], "predicateType":"https://example.com/x", "predicate":{}}`)
			given := bytes.Clone(payload)
			audience := ""
			e, err := s.signer(rekor, sigstore.SignerOptions{Expect: sigstore.Workflow{Issuer: issuer, Builder: builder}}).
				Sign(t.Context(), provenance.MediaType, given, func(ctx context.Context, a string) (string, error) {
					audience = a
					given[0] = 'x' // too late to count
					return s.token(ctx, a)
				})
			if err != nil {
				t.Fatal(err)
			}
			if audience != "sigstore" || e.PayloadType != provenance.MediaType || !bytes.Equal(e.Payload, payload) || len(e.Signatures) != 1 {
				t.Errorf("audience %q, envelope %+v", audience, e)
			}

			// What is in the bundle is what was asked for, and no more.
			again, err := sign.Parse(e.Bundle)
			if err != nil || !bytes.Equal(again.Payload, payload) {
				t.Errorf("the bundle has %+v, %v", again, err)
			}
			var b struct {
				MediaType            string
				VerificationMaterial map[string]json.RawMessage
			}
			if err := json.Unmarshal(e.Bundle, &b); err != nil {
				t.Fatal(err)
			}
			if b.MediaType != "application/vnd.dev.sigstore.bundle.v0.3+json" {
				t.Errorf("media type %s", b.MediaType)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, e.Bundle); err != nil || !bytes.Equal(compact.Bytes(), e.Bundle) {
				t.Errorf("the bundle has white space: %s", e.Bundle)
			}
			members := []string{"certificate", "tlogEntries"}
			if rekor == 2 {
				members = append(members, "timestampVerificationData")
			}
			for name := range b.VerificationMaterial {
				if !slices.Contains(members, name) {
					t.Errorf("the bundle has %s", name)
				}
			}
			for _, c := range []*x509.Certificate{s.ca.root, s.ca.middle, s.tsa.root} {
				if bytes.Contains(e.Bundle, []byte(base64.StdEncoding.EncodeToString(c.Raw)[:300])) {
					t.Errorf("the bundle has %s", c.Subject)
				}
			}
			want := []string{"fulcio POST /api/v2/signingCert", "tsa POST /api/v1/timestamp", "rekor2 POST /api/v2/log/entries"}
			if rekor == 1 {
				want = []string{want[0], "rekor1 POST /api/v1/log/entries"}
			}
			if got := s.asked(); !slices.Equal(got, want) {
				t.Errorf("asked for %q, want %q", got, want)
			}

			// Our own verifier recognizes it, and so does sigstore-go.
			id, err := identityOf(s.trustedRoot(), sigstore.Workflow{Issuer: issuer, Builder: builder})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := id.Recognize(t.Context(), e); err != nil {
				t.Error(err)
			}
			peer := new(bundle.Bundle)
			if err := peer.UnmarshalJSON(e.Bundle); err != nil {
				t.Fatal(err)
			}
			verifier := must(sigstoreverify.NewVerifier(must(root.NewTrustedRootFromJSON(s.trustedRoot())),
				sigstoreverify.WithSignedCertificateTimestamps(1), sigstoreverify.WithTransparencyLog(1), sigstoreverify.WithObserverTimestamps(1)))
			who := must(sigstoreverify.NewShortCertificateIdentity(issuer, "", builder, ""))
			if _, err := verifier.Verify(peer, sigstoreverify.NewPolicy(sigstoreverify.WithoutArtifactUnsafe(), sigstoreverify.WithCertificateIdentity(who))); err != nil {
				t.Error(err)
			}
		})
	}
}

// leaked returns eight or more characters of a secret that are in s.
func leaked(s string, secrets ...string) string {
	for _, secret := range secrets {
		for n := 0; n+8 <= len(secret); n++ {
			if strings.Contains(s, secret[n:n+8]) {
				return secret[n : n+8]
			}
		}
	}
	return ""
}

// refused signs with s and returns an error that is as it should be: it has all
// of want and nothing secret, and with it comes nothing.
func refused(t *testing.T, s *stack, rekor int, opt sigstore.SignerOptions, want ...string) error {
	t.Helper()
	e, err := s.signer(rekor, opt).Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token)
	if e != nil || err == nil {
		t.Fatalf("%v, %v, want an error", e, err)
	}
	for _, w := range append(want, "sigstore: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got the error\n\t%v\nwithout\n\t%s", err, w)
		}
	}
	token := must(s.token(t.Context(), "sigstore"))
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if leak := leaked(text, token); leak != "" {
			t.Errorf("%q of the token is in the error %v", leak, err)
		}
	}
	return err
}

// A fault is something that a service does wrong.
type fault struct {
	name  string
	rekor int
	do    func(*stack)
	step  string // "certificate", "timestamp" or "log entry"
	want  string
}

func answer(service string, status int, body string) func(*stack) {
	return func(s *stack) {
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if name != service {
				return false
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
}

func faults() []fault {
	other := newStack() // another instance
	other.close()
	large := strings.Repeat(" ", sigstore.MaxAnswerSize) + "{}"
	all := []fault{
		{"another key", 2, func(s *stack) { s.certify = func(_ *x509.Certificate, pub *any) { *pub = newKey().Public() } }, "certificate", "for another key"},
		{"another workflow", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.URIs[0] = must(url.Parse(builder + "x")) }
		}, "certificate", "it is for the workflow"},
		{"another repository with the same path", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) {
				c.URIs[0] = must(url.Parse("https://github.com/evil" + strings.TrimPrefix(builder, "https://github.com/")))
			}
		}, "certificate", "it is for the workflow"},
		{"another issuer", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.ExtraExtensions[0].Value[10]++ }
		}, "certificate", "it is for the issuer"},
		{"another commit", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.ExtraExtensions[1].Value[10]++ }
		}, "certificate", "it is for the commit"},
		{"no issuer", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.ExtraExtensions = c.ExtraExtensions[1:] }
		}, "certificate", "names no issuer"},
		{"an address", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.URIs, c.EmailAddresses = nil, []string{"who@example.com"} }
		}, "certificate", `it is for the workflow "who@example.com"`},
		{"an expired certificate", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) {
				c.NotBefore, c.NotAfter = s.now.Add(-time.Hour), s.now.Add(-50*time.Minute)
			}
		}, "certificate", "it is valid from 2026-01-02T02:04:00Z to 2026-01-02T02:14:00Z, now it is 2026-01-02T03:04:00Z"},
		{"a certificate of tomorrow", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) {
				c.NotBefore, c.NotAfter = s.now.Add(24*time.Hour), s.now.Add(25*time.Hour)
			}
		}, "certificate", "it is valid from 2026-01-03"},
		{"a certificate for servers", 2, func(s *stack) {
			s.certify = func(c *x509.Certificate, _ *any) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
		}, "certificate", "the trusted root does not vouch for it: certificate: at "},
		{"another authority", 2, func(s *stack) { s.issue = other.ca }, "certificate", "the trusted root does not vouch for it: certificate: at "},
		{"no promise", 2, func(s *stack) { s.unlogged = true }, "certificate", "the trusted root does not vouch for it: certificate log: "},
		{"a promise by another key", 2, func(s *stack) { s.promise = newKey() }, "certificate", "the trusted root does not vouch for it: certificate log: "},
		{"a promise of another log", 2, func(s *stack) { s.ct, s.promise = newKey(), nil }, "", ""}, // that is another instance: replaced below
		{"a promise beside it", 2, func(s *stack) { s.detached = true }, "certificate", "beside the certificate, want it in there"},
		{"no certificate", 2, answer("fulcio", 200, `{"signedCertificateEmbeddedSct":{"chain":{"certificates":[]}}}`), "certificate", "malformed answer: no certificate"},
		{"a certificate that is none", 2, answer("fulcio", 200, `{"signedCertificateEmbeddedSct":{"chain":{"certificates":["x"]}}}`), "certificate", "malformed answer: want a certificate in PEM"},

		{"a certificate that cannot be read", 2, answer("fulcio", 200, `{"signedCertificateEmbeddedSct":{"chain":{"certificates":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]}}}`), "certificate", "malformed answer: certificate: "},

		{"another imprint", 2, func(s *stack) { s.imprint = make([]byte, 32) }, "timestamp", "it is of SHA-256 0000000000000000000000000000000000000000000000000000000000000000, want of SHA-256 "},
		{"an old time", 2, func(s *stack) { s.stampTime = s.now.Add(-time.Hour) }, "timestamp", "its time is 2026-01-02T02:04:00Z, and the certificate is valid from 2026-01-02T03:03:59Z to 2026-01-02T03:14:00Z"},
		{"a refusal", 2, answer("tsa", 200, "\x30\x05\x30\x03\x02\x01\x02"), "timestamp", "malformed answer: \"the request is rejected"},
		{"a timestamp of many bytes", 2, answer("tsa", 201, strings.Repeat("x", 64<<10+1)), "timestamp", "at most 65536 are read"},
		{"a late time", 2, func(s *stack) { s.stampTime = s.now.Add(time.Hour) }, "timestamp", "its time is 2026-01-02T04:04:00Z"},
		{"a time after all", 2, func(s *stack) { s.stampTime = s.now.AddDate(20, 0, 0) }, "timestamp", "no authority of the trusted root has signed it"},
		{"a stamp by another key", 2, func(s *stack) { s.stampBy = newKey() }, "timestamp", "no authority of the trusted root has signed it"},
		{"a stamp that is refused", 2, answer("tsa", 200, "0\x050\x03\x02\x01\x02"), "timestamp", "malformed answer"},
		{"no stamp", 2, answer("tsa", 200, ""), "timestamp", "malformed answer"},

		{"no checkpoint", 2, func(s *stack) { s.checkpoint = func(string) string { return "" } }, "log entry", "inclusion proof without a checkpoint"},
		{"a checkpoint by another key", 2, func(s *stack) {
			s.checkpoint = func(c string) string { return c[:len(c)-6] + "AAA=\n" }
		}, "log entry", "it does not verify"},
		{"a checkpoint of another log", 2, func(s *stack) {
			s.checkpoint = func(c string) string { return strings.ReplaceAll(c, "127.0.0.1", "127.0.0.2") }
		}, "log entry", "it does not verify"},
		{"a checkpoint of another tree", 2, func(s *stack) {
			s.checkpoint = func(c string) string { return strings.Replace(c, "\n1\n", "\n2\n", 1) }
			s.proof = func(p *protorekor.InclusionProof) { p.TreeSize = 2 }
		}, "log entry", "it does not verify"},
		{"a wrong proof", 2, func(s *stack) {
			s.proof = func(p *protorekor.InclusionProof) { p.Hashes = [][]byte{make([]byte, 32)} }
		}, "log entry", "it does not verify"},
		{"a negative index", 2, func(s *stack) { s.proof = func(p *protorekor.InclusionProof) { p.LogIndex = -1 } }, "log entry", "it does not verify: "},
		{"another body", 2, func(s *stack) {
			s.body = func(b string) string { return strings.Replace(b, `"digest":"`, `"digest":"AAAA`, 1) }
		}, "log entry", "it does not verify"},
		{"a body of another kind", 2, func(s *stack) {
			s.body = func(b string) string { return strings.Replace(b, `"hashedrekord"`, `"dsse"`, 1) }
		}, "log entry", `it is a "dsse" "0.0.2", not a "hashedrekord" "0.0.2"`},
		{"a body of another version", 2, func(s *stack) {
			s.body = func(b string) string { return strings.Replace(b, `0.0.2`, `9.9.9`, 1) }
		}, "log entry", `"9.9.9"`},
		{"another root", 2, func(s *stack) { s.proof = func(p *protorekor.InclusionProof) { p.RootHash = make([]byte, 32) } }, "log entry", "it does not lead to its root"},
		{"another size", 2, func(s *stack) { s.proof = func(p *protorekor.InclusionProof) { p.TreeSize = 10 } }, "log entry", "it does not lead to its root"},
		{"an empty entry", 2, answer("rekor2", 201, "{}"), "log entry", "without the id of its log"},
		{"an entry in the old spelling", 2, answer("rekor2", 201, `{"log_index":"1"}`), "log entry", "malformed answer"},
		{"an entry of the other version", 2, func(s *stack) {
			s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
				if name == "rekor2" {
					w.WriteHeader(201)
					_, _ = io.WriteString(w, `{"abab":{"body":"e30="}}`)
				}
				return name == "rekor2"
			}
		}, "log entry", "malformed answer"},

		{"no proof", 1, func(s *stack) {
			s.entry = func(o object) { delete(o["verification"].(object), "inclusionProof") }
		}, "log entry", "without an inclusion proof and a signed time"},
		{"no verification", 1, func(s *stack) { s.entry = func(o object) { delete(o, "verification") } }, "log entry", "without an inclusion proof and a signed time"},
		{"no signed time", 1, func(s *stack) {
			s.entry = func(o object) { delete(o["verification"].(object), "signedEntryTimestamp") }
		}, "log entry", "without an inclusion proof and a signed time"},
		{"no id of the log", 1, func(s *stack) { s.entry = func(o object) { delete(o, "logID") } }, "log entry", "logID"},
		{"another id of the log", 1, func(s *stack) { s.entry = func(o object) { o["logID"] = strings.Repeat("00", 32) } }, "log entry", "it does not verify"},
		{"another time", 1, func(s *stack) { s.entry = func(o object) { o["integratedTime"] = s.now.Add(time.Minute).Unix() } }, "log entry", "it does not verify"},
		{"a body that is none", 1, func(s *stack) { s.entry = func(o object) { o["body"] = 1 } }, "log entry", "body is not a string"},
		{"a body that is not encoded", 1, func(s *stack) { s.entry = func(o object) { o["body"] = "é" } }, "log entry", "malformed answer: body"},
		{"a body of a version that is not known", 1, func(s *stack) {
			s.entry = func(o object) { o["body"] = []byte(`{"apiVersion":"9.9.9","kind":"dsse","spec":{}}`) }
		}, "log entry", `"9.9.9"`},
		{"a body with nothing in it", 1, func(s *stack) {
			s.entry = func(o object) { o["body"] = []byte(`{"apiVersion":"0.0.1","kind":"dsse","spec":{}}`) }
		}, "log entry", ""},
		{"a wrong proof", 1, func(s *stack) {
			s.entry = func(o object) { o["verification"].(object)["inclusionProof"].(object)["treeSize"] = 2 }
		}, "log entry", "it does not verify"},
		{"no checkpoint", 1, func(s *stack) {
			s.entry = func(o object) { delete(o["verification"].(object)["inclusionProof"].(object), "checkpoint") }
		}, "log entry", "checkpoint"},
		{"an empty checkpoint", 1, func(s *stack) {
			s.entry = func(o object) { o["verification"].(object)["inclusionProof"].(object)["checkpoint"] = "" }
		}, "log entry", "checkpoint"},
		{"no entry", 1, answer("rekor1", 201, "{}"), "log entry", "0 entries, want 1"},
		{"two entries", 1, answer("rekor1", 201, `{"a":{},"b":{}}`), "log entry", "2 entries, want 1"},
		{"a null", 1, answer("rekor1", 201, `{"a":null}`), "log entry", "malformed answer"},
	}
	all = slices.DeleteFunc(all, func(f fault) bool { return f.step == "" })

	for step, service := range map[string]string{"certificate": "fulcio", "timestamp": "tsa", "log entry": "rekor2"} {
		all = append(all, []fault{
			{service + ": no JSON", 2, answer(service, 201, "<html>"), step, "malformed answer"},
			{service + ": an array", 2, answer(service, 201, "[]"), step, "malformed answer"},
			{service + ": large", 2, answer(service, 201, large), step, "the answer has more than 1048576 bytes"},
			{service + ": another status", 2, answer(service, 204, ""), step, "status 204"},
			{service + ": refused", 2, answer(service, 400, `{"code":3,"message":"not so"}`), step, `status 400 Bad Request: "not so"`},
			{service + ": forbidden", 2, answer(service, 403, "<p>\nno</p>"), step, `status 403 Forbidden: "<p> no</p>"`},
			{service + ": broken", 2, answer(service, 500, "\x00"), step, "status 500 Internal Server Error (in the last of 4 attempts)"},
			{service + ": busy", 2, func(s *stack) {
				s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
					if name == service {
						w.Header().Set("Retry-After", "3600")
						w.WriteHeader(429)
					}
					return name == service
				}
			}, step, "asks to wait 1h0m0s, at most 30s are waited"},
			{service + ": away until", 2, func(s *stack) {
				s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
					if name == service {
						w.Header().Set("Retry-After", s.now.Add(time.Minute).Format(http.TimeFormat))
						w.WriteHeader(503)
					}
					return name == service
				}
			}, step, "asks to wait 1m0s"},
			{service + ": gone", 2, func(s *stack) {
				server := map[string]*httptest.Server{"fulcio": s.fulcio, "tsa": s.stamps, "rekor2": s.rekor2}[service]
				server.Close()
			}, step, "connection refused"},
			{service + ": cut off", 2, func(s *stack) {
				s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
					if name == service {
						w.Header().Set("Content-Length", "100")
						w.WriteHeader(201)
						_, _ = io.WriteString(w, "{")
					}
					return name == service
				}
			}, step, "read the answer: unexpected EOF"},
			{service + ": elsewhere", 2, func(s *stack) {
				s.first = func(name string, w http.ResponseWriter, r *http.Request) bool {
					if name == service {
						http.Redirect(w, r, strings.Replace(s.rekor1.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
					}
					return name == service
				}
			}, step, "status 307 Temporary Redirect: redirects are not followed"},
		}...)
	}
	return all
}

// Whatever a service does wrong, the error names it and what is wrong, and nobody
// is asked after it.
func TestSignFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(fmt.Sprintf("%s %d %s", f.step, f.rekor, f.name), func(t *testing.T) {
			s := newStack()
			defer s.close()
			f.do(s)
			at := map[string]*httptest.Server{"certificate": s.fulcio, "timestamp": s.stamps, "log entry": s.rekor2}[f.step]
			order := []string{"fulcio", "tsa", "rekor2"}
			if f.rekor == 1 {
				at, order = s.rekor1, []string{"fulcio", "", "rekor1"}
			}
			host := strings.TrimPrefix(at.URL, "http://")
			refused(t, s, f.rekor, sigstore.SignerOptions{}, "sigstore: "+f.step+" of "+host+": ", f.want)
			last := order[slices.Index([]string{"certificate", "timestamp", "log entry"}, f.step)]
			for _, r := range s.asked() {
				service, _, _ := strings.Cut(r, " ")
				if !slices.Contains(order[:slices.Index(order, last)+1], service) {
					t.Errorf("%s was asked", service)
				}
			}
		})
	}
}

// A certificate of an authority with another certificate log.
func TestOtherCertificateLog(t *testing.T) {
	s := newStack()
	defer s.close()
	signer := s.signer(2, sigstore.SignerOptions{})
	s.ct = newKey()
	e, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token)
	if e != nil || err == nil || !strings.Contains(err.Error(), "the trusted root does not vouch for it: certificate log: ") {
		t.Errorf("%v, %v", e, err)
	}
}

func TestExpect(t *testing.T) {
	s := newStack()
	defer s.close()
	refused(t, s, 2, sigstore.SignerOptions{Expect: sigstore.Workflow{Issuer: issuer, Builder: builder + "x"}}, "certificate of ", "want that of workflow "+builder+"x")
	refused(t, s, 2, sigstore.SignerOptions{Expect: sigstore.Workflow{Issuer: issuer + "x", Builder: builder}}, "certificate of ")
	if got := s.asked(); len(got) != 2 {
		t.Errorf("asked for %q", got)
	}
}

// Logs of two operators each have an entry, and each is looked at for itself.
func TestSeveralLogs(t *testing.T) {
	s := newStack()
	defer s.close()
	var config object
	if err := json.Unmarshal(s.config(2), &config); err != nil {
		t.Fatal(err)
	}
	second := object{"url": s.rekor3.URL, "majorApiVersion": 2, "operator": "example.org", "validFor": object{"start": "2026-01-01T00:00:00Z"}}
	config["rekorTlogUrls"] = append(config["rekorTlogUrls"].([]any), second)
	config["rekorTlogConfig"] = object{"selector": "EXACT", "count": 2}
	root := s.trustedRoot()
	sign := func() (*sign.Envelope, error) {
		signer := must(sigstore.NewSigner(must(sigstore.ParseTrustedRoot(root)), must(sigstore.ParseSigningConfig(must(json.Marshal(config)))),
			sigstore.SignerOptions{Now: func() time.Time { return s.now }}))
		return signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token)
	}
	e, err := sign()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(e.Bundle), `"canonicalizedBody"`); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}

	// What the root requires is had, or found lacking before anybody is asked.
	twice := must(must(sigstore.ParseTrustedRoot(root)).Require(sigstore.Requirements{Logs: 2, TimestampAuthorities: 1}))
	opt := sigstore.SignerOptions{Now: func() time.Time { return s.now }}
	signer := must(sigstore.NewSigner(twice, must(sigstore.ParseSigningConfig(must(json.Marshal(config)))), opt))
	if _, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
		t.Error(err)
	}
	asked := len(s.asked())
	for _, rekor := range []int{1, 2} {
		const want = "it selects 1 logs, and the trusted root requires 2"
		signer := must(sigstore.NewSigner(twice, must(sigstore.ParseSigningConfig(s.config(rekor))), opt))
		if _, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	stamped := must(must(sigstore.ParseTrustedRoot(root)).Require(sigstore.Requirements{TimestampAuthorities: 1}))
	signer = must(sigstore.NewSigner(stamped, must(sigstore.ParseSigningConfig(s.config(1))), opt))
	if _, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err == nil ||
		!strings.Contains(err.Error(), "it selects 0 timestamp authorities, and the trusted root requires 1") {
		t.Error(err)
	}
	if len(s.asked()) != asked {
		t.Errorf("asked for %q", s.asked()[asked:])
	}

	s.log3 = newKey() // it is not the one of the trusted root any more
	e, err = sign()
	if e != nil || err == nil || !strings.Contains(err.Error(), "sigstore: log entry of "+strings.TrimPrefix(s.rekor3.URL, "http://")+": it does not verify") {
		t.Errorf("%v, %v", e != nil, err)
	}
}

// A service that is well again is asked again, with the same words.
func TestRetry(t *testing.T) {
	for _, service := range []string{"fulcio", "tsa", "rekor2"} {
		for name, fail := range map[string]func(w http.ResponseWriter){
			"500": func(w http.ResponseWriter) { w.WriteHeader(500) },
			"429": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(429) },
			"503 until": func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "Thu, 01 Jan 2026 00:00:00 GMT")
				w.WriteHeader(503)
			},
			"503 nonsense": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "-1"); w.WriteHeader(503) },
			"cut off": func(w http.ResponseWriter) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					conn.Close()
				}
			},
		} {
			t.Run(service+" "+name, func(t *testing.T) {
				s := newStack()
				defer s.close()
				var mu sync.Mutex
				n := 0
				s.first = func(asked string, w http.ResponseWriter, _ *http.Request) bool {
					mu.Lock()
					defer mu.Unlock()
					if asked == service {
						n++
					}
					if asked != service || n == sigstore.MaxAttempts {
						return false
					}
					fail(w)
					return true
				}
				if _, err := s.signer(2, sigstore.SignerOptions{}).Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
					t.Fatal(err)
				}
				var same []string
				for i, r := range s.asked() {
					if strings.HasPrefix(r, service+" ") {
						same = append(same, s.bodies[i])
					}
				}
				if len(same) != sigstore.MaxAttempts || len(slices.Compact(same)) != 1 {
					t.Errorf("%d requests, that differ: %q", n, same)
				}
			})
		}
	}

	// What was refused is refused.
	for _, status := range []int{400, 401, 403, 404, 408, 422} {
		s := newStack()
		s.first = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			return true
		}
		refused(t, s, 2, sigstore.SignerOptions{}, fmt.Sprintf("status %d", status))
		if got := s.asked(); len(got) != 1 {
			t.Errorf("status %d: asked %q", status, got)
		}
		s.close()
	}
}

// Retry-After is waited for.
func TestRetryAfter(t *testing.T) {
	s := newStack()
	defer s.close()
	n := 0
	s.first = func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		if n++; n > 1 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(503)
		return true
	}
	began := time.Now()
	if _, err := s.signer(2, sigstore.SignerOptions{}).Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("it waited %s", took)
	}
}

// A log that has the entry already, because its first answer was lost, gets
// another signature.
func TestConflict(t *testing.T) {
	for _, rekor := range []int{1, 2} {
		s := newStack()
		n := 0
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if !strings.HasPrefix(name, "rekor") {
				return false
			}
			switch n++; n {
			case 1:
				w.WriteHeader(502)
			case 2:
				w.WriteHeader(409)
			default:
				return false
			}
			return true
		}
		if _, err := s.signer(rekor, sigstore.SignerOptions{}).Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
			t.Error(err)
		}
		var bodies []string
		for i, r := range s.asked() {
			if strings.HasPrefix(r, "rekor") {
				bodies = append(bodies, s.bodies[i])
			}
		}
		if len(bodies) != 3 || bodies[0] != bodies[1] || bodies[1] == bodies[2] {
			t.Errorf("the log was asked %q", bodies)
		}
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if strings.HasPrefix(name, "rekor") {
				w.WriteHeader(409)
			}
			return strings.HasPrefix(name, "rekor")
		}
		refused(t, s, rekor, sigstore.SignerOptions{}, "log entry of ", "has such an entry already")
		s.close()
	}
}

// The end of the context ends it, wherever it is, and leaves nothing running.
func TestCancel(t *testing.T) {
	where := []string{"token", "fulcio", "tsa", "rekor2", "body", "wait"}
	for _, at := range where {
		t.Run(at, func(t *testing.T) {
			s := newStack()
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reached := make(chan struct{})
			once := sync.OnceFunc(func() { close(reached) })
			s.first = func(name string, w http.ResponseWriter, r *http.Request) bool {
				switch {
				case at == "body" && name == "tsa":
					w.Header().Set("Content-Length", "100")
					_, _ = io.WriteString(w, "x")
					_ = http.NewResponseController(w).Flush()
				case at == "wait" && name == "tsa":
					w.WriteHeader(503)
					once()
					return true
				case name != at:
					return false
				}
				once()
				<-r.Context().Done()
				return true
			}
			signer := s.signer(2, sigstore.SignerOptions{})
			signer.SetWait(time.Minute)
			token := s.token
			if at == "token" {
				token = func(ctx context.Context, _ string) (string, error) {
					once()
					<-ctx.Done()
					return "", ctx.Err()
				}
			}
			done := make(chan error, 1)
			go func() {
				e, err := signer.Sign(ctx, provenance.MediaType, []byte("{}"), token)
				if e != nil {
					err = errors.New("an envelope was returned")
				}
				done <- err
			}()
			select {
			case <-reached:
			case err := <-done:
				t.Fatalf("it returned before: %v", err)
			}
			time.Sleep(10 * time.Millisecond)
			cancel()
			began := time.Now()
			err := <-done
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("it returned after %s", took)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
			if at == "wait" && !strings.Contains(err.Error(), "before that: status 503") {
				t.Errorf("got %v", err)
			}
			s.close()
			settled(t, before)
		})
	}
}

// settled waits until there are no more goroutines than there were.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}

func TestNoGoroutineLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStack()
	signer := s.signer(2, sigstore.SignerOptions{})
	for range 5 {
		if _, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
			t.Fatal(err)
		}
	}
	s.close()
	settled(t, before)
}

// One Signer signs at several places at once.
func TestConcurrent(t *testing.T) {
	s := newStack()
	defer s.close()
	signer := s.signer(2, sigstore.SignerOptions{})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			payload := fmt.Sprintf(`{"n":%d}`, i)
			e, err := signer.Sign(t.Context(), provenance.MediaType, []byte(payload), s.token)
			if err != nil || string(e.Payload) != payload {
				t.Error(i, err)
			}
		})
	}
	group.Wait()
	keys := make(map[string]bool)
	for _, b := range s.bodies {
		if strings.Contains(b, "certificateSigningRequest") {
			keys[b] = true
		}
	}
	if len(keys) != 16 {
		t.Errorf("%d keys, want one for each signature", len(keys))
	}
}

// All that can be refused is refused before anybody is asked.
func TestSignRefuses(t *testing.T) {
	s := newStack()
	defer s.close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	claims := func(change object) func(context.Context, string) (string, error) {
		return func(_ context.Context, audience string) (string, error) {
			c := s.claims(audience)
			for name, v := range change {
				if c[name] = v; v == nil {
					delete(c, name)
				}
			}
			return jwt(c), nil
		}
	}
	text := func(s string) func(context.Context, string) (string, error) {
		return func(context.Context, string) (string, error) { return s, nil }
	}
	errNone := errors.New("there is none")
	unused := func(context.Context, string) (string, error) {
		t.Error("the token was asked for")
		return "", errNone
	}
	for _, test := range []struct {
		name    string
		ctx     context.Context
		opt     sigstore.SignerOptions
		kind    string
		payload []byte
		token   func(context.Context, string) (string, error)
		want    string
	}{
		{"no token function", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), nil, "no function for the identity token"},
		{"no payload type", t.Context(), sigstore.SignerOptions{}, "", []byte("y"), unused, "no payload type"},
		{"a payload type that is no text", t.Context(), sigstore.SignerOptions{}, "\xff", []byte("y"), unused, "is not UTF-8"},
		{"a large payload", t.Context(), sigstore.SignerOptions{}, "x", make([]byte, sign.MaxEnvelopeSize/4*3), unused, "a bundle has at most"},
		{"no service at this time", t.Context(), sigstore.SignerOptions{Now: func() time.Time { return time.Unix(0, 0) }}, "x", []byte("y"), unused, "sigstore: signing config: certificate authority: 0 can be used at 1970-01-01"},
		{"no payload", t.Context(), sigstore.SignerOptions{}, "x", []byte{}, unused, "no payload"},
		{"ended", ended, sigstore.SignerOptions{}, "x", []byte("y"), unused, "sigstore: context canceled"},
		{"no token", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), func(context.Context, string) (string, error) { return "", errNone }, "sigstore: identity token: there is none"},
		{"an empty token", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text(""), "malformed identity token: it is empty"},
		{"no token of this kind", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text("correct-horse-battery-staple"), "malformed identity token: want a header, claims and a signature"},
		{"four parts", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text("a.b.c.d"), "malformed identity token: want a header"},
		{"a line break", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text(jwt(s.claims("sigstore")) + "\n"), "white space before or behind it"},
		{"a line break within", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text(strings.Replace(jwt(s.claims("sigstore")), ".", "\n.", 1)), "the header is not base64url"},
		{"standard base64", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text("e30=.e30.e30"), "the header is not base64url"},
		{"a header that is none", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text("MQ.e30.e30"), "malformed header"},
		{"claims that are none", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text("e30.MQ.e30"), "malformed claims"},
		{"a large token", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), text(strings.Repeat("a", sigstore.MaxTokenSize+1)), "65537 bytes, at most 65536 are read"},
		{"no issuer", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"iss": nil}), "malformed identity token: no iss"},
		{"no subject", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"sub": nil}), "malformed identity token: no sub"},
		{"no audience", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"aud": nil}), "malformed identity token: no aud"},
		{"no end", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"exp": nil}), "malformed identity token: no exp"},
		{"an end that is text", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"exp": "9"}), "malformed claims"},
		{"another audience", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"aud": []string{"a", "b"}}), `it is for the audience "a b", want "sigstore"`},
		{"an audience of one's own", t.Context(), sigstore.SignerOptions{Audience: "fulcio.example"}, "x", []byte("y"), claims(object{"aud": "sigstore"}), `it is for the audience "sigstore", want "fulcio.example"`},
		{"expired", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"exp": s.now.Add(-2 * time.Minute).Unix()}), "it expired at 2026-01-02T03:02:00Z, now it is 2026-01-02T03:04:00Z"},
		{"of tomorrow", t.Context(), sigstore.SignerOptions{}, "x", []byte("y"), claims(object{"nbf": s.now.Add(2 * time.Minute).Unix()}), "it is not valid before 2026-01-02T03:06:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := s.signer(2, test.opt).Sign(test.ctx, test.kind, test.payload, test.token)
			if e != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "sigstore: ") || strings.Contains(err.Error(), "battery") {
				t.Errorf("%v, %v, want an error with %q", e, err, test.want)
			}
		})
	}
	if got := s.asked(); len(got) > 0 {
		t.Errorf("asked for %q", got)
	}

	// What a token may be like all the same.
	for name, change := range map[string]object{
		"several audiences": {"aud": []string{"x", "sigstore"}},
		"just expired":      {"exp": s.now.Add(-time.Second).Unix()},
		"valid from now":    {"nbf": s.now.Unix()},
		"a fraction":        {"exp": json.Number("1767323100.5")},
		"no commit":         {"sha": nil},
	} {
		if _, err := s.signer(2, sigstore.SignerOptions{}).Sign(t.Context(), "x", []byte("y"), claims(change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	root, config := must(sigstore.ParseTrustedRoot(s.trustedRoot())), must(sigstore.ParseSigningConfig(s.config(2)))
	for _, test := range []struct {
		root   *sigstore.TrustedRoot
		config *sigstore.SigningConfig
		opt    sigstore.SignerOptions
	}{
		{nil, config, sigstore.SignerOptions{}},
		{root, nil, sigstore.SignerOptions{}},
		{root, config, sigstore.SignerOptions{Expect: sigstore.Workflow{Issuer: issuer}}},
		{root, config, sigstore.SignerOptions{Expect: sigstore.Workflow{Builder: builder}}},
		{root, config, sigstore.SignerOptions{Expect: sigstore.Workflow{}}},
		{root, config, sigstore.SignerOptions{Expect: sigstore.Key{}}},
	} {
		if signer, err := sigstore.NewSigner(test.root, test.config, test.opt); signer != nil || err == nil {
			t.Errorf("%+v: %v, %v", test.opt, signer, err)
		}
	}
}

// Tokens of other systems name the workflow in other claims.
func TestOtherSystems(t *testing.T) {
	for _, test := range []struct {
		name   string
		claims object
		uri    string
		want   string
	}{
		{"GitLab", object{"ci_config_ref_uri": "gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main"}, "https://gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main", ""},
		{"GitLab, another project", object{"ci_config_ref_uri": "gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main"}, "https://gitlab.com/a/c//.gitlab-ci.yml@refs/heads/main", "it is for the workflow"},
		{"SPIFFE", object{"sub": "spiffe://example.com/x"}, "spiffe://example.com/x", ""},
		{"SPIFFE, another one", object{"sub": "spiffe://example.com/x"}, "spiffe://example.com/y", "it is for the subject"},
		{"GitHub on a server of one's own", object{"job_workflow_ref": "a/b/.github/workflows/c.yml@refs/heads/main"}, "https://github.example.com/a/b/.github/workflows/c.yml@refs/heads/main", ""},
		{"one that is not known", object{"sub": "organization:a"}, "https://buildkite.com/a/b", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStack()
			defer s.close()
			s.certify = func(c *x509.Certificate, _ *any) { c.URIs[0] = must(url.Parse(test.uri)) }
			_, err := s.signer(2, sigstore.SignerOptions{}).Sign(t.Context(), "x", []byte("y"), func(_ context.Context, audience string) (string, error) {
				c := s.claims(audience)
				delete(c, "job_workflow_ref")
				for name, v := range test.claims {
					c[name] = v
				}
				return jwt(c), nil
			})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// People sign as jobs do, by a token of whoever they logged in at.
func TestPeople(t *testing.T) {
	const google = "https://accounts.google.com"
	for _, test := range []struct {
		name    string
		claims  object
		subject string // of the certificate
		issuer  string
		want    string
	}{
		{"a person", object{"iss": google, "email": "who@example.com"}, "who@example.com", google, ""},
		{"another person", object{"iss": google, "email": "who@example.com"}, "you@example.com", google, `it is for the account "you@example.com", and the token for "who@example.com"`},
		{"a person without an address", object{"iss": google}, "who@example.com", google, `it is for the account "who@example.com", and the token for "1234"`},
		{"a person by way of Dex", object{"iss": "https://oauth2.example.com", "email": "who@example.com", "federated_claims": object{"connector_id": google, "user_id": "1"}}, "who@example.com", google, ""},
		{"a person of another issuer", object{"iss": "https://oauth2.example.com", "email": "who@example.com", "federated_claims": object{"connector_id": "https://github.com/login/oauth"}}, "who@example.com", google, "it is for the issuer"},
		{"claims of another type", object{"iss": google, "email": "who@example.com", "federated_claims": "x"}, "who@example.com", google, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStack()
			defer s.close()
			s.certify = func(c *x509.Certificate, _ *any) {
				c.URIs, c.EmailAddresses = nil, []string{test.subject}
				c.ExtraExtensions = []pkix.Extension{{Id: c.ExtraExtensions[0].Id, Value: must(asn1.MarshalWithParams(test.issuer, "utf8"))}}
			}
			env, err := s.signer(2, sigstore.SignerOptions{}).Sign(t.Context(), "x", []byte("y"), func(_ context.Context, audience string) (string, error) {
				c := object{"sub": "1234", "aud": audience, "exp": s.now.Add(5 * time.Minute).Unix()}
				maps.Copy(c, test.claims)
				return jwt(c), nil
			})
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			root := must(sigstore.ParseTrustedRoot(s.trustedRoot()))
			id := must(root.NewIdentity(sigstore.Account{Issuer: test.issuer, Subject: test.subject}))
			if _, err := id.Recognize(t.Context(), env); err != nil {
				t.Error(err)
			}
		})
	}
}

// The token goes to the certificate authority and nowhere else, and the private
// key nowhere at all.
func TestSecrets(t *testing.T) {
	s := newStack()
	defer s.close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked elsewhere: %s", r.URL) }))
	defer elsewhere.Close()
	jar := must(cookiejar.New(nil))
	jar.SetCookies(must(url.Parse(s.fulcio.URL)), []*http.Cookie{{Name: "who", Value: "me"}})
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	s.first = func(name string, w http.ResponseWriter, r *http.Request) bool {
		if (r.Header.Get("Authorization") != "") != (name == "fulcio") || r.Header.Get("Cookie") != "" {
			t.Errorf("%s was sent %v", name, r.Header)
		}
		return false
	}
	seeded := func(ctx context.Context, audience string) (string, error) {
		cryptotest.SetGlobalRandom(t, 1) // what is next is the key
		return s.token(ctx, audience)
	}
	signer := s.signer(2, sigstore.SignerOptions{Client: client})
	e, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), seeded)
	if err != nil {
		t.Fatal(err)
	}
	cryptotest.SetGlobalRandom(t, 1)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	var request struct{ CertificateSigningRequest []byte }
	if err := json.NewDecoder(strings.NewReader(s.bodies[0])).Decode(&request); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(request.CertificateSigningRequest)
	if csr := must(x509.ParseCertificateRequest(block.Bytes)); !key.PublicKey.Equal(csr.PublicKey) {
		t.Fatal("the test does not know the key")
	}
	d := must(key.Bytes())
	secrets := []string{string(d), hex.EncodeToString(d), base64.StdEncoding.EncodeToString(d), new(big.Int).SetBytes(d).String(), fmt.Sprint(d)[1:60]}
	token := must(s.token(t.Context(), "sigstore"))
	everything := string(e.Bundle) + fmt.Sprintf("%v %+v %#v", signer, signer, e)
	for i, b := range s.bodies {
		if everything += b; i > 0 && strings.Contains(b, token[len(token)-40:]) {
			t.Errorf("the token is in %s", s.requests[i])
		}
	}
	for _, secret := range secrets {
		if strings.Contains(everything, secret) {
			t.Error("the private key is in what is sent or returned")
		}
	}
	if leak := leaked(string(e.Bundle), token[len(token)-40:]); leak != "" {
		t.Errorf("%q of the token is in the bundle", leak)
	}

	// A service that repeats what it is sent, in one way or the other.
	for _, service := range []string{"fulcio", "tsa", "rekor2"} {
		for _, form := range []string{"%s", "<p>%s</p>", `{"message":%q}`, `{"code":3,"message":"invalid token %s"}`, `{"%s":1}`, `{"%s":[}`, `{"signedCertificateEmbeddedSct":{"%s":{"chain":}}}`} {
			for _, status := range []int{200, 201, 400, 401, 500} {
				s.first = func(name string, w http.ResponseWriter, r *http.Request) bool {
					if name == service {
						w.WriteHeader(status)
						fmt.Fprintf(w, form, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
					}
					return name == service
				}
				want := ""
				if status >= 400 {
					want = fmt.Sprintf("status %d", status)
				}
				refused(t, s, 2, sigstore.SignerOptions{Client: client}, want)
			}
		}
	}

	// No redirect is followed, wherever it goes.
	for _, to := range []string{elsewhere.URL, s.rekor1.URL} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, service := range []string{"fulcio", "tsa", "rekor2"} {
				s.first = func(name string, w http.ResponseWriter, r *http.Request) bool {
					if name == service {
						http.Redirect(w, r, to, status)
					}
					return name == service
				}
				s.requests = nil
				refused(t, s, 2, sigstore.SignerOptions{Client: client}, "redirects are not followed")
				if got := strings.Join(s.asked(), " "); strings.Count(got, service) != 1 || strings.Contains(got, "rekor1") {
					t.Errorf("asked for %s", got)
				}
			}
		}
	}
}

// A server whose certificate is not trusted is asked for nothing, and once.
func TestUntrustedServer(t *testing.T) {
	s := newStack()
	defer s.close()
	n := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { n++; return nil, nil }}
	server.StartTLS()
	defer server.Close()
	s.fulcio.URL = server.URL
	refused(t, s, 2, sigstore.SignerOptions{}, "certificate of ", "certificate signed by unknown authority")
	if n != 1 {
		t.Errorf("connected %d times", n)
	}
}

// The client that is used if none is given has nothing of the process.
func TestDefaultClient(t *testing.T) {
	transport, ok := sigstore.DefaultClient().Transport.(*http.Transport)
	if !ok || transport.Proxy != nil || !transport.DisableKeepAlives || sigstore.DefaultClient().Jar != nil {
		t.Errorf("%+v", sigstore.DefaultClient())
	}
}

// Nothing is printed, whatever the services do: not even by loggers that others
// made before any test could be in between.
func TestQuietSigner(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^(TestSign|TestSignFaults|TestRetry)$")
	cmd.Env = append(os.Environ(), "DEBUG=1", "SWAGGER_DEBUG=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if out := strings.TrimPrefix(stdout.String(), "PASS\n"); strings.HasPrefix(out, "coverage: ") && strings.Count(out, "\n") == 1 {
		stdout.Reset()
	} else {
		stdout = *bytes.NewBufferString(out)
	}
	if stdout.Len() > 0 || stderr.Len() > 0 {
		t.Errorf("printed\n%s%s", &stdout, &stderr)
	}
}

func FuzzIdentityToken(f *testing.F) {
	s := newStack()
	s.close()
	f.Add(jwt(s.claims("sigstore")))
	f.Add(jwt(object{"iss": "a", "sub": "b", "aud": []string{"sigstore"}, "exp": 4e9, "nbf": 0.5, "sha": nil}))
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		err := sigstore.CheckToken(token, "sigstore", s.now)
		if err == nil && strings.Count(token, ".") != 2 {
			t.Fatalf("accepted %q", token)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Fatal(err)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	s := newStack()
	for _, rekor := range []int{1, 2} {
		e := must(s.signer(rekor, sigstore.SignerOptions{}).Sign(f.Context(), "x", []byte("y"), s.token))
		f.Add([]byte(e.Bundle))
	}
	s.close()
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.root.Raw})
	f.Add(must(json.Marshal(object{"signedCertificateEmbeddedSct": object{"chain": object{"certificates": []string{string(leaf)}}}})))
	f.Add([]byte(`{"a":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0,"verification":{"signedEntryTimestamp":"AA==","inclusionProof":{"checkpoint":"x","hashes":["00"],"logIndex":0,"rootHash":"00","treeSize":1}}}}`))
	f.Add([]byte(`{"logId":{"keyId":"AA=="},"inclusionProof":{"checkpoint":{"envelope":"x"}},"canonicalizedBody":"eyJraW5kIjoiaGFzaGVkcmVrb3JkIiwiYXBpVmVyc2lvbiI6IjAuMC4yIn0="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := sigstore.ParseCertificate(data); (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		_, _ = sigstore.ParseEntryV1(data)
		_, _ = sigstore.ParseEntryV2(data)
		sum := sha256.Sum256(data)
		secret := hex.EncodeToString(sum[:])
		if text := sigstore.Excerpt(append(data, secret...), secret); len(text) > 1000 || leaked(text, secret) != "" {
			t.Fatalf("%q", text)
		}
	})
}

// Whatever a timestamp authority answers is no more than an error.
func FuzzTimestamp(f *testing.F) {
	s := newStack()
	defer s.close()
	signer := s.signer(2, sigstore.SignerOptions{})
	f.Add([]byte("0\x050\x03\x02\x01\x02"))
	imprint := sha256.Sum256(nil)
	_, stamp := s.serveStamps(nil, must((&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: imprint[:]}).Marshal()))
	f.Add(stamp)
	f.Fuzz(func(t *testing.T, data []byte) {
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if name == "tsa" {
				_, _ = w.Write(data)
			}
			return name == "tsa"
		}
		if e, err := signer.Sign(t.Context(), "x", []byte("y"), s.token); e != nil || err == nil {
			t.Fatal("a stamp of something else was accepted")
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s := newStack()
	defer s.close()
	signer := s.signer(2, sigstore.SignerOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(b.Context(), provenance.MediaType, []byte("{}"), s.token); err != nil {
			b.Fatal(err)
		}
	}
}
