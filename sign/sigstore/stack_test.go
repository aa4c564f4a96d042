package sigstore_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/digitorus/timestamp"
	"github.com/go-openapi/runtime"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekortiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	xnote "golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

type object = map[string]any

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// certify returns a certificate of pub by an issuer, which is nil for one that
// signs itself.
func certify(template, issuer *x509.Certificate, pub any, key crypto.Signer) *x509.Certificate {
	template.SerialNumber = must(rand.Int(rand.Reader, big.NewInt(1<<62)))
	template.Subject = pkix.Name{CommonName: "test " + template.SerialNumber.String()}
	if issuer == nil {
		issuer = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, issuer, pub, key))))
}

// An office is a certificate authority with an intermediate one.
type office struct {
	root, middle *x509.Certificate
	key          *ecdsa.PrivateKey
}

func newOffice(start time.Time, usage ...x509.ExtKeyUsage) office {
	ca := func() *x509.Certificate {
		return &x509.Certificate{
			NotBefore: start, NotAfter: start.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: usage,
		}
	}
	rootKey, key := newKey(), newKey()
	root := certify(ca(), nil, rootKey.Public(), rootKey)
	return office{root, certify(ca(), root, key.Public(), rootKey), key}
}

// A stack is an instance of Sigstore with all its services in this process: a
// certificate authority with a certificate log, a timestamp authority, and logs
// of both versions. It does what it should but for what the fields say.
type stack struct {
	now    time.Time
	ca     office
	ct     *ecdsa.PrivateKey
	tsa    office
	tsaKey *ecdsa.PrivateKey
	stamp  *x509.Certificate
	log1   *ecdsa.PrivateKey
	log2   *ecdsa.PrivateKey

	fulcio, stamps, rekor1, rekor2 *httptest.Server

	// A second log of version 2, of another operator.
	log3   *ecdsa.PrivateKey
	rekor3 *httptest.Server

	// First has a look at a request, and answers it if it returns true.
	first func(service string, w http.ResponseWriter, r *http.Request) bool

	certify   func(*x509.Certificate, *any) // changes what is certified
	issue     office                        // instead of ca
	promise   *ecdsa.PrivateKey             // instead of ct
	unlogged  bool                          // no promise in the certificate
	detached  bool                          // the promise is beside the certificate
	stampTime time.Time                     // instead of now
	stampBy   *ecdsa.PrivateKey             // instead of tsaKey
	imprint   []byte                        // instead of the one asked for
	checkpoint,
	body func(string) string // changes what the log of version 2 says
	proof func(*protorekor.InclusionProof)
	entry func(object) // changes what the log of version 1 says

	mu       sync.Mutex
	requests []string
	bodies   []string
}

func newStack() *stack {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &stack{
		now: start.Add(27*time.Hour + 4*time.Minute),
		ca:  newOffice(start, x509.ExtKeyUsageCodeSigning), ct: newKey(),
		tsa: newOffice(start, x509.ExtKeyUsageTimeStamping), tsaKey: newKey(),
		log1: newKey(), log2: newKey(), log3: newKey(),
	}
	usage := must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	s.stamp = certify(&x509.Certificate{
		NotBefore: start, NotAfter: start.AddDate(9, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}, s.tsa.middle, s.tsaKey.Public(), s.tsa.key)
	serve := func(name string, h func(r *http.Request, body []byte) (status int, answer []byte)) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := must(io.ReadAll(r.Body))
			s.mu.Lock()
			s.requests = append(s.requests, name+" "+r.Method+" "+r.URL.Path)
			s.bodies = append(s.bodies, string(body)+r.Header.Get("Authorization"))
			s.mu.Unlock()
			if s.first != nil && s.first(name, w, r) {
				return
			}
			status, answer := h(r, body)
			w.WriteHeader(status)
			_, _ = w.Write(answer)
		}))
	}
	s.fulcio = serve("fulcio", s.serveFulcio)
	s.stamps = serve("tsa", s.serveStamps)
	s.rekor1 = serve("rekor1", s.serveRekor1)
	s.rekor2 = serve("rekor2", func(r *http.Request, body []byte) (int, []byte) { return s.serveRekor2(r, body, s.log2) })
	s.rekor3 = serve("rekor3", func(r *http.Request, body []byte) (int, []byte) { return s.serveRekor2(r, body, s.log3) })
	return s
}

