package oidc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A token is an identity token that was parsed, and what of it is needed to find
// out whether to believe it.
type token struct {
	compact string // as it came

	// From the header. The kid may be empty.
	algorithm jose.SignatureAlgorithm
	kid       string

	// From the claims. notBefore is zero if there is no nbf.
	issuer                     string
	audience                   []string
	issued, notBefore, expires time.Time
}

// parseToken parses a token without verifying it. Its errors have no part of the
// token but what that decodes to.
func parseToken(compact string) (*token, error) {
	if len(compact) > MaxTokenSize {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(compact), MaxTokenSize)
	}
	parts := strings.SplitN(compact, ".", 4)
	if len(parts) != 3 {
		return nil, errors.New("want a header, claims and a signature, with two dots between them")
	}
	var decoded [3][]byte
	for i, name := range []string{"header", "claims", "signature"} {
		// encoding/base64 skips line breaks, and without Strict it ignores bits at
		// the end: one token would have many spellings.
		var err error
		decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || strings.ContainsAny(parts[i], "\r\n") {
			return nil, fmt.Errorf("the %s is not base64url without padding", name)
		}
	}
	t := &token{compact: compact}
	if err := t.readHeader(decoded[0]); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := t.readClaims(decoded[1]); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	return t, nil
}

// readHeader reads the header, RFC 7515 section 4.1. Members that say where a
// key is are not looked at.
func (t *token) readHeader(header []byte) error {
	err := strictjson.Read(header, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "alg":
				var s string
				s, err = r.String()
				t.algorithm = jose.SignatureAlgorithm(s)
			case "kid":
				t.kid, err = r.String()
			case "crit", "b64":
				// "If any of the listed extension Header Parameters are not
				// understood and supported by the recipient, then the JWS is
				// invalid." None is; b64 would change what is signed (RFC 7797).
				return r.Errorf("no extension is understood here")
			default:
				err = r.Skip()
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if keyType(t.algorithm) == "" {
		return fmt.Errorf("algorithm %.40q is not accepted", string(t.algorithm))
	}
	return nil
}

// readClaims reads the claims that the verifier looks at, RFC 7519 section 4.1.
// OpenID Connect Core section 2 requires all of them but nbf.
func (t *token) readClaims(claims []byte) error {
	n := 0
	err := strictjson.Read(claims, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if n++; n > MaxClaims {
				return r.Errorf("more than %d claims", MaxClaims)
			}
			switch name {
			case "iss":
				t.issuer, err = r.String()
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
			case "iat":
				t.issued, err = readTime(r)
			case "nbf":
				t.notBefore, err = readTime(r)
			case "exp":
				t.expires, err = readTime(r)
			default:
				err = r.Skip()
			}
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case t.issuer == "":
		return errors.New("no iss")
	case len(t.audience) == 0:
		return errors.New("no aud")
	case t.issued.IsZero():
		return errors.New("no iat")
	case t.expires.IsZero():
		return errors.New("no exp")
	case !t.expires.After(t.issued):
		return errors.New("exp is not after iat")
	}
	return nil
}

// readTime reads a NumericDate: "the number of seconds from
// 1970-01-01T00:00:00Z UTC", which may have a fraction. That is cut off.
func readTime(r *strictjson.Reader) (time.Time, error) {
	n, err := r.Number()
	if err != nil {
		return time.Time{}, err
	}
	const year10000 = 253402300800
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || f < 0 || f >= year10000 {
		return time.Time{}, r.Errorf("%.40s is no time in seconds since 1970", n)
	}
	return time.Unix(int64(f), 0).UTC(), nil
}

// readValues returns all claims but iss and those that are null, as
// provenance.Claims has them.
func readValues(claims []byte) (map[string]string, error) {
	values := make(map[string]string)
	err := strictjson.Read(claims, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch {
			case name == "iss":
				return r.Skip()
			case r.Null():
				return nil
			case r.Kind() == '"':
				values[name], err = r.String()
				return err
			}
			raw, err := r.Raw()
			if err != nil {
				return err
			}
			compact, err := strictjson.Append(nil, raw)
			values[name] = string(compact)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}
