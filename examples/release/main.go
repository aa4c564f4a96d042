// Release builds the commands of a Go module and says, signed, what is in them
// and where they came from. Then it verifies what it has written as somebody
// else would: in another process, by a policy file.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"debug/buildinfo"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/input"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

const usage = `usage: release [flags]

Builds every command of the Go module in -dir, or of the modules of the go.work
there, and writes for each into -out:

	NAME               the program, built with -trimpath -buildvcs=true
	NAME.cdx.json      what is in it, as CycloneDX
	NAME.spdx.json     the same as SPDX
	NAME.recipe.json   how to build it again
	NAME.binding.json  what ties it to the source, link by link
	NAME.intoto.jsonl  its provenance and its SBOM, attested and signed

and release.pub, the public key. Then a second process, which gets these files,
the policy, and the source and the commit that are expected, verifies them, and a
table shows what came of it.

The source is the git checkout around -dir. Every file that go list knows to be
compiled must be that of the commit, and every module in the module cache as
go.sum has it. Without a checkout the source is unknown, unless -source and
-commit say what it is; a source without a repository and a commit is not
accepted.

The go command runs with GOFLAGS and the other settings of how to build at their
defaults. Commands in directories named internal or testdata are not built.
Documents carry the time SOURCE_DATE_EPOCH, or else that of the commit, or else
now. -releases adds to them what the module cache knows of the modules' releases,
which a policy that asks how old dependencies are needs. It is off by default, since
the cache is not part of the commit: with the files that another machine has there,
the documents are others. No network is used; "go mod download" fetches what it reads.

Exit code: 0 all is accepted; 1 something is rejected; 2 it could not be done.`

// policy is what the second process demands, unless -policy names another file.
//
//go:embed policy.yaml
var policy []byte

func main() {
	cli.Main("release", func(ctx context.Context, args []string) error {
		// This program starts itself as the process that verifies.
		if len(args) > 0 && args[0] == "verify" {
			return gate.Main(ctx, args[1:], gate.Means{})
		}
		return run(ctx, args)
	})
}

// A release is what the flags ask for.
type release struct {
	dir, out, key, version, source, commit, policy string
	packages                                       cli.List
	allowDirty, releases                           bool
	env                                            environment
	progress                                       *cli.Progress

	checkout *git.Checkout
	proofs   map[string]*gobuild.SourceProof // by the import path of a command
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
	flags.BoolVar(&r.releases, "releases", false, "add to the documents when modules were released, and whether they were retracted or deprecated")
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
	if r.policy != "" { // before anything is built
		data, err := cli.ReadFile(r.policy, policyfile.MaxSize)
		if err != nil {
			return err
		}
		if _, err := policyfile.Parse(data, policyfile.Options{Now: time.Now, Key: func(name string) (sign.Verifier, error) {
			if name != "release" {
				return nil, errors.New(`the only key is "release"`)
			}
			return signer, nil
		}}); err != nil {
			return fmt.Errorf("%s: %w", r.policy, err)
		}
	}
	if r.source != "" {
		url := provenance.RepositoryURL(r.source)
		if url == "" {
			return fmt.Errorf("-source %s: want the URL of a repository", r.source)
		}
		r.source = url
	}
	if r.env, err = goEnvironment(ctx); err != nil {
		return err
	}
	r.progress = cli.NewProgress()
	names, source, expected, err := r.make(ctx, signer)
	if err != nil {
		r.progress.Stop()
		return err
	}
	r.progress.Step("verifying")
	reports, status, err := r.verify(ctx, names, source, expected)
	r.progress.Stop()
	if err != nil {
		return err
	}
	if err := r.printTable(os.Stdout, names, reports); err != nil {
		return err
	}
	return status
}

