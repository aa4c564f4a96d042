package ci_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/ci"
)

const (
	commit  = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commit2 = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"
	sum     = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// set returns the variables or claims of the text, one NAME=value in each line.
func set(text string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			m[name] = value
		}
	}
	return m
}

func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func digest(t *testing.T, s string) hallmark.Digest {
	t.Helper()
	d, err := hallmark.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func payload(t *testing.T, b *provenance.Build) []byte {
	t.Helper()
	s, err := b.Statement(hallmark.Artifact{Name: "hello", Digests: []hallmark.Digest{digest(t, "sha256:"+sum)}})
	if err != nil {
		t.Fatal(err)
	}
	if ps := s.Validate(); ps != nil {
		t.Errorf("problems %v", ps)
	}
	p, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// jobs are environments of jobs of all systems with a generic layout.
func jobs() map[ci.System]string {
	return map[ci.System]string{
		ci.AppVeyor: `APPVEYOR=True
			APPVEYOR_URL=https://ci.appveyor.com
			APPVEYOR_REPO_PROVIDER=gitHub
			APPVEYOR_REPO_NAME=octocat/hello
			APPVEYOR_REPO_COMMIT=` + commit + `
			APPVEYOR_REPO_BRANCH=main
			APPVEYOR_ACCOUNT_NAME=octocat
			APPVEYOR_PROJECT_SLUG=hello
			APPVEYOR_BUILD_ID=7
			APPVEYOR_BUILD_NUMBER=8
			APPVEYOR_JOB_NAME=release`,
		ci.Azure: `TF_BUILD=True
			BUILD_REPOSITORY_URI=https://user:secret-1@github.com/octocat/hello
			BUILD_SOURCEVERSION=` + commit + `
			BUILD_SOURCEBRANCH=refs/tags/v1.2.3
			SYSTEM_COLLECTIONID=0ca3ddd9
			SYSTEM_DEFINITIONID=12
			SYSTEM_JOBNAME=Job
			BUILD_REASON=IndividualCI
			BUILD_BUILDNUMBER=20260102.1
			BUILD_BUILDID=345
			AGENT_ISSELFHOSTED=0
			SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://dev.azure.com/acme/
			SYSTEM_TEAMPROJECT=My Payments
			SYSTEM_ACCESSTOKEN=secret-2`,
		ci.Bitbucket: `BITBUCKET_BUILD_NUMBER=9
			BITBUCKET_GIT_HTTP_ORIGIN=http://bitbucket.org/octocat/hello
			BITBUCKET_COMMIT=` + commit + `
			BITBUCKET_BRANCH=main
			BITBUCKET_WORKSPACE=octocat
			BITBUCKET_REPO_OWNER_UUID={w-1}
			BITBUCKET_REPO_UUID={r-1}
			BITBUCKET_PIPELINE_UUID={p-1}
			BITBUCKET_STEP_UUID={s-1}
			BITBUCKET_STEP_OIDC_TOKEN=secret-1`,
		ci.CircleCI: `CIRCLECI=true
			CIRCLE_REPOSITORY_URL=git@github.com:octocat/hello.git
			CIRCLE_SHA1=` + commit + `
			CIRCLE_BRANCH=main
			CIRCLE_JOB=release
			CIRCLE_BUILD_NUM=10
			CIRCLE_ORGANIZATION_ID=o-1
			CIRCLE_PROJECT_ID=p-1
			CIRCLE_WORKFLOW_ID=w-1
			CIRCLE_WORKFLOW_JOB_ID=j-1
			CIRCLE_OIDC_TOKEN_V2=secret-1`,
		ci.CodeBuild: `CODEBUILD_BUILD_ARN=arn:aws:codebuild:eu-north-1:123456789012:build/hello:b1e6661e
			CODEBUILD_SOURCE_REPO_URL=https://github.com/octocat/hello.git
			CODEBUILD_RESOLVED_SOURCE_VERSION=` + commit + `
			CODEBUILD_WEBHOOK_HEAD_REF=refs/heads/main
			CODEBUILD_WEBHOOK_EVENT=PUSH
			CODEBUILD_BUILD_NUMBER=11`,
		ci.Drone: `DRONE=true
			CI=drone
			DRONE_GIT_HTTP_URL=https://github.com/octocat/hello.git
			DRONE_COMMIT_SHA=` + commit + `
			DRONE_COMMIT_REF=refs/heads/main
			DRONE_STAGE_NAME=release
			DRONE_BUILD_EVENT=push
			DRONE_BUILD_NUMBER=12
			DRONE_BUILD_LINK=https://drone.example.com/octocat/hello/12
			DRONE_SYSTEM_HOST=drone.example.com
			DRONE_SYSTEM_PROTO=https`,
		ci.Forgejo: `FORGEJO_ACTIONS=true
			GITEA_ACTIONS=true
			GITHUB_ACTIONS=true
			GITHUB_SERVER_URL=https://codeberg.org
			GITHUB_REPOSITORY=octocat/hello
			GITHUB_SHA=` + commit + `
			GITHUB_REF=refs/tags/v1.2.3
			GITHUB_WORKFLOW_REF=octocat/hello/.forgejo/workflows/release.yml@refs/tags/v1.2.3
			GITHUB_JOB=release
			GITHUB_EVENT_NAME=push
			GITHUB_RUN_NUMBER=43
			GITHUB_RUN_ID=43
			GITHUB_RUN_ATTEMPT=1
			GITHUB_TOKEN=secret-1`,
		ci.Gitea: `GITEA_ACTIONS=true
			GITHUB_ACTIONS=true
			GITHUB_SERVER_URL=http://gitea.example.com/git
			GITHUB_REPOSITORY=octocat/hello
			GITHUB_SHA=` + commit + `
			GITHUB_REF=refs/heads/main
			GITHUB_RUN_ID=5`,
		ci.Jenkins: `JENKINS_URL=https://jenkins.example.com/
			BUILD_ID=13
			BUILD_NUMBER=13
			BUILD_URL=https://jenkins.example.com/job/hello/13/
			JOB_NAME=hello
			GIT_URL=git@github.com:octocat/hello.git
			GIT_COMMIT=` + commit + `
			GIT_BRANCH=origin/main`,
		ci.Travis: `TRAVIS=true
			TRAVIS_REPO_SLUG=octocat/hello
			TRAVIS_COMMIT=` + commit + `
			TRAVIS_BRANCH=main
			TRAVIS_TAG=v1.2.3
			TRAVIS_PULL_REQUEST=false
			TRAVIS_EVENT_TYPE=push
			TRAVIS_BUILD_NUMBER=14
			TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/github/octocat/hello/jobs/15`,
		ci.Woodpecker: `CI=woodpecker
			CI_REPO_CLONE_URL=https://codeberg.org/octocat/hello.git
			CI_COMMIT_SHA=` + commit + `
			CI_COMMIT_REF=refs/heads/main
			CI_WORKFLOW_NAME=release
			CI_PIPELINE_EVENT=push
			CI_PIPELINE_NUMBER=16
			CI_SYSTEM_URL=https://ci.example.com
			CI_PIPELINE_URL=https://ci.example.com/repos/7/pipeline/16`,
		ci.TeamCity: `TEAMCITY_VERSION=2026.1 (build 1)
			BUILD_VCS_NUMBER=` + commit + `
			BUILD_NUMBER=17
			BUILD_URL=https://teamcity.example.com/build/17
			TEAMCITY_BUILDCONF_NAME=Release`,
		ci.Argo: `ARGO_WORKFLOW_NAME=hello-x7k2p
			ARGO_WORKFLOW_UID=2792d082-f400-4346-993c-72c4947c82b6`,
		ci.Tekton: ``,
	}
}

// claimsOf are claims of the same jobs.
func claimsOf(system ci.System) *provenance.Claims {
	switch system {
	case ci.Azure:
		return &provenance.Claims{Issuer: "https://vstoken.dev.azure.com/0ca3ddd9", Values: set(`sub=p://acme/My Payments/hello
			org_id=0ca3ddd9
			def_id=12
			run_id=345
			rpo_uri=https://github.com/octocat/hello.git
			rpo_ver=` + commit + `
			rpo_ref=refs/tags/v1.2.3`)}
	case ci.Bitbucket:
		return &provenance.Claims{Issuer: "https://api.bitbucket.org/2.0/workspaces/octocat/pipelines-config/identity/oidc", Values: set(`workspaceUuid={w-1}
			repositoryUuid={r-1}
			pipelineUuid={p-1}
			stepUuid={s-1}
			branchName=main`)}
	case ci.CircleCI:
		return &provenance.Claims{Issuer: "https://oidc.circleci.com/org/o-1", Values: set(`oidc.circleci.com/org-id=o-1
			oidc.circleci.com/project-id=p-1
			oidc.circleci.com/pipeline-definition-id=d-1
			oidc.circleci.com/vcs-origin=github.com/octocat/hello
			oidc.circleci.com/vcs-ref=refs/heads/main
			oidc.circleci.com/workflow-id=w-1
			oidc.circleci.com/job-id=j-1
			oidc.circleci.com/ssh-rerun=false`)}
	case ci.Forgejo:
		return &provenance.Claims{Issuer: "https://codeberg.org/api/actions", Values: set(`repository=octocat/hello
			sha=` + commit + `
			ref=refs/tags/v1.2.3
			workflow_ref=octocat/hello/.forgejo/workflows/release.yml@refs/tags/v1.2.3
			event_name=push
			run_number=43
			run_id=43
			run_attempt=1`)}
	}
	return nil
}

// source is the source that callers name where the system has none.
func source(t *testing.T) provenance.Source {
	t.Helper()
	return provenance.Source{
		Repository: "git@github.com:octocat/hello.git", Ref: "refs/heads/main", Commit: digest(t, "gitCommit:"+commit),
		RepositoryFrom: provenance.Git, CommitFrom: provenance.Git,
	}
}

// The whole statement about each system, to the byte.
func TestObserveGeneric(t *testing.T) {
	const (
		head   = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"hello","digest":{"sha256":"` + sum + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://hallmark-dev.github.io/buildtypes/ci-job/v1",`
		github = `"source":{"ref":"refs/heads/main","repository":"https://github.com/octocat/hello"}}`
		main   = `"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/heads/main","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":`
		tag    = `"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":`
	)
	for _, c := range []struct {
		system  ci.System
		claimed bool
		given   bool   // by the caller: the source
		builder string // by the caller
		want    string // after head
	}{
		{system: ci.AppVeyor, want: `"externalParameters":{"job":{"name":"release"},` + github + `,"internalParameters":{"ci":{"name":"appveyor","run_number":"8"}},` + main +
			`{"builder":{"id":"https://ci.appveyor.com"},"metadata":{"invocationId":"https://ci.appveyor.com/project/octocat/hello/builds/7"}}}}`},
		{system: ci.Azure, want: `"externalParameters":{"config":{"definition":"12"},"job":{"name":"Job"},"source":{"ref":"refs/tags/v1.2.3","repository":"https://github.com/octocat/hello"}},"internalParameters":{"ci":{"event":"IndividualCI","hosted":"true","name":"azure","run_number":"20260102.1"}},` + tag +
			`{"builder":{"id":"https://dev.azure.com/acme/My%20Payments/_build?definitionId=12"},"metadata":{"invocationId":"https://dev.azure.com/acme/My%20Payments/_build/results?buildId=345"}}}}`},
		{system: ci.Bitbucket, want: `"externalParameters":{"source":{"ref":"refs/heads/main","repository":"https://bitbucket.org/octocat/hello"}},"internalParameters":{"ci":{"name":"bitbucket","run_number":"9"}},` +
			`"resolvedDependencies":[{"uri":"git+https://bitbucket.org/octocat/hello@refs/heads/main","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":` +
			`{"builder":{"id":"https://api.bitbucket.org/2.0/repositories/%7Bw-1%7D/%7Br-1%7D/pipelines_config"},"metadata":{"invocationId":"https://api.bitbucket.org/2.0/repositories/%7Bw-1%7D/%7Br-1%7D/pipelines/%7Bp-1%7D/steps/%7Bs-1%7D"}}}}`},
		{system: ci.CircleCI, builder: "https://example.com/builder", want: `"externalParameters":{"job":{"name":"release"},` + github + `,"internalParameters":{"ci":{"name":"circleci","run_number":"10"}},` + main +
			`{"builder":{"id":"https://example.com/builder"},"metadata":{"invocationId":"https://circleci.com/api/v2/workflow/w-1#j-1"}}}}`},
		{system: ci.CircleCI, claimed: true, want: `"externalParameters":{"config":{"definition":"d-1"},"job":{"name":"release"},` + github + `,"internalParameters":{"ci":{"name":"circleci","run_number":"10"}},` + main +
			`{"builder":{"id":"https://circleci.com/api/v2/projects/p-1/pipeline-definitions/d-1"},"metadata":{"invocationId":"https://circleci.com/api/v2/workflow/w-1#j-1"}}}}`},
		{system: ci.CodeBuild, want: `"externalParameters":{"config":{"definition":"arn:aws:codebuild:eu-north-1:123456789012:project/hello"},` + github + `,"internalParameters":{"ci":{"event":"PUSH","name":"codebuild","run_number":"11"}},` + main +
			`{"builder":{"id":"arn:aws:codebuild:eu-north-1:123456789012:project/hello"},"metadata":{"invocationId":"arn:aws:codebuild:eu-north-1:123456789012:build/hello:b1e6661e"}}}}`},
		{system: ci.Drone, want: `"externalParameters":{"job":{"name":"release"},` + github + `,"internalParameters":{"ci":{"event":"push","name":"drone","run_number":"12"}},` + main +
			`{"builder":{"id":"https://drone.example.com"},"metadata":{"invocationId":"https://drone.example.com/octocat/hello/12"}}}}`},
		{system: ci.Gitea, builder: "https://gitea.example.com/git", want: `"externalParameters":{"source":{"ref":"refs/heads/main","repository":"http://gitea.example.com/git/octocat/hello"}},"internalParameters":{"ci":{"name":"gitea"}},` +
			`"resolvedDependencies":[{"uri":"git+http://gitea.example.com/git/octocat/hello@refs/heads/main","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":` +
			`{"builder":{"id":"https://gitea.example.com/git"},"metadata":{"invocationId":"http://gitea.example.com/git/octocat/hello/actions/runs/5"}}}}`},
		{system: ci.Forgejo, want: `"externalParameters":{"config":{"path":".forgejo/workflows/release.yml"},"job":{"name":"release"},"source":{"ref":"refs/tags/v1.2.3","repository":"https://codeberg.org/octocat/hello"}},"internalParameters":{"ci":{"event":"push","name":"forgejo","run_number":"43"}},` +
			`"resolvedDependencies":[{"uri":"git+https://codeberg.org/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":` +
			`{"builder":{"id":"https://codeberg.org/octocat/hello/.forgejo/workflows/release.yml@refs/tags/v1.2.3"},"metadata":{"invocationId":"https://codeberg.org/octocat/hello/actions/runs/43/attempts/1"}}}}`},
		{system: ci.Jenkins, want: `"externalParameters":{"job":{"name":"hello"},` + github + `,"internalParameters":{"ci":{"name":"jenkins","run_number":"13"}},` + main +
			`{"builder":{"id":"https://jenkins.example.com"},"metadata":{"invocationId":"https://jenkins.example.com/job/hello/13/"}}}}`},
		{system: ci.Travis, want: `"externalParameters":{"config":{"path":".travis.yml"},"source":{"ref":"refs/tags/v1.2.3","repository":"https://github.com/octocat/hello"}},"internalParameters":{"ci":{"event":"push","name":"travis","run_number":"14"}},` + tag +
			`{"builder":{"id":"https://app.travis-ci.com"},"metadata":{"invocationId":"https://app.travis-ci.com/github/octocat/hello/jobs/15"}}}}`},
		{system: ci.Woodpecker, want: `"externalParameters":{"job":{"name":"release"},"source":{"ref":"refs/heads/main","repository":"https://codeberg.org/octocat/hello"}},"internalParameters":{"ci":{"event":"push","name":"woodpecker","run_number":"16"}},` +
			`"resolvedDependencies":[{"uri":"git+https://codeberg.org/octocat/hello@refs/heads/main","digest":{"gitCommit":"` + commit + `"}}]},"runDetails":` +
			`{"builder":{"id":"https://ci.example.com"},"metadata":{"invocationId":"https://ci.example.com/repos/7/pipeline/16"}}}}`},
		{system: ci.TeamCity, given: true, want: `"externalParameters":{"job":{"name":"Release"},` + github + `,"internalParameters":{"ci":{"name":"teamcity","run_number":"17"}},` + main +
			`{"builder":{"id":"https://teamcity.example.com"},"metadata":{"invocationId":"https://teamcity.example.com/build/17"}}}}`},
		{system: ci.Argo, given: true, builder: "https://argo.example.com", want: `"externalParameters":{"job":{"name":"hello-x7k2p"},` + github + `,"internalParameters":{"ci":{"name":"argo"}},` + main +
			`{"builder":{"id":"https://argo.example.com"},"metadata":{"invocationId":"urn:uuid:2792d082-f400-4346-993c-72c4947c82b6"}}}}`},
		{system: ci.Tekton, given: true, builder: "https://tekton.example.com", want: `"externalParameters":{` + github + `,"internalParameters":{"ci":{"name":"tekton"}},` + main +
			`{"builder":{"id":"https://tekton.example.com"}}}}`},
	} {
		t.Run(fmt.Sprint(c.system, c.claimed), func(t *testing.T) {
			var o ci.Observer
			var claims *provenance.Claims
			if c.given {
				o.Source = source(t)
			}
			if c.system == ci.Tekton {
				o.System = ci.Tekton
			}
			if c.claimed {
				claims = claimsOf(c.system)
			}
			b, err := o.Observe(getenv(set(jobs()[c.system])), claims)
			if err != nil {
				t.Fatal(err)
			}
			if c.builder != "" {
				if b.Builder != "" {
					t.Errorf("builder %q, want none", b.Builder)
				}
				b.Builder = c.builder
			}
			if got := string(payload(t, b)); got != head+c.want {
				t.Errorf("got\n%s\nwant\n%s", got, head+c.want)
			}
		})
	}
}

// What claims say is what the environment says, known better.
func TestObserveClaims(t *testing.T) {
	for _, c := range []struct {
		system ci.System
		want   string // what no claim says
	}{
		{ci.Azure, "external.job.name internal.ci.event internal.ci.hosted internal.ci.run_number"},
		{ci.Bitbucket, "internal.ci.run_number source.commit source.repository"},
		{ci.CircleCI, "external.job.name internal.ci.run_number source.commit"},
		{ci.Forgejo, "external.job.name"},
	} {
		env := set(jobs()[c.system])
		without, err := ci.Observe(getenv(env), nil)
		if err != nil {
			t.Errorf("%s: %v", c.system, err)
			continue
		}
		for path, e := range without.Evidence {
			if e != provenance.Environment {
				t.Errorf("%s: without claims %s is known by %s", c.system, path, e)
			}
		}
		claims := claimsOf(c.system)
		claims.Values["actor"], claims.Values["jti"] = "secret-6", "secret-7" // which nothing is taken from
		with, err := ci.Observe(getenv(env), claims)
		if err != nil {
			t.Errorf("%s: %v", c.system, err)
			continue
		}
		if p := payload(t, with); bytes.Contains(p, []byte("secret")) {
			t.Errorf("%s: a secret in %s", c.system, p)
		}
		var got []string
		for _, path := range slices.Sorted(maps.Keys(with.Evidence)) {
			if with.Evidence[path] != provenance.Claim {
				got = append(got, path)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: no claim says %s, want %s", c.system, g, c.want)
		}
		for _, path := range []string{"builder", "invocation", "source.repository", "source.ref", "source.commit"} {
			if _, ok := with.Evidence[path]; !ok {
				t.Errorf("%s: no evidence for %s", c.system, path)
			}
		}
		if c.system != ci.CircleCI && !bytes.Equal(payload(t, with), payload(t, without)) { // its builder is in no variable
			t.Errorf("%s: with claims\n%s\nwithout\n%s", c.system, payload(t, with), payload(t, without))
		}

		// Any claim that says something else is an error, and so is another issuer.
		for name, v := range claimsOf(c.system).Values {
			claims := claimsOf(c.system)
			switch name {
			case "rpo_ver", "sha":
				claims.Values[name] = commit2
			case "rpo_ref", "ref", "oidc.circleci.com/vcs-ref":
				claims.Values[name] = "refs/heads/other"
			case "sub":
				claims.Values[name] = "p://acme/Other/hello"
			case "oidc.circleci.com/ssh-rerun":
				claims.Values[name] = "true"
			case "oidc.circleci.com/pipeline-definition-id":
				continue // in no variable
			default:
				claims.Values[name] = strings.Trim(v, "{}") + "x"
			}
			if b, err := ci.Observe(getenv(env), claims); err == nil {
				t.Errorf("%s: %s is %q: build %+v", c.system, name, claims.Values[name], b)
			}
		}
		for _, issuer := range []string{"", "https://evil.example", claimsOf(c.system).Issuer + "/", claimsOf(c.system).Issuer + "x", strings.Replace(claimsOf(c.system).Issuer, "https", "http", 1)} {
			claims := claimsOf(c.system)
			claims.Issuer = issuer
			if b, err := ci.Observe(getenv(env), claims); err == nil || !strings.Contains(err.Error(), "does not speak for jobs of "+string(c.system)) {
				t.Errorf("%s: issuer %q: build %+v, error %v", c.system, issuer, b, err)
			}
		}
	}
	// The workspace is part of the issuer.
	for issuer, want := range map[string]bool{
		"https://api.bitbucket.org/2.0/workspaces/octocat/pipelines-config/identity/oidc":   true,
		"https://api.bitbucket.org/2.0/workspaces/mona/pipelines-config/identity/oidc":      false,
		"https://api.bitbucket.org/2.0/workspaces//pipelines-config/identity/oidc":          false,
		"https://api.bitbucket.org/2.0/workspaces/a/octocat/pipelines-config/identity/oidc": false,
		"https://evil.example/2.0/workspaces/octocat/pipelines-config/identity/oidc":        false,
		"octocat/pipelines-config/identity/oidc":                                            false,
	} {
		env := set(jobs()[ci.Bitbucket])
		if !want && !strings.Contains(issuer, "mona") {
			env["BITBUCKET_WORKSPACE"] = ""
		}
		claims := claimsOf(ci.Bitbucket)
		claims.Issuer = issuer
		if _, err := ci.Observe(getenv(env), claims); (err == nil) != want {
			t.Errorf("issuer %s: error %v", issuer, err)
		}
	}

	// A claim that cannot be read.
	claims := claimsOf(ci.Azure)
	claims.Values["sub"] = "acme/secret-9"
	if _, err := ci.Observe(getenv(set(jobs()[ci.Azure])), claims); err == nil || err.Error() != "ci: the claim sub is not p://organization/project/pipeline" {
		t.Errorf("malformed subject: error %v", err)
	}

	// A token for a job of a system that gives none.
	for system, env := range jobs() {
		if claimsOf(system) != nil {
			continue
		}
		o := ci.Observer{Source: source(t)}
		o.Source.Repository, o.Source.Ref = "", ""
		if system == ci.Tekton {
			o.System = system
		}
		_, err := o.Observe(getenv(set(env)), &provenance.Claims{Issuer: "https://gitlab.com"})
		if err == nil || !strings.Contains(err.Error(), "does not speak for jobs of "+string(system)) {
			t.Errorf("%s: error %v", system, err)
		}
	}
}

// Refs that are not just a branch.
func TestObserveRefs(t *testing.T) {
	for _, c := range []struct {
		system       ci.System
		env          string // more variables; an empty value takes one away
		repository   string
		ref, problem string
	}{
		{ci.AppVeyor, "APPVEYOR_REPO_TAG_NAME=v1", "", "refs/tags/v1", ""},
		{ci.AppVeyor, "APPVEYOR_PULL_REQUEST_NUMBER=5", "", "refs/pull/5/merge", ""},
		{ci.AppVeyor, "APPVEYOR_PULL_REQUEST_HEAD_COMMIT=" + commit2, "", "", ""},
		{ci.AppVeyor, "APPVEYOR_REPO_PROVIDER=gitLab\nAPPVEYOR_PULL_REQUEST_NUMBER=5", "https://gitlab.com/octocat/hello", "", ""},
		{ci.AppVeyor, "APPVEYOR_REPO_PROVIDER=bitBucket", "https://bitbucket.org/octocat/hello", "refs/heads/main", ""},
		{ci.AppVeyor, "APPVEYOR_REPO_PROVIDER=vso", "", "", "no variable of this system has the repository"},
		{ci.Azure, "BUILD_SOURCEBRANCH=refs/pull/1/merge", "", "refs/pull/1/merge", ""},
		{ci.Azure, "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=https://acme.visualstudio.com/", "", "refs/tags/v1.2.3", ""},
		{ci.Azure, "SYSTEM_TEAMPROJECT=", "", "", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI is there without SYSTEM_TEAMPROJECT"},
		{ci.Bitbucket, "BITBUCKET_TAG=v1", "", "refs/tags/v1", ""},
		{ci.Bitbucket, "BITBUCKET_PR_ID=7", "", "", "BITBUCKET_PR_ID is set: the system has merged the commit"},
		{ci.CircleCI, "CIRCLE_TAG=v1", "", "refs/tags/v1", ""},
		{ci.CircleCI, "CIRCLE_BRANCH=pull/42", "", "refs/pull/42/head", ""},
		{ci.CircleCI, "CIRCLE_BRANCH=", "", "", ""},
		{ci.CodeBuild, "CODEBUILD_SOURCE_VERSION=pr/42\nCODEBUILD_WEBHOOK_HEAD_REF=refs/heads/fix", "", "refs/pull/42/head", ""},
		{ci.CodeBuild, "CODEBUILD_BUILD_ARN=arn:aws:codebuild:eu-north-1:1:build/x", "", "", "CODEBUILD_BUILD_ARN is not the ARN of a build"},
		{ci.CodeBuild, "CODEBUILD_BUILD_ARN=arn:aws:codebuild:eu-north-1:1:build/x:y:z", "", "", "CODEBUILD_BUILD_ARN is not the ARN of a build"},
		{ci.CodeBuild, "CODEBUILD_BUILD_ARN=arn:aws:codebuild:eu-north-1:1:build/a/b:c", "", "", "CODEBUILD_BUILD_ARN is not the ARN of a build"},
		{ci.CodeBuild, "CODEBUILD_SOURCE_REPO_URL=my-bucket/source.zip", "", "", "CODEBUILD_SOURCE_REPO_URL is not the URL of a repository"},
		{ci.Drone, "DRONE_COMMIT_REF=refs/pull/7/head\nDRONE_PULL_REQUEST=7", "", "", "DRONE_PULL_REQUEST is set: the system has merged the commit"},
		{ci.Drone, "DRONE_COMMIT_REF=\nDRONE_TAG=v1", "", "refs/tags/v1", ""},
		{ci.Drone, "DRONE_COMMIT_REF=\nDRONE_BRANCH=main", "", "refs/heads/main", ""},
		{ci.Drone, "DRONE_SYSTEM_PROTO=", "", "refs/heads/main", ""},
		{ci.Drone, "DRONE_SYSTEM_HOST=user:secret-5@x", "", "", "DRONE_SYSTEM_HOST is not the http or https URL of a server"},
		{ci.Forgejo, "GITHUB_REF=refs/heads/main", "", "", "is not in the repository https://codeberg.org/octocat/hello"},
		{ci.Forgejo, "GITHUB_WORKFLOW_REF=octocat/hello/@refs/tags/v1.2.3", "", "", "is not in the repository https://codeberg.org/octocat/hello"},
		{ci.Forgejo, "GITHUB_REF=main", "", "", "GITHUB_REF is not the full name of a ref"},
		{ci.Forgejo, "GITHUB_SERVER_URL=", "", "", "GITHUB_SERVER_URL is not set"},
		{ci.Jenkins, "TAG_NAME=v1", "", "refs/tags/v1", ""},
		{ci.Jenkins, "CHANGE_ID=42\nGIT_BRANCH=PR-42", "", "", ""},
		{ci.Jenkins, "GIT_URL=\nGIT_URL_1=https://github.com/octocat/hello\nGIT_URL_2=https://github.com/octocat/other", "", "refs/heads/main", ""},
		{ci.Jenkins, "JENKINS_URL=jenkins", "", "", "JENKINS_URL is not the http or https URL of a server"},
		{ci.Jenkins, "GIT_COMMIT=", "", "", "GIT_COMMIT is not set"},
		{ci.Jenkins, "GIT_COMMIT=283bf96", "", "", `commit: malformed digest "gitCommit:283bf96"`},
		{ci.Travis, "TRAVIS_TAG=", "", "refs/heads/main", ""},
		{ci.Travis, "TRAVIS_TAG=\nTRAVIS_PULL_REQUEST=42", "", "refs/pull/42/merge", ""},
		{ci.Travis, "TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/gitlab/octocat/hello/jobs/15", "https://gitlab.com/octocat/hello", "refs/tags/v1.2.3", ""},
		{ci.Travis, "TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/bitbucket/octocat/hello/jobs/15\nTRAVIS_PULL_REQUEST=42", "https://bitbucket.org/octocat/hello", "", ""},
		{ci.Travis, "TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/assembla/octocat/hello/jobs/15", "", "", "TRAVIS_REPO_SLUG is not the URL of a repository"},
		{ci.Woodpecker, "CI_COMMIT_REF=refs/pull/9/head", "https://codeberg.org/octocat/hello", "refs/pull/9/head", ""},
	} {
		env := set(jobs()[c.system])
		maps.Copy(env, set(c.env))
		b, err := ci.Observe(getenv(env), nil)
		name := fmt.Sprintf("%s with %q", c.system, c.env)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: error %v, want %q", name, err, c.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s, _ := b.Source()
		repository := "https://github.com/octocat/hello"
		if c.system == ci.Bitbucket {
			repository = "https://bitbucket.org/octocat/hello"
		}
		if c.repository != "" {
			repository = c.repository
		}
		if s.Repository != repository || s.Ref != c.ref || s.Commit.Hex() != commit {
			t.Errorf("%s: source %+v, want %s at %q", name, s, repository, c.ref)
		}
	}
}

func TestDetect(t *testing.T) {
	for system, env := range jobs() {
		if system == ci.Tekton {
			continue
		}
		if got, err := ci.Detect(getenv(set(env))); got != system || err != nil {
			t.Errorf("%s is %s, %v", system, got, err)
		}
	}
	for _, c := range []struct {
		env  string
		want ci.System // or
		err  string
	}{
		{"", ci.Local, ""},
		{"HOME=x", ci.Local, ""},
		{"CI=false", ci.Local, ""},
		{"GITHUB_ACTIONS=true", ci.GitHub, ""},
		{"GITHUB_ACTIONS=false", ci.Local, ""},
		{"GITHUB_ACTIONS=true\nCI=true", ci.GitHub, ""},
		{"GITHUB_ACTIONS=true\nACT=true", ci.Act, ""},
		{"ACT=true", ci.Local, ""},
		{"GITHUB_ACTIONS=true\nGITEA_ACTIONS=true", ci.Gitea, ""},
		{"GITHUB_ACTIONS=true\nGITEA_ACTIONS=true\nACT=true", ci.Gitea, ""},
		{"GITHUB_ACTIONS=true\nGITEA_ACTIONS=true\nFORGEJO_ACTIONS=true", ci.Forgejo, ""},
		{"GITLAB_CI=true", ci.GitLab, ""},
		{"BUILDKITE=true", ci.Buildkite, ""},
		{"CI=woodpecker\nDRONE=true", ci.Woodpecker, ""},
		{"CI=wp\nCI_SYSTEM_URL=x\nCI_WORKFLOW_NAME=y", ci.Woodpecker, ""},
		{"BUILDER_OUTPUT=/builder/outputs", ci.CloudBuild, ""},
		{"JENKINS_URL=x", ci.Local, ""},
		{"JENKINS_URL=x\nBUILD_NUMBER=1", ci.Jenkins, ""},
		{"GITHUB_ACTIONS=true\nCODEBUILD_BUILD_ARN=x", "", "ci: GITHUB_ACTIONS and CODEBUILD_BUILD_ARN are set: which system runs this job is not known"},
		{"FORGEJO_ACTIONS=true\nGITLAB_CI=true\nTRAVIS=true", "", "ci: FORGEJO_ACTIONS and GITLAB_CI and TRAVIS are set: which system runs this job is not known"},
		{"BUDDY=true", "", "ci: BUDDY is set: that system is not supported"},
		{"BITRISE_BUILD_SLUG=x\nGITLAB_CI=true", "", "ci: GITLAB_CI and BITRISE_BUILD_SLUG are set: which system runs this job is not known"},
		{"CI=true", "", "ci: CI is set, and no variable of a known system: name the system if it is one that cannot be detected"},
	} {
		got, err := ci.Detect(getenv(set(c.env)))
		if got != c.want || fmt.Sprint(err) != cmp.Or(c.err, "<nil>") {
			t.Errorf("%q is %q, %v, want %q, %s", c.env, got, err, c.want, c.err)
		}
	}
	if _, err := ci.Detect(nil); err == nil {
		t.Error("no error without getenv")
	}
}

func TestObserveDelegates(t *testing.T) {
	github := set(`GITHUB_ACTIONS=true
		GITHUB_SERVER_URL=https://github.com
		GITHUB_REPOSITORY=octocat/hello
		GITHUB_SHA=` + commit + `
		GITHUB_REF=refs/heads/main
		GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/x.yml@refs/heads/main
		GITHUB_EVENT_NAME=push
		GITHUB_RUN_ID=1
		GITHUB_RUN_ATTEMPT=1
		CHANNEL=stable`)
	gitlab := set(`GITLAB_CI=true
		CI_SERVER_URL=https://gitlab.com
		CI_PROJECT_URL=https://gitlab.com/octocat/hello
		CI_COMMIT_SHA=` + commit + `
		CI_COMMIT_REF_NAME=main
		CI_JOB_NAME=release
		CI_JOB_ID=302
		CHANNEL=stable`)
	buildkite := set(`BUILDKITE=true
		BUILDKITE_REPO=https://github.com/octocat/hello
		BUILDKITE_COMMIT=` + commit + `
		BUILDKITE_BRANCH=main
		BUILDKITE_ORGANIZATION_SLUG=octo
		BUILDKITE_PIPELINE_SLUG=hello
		BUILDKITE_BUILD_NUMBER=1
		BUILDKITE_JOB_ID=1
		CHANNEL=stable`)
	other := provenance.Source{Commit: digest(t, "gitCommit:"+commit2)}
	same := provenance.Source{Commit: digest(t, "gitCommit:"+commit)}
	for _, c := range []struct {
		name     string
		env      map[string]string
		observer ci.Observer
		want     string // the build type, or
		err      string
	}{
		{"GitHub", github, ci.Observer{Source: same}, "https://actions.github.io/buildtypes/workflow/v1", ""},
		{"GitLab", gitlab, ci.Observer{System: ci.GitLab, Parameters: []string{"CHANNEL"}}, "https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1", ""},
		{"Buildkite", buildkite, ci.Observer{Source: same}, "https://buildkite.github.io/slsa-buildtypes/job/v1", ""},
		{"GitHub with parameters", github, ci.Observer{Parameters: []string{"CHANNEL"}}, "", `parameters ["CHANNEL"]: the build type of github has no place for them`},
		{"Buildkite with parameters", buildkite, ci.Observer{Parameters: []string{"CHANNEL"}}, "", "the build type of buildkite has no place for them"},
		{"GitHub at another commit", github, ci.Observer{Source: other}, "", "the job is for the commit " + commit + ", but the source is at " + commit2},
		{"GitLab with modified files", gitlab, ci.Observer{Source: provenance.Source{Modified: true}}, "", "files differ from the commit, which the build type of gitlab cannot say"},
		{"another system", gitlab, ci.Observer{System: ci.GitHub}, "", "this is a job of gitlab, want github"},
		{"another system than the one that cannot be detected", gitlab, ci.Observer{System: ci.Tekton}, "", "this is a job of gitlab, want tekton"},
		{"two systems", set("GITLAB_CI=true\nTRAVIS=true"), ci.Observer{System: ci.GitLab}, "", "GITLAB_CI and TRAVIS are set"},
		{"local", set(""), ci.Observer{}, "", "ci: this is no job of a CI system"},
		{"not the system", set(""), ci.Observer{System: ci.Jenkins}, "", "this is a job of local, want jenkins"},
		{"Cloud Build", set("BUILDER_OUTPUT=x"), ci.Observer{}, "", "Google Cloud Build writes and signs provenance of its own"},
		{"unknown", set("CI=true"), ci.Observer{}, "", "CI is set, and no variable of a known system"},
		{"Tekton in CI", set("CI=true"), ci.Observer{System: ci.Tekton, Source: source(t)}, ci.BuildType, ""},
		{"Tekton without a source", set(""), ci.Observer{System: ci.Tekton}, "", "no variable of this system has the repository"},
		{"GitHub's own error", set("GITHUB_ACTIONS=true"), ci.Observer{}, "", "github: GITHUB_REPOSITORY is not set"},
	} {
		b, err := c.observer.Observe(getenv(c.env), nil)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case b.Type != c.want:
			t.Errorf("%s: build type %q, want %q", c.name, b.Type, c.want)
		}
		if isLocal := c.name == "local"; errors.Is(err, ci.ErrNoCI) != isLocal {
			t.Errorf("%s: error %v is ErrNoCI: %t", c.name, err, !isLocal)
		}
	}
	if _, err := ci.Observe(getenv(set("GITHUB_ACTIONS=true\nACT=true")), nil); !errors.Is(err, ci.ErrNoCI) {
		t.Errorf("act: error %v", err)
	}
	if _, err := ci.Observe(nil, nil); err == nil || err.Error() != "ci: no getenv" {
		t.Errorf("no getenv: error %v", err)
	}
}

// What the caller knows of the source has to agree with the job.
func TestObserveSource(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*provenance.Source)
		err    string
	}{
		{"same", func(*provenance.Source) {}, ""},
		{"another repository", func(s *provenance.Source) { s.Repository = "https://github.com/mona/hello" }, "the job is for the repository https://github.com/octocat/hello, but the source is of https://github.com/mona/hello"},
		{"another commit", func(s *provenance.Source) { s.Commit = digest(t, "gitCommit:"+commit2) }, "the job is for the commit \"" + commit + "\", but the source is at " + commit2},
		{"another ref, at the same commit", func(s *provenance.Source) { s.Ref = "refs/tags/v1" }, ""},
		{"repository that is a path", func(s *provenance.Source) { s.Repository = "/home/secret-1" }, "the repository of the source is not the URL of one"},
	} {
		o := ci.Observer{Source: source(t)}
		c.change(&o.Source)
		_, err := o.Observe(getenv(set(jobs()[ci.Jenkins])), nil)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}

	// Modified files leave no clean commit.
	o := ci.Observer{Source: source(t)}
	o.Source.Modified = true
	b, err := o.Observe(getenv(set(jobs()[ci.Jenkins])), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := b.Source(); !s.Modified || b.Dependencies[0].Digest != nil {
		t.Errorf("source %+v, dependency %+v", s, b.Dependencies[0])
	}
	// What the caller says is marked so.
	o = ci.Observer{System: ci.Tekton, Source: source(t)}
	o.Source.RepositoryFrom, o.Source.CommitFrom = provenance.Caller, provenance.Caller
	if b, err = o.Observe(getenv(nil), nil); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.Dependencies[0].Annotations, b.Evidence["source.repository"], b.Evidence["source.ref"], b.Evidence["source.commit"]); got != "map[commitFrom:caller repositoryFrom:caller] caller caller caller" {
		t.Errorf("evidence %s", got)
	}
	o = ci.Observer{Source: provenance.Source{Repository: "https://github.com/octocat/hello", RepositoryFrom: provenance.Caller}}
	b, err = o.Observe(getenv(set(jobs()[ci.TeamCity])), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(b.Dependencies[0].Annotations, b.Evidence["source.repository"], b.Evidence["source.commit"]); got != "map[repositoryFrom:caller] caller environment" {
		t.Errorf("evidence %s", got)
	}
}

func TestObserveParameters(t *testing.T) {
	env := set(jobs()[ci.Jenkins])
	maps.Copy(env, set(`CHANNEL=stable
		VERSION=v1.2.3
		REVISION=`+commit+`
		EMPTY=
		DEPLOY_TOKEN=x
		WEBHOOK=https://user:secret-1@example.com
		SIGNED=ghp_secret678901234`))
	env["INVALID"] = "\xff"
	o := ci.Observer{Parameters: []string{"VERSION", "CHANNEL", "REVISION", "EMPTY", "NOT_SET"}}
	b, err := o.Observe(getenv(env), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(b.External["parameters"]), "map[CHANNEL:stable REVISION:"+commit+" VERSION:v1.2.3]"; got != want {
		t.Errorf("parameters %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"DEPLOY_TOKEN": "has the name of a secret",
		"WEBHOOK":      "has the form of a secret",
		"SIGNED":       "has the form of a secret",
		"INVALID":      "is not UTF-8",
		"A=B":          "is no name of a variable",
		"":             "is no name of a variable",
	} {
		o.Parameters = []string{name}
		_, err := o.Observe(getenv(env), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-") || strings.Contains(err.Error(), "secret6") {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
	o.Parameters = slices.Repeat([]string{"CHANNEL"}, ci.MaxParameters+1)
	if _, err := o.Observe(getenv(env), nil); err == nil {
		t.Error("no error for too many parameters")
	}
}

// The text behind BuildType shows what is emitted.
func TestBuildTypeExample(t *testing.T) {
	text, err := os.ReadFile("../buildtypes/ci-job-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(example, "\n```")
	if !ok || !strings.Contains(string(text), "`"+ci.BuildType+"`") {
		t.Fatal("the text has no example, or does not name the type")
	}
	b, err := ci.Observe(getenv(set(jobs()[ci.Forgejo])), claimsOf(ci.Forgejo))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, payload(t, b), "", "  "); err != nil {
		t.Fatal(err)
	}
	if example != want.String() {
		t.Errorf("the example is\n%s\nand emitted is\n%s", example, &want)
	}
	// Every variable that is read is in it.
	for system, env := range jobs() {
		o := ci.Observer{Source: source(t)}
		if system == ci.Tekton {
			o.System = system
		}
		_, _ = o.Observe(func(name string) string {
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("%s: %s is read, and the text does not name it", system, name)
			}
			return set(env)[name]
		}, nil)
	}
}

