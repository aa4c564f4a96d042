// Release builds the commands of a Go module and says, signed, what is in them
// and where they came from. Then it verifies what it has written as somebody
// else would: in another process, by a policy file.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"debug/buildinfo"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sign"
)

const usage = `usage: release [flags]

Builds every command of the Go module in -dir, or of the modules of the go.work
there, and writes for each into -out:

	NAME               the program, built with -trimpath -buildvcs=true
	NAME.cdx.json      what is in it, as CycloneDX
	NAME.spdx.json     the same as SPDX
	NAME.intoto.jsonl  its provenance and its SBOM, attested and signed

and release.pub, the public key. Then a second process, which gets these files
and the policy only, verifies them, and a table shows what came of it.

The source is the git checkout around -dir. Without one it is unknown, unless
-source and -commit say what it is, and an unknown source is not accepted.
Commands in directories named internal or testdata are not built. Documents
carry the time SOURCE_DATE_EPOCH, or else that of the commit, or else now.

Exit code: 0 all is accepted; 1 something is rejected or unproven; 2 it could
not be done.`

// policy is what the second process demands, unless -policy names another file.
//
//go:embed policy.yaml
var policy []byte

func main() {
	cli.Main("release", func(ctx context.Context, args []string) error {
		// This program starts itself as the process that verifies.
		if len(args) > 0 && args[0] == "verify" {
			return gate.Main(ctx, args[1:])
		}
		return run(ctx, args)
	})
}

// A release is what the flags ask for.
type release struct {
	dir, out, key, version, source, commit, policy string
	packages                                       cli.List
	allowDirty                                     bool
	progress                                       *cli.Progress
}

// A command is a program to build.
type command struct {
	name      string // of the binary
	pkg       string // import path
	moduleDir string
	module    string // path of the module
}

func run(ctx context.Context, args []string) error {
	var r release
	flags := cli.Flags("release")
	flags.StringVar(&r.dir, "dir", ".", "the `DIRECTORY` of the module or workspace")
	flags.StringVar(&r.out, "out", "dist", "the `DIRECTORY` to write to")
	flags.StringVar(&r.key, "key", "", "the private key to sign with, a PEM `FILE`; a fresh one by default, of which nothing is kept but the public half")
	flags.StringVar(&r.version, "version", "", "the `VERSION` of the module, if Go cannot tell it from a tag")
	flags.Var(&r.packages, "package", "a `PACKAGE` to build, ./cmd/app; all commands by default; may be repeated")
	flags.StringVar(&r.source, "source", "", "the repository `URL`, where the checkout does not tell")
	flags.StringVar(&r.commit, "commit", "", "the commit, in `HEX`, where there is no checkout")
	flags.StringVar(&r.policy, "policy", "", "the policy `FILE` to verify with; examples/release/policy.yaml, which is built in, by default")
	flags.BoolVar(&r.allowDirty, "allow-dirty", false, "build although files differ from the commit; the provenance says so, and is not accepted")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q (-h lists the flags)", flags.Arg(0))
	}
	signer, err := r.signer()
	if err != nil {
		return err
	}
	r.progress = cli.NewProgress()
	names, source, expected, err := r.make(ctx, signer)
	if err != nil {
		r.progress.Stop()
		return err
	}
	r.progress.Step("verifying")
	records, status, err := r.verify(ctx, names, source, expected)
	r.progress.Stop()
	if err != nil {
		return err
	}
	printTable(os.Stdout, records)
	return status
}

// signer returns the key that -key names, or a fresh one.
func (r *release) signer() (sign.SignerVerifier, error) {
	if r.key != "" {
		pem, err := os.ReadFile(r.key)
		if err != nil {
			return nil, err
		}
		s, err := sign.ParsePrivateKey(pem)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.key, err)
		}
		return s, nil
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return sign.NewSigner(private)
}

