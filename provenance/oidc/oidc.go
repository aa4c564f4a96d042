// Package oidc fetches the identity token that a build system gives to a running
// job, verifies it, and returns what it says: [provenance.Claims]. This is the
// room of provenance that uses the network, through the http.Client that it is
// given.
//
//	claims, err := oidc.Fetch(ctx, os.Getenv, http.DefaultClient)
//	if errors.Is(err, oidc.ErrNoToken) {
//		claims, err = nil, nil // the environment alone: SLSA Build level 1 at most
//	}
//	...
//	build, err := github.Observe(os.Getenv, claims)
//
// A step of a job can change the environment for the steps after it. It cannot
// change the token, which the system has signed: repository, commit, ref and
// builder in it are the system's own word. At most it can put another job's token
// in its place, which then says whose it is.
//
// # Where the token comes from
//
// The variables of exactly one of these systems must be set.
//
//	GitHub Actions, Forgejo,  GET ACTIONS_ID_TOKEN_REQUEST_URL with
//	Gitea                     ACTIONS_ID_TOKEN_REQUEST_TOKEN
//	GitLab CI/CD              the variable <AUDIENCE>_ID_TOKEN
//	Buildkite                 the variable <AUDIENCE>_ID_TOKEN
//	CircleCI                  the same, or else CIRCLE_OIDC_TOKEN_V2
//	Azure Pipelines           POST SYSTEM_OIDCREQUESTURI with SYSTEM_ACCESSTOKEN
//	Bitbucket Pipelines       the variable BITBUCKET_STEP_OIDC_TOKEN
//
// GitHub gives a token to jobs with "permissions: id-token: write", Forgejo to
// those with "enable-openid-connect: true". Systems that let a job ask for
// several tokens let it choose their variables too: <AUDIENCE> is the audience
// in capitals, each character that is no letter, digit or underscore replaced by
// an underscore, and a digit in front too. With the [DefaultAudience] that is
// HALLMARK_ID_TOKEN:
//
//	id_tokens: {HALLMARK_ID_TOKEN: {aud: hallmark}}                              # GitLab
//	HALLMARK_ID_TOKEN=$(buildkite-agent oidc request-token --audience hallmark)  # Buildkite
//	HALLMARK_ID_TOKEN=$(circleci run oidc get --claims '{"aud":"hallmark"}')     # CircleCI
//
// and a job that also signs without a key of its own, with sign/sigstore, has a
// second token, SIGSTORE_ID_TOKEN for the audience sigstore. Where a token is asked
// for, as on GitHub, both are asked for alike.
//
// A token from elsewhere is verified by [Verifier.Verify].
//
// # What is verified
//
//   - The issuer is one of those in [Verifier.Issuers], byte by byte. No issuer
//     is accepted for a part of its URL.
//   - The audience is [Verifier.Audience] and no other one beside it. A token
//     that can be spent at two places could be taken from the one to the other.
//   - The token has not expired, and is valid already. [Skew] is allowed for.
//   - The signature is one of RS256, RS384, RS512, ES256, ES384, ES512 and
//     EdDSA (RFC 7518, RFC 8037), by a key that the issuer publishes now under
//     the token's kid. Key and algorithm fit each other. Keys that a token brings
//     along or points to are ignored, and a token with the header crit or b64 is
//     refused.
//   - The issuer's discovery document (OpenID Connect Discovery 1.0 section 4)
//     names itself as the issuer, and has its keys on the issuer's own host, as
//     all systems above do.
//
// Whether the claims are those of this very job, and of the system that the
// environment tells of, is for the observer to see that takes them. Nobody asks
// the issuer whether a token was revoked.
//
// # Which token
//
// The token is asked for under an audience of its own, so that nobody else
// accepts it should it leak. The audience "sigstore" is for the token that is
// spent at Fulcio, and is refused here: [Token] fetches that one. The token is not
// kept, not part of what is returned but by Token, and in no error.
//
// Three systems have an audience of their own instead. CIRCLE_OIDC_TOKEN_V2 has the
// id of the organization, Azure has "api://AzureADTokenExchange", Bitbucket has
// "ari:cloud:bitbucket::workspace/<uuid>" unless the step has "oidc: audiences".
// Such a token can open other doors; who wants it read says so in
// [Verifier.Audience].
//
// # Requests
//
// All requests go to https URLs and follow no redirect. Nothing is asked for
// twice: whether to try again after an error is for the caller to say. Nothing is
// kept between calls, so that a key that the issuer has withdrawn is not used.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
)

