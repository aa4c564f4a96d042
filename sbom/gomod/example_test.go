package gomod_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

func ExamplePURL() {
	fmt.Println(gomod.PURL("github.com/BurntSushi/toml", "v1.5.0"))
	fmt.Println(gomod.PURL("github.com/docker/docker", "v28.0.0+incompatible"))
	// Output:
	// pkg:golang/github.com/BurntSushi/toml@v1.5.0
	// pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible
}

// What the package gomod itself is made of.
func ExampleLoad() {
	d, err := gomod.Load(context.Background(), ".", gomod.Options{Getenv: os.Getenv, Packages: []string{"."}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Main.Type, d.Main.Name)
	for _, c := range d.Components {
		fmt.Println(c.Scope, c.Name)
	}
	// Output:
	// library github.com/hallmark-dev/hallmark
	// build golang.org/toolchain
	// runtime golang.org/x/mod
	// runtime stdlib
}

// A file that is no Go program.
func ExampleReadBinary() {
	_, err := gomod.ReadBinary(strings.NewReader("#!/bin/sh\necho hello\n"), gomod.BinaryOptions{})
	fmt.Println(strings.HasPrefix(err.Error(), "malformed binary: "))
	// Output: true
}

func ExampleFromBuildInfo() {
	d, err := gomod.FromBuildInfo(&debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app", Version: "(devel)"},
		Deps: []*debug.Module{{
			Path: "example.com/lib", Version: "v1.2.3",
			Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.4", Sum: "h1:gQBtGhjxykdjY9YhZpSlZIsbnaE2+PgjfLWUQTnoZ1U="},
		}},
	}, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range d.Components {
		fmt.Println(c.Scope, c.PURL)
		if c.Replaces != "" {
			fmt.Println("  in place of", c.Replaces)
		}
	}
	for _, u := range d.Unknown {
		fmt.Println("unknown:", u)
	}
	// Output:
	// runtime pkg:golang/example.com/fork@v1.2.4
	//   in place of pkg:golang/example.com/lib@v1.2.3
	// build pkg:golang/golang.org/toolchain
	// runtime pkg:golang/stdlib@1.26.8
	// unknown: the version of the main module
	// unknown: which module imports which: a binary does not record it
	// unknown: the system that the toolchain ran on, and so its version as a module
	// unknown: whether C libraries are linked into it, and which: a binary does not record it
	// unknown: which libraries of the system it imports or loads
}

// A module cache that has heard of a later version.
func ExampleAddReleases() {
	cache, err := os.MkdirTemp("", "cache")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	dir := filepath.Join(cache, "cache", "download", "example.com", "lib", "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string]string{
		"v1.2.3.info": `{"Version":"v1.2.3","Time":"2023-11-14T22:13:20Z","Origin":{"VCS":"git","URL":"https://git.example.com/lib",` +
			`"Hash":"be10c925b6266227e207a5e7c33e793bd5110055","Ref":"refs/tags/v1.2.3"}}`,
		"v1.2.3.mod": "module example.com/lib\n",
		"v1.2.4.mod": "module example.com/lib\n\nretract v1.2.3 // It loses the last byte.\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}

	d, err := gomod.FromBuildInfo(&debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app"},
		Deps:      []*debug.Module{{Path: "example.com/lib", Version: "v1.2.3"}},
	}, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := gomod.AddReleases(context.Background(), d, gomod.ReleaseOptions{ModCache: cache}); err != nil {
		log.Fatal(err)
	}
	for _, p := range d.Component("pkg:golang/example.com/lib@v1.2.3").Properties {
		fmt.Println(p.Name + ": " + p.Value)
	}
	// Output:
	// latestKnown: v1.2.4
	// originCommit: be10c925b6266227e207a5e7c33e793bd5110055
	// originRef: refs/tags/v1.2.3
	// originURL: https://git.example.com/lib
	// originUnverified: no sum covers it
	// originVCS: git
	// released: 2023-11-14T22:13:20Z
	// retracted: It loses the last byte.
}

func ExampleReconcile() {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app"},
		Deps:      []*debug.Module{{Path: "example.com/lib", Version: "v1.2.3"}},
	}
	binary, err := gomod.FromBuildInfo(info, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	// This stands for a Document of Load.
	info.Deps[0].Version = "v1.3.0"
	source, err := gomod.FromBuildInfo(info, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	source.Phase = sbom.PreBuild

	fmt.Println(gomod.Reconcile(source, binary))
	// Output:
	// gomod: source and binary differ:
	// module example.com/lib: version: source has v1.3.0, binary has v1.2.3
}

// The module cache in testdata has one of the two modules that the binary names.
func ExampleVerify() {
	d, err := gomod.FromBuildInfo(&debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "example.com/gone", Version: "v1.0.0", Sum: "h1:gQBtGhjxykdjY9YhZpSlZIsbnaE2+PgjfLWUQTnoZ1U="},
			{Path: "example.com/lib", Version: "v1.2.3", Sum: "h1:USOPeaOvHGNsWkt2pUqvkraHkwVwHLa+/VDoGH1nslk="},
		},
	}, gomod.BinaryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	// With a sumdb.Database, the level included can be reached.
	err = gomod.Verify(context.Background(), d, gomod.VerifyOptions{ModCache: "testdata/modcache"})
	if mismatch, ok := errors.AsType[*gomod.MismatchError](err); ok {
		log.Fatal("tampered with: ", mismatch.File)
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range d.Components {
		if c.Verification != sbom.Unverified {
			fmt.Println(c.Verification, c.Name, c.Properties)
		}
	}
	// Output:
	// listed example.com/gone [{unverified not in the module cache}]
	// recomputed example.com/lib []
}

func ExampleLocate() {
	p, err := gomod.Locate(".", os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	_, ok := p.Modules["github.com/hallmark-dev/hallmark"]
	fmt.Println(ok, p.ModCache != "", p.GOROOT != "")
	// Output: true true true
}

func ExampleWhy() {
	r, err := gomod.Why(context.Background(), ".", gomod.Options{Getenv: os.Getenv, Packages: []string{"."}}, "golang.org/x/mod")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Standing)
	fmt.Println(r.Imports[0])
	// Output:
	// linked
	// github.com/hallmark-dev/hallmark/sbom/gomod
}

// A gate for vendor. The module in testdata has two modules there, of which the
// module cache in testdata has one.
func ExampleVerifyVendor() {
	env := map[string]string{"GOWORK": "off"}
	modules, err := gomod.VerifyVendor(context.Background(), "testdata/vendored", gomod.VendorOptions{
		Getenv:   func(name string) string { return env[name] },
		ModCache: "testdata/modcache",
	})
	if mismatch, ok := errors.AsType[*gomod.MismatchError](err); ok {
		log.Fatal("the module cache was tampered with: ", mismatch.File)
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range modules {
		if !m.Clean() {
			fmt.Println(m)
		}
	}
	// Output:
	// example.com/gone@v1.0.0: unknown: not in the module cache
	// example.com/lib@v1.2.3: changed example.com/lib/lib.go; extra example.com/lib/lib_test.go
}

func ExampleVendoredModule() {
	m := gomod.VendoredModule{Path: "example.com/lib", Version: "v1.2.3", ReplacePath: "../lib", Files: 12}
	fmt.Println(m, m.Clean())
	m.Missing = []string{"example.com/lib/LICENSE"}
	fmt.Println(m, m.Clean())
	// Output:
	// example.com/lib@v1.2.3 => ../lib: ok true
	// example.com/lib@v1.2.3 => ../lib: missing example.com/lib/LICENSE false
}

// A module, in testdata/sources, and settings, that are not as their owner wants
// them.
func ExampleSourcePolicy_Check() {
	policy := gomod.SourcePolicy{
		Private:  []gomod.PathPattern{"*.corp.example.com"},
		Proxies:  []string{"https://go.corp.example.com"},
		Replaces: []gomod.Replacement{{Path: "example.org/lib", NewPath: "example.org/fork", NewVersion: "v1.2.4"}},
	}
	env := map[string]string{
		"GOWORK":    "off",
		"GOPROXY":   "https://ci:password@go.corp.example.com/x,https://mirror.example.org",
		"GONOSUMDB": "*",
		"GOFLAGS":   "-mod=mod",
	}
	findings, err := policy.Check(context.Background(), "testdata/sources", func(name string) string { return env[name] })
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// GOFLAGS: -mod=mod lets the go command change go.mod and go.sum
	// GONOSUMDB: the checksum database is not asked for modules *, which are not all private
	// example.com/app: gen.go:4: the tool example.org/stringer is not pinned: @latest, want a tool directive, or a version that has a sum
	// example.com/app: go.mod:6: git.corp.example.com/lib is private, and is asked of https://mirror.example.org
	// example.com/app: go.mod:11: example.org/logging is replaced by the directory ./logging
}

func ExamplePathPattern_Match() {
	p := gomod.PathPattern("*.corp.example.com/team")
	fmt.Println(p.Match("git.corp.example.com/team/lib/v2"))
	fmt.Println(p.Match("git.corp.example.com/other"))
	// Output:
	// true
	// false
}
