package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/verify"
)

// The test's program is the webhook too, for tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv("ADMISSION_TEST_SERVE") != "" {
		cli.Main("admission", run)
		return
	}
	os.Exit(m.Run())
}

const (
	policyText = `
builders:
  - id: https://hallmark-dev.github.io/builders/local/v1
    key: release
source: https://example.com/app
refs: any
buildTypes: [https://hallmark-dev.github.io/buildtypes/local/v1]
`
	commit   = "0123456789012345678901234567890123456789"
	finished = "2026-01-02T03:04:05Z"
)

// A site is a directory with all that the webhook needs.
type site struct {
	t      testing.TB
	dir    string
	signer sign.SignerVerifier
	roots  *x509.CertPool
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	key := ed25519.NewKeyFromSeed([]byte("this is the seed of a test only!"))
	var err error
	if s.signer, err = sign.NewSigner(key); err != nil {
		t.Fatal(err)
	}
	public, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.write("release.pub", string(public))
	s.write("policy.yaml", policyText)
	if err := os.Mkdir(s.path("evidence"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.certificate(1)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := cli.WriteFile(s.path(name), 0o644, cli.Bytes([]byte(text))); err != nil {
		s.t.Fatal(err)
	}
}

// certificate writes a new certificate for this machine.
func (s *site) certificate(serial int64) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.roots == nil {
		s.roots = x509.NewCertPool()
	}
	s.roots.AddCert(cert)
	s.write("tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// digest returns the digest of an image that is one for each name.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func ref(name string) string { return "registry.example/app@" + digest(name) }

// provenance returns signed provenance of the image name, in one line; padding
// makes it larger.
func (s *site) provenance(name, source string, padding int) []byte {
	s.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"_type":         provenance.StatementType,
		"subject":       []any{map[string]any{"name": "registry.example/app", "digest": map[string]string{"sha256": digest(name)[len("sha256:"):]}}},
		"predicateType": provenance.PredicateType,
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType":            provenance.LocalBuildType,
				"externalParameters":   map[string]any{"source": map[string]string{"repository": source}},
				"resolvedDependencies": []any{map[string]any{"uri": "git+" + source, "digest": map[string]string{"gitCommit": commit}}},
			},
			"runDetails": map[string]any{
				"builder":  map[string]string{"id": provenance.LocalBuilder},
				"metadata": map[string]any{"invocationId": strings.Repeat("x", padding), "finishedOn": finished},
			},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	env, err := sign.Sign(s.t.Context(), provenance.MediaType, payload, s.signer)
	if err != nil {
		s.t.Fatal(err)
	}
	line, err := env.Marshal()
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

// evidence puts provenance of the image name into the folder.
func (s *site) evidence(name, source string) {
	s.t.Helper()
	s.write("evidence/"+strings.Replace(digest(name), ":", "-", 1)+".intoto.jsonl", string(s.provenance(name, source, 0)))
}

func (s *site) args(more ...string) []string {
	return append([]string{
		"-policy", s.path("policy.yaml"), "-key", "release=" + s.path("release.pub"), "-evidence", s.path("evidence"),
		"-tls-cert", s.path("tls.crt"), "-tls-key", s.path("tls.key"), "-listen", "127.0.0.1:0", "-status", "127.0.0.1:0",
		"-drain", "0s", "-reload", "20ms",
	}, more...)
}

// keeper returns what a program with these files has, after its first look.
func (s *site) keeper() *keeper {
	s.t.Helper()
	o := &options{
		policies: cli.List{s.path("policy.yaml")}, keys: cli.List{"release=" + s.path("release.pub")}, evidence: s.path("evidence"),
		certFile: s.path("tls.crt"), keyFile: s.path("tls.key"),
	}
	log := slog.New(slog.DiscardHandler)
	k := &keeper{o: o, log: log, gate: newWebhook(log, 5*time.Second, 4, newCache(100, time.Minute))}
	k.look()
	return k
}

// A doc is a review to be changed and sent.
type doc = map[string]any

func pod(images ...string) doc {
	var containers []any
	for i, image := range images {
		containers = append(containers, doc{"name": fmt.Sprintf("c%d", i), "image": image})
	}
	return doc{"containers": containers}
}

func review(group, version, kind string, object doc) doc {
	return doc{"apiVersion": reviewVersion, "kind": reviewKind, "request": doc{
		"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "namespace": "shop", "name": "app",
		"kind":   doc{"group": group, "version": version, "kind": kind},
		"object": object,
	}}
}

func podReview(images ...string) doc {
	return review("", "v1", "Pod", doc{"apiVersion": "v1", "kind": "Pod", "metadata": doc{"name": "app"}, "spec": pod(images...)})
}

// post sends a review and returns what came back of it.
func post(t testing.TB, h http.Handler, review any) (int, answer) {
	t.Helper()
	body, ok := review.(string)
	if !ok {
		data, err := json.Marshal(review)
		if err != nil {
			t.Fatal(err)
		}
		body = string(data)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate?timeout=10s", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Code, answer{}
	}
	var got response
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.APIVersion != reviewVersion || got.Kind != reviewKind || got.Response.Allowed != (got.Response.Status == nil) {
		t.Fatalf("answer %+v", got)
	}
	return w.Code, got.Response
}

func TestKinds(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	s.evidence("other", "https://example.com/other")
	g := s.keeper().gate

	template := func(spec doc) doc { return doc{"template": doc{"spec": spec}} }
	for _, k := range []struct {
		group, version, kind string
		spec                 func(pod doc) doc
	}{
		{"", "v1", "Pod", func(p doc) doc { return p }},
		{"apps", "v1", "Deployment", template},
		{"apps", "v1", "StatefulSet", template},
		{"apps", "v1", "DaemonSet", template},
		{"apps", "v1", "ReplicaSet", template},
		{"batch", "v1", "Job", template},
		{"", "v1", "ReplicationController", template},
		{"batch", "v1", "CronJob", func(p doc) doc { return doc{"jobTemplate": doc{"spec": template(p)}} }},
	} {
		for _, operation := range []string{"CREATE", "UPDATE"} {
			for _, field := range []string{"containers", "initContainers", "ephemeralContainers", "volumes"} {
				for image, want := range map[string]string{
					ref("good"): "",
					"registry.example/app:v1@" + digest("good"): "",
					"app@" + digest("good"):                     "",
					ref("other"):                                "source: got https://example.com/other, want https://example.com/app",
					ref("unknown"):                              "no evidence is known",
					"registry.example/app:v1":                   "it has a tag, which can move, and no digest",
					"nginx":                                     "no digest",
					"nginx@sha256:1234":                         "malformed",
				} {
					spec := pod(ref("good"))
					switch field {
					case "volumes":
						spec[field] = []any{doc{"name": "empty", "emptyDir": doc{}}, doc{"name": "x", "image": doc{"reference": image}}}
					default:
						spec[field] = append([]any{doc{"name": "y", "image": ref("good")}}, doc{"name": "x", "image": image})
					}
					version := strings.TrimPrefix(k.group+"/"+k.version, "/")
					rv := review(k.group, k.version, k.kind, doc{"apiVersion": version, "kind": k.kind, "spec": k.spec(spec)})
					rv["request"].(doc)["operation"] = operation
					code, got := post(t, g, rv)
					text := ""
					if got.Status != nil {
						text = got.Status.Message
						if got.Status.Code != http.StatusForbidden || !strings.Contains(text, field+` "x"`) {
							t.Errorf("%s %s %s %s: status %+v", operation, k.kind, field, image, got.Status)
						}
					}
					if code != 200 || got.Allowed != (want == "") || !strings.Contains(text, want) {
						t.Errorf("%s %s %s %s: %d allowed %v %q, want %q", operation, k.kind, field, image, code, got.Allowed, text, want)
					}
				}
			}
		}
	}
}

// Whatever is not understood is denied.
func TestFailsClosed(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	g := s.keeper().gate
	set := func(path string, v any) func(doc) {
		return func(d doc) {
			names := strings.Split(path, ".")
			for _, n := range names[:len(names)-1] {
				d = d[n].(doc)
			}
			if last := names[len(names)-1]; v == nil {
				delete(d, last)
			} else {
				d[last] = v
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(doc)
		want   int // code
	}{
		{"nothing", func(doc) {}, 0},
		{"dry run", set("request.dryRun", true), 0},
		{"ephemeral containers", set("request.subResource", "ephemeralcontainers"), 0},
		{"another API", set("apiVersion", "admission.k8s.io/v1beta1"), 400},
		{"another document", set("kind", "ConversionReview"), 400},
		{"no uid", set("request.uid", nil), -400},
		{"empty uid", set("request.uid", ""), -400},
		{"endless uid", set("request.uid", strings.Repeat("u", 1000)), -400},
		{"uid that is a number", set("request.uid", 1), -400},
		{"no request", set("request", nil), -400},
		{"delete", set("request.operation", "DELETE"), 400},
		{"connect", set("request.operation", "CONNECT"), 400},
		{"operation in lower case", set("request.operation", "create"), 400},
		{"no operation", set("request.operation", nil), 400},
		{"status", set("request.subResource", "status"), 400},
		{"exec", set("request.subResource", "exec"), 400},
		{"unknown kind", set("request.kind.kind", "Sidecar"), 400},
		{"unknown group", set("request.kind.group", "apps"), 400},
		{"unknown version", set("request.kind.version", "v2"), 400},
		{"dryRun that is a text", set("request.dryRun", "true"), 400},
		{"no object", set("request.object", nil), 400},
		{"object of another kind", set("request.object.kind", "Deployment"), 400},
		{"object of another API", set("request.object.apiVersion", "v2"), 400},
		{"no spec", set("request.object.spec", nil), 400},
		{"no containers", set("request.object.spec.containers", nil), 400},
		{"no container", set("request.object.spec.containers", []any{}), 400},
		{"containers that are no list", set("request.object.spec.containers", doc{}), 400},
		{"init containers that are no list", set("request.object.spec.initContainers", doc{"image": ref("good")}), 400},
		{"a container that is none", set("request.object.spec.containers", []any{ref("good")}), 400},
		{"a container without image", set("request.object.spec.containers", []any{doc{"name": "x"}}), 400},
		{"an empty image", set("request.object.spec.containers", []any{doc{"name": "x", "image": ""}}), 400},
		{"Image", set("request.object.spec.containers", []any{doc{"name": "x", "Image": ref("good")}}), 400},
		{"an image volume without reference", set("request.object.spec.volumes", []any{doc{"name": "x", "image": doc{}}}), 400},
		{"many images", func(d doc) {
			set("request.object.spec", pod(strings.Split(strings.TrimSuffix(strings.Repeat(ref("good")+" ", maxImages+1), " "), " ")...))(d)
		}, 400},
		{"a long reference", set("request.object.spec.containers", []any{doc{"name": "x", "image": strings.Repeat("a", 5000) + "@" + digest("good")}}), 403},
	} {
		rv := podReview(ref("good"))
		tt.change(rv)
		code, got := post(t, g, rv)
		switch {
		case tt.want < 0:
			if code != -tt.want || got.Allowed {
				t.Errorf("%s: HTTP %d %+v, want %d", tt.name, code, got, -tt.want)
			}
		case tt.want == 0:
			if code != 200 || !got.Allowed {
				t.Errorf("%s: HTTP %d %+v", tt.name, code, got.Status)
			}
		case code != 200 || got.Allowed || got.Status.Code != tt.want || got.Status.Message == "" || got.UID == "":
			t.Errorf("%s: HTTP %d %+v, want %d", tt.name, code, got.Status, tt.want)
		}
	}

	whole, err := json.Marshal(podReview(ref("good")))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":        "",
		"null":         "null",
		"a list":       "[]",
		"cut short":    string(whole[:len(whole)-1]),
		"two of them":  string(whole) + string(whole),
		"not UTF-8":    strings.Replace(string(whole), "shop", "sh\xffp", 1),
		"name twice":   strings.Replace(string(whole), `"image":`, `"image":"x","image":`, 1),
		"much nesting": strings.Repeat(`{"a":`, 100_000),
		"many values":  `{"a":[` + strings.Repeat("0,", maxValues) + `0]}`,
		"too large":    `{"a":"` + strings.Repeat("x", maxReview) + `"}`,
	} {
		if code, got := post(t, g, text); code < 400 || code >= 500 || got.Allowed {
			t.Errorf("%s: HTTP %d %+v", name, code, got)
		}
	}

	for i := range whole { // a review that is cut off anywhere
		if _, got := post(t, g, string(whole[:i])); got.Allowed {
			t.Errorf("the first %d bytes are allowed", i)
		}
	}

	for _, tt := range []struct{ method, mediaType string }{{http.MethodGet, "application/json"}, {http.MethodPost, "text/plain"}, {http.MethodPost, ""}} {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, "/validate", bytes.NewReader(whole))
		r.Header.Set("Content-Type", tt.mediaType)
		w := httptest.NewRecorder()
		if g.ServeHTTP(w, r); w.Code < 400 {
			t.Errorf("%s of %q: HTTP %d", tt.method, tt.mediaType, w.Code)
		}
	}
}

// Finalizers can be removed from what was there before the policy.
func TestLeaving(t *testing.T) {
	g := newSite(t).keeper().gate
	for _, tt := range []struct {
		name            string
		operation       string
		object, old     bool   // are being deleted
		image, oldImage string // of the object
		want            bool
	}{
		{"deleted", "UPDATE", true, true, "nginx", "nginx", true},
		{"not deleted", "UPDATE", false, false, "nginx", "nginx", false},
		{"says so itself", "UPDATE", true, false, "nginx", "nginx", false},
		{"another image", "UPDATE", true, true, "evil", "nginx", false},
		{"created", "CREATE", true, true, "nginx", "nginx", false},
	} {
		rv := podReview(tt.image)
		q := rv["request"].(doc)
		q["operation"] = tt.operation
		q["oldObject"] = podReview(tt.oldImage)["request"].(doc)["object"]
		if tt.object {
			q["object"].(doc)["metadata"].(doc)["deletionTimestamp"] = "2026-01-02T03:04:05Z"
		}
		if tt.old {
			q["oldObject"].(doc)["metadata"].(doc)["deletionTimestamp"] = "2026-01-02T03:04:05Z"
		}
		if _, got := post(t, g, rv); got.Allowed != tt.want {
			t.Errorf("%s: allowed %v, want %v", tt.name, got.Allowed, tt.want)
		}
	}
}

// A message is bounded, and names each container.
func TestMessage(t *testing.T) {
	g := newSite(t).keeper().gate
	_, got := post(t, g, podReview("a", "b\x00c", ref("x")))
	if got.Allowed || strings.Count(got.Status.Message, "\n") != 2 || !strings.Contains(got.Status.Message, `"b\x00c"`) {
		t.Errorf("message %q", got.Status.Message)
	}
	var many []string
	for i := range maxImages {
		many = append(many, fmt.Sprintf("%s%d", strings.Repeat("n", 200), i))
	}
	if _, got := post(t, g, podReview(many...)); got.Allowed || len(got.Status.Message) > maxMessage+len("…") {
		t.Errorf("allowed %v, a message of %d bytes", got.Allowed, len(got.Status.Message))
	}
}

// What changes on the disk counts from the next look on, whatever is cached.
func TestReload(t *testing.T) {
	s := newSite(t)
	k := s.keeper()
	check := func(what string, image string, code int, want string) {
		t.Helper()
		k.look()
		for range 2 { // the second time from the cache, if it is there
			_, got := post(t, k.gate, podReview(image))
			if code == 0 && !got.Allowed || code != 0 && (got.Allowed || got.Status.Code != code || !strings.Contains(got.Status.Message, want)) {
				t.Errorf("%s: %+v, want %d %s", what, got.Status, code, want)
			}
		}
	}
	check("no evidence", ref("good"), 403, "no evidence is known")
	s.evidence("good", "https://example.com/app")
	check("with evidence", ref("good"), 0, "")
	s.write("evidence/"+strings.Replace(digest("good"), ":", "-", 1)+".intoto.jsonl", "garbage")
	check("garbage", ref("good"), 403, "no evidence is known")
	s.write("evidence/any"+".intoto.jsonl", string(s.provenance("good", "https://example.com/app", 0))+"\ngarbage\n"+string(s.provenance("second", "https://example.com/app", 0)))
	check("by subject", ref("good"), 0, "")
	check("by subject", ref("second"), 0, "")

	s.write("policy.yaml", strings.Replace(policyText, "example.com/app", "example.com/moved", 1))
	check("another policy", ref("good"), 403, "source: got")
	s.write("policy.yaml", "builders: []\n")
	check("an incomplete policy", ref("good"), 503, "cannot be loaded")
	s.write("policy.yaml", policyText)
	check("the policy is back", ref("good"), 0, "")
	if err := os.Rename(s.path("release.pub"), s.path("gone")); err != nil {
		t.Fatal(err)
	}
	check("no key", ref("good"), 503, "cannot be loaded")
	if err := os.Rename(s.path("gone"), s.path("release.pub")); err != nil {
		t.Fatal(err)
	}
	check("the key is back", ref("good"), 0, "")
	if err := os.Rename(s.path("evidence"), s.path("gone")); err != nil {
		t.Fatal(err)
	}
	check("no folder", ref("good"), 503, "evidence")
	if err := os.Rename(s.path("gone"), s.path("evidence")); err != nil {
		t.Fatal(err)
	}
	check("the folder is back", ref("good"), 0, "")

	was := k.certificate.Load()
	s.write("tls.key", "garbage")
	k.look()
	if k.certificate.Load() != was {
		t.Error("a certificate without its key replaced the one before")
	}
	s.certificate(2)
	k.look()
	if got := k.certificate.Load(); got.Leaf.SerialNumber.Int64() != 2 {
		t.Errorf("serial number %d, want 2", got.Leaf.SerialNumber)
	}
}

// What kubelet mounts are links to files in a directory that is replaced.
func TestFolderOfLinks(t *testing.T) {
	s := newSite(t)
	mount := func(version, image string) {
		t.Helper()
		if err := os.Mkdir(s.path("evidence/.."+version), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write("evidence/.."+version+"/e"+".intoto.jsonl", string(s.provenance(image, "https://example.com/app", 0)))
		if err := os.Symlink(".."+version, s.path("evidence/..next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.path("evidence/..next"), s.path("evidence/..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("1", "first")
	if err := os.Symlink("..data/e"+".intoto.jsonl", s.path("evidence/e"+".intoto.jsonl")); err != nil {
		t.Fatal(err)
	}
	k := s.keeper()
	for i, want := range []string{"first", "second"} {
		if i > 0 {
			mount("2", want)
			k.look()
		}
		for _, image := range []string{"first", "second"} {
			if _, got := post(t, k.gate, podReview(ref(image))); got.Allowed != (image == want) {
				t.Errorf("%s is mounted: %s allowed %v", want, image, got.Allowed)
			}
		}
	}
}

func TestPolicies(t *testing.T) {
	s := newSite(t)
	s.write("other.yaml", strings.Replace(policyText, "example.com/app", "example.com/other", 1))
	s.evidence("good", "https://example.com/app")
	s.evidence("other", "https://example.com/other")
	k := s.keeper()
	k.o.policies = cli.List{"registry.example/*=" + s.path("policy.yaml"), "registry.example/other=" + s.path("other.yaml")}
	k.look()
	for image, want := range map[string]bool{
		"registry.example/app@" + digest("good"):          true,
		"registry.example/team/app@" + digest("good"):     true,
		"registry.example/other@" + digest("other"):       true,
		"registry.example/other@" + digest("good"):        false,
		"registry.example/app@" + digest("other"):         false,
		"registry.example/other/app@" + digest("other"):   false,
		"registry.example.evil.com/app@" + digest("good"): false,
		"docker.io/app@" + digest("good"):                 false,
	} {
		if _, got := post(t, k.gate, podReview(image)); got.Allowed != want {
			t.Errorf("%s: allowed %v %+v", image, got.Allowed, got.Status)
		}
	}
	for _, bad := range [][]string{
		{"a*=" + s.path("policy.yaml")},
		{"*/a=" + s.path("policy.yaml")},
		{"=" + s.path("policy.yaml")},
		{s.path("policy.yaml"), "*=" + s.path("policy.yaml")},
		{s.path("none")},
	} {
		if _, err := gate.LoadRules(t.Context(), bad, gate.Loader{Keys: k.o.keys}, nil); err == nil {
			t.Errorf("-policy %s is no error", bad)
		}
	}
}

// sourceFunc is a source for tests.
type sourceFunc func(ctx context.Context) ([]*sign.Envelope, error)

func (f sourceFunc) find(ctx context.Context, _ oci.Image) ([]*sign.Envelope, error) { return f(ctx) }
func (sourceFunc) state() string                                                     { return "" }

func TestTrouble(t *testing.T) {
	s := newSite(t)
	release := make(chan struct{})
	defer close(release)
	for _, tt := range []struct {
		name string
		find sourceFunc
		code int
		want string
	}{
		{"error", func(context.Context) ([]*sign.Envelope, error) { return nil, errors.New("no route\nto host") }, 500, "undecided: evidence: no route; to host"},
		{"panic", func(context.Context) ([]*sign.Envelope, error) { panic("secret") }, 500, "internal error"},
		{"heeds the time", func(ctx context.Context) ([]*sign.Envelope, error) { <-ctx.Done(); return nil, context.Cause(ctx) }, 0, "no decision within"},
		{"does not", func(context.Context) ([]*sign.Envelope, error) { <-release; return nil, nil }, 504, "no decision within"},
	} {
		k := s.keeper()
		k.gate.timeout = 50 * time.Millisecond
		k.gate.world.Store(&world{rules: k.gate.world.Load().rules, evidence: tt.find})
		start := time.Now()
		_, got := post(t, k.gate, podReview(ref("x")))
		if got.Allowed || got.Status == nil || tt.code != 0 && got.Status.Code != tt.code || !strings.Contains(got.Status.Message, tt.want) || time.Since(start) > 3*time.Second {
			t.Errorf("%s: %+v after %s", tt.name, got.Status, time.Since(start))
		}
		// What is surely wrong is told as such, beside what is not known.
		if _, got := post(t, k.gate, podReview(ref("x"), "nginx")); tt.name == "error" && got.Status.Code != http.StatusForbidden {
			t.Errorf("a tag beside an error: %+v", got.Status)
		}
	}
}

// A review that finds no slot within its time is refused, and slots come back.
func TestSlots(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	k := s.keeper()
	k.gate.timeout = 50 * time.Millisecond
	for range cap(k.gate.slots) {
		k.gate.slots <- struct{}{}
	}
	if code, got := post(t, k.gate, podReview(ref("good"))); code != http.StatusServiceUnavailable || got.Allowed {
		t.Errorf("HTTP %d, allowed %v", code, got.Allowed)
	}
	for range cap(k.gate.slots) {
		<-k.gate.slots
	}
	k.gate.timeout = 5 * time.Second
	for range 3 * cap(k.gate.slots) {
		if _, got := post(t, k.gate, podReview(ref("good"))); !got.Allowed {
			t.Fatalf("%+v", got.Status)
		}
		post(t, k.gate, "{")
	}
}

func TestCache(t *testing.T) {
	now := time.Unix(0, 0)
	c := newCache(2, time.Minute)
	c.now = func() time.Time { return now }
	has := func(want string) {
		t.Helper()
		got := ""
		for _, key := range []string{"a", "b", "c"} {
			if _, ok := c.entries[key]; ok {
				got += key
			}
		}
		if got != want || c.order.Len() != len(want) {
			t.Errorf("keeps %q, want %q", got, want)
		}
	}
	c.put("a", decision{verdict: verify.Accepted})
	c.put("b", decision{verdict: verify.Rejected})
	if d, ok := c.get("a"); !ok || d.verdict != verify.Accepted {
		t.Errorf("a is %+v", d)
	}
	c.put("c", decision{})
	has("ac")
	now = now.Add(30 * time.Second)
	c.put("c", decision{})
	now = now.Add(30 * time.Second)
	if _, ok := c.get("a"); ok {
		t.Error("a has not expired")
	}
	has("c")
	none := newCache(0, time.Minute)
	none.put("a", decision{})
	if none.len() != 0 {
		t.Error("a cache for nothing keeps something")
	}
}

// An accepted build grows too old, and is denied then.
func TestAge(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	k := s.keeper()
	policy := *k.gate.world.Load().rules[0].Policy
	now, err := time.Parse(time.RFC3339, finished)
	if err != nil {
		t.Fatal(err)
	}
	policy.MaxAge = time.Hour
	policy.Now = func() time.Time { return now }
	k.gate.world.Store(&world{rules: gate.Rules{{Pattern: "*", Policy: &policy, Digest: "aged"}}, evidence: k.folder})
	if _, got := post(t, k.gate, podReview(ref("good"))); !got.Allowed {
		t.Errorf("a new build: %+v", got.Status)
	}
	now = now.Add(time.Hour + time.Minute)
	if _, got := post(t, k.gate, podReview(ref("good"))); got.Allowed || !strings.Contains(got.Status.Message, "age: ") {
		t.Errorf("an old build: allowed %v %+v", got.Allowed, got.Status)
	}
}

// What is signed without a key is admitted by a trusted root.
func TestKeyless(t *testing.T) {
	cases, digest, root := gatetest.KeylessCases(t)
	s := newSite(t)
	s.write("policy.yaml", gatetest.KeylessPolicy)
	k := s.keeper()
	if err := k.gate.world.Load().err; err == nil || !strings.Contains(err.Error(), "with -trusted-root FILE") {
		t.Errorf("without a trusted root: %v", err)
	}
	k.o.trustedRoot = root
	for _, c := range cases {
		bundle, err := os.ReadFile(c.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		s.write("evidence/e.sigstore.json", string(bundle))
		k.look()
		if _, got := post(t, k.gate, podReview("registry.example/app@"+digest)); got.Allowed != c.Accept {
			t.Errorf("%s: allowed %v %+v, want %v", c.ID, got.Allowed, got.Status, c.Accept)
		}
	}
}

// A decision is kept only if it is the same at any time, and an exception is told of.
func TestPassing(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	s.evidence("fork", "https://example.com/fork")
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	exception := fmt.Sprintf("exceptions: [{rule: source, digest: %q, owner: me, reason: moved, control: watched, expires: %s}]\n", digest("fork"), day(9))
	for name, tt := range map[string]struct {
		policy string
		cached bool
	}{
		"nothing":   {policyText, true},
		"age":       {policyText + "maxAge: 90000d\n", false},
		"expires":   {policyText + "expires: " + day(100) + "\n", false},
		"key":       {strings.Replace(policyText, "key: release", "key: {name: release, until: "+day(100)+"}", 1), false},
		"exception": {policyText + exception, false},
	} {
		s.write("policy.yaml", tt.policy)
		k := s.keeper()
		if err := k.gate.world.Load().err; err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, got := post(t, k.gate, podReview(ref("good")))
		if !got.Allowed || (k.gate.cache.len() == 1) != tt.cached {
			t.Errorf("%s: allowed %v, %d decisions are kept", name, got.Allowed, k.gate.cache.len())
		}
		_, got = post(t, k.gate, podReview(ref("fork")))
		if got.Allowed != (name == "exception") || got.Allowed && (len(got.Warnings) == 0 || !strings.Contains(got.Warnings[0], "exception for source ends in 8 days")) {
			t.Errorf("%s: an excused image: allowed %v %q %+v", name, got.Allowed, got.Warnings, got.Status)
		}
	}
}

func TestStatus(t *testing.T) {
	s := newSite(t)
	s.evidence("good", "https://example.com/app")
	k := s.keeper()
	post(t, k.gate, podReview(ref("good"), "nginx"))
	post(t, k.gate, podReview(ref("good")))
	var draining atomic.Bool
	h := k.o.statusHandler(k.gate, &draining)
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	_, text := get("/metrics")
	for _, want := range []string{
		`hallmark_admission_reviews_total{verdict="allowed"} 1`,
		`hallmark_admission_reviews_total{verdict="denied"} 1`,
		`hallmark_admission_images_total{verdict="accepted"} 2`,
		`hallmark_admission_images_total{verdict="rejected"} 1`,
		`hallmark_admission_review_seconds_bucket{le="+Inf"} 2`,
		`hallmark_admission_review_seconds_count 2`,
		`hallmark_admission_cache_hits_total 1`,
		`hallmark_admission_cache_entries 1`,
		`hallmark_admission_ready 1`,
		`hallmark_admission_evidence_files 1`,
		`hallmark_admission_evidence_age_seconds `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	types := make(map[string]bool)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			if types[name] {
				t.Errorf("%s is there twice", name)
			}
			types[name] = true
		}
	}
	if code, _ := get("/readyz"); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	draining.Store(true)
	if code, _ := get("/readyz"); code != 503 {
		t.Errorf("/readyz while it drains: %d", code)
	}
	draining.Store(false)
	s.write("policy.yaml", "x")
	k.look()
	if code, text := get("/readyz"); code != 503 || !strings.Contains(text, "cannot be loaded") {
		t.Errorf("/readyz without a policy: %d %s", code, text)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
}

func FuzzReview(f *testing.F) {
	for _, d := range []doc{podReview("a"), review("batch", "v1", "CronJob", doc{"apiVersion": "batch/v1", "kind": "CronJob", "spec": doc{"jobTemplate": doc{"spec": doc{"template": doc{"spec": pod("a")}}}}})} {
		data, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseReview(data)
		if err == nil && (r.uid == "" || len(r.images) == 0) {
			t.Errorf("%+v", r)
		}
		// What is read is what any reader reads.
		if err == nil && !json.Valid(data) {
			t.Error("no JSON")
		}
		for _, c := range r.images {
			if i, err := images.ParseContainer(c.image); err == nil && !strings.HasSuffix(c.image, i.Digest().String()) {
				t.Errorf("%q is %s", c.image, i)
			}
		}
	})
}

func client(roots *x509.CertPool, conns int) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns,
	}}
}

// ask posts a review to a server.
func ask(c *http.Client, url string, body []byte) (allowed bool, err error) {
	r, err := c.Post(url+"/validate?timeout=10s", "application/json", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return false, err
	}
	if r.StatusCode != http.StatusOK {
		return false, fmt.Errorf("HTTP %d: %s", r.StatusCode, data)
	}
	var got response
	if err := json.Unmarshal(data, &got); err != nil {
		return false, err
	}
	return got.Response.Allowed, nil
}
