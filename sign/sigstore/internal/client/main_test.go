package main

import (
	"bytes"
	"encoding/base64"
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
		{[]string{"sign-bundle"}, 2, "usage: "},
		{[]string{"sign-bundle", "--x"}, 2, "flag provided but not defined"},
		{[]string{"sign-bundle", "--in-toto", "--identity-token", "x", "--bundle", file, file}, 2, "no trusted root and no signing config is fetched"},
		{[]string{"sign-bundle", "--staging", "--in-toto", "--identity-token", "x", "--bundle", file, "--trusted-root", file, "--signing-config", file, file}, 2, "no trusted root and no signing config is fetched"},
		{[]string{"sign-bundle", "--identity-token", "x", "--bundle", file, "--trusted-root", file, "--signing-config", file, file}, 2, "only statements of in-toto"},
		{[]string{"sign-bundle", "--in-toto", "--identity-token", "x", "--bundle", file, "--trusted-root", file, "--signing-config", file, file}, 1, "malformed trusted root"},
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
		{"certificate log", "ct ctlog sct ctfe", `certificate log[: ]`},
		{"identity", "identity issuer san oidc", `the certificate is (of|for)`},
		{"log entry", "entry hashedrekord mismatch log tlog kind body rekor", `log entry \d+: (its body|it is |a ")|log entry \d+ is a duplicate|not enough log entries`},
		{"promise", "promise set", `inclusion promise|the verified time`},
		{"proof", "proof inclusion merkle", `inclusion proof`},
		{"checkpoint", "checkpoint", `checkpoint`},
		{"time", "timestamp tsa time integrated validity expired", `timestamp \d+: |verified time|log's key was not valid|its time|a time, which`},
		{"signature", "sig sigs signature signatures", `another signature|signature: |signatures, want|message signature`},
		{"key", "key keyhint hint", `malformed public key|another key|another certificate|is of key|has a key|checkpoint: signature`},
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
				judge(t, append(slices.Clip(args), arg), c.Case, c.Readme)
			}
		})
	}
}

// judge runs the client, for a case of a name. One that must fail does so for the
// reason that its name gives or, if that says nothing, its README.
func judge(t *testing.T, args []string, name, readme string) {
	t.Helper()
	var stderr bytes.Buffer
	exit := run(t.Context(), args, &stderr)
	cause, fails := strings.CutSuffix(name, "_fail")
	if (exit != 0) != fails || exit > 1 {
		t.Fatalf("%s: exit %d, %s", args, exit, &stderr)
	}
	if !fails {
		return
	}
	want := named(cause)
	if want == nil {
		want = named(readme)
	}
	if want == nil {
		t.Logf("neither the name nor %q gives a reason; ours: %s", readme, &stderr)
		return
	}
	got := given(stderr.String())
	if !slices.ContainsFunc(got, func(r string) bool { return slices.Contains(want, r) }) {
		t.Errorf("%s: the reason is %q, want one of %q: %s", args, got, want, &stderr)
	}
}

type object = map[string]any

