package gobuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// Options says what is built and how. Getenv is required.
type Options struct {
	// Getenv returns variables of the environment of the build, usually
	// os.Getenv. Of the go command's own it is asked for all that decide what
	// is compiled, GOFLAGS, GOOS and GOWORK among them. What "go env -w" has
	// written counts too, unless GOENV is off.
	Getenv func(string) string

	// Flags are those of the "go build" command, a flag and its value as one:
	// "-trimpath", "-tags=netgo". A flag that puts other files in the place of
	// those of the packages, or runs other programs, is refused, here and in
	// GOFLAGS: -overlay, -modfile, -toolexec, -mod=mod.
	Flags []string

	// Generated are files that the commit cannot have, because the build
	// makes them.
	Generated []Generated

	// AllowDirty returns the proof although it fails. The source then never
	// looks clean: see [SourceProof.Record].
	AllowDirty bool

	// VerifyModules hashes the modules in the module cache and compares the
	// sums with those of go.sum. The go command does that only when it puts
	// them there.
	VerifyModules bool
}

// A Generated file is one that the caller answers for.
type Generated struct {
	Path   string // slash-separated, relative to the top of the checkout
	Reason string // why the commit does not have it as it is; required, and published
}

// An Outcome is what came of one comparison.
type Outcome int

const (
	// Unknown: the blob is not the bytes, and what git does between them is not
	// known here: a filter other than that of LFS, an encoding, keywords. Or the
	// commit of a submodule is not there. Or a module has no sum.
	Unknown Outcome = iota

	// Match: the bytes are those of the commit, or the module those of go.sum.
	Match

	// Pinned: go.sum has the sum of the module. Its files were not looked at.
	Pinned

	// Converted: the bytes are what git makes of the blob: other line ends, or
	// the file that an LFS pointer names by its SHA-256.
	Converted

	// Declared: the commit does not have the bytes, and the caller says that
	// they are generated.
	Declared

	// Differs: the commit has other bytes under this name.
	Differs

	// Untracked: the commit has no such file. It is new, or ignored, or hidden
	// by .git/info/exclude.
	Untracked

	// Outside: the file is not in the checkout.
	Outside
)

func (o Outcome) String() string {
	switch o {
	case Match:
		return "match"
	case Pinned:
		return "pinned"
	case Converted:
		return "converted"
	case Declared:
		return "declared"
	case Differs:
		return "differs"
	case Untracked:
		return "untracked"
	case Outside:
		return "outside"
	}
	return "unknown"
}

// deviates reports whether o leaves a doubt that the commit was built.
func (o Outcome) deviates() bool {
	switch o {
	case Match, Pinned, Converted, Declared:
		return false
	}
	return true
}

// A File is one that decides what is built.
type File struct {
	// Path is slash-separated and relative to the top of the checkout. Of a
	// file that is not in it, it is the import path of its package and the
	// file's name.
	Path string

	// Package is the import path of a package that is compiled of it; empty for
	// a file of the module, such as go.mod, and for a symbolic link.
	Package string

	Outcome Outcome
	Why     string // what there is to say beside the Outcome

	// Blob is the gitBlob that the commit has; zero if it has none.
	Blob hallmark.Digest

	// Digest is the SHA-256 of the bytes. It is zero if they match.
	Digest hallmark.Digest

	name string      // on this machine
	mode os.FileMode // there
	hash string      // of the bytes as a blob
}

func (f File) String() string {
	text := f.Path
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	text += ": " + f.Outcome.String()
	if f.Why != "" {
		text += " (" + f.Why + ")"
	}
	return text
}

// A Module is one in the module cache that packages of the build are from. Of a
// replaced module it is the replacement.
type Module struct {
	Path, Version string
	Sum           hallmark.Digest // dirHash that go.sum has; zero if none
	Outcome       Outcome         // Pinned, Match, Differs or Unknown
	Replaces      string          // path of the module that it stands for, if that is another one
}

func (m Module) String() string { return m.Path + "@" + m.Version + ": " + m.Outcome.String() }

