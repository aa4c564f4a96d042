// Package ci tells which CI system runs a job, and observes the build that the job
// is, whichever system it is.
//
//	build, err := ci.Observe(os.Getenv, claims)
//	if errors.Is(err, ci.ErrNoCI) {
//		build = provenance.Local(source) // of provenance/git
//	}
//
// # Systems
//
//	                  is detected by                      what it claims
//	GitHub Actions    GITHUB_ACTIONS                      see provenance/github
//	GitLab CI/CD      GITLAB_CI                           see provenance/gitlab
//	Buildkite         BUILDKITE                           see provenance/buildkite
//	CircleCI          CIRCLECI                            repository, ref, builder, run
//	Azure Pipelines   TF_BUILD                            repository, ref, commit, builder, run
//	Bitbucket         BITBUCKET_BUILD_NUMBER              builder, run, and the ref of a branch
//	Forgejo           FORGEJO_ACTIONS                     repository, ref, commit, builder, run
//	Gitea             GITEA_ACTIONS                       nothing
//	AppVeyor          APPVEYOR                            nothing
//	Argo Workflows    ARGO_WORKFLOW_NAME, _UID            nothing
//	AWS CodeBuild     CODEBUILD_BUILD_ARN                 nothing
//	Drone             DRONE                               nothing
//	Jenkins           JENKINS_URL with BUILD_ID or BUILD_NUMBER  nothing
//	TeamCity          TEAMCITY_VERSION                    nothing
//	Travis CI         TRAVIS                              nothing
//	Woodpecker        CI=woodpecker, or CI_SYSTEM_URL with CI_WORKFLOW_NAME  nothing
//	Tekton            nothing: the caller names it        nothing
//
// A variable that is "false" is not set. Exactly one system must be detected. If
// there are two, such as CodeBuild with a job of GitHub Actions in it, it is an
// error: who knows which of them ordered the build calls that one's package.
//
// Some systems imitate GitHub Actions, variables and all. Forgejo, Gitea and act
// are told from it, and Forgejo from Gitea, whose variable it sets too. act runs
// workflows on the machine of its user, so what it runs is a local build.
//
// Google Cloud Build is refused. It writes provenance of its own, which the
// platform signs and which names its builder; from inside of a step that can only
// be imitated. A system that is known by name alone is refused too, and so is one
// of which nothing is known but that CI is set: neither is a local build.
//
// # The generic layout
//
// Systems without a package of their own have the build type of this module that
// is documented in provenance/buildtypes:
//
//	buildType           https://hallmark-dev.github.io/buildtypes/ci-job/v1
//	externalParameters  {"config": {"definition", "path"}, "job": {"name"}, "parameters": {…}, "source": {"ref", "repository"}}
//	internalParameters  {"ci": {"event", "hosted", "name", "run_number"}}
//	resolvedDependencies[0]  git+<repository>@<ref>, digest gitCommit
//	builder.id          the system, as far as it has a URL: see BuildType
//	invocationId        the run
//
// What is not known is left out, but for the repository and the commit, without
// which there is no Build.
//
// # Who says so
//
// Claims come before variables, and a contradiction is an error. How each fact
// became known is in Build.Evidence. A variable is what some step of the job may have
// made it, so that a build whose commit, for one, no claim has is evidence for SLSA
// Build level 1.
//
// SLSA asks for a builder.id for each mode of a builder, and no system has names
// for its own machines and for others. "hosted" says it where that is known; it never
// is by a claim, and so the generic layout stays at level 1 too.
//
// # What is published
//
// Only the variables that the texts about the build types and the packages of the
// systems name are read, and their values are published, in the Build and in errors.
// User information, query and fragment are taken from all URLs before.
// [Observer.Parameters] adds variables that the caller vouches for; even so a
// parameter is refused that has one of the words
// AUTH, COOKIE, CREDENTIAL, JWT, PASSPHRASE, PASSWD, PASSWORD, PRIVATE, PWD, SECRET,
// SIGNING, TOKEN in its name or KEY at its end, or in its value the beginning of a
// well-known service's token, a private key, a JSON Web Token, a URL with a user, or
// 24 or more letters and digits in a row of which some are capitals, some small and
// some digits. That finds most slips and no intent.
package ci

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/facts"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/buildkite"
	"github.com/hallmark-dev/hallmark/provenance/github"
	"github.com/hallmark-dev/hallmark/provenance/gitlab"
)

