package sigstore

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/verify"
)

// The extensions that Fulcio puts into certificates, by the last number of their
// identifiers, 1.3.6.1.4.1.57264.1.N. Those up to 6 are deprecated, and have the
// bytes of a string; those from 8 on have a DER UTF8String.
//
// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
const (
	oldIssuer         = 1
	oldTrigger        = 2
	oldCommit         = 3
	workflowName      = 4
	oldRepository     = 5 // "org/repo"
	oldRef            = 6
	otherName         = 7 // not an extension, but a kind of subject name
	issuer            = 8
	buildSigner       = 9
	buildSignerDigest = 10
	runner            = 11
	repository        = 12 // "https://github.com/org/repo"
	commit            = 13
	ref               = 14
	repositoryID      = 15
	owner             = 16
	ownerID           = 17
	buildConfig       = 18
	buildConfigDigest = 19
	trigger           = 20
	invocation        = 21
	visibility        = 22
	environment       = 23
	tokenSubject      = 24
	extensionCount    = 25 // the first number that has no meaning yet
)

// github issues tokens for the jobs of github.com, and for no other server's.
const github = "https://token.actions.githubusercontent.com"

// claimsOf returns what cert says of whom it was issued to. It is an error if
// cert names its holder in several ways, or if it says one thing in two ways
// that differ. The repository of a certificate of 2022 has no server: it is known for
// those of github.com only.
func claimsOf(cert *x509.Certificate) (*verify.Claims, error) {
	subject, isURI, err := subjectOf(cert)
	if err != nil {
		return nil, err
	}
	values, has, err := extensions(cert)
	if err != nil {
		return nil, err
	}
	for _, same := range []struct{ old, current int }{
		{oldIssuer, issuer}, {oldTrigger, trigger}, {oldCommit, commit}, {oldRepository, repository}, {oldRef, ref},
	} {
		a, b := values[same.old], values[same.current]
		if same.old == oldRepository && a != "" && strings.HasSuffix(b, "/"+a) {
			continue
		}
		if has[same.old] && has[same.current] && a != b {
			return nil, fmt.Errorf("extensions %d and %d differ: %.200q, %.200q", same.old, same.current, a, b)
		}
		if !has[same.current] && same.old != oldRepository { // which is not the whole URL
			values[same.current] = a
		}
	}
	if values[issuer] == "" {
		return nil, errors.New("it names no issuer")
	}
	if !has[repository] && values[oldRepository] != "" && values[issuer] == github {
		values[repository] = "https://github.com/" + values[oldRepository]
	}
	claims := &verify.Claims{
		Issuer:            values[issuer],
		Subject:           subject,
		BuildSigner:       values[buildSigner],
		BuildSignerDigest: values[buildSignerDigest],
		BuildConfig:       values[buildConfig],
		BuildConfigDigest: values[buildConfigDigest],
		Repository:        values[repository],
		RepositoryID:      values[repositoryID],
		Visibility:        values[visibility],
		Owner:             values[owner],
		OwnerID:           values[ownerID],
		Ref:               values[ref],
		Commit:            values[commit],
		Workflow:          values[workflowName],
		Trigger:           values[trigger],
		Runner:            values[runner],
		Environment:       values[environment],
		Invocation:        values[invocation],
		TokenSubject:      values[tokenSubject],
	}
	if isURI {
		claims.Builder = subject
	}
	return claims, nil
}

// subjectOf returns the only subject alternative name of cert, as it is written
// there: crypto/x509 would drop names of kinds that it does not know, and url.URL
// spells some URIs anew.
func subjectOf(cert *x509.Certificate) (name string, isURI bool, err error) {
	const email, uniformResourceIdentifier, other = 1, 6, 0 // RFC 5280 section 4.2.1.6
	for _, x := range cert.Extensions {
		if !x.Id.Equal(subjectAlternativeName()) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(x.Value, &names); err != nil || len(rest) > 0 {
			return "", false, errors.New("malformed subject alternative name")
		}
		if len(names) != 1 {
			return "", false, fmt.Errorf("it has %d subject alternative names, want one", len(names))
		}
		n := names[0]
		switch {
		case n.Class == asn1.ClassContextSpecific && n.Tag == other && n.IsCompound:
			name, err = parseOtherName(n.Bytes)
			return name, false, err
		case n.Class != asn1.ClassContextSpecific || n.IsCompound || n.Tag != email && n.Tag != uniformResourceIdentifier:
			return "", false, errors.New("its subject alternative name is neither a URI, an e-mail address nor an account's")
		}
		for _, c := range n.Bytes {
			if c <= ' ' || c >= 0x7f { // an IA5String, and neither has spaces
				return "", false, errors.New("malformed subject alternative name: not ASCII, or with spaces")
			}
		}
		if len(n.Bytes) == 0 {
			return "", false, errors.New("malformed subject alternative name: it is empty")
		}
		return string(n.Bytes), n.Tag == uniformResourceIdentifier, nil
	}
	return "", false, errors.New("it has no subject alternative name")
}

// subjectAlternativeName is the extension that names a certificate's holder.
func subjectAlternativeName() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 17} }

// fulcioArc is the arc of Fulcio's extensions.
func fulcioArc() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1} }

// parseOtherName parses the name of an account.
//
//	OtherName ::= SEQUENCE {
//	    type-id    OBJECT IDENTIFIER,
//	    value      [0] EXPLICIT ANY DEFINED BY type-id }
func parseOtherName(der []byte) (string, error) {
	var id asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(der, &id)
	if err != nil || !id.Equal(append(fulcioArc(), otherName)) {
		return "", errors.New("its subject alternative name is of a kind that is not known")
	}
	var explicit asn1.RawValue
	if rest, err = asn1.Unmarshal(rest, &explicit); err != nil || len(rest) > 0 ||
		explicit.Class != asn1.ClassContextSpecific || explicit.Tag != 0 || !explicit.IsCompound {
		return "", errors.New("malformed subject alternative name: no value")
	}
	name, ok := utf8String(explicit.Bytes)
	if !ok || name == "" {
		return "", errors.New("malformed subject alternative name: not a UTF-8 string")
	}
	return name, nil
}

func utf8String(der []byte) (string, bool) {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil || len(rest) > 0 || v.Class != asn1.ClassUniversal || v.Tag != asn1.TagUTF8String || v.IsCompound || !utf8.Valid(v.Bytes) {
		return "", false
	}
	return string(v.Bytes), true
}

// extensions returns the values of Fulcio's extensions of cert, and which it has.
// Those that have no meaning yet are passed over.
func extensions(cert *x509.Certificate) (values [extensionCount]string, has [extensionCount]bool, err error) {
	arc := fulcioArc()
	for _, x := range cert.Extensions {
		if len(x.Id) != len(arc)+1 || !x.Id[:len(arc)].Equal(arc) {
			continue
		}
		n := x.Id[len(arc)]
		switch {
		case n <= 0 || n >= extensionCount:
			continue
		case n == otherName:
			return values, has, fmt.Errorf("extension %d is the kind of a name, and no extension", n)
		case has[n]:
			return values, has, fmt.Errorf("extension %d is there twice", n)
		case n < otherName:
			values[n], has[n] = string(x.Value), utf8.Valid(x.Value)
		default:
			values[n], has[n] = utf8String(x.Value)
		}
		if !has[n] {
			return values, has, fmt.Errorf("extension %d is not a UTF-8 string", n)
		}
	}
	return values, has, nil
}
