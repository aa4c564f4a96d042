package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// A pkg is a package of a program, not of the standard library.
type pkg struct {
	path string
	root bool  // whether it was asked for
	tree *tree // of the module that it is from; nil for files that were named one by one
	dir  string
	source
}

// commandLine is the import path of files that are named one by one.
const commandLine = "command-line-arguments"

// standard reports whether an import path is one of the standard library, or of
// the toolchain's commands. Where the library's sources are not there, it is one
// without a dot in its first element.
func (l *loader) standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") {
		return false
	}
	if l.settings.std == "" {
		return true
	}
	return l.list(filepath.Join(l.settings.std, filepath.FromSlash(path))).isGo
}

func (l *loader) list(dir string) listing {
	ls, _ := l.listings.do(dir, func() (listing, error) { return list(dir), nil })
	return ls
}

// dirIn returns the directory of a package in a module, and whether it is
// there. In a local directory, other modules may be in the way.
func (l *loader) dirIn(path, modulePath, root string, local bool) (dir string, ok bool, err error) {
	dir = filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(path[len(modulePath):], "/")))
	if local {
		for d := dir; d != root && len(d) > len(root); d = filepath.Dir(d) {
			if fi, err := os.Stat(filepath.Join(d, "go.mod")); err == nil && !fi.IsDir() {
				return "", false, nil
			}
		}
	}
	ls := l.list(dir)
	return dir, ls.isGo, ls.err
}

// resolve returns the module that an import path is of, and the directory. The
// tree is nil for the standard library.
//
// If the main module's graph is a pruned one, go.mod has every module that is
// needed, and the graph is read only for a package that is found in none: so it
// is said in https://go.dev/ref/mod#lazy-loading. A package that is found in two
// modules is an error, and so is a module that may have it and cannot be read.
func (l *loader) resolve(ctx context.Context, importPath string) (t *tree, dir string, err error) {
	if strings.Contains(importPath, "@") {
		return nil, "", errors.New("an import path has no version")
	}
	if err := module.CheckImportPath(importPath); err != nil {
		return nil, "", err
	}
	var found []string // where it is, for errors
	std := l.standard(importPath)
	guessed := std && l.settings.std == ""
	if std && !guessed {
		found = append(found, "the standard library")
	}
	if l.vendor != nil {
		return l.resolveVendored(importPath, found, guessed)
	}

	var g *graph
	if l.mains.work == nil && !l.pruned() {
		if g, err = l.fullGraph(ctx); err != nil {
			return nil, "", err
		}
	}
	for {
		var errs []error
		for prefix := importPath; prefix != "."; prefix = path.Dir(prefix) {
			if prefix == "go" || prefix == "toolchain" {
				continue
			}
			v, ok := "", false
			if g == nil {
				v, ok = l.selectedRoot[prefix]
			} else {
				v, ok = g.selected[prefix]
			}
			if !ok {
				continue
			}
			m, err := l.tree(module.Version{Path: prefix, Version: v})
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if d, ok, err := l.dirIn(importPath, prefix, m.dir, m.local); err != nil {
				errs = append(errs, err)
			} else if ok {
				found = append(found, "module "+m.module.String())
				t, dir = m, d
			}
		}
		switch {
		case len(found) > 1:
			slices.Reverse(found)
			return nil, "", fmt.Errorf("ambiguous import: found in %s", strings.Join(found, " and in "))
		case len(errs) > 0:
			return nil, "", errors.Join(errs...)
		case len(found) == 1 || guessed:
			return t, dir, nil
		case g != nil:
			return nil, "", l.notFound(importPath)
		}
		if g, err = l.fullGraph(ctx); err != nil {
			return nil, "", err
		}
	}
}

func (l *loader) notFound(importPath string) error {
	if first, _, _ := strings.Cut(importPath, "/"); !strings.Contains(first, ".") && l.settings.std != "" {
		return fmt.Errorf("it is neither in the standard library of %s nor in a module that is required", l.settings.goVersion)
	}
	return errors.New("no required module provides it (\"go get\" adds one that does)")
}

