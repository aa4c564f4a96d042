package gitlab_test

import (
	"fmt"
	"log"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gitlab"
)

// environment stands for os.Getenv in a job.
func environment(name string) string {
	switch name {
	case "GITLAB_CI":
		return "true"
	case "CI_SERVER_URL":
		return "https://gitlab.com"
	case "CI_PROJECT_URL":
		return "https://gitlab.com/octocat/hello"
	case "CI_COMMIT_SHA":
		return "283bf967fa3c591925dd25e6a6e8e781542117bf"
	case "CI_COMMIT_REF_NAME":
		return "main"
	case "CI_JOB_NAME":
		return "release"
	case "CI_JOB_ID":
		return "302"
	case "CI_RUNNER_ID":
		return "12"
	case "CHANNEL":
		return "stable"
	}
	return ""
}

func ExampleObserve() {
	claims := &provenance.Claims{
		Issuer: "https://gitlab.com",
		Values: map[string]string{
			"project_path":       "octocat/hello",
			"sha":                "283bf967fa3c591925dd25e6a6e8e781542117bf",
			"ref_path":           "refs/heads/main",
			"job_id":             "302",
			"ci_config_ref_uri":  "gitlab.com/octocat/hello//.gitlab-ci.yml@refs/heads/main",
			"ci_config_sha":      "283bf967fa3c591925dd25e6a6e8e781542117bf",
			"runner_environment": "gitlab-hosted",
		},
	}
	build, err := gitlab.Observe(environment, claims)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	fmt.Println(build.Invocation)
	source, _ := build.Source()
	fmt.Println(source.URI())
	fmt.Println(source.Commit, "by", build.Evidence["source.commit"])
	// Output:
	// https://gitlab.com/octocat/hello//.gitlab-ci.yml@refs/heads/main
	// https://gitlab.com/octocat/hello/-/jobs/302
	// git+https://gitlab.com/octocat/hello@refs/heads/main
	// gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf by claim
}

// Without a token the runner is the builder, and variables are what is known.
func ExampleObserver_Observe() {
	observer := gitlab.Observer{Variables: []string{"CHANNEL"}}
	build, err := observer.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder, "by", build.Evidence["builder"])
	fmt.Println(build.External["variables"])
	// Output:
	// https://gitlab.com/octocat/hello/-/runners/12 by environment
	// map[CHANNEL:stable]
}