// BuildType is the type of the Builds that [Observe] returns for systems without a
// package of their own. The text behind the URI is kept in
// provenance/buildtypes/ci-job-v1.md.
const BuildType = "https://hallmark-dev.github.io/buildtypes/ci-job/v1"

// ErrNoCI says that no CI system runs the program: what it builds is a local
// build, see [provenance.Local].
var ErrNoCI = errors.New("this is no job of a CI system")

// A System is a CI system.
type System string

// The systems. Their values are stable; they are in the layout of [BuildType].
const (
	Act        System = "act" // a local build in the manner of GitHub Actions
	AppVeyor   System = "appveyor"
	Argo       System = "argo"
	Azure      System = "azure"
	Bitbucket  System = "bitbucket"
	Buildkite  System = "buildkite"
	CircleCI   System = "circleci"
	CloudBuild System = "cloudbuild" // Google Cloud Build
	CodeBuild  System = "codebuild"  // AWS CodeBuild
	Drone      System = "drone"
	Forgejo    System = "forgejo"
	Gitea      System = "gitea"
	GitHub     System = "github"
	GitLab     System = "gitlab"
	Jenkins    System = "jenkins"
	Local      System = "local" // none
	TeamCity   System = "teamcity"
	Tekton     System = "tekton"
	Travis     System = "travis"
	Woodpecker System = "woodpecker"
)

// Detect returns the system that runs the job, from the variables that getenv
// returns, usually [os.Getenv]: see the package's documentation. It returns Local
// if there is none. It fails if there are two, or one that is not supported.
func Detect(getenv func(string) string) (System, error) {
	if getenv == nil {
		return "", errors.New("ci: no getenv")
	}
	set := func(name string) bool { v := getenv(name); return v != "" && !strings.EqualFold(v, "false") }

	var systems []System
	var variables []string
	found := func(s System, variable string, ok bool) {
		if ok {
			systems, variables = append(systems, s), append(variables, variable)
		}
	}
	// Who imitates whom comes first.
	switch {
	case set("FORGEJO_ACTIONS"):
		found(Forgejo, "FORGEJO_ACTIONS", true)
	case set("GITEA_ACTIONS"):
		found(Gitea, "GITEA_ACTIONS", true)
	case set("GITHUB_ACTIONS") && set("ACT"):
		found(Act, "ACT", true)
	default:
		found(GitHub, "GITHUB_ACTIONS", set("GITHUB_ACTIONS"))
	}
	switch {
	case getenv("CI") == "woodpecker": // which sets variables of Drone too
		found(Woodpecker, "CI=woodpecker", true)
	case set("CI_SYSTEM_URL") && set("CI_WORKFLOW_NAME"): // under another name
		found(Woodpecker, "CI_SYSTEM_URL", true)
	default:
		found(Drone, "DRONE", set("DRONE"))
	}
	found(GitLab, "GITLAB_CI", set("GITLAB_CI"))
	found(Buildkite, "BUILDKITE", set("BUILDKITE"))
	found(CircleCI, "CIRCLECI", set("CIRCLECI"))
	found(Azure, "TF_BUILD", set("TF_BUILD"))
	found(Bitbucket, "BITBUCKET_BUILD_NUMBER", set("BITBUCKET_BUILD_NUMBER"))
	found(AppVeyor, "APPVEYOR", set("APPVEYOR"))
	found(Argo, "ARGO_WORKFLOW_NAME", set("ARGO_WORKFLOW_NAME") || set("ARGO_WORKFLOW_UID"))
	found(CodeBuild, "CODEBUILD_BUILD_ARN", set("CODEBUILD_BUILD_ARN"))
	found(CloudBuild, "BUILDER_OUTPUT", set("BUILDER_OUTPUT"))
	found(Jenkins, "JENKINS_URL", set("JENKINS_URL") && (set("BUILD_ID") || set("BUILD_NUMBER")))
	found(TeamCity, "TEAMCITY_VERSION", set("TEAMCITY_VERSION"))
	found(Travis, "TRAVIS", set("TRAVIS"))
	// Known by name alone.
	found("", "BITRISE_BUILD_SLUG", set("BITRISE_BUILD_SLUG"))
	found("", "BUDDY", set("BUDDY"))
	found("", "CF_BUILD_ID", set("CF_BUILD_ID")) // Codefresh

	switch {
	case len(systems) > 1:
		return "", fmt.Errorf("ci: %s are set: which system runs this job is not known", strings.Join(variables, " and "))
	case len(systems) == 1 && systems[0] == "":
		return "", fmt.Errorf("ci: %s is set: that system is not supported", variables[0])
	case len(systems) == 1:
		return systems[0], nil
	case set("CI"):
		return "", errors.New("ci: CI is set, and no variable of a known system: name the system if it is one that cannot be detected")
	}
	return Local, nil
}

