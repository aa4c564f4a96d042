package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/ci"
)

// ciEnvironments are environments of jobs, one for each layout.
func ciEnvironments(commit string) map[string]map[string]string {
	return map[string]map[string]string{
		"gitlab": {
			"GITLAB_CI": "true", "CI_SERVER_URL": "https://gitlab.com", "CI_PROJECT_URL": "https://gitlab.com/octocat/hello", "CI_COMMIT_SHA": commit,
			"CI_COMMIT_TAG": "v1.2.3", "CI_JOB_NAME": "release", "CI_JOB_ID": "302", "CI_RUNNER_ID": "12", "CHANNEL": "stable",
		},
		"buildkite": {
			"BUILDKITE": "true", "BUILDKITE_REPO": "git@github.com:octocat/hello.git", "BUILDKITE_COMMIT": commit, "BUILDKITE_BRANCH": "main",
			"BUILDKITE_ORGANIZATION_SLUG": "octo", "BUILDKITE_PIPELINE_SLUG": "hello", "BUILDKITE_BUILD_NUMBER": "42", "BUILDKITE_JOB_ID": "1",
			"BUILDKITE_COMMAND": "make release", "BUILDKITE_COMPUTE_TYPE": "self-hosted",
		},
		"jenkins": {
			"JENKINS_URL": "https://jenkins.example.com/", "BUILD_NUMBER": "13", "BUILD_URL": "https://jenkins.example.com/job/hello/13/", "JOB_NAME": "hello",
			"GIT_URL": "git@github.com:octocat/hello.git", "GIT_COMMIT": commit, "GIT_BRANCH": "origin/main", "CHANNEL": "stable",
		},
	}
}

// ciFixtures returns the environments of the corpus with what others make of them,
// by the name of the file. Numbers in them are strings here, as in an environment.
func ciFixtures(t *testing.T) map[string][][2]map[string]string {
	t.Helper()
	all := make(map[string][][2]map[string]string)
	for _, name := range []string{
		"appveyor", "awscodepipeline", "azurepipelines", "bitbucket", "bitrise", "buddy", "buildkite", "circleci", "codefresh", "drone", "github", "gitlab",
		"jenkins", "teamcity", "travisci", "usersupplied",
	} {
		var raw [][2]map[string]any
		if err := json.Unmarshal(readProvenance(t, "ci-env-fixtures/"+name+".json"), &raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range raw {
			var texts [2]map[string]string
			for i, m := range c {
				texts[i] = make(map[string]string)
				for k, v := range m {
					texts[i][k] = fmt.Sprint(v)
				}
			}
			all[name] = append(all[name], texts)
		}
	}
	return all
}

// completed returns env with what every job of the system has and the fixtures of
// it lack.
func completed(file string, env map[string]string) map[string]string {
	env = maps.Clone(env)
	add := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			if env[pairs[i]] == "" {
				env[pairs[i]] = pairs[i+1]
			}
		}
	}
	switch file {
	case "azurepipelines":
		if env["DD_GIT_REPOSITORY_URL"] == "" {
			add("BUILD_SOURCEVERSION", someCommit, "BUILD_REPOSITORY_URI", "https://dev.azure.com/octocat/hello")
		}
	case "circleci":
		if env["DD_GIT_REPOSITORY_URL"] == "" {
			add("CIRCLE_REPOSITORY_URL", "https://github.com/octocat/hello")
		}
	case "github":
		add("GITHUB_ACTIONS", "true", "GITHUB_EVENT_NAME", "push", "GITHUB_RUN_ATTEMPT", "1", "GITHUB_REF", "refs/heads/master")
		if !strings.HasPrefix(env["GITHUB_REF"], "refs/") { // as it never is
			env["GITHUB_REF"] = "refs/heads/" + strings.TrimPrefix(env["GITHUB_REF"], "origin/")
		}
		add("GITHUB_WORKFLOW_REF", env["GITHUB_REPOSITORY"]+"/.github/workflows/x.yml@"+env["GITHUB_REF"])
	case "gitlab":
		add("CI_SERVER_URL", "https://gitlab.com")
	case "buildkite":
		add("BUILDKITE_ORGANIZATION_SLUG", "octocat", "BUILDKITE_BRANCH", env["BUILDKITE_TAG"], "BUILDKITE_BRANCH", "master", "BUILDKITE_REPO", "https://github.com/DataDog/userrepo")
	case "jenkins":
		if env["DD_GIT_REPOSITORY_URL"] == "" && env["GIT_URL_1"] == "" {
			add("GIT_URL", "https://github.com/octocat/hello")
		}
		if env["JENKINS_URL"] == "jenkins" { // as it never is
			env["JENKINS_URL"] = "https://jenkins.com/"
		}
	}
	return env
}