func (s *stack) close() {
	for _, server := range []*httptest.Server{s.fulcio, s.stamps, s.rekor1, s.rekor2, s.rekor3} {
		server.CloseClientConnections()
		server.Close()
	}
}

func (s *stack) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// trustedRoot is the trusted root of s, and config its signing config, with a log
// of one of the versions.
func (s *stack) trustedRoot() []byte {
	valid := object{"start": "2026-01-01T00:00:00Z"}
	spki := func(key *ecdsa.PrivateKey) []byte { return must(x509.MarshalPKIXPublicKey(key.Public())) }
	log := func(base, operator string, key *ecdsa.PrivateKey, id []byte) object {
		return object{
			"operator": operator, "baseUrl": base, "hashAlgorithm": "SHA2_256", "logId": object{"keyId": id},
			"publicKey": object{"rawBytes": spki(key), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
		}
	}
	chain := func(certs ...*x509.Certificate) object {
		var all []object
		for _, c := range certs {
			all = append(all, object{"rawBytes": c.Raw})
		}
		return object{"certificates": all}
	}
	ct := sha256.Sum256(spki(s.ct))
	return must(json.Marshal(object{
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs": []object{
			log(s.rekor1.URL, "example.com", s.log1, s.logID1()), log(s.rekor2.URL, "example.com", s.log2, logID2(s.log2)), log(s.rekor3.URL, "example.org", s.log3, logID2(s.log3)),
		},
		"ctlogs":                 []object{log("https://ct.example.com", "example.com", s.ct, ct[:])},
		"certificateAuthorities": []object{{"uri": s.fulcio.URL, "certChain": chain(s.ca.middle, s.ca.root), "validFor": valid}},
		"timestampAuthorities":   []object{{"uri": s.stamps.URL, "certChain": chain(s.stamp, s.tsa.middle, s.tsa.root), "validFor": valid}},
	}))
}

func (s *stack) config(rekor int) []byte {
	one := func(url string, version int) []object {
		return []object{{"url": url, "majorApiVersion": version, "operator": "example.com", "validFor": object{"start": "2026-01-01T00:00:00Z"}}}
	}
	c := object{
		"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		"caUrls":    one(s.fulcio.URL, 1),
	}
	switch rekor {
	case 1: // it says itself when it was signed
		c["rekorTlogUrls"] = one(s.rekor1.URL, 1)
	case 2:
		c["rekorTlogUrls"] = one(s.rekor2.URL+"/", 2)
		c["tsaUrls"], c["tsaConfig"] = one(s.stamps.URL+"/api/v1/timestamp", 1), object{"selector": "ANY"}
	}
	c["rekorTlogConfig"] = object{"selector": "ANY"}
	return must(json.Marshal(c))
}

// signer returns a Signer that uses s.
func (s *stack) signer(rekor int, opt sigstore.SignerOptions) *sigstore.Signer {
	if opt.Now == nil {
		opt.Now = func() time.Time { return s.now }
	}
	root := must(sigstore.ParseTrustedRoot(s.trustedRoot()))
	signer := must(sigstore.NewSigner(root, must(sigstore.ParseSigningConfig(s.config(rekor))), opt))
	signer.SetWait(time.Millisecond)
	return signer
}

// claims are those of a job of GitHub Actions at the time of s.
func (s *stack) claims(audience string) object {
	return object{
		"iss": issuer, "sub": "repo:acme/app:ref:refs/heads/main", "aud": audience, "iat": s.now.Unix(), "exp": s.now.Add(5 * time.Minute).Unix(),
		"job_workflow_ref": strings.TrimPrefix(builder, "https://github.com/"), "sha": strings.Repeat("a", 40), "repository": "acme/app",
	}
}

func jwt(claims object) string {
	encode := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	signature := sha256.Sum256([]byte("the part of the token that is secret"))
	return encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode(must(json.Marshal(claims))) + "." + encode(signature[:])
}