// A SourceProof says of every file that decides what is built, how it relates to
// a commit.
type SourceProof struct {
	Commit hallmark.Digest // the gitCommit that the files are held against: HEAD
	Tree   hallmark.Digest // its gitTree

	// ModulePath is the path of the main module around the directory, and Dir
	// its directory in the checkout, "." for the top. Both are empty if there is
	// none.
	ModulePath, Dir string

	Go       string   // version of the go command
	Packages []string // import paths of the packages that are built, sorted
	Files    []File   // sorted by path
	Modules  []Module // sorted by path and version

	// Cgo are packages, by import path, that a C compiler is run for. Headers and
	// libraries of the system that it finds are not among the Files.
	Cgo []string

	dir      string // on this machine
	top      string
	args     []string
	o        Options
	flags    []string          // with those of GOFLAGS
	settings map[string]string // what "go env" says
	compiled bool              // by a C compiler, if only the standard library
}

// Deviations returns the files that leave a doubt that the commit was built.
func (p *SourceProof) Deviations() []File {
	var fs []File
	for _, f := range p.Files {
		if f.Outcome.deviates() {
			fs = append(fs, f)
		}
	}
	return fs
}

// check returns an [*UnprovenError] if p has deviations.
func (p *SourceProof) check() error {
	e := &UnprovenError{Files: p.Deviations()}
	for _, m := range p.Modules {
		if m.Outcome.deviates() {
			e.Modules = append(e.Modules, m)
		}
	}
	if len(e.Files)+len(e.Modules) == 0 {
		return nil
	}
	return e
}

// Clean reports whether every file is that of the commit, or what git makes of
// it, or declared, and every module that of go.sum.
func (p *SourceProof) Clean() bool { return p.check() == nil }

// String says how many files and modules had which outcome, and names those that
// deviate or are declared.
func (p *SourceProof) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files of %s held against %s", len(p.Files), strings.Join(p.Packages, " "), p.Commit)
	counts := make(map[Outcome]int)
	for _, f := range p.Files {
		counts[f.Outcome]++
	}
	sep := ": "
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%s%d %s", sep, counts[o], o)
		sep = ", "
	}
	fmt.Fprintf(&b, "\n%d modules of the module cache", len(p.Modules))
	clear(counts)
	for _, m := range p.Modules {
		counts[m.Outcome]++
	}
	sep = ": "
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%s%d %s", sep, counts[o], o)
		sep = ", "
	}
	b.WriteByte('\n')
	for _, f := range p.Files {
		if f.Outcome.deviates() || f.Outcome == Declared {
			fmt.Fprintf(&b, "  %s\n", f)
		}
	}
	for _, m := range p.Modules {
		if m.Outcome.deviates() {
			fmt.Fprintf(&b, "  %s\n", m)
		}
	}
	for _, pkg := range p.Cgo {
		fmt.Fprintf(&b, "  %s: what a C compiler finds outside of the checkout is not seen\n", pkg)
	}
	return b.String()
}

// An UnprovenError says which files and modules are not proved to be those of
// the commit. There is at least one.
type UnprovenError struct {
	Files   []File   // sorted by path
	Modules []Module // sorted by path and version
}

func (e *UnprovenError) Error() string {
	var texts []string
	for _, f := range e.Files {
		text := f.String()
		if f.Outcome == Outside {
			text += " at " + f.name
		}
		texts = append(texts, text)
	}
	for _, m := range e.Modules {
		texts = append(texts, m.String())
	}
	n := len(texts)
	if n > maxShown {
		texts = append(texts[:maxShown], "…")
	}
	what := "inputs of the build are"
	if n == 1 {
		what = "input of the build is"
	}
	return fmt.Sprintf("gobuild: %d %s not proved to be the commit's: %s", n, what, strings.Join(texts, "; "))
}

