// Sbom writes the software bill of materials of a Go module or a Go binary.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/input"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/license"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/sumdb"
)

const usage = `usage: sbom [flags] DIRECTORY|BINARY|DOCUMENT

Writes what is inside: the modules linked into the packages of a Go module, or
into a Go binary. The network is not used: a module that is missing from the module
cache is an error. No program is run, but git with -vcs.

A document, CycloneDX JSON 1.2 to 1.7 or SPDX JSON 2.2, 2.3 or 3.0.1, is written in
another format, with the time and the tool that it has. What is lost or changed since
that format has no place for it is listed on standard error, by its place in the document.

Of a directory, -tests, -tools and -graph add modules that are not linked, which
the document says of each. With several -target, it says which target needs what.
With -binary, the document is written only if it describes that binary.

With -verify, every module is hashed in the module cache and looked up in the Go
checksum database, as far as the module cache has that. A table on standard error
says how far each was proved, and the document says it too: listed (go.sum or the
binary has a sum), recomputed (the files have that sum), included (the checksum
database has it). -vendor compares the files in vendor with those of the modules,
and -sources looks for settings and directives by which code comes from
elsewhere; what they find is printed, and no document is written then, nor if a
module is another one than its sum says.

-licenses adds what licence files say, in the modules and above the packages that
are linked; -releases adds when modules were released, and whether the module
cache knows that they were retracted or deprecated. Of modules that are not at
hand, as those of a binary may not be, nothing is added.

-rules adds what nobody else can tell, from a JSON file: who made and supplies
modules, under which licence they are taken to be, how long they are supported, what
is not known of them, and more. The documentation of sbom.ParseRules has one with
all that there can be. This one names who answers for the document and who made what:

  {"authors": [{"name": "Acme", "email": "sbom@acme.example"}],
   "producers": [{"prefix": "pkg:golang/acme.example", "name": "Acme",
                  "url": "https://acme.example"}],
   "gaps": [{"prefix": "pkg:golang", "element": "producer", "kind": "unknown"}]}

A rule adds and never changes. One that is about no component, that has expired, or
that the document contradicts is named on standard error. A document that is signed
is written without its signature then.

With -why, no document is written, but why a module is there, or why it is not.
With -check, no document is written, but which of the minimum elements it has by an
edition: PROFILES.
With -diff, what is not the same as in an older document is printed. Both exit with 1
if that is not what it should be: if not all is there, or not all is the same.

The time in the document is SOURCE_DATE_EPOCH, or else now.

Exit code: 0 done; 1 something is not as it should be; 2 it could not be done.
With 1 and 2 nothing was written.`

func main() { cli.Main("sbom", run) }

// A command is what the flags say.
type command struct {
	format format
	output string
	path   string     // the directory, binary or document
	kind   input.Kind // which of them

	check *minimum.Profile
	diff  string // an older document

	rulesFile string
	rules     *sbom.Rules

	options gomod.Options // for a directory
	vcs     bool
	binary  string // that a directory must have made
	why     string

	unredacted bool // for a binary

	verify, licenses, releases, vendor, sources bool
	distribution                                string
	policy                                      gomod.SourcePolicy
	scanner                                     license.Scanner
}

func run(ctx context.Context, args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	created, err := cli.Created(os.Getenv, time.Now())
	if err != nil {
		return err
	}
	stamp := sbom.Stamp{Created: created, Tool: tool()}
	progress := cli.NewProgress()
	var doc *sbom.Document
	if c.kind == input.Document {
		var theirs sbom.Stamp
		if doc, theirs, err = input.ReadDocument(c.path); !theirs.Created.IsZero() {
			stamp.Created = theirs.Created
		}
		if theirs.Tool.Name != "" {
			stamp.Tool = theirs.Tool
		}
	} else {
		doc, err = c.document(ctx, progress)
	}
	progress.Stop()
	_, mismatch := errors.AsType[*gomod.MismatchError](err)
	_, security := errors.AsType[*sumdb.SecurityError](err)
	if mismatch || security {
		fmt.Fprintln(os.Stderr, err)
		return cli.ErrFindings
	}
	if err != nil || doc == nil {
		return err
	}
	if c.verify {
		if err := printLevels(os.Stderr, doc); err != nil {
			return err
		}
	}
	if c.rules != nil {
		if doc, err = c.applyRules(doc, created); err != nil {
			return err
		}
	}
	switch {
	case c.check != nil:
		return c.printCheck(doc, stamp)
	case c.diff != "":
		return c.printDiff(doc)
	}
	if c.kind == input.Document {
		losses, err := c.format.losses(doc, stamp)
		if err != nil {
			return err
		}
		for _, l := range losses {
			what := "lost"
			if l.Approximated {
				what = "changed"
			}
			fmt.Fprintf(os.Stderr, "%s %s: %s\n", what, cli.Printable(l.Path), cli.Printable(l.Why))
		}
	}
	if c.output != "" {
		return cli.WriteFile(c.output, 0o644, func(w io.Writer) error { return c.format.write(w, doc, stamp) })
	}
	var data bytes.Buffer // so that nothing is printed of what fails
	if err := c.format.write(&data, doc, stamp); err != nil {
		return err
	}
	_, err = data.WriteTo(os.Stdout)
	return err
}

