package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/internal/command"
)

// A Module is the Go module of a directory, with the version that its checkout
// gives it.
type Module struct {
	Path string // as its go.mod has it

	// Version is what the go command, from Go 1.24 on, records as the version
	// of the main module in a program that it builds in the directory:
	// "v1.2.3" if HEAD has that tag; else a pseudo-version of HEAD,
	// "v1.2.4-0.20231114221320-be10c925b626"; and either with "+dirty" at the
	// end if the checkout is modified. It is empty where the go command
	// records "(devel)".
	Version string

	// Tag is the tag of HEAD that Version is from, "sub/v1.2.3" for a module
	// in a directory of the repository. It is empty for a pseudo-version.
	Tag string

	// Modified reports whether "git status" lists a file, untracked ones
	// included, anywhere in the repository. No filter is run for that: see
	// InspectModule.
	Modified bool

	// Why says why there is no Version. It is empty if there is one.
	Why string
}

// InspectModule returns the Module that dir is in, the one of the nearest go.mod
// in dir or above. Its Version is the one that "go build" with -buildvcs=auto, the
// default, stamps a main package in dir with. The rules are those of Go 1.26:
//
//   - The repository is that of the nearest directory .git. The go command does
//     not look into worktrees and submodules, in which .git is a file.
//   - Its top directory must have a go.mod. What follows the path of that
//     module in m.Path, without a major version at the end, is the directory of
//     the module and the prefix of its tags. HEAD must have the module's go.mod
//     there, or in a directory below it named like the major version.
//   - A tag counts if it is a semantic version in full, of the major version
//     that m.Path has, or with "+incompatible" if HEAD has no go.mod at all. Of
//     several at HEAD the highest counts; one with build metadata
//     ("v1.2.3+meta") only as the base of a pseudo-version.
//   - The base of a pseudo-version is the highest tag in the history of HEAD,
//     as far as the repository has that: with a shallow clone it may be another
//     one than with the whole history.
//
// It is an error if there is no go.mod or a malformed one, and where the go
// command fails: if git does, if the repository is of two version control systems
// or inside one of another, and if the branch has no commit but the checkout is not
// modified. A repository of another system than git is one too, and so is a
// program git that is not there, without which the go command records "(devel)".
//
// There are three ways to a different version. The go command follows replace
// refs, and the variables of git in its environment; InspectModule does not. It
// has git run the filters of the configuration, where InspectModule takes a file
// for modified if its time has changed and a filter would be needed to see that
// nothing else has; one that Git Large File Storage keeps it compares itself. And
// with GOPROXY=off the go command prefers a pseudo-version that the module cache
// has for the commit, from a build before it was tagged, for instance.
func InspectModule(ctx context.Context, dir string, getenv func(string) string) (*Module, error) {
	if getenv == nil {
		return nil, errors.New("git: no getenv")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("git: %s is not a directory", dir)
	}
	moduleDir, goMod, err := findGoMod(dir)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	f, err := modfile.ParseLax("go.mod", goMod, nil)
	if err != nil {
		return nil, fmt.Errorf("git: malformed go.mod: %w", err)
	}
	if f.Module == nil {
		return nil, errors.New("git: malformed go.mod: no module directive")
	}
	m := &Module{Path: f.Module.Mod.Path}
	if err := module.CheckImportPath(m.Path); err != nil {
		return nil, fmt.Errorf("git: malformed go.mod: %w", err)
	}

	top, err := findRepository(dir)
	if err != nil {
		return nil, fmt.Errorf("git: %s: %w", dir, err)
	}
	if top == "" {
		m.Why = "there is no directory .git in or above it"
		return m, nil
	}
	if rel, err := filepath.Rel(top, moduleDir); err != nil || !filepath.IsLocal(rel) {
		m.Why = "the repository is only a part of the module"
		return m, nil
	}

	g := newGit(top, getenv)
	// As the go command runs it: settings such as status.showUntrackedFiles act.
	if m.Modified, err = g.status(ctx); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	h, err := g.head(ctx)
	if errors.Is(err, errNoCommit) && m.Modified {
		m.Why = errNoCommit.Error()
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if err := m.setVersion(ctx, g, h); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	return m, nil
}

// setVersion sets m.Version and m.Tag, or m.Why.
func (m *Module) setVersion(ctx context.Context, g gitIn, h *head) error {
	// On the disk, not at the commit.
	goMod, err := readGoMod(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	topPath, _, ok := module.SplitPathVersion(moduleLine(goMod))
	if topPath == "" || !ok {
		m.Why = "the top directory of the repository has no go.mod with a module path"
		return nil
	}
	prefix, major, ok := module.SplitPathVersion(m.Path)
	if !ok {
		m.Why = "the module path ends in a malformed major version"
		return nil
	}
	if m.Path == topPath {
		prefix = m.Path
	}
	// Not gopkg.in/m.v2, too, whose major version is a part of an element.
	if !isBelow(m.Path, topPath) || !isBelow(prefix, topPath) {
		m.Why = "the module path is not below " + strconv.Quote(topPath) + ", which the top directory of the repository has"
		return nil
	}
	dir := strings.Trim(prefix[len(topPath):], "/")

	// The two places in which the commit can have the module's go.mod.
	path1, has1, err := g.goModAt(ctx, h.commit, dir)
	if err != nil {
		return err
	}
	fits1 := has1 && (hasMajor(path1, major) || major == "" && strings.HasPrefix(path1, "gopkg.in/"))
	var path2 string
	var has2 bool
	if strings.HasPrefix(major, "/") && m.Path != topPath {
		if path2, has2, err = g.goModAt(ctx, h.commit, path.Join(dir, major[1:])); err != nil {
			return err
		}
	}
	fits2 := has2 && hasMajor(path2, major)
	switch {
	case fits1 && fits2:
		m.Why = "the commit has two go.mod files for the module's major version"
	case has2 && !fits2, has1 && !fits1 && !fits2:
		m.Why = "the commit has a go.mod of another major version where that of the module would be"
	case !fits1 && !fits2 && (dir != "" || strings.HasPrefix(major, "/")):
		m.Why = "the commit has no go.mod where that of the module would be"
	}
	if m.Why != "" {
		return nil
	}

	// A tag of a higher major version than the path has is allowed for a
	// repository that knows nothing of modules.
	incompatible := func(v string) (bool, error) {
		if dir != "" || major != "" || has1 {
			return false, nil
		}
		_, has, err := g.goModAt(ctx, h.commit, semver.Major(v))
		return !has, err
	}
	// version returns the version that a tag stands for, or "".
	version := func(tag string) (v string, err error) {
		v, ok := tag, true
		if dir != "" {
			v, ok = strings.CutPrefix(tag, dir+"/")
		}
		c := semver.Canonical(v)
		// Neither v1.2, nor one that looks like a pseudo-version. The go command
		// sees the latter in tags without a directory only.
		if !ok || c == "" || !strings.HasPrefix(v, c) || module.IsPseudoVersion(tag) {
			return "", nil
		}
		if !module.MatchPathMajor(c, major) {
			if ok, err := incompatible(c); !ok {
				return "", err
			}
		}
		return c, nil
	}

	for _, tag := range h.tags {
		v, err := version(tag)
		if err != nil {
			return err
		}
		if tag == path.Join(dir, v) && semver.Compare(v, m.Version) > 0 {
			m.Version, m.Tag = v, tag
		}
	}
	// Of a tag in a directory that looks like a pseudo-version, the go command
	// would look into the commit that it names.
	if rev, err := module.PseudoVersionRev(m.Version); err == nil && rev != h.commit[:12] {
		m.Why = "the tag " + m.Tag + " looks like a pseudo-version of another commit"
		m.Version, m.Tag = "", ""
		return nil
	}
	if m.Version == "" {
		merged, err := g.line(ctx, "for-each-ref", "--format=%(refname)", "--merged="+h.commit, "refs/tags")
		if err != nil {
			return err
		}
		var base string
		for ref := range strings.SplitSeq(merged, "\n") {
			v, err := version(strings.TrimPrefix(ref, "refs/tags/"))
			if err != nil {
				return err
			}
			if semver.Compare(v, base) > 0 {
				base = v
			}
		}
		m.Version = module.PseudoVersion(module.PathMajorPrefix(major), base, h.time, h.commit[:12])
	}
	mark := "+dirty"
	if !module.MatchPathMajor(m.Version, major) {
		// A pseudo-version has the major version of its base, or that of the
		// path: this one was allowed above.
		m.Version += "+incompatible"
		mark = ".dirty"
	}
	if m.Modified {
		m.Version += mark
	}
	return nil
}

// findGoMod returns the directory of the nearest go.mod in dir or above, and what
// is in it.
func findGoMod(dir string) (root string, data []byte, err error) {
	for root = dir; ; root = filepath.Dir(root) {
		info, err := os.Stat(filepath.Join(root, "go.mod"))
		if err == nil && !info.IsDir() {
			data, err := readGoMod(root)
			return root, data, err
		}
		if root == filepath.Dir(root) {
			return "", nil, fmt.Errorf("%s: no go.mod in it or above", dir)
		}
	}
}

// readGoMod reads the go.mod of a directory.
func readGoMod(dir string) ([]byte, error) {
	name := filepath.Join(dir, "go.mod")
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxGoMod {
		return nil, fmt.Errorf("malformed go.mod: %s: want a regular file of at most %d bytes", name, maxGoMod)
	}
	return os.ReadFile(name)
}

// moduleLine returns the path of the first line that begins with "module ", as the
// go command looks for it in the go.mod of a repository's top directory. What
// stands behind the path is not cut off: where that is a comment, no module is
// below such a path, and none gets a version.
func moduleLine(goMod []byte) string {
	for line := range strings.SplitSeq(string(goMod), "\n") {
		rest, ok := strings.CutPrefix(line, "module ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, `"`) {
			rest, _ = strconv.Unquote(rest)
		}
		return rest
	}
	return ""
}

// findRepository returns the directory that the go command takes for the top of
// the repository around dir, or "" if there is none.
func findRepository(dir string) (string, error) {
	var git, other []string
	for at := dir; ; at = filepath.Dir(at) {
		is := func(name string, isDir bool) bool {
			info, err := os.Stat(filepath.Join(at, name))
			return err == nil && info.IsDir() == isDir
		}
		if is(".git", true) {
			git = append(git, at)
		}
		for _, mark := range []string{".hg", ".svn", ".bzr"} {
			if is(mark, true) {
				other = append(other, mark)
			}
		}
		if is(".fslckout", false) || is("_FOSSIL_", false) {
			other = append(other, "that of Fossil")
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	switch {
	case len(other)+min(len(git), 1) > 1:
		return "", errors.New("several version control systems, one within another")
	case len(other) == 1:
		return "", fmt.Errorf("the repository is %s, want .git", other[0])
	case len(git) == 0:
		return "", nil
	}
	return git[0], nil
}

// hasMajor reports whether a module path is of the major version that another
// one ends in ("/v2", ".v2" or nothing).
func hasMajor(modulePath, major string) bool {
	_, own, ok := module.SplitPathVersion(modulePath)
	switch {
	case modulePath == "" || !ok:
		return false
	case major == "":
		return slices.Contains([]string{"", "v0", "v1"}, module.PathMajorPrefix(own))
	}
	return own != "" && own[1:] == major[1:]
}

// errNoCommit says that HEAD is a branch yet to be born.
var errNoCommit = errors.New("the branch has no commit yet")

// A head is what the go command asks git about HEAD.
type head struct {
	commit string // its name in full
	time   time.Time
	tags   []string // that point at it
}

func (g gitIn) head(ctx context.Context) (*head, error) {
	line, err := g.line(ctx, "-c", "log.showSignature=false", "log", "--no-decorate", "-n1", "--format=%H %ct %D", "HEAD", "--")
	if failed, ok := errors.AsType[*command.Error](err); ok && strings.Contains(failed.Stderr, "bad revision 'HEAD'") {
		return nil, errNoCommit
	}
	if err != nil {
		return nil, err
	}
	// be10c925b6266227e207a5e7c33e793bd5110055 1700000000 HEAD -> main, tag: v1.2.3, origin/main
	fields := strings.Fields(line)
	if len(fields) < 2 || len(fields[0]) < 12 {
		return nil, fmt.Errorf("malformed line of git log: %.200q", line)
	}
	sec, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("malformed line of git log: %.200q", line)
	}
	h := &head{commit: fields[0], time: time.Unix(sec, 0).UTC()}
	for i, f := range fields[2:] {
		if fields[i+1] == "tag:" {
			h.tags = append(h.tags, strings.TrimSuffix(f, ","))
		}
	}
	return h, nil
}

// goModAt reports whether a directory has a go.mod at a commit, and returns the
// module path in it.
func (g gitIn) goModAt(ctx context.Context, commit, dir string) (modulePath string, has bool, err error) {
	name := path.Join(dir, "go.mod")
	// 100644 blob 9daeafb9864cf43055ae93beb0afd6c7d144bfa4      42	go.mod
	entry, err := g.line(ctx, "ls-tree", "--full-tree", "-l", commit, "--", name)
	if err != nil {
		return "", false, err
	}
	fields := strings.Fields(entry)
	if len(fields) < 4 || fields[1] != "blob" {
		return "", false, nil
	}
	if size, err := strconv.Atoi(fields[3]); err != nil || size > maxGoMod {
		return "", false, fmt.Errorf("malformed go.mod: %s at the commit: %s bytes, want at most %d", name, fields[3], maxGoMod)
	}
	data, err := g.run(ctx, "cat-file", "blob", fields[2])
	if err != nil {
		return "", false, err
	}
	return modfile.ModulePath(data), true, nil
}

// isBelow reports whether a module path is another one or begins with its
// elements.
func isBelow(modulePath, of string) bool {
	return modulePath == of || strings.HasPrefix(modulePath, of+"/")
}
