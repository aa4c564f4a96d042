package sigstore

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/sign"
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
func otherNameOf(t *testing.T, n int, value string) asn1.RawValue {
	t.Helper()
	id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n})
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
		{"an extension that is not known", []pkix.Extension{san, iss, fulcio(t, 99, "x")}, ""},
		{"an extension that is not known, and no string", []pkix.Extension{san, iss, {Id: append(fulcioArc(), 25), Value: []byte{1}}}, ""},
		{"the kind of a name as an extension", []pkix.Extension{san, iss, fulcio(t, 7, "x")}, "extension 7 is the kind of a name"},
		{"a token subject that is bytes", []pkix.Extension{san, iss, {Id: append(fulcioArc(), 24), Value: []byte("repo:x")}}, "extension 24 is not a UTF-8 string"},
		{"no name", []pkix.Extension{iss}, "no subject alternative name"},
		{"no names in it", []pkix.Extension{names(t), iss}, "0 subject alternative names"},
		{"a name of no kind", []pkix.Extension{names(t, name(2, "example.com")), iss}, "neither a URI"},
		{"an address with a space", []pkix.Extension{names(t, name(email, "who else@example.com")), iss}, "with spaces"},
		{"a URI that is constructed", []pkix.Extension{names(t, asn1.RawValue{Class: 2, Tag: uri, IsCompound: true, Bytes: []byte{12, 1, 'x'}}), iss}, "neither a URI"},
		{"an empty URI", []pkix.Extension{names(t, name(uri, "")), iss}, "it is empty"},
		{"an account of another kind", []pkix.Extension{names(t, otherNameOf(t, otherName+1, "who")), iss}, "of a kind that is not known"},
		{"an account without a name", []pkix.Extension{names(t, otherNameOf(t, otherName, "")), iss}, "not a UTF-8 string"},
		{"two URIs", []pkix.Extension{names(t, name(uri, testURI), name(uri, "https://evil.example/")), iss}, "2 subject alternative names"},
		{"one URI twice", []pkix.Extension{names(t, name(uri, testURI), name(uri, testURI)), iss}, "2 subject alternative names"},
		{"a URI and an address", []pkix.Extension{names(t, name(uri, testURI), name(email, "who@example.com")), iss}, "2 subject alternative names"},
		{"a URI and a name of another kind", []pkix.Extension{names(t, name(uri, testURI), otherNameOf(t, otherName, "who")), iss}, "2 subject alternative names"},
		{"no issuer", []pkix.Extension{san}, "no issuer"},
		{"the old issuer only", []pkix.Extension{san, fulcio(t, oldIssuer, testIssuer)}, ""},
		{"an empty issuer", []pkix.Extension{san, fulcio(t, issuer, "")}, "no issuer"},
		{"two issuers", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "https://evil.example")}, "extensions 1 and 8 differ"},
		{"an empty old issuer", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "")}, "extensions 1 and 8 differ"},
		{"an issuer that is bytes", []pkix.Extension{san, bytes8}, "extension 8 is not a UTF-8 string"},
		{"an issuer with something behind", []pkix.Extension{san, trailing}, "extension 8 is not a UTF-8 string"},
		{"an issuer of another string type", []pkix.Extension{san, printable}, "extension 8 is not a UTF-8 string"},
		{"an issuer that is not UTF-8", []pkix.Extension{san, iss, fulcio(t, oldIssuer, "\xff")}, "not a UTF-8 string"},
		{"two triggers", []pkix.Extension{san, iss, fulcio(t, oldTrigger, "push"), fulcio(t, trigger, "pull_request")}, "extensions 2 and 20 differ"},
		{"two commits", []pkix.Extension{san, iss, fulcio(t, oldCommit, "a"), fulcio(t, commit, "b")}, "extensions 3 and 13 differ"},
		{"two refs", []pkix.Extension{san, iss, fulcio(t, oldRef, "refs/heads/a"), fulcio(t, ref, "refs/tags/a")}, "extensions 6 and 14 differ"},
		{"a repository and its path", []pkix.Extension{san, iss, fulcio(t, oldRepository, "org/app"), fulcio(t, repository, "https://github.com/org/app")}, ""},
		{"two repositories", []pkix.Extension{san, iss, fulcio(t, oldRepository, "org/app"), fulcio(t, repository, "https://github.com/evil/app")}, "extensions 5 and 12 differ"},
		{"a repository and half a path", []pkix.Extension{san, iss, fulcio(t, oldRepository, "g/app"), fulcio(t, repository, "https://github.com/org/app")}, "extensions 5 and 12 differ"},
		{"a repository and no path", []pkix.Extension{san, iss, fulcio(t, oldRepository, ""), fulcio(t, repository, "https://github.com/org/")}, "extensions 5 and 12 differ"},
		{"the signer", []pkix.Extension{san, iss, fulcio(t, buildSigner, testURI)}, ""},
		{"another signer", []pkix.Extension{san, iss, fulcio(t, buildSigner, testURI+"x")}, ""},
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
	if want := (verify.Claims{Issuer: testIssuer, Subject: testURI + "?a=b%2Fc#d", Builder: testURI + "?a=b%2Fc#d"}); err != nil || *claims != want {
		t.Errorf("claims %+v, %v, want %+v", claims, err, want)
	}

	// Certificates of 2021 and 2022 have the old forms only. The path of a
	// repository is not its URL, but all that GitHub's issuer vouches for is on one
	// server.
	for issuer, repository := range map[string]string{testIssuer: "https://github.com/org/app", testIssuer + "/acme": "", "https://gitlab.com": ""} {
		claims, err = claimsOf(certificate(t, &x509.Certificate{ExtraExtensions: []pkix.Extension{
			san, fulcio(t, oldIssuer, issuer), fulcio(t, oldTrigger, "push"), fulcio(t, oldCommit, "c"), fulcio(t, oldRepository, "org/app"), fulcio(t, oldRef, "refs/heads/main"),
		}}))
		if want := (verify.Claims{Issuer: issuer, Subject: testURI, Builder: testURI, Trigger: "push", Repository: repository, Commit: "c", Ref: "refs/heads/main"}); err != nil || *claims != want {
			t.Errorf("claims\n%+v, %v, want\n%+v", claims, err, want)
		}
	}

	// People and accounts build nothing.
	for _, test := range []struct {
		san     pkix.Extension
		subject string
	}{
		{names(t, name(email, "who@example.com")), "who@example.com"},
		{names(t, otherNameOf(t, otherName, "who!example.com")), "who!example.com"},
		{names(t, otherNameOf(t, otherName, testURI)), testURI},
	} {
		claims, err := claimsOf(certificate(t, &x509.Certificate{ExtraExtensions: []pkix.Extension{test.san, iss}}))
		if want := (verify.Claims{Issuer: testIssuer, Subject: test.subject}); err != nil || *claims != want {
			t.Errorf("claims %+v, %v, want %+v", claims, err, want)
		}
	}

	// Every extension becomes a claim of its own.
	all := []pkix.Extension{san, iss}
	for n := workflowName; n < extensionCount; n++ {
		if n != otherName && n != issuer && n != oldRepository && n != oldRef {
			all = append(all, fulcio(t, n, fmt.Sprint("value ", n)))
		}
	}
	claims, err = claimsOf(certificate(t, &x509.Certificate{ExtraExtensions: all}))
	if want := (verify.Claims{
		Issuer: testIssuer, Subject: testURI, Builder: testURI,
		Workflow:    "value 4",
		BuildSigner: "value 9", BuildSignerDigest: "value 10",
		Runner:     "value 11",
		Repository: "value 12", Commit: "value 13", Ref: "value 14", RepositoryID: "value 15",
		Owner: "value 16", OwnerID: "value 17",
		BuildConfig: "value 18", BuildConfigDigest: "value 19",
		Trigger: "value 20", Invocation: "value 21", Visibility: "value 22", Environment: "value 23", TokenSubject: "value 24",
	}); err != nil || *claims != want {
		t.Errorf("claims\n%+v, %v, want\n%+v", claims, err, want)
	}
}

