package keyless

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what an identity token says, by name.
type Claims map[string]any

// GitHub returns the claims of a job of GitHub Actions: of the reusable workflow
// build.yml of acme/builder, which a workflow of acme/app calls because somebody
// has pushed the tag v1.2.3. The token is for Fulcio, and lasts five minutes.
//
// https://docs.github.com/en/actions/reference/security/oidc
func GitHub() Claims {
	now := time.Now()
	return Claims{
		"iss": "https://token.actions.githubusercontent.com",
		"aud": "sigstore",
		"iat": now.Unix(),
		"nbf": now.Add(-time.Minute).Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
		"jti": rand.Text(),
		"sub": "repo:acme/app:ref:refs/tags/v1.2.3",

		"repository":            "acme/app",
		"repository_id":         "1001",
		"repository_owner":      "acme",
		"repository_owner_id":   "2002",
		"repository_visibility": "public",
		"ref":                   "refs/tags/v1.2.3",
		"ref_type":              "tag",
		"ref_protected":         "true",
		"sha":                   "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
		"actor":                 "dev",
		"actor_id":              "3003",
		"event_name":            "push",
		"workflow":              "Release",
		"workflow_ref":          "acme/app/.github/workflows/release.yml@refs/tags/v1.2.3",
		"workflow_sha":          "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
		"job_workflow_ref":      "acme/builder/.github/workflows/build.yml@refs/tags/v2.0.0",
		"job_workflow_sha":      "99aabbccddeeff0099aabbccddeeff0099aabbcc",
		"run_id":                "4004",
		"run_number":            "17",
		"run_attempt":           "1",
		"runner_environment":    "github-hosted",
	}
}

// GitLab returns the claims of a job of GitLab CI/CD, of the pipeline for the tag
// v1.2.3 of acme/app. The token is for Fulcio, and lasts five minutes.
//
// https://docs.gitlab.com/ci/secrets/id_token_authentication/
func GitLab() Claims {
	now := time.Now()
	return Claims{
		"iss": "https://gitlab.com",
		"aud": "sigstore",
		"iat": now.Unix(),
		"nbf": now.Add(-time.Minute).Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
		"jti": rand.Text(),
		"sub": "project_path:acme/app:ref_type:tag:ref:v1.2.3",

		"project_path":       "acme/app",
		"project_id":         "1001",
		"project_visibility": "public",
		"namespace_path":     "acme",
		"namespace_id":       "2002",
		"ref":                "v1.2.3",
		"ref_type":           "tag",
		"ref_path":           "refs/tags/v1.2.3",
		"ref_protected":      "true",
		"sha":                "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
		"pipeline_id":        "4004",
		"pipeline_source":    "push",
		"job_id":             "5005",
		"ci_config_ref_uri":  "gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.2.3",
		"ci_config_sha":      "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
		"runner_environment": "gitlab-hosted",
		"user_login":         "dev",
		"user_id":            "3003",
	}
}

// With returns c with another value of the claim, or without it if value is nil.
func (c Claims) With(name string, value any) Claims {
	c = maps.Clone(c)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

// Builder returns the URI of the workflow or the pipeline as certificates have it.
func (c Claims) Builder() string {
	if uri, ok := c["ci_config_ref_uri"]; ok {
		return fmt.Sprintf("https://%v", uri)
	}
	return fmt.Sprintf("https://github.com/%v", c["job_workflow_ref"])
}

// Getenv returns a variable of the environment of a job of GitHub Actions.
func (c Claims) Getenv(name string) string {
	claim := map[string]string{
		"GITHUB_EVENT_NAME":          "event_name",
		"GITHUB_REF":                 "ref",
		"GITHUB_REPOSITORY":          "repository",
		"GITHUB_REPOSITORY_ID":       "repository_id",
		"GITHUB_REPOSITORY_OWNER_ID": "repository_owner_id",
		"GITHUB_RUN_ATTEMPT":         "run_attempt",
		"GITHUB_RUN_ID":              "run_id",
		"GITHUB_SHA":                 "sha",
		"GITHUB_WORKFLOW_REF":        "workflow_ref",
		"RUNNER_ENVIRONMENT":         "runner_environment",
	}[name]
	switch {
	case name == "GITHUB_ACTIONS" || name == "CI":
		return "true"
	case name == "GITHUB_SERVER_URL":
		return "https://github.com"
	case c[claim] != nil:
		return fmt.Sprint(c[claim])
	}
	return ""
}

// Token returns a token that says c, signed by the issuer that c names.
func (s *Stack) Token(c Claims) string {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(c))
	token.Header["kid"] = issuerKeyID
	text, err := token.SignedString(s.issuer.key)
	if err != nil {
		panic(err) // of a key that is made here
	}
	return text
}

// Get returns a document of an issuer: what is at its https URL.
func (s *Stack) Get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	s.issuer.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d", url, w.Code)
	}
	return w.Body.Bytes(), nil
}

// An issuer publishes the keys of identity tokens as OpenID Connect Discovery
// wants it. It is whoever it is asked to be: its URL is that of the request.
type issuer struct {
	key *rsa.PrivateKey
}

const issuerKeyID = "one"

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const discovery, keys = "/.well-known/openid-configuration", "/.well-known/jwks"
	self, isDiscovery := strings.CutSuffix("https://"+r.Host+r.URL.Path, discovery)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case isDiscovery:
		w.Write(toJSON(object{
			"issuer": self, "jwks_uri": self + keys,
			"id_token_signing_alg_values_supported": []string{"RS256"},
		}))
	case strings.HasSuffix(r.URL.Path, keys):
		b64 := base64.RawURLEncoding.EncodeToString
		w.Write(toJSON(object{"keys": []object{{
			"kid": issuerKeyID, "kty": "RSA", "alg": "RS256", "use": "sig",
			"n": b64(i.key.N.Bytes()), "e": b64(big.NewInt(int64(i.key.E)).Bytes()),
		}}}))
	default:
		http.NotFound(w, r)
	}
}
