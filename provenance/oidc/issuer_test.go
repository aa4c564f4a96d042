package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// Everything here is made with the standard library alone: what signs must not
// be what verifies.

// now is the time of the tests.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// The keys of the issuers, made once.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
	otherKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func edKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

func ecKey(c elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// object is a JSON object.
type object map[string]any

// with returns o with changes; a nil takes a member away.
func (o object) with(changes object) object {
	o = maps.Clone(o)
	for name, v := range changes {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return o
}

func encode(v any) string {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// sign returns a token. header and claims are objects or bytes. key may be a
// private key, a shared secret, or nil for an empty signature.
func sign(alg string, key, header, claims any) string {
	input := encode(header) + "." + encode(claims)
	var hash crypto.Hash
	switch strings.TrimLeft(alg, "RESP") {
	case "384":
		hash = crypto.SHA384
	case "512":
		hash = crypto.SHA512
	default:
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write([]byte(input))
	var signature []byte
	var err error
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			signature, err = rsa.SignPSS(rand.Reader, key, hash, h.Sum(nil), nil)
		} else {
			signature, err = rsa.SignPKCS1v15(nil, key, hash, h.Sum(nil))
		}
	case *ecdsa.PrivateKey:
		// RFC 7518 section 3.4
		size := (key.Curve.Params().BitSize + 7) / 8
		signature = make([]byte, 2*size)
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, key, h.Sum(nil)); err == nil {
			r.FillBytes(signature[:size])
			s.FillBytes(signature[size:])
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(input))
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + encode(signature)
}

// jwk returns the public half of a key as RFC 7517 has it.
func jwk(kid string, key crypto.Signer) object {
	switch p := key.Public().(type) {
	case *rsa.PublicKey:
		return object{"kid": kid, "kty": "RSA", "use": "sig", "alg": "RS256", "n": encode(p.N.Bytes()), "e": encode(big.NewInt(int64(p.E)).Bytes())}
	case *ecdsa.PublicKey:
		b, err := p.Bytes()
		if err != nil {
			panic(err)
		}
		x, y := b[1:1+len(b)/2], b[1+len(b)/2:]
		return object{"kid": kid, "kty": "EC", "crv": p.Curve.Params().Name, "x": encode(x), "y": encode(y)}
	case ed25519.PublicKey:
		return object{"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": encode([]byte(p))}
	}
	panic("no such key")
}

// An issuer is a local server that gives tokens to jobs, as GitHub does, and
// publishes its keys. What it answers can be changed.
type issuer struct {
	*httptest.Server
	url string // the issuer's

	mu       sync.Mutex
	answers  map[string]http.HandlerFunc // by path, instead of the usual ones
	keys     []object
	claims   object
	header   object
	requests []string
}

const bearer = "the-secret-that-asks-for-a-token"

// newIssuer returns an issuer whose URL has a path.
func newIssuer(t testing.TB, path string) *issuer {
	i := &issuer{answers: make(map[string]http.HandlerFunc)}
	i.Server = httptest.NewUnstartedServer(i)
	i.Config.ErrorLog = log.New(io.Discard, "", 0)
	i.StartTLS()
	t.Cleanup(i.Close)
	i.url = i.URL + path
	i.keys = []object{jwk("one", rsaKey())}
	i.header = object{"alg": "RS256", "kid": "one", "typ": "JWT"}
	at := now().Unix()
	i.claims = object{
		"iss": i.url, "aud": "hallmark", "sub": "repo:octocat/hello:ref:refs/heads/main", "jti": "1",
		"iat": at - 10, "nbf": at - 600, "exp": at + 300,
	}
	return i
}

// token returns the token that i gives.
func (i *issuer) token() string { return sign("RS256", rsaKey(), i.header, i.claims) }

// job is the environment of a job that i gives tokens to.
func (i *issuer) job(name string) string {
	switch name {
	case "GITHUB_ACTIONS":
		return "true"
	case "ACTIONS_ID_TOKEN_REQUEST_URL":
		return i.URL + "/ask?api-version=2.0"
	case "ACTIONS_ID_TOKEN_REQUEST_TOKEN":
		return bearer
	}
	return ""
}

// verifier accepts the tokens of i.
func (i *issuer) verifier() *oidc.Verifier {
	return &oidc.Verifier{Issuers: oidc.Issuers{i.url}, Now: now}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests = append(i.requests, r.Method+" "+r.URL.RequestURI())
	answer := i.answers[strings.TrimPrefix("https://"+r.Host+r.URL.Path, i.url)]
	if answer == nil {
		answer = i.answers[r.URL.Path]
	}
	i.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	switch at := "https://" + r.Host + r.URL.Path; {
	case at == i.URL+"/ask":
		if r.Header.Get("Authorization") != "Bearer "+bearer {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		claims := i.claims
		if claims["aud"] == "hallmark" {
			claims = claims.with(object{"aud": r.URL.Query().Get("audience")})
		}
		reply(w, object{"count": 1, "value": sign("RS256", rsaKey(), i.header, claims)})
	case at == i.url+"/.well-known/openid-configuration":
		reply(w, object{"issuer": i.url, "jwks_uri": i.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	case at == i.url+"/keys":
		reply(w, object{"keys": i.keys})
	default:
		http.NotFound(w, r)
	}
}

// answer makes i answer requests for a path, below its issuer's URL or its own,
// in another way.
func (i *issuer) answer(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[path] = h
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v)
}

// text answers with a text.
func text(status int, s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, s)
	}
}

// refused fails the test unless err is an error that has want in its text, and
// nothing of the secrets.
func refused(t *testing.T, err error, want string, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Error("accepted")
		return
	}
	if !strings.Contains(err.Error(), want) || want == "" {
		t.Errorf("got the error\n\t%v\nwant\n\t%s", err, want)
	}
	if leak := leaked(err.Error(), secrets...); leak != "" {
		t.Errorf("%q of a secret is in the error %v", leak, err)
	}
}

// leaked returns eight or more characters of a secret that are in s. A part of a
// token that is shorter than that is no part that a token can be found by.
func leaked(s string, secrets ...string) string {
	for _, secret := range secrets {
		for n := 0; n+8 <= len(secret); n++ {
			if strings.Contains(s, secret[n:n+8]) {
				return secret[n : n+8]
			}
		}
	}
	return ""
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// decodeClaims returns the claims of a token.
func decodeClaims(token string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		panic(err)
	}
	return b
}
