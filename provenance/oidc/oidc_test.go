package oidc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

func TestVerify(t *testing.T) {
	i := newIssuer(t, "")
	i.claims = i.claims.with(object{
		"empty": "", "null": nil, "yes": true, "n": 9007199254740993, "big": []byte("x"),
		"list": []any{"a", 1, nil}, "object": object{"b": 1, "a": "é<"},
	})
	claims := strings.Replace(string(mustJSON(i.claims)), `"n":`, `"null":null,"f":1.50,"n":`, 1)
	token := sign("RS256", rsaKey(), i.header, []byte(claims))
	got, err := i.verifier().Verify(t.Context(), token, i.Client())
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != i.url {
		t.Errorf("issuer %q, want %q", got.Issuer, i.url)
	}
	want := map[string]string{
		"aud": "hallmark", "sub": "repo:octocat/hello:ref:refs/heads/main", "jti": "1",
		"iat": "1767323035", "nbf": "1767322445", "exp": "1767323345",
		"empty": "", "yes": "true", "n": "9007199254740993", "f": "1.50", "big": "eA==",
		"list": `["a",1,null]`, "object": `{"a":"é<","b":1}`,
	}
	if !maps.Equal(got.Values, want) {
		t.Errorf("got  %v\nwant %v", got.Values, want)
	}
	if leak := leaked(fmt.Sprintf("%+v", *got), token); leak != "" {
		t.Errorf("%q of the token is in the claims", leak)
	}
	if want := []string{"GET /.well-known/openid-configuration", "GET /keys"}; !slices.Equal(i.requests, want) {
		t.Errorf("requests %q, want %q", i.requests, want)
	}
}