// ProveSource compares every file that decides what "go build" makes of packages
// in dir with the commit that is checked out around dir, in the repository that
// dir itself is of: not one around it, as of a submodule or a worktree. Nothing
// is asked of git's index, so that no mark there can hide a file, and what is
// ignored is not ignored here. The files are
//
//   - those that "go list -deps" gives to a compiler, an assembler or the linker,
//     and those that are embedded, of all packages but those of the standard
//     library and of modules in the module cache: vendored ones, those of local
//     replacements and those of the modules of a workspace too;
//   - headers and data that C and assembler files include and libraries that are
//     linked to them, if they are in the checkout;
//   - the profile default.pgo of a command, or the one that -pgo names;
//   - go.mod and go.sum of the main modules, go.mod of local replacements,
//     go.work, go.work.sum and vendor/modules.txt;
//   - symbolic links on the way to any of these.
//
// A file in a submodule is compared with the commit that the checkout's commit
// pins the submodule to. The commit and its trees are hashed again, so that the
// names of objects can be relied on as far as their hash can: SHA-1 in most
// repositories.
//
// A module in the module cache counts as that of go.sum if go.sum, which is one
// of the files, has its sum. The go command has compared it when it put the
// module there; Options.VerifyModules does it again.
//
// If any file or module deviates, the error is an [*UnprovenError], unless
// Options.AllowDirty is set. It wraps [git.ErrNoCheckout] if dir is in none.
//
// # What is not seen
//
// The proof is about the files as they are now. What a compiler reads later can
// be something else: call [SourceProof.Recheck] when the build is done. A file
// that is changed and changed back in between is not found. The standard library
// and the toolchain, which GOROOT and GOTOOLCHAIN choose, what is in the build
// cache, the C compiler that CC names, what it finds on the system, and programs
// that ran before, such as "go generate", are not looked at.
//
// Of C not every way to a file is followed: not to a header in the checkout that
// only a header of the system includes, as bits/types.h below the package's
// directory would be, and not to one whose name is made of several macros. For a
// program with [SourceProof.Cgo] a checkout without files that git does not track
// says more than the proof.
//
// The go command is run with Getenv's environment and may fetch modules, as it
// would to build. git runs no filter and no hook for it.
func ProveSource(ctx context.Context, dir string, packages []string, o Options) (*SourceProof, error) {
	if o.Getenv == nil {
		return nil, errors.New("gobuild: no getenv")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	declared := make(map[string]string)
	for _, g := range o.Generated {
		if path.Clean(g.Path) != g.Path || !filepath.IsLocal(filepath.FromSlash(g.Path)) || g.Path == "." {
			return nil, fmt.Errorf("gobuild: generated file %q: want a path relative to the top of the checkout", g.Path)
		}
		if g.Reason == "" {
			return nil, fmt.Errorf("gobuild: generated file %q has no reason", g.Path)
		}
		declared[g.Path] = g.Reason
	}
	if len(packages) == 0 {
		packages = []string{"."}
	}
	t := tool{dir, o.Getenv}
	settings, err := t.settings(ctx)
	if err != nil {
		return nil, err
	}
	inherited, err := splitFlags(settings["GOFLAGS"])
	if err != nil {
		return nil, fmt.Errorf("gobuild: malformed GOFLAGS: %w", err)
	}
	flags := slices.Concat(inherited, o.Flags)
	if err := checkFlags(flags); err != nil {
		return nil, err
	}
	from := dir
	if m := settings["GOMOD"]; m != "" && m != os.DevNull {
		from = filepath.Dir(m)
	}
	// The commit is read while the go command works.
	var top string
	var c *tree
	asked := make(chan error, 1)
	go func() {
		var commit string
		var err error
		if top, commit, err = t.in(from).checkout(ctx); err == nil {
			c, err = t.in(top).readTree(ctx, commit)
		}
		asked <- err
	}()
	listing, err := t.list(ctx, o.Flags, packages)
	if askedErr := <-asked; err == nil {
		err = askedErr
	}
	if err != nil {
		return nil, err
	}
	p := &SourceProof{Go: settings["GOVERSION"], dir: dir, args: packages, o: o, flags: flags, settings: settings}
	if top, err = filepath.EvalSymlinks(top); err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}

	p.top = top

	s := &source{top: top, digits: len(c.commit.Hex()), flags: flags, settings: settings, files: make(map[string]*File), dirs: make(map[string]place)}
	if err := s.gather(p, from, listing); err != nil {
		return nil, err
	}
	if err := s.compare(ctx, t, c, declared, p); err != nil {
		return nil, err
	}
	if err := p.gatherModules(ctx, listing, settings["GOMODCACHE"]); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil && !o.AllowDirty {
		return nil, err
	}
	return p, nil
}

