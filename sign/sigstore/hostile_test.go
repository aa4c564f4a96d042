package sigstore_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// A server that repeats the token where HTTP has a status line.
func TestBrokenAnswers(t *testing.T) {
	s := newStack()
	defer s.close()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	answered := make(chan struct{}, 8)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 8<<10)
			n, _ := c.Read(buf)
			_, token, _ := bytes.Cut(buf[:n], []byte("Authorization: Bearer "))
			_, _ = c.Write(append(bytes.TrimSpace(token), "\r\n\r\n"...))
			c.Close()
			answered <- struct{}{}
		}
	}()
	config := object{}
	if err := json.Unmarshal(s.config(2), &config); err != nil {
		t.Fatal(err)
	}
	config["caUrls"].([]any)[0].(object)["url"] = "http://" + listener.Addr().String()
	token := must(s.token(t.Context(), "sigstore"))
	for _, wait := range []time.Duration{time.Millisecond, time.Minute} {
		signer := must(sigstore.NewSigner(must(sigstore.ParseTrustedRoot(s.trustedRoot())), must(sigstore.ParseSigningConfig(must(json.Marshal(config)))),
			sigstore.SignerOptions{Now: func() time.Time { return s.now }}))
		signer.SetWait(wait)
		ctx, cancel := context.WithCancel(t.Context())
		if wait == time.Minute { // it ends between two attempts
			go func() {
				<-answered
				time.Sleep(20 * time.Millisecond)
				cancel()
			}()
		}
		e, err := signer.Sign(ctx, provenance.MediaType, []byte("{}"), s.token)
		cancel()
		if e != nil || err == nil || leaked(err.Error(), token) != "" || wait == time.Minute && !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", e, err)
		}
		for len(answered) > 0 {
			<-answered
		}
	}
}

// A Signer is refused that nothing could be signed with.
func TestNewSignerRefuses(t *testing.T) {
	s := newStack()
	defer s.close()
	for _, list := range []string{"tlogs", "ctlogs", "certificateAuthorities"} {
		trusted := object{}
		if err := json.Unmarshal(s.trustedRoot(), &trusted); err != nil {
			t.Fatal(err)
		}
		delete(trusted, list)
		signer, err := sigstore.NewSigner(must(sigstore.ParseTrustedRoot(must(json.Marshal(trusted)))), must(sigstore.ParseSigningConfig(s.config(2))), sigstore.SignerOptions{})
		if signer != nil || err == nil || !strings.Contains(err.Error(), "trusted root without a") {
			t.Errorf("no %s: %v", list, err)
		}
	}
}

