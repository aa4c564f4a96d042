package gomod

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// VerifyOptions say where [Verify] finds what it compares. ModCache is required.
type VerifyOptions struct {
	// ModCache is the directory of the module cache, which
	// "go env GOMODCACHE" prints.
	ModCache string

	// Database tells whether the checksum database has a sum. Without one no
	// component is [sbom.Included].
	Database Database

	// DistributionBase is a URL below which the zips of modules can be had by
	// the module proxy protocol. With one, components get a Distribution. It
	// is written into documents, so it must not have a user or a password,
	// and is never taken from GOPROXY, which may.
	DistributionBase string

	// Progress is called after each module that was hashed, with how many
	// are done and how many there are. Calls come one at a time.
	Progress func(done, total int)
}

// A Database tells whether the sum of a module is in a checksum database. The
// Database of package sbom/sumdb is one.
type Database interface {
	// Verify returns nil if the database has the module with that sum, and
	// with goModSum for its go.mod file unless that is empty. It returns an
	// error that is [fs.ErrNotExist] if it cannot tell, and another one if the
	// database has another sum or contradicts itself.
	Verify(ctx context.Context, path, version, sum, goModSum string) error
}

// A MismatchError says that the module cache has other files of a module than
// those that its sum is of.
type MismatchError struct {
	Path, Version string // of the module
	File          string // the zip or the directory, in the module cache
	Got, Want     string // "h1:…"
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("module %s@%s: %s in the module cache has the sum %s, want %s", e.Path, e.Version, e.File, e.Got, e.Want)
}

// Verify finds out how far it can be proved that the modules in d are those of
// their names, and sets the Verification of every component:
//
//   - [sbom.Listed], if the component has a dirHash, which is the one that go.sum
//     or the binary had;
//   - [sbom.Recomputed], if besides that the module cache has the module's zip or
//     its directory, and each that it has was hashed now and has that sum;
//   - [sbom.Included], if besides that o.Database has the sum, and that of the
//     go.mod file in the module cache if there is one.
//
// All others are [sbom.Unverified]: main modules, directories, what is in vendor,
// which is for [VerifyVendor], the standard library and libraries of the system.
// Where a module stays below what was asked for, its property unverified says why.
//
// The toolchain is a module too, golang.org/toolchain, whose version has the release
// and the system. Neither go.sum nor a binary has its sum: only the database does, and
// the go command asks it whenever it downloads a toolchain. So nothing is between
// Unverified and Included for it. If the module cache has it and o.Database has the sum
// of what is there, it is Included and gets the sum as its digest; otherwise it has
// none. This proves the files of the module of that name. That they are those that
// compiled the program it does not prove: a toolchain of the same release can be
// in GOROOT, and most are.
//
// The zip is what was downloaded, the directory is what is compiled, and the go
// command compares neither with go.sum again once it has them. A difference
// in one of them is a [MismatchError]. It is an error too if one cannot be read or is
// malformed, and if o.Database says that the sum is not the right one. All of
// that is joined, in the order of components, and d is not changed then: somebody
// has to look before anything is said about such a module.
//
// A Distribution has the digests of the zip in the module cache. Its content is
// that of the module. How that was packed no sum tells: a server that has
// packed it anew has a file with other digests.
//
// Verify reads the module cache and does nothing else. What changes there at the
// same time it may miss.
func Verify(ctx context.Context, d *sbom.Document, o VerifyOptions) error {
	if o.ModCache == "" {
		return errors.New("gomod: VerifyOptions.ModCache is empty")
	}
	base := strings.TrimRight(o.DistributionBase, "/")
	if u, err := url.Parse(base); base != "" && (err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.String() != base) {
		// Without the URL, which may hold a password.
		return errors.New("gomod: VerifyOptions.DistributionBase: want an absolute URL without a user, a query or a fragment")
	}
	o.DistributionBase = base
	if err := d.Check(); err != nil {
		return fmt.Errorf("gomod: verify: %w", err)
	}

	all := d.All()
	found := make([]*verification, len(all))
	var hashed []*verification // those with a sum
	for i, c := range all {
		v := &verification{path: c.Name, version: c.Version}
		found[i] = v
		if c.Version == "" || c.PURL != PURL(c.Name, c.Version) || slices.ContainsFunc(c.Properties, func(p sbom.Property) bool { return p.Name == "origin" }) {
			continue
		}
		for _, dg := range c.Digests {
			v.sum = cmp.Or(v.sum, dg.H1())
		}
		switch {
		case v.sum != "":
			v.level = sbom.Listed
			hashed = append(hashed, v)
		case i > 0 && c.Name == toolchainName && o.Database != nil:
			v.unlisted = true
			hashed = append(hashed, v)
		case i > 0 && c.Name != stdlibName:
			v.why = "no sum is recorded"
		}
	}

	bySize := slices.Clone(hashed)
	for _, v := range bySize {
		v.locate(o.ModCache)
	}
	slices.SortStableFunc(bySize, func(a, b *verification) int { return cmp.Compare(b.size, a.size) })
	hashEach(ctx, bySize, o.Progress, func(h *hasher, v *verification) { v.err = v.recompute(h, o) })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("gomod: verify: %w", err)
	}

	var errs []error
	for _, v := range hashed {
		errs = append(errs, v.err)
		if o.Database == nil || v.err != nil || v.sum == "" {
			continue
		}
		// Of a module that is not in the cache, too: a sum that is not the
		// database's is never right.
		err := o.Database.Verify(ctx, v.path, v.version, v.sum, v.goModSum)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			v.why = cmp.Or(v.why, "not in the cache of the checksum database")
		case err != nil:
			errs = append(errs, err)
		case v.level == sbom.Recomputed:
			v.level = sbom.Included
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gomod: verify: %w", err)
	}
	for i, c := range all {
		v := found[i]
		if v.unlisted {
			// A sum that only the module cache has proves nothing.
			if v.level != sbom.Included {
				v.level, v.distribution = sbom.Unverified, nil
			} else if dg, err := hallmark.ParseH1(v.sum); err != nil {
				return fmt.Errorf("gomod: verify: module %s@%s: %w", v.path, v.version, err)
			} else {
				c.Digests = append(slices.Clip(c.Digests), dg)
			}
		}
		c.Verification, c.Distribution = v.level, v.distribution
		properties := slices.DeleteFunc(slices.Clone(c.Properties), func(p sbom.Property) bool { return p.Name == "unverified" })
		if v.why != "" {
			properties = append(properties, sbom.Property{Name: "unverified", Value: v.why})
		}
		c.Properties = properties
	}
	return d.Sort()
}

