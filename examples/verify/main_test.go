package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate/gatetest"
	"github.com/hallmark-dev/hallmark/examples/internal/images/imagestest"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/verify"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
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

// decide runs the program with -json and returns what it says of one artifact, or
// why it says nothing.
func decide(t *testing.T, args ...string) (verify.Report, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdout := os.Stdout
	os.Stdout = out
	err = run(t.Context(), append([]string{"-json"}, args...))
	os.Stdout = stdout
	var r verify.Report
	if text := read(t, out.Name()); len(text) > 0 {
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	if err == nil != (r.Verdict == verify.Accepted) || errors.Is(err, cli.ErrFindings) != (r.Verdict == verify.Rejected) {
		t.Errorf("verdict %q, and %v", r.Verdict, err)
	}
	return r, err
}

// attach attaches signed provenance of an image to it, and returns the files with
// the key and a policy.
func attach(t *testing.T, g *imagestest.Registry, image oci.Image) (dir string) {
	t.Helper()
	dir = t.TempDir()
	const commit = "0123456789012345678901234567890123456789"
	payload, err := json.Marshal(map[string]any{
		"_type":         provenance.StatementType,
		"subject":       []any{map[string]any{"name": image.Repository(), "digest": map[string]string{"sha256": image.Digest().Hex()}}},
		"predicateType": provenance.PredicateType,
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType":            provenance.LocalBuildType,
				"externalParameters":   map[string]any{"source": map[string]string{"repository": "https://example.com/app"}},
				"resolvedDependencies": []any{map[string]any{"uri": "git+https://example.com/app", "digest": map[string]string{"gitCommit": commit}}},
			},
			"runDetails": map[string]any{"builder": map[string]string{"id": provenance.LocalBuilder}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed([]byte("this is the seed of a test only!"))
	signer, err := sign.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	env, err := sign.Sign(t.Context(), provenance.MediaType, payload, signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Client().Attach(t.Context(), image, env); err != nil {
		t.Fatal(err)
	}
	line, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := sign.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "image.intoto.jsonl"), string(line))
	write(t, filepath.Join(dir, "key.pub"), string(pem))
	write(t, filepath.Join(dir, "policy.yaml"), fmt.Sprintf(`
builders: [{id: %s, key: release}]
buildTypes: [%s]
source: https://example.com/app
commit: %q
`, provenance.LocalBuilder, provenance.LocalBuildType, commit))
	return dir
}

func TestImages(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("api=%t", api), func(t *testing.T) {
			g := &imagestest.Registry{API: api}
			name, digest := g.Start(t)
			image, err := oci.ParseImage(name + "@" + digest)
			if err != nil {
				t.Fatal(err)
			}
			dir := attach(t, g, image)
			t.Setenv("DOCKER_CONFIG", dir)
			other := g.Put("v2", imagestest.Image("two"))
			base := []string{"-policy", filepath.Join(dir, "policy.yaml"), "-key", "release=" + filepath.Join(dir, "key.pub"), "-plain-http"}
			with := func(more ...string) []string { return append(slices.Clip(base), more...) }

			for _, reference := range []string{name + "@" + digest, name + ":v1@" + digest} {
				r, err := decide(t, with(reference)...)
				if err != nil || "sha256:"+r.Artifact.Digests["sha256"] != digest || r.Artifact.Name != reference || r.Source == nil || r.Source.Repository != "https://example.com/app" {
					t.Errorf("%s: %+v, %v", reference, r, err)
				}
			}
			// Nothing is attached to the other one.
			r, err := decide(t, with(name+"@"+other)...)
			if !errors.Is(err, cli.ErrFindings) || r.Verdict != verify.Rejected {
				t.Errorf("an image without evidence: %+v, %v", r, err)
			}
			// With evidence at hand no registry is asked.
			asked := len(g.Requests)
			r, err = decide(t, with("-evidence", dir, name+"@"+digest)...)
			if err != nil || len(g.Requests) != asked {
				t.Errorf("with -evidence: %+v, %v, %q", r, err, g.Requests[asked:])
			}
			if r, err = decide(t, with("-evidence", dir, name+"@"+other)...); !errors.Is(err, cli.ErrFindings) || r.Verdict != verify.Rejected {
				t.Errorf("another image's evidence: %+v, %v", r, err)
			}

			for reference, want := range map[string]string{
				name + ":v1":                         "it has a tag, which can move, and no digest: resolve the tag once",
				name:                                 "no digest, want",
				name + "@sha256:12":                  "malformed",
				"team/app@" + digest:                 "no registry before the repository",
				"https://" + name + "@" + digest:     "a scheme before the registry",
				"no.such/file":                       "no such file",
				name + "/other@" + digest:            "manifest",
				"127.0.0.1:1/team/app@" + digest:     "connect",
				name + "@sha512:" + digest[7:]:       "malformed",
				strings.ToUpper(name) + "@" + digest: "not the name of a repository",
			} {
				asked := len(g.Requests)
				r, err := decide(t, with(reference)...)
				if err == nil || errors.Is(err, cli.ErrFindings) || r.Verdict != verify.Undecided || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %+v, %v, want %s", reference, r, err, want)
				}
				if strings.HasSuffix(reference, ":v1") && len(g.Requests) != asked {
					t.Errorf("%s: a tag was looked up", reference)
				}
			}

			// A registry that fails is no registry without evidence.
			g.Refuse = func(*http.Request) int { return http.StatusForbidden }
			if r, err := decide(t, with(name+"@"+digest)...); r.Verdict != verify.Undecided || !strings.Contains(fmt.Sprint(err), "403") {
				t.Errorf("a registry that refuses: %+v, %v", r, err)
			}
		})
	}
}

