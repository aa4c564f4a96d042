package gomod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
)

// A loader is one run of Load: which modules there are, and where.
type loader struct {
	settings *settings
	mains    *mains
	cache    *modCache
	vendor   *vendor // nil if vendor is not used

	// roots are the requirements of the main module, in a workspace the main
	// modules, with go and toolchain, sorted. selectedRoot has the highest
	// version of each.
	roots        []module.Version
	selectedRoot map[string]string

	sources   *sources
	summaries once[module.Version, *modSummary]
	trees     once[module.Version, *tree]

	graphOnce sync.Once
	graph     *graph // of all modules; nil until something needs it
	graphErr  error
}

// A once computes a value for each key at most one time, also if it is asked
// for at several places at the same time.
type once[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]*onceValue[V]
}

type onceValue[V any] struct {
	sync.Once
	v   V
	err error
}

func (o *once[K, V]) do(key K, f func() (V, error)) (V, error) {
	o.mu.Lock()
	if o.m == nil {
		o.m = make(map[K]*onceValue[V])
	}
	e := o.m[key]
	if e == nil {
		e = new(onceValue[V])
		o.m[key] = e
	}
	o.mu.Unlock()
	e.Do(func() { e.v, e.err = f() })
	return e.v, e.err
}

// newLoader returns the build of the main modules, whose requirements are read
// but not followed.
func newLoader(ms *mains, s *settings, src *sources) (*loader, error) {
	l := &loader{settings: s, mains: ms, sources: src, selectedRoot: make(map[string]string)}
	if err := l.chooseVendor(); err != nil {
		return nil, err
	}
	if l.vendor == nil {
		if s.modCache == "" {
			return nil, errors.New("the module cache is unknown: neither Options.ModCache nor GOMODCACHE, GOPATH or HOME is set")
		}
		sums, err := readSums(ms)
		if err != nil {
			return nil, err
		}
		l.cache = &modCache{dir: s.modCache, sums: sums}
	}

	toolchain := ""
	if ms.work != nil {
		for _, m := range ms.list {
			l.roots = append(l.roots, module.Version{Path: m.path})
		}
		if t := ms.work.file.Toolchain; t != nil {
			toolchain = t.Name
		}
	} else {
		m := ms.list[0]
		for _, r := range m.file.Require {
			if !m.exclude[r.Mod] {
				l.roots = append(l.roots, r.Mod)
			}
		}
		if t := m.file.Toolchain; t != nil {
			toolchain = t.Name
		}
	}
	l.roots = append(l.roots, module.Version{Path: "go", Version: ms.goVersion()})
	if toolchain != "" {
		l.roots = append(l.roots, module.Version{Path: "toolchain", Version: toolchain})
	}
	sortModules(l.roots)
	for _, r := range l.roots {
		l.selectedRoot[r.Path] = r.Version // the last one is the highest
	}
	for _, m := range ms.list {
		l.selectedRoot[m.path] = ""
	}
	if l.vendor != nil {
		if err := l.checkVendor(); err != nil {
			return nil, err
		}
		l.graphOnce.Do(func() { l.graph = l.vendorGraph() })
	}
	return l, nil
}

// pruned reports whether the main module's graph is a pruned one. That of a
// workspace is a third kind, which readGraph tells.
func (l *loader) pruned() bool { return l.mains.work == nil && pruned(l.mains.goVersion()) }

// untidy says what the go command says when go.mod lacks what it would have
// to add.
func untidy(format string, a ...any) error {
	return fmt.Errorf("go.mod is not up to date (\"go mod tidy\" updates it): "+format, a...)
}

// summary returns what the go.mod file of m, or of what replaces it, says.
func (l *loader) summary(m module.Version) (*modSummary, error) {
	return l.summaries.do(m, func() (*modSummary, error) {
		switch {
		case m.Path == "go":
			// Go 1.21.3 needs at least the toolchain of that name.
			s := new(modSummary)
			if compareGo(m.Version, "1.21") >= 0 {
				s.require = []module.Version{{Path: "toolchain", Version: "go" + m.Version}}
			}
			return s, nil
		case m.Path == "toolchain":
			return new(modSummary), nil
		case m.Version == "":
			return l.withoutExcluded(newSummary(l.mains.find(m.Path).file)), nil
		}
		to, err := l.mains.replacement(m)
		if err != nil {
			return nil, err
		}
		actual := m
		if to.Path != "" {
			actual = to
		}
		var data []byte
		if actual.Version == "" {
			name := filepath.Join(l.replacedDir(actual.Path), "go.mod")
			if data, err = readBounded(name, maxGoMod); err != nil {
				return nil, fmt.Errorf("%s: replaced by a directory: %w", m, err)
			}
		} else if data, err = l.cache.goMod(actual); err != nil {
			return nil, err
		}
		s, err := parseSummary(m, data)
		if err != nil {
			return nil, err
		}
		if actual.Version != "" {
			if s.path == "" {
				return nil, fmt.Errorf("%s: malformed go.mod: no module directive", actual)
			}
			if s.path != m.Path && s.path != actual.Path {
				return nil, fmt.Errorf("%s: its go.mod says that it is module %s, but it was required as %s", actual, s.path, m.Path)
			}
		}
		if s.goVersion != "" && compareGo(s.goVersion, "1.21") >= 0 {
			if err := l.settings.checkVersion("module "+m.String(), s.goVersion); err != nil {
				return nil, err
			}
		}
		return l.withoutExcluded(s), nil
	})
}