// Recheck proves again, and fails if HEAD, a file, a module or the list of them
// is not what it was. It is called when a build is done, for what the compiler has
// read in the meantime.
func (p *SourceProof) Recheck(ctx context.Context) error {
	o := p.o
	o.AllowDirty = true
	q, err := ProveSource(ctx, p.dir, p.args, o)
	if err != nil {
		return err
	}
	if q.Commit != p.Commit {
		return fmt.Errorf("gobuild: HEAD was %s and is %s since the source was proved", p.Commit, q.Commit)
	}
	was, is := make(map[string]string), make(map[string]string)
	for m, q := range map[*map[string]string]*SourceProof{&was: p, &is: q} {
		for _, f := range q.Files {
			(*m)[f.Path] = f.Outcome.String() + f.hash
		}
		for _, module := range q.Modules {
			(*m)[module.Path+"@"+module.Version] = module.Outcome.String() + module.Sum.Hex()
		}
	}
	var changed []string
	for name := range was {
		if is[name] != was[name] {
			changed = append(changed, name)
		}
	}
	for name := range is {
		if was[name] == "" {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if n := len(changed); n > maxShown {
		changed = append(changed[:maxShown], "…")
	}
	if len(changed) > 0 {
		return fmt.Errorf("gobuild: inputs of the build have changed since the source was proved: %s", strings.Join(changed, ", "))
	}
	if q.Go != p.Go {
		return fmt.Errorf("gobuild: the go command was %s and is %s since the source was proved", p.Go, q.Go)
	}
	return nil
}

// A source is what a proof is made of.
type source struct {
	top      string // without symbolic links
	digits   int    // of an object's name
	flags    []string
	settings map[string]string
	files    map[string]*File // by their names on this machine, without links
	dirs     map[string]place
	autocrlf string
}

// A place is where a directory really is, and the links in the checkout on the
// way there, by their names on this machine.
type place struct {
	dir   string
	links []string
	types map[string]os.FileMode // of what is in it: one look, and not one per file
}

// gather collects the files.
func (s *source) gather(p *SourceProof, from string, listing []listed) error {
	cache := s.settings["GOMODCACHE"]
	vendored := false
	for _, l := range listing {
		p.compiled = p.compiled || l.ImportPath == "runtime/cgo"
		if l.Standard {
			continue
		}
		if !l.DepOnly {
			p.Packages = append(p.Packages, l.ImportPath)
		}
		if l.pinned(cache) {
			if l.usesC() {
				p.Cgo = append(p.Cgo, l.ImportPath)
			}
			continue
		}
		vendored = vendored || strings.Contains(filepath.ToSlash(l.Dir), "/vendor/")
		for _, name := range l.files() {
			if !filepath.IsAbs(name) { // as of the files that cgo makes
				name = filepath.Join(l.Dir, name)
			}
			if err := s.add(name, l.ImportPath); err != nil {
				return err
			}
		}
		if l.usesC() {
			p.Cgo = append(p.Cgo, l.ImportPath)
		}
		if l.usesC() || len(l.SFiles) > 0 {
			if err := s.addIncluded(&l); err != nil {
				return err
			}
		}
		if l.Name == "main" && !l.DepOnly {
			profile, _ := flag(s.flags, "pgo")
			switch profile {
			case "off":
			case "", "auto":
				if err := s.addIfThere(filepath.Join(l.Dir, "default.pgo"), l.ImportPath); err != nil {
					return err
				}
			default:
				if !filepath.IsAbs(profile) {
					profile = filepath.Join(p.dir, profile)
				}
				if err := s.add(profile, l.ImportPath); err != nil {
					return err
				}
			}
		}
		if l.Module != nil && l.Module.GoMod != "" && !within(cache, l.Module.GoMod) {
			if err := s.addIfThere(l.Module.GoMod, l.Module.Path); err != nil {
				return err
			}
		}
	}
	if len(p.Packages) == 0 {
		return errors.New("gobuild: the packages are all of the standard library, as GOROOT has it: there is nothing to prove")
	}
	slices.Sort(p.Packages)
	slices.Sort(p.Cgo)

	work := s.settings["GOWORK"]
	if work == "off" {
		work = ""
	}
	var modules []string // directories of main modules
	if goMod := s.settings["GOMOD"]; goMod != "" && goMod != os.DevNull {
		modules = append(modules, from)
	}
	if work != "" {
		data, err := os.ReadFile(work)
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		f, err := modfile.ParseWork("go.work", data, nil)
		if err != nil {
			return fmt.Errorf("gobuild: malformed go.work: %w", err)
		}
		if err := s.add(work, ""); err != nil {
			return err
		}
		if err := s.addIfThere(work+".sum", ""); err != nil {
			return err
		}
		for _, u := range f.Use {
			modules = append(modules, joined(filepath.Dir(work), u.Path))
		}
		if err := s.addReplacements(filepath.Dir(work), f.Replace); err != nil {
			return err
		}
	}
	for _, dir := range modules {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		f, err := modfile.ParseLax("go.mod", data, nil)
		if err != nil {
			return fmt.Errorf("gobuild: malformed go.mod: %w", err)
		}
		if f.Module != nil && dir == from {
			p.ModulePath = f.Module.Mod.Path
			if real, err := filepath.EvalSymlinks(dir); err == nil && within(s.top, real) {
				rel, err := filepath.Rel(s.top, real)
				if err != nil {
					return fmt.Errorf("gobuild: %w", err)
				}
				p.Dir = filepath.ToSlash(rel)
			}
		}
		if err := s.add(filepath.Join(dir, "go.mod"), ""); err != nil {
			return err
		}
		if err := s.addIfThere(filepath.Join(dir, "go.sum"), ""); err != nil {
			return err
		}
		// ParseLax does not read them.
		if f, err = modfile.Parse("go.mod", data, func(_, v string) (string, error) { return v, nil }); err != nil {
			return fmt.Errorf("gobuild: malformed go.mod: %w", err)
		}
		if err := s.addReplacements(dir, f.Replace); err != nil {
			return err
		}
	}
	if mod, _ := flag(s.flags, "mod"); vendored || mod != "readonly" {
		at := from
		if work != "" {
			at = filepath.Dir(work)
		}
		if err := s.addIfThere(filepath.Join(at, "vendor", "modules.txt"), ""); err != nil {
			return err
		}
	}
	return nil
}

// addReplacements adds the go.mod of the directories that stand for modules:
// what they require counts although none of their packages may be used.
func (s *source) addReplacements(dir string, rs []*modfile.Replace) error {
	for _, r := range rs {
		if r.New.Version == "" {
			if err := s.addIfThere(filepath.Join(joined(dir, r.New.Path), "go.mod"), r.Old.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func joined(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// within reports whether name is dir or below it.
func within(dir, name string) bool {
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

func (s *source) addIfThere(name, pkg string) error {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return nil
	}
	return s.add(name, pkg)
}

// add adds a file, and the links in the checkout that lead to it.
func (s *source) add(name, pkg string) error {
	at, err := s.place(filepath.Dir(name))
	if err != nil {
		return err
	}
	real, links := filepath.Join(at.dir, filepath.Base(name)), at.links
	mode, ok := at.types[filepath.Base(name)]
	if !ok { // perhaps it has another case there
		info, err := os.Lstat(real)
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		mode = info.Mode()
	}
	if mode&os.ModeSymlink != 0 {
		to, more, err := s.follow(real)
		if err != nil {
			return err
		}
		real, links = to, slices.Concat(links, more)
		info, err := os.Lstat(real)
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		mode = info.Mode()
	}
	for _, link := range links {
		if s.files[link] == nil {
			s.files[link] = s.file(link, "", os.ModeSymlink)
		}
	}
	if s.files[real] == nil {
		if len(s.files) == MaxFiles {
			return fmt.Errorf("gobuild: more than %d files are compiled", MaxFiles)
		}
		s.files[real] = s.file(real, pkg, mode)
	}
	return nil
}

func (s *source) file(name, pkg string, mode os.FileMode) *File {
	f := &File{Package: pkg, name: name, mode: mode}
	if rel, err := filepath.Rel(s.top, name); err == nil && filepath.IsLocal(rel) {
		f.Path = filepath.ToSlash(rel)
	} else {
		// No path of this machine.
		f.Outcome, f.Path = Outside, path.Join(pkg, filepath.Base(name))
	}
	return f
}

func (s *source) place(dir string) (place, error) {
	at, ok := s.dirs[dir]
	if !ok {
		var err error
		if at.dir, at.links, err = s.follow(dir); err != nil {
			return at, err
		}
		entries, err := os.ReadDir(at.dir)
		if err != nil {
			return at, fmt.Errorf("gobuild: %w", err)
		}
		at.types = make(map[string]os.FileMode, len(entries))
		for _, e := range entries {
			at.types[e.Name()] = e.Type()
		}
		s.dirs[dir] = at
	}
	return at, nil
}

// follow returns name without symbolic links, and the links that it led over, from
// the first in the checkout on.
func (s *source) follow(name string) (real string, links []string, err error) {
	const sep = string(filepath.Separator)
	volume := filepath.VolumeName(name)
	real = volume + sep
	rest := strings.Split(strings.TrimPrefix(name[len(volume):], sep), sep)
	for followed := 0; len(rest) > 0; {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			real = filepath.Dir(real)
			continue
		}
		next := filepath.Join(real, element)
		info, err := os.Lstat(next)
		if err != nil {
			return "", nil, fmt.Errorf("gobuild: %w", err)
		}
		if info.Mode()&os.ModeSymlink == 0 {
			real = next
			continue
		}
		if followed++; followed > maxLinks {
			return "", nil, fmt.Errorf("gobuild: %s: more than %d symbolic links", name, maxLinks)
		}
		// One outside of the checkout that a link in it leads to counts too: it
		// chooses among the files.
		if within(s.top, next) || len(links) > 0 {
			links = append(links, next)
		}
		to, err := os.Readlink(next)
		if err != nil {
			return "", nil, fmt.Errorf("gobuild: %w", err)
		}
		if filepath.IsAbs(to) {
			volume := filepath.VolumeName(to)
			real, to = volume+sep, strings.TrimPrefix(to[len(volume):], sep)
		}
		rest = append(strings.Split(filepath.FromSlash(to), sep), rest...)
	}
	return real, links, nil
}

// addIncluded adds what the C and assembler files of a package read in the
// checkout: headers, also those that a macro names, and what .incbin puts in,
// beside a file, in the package's directory, in those of -I flags and the like;
// and the libraries that the flags of the linker name or that are in a directory
// of -L. Which of several files of a name is read is the compiler's to know: all of
// them count. The go command knows those in the package's directory only.
func (s *source) addIncluded(l *listed) error {
	include := regexp.MustCompile(`(?m)^[ \t/*]*#[ \t]*(?:include|include_next|import|embed|define[ \t]+\w+)[ \t]*["<]([^">\n]+)[">]|\.inc(?:bin|lude)[ \t]+\\?"([^"\\\n]+)`)
	compiler := slices.Concat(l.CgoCFLAGS, l.CgoCPPFLAGS, l.CgoCXXFLAGS)
	linker := slices.Clone(l.CgoLDFLAGS)
	for _, name := range []string{"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS"} {
		words, err := splitFlags(s.settings[name])
		if err != nil {
			return fmt.Errorf("gobuild: malformed %s: %w", name, err)
		}
		if name == "CGO_LDFLAGS" {
			linker = append(linker, words...)
		} else {
			compiler = append(compiler, words...)
		}
	}
	dirs := []string{l.Dir} // the go command has it among those of -I
	var open []string
	for _, name := range slices.Concat(l.CgoFiles, l.CFiles, l.CXXFiles, l.MFiles, l.HFiles, l.FFiles, l.SFiles, l.SwigFiles, l.SwigCXXFiles) {
		open = append(open, joined(l.Dir, name))
	}
	for i, word := range compiler {
		for _, option := range []string{"-I", "-iquote", "-isystem", "-idirafter"} {
			if dir, ok := argument(compiler, i, option); ok && s.has(joined(l.Dir, dir)) {
				dirs = append(dirs, joined(l.Dir, dir))
			}
		}
		if word == "-include" || word == "-imacros" {
			if i+1 < len(compiler) {
				for _, dir := range dirs {
					if name := joined(dir, compiler[i+1]); isRegular(name) && s.has(name) {
						open = append(open, name)
					}
				}
			}
		}
	}

	seen := make(map[string]bool)
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := s.add(name, l.ImportPath); err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("gobuild: %w", err)
		}
		for _, m := range include.FindAllSubmatch(text, -1) {
			for _, dir := range append([]string{filepath.Dir(name)}, dirs...) {
				if file := joined(dir, string(m[1])+string(m[2])); isRegular(file) {
					open = append(open, file)
				}
			}
		}
	}
	return s.addLibraries(l, linker)
}

// addLibraries adds the files in the checkout that flags give to the linker.
func (s *source) addLibraries(l *listed, flags []string) error {
	var words []string
	for _, f := range flags {
		words = append(words, strings.Split(strings.TrimPrefix(f, "-Wl,"), ",")...)
	}
	for i, word := range words {
		if name := joined(l.Dir, word); !strings.HasPrefix(word, "-") && isRegular(name) && s.has(name) {
			if err := s.add(name, l.ImportPath); err != nil {
				return err
			}
		}
		dir, ok := argument(words, i, "-L")
		if dir = joined(l.Dir, dir); !ok || !s.has(dir) {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // to the linker it is none
		}
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			switch ext := filepath.Ext(name); {
			case !isRegular(name):
			case ext == ".a", ext == ".so", ext == ".dylib", ext == ".tbd", ext == ".lib", ext == ".dll", strings.Contains(e.Name(), ".so."):
				// Also those that nobody names: they can stand for one of the
				// system.
				if err := s.add(name, l.ImportPath); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// argument returns the argument of an option at words[i], which is behind it or
// the next word.
func argument(words []string, i int, option string) (string, bool) {
	value, ok := strings.CutPrefix(words[i], option)
	if ok && value == "" && i+1 < len(words) {
		value = words[i+1]
	}
	return value, ok && value != ""
}

// has reports whether a file or directory is in the checkout, by its name or
// behind its links.
func (s *source) has(name string) bool {
	if within(s.top, name) {
		return true
	}
	real, err := filepath.EvalSymlinks(name)
	return err == nil && within(s.top, real)
}

func isRegular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// compare holds the files against a commit and sets those of p.
func (s *source) compare(ctx context.Context, t tool, c *tree, declared map[string]string, p *SourceProof) error {
	if err := s.hash(ctx); err != nil {
		return err
	}
	p.Commit, p.Tree = c.commit, c.root
	for _, f := range s.files {
		if err := s.judge(ctx, t, c, f, declared); err != nil {
			return err
		}
		p.Files = append(p.Files, *f)
	}
	slices.SortFunc(p.Files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.name, b.name))
	})
	return nil
}

// hash hashes the files as git would.
func (s *source) hash(ctx context.Context) error {
	var files []*File
	for _, f := range s.files {
		files = append(files, f)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			buf := make([]byte, bufferSize)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				var err error
				if files[i].hash, err = hashBlob(files[i].name, files[i].mode, s.digits, buf); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// judge sets what there is to say of a file.
func (s *source) judge(ctx context.Context, t tool, c *tree, f *File, declared map[string]string) error {
	if f.Outcome != Outside {
		e, ok := c.blobs[f.Path]
		for !ok {
			added, why, err := c.submodule(ctx, t, s.top, f.Path)
			if err != nil {
				return err
			}
			if why != "" {
				f.Why = why
				break
			}
			if !added {
				f.Outcome = Untracked
				break
			}
			e, ok = c.blobs[f.Path]
		}
		if ok {
			blob, err := hallmark.ParseDigest("gitBlob:" + e.id)
			if err != nil {
				return fmt.Errorf("gobuild: git ls-tree: %w", err)
			}
			f.Blob = blob
			isLink := f.mode&os.ModeSymlink != 0
			switch {
			case isLink != (e.mode == modeLink):
				f.Outcome, f.Why = Differs, "one is a symbolic link, the other is not"
			case e.id == f.hash:
				f.Outcome = Match
				return nil
			case isLink:
				f.Outcome, f.Why = Differs, "the symbolic link leads elsewhere"
			default:
				if err := s.convert(ctx, t, f); err != nil {
					return err
				}
			}
		}
	}
	var err error
	if f.Digest, err = digestOf(f, s.digits); err != nil {
		return err
	}
	if reason, ok := declared[f.Path]; ok && f.Outcome.deviates() && f.Outcome != Outside {
		f.Outcome, f.Why = Declared, reason
	}
	return nil
}

// gatherModules sets p.Modules.
func (p *SourceProof) gatherModules(ctx context.Context, listing []listed, cache string) error {
	seen := make(map[string]bool)
	for _, l := range listing {
		if l.Standard || !l.pinned(cache) {
			continue
		}
		m, replaces := l.Module, ""
		if m.Replace != nil {
			if m.Replace.Path != m.Path {
				replaces = m.Path
			}
			m = m.Replace
		}
		if seen[m.Path+"@"+m.Version] {
			continue
		}
		seen[m.Path+"@"+m.Version] = true
		module := Module{Path: m.Path, Version: m.Version, Replaces: replaces}
		if m.Sum != "" {
			var err error
			if module.Sum, err = hallmark.ParseH1(m.Sum); err != nil {
				return fmt.Errorf("gobuild: %s@%s: %w", m.Path, m.Version, err)
			}
			module.Outcome = Pinned
		}
		if p.o.VerifyModules && m.Sum != "" {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			got, err := dirhash.HashDir(l.Module.Dir, m.Path+"@"+m.Version, dirhash.Hash1)
			if err != nil {
				return fmt.Errorf("gobuild: %s@%s: %w", m.Path, m.Version, err)
			}
			module.Outcome = Match
			if got != m.Sum {
				module.Outcome = Differs
			}
		}
		p.Modules = append(p.Modules, module)
	}
	slices.SortFunc(p.Modules, func(a, b Module) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Version, b.Version))
	})
	return nil
}

// Names of the annotations of the dependencies that Record adds, in the terms of
// provenance/buildtypes/local-v1.md.
const (
	annotationModified  = "modified"  // true
	annotationGenerated = "generated" // the reason
	annotationWhy       = "why"
)

// Record adds what p found to b: each file that deviates from the commit or is
// declared as generated, with its SHA-256. If there are deviations, the source of
// b becomes a modified one, which has no commit but the one it was changed from.
// The Build of another commit is an error, as is one without a source where there
// are deviations.
func (p *SourceProof) Record(b *provenance.Build) error {
	s, parameter := b.Source()
	if !s.Commit.IsZero() && s.Commit != p.Commit {
		return &MismatchError{Links: []Link{{Name: ClaimCommit, Status: Mismatched, Got: s.Commit.Hex(), Want: p.Commit.Hex(), Evidence: b.Evidence["source.commit"]}}}
	}
	dependencies := slices.Clone(b.Dependencies)
	if !p.Clean() && !s.Modified {
		if parameter == "" {
			return errors.New("gobuild: the source deviates from the commit, and the build does not say what its source is")
		}
		s.Commit, s.Modified = p.Commit, true
		d, _ := s.Descriptor()
		dependencies = slices.Insert(b.Inputs(), 0, d)
	}
	for _, f := range p.Files {
		if !f.Outcome.deviates() && f.Outcome != Declared {
			continue
		}
		digest := provenance.NewDigestSet(f.Digest)
		if slices.ContainsFunc(dependencies, func(d provenance.ResourceDescriptor) bool {
			return d.Name == f.Path && d.Digest["sha256"] == digest["sha256"]
		}) {
			continue // a modified file of the checkout
		}
		a := map[string]any{annotationModified: true, annotationWhy: f.Outcome.String()}
		if f.Outcome == Declared {
			a = map[string]any{annotationGenerated: f.Why}
		}
		dependencies = append(dependencies, provenance.ResourceDescriptor{Name: f.Path, Digest: digest, Annotations: a})
	}
	b.Dependencies = dependencies
	return nil
}
