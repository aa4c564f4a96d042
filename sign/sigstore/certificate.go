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
	oldIssuer     = 1
	oldTrigger    = 2
	oldCommit     = 3
	oldRepository = 5 // "org/repo"
	oldRef        = 6
	otherName     = 7 // not an extension, but a kind of subject name
	issuer        = 8
	signerURI     = 9
	runner        = 11
	repository    = 12 // "https://github.com/org/repo"
	commit        = 13
	ref           = 14
	trigger       = 20
	invocation    = 21
)

// claimsOf returns what cert says of the workflow run that it was issued to. It
// is an error if cert names its holder by anything but one URI, or if it says
// one thing in two ways that differ.
func claimsOf(cert *x509.Certificate) (*verify.Claims, error) {
	builder, err := onlyURI(cert)
	if err != nil {
		return nil, err
	}
	values, err := extensions(cert)
	if err != nil {
		return nil, err
	}
	if values[issuer] == "" {
		return nil, errors.New("it names no issuer")
	}
	for _, same := range []struct{ old, current int }{
		{oldIssuer, issuer}, {oldTrigger, trigger}, {oldCommit, commit}, {oldRepository, repository}, {oldRef, ref},
	} {
		a, hasOld := values[same.old]
		b, hasBoth := values[same.current]
		if same.old == oldRepository && a != "" && strings.HasSuffix(b, "/"+a) {
			continue
		}
		if hasOld && hasBoth && a != b {
			return nil, fmt.Errorf("extensions %d and %d differ: %.200q, %.200q", same.old, same.current, a, b)
		}
	}
	if uri, ok := values[signerURI]; ok && uri != builder {
		return nil, fmt.Errorf("its name and extension %d differ: %.200q, %.200q", signerURI, builder, uri)
	}
	return &verify.Claims{
		Issuer:     values[issuer],
		Builder:    builder,
		Repository: values[repository],
		Ref:        values[ref],
		Commit:     values[commit],
		Trigger:    values[trigger],
		Runner:     values[runner],
		Invocation: values[invocation],
	}, nil
}

// onlyURI returns the URI that is the only subject alternative name of cert, as
// it is written there: crypto/x509 would drop names of kinds that it does not
// know, and url.URL spells some URIs anew.
func onlyURI(cert *x509.Certificate) (string, error) {
	const uniformResourceIdentifier = 6 // RFC 5280 section 4.2.1.6
	for _, x := range cert.Extensions {
		if !x.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(x.Value, &names); err != nil || len(rest) > 0 {
			return "", errors.New("malformed subject alternative name")
		}
		if len(names) != 1 || names[0].Class != asn1.ClassContextSpecific || names[0].Tag != uniformResourceIdentifier {
			return "", fmt.Errorf("it has %d subject alternative names, want one that is a URI", len(names))
		}
		return string(names[0].Bytes), nil
	}
	return "", errors.New("it has no subject alternative name")
}

// extensions returns the values of Fulcio's extensions of cert.
func extensions(cert *x509.Certificate) (map[int]string, error) {
	arc := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}
	values := make(map[int]string)
	for _, x := range cert.Extensions {
		if len(x.Id) != len(arc)+1 || !x.Id[:len(arc)].Equal(arc) {
			continue
		}
		n := x.Id[len(arc)]
		text := x.Value
		if n > otherName {
			var v asn1.RawValue
			rest, err := asn1.Unmarshal(x.Value, &v)
			if err != nil || len(rest) > 0 || v.Class != asn1.ClassUniversal || v.Tag != asn1.TagUTF8String || v.IsCompound {
				return nil, fmt.Errorf("extension %d is not a UTF-8 string", n)
			}
			text = v.Bytes
		}
		if _, twice := values[n]; twice || !utf8.Valid(text) {
			return nil, fmt.Errorf("extension %d is there twice, or not UTF-8", n)
		}
		values[n] = string(text)
	}
	return values, nil
}