// Every algorithm that is accepted, as the standard library signs with it.
func TestAlgorithms(t *testing.T) {
	i := newIssuer(t, "")
	for alg, key := range map[string]crypto.Signer{
		"RS256": rsaKey(), "RS384": rsaKey(), "RS512": rsaKey(),
		"ES256": ecKey(elliptic.P256()), "ES384": ecKey(elliptic.P384()), "ES512": ecKey(elliptic.P521()),
		"EdDSA": edKey(),
	} {
		t.Run(alg, func(t *testing.T) {
			i.keys = []object{jwk("two", otherKey()), jwk("one", key).with(object{"alg": alg})}
			header := object{"alg": alg, "kid": "one"}
			token := sign(alg, key, header, i.claims)
			if _, err := i.verifier().Verify(t.Context(), token, i.Client()); err != nil {
				t.Error(err)
			}
			// The same with one bit of the signature changed.
			at := strings.LastIndexByte(token, '.') + 20
			c := byte('A')
			if token[at] == 'A' {
				c = 'B'
			}
			token = token[:at] + string(c) + token[at+1:]
			_, err := i.verifier().Verify(t.Context(), token, i.Client())
			refused(t, err, `the signature is not by the issuer's key "one"`, token)
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	i := newIssuer(t, "/path")
	at := now().Unix()
	header, claims := i.header, i.claims
	public, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	valid := i.token()
	parts := strings.Split(valid, ".")
	issuedBy := func(url string) string {
		return sign("RS256", rsaKey(), header, claims.with(object{"iss": url}))
	}
	with := func(changes object) string { return sign("RS256", rsaKey(), header, claims.with(changes)) }
	headed := func(changes object) string { return sign("RS256", rsaKey(), header.with(changes), claims) }
	raw := func(old, new string) string {
		return sign("RS256", rsaKey(), header, bytes.Replace(mustJSON(claims), []byte(old), []byte(new), 1))
	}

	for _, test := range []struct{ name, token, want string }{
		{"issuer: the beginning of ours", issuedBy(i.URL), "want one of"},
		{"issuer: ours is its beginning", issuedBy(i.url + "/more"), "want one of"},
		{"issuer: ours is its end", issuedBy("https://example.com/" + i.url), "want one of"},
		{"issuer: in capitals", issuedBy(strings.ToUpper(i.url)), "want one of"},
		{"issuer: a path in capitals", issuedBy(i.URL + "/Path"), "want one of"},
		{"issuer: a slash more", issuedBy(i.url + "/"), "want one of"},
		{"issuer: a space more", issuedBy(i.url + " "), "want one of"},
		{"issuer: http", issuedBy("http" + strings.TrimPrefix(i.url, "https")), "want one of"},
		{"issuer: another port", issuedBy("https://127.0.0.1/path"), "want one of"},
		{"issuer: a user in front", issuedBy("https://" + strings.TrimPrefix(i.url, "https://127.0.0.1") + "@example.com"), "want one of"},
		{"issuer: GitHub", issuedBy("https://token.actions.githubusercontent.com"), "want one of"},
		{"issuer: empty", issuedBy(""), "no iss"},
		{"issuer: none", with(object{"iss": nil}), "no iss"},
		{"issuer: a list", with(object{"iss": []string{i.url}}), "want a string"},

		{"audience: another", with(object{"aud": "hallmarks"}), `for the audience "hallmarks", want "hallmark" alone`},
		{"audience: capitals", with(object{"aud": "Hallmark"}), `want "hallmark" alone`},
		{"audience: sigstore", with(object{"aud": "sigstore"}), `want "hallmark" alone`},
		{"audience: several", with(object{"aud": []string{"hallmark", "sigstore"}}), `for the audience "hallmark sigstore", want "hallmark" alone`},
		{"audience: one that looks like several", with(object{"aud": "hallmark sigstore"}), `want "hallmark" alone`},
		{"audience: ours twice", with(object{"aud": []string{"hallmark", "hallmark"}}), `want "hallmark" alone`},
		{"audience: empty list", with(object{"aud": []string{}}), "no aud"},
		{"audience: none", with(object{"aud": nil}), "no aud"},
		{"audience: a number", with(object{"aud": 1}), "want a string"},
		{"audience: a list of lists", with(object{"aud": [][]string{{"hallmark"}}}), "want a string"},

		{"expired", with(object{"iat": at - 360, "exp": at - 60}), "token expired at 2026-01-02T03:03:05Z, now it is 2026-01-02T03:04:05Z"},
		{"expired long ago", with(object{"iat": 0, "nbf": 0, "exp": 1}), "token expired at 1970-01-01T00:00:01Z"},
		{"not yet valid", with(object{"nbf": at + 61}), "token is not valid before 2026-01-02T03:05:06Z"},
		{"issued in the future", with(object{"iat": at + 61}), "token was issued at 2026-01-02T03:05:06Z"},
		{"expires before it was issued", with(object{"iat": at + 10, "exp": at + 10}), "exp is not after iat"},
		{"no exp", with(object{"exp": nil}), "no exp"},
		{"no iat", with(object{"iat": nil}), "no iat"},
		{"exp: a string", with(object{"exp": fmt.Sprint(at + 300)}), "want a value"},
		{"exp: negative", with(object{"exp": -1}), "is no time"},
		{"exp: after the year 9999", with(object{"exp": 253402300800}), "is no time"},
		{"exp: huge", raw(fmt.Sprint(at+300), "1e999"), "number out of range"},
		{"exp: null", raw(fmt.Sprint(at+300), "null"), "want a value"},
		{"several faults", with(object{"aud": "x", "iat": at - 360, "exp": at - 60}), "alone\noidc: token expired"},

		{"alg none", sign("", nil, object{"alg": "none", "kid": "one"}, claims), `algorithm "none" is not accepted`},
		{"alg None", sign("", nil, object{"alg": "None", "kid": "one"}, claims), `algorithm "None" is not accepted`},
		{"alg none with a signature", sign("RS256", rsaKey(), object{"alg": "none", "kid": "one"}, claims), `algorithm "none" is not accepted`},
		{"no alg", headed(object{"alg": nil}), `algorithm "" is not accepted`},
		{"alg null", sign("RS256", rsaKey(), []byte(`{"alg":null,"kid":"one"}`), claims), "want a string"},
		{"HS256 with the public key", sign("HS256", publicPEM, object{"alg": "HS256", "kid": "one"}, claims), `algorithm "HS256" is not accepted`},
		{"HS256 with the DER public key", sign("HS256", public, object{"alg": "HS256", "kid": "one"}, claims), `algorithm "HS256" is not accepted`},
		{"PS256", sign("PS256", rsaKey(), object{"alg": "PS256", "kid": "one"}, claims), `algorithm "PS256" is not accepted`},
		{"RS1", headed(object{"alg": "RS1"}), `algorithm "RS1" is not accepted`},
		{"rs256", headed(object{"alg": "rs256"}), `algorithm "rs256" is not accepted`},
		{"RS512, and the key is for RS256", sign("RS512", rsaKey(), header.with(object{"alg": "RS512"}), claims), `none of the issuer's 1 keys is "one" for RS512`},
		{"ES256, and the key is RSA", sign("ES256", ecKey(elliptic.P256()), header.with(object{"alg": "ES256"}), claims), `none of the issuer's 1 keys is "one" for ES256`},
		{"alg twice", sign("RS256", rsaKey(), []byte(`{"alg":"none","alg":"RS256","kid":"one"}`), claims), `member "alg" occurs twice`},

		{"another key", sign("RS256", otherKey(), header, claims), "the signature is not by"},
		{"unknown key", sign("RS256", otherKey(), header.with(object{"kid": "two"}), claims), `none of the issuer's 1 keys is "two" for RS256`},
		{"kid in capitals", headed(object{"kid": "One"}), `is "One" for RS256`},
		{"kid: a number", headed(object{"kid": 1}), "want a string"},
		{"a key of its own", sign("RS256", otherKey(), header.with(object{"jwk": jwk("one", otherKey())}), claims), "the signature is not by"},
		{"a key of its own that is none", headed(object{"jwk": object{"kty": "oct", "k": "AAAA"}}), "malformed header"},
		{"a URL of keys", sign("RS256", otherKey(), header.with(object{"jku": i.URL + "/mine", "x5u": i.URL + "/mine"}), claims), "the signature is not by"},
		{"crit", headed(object{"crit": []string{"exp"}, "exp": 1}), "no extension is understood"},
		{"b64", headed(object{"b64": false}), "no extension is understood"},
		{"no signature", parts[0] + "." + parts[1] + ".", "the signature is not by"},
		{"claims of another token", parts[0] + "." + encode(claims.with(object{"sub": "x"})) + "." + parts[2], "the signature is not by"},
		{"header of another token", encode(header.with(object{"typ": "at+jwt"})) + "." + parts[1] + "." + parts[2], "the signature is not by"},

		{"empty", "", "two dots"},
		{"two parts", parts[0] + "." + parts[1], "two dots"},
		{"four parts", valid + "." + parts[2], "two dots"},
		{"five parts, as if encrypted", valid + ".a.b", "two dots"},
		{"JSON form", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "two dots"},
		{"a space in front", " " + valid, "the header is not base64url"},
		{"a line break behind", valid + "\n", "the signature is not base64url"},
		{"a line break inside", parts[0] + "." + parts[1][:20] + "\n" + parts[1][20:] + "." + parts[2], "the claims is not base64url"},
		{"Bearer", "Bearer " + valid, "the header is not base64url"},
		{"padding", valid + "==", "the signature is not base64url"},
		{"bits at the end", valid[:len(valid)-1] + next(valid[len(valid)-1]), "the signature is not base64url"},
		{"standard alphabet", parts[0] + ".++++." + parts[2], "the claims is not base64url"},
		{"header no JSON", sign("RS256", rsaKey(), []byte("x"), claims), "header: $"},
		{"header a list", sign("RS256", rsaKey(), []byte("[]"), claims), "want an object"},
		{"claims no JSON", sign("RS256", rsaKey(), header, []byte("<html>")), "claims: $"},
		{"claims a string", sign("RS256", rsaKey(), header, []byte(`"x"`)), "want an object"},
		{"iss twice", raw(`"sub"`, `"iss":"https://example.com","sub"`), `member "iss" occurs twice`},
		{"data after the claims", sign("RS256", rsaKey(), header, append(mustJSON(claims), " {}"...)), "data after the end"},
		{"too many claims", with(many(500)), "more than 500 claims"},
		{"too large", with(object{"x": strings.Repeat("x", oidc.MaxTokenSize)}), "at most 65536 are read"},
		{"a password", "correct-horse-battery-staple", "two dots"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := i.verifier().Verify(t.Context(), test.token, i.Client())
			secrets := []string{test.token}
			if strings.Contains(test.token, `"signature"`) {
				secrets = parts // the names of its members are no secrets
			}
			refused(t, err, test.want, secrets...)
			if got != nil {
				t.Errorf("got claims and an error: %+v", got)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "oidc: ") {
				t.Errorf("error %v does not say who speaks", err)
			}
		})
	}

	// The token that all of these were made of is accepted.
	if _, err := i.verifier().Verify(t.Context(), valid, i.Client()); err != nil {
		t.Error(err)
	}
	for _, r := range i.requests {
		if strings.Contains(r, "mine") {
			t.Errorf("request %q: a token chose it", r)
		}
	}
}

// many returns n members.
func many(n int) object {
	o := make(object)
	for i := range n {
		o[fmt.Sprintf("claim%d", i)] = i
	}
	return o
}

// next returns another letter of the alphabet with the same bits but for the
// last.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, c)
	return alphabet[i^1 : i^1+1]
}

// A token's last and first seconds, with clocks that may differ by a minute.
func TestSkew(t *testing.T) {
	i := newIssuer(t, "")
	at := now().Unix()
	for _, test := range []struct {
		claims object
		ok     bool
	}{
		{object{"exp": at - 59}, true},
		{object{"exp": float64(at) - 59.5}, false}, // a fraction is cut off
		{object{"exp": at - 60}, false},
		{object{"nbf": at + 60}, true},
		{object{"nbf": at + 61}, false},
		{object{"nbf": nil}, true},
		{object{"iat": at + 60}, true},
		{object{"iat": at + 61}, false},
	} {
		claims := i.claims.with(object{"iat": at - 100}).with(test.claims)
		_, err := i.verifier().Verify(t.Context(), sign("RS256", rsaKey(), i.header, claims), i.Client())
		if (err == nil) != test.ok {
			t.Errorf("%v: %v, want ok %v", test.claims, err, test.ok)
		}
	}
}

func TestKeys(t *testing.T) {
	i := newIssuer(t, "")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	one, two := jwk("one", rsaKey()), jwk("two", otherKey())
	ec := ecKey(elliptic.P256())
	noKID := sign("RS256", rsaKey(), object{"alg": "RS256"}, i.claims)
	for _, test := range []struct {
		name  string
		keys  []object
		token string // "" is i's
		want  string // "" if it is accepted
	}{
		{"two keys", []object{two, one}, "", ""},
		{"one that is not known", []object{{"kty": "AKP", "alg": "ML-DSA-44"}, {"kty": "x"}, {}, one}, "", ""},
		{"the same key twice", []object{one, one}, "", ""},
		{"another type under the same kid", []object{jwk("one", ec), one}, "", ""},
		{"another use under the same kid", []object{jwk("one", otherKey()).with(object{"use": "enc"}), one}, "", ""},
		{"no use, no alg", []object{one.with(object{"use": nil, "alg": nil})}, "", ""},
		{"key_ops", []object{one.with(object{"use": nil, "key_ops": []string{"verify"}})}, "", ""},
		{"one key, no kid in the token", []object{one}, noKID, ""},
		{"one key, no kid at all", []object{one.with(object{"kid": nil})}, noKID, ""},

		{"no key", []object{}, "", `none of the issuer's 0 keys is "one" for RS256`},
		{"two keys with one kid", []object{one, jwk("one", otherKey())}, "", `the issuer has two keys "one" for RS256`},
		{"two keys with one kid, the other way", []object{jwk("one", otherKey()), one}, "", `the issuer has two keys "one" for RS256`},
		{"two keys, no kid in the token", []object{one, two}, noKID, "it does not say which of the issuer's 2 keys"},
		{"no kid in the set", []object{one.with(object{"kid": nil})}, "", `none of the issuer's 1 keys is "one"`},
		{"for encryption", []object{one.with(object{"use": "enc"})}, "", "none of the issuer's 1 keys"},
		{"another alg", []object{one.with(object{"alg": "RS512"})}, "", "none of the issuer's 1 keys"},
		{"not for verifying", []object{one.with(object{"key_ops": []string{"encrypt"}})}, "", "none of the issuer's 1 keys"},
		{"for nothing", []object{one.with(object{"key_ops": []string{}})}, "", "none of the issuer's 1 keys"},
		{"no kty", []object{one.with(object{"kty": nil})}, "", "none of the issuer's 1 keys"},
		{"a private key", []object{one.with(object{"d": encode(rsaKey().D.Bytes())})}, "", `malformed key "one": it is not only the public half`},
		{"no modulus", []object{one.with(object{"n": nil})}, "", `malformed key "one"`},
		{"1024 bits", []object{jwk("one", small)}, "", "RSA with 1024 bits, want 2048 to 4096"},
		{"4104 bits", []object{one.with(object{"n": encode(bytes.Repeat([]byte{255}, 513))})}, "", "modulus too large"},
		{"a million bits", []object{one.with(object{"n": encode(bytes.Repeat([]byte{255}, 125_000))})}, "", "modulus too large"},
		{"exponent 1", []object{one.with(object{"e": "AQ"})}, "", `malformed key "one"`},
		{"a point that is on no curve", []object{jwk("one", ec).with(object{"x": encode(make([]byte, 32))})}, sign("ES256", ec, object{"alg": "ES256", "kid": "one"}, i.claims), `malformed key "one"`},
		{"a curve for another algorithm", []object{jwk("one", ec)}, sign("ES384", ecKey(elliptic.P384()), object{"alg": "ES384", "kid": "one"}, i.claims), "the signature is not by"},
		{"Ed448", []object{{"kid": "one", "kty": "OKP", "crv": "Ed448", "x": encode(make([]byte, 57))}}, sign("EdDSA", edKey(), object{"alg": "EdDSA", "kid": "one"}, i.claims), `malformed key "one"`},
		{"many keys", slices.Repeat([]object{two}, 101), "", "more than 100 keys"},
		{"kid: a number", []object{one.with(object{"kid": 1})}, "", "want a string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			i.keys = test.keys
			token := test.token
			if token == "" {
				token = i.token()
			}
			_, err := i.verifier().Verify(t.Context(), token, i.Client())
			if test.want != "" {
				refused(t, err, test.want, token)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// An issuer that takes a key away is believed at once, and one that brings a new
// one as well.
func TestKeyRotation(t *testing.T) {
	i := newIssuer(t, "")
	v := i.verifier()
	token := i.token()
	rotated := sign("RS256", otherKey(), i.header.with(object{"kid": "two"}), i.claims)
	for _, step := range []struct {
		keys     []object
		old, new string // errors
	}{
		{[]object{jwk("one", rsaKey())}, "", `is "two"`},
		{[]object{jwk("one", rsaKey()), jwk("two", otherKey())}, "", ""},
		{[]object{jwk("two", otherKey())}, `is "one"`, ""},
	} {
		i.keys = step.keys
		for token, want := range map[string]string{token: step.old, rotated: step.new} {
			_, err := v.Verify(t.Context(), token, i.Client())
			if want != "" {
				refused(t, err, want, token)
			} else if err != nil {
				t.Error(err)
			}
		}
	}
}

// What servers can do wrong, at each of the places that are asked.
func TestServers(t *testing.T) {
	const discovery, keys, ask = "/.well-known/openid-configuration", "/keys", "/ask"
	elsewhere := newIssuer(t, "")
	elsewhere.answer("/keys", text(200, `{}`))
	truncated := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"keys":[`)
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			c.Close()
		}
	}
	huge := text(200, `{"keys":[],"x":"`+strings.Repeat("x", oidc.MaxDocumentSize)+`"}`)
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				return
			}
		}
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		r.Header.Write(w)
	}
	redirect := func(url string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
	}
	i := newIssuer(t, "")
	token := i.token()
	for _, test := range []struct {
		name, path string
		answer     http.HandlerFunc
		want       string
	}{
		{"not found", discovery, http.NotFound, "discovery document: status 404 Not Found"},
		{"not found", keys, http.NotFound, "key set: status 404 Not Found"},
		{"not found", ask, http.NotFound, "for a token: status 404 Not Found"},
		{"error", discovery, text(500, "x"), "status 500"},
		{"error", keys, text(503, "x"), "status 503"},
		{"error", ask, text(502, "x"), "status 502"},
		{"error that repeats the request", ask, echo, "status 403 Forbidden"},
		{"no content", keys, text(204, ""), "status 204"},
		{"redirect to itself", discovery, redirect("/elsewhere"), "status 302: redirects are not followed"},
		{"redirect", discovery, redirect(elsewhere.URL), "status 302: redirects are not followed"},
		{"redirect", keys, redirect(elsewhere.URL), "status 302: redirects are not followed"},
		{"redirect", ask, redirect(elsewhere.URL + "/ask"), "status 302: redirects are not followed"},
		{"HTML", discovery, text(200, "<!DOCTYPE html><html>"), "malformed discovery document: $ (byte 0): want an object"},
		{"HTML", keys, text(200, "<!DOCTYPE html><html>"), "malformed key set: $ (byte 0): want an object"},
		{"HTML with a token", ask, text(200, "<html>"+token), `malformed answer: want a JSON object whose "value" is a string`},
		{"truncated", discovery, truncated, "unexpected EOF"},
		{"truncated", keys, truncated, "unexpected EOF"},
		{"truncated", ask, truncated, "unexpected EOF"},
		{"hangs up", keys, hangUp, "EOF"},
		{"hangs up", ask, hangUp, "EOF"},
		{"empty", discovery, text(200, ""), "want an object"},
		{"empty", keys, text(200, ""), "want an object"},
		{"empty", ask, text(200, ""), "malformed answer"},
		{"huge", discovery, huge, "more than 1048576 bytes"},
		{"huge", keys, huge, "more than 1048576 bytes"},
		{"huge", ask, huge, "more than 1048576 bytes"},
		{"endless", keys, endless, "more than 1048576 bytes"},

		{"no keys", keys, text(200, `{"Keys":[]}`), "malformed key set: no keys"},
		{"keys null", keys, text(200, `{"keys":null}`), "want an array"},
		{"keys twice", keys, text(200, `{"keys":[],"keys":[]}`), `member "keys" occurs twice`},
		{"a key that is none", keys, text(200, `{"keys":["x"]}`), "key 0: $ (byte 0): want an object"},
		{"deep", keys, text(200, strings.Repeat("[", 1000)), "want an object"},
		{"deep inside", keys, text(200, `{"x":`+strings.Repeat("[", 1000)), "nested deeper than"},

		{"of another issuer", discovery, text(200, `{"issuer":"https://example.com","jwks_uri":"`+i.URL+`/keys"}`), `the discovery document is of "https://example.com"`},
		{"with a slash more", discovery, text(200, `{"issuer":"`+i.url+`/","jwks_uri":"`+i.URL+`/keys"}`), "the discovery document is of"},
		{"of no issuer", discovery, text(200, `{"jwks_uri":"`+i.URL+`/keys"}`), `the discovery document is of ""`},
		{"two issuers", discovery, text(200, `{"issuer":"`+i.url+`","issuer":"x"}`), `member "issuer" occurs twice`},
		{"keys nowhere", discovery, text(200, `{"issuer":"`+i.url+`"}`), "jwks_uri: not a URL"},
		{"keys on another host", discovery, text(200, `{"issuer":"`+i.url+`","jwks_uri":"`+elsewhere.URL+`/keys"}`), "its keys on another host"},
		{"keys without https", discovery, text(200, `{"issuer":"`+i.url+`","jwks_uri":"http`+strings.TrimPrefix(i.url, "https")+`/keys"}`), "jwks_uri: want an https URL"},
		{"keys in a file", discovery, text(200, `{"issuer":"`+i.url+`","jwks_uri":"file:///etc/passwd"}`), "jwks_uri: not a URL"},
		{"keys with a user", discovery, text(200, `{"issuer":"`+i.url+`","jwks_uri":"https://a:b@`+strings.TrimPrefix(i.url, "https://")+`/keys"}`), "jwks_uri: the URL has a user"},

		{"no value", ask, text(200, `{"count":0}`), "malformed answer"},
		{"empty value", ask, text(200, `{"value":""}`), "malformed answer"},
		{"value: a list", ask, text(200, `{"value":["`+token+`"]}`), "malformed answer"},
		{"value: twice", ask, text(200, `{"value":"`+token+`","value":"x"}`), "malformed answer"},
		{"a token as a name", ask, text(200, `{"`+token+`":1,"`+token+`":1}`), "malformed answer"},
		{"value: in capitals", ask, text(200, `{"Value":"`+token+`"}`), "malformed answer"},
		{"value: no token", ask, text(200, `{"value":"x"}`), "malformed token"},
		{"value: a token for another audience", ask, text(200, `{"value":"`+sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": "x"}))+`"}`), `audience "x"`},
	} {
		t.Run(test.name+" "+test.path, func(t *testing.T) {
			i.answer(test.path, test.answer)
			defer i.answer(test.path, nil)
			_, err := i.verifier().Fetch(t.Context(), i.job, i.Client())
			refused(t, err, test.want, token, bearer)
			if errors.Is(err, oidc.ErrNoToken) {
				t.Error("the error says that there is no token")
			}
		})
	}
	if len(elsewhere.requests) > 0 {
		t.Errorf("requests elsewhere: %q", elsewhere.requests)
	}
	if _, err := i.verifier().Fetch(t.Context(), i.job, i.Client()); err != nil {
		t.Error(err)
	}
}

// Nothing is asked for twice.
func TestNoRetry(t *testing.T) {
	i := newIssuer(t, "")
	i.answer("/ask", text(503, ""))
	_, err := i.verifier().Fetch(t.Context(), i.job, i.Client())
	refused(t, err, "status 503", bearer)
	if want := []string{"GET /ask?api-version=2.0&audience=hallmark"}; !slices.Equal(i.requests, want) {
		t.Errorf("requests %q, want %q", i.requests, want)
	}
}

// A server that does not answer keeps nobody, and leaves nothing behind.
func TestCancel(t *testing.T) {
	for _, path := range []string{"/ask", "/.well-known/openid-configuration", "/keys"} {
		for _, body := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s body %v", path, body), func(t *testing.T) {
				// Three attempts: the machine may have something else to do.
				quickest := time.Hour
				for n := 0; n < 3 && quickest > 100*time.Millisecond; n++ {
					quickest = min(quickest, cancelled(t, path, body))
				}
				if quickest > 100*time.Millisecond {
					t.Errorf("returns %v after it is cancelled", quickest)
				}
			})
		}
	}
}

// cancelled cancels a Fetch while the server is silent at path, before the body
// of its answer or in it, and returns how long it takes to return.
func cancelled(t *testing.T, path string, body bool) time.Duration {
	i := newIssuer(t, "")
	reached := make(chan bool, 1)
	i.answer(path, func(w http.ResponseWriter, r *http.Request) {
		if body {
			io.WriteString(w, `{"keys":[`)
			http.NewResponseController(w).Flush()
		}
		reached <- true
		<-r.Context().Done()
	})
	client := i.Client()
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	at := make(chan time.Time, 1)
	go func() {
		<-reached
		at <- time.Now()
		cancel()
	}()
	_, err := i.verifier().Fetch(ctx, i.job, client)
	d := time.Since(<-at)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got the error %v, want context.Canceled", err)
	}
	refused(t, err, "cancel", i.token(), bearer)
	client.CloseIdleConnections()
	i.CloseClientConnections()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
	}
	return d
}

// The connection of an answer that is not wanted is given back.
func TestBodyClosed(t *testing.T) {
	for _, status := range []int{200, 302, 500} {
		b := &body{Reader: strings.NewReader("<html>")}
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: make(http.Header), Body: b, Request: r}, nil
		})}
		_, err := oidc.Fetch(t.Context(), githubJob, client)
		refused(t, err, "for a token", bearer)
		if !b.closed {
			t.Errorf("status %d: the body was not closed", status)
		}
	}
}

type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDeadline(t *testing.T) {
	i := newIssuer(t, "")
	i.answer("/keys", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := i.verifier().Fetch(ctx, i.job, i.Client())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got the error %v, want context.DeadlineExceeded", err)
	}
}

// The caller's client is not changed, its cookies are not sent, and its rule for
// redirects is not asked.
func TestClient(t *testing.T) {
	i := newIssuer(t, "")
	client := i.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(i.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "secret"}})
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		t.Error("asked about a redirect")
		return nil
	}
	i.answer("/keys", func(w http.ResponseWriter, r *http.Request) {
		if c := r.Cookies(); len(c) > 0 {
			t.Errorf("cookies %v", c)
		}
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("the secret for the token was sent with the request for the keys: %q", a)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, "/keys", http.StatusFound)
	})
	_, err = i.verifier().Fetch(t.Context(), i.job, client)
	refused(t, err, "redirects are not followed", bearer)
	if client.Jar != jar || client.CheckRedirect == nil || len(jar.Cookies(u)) != 1 {
		t.Error("the client was changed")
	}
}

// Documents from elsewhere, without a client.
func TestGet(t *testing.T) {
	const issuer = "https://ci.example/tenant/"
	documents := map[string][]byte{
		"https://ci.example/tenant/.well-known/openid-configuration": mustJSON(object{"issuer": issuer, "jwks_uri": "https://ci.example/keys"}),
		"https://ci.example/keys":                                    mustJSON(object{"keys": []object{jwk("one", edKey())}}),
	}
	at := now().Unix()
	token := sign("EdDSA", edKey(), object{"alg": "EdDSA", "kid": "one"}, object{"iss": issuer, "aud": []string{"hallmark"}, "iat": at, "exp": at + 60})
	v := &oidc.Verifier{Issuers: oidc.Issuers{"https://ci.example", issuer}, Now: now, Get: func(_ context.Context, url string) ([]byte, error) {
		if b, ok := documents[url]; ok {
			return b, nil
		}
		return nil, fmt.Errorf("no document %s", url)
	}}
	claims, err := v.Verify(t.Context(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Values["aud"] != `["hallmark"]` {
		t.Errorf("aud %s", claims.Values["aud"])
	}
	documents["https://ci.example/keys"] = make([]byte, oidc.MaxDocumentSize+1)
	_, err = v.Verify(t.Context(), token, nil)
	refused(t, err, "more than 1048576 bytes", token)
	delete(documents, "https://ci.example/keys")
	_, err = v.Verify(t.Context(), token, nil)
	refused(t, err, "key set: no document https://ci.example/keys", token)

	_, err = v.Fetch(t.Context(), newIssuer(t, "").job, nil)
	refused(t, err, "no client", token, bearer)
}

func TestVerifierRefuses(t *testing.T) {
	i := newIssuer(t, "")
	for _, test := range []struct {
		v    oidc.Verifier
		want string
	}{
		{oidc.Verifier{Audience: "sigstore"}, `audience "sigstore": that is for the token that is spent at Fulcio`},
		{oidc.Verifier{Audience: " SigStore\n"}, "spent at Fulcio"},
		{oidc.Verifier{Issuers: oidc.Issuers{""}}, "not a URL"},
		{oidc.Verifier{Issuers: oidc.Issuers{"gitlab.com"}}, "not a URL"},
		{oidc.Verifier{Issuers: oidc.Issuers{i.url, "http://gitlab.example"}}, "want an https URL"},
		{oidc.Verifier{Issuers: oidc.Issuers{"https://token.actions.githubusercontent.com/*?"}}, "the URL has a query"},
		{oidc.Verifier{Issuers: oidc.Issuers{"https://gitlab.example#"}}, "the URL has a fragment"},
		{oidc.Verifier{Issuers: oidc.Issuers{"https://me@gitlab.example"}}, "the URL has a user"},
		{oidc.Verifier{Issuers: oidc.Issuers{"https://GitLab.example"}}, "the host is not in lower case"},
	} {
		test.v.Now = now
		_, err := test.v.Fetch(t.Context(), i.job, i.Client())
		refused(t, err, test.want, bearer)
		_, err = test.v.Verify(t.Context(), i.token(), i.Client())
		refused(t, err, test.want, i.token())
	}
	if len(i.requests) > 0 {
		t.Errorf("requests %q", i.requests)
	}
	_, err := new(oidc.Verifier).Verify(t.Context(), i.token(), nil)
	refused(t, err, "no client", i.token())
	_, err = oidc.Fetch(t.Context(), nil, i.Client())
	refused(t, err, "no getenv")
	// A token of a local issuer is none for the zero Verifier.
	_, err = (&oidc.Verifier{Now: now}).Verify(t.Context(), i.token(), i.Client())
	refused(t, err, `want one of ["https://token.actions.githubusercontent.com" "https://gitlab.com" "https://agent.buildkite.com"]`, i.token())
}
