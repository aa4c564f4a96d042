package oidc_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// A transport answers requests with what a function returns, as JSON, or with
// status 404 for nil.
type transport func(*http.Request) any

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	v := f(r)
	status, body := http.StatusOK, []byte(nil)
	switch v := v.(type) {
	case nil:
		status = http.StatusNotFound
	case []byte:
		body = v
	default:
		body = mustJSON(v)
	}
	return &http.Response{StatusCode: status, Header: make(http.Header), Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// From the token to the statement: what the token says replaces what the
// environment says, and a difference is an error.
func TestGitHub(t *testing.T) {
	digests, err := hallmark.Hash(strings.NewReader("app"))
	if err != nil {
		t.Fatal(err)
	}
	app := hallmark.Artifact{Name: "app", Digests: digests}
	observe := func(getenv func(string) string, changes ...object) (*provenance.Build, error) {
		claims, err := oidc.Fetch(t.Context(), getenv, githubClient(changes...))
		if err != nil {
			t.Fatal(err)
		}
		return github.Observe(getenv, claims)
	}
	without := func(names ...string) func(string) string {
		return func(name string) string {
			for _, n := range names {
				if n == name {
					return ""
				}
			}
			return githubJob(name)
		}
	}
	set := func(name, value string) func(string) string {
		return func(n string) string {
			if n == name {
				return value
			}
			return githubJob(n)
		}
	}

	t.Run("builder", func(t *testing.T) {
		build, err := observe(githubJob)
		if err != nil {
			t.Fatal(err)
		}
		if want := "https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0"; build.Builder != want {
			t.Errorf("builder %s, want %s", build.Builder, want)
		}
		for _, path := range []string{"builder", "source.repository", "source.commit", "source.ref", "invocation"} {
			if build.Evidence[path] != provenance.Claim {
				t.Errorf("evidence of %s: %s, want claim", path, build.Evidence[path])
			}
		}
		st, err := build.Statement(app)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := st.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if leak := leaked(string(payload), bearer); leak != "" {
			t.Errorf("%q of a secret is in the statement", leak)
		}
	})
	t.Run("claims alone", func(t *testing.T) {
		build, err := observe(without("GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_REF", "GITHUB_WORKFLOW_REF", "GITHUB_EVENT_NAME", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"))
		if err != nil {
			t.Fatal(err)
		}
		source, _ := build.Source()
		if got, want := source.URI()+" "+source.Commit.String(), "git+https://github.com/octocat/hello@refs/heads/main gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf"; got != want {
			t.Errorf("source %s, want %s", got, want)
		}
	})
	t.Run("no claims", func(t *testing.T) {
		build, err := github.Observe(githubJob, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := build.Statement(app); err == nil {
			t.Error("a statement without a builder")
		}
	})
	for _, test := range []struct {
		name, value, want string
	}{
		{"GITHUB_SHA", "0000000000000000000000000000000000000000", "claim sha"},
		{"GITHUB_REPOSITORY", "octocat/other", "claim repository"},
		{"GITHUB_REF", "refs/tags/v1.0.0", "claim ref"},
		{"GITHUB_EVENT_NAME", "release", "claim event_name"},
		{"RUNNER_ENVIRONMENT", "self-hosted", "claim runner_environment"},
		{"GITHUB_SERVER_URL", "https://github.example.com", "does not speak for jobs on https://github.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := observe(set(test.name, test.value))
			refused(t, err, test.want, bearer)
		})
	}
	t.Run("a claim that is null", func(t *testing.T) {
		claims, err := oidc.Fetch(t.Context(), githubJob, &http.Client{Transport: transport(func(r *http.Request) any {
			v, _ := githubClient().Transport.(transport)
			o, ok := v(r).(object)
			if token, isToken := o["value"].(string); ok && isToken {
				// Signed again, with a null.
				b := bytes.Replace(decodeClaims(token), []byte(`"octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0"`), []byte("null"), 1)
				return object{"value": sign("RS256", rsaKey(), object{"alg": "RS256", "kid": "github"}, b)}
			}
			return o
		})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = github.Observe(githubJob, claims)
		refused(t, err, "the token has no claim job_workflow_ref", bearer)
	})
	t.Run("Enterprise Server", func(t *testing.T) {
		i := newIssuer(t, "/_services/token")
		i.claims = githubClaims().with(i.claims)
		getenv := func(name string) string {
			switch name {
			case "GITHUB_SERVER_URL":
				return i.URL
			case "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN":
				return i.job(name)
			}
			return githubJob(name)
		}
		claims, err := i.verifier().Fetch(t.Context(), getenv, i.Client())
		if err != nil {
			t.Fatal(err)
		}
		build, err := github.Observe(getenv, claims)
		if err != nil {
			t.Fatal(err)
		}
		if want := i.URL + "/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0"; build.Builder != want {
			t.Errorf("builder %s, want %s", build.Builder, want)
		}
	})
}