// resolveVendored is resolve where vendor is used: nothing else is looked at
// but it and the main modules.
func (l *loader) resolveVendored(importPath string, found []string, guessed bool) (t *tree, dir string, err error) {
	for _, m := range l.mains.list {
		if !within(importPath, m.path) {
			continue
		}
		d, ok, err := l.dirIn(importPath, m.path, m.dir, true)
		if err != nil {
			return nil, "", err
		}
		if ok {
			found = append(found, "module "+m.path)
			dir = d
			if t, err = l.tree(module.Version{Path: m.path}); err != nil {
				return nil, "", err
			}
		}
	}
	d, ok, err := l.dirIn(importPath, "", l.vendor.dir, false)
	if err != nil {
		return nil, "", err
	}
	if ok {
		m, listed := l.vendor.packages[importPath]
		switch {
		case listed:
			found = append(found, "vendor")
			dir = d
			t, err = l.trees.do(m, func() (*tree, error) {
				to, err := l.mains.replacement(m)
				return &tree{module: m, replaced: to, dir: l.vendor.dir}, err
			})
			if err != nil {
				return nil, "", err
			}
		case compareGo(l.mains.goVersion(), "1.23") < 0:
			return nil, "", errors.New("it is in vendor and not in vendor/modules.txt, so that its module is unknown")
		}
	}
	switch {
	case len(found) > 1:
		return nil, "", fmt.Errorf("ambiguous import: found in %s", strings.Join(found, " and in "))
	case len(found) == 1 || guessed:
		return t, dir, nil
	}
	return nil, "", errors.New("it is neither in the main module nor in vendor (\"go mod vendor\" updates it)")
}

// within reports whether an import path may be of a module.
func within(importPath, modulePath string) bool {
	return importPath == modulePath || strings.HasPrefix(importPath, modulePath+"/")
}

// load returns the packages that the patterns match and all that they import,
// sorted by path.
func (l *loader) load(ctx context.Context, dir string, patterns []string, t *target) ([]*pkg, error) {
	var first []*pkg
	if slices.ContainsFunc(patterns, func(p string) bool { return isFile(dir, p) }) {
		p, err := l.files(dir, patterns, t)
		if err != nil {
			return nil, err
		}
		first = append(first, p)
	} else {
		paths, err := l.match(ctx, dir, patterns, t)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			first = append(first, &pkg{path: path, root: true})
		}
	}

	var mu sync.Mutex
	known := make(map[string]*pkg)
	importers := make(map[string]string) // of a package's path, the first one by name
	failures := make(map[string]error)   // of a package's path
	fail := func(p *pkg, err error) {
		mu.Lock()
		defer mu.Unlock()
		failures[p.path] = err
	}
	for _, p := range first {
		known[p.path] = p
	}
	// The graph is needed anyway, and is checked first.
	if l.mains.work == nil && !l.pruned() {
		g, err := l.fullGraph(ctx)
		if err == nil {
			err = l.checkRoots(g)
		}
		if err != nil {
			return nil, err
		}
	}
	spread(ctx, slices.Clone(first), func(p *pkg) []*pkg {
		if p.path != commandLine {
			var err error
			if p.tree, p.dir, err = l.resolve(ctx, p.path); err != nil {
				fail(p, err)
				return nil
			}
			if p.tree == nil { // of the standard library
				return nil
			}
			if p.source, err = t.scan(p.dir, l.list(p.dir).files); err != nil {
				fail(p, err)
				return nil
			}
		}
		mu.Lock()
		defer mu.Unlock()
		var more []*pkg
		for _, path := range p.imports {
			by, ok := importers[path]
			if by == "" || p.path < by {
				importers[path] = p.path // the same one in each run
			}
			if _, isRoot := known[path]; ok || isRoot {
				continue
			}
			q := &pkg{path: path}
			if known[path] = q; len(known) > maxPackages {
				failures[p.path] = fmt.Errorf("more than %d packages", maxPackages)
				return nil
			}
			more = append(more, q)
		}
		return more
	})
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var errs []error
	for path, err := range failures {
		if _, ok := errors.AsType[*missingError](err); ok {
			// One that is missing is told of once, and not for each package.
			errs = append(errs, flat(err)...)
		} else if by := importers[path]; by != "" {
			errs = append(errs, fmt.Errorf("package %s imports %s: %w", by, path, err))
		} else {
			errs = append(errs, fmt.Errorf("package %s: %w", path, err))
		}
	}
	if err := faults(errs); err != nil {
		return nil, err
	}
	var list []*pkg
	for _, p := range known {
		if p.tree != nil || p.path == commandLine {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pkg) int { return cmp.Compare(a.path, b.path) })
	for _, p := range first {
		if p.tree == nil && p.path != commandLine {
			return nil, fmt.Errorf("package %s is of the standard library, not of a module", p.path)
		}
	}
	return list, l.checkRequirements(ctx, list)
}

