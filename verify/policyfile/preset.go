package policyfile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Platform is where builds are made.
type Platform string

// The platforms of a [Preset].
const (
	GitHub Platform = "github" // GitHub Actions, signing without a key
	GitLab Platform = "gitlab" // GitLab CI/CD, signing without a key
	Keys   Platform = "keys"   // any builder that signs with a key of its own
)

// A Strength is how much a [Preset] asks for at a boundary. The zero Strength asks for
// nothing there.
type Strength string

// The strengths. Stronger asks for everything that Minimum does, too.
const (
	Minimum  Strength = "minimum"
	Stronger Strength = "stronger"
)

// A Preset is a policy to begin with: that of a platform, for the releases of one
// repository, and with what is asked for at each of the four boundaries that software
// crosses on its way. Provenance shows a part of that. For what it cannot show somebody
// must vouch, by a verification summary (VSA) or a simple verification result (SVR)
// with a property of the name that is given here; without it the artifact is rejected.
//
//	SourceToCI          minimum   required review, protected release branches: a VSA of the
//	                              commit, on one of the Branches, of source level 3 and with
//	                              SLSA_SOURCE_TWO_PARTY_REVIEWED
//	                    stronger  code owners, approval of changes of workflows: its
//	                              ORG_SOURCE_CODE_OWNERS, ORG_SOURCE_WORKFLOW_APPROVAL;
//	                              signed commits: signedCommit, which the Inspector tells
//	CIToArtifact        minimum   clean environment: machines of the platform, or for Keys an
//	                              SVR with ORG_CLEAN_ENVIRONMENT; no long-lived production
//	                              secret: ORG_NO_LONG_LIVED_SECRET
//	                    stronger  isolated builder: on GitHub the workflow Builder, elsewhere
//	                              ORG_ISOLATED_BUILDER; access by OIDC: ORG_OIDC_ACCESS;
//	                              generated provenance: as always; pinned tools: inputs that
//	                              all have digests
//	ArtifactToRegistry  minimum   immutable digest: as always; controlled write:
//	                              an SVR with ORG_REGISTRY_CONTROLLED_WRITE
//	                    stronger  signed image: as always, by who builds; SBOM stored with the
//	                              artifact: CycloneDX, by who builds; no tag overwritten:
//	                              ORG_REGISTRY_IMMUTABLE_TAGS
//	RegistryToRuntime   minimum   deploy by digest: as always; scan for known critical issues:
//	                              one of the last seven days with none of CVSS 9.0 or more
//	                    stronger  admission verifies signature, provenance, source repository
//	                              and builder identity: SourceID and OwnerID, so that a
//	                              repository of the same name is not taken for this one
//
// "As always" is what any [verify.Policy] demands: an artifact is its digest, and
// provenance of it is signed by who may speak for the builder.
type Preset struct {
	// Platform is where it is built.
	Platform Platform

	// Source is the URL of the repository, and SourceID and OwnerID are what the
	// platform tells it and its owner by.
	Source, SourceID, OwnerID string

	// Workflow is the path of the file in Source that the release is built by: for
	// GitHub ".github/workflows/release.yml", for GitLab ".gitlab-ci.yml" if it is
	// empty. Job is the name of GitLab's job.
	Workflow, Job string

	// Builder is who builds, if that is not Workflow itself: for GitHub a reusable
	// workflow, "https://github.com/org/builder/.github/workflows/build.yml", of
	// which any release may build; for Keys the builder.id. BuildType and
	// Parameters are for Keys: the type of its builds, and all their external
	// parameters.
	Builder, BuildType string
	Parameters         map[string]verify.Parameter

	// Key is the name of the key that Keys signs with.
	Key string

	// How much is asked at the four boundaries, as the table above has it.
	SourceToCI, CIToArtifact, ArtifactToRegistry, RegistryToRuntime Strength

	// Branches are the protected branches that a release is of; main if there are
	// none.
	Branches []string

	// SourceVerifier is the verifier.id of who verifies the source and signs as
	// SourceSigner.
	SourceVerifier string
	SourceSigner   Signatory

	Auditor  Signatory // who vouches for what the CI system is
	Registry Signatory // who vouches for what the registry is
	Scanner  Signatory // who scans for vulnerabilities
}

