// Package git observes the git checkout that a build is made from.
//
// [Inspect] returns the facts of a [Checkout]: its commit and tree, the branch
// or tag, the repository it was cloned from, and the files in it that differ
// from the commit. [Observe] makes of them the Build of somebody who builds on
// a machine of their own. [InspectModule] returns the version that the checkout
// gives to a Go module in it.
//
// All of them run the program git, found in the PATH that getenv gives, with an
// environment of their own: variables such as GIT_DIR have no effect, replace
// refs are not followed, no lock is taken, nothing is fetched, and the checkout
// is not changed. HOME is passed on, because without it git would refuse
// checkouts that the user has declared safe. A checkout's own configuration can
// make git run a program of its choice, a clean filter, to see whether a file is
// modified: do not inspect one in which you would not run "git status".
//
// # What is not seen
//
// A file counts as modified if "git status" says so. Files that the checkout
// hides from it are not found: those marked assume-unchanged or skip-worktree,
// and files that git ignores (.gitignore, .git/info/exclude, core.excludesFile)
// although the compiler reads them. [Checkout.Untracked] finds the latter, for
// whoever knows what the compiler reads.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance"
)

// ErrNoCheckout says that a directory is not part of a git checkout: there is
// none around it, or the one around it tracks no file in it.
var ErrNoCheckout = errors.New("not in a git checkout")

// A Checkout is what git knows of a directory.
type Checkout struct {
	Root   string          // the top directory, on this machine: not to be published
	Commit hallmark.Digest // gitCommit of HEAD
	Tree   hallmark.Digest // gitTree of HEAD
	Time   time.Time       // when HEAD was committed

	// Ref is the branch that is checked out, "refs/heads/main"; or, if HEAD
	// is detached, the only tag at it, "refs/tags/v1.2.3"; or "".
	Ref string

	// Repository is the URL of the remote "origin", or of the only remote, as
	// [provenance.RepositoryURL] returns it. It is empty if there is none, or if it is a
	// path of this machine.
	Repository string

	// Modified are the files that differ from HEAD, untracked ones included
	// and ignored ones not, by their slash-separated paths, sorted.
	Modified []string
}

// Inspect returns the Checkout around dir. The error wraps [ErrNoCheckout] if
// there is none.
func Inspect(ctx context.Context, dir string, getenv func(string) string) (*Checkout, error) {
	if getenv == nil {
		return nil, errors.New("git: no getenv")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	g := newGit(dir, getenv)

	root, err := g.line(ctx, "rev-parse", "--show-toplevel")
	if failed, ok := errors.AsType[*command.Error](err); ok && strings.Contains(failed.Stderr, "not a git repository") {
		return nil, fmt.Errorf("git: %s: %w", dir, ErrNoCheckout)
	}
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	// A module cache or a vendored tree can lie inside of a checkout that
	// knows nothing of it.
	tracked, err := g.run(ctx, "ls-files", "-z", "--", ".")
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if len(tracked) == 0 {
		return nil, fmt.Errorf("git: %s: the checkout around it tracks none of its files: %w", dir, ErrNoCheckout)
	}

	c := &Checkout{Root: filepath.FromSlash(root)}
	c.Commit, err = g.object(ctx, "gitCommit", "HEAD^{commit}")
	if failed, ok := errors.AsType[*command.Error](err); ok && strings.Contains(failed.Stderr, "Needed a single revision") {
		return nil, fmt.Errorf("git: %s: the branch has no commit yet", dir)
	}
	if err != nil {
		return nil, err
	}
	// From here on by its name, in case HEAD moves.
	commit := c.Commit.Hex()
	if c.Tree, err = g.object(ctx, "gitTree", commit+"^{tree}"); err != nil {
		return nil, err
	}
	if c.Time, err = g.commitTime(ctx, commit); err != nil {
		return nil, err
	}
	if c.Ref, err = g.ref(ctx, commit); err != nil {
		return nil, err
	}
	if c.Repository, err = g.repository(ctx); err != nil {
		return nil, err
	}
	if c.Modified, err = g.modified(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Source returns c as the source of a build. A repository that c does not know
// is the one of the options, or else is taken from their module path; it is
// marked as coming from there.
func (c *Checkout) Source(o Options) provenance.Source {
	s := provenance.Source{
		Repository:     c.Repository,
		Ref:            c.Ref,
		Commit:         c.Commit,
		Modified:       len(c.Modified) > 0,
		RepositoryFrom: provenance.Git,
		CommitFrom:     provenance.Git,
	}
	if s.Repository == "" {
		s.Repository, s.RepositoryFrom = o.Repository, provenance.Caller
	}
	if s.Repository == "" {
		s.Repository, s.RepositoryFrom = provenance.ModuleRepository(o.ModulePath), provenance.ModulePath
	}
	if s.Repository == "" {
		s.RepositoryFrom = provenance.NoEvidence
	}
	return s
}

// Untracked returns those of files, paths on this machine, that HEAD cannot
// have: files outside of the checkout, by their paths, and files in it that git
// does not track, by their slash-separated paths in it. Both in the order of
// files. A file that is modified is tracked.
func (c *Checkout) Untracked(ctx context.Context, files []string, getenv func(string) string) ([]string, error) {
	if getenv == nil {
		return nil, errors.New("git: no getenv")
	}
	out, err := newGit(c.Root, getenv).run(ctx, "ls-files", "-z")
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	tracked := make(map[string]bool)
	for name := range strings.SplitSeq(string(out), "\x00") {
		tracked[name] = true
	}
	root, err := filepath.EvalSymlinks(c.Root)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	var untracked []string
	for _, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("git: %w", err)
		}
		// Not the file itself: a link is tracked as a link.
		dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return nil, fmt.Errorf("git: %w", err)
		}
		name, err := filepath.Rel(root, filepath.Join(dir, filepath.Base(abs)))
		switch {
		case err != nil || !filepath.IsLocal(name):
			untracked = append(untracked, file)
		case !tracked[filepath.ToSlash(name)]:
			untracked = append(untracked, filepath.ToSlash(name))
		}
	}
	return untracked, nil
}

