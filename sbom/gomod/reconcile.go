package gomod

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Reconcile reports whether a Document that [Load] made of sources describes
// the binary that [ReadBinary] made the other of. It returns nil if
//
//   - the main modules have the same name, and the same version if both are
//     known,
//   - the same modules are linked, the standard library among them, in the same
//     versions, with the same sums and in place of the same modules; where a
//     directory is used in place of a module, a binary does not know its name,
//     which is then not compared,
//   - the target and the other settings that decide which files are compiled
//     are the same: GOOS, GOARCH, GOAMD64 and its like, CGO_ENABLED,
//     GOEXPERIMENT, GOFIPS140 and the set of build tags,
//   - the binary's main package is among those that were asked for.
//
// Otherwise the error joins one for each difference. A binary built from vendor
// has no sums and agrees only with a Document that was loaded from there.
//
// It proves nothing about the binary's code: the binary's modules are what it
// says they are.
func Reconcile(source, binary *sbom.Document) error {
	if source.Phase == sbom.PostBuild || binary.Phase != sbom.PostBuild {
		return fmt.Errorf("gomod: reconcile documents of phase %q and %q, want one of sources and one of a binary", source.Phase, binary.Phase)
	}
	var errs []error
	differ := func(what, inSource, inBinary string) {
		if inSource != inBinary {
			errs = append(errs, fmt.Errorf("%s: source has %s, binary has %s", what, cmp.Or(inSource, "none"), cmp.Or(inBinary, "none")))
		}
	}

	differ("main module", source.Main.Name, binary.Main.Name)
	if source.Main.Version != "" && binary.Main.Version != "" {
		differ("version of the main module", source.Main.Version, binary.Main.Version)
	}
	if paths, path := values(source, "Path"), values(binary, "Path"); len(path) == 1 && !slices.Contains(paths, path[0]) {
		differ("main package", strings.Join(paths, ", "), path[0])
	}

	a, b := linked(source), linked(binary)
	for _, path := range slices.Sorted(maps.Keys(a)) {
		x, y := a[path], b[path]
		if y == nil {
			errs = append(errs, fmt.Errorf("module %s %s: in the source, not in the binary", path, x.Version))
			continue
		}
		what := "module " + path
		differ(what+": version", x.Version, y.Version)
		differ(what+": sum", sums(x), sums(y))
		differ(what+": what it replaces", x.Replaces, y.Replaces)
		if x.Replaces == "" || x.Version != "" || y.Version != "" {
			differ(what+": name", x.Name, y.Name)
		} else {
			differ(what+": directory", property(x.Properties, "directory"), property(y.Properties, "directory"))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if a[path] == nil {
			errs = append(errs, fmt.Errorf("module %s %s: in the binary, not in the source", path, b[path].Version))
		}
	}

	if buildinfo.Release(property(source.Properties, "GoVersion")) == "" {
		differ("Go version", plainVersion(source), plainVersion(binary))
	}
	for _, name := range []string{"GOOS", "GOARCH", archVariable(property(binary.Properties, "GOARCH")), "CGO_ENABLED", "GOEXPERIMENT"} {
		differ(name, property(source.Properties, name), property(binary.Properties, name))
	}
	// The go command adds the hash of the module's sources to its version
	// (v1.0.0-c2097c7c), and resolves the names certified and inprocess.
	fips, plain := property(source.Properties, "GOFIPS140"), property(binary.Properties, "GOFIPS140")
	if !strings.HasPrefix(plain, fips+"-") && !(plain != "" && (fips == "certified" || fips == "inprocess")) {
		differ("GOFIPS140", fips, plain)
	}
	differ("-tags", tagSet(source), tagSet(binary))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gomod: source and binary differ:\n%w", err)
	}
	return nil
}

// linked returns the components of d that are linked, by the module path that
// packages import them by: a replaced module keeps that of the module that it
// replaces.
func linked(d *sbom.Document) map[string]*sbom.Component {
	m := make(map[string]*sbom.Component)
	for i := range d.Components {
		c := &d.Components[i]
		if c.Scope != sbom.Runtime {
			continue
		}
		path, _, _ := strings.Cut(cmp.Or(c.Replaces, c.PURL), "@")
		path = strings.TrimPrefix(path, "pkg:golang/")
		if m[path] != nil { // a module that is named like the standard library
			path = c.Ref
		}
		m[path] = c
	}
	return m
}

// sums returns the digests of c in one line, module sums as go.sum has them.
func sums(c *sbom.Component) string {
	var list []string
	for _, d := range c.Digests {
		list = append(list, cmp.Or(d.H1(), d.String()))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// plainVersion returns d's Go version without experiments, which the go command
// does not have in its own.
func plainVersion(d *sbom.Document) string {
	v, _, _ := strings.Cut(property(d.Properties, "GoVersion"), "-X:")
	v, _, _ = strings.Cut(v, " X:")
	return v
}

// tagSet returns d's build tags, sorted. Left out are those that the go command
// adds for GOFIPS140 (fips140v1.0).
func tagSet(d *sbom.Document) string {
	tags := strings.Split(property(d.Properties, "-tags"), ",")
	tags = slices.DeleteFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "fips140v") })
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ",")
}

// property returns the first value of a property, or "".
func property(ps []sbom.Property, name string) string {
	for _, p := range ps {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// values returns all values of a property of d.
func values(d *sbom.Document, name string) []string {
	var vs []string
	for _, p := range d.Properties {
		if p.Name == name {
			vs = append(vs, p.Value)
		}
	}
	return vs
}
