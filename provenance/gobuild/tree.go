package gobuild

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/command"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// A tree is what a commit has, by slash-separated paths.
type tree struct {
	commit, root hallmark.Digest
	blobs        map[string]entry
	links        map[string]string // submodules: their commits
	closed       map[string]string // submodules that cannot be looked into: why
}

type entry struct {
	mode, id string
}

// Modes of tree entries, as "git ls-tree" prints them.
const (
	modeLink      = "120000"
	modeSubmodule = "160000"
	modeTree      = "040000"
)

// checkout returns the top directory of the checkout around t's directory, and
// the commit at HEAD.
func (t tool) checkout(ctx context.Context) (top, commit string, err error) {
	out, err := t.git(ctx, "rev-parse", "--show-toplevel", "--verify", "--end-of-options", "HEAD^{commit}")
	if failed, ok := errors.AsType[*command.Error](err); ok && strings.Contains(failed.Stderr, "not a git repository") {
		return "", "", fmt.Errorf("gobuild: %s: %w", t.dir, git.ErrNoCheckout)
	}
	if err != nil {
		return "", "", err
	}
	top, commit, ok := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if !ok || strings.Contains(commit, "\n") {
		return "", "", fmt.Errorf("gobuild: malformed git rev-parse: %.200q", out)
	}
	return filepath.FromSlash(top), commit, nil
}

// readTree returns the tree of a commit. The commit and every tree below it are
// hashed again, so that what is listed is what the commit's name stands for,
// whatever is in the repository.
func (t tool) readTree(ctx context.Context, commit string) (*tree, error) {
	id, err := hallmark.ParseDigest("gitCommit:" + commit)
	if err != nil {
		return nil, fmt.Errorf("gobuild: git rev-parse: %w", err)
	}
	// Both at once: to start git takes longer than what it does.
	var out []byte
	listed := make(chan error, 1)
	go func() {
		var err error
		out, err = t.git(ctx, "ls-tree", "-r", "-t", "-z", "--full-tree", commit)
		listed <- err
	}()
	text, err := t.git(ctx, "cat-file", "commit", commit)
	if listErr := <-listed; err == nil {
		err = listErr
	}
	if err != nil {
		return nil, err
	}
	if got := objectID("commit", text, len(commit)); got != commit {
		return nil, fmt.Errorf("gobuild: the repository has a commit of the name %s whose hash is %s", commit, got)
	}
	// tree 59ea6591f74e34fa1ccb267ca4dc6ff08e4dc6ff
	line, _, _ := strings.Cut(string(text), "\n")
	root, ok := strings.CutPrefix(line, "tree ")
	rootID, err := hallmark.ParseDigest("gitTree:" + root)
	if !ok || err != nil {
		return nil, fmt.Errorf("gobuild: malformed commit %s: no tree", commit)
	}

	c, ids, objects, err := parseTree(out, id, rootID)
	if err != nil {
		return nil, err
	}
	for name, object := range objects {
		if objectID("tree", object, len(commit)) == ids[name] {
			continue
		}
		// Trees of old tools have modes that git prints as others.
		raw, err := t.git(ctx, "cat-file", "tree", ids[name])
		if err != nil {
			return nil, err
		}
		if got := objectID("tree", raw, len(commit)); got != ids[name] || !sameEntries(raw, object, len(commit)/2) {
			return nil, fmt.Errorf("gobuild: the repository has a tree of the name %s whose hash is %s", ids[name], got)
		}
	}
	return c, nil
}

