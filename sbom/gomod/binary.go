package gomod

import (
	"cmp"
	debuginfo "debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/sbom"
)

// The version that a binary records for a module without one.
const develVersion = "(devel)"

// Sentences of [sbom.Document.Unknown].
const (
	unknownVersion   = "the version of the main module"
	unknownModule    = "the module of the main package: it was built from files, or with the toolchain"
	unknownImports   = "which module imports which: a binary does not record it"
	unknownToolchain = "the system that the toolchain ran on, and so its version as a module"
	unknownCLibs     = "whether C libraries are linked, and which" // of sources
	unknownStatic    = "whether C libraries are linked into it, and which: a binary does not record it"
	unknownLoaded    = "which libraries of the system it loads while it runs, besides those that it imports"
	unknownLibraries = "which libraries of the system it imports or loads"
)

// BinaryOptions say what [ReadBinary] and [FromBuildInfo] may tell. The zero value
// is the strictest.
type BinaryOptions struct {
	// Unredacted keeps all that a binary records: the values of the settings
	// that are withheld otherwise, the whole path of a profile (-pgo), and
	// absolute paths of directories and libraries. Passwords and names of
	// people can be in them. With it, the Document has everything that
	// "go version -m -json" prints.
	Unredacted bool
}

// ReadBinary returns the modules that are linked into the Go program r, an ELF,
// PE, Mach-O or other file that package debug/buildinfo reads, and the libraries
// of the system that the program imports. The only edges are those to these
// libraries, and the Phase of the Document is [sbom.PostBuild].
//
// The libraries are those that the system must have before the program runs, as
// the dynamic segment of an ELF file, the import table of a PE file or the load
// commands of a Mach-O file names them. A Go program for Windows imports next to
// nothing and loads what it uses while it runs, of which Unknown tells. The
// libraries of an XCOFF file are not read.
//
// Of the three properties of a file that BSI TR-03183-2, version 2.1.0, clause 5.2.2,
// asks for, one can be seen in its header: if the file is a program, or a library that
// systems load, the main component has the Property "bsi:component:executable" with the
// value "executable". The others are a judgement, for which there are [sbom.Rules]. A
// file is structured if any part of it is, and an archive that is embedded cannot be
// told from other data; and whether a file is an archive of the modules that are linked
// into it is a matter of how the clause is read. Of other modules no such property is
// told: they are delivered as parts of this file, whatever they are distributed as.
//
// A Mach-O file for several architectures is read whole: the Document is the
// [sbom.Union] for all of them, with targets such as darwin/amd64 and
// darwin/arm64. An architecture without build information, or with another main
// module or version of it than the first, is an error.
//
// The binary says this of itself, and who made it could have made it say
// anything: [Reconcile] tells whether it agrees with the sources. A binary that
// has been stripped is read as well. One that cannot be read is an error
// that begins "malformed binary", unless r itself fails; for the other errors
// see [FromBuildInfo]. Symbols and code are not read, however large the file is.
func ReadBinary(r io.ReaderAt, o BinaryOptions) (*sbom.Document, error) {
	w := &watched{r: r, left: maxBinaryRead}
	d, err := readBinary(w, o)
	switch {
	case w.err != nil:
		return nil, fmt.Errorf("gomod: reading the binary: %w", w.err)
	case w.left < 0:
		return nil, fmt.Errorf("malformed binary: more than %d bytes of headers and build information", maxBinaryRead)
	case errors.Is(err, errNoModules):
		return nil, fmt.Errorf("gomod: %w", err)
	case err != nil:
		return nil, fmt.Errorf("malformed binary: %w", err)
	}
	return d, nil
}

var errNoModules = errors.New("the binary does not record its modules")

func readBinary(r io.ReaderAt, o BinaryOptions) (*sbom.Document, error) {
	files, err := fatFiles(r)
	if err != nil {
		return nil, err
	}
	if files == nil {
		d, _, err := readExecutable(r, o)
		return d, err
	}
	docs := make(map[string]*sbom.Document)
	for i, f := range files {
		d, arch, err := readExecutable(f, o)
		if err == nil && arch == "" {
			err = errors.New("it is no Mach-O file")
		}
		if err != nil {
			return nil, fmt.Errorf("architecture %d of %d: %w", i+1, len(files), err)
		}
		if len(files) == 1 {
			return d, nil
		}
		target := cmp.Or(property(d.Properties, "GOOS"), "darwin") + "/" + arch
		if docs[target] != nil {
			return nil, fmt.Errorf("two architectures %s", target)
		}
		docs[target] = d
	}
	return sbom.Union(docs)
}