// make builds everything in a temporary directory and moves it to -out when all
// of it is there. It returns the names of the binaries, the source, and the
// repository that a verifier would expect.
func (r *release) make(ctx context.Context, signer sign.SignerVerifier) (names []string, source provenance.Source, expected string, err error) {
	fail := func(err error) ([]string, provenance.Source, string, error) {
		return nil, provenance.Source{}, "", err
	}
	r.progress.Step("looking for commands in %s", r.dir)
	commands, err := r.commands(ctx)
	if err != nil {
		return fail(err)
	}
	source, base, created, err := r.observe(ctx, commands[0].module)
	if err != nil {
		return fail(err)
	}
	if created, err = cli.Created(os.Getenv, created); err != nil {
		return fail(err)
	}
	staging, err := os.MkdirTemp("", "release-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(staging)

	public, err := sign.MarshalPublicKey(signer.Public())
	if err != nil {
		return fail(err)
	}
	files := []string{"release.pub"}
	if err := os.WriteFile(filepath.Join(staging, "release.pub"), public, 0o644); err != nil {
		return fail(err)
	}
	for i, c := range commands {
		r.progress.Step("building %s (%d of %d)", c.name, i+1, len(commands))
		build := *base
		made, err := r.makeOne(ctx, c, &build, signer, created, staging)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", c.pkg, err))
		}
		names = append(names, c.name)
		files = append(files, made...)
	}

	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return fail(err)
	}
	for _, name := range files {
		if err := move(filepath.Join(staging, name), filepath.Join(r.out, name)); err != nil {
			return fail(err)
		}
	}
	expected = source.Repository
	if expected == "" {
		expected = git.ModuleRepository(commands[0].module)
	}
	if expected == "" {
		expected = "https://" + commands[0].module
	}
	return names, source, expected, nil
}