// fixtureSource is the source of a fixture by the tags that are given, and what
// the fixture's user says of it.
func fixtureSource(repository, tag, branch, commit string) provenance.Source {
	s := provenance.Source{Repository: provenance.RepositoryURL(repository), RepositoryFrom: provenance.Caller, CommitFrom: provenance.Caller}
	for _, prefix := range []string{"refs/heads/", "origin/"} { // theirs are short
		branch = strings.TrimPrefix(branch, prefix)
	}
	switch {
	case tag != "":
		s.Ref = "refs/tags/" + tag
	case branch != "":
		s.Ref = "refs/heads/" + branch
	}
	if d, err := hallmark.ParseDigest("gitCommit:" + commit); err == nil {
		s.Commit = d
	}
	return s
}

// A ciDifference is what the fixtures say otherwise, and why.
type ciDifference struct {
	file  string
	cases string // numbers and ranges
	got   string // what is found begins with it
	right string // "ours", "theirs" or "neither", and why
}

// ciDifferences are all differences from the fixtures that there may be.
func ciDifferences() []ciDifference {
	const (
		remote = "ours: no system but Jenkins writes the remote in front of a branch, and a branch may be called origin/master"
		tagRef = "ours: refs/heads/… is a branch, one called tags/0.1.0; theirs calls it a tag"
		badTag = "ours: a variable for tags has a ref that is no tag, which is refused rather than guessed at"
		prefix = "ours: no system writes a remote in front of a tag, and a tag may be called origin/tags/0.1.0"
		mark   = "ours: a path with an @ is no repository's: there could be a password before the @"
		told   = "neither: DD_GIT_ variables are another tool's; what the caller says has to agree with what the job says"
		none   = "ours: the system is not supported, and is not taken for a local build"
		merge  = "ours: the commit is the one of that ref; theirs has the ref of another commit"
		inJob  = "ours: the system merges the pull request in the job, and what is built is not the commit"
		token  = "ours: theirs is from CI_REPOSITORY_URL, in which a token is; in a job it is the same repository as CI_PROJECT_URL"
	)
	return []ciDifference{
		{"appveyor", "6", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"appveyor", "9", "ref , theirs refs/heads/pr", "ours: the commit is the one of the merge, whose ref is not known without the number"},
		{"appveyor", "10", "ref refs/tags/origin/tags/0.1.0, theirs refs/tags/0.1.0", prefix},
		{"appveyor", "11", "error: ci: APPVEYOR_REPO_TAG_NAME is a ref and no tag", badTag},
		{"azurepipelines", "1", "repository https://azure-pipelines-server-uri.com/build, theirs https://azure-pipelines-server-uri.com/pull", merge},
		{"azurepipelines", "2-6", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"azurepipelines", "9", "ref refs/heads/tags/0.1.0, theirs refs/tags/0.1.0", tagRef},
		{"azurepipelines", "10", "ref refs/heads/origin/master, theirs refs/heads/pr", merge},
		{"azurepipelines", "11", "ref refs/heads/master, theirs refs/heads/pr", merge},
		{"bitbucket", "2", "repository https://bitbucket-repo-url.com/repo, theirs https://github.com/DataDog/dummy-example", "ours: in a job both variables are of one repository; the one for HTTP has its host as it is"},
		{"bitbucket", "7", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"bitbucket", "9", "ref refs/tags/origin/tags/0.1.0, theirs refs/tags/0.1.0", prefix},
		{"bitbucket", "10", "error: ci: BITBUCKET_TAG is a ref and no tag", badTag},
		{"bitbucket", "11", "error: ci: the job is for the repository https://bitbucket-repo-url.com/repo, but the source is of https://github.com/DataDog/userrepo", told},
		{"bitbucket", "20", "error: ci: BITBUCKET_PR_ID is set", inJob},
		{"bitrise", "0-21", "error: ci: BITRISE_BUILD_SLUG is set: that system is not supported", none},
		{"buddy", "0-11", "error: ci: BUDDY is set: that system is not supported", none},
		{"buildkite", "12", "error: buildkite: BUILDKITE_TAG is a ref and no tag", badTag},
		{"buildkite", "13", "ref refs/heads/master, theirs refs/heads/user-supplied-branch", told},
		{"buildkite", "14", "ref refs/heads/master, theirs refs/tags/0.0.2", told},
		{"buildkite", "20", "error: buildkite: BUILDKITE_REPO is not the URL of a repository", mark},
		{"circleci", "0-5 9-11", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"circleci", "7", "ref refs/tags/origin/tags/0.1.0, theirs refs/tags/0.1.0", prefix},
		{"circleci", "8", "error: ci: CIRCLE_TAG is a ref and no tag", badTag},
		{"circleci", "19", "error: ci: CIRCLE_REPOSITORY_URL is not the URL of a repository", mark},
		{"codefresh", "0-5", "error: ci: CF_BUILD_ID is set: that system is not supported", none},
		{"drone", "1", "error: ci: DRONE_PULL_REQUEST is set", inJob},
		{"github", "9", "ref refs/heads/tags/0.1.0, theirs refs/tags/0.1.0", tagRef},
		{"github", "10-11", "ref refs/heads/master, theirs refs/heads/other", merge},
		{"github", "12", "ref refs/heads/master, theirs refs/heads/user-supplied-branch", told},
		{"github", "13", "ref refs/heads/master, theirs refs/tags/0.0.2", told},
		{"github", "12-13", "repository https://github.com/ghactions-repo, theirs https://github.com/DataDog/userrepo", told},
		{"github", "15-17", "error: github: GITHUB_SERVER_URL is not the https URL of a host", "ours: it has a password, which the variable of no job has; it is refused and not published"},
		{"gitlab", "0-4 9-16 18-19", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"gitlab", "0-6 8-15 18-19", "repository https://gitlab.com/repo, theirs http", token},
		{"gitlab", "6", "ref refs/tags/origin/tags/0.1.0, theirs refs/tags/0.1.0", prefix},
		{"gitlab", "7", "error: gitlab: CI_COMMIT_TAG is a ref and no tag", badTag},
		{"gitlab", "17", "ref refs/heads/origin/master, theirs refs/heads/user-supplied-branch", told},
		{"gitlab", "17", "repository https://gitlab.com/repo, theirs https://github.com/DataDog/userrepo", told},
		{"jenkins", "12", "ref refs/heads/tags/0.1.0, theirs refs/tags/0.1.0", tagRef},
		{"teamcity", "0", "error: ci: no variable of this system has the repository: name it in the source; ci: BUILD_VCS_NUMBER is not set", "ours: nothing says what the source is"},
		{"travisci", "0 13", "ref refs/tags/origin/tags/0.1.0, theirs refs/tags/0.1.0", prefix},
		{"travisci", "1", "error: ci: TRAVIS_TAG is a ref and no tag", badTag},
		{"travisci", "2-7", "ref refs/heads/origin/master, theirs refs/heads/master", remote},
		{"travisci", "9-10", "ref refs/heads/origin/other, theirs refs/heads/master", "ours: TRAVIS_PULL_REQUEST is false, so that the branch of a pull request counts for nothing"},
		{"travisci", "11", "ref refs/heads/origin/other, theirs refs/heads/feature/one", "ours: TRAVIS_PULL_REQUEST is false, so that the branch of a pull request counts for nothing"},
		{"travisci", "12", "error: ci: the job is for the repository https://github.com/user/repo, but the source is of https://github.com/DataDog/userrepo", told},
		{"travisci", "14", "ref refs/pull/42/merge, theirs refs/heads/pr", merge},
		{"usersupplied", "3", "ref refs/heads/tags/0.1.0, theirs refs/tags/0.1.0", tagRef},
		{"usersupplied", "10", "error: ci: this is no job of a CI system", mark},
	}
}

