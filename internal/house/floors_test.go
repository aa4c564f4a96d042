package house_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Modules of other people that packages link.
const (
	attestation     = "github.com/in-toto/attestation"
	crypto          = "golang.org/x/crypto"
	cyclonedxGo     = "github.com/CycloneDX/cyclonedx-go"
	jose            = "github.com/go-jose/go-jose/v4"
	licensecheck    = "github.com/google/licensecheck"
	goDigest        = "github.com/opencontainers/go-digest"
	imageSpec       = "github.com/opencontainers/image-spec"
	mod             = "golang.org/x/mod"
	oras            = "oras.land/oras-go/v2"
	protobuf        = "google.golang.org/protobuf"
	securesystems   = "github.com/secure-systems-lab/go-securesystemslib"
	structConverter = "github.com/anchore/go-struct-converter"
	sync            = "golang.org/x/sync"
	toolsGolang     = "github.com/spdx/tools-golang"
	yaml            = "go.yaml.in/yaml/v3"
)

// A room is a package of the root module.
type room struct {
	path   string   // below the module path; "" is the root package
	floor  int      // it imports rooms of lower floors only
	links  []string // the modules of others that it links, directly or not
	reason string
}

// rooms is the house. A package on the ground floor imports no other one of the
// module.
func rooms() []room {
	return []room{
		{"internal/command", 0, nil, "it runs a program with the environment it is given, and knows of no room"},
		{"internal/buildinfo", 0, nil, "it says what of a binary may be published, for the SBOM and the provenance alike"},
		{"internal/facts", 0, nil, "it puts together what variables and claims say of a job, for all who observe one, and knows of no room"},
		{"internal/purl", 0, nil, "it writes package URLs for all rooms, and knows of none"},
		{"internal/strictjson", 0, nil, "it reads and writes JSON for all rooms, and knows of none"},
		{"internal/uuid", 0, nil, "it makes identifiers for documents out of their content, and knows of no room"},
		{"internal/versions", 0, nil, "it orders versions, of an SBOM's components and of the tags that a policy allows, and knows of no room"},

		{"", 1, nil, "every program and every room shares its words, so it brings nothing along"},

		{"sbom", 2, nil, "a graph of components is plain data; what a format needs is linked by those who write that format"},
		{"sign", 2, []string{securesystems, crypto}, "signers and verifiers are the interfaces of go-securesystemslib, and its package encrypted is how cosign keeps keys; x/crypto has OpenSSH's keys, scrypt and strict DER"},
		{"provenance", 2, nil, "the bytes of a statement are written by the own encoder, so that no dependency can change them"},

		{"sbom/gomod", 3, []string{mod}, "x/mod has the Go project's own rules for versions and module files"},
		{"sbom/sumdb", 3, []string{mod}, "x/mod has the signed notes and the tree of the checksum database; its client is left out, because it links net/http"},
		{"sbom/license", 3, []string{licensecheck}, "licensecheck knows the texts of licences; gomod takes a scanner through an interface, and who does not want licences does without"},
		{"sbom/minimum", 3, nil, "what must be told is a question to a Document of any format, so it knows none of those who read and write them"},
		{"sbom/osv", 3, nil, "an advisory asks a Document of any format; the order of versions is that of internal/versions, so that all rooms have the same"},
		{"sbom/openvex", 3, nil, "a statement about vulnerabilities is a predicate about products, and needs nothing of the documents that it was made of"},
		{"sbom/cyclonedx", 3, []string{cyclonedxGo}, "cyclonedx-go is the type at the edge to that format, and only there"},
		{"sbom/spdx", 3, []string{toolsGolang, structConverter}, "tools-golang is the type at the edge to that format, and only there; it links go-struct-converter"},
		{"provenance/github", 3, nil, "a running build is observed through an environment that is passed in"},
		{"provenance/gitlab", 3, nil, "a running build is observed through an environment that is passed in"},
		{"provenance/buildkite", 3, nil, "a running build is observed through an environment that is passed in"},
		{"provenance/git", 3, []string{mod}, "facts of a checkout come from the git program; which version they make, the Go project's own rules in x/mod tell"},
		{"provenance/oidc", 3, []string{jose}, "go-jose reads the keys and the signatures of identity tokens, which an attacker may have written; it links no other module"},
		{"provenance/intoto", 3, []string{attestation, protobuf}, "it is the bridge to the official types, which are protocol buffers, and who does not cross it does not pay for it"},

		{"provenance/release", 4, nil, "it keeps statements together, and reads what go test and govulncheck write; it signs and verifies nothing"},
		{"provenance/gobuild", 4, []string{mod}, "facts of a Go build come from the go command, from the binary and from the checkout; x/mod reads module files and hashes modules as Go does"},
		{"verify", 4, []string{securesystems, crypto}, "it decides over envelopes, so it links what sign links and no more"},
		{"provenance/ci", 4, nil, "it tells which of the systems it is, and leaves the rest to the room of that system"},

		{"verify/inspect", 5, []string{securesystems, crypto, mod, cyclonedxGo, toolsGolang, structConverter}, "it reads the SBOMs and the Go programs that verify does not, and links what the rooms link that read them; a policy that asks nothing of these does without"},
		{"verify/policyfile", 5, []string{securesystems, crypto, yaml}, "it is verify and one YAML reader; a policy made in Go does without"},

		{"sign/oci", 5, []string{securesystems, crypto, oras, imageSpec, goDigest, sync}, "oras-go knows how registries want to be asked for a token, and how they take a blob; it links the types of OCI and x/sync, and who keeps envelopes elsewhere does without all of them"},

		{"sbom/inventory", 5, []string{securesystems, crypto}, "it keeps what verify says in a database of which it knows two dialects and no driver; who opens the database chooses that"},

		{"internal/fleet", 6, []string{securesystems, crypto}, "it makes up Records to test and to measure the inventory with, so it links what that links"},

		{"internal/postgrestest", 9, nil, "it starts a server for tests, so no room imports it, and it knows of none"},
		{"internal/house", 9, nil, "it has no code; its tests look at the whole house"},
	}
}

