// Package gomod says which Go modules are in a program, as a [sbom.Document]:
// before it is built, from its sources ([Load]), or afterwards, from the binary
// ([ReadBinary]). [Reconcile] holds one against the other, [Verify] the modules
// against their sums, and [VerifyVendor] the files in vendor against the modules.
//
// # What is in the Document
//
// Main is the module that has the packages asked for, or the module of the
// binary's main package. The other components are
//
//   - the modules that a package of the program is from, and no others: a
//     module that go.mod requires for a test, for a tool or for another system
//     is not in the program;
//   - the standard library, named stdlib, with the Go release as its version
//     ("1.26.8"). A package that the standard library has a copy of
//     (vendor/golang.org/x/net/…) belongs to it;
//   - the Go toolchain, golang.org/toolchain, the one component of scope
//     [sbom.Build];
//   - from a binary, the libraries of the system that it imports, of scope
//     [sbom.System]: the name is the one by which the loader looks for them
//     (libc.so.6, KERNEL32.dll, /usr/lib/libSystem.B.dylib), there is no version
//     and no PURL, and the Ref is "system:" and the name.
//
// Modules for other purposes are there only if they are asked for, and never look
// like those: what only tests need has the scope [sbom.TestOnly], what only tools
// need [sbom.ToolOnly], and what go.mod files require and nothing imports
// [sbom.GraphOnly]. [Why] tells of any module how it stands to the program.
//
// An edge from one module to another means that a package of the first imports
// one of the second: in this program, if it is [sbom.Linked], or else in its tests
// or tools. That a go.mod file requires a module is an edge of another kind,
// [sbom.Declared], to the version that is selected of it. A binary does not
// record imports of packages: its Document has edges only from the main module to
// libraries of the system.
//
// [sbom.Component.Packages] are the packages of a module that are needed for what
// its scope says; of the standard library they are not listed.
//
// A module that is used in place of another one, by a replace directive, is a
// component with its own name, version, PURL and sum; Replaces is the PURL of
// the other. A directory that is used in place of a module has neither version
// nor sum, and its name is the one in its own go.mod. Where that is not known,
// as in a binary, it is the name of the module it replaces.
//
// The digest of a module is the dirHash that go.sum has (h1:), and that the go
// command recorded when it downloaded the module. Its files are hashed by
// [Verify], which holds them against it, and it against the checksum database.
// Modules in vendor mode have none, because nothing says what is in vendor:
// [VerifyVendor] finds out. The toolchain gets one by Verify alone.
//
// # Licences
//
// [AddLicenses] adds what a scanner, as sbom/license has one, finds in the files of
// the modules, where they are at hand: the module cache, a Go distribution, the
// directories that [Locate] finds or the caller names.
//
// # Where sources are from
//
// Of each module a Document tells whether a directory, a workspace, vendor or
// another module takes its place (origin, Replaces), by which pattern it is private
// (private, direct), and how far it has been proved to be the one of its name
// (Verification). [SourcePolicy.Check] holds go.mod, go.work and the settings of
// the go command against what somebody expects of them, and finds what would let
// modules be from elsewhere.
//
// # Properties
//
// Settings of the build have the names that "go version -m" prints: GOOS,
// GOARCH, GOAMD64 and its like, CGO_ENABLED, GOEXPERIMENT, GOFIPS140, -tags;
// from a binary also the others of a fixed list, such as -trimpath and
// vcs.revision. A setting that is not on the list is not in the Document,
// because its value may hold a secret or a path (-ldflags, CGO_CFLAGS); a
// property "withheld" has its name, unless [BinaryOptions] ask for all. These
// properties are this package's own:
//
//	GoVersion  of the document: the Go version in full ("go1.26.8-X:jsonv2")
//	Path       of the document: the import path of a main package
//	mode       of the document: how Load found packages, "module", "workspace" or "vendor"
//	versionFrom
//	           of the document: who says which version the main module has,
//	           because its sources do not: "caller" or "vcs", as
//	           Options.VersionFrom has it, or "binary"
//	origin     of a component: where its files are from if that is not its
//	           module's zip, "directory", "workspace" or "vendor"
//	directory  of a component that a replace directive takes from a directory:
//	           the path as go.mod has it, if it is a relative one
//	private    of a module: the pattern in GONOSUMDB or GOPRIVATE that covers it,
//	           because of which the checksum database is not asked for it
//	direct     of a module: the pattern in GONOPROXY or GOPRIVATE that covers it,
//	           because of which no module proxy is asked for it
//	import     of a library of the system: "weak" if the program runs without it
//	withheld   of a library of the system: "directory", if its name is an absolute
//	           path of the machine that built, of which the last element is left
//	bsi:component:executable
//	           of the main component, "executable", if it was seen in the header of
//	           the binary; the name is BSI's
//	unverified of a module or the toolchain: why Verify did not get further with
//	           it, "no sum is recorded", "not in the module cache" or "not in the
//	           cache of the checksum database"
//
// These are what [AddReleases] finds in the module cache, of a module each:
//
//	released   the time of the version ("2024-12-10T11:37:26Z"): for a
//	           pseudo-version the one in it, which is that of the commit;
//	           for others the one in its .info file, mostly that of the commit too
//	originVCS, originURL, originDirectory, originCommit, originRef
//	           where whoever served the module says that it is from: "git", the
//	           repository, the directory in it, the commit and the tag or branch
//	originUnverified
//	           that nobody can tell whether the origin is true, "no sum covers it"
//	latestKnown
//	           the version whose go.mod retracted and deprecated are from
//	retracted  why the author has taken the version back, or "no reason is given"
//	deprecated what the author says to those who still use the module
//
// The patterns of private and direct are those that are set when Load runs. One
// that has a class or an escape in it, or more than 256 bytes, is not told;
// "withheld" has the name of the property then. No absolute path is in a Document,
// but for those of libraries that systems have, and unless [BinaryOptions] ask for
// all.
//
// # How Load works
//
// Load does what the go command would do, and does it itself: it runs no
// program, uses no network and writes nothing. It reads go.mod and go.work with
// their sums, the module cache, and the Go files of the program's packages as far
// as their imports go; or vendor, if the go command would use that. Versions are
// selected as https://go.dev/ref/mod tells: over all modules of a workspace
// (GOWORK=off is for those who build without), with replace and exclude, and from
// Go 1.17 on with a pruned graph, which is read only if go.mod does not suffice.
//
// The toolchain is the one of GOROOT or of the go command in PATH, as with
// GOTOOLCHAIN=local. Three of its files are read, VERSION, go.env and
// src/internal/buildcfg/zbootstrap.go; it is not run. Its release and its
// experiments decide on build constraints, and its library on what a standard
// package is. [Options.GoVersion] names another one than is there: then
// a package is standard if its path has no dot in the first element and no module
// has it. With no toolchain at all, build constraints are read as for the release
// that go.mod asks for, and Document.Unknown says so.
//
// Settings are those of the go command, from [Options.Getenv], from the file that
// "go env -w" writes and from the toolchain's go.env. In GOFLAGS, -tags, -race,
// -msan, -asan, -mod=vendor and -mod=readonly act. An error are -mod=mod, which
// lets the go command change go.mod, -modfile and -overlay, with which sources are
// elsewhere than they are, compilers other than gc, and flags that are not known.
// The others have no effect on which modules are linked. GO111MODULE has none
// either.
//
// Files of the module cache and of vendor are used as they are; for the cache, the
// sum that the go command recorded at the download must be that of go.sum. Where a
// module is not extracted, its zip is read. Nothing is compiled, so what only a
// compiler or linker would refuse is not found: a cycle of imports, an import of a
// command or of another module's internal package, C files without cgo, the race
// detector on a system that has none. Test files are read only for
// [Options.Tests], and where there is no other file; imports of files that are
// package documentation are not. A directory can be asked for if it is in a main
// module, any other package by its import path.
//
// Tools are built for the system that Load runs on, as "go tool" does, and so is
// the version of the toolchain in a Document the one for that system.
package gomod

