package sigstore

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A SigningConfig lists the services that an instance of Sigstore offers to those
// who sign. It does not change, and may be used by several goroutines.
type SigningConfig struct {
	authorities, logs, stamps []service
	logChoice, stampChoice    choice
}

// A service is one of those in a signing config.
type service struct {
	url        *url.URL
	version    int
	start, end time.Time // the end is zero if there is none
	operator   string
}

// A choice says how many of several services are used.
type choice struct {
	selector string // ALL, ANY, EXACT, or "" if there is none
	count    int    // for EXACT
}

const signingConfigType = "application/vnd.dev.sigstore.signingconfig.v0.2+json"

// ParseSigningConfig parses a signing_config.json of version 0.2. The caller got
// it from where it may be trusted, for instance by [FetchTrust]: the identity
// token is sent where it says.
//
// It is strict: names are in camel case, and one that is not known, occurs twice
// or lacks what it must have is an error; so is the URL of a service that is not
// https, unless it is http to a loopback address. Version 0.1 is refused: it does
// not say when a service may be used, and by which version of its protocol.
//
// Which of the services are used is decided by [Signer.Sign], at its time.
func ParseSigningConfig(data []byte) (*SigningConfig, error) {
	if len(data) > MaxSigningConfigSize {
		return nil, fmt.Errorf("malformed signing config: %d bytes, at most %d are read", len(data), MaxSigningConfigSize)
	}
	// The version first: another one has other members.
	var mediaType string
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if name != "mediaType" {
				return r.Skip()
			}
			mediaType, err = r.String()
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("malformed signing config: %w", err)
	}
	if mediaType != signingConfigType {
		return nil, fmt.Errorf("malformed signing config: media type %.100q, want %q", mediaType, signingConfigType)
	}
	c := new(SigningConfig)
	err = strictjson.Read(data, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "mediaType":
				return r.Skip()
			case "caUrls":
				c.authorities, err = readServices(r)
			case "oidcUrls": // where people log in; a Signer is given tokens
				_, err = readServices(r)
			case "rekorTlogUrls":
				c.logs, err = readServices(r)
			case "rekorTlogConfig":
				c.logChoice, err = readChoice(r)
			case "tsaUrls":
				c.stamps, err = readServices(r)
			case "tsaConfig":
				c.stampChoice, err = readChoice(r)
			default:
				return r.Errorf("unknown member")
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("malformed signing config: %w", err)
	}
	if len(c.logs) > 0 && c.logChoice.selector == "" {
		return nil, errors.New("malformed signing config: rekorTlogUrls without a rekorTlogConfig")
	}
	if len(c.stamps) > 0 && c.stampChoice.selector == "" {
		return nil, errors.New("malformed signing config: tsaUrls without a tsaConfig")
	}
	return c, nil
}

func readServices(r *strictjson.Reader) (services []service, err error) {
	err = r.Array(func(i int) error {
		if i == MaxServices {
			return r.Errorf("more than %d services", MaxServices)
		}
		s, err := readService(r)
		services = append(services, s)
		return err
	})
	return services, err
}

func readService(r *strictjson.Reader) (s service, err error) {
	err = r.Object(func(name string) error {
		switch name {
		case "url":
			text, err := r.String()
			if err != nil {
				return err
			}
			if s.url, err = parseServiceURL(text); err != nil {
				return r.Errorf("%v", err)
			}
		case "majorApiVersion":
			if s.version, err = readCount(r); err != nil {
				return err
			}
		case "validFor":
			return r.Object(func(name string) (err error) {
				switch name {
				case "start":
					s.start, err = readTime(r)
				case "end":
					s.end, err = readTime(r)
				default:
					err = r.Errorf("unknown member")
				}
				return err
			})
		case "operator":
			s.operator, err = r.String()
			return err
		default:
			return r.Errorf("unknown member")
		}
		return nil
	})
	switch {
	case err != nil:
	case s.url == nil:
		err = r.Errorf("service without a url")
	case s.start.IsZero():
		err = r.Errorf("service without a start of its validity")
	}
	return s, err
}

func readChoice(r *strictjson.Reader) (c choice, err error) {
	err = r.Object(func(name string) (err error) {
		switch name {
		case "selector":
			c.selector, err = r.String()
		case "count":
			c.count, err = readCount(r)
		default:
			err = r.Errorf("unknown member")
		}
		return err
	})
	switch {
	case err != nil:
	case c.selector != "ALL" && c.selector != "ANY" && c.selector != "EXACT":
		err = r.Errorf("selector %.40q, want ALL, ANY or EXACT", c.selector)
	case c.selector == "EXACT" && c.count == 0: // "count MUST be greater than 0"
		err = r.Errorf("selector EXACT without a count")
	}
	return c, err
}

