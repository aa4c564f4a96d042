package gomod

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
)

// Places are where the go command keeps what a Document is about. The functions
// that look there are told each place, and take none from the environment
// themselves.
type Places struct {
	// ModCache is the module cache, what "go env GOMODCACHE" prints.
	ModCache string

	// GOPATH is the first directory of GOPATH, in which the go command keeps
	// what it knows of checksum databases.
	GOPATH string

	// GOROOT is the toolchain's directory, or empty if none is found.
	GOROOT string

	// Root is the directory that go.work is in, or else go.mod: relative
	// directories in replace directives begin here, and vendor is here. It is
	// empty if there is neither.
	Root string

	// Modules are the directories of the main modules, by their paths: of the
	// one that go.mod is of, or of those that go.work uses.
	Modules map[string]string
}

// Locate returns the places for a module that dir is in. It finds them as [Load]
// does: by the environment, by the files that "go env -w" writes and that the
// toolchain has, and by go.mod and go.work. An empty dir is for binaries, of which
// no directory is known.
//
// It is an error if getenv is nil, if nothing tells where the module cache or GOPATH
// is, or names a directory that is not absolute, and if Load would not read go.mod or
// go.work.
func Locate(dir string, getenv func(string) string) (*Places, error) {
	if getenv == nil {
		return nil, errors.New("gomod: locate: getenv is nil")
	}
	p, err := locate(dir, getenv)
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	return p, nil
}

func locate(dir string, getenv func(string) string) (*Places, error) {
	s := &settings{getenv: getenv}
	if err := s.readEnvFiles(); err != nil {
		return nil, err
	}
	p := &Places{GOPATH: s.gopath(), GOROOT: s.goroot}
	if p.GOPATH == "" {
		return nil, errors.New("neither GOPATH nor a home directory is set")
	}
	p.ModCache = cmp.Or(s.get("GOMODCACHE"), filepath.Join(p.GOPATH, "pkg", "mod"))
	for _, d := range []string{p.ModCache, p.GOPATH} {
		if !filepath.IsAbs(d) {
			return nil, fmt.Errorf("GOMODCACHE or GOPATH is %s, want an absolute path", d)
		}
	}
	if dir == "" {
		return p, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s.work = s.get("GOWORK")
	ms, err := readMains(dir, s)
	if err != nil {
		return nil, err
	}
	p.Root = ms.dir()
	p.Modules = make(map[string]string, len(ms.list))
	for _, m := range ms.list {
		p.Modules[m.path] = m.dir
	}
	return p, nil
}