// DefaultAudience is the audience of tokens for this module.
const DefaultAudience = "hallmark"

// ErrNoToken says that the job is offered no identity token: the environment is
// of no system that gives one, or the job has not asked for it. It is not in the
// errors about a token that cannot be had or is refused. An earlier step can bring
// it about, by changing a variable: a build that must have claims takes it as any
// other error.
var ErrNoToken = errors.New("no identity token is offered")

// Issuers is a list of the issuers whose tokens are accepted, each by its exact
// URL: https, without user, query and fragment, the host in lower case.
//
//	https://token.actions.githubusercontent.com               GitHub
//	https://token.actions.githubusercontent.com/<enterprise>  GitHub, an enterprise with an issuer of its own
//	https://token.actions.<name>.ghe.com                      GitHub with data residency
//	https://<host>/_services/token                            GitHub Enterprise Server
//	https://<host>/api/actions                                Forgejo
//	https://gitlab.com, https://<host>                        GitLab
//	https://agent.buildkite.com                               Buildkite
//	https://oidc.circleci.com/org/<organization id>           CircleCI
//	https://vstoken.dev.azure.com/<organization id>           Azure Pipelines
//	https://api.bitbucket.org/2.0/workspaces/<workspace>/pipelines-config/identity/oidc
//
// An enterprise, an organization or a workspace is part of the issuer: list your
// own, and no one else's token is taken for yours.
type Issuers []string

// PublicIssuers returns the issuers that are the same for all users of a system:
// of GitHub, GitLab and Buildkite.
func PublicIssuers() Issuers {
	return Issuers{"https://token.actions.githubusercontent.com", "https://gitlab.com", "https://agent.buildkite.com"}
}

// A Verifier says which identity tokens are accepted. The zero Verifier accepts
// those of the [PublicIssuers] for the [DefaultAudience]. It may be used by
// several goroutines at once if its functions may.
type Verifier struct {
	// Audience is the audience that tokens are asked for and must have. Empty
	// means DefaultAudience. "sigstore", in any case, is an error.
	Audience string

	// Issuers are accepted instead of the PublicIssuers, unless the list is
	// empty. An entry that is no issuer is an error.
	Issuers Issuers

	// Variable is the name of the variable that has the token, in jobs of the
	// systems that put it into one. Empty means the rule of the package.
	Variable string

	// Get returns the document at an https URL: an issuer's discovery document
	// or its keys, from a file for instance. What it returns is believed, as
	// what comes over TLS from the issuer's host is. Nil means the client.
	Get func(ctx context.Context, url string) ([]byte, error)

	// Now returns the time that tokens must be valid at. Nil means the time of
	// the machine.
	Now func() time.Time
}

// Fetch is [Verifier.Fetch] of the zero Verifier. It uses the network.
func Fetch(ctx context.Context, getenv func(string) string, client *http.Client) (*provenance.Claims, error) {
	return new(Verifier).Fetch(ctx, getenv, client)
}

// Fetch fetches the identity token of the running job and verifies it. getenv,
// usually [os.Getenv], tells where the token is. The error wraps [ErrNoToken] if
// there is none. It is another error if the variables of several systems are set.
//
// It uses the network, through client, whose cookies and rule for redirects are
// not used. It returns soon after ctx ends.
func (v *Verifier) Fetch(ctx context.Context, getenv func(string) string, client *http.Client) (*provenance.Claims, error) {
	if getenv == nil {
		return nil, errors.New("oidc: no getenv")
	}
	if err := v.check(client); err != nil {
		return nil, err
	}
	token, err := v.token(ctx, getenv, client)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	return v.Verify(ctx, token, client)
}

