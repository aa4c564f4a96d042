// Package git observes the git checkout that a build is made from.
//
// [Inspect] returns the facts of a [Checkout]: its commit and tree, who made it,
// the branch and the tags, the repository it was cloned from, and the files in it
// that differ from the commit. [Observe] makes of them the Build of somebody who
// builds on a machine of their own. [Checkout.VerifyCommit] and
// [Checkout.VerifyTag] tell whether one of given [Signers] has signed the commit
// or a tag. [InspectModule] returns the version that the checkout gives to a Go
// module in it.
//
// # What is compared
//
// A file is modified if its bytes are not those of its blob. They are all read,
// and hashed as git does; what the index says of files, their times, and the
// flags assume-unchanged and skip-worktree, counts for nothing. The tree is that
// of the commit, and the commit that of its name: both are hashed again, too, so
// that a repository cannot have other objects than their names say. A submodule is
// compared in the same way, and a directory in its place without a repository must
// be empty.
//
// Where bytes differ, git itself is asked what it would store: it converts line
// ends, encodings and $Id$ as attributes and settings ask for. Such files are in
// Converted, and not in Modified. A large file whose blob is the pointer of Git
// Large File Storage is one of them if it has the hash in that. Other filters are
// programs that are not run: a file that needs one to become its blob is modified,
// and in Filtered, too.
//
// # What is not seen
//
// Files that git ignores (.gitignore, .git/info/exclude, core.excludesFile) can be
// read by the compiler all the same. Only who knows what it reads can find them:
// [Checkout.Untracked] and the field Reads of [Options] take a list.
//
// What changes after it was compared is not seen, nor is an empty directory.
// Directories that a sparse checkout leaves out are not missed. In a repository of
// SHA-1 names, somebody who made a file of the commit can have made another one of
// the same name: git looks for signs of that when it stores a file, and nothing here
// does.
//
// # What is run
//
// Everything runs the program git, found in the PATH that getenv gives, of which
// entries that are not absolute are left out. Its environment is its own: variables
// such as GIT_DIR have no effect, replace refs are not followed, no lock is taken,
// nothing is fetched, not for a partial clone either, and the checkout is not
// changed. HOME is passed on, because without it git would refuse checkouts that
// the user has declared safe; with that come the user's own settings, such as
// core.autocrlf and core.excludesFile.
//
// The configuration of a checkout can name programs: monitors, hooks, filters,
// pagers, aliases, transports, programs that verify signatures. None of them is
// run, whether by Inspect, by InspectModule or by what verifies signatures; nor
// those that submodules or included files name. The programs that verify signatures
// are ssh-keygen and gpg of the PATH. What remains is git itself, which parses the
// repository: whoever distrusts that sets a time limit by the context, and memory
// and file limits outside.
package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
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

	// Author and Committer are those of HEAD. No statement has them.
	Author, Committer Person

	// Ref is the branch that is checked out, "refs/heads/main"; or, if HEAD
	// is detached, the only tag at it, "refs/tags/v1.2.3"; or "".
	Ref string

	// Tags are all tags at HEAD, sorted by Ref.
	Tags []Tag

	// Remote is the name of the remote whose URL is Repository: "origin", or
	// the only one; or "".
	Remote string

	// Repository is the URL of Remote, the first if it has several, as
	// [provenance.RepositoryURL] returns it. It is empty if there is none, or if it is a
	// path of this machine.
	Repository string

	// Modified are the files that differ from HEAD, untracked ones included
	// and ignored ones not, by their slash-separated paths, sorted. A submodule
	// is one file, and so is a repository within the checkout, whose path
	// ends in a slash.
	Modified []string

	// Hidden are those of Modified that "git status" keeps quiet about: files
	// marked assume-unchanged or skip-worktree, files in the directory of a
	// submodule that is not checked out, and submodules with nothing but such
	// files.
	Hidden []string

	// Filtered are those of Modified that an attribute names a filter for
	// ("*.secret filter=git-crypt"). The filter, which is a program, might
	// make of them what the commit has. It is not run.
	Filtered []string

	// Converted are files that are not modified, although their bytes are not
	// those of the blob: git makes the blob of them by its own conversions,
	// which the attributes text, eol, ident and working-tree-encoding and the
	// setting core.autocrlf ask for; or the blob is the pointer that Git Large
	// File Storage keeps for their bytes.
	Converted []string

	// Shallow says that the repository lacks history. A version that is
	// counted from an older tag can then be wrong: see [InspectModule].
	Shallow bool

	// Sparse says that directories of HEAD are left out of the checkout. That
	// is no modification, but a file that is missing where others of its
	// directory are there is one.
	Sparse bool

	// Submodule says that the repository around this one has it as a
	// submodule. Linked says that this is a worktree that was added to a
	// repository elsewhere, "git worktree add".
	Submodule, Linked bool

	// ObjectFormat is the hash of the repository's object names: "sha1" or
	// "sha256".
	ObjectFormat string
}