// A verification is what is found out about one component.
type verification struct {
	path, version string
	sum           string // "h1:…"; empty if there is none
	unlisted      bool   // whether the sum is that of the files in the module cache, with nothing to compare it with

	file          string // of the module in cache/download, without .zip
	zip, dir, mod string // names of files, empty if the module has no name in a cache
	size          int64  // of the zip

	level        sbom.Verification
	why          string // why it is no higher, as the property
	goModSum     string // "h1:…" of the go.mod file in the cache, if it is there
	distribution *sbom.Distribution
	err          error
}

// locate sets where the module is in a module cache, and the size of its zip. It
// reports false for a module that can be in none.
//
// https://go.dev/ref/mod#module-cache
func (v *verification) locate(modCache string) bool {
	path, err := modpath.EscapePath(v.path)
	if err != nil {
		return false
	}
	// Stricter than EscapeVersion, which would take any name of a file.
	if err := modpath.Check(v.path, v.version); err != nil {
		return false
	}
	version, err := modpath.EscapeVersion(v.version)
	if err != nil {
		return false
	}
	v.file = path + "/@v/" + version
	download := filepath.Join(modCache, "cache", "download", filepath.FromSlash(v.file))
	v.zip, v.mod = download+".zip", download+".mod"
	v.dir = filepath.Join(modCache, filepath.FromSlash(path)+"@"+version)
	if info, err := os.Stat(v.zip); err == nil {
		v.size = info.Size()
	}
	return true
}