// token is what fetches identity tokens.
func (s *stack) token(_ context.Context, audience string) (string, error) {
	return jwt(s.claims(audience)), nil
}

func (s *stack) serveFulcio(r *http.Request, body []byte) (int, []byte) {
	var request struct{ CertificateSigningRequest []byte }
	if err := json.Unmarshal(body, &request); err != nil || r.URL.Path != "/api/v2/signingCert" {
		return http.StatusBadRequest, []byte(`{"code":3,"message":"what is this?","details":[]}`)
	}
	block, _ := pem.Decode(request.CertificateSigningRequest)
	csr := must(x509.ParseCertificateRequest(block.Bytes))
	if err := csr.CheckSignature(); err != nil {
		return http.StatusBadRequest, nil
	}
	part := strings.Split(r.Header.Get("Authorization"), ".")
	var claims struct {
		Issuer   string `json:"iss"`
		Workflow string `json:"job_workflow_ref"`
		Commit   string `json:"sha"`
	}
	if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(part[1])), &claims); err != nil {
		return http.StatusUnauthorized, []byte(`{"code":16,"message":"There was an error processing the identity token"}`)
	}

	extension := func(n int, value string) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}, Value: must(asn1.MarshalWithParams(value, "utf8"))}
	}
	template := &x509.Certificate{
		NotBefore: s.now.Add(-time.Second), NotAfter: s.now.Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		URIs:            []*url.URL{must(url.Parse("https://github.com/" + claims.Workflow))},
		ExtraExtensions: []pkix.Extension{extension(8, claims.Issuer), extension(13, claims.Commit)},
	}
	var pub any = csr.PublicKey
	if s.certify != nil {
		s.certify(template, &pub)
	}
	ca := s.ca
	if s.issue.key != nil {
		ca = s.issue
	}
	leaf := certify(template, ca.middle, pub, ca.key)
	if !s.unlogged {
		// What is logged is the certificate without the promise: RFC 6962 section
		// 3.2. The serial number must stay, so certify is not used again.
		template.ExtraExtensions = append(template.ExtraExtensions, s.promised(leaf, ca.middle))
		leaf = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, ca.middle, pub, ca.key))))
	}
	var chain []string
	for _, c := range []*x509.Certificate{leaf, ca.middle, ca.root} {
		chain = append(chain, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
	}
	member := "signedCertificateEmbeddedSct"
	if s.detached {
		member = "signedCertificateDetachedSct"
	}
	return http.StatusOK, must(json.Marshal(object{member: object{"chain": object{"certificates": chain}}}))
}

// promised returns the extension with the promise of the certificate log.
func (s *stack) promised(leaf, issuer *x509.Certificate) pkix.Extension {
	key := s.ct
	if s.promise != nil {
		key = s.promise
	}
	at := binary.BigEndian.AppendUint64(nil, uint64(s.now.UnixMilli()))
	issuerKey := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	tbs := leaf.RawTBSCertificate
	signed := append([]byte{0, 0}, at...)
	signed = append(append(signed, 0, 1), issuerKey[:]...)
	signed = append(append(signed, byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs))), tbs...)
	digest := sha256.Sum256(append(signed, 0, 0))
	sig := must(ecdsa.SignASN1(rand.Reader, key, digest[:]))

	id := sha256.Sum256(must(x509.MarshalPKIXPublicKey(s.ct.Public())))
	sct := append(append([]byte{0}, id[:]...), at...)
	sct = append(append(sct, 0, 0, 4, 3), binary.BigEndian.AppendUint16(nil, uint16(len(sig)))...)
	sct = append(sct, sig...)
	list := binary.BigEndian.AppendUint16(nil, uint16(len(sct)+2))
	list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...)
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: must(asn1.Marshal(list))}
}

func (s *stack) serveStamps(_ *http.Request, body []byte) (int, []byte) {
	request := must(timestamp.ParseRequest(body))
	t := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: s.now,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: request.Certificates,
	}
	if !s.stampTime.IsZero() {
		t.Time = s.stampTime
	}
	if s.imprint != nil {
		t.HashedMessage = s.imprint
	}
	key := s.tsaKey
	if s.stampBy != nil {
		key = s.stampBy
	}
	return http.StatusCreated, must(t.CreateResponseWithOpts(s.stamp, key, crypto.SHA256))
}

