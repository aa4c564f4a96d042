package gobuild_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
)

// hello makes a repository with a Go program, whose commit has the same name
// everywhere, and returns its directory and the environment to build it in:
// os.Getenv, but for the settings of whoever runs the examples.
func hello() (dir string, getenv func(string) string) {
	dir, err := os.MkdirTemp("", "hello")
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.26\n",
		"main.go": "package main\n\nfunc main() { println(\"Hello, world!\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Octocat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=Octocat", "GIT_COMMITTER_EMAIL=octocat@example.com", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"remote", "add", "origin", "https://github.com/octocat/hello.git"},
		{"add", "."},
		{"commit", "--quiet", "--message=Say hello"},
		{"tag", "v1.2.3"},
	} {
		if _, err := command.Run(context.Background(), dir, env, "git", args...); err != nil {
			log.Fatal(err)
		}
	}
	cache := filepath.Join(dir, ".git", "cache")
	return dir, func(name string) string {
		switch name {
		case "GOENV", "GOPROXY":
			return "off"
		case "GOTOOLCHAIN":
			return "local"
		case "GOFLAGS":
			return "-modcacherw"
		case "GOMODCACHE":
			return cache
		case "CGO_ENABLED":
			return "0"
		case "GOOS":
			return "linux"
		case "GOARCH":
			return "amd64"
		}
		return os.Getenv(name)
	}
}

// goBuild is what a release program does itself.
func goBuild(dir string, getenv func(string) string, args ...string) {
	env := command.Env(getenv, "PATH", "HOME", "GOROOT", "GOCACHE", "GOMODCACHE", "GOENV", "GOPROXY", "GOTOOLCHAIN", "GOFLAGS", "CGO_ENABLED", "GOOS", "GOARCH")
	if _, err := command.Run(context.Background(), dir, env, "go", append([]string{"build"}, args...)...); err != nil {
		log.Fatal(err)
	}
}

