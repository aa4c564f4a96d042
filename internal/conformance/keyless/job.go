package keyless

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Attest builds examples/attest and returns the program.
func Attest(t testing.TB) string { return example(t, "attest") }

// Verify builds examples/verify and returns the program.
func Verify(t testing.TB) string { return example(t, "verify") }

func example(t testing.TB, name string) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	program := filepath.Join(t.TempDir(), name+".exe")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./"+name)
	build.Dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "examples")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// tokenService is where jobs of GitHub Actions ask for their tokens.
const tokenService = "run-actions-1-azure-eastus.actions.githubusercontent.com"

// Environ returns the environment of a process that is a step of the job c: its
// variables, and a proxy behind which the issuers are, and the service where jobs of
// GitHub Actions ask for tokens, with certificates that the process believes. Other
// hosts than those cannot be reached by https.
func (s *Stack) Environ(t testing.TB, c Claims) []string {
	t.Helper()
	dir := t.TempDir()
	secret := rand.Text()
	proxy := httptest.NewServer(tunnel(s.platform(t, c, secret, filepath.Join(dir, "ca.pem"))))
	t.Cleanup(proxy.Close)
	env := []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "SSL_CERT_FILE=" + filepath.Join(dir, "ca.pem"), "HTTPS_PROXY=" + proxy.URL, "DOCKER_CONFIG=" + dir}
	set := func(name, value string) { env = append(env, name+"="+value) }
	text := func(claim string) string { v, _ := c[claim].(string); return v }
	if _, ok := c["ci_config_ref_uri"]; ok {
		set("GITLAB_CI", "true")
		set("CI_SERVER_URL", text("iss"))
		set("CI_PROJECT_URL", text("iss")+"/"+text("project_path"))
		set("CI_PROJECT_ID", text("project_id"))
		set("CI_COMMIT_SHA", text("sha"))
		set("CI_COMMIT_REF_NAME", text("ref"))
		set("CI_COMMIT_TAG", text("ref"))
		set("CI_JOB_NAME", "attest")
		set("CI_JOB_ID", text("job_id"))
		set("CI_PIPELINE_ID", text("pipeline_id"))
		set("SIGSTORE_ID_TOKEN", s.Token(c))
		set("HALLMARK_ID_TOKEN", s.Token(c.With("aud", "hallmark")))
		return env
	}
	for _, name := range []string{
		"GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_REF", "GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY_OWNER_ID",
		"GITHUB_RUN_ATTEMPT", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_SHA", "GITHUB_WORKFLOW_REF", "RUNNER_ENVIRONMENT",
	} {
		set(name, c.Getenv(name))
	}
	set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://"+tokenService+"/token?api-version=2.0")
	set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", secret)
	return env
}

// platform starts the issuers and the token service of GitHub, writes the
// certificate that they have into the file, and returns their address.
func (s *Stack) platform(t testing.TB, c Claims, secret, file string) string {
	key := newKey(t)
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{tokenService, "token.actions.githubusercontent.com", "gitlab.com"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		audience := r.URL.Query().Get("audience")
		switch {
		case r.Host != tokenService:
			s.issuer.ServeHTTP(w, r)
		case r.Header.Get("Authorization") != "Bearer "+secret || audience == "":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Write(toJSON(object{"count": len(audience), "value": s.Token(c.With("aud", audience))}))
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// tunnel is a proxy that connects whoever asks for port 443 of any host with an
// address.
func tunnel(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.HasSuffix(r.Host, ":443") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, sent, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 Connected\r\n\r\n")
		go func() {
			io.Copy(there, sent)
			there.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(here, there)
	}
}
