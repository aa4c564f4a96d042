// Package keyless runs an instance of Sigstore for a test: the servers that run
// the public instance, on the loopback interface, with keys of its own.
//
//	stack := keyless.Start(t)
//	root, err := sigstore.ParseTrustedRoot(stack.TrustedRoot())
//	config, err := sigstore.ParseSigningConfig(stack.SigningConfig())
//	token := stack.Token(keyless.GitHub().With("event_name", "pull_request"))
//
// Four services take part in a signature, and each is a [Service] of the stack:
//
//	Fulcio  fulcio v1.8.8, with the configuration of the public instance
//	CTLog   the log that promises to keep Fulcio's certificates; a few lines here
//	Rekor   rekor-tiles v2.3.0, keeping its log in files
//	TSA     timestamp-authority v2.1.3
//
// Fulcio, Rekor and the TSA are processes, built from the module in
// testdata/services, whose comment says why it is one. They end with the test,
// or with the process of the test, however that ends. The issuer of identity
// tokens is the test itself: Fulcio asks it when it wants the keys of
// https://token.actions.githubusercontent.com, or of any other issuer, and can
// reach nothing else. What Fulcio knows of GitHub's tokens is in its own
// configuration, and so certificates have all extensions that they have there.
//
// # Faults
//
// In front of each service there is a proxy at [Service.URL], where a test can
// put a [Fault]:
//
//	stack.Rekor.Fail(t, keyless.Hang())
//	stack.TSA.Fail(t, keyless.Times(2, keyless.Status(503)))
//	stack.Fulcio.Fail(t, stack.CertificateForAnotherKey())
//
// Services that lie do so as convincingly as they can: their certificates are
// signed by the authority, their entries are in the log, their timestamps are
// well formed.
package keyless

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Stack is a running instance of Sigstore.
type Stack struct {
	Fulcio, CTLog, Rekor, TSA *Service

	keys   *keys
	issuer *issuer

	// What another Fulcio is started with.
	program string
	fulcio  []string
}

// Start starts a stack. It ends with the test. The first call builds the
// services, which takes more than a minute where they were never built before.
func Start(t testing.TB) *Stack {
	t.Helper()
	start := time.Now()
	program, config := build(t)
	dir := t.TempDir()
	s := &Stack{keys: newKeys(t, dir, start), issuer: newIssuer(t), program: program}

	s.Fulcio, s.CTLog, s.Rekor, s.TSA = newService(t, "fulcio"), newService(t, "ctlog"), newService(t, "rekor"), newService(t, "tsa")
	s.CTLog.set(s.keys.ctLog)
	issuers := newService(t, "issuer")
	issuers.set(s.issuer)

	s.fulcio = []string{
		"fulcio", "-config", config, "-chain", filepath.Join(dir, "fulcio.pem"), "-key", filepath.Join(dir, "fulcio.key"),
		"-ctlog", s.CTLog.URL, "-issuers", issuers.URL,
	}
	var starting sync.WaitGroup
	for _, each := range []struct {
		service *Service
		ready   string
		args    []string
	}{
		{s.Fulcio, "/api/v2/trustBundle", s.fulcio},
		{s.Rekor, "/healthz", []string{"rekor", "-origin", rekorHost, "-key", filepath.Join(dir, "rekor.key"), "-dir", filepath.Join(dir, "rekor")}},
		{s.TSA, "/ping", []string{"tsa", "-chain", filepath.Join(dir, "tsa.pem"), "-key", filepath.Join(dir, "tsa.key")}},
	} {
		starting.Go(func() {
			p, err := run(t, program, each.ready, each.args...)
			if err != nil {
				t.Error(err)
				return
			}
			each.service.process = p
			each.service.set(p.proxy())
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return s
}

// A Service is one service of a Stack, behind a proxy.
type Service struct {
	URL string

	front   *httptest.Server
	process *process // nil if it is served by the test

	mu       sync.Mutex
	handler  http.Handler
	fault    Fault
	requests int
}

func newService(t testing.TB, name string) *Service {
	s := new(Service)
	s.front = httptest.NewUnstartedServer(s)
	s.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.URL = "http://" + s.front.Listener.Addr().String()
	s.front.Start()
	t.Cleanup(s.Stop)
	return s
}

func (s *Service) set(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = h
}

// Fail lets the service fail like f, until t ends or Fail is called again. With
// a nil Fault the service works.
func (s *Service) Fail(t testing.TB, f Fault) {
	set := func(f Fault) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fault = f
	}
	set(f)
	t.Cleanup(func() { set(nil) })
}

// Stop kills the service: connections to it are refused from now on.
func (s *Service) Stop() {
	if s.process != nil {
		s.process.kill()
	}
	s.front.CloseClientConnections()
	s.front.Close()
}

// Requests returns how many requests have come to the service so far, whatever
// became of them.
func (s *Service) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	h := s.handler
	if s.fault != nil {
		h = s.fault(h)
	}
	s.mu.Unlock()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	// A server notices that its client has gone only when the body was read.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.ServeHTTP(w, r)
}

// A process is one service that runs.
type process struct {
	url  *url.URL
	kill func()
}

func (p *process) proxy() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(p.url) },
		// A test that looks for connections that a signer has left finds none
		// from here.
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}

// run starts a service and waits until it answers at the path ready. What it
// logs is shown if the test fails.
func run(t testing.TB, program, ready string, args ...string) (*process, error) {
	var err error
	for range 3 { // Rekor ends if one of its ports was taken before it was there
		var p *process
		if p, err = runOnce(t, program, ready, args); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func runOnce(t testing.TB, program, ready string, args []string) (*process, error) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	logs := new(tail)
	cmd := exec.Command(program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	cmd.Stderr = logs
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	announced := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		announced <- strings.TrimSpace(line)
		io.Copy(logs, lines)
		cmd.Wait()
	}()
	kill := func() {
		cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("%s logged at last:\n%s", args[0], logs)
		}
	})
	u, err := url.Parse(<-announced)
	if err != nil {
		return nil, err
	}
	for {
		if answers(ctx, u.JoinPath(ready).String()) {
			return &process{u, kill}, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("%s has ended: %s", args[0], logs)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not answer: %w", args[0], ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// A tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	w.end = w.end[max(0, len(w.end)-4096):]
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.end)
}

// build builds the services, once, and returns the program and the file with
// the configuration of the public Fulcio.
func build(t testing.TB) (program, config string) {
	t.Helper()
	b := builtOnce()
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.program, b.config
}

type built struct {
	program, config string
	err             error
}

var builtOnce = sync.OnceValue(func() built {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "testdata", "services")
	command := func(args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		// Flags for the tests, such as -race, are not for the services.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
		out, err := cmd.Output()
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, e.Stderr)
		}
		return strings.TrimSpace(string(out)), err
	}
	// The go command builds a tool that it has not built before, keeps the
	// program in its cache, and says where.
	program, err := command("tool", "-n", "services")
	if err != nil {
		return built{err: err}
	}
	fulcio, err := command("list", "-m", "-f", "{{.Dir}}", "github.com/sigstore/fulcio")
	return built{program, filepath.Join(fulcio, "config", "identity", "config.yaml"), err}
})
