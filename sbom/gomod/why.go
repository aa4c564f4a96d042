package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/mod/module"
)

// A Standing is how a module stands to a program.
type Standing string

// The standings that Why tells, the first one that applies.
const (
	Linked      Standing = "linked"             // packages of it are linked
	TestOnly    Standing = "test only"          // only tests of the packages import it
	ToolOnly    Standing = "tool only"          // only tools of the main module import it
	OtherTarget Standing = "other target only"  // it is imported for other systems or with other tags
	NotLinked   Standing = "required, not used" // a go.mod file requires it, and no package imports it
	Excluded    Standing = "excluded"           // an exclude directive has this version
	NotRequired Standing = "not required"       // no go.mod file requires it
)

// A Reason explains why a module is in a program, or why it is not.
type Reason struct {
	Module   string // the path of the module, as it is required
	Version  string // the one that is selected; empty for main modules and those not required
	Standing Standing

	// Asked is the version that was asked for, if another one is selected.
	Asked string

	// Imports is a shortest chain of packages, each of which imports the next:
	// from one that was asked for to one of the module. Tests of a package are
	// named "PACKAGE [test]". There is none if nothing imports the module.
	Imports []string

	// File is the file in that chain which is not for the target, with the
	// package's import path as its directory, if the Standing is OtherTarget.
	File string

	// Requirements is a shortest chain of modules, "path@version", each of whose
	// go.mod files requires the next: from a main module to this one. There is
	// none unless the Standing is NotLinked.
	Requirements []string

	// Replaced is what is used instead of the module, "path@version" or the
	// directory as the replace directive has it.
	Replaced string
}

// String returns the reason in words, with the chain as indented lines. A name
// that has unusual characters is quoted.
func (r *Reason) String() string {
	var b strings.Builder
	b.WriteString(r.Module)
	if r.Version != "" {
		b.WriteString(" " + r.Version)
	}
	b.WriteString(": " + string(r.Standing))
	if r.Asked != "" && r.Standing != Excluded {
		fmt.Fprintf(&b, " (%s was asked for)", r.Asked)
	}
	if r.Replaced != "" {
		b.WriteString(", replaced by " + quoteUnusual(r.Replaced))
	}
	if r.File != "" {
		b.WriteString(", by " + quoteUnusual(r.File))
	}
	for _, chain := range [][]string{r.Imports, r.Requirements} {
		for i, link := range chain {
			b.WriteString("\n" + strings.Repeat("  ", i+1) + quoteUnusual(link))
		}
	}
	return b.String()
}

// quoteUnusual returns s, in quotes if it has characters that could make it look
// like something else where it is printed.
func quoteUnusual(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Why explains why a module is in the Document that [Load] returns for the same
// arguments, or why it is not. The module is named by its PURL or its path, with
// its version ("@v1.2.3") or without it; a module that replaces another one may
// be named by either. The standard library is named stdlib.
//
// Of several targets in o, the first counts for which the module is linked. With
// Tests or Tools unset, Why looks there all the same. A module of which only other
// systems need a package is OtherTarget even where the module cache does not have
// it; what other modules the cache lacks might import is not known.
//
// Errors are those of Load, and a name that is none of a module, or the
// toolchain's.
func Why(ctx context.Context, dir string, o Options, name string) (*Reason, error) {
	if o.Getenv == nil && o.ModCache == "" {
		return nil, errors.New("gomod: Options.Getenv is nil, and Options.ModCache is empty")
	}
	modulePath, version, err := parseName(name)
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	src := &sources{cache: o.Cache}
	r, err := why(ctx, dir, o, src, modulePath, version)
	if cerr := src.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("gomod: %w", err)
	}
	return r, nil
}

// parseName returns the module that a PURL or "path@version" names.
func parseName(name string) (modulePath, version string, err error) {
	rest, isPURL := strings.CutPrefix(name, "pkg:golang/")
	modulePath, version, _ = strings.Cut(rest, "@")
	if isPURL {
		version, _, _ = strings.Cut(version, "?")
		version, _, _ = strings.Cut(version, "#")
		var perr, verr error
		modulePath, perr = url.PathUnescape(modulePath)
		version, verr = url.PathUnescape(version)
		err = cmp.Or(perr, verr)
	}
	switch {
	case err != nil:
	case modulePath == "go" || modulePath == "toolchain" || modulePath == toolchainName:
		err = errors.New("it is the toolchain, and not a module of the program")
	default:
		err = module.CheckImportPath(modulePath)
	}
	if err != nil {
		return "", "", fmt.Errorf("malformed module name %.200q: %w", name, err)
	}
	return modulePath, version, nil
}

