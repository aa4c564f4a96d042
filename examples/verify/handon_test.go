package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// printed runs the program and returns what it prints.
func printed(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	err = run(t.Context(), args)
	os.Stdout = stdout
	return string(read(t, out.Name())), err
}

// A place has an image "app" with good evidence, and one "bad" with none that counts.
func place(t *testing.T) (s *gatetest.Site, base []string) {
	t.Helper()
	s = gatetest.New(t)
	s.Good("app")
	s.Sign(s.Other, "bad", gatetest.Provenance("bad", provenance.LocalBuilder, gatetest.Source))
	return s, []string{"-policy", s.Path("policy.yaml"), "-key", "release=" + s.Path("release.pub"), "-evidence", s.Path("evidence")}
}

// privateKey writes a private key, and returns its file and that of the public one. It
// is encrypted if there is a passphrase.
func privateKey(t *testing.T, s *gatetest.Site, name, passphrase string) (private, public string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize))
	pem, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := sign.MarshalPrivateKey(key)
	if passphrase != "" {
		text, err = sign.EncryptPrivateKey(key, []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Write(name+".pem", string(text)), s.Write(name+".pub", string(pem))
}

func refused(t *testing.T, name string, err error, want string) {
	t.Helper()
	if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
}

func TestExplain(t *testing.T) {
	_, base := place(t)
	out, err := printed(t, append(base[:4:4], "-explain")...)
	for _, want := range []string{"It must be built from https://example.com/app.\n", "The commit must be gitCommit:" + gatetest.Commit + ".\n"} {
		if err != nil || !strings.Contains(out, want) || strings.Contains(out, "\n\n") || !strings.HasSuffix(out, ".\n") {
			t.Errorf("%q, %v, want %q", out, err, want)
		}
	}
	for name, more := range map[string][]string{"an artifact": {gatetest.Image("app")}, "json": {"-json"}, "expect": {"-expect", "x"}} {
		out, err := printed(t, append(append(slices.Clip(base), "-explain"), more...)...)
		if refused(t, name, err, "-explain verifies nothing"); out != "" {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// The policy for the next release accepts this one, by the same names, and is written of
// nothing else.
func TestExpect(t *testing.T) {
	s, base := place(t)
	s.Write("policy.yaml", "serial: 7\nmaxAge: 90d\nexceptions: [{rule: age, digest: '"+gatetest.Digest("old")+"', owner: o, reason: r, control: c, expires: 2026-12-31}]\n"+gatetest.Policy)
	base = append(slices.Clip(base), "-at", "2026-12-01")
	s.Sign(s.Signer, "app", gatetest.Statement("app", "x:y", nil)) // something else
	next := s.Path("next.yaml")
	// The policy has an age that this evidence does not tell.
	if _, err := printed(t, append(base, "-expect", next, gatetest.Image("app"))...); !errors.Is(err, cli.ErrFindings) {
		t.Fatal(err)
	}
	if _, err := os.Stat(next); err == nil {
		t.Error("a policy was written of what is rejected")
	}
	s.Write("policy.yaml", "serial: 7\n"+gatetest.Policy)
	out, err := printed(t, append(base, "-expect", next, gatetest.Image("app"))...)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := string(read(t, next))
	if !strings.HasPrefix(text, "serial: 8\n") || !strings.Contains(text, "key: release\n") || !strings.Contains(text, gatetest.Source) {
		t.Errorf("%s", text)
	}
	for image, want := range map[string]string{"app": verify.Accepted, "bad": verify.Rejected} {
		args := slices.Clone(base)
		args[1] = next
		if r, err := decide(t, append(args, gatetest.Image(image))...); r.Verdict != want {
			t.Errorf("%s by the next policy: %+v, %v", image, r, err)
		}
	}

	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"two artifacts": {[]string{"-expect", s.Path("no"), gatetest.Image("app"), gatetest.Image("app")}, "2 artifacts, and -expect and -vsa are about one"},
		"no directory":  {[]string{"-expect", s.Path("none/no"), gatetest.Image("app")}, "no such file"},
		"a directory":   {[]string{"-expect", s.Dir, gatetest.Image("app")}, "replace "},
		"undecided":     {[]string{"-expect", s.Path("no"), s.Path("none")}, "no such file"},
	} {
		_, err := printed(t, append(slices.Clip(base), tt.args...)...)
		refused(t, name, err, tt.want)
		if _, err := os.Stat(s.Path("no")); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
}

// Whoever trusts the verifier need not see the provenance.
func TestSummary(t *testing.T) {
	s, base := place(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1796083200")
	private, public := privateKey(t, s, "verifier", "")
	encrypted, _ := privateKey(t, s, "encrypted", "secret")
	const me = "https://example.com/verifier"
	summary := s.Path("app.vsa.jsonl")
	tagged := strings.Replace(gatetest.Image("app"), "@", ":v1@", 1)
	args := append(slices.Clip(base), "-vsa", summary, "-vsa-key", private, "-verifier", me)
	if out, err := printed(t, append(args, tagged)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first := read(t, summary)
	env, err := sign.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	st, err := provenance.Parse(env.Payload)
	if err != nil {
		t.Fatal(err)
	}
	v, err := provenance.ParseVSA(st)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(read(t, s.Path("policy.yaml")))
	named := policyfile.Descriptor("", read(t, s.Path("policy.yaml")))
	if v.ResourceURI != "oci://"+gatetest.Image("app") || v.Verifier.ID != me || v.Policy.URI != "ni:///sha-256;"+base64.RawURLEncoding.EncodeToString(sum[:]) || v.Policy.Digest["sha256"] != named.Digest["sha256"] || v.TimeVerified.Unix() != 1796083200 {
		t.Errorf("%+v", v)
	}
	// The same again is the same line; the time of -at is another one.
	for range 2 {
		if _, err := printed(t, append(args, tagged)...); err != nil || !bytes.Equal(read(t, summary), first) {
			t.Errorf("%v: %s", err, read(t, summary))
		}
	}
	if _, err := printed(t, append(args, "-at", "2026-12-02", "-resource", "pkg:generic/app", tagged)...); err != nil {
		t.Error(err)
	}
	if all := read(t, summary); bytes.Count(all, []byte("\n")) != 2 || !bytes.HasPrefix(all, first) {
		t.Errorf("%s", all)
	}

	policy := func(resource, digest string) string {
		return s.Write("consumer.yaml", fmt.Sprintf("require: [{predicateType: %s, keys: [verifier], summary: {verifier: %s, resource: '%s', level: 1, policy: 'sha256:%s'}}]\n", provenance.VSAType, me, resource, digest))
	}
	for name, tt := range map[string]struct {
		image, policy, key, want string
	}{
		"the image":        {"app", policy("oci://"+gatetest.Image("app"), named.Digest["sha256"]), public, verify.Accepted},
		"another image":    {"bad", "", public, verify.Rejected},
		"another key":      {"app", "", s.Path("other.pub"), verify.Rejected},
		"another resource": {"app", "x", public, verify.Rejected},
	} {
		policy("oci://"+gatetest.Image("app"), named.Digest["sha256"])
		if tt.policy == "x" {
			policy("oci://registry.example/other", named.Digest["sha256"])
		}
		r, err := decide(t, "-policy", s.Path("consumer.yaml"), "-key", "verifier="+tt.key, "-evidence", summary, gatetest.Image(tt.image))
		if r.Verdict != tt.want {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}

	no := s.Path("no.jsonl")
	if _, err := printed(t, append(slices.Clip(base), "-vsa", no, "-vsa-key", private, "-verifier", me, gatetest.Image("bad"))...); !errors.Is(err, cli.ErrFindings) {
		t.Errorf("%v", err)
	}
	passphrase := s.Write("passphrase", "secret\n")
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no key":            {[]string{"-vsa", no, "-verifier", me, tagged}, "-vsa without -vsa-key"},
		"no verifier":       {[]string{"-vsa", no, "-vsa-key", private, tagged}, "-vsa without -verifier"},
		"a bad verifier":    {[]string{"-vsa", no, "-vsa-key", private, "-verifier", "me", tagged}, "not an absolute URI"},
		"a bad resource":    {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, "-resource", "app", tagged}, "not an absolute URI"},
		"a bad policy URI":  {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, "-policy-uri", "p.yaml", tagged}, "not an absolute URI"},
		"no -vsa":           {[]string{"-verifier", me, tagged}, "are for -vsa"},
		"no resource":       {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, gatetest.Digest("app")}, "-vsa without -resource"},
		"two artifacts":     {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, tagged, tagged}, "2 artifacts"},
		"no file":           {[]string{"-vsa", no, "-vsa-key", s.Path("none"), "-verifier", me, tagged}, "no such file"},
		"a public key":      {[]string{"-vsa", no, "-vsa-key", public, "-verifier", me, tagged}, "verifier.pub: "},
		"no passphrase":     {[]string{"-vsa", no, "-vsa-key", encrypted, "-verifier", me, tagged}, "give it with -passphrase"},
		"one file":          {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, "-expect", no, tagged}, "name the same file"},
		"no JSON Lines":     {[]string{"-vsa", s.Path("policy.yaml"), "-vsa-key", private, "-verifier", me, tagged}, "policy.yaml"},
		"no directory":      {[]string{"-vsa", s.Path("none/x"), "-vsa-key", private, "-verifier", me, tagged}, "no such file"},
		"both, and one bad": {[]string{"-vsa", no, "-vsa-key", private, "-verifier", me, "-expect", s.Path("none/x"), tagged}, "no such file"},
	} {
		_, err := printed(t, append(slices.Clip(base), tt.args...)...)
		refused(t, name, err, tt.want)
		if _, err := os.Stat(no); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
	if _, err := printed(t, append(slices.Clip(base), "-vsa", no, "-vsa-key", encrypted, "-passphrase", passphrase, "-verifier", me, tagged)...); err != nil {
		t.Error(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	_, err = printed(t, append(slices.Clip(base), "-vsa", no, "-vsa-key", private, "-verifier", me, tagged)...)
	refused(t, "a time that is none", err, "SOURCE_DATE_EPOCH")
}

// With -policy-key only what one of the keys has signed is a policy.
func TestSignedPolicy(t *testing.T) {
	s, base := place(t)
	_, admin := privateKey(t, s, "admin", "")
	good := "serial: 7\nexpires: 2127-01-31\n" + gatetest.Policy
	signed := func(payloadType, text string, by sign.SignerVerifier) string {
		env, err := sign.Sign(t.Context(), payloadType, []byte(text), by)
		if err != nil {
			t.Fatal(err)
		}
		line, err := env.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return string(line) + "\n"
	}
	release, other := []string{"-policy-key", s.Path("release.pub")}, []string{"-policy-key", admin}
	for name, tt := range map[string]struct {
		text string
		more []string
		want string // of the error
	}{
		"signed":             {signed(policyfile.MediaType, good, s.Signer), release, ""},
		"by one of two":      {signed(policyfile.MediaType, good, s.Signer), append(slices.Clip(other), release...), ""},
		"that serial":        {signed(policyfile.MediaType, good, s.Signer), append(slices.Clip(release), "-min-serial", "7"), ""},
		"unsigned, serial":   {good, []string{"-min-serial", "7"}, ""},
		"by another":         {signed(policyfile.MediaType, good, s.Other), release, "not signed by this identity"},
		"unsigned":           {good, release, "policy.yaml: not signed, as -policy-key demands of a policy"},
		"no key":             {signed(policyfile.MediaType, good, s.Signer), nil, "policy.yaml: an envelope, and no policy: give the key that must have signed the policy in it with -policy-key FILE"},
		"a statement":        {signed(provenance.MediaType, good, s.Signer), release, "what was signed is a"},
		"without expires":    {signed(policyfile.MediaType, "serial: 7\n"+gatetest.Policy, s.Signer), release, "a signed policy without expires"},
		"expired":            {signed(policyfile.MediaType, "serial: 7\nexpires: 2026-01-31\n"+gatetest.Policy, s.Signer), release, "it expired"},
		"older":              {signed(policyfile.MediaType, good, s.Signer), append(slices.Clip(release), "-min-serial", "8"), "serial 7, and that of the last one was 8"},
		"no serial":          {gatetest.Policy, []string{"-min-serial", "1"}, "no serial"},
		"truncated":          {signed(policyfile.MediaType, good, s.Signer)[:99], release, "not signed"},
		"a key twice":        {good, append(slices.Clip(release), release...), "is there twice"},
		"a key that is none": {good, []string{"-policy-key", s.Path("policy.yaml")}, "-policy-key "},
		"a missing key":      {good, []string{"-policy-key", s.Path("none")}, "no such file"},
		"a negative serial":  {good, []string{"-min-serial", "-1"}, "-min-serial -1"},
	} {
		s.Write("policy.yaml", tt.text)
		r, err := decide(t, append(append(slices.Clip(base), tt.more...), gatetest.Image("app"))...)
		if tt.want != "" {
			refused(t, name, err, tt.want)
		} else if err != nil || r.Verdict != verify.Accepted {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}

	// A summary names the policy, and not the envelope that it was in.
	private, _ := privateKey(t, s, "verifier", "")
	s.Write("policy.yaml", signed(policyfile.MediaType, good, s.Signer))
	args := append(append(slices.Clip(base), release...), "-vsa", s.Path("vsa"), "-vsa-key", private, "-verifier", "https://example.com/v", "-expect", s.Path("next.yaml"), gatetest.Image("app"))
	if _, err := printed(t, args...); err != nil {
		t.Fatal(err)
	}
	env, err := sign.Parse(read(t, s.Path("vsa")))
	if err != nil || !bytes.Contains(env.Payload, []byte(policyfile.Descriptor("", []byte(good)).Digest["sha256"])) {
		t.Errorf("%s, %v", env.Payload, err)
	}
	if n, err := policyfile.Serial(read(t, s.Path("next.yaml"))); n != 8 || err != nil {
		t.Errorf("serial %d, %v", n, err)
	}
}