// apart are the rooms that stay apart although their floors would allow more.
func apart() []struct{ from, but, to, reason string } {
	return []struct{ from, but, to, reason string }{
		{"verify", "verify/inspect", "sbom", "an SBOM attestation is a statement with another predicate type; what a policy asks of its contents goes through an interface, which verify/inspect has"},
		{"sbom", "", "internal/command", "what is in a program is read from its files: no program is run for it"},
		{"sign", "", "sbom", "sign puts any bytes into an envelope and reads none of them"},
	}
}

// direct are the modules that the root go.mod may require for its own packages.
func direct() []struct{ path, reason string } {
	return []struct{ path, reason string }{
		{attestation, "the official in-toto types, for provenance/intoto"},
		{cyclonedxGo, "the CycloneDX types, for sbom/cyclonedx"},
		{jose, "the keys and signatures of identity tokens, for provenance/oidc"},
		{licensecheck, "the texts of licences, for sbom/license"},
		{protobuf, "how the official in-toto types are read and written, in provenance/intoto"},
		{crypto, "OpenSSH's keys, scrypt and strict DER, for sign; go-securesystemslib brings it along anyway"},
		{goDigest, "the digests of OCI's types, for sign/oci"},
		{imageSpec, "the types of OCI manifests, for sign/oci"},
		{oras, "the registry's side of sign/oci: tokens, uploads, names"},
		{mod, "the Go project's module rules, for sbom/gomod, sbom/sumdb, provenance/git and provenance/gobuild"},
		{securesystems, "the DSSE interfaces and cosign's encrypted keys, for sign and verify"},
		{toolsGolang, "the SPDX types, for sbom/spdx"},
		{yaml, "the YAML reader of verify/policyfile"},
	}
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Name       string
	Export     string
	Imports    []string
	Deps       []string
	Module     *struct {
		Path string
		Main bool
	}
}

