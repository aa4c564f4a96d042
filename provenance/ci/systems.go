package ci

import (
	"errors"
	"net/url"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/facts"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A job is what is known of a job in the generic layout.
type job struct {
	*facts.Facts
	getenv func(string) string
	claims *provenance.Claims

	// Whether it is an error if they are not known.
	wantRepository, wantCommit bool

	speaks                      bool // the issuer of the claims, for the job
	repository, commit, ref     string
	path, definition            string // of the configuration
	name, event, number, hosted string
	builder, invocation         string
}

// Each of the methods below fills in what a system tells.

// https://circleci.com/docs/reference/variables/
// https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/
func (j *job) circleCI() {
	const claim = "oidc.circleci.com/"
	organization := j.segment("organization", claim+"org-id", "CIRCLE_ORGANIZATION_ID")
	j.issuer("https://oidc.circleci.com/org/" + organization)
	// "Don't trust when ssh-rerun": somebody can log in to the machine.
	if j.claims != nil && j.claims.Values[claim+"ssh-rerun"] == "true" {
		j.Errorf("the claim %sssh-rerun is true: somebody could log in to the machine of the job", claim)
	}
	j.getRepository(facts.Fact{
		Claim: claim + "vcs-origin", ReadClaim: func(s string) (string, error) { return repository("https://" + s) },
		Variables: []string{"CIRCLE_REPOSITORY_URL"}, Lax: true,
	})
	j.getCommit(facts.Fact{Variables: []string{"CIRCLE_SHA1"}})
	ref := facts.Fact{Path: "source.ref", Claim: claim + "vcs-ref", ReadClaim: circleRef, Variables: []string{"CIRCLE_BRANCH"}, Read: circleRef, Lax: true}
	if j.getenv("CIRCLE_TAG") != "" {
		ref.Variables, ref.Read = []string{"CIRCLE_TAG"}, facts.Tag
	}
	j.ref = j.Get(ref)
	j.definition = j.segment("external.config.definition", claim+"pipeline-definition-id", "")
	j.name = j.text("external.job.name", "", "CIRCLE_JOB")
	j.number = j.text("internal.ci.run_number", "", "CIRCLE_BUILD_NUM")
	// Fulcio's certificates name the builder so.
	if project := j.segment("project", claim+"project-id", "CIRCLE_PROJECT_ID"); project != "" && j.definition != "" {
		j.setBuilder("https://circleci.com/api/v2/projects/"+project+"/pipeline-definitions/"+j.definition, "project", "external.config.definition")
	}
	if workflow := j.segment("workflow", claim+"workflow-id", "CIRCLE_WORKFLOW_ID"); workflow != "" {
		j.setInvocation("https://circleci.com/api/v2/workflow/"+workflow, "workflow")
		if id := j.segment("job", claim+"job-id", "CIRCLE_WORKFLOW_JOB_ID"); id != "" {
			j.setInvocation(j.invocation+"#"+id, "workflow", "job")
		}
	}
	j.forget("organization", "project", "workflow", "job")
}

// circleRef reads a branch. For a pull request from a fork it is pull/<number>,
// of which the repository has the ref refs/pull/<number>/head.
func circleRef(s string) (string, error) {
	if n, ok := strings.CutPrefix(strings.TrimPrefix(s, "refs/heads/"), "pull/"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
		return "refs/pull/" + n + "/head", nil
	}
	return facts.Branch(s)
}

// https://learn.microsoft.com/azure/devops/pipelines/build/variables
func (j *job) azure() {
	organization := j.segment("organization", "org_id", "SYSTEM_COLLECTIONID")
	j.issuer("https://vstoken.dev.azure.com/" + organization)
	j.getRepository(facts.Fact{Claim: "rpo_uri", ReadClaim: repository, Variables: []string{"BUILD_REPOSITORY_URI"}, Lax: true})
	j.getCommit(facts.Fact{Claim: "rpo_ver", Variables: []string{"BUILD_SOURCEVERSION"}, Lax: true})
	// Of a pull request it is the ref of the merge, refs/pull/1/merge, which is
	// what the commit is.
	j.getRef(facts.Fact{Claim: "rpo_ref", ReadClaim: facts.Branch, Lax: true}, "", "BUILD_SOURCEBRANCH")
	j.definition = j.segment("external.config.definition", "def_id", "SYSTEM_DEFINITIONID")
	j.name = j.text("external.job.name", "", "SYSTEM_JOBNAME")
	j.event = j.text("internal.ci.event", "", "BUILD_REASON")
	j.number = j.text("internal.ci.run_number", "", "BUILD_BUILDNUMBER")
	switch j.text("internal.ci.hosted", "", "AGENT_ISSELFHOSTED") {
	case "0":
		j.hosted = "true"
	case "1":
		j.hosted = "false"
	}
	// The subject is p://organization/project/pipeline, by name.
	project := j.Get(facts.Fact{
		Path: "project", Claim: "sub", Variables: []string{"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_TEAMFOUNDATIONSERVERURI"}, Lax: true,
		ReadClaim: func(s string) (string, error) {
			names, ok := strings.CutPrefix(s, "p://")
			parts := strings.SplitN(names, "/", 3)
			if !ok || len(parts) < 3 || parts[0] == "" || parts[1] == "" {
				return "", errors.New("is not p://organization/project/pipeline")
			}
			return "https://dev.azure.com/" + url.PathEscape(parts[0]) + "/" + url.PathEscape(parts[1]), nil
		},
		Read: func(s string) (string, error) {
			server, err := facts.Server(s)
			// The old address of an organization.
			if name, ok := strings.CutSuffix(server, ".visualstudio.com"); ok {
				server = strings.Replace(name, "https://", "https://dev.azure.com/", 1)
			}
			// The project has an id beside its name.
			name := j.getenv("SYSTEM_TEAMPROJECT")
			if name == "" {
				name = j.getenv("SYSTEM_TEAMPROJECTID")
			}
			if err == nil && name == "" {
				return "", errors.New("is there without SYSTEM_TEAMPROJECT")
			}
			return server + "/" + url.PathEscape(name), err
		},
	})
	if project != "" && j.definition != "" {
		j.setBuilder(project+"/_build?definitionId="+j.definition, "project", "external.config.definition")
	}
	if run := j.segment("run", "run_id", "BUILD_BUILDID"); run != "" && project != "" {
		j.setInvocation(project+"/_build/results?buildId="+run, "project", "run")
	}
	j.forget("organization", "project", "run")
}

// https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
func (j *job) bitbucket() {
	if j.claims != nil {
		const before, after = "https://api.bitbucket.org/2.0/workspaces/", "/pipelines-config/identity/oidc"
		slug, ok := strings.CutPrefix(j.claims.Issuer, before)
		slug, ok2 := strings.CutSuffix(slug, after)
		workspace := j.getenv("BITBUCKET_WORKSPACE")
		j.speaks = ok && ok2 && slug != "" && !strings.ContainsAny(slug, "/?#") && (workspace == "" || workspace == slug)
	}
	j.getRepository(facts.Fact{Variables: []string{"BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN"}})
	if rest, ok := strings.CutPrefix(j.repository, "http://bitbucket.org/"); ok {
		j.repository = "https://bitbucket.org/" + rest // which it is, whatever they write
	}
	j.getCommit(facts.Fact{Variables: []string{"BITBUCKET_COMMIT"}})
	j.merged("BITBUCKET_PR_ID")
	j.getRef(facts.Fact{Claim: "branchName", ReadClaim: facts.Branch, Lax: true}, "BITBUCKET_TAG", "BITBUCKET_BRANCH")
	j.number = j.text("internal.ci.run_number", "", "BITBUCKET_BUILD_NUMBER")
	workspace := j.segment("workspace", "workspaceUuid", "BITBUCKET_REPO_OWNER_UUID")
	repository := j.segment("repository", "repositoryUuid", "BITBUCKET_REPO_UUID")
	if workspace != "" && repository != "" {
		const left, right = "%7B", "%7D" // braces, as in all paths of the API
		at := "https://api.bitbucket.org/2.0/repositories/" + left + workspace + right + "/" + left + repository + right
		j.setBuilder(at+"/pipelines_config", "workspace", "repository")
		if run := j.segment("run", "pipelineUuid", "BITBUCKET_PIPELINE_UUID"); run != "" {
			j.setInvocation(at+"/pipelines/"+left+run+right, "workspace", "repository", "run")
			if step := j.segment("step", "stepUuid", "BITBUCKET_STEP_UUID"); step != "" {
				j.setInvocation(j.invocation+"/steps/"+left+step+right, "workspace", "repository", "run", "step")
			}
		}
	}
	j.forget("workspace", "repository", "run", "step")
}

// https://forgejo.org/docs/latest/user/actions/security-openid-connect/
func (j *job) forgejo(system System) {
	server := j.Get(facts.Fact{Path: "server", Variables: []string{"GITHUB_SERVER_URL"}, Read: facts.Server, Required: true})
	if system == Forgejo { // of Gitea no token is known
		j.issuer(server + "/api/actions")
	}
	onServer := func(s string) (string, error) { return repository(server + "/" + s) }
	j.getRepository(facts.Fact{Claim: "repository", ReadClaim: onServer, Variables: []string{"GITHUB_REPOSITORY"}, Read: onServer})
	j.getCommit(facts.Fact{Claim: "sha", Variables: []string{"GITHUB_SHA"}})
	j.ref = j.Get(facts.Fact{Path: "source.ref", Claim: "ref", ReadClaim: facts.Ref, Variables: []string{"GITHUB_REF"}, Read: facts.Ref})
	// owner/repo/.forgejo/workflows/release.yml@refs/tags/v1.2.3. No claim tells of
	// a reusable workflow: this is the one that was triggered.
	if workflow := j.text("external.config.path", "workflow_ref", "GITHUB_WORKFLOW_REF"); workflow != "" && j.repository != "" && server != "" {
		path, ok := strings.CutPrefix(server+"/"+workflow, j.repository+"/")
		path, ok2 := strings.CutSuffix(path, "@"+j.ref)
		if !ok || !ok2 || path == "" {
			j.Errorf("the workflow %.200q is not in the repository %s at %.200q", workflow, j.repository, j.ref)
		}
		j.path = path
		j.setBuilder(server+"/"+workflow, "external.config.path")
	}
	j.name = j.text("external.job.name", "", "GITHUB_JOB")
	j.event = j.text("internal.ci.event", "event_name", "GITHUB_EVENT_NAME")
	j.number = j.text("internal.ci.run_number", "run_number", "GITHUB_RUN_NUMBER")
	if run := j.segment("run", "run_id", "GITHUB_RUN_ID"); run != "" && j.repository != "" {
		j.setInvocation(j.repository+"/actions/runs/"+run, "source.repository", "run")
		if attempt := j.segment("attempt", "run_attempt", "GITHUB_RUN_ATTEMPT"); attempt != "" {
			j.setInvocation(j.invocation+"/attempts/"+attempt, "source.repository", "run", "attempt")
		}
	}
	j.forget("server", "run", "attempt")
}

// https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
func (j *job) jenkins() {
	// Of several remotes the first is the one that the job is for.
	j.getRepository(facts.Fact{Variables: []string{"GIT_URL", "GIT_URL_1"}})
	j.getCommit(facts.Fact{Variables: []string{"GIT_COMMIT"}})
	// The branch is the one of the remote. That of a change is a name of Jenkins'
	// own, PR-42, and no ref that anybody else has.
	if j.getenv("CHANGE_ID") == "" {
		j.getRef(facts.Fact{}, "TAG_NAME", "")
		if j.ref == "" {
			j.ref = j.Get(facts.Fact{Path: "source.ref", Variables: []string{"GIT_BRANCH"}, Read: func(s string) (string, error) {
				return facts.Branch(strings.TrimPrefix(s, "origin/"))
			}})
		}
	}
	j.name = j.text("external.job.name", "", "JOB_NAME")
	j.number = j.text("internal.ci.run_number", "", "BUILD_NUMBER")
	j.server("JENKINS_URL")
	j.page("BUILD_URL")
}

// https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
func (j *job) codeBuild() {
	j.getRepository(facts.Fact{Variables: []string{"CODEBUILD_SOURCE_REPO_URL"}})
	j.getCommit(facts.Fact{Variables: []string{"CODEBUILD_RESOLVED_SOURCE_VERSION"}})
	if n, ok := strings.CutPrefix(j.getenv("CODEBUILD_SOURCE_VERSION"), "pr/"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
		j.ref = "refs/pull/" + n + "/head"
		j.Known["source.ref"] = false
	} else {
		j.ref = j.Get(facts.Fact{Path: "source.ref", Variables: []string{"CODEBUILD_WEBHOOK_HEAD_REF"}, Read: facts.Ref})
	}
	j.event = j.Get(facts.Fact{Path: "internal.ci.event", Variables: []string{"CODEBUILD_WEBHOOK_EVENT", "CODEBUILD_INITIATOR"}})
	j.number = j.text("internal.ci.run_number", "", "CODEBUILD_BUILD_NUMBER")
	// arn:aws:codebuild:region:account:build/project:id
	arn := j.Get(facts.Fact{Path: "invocation", Variables: []string{"CODEBUILD_BUILD_ARN"}, Required: true, Read: func(s string) (string, error) {
		parts := strings.Split(s, ":")
		for i, part := range parts {
			if i == 5 {
				part, _ = strings.CutPrefix(part, "build/")
			}
			if _, err := facts.Segment(part); err != nil || part == "" {
				parts = nil
			}
		}
		if len(parts) != 7 || parts[0] != "arn" || parts[2] != "codebuild" || !strings.HasPrefix(parts[5], "build/") {
			return "", errors.New("is not the ARN of a build")
		}
		return s, nil
	}})
	if arn != "" {
		j.setInvocation(arn, "invocation")
		project := strings.Replace(arn[:strings.LastIndex(arn, ":")], ":build/", ":project/", 1)
		j.definition = project
		j.Known["external.config.definition"] = false
		j.setBuilder(project, "invocation")
	}
}

// https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html
func (j *job) teamCity() {
	j.noRepository()
	j.getCommit(facts.Fact{Variables: []string{"BUILD_VCS_NUMBER"}})
	j.name = j.text("external.job.name", "", "TEAMCITY_BUILDCONF_NAME")
	j.number = j.text("internal.ci.run_number", "", "BUILD_NUMBER")
	j.page("BUILD_URL")
	j.origin()
}

// https://docs.travis-ci.com/user/environment-variables/
func (j *job) travis() {
	j.page("TRAVIS_JOB_WEB_URL")
	j.origin()
	// Whose the repository is, only the job's page says:
	// https://app.travis-ci.com/github/owner/repo/jobs/1, and of old jobs without
	// it, for GitHub was all there was.
	host := "https://github.com/"
	if u, err := url.Parse(j.invocation); err == nil {
		switch forge, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); forge {
		case "bitbucket":
			host = "https://bitbucket.org/"
		case "gitlab":
			host = "https://gitlab.com/"
		case "assembla":
			host = ""
		}
	}
	j.getRepository(facts.Fact{Variables: []string{"TRAVIS_REPO_SLUG"}, Read: func(s string) (string, error) { return repository(host + s) }})
	j.getCommit(facts.Fact{Variables: []string{"TRAVIS_COMMIT"}})
	// The commit of a pull request is the one of its merge.
	if n := j.getenv("TRAVIS_PULL_REQUEST"); n == "" || n == "false" {
		j.getRef(facts.Fact{}, "TRAVIS_TAG", "TRAVIS_BRANCH")
	} else if strings.Trim(n, "0123456789") == "" && strings.HasPrefix(host, "https://github.com") {
		j.ref = "refs/pull/" + n + "/merge"
		j.Known["source.ref"] = false
	}
	j.path = ".travis.yml"
	j.event = j.text("internal.ci.event", "", "TRAVIS_EVENT_TYPE")
	j.number = j.text("internal.ci.run_number", "", "TRAVIS_BUILD_NUMBER")
}

