package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/input"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// A format is one that documents are written in.
type format struct {
	sbom.Format
	write  func(io.Writer, *sbom.Document, sbom.Stamp) error
	losses func(*sbom.Document, sbom.Stamp) ([]sbom.Loss, error)
}

func parseFormat(name string) (format, error) {
	f := format{Format: sbom.Format{Name: name}}
	f.Name, f.Version, _ = strings.Cut(name, "@")
	switch {
	case f.Version == "" && f.Name == sbom.CycloneDX:
		f.Version = "1.6"
	case f.Version == "" && f.Name == sbom.SPDX:
		f.Version = "2.3"
	}
	switch f.Format {
	case sbom.Format{Name: sbom.CycloneDX, Version: "1.4"}, sbom.Format{Name: sbom.CycloneDX, Version: "1.5"},
		sbom.Format{Name: sbom.CycloneDX, Version: "1.6"}, sbom.Format{Name: sbom.CycloneDX, Version: "1.7"}:
		v := cyclonedx.Version(f.Version)
		f.write = func(w io.Writer, d *sbom.Document, s sbom.Stamp) error { return cyclonedx.Write(w, d, s, v) }
		f.losses = func(d *sbom.Document, s sbom.Stamp) ([]sbom.Loss, error) { return cyclonedx.Losses(d, s, v) }
	case sbom.Format{Name: sbom.SPDX, Version: "2.3"}, sbom.Format{Name: sbom.SPDX, Version: "3.0.1"}:
		v := spdx.Version(f.Version)
		f.write = func(w io.Writer, d *sbom.Document, s sbom.Stamp) error { return spdx.Write(w, d, s, v) }
		f.losses = func(d *sbom.Document, s sbom.Stamp) ([]sbom.Loss, error) { return spdx.Losses(d, s, v) }
	default:
		return format{}, fmt.Errorf("-format %s: want cyclonedx-json, with @1.4, @1.5, @1.6 or @1.7, or spdx-json, with @2.3 or @3.0.1", name)
	}
	return f, nil
}

// maxRules is how many bytes a file of rules may have.
const maxRules = 64 << 20

func readRules(path string) (*sbom.Rules, error) {
	data, err := cli.ReadFile(path, maxRules)
	if err != nil {
		return nil, err
	}
	rules, err := sbom.ParseRules(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rules, nil
}

// applyRules returns the document with what the rules say, and prints what became of
// those that are not simply applied.
func (c *command) applyRules(doc *sbom.Document, at time.Time) (*sbom.Document, error) {
	doc, outcomes, err := c.rules.Apply(doc, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.rulesFile, err)
	}
	say := func(what, format string, a ...any) {
		fmt.Fprintf(os.Stderr, "%s: %s: %s\n", c.rulesFile, cli.Printable(what), cli.Printable(fmt.Sprintf(format, a...)))
	}
	for _, o := range outcomes {
		differing, more := o.Differing, ""
		if n := len(differing) - 3; n > 0 {
			differing, more = differing[:3], fmt.Sprintf(" and %d more", n)
		}
		switch {
		case o.Expired:
			say(o.Rule, "it has expired")
		case o.Unused():
			say(o.Rule, "it is about no component")
		case len(differing) > 0 && !strings.HasPrefix(o.Rule, "gap:"): // it is no fault to know more
			say(o.Rule, "not applied to %s%s, of which the document says something else", strings.Join(differing, ", "), more)
		}
	}
	return doc, nil
}

// printCheck prints how the document does by a profile.
func (c *command) printCheck(doc *sbom.Document, stamp sbom.Stamp) error {
	subject := minimum.Subject{Document: doc, Stamp: stamp, Format: c.format.Format, New: c.kind != input.Document}
	if c.kind == input.Document {
		data, err := cli.ReadFile(c.path, input.MaxDocument)
		if err == nil {
			subject.Format, err = sbom.Detect(data)
		}
		if err != nil {
			return err
		}
	}
	report := c.check.Check(subject)
	if err := report.WriteText(os.Stdout); err != nil {
		return err
	}
	if !report.Satisfied {
		return cli.ErrFindings
	}
	return nil
}

// printDiff prints what is not the same as in an older document.
func (c *command) printDiff(doc *sbom.Document) error {
	old, _, err := input.ReadDocument(c.diff)
	if err != nil {
		return err
	}
	difference, err := sbom.Diff(old, doc)
	if err != nil {
		return err
	}
	if len(difference) == 0 {
		return nil
	}
	if _, err := fmt.Print(difference); err != nil {
		return err
	}
	return cli.ErrFindings
}
