package github_test

import (
	"fmt"
	"log"
	"strings"
	"testing/fstest"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/github"
)

// environment stands for os.Getenv in a job.
func environment(name string) string {
	switch name {
	case "GITHUB_ACTIONS":
		return "true"
	case "GITHUB_SERVER_URL":
		return "https://github.com"
	case "GITHUB_REPOSITORY":
		return "octocat/hello"
	case "GITHUB_SHA":
		return "283bf967fa3c591925dd25e6a6e8e781542117bf"
	case "GITHUB_REF":
		return "refs/heads/main"
	case "GITHUB_WORKFLOW_REF":
		return "octocat/hello/.github/workflows/release.yml@refs/heads/main"
	case "GITHUB_EVENT_NAME":
		return "push"
	case "GITHUB_RUN_ID":
		return "1658821493"
	case "GITHUB_RUN_ATTEMPT":
		return "1"
	}
	return ""
}

func ExampleObserve() {
	claims := &provenance.Claims{
		Issuer: "https://token.actions.githubusercontent.com",
		Values: map[string]string{
			"repository":          "octocat/hello",
			"repository_id":       "1296269",
			"repository_owner_id": "583231",
			"sha":                 "283bf967fa3c591925dd25e6a6e8e781542117bf",
			"ref":                 "refs/heads/main",
			"workflow_ref":        "octocat/hello/.github/workflows/release.yml@refs/heads/main",
			"job_workflow_ref":    "octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0",
			"event_name":          "push",
			"run_id":              "1658821493",
			"run_attempt":         "1",
			"runner_environment":  "github-hosted",
		},
	}
	build, err := github.Observe(environment, claims)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	fmt.Println(build.Invocation)
	source, _ := build.Source()
	fmt.Println(source.URI())
	fmt.Println(source.Commit)
	// Output:
	// https://github.com/octocat/builders/.github/workflows/go.yml@refs/tags/v1.0.0
	// https://github.com/octocat/hello/actions/runs/1658821493/attempts/1
	// git+https://github.com/octocat/hello@refs/heads/main
	// gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf
}

// Without the claims of its identity token a job does not know which workflow it
// runs in.
func ExampleObserve_withoutClaims() {
	build, err := github.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	digests, err := hallmark.Hash(strings.NewReader("Hello, world!"))
	if err != nil {
		log.Fatal(err)
	}
	app := hallmark.Artifact{Name: "hello", Digests: digests}
	_, err = build.Statement(app)
	fmt.Println(err)

	// Whoever wrote the workflow knows.
	build.Builder = "https://github.com/octocat/hello/.github/workflows/release.yml@refs/heads/main"
	_, err = build.Statement(app)
	fmt.Println(err)
	// Output:
	// provenance: the builder is not known: name it, or give the observer the job's verified claims
	// <nil>
}

// The text of the workflow can be among what the build was made from.
func ExampleAddWorkflow() {
	build, err := github.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	checkout := fstest.MapFS{".github/workflows/release.yml": {Data: []byte("on: push\n")}} // usually os.DirFS
	if err := github.AddWorkflow(build, checkout); err != nil {
		log.Fatal(err)
	}
	for _, d := range build.Dependencies {
		fmt.Println(d.Name+d.URI, d.Digest)
	}
	// Output:
	// git+https://github.com/octocat/hello@refs/heads/main map[gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf]
	// .github/workflows/release.yml map[gitBlob:b83836ed8c80558d4e40ea4ac5d69f4405334799]
}
