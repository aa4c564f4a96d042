package keyless_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// Whatever a service does that it should not, nothing is signed, and the error
// says which service it was and what is wrong with it. No token is in an error.
func TestFaults(t *testing.T) {
	for _, group := range []struct {
		name    string
		service func(*keyless.Stack) *keyless.Service
		named   func(*keyless.Stack) string // what errors call it
		faults  func(*testing.T, *keyless.Stack) map[string]failure
	}{
		{"Fulcio", fulcio, host("certificate of ", fulcio), func(t *testing.T, s *keyless.Stack) map[string]failure {
			return map[string]failure{
				"another key":       {s.CertificateForAnotherKey(t), "key"},
				"expired":           {s.ExpiredCertificate(t, time.Hour), "valid"},
				"from the future":   {s.ExpiredCertificate(t, -time.Hour), "valid"},
				"unknown authority": {s.UnknownFulcio(t), "authority"},
			}
		}},
		{"CTLog", ctLog, host("certificate of ", fulcio), func(t *testing.T, s *keyless.Stack) map[string]failure {
			return map[string]failure{
				"wrong SCT":   {s.WrongSCT(t), "certificate log"},
				"unknown log": {s.UnknownCTLog(t), "certificate log"},
			}
		}},
		{"Rekor", rekor, host("log entry of ", rekor), func(t *testing.T, s *keyless.Stack) map[string]failure {
			return map[string]failure{
				"wrong proof":        {s.WrongProof(), "inclusion"},
				"foreign checkpoint": {s.ForeignCheckpoint(t), "checkpoint"},
				"other entry":        {s.OtherEntry(t), "entry"},
				"other body":         {s.OtherBody(t), "body"},
			}
		}},
		{"TSA", tsa, host("timestamp of ", tsa), func(t *testing.T, s *keyless.Stack) map[string]failure {
			return map[string]failure{
				"old":               {s.OldTimestamp(t, time.Hour), "its time is"},
				"from the future":   {s.OldTimestamp(t, -time.Hour), "its time is"},
				"something else":    {s.ForeignTimestamp(t), "want of SHA-256"},
				"unknown authority": {s.UnknownTSA(t), "authority of the trusted root"},
			}
		}},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			stack := keyless.Start(t)
			signer, service := newSigner(t, stack), group.service(stack)
			faults := group.faults(t, stack)
			// The certificate log is not asked by the signer, but by Fulcio, which
			// asks again for minutes.
			asked := service != stack.CTLog
			if asked {
				faults["redirect"] = failure{keyless.Redirect(stack.CTLog.URL), "redirect"}
				faults["down"] = failure{keyless.Down(), "EOF"}
				faults["broken"] = failure{keyless.Status(http.StatusInternalServerError), "500"}
				faults["forbidden"] = failure{keyless.Status(http.StatusForbidden), "403"}
				faults["too many requests"] = failure{keyless.TooMany(time.Hour), "429"}
				faults["oversized"] = failure{keyless.Oversized(8 << 20), "bytes"}
				faults["truncated"] = failure{keyless.Truncated(), ""}
			}
			var token string
			sign := func() error {
				token = stack.Token(keyless.GitHub())
				env, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), func(context.Context, string) (string, error) {
					return token, nil
				})
				if (env == nil) != (err != nil) {
					t.Errorf("both or neither of an envelope and an error: %v", err)
				}
				return err
			}
			named := group.named(stack)
			refused := func(t *testing.T, err error, why string) {
				t.Helper()
				switch {
				case err == nil:
					t.Fatal("signed")
				case !strings.Contains(err.Error(), named) || !strings.Contains(err.Error(), why):
					t.Errorf("the error does not say %q and %q: %v", named, why, err)
				case strings.Contains(err.Error(), token) || strings.Contains(err.Error(), strings.Split(token, ".")[2]):
					t.Errorf("the token is in the error: %v", err)
				}
			}
			for name, f := range faults {
				t.Run(name, func(t *testing.T) {
					service.Fail(t, f.fault)
					before := service.Requests()
					refused(t, sign(), f.why)
					if service.Requests() == before {
						t.Error("the service was not asked")
					}
				})
			}
			t.Run("works again", func(t *testing.T) {
				if err := sign(); err != nil {
					t.Fatal(err)
				}
			})
			t.Run("fails twice", func(t *testing.T) {
				service.Fail(t, keyless.Times(2, keyless.Status(http.StatusServiceUnavailable)))
				before := service.Requests()
				if err := sign(); err != nil {
					t.Error(err)
				}
				if n := service.Requests() - before; n != 3 {
					t.Errorf("%d requests, want 3", n)
				}
			})
			t.Run("asks to wait", func(t *testing.T) {
				service.Fail(t, keyless.Times(1, keyless.TooMany(2*time.Second)))
				start := time.Now()
				if err := sign(); err != nil {
					t.Error(err)
				}
				if time.Since(start) < 2*time.Second {
					t.Error("it did not wait")
				}
			})
			t.Run("hangs", func(t *testing.T) {
				service.Fail(t, keyless.Hang())
				cancelled(t, signer, stack, service)
			})
			t.Run("trickles", func(t *testing.T) {
				service.Fail(t, keyless.Trickle(time.Second))
				cancelled(t, signer, stack, service)
			})
			t.Run("killed", func(t *testing.T) {
				service.Stop()
				if asked {
					refused(t, sign(), "refused")
				} else {
					cancelled(t, signer, stack, stack.Fulcio)
				}
			})
		})
	}
}

