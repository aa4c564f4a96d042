package house_test

import (
	"slices"
	"strings"
	"testing"
)

// TestWeight holds a program that uses every room for signing with keys, but for
// the bridge to in-toto's own types, to what it may take on. Every module that is linked is one whose
// authors and advisories the program's owner has to know; every one that is
// only in the graph is still in their go.sum, their scanners and their SBOMs.
func TestWeight(t *testing.T) {
	const maxLinked, maxListed = 10, 40

	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	for _, room := range []string{"sbom", "sbom/gomod", "sbom/cyclonedx", "sbom/spdx", "provenance", "provenance/github", "provenance/git", "provenance/gobuild", "provenance/oidc", "sign", "verify", "verify/policyfile", "verify/inspect"} {
		program.WriteString("\t_ \"" + modulePath + "/" + room + "\"\n")
	}
	program.WriteString(")\n\nfunc main() {}\n")
	dir, env := outside(t, program.String(), modulePath)

	others := func(lines string) []string {
		modules := strings.Fields(lines)
		modules = slices.DeleteFunc(modules, func(m string) bool { return m == modulePath || m == "example.com/outside" })
		slices.Sort(modules)
		return slices.Compact(modules)
	}
	linked := others(run(t, dir, env, "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "."))
	if len(linked) > maxLinked {
		t.Errorf("the program links %d modules of others, at most %d:\n\t%s", len(linked), maxLinked, strings.Join(linked, "\n\t"))
	}
	listed := others(run(t, dir, env, "go", "list", "-m", "-f", "{{.Path}}", "all"))
	if len(listed) > maxListed {
		t.Errorf("the program's graph has %d modules of others, at most %d:\n\t%s", len(listed), maxListed, strings.Join(listed, "\n\t"))
	}
	t.Logf("linked %d modules of others, at most %d; in the graph %d, at most %d", len(linked), maxLinked, len(listed), maxListed)
}
