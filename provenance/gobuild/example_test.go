package gobuild_test

import (
	"fmt"
	"log"
	"runtime/debug"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

func ExampleAttach() {
	commit, err := hallmark.ParseDigest("gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf")
	if err != nil {
		log.Fatal(err)
	}
	build := provenance.Local(provenance.Source{
		Repository: "https://github.com/octocat/hello", Ref: "refs/heads/main", Commit: commit,
		RepositoryFrom: provenance.Git, CommitFrom: provenance.Git,
	})

	// Usually from buildinfo.ReadFile of package debug/buildinfo.
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "github.com/octocat/hello",
		Deps: []*debug.Module{
			{Path: "golang.org/x/mod", Version: "v0.42.0", Sum: "h1:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="},
		},
		Settings: []debug.BuildSetting{
			{Key: "-ldflags", Value: "-X main.password=secret"},
			{Key: "GOOS", Value: "linux"},
			{Key: "vcs.revision", Value: "283bf967fa3c591925dd25e6a6e8e781542117bf"},
			{Key: "vcs.modified", Value: "false"},
		},
	}
	if err := gobuild.Attach(build, info, gobuild.Recipe{Flags: []string{"-trimpath"}}); err != nil {
		log.Fatal(err)
	}
	for _, d := range build.Dependencies {
		fmt.Println(d.URI, d.Digest.Digests())
	}
	fmt.Printf("%s: %s\n", build.Byproducts[0].Name, build.Byproducts[0].Content)

	// A binary of another commit is not what the build made.
	info.Settings[2].Value = "b9f0fb3fdbb94c9d24b2c75b49663122a529e123"
	fmt.Println(gobuild.Attach(build, info, gobuild.Recipe{}))
	// Output:
	// git+https://github.com/octocat/hello@refs/heads/main [gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf]
	// pkg:golang/golang.org/x/mod@v0.42.0 [dirHash:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
	// pkg:golang/stdlib@1.26.8 []
	// go-build-recipe.json: {"flags":["-trimpath"],"go":"go1.26.8","package":"github.com/octocat/hello","settings":{"GOOS":"linux"}}
	// gobuild: commit: mismatch: got b9f0fb3fdbb94c9d24b2c75b49663122a529e123, want 283bf967fa3c591925dd25e6a6e8e781542117bf, by binary
}
