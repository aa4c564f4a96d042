package buildkite_test

import (
	"fmt"
	"log"

	"github.com/hallmark-dev/hallmark/provenance/buildkite"
)

// environment stands for os.Getenv in a job.
func environment(name string) string {
	switch name {
	case "BUILDKITE":
		return "true"
	case "BUILDKITE_REPO":
		return "git@github.com:octocat/hello.git"
	case "BUILDKITE_COMMIT":
		return "283bf967fa3c591925dd25e6a6e8e781542117bf"
	case "BUILDKITE_BRANCH":
		return "main"
	case "BUILDKITE_ORGANIZATION_SLUG":
		return "octo"
	case "BUILDKITE_PIPELINE_SLUG":
		return "hello"
	case "BUILDKITE_BUILD_NUMBER":
		return "42"
	case "BUILDKITE_JOB_ID":
		return "2792d082-f400-4346-993c-72c4947c82b6"
	}
	return ""
}

func ExampleObserve() {
	build, err := buildkite.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	fmt.Println(build.Invocation)
	source, _ := build.Source()
	fmt.Println(source.URI())
	fmt.Println(source.Commit, "by", build.Evidence["source.commit"])
	// Output:
	// https://buildkite.com/octo/hello
	// https://buildkite.com/octo/hello/builds/42#2792d082-f400-4346-993c-72c4947c82b6
	// git+https://github.com/octocat/hello@refs/heads/main
	// gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf by environment
}
