package github_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
)

const (
	commit = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	sum    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	issuer = "https://token.actions.githubusercontent.com"
)

// job returns the environment of a job, with changes; an empty value takes a
// variable away. Secrets that every job has are in it too.
func job(changes ...string) map[string]string {
	return change(map[string]string{
		"GITHUB_ACTIONS":             "true",
		"GITHUB_SERVER_URL":          "https://github.com",
		"GITHUB_REPOSITORY":          "octocat/hello",
		"GITHUB_REPOSITORY_ID":       "1",
		"GITHUB_REPOSITORY_OWNER_ID": "2",
		"GITHUB_SHA":                 commit,
		"GITHUB_REF":                 "refs/tags/v1.2.3",
		"GITHUB_WORKFLOW_REF":        "octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3",
		"GITHUB_EVENT_NAME":          "push",
		"GITHUB_RUN_ID":              "3",
		"GITHUB_RUN_ATTEMPT":         "4",
		"RUNNER_ENVIRONMENT":         "github-hosted",

		"GITHUB_TOKEN":                   "secret-1",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret-2",
		"ACTIONS_ID_TOKEN_REQUEST_URL":   "https://secret-3.example",
		"ACTIONS_RUNTIME_TOKEN":          "secret-4",
		"DEPLOY_PASSWORD":                "secret-5",
	}, changes)
}

// token returns the claims of the same job, which runs in a reusable workflow,
// with changes.
func token(changes ...string) *provenance.Claims {
	return &provenance.Claims{Issuer: issuer, Values: change(map[string]string{
		"repository":          "octocat/hello",
		"repository_id":       "1",
		"repository_owner_id": "2",
		"sha":                 commit,
		"ref":                 "refs/tags/v1.2.3",
		"workflow_ref":        "octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3",
		"job_workflow_ref":    "octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0",
		"event_name":          "push",
		"run_id":              "3",
		"run_attempt":         "4",
		"runner_environment":  "github-hosted",
		"actor":               "somebody",
	}, changes)}
}

// from returns c as issued by another issuer.
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
	return hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{d}}
}

