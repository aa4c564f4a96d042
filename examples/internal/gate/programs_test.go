package gate_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/verify"
)

// build builds the programs that are gates, and returns where they are.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "../../verify", "../../audit", "../../admission", "../../release", "../../review")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// start runs a program and returns the report that it prints of one artifact.
func start(t *testing.T, name string, args ...string) (r *verify.Report, code int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1") // nobody is asked
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(stderr.String(), "\n"); (code == 2) != (lines == 1) || lines > 1 {
		t.Errorf("%s %q: exit %d, and on standard error %q", filepath.Base(name), args, code, &stderr)
	}
	var got struct {
		verify.Report
		Of *verify.Report `json:"report"` // audit has it here
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(name), err, &stdout, &stderr)
	}
	if got.Of != nil {
		return got.Of, code
	}
	return &got.Report, code
}

// reasons are what of a report is the same for every gate.
func reasons(r *verify.Report) string {
	var b strings.Builder
	b.WriteString(r.Verdict)
	for _, c := range r.Checks {
		if c.Outcome != verify.Passed {
			fmt.Fprintf(&b, "; %s %s %s: %s, want %s", c.Rule, c.Item, c.Outcome, c.Got, c.Want)
		}
	}
	for _, e := range r.Exceptions {
		fmt.Fprintf(&b, "; exception %s %s %s", e.Rule, e.Digest, e.Owner)
	}
	return b.String()
}

// A webhook is examples/admission in a process of its own.
type webhook struct {
	url    string
	client *http.Client
}

