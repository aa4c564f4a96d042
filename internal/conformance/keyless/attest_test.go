package keyless_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// examples/attest signs as a job of GitLab, and leaves nothing where a service
// fails.
func TestAttest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "attest.exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./attest")
	build.Dir = filepath.Join("..", "..", "..", "examples")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stack := keyless.Start(t)
	for name, data := range map[string][]byte{
		"trusted_root.json": stack.TrustedRoot(), "signing_config.json": stack.SigningConfig(),
		"app": []byte("app"), "predicate.json": []byte(`{"checked": true}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	job := keyless.GitLab()
	attest := func() (stderr string, code int) {
		cmd := exec.CommandContext(t.Context(), program, "-keyless",
			"-trusted-root", "trusted_root.json", "-signing-config", "signing_config.json",
			"-predicate", "predicate.json", "-predicate-type", "https://hallmark.example/checked", "-o", "app.intoto.jsonl", "app")
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "GITLAB_CI=true", "SIGSTORE_ID_TOKEN=" + stack.Token(job)}
		var text bytes.Buffer
		cmd.Stderr = &text
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return text.String(), exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return text.String(), 0
	}

	before := files()
	for name, test := range map[string]struct {
		service *keyless.Service
		fault   keyless.Fault
		why     string
	}{
		"no certificate":  {stack.Fulcio, keyless.Status(http.StatusForbidden), "certificate of"},
		"another key":     {stack.Fulcio, stack.CertificateForAnotherKey(t), "certificate of"},
		"wrong SCT":       {stack.CTLog, stack.WrongSCT(t), "certificate of"},
		"old timestamp":   {stack.TSA, stack.OldTimestamp(t, time.Hour), "timestamp of"},
		"log is down":     {stack.Rekor, keyless.Down(), "log entry of"},
		"wrong proof":     {stack.Rekor, stack.WrongProof(), "log entry of"},
		"somebody else's": {stack.Rekor, stack.OtherEntry(t), "log entry of"},
	} {
		t.Run(name, func(t *testing.T) {
			test.service.Fail(t, test.fault)
			stderr, code := attest()
			if code != 2 || !strings.Contains(stderr, test.why) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, want 2 and one line with %q: %s", code, test.why, stderr)
			}
			if after := files(); len(after) != len(before) {
				t.Errorf("before there was %q, and now %q", before, after)
			}
		})
	}

	if stderr, code := attest(); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	line, err := os.ReadFile(filepath.Join(dir, "app.intoto.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := sign.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	id, err := newRoot(t, stack).NewIdentity(sigstore.Workflow{Issuer: "https://gitlab.com", Builder: job.Builder()})
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := id.Recognize(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	if c := evidence.Claims; c.Repository != "https://gitlab.com/acme/app" || c.Ref != "refs/tags/v1.2.3" || c.Runner != "gitlab-hosted" {
		t.Errorf("claims %+v", c)
	}
}
