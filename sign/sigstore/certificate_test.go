package sigstore

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/verify"
)

const (
	testURI    = "https://github.com/org/builder/.github/workflows/build.yml@refs/tags/v1.2.3"
	testIssuer = "https://token.actions.githubusercontent.com"
)

// fulcio returns an extension of Fulcio's. Those up to 6 are bytes.
func fulcio(t *testing.T, n int, value string) pkix.Extension {
	t.Helper()
	b := []byte(value)
	if n > otherName {
		var err error
		if b, err = asn1.MarshalWithParams(value, "utf8"); err != nil {
			t.Fatal(err)
		}
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}, Value: b}
}

// names returns a subject alternative name of these kinds and values.
func names(t *testing.T, all ...asn1.RawValue) pkix.Extension {
	t.Helper()
	b, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: b}
}

func name(kind int, value string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: kind, Bytes: []byte(value)}
}

// otherNameOf is a name of a kind that crypto/x509 does not know.
func otherNameOf(t *testing.T, value string) asn1.RawValue {
	t.Helper()
	id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, otherName})
	if err != nil {
		t.Fatal(err)
	}
	text, err := asn1.MarshalWithParams(value, "utf8,explicit,tag:0")
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(id, text...)}
}

// certificate returns a certificate with the extensions, as it is parsed.
func certificate(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClaims(t *testing.T) {
	const uri, email = 6, 1
	san := names(t, name(uri, testURI))
	iss := fulcio(t, issuer, testIssuer)
	bytes8 := iss
	bytes8.Value = []byte(testIssuer)
	trailing := iss
	trailing.Value = append(append([]byte(nil), iss.Value...), 5, 0)
	printable := iss
	printable.Value = append([]byte{asn1.TagPrintableString, 1}, 'x')

	for _, test := range []struct {
		name       string
		extensions []pkix.Extension
		want       string // the fault, or "" for none
	}{
		{"only what there must be", []pkix.Extension{san, iss}, ""},
		{"both issuers", []pkix.Extension{san, iss, fulcio(t, oldIssuer, testIssuer)}, ""},
		{"extensions that are not known", []pkix.Extension{san, iss, fulcio(t, 99, "x"), fulcio(t, 4, "Release")}, ""},
		{"no name", []pkix.Extension{iss}, "no subject alternative name"},
		{"no names in it", []pkix.Extension{names(t), iss}, "0 subject alternative names"},
		{"an address", []pkix.Extension{names(t, name(email, "who@example.com")), iss}, "want one that is a URI"},
		{"two URIs", []pkix.Extension{names(t, name(uri, testURI), name(uri, "https://evil.example/")), iss}, "2 subject alternative names"},
		{"one URI twice", []pkix.Extension{names(t, name(uri, testURI), name(uri, testURI)), iss}, "2 subject alternative names"},
		{"a URI and an address", []pkix.Extension{names(t, name(uri, testURI), name(email, "who@example.com")), iss}, "2 subject alternative names"},
		{"a URI and a name of another kind", []pkix.Extension{names(t, name(uri, testURI), otherNameOf(t, "who")), iss}, "2 subject alternative names"},
		{"a name of another kind", []pkix.Extension{names(t, otherNameOf(t, testURI)), iss}, "want one that is a URI"},
		{"no issuer", []pkix.Extension{san}, "no issuer"},
		{"the old issuer only", []pkix.Extension{san, fulcio(t, oldIssuer, testIssuer)}, "no issuer"},
		{"an empty issuer", []pkix.Extension{san, fulcio(t, issuer, "")}, "no issuer"},
		{"two issuers", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "https://evil.example")}, "extensions 1 and 8 differ"},
		{"an empty old issuer", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "")}, "extensions 1 and 8 differ"},
		{"an issuer that is bytes", []pkix.Extension{san, bytes8}, "extension 8 is not a UTF-8 string"},
		{"an issuer with something behind", []pkix.Extension{san, trailing}, "extension 8 is not a UTF-8 string"},
		{"an issuer of another string type", []pkix.Extension{san, printable}, "extension 8 is not a UTF-8 string"},
		{"an issuer that is not UTF-8", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "\xff")}, "not UTF-8"},
		{"two triggers", []pkix.Extension{san, iss, fulcio(t, oldTrigger, "push"), fulcio(t, trigger, "pull_request")}, "extensions 2 and 20 differ"},
		{"two commits", []pkix.Extension{san, iss, fulcio(t, oldCommit, "a"), fulcio(t, commit, "b")}, "extensions 3 and 13 differ"},
		{"two refs", []pkix.Extension{san, iss, fulcio(t, oldRef, "refs/heads/a"), fulcio(t, ref, "refs/tags/a")}, "extensions 6 and 14 differ"},
		{"a repository and its path", []pkix.Extension{san, iss, fulcio(t, oldRepository, "org/app"), fulcio(t, repository, "https://github.com/org/app")}, ""},
		{"two repositories", []pkix.Extension{san, iss, fulcio(t, oldRepository, "org/app"), fulcio(t, repository, "https://github.com/evil/app")}, "extensions 5 and 12 differ"},
		{"a repository and half a path", []pkix.Extension{san, iss, fulcio(t, oldRepository, "g/app"), fulcio(t, repository, "https://github.com/org/app")}, "extensions 5 and 12 differ"},
		{"a repository and no path", []pkix.Extension{san, iss, fulcio(t, oldRepository, ""), fulcio(t, repository, "https://github.com/org/")}, "extensions 5 and 12 differ"},
		{"the signer", []pkix.Extension{san, iss, fulcio(t, signerURI, testURI)}, ""},
		{"another signer", []pkix.Extension{san, iss, fulcio(t, signerURI, testURI+"x")}, "its name and extension 9 differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims, err := claimsOf(certificate(t, &x509.Certificate{ExtraExtensions: test.extensions}))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "" && (claims.Builder != testURI || claims.Issuer != testIssuer):
				t.Errorf("claims %+v", claims)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%+v, %v, want an error with %q", claims, err, test.want)
			}
		})
	}

	// What is not in the certificate is not claimed, and the name is as written.
	odd, err := url.Parse(testURI + "?a=b%2Fc#d")
	if err != nil {
		t.Fatal(err)
	}
	claims, err := claimsOf(certificate(t, &x509.Certificate{URIs: []*url.URL{odd}, ExtraExtensions: []pkix.Extension{iss}}))
	if want := (verify.Claims{Issuer: testIssuer, Builder: testURI + "?a=b%2Fc#d"}); err != nil || *claims != want {
		t.Errorf("claims %+v, %v, want %+v", claims, err, want)
	}
}
