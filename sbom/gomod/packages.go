package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
)

// A pkg is a package of a program, not of the standard library.
type pkg struct {
	path string
	root bool   // whether it was asked for
	tree *tree  // of the module that it is from; nil for files that were named one by one
	dir  string // in the tree, with slashes; "." is its root
	test bool   // whether these are the tests of a package, not the package

	named *sourceTree // the directory of files that were named one by one; else nil
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
	return fs.ValidPath(path) && l.sources.directory(l.settings.std).list(path).isGo
}

// find returns the directory in a module of a package, and whether it is
// there. In a local directory, other modules may be in the way.
func (t *tree) find(importPath, modulePath string) (dir string, ok bool, err error) {
	dir = path.Clean(strings.TrimPrefix(importPath[len(modulePath):], "/"))
	if t.local {
		for d := dir; d != "."; d = path.Dir(d) {
			if t.hasFile(path.Join(d, "go.mod")) {
				return "", false, nil
			}
		}
	}
	ls := t.list(dir)
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
	if strings.HasPrefix(importPath, "vendor/") {
		return nil, "", errors.New("a package that the standard library has a copy of is imported by its own path")
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
			if d, ok, err := m.find(importPath, prefix); err != nil {
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
		main, err := l.tree(module.Version{Path: m.path})
		if err != nil {
			return nil, "", err
		}
		d, ok, err := main.find(importPath, m.path)
		if err != nil {
			return nil, "", err
		}
		if ok {
			found = append(found, "module "+m.path)
			t, dir = main, d
		}
	}
	vendored := &tree{dir: l.vendor.dir, sourceTree: l.sources.directory(l.vendor.dir)}
	d, ok, err := vendored.find(importPath, "")
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
				return &tree{module: m, replaced: to, dir: l.vendor.dir, sourceTree: vendored.sourceTree}, err
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
// sorted by path. With tests, the tests of those that are matched are packages
// too.
func (l *loader) load(ctx context.Context, dir string, patterns []string, t *selector, tests bool) ([]*pkg, error) {
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
		sources := []*pkg{p}
		if p.named == nil {
			var err error
			if p.tree, p.dir, err = l.resolve(ctx, p.path); err != nil {
				fail(p, err)
				return nil
			}
			if p.tree == nil { // of the standard library
				return nil
			}
			files := p.tree.list(p.dir).files
			if p.source, err = t.scan(p.tree.sourceTree, p.dir, files); err != nil {
				fail(p, err)
				return nil
			}
			if tests && p.root {
				imports, err := t.scanTests(p.tree.sourceTree, p.dir, files, p.name)
				if err != nil {
					fail(p, err)
					return nil
				}
				if imports != nil {
					sources = append(sources, &pkg{
						path: p.path + " [test]", tree: p.tree, dir: p.dir, test: true, source: source{imports: imports},
					})
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		var more []*pkg
		for _, p := range sources {
			known[p.path] = p
			for _, path := range p.imports {
				by, ok := importers[path]
				if by == "" || p.path < by {
					importers[path] = p.path // the same one in each run
				}
				if path == commandLine {
					failures[path] = l.notFound(path) // it is a name for files, not for a package
					continue
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
		if p.tree != nil || p.named != nil {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *pkg) int { return cmp.Compare(a.path, b.path) })
	for _, p := range first {
		if p.tree == nil && p.named == nil {
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
					errs = append(errs, untidy("package %s imports %s from %s, which it does not require", p.path, path, m))
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
				errs = append(errs, untidy("package %s imports %s from %s, which no workspace module requires", p.path, path, m))
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
			errs = append(errs, untidy("package %s is from %s, which it does not require", p.path, m))
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
			return untidy("it has %s %s and %s", r.Path, r.Version, v)
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
