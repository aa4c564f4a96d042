package main

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/verify"
)

// bin has the example programs, built once.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bin-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = dir
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir, ".", "../verify", "../sbom")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

// start runs a program in dir and returns what it printed and its exit code.
func start(t *testing.T, dir, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "SOURCE_DATE_EPOCH=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), errs.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

func runRelease(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return start(t, dir, filepath.Join(bin, "release"), args...)
}

// module writes a module with two commands into a new directory.
func module(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkout")
	write(t, dir, "go.mod", "module example.com/greet\n\ngo 1.26\n")
	write(t, dir, "cmd/hello/main.go", "package main\n\nfunc main() { println(\"hello\") }\n")
	write(t, dir, "cmd/bye/main.go", "package main\n\nfunc main() { println(\"bye\") }\n")
	write(t, dir, ".gitignore", "/dist/\n")
	return dir
}

// checkout makes of it a git checkout with one commit.
func checkout(t *testing.T) (dir, commit string) {
	t.Helper()
	dir = module(t)
	gitIn(t, dir, "init", "-q", "-b", "main")
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "-m", "one")
	return dir, gitIn(t, dir, "rev-parse", "HEAD")
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// key writes a fresh private key and returns its file.
func key(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, t.TempDir(), "key.pem", privatePEM(t, private))
}

func privatePEM(t *testing.T, private any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// files returns the contents of the files in dir by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		all[e.Name()] = string(read(t, filepath.Join(dir, e.Name())))
	}
	return all
}

// statements returns the payloads of an .intoto.jsonl file.
func statements(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(read(t, path)) {
		var e struct{ Payload string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(payload))
	}
	return all
}

func TestRelease(t *testing.T) {
	dir, commit := checkout(t)
	stdout, stderr, code := runRelease(t, dir)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want a heading and two programs:\n%s", len(lines), stdout)
	}
	for i, name := range []string{"dist/bye", "dist/hello"} {
		f := strings.Fields(lines[i+1])
		if len(f) != 6 || f[0] != name || f[2] != commit[:12] || f[3] != "hallmark-dev.github.io/builders/local/v1" || f[4] != "2" || f[5] != "accepted" {
			t.Errorf("line %d: %q", i+1, lines[i+1])
		}
	}
	got := files(t, filepath.Join(dir, "dist"))
	for _, name := range []string{
		"release.pub",
		"hello", "hello.cdx.json", "hello.spdx.json", "hello.recipe.json", "hello.binding.json", "hello.intoto.jsonl",
		"bye", "bye.cdx.json", "bye.spdx.json", "bye.recipe.json", "bye.binding.json", "bye.intoto.jsonl",
	} {
		if got[name] == "" {
			t.Errorf("%s is missing or empty", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("unexpected file %s", name)
	}
	if s := gitIn(t, dir, "status", "--porcelain"); s != "" {
		t.Errorf("the checkout was changed:\n%s", s)
	}
}

// The same commit and the same key make the same files: in another directory, in
// a second run, and by this program built with other flags.
func TestSameBytes(t *testing.T) {
	dir, _ := checkout(t)
	clone := filepath.Join(t.TempDir(), "elsewhere", "clone")
	gitIn(t, dir, "clone", "-q", dir, clone)
	k := key(t)
	other := filepath.Join(t.TempDir(), "release")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s", "-o", other, ".").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, r := range []struct{ dir, program string }{{dir, filepath.Join(bin, "release")}, {clone, other}} {
		if stdout, stderr, code := start(t, r.dir, r.program, "-key", k); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
		}
	}
	want := files(t, filepath.Join(dir, "dist"))
	got := files(t, filepath.Join(clone, "dist"))
	if len(got) != len(want) {
		t.Errorf("%d files and %d files", len(want), len(got))
	}
	for name, data := range want {
		if got[name] != data {
			t.Errorf("%s differs", name)
		}
	}
	if stdout, stderr, code := runRelease(t, dir, "-key", k); code != 0 {
		t.Fatalf("second run: exit %d\n%s%s", code, stdout, stderr)
	}
	for name, data := range files(t, filepath.Join(dir, "dist")) {
		if data != want[name] {
			t.Errorf("%s differs in the second run", name)
		}
	}
	for name, data := range want {
		if strings.Contains(data, filepath.Dir(dir)) {
			t.Errorf("%s has the path of the checkout", name)
		}
	}
}