// Options says how [Observe] works. Getenv is required.
type Options struct {
	// Getenv returns variables of the environment, usually os.Getenv.
	Getenv func(string) string

	// Repository is the URL of the repository, if the caller knows it. It is
	// used if the checkout has no remote that others can reach.
	Repository string

	// ModulePath is the path of the Go module that is built. The repository
	// is taken from it if nothing else tells it.
	ModulePath string

	// AllowModified allows a checkout with modified files. The Build then has
	// no commit for its source. Each modified file is a dependency; those that
	// were deleted, and those that are no regular files, are annotations of
	// the source, "deleted" and "notHashed".
	AllowModified bool
}

// A ModifiedError says that a checkout has files that differ from its commit.
type ModifiedError struct {
	Files []string // at least one, sorted
}

func (e *ModifiedError) Error() string {
	const show = 5
	differ := "files differ"
	if len(e.Files) == 1 {
		differ = "file differs"
	}
	text := fmt.Sprintf("git: %d %s from the commit: %s", len(e.Files), differ, strings.Join(e.Files[:min(show, len(e.Files))], ", "))
	if len(e.Files) > show {
		text += ", …"
	}
	return text
}

// Observe returns the Build of the checkout around dir by the local builder, as
// [provenance.Local] makes it. A checkout with modified files is a
// [*ModifiedError] unless the options allow it.
func Observe(ctx context.Context, dir string, o Options) (*provenance.Build, error) {
	c, err := Inspect(ctx, dir, o.Getenv)
	if err != nil {
		return nil, err
	}
	return c.Build(ctx, o)
}

// Build is [Observe] for a checkout that was inspected before.
func (c *Checkout) Build(ctx context.Context, o Options) (*provenance.Build, error) {
	s := c.Source(o)
	if !s.Modified {
		return provenance.Local(s), nil
	}
	if !o.AllowModified {
		return nil, &ModifiedError{Files: c.Modified}
	}
	if s.Repository == "" {
		return nil, errors.New("git: the checkout is modified and its repository is not known")
	}
	b := provenance.Local(s)
	var deleted, notHashed []any
	for _, name := range c.Modified {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file := filepath.Join(c.Root, filepath.FromSlash(name))
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, os.ErrNotExist):
			deleted = append(deleted, name)
			continue
		case err == nil && !info.Mode().IsRegular():
			notHashed = append(notHashed, name) // a link, a submodule
			continue
		case err != nil:
			return nil, fmt.Errorf("git: %w", err)
		}
		a, err := hallmark.HashFile(file)
		if err != nil {
			return nil, fmt.Errorf("git: %w", err)
		}
		b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{
			Name:        name,
			Digest:      provenance.NewDigestSet(a.Digests...),
			Annotations: map[string]any{"modified": true},
		})
	}
	if deleted != nil {
		b.Dependencies[0].Annotations["deleted"] = deleted
	}
	if notHashed != nil {
		b.Dependencies[0].Annotations["notHashed"] = notHashed
	}
	return b, nil
}