// checkRequirements refuses a go.mod that the go command would have to change
// before it builds these packages, by the rules of updateRequirements and
// updateRoots in its package modload.
func (l *loader) checkRequirements(ctx context.Context, list []*pkg) error {
	packages := make(map[string]*pkg, len(list))
	for _, p := range list {
		packages[p.path] = p
	}
	external := func(p *pkg) bool { return p != nil && p.tree != nil && l.mains.find(p.tree.module.Path) == nil }

	// What a main module imports itself, its go.mod must require.
	var errs []error
	for _, p := range list {
		if p.tree == nil || external(p) {
			continue
		}
		for _, path := range p.imports {
			q := packages[path]
			if !external(q) {
				continue
			}
			m := q.tree.module
			if l.mains.work == nil {
				if v, ok := l.selectedRoot[m.Path]; !ok || v != m.Version {
					errs = append(errs, errUntidy("package %s imports %s from %s, which it does not require", p.path, path, m))
				}
				continue
			}
			if l.vendor != nil {
				continue
			}
			g, err := l.fullGraph(ctx)
			if err != nil {
				return err
			}
			if _, ok := g.requires[m]; !ok {
				errs = append(errs, errUntidy("package %s imports %s from %s, which no workspace module requires", p.path, path, m))
			}
		}
	}
	if err := faults(errs); err != nil {
		return err
	}
	switch {
	case l.mains.work != nil:
		return l.checkPaths()
	case !l.pruned():
		return errors.Join(l.checkRoots(l.graph), l.checkPaths())
	}

	// With a pruned graph it must have every module that provides what is asked
	// for or what a main module's packages import, however indirectly.
	needed := make(map[string]bool)
	var queue []*pkg
	for _, p := range list {
		if p.tree != nil && !external(p) || l.mains.tool(p.path) {
			needed[p.path] = true
			queue = append(queue, p)
		}
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, path := range p.imports {
			if q := packages[path]; q != nil && !needed[path] {
				needed[path] = true
				queue = append(queue, q)
			}
		}
	}
	files := packages[commandLine]
	modules := make(map[module.Version]bool)
	for _, p := range list {
		if !external(p) || !p.root && !needed[p.path] && (files == nil || !slices.Contains(files.imports, p.path)) {
			continue
		}
		m := p.tree.module
		if _, ok := l.selectedRoot[m.Path]; !ok {
			errs = append(errs, errUntidy("package %s is from %s, which it does not require", p.path, m))
		}
		modules[m] = true
	}
	if err := faults(errs); err != nil {
		return err
	}
	if l.graph == nil {
		// The go command does not read the graph if the requirements of the
		// modules in use agree with those of the main module.
		var mu sync.Mutex
		agree := true
		var sorted []module.Version
		for m := range modules {
			sorted = append(sorted, m)
		}
		spread(ctx, sorted, func(m module.Version) []module.Version {
			s, err := l.summary(m)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return nil
			}
			for _, r := range s.require {
				// A requirement on the main module is one that it cannot agree with.
				if v, ok := l.selectedRoot[r.Path]; ok && (l.mains.find(r.Path) != nil || compareVersions(r.Path, v, r.Version) < 0) {
					agree = false
				}
			}
			return nil
		})
		if err := cmp.Or(context.Cause(ctx), faults(errs)); err != nil {
			return err
		}
		if agree {
			return errors.Join(l.checkDuplicates(), l.checkPaths())
		}
	}
	g, err := l.fullGraph(ctx)
	if err != nil {
		return err
	}
	return errors.Join(l.checkRoots(g), l.checkPaths())
}

