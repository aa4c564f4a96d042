package gomod

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
	xmodule "golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A LicenseScanner finds the licences of modules. The Scanner of package
// sbom/license is one. It is used by several goroutines at once.
type LicenseScanner interface {
	// Scan returns what it finds in the root directory of a module and in the
	// directories of packages and those above them. h1 is the sum of the module
	// as in go.sum, under which it may keep what it finds, or empty. It does
	// not open files of which it knows enough.
	Scan(ctx context.Context, files fs.FS, h1 string, packages []string) (*sbom.Licenses, error)
}

// LicenseOptions say where [AddLicenses] finds the files of modules. What they
// do not say is unknown of the modules concerned; none is required.
type LicenseOptions struct {
	// Places are where the files are: modules in ModCache, the standard library
	// and the toolchain in GOROOT, if that has the version that the Document
	// has, the main modules in Modules, and below Root vendor and the
	// directories that replace directives name by a relative path. [Locate]
	// finds them. Each may be empty.
	Places Places

	// Directories are the root directories of modules that are in none of these
	// places, by the Ref of the component.
	Directories map[string]string

	// Workers is how many modules are looked at at once; 0 means GOMAXPROCS.
	Workers int

	// Progress is called when a module has been looked at, with how many
	// have and how many there are. It is not called by two goroutines at once.
	Progress func(done, total int)
}

// AddLicenses sets the Licenses of every component of d, a Document of this
// package, to what s finds in the component's files: in its root, in its packages
// ([sbom.Component.Packages]) and above them. Of a component whose files
// are not there, they say so ([sbom.Licenses.Unknown]). What was concluded before
// is kept, with its texts.
//
// The files of a module in the module cache are those of its extracted directory,
// or else of its zip. They are not compared with the sum that the component has
// and under which the scanner may keep what it finds.
//
// If a module cannot be read to its end or ctx is done, AddLicenses fails, with
// all reasons joined, and leaves d as it was.
func AddLicenses(ctx context.Context, d *sbom.Document, s LicenseScanner, o LicenseOptions) error {
	components := d.All()
	licenses := make([]*sbom.Licenses, len(components))
	errs := make([]error, len(components))

	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var mu sync.Mutex // for these
	next, done := 0, 0
	var wg sync.WaitGroup
	for range min(workers, len(components)) {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for next < len(components) && ctx.Err() == nil {
				i := next
				next++
				mu.Unlock()
				licenses[i], errs[i] = scanLicenses(ctx, d, components[i], s, o)
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done, len(components))
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("gomod: %w", context.Cause(ctx))
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("gomod: licences of %s: %w", components[i].Ref, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}

	for i, c := range components {
		keepConcluded(licenses[i], c.Licenses)
		c.Licenses = licenses[i]
	}
	return d.Check()
}

// keepConcluded gives l what was concluded before.
func keepConcluded(l, before *sbom.Licenses) {
	if before == nil || before.Concluded == "" {
		return
	}
	l.Concluded = before.Concluded
	ids, err := sbom.LicenseIDs(before.Concluded)
	if err != nil {
		return // Check says so
	}
	for _, t := range before.Texts {
		if slices.Contains(ids, t.ID) && !slices.ContainsFunc(l.Texts, func(own sbom.LicenseText) bool { return own.ID == t.ID }) {
			l.Texts = append(l.Texts, t)
		}
	}
	slices.SortFunc(l.Texts, func(a, b sbom.LicenseText) int { return strings.Compare(a.ID, b.ID) })
}

// An absentError says why the files of a component are not there.
type absentError string

func (e absentError) Error() string { return string(e) }

// scanLicenses returns the licences of one component.
func scanLicenses(ctx context.Context, d *sbom.Document, c *sbom.Component, s LicenseScanner, o LicenseOptions) (*sbom.Licenses, error) {
	dir, err := moduleDirectory(d, c, o)
	var l *sbom.Licenses
	if err == nil && dir != "" {
		l, err = s.Scan(ctx, os.DirFS(dir), "", c.Packages)
	} else if err == nil {
		files := &cachedModule{cache: o.Places.ModCache, path: c.Name, version: c.Version}
		defer files.close()
		h1 := ""
		for _, dg := range c.Digests {
			h1 += dg.H1() // of which there is one
		}
		l, err = s.Scan(ctx, files, h1, c.Packages)
	}
	if absent, ok := errors.AsType[absentError](err); ok {
		return &sbom.Licenses{Unknown: string(absent)}, nil
	}
	return l, err
}

// moduleDirectory returns the root directory of a component that is not from
// the module cache, or "" if it is.
func moduleDirectory(d *sbom.Document, c *sbom.Component, o LicenseOptions) (string, error) {
	dir, root := o.Directories[c.Ref], o.Places.Root
	switch origin, at := property(c.Properties, "origin"), property(c.Properties, "directory"); {
	case dir != "":

	case (c == &d.Main || origin == "workspace") && o.Places.Modules[c.Name] != "":
		dir = o.Places.Modules[c.Name]

	case c.Scope == sbom.System:
		return "", absentError("it is a library of the system that the program runs on")

	case c.Name == stdlibName:
		ok, err := isRelease(o.Places.GOROOT, c.Version)
		if err != nil {
			return "", err
		}
		if !ok {
			return "", absentError("a Go distribution of this version was not given")
		}
		dir = o.Places.GOROOT

	case c.Name == toolchainName:
		// "v0.0.1-go1.26.8.linux-amd64": one is in the module cache only if the
		// go command has downloaded it.
		version := strings.TrimPrefix(c.Version, "v0.0.1-go")
		version = version[:max(0, strings.LastIndexByte(version, '.'))]
		ok, err := isRelease(o.Places.GOROOT, version)
		if err != nil {
			return "", err
		}
		if ok {
			dir = o.Places.GOROOT
		} else if c.Version == "" {
			return "", absentError("the version of the toolchain is not known")
		}

	case origin == "vendor" && root != "":
		path := c.Name
		if c.Replaces != "" {
			// Vendored packages have the import paths that they are asked for by.
			var err error
			if path, _, _ = strings.Cut(strings.TrimPrefix(c.Replaces, "pkg:golang/"), "@"); path != "" {
				path, err = url.PathUnescape(path)
			}
			if err != nil || !fs.ValidPath(path) {
				return "", fmt.Errorf("malformed package URL %q", c.Replaces)
			}
		}
		if !fs.ValidPath(path) {
			return "", fmt.Errorf("malformed module path %q", path)
		}
		dir = filepath.Join(root, "vendor", filepath.FromSlash(path))
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return "", absentError("the module is not in the directory vendor")
		}

	case origin == "directory" && root != "" && at != "":
		dir = filepath.Join(root, filepath.FromSlash(at))
		text, err := readBounded(filepath.Join(dir, "go.mod"), maxGoMod)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err != nil || modfile.ModulePath(text) != c.Name {
			return "", absentError("the directory of the module was not given")
		}

	case origin != "", c.Version == "", c == &d.Main && len(c.Digests) == 0:
		return "", absentError("the directory of the module was not given")
	}
	return dir, nil
}

