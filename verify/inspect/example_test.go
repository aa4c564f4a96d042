package inspect_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/inspect"
)

// exampleSBOM returns the SBOM of an artifact as a statement. In earnest, the Document is
// one of gomod.Load, and gomod.AddReleases has told when each module was released.
func exampleSBOM(app hallmark.Artifact) (*provenance.Statement, error) {
	doc, err := gomod.FromBuildInfo(&debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app",
		Main:      debug.Module{Path: "example.com/app", Version: "v1.2.0"},
		Deps:      []*debug.Module{{Path: "example.com/new", Version: "v1.0.1"}, {Path: "example.com/old", Version: "v1.4.0"}},
	}, gomod.BinaryOptions{})
	if err != nil {
		return nil, err
	}
	for name, released := range map[string]string{"example.com/new": "2026-11-21T08:00:00Z", "example.com/old": "2025-03-01T12:00:00Z"} {
		for i := range doc.Components {
			if c := &doc.Components[i]; c.Name == name {
				c.Properties = append(c.Properties, sbom.Property{Name: "released", Value: released})
			}
		}
	}
	text, err := cyclonedx.Marshal(doc, sbom.Stamp{})
	if err != nil {
		return nil, err
	}
	b, err := provenance.NewSBOM(text)
	if err != nil {
		return nil, err
	}
	return b.Statement(app)
}

// A policy asks by itself. This is what it asks, and what it is told.
func ExampleInspector_Inspect() {
	digests, err := hallmark.Hash(strings.NewReader("the program"))
	if err != nil {
		fmt.Println(err)
		return
	}
	app := hallmark.Artifact{Name: "app", Digests: digests}
	bom, err := exampleSBOM(app)
	if err != nil {
		fmt.Println(err)
		return
	}
	inspector := inspect.New(inspect.Options{
		Open: func(context.Context, hallmark.Artifact) (io.ReaderAt, error) {
			return strings.NewReader("another program"), nil // most often os.Open
		},
	})
	for _, q := range []verify.Question{
		{Rule: verify.RuleVersion, Version: "v1.2.0"},
		{Rule: verify.RuleDependencyAge, MinAge: 7 * 24 * time.Hour, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
		{Rule: verify.RuleBuildInfo},
	} {
		findings, err := inspector.Inspect(context.Background(), app, bom, q)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, f := range findings {
			fmt.Println(strings.TrimSpace(string(q.Rule)+" "+f.Item), f.Outcome)
			fmt.Printf("  %.60s\n", f.Got)
		}
	}
	// Output:
	// version main component passed
	//   v1.2.0
	// dependency-age pkg:golang/example.com/new@v1.0.1 failed
	//   released 2026-11-21T08:00:00Z
	// dependency-age passed
	//   1 of 2 dependencies
	// build-info unproven
	//   the bytes at hand are not the artifact: they have sha256:60f
}

// Whoever rewrites history cannot have another commit's signature.
func ExampleCheckout() {
	built, err := hallmark.ParseDigest("gitCommit:1f7c2d0a9b8e6f5d4c3b2a190807060504030201")
	if err != nil {
		fmt.Println(err)
		return
	}
	here, err := hallmark.ParseDigest("gitCommit:0123456789012345678901234567890123456789")
	if err != nil {
		fmt.Println(err)
		return
	}
	checkout := &git.Checkout{Commit: here} // what git.Inspect returns
	var signers git.Signers                 // those whose signatures count
	// A policy has it as the Signature of inspect.Options.
	signature := inspect.Checkout(checkout, signers, os.Getenv)

	s, err := signature(context.Background(), provenance.Source{Commit: built})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s\n", s.Status, s.Why)
	// Output:
	// unknown: gitCommit:0123456789012345678901234567890123456789 is checked out
}
