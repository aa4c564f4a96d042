package conformance_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// Tokens that golang-jwt has signed are accepted, by every algorithm, and of
// tokens that somebody has changed none is accepted that golang-jwt refuses.
func TestOIDC(t *testing.T) {
	const issuer = "https://ci.example"
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b64 := base64.RawURLEncoding.EncodeToString
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec := func(c elliptic.Curve) crypto.Signer {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, test := range []struct {
		method jwt.SigningMethod
		key    crypto.Signer
	}{
		{jwt.SigningMethodRS256, rsaKey},
		{jwt.SigningMethodRS384, rsaKey},
		{jwt.SigningMethodRS512, rsaKey},
		{jwt.SigningMethodES256, ec(elliptic.P256())},
		{jwt.SigningMethodES384, ec(elliptic.P384())},
		{jwt.SigningMethodES512, ec(elliptic.P521())},
		{jwt.SigningMethodEdDSA, edKey},
	} {
		alg := test.method.Alg()
		t.Run(alg, func(t *testing.T) {
			jwk := map[string]string{"kid": "one", "alg": alg, "use": "sig"}
			switch p := test.key.Public().(type) {
			case *rsa.PublicKey:
				jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
			case *ecdsa.PublicKey:
				b, err := p.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				half := len(b) / 2
				jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", p.Curve.Params().Name, b64(b[1:1+half]), b64(b[1+half:])
			case ed25519.PublicKey:
				jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(p)
			}
			keys, err := json.Marshal(map[string]any{"keys": []any{jwk}})
			if err != nil {
				t.Fatal(err)
			}
			v := oidc.Verifier{
				Issuers: oidc.Issuers{issuer},
				Now:     func() time.Time { return now },
				Get: func(_ context.Context, url string) ([]byte, error) {
					if url == issuer+"/keys" {
						return keys, nil
					}
					return []byte(`{"issuer":"` + issuer + `","jwks_uri":"` + issuer + `/keys"}`), nil
				},
			}
			ours := func(token string) error {
				_, err := v.Verify(t.Context(), token, nil)
				return err
			}
			parser := jwt.NewParser(jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(issuer), jwt.WithAudience("hallmark"),
				jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(oidc.Skew), jwt.WithTimeFunc(v.Now), jwt.WithStrictDecoding())
			theirs := func(token string) error {
				_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return test.key.Public(), nil })
				return err
			}

			claims := jwt.MapClaims{"iss": issuer, "aud": "hallmark", "sub": "x", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + 300}
			unsigned := jwt.NewWithClaims(test.method, claims)
			unsigned.Header["kid"] = "one"
			token, err := unsigned.SignedString(test.key)
			if err != nil {
				t.Fatal(err)
			}
			if err := theirs(token); err != nil {
				t.Fatalf("golang-jwt does not accept what it has signed: %v", err)
			}
			if err := ours(token); err != nil {
				t.Fatal(err)
			}

			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=\n"
			random := mathrand.New(mathrand.NewPCG(1, 2))
			for range 500 {
				b := []byte(token)
				switch random.IntN(3) {
				case 0: // another character
					b[random.IntN(len(b))] = alphabet[random.IntN(len(alphabet))]
				case 1: // one more
					i := random.IntN(len(b) + 1)
					b = append(b[:i:i], append([]byte{alphabet[random.IntN(len(alphabet))]}, b[i:]...)...)
				case 2: // one less
					i := random.IntN(len(b))
					b = append(b[:i:i], b[i+1:]...)
				}
				changed := string(b)
				if changed == token {
					continue
				}
				if err := ours(changed); err == nil {
					t.Errorf("accepted, and golang-jwt says %v: %q", theirs(changed), changed)
				}
			}

			// Claims with other values, signed anew.
			for name, values := range map[string][]any{
				"iss": {"", nil, "https://ci.example/", "HTTPS://ci.example", 1},
				"aud": {"", nil, "sigstore", []string{"a", "b"}, []string{"hallmark"}, []string{"hallmark", "sigstore"}, 1},
				"exp": {nil, 0, -1, now.Unix() - 61, now.Unix() + 1, "1", 1e300},
				"nbf": {nil, 0, now.Unix() + 59, now.Unix() + 61, "x"},
				"iat": {nil, 0, now.Unix() + 59, now.Unix() + 61, []int{1}},
			} {
				for _, value := range values {
					changed := jwt.MapClaims{}
					for n, v := range claims {
						changed[n] = v
					}
					if changed[name] = value; value == nil {
						delete(changed, name)
					}
					unsigned := jwt.NewWithClaims(test.method, changed)
					unsigned.Header["kid"] = "one"
					token, err := unsigned.SignedString(test.key)
					if err != nil {
						t.Fatal(err)
					}
					ourErr, theirErr := ours(token), theirs(token)
					if ourErr == nil && theirErr != nil {
						t.Errorf("%s %v is accepted, and golang-jwt says %v", name, value, theirErr)
					}
					if ourErr != nil && theirErr == nil && !stricter(name, value) {
						t.Errorf("golang-jwt accepts %s %v, and we say %v", name, value, ourErr)
					}
				}
			}

			// The confusions that are known.
			parts := strings.Split(token, ".")
			for _, header := range []string{`{"alg":"none","kid":"one"}`, `{"alg":"HS256","kid":"one"}`, `{"kid":"one"}`, `{"alg":"` + strings.ToLower(alg) + `","kid":"one"}`} {
				for _, signature := range []string{"", parts[2]} {
					if err := ours(b64([]byte(header)) + "." + parts[1] + "." + signature); err == nil {
						t.Errorf("accepted with the header %s", header)
					}
				}
			}
		})
	}
}

// stricter reports what golang-jwt accepts and this module refuses: a token for
// a second audience beside the own one, which could be spent there; and one that
// does not say when it was issued, which OpenID Connect Core section 2 requires.
func stricter(name string, value any) bool {
	switch name {
	case "aud":
		list, _ := value.([]string)
		return len(list) == 2 && list[0] == "hallmark"
	case "iat":
		return value == nil
	}
	return false
}
