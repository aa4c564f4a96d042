package sigstore_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	ct "github.com/google/certificate-transparency-go"
	cttls "github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
	tilesnote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// An instance is an instance of Sigstore with several operators, which writes
// bundles without a network.
type instance struct {
	t      testing.TB
	ca     party
	logs   []party // those of version 2 have Ed25519 keys, those of version 1 ECDSA
	ctLogs []party
	tsas   []party
}

// A party has a key, a name, and an operator.
type party struct {
	key      crypto.Signer
	host     string
	operator string
	chain    []*x509.Certificate // of authorities, the signer's first
}

// began is when all keys and certificates of an instance begin to be valid.
func began() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func newInstance(t testing.TB) *instance {
	in := &instance{t: t}
	in.ca = authority("fulcio.example", "a.example", nil)
	for _, who := range []string{"a", "b"} {
		_, private := must2(ed25519.GenerateKey(rand.Reader))
		in.logs = append(in.logs,
			party{key: private, host: "log2." + who + ".example", operator: who + ".example"},
			party{key: newKey(), host: "log1." + who + ".example", operator: who + ".example"})
		in.ctLogs = append(in.ctLogs, party{key: newKey(), host: "ct." + who + ".example", operator: who + ".example"})
		in.tsas = append(in.tsas, authority("tsa."+who+".example", who+".example", []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}))
	}
	return in
}

// authority returns a party with a root certificate and, if there are usages, one
// below it.
func authority(host, operator string, usages []x509.ExtKeyUsage) party {
	rootKey := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		NotBefore: began(), NotAfter: began().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, rootKey.Public(), rootKey))))
	if usages == nil {
		return party{rootKey, host, operator, []*x509.Certificate{root}}
	}
	key := newKey()
	critical := must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host + " leaf"},
		NotBefore: began(), NotAfter: began().AddDate(9, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: critical}},
	}
	c := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), rootKey))))
	return party{key, host, operator, []*x509.Certificate{c, root}}
}

// id is the identifier of a log.
func (p party) id() []byte {
	if public, ok := p.key.Public().(ed25519.PublicKey); ok {
		_, id, err := tilesnote.KeyHash(p.host, public)
		if err != nil {
			panic(err)
		}
		return id
	}
	id := sha256.Sum256(must(x509.MarshalPKIXPublicKey(p.key.Public())))
	return id[:]
}

// trustedRoot returns the trusted root of in, version 0.2, after edits.
func (in *instance) trustedRoot(edits ...func(root object)) []byte {
	valid := func() object { return object{"start": began().Format(time.RFC3339)} }
	logs := func(all []party) (list []any) {
		for _, p := range all {
			details := "PKIX_ECDSA_P256_SHA_256"
			if _, ok := p.key.(ed25519.PrivateKey); ok {
				details = "PKIX_ED25519"
			}
			list = append(list, object{
				"baseUrl": "https://" + p.host, "hashAlgorithm": "SHA2_256", "operator": p.operator,
				"publicKey": object{
					"rawBytes": must(x509.MarshalPKIXPublicKey(p.key.Public())), "keyDetails": details, "validFor": valid(),
				},
				"logId": object{"keyId": p.id()}, "checkpointKeyId": object{"keyId": p.id()[:4]},
			})
		}
		return list
	}
	authorities := func(all ...party) (list []any) {
		for _, p := range all {
			var chain []any
			for _, c := range p.chain {
				chain = append(chain, object{"rawBytes": c.Raw})
			}
			list = append(list, object{
				"uri": "https://" + p.host, "operator": p.operator, "validFor": valid(), "certChain": object{"certificates": chain},
			})
		}
		return list
	}
	root := object{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot.v0.2+json",
		"tlogs":                  logs(in.logs),
		"ctlogs":                 logs(in.ctLogs),
		"certificateAuthorities": authorities(in.ca),
		"timestampAuthorities":   authorities(in.tsas...),
	}
	for _, edit := range edits {
		edit(root)
	}
	return must(json.Marshal(root))
}

func (in *instance) root(q sigstore.Requirements, edits ...func(root object)) *sigstore.TrustedRoot {
	in.t.Helper()
	r, err := sigstore.ParseTrustedRoot(in.trustedRoot(edits...))
	if err == nil {
		r, err = r.Require(q)
	}
	if err != nil {
		in.t.Fatal(err)
	}
	return r
}

