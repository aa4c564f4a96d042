package conformance

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
)

// examples/attest signs as a job for an image and attaches what it has signed; a
// gate that has nothing but the image's name finds it and accepts the image, and so
// does examples/verify.
func TestAttestOCI(t *testing.T) {
	t.Parallel()
	stack, program, gate, job := keyless.Start(t), keyless.Attest(t), keyless.Verify(t), keyless.GitHub()
	root, err := sigstore.ParseTrustedRoot(stack.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	id, err := root.NewIdentity(sigstore.Workflow{Issuer: "https://token.actions.githubusercontent.com", Builder: job.Builder()})
	if err != nil {
		t.Fatal(err)
	}
	policy := &verify.Policy{
		Builders:   []verify.Builder{{ID: job.Builder(), Identity: id, Level: 3}},
		Source:     "https://github.com/acme/app",
		BuildTypes: []string{github.BuildType},
		Refs:       verify.Refs{Releases: true},
		Parameters: map[string]verify.Parameter{"/workflow/path": {OneOf: []any{".github/workflows/release.yml"}}},
	}
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			host := kind.start(t)
			pushApp(t, host)
			dir := t.TempDir()
			auth := base64.StdEncoding.EncodeToString([]byte(ociUser + ":" + ociPassword))
			for name, text := range map[string]string{
				"trusted_root.json": string(stack.TrustedRoot()), "signing_config.json": string(stack.SigningConfig()),
				"config.json": fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth),
				"policy.yaml": fmt.Sprintf(`
builders: [{id: %s, workflow: {issuer: https://token.actions.githubusercontent.com}, level: 3}]
source: https://github.com/acme/app
buildTypes: [%s]
refs: {releases: true}
parameters: {/workflow/path: .github/workflows/release.yml}
`, job.Builder(), github.BuildType),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), program, "-keyless", "-trusted-root", "trusted_root.json", "-signing-config", "signing_config.json",
				"-plain-http", "-oci", host+"/team/app:v1")
			cmd.Dir, cmd.Env = dir, append(stack.Environ(t, job), "DOCKER_CONFIG="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}

			c := ociClient(t)
			image, err := c.Resolve(t.Context(), host+"/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			if want := image.Digest().String() + "  " + image.Repository() + "  attached\n"; string(out) != want {
				t.Errorf("attest printed %q, want %q", out, want)
			}
			found, skipped, err := c.Find(t.Context(), image)
			if err != nil || len(skipped) > 0 || len(found) != 1 {
				t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
			}
			if found[0].ArtifactType != bundleMediaType || found[0].Envelope.Bundle == nil {
				t.Errorf("attached as %s", found[0].ArtifactType)
			}
			var envelopes []*sign.Envelope
			for _, f := range found {
				envelopes = append(envelopes, f.Envelope)
			}
			res, err := policy.Verify(t.Context(), image.Artifact(), envelopes...)
			if err != nil {
				t.Fatal(err)
			}
			if res.Level() != 3 {
				t.Errorf("level %d, want 3", res.Level())
			}
			for reference, code := range map[string]int{image.String(): 0, host + "/team/app:v1": 2} {
				cmd := exec.CommandContext(t.Context(), gate, "-policy", "policy.yaml", "-trusted-root", "trusted_root.json", "-plain-http", reference)
				cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "DOCKER_CONFIG=" + dir}
				out, _ := cmd.CombinedOutput()
				if cmd.ProcessState.ExitCode() != code {
					t.Errorf("examples/verify %s: exit code %d, want %d: %s", reference, cmd.ProcessState.ExitCode(), code, out)
				}
			}
			// The manifest for one platform is another image.
			platforms, err := c.Platforms(t.Context(), image)
			if err != nil || len(platforms) == 0 {
				t.Fatal(platforms, err)
			}
			if _, err := policy.Verify(t.Context(), platforms[0].Image.Artifact(), envelopes...); err == nil {
				t.Error("the manifest for a platform is accepted by what is about the index")
			}
		})
	}
}

// actionlint finds nothing in the workflows for GitHub that come with
// examples/attest, and finds what is wrong in them if something is.
func TestAttestTemplates(t *testing.T) {
	lint := func(text string) []*actionlint.Error {
		t.Helper()
		linter, err := actionlint.NewLinter(os.Stderr, &actionlint.LinterOptions{LogWriter: os.Stderr, Format: "{{- /* nothing */ -}}"})
		if err != nil {
			t.Fatal(err)
		}
		problems, err := linter.Lint("workflow.yml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return problems
	}
	paths, err := filepath.Glob(filepath.Join("..", "..", "examples", "attest", "templates", "github-*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no templates", err)
	}
	changed := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range lint(string(text)) {
			t.Errorf("%s: %v", filepath.Base(path), p)
		}
		for old, wrong := range map[string]string{
			"id-token: write":        "id-token: wirte",
			"${{ inputs.artifact }}": "${{ inputs.artefact }}",
			"ubuntu-24.04":           "ubuntu-24.40",
			"timeout-minutes":        "time-out-minutes",
			"needs: build":           "needs: test",
		} {
			if strings.Contains(string(text), old) {
				changed++
				if len(lint(strings.ReplaceAll(string(text), old, wrong))) == 0 {
					t.Errorf("%s: actionlint does not see %q", filepath.Base(path), wrong)
				}
			}
		}
	}
	if changed < 5 {
		t.Errorf("actionlint was judged by %d faults", changed)
	}
}
