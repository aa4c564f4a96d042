package gomod_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
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
	_, err := gomod.ReadBinary(strings.NewReader("#!/bin/sh\necho hello\n"))
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
	})
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
}

func ExampleReconcile() {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app"},
		Deps:      []*debug.Module{{Path: "example.com/lib", Version: "v1.2.3"}},
	}
	binary, err := gomod.FromBuildInfo(info)
	if err != nil {
		log.Fatal(err)
	}
	// This stands for a Document of Load.
	info.Deps[0].Version = "v1.3.0"
	source, err := gomod.FromBuildInfo(info)
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
	})
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

func ExampleCacheDirs() {
	env := map[string]string{"GOPATH": os.TempDir(), "GOMODCACHE": os.TempDir()}
	modCache, gopath, err := gomod.CacheDirs(func(name string) string { return env[name] })
	fmt.Println(modCache == os.TempDir(), gopath == os.TempDir(), err)
	// Output: true true <nil>
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
