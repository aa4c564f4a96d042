package gomod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A SourcePolicy says from where the modules of a program may be. The zero
// SourcePolicy is the strictest: no module is private, nothing is replaced, and
// the database that everything is held against is sum.golang.org.
type SourcePolicy struct {
	// Private are the module paths that are nobody else's business: no public
	// proxy is asked for them, and no public checksum database.
	Private []PathPattern

	// Proxies are the module proxies that private modules may be fetched
	// through, each as scheme and host ("https://go.example.com"). A path is
	// not part of it, because some have a password there.
	Proxies []string

	// Database is the checksum database, by the first field of GOSUMDB: its
	// verifier key, or the name of one that the go command knows. Empty means
	// sum.golang.org.
	Database string

	// Replaces are the replace directives that go.mod and go.work may have.
	Replaces []Replacement

	// Uses are the directories that go.work may use besides that of the module
	// that is checked, each as go.work has it.
	Uses []string
}

// A PathPattern is one of the patterns that GOPRIVATE has a list of. Its elements
// are compared with those that a module path begins with; * is any text in an
// element, ? any character. "*.example.com" and "github.com/example" are two. A
// pattern with classes or escapes, which GOPRIVATE may have, is malformed here, and so
// is one that covers every host, such as "*", or no module at all, such as a URL.
//
// https://go.dev/ref/mod#private-modules
type PathPattern string

// Match reports whether a module path, or that of a package, is covered by p.
func (p PathPattern) Match(modulePath string) bool {
	return p.check() == nil && module.MatchPrefixPatterns(string(p), modulePath)
}