// recompute hashes what the module cache has of the module. If the module is
// unlisted, the sum becomes that of the first form.
func (v *verification) recompute(h *hasher, o VerifyOptions) error {
	if v.file == "" {
		v.why = "not in the module cache"
		return nil
	}
	f, inZip, err := v.hashZip(h)
	if err != nil {
		return err
	}
	defer f.Close()
	inDir, err := v.hashDir(h)
	if err != nil {
		return err
	}
	if !inZip && !inDir {
		v.why = "not in the module cache"
		return nil
	}
	v.level = sbom.Recomputed

	if inZip && o.DistributionBase != "" {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return v.failed("cache/download/"+v.file+".zip", err)
		}
		digests, err := hallmark.Hash(&contextReader{h.ctx, f}, "sha256", "sha512")
		if err != nil {
			return v.failed("cache/download/"+v.file+".zip", err)
		}
		v.distribution = &sbom.Distribution{
			Path:    v.file + ".zip",
			URL:     o.DistributionBase + "/" + v.file + ".zip",
			Digests: digests,
		}
	}
	if o.Database != nil {
		sum, err := goModSum(v.mod)
		if err != nil {
			return v.failed("cache/download/"+v.file+".mod", err)
		}
		v.goModSum = sum
	}
	return nil
}

// hashZip hashes the module's zip, if there is one, and returns it, open.
func (v *verification) hashZip(h *hasher) (f *os.File, ok bool, err error) {
	name := "cache/download/" + v.file + ".zip"
	f, err = open(v.zip)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, v.failed(name, err)
	}
	sum, err := h.zip(f)
	if err != nil {
		err = v.failed(name, err)
	} else {
		err = v.compare(name, sum)
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, true, nil
}

// hashDir hashes the directory that the module was extracted to, if it is there
// and complete.
func (v *verification) hashDir(h *hasher) (ok bool, err error) {
	// The escaped path and version, as in the name of the zip.
	name := strings.Replace(v.file, "/@v/", "@", 1)
	if _, err := os.Stat(v.dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, v.failed(name, err)
	}
	// The go command unpacks a directory that has this file anew.
	if _, err := os.Lstat(strings.TrimSuffix(v.zip, ".zip") + ".partial"); err == nil {
		return false, nil
	}
	if err := h.dir(v.dir, v.path+"@"+v.version+"/"); err != nil {
		return false, v.failed(name, err)
	}
	if v.path == toolchainName {
		h.dropGoMods()
	}
	return true, v.compare(name, h.sum())
}

// compare holds the sum of one form of the module against the one it must have.
func (v *verification) compare(file, sum string) error {
	if v.sum == "" {
		v.sum = sum
	}
	if sum != v.sum {
		return &MismatchError{v.path, v.version, file, sum, v.sum}
	}
	return nil
}

func (v *verification) failed(file string, err error) error {
	return fmt.Errorf("module %s@%s: %s in the module cache: %w", v.path, v.version, file, err)
}

// goModSum returns the sum of a go.mod file, or "" if it is not there.
func goModSum(name string) (string, error) {
	f, err := open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxGoMod+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxGoMod {
		return "", fmt.Errorf("larger than %d bytes", maxGoMod)
	}
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
}