// https://docs.drone.io/pipeline/environment/reference/
func (j *job) drone() {
	j.getRepository(facts.Fact{Variables: []string{"DRONE_GIT_HTTP_URL"}})
	j.getCommit(facts.Fact{Variables: []string{"DRONE_COMMIT_SHA"}})
	j.merged("DRONE_PULL_REQUEST")
	if j.ref = j.Get(facts.Fact{Path: "source.ref", Variables: []string{"DRONE_COMMIT_REF"}, Read: facts.Ref}); j.ref == "" {
		j.getRef(facts.Fact{}, "DRONE_TAG", "DRONE_BRANCH")
	}
	j.name = j.text("external.job.name", "", "DRONE_STAGE_NAME")
	j.event = j.text("internal.ci.event", "", "DRONE_BUILD_EVENT")
	j.number = j.text("internal.ci.run_number", "", "DRONE_BUILD_NUMBER")
	j.page("DRONE_BUILD_LINK")
	if host := j.Get(facts.Fact{Path: "builder", Variables: []string{"DRONE_SYSTEM_HOST"}, Read: func(s string) (string, error) {
		proto := j.getenv("DRONE_SYSTEM_PROTO")
		if proto == "" {
			proto = "https"
		}
		return facts.Server(proto + "://" + s)
	}}); host != "" {
		j.builder = host
	}
}