func (p PathPattern) check() error {
	host, _, _ := strings.Cut(string(p), "/")
	fault := ""
	switch {
	case len(p) > maxPattern:
		fault = fmt.Sprintf("longer than %d bytes", maxPattern)
	case strings.Contains(string(p), ","):
		fault = "a comma in it, want one pattern"
	case strings.ContainsAny(string(p), `[\`):
		fault = "a class or an escape in it, want * and ? alone"
	case neverMatches(string(p)):
		fault = "it covers no module"
	case strings.Trim(host, "*?.") == "":
		fault = "it covers every host"
	default:
		return nil
	}
	return fmt.Errorf("malformed pattern %.100q: %s", string(p), fault)
}

// includes reports whether all that a glob matches is covered by p. Where that
// is hard to tell it is false.
func (p PathPattern) includes(glob string) bool {
	want, got := strings.Split(strings.TrimSuffix(string(p), "/"), "/"), strings.Split(glob, "/")
	if len(got) < len(want) {
		return false
	}
	for i, w := range want {
		if g := got[i]; w != g && w != "*" {
			if strings.ContainsAny(g, `*?[\`) {
				return false
			}
			if ok, err := path.Match(w, g); !ok || err != nil {
				return false
			}
		}
	}
	return true
}

// neverMatches reports whether a glob matches no module that could be
// downloaded, as "https://github.com/x", " github.com/x" and "github.com/x/..."
// do. For one with classes or escapes it is false.
func neverMatches(glob string) bool {
	if strings.ContainsAny(glob, `[\`) {
		return false
	}
	glob = strings.TrimSuffix(glob, "/")
	host, _, _ := strings.Cut(glob, "/")
	return module.CheckImportPath(strings.NewReplacer("*", "x", "?", "x").Replace(glob)) != nil ||
		!strings.ContainsAny(host, ".*?") // only the standard library has such paths
}

// printable reports whether a glob of the settings can be told to others. One
// that is a pattern of paths cannot hold a password or a directory; what is
// something else by mistake, can.
func printable(glob string) bool {
	return !strings.ContainsAny(glob, `[\`) && !neverMatches(glob) && len(glob) <= maxPattern
}

// A Replacement is a replace directive of go.mod or go.work. It is compared
// exactly.
type Replacement struct {
	// Path and Version are those of the module that is replaced. Version is
	// empty in a directive for all versions.
	Path, Version string

	// NewPath and NewVersion are those of the module that is used instead. If
	// NewVersion is empty, NewPath is a directory, as the directive has it.
	NewPath, NewVersion string
}

// A SourceRule is what a [Finding] is about.
type SourceRule string

// The rules of a SourcePolicy.
const (
	// ModulesOff: GO111MODULE is off, so that go.mod and go.sum decide nothing.
	ModulesOff SourceRule = "modules-off"

	// ForbiddenFlag: GOFLAGS or a go:generate line has -mod=mod, with which the
	// go command may change go.mod and go.sum, -modfile or -overlay, with which
	// other files are used than are looked at, -C with the directory of another
	// module, or -toolexec, which runs a program in place of the compiler.
	// Subject is the flag.
	ForbiddenFlag SourceRule = "forbidden-flag"

	// Insecure: modules may be fetched without knowing who answers, because of
	// a pattern in GOINSECURE, the flag -insecure, or a proxy in GOPROXY that
	// is spoken to by http and is none of Proxies. Subject is one of these.
	Insecure SourceRule = "insecure"

	// DatabaseOff: GOSUMDB is off, or GONOSUMCHECK is set, which the go command
	// does not know, by someone who wanted it to be off.
	DatabaseOff SourceRule = "database-off"

	// OtherDatabase: GOSUMDB is another checksum database than the policy's.
	OtherDatabase SourceRule = "other-database"

	// DatabaseBypassed: a pattern in GONOSUMDB or GOPRIVATE has the checksum
	// database not asked for more modules than those of Private. Subject is the
	// pattern.
	DatabaseBypassed SourceRule = "database-bypassed"

	// UselessPattern: a pattern in GONOSUMDB, GONOPROXY, GOPRIVATE or
	// GOINSECURE matches no module, such as one that is a URL. Subject says
	// which one it is; what it is, is not told, because URLs have passwords.
	UselessPattern SourceRule = "useless-pattern"

	// PrivateDisclosed: no pattern in GONOSUMDB or GOPRIVATE covers a private
	// module, so that a checksum database which is not its owner's is asked for
	// it by name. Subject is the path.
	PrivateDisclosed SourceRule = "private-disclosed"

	// PrivateByProxy: no pattern in GONOPROXY or GOPRIVATE covers a private
	// module, so that a proxy of GOPROXY which is none of Proxies is asked for
	// it, and what it answers is used. Subject is the path, Got has the
	// proxies.
	PrivateByProxy SourceRule = "private-by-proxy"

	// ReplacedByModule: another module, or another version, is used instead of
	// a module. Subject is the module that is replaced.
	ReplacedByModule SourceRule = "replaced-by-module"

	// ReplacedByDirectory: a directory is used instead of a module. No sum is
	// checked of it.
	ReplacedByDirectory SourceRule = "replaced-by-directory"

	// DirectoryOutside: like ReplacedByDirectory, and the directory is in no
	// main module and not below go.work: it is not in one tree with the sources
	// that are checked. This also holds for one of Replaces if a symbolic link
	// on the way to it leads outside.
	DirectoryOutside SourceRule = "directory-outside"

	// WorkspaceModule: go.work uses another module's directory than that of the
	// module that is checked. It takes the place of the module as it is
	// required, without a sum, and what it requires raises versions.
	WorkspaceModule SourceRule = "workspace-module"

	// NoSum: a module is required and go.sum has no sum of its files, or
	// several. What is downloaded first is what is used. Before Go 1.17 and in a
	// workspace, the sum of a higher version will do.
	NoSum SourceRule = "no-sum"

	// UnpinnedTool: a tool directive whose module is not required, has no sum
	// or is replaced by a directory that is none of Replaces; or a go:generate
	// line that runs, installs or gets a package with a version that is not a
	// canonical one ("@latest"), with one that no sum is checked of, or without
	// one although no required module has it. Subject is the package.
	UnpinnedTool SourceRule = "unpinned-tool"
)

// A Finding is one way in which sources are not as a [SourcePolicy] wants them.
// No field has a password, a URL with a path, or an absolute path of the machine.
type Finding struct {
	// Rule is the one that is broken.
	Rule SourceRule

	// Setting is the name of the variable of the go command that it is about.
	// If it is empty, the finding is about a file.
	Setting string

	// Module is the path of the main module that has the file, and File the
	// file's name in it, with slashes. Module is empty for go.work and
	// go.work.sum.
	Module, File string

	// Line is the line of the file, beginning with 1.
	Line int

	// Subject is the module, package, pattern or flag, as the rule says.
	Subject string

	// Got is what is there, Want what the policy wants instead. Either may be
	// empty, for nothing.
	Got, Want string
}

// String returns the finding in one line. A character that is not printable, as a
// name of a file may have one, is a question mark there.
func (f Finding) String() string {
	where := f.Setting
	if where == "" {
		where = f.File + ":" + strconv.Itoa(f.Line)
		if f.Module != "" {
			where = f.Module + ": " + where
		}
	}
	var text string
	switch f.Rule {
	case ModulesOff:
		text = "modules are off, so that go.mod and go.sum decide nothing"
	case ForbiddenFlag:
		switch f.Subject {
		case "-mod":
			text = "-mod=mod lets the go command change go.mod and go.sum"
		case "-modfile":
			text = "-modfile has another file in place of go.mod"
		case "-overlay":
			text = "-overlay has other files in place of those that are there"
		case "-C":
			text = "-C leads to another module, which is not looked at"
		case "-toolexec":
			text = "-toolexec runs a program in place of the compiler"
		}
	case Insecure:
		text = fmt.Sprintf("%s: modules may be fetched without knowing who answers", f.Subject)
	case DatabaseOff:
		text = "the checksum database is not asked"
		if f.Setting != "GOSUMDB" {
			text = "the go command does not know this variable, which is meant to switch off the checksum database"
		}
	case OtherDatabase:
		text = fmt.Sprintf("the checksum database is %s, want %s", f.Got, f.Want)
	case DatabaseBypassed:
		text = fmt.Sprintf("the checksum database is not asked for modules %s, which are not all private", f.Subject)
	case UselessPattern:
		text = f.Subject + " matches no module"
	case PrivateDisclosed:
		text = fmt.Sprintf("%s is private, and the checksum database %s is asked for it", f.Subject, f.Got)
	case PrivateByProxy:
		text = fmt.Sprintf("%s is private, and is asked of %s", f.Subject, f.Got)
	case ReplacedByModule:
		text = fmt.Sprintf("%s is replaced by %s", f.Subject, f.Got)
	case ReplacedByDirectory:
		text = fmt.Sprintf("%s is replaced by the directory %s", f.Subject, f.Got)
	case DirectoryOutside:
		text = fmt.Sprintf("%s is replaced by a directory outside of the sources, %s", f.Subject, f.Got)
	case WorkspaceModule:
		text = fmt.Sprintf("%s is taken from the directory %s", f.Subject, f.Got)
	case NoSum:
		text = fmt.Sprintf("%s: %s in go.sum", f.Subject, f.Got)
	case UnpinnedTool:
		text = fmt.Sprintf("the tool %s is not pinned: %s, want %s", f.Subject, f.Got, f.Want)
	default:
		text = fmt.Sprintf("%s: %s: got %q, want %q", f.Rule, f.Subject, f.Got, f.Want)
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, where+": "+text)
}

// Check returns every way in which the sources of the module that dir is in, and
// the settings of the go command, are not as p wants them, sorted by file, line
// and setting. None means that all is as p wants it.
//
// What is read are go.mod, go.work, go.sum and go.work.sum, the variables of the
// go command from getenv and from its files, and the go:generate lines of the Go
// files that "./..." has in the main modules, whatever their build constraints. No
// program is run, the network is not used, and the module cache is not read:
// what the modules are, [Verify] proves. Settings that [Load] refuses are
// findings here. What a go:generate line has a shell or another program do is not
// looked at, and an exclude directive is no finding: it removes a version, and
// brings no source.
//
// Private modules are looked for among those that a main module requires, that
// go.sum has a sum of, and that a go:generate line names. In GOPROXY, what stands
// behind direct or off is never asked; direct asks the host that is in the path of the
// module, and a file URL asks nobody.
//
// It is an error, and nothing is found out, if p or one of the files is malformed,
// if getenv is nil, or if there is no module.
func (p SourcePolicy) Check(ctx context.Context, dir string, getenv func(string) string) ([]Finding, error) {
	if getenv == nil {
		return nil, errors.New("gomod: check sources: getenv is nil")
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("gomod: SourcePolicy: %w", err)
	}
	c := &sourceCheck{policy: p, settings: &settings{getenv: getenv}}
	if err := c.run(ctx, dir); err != nil {
		return nil, fmt.Errorf("gomod: check sources: %w", err)
	}
	return c.findings, nil
}

func (p SourcePolicy) check() error {
	var errs []error
	for _, pattern := range p.Private {
		errs = append(errs, pattern.check())
	}
	for _, proxy := range p.Proxies {
		u, err := url.Parse(proxy)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || proxy != u.Scheme+"://"+u.Host {
			errs = append(errs, errors.New("malformed proxy, want scheme and host as https://go.example.com"))
		}
	}
	for _, r := range p.Replaces {
		if r.Path == "" || r.NewPath == "" {
			errs = append(errs, fmt.Errorf("malformed replacement %q => %q, want two paths", r.Path, r.NewPath))
		}
	}
	if p.Database == "off" || strings.ContainsAny(p.Database, " \t\r\n") {
		errs = append(errs, errors.New("malformed database, want one name or verifier key"))
	}
	return errors.Join(errs...)
}

// private reports whether a module path is one of Private.
func (p SourcePolicy) private(path string) bool {
	return slices.ContainsFunc(p.Private, func(pattern PathPattern) bool { return pattern.Match(path) })
}

// A sourceCheck is one run of SourcePolicy.Check.
type sourceCheck struct {
	policy   SourcePolicy
	settings *settings
	mains    *mains
	sums     *goSums
	findings []Finding

	required map[string]module.Version // the highest version of each, by path
	summed   map[string]string         // the highest version that go.sum has a sum of, by path
	asked    map[string]bool           // private modules that are done with

	database string   // the checksum database if it is not the owner's of private modules, else ""
	proxies  []string // those that are asked and must not be asked for private modules
}

// add adds a finding about what is at a place.
func (c *sourceCheck) add(rule SourceRule, at Finding, subject, got, want string) {
	at.Rule, at.Subject, at.Got, at.Want = rule, subject, got, want
	c.findings = append(c.findings, at)
}

// in returns a place in a file of m.
func in(m *mainModule, file string, line int) Finding {
	return Finding{Module: m.path, File: file, Line: line}
}

func setting(name string) Finding { return Finding{Setting: name} }

func (c *sourceCheck) run(ctx context.Context, dir string) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if fi, err := os.Stat(dir); err != nil {
		return err
	} else if !fi.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if err := c.settings.readEnvFiles(); err != nil {
		return err
	}
	c.settings.work = c.settings.get("GOWORK")
	if c.mains, err = readMains(dir, c.settings); err != nil {
		return err
	}
	if c.sums, err = readSums(c.mains); err != nil {
		return err
	}
	if err := c.checkSettings(); err != nil {
		return err
	}
	c.checkWorkspace(dir)
	c.checkReplaces()
	if err := c.checkRequirements(); err != nil {
		return err
	}
	for _, m := range c.mains.list {
		if err := c.checkGenerate(ctx, m); err != nil {
			return err
		}
	}
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Setting, b.Setting),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Got, b.Got))
	})
	c.findings = slices.Compact(c.findings)
	if len(c.findings) > maxFindings {
		return fmt.Errorf("more than %d findings", maxFindings)
	}
	return nil
}

// goDatabaseKey is the verifier key of the public checksum database.
const goDatabaseKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"

// databaseKey returns the verifier key of a checksum database, and its name. The go
// command knows the public one by two names.
func databaseKey(field string) (key, name string) {
	switch field {
	case "", "sum.golang.org", "sum.golang.google.cn":
		field = goDatabaseKey
	}
	name, _, _ = strings.Cut(field, "+")
	if module.CheckImportPath(name) != nil {
		name = "one with a malformed name" // which could be anything
	}
	return field, name
}

func (c *sourceCheck) checkSettings() error {
	s := c.settings
	if s.get("GO111MODULE") == "off" {
		c.add(ModulesOff, setting("GO111MODULE"), "", "off", "on")
	}
	flags, err := splitFlags(s.get("GOFLAGS"))
	if err != nil {
		return fmt.Errorf("malformed GOFLAGS: %w", err)
	}
	c.checkFlags(setting("GOFLAGS"), "", flags)

	// patterns calls f for the globs of a variable that match something.
	patterns := func(variable, globs string, f func(name, glob string)) {
		for i, glob := range strings.Split(globs, ",") {
			glob = strings.TrimSuffix(glob, "/")
			if glob == "" || glob == "none" { // as "go help private" advises for no pattern at all
				continue
			}
			name := glob
			if !printable(glob) {
				name = "pattern " + strconv.Itoa(i+1)
			}
			if _, err := path.Match(glob, ""); err != nil || neverMatches(glob) {
				c.add(UselessPattern, setting(variable), name, "", "")
				continue
			}
			f(name, glob)
		}
	}
	patterns("GOINSECURE", s.get("GOINSECURE"), func(name, _ string) {
		c.add(Insecure, setting("GOINSECURE"), name, "", "")
	})

	wantKey, want := databaseKey(c.policy.Database)
	off := s.get("GOSUMDB") == "off"
	if off {
		c.add(DatabaseOff, setting("GOSUMDB"), "", "off", want)
	} else {
		first, _, _ := strings.Cut(strings.TrimSpace(s.get("GOSUMDB")), " ") // a URL may follow
		key, name := databaseKey(first)
		switch {
		case key != wantKey && name == want:
			name += " with another key"
			fallthrough
		case key != wantKey:
			c.add(OtherDatabase, setting("GOSUMDB"), "", name, want)
			c.database = name
		case key == goDatabaseKey:
			c.database = name
		}
	}
	if s.get("GONOSUMCHECK") != "" {
		c.add(DatabaseOff, setting("GONOSUMCHECK"), "", "set", "")
	}
	variable, globs := s.private("GONOSUMDB")
	patterns(variable, globs, func(name, glob string) {
		covered := slices.ContainsFunc(c.policy.Private, func(p PathPattern) bool { return p.includes(glob) })
		if !covered && !off {
			c.add(DatabaseBypassed, setting(variable), name, "", "")
		}
	})

	variable, globs = s.private("GONOPROXY")
	patterns(variable, globs, func(_, _ string) {})
	// As proxyList of the go command, whose default is in a file that an
	// unknown toolchain has not shown.
	for rest := cmp.Or(s.get("GOPROXY"), "proxy.golang.org,direct"); rest != ""; {
		entry := rest
		if i := strings.IndexAny(rest, ",|"); i >= 0 {
			entry, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		entry = strings.TrimSpace(entry)
		if entry == "direct" || entry == "off" {
			break
		}
		if entry == "" {
			continue
		}
		if strings.ContainsAny(entry, ".:/") && !strings.Contains(entry, ":/") && !filepath.IsAbs(entry) && !path.IsAbs(entry) {
			entry = "https://" + entry
		}
		// Of a proxy nothing is told but scheme and host: there are passwords
		// before the one and behind the other.
		u, err := url.Parse(entry)
		switch {
		case err == nil && u.Scheme == "file":
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User == nil && strings.Contains(entry, "@"):
			c.proxies = append(c.proxies, "a proxy with a malformed URL")
		default:
			proxy := u.Scheme + "://" + u.Host
			if slices.Contains(c.policy.Proxies, proxy) {
				continue
			}
			c.proxies = append(c.proxies, proxy)
			if u.Scheme == "http" {
				c.add(Insecure, setting("GOPROXY"), proxy, "", "")
			}
		}
	}
	return nil
}

// private returns the globs of GONOSUMDB or GONOPROXY, whose default is GOPRIVATE,
// and the variable that has them.
func (s *settings) private(name string) (variable, globs string) {
	if globs := s.get(name); globs != "" {
		return name, globs
	}
	return "GOPRIVATE", s.get("GOPRIVATE")
}

// coveredBy returns the first glob of such a variable that covers a module, or "".
func (s *settings) coveredBy(name, modulePath string) string {
	_, globs := s.private(name)
	for glob := range strings.SplitSeq(globs, ",") {
		if module.MatchPrefixPatterns(glob, modulePath) {
			return glob
		}
	}
	return ""
}

// checkFlags looks at flags of the go command, "-name" or "-name=value", which runs
// in a directory, if that is known. It reports whether the command works on
// another module than those that are checked.
func (c *sourceCheck) checkFlags(at Finding, dir string, flags []string) (elsewhere bool) {
	last := make(map[string]string) // what counts, by name
	for _, flag := range flags {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(flag, "-"), "-"), "=")
		if !hasValue {
			value = "true"
		}
		last[name] = value
	}
	if last["mod"] == "mod" {
		c.add(ForbiddenFlag, at, "-mod", "mod", "readonly")
	}
	if to := last["C"]; dir != "" && to != "" {
		file := findUp(absolutePath(dir, filepath.FromSlash(to)), "go.mod", "")
		if slices.ContainsFunc(c.mains.list, func(m *mainModule) bool { return file == filepath.Join(m.dir, "go.mod") }) {
			delete(last, "C")
		}
	}
	for _, name := range []string{"C", "modfile", "overlay", "toolexec"} {
		if last[name] != "" {
			c.add(ForbiddenFlag, at, "-"+name, "", "") // without its value, a path
			elsewhere = elsewhere || name == "C" || name == "modfile"
		}
	}
	if on, err := strconv.ParseBool(last["insecure"]); err == nil && on {
		c.add(Insecure, at, "-insecure", "", "")
	}
	return elsewhere
}

// checkWorkspace looks at the directories that go.work uses.
func (c *sourceCheck) checkWorkspace(dir string) {
	if c.mains.work == nil {
		return
	}
	own := findUp(dir, "go.mod", "")
	for i, u := range c.mains.work.file.Use {
		m := c.mains.list[i] // in the same order
		if own != "" && filepath.Dir(own) == filepath.Clean(m.dir) || slices.Contains(c.policy.Uses, u.Path) {
			continue
		}
		c.add(WorkspaceModule, c.inWork(u.Syntax.Start.Line), m.path, shown(u.Path), "")
	}
}

// inWork returns a place in go.work.
func (c *sourceCheck) inWork(line int) Finding {
	return Finding{File: filepath.Base(c.mains.work.file.Syntax.Name), Line: line}
}

// shown returns a directory as a file of the module has it, or says that it is
// an absolute path.
func shown(dir string) string {
	if absolute(dir) {
		return "with an absolute path"
	}
	return dir
}

func (c *sourceCheck) checkReplaces() {
	check := func(at Finding, dir string, r *modfile.Replace) {
		at.Line = r.Syntax.Start.Line
		old := strings.TrimSuffix(r.Old.Path+" "+r.Old.Version, " ")
		allowed := c.allows(r.Old, r.New)
		if r.New.Version != "" {
			if !allowed {
				c.add(ReplacedByModule, at, old, r.New.Path+" "+r.New.Version, "")
			}
			return
		}
		to := filepath.FromSlash(r.New.Path)
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		inside := c.inside(to, filepath.Clean)
		linked := false
		if real, err := filepath.EvalSymlinks(to); inside && err == nil { // else there is none
			linked = !c.inside(real, func(root string) string {
				root, _ = filepath.EvalSymlinks(root)
				return root
			})
		}
		switch {
		case linked:
			c.add(DirectoryOutside, at, old, shown(r.New.Path)+" (a symbolic link)", "")
		case allowed:
		case inside:
			c.add(ReplacedByDirectory, at, old, shown(r.New.Path), "")
		default:
			c.add(DirectoryOutside, at, old, shown(r.New.Path), "")
		}
	}
	if w := c.mains.work; w != nil {
		for _, r := range w.file.Replace {
			check(c.inWork(0), w.dir, r)
		}
	}
	for _, m := range c.mains.list {
		for _, r := range m.file.Replace {
			check(in(m, "go.mod", 0), m.dir, r)
		}
	}
}

// allows reports whether the policy has a replace directive.
func (c *sourceCheck) allows(old, to module.Version) bool {
	return slices.Contains(c.policy.Replaces, Replacement{old.Path, old.Version, to.Path, to.Version})
}

// inside reports whether a directory is in a main module or below go.work, whose
// directories are first resolved.
func (c *sourceCheck) inside(dir string, resolve func(string) string) bool {
	roots := []string{c.mains.dir()}
	for _, m := range c.mains.list {
		roots = append(roots, m.dir)
	}
	return slices.ContainsFunc(roots, func(root string) bool {
		rel, err := filepath.Rel(resolve(root), dir)
		return err == nil && filepath.IsLocal(rel)
	})
}

// checkRequirements looks at what the main modules require, at their tools, and
// for private modules among these and in go.sum.
func (c *sourceCheck) checkRequirements() error {
	c.required = make(map[string]module.Version)
	c.summed = make(map[string]string)
	c.asked = make(map[string]bool)
	for m := range c.sums.lines {
		if v := c.summed[m.Path]; !strings.HasSuffix(m.Version, "/go.mod") && semver.Compare(v, m.Version) < 0 {
			c.summed[m.Path] = m.Version
		}
	}
	for _, m := range c.mains.list {
		for _, r := range m.file.Require {
			at := in(m, "go.mod", r.Syntax.Start.Line)
			if old, ok := c.required[r.Mod.Path]; !ok || compareVersions(r.Mod.Path, old.Version, r.Mod.Version) < 0 {
				c.required[r.Mod.Path] = r.Mod
			}
			if c.mains.find(r.Mod.Path) != nil || c.mains.excluded(r.Mod) {
				continue
			}
			actual, err := c.actual(r.Mod)
			if err != nil {
				return err
			}
			if actual.Version == "" {
				continue
			}
			c.checkPrivate(at, actual.Path)
			if fault := c.sumFault(actual); fault != "" {
				c.add(NoSum, at, actual.String(), fault, "one sum")
			}
		}
	}
	for _, m := range c.mains.list {
		for _, t := range m.file.Tool {
			fault, err := c.unpinned(t.Path)
			if err != nil {
				return err
			}
			if fault != "" {
				c.add(UnpinnedTool, in(m, "go.mod", t.Syntax.Start.Line), t.Path, fault, "a required module with a sum")
			}
		}
	}

	if len(c.policy.Private) == 0 {
		return nil
	}
	inSums := func(at Finding, file string) error {
		data, err := readBounded(file, maxGoMod)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for line := range strings.Lines(string(data)) {
			at.Line++
			if f := strings.Fields(line); len(f) > 0 {
				c.checkPrivate(at, f[0])
			}
		}
		return nil
	}
	for _, m := range c.mains.list {
		if err := inSums(in(m, "go.sum", 0), filepath.Join(m.dir, "go.sum")); err != nil {
			return err
		}
	}
	if c.mains.work == nil {
		return nil
	}
	at := c.inWork(0)
	at.File += ".sum"
	return inSums(at, c.mains.work.file.Syntax.Name+".sum")
}

// actual returns what m is replaced by, or m itself.
func (c *sourceCheck) actual(m module.Version) (module.Version, error) {
	to, err := c.mains.replacement(m)
	if err != nil || to.Path != "" {
		return to, err
	}
	return m, nil
}

// sumFault says what is wrong with the sum of a module in go.sum, or "".
func (c *sourceCheck) sumFault(m module.Version) string {
	switch {
	case c.sums.of(m) != "":
		return ""
	case len(c.sums.lines[m]) > 1:
		return "several sums"
	}
	// In a workspace, and before Go 1.17, a higher version than the one that is
	// required may be in use.
	if (c.mains.work != nil || !pruned(c.mains.goVersion())) && semver.Compare(c.summed[m.Path], m.Version) > 0 {
		return ""
	}
	return "no sum"
}

// checkPrivate looks at who is asked for a module, if it is private.
func (c *sourceCheck) checkPrivate(at Finding, modulePath string) {
	if !c.policy.private(modulePath) || c.asked[modulePath] {
		return
	}
	c.asked[modulePath] = true
	if c.database != "" && c.settings.coveredBy("GONOSUMDB", modulePath) == "" {
		c.add(PrivateDisclosed, at, modulePath, c.database, "a pattern in GONOSUMDB or GOPRIVATE")
	}
	if len(c.proxies) > 0 && c.settings.coveredBy("GONOPROXY", modulePath) == "" {
		c.add(PrivateByProxy, at, modulePath, strings.Join(c.proxies, " and "), "a pattern in GONOPROXY or GOPRIVATE")
	}
}

// unpinned says why the version or the content of a package is not known from
// the files of the main modules, or "" if they are. Nobody knows without the
// modules which of them has the package; it is taken to be the one with the
// longest path.
func (c *sourceCheck) unpinned(importPath string) (string, error) {
	for prefix := importPath; prefix != "."; prefix = path.Dir(prefix) {
		if c.mains.find(prefix) != nil {
			return "", nil
		}
		m, ok := c.required[prefix]
		if !ok {
			if c.summed[prefix] != "" {
				return "", nil // required by another one
			}
			continue
		}
		actual, err := c.actual(m)
		if err != nil {
			return "", err
		}
		switch fault := c.sumFault(actual); {
		case actual.Version != "" && fault != "":
			return fmt.Sprintf("%s in go.sum of %s", fault, actual), nil
		case actual.Version == "" && !c.allowsDirectory(m):
			return fmt.Sprintf("%s is replaced by a directory", m), nil
		}
		return "", nil
	}
	if first, _, _ := strings.Cut(importPath, "/"); !strings.Contains(first, ".") {
		return "", nil // of the standard library, or of the toolchain
	}
	return "no required module has it", nil
}

// allowsDirectory reports whether the policy has the directives that replace m by
// a directory.
func (c *sourceCheck) allowsDirectory(m module.Version) bool {
	var all []*modfile.Replace
	if w := c.mains.work; w != nil {
		all = append(all, w.file.Replace...)
	}
	for _, main := range c.mains.list {
		all = append(all, main.file.Replace...)
	}
	return !slices.ContainsFunc(all, func(r *modfile.Replace) bool {
		return r.Old.Path == m.Path && (r.Old.Version == "" || r.Old.Version == m.Version) && r.New.Version == "" && !c.allows(r.Old, r.New)
	})
}
