package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A workplace is a directory with a key, an artifact and a checkout.
type workplace struct {
	dir, key, app, repo, commit string
}

func newWorkplace(t *testing.T) workplace {
	t.Helper()
	dir := t.TempDir()
	w := workplace{dir: dir, key: filepath.Join(dir, "key.pem"), app: filepath.Join(dir, "dist", "app"), repo: filepath.Join(dir, "repo")}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	write(t, w.app, "app")
	write(t, filepath.Join(w.repo, "main.go"), "package main\n")
	write(t, filepath.Join(w.repo, "go.mod"), "module example.com/m\n")
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false", "commit", "--quiet", "--message=x"},
		{"remote", "add", "origin", "git@github.com:o/r.git"},
		{"rev-parse", "HEAD"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = w.repo
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		w.commit = strings.TrimSpace(string(out))
	}
	return w
}

// environ returns the variables that every process needs, and those of m.
func environ(m map[string]string) func(string) string {
	return func(name string) string {
		if name == "PATH" || name == "HOME" {
			return os.Getenv(name)
		}
		return m[name]
	}
}

// github returns the variables of a job of GitHub Actions.
func (w workplace) github(server string) map[string]string {
	return map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": server, "GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": w.commit,
		"GITHUB_REF": "refs/heads/main", "GITHUB_WORKFLOW_REF": "o/r/.github/workflows/x.yml@refs/heads/main", "GITHUB_EVENT_NAME": "push",
		"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_REPOSITORY_ID": "3", "GITHUB_REPOSITORY_OWNER_ID": "4", "RUNNER_ENVIRONMENT": "github-hosted",
	}
}

