package gomod

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/modfile"
	xmodule "golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/sbom"
)

// ReleaseOptions say where [AddReleases] looks. ModCache is required.
type ReleaseOptions struct {
	// ModCache is the directory of the module cache, which
	// "go env GOMODCACHE" prints.
	ModCache string
}

// AddReleases adds to the modules in d what the module cache knows of their
// releases, as properties; the package comment has their names and values:
//
//   - when a version was released, and from which repository and commit it came.
//     Whoever served the module says so, and no sum covers it, but for the time and
//     the commit that are in a pseudo-version itself;
//   - whether its author has retracted it, and deprecated the module. The go.mod of
//     the latest version says so, for all versions. That is the one the go command
//     would take if the module cache had all there is: the highest release, or else
//     the highest pre-release, or else the latest pseudo-version.
//
// Of a module without the properties retracted and deprecated it is known only that
// the version in latestKnown does not say so. If that is not later than the
// module's own, or if there is none, Document.Unknown says that later ones are not known.
//
// Modules are looked for by their own name and version, not by those of what they
// are used in place of. Main modules without a sum, other main modules of a workspace,
// directories, the standard library and the toolchain are no releases in a cache.
//
// AddReleases reads the module cache and does nothing else. What it added before is
// replaced. A file that is malformed or cannot be read, and a bound that is exceeded, is
// an error; all of them are joined, and d is not changed then, nor if ctx is done.
func AddReleases(ctx context.Context, d *sbom.Document, o ReleaseOptions) error {
	if o.ModCache == "" {
		return errors.New("gomod: ReleaseOptions.ModCache is empty")
	}
	if err := d.Check(); err != nil {
		return fmt.Errorf("gomod: releases: %w", err)
	}
	all := d.All()
	found := make([][]sbom.Property, len(all))
	laterUnknown := false
	var errs []error
	for i, c := range all {
		if ctx.Err() != nil {
			return fmt.Errorf("gomod: releases: %w", context.Cause(ctx))
		}
		origin := property(c.Properties, "origin")
		switch {
		case c.Version == "" || c.PURL != PURL(c.Name, c.Version) || origin != "" && origin != "vendor":
			continue
		case c.Name == stdlibName || c.Name == toolchainName || i == 0 && len(c.Digests) == 0:
			continue
		}
		m := xmodule.Version{Path: c.Name, Version: c.Version}
		ps, later, err := releaseFacts(o.ModCache, m)
		if err != nil {
			errs = append(errs, fmt.Errorf("gomod: release %s: %w", m, err))
		}
		found[i] = ps
		laterUnknown = laterUnknown || !later
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}

	for i, c := range all {
		c.Properties = slices.DeleteFunc(slices.Clone(c.Properties), func(p sbom.Property) bool { return isReleaseProperty(p.Name) })
		c.Properties = append(c.Properties, found[i]...)
	}
	d.Unknown = slices.DeleteFunc(slices.Clone(d.Unknown), func(s string) bool { return s == unknownLater })
	if laterUnknown {
		d.Unknown = append(d.Unknown, unknownLater)
	}
	return d.Sort()
}

// unknownLater is a sentence of [sbom.Document.Unknown].
const unknownLater = "whether modules are retracted or deprecated of which the module cache has no later go.mod (latestKnown)"

func isReleaseProperty(name string) bool {
	switch name {
	case "released", "originVCS", "originURL", "originDirectory", "originCommit", "originRef", "originUnverified", "latestKnown", "retracted", "deprecated":
		return true
	}
	return false
}