// Whoever is told from the corpus's set about builders signs without a key.
const issuer = "https://token.actions.githubusercontent.com"

// builderPolicy accepts what the set expects, of a builder that is named exactly.
func builderPolicy(builder, issuer string) string {
	return fmt.Sprintf(`
builders:
  - id: %s
    workflow: {issuer: %s}
    level: 3
source: https://github.com/acme/app
sourceID: "42"
ownerID: "7"
environments: [production]
refs: {tags: [v2.0.0]}
commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
buildTypes: [https://actions.github.io/buildtypes/workflow/v1]
parameters: {/workflow/path: .github/workflows/release.yml}
`, builder, issuer)
}

// Of the corpus's set about builders, what must be accepted is, by a policy file that
// names the release of the builder, and what must be rejected is not.
func TestBuilderIdentity(t *testing.T) {
	corpus := os.Getenv("HALLMARK_CORPUS")
	if corpus == "" {
		t.Skip("HALLMARK_CORPUS is not set")
	}
	set := filepath.Join(corpus, "verify", "builder-identity")
	var file struct {
		Cases []struct {
			ID, Want, Class, Bundle string
			ExpectationOverride     map[string]any
		}
	}
	if err := json.Unmarshal(read(t, filepath.Join(set, "cases.json")), &file); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := func(policy, bundle string) []string {
		return []string{
			"-policy", write(t, filepath.Join(dir, "policy.yaml"), policy), "-trusted-root", filepath.Join(set, "trusted_root.json"),
			"-evidence", bundle, filepath.Join(set, "artifact"),
		}
	}
	release := regexp.MustCompile(`^https://github\.com/acme/builder/\.github/workflows/build\.yml@refs/tags/v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`)
	accepted := 0
	for _, c := range file.Cases {
		pin := ""
		for what, value := range c.ExpectationOverride {
			if what == "builder.digest" {
				pin = fmt.Sprintf("    commit: %s\n", value)
			}
		}
		if c.ExpectationOverride != nil && pin == "" {
			continue // a policy file does not ask for several logs
		}
		bundle := filepath.Join(set, filepath.FromSlash(c.Bundle))
		builder := "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v1.2.3"
		if uri := certified(read(t, bundle)); release.MatchString(uri) {
			builder = uri
		}
		r, err := decide(t, args(strings.Replace(builderPolicy(builder, issuer), "    level: 3\n", "    level: 3\n"+pin, 1), bundle)...)
		if (r.Verdict == verify.Accepted) != (c.Want == "accept") {
			t.Errorf("%s: %s, want %s: %v, %v", c.ID, r.Verdict, c.Want, r.Checks, err)
		}
		if r.Verdict != verify.Accepted {
			continue
		}
		accepted++
		if r.Level != 3 || r.Builder.ID != builder {
			t.Errorf("%s: level %d, builder %s", c.ID, r.Level, r.Builder.ID)
		}
		for name, policy := range map[string]string{
			"another issuer":  builderPolicy(builder, "https://gitlab.com"),
			"another builder": builderPolicy(builder+"0", issuer),
			"another release": strings.Replace(builderPolicy(builder, issuer), "tags: [v2.0.0]", "tags: [v2.0.1]", 1),
		} {
			if r, err := decide(t, args(policy, bundle)...); !errors.Is(err, cli.ErrFindings) {
				t.Errorf("%s, %s: %s, %v", c.ID, name, r.Verdict, err)
			}
		}
	}
	if accepted == 0 {
		t.Error("nothing was accepted")
	}
}

