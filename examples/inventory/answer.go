package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// An output prints answers: a table for people, or with -json one object on each line.
type output struct {
	json  bool
	lines *bufio.Writer
	table *tabwriter.Writer
	head  []string // of the table, until it is written
}

func (c *common) output(columns ...string) *output {
	o := &output{json: c.json, lines: bufio.NewWriter(os.Stdout)}
	if !o.json {
		o.table = tabwriter.NewWriter(o.lines, 0, 0, 2, ' ', 0)
		o.head = columns
	}
	return o
}

// row prints an answer. What others wrote in it is printable afterwards.
func (o *output) row(object any, cells ...string) error {
	if o.json {
		return json.NewEncoder(o.lines).Encode(object)
	}
	if o.head != nil {
		fmt.Fprintln(o.table, strings.Join(o.head, "\t"))
		o.head = nil
	}
	for i, c := range cells {
		if cells[i] = cli.Printable(c); c == "" {
			cells[i] = "-"
		}
	}
	_, err := fmt.Fprintln(o.table, strings.Join(cells, "\t"))
	return err
}

// end prints what is behind the table: a sentence for people.
func (o *output) end(object any, format string, a ...any) error {
	if o.json {
		if object != nil {
			if err := json.NewEncoder(o.lines).Encode(object); err != nil {
				return err
			}
		}
		return o.lines.Flush()
	}
	if err := o.table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(o.lines, format+"\n", a...)
	return o.lines.Flush()
}

// A place is where an artifact runs.
type place struct {
	Environment string    `json:"environment"`
	Service     string    `json:"service"`
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"`
}

func (p place) String() string { return strings.TrimPrefix(p.Environment+"/"+p.Service, "/") }

// running returns where artifacts run, by their digests.
func (s *store) running(ctx context.Context) (map[hallmark.Digest][]place, error) {
	all := make(map[hallmark.Digest][]place)
	for d, err := range s.Deployments(ctx, inventory.Filter{Deployed: true}) {
		if err != nil {
			return nil, s.explain(err)
		}
		if d.To.IsZero() {
			all[d.Digest] = append(all[d.Digest], place{Environment: d.Environment, Service: d.Service, From: d.From})
		}
	}
	return all, nil
}

// An answer is a component of an artifact that was asked for, or the artifact. As JSON it is
// a line of the output of -json, in the words of a report.
type answer struct {
	Artifact  inventory.ReportArtifact   `json:"artifact"`
	Component *inventory.ReportComponent `json:"component,omitempty"`
	Trust     inventory.ReportTrust      `json:"trust"`
	Was       *inventory.ReportTrust     `json:"was,omitempty"` // the trust that was kept
	Build     inventory.ReportBuild      `json:"build,omitzero"`
	Signers   []string                   `json:"signers,omitempty"`
	Gaps      []string                   `json:"gaps,omitempty"`
	Runs      []place                    `json:"runs,omitempty"`
}

func answerOf(h *inventory.Hit, running map[hallmark.Digest][]place) answer {
	a := answer{
		Artifact: inventory.ReportArtifact{Name: h.Artifact.Name, Digests: h.Artifact.Digests},
		Trust:    trustOf(h.Trust), Build: buildOf(&h.Build), Signers: h.Signers, Gaps: h.Gaps,
	}
	if c := h.Component; c != nil {
		name := c.Name
		if c.Group != "" {
			name = c.Group + "/" + name
		}
		a.Component = &inventory.ReportComponent{Name: name, Version: c.Version, PURL: c.PURL, Digests: c.Digests, Path: h.Path, Doubt: h.Doubt}
	}
	for _, d := range h.Artifact.Digests {
		a.Runs = append(a.Runs, running[d]...)
	}
	return a
}

func trustOf(t inventory.Trust) inventory.ReportTrust {
	v := t.Verdict
	return inventory.ReportTrust{
		Trusted: t.Trusted(), Text: t.String(), Verdict: v.Verdict, Contents: t.Contents, Lapsed: t.Lapsed,
		Policy: v.Policy, At: v.At, Reasons: v.Reasons, Exceptions: len(v.Exceptions),
	}
}

func buildOf(b *inventory.Build) inventory.ReportBuild {
	return inventory.ReportBuild{Source: b.Source, Commit: b.Commit, Ref: b.Ref, Workflow: b.Workflow, Builder: b.Builder, Run: b.Run, Finished: b.Finished}
}

// labelOf names a component.
func labelOf(c *inventory.ReportComponent) string {
	return cmp.Or(c.PURL, strings.TrimSpace(c.Name+" "+c.Version))
}

// where names the first of several places.
func where(places []place) string {
	const show = 3
	var names []string
	for i, p := range places {
		if i == show {
			names = append(names, fmt.Sprintf("%d more", len(places)-show))
			break
		}
		names = append(names, p.String())
	}
	return strings.Join(slices.Compact(names), ", ")
}

// short is as much of a digest as people compare.
func short(ds []hallmark.Digest) string {
	if len(ds) == 0 {
		return ""
	}
	const digits = 12
	return ds[0].Algorithm() + ":" + ds[0].Hex()[:digits]
}

func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}