// A signing is how one bundle is made. What it does not say is as usual.
type signing struct {
	names  []asn1.RawValue // of the certificate
	issuer string
	key    *ecdsa.PrivateKey // managed, without a certificate
	hint   string
	at     time.Time
	logs   []int // of the instance's
	ctLogs []int
	tsas   []int
	stamps []time.Time // what the timestamps say, if not at

	artifact []byte // signed instead of an envelope
	isCA     bool   // who signs is an authority
	hashed   bool   // logs of version 1 have the hash of an envelope's signed bytes
}

// certificateFor certifies key for the names, promised to the logs.
func (in *instance) certificateFor(public crypto.PublicKey, s signing) *x509.Certificate {
	sct := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	build := func(list []byte) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(3), NotBefore: s.at.Add(-time.Minute), NotAfter: s.at.Add(10 * time.Minute),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
			IsCA: s.isCA, BasicConstraintsValid: s.isCA,
			ExtraExtensions: []pkix.Extension{
				{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: must(asn1.Marshal(s.names))},
				{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: must(asn1.MarshalWithParams(s.issuer, "utf8"))},
				{Id: sct, Value: must(asn1.Marshal(list))},
			},
		}
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, in.ca.chain[0], public, in.ca.key))))
	}
	// What the logs sign is the certificate without their signatures.
	draft := build([]byte{0, 3, 0, 1, 0})
	var scts ctx509.SignedCertificateTimestampList
	for _, i := range s.ctLogs {
		log := in.ctLogs[i]
		when := uint64(s.at.UnixMilli())
		chain := []*ctx509.Certificate{must(ctx509.ParseCertificate(draft.Raw)), must(ctx509.ParseCertificate(in.ca.chain[0].Raw))}
		leaf := must(ct.MerkleTreeLeafForEmbeddedSCT(chain, when))
		one := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, Timestamp: when}
		copy(one.LogID.KeyID[:], log.id())
		input := must(ct.SerializeSCTSignatureInput(one, ct.LogEntry{Leaf: *leaf}))
		hash := sha256.Sum256(input)
		one.Signature = ct.DigitallySigned{
			Algorithm: cttls.SignatureAndHashAlgorithm{Hash: cttls.SHA256, Signature: cttls.ECDSA},
			Signature: must(log.key.Sign(rand.Reader, hash[:], crypto.SHA256)),
		}
		scts.SCTList = append(scts.SCTList, ctx509.SerializedSCT{Val: must(cttls.Marshal(one))})
	}
	if scts.SCTList == nil {
		return draft
	}
	return build(must(cttls.Marshal(scts)))
}

// entry logs what key or the certificate signed.
func (in *instance) entry(p party, s signing, sig, payload, pae []byte, cert *x509.Certificate, public []byte) object {
	b64 := base64.StdEncoding.EncodeToString
	host, signer := p.host, note.Signer(nil)
	var kind, version, body string
	e := object{}
	if _, ok := p.key.(ed25519.PrivateKey); ok {
		kind, version = "hashedrekord", "0.0.2"
		digest := sha256.Sum256(pae)
		by := `"publicKey":{"rawBytes":"` + b64(public) + `"}`
		if cert != nil {
			by = `"x509Certificate":{"rawBytes":"` + b64(cert.Raw) + `"}`
		}
		body = fmt.Sprintf(`{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"%s"},`+
			`"signature":{"content":"%s","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256",%s}}}}}`, b64(digest[:]), b64(sig), by)
		id, _, err := tilesnote.KeyHash(p.host, p.key.Public())
		if err != nil {
			in.t.Fatal(err)
		}
		signer = &noteSigner{p.host, id, func(msg []byte) ([]byte, error) { return p.key.Sign(nil, msg, crypto.Hash(0)) }}
	} else {
		block := &pem.Block{Type: "PUBLIC KEY", Bytes: public}
		if cert != nil {
			block = &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}
		}
		if s.artifact != nil || s.hashed {
			kind, version = "hashedrekord", "0.0.1"
			body = fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"%x"}},`+
				`"signature":{"content":"%s","publicKey":{"content":"%s"}}}}`, sha256.Sum256(pae), b64(sig), b64(pem.EncodeToMemory(block)))
		} else {
			kind, version = "dsse", "0.0.1"
			body = fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"dsse","spec":{"payloadHash":{"algorithm":"sha256","value":"%x"},`+
				`"signatures":[{"signature":"%s","verifier":"%s"}]}}`, sha256.Sum256(payload), b64(sig), b64(pem.EncodeToMemory(block)))
		}
		host += " - 1"
		signer = &noteSigner{p.host, binary.BigEndian.Uint32(p.id()), func(msg []byte) ([]byte, error) {
			hash := sha256.Sum256(msg)
			return p.key.Sign(rand.Reader, hash[:], crypto.SHA256)
		}}
		promised := sha256.Sum256(fmt.Appendf(nil, `{"body":"%s","integratedTime":%d,"logID":"%x","logIndex":0}`, b64([]byte(body)), s.at.Unix(), p.id()))
		e["integratedTime"] = fmt.Sprint(s.at.Unix())
		e["inclusionPromise"] = object{"signedEntryTimestamp": must(p.key.Sign(rand.Reader, promised[:], crypto.SHA256))}
	}
	root := tlog.RecordHash([]byte(body))
	checkpoint := must(note.Sign(&note.Note{Text: fmt.Sprintf("%s\n1\n%s\n", host, b64(root[:]))}, signer))
	e["logIndex"] = "0"
	e["logId"] = object{"keyId": p.id()}
	e["kindVersion"] = object{"kind": kind, "version": version}
	e["canonicalizedBody"] = []byte(body)
	e["inclusionProof"] = object{
		"logIndex": "0", "treeSize": "1", "rootHash": root[:], "hashes": []any{}, "checkpoint": object{"envelope": string(checkpoint)},
	}
	return e
}

