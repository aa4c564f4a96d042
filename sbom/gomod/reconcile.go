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
// Otherwise the error joins a [*Difference] for each. A binary built from vendor
// has no sums and agrees only with a Document that was loaded from there.
//
// A Document that is an [sbom.Union] is compared target by target: for each that
// the binary is for, with what the source has for the same GOOS and GOARCH. If that
// are several, which differ in build tags for example, one of them must agree.
// The source may be for more targets than the binary.
//
// Components that are not linked are not compared: what made the artifact, what
// only tests, tools or nothing needs, and libraries of the system, of which sources do not tell.
//
// It proves nothing about the binary's code: the binary's modules are what it
// says they are.
func Reconcile(source, binary *sbom.Document) error {
	if source.Phase == sbom.PostBuild || binary.Phase != sbom.PostBuild {
		return fmt.Errorf("gomod: reconcile documents of phase %q and %q, want one of sources and one of a binary", source.Phase, binary.Phase)
	}
	var errs []error
	for _, b := range perTarget(binary) {
		target := property(b.Properties, "GOOS") + "/" + property(b.Properties, "GOARCH")
		var least []*Difference
		compared := false
		for _, s := range perTarget(source) {
			if len(source.Targets) > 0 && target != property(s.Properties, "GOOS")+"/"+property(s.Properties, "GOARCH") {
				continue
			}
			if found := differences(s, b); !compared || len(found) < len(least) {
				compared, least = true, found
			}
		}
		if !compared {
			least = []*Difference{{Binary: target, only: onlyBinary}}
		}
		for _, d := range least {
			if len(source.Targets)+len(binary.Targets) > 0 {
				d.Target = target
			}
			errs = append(errs, d)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gomod: source and binary differ:\n%w", err)
	}
	return nil
}

// A Difference is something that sources and a binary do not say alike.
type Difference struct {
	// Target is the one that it is about, "linux/amd64", if one of the Documents
	// is for several.
	Target string

	// What is the fact: "main package", "GOOS", "module golang.org/x/mod: version";
	// or the module itself, "module golang.org/x/mod", if one side does not have it.
	// It is empty if the sources are not for the Target at all.
	What string

	// Source and Binary are what the two say, and empty where one says nothing. A
	// module that has no version is "(devel)".
	Source, Binary string

	only string // that one side has it, which may have no version
}

// The sides that alone may have something.
const (
	onlySource = "in the source, not in the binary"
	onlyBinary = "in the binary, not in the source"
)

func (d *Difference) Error() string {
	text := fmt.Sprintf("%s: source has %s, binary has %s", d.What, cmp.Or(d.Source, "none"), cmp.Or(d.Binary, "none"))
	switch {
	case d.What == "":
		text = d.only
	case d.only != "":
		text = fmt.Sprintf("%s %s: %s", d.What, d.Source+d.Binary, d.only)
	}
	if d.Target != "" {
		text = "target " + d.Target + ": " + text
	}
	return text
}

// perTarget returns what d says for each of its targets, or d if it has none.
func perTarget(d *sbom.Document) []*sbom.Document {
	if len(d.Targets) == 0 {
		return []*sbom.Document{d}
	}
	var all []*sbom.Document
	for _, t := range d.Targets {
		one := &sbom.Document{Main: d.Main, Properties: slices.Concat(d.Properties, t.Properties)}
		for _, c := range d.Components {
			if len(c.Targets) == 0 || slices.Contains(c.Targets, t.Name) {
				one.Components = append(one.Components, c)
			}
		}
		all = append(all, one)
	}
	return all
}

// differences returns those between Documents for one target.
func differences(source, binary *sbom.Document) (found []*Difference) {
	differ := func(what, inSource, inBinary string) {
		if inSource != inBinary {
			found = append(found, &Difference{What: what, Source: inSource, Binary: inBinary})
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
			found = append(found, &Difference{What: "module " + path, Source: cmp.Or(x.Version, develVersion), only: onlySource})
			continue
		}
		what := "module " + path
		differ(what+": version", x.Version, y.Version)
		differ(what+": sum", sums(x), sums(y))
		differ(what+": what it replaces", x.Replaces, y.Replaces)
		if x.Replaces == "" || x.Version != "" || y.Version != "" {
			differ(what+": name", x.Name, y.Name)
		} else {
			differ(what+": directory", replacedDirectory(x), replacedDirectory(y))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if a[path] == nil {
			found = append(found, &Difference{What: "module " + path, Binary: cmp.Or(b[path].Version, develVersion), only: onlyBinary})
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
	return found
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

// replacedDirectory returns the directory that c is taken from, if its path is a relative
// one: absolute paths are not in every Document.
func replacedDirectory(c *sbom.Component) string {
	if dir := property(c.Properties, "directory"); !absolute(dir) {
		return dir
	}
	return ""
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