func parse(args []string) (*command, error) {
	c := new(command)
	flags := cli.Flags("sbom")
	format := flags.String("format", "cyclonedx-json", "`FORMAT`: cyclonedx-json[@1.4…1.7], 1.6 by default, or spdx-json[@2.3|@3.0.1], 2.3 by default")
	check := flags.String("check", "", "print how the document does by a `PROFILE` of minimum elements")
	flags.StringVar(&c.diff, "diff", "", "print what is not the same as in an older document, `FILE`")
	flags.StringVar(&c.rulesFile, "rules", "", "add what the JSON `FILE` says of components")
	flags.StringVar(&c.output, "o", "", "the `FILE` to write; standard output by default")
	var packages, targets, private cli.List
	flags.Var(&packages, "package", "a `PACKAGE` to describe, ./cmd/app; all of the directory's by default; may be repeated")
	flags.Var(&targets, "target", "`GOOS/GOARCH` to describe; the go command's own by default; may be repeated")
	tags := flags.String("tags", "", "build `TAGS`, separated by commas")
	flags.BoolVar(&c.options.Tests, "tests", false, "add modules that only tests need")
	flags.BoolVar(&c.options.Tools, "tools", false, "add modules that only the tools in go.mod need")
	flags.BoolVar(&c.options.Graph, "graph", false, "add modules that are required and not used, and what requires what")
	flags.BoolVar(&c.options.Embedded, "embedded", false, "add the files that packages embed, with digests")
	flags.StringVar(&c.options.Version, "version", "", "the `VERSION` of the main module")
	flags.BoolVar(&c.vcs, "vcs", false, "take the version of the main module from git, as the go command stamps it")
	flags.StringVar(&c.binary, "binary", "", "prove that the document describes this `FILE`")
	flags.StringVar(&c.why, "why", "", "print why this `MODULE` is in the document, or why not")
	flags.BoolVar(&c.unredacted, "unredacted", false, "keep build settings of a binary that may hold secrets or paths, as -ldflags")
	flags.BoolVar(&c.verify, "verify", false, "prove that modules are those of their names, and say how far that went")
	flags.StringVar(&c.distribution, "distribution", "", "with -verify: the `URL` of a module proxy, to give the zips of modules an address and digests")
	flags.BoolVar(&c.vendor, "vendor", false, "compare the files in vendor with the modules")
	flags.BoolVar(&c.sources, "sources", false, "look for ways in which code comes from elsewhere than expected")
	flags.Var(&private, "private", "with -sources: a `PATTERN` of module paths, as in GOPRIVATE, that nobody else is asked for; may be repeated")
	flags.BoolVar(&c.licenses, "licenses", false, "add what licence files say")
	flags.BoolVar(&c.releases, "releases", false, "add when modules were released, and whether they were retracted or deprecated")
	cache := flags.String("cache", "", "a `DIRECTORY` of this program's, in which it keeps what it has read of modules")
	var profiles []string
	for _, p := range minimum.Profiles() {
		profiles = append(profiles, p.Name)
	}
	names := strings.Join(profiles, ", ")
	if err := cli.Parse(flags, strings.ReplaceAll(usage, "PROFILES", names), args); err != nil {
		return nil, err
	}
	if flags.NArg() != 1 {
		return nil, errors.New("want one directory, binary or document (-h lists the flags)")
	}
	c.path = flags.Arg(0)
	var err error
	if c.format, err = parseFormat(*format); err != nil {
		return nil, err
	}
	if *check != "" {
		p, ok := minimum.Lookup(*check)
		if !ok {
			return nil, fmt.Errorf("-check %s: want one of %s", *check, names)
		}
		c.check = &p
	}
	asked := 0
	for _, is := range []bool{c.output != "", c.check != nil, c.diff != "", c.why != ""} {
		if is {
			asked++
		}
	}
	if asked > 1 {
		return nil, errors.New("-o, -check, -diff or -why: one of them")
	}
	if c.distribution != "" && !c.verify {
		return nil, errors.New("-distribution is for -verify")
	}
	if len(private) > 0 && !c.sources {
		return nil, errors.New("-private is for -sources")
	}
	for _, p := range private {
		c.policy.Private = append(c.policy.Private, gomod.PathPattern(p))
	}
	if c.why != "" && (c.verify || c.vendor || c.sources || c.binary != "" || c.rulesFile != "") {
		return nil, errors.New("-why checks and writes nothing: want it without -verify, -vendor, -sources, -binary and -rules")
	}
	if c.options.Version != "" && c.vcs {
		return nil, errors.New("-version or -vcs, not both")
	}
	c.options.Getenv = os.Getenv
	c.options.Packages = packages
	if *cache != "" {
		// Both have values under the sums of modules, and not the same.
		c.options.Cache = directory(filepath.Join(*cache, "modules"))
		c.scanner.Cache = directory(filepath.Join(*cache, "licenses"))
	}
	for _, t := range targets {
		goos, goarch, ok := strings.Cut(t, "/")
		if !ok || goos == "" || goarch == "" {
			return nil, fmt.Errorf("-target %s: want GOOS/GOARCH", t)
		}
		c.options.Targets = append(c.options.Targets, gomod.Target{GOOS: goos, GOARCH: goarch})
	}
	if *tags != "" {
		if len(c.options.Targets) == 0 {
			c.options.Targets = make([]gomod.Target, 1)
		}
		for i := range c.options.Targets {
			c.options.Targets[i].Tags = strings.Split(*tags, ",")
		}
	}

	if c.kind, err = input.KindOf(c.path); err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) {
		// A check that is not made because a variable is not set is passed.
		if f.Value.String() == "" {
			err = fmt.Errorf("-%s: empty", f.Name)
			return
		}
		switch f.Name {
		case "format", "o", "check", "diff", "rules":
		case "verify", "distribution", "licenses", "releases", "cache":
			if c.kind == input.Document {
				err = fmt.Errorf("%s is a document: -%s is for directories and binaries", c.path, f.Name)
			}
		case "unredacted":
			if c.kind != input.Binary {
				err = fmt.Errorf("%s is a %s: -unredacted is for binaries", c.path, c.kind)
			}
		default:
			if c.kind != input.Directory {
				err = fmt.Errorf("%s is a %s: -%s is for directories", c.path, c.kind, f.Name)
			}
		}
	})
	if err == nil && c.rulesFile != "" {
		c.rules, err = readRules(c.rulesFile)
	}
	return c, err
}