// Whatever is in an environment and a token, there is no panic, the same result
// each time, and a Build only of what can be described.
func FuzzObserve(f *testing.F) {
	lines := func(m map[string]string) string {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(m)) {
			all = append(all, name+"="+m[name])
		}
		return strings.Join(all, "\n")
	}
	for system, env := range jobs() {
		f.Add(lines(set(env)), "", "", false)
		if claims := claimsOf(system); claims != nil {
			f.Add(lines(set(env)), lines(claims.Values), claims.Issuer, true)
		}
	}
	f.Fuzz(func(t *testing.T, env, values, issuer string, claimed bool) {
		var claims *provenance.Claims
		if claimed {
			claims = &provenance.Claims{Issuer: issuer, Values: set(values)}
		}
		environment := set(env)
		b, err := ci.Observe(getenv(environment), claims)
		b2, err2 := ci.Observe(getenv(environment), claims)
		if fmt.Sprint(err) != fmt.Sprint(err2) || fmt.Sprintf("%+v", b) != fmt.Sprintf("%+v", b2) {
			t.Fatalf("%+v, %v and then %+v, %v", b, err, b2, err2)
		}
		if err != nil {
			return
		}
		if s, _ := b.Source(); s.Repository == "" || s.Commit.IsZero() || strings.Contains(s.Repository, "@") {
			t.Errorf("source %+v", s)
		}
	})
}

// Machines of one's own are recorded, which no builder.id tells.
func TestObserveHosted(t *testing.T) {
	for value, want := range map[string]string{"0": "true", "1": "false", "": "<nil>", "x": "<nil>"} {
		env := set(jobs()[ci.Azure])
		env["AGENT_ISSELFHOSTED"] = value
		b, err := ci.Observe(getenv(env), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(b.Internal["ci"].(map[string]any)["hosted"]); got != want {
			t.Errorf("AGENT_ISSELFHOSTED %q: hosted %s, want %s", value, got, want)
		}
	}
}