// The go command and git status see nothing of a file that git was told to
// ignore, and the compiler reads it.
func ExampleProveSource() {
	ctx := context.Background()
	dir, getenv := hello()
	defer os.RemoveAll(dir)
	o := gobuild.Options{Getenv: getenv, Flags: []string{"-trimpath"}}

	source, err := gobuild.ProveSource(ctx, dir, []string{"."}, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(source)

	for name, text := range map[string]string{
		".git/info/exclude": "*.gen.go\n",
		"evil.gen.go":       "package main\n\nfunc init() { println(\"evil\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(source.Recheck(ctx))
	_, err = gobuild.ProveSource(ctx, dir, []string{"."}, o)
	fmt.Println(err)

	// Who allows it, gets a source that does not look clean.
	o.AllowDirty = true
	if source, err = gobuild.ProveSource(ctx, dir, []string{"."}, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println(source.Clean(), source.Deviations())
	build, err := git.Observe(ctx, dir, git.Options{Getenv: getenv})
	if err != nil {
		log.Fatal(err)
	}
	if err := source.Record(build); err != nil {
		log.Fatal(err)
	}
	for _, d := range build.Dependencies {
		fmt.Println(d.URI+d.Name, d.Digest["gitCommit"], d.Annotations)
	}
	// Output:
	// 2 files of example.com/hello held against gitCommit:b73628b12bb0286bcfef57bfbe107585da5073c0: 2 match
	// 0 modules of the module cache
	// gobuild: inputs of the build have changed since the source was proved: evil.gen.go
	// gobuild: 1 input of the build is not proved to be the commit's: evil.gen.go: untracked
	// false [evil.gen.go: untracked]
	// git+https://github.com/octocat/hello@refs/heads/main  map[base:gitCommit:b73628b12bb0286bcfef57bfbe107585da5073c0 modified:true]
	// evil.gen.go  map[modified:true why:untracked]
}

// A release: the source is proved, the program built and bound to it, and a
// program from last week is found out.
func ExampleBind() {
	ctx := context.Background()
	dir, getenv := hello()
	defer os.RemoveAll(dir)
	checkout, err := git.Inspect(ctx, dir, getenv)
	if err != nil {
		log.Fatal(err)
	}
	build, err := checkout.Build(ctx, git.Options{Getenv: getenv}) // github.Observe in a job
	if err != nil {
		log.Fatal(err)
	}
	source, err := gobuild.ProveSource(ctx, dir, []string{"."}, gobuild.Options{Getenv: getenv, Flags: []string{"-trimpath"}})
	if err != nil {
		log.Fatal(err)
	}
	dist, err := os.MkdirTemp("", "dist")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dist)
	file := filepath.Join(dist, "hello")
	goBuild(dir, getenv, "-trimpath", "-o", file)
	if err := source.Recheck(ctx); err != nil {
		log.Fatal(err)
	}

	parts := gobuild.Parts{Getenv: getenv, Source: source, Checkout: checkout, Build: build}
	binding, err := gobuild.Bind(ctx, file, parts)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{gobuild.ModuleVersion, gobuild.Commit, gobuild.SourceFiles, gobuild.ClaimCommit} {
		fmt.Println(binding.Link(name))
	}

	recipe, err := source.Recipe(ctx, source.Packages[0], checkout.Source(git.Options{}))
	if err != nil {
		log.Fatal(err)
	}
	if err := binding.Record(build, *recipe); err != nil {
		log.Fatal(err)
	}
	for _, b := range build.Byproducts { // to be published beside the program
		fmt.Println(b.Name)
	}
	links, err := binding.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.14s…\n", links)
	how, err := recipe.With(binding.Info).Marshal()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.14s…\n", how)

	goBuild(dir, getenv, "-trimpath", "-buildvcs=false", "-tags=test", "-o", file)
	_, err = gobuild.Bind(ctx, file, parts)
	fmt.Println(err)
	// Output:
	// module version: match: v1.2.3, by binary
	// commit: match: b73628b12bb0286bcfef57bfbe107585da5073c0, by binary
	// source: match: b73628b12bb0286bcfef57bfbe107585da5073c0 (2 files, 0 of them declared as generated), by git
	// claim commit: match: b73628b12bb0286bcfef57bfbe107585da5073c0, by git
	// go-build-recipe.json
	// go-build-binding.json
	// {"links":[{"ev…
	// {"dir":".","en…
	// gobuild: settings: mismatch: got -tags=test, want -tags=, by binary
}

// A program is built again elsewhere, with nothing but the recipe and the
// repository.
func ExampleRebuild() {
	ctx := context.Background()
	dir, getenv := hello()
	defer os.RemoveAll(dir)
	dist, err := os.MkdirTemp("", "dist")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dist)
	file := filepath.Join(dist, "hello")
	goBuild(dir, getenv, "-trimpath", "-ldflags=-s -w", "-o", file)
	app, err := hallmark.HashFile(file)
	if err != nil {
		log.Fatal(err)
	}
	source, err := gobuild.ProveSource(ctx, dir, nil, gobuild.Options{Getenv: getenv, Flags: []string{"-trimpath", "-ldflags=-s -w"}})
	if err != nil {
		log.Fatal(err)
	}
	recipe, err := source.Recipe(ctx, "example.com/hello", provenance.Source{Commit: source.Commit})
	if err != nil {
		log.Fatal(err)
	}

	o := gobuild.RebuildOptions{Getenv: getenv, Repository: dir, File: file}
	rebuilt, err := gobuild.Rebuild(ctx, recipe, app, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("reproduced:", rebuilt.Reproduced())
	build, err := rebuilt.Build("https://rebuilder.example/go")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Type, build.Dependencies[0].Digest["gitCommit"])
	summary, err := rebuilt.VSA("https://rebuilder.example/go", "https://example.com/dist/hello", time.Unix(1700000000, 0))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Result, summary.VerifiedLevels)

	// A recipe that is not the one it was built by.
	recipe.Flags = []string{"-trimpath", "-tags=other"}
	if rebuilt, err = gobuild.Rebuild(ctx, recipe, app, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println("reproduced:", rebuilt.Reproduced())
	fmt.Println(rebuilt.Differences[0])
	// Output:
	// reproduced: true
	// https://hallmark-dev.github.io/buildtypes/go-rebuild/v1 b73628b12bb0286bcfef57bfbe107585da5073c0
	// PASSED [HALLMARK_GO_REBUILT]
	// reproduced: false
	// setting -tags: got other, want nothing
}

func ExampleReproduced() {
	app := hallmark.Artifact{Name: "app", Digests: digests("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")}
	build := provenance.Local(provenance.Source{
		Repository: "https://github.com/octocat/hello", Ref: "refs/heads/main",
		Commit: digests("gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf")[0], RepositoryFrom: provenance.Git, CommitFrom: provenance.Git,
	})
	build.Builder = "https://github.com/octocat/hello/.github/workflows/release.yml@refs/heads/main"
	first, err := build.Statement(app)
	if err != nil {
		log.Fatal(err)
	}
	build.Builder = "https://rebuilder.example/go"
	second, err := build.Statement(app)
	if err != nil {
		log.Fatal(err)
	}

	// Who signed, and who runs the builders, the verifier knows and not the
	// statements.
	a := gobuild.Vouched{Statement: first, Signer: "https://github.com/octocat/hello/.github/workflows/release.yml@refs/heads/main", Operator: "github.com", Trusted: true}
	b := gobuild.Vouched{Statement: second, Signer: "key of rebuilder.example"}
	fmt.Println(gobuild.Reproduced(app, a, b))

	b.Operator, b.Trusted = "rebuilder.example", true
	fmt.Println(gobuild.Reproduced(app, a, b))
	summary := provenance.VSA{Result: provenance.Passed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_2"}}
	reproduced, err := gobuild.ReproducedVSA(summary, app, a, b)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reproduced.VerifiedLevels)
	// Output:
	// gobuild: not reproduced: the second builder is not trusted
	// gobuild: not reproduced: who operates the second builder is not known
	// <nil>
	// [SLSA_BUILD_LEVEL_2 SLSA_BUILD_REPRODUCED]
}

func digests(texts ...string) []hallmark.Digest {
	var ds []hallmark.Digest
	for _, text := range texts {
		d, err := hallmark.ParseDigest(text)
		if err != nil {
			log.Fatal(err)
		}
		ds = append(ds, d)
	}
	return ds
}

func ExampleParseRecipe() {
	recipe, err := gobuild.ParseRecipe([]byte(`{
		"go": "go1.26.8", "package": "example.com/app/cmd/app", "module": "example.com/app", "dir": ".", "mod": "readonly",
		"flags": ["-trimpath", "-ldflags=-s -w"],
		"env": {"GOOS": "linux", "GOARCH": "amd64"},
		"source": {"commit": "gitCommit:283bf967fa3c591925dd25e6a6e8e781542117bf"}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(recipe.Package, recipe.Flags)

	// What a recipe must not publish.
	recipe.Flags = append(recipe.Flags, "-ldflags=-X main.apiKey=4eC39HqLyjWDarjtT1zdp7dc", "-gcflags=-I/home/octocat/src")
	fmt.Println(recipe.Check())
	_, err = recipe.Marshal()
	fmt.Println(err != nil)

	// What would run another program than the go command's own.
	_, err = gobuild.ParseRecipe([]byte(`{"flags":["-toolexec=sh"]}`))
	fmt.Println(err)
	// Output:
	// example.com/app/cmd/app [-trimpath -ldflags=-s -w]
	// gobuild: recipe: the flag -gcflags has a path of the building machine
	// gobuild: recipe: the flag -ldflags has what looks like a secret
	// true
	// malformed recipe: gobuild: the flag -toolexec makes the go command run other programs than its own
}

func ExampleCompare() {
	dir, getenv := hello()
	defer os.RemoveAll(dir)
	one, two := filepath.Join(dir, ".git", "one"), filepath.Join(dir, ".git", "two")
	goBuild(dir, getenv, "-trimpath", "-o", one)
	goBuild(dir, getenv, "-trimpath", "-tags=netgo", "-buildvcs=false", "-o", two)
	differences, err := gobuild.Compare(one, two)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range differences {
		if !strings.HasPrefix(d.What, "section") && !strings.HasPrefix(d.What, "byte") {
			fmt.Println(d)
		}
	}
	// Output:
	// main module: got example.com/hello@(devel), want example.com/hello@v1.2.3
	// setting -tags: got netgo, want nothing
	// setting vcs: got nothing, want git
	// setting vcs.modified: got nothing, want false
	// setting vcs.revision: got nothing, want b73628b12bb0286bcfef57bfbe107585da5073c0
	// setting vcs.time: got nothing, want 2023-11-14T22:13:20Z
}

// An UnprovenError lists what it is about as data.
func ExampleUnprovenError() {
	dir, getenv := hello()
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o666); err != nil {
		log.Fatal(err)
	}
	_, err := gobuild.ProveSource(context.Background(), dir, nil, gobuild.Options{Getenv: getenv})
	if unproven, ok := errors.AsType[*gobuild.UnprovenError](err); ok {
		for _, f := range unproven.Files {
			fmt.Println(f.Path, f.Outcome, f.Blob)
		}
	}
	// Output:
	// main.go differs gitBlob:7537a0dd0710f955006defeef41a7e36dcfbe782
}