// checkDuplicates refuses a go.mod that requires two versions of a module.
func (l *loader) checkDuplicates() error {
	for _, r := range l.roots {
		if v := l.selectedRoot[r.Path]; v != r.Version && l.mains.find(r.Path) == nil {
			return errUntidy("it has %s %s and %s", r.Path, r.Version, v)
		}
	}
	return nil
}

// checkPaths refuses that one module is used for two module paths.
func (l *loader) checkPaths() error {
	list := l.roots
	if l.graph != nil {
		list = l.graph.list()
	}
	paths := make(map[module.Version]string)
	for _, m := range list {
		to, err := l.mains.replacement(m)
		if err != nil {
			return err
		}
		if to.Path == "" {
			to = m
		}
		if p, ok := paths[to]; ok && p != m.Path {
			return fmt.Errorf("%s is used for two modules, %s and %s", to, p, m.Path)
		}
		paths[to] = m.Path
	}
	return nil
}

// isFile reports whether a pattern is the name of a Go file.
func isFile(dir, pattern string) bool {
	if !strings.HasSuffix(pattern, ".go") {
		return false
	}
	fi, err := os.Stat(absolutePath(dir, pattern))
	return err == nil && !fi.IsDir()
}

func absolutePath(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// files returns the package that files named one by one are.
func (l *loader) files(dir string, names []string, t *target) (*pkg, error) {
	p := &pkg{path: commandLine, root: true}
	var files []string
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") {
			return nil, fmt.Errorf("%s: named files must be .go files", name)
		}
		file := absolutePath(dir, name)
		if fi, err := os.Stat(file); err != nil {
			return nil, err
		} else if fi.IsDir() {
			return nil, fmt.Errorf("%s: is a directory, want a Go file", name)
		}
		if p.dir == "" {
			p.dir = filepath.Dir(file)
		}
		if p.dir != filepath.Dir(file) {
			return nil, errors.New("named files must be in one directory")
		}
		files = append(files, filepath.Base(file))
	}
	slices.Sort(files)
	all := &target{tags: t.tags, cgo: t.cgo, defaults: t.defaults, allFiles: true}
	var err error
	p.source, err = all.scan(p.dir, slices.Compact(files))
	return p, err
}

// match returns the import paths of the packages that patterns match, as
// "go help packages" tells. That a pattern with "..." matches none is no error.
func (l *loader) match(ctx context.Context, dir string, patterns []string, t *target) ([]string, error) {
	found := make(map[string]bool)
	var errs []error
	for _, pattern := range patterns {
		var paths []string
		var err error
		local := pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "./") || strings.HasPrefix(pattern, "../") || filepath.IsAbs(pattern)
		wild := strings.Contains(pattern, "...")
		switch {
		case local && wild:
			paths, err = l.matchDirs(ctx, dir, pattern, t)
		case local:
			var path string
			if path, err = l.packageIn(absolutePath(dir, pattern)); err == nil {
				paths = []string{path}
			}
		case pattern == "all" || pattern == "std" || pattern == "cmd":
			err = errors.New("the pattern has packages of the standard library, not of a module")
		case pattern == "tool":
			for _, m := range l.mains.list {
				for _, tool := range m.file.Tool {
					paths = append(paths, tool.Path)
				}
			}
		case pattern == "work" || wild:
			paths, err = l.matchModules(ctx, pattern, t)
		default:
			paths = []string{path.Clean(pattern)}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("package %s: %w", pattern, err))
		}
		for _, p := range paths {
			found[p] = true
		}
	}
	if err := cmp.Or(context.Cause(ctx), errors.Join(errs...)); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no packages in %s match %s", dir, strings.Join(patterns, " "))
	}
	var list []string
	for p := range found {
		list = append(list, p)
	}
	slices.Sort(list)
	return list, nil
}