type noteSigner struct {
	name string
	id   uint32
	sign func([]byte) ([]byte, error)
}

func (s *noteSigner) Name() string                    { return s.name }
func (s *noteSigner) KeyHash() uint32                 { return s.id }
func (s *noteSigner) Sign(msg []byte) ([]byte, error) { return s.sign(msg) }

// sign returns a bundle of an envelope with payload, or of the artifact, after
// edits.
func (in *instance) sign(payload string, s signing, edits ...func(bundle object)) []byte {
	in.t.Helper()
	if s.at.IsZero() {
		s.at = began().Add(time.Hour)
	}
	if s.names == nil {
		s.names = []asn1.RawValue{{Class: 2, Tag: 6, Bytes: []byte(builder)}}
	}
	if s.issuer == "" {
		s.issuer = issuer
	}
	key := s.key
	material := object{}
	var cert *x509.Certificate
	if key == nil {
		key = newKey()
		cert = in.certificateFor(key.Public(), s)
		material["certificate"] = object{"rawBytes": cert.Raw}
	} else {
		material["publicKey"] = object{"hint": s.hint}
	}
	message := s.artifact
	if message == nil {
		message = (&sign.Envelope{PayloadType: "application/vnd.in-toto+json", Payload: []byte(payload)}).PAE()
	}
	hash := sha256.Sum256(message)
	sig := must(key.Sign(rand.Reader, hash[:], crypto.SHA256))

	var entries []any
	for _, i := range s.logs {
		entries = append(entries, in.entry(in.logs[i], s, sig, []byte(payload), message, cert, must(x509.MarshalPKIXPublicKey(key.Public()))))
	}
	material["tlogEntries"] = entries
	var stamps []any
	for n, i := range s.tsas {
		at := s.at
		if n < len(s.stamps) {
			at = s.stamps[n]
		}
		digest := sha256.Sum256(sig)
		tsa := in.tsas[i]
		stamp := timestamp.Timestamp{
			HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: at, SerialNumber: big.NewInt(1),
			Policy: asn1.ObjectIdentifier{1, 2, 3, 4}, Certificates: tsa.chain[1:], AddTSACertificate: true,
		}
		stamps = append(stamps, object{"signedTimestamp": must(stamp.CreateResponseWithOpts(tsa.chain[0], tsa.key, crypto.SHA256))})
	}
	material["timestampVerificationData"] = object{"rfc3161Timestamps": stamps}

	b := object{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": material,
	}
	if s.artifact != nil {
		b["messageSignature"] = object{"messageDigest": object{"algorithm": "SHA2_256", "digest": hash[:]}, "signature": sig}
	} else {
		b["dsseEnvelope"] = object{
			"payload": []byte(payload), "payloadType": "application/vnd.in-toto+json",
			"signatures": []any{object{"sig": sig, "keyid": s.hint}},
		}
	}
	// Through JSON, so that edits find maps, lists and strings only.
	var plain object
	if err := json.NewDecoder(bytes.NewReader(must(json.Marshal(b)))).Decode(&plain); err != nil {
		in.t.Fatal(err)
	}
	for _, edit := range edits {
		edit(plain)
	}
	return must(json.Marshal(plain))
}