// https://woodpecker-ci.org/docs/usage/environment
func (j *job) woodpecker() {
	j.getRepository(facts.Fact{Variables: []string{"CI_REPO_CLONE_URL", "CI_REPO_URL"}})
	j.getCommit(facts.Fact{Variables: []string{"CI_COMMIT_SHA"}})
	j.ref = j.Get(facts.Fact{Path: "source.ref", Variables: []string{"CI_COMMIT_REF"}, Read: facts.Ref})
	j.name = j.text("external.job.name", "", "CI_WORKFLOW_NAME")
	j.event = j.text("internal.ci.event", "", "CI_PIPELINE_EVENT")
	j.number = j.text("internal.ci.run_number", "", "CI_PIPELINE_NUMBER")
	j.server("CI_SYSTEM_URL")
	j.page("CI_PIPELINE_URL")
}

// https://www.appveyor.com/docs/environment-variables/
func (j *job) appVeyor() {
	host := ""
	switch strings.ToLower(j.getenv("APPVEYOR_REPO_PROVIDER")) {
	case "github":
		host = "https://github.com/"
	case "bitbucket":
		host = "https://bitbucket.org/"
	case "gitlab":
		host = "https://gitlab.com/"
	}
	if host == "" {
		j.noRepository()
	} else {
		j.getRepository(facts.Fact{Variables: []string{"APPVEYOR_REPO_NAME"}, Read: func(s string) (string, error) { return repository(host + s) }})
	}
	j.getCommit(facts.Fact{Variables: []string{"APPVEYOR_REPO_COMMIT"}})
	// The branch of a pull request is the one that it is to be merged into, and
	// the commit is the merge.
	switch n := j.getenv("APPVEYOR_PULL_REQUEST_NUMBER"); {
	case n != "" && strings.Trim(n, "0123456789") == "" && strings.HasPrefix(host, "https://github.com"):
		j.ref = "refs/pull/" + n + "/merge"
		j.Known["source.ref"] = false
	case n == "" && j.getenv("APPVEYOR_PULL_REQUEST_HEAD_COMMIT") == "":
		j.getRef(facts.Fact{}, "APPVEYOR_REPO_TAG_NAME", "APPVEYOR_REPO_BRANCH")
	}
	j.name = j.text("external.job.name", "", "APPVEYOR_JOB_NAME")
	j.number = j.text("internal.ci.run_number", "", "APPVEYOR_BUILD_NUMBER")
	j.server("APPVEYOR_URL")
	account, project := j.segment("account", "", "APPVEYOR_ACCOUNT_NAME"), j.segment("project", "", "APPVEYOR_PROJECT_SLUG")
	if id := j.segment("run", "", "APPVEYOR_BUILD_ID"); j.builder != "" && account != "" && project != "" && id != "" {
		j.setInvocation(j.builder+"/project/"+account+"/"+project+"/builds/"+id, "account", "project", "run")
	}
	j.forget("account", "project", "run")
}