// packageIn returns the import path of a directory, which must be one of a main
// module or of vendor.
func (l *loader) packageIn(dir string) (string, error) {
	if fi, err := os.Stat(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("directory not found")
		}
		return "", err
	} else if !fi.IsDir() {
		return "", errors.New("it is not a directory")
	}
	ls := l.list(dir)
	if ls.err != nil {
		return "", ls.err
	}
	if !ls.isGo {
		return "", errors.New("no Go files in the directory")
	}
	for _, m := range l.mains.list {
		rel, err := filepath.Rel(m.dir, dir)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) || strings.Contains(rel, "@") {
			continue
		}
		p := filepath.ToSlash(rel)
		if p == "." {
			return m.path, nil
		}
		if vendored, ok := strings.CutPrefix(p, "vendor/"); ok {
			if l.vendor == nil {
				return "", errors.New("vendor is not used")
			}
			if _, ok := l.vendor.packages[vendored]; !ok {
				return "", errors.New("it is not in vendor/modules.txt")
			}
			return vendored, nil
		}
		p = m.path + "/" + p
		if _, ok, err := l.dirIn(p, m.path, m.dir, true); err != nil {
			return "", err
		} else if ok {
			return p, nil
		}
	}
	if l.mains.work != nil {
		return "", errors.New("the directory is not of a module that go.work uses")
	}
	return "", errors.New("the directory is not of the main module")
}

// matchDirs returns the packages in directories that match a pattern.
func (l *loader) matchDirs(ctx context.Context, dir, pattern string, t *target) ([]string, error) {
	top := filepath.Dir(absolutePath(dir, pattern[:strings.Index(pattern, "...")]+"x"))
	var main *mainModule
	if file := findUp(top, "go.mod", ""); file != "" {
		for _, m := range l.mains.list {
			if m.dir == filepath.Dir(file) {
				main = m
			}
		}
	}
	if main == nil {
		return nil, errors.New("directory prefix is not of a main module")
	}
	var ignore []string
	for _, i := range main.file.Ignore {
		ignore = append(ignore, i.Path)
	}
	// Patterns are compared with absolute paths, so that "." and ".." in them
	// need no care.
	full := filepath.ToSlash(absolutePath(dir, pattern))
	if strings.HasSuffix(pattern, "/...") && !strings.HasSuffix(full, "/...") {
		full += "/..."
	}
	var paths []string
	var errs []error
	err := walk(ctx, top, func(d string) bool {
		if d != top {
			if skipped(filepath.Base(d)) {
				return false
			}
			if fi, err := os.Stat(filepath.Join(d, "go.mod")); err == nil && !fi.IsDir() {
				return false
			}
		}
		if rel, err := filepath.Rel(main.dir, d); err == nil && ignored(ignore, filepath.ToSlash(rel)) {
			return false
		}
		if matchPattern(full, filepath.ToSlash(d)) {
			ls := l.list(d)
			if ls.err != nil {
				errs = append(errs, ls.err)
			} else if ls.isGo {
				if _, err := t.scan(d, ls.files); err != errNoFiles {
					p, err := l.packageIn(d)
					if err != nil {
						errs = append(errs, err)
					}
					paths = append(paths, p)
				}
			}
		}
		return filepath.Base(d) != "vendor" || d == top || strings.Contains(pattern, "vendor")
	})
	return paths, errors.Join(append(errs, err)...)
}

