// Package buildkite observes a build that runs as a job of Buildkite.
//
// The Build that [Observe] returns is laid out as Buildkite's build type has it:
//
//	buildType           https://buildkite.github.io/slsa-buildtypes/job/v1
//	externalParameters  {"build": {"branch", "commit", "tag"}, "job": {"id"}, "pipeline", "repository", "step": {"command", "id", "key"}}
//	internalParameters  {"buildkite": {"build_id", "build_number", "organization_id", "pipeline_id", "runner_environment"}}
//	resolvedDependencies[0]  git+<repository>@<ref>, digest gitCommit
//	builder.id          https://buildkite.com/<organization>/<pipeline>
//	invocationId        https://buildkite.com/<organization>/<pipeline>/builds/<number>#<job id>
//
// It differs from what Buildkite's plugin writes in four ways. The commit is always
// a commit, and never HEAD. The ref of a build of a tag is the tag. The repository
// has neither user nor ".git", and https instead of SSH. And
// runner_environment is recorded, which the type does not have: "buildkite-hosted",
// or "self-hosted" for an agent of one's own. The builder has the same name on both,
// although SLSA asks for a name for each mode of a builder; a verifier should look
// at it. What is not known is left out.
//
// # Who says so
//
//	                    claim               variable
//	repository          none                BUILDKITE_REPO
//	commit              build_commit        BUILDKITE_COMMIT
//	branch, tag         build_branch, -tag  BUILDKITE_BRANCH, BUILDKITE_TAG
//	organization        organization_slug   BUILDKITE_ORGANIZATION_SLUG
//	pipeline            pipeline_slug       BUILDKITE_PIPELINE_SLUG
//	number, job id      build_number, job_id  BUILDKITE_BUILD_NUMBER, BUILDKITE_JOB_ID
//	step: key           step_key            BUILDKITE_STEP_KEY
//	step: id, command   none                BUILDKITE_STEP_ID, BUILDKITE_COMMAND
//	organization_id     organization_id     BUILDKITE_ORGANIZATION_ID
//	pipeline_id         pipeline_id         BUILDKITE_PIPELINE_ID
//	build_id            build_id            BUILDKITE_BUILD_ID
//	runner_environment  runner_environment  BUILDKITE_COMPUTE_TYPE
//
// The ids are in the token if the job asks for them. No claim has the repository,
// which hooks of the agent and of the repository can change: with a token too it is
// the word of the environment, and so the whole is evidence for SLSA Build level 1.
//
// A build of a pull request from a fork, which BUILDKITE_PULL_REQUEST_REPO names, is
// refused: the type has one repository, and the fork's branch is not in it. So is
// one of a merge (BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC), whose commit is not
// BUILDKITE_COMMIT.
//
// https://buildkite.com/docs/pipelines/configure/environment-variables
package buildkite

import (
	"errors"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/facts"
	"github.com/hallmark-dev/hallmark/provenance"
)

// BuildType is the type of the Builds that [Observe] returns.
const BuildType = "https://buildkite.github.io/slsa-buildtypes/job/v1"

// issuer is the issuer of all tokens of Buildkite.
const issuer = "https://agent.buildkite.com"