func (s *stack) logID1() []byte {
	id := sha256.Sum256(must(x509.MarshalPKIXPublicKey(s.log1.Public())))
	return id[:]
}

func logID2(key *ecdsa.PrivateKey) []byte {
	_, id, err := note.KeyHash("127.0.0.1", key.Public())
	return must(id, err)
}

// serveRekor2 is a log of one entry.
func (s *stack) serveRekor2(r *http.Request, body []byte, key *ecdsa.PrivateKey) (int, []byte) {
	request := new(rekortiles.CreateEntryRequest)
	if err := protojson.Unmarshal(body, request); err != nil || r.URL.Path != "/api/v2/log/entries" {
		return http.StatusBadRequest, []byte(err.Error())
	}
	algorithms := must(signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256}))
	entry, err := hashedrekord.ToLogEntry(request.GetHashedRekordRequestV002(), algorithms)
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	canonical := must(jsoncanonicalizer.Transform(must(protojson.Marshal(entry))))
	if s.body != nil {
		canonical = []byte(s.body(string(canonical)))
	}
	leaf := sha256.Sum256(append([]byte{0}, canonical...))
	signer := must(note.NewNoteSigner(context.Background(), "127.0.0.1", must(signature.LoadECDSASignerVerifier(key, crypto.SHA256))))
	text := fmt.Sprintf("127.0.0.1\n1\n%s\n", base64.StdEncoding.EncodeToString(leaf[:]))
	checkpoint := string(must(xnote.Sign(&xnote.Note{Text: text}, signer)))
	if s.checkpoint != nil {
		checkpoint = s.checkpoint(checkpoint)
	}
	tle := &protorekor.TransparencyLogEntry{
		LogId: &protocommon.LogId{KeyId: logID2(key)}, KindVersion: &protorekor.KindVersion{Kind: "hashedrekord", Version: "0.0.2"},
		InclusionProof:    &protorekor.InclusionProof{RootHash: leaf[:], TreeSize: 1, Checkpoint: &protorekor.Checkpoint{Envelope: checkpoint}},
		CanonicalizedBody: canonical,
	}
	if s.proof != nil {
		s.proof(tle.InclusionProof)
	}
	return http.StatusCreated, must(protojson.Marshal(tle))
}

// serveRekor1 is a log of one entry, in a shard that is not the first.
func (s *stack) serveRekor1(r *http.Request, body []byte) (int, []byte) {
	proposed, err := models.UnmarshalProposedEntry(bytes.NewReader(body), runtime.JSONConsumer())
	if err != nil || r.URL.Path != "/api/v1/log/entries" {
		return http.StatusBadRequest, []byte(fmt.Sprint(err))
	}
	entry, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	canonical := must(types.CanonicalizeEntry(r.Context(), entry))
	leaf := sha256.Sum256(append([]byte{0}, canonical...))
	signer := must(signature.LoadECDSASignerVerifier(s.log1, crypto.SHA256))
	checkpoint := must(util.CreateAndSignCheckpoint(r.Context(), "127.0.0.1", 7, 1, leaf[:], signer))
	promised := object{"body": canonical, "integratedTime": s.now.Unix(), "logID": hex.EncodeToString(s.logID1()), "logIndex": 1000}
	digest := sha256.Sum256(must(jsoncanonicalizer.Transform(must(json.Marshal(promised)))))
	promised["verification"] = object{
		"signedEntryTimestamp": must(ecdsa.SignASN1(rand.Reader, s.log1, digest[:])),
		"inclusionProof": object{
			"checkpoint": string(checkpoint), "hashes": []string{}, "logIndex": 0, "treeSize": 1, "rootHash": hex.EncodeToString(leaf[:]),
		},
	}
	if s.entry != nil {
		s.entry(promised)
	}
	return http.StatusCreated, must(json.Marshal(object{strings.Repeat("ab", 40): promised}))
}
