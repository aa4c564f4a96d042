package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

const (
	appRepository = "https://github.com/acme/app"
	appCommit     = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	appRun        = appRepository + "/actions/runs/123/attempts/4"
	appWorkflow   = "acme/app/.github/workflows/release.yml@refs/tags/v2.0.0"
	labRepository = "https://gitlab.com/group/app"
)

// githubClaims are those of a job of GitHub Actions, all that there are.
func githubClaims() *Claims {
	const builder = "https://github.com/acme/builder/.github/workflows/build.yml@refs/tags/v1.0.0"
	return &Claims{
		Issuer: "https://token.actions.githubusercontent.com", Subject: builder, Builder: builder, BuildSigner: builder, BuildSignerDigest: strings.Repeat("b", 40),
		BuildConfig: "https://github.com/" + appWorkflow, BuildConfigDigest: appCommit, Repository: appRepository, RepositoryID: "42", Visibility: "public",
		Owner: "https://github.com/acme", OwnerID: "7", Ref: "refs/tags/v2.0.0", Commit: appCommit, Workflow: "Release", Trigger: "push",
		Runner: "github-hosted", Environment: "production", Invocation: appRun, TokenSubject: "repo:acme/app:environment:production",
	}
}

// gitlabClaims are those of a job of GitLab CI/CD.
func gitlabClaims() *Claims {
	const config = "https://gitlab.com/group/app//.gitlab-ci.yml@refs/tags/v2.0.0"
	return &Claims{
		Issuer: "https://gitlab.com", Subject: config, Builder: config, BuildSigner: config, BuildSignerDigest: appCommit,
		BuildConfig: config, BuildConfigDigest: appCommit, Repository: labRepository, RepositoryID: "42", Visibility: "public",
		Owner: "https://gitlab.com/group", OwnerID: "7", Ref: "refs/tags/v2.0.0", Commit: appCommit, Trigger: "push",
		Runner: "gitlab-hosted", Environment: "production", Invocation: labRepository + "/-/jobs/123",
	}
}

// buildkiteClaims are those of a job of Buildkite. Fulcio's do not tell the source and
// its ref; here they do.
func buildkiteClaims() *Claims {
	const pipeline = "https://buildkite.com/acme/app"
	return &Claims{
		Issuer: "https://agent.buildkite.com", Subject: pipeline, Builder: pipeline, Repository: appRepository, Ref: "refs/tags/v2.0.0", Commit: appCommit,
		Trigger: "webhook", Runner: "buildkite-hosted", Invocation: pipeline + "/builds/123#job",
	}
}

// v1 and v02 are predicates by what is in them besides the builder.
func v1(buildType, external, internal, uri, digest, invocation string) string {
	return `{"buildDefinition":{"buildType":"` + buildType + `","externalParameters":` + external + `,"internalParameters":` + internal +
		`,"resolvedDependencies":[{"uri":"` + uri + `","digest":{"` + digest + `":"` + appCommit + `"}}]},"runDetails":{"builder":{"id":"BUILDER"},"metadata":{"invocationId":"` + invocation + `"}}}`
}

func v02(buildType, environment, invocation string) string {
	const source = `"uri":"git+` + appRepository + `@refs/tags/v2.0.0","digest":{"sha1":"` + appCommit + `"}`
	return `{"buildType":"` + buildType + `","builder":{"id":"BUILDER"},"invocation":{"configSource":{` + source + `,"entryPoint":".github/workflows/release.yml"},"parameters":{},"environment":` + environment +
		`},"metadata":{"buildInvocationID":"` + invocation + `"},"materials":[{` + source + `}]}`
}

// A claimsCase is what a platform says of a build in both ways.
type claimsCase struct {
	predicateType, predicate string
	claims                   *Claims
	delegated                bool
	items                    string // that are compared, in order
	places                   int    // in which something is said
}

