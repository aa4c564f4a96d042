package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/hallmark-dev/hallmark/examples/internal/images/imagestest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// The key ed25519 with the passphrase "correct horse", as openssl genpkey -aes256
// writes it.
const encryptedPKCS8 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhnrSlKv4FSawICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEL9EdvQmSPwOAmqEwiogN2kEQJGf
mGPL6jNQmVN7FZaLsGgY7Iu+IpVGisnYF26HuCVvznubY9tnO+1O2O+GXDLge0+5
eI/XFKJ7kRA9hFwuvVI=
-----END ENCRYPTED PRIVATE KEY-----
`

// Encrypted keys of all kinds sign with their passphrase, with or without the end of
// a line after it, and are refused without it, and with another one.
func TestPassphrase(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	w := newWorkplace(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const phrase = "correct horse"
	sigstore, err := sign.EncryptPrivateKey(private, []byte(phrase))
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(phrase))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sign.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	passphrase := write(t, filepath.Join(w.dir, "passphrase"), phrase+"\r\n")
	bare := write(t, filepath.Join(w.dir, "bare"), phrase)
	wrong := write(t, filepath.Join(w.dir, "wrong"), "battery staple")
	for name, key := range map[string]string{
		"PKCS8":   encryptedPKCS8,
		"OpenSSH": string(pem.EncodeToMemory(block)),
		"cosign":  string(sigstore),
	} {
		file, out := write(t, filepath.Join(w.dir, name+".pem"), key), filepath.Join(w.dir, name+".jsonl")
		attest := func(more ...string) error {
			args := append([]string{"-key", file, "-dir", w.repo, "-o", out}, more...)
			err := run(t.Context(), append(args, w.app), new(bytes.Buffer), environ(nil), nil)
			if _, statErr := os.Stat(out); err != nil && statErr == nil {
				t.Fatalf("%s: something was written", name)
			}
			if err != nil && strings.Contains(err.Error(), "battery") {
				t.Errorf("%s: the passphrase is in %q", name, err)
			}
			return err
		}
		if err := attest(); !errors.Is(err, sign.ErrEncrypted) || !strings.Contains(err.Error(), "-passphrase") {
			t.Errorf("%s without a passphrase: %v", name, err)
		}
		if err := attest("-passphrase", wrong); !errors.Is(err, sign.ErrPassphrase) {
			t.Errorf("%s with a wrong one: %v", name, err)
		}
		if err := attest("-passphrase", filepath.Join(w.dir, "no")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s with one that is not there: %v", name, err)
		}
		if err := attest("-passphrase", passphrase); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := attest("-passphrase", bare); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		// Twice the same signature is one line.
		env, err := sign.Parse(bytes.TrimSpace(data))
		if err != nil {
			t.Fatal(err)
		}
		sig := env.Signatures[0]
		if name == "PKCS8" {
			continue // another key
		}
		if err := verifier.Verify(t.Context(), env.PAE(), sig.Sig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = run(t.Context(), []string{"-key", w.key, "-passphrase", passphrase, "-dir", w.repo, w.app}, new(bytes.Buffer), environ(nil), nil)
	if err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("a passphrase for a key that is not encrypted: %v", err)
	}
}

// The image is a subject, by the digest that its tag has at one moment, and the
// envelope is attached to it, with the referrers API and without, and once only.
func TestOCI(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("api=%t", api), func(t *testing.T) {
			w := newWorkplace(t)
			g := &imagestest.Registry{API: api, Username: "user", Password: "secret horse"}
			name, digest := g.Start(t)
			t.Setenv("DOCKER_CONFIG", w.dir)
			host, _, _ := strings.Cut(name, "/")
			write(t, filepath.Join(w.dir, "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("user:secret horse"))))
			var moved bool
			g.Refuse = func(r *http.Request) int {
				// The tag moves as soon as it was looked at.
				if strings.HasSuffix(r.URL.Path, "/manifests/"+digest) && !moved {
					moved = true
					g.Put("v1", imagestest.Image("two"))
				}
				return 0
			}
			var out bytes.Buffer
			args := []string{"-key", w.key, "-dir", w.repo, "-plain-http", "-oci", name + ":v1"}
			if err := run(t.Context(), args, &out, environ(nil), http.DefaultClient); err != nil {
				t.Fatal(err)
			}
			if want := digest + "  " + name + "  attached\n"; out.String() != want {
				t.Errorf("got %q, want %q", out.String(), want)
			}
			// By its digest, with files beside it, and what is attached already.
			file := filepath.Join(w.dir, "all.jsonl")
			args = []string{"-key", w.key, "-dir", w.repo, "-plain-http", "-oci", name + "@" + digest, "-o", file, w.app}
			for range 2 {
				if err := run(t.Context(), args, &out, environ(nil), http.DefaultClient); err != nil {
					t.Fatal(err)
				}
			}
			var names []string
			for _, st := range attested(t, file) {
				for _, s := range st.Subjects {
					names = append(names, s.Name+"@"+s.Digest.Digests()[0].String())
				}
			}
			if len(names) != 2 || names[0] != name+"@"+digest {
				t.Errorf("subjects %q", names)
			}

			i, err := oci.ParseImage(name + "@" + digest)
			if err != nil {
				t.Fatal(err)
			}
			found, skipped, err := g.Client().Find(t.Context(), i)
			if err != nil || len(skipped) > 0 {
				t.Fatal(err, skipped)
			}
			if len(found) != 2 {
				t.Errorf("%d envelopes are attached, want 2", len(found))
			}
			for _, f := range found {
				st, err := provenance.Parse(f.Envelope.Payload)
				if err != nil || !strings.Contains(fmt.Sprint(st.Subjects), strings.TrimPrefix(digest, "sha256:")) {
					t.Errorf("%v: %v", st, err)
				}
			}
			if strings.Contains(out.String(), "secret") {
				t.Errorf("the password is in\n%s", out.String())
			}
		})
	}
}

// Where the registry or the image is not as it should be, nothing is attached and
// nothing is written; and where the fault is on this machine, nothing is asked.
func TestOCIRefuses(t *testing.T) {
	w := newWorkplace(t)
	t.Setenv("DOCKER_CONFIG", w.dir)
	other := strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		args    []string // beside -plain-http
		refuse  func(r *http.Request) int
		closed  bool // to those who do not know its password
		want    string
		unasked bool
	}{
		"no such tag":       {args: []string{"-oci", "NAME:v2"}, want: "manifest v2"},
		"no such image":     {args: []string{"-oci", "NAME@sha256:" + other}, want: other},
		"no tag":            {args: []string{"-oci", "NAME"}, want: "neither a tag nor a digest", unasked: true},
		"no reference":      {args: []string{"-oci", "app:v1"}, want: "no registry", unasked: true},
		"no password":       {args: []string{"-oci", "NAME:v1"}, closed: true, want: "credential not found"},
		"twice the same":    {args: []string{"-oci", "NAME:v1", "-oci", "NAME:v1"}, want: "is also the name of subject 0"},
		"no right to write": {args: []string{"-oci", "NAME:v1"}, refuse: forbid, want: "403"},
		"no key":            {args: []string{"-oci", "NAME:v1", "-key", filepath.Join(w.dir, "no")}, want: "no such file", unasked: true},
		"no place":          {args: []string{"-oci", "NAME:v1", "-o", filepath.Join(w.dir, "no", "x")}, want: "no such file", unasked: true},
		"no predicate":      {args: []string{"-oci", "NAME:v1", "-predicate", filepath.Join(w.dir, "no")}, want: "no such file", unasked: true},
		"no file":           {args: []string{"-oci", "NAME:v1", filepath.Join(w.dir, "no")}, want: "no such file", unasked: true},
		"no identity":       {args: []string{"-oci", "NAME:v1", "-keyless", "-key", ""}, want: "no identity token", unasked: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := &imagestest.Registry{Refuse: test.refuse}
			if test.closed {
				g.Password = "another horse"
			}
			image, _ := g.Start(t)
			before := len(g.Manifests)
			out := filepath.Join(t.TempDir(), "out.jsonl")
			args := []string{"-key", w.key, "-dir", w.repo, "-plain-http", "-o", out}
			for _, a := range test.args {
				args = append(args, strings.Replace(a, "NAME", image, 1))
			}
			err := run(t.Context(), args, new(bytes.Buffer), environ(nil), http.DefaultClient)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if len(g.Manifests) != before {
				t.Errorf("something was attached")
			}
			if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) > 0 {
				t.Errorf("something was written: %v", entries)
			}
			if test.unasked && len(g.Requests) > 0 {
				t.Errorf("the registry was asked: %q", g.Requests)
			}
		})
	}

	// One that is gone.
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	err := run(t.Context(), []string{"-key", w.key, "-dir", w.repo, "-plain-http", "-oci", strings.TrimPrefix(server.URL, "http://") + "/team/app:v1"}, new(bytes.Buffer), environ(nil), http.DefaultClient)
	if err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("a registry that is gone: %v", err)
	}
}

// forbid lets nobody write.
func forbid(r *http.Request) int {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return http.StatusForbidden
	}
	return 0
}

// A summary that was opened for nothing is not left behind, and one of others is
// left as it was.
func TestSummaryOfNothing(t *testing.T) {
	w := newWorkplace(t)
	t.Setenv("DOCKER_CONFIG", w.dir)
	g := &imagestest.Registry{Refuse: forbid}
	image, _ := g.Start(t)
	fresh, old := filepath.Join(w.dir, "fresh.md"), write(t, filepath.Join(w.dir, "old.md"), "# Job\n")
	for _, summary := range []string{fresh, old} {
		err := run(t.Context(), []string{"-key", w.key, "-dir", w.repo, "-summary", summary, "-plain-http", "-oci", image + ":v1"}, new(bytes.Buffer), environ(nil), http.DefaultClient)
		if err == nil {
			t.Fatal("attached to a registry that nobody may write to")
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("an empty summary was left")
	}
	if data, err := os.ReadFile(old); err != nil || string(data) != "# Job\n" {
		t.Errorf("%q, %v", data, err)
	}
}

// What can be wrong with the flags for signing without a key.
func TestKeylessRefuses(t *testing.T) {
	w := newWorkplace(t)
	garbage := write(t, filepath.Join(w.dir, "garbage"), "garbage")
	gitLab := map[string]string{"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": "a.b.c"}
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"with a key":           {[]string{"-key", w.key}, gitLab, "want one of them"},
		"with a passphrase":    {[]string{"-passphrase", garbage}, gitLab, "-passphrase without -key"},
		"a root alone":         {[]string{"-trusted-root", garbage}, gitLab, "want both"},
		"a config alone":       {[]string{"-signing-config", garbage}, gitLab, "want both"},
		"no root":              {[]string{"-trusted-root", "no", "-signing-config", garbage}, gitLab, "open no:"},
		"a root that is none":  {[]string{"-trusted-root", garbage, "-signing-config", garbage}, gitLab, garbage + ": malformed trusted root"},
		"no CI":                {nil, nil, "no job of a system"},
		"no permission":        {nil, map[string]string{"GITHUB_ACTIONS": "true"}, "id-token: write"},
		"no variable":          {nil, map[string]string{"GITLAB_CI": "true"}, "SIGSTORE_ID_TOKEN is not set"},
		"several systems":      {nil, map[string]string{"GITLAB_CI": "true", "GITHUB_ACTIONS": "true"}, "which system"},
		"http without an -oci": {[]string{"-plain-http"}, gitLab, "without -oci"},
	} {
		out := filepath.Join(t.TempDir(), "out.jsonl")
		args := append([]string{"-keyless", "-dir", w.repo, "-o", out}, test.args...)
		offline := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s: %s was asked", name, r.URL)
			return nil, errors.New("offline")
		})}
		err := run(t.Context(), append(args, w.app), new(bytes.Buffer), environ(test.env), offline)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) > 0 {
			t.Errorf("%s: something was written: %v", name, entries)
		}
	}
	if err := run(t.Context(), []string{"-key", w.key, "-trusted-root", garbage, w.app}, new(bytes.Buffer), environ(nil), nil); err == nil || !strings.Contains(err.Error(), "are for -keyless") {
		t.Errorf("an instance without -keyless: %v", err)
	}
}

type roundTripper func(r *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