func TestTampered(t *testing.T) {
	dir, commit := checkout(t)
	k := key(t)
	if stdout, stderr, code := runRelease(t, dir, "-key", k); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	policyFile := write(t, t.TempDir(), "policy.yaml", string(policy))
	otherBuilder := write(t, t.TempDir(), "other.yaml", strings.Replace(string(policy), "/builders/local/v1", "/builders/other/v1", 1))
	otherKey := filepath.Join(t.TempDir(), "dist")
	if _, stderr, code := runRelease(t, dir, "-out", otherKey); code != 0 {
		t.Fatal(stderr)
	}
	flip := func(name string) func(string) {
		return func(dist string) {
			path := filepath.Join(dist, name)
			data := read(t, path)
			data[len(data)/2] ^= 1
			if err := os.WriteFile(path, data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(name string, change func(string) string) func(string) {
		return func(dist string) { write(t, dist, name, change(string(read(t, filepath.Join(dist, name))))) }
	}

	for _, tt := range []struct {
		name    string
		change  func(dist string)
		policy  string // policyFile
		key     string // dist/release.pub
		commit  string // commit
		source  string // https://example.com/greet
		verdict string
		code    int
		rules   string // of the reasons
		stderr  string // what the error has
	}{
		{name: "nothing", verdict: verify.Accepted},
		{name: "artifact", change: flip("hello"), verdict: verify.Rejected, code: 1, rules: "subject, subject https://cyclonedx.org/bom"},
		{
			name: "another artifact", change: func(dist string) { write(t, dist, "hello", string(read(t, filepath.Join(dist, "bye")))) },
			verdict: verify.Rejected, code: 1, rules: "subject, subject https://cyclonedx.org/bom",
		},
		{name: "commit", commit: "0123456789012345678901234567890123456789", verdict: verify.Rejected, code: 1, rules: "commit"},
		{name: "source", source: "https://example.com/fork", verdict: verify.Rejected, code: 1, rules: "source"},
		{name: "builder", policy: otherBuilder, verdict: verify.Rejected, code: 1, rules: "builder"},
		{name: "key", key: filepath.Join(otherKey, "release.pub"), verdict: verify.Rejected, code: 1, rules: "signature, required https://cyclonedx.org/bom"},
		{name: "SBOM file", change: flip("hello.cdx.json"), verdict: verify.Rejected, code: 1, rules: "byproduct hello.cdx.json"},
		{name: "other SBOM file", change: flip("hello.spdx.json"), verdict: verify.Rejected, code: 1, rules: "byproduct hello.spdx.json"},
		{
			name: "no SBOM attestation", change: edit("hello.intoto.jsonl", func(s string) string { return s[:strings.IndexByte(s, '\n')] }),
			verdict: verify.Rejected, code: 1, rules: "required https://cyclonedx.org/bom",
		},
		{
			name: "no provenance", change: edit("hello.intoto.jsonl", func(s string) string { return s[strings.IndexByte(s, '\n')+1:] }),
			verdict: verify.Rejected, code: 1, rules: "provenance",
		},
		{
			name: "payload of the provenance", change: edit("hello.intoto.jsonl", func(s string) string { return strings.Replace(s, `"payload":"eyJ`, `"payload":"eyI`, 1) }),
			verdict: verify.Rejected, code: 1, rules: "provenance",
		},
		{name: "attestations of another artifact", change: func(dist string) {
			write(t, dist, "hello.intoto.jsonl", string(read(t, filepath.Join(dist, "bye.intoto.jsonl"))))
		}, verdict: verify.Rejected, code: 1, rules: "subject, subject https://cyclonedx.org/bom"},
		{name: "truncated envelopes", change: edit("hello.intoto.jsonl", func(s string) string { return s[:len(s)/4] }), verdict: verify.Undecided, code: 2, stderr: "line 1"},
		{name: "no envelopes", change: edit("hello.intoto.jsonl", func(string) string { return "" }), verdict: verify.Rejected, code: 1, rules: "signature, required https://cyclonedx.org/bom"},
		{name: "evidence file missing", change: func(dist string) { os.Remove(filepath.Join(dist, "hello.intoto.jsonl")) }, verdict: verify.Undecided, code: 2, stderr: "hello.intoto.jsonl"},
		{name: "artifact missing", change: func(dist string) { os.Remove(filepath.Join(dist, "hello")) }, verdict: verify.Undecided, code: 2, stderr: "hello"},
		{name: "SBOM file missing", change: func(dist string) { os.Remove(filepath.Join(dist, "hello.cdx.json")) }, verdict: verify.Undecided, code: 2, stderr: "hello.cdx.json"},
		{name: "artifact is a link", change: func(dist string) {
			os.Rename(filepath.Join(dist, "hello"), filepath.Join(dist, "real"))
			if err := os.Symlink("real", filepath.Join(dist, "hello")); err != nil {
				t.Fatal(err)
			}
		}, verdict: verify.Undecided, code: 2, stderr: "not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dist := filepath.Join(t.TempDir(), "dist")
			for name, data := range files(t, filepath.Join(dir, "dist")) {
				write(t, dist, name, data)
			}
			if tt.change != nil {
				tt.change(dist)
			}
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			stdout, stderr, code := start(t, dist, filepath.Join(bin, "verify"), "-json",
				"-policy", or(tt.policy, policyFile),
				"-key", "release="+or(tt.key, "release.pub"),
				"-source", or(tt.source, "https://example.com/greet"),
				"-commit", or(tt.commit, commit),
				"-byproduct", ".cdx.json", "-byproduct", ".spdx.json",
				"hello")
			var r verify.Report
			if err := json.Unmarshal([]byte(stdout), &r); err != nil {
				t.Fatalf("%v\n%s%s", err, stdout, stderr)
			}
			var rules []string
			for _, c := range r.Checks {
				if c.Outcome != verify.Passed {
					rules = append(rules, strings.TrimSpace(string(c.Rule)+" "+c.Item))
				}
			}
			if code != tt.code || r.Verdict != tt.verdict || strings.Join(rules, ", ") != tt.rules {
				t.Errorf("exit %d, %s by %q, want exit %d, %s by %q\n%s%s", code, r.Verdict, rules, tt.code, tt.verdict, tt.rules, stdout, stderr)
			}
			if !strings.Contains(stderr, tt.stderr) || (stderr == "") != (tt.stderr == "") || strings.Count(stderr, "\n") > 1 {
				t.Errorf("standard error is %q, want one line with %q", stderr, tt.stderr)
			}
		})
	}
}

func TestUnknownSource(t *testing.T) {
	dir := module(t)
	stdout, stderr, code := runRelease(t, dir)
	if code != 1 || strings.Count(stdout, "rejected\n") != 4 || strings.Count(stdout, "source: unproven") != 2 {
		t.Errorf("exit %d, want 1 and two rejected\n%s%s", code, stdout, stderr)
	}
	if st := statements(t, filepath.Join(dir, "dist", "hello.intoto.jsonl"))[0]; !strings.Contains(st, `"externalParameters":{"source":{}}`) || strings.Contains(st, "gitCommit") {
		t.Errorf("the statement names a source: %s", st)
	}

	const commit = "0123456789012345678901234567890123456789"
	for _, half := range [][]string{{"-source", "https://example.org/repo"}, {"-commit", commit}} {
		stdout, stderr, code = runRelease(t, dir, half...)
		if code != 1 || strings.Count(stdout, "rejected\n") != 4 {
			t.Errorf("%q: exit %d, want 1 and two rejected\n%s%s", half, code, stdout, stderr)
		}
	}
	stdout, stderr, code = runRelease(t, dir, "-source", "https://me:hunter2@Example.org/repo.git?token=hunter2", "-commit", commit)
	if code != 0 {
		t.Errorf("exit %d, want 0\n%s%s", code, stdout, stderr)
	}
	st := statements(t, filepath.Join(dir, "dist", "hello.intoto.jsonl"))[0]
	if !strings.Contains(st, `{"uri":"git+https://example.org/repo","digest":{"gitCommit":"`+commit+`"},"annotations":{"commitFrom":"caller","repositoryFrom":"caller"}}`) {
		t.Errorf("the statement does not say that the caller named the source: %s", st)
	}
}

// In a checkout that does not tell its repository the caller can, and the
// statement says who did.
func TestSourceOfCheckout(t *testing.T) {
	dir, commit := checkout(t)
	gitIn(t, dir, "remote", "add", "origin", "/srv/git/greet")
	if stdout, stderr, code := runRelease(t, dir, "-package", "./cmd/hello", "-source", "git@example.org:greet.git"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	want := `{"uri":"git+https://example.org/greet@refs/heads/main","digest":{"gitCommit":"` + commit + `"},"annotations":{"repositoryFrom":"caller"}}`
	if st := statements(t, filepath.Join(dir, "dist", "hello.intoto.jsonl"))[0]; !strings.Contains(st, want) {
		t.Errorf("got %s, want %s", st, want)
	}
}

// What is compiled must be what the commit has, whoever says otherwise.
func TestOtherSource(t *testing.T) {
	evil := write(t, t.TempDir(), "evil.go", "package main\n\nfunc main() { println(\"evil\") }\n")
	extra := "package main\n\nfunc init() { println(\"evil\") }\n"
	for _, tt := range []struct {
		name   string
		args   []string
		change func(dir string)
		env    func(dir string) string
		want   string // error; empty if the change has no effect
	}{
		{name: "overlay", env: func(dir string) string {
			overlay := write(t, t.TempDir(), "overlay.json", `{"Replace":{"`+filepath.Join(dir, "cmd/hello/main.go")+`":"`+evil+`"}}`)
			return "GOFLAGS=-overlay=" + overlay
		}},
		{name: "overlay of go env -w", env: func(dir string) string {
			overlay := write(t, t.TempDir(), "overlay.json", `{"Replace":{"`+filepath.Join(dir, "cmd/hello/main.go")+`":"`+evil+`"}}`)
			return "GOENV=" + write(t, t.TempDir(), "env", "GOFLAGS=-overlay="+overlay+"\n")
		}},
		{name: "ldflags", env: func(string) string { return "GOFLAGS=-ldflags=-X=main.x=evil" }},
		{name: "ignored file", change: func(dir string) {
			write(t, dir, "cmd/hello/extra.go", extra)
			write(t, dir, ".git/info/exclude", "extra.go\n")
		}, want: "1 file differs from the commit: cmd/hello/extra.go"},
		{name: "ignored by configuration", change: func(dir string) {
			write(t, dir, "cmd/hello/extra.go", extra)
			gitIn(t, dir, "config", "core.excludesFile", write(t, t.TempDir(), "ignore", "extra.go\n"))
		}, want: "1 file differs from the commit: cmd/hello/extra.go"},
		{name: "directory outside", change: func(dir string) {
			write(t, dir, "../outside/go.mod", "module example.com/outside\n\ngo 1.26\n")
			write(t, dir, "../outside/outside.go", "package outside\n")
			write(t, dir, "go.mod", "module example.com/greet\n\ngo 1.26\n\nrequire example.com/outside v1.0.0\n\nreplace example.com/outside => ../outside\n")
			write(t, dir, "cmd/hello/main.go", "package main\n\nimport _ \"example.com/outside\"\n\nfunc main() {}\n")
			gitIn(t, dir, "commit", "-q", "-a", "-m", "outside")
		}, want: "built from example.com/outside/go.mod, which is not in the checkout"},
		{name: "workspace outside", change: func(dir string) {
			write(t, dir, "../outside/go.mod", "module example.com/outside\n\ngo 1.26\n")
			write(t, dir, "../outside/main.go", "package main\n\nfunc main() {}\n")
			write(t, dir, "go.work", "go 1.26\n\nuse (\n\t.\n\t../outside\n)\n")
			gitIn(t, dir, "add", "-A")
			gitIn(t, dir, "commit", "-q", "-m", "outside")
		}, want: "outside: not in a git checkout"},
		{name: "output that git sees", change: func(dir string) {
			write(t, dir, ".gitignore", "\n")
			gitIn(t, dir, "commit", "-q", "-a", "-m", "all")
			write(t, dir, "dist/hello", "")
		}, want: "they are in -out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := checkout(t)
			if tt.change != nil {
				tt.change(dir)
			}
			if tt.env != nil {
				name, value, _ := strings.Cut(tt.env(dir), "=")
				t.Setenv(name, value)
			}
			stdout, stderr, code := runRelease(t, dir)
			if tt.want != "" {
				if code != 2 || !strings.Contains(stderr, tt.want) {
					t.Errorf("exit %d, want 2 and %q\n%s%s", code, tt.want, stdout, stderr)
				}
				return
			}
			if code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
			}
			out, err := exec.Command(filepath.Join(dir, "dist", "hello")).CombinedOutput()
			if err != nil || string(out) != "hello\n" {
				t.Errorf("the program prints %q, %v", out, err)
			}
		})
	}
}

// Files that would be written over each other are refused before any is.
func TestNames(t *testing.T) {
	for _, name := range []string{"release.pub", "hello.cdx.json", "other/Hello"} {
		dir, _ := checkout(t)
		write(t, dir, "cmd/"+name+"/main.go", "package main\n\nfunc main() {}\n")
		gitIn(t, dir, "add", "-A")
		gitIn(t, dir, "commit", "-q", "-m", name)
		stdout, stderr, code := runRelease(t, dir)
		if code != 2 || !strings.Contains(stderr, "would write") {
			t.Errorf("%s: exit %d, want 2\n%s%s", name, code, stdout, stderr)
		}
	}
	for _, tt := range []struct{ pkg, goos, want string }{
		{"example.com/app", "linux", "app"},
		{"example.com/app/v2", "linux", "app"},
		{"example.com/app/v1", "linux", "v1"},
		{"example.com/app/cmd/v10", "linux", "cmd"},
		{"example.com/app/v2x", "linux", "v2x"},
		{"example.com/app", "windows", "app.exe"},
		{"app", "linux", "app"},
	} {
		if got := programName(tt.pkg, tt.goos); got != tt.want {
			t.Errorf("%s on %s: %s, want %s", tt.pkg, tt.goos, got, tt.want)
		}
	}
}

func TestRemote(t *testing.T) {
	for _, tt := range []struct{ remote, repository, from string }{
		{"", "https://example.com/greet", "module path"},
		{"/srv/git/greet", "https://example.com/greet", "module path"},
		{"file:///srv/git/greet", "https://example.com/greet", "module path"},
		{"git@git.example.org:team/greet.git", "https://git.example.org/team/greet", ""},
		{"https://user:hunter2@git.example.org/team/greet.git", "https://git.example.org/team/greet", ""},
	} {
		dir, commit := checkout(t)
		if tt.remote != "" {
			gitIn(t, dir, "remote", "add", "origin", tt.remote)
		}
		stdout, stderr, code := runRelease(t, dir, "-package", "./cmd/hello")
		if code != 0 {
			t.Errorf("remote %q: exit %d\n%s%s", tt.remote, code, stdout, stderr)
			continue
		}
		want := `{"uri":"git+` + tt.repository + `@refs/heads/main","digest":{"gitCommit":"` + commit + `"}`
		if tt.from != "" {
			want += `,"annotations":{"repositoryFrom":"` + tt.from + `"}`
		}
		if st := statements(t, filepath.Join(dir, "dist", "hello.intoto.jsonl"))[0]; !strings.Contains(st, want+"}") {
			t.Errorf("remote %q: got %s, want %s", tt.remote, st, want)
		}
		for name, data := range files(t, filepath.Join(dir, "dist")) {
			if strings.Contains(data, "hunter2") || strings.Contains(data, "/srv/git") {
				t.Errorf("remote %q is in %s", tt.remote, name)
			}
		}
	}
}

func TestModified(t *testing.T) {
	dir, commit := checkout(t)
	write(t, dir, "cmd/hello/main.go", "package main\n\nfunc main() { println(\"hullo\") }\n")
	write(t, dir, "notes.txt", "not tracked\n")
	stdout, stderr, code := runRelease(t, dir)
	if code != 2 || stdout != "" || !strings.Contains(stderr, "cmd/hello/main.go, notes.txt") || !strings.Contains(stderr, "-allow-dirty") {
		t.Errorf("exit %d, want 2 and the files\n%s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "dist")); err == nil {
		t.Error("something was written")
	}
	stdout, stderr, code = runRelease(t, dir, "-allow-dirty")
	if code != 1 || strings.Count(stdout, "rejected\n") != 4 || !strings.Contains(stdout, "commit: unproven: files were modified after gitCommit:"+commit) {
		t.Errorf("exit %d, want 1 and what is unproven\n%s%s", code, stdout, stderr)
	}
	st := statements(t, filepath.Join(dir, "dist", "hello.intoto.jsonl"))[0]
	if strings.Contains(st, `"gitCommit":"`) || !strings.Contains(st, `"modified":true`) || !strings.Contains(st, `"name":"notes.txt"`) {
		t.Errorf("the statement does not say that files were modified: %s", st)
	}
}

func TestBadInput(t *testing.T) {
	dir, _ := checkout(t)
	elsewhere := t.TempDir()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	broken, _ := checkout(t)
	write(t, broken, "cmd/hello/main.go", "package main\n\nfunc main() { no() }\n")
	gitIn(t, broken, "commit", "-q", "-a", "-m", "broken")
	missing, _ := checkout(t)
	write(t, missing, "go.mod", "module example.com/greet\n\ngo 1.26\n\nrequire example.com/gone v1.0.0\n")
	write(t, missing, "cmd/hello/main.go", "package main\n\nimport _ \"example.com/gone\"\n\nfunc main() {}\n")
	gitIn(t, missing, "commit", "-q", "-a", "-m", "missing")
	truncated := privatePEM(t, p224)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no go.mod", []string{"-dir", elsewhere}, "no go.mod"},
		{"no directory", []string{"-dir", filepath.Join(elsewhere, "gone")}, "no go.mod"},
		{"flag", []string{"-colour"}, "-colour"},
		{"argument", []string{"./cmd/hello"}, "unknown argument"},
		{"key file missing", []string{"-key", "gone.pem"}, "gone.pem"},
		{"key of the wrong kind", []string{"-key", write(t, elsewhere, "p224.pem", privatePEM(t, p224))}, "P-224"},
		{"key truncated", []string{"-key", write(t, elsewhere, "truncated.pem", truncated[:len(truncated)/2])}, "no PEM block"},
		{"another commit", []string{"-commit", "0123456789012345678901234567890123456789"}, "is checked out"},
		{"source that is none", []string{"-source", "/srv/git"}, "want the URL of a repository"},
		{"output that cannot be", []string{"-out", filepath.Join(write(t, elsewhere, "file", ""), "dist")}, "not a directory"},
		{"version", []string{"-version", "v9.9.9"}, "-version is v9.9.9"},
		{"package", []string{"-package", "./cmd/gone"}, "cmd/gone"},
		{"does not compile", []string{"-dir", broken}, "undefined: no"},
		{"module that is missing", []string{"-dir", missing}, "example.com/gone"},
		{"policy file missing", []string{"-policy", "gone.yaml"}, "gone.yaml"},
		{"policy empty", []string{"-policy", write(t, elsewhere, "empty.yaml", "")}, "empty"},
		{"policy with an unknown member", []string{"-policy", write(t, elsewhere, "unknown.yaml", "builders: []\nbilders: []\n")}, "line 2"},
		{"policy that accepts nothing", []string{"-policy", write(t, elsewhere, "nothing.yaml", "refs: any\n")}, "no builders"},
		{"policy without end", []string{"-policy", "/dev/zero"}, "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "dist")
			stdout, stderr, code := runRelease(t, dir, append([]string{"-out", out}, tt.args...)...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "release: ") {
				t.Errorf("exit %d, want 2 and one line with %q\n%s%s", code, tt.want, stdout, stderr)
			}
			if _, err := os.Stat(out); err == nil && tt.name != "policy that accepts nothing" {
				t.Error("something was written")
			}
		})
	}
}

