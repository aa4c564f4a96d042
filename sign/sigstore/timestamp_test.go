package sigstore_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// R10: a timestamp brings certificates along. Whose they are decides nothing: neither
// does the authority's own certificate make good what another key has signed, whether
// it lies before or behind that key's, or has its name and number, nor do others spoil
// what the authority has signed.
func TestInjectedCertificates(t *testing.T) {
	in := newInstance(t)
	id := must(in.root(sigstore.Requirements{}).NewIdentity(sigstore.Workflow{Issuer: issuer, Builder: builder}))
	tsa := in.tsas[0]
	usage := pkix.Extension{
		Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true,
		Value: must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})),
	}
	// evil certifies a key of its own, by the issuer's name and with a number.
	evil := newKey()
	certificate := func(subject, issuer string, number int64) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: subject},
			NotBefore: began(), NotAfter: began().AddDate(9, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtraExtensions: []pkix.Extension{usage},
		}
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: issuer}, PublicKey: evil.Public()}
		return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, evil.Public(), evil))))
	}
	genuine, root := tsa.chain[0], tsa.chain[1]
	spoofed := certificate("evil", "evil", 1)
	double := certificate(genuine.Subject.CommonName, genuine.Issuer.CommonName, genuine.SerialNumber.Int64())

	stamp := func(sig []byte, signer *x509.Certificate, key crypto.Signer, before, behind []*x509.Certificate) []byte {
		digest := sha256.Sum256(sig)
		s := timestamp.Timestamp{
			HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: began().Add(time.Hour), SerialNumber: big.NewInt(1),
			Policy: asn1.ObjectIdentifier{1, 2, 3, 4}, AddTSACertificate: true,
		}
		response := must(timestamp.ParseResponse(must(s.CreateResponseWithOpts(genuine, tsa.key, crypto.SHA256))))
		signed := must(pkcs7.NewSignedData(must(pkcs7.Parse(response.RawToken)).Content))
		signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
		signed.SetContentType(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4})
		for _, c := range before {
			signed.AddCertificate(c)
		}
		if err := signed.AddSignerChain(signer, key, nil, pkcs7.SignerInfoConfig{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range behind {
			signed.AddCertificate(c)
		}
		return must(asn1.Marshal(struct {
			Status struct{ Status int }
			Token  asn1.RawValue
		}{Token: asn1.RawValue{FullBytes: must(signed.Finish())}}))
	}
	all := func(c ...*x509.Certificate) []*x509.Certificate { return c }
	for _, test := range []struct {
		name           string
		signer         *x509.Certificate
		key            crypto.Signer
		before, behind []*x509.Certificate
		good           bool
	}{
		{"as usual", genuine, tsa.key, nil, nil, true},
		{"another certificate behind it", genuine, tsa.key, nil, all(spoofed), true},
		{"another certificate before it", genuine, tsa.key, all(spoofed), nil, true},
		{"the key of another", spoofed, evil, nil, nil, false},
		{"the key of another, the authority's certificate behind", spoofed, evil, nil, all(genuine, root), false},
		{"the key of another, the authority's certificate before", spoofed, evil, all(genuine, root), nil, false},
		{"the key of another of the same name and number", double, evil, nil, nil, false},
		{"the key of another of the same name and number, the authority's behind", double, evil, nil, all(genuine, root), false},
		{"the key of another of the same name and number, the authority's before", double, evil, all(genuine, root), nil, false},
		{"the authority's certificate, and the key of another", genuine, evil, nil, nil, false},
		{"the authority's certificate, and the key of another, whose certificate is before", genuine, evil, all(double), nil, false},
	} {
		b := in.sign(`{}`, signing{logs: []int{0}, ctLogs: []int{0}, tsas: []int{0}}, func(b object) {
			sig := must(base64.StdEncoding.DecodeString(b["dsseEnvelope"].(object)["signatures"].([]any)[0].(object)["sig"].(string)))
			materialOf(b)["timestampVerificationData"].(object)["rfc3161Timestamps"] = []any{object{"signedTimestamp": stamp(sig, test.signer, test.key, test.before, test.behind)}}
		})
		_, err := id.Recognize(t.Context(), must(sign.Parse(b)))
		if test.good && err != nil || !test.good && !errors.Is(err, verify.ErrNotSigned) {
			t.Errorf("%s: %v", test.name, err)
		}
	}

	// One that was made for other verifiers, with a certificate of "Spoofed TSA" first.
	// Of the certificates in it only the last is that of who signed.
	injected := read(t, corpus(t, "tsa", "testdata", "response-injected-certs.tsr"))
	token := must(pkcs7.Parse(must(timestamp.ParseResponse(injected)).RawToken))
	for i, c := range token.Certificates {
		err := sigstore.VerifyTimestamp(c, injected, []byte("hello"))
		if last := i == len(token.Certificates)-1; (err == nil) != last {
			t.Errorf("by %s, certificate %d: %v", c.Subject, i, err)
		}
	}
}
