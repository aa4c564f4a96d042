package policyfile_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

// A shop makes a release and all the evidence that any preset asks for. A test spoils
// one thing of it.
type shop struct {
	artifact hallmark.Artifact
	offered  hallmark.Artifact // to the gate
	claims   *verify.Claims    // of who signs the provenance, unless it is a key
	build    *provenance.Build
	source   *provenance.VSA
	revision provenance.Revision
	auditor  *provenance.SVR
	registry *provenance.SVR
	bom      string
	scan     *provenance.Vulns
	signed   verify.Outcome // of the commit
	now      time.Time      // at the gate

	by    map[string]string            // who signs what; "" is nobody
	about map[string]hallmark.Artifact // what it is about, if not the artifact
}

func shopKey(name string) sign.SignerVerifier {
	seed := sha256.Sum256([]byte(name))
	s, err := sign.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return s
}

func newShop(t *testing.T, p policyfile.Preset) *shop {
	t.Helper()
	artifact := hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(t, "sha256:"+fmt.Sprintf("%x", sha256.Sum256([]byte("app"))))}}
	source := provenance.Source{Repository: p.Source, Ref: "refs/tags/v1.2.3", Commit: digest(t, "gitCommit:0123456789abcdef0123456789abcdef01234567")}
	from, _ := source.Descriptor()
	s := &shop{
		artifact: artifact,
		offered:  artifact,
		build: &provenance.Build{
			Invocation: p.Source + "/runs/1/attempts/1",
			Dependencies: []provenance.ResourceDescriptor{from, {
				URI: "https://go.dev/dl/go1.26.8.linux-amd64.tar.gz", Digest: provenance.NewDigestSet(artifact.Digests...),
			}},
		},
		source: &provenance.VSA{
			Verifier: provenance.Agent{ID: p.SourceVerifier}, TimeVerified: now().Add(-time.Hour), ResourceURI: "git+" + p.Source,
			Policy:         provenance.ResourceDescriptor{URI: "https://example.com/source-policy", Digest: provenance.NewDigestSet(artifact.Digests...)},
			Result:         provenance.Passed,
			VerifiedLevels: []string{"SLSA_SOURCE_LEVEL_3", provenance.SourceTwoPartyReviewed, "ORG_SOURCE_CODE_OWNERS", "ORG_SOURCE_WORKFLOW_APPROVAL"},
		},
		revision: provenance.Revision{Commit: source.Commit, Refs: []string{"refs/heads/main", "refs/tags/v1.2.3"}},
		auditor:  svr("auditor", "ORG_NO_LONG_LIVED_SECRET", "ORG_CLEAN_ENVIRONMENT", "ORG_OIDC_ACCESS", "ORG_ISOLATED_BUILDER"),
		registry: svr("registry", "ORG_REGISTRY_CONTROLLED_WRITE", "ORG_REGISTRY_IMMUTABLE_TAGS"),
		bom:      `{"bomFormat":"CycloneDX","specVersion":"1.6"}`,
		scan: &provenance.Vulns{
			Scanner: provenance.Scanner{URI: "https://example.com/scanner", DB: provenance.VulnsDB{LastUpdate: now().Add(-3 * time.Hour)}, Vulnerabilities: []provenance.Vulnerability{
				{ID: "CVE-2026-0001", Severity: []provenance.Rating{{Method: "cvss_score", Score: "8.9"}}},
			}},
			Metadata: provenance.ScanMetadata{Started: now().Add(-2 * time.Hour), Finished: now().Add(-time.Hour)},
		},
		signed: verify.Passed,
		now:    now(),
		by:     map[string]string{"build": "builder", "source": "source", "auditor": "auditor", "registry": "registry", "bom": "builder", "scan": "scanner"},
		about:  make(map[string]hallmark.Artifact),
	}
	switch p.Platform {
	case policyfile.GitHub:
		s.build.Type = "https://actions.github.io/buildtypes/workflow/v1"
		s.build.Builder = p.Builder + "@refs/tags/v2.0.0"
		s.build.External = map[string]any{"workflow": map[string]any{"path": p.Workflow, "ref": source.Ref, "repository": source.Repository}}
		s.claims = &verify.Claims{Issuer: "https://token.actions.githubusercontent.com", Runner: "github-hosted"}
	case policyfile.GitLab:
		s.build.Type = "https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1"
		s.build.Builder = p.Source + "//.gitlab-ci.yml@refs/tags/v1.2.3"
		s.build.External = map[string]any{
			"job":      map[string]any{"name": p.Job},
			"pipeline": map[string]any{"config": s.build.Builder, "ref": source.Ref, "repository": source.Repository},
		}
		s.claims = &verify.Claims{Issuer: "https://gitlab.com", Runner: "gitlab-hosted"}
	case policyfile.Keys:
		s.build.Type, s.build.Builder = p.BuildType, p.Builder
		s.build.External = map[string]any{"source": map[string]any{"repository": source.Repository, "ref": source.Ref}, "target": "release"}
		return s
	}
	s.claims.Builder, s.claims.Subject, s.claims.BuildSigner = s.build.Builder, s.build.Builder, s.build.Builder
	s.claims.Repository, s.claims.RepositoryID, s.claims.OwnerID = p.Source, p.SourceID, p.OwnerID
	s.claims.Ref, s.claims.Commit = source.Ref, source.Commit.Hex()
	s.claims.Trigger, s.claims.Invocation = "push", s.build.Invocation
	return s
}

