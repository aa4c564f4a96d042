package gomod

import (
	debuginfo "debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
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
	unknownCLibs     = "whether C libraries are linked, and which"
)

// ReadBinary returns the modules that are linked into the Go program r, an ELF,
// PE, Mach-O or other file that package debug/buildinfo reads. The Document has
// no edges, and its Phase is [sbom.PostBuild].
//
// The binary says this of itself, and who made it could have made it say
// anything: [Reconcile] tells whether it agrees with the sources. A binary that
// has been stripped is read as well. One that cannot be read is an error
// that begins "malformed binary", unless r itself fails; for the other errors
// see [FromBuildInfo].
func ReadBinary(r io.ReaderAt) (*sbom.Document, error) {
	w := &watched{r: r}
	info, err := debuginfo.Read(w)
	if w.err != nil {
		return nil, fmt.Errorf("gomod: reading the binary: %w", w.err)
	}
	if err != nil {
		return nil, fmt.Errorf("malformed binary: %w", err)
	}
	return FromBuildInfo(info)
}

// watched remembers how r failed.
type watched struct {
	r   io.ReaderAt
	err error
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off) // of a malformed file, not of r
	}
	n, err := w.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// FromBuildInfo is [ReadBinary] for build information that has been read
// already, such as that of the running program.
//
// A program that records neither a package nor a module is an error, because
// then nothing is known of what is in it; this is how other build systems
// than the go command leave it. More modules or settings than any build has,
// and names that no build can have, are an error that begins "malformed binary".
func FromBuildInfo(info *debug.BuildInfo) (*sbom.Document, error) {
	if info == nil {
		return nil, errors.New("gomod: no build information")
	}
	if info.Path == "" && info.Main.Path == "" {
		return nil, errors.New("gomod: the binary does not record its modules")
	}
	if n := len(info.Deps); n > maxModules {
		return nil, fmt.Errorf("malformed binary: %d modules, want at most %d", n, maxModules)
	}
	if n := len(info.Settings); n > maxSettings {
		return nil, fmt.Errorf("malformed binary: %d build settings, want at most %d", n, maxSettings)
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
			return nil, fmt.Errorf("malformed binary: main module: %w", err)
		}
		m.origin = ""
		if d.Main, err = m.component(); err != nil {
			return nil, fmt.Errorf("malformed binary: %w", err)
		}
	}
	taken[d.Main.Ref] = true
	d.Main.Type = sbom.Application
	for i, dep := range info.Deps {
		if dep == nil {
			return nil, fmt.Errorf("malformed binary: module %d is missing", i+1)
		}
		m, err := readModule(dep)
		if err != nil {
			return nil, fmt.Errorf("malformed binary: module %d: %w", i+1, err)
		}
		c, err := m.component()
		if err != nil {
			return nil, fmt.Errorf("malformed binary: %w", err)
		}
		setRef(&c, taken)
		d.Components = append(d.Components, c)
	}
	d.Components = append(d.Components, stdlib(info.GoVersion), toolchain(info.GoVersion, ""))

	if d.Main.Version == "" {
		d.Unknown = append(d.Unknown, unknownVersion)
	} else {
		fact("versionFrom", fromBinary)
	}
	d.Unknown = append(d.Unknown, unknownImports, unknownToolchain)
	for _, s := range info.Settings {
		switch s.Key {
		case "-buildmode":
			switch s.Value {
			case "archive", "c-archive", "c-shared", "plugin", "shared":
				d.Main.Type = sbom.Library
			}
			fact(s.Key, s.Value)
		case "CGO_ENABLED":
			if s.Value == "1" {
				d.Unknown = append(d.Unknown, unknownCLibs)
			}
			fact(s.Key, s.Value)
		default:
			if v, ok := buildinfo.Setting(s.Key, s.Value); ok {
				fact(s.Key, v)
			} else if s.Value != "" {
				fact("withheld", s.Key)
			}
		}
	}
	if err := errors.Join(append(errs, d.Sort())...); err != nil {
		return nil, fmt.Errorf("malformed binary: %w", err)
	}
	return d, nil
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