import (
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/buildinfo"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
)

// Names of the components that are no modules of a build list.
const (
	stdlibName    = "stdlib"
	toolchainName = "golang.org/toolchain"
)

// Values of the property versionFrom.
const (
	fromCaller = "caller"
	fromVCS    = "vcs"
	fromBinary = "binary"
)

// PURL returns the package URL of a module, "pkg:golang/path@version", in
// canonical form: bytes other than ASCII letters, digits and . - _ ~ : are
// percent-encoded. The version may be empty; its "v" stays. The letters keep
// their case, since module paths that differ in it are different modules.
//
// https://github.com/package-url/purl-spec/blob/main/purl-specification.md
func PURL(path, version string) string { return purl.Golang(path, version) }

// A moduleUse is one module of a program, as sources and a binary both know it.
type moduleUse struct {
	path, version string // version is empty for a main module or a directory
	sum           string // "h1:…", or empty

	// The module that this one is used instead of, if there is one.
	replacedPath, replacedVersion string

	origin    string // as the property
	directory string // as in the replace directive

	private, direct string // the patterns of GONOSUMDB and GONOPROXY that cover it
}

// component returns m as a component without edges.
func (m moduleUse) component() (sbom.Component, error) {
	c := sbom.Component{
		Type:    sbom.Library,
		Name:    m.path,
		Version: m.version,
		PURL:    PURL(m.path, m.version),
		Scope:   sbom.Runtime,
	}
	c.Ref = c.PURL
	if m.sum != "" {
		d, err := hallmark.ParseH1(m.sum)
		if err != nil {
			return sbom.Component{}, fmt.Errorf("module %s %s: %w", m.path, m.version, err)
		}
		c.Digests = []hallmark.Digest{d}
	}
	if m.replacedPath != "" {
		c.Replaces = PURL(m.replacedPath, m.replacedVersion)
	}
	if m.origin != "" {
		c.Properties = append(c.Properties, sbom.Property{Name: "origin", Value: m.origin})
	}
	if m.directory != "" && !absolute(m.directory) {
		c.Properties = append(c.Properties, sbom.Property{Name: "directory", Value: m.directory})
	}
	for _, p := range []sbom.Property{{Name: "private", Value: m.private}, {Name: "direct", Value: m.direct}} {
		switch {
		case p.Value == "":
		case printable(p.Value):
			c.Properties = append(c.Properties, p)
		default:
			c.Properties = append(c.Properties, sbom.Property{Name: "withheld", Value: p.Name})
		}
	}
	return c, nil
}

