package policyfile_test

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

var update = flag.Bool("update", false, "rewrite the policy files in testdata")

// presets are one for each platform, with nothing asked at any boundary.
func presets() map[policyfile.Platform]policyfile.Preset {
	common := policyfile.Preset{
		SourceVerifier: "https://example.com/source-verifier",
		SourceSigner:   policyfile.Signatory{Key: "source"},
		Auditor:        policyfile.Signatory{Key: "auditor"},
		Registry:       policyfile.Signatory{Key: "registry"},
		Scanner:        policyfile.Signatory{Key: "scanner"},
	}
	github, gitlab, keys := common, common, common
	github.Platform, github.Source, github.SourceID, github.OwnerID = policyfile.GitHub, "https://github.com/acme/app", "1296269", "583231"
	github.Workflow, github.Builder = ".github/workflows/release.yml", "https://github.com/acme/builder/.github/workflows/build.yml"
	gitlab.Platform, gitlab.Source, gitlab.SourceID, gitlab.OwnerID = policyfile.GitLab, "https://gitlab.com/acme/app", "278964", "9970"
	gitlab.Job = "release"
	keys.Platform, keys.Source, keys.Key = policyfile.Keys, "https://git.example.com/acme/app", "builder"
	keys.Builder, keys.BuildType = "https://example.com/builder", "https://example.com/buildtypes/make/v1"
	keys.Parameters = map[string]verify.Parameter{"/target": {OneOf: []any{"release"}}}
	return map[policyfile.Platform]policyfile.Preset{policyfile.GitHub: github, policyfile.GitLab: gitlab, policyfile.Keys: keys}
}

func at(p policyfile.Preset, s policyfile.Strength) policyfile.Preset {
	p.SourceToCI, p.CIToArtifact, p.ArtifactToRegistry, p.RegistryToRuntime = s, s, s, s
	return p
}

