package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/command"
)

// differences are the files of a checkout that differ from HEAD, by their paths.
type differences struct {
	modified  []string
	hidden    []string // of modified: git status does not show them
	filtered  []string // of modified: a filter might undo the difference
	converted []string // not modified, but of other bytes than the blob
	sparse    bool     // directories are left out
}

// differences compares each file with its blob in the tree of HEAD. What the
// index says of files, their times and its flags, is not relied on. depth is how
// many checkouts this one is a submodule in.
func (g gitIn) differences(ctx context.Context, treeID string, depth int) (*differences, error) {
	committed, err := g.tree(ctx, treeID)
	if err != nil {
		return nil, err
	}
	out, err := g.run(ctx, "ls-files", "-z", "-s", "-v")
	if err != nil {
		return nil, err
	}
	index, err := parseIndex(out)
	if err != nil {
		return nil, err
	}
	untracked, err := g.run(ctx, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	w, err := g.worktree(ctx, len(treeID) == hex.EncodedLen(sha256.Size))
	if err != nil {
		return nil, err
	}
	defer w.top.Close()

	modified, hidden := make(map[string]bool), make(map[string]bool)
	for name := range strings.SplitSeq(string(untracked), "\x00") {
		if name != "" {
			modified[name] = true
		}
	}
	staged := make(map[string]entry, len(index))
	for _, e := range index {
		staged[e.path] = e
	}
	present := make(map[string]bool) // directories that have files of the commit
	var leftOut, others []entry
	for _, c := range committed {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, ok := staged[c.path]
		delete(staged, c.path)
		if !ok || e.stage != 0 || e.mode != c.mode || e.id != c.id {
			modified[c.path] = true
			continue
		}
		f := fileSame
		if c.mode == modeSubmodule {
			f, err = w.compareSubmodule(ctx, g, c, depth)
		} else {
			f, err = w.compare(c)
		}
		if err != nil {
			return nil, err
		}
		if f != fileAbsent {
			present[path.Dir(c.path)] = true
		}
		switch {
		case f == fileSame:
		case f == fileAbsent && e.skipWorktree && w.sparse:
			leftOut = append(leftOut, c)
		case f == fileOther:
			c.assumeUnchanged, c.skipWorktree = e.assumeUnchanged, e.skipWorktree
			others = append(others, c)
		default:
			modified[c.path] = true
			hidden[c.path] = e.assumeUnchanged || e.skipWorktree || f == fileHidden
		}
	}
	for name := range staged { // and not in the commit
		modified[name] = true
	}

	d := &differences{sparse: len(leftOut) > 0}
	for _, c := range leftOut {
		// A sparse checkout leaves directories out. In one that is there, a
		// missing file was deleted: to a compiler that is another package.
		if present[path.Dir(c.path)] {
			modified[c.path], hidden[c.path] = true, true
		}
	}
	conversions, err := w.conversions(ctx, g, others)
	if err != nil {
		return nil, err
	}
	for _, c := range others {
		switch conversions[c.path] {
		case undone:
			d.converted = append(d.converted, c.path)
			continue
		case unknown:
			d.filtered = append(d.filtered, c.path)
		}
		modified[c.path] = true
		hidden[c.path] = c.assumeUnchanged || c.skipWorktree
	}
	if len(modified) > MaxModified {
		return nil, fmt.Errorf("more than %d modified files", MaxModified)
	}
	for name := range modified {
		d.modified = append(d.modified, name)
		if hidden[name] {
			d.hidden = append(d.hidden, name)
		}
	}
	slices.Sort(d.modified)
	slices.Sort(d.hidden)
	return d, nil
}

// Modes of entries, as git writes them.
const (
	modeFile       = "100644"
	modeExecutable = "100755"
	modeLink       = "120000"
	modeSubmodule  = "160000"
	modeTree       = "040000"
)

// An entry is a file of a tree or of the index.
type entry struct {
	mode string
	id   string // of the blob, or of the commit of a submodule
	path string

	// Of the index.
	stage           int  // not 0: one side of a conflict
	assumeUnchanged bool // its flags
	skipWorktree    bool
}

// fileMode returns the mode that git gives to a file whose mode in a tree is
// another one, from its early days.
func fileMode(mode string) string {
	if n, err := strconv.ParseUint(mode, 8, 32); err == nil && n&0o170000 == 0o100000 {
		if n&0o100 != 0 {
			return modeExecutable
		}
		return modeFile
	}
	return mode
}

// tree returns the files of a tree and of those below it, in git's order. What
// git lists is not taken on trust: the names of the trees are made anew of what
// is in them.
func (g gitIn) tree(ctx context.Context, id string) ([]entry, error) {
	out, err := g.run(ctx, "ls-tree", "-r", "-t", "-z", "--full-tree", id)
	if err != nil {
		return nil, err
	}
	all, err := parseTree(out)
	if err != nil {
		return nil, err
	}
	type dir struct {
		id      string
		content []byte // as in the object
	}
	dirs := map[string]*dir{".": {id: id}}
	var files []entry
	for _, e := range all {
		parent, ok := dirs[path.Dir(e.path)]
		raw, err := hex.DecodeString(e.id)
		if !ok || err != nil || len(e.id) != len(id) {
			return nil, fmt.Errorf("malformed tree %s: entry %.200q", id, e.path)
		}
		parent.content = fmt.Appendf(parent.content, "%s %s\x00%s", strings.TrimLeft(e.mode, "0"), path.Base(e.path), raw)
		if e.mode == modeTree {
			if dirs[e.path] != nil {
				return nil, fmt.Errorf("malformed tree %s: %.200q twice", id, e.path)
			}
			dirs[e.path] = &dir{id: e.id}
			continue
		}
		e.mode = fileMode(e.mode)
		files = append(files, e)
	}
	sha256Names := len(id) == hex.EncodedLen(sha256.Size)
	for _, d := range dirs {
		if objectID(sha256Names, "tree", d.content) == d.id {
			continue
		}
		// In trees of old programs, modes can begin with a zero.
		raw, err := g.run(ctx, "cat-file", "tree", d.id)
		if err != nil {
			return nil, err
		}
		if objectID(sha256Names, "tree", raw) != d.id || !bytes.Equal(withoutZeros(raw, len(id)/2), d.content) {
			return nil, fmt.Errorf("the tree %s has another content than its name says", d.id)
		}
	}
	return files, nil
}

// withoutZeros returns a tree object whose modes do not begin with zeros. What
// is no tree it cuts off.
func withoutZeros(raw []byte, idSize int) []byte {
	var out []byte
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, 0) + 1
		if end == 0 || len(raw) < end+idSize {
			break
		}
		out = append(append(out, bytes.TrimLeft(raw[:end], "0")...), raw[end:end+idSize]...)
		raw = raw[end+idSize:]
	}
	return out
}

