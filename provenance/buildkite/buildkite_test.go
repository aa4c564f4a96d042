package buildkite_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/buildkite"
)

const (
	commit  = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commit2 = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"
	sum     = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	issuer  = "https://agent.buildkite.com"
)

// job returns the environment of a job, with changes; an empty value takes a
// variable away. Secrets that every job has are in it too.
func job(changes ...string) map[string]string {
	return change(map[string]string{
		"BUILDKITE":                   "true",
		"BUILDKITE_REPO":              "git@github.com:octocat/hello.git",
		"BUILDKITE_COMMIT":            commit,
		"BUILDKITE_BRANCH":            "main",
		"BUILDKITE_TAG":               "v1.2.3",
		"BUILDKITE_ORGANIZATION_SLUG": "octo",
		"BUILDKITE_ORGANIZATION_ID":   "o-1",
		"BUILDKITE_PIPELINE_SLUG":     "hello",
		"BUILDKITE_PIPELINE_ID":       "p-1",
		"BUILDKITE_BUILD_ID":          "b-1",
		"BUILDKITE_BUILD_NUMBER":      "42",
		"BUILDKITE_JOB_ID":            "j-1",
		"BUILDKITE_STEP_ID":           "s-1",
		"BUILDKITE_STEP_KEY":          "release",
		"BUILDKITE_COMMAND":           "make release",
		"BUILDKITE_COMPUTE_TYPE":      "hosted",
		"BUILDKITE_PULL_REQUEST":      "false",
		"BUILDKITE_COMMIT_RESOLVED":   "true",

		"BUILDKITE_AGENT_ACCESS_TOKEN": "secret-1",
		"HALLMARK_ID_TOKEN":            "secret-2",
		"DEPLOY_PASSWORD":              "secret-3",
	}, changes)
}