func claimsCases() map[string]claimsCase {
	const (
		git       = "git+" + appRepository + "@refs/tags/v2.0.0"
		workflow  = `{"workflow":{"path":".github/workflows/release.yml","ref":"refs/tags/v2.0.0","repository":"` + appRepository + `"}}`
		object    = `{"github":{"event_name":"push","repository_id":"42","repository_owner_id":"7","runner_environment":"github-hosted"}}`
		variables = `{"GITHUB_REPOSITORY":"acme/app","GITHUB_REF":"refs/tags/v2.0.0","GITHUB_SHA":"` + appCommit + `","GITHUB_RUN_ID":123,"GITHUB_RUN_ATTEMPT":"4","GITHUB_EVENT_NAME":"push",` +
			`"GITHUB_REPOSITORY_ID":"42","GITHUB_REPOSITORY_OWNER":"acme","GITHUB_REPOSITORY_OWNER_ID":"7","GITHUB_WORKFLOW_REF":"` + appWorkflow + `","GITHUB_WORKFLOW_SHA":"` + appCommit + `",` +
			`"GITHUB_WORKFLOW":"Release","GITHUB_EVENT_PAYLOAD":{"repository":{"visibility":"public"}}}`
		lower = `{"github_ref":"refs/tags/v2.0.0","github_sha1":"` + appCommit + `","github_run_id":"123","github_run_attempt":"4","github_event_name":"push","github_repository_id":"42",` +
			`"github_repository_owner":"acme","github_repository_owner_id":"7","github_event_payload":{"repository":{"visibility":"public"}}}`
		slsa, npm = "https://github.com/slsa-framework/slsa-github-generator", "https://github.com/npm/cli/gha"

		always = "builder, source, ref, commit, invocation"
		ids    = ", repository id, owner id"
		all    = always + ", trigger" + ids + ", owner, visibility"
	)
	cases := map[string]claimsCase{
		"GitHub": {"v1", v1("https://actions.github.io/buildtypes/workflow/v1", workflow, object, git, "gitCommit", appRun), githubClaims(), false, always + ", trigger, runner" + ids + ", build config", 10},
		"npm": {
			"v1", strings.ReplaceAll(v1("https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1", workflow, object, git, "gitCommit", appRun), "BUILDER", "https://github.com/actions/runner/github-hosted"),
			githubClaims(), true, always + ", trigger, runner" + ids + ", build config", 11,
		},
		"delegator": {"v1", v1(slsa+"/delegator-generic@v0", `{"inputs":{}}`, variables, git, "gitCommit", appRun), githubClaims(), true, all + ", workflow, build config, build config commit", 17},
		"container-based": {
			"v1", v1("https://slsa.dev/container-based-build/v0.1?draft", `{"source":{"uri":"`+git+`","digest":{"sha1":"`+appCommit+`"}}}`, variables, git, "sha1", appRun),
			githubClaims(), false, all + ", workflow, build config, build config commit", 17,
		},
		"GitLab": {
			"v1", v1("https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1",
				`{"job":{"name":"build"},"pipeline":{"repository":"`+labRepository+`","ref":"refs/tags/v2.0.0","config":"https://gitlab.com/group/app//.gitlab-ci.yml@refs/tags/v2.0.0"}}`,
				`{"gitlab":{"namespace_id":"7","project_id":"42","pipeline_source":"push","runner_environment":"gitlab-hosted"}}`,
				"git+"+labRepository+"@refs/tags/v2.0.0", "gitCommit", labRepository+"/-/jobs/123"),
			gitlabClaims(), false, always + ", trigger, runner" + ids + ", build config", 10,
		},
		"GitLab's runner": {
			"v1", v1("https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.1.0/PROVENANCE.md", `{"entryPoint":"build","source":"`+labRepository+`","CI":""}`, `{"job":"123","name":"x"}`, labRepository, "sha256", "123"),
			gitlabClaims(), true, "builder, source, commit, invocation", 5,
		},
		"GitLab itself": {
			"v1", v1("https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1",
				`{"entryPoint":"build","source":"`+labRepository+`","variables":{"CI_PROJECT_URL":"`+labRepository+`","CI_COMMIT_TAG":"v2.0.0","CI_COMMIT_SHA":"`+appCommit+`","CI_JOB_URL":"`+labRepository+`/-/jobs/123",`+
					`"CI_PIPELINE_SOURCE":"push","CI_PROJECT_ID":"42","CI_PROJECT_NAMESPACE_ID":"7","CI_PROJECT_VISIBILITY":"public","CI_ENVIRONMENT_NAME":"production"}}`,
				`{"job":123}`, labRepository, "gitCommit", "123"),
			gitlabClaims(), true, always + ", trigger" + ids + ", visibility, environment", 14,
		},
		"Buildkite": {
			"v1", v1("https://buildkite.github.io/slsa-buildtypes/job/v1",
				`{"pipeline":"https://buildkite.com/acme/app","repository":"`+appRepository+`","build":{"branch":"main","tag":"v2.0.0","commit":"`+appCommit+`"},"job":{"id":"job"},"step":{}}`,
				`{"buildkite":{"build_number":"123","runner_environment":"buildkite-hosted"}}`, git, "gitCommit", "https://buildkite.com/acme/app/builds/123#job"),
			buildkiteClaims(), false, always + ", runner", 8,
		},
		"another type":                  {"v1", v1("https://example.com/type", workflow, `{"event_name":"x"}`, git, "gitCommit", appRun), githubClaims(), false, always, 5},
		"another type, GitHub's object": {"v1", v1("https://example.com/type", workflow, object, git, "gitCommit", appRun), githubClaims(), false, always + ", trigger, runner" + ids, 9},
		"another type of version 0.2":   {"v0.2", v02("https://example.com/type", lower, appRun), githubClaims(), false, always, 5},
	}
	for _, t := range []string{"/generic@v1", "/go@v1", "/container@v1", "@v1", "-go@v1"} {
		cases["slsa-github-generator"+t] = claimsCase{"v0.2", v02(slsa+t, lower, "123-4"), githubClaims(), false, all + ", build config", 14}
	}
	for _, t := range []string{"/v2", "@v1", "@v0"} {
		cases["npm gha"+t] = claimsCase{"v0.2", strings.ReplaceAll(v02(npm+t, variables, "123-4"), "BUILDER", "https://github.com/actions/runner"), githubClaims(), true, all + ", workflow, build config, build config commit", 17}
	}
	return cases
}

