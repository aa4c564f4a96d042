package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/ci"
)

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
		add("BUILD_SOURCEVERSION", someCommit, "BUILD_REPOSITORY_URI", "https://dev.azure.com/octocat/hello")
	case "circleci":
		add("CIRCLE_REPOSITORY_URL", env["DD_GIT_REPOSITORY_URL"], "CIRCLE_REPOSITORY_URL", "https://github.com/octocat/hello")
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
		add("GIT_URL", env["GIT_URL_1"], "GIT_URL", env["DD_GIT_REPOSITORY_URL"], "GIT_URL", "https://github.com/octocat/hello", "GIT_COMMIT", someCommit)
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

func TestCIFixtures(t *testing.T) {
	used := make(map[string]bool)
	cases, same := 0, 0
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
			}
			if got == nil {
				same++
			}
			for _, g := range got {
				t.Logf("%s %d: %s", file, i, g)
			}
		}
	}
	_ = used
	t.Log(cases, same)
}