// The files of the presets are in testdata, to be read.
func TestPresetFiles(t *testing.T) {
	for platform, preset := range presets() {
		for _, s := range []policyfile.Strength{"", policyfile.Minimum, policyfile.Stronger} {
			file := filepath.Join("testdata", string(platform)+"-"+cmp.Or(string(s), "nothing")+".yaml")
			text, err := at(preset, s).Marshal()
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if *update {
				if err := os.WriteFile(file, text, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")); !bytes.Equal(text, want) {
				t.Errorf("%s is\n%s\nwant\n%s", file, text, want)
			}
			if _, err := policyfile.Parse(text, newShop(t, preset).options()); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			for line := range strings.Lines(string(text)) {
				if len(line) > 110 {
					t.Errorf("%s: a line of %d bytes: %s", file, len(line), line)
				}
			}
		}
	}
}

// A fault is what a shop can do wrong.
type fault struct {
	name string
	do   func(*shop)
	rule verify.Rule // that rejects it; empty for an error
	on   []policyfile.Platform
}

// Each cell of the boundary table: a release with all its evidence is accepted, and one
// that lacks a single thing is rejected, because of that.
func TestBoundaries(t *testing.T) {
	const (
		required = verify.RuleRequired
		summary  = verify.RuleSummary
		property = verify.RuleProperty
	)
	keyless := []policyfile.Platform{policyfile.GitHub, policyfile.GitLab}
	unsealed := []policyfile.Platform{policyfile.GitLab, policyfile.Keys}
	another := hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(t, "sha256:"+strings.Repeat("1", 64))}}
	signedBy := func(what, who string) func(*shop) { return func(s *shop) { s.by[what] = who } }
	for _, boundary := range []struct {
		name              string
		at                func(*policyfile.Preset, policyfile.Strength)
		minimum, stronger []fault
	}{
		{
			"source to CI", func(p *policyfile.Preset, s policyfile.Strength) { p.SourceToCI = s },
			[]fault{
				{"nobody verified the source", signedBy("source", ""), required, nil},
				{"somebody else verified the source", signedBy("source", "auditor"), required, nil},
				{"in the name of somebody else", func(s *shop) { s.source.Verifier.ID = "https://example.com/other" }, summary, nil},
				{"the source of another repository", func(s *shop) { s.source.ResourceURI = "git+https://github.com/acme/other" }, summary, nil},
				{"another commit", func(s *shop) { s.revision.Commit = digest(t, "gitCommit:"+strings.Repeat("1", 40)) }, verify.RuleSubject, nil},
				{"no protected branch", func(s *shop) { s.revision.Refs = []string{"refs/heads/feature"} }, summary, nil},
				{"branches are not protected", func(s *shop) { s.source.VerifiedLevels[0] = "SLSA_SOURCE_LEVEL_2" }, summary, nil},
				{"no review", func(s *shop) {
					s.source.VerifiedLevels = without(s.source.VerifiedLevels, provenance.SourceTwoPartyReviewed)
				}, summary, nil},
			},
			[]fault{
				{"no code owners", func(s *shop) {
					s.source.VerifiedLevels = without(s.source.VerifiedLevels, "ORG_SOURCE_CODE_OWNERS")
				}, summary, nil},
				{"workflows change without approval", func(s *shop) {
					s.source.VerifiedLevels = without(s.source.VerifiedLevels, "ORG_SOURCE_WORKFLOW_APPROVAL")
				}, summary, nil},
				{"the commit is not signed", func(s *shop) { s.signed = verify.Failed }, verify.RuleCommitSigned, nil},
				{"nobody knows whether the commit is signed", func(s *shop) { s.signed = verify.Unproven }, verify.RuleCommitSigned, nil},
			},
		},
		{
			"CI to artifact", func(p *policyfile.Preset, s policyfile.Strength) { p.CIToArtifact = s },
			[]fault{
				{"a machine of one's own", func(s *shop) { s.claims.Runner = "self-hosted" }, verify.RuleRunner, keyless},
				{"no clean environment", func(s *shop) { s.auditor.Properties = without(s.auditor.Properties, "ORG_CLEAN_ENVIRONMENT") }, property, []policyfile.Platform{policyfile.Keys}},
				{"long-lived secrets", func(s *shop) { s.auditor.Properties = without(s.auditor.Properties, "ORG_NO_LONG_LIVED_SECRET") }, property, nil},
				{"nobody looked", signedBy("auditor", ""), required, nil},
				{"the builder looked at itself", signedBy("auditor", "builder"), required, nil},
				{"a look at another artifact", func(s *shop) { s.about["auditor"] = another }, verify.RuleSubject, nil},
			},
			[]fault{
				{"the caller's own workflow", func(s *shop) {
					s.build.Builder = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3"
					s.claims.Builder, s.claims.Subject, s.claims.BuildSigner = s.build.Builder, s.build.Builder, s.build.Builder
				}, verify.RuleSignature, []policyfile.Platform{policyfile.GitHub}},
				{"no isolated builder", func(s *shop) { s.auditor.Properties = without(s.auditor.Properties, "ORG_ISOLATED_BUILDER") }, property, unsealed},
				{"no access by OIDC", func(s *shop) { s.auditor.Properties = without(s.auditor.Properties, "ORG_OIDC_ACCESS") }, property, nil},
				{"no provenance", signedBy("build", ""), verify.RuleProvenance, nil},
				{"a tool of any kind", func(s *shop) { s.build.Dependencies[1].Digest = nil }, verify.RuleInput, nil},
				{"nobody knows which tools", func(s *shop) { s.build.Dependencies = s.build.Dependencies[:1] }, verify.RuleInput, nil},
			},
		},
		{
			"artifact to registry", func(p *policyfile.Preset, s policyfile.Strength) { p.ArtifactToRegistry = s },
			[]fault{
				{"another digest", func(s *shop) { s.about["build"] = another }, verify.RuleSubject, nil},
				{"anybody writes", func(s *shop) {
					s.registry.Properties = without(s.registry.Properties, "ORG_REGISTRY_CONTROLLED_WRITE")
				}, property, nil},
				{"nobody looks after the registry", signedBy("registry", ""), required, nil},
				{"the builder looks after the registry", signedBy("registry", "builder"), required, nil},
			},
			[]fault{
				{"not signed", signedBy("build", "stranger"), verify.RuleProvenance, nil},
				{"no SBOM", signedBy("bom", ""), required, nil},
				{"an SBOM by somebody else", signedBy("bom", "scanner"), required, nil},
				{"the SBOM of another artifact", func(s *shop) { s.about["bom"] = another }, verify.RuleSubject, nil},
				{"tags are overwritten", func(s *shop) {
					s.registry.Properties = without(s.registry.Properties, "ORG_REGISTRY_IMMUTABLE_TAGS")
				}, property, nil},
			},
		},
		{
			"registry to runtime", func(p *policyfile.Preset, s policyfile.Strength) { p.RegistryToRuntime = s },
			[]fault{
				{"no digest", func(s *shop) { s.offered.Digests = nil }, "", nil},
				{"no scan", signedBy("scan", ""), required, nil},
				{"a scan by the builder", signedBy("scan", "builder"), required, nil},
				{"a critical issue", func(s *shop) { s.scan.Scanner.Vulnerabilities[0].Severity[0].Score = "9.0" }, verify.RuleVulnerability, nil},
				{"an issue that nobody rated", func(s *shop) { s.scan.Scanner.Vulnerabilities[0].Severity = nil }, verify.RuleVulnerability, nil},
				{"a scan of another artifact", func(s *shop) { s.about["scan"] = another }, verify.RuleSubject, nil},
				{"an old scan", func(s *shop) {
					s.scan.Metadata = provenance.ScanMetadata{Started: now().Add(-170 * time.Hour), Finished: now().Add(-169 * time.Hour)}
				}, verify.RuleAge, nil},
			},
			[]fault{
				{"no signature", signedBy("build", "stranger"), verify.RuleProvenance, nil},
				{"no provenance", signedBy("build", ""), verify.RuleProvenance, nil},
				{"another source", func(s *shop) {
					for _, name := range []string{"workflow", "pipeline", "source"} {
						if m, ok := s.build.External[name].(map[string]any); ok {
							m["repository"] = "https://github.com/mallory/app"
						}
					}
				}, verify.RuleSource, nil},
				{"another builder", func(s *shop) { s.build.Builder = "https://example.com/other" }, verify.RuleBuilder, nil},
				{"another repository of the same name", func(s *shop) { s.claims.RepositoryID = "1" }, verify.RuleSource, keyless},
				{"another owner of the same name", func(s *shop) { s.claims.OwnerID = "1" }, verify.RuleSource, keyless},
			},
		},
	} {
		for platform, preset := range presets() {
			for _, strength := range []policyfile.Strength{policyfile.Minimum, policyfile.Stronger} {
				p := preset
				boundary.at(&p, strength)
				file, err := p.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				// What nothing else asks for is accepted one step below.
				below := preset
				faults := boundary.minimum
				own := len(faults)
				if strength == policyfile.Stronger {
					boundary.at(&below, policyfile.Minimum)
					own = len(boundary.stronger)
					faults = append(faults[:len(faults):len(faults)], boundary.stronger...)
				}
				lower, err := below.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				t.Run(string(platform)+"/"+boundary.name+"/"+string(strength), func(t *testing.T) {
					if _, err := newShop(t, p).verdict(t, file); err != nil {
						t.Fatalf("with all evidence: %v", err)
					}
					for i, f := range faults {
						if f.on != nil && !slices.Contains(f.on, platform) {
							continue
						}
						s := newShop(t, p)
						f.do(s)
						r, err := s.verdict(t, file)
						rejected, ok := errors.AsType[*verify.RejectedError](err)
						switch {
						case err == nil:
							t.Errorf("%s: accepted: %v", f.name, r.Checks())
						case f.rule == "" && ok || f.rule != "" && !ok:
							t.Errorf("%s: %v", f.name, err)
						case f.rule != "" && !slices.ContainsFunc(rejected.Reasons, func(c verify.Check) bool { return c.Rule == f.rule }):
							t.Errorf("%s: %v, want it rejected by the rule %s", f.name, err, f.rule)
						}
						switch f.rule {
						case summary, property, required, verify.RuleCommitSigned, verify.RuleInput, verify.RuleVulnerability, verify.RuleAge:
							if i < len(faults)-own {
								break
							}
							if _, err := s.verdict(t, lower); err != nil {
								t.Errorf("%s, where nothing is asked about it: %v", f.name, err)
							}
						}
					}
				})
			}
		}
	}
}

