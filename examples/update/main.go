// Update tells what changes with an update of a Go module's dependencies.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/input"
)

const usage = `usage: update [flags] -old OLD -new NEW
       update [flags] -check DIRECTORY

Tells what changes with an update, before it is made or merged. OLD and NEW are each a
module's directory, a Go binary or a document, CycloneDX or SPDX. With -check, the module
proxy is asked for newer versions of the modules that are linked into DIRECTORY.

A line "name old → new" for each module has beside it

  NUMBER   what the version number promises: after a patch and a minor update of a
           release, what compiled compiles still. Before v1, from or to a
           pre-release and with a major version, nothing is promised
  API      whether that is so, by golang.org/x/exp/apidiff: what all packages export
           that are not internal, on this system and without cgo. -json lists the changes
  LICENCE  what the licence texts say. With -check, those in the module's root

Modules that come or go are listed with why they are there, or were: a chain of
packages that import each other, or of components in a document.

These are findings:

  tampered       the same version has another content. That a directory's go.sum and the
                 module cache contradict each other is an error
  breaking       incompatible changes, against what the version number promises
  undecided      whether there are such changes, or newer versions, could not be found out
  older          an update to an older version
  retracted      the version that is used was retracted by its authors (-check only)
  origin         a module is from a host or organisation that none was from before. An
                 organisation is the second part of a path on github.com, gitlab.com,
                 bitbucket.org, codeberg.org, git.sr.ht, gitee.com and gopkg.in, and
                 of what is no Go module all but the name
  replaced       another module is used instead of one
  licence        a module has another licence than before
  main           OLD and NEW are about two things

That there is a newer version, and that a module comes or goes, is none. Of documents
that do not tell licences, no change of one is seen.

The network is used by the go command, which -check and API run: it downloads what is
not in the module cache, from where GOPROXY says and as GONOSUMDB and the others want it,
and compares what it gets with the checksum database. GOPROXY=off uses none. Packages are
compiled and nothing of them is run; no toolchain is downloaded. With -api=false,
nothing is compared and, without -check, no program run and no network used. To compile
a large module for the first time takes minutes; the build cache keeps it.

Exit code: 0 no findings; 1 findings; 2 it could not be done.`

func main() { cli.Main("update", run) }

// A command is what the flags say.
type command struct {
	old, new, check string
	tests, tools    bool
	api, json       bool
}

func run(ctx context.Context, args []string) error {
	var c command
	flags := cli.Flags("update")
	flags.StringVar(&c.old, "old", "", "what there was: a `DIRECTORY`, binary or document")
	flags.StringVar(&c.new, "new", "", "what there is now: a `DIRECTORY`, binary or document")
	flags.StringVar(&c.check, "check", "", "ask the module proxy for newer versions of what this `DIRECTORY` has (network)")
	flags.BoolVar(&c.tests, "tests", false, "of directories: modules that only tests need, too")
	flags.BoolVar(&c.tools, "tools", false, "of directories: modules that only the tools in go.mod need, too")
	flags.BoolVar(&c.api, "api", true, "compare what modules export (network)")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q (-h lists the flags)", flags.Arg(0))
	case c.check != "" && c.old+c.new != "":
		return errors.New("-check is for one directory, and -old and -new are for two: want either")
	case c.check == "" && (c.old == "" || c.new == ""):
		return errors.New("want -old and -new, or -check (-h lists the flags)")
	}
	progress := cli.NewProgress()
	report, err := c.report(ctx, progress)
	progress.Stop()
	if err != nil {
		return err
	}
	if c.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.writeText(os.Stdout)
	}
	if err == nil && len(report.Findings) > 0 {
		err = cli.ErrFindings
	}
	return err
}

func (c *command) report(ctx context.Context, progress *cli.Progress) (*Report, error) {
	if c.check != "" {
		if kind, err := input.KindOf(c.check); err != nil {
			return nil, err
		} else if kind != input.Directory {
			return nil, fmt.Errorf("%s is a %s: -check is for directories", c.check, kind)
		}
		old, err := c.read(ctx, progress, c.check)
		if err != nil {
			return nil, err
		}
		return c.newer(ctx, progress, old)
	}
	old, err := c.read(ctx, progress, c.old)
	if err != nil {
		return nil, err
	}
	new, err := c.read(ctx, progress, c.new)
	if err != nil {
		return nil, err
	}
	return c.compare(ctx, progress, old, new)
}

// A Report is what the program prints.
type Report struct {
	Updates  []*Update `json:"updates"`
	Added    []Module  `json:"added"`
	Removed  []Module  `json:"removed"`
	Findings []Finding `json:"findings"`
}

