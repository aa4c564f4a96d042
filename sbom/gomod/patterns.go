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

	"golang.org/x/mod/module"
)

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
func (l *loader) files(dir string, names []string, t *selector) (*pkg, error) {
	p := &pkg{path: commandLine, root: true, dir: "."}
	var files []*goFile
	in := ""
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") {
			return nil, fmt.Errorf("%s: named files must be .go files", name)
		}
		file := absolutePath(dir, name)
		if fi, err := os.Stat(file); err != nil {
			return nil, err
		} else if !fi.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: not a regular file, want a Go file", name)
		}
		if in == "" {
			in = filepath.Dir(file)
		}
		if in != filepath.Dir(file) {
			return nil, errors.New("named files must be in one directory")
		}
		files = append(files, &goFile{name: filepath.Base(file)})
	}
	slices.SortFunc(files, func(a, b *goFile) int { return strings.Compare(a.name, b.name) })
	files = slices.CompactFunc(files, func(a, b *goFile) bool { return a.name == b.name })
	all := &selector{tags: t.tags, cgo: t.cgo, defaults: t.defaults, allFiles: true}
	var err error
	p.named = l.sources.directory(in)
	p.source, err = all.scan(p.named, ".", files)
	return p, err
}

// match returns the import paths of the packages that patterns match, as
// "go help packages" tells. That a pattern with "..." matches none is no error.
func (l *loader) match(ctx context.Context, dir string, patterns []string, t *selector) ([]string, error) {
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
	if ls := readDirectory(os.DirFS(dir), "."); ls.err != nil {
		return "", ls.err
	} else if !ls.isGo {
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
		tree, err := l.tree(module.Version{Path: m.path})
		if err != nil {
			return "", err
		}
		if _, ok, err := tree.find(p, m.path); err != nil {
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
func (l *loader) matchDirs(ctx context.Context, dir, pattern string, t *selector) ([]string, error) {
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
	tree, err := l.tree(module.Version{Path: main.path})
	if err != nil {
		return nil, err
	}
	below, err := filepath.Rel(main.dir, top)
	if err != nil {
		return nil, err
	}
	below = filepath.ToSlash(below)
	var paths []string
	var errs []error
	err = walk(ctx, tree.files, below, func(d string) bool {
		if d != below && (skipped(path.Base(d)) || tree.hasFile(path.Join(d, "go.mod"))) || ignored(ignore, d) {
			return false
		}
		if name := filepath.Join(main.dir, filepath.FromSlash(d)); matchPattern(full, filepath.ToSlash(name)) {
			ls := tree.list(d)
			if ls.err != nil {
				errs = append(errs, ls.err)
			} else if ls.isGo {
				if _, err := t.scan(tree.sourceTree, d, ls.files); err != errNoFiles {
					p, err := l.packageIn(name)
					if err != nil {
						errs = append(errs, err)
					}
					paths = append(paths, p)
				}
			}
		}
		return path.Base(d) != "vendor" || d == below || strings.Contains(pattern, "vendor")
	})
	return paths, errors.Join(append(errs, err)...)
}

// matchModules returns the packages of all modules whose import paths match a
// pattern, or those of the main modules for "work".
func (l *loader) matchModules(ctx context.Context, pattern string, t *selector) ([]string, error) {
	prefix, _, _ := strings.Cut(pattern, "...")
	// canMatch reports whether a package below a path may match.
	canMatch := func(p string) bool {
		return pattern == "work" || strings.HasPrefix(p, prefix) || p == "" || strings.HasPrefix(prefix, p+"/") || p == prefix
	}
	type root struct {
		prefix string
		*tree
		ignore []string
	}
	var roots []root
	var errs []error
	if first, _, _ := strings.Cut(prefix, "/"); pattern != "work" && !strings.Contains(first, ".") && l.mains.find(first) == nil && !strings.Contains(prefix, "/") {
		return nil, errors.New("the pattern may have packages of the standard library, not of a module")
	}
	for _, m := range l.mains.list {
		tree, err := l.tree(module.Version{Path: m.path})
		if err != nil {
			return nil, err
		}
		r := root{prefix: m.path, tree: tree}
		for _, i := range m.file.Ignore {
			r.ignore = append(r.ignore, i.Path)
		}
		roots = append(roots, r)
	}
	switch {
	case pattern == "work":
	case l.vendor != nil:
		roots = append(roots, root{tree: &tree{dir: l.vendor.dir, sourceTree: l.sources.directory(l.vendor.dir)}})
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
			roots = append(roots, root{m.Path, tree, s.ignore})
		}
	}
	have := make(map[string]bool)
	var paths []string
	for _, r := range roots {
		if !canMatch(r.prefix) {
			continue
		}
		err := walk(ctx, r.files, ".", func(d string) bool {
			p := r.prefix
			if d != "." {
				p = path.Join(p, d)
				if skipped(path.Base(d)) || ignored(r.ignore, d) || r.local && r.hasFile(path.Join(d, "go.mod")) {
					return false
				}
			}
			if !canMatch(p) {
				return false
			}
			if p != "" && !have[p] && (pattern == "work" || matchPattern(pattern, p)) {
				have[p] = true
				ls := r.list(d)
				if ls.err != nil {
					errs = append(errs, ls.err)
				} else if ls.isGo {
					if _, err := t.scan(r.sourceTree, d, ls.files); err != errNoFiles {
						paths = append(paths, p)
					}
				}
			}
			return d == "." || path.Base(d) != "vendor"
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
// The directory itself may be a symbolic link, others are not followed.
func walk(ctx context.Context, files fs.FS, dir string, f func(dir string) bool) error {
	n := 0
	return fs.WalkDir(files, dir, func(d string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || !e.IsDir() {
			return err
		}
		if n++; n > maxDirs {
			return fmt.Errorf("more than %d directories in %s", maxDirs, dir)
		}
		if !f(d) {
			return fs.SkipDir
		}
		return nil
	})
}