func (l *loader) withoutExcluded(s *modSummary) *modSummary {
	s.require = slices.DeleteFunc(s.require, l.mains.excluded)
	return s
}

// replacedDir returns the directory that a replace directive names.
func (l *loader) replacedDir(path string) string {
	dir := filepath.FromSlash(path)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(l.mains.dir(), dir)
	}
	return dir
}

// A tree is where the files of a module are.
type tree struct {
	module   module.Version // as it is required
	replaced module.Version // what is used instead; zero if nothing is
	dir      string         // where they are, or would be if they were extracted
	local    bool           // whether other modules can be in directories below dir
	*sourceTree
}

// tree returns where the files of m are.
func (l *loader) tree(m module.Version) (*tree, error) {
	return l.trees.do(m, func() (*tree, error) {
		if main := l.mains.find(m.Path); main != nil && m.Version == "" {
			return &tree{module: m, dir: main.dir, local: true, sourceTree: l.sources.directory(main.dir)}, nil
		}
		to, err := l.mains.replacement(m)
		if err != nil {
			return nil, err
		}
		t := &tree{module: m, replaced: to}
		actual := m
		if to.Path != "" {
			actual = to
		}
		if actual.Version == "" {
			t.dir, t.local = l.replacedDir(to.Path), true
			if fi, err := os.Stat(t.dir); err != nil {
				return nil, fmt.Errorf("%s: replaced by a directory: %w", m, err)
			} else if !fi.IsDir() {
				return nil, fmt.Errorf("%s: it is replaced by %s, which is not a directory", m, to.Path)
			}
			t.sourceTree = l.sources.directory(t.dir)
			return t, nil
		}
		zip, sum := "", ""
		if t.dir, zip, sum, err = l.cache.tree(actual); err != nil {
			return nil, err
		}
		if t.sourceTree, err = l.sources.module(actual.String(), sum, t.dir, zip); err != nil {
			return nil, fmt.Errorf("%s: %w", actual, err)
		}
		return t, nil
	})
}

// A graph is a module graph, and the version that it selects of each module.
type graph struct {
	mu       sync.Mutex
	requires map[module.Version][]module.Version
	selected map[string]string
	errs     []error
}

func (g *graph) require(m module.Version, list []module.Version) {
	g.requires[m] = list
	for _, r := range list {
		if v, ok := g.selected[r.Path]; !ok || compareVersions(r.Path, v, r.Version) < 0 {
			g.selected[r.Path] = r.Version
		}
	}
}

// list returns the selected versions of all modules, sorted.
func (g *graph) list() []module.Version {
	var list []module.Version
	for path, v := range g.selected {
		if path != "go" && path != "toolchain" {
			list = append(list, module.Version{Path: path, Version: v})
		}
	}
	sortModules(list)
	return list
}

// fullGraph returns the graph of all modules. It is read when an import is not
// found in the modules that go.mod has.
func (l *loader) fullGraph(ctx context.Context) (*graph, error) {
	l.graphOnce.Do(func() { l.graph, l.graphErr = l.readGraph(ctx) })
	return l.graph, l.graphErr
}

