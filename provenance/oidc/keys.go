package oidc

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// keyType returns the kty of the keys for an algorithm, or "" if it is not
// accepted. Of the algorithms of RFC 7518 and RFC 8037, these are the ones that
// build systems sign tokens with. With "none" everybody can sign, and with a
// shared secret everybody who can verify.
func keyType(a jose.SignatureAlgorithm) string {
	switch a {
	case jose.RS256, jose.RS384, jose.RS512:
		return "RSA"
	case jose.ES256, jose.ES384, jose.ES512:
		return "EC"
	case jose.EdDSA:
		return "OKP"
	}
	return ""
}

// keys returns the keys that an issuer publishes now.
//
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
func (v *Verifier) keys(ctx context.Context, issuer string, client *http.Client) ([]key, error) {
	// "If the Issuer value contains a path component, any terminating / MUST be
	// removed before appending /.well-known/openid-configuration."
	at, err := parseURL(strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	document, err := v.get(ctx, client, at)
	if err != nil {
		return nil, fmt.Errorf("discovery document: %w", err)
	}
	named, keysURL, err := parseDiscovery(document)
	if err != nil {
		return nil, fmt.Errorf("malformed discovery document: %w", err)
	}
	if named != issuer {
		return nil, fmt.Errorf("the discovery document is of %.200q", named)
	}
	keysAt, err := parseURL(keysURL)
	if err != nil {
		return nil, fmt.Errorf("malformed discovery document: jwks_uri: %w", err)
	}
	if keysAt.Host != at.Host {
		return nil, fmt.Errorf("the discovery document has its keys on another host, %.200q", keysAt.Host)
	}
	if document, err = v.get(ctx, client, keysAt); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	ks, err := parseKeys(document)
	if err != nil {
		return nil, fmt.Errorf("malformed key set: %w", err)
	}
	return ks, nil
}

// parseDiscovery returns the issuer of a discovery document and where its keys
// are.
func parseDiscovery(document []byte) (issuer, keysURL string, err error) {
	err = strictjson.Read(document, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "issuer":
				issuer, err = r.String()
			case "jwks_uri":
				keysURL, err = r.String()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	return issuer, keysURL, err
}

// A key is one of an issuer's keys, RFC 7517 section 4. Its numbers are read only
// if a token is signed with it.
type key struct {
	kid, kty, alg, use string
	ops                []string
	private            bool // it has members of a private key or a shared secret
	raw                json.RawMessage
}

// parseKeys parses a set of keys, RFC 7517 section 5.
func parseKeys(document []byte) ([]key, error) {
	var ks []key
	found := false
	err := strictjson.Read(document, func(r *strictjson.Reader) error {
		return r.Object(func(name string) error {
			if name != "keys" {
				return r.Skip()
			}
			found = true
			return r.Array(func(i int) error {
				if i == MaxKeys {
					return r.Errorf("more than %d keys", MaxKeys)
				}
				raw, err := r.Raw()
				if err != nil {
					return err
				}
				k, err := parseKey(raw)
				if err != nil {
					return fmt.Errorf("key %d: %w", i, err)
				}
				ks = append(ks, k)
				return nil
			})
		})
	})
	if err == nil && !found {
		err = errors.New("no keys")
	}
	return ks, err
}

func parseKey(raw json.RawMessage) (key, error) {
	k := key{raw: raw}
	err := strictjson.Read(raw, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "kid":
				k.kid, err = r.String()
			case "kty":
				k.kty, err = r.String()
			case "alg":
				k.alg, err = r.String()
			case "use":
				k.use, err = r.String()
			case "key_ops":
				k.ops = []string{}
				err = r.Array(func(int) error {
					op, err := r.String()
					k.ops = append(k.ops, op)
					return err
				})
			case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
				k.private = true
				err = r.Skip()
			default:
				err = r.Skip()
			}
			return err
		})
	})
	return k, err
}

// verify verifies the signature of t and returns the claims that are signed.
func (t *token) verify(keys []key) ([]byte, error) {
	// OpenID Connect Core section 10.1: "If there are multiple keys in the
	// referenced JWK Set document, a kid value MUST be provided in the JOSE
	// Header."
	if t.kid == "" && len(keys) > 1 {
		return nil, fmt.Errorf("it does not say which of the issuer's %d keys it is signed with", len(keys))
	}
	var public interface{ Equal(crypto.PublicKey) bool }
	for _, k := range keys {
		if !k.signs(t) {
			continue
		}
		p, err := k.public()
		if err != nil {
			return nil, fmt.Errorf("malformed key %.100q: %w", k.kid, err)
		}
		// Some issuers list a key twice. Of two keys with one name neither is
		// known to be the one.
		if public != nil && !public.Equal(p) {
			return nil, fmt.Errorf("the issuer has two keys %.100q for %s", k.kid, t.algorithm)
		}
		public = p
	}
	if public == nil {
		return nil, fmt.Errorf("none of the issuer's %d keys is %.100q for %s", len(keys), t.kid, t.algorithm)
	}
	jws, err := jose.ParseSignedCompact(t.compact, []jose.SignatureAlgorithm{t.algorithm})
	if err != nil {
		return nil, errors.New("malformed header: a member is not as RFC 7515 has it")
	}
	claims, err := jws.Verify(public)
	if err != nil {
		return nil, fmt.Errorf("the signature is not by the issuer's key %.100q", t.kid)
	}
	return claims, nil
}

// signs reports whether k can be the key that t is signed with.
func (k *key) signs(t *token) bool {
	return (t.kid == "" || k.kid == t.kid) &&
		k.kty == keyType(t.algorithm) &&
		(k.alg == "" || k.alg == string(t.algorithm)) &&
		(k.use == "" || k.use == "sig") &&
		(k.ops == nil || slices.Contains(k.ops, "verify"))
}

// public returns the public key that k is.
func (k *key) public() (interface{ Equal(crypto.PublicKey) bool }, error) {
	if k.private {
		return nil, errors.New("it is not only the public half: everybody can sign with it")
	}
	var j jose.JSONWebKey
	if err := j.UnmarshalJSON(k.raw); err != nil {
		return nil, err
	}
	if p, ok := j.Key.(*rsa.PublicKey); ok {
		// go-jose has an upper bound too, in a variable that anybody can change.
		if n := p.N.BitLen(); n < MinRSABits || n > MaxRSABits {
			return nil, fmt.Errorf("RSA with %d bits, want %d to %d", n, MinRSABits, MaxRSABits)
		}
	}
	public, ok := j.Key.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, fmt.Errorf("key type %.40q", k.kty)
	}
	return public, nil
}
