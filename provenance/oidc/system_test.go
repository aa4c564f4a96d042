package oidc_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance/oidc"
)

// environment returns a getenv.
func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// Each system, with a token that says under which audience it was given.
func TestFetch(t *testing.T) {
	i := newIssuer(t, "/tenant")
	i.answer("/azure", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+bearer || r.ContentLength != 0 {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		reply(w, object{"oidcToken": sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": "api://AzureADTokenExchange"}))})
	})
	for _, path := range []string{"/plain", "/query"} {
		i.answer(path, func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/ask"
			reply(w, object{"value": sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": r.URL.Query().Get("audience"), "path": r.RequestURI}))})
		})
	}
	given := func(audience string) string {
		return sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": audience}))
	}
	const organization = "4a8b3c52-0000-4000-8000-000000000001"

	for _, test := range []struct {
		name        string
		v           oidc.Verifier
		environment map[string]string
		request     string // the first
	}{
		{
			"GitHub",
			oidc.Verifier{},
			map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/query?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer},
			"GET /query?api-version=2.0&audience=hallmark",
		}, {
			"GitHub, an audience with marks",
			oidc.Verifier{Audience: "https://releases.example/?a=b&audience=sigstore"},
			map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/query?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer},
			"GET /query?api-version=2.0&audience=https%3A%2F%2Freleases.example%2F%3Fa%3Db%26audience%3Dsigstore",
		}, {
			"Forgejo, no query",
			oidc.Verifier{},
			map[string]string{"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/plain", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer},
			"GET /plain?audience=hallmark",
		}, {
			"GitLab",
			oidc.Verifier{},
			map[string]string{"GITLAB_CI": "true", "HALLMARK_ID_TOKEN": given("hallmark"), "SIGSTORE_ID_TOKEN": given("sigstore")},
			"",
		}, {
			"GitLab, another audience",
			oidc.Verifier{Audience: "3rd-party.example/x"},
			map[string]string{"GITLAB_CI": "true", "_RD_PARTY_EXAMPLE_X_ID_TOKEN": given("3rd-party.example/x")},
			"",
		}, {
			"GitLab, another variable",
			oidc.Verifier{Variable: "MY_TOKEN"},
			map[string]string{"GITLAB_CI": "true", "MY_TOKEN": given("hallmark"), "HALLMARK_ID_TOKEN": "x"},
			"",
		}, {
			"Buildkite",
			oidc.Verifier{},
			map[string]string{"BUILDKITE": "true", "HALLMARK_ID_TOKEN": given("hallmark")},
			"",
		}, {
			"CircleCI",
			oidc.Verifier{},
			map[string]string{"CIRCLECI": "true", "HALLMARK_ID_TOKEN": given("hallmark"), "CIRCLE_OIDC_TOKEN_V2": given(organization)},
			"",
		}, {
			"Bitbucket, another variable",
			oidc.Verifier{Variable: "MY_TOKEN"},
			map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "MY_TOKEN": given("hallmark"), "BITBUCKET_STEP_OIDC_TOKEN": "x"},
			"",
		}, {
			"CircleCI, its own audience",
			oidc.Verifier{Audience: organization},
			map[string]string{"CIRCLECI": "true", "CIRCLE_OIDC_TOKEN_V2": given(organization)},
			"",
		}, {
			"Azure",
			oidc.Verifier{Audience: "api://AzureADTokenExchange"},
			map[string]string{"TF_BUILD": "True", "SYSTEM_OIDCREQUESTURI": i.URL + "/azure", "SYSTEM_ACCESSTOKEN": bearer},
			"POST /azure?api-version=7.1",
		}, {
			"Bitbucket",
			oidc.Verifier{},
			map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_STEP_OIDC_TOKEN": given("hallmark"), "HALLMARK_ID_TOKEN": "x"},
			"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			i.requests = nil
			test.v.Issuers, test.v.Now = oidc.Issuers{i.url}, now
			claims, err := test.v.Fetch(t.Context(), environment(test.environment), i.Client())
			if err != nil {
				t.Fatal(err)
			}
			want := test.v.Audience
			if want == "" {
				want = "hallmark"
			}
			if claims.Values["aud"] != want || claims.Issuer != i.url {
				t.Errorf("got claims %+v, want the audience %s", claims, want)
			}
			requests := []string{"GET /tenant/.well-known/openid-configuration", "GET /tenant/keys"}
			if test.request != "" {
				requests = slices.Insert(requests, 0, test.request)
			}
			if !slices.Equal(i.requests, requests) {
				t.Errorf("requests\n\t%q, want\n\t%q", i.requests, requests)
			}
		})
	}
}

