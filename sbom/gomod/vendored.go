package gomod

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"
)

// VendorOptions say where [VerifyVendor] finds what it compares. Getenv or
// ModCache is required.
type VendorOptions struct {
	// Getenv gives the environment, usually os.Getenv. Variables have the
	// meaning that they have for [Load]. Without it the environment is empty.
	Getenv func(string) string

	// ModCache is the directory of the module cache. Empty means that of the
	// go command.
	ModCache string

	// Progress is called after each module that was hashed, with how many
	// are done and how many there are. Calls come one at a time.
	Progress func(done, total int)
}

// A VendoredModule says how the files in vendor compare with the module that they
// are said to be from. Names of files are relative to vendor, with slashes, and
// sorted.
type VendoredModule struct {
	// Path and Version are those in vendor/modules.txt. Both are empty for the
	// files that are of no module there.
	Path, Version string

	// ReplacePath and ReplaceVersion are what a replace directive has in place
	// of the module, and what was compared. A directory has no version; its
	// path is the one in go.mod, in a workspace relative to go.work.
	ReplacePath, ReplaceVersion string

	// Files is how many files are the module's.
	Files int

	// Changed are files with other bytes than the module's, and links and
	// the like where the module has a file.
	Changed []string

	// Extra are files, links and the like that "go mod vendor" would not put
	// there: the module does not have them, or they are not vendored, as tests
	// are not. They are in a directory of a package or module, or below it.
	// No directory is among them.
	Extra []string

	// Missing are files that "go mod vendor" would put there.
	Missing []string

	// Unknown says why the files could not be compared, with what was found
	// all the same: "no sum is recorded", "several sums are recorded", "not in
	// the module cache" or "the directory is not there". It is empty if they
	// were compared.
	Unknown string
}

// Clean reports whether all files were compared and are the module's.
func (m VendoredModule) Clean() bool {
	return m.Unknown == "" && len(m.Changed)+len(m.Extra)+len(m.Missing) == 0
}

// String returns what a person has to know, as in
//
//	example.com/lib@v1.2.3 => ../lib: changed example.com/lib/a.go, example.com/lib/b.go; missing example.com/lib/c.go
//
// with "ok" if m is Clean. At most ten files of each kind are named. Names that
// have unusual characters are quoted.
func (m VendoredModule) String() string {
	name := cmp.Or(module.Version{Path: m.Path, Version: m.Version}.String(), "no module")
	if m.ReplacePath != "" {
		name += " => " + quoteUnusual(module.Version{Path: m.ReplacePath, Version: m.ReplaceVersion}.String())
	}
	var kinds []string
	if m.Unknown != "" {
		kinds = append(kinds, "unknown: "+m.Unknown)
	}
	for _, kind := range []struct {
		name  string
		files []string
	}{{"changed", m.Changed}, {"extra", m.Extra}, {"missing", m.Missing}} {
		const most = 10
		var files []string
		for _, file := range kind.files[:min(len(kind.files), most)] {
			if strings.ContainsAny(file, ",;") {
				file = strconv.Quote(file)
			}
			files = append(files, quoteUnusual(file))
		}
		if n := len(kind.files) - most; n > 0 {
			files = append(files, fmt.Sprintf("and %d more", n))
		}
		if len(files) > 0 {
			kinds = append(kinds, kind.name+" "+strings.Join(files, ", "))
		}
	}
	return name + ": " + cmp.Or(strings.Join(kinds, "; "), "ok")
}

