package gitlab_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gitlab"
)

const (
	commit  = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commit2 = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"
	sum     = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// job returns the environment of a job, with changes; an empty value takes a
// variable away. Secrets that every job has are in it too.
func job(changes ...string) map[string]string {
	return change(map[string]string{
		"GITLAB_CI":               "true",
		"CI_SERVER_URL":           "https://gitlab.com",
		"CI_PROJECT_URL":          "https://gitlab.com/octocat/hello",
		"CI_PROJECT_ID":           "20",
		"CI_PROJECT_NAMESPACE_ID": "72",
		"CI_COMMIT_SHA":           commit,
		"CI_COMMIT_REF_NAME":      "v1.2.3",
		"CI_COMMIT_TAG":           "v1.2.3",
		"CI_JOB_NAME":             "release",
		"CI_JOB_ID":               "302",
		"CI_PIPELINE_ID":          "574",
		"CI_PIPELINE_SOURCE":      "push",
		"CI_RUNNER_ID":            "12",
		"CHANNEL":                 "stable",

		"CI_REPOSITORY_URL": "https://gitlab-ci-token:secret-1@gitlab.com/octocat/hello.git",
		"CI_JOB_TOKEN":      "secret-2",
		"HALLMARK_ID_TOKEN": "secret-3",
		"DEPLOY_PASSWORD":   "secret-4",
	}, changes)
}

// token returns the claims of the same job, with changes.
func token(changes ...string) *provenance.Claims {
	return &provenance.Claims{Issuer: "https://gitlab.com", Values: change(map[string]string{
		"namespace_id":       "72",
		"namespace_path":     "octocat",
		"project_id":         "20",
		"project_path":       "octocat/hello",
		"user_login":         "secret-5",
		"pipeline_id":        "574",
		"pipeline_source":    "push",
		"job_id":             "302",
		"ref":                "v1.2.3",
		"ref_type":           "tag",
		"ref_path":           "refs/tags/v1.2.3",
		"runner_id":          "12", // a number in the token
		"runner_environment": "gitlab-hosted",
		"sha":                commit,
		"ci_config_ref_uri":  "gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3",
		"ci_config_sha":      commit,
	}, changes)}
}

func from(issuer string, c *provenance.Claims) *provenance.Claims {
	c.Issuer = issuer
	return c
}

func change(m map[string]string, changes []string) map[string]string {
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		if value == "" {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	return m
}

func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func app(t *testing.T) hallmark.Artifact {
	t.Helper()
	d, err := hallmark.ParseDigest("sha256:" + sum)
	if err != nil {
		t.Fatal(err)
	}
	return hallmark.Artifact{Name: "hello", Digests: []hallmark.Digest{d}}
}

// golden is the statement about app by the job with its claims.
const golden = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"hello","digest":{"sha256":"` + sum + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{` +
	`"buildDefinition":{"buildType":"https://hallmark-dev.github.io/buildtypes/gitlab-ci/v1",` +
	`"externalParameters":{"job":{"name":"release"},"pipeline":{"config":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3","ref":"refs/tags/v1.2.3","repository":"https://gitlab.com/octocat/hello"}},` +
	`"internalParameters":{"gitlab":{"namespace_id":"72","pipeline_id":"574","pipeline_source":"push","project_id":"20","runner_environment":"gitlab-hosted","runner_id":"12"}},` +
	`"resolvedDependencies":[{"uri":"git+https://gitlab.com/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"` + commit + `"}}]},` +
	`"runDetails":{"builder":{"id":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3"},` +
	`"metadata":{"invocationId":"https://gitlab.com/octocat/hello/-/jobs/302"}}}}`

func TestObserve(t *testing.T) {
	branch := []string{"refs/tags/v1.2.3", "refs/heads/main"}
	for _, c := range []struct {
		name      string
		env       map[string]string
		claims    *provenance.Claims
		variables []string
		replace   []string // what of golden is different, in pairs
	}{
		{name: "tag", env: job(), claims: token()},
		{
			name: "claims alone", claims: token(),
			env: map[string]string{"GITLAB_CI": "true", "CI_SERVER_URL": "https://gitlab.com", "CI_JOB_NAME": "release"},
		},
		{
			name: "environment alone", env: job(),
			replace: []string{
				`"config":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3",`, ``, `"runner_environment":"gitlab-hosted",`, ``,
				`"id":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3"`, `"id":"https://gitlab.com/octocat/hello/-/runners/12"`,
			},
		},
		{
			name: "branch", env: job("CI_COMMIT_TAG=", "CI_COMMIT_REF_NAME=main"), replace: branch,
			claims: token("ref=main", "ref_type=branch", "ref_path=refs/heads/main", "ci_config_ref_uri=gitlab.com/octocat/hello//.gitlab-ci.yml@refs/heads/main"),
		},
		{name: "token without ref_path", env: job(), claims: token("ref_path=")},
		{
			name: "branch with an @", env: job("CI_COMMIT_TAG=", "CI_COMMIT_REF_NAME=a@refs/b"), replace: []string{"refs/tags/v1.2.3", "refs/heads/a@refs/b"},
			claims: token("ref_path=refs/heads/a@refs/b", "ci_config_ref_uri=gitlab.com/octocat/hello//.gitlab-ci.yml@refs/heads/a@refs/b"),
		},
		{
			name: "instance below a path", env: job("CI_SERVER_URL=https://git.example.com/gl/", "CI_PROJECT_URL=https://git.example.com/gl/octocat/hello"),
			claims:  from("https://git.example.com/gl", token("ci_config_ref_uri=git.example.com/gl/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3")),
			replace: []string{"https://gitlab.com/", "https://git.example.com/gl/"},
		},
		{
			name: "configuration of another project", env: job(), claims: token("ci_config_ref_uri=gitlab.com/octocat/ci//go.yml@refs/heads/main", "ci_config_sha="+commit2),
			replace: []string{
				"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3", "https://gitlab.com/octocat/ci//go.yml@refs/heads/main",
				`"` + commit + `"}}]`, `"` + commit + `"}},{"uri":"git+https://gitlab.com/octocat/ci@refs/heads/main","digest":{"gitCommit":"` + commit2 + `"}}]`,
			},
		},
		{
			name: "no configuration in the token", env: job(), claims: token("ci_config_ref_uri=", "ci_config_sha="),
			replace: []string{
				`"config":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3",`, ``,
				`"id":"https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3"`, `"id":"https://gitlab.com/octocat/hello/-/runners/12"`,
			},
		},
		{
			name:   "merge request from a fork",
			env:    job("CI_COMMIT_TAG=", "CI_COMMIT_REF_NAME=fix", "CI_MERGE_REQUEST_SOURCE_PROJECT_URL=https://gitlab.com/mona/hello", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID=21", "CI_MERGE_REQUEST_EVENT_TYPE=detached", "CI_PIPELINE_SOURCE=merge_request_event"),
			claims: token("project_path=mona/hello", "project_id=21", "namespace_id=73", "ref_path=refs/heads/fix", "pipeline_source=merge_request_event", "ci_config_ref_uri=gitlab.com/octocat/hello//.gitlab-ci.yml@refs/heads/fix"),
			replace: []string{
				`"repository":"https://gitlab.com/octocat/hello"`, `"repository":"https://gitlab.com/mona/hello"`, "git+https://gitlab.com/octocat/hello@", "git+https://gitlab.com/mona/hello@",
				"refs/tags/v1.2.3", "refs/heads/fix", `"project_id":"20"`, `"project_id":"21"`, `"namespace_id":"72"`, `"namespace_id":"73"`, `"push"`, `"merge_request_event"`,
			},
		},
		{
			name: "variables", env: job(), claims: token(), variables: []string{"CHANNEL", "NOT_SET"},
			replace: []string{`"repository":"https://gitlab.com/octocat/hello"}}`, `"repository":"https://gitlab.com/octocat/hello"},"variables":{"CHANNEL":"stable"}}`},
		},
		{name: "SHA-256 repository", env: job("CI_COMMIT_SHA=" + sum), claims: token("sha="+sum, "ci_config_sha="+sum), replace: []string{commit, sum}},
		{name: "self-hosted", env: job(), claims: token("runner_environment=self-hosted"), replace: []string{"gitlab-hosted", "self-hosted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := gitlab.Observer{Variables: c.variables}
			b, err := o.Observe(getenv(c.env), c.claims)
			if err != nil {
				t.Fatal(err)
			}
			s, err := b.Statement(app(t))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			want := golden
			for i := 0; i < len(c.replace); i += 2 {
				if !strings.Contains(want, c.replace[i]) {
					t.Fatalf("%q is not in %s", c.replace[i], want)
				}
				want = strings.ReplaceAll(want, c.replace[i], c.replace[i+1])
			}
			if string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if ps := s.Validate(); ps != nil {
				t.Errorf("problems %v", ps)
			}
			source, parameter := b.Source()
			if parameter != "pipeline" || source.Repository == "" || source.Ref == "" || source.Commit.IsZero() {
				t.Errorf("source %+v by %q", source, parameter)
			}
			if strings.Contains(string(got), "secret") {
				t.Errorf("a secret in %s", got)
			}
		})
	}
}

func TestObserveEvidence(t *testing.T) {
	fork := []string{"CI_MERGE_REQUEST_SOURCE_PROJECT_URL=https://gitlab.com/mona/hello", "CI_COMMIT_TAG=", "CI_COMMIT_REF_NAME=fix", "CI_PROJECT_ID="}
	for _, c := range []struct {
		name   string
		env    map[string]string
		claims *provenance.Claims
		want   string
	}{
		{"environment", job(), nil, "builder:environment external.job.name:environment invocation:environment source.commit:environment source.ref:environment source.repository:environment"},
		{"claims", job(), token(), "builder:claim external.job.name:environment external.pipeline.config:claim invocation:claim source.commit:claim source.ref:claim source.repository:claim"},
		{"runner of the token", job(), token("ci_config_ref_uri="), "builder:claim external.job.name:environment invocation:claim source.commit:claim source.ref:claim source.repository:claim"},
		{
			"fork", job(fork...), token("project_path=mona/hello", "ref_path=refs/heads/fix", "ci_config_ref_uri="),
			"builder:environment external.job.name:environment invocation:environment source.commit:claim source.ref:claim source.repository:claim",
		},
	} {
		b, err := gitlab.Observe(getenv(c.env), c.claims)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, path := range slices.Sorted(maps.Keys(b.Evidence)) {
			if !strings.HasPrefix(path, "internal.") {
				got = append(got, fmt.Sprintf("%s:%s", path, b.Evidence[path]))
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: evidence\n%s, want\n%s", c.name, g, c.want)
		}
	}
}

func TestObserveRefuses(t *testing.T) {
	for _, c := range []struct {
		name      string
		env       map[string]string
		claims    *provenance.Claims
		variables []string
		want      []string // each of the errors contains it, in this order
	}{
		{"nothing", nil, nil, nil, []string{"GITLAB_CI is not set: this is no job of GitLab CI/CD"}},
		{"false", job("GITLAB_CI=false"), nil, nil, []string{"GITLAB_CI is not set"}},
		{"no variables", map[string]string{"GITLAB_CI": "true"}, nil, nil, []string{
			"CI_SERVER_URL is not set", "CI_PROJECT_URL is not set", "CI_COMMIT_SHA is not set", "CI_COMMIT_REF_NAME is not set",
			"CI_JOB_NAME is not set", "CI_JOB_ID is not set",
		}},
		{"no claims in the token", job(), &provenance.Claims{Issuer: "https://gitlab.com"}, nil, []string{
			"the token has no claim project_path", "the token has no claim sha", "the token has no claim ref_path", "the token has no claim job_id",
		}},
		{"another commit", job("CI_COMMIT_SHA=" + commit2), token(), nil, []string{`CI_COMMIT_SHA is "` + commit2 + `", but the token's claim sha is "` + commit + `"`}},
		{"another everything", job("CI_PROJECT_URL=https://gitlab.com/a/b", "CI_COMMIT_TAG=c", "CI_JOB_ID=d", "CI_PROJECT_NAMESPACE_ID=e", "CI_PIPELINE_ID=f", "CI_PIPELINE_SOURCE=g", "CI_PROJECT_ID=h", "CI_RUNNER_ID=i"), token(), nil, []string{
			"but the token's claim project_path", "but the token's claim ref_path", "but the token's claim job_id", "but the token's claim namespace_id", "but the token's claim pipeline_id",
			"but the token's claim pipeline_source", "but the token's claim project_id", "but the token's claim runner_id",
		}},
		{"no issuer", job(), from("", token()), nil, []string{`the token's issuer "" does not speak for jobs on https://gitlab.com`}},
		{"issuer that goes on", job(), from("https://gitlab.com.evil", token()), nil, []string{"does not speak"}},
		{"issuer with a slash", job(), from("https://gitlab.com/", token()), nil, []string{"does not speak"}},
		{"issuer of another instance", job(), from("https://git.example.com", token()), nil, []string{"does not speak"}},
		{"project of another instance", job("CI_PROJECT_URL=https://git.example.com/octocat/hello"), token(), nil, []string{"but the token's claim project_path"}},
		{"server with a password", job("CI_SERVER_URL=https://user:secret-6@gitlab.com"), nil, nil, []string{"CI_SERVER_URL is not the http or https URL of a server"}},
		{"project that is no URL", job("CI_PROJECT_URL=secret-6"), nil, nil, []string{"CI_PROJECT_URL is not the URL of a project"}},
		{"project above the server", job("CI_PROJECT_URL="), token("project_path=../../evil"), nil, []string{"the claim project_path is not the URL of a project"}},
		{"project with an empty name in its path", job("CI_PROJECT_URL=https://gitlab.com/octocat//hello"), nil, nil, []string{"CI_PROJECT_URL is not the URL of a project"}},
		{"merged results", job("CI_MERGE_REQUEST_EVENT_TYPE=merged_result"), token(), nil, []string{`CI_MERGE_REQUEST_EVENT_TYPE is "merged_result": the commit is a merge that no branch has`}},
		{"merge train", job("CI_MERGE_REQUEST_EVENT_TYPE=merge_train"), nil, nil, []string{"the commit is a merge that no branch has"}},
		{"short commit", job("CI_COMMIT_SHA=283bf967"), nil, nil, []string{`commit: malformed digest "gitCommit:283bf967"`}},
		{"tag that is a branch", job("CI_COMMIT_TAG=refs/heads/main"), nil, nil, []string{"CI_COMMIT_TAG is a ref and no tag"}},
		{"ref that git does not have", job("CI_COMMIT_TAG=", "CI_COMMIT_REF_NAME=a..b"), nil, nil, []string{"CI_COMMIT_REF_NAME is not a name that a ref can have"}},
		{"short ref in the token", job(), token("ref_path=v1.2.3"), nil, []string{"the claim ref_path is not the full name of a ref"}},
		{"run that is a path", job("CI_JOB_ID=3/../4"), nil, nil, []string{"CI_JOB_ID is not of letters, digits"}},
		{"configuration of another host", job(), token("ci_config_ref_uri=evil.example/octocat/hello//.gitlab-ci.yml@refs/tags/v1.2.3"), nil, []string{"is not of a file on https://gitlab.com, at a ref"}},
		{"configuration without a ref", job(), token("ci_config_ref_uri=gitlab.com/octocat/hello//.gitlab-ci.yml"), nil, []string{"at a ref"}},
		{"configuration without a path", job(), token("ci_config_ref_uri=gitlab.com/octocat/hello//@refs/tags/v1.2.3"), nil, []string{"at a ref"}},
		{"two commits of one ref", job(), token("ci_config_sha=" + commit2), nil, []string{"the claims sha and ci_config_sha are two commits of git+https://gitlab.com/octocat/hello@refs/tags/v1.2.3"}},
		{"commit of the configuration", job(), token("ci_config_ref_uri=gitlab.com/a/b//c@refs/heads/d", "ci_config_sha=HEAD"), nil, []string{"the claim ci_config_sha: malformed digest"}},
		{"variable with the name of a secret", job(), nil, []string{"DEPLOY_PASSWORD"}, []string{`the parameter "DEPLOY_PASSWORD" has the name of a secret`}},
		{"variable with a secret", job("CHANNEL=glpat-secret678901"), nil, []string{"CHANNEL"}, []string{`the value of the parameter "CHANNEL" has the form of a secret`}},
		{"too many variables", job(), nil, slices.Repeat([]string{"CHANNEL"}, gitlab.MaxVariables+1), []string{"101 parameters, want 100 at most"}},
		{"long value", job("CI_JOB_NAME=" + strings.Repeat("x", 5000)), nil, nil, []string{"CI_JOB_NAME has more than 4096 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := gitlab.Observer{Variables: c.variables}
			b, err := o.Observe(getenv(c.env), c.claims)
			if err == nil || b != nil {
				t.Fatalf("build %v, error %v, want %q", b, err, c.want)
			}
			if strings.Contains(err.Error(), "secret-") || strings.Contains(err.Error(), "secret6") {
				t.Errorf("error %q has a secret", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("%d errors, want %d:\n%s", len(lines), len(c.want), err)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], "gitlab: ") || !strings.Contains(lines[i], want) {
					t.Errorf("error %q, want %q", lines[i], want)
				}
			}
		})
	}
	if _, err := gitlab.Observe(nil, nil); err == nil || err.Error() != "gitlab: no getenv" {
		t.Errorf("no getenv: error %v", err)
	}
}

// The text behind BuildType shows what is emitted.
func TestBuildTypeExample(t *testing.T) {
	text, err := os.ReadFile("../buildtypes/gitlab-ci-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(example, "\n```")
	if !ok || !strings.Contains(string(text), "`"+gitlab.BuildType+"`") {
		t.Fatal("the text has no example, or does not name the type")
	}
	o := gitlab.Observer{Variables: []string{"CHANNEL"}}
	b, err := o.Observe(getenv(job()), token())
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	if example != want.String() {
		t.Errorf("the example is\n%s\nand emitted is\n%s", example, &want)
	}
}

// Whatever is in an environment and a token, there is no panic, the same result
// each time, and a Build only of what can be described.
func FuzzObserve(f *testing.F) {
	text := func(m map[string]string) string {
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(m)) {
			lines = append(lines, name+"="+m[name])
		}
		return strings.Join(lines, "\n")
	}
	f.Add(text(job()), text(token().Values), "https://gitlab.com", true)
	f.Add(text(job("CI_COMMIT_TAG=")), "", "", false)
	f.Fuzz(func(t *testing.T, env, values, issuer string, claimed bool) {
		var claims *provenance.Claims
		if claimed {
			claims = &provenance.Claims{Issuer: issuer, Values: change(map[string]string{}, strings.Split(values, "\n"))}
		}
		environment := change(map[string]string{}, strings.Split(env, "\n"))
		b, err := gitlab.Observe(getenv(environment), claims)
		b2, err2 := gitlab.Observe(getenv(environment), claims)
		if fmt.Sprint(err) != fmt.Sprint(err2) || fmt.Sprintf("%+v", b) != fmt.Sprintf("%+v", b2) {
			t.Fatalf("%+v, %v and then %+v, %v", b, err, b2, err2)
		}
		if err != nil {
			return
		}
		source, _ := b.Source()
		if source.Repository == "" || source.Ref == "" || source.Commit.IsZero() || b.Invocation == "" {
			t.Errorf("build %+v", b)
		}
	})
}