// goList runs `go list` and returns the packages by import path.
func goList(t *testing.T, dir string, env []string, args ...string) map[string]listed {
	t.Helper()
	args = append([]string{"list", "-json=ImportPath,Name,Export,Imports,Deps,Module"}, args...)
	packages := make(map[string]listed)
	for d := json.NewDecoder(strings.NewReader(run(t, dir, env, "go", args...))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

func TestFloors(t *testing.T) {
	table := make(map[string]room)
	for _, r := range rooms() {
		table[strings.TrimSuffix(modulePath+"/"+r.path, "/")] = r
	}
	exists := make(map[string]bool) // of the root module
	links := make(map[string][]string)

	told := make(map[string]bool)
	fault := func(format string, a ...any) {
		if text := fmt.Sprintf(format, a...); !told[text] {
			told[text] = true
			t.Error(text)
		}
	}

	// What is imported depends on the platform. A fault on all is told once.
	for _, platform := range []string{"linux/amd64", "darwin/arm64", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(platform, "/")
		packages := goList(t, rootDir(t), append(alone(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"), "-deps", "./...")
		for _, importPath := range slices.Sorted(maps.Keys(packages)) {
			p := packages[importPath]
			if p.Module == nil || !p.Module.Main {
				continue
			}
			exists[importPath] = true
			r, ok := table[importPath]
			if !ok {
				continue
			}
			for _, imported := range p.Imports {
				if below, ok := table[imported]; ok && below.floor >= r.floor {
					fault("%s (floor %d) imports %s (floor %d): a room imports from lower floors only, so that nothing flows back and each can be understood without those above it",
						importPath, r.floor, imported, below.floor)
				}
			}
			for _, dep := range p.Deps {
				if m := packages[dep].Module; m != nil && !m.Main && !slices.Contains(links[importPath], m.Path) {
					links[importPath] = append(links[importPath], m.Path)
				}
				if dep == "net/http" && r.path != "provenance/oidc" && r.path != "sign/oci" {
					fault("%s links net/http: a room does nothing over the network, and who reads its dependencies should see that", importPath)
				}
				for _, a := range apart() {
					if within(importPath, modulePath+"/"+a.from) && importPath != modulePath+"/"+a.but && within(dep, modulePath+"/"+a.to) {
						fault("%s imports %s, directly or not: %s", importPath, dep, a.reason)
					}
				}
			}
		}
	}

	for _, importPath := range slices.Sorted(maps.Keys(exists)) {
		if _, ok := table[importPath]; !ok {
			t.Errorf("%s is not in the table of rooms: give it a floor, the modules it may link, and a reason", importPath)
		}
	}
	for _, importPath := range slices.Sorted(maps.Keys(table)) {
		if !exists[importPath] {
			t.Errorf("%s is in the table of rooms and is not a package of the root module", importPath)
			continue
		}
		got := slices.Sorted(slices.Values(links[importPath]))
		want := slices.Sorted(slices.Values(table[importPath].links))
		if !slices.Equal(got, want) {
			t.Errorf("%s links the modules\n\t%v\nand the table says\n\t%v\nbecause %s", importPath, got, want, table[importPath].reason)
		}
	}
}

// Users turn the graph of modules into SBOMs of their own, so what go.mod names
// is what they get, linked or not.
func TestGoMod(t *testing.T) {
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace, Exclude, Tool []any
	}
	if err := json.Unmarshal([]byte(run(t, rootDir(t), alone(), "go", "mod", "edit", "-json")), &file); err != nil {
		t.Fatal(err)
	}
	var required, allowed []string
	for _, r := range file.Require {
		if !r.Indirect {
			required = append(required, r.Path)
		}
	}
	for _, d := range direct() {
		allowed = append(allowed, d.path)
		if !slices.Contains(required, d.path) {
			t.Errorf("go.mod does not require %s directly, as the list has it (%s)", d.path, d.reason)
		}
	}
	for _, r := range required {
		if !slices.Contains(allowed, r) {
			t.Errorf("go.mod requires %s, which is not on the list: every user of the module gets it into their own graph", r)
		}
	}
	if len(file.Replace)+len(file.Exclude) > 0 {
		t.Error("go.mod has a replace or an exclude: both end at the main module, so its users would build something else")
	}
	if len(file.Tool) > 0 {
		t.Error("go.mod has a tool: what a tool needs is no business of those who import the module")
	}

	text, err := os.ReadFile(filepath.Join(rootDir(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "sigstore") {
		t.Error("go.mod mentions sigstore: its graph is ten times that of everything else here, and so it stays in the module sign/sigstore")
	}
}

// A module that go.work does not use is one that "go test work" does not test.
func TestWorkspace(t *testing.T) {
	var work struct {
		Use []struct{ DiskPath string }
	}
	if err := json.Unmarshal([]byte(run(t, rootDir(t), workspace(t), "go", "work", "edit", "-json")), &work); err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, u := range work.Use {
		used = append(used, filepath.ToSlash(filepath.Clean(u.DiskPath)))
	}
	for _, f := range repositoryFiles(t) {
		dir := path.Dir(f)
		if path.Base(f) == "go.mod" && !slices.Contains(strings.Split(dir, "/"), "testdata") && !slices.Contains(used, dir) {
			t.Errorf("go.work does not use the module in %s, so that \"go test work\" does not test it", dir)
		}
	}
}
