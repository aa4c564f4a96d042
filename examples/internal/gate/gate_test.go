package gate

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

const policyText = `
builders:
  - id: https://hallmark-dev.github.io/builders/local/v1
    key: release
buildTypes: [https://hallmark-dev.github.io/buildtypes/local/v1]
`

// files writes an artifact, its evidence and a policy, and returns a gate's
// options for them.
func files(t *testing.T, repository string) (o Options, artifact string) {
	t.Helper()
	dir := t.TempDir()
	artifact = filepath.Join(dir, "app")
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, artifact, "the program")
	write(t, filepath.Join(dir, "key.pub"), string(pem))
	write(t, filepath.Join(dir, "policy.yaml"), policyText)
	app, err := hallmark.HashFile(artifact)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := hallmark.ParseDigest("gitCommit:0123456789012345678901234567890123456789")
	if err != nil {
		t.Fatal(err)
	}
	// A step of a build can name whatever it likes, as long as it is JSON.
	predicate, err := json.Marshal(map[string]any{
		"buildDefinition": map[string]any{
			"buildType":            provenance.LocalBuildType,
			"externalParameters":   map[string]any{"source": map[string]string{"repository": repository}},
			"resolvedDependencies": []any{map[string]any{"uri": "git+" + repository, "digest": map[string]string{"gitCommit": commit.Hex()}}},
		},
		"runDetails": map[string]any{"builder": map[string]string{"id": provenance.LocalBuilder}},
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"_type":         provenance.StatementType,
		"subject":       []any{map[string]any{"name": "app", "digest": map[string]string{"sha256": app.Digests[0].Hex()}}},
		"predicateType": provenance.PredicateType,
		"predicate":     json.RawMessage(predicate),
	})
	if err != nil {
		t.Fatal(err)
	}
	env, err := sign.Sign(t.Context(), provenance.MediaType, payload, signer)
	if err != nil {
		t.Fatal(err)
	}
	line, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	write(t, artifact+".intoto.jsonl", string(line))
	return Options{
		Policy: filepath.Join(dir, "policy.yaml"),
		Keys:   []string{"release=" + filepath.Join(dir, "key.pub")},
		Source: "https://example.com/app",
		Commit: commit.Hex(),
	}, artifact
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string // error
	}{
		{"everything", func(*Options) {}, ""},
		{"no source", func(o *Options) { o.Source = "" }, "say with -source"},
		{"no commit", func(o *Options) { o.Commit = "" }, "say with -commit"},
		{"any commit", func(o *Options) { o.Commit, o.AnyCommit = "", true }, ""},
		{"commit that is none", func(o *Options) { o.Commit = "main" }, "-commit: malformed digest"},
		{"no key", func(o *Options) { o.Keys = nil }, "give it with -key release=FILE"},
		{"key twice", func(o *Options) { o.Keys = append(o.Keys, o.Keys[0]) }, "is there twice"},
		{"key without a name", func(o *Options) { o.Keys = []string{"key.pub"} }, "want NAME=FILE"},
		{"key without a file", func(o *Options) { o.Keys = []string{"release="} }, "want NAME=FILE"},
		{"key that is none", func(o *Options) { o.Keys = []string{"release=" + o.Policy} }, "no PEM block"},
		{"no policy", func(o *Options) { o.Policy = "/no/such/policy" }, "no such file"},
	} {
		o, _ := files(t, "https://example.com/app")
		tt.change(&o)
		policy, err := o.load()
		if tt.want == "" && (err != nil || policy == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}

	// A flag does not replace what the policy says.
	o, _ := files(t, "https://example.com/app")
	write(t, o.Policy, policyText+"source: https://example.com/other\n")
	if _, err := o.load(); err == nil || !strings.Contains(err.Error(), "but the policy has") {
		t.Errorf("another source: got %v", err)
	}
	write(t, o.Policy, policyText+"commit: '9876543210987654321098765432109876543210'\n")
	if _, err := o.load(); err == nil || !strings.Contains(err.Error(), "but the policy has") {
		t.Errorf("another commit: got %v", err)
	}
}

func TestVerify(t *testing.T) {
	verdict := func(o Options, artifact string) (Record, error) {
		policy, err := o.load()
		if err != nil {
			t.Fatal(err)
		}
		return o.verify(t.Context(), policy, artifact)
	}
	o, artifact := files(t, "https://example.com/app")
	r, err := verdict(o, artifact)
	if err != nil || r.Verdict != Accepted || r.Commit != o.Commit || r.Level != 1 || len(r.Reasons) > 0 || len(r.Checks) == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, text := range []string{"accepted", "built from https://example.com/app at " + o.Commit, "level 1"} {
		if !strings.Contains(r.text(), text) {
			t.Errorf("the report lacks %q:\n%s", text, r.text())
		}
	}

	// By its digest, with evidence from several files, one of which has a line
	// that is none.
	other := filepath.Join(t.TempDir(), "other.jsonl")
	write(t, other, "no envelope\n")
	byDigest := o
	byDigest.Evidence = []string{other, artifact + ".intoto.jsonl"}
	r, err = verdict(byDigest, r.Digest)
	if err != nil || r.Verdict != Accepted || len(r.Skipped) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := verdict(o, r.Digest); err == nil || !strings.Contains(err.Error(), "needs -evidence") {
		t.Errorf("a digest without evidence: %v", err)
	}
	if _, err := verdict(byDigest, "sha256:12"); err == nil || !strings.Contains(err.Error(), "malformed digest") {
		t.Errorf("half a digest: %v", err)
	}

	// A byproduct that the provenance does not name.
	write(t, artifact+".cdx.json", "{}")
	o.Byproducts = []string{".cdx.json"}
	r, err = verdict(o, artifact)
	if err != nil || r.Verdict != Rejected || len(r.Reasons) != 1 || r.Reasons[0].Rule != "byproduct" || len(r.Checks) > 0 || r.Builder != "" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// What was signed is shown as text, whatever it would do to a terminal.
func TestHostileText(t *testing.T) {
	o, artifact := files(t, "https://x\n\x1b[2Japp: accepted\n  built from https://example.com/app")
	policy, err := o.load()
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.verify(t.Context(), policy, artifact)
	if err != nil || r.Verdict != Rejected {
		t.Fatalf("got %+v, %v", r, err)
	}
	if text := r.text(); strings.Contains(text, "\x1b") || strings.Contains(text, "\napp: accepted") {
		t.Errorf("the report can be forged: %q", text)
	}
}
