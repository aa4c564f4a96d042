package hallmark

import (
	"cmp"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DirOptions says how [HashDir] works. The zero value is ready for use.
type DirOptions struct {
	// Algorithms are dirHash, gitTree or both; none means dirHash.
	Algorithms []string

	// Prefix is put before the names of files in a dirHash. That of a Go
	// module is "path@version/", with which the dirHash of its directory in the
	// module cache is the sum in go.sum.
	Prefix string

	Workers  int               // as in HashOptions
	Progress func(bytes int64) // likewise
}

// HashDir returns the directory dir, with all that is in it, as an Artifact with
// its base name.
//
// A dirHash is over the names and the contents of the files
// (golang.org/x/mod/sumdb/dirhash, Hash1): it does not tell whether a file is
// executable, and a link is an error. A gitTree is the name of the tree that git
// would make of the directory in a repository of SHA-1 objects, with no file
// ignored and no filter applied: it tells modes and links, and anything called
// .git is an error. Neither tells of empty directories. On systems without
// permission bits no file is executable.
//
// What is neither a file nor a directory nor a link is an error, and so is a
// directory of which files come, go or change until all of them are read, as far
// as names, modes, sizes and modification times tell.
func HashDir(ctx context.Context, dir string, o DirOptions) (Artifact, error) {
	algorithms := o.Algorithms
	if len(algorithms) == 0 {
		algorithms = []string{"dirHash"}
	}
	var tree, flat bool
	for _, a := range algorithms {
		switch {
		case a == "dirHash" && !flat:
			flat = true
		case a == "gitTree" && !tree:
			tree = true
		case a == "dirHash" || a == "gitTree":
			return Artifact{}, fmt.Errorf("hallmark: digest by %q is asked for twice", a)
		default:
			return Artifact{}, fmt.Errorf("hallmark: cannot compute a digest of a directory by %q", a)
		}
	}
	files, err := listDir(ctx, dir)
	if err != nil {
		return Artifact{}, err
	}
	var paths []string
	for _, f := range files {
		switch {
		case f.mode.IsRegular():
			paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.name)))
		case flat:
			return Artifact{}, fmt.Errorf("hash %s: %q is a link, which a dirHash cannot have", dir, f.name)
		}
		if flat && strings.Contains(f.name, "\n") {
			return Artifact{}, fmt.Errorf("hash %s: %q has a line break, which a dirHash cannot have", dir, f.name)
		}
		if tree && slices.ContainsFunc(strings.Split(f.name, "/"), func(e string) bool { return strings.EqualFold(e, ".git") }) {
			return Artifact{}, fmt.Errorf("hash %s: %q, which a gitTree cannot have", dir, f.name)
		}
	}
	var each []string
	if flat {
		each = append(each, "sha256")
	}
	if tree {
		each = append(each, "gitBlob")
	}
	hashed, err := HashFiles(ctx, paths, HashOptions{Algorithms: each, Workers: o.Workers, Progress: o.Progress})
	if err != nil {
		return Artifact{}, err
	}
	for i := range files {
		f := &files[i]
		if f.mode.IsRegular() {
			f.sha256, f.blob = hashed[0].Digest("sha256").sum, hashed[0].Digest("gitBlob").sum
			hashed = hashed[1:]
			continue
		}
		if f.blob, err = linkBlob(filepath.Join(dir, filepath.FromSlash(f.name))); err != nil {
			return Artifact{}, err
		}
	}
	again, err := listDir(ctx, dir)
	if err != nil {
		return Artifact{}, err
	}
	same := func(a, b dirFile) bool {
		return a.name == b.name && a.mode == b.mode && a.size == b.size && a.modified.Equal(b.modified)
	}
	if !slices.EqualFunc(files, again, same) {
		return Artifact{}, fmt.Errorf("hash %s: the directory changed while it was read", dir)
	}

	abs, err := filepath.Abs(dir)
	if err != nil {
		return Artifact{}, err
	}
	artifact := Artifact{Name: filepath.Base(abs)}
	for _, a := range algorithms {
		sum := ""
		if a == "dirHash" {
			sum = dirHash(files, o.Prefix)
		} else {
			sum = gitTree(files)
		}
		artifact.Digests = append(artifact.Digests, Digest{a, sum})
	}
	return artifact, nil
}

// A dirFile is a file or a link in a directory.
type dirFile struct {
	name         string // its slash-separated path
	mode         fs.FileMode
	size         int64
	modified     time.Time
	sha256, blob string // sums
}

// listDir returns what is in a directory, sorted by name.
func listDir(ctx context.Context, dir string) ([]dirFile, error) {
	var files []dirFile
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if seen++; seen > MaxDirFiles {
			return fmt.Errorf("hash %s: more than %d files", dir, MaxDirFiles)
		}
		if d.IsDir() {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if name == "." {
			return fmt.Errorf("hash %s: not a directory", dir)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if mode := info.Mode(); !mode.IsRegular() && mode.Type() != fs.ModeSymlink {
			return fmt.Errorf("hash %s: neither a file nor a directory (%s)", path, mode.Type())
		}
		files = append(files, dirFile{name: filepath.ToSlash(name), mode: info.Mode(), size: info.Size(), modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("hash %s: no file in the directory", dir)
	}
	slices.SortFunc(files, func(a, b dirFile) int { return cmp.Compare(a.name, b.name) })
	return files, nil
}

// dirHash returns the hash of sorted files.
func dirHash(files []dirFile, prefix string) string {
	if prefix != "" {
		// With a prefix before all of them their order stays.
		files = slices.Clone(files)
		for i := range files {
			files[i].name = prefix + files[i].name
		}
	}
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%x  %s\n", f.sha256, f.name)
	}
	return string(h.Sum(nil))
}

// gitTree returns the name of the tree object with files, in which all names are
// relative to it.
func gitTree(files []dirFile) string {
	type entry struct {
		mode, name, sum string
	}
	var entries []entry
	for len(files) > 0 {
		f := files[0]
		name, _, below := strings.Cut(f.name, "/")
		if !below {
			mode := "100644"
			switch {
			case !f.mode.IsRegular():
				mode = "120000"
			case f.mode&0o100 != 0:
				mode = "100755"
			}
			entries = append(entries, entry{mode, name, f.blob})
			files = files[1:]
			continue
		}
		var inside []dirFile
		for len(files) > 0 && strings.HasPrefix(files[0].name, name+"/") {
			g := files[0]
			g.name = g.name[len(name)+1:]
			inside = append(inside, g)
			files = files[1:]
		}
		entries = append(entries, entry{"40000", name + "/", gitTree(inside)})
	}
	// git sorts a directory as if its name ended in a slash.
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	var b []byte
	for _, e := range entries {
		b = append(append(append(b, e.mode...), ' '), strings.TrimSuffix(e.name, "/")...)
		b = append(append(b, 0), e.sum...)
	}
	return gitObject("tree", b)
}

// linkBlob returns the name of the object that git makes of a link.
func linkBlob(path string) (string, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	return gitObject("blob", []byte(filepath.ToSlash(target))), nil
}

func gitObject(kind string, content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", kind, len(content))
	h.Write(content)
	return string(h.Sum(nil))
}