// certified returns the URI that the certificate of a bundle has, if it can be read.
func certified(bundle []byte) string {
	var b struct {
		VerificationMaterial struct{ Certificate struct{ RawBytes []byte } }
	}
	if json.Unmarshal(bundle, &b) != nil {
		return ""
	}
	c, err := x509.ParseCertificate(b.VerificationMaterial.Certificate.RawBytes)
	if err != nil || len(c.URIs) != 1 {
		return ""
	}
	return c.URIs[0].String()
}

// A policy with somebody who signs without a key needs a trusted root, and one that is.
func TestTrustedRoot(t *testing.T) {
	dir := t.TempDir()
	app := write(t, filepath.Join(dir, "app"), "app")
	write(t, app+".sigstore.json", "{}")
	policy := write(t, filepath.Join(dir, "policy.yaml"), builderPolicy("https://example.com/b", issuer))
	empty := write(t, filepath.Join(dir, "empty"), "")
	large := write(t, filepath.Join(dir, "large"), string(bytes.Repeat([]byte(" "), 8<<20)))
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"without one":  {nil, `line 4: workflow "https://example.com/b": give the trusted root of its Sigstore instance with -trusted-root FILE`},
		"missing":      {[]string{"-trusted-root", filepath.Join(dir, "no")}, "no such file"},
		"empty":        {[]string{"-trusted-root", empty}, "empty: malformed trusted root"},
		"large":        {[]string{"-trusted-root", large}, "larger than"},
		"no authority": {[]string{"-trusted-root", write(t, filepath.Join(dir, "none.json"), `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)}, "sigstore: trusted root without a log"},
	} {
		err := run(t.Context(), append(append([]string{"-policy", policy}, test.args...), app))
		if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// Bad input is one line, and decides nothing.
func TestBadInput(t *testing.T) {
	s := gatetest.New(t)
	s.Good("app")
	file := s.Write("file", "app")
	base := []string{"-policy", s.Path("policy.yaml"), "-key", "release=" + s.Path("release.pub"), "-evidence", s.Path("evidence")}
	if r, err := decide(t, append(base, file)...); err != nil || r.Verdict != verify.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	with := func(i int, value string) []string {
		args := append(slices.Clone(base), file)
		args[i] = value
		return args
	}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no artifact":          {base, "no artifact to verify"},
		"no policy":            {[]string{file}, "no -policy"},
		"missing policy":       {with(1, s.Path("none")), "no such file"},
		"empty policy":         {with(1, s.Write("empty", "")), "malformed policy: it is empty"},
		"policy of nothing":    {with(1, s.Write("nothing", "{}")), "malformed policy: line 1: it is empty"},
		"truncated policy":     {with(1, s.Write("truncated.json", `{"builders": [{"id": "x"`)), "malformed policy"},
		"wrong key":            {with(3, "release="+file), "no PEM block"},
		"no key":               {with(3, "other="+s.Path("other.pub")), "give it with -key release=FILE"},
		"missing key":          {with(3, "release="+s.Path("none")), "no such file"},
		"missing evidence":     {with(5, s.Path("none")), "no such file"},
		"truncated evidence":   {with(5, s.Write("broken.intoto.jsonl", `{"payloadType":"`)), "no evidence can be read"},
		"missing artifact":     {with(6, s.Path("none")), "no such file"},
		"directory":            {with(6, s.Dir), "not a regular file"},
		"time that is none":    {append([]string{"-at", "soon"}, append(base, file)...), "want a time such as"},
		"flags behind":         {append([]string{file}, base...), "-policy is behind an argument: flags come first"},
		"another trusted root": {append([]string{"-trusted-root", file}, append(base, file)...), "malformed trusted root"},
	} {
		r, err := decide(t, tt.args...)
		if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), tt.want) || r.Verdict != "" && r.Verdict != verify.Undecided {
			t.Errorf("%s: %q, %v, want %s", name, r.Verdict, err, tt.want)
		}
	}
	stdout := os.Stdout
	var err error
	if os.Stdout, err = os.Open(file); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{file}, {"-json", file}, {"-explain"}} {
		if err := run(t.Context(), append(slices.Clone(base), flags...)); err == nil || errors.Is(err, cli.ErrFindings) {
			t.Errorf("%q: what cannot be written: %v", flags, err)
		}
	}
	os.Stdout.Close()
	os.Stdout = stdout
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, append(base, file)); !errors.Is(err, context.Canceled) || errors.Is(err, cli.ErrFindings) {
		t.Errorf("a cancelled context: %v", err)
	}
}
