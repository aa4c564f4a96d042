package gobuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
)

// RecipeName is the name of the byproduct that says how to build again.
const RecipeName = "go-build-recipe.json"

// A Recipe says how a program was built, as far as its bytes depend on it. One
// that [SourceProof.Recipe] makes is complete: [Rebuild] can follow it. As JSON it
// is an object with the members that the fields name; what is empty is left out.
//
// A recipe is published. It has no path of the building machine and nothing that
// looks like a secret: [Recipe.Check] refuses them.
type Recipe struct {
	Go      string // "go": version of the toolchain, "go1.26.8"
	Package string // "package": import path of the program
	Module  string // "module": path of the main module
	Version string // "version": what the module is stamped with, if it is
	Dir     string // "dir": of the module in the checkout, slash-separated; "." for the top

	// Work is the path of go.work in the checkout, or "" if there is none or it
	// was off. "work"
	Work string

	// Mod says where the modules are from: "readonly", the module cache, or
	// "vendor". "mod"
	Mod string

	// Flags are those of the go command in their order, those of GOFLAGS first.
	// "flags"
	Flags []string

	// Env are variables of the go command's environment, and what they were if
	// nobody has set them. "env"
	Env map[string]string

	// Settings are those of the binary, as far as they may be published.
	// "settings"
	Settings map[string]string

	// Source is the commit. "source"
	Source RecipeSource

	// Modules are those that the build takes from the module cache. "modules"
	Modules []RecipeModule

	// Generated are files that the commit does not have. A recipe with any
	// cannot be followed from the commit alone. "generated"
	Generated []string
}

// A RecipeSource is what is checked out.
type RecipeSource struct {
	Repository string          // "repository": URL; "" if it is not known
	Ref        string          // "ref"
	Commit     hallmark.Digest // "commit": a gitCommit

	// Tag is the tag that the version is made of, and TagCommit the commit that
	// it stands for. Without it, as in a clone without tags, or with others, the
	// version is another one, and so are the bytes. "tag", "tagCommit"
	Tag       string
	TagCommit hallmark.Digest

	// Shallow says that the checkout did not have the whole history. "shallow"
	Shallow bool
}

// A RecipeModule is a module by the sum of its content.
type RecipeModule struct {
	Path, Version string
	Sum           hallmark.Digest // dirHash, as go.sum has it
}

// Recipe returns how "go build" makes the package pkg, one of p.Packages, as p
// was told to build it. s is the source as it was observed; its commit must be
// p's. There is none for a dirty source, for a build without -trimpath, and for
// one that the go command stamps as modified, or with the commit of a repository
// around the checkout.
func (p *SourceProof) Recipe(ctx context.Context, pkg string, s provenance.Source) (*Recipe, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !slices.Contains(p.Packages, pkg) {
		return nil, fmt.Errorf("gobuild: %q is none of the packages whose source was proved", pkg)
	}
	if len(p.Packages) > 1 {
		// The others need modules and files that this one does not.
		one, err := ProveSource(ctx, p.dir, []string{pkg}, p.o)
		if err != nil {
			return nil, err
		}
		if one.Commit != p.Commit {
			return nil, fmt.Errorf("gobuild: HEAD was %s and is %s since the source was proved", p.Commit, one.Commit)
		}
		p = one
	}
	if p.ModulePath == "" {
		return nil, errors.New("gobuild: no recipe for files without a module")
	}
	if s.Commit != p.Commit || s.Modified {
		return nil, fmt.Errorf("gobuild: recipe for the source %s (modified: %v), want %s as it was proved", s.Commit, s.Modified, p.Commit)
	}
	if v, ok := flag(p.flags, "trimpath"); !ok || v == "false" || v == "0" {
		return nil, errors.New("gobuild: no recipe for a build without -trimpath: its bytes depend on the directory")
	}
	r := &Recipe{
		Go: p.Go, Package: pkg, Module: p.ModulePath, Dir: p.Dir, Mod: "readonly",
		Env:    make(map[string]string),
		Source: RecipeSource{Repository: s.Repository, Ref: s.Ref, Commit: s.Commit},
	}
	for _, f := range p.flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(f, "-"), "-"), "=")
		switch name {
		case "a", "json", "modcacherw", "p", "v", "x": // the bytes do not depend on them
		case "mod":
			r.Mod = value
		case "pgo":
			if filepath.IsAbs(value) {
				return nil, errors.New("gobuild: recipe: -pgo has an absolute path")
			}
			r.Flags = append(r.Flags, f)
		default:
			r.Flags = append(r.Flags, "-"+strings.TrimLeft(f, "-"))
		}
	}
	for _, f := range p.Files {
		if f.Outcome == Declared {
			r.Generated = append(r.Generated, f.Path)
		}
		// The go command uses the directory if it is consistent, and fails if
		// it is not.
		if path.Base(f.Path) == "modules.txt" && path.Base(path.Dir(f.Path)) == "vendor" {
			r.Mod = "vendor"
		}
	}
	for _, name := range []string{"GOOS", "GOARCH", archVariable(p.settings["GOARCH"]), "GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED"} {
		if v := p.settings[name]; v != "" && name != "" {
			r.Env[name] = v
		}
	}
	if p.compiled {
		for _, name := range []string{"CC", "CXX", "AR", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS"} {
			if v := p.settings[name]; v != "" {
				r.Env[name] = v
			}
		}
	}
	if work := p.settings["GOWORK"]; work != "" && work != "off" {
		real, err := filepath.EvalSymlinks(work)
		if err != nil {
			return nil, fmt.Errorf("gobuild: %w", err)
		}
		rel, err := filepath.Rel(p.top, real)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, errors.New("gobuild: recipe: go.work is not in the checkout")
		}
		r.Work = filepath.ToSlash(rel)
	}
	if r.Mod == "readonly" {
		for _, m := range p.Modules {
			r.Modules = append(r.Modules, RecipeModule{m.Path, m.Version, m.Sum})
		}
	}

	if err := p.stamp(ctx, r); err != nil {
		return nil, err
	}
	home := p.o.Getenv("HOME")
	if err := r.check(home, p.top, p.settings["GOMODCACHE"], p.settings["GOROOT"], p.settings["GOPATH"]); err != nil {
		return nil, err
	}
	return r, nil
}