// An Observer says what is recorded beside what the system tells.
type Observer struct {
	// System is the system that runs the job. Empty means that it is detected.
	// It is an error if another one is detected, or none, but for Tekton and for
	// Argo, which need not show in a step.
	System System

	// Parameters are the names of variables that the build depends on, and
	// whose values may be published. They are recorded as external parameters;
	// one that is empty or not set is left out. It is an error if a name or a
	// value has the form of a secret, if there are more than MaxParameters, and
	// if the build type of the system has no place for them: those of GitHub
	// Actions and Buildkite have none.
	Parameters []string

	// Source is what the caller knows of the source, usually from provenance/git.
	// In the generic layout it tells what neither claims nor variables do. It is
	// an error if it has another commit than they say; in the generic layout, if
	// it has another repository; and for a system with a package of its own, if
	// files are modified.
	Source provenance.Source
}

// Observe is [Observer.Observe] of the zero Observer.
func Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	return new(Observer).Observe(getenv, claims)
}

// Observe returns the Build that is running, from the variables that getenv
// returns, usually [os.Getenv], and the verified claims of the job's identity
// token, or nil. It detects the system and, for those that have one, leaves the rest
// to the package of the system.
//
// The error wraps [ErrNoCI] if no CI system runs the program. The Build has no
// builder if nothing tells it; its Statement method then refuses until the caller
// names one.
func (o *Observer) Observe(getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	detect := getenv
	undetectable := o.System == Tekton || o.System == Argo
	if undetectable && getenv != nil {
		// That CI is set is all that there may be.
		detect = func(name string) string {
			if name == "CI" {
				return ""
			}
			return getenv(name)
		}
	}
	system, err := Detect(detect)
	switch {
	case err != nil:
		return nil, err
	case undetectable && system == Local:
		system = o.System
	case o.System != "" && o.System != system:
		return nil, fmt.Errorf("ci: this is a job of %s, want %.40s", system, o.System)
	}

	var b *provenance.Build
	switch system {
	case GitHub, Buildkite:
		if len(o.Parameters) > 0 {
			return nil, fmt.Errorf("ci: parameters %q: the build type of %s has no place for them", o.Parameters, system)
		}
		observe := github.Observe
		if system == Buildkite {
			observe = buildkite.Observe
		}
		b, err = observe(getenv, claims)
	case GitLab:
		b, err = (&gitlab.Observer{Variables: o.Parameters}).Observe(getenv, claims)
	case Local:
		return nil, fmt.Errorf("ci: %w", ErrNoCI)
	case Act:
		return nil, fmt.Errorf("ci: ACT is set: act runs workflows on the machine of its user: %w", ErrNoCI)
	case CloudBuild:
		return nil, errors.New("ci: Google Cloud Build writes and signs provenance of its own, which names its builder: read that one")
	default:
		return o.generic(system, getenv, claims)
	}
	if err != nil {
		return nil, err
	}
	source, _ := b.Source()
	switch {
	case o.Source.Modified:
		return nil, fmt.Errorf("ci: files differ from the commit, which the build type of %s cannot say", system)
	case !o.Source.Commit.IsZero() && o.Source.Commit != source.Commit:
		return nil, fmt.Errorf("ci: the job is for the commit %s, but the source is at %s", source.Commit.Hex(), o.Source.Commit.Hex())
	}
	return b, nil
}