// token returns the claims of the same job, with changes.
func token(changes ...string) *provenance.Claims {
	return &provenance.Claims{Issuer: issuer, Values: change(map[string]string{
		"organization_slug":  "octo",
		"organization_id":    "o-1",
		"pipeline_slug":      "hello",
		"pipeline_id":        "p-1",
		"build_id":           "b-1",
		"build_number":       "42",
		"build_branch":       "main",
		"build_tag":          "v1.2.3",
		"build_commit":       commit,
		"build_source":       "webhook",
		"step_key":           "release",
		"job_id":             "j-1",
		"agent_id":           "secret-4",
		"runner_environment": "buildkite-hosted",
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
	`"buildDefinition":{"buildType":"https://buildkite.github.io/slsa-buildtypes/job/v1",` +
	`"externalParameters":{"build":{"branch":"main","commit":"` + commit + `","tag":"v1.2.3"},"job":{"id":"j-1"},"pipeline":"https://buildkite.com/octo/hello","repository":"https://github.com/octocat/hello","step":{"command":"make release","id":"s-1","key":"release"}},` +
	`"internalParameters":{"buildkite":{"build_id":"b-1","build_number":"42","organization_id":"o-1","pipeline_id":"p-1","runner_environment":"buildkite-hosted"}},` +
	`"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"` + commit + `"}}]},` +
	`"runDetails":{"builder":{"id":"https://buildkite.com/octo/hello"},` +
	`"metadata":{"invocationId":"https://buildkite.com/octo/hello/builds/42#j-1"}}}}`

func TestObserve(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     map[string]string
		claims  *provenance.Claims
		replace []string // what of golden is different, in pairs
	}{
		{name: "tag", env: job(), claims: token()},
		{name: "environment alone", env: job()},
		{
			name: "branch", env: job("BUILDKITE_TAG="), claims: token("build_tag="),
			replace: []string{`,"tag":"v1.2.3"`, ``, "refs/tags/v1.2.3", "refs/heads/main"},
		},
		{
			name: "what a job must have", claims: token("organization_id=", "pipeline_id=", "build_id=", "step_key=", "runner_environment="),
			env: map[string]string{"BUILDKITE": "true", "BUILDKITE_REPO": "https://user:secret-5@github.com/octocat/hello/"},
			replace: []string{
				`,"step":{"command":"make release","id":"s-1","key":"release"}`, ``,
				`"build_id":"b-1",`, ``, `,"organization_id":"o-1","pipeline_id":"p-1","runner_environment":"buildkite-hosted"`, ``,
			},
		},
		{
			name: "pull request of the repository", claims: token("build_tag="),
			env:     job("BUILDKITE_TAG=", "BUILDKITE_PULL_REQUEST=42", "BUILDKITE_PULL_REQUEST_REPO=git://github.com/octocat/hello.git"),
			replace: []string{`,"tag":"v1.2.3"`, ``, "refs/tags/v1.2.3", "refs/heads/main"},
		},
		{name: "self-hosted", env: job("BUILDKITE_COMPUTE_TYPE=self-hosted"), claims: token("runner_environment=self-hosted"), replace: []string{"buildkite-hosted", "self-hosted"}},
		{name: "SHA-256 repository", env: job("BUILDKITE_COMMIT=" + sum), claims: token("build_commit=" + sum), replace: []string{commit, sum}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := buildkite.Observe(getenv(c.env), c.claims)
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
			if parameter != "" || source.Repository != "https://github.com/octocat/hello" || source.Ref == "" || source.Commit.IsZero() {
				t.Errorf("source %+v by %q", source, parameter)
			}
			if strings.Contains(string(got), "secret") {
				t.Errorf("a secret in %s", got)
			}
		})
	}
}

// Whatever is added, the source is the first dependency.
func TestObserveSourceFirst(t *testing.T) {
	b, err := buildkite.Observe(getenv(job()), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{Name: "a file", Digest: provenance.DigestSet{"sha256": sum}})
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/tags/v1.2.3",`; !strings.Contains(string(s.Predicate), want) {
		t.Errorf("%s is not in %s", want, s.Predicate)
	}
}

func TestObserveEvidence(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims *provenance.Claims
		want   string
	}{
		{"environment", nil, "builder:environment invocation:environment source.commit:environment source.ref:environment source.repository:environment"},
		{"claims", token(), "builder:claim invocation:claim source.commit:claim source.ref:claim source.repository:environment"},
		{"claims of a branch", token("build_tag="), "builder:claim invocation:claim source.commit:claim source.ref:claim source.repository:environment"},
	} {
		env := job()
		if c.claims != nil && c.claims.Values["build_tag"] == "" {
			env = job("BUILDKITE_TAG=")
		}
		b, err := buildkite.Observe(getenv(env), c.claims)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, path := range slices.Sorted(maps.Keys(b.Evidence)) {
			if !strings.HasPrefix(path, "internal.") && !strings.HasPrefix(path, "external.") {
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
		name   string
		env    map[string]string
		claims *provenance.Claims
		want   []string // each of the errors contains it, in this order
	}{
		{"nothing", nil, nil, []string{"BUILDKITE is not set: this is no job of Buildkite"}},
		{"no variables", map[string]string{"BUILDKITE": "true"}, nil, []string{
			"BUILDKITE_REPO is not set", "BUILDKITE_COMMIT is not set", "BUILDKITE_BRANCH is not set", "BUILDKITE_ORGANIZATION_SLUG is not set",
			"BUILDKITE_PIPELINE_SLUG is not set", "BUILDKITE_BUILD_NUMBER is not set", "BUILDKITE_JOB_ID is not set",
		}},
		{"no claims in the token", job(), &provenance.Claims{Issuer: issuer}, []string{
			"the token has no claim build_commit", "the token has no claim build_branch", "the token has no claim organization_slug",
			"the token has no claim pipeline_slug", "the token has no claim build_number", "the token has no claim job_id",
		}},
		{"HEAD", job("BUILDKITE_COMMIT=HEAD", "BUILDKITE_COMMIT_RESOLVED=false"), nil, []string{"the commit is HEAD, which is none"}},
		{"HEAD in the token", job("BUILDKITE_COMMIT=HEAD"), token("build_commit=HEAD"), []string{"the commit is HEAD, which is none"}},
		{"resolved since the token was made", job(), token("build_commit=HEAD"), []string{`BUILDKITE_COMMIT is "` + commit + `", but the token's claim build_commit is "HEAD"`, "the commit is HEAD"}},
		{"short commit", job("BUILDKITE_COMMIT=283bf96"), nil, []string{`commit: malformed digest "gitCommit:283bf96"`}},
		{"another everything", job(
			"BUILDKITE_COMMIT="+commit2, "BUILDKITE_TAG=a", "BUILDKITE_BRANCH=b", "BUILDKITE_ORGANIZATION_SLUG=c", "BUILDKITE_PIPELINE_SLUG=d", "BUILDKITE_BUILD_NUMBER=e", "BUILDKITE_JOB_ID=f",
			"BUILDKITE_STEP_KEY=g", "BUILDKITE_BUILD_ID=h", "BUILDKITE_ORGANIZATION_ID=i", "BUILDKITE_PIPELINE_ID=j", "BUILDKITE_COMPUTE_TYPE=self-hosted",
		), token(), []string{
			"token's claim build_commit", "token's claim build_tag", "token's claim build_branch", "token's claim organization_slug", "token's claim pipeline_slug",
			"token's claim build_number", "token's claim job_id", "token's claim step_key", "token's claim build_id",
			"token's claim organization_id", "token's claim pipeline_id", "token's claim runner_environment",
		}},
		{"no issuer", job(), from("", token()), []string{`the token's issuer "" does not speak for jobs of Buildkite`}},
		{"issuer that goes on", job(), from(issuer+".evil", token()), []string{"does not speak"}},
		{"repository that is a path", job("BUILDKITE_REPO=/home/secret-6"), nil, []string{"BUILDKITE_REPO is not the URL of a repository"}},
		{"pull request from a fork", job("BUILDKITE_PULL_REQUEST_REPO=git://github.com/mona/secret-6.git"), nil, []string{"BUILDKITE_PULL_REQUEST_REPO is another repository than BUILDKITE_REPO"}},
		{"merge", job("BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC=true"), token(), []string{"BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC is true: what is built is a merge"}},
		{"pipeline that is a path", job("BUILDKITE_PIPELINE_SLUG=../evil"), nil, []string{"BUILDKITE_PIPELINE_SLUG is not of letters, digits"}},
		{"tag that is a branch", job("BUILDKITE_TAG=refs/heads/main"), nil, []string{"BUILDKITE_TAG is a ref and no tag"}},
		{"branch that is a tag", job("BUILDKITE_BRANCH=refs/tags/v1"), nil, []string{"BUILDKITE_BRANCH is a ref and no branch"}},
		{"fork's branch", job("BUILDKITE_BRANCH=mona:main"), nil, []string{"BUILDKITE_BRANCH is not a name that a ref can have"}},
		{"secret in the command", job("BUILDKITE_COMMAND=curl https://user:secret-6@example.com"), nil, []string{"BUILDKITE_COMMAND has the form of a secret in it"}},
		{"compute type", job("BUILDKITE_COMPUTE_TYPE=secret-6"), nil, []string{"BUILDKITE_COMPUTE_TYPE is neither buildkite-hosted nor self-hosted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := buildkite.Observe(getenv(c.env), c.claims)
			if err == nil || b != nil {
				t.Fatalf("build %v, error %v, want %q", b, err, c.want)
			}
			if strings.Contains(err.Error(), "secret-") {
				t.Errorf("error %q has a secret", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("%d errors, want %d:\n%s", len(lines), len(c.want), err)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], "buildkite: ") || !strings.Contains(lines[i], want) {
					t.Errorf("error %q, want %q", lines[i], want)
				}
			}
		})
	}
	if _, err := buildkite.Observe(nil, nil); err == nil || err.Error() != "buildkite: no getenv" {
		t.Errorf("no getenv: error %v", err)
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
	f.Add(text(job()), text(token().Values), issuer, true)
	f.Add(text(job("BUILDKITE_TAG=")), "", "", false)
	f.Fuzz(func(t *testing.T, env, values, issuer string, claimed bool) {
		var claims *provenance.Claims
		if claimed {
			claims = &provenance.Claims{Issuer: issuer, Values: change(map[string]string{}, strings.Split(values, "\n"))}
		}
		environment := change(map[string]string{}, strings.Split(env, "\n"))
		b, err := buildkite.Observe(getenv(environment), claims)
		b2, err2 := buildkite.Observe(getenv(environment), claims)
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