// A timestamp of whoever wants verifying to take long: what is not one signature
// with a few certificates of usual keys is not looked at.
func TestCostlyTimestamps(t *testing.T) {
	in := newInstance(t)
	id := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	certificate := func(key crypto.PublicKey) *x509.Certificate {
		template := &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "evil"}, NotBefore: began(), NotAfter: began().AddDate(9, 0, 0)}
		parent, signer := *in.tsas[0].chain[1], newKey()
		parent.PublicKey = signer.Public()
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, &parent, key, signer))))
	}
	small := newKey().Public()
	weak := must(rsa.GenerateKey(rand.Reader, 1024)).Public()
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 1<<18), 0, 1), E: 1<<31 - 1}
	stamp := func(sig []byte, signers int, extra ...*x509.Certificate) []byte {
		digest := sha256.Sum256(sig)
		s := timestamp.Timestamp{
			HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: began().Add(time.Hour), SerialNumber: big.NewInt(1),
			Policy: asn1.ObjectIdentifier{1, 2, 3, 4}, AddTSACertificate: true,
		}
		tsa := in.tsas[0]
		response := must(s.CreateResponseWithOpts(tsa.chain[0], tsa.key, crypto.SHA256))
		parsed := must(timestamp.ParseResponse(response))
		signed := must(pkcs7.NewSignedData(must(pkcs7.Parse(parsed.RawToken)).Content))
		signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
		signed.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
		for range signers {
			if err := signed.AddSignerChain(tsa.chain[0], tsa.key, nil, pkcs7.SignerInfoConfig{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range extra {
			signed.AddCertificate(c)
		}
		token := must(signed.Finish())
		return must(asn1.Marshal(struct {
			Status struct{ Status int }
			Token  asn1.RawValue
		}{Token: asn1.RawValue{FullBytes: token}}))
	}
	for _, test := range []struct {
		name    string
		signers int
		extra   []*x509.Certificate
		want    string
	}{
		{"as usual", 1, nil, ""},
		{"with another certificate", 1, []*x509.Certificate{certificate(small)}, ""},
		{"with 17", 1, slices.Repeat([]*x509.Certificate{certificate(small)}, sigstore.MaxCertificates+1), "18 certificates"},
		{"with a weak key that is not used", 1, []*x509.Certificate{certificate(weak)}, ""},
		{"with a huge key", 1, []*x509.Certificate{certificate(huge)}, "RSA with 262145 bits, at most 8192"},
		{"two signatures", 2, nil, "2 signatures"},
		{"a thousand signatures", 1000, nil, "at most 65536"},
	} {
		b := in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}, func(b object) {
			sig := must(base64.StdEncoding.DecodeString(b["dsseEnvelope"].(object)["signatures"].([]any)[0].(object)["sig"].(string)))
			materialOf(b)["timestampVerificationData"].(object)["rfc3161Timestamps"] = []any{object{"signedTimestamp": stamp(sig, test.signers, test.extra...)}}
		})
		_, err := id.Recognize(t.Context(), must(sign.Parse(b)))
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Authorities of one name, of which one has certified: whoever it was is who the
// certificate log was told of.
func TestAuthoritiesOfOneName(t *testing.T) {
	in := newInstance(t)
	decoy := authority(in.ca.host, "c.example", nil)
	e := must(sign.Parse(in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}})))
	root := in.root(sigstore.Requirements{}, func(root object) {
		first := root["certificateAuthorities"].([]any)[0].(object)
		other := object{"validFor": first["validFor"], "certChain": object{"certificates": []any{object{"rawBytes": decoy.chain[0].Raw}}}}
		root["certificateAuthorities"] = []any{other, first}
	})
	if _, err := must(root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})).Recognize(t.Context(), e); err != nil {
		t.Error(err)
	}
}

// One key of two operators is of one, whatever certificate it has.
func TestSharedKeys(t *testing.T) {
	in := newInstance(t)
	other := in.tsas[0]
	parent := authority("other", "other", nil)
	template := *other.chain[0]
	template.SerialNumber = big.NewInt(77)
	template.ExtraExtensions = slices.DeleteFunc(slices.Clone(template.Extensions), func(x pkix.Extension) bool { return x.Id.String() != "2.5.29.37" })
	template.ExtKeyUsage = nil
	other.chain = []*x509.Certificate{
		must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, &template, parent.chain[0], other.key.Public(), parent.key)))),
		parent.chain[0],
	}
	other.operator = "c.example"
	in.tsas = []party{in.tsas[0], other}
	b := in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0, 1}})
	who := sigstore.Workflow{Issuer: issuer, Builder: builder}
	if _, err := must(in.root(sigstore.Requirements{}).NewIdentity(who)).Recognize(t.Context(), must(sign.Parse(b))); err != nil {
		t.Fatal(err)
	}
	if r, err := in.root(sigstore.Requirements{}).Require(sigstore.Requirements{TimestampAuthorities: 2}); err == nil {
		_, err := must(r.NewIdentity(who)).Recognize(t.Context(), must(sign.Parse(b)))
		t.Errorf("one key counts for two operators: %v", err)
	}
}

// An authority does not sign, even if it is certified like who does.
func TestAuthoritySigns(t *testing.T) {
	in := newInstance(t)
	id := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	e := must(sign.Parse(in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}, isCA: true})))
	if _, err := id.Recognize(t.Context(), e); !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), "it is of an authority") {
		t.Error(err)
	}
}