// Observe returns the Build that is running, from the variables that getenv
// returns, usually [os.Getenv], and the verified claims of the job's identity
// token, or nil.
//
// With claims every fact that has a claim is taken from it, and a variable that
// says something else is an error. So is a token of another issuer than
// Buildkite's, a commit that is not 40 or 64 hexadecimal digits, a command that has
// the form of a secret in it, and a fact that the build type requires and nothing
// tells: the repository, the commit, a branch or tag, the organization, the pipeline,
// the number of the build and the id of the job.
//
// A build that somebody starts by hand or on a schedule can have the commit HEAD
// until an agent has resolved it. That is an error; BUILDKITE_COMMIT_RESOLVED only
// says whether it was.
func Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	if getenv == nil {
		return nil, errors.New("buildkite: no getenv")
	}
	if v := getenv("BUILDKITE"); v == "" || v == "false" {
		return nil, errors.New("buildkite: BUILDKITE is not set: this is no job of Buildkite")
	}
	var values map[string]string
	if claims != nil {
		if values = claims.Values; values == nil {
			values = map[string]string{}
		}
	}
	f := facts.New("buildkite", getenv, values)
	if claims != nil && claims.Issuer != issuer {
		f.Errorf("the token's issuer %.200q does not speak for jobs of Buildkite", claims.Issuer)
	}

	source := provenance.Source{Repository: f.Get(facts.Fact{
		Path: "source.repository", Variables: []string{"BUILDKITE_REPO"}, Read: repository, Required: true,
	})}
	// A fork's repository is often a git: URL.
	if fork := getenv("BUILDKITE_PULL_REQUEST_REPO"); fork != "" {
		if rest, ok := strings.CutPrefix(fork, "git://"); ok {
			fork = "https://" + rest
		}
		if r, err := repository(fork); err != nil || !strings.EqualFold(r, source.Repository) {
			f.Errorf("BUILDKITE_PULL_REQUEST_REPO is another repository than BUILDKITE_REPO: the build type has no place for the ref of a fork")
		}
	}
	if getenv("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC") == "true" {
		f.Errorf("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC is true: what is built is a merge, and BUILDKITE_COMMIT is not its commit")
	}
	sha := f.Get(facts.Fact{Path: "source.commit", Claim: "build_commit", Variables: []string{"BUILDKITE_COMMIT"}, Required: true})
	commit, err := hallmark.ParseDigest("gitCommit:" + sha)
	switch {
	case sha == "":
	case sha == "HEAD":
		f.Errorf("the commit is HEAD, which is none: start the build for a commit, or let BUILDKITE_COMMIT be resolved before this job")
	case err != nil:
		f.Errorf("commit: %w", err)
	}
	source.Commit = commit

	// The parameters have the short names.
	build := map[string]any{"commit": sha}
	tag := f.Get(facts.Fact{Path: "source.ref", Claim: "build_tag", Variables: []string{"BUILDKITE_TAG"}, Read: facts.Tag, ReadClaim: facts.Tag})
	branch := f.Get(facts.Fact{
		Path: "external.build.branch", Claim: "build_branch", Variables: []string{"BUILDKITE_BRANCH"}, Read: head, ReadClaim: head,
		Required: tag == "",
	})
	if branch != "" {
		build["branch"] = strings.TrimPrefix(branch, "refs/heads/")
	}
	switch source.Ref = branch; {
	case tag != "":
		source.Ref = tag
		build["tag"] = strings.TrimPrefix(tag, "refs/tags/")
	case branch != "":
		f.Known["source.ref"] = f.Known["external.build.branch"]
	}

	segment := func(path, claim, variable string, required bool) string {
		return f.Get(facts.Fact{Path: path, Claim: claim, Variables: []string{variable}, Read: facts.Segment, ReadClaim: facts.Segment, Required: required, Lax: !required})
	}
	organization := segment("organization", "organization_slug", "BUILDKITE_ORGANIZATION_SLUG", true)
	pipeline := segment("pipeline", "pipeline_slug", "BUILDKITE_PIPELINE_SLUG", true)
	number := segment("number", "build_number", "BUILDKITE_BUILD_NUMBER", true)
	job := segment("external.job.id", "job_id", "BUILDKITE_JOB_ID", true)

	step := make(map[string]any)
	if v := f.Get(facts.Fact{Path: "external.step.command", Variables: []string{"BUILDKITE_COMMAND"}}); facts.SecretValue(v) {
		f.Errorf("BUILDKITE_COMMAND has the form of a secret in it: let the command read it from the environment")
	} else if v != "" {
		step["command"] = v
	}
	if v := segment("external.step.id", "", "BUILDKITE_STEP_ID", false); v != "" {
		step["id"] = v
	}
	if v := f.Get(facts.Fact{Path: "external.step.key", Claim: "step_key", Variables: []string{"BUILDKITE_STEP_KEY"}, Lax: true}); v != "" {
		step["key"] = v
	}

	internal := map[string]any{"build_number": number}
	f.Known["internal.buildkite.build_number"] = f.Known["number"]
	for _, i := range []struct{ name, variable string }{
		{"build_id", "BUILDKITE_BUILD_ID"},
		{"organization_id", "BUILDKITE_ORGANIZATION_ID"},
		{"pipeline_id", "BUILDKITE_PIPELINE_ID"},
	} {
		if v := segment("internal.buildkite."+i.name, i.name, i.variable, false); v != "" {
			internal[i.name] = v
		}
	}
	if v := f.Get(facts.Fact{
		Path: "internal.buildkite.runner_environment", Claim: "runner_environment", Variables: []string{"BUILDKITE_COMPUTE_TYPE"}, Read: runner, ReadClaim: runner,
		Lax: true,
	}); v != "" {
		internal["runner_environment"] = v
	}
	if err := f.Err(); err != nil {
		return nil, err
	}

	b := &provenance.Build{
		Type:    BuildType,
		Builder: "https://buildkite.com/" + organization + "/" + pipeline,
		External: map[string]any{
			"build":      build,
			"job":        map[string]any{"id": job},
			"repository": source.Repository,
		},
		Internal: map[string]any{"buildkite": internal},
		Evidence: make(map[string]provenance.Evidence),
	}
	b.External["pipeline"] = b.Builder
	if len(step) > 0 {
		b.External["step"] = step
	}
	b.Invocation = b.Builder + "/builds/" + number + "#" + job
	for path, claimed := range f.Known {
		b.Evidence[path] = provenance.Environment
		if claimed {
			b.Evidence[path] = provenance.Claim
		}
	}
	b.Evidence["builder"] = min(b.Evidence["organization"], b.Evidence["pipeline"])
	b.Evidence["external.pipeline"] = b.Evidence["builder"]
	b.Evidence["invocation"] = min(b.Evidence["builder"], b.Evidence["number"], b.Evidence["external.job.id"])
	for _, part := range []string{"organization", "pipeline", "number"} {
		delete(b.Evidence, part)
	}
	d, _ := source.Descriptor()
	b.Dependencies = []provenance.ResourceDescriptor{d}
	return b, nil
}

// repository reads the URL of a repository.
func repository(s string) (string, error) {
	r := provenance.RepositoryURL(s)
	if r == "" {
		return "", errors.New("is not the URL of a repository")
	}
	return r, nil
}

// head reads the name of a branch.
func head(s string) (string, error) {
	ref, err := facts.Branch(s)
	if err == nil && !strings.HasPrefix(ref, "refs/heads/") {
		return "", errors.New("is a ref and no branch")
	}
	return ref, err
}

// runner reads the kind of machine that the agent runs on, in the words of the
// token.
func runner(s string) (string, error) {
	switch s {
	case "hosted", "buildkite-hosted":
		return "buildkite-hosted", nil
	case "self-hosted":
		return s, nil
	}
	return "", errors.New("is neither buildkite-hosted nor self-hosted")
}
