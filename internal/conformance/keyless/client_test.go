package keyless_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
)

// The client of the official suite signs as the suite asks it to, and verifies
// what it has signed.
func TestClient(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "client.exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./internal/client")
	build.Dir = filepath.Join("..", "..", "..", "sign", "sigstore")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stack := keyless.Start(t)
	const digest = "a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333" // of "app"
	for name, data := range map[string][]byte{
		"root.json": stack.TrustedRoot(), "config.json": stack.SigningConfig(), "app": []byte("app"),
		"statement.json": []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` + digest +
			`"}}],"predicateType":"https://example.com/p","predicate":{}}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if (err == nil) != (want == "") || !strings.Contains(string(out), want) || want == "" && len(out) > 0 {
			t.Fatalf("%s: %v\n%s\nwant %q", args[0], err, out, want)
		}
	}
	job := keyless.GitHub()
	token := stack.Token(job)
	sign := func(token string) []string {
		return []string{
			"sign-bundle", "--in-toto", "--identity-token", token, "--bundle", "bundle.json",
			"--trusted-root", "root.json", "--signing-config", "config.json", "statement.json",
		}
	}
	run("malformed identity token", sign("x")...)
	if _, err := os.Stat(filepath.Join(dir, "bundle.json")); err == nil {
		t.Error("a bundle was written")
	}
	run("", sign(token)...)
	for _, test := range []struct{ identity, artifact, want string }{
		{job.Builder(), "app", ""},
		{job.Builder(), "sha256:" + digest, ""},
		{job.Builder(), "root.json", "the statement is of another artifact"},
		{job.Builder() + "x", "app", "the certificate is of "},
	} {
		run(test.want, "verify-bundle", "--bundle", "bundle.json", "--certificate-identity", test.identity,
			"--certificate-oidc-issuer", issuer, "--trusted-root", "root.json", test.artifact)
	}
}