// A certificate of a key that others could have too is of nobody, and a bundle is
// looked at as a whole, even if its envelope was taken from another one.
func TestOddKeys(t *testing.T) {
	in := newInstance(t)
	root := in.root(sigstore.Requirements{})
	one := signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}
	for name, key := range map[string]crypto.PublicKey{
		"RSA of 1024 bits": must(rsa.GenerateKey(rand.Reader, 1024)).Public(),
		"P-224":            must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).Public(),
	} {
		weak := one
		weak.at, weak.issuer, weak.names = began().Add(time.Hour), issuer, []asn1.RawValue{{Class: 2, Tag: 6, Bytes: []byte(builder)}}
		b := in.sign(`{}`, one, func(b object) {
			materialOf(b)["certificate"].(object)["rawBytes"] = base64.StdEncoding.EncodeToString(in.certificateFor(key, weak).Raw)
		})
		_, err := must(root.NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})).Recognize(t.Context(), must(sign.Parse(b)))
		if !errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), "certificate: the key: ") {
			t.Errorf("%s: %v", name, err)
		}
	}

	managed := newKey()
	id := must(root.NewIdentity(sigstore.Key{Verifier: mustVerify(t, managed)}))
	b := in.sign(`{}`, signing{logs: []int{0}, tsas: []int{0}, key: managed, hint: "k"})
	e := must(sign.Parse(b))
	e.Bundle = bytes.Replace(b, []byte(`"keyid":"k"`), []byte(`"keyid":"l"`), 1)
	if _, err := id.Recognize(t.Context(), e); bytes.Equal(e.Bundle, b) || err == nil || !strings.Contains(err.Error(), `the bundle is of key "k", and its envelope of key "l"`) {
		t.Error(err)
	}
}

// Authorities between the root and who signs have bounds, and times, of their own.
func TestChains(t *testing.T) {
	at := began().Add(time.Hour)
	for _, test := range []struct {
		name string
		edit func(c *x509.Certificate, level int)
		want string
	}{
		{"as usual", func(*x509.Certificate, int) {}, ""},
		{"one is over", func(c *x509.Certificate, level int) {
			if level == 1 {
				c.NotAfter = at.Add(-time.Second)
			}
		}, "expired or is not yet valid"},
		{"one begins later", func(c *x509.Certificate, level int) {
			if level == 2 {
				c.NotBefore = at.Add(time.Second)
			}
		}, "expired or is not yet valid"},
		{"one too many", func(c *x509.Certificate, level int) { c.MaxPathLenZero = level == 1 }, "too many intermediates"},
		{"one is no authority", func(c *x509.Certificate, level int) { c.IsCA = level != 2 }, "parent certificate cannot sign"},
		{"one may not certify", func(c *x509.Certificate, level int) {
			if level == 2 {
				c.KeyUsage = x509.KeyUsageDigitalSignature
			}
		}, "certificate: at "},
		{"one is for other names", func(c *x509.Certificate, level int) {
			if level == 1 {
				c.PermittedDNSDomainsCritical, c.PermittedURIDomains = true, []string{"gitlab.com"}
			}
		}, "not permitted"},
		{"one is for servers", func(c *x509.Certificate, level int) {
			if level == 2 {
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			}
		}, "incompatible key usage"},
		{"one has what nobody knows", func(c *x509.Certificate, level int) {
			if level == 2 {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			}
		}, "unhandled critical extension"},
	} {
		in := newInstance(t)
		parent, parentKey := in.ca.chain[0], in.ca.key
		chain := []*x509.Certificate{parent}
		for level := 1; level <= 2; level++ {
			key := newKey()
			c := &x509.Certificate{
				SerialNumber: big.NewInt(int64(level)), Subject: pkix.Name{CommonName: fmt.Sprint("level ", level)},
				NotBefore: began(), NotAfter: began().AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			}
			test.edit(c, level)
			parent = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey))))
			parentKey = key
			chain = append([]*x509.Certificate{parent}, chain...)
		}
		in.ca.chain, in.ca.key = chain, parentKey
		e := must(sign.Parse(in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}})))
		_, err := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder})).Recognize(t.Context(), e)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, verify.ErrNotSigned) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// Answers that grow: by compression, or where HTTP has a status line.
func TestBombs(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for range 64 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	w.Close()
	for _, service := range []string{"fulcio", "tsa", "rekor2"} {
		s := newStack()
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if name == service {
				w.Header().Set("Content-Encoding", "gzip")
				w.WriteHeader(201)
				_, _ = w.Write(packed.Bytes())
			}
			return name == service
		}
		refused(t, s, 2, sigstore.SignerOptions{}, "the answer has more than 1048576 bytes")
		s.first = func(name string, w http.ResponseWriter, _ *http.Request) bool {
			if name == service {
				if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
					_, _ = conn.Write(append(bytes.Repeat([]byte("x"), 1<<20), "\r\n\r\n"...))
					conn.Close()
				}
			}
			return name == service
		}
		if err := refused(t, s, 2, sigstore.SignerOptions{Client: http.DefaultClient}, "in the last of 4 attempts"); len(err.Error()) > 2000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		s.close()
	}
}