// numbers returns the numbers of "0-4 9".
func numbers(t *testing.T, ranges string) []int {
	t.Helper()
	var all []int
	for r := range strings.FieldsSeq(ranges) {
		from, to, ok := strings.Cut(r, "-")
		if !ok {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil {
			t.Fatalf("malformed range %q", r)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	return all
}

// The fixtures are environments of jobs with what others make of them.
func TestCIFixtures(t *testing.T) {
	// What is allowed to differ, by file, number and beginning.
	allowed := make(map[string]bool)
	for _, d := range ciDifferences() {
		for _, n := range numbers(t, d.cases) {
			allowed[fmt.Sprintf("%s %d: %s", d.file, n, d.got)] = false
		}
	}
	cases, same, observed := 0, 0, 0
	for file, fixtures := range ciFixtures(t) {
		for i, c := range fixtures {
			cases++
			env, tags := completed(file, c[0]), c[1]
			given := fixtureSource(env["DD_GIT_REPOSITORY_URL"], env["DD_GIT_TAG"], env["DD_GIT_BRANCH"], env["DD_GIT_COMMIT_SHA"])
			want := fixtureSource(tags["git.repository_url"], tags["git.tag"], tags["git.branch"], tags["git.commit.sha"])
			observer := ci.Observer{Source: given}
			b, err := observer.Observe(func(name string) string { return env[name] }, nil)
			if errors.Is(err, ci.ErrNoCI) && given.Repository != "" {
				b, err = provenance.Local(given), nil
			}
			var got []string
			if err != nil {
				got = append(got, "error: "+strings.ReplaceAll(err.Error(), "\n", "; "))
			} else {
				observed++
				s, _ := b.Source()
				if want.Repository != "" && s.Repository != want.Repository {
					got = append(got, "repository "+s.Repository+", theirs "+want.Repository)
				}
				if want.Ref != "" && s.Ref != want.Ref {
					got = append(got, "ref "+s.Ref+", theirs "+want.Ref)
				}
				if !want.Commit.IsZero() && s.Commit != want.Commit {
					got = append(got, "commit "+s.Commit.Hex()+", theirs "+want.Commit.Hex())
				}
				valid(t, fmt.Sprintf("%s %d", file, i), b)
			}
			if got == nil {
				same++
			}
			for _, g := range got {
				found := false
				for key := range allowed {
					if at := fmt.Sprintf("%s %d: ", file, i); strings.HasPrefix(key, at) && strings.HasPrefix(at+g, key) {
						allowed[key], found = true, true
					}
				}
				if !found {
					t.Errorf("%s %d: %s: no reason is known", file, i, g)
				}
			}
		}
	}
	for key, used := range allowed {
		if !used {
			t.Errorf("%s: there is no such difference any more", key)
		}
	}
	t.Logf("%d of %d fixtures observed, %d as theirs, %d with differences whose reason is known", observed, cases, same, cases-same)
	if cases != 247 || same < 120 {
		t.Errorf("%d fixtures, %d as theirs", cases, same)
	}
}

// valid takes b to a statement that the official types and ours find valid.
func valid(t *testing.T, name string, b *provenance.Build) []byte {
	t.Helper()
	if b.Builder == "" {
		b.Builder = "https://example.com/builder"
	}
	s, err := b.Statement(someArtifact(t))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil
	}
	if err := officialValidate(payload); err != nil {
		t.Errorf("%s: %v in %s", name, err, payload)
	}
	if ps := s.Validate(); ps != nil {
		t.Errorf("%s: our problems %v in %s", name, ps, payload)
	}
	return payload
}

// documentedVariables returns the variables that the documentation of the packages
// and of the build types names.
func documentedVariables(t *testing.T) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	name := regexp.MustCompile(`\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)*\b`)
	for _, file := range []string{
		"buildtypes/ci-job-v1.md", "buildtypes/gitlab-ci-v1.md", "buildkite/buildkite.go", "github/github.go", "gitlab/gitlab.go", "ci/ci.go",
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "provenance", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		documentation, _, _ := strings.Cut(string(text), "\npackage ")
		for _, n := range name.FindAllString(documentation, -1) {
			all[n] = true
		}
	}
	return all
}

// Nothing of a variable that the documentation does not name gets into a statement
// or an error, and nothing of a password in a URL. The same environment gives the
// same bytes.
func TestCISecrets(t *testing.T) {
	documented := documentedVariables(t)
	fixtures := ciFixtures(t)
	random := rand.New(rand.NewPCG(1, 2))

	// Every variable of every fixture is in every environment that has another
	// value for it, or none, unless it is documented.
	var names []string
	for _, cases := range fixtures {
		for _, c := range cases {
			names = append(names, slices.Collect(maps.Keys(c[0]))...)
		}
	}
	names = append(names, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_RUNTIME_TOKEN", "APPVEYOR_API_KEY", "AWS_SECRET_ACCESS_KEY",
		"BITBUCKET_STEP_OIDC_TOKEN", "BUILDKITE_AGENT_ACCESS_TOKEN", "CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "CI_BUILD_TOKEN", "CI_DEPLOY_PASSWORD", "CI_JOB_TOKEN",
		"CI_NETRC_PASSWORD", "CI_REGISTRY_PASSWORD", "CI_REPOSITORY_URL", "DRONE_NETRC_PASSWORD", "GITHUB_TOKEN", "HALLMARK_ID_TOKEN", "HOME", "SYSTEM_ACCESSTOKEN",
		"TEAMCITY_AUTH_PASSWORD", "TRAVIS_SECURE_ENV_VARS", "USER")
	for i := range 50 {
		names = append(names, fmt.Sprintf("OTHER_%d", i))
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return documented[name] || strings.HasPrefix(name, "DD_") })

	environments, passwords := 0, 0
	for _, file := range slices.Sorted(maps.Keys(fixtures)) {
		for i, c := range fixtures[file] {
			environments++
			env := completed(file, c[0])
			for _, name := range names {
				env[name] = fmt.Sprintf("hidden%016x", random.Uint64())
			}
			for name, v := range env { // a password where there can be one
				if scheme, rest, ok := strings.Cut(v, "://"); ok && documented[name] {
					if at := strings.LastIndexByte(rest, '@'); at >= 0 && !strings.Contains(rest[:at], "/") {
						rest = rest[at+1:]
					}
					env[name] = fmt.Sprintf("%s://user:hidden%016x@%s", scheme, random.Uint64(), rest)
					passwords++
				}
			}
			var first string
			for range 3 {
				b, err := ci.Observe(func(name string) string {
					if !documented[name] {
						t.Errorf("%s %d: %s is read, and the documentation does not name it", file, i, name)
					}
					return env[name]
				}, nil)
				out := fmt.Sprint(err)
				if err == nil {
					out = string(valid(t, fmt.Sprintf("%s %d", file, i), b))
				}
				if strings.Contains(out, "hidden") || strings.Contains(out, "user:") {
					t.Errorf("%s %d: a secret in %s", file, i, out)
				}
				if first != "" && first != out {
					t.Errorf("%s %d: %s\nand then %s", file, i, first, out)
				}
				first = out
			}
		}
	}
	t.Logf("%d environments with %d other variables and %d passwords", environments, len(names), passwords)
}

// Each system in the environment of each other one is an error, but for those that
// imitate GitHub Actions, which are what they are.
func TestCIAmbiguous(t *testing.T) {
	fixtures := ciFixtures(t)
	for a, first := range fixtures {
		for b, second := range fixtures {
			env := completed(a, first[0][0])
			system, err := ci.Detect(func(name string) string { return env[name] })
			if err != nil || system == ci.Local {
				continue // not supported, or no system
			}
			other := completed(b, second[0][0])
			system2, err := ci.Detect(func(name string) string { return other[name] })
			if err == nil && (system2 == system || system2 == ci.Local) {
				continue
			}
			maps.Copy(env, other)
			if got, err := ci.Detect(func(name string) string { return env[name] }); err == nil {
				t.Errorf("%s with %s is %s", a, b, got)
			}
		}
	}
	env := completed("github", fixtures["github"][0][0])
	for impostor, want := range map[string]ci.System{"ACT": ci.Act, "GITEA_ACTIONS": ci.Gitea, "FORGEJO_ACTIONS": ci.Forgejo} {
		env[impostor] = "true"
		if got, err := ci.Detect(func(name string) string { return env[name] }); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", impostor, got, err, want)
		}
		delete(env, impostor)
	}
}
