package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// maxDocument is how many bytes a document may have that is read.
const maxDocument = 256 << 20

// A kind is what an argument is.
type kind string

const (
	module   kind = "directory"
	binary   kind = "binary"
	document kind = "document"
)

// kindOf looks at the first bytes of a file: a binary has a zero among them, and a
// text has none, unless it is in UTF-16 and says so.
func kindOf(path string) (kind, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if info.IsDir() {
		return module, nil
	}
	var first [1 << 10]byte
	n, err := io.ReadFull(f, first[:])
	switch text := string(first[:n]); {
	case err == io.EOF:
		return "", fmt.Errorf("%s: empty file", path)
	case err != nil && err != io.ErrUnexpectedEOF:
		return "", err
	case strings.Contains(text, "\x00") && !strings.HasPrefix(text, "\xff\xfe") && !strings.HasPrefix(text, "\xfe\xff"):
		return binary, nil
	}
	return document, nil
}

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

// readDocument reads a document of any format.
func readDocument(path string) (*sbom.Document, sbom.Stamp, error) {
	data, err := cli.ReadFile(path, maxDocument)
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	f, err := sbom.Detect(data)
	if err != nil {
		if text := strings.TrimLeft(string(data[:min(len(data), 1<<10)]), " \t\r\n"); !strings.HasPrefix(text, "{") {
			return nil, sbom.Stamp{}, fmt.Errorf("%s: neither a Go binary nor a JSON document: %w", path, err)
		}
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", path, err)
	}
	parse := cyclonedx.Parse
	if f.Name == sbom.SPDX {
		parse = spdx.Parse
	}
	doc, stamp, err := parse(data)
	if err != nil {
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", path, err)
	}
	return doc, stamp, nil
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
	subject := minimum.Subject{Document: doc, Stamp: stamp, Format: c.format.Format, New: c.kind != document}
	if c.kind == document {
		data, err := cli.ReadFile(c.path, maxDocument)
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
	old, _, err := readDocument(c.diff)
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
