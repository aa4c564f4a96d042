package ci_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/ci"
)

// environment stands for os.Getenv in a job.
func environment(name string) string {
	switch name {
	case "JENKINS_URL":
		return "https://jenkins.example.com/"
	case "BUILD_NUMBER":
		return "13"
	case "BUILD_URL":
		return "https://jenkins.example.com/job/hello/13/"
	case "JOB_NAME":
		return "hello"
	case "GIT_URL":
		return "git@github.com:octocat/hello.git"
	case "GIT_COMMIT":
		return "283bf967fa3c591925dd25e6a6e8e781542117bf"
	case "GIT_BRANCH":
		return "origin/main"
	case "CHANNEL":
		return "stable"
	}
	return ""
}

func ExampleDetect() {
	system, err := ci.Detect(environment)
	fmt.Println(system, err)

	// Forgejo sets the variables of those that it is like.
	system, err = ci.Detect(func(name string) string {
		switch name {
		case "GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS":
			return "true"
		}
		return ""
	})
	fmt.Println(system, err)

	_, err = ci.Detect(func(name string) string {
		switch name {
		case "GITHUB_ACTIONS", "CODEBUILD_BUILD_ARN":
			return "true"
		}
		return ""
	})
	fmt.Println(err)
	// Output:
	// jenkins <nil>
	// forgejo <nil>
	// ci: GITHUB_ACTIONS and CODEBUILD_BUILD_ARN are set: which system runs this job is not known
}

func ExampleObserve() {
	build, err := ci.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	fmt.Println(build.Invocation)
	source, _ := build.Source()
	fmt.Println(source.URI())
	fmt.Println(source.Commit, "by", build.Evidence["source.commit"])
	// Output:
	// https://jenkins.example.com
	// https://jenkins.example.com/job/hello/13/
	// git+https://github.com/octocat/hello@refs/heads/main
	// gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf by environment
}

// On a machine of one's own there is no job.
func ExampleObserve_local() {
	build, err := ci.Observe(func(string) string { return "" }, nil)
	if errors.Is(err, ci.ErrNoCI) {
		build = provenance.Local(provenance.Source{Repository: "https://github.com/octocat/hello", RepositoryFrom: provenance.Git})
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	// Output:
	// https://hallmark-dev.github.io/builders/local/v1
}

// What the environment does not tell, the checkout can; and a job at another
// commit than the checkout is found out.
func ExampleObserver_Observe() {
	commit, err := hallmark.ParseDigest("gitCommit:b9f0fb3fdbb94c9d24b2c75b49663122a529e123")
	if err != nil {
		log.Fatal(err)
	}
	observer := ci.Observer{
		Parameters: []string{"CHANNEL"},
		Source:     provenance.Source{Commit: commit, CommitFrom: provenance.Git},
	}
	_, err = observer.Observe(environment, nil)
	fmt.Println(err)

	observer.Source = provenance.Source{}
	build, err := observer.Observe(environment, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.External["parameters"])
	// Output:
	// ci: the job is for the commit "283bf967fa3c591925dd25e6a6e8e781542117bf", but the source is at b9f0fb3fdbb94c9d24b2c75b49663122a529e123
	// map[CHANNEL:stable]
}