// releaseFacts returns what a module cache knows of m, and whether it has the
// go.mod of a later version.
func releaseFacts(modCache string, m xmodule.Version) (ps []sbom.Property, later bool, err error) {
	// Stricter than the escaping, which would take any name of a file.
	if xmodule.Check(m.Path, m.Version) != nil {
		return nil, false, nil // in no cache
	}
	fact := func(name, value string) {
		if value != "" {
			ps = append(ps, sbom.Property{Name: name, Value: value})
		}
	}
	name, err := download(m, ".info")
	if err != nil {
		return nil, false, err
	}
	i := new(releaseInfo)
	data, err := readBounded(filepath.Join(modCache, filepath.FromSlash(name)), maxInfo)
	if err == nil {
		i, err = parseInfo(data, m.Version)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("%s in the module cache: %w", name, err)
	}
	if xmodule.IsPseudoVersion(m.Version) {
		// Proxies are known to have another time in the file: when they first
		// saw the commit.
		if i.time, err = xmodule.PseudoVersionTime(m.Version); err != nil {
			return nil, false, err
		}
	}
	if !i.time.IsZero() {
		fact("released", i.time.UTC().Format(time.RFC3339))
	}
	if rev, err := xmodule.PseudoVersionRev(m.Version); err == nil && i.vcs == "git" && i.commit != "" && !strings.HasPrefix(i.commit, rev) {
		return nil, false, fmt.Errorf("%s in the module cache: malformed release: origin: commit %s, but the version has %s", name, i.commit, rev)
	}
	if i.url != "" || i.commit != "" || i.ref != "" {
		fact("originVCS", i.vcs)
		fact("originURL", i.url)
		fact("originDirectory", i.directory)
		fact("originCommit", i.commit)
		fact("originRef", i.ref)
		fact("originUnverified", "no sum covers it")
	}

	latest, err := latestKnown(modCache, m.Path)
	if latest == "" || err != nil {
		return ps, false, err
	}
	fact("latestKnown", latest)
	f, _, err := cachedGoMod(modCache, xmodule.Version{Path: m.Path, Version: latest})
	if err != nil {
		return nil, false, err
	}
	for _, r := range f.Retract {
		if semver.Compare(r.Low, m.Version) <= 0 && semver.Compare(m.Version, r.High) <= 0 {
			fact("retracted", cmp.Or(oneLine(r.Rationale), "no reason is given"))
		}
	}
	if f.Module != nil {
		fact("deprecated", oneLine(f.Module.Deprecated))
	}
	return ps, semver.Compare(latest, m.Version) > 0, nil
}

// latestKnown returns the latest version of a module of which a module cache
// has the go.mod, or "" if it has none.
func latestKnown(modCache, modulePath string) (string, error) {
	escaped, err := xmodule.EscapePath(modulePath)
	if err != nil {
		return "", err
	}
	name := path.Join("cache/download", escaped, "@v")
	dir, err := open(filepath.Join(modCache, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer dir.Close()
	files, err := dir.Readdirnames(maxVersionFiles + 1)
	if err != nil && err != io.EOF {
		return "", err
	}
	if len(files) > maxVersionFiles {
		return "", fmt.Errorf("%s in the module cache: more than %d files", name, maxVersionFiles)
	}

	var tagged, pseudo []string
	for _, file := range files {
		file, ok := strings.CutSuffix(file, ".mod")
		v, err := xmodule.UnescapeVersion(file)
		switch {
		case !ok || err != nil || xmodule.CanonicalVersion(v) != v || xmodule.Check(modulePath, v) != nil:
		case xmodule.IsPseudoVersion(v):
			pseudo = append(pseudo, v)
		default:
			tagged = append(tagged, v)
		}
	}
	semver.Sort(tagged)
	semver.Sort(pseudo)

	// A version without go.mod files is used, with "+incompatible", only if the
	// highest one of the right major version has none, too.
	// https://go.dev/ref/mod#version-queries
	if first := slices.IndexFunc(tagged, incompatible); first > 0 {
		v := tagged[first-1]
		_, data, err := cachedGoMod(modCache, xmodule.Version{Path: modulePath, Version: v})
		if err != nil {
			return "", err
		}
		// What the go command writes for a module that has none.
		if !bytes.Equal(data, []byte("module "+modfile.AutoQuote(modulePath)+"\n")) {
			tagged = tagged[:first]
		}
	}
	for _, v := range slices.Backward(tagged) {
		if semver.Prerelease(v) == "" {
			return v, nil
		}
	}
	if len(tagged) > 0 {
		return tagged[len(tagged)-1], nil
	}
	var latest string
	var at time.Time
	for _, v := range pseudo {
		t, err := xmodule.PseudoVersionTime(v)
		if err != nil {
			continue // digits that are no time
		}
		if latest == "" || t.After(at) {
			latest, at = v, t
		}
	}
	return latest, nil
}

func incompatible(v string) bool { return strings.HasSuffix(v, "+incompatible") }

// cachedGoMod returns a go.mod file of a module cache, of which no sum is
// asked: what it says decides on nothing that is built.
func cachedGoMod(modCache string, m xmodule.Version) (*modfile.File, []byte, error) {
	name, err := download(m, ".mod")
	if err != nil {
		return nil, nil, err
	}
	data, err := readBounded(filepath.Join(modCache, filepath.FromSlash(name)), maxGoMod)
	if err != nil {
		return nil, nil, err
	}
	f, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s in the module cache: malformed go.mod: %w", name, err)
	}
	return f, data, nil
}

// oneLine returns a text of a module's author in one line, or why it is not
// shown.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case len(text) > maxMessage:
		return fmt.Sprintf("withheld: longer than %d bytes", maxMessage)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "withheld: not printable"
	}
	return text
}