// matchModules returns the packages of all modules whose import paths match a
// pattern, or those of the main modules for "work".
func (l *loader) matchModules(ctx context.Context, pattern string, t *target) ([]string, error) {
	prefix, _, _ := strings.Cut(pattern, "...")
	// canMatch reports whether a package below a path may match.
	canMatch := func(p string) bool {
		return pattern == "work" || strings.HasPrefix(p, prefix) || p == "" || strings.HasPrefix(prefix, p+"/") || p == prefix
	}
	type root struct {
		prefix, dir string
		local       bool
		ignore      []string
	}
	var roots []root
	var errs []error
	if first, _, _ := strings.Cut(prefix, "/"); pattern != "work" && !strings.Contains(first, ".") && l.mains.find(first) == nil && !strings.Contains(prefix, "/") {
		return nil, errors.New("the pattern may have packages of the standard library, not of a module")
	}
	for _, m := range l.mains.list {
		r := root{m.path, m.dir, true, nil}
		for _, i := range m.file.Ignore {
			r.ignore = append(r.ignore, i.Path)
		}
		roots = append(roots, r)
	}
	switch {
	case pattern == "work":
	case l.vendor != nil:
		roots = append(roots, root{"", l.vendor.dir, false, nil})
	default:
		g, err := l.fullGraph(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range g.list() {
			if l.mains.find(m.Path) != nil || !canMatch(m.Path) {
				continue
			}
			tree, err := l.tree(m)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			s, err := l.summary(m)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			roots = append(roots, root{m.Path, tree.dir, tree.local, s.ignore})
		}
	}
	have := make(map[string]bool)
	var paths []string
	for _, r := range roots {
		if !canMatch(r.prefix) {
			continue
		}
		err := walk(ctx, r.dir, func(d string) bool {
			rel, err := filepath.Rel(r.dir, d)
			if err != nil {
				errs = append(errs, err)
				return false
			}
			p := r.prefix
			if rel = filepath.ToSlash(rel); rel != "." {
				p = path.Join(p, rel)
				if skipped(filepath.Base(d)) || ignored(r.ignore, rel) {
					return false
				}
				if fi, err := os.Stat(filepath.Join(d, "go.mod")); r.local && err == nil && !fi.IsDir() {
					return false
				}
			}
			if !canMatch(p) {
				return false
			}
			if p != "" && !have[p] && (pattern == "work" || matchPattern(pattern, p)) {
				have[p] = true
				ls := l.list(d)
				if ls.err != nil {
					errs = append(errs, ls.err)
				} else if ls.isGo {
					if _, err := t.scan(d, ls.files); err != errNoFiles {
						paths = append(paths, p)
					}
				}
			}
			return rel == "." || filepath.Base(d) != "vendor"
		})
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}

// skipped reports whether a directory of a name has no packages that a pattern
// matches.
func skipped(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")
}

// ignored reports whether a directory, relative to its module, is one that
// ignore directives name: those with ./ from the module's top, others anywhere.
func ignored(ignore []string, rel string) bool {
	if rel == "." {
		return false
	}
	rel = "/" + rel + "/"
	return slices.ContainsFunc(ignore, func(i string) bool {
		if top, ok := strings.CutPrefix(i, "./"); ok {
			return strings.HasPrefix(rel, "/"+strings.Trim(top, "/")+"/")
		}
		return strings.Contains(rel, "/"+strings.Trim(i, "/")+"/")
	})
}

// matchPattern reports whether a name matches a pattern, in which "..." is any
// text. "/..." at its end is also nothing. An element "vendor" before the last
// one matches no "...".
func matchPattern(pattern, name string) bool {
	const vendorMark = "\x00"
	mark := func(s string) string {
		elems := strings.Split(s, "/")
		for i := range len(elems) - 1 {
			if elems[i] == "vendor" {
				elems[i] = vendorMark
			}
		}
		return strings.Join(elems, "/")
	}
	pattern, name = mark(pattern), mark(name)
	if rest, ok := strings.CutSuffix(pattern, "/..."); ok {
		if matchParts(strings.Split(rest, "..."), name, vendorMark) {
			return true
		}
		if above, ok := strings.CutSuffix(rest, "/"+vendorMark); ok && matchParts(strings.Split(above+"/vendor", "..."), name, vendorMark) {
			return true
		}
	}
	return matchParts(strings.Split(pattern, "..."), name, vendorMark)
}

// matchParts reports whether a name is made of parts with any text but never
// between them.
func matchParts(parts []string, name, never string) bool {
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		before, after, ok := strings.Cut(rest, part)
		if !ok || strings.Contains(before, never) {
			return false
		}
		rest = after
	}
	before, ok := strings.CutSuffix(rest, parts[len(parts)-1])
	return ok && !strings.Contains(before, never)
}

// walk calls f for a directory and those below it, as long as f returns true.
func walk(ctx context.Context, dir string, f func(dir string) bool) error {
	n := 0
	// The directory itself may be a symbolic link, others are not followed.
	return filepath.WalkDir(dir+string(filepath.Separator), func(d string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || !e.IsDir() {
			return err
		}
		if n++; n > maxDirs {
			return fmt.Errorf("more than %d directories in %s", maxDirs, dir)
		}
		if !f(filepath.Clean(d)) {
			return filepath.SkipDir
		}
		return nil
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