// generic observes a job of a system that has no package of its own.
func (o *Observer) generic(system System, getenv func(string) string, claims *provenance.Claims) (*provenance.Build, error) {
	var values map[string]string
	if claims != nil {
		if values = claims.Values; values == nil {
			values = map[string]string{}
		}
	}
	f := facts.New("ci", getenv, values)
	given := o.Source
	if given.Repository != "" {
		if given.Repository = provenance.RepositoryURL(given.Repository); given.Repository == "" {
			f.Errorf("the repository of the source is not the URL of one")
		}
	}
	j := &job{Facts: f, claims: claims, getenv: getenv, wantRepository: o.Source.Repository == "", wantCommit: given.Commit.IsZero()}
	switch system {
	case AppVeyor:
		j.appVeyor()
	case Argo:
		j.argo()
	case Azure:
		j.azure()
	case Bitbucket:
		j.bitbucket()
	case CircleCI:
		j.circleCI()
	case CodeBuild:
		j.codeBuild()
	case Drone:
		j.drone()
	case Forgejo, Gitea:
		j.forgejo(system)
	case Jenkins:
		j.jenkins()
	case TeamCity:
		j.teamCity()
	case Tekton: // its variables are those of the step's author
		j.noRepository()
		j.noCommit()
	case Travis:
		j.travis()
	case Woodpecker:
		j.woodpecker()
	default:
		return nil, fmt.Errorf("ci: the system %.40q is not known", string(system))
	}
	if claims != nil && !j.speaks {
		f.Errorf("the token's issuer %.200q does not speak for jobs of %s", claims.Issuer, system)
	}

	b := &provenance.Build{Type: BuildType, Builder: j.builder, Invocation: j.invocation, Evidence: make(map[string]provenance.Evidence)}
	for path, claimed := range f.Known {
		b.Evidence[path] = provenance.Environment
		if claimed {
			b.Evidence[path] = provenance.Claim
		}
	}
	source := provenance.Source{Repository: j.repository, Ref: j.ref, Modified: given.Modified}
	if j.commit != "" {
		var err error
		if source.Commit, err = hallmark.ParseDigest("gitCommit:" + j.commit); err != nil {
			f.Errorf("commit: %w", err)
		}
	}
	// What the job does not tell, the caller may.
	switch {
	case given.Repository == "":
	case source.Repository == "":
		source.Repository, source.RepositoryFrom = given.Repository, given.RepositoryFrom
		b.Evidence["source.repository"] = given.RepositoryFrom
	case given.Repository != source.Repository:
		f.Errorf("the job is for the repository %s, but the source is of %s", source.Repository, given.Repository)
	}
	switch {
	case given.Commit.IsZero():
	case j.commit == "":
		source.Commit, source.CommitFrom = given.Commit, given.CommitFrom
		b.Evidence["source.commit"] = given.CommitFrom
	case given.Commit != source.Commit:
		f.Errorf("the job is for the commit %.200q, but the source is at %s", j.commit, given.Commit.Hex())
	}
	if source.Ref == "" && given.Ref != "" { // a commit can be at several
		source.Ref = given.Ref
		b.Evidence["source.ref"] = given.CommitFrom
	}
	parameters, err := facts.Parameters(getenv, o.Parameters, MaxParameters)
	if err != nil {
		f.Errorf("%w", err)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}

	// Objects without members are left out.
	object := func(members ...string) map[string]any {
		m := make(map[string]any)
		for i := 0; i < len(members); i += 2 {
			if members[i+1] != "" {
				m[members[i]] = members[i+1]
			}
		}
		return m
	}
	b.External = map[string]any{"source": object("ref", source.Ref, "repository", source.Repository)}
	for name, m := range map[string]map[string]any{
		"config":     object("definition", j.definition, "path", j.path),
		"job":        object("name", j.name),
		"parameters": parameters,
	} {
		if len(m) > 0 {
			b.External[name] = m
		}
	}
	b.Internal = map[string]any{"ci": object("event", j.event, "hosted", j.hosted, "name", string(system), "run_number", j.number)}
	d, _ := source.Descriptor()
	b.Dependencies = []provenance.ResourceDescriptor{d}
	return b, nil
}