// Whoever lacks what a platform or a boundary needs is told all of it.
func TestPresetRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		preset policyfile.Preset
		want   []string
	}{
		{"nothing", policyfile.Preset{}, []string{"no Source", `platform "", want github, gitlab or keys`}},
		{
			"github without all", at(policyfile.Preset{Platform: policyfile.GitHub, Source: "https://github.com/acme/app"}, policyfile.Stronger),
			[]string{"no Workflow", "no SourceVerifier", "no SourceSigner", "no Builder", "no Auditor", "no Registry", "no Scanner", "no SourceID", "no OwnerID"},
		},
		{"gitlab without all", policyfile.Preset{Platform: policyfile.GitLab, Source: "https://gitlab.com/acme/app"}, []string{"no Job"}},
		{"keys without all", policyfile.Preset{Platform: policyfile.Keys, Source: "https://git.example.com/app"}, []string{"no Builder", "no BuildType", "no Key"}},
		{"a strength that is none", func() policyfile.Preset { p := presets()[policyfile.Keys]; p.CIToArtifact = "maximum"; return p }(), []string{`CIToArtifact is "maximum", want minimum or stronger`}},
		{"a key on a platform without", func() policyfile.Preset { p := presets()[policyfile.GitHub]; p.Key = "x"; return p }(), []string{"are for the platform keys"}},
		{"ids without a certificate", func() policyfile.Preset { p := presets()[policyfile.Keys]; p.SourceID = "1"; return p }(), []string{"which only the certificates of a platform tell"}},
		{"a source that is none", func() policyfile.Preset { p := presets()[policyfile.Keys]; p.Source = "git@example.com:app"; return p }(), []string{"want the URL of a repository"}},
		{"github elsewhere", func() policyfile.Preset {
			p := presets()[policyfile.GitHub]
			p.Source = "https://github.example.com/acme/app"
			return p
		}(), []string{"the platform github is https://github.com"}},
		{"a name that is not UTF-8", func() policyfile.Preset { p := presets()[policyfile.GitLab]; p.Job = "\xff"; return p }(), []string{"is not UTF-8"}},
	} {
		text, err := test.preset.Marshal()
		if text != nil || err == nil {
			t.Errorf("%s: %s, %v", test.name, text, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
			continue
		}
		for i, line := range lines {
			if !strings.Contains(line, test.want[i]) {
				t.Errorf("%s: %s, want %s", test.name, line, test.want[i])
			}
		}
	}
}