// build returns the Build of c after a change of its predicate.
func (c *claimsCase) build(t *testing.T, change func(predicate map[string]any)) *provenance.Build {
	t.Helper()
	var predicate map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(c.predicate, "BUILDER", c.claims.Builder)), &predicate); err != nil {
		t.Fatal(err)
	}
	change(predicate)
	text, err := json.Marshal(map[string]any{
		"_type": provenance.StatementType, "subject": []any{map[string]any{"digest": map[string]any{"sha256": strings.Repeat("0", 64)}}},
		"predicateType": "https://slsa.dev/provenance/" + c.predicateType, "predicate": predicate,
	})
	if err != nil {
		t.Fatal(err)
	}
	st, err := provenance.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := provenance.ParseBuild(st)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unchanged(map[string]any) {}

// outcomes returns the items of checks by how they ended.
func outcomes(checks []Check) map[Outcome][]string {
	all := make(map[Outcome][]string)
	for _, c := range checks {
		all[c.Outcome] = append(all[c.Outcome], c.Item)
	}
	return all
}

func TestCertificate(t *testing.T) {
	fields := map[string]string{
		"builder": "Builder", "source": "Repository", "ref": "Ref", "commit": "Commit", "invocation": "Invocation", "trigger": "Trigger", "runner": "Runner",
		"repository id": "RepositoryID", "owner id": "OwnerID", "owner": "Owner", "visibility": "Visibility", "environment": "Environment",
		"workflow": "Workflow", "build config": "BuildConfig", "build config commit": "BuildConfigDigest",
	}
	for name, c := range claimsCases() {
		t.Run(name, func(t *testing.T) {
			builder := &Builder{Delegated: c.delegated, Identity: someone{c.claims.Subject}}
			b := c.build(t, unchanged)
			got := outcomes(certificate(0, builder, b, c.claims))
			if items := strings.Join(got[Passed], ", "); items != c.items || len(got) != 1 {
				t.Fatalf("got %v\nwant %s", got, c.items)
			}
			compared := strings.Split(c.items, ", ")

			// What the certificate says and the predicate contradicts.
			for _, item := range slices.Sorted(maps.Keys(fields)) {
				claims := *c.claims
				field := reflect.ValueOf(&claims).Elem().FieldByName(fields[item])
				field.SetString(field.String() + "x")
				got := outcomes(certificate(0, builder, b, &claims))
				switch {
				case item == "builder" && c.delegated: // Its identity knows the name.
				case item == "ref" && !slices.Contains(compared, item):
				case slices.Contains(compared, item) != slices.Equal(got[Failed], []string{item}):
					t.Errorf("another %s: got %v", item, got)
				}

				// What the certificate does not say.
				field.SetString("")
				got = outcomes(certificate(0, builder, b, &claims))
				may := slices.Index([]string{"builder", "source", "ref", "commit", "invocation", "trigger", "runner", "repository id", "owner id"}, item) >= 0
				switch {
				case item == "builder" && c.delegated, item == "ref" && !slices.Contains(compared, item):
				case len(got[Failed]) > 0, slices.Contains(got[Passed], item), (slices.Contains(compared, item) && may) != slices.Equal(got[Unproven], []string{item}):
					t.Errorf("no %s in the certificate: got %v", item, got)
				}
			}

			// Every place of the predicate counts.
			places := 0
			for _, s := range wordsOf(b).table {
				if wordsOf(b).fill(s.value) != "" {
					places++
				}
				for _, name := range placeholders(s.value) {
					root, path, ok := strings.Cut(name, ".")
					if !ok || wordsOf(b).value(name) == "" {
						continue
					}
					for _, lie := range []any{"lie", json.Number("99"), true, []any{"push"}, map[string]any{"a": "b"}} {
						b := c.build(t, unchanged)
						object := b.Internal
						if root == "external" {
							object = b.External
						}
						names := strings.Split(path, ".")
						for _, n := range names[:len(names)-1] {
							object = object[n].(map[string]any)
						}
						object[names[len(names)-1]] = lie
						if got := outcomes(certificate(0, builder, b, c.claims)); !slices.Contains(got[Failed], s.item) {
							// The source may be none any more.
							if !slices.Contains(got[Unproven], s.item) {
								t.Errorf("%s is %v: %s: got %v", name, lie, s.item, got)
							}
						}
					}
				}
			}
			if places != c.places {
				t.Errorf("%d places, want %d", places, c.places)
			}
		})
	}
}

