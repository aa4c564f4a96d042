package conformance

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/inspect"
)

// TestInspectLarge holds SBOMs of a program of more than 150 modules, the services that the
// keyless judges start, against the program: the right one, and for each module one that
// lacks it.
func TestInspectLarge(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("keyless", "testdata", "services"))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GOFLAGS": "", "GOWORK": "off"}
	file := filepath.Join(t.TempDir(), "services")
	runGo(t, dir, env, "build", "-buildvcs=false", "-o", file, ".")
	doc, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: getenv(env)})
	if err != nil {
		t.Fatal(err)
	}
	places, err := gomod.Locate(dir, getenv(env))
	if err != nil {
		t.Fatal(err)
	}
	if err := gomod.AddReleases(t.Context(), doc, gomod.ReleaseOptions{ModCache: places.ModCache}); err != nil {
		t.Fatal(err)
	}
	app, err := hallmark.HashFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inspector := inspect.New(inspect.Options{Open: func(context.Context, hallmark.Artifact) (io.ReaderAt, error) { return os.Open(file) }})
	ask := func(d *sbom.Document, asSPDX bool, q verify.Question) []verify.Finding {
		t.Helper()
		text, err := cyclonedx.Marshal(d, sbom.Stamp{})
		if asSPDX {
			text, err = spdx.Marshal(d, sbom.Stamp{Created: time.Unix(1.7e9, 0), Tool: sbom.Tool{Name: "test"}})
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := provenance.NewSBOM(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Statement(app)
		if err != nil {
			t.Fatal(err)
		}
		findings, err := inspector.Inspect(t.Context(), app, s, q)
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	now := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, asSPDX := range []bool{false, true} {
		for _, q := range []verify.Question{{Rule: verify.RuleBuildInfo}, {Rule: verify.RuleDependencyAge, MinAge: time.Hour, Now: now}} {
			if f := ask(doc, asSPDX, q); len(f) != 1 || f[0].Outcome != verify.Passed {
				t.Errorf("%s, SPDX %t: got %+v", q.Rule, asSPDX, f)
			}
		}
	}
	modules := 0
	for k, c := range doc.Components {
		if c.Scope != sbom.Runtime || c.Name == "stdlib" {
			continue
		}
		modules++
		less := *doc
		less.Edges = nil
		less.Components = append(append([]sbom.Component(nil), doc.Components[:k]...), doc.Components[k+1:]...)
		f := ask(&less, false, verify.Question{Rule: verify.RuleBuildInfo})
		if len(f) != 1 || f[0].Outcome != verify.Failed || f[0].Item != "module "+c.Name || f[0].Got != "not in the SBOM" || f[0].Want != c.Version {
			t.Errorf("without %s: got %+v", c.Ref, f)
		}
	}
	if modules < 150 {
		t.Errorf("%d modules, want more than 150", modules)
	}
	t.Logf("%d modules", modules)
}