func TestFetchRefuses(t *testing.T) {
	i := newIssuer(t, "")
	github := map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/ask?x=y", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer}
	azure := map[string]string{"TF_BUILD": "True", "SYSTEM_OIDCREQUESTURI": i.URL + "/azure", "SYSTEM_ACCESSTOKEN": bearer}
	with := func(m map[string]string, name, value string) map[string]string {
		m = maps.Clone(m)
		m[name] = value
		return m
	}
	token := i.token()
	for _, test := range []struct {
		name        string
		audience    string
		environment map[string]string
		noToken     bool
		want        string
	}{
		{"a workstation", "", nil, true, "no job of a system that is known to give one: no identity token is offered"},
		{"a token in no system", "", map[string]string{"HALLMARK_ID_TOKEN": token}, true, "no job of a system"},
		{"Jenkins", "", map[string]string{"JENKINS_URL": "https://ci.example", "CI": "true"}, true, "no job of a system"},
		{"GitHub without permission", "", map[string]string{"GITHUB_ACTIONS": "true"}, true, "ACTIONS_ID_TOKEN_REQUEST_URL is not set: allow the job to have one (GitHub: permissions: id-token: write)"},
		{"GitHub without the secret", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""), true, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set"},
		{"act", "", map[string]string{"GITHUB_ACTIONS": "true", "ACT": "true"}, true, "ACTIONS_ID_TOKEN_REQUEST_URL is not set"},
		{"GitLab without id_tokens", "", map[string]string{"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": token, "CI_JOB_TOKEN": "x"}, true, "HALLMARK_ID_TOKEN is not set"},
		{"Buildkite", "", map[string]string{"BUILDKITE": "true", "BUILDKITE_AGENT_ACCESS_TOKEN": "x"}, true, "HALLMARK_ID_TOKEN is not set"},
		{"CircleCI", "", map[string]string{"CIRCLECI": "true", "CIRCLE_OIDC_TOKEN": token}, true, "HALLMARK_ID_TOKEN or CIRCLE_OIDC_TOKEN_V2 is not set"},
		{"Azure without a mapped token", "api://AzureADTokenExchange", with(azure, "SYSTEM_ACCESSTOKEN", ""), true, "SYSTEM_ACCESSTOKEN is not set: map System.AccessToken into the step's env"},
		{"Bitbucket without oidc", "", map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "HALLMARK_ID_TOKEN": token}, true, "BITBUCKET_STEP_OIDC_TOKEN is not set"},

		{"two systems", "", with(github, "GITLAB_CI", "true"), false, "GITHUB_ACTIONS and GITLAB_CI are set: which system runs this job is not known"},
		{"three systems", "", map[string]string{"TF_BUILD": "True", "CIRCLECI": "true", "BUILDKITE": "true"}, false, "BUILDKITE and CIRCLECI and TF_BUILD are set"},
		{"CircleCI, the token for all", "", map[string]string{"CIRCLECI": "true", "CIRCLE_OIDC_TOKEN_V2": sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": "an-organization"}))}, false, `token for the audience "an-organization", want "hallmark" alone`},
		{"Azure, our audience", "", azure, false, `the tokens of Azure Pipelines are for the audience "api://AzureADTokenExchange", want "hallmark"`},
		{"http", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1/"+bearer), false, "ACTIONS_ID_TOKEN_REQUEST_URL: want an https URL"},
		{"no host", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "https:///"+bearer), false, "ACTIONS_ID_TOKEN_REQUEST_URL: not a URL"},
		{"a path", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "/"+bearer), false, "ACTIONS_ID_TOKEN_REQUEST_URL: not a URL"},
		{"no URL", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "https://%zz/"+bearer), false, "ACTIONS_ID_TOKEN_REQUEST_URL: not a URL"},
		{"a user", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "https://"+bearer+":"+bearer+"@127.0.0.1/"), false, "ACTIONS_ID_TOKEN_REQUEST_URL: the URL has a user"},
		{"a fragment", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", i.URL+"/ask#"+bearer), false, "ACTIONS_ID_TOKEN_REQUEST_URL: the URL has a fragment"},
		{"an audience already", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", i.URL+"/ask?audience=sigstore"), false, "its URL has the parameter audience already"},
		{"nobody there", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "https://127.0.0.1:1/"+bearer), false, "ask 127.0.0.1:1 for a token: dial tcp"},
		{"a secret that is no header", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", bearer+"\nX: y"), false, "for a token: net/http: invalid header field value"},
		{"another secret", "", with(github, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-secret-of-another-job"), false, "status 401 Unauthorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := i.verifier()
			v.Audience = test.audience
			_, err := v.Fetch(t.Context(), environment(test.environment), i.Client())
			refused(t, err, test.want, token, bearer, "the-secret-of-another-job", test.environment["CIRCLE_OIDC_TOKEN_V2"])
			if errors.Is(err, oidc.ErrNoToken) != test.noToken {
				t.Errorf("got the error %v, want ErrNoToken %v", err, test.noToken)
			}
		})
	}
	if slices.ContainsFunc(i.requests, func(r string) bool { return strings.HasPrefix(r, "POST") }) {
		t.Errorf("Azure was asked for a token that is refused: %q", i.requests)
	}
}

