package git_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// clone makes a repository of one file whose commit has the same name
// everywhere.
func clone() (dir string) {
	dir, err := os.MkdirTemp("", "hello")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("Hello, world!\n"), 0o666); err != nil {
		log.Fatal(err)
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Octocat", "GIT_AUTHOR_EMAIL=octocat@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=Octocat", "GIT_COMMITTER_EMAIL=octocat@example.com", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"remote", "add", "origin", "https://octocat:secret@github.com/octocat/hello.git"},
		{"add", "hello.txt"},
		{"commit", "--quiet", "--message=Say hello"},
	} {
		if _, err := command.Run(context.Background(), dir, env, "git", args...); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

func ExampleInspect() {
	dir := clone()
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "new.txt"), nil, 0o666); err != nil {
		log.Fatal(err)
	}

	c, err := git.Inspect(context.Background(), dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Repository)
	fmt.Println(c.Ref)
	fmt.Println(c.Commit)
	fmt.Println(c.Time)
	fmt.Println("modified:", c.Modified)
	// Output:
	// https://github.com/octocat/hello
	// refs/heads/main
	// gitCommit:be10c925b6266227e207a5e7c33e793bd5110055
	// 2023-11-14 22:13:20 +0000 UTC
	// modified: [new.txt]
}

// A module that has never been committed, in a repository without tags.
func ExampleInspectModule() {
	dir := clone()
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/hello\n"), 0o666); err != nil {
		log.Fatal(err)
	}

	m, err := git.InspectModule(context.Background(), dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Path)
	fmt.Println(m.Version)
	fmt.Println("modified:", m.Modified)
	// Output:
	// example.com/hello
	// v0.0.0-20231114221320-be10c925b626+dirty
	// modified: true
}

func ExampleObserve() {
	dir := clone()
	defer os.RemoveAll(dir)

	build, err := git.Observe(context.Background(), dir, git.Options{Getenv: os.Getenv})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(build.Builder)
	source, _ := build.Source()
	fmt.Println(source.URI())

	// What was changed is no commit's.
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("Hello, evil!\n"), 0o666); err != nil {
		log.Fatal(err)
	}
	_, err = git.Observe(context.Background(), dir, git.Options{Getenv: os.Getenv})
	fmt.Println(err)
	// Output:
	// https://hallmark-dev.github.io/builders/local/v1
	// git+https://github.com/octocat/hello@refs/heads/main
	// git: 1 file differs from the commit: hello.txt
}

// What is hidden from git status, too, is found.
func ExampleCheckout() {
	dir := clone()
	defer os.RemoveAll(dir)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if _, err := command.Run(context.Background(), dir, env, "git", "update-index", "--assume-unchanged", "hello.txt"); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("Hello, evil!\n"), 0o666); err != nil {
		log.Fatal(err)
	}

	status, err := command.Run(context.Background(), dir, env, "git", "status", "--porcelain")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("git status: %q\n", status)
	c, err := git.Inspect(context.Background(), dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("modified:", c.Modified, "hidden:", c.Hidden)
	fmt.Println("author:", c.Author.Name, c.Author.Mail)
	// Output:
	// git status: ""
	// modified: [hello.txt] hidden: [hello.txt]
	// author: Octocat octocat@example.com
}

// A commit without a signature.
func ExampleCheckout_VerifyCommit() {
	dir := clone()
	defer os.RemoveAll(dir)
	signers, err := git.ParseAllowedSigners([]byte(allowedSigners))
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	c, err := git.Inspect(ctx, dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	sig, err := c.VerifyCommit(ctx, git.Signers{SSH: signers}, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v: %s\n", sig.Status, sig.Why)
	// Output: no signature: the commit has no signature
}

// A tag that is a name only can be moved by anyone who can write to the
// repository.
func ExampleCheckout_VerifyTag() {
	dir := clone()
	defer os.RemoveAll(dir)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if _, err := command.Run(context.Background(), dir, env, "git", "tag", "v1.0.0"); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	c, err := git.Inspect(ctx, dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	for _, tag := range c.Tags {
		sig, err := c.VerifyTag(ctx, tag, git.Signers{}, os.Getenv)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %v: %s\n", tag.Ref, sig.Status, sig.Why)
	}
	// Output: refs/tags/v1.0.0: no signature: the tag is a name only
}

const allowedSigners = `
# Who signs releases.
octocat@example.com namespaces="git",valid-after="20230101" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFlK659IQv/tI0e1t0vqKv35Q5inxdNPdAVfCZD2Gwus octocat
`

func ExampleParseAllowedSigners() {
	signers, err := git.ParseAllowedSigners([]byte(allowedSigners))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range signers {
		fmt.Println(s.Principals, s.Namespaces, s.ValidAfter.Format("2006-01-02"))
		fmt.Println(s.Fingerprint())
	}
	// Output:
	// [octocat@example.com] [git] 2023-01-01
	// SHA256:5EkC8gySEPELVCFelMX5hhOK6uimsa92HpbWSbxfXsk
}

func ExampleCheckout_Build() {
	dir := clone()
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("Hello, moon!\n"), 0o666); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	c, err := git.Inspect(ctx, dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	build, err := c.Build(ctx, git.Options{AllowModified: true})
	if err != nil {
		log.Fatal(err)
	}
	source, _ := build.Source()
	fmt.Println("modified:", source.Modified, source.Commit == c.Commit)
	for _, d := range build.Dependencies[1:] {
		fmt.Println(d.Name, d.Digest.Digests())
	}
	// Output:
	// modified: true true
	// hello.txt [sha256:328c1891bde6a98fa662eeb418f5264aac57841513b638537ac3e13034d96752]
}

func ExampleCheckout_Source() {
	c := &git.Checkout{Ref: "refs/heads/main"} // cloned from a directory, so that no remote is known
	source := c.Source(git.Options{ModulePath: "github.com/octocat/hello/v2"})
	fmt.Println(source.URI())
	fmt.Println("known by", source.RepositoryFrom)
	// Output:
	// git+https://github.com/octocat/hello@refs/heads/main
	// known by module path
}

func ExampleCheckout_Untracked() {
	dir := clone()
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "new.txt"), nil, 0o666); err != nil {
		log.Fatal(err)
	}

	c, err := git.Inspect(context.Background(), dir, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	untracked, err := c.Untracked(context.Background(), []string{
		filepath.Join(dir, "hello.txt"),
		filepath.Join(dir, "new.txt"),
	}, os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(untracked)
	// Output: [new.txt]
}