// gitIn runs git in a directory.
type gitIn struct {
	dir string
	env []string
}

func newGit(dir string, getenv func(string) string) gitIn {
	return gitIn{dir, append(command.Env(getenv, "PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT", "USERPROFILE"),
		"LC_ALL=C",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0",
	)}
}

func (g gitIn) run(ctx context.Context, args ...string) ([]byte, error) {
	// A checkout's own configuration could name a program for git to run.
	args = append([]string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "--no-pager"}, args...)
	return command.Run(ctx, g.dir, g.env, "git", args...)
}

func (g gitIn) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

func (g gitIn) object(ctx context.Context, algorithm, name string) (hallmark.Digest, error) {
	id, err := g.line(ctx, "rev-parse", "--verify", "--end-of-options", name)
	if err != nil {
		return hallmark.Digest{}, fmt.Errorf("git: %w", err)
	}
	d, err := hallmark.ParseDigest(algorithm + ":" + id)
	if err != nil {
		return hallmark.Digest{}, fmt.Errorf("git: rev-parse %s: %w", name, err)
	}
	return d, nil
}

// commitTime reads the commit itself: the formats of git log depend on
// configuration.
func (g gitIn) commitTime(ctx context.Context, commit string) (time.Time, error) {
	text, err := g.run(ctx, "cat-file", "commit", commit)
	if err != nil {
		return time.Time{}, fmt.Errorf("git: %w", err)
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("committer ")); ok {
			// committer Name <mail> 1700000000 +0100
			fields := strings.Fields(string(rest[bytes.LastIndexByte(rest, '>')+1:]))
			if len(fields) == 2 {
				if sec, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
					return time.Unix(sec, 0).UTC(), nil
				}
			}
			return time.Time{}, fmt.Errorf("git: malformed committer line %.200q", line)
		}
		if len(line) == 1 {
			break
		}
	}
	return time.Time{}, errors.New("git: the commit has no committer line")
}

func (g gitIn) ref(ctx context.Context, commit string) (string, error) {
	ref, err := g.line(ctx, "symbolic-ref", "--quiet", "HEAD")
	if err == nil {
		return ref, nil
	}
	if failed, ok := errors.AsType[*command.Error](err); !ok || failed.ExitCode != 1 {
		return "", fmt.Errorf("git: %w", err)
	}
	tag, err := g.line(ctx, "for-each-ref", "--format=%(refname)", "--points-at="+commit, "refs/tags")
	if err != nil {
		return "", fmt.Errorf("git: %w", err)
	}
	if strings.Contains(tag, "\n") { // more than one: neither is known to be meant
		return "", nil
	}
	return tag, nil
}

func (g gitIn) repository(ctx context.Context) (string, error) {
	remotes, err := g.line(ctx, "remote")
	if err != nil {
		return "", fmt.Errorf("git: %w", err)
	}
	names := strings.Fields(remotes)
	name := "origin"
	if len(names) == 1 {
		name = names[0]
	}
	if !slices.Contains(names, name) {
		return "", nil
	}
	// Not "git remote get-url", which applies url.<base>.insteadOf.
	remote, err := g.line(ctx, "config", "--get", "remote."+name+".url")
	if failed, ok := errors.AsType[*command.Error](err); ok && failed.ExitCode == 1 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("git: %w", err)
	}
	return provenance.RepositoryURL(remote), nil
}

func (g gitIn) modified(ctx context.Context) ([]string, error) {
	out, err := g.run(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none")
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	var files []string
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry == "" {
			continue
		}
		// XY SP path
		if len(entry) < 4 || entry[2] != ' ' {
			return nil, fmt.Errorf("git: malformed status line %.200q", entry)
		}
		if len(files) == MaxModified {
			return nil, fmt.Errorf("git: more than %d modified files", MaxModified)
		}
		files = append(files, entry[3:])
	}
	slices.Sort(files)
	return files, nil
}