// readGraph reads the module graph as the go command does. What a module
// requires is followed if
//
//   - the main module is written for a Go version below 1.17,
//   - the module itself is, or
//   - in a workspace, it is one of the main modules, or has a higher version
//     than a module requires whose packages may be imported.
//
// https://go.dev/ref/mod#graph-pruning
func (l *loader) readGraph(ctx context.Context) (*graph, error) {
	const (
		prunedGraph = iota
		unprunedGraph
		workspaceGraph
	)
	g := &graph{requires: make(map[module.Version][]module.Version), selected: make(map[string]string)}
	pruning := workspaceGraph
	if l.mains.work == nil {
		main := module.Version{Path: l.mains.list[0].path}
		g.selected[main.Path] = ""
		g.require(main, l.roots)
		if pruning = unprunedGraph; l.pruned() {
			pruning = prunedGraph
		}
	} else {
		for _, r := range l.roots {
			g.selected[r.Path] = r.Version
		}
	}

	type job struct {
		m       module.Version
		pruning int
	}
	begun := make(map[job]bool)
	enqueue := func(jobs []job, m module.Version, pruning int) []job { // g.mu is held
		j := job{m, pruning}
		if begun[j] {
			return jobs
		}
		if len(begun) == maxGraph {
			g.errs = append(g.errs, fmt.Errorf("more than %d versions of modules in the module graph", maxGraph))
			return jobs
		}
		begun[j] = true
		return append(jobs, j)
	}
	follow := func(j job) []job {
		s, err := l.summary(j.m)
		g.mu.Lock()
		defer g.mu.Unlock()
		if err != nil {
			g.errs = append(g.errs, err)
			return nil
		}
		if _, ok := g.requires[j.m]; !ok {
			g.require(j.m, s.require)
		}
		if j.pruning == prunedGraph && s.pruned() {
			return nil
		}
		next := unprunedGraph
		if s.pruned() && j.pruning != unprunedGraph {
			next = prunedGraph
		}
		var jobs []job
		for _, r := range s.require {
			jobs = enqueue(jobs, r, next)
		}
		return jobs
	}
	var first []job
	for _, r := range l.roots {
		first = enqueue(first, r, pruning)
	}
	spread(ctx, first, follow)

	if pruning == workspaceGraph {
		// A dependency at a higher version than a workspace module asks for can
		// import what no go.mod has listed.
		relevant := make(map[string]bool)
		for _, r := range l.roots {
			relevant[r.Path] = true
		}
		seen := make(map[module.Version]bool)
		for ctx.Err() == nil {
			more := make(map[module.Version]bool)
			for path := range relevant {
				m := module.Version{Path: path, Version: g.selected[path]}
				if !seen[m] {
					more[m] = true
					continue
				}
				for _, r := range g.requires[m] {
					s := module.Version{Path: r.Path, Version: g.selected[r.Path]}
					if compareVersions(r.Path, s.Version, r.Version) > 0 && !seen[s] {
						more[s] = true
					}
				}
			}
			if len(more) == 0 {
				break
			}
			var jobs []job
			for m := range more {
				jobs = enqueue(jobs, m, workspaceGraph)
				seen[m] = true
				relevant[m.Path] = true
			}
			spread(ctx, jobs, follow)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return g, err
	}
	return g, faults(g.errs)
}

// checkRoots refuses a go.mod whose requirements are not those that the graph
// selects: the go command would have to change it.
func (l *loader) checkRoots(g *graph) error {
	if l.mains.work != nil {
		return nil
	}
	for _, r := range l.roots {
		if l.mains.find(r.Path) != nil && l.pruned() {
			continue // a requirement on the main module itself is without effect
		}
		if v := g.selected[r.Path]; v != r.Version {
			return untidy("it has %s %s, and %s is required", r.Path, r.Version, v)
		}
	}
	return nil
}

// spread calls f on the items and on all that f returns, on all processors.
// It returns early when ctx is done.
func spread[T any](ctx context.Context, items []T, f func(T) []T) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	running := 0
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		changed.Broadcast()
	})
	defer stop()
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for {
				for len(items) == 0 && running > 0 && ctx.Err() == nil {
					changed.Wait()
				}
				if len(items) == 0 || ctx.Err() != nil {
					changed.Broadcast()
					return
				}
				item := items[len(items)-1]
				items = items[:len(items)-1]
				running++
				mu.Unlock()
				more := f(item)
				mu.Lock()
				running--
				items = append(items, more...)
				if len(more) > 0 || running == 0 {
					changed.Broadcast()
				}
			}
		})
	}
	wg.Wait()
}

// flat returns the errors that were joined into one.
func flat(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, flat(e)...)
	}
	return list
}

// faults joins errors into one, each once and in a fixed order.
func faults(errs []error) error {
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	errs = slices.CompactFunc(errs, func(a, b error) bool { return a.Error() == b.Error() })
	if n := len(errs) - maxFaults; n > 0 {
		errs = append(errs[:maxFaults:maxFaults], fmt.Errorf("and %d more", n))
	}
	return errors.Join(errs...)
}
