package gate

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
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
	key := ed25519.NewKeyFromSeed([]byte("this is the seed of a test only!"))
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
		{"a workflow, and no trusted root", func(o *Options) {
			o.means.Identities = func([]byte, *policyfile.Options) error { return errors.New("asked") }
			write(t, o.Policy, "builders: [{id: x, workflow: {issuer: i}}]\n")
		}, "line 1: workflow \"x\": give the trusted root of its Sigstore instance with -trusted-root FILE"},
		{"a workflow, and a gate that knows keys only", func(o *Options) {
			write(t, o.Policy, "builders: [{id: x, workflow: {issuer: i}}]\n")
		}, "nothing here recognizes who signs without a key"},
		{"no policy", func(o *Options) { o.Policy = "/no/such/policy" }, "no such file"},
	} {
		o, _ := files(t, "https://example.com/app")
		tt.change(&o)
		rule, err := o.load(t.Context())
		if tt.want == "" && (err != nil || rule.Policy == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}

	// A flag does not replace what the policy says.
	o, _ := files(t, "https://example.com/app")
	write(t, o.Policy, policyText+"source: https://example.com/other\n")
	if _, err := o.load(t.Context()); err == nil || !strings.Contains(err.Error(), "but the policy has") {
		t.Errorf("another source: got %v", err)
	}
	write(t, o.Policy, policyText+"commit: '9876543210987654321098765432109876543210'\n")
	if _, err := o.load(t.Context()); err == nil || !strings.Contains(err.Error(), "but the policy has") {
		t.Errorf("another commit: got %v", err)
	}
	o, _ = files(t, "https://example.com/app")
	o.Commit, o.AnyCommit = "", true
	write(t, o.Policy, policyText+"refs: {releases: true}\n")
	if rule, err := o.load(t.Context()); err != nil || rule.Policy.Refs.Any {
		t.Errorf("any commit, and refs: got %+v, %v, want the refs of the policy", rule.Policy, err)
	}
}