// isRelease reports whether a Go distribution has a version ("1.26.8").
func isRelease(goroot, version string) (bool, error) {
	if goroot == "" || version == "" {
		return false, nil
	}
	text, err := readBounded(filepath.Join(goroot, "VERSION"), maxEnvFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // a tree of Go's own developers
	}
	if err != nil {
		return false, err
	}
	first, _, _ := strings.Cut(string(text), "\n") // the second line has a time
	return strings.TrimSpace(first) == "go"+version, nil
}

// A cachedModule is a module in the module cache. It is looked for when a file
// of it is opened, which a scanner with a cache of its own may not do.
type cachedModule struct {
	cache, path, version string

	files fs.FS
	err   error
	zip   *os.File
}

// Open is not safe for concurrent use.
func (m *cachedModule) Open(name string) (fs.File, error) {
	if m.files == nil && m.err == nil {
		m.files, m.err = m.open()
	}
	if m.err != nil {
		return nil, m.err
	}
	return m.files.Open(name)
}

// open finds the module as the go command does.
// https://go.dev/ref/mod#module-cache
func (m *cachedModule) open() (fs.FS, error) {
	if m.cache == "" {
		return nil, absentError("the module cache was not given")
	}
	path, err := xmodule.EscapePath(m.path)
	if err != nil {
		return nil, err
	}
	version, err := xmodule.EscapeVersion(m.version)
	if err != nil {
		return nil, err
	}
	download := filepath.Join(m.cache, "cache", "download", filepath.FromSlash(path), "@v", version)

	// "a .partial file in the download cache": the directory lacks files.
	dir := filepath.Join(m.cache, filepath.FromSlash(path)+"@"+version)
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		if _, err := os.Lstat(download + ".partial"); errors.Is(err, fs.ErrNotExist) {
			return os.DirFS(dir), nil
		}
	}
	m.zip, err = open(download + ".zip")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absentError("the module is not in the module cache")
	}
	if err != nil {
		return nil, err
	}
	files, err := zipFiles(m.zip, m.path+"@"+m.version)
	if err != nil {
		return nil, fmt.Errorf("%s@%s.zip: %w", m.path, m.version, err)
	}
	return files, nil
}

func (m *cachedModule) close() {
	if m.zip != nil {
		m.zip.Close() // it was only read
	}
}