// A releaseInfo is what the .info file of a version says. Each field may be
// empty.
type releaseInfo struct {
	time                             time.Time
	vcs, url, directory, commit, ref string
}

// parseInfo parses the .info file of a version. Members that the go command does
// not know either are skipped, as the protocol wants it; those that it would take
// for one that it knows, because it does not look at the case of letters, are
// refused.
//
// https://go.dev/ref/mod#goproxy-protocol
func parseInfo(data []byte, version string) (*releaseInfo, error) {
	i := new(releaseInfo)
	gotVersion := ""
	var rawURL string
	read := func(r *strictjson.Reader, name string, known map[string]*string) error {
		if to := known[name]; to != nil {
			s, err := r.String()
			if err == nil {
				err = checkText(name, s)
			}
			*to = s
			return err
		}
		for k := range known {
			if strings.EqualFold(name, k) {
				return r.Errorf("member %q, want %q", name, k)
			}
		}
		return r.Skip()
	}
	err := strictjson.Read(data, func(r *strictjson.Reader) error {
		var when string
		top := map[string]*string{"Version": &gotVersion, "Time": &when, "Origin": new(string)}
		origin := map[string]*string{"VCS": &i.vcs, "URL": &rawURL, "Subdir": &i.directory, "Hash": &i.commit, "Ref": &i.ref}
		return r.Object(func(name string) error {
			switch {
			case (name == "Time" || name == "Origin") && r.Null():
				return nil
			case name == "Origin":
				return r.Object(func(name string) error { return read(r, name, origin) })
			}
			if err := read(r, name, top); err != nil || name != "Time" {
				return err
			}
			if err := i.time.UnmarshalText([]byte(when)); err != nil {
				return r.Errorf("time %q is not of RFC 3339", when)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("malformed release: %w", err)
	}
	if gotVersion != version {
		return nil, fmt.Errorf("malformed release: version %q, want %q", gotVersion, version)
	}

	// https://go.dev/ref/mod#vcs has the systems; "mod" is a proxy.
	if *i != (releaseInfo{time: i.time}) || rawURL != "" {
		if !slices.Contains([]string{"git", "hg", "svn", "bzr", "fossil", "mod"}, i.vcs) {
			return nil, fmt.Errorf("malformed release: origin: version control system %q is not known", i.vcs)
		}
		if i.vcs == "git" && i.commit != "" && (len(i.commit) != 40 && len(i.commit) != 64 || strings.Trim(i.commit, "0123456789abcdef") != "") {
			return nil, fmt.Errorf("malformed release: origin: commit %q, want 40 or 64 hexadecimal digits", i.commit)
		}
		if i.directory != "" && !fs.ValidPath(i.directory) {
			return nil, fmt.Errorf("malformed release: origin: directory %q, want a relative path", i.directory)
		}
		if i.url, err = originURL(rawURL); err != nil {
			return nil, fmt.Errorf("malformed release: origin: %w", err)
		}
	}
	return i, nil
}

// originURL returns the URL of a repository without user, query and fragment. It
// returns "" for a directory of a machine, and for a path with an @, before which
// there could be a password.
func originURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err == nil && strings.EqualFold(u.Scheme, "file") {
		return "", nil
	}
	// Without the URL, which may hold a password.
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return "", errors.New("want an absolute URL")
	}
	switch u.Scheme {
	case "https", "http", "git", "ssh", "git+ssh", "svn", "svn+ssh", "bzr", "bzr+ssh":
	default:
		return "", fmt.Errorf("a URL of scheme %q, want one that a repository has", u.Scheme)
	}
	if strings.Contains(u.Path, "@") {
		return "", nil
	}
	return (&url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath}).String(), nil
}