// serve starts examples/admission.
func serve(t *testing.T, s *gatetest.Site, program string, args ...string) *webhook {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	cmd := exec.Command(program, append([]string{
		"-tls-cert", s.Write("tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		"-tls-key", s.Write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))),
		"-listen", "127.0.0.1:0", "-status", "127.0.0.1:0", "-drain", "0s",
	}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	last := ""
	for lines.Scan() {
		last = lines.Text()
		var v struct{ Msg, Listen string }
		if json.Unmarshal(lines.Bytes(), &v) == nil && v.Msg == "serving" {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return &webhook{"https://" + v.Listen, &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}}
		}
	}
	t.Fatalf("admission does not serve: %s", last)
	return nil
}

// ask asks for one image, and returns the verdict, and what the API server is told.
func (h *webhook) ask(t *testing.T, image string) (verdict, text string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": map[string]any{
		"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "kind": map[string]any{"group": "", "version": "v1", "kind": "Pod"},
		"object": map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": map[string]any{"containers": []any{map[string]any{"name": "x", "image": image}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := h.client.Post(h.url+"/validate?timeout=10s", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Response struct {
			Allowed  bool
			Warnings []string
			Status   struct {
				Code    int
				Message string
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	r := got.Response
	switch {
	case r.Allowed:
		return verify.Accepted, strings.Join(r.Warnings, "\n")
	case r.Status.Code == http.StatusForbidden:
		return verify.Rejected, r.Status.Message
	}
	return verify.Undecided, r.Status.Message
}

// One policy file has the same verdict, for the same reasons, in all gates.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs")
	}
	bin := build(t)
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	other := strings.NewReplacer(gatetest.Commit, strings.Repeat("9", 40))
	policy := gatetest.Policy + "exceptions:\n"
	for name, expires := range map[string]string{"excused": day(10), "expired": day(-1)} {
		policy += fmt.Sprintf("  - {rule: commit, digest: %q, owner: security@example.com, reason: hotfix, control: watched, expires: %s}\n", gatetest.Digest(name), expires)
	}
	prepared := strings.Repeat("b", 64)
	policies := map[string]string{"steps": gatetest.Policy + `steps: [{name: prepare, predicateType: ` + provenance.LinkType + `, keys: [release]}]
require: [{predicateType: https://example.com/reviewed/v1, keys: [release], source: true}]
`}
	policies["no step"], policies["no review"] = policies["steps"], policies["steps"]
	steps := func(name string) []byte {
		return []byte(strings.Replace(string(gatetest.Provenance(name, provenance.LocalBuilder, gatetest.Source)), `"resolvedDependencies":[`,
			`"resolvedDependencies":[{"name":"prepared","uri":"pkg:generic/prepared","digest":{"sha256":"`+prepared+`"}},`, 1))
	}
	step := []byte(`{"_type":"` + provenance.StatementType + `","subject":[{"name":"prepared","digest":{"sha256":"` + prepared + `"}}],` +
		`"predicateType":"` + provenance.LinkType + `","predicate":{"name":"prepare","command":[],"materials":[]}}`)
	review := []byte(`{"_type":"` + provenance.StatementType + `","subject":[{"digest":{"gitCommit":"` + gatetest.Commit + `"}}],` +
		`"predicateType":"https://example.com/reviewed/v1","predicate":{}}`)
	good := func(name string) []byte { return gatetest.Provenance(name, provenance.LocalBuilder, gatetest.Source) }
	for _, tt := range []struct {
		name    string
		add     func(s *gatetest.Site, name string)
		verdict string
		want    string // of the reasons, or of the error
	}{
		{"accepted", func(s *gatetest.Site, name string) { s.Good(name) }, verify.Accepted, ""},
		{"wrong builder", func(s *gatetest.Site, name string) {
			s.Sign(s.Signer, name, gatetest.Provenance(name, "https://example.com/builder", gatetest.Source))
		}, verify.Rejected, "builder  failed: https://example.com/builder"},
		{"wrong source", func(s *gatetest.Site, name string) {
			s.Sign(s.Signer, name, gatetest.Provenance(name, provenance.LocalBuilder, "https://example.com/fork"))
		}, verify.Rejected, "source  failed: https://example.com/fork"},
		{"unsigned", func(s *gatetest.Site, name string) { s.Sign(s.Other, name, good(name)) }, verify.Rejected, "subject  failed"},
		{"missing", func(*gatetest.Site, string) {}, verify.Rejected, "subject  failed"},
		{"excused", func(s *gatetest.Site, name string) { s.Sign(s.Signer, name, []byte(other.Replace(string(good(name))))) }, verify.Accepted, "exception commit"},
		{"expired", func(s *gatetest.Site, name string) { s.Sign(s.Signer, name, []byte(other.Replace(string(good(name))))) }, verify.Rejected, "an exception by security@example.com ended"},
		{"steps", func(s *gatetest.Site, name string) {
			s.Sign(s.Signer, name, steps(name))
			s.Sign(s.Signer, "elsewhere", step, review)
		}, verify.Accepted, ""},
		{"no step", func(s *gatetest.Site, name string) { s.Sign(s.Signer, name, steps(name), review) }, verify.Rejected, "step prepare failed"},
		{"no review", func(s *gatetest.Site, name string) { s.Sign(s.Signer, name, steps(name), step) }, verify.Rejected, "required source https://example.com/reviewed/v1"},
		{"undecided", func(s *gatetest.Site, name string) { s.Sign(s.Signer, name, good(name)[:100]) }, verify.Undecided, "malformed statement"},
	} {
		s := gatetest.New(t)
		s.Write("policy.yaml", cmp.Or(policies[tt.name], policy))
		s.Good("somebody else's")
		tt.add(s, tt.name)
		image := gatetest.Image(tt.name)
		args := []string{"-policy", s.Path("policy.yaml"), "-key", "release=" + s.Path("release.pub"), "-evidence", s.Path("evidence")}
		with := func(more ...string) []string { return append(args[:len(args):len(args)], more...) }

		first, code := start(t, filepath.Join(bin, "verify"), with("-json", image)...)
		want := map[string]int{verify.Accepted: 0, verify.Rejected: 1, verify.Undecided: 2}[tt.verdict]
		if first.Verdict != tt.verdict || code != want || !strings.Contains(reasons(first)+first.Error, tt.want) {
			t.Errorf("%s: verify says %s, exit %d, want %s by %s, exit %d", tt.name, reasons(first)+first.Error, code, tt.verdict, tt.want, want)
		}
		for gate, args := range map[string][]string{
			"verify":  with("-json", gatetest.Digest(tt.name)),
			"release": append([]string{"verify"}, with("-json", gatetest.Digest(tt.name))...),
			"audit":   with("-json", s.Write("list", image)),
		} {
			r, code := start(t, filepath.Join(bin, gate), args...)
			// A gate of many images tells of one only what is about it.
			some := gate == "audit" && r.Verdict == verify.Rejected && (len(r.Checks) < len(first.Checks) || first.Checks[0].Rule == verify.RuleSubject)
			if reasons(r) != reasons(first) && !some || r.Verdict != first.Verdict || code != want {
				t.Errorf("%s: %s says %s, exit %d, want %s, exit %d", tt.name, gate, reasons(r), code, reasons(first), want)
			}
			if (r.Error == "") != (first.Error == "") || !strings.Contains(r.Error, first.Error[strings.LastIndex(first.Error, ":")+1:]) {
				t.Errorf("%s: %s says %q, want %q", tt.name, gate, r.Error, first.Error)
			}
		}
		page, err := exec.Command(filepath.Join(bin, "review"), with(image)...).Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); (err != nil || want != 0) && (!ok || exit.ExitCode() != want) || !strings.Contains(string(page), `<span class="verdict">`+tt.verdict+`</span>`) {
			t.Errorf("%s: review writes %d bytes, %v, want %s, exit %d", tt.name, len(page), err, tt.verdict, want)
		}
		verdict, text := serve(t, s, filepath.Join(bin, "admission"), args...).ask(t, image)
		if verdict != tt.verdict {
			t.Errorf("%s: admission says %s: %s, want %s", tt.name, verdict, text, tt.verdict)
		}
		for _, c := range first.Checks {
			if tt.verdict == verify.Rejected && c.Rule != verify.RuleSubject && c.Rule != verify.RuleStep && !strings.Contains(text, c.Got) {
				t.Errorf("%s: admission does not say %q: %s", tt.name, c.Got, text)
			}
		}
		for _, e := range first.Exceptions {
			if !strings.Contains(text, "exception for "+string(e.Rule)) {
				t.Errorf("%s: admission does not warn of an exception: %q", tt.name, text)
			}
		}
	}
}