// stamp sets what the go command has git say of the checkout.
func (p *SourceProof) stamp(ctx context.Context, r *Recipe) error {
	if !stamped(r.Flags) {
		return nil
	}
	// The go command does not look into a worktree or a submodule, in which .git
	// is a file, but into the next repository around it.
	if info, err := os.Lstat(filepath.Join(p.top, ".git")); err != nil || !info.IsDir() {
		for dir := filepath.Dir(p.top); ; dir = filepath.Dir(dir) {
			if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && info.IsDir() {
				return errors.New("gobuild: recipe: the go command stamps the commit of the repository around the checkout, unless -buildvcs is false")
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		if v, _ := flag(r.Flags, "buildvcs"); v != "" && v != "auto" {
			return errors.New("gobuild: recipe: the go command finds no repository to stamp the commit of")
		}
		r.Flags = append(r.Flags, "-buildvcs=false")
		return nil
	}
	t := tool{p.top, p.o.Getenv}
	out, err := t.git(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return err
	}
	r.Source.Shallow = strings.TrimSpace(string(out)) == "true"
	m, err := git.InspectModule(ctx, moduleDir(p), p.o.Getenv)
	if err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	if m.Modified {
		return errors.New("gobuild: recipe: the go command stamps the commit as modified, because a file in the repository is, although none that is compiled")
	}
	r.Version = m.Version
	r.Source.Tag = m.Tag
	if base := pseudoBase(m.Version); base != "" {
		r.Source.Tag = base
		if r.Dir != "." {
			// The tags of a module in a directory begin with it, but for its
			// major version.
			dir := r.Dir
			if _, major, ok := module.SplitPathVersion(r.Module); ok && strings.HasPrefix(major, "/") {
				dir = strings.TrimSuffix(strings.TrimSuffix(dir, major[1:]), "/")
			}
			r.Source.Tag = path.Join(dir, base)
		}
	}
	if r.Source.Tag == "" {
		return nil
	}
	if out, err = t.git(ctx, "rev-parse", "--verify", "--end-of-options", "refs/tags/"+r.Source.Tag+"^{commit}"); err != nil {
		return err
	}
	if r.Source.TagCommit, err = hallmark.ParseDigest("gitCommit:" + strings.TrimSpace(string(out))); err != nil {
		return fmt.Errorf("gobuild: git rev-parse: %w", err)
	}
	return nil
}

// pseudoBase returns the version that a pseudo-version is made of, or "".
func pseudoBase(v string) string {
	if !module.IsPseudoVersion(v) {
		return ""
	}
	base, err := module.PseudoVersionBase(strings.TrimSuffix(v, "+dirty"))
	if err != nil {
		return ""
	}
	return base
}

// Check refuses what must not be published: paths of a machine, as far as they
// can be told from others, and what looks like a secret.
func (r *Recipe) Check() error { return r.check() }

// check is Check for a machine of which some directories are known.
func (r *Recipe) check(dirs ...string) error {
	var errs []error
	text := func(where, s string) {
		switch {
		case secretShaped(s):
			errs = append(errs, fmt.Errorf("gobuild: recipe: %s has what looks like a secret", where))
		case machinePath(s, dirs):
			errs = append(errs, fmt.Errorf("gobuild: recipe: %s has a path of the building machine", where))
		}
	}
	for _, f := range r.Flags {
		name, _, _ := strings.Cut(f, "=")
		text("the flag "+shown(name), f)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Env)) {
		if !slices.Contains(buildVariables(), name) || name == "GOFLAGS" || name == "GOWORK" || name == "GO111MODULE" { // which have members of their own
			errs = append(errs, fmt.Errorf("gobuild: recipe: the variable %q is none that decides what is built", shown(name)))
			continue
		}
		text(name, name+"="+r.Env[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		text("the setting "+shown(name), name+"="+r.Settings[name])
	}
	for where, s := range map[string]string{"package": r.Package, "module": r.Module, "repository": r.Source.Repository, "ref": r.Source.Ref} {
		text("the "+where, s)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// machinePath reports whether s has a path that is one machine's: a home or
// temporary directory of a known system, or one of dirs.
func machinePath(s string, dirs []string) bool {
	for _, dir := range dirs {
		if len(dir) > 1 && strings.Contains(s, dir) {
			return true
		}
	}
	return regexp.MustCompile(`(?:^|[^A-Za-z0-9_.~-]|(?:^|[\s=,;:"'])-[A-Za-z])(?:/(?:home|root|Users|tmp|private|var/folders|var/tmp|builds|runner|github)/|[A-Za-z]:[\\/][^\\/])`).MatchString(s)
}

// secretShaped reports whether s has what looks like a password, a token or a
// key: by its beginning, by the name before it, or by being long and random.
func secretShaped(s string) bool {
	if regexp.MustCompile(`(?i)(?:passw(?:or)?d|passphrase|secret|token|api_?key|private_?key|credential|access_?key)[A-Za-z0-9_]*["']?[=:]["']?[^\s"']`).MatchString(s) {
		return true
	}
	if regexp.MustCompile(`\b(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|AIza|npm_|pypi-|dckr_pat_|hf_|dop_v1_|shpat_|ya29\.)[A-Za-z0-9_-]{12}|\b(?:AKIA|ASIA)[A-Z0-9]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.|-----BEGIN|[a-z]://[^/@\s]*@`).MatchString(s) {
		return true
	}
	for _, word := range regexp.MustCompile(`[A-Za-z0-9_+-]{32,}`).FindAllString(s, -1) {
		if strings.ContainsAny(word, "0123456789") &&
			strings.IndexFunc(word, func(r rune) bool { return r >= 'a' && r <= 'z' }) >= 0 &&
			strings.IndexFunc(word, func(r rune) bool { return r >= 'A' && r <= 'Z' }) >= 0 {
			return true
		}
	}
	return false
}

// complete reports what a recipe that can be followed lacks.
func (r *Recipe) complete() error {
	var errs []error
	missing := func(is bool, what string) {
		if is {
			errs = append(errs, fmt.Errorf("gobuild: incomplete recipe: no %s", what))
		}
	}
	missing(r.Go == "", "Go version")
	missing(r.Package == "", "package")
	missing(r.Module == "", "module")
	missing(r.Dir == "", "directory")
	missing(r.Source.Commit.IsZero(), "commit")
	missing(r.Mod == "", "mod")
	missing(r.Env["GOOS"] == "" || r.Env["GOARCH"] == "", "GOOS and GOARCH")
	for _, m := range r.Modules {
		missing(m.Sum.IsZero(), "sum of "+shown(m.Path))
	}
	return errors.Join(errs...)
}

// Marshal returns r as JSON. The same recipe gives the same bytes. It fails if
// [Recipe.Check] does.
func (r *Recipe) Marshal() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	text, err := strictjson.Append(nil, r.value())
	if err != nil {
		return nil, fmt.Errorf("gobuild: recipe: %w", err)
	}
	if len(text) > MaxRecipeSize {
		return nil, fmt.Errorf("gobuild: recipe of %d bytes, at most %d can be read", len(text), MaxRecipeSize)
	}
	return text, nil
}

// value returns r as a JSON value.
func (r *Recipe) value() map[string]any {
	flags := []any{}
	for _, f := range r.Flags {
		flags = append(flags, f)
	}
	settings := map[string]any{}
	for name, v := range r.Settings {
		settings[name] = v
	}
	v := map[string]any{"flags": flags, "settings": settings, "go": r.Go, "package": r.Package}
	text := func(m map[string]any, name, s string) {
		if s != "" {
			m[name] = s
		}
	}
	text(v, "module", r.Module)
	text(v, "version", r.Version)
	text(v, "dir", r.Dir)
	text(v, "work", r.Work)
	text(v, "mod", r.Mod)
	if len(r.Env) > 0 {
		env := map[string]any{}
		for name, s := range r.Env {
			env[name] = s
		}
		v["env"] = env
	}
	source := map[string]any{}
	text(source, "repository", r.Source.Repository)
	text(source, "ref", r.Source.Ref)
	text(source, "commit", r.Source.Commit.String())
	text(source, "tag", r.Source.Tag)
	text(source, "tagCommit", r.Source.TagCommit.String())
	if r.Source.Shallow {
		source["shallow"] = true
	}
	if len(source) > 0 {
		v["source"] = source
	}
	var modules, generated []any
	for _, m := range r.Modules {
		entry := map[string]any{"path": m.Path, "version": m.Version}
		text(entry, "sum", m.Sum.String())
		modules = append(modules, entry)
	}
	if modules != nil {
		v["modules"] = modules
	}
	for _, name := range r.Generated {
		generated = append(generated, name)
	}
	if generated != nil {
		v["generated"] = generated
	}
	return v
}

// ParseRecipe parses a recipe. It is strict: an unknown member, one that occurs
// twice, a flag that [ProveSource] would refuse, a path that leads out of the
// checkout, a C compiler that is more than a name, and what [Recipe.Check] refuses
// are errors. A recipe comes from whoever built: follow it only if they are trusted
// to run the go command and a C compiler.
func ParseRecipe(data []byte) (*Recipe, error) {
	if len(data) > MaxRecipeSize {
		return nil, fmt.Errorf("malformed recipe: %d bytes, at most %d are read", len(data), MaxRecipeSize)
	}
	r := new(Recipe)
	var err error
	parse := func(d *strictjson.Reader) error {
		return d.Object(func(name string) (err error) {
			switch name {
			case "go":
				r.Go, err = d.String()
			case "package":
				r.Package, err = d.String()
			case "module":
				r.Module, err = d.String()
			case "version":
				r.Version, err = d.String()
			case "dir":
				r.Dir, err = d.String()
			case "work":
				r.Work, err = d.String()
			case "mod":
				r.Mod, err = d.String()
			case "flags":
				r.Flags, err = readStrings(d)
			case "generated":
				r.Generated, err = readStrings(d)
			case "env":
				r.Env, err = readMap(d)
			case "settings":
				r.Settings, err = readMap(d)
			case "source":
				err = r.Source.read(d)
			case "modules":
				err = d.Array(func(i int) error {
					if i == MaxRecipeList {
						return d.Errorf("more than %d modules", MaxRecipeList)
					}
					var m RecipeModule
					err := d.Object(func(name string) (err error) {
						switch name {
						case "path":
							m.Path, err = d.String()
						case "version":
							m.Version, err = d.String()
						case "sum":
							m.Sum, err = readDigest(d, "dirHash")
						default:
							err = d.Errorf("unknown member %.100q", name)
						}
						return err
					})
					r.Modules = append(r.Modules, m)
					return err
				})
			default:
				err = d.Errorf("unknown member %.100q", name)
			}
			return err
		})
	}
	if err = strictjson.Read(data, parse); err != nil {
		return nil, fmt.Errorf("malformed recipe: %w", err)
	}
	if err := r.wellFormed(); err != nil {
		return nil, fmt.Errorf("malformed recipe: %w", err)
	}
	return r, nil
}

// wellFormed checks what becomes an argument or a path.
func (r *Recipe) wellFormed() error {
	errs := []error{checkFlags(r.Flags), r.Check()}
	for _, f := range r.Flags {
		if _, ok := flag([]string{f}, "mod"); ok {
			errs = append(errs, errors.New("flags has -mod, want it in mod"))
		}
		if pgo, ok := flag([]string{f}, "pgo"); ok && !filepath.IsLocal(pgo) {
			errs = append(errs, errors.New("-pgo leads out of the checkout"))
		}
	}
	for name, p := range map[string]string{"dir": r.Dir, "work": r.Work} {
		if p != "" && (path.Clean(p) != p || strings.Contains(p, `\`) || !filepath.IsLocal(filepath.FromSlash(p))) {
			errs = append(errs, fmt.Errorf("%s is %.100q, want a path in the checkout", name, p))
		}
	}
	if r.Work != "" && path.Base(r.Work) != "go.work" {
		errs = append(errs, fmt.Errorf("work is %.100q, want a go.work", r.Work))
	}
	switch r.Mod {
	case "", "readonly", "vendor":
	default:
		errs = append(errs, fmt.Errorf("mod is %.100q, want readonly or vendor", r.Mod))
	}
	for _, p := range []string{r.Package, r.Module} {
		// "command-line-arguments" is what the go command calls files.
		if p != "" && module.CheckImportPath(p) != nil {
			errs = append(errs, fmt.Errorf("%.100q is no import path", p))
		}
	}
	if r.Go != "" && strings.ContainsAny(r.Go, "\n\r\x00") {
		errs = append(errs, errors.New("the Go version has a line break"))
	}
	for _, name := range []string{r.Source.Tag, r.Source.Ref} {
		if strings.HasPrefix(name, "-") || strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.Contains(name, "..") || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) {
			errs = append(errs, fmt.Errorf("%.100q is no name of a ref", name))
		}
	}
	for name, v := range r.Env {
		if strings.ContainsRune(v, 0) {
			errs = append(errs, fmt.Errorf("%s has a NUL", name))
		}
		switch name {
		case "CC", "CXX", "FC", "AR", "GCCGO":
			if v == "" || v[0] == '-' || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") != "" {
				errs = append(errs, fmt.Errorf("%s is %.100q, want the name of a program without a path and arguments", name, v))
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(errs...)
}

func (s *RecipeSource) read(d *strictjson.Reader) error {
	return d.Object(func(name string) (err error) {
		switch name {
		case "repository":
			s.Repository, err = d.String()
		case "ref":
			s.Ref, err = d.String()
		case "commit":
			s.Commit, err = readDigest(d, "gitCommit")
		case "tag":
			s.Tag, err = d.String()
		case "tagCommit":
			s.TagCommit, err = readDigest(d, "gitCommit")
		case "shallow":
			var v any
			if v, err = d.Value(); err == nil && v != true {
				err = d.Errorf("shallow is not true")
			}
			s.Shallow = v == true
		default:
			err = d.Errorf("unknown member %.100q", name)
		}
		return err
	})
}

func readStrings(d *strictjson.Reader) ([]string, error) {
	var list []string
	err := d.Array(func(i int) error {
		if i == MaxRecipeList {
			return d.Errorf("more than %d values", MaxRecipeList)
		}
		s, err := d.String()
		list = append(list, s)
		return err
	})
	return list, err
}

func readMap(d *strictjson.Reader) (map[string]string, error) {
	m := make(map[string]string)
	err := d.Object(func(name string) (err error) {
		if len(m) == MaxRecipeList {
			return d.Errorf("more than %d members", MaxRecipeList)
		}
		m[name], err = d.String()
		return err
	})
	return m, err
}

func readDigest(d *strictjson.Reader, algorithm string) (hallmark.Digest, error) {
	s, err := d.String()
	if err != nil {
		return hallmark.Digest{}, err
	}
	digest, err := hallmark.ParseDigest(s)
	if err != nil {
		return hallmark.Digest{}, d.Errorf("%v", err)
	}
	if digest.Algorithm() != algorithm {
		return hallmark.Digest{}, d.Errorf("a digest by %s, want %s", digest.Algorithm(), algorithm)
	}
	return digest, nil
}

// With returns r with what the build information of a binary says where r says
// nothing. It is what [Attach] and [Binding.Record] record: the bytes of the
// byproduct [RecipeName] are what its Marshal returns.
func (r Recipe) With(info *debug.BuildInfo) *Recipe {
	if r.Go == "" {
		r.Go = info.GoVersion
	}
	if r.Package == "" {
		r.Package = info.Path
	}
	r.Settings = make(map[string]string)
	for key, value := range settingsOf(info) {
		if v, ok := buildinfo.Setting(key, value); ok && !strings.HasPrefix(key, "vcs") { // the source has the commit
			r.Settings[key] = v
		}
	}
	return &r
}
