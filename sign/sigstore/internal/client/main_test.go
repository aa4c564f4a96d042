package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	who := []string{"--certificate-identity", "x", "--certificate-oidc-issuer", "y"}
	for _, test := range []struct {
		args []string
		exit int
		want string
	}{
		{nil, 2, "usage: "},
		{[]string{"sign"}, 2, "usage: "},
		{[]string{"verify-bundle"}, 2, "usage: "},
		{[]string{"verify-bundle", "--bundle"}, 2, "flag needs an argument"},
		{append([]string{"verify-bundle", "--bundle", file}, append(who, file)...), 2, "no trusted root is fetched"},
		{append([]string{"verify-bundle", "--staging", "--bundle", file}, append(who, "--trusted-root", file, file)...), 2, "no trusted root is fetched"},
		{append([]string{"verify-bundle", "--bundle", file, "--key", file}, append(who, "--trusted-root", file, file)...), 2, "usage: "},
		{[]string{"verify-bundle", "--bundle", file, "--certificate-identity", "x", "--trusted-root", file, file}, 2, "usage: "},
		{append([]string{"verify-bundle", "--bundle", file}, append(who, "--trusted-root", file+"x", file)...), 1, "no such file"},
		{append([]string{"verify-bundle", "--bundle", file}, append(who, "--trusted-root", file, file)...), 1, "malformed trusted root"},
	} {
		var stderr bytes.Buffer
		exit := run(t.Context(), test.args, &stderr)
		if exit != test.exit || !strings.Contains(stderr.String(), test.want) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: exit %d, stderr %q, want %d with %q on one line", test.args, exit, &stderr, test.exit, test.want)
		}
	}
}

// reasons are what can be wrong, how a case says so, in words of its name or its
// README, and how the client does.
func reasons() []reason {
	return []reason{
		{"json", "json base64 encoding malformed negative truncated", `malformed bundle: `},
		{"version", "version unsupported mediatype", `malformed bundle: media type|bundle of version`},
		{"trusted root", "trust trusted root instance staging", `malformed trusted root|which the trusted root does not have|certificate: at `},
		{"certificate", "cert certificate chain leaf ca extension authority", `certificate: |malformed certificate|certificate chain|certificate \d|another certificate`},
		{"certificate log", "ct ctlog sct ctfe", `certificate log: `},
		{"identity", "identity issuer san oidc", `the certificate is (of|for)`},
		{"log entry", "entry hashedrekord mismatch log tlog kind body rekor", `log entry \d+: (its body|it is |a ")|log entry \d+ is a duplicate|not enough log entries`},
		{"promise", "promise set", `inclusion promise|the verified time`},
		{"proof", "proof inclusion merkle", `inclusion proof`},
		{"checkpoint", "checkpoint", `checkpoint`},
		{"time", "timestamp tsa time integrated validity expired", `timestamp \d+: |verified time|log's key was not valid|its time|a time, which`},
		{"signature", "sig sigs signature signatures", `another signature|signature: |signatures, want|message signature`},
		{"key", "key keyhint hint", `malformed public key|another key|another certificate|is of key|checkpoint: signature`},
		{"artifact", "material artifact digest payload envelope subject statement", `another artifact|another payload|another signature, key or payload`},
	}
}

type reason struct{ name, words, pattern string }

// named are the reasons that words name.
func named(text string) (all []string) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, r := range reasons() {
		if slices.ContainsFunc(strings.Fields(r.words), func(w string) bool { return slices.Contains(words, w) }) {
			all = append(all, r.name)
		}
	}
	return all
}

// given are the reasons that the client gives.
func given(stderr string) (all []string) {
	for _, r := range reasons() {
		if regexp.MustCompile(r.pattern).MatchString(stderr) {
			all = append(all, r.name)
		}
	}
	return all
}

// The official suite: each case by the path and by the digest of its artifact. A
// case that must fail does so for the reason that its name gives or, if that says
// nothing, its README.
func TestConformance(t *testing.T) {
	corpus := os.Getenv("HALLMARK_CORPUS")
	if corpus == "" {
		t.Skip("HALLMARK_CORPUS is not set")
	}
	dir := filepath.Join(corpus, "verify", "sigstore-conformance")
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Case, Readme, Identity, Issuer, TrustedRoot, Artifact string
		WantFail, Key                                         bool
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range cases {
		t.Run(c.Case, func(t *testing.T) {
			if c.WantFail != strings.HasSuffix(c.Case, "_fail") {
				t.Errorf("the name says otherwise than %t", c.WantFail)
			}
			dir := filepath.Join(dir, "assets", "bundle-verify", c.Case)
			args := []string{"verify-bundle", "--bundle", filepath.Join(dir, "bundle.sigstore.json")}
			if c.Key {
				args = append(args, "--key", filepath.Join(dir, "key.pub"))
			} else {
				args = append(args, "--certificate-identity", c.Identity, "--certificate-oidc-issuer", c.Issuer)
			}
			root := filepath.Join(dir, c.TrustedRoot)
			if c.TrustedRoot == "<production>" {
				root = filepath.Join(corpus, "verify", "sigstore-roots", "production", "trusted_root.json")
			}
			args = append(args, "--trusted-root", root)
			path := filepath.Join(dir, c.Artifact)
			app, err := hallmark.HashFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, arg := range []string{path, app.Digests[0].String()} {
				var stderr bytes.Buffer
				exit := run(t.Context(), append(slices.Clip(args), arg), &stderr)
				if (exit != 0) != c.WantFail || exit > 1 {
					t.Fatalf("%s: exit %d, %s", arg, exit, &stderr)
				}
				if !c.WantFail {
					continue
				}
				want := named(strings.TrimSuffix(c.Case, "_fail"))
				if want == nil {
					want = named(c.Readme)
				}
				if want == nil {
					t.Logf("neither the name nor %q gives a reason; ours: %s", c.Readme, &stderr)
					continue
				}
				got := given(stderr.String())
				if !slices.ContainsFunc(got, func(r string) bool { return slices.Contains(want, r) }) {
					t.Errorf("%s: the reason is %q, want one of %q: %s", arg, got, want, &stderr)
				}
			}
		})
	}
}