// A release policy as people write it down, line by line: each line that is not held to
// is a rejection.
func TestReleasePolicy(t *testing.T) {
	file, err := os.ReadFile("testdata/release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	preset := presets()[policyfile.GitHub]
	excused := func(s *shop) {
		s.scan.Scanner.Vulnerabilities = append(s.scan.Scanner.Vulnerabilities, provenance.Vulnerability{
			ID: "CVE-2026-1234", Severity: []provenance.Rating{{Method: "cvss_score", Score: "9.8"}},
		})
	}
	drop := func(list *[]string, property string) { *list = without(*list, property) }
	for _, test := range []struct {
		line, name string
		do         func(*shop)
		rule       verify.Rule // "" is accepted
	}{
		{"", "all evidence", func(*shop) {}, ""},
		{"the default branch is protected", "it is not", func(s *shop) { s.source.VerifiedLevels[0] = "SLSA_SOURCE_LEVEL_2" }, verify.RuleSummary},
		{"the default branch is protected", "another branch", func(s *shop) { s.revision.Refs = []string{"refs/heads/other"} }, verify.RuleSummary},
		{"the default branch is protected", "nobody says so", func(s *shop) { s.by["source"] = "" }, verify.RuleRequired},
		{"workflow and deployment files require code-owner review", "they do not", func(s *shop) { drop(&s.source.VerifiedLevels, "ORG_SOURCE_CODE_OWNERS") }, verify.RuleSummary},
		{"the production image is built by the trusted workflow only", "by another workflow", func(s *shop) {
			s.claims.Builder = "https://github.com/acme/app/.github/workflows/test.yml@refs/tags/v1.2.3"
		}, verify.RuleSignature},
		{"the production image is built by the trusted workflow only", "by a branch of it", func(s *shop) {
			s.claims.Builder = "https://github.com/acme/builder/.github/workflows/build.yml@refs/heads/main"
		}, verify.RuleSignature},
		{"the production image is built by the trusted workflow only", "for a pull request", func(s *shop) { s.claims.Trigger = "pull_request" }, verify.RuleTrigger},
		{"the production image is built by the trusted workflow only", "on a machine of one's own", func(s *shop) { s.claims.Runner = "self-hosted" }, verify.RuleRunner},
		{"the production image is built by the trusted workflow only", "with another file", func(s *shop) {
			s.build.External["workflow"].(map[string]any)["path"] = ".github/workflows/test.yml"
		}, verify.RuleParameter},
		{"cloud credentials come through OIDC", "they do not", func(s *shop) { drop(&s.auditor.Properties, "ORG_OIDC_ACCESS") }, verify.RuleProperty},
		{"cloud credentials come through OIDC", "nobody says so", func(s *shop) { s.by["auditor"] = "" }, verify.RuleRequired},
		{"the image is signed", "by a stranger", func(s *shop) { s.by["build"] = "stranger" }, verify.RuleProvenance},
		{"the provenance references the expected repository and commit", "another repository", func(s *shop) {
			s.build.External["workflow"].(map[string]any)["repository"] = "https://github.com/acme/other"
		}, verify.RuleSource},
		{"the provenance references the expected repository and commit", "another of the same name", func(s *shop) { s.claims.RepositoryID = "1" }, verify.RuleSource},
		{"the provenance references the expected repository and commit", "another commit", func(s *shop) {
			s.build.Dependencies[0].Digest = provenance.DigestSet{"gitCommit": strings.Repeat("1", 40)}
		}, verify.RuleCommit},
		{"exceptions for critical vulnerabilities expire", "one that has not expired", excused, ""},
		{"exceptions for critical vulnerabilities expire", "one that has expired", func(s *shop) { excused(s); s.now = now().AddDate(0, 0, 20) }, verify.RuleVulnerability},
		{"exceptions for critical vulnerabilities expire", "one for another", func(s *shop) { excused(s); s.scan.Scanner.Vulnerabilities[1].ID = "CVE-2026-1235" }, verify.RuleVulnerability},
		{"exceptions for critical vulnerabilities expire", "no scan", func(s *shop) { s.by["scan"] = "" }, verify.RuleRequired},
		{"what is deployed is deployed by digest", "another digest", func(s *shop) {
			s.offered.Digests = []hallmark.Digest{digest(t, "sha256:"+strings.Repeat("1", 64))}
		}, verify.RuleSubject},
		{"admission verifies signature and provenance", "no provenance", func(s *shop) { s.by["build"] = "" }, verify.RuleProvenance},
	} {
		if !strings.Contains(string(file), "# "+test.line) {
			t.Errorf("the policy has no line %q", test.line)
		}
		s := newShop(t, preset)
		test.do(s)
		r, err := s.verdict(t, file)
		rejected, _ := errors.AsType[*verify.RejectedError](err)
		switch {
		case test.rule == "" && err != nil:
			t.Errorf("%s, %s: %v", test.line, test.name, err)
		case test.rule != "" && err == nil:
			t.Errorf("%s, %s: accepted: %v", test.line, test.name, r.Checks())
		case test.rule != "" && (rejected == nil || !slices.ContainsFunc(rejected.Reasons, func(c verify.Check) bool { return c.Rule == test.rule })):
			t.Errorf("%s, %s: %v, want it rejected by the rule %s", test.line, test.name, err, test.rule)
		}
	}
	s := newShop(t, preset)
	excused(s)
	if r, err := s.verdict(t, file); err != nil || len(r.Exceptions()) != 1 {
		t.Errorf("%v, %v, want it accepted with one exception", r, err)
	}
	s.offered.Digests = nil
	if r, err := s.verdict(t, file); err == nil {
		t.Errorf("an artifact without a digest is accepted: %v", r)
	}
}

// What verify.Expect derives of a release is a file like any other, by which the next
// release is accepted, and an older one is not.
func TestExpected(t *testing.T) {
	for platform, preset := range presets() {
		file, err := at(preset, policyfile.Stronger).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		s := newShop(t, preset)
		o := s.options()
		name := register(&o)
		p, err := policyfile.Parse(file, o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Verify(t.Context(), s.offered, s.evidence(t)...)
		if err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		expected, err := verify.Expect(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := policyfile.Marshal(expected, name)
		if err != nil {
			t.Errorf("%s: %v", platform, err)
			continue
		}
		if _, err := newShop(t, preset).verdict(t, text); err != nil {
			t.Errorf("%s: %v\n%s", platform, err, text)
		}
		older := newShop(t, preset)
		older.retag(t, preset, "refs/tags/v1.2.2")
		if _, err := older.verdict(t, file); err != nil {
			t.Errorf("%s: the release before, by the first policy: %v", platform, err)
		}
		if r, err := older.verdict(t, text); err == nil {
			t.Errorf("%s: the release before is accepted: %v\n%s", platform, r.Checks(), text)
		}
	}
}