// readCount reads an integer that is not negative and not large.
func readCount(r *strictjson.Reader) (int, error) {
	n, err := r.Number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(string(n), 10, 16)
	if err != nil {
		return 0, r.Errorf("%.40s is not an integer from 0 to 65535", n)
	}
	return int(v), nil
}

func readTime(r *strictjson.Reader) (time.Time, error) {
	text, err := r.String()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() {
		return time.Time{}, r.Errorf("%.40q is not a time of RFC 3339", text)
	}
	return t.UTC(), nil
}

// parseServiceURL parses the URL of a service. A token must not go over the
// network in the clear; on the machine itself it may.
func parseServiceURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("%.200q is not a URL with a host", s)
	case u.User != nil || u.RawQuery != "" || strings.ContainsAny(s, "?#"):
		return nil, errors.New("the URL has a user, a query or a fragment")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http":
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.IsLoopback() || u.Hostname() == "localhost" {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%.200q is not an https URL, nor http to a loopback address", s)
}

// services are those that sign together.
type services struct {
	authority    service
	logs, stamps []service
}

// choose returns the services to use at a time.
func (c *SigningConfig) choose(at time.Time) (*services, error) {
	var s services
	var errs []error
	authorities, err := choose("certificate authority", c.authorities, choice{selector: "ANY"}, at, 1)
	if err != nil {
		errs = append(errs, err)
	} else {
		s.authority = authorities[0]
	}
	if s.logs, err = choose("transparency log", c.logs, c.logChoice, at, 1, 2); err != nil {
		errs = append(errs, err)
	}
	// "Rekor v2 … will not provide integrated timestamps": without an authority
	// nobody would say when it was signed. One that is listed is used always.
	switch {
	case len(c.stamps) > 0:
		if s.stamps, err = choose("timestamp authority", c.stamps, c.stampChoice, at, 1); err != nil {
			errs = append(errs, err)
		}
	case len(s.logs) > 0 && s.logs[0].version == 2:
		errs = append(errs, fmt.Errorf("no timestamp authority is listed, and the log %s, of API version 2, does not say when it was signed", s.logs[0].url))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("sigstore: signing config: %w", errors.Join(errs...))
	}
	return &s, nil
}

// choose returns the services of a kind to use at a time: of those that are valid
// then, "only the highest supported API version", "the newest" first, and "at
// most one service from an operator".
func choose(kind string, listed []service, c choice, at time.Time, versions ...int) ([]service, error) {
	var usable []service
	var reasons []string
	highest := 0
	for _, s := range listed {
		switch {
		case !slices.Contains(versions, s.version):
			reasons = append(reasons, fmt.Sprintf("%s has API version %d, want one of %v", s.url, s.version, versions))
		case at.Before(s.start):
			reasons = append(reasons, fmt.Sprintf("%s is valid from %s", s.url, s.start.Format(time.RFC3339)))
		case !s.end.IsZero() && at.After(s.end):
			reasons = append(reasons, fmt.Sprintf("%s was valid until %s", s.url, s.end.Format(time.RFC3339)))
		default:
			highest = max(highest, s.version)
			usable = append(usable, s)
		}
	}
	slices.SortStableFunc(usable, func(a, b service) int { return cmp.Or(b.version-a.version, b.start.Compare(a.start)) })
	operators := make(map[string]bool)
	var chosen []service
	for _, s := range usable {
		switch {
		case s.version != highest:
			reasons = append(reasons, fmt.Sprintf("%s has API version %d, and another one %d", s.url, s.version, highest))
		case operators[s.operator]:
			reasons = append(reasons, fmt.Sprintf("%s is of an operator, %.100q, that has another one", s.url, s.operator))
		default:
			operators[s.operator] = true
			chosen = append(chosen, s)
		}
	}
	want := 1
	if c.selector == "EXACT" {
		want = c.count
	}
	if len(chosen) < want {
		if len(listed) == 0 {
			reasons = append(reasons, "none is listed")
		}
		return nil, fmt.Errorf("%s: %d can be used at %s, want %d: %s", kind, len(chosen), at.UTC().Format(time.RFC3339), want, strings.Join(reasons, "; "))
	}
	if c.selector == "ALL" {
		return chosen, nil
	}
	return chosen[:want], nil
}