type failure struct {
	fault keyless.Fault
	why   string // what the error says
}

func fulcio(s *keyless.Stack) *keyless.Service { return s.Fulcio }
func ctLog(s *keyless.Stack) *keyless.Service  { return s.CTLog }
func rekor(s *keyless.Stack) *keyless.Service  { return s.Rekor }
func tsa(s *keyless.Stack) *keyless.Service    { return s.TSA }

func host(what string, service func(*keyless.Stack) *keyless.Service) func(*keyless.Stack) string {
	return func(s *keyless.Stack) string {
		u, err := url.Parse(service(s).URL)
		if err != nil {
			panic(err)
		}
		return what + u.Host
	}
}

// cancelled signs until service was asked, cancels that, and wants it to end at
// once.
func cancelled(t *testing.T, signer *sigstore.Signer, stack *keyless.Stack, service *keyless.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := service.Requests()
	ended := make(chan error, 1)
	go func() {
		env, err := signer.Sign(ctx, provenance.MediaType, []byte("{}"), tokens(stack, keyless.GitHub()))
		if env != nil {
			t.Error("signed")
		}
		ended <- err
	}()
	for service.Requests() == before {
		select {
		case err := <-ended:
			t.Fatalf("it has ended before the service was asked: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	time.Sleep(50 * time.Millisecond) // until it waits for the answer
	start := time.Now()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, but %v", err)
	}
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("it took %s to end", took)
	}
}

// When signing is over, with or without a signature, nothing of it goes on.
func TestNothingLeft(t *testing.T) {
	stack := keyless.Start(t)
	signer := newSigner(t, stack)
	left := func() string {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for one := range strings.SplitSeq(string(stacks), "\n\n") {
			// What sends requests in this process beside the signer does not
			// keep connections.
			if strings.Contains(one, "hallmark/sign/sigstore") || strings.Contains(one, "net/http.(*persistConn)") {
				return one
			}
		}
		return ""
	}
	for _, service := range []*keyless.Service{nil, stack.Fulcio, stack.CTLog, stack.Rekor, stack.TSA} {
		if service == nil {
			if _, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), tokens(stack, keyless.GitHub())); err != nil {
				t.Fatal(err)
			}
		} else {
			service.Fail(t, keyless.Hang())
			cancelled(t, signer, stack, service)
			service.Fail(t, nil)
		}
		end := time.Now().Add(5 * time.Second)
		for left() != "" && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
		if s := left(); s != "" {
			t.Errorf("still there:\n%s", s)
		}
	}
}

// A token that is not good enough is refused before anybody sees it, or by
// Fulcio.
func TestTokens(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	signer := newSigner(t, stack)
	hour := time.Now().Add(-time.Hour).Unix()
	for name, test := range map[string]struct {
		token string
		why   string
		asked bool // Fulcio
	}{
		"expired":        {stack.Token(keyless.GitHub().With("exp", hour)), "expired", false},
		"audience":       {stack.Token(keyless.GitHub().With("aud", "hallmark")), "audience", false},
		"no token":       {"", "token", false},
		"unknown issuer": {stack.Token(keyless.GitHub().With("iss", "https://issuer.example")), "certificate of", true},
		"signature":      {keyless.Start(t).Token(keyless.GitHub()), "certificate of", true},
	} {
		t.Run(name, func(t *testing.T) {
			before := stack.Fulcio.Requests()
			env, err := signer.Sign(t.Context(), provenance.MediaType, []byte("{}"), func(context.Context, string) (string, error) {
				return test.token, nil
			})
			switch {
			case err == nil || env != nil:
				t.Fatal("signed")
			case !strings.Contains(err.Error(), test.why):
				t.Errorf("the error does not say %q: %v", test.why, err)
			case test.token != "" && strings.Contains(err.Error(), test.token):
				t.Errorf("the token is in the error: %v", err)
			}
			if asked := stack.Fulcio.Requests() > before; asked != test.asked {
				t.Errorf("Fulcio was asked: %t, want %t", asked, test.asked)
			}
		})
	}
}