// document returns what is to be written, or nil if something else was printed.
func (c *command) document(ctx context.Context, progress *cli.Progress) (doc *sbom.Document, err error) {
	dir := ""
	progress.Step("reading %s", c.path)
	if c.kind == input.Directory {
		dir = c.path
		doc, err = c.load(ctx, progress)
	} else {
		doc, err = readBinary(c.path, gomod.BinaryOptions{Unredacted: c.unredacted})
	}
	if err != nil || doc == nil || !c.verify && !c.licenses && !c.releases {
		return doc, err
	}

	places, err := gomod.Locate(dir, os.Getenv)
	if err != nil {
		return nil, err
	}
	if c.verify {
		db, err := sumdb.Open(os.DirFS(filepath.Join(places.ModCache, "cache", "download", "sumdb")), sumdb.Options{
			Config: os.DirFS(filepath.Join(places.GOPATH, "pkg", "sumdb")),
		})
		if err != nil {
			return nil, err
		}
		if err := gomod.Verify(ctx, doc, gomod.VerifyOptions{
			ModCache:         places.ModCache,
			Database:         db,
			DistributionBase: c.distribution,
			Progress:         func(done, total int) { progress.Step("hashing modules, %d of %d", done, total) },
		}); err != nil {
			return nil, err
		}
	}
	if c.licenses {
		if err := gomod.AddLicenses(ctx, doc, &c.scanner, gomod.LicenseOptions{
			Places:   *places,
			Progress: func(done, total int) { progress.Step("looking for licences in %d of %d modules", done, total) },
		}); err != nil {
			return nil, err
		}
	}
	if c.releases {
		if err := gomod.AddReleases(ctx, doc, gomod.ReleaseOptions{ModCache: places.ModCache}); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// load returns the Document of a directory, after all that was asked to be held
// against it.
func (c *command) load(ctx context.Context, progress *cli.Progress) (*sbom.Document, error) {
	if c.why != "" {
		reason, err := gomod.Why(ctx, c.path, c.options, c.why)
		if err == nil {
			_, err = fmt.Println(reason)
		}
		return nil, err
	}
	var findings []fmt.Stringer
	if c.sources {
		list, err := c.policy.Check(ctx, c.path, os.Getenv)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			findings = append(findings, f)
		}
	}
	if c.vendor {
		modules, err := gomod.VerifyVendor(ctx, c.path, gomod.VendorOptions{
			Getenv:   os.Getenv,
			Progress: func(done, total int) { progress.Step("hashing vendored modules, %d of %d", done, total) },
		})
		if err != nil {
			return nil, err
		}
		for _, m := range modules {
			if !m.Clean() {
				findings = append(findings, m)
			}
		}
	}
	if len(findings) > 0 {
		for _, f := range findings {
			fmt.Fprintln(os.Stderr, f)
		}
		return nil, cli.ErrFindings
	}

	if c.vcs {
		progress.Step("asking git for the version")
		module, err := git.InspectModule(ctx, c.path, os.Getenv)
		if err != nil {
			return nil, err
		}
		c.options.Version, c.options.VersionFrom = module.Version, "vcs"
		progress.Step("reading %s", c.path)
	}
	doc, err := gomod.Load(ctx, c.path, c.options)
	if err != nil || c.binary == "" {
		return doc, err
	}
	inside, err := readBinary(c.binary, gomod.BinaryOptions{})
	if err != nil {
		return nil, err
	}
	if len(doc.Targets) != len(inside.Targets) {
		return nil, fmt.Errorf("-binary %s is for %d targets, and the document for %d", c.binary, max(1, len(inside.Targets)), max(1, len(doc.Targets)))
	}
	if err := gomod.Reconcile(doc, inside); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return nil, cli.ErrFindings
	}
	doc.Phase = sbom.Built
	for _, p := range inside.Main.Properties {
		if strings.HasPrefix(p.Name, "bsi:") { // of the file, which the document now is about
			doc.Main.Properties = append(doc.Main.Properties, p)
		}
	}
	return doc, doc.Sort()
}