// golden is the statement about app by the job with its claims.
const golden = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"` + sum + `"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{` +
	`"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",` +
	`"externalParameters":{"workflow":{"path":".github/workflows/release.yml","ref":"refs/tags/v1.2.3","repository":"https://github.com/octocat/hello"}},` +
	`"internalParameters":{"github":{"event_name":"push","repository_id":"1","repository_owner_id":"2","runner_environment":"github-hosted"}},` +
	`"resolvedDependencies":[{"uri":"git+https://github.com/octocat/hello@refs/tags/v1.2.3","digest":{"gitCommit":"` + commit + `"}}]},` +
	`"runDetails":{"builder":{"id":"https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0"},` +
	`"metadata":{"invocationId":"https://github.com/octocat/hello/actions/runs/3/attempts/4"}}}}`

func TestObserve(t *testing.T) {
	// What of golden a case replaces, in pairs. The golden statement is written
	// if the Build has a builder or is given one.
	for _, c := range []struct {
		name    string
		env     map[string]string
		claims  *provenance.Claims
		builder string // named by the caller
		replace []string
	}{
		{name: "reusable workflow", env: job(), claims: token()},
		{
			name: "workflow of the repository", env: job(), claims: token("job_workflow_ref=octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3"),
			replace: []string{"octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0", "octocat/hello/.github/workflows/release.yml@refs/tags/v1.2.3"},
		},
		{
			name: "environment alone", env: job(),
			builder: "https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0",
		},
		{
			name: "claims alone", claims: token(),
			env: map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com"},
		},
		{
			name: "an old runner", env: job("RUNNER_ENVIRONMENT=", "GITHUB_REPOSITORY_ID=", "GITHUB_REPOSITORY_OWNER_ID="),
			builder: "https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0",
			replace: []string{`,"repository_id":"1","repository_owner_id":"2","runner_environment":"github-hosted"`, ""},
		},
		{
			name: "enterprise", env: job(), claims: from(issuer+"/hammer-time", token()),
		},
		{
			name: "data residency", env: job("GITHUB_SERVER_URL=https://octo.ghe.com"), claims: from("https://token.actions.octo.ghe.com", token()),
			replace: []string{"https://github.com/", "https://octo.ghe.com/"},
		},
		{
			name: "enterprise server", env: job("GITHUB_SERVER_URL=https://git.example.com/"), claims: from("https://git.example.com/_services/token", token()),
			replace: []string{"https://github.com/", "https://git.example.com/"},
		},
		{
			name: "enterprise server on a port", env: job("GITHUB_SERVER_URL=https://git.example.com:8443"), claims: from("https://git.example.com:8443/_services/token", token()),
			replace: []string{"https://github.com/", "https://git.example.com:8443/"},
		},
		{
			name: "path with an @", claims: token("workflow_ref=octocat/hello/.github/workflows/a@b@refs/tags/v1.2.3.yml@refs/tags/v1.2.3"),
			env:     job("GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/a@b@refs/tags/v1.2.3.yml@refs/tags/v1.2.3"),
			replace: []string{".github/workflows/release.yml", ".github/workflows/a@b@refs/tags/v1.2.3.yml"},
		},
		{
			name: "ref with an @", claims: token("ref=refs/tags/app@1.2.3", "workflow_ref=octocat/hello/.github/workflows/release.yml@refs/tags/app@1.2.3"),
			env:     job("GITHUB_REF=refs/tags/app@1.2.3", "GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/release.yml@refs/tags/app@1.2.3"),
			replace: []string{`"ref":"refs/tags/v1.2.3"`, `"ref":"refs/tags/app@1.2.3"`, "hello@refs/tags/v1.2.3", "hello@refs/tags/app@1.2.3"},
		},
		{
			name: "SHA-256 repository", env: job("GITHUB_SHA=" + sum), claims: token("sha=" + sum),
			replace: []string{commit, sum},
		},
		{name: "create", env: job("GITHUB_EVENT_NAME=create"), claims: token("event_name=create"), replace: []string{`"push"`, `"create"`}},
		{name: "release", env: job("GITHUB_EVENT_NAME=release"), claims: token("event_name=release"), replace: []string{`"push"`, `"release"`}},
		{name: "workflow_dispatch", env: job("GITHUB_EVENT_NAME=workflow_dispatch"), claims: token("event_name=workflow_dispatch"), replace: []string{`"push"`, `"workflow_dispatch"`}},
		{name: "self-hosted", env: job("RUNNER_ENVIRONMENT=self-hosted"), claims: token("runner_environment=self-hosted"), replace: []string{"github-hosted", "self-hosted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := github.Observe(getenv(c.env), c.claims)
			if err != nil {
				t.Fatal(err)
			}
			if c.claims == nil {
				if b.Builder != "" {
					t.Errorf("builder %q, want none without claims", b.Builder)
				}
				if s, err := b.Statement(app(t)); err == nil || !strings.Contains(err.Error(), "the builder is not known") {
					t.Errorf("statement %v, error %v without a builder", s, err)
				}
				b.Builder = c.builder
			}
			s, err := b.Statement(app(t))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.NewReplacer(c.replace...).Replace(golden); string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if ps := s.Validate(); ps != nil {
				t.Errorf("problems %v", ps)
			}
			source, parameter := b.Source()
			if parameter != "workflow" || source.Repository == "" || source.Ref == "" || source.Commit.IsZero() {
				t.Errorf("source %+v by %q", source, parameter)
			}
		})
	}
}

func TestObserveEvidence(t *testing.T) {
	b, err := github.Observe(getenv(job()), nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, e := range b.Evidence {
		if e != provenance.Environment {
			t.Errorf("without claims: %s known by %s", path, e)
		}
	}
	if _, ok := b.Evidence["builder"]; ok {
		t.Error("without claims: evidence for the builder")
	}
	if b, err = github.Observe(getenv(job()), token()); err != nil {
		t.Fatal(err)
	}
	for path, e := range b.Evidence {
		if e != provenance.Claim {
			t.Errorf("with claims: %s known by %s", path, e)
		}
	}
	for _, path := range []string{"builder", "invocation", "source.repository", "source.ref", "source.commit", "external.workflow.path"} {
		if _, ok := b.Evidence[path]; !ok {
			t.Errorf("no evidence for %s", path)
		}
	}
}

func TestObserveRefuses(t *testing.T) {
	evil := func(issuer string) string {
		return `the token's issuer "` + issuer + `" does not speak for jobs on https://github.com`
	}
	for _, c := range []struct {
		name   string
		env    map[string]string
		claims *provenance.Claims
		want   []string // each of the errors contains it, in this order
	}{
		{"nothing", nil, nil, []string{`GITHUB_ACTIONS is "", want true: this is no job of GitHub Actions`}},
		{"another value", job("GITHUB_ACTIONS=1"), nil, []string{`GITHUB_ACTIONS is "1", want true`}},
		{"act", job("ACT=true"), token(), []string{"ACT is set: this is another system"}},
		{"Gitea", job("GITEA_ACTIONS=true"), token(), []string{"GITEA_ACTIONS is set: this is another system"}},
		{"Forgejo", job("FORGEJO_ACTIONS=true"), token(), []string{"FORGEJO_ACTIONS is set: this is another system"}},

		{"no variables", map[string]string{"GITHUB_ACTIONS": "true"}, nil, []string{
			"GITHUB_SERVER_URL is not the https URL of a host",
			"GITHUB_REPOSITORY is not set", "GITHUB_SHA is not set", "GITHUB_REF is not set", "GITHUB_WORKFLOW_REF is not set",
			"GITHUB_EVENT_NAME is not set", "GITHUB_RUN_ID is not set", "GITHUB_RUN_ATTEMPT is not set",
		}},
		{"no claims in the token", job(), &provenance.Claims{Issuer: issuer}, []string{
			"the token has no claim repository", "the token has no claim sha", "the token has no claim ref", "the token has no claim workflow_ref",
			"the token has no claim event_name", "the token has no claim run_id", "the token has no claim run_attempt",
			"the token has no claim repository_id", "the token has no claim repository_owner_id", "the token has no claim runner_environment",
			"the token has no claim job_workflow_ref",
		}},
		{"no workflow of the job", job(), token("job_workflow_ref="), []string{"the token has no claim job_workflow_ref"}},

		{"another commit", job("GITHUB_SHA=" + strings.Repeat("0", 40)), token(), []string{`GITHUB_SHA is "` + strings.Repeat("0", 40) + `", but the token's claim sha is "` + commit + `"`}},
		{"another everything", job(
			"GITHUB_REPOSITORY=a/b", "GITHUB_SHA=c", "GITHUB_REF=d", "GITHUB_WORKFLOW_REF=e", "GITHUB_EVENT_NAME=f", "GITHUB_RUN_ID=g",
			"GITHUB_RUN_ATTEMPT=h", "GITHUB_REPOSITORY_ID=i", "GITHUB_REPOSITORY_OWNER_ID=j", "RUNNER_ENVIRONMENT=k",
		), token(), []string{
			`GITHUB_REPOSITORY is "a/b"`, `GITHUB_SHA is "c"`, `GITHUB_REF is "d"`, `GITHUB_WORKFLOW_REF is "e"`, `GITHUB_EVENT_NAME is "f"`, `GITHUB_RUN_ID is "g"`,
			`GITHUB_RUN_ATTEMPT is "h"`, `GITHUB_REPOSITORY_ID is "i"`, `GITHUB_REPOSITORY_OWNER_ID is "j"`, `RUNNER_ENVIRONMENT is "k"`,
		}},

		{"no issuer", job(), from("", token()), []string{evil("")}},
		{"issuer that goes on", job(), from(issuer+".evil", token()), []string{evil(issuer + ".evil")}},
		{"issuer with another host behind an @", job(), from(issuer+"@evil", token()), []string{evil(issuer + "@evil")}},
		{"issuer without TLS", job(), from("http://token.actions.githubusercontent.com", token()), []string{evil("http://token.actions.githubusercontent.com")}},
		{"issuer with a slash", job(), from(issuer+"/", token()), []string{evil(issuer + "/")}},
		{"issuer with two slugs", job(), from(issuer+"/a/b", token()), []string{evil(issuer + "/a/b")}},
		{"issuer with a query", job(), from(issuer+"/a?b", token()), []string{evil(issuer + "/a?b")}},
		{"issuer of another platform", job(), from("https://gitlab.com", token()), []string{evil("https://gitlab.com")}},
		{"issuer of an enterprise server", job(), from("https://git.example.com/_services/token", token()), []string{evil("https://git.example.com/_services/token")}},
		{"issuer of another tenant", job("GITHUB_SERVER_URL=https://octo.ghe.com"), from("https://token.actions.other.ghe.com", token()), []string{
			`the token's issuer "https://token.actions.other.ghe.com" does not speak for jobs on https://octo.ghe.com`,
		}},
		{"issuer github.com for a tenant", job("GITHUB_SERVER_URL=https://octo.ghe.com"), token(), []string{"does not speak for jobs on https://octo.ghe.com"}},
		{"issuer github.com for an enterprise server", job("GITHUB_SERVER_URL=https://git.example.com"), token(), []string{"does not speak for jobs on https://git.example.com"}},
		{"server that goes on", job("GITHUB_SERVER_URL=https://github.com.evil"), token(), []string{"does not speak for jobs on https://github.com.evil"}},

		{"server without TLS", job("GITHUB_SERVER_URL=http://github.com"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},
		{"server with a password", job("GITHUB_SERVER_URL=https://user:secret-6@github.com"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},
		{"server with a path", job("GITHUB_SERVER_URL=https://github.com/x"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},
		{"server with a query", job("GITHUB_SERVER_URL=https://github.com?x"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},
		{"server in upper case", job("GITHUB_SERVER_URL=https://GitHub.com"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},
		{"server that is no URL", job("GITHUB_SERVER_URL=https://[secret-6"), nil, []string{"GITHUB_SERVER_URL is not the https URL of a host"}},

		{"pull_request", job("GITHUB_EVENT_NAME=pull_request"), token("event_name=pull_request"), []string{
			`event "pull_request": the build type is defined for create, push, release and workflow_dispatch only: build what is published in a job of one of these`,
		}},
		{"pull_request_target", job("GITHUB_EVENT_NAME=pull_request_target"), nil, []string{`event "pull_request_target"`}},
		{"schedule", job("GITHUB_EVENT_NAME=schedule"), nil, []string{`event "schedule"`}},
		{"event in upper case", job("GITHUB_EVENT_NAME=PUSH"), nil, []string{`event "PUSH"`}},

		{"short commit", job("GITHUB_SHA=283bf96"), nil, []string{`commit: malformed digest "gitCommit:283bf96"`}},
		{"commit that is a ref", job("GITHUB_SHA=HEAD"), nil, []string{`commit: malformed digest "gitCommit:HEAD"`}},
		{"repository with a user", job("GITHUB_REPOSITORY=user:secret-6@octocat/hello"), nil, []string{"the repository is not of the form owner/name"}},
		{"repository above", job("GITHUB_REPOSITORY=octocat/.."), nil, []string{"the repository is not of the form owner/name"}},
		{"run with a query", job("GITHUB_RUN_ID=1?token=secret-6"), nil, []string{"the run or its attempt is not of letters"}},
		{"attempt that is a path", job("GITHUB_RUN_ATTEMPT=1/../2"), nil, []string{"the run or its attempt is not of letters"}},
		{"ref that git cannot have", job("GITHUB_REF=refs/heads/../x", "GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/release.yml@refs/heads/../x"), nil, []string{"the ref is not a name that a ref can have"}},
		{"short ref", job("GITHUB_REF=main", "GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/release.yml@main"), nil, []string{`ref "main" is not the full name of one`}},
		{"workflow of another repository", job("GITHUB_WORKFLOW_REF=octocat/hello2/.github/workflows/release.yml@refs/tags/v1.2.3"), nil, []string{
			`workflow "octocat/hello2/.github/workflows/release.yml@refs/tags/v1.2.3" is not in repository "octocat/hello" at ref "refs/tags/v1.2.3"`,
		}},
		{"workflow at another ref", job("GITHUB_WORKFLOW_REF=octocat/hello/.github/workflows/release.yml@refs/heads/main"), nil, []string{"is not in repository"}},
		{"workflow without a path", job("GITHUB_WORKFLOW_REF=octocat/hello/@refs/tags/v1.2.3"), nil, []string{"is not in repository"}},
		{"workflow that is its path", job("GITHUB_WORKFLOW_REF=.github/workflows/release.yml"), nil, []string{"is not in repository"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := github.Observe(getenv(c.env), c.claims)
			if err == nil || b != nil {
				t.Fatalf("build %v, error %v, want %q", b, err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q has a secret", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("%d errors, want %d:\n%s", len(lines), len(c.want), err)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], "github: ") || !strings.Contains(lines[i], want) {
					t.Errorf("error %q, want %q", lines[i], want)
				}
			}
		})
	}

	if _, err := github.Observe(nil, nil); err == nil || err.Error() != "github: no getenv" {
		t.Errorf("no getenv: error %v", err)
	}
}

// A variable that is not read cannot get into a statement.
func TestObserveReads(t *testing.T) {
	allowed := []string{
		"ACT", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_REF", "GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID",
		"GITHUB_REPOSITORY_OWNER_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_SHA", "GITHUB_WORKFLOW_REF", "RUNNER_ENVIRONMENT",
	}
	for _, claims := range []*provenance.Claims{nil, token("secret=secret-6", "actor=secret-7")} {
		read := make(map[string]bool)
		b, err := github.Observe(func(name string) string {
			read[name] = true
			return job()[name]
		}, claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(read)); !slices.Equal(got, allowed) {
			t.Errorf("read %v, want %v", got, allowed)
		}
		b.Builder = "https://example.com/builder"
		s, err := b.Statement(app(t))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(payload), "secret") {
			t.Errorf("a secret in %s", payload)
		}
	}
}

func TestAddWorkflow(t *testing.T) {
	const path = ".github/workflows/release.yml"
	checkout := func(name string, file *fstest.MapFile) fstest.MapFS { return fstest.MapFS{name: file} }
	hello := &fstest.MapFile{Data: []byte("hello\n")}
	for _, c := range []struct {
		name     string
		env      map[string]string
		checkout fs.FS
		want     string // the digest, as git hash-object has it, or
		err      string
	}{
		{"file", job(), checkout(path, hello), "gitBlob:ce013625030ba8dba906f756967f9e9ca394464a", ""},
		{"file of a SHA-256 repository", job("GITHUB_SHA=" + sum), checkout(path, hello), "gitBlob:2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4", ""},
		{"empty", job(), checkout(path, &fstest.MapFile{}), "gitBlob:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", ""},
		{"largest", job(), checkout(path, &fstest.MapFile{Data: make([]byte, github.MaxWorkflowSize)}), "gitBlob:9e0f96a2a253b173cb45b41868209a5d043e1437", ""},
		{"too large", job(), checkout(path, &fstest.MapFile{Data: make([]byte, github.MaxWorkflowSize+1)}), "", "has 1048577 bytes, want 1048576 at most"},
		{"not there", job(), checkout("release.yml", hello), "", "github: workflow: open " + path},
		{"directory", job(), checkout(path+"/x", hello), "", "is not a regular file"},
		{"outside", job("GITHUB_WORKFLOW_REF=octocat/hello/../release.yml@refs/tags/v1.2.3"), checkout(path, hello), "", "is not a path in a repository"},
	} {
		b, err := github.Observe(getenv(c.env), nil)
		if err != nil {
			t.Fatal(err)
		}
		err = github.AddWorkflow(b, c.checkout)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || len(b.Dependencies) != 1 {
				t.Errorf("%s: error %v, dependencies %v, want %q", c.name, err, b.Dependencies, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := b.Dependencies[1]; d.Name != path || len(d.Digest.Digests()) != 1 || d.Digest.Digests()[0].String() != c.want {
			t.Errorf("%s: %+v, want %s", c.name, d, c.want)
		}
		// The source stays the first.
		b.Builder = "https://example.com/builder"
		s, err := b.Statement(app(t))
		if err != nil {
			t.Fatal(err)
		}
		if ps := s.Validate(); ps != nil {
			t.Errorf("%s: problems %v", c.name, ps)
		}
		if source := strings.Index(string(s.Predicate), "gitCommit"); source < 0 || source > strings.Index(string(s.Predicate), "gitBlob") {
			t.Errorf("%s: the source is not the first dependency of %s", c.name, s.Predicate)
		}
	}
	if err := github.AddWorkflow(new(provenance.Build), checkout(path, hello)); err == nil || err.Error() != "github: the build is not one of a workflow at a commit" {
		t.Errorf("another build: error %v", err)
	}
}