// Marshal returns the policy file that p stands for, in YAML, with comments that say
// what each part is for. [Parse] reads it. It is an error if p lacks what its platform
// or a boundary needs; all of this is reported together.
//
// The file is to be read, changed and kept. It has no expiry and no serial.
func (p Preset) Marshal() ([]byte, error) {
	w := presetter{p: p, policy: &verify.Policy{Source: p.Source}, comments: make(map[string]string)}
	w.platform()
	w.boundaries()
	if err := errors.Join(w.errs...); err != nil {
		return nil, err
	}
	// It is the file of a policy, so that the two cannot differ.
	text, err := Marshal(w.policy, named)
	if err != nil {
		return nil, err
	}
	doc, err := document(text)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(doc.Content); i += 2 {
		name, v := doc.Content[i], doc.Content[i+1]
		name.HeadComment = w.comments[name.Value]
		if name.Value == "require" {
			for k, e := range v.Content {
				e.HeadComment = w.required[k]
			}
		}
	}
	return new(writer).encode(&yaml.Node{Kind: yaml.DocumentNode, HeadComment: w.head(), Content: []*yaml.Node{doc}})
}

func named(id verify.Identity) (Signatory, error) { return Signatory(id.(nominal)), nil }

// presetter makes a policy of a preset.
type presetter struct {
	p        Preset
	policy   *verify.Policy
	comments map[string]string // by member
	required []string          // comments of what is required
	builder  Signatory
	errs     []error
}

func (w *presetter) fail(format string, a ...any) {
	w.errs = append(w.errs, fmt.Errorf("policyfile: preset: "+format, a...))
}

func (w *presetter) need(what, value string) {
	if value == "" {
		w.fail("no %s", what)
	}
}

func (w *presetter) head() string {
	lines := []string{"Releases of " + w.p.Source + ", built by " + string(w.p.Platform) + "."}
	for _, b := range []struct {
		name string
		s    Strength
	}{
		{"source to CI", w.p.SourceToCI},
		{"CI to artifact", w.p.CIToArtifact},
		{"artifact to registry", w.p.ArtifactToRegistry},
		{"registry to runtime", w.p.RegistryToRuntime},
	} {
		lines = append(lines, fmt.Sprintf("%-21s %s", b.name, cmp.Or(string(b.s), "nothing is asked")))
	}
	return strings.Join(lines, "\n")
}

