package main

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/exp/apidiff"
	"golang.org/x/tools/go/packages"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
)

// An API is what is known of the API of an update.
type API string

// What can be known of it.
const (
	Compatible   API = "compatible"
	Incompatible API = "incompatible"
	Undecided    API = "undecided"
	NotCompared  API = "not compared"
)

// A pair is an update with the components that it is of.
type pair struct {
	update  *Update
	was, is *sbom.Component
	dirs    [2]string // which they are in, if they were loaded
}

// atOnce is how many updates are compared at once: much of the time of each goes by in
// waiting for the module proxy.
const atOnce = 4

// compareAll compares what each pair exports.
func (c *command) compareAll(ctx context.Context, progress *cli.Progress, r *Report, pairs []*pair) error {
	found := make([]Report, len(pairs))
	var next, done atomic.Int64
	step := func() {
		progress.Step("comparing what modules export, %d of %d done", done.Load(), len(pairs))
	}
	step()
	var wg sync.WaitGroup
	for range min(atOnce, len(pairs)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(pairs) {
					return
				}
				c.compareAPI(ctx, &found[i], pairs[i])
				done.Add(1)
				step()
			}
		})
	}
	wg.Wait()
	for _, f := range found {
		r.Findings = append(r.Findings, f.Findings...)
	}
	return ctx.Err()
}

// compareAPI compares what two versions of a module export, and holds that against what
// their numbers promise.
func (c *command) compareAPI(ctx context.Context, r *Report, p *pair) {
	u, was, is := p.update, p.was, p.is
	u.API = NotCompared
	switch {
	case !c.api:
		return
	case !isModule(was) || !isModule(is):
		u.Why = "no module"
		return
	case was.Name != is.Name:
		u.Why = "another module"
		return
	case was.Version == "" || is.Version == "":
		u.Why = "no version"
		return
	}
	var modules [2]*apidiff.Module
	for i, m := range []*sbom.Component{was, is} {
		var err error
		if modules[i], p.dirs[i], err = loadModule(ctx, m); err != nil {
			u.API, u.Why = Undecided, fmt.Sprintf("%s: %v", m.Version, err)
			r.find("undecided", u.Name, u.New, "%s", u.Why)
			return
		}
	}
	u.API = Compatible
	for _, change := range apidiff.ModuleChanges(modules[0], modules[1]).Changes {
		if change.Compatible {
			u.Compatible++
		} else {
			u.API, u.Incompatible = Incompatible, append(u.Incompatible, change.Message)
		}
	}
	slices.Sort(u.Incompatible)
	if u.API == Incompatible && (u.Number == Patch || u.Number == Minor) {
		changes := "changes"
		if len(u.Incompatible) == 1 {
			changes = "change"
		}
		r.find("breaking", u.Name, u.New, "%d incompatible %s in a %s update from %s", len(u.Incompatible), changes, u.Number, u.Old)
	}
}

// loadModule returns the types of the packages of a module that others can
// import, and the directory that it is in.
func loadModule(ctx context.Context, m *sbom.Component) (loaded *apidiff.Module, dir string, err error) {
	version := "v" + strings.TrimPrefix(m.Version, "v")
	// A module that requires this version alone, so that no other one is chosen, with the
	// sum of it that is known, so that no other content is loaded.
	work, err := os.MkdirTemp("", "update-*")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(work)
	files := map[string]string{"go.mod": fmt.Sprintf("module update.invalid/work\n\ngo 1.26\n\nrequire %s %s\n", m.Name, version)}
	for _, d := range m.Digests {
		if sum := d.H1(); sum != "" {
			files["go.sum"] += fmt.Sprintf("%s %s %s\n", m.Name, version, sum)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			return nil, "", err
		}
	}
	config := packages.Config{
		Mode:    packages.NeedName | packages.NeedModule,
		Context: ctx,
		Dir:     work,
		// Cgo runs the C compiler with flags that a module has chosen. A driver is
		// a program that would run instead of the go command.
		Env:        append(os.Environ(), "GOWORK=off", "GO111MODULE=on", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOPACKAGESDRIVER=off"),
		BuildFlags: []string{"-mod=mod"},
	}
	list, err := packages.Load(&config, m.Name+"/...")
	if err != nil {
		return nil, "", oneLine(err, work, "")
	}
	var paths []string
	for _, p := range list {
		if p.Module == nil || p.Module.Path != m.Name {
			// Of another module, whose path is below.
			if len(p.Errors) > 0 {
				return nil, "", oneLine(p.Errors[0], work, dir)
			}
			continue
		}
		if p.Module.Version != version {
			return nil, "", fmt.Errorf("it requires %s of itself", p.Module.Version)
		}
		dir = p.Module.Dir
		if p.Name != "main" && !internal(p.PkgPath) {
			paths = append(paths, p.PkgPath)
		}
	}
	loaded = &apidiff.Module{Path: m.Name}
	if len(paths) == 0 {
		return loaded, dir, nil
	}
	config.Mode |= packages.NeedTypes
	if list, err = packages.Load(&config, paths...); err != nil {
		return nil, dir, oneLine(err, work, dir)
	}
	for _, p := range list {
		if len(p.Errors) > 0 {
			return nil, dir, fmt.Errorf("%s: %w", p.PkgPath, oneLine(p.Errors[0], work, dir))
		}
		loaded.Packages = append(loaded.Packages, p.Types)
	}
	slices.SortFunc(loaded.Packages, func(a, b *types.Package) int { return strings.Compare(a.Path(), b.Path()) })
	return loaded, dir, nil
}

// internal reports whether only packages of the same module can import one.
//
// https://pkg.go.dev/cmd/go#hdr-Internal_Directories
func internal(pkgPath string) bool {
	return slices.Contains(strings.Split(pkgPath, "/"), "internal")
}

// oneLine returns what the go command says, without the directories that it ran in and
// that the module is in.
func oneLine(err error, dirs ...string) error {
	text := err.Error()
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		names := []string{dir}
		if rel, err := filepath.Rel(dirs[0], dir); err == nil && rel != "." {
			names = append(names, rel)
		}
		for _, name := range names {
			text = strings.ReplaceAll(text, name+string(filepath.Separator), "")
		}
	}
	return errors.New(strings.Join(strings.Fields(text), " "))
}
