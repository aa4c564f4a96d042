package conformance

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/conformance/keyless"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// evilNames are such of which a careless program makes paths, or options.
func evilNames(outside string) []string {
	return []string{
		"../evil", "../../evil", "a/../../../evil", `..\evil`, outside + "/evil", `C:\evil`, `\\server\share\evil`, "/evil", "CON", "nul.txt", "aux",
		"a\x00b", "evil:stream", "~/evil", "file:///evil", "-policy", "--", "-", ".", "..", "", " ", "evil ", "evil.", "$(evil)", "`evil`", "a\nb", "\u202eevil",
		strings.Repeat("a/", 2000) + "evil", "sub/dir/evil",
	}
}

// files returns all files below a directory, with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			all[path] = "directory"
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// R18: the names of subjects, dependencies and byproducts are names. Nothing that
// verifies and tells of it, in a program or as one, makes a file of them, wherever they
// lead to, or takes them for options; and what is verified is what the caller named.
func TestNamesAreNoPaths(t *testing.T) {
	gate := keyless.Verify(t)
	sandbox := t.TempDir()
	work := filepath.Join(sandbox, "a", "b", "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	private, err := sign.Generate(sign.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := sign.MarshalPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	id, err := verify.Key(signer)
	if err != nil {
		t.Fatal(err)
	}
	const at = "https://example.com/"
	policy := &verify.Policy{
		Builders: []verify.Builder{{ID: at, Identity: id}}, Source: at, BuildTypes: []string{at}, Refs: verify.Refs{Branches: []string{"main"}},
	}
	text := "builders: [{id: 'https://example.com/', key: k}]\nsource: https://example.com/\nbuildTypes: ['https://example.com/']\nrefs: {branches: [main]}\n"
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("policy.yaml", text)
	write("key.pub", string(public))
	write("app", "app\n")
	app, err := hallmark.HashFile("app")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range evilNames(sandbox) {
		statement, err := json.Marshal(map[string]any{
			"_type": provenance.StatementType, "predicateType": provenance.PredicateType,
			"subject": []any{map[string]any{"name": name, "digest": map[string]string{"sha256": app.Digest("sha256").Hex()}}},
			"predicate": map[string]any{
				"buildDefinition": map[string]any{
					"buildType": at, "externalParameters": map[string]any{"source": map[string]string{"repository": at, "ref": "refs/heads/main"}},
					"resolvedDependencies": []any{
						map[string]any{"uri": "git+" + at + "@refs/heads/main", "digest": map[string]string{"gitCommit": strings.Repeat("a", 40)}},
						map[string]any{"name": name, "digest": map[string]string{"sha256": strings.Repeat("b", 64)}},
					},
				},
				"runDetails": map[string]any{
					"builder":    map[string]any{"id": at},
					"byproducts": []any{map[string]any{"name": name, "content": []byte("evil")}},
				},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		e, err := sign.Sign(t.Context(), provenance.MediaType, statement, signer)
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		write("evidence.intoto.jsonl", string(data)+"\n")
		before := files(t, sandbox)

		named := app
		named.Name = name
		for _, a := range []hallmark.Artifact{app, named} {
			r, err := policy.Verify(t.Context(), a, e)
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			_ = verify.NewReport(a, r, nil).String()
			_ = policy.Review(t.Context(), a, r, nil)
			if next, err := verify.Expect(r); err == nil {
				_ = next.Explain()
			}
			a.Digests = somethingElse(t)
			_, err = policy.Verify(t.Context(), a, e)
			if !errors.As(err, new(*verify.RejectedError)) {
				t.Errorf("%q: another artifact: %v", name, err)
			}
			_ = verify.NewReport(a, nil, err).String()
		}
		for _, args := range [][]string{
			{"-policy", "policy.yaml", "-key", "k=key.pub", "-evidence", "evidence.intoto.jsonl", "app"},
			{"-json", "-policy", "policy.yaml", "-key", "k=key.pub", "-evidence", ".", "app"},
		} {
			if args[0] == "-json" && name != "../evil" {
				continue // once is enough for the evidence of a directory
			}
			cmd := exec.CommandContext(t.Context(), gate, args...)
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 0 {
				t.Errorf("%q: %v: %s", name, err, out)
			}
		}
		after := files(t, sandbox)
		for path := range after {
			if before[path] != after[path] {
				t.Errorf("%q: %s was written", name, path)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%q: %d files, and %d before", name, len(after), len(before))
		}
	}
}

func somethingElse(t *testing.T) []hallmark.Digest {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader("something else"))
	if err != nil {
		t.Fatal(err)
	}
	return ds
}