// FuzzClaims: whatever a certificate's extensions are, they are claims or an
// error, and the claims are UTF-8.
func FuzzClaims(f *testing.F) {
	f.Add([]byte{0x30, 3, 0x86, 1, 'x'}, 8, []byte{12, 1, 'x'}, 1, []byte("x"))
	f.Add([]byte{0x30, 3, 0x81, 1, 'x'}, 24, []byte{12, 0}, 7, []byte{})
	f.Add([]byte{0x30, 22, 0xa0, 20, 6, 10, 0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1, 7, 0xa0, 6, 12, 4, 'w', 'h', 'o', '!'}, 8, []byte{12, 1, 'x'}, 25, []byte{})
	f.Fuzz(func(t *testing.T, san []byte, n int, value []byte, m int, other []byte) {
		cert := &x509.Certificate{Extensions: []pkix.Extension{
			{Id: subjectAlternativeName(), Value: san},
			{Id: append(fulcioArc(), n), Value: value},
			{Id: append(fulcioArc(), m), Value: other},
		}}
		claims, err := claimsOf(cert)
		if (claims == nil) == (err == nil) {
			t.Fatalf("%v, %v", claims, err)
		}
		if err == nil && (claims.Issuer == "" || claims.Subject == "" || !utf8.ValidString(fmt.Sprint(*claims)) ||
			claims.Builder != "" && claims.Builder != claims.Subject) {
			t.Fatalf("claims %+q", *claims)
		}
	})
}

// What a signer asks before it returns what it made.
func TestRecognizeOwn(t *testing.T) {
	for _, bundle := range []string{"", "{}"} {
		e := &sign.Envelope{Bundle: []byte(bundle)}
		if bundle == "" {
			e.Bundle = nil
		}
		if leaf, err := new(TrustedRoot).recognize(e); leaf != nil || err == nil {
			t.Errorf("%q: %v, %v", bundle, leaf, err)
		}
	}
}