// hashEach calls f for each of the items, on all processors and with a hasher
// for each of them, until ctx is done. The largest items had better come first, so
// that none is left for one processor at the end. Calls of progress come one
// at a time.
func hashEach[T any](ctx context.Context, items []T, progress func(done, total int), f func(*hasher, T)) {
	var next atomic.Int64
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(items)) {
		wg.Go(func() {
			h := newHasher(ctx)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(items) {
					return
				}
				f(h, items[i])
				if progress != nil {
					mu.Lock()
					done++
					progress(done, len(items))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// A hasher computes sums of modules, one after the other. They are those of
// golang.org/x/mod/sumdb/dirhash: the hash of a line for each file, sorted by
// name. Besides, it is stricter, has bounds, and ends with its context.
type hasher struct {
	ctx   context.Context
	buf   []byte
	lines map[string][sha256.Size]byte // of one module, by name
	left  int64                        // bytes that may still be read of it

	digest [sha256.Size]byte // of the last file
}

func newHasher(ctx context.Context) *hasher {
	return &hasher{ctx: ctx, buf: make([]byte, 256<<10), lines: make(map[string][sha256.Size]byte)}
}

// zip returns the sum of the module in a zip.
func (h *hasher) zip(f *os.File) (string, error) {
	z, err := openZip(f)
	if err != nil {
		return "", err
	}
	h.reset()
	for _, file := range z.File {
		r, err := file.Open()
		if err == nil {
			err = h.add(file.Name, r)
			r.Close()
		}
		if err != nil {
			return "", fmt.Errorf("malformed zip: %q: %w", file.Name, err)
		}
	}
	return h.sum(), nil
}

func openZip(f *os.File) (*zip.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > maxZip {
		return nil, fmt.Errorf("malformed zip: larger than %d bytes", maxZip)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("malformed zip: %w", err)
	}
	if n := len(z.File); n > maxZipFiles {
		return nil, fmt.Errorf("malformed zip: %d files, want at most %d", n, maxZipFiles)
	}
	return z, nil
}

// zipFiles returns the files of a module in a zip, where their names begin with
// prefix ("example.com/m@v1.2.3"), as the go command extracts them: what is no
// directory by its name becomes a regular file, whatever its mode says, and names
// that no file of a module can have are an error.
//
// https://go.dev/ref/mod#zip-path-size-constraints
func zipFiles(f *os.File, prefix string) (fs.FS, error) {
	z, err := openZip(f)
	if err != nil {
		return nil, err
	}
	for _, file := range z.File {
		name, ok := strings.CutPrefix(file.Name, prefix+"/")
		name, isDir := strings.CutSuffix(name, "/")
		if !ok || strings.Contains(name, `\`) || !fs.ValidPath(name) && file.Name != prefix+"/" {
			return nil, fmt.Errorf("malformed zip: %q is no name of a file of the module", file.Name)
		}
		if !isDir {
			file.SetMode(0o444)
		}
	}
	return fs.Sub(z, prefix)
}

// dir hashes the files of the module in a directory, whose names in a zip would
// begin with prefix.
func (h *hasher) dir(dir, prefix string) error {
	h.reset()
	return fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			// A link would be followed by whoever compiles it.
			return fmt.Errorf("%s: not a regular file", name)
		}
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := h.add(prefix+name, f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// dropGoMods forgets each file go.mod beside a _go.mod with the same content. A
// zip can have no go.mod below the root, so that those of a toolchain have the
// other name; the go command copies them before it first runs the toolchain.
func (h *hasher) dropGoMods() {
	for name, digest := range h.lines {
		if dir, ok := strings.CutSuffix(name, "/_go.mod"); ok && h.lines[dir+"/go.mod"] == digest {
			delete(h.lines, dir+"/go.mod")
		}
	}
}

func (h *hasher) reset() {
	clear(h.lines)
	h.left = maxZip
}

// add hashes a file of the module.
func (h *hasher) add(name string, r io.Reader) error {
	if len(h.lines) == maxZipFiles {
		return fmt.Errorf("more than %d files", maxZipFiles)
	}
	if _, twice := h.lines[name]; twice {
		// Which of the two counts, readers do not agree on.
		return errors.New("the name occurs twice")
	}
	if strings.Contains(name, "\n") {
		return errors.New("a line break in the name")
	}
	sum := sha256.New()
	in := 0 // bytes in the buffer
	for {
		if err := h.ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(h.buf[in:])
		in += n
		if h.left -= int64(n); h.left < 0 {
			return fmt.Errorf("more than %d bytes in all files", maxZip)
		}
		// Not io.ReadFull: it says io.ErrUnexpectedEOF for what is short, and
		// archive/zip for what is cut off.
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if in == len(h.buf) {
			sum.Write(h.buf)
			in = 0
		}
	}
	sum.Write(h.buf[:in])
	sum.Sum(h.digest[:0])
	h.lines[name] = h.digest
	return nil
}

// sum returns the sum of the files that were added.
func (h *hasher) sum() string {
	names := make([]string, 0, len(h.lines))
	for name := range h.lines {
		names = append(names, name)
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range names {
		fmt.Fprintf(all, "%x  %s\n", h.lines[name], name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil))
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
