package hallmark

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// An Artifact is something that a build made: a name for people, and the
// digests that identify it for programs.
type Artifact struct {
	// Name is for people. Verification does not trust it: an artifact is
	// found by its digests alone.
	Name string

	// Digests are at least one, each of another algorithm.
	Digests []Digest
}

// Digest returns a's digest of the algorithm, or the zero Digest.
func (a Artifact) Digest(algorithm string) Digest {
	for _, d := range a.Digests {
		if d.algorithm == algorithm {
			return d
		}
	}
	return Digest{}
}

// CheckFile returns an error if the file at path has another digest than a, by
// any algorithm that [HashFile] knows, or if a has a digest by none of them.
// It reads the file again: what was hashed before, and is to be published now,
// may have been replaced since.
func (a Artifact) CheckFile(path string) error {
	var algorithms []string
	for _, d := range a.Digests {
		if newHash(d.algorithm) != nil {
			algorithms = append(algorithms, d.algorithm)
		}
	}
	if algorithms == nil {
		return fmt.Errorf("hash %s: no digest to compare it with", path)
	}
	now, err := HashFile(path, algorithms...)
	if err != nil {
		return err
	}
	for _, d := range now.Digests {
		if want := a.Digest(d.algorithm); d != want {
			return fmt.Errorf("hash %s: the file changed: %s, want %s", path, d, want)
		}
	}
	return nil
}

// Hash reads r to its end, once, and returns its digest by each of the
// algorithms, in their order; by sha256 if none is given. It can compute
// sha256, sha384, sha512, sha512_256, sha3_256, sha3_384, sha3_512 and, for
// naming what others identify by it, sha1.
func Hash(r io.Reader, algorithms ...string) ([]Digest, error) {
	algorithms, err := hashable(algorithms)
	if err != nil {
		return nil, err
	}
	if slices.Contains(algorithms, "gitBlob") {
		return nil, errors.New("hallmark: a gitBlob digest begins with the length: only a file has one")
	}
	ds, _, err := hashReader(r, algorithms, -1, make([]byte, bufferSize))
	return ds, err
}

// HashFile returns the file at path as an Artifact with its base name and its
// digests, as [Hash] computes them, and gitBlob, by which a git repository of
// SHA-1 objects names the file's content.
//
// It refuses what is not a regular file, symbolic links too: which bytes such
// a name stands for can change from one look to the next. A file that changes
// its size or its modification time while it is read is an error.
func HashFile(path string, algorithms ...string) (Artifact, error) {
	algorithms, err := hashable(algorithms)
	if err != nil {
		return Artifact{}, err
	}
	return hashFile(context.Background(), path, algorithms, nil, make([]byte, bufferSize))
}

// HashOptions says how [HashFiles] works. The zero value is ready for use.
type HashOptions struct {
	Algorithms []string // as for Hash; none means sha256

	// Workers is how many files are read at once; 0 means GOMAXPROCS.
	Workers int

	// Progress is called as bytes are hashed, with their number since the
	// last call. It may be called from several goroutines at once.
	Progress func(bytes int64)
}

// HashFiles is [HashFile] for many files, several at a time. The artifacts come
// in the order of paths. The first file that cannot be hashed ends the work, as
// does ctx; the error names the file.
func HashFiles(ctx context.Context, paths []string, o HashOptions) ([]Artifact, error) {
	algorithms, err := hashable(o.Algorithms)
	if err != nil {
		return nil, err
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	artifacts := make([]Artifact, len(paths))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(paths)) {
		wg.Go(func() {
			buf := make([]byte, bufferSize)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				a, err := hashFile(ctx, paths[i], algorithms, o.Progress, buf)
				if err != nil {
					cancel(err)
					return
				}
				artifacts[i] = a
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return artifacts, nil
}

func hashFile(ctx context.Context, path string, algorithms []string, progress func(int64), buf []byte) (Artifact, error) {
	// Lstat first: opening a FIFO would block.
	before, err := os.Lstat(path)
	if err != nil {
		return Artifact{}, err
	}
	if !before.Mode().IsRegular() {
		return Artifact{}, fmt.Errorf("hash %s: not a regular file (%s)", path, before.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return Artifact{}, err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return Artifact{}, err
	}
	if !os.SameFile(before, opened) {
		return Artifact{}, fmt.Errorf("hash %s: the file was replaced while it was opened", path)
	}
	ds, n, err := hashReader(&watched{ctx, f, progress}, algorithms, opened.Size(), buf)
	if err != nil {
		return Artifact{}, fmt.Errorf("hash %s: %w", path, err)
	}
	after, err := f.Stat()
	if err != nil {
		return Artifact{}, err
	}
	if n != opened.Size() || n != after.Size() || !after.ModTime().Equal(opened.ModTime()) {
		return Artifact{}, fmt.Errorf("hash %s: the file changed while it was read", path)
	}
	return Artifact{Name: filepath.Base(path), Digests: ds}, nil
}

// watched is a reader that ends with its context and reports what it read.
type watched struct {
	ctx      context.Context
	r        io.Reader
	progress func(int64)
}

func (w *watched) Read(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	n, err := w.r.Read(p)
	if w.progress != nil && n > 0 {
		w.progress(int64(n))
	}
	return n, err
}

// bufferSize is large enough that the calls to read do not show beside SHA-256.
const bufferSize = 256 << 10

// hashReader returns the digests of what r has, and its length. size is what the
// length will be, as far as a gitBlob is concerned.
func hashReader(r io.Reader, algorithms []string, size int64, buf []byte) ([]Digest, int64, error) {
	hashes := make([]hash.Hash, len(algorithms))
	for i, a := range algorithms {
		hashes[i] = newHash(a)
		if a == "gitBlob" {
			fmt.Fprintf(hashes[i], "blob %d\x00", size)
		}
	}
	var total int64
	for {
		n, err := r.Read(buf)
		for _, h := range hashes {
			h.Write(buf[:n])
		}
		total += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, total, err
		}
	}
	ds := make([]Digest, len(algorithms))
	for i, h := range hashes {
		ds[i] = Digest{algorithms[i], string(h.Sum(nil))}
	}
	return ds, total, nil
}

// hashable returns the algorithms to use, or an error for one that this
// package cannot compute or that is asked for twice.
func hashable(algorithms []string) ([]string, error) {
	if len(algorithms) == 0 {
		return []string{"sha256"}, nil
	}
	for i, a := range algorithms {
		if newHash(a) == nil {
			return nil, fmt.Errorf("hallmark: cannot compute a digest by %q", a)
		}
		if slices.Contains(algorithms[:i], a) {
			return nil, fmt.Errorf("hallmark: digest by %q is asked for twice", a)
		}
	}
	return algorithms, nil
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha1", "gitBlob":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	case "sha512_256":
		return sha512.New512_256()
	case "sha3_256":
		return sha3.New256()
	case "sha3_384":
		return sha3.New384()
	case "sha3_512":
		return sha3.New512()
	}
	return nil
}