// Whoever names a variable means that one.
func TestVariableNotSet(t *testing.T) {
	i := newIssuer(t, "")
	v := i.verifier()
	v.Variable = "MY_TOKEN"
	for _, system := range []string{"GITLAB_CI", "BUILDKITE", "CIRCLECI", "BITBUCKET_BUILD_NUMBER"} {
		_, err := v.Fetch(t.Context(), func(name string) string {
			switch name {
			case system:
				return "true"
			case "HALLMARK_ID_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "BITBUCKET_STEP_OIDC_TOKEN":
				return i.token()
			}
			return ""
		}, i.Client())
		refused(t, err, "oidc: MY_TOKEN is not set", i.token())
		if !errors.Is(err, oidc.ErrNoToken) {
			t.Errorf("%s: got the error %v, want ErrNoToken", system, err)
		}
	}
}

// A server whose certificate is not trusted is asked for nothing.
func TestUntrusted(t *testing.T) {
	i := newIssuer(t, "")
	_, err := i.verifier().Fetch(t.Context(), i.job, new(http.Client))
	refused(t, err, "certificate", bearer, i.token())
	if len(i.requests) > 0 {
		t.Errorf("requests %q", i.requests)
	}
}

// A token for somebody else comes as it is, from where those for us come from,
// and nothing of it or of what it takes to get it is in an error.
func TestToken(t *testing.T) {
	i := newIssuer(t, "")
	i.answer("/plain", func(w http.ResponseWriter, r *http.Request) {
		reply(w, object{"value": sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": r.URL.Query().Get("audience")}))})
	})
	i.answer("/liar", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no such thing: "+r.Header.Get("Authorization"), http.StatusForbidden)
	})
	given := sign("RS256", rsaKey(), i.header, i.claims.with(object{"aud": "sigstore"}))
	github := map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/plain", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer}
	for _, getenv := range []func(string) string{
		environment(github),
		environment(map[string]string{"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": given, "HALLMARK_ID_TOKEN": "x"}),
	} {
		if got, err := oidc.Token(getenv, i.Client())(t.Context(), "sigstore"); err != nil || got != given {
			t.Errorf("another token, %v", err)
		}
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	liar := maps.Clone(github)
	liar["ACTIONS_ID_TOKEN_REQUEST_URL"] = i.URL + "/liar"
	for _, test := range []struct {
		ctx      context.Context
		getenv   func(string) string
		client   *http.Client
		audience string
		want     string
		noToken  bool
	}{
		{t.Context(), nil, i.Client(), "sigstore", "no getenv", false},
		{t.Context(), environment(github), nil, "sigstore", "no client", false},
		{t.Context(), environment(github), i.Client(), "", "no audience", false},
		{t.Context(), environment(nil), i.Client(), "sigstore", "no job of a system", true},
		{t.Context(), environment(map[string]string{"GITLAB_CI": "true", "HALLMARK_ID_TOKEN": given}), i.Client(), "sigstore", "SIGSTORE_ID_TOKEN is not set", true},
		{t.Context(), environment(liar), i.Client(), "sigstore", "status 403", false},
		{ended, environment(github), i.Client(), "sigstore", "context canceled", false},
	} {
		token, err := oidc.Token(test.getenv, test.client)(test.ctx, test.audience)
		refused(t, err, test.want, given, bearer)
		if token != "" || errors.Is(err, oidc.ErrNoToken) != test.noToken {
			t.Errorf("%q: %v", token, err)
		}
	}
}
