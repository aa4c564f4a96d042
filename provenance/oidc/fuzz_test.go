package oidc_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

const fuzzIssuer = "https://ci.example"

// fuzzVerifier returns a Verifier for which these are all documents there are.
func fuzzVerifier(discovery, keys []byte) *oidc.Verifier {
	return &oidc.Verifier{Issuers: oidc.Issuers{fuzzIssuer}, Now: now, Get: func(_ context.Context, url string) ([]byte, error) {
		if strings.HasSuffix(url, "/.well-known/openid-configuration") {
			return discovery, nil
		}
		return keys, nil
	}}
}

func fuzzToken() string {
	at := now().Unix()
	return sign("EdDSA", edKey(), object{"alg": "EdDSA", "kid": "one"}, object{"iss": fuzzIssuer, "aud": "hallmark", "iat": at, "exp": at + 60, "x": nil, "y": []any{1, object{"z": "é"}}})
}

func fuzzDiscovery() []byte {
	return mustJSON(object{"issuer": fuzzIssuer, "jwks_uri": fuzzIssuer + "/keys"})
}

func fuzzKeys() []byte {
	return mustJSON(object{"keys": []object{jwk("one", edKey()), {"kty": "RSA", "kid": "two", "n": "AQAB", "e": "AQAB"}}})
}

// No token is accepted but the one that was signed, and that in one spelling.
func FuzzToken(f *testing.F) {
	valid := fuzzToken()
	parts := strings.Split(valid, ".")
	f.Add(valid)
	f.Add(encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".")
	f.Add(encode([]byte(`{"alg":"HS256","kid":"one"}`)) + "." + parts[1] + "." + parts[2])
	f.Add(encode([]byte(`{"alg":"EdDSA","kid":"one","crit":["b64"],"b64":false}`)) + "." + parts[1] + "." + parts[2])
	f.Add(encode([]byte(`{"alg":"EdDSA","kid":"one","jwk":{"kty":"OKP"}}`)) + "." + parts[1] + "." + parts[2])
	f.Add(parts[0] + "." + encode([]byte(`{"iss":"https://ci.example","aud":["hallmark"],"iat":1767323045,"exp":1.7673231e9,"nbf":0.5}`)) + "." + parts[2])
	f.Add("..")
	v := fuzzVerifier(fuzzDiscovery(), fuzzKeys())
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(context.Background(), token, nil)
		if (err == nil) != (token == valid) || (claims == nil) != (err != nil) {
			t.Fatalf("got %v, %v for %q", claims, err, token)
		}
	})
}

// No keys but the one that signed make a token acceptable.
func FuzzKeys(f *testing.F) {
	f.Add(fuzzDiscovery(), fuzzKeys())
	f.Add(mustJSON(object{"issuer": fuzzIssuer, "jwks_uri": "https://ci.example:443/keys"}), mustJSON(object{"keys": []object{jwk("one", edKey()), jwk("one", edKey())}}))
	f.Add([]byte(`{"issuer":"https://ci.example/","jwks_uri":"/keys"}`), []byte(`{"keys":[{"kid":"one","kty":"OKP","crv":"Ed25519","x":"AAAA","x5c":["AAAA"]}]}`))
	f.Add(fuzzDiscovery(), []byte(`{"keys":[{"kid":"one","kty":"OKP","crv":"Ed25519","d":"AAAA","key_ops":["verify"],"use":"sig"}]}`))
	token := fuzzToken()
	public := encode([]byte(edKey()[32:]))[:42] // the last digit has bits that do not count
	f.Fuzz(func(t *testing.T, discovery, keys []byte) {
		_, err := fuzzVerifier(discovery, keys).Verify(context.Background(), token, nil)
		// The key may be written with escapes: these are not looked for.
		if err == nil && !bytes.Contains(keys, []byte(public)) && !bytes.Contains(keys, []byte(`\`)) {
			t.Fatalf("verified with the keys %q", keys)
		}
	})
}

// Whatever is answered when a token is asked for, nothing of it is in an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"count":1,"value":"a.b.c"}`))
	f.Add([]byte(`{"value":"correct-horse-battery-staple"}`))
	f.Add([]byte(`{"correct-horse-battery-staple":1,"correct-horse-battery-staple":1}`))
	f.Add([]byte(`<html>correct-horse-battery-staple`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		client := &http.Client{Transport: transport(func(*http.Request) any { return answer })}
		_, err := oidc.Fetch(context.Background(), githubJob, client)
		if err == nil {
			t.Fatalf("accepted %q", answer)
		}
		if strings.Contains(err.Error(), "battery") {
			t.Fatal(err)
		}
	})
}