func readBinary(path string, o gomod.BinaryOptions) (*sbom.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := gomod.ReadBinary(f, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// The name is one that BSI gave the property: TR-03183-2, clauses 5.2.2 and 8.2.
	doc.Main.Properties = append(doc.Main.Properties, sbom.Property{Name: "bsi:component:filename", Value: filepath.Base(path)})
	return doc, doc.Sort()
}

// printLevels prints a line for each component, and one for all of them.
func printLevels(w io.Writer, doc *sbom.Document) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "COMPONENT\tVERSION\tVERIFICATION\t")
	count := make(map[sbom.Verification]int)
	for _, c := range doc.Components {
		count[c.Verification]++
		why := ""
		for _, p := range c.Properties {
			switch p.Name {
			case "unverified", "origin":
				why = p.Value
			case "private":
				why = "private by " + p.Value
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", c.Name, c.Version, cmp.Or(c.Verification, "none"), why)
	}
	fmt.Fprintf(tw, "%d components: %d included, %d recomputed, %d listed, %d none\n", len(doc.Components),
		count[sbom.Included], count[sbom.Recomputed], count[sbom.Listed], count[sbom.Unverified])
	return tw.Flush()
}

// tool names this program, with the version of the module that it is from.
func tool() sbom.Tool {
	t := sbom.Tool{Name: "hallmark-sbom"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		t.Version = info.Main.Version
	}
	return t
}
