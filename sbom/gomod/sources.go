package gomod

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
)

// A Cache keeps what Load has read of modules that cannot change, so that it need
// not read their files again. Its methods are called by several goroutines at
// once. What it holds is believed: who can write there decides what is in a
// Document.
type Cache interface {
	// Get returns the value that was put under a key, and whether there is one.
	Get(key string) ([]byte, bool)

	// Put keeps a value under a key. The caller does not change it afterwards. A
	// Cache may forget what it has.
	Put(key string, value []byte)
}

// cacheFormat is what the values in a Cache begin with. It changes with all that
// makes the same files another value.
const cacheFormat = "hallmark gomod 1\n"

// sources are the files of modules. What is read of them is read once, for all
// targets.
type sources struct {
	cache Cache // or nil

	trees once[string, *sourceTree] // by directory or zip
	mu    sync.Mutex
	zips  []*os.File
}

// A sourceTree has the files of one module.
type sourceTree struct {
	files fs.FS
	dirs  once[string, *directory]

	// Of a module that is kept in a Cache:
	sum  string // "h1:…"; else empty
	kept map[string]keptDirectory
	more atomic.Bool // whether something was read that is not in kept
}

// A keptDirectory is a directory in a Cache.
type keptDirectory struct {
	IsGo  bool       `json:",omitempty"`
	Files []keptFile `json:",omitempty"`
}

// A keptFile is a goFile in a Cache. A file that was not read has no Header.
type keptFile struct {
	Name   string
	Header *header `json:",omitempty"`
}

// directory returns the tree of a directory.
func (s *sources) directory(dir string) *sourceTree {
	t, _ := s.trees.do(dir, func() (*sourceTree, error) { return &sourceTree{files: os.DirFS(dir)}, nil })
	return t
}

// module returns the tree of a module that has a sum, in the directory that the
// module cache has extracted it to or, if zip is not empty, in its zip.
func (s *sources) module(m, sum, dir, zipFile string) (*sourceTree, error) {
	return s.trees.do(cmp.Or(zipFile, dir), func() (*sourceTree, error) {
		t := &sourceTree{files: os.DirFS(dir), sum: sum}
		if zipFile != "" {
			f, err := open(zipFile)
			if err != nil {
				return nil, err
			}
			s.mu.Lock()
			s.zips = append(s.zips, f)
			s.mu.Unlock()
			if t.files, err = zipFiles(f, m); err != nil {
				return nil, err
			}
		}
		if s.cache == nil || sum == "" {
			t.sum = ""
			return t, nil
		}
		value, ok := s.cache.Get(sum)
		if n := len(cacheFormat); ok && len(value) > n && string(value[:n]) == cacheFormat {
			if json.Unmarshal(value[n:], &t.kept) != nil {
				t.kept = nil // it is read again
			}
		}
		return t, nil
	})
}

// close puts what was read into the Cache and closes what is open.
func (s *sources) close() error {
	var errs []error
	for _, z := range s.zips {
		errs = append(errs, z.Close())
	}
	if s.cache == nil {
		return errors.Join(errs...)
	}
	for _, e := range s.trees.m {
		if t := e.v; t != nil && t.sum != "" && t.more.Load() {
			errs = append(errs, t.keep(s.cache))
		}
	}
	return errors.Join(errs...)
}

// keep puts what is known of t into a Cache.
func (t *sourceTree) keep(c Cache) error {
	if t.kept == nil {
		t.kept = make(map[string]keptDirectory)
	}
	for dir, e := range t.dirs.m {
		if e.v == nil || e.v.err != nil || slices.ContainsFunc(e.v.files, func(f *goFile) bool { return f.err != nil }) {
			delete(t.kept, dir)
			continue
		}
		k := keptDirectory{IsGo: e.v.isGo}
		for _, f := range e.v.files {
			k.Files = append(k.Files, keptFile{f.name, f.header})
		}
		t.kept[dir] = k
	}
	value, err := json.Marshal(t.kept)
	if err == nil {
		c.Put(t.sum, append([]byte(cacheFormat), value...))
	}
	return err
}

// list returns what a directory of the tree has.
func (t *sourceTree) list(dir string) *directory {
	d, _ := t.dirs.do(dir, func() (*directory, error) {
		kept, ok := t.kept[dir]
		if !ok {
			t.more.Store(true)
			return readDirectory(t.files, dir), nil
		}
		d := &directory{isGo: kept.IsGo}
		for _, k := range kept.Files {
			d.files = append(d.files, &goFile{name: k.Name, header: k.Header})
		}
		return d, nil
	})
	return d
}

// read returns the header of a file in a directory of the tree.
func (t *sourceTree) read(dir string, f *goFile) (*header, error) {
	f.once.Do(func() {
		if f.header == nil && f.err == nil {
			t.more.Store(true)
			f.header, f.err = readHeader(t.files, path.Join(dir, f.name))
		}
	})
	return f.header, f.err
}

// hasFile reports whether the tree has a file of a name.
func (t *sourceTree) hasFile(name string) bool {
	fi, err := fs.Stat(t.files, name)
	return err == nil && !fi.IsDir()
}
