// Package gitlab observes a build that runs as a job of GitLab CI/CD, on
// gitlab.com or on an instance of one's own.
//
// GitLab's runners write provenance of a type whose parameters have no fixed
// meaning. The Build that [Observe] returns has a build type of this module, which
// is documented in provenance/buildtypes and says the same as the certificates
// that Fulcio makes from GitLab's tokens:
//
//	buildType           https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1
//	externalParameters  {"job": {"name"}, "pipeline": {"config", "ref", "repository"}, "variables": {…}}
//	internalParameters  {"gitlab": {"namespace_id", "pipeline_id", "pipeline_source", "project_id", "runner_environment", "runner_id"}}
//	resolvedDependencies[0]  git+<repository>@<ref>, digest gitCommit
//	builder.id          https://<ci_config_ref_uri>
//	invocationId        <project>/-/jobs/<job id>
//
// What is not known is left out. If the configuration has another commit than the
// source, as one of another project has, it is a further dependency.
//
// # Who says so
//
//	                 claim                          variable
//	repository       project_path                   CI_PROJECT_URL
//	commit           sha                            CI_COMMIT_SHA
//	ref              ref_path, or ref and ref_type  CI_COMMIT_TAG, CI_COMMIT_REF_NAME
//	configuration    ci_config_ref_uri              none
//	its commit       ci_config_sha                  none
//	job              none                           CI_JOB_NAME
//	run              job_id                         CI_JOB_ID
//	project_id       project_id                     CI_PROJECT_ID
//	namespace_id     namespace_id                   CI_PROJECT_NAMESPACE_ID
//	pipeline_id      pipeline_id                    CI_PIPELINE_ID
//	pipeline_source  pipeline_source                CI_PIPELINE_SOURCE
//	runner_id        runner_id                      CI_RUNNER_ID
//	runner_environment  runner_environment          none
//
// CI_SERVER_URL says which instance it is, and so who must have issued the token.
// CI_REPOSITORY_URL, which has a token in it, is not read.
//
// The builder is the configuration at its ref, of which only a claim knows. If
// none does, it is the runner, <project>/-/runners/<runner id>. The first of these
// is the same on GitLab's runners and on those of somebody else, although SLSA asks
// for a name for each mode of a builder. So runner_environment, "gitlab-hosted" or
// "self-hosted", is recorded beside it; a verifier should look at it.
//
// # Merge requests
//
// The source of a merge request's pipeline is the branch that is to be merged, in
// the fork if it is from one: that is what the claims say, and what the variables
// CI_MERGE_REQUEST_SOURCE_… are read for. The job still runs in the project that it
// is to be merged into, so its URL is there, which no claim confirms. A pipeline
// for merged results or a merge train is refused: its commit is a merge that no
// branch has.
//
// https://docs.gitlab.com/ci/secrets/id_token_authentication/
// https://docs.gitlab.com/ci/variables/predefined_variables/
package gitlab

import (
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/facts"
	"github.com/hallmark-dev/hallmark/provenance"
)

// BuildType is the type of the Builds that [Observe] returns. The text behind the
// URI is kept in provenance/buildtypes/gitlab-ci-v1.md.
const BuildType = "https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1"

// An Observer says what is recorded beside what the system tells.
type Observer struct {
	// Variables are the names of variables of the pipeline that the build
	// depends on, and whose values may be published. They are recorded as
	// external parameters; one that is empty or not set is left out. It is an
	// error if a name, or a value, has the form of a secret, or if there are
	// more than MaxVariables.
	Variables []string
}

// Observe is [Observer.Observe] of the zero Observer.
func Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	return new(Observer).Observe(getenv, claims)
}

