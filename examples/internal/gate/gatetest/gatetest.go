// Package gatetest makes what a gate is given: keys, policies and evidence of images that
// nobody has.
package gatetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

const (
	// Source and Commit are what [Site.Policy] expects.
	Source = "https://example.com/app"
	Commit = "0123456789012345678901234567890123456789"

	// Repository is where the images are.
	Repository = "registry.example/team/app"
)

// Policy is a policy that the key "release" is for.
const Policy = `builders: [{id: ` + provenance.LocalBuilder + `, key: release}]
buildTypes: [` + provenance.LocalBuildType + `]
source: ` + Source + `
commit: "` + Commit + `"
`

// A Site is a directory with a policy, policy.yaml, its key, release.pub, and evidence.
type Site struct {
	t      testing.TB
	Dir    string
	Signer sign.SignerVerifier
	Other  sign.SignerVerifier // nobody knows it
}

// New returns a Site without evidence.
func New(t testing.TB) *Site {
	t.Helper()
	s := &Site{t: t, Dir: t.TempDir()}
	for i, signer := range []*sign.SignerVerifier{&s.Signer, &s.Other} {
		seed := []byte("this is the seed of a test only!")
		seed[0] += byte(i)
		key := ed25519.NewKeyFromSeed(seed)
		var err error
		if *signer, err = sign.NewSigner(key); err != nil {
			t.Fatal(err)
		}
		pem, err := sign.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]string{"release.pub", "other.pub"}[i], string(pem))
	}
	s.Write("policy.yaml", Policy)
	if err := os.Mkdir(s.Path("evidence"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// Path returns the path of a file of s.
func (s *Site) Path(name string) string { return filepath.Join(s.Dir, filepath.FromSlash(name)) }

// Write writes a file and returns its path.
func (s *Site) Write(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(s.Path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.Path(name)
}

// Digest returns the digest of an image, which is one for each name.
func Digest(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }

// Image returns the reference of an image.
func Image(name string) string { return Repository + "@" + Digest(name) }

// Statement returns a statement about an image.
func Statement(name, predicateType string, predicate any) []byte {
	data, err := json.Marshal(map[string]any{
		"_type":         provenance.StatementType,
		"subject":       []any{map[string]any{"name": Repository, "digest": map[string]string{"sha256": Digest(name)[len("sha256:"):]}}},
		"predicateType": predicateType,
		"predicate":     predicate,
	})
	if err != nil {
		panic(err)
	}
	return data
}

// Provenance returns provenance of an image.
func Provenance(name, builder, source string) []byte {
	return Statement(name, provenance.PredicateType, map[string]any{
		"buildDefinition": map[string]any{
			"buildType":            provenance.LocalBuildType,
			"externalParameters":   map[string]any{"source": map[string]string{"repository": source}},
			"resolvedDependencies": []any{map[string]any{"uri": "git+" + source, "digest": map[string]string{"gitCommit": Commit}}},
		},
		"runDetails": map[string]any{"builder": map[string]string{"id": builder}},
	})
}

// Sign signs payloads and adds the envelopes to the evidence of an image,
// evidence/sha256-<hex>.intoto.jsonl.
func (s *Site) Sign(signer sign.SignerVerifier, name string, payloads ...[]byte) {
	s.t.Helper()
	f, err := os.OpenFile(s.Path("evidence/"+strings.Replace(Digest(name), ":", "-", 1)+".intoto.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for _, payload := range payloads {
		env, err := sign.Sign(s.t.Context(), provenance.MediaType, payload, signer)
		if err != nil {
			s.t.Fatal(err)
		}
		line, err := env.Marshal()
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := f.Write(append(line, '\n')); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Good adds evidence by which an image is accepted.
func (s *Site) Good(name string) {
	s.t.Helper()
	s.Sign(s.Signer, name, Provenance(name, provenance.LocalBuilder, Source))
}

// A Keyless is a case of the corpus's set about builders, whose bundles are signed
// without a key.
type Keyless struct {
	ID     string
	Accept bool
	Bundle string // a file
}

// KeylessPolicy is a policy that says what the set expects: any release of the builder.
const KeylessPolicy = `
builders:
  - id: https://github.com/acme/builder/.github/workflows/build.yml
    refs: {releases: true}
    workflow: {issuer: https://token.actions.githubusercontent.com}
    level: 3
source: https://github.com/acme/app
sourceID: "42"
ownerID: "7"
environments: [production]
refs: {tags: [v2.0.0]}
commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
buildTypes: [https://actions.github.io/buildtypes/workflow/v1]
parameters: {/workflow/path: .github/workflows/release.yml}
`

// KeylessCases returns the cases of the set that [KeylessPolicy] is for and a digest is
// enough for, the digest of the artifact that they are about, and the trusted root.
// Without the corpus the test is skipped.
func KeylessCases(t *testing.T) (cases []Keyless, digest, trustedRoot string) {
	t.Helper()
	corpus := os.Getenv("HALLMARK_CORPUS")
	if corpus == "" {
		t.Skip("HALLMARK_CORPUS is not set")
	}
	set := filepath.Join(corpus, "verify", "builder-identity")
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(set, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var file struct {
		Cases []struct {
			ID, Want, Bundle    string
			ExpectationOverride map[string]any
		}
	}
	if err := json.Unmarshal(read("cases.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		// That SHA-512 is another one is seen by who has the bytes.
		if c.ExpectationOverride == nil && c.ID != "pv-subject-conflict" {
			cases = append(cases, Keyless{c.ID, c.Want == "accept", filepath.Join(set, filepath.FromSlash(c.Bundle))})
		}
	}
	return cases, fmt.Sprintf("sha256:%x", sha256.Sum256(read("artifact"))), filepath.Join(set, "trusted_root.json")
}