// A module whose files in the module cache were changed is not built.
func TestTamperedModule(t *testing.T) {
	dir, cache := withModule(t)
	if _, stderr, code := runRelease(t, dir); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	write(t, cache, "example.com/lib@v1.0.0/lib.go", "package lib\n\nconst Text = \"evil\"\n")
	_, stderr, code := runRelease(t, dir)
	if want := "not as go.sum has it: example.com/lib@v1.0.0: differs"; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, want %s\n%s", code, want, stderr)
	}
}

// How old dependencies are, a policy can ask only if the documents say so.
func TestReleases(t *testing.T) {
	dir, _ := withModule(t)
	policy := write(t, t.TempDir(), "policy.yaml", `builders:
  - id: https://hallmark-dev.github.io/builders/local/v1
    key: release
    level: 1
buildTypes: [https://hallmark-dev.github.io/buildtypes/local/v1]
require:
  - predicateType: https://cyclonedx.org/bom
    keys: [release]
    sbom: {minAge: 3d}
`)
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 1, "unproven"},
		{[]string{"-releases"}, 0, "accepted"},
	} {
		stdout, stderr, code := runRelease(t, dir, append(test.args, "-package", "./cmd/hello", "-policy", policy)...)
		if code != test.code || !strings.Contains(stdout, test.want) {
			t.Errorf("%q: exit %d, want %d and %s\n%s%s", test.args, code, test.code, test.want, stdout, stderr)
		}
		if got := strings.Contains(string(read(t, filepath.Join(dir, "dist", "hello.cdx.json"))), "2024-12-10T11:37:26Z"); got != (test.args != nil) {
			t.Errorf("%q: the document has the time of the release: %v", test.args, got)
		}
	}
}

