package verify

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A platform wrote the certificate of a build, and a step of the build perhaps the
// predicate. What both say must be the same. Which claim is where in a predicate is
// in a table per build type: the item of the check, and the value in the words of the
// certificate, with what is in braces taken from the Build. A value of which a part
// is not there is not said. Where there are several, each that is said counts.
type saying struct{ item, value string }

// sayings returns the table of b's build type. github is whether that is one of GitHub
// Actions, which always has an event and a kind of machine.
func sayings(b *provenance.Build) (table []saying, github bool) {
	always := []saying{
		{"builder", "{builder}"},
		{"source", "{source}"},
		{"ref", "{ref}"},
		{"commit", "{commit}"},
		{"invocation", "{invocation}"},
	}
	object := []saying{
		{"trigger", "{internal.github.event_name}"},
		{"runner", "{internal.github.runner_environment}"},
		{"repository id", "{internal.github.repository_id}"},
		{"owner id", "{internal.github.repository_owner_id}"},
	}
	variables := []saying{ // of the environment of a job of GitHub Actions
		{"source", "{server}/{internal.GITHUB_REPOSITORY}"},
		{"ref", "{internal.GITHUB_REF}"},
		{"commit", "{internal.GITHUB_SHA}"},
		{"invocation", "{server}/{internal.GITHUB_REPOSITORY}/actions/runs/{internal.GITHUB_RUN_ID}/attempts/{internal.GITHUB_RUN_ATTEMPT}"},
		{"trigger", "{internal.GITHUB_EVENT_NAME}"},
		{"repository id", "{internal.GITHUB_REPOSITORY_ID}"},
		{"owner", "{server}/{internal.GITHUB_REPOSITORY_OWNER}"},
		{"owner id", "{internal.GITHUB_REPOSITORY_OWNER_ID}"},
		{"build config", "{server}/{internal.GITHUB_WORKFLOW_REF}"},
		{"build config commit", "{internal.GITHUB_WORKFLOW_SHA}"},
		{"workflow", "{internal.GITHUB_WORKFLOW}"},
		{"visibility", "{internal.GITHUB_EVENT_PAYLOAD.repository.visibility}"},
	}
	switch b.Type {
	case "https://actions.github.io/buildtypes/workflow/v1", // of actions/attest and package github
		"https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1": // of npm, whose builder is the machine
		workflow, _ := b.External["workflow"].(map[string]any)
		config := "{external.workflow.repository}/{external.workflow.path}@{external.workflow.ref}"
		if path, _ := workflow["path"].(string); !strings.HasPrefix(path, ".github/") {
			// One that the organization requires has its own repository in the path.
			config = "{server}/{external.workflow.path}@{external.workflow.ref}"
		}
		return slices.Concat(always, object, []saying{{"runner", "{machine}"}, {"build config", config}}), true

	case "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
		"https://github.com/slsa-framework/slsa-github-generator/go@v1",
		"https://github.com/slsa-framework/slsa-github-generator/container@v1",
		"https://github.com/slsa-framework/slsa-github-generator@v1",
		"https://github.com/slsa-framework/slsa-github-generator-go@v1":
		return slices.Concat(always, []saying{
			{"ref", "{internal.github_ref}"},
			{"commit", "{internal.github_sha1}"},
			{"invocation", "{source}/actions/runs/{internal.github_run_id}/attempts/{internal.github_run_attempt}"},
			{"trigger", "{internal.github_event_name}"},
			{"repository id", "{internal.github_repository_id}"},
			{"owner", "{server}/{internal.github_repository_owner}"},
			{"owner id", "{internal.github_repository_owner_id}"},
			{"build config", "{source}/{external.entryPoint}@{ref}"},
			{"visibility", "{internal.github_event_payload.repository.visibility}"},
		}), true

	case "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
		"https://slsa.dev/container-based-build/v0.1?draft":
		return slices.Concat(always, variables), true

	case "https://github.com/npm/cli/gha/v2", "https://github.com/npm/cli/gha@v1", "https://github.com/npm/cli/gha@v0":
		return slices.Concat(always, variables, []saying{{"runner", "{machine}"}}), true

	case "https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1": // of package gitlab
		return slices.Concat(always, []saying{
			{"trigger", "{internal.gitlab.pipeline_source}"},
			{"runner", "{internal.gitlab.runner_environment}"},
			{"repository id", "{internal.gitlab.project_id}"},
			{"owner id", "{internal.gitlab.namespace_id}"},
			{"build config", "{external.pipeline.config}"},
		}), false

	case "https://buildkite.github.io/slsa-buildtypes/job/v1":
		return slices.Concat(always, []saying{
			{"commit", "{external.build.commit}"},
			{"invocation", "{external.pipeline}/builds/{internal.buildkite.build_number}#{external.job.id}"},
			{"runner", "{internal.buildkite.runner_environment}"},
		}), false
	}

	// GitLab's runner, and GitLab itself: there is no place for a ref.
	runner := strings.HasPrefix(b.Type, "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/") && strings.HasSuffix(b.Type, "/PROVENANCE.md")
	if runner || b.Type == "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1" {
		return []saying{
			{"builder", "{builder}"},
			{"source", "{source}"},
			{"source", "{external.variables.CI_PROJECT_URL}"},
			{"ref", "refs/tags/{external.variables.CI_COMMIT_TAG}"},
			{"ref", "refs/heads/{external.variables.CI_COMMIT_BRANCH}"},
			{"commit", "{commit}"},
			{"commit", "{external.variables.CI_COMMIT_SHA}"},
			{"invocation", "{invocation}"},
			{"invocation", "{source}/-/jobs/{internal.job}"},
			{"invocation", "{external.variables.CI_JOB_URL}"},
			{"trigger", "{external.variables.CI_PIPELINE_SOURCE}"},
			{"repository id", "{external.variables.CI_PROJECT_ID}"},
			{"owner id", "{external.variables.CI_PROJECT_NAMESPACE_ID}"},
			{"visibility", "{external.variables.CI_PROJECT_VISIBILITY}"},
			{"environment", "{external.variables.CI_ENVIRONMENT_NAME}"},
		}, false
	}

	// Of other build types it is not known where they say what, but for those that
	// have the object of GitHub's.
	if _, github := b.Internal["github"].(map[string]any); github {
		return slices.Concat(always, object), true
	}
	return always, false
}