// signer returns the key that -key names, or a fresh one.
func (r *release) signer() (sign.SignerVerifier, error) {
	if r.key != "" {
		pem, err := cli.ReadFile(r.key, sign.MaxKeySize)
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
	r.progress.Step("looking at the source")
	source, base, created, err := r.observe(ctx, commands)
	if err != nil {
		return fail(err)
	}
	if created, err = cli.Created(os.Getenv, created); err != nil {
		return fail(err)
	}
	// If nothing can be written there, that should be known before anything is
	// built.
	if _, err := os.Stat(r.out); errors.Is(err, os.ErrNotExist) {
		defer os.Remove(r.out) // succeeds only if it is still empty
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
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
	files := []string{publicKey}
	if err := os.WriteFile(filepath.Join(staging, publicKey), public, 0o644); err != nil {
		return fail(err)
	}
	for i, c := range commands {
		r.progress.Step("building %s (%d of %d)", c.name, i+1, len(commands))
		build := *base
		if err := r.makeOne(ctx, c, source, &build, signer, created, staging); err != nil {
			return fail(fmt.Errorf("%s: %w", c.pkg, err))
		}
		names = append(names, c.name)
		for _, file := range c.files() {
			if _, err := os.Stat(filepath.Join(staging, file)); err == nil {
				files = append(files, file)
			}
		}
	}

	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	for _, name := range files {
		if info, err := os.Lstat(filepath.Join(r.out, name)); err == nil && !info.Mode().IsRegular() {
			return fail(fmt.Errorf("%s is in the way: not a regular file", filepath.Join(r.out, name)))
		}
	}
	for _, name := range files {
		if err := move(filepath.Join(staging, name), filepath.Join(r.out, name)); err != nil {
			return fail(err)
		}
	}
	expected = source.Repository
	if expected == "" {
		expected = provenance.ModuleRepository(commands[0].module)
	}
	if expected == "" {
		expected = "https://" + commands[0].module
	}
	return names, source, expected, nil
}

// publicKey is the file with the public key.
const publicKey = "release.pub"

// commands returns the programs to build.
func (r *release) commands(ctx context.Context) ([]command, error) {
	dirs := []string{r.dir}
	if _, err := os.Stat(filepath.Join(r.dir, "go.work")); err == nil && len(r.packages) == 0 {
		// The binaries of a workspace are built one module at a time, with the
		// versions that each module selects for itself.
		work, err := filepath.Abs(filepath.Join(r.dir, "go.work"))
		if err != nil {
			return nil, err
		}
		out, err := goCommand(ctx, r.dir, r.env.with("GOWORK", work), "list", "-m", "-f", "{{.Dir}}")
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
	taken := map[string]string{publicKey: "the public key"} // by whom, by the file's name
	for _, dir := range dirs {
		args := append([]string{"list", "-f", "{{.Name}} {{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "--"}, patterns...)
		out, err := goCommand(ctx, dir, r.env, args...)
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
			c := command{name: programName(f[1], r.env["GOOS"]), pkg: f[1], moduleDir: dir, module: f[2]}
			for _, file := range c.files() {
				key := strings.ToLower(file) // on some systems names that differ in case are one
				if other, ok := taken[key]; ok {
					return nil, fmt.Errorf("%s would write %s, and so would %s: choose with -package", c.pkg, file, other)
				}
				taken[key] = c.pkg
			}
			commands = append(commands, c)
		}
	}
	if len(commands) == 0 {
		return nil, fmt.Errorf("no commands in %s", r.dir)
	}
	return commands, nil
}

// A document is a file that is written beside a program.
type document struct {
	name, mediaType string
	data            []byte
}

// files returns the names of the files that are made of c, the program first. There
// is no .binding.json where there is no source to bind to.
func (c command) files() []string {
	return []string{c.name, c.name + ".cdx.json", c.name + ".spdx.json", c.name + ".recipe.json", c.name + ".binding.json", c.name + ".intoto.jsonl"}
}

// programName returns the name that go build gives to a command: the last
// element of its path that is not a major version, v2 or higher.
func programName(pkg, goos string) string {
	elements := strings.Split(pkg, "/")
	name := elements[len(elements)-1]
	if n := len(elements); n > 1 && len(name) > 1 && name[0] == 'v' && name[1] != '0' && name != "v1" && strings.Trim(name[1:], "0123456789") == "" {
		name = elements[n-2]
	}
	if goos == "windows" {
		name += ".exe"
	}
	return name
}

// observe returns the source, the build that it makes, and the time of its
// commit, or now.
func (r *release) observe(ctx context.Context, commands []command) (provenance.Source, *provenance.Build, time.Time, error) {
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
	if r.source != "" && checkout.Repository != "" && checkout.Repository != r.source {
		return fail(fmt.Errorf("-source is %s, but the checkout is of %s", r.source, checkout.Repository))
	}

	// git does not show files that it ignores, and cannot know those outside;
	// the compiler reads both.
	r.checkout, r.proofs = checkout, make(map[string]*gobuild.SourceProof)
	for _, c := range commands {
		proof, err := gobuild.ProveSource(ctx, c.moduleDir, []string{c.pkg}, gobuild.Options{Getenv: r.env.get, Flags: buildFlags(), AllowDirty: true, VerifyModules: true})
		if err != nil {
			return fail(err)
		}
		for _, f := range proof.Deviations() {
			if f.Outcome == gobuild.Outside {
				return fail(fmt.Errorf("%s is built from %s, which is not in the checkout", c.pkg, f.Path))
			}
			if !slices.Contains(checkout.Modified, f.Path) {
				checkout.Modified = append(checkout.Modified, f.Path)
			}
		}
		for _, m := range proof.Modules {
			if m.Outcome != gobuild.Match {
				return fail(fmt.Errorf("%s is built from a module that is not as go.sum has it: %s", c.pkg, m))
			}
		}
		r.proofs[c.pkg] = proof
	}
	slices.Sort(checkout.Modified)

	o := git.Options{Getenv: os.Getenv, Repository: r.source, ModulePath: commands[0].module, AllowModified: r.allowDirty}
	b, err := checkout.Build(ctx, o)
	if modified, ok := errors.AsType[*git.ModifiedError](err); ok {
		advice := "commit them, or use -allow-dirty"
		if out, err := filepath.Abs(r.out); err == nil && !slices.ContainsFunc(modified.Files, func(name string) bool {
			rel, err := filepath.Rel(out, filepath.Join(checkout.Root, filepath.FromSlash(name)))
			return err != nil || !filepath.IsLocal(rel)
		}) {
			advice = "they are in -out: let git ignore it, or use one elsewhere"
		}
		return fail(fmt.Errorf("%w: %s", modified, advice))
	}
	if err != nil {
		return fail(err)
	}
	return checkout.Source(o), b, checkout.Time, nil
}

// buildFlags are those that programs are built with.
func buildFlags() []string { return []string{"-trimpath", "-buildvcs=true"} }

// makeOne makes the files of one command in the directory staging.
func (r *release) makeOne(ctx context.Context, c command, source provenance.Source, build *provenance.Build, signer sign.SignerVerifier, created time.Time, staging string) error {
	// The program. If the go command is killed, it leaves its own files behind.
	binary := filepath.Join(staging, c.name)
	args := append(append([]string{"build"}, buildFlags()...), "-o", binary, "--", c.pkg)
	if _, err := goCommand(ctx, c.moduleDir, r.env.with("GOTMPDIR", staging), args...); err != nil {
		return err
	}
	proof := r.proofs[c.pkg]
	if proof != nil {
		if err := proof.Recheck(ctx); err != nil {
			return err
		}
	}
	app, err := hallmark.HashFile(binary, "sha256", "sha512")
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}

	// gobuild.Bind compares the commit in the binary, if there is one.
	stamped := slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.revision" })
	if source.CommitFrom == provenance.Git && !stamped {
		return errors.New("the go command found no commit for it: it is not of the checkout")
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
		return fmt.Errorf("-version is %s, but Go says that the module is %s", r.version, version)
	}
	doc, err := gomod.Load(ctx, c.moduleDir, gomod.Options{Getenv: r.env.get, Packages: []string{c.pkg}, Version: version})
	if err != nil {
		return err
	}
	inside, err := gomod.FromBuildInfo(info, gomod.BinaryOptions{})
	if err != nil {
		return err
	}
	if err := gomod.Reconcile(doc, inside); err != nil {
		return err
	}
	if r.releases {
		if err := gomod.AddReleases(ctx, doc, gomod.ReleaseOptions{ModCache: r.env["GOMODCACHE"]}); err != nil {
			return err
		}
	}
	doc.Phase = sbom.Built
	doc.Main.Digests = app.Digests
	stamp := sbom.Stamp{Created: created, Tool: sbom.Tool{Name: "hallmark-release"}}
	cdxJSON, err := cyclonedx.Marshal(doc, stamp)
	if err != nil {
		return err
	}
	spdxJSON, err := spdx.Marshal(doc, stamp)
	if err != nil {
		return err
	}

	// Where it came from.
	recipe := &gobuild.Recipe{Flags: buildFlags()}
	var binding *gobuild.Binding
	if proof == nil { // nobody says what it was made of
		err = gobuild.Attach(build, info, *recipe)
	} else {
		if binding, err = gobuild.Bind(ctx, binary, gobuild.Parts{Getenv: r.env.get, Artifact: app, Source: proof, Checkout: r.checkout, Build: build}); err != nil {
			return err
		}
		// Other files that were modified make no recipe either: no commit has them.
		if proof.Clean() && !source.Modified {
			if recipe, err = proof.Recipe(ctx, c.pkg, source); err != nil {
				return err
			}
		}
		err = binding.Record(build, *recipe)
	}
	if err != nil {
		return err
	}
	documents := []document{
		{c.name + ".cdx.json", cyclonedx.MediaType, cdxJSON},
		{c.name + ".spdx.json", spdx.MediaType, spdxJSON},
	}
	how, err := recipe.With(info).Marshal()
	if err != nil {
		return err
	}
	documents = append(documents, document{c.name + ".recipe.json", "application/json", how})
	if binding != nil {
		links, err := binding.Marshal()
		if err != nil {
			return err
		}
		documents = append(documents, document{c.name + ".binding.json", "application/json", links})
	}
	for _, d := range documents {
		digests, err := hallmark.Hash(bytes.NewReader(d.data))
		if err != nil {
			return err
		}
		build.Byproducts = append(build.Byproducts, provenance.ResourceDescriptor{
			Name:      d.name,
			Digest:    provenance.NewDigestSet(digests...),
			MediaType: d.mediaType,
		})
	}
	made, err := build.Statement(app)
	if err != nil {
		return err
	}
	contains, err := provenance.New(cyclonedx.PredicateType, json.RawMessage(cdxJSON), app)
	if err != nil {
		return err
	}

	// Who says so.
	var lines []byte
	for _, st := range []*provenance.Statement{made, contains} {
		payload, err := st.Marshal()
		if err != nil {
			return err
		}
		env, err := sign.Sign(ctx, provenance.MediaType, payload, signer)
		if err != nil {
			return err
		}
		line, err := env.Marshal()
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}

	for _, d := range documents {
		if err := os.WriteFile(filepath.Join(staging, d.name), d.data, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(staging, c.name+".intoto.jsonl"), lines, 0o644)
}

// verify runs a second process over what is in -out. Its status is nil or
// cli.ErrFindings; an artifact that is undecided is an error.
func (r *release) verify(ctx context.Context, names []string, source provenance.Source, expected string) (reports []verify.Report, status, err error) {
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
		"-key", "release=" + filepath.Join(r.out, publicKey),
		"-byproduct", ".cdx.json", "-byproduct", ".spdx.json", "-byproduct", ".recipe.json",
		"-source", expected,
	}
	if source.Commit.IsZero() {
		args = append(args, "-any-commit") // there is none to expect
	} else {
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
		var report verify.Report
		if err := dec.Decode(&report); err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("verifying: %w", err)
		}
		reports = append(reports, report)
	}
	if len(reports) != len(names) {
		return nil, nil, fmt.Errorf("verifying: %d verdicts for %d programs", len(reports), len(names))
	}
	return reports, status, nil
}

// printTable prints a line for each program, and why it is not accepted.
func (r *release) printTable(w io.Writer, names []string, reports []verify.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ARTIFACT\tDIGEST\tCOMMIT\tBUILDER\tCOMPONENTS\tVERDICT")
	for i, report := range reports {
		commit, builder, components := "-", "-", "-"
		if report.Source != nil {
			commit = cmp.Or(report.Source.Commit, commit)
		}
		if report.Builder != nil {
			builder = strings.TrimPrefix(report.Builder.ID, "https://")
		}
		if report.Verdict == verify.Accepted {
			// It is a byproduct that the provenance names.
			data, err := cli.ReadFile(filepath.Join(r.out, names[i]+".cdx.json"), input.MaxDocument)
			if err != nil {
				return err
			}
			var bom struct{ Components []json.RawMessage }
			if err := json.Unmarshal(data, &bom); err != nil {
				return err
			}
			components = fmt.Sprint(len(bom.Components))
		}
		fmt.Fprintf(t, "%s\tsha256:%.12s\t%.12s\t%s\t%s\t%s\n", report.Artifact.Name, report.Artifact.Digests["sha256"], commit,
			cli.Printable(builder), components, report.Verdict)
	}
	t.Flush()
	for _, report := range reports {
		if report.Verdict != verify.Accepted {
			fmt.Fprintln(w, report.String())
		}
	}
	return nil
}

// An environment is what the go command gets.
type environment map[string]string

// goEnvironment returns the environment in which modules are built and read:
// where things are and come from is as the user has set it, also with "go env
// -w"; how to build is left to the module, each by itself, whatever workspace it
// is in. Flags from elsewhere (GOFLAGS=-overlay=…) could compile anything.
func goEnvironment(ctx context.Context) (environment, error) {
	out, err := goCommand(ctx, ".", nil, "env", "-json")
	if err != nil {
		return nil, err
	}
	all := make(environment)
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	env := make(environment)
	for _, name := range []string{
		"GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOTOOLCHAIN",
		"GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH",
		"GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
		"GOEXPERIMENT", "GOFIPS140", "CGO_ENABLED", "CC", "CXX", "AR",
	} {
		env[name] = all[name]
	}
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "SSH_AUTH_SOCK", "NETRC",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMP", "TEMP",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	} {
		env[name] = os.Getenv(name)
	}
	env["GOENV"], env["GOWORK"], env["GOFLAGS"] = "off", "off", ""
	// The go command runs git to stamp the commit; a checkout's own
	// configuration must not make it run something else.
	env["GIT_CONFIG_COUNT"], env["GIT_CONFIG_KEY_0"], env["GIT_CONFIG_VALUE_0"] = "1", "core.fsmonitor", "false"
	return env, nil
}

func (e environment) get(name string) string { return e[name] }

func (e environment) with(name, value string) environment {
	with := maps.Clone(e)
	with[name] = value
	return with
}

// goCommand runs the go command in dir and returns what it prints. Without env
// it has that of this process.
func goCommand(ctx context.Context, dir string, env environment, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if env[name] != "" {
			cmd.Env = append(cmd.Env, name+"="+env[name])
		}
	}
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