// Token returns a function that returns the identity token of the running job for
// an audience, as the package documentation says where it is, to be spent
// somewhere: at Fulcio, by sign/sigstore. getenv is usually [os.Getenv]. Its error
// wraps [ErrNoToken] if there is no token.
//
// The token is a secret: until it expires, whoever has it is the job. It is not
// verified and nothing of it is looked at; some systems give one for an audience
// of their own, whatever was asked for. It is not for [Verifier.Verify], which
// refuses it if it is for Fulcio.
//
// The function uses the network if the system has to be asked, through client,
// whose cookies and rule for redirects are not used. It returns soon after its
// context ends.
func Token(getenv func(string) string, client *http.Client) func(ctx context.Context, audience string) (string, error) {
	return func(ctx context.Context, audience string) (string, error) {
		switch {
		case getenv == nil:
			return "", errors.New("oidc: no getenv")
		case client == nil:
			return "", errors.New("oidc: no client")
		case audience == "":
			return "", errors.New("oidc: no audience")
		}
		v := &Verifier{Audience: audience}
		token, err := v.token(ctx, getenv, client)
		if err != nil {
			return "", fmt.Errorf("oidc: %w", err)
		}
		return token, nil
	}
}

// Verify verifies an identity token, in the compact form of RFC 7515 section
// 3.1, without white space around it. It uses the network, through client, unless
// v.Get is set; client may then be nil.
//
// The Claims have all claims of the token but iss, which is their Issuer, and
// those that are null, which say nothing. A claim that is not a string is there
// as JSON without white space, a number with the digits of the token.
func (v *Verifier) Verify(ctx context.Context, token string, client *http.Client) (*provenance.Claims, error) {
	if err := v.check(client); err != nil {
		return nil, err
	}
	t, err := parseToken(token)
	if err != nil {
		return nil, fmt.Errorf("oidc: malformed token: %w", err)
	}
	// First what can be seen without asking anybody, and whom to ask: a token
	// must not choose which servers are called.
	if err := v.expected(t); err != nil {
		return nil, err
	}
	keys, err := v.keys(ctx, t.issuer, client)
	if err != nil {
		return nil, fmt.Errorf("oidc: keys of %s: %w", t.issuer, err)
	}
	signed, err := t.verify(keys)
	if err != nil {
		return nil, fmt.Errorf("oidc: token of %s: %w", t.issuer, err)
	}
	values, err := readValues(signed)
	if err != nil {
		return nil, fmt.Errorf("oidc: malformed token: claims: %w", err)
	}
	return &provenance.Claims{Issuer: t.issuer, Values: values}, nil
}

// check returns an error if v or the client cannot be used.
func (v *Verifier) check(client *http.Client) error {
	if client == nil && v.Get == nil {
		return errors.New("oidc: no client")
	}
	if strings.EqualFold(strings.TrimSpace(v.audience()), "sigstore") {
		return fmt.Errorf("oidc: audience %q: that is for the token that is spent at Fulcio, and for no other", v.audience())
	}
	for _, issuer := range v.Issuers {
		u, err := parseURL(issuer)
		switch {
		case err != nil:
			return fmt.Errorf("oidc: issuer %.200q: %w", issuer, err)
		case strings.Contains(issuer, "?"):
			return fmt.Errorf("oidc: issuer %.200q: the URL has a query", issuer)
		case u.Host != strings.ToLower(u.Host):
			return fmt.Errorf("oidc: issuer %.200q: the host is not in lower case", issuer)
		}
	}
	return nil
}

func (v *Verifier) audience() string {
	if v.Audience == "" {
		return DefaultAudience
	}
	return v.Audience
}

func (v *Verifier) issuers() Issuers {
	if len(v.Issuers) == 0 {
		return PublicIssuers()
	}
	return v.Issuers
}

// expected returns an error if t, whose signature has still to be verified, is
// not for v: by its issuer, its audience, or the time.
func (v *Verifier) expected(t *token) error {
	var errs []error
	fault := func(format string, a ...any) { errs = append(errs, fmt.Errorf("oidc: "+format, a...)) }
	if !slices.Contains(v.issuers(), t.issuer) {
		fault("token of %.200q, want one of %q", t.issuer, []string(v.issuers()))
	}
	if len(t.audience) != 1 || t.audience[0] != v.audience() {
		fault("token for the audience %.200q, want %q alone", strings.Join(t.audience, " "), v.audience())
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	const layout = time.RFC3339
	at := now().UTC()
	if !at.Before(t.expires.Add(Skew)) {
		fault("token expired at %s, now it is %s", t.expires.Format(layout), at.Format(layout))
	}
	if at.Add(Skew).Before(t.notBefore) {
		fault("token is not valid before %s, now it is %s", t.notBefore.Format(layout), at.Format(layout))
	}
	if at.Add(Skew).Before(t.issued) {
		fault("token was issued at %s, now it is %s", t.issued.Format(layout), at.Format(layout))
	}
	return errors.Join(errs...)
}