// platform says who builds, and what there is to say of a build.
func (w *presetter) platform() {
	w.need("Source", w.p.Source)
	host := ""
	if u, err := url.Parse(w.p.Source); err == nil && u.Scheme == "https" && u.Host != "" {
		host = "https://" + u.Host
	} else if w.p.Source != "" {
		w.fail("Source is %.100q, want the URL of a repository, with https", w.p.Source)
	}
	builder := verify.Builder{Refs: verify.Refs{Releases: true}}
	switch w.p.Platform {
	case GitHub:
		w.need("Workflow", w.p.Workflow)
		builder.ID, builder.Level = cmp.Or(w.p.Builder, w.p.Source+"/"+w.p.Workflow), 2
		w.comments["builders"] = "The workflow that signs, of any release. It is who it is by the platform's word,\nwhich its certificate has."
		if w.p.Builder != "" {
			builder.Level = 3
			w.comments["builders"] = "The workflow that builds and signs, of any release. Those who call it cannot reach\ninto it."
		}
		if host != "https://github.com" {
			w.fail("Source is %.100q, and the platform github is https://github.com", w.p.Source)
		}
		w.builder = Signatory{Issuer: "https://token.actions.githubusercontent.com", Builder: builder.ID, Refs: builder.Refs}
		w.policy.BuildTypes = []string{"https://actions.github.io/buildtypes/workflow/v1"}
		w.policy.Parameters = map[string]verify.Parameter{"/workflow/path": {OneOf: []any{w.p.Workflow}}}
		w.policy.Triggers = []string{"push", "release"}
	case GitLab:
		w.need("Job", w.p.Job)
		builder.ID, builder.Level = cmp.Or(w.p.Builder, w.p.Source+"//"+cmp.Or(w.p.Workflow, ".gitlab-ci.yml")), 2
		w.comments["builders"] = "The configuration that signs, of any release. It is who it is by the platform's word,\nwhich its certificate has."
		w.builder = Signatory{Issuer: host, Builder: builder.ID, Refs: builder.Refs}
		w.policy.BuildTypes = []string{"https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1"}
		// The builder is the configuration, with the ref.
		w.policy.Parameters = map[string]verify.Parameter{"/job/name": {OneOf: []any{w.p.Job}}, "/pipeline/config": {Any: true}}
		w.comments["parameters"] = "All that whoever starts a build may choose. The configuration is the builder."
		w.policy.Triggers = []string{"push"}
	case Keys:
		w.need("Builder", w.p.Builder)
		w.need("BuildType", w.p.BuildType)
		w.need("Key", w.p.Key)
		builder = verify.Builder{ID: w.p.Builder, Level: 1}
		w.comments["builders"] = "Who builds, with a key of its own. Who holds the key is the builder, wherever it is."
		w.builder = Signatory{Key: w.p.Key}
		w.policy.BuildTypes = []string{w.p.BuildType}
		w.policy.Parameters = w.p.Parameters
	default:
		w.fail("platform %.100q, want %s, %s or %s", string(w.p.Platform), GitHub, GitLab, Keys)
	}
	if w.p.Platform != Keys && (w.p.Key != "" || w.p.BuildType != "" || w.p.Parameters != nil) {
		w.fail("Key, BuildType and Parameters are for the platform %s", Keys)
	}
	builder.Identity = nominal(w.builder)
	w.policy.Builders = []verify.Builder{builder}
	w.policy.Refs = verify.Refs{Releases: true}
	w.comments["source"] = "What it is built from: a tag such as v1.2.3, and what is in it."
	if w.comments["parameters"] == "" {
		w.comments["parameters"] = "All that whoever starts a build may choose."
	}
	w.comments["triggers"] = "Only who may write to the repository causes these."
}