// Observe returns the Build that is running, from the variables that getenv
// returns, usually [os.Getenv], and the verified claims of a job's identity token,
// or nil.
//
// With claims every fact that has a claim is taken from it, and a variable that
// says something else is an error. So is a token of another issuer than the
// instance on which the job runs, a commit that is not 40 or 64 hexadecimal digits,
// and a fact that the build type requires and nothing tells: the repository, the
// ref, the commit, the job and the run.
func (o *Observer) Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	if getenv == nil {
		return nil, errors.New("gitlab: no getenv")
	}
	if v := getenv("GITLAB_CI"); v == "" || v == "false" {
		return nil, errors.New("gitlab: GITLAB_CI is not set: this is no job of GitLab CI/CD")
	}
	var values map[string]string
	if claims != nil {
		values = make(map[string]string)
		maps.Copy(values, claims.Values)
		if values["ref_path"] == "" && values["ref"] != "" { // the token of an old instance
			switch values["ref_type"] {
			case "branch":
				values["ref_path"] = "refs/heads/" + values["ref"]
			case "tag":
				values["ref_path"] = "refs/tags/" + values["ref"]
			}
		}
	}
	f := facts.New("gitlab", getenv, values)

	server := f.Get(facts.Fact{Path: "server", Variables: []string{"CI_SERVER_URL"}, Read: facts.Server, Required: true})
	if claims != nil && server != "" && claims.Issuer != server {
		f.Errorf("the token's issuer %.200q does not speak for jobs on %s", claims.Issuer, server)
	}
	if event := getenv("CI_MERGE_REQUEST_EVENT_TYPE"); event == "merged_result" || event == "merge_train" {
		f.Errorf("CI_MERGE_REQUEST_EVENT_TYPE is %q: the commit is a merge that no branch has: build the branch, or what was merged", event)
	}

	// The project in which the job runs, and the one whose commit it builds: a
	// fork's, for some merge requests.
	project := ""
	sourceURL, sourceID, namespaceID := "CI_PROJECT_URL", "CI_PROJECT_ID", "CI_PROJECT_NAMESPACE_ID"
	if fork := getenv("CI_MERGE_REQUEST_SOURCE_PROJECT_URL"); fork != "" && fork != getenv("CI_PROJECT_URL") {
		project = f.Get(facts.Fact{Path: "project", Variables: []string{"CI_PROJECT_URL"}, Read: repository, Required: true})
		sourceURL, sourceID, namespaceID = "CI_MERGE_REQUEST_SOURCE_PROJECT_URL", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", ""
	}
	source := provenance.Source{
		Repository: f.Get(facts.Fact{
			Path: "source.repository", Claim: "project_path", Variables: []string{sourceURL}, Required: true, Read: repository,
			ReadClaim: func(s string) (string, error) { return repository(server + "/" + s) },
		}),
	}
	sha := f.Get(facts.Fact{Path: "source.commit", Claim: "sha", Variables: []string{"CI_COMMIT_SHA"}, Required: true})
	ref := facts.Fact{Path: "source.ref", Claim: "ref_path", ReadClaim: facts.Ref, Variables: []string{"CI_COMMIT_REF_NAME"}, Read: facts.Branch, Required: true}
	if getenv("CI_COMMIT_TAG") != "" {
		ref.Variables, ref.Read = []string{"CI_COMMIT_TAG"}, facts.Tag
	}
	source.Ref = f.Get(ref)
	job := f.Get(facts.Fact{Path: "external.job.name", Variables: []string{"CI_JOB_NAME"}, Required: true})
	id := f.Get(facts.Fact{Path: "invocation", Claim: "job_id", Variables: []string{"CI_JOB_ID"}, Read: facts.Segment, ReadClaim: facts.Segment, Required: true})
	if project == "" {
		project = source.Repository
	}
	if f.Known["invocation"] && project != source.Repository {
		f.Known["invocation"] = false // that the run is the project's, a variable says
	}

	internal := map[string]any{}
	for _, i := range []struct{ name, variable string }{
		{"namespace_id", namespaceID},
		{"pipeline_id", "CI_PIPELINE_ID"},
		{"pipeline_source", "CI_PIPELINE_SOURCE"},
		{"project_id", sourceID},
		{"runner_environment", ""},
		{"runner_id", "CI_RUNNER_ID"},
	} {
		fact := facts.Fact{Path: "internal.gitlab." + i.name, Claim: i.name}
		if i.variable != "" {
			fact.Variables = []string{i.variable}
		}
		if i.name == "runner_id" {
			fact.Read, fact.ReadClaim = facts.Segment, facts.Segment
		}
		if v := f.Get(fact); v != "" {
			internal[i.name] = v
		}
	}

	// gitlab.com/group/project//.gitlab-ci.yml@refs/heads/main
	config := f.Get(facts.Fact{Path: "external.pipeline.config", Claim: "ci_config_ref_uri"})
	configSHA := f.Get(facts.Fact{Path: "config.commit", Claim: "ci_config_sha"})
	configProject, configRef := "", ""
	if config != "" {
		var path string
		var ok bool
		configProject, path, ok = strings.Cut(config, "//")
		if path, found := strings.CutSuffix(path, "@"+source.Ref); found && path != "" {
			configRef = source.Ref
		} else if i := strings.LastIndex(path, "@refs/"); i > 0 {
			configRef = path[i+1:]
		}
		_, host, _ := strings.Cut(server, "://")
		if !ok || configRef == "" || !strings.HasPrefix(configProject, host+"/") {
			f.Errorf("the claim ci_config_ref_uri %.200q is not of a file on %s, at a ref", config, server)
		}
		config = "https://" + config
	}

	variables, err := facts.Parameters(getenv, o.Variables, MaxVariables)
	if err != nil {
		f.Errorf("%w", err)
	}
	commit, err := hallmark.ParseDigest("gitCommit:" + sha)
	if err != nil && sha != "" {
		f.Errorf("commit: %w", err)
	}
	source.Commit = commit

	var dependencies []provenance.ResourceDescriptor
	if config != "" && configSHA != "" && configSHA != sha {
		c, err := hallmark.ParseDigest("gitCommit:" + configSHA)
		if err != nil {
			f.Errorf("the claim ci_config_sha: %w", err)
		}
		d, _ := provenance.Source{Repository: "https://" + configProject, Ref: configRef, Commit: c}.Descriptor()
		if d.URI == source.URI() {
			f.Errorf("the claims sha and ci_config_sha are two commits of %s", d.URI)
		}
		dependencies = append(dependencies, d)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}

	pipeline := map[string]any{"ref": source.Ref, "repository": source.Repository}
	b := &provenance.Build{
		Type:       BuildType,
		External:   map[string]any{"job": map[string]any{"name": job}, "pipeline": pipeline},
		Invocation: project + "/-/jobs/" + id,
		Evidence:   make(map[string]provenance.Evidence),
	}
	for path, claimed := range f.Known {
		switch {
		case path == "server" || path == "project" || path == "config.commit":
		case claimed:
			b.Evidence[path] = provenance.Claim
		default:
			b.Evidence[path] = provenance.Environment
		}
	}
	if len(internal) > 0 {
		b.Internal = map[string]any{"gitlab": internal}
	}
	if len(variables) > 0 {
		b.External["variables"] = variables
	}
	if config != "" {
		pipeline["config"] = config
		b.Builder, b.Evidence["builder"] = config, provenance.Claim
	} else if runner, ok := internal["runner_id"].(string); ok {
		b.Builder, b.Evidence["builder"] = project+"/-/runners/"+runner, min(b.Evidence["internal.gitlab.runner_id"], b.Evidence["invocation"])
	}
	d, _ := source.Descriptor()
	b.Dependencies = append([]provenance.ResourceDescriptor{d}, dependencies...)
	return b, nil
}

// repository reads the URL of a project.
func repository(s string) (string, error) {
	// A / or .. in a path would make it another project's.
	if u, err := url.Parse(s); err != nil || strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/../") {
		return "", errors.New("is not the URL of a project")
	}
	r := provenance.RepositoryURL(s)
	if r == "" {
		return "", errors.New("is not the URL of a project")
	}
	return r, nil
}