// withModule returns a checkout that requires a module, and the module cache that is
// used from here on, with nothing but that module in it.
func withModule(t *testing.T) (dir, cache string) {
	t.Helper()
	proxy, cache := t.TempDir(), t.TempDir()
	write(t, proxy, "example.com/lib/@v/list", "v1.0.0\n")
	write(t, proxy, "example.com/lib/@v/v1.0.0.info", `{"Version":"v1.0.0","Time":"2024-12-10T11:37:26Z"}`)
	write(t, proxy, "example.com/lib/@v/v1.0.0.mod", "module example.com/lib\n")
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{"go.mod": "module example.com/lib\n", "lib.go": "package lib\n\nconst Text = \"good\"\n"} {
		w, err := z.Create("example.com/lib@v1.0.0/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, proxy, "example.com/lib/@v/v1.0.0.zip", archive.String())
	for name, value := range map[string]string{"GOMODCACHE": cache, "GOPROXY": "file://" + filepath.ToSlash(proxy), "GOSUMDB": "off", "GOFLAGS": "-modcacherw"} {
		t.Setenv(name, value)
	}

	dir, _ = checkout(t)
	write(t, dir, "cmd/hello/main.go", "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Text) }\n")
	tidy := exec.Command("go", "get", "example.com/lib@v1.0.0")
	tidy.Dir = dir
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "-m", "two")
	return dir, cache
}

// An interrupt ends the program while it builds, and nothing is left.
func TestInterrupt(t *testing.T) {
	dir, _ := checkout(t)
	tmp := t.TempDir()
	cmd := exec.Command(filepath.Join(bin, "release"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "GOCACHE="+t.TempDir()) // an empty cache: the build takes its time
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 || !strings.Contains(stderr.String(), "cancel") && !strings.Contains(stderr.String(), "interrupt") {
		t.Errorf("%v, want exit 2\n%s", err, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "dist")); err == nil {
		t.Error("something was written")
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