// setRef changes c.Ref if it is taken. Two directories can hold modules of the
// same name and none has a version; what they replace tells them apart.
func setRef(c *sbom.Component, taken map[string]bool) {
	if taken[c.Ref] && c.Replaces != "" {
		c.Ref += "?replaces=" + strings.TrimPrefix(c.Replaces, "pkg:golang/")
	}
	taken[c.Ref] = true
}

// absolute reports whether a path is an absolute one on any system. The path
// may be from another system than the one this runs on.
func absolute(path string) bool {
	return strings.HasPrefix(path, "/") || strings.HasPrefix(path, `\`) ||
		len(path) >= 2 && path[1] == ':'
}

// stdlib returns the standard library of a Go version.
func stdlib(goVersion string) sbom.Component {
	c := sbom.Component{
		Type:    sbom.Library,
		Name:    stdlibName,
		Version: strings.TrimPrefix(buildinfo.Release(goVersion), "go"),
		Scope:   sbom.Runtime,
	}
	// The name by which vulnerability databases know it.
	c.PURL = PURL(c.Name, c.Version)
	c.Ref = c.PURL
	return c
}

// toolchain returns the toolchain of a Go version that ran on host ("linux-amd64").
// As a module it has a version for each host, so without one it has none.
func toolchain(goVersion, host string) sbom.Component {
	c := sbom.Component{
		Type:  sbom.Application,
		Name:  toolchainName,
		Scope: sbom.Build,
	}
	if r := buildinfo.Release(goVersion); r != "" && host != "" {
		c.Version = "v0.0.1-" + r + "." + host
	}
	c.PURL = PURL(c.Name, c.Version)
	c.Ref = c.PURL
	return c
}
