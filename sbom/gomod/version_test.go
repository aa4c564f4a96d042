package gomod

import (
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

func TestVersionFrom(t *testing.T) {
	app := fixture(t) + "/app"
	for _, test := range []struct{ version, from, want string }{
		{"", "", ""},
		{"", "vcs", ""}, // nothing is known, whoever was asked
		{"v1.2.3", "", "caller"},
		{"v1.2.3", "caller", "caller"},
		{"v1.2.3", "vcs", "vcs"},
	} {
		for _, pattern := range []string{".", "main.go"} {
			d, err := Load(t.Context(), app, Options{Getenv: getenv(), Packages: []string{pattern}, Version: test.version, VersionFrom: test.from})
			if err != nil {
				t.Fatal(err)
			}
			if got := property(d.Properties, "versionFrom"); got != test.want || d.Main.Version != test.version {
				t.Errorf("version %q from %q of %s: got %q from %q, want from %q", test.version, test.from, pattern, d.Main.Version, got, test.want)
			}
		}
	}
	_, err := Load(t.Context(), app, Options{Getenv: getenv(), VersionFrom: "VCS"})
	if err == nil || !strings.Contains(err.Error(), `Options.VersionFrom is "VCS", want "caller" or "vcs"`) {
		t.Errorf("got error %v", err)
	}

	// What both say of the main module is compared, not how they know it.
	source := &sbom.Document{Phase: sbom.PreBuild, Properties: []sbom.Property{{Name: "versionFrom", Value: "vcs"}}}
	binary := &sbom.Document{Phase: sbom.PostBuild, Properties: []sbom.Property{{Name: "versionFrom", Value: "binary"}}}
	if err := Reconcile(source, binary); err != nil {
		t.Error(err)
	}
}
