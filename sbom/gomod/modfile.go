package gomod

import (
	"cmp"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
)

// A mainModule is one whose go.mod decides: the one that dir is in, or each of a
// workspace.
type mainModule struct {
	path string
	dir  string
	file *modfile.File

	exclude map[module.Version]bool
	replace map[module.Version]module.Version
}

// goVersion returns the Go version that the module is written for. Without a go
// line it is 1.16.
func (m *mainModule) goVersion() string { return goLine(m.file.Go, "1.16") }

func goLine(g *modfile.Go, missing string) string {
	if g == nil {
		return missing
	}
	return g.Version
}

// A workspace is a go.work file.
type workspace struct {
	dir     string
	file    *modfile.WorkFile
	replace map[module.Version]module.Version
}

// mains are the main modules, and the workspace that they are of, if any.
type mains struct {
	list []*mainModule
	work *workspace // nil if there is none
}

// readMains reads the go.mod and go.work files that the go command would use in
// dir.
func readMains(dir string, s *settings) (*mains, error) {
	ms := new(mains)
	workFile := ""
	switch s.work {
	case "off":
	case "", "auto":
		workFile = findUp(dir, "go.work", s.goroot)
	default:
		if !filepath.IsAbs(s.work) {
			return nil, fmt.Errorf("GOWORK is %s, want off or an absolute path", s.work)
		}
		workFile = s.work
	}

	var dirs []string
	if workFile == "" {
		file := findUp(dir, "go.mod", "")
		if tmp := s.tempDir(); file != "" && filepath.Dir(file) == filepath.Clean(tmp) {
			file = "" // as in the go command: somebody else's experiment
		}
		if file == "" {
			return nil, fmt.Errorf("no go.mod in %s or a directory above it", dir)
		}
		dirs = append(dirs, filepath.Dir(file))
	} else {
		data, err := readBounded(workFile, maxGoMod)
		if err != nil {
			return nil, fmt.Errorf("go.work: %w", err)
		}
		f, err := modfile.ParseWork(workFile, data, nil)
		if err != nil {
			return nil, fmt.Errorf("malformed go.work: %w", err)
		}
		if err := s.checkVersion("go.work", goLine(f.Go, "1.18")); err != nil {
			return nil, err
		}
		ms.work = &workspace{dir: filepath.Dir(workFile), file: f}
		if ms.work.replace, err = replaceMap(f.Replace); err != nil {
			return nil, fmt.Errorf("go.work: %w", err)
		}
		if n := len(f.Use); n > maxUses {
			return nil, fmt.Errorf("malformed go.work: it uses %d modules, want at most %d", n, maxUses)
		}
		for _, u := range f.Use {
			d := filepath.FromSlash(u.Path)
			if !filepath.IsAbs(d) {
				d = filepath.Join(ms.work.dir, d)
			}
			if slices.Contains(dirs, d) {
				return nil, fmt.Errorf("malformed go.work: line %d: %s appears several times", u.Syntax.Start.Line, u.Path)
			}
			dirs = append(dirs, d)
		}
		if len(dirs) == 0 {
			return nil, errors.New("go.work: it uses no module")
		}
	}

	var errs []error
	for _, d := range dirs {
		m, err := readMain(d, s)
		if err == nil && ms.work != nil {
			// Before go 1.21 the line was advice.
			if v, w := m.goVersion(), goLine(ms.work.file.Go, "1.18"); compareGo(v, w) > 0 && compareGo(v, "1.21") >= 0 {
				err = fmt.Errorf("module %s requires go %s, but go.work has go %s", m.path, v, w)
			}
		}
		if err == nil && ms.find(m.path) != nil {
			err = fmt.Errorf("module %s appears several times in go.work", m.path)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ms.list = append(ms.list, m)
	}
	if err := faults(errs); err != nil {
		return nil, err
	}
	return ms, ms.checkReplaces()
}

// findUp returns the file of a name in dir or the closest directory above it,
// or "". It does not go above the directory stop.
func findUp(dir, name, stop string) string {
	for {
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && !fi.IsDir() {
			return file
		}
		up := filepath.Dir(dir)
		if up == dir || up == stop {
			return ""
		}
		dir = up
	}
}

// tempDir is os.TempDir.
func (s *settings) tempDir() string {
	if filepath.Separator == '\\' {
		return cmp.Or(s.getenv("TMP"), s.getenv("TEMP"))
	}
	return cmp.Or(s.getenv("TMPDIR"), "/tmp")
}

// checkVersion refuses a go line of a newer release than the toolchain is.
func (s *settings) checkVersion(what, goLine string) error {
	local := version.Lang(buildinfo.Release(s.goVersion))
	if r := buildinfo.Release(s.goVersion); local != "" && version.Compare("go"+goLine, r) > 0 {
		return fmt.Errorf("%s requires go %s, the toolchain is %s", what, goLine, r)
	}
	return nil
}

func readMain(dir string, s *settings) (*mainModule, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := readBounded(name, maxGoMod)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(name, data, fixVersion)
	if err != nil {
		return nil, fmt.Errorf("malformed go.mod: %w", err)
	}
	if f.Module == nil {
		return nil, fmt.Errorf("malformed go.mod: %s: no module directive", name)
	}
	m := &mainModule{path: f.Module.Mod.Path, dir: dir, file: f, exclude: make(map[module.Version]bool)}
	if err := module.CheckImportPath(m.path); err != nil {
		return nil, fmt.Errorf("malformed go.mod: %w", err)
	}
	if src := filepath.Join(s.goroot, "src"); s.goroot != "" && (dir == src || dir == filepath.Join(src, "cmd")) {
		return nil, fmt.Errorf("module %s is the toolchain's own", m.path)
	}
	if err := s.checkVersion("module "+m.path, m.goVersion()); err != nil {
		return nil, err
	}
	if n := len(f.Require); n > maxModules {
		return nil, fmt.Errorf("%s: %d requirements, want at most %d", name, n, maxModules)
	}
	for _, x := range f.Exclude {
		m.exclude[x.Mod] = true
	}
	if m.replace, err = replaceMap(f.Replace); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, t := range f.Tool {
		if err := module.CheckImportPath(t.Path); err != nil {
			return nil, fmt.Errorf("malformed go.mod: line %d: tool: %w", t.Syntax.Start.Line, err)
		}
	}
	return m, nil
}

// fixVersion refuses a version that is a query: the go command would ask the
// network for what it stands for.
func fixVersion(path, v string) (string, error) {
	_, major, ok := module.SplitPathVersion(path)
	if !ok {
		return "", fmt.Errorf("malformed module path %q", path)
	}
	if v == "" || module.CanonicalVersion(v) != v {
		return "", fmt.Errorf("version %q of %s is not a canonical one", v, path)
	}
	return v, module.CheckPathMajor(v, major)
}

func replaceMap(list []*modfile.Replace) (map[module.Version]module.Version, error) {
	m := make(map[module.Version]module.Version, len(list))
	for _, r := range list {
		if old, ok := m[r.Old]; ok && old != r.New {
			return nil, fmt.Errorf("line %d: conflicting replacements for %s", r.Syntax.Start.Line, r.Old)
		}
		m[r.Old] = r.New
	}
	return m, nil
}

// checkReplaces refuses replacements that contradict each other. What go.work
// replaces, it replaces for all.
func (ms *mains) checkReplaces() error {
	if ms.work == nil {
		return nil
	}
	overridden := make(map[string]bool)
	for _, r := range ms.work.file.Replace {
		if r.Old.Version == "" && ms.find(r.Old.Path) != nil {
			return fmt.Errorf("go.work: line %d: workspace module %s is replaced at all versions", r.Syntax.Start.Line, r.Old.Path)
		}
		overridden[r.Old.Path] = true
	}
	type from struct {
		m  *mainModule
		to module.Version
	}
	seen := make(map[module.Version]from)
	for _, m := range ms.list {
		for _, r := range m.file.Replace {
			if overridden[r.Old.Path] {
				continue
			}
			to := r.New
			if to.Version == "" && !filepath.IsAbs(to.Path) {
				to.Path = filepath.Join(m.dir, filepath.FromSlash(to.Path))
			}
			if f, ok := seen[r.Old]; ok && f.m != m && f.to != to {
				return fmt.Errorf("conflicting replacements for %s in the go.mod of %s and of %s: a replace in go.work decides", r.Old, f.m.path, m.path)
			}
			seen[r.Old] = from{m, to}
		}
	}
	return nil
}

// find returns the main module of a path, or nil.
func (ms *mains) find(path string) *mainModule {
	for _, m := range ms.list {
		if m.path == path {
			return m
		}
	}
	return nil
}

// dir returns the directory that directories in replace directives are
// relative to.
func (ms *mains) dir() string {
	if ms.work != nil {
		return ms.work.dir
	}
	return ms.list[0].dir
}

// goVersion returns the Go version that the build is for.
func (ms *mains) goVersion() string {
	if ms.work != nil {
		return goLine(ms.work.file.Go, "1.18")
	}
	return ms.list[0].goVersion()
}

// replacement returns what is used in place of m, or the zero Version. A
// directory has no version, and in a workspace is relative to go.work.
func (ms *mains) replacement(m module.Version) (module.Version, error) {
	if m.Version == "" && ms.find(m.Path) != nil {
		return module.Version{}, nil
	}
	if ms.work != nil {
		if to, _, ok := lookup(ms.work.replace, m); ok {
			return to, nil
		}
	}
	var found module.Version
	var by *mainModule
	for _, main := range ms.list {
		to, wildcard, ok := lookup(main.replace, m)
		if !ok {
			continue
		}
		if by != nil && !wildcard && found != to {
			return module.Version{}, fmt.Errorf("conflicting replacements for %s in the go.mod of %s and of %s", m, by.path, main.path)
		}
		found, by = to, main
	}
	if by == nil || found.Version != "" || filepath.IsAbs(found.Path) || ms.work == nil {
		return found, nil
	}
	dir := filepath.Join(by.dir, filepath.FromSlash(found.Path))
	if rel, err := filepath.Rel(ms.work.dir, dir); err == nil {
		dir = rel
	}
	if !modfile.IsDirectoryPath(dir) {
		dir = "./" + filepath.ToSlash(dir)
	}
	return module.Version{Path: filepath.ToSlash(dir)}, nil
}

// lookup finds m in the replace directives of one file: with its version, or
// with that of all versions.
func lookup(replace map[module.Version]module.Version, m module.Version) (to module.Version, wildcard, ok bool) {
	if to, ok = replace[m]; ok {
		return to, false, true
	}
	to, ok = replace[module.Version{Path: m.Path}]
	return to, true, ok
}

// excluded reports whether a main module excludes m.
func (ms *mains) excluded(m module.Version) bool {
	return slices.ContainsFunc(ms.list, func(main *mainModule) bool { return main.exclude[m] })
}

// tool reports whether a main module names a package as a tool.
func (ms *mains) tool(path string) bool {
	return slices.ContainsFunc(ms.list, func(m *mainModule) bool {
		return slices.ContainsFunc(m.file.Tool, func(t *modfile.Tool) bool { return t.Path == path })
	})
}

// goSums are the lines of go.sum, in a workspace those of go.work.sum and of every
// go.sum.
type goSums struct {
	files string // their names, for errors
	lines map[module.Version][]string
}

func readSums(ms *mains) (*goSums, error) {
	s := &goSums{files: "go.sum", lines: make(map[module.Version][]string)}
	var files []string
	if ms.work != nil {
		s.files = "go.sum or go.work.sum"
		files = append(files, ms.work.file.Syntax.Name+".sum")
	}
	for _, m := range ms.list {
		files = append(files, filepath.Join(m.dir, "go.sum"))
	}
	for _, file := range files {
		data, err := readBounded(file, maxGoMod)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			f := strings.Fields(line)
			if len(f) == 0 {
				continue
			}
			if len(f) != 3 {
				return nil, fmt.Errorf("malformed go.sum: %s:%d: %d fields, want 3", file, n, len(f))
			}
			// The sum of an empty go.mod, which old releases wrote for modules without one.
			if f[2] == "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=" {
				continue
			}
			key := module.Version{Path: f[0], Version: f[1]}
			s.lines[key] = append(s.lines[key], f[2])
		}
	}
	return s, nil
}

