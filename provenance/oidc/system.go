package oidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// azureAudience is the only audience of the tokens of Azure Pipelines.
const azureAudience = "api://AzureADTokenExchange"

// token returns the token of the job that getenv tells of.
func (v *Verifier) token(ctx context.Context, getenv func(string) string, client *http.Client) (string, error) {
	var systems []string
	for _, marker := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TF_BUILD", "BITBUCKET_BUILD_NUMBER"} {
		if getenv(marker) != "" {
			systems = append(systems, marker)
		}
	}
	switch len(systems) {
	case 0:
		return "", fmt.Errorf("this is no job of a system that is known to give one: %w", ErrNoToken)
	case 1:
	default:
		return "", fmt.Errorf("%s are set: which system runs this job is not known", strings.Join(systems, " and "))
	}

	variables := []string{cmp.Or(v.Variable, variable(v.audience()))}
	switch systems[0] {
	case "GITHUB_ACTIONS":
		u, bearer, err := request(getenv, "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "allow the job to have one (GitHub: permissions: id-token: write)")
		if err != nil {
			return "", err
		}
		return v.ask(ctx, client, http.MethodGet, u, "audience", v.audience(), bearer, "value")
	case "TF_BUILD":
		u, bearer, err := request(getenv, "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "map System.AccessToken into the step's env")
		if err != nil {
			return "", err
		}
		// Do not ask for a key to somebody's cloud that is then refused.
		if v.audience() != azureAudience {
			return "", fmt.Errorf("the tokens of Azure Pipelines are for the audience %q, want %q", azureAudience, v.audience())
		}
		return v.ask(ctx, client, http.MethodPost, u, "api-version", "7.1", bearer, "oidcToken")
	case "CIRCLECI":
		if v.Variable == "" {
			variables = append(variables, "CIRCLE_OIDC_TOKEN_V2")
		}
	case "BITBUCKET_BUILD_NUMBER":
		if v.Variable == "" {
			variables[0] = "BITBUCKET_STEP_OIDC_TOKEN"
		}
	}
	for _, name := range variables {
		if token := getenv(name); token != "" {
			return token, nil
		}
	}
	return "", fmt.Errorf("%s is not set: %w", strings.Join(variables, " or "), ErrNoToken)
}

// variable returns the name of the variable that holds the token for audience,
// as people who sign with GitLab's tokens know it: SIGSTORE_ID_TOKEN is the one
// for "sigstore".
func variable(audience string) string {
	name := []byte(strings.ToUpper(audience))
	for i, c := range name {
		if (c < 'A' || 'Z' < c) && (i == 0 || c < '0' || '9' < c) {
			name[i] = '_'
		}
	}
	return string(name) + "_ID_TOKEN"
}

// request returns where to ask for a token and the secret that it takes.
func request(getenv func(string) string, urlVariable, secretVariable, advice string) (u *url.URL, bearer string, err error) {
	address, bearer := getenv(urlVariable), getenv(secretVariable)
	switch {
	case address == "":
		return nil, "", fmt.Errorf("%s is not set: %s: %w", urlVariable, advice, ErrNoToken)
	case bearer == "":
		return nil, "", fmt.Errorf("%s is not set: %s: %w", secretVariable, advice, ErrNoToken)
	}
	// The URL of a job is not for a log, so neither is it for an error.
	if u, err = parseURL(address); err != nil {
		return nil, "", fmt.Errorf("%s: %w", urlVariable, err)
	}
	return u, bearer, nil
}

// ask asks for a token at u, with a parameter added to its query, and returns
// the member of the answer that has it.
func (v *Verifier) ask(ctx context.Context, client *http.Client, method string, u *url.URL, parameter, value, bearer, member string) (string, error) {
	if u.Query().Has(parameter) {
		return "", fmt.Errorf("ask %s for a token: its URL has the parameter %s already", u.Host, parameter)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += parameter + "=" + url.QueryEscape(value)
	answer, err := send(ctx, client, method, u, bearer)
	if err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", u.Host, err)
	}
	token, err := parseAnswer(answer, member)
	if err != nil {
		return "", fmt.Errorf("ask %s for a token: %w", u.Host, err)
	}
	return token, nil
}

// parseAnswer returns a string member of an answer. Nothing of the answer is in
// its errors, not even the name of a member: a token may be anywhere.
func parseAnswer(answer []byte, member string) (token string, err error) {
	err = strictjson.Read(answer, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if name != member {
				return r.Skip()
			}
			token, err = r.String()
			return err
		})
	})
	if err != nil || token == "" {
		return "", fmt.Errorf("malformed answer: want a JSON object whose %q is a string", member)
	}
	return token, nil
}

// parseURL parses a URL that a request may go to. Its errors do not have it.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("not a URL")
	case u.Scheme != "https":
		return nil, errors.New("want an https URL")
	case u.User != nil:
		return nil, errors.New("the URL has a user")
	case strings.Contains(s, "#"):
		return nil, errors.New("the URL has a fragment")
	}
	return u, nil
}