// One identity recognizes at several places at once.
func TestRecognizeConcurrently(t *testing.T) {
	in := newInstance(t)
	root := in.root(sigstore.Requirements{CertificateLogs: 2})
	id := must(root.NewIdentity(sigstore.Account{Issuer: issuer, Subject: "who!example.com"}))
	good := must(sign.Parse(in.sign(`{}`, signing{logs: []int{0, 3}, ctLogs: []int{0, 1}, tsas: []int{0, 1}, names: otherName("who!example.com")})))
	bad := must(sign.Parse(in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}, names: otherName("who!example.com")})))
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			if _, err := id.Recognize(t.Context(), good); err != nil {
				t.Error(err)
			}
			if _, err := id.Recognize(t.Context(), bad); !errors.Is(err, verify.ErrNotSigned) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	settled(t, before)
}

// The zero Transport of the process is not used to recognize.
func TestNoDialer(t *testing.T) {
	was := http.DefaultTransport
	defer func() { http.DefaultTransport = was }()
	http.DefaultTransport = nil
	in := newInstance(t)
	id := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	if _, err := id.Recognize(t.Context(), must(sign.Parse(in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}})))); err != nil {
		t.Error(err)
	}
}

// What somebody else has put into the cache, or where the program happens to run,
// is not believed.
func TestDamagedCache(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	opt := sigstore.TrustOptions{Now: func() time.Time { return now }}
	r := newRepository(now)
	r.target("trusted_root.json", []byte("the root"))
	r.target("signing_config.v0.2.json", []byte("the config"))
	r.publish()
	server := httptest.NewServer(r)
	defer server.Close()
	fetched := func(what string, opt sigstore.TrustOptions) {
		t.Helper()
		trust, err := sigstore.FetchTrust(t.Context(), server.URL, r.initial, opt)
		if err != nil || string(trust.TrustedRoot) != "the root" || string(trust.SigningConfig) != "the config" {
			t.Errorf("%s: %v, %v", what, trust, err)
		}
	}
	names := []string{"timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json", "targets/signing_config.v0.2.json"}
	for _, name := range names {
		for _, damage := range []string{"", "{", "{}", `{"signed":{},"signatures":[]}`, "the rooT"} {
			opt := opt
			opt.Cache = t.TempDir()
			fetched("first", opt)
			file := filepath.Join(opt.Cache, filepath.FromSlash(name))
			if err := os.WriteFile(file, []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "targets/") { // it is fetched again
				fetched(name+" with "+damage, opt)
				continue
			}
			want := "malformed " + name + " in the cache: "
			if trust, err := sigstore.FetchTrust(t.Context(), server.URL, r.initial, opt); trust != nil || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %s: %v, %v, want %q", name, damage, trust, err, want)
			}
		}
		// A directory is where a file was.
		opt := opt
		opt.Cache = t.TempDir()
		file := filepath.Join(opt.Cache, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Join(file, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if trust, err := sigstore.FetchTrust(t.Context(), server.URL, r.initial, opt); trust != nil || err == nil {
			t.Errorf("%s is a directory: %v, %v", name, trust, err)
		}
	}

	// Links lead out of the cache, to what is left as it is.
	out := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range names[3:] {
		opt := opt
		opt.Cache = t.TempDir()
		file := filepath.Join(opt.Cache, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(out, file); err != nil {
			t.Skip(err)
		}
		fetched(name+" is a link", opt)
		if data, err := os.ReadFile(out); string(data) != "mine" {
			t.Errorf("%s: what it links to is now %q, %v", name, data, err)
		}
	}

	// Without a cache nothing of the directory is read that the program runs in.
	t.Chdir(t.TempDir())
	for _, name := range names[:3] {
		if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fetched("another directory", opt)

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opt.Cache = file
	if trust, err := sigstore.FetchTrust(t.Context(), server.URL, r.initial, opt); trust != nil || err == nil {
		t.Errorf("a cache that is a file: %v, %v", trust, err)
	}
}