// readExecutable reads a file that is for one architecture, which it returns too if
// it is a Mach-O file.
func readExecutable(r io.ReaderAt, o BinaryOptions) (d *sbom.Document, arch string, err error) {
	x, err := openExecutable(r)
	if err != nil {
		return nil, "", err
	}
	info, err := debuginfo.Read(x.reader)
	if err != nil {
		return nil, "", err
	}
	if d, err = describe(info, x, o); err != nil {
		return nil, "", err
	}
	if recorded := property(d.Properties, "GOARCH"); x.arch != "" && recorded != "" && recorded != x.arch {
		return nil, "", fmt.Errorf("a Mach-O file for %s that says it is for %s", x.arch, recorded)
	}
	return d, x.arch, nil
}

// watched remembers how r failed, and that too much of it was read.
type watched struct {
	r    io.ReaderAt
	left int64 // bytes that may be read
	err  error
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off) // of a malformed file, not of r
	}
	if w.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := w.r.ReadAt(p, off)
	w.left -= int64(n)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// FromBuildInfo is [ReadBinary] for build information that has been read
// already, such as that of the running program. Nothing is known of libraries then.
//
// A program that records neither a package nor a module is an error, because
// then nothing is known of what is in it; this is how other build systems
// than the go command leave it. More modules or settings than any build has,
// and names that no build can have, are an error that begins "malformed binary".
func FromBuildInfo(info *debug.BuildInfo, o BinaryOptions) (*sbom.Document, error) {
	if info == nil {
		return nil, errors.New("gomod: no build information")
	}
	d, err := describe(info, new(executable), o)
	switch {
	case errors.Is(err, errNoModules):
		return nil, fmt.Errorf("gomod: %w", err)
	case err != nil:
		return nil, fmt.Errorf("malformed binary: %w", err)
	}
	return d, nil
}

// describe returns what the build information and the headers of a program say.
func describe(info *debug.BuildInfo, x *executable, o BinaryOptions) (*sbom.Document, error) {
	if info.Path == "" && info.Main.Path == "" {
		return nil, errNoModules
	}
	if n := len(info.Deps); n > maxModules {
		return nil, fmt.Errorf("%d modules, want at most %d", n, maxModules)
	}
	if n := len(info.Settings); n > maxSettings {
		return nil, fmt.Errorf("%d build settings, want at most %d", n, maxSettings)
	}
	d := &sbom.Document{Phase: sbom.PostBuild}
	var errs []error
	fact := func(name, value string) {
		errs = append(errs, checkText("name of a build setting", name), checkText(name, value))
		if value != "" {
			d.Properties = append(d.Properties, sbom.Property{Name: name, Value: value})
		}
	}
	fact("GoVersion", info.GoVersion)
	fact("Path", info.Path)

	taken := make(map[string]bool)
	if info.Main.Path == "" {
		// Built from files named one by one ("command-line-arguments"), or a
		// command of the Go distribution ("cmd/go").
		d.Main = sbom.Component{Ref: info.Path, Name: info.Path, Scope: sbom.Runtime}
		d.Unknown = append(d.Unknown, unknownModule)
	} else {
		m, err := readModule(&info.Main)
		if err != nil {
			return nil, fmt.Errorf("main module: %w", err)
		}
		m.origin = ""
		if d.Main, err = m.component(); err != nil {
			return nil, err
		}
	}
	taken[d.Main.Ref] = true
	d.Main.Type = sbom.Application
	if x.runs {
		d.Main.Properties = append(d.Main.Properties, sbom.Property{Name: "bsi:component:executable", Value: "executable"})
	}
	for i, dep := range info.Deps {
		if dep == nil {
			return nil, fmt.Errorf("module %d is missing", i+1)
		}
		m, err := readModule(dep)
		if err != nil {
			return nil, fmt.Errorf("module %d: %w", i+1, err)
		}
		c, err := m.component()
		if err != nil {
			return nil, err
		}
		if o.Unredacted && absolute(m.directory) {
			c.Properties = append(c.Properties, sbom.Property{Name: "directory", Value: m.directory})
		}
		setRef(&c, taken)
		d.Components = append(d.Components, c)
	}
	d.Components = append(d.Components, stdlib(info.GoVersion), toolchain(info.GoVersion, ""))

	if d.Main.Version != "" {
		fact("versionFrom", fromBinary)
	}
	cgo := true // of a program that does not say
	for _, s := range info.Settings {
		switch s.Key {
		case "-buildmode":
			switch s.Value {
			case "archive", "c-archive", "c-shared", "plugin", "shared":
				d.Main.Type = sbom.Library
			}
		case "CGO_ENABLED":
			cgo = s.Value != "0"
		}
		v, ok := buildinfo.Setting(s.Key, s.Value)
		switch {
		case ok && v == s.Value && v != "":
			fact(s.Key, v)
		case o.Unredacted:
			// Line breaks and all: whoever wants it wants it as it is.
			errs = append(errs, checkText("name of a build setting", s.Key))
			if len(s.Value) > maxRawSetting {
				errs = append(errs, fmt.Errorf("%.100q: %d bytes, want at most %d", s.Key, len(s.Value), maxRawSetting))
			}
			d.Properties = append(d.Properties, sbom.Property{Name: s.Key, Value: s.Value})
		case ok:
			fact(s.Key, v)
		case s.Value != "":
			fact("withheld", s.Key)
		}
	}

	// A library can be named twice. What the program needs comes before what it
	// can do without.
	imported := make(map[string]bool)
	for _, weak := range []bool{false, true} {
		for _, l := range x.libraries {
			c := l.component(o)
			if l.weak != weak || imported[c.Ref] {
				continue
			}
			imported[c.Ref] = true
			errs = append(errs, checkText("name of a library", l.name))
			d.Components = append(d.Components, c)
			d.Edges = append(d.Edges, sbom.Edge{From: d.Main.Ref, To: c.Ref})
		}
	}

	if d.Main.Version == "" {
		d.Unknown = append(d.Unknown, unknownVersion)
	}
	d.Unknown = append(d.Unknown, unknownImports, unknownToolchain)
	if cgo {
		d.Unknown = append(d.Unknown, unknownStatic)
	}
	switch {
	case !x.known:
		d.Unknown = append(d.Unknown, unknownLibraries)
	case len(x.libraries) > 0:
		d.Unknown = append(d.Unknown, unknownLoaded)
	}
	if err := errors.Join(append(errs, d.Sort())...); err != nil {
		return nil, err
	}
	return d, nil
}