// commands returns the programs to build.
func (r *release) commands(ctx context.Context) ([]command, error) {
	dirs := []string{r.dir}
	if _, err := os.Stat(filepath.Join(r.dir, "go.work")); err == nil && len(r.packages) == 0 {
		// The binaries of a workspace are built one module at a time, with the
		// versions that each module selects for itself.
		out, err := goCommand(ctx, r.dir, "", "list", "-m", "-f", "{{.Dir}}")
		if err != nil {
			return nil, err
		}
		dirs = strings.Split(strings.TrimSpace(out), "\n")
	} else if _, err := os.Stat(filepath.Join(r.dir, "go.mod")); err != nil {
		return nil, fmt.Errorf("no go.mod in %s: %w", r.dir, err)
	}
	patterns := []string(r.packages)
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	var commands []command
	for _, dir := range dirs {
		args := append([]string{"list", "-f", "{{.Name}} {{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "--"}, patterns...)
		out, err := goCommand(ctx, dir, "off", args...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if len(f) != 3 || f[0] != "main" {
				continue
			}
			elements := strings.Split(strings.TrimPrefix(f[1], f[2]), "/")
			if len(r.packages) == 0 && (slices.Contains(elements, "internal") || slices.Contains(elements, "testdata")) {
				continue
			}
			c := command{name: programName(f[1]), pkg: f[1], moduleDir: dir, module: f[2]}
			for _, other := range commands {
				if other.name == c.name {
					return nil, fmt.Errorf("%s and %s would both be %s: choose with -package", other.pkg, c.pkg, c.name)
				}
			}
			commands = append(commands, c)
		}
	}
	if len(commands) == 0 {
		return nil, fmt.Errorf("no commands in %s", r.dir)
	}
	return commands, nil
}

// programName returns the name that go build gives to a command: the last
// element of its path that is not a major version.
func programName(pkg string) string {
	elements := strings.Split(pkg, "/")
	last := elements[len(elements)-1]
	if n := len(elements); n > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = elements[n-2]
	}
	return last
}

// observe returns the source, the build that it makes, and the time of its
// commit, or now.
func (r *release) observe(ctx context.Context, module string) (provenance.Source, *provenance.Build, time.Time, error) {
	fail := func(err error) (provenance.Source, *provenance.Build, time.Time, error) {
		return provenance.Source{}, nil, time.Time{}, err
	}
	checkout, err := git.Inspect(ctx, r.dir, os.Getenv)
	if errors.Is(err, git.ErrNoCheckout) {
		s := provenance.Source{Repository: r.source, RepositoryFrom: provenance.Caller, CommitFrom: provenance.Caller}
		if r.commit != "" {
			if s.Commit, err = hallmark.ParseDigest("gitCommit:" + r.commit); err != nil {
				return fail(fmt.Errorf("-commit: %w", err))
			}
		}
		return s, provenance.Local(s), time.Now(), nil
	}
	if err != nil {
		return fail(err)
	}
	if r.commit != "" && r.commit != checkout.Commit.Hex() {
		return fail(fmt.Errorf("-commit is %s, but %s is checked out", r.commit, checkout.Commit.Hex()))
	}
	if r.source != "" {
		if checkout.Repository != "" && checkout.Repository != r.source {
			return fail(fmt.Errorf("-source is %s, but the checkout is of %s", r.source, checkout.Repository))
		}
		checkout.Repository = r.source
	}
	b, err := checkout.Build(ctx, git.Options{Getenv: os.Getenv, ModulePath: module, AllowModified: r.allowDirty})
	if modified, ok := errors.AsType[*git.ModifiedError](err); ok {
		return fail(fmt.Errorf("%w: commit them, or use -allow-dirty", modified))
	}
	if err != nil {
		return fail(err)
	}
	return checkout.Source(module), b, checkout.Time, nil
}

// makeOne makes the files of one command in the directory staging and returns
// their names.
func (r *release) makeOne(ctx context.Context, c command, build *provenance.Build, signer sign.Signer, created time.Time, staging string) ([]string, error) {
	// The program.
	binary := filepath.Join(staging, c.name)
	recipe := gobuild.Recipe{Flags: []string{"-trimpath", "-buildvcs=true"}}
	args := append(append([]string{"build"}, recipe.Flags...), "-o", binary, "--", c.pkg)
	if _, err := goCommand(ctx, c.moduleDir, "off", args...); err != nil {
		return nil, err
	}
	app, err := hallmark.HashFile(binary, "sha256", "sha512")
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}

	// What is inside, from its sources, held against what is really inside.
	version := info.Main.Version
	if version == "(devel)" {
		version = ""
	}
	switch {
	case version == "":
		version = r.version
	case r.version != "" && r.version != version:
		return nil, fmt.Errorf("-version is %s, but Go says that the module is %s", r.version, version)
	}
	doc, err := gomod.Load(ctx, c.moduleDir, gomod.Options{Getenv: getenv, Packages: []string{c.pkg}, Version: version})
	if err != nil {
		return nil, err
	}
	inside, err := gomod.FromBuildInfo(info)
	if err != nil {
		return nil, err
	}
	if err := gomod.Reconcile(doc, inside); err != nil {
		return nil, err
	}
	doc.Phase = sbom.Built
	doc.Main.Digests = app.Digests
	stamp := sbom.Stamp{Created: created, Tool: sbom.Tool{Name: "hallmark-release"}}
	cdx, err := cyclonedx.Marshal(doc, stamp)
	if err != nil {
		return nil, err
	}
	spdx, err := spdx.Marshal(doc, stamp)
	if err != nil {
		return nil, err
	}

	// Where it came from.
	if err := gobuild.Attach(build, info, recipe); err != nil {
		return nil, err
	}
	documents := []struct {
		name, mediaType string
		data            []byte
	}{
		{c.name + ".cdx.json", cyclonedx.MediaType, cdx},
		{c.name + ".spdx.json", "application/spdx+json", spdx},
	}
	for _, d := range documents {
		digests, err := hallmark.Hash(bytes.NewReader(d.data))
		if err != nil {
			return nil, err
		}
		build.Byproducts = append(build.Byproducts, provenance.ResourceDescriptor{
			Name:      d.name,
			Digest:    provenance.NewDigestSet(digests...),
			MediaType: d.mediaType,
		})
	}
	made, err := build.Statement(app)
	if err != nil {
		return nil, err
	}
	contains, err := provenance.New(cyclonedx.PredicateType, json.RawMessage(cdx), app)
	if err != nil {
		return nil, err
	}

	// Who says so.
	var lines []byte
	for _, st := range []*provenance.Statement{made, contains} {
		payload, err := st.Marshal()
		if err != nil {
			return nil, err
		}
		env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
		if err != nil {
			return nil, err
		}
		line, err := env.Marshal()
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, line...), '\n')
	}

	files := []string{c.name}
	documents = append(documents, struct {
		name, mediaType string
		data            []byte
	}{c.name + ".intoto.jsonl", "", lines})
	for _, d := range documents {
		if err := os.WriteFile(filepath.Join(staging, d.name), d.data, 0o644); err != nil {
			return nil, err
		}
		files = append(files, d.name)
	}
	return files, nil
}

