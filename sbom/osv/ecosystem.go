package osv

import (
	"fmt"
	"strings"

	"github.com/hallmark-dev/hallmark/internal/purl"
)

const toolchain = "golang.org/toolchain" // the module of what Go's records call toolchain

// look says by which package URL p is looked for. told is the one in the record; it
// may be empty.
func (p *Package) look(told string) {
	if p.Ecosystem == "" {
		p.Unknown = "the advisory names no package"
		return
	}
	var theirs purl.PURL
	var malformed error
	if told != "" {
		theirs, malformed = purl.Parse(told)
		theirs = purl.PURL{Type: theirs.Type, Namespace: theirs.Namespace, Name: theirs.Name}
	}

	ours, source := p.purl()
	text, err := purl.Build(ours)
	switch {
	case ours.Type == "" && theirs.Type != "":
		p.PURL = theirs.String()
	case ours.Type == "" && malformed != nil:
		p.Unknown = fmt.Sprintf("there is no package URL for %s of %q, and the one in the record is none: %v", p.Name, p.Ecosystem, malformed)
	case ours.Type == "":
		p.Unknown = fmt.Sprintf("there is no package URL for %s of %q", p.Name, p.Ecosystem)
	case err != nil:
		p.Unknown = err.Error()
	case malformed != nil:
		p.PURL, p.Unknown = text, fmt.Sprintf("it is looked for as %s; what the record has is none: %v", text, malformed)
	case theirs.Type != "" && (theirs.Type != ours.Type || !strings.EqualFold(theirs.Path(), ours.Path())):
		p.PURL, p.Unknown = text, fmt.Sprintf("it is looked for as %s and not as %s, which the record has too", text, theirs.String())
	case source:
		p.PURL, p.Unknown = text, fmt.Sprintf("%s is a source package of %s: what is made of it under other names is not looked for", p.Name, p.Ecosystem)
	default:
		p.PURL = text
	}
	if p.Ecosystem == "Go" && p.Name == "toolchain" {
		p.PURL = purl.Golang(toolchain, "")
	}
}

// purl returns the package URL of p, of type "" if its ecosystem is not known here, and
// whether it is a source package of a distribution.
func (p *Package) purl() (of purl.PURL, source bool) {
	// path splits a name that has its namespace before the last slash.
	path := func(typ, name string) (purl.PURL, bool) {
		i := strings.LastIndexByte(name, '/')
		return purl.PURL{Type: typ, Namespace: name[:max(i, 0)], Name: name[i+1:]}, false
	}
	ecosystem, _, _ := strings.Cut(p.Ecosystem, ":")
	switch ecosystem {
	case "Go":
		return path("golang", p.Name)
	case "npm":
		return path("npm", p.Name)
	case "Packagist":
		return path("composer", p.Name)
	case "SwiftURL":
		_, rest, ok := strings.Cut(p.Name, "://")
		if !ok {
			rest = p.Name
		}
		return path("swift", strings.TrimSuffix(rest, ".git"))
	case "Maven":
		group, artifact, ok := strings.Cut(p.Name, ":")
		if !ok {
			return purl.PURL{}, false
		}
		return purl.PURL{Type: "maven", Namespace: group, Name: artifact}, false
	case "VSCode":
		publisher, name, ok := strings.Cut(p.Name, ".")
		if !ok {
			return purl.PURL{}, false
		}
		return purl.PURL{Type: "vscode-extension", Namespace: publisher, Name: name}, false
	case "crates.io":
		return purl.PURL{Type: "cargo", Name: p.Name}, false
	case "PyPI", "NuGet", "Hex", "Pub", "Hackage", "CRAN", "Bioconductor", "Bitnami", "Julia", "opam":
		return purl.PURL{Type: strings.ToLower(ecosystem), Name: p.Name}, false
	case "RubyGems":
		return purl.PURL{Type: "gem", Name: p.Name}, false
	case "ConanCenter":
		return purl.PURL{Type: "conan", Name: p.Name}, false
	case "Debian", "Ubuntu":
		return purl.PURL{Type: "deb", Namespace: strings.ToLower(ecosystem), Name: p.Name}, true
	case "Alpine":
		return purl.PURL{Type: "apk", Namespace: "alpine", Name: p.Name}, true
	case "Wolfi", "Chainguard":
		return purl.PURL{Type: "apk", Namespace: strings.ToLower(ecosystem), Name: p.Name}, false
	case "Red Hat":
		return purl.PURL{Type: "rpm", Namespace: "redhat", Name: p.Name}, true
	case "SUSE", "openSUSE", "AlmaLinux", "Mageia", "openEuler":
		return purl.PURL{Type: "rpm", Namespace: strings.ToLower(ecosystem), Name: p.Name}, true
	}
	return purl.PURL{}, false
}

// purlType returns the type of p's package URL, or "".
func (p *Package) purlType() string {
	typ, _, _ := strings.Cut(strings.TrimPrefix(p.PURL, "pkg:"), "/")
	return typ
}

// release returns the release of a distribution that p is of, or "".
func (p *Package) release() string {
	ecosystem, release, _ := strings.Cut(p.Ecosystem, ":")
	switch ecosystem {
	case "Maven", "Packagist", "VSCode":
		return "" // it is the URL of a repository
	}
	return release
}

// version returns the version of a component that is p as p's ranges have it: that of
// the toolchain is one of the release of Go, and it is a module of another one.
func (p *Package) version(version string) string {
	if p.Ecosystem != "Go" || p.Name != "toolchain" {
		return version
	}
	release, ok := strings.CutPrefix(version, "v0.0.1-go") // v0.0.1-go1.26.8.linux-amd64
	if !ok {
		return version
	}
	i := strings.LastIndexByte(release, '.')
	return release[:max(i, 0)]
}