// attested returns the statements in a file.
func attested(t *testing.T, path string) []*provenance.Statement {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	envelopes, skipped, err := sign.ParseLines(data)
	if err != nil || len(skipped) > 0 {
		t.Fatal(err, skipped)
	}
	var sts []*provenance.Statement
	for _, e := range envelopes {
		st, err := provenance.Parse(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		sts = append(sts, st)
	}
	return sts
}

func TestLocal(t *testing.T) {
	w := newWorkplace(t)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-key", w.key, "-dir", w.repo, "-explain", w.app}, &out, environ(nil), nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333", "https://github.com/o/r", w.commit, "SLSA Build level 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	sts := attested(t, w.app+".intoto.jsonl")
	b, err := provenance.ParseBuild(sts[0])
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Source(); b.Builder != provenance.LocalBuilder || s.Commit.Hex() != w.commit {
		t.Errorf("builder %s, source %v", b.Builder, s)
	}

	// Test results, a scan, an SBOM and a predicate of another type, in the same
	// file. The same again adds nothing.
	tests := write(t, filepath.Join(w.dir, "tests.json"), `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestX"}
{"Action":"fail","Package":"p","Test":"TestX","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":0}
`)
	bom := write(t, filepath.Join(w.dir, "bom.json"), `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}`)
	other := write(t, filepath.Join(w.dir, "other.json"), `{"big":9007199254740993}`)
	for _, args := range [][]string{
		{"-tests", tests},
		{"-predicate", bom},
		{"-predicate", other, "-predicate-type", "https://example.com/other/v1"},
		{"-tests", tests},
	} {
		if err := run(t.Context(), append(append([]string{"-key", w.key, "-dir", w.repo}, args...), w.app), &out, environ(nil), nil); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
	}
	var got []string
	for _, st := range attested(t, w.app+".intoto.jsonl") {
		got = append(got, st.PredicateType)
	}
	want := "https://slsa.dev/provenance/v1 https://in-toto.io/attestation/test-result/v0.1 https://cyclonedx.org/bom https://example.com/other/v1"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r, err := provenance.ParseTestResult(attested(t, w.app+".intoto.jsonl")[1])
	if err != nil || r.Result != provenance.Failed {
		t.Errorf("a failed test: %+v, %v", r, err)
	}
}

func TestSubjects(t *testing.T) {
	w := newWorkplace(t)
	sum := strings.Repeat("a", 64)
	sums := write(t, filepath.Join(w.dir, "SHA256SUMS"), sum+"  listed\n")
	out := filepath.Join(w.dir, "all.intoto.jsonl")
	args := []string{"-key", w.key, "-dir", w.repo, "-o", out, "-checksums", sums, "-subject", w.app, filepath.Join(w.dir, "dist"), "registry.example/o/app@sha256:" + sum}
	if err := run(t.Context(), args, new(bytes.Buffer), environ(nil), nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range attested(t, out)[0].Subjects {
		for _, d := range s.Digest.Digests() {
			got = append(got, fmt.Sprintf("%s %.20s", s.Name, d))
		}
	}
	want := "app sha256:a172cedcae474; dist dirHash:139c59af2754; listed sha256:aaaaaaaaaaaaa; registry.example/o/app sha256:aaaaaaaaaaaaa"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
}

// A commit is a subject of what is said of it, by its gitCommit alone, and of no
// provenance: nothing builds it.
func TestCommit(t *testing.T) {
	w := newWorkplace(t)
	out := filepath.Join(w.dir, "review.jsonl")
	review := write(t, filepath.Join(w.dir, "review.json"), `{"reviewers":2}`)
	said := []string{"-key", w.key, "-o", out, "-predicate", review, "-predicate-type", "https://example.com/review"}
	commit := "gitCommit:" + w.commit
	for _, subject := range []string{commit, "app@" + commit, "git+https://github.com/o/r@" + commit} {
		if err := run(t.Context(), append(said, subject), new(bytes.Buffer), environ(nil), nil); err != nil {
			t.Errorf("%s: %v", subject, err)
			continue
		}
		sts := attested(t, out)
		s := sts[len(sts)-1].Subjects
		if want := strings.TrimSuffix(strings.TrimSuffix(subject, commit), "@"); len(s) != 1 || s[0].Name != want || len(s[0].Digest) != 1 || s[0].Digest["gitCommit"] != w.commit {
			t.Errorf("%s: got %v", subject, s)
		}
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"provenance":     {[]string{"-key", w.key, "-dir", w.repo, "-o", out, "app@" + commit}, "want -predicate"},
		"no -o":          {append(append([]string(nil), said[:2]...), append(said[4:], "app@"+commit)...), "no -o"},
		"no name":        {append(said, "@"+commit), "no name before the @"},
		"a short commit": {append(said, "app@gitCommit:0123456"), "7 digits"},
		"a tree":         {append(said, "app@gitTree:"+w.commit), "no digest by SHA-2"},
	} {
		if err := run(t.Context(), test.args, new(bytes.Buffer), environ(nil), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

// In a job of GitHub Actions without a token the caller names the builder, and a
// summary is written. A checkout of another commit is an error.
func TestGitHub(t *testing.T) {
	w := newWorkplace(t)
	env := w.github("https://github.com")
	summary := filepath.Join(w.dir, "summary.md")
	env["GITHUB_STEP_SUMMARY"] = summary
	args := []string{"-key", w.key, "-dir", w.repo, w.app}
	err := run(t.Context(), args, new(bytes.Buffer), environ(env), http.DefaultClient)
	if err == nil || !strings.Contains(err.Error(), "the builder is not known") {
		t.Errorf("no builder: %v", err)
	}
	if _, err := os.Stat(w.app + ".intoto.jsonl"); err == nil {
		t.Error("something was written")
	}
	const builder = "https://github.com/o/r/.github/workflows/x.yml@refs/heads/main"
	args = append([]string{"-builder", builder}, args...)
	if err := run(t.Context(), args, new(bytes.Buffer), environ(env), http.DefaultClient); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| `app` | `sha256:a172", "SLSA Build level 1", builder} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	env["GITHUB_SHA"] = strings.Repeat("0", 40)
	if err := run(t.Context(), args, new(bytes.Buffer), environ(env), http.DefaultClient); err == nil || !strings.Contains(err.Error(), w.commit) {
		t.Errorf("another commit: %v", err)
	}
}

// With a token the platform itself says who builds.
func TestToken(t *testing.T) {
	w := newWorkplace(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var server *httptest.Server
	claims := map[string]any{
		"repository": "o/r", "sha": w.commit, "ref": "refs/heads/main", "workflow_ref": "o/r/.github/workflows/x.yml@refs/heads/main", "event_name": "push",
		"run_id": "1", "run_attempt": "2", "repository_id": "3", "repository_owner_id": "4", "runner_environment": "github-hosted",
		"job_workflow_ref": "o/builder/.github/workflows/build.yml@refs/tags/v1",
	}
	mux := http.NewServeMux()
	meanwhile := func() {} // between the hashing of the subjects and the signature
	mux.HandleFunc("/token", func(rw http.ResponseWriter, r *http.Request) {
		meanwhile()
		now := time.Now().Unix()
		body := maps.Clone(claims)
		body["iss"], body["aud"], body["iat"], body["exp"] = server.URL+"/_services/token", r.URL.Query().Get("audience"), now, now+300
		if r.Header.Get("Authorization") != "Bearer request-secret" {
			http.Error(rw, "who are you", http.StatusUnauthorized)
			return
		}
		json.NewEncoder(rw).Encode(map[string]string{"value": token(t, key, body)})
	})
	mux.HandleFunc("/_services/token/.well-known/openid-configuration", func(rw http.ResponseWriter, r *http.Request) {
		json.NewEncoder(rw).Encode(map[string]string{"issuer": server.URL + "/_services/token", "jwks_uri": server.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(rw http.ResponseWriter, r *http.Request) {
		p, err := key.PublicKey.Bytes()
		if err != nil {
			t.Error(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		json.NewEncoder(rw).Encode(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256", "x": b64(p[1:33]), "y": b64(p[33:])}}})
	})
	server = httptest.NewTLSServer(mux)
	defer server.Close()

	env := w.github(server.URL)
	env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = server.URL+"/token?x=1", "request-secret"
	repo := exec.Command("git", "remote", "set-url", "origin", server.URL+"/o/r")
	repo.Dir = w.repo
	if out, err := repo.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args := []string{"-key", w.key, "-dir", w.repo, "-explain", w.app}
	if err := run(t.Context(), args, new(bytes.Buffer), environ(env), server.Client()); err == nil || !strings.Contains(err.Error(), "want one of") {
		t.Errorf("an issuer that nobody named: %v", err)
	}
	args = append([]string{"-issuer", server.URL + "/_services/token"}, args...)
	var out bytes.Buffer
	if err := run(t.Context(), args, &out, environ(env), server.Client()); err != nil {
		t.Fatal(err)
	}
	b, err := provenance.ParseBuild(attested(t, w.app+".intoto.jsonl")[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := server.URL + "/o/builder/.github/workflows/build.yml@refs/tags/v1"; b.Builder != want {
		t.Errorf("builder %s, want %s", b.Builder, want)
	}
	if !strings.Contains(out.String(), "SLSA Build level 2") {
		t.Errorf("no level 2 in\n%s", out.String())
	}
	err = run(t.Context(), append([]string{"-builder", "https://example.com/me"}, args...), &out, environ(env), server.Client())
	if err == nil || !strings.Contains(err.Error(), "but the identity token says") {
		t.Errorf("another builder: %v", err)
	}
	for name, change := range map[string]func() error{
		"replaced": func() error { return os.WriteFile(w.app, []byte("another"), 0o644) },
		"removed":  func() error { return os.Remove(w.app) },
	} {
		meanwhile = func() {
			if err := change(); err != nil {
				t.Error(err)
			}
		}
		file := filepath.Join(w.dir, name+".jsonl")
		if err := run(t.Context(), append([]string{"-o", file}, args...), &out, environ(env), server.Client()); err == nil {
			t.Errorf("a subject that was %s meanwhile is attested", name)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: something was written", name)
		}
		meanwhile = func() {}
		write(t, w.app, "app")
	}
	env["GITHUB_REF"] = "refs/heads/other"
	if err := run(t.Context(), args, &out, environ(env), server.Client()); err == nil || !strings.Contains(err.Error(), "GITHUB_REF") {
		t.Errorf("a variable that was changed: %v", err)
	}
	data, err := os.ReadFile(w.app + ".intoto.jsonl")
	if err != nil || bytes.Contains(data, []byte("request-secret")) || strings.Contains(out.String(), "request-secret") {
		t.Error("the secret is in the output", err)
	}
}

// token returns a JSON Web Token by ES256.
func token(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	b64 := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	text := b64([]byte(`{"alg":"ES256","kid":"1","typ":"JWT"}`)) + "." + b64(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Error(err)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + "." + b64(sig)
}

func TestRefuses(t *testing.T) {
	w := newWorkplace(t)
	out := filepath.Join(w.dir, "out.jsonl")
	truncated := write(t, filepath.Join(w.dir, "truncated.json"), `{"a":`)
	empty := write(t, filepath.Join(w.dir, "empty"), "")
	dirty := newWorkplace(t)
	write(t, filepath.Join(dirty.repo, "main.go"), "package other\n")
	local := newWorkplace(t)
	remote := exec.Command("git", "remote", "set-url", "origin", "/srv/git/r")
	remote.Dir = local.repo
	if out, err := remote.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	base := []string{"-key", w.key, "-dir", w.repo, "-o", out}
	with := func(args ...string) []string { return append(append([]string(nil), base...), args...) }
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no key":                 {[]string{w.app}, "no -key"},
		"missing key":            {[]string{"-key", filepath.Join(w.dir, "no"), w.app}, "no such file"},
		"a key that is none":     {[]string{"-key", w.app, w.app}, "malformed private key"},
		"no subject":             {with(), "no subject"},
		"an empty subject":       {with(""), "empty"},
		"missing subject":        {with(filepath.Join(w.dir, "no")), "no such file"},
		"a bad digest":           {with("app@sha256:00"), "malformed artifact"},
		"two predicates":         {with("-tests", empty, "-scan", empty, w.app), "want one of them"},
		"a type alone":           {with("-predicate-type", "https://example.com/x", w.app), "-predicate-type without -predicate"},
		"truncated predicate":    {with("-predicate", truncated, "-predicate-type", "https://example.com/x", w.app), "want a value, got the end"},
		"no SBOM":                {with("-predicate", truncated, w.app), "no -predicate-type"},
		"a type that is none":    {with("-predicate", write(t, filepath.Join(w.dir, "x.json"), "{}"), "-predicate-type", "x", w.app), "not an absolute URI"},
		"no test results":        {with("-tests", empty, w.app), "go test"},
		"no scan":                {with("-scan", empty, "-started", "2026-11-21T10:48:28Z", "-finished", "2026-11-21T10:48:29Z", w.app), "govulncheck"},
		"a time that is none":    {with("-started", "yesterday", w.app), "want a time as"},
		"no checksums":           {with("-checksums", empty), "no line with a checksum"},
		"several and no -o":      {[]string{"-key", w.key, w.app, empty}, "no -o"},
		"a directory that lacks": {[]string{"-key", w.key, "-dir", w.repo, "-o", filepath.Join(w.dir, "no", "x"), w.app}, "no such file"},
		"no checkout":            {[]string{"-key", w.key, "-dir", w.dir, "-o", out, w.app}, "not in a git checkout"},
		"modified":               {[]string{"-key", w.key, "-dir", dirty.repo, "-o", out, w.app}, "differs from the commit: main.go: commit them, let git ignore them"},
		"no repository":          {[]string{"-key", w.key, "-dir", local.repo, "-o", out, w.app}, "name it with -source"},
		"another repository":     {with("-source", "https://example.com/other", w.app), "but the checkout is of https://github.com/o/r"},
		"no URL of a repository": {with("-source", "/srv/git/r", w.app), "want the URL of a repository"},
		"unwritable summary":     {with("-summary", filepath.Join(w.dir, "no", "x"), w.app), "no such file"},
		"unknown flag":           {with("-x"), "-h lists the flags"},
	} {
		err := run(t.Context(), test.args, new(bytes.Buffer), environ(nil), http.DefaultClient)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, with(w.app), new(bytes.Buffer), environ(nil), http.DefaultClient); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