// An Update is a module with two versions.
type Update struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`

	// Number is what the version number promises.
	Number Promise `json:"number"`

	// API says how far that was looked at.
	API API `json:"api"`

	// Why says why the API was not compared, or not found out.
	Why string `json:"why,omitempty"`

	// Incompatible are all changes of the API that can break who uses it, and
	// Compatible is how many there are besides.
	Incompatible []string `json:"incompatible,omitempty"`
	Compatible   int      `json:"compatible"`

	// Licences that are declared; empty if that is not known.
	OldLicence string `json:"oldLicence,omitempty"`
	NewLicence string `json:"newLicence,omitempty"`

	// Deprecated is what the authors say, with -check.
	Deprecated string `json:"deprecated,omitempty"`
}

// A Module is one that comes or goes.
type Module struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence,omitempty"`

	// Why is a chain at whose end the module is: of packages that import each
	// other, or of components. It is empty if the source does not tell.
	Why []string `json:"why,omitempty"`
}

// A Finding is something that somebody should look at.
type Finding struct {
	Kind    string `json:"kind"` // as the usage has it
	Name    string `json:"name"`
	Version string `json:"version"`
	Text    string `json:"text"`
}

func (r *Report) find(kind, name, version, format string, a ...any) {
	r.Findings = append(r.Findings, Finding{kind, name, version, fmt.Sprintf(format, a...)})
}

// sort puts everything in order, and makes an empty list of what is nil.
func (r *Report) sort() {
	slices.SortStableFunc(r.Updates, func(a, b *Update) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Old, b.Old)) })
	kinds := []string{"tampered", "main", "breaking", "undecided", "older", "retracted", "origin", "replaced", "licence"}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Text, b.Text),
		)
	})
	r.Updates = append([]*Update{}, r.Updates...)
	r.Added = append([]Module{}, r.Added...)
	r.Removed = append([]Module{}, r.Removed...)
	r.Findings = append([]Finding{}, r.Findings...)
}

// maxChanges is how many incompatible changes of a module the text has.
const maxChanges = 5

func (r *Report) writeText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	// The digest of a text is a long name for a licence.
	short := regexp.MustCompile(`(LicenseRef-sha256-[0-9a-f]{12})[0-9a-f]{52}`)
	row := func(cells ...string) {
		for i, c := range cells {
			cells[i] = cli.Printable(short.ReplaceAllString(c, "$1…"))
		}
		// Without spaces at the end of the line.
		for len(cells) > 1 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	sections := 0
	head := func(cells ...string) {
		tw.Flush()
		if sections++; sections > 1 {
			fmt.Fprintln(tw)
		}
		row(cells...)
	}
	if len(r.Updates) > 0 {
		head("UPDATE", "NUMBER", "API", "LICENCE")
	}
	for _, u := range r.Updates {
		api := string(u.API)
		switch u.API {
		case Incompatible:
			api = fmt.Sprintf("%d incompatible", len(u.Incompatible))
		case NotCompared:
			api = cmp.Or(u.Why, api)
		}
		licence := u.NewLicence
		if u.OldLicence != u.NewLicence {
			licence = cmp.Or(u.OldLicence, "unknown") + " → " + cmp.Or(u.NewLicence, "unknown")
		}
		row(u.Name+" "+u.Old+" → "+u.New, string(u.Number), api, licence)
	}
	for _, list := range []struct {
		head, why string
		modules   []Module
	}{{"ADDED", "WHY", r.Added}, {"REMOVED", "WHY IT WAS THERE", r.Removed}} {
		if len(list.modules) > 0 {
			head(list.head, "LICENCE", list.why)
		}
		for _, m := range list.modules {
			row(strings.TrimSpace(m.Name+" "+m.Version), cmp.Or(m.Licence, "unknown"), cmp.Or(strings.Join(m.Why, " → "), "not told"))
		}
	}
	if sections == 0 {
		row("no module was updated, added or removed")
		sections++
	}
	if len(r.Findings) > 0 {
		head("FINDING", "MODULE")
	}
	for _, f := range r.Findings {
		row(f.Kind, strings.TrimSpace(f.Name+" "+f.Version), f.Text)
		if f.Kind != "breaking" {
			continue
		}
		for _, u := range r.Updates {
			if u.Name != f.Name || u.New != f.Version {
				continue
			}
			for i, text := range u.Incompatible {
				if i == maxChanges {
					row("", "", fmt.Sprintf("and %d more, which -json lists", len(u.Incompatible)-i))
					break
				}
				row("", "", text)
			}
		}
	}
	return tw.Flush()
}
