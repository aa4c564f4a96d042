package sigstore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/verify"
)

// A token is an identity token: whom it names, as it says itself. It is verified
// by the certificate authority.
type token struct {
	compact string // a secret

	issuer, subject    string
	audience           []string
	notBefore, expires time.Time // notBefore is zero if there is none

	// The workflow that is certified, as two build platforms name it, and the
	// commit. They are empty if there are no such claims.
	githubWorkflow, gitlabWorkflow, commit string
}

// parseToken parses a token: RFC 7515 section 3.1, RFC 7519 section 4.1. Its
// errors have no part of the token.
func parseToken(compact string) (*token, error) {
	switch {
	case compact == "":
		return nil, errors.New("it is empty")
	case len(compact) > MaxTokenSize:
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(compact), MaxTokenSize)
	case strings.TrimSpace(compact) != compact:
		return nil, errors.New("white space before or behind it")
	}
	parts := strings.SplitN(compact, ".", 4)
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, errors.New("want a header, claims and a signature, with two dots between them")
	}
	t := &token{compact: compact}
	for i, name := range []string{"header", "claims", "signature"} {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || strings.ContainsAny(parts[i], "\r\n") {
			return nil, fmt.Errorf("the %s is not base64url without padding", name)
		}
		switch name {
		case "header":
			err = strictjson.Read(decoded, func(r *strictjson.Reader) error { return r.Object(func(string) error { return r.Skip() }) })
		case "claims":
			err = strictjson.Read(decoded, t.read)
		}
		if err != nil {
			// A name in the path of the error could be a part of what is secret.
			return nil, fmt.Errorf("malformed %s: want a JSON object, with claims of the right types", name)
		}
	}
	switch {
	case t.issuer == "":
		return nil, errors.New("no iss")
	case t.subject == "":
		return nil, errors.New("no sub")
	case len(t.audience) == 0:
		return nil, errors.New("no aud")
	case t.expires.IsZero():
		return nil, errors.New("no exp")
	}
	return t, nil
}

func (t *token) read(r *strictjson.Reader) error {
	return r.Object(func(name string) (err error) {
		switch name {
		case "iss":
			t.issuer, err = r.String()
		case "sub":
			t.subject, err = r.String()
		case "aud": // "In the general case, the value is an array"
			if r.Kind() != '[' {
				t.audience = make([]string, 1)
				t.audience[0], err = r.String()
				return err
			}
			return r.Array(func(int) error {
				s, err := r.String()
				t.audience = append(t.audience, s)
				return err
			})
		case "nbf":
			t.notBefore, err = readSeconds(r)
		case "exp":
			t.expires, err = readSeconds(r)
		case "job_workflow_ref", "ci_config_ref_uri", "sha":
			if r.Kind() != '"' {
				return r.Skip()
			}
			s, err := r.String()
			switch name {
			case "job_workflow_ref":
				t.githubWorkflow = s
			case "ci_config_ref_uri":
				t.gitlabWorkflow = s
			case "sha":
				t.commit = s
			}
			return err
		default:
			err = r.Skip()
		}
		return err
	})
}

// readSeconds reads a NumericDate, cutting off a fraction.
func readSeconds(r *strictjson.Reader) (time.Time, error) {
	n, err := r.Number()
	if err != nil {
		return time.Time{}, err
	}
	const year10000 = 253402300800
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f >= year10000 {
		return time.Time{}, r.Errorf("no time")
	}
	return time.Unix(int64(f), 0).UTC(), nil
}

// check returns an error if nobody would accept t for the audience at a time. It
// is not verified by that.
func (t *token) check(audience string, at time.Time) error {
	var errs []error
	if !slices.Contains(t.audience, audience) {
		errs = append(errs, fmt.Errorf("it is for the audience %.200q, want %q", strings.Join(t.audience, " "), audience))
	}
	if !at.Before(t.expires.Add(Skew)) {
		errs = append(errs, fmt.Errorf("it expired at %s, now it is %s", t.expires.Format(time.RFC3339), at.UTC().Format(time.RFC3339)))
	}
	if at.Add(Skew).Before(t.notBefore) {
		errs = append(errs, fmt.Errorf("it is not valid before %s, now it is %s", t.notBefore.Format(time.RFC3339), at.UTC().Format(time.RFC3339)))
	}
	return errors.Join(errs...)
}

// certifies returns an error if a certificate with the claims is not for who the
// token names, as far as the token says it in words that a certificate has too.
func (t *token) certifies(claims *verify.Claims) error {
	var errs []error
	fault := func(what, got, want string) {
		errs = append(errs, fmt.Errorf("it is for the %s %.300q, and the token for %.300q", what, got, want))
	}
	if claims.Issuer != t.issuer {
		fault("issuer", claims.Issuer, t.issuer)
	}
	if claims.Builder == "" {
		errs = append(errs, fmt.Errorf("it names %.300q, want a URI", claims.Subject))
	}
	// https://github.com/sigstore/fulcio/blob/main/docs/oidc.md
	switch {
	case t.githubWorkflow != "":
		if !strings.HasPrefix(claims.Builder, "https://") || !strings.HasSuffix(claims.Builder, "/"+t.githubWorkflow) {
			fault("workflow", claims.Subject, t.githubWorkflow)
		}
	case t.gitlabWorkflow != "":
		if claims.Builder != "https://"+t.gitlabWorkflow {
			fault("workflow", claims.Subject, t.gitlabWorkflow)
		}
	case strings.HasPrefix(t.subject, "spiffe://"):
		if claims.Builder != t.subject {
			fault("subject", claims.Subject, t.subject)
		}
	}
	if t.commit != "" && claims.Commit != "" && claims.Commit != t.commit {
		fault("commit", claims.Commit, t.commit)
	}
	return errors.Join(errs...)
}