// component returns the library as a component. Its name is the one by which the
// loader looks for it. That can be a path, and outside the directories of a system
// it is then one of the machine that built.
func (l library) component(o BinaryOptions) sbom.Component {
	c := sbom.Component{Type: sbom.Library, Name: l.name, Scope: sbom.System}
	if l.weak {
		c.Properties = append(c.Properties, sbom.Property{Name: "import", Value: "weak"})
	}
	if absolute(l.name) && !o.Unredacted && !inSystem(l.name) {
		c.Name = l.name[strings.LastIndexAny(l.name, `/\`)+1:]
		c.Properties = append(c.Properties, sbom.Property{Name: "withheld", Value: "directory"})
	}
	c.Ref = "system:" + c.Name
	return c
}

// inSystem reports whether a path is below a directory that systems keep their own
// libraries in.
func inSystem(name string) bool {
	return path.Clean(name) == name && slices.ContainsFunc([]string{
		"/lib/", "/lib32/", "/lib64/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/System/Library/",
	}, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// readModule returns the module that build information describes.
func readModule(b *debug.Module) (moduleUse, error) {
	if err := checkModule(b); err != nil {
		return moduleUse{}, err
	}
	m := moduleUse{path: b.Path, version: b.Version, sum: b.Sum}
	if r := b.Replace; r != nil {
		if err := checkModule(r); err != nil {
			return moduleUse{}, fmt.Errorf("replacement of %s: %w", b.Path, err)
		}
		if r.Replace != nil {
			return moduleUse{}, fmt.Errorf("replacement of %s: it is replaced itself", b.Path)
		}
		m = moduleUse{path: r.Path, version: r.Version, sum: r.Sum, replacedPath: b.Path, replacedVersion: b.Version}
		if m.replacedVersion == develVersion {
			m.replacedVersion = ""
		}
		if r.Version == develVersion || r.Version == "" {
			m.path = b.Path
			m.origin = "directory"
			m.directory = r.Path
		}
	} else if b.Version == develVersion {
		m.origin = "workspace"
	}
	if m.version == develVersion {
		m.version = ""
	}
	return m, nil
}

func checkModule(m *debug.Module) error {
	if m.Path == "" {
		return errors.New("it has no path")
	}
	return errors.Join(checkText("path", m.Path), checkText("version of "+m.Path, m.Version))
}

// checkText refuses what cannot be printed in a line.
func checkText(what, s string) error {
	if len(s) > maxText {
		return fmt.Errorf("%.100q: %d bytes, want at most %d", what, len(s), maxText)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%.100q: %.100q is not text", what, s)
	}
	return nil
}