// verify runs a second process over what is in -out. Its status is nil or
// cli.ErrFindings; an artifact that is undecided is an error.
func (r *release) verify(ctx context.Context, names []string, source provenance.Source, expected string) (records []gate.Record, status, err error) {
	file := r.policy
	if file == "" {
		dir, err := os.MkdirTemp("", "release-policy-")
		if err != nil {
			return nil, nil, err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "policy.yaml")
		if err := os.WriteFile(file, policy, 0o644); err != nil {
			return nil, nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	args := []string{
		"verify", "-json", "-policy", file,
		"-key", "release=" + filepath.Join(r.out, "release.pub"),
		"-byproduct", ".cdx.json", "-byproduct", ".spdx.json",
		"-source", expected,
	}
	if !source.Commit.IsZero() {
		args = append(args, "-commit", source.Commit.Hex())
	}
	args = append(args, "--")
	for _, name := range names {
		args = append(args, filepath.Join(r.out, name))
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = []string{} // it needs nothing
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
	case exited && exit.ExitCode() == 1:
		status = cli.ErrFindings
	default:
		return nil, nil, fmt.Errorf("verifying: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	for dec := json.NewDecoder(&stdout); ; {
		var record gate.Record
		if err := dec.Decode(&record); err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("verifying: %w", err)
		}
		records = append(records, record)
	}
	if len(records) != len(names) {
		return nil, nil, fmt.Errorf("verifying: %d verdicts for %d programs", len(records), len(names))
	}
	return records, status, nil
}

func printTable(w io.Writer, records []gate.Record) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ARTIFACT\tDIGEST\tCOMMIT\tBUILDER\tCOMPONENTS\tVERDICT")
	for _, r := range records {
		components := "-"
		if r.Components > 0 {
			components = fmt.Sprint(r.Components)
		}
		fmt.Fprintf(t, "%s\t%.19s\t%.12s\t%s\t%s\t%s\n", r.Artifact, r.Digest, or(r.Commit, "-"),
			or(strings.TrimPrefix(r.Builder, "https://"), "-"), components, r.Verdict)
	}
	t.Flush()
	for _, r := range records {
		for _, c := range r.Reasons {
			fmt.Fprintf(w, "%s: %s %s: %s, want %s\n", r.Artifact, strings.TrimSpace(c.Rule+" "+c.Item), c.Outcome, c.Got, c.Want)
		}
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// getenv is the environment in which modules are built and read: each module
// by itself, whatever workspace it is in.
func getenv(name string) string {
	if name == "GOWORK" {
		return "off"
	}
	return os.Getenv(name)
}

// goCommand runs the go command in dir and returns what it prints. gowork is
// the value of GOWORK; empty leaves it to the go command.
func goCommand(ctx context.Context, dir, gowork string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK="+gowork)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// move moves a file, also to another file system, so that path is either there
// as a whole or not.
func move(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return cli.WriteFile(to, info.Mode().Perm(), func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}