// words are what the predicate of a build says of its run.
type words struct {
	build  *provenance.Build
	source provenance.Source
	table  []saying
	github bool
}

func wordsOf(b *provenance.Build) *words {
	w := &words{build: b}
	w.source, _ = b.Source()
	w.table, w.github = sayings(b)
	return w
}

// of returns what w says of an item, each value once.
func (w *words) of(item string) []string {
	var all []string
	for _, s := range w.table {
		if s.item != item {
			continue
		}
		if v := w.fill(s.value); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// fill returns value with what is in braces taken from the Build, or "" if there is
// nothing to take.
func (w *words) fill(value string) string {
	var text strings.Builder
	for {
		before, rest, ok := strings.Cut(value, "{")
		text.WriteString(before)
		if !ok {
			return text.String()
		}
		var name string
		name, value, _ = strings.Cut(rest, "}")
		v := w.value(name)
		if v == "" {
			return ""
		}
		text.WriteString(v)
	}
}

// value returns a value of the Build by its name, as text. What is neither text nor a number
// is its JSON, which is no claim's.
func (w *words) value(name string) string {
	switch name {
	case "builder":
		return w.build.Builder
	case "machine": // of GitHub, as npm names it
		if machine, ok := strings.CutPrefix(w.build.Builder, "https://github.com/actions/runner/"); ok {
			return machine
		}
		return ""
	case "source":
		return w.source.Repository
	case "server":
		u, err := url.Parse(w.source.Repository)
		if err != nil || u.Host == "" {
			return ""
		}
		return u.Scheme + "://" + u.Host
	case "ref":
		return w.source.Ref
	case "commit":
		return w.source.Commit.Hex()
	case "invocation":
		return w.build.Invocation
	}
	root, path, _ := strings.Cut(name, ".")
	v := any(w.build.Internal)
	if root == "external" {
		v = w.build.External
	}
	for name := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	text, err := strictjson.Append(nil, v)
	if err != nil {
		return "a value that cannot be written"
	}
	return string(text)
}

// facts are what is known of a build's run.
type facts struct {
	trigger, runner, environment string
	repositoryID, ownerID        string
	said                         bool // the build type always has a trigger and a runner
}

// factsOf returns what the certificate says, or without one what the predicate says
// of itself. The one is not filled up from the other, but for certificates of 2022.
func factsOf(b *provenance.Build, claims *Claims) facts {
	var f facts
	if claims != nil {
		f = facts{claims.Trigger, claims.Runner, claims.Environment, claims.RepositoryID, claims.OwnerID, false}
		if !claims.of2022() {
			return f
		}
	}
	w := wordsOf(b)
	f.said = w.github
	for _, one := range []struct {
		fact *string
		item string
	}{
		{&f.trigger, "trigger"},
		{&f.runner, "runner"},
		{&f.environment, "environment"},
		{&f.repositoryID, "repository id"},
		{&f.ownerID, "owner id"},
	} {
		if *one.fact == "" {
			*one.fact = strings.Join(w.of(one.item), " and ") // Two are none that is allowed.
		}
	}
	return f
}

// of2022 reports whether c are the claims of a certificate for a job of before there
// were more of them: it has the event, the ref and the commit, and neither who the
// repository and its owner are, nor the run, nor the machine.
func (c *Claims) of2022() bool {
	return c.Builder != "" && c.Trigger != "" && c.Ref != "" && c.Commit != "" &&
		c.BuildSigner+c.BuildSignerDigest+c.BuildConfig+c.BuildConfigDigest+c.RepositoryID+c.Visibility+
			c.Owner+c.OwnerID+c.Runner+c.Environment+c.Invocation+c.TokenSubject == ""
}

// certificate compares what the signer's certificate and the predicate both say
// of the build, for which builder speaks.
//
// The predicate must say what is in both of any build: builder, source, ref, commit
// and run, as far as its build type has a place for them. It need not say what
// started the build, where it ran, and by what the platform tells its repository, but
// if it does, the certificate must. What else both say is compared.
//
// A certificate of 2022 cannot say the run, nor the machine, nor what the platform
// tells the repository by: they are not compared, and [factsOf] takes the predicate's
// word for what the policy asks of them.
//
// If the builder is delegated the certificate is of its identity, which has been
// recognized, and does not name the builder.
func certificate(i int, builder *Builder, b *provenance.Build, claims *Claims) []Check {
	const (
		must = iota // be in both
		may         // be in the predicate, and then must be in the certificate
		both        // is compared if both have it
	)
	w := wordsOf(b)
	var checks []Check
	for _, c := range []struct {
		item, claim string
		need        int
		new         bool // since 2023
	}{
		{"builder", claims.Builder, must, false},
		{"source", claims.Repository, must, false},
		{"ref", claims.Ref, must, false},
		{"commit", claims.Commit, must, false},
		{"invocation", claims.Invocation, must, true},
		{"trigger", claims.Trigger, may, false},
		{"runner", claims.Runner, may, true},
		{"repository id", claims.RepositoryID, may, true},
		{"owner id", claims.OwnerID, may, true},
		{"owner", claims.Owner, both, true},
		{"visibility", claims.Visibility, both, true},
		{"environment", claims.Environment, both, true},
		{"workflow", claims.Workflow, both, false},
		{"build config", claims.BuildConfig, both, true},
		{"build config commit", claims.BuildConfigDigest, both, true},
	} {
		values := w.of(c.item)
		check := newCheck(RuleCertificate, c.item, Passed, "", c.claim, i)
		if c.item == "builder" && builder.Delegated {
			c.claim, values = claims.name(), []string{claims.name()}
			check.Want = builder.Identity.String()
		}
		differs := slices.IndexFunc(values, func(v string) bool { return v != c.claim && !(c.item == "invocation" && sameRun(c.claim, v)) })
		switch {
		case len(values) > 0:
			check.Got = values[max(differs, 0)]
		case c.need != must:
			continue
		case c.item == "ref" && !slices.Contains(w.table, saying{"ref", "{ref}"}):
			continue // Its build type has no place for one.
		}
		switch {
		case c.claim == "" && (c.need == both || c.new && claims.of2022()):
			continue
		case c.claim == "":
			check.Outcome, check.Want = Unproven, "a claim of the certificate"
		case len(values) == 0:
			check.Outcome, check.Got = Unproven, notSaid
		case differs >= 0:
			check.Outcome = Failed
		}
		checks = append(checks, check)
	}
	return checks
}

// sameRun reports whether an id that is no URL is of the run that a certificate names
// by one: "<run>-<attempt>" of GitHub Actions, the number of a job of GitLab.
func sameRun(claim, id string) bool {
	run, attempt, ok := strings.Cut(id, "-")
	if strings.Trim(run+attempt, "0123456789") != "" || run == "" {
		return false
	}
	if ok {
		return attempt != "" && strings.HasSuffix(claim, "/actions/runs/"+run+"/attempts/"+attempt)
	}
	return strings.HasSuffix(claim, "/-/jobs/"+run)
}
