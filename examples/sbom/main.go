// Sbom writes the software bill of materials of a Go module or a Go binary.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/license"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sbom/sumdb"
)

const usage = `usage: sbom [flags] DIRECTORY|BINARY

Writes what is inside: the modules linked into the packages of a Go module, or
into a Go binary. The network is not used: a module that is missing from the module
cache is an error. No program is run, but the go command with -licenses, to know
where things are.

With -verify, every module is hashed in the module cache and looked up in the Go
checksum database, as far as the module cache has that; the network is not used.
A table on standard error says how far each was proved, and the document says it
too: listed (go.sum or the binary has a sum), recomputed (the files have that
sum), included (the checksum database has it). A module that is another one is
told of, and no document is written.

With -licenses, what the licence files in the roots of the modules say is in the
document too; modules that are not at hand, as those of a binary may not be, have
none.

The time in the document is SOURCE_DATE_EPOCH, or else now.

Exit code: 0 done; 1 a module is not what its sum says; 2 it could not be done.
With 1 and 2 nothing was written.`

func main() { cli.Main("sbom", run) }

func run(ctx context.Context, args []string) error {
	flags := cli.Flags("sbom")
	format := flags.String("format", "cyclonedx-json", "`FORMAT`: cyclonedx-json[@1.6] or spdx-json[@2.3]")
	output := flags.String("o", "", "the `FILE` to write; standard output by default")
	var packages cli.List
	flags.Var(&packages, "package", "a `PACKAGE` to describe, ./cmd/app; all of the directory's by default; may be repeated")
	target := flags.String("target", "", "`GOOS/GOARCH` to describe; the go command's own by default")
	tags := flags.String("tags", "", "build `TAGS`, separated by commas")
	verify := flags.Bool("verify", false, "prove that modules are those of their names, and say how far that went")
	distribution := flags.String("distribution", "", "with -verify: the `URL` of a module proxy, to give the zips of modules an address and digests")
	licenses := flags.Bool("licenses", false, "look for licences in the files of the modules, in the module cache and in GOROOT")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("want one directory or binary (-h lists the flags)")
	}

	if *distribution != "" && !*verify {
		return errors.New("-distribution is for -verify")
	}

	var marshal func(*sbom.Document, sbom.Stamp) ([]byte, error)
	switch *format {
	case "cyclonedx-json", "cyclonedx-json@1.6":
		marshal = cyclonedx.Marshal
	case "spdx-json", "spdx-json@2.3":
		marshal = spdx.Marshal
	default:
		return fmt.Errorf("-format %s: want cyclonedx-json, cyclonedx-json@1.6, spdx-json or spdx-json@2.3", *format)
	}
	created, err := cli.Created(os.Getenv, time.Now())
	if err != nil {
		return err
	}

	progress := cli.NewProgress()
	progress.Step("reading %s", flags.Arg(0))
	doc, err := read(ctx, flags.Arg(0), packages, *target, *tags)
	if err == nil && *verify {
		err = verifyModules(ctx, doc, *distribution, func(done, total int) {
			progress.Step("hashing modules, %d of %d", done, total)
		})
	}
	if err == nil && *licenses {
		err = addLicenses(ctx, doc, flags.Arg(0), progress)
	}
	progress.Stop()
	_, mismatch := errors.AsType[*gomod.MismatchError](err)
	_, security := errors.AsType[*sumdb.SecurityError](err)
	if mismatch || security {
		fmt.Fprintln(os.Stderr, err)
		return cli.ErrFindings
	}
	if err != nil {
		return err
	}
	if *verify {
		if err := printLevels(os.Stderr, doc); err != nil {
			return err
		}
	}
	data, err := marshal(doc, sbom.Stamp{Created: created, Tool: tool()})
	if err != nil {
		return err
	}
	if *output == "" {
		_, err := os.Stdout.Write(data)
		return err
	}
	return cli.WriteFile(*output, 0o644, cli.Bytes(data))
}

func read(ctx context.Context, path string, packages []string, target, tags string) (*sbom.Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		o := gomod.Options{Getenv: os.Getenv, Packages: packages}
		if target != "" {
			var ok bool
			if o.GOOS, o.GOARCH, ok = strings.Cut(target, "/"); !ok || o.GOOS == "" || o.GOARCH == "" {
				return nil, fmt.Errorf("-target %s: want GOOS/GOARCH", target)
			}
		}
		if tags != "" {
			o.Tags = strings.Split(tags, ",")
		}
		return gomod.Load(ctx, path, o)
	}
	if len(packages) > 0 || target != "" || tags != "" {
		return nil, fmt.Errorf("%s is a binary: -package, -target and -tags are for directories", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := gomod.ReadBinary(f, gomod.BinaryOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// verifyModules proves what it can with what is on this machine.
func verifyModules(ctx context.Context, doc *sbom.Document, distribution string, progress func(done, total int)) error {
	modCache, gopath, err := gomod.CacheDirs(os.Getenv)
	if err != nil {
		return err
	}
	db, err := sumdb.Open(os.DirFS(filepath.Join(modCache, "cache", "download", "sumdb")), sumdb.Options{
		Config: os.DirFS(filepath.Join(gopath, "pkg", "sumdb")),
	})
	if err != nil {
		return err
	}
	return gomod.Verify(ctx, doc, gomod.VerifyOptions{
		ModCache:         modCache,
		Database:         db,
		DistributionBase: distribution,
		Progress:         progress,
	})
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
			if p.Name == "unverified" || p.Name == "origin" {
				why = p.Value
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", c.Name, c.Version, cmp.Or(c.Verification, "none"), why)
	}
	fmt.Fprintf(tw, "%d components: %d included, %d recomputed, %d listed, %d none\n", len(doc.Components),
		count[sbom.Included], count[sbom.Recomputed], count[sbom.Listed], count[sbom.Unverified])
	return tw.Flush()
}

// addLicenses adds the licences of what was read from path. A second run would be
// much faster with a Cache in the Scanner that outlives the program.
func addLicenses(ctx context.Context, doc *sbom.Document, path string, progress *cli.Progress) error {
	progress.Step("looking for licences")
	dir := ""
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir = path
	}
	command := func(args ...string) (*json.Decoder, error) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOPROXY=off")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
		return json.NewDecoder(bytes.NewReader(out)), nil
	}

	var env struct{ GOMODCACHE, GOROOT string }
	out, err := command("env", "-json", "GOMODCACHE", "GOROOT")
	if err != nil {
		return err
	}
	if err := out.Decode(&env); err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	o := gomod.LicenseOptions{
		ModCache: env.GOMODCACHE,
		GOROOT:   env.GOROOT,
		Progress: func(done, total int) { progress.Step("looking for licences in %d of %d modules", done, total) },
	}
	if dir != "" {
		// The main modules, which in a workspace are several.
		if out, err = command("list", "-m", "-json"); err != nil {
			return err
		}
		o.Directories = make(map[string]string)
		for out.More() {
			var m struct{ Path, Dir string }
			if err := out.Decode(&m); err != nil {
				return fmt.Errorf("go list: %w", err)
			}
			o.Directories[gomod.PURL(m.Path, "")] = m.Dir
			if m.Path == doc.Main.Name {
				o.Directories[doc.Main.Ref] = m.Dir
			}
		}
	}
	return gomod.AddLicenses(ctx, doc, new(license.Scanner), o)
}

// tool names this program, with the version of the module that it is from.
func tool() sbom.Tool {
	t := sbom.Tool{Name: "hallmark-sbom"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		t.Version = info.Main.Version
	}
	return t
}