func TestVerify(t *testing.T) {
	verdict := func(o Options, artifact string) (*verify.Report, error) {
		rule, err := o.load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := o.verify(t.Context(), rule.Policy, artifact)
		return r, err
	}
	o, artifact := files(t, "https://example.com/app")
	r, err := verdict(o, artifact)
	if err != nil || r.Verdict != verify.Accepted || r.Artifact.Name != artifact || r.Source == nil || r.Source.Commit != o.Commit || r.Level != 1 {
		t.Errorf("got %+v, %v", r, err)
	}

	// By its digest, with evidence from several files, one of which has a line
	// that is none.
	other := filepath.Join(t.TempDir(), "other.jsonl")
	write(t, other, "no envelope\n")
	byDigest := o
	byDigest.Evidence = []string{other, artifact + ".intoto.jsonl"}
	name := "sha256:" + r.Artifact.Digests["sha256"]
	r, err = verdict(byDigest, name)
	if err != nil || r.Verdict != verify.Accepted || len(r.Warnings) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := verdict(o, name); err == nil || !strings.Contains(err.Error(), "needs -evidence") {
		t.Errorf("a digest without evidence: %v", err)
	}
	if _, err := verdict(byDigest, "sha256:12"); err == nil || !strings.Contains(err.Error(), "malformed digest") {
		t.Errorf("half a digest: %v", err)
	}

	// A byproduct that the provenance does not name.
	write(t, artifact+".cdx.json", "{}")
	o.Byproducts = []string{".cdx.json"}
	r, err = verdict(o, artifact)
	if r.Verdict != verify.Rejected || len(r.Checks) != 1 || r.Checks[0].Rule != "byproduct" || r.Builder != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Evidence is found beside a file, in files and in directories, and nowhere else.
func TestEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	o, artifact := files(t, "https://example.com/app")
	line, err := os.ReadFile(artifact + ".intoto.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	rule, err := o.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const envelope, broken = "the envelope", "no envelope\n"
	link := func(target string) string { return "-> " + target }
	many := make(map[string]string)
	for i := range maxEntries + 1 {
		many[fmt.Sprint("d/", i)] = ""
	}
	for _, tt := range []struct {
		name     string
		files    map[string]string // beside the artifact
		evidence []string
		verdict  string
		want     string // of the error, or of what was passed over
	}{
		{"beside it", map[string]string{"app.intoto.jsonl": envelope}, nil, verify.Accepted, ""},
		{"a bundle beside it", map[string]string{"app.sigstore.json": envelope}, nil, verify.Accepted, ""},
		{"bundles beside it", map[string]string{"app.sigstore.jsonl": envelope}, nil, verify.Accepted, ""},
		{"all of them", map[string]string{"app.intoto.jsonl": broken, "app.sigstore.json": "{}", "app.sigstore.jsonl": envelope}, nil, verify.Accepted, "app.intoto.jsonl: line 1"},
		{"an empty one", map[string]string{"app.intoto.jsonl": ""}, nil, verify.Rejected, ""},
		{"none", map[string]string{"app.json": envelope, "intoto.jsonl": envelope}, nil, verify.Undecided, "neither .intoto.jsonl nor .sigstore.json nor .sigstore.jsonl: open "},
		{"broken ones", map[string]string{"app.intoto.jsonl": broken, "app.sigstore.json": "{}"}, nil, verify.Undecided, "app.sigstore.json: line 1"},
		{"a directory beside it", map[string]string{"app.sigstore.json/x": "", "app.intoto.jsonl": envelope}, nil, verify.Undecided, "app.sigstore.json"},

		{"a directory", map[string]string{"d/x.intoto.jsonl": envelope}, []string{"d"}, verify.Accepted, ""},
		{"a directory of bundles", map[string]string{"d/x.sigstore.json": envelope}, []string{"d"}, verify.Accepted, ""},
		{"a directory of lines of bundles", map[string]string{"d/x.sigstore.jsonl": envelope}, []string{"d"}, verify.Accepted, ""},
		{"a directory of JSON", map[string]string{"d/x.json": envelope, "d/y.cdx.json": "{}", "d/z.json": "["}, []string{"d"}, verify.Accepted, "d: no envelopes: y.cdx.json, z.json"},
		{"a directory with broken lines", map[string]string{"d/x.intoto.jsonl": broken, "d/y.json": envelope}, []string{"d"}, verify.Accepted, "x.intoto.jsonl: line 1"},
		{"a directory and a file", map[string]string{"d/x.intoto.jsonl": "", "y": envelope}, []string{"d", "y"}, verify.Accepted, ""},
		{"a directory without", map[string]string{"d/x.txt": envelope, "d/jsonl": envelope, "app.intoto.jsonl": envelope}, []string{"d"}, verify.Undecided, "d: no file with evidence"},
		{"a directory of other JSON", map[string]string{"d/1.json": "", "d/2.json": "", "d/3.json": "", "d/4.json": "", "d/5.json": "", "d/6.json": "", "d/7.json": ""}, []string{"d"}, verify.Undecided, "5.json and 2 more"},
		{"a directory in it", map[string]string{"d/x.json/y.json": envelope}, []string{"d"}, verify.Undecided, "d: no file with evidence"},
		{"a link in it", map[string]string{"d/x.json": link("../y"), "y": envelope, "d/z.json": envelope}, []string{"d"}, verify.Undecided, "x.json: not a regular file"},
		{"a link to nothing in it", map[string]string{"d/x.intoto.jsonl": link("no"), "d/z.json": envelope}, []string{"d"}, verify.Undecided, "x.intoto.jsonl: not a regular file"},
		{"another link in it", map[string]string{"d/x": link("no"), "d/z.json": envelope}, []string{"d"}, verify.Accepted, ""},
		{"a directory of very many", many, []string{"d"}, verify.Undecided, "more than 10000 files"},
		{"a missing one", nil, []string{"d"}, verify.Undecided, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			o := o
			for _, e := range tt.evidence {
				o.Evidence = append(o.Evidence, filepath.Join(dir, e))
			}
			write(t, filepath.Join(dir, "app"), "the program")
			for name, text := range tt.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if target, ok := strings.CutPrefix(text, "-> "); ok {
					if err := os.Symlink(target, path); err != nil {
						t.Skip(err)
					}
					continue
				}
				if text == envelope {
					text = string(line)
				}
				write(t, path, text)
			}
			r, _, _ := o.verify(t.Context(), rule.Policy, filepath.Join(dir, "app"))
			if text := r.Error + strings.Join(r.Warnings, "\n"); r.Verdict != tt.verdict || !strings.Contains(text, tt.want) || tt.want == "" && text != "" {
				t.Errorf("%s, %q, want %s, %q", r.Verdict, text, tt.verdict, tt.want)
			}
		})
	}

	// All of a directory together is bounded.
	dir := t.TempDir()
	for _, name := range []string{"a.sigstore.json", "b.sigstore.json"} {
		write(t, filepath.Join(dir, name), "")
		if err := os.Truncate(filepath.Join(dir, name), maxEvidence/2+1); err != nil {
			t.Fatal(err)
		}
	}
	o.Evidence = []string{dir}
	if _, _, err := o.verify(t.Context(), rule.Policy, artifact); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("large files: %v", err)
	}
	// A gate that knows no images says so.
	if _, _, err := o.verify(t.Context(), rule.Policy, "registry.example/app@sha256:"+strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "knows no images") {
		t.Errorf("an image: %v", err)
	}
}

// What was signed is shown as text, whatever it would do to a terminal.
func TestHostileText(t *testing.T) {
	o, artifact := files(t, "https://x\n\x1b[2Japp: accepted\n  built from https://example.com/app")
	rule, err := o.load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := o.verify(t.Context(), rule.Policy, artifact)
	if r.Verdict != verify.Rejected {
		t.Fatalf("got %+v, %v", r, err)
	}
	if text := r.String(); strings.Contains(text, "\x1b") || strings.Contains(text, "\napp: accepted") {
		t.Errorf("the report can be forged: %q", text)
	}
}

// What a Case is held against is the text that was signed, and not the envelope.
func TestOpenSigned(t *testing.T) {
	o, artifact := files(t, "https://example.com/app")
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte("this is the seed of a test only!")))
	if err != nil {
		t.Fatal(err)
	}
	const text = "serial: 1\nexpires: 2127-01-31" + policyText
	env, err := sign.Sign(t.Context(), policyfile.MediaType, []byte(text), signer)
	if err != nil {
		t.Fatal(err)
	}
	line, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	write(t, o.Policy, string(line))
	if _, err := o.Open(t.Context(), artifact); err == nil || !strings.Contains(err.Error(), "-policy-key FILE") {
		t.Errorf("without the key: %v", err)
	}
	o.Editions.Keys = []string{filepath.Join(filepath.Dir(o.Policy), "key.pub")}
	c, err := o.Open(t.Context(), artifact)
	if err != nil || string(c.Text) != text || len(c.Policy.Builders) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	write(t, o.Policy, text)
	if _, err := o.Open(t.Context(), artifact); err == nil || !strings.Contains(err.Error(), "not signed, as -policy-key demands") {
		t.Errorf("unsigned: %v", err)
	}
}
