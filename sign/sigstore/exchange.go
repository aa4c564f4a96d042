package sigstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// firstWait is how long is waited before a second attempt.
const firstWait = time.Second / 2

// An exchange sends requests to services.
type exchange struct {
	client *http.Client
	now    func() time.Time
	wait   time.Duration // before the second attempt; twice as long before each further one
}

// newExchange returns an exchange through client. Nil means one of its own, with
// nothing of the process around it: no proxy, no cookies, no credentials, no
// connection that stays open.
func newExchange(client *http.Client, now func() time.Time, wait time.Duration) *exchange {
	if client == nil {
		client = &http.Client{Transport: &http.Transport{
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}}
	}
	// A copy: a token must not follow a redirect, and a cookie identifies nobody
	// here.
	c := *client
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &exchange{&c, now, wait}
}

// A request is what is sent to a service. What it accepts is the answer's status.
type request struct {
	method, url string
	contentType string
	accept      string
	bearer      string // a secret, or empty
	body        []byte
	statuses    []int
	limit       int64 // of the answer, in bytes
}

// A statusError is an answer with a status that the request does not accept.
type statusError struct {
	status int
	text   string // what the service says, quoted, or empty
	after  time.Duration
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("status %d %s", e.status, http.StatusText(e.status))
	if 300 <= e.status && e.status < 400 {
		s += ": redirects are not followed"
	}
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

// send sends a request until a service answers it, and returns the body of the
// answer. It tries again if there is no answer, a status of 429, or one of 500 and
// more.
func (x *exchange) send(ctx context.Context, r *request) ([]byte, error) {
	wait := x.wait
	for attempt := 1; ; attempt++ {
		body, again, err := x.try(ctx, r)
		if err == nil {
			return body, nil
		}
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		if !again {
			return nil, err
		}
		delay := wait
		if s, ok := errors.AsType[*statusError](err); ok && s.after > delay {
			delay = s.after
		}
		switch {
		case attempt == MaxAttempts:
			return nil, fmt.Errorf("%w (in the last of %d attempts)", err, attempt)
		case delay > max(wait, MaxRetryAfter):
			return nil, fmt.Errorf("%w, and it asks to wait %s, at most %s are waited", err, delay, MaxRetryAfter)
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w; before that: %w", ctx.Err(), err)
		case <-timer.C:
		}
		wait *= 2
	}
}

// try sends a request once. Again says whether another attempt could do better.
func (x *exchange) try(ctx context.Context, r *request) (body []byte, again bool, err error) {
	within, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(within, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, false, errors.New("not a request") // what NewRequest says has the URL in full
	}
	req.Header.Set("Accept", r.accept)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.bearer)
	}
	resp, err := x.client.Do(req)
	if err != nil {
		if within.Err() != nil && ctx.Err() == nil {
			return nil, true, fmt.Errorf("no answer within %s", MaxWait)
		}
		// Without the *url.Error around it, which has the URL again.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		// What is no answer of HTTP is in the error, as long as it is.
		if text := err.Error(); len(text) > 1000 {
			return nil, true, fmt.Errorf("%.300s…", text)
		}
		// Who does not trust a server's certificate now will not a second later.
		_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
		return nil, !untrusted, err
	}
	defer resp.Body.Close()
	accepted := slices.Contains(r.statuses, resp.StatusCode)
	limit := r.limit
	if !accepted {
		limit = min(limit, 4<<10) // enough to say what is wrong
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if !accepted {
		s := &statusError{resp.StatusCode, excerpt(body, r.bearer), x.retryAfter(resp.Header)}
		return nil, s.status == http.StatusTooManyRequests || s.status >= 500, s
	}
	switch {
	case err == nil && within.Err() != nil:
		// A server that sees the connection being closed can still end its
		// answer well, in the middle of a document.
		err = within.Err()
		fallthrough
	case err != nil:
		return nil, true, fmt.Errorf("read the answer: %w", err)
	case int64(len(body)) > limit:
		return nil, false, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return body, false, nil
}

// retryAfter returns how long a service asks to wait: RFC 9110 section 10.2.3.
func (x *exchange) retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, t.Sub(x.now()))
	}
	return 0
}

// excerpt returns the beginning of what a service says is wrong, quoted: of a
// JSON object the message, or else all of it if it is text. It returns nothing
// if any part of the secret is there: some servers repeat what they were sent.
func excerpt(body []byte, secret string) string {
	var text string
	err := strictjson.Read(body, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			if name == "message" && r.Kind() == '"' {
				text, err = r.String()
				return err
			}
			return r.Skip()
		})
	})
	if err != nil {
		text = string(body)
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return ""
	}
	if repeats(text, secret) {
		return ""
	}
	return strconv.Quote(text)
}

// repeats reports whether text has a part of the secret. One that is shorter than
// eight characters is no part that a token can be found by.
func repeats(text, secret string) bool {
	const part = 8
	parts := make(map[string]bool, len(secret)) // a text may be as long as a service likes
	for i := 0; i+part <= len(secret); i++ {
		parts[secret[i:i+part]] = true
	}
	for i := 0; len(parts) > 0 && i+part <= len(text); i++ {
		if parts[text[i:i+part]] {
			return true
		}
	}
	return false
}