// VerifyVendor compares the files in vendor with the modules that
// vendor/modules.txt says they are from, for the module or the workspace that dir
// is in. It answers for each module that has packages in vendor, sorted by path. Files
// that are of no module come first, with an empty Path, if there are any. All files
// in vendor are the modules', and none is missing, if all answers are Clean.
//
// A module's files are those of its zip in the module cache, or of the directory
// there if the cache has no zip. What is compared with was hashed first and has the sum
// that go.sum has, in a workspace go.work.sum or a go.sum. If go.sum has none, or the
// module cache has not got the module, Unknown says so. A module that is replaced
// by a directory is compared with the directory, for which there is no sum.
//
// Which of a module's files are in vendor follows "go mod vendor" of Go 1.26, for the
// go line of the main module or of go.work: all files in the directory of each package
// but tests, files that no build has ("//go:build ignore"), and from go 1.17 on go.mod
// and go.sum; licences and the like from the directories above; and what is embedded,
// below go 1.22 also by tests. Files that a package embeds only with cgo may be
// there or not, because that depends on where the command ran. A link is
// never a file of a module. What is compared are bytes: not modes or times, and
// not which directories are empty.
//
// That vendor/modules.txt agrees with go.mod and go.work is checked as the go command
// does. Whether it has all packages that are needed is not: without one, a build
// fails. Nor is the version of an indirect requirement below go 1.17 or in a
// workspace, other than that go.sum has a sum for it. Vendor is compared also where
// a build would not use it; the property mode of a Document of Load tells.
//
// It is an error that is a [MismatchError] if the module cache has a module with
// another sum than go.sum. Others are that there is no vendor, as for a module that
// needs no other, a vendor/modules.txt that go.mod contradicts or that names a package
// which its module does not have, a replacement in vendor itself, settings and files
// that are errors for Load, files that cannot be read or are malformed, and a bound
// that is exceeded. They are joined, and nothing is said about any module then.
//
// VerifyVendor runs no program, uses no network and writes nothing. What changes at
// the same time it may miss.
func VerifyVendor(ctx context.Context, dir string, o VendorOptions) ([]VendoredModule, error) {
	if o.Getenv == nil && o.ModCache == "" {
		return nil, errors.New("gomod: VendorOptions.Getenv is nil, and VendorOptions.ModCache is empty")
	}
	list, err := verifyVendor(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("gomod: verify vendor: %w", err)
	}
	return list, nil
}