// placeholders returns what is in braces in a value.
func placeholders(value string) (all []string) {
	for {
		_, rest, ok := strings.Cut(value, "{")
		if !ok {
			return all
		}
		name, after, _ := strings.Cut(rest, "}")
		all, value = append(all, name), after
	}
}

// What a predicate must say, and what it need not.
func TestCertificateOfSilence(t *testing.T) {
	for name, c := range claimsCases() {
		t.Run(name, func(t *testing.T) {
			builder := &Builder{Delegated: c.delegated, Identity: someone{c.claims.Subject}}
			b := c.build(t, unchanged)
			b.Internal, b.Invocation, b.Dependencies = nil, "", nil
			got := outcomes(certificate(0, builder, b, c.claims))
			if len(got[Failed]) > 0 || !slices.Contains(got[Unproven], "commit") && !slices.Contains(got[Passed], "commit") || len(got[Unproven]) == 0 && name != "GitLab itself" {
				t.Errorf("got %v", got)
			}
			// GitLab itself says all of it in variables, too.
			if run := slices.Contains(got[Passed], "invocation"); run != (name == "GitLab itself") {
				t.Errorf("invocation: got %v", got)
			}
			b.Builder = ""
			if got := outcomes(certificate(0, builder, b, c.claims)); !c.delegated && !slices.Contains(got[Unproven], "builder") {
				t.Errorf("no builder: got %v", got)
			}
		})
	}
}

