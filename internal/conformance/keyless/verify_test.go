package keyless_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/gitlab"
)

// What examples/attest signs as a job, examples/verify accepts by a policy file that
// names the job and by the trusted root of the instance, and by nothing else.
func TestVerify(t *testing.T) {
	t.Parallel()
	stack := keyless.Start(t)
	w, gate := newWorkplace(t, stack), keyless.Verify(t)
	w.write(t, "another_root.json", keyless.Start(t).TrustedRoot())
	w.write(t, "truncated.json", stack.TrustedRoot()[:100])
	w.write(t, "other", []byte("another app"))

	policy := func(builder, issuer, source, buildType, rest string) string {
		return fmt.Sprintf(`builders:
  - id: %s
    workflow: {issuer: %s}
    level: 3
source: %s
refs: {releases: true}
buildTypes: [%s]
%s`, builder, issuer, source, buildType, rest)
	}
	for _, system := range []struct {
		name                                  string
		job                                   keyless.Claims
		issuer, source, buildType, parameters string
	}{
		{"GitHub", keyless.GitHub(), issuer, "https://github.com/acme/app", github.BuildType, "parameters: {/workflow/path: .github/workflows/release.yml}\n"},
		{
			"GitLab", keyless.GitLab(), "https://gitlab.com", "https://gitlab.com/acme/app", gitlab.BuildType,
			"parameters: {/job/name: attest, /pipeline/config: " + keyless.GitLab().Builder() + "}\n",
		},
	} {
		builder := system.job.Builder()
		file := system.name + ".intoto.jsonl"
		env := stack.Environ(t, system.job)
		// Provenance, and a statement that the policy may ask for.
		for _, args := range [][]string{
			{"-o", file, "app"},
			{"-o", file, "-predicate", "predicate.json", "-predicate-type", "https://hallmark.example/checked", "app"},
		} {
			if stderr, code := w.attest(t, env, args...); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
		}
		right := policy(builder, system.issuer, system.source, system.buildType, system.parameters)
		requires := func(who string) string {
			return right + "require:\n  - predicateType: https://hallmark.example/checked\n    " + who + "\n"
		}
		for _, test := range []struct {
			name, policy string
			args         []string // beside -policy; -trusted-root and app, if nil
			code         int
			want         string
		}{
			{"accepted", right, nil, 0, "SLSA Build level 3"},
			{"a workflow that is required", requires("workflows: [{issuer: " + system.issuer + ", builder: " + builder + "}]"), nil, 0, "accepted"},
			{"a builder beside the id", strings.Replace(right, "workflow: {", "workflow: {builder: "+builder+", ", 1), nil, 0, "accepted"},

			{"another builder", policy(builder+"0", system.issuer, system.source, system.buildType, system.parameters), nil, 1, "the certificate is of"},
			{"another issuer", policy(builder, "https://issuer.example", system.source, system.buildType, system.parameters), nil, 1, "the certificate is for a token of"},
			{"another source", policy(builder, system.issuer, system.source+"2", system.buildType, system.parameters), nil, 1, "source: got"},
			{"another artifact", right, []string{"-trusted-root", "trusted_root.json", "other"}, 1, "subject: got"},
			{"another instance", right, []string{"-trusted-root", "another_root.json", "app"}, 1, "signature: got"},
			{"another workflow is required", requires("workflows: [{issuer: " + system.issuer + ", builder: " + builder + "0}]"), nil, 1, "https://hallmark.example/checked"},
			{"an account is required", requires("accounts: [{issuer: " + system.issuer + ", subject: a@example.com}]"), nil, 1, "https://hallmark.example/checked"},

			{"no trusted root", right, []string{"app"}, 2, "line 3: workflow"},
			{"no trusted root that can be read", right, []string{"-trusted-root", "truncated.json", "app"}, 2, "truncated.json: malformed trusted root"},
			{"no issuer", strings.Replace(right, "issuer: ", "issuers: ", 1), nil, 2, `line 3: a workflow has no member "issuers"`},
		} {
			t.Run(system.name+"/"+test.name, func(t *testing.T) {
				w.write(t, "policy.yaml", []byte(test.policy))
				args := []string{"-policy", "policy.yaml", "-evidence", file}
				if test.args == nil {
					test.args = []string{"-trusted-root", "trusted_root.json", "app"}
				}
				cmd := exec.CommandContext(t.Context(), gate, append(args, test.args...)...)
				// It needs nothing of its surroundings, and asks nobody.
				cmd.Dir, cmd.Env = w.dir, []string{"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				code := exitCode(t, cmd.Run())
				if said := stdout.String() + stderr.String(); code != test.code || !strings.Contains(said, test.want) {
					t.Errorf("exit code %d, want %d and %q: %s", code, test.code, test.want, said)
				}
				if lines := strings.Count(stderr.String(), "\n"); lines > 1 || (lines == 1) != (code == 2) {
					t.Errorf("exit code %d, and on standard error: %s", code, &stderr)
				}
			})
		}
	}

	// All that the directory has is evidence for the same policy.
	w.write(t, "policy.yaml", []byte(policy(keyless.GitHub().Builder(), issuer, "https://github.com/acme/app", github.BuildType, "parameters: {/workflow/path: .github/workflows/release.yml}\n")))
	cmd := exec.CommandContext(t.Context(), gate, "-policy", "policy.yaml", "-trusted-root", "trusted_root.json", "-evidence", w.dir, filepath.Join(w.dir, "app"))
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "no envelopes: another_root.json") {
		t.Errorf("a directory: %v\n%s", err, out)
	}
}