// parseTree parses what git ls-tree -z prints:
//
//	100644 blob 9daeafb9864cf43055ae93beb0afd6c7d144bfa4	dir/file
func parseTree(out []byte) ([]entry, error) {
	var entries []entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		if line == "" {
			continue
		}
		head, name, ok := strings.Cut(line, "\t")
		f := strings.Split(head, " ")
		if !ok || len(f) != 3 || !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name || name == "." {
			return nil, fmt.Errorf("malformed line of git ls-tree: %.200q", line)
		}
		entries = append(entries, entry{mode: f[0], id: f[2], path: name})
	}
	return entries, nil
}

// parseIndex parses what git ls-files -z -s -v prints:
//
//	H 100644 9daeafb9864cf43055ae93beb0afd6c7d144bfa4 0	dir/file
func parseIndex(out []byte) ([]entry, error) {
	var entries []entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		if line == "" {
			continue
		}
		head, name, ok := strings.Cut(line, "\t")
		f := strings.Split(head, " ")
		if !ok || len(f) != 4 || len(f[0]) != 1 || len(f[3]) != 1 || f[3] < "0" || f[3] > "3" {
			return nil, fmt.Errorf("malformed line of git ls-files: %.200q", line)
		}
		entries = append(entries, entry{
			mode: f[1], id: f[2], path: name, stage: int(f[3][0] - '0'),
			assumeUnchanged: strings.ToLower(f[0]) == f[0],
			skipWorktree:    strings.EqualFold(f[0], "s"),
		})
	}
	return entries, nil
}

