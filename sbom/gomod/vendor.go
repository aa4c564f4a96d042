package gomod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A vendor is what vendor/modules.txt says.
type vendor struct {
	dir       string
	workspace bool // whether it was made for a workspace

	modules  []module.Version                  // that packages are from, in their order
	version  map[string]string                 // of each of them, by path
	packages map[string]module.Version         // by import path
	explicit map[module.Version]bool           // required by a main module
	replaced map[module.Version]module.Version // what replaces them
	replaces []module.Version                  // the keys of replaced, in their order
	goLines  map[module.Version]string
}

// chooseVendor reads vendor/modules.txt if the go command would use it.
func (l *loader) chooseVendor() error {
	if l.settings.mod == "readonly" {
		return nil
	}
	dir := filepath.Join(l.mains.dir(), "vendor")
	explicit := l.settings.mod == "vendor"
	if !explicit {
		line := ""
		if l.mains.work != nil {
			line = goLine(l.mains.work.file.Go, "")
		} else {
			line = goLine(l.mains.list[0].file.Go, "")
		}
		if line == "" || compareGo(line, "1.14") < 0 {
			return nil
		}
		if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
			return nil
		}
	}
	data, err := readBounded(filepath.Join(dir, "modules.txt"), maxVendor)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	v, err := parseVendor(string(data))
	if err != nil {
		return err
	}
	v.dir = dir
	if !explicit && v.workspace != (l.mains.work != nil) {
		return nil // as in the go command
	}
	for m, line := range v.goLines {
		if err := l.settings.checkVersion(m.String()+" in vendor/modules.txt", line); err != nil {
			return err
		}
	}
	l.vendor = v
	return nil
}

// parseVendor reads vendor/modules.txt, of which each module is
//
//	# example.com/module v1.2.3 => ../directory
//	## explicit; go 1.26.0
//	example.com/module/package
//
// Lines of another form, which later releases may write, are passed over.
func parseVendor(text string) (*vendor, error) {
	v := &vendor{
		version:  make(map[string]string),
		packages: make(map[string]module.Version),
		explicit: make(map[module.Version]bool),
		replaced: make(map[module.Version]module.Version),
		goLines:  make(map[module.Version]string),
	}
	var m module.Version
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if after, ok := strings.CutPrefix(line, "# "); ok {
			f := strings.Fields(after)
			if len(f) < 2 {
				continue
			}
			switch {
			case semver.IsValid(f[1]):
				m, f = module.Version{Path: f[0], Version: f[1]}, f[2:]
			case f[1] == "=>":
				m, f = module.Version{Path: f[0]}, f[1:]
			default:
				m = module.Version{}
				continue
			}
			if len(f) >= 2 && f[0] == "=>" {
				switch {
				case len(f) == 2:
					v.replaced[m] = module.Version{Path: f[1]}
				case len(f) == 3 && semver.IsValid(f[2]):
					v.replaced[m] = module.Version{Path: f[1], Version: f[2]}
				default:
					continue
				}
				v.replaces = append(v.replaces, m)
			}
			continue
		}
		if after, ok := strings.CutPrefix(line, "## "); ok {
			for entry := range strings.SplitSeq(after, ";") {
				entry = strings.TrimSpace(entry)
				if n == 1 && entry == "workspace" {
					v.workspace = true
				}
				if m.Path == "" {
					continue
				}
				if entry == "explicit" {
					v.explicit[m] = true
				}
				if g, ok := strings.CutPrefix(entry, "go "); ok {
					v.goLines[m] = g
				}
			}
			continue
		}
		if f := strings.Fields(line); m.Path != "" && len(f) == 1 && module.CheckImportPath(f[0]) == nil {
			v.packages[f[0]] = m
			if old, ok := v.version[m.Path]; !ok || semver.Compare(old, m.Version) < 0 {
				v.modules = append(v.modules, m)
				v.version[m.Path] = m.Version
			}
		}
		if len(v.modules) > maxModules || len(v.packages) > maxPackages {
			return nil, fmt.Errorf("malformed vendor/modules.txt: line %d: more than %d modules or %d packages", n, maxModules, maxPackages)
		}
	}
	return v, nil
}

// checkVendor refuses a vendor/modules.txt that contradicts go.mod, as the go
// command does.
func (l *loader) checkVendor() error {
	var errs []error
	fail := func(m module.Version, format string, a ...any) {
		errs = append(errs, fmt.Errorf("inconsistent vendor/modules.txt: %s: "+format, append([]any{m}, a...)...))
	}
	// Before Go 1.14 it said less.
	old := false
	if l.mains.work == nil {
		line := goLine(l.mains.list[0].file.Go, "")
		old = line == "" || compareGo(line, "1.14") < 0
	}
	for _, main := range l.mains.list {
		for _, r := range main.file.Require {
			if l.vendor.explicit[r.Mod] {
				continue
			}
			if !old {
				fail(r.Mod, "go.mod requires it, and it is not marked as explicit")
			} else if v, ok := l.vendor.version[r.Mod.Path]; ok && v != r.Mod.Version {
				fail(r.Mod, "go.mod requires it, and packages are of %s", v)
			}
		}
	}

	var replaces []*modfile.Replace
	for _, main := range l.mains.list {
		replaces = append(replaces, main.file.Replace...)
	}
	if l.mains.work != nil {
		replaces = append(replaces, l.mains.work.file.Replace...)
	}
	for _, r := range replaces {
		to, err := l.mains.replacement(r.Old)
		if err != nil {
			return err
		}
		vendored := l.vendor.replaced[r.Old]
		switch {
		case vendored == to:
		case vendored != module.Version{}:
			fail(r.Old, "it is replaced by %s, and marked as replaced by %s", to, vendored)
		case old && (r.Old.Version == "" || l.vendor.version[r.Old.Path] != r.Old.Version):
		default:
			fail(r.Old, "it is replaced, and not marked as replaced")
		}
	}
	for _, m := range l.vendor.modules {
		if l.vendor.explicit[m] && !slices.ContainsFunc(l.mains.list, func(main *mainModule) bool {
			return slices.ContainsFunc(main.file.Require, func(r *modfile.Require) bool { return r.Mod == m })
		}) {
			fail(m, "it is marked as explicit, and no go.mod requires it")
		}
	}
	for _, m := range l.vendor.replaces {
		if to, err := l.mains.replacement(m); err != nil {
			return err
		} else if to.Path == "" {
			fail(m, "it is marked as replaced, and is not")
		}
	}
	if l.pruned() {
		for _, m := range l.vendor.modules {
			if v, ok := l.selectedRoot[m.Path]; !ok || v != m.Version {
				errs = append(errs, untidy("it does not require the vendored module %s", m))
			}
		}
	}
	return faults(errs)
}

// vendorGraph returns the graph that modules.txt stands for: the main modules
// require what it has.
func (l *loader) vendorGraph() *graph {
	g := &graph{requires: make(map[module.Version][]module.Version), selected: make(map[string]string)}
	for _, main := range l.mains.list {
		g.selected[main.path] = ""
	}
	if l.mains.work == nil {
		g.require(module.Version{Path: l.mains.list[0].path}, l.roots)
	} else {
		for _, main := range l.mains.list {
			m := module.Version{Path: main.path}
			g.require(m, l.withoutExcluded(newSummary(main.file)).require)
		}
	}
	if !l.pruned() {
		g.require(module.Version{Path: "vendor/modules.txt"}, l.vendor.modules)
	}
	return g
}
