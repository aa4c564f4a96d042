package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/hallmark-dev/hallmark"
)

// TestHashDir holds the digests of directories against golang.org/x/mod and
// git, and those of files against sha256sum's own output.
func TestHashDir(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a":            "",
		"a-b":          "x",
		"a.go":         "package a\n",
		"lib/x.go":     "package lib\n",
		"lib-x":        "sorted between lib and lib/x.go by bytes",
		"lib.d/y":      "y",
		"lib0":         "z",
		"b/c/d/e/f":    strings.Repeat("0123456789abcdef", 100_000),
		"ü/ß\u0301":    "names that are not ASCII",
		"sp ace/a\\b":  "odd names",
		"quote\"'\t.x": "tab",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, err := hallmark.HashDir(context.Background(), dir, hallmark.DirOptions{Algorithms: []string{"dirHash", "gitTree"}, Prefix: "example.com/m@v1.0.0/"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := dirhash.HashDir(dir, "example.com/m@v1.0.0", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Digest("dirHash").H1(); got != want {
		t.Errorf("dirHash %s, golang.org/x/mod/sumdb/dirhash has %s", got, want)
	}

	// Modes and links are git's alone.
	if err := os.Chmod(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../a", filepath.Join(dir, "lib", "link")); err != nil {
		t.Fatal(err)
	}
	if a, err = hallmark.HashDir(context.Background(), dir, hallmark.DirOptions{Algorithms: []string{"gitTree"}}); err != nil {
		t.Fatal(err)
	}
	repository := filepath.Join(t.TempDir(), "git")
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_DIR="+repository, "GIT_WORK_TREE="+dir, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet")
	git("add", "--all", ".")
	if got, want := a.Digest("gitTree").Hex(), git("write-tree"); got != want {
		t.Errorf("gitTree %s, git has %s", got, want)
	}
}

// TestChecksumFiles reads what the programs for checksums write.
func TestChecksumFiles(t *testing.T) {
	dir := t.TempDir()
	names := []string{"app", "my app", "new\nline", "back\\slash", "(x) = y"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		program, algorithm string
		args               []string
	}{
		{"sha256sum", "sha256", nil},
		{"sha256sum", "sha256", []string{"--binary"}},
		{"sha256sum", "sha256", []string{"--tag"}},
		{"sha384sum", "sha384", nil},
		{"sha512sum", "sha512", []string{"--tag"}},
		{"openssl", "sha256", []string{"dgst", "-sha256"}},
		{"openssl", "sha3_256", []string{"dgst", "-sha3-256"}},
	} {
		program, err := exec.LookPath(c.program)
		if err != nil {
			t.Logf("no %s on this machine: not compared", c.program)
			continue
		}
		of := names
		if c.program == "openssl" { // it escapes nothing
			of = names[:2]
		}
		cmd := exec.Command(program, append(c.args, of...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v", c.program, c.args, err)
		}
		artifacts, err := hallmark.ParseChecksums(out)
		if err != nil {
			t.Errorf("%s %v: %v in\n%s", c.program, c.args, err, out)
			continue
		}
		if len(artifacts) != len(of) {
			t.Errorf("%s %v: %d artifacts, want %d", c.program, c.args, len(artifacts), len(of))
			continue
		}
		for i, a := range artifacts {
			want, err := hallmark.HashFile(filepath.Join(dir, of[i]), c.algorithm)
			if err != nil {
				t.Fatal(err)
			}
			if a.Name != of[i] || a.Digest(c.algorithm) != want.Digest(c.algorithm) {
				t.Errorf("%s %v: got %v, want %v", c.program, c.args, a, want)
			}
		}
	}
}