func verifyVendor(ctx context.Context, dir string, o VendorOptions) ([]VendoredModule, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, err := readSettings(Options{Getenv: o.Getenv, ModCache: o.ModCache}, Target{})
	if err != nil {
		return nil, err
	}
	if s.modCache == "" {
		return nil, errors.New("the module cache is unknown: neither VendorOptions.ModCache nor GOMODCACHE, GOPATH or HOME is set")
	}
	s.mod = "vendor" // whether or not a build would use it
	ms, err := readMains(dir, s)
	if err != nil {
		return nil, err
	}
	vendorDir := filepath.Join(ms.dir(), "vendor")
	if fi, err := os.Lstat(vendorDir); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no vendor directory")
	} else if err != nil {
		return nil, err
	} else if !fi.IsDir() {
		return nil, errors.New("vendor is not a directory")
	}
	l, err := newLoader(ms, s, new(sources))
	if err != nil {
		return nil, err
	}
	if l.vendor.workspace != (ms.work != nil) {
		return nil, errors.New("inconsistent vendor/modules.txt: either it or the build is of a workspace, and not the other")
	}
	sums, err := readSums(ms)
	if err != nil {
		return nil, err
	}
	modules, err := l.vendoredModules(sums)
	if err != nil {
		return nil, err
	}

	// What should be there.
	bySize := slices.Clone(modules)
	slices.SortStableFunc(bySize, func(a, b *vendored) int { return cmp.Compare(b.cached.size, a.cached.size) })
	hashEach(ctx, bySize, o.Progress, func(h *hasher, m *vendored) { m.err = m.expect(h, ms.goVersion()) })
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	byPath := make(map[string]*vendored)
	wanted := make(map[string]*vendoredFile)
	var errs []error
	for _, m := range modules {
		errs = append(errs, m.err)
		byPath[m.Path] = m
		for name, f := range m.files {
			// Where two modules have the same file above their packages, the go
			// command copies that of the later one over the other.
			if wanted[name] == nil || !f.optional {
				wanted[name] = f
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	// What is there.
	none := new(vendored)
	var found []*vendoredFile // those of a module, to be hashed
	n := 0
	err = filepath.WalkDir(vendorDir, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || e.IsDir() {
			return err
		}
		if n++; n > maxVendorFiles {
			return fmt.Errorf("more than %d files in vendor", maxVendorFiles)
		}
		rel, err := filepath.Rel(vendorDir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		regular := e.Type().IsRegular()
		if rel == "modules.txt" && regular {
			return nil
		}
		f := wanted[rel]
		switch {
		case f == nil:
			m := none
			for p := rel; m == none && p != "."; p = path.Dir(p) {
				m = cmp.Or(byPath[l.vendor.packages[p].Path], byPath[p], none)
			}
			// Of a module that is not known, each file may be one.
			if m.Unknown == "" || !regular {
				m.Extra = append(m.Extra, rel)
			}
		case !regular:
			f.found = true
			f.owner.Changed = append(f.owner.Changed, rel)
		default:
			f.found = true
			f.file = name
			found = append(found, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	hashEach(ctx, found, nil, func(h *hasher, f *vendoredFile) { f.err = f.compare(h) })
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	for name, f := range wanted {
		errs = append(errs, f.err)
		switch {
		case !f.found && !f.optional:
			f.owner.Missing = append(f.owner.Missing, name)
		case f.file != "" && f.same:
			f.owner.Files++
		case f.file != "":
			f.owner.Changed = append(f.owner.Changed, name)
		}
	}
	if err := faults(slices.DeleteFunc(errs, func(err error) bool { return err == nil })); err != nil {
		return nil, err
	}
	if len(none.Extra) > 0 {
		modules = slices.Insert(modules, 0, none)
	}
	list := make([]VendoredModule, 0, len(modules))
	for _, m := range modules {
		slices.Sort(m.Changed)
		slices.Sort(m.Extra)
		slices.Sort(m.Missing)
		list = append(list, m.VendoredModule)
	}
	return list, nil
}

// A vendored is a module while it is compared.
type vendored struct {
	VendoredModule
	packages []string     // import paths, sorted
	cached   verification // of the module, or the one that replaces it
	dir      string       // that replaces it; empty if none does

	files map[string]*vendoredFile // that vendor should have, by name below it
	err   error
}

// A vendoredFile is a file that vendor should have.
type vendoredFile struct {
	owner    *vendored
	digest   [sha256.Size]byte
	optional bool // whether it need not be there

	found bool
	file  string // its name; empty if it is not there, or is no regular file
	same  bool
	err   error
}

// vendoredModules returns the modules that have packages in vendor, sorted.
func (l *loader) vendoredModules(sums *goSums) ([]*vendored, error) {
	var errs []error
	fail := func(m module.Version, format string, a ...any) {
		errs = append(errs, fmt.Errorf("inconsistent vendor/modules.txt: %s: "+format, append([]any{m}, a...)...))
	}
	packages := make(map[module.Version][]string)
	for _, p := range slices.Sorted(maps.Keys(l.vendor.packages)) {
		m := l.vendor.packages[p]
		if !within(p, m.Path) {
			fail(m, "package %s cannot be of it", p)
		}
		packages[m] = append(packages[m], p)
	}
	sorted := slices.Collect(maps.Keys(packages))
	sortModules(sorted)
	var list []*vendored
	for i, m := range sorted {
		if i > 0 && sorted[i-1].Path == m.Path {
			fail(m, "it has packages of version %s too", sorted[i-1].Version)
			continue
		}
		v := &vendored{VendoredModule: VendoredModule{Path: m.Path, Version: m.Version}, packages: packages[m]}
		to, err := l.mains.replacement(m)
		if err != nil {
			return nil, err
		}
		v.ReplacePath, v.ReplaceVersion = to.Path, to.Version
		actual := m
		if to.Path != "" {
			actual = to
		}
		list = append(list, v)
		if actual.Version == "" {
			v.dir = l.replacedDir(actual.Path)
			if rel, err := filepath.Rel(l.vendor.dir, v.dir); err == nil && filepath.IsLocal(rel) {
				fail(m, "it is replaced by %s, which is in vendor itself", to.Path)
			}
			continue
		}
		v.cached = verification{path: actual.Path, version: actual.Version, sum: sums.of(actual)}
		v.cached.locate(l.settings.modCache)
		if v.cached.sum == "" {
			v.Unknown = "no sum is recorded"
			if len(sums.lines[actual]) > 1 {
				v.Unknown = "several sums are recorded"
			}
		}
	}
	return list, faults(errs)
}

// An upstream is the files of a module that is vendored.
type upstream struct {
	files  fs.FS
	digest func(name string) ([sha256.Size]byte, error)
}

// expect sets the files that vendor should have of the module, or why they are
// not known.
func (m *vendored) expect(h *hasher, goVersion string) error {
	switch {
	case m.Unknown != "":
		return nil
	case m.dir != "":
		if fi, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
			m.Unknown = "the directory is not there"
			return nil
		} else if err != nil {
			return err
		} else if !fi.IsDir() {
			return m.failed(m.ReplacePath, errors.New("not a directory"))
		}
		h.reset()
		files := os.DirFS(m.dir)
		return m.vendor(h.ctx, goVersion, upstream{files, func(name string) (digest [sha256.Size]byte, err error) {
			if digest, ok := h.lines[name]; ok {
				return digest, nil
			}
			f, err := files.Open(name)
			if err != nil {
				return digest, err
			}
			defer f.Close()
			err = h.add(name, f)
			return h.digest, err
		}})
	case m.cached.file == "":
		m.Unknown = "not in the module cache"
		return nil
	}

	prefix := m.cached.path + "@" + m.cached.version
	up := upstream{digest: func(name string) (digest [sha256.Size]byte, err error) {
		digest, ok := h.lines[prefix+"/"+name]
		if !ok {
			err = errors.New("it is not among the files that were hashed")
		}
		return digest, err
	}}
	f, inZip, err := m.cached.hashZip(h)
	if err != nil {
		return err
	}
	defer f.Close()
	if inZip {
		// The directory is not looked at: vendor does not depend on it.
		if up.files, err = zipFiles(f, prefix); err != nil {
			return m.failed("its zip", err)
		}
		return m.vendor(h.ctx, goVersion, up)
	}
	inDir, err := m.cached.hashDir(h)
	if err != nil {
		return err
	}
	if !inDir {
		m.Unknown = "not in the module cache"
		return nil
	}
	up.files = os.DirFS(m.cached.dir)
	return m.vendor(h.ctx, goVersion, up)
}

func (m *vendored) failed(what string, err error) error {
	return fmt.Errorf("module %s@%s: %s: %w", m.Path, m.Version, what, err)
}

// vendor sets the files that "go mod vendor" copies, by the rules of vendorPkg
// in its package modcmd.
func (m *vendored) vendor(ctx context.Context, goVersion string, up upstream) error {
	m.files = make(map[string]*vendoredFile)
	add := func(name string, optional bool) error {
		if f := m.files[path.Join(m.Path, name)]; f != nil {
			f.optional = f.optional && optional
			return nil
		}
		digest, err := up.digest(name)
		if err != nil {
			return m.failed(name, err)
		}
		m.files[path.Join(m.Path, name)] = &vendoredFile{owner: m, digest: digest, optional: optional}
		return nil
	}

	var buf bytes.Buffer
	done := make(map[string]bool) // directories whose metadata, and those above, are among the files
	for _, pkg := range m.packages {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := cmp.Or(strings.TrimPrefix(pkg[len(m.Path):], "/"), ".")
		entries, err := fs.ReadDir(up.files, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return m.failed(dir, err)
		}
		if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() && strings.HasSuffix(e.Name(), ".go") }) {
			return fmt.Errorf("inconsistent vendor/modules.txt: %s@%s: it has no package %s", m.Path, m.Version, pkg)
		}
		var embeds, cgoEmbeds []string // patterns
		for _, e := range entries {
			base, name := e.Name(), path.Join(dir, e.Name())
			if e.IsDir() {
				continue
			}
			isTest := strings.HasSuffix(base, "_test.go")
			copied, optional := e.Type().IsRegular() && !isTest, false
			if base == "go.mod" || base == "go.sum" {
				copied = copied && compareGo(goVersion, "1.17") < 0
			}
			if strings.HasSuffix(base, ".go") && (!isTest || compareGo(goVersion, "1.22") < 0) {
				// A link is not copied, but what it embeds is.
				if fi, err := fs.Stat(up.files, name); !e.Type().IsRegular() && (err != nil || !fi.Mode().IsRegular()) {
					continue
				}
				g, err := readVendored(up.files, name, &buf)
				if err != nil {
					return m.failed(name, err)
				}
				copied, optional = copied && (!g.ignored || g.nul), g.nul
				if g.cgo {
					cgoEmbeds = append(cgoEmbeds, g.embeds...)
				} else {
					embeds = append(embeds, g.embeds...)
				}
			}
			if copied {
				if err := add(name, optional); err != nil {
					return err
				}
			}
		}

		for d := dir; !done[d]; d = path.Dir(d) {
			done[d] = true
			if d == dir {
				continue
			}
			entries, err := fs.ReadDir(up.files, d)
			if err != nil {
				return m.failed(d, err)
			}
			for _, e := range entries {
				if e.Type().IsRegular() && isMetadata(e.Name()) {
					if err := add(path.Join(d, e.Name()), false); err != nil {
						return err
					}
				}
			}
		}

		for i, patterns := range [][]string{embeds, cgoEmbeds} {
			files, err := up.embedded(ctx, dir, patterns)
			if err != nil {
				return m.failed(dir, err)
			}
			for _, name := range files {
				if err := add(name, i == 1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// isMetadata reports whether a file is copied from a directory above a package, by
// matchMetadata in modcmd.
func isMetadata(name string) bool {
	for _, prefix := range []string{"AUTHORS", "CONTRIBUTORS", "COPYLEFT", "COPYING", "COPYRIGHT", "LEGAL", "LICENSE", "NOTICE", "PATENTS"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// compare compares the file in vendor with the module's.
func (f *vendoredFile) compare(h *hasher) error {
	r, err := os.Open(f.file)
	if err != nil {
		return err
	}
	defer r.Close()
	if fi, err := r.Stat(); err != nil {
		return err
	} else if fi.Size() > maxZip {
		return nil // no module has such a file
	}
	h.reset()
	if err := h.add("", r); err != nil {
		return fmt.Errorf("vendor: %w", err)
	}
	f.same = h.digest == f.digest
	return nil
}

// A vendoredGo is what decides whether a Go file is in vendor, and which others are
// because of it.
type vendoredGo struct {
	ignored bool     // whether its constraints are never met
	nul     bool     // whether it is ignored, but has a byte for which the go command may copy it
	cgo     bool     // whether it imports "C"
	embeds  []string // the patterns of its //go:embed lines
}

func readVendored(files fs.FS, name string, buf *bytes.Buffer) (vendoredGo, error) {
	f, err := files.Open(name)
	if err != nil {
		return vendoredGo{}, err
	}
	defer f.Close()
	buf.Reset()
	const first = 16 << 10
	if _, err := buf.ReadFrom(io.LimitReader(f, first)); err != nil {
		return vendoredGo{}, err
	}
	// What follows the imports matters only if files are embedded.
	if h, _, err := parseHeader(buf.Bytes(), false); err != nil || slices.Contains(h.Imports, "embed") {
		if _, err := buf.ReadFrom(io.LimitReader(f, maxSource+1-first)); err != nil {
			return vendoredGo{}, err
		}
	}
	if buf.Len() > maxSource {
		return vendoredGo{}, fmt.Errorf("larger than %d bytes", maxSource)
	}
	g := parseVendored(buf.Bytes())
	if base := path.Base(name); base[0] == '_' || base[0] == '.' {
		g.embeds = nil // no package has it
	}
	return g, nil
}

// parseVendored reads a Go file as ShouldBuild in cmd/go/internal/imports and readGoInfo
// in go/build do. The file need not be well-formed.
func parseVendored(data []byte) vendoredGo {
	var g vendoredGo
	h, end, err := parseHeader(data, true)
	head := data[:end]
	if err != nil {
		head = data
	}
	lines, constraintErr := constraints(head)
	g.ignored = constraintErr != nil || !meetsAny(lines)
	g.nul = g.ignored && err != nil && bytes.IndexByte(data, 0) >= 0
	if err != nil {
		if h = parseWithGo("", data); h.Broken != "" {
			return g
		}
	}
	g.cgo = slices.Contains(h.Imports, "C")
	if h.Name == "documentation" || !slices.Contains(h.Imports, "embed") {
		return g
	}
	g.embeds = embedPatterns(data)
	return g
}

// embedded returns the files that patterns of the package in dir match. Where that
// is an error, as for a pattern that matches no file, none is copied, and the go
// command has failed.
func (up upstream) embedded(ctx context.Context, dir string, patterns []string) ([]string, error) {
	var all []string
	for _, pattern := range patterns {
		names, err := matchEmbed(ctx, up.files, dir, pattern)
		if _, ok := errors.AsType[embedError](err); ok {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
