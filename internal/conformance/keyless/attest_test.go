package keyless_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gitlab"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// A workplace is a directory with a file app and what tells of the stack, and the
// program examples/attest.
type workplace struct {
	dir, program string
}

func newWorkplace(t testing.TB, stack *keyless.Stack) *workplace {
	t.Helper()
	w := &workplace{dir: t.TempDir(), program: keyless.Attest(t)}
	for name, data := range map[string][]byte{
		"trusted_root.json": stack.TrustedRoot(), "signing_config.json": stack.SigningConfig(),
		"app": []byte("app"), "predicate.json": []byte(`{"checked": true}`),
	} {
		w.write(t, name, data)
	}
	return w
}

func (w *workplace) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *workplace) files(t testing.TB) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// command returns attest -keyless as a step of a job.
func (w *workplace) command(t testing.TB, env []string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd = exec.CommandContext(t.Context(), w.program, append([]string{"-keyless", "-trusted-root", "trusted_root.json", "-signing-config", "signing_config.json"}, args...)...)
	cmd.Dir, cmd.Env = w.dir, env
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

func (w *workplace) attest(t testing.TB, env []string, args ...string) (stderr string, code int) {
	t.Helper()
	cmd, text := w.command(t, env, args...)
	code = exitCode(t, cmd.Run())
	return text.String(), code
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// gitLabPolicy accepts releases of acme/app by the pipeline of keyless.GitLab.
func gitLabPolicy(t testing.TB, stack *keyless.Stack) *verify.Policy {
	t.Helper()
	builder := keyless.GitLab().Builder()
	id, err := newRoot(t, stack).NewIdentity(sigstore.Workflow{Issuer: "https://gitlab.com", Builder: builder})
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Policy{
		Builders:   []verify.Builder{{ID: builder, Identity: id, Level: 2}},
		Source:     "https://gitlab.com/acme/app",
		BuildTypes: []string{gitlab.BuildType},
		Refs:       verify.Refs{Releases: true},
		Parameters: map[string]verify.Parameter{
			"/job/name":        {OneOf: []any{"attest"}},
			"/pipeline/config": {OneOf: []any{builder}},
		},
	}
}

// What examples/attest signs as a job, a gate accepts that expects the job: a
// reusable workflow of another repository than the one whose tag it builds, and a
// pipeline of GitLab. The provenance says what the certificate says.
func TestAttest(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	w := newWorkplace(t, stack)
	for _, test := range []struct {
		name   string
		job    keyless.Claims
		policy *verify.Policy
		want   verify.Claims
	}{
		{"GitHub", keyless.GitHub(), newPolicy(t, stack), verify.Claims{
			Issuer: issuer, Builder: "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v2.0.0",
			Repository: "https://github.com/acme/app", Ref: "refs/tags/v1.2.3", Commit: "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
			Invocation: "https://github.com/acme/app/actions/runs/4004/attempts/1", Trigger: "push", Runner: "github-hosted",
		}},
		{"GitLab", keyless.GitLab(), gitLabPolicy(t, stack), verify.Claims{
			Issuer: "https://gitlab.com", Builder: "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.2.3",
			Repository: "https://gitlab.com/acme/app", Ref: "refs/tags/v1.2.3", Commit: "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
			Invocation: "https://gitlab.com/acme/app/-/jobs/5005", Trigger: "push", Runner: "gitlab-hosted",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := test.name + ".intoto.jsonl"
			if stderr, code := w.attest(t, stack.Environ(t, test.job), "-o", file, "app"); code != 0 || stderr != "" {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			line, err := os.ReadFile(filepath.Join(w.dir, file))
			if err != nil {
				t.Fatal(err)
			}
			env, err := sign.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			app, err := hallmark.HashFile(filepath.Join(w.dir, "app"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := test.policy.Verify(t.Context(), app, env)
			if err != nil {
				t.Fatal(err)
			}
			if want := test.policy.Builders[0].Level; res.Level() != want {
				t.Errorf("level %d, want %d", res.Level(), want)
			}

			evidence, err := test.policy.Builders[0].Identity.Recognize(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			st, err := provenance.Parse(evidence.Payload)
			if err != nil {
				t.Fatal(err)
			}
			b, err := provenance.ParseBuild(st)
			if err != nil {
				t.Fatal(err)
			}
			source, _ := b.Source()
			c := evidence.Claims
			said := verify.Claims{
				Issuer: test.want.Issuer, Builder: b.Builder, Repository: source.Repository, Ref: source.Ref, Commit: source.Commit.Hex(), Invocation: b.Invocation,
				Trigger: test.want.Trigger, Runner: test.want.Runner,
			}
			certified := verify.Claims{
				Issuer: c.Issuer, Builder: c.Builder, Repository: c.Repository, Ref: c.Ref, Commit: c.Commit, Invocation: c.Invocation, Trigger: c.Trigger, Runner: c.Runner,
			}
			if said != test.want {
				t.Errorf("the provenance says\n%+v, want\n%+v", said, test.want)
			}
			if certified != test.want {
				t.Errorf("the certificate says\n%+v, want\n%+v", certified, test.want)
			}
		})
	}
}

// Whatever goes wrong, examples/attest says so in one line, exits with 2 and leaves
// nothing behind.
func TestAttestRefuses(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	w := newWorkplace(t, stack)
	root, config := stack.TrustedRoot(), stack.SigningConfig()
	w.write(t, "truncated.json", root[:len(root)/2])
	w.write(t, "another_root.json", keyless.Start(t).TrustedRoot())
	w.write(t, "config01.json", bytes.Replace(config, []byte("signingconfig.v0.2+json"), []byte("signingconfig.v0.1+json"), 1))
	gitLab := stack.Environ(t, keyless.GitLab())
	with := func(env []string, more ...string) []string { return append(slices.Clip(env), more...) }
	expired := keyless.GitLab().With("exp", time.Now().Add(-time.Hour).Unix()).With("iat", time.Now().Add(-2*time.Hour).Unix())
	another := keyless.GitLab().With("ci_config_ref_uri", "gitlab.com/acme/app//other.yml@refs/tags/v1.2.3")
	before := w.files(t)
	predicate := []string{"-predicate", "predicate.json", "-predicate-type", "https://hallmark.example/checked", "-o", "app.intoto.jsonl", "app"}
	for _, test := range []struct {
		name    string
		env     []string
		service *keyless.Service
		fault   keyless.Fault
		why     string
		args    []string // predicate, if nil
		asks    bool     // a service of the instance
	}{
		{"no certificate", gitLab, stack.Fulcio, keyless.Status(http.StatusForbidden), "certificate of", nil, true},
		{"another key", gitLab, stack.Fulcio, stack.CertificateForAnotherKey(t), "certificate of", nil, true},
		{"wrong SCT", gitLab, stack.CTLog, stack.WrongSCT(t), "certificate of", nil, true},
		{"old timestamp", gitLab, stack.TSA, stack.OldTimestamp(t, time.Hour), "timestamp of", nil, true},
		{"log is down", gitLab, stack.Rekor, keyless.Down(), "log entry of", nil, true},
		{"wrong proof", gitLab, stack.Rekor, stack.WrongProof(), "log entry of", nil, true},
		{"somebody else's", gitLab, stack.Rekor, stack.OtherEntry(t), "log entry of", nil, true},

		{"another instance", gitLab, nil, nil, "certificate of", append([]string{"-trusted-root", "another_root.json"}, predicate...), true},
		{"another workflow's token", with(gitLab, "SIGSTORE_ID_TOKEN="+stack.Token(another)), nil, nil, "other.yml", []string{"app"}, true},

		{"no token", with(gitLab, "SIGSTORE_ID_TOKEN="), nil, nil, "SIGSTORE_ID_TOKEN is not set", nil, false},
		{"expired token", with(gitLab, "SIGSTORE_ID_TOKEN="+stack.Token(expired)), nil, nil, "expired at", nil, false},
		{"a token that is none", with(gitLab, "SIGSTORE_ID_TOKEN=secret.horse.battery"), nil, nil, "malformed identity token", nil, false},
		{"token for somebody else", with(gitLab, "SIGSTORE_ID_TOKEN="+stack.Token(keyless.GitLab().With("aud", "vault"))), nil, nil, `audience "vault"`, nil, false},
		{"no right to a token", with(stack.Environ(t, keyless.GitHub()), "ACTIONS_ID_TOKEN_REQUEST_TOKEN=wrong-horse"), nil, nil, "status 401", nil, false},
		{"truncated root", gitLab, nil, nil, "truncated.json: malformed trusted root", append([]string{"-trusted-root", "truncated.json"}, predicate...), false},
		{"signing config 0.1", gitLab, nil, nil, "config01.json: malformed signing config", append([]string{"-signing-config", "config01.json"}, predicate...), false},
		{"no place for the envelope", gitLab, nil, nil, "no such file", []string{"-o", filepath.Join("no", "x.jsonl"), "app"}, false},
		{"no registry", gitLab, nil, nil, "connect", []string{"-plain-http", "-oci", "127.0.0.1:1/team/app@sha256:" + strings.Repeat("0", 64)}, false},
		{"no subject there", gitLab, nil, nil, "no such file", []string{"no"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.service != nil {
				test.service.Fail(t, test.fault)
			}
			if test.args == nil {
				test.args = predicate
			}
			asked := stack.Fulcio.Requests() + stack.TSA.Requests() + stack.Rekor.Requests()
			stderr, code := w.attest(t, test.env, test.args...)
			if code != 2 || !strings.Contains(stderr, test.why) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want 2 and one line with %q: %s", code, test.why, stderr)
			}
			if strings.Contains(stderr, "horse") {
				t.Errorf("a secret is in %s", stderr)
			}
			if after := w.files(t); !slices.Equal(after, before) {
				t.Errorf("before there was %q, and now %q", before, after)
			}
			if asks := stack.Fulcio.Requests()+stack.TSA.Requests()+stack.Rekor.Requests() > asked; asks != test.asks {
				t.Errorf("a service was asked: %t, want %t", asks, test.asks)
			}
		})
	}

	// Whoever is impatient.
	for name, service := range map[string]*keyless.Service{"certificate": stack.Fulcio, "timestamp": stack.TSA, "log": stack.Rekor} {
		t.Run("interrupt at the "+name, func(t *testing.T) {
			var once sync.Once
			waiting := make(chan struct{})
			service.Fail(t, func(h http.Handler) http.Handler {
				once.Do(func() { close(waiting) })
				return keyless.Hang()(h)
			})
			cmd, stderr := w.command(t, gitLab, predicate...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			select {
			case <-waiting:
			case <-ctx.Done():
				cmd.Process.Kill()
				t.Error("nothing was asked")
			}
			start := time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			code := exitCode(t, cmd.Wait())
			if code != 2 || !strings.Contains(stderr.String(), "cancel") || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("exit code %d, want 2 and one line: %s", code, stderr)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if after := w.files(t); !slices.Equal(after, before) {
				t.Errorf("before there was %q, and now %q", before, after)
			}
		})
	}
}