// A Tag is a tag at the commit.
type Tag struct {
	Ref string // "refs/tags/v1.2.3"

	// Object is the gitTag of an annotated tag, and Tagger is who made it. Both
	// are zero for a lightweight tag, which is only a name.
	Object hallmark.Digest
	Tagger Person
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
	if failed, ok := errors.AsType[*command.Error](err); ok {
		for _, text := range []string{"not a git repository", "cannot use bare repository", "must be run in a work tree"} {
			if strings.Contains(failed.Stderr, text) {
				return nil, fmt.Errorf("git: %s: %w", dir, ErrNoCheckout)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	c := &Checkout{Root: filepath.FromSlash(root)}
	// By its configuration, a repository can have its files elsewhere.
	if in, err := isIn(dir, c.Root); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	} else if !in {
		return nil, fmt.Errorf("git: %s: the repository there is that of another directory, %s", dir, c.Root)
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

	g.dir = c.Root
	c.Commit, err = g.object(ctx, "gitCommit", "HEAD")
	if failed, ok := errors.AsType[*command.Error](err); ok && strings.Contains(failed.Stderr, "Needed a single revision") {
		return nil, fmt.Errorf("git: %s: the branch has no commit yet", dir)
	}
	if err != nil {
		return nil, err
	}
	// From here on by its name, in case HEAD moves.
	id := c.Commit.Hex()
	head, err := g.commit(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	c.Author, c.Committer, c.Time = head.author, head.committer, head.committer.Time
	if c.Tree, err = hallmark.ParseDigest("gitTree:" + head.tree); err != nil {
		return nil, fmt.Errorf("git: malformed commit: %w", err)
	}
	if c.Tags, err = g.tags(ctx, id); err != nil {
		return nil, err
	}
	if c.Ref, err = g.line(ctx, "symbolic-ref", "--quiet", "HEAD"); err != nil {
		if failed, ok := errors.AsType[*command.Error](err); !ok || failed.ExitCode != 1 {
			return nil, fmt.Errorf("git: %w", err)
		}
		c.Ref = ""
		if len(c.Tags) == 1 { // of several, none is known to be meant
			c.Ref = c.Tags[0].Ref
		}
	}
	if c.Repository, c.Remote, err = g.repository(ctx); err != nil {
		return nil, err
	}
	if err := c.setKind(ctx, g); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	d, err := g.differences(ctx, head.tree, 0)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	c.Modified, c.Hidden, c.Filtered, c.Converted, c.Sparse = d.modified, d.hidden, d.filtered, d.converted, d.sparse
	return c, nil
}

// setKind sets what kind of repository and checkout c is of.
func (c *Checkout) setKind(ctx context.Context, g gitIn) error {
	kind, err := g.line(ctx, "rev-parse", "--is-shallow-repository", "--show-object-format")
	if err != nil {
		return err
	}
	shallow, format, _ := strings.Cut(kind, "\n")
	if shallow != "true" && shallow != "false" || format != "sha1" && format != "sha256" {
		return fmt.Errorf("malformed output of git rev-parse: %.200q", kind)
	}
	c.Shallow, c.ObjectFormat = shallow == "true", format
	// A linked worktree has a directory of its own in the one that the
	// repository's worktrees have in common.
	own, err := g.line(ctx, "rev-parse", "--git-dir")
	if err != nil {
		return err
	}
	common, err := g.line(ctx, "rev-parse", "--git-common-dir")
	if err != nil {
		return err
	}
	c.Linked = own != common
	super, err := g.line(ctx, "rev-parse", "--show-superproject-working-tree")
	c.Submodule = super != ""
	return err
}

// isIn reports whether a directory is another one or below it.
func isIn(dir, of string) (bool, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false, err
	}
	if of, err = filepath.EvalSymlinks(of); err != nil {
		return false, err
	}
	rel, err := filepath.Rel(of, dir)
	return err == nil && filepath.IsLocal(rel), nil
}

// Source returns c as the source of a build. A repository that c does not know
// is the one of the options, or else is taken from their module path; it is
// marked as coming from there. The files that the options name are not looked at.
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
	in, outside, err := c.untracked(ctx, files, getenv)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	var untracked []string
	for i := range files {
		untracked = append(untracked, in[i]...)
		untracked = append(untracked, outside[i]...)
	}
	return untracked, nil
}

// untracked returns for each of files its path in the checkout, if git does not
// track it, or its own if it is outside.
func (c *Checkout) untracked(ctx context.Context, files []string, getenv func(string) string) (in, outside [][]string, err error) {
	out, err := newGit(c.Root, getenv).run(ctx, "ls-files", "-z", "--recurse-submodules")
	if err != nil {
		return nil, nil, err
	}
	tracked := make(map[string]bool)
	for name := range strings.SplitSeq(string(out), "\x00") {
		tracked[name] = true
	}
	root, err := filepath.EvalSymlinks(c.Root)
	if err != nil {
		return nil, nil, err
	}
	in, outside = make([][]string, len(files)), make([][]string, len(files))
	for i, file := range files {
		abs, err := filepath.Abs(file)
		if err != nil {
			return nil, nil, err
		}
		// Not the file itself: a link is tracked as a link.
		dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return nil, nil, err
		}
		name, err := filepath.Rel(root, filepath.Join(dir, filepath.Base(abs)))
		switch {
		case err != nil || !filepath.IsLocal(name):
			outside[i] = []string{file}
		case !tracked[filepath.ToSlash(name)]:
			in[i] = []string{filepath.ToSlash(name)}
		}
	}
	return in, outside, nil
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

	// Reads are files that the build reads, by their paths on this machine, as
	// "go list" can tell: those in the checkout that HEAD does not have are
	// modified files, also if git ignores them. Files outside of the checkout
	// are not looked at.
	Reads []string

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
	modified := c.Modified
	if len(o.Reads) > 0 {
		if o.Getenv == nil {
			return nil, errors.New("git: no getenv")
		}
		untracked, _, err := c.untracked(ctx, o.Reads, o.Getenv)
		if err != nil {
			return nil, fmt.Errorf("git: %w", err)
		}
		modified = slices.Concat(modified, slices.Concat(untracked...))
		slices.Sort(modified)
		modified = slices.Compact(modified)
	}
	s := c.Source(o)
	s.Modified = len(modified) > 0
	if s.Modified && !o.AllowModified {
		return nil, &ModifiedError{Files: modified}
	}
	if s.Modified && s.Repository == "" {
		return nil, errors.New("git: the checkout is modified and its repository is not known")
	}
	b := provenance.Local(s)
	if len(b.Dependencies) > 0 {
		if c.Shallow {
			b.Dependencies[0].Annotations["shallow"] = true
		}
		if c.Sparse {
			b.Dependencies[0].Annotations["sparse"] = true
		}
	}
	if !s.Modified {
		return b, nil
	}
	top, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	defer top.Close()
	w := &worktree{top: top, isDir: map[string]bool{".": true}}
	var deleted, notHashed []any
	for _, name := range modified {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file := filepath.Join(c.Root, filepath.FromSlash(name))
		info, err := os.Lstat(file)
		switch {
		case errors.Is(err, os.ErrNotExist) || !w.dir(path.Dir(path.Clean(name))): // what is behind a link is another file
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

// commit returns what the commit of a name says, after its name was made anew
// of its bytes.
func (g gitIn) commit(ctx context.Context, id string) (*commit, error) {
	text, err := g.objectText(ctx, "commit", id)
	if err != nil {
		return nil, err
	}
	return parseCommit(text, len(id) == hex.EncodedLen(sha256.Size))
}

// objectText returns the bytes of a commit or tag, from which its name follows.
func (g gitIn) objectText(ctx context.Context, kind, id string) ([]byte, error) {
	text, err := g.run(ctx, "cat-file", kind, id)
	if err != nil {
		return nil, err
	}
	if len(text) > maxObject {
		return nil, fmt.Errorf("the %s %s has %d bytes, want at most %d", kind, id, len(text), maxObject)
	}
	if objectID(len(id) == hex.EncodedLen(sha256.Size), kind, text) != id {
		return nil, fmt.Errorf("the %s %s has another content than its name says", kind, id)
	}
	return text, nil
}

// tags returns the tags at a commit.
func (g gitIn) tags(ctx context.Context, commit string) ([]Tag, error) {
	out, err := g.run(ctx, "for-each-ref", "--points-at="+commit, "--sort=refname",
		"--format=%(refname)%00%(objecttype)%00%(objectname)%00%(taggername)%00%(taggeremail)%00%(taggerdate:raw)", "refs/tags")
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	tags, err := parseTags(out)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	return tags, nil
}

// parseTags parses lines of six fields with a NUL between each two.
func parseTags(out []byte) ([]Tag, error) {
	var tags []Tag
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 6 || !strings.HasPrefix(f[0], "refs/tags/") {
			return nil, fmt.Errorf("malformed line of git for-each-ref: %.200q", line)
		}
		if len(tags) == MaxTags {
			return nil, fmt.Errorf("more than %d tags at the commit", MaxTags)
		}
		t := Tag{Ref: f[0]}
		if f[1] == "tag" {
			var err error
			if t.Object, err = hallmark.ParseDigest("gitTag:" + f[2]); err != nil {
				return nil, fmt.Errorf("malformed line of git for-each-ref: %w", err)
			}
			if f[3]+f[4]+f[5] != "" { // tags had no tagger in git's early days
				if t.Tagger, err = parsePerson(f[3] + " " + f[4] + " " + f[5]); err != nil {
					return nil, fmt.Errorf("%s: %w", t.Ref, err)
				}
			}
		}
		tags = append(tags, t)
	}
	return tags, nil
}

// repository returns the URL of the remote that counts, and its name.
func (g gitIn) repository(ctx context.Context) (url, name string, err error) {
	remotes, err := g.line(ctx, "remote")
	if err != nil {
		return "", "", fmt.Errorf("git: %w", err)
	}
	names := strings.Fields(remotes)
	name = "origin"
	if len(names) == 1 {
		name = names[0]
	}
	if !slices.Contains(names, name) {
		return "", "", nil
	}
	// Not "git remote get-url", which applies url.<base>.insteadOf.
	out, err := g.run(ctx, "config", "-z", "--get-all", "remote."+name+".url")
	if failed, ok := errors.AsType[*command.Error](err); ok && failed.ExitCode == 1 {
		return "", name, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("git: %w", err)
	}
	// Of several, git fetches from the first.
	url, _, _ = strings.Cut(string(out), "\x00")
	return provenance.RepositoryURL(url), name, nil
}