// https://argo-workflows.readthedocs.io/en/latest/environment-variables/
func (j *job) argo() {
	j.noRepository()
	j.noCommit()
	j.name = j.text("external.job.name", "", "ARGO_WORKFLOW_NAME")
	if id := j.segment("run", "", "ARGO_WORKFLOW_UID"); id != "" {
		j.setInvocation("urn:uuid:"+id, "run")
	}
	j.forget("run")
}

// issuer says that the token's issuer must be want.
func (j *job) issuer(want string) {
	j.speaks = j.claims != nil && j.claims.Issuer == want
}

func (j *job) getRepository(x facts.Fact) {
	x.Path, x.Required = "source.repository", j.wantRepository
	if x.Read == nil {
		x.Read = repository
	}
	j.repository = j.Get(x)
}

// noRepository is for systems that do not tell it.
func (j *job) noRepository() {
	if j.wantRepository {
		j.Errorf("no variable of this system has the repository: name it in the source")
	}
}

func (j *job) getCommit(x facts.Fact) {
	x.Path, x.Required = "source.commit", j.wantCommit
	j.commit = j.Get(x)
}

// noCommit is for systems that do not tell it.
func (j *job) noCommit() {
	if j.wantCommit {
		j.Errorf("no variable of this system has the commit: name it in the source")
	}
}