// Cases made of those of the suite, for what those have not.
func TestVariations(t *testing.T) {
	corpus := os.Getenv("HALLMARK_CORPUS")
	if corpus == "" {
		t.Skip("HALLMARK_CORPUS is not set")
	}
	assets := filepath.Join(corpus, "verify", "sigstore-conformance", "assets", "bundle-verify")
	production := filepath.Join(corpus, "verify", "sigstore-roots", "production", "trusted_root.json")
	const identity = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
	const issuer = "https://token.actions.githubusercontent.com"

	in := func(o any, path ...string) object {
		for _, p := range path {
			if list, ok := o.([]any); ok {
				o = list[0]
			}
			o = o.(object)[p]
		}
		if list, ok := o.([]any); ok {
			o = list[0]
		}
		return o.(object)
	}
	checkpoint := func(edit func(string) string) func(bundle, root object) {
		return func(bundle, _ object) {
			c := in(bundle, "verificationMaterial", "tlogEntries", "inclusionProof", "checkpoint")
			c["envelope"] = edit(c["envelope"].(string))
		}
	}
	// lines edits the signatures of a checkpoint.
	lines := func(edit func([]string) []string) func(bundle, root object) {
		return checkpoint(func(s string) string {
			text, signatures, _ := strings.Cut(s, "\n\n")
			all := edit(strings.Split(strings.TrimSuffix(signatures, "\n"), "\n"))
			return text + "\n\n" + strings.Join(all, "\n") + "\n"
		})
	}
	flip := func(o object, name string) {
		data, err := base64.StdEncoding.DecodeString(o[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= 1
		o[name] = base64.StdEncoding.EncodeToString(data)
	}
	cosigned := "\u2014 witness.example AAAAAAAAAAAAAAAAAAAAAA=="
	for _, test := range []struct {
		name, from string
		edit       func(bundle, root object)
		noKey      bool
	}{
		{"managed-key-no-key_fail", "managed-key-happy-path", nil, true},
		{"managed-key-no-key_fail", "managed-key-and-trusted-root", nil, true},
		{"set-invalid-signature_fail", "happy-path-v0.1", func(b, _ object) {
			flip(in(b, "verificationMaterial", "tlogEntries", "inclusionPromise"), "signedEntryTimestamp")
		}, false},
		{"signature-mismatch_fail", "happy-path-v0.3", func(b, _ object) { flip(in(b, "messageSignature"), "signature") }, false},
		{"message-digest-mismatch_fail", "happy-path-v0.3", func(b, _ object) { flip(in(b, "messageSignature", "messageDigest"), "digest") }, false},
		{"rekor2-dsse-invalid-sig_fail", "rekor2-dsse-happy-path", func(b, _ object) { flip(in(b, "dsseEnvelope", "signatures"), "sig") }, false},
		{"rekor2-checkpoint-missing-size_fail", "rekor2-happy-path", checkpoint(func(s string) string {
			l := strings.SplitN(s, "\n", 3)
			return l[0] + "\n" + l[2]
		}), false},
		{"rekor2-checkpoint-multiple-cosigs", "rekor2-checkpoint-cosigned", lines(func(l []string) []string { return append(l, cosigned, l[len(l)-1]) }), false},
		{"rekor2-checkpoint-origin-not-first", "rekor2-checkpoint-cosigned", lines(func(l []string) []string { slices.Reverse(l); return l }), false},
		{"rekor2-checkpoint-two-sigs-cosigned", "rekor2-checkpoint-two-sigs-from-origin", lines(func(l []string) []string { return append(l, cosigned) }), false},
		{"bundle-with-root-cert_fail", "happy-path-v0.1", func(b, root object) {
			chain := in(b, "verificationMaterial", "x509CertificateChain")
			authority := in(root, "certificateAuthorities", "certChain")["certificates"].([]any)
			chain["certificates"] = append(chain["certificates"].([]any), authority[len(authority)-1])
			delete(in(b, "verificationMaterial", "tlogEntries", "inclusionProof"), "checkpoint")
		}, false},
		{"invalid-ct-key_fail", "happy-path-v0.3", func(_, root object) {
			for _, l := range root["ctlogs"].([]any) {
				l.(object)["publicKey"].(object)["rawBytes"] = in(root, "tlogs", "publicKey")["rawBytes"]
			}
		}, false},
	} {
		t.Run(test.name+"/"+test.from, func(t *testing.T) {
			from, work := filepath.Join(assets, test.from), t.TempDir()
			files := map[string]string{"bundle": filepath.Join(from, "bundle.sigstore.json"), "root": filepath.Join(from, "trusted_root.json")}
			if _, err := os.Stat(files["root"]); err != nil {
				files["root"] = production
			}
			read := make(map[string]object)
			for name, path := range files {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Skipf("the suite has no such case here: %v", err)
				}
				var o object
				if err := json.Unmarshal(data, &o); err != nil {
					t.Fatal(err)
				}
				read[name] = o
			}
			if test.edit != nil {
				test.edit(read["bundle"], read["root"])
			}
			for name, o := range read {
				data, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				files[name] = filepath.Join(work, name+".json")
				if err := os.WriteFile(files[name], data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"verify-bundle", "--bundle", files["bundle"]}
			if key := filepath.Join(from, "key.pub"); !test.noKey && fileExists(key) {
				args = append(args, "--key", key)
			} else {
				args = append(args, "--certificate-identity", identity, "--certificate-oidc-issuer", issuer)
			}
			judge(t, append(args, "--trusted-root", files["root"], filepath.Join(assets, "a.txt")), test.name, "")
		})
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