// A workflow that an organization requires is of another repository than the source.
func TestCertificateOfRequiredWorkflow(t *testing.T) {
	c := claimsCases()["GitHub"]
	for path, want := range map[string]Outcome{
		"acme/rules/.github/workflows/check.yml": Passed,
		"acme/other/.github/workflows/check.yml": Failed,
		".github/workflows/check.yml":            Failed,
	} {
		b := c.build(t, unchanged)
		b.External["workflow"].(map[string]any)["path"] = path
		c.claims.BuildConfig = "https://github.com/acme/rules/.github/workflows/check.yml@refs/tags/v2.0.0"
		if got := outcomes(certificate(0, new(Builder), b, c.claims)); !slices.Contains(got[want], "build config") {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

// A certificate of 2022 says the event, the ref, the commit and the repository.
func TestCertificateOf2022(t *testing.T) {
	c := claimsCases()["slsa-github-generator/go@v1"]
	claims := &Claims{
		Issuer: c.claims.Issuer, Subject: c.claims.Subject, Builder: c.claims.Builder, Repository: c.claims.Repository,
		Ref: c.claims.Ref, Commit: c.claims.Commit, Workflow: c.claims.Workflow, Trigger: c.claims.Trigger,
	}
	b := c.build(t, unchanged)
	got := outcomes(certificate(0, new(Builder), b, claims))
	if want := "builder, source, ref, commit, trigger"; len(got) != 1 || strings.Join(got[Passed], ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if got, want := factsOf(b, claims), (facts{"push", "", "", "42", "7", true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	lie := *claims
	lie.Trigger = "pull_request"
	if got := outcomes(certificate(0, new(Builder), b, &lie)); !slices.Equal(got[Failed], []string{"trigger"}) {
		t.Errorf("another trigger: got %v", got)
	}
	if got := factsOf(b, &lie); got.trigger != "pull_request" {
		t.Errorf("the predicate's word for the trigger: %+v", got)
	}

	// With any newer claim it is of later, and what it does not have it should.
	for _, field := range []string{
		"BuildSigner", "BuildSignerDigest", "BuildConfig", "BuildConfigDigest", "RepositoryID", "Visibility", "Owner", "OwnerID",
		"Runner", "Environment", "Invocation", "TokenSubject",
	} {
		later := *claims
		from := reflect.ValueOf(c.claims).Elem().FieldByName(field)
		reflect.ValueOf(&later).Elem().FieldByName(field).Set(from)
		got := outcomes(certificate(0, new(Builder), b, &later))
		if len(got[Unproven]) == 0 || factsOf(b, &later).repositoryID != later.RepositoryID {
			t.Errorf("with %s: got %v", field, got)
		}
	}
	// So it is without one that there was already.
	for _, field := range []string{"Builder", "Trigger", "Ref", "Commit"} {
		other := *claims
		reflect.ValueOf(&other).Elem().FieldByName(field).SetString("")
		if got := outcomes(certificate(0, new(Builder), b, &other)); !slices.Contains(got[Unproven], "invocation") {
			t.Errorf("without %s: got %v", field, got)
		}
	}
}

func TestFacts(t *testing.T) {
	lab, hub := facts{"push", "gitlab-hosted", "", "42", "7", false}, facts{"push", "github-hosted", "", "42", "7", true}
	plain := facts{"push", "", "", "42", "7", true}
	for name, want := range map[string]facts{
		"GitHub": hub, "npm": hub, "another type, GitHub's object": hub, "another type": {}, "another type of version 0.2": {},
		"delegator": plain, "container-based": plain, "slsa-github-generator/generic@v1": plain, "npm gha/v2": plain,
		"GitLab": lab, "GitLab's runner": {}, "GitLab itself": {"push", "", "production", "42", "7", false},
		"Buildkite": {"", "buildkite-hosted", "", "", "", false},
	} {
		c := claimsCases()[name]
		if got := factsOf(c.build(t, unchanged), nil); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		// A certificate is believed alone.
		if got := factsOf(c.build(t, unchanged), &Claims{Trigger: "release"}); got != (facts{trigger: "release"}) {
			t.Errorf("%s, with a certificate: got %+v", name, got)
		}
	}

	// A predicate that contradicts itself says nothing that is allowed.
	c := claimsCases()["npm"]
	b := c.build(t, func(p map[string]any) {
		p["runDetails"].(map[string]any)["builder"] = map[string]any{"id": "https://github.com/actions/runner/self-hosted"}
	})
	if got := factsOf(b, nil).runner; got != "github-hosted and self-hosted" {
		t.Errorf("two machines: got %q", got)
	}
}

func TestSameRun(t *testing.T) {
	for _, tt := range []struct {
		claim, id string
		want      bool
	}{
		{appRun, "123-4", true},
		{labRepository + "/-/jobs/123", "123", true},
		{appRun, "123-5", false},
		{appRun, "23-4", false},
		{appRun, "123-", false},
		{appRun, "-4", false},
		{appRun, "123", false},
		{appRun, "4", false},
		{appRun, "", false},
		{appRun, "-", false},
		{appRun, "123-4-4", false},
		{appRun, "runs/123-4", false},
		{appRun + "/x", "123-4", false},
		{"", "123-4", false},
		{labRepository + "/-/jobs/123", "23", false},
		{labRepository + "/-/jobs/123", "123-1", false},
		{labRepository + "/-/pipelines/123", "123", false},
	} {
		if got := sameRun(tt.claim, tt.id); got != tt.want {
			t.Errorf("%s and %q: got %t", tt.claim, tt.id, got)
		}
	}
}

// someone is an Identity with a name alone.
type someone struct{ name string }

func (s someone) Recognize(context.Context, *sign.Envelope) (*Evidence, error) {
	return nil, ErrNotSigned
}

func (s someone) String() string { return fmt.Sprintf("workflow %s", s.name) }

// The parameters that name the source are accounted for by its rules, and no others.
func TestParametersOfSource(t *testing.T) {
	for name, want := range map[string]string{
		"GitHub": "/workflow/path", "delegator": "/inputs", "container-based": "", "slsa-github-generator/go@v1": "/entryPoint", "npm gha/v2": "/entryPoint",
		"GitLab": "/job/name /pipeline/config", "GitLab's runner": "/CI /entryPoint", "Buildkite": "/build/branch /build/commit /build/tag /job/id /pipeline /repository /step",
	} {
		c := claimsCases()[name]
		b := c.build(t, unchanged)
		source, parameter := b.Source()
		left := slices.Sorted(maps.Keys(parametersOf(b, source, parameter)))
		if got := strings.Join(left, " "); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	c := claimsCases()["container-based"]
	b := c.build(t, unchanged)
	object := b.External["source"].(map[string]any)
	object["digest"] = map[string]any{"sha1": strings.Repeat("b", 40), "sha256": ""}
	object["commit"], object["ref"] = appCommit, ""
	source, parameter := b.Source()
	left := slices.Sorted(maps.Keys(parametersOf(b, source, parameter)))
	if got, want := strings.Join(left, " "), "/source/commit /source/digest/sha1 /source/digest/sha256 /source/ref"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