// merged is for systems that merge a pull request, which the variable numbers, in
// the job itself, before its first step.
func (j *job) merged(variable string) {
	if j.getenv(variable) != "" {
		j.Errorf("%s is set: the system has merged the commit with the branch of the pull request, and what is built is no commit that anybody else has: build a branch or a tag", variable)
	}
}

// getRef takes the ref from the claim of x, or else from the variable of the tag,
// or else of the branch.
func (j *job) getRef(x facts.Fact, tag, branch string) {
	x.Path = "source.ref"
	switch {
	case tag != "" && j.getenv(tag) != "":
		x.Variables, x.Read = []string{tag}, facts.Tag
	case branch != "":
		x.Variables, x.Read = []string{branch}, facts.Branch
	}
	j.ref = j.Get(x)
}

func (j *job) text(path, claim, variable string) string {
	return j.Get(facts.Fact{Path: path, Claim: claim, Variables: []string{variable}, Lax: true})
}

func (j *job) segment(path, claim, variable string) string {
	x := facts.Fact{Path: path, Claim: claim, Read: facts.Segment, ReadClaim: facts.Segment, Lax: true}
	if variable != "" {
		x.Variables = []string{variable}
	}
	return j.Get(x)
}

// server takes the builder from the URL of the system.
func (j *job) server(variable string) {
	j.builder = j.Get(facts.Fact{Path: "builder", Variables: []string{variable}, Read: facts.Server})
}

