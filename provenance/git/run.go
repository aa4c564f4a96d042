package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
)

// gitIn runs git in a directory.
type gitIn struct {
	dir string
	env []string
}

func newGit(dir string, getenv func(string) string) gitIn {
	return gitIn{dir, append(command.Env(getenv, "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT", "USERPROFILE"),
		"PATH="+absolutePath(getenv("PATH")),
		"LC_ALL=C",
		"TZ=UTC",
		// Of a partial clone, no object is fetched. Older versions of git know
		// only the second of the two.
		"GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0",
	)}
}

// absolutePath returns the PATH that git finds programs in, without entries that
// would be directories of the checkout.
func absolutePath(path string) string {
	var dirs []string
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(os.PathListSeparator))
}

// arguments returns the arguments of git for args: what is set here, no
// configuration can change. A checkout's own could name programs for git to run.
func arguments(args []string) []string {
	return append([]string{
		"-c", "core.fsmonitor=false",
		"-c", "core.hooksPath=" + os.DevNull,
		"-c", "core.untrackedCache=false",
		"-c", "submodule.recurse=false",
		"-c", "safe.bareRepository=explicit",
		"--no-pager",
	}, args...)
}

func (g gitIn) run(ctx context.Context, args ...string) ([]byte, error) {
	return command.Run(ctx, g.dir, g.env, "git", arguments(args)...)
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

// config returns the values of the settings whose names match a pattern, each
// the last that is set, by their names in lower case but for the middle part.
func (g gitIn) config(ctx context.Context, pattern string, options ...string) (map[string]string, error) {
	out, err := g.run(ctx, append(append([]string{"config", "-z"}, options...), "--get-regexp", pattern)...)
	if failed, ok := errors.AsType[*command.Error](err); ok && failed.ExitCode == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if name, value, _ := strings.Cut(entry, "\n"); name != "" {
			values[name] = value
		}
	}
	return values, nil
}

// withoutFilters returns g for commands that would run the filter programs of
// the configuration, by which git makes of a file what it stores: they are
// switched off, and those that the submodules name, too. none reports that there
// are no such programs.
func (g gitIn) withoutFilters(ctx context.Context) (_ gitIn, none bool, err error) {
	names := make(map[string]bool)
	if err := g.filters(ctx, names, 0); err != nil || len(names) == 0 {
		return g, true, err
	}
	// In the environment, where a name can have any characters.
	env := append([]string{}, g.env...)
	n := 0
	for name := range names {
		value := ""
		if strings.HasSuffix(name, ".required") {
			value = "false"
		}
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n, name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, value))
		n++
	}
	g.env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(n))
	set, err := g.config(ctx, filterSettings)
	if err != nil {
		return g, false, err
	}
	for name, value := range set {
		if value != "" && value != "false" {
			return g, false, fmt.Errorf("the setting %s cannot be switched off: want git 2.31 or later", name)
		}
	}
	return g, false, nil
}

const filterSettings = `^filter\..*\.(clean|smudge|process|required)$`

// filters adds the names of all settings of filters to names.
func (g gitIn) filters(ctx context.Context, names map[string]bool, depth int) error {
	if depth > maxSubmodules {
		return fmt.Errorf("more than %d submodules in one another", maxSubmodules)
	}
	set, err := g.config(ctx, filterSettings)
	if err != nil {
		return err
	}
	for name := range set {
		names[name] = true
	}
	if len(names) > maxFilters {
		return fmt.Errorf("more than %d settings of filters", maxFilters)
	}
	out, err := g.run(ctx, "ls-files", "-z", "-s", "-v")
	if err != nil {
		return err
	}
	index, err := parseIndex(out)
	if err != nil {
		return err
	}
	for _, e := range index {
		dir := filepath.Join(g.dir, filepath.FromSlash(e.path))
		if e.mode != modeSubmodule {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
			continue
		}
		if err := (gitIn{dir, g.env}).filters(ctx, names, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// status reports whether git status, with the settings of the checkout, lists a
// file. No filter is run, but a file that Git Large File Storage keeps is as it
// was if its hash is.
func (g gitIn) status(ctx context.Context) (modified bool, err error) {
	g, none, err := g.withoutFilters(ctx)
	if err != nil {
		return false, err
	}
	out, err := g.run(ctx, "status", "--porcelain=v1", "-z")
	if err != nil || len(out) == 0 || none {
		return len(out) > 0, err
	}
	files := make(map[string]bool)
	for line := range strings.SplitSeq(string(out), "\x00") {
		name, ok := strings.CutPrefix(line, " M ")
		if !ok && line != "" {
			return true, nil
		}
		files[name] = true
	}
	if out, err = g.run(ctx, "ls-files", "-z", "-s", "-v"); err != nil {
		return false, err
	}
	index, err := parseIndex(out)
	if err != nil {
		return false, err
	}
	var others []entry
	var w *worktree
	for _, e := range index {
		if !files[e.path] {
			continue
		}
		if w == nil {
			if w, err = g.worktree(ctx, len(e.id) == hex.EncodedLen(sha256.Size)); err != nil {
				return false, err
			}
			defer w.top.Close()
		}
		switch f, err := w.compare(e); { // a submodule is no file, and so modified
		case err != nil:
			return false, err
		case f == fileOther:
			others = append(others, e)
		case f != fileSame:
			return true, nil
		}
	}
	if len(others) == 0 {
		return false, nil
	}
	conversions, err := w.conversions(ctx, g, others)
	if err != nil {
		return false, err
	}
	for _, e := range others {
		if conversions[e.path] != undone {
			return true, nil
		}
	}
	return false, nil
}
