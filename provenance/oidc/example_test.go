package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// In a job, getenv is os.Getenv and client is http.DefaultClient.
func ExampleFetch() {
	ctx, getenv, client := context.Background(), githubJob, githubClient()

	claims, err := oidc.Fetch(ctx, getenv, client)
	if errors.Is(err, oidc.ErrNoToken) {
		claims, err = nil, nil // not in a job: go on without
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Issuer)

	// The environment does not know that this job is one of a reusable workflow.
	build, err := github.Observe(getenv, claims)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	fmt.Println(build.Evidence["builder"])
	// Output:
	// https://token.actions.githubusercontent.com
	// https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0
	// claim
}

// A job on a server of one's own has a token of that server.
func ExampleVerifier_Fetch() {
	v := oidc.Verifier{Issuers: oidc.Issuers{"https://github.example.com/_services/token"}}
	_, err := v.Fetch(context.Background(), githubJob, githubClient())
	fmt.Println(err)
	// Output:
	// oidc: token of "https://token.actions.githubusercontent.com", want one of ["https://github.example.com/_services/token"]
}

// A token for somebody else. A program that signs gives the function that Token
// returns to sigstore.Signer.Sign, and never has the token itself.
func ExampleToken() {
	token := oidc.Token(githubJob, githubClient())
	secret, err := token(context.Background(), "sigstore")
	fmt.Println(strings.Count(secret, "."), err)

	_, err = oidc.Token(func(string) string { return "" }, githubClient())(context.Background(), "sigstore")
	fmt.Println(errors.Is(err, oidc.ErrNoToken))
	// Output:
	// 2 <nil>
	// true
}

// A token that was got in another way, from a program for instance, and keys
// that are in a file.
func ExampleVerifier_Verify() {
	const issuer = "https://ci.example.com"
	v := oidc.Verifier{
		Issuers: oidc.Issuers{issuer},
		Get: func(_ context.Context, url string) ([]byte, error) {
			if url == issuer+"/keys" {
				return mustJSON(object{"keys": []object{jwk("2026", edKey())}}), nil
			}
			return mustJSON(object{"issuer": issuer, "jwks_uri": issuer + "/keys"}), nil
		},
		Now: func() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) },
	}
	token := sign("EdDSA", edKey(), object{"alg": "EdDSA", "kid": "2026"}, object{
		"iss": issuer, "aud": "hallmark", "iat": 1767268790, "exp": 1767269100, "project": "app", "run": 42,
	})
	claims, err := v.Verify(context.Background(), token, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Values["project"], claims.Values["run"])

	v.Now = func() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }
	_, err = v.Verify(context.Background(), token, nil)
	fmt.Println(err)
	// Output:
	// app 42
	// oidc: token expired at 2026-01-01T12:05:00Z, now it is 2026-01-02T12:00:00Z
}

func ExamplePublicIssuers() {
	// A GitHub enterprise with an issuer of its own, besides the public ones.
	v := oidc.Verifier{Issuers: append(oidc.PublicIssuers(), "https://token.actions.githubusercontent.com/octocorp")}
	for _, issuer := range v.Issuers {
		fmt.Println(issuer)
	}
	// Output:
	// https://token.actions.githubusercontent.com
	// https://gitlab.com
	// https://agent.buildkite.com
	// https://token.actions.githubusercontent.com/octocorp
}

// githubJob is the environment of a job of GitHub Actions that runs a reusable
// workflow.
func githubJob(name string) string {
	switch name {
	case "GITHUB_ACTIONS":
		return "true"
	case "GITHUB_SERVER_URL":
		return "https://github.com"
	case "GITHUB_REPOSITORY":
		return "octocat/hello"
	case "GITHUB_REPOSITORY_ID":
		return "1296269"
	case "GITHUB_REPOSITORY_OWNER_ID":
		return "583231"
	case "GITHUB_SHA":
		return "283bf967fa3c591925dd25e6a6e8e781542117bf"
	case "GITHUB_REF":
		return "refs/heads/main"
	case "GITHUB_WORKFLOW_REF":
		return "octocat/hello/.github/workflows/release.yml@refs/heads/main"
	case "GITHUB_EVENT_NAME":
		return "push"
	case "GITHUB_RUN_ID":
		return "1658821493"
	case "GITHUB_RUN_ATTEMPT":
		return "1"
	case "RUNNER_ENVIRONMENT":
		return "github-hosted"
	case "ACTIONS_ID_TOKEN_REQUEST_URL":
		return "https://run-actions-1.actions.githubusercontent.com/idtoken?api-version=2.0"
	case "ACTIONS_ID_TOKEN_REQUEST_TOKEN":
		return bearer
	}
	return ""
}

// githubClaims are what a token of GitHub says of that job.
func githubClaims() object {
	return object{
		"iss": "https://token.actions.githubusercontent.com",
		"sub": "repo:octocat/hello:ref:refs/heads/main", "jti": "6a5b9b1e-0000-4000-8000-000000000001",
		"repository": "octocat/hello", "repository_id": "1296269", "repository_owner": "octocat", "repository_owner_id": "583231",
		"sha": "283bf967fa3c591925dd25e6a6e8e781542117bf", "ref": "refs/heads/main", "ref_type": "branch",
		"workflow_ref": "octocat/hello/.github/workflows/release.yml@refs/heads/main", "workflow_sha": "283bf967fa3c591925dd25e6a6e8e781542117bf",
		"job_workflow_ref": "octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0", "job_workflow_sha": "b5ca8a7e0f3ad2d5d0f4b5c6d7e8f90112233445",
		"event_name": "push", "run_id": "1658821493", "run_attempt": "1", "runner_environment": "github-hosted",
	}
}

// githubClient returns a client for which GitHub is in this process.
func githubClient(changes ...object) *http.Client {
	return &http.Client{Transport: transport(func(r *http.Request) any {
		const issuer = "https://token.actions.githubusercontent.com"
		switch "https://" + r.Host + r.URL.Path {
		case "https://run-actions-1.actions.githubusercontent.com/idtoken":
			at := time.Now().Unix()
			claims := githubClaims().with(object{"aud": r.URL.Query().Get("audience"), "iat": at, "nbf": at - 600, "exp": at + 300})
			for _, c := range changes {
				claims = claims.with(c)
			}
			return object{"value": sign("RS256", rsaKey(), object{"alg": "RS256", "kid": "github", "typ": "JWT"}, claims)}
		case issuer + "/.well-known/openid-configuration":
			return object{"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks"}
		case issuer + "/.well-known/jwks":
			return object{"keys": []object{jwk("old", otherKey()), jwk("github", rsaKey())}}
		}
		return nil
	})}
}
