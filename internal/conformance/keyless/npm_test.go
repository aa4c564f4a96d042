package keyless_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance"
)

// npm verifies provenance with @sigstore/verify, and accepts ours. The packages
// of testdata/npm are installed in the directory that HALLMARK_NPM names.
func TestNPM(t *testing.T) {
	modules := os.Getenv("HALLMARK_NPM")
	if modules == "" {
		t.Skip("HALLMARK_NPM is not set: it is where the packages of keyless/testdata/npm are installed")
	}
	t.Parallel()
	stack := keyless.Start(t)
	job := keyless.GitHub()
	env, err := newSigner(t, stack).Sign(t.Context(), provenance.MediaType, observe(t, stack, job, newApp(t)), tokens(stack, job))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	bundles := []string{write("ours", env.Bundle)}
	for name, text := range tampered(t, env.Bundle) {
		bundles = append(bundles, write(name, text))
	}
	// verify returns what npm says of each bundle: why it refuses it, or nothing.
	verify := func(root []byte, identity, issuer string) map[string]string {
		args := append([]string{"testdata/npm/verify.cjs", modules, write("root", root), identity, issuer}, bundles...)
		cmd := exec.CommandContext(t.Context(), "node", args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		said := make(map[string]string)
		for line := range bytes.Lines(out) {
			var answer struct{ Bundle, Error string }
			if err := json.Unmarshal(line, &answer); err != nil {
				t.Fatal(err)
			}
			said[filepath.Base(answer.Bundle)] = answer.Error
		}
		if len(said) != len(bundles) {
			t.Fatalf("npm judged %d of %d bundles", len(said), len(bundles))
		}
		return said
	}

	// The judge first: it refuses what was changed, and who is not expected.
	for name, why := range verify(stack.TrustedRoot(), job.Builder(), issuer) {
		switch {
		case name == "ours" && why != "":
			t.Errorf("npm refuses our bundle: %s", why)
		case name != "ours" && why == "":
			t.Errorf("npm accepts a bundle with another %s: it is no judge", name)
		}
	}
	if verify(stack.TrustedRoot(), job.Builder()+"x", issuer)["ours"] == "" || verify(stack.TrustedRoot(), job.Builder(), issuer+"x")["ours"] == "" {
		t.Error("npm accepts the bundle of somebody else: it is no judge")
	}
	if verify(keyless.Start(t).TrustedRoot(), job.Builder(), issuer)["ours"] == "" {
		t.Error("npm accepts a bundle with the root of another stack: it is no judge")
	}
}