func (w *presetter) boundaries() {
	atLeast := func(name string, s Strength) (minimum, stronger bool) {
		if s != "" && s != Minimum && s != Stronger {
			w.fail("%s is %.100q, want %s or %s", name, string(s), Minimum, Stronger)
		}
		return s != "", s == Stronger
	}
	keyless := w.p.Platform != Keys

	if minimum, stronger := atLeast("SourceToCI", w.p.SourceToCI); minimum {
		w.need("SourceVerifier", w.p.SourceVerifier)
		branches := w.p.Branches
		if len(branches) == 0 {
			branches = []string{"main"}
		}
		comment := "Source to CI, minimum: required review and protected release branches. Provenance does\nnot show how a commit came to be, so who verifies the source has to say it."
		properties := []string{provenance.SourceTwoPartyReviewed}
		if stronger {
			comment += "\nStronger: code owners, and approval of changes of workflows."
			properties = append(properties, "ORG_SOURCE_CODE_OWNERS", "ORG_SOURCE_WORKFLOW_APPROVAL")
			w.policy.SignedCommit = true
			w.comments["signedCommit"] = "Source to CI, stronger: signed commits."
		}
		w.require("SourceSigner", w.p.SourceSigner, comment, verify.Requirement{
			PredicateType: provenance.VSAType, OfSource: true,
			Summary: &verify.Summary{
				Verifier: w.p.SourceVerifier, Resource: "git+" + w.p.Source, Refs: verify.Refs{Branches: branches},
				Level: 3, Properties: properties,
			},
		})
	}

	if minimum, stronger := atLeast("CIToArtifact", w.p.CIToArtifact); minimum {
		comment := "CI to artifact, minimum: no long-lived production secret"
		properties := []string{"ORG_NO_LONG_LIVED_SECRET"}
		if keyless {
			w.policy.Runners = []string{string(w.p.Platform) + "-hosted"}
			w.comments["runners"] = "CI to artifact, minimum: a clean environment, which machines of the platform have."
		} else {
			comment += ", and a clean environment"
			properties = append(properties, "ORG_CLEAN_ENVIRONMENT")
		}
		comment += ". Provenance\ndoes not show what a job could reach, so who looks after the CI system has to say it."
		if stronger {
			comment += "\nStronger: production is reached by OIDC"
			properties = append(properties, verify.PropertyFederation)
			if w.p.Platform == GitHub {
				if w.p.Builder == "" {
					w.fail("no Builder: a workflow is not isolated from the repository that it is in")
				}
				w.comments["builders"] = "CI to artifact, stronger: an isolated builder. It is a workflow of its own, of any\nrelease; those who call it cannot reach into it. It generates the provenance."
			} else {
				comment += ", and the builder is isolated"
				properties = append(properties, "ORG_ISOLATED_BUILDER")
			}
			comment += "."
			w.policy.Inputs.Digests = true
			w.comments["inputs"] = "CI to artifact, stronger: pinned tools. All that the build took in has a digest."
		}
		w.require("Auditor", w.p.Auditor, comment, verify.Requirement{PredicateType: provenance.SVRType, Properties: properties})
	}

	if minimum, stronger := atLeast("ArtifactToRegistry", w.p.ArtifactToRegistry); minimum {
		comment := "Artifact to registry, minimum: controlled write. Provenance does not show who may write to\na registry, so who looks after it has to say it. That a digest does not change need not be\nsaid: all that is verified here is of digests."
		properties := []string{"ORG_REGISTRY_CONTROLLED_WRITE"}
		if stronger {
			comment += "\nStronger: no tag is overwritten."
			properties = append(properties, verify.PropertyImmutableTags)
			w.require("Builder", w.builder, "Artifact to registry, stronger: the SBOM is stored with the artifact, and both are signed:\nthis, and the provenance, are signatures of the artifact's digest by who builds.",
				verify.Requirement{PredicateType: "https://cyclonedx.org/bom"})
		}
		w.require("Registry", w.p.Registry, comment, verify.Requirement{PredicateType: provenance.SVRType, Properties: properties})
	}

	if minimum, stronger := atLeast("RegistryToRuntime", w.p.RegistryToRuntime); minimum {
		w.require("Scanner", w.p.Scanner, "Registry to runtime, minimum: a scan, of the last seven days, with no known issue that is\ncritical: of CVSS 9.0 or more. What is deployed is deployed by digest: tags are not verified.",
			verify.Requirement{PredicateType: provenance.VulnsType, MaxAge: 7 * 24 * time.Hour, Scan: &verify.Scan{Below: "9.0", Method: "cvss_score"}})
		if stronger {
			comment := "Registry to runtime, stronger: admission reads this file, and verifies signature, provenance,\nsource repository and builder identity."
			if keyless {
				w.need("SourceID", w.p.SourceID)
				w.need("OwnerID", w.p.OwnerID)
				comment += " The ids are those of this repository and its owner;\nanother one of the same name has others."
			}
			w.comments["source"] = comment
		}
	}
	if keyless {
		w.policy.SourceID, w.policy.OwnerID = w.p.SourceID, w.p.OwnerID
	} else if w.p.SourceID != "" || w.p.OwnerID != "" {
		w.fail("SourceID and OwnerID, which only the certificates of a platform tell")
	}
}

// require adds q, which who signs. name is the field of who.
func (w *presetter) require(name string, who Signatory, comment string, q verify.Requirement) {
	if kinds := []bool{who.Key != "", who.Builder != "", who.Subject != ""}; !slices.Contains(kinds, true) {
		w.fail("no %s", name)
	}
	q.Identities = []verify.Identity{nominal(who)}
	w.policy.Require = append(w.policy.Require, q)
	w.required = append(w.required, comment)
}
