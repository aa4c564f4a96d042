// Package buildinfo knows which parts of a Go binary's build information may be
// published, and what its Go version means.
package buildinfo

import (
	"go/version"
	"path"
	"strings"
)

// Setting returns the value with which a build setting may be published. ok is
// false for one that may not: whoever builds writes it freely, as -ldflags and
// CGO_CFLAGS, so that a password or a path of the building machine can be in it,
// or it is not known here.
func Setting(key, value string) (publish string, ok bool) {
	switch key {
	case "-asan", "-buildmode", "-compiler", "-cover", "-msan", "-race", "-tags", "-trimpath",
		"CGO_ENABLED", "DefaultGODEBUG", "GOEXPERIMENT", "GOFIPS140", "GOOS", "GOARCH",
		"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"vcs", "vcs.revision", "vcs.time", "vcs.modified":
		return value, true
	case "-pgo":
		// Without -trimpath it is an absolute path.
		return path.Base(strings.ReplaceAll(value, `\`, "/")), true
	}
	return "", false
}

// Release returns the Go release that a Go version is of ("go1.26.8"), or "" for
// one that is no release. What follows the release is cut off: experiments
// ("go1.26.8-X:jsonv2", before Go 1.26 "go1.25.4 X:jsonv2") and words of those
// who packaged it ("go1.22.2 (Red Hat 1.22.2-1.el9)").
func Release(goVersion string) string {
	r, _, _ := strings.Cut(goVersion, "-X:")
	r, _, _ = strings.Cut(r, " ")
	// go/version takes any suffix after a hyphen: go1.27-devel_9d3a6b1.
	if !version.IsValid(r) || strings.Contains(r, "-") {
		return ""
	}
	return r
}
