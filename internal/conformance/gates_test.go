package conformance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// What the gates print for programs is what the schema of reports says, at each of the
// three ends.
func TestGateReports(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", dir, "./verify", "./audit")
	cmd.Dir = filepath.Join("..", "..", "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	schemaFile, err := os.ReadFile(filepath.Join("..", "..", "verify", "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaFile))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://hallmark.test/report.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := compileSchema(t, c, "https://hallmark.test/report.json")

	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	key := ed25519.NewKeyFromSeed([]byte("this is the seed of a test only!"))
	signer, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write("key.pub", string(pem))
	const commit = "0123456789012345678901234567890123456789"
	write("policy.yaml", fmt.Sprintf(`
builders: [{id: %s, key: release}]
buildTypes: [%s]
source: https://example.com/app
commit: "%s"
`, provenance.LocalBuilder, provenance.LocalBuildType, commit))
	digest := func(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }
	sign := func(name, payload string) {
		env, err := sign.Sign(context.Background(), provenance.MediaType, []byte(payload), signer)
		if err != nil {
			t.Fatal(err)
		}
		line, err := env.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		write(name+".intoto.jsonl", string(line)+"\nno envelope\n")
		write(name, name)
		write(name+".cdx.json", "{}")
	}
	build := func(name, source string) string {
		return fmt.Sprintf(`{"_type":%q,"subject":[{"name":"app","digest":{"sha256":%q}}],"predicateType":%q,"predicate":{"buildDefinition":{"buildType":%q,`+
			`"externalParameters":{"source":{"repository":%q}},"resolvedDependencies":[{"uri":%q,"digest":{"gitCommit":%q}}]},"runDetails":{"builder":{"id":%q}}}}`,
			provenance.StatementType, digest(name)[7:], provenance.PredicateType, provenance.LocalBuildType, source, "git+"+source, commit, provenance.LocalBuilder)
	}
	sign("good", build("good", "https://example.com/app"))
	sign("bad", build("bad", "https://example.com/fork"))
	sign("open", "{")

	run := func(program string, args ...string) (string, int) {
		cmd := exec.Command(filepath.Join(dir, program), append([]string{"-json", "-policy", "policy.yaml", "-key", "release=key.pub"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return string(out), exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		return string(out), 0
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"good"}, 0, `"verdict":"accepted"`},
		{[]string{"bad"}, 1, `"rule":"source"`},
		{[]string{"-byproduct", ".cdx.json", "good"}, 1, `"rule":"byproduct"`},
		{[]string{"open"}, 2, `"verdict":"undecided"`},
		{[]string{"none"}, 2, `"verdict":"undecided"`},
		{[]string{"-evidence", "bad.intoto.jsonl", digest("bad")}, 1, `"verdict":"rejected"`},
		{[]string{"-evidence", "bad.intoto.jsonl", "registry.example/app:v1"}, 2, `"verdict":"undecided"`},
	} {
		out, code := run("verify", tt.args...)
		if err := validate(schema, []byte(out)); err != nil || code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("verify %q: %v, exit %d, want %d and %s\n%s", tt.args, err, code, tt.code, tt.want, out)
		}
	}
	// So is what is said of evidence that was kept.
	recalled, err := json.Marshal(new(verify.Policy).Recall(t.Context(), hallmark.Artifact{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(schema, recalled); err != nil || !strings.Contains(string(recalled), `"recalled":true`) {
		t.Errorf("recalled: %v\n%s", err, recalled)
	}

	write("list", "registry.example/app@"+digest("good")+" registry.example/app@"+digest("bad")+" registry.example/app:v1")
	out, code := run("audit", "-evidence", "good.intoto.jsonl", "-evidence", "bad.intoto.jsonl", "list")
	if n := strings.Count(out, "\n"); n != 3 || code != 2 {
		t.Errorf("audit: %d lines, exit %d\n%s", n, code, out)
	}
	for line := range strings.Lines(out) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc.(map[string]any)["report"]); err != nil {
			t.Errorf("audit: %v\n%s", err, line)
		}
	}
}
