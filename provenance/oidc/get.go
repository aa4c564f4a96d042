package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// get returns the document at u, from v.Get or by a request.
func (v *Verifier) get(ctx context.Context, client *http.Client, u *url.URL) ([]byte, error) {
	if v.Get == nil {
		return send(ctx, client, http.MethodGet, u, "")
	}
	b, err := v.Get(ctx, u.String())
	if err == nil && len(b) > MaxDocumentSize {
		err = errTooLarge()
	}
	return b, err
}

// send sends a request without a body and returns the body of the answer, whose
// status must be 200. bearer may be empty. Of an answer with another status
// nothing is read: a server may repeat there what it was sent.
func send(ctx context.Context, client *http.Client, method string, u *url.URL, bearer string) ([]byte, error) {
	if client == nil {
		return nil, errors.New("no client")
	}
	ctx, cancel := context.WithTimeout(ctx, MaxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, errors.New("not a URL") // what NewRequest says has it in full
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	// A copy: the secret must not follow a redirect, and a cookie identifies
	// nobody here.
	c := *client
	c.Jar = nil
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		// Without the *url.Error around it, which has the URL in full.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case 300 <= resp.StatusCode && resp.StatusCode < 400:
		return nil, fmt.Errorf("status %d: redirects are not followed", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxDocumentSize+1))
	if err == nil {
		// A server that sees the connection being closed can still end its
		// answer well, in the middle of a document.
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(b) > MaxDocumentSize {
		return nil, errTooLarge()
	}
	return b, nil
}

func errTooLarge() error {
	return fmt.Errorf("the document has more than %d bytes", MaxDocumentSize)
}