// A worktree compares files with their blobs.
type worktree struct {
	top      *os.Root
	sha256   bool            // objects have SHA-256 names
	fileMode bool            // files have the permission to be executed or not
	symlinks bool            // links are links, and not files with their text
	sparse   bool            // files may be left out
	isDir    map[string]bool // directories, without links in their paths
}

func (g gitIn) worktree(ctx context.Context, sha256Names bool) (*worktree, error) {
	set, err := g.config(ctx, `^core\.(filemode|symlinks|sparsecheckout)$`, "--type=bool")
	if err != nil {
		return nil, err
	}
	top, err := os.OpenRoot(g.dir)
	if err != nil {
		return nil, err
	}
	return &worktree{
		top:      top,
		sha256:   sha256Names,
		fileMode: set["core.filemode"] != "false",
		symlinks: set["core.symlinks"] != "false",
		sparse:   set["core.sparsecheckout"] == "true",
		isDir:    map[string]bool{".": true},
	}, nil
}

// What a comparison of a file with its blob has found.
type found int

const (
	fileSame     found = iota
	fileAbsent         // there is none
	fileOther          // a file of other bytes
	fileModified       // of another kind or mode
	fileHidden         // modified in a way that git status does not show
)

// compare compares a file with the blob of an entry, byte by byte: nothing is
// converted.
func (w *worktree) compare(e entry) (found, error) {
	if !w.dir(path.Dir(e.path)) {
		return fileAbsent, nil
	}
	name := filepath.FromSlash(e.path)
	info, err := w.top.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fileAbsent, nil
	}
	if err != nil {
		return 0, err
	}
	switch mode := info.Mode(); {
	case e.mode == modeLink && mode&fs.ModeSymlink != 0:
		to, err := w.top.Readlink(name)
		if err != nil {
			return 0, err
		}
		if objectID(w.sha256, "blob", []byte(filepath.ToSlash(to))) != e.id {
			return fileModified, nil
		}
		return fileSame, nil
	case !mode.IsRegular() || e.mode == modeLink && w.symlinks:
		return fileModified, nil
	case e.mode != modeLink && w.fileMode && (e.mode == modeExecutable) != (mode&0o100 != 0):
		return fileModified, nil
	}
	id, err := w.blob(name)
	switch {
	case err != nil:
		return 0, err
	case id == e.id:
		return fileSame, nil
	case e.mode == modeLink:
		return fileModified, nil
	}
	return fileOther, nil
}

// dir reports whether a path leads to a directory, and not through a link.
func (w *worktree) dir(name string) bool {
	is, known := w.isDir[name]
	if !known {
		if is = w.dir(path.Dir(name)); is {
			info, err := w.top.Lstat(filepath.FromSlash(name))
			is = err == nil && info.IsDir()
		}
		w.isDir[name] = is
	}
	return is
}