// page takes the invocation from the URL of a page.
func (j *job) page(variable string) {
	j.invocation = j.Get(facts.Fact{Path: "invocation", Variables: []string{variable}, Read: facts.Page})
}

// origin takes the builder from the page of the run.
func (j *job) origin() {
	if u, err := url.Parse(j.invocation); err == nil && u.Host != "" {
		j.setBuilder(u.Scheme+"://"+u.Host, "invocation")
	}
}

// setBuilder and setInvocation set what is put together from the facts at the
// paths: a claim says it if a claim says each of them.
func (j *job) setBuilder(id string, paths ...string) {
	j.builder = id
	j.Known["builder"] = j.claimed(paths)
}

func (j *job) setInvocation(id string, paths ...string) {
	j.invocation = id
	j.Known["invocation"] = j.claimed(paths)
}

func (j *job) claimed(paths []string) bool {
	for _, path := range paths {
		if !j.Known[path] {
			return false
		}
	}
	return true
}

// forget takes away the facts that are parts of others only.
func (j *job) forget(paths ...string) {
	for _, path := range paths {
		delete(j.Known, path)
	}
}

// repository reads the URL of a repository.
func repository(s string) (string, error) {
	r := provenance.RepositoryURL(s)
	if r == "" {
		return "", errors.New("is not the URL of a repository")
	}
	return r, nil
}