func svr(who string, properties ...string) *provenance.SVR {
	return &provenance.SVR{
		Verifier: provenance.Agent{ID: "https://example.com/" + who}, Policies: []provenance.ResourceDescriptor{},
		TimeCreated: now().Add(-time.Hour), Properties: properties,
	}
}

// without returns all but some of a list.
func without(list []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(some, s) })
}

// evidence returns what was signed about the release.
func (s *shop) evidence(t *testing.T) []*sign.Envelope {
	t.Helper()
	about := func(name string) hallmark.Artifact {
		if a, ok := s.about[name]; ok {
			return a
		}
		return s.artifact
	}
	var all []*sign.Envelope
	add := func(name string, st *provenance.Statement, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		payload, err := st.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.by[name] == "" {
			return
		}
		e, err := sign.Sign(t.Context(), provenance.MediaType, payload, shopKey(s.by[name]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	st, err := s.build.Statement(about("build"))
	add("build", st, err)
	st, err = s.source.SourceStatement(s.revision)
	add("source", st, err)
	st, err = s.auditor.Statement(about("auditor"))
	add("auditor", st, err)
	st, err = s.registry.Statement(about("registry"))
	add("registry", st, err)
	st, err = provenance.New(provenance.CycloneDXType, json.RawMessage(s.bom), about("bom"))
	add("bom", st, err)
	st, err = s.scan.Statement(about("scan"))
	add("scan", st, err)
	return all
}

// options name the shop's signers: keys by their names, and the workflow that its
// certificate is of, which in truth has the key builder.
func (s *shop) options() policyfile.Options {
	return policyfile.Options{
		Now: func() time.Time { return s.now }, Inspector: s,
		Key: func(name string) (sign.Verifier, error) { return shopKey(name), nil },
		Workflow: func(issuer, builder string, refs verify.Refs) (verify.Identity, error) {
			key, err := verify.Key(shopKey("builder"))
			return &certified{key, s, issuer, builder, refs}, err
		},
		Account: func(_, subject string) (verify.Identity, error) { return verify.Key(shopKey(subject)) },
	}
}

// Inspect answers for the commit alone.
func (s *shop) Inspect(_ context.Context, _ hallmark.Artifact, _ *provenance.Statement, q verify.Question) ([]verify.Finding, error) {
	if q.Rule != verify.RuleCommitSigned {
		return nil, errors.New("only the commit is known")
	}
	return []verify.Finding{{Outcome: s.signed, Got: "a commit", Want: "a commit that is signed"}}, nil
}

// certified is a workflow that the shop's certificate may be of.
type certified struct {
	verify.Identity
	shop            *shop
	issuer, builder string
	refs            verify.Refs
}

func (c *certified) Recognize(ctx context.Context, e *sign.Envelope) (*verify.Evidence, error) {
	claims := c.shop.claims
	if claims == nil || claims.Issuer != c.issuer || claims.Builder != c.builder && !c.refs.AllowAt(c.builder, claims.Builder) {
		return nil, verify.ErrNotSigned
	}
	ev, err := c.Identity.Recognize(ctx, e)
	if err != nil {
		return nil, err
	}
	ev.Keys, ev.Claims, ev.Times = nil, claims, []time.Time{now().Add(-time.Hour)}
	return ev, nil
}

func (c *certified) String() string { return "workflow " + c.builder + " of " + c.issuer }

// verdict holds the release against a policy file.
func (s *shop) verdict(t *testing.T, file []byte) (*verify.Result, error) {
	t.Helper()
	p, err := policyfile.Parse(file, s.options())
	if err != nil {
		t.Fatalf("%s\n%v", file, err)
	}
	return p.Verify(t.Context(), s.offered, s.evidence(t)...)
}

// retag makes it the release of another tag.
func (s *shop) retag(t *testing.T, p policyfile.Preset, ref string) {
	t.Helper()
	for _, name := range []string{"workflow", "pipeline", "source"} {
		if m, ok := s.build.External[name].(map[string]any); ok {
			m["ref"] = ref
		}
	}
	d, _ := provenance.Source{Repository: p.Source, Ref: ref, Commit: s.revision.Commit}.Descriptor()
	s.build.Dependencies[0] = d
	if s.claims != nil {
		s.claims.Ref = ref
	}
}
