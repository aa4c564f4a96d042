package inspect_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	debuginfo "debug/buildinfo"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/inspect"
)

const repository = "https://example.com/app"

// A release is a Go program that the go command has built of a commit that is signed,
// and the Document of its sources.
type release struct {
	file     string
	artifact hallmark.Artifact
	doc      *sbom.Document
	checkout *git.Checkout
	signers  git.Signers
	getenv   func(string) string
	key      sign.SignerVerifier
}

func newRelease(t *testing.T) *release {
	t.Helper()
	for _, program := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s to make a commit that is signed", program)
		}
	}
	dir, out := t.TempDir(), t.TempDir()
	sums, err := os.ReadFile(filepath.Join("..", "..", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.26.0\n\nrequire golang.org/x/mod v0.42.0\n",
		"go.sum":  strings.Join(regexp.MustCompile(`(?m)^golang\.org/x/mod v0\.42\.0.*\n`).FindAllString(string(sums), -1), ""),
		"main.go": "package main\n\nimport \"golang.org/x/mod/semver\"\n\nfunc main() { println(semver.Major(\"v1.2.0\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{
		"GOFLAGS": "", "GOWORK": "off", "GOPROXY": "off", "GOOS": "", "GOARCH": "", "GOEXPERIMENT": "", "GOFIPS140": "", "CGO_ENABLED": "0",
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
	}
	all := os.Environ()
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	r := &release{file: filepath.Join(out, "app"), getenv: func(name string) string {
		if value, ok := env[name]; ok {
			return value
		}
		return os.Getenv(name)
	}}
	run := func(args ...string) {
		t.Helper()
		if _, err := command.Run(t.Context(), dir, all, args[0], args[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	key := filepath.Join(out, "key")
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	r.signers.SSH = []git.AllowedSigner{{Principals: []string{"ann@example.com"}, Key: strings.TrimSpace(string(public))}}
	run("git", "init", "-q")
	run("git", "add", ".")
	run("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "gpg.format=ssh", "-c", "user.signingKey="+key, "commit", "-q", "-S", "-m", "A program")
	run("git", "tag", "v1.2.0")
	run("go", "build", "-trimpath", "-buildvcs=true", "-o", r.file, ".")

	if r.checkout, err = git.Inspect(t.Context(), dir, r.getenv); err != nil {
		t.Fatal(err)
	}
	if r.artifact, err = hallmark.HashFile(r.file, "sha256", "sha512"); err != nil {
		t.Fatal(err)
	}
	if r.doc, err = gomod.Load(t.Context(), dir, gomod.Options{Getenv: r.getenv, Version: "v1.2.0"}); err != nil {
		t.Fatal(err)
	}
	places, err := gomod.Locate(dir, r.getenv)
	if err != nil {
		t.Fatal(err)
	}
	if err := gomod.AddReleases(t.Context(), r.doc, gomod.ReleaseOptions{ModCache: places.ModCache}); err != nil {
		t.Fatal(err)
	}
	r.doc.Main.Supplier = &sbom.Party{Name: "Example"}
	if r.key, err = sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))); err != nil {
		t.Fatal(err)
	}
	return r
}

// sign returns the envelope of a statement, which may be one that Marshal refuses.
func (r *release) sign(t *testing.T, s *provenance.Statement) *sign.Envelope {
	t.Helper()
	some := *s
	some.PredicateType = "https://example.com/any"
	payload, err := some.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	payload = bytes.Replace(payload, []byte(some.PredicateType), []byte(s.PredicateType), 1)
	e, err := sign.Sign(t.Context(), provenance.MediaType, payload, r.key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// provenance returns that of the artifact, which says that it is of a commit.
func (r *release) provenance(t *testing.T, commit hallmark.Digest, a hallmark.Artifact) *provenance.Statement {
	t.Helper()
	info, err := debuginfo.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	b := provenance.Local(provenance.Source{Repository: repository, Ref: "refs/tags/v1.2.0", Commit: commit})
	if commit == r.checkout.Commit { // else it is refused
		if err := gobuild.Attach(b, info, gobuild.Recipe{}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Statement(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sbom returns the Document as a statement about the artifact.
func (r *release) sbom(t *testing.T, d *sbom.Document, a hallmark.Artifact, asSPDX bool) *provenance.Statement {
	t.Helper()
	stamp := sbom.Stamp{Created: time.Unix(1.7e9, 0), Tool: sbom.Tool{Name: "test"}}
	text, err := cyclonedx.Marshal(d, stamp)
	if asSPDX {
		text, err = spdx.Marshal(d, stamp)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := provenance.NewSBOM(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Statement(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPolicy goes the whole way: a program that is built of a signed commit, its SBOM and its
// provenance, signed, and a policy that asks everything that there is to ask.
func TestPolicy(t *testing.T) {
	r := newRelease(t)
	who, err := verify.Key(r.key)
	if err != nil {
		t.Fatal(err)
	}
	released, err := time.Parse(time.RFC3339, property(t, r.doc, "golang.org/x/mod", "released"))
	if err != nil {
		t.Fatal(err)
	}
	now := released.Add(30 * 24 * time.Hour)
	without := func(name string) *sbom.Document {
		d := *r.doc
		d.Components, d.Edges = nil, nil
		for _, c := range r.doc.Components {
			if c.Name != name {
				d.Components = append(d.Components, c)
			}
		}
		for _, e := range r.doc.Edges {
			if !strings.Contains(e.From+" "+e.To, name) {
				d.Edges = append(d.Edges, e)
			}
		}
		return &d
	}
	// The same program with another version in it, as whoever relabels it would make it.
	data, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	relabelled := filepath.Join(t.TempDir(), "app")
	changed := strings.ReplaceAll(string(data), "mod\texample.com/app\tv1.2.0\t", "mod\texample.com/app\tv1.1.9\t")
	if changed == string(data) {
		t.Fatal("the program does not have its version in it")
	}
	if err := os.WriteFile(relabelled, []byte(changed), 0o666); err != nil {
		t.Fatal(err)
	}
	old, err := hallmark.HashFile(relabelled, "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	wrongSBOM := *r.doc
	wrongSBOM.Main.Name, wrongSBOM.Main.PURL, wrongSBOM.Main.Version = "example.com/other", gomod.PURL("example.com/other", "v3.0.0"), "v3.0.0"

	open := func(file string) func(context.Context, hallmark.Artifact) (io.ReaderAt, error) {
		return func(context.Context, hallmark.Artifact) (io.ReaderAt, error) { return os.Open(file) }
	}
	type evidence struct {
		a        hallmark.Artifact
		doc      *sbom.Document
		commit   hallmark.Digest
		policy   *verify.Policy
		options  inspect.Options
		now      time.Time
		sbomType string // instead of that of the document
	}
	for _, test := range []struct {
		name   string
		change func(*evidence)
		want   []string // reasons: rule, item and outcome; none if it is accepted
	}{
		{"as it should be", func(*evidence) {}, nil},
		{"SBOM of another program", func(e *evidence) { e.doc = &wrongSBOM }, []string{"version main component failed", "build-info main module failed", "build-info version of the main module failed"}},
		{"module missing in the SBOM", func(e *evidence) { e.doc = without("golang.org/x/mod") }, []string{"build-info module golang.org/x/mod failed"}},
		{"relabelled", func(e *evidence) { e.a, e.options.Open = old, open(relabelled) }, []string{"version build info failed", "build-info version of the main module failed"}},
		{"offered as another version", func(e *evidence) { e.policy.Version = "v1.3.0" }, []string{"version tag failed", "version build info failed", "version main component failed"}},
		{"dependency too young", func(e *evidence) { e.now = released.Add(time.Hour) }, []string{"dependency-age pkg:golang/golang.org/x/mod@v0.42.0 failed"}},
		{"dependency too old", func(e *evidence) { e.now = released.Add(500 * 24 * time.Hour) }, []string{"dependency-age pkg:golang/golang.org/x/mod@v0.42.0 failed"}},
		{
			"another commit", func(e *evidence) { e.commit = digest(t, "gitCommit:0123456789012345678901234567890123456789") },
			[]string{"build-info commit failed", "commit-signature unproven"},
		},
		{"signed by nobody who is trusted", func(e *evidence) { e.options.Signature = inspect.Checkout(r.checkout, git.Signers{}, r.getenv) }, []string{"commit-signature unproven"}},
		{"other bytes", func(e *evidence) { e.options.Open = open(relabelled) }, []string{"build-info unproven", "build-info SBOM unproven"}},
		{"elements missing", func(e *evidence) { e.policy.Require[0].SBOM.Minimum = []string{"ntia-2021"} }, []string{"minimum-elements ntia-2021: Supplier Name failed"}},
		{"wrong predicate type", func(e *evidence) { e.sbomType = provenance.SPDXType }, []string{"version SBOM failed", "minimum-elements cra-2024 failed", "build-info SBOM failed", "dependency-age SBOM failed"}},
		{"no inspector", func(e *evidence) { e.policy.Inspector = nil }, []string{"build-info unproven", "commit-signature unproven", "version SBOM unproven", "minimum-elements cra-2024 unproven", "build-info SBOM unproven", "dependency-age SBOM unproven"}},
		{
			"excused", func(e *evidence) {
				e.now = released.Add(time.Hour)
				e.policy.Exceptions = []verify.Exception{{
					Rule: verify.RuleDependencyAge, Item: "pkg:golang/golang.org/x/mod@v0.42.0", Digest: e.a.Digests[0],
					Owner: "ann", Reason: "it mends a hole", Control: "was read", Expires: e.now.Add(24 * time.Hour),
				}}
			}, nil,
		},
	} {
		for _, asSPDX := range []bool{false, true} {
			e := evidence{
				a: r.artifact, doc: r.doc, commit: r.checkout.Commit, now: now,
				options: inspect.Options{Open: open(r.file), Signature: inspect.Checkout(r.checkout, r.signers, r.getenv)},
				policy: &verify.Policy{
					Builders: []verify.Builder{{ID: provenance.LocalBuilder, Identity: who}}, Source: repository, BuildTypes: []string{provenance.LocalBuildType},
					Refs: verify.Refs{Releases: true}, Version: "v1.2.0", BuildInfo: true, SignedCommit: true,
					Inspector: new(inspect.Inspector),
					Require: []verify.Requirement{{Identities: []verify.Identity{who}, SBOM: &verify.SBOM{
						Minimum: []string{"cra-2024"}, BuildInfo: true, MinAge: 7 * 24 * time.Hour, MaxAge: 365 * 24 * time.Hour,
					}}},
				},
			}
			test.change(&e)
			if e.policy.Inspector != nil {
				e.policy.Inspector = inspect.New(e.options)
			}
			e.policy.Now = func() time.Time { return e.now }
			s := r.sbom(t, e.doc, e.a, asSPDX)
			if e.sbomType != "" {
				if asSPDX {
					e.sbomType = provenance.CycloneDXType
				}
				s.PredicateType = e.sbomType
			}
			e.policy.Require[0].PredicateType = s.PredicateType
			res, err := e.policy.Verify(t.Context(), e.a, r.sign(t, s), r.sign(t, r.provenance(t, e.commit, e.a)))
			var got []string
			rejected, ok := errors.AsType[*verify.RejectedError](err)
			switch {
			case ok:
				for _, c := range rejected.Reasons {
					item := strings.Replace(c.Item, s.PredicateType, "SBOM", 1)
					got = append(got, strings.TrimSpace(string(c.Rule)+" "+item)+" "+string(c.Outcome))
				}
			case err != nil:
				t.Errorf("%s, SPDX %t: %v", test.name, asSPDX, err)
				continue
			default: // each rule was asked, and answered
				for _, rule := range []verify.Rule{verify.RuleVersion, verify.RuleBuildInfo, verify.RuleCommitSigned, verify.RuleMinimum, verify.RuleDependencyAge} {
					if !slices.ContainsFunc(res.Checks(), func(c verify.Check) bool { return c.Rule == rule }) {
						t.Errorf("%s, SPDX %t: accepted without %s", test.name, asSPDX, rule)
					}
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s, SPDX %t: got %q, want %q", test.name, asSPDX, got, test.want)
			}
		}
	}
}

func digest(t *testing.T, text string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func property(t *testing.T, d *sbom.Document, component, name string) string {
	t.Helper()
	for _, c := range d.Components {
		for _, p := range c.Properties {
			if c.Name == component && p.Name == name {
				return p.Value
			}
		}
	}
	t.Fatalf("%s has no %s", component, name)
	return ""
}