// parseTree parses what "git ls-tree -r -t -z" prints of a commit. It returns
// beside what the commit has the names of its trees, and the trees themselves, as
// they would be if all modes were as git prints them, by their paths.
func parseTree(out []byte, commit, root hallmark.Digest) (c *tree, ids map[string]string, objects map[string][]byte, err error) {
	c = &tree{commit: commit, root: root, blobs: make(map[string]entry), links: make(map[string]string), closed: make(map[string]string)}
	ids = map[string]string{"": root.Hex()} // of the trees, by their paths
	objects = map[string][]byte{"": nil}
	n := 0
	for len(out) > 0 {
		// 100644 blob 9daeafb9864cf43055ae93beb0afd6c7d144bfa4<TAB>path<NUL>
		line, rest, ok := bytes.Cut(out, []byte{0})
		meta, name, tab := strings.Cut(string(line), "\t")
		fields := strings.Split(meta, " ")
		if !ok || !tab || len(fields) != 3 || name == "" || len(fields[2]) != len(root.Hex()) {
			return nil, nil, nil, fmt.Errorf("gobuild: malformed git ls-tree: %.200q", line)
		}
		out = rest
		if n++; n > MaxTree {
			return nil, nil, nil, fmt.Errorf("gobuild: the commit has more than %d entries", MaxTree)
		}
		raw, err := hex.DecodeString(fields[2])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("gobuild: malformed git ls-tree: %.200q", line)
		}
		dir, base := "", name
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			dir, base = name[:i], name[i+1:]
		}
		object, ok := objects[dir]
		if !ok {
			return nil, nil, nil, fmt.Errorf("gobuild: malformed git ls-tree: %.200q before its directory", line)
		}
		object = append(append(append(object, strings.TrimLeft(fields[0], "0")...), ' '), base...)
		objects[dir] = append(append(object, 0), raw...)
		switch fields[0] {
		case modeTree:
			ids[name], objects[name] = fields[2], nil
		case modeSubmodule:
			c.links[name] = fields[2]
		default:
			c.blobs[name] = entry{fields[0], fields[2]}
		}
	}
	return c, ids, objects, nil
}

// sameEntries reports whether two trees have the same names and objects,
// whatever their modes.
func sameEntries(a, b []byte, size int) bool {
	next := func(t []byte) (name, rest []byte, ok bool) {
		_, t, ok = bytes.Cut(t, []byte{' '})
		i := bytes.IndexByte(t, 0)
		if !ok || i < 0 || len(t) < i+1+size {
			return nil, nil, false
		}
		return t[:i+1+size], t[i+1+size:], true
	}
	for len(a) > 0 && len(b) > 0 {
		x, restA, okA := next(a)
		y, restB, okB := next(b)
		if !okA || !okB || !bytes.Equal(x, y) {
			return false
		}
		a, b = restA, restB
	}
	return len(a) == len(b)
}

// submodule adds to c what the submodule that the path name is in has at the
// commit that c pins it to. why says why that is not known.
func (c *tree) submodule(ctx context.Context, t tool, top, name string) (added bool, why string, err error) {
	dir := path.Dir(name)
	for c.links[dir] == "" {
		if dir == "." || dir == "/" {
			return false, "", nil
		}
		dir = path.Dir(dir)
	}
	if why, ok := c.closed[dir]; ok {
		return false, why, nil
	}
	at := filepath.Join(top, filepath.FromSlash(dir))
	subTop, _, err := t.in(at).checkout(ctx)
	if ctx.Err() != nil {
		return false, "", err
	}
	if err == nil {
		var same bool
		if same, err = sameFile(subTop, at); err == nil && !same {
			err = git.ErrNoCheckout
		}
	}
	if err != nil {
		c.closed[dir] = "the submodule " + dir + " is not checked out"
		return false, c.closed[dir], nil
	}
	sub, err := t.in(at).readTree(ctx, c.links[dir])
	if _, ok := errors.AsType[*command.Error](err); ok {
		c.closed[dir] = "the submodule " + dir + " does not have the commit that the checkout pins it to"
		return false, c.closed[dir], nil
	}
	if err != nil {
		return false, "", err
	}
	if len(c.blobs)+len(sub.blobs) > MaxTree {
		return false, "", fmt.Errorf("gobuild: the commit and its submodules have more than %d entries", MaxTree)
	}
	delete(c.links, dir)
	for name, e := range sub.blobs {
		c.blobs[dir+"/"+name] = e
	}
	for name, id := range sub.links {
		c.links[dir+"/"+name] = id
	}
	return true, "", nil
}

// newObjectHash returns the hash of a repository whose names have n digits.
func newObjectHash(n int) hash.Hash {
	if n == 64 {
		return sha256.New()
	}
	return sha1.New()
}

// objectID returns the name of a git object: the hash of its type, its length
// and its content.
func objectID(kind string, content []byte, n int) string {
	h := newObjectHash(n)
	h.Write(append(strconv.AppendInt([]byte(kind+" "), int64(len(content)), 10), 0))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, fmt.Errorf("gobuild: %w", err)
	}
	y, err := os.Stat(b)
	if err != nil {
		return false, fmt.Errorf("gobuild: %w", err)
	}
	return os.SameFile(x, y), nil
}