// blob returns the name that a file's bytes have as a blob.
func (w *worktree) blob(name string) (string, error) {
	f, size, err := w.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := newHash(w.sha256, "blob", size)
	if err := copyAll(h, f, size); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// pointer returns the name that a file has as a blob in which Git Large File
// Storage keeps the file's hash instead of its bytes.
//
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
func (w *worktree) pointer(name string) (string, error) {
	f, size, err := w.open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if err := copyAll(h, f, size); err != nil {
		return "", err
	}
	text := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", h.Sum(nil), size)
	return objectID(w.sha256, "blob", []byte(text)), nil
}

func (w *worktree) open(name string) (*os.File, int64, error) {
	f, err := w.top.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: it is no regular file any more", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func copyAll(to io.Writer, f *os.File, size int64) error {
	n, err := io.Copy(to, io.LimitReader(f, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("%s: its size changed while it was read", f.Name())
	}
	return err
}

// compareSubmodule compares the checkout of a submodule with its commit.
func (w *worktree) compareSubmodule(ctx context.Context, g gitIn, e entry, depth int) (found, error) {
	if depth == maxSubmodules {
		return 0, fmt.Errorf("%s: more than %d submodules in one another", e.path, maxSubmodules)
	}
	name := filepath.FromSlash(e.path)
	info, err := w.top.Lstat(name)
	switch {
	case !w.dir(path.Dir(e.path)) || errors.Is(err, fs.ErrNotExist):
		return fileAbsent, nil
	case err != nil:
		return 0, err
	case !info.IsDir():
		return fileModified, nil
	}
	_, err = w.top.Lstat(filepath.Join(name, ".git"))
	if errors.Is(err, fs.ErrNotExist) {
		// It is not checked out. git does not look at what else is there.
		dir, err := w.top.Open(name)
		if err != nil {
			return 0, err
		}
		defer dir.Close()
		switch _, err := dir.Readdirnames(1); {
		case errors.Is(err, io.EOF):
			return fileSame, nil
		case err != nil:
			return 0, err
		}
		return fileHidden, nil
	}
	if err != nil {
		return 0, err
	}
	sub := gitIn{filepath.Join(g.dir, name), g.env}
	root, err := sub.line(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return 0, err
	}
	if filepath.FromSlash(root) != sub.dir {
		return 0, fmt.Errorf("%s: the repository there is that of %s", e.path, root)
	}
	// Not a --verify of HEAD alone, which takes any forty digits.
	head, err := sub.line(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if _, ok := errors.AsType[*command.Error](err); ok || err == nil && head != e.id {
		return fileModified, nil
	}
	if err != nil {
		return 0, err
	}
	c, err := sub.commit(ctx, head)
	if err != nil {
		return 0, err
	}
	d, err := sub.differences(ctx, c.tree, depth+1)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", e.path, err)
	case len(d.modified) == 0:
		return fileSame, nil
	case len(d.hidden) == len(d.modified):
		return fileHidden, nil
	}
	return fileModified, nil
}

// What a conversion makes of a file whose bytes are not those of its blob.
type conversion int

const (
	remains conversion = iota // the file is modified
	undone                    // what git would store is the blob
	unknown                   // a filter is configured by an attribute, and not run
)

// conversions tells of files whether git would store them as their blobs: with
// its own conversions of line ends, encodings and $Id$, and with what Git Large
// File Storage does. The programs of filters are not run.
func (w *worktree) conversions(ctx context.Context, g gitIn, files []entry) (map[string]conversion, error) {
	if len(files) == 0 {
		return nil, nil
	}
	g, _, err := g.withoutFilters(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]conversion)
	for len(files) > 0 {
		n, size := 0, 0
		for n < len(files) && n < 1000 && (n == 0 || size+len(files[n].path) < maxArguments) {
			size += len(files[n].path) + 1
			n++
		}
		if err := w.convert(ctx, g, files[:n], all); err != nil {
			return nil, err
		}
		files = files[n:]
	}
	return all, nil
}

// convert is conversions for as many files as fit in one command.
func (w *worktree) convert(ctx context.Context, g gitIn, files []entry, all map[string]conversion) error {
	var names []string
	for _, e := range files {
		names = append(names, e.path)
	}
	out, err := g.line(ctx, append([]string{"hash-object", "--"}, names...)...)
	if _, ok := errors.AsType[*command.Error](err); ok {
		if len(files) == 1 {
			return nil // git cannot convert it
		}
		for i := range files {
			if err := w.convert(ctx, g, files[i:i+1], all); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	ids := strings.Split(out, "\n")
	if len(ids) != len(files) {
		return fmt.Errorf("malformed output of git hash-object: %d lines, want %d", len(ids), len(files))
	}
	attributes, err := g.run(ctx, append([]string{"check-attr", "-z", "filter", "--"}, names...)...)
	if err != nil {
		return err
	}
	// path NUL filter NUL value NUL
	values := strings.Split(string(attributes), "\x00")
	if len(values) != 3*len(files)+1 {
		return fmt.Errorf("malformed output of git check-attr: %d fields, want %d", len(values), 3*len(files)+1)
	}
	for i, e := range files {
		switch filter := values[3*i+2]; {
		case ids[i] == e.id:
			all[e.path] = undone
		case filter == "unspecified" || filter == "unset" || filter == "set" || filter == "":
		case filter == "lfs":
			id, err := w.pointer(filepath.FromSlash(e.path))
			if err != nil {
				return err
			}
			if id == e.id {
				all[e.path] = undone
			}
		default:
			all[e.path] = unknown
		}
	}
	return nil
}