func why(ctx context.Context, dir string, o Options, src *sources, modulePath, version string) (*Reason, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	targets := o.Targets
	if len(targets) == 0 {
		targets = make([]Target, 1)
	}
	o.Tests, o.Tools = true, true
	var first *Reason
	for _, t := range targets {
		v, err := loadTarget(ctx, dir, o, t, src)
		if err != nil {
			return nil, err
		}
		r, err := v.why(ctx, modulePath, version)
		if err != nil || r.Standing == Linked {
			return r, err
		}
		if first == nil {
			first = r
		}
	}
	return first, nil
}

func (v *variant) why(ctx context.Context, modulePath, version string) (*Reason, error) {
	r := &Reason{Module: modulePath}
	linked := link(v.packages)
	var roots, tests, tools []*pkg
	for _, p := range v.packages {
		if p.root {
			roots = append(roots, p)
		}
		if p.test {
			tests = append(tests, p)
		}
	}
	for _, p := range v.tools {
		if p.root {
			tools = append(tools, p)
		}
	}
	if modulePath == stdlibName {
		r.Standing = Linked
		r.Imports = shortest(roots, v.packages, func(path string) bool { return v.standard(path) && path != "C" })
		r.Version = strings.TrimPrefix(v.goVersion, "go")
		return r, nil
	}

	// The module is known by the path that it is required by.
	if required, err := v.requiredAs(ctx, modulePath); err != nil {
		return nil, err
	} else if required.Path != "" {
		r.Module, r.Version = required.Path, required.Version
		to, err := v.mains.replacement(required)
		if err != nil {
			return nil, err
		}
		r.Replaced = to.String()
	}
	if version != "" && version != r.Version && !strings.HasSuffix(r.Replaced, "@"+version) {
		r.Asked = version
		excluded := module.Version{Path: r.Module, Version: version}
		if v.mains.excluded(excluded) {
			r.Standing = Excluded
			return r, nil
		}
	}

	of := make(map[string]bool) // the paths of the module's packages
	for _, list := range [][]*pkg{v.packages, v.tools} {
		for _, p := range list {
			if p.tree != nil && p.tree.module.Path == r.Module && !p.test {
				of[p.path] = true
			}
		}
	}
	isOf := func(path string) bool { return of[path] }
	isLinked := func(path string) bool { return of[path] && linked[path] }
	for _, s := range []struct {
		standing Standing
		from     []*pkg
		list     []*pkg
		of       func(string) bool
	}{{Linked, roots, v.packages, isLinked}, {TestOnly, tests, v.packages, isOf}, {ToolOnly, tools, v.tools, isOf}} {
		if r.Imports = shortest(s.from, s.list, s.of); r.Imports != nil {
			r.Standing = s.standing
			return r, nil
		}
	}
	if other, err := v.whyOtherTarget(ctx, roots, r); err != nil {
		return nil, err
	} else if other {
		r.Standing = OtherTarget
		return r, nil
	}

	g, err := v.fullGraph(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := g.selected[r.Module]; ok {
		r.Standing = NotLinked
		r.Requirements = v.requirements(g, r.Module)
		return r, nil
	}
	r.Standing = NotRequired
	for _, m := range v.mains.list {
		for x := range m.exclude {
			if x.Path == r.Module && (version == "" || version == x.Version) {
				r.Standing = Excluded
			}
		}
	}
	return r, nil
}

// requiredAs returns the selected module that has a path, or whose replacement
// has it, or the zero Version.
func (v *variant) requiredAs(ctx context.Context, modulePath string) (module.Version, error) {
	for _, list := range [][]*pkg{v.packages, v.tools} {
		for _, p := range list {
			if p.tree != nil && p.tree.module.Path == modulePath {
				return p.tree.module, nil // without the graph, which need not be in the cache
			}
		}
	}
	g, err := v.fullGraph(ctx)
	if err != nil {
		return module.Version{}, err
	}
	if version, ok := g.selected[modulePath]; ok {
		return module.Version{Path: modulePath, Version: version}, nil
	}
	for _, m := range g.list() {
		to, err := v.mains.replacement(m)
		if err != nil {
			return module.Version{}, err
		}
		switch {
		case to.Path == "":
			continue
		case to.Version == "":
			if to.Path, err = moduleName(v.replacedDir(to.Path)); err != nil {
				return module.Version{}, err
			}
		}
		if to.Path == modulePath {
			return m, nil
		}
	}
	return module.Version{}, nil
}

// shortest returns a shortest chain of imports from one of the packages to one
// that is wanted, which need not be in the list. It is the first such chain in
// the order of paths.
func shortest(from, list []*pkg, wanted func(path string) bool) []string {
	byPath := make(map[string]*pkg, len(list))
	for _, p := range list {
		byPath[p.path] = p
	}
	var queue []string
	parent := make(map[string]string)
	for _, p := range from {
		queue = append(queue, p.path)
		parent[p.path] = ""
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if wanted(at) {
			return chain(parent, at)
		}
		if p := byPath[at]; p != nil {
			for _, next := range p.imports {
				if _, seen := parent[next]; !seen {
					parent[next] = at
					queue = append(queue, next)
				}
			}
		}
	}
	return nil
}

func chain(parent map[string]string, at string) []string {
	var links []string
	for ; at != ""; at = parent[at] {
		links = append(links, at)
	}
	slices.Reverse(links)
	return links
}

// whyOtherTarget reports whether the module is imported for any target, and sets
// the chain and the file that is not for this one.
func (v *variant) whyOtherTarget(ctx context.Context, roots []*pkg, r *Reason) (bool, error) {
	type found struct{ by, file string }
	parent := make(map[string]string)
	files := make(map[string]found)
	var queue []*pkg
	for _, p := range roots {
		if p.tree != nil {
			queue = append(queue, p)
			parent[p.path] = ""
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		if len(parent) > maxPackages {
			return false, fmt.Errorf("more than %d packages for all targets", maxPackages)
		}
		for _, f := range p.tree.list(p.dir).files {
			if strings.HasSuffix(f.name, "_test.go") {
				continue
			}
			h, err := p.tree.read(p.dir, f)
			if err != nil || h.Broken != "" || h.Name == "documentation" || !meetsAny(h.Constraints) {
				continue
			}
			forTarget := v.selector.matchName(f.name) && v.selector.meets(h.Constraints) && (v.selector.cgo || !slices.Contains(h.Imports, "C"))
			for _, next := range h.Imports {
				if _, seen := parent[next]; seen || next == "C" {
					continue
				}
				q := &pkg{path: next}
				q.tree, q.dir, err = v.resolve(ctx, next)
				missing, isMissing := errors.AsType[*missingError](err)
				isMissing = isMissing && within(next, r.Module) && missing.module.Path == r.Module
				if err != nil && !isMissing || err == nil && q.tree == nil {
					continue
				}
				parent[next] = p.path
				if !forTarget {
					files[next] = found{p.path, f.name}
				}
				if isMissing || q.tree.module.Path == r.Module {
					r.Imports = chain(parent, next)
					for _, link := range r.Imports {
						if f, ok := files[link]; ok && r.File == "" {
							r.File = path.Join(f.by, f.file)
						}
					}
					return true, nil
				}
				queue = append(queue, q)
			}
		}
	}
	return false, nil
}

// requirements returns a shortest chain of modules from a main module to the
// selected version of one.
func (v *variant) requirements(g *graph, modulePath string) []string {
	parent := make(map[module.Version]module.Version)
	var queue []module.Version
	for _, m := range v.mains.list {
		queue = append(queue, module.Version{Path: m.path})
	}
	for _, m := range queue {
		parent[m] = module.Version{}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at.Path == modulePath && at.Version == g.selected[modulePath] {
			var links []string
			for ; at.Path != ""; at = parent[at] {
				links = append(links, at.String())
			}
			slices.Reverse(links)
			return links
		}
		for _, next := range g.requires[at] {
			if _, seen := parent[next]; !seen {
				parent[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}
