package gomod

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
)

// A modCache is the directory that the go command downloads modules to. Its
// layout is told in https://go.dev/ref/mod#module-cache.
type modCache struct {
	dir  string
	sums *goSums
}

// A missingError says that a module is not in the module cache.
type missingError struct {
	module module.Version
	file   string // that was looked for, relative to the cache
}

func (e *missingError) Error() string {
	return fmt.Sprintf("not in the module cache: %s (there is no %s; \"go mod download\" gets it)", e.module, e.file)
}

// download returns the name of a file of m, relative to the cache.
func download(m module.Version, ext string) (string, error) {
	p, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	v, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", err
	}
	return path.Join("cache/download", p, "@v", v+ext), nil
}

func (c *modCache) path(name string) string { return filepath.Join(c.dir, filepath.FromSlash(name)) }

// goMod returns the go.mod file of m, of which go.sum must have the sum. The
// cache has one for modules that have none.
func (c *modCache) goMod(m module.Version) ([]byte, error) {
	name, err := download(m, ".mod")
	if err != nil {
		return nil, err
	}
	key := module.Version{Path: m.Path, Version: m.Version + "/go.mod"}
	if c.sums.of(key) == "" && len(c.sums.lines[key]) == 0 {
		return nil, c.sums.missing(key)
	}
	data, err := readBounded(c.path(name), maxGoMod)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingError{module: m, file: name}
	}
	if err != nil {
		return nil, err
	}
	h, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
	if err != nil {
		return nil, err
	}
	return data, c.sums.check(key, h)
}

// tree returns the directory that the files of m are extracted to and, if they
// are not, the zip that they are in. They are not read here: it is the sum which
// the go command recorded when it downloaded them that must be that of go.sum.
func (c *modCache) tree(m module.Version) (dir, zip, sum string, err error) {
	if len(c.sums.lines[m]) == 0 {
		return "", "", "", c.sums.missing(m)
	}
	p, err := module.EscapePath(m.Path)
	if err != nil {
		return "", "", "", err
	}
	v, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", "", "", err
	}
	name := p + "@" + v
	download := path.Join("cache/download", p, "@v", v)
	if fi, err := os.Stat(c.path(name)); errors.Is(err, fs.ErrNotExist) {
		zip = c.path(download + ".zip")
	} else if err != nil {
		return "", "", "", err
	} else if !fi.IsDir() {
		return "", "", "", fmt.Errorf("%s: module cache: %s is not a directory", m, name)
	} else if _, err := os.Lstat(c.path(download + ".partial")); err == nil {
		zip = c.path(download + ".zip") // the directory is not complete
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", "", "", err
	}
	if zip != "" {
		if _, err := os.Stat(zip); errors.Is(err, fs.ErrNotExist) {
			return "", "", "", &missingError{module: m, file: download + ".zip"}
		} else if err != nil {
			return "", "", "", err
		}
	}
	data, err := readBounded(c.path(download+".ziphash"), maxEnvFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", "", &missingError{module: m, file: download + ".ziphash"}
	}
	if err != nil {
		return "", "", "", err
	}
	sum = strings.TrimSpace(string(data))
	return c.path(name), zip, sum, c.sums.check(m, sum)
}

// A modSummary is what a module graph needs of a go.mod file.
type modSummary struct {
	path      string // of the module directive
	goVersion string // empty if there is no go line
	require   []module.Version
	ignore    []string
}

// pruned reports whether what the module requires has been pruned of what is
// not needed to build its packages.
func (s *modSummary) pruned() bool { return s.goVersion != "" && pruned(s.goVersion) }

// pruned reports whether the module graph of a Go version is a pruned one.
// https://go.dev/ref/mod#graph-pruning
func pruned(goVersion string) bool { return compareGo(goVersion, "1.17") >= 0 }

func parseSummary(m module.Version, data []byte) (*modSummary, error) {
	f, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: malformed go.mod: %w", m, err)
	}
	if n := len(f.Require); n > maxModules {
		return nil, fmt.Errorf("%s: go.mod has %d requirements, want at most %d", m, n, maxModules)
	}
	return newSummary(f), nil
}

func newSummary(f *modfile.File) *modSummary {
	s := new(modSummary)
	if f.Module != nil {
		s.path = f.Module.Mod.Path
	}
	for _, r := range f.Require {
		s.require = append(s.require, r.Mod)
	}
	for _, i := range f.Ignore {
		s.ignore = append(s.ignore, i.Path)
	}
	// From Go 1.21 on, the go line is a requirement like those of modules.
	if s.goVersion = goLine(f.Go, ""); s.goVersion != "" && compareGo(s.goVersion, "1.21") >= 0 {
		s.require = append(s.require, module.Version{Path: "go", Version: s.goVersion})
	}
	return s
}