// of returns the one h1 sum of m, or "" if there is none, or several.
func (s *goSums) of(m module.Version) string {
	var sum string
	for _, h := range s.lines[m] {
		if strings.HasPrefix(h, "h1:") {
			if sum != "" && sum != h {
				return ""
			}
			sum = h
		}
	}
	return sum
}

// check compares the sum of m, whose version may end in "/go.mod", with the
// recorded one.
func (s *goSums) check(m module.Version, h1 string) error {
	found := false
	for _, h := range s.lines[m] {
		if h == h1 {
			found = true
		} else if strings.HasPrefix(h, "h1:") {
			return fmt.Errorf("%s@%s: checksum mismatch: the module cache has %s, %s has %s", m.Path, m.Version, h1, s.files, h)
		}
	}
	if !found {
		return s.missing(m)
	}
	return nil
}

func (s *goSums) missing(m module.Version) error {
	return fmt.Errorf("%s@%s: no sum in %s (\"go mod download\" adds what is missing)", m.Path, m.Version, s.files)
}

// compareGo compares two Go versions as go lines have them ("1.21.3").
func compareGo(a, b string) int { return version.Compare("go"+a, "go"+b) }

// compareVersions compares versions of the module path, of which go and
// toolchain are no modules. An empty version is that of a main module, and
// higher than all others.
func compareVersions(path, a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	case path == "go":
		return compareGo(a, b)
	case path == "toolchain":
		return version.Compare(a, b)
	}
	return semver.Compare(a, b)
}

// sortModules sorts by path and version.
func sortModules(list []module.Version) {
	slices.SortFunc(list, func(a, b module.Version) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), compareVersions(a.Path, a.Version, b.Version))
	})
}

// moduleName returns the module path in the go.mod of a directory, or "" if there
// is none: one that is vendored need not be there any more.
func moduleName(dir string) (string, error) {
	data, err := readBounded(filepath.Join(dir, "go.mod"), maxGoMod)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return modfile.ModulePath(data), err
}
