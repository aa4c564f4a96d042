// Attest is a step of a CI job: it signs a statement about files that the job has
// made. Without a predicate that is their provenance, observed from the job.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/ci"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/oidc"
	"github.com/hallmark-dev/hallmark/provenance/release"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

const usage = `usage: attest -key FILE | -keyless [flags] [SUBJECT...]
       attest -key FILE -policy FILE

Signs a statement about the subjects, and adds it as a line to the file -o. A
subject, with or without -subject before it, is a file, a directory, or a name
with digests: registry.example/org/app@sha256:… A directory gets a dirHash, by which
examples/verify does not know artifacts. gitCommit:…, or NAME@gitCommit:…, is a commit,
of which a policy asks with "source: true"; it has no provenance, and needs -predicate
and -o. The image that -oci names in its registry,
by a tag or a digest, is a subject too: its tag is looked up once, and the signed
statement is attached to what it named then, with the credentials of docker login.
Then -o is needed only for a file beside.

With -keyless it signs as the job, whose identity token it spends at an instance of
Sigstore (network). That is the public good one, where everybody can read for good
which workflow of which repository signed what, unless -trusted-root and
-signing-config name another. In GitHub Actions the job needs the permission
"id-token: write"; in GitLab it lets the token be put into the variable
SIGSTORE_ID_TOKEN, for the audience sigstore. The directory templates has workflows.
examples/verify -trusted-root recognizes who signed so, where its policy names the
workflow.

What is wrong with files and flags is found before anything is asked for over the
network, and a signature that a log keeps is made last.

Without -predicate the statement is SLSA provenance: who built the subjects, from
which commit, in which run. In a job of GitHub Actions, GitLab, Buildkite and other
systems it is observed from the job's environment, and from the job's identity
token if the system offers one (network). GitHub Actions offers it to jobs with the
permission "id-token: write"; in GitLab and Buildkite the job lets it be put into the
variable HALLMARK_ID_TOKEN, for the audience hallmark. Elsewhere the provenance is
observed from the git checkout around -dir. What nothing tells has to be named with
flags. A file in the checkout that the commit does not have, and that git does not
ignore, differs from the commit: a subject, too, and what -o names.

With -predicate or one of the flags for reports, the statement has that predicate:
an SBOM, test results, a scan.

-policy signs a policy file instead, for gates that demand it with -policy-key: that one,
with -key and -passphrase, into the file -o, or the policy file's name with .dsse. It
must be well-formed, not have expired, and have expires and serial.

Exit code: 0 the statement is written; 2 it could not be done.`

func main() {
	cli.Main("attest", func(ctx context.Context, args []string) error {
		return run(ctx, args, os.Stdout, os.Getenv, http.DefaultClient)
	})
}

// A step is what the flags ask for.
type step struct {
	subjects, parameters, issuers, configuration, references    cli.List
	checksums, dir, key, out, predicateType, predicate, builder string
	tests, scan, summary, system, source                        string
	passphrase, trustedRoot, signingConfig                      string
	started, finished                                           time.Time
	noToken, allowDirty, explain, keyless, plainHTTP            bool

	stdout io.Writer
	getenv func(string) string
	client *http.Client

	registry *oci.Client
	images   []oci.Image        // what the references name
	expect   sigstore.Signatory // whom the identity token names, if it was asked
	warning  string

	summaryFile  *os.File // if it is open
	summaryIsNew bool
}

func run(ctx context.Context, args []string, stdout io.Writer, getenv func(string) string, client *http.Client) error {
	s := step{stdout: stdout, getenv: getenv, client: client}
	flags := cli.Flags("attest")
	flags.Var(&s.subjects, "subject", "a `FILE`, a directory, or NAME@sha256:…, that the statement is about; may be repeated")
	flags.StringVar(&s.checksums, "checksums", "", "a `FILE` of sha256sum or the like, whose files the statement is about")
	flags.StringVar(&s.key, "key", "", "the private key to sign with, a PEM `FILE`")
	flags.StringVar(&s.passphrase, "passphrase", "", "a `FILE` with the passphrase of the key, if it is encrypted; in bash <(printenv NAME) is one")
	flags.BoolVar(&s.keyless, "keyless", false, "sign as the job, without a key (network)")
	flags.StringVar(&s.trustedRoot, "trusted-root", "", "with -keyless, the `FILE` trusted_root.json of the Sigstore instance")
	flags.StringVar(&s.signingConfig, "signing-config", "", "with -keyless, the `FILE` signing_config.v0.2.json of the Sigstore instance")
	flags.Var(&s.references, "oci", "an `IMAGE` in a registry that is a subject, and to which the envelope is attached (network); may be repeated")
	flags.BoolVar(&s.plainHTTP, "plain-http", false, "speak http with the registry of -oci: for one on this machine")
	flags.StringVar(&s.out, "o", "", "the `FILE` of JSON Lines to add the envelope to; SUBJECT.intoto.jsonl by default, if there is one subject")
	flags.StringVar(&s.predicate, "predicate", "", "a `FILE` with the predicate, as JSON")
	flags.StringVar(&s.predicateType, "predicate-type", "", "the `URI` that names the type of -predicate; told from the document if that is an SBOM")
	flags.StringVar(&s.tests, "tests", "", "a `FILE` with the output of go test -json, to be attested as test results")
	flags.Var(&s.configuration, "configuration", "a `FILE` that says what -tests tested and how; go.mod in -dir by default; may be repeated")
	flags.StringVar(&s.scan, "scan", "", "a `FILE` with the output of govulncheck -format json, to be attested as a scan")
	at := func(t *time.Time) func(string) error {
		return func(value string) (err error) {
			if *t, err = time.Parse(time.RFC3339, value); err != nil {
				err = errors.New("want a time as 2026-11-21T10:48:28Z")
			}
			return err
		}
	}
	flags.Func("started", "the `TIME`, as 2026-11-21T10:48:28Z, at which the build or the scan began", at(&s.started))
	flags.Func("finished", "the `TIME` at which it ended", at(&s.finished))
	flags.StringVar(&s.dir, "dir", ".", "a `DIRECTORY` of the checkout")
	flags.StringVar(&s.source, "source", "", "the repository `URL`, outside of a CI job, where the checkout does not tell")
	flags.StringVar(&s.builder, "builder", "", "the `URI` of the builder, where the job's token does not tell it")
	flags.Var(&s.parameters, "parameter", "the `NAME` of a variable that the build depends on and that may be published; may be repeated")
	flags.Var(&s.issuers, "issuer", "the `URL` of an issuer of identity tokens that is believed, instead of the public ones; may be repeated")
	flags.StringVar(&s.system, "system", "", "the CI `SYSTEM`, such as tekton, where its environment does not show it")
	flags.BoolVar(&s.noToken, "no-token", false, "do not ask for an identity token: the environment alone is the evidence")
	flags.BoolVar(&s.allowDirty, "allow-dirty", false, "attest although files differ from the commit; the provenance says so")
	flags.BoolVar(&s.explain, "explain", false, "print what the statement tells and how it is known")
	policy := flags.String("policy", "", "a policy `FILE` to sign, and no statement")
	flags.StringVar(&s.summary, "summary", getenv("GITHUB_STEP_SUMMARY"), "a `FILE` to add a summary in Markdown to; that of GITHUB_STEP_SUMMARY by default")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	if *policy != "" {
		if err := alone(flags); err != nil {
			return err
		}
		return signPolicy(ctx, *policy, cmp.Or(s.out, *policy+".dsse"), s.key, s.passphrase)
	}
	for _, arg := range flags.Args() {
		if err := s.subjects.Set(arg); err != nil {
			return fmt.Errorf("an empty argument, want a subject")
		}
	}
	return s.run(ctx)
}

func (s *step) run(ctx context.Context) error {
	given := 0
	for _, f := range []string{s.predicate, s.tests, s.scan} {
		if f != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return errors.New("-predicate, -tests and -scan: want one of them")
	case s.predicateType != "" && s.predicate == "":
		return errors.New("-predicate-type without -predicate")
	case len(s.subjects) == 0 && s.checksums == "" && len(s.references) == 0:
		return errors.New("no subject (-h lists the flags)")
	case s.plainHTTP && len(s.references) == 0:
		return errors.New("-plain-http without -oci")
	}
	if given == 0 && slices.ContainsFunc(s.subjects, isCommit) {
		return errors.New("nothing builds a commit: want -predicate, -tests or -scan")
	}
	if s.source != "" {
		url := provenance.RepositoryURL(s.source)
		if url == "" {
			return fmt.Errorf("-source %s: want the URL of a repository", s.source)
		}
		s.source = url
	}
	if s.out == "" && len(s.references) == 0 {
		if len(s.subjects) != 1 || s.checksums != "" || strings.Contains(s.subjects[0], "@sha") || isCommit(s.subjects[0]) {
			return errors.New("no -o, and not one file whose name it could have")
		}
		s.out = filepath.Clean(s.subjects[0]) + ".intoto.jsonl"
	}
	progress := cli.NewProgress()
	signed, err := s.sign(ctx, progress)
	progress.Stop()
	if err != nil {
		return errors.Join(err, s.closeSummary(""))
	}
	s.report(signed)
	return s.closeSummary(signed.summary())
}

// A statement is what was signed.
type statement struct {
	subjects      []hallmark.Artifact
	predicateType string
	explanation   *provenance.Explanation
}

// sign does it. First comes what this machine knows, then what has to be asked for,
// and last what cannot be taken back: a log keeps it.
func (s *step) sign(ctx context.Context, progress *cli.Progress) (*statement, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	said, err := s.read()
	if err != nil {
		return nil, err
	}
	if s.out != "" { // nothing is appended, but whatever is wrong with the file is found
		if _, err := sign.AppendFile(ctx, s.out); err != nil {
			return nil, err
		}
	}
	progress.Step("hashing")
	files, err := s.files(ctx)
	if err != nil {
		return nil, err
	}
	if s.keyless {
		// Whether there is a token. It is asked for again when it is spent: it does
		// not last.
		if _, err := oidc.Token(s.getenv, s.client)(ctx, sigstore.DefaultAudience); err != nil {
			return nil, fmt.Errorf("-keyless: %w", err)
		}
	}
	progress.Step("looking up images")
	if err := s.lookUp(ctx); err != nil {
		return nil, err
	}
	subjects := slices.Clone(files)
	for _, image := range s.images {
		subjects = append(subjects, image.Artifact())
	}
	var observed *provenance.Build
	if said == nil {
		progress.Step("observing the job")
		if observed, err = s.observe(ctx); err != nil {
			return nil, err
		}
		observed.Started, observed.Finished = s.started, s.finished
		said = observed
	}
	st, err := said.Statement(subjects...)
	if err != nil {
		return nil, err
	}
	payload, err := st.Marshal()
	if err != nil {
		return nil, err
	}
	explanation := st.Explain()
	if observed != nil {
		explanation = observed.Explain()
	}
	// What was hashed first may have been replaced meanwhile, or be gone.
	progress.Step("hashing again")
	again, err := s.files(ctx)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(again, files) {
		return nil, errors.New("the subjects changed while they were attested")
	}
	if err := s.openSummary(); err != nil {
		return nil, err
	}
	progress.Step("signing")
	env, err := signer(ctx, payload)
	if err != nil {
		return nil, err
	}
	// The file last: what is attached twice is there once.
	progress.Step("attaching")
	if err := s.attach(ctx, env); err != nil {
		return nil, err
	}
	if s.out != "" {
		if _, err := sign.AppendFile(ctx, s.out, env); err != nil {
			return nil, err
		}
	}
	return &statement{subjects, st.PredicateType, explanation}, nil
}

// files returns the subjects that are no images: those of the flags, and those of
// -checksums.
func (s *step) files(ctx context.Context) ([]hallmark.Artifact, error) {
	var artifacts []hallmark.Artifact
	for _, name := range s.subjects {
		info, err := os.Lstat(name)
		var a hallmark.Artifact
		switch {
		case err == nil && info.IsDir():
			a, err = hallmark.HashDir(ctx, name, hallmark.DirOptions{Algorithms: []string{"dirHash"}})
		case err == nil:
			var as []hallmark.Artifact
			if as, err = hallmark.HashFiles(ctx, []string{name}, hallmark.HashOptions{}); err == nil {
				a = as[0]
			}
		case errors.Is(err, fs.ErrNotExist) && isCommit(name):
			a, err = parseCommit(name)
		case errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "@"):
			a, err = hallmark.ParseArtifact(name)
		}
		if err != nil {
			return nil, err
		}
		artifacts = append(artifacts, a)
	}
	if s.checksums != "" {
		data, err := cli.ReadFile(s.checksums, hallmark.MaxChecksums)
		if err != nil {
			return nil, err
		}
		listed, err := hallmark.ParseChecksums(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.checksums, err)
		}
		artifacts = append(artifacts, listed...)
	}
	return artifacts, nil
}

// isCommit reports whether a subject is written as a commit is.
func isCommit(subject string) bool {
	return strings.HasPrefix(subject[strings.LastIndexByte(subject, '@')+1:], "gitCommit:")
}

// parseCommit returns a commit as an artifact. It has the one digest by which git
// names it, which may be by SHA-1: [hallmark.ParseArtifact] refuses it, since nothing
// that is delivered should be known by that alone.
func parseCommit(subject string) (hallmark.Artifact, error) {
	at := strings.LastIndexByte(subject, '@')
	if at == 0 {
		return hallmark.Artifact{}, fmt.Errorf("malformed commit %.200q: no name before the @", subject)
	}
	d, err := hallmark.ParseDigest(subject[at+1:])
	if err != nil {
		return hallmark.Artifact{}, fmt.Errorf("malformed commit %.200q: %w", subject, err)
	}
	return hallmark.Artifact{Name: subject[:max(at, 0)], Digests: []hallmark.Digest{d}}, nil
}

// A predicate is what the statement says of its subjects.
type predicate interface {
	Statement(subjects ...hallmark.Artifact) (*provenance.Statement, error)
}

// A document is a predicate that is signed as it came.
type document struct {
	name, predicateType string
	data                []byte
}

func (d *document) Statement(subjects ...hallmark.Artifact) (*provenance.Statement, error) {
	st, err := provenance.New(d.predicateType, json.RawMessage(d.data), subjects...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return st, nil
}

// read returns the predicate that a file has, or nil if it is provenance, which has
// to be observed.
func (s *step) read() (predicate, error) {
	switch {
	case s.tests != "":
		f, err := os.Open(s.tests)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		var o release.GoTestOptions
		configuration := s.configuration
		if configuration == nil {
			configuration = cli.List{filepath.Join(s.dir, "go.mod")}
		}
		for _, name := range configuration {
			a, err := hallmark.HashFile(name)
			if err != nil {
				return nil, fmt.Errorf("-configuration: %w", err)
			}
			o.Configuration = append(o.Configuration, provenance.ResourceDescriptor{Name: a.Name, Digest: provenance.NewDigestSet(a.Digests...)})
		}
		r, err := release.ReadGoTest(f, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.tests, err)
		}
		return r, nil
	case s.scan != "":
		f, err := os.Open(s.scan)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r, err := release.ReadGovulncheck(f, s.started, s.finished)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.scan, err)
		}
		return r, nil
	case s.predicate != "":
		data, err := cli.ReadFile(s.predicate, provenance.MaxStatementSize)
		if err != nil {
			return nil, err
		}
		if s.predicateType != "" {
			return &document{s.predicate, s.predicateType, data}, nil
		}
		bom, err := provenance.NewSBOM(data)
		if err != nil {
			return nil, fmt.Errorf("%s: no SBOM, and no -predicate-type that says what it is: %w", s.predicate, err)
		}
		return bom, nil
	}
	return nil, nil
}

// observe returns the build that runs.
func (s *step) observe(ctx context.Context) (*provenance.Build, error) {
	system, err := ci.Detect(s.getenv)
	if err != nil {
		return nil, err
	}
	if s.system != "" && system == ci.Local { // it need not show
		system = ci.System(s.system)
	}
	if system == ci.Local || system == ci.Act {
		b, err := git.Observe(ctx, s.dir, git.Options{Getenv: s.getenv, Repository: s.source, AllowModified: s.allowDirty})
		if err != nil {
			return nil, advise(err)
		}
		source, _ := b.Source()
		switch {
		case source.Repository == "":
			return nil, errors.New("the repository is not known, because the checkout has no remote that others can reach: name it with -source")
		case s.source != "" && s.source != source.Repository:
			return nil, fmt.Errorf("-source is %s, but the checkout is of %s", s.source, source.Repository)
		}
		return b, s.name(b)
	}
	if s.source != "" {
		return nil, fmt.Errorf("-source in a job of %s, which tells the source", system)
	}
	var claims *provenance.Claims
	if !s.noToken {
		v := oidc.Verifier{Issuers: oidc.Issuers(s.issuers)}
		claims, err = v.Fetch(ctx, s.getenv, s.client)
		switch {
		case errors.Is(err, oidc.ErrNoToken):
			s.warning = fmt.Sprintf("%v: the environment alone is the evidence", err)
		case err != nil:
			return nil, err
		}
	}
	o := ci.Observer{System: ci.System(s.system), Parameters: s.parameters}
	// A checkout beside the job's word is another witness.
	checkout, err := git.Inspect(ctx, s.dir, s.getenv)
	switch {
	case errors.Is(err, git.ErrNoCheckout):
	case err != nil:
		return nil, err
	case len(checkout.Modified) > 0 && !s.allowDirty:
		return nil, advise(&git.ModifiedError{Files: checkout.Modified})
	default:
		o.Source = checkout.Source(git.Options{Getenv: s.getenv})
	}
	b, err := o.Observe(s.getenv, claims)
	if err != nil {
		return nil, err
	}
	if b.Evidence["builder"] == provenance.Claim {
		s.expect = sigstore.Workflow{Issuer: claims.Issuer, Builder: b.Builder}
	}
	return b, s.name(b)
}

// advise adds to err what can be done about files that differ from the commit.
func advise(err error) error {
	if modified, ok := errors.AsType[*git.ModifiedError](err); ok {
		return fmt.Errorf("%w: commit them, let git ignore them, or use -allow-dirty", modified)
	}
	return err
}

// name gives b the builder that the caller has named.
func (s *step) name(b *provenance.Build) error {
	switch {
	case s.builder == "" && b.Builder == "":
		return errors.New("the builder is not known, because no identity token tells it: let the job have one (in GitHub Actions permissions: id-token: write), or name it with -builder")
	case s.builder == "" || s.builder == b.Builder:
	case b.Evidence["builder"] == provenance.Claim:
		return fmt.Errorf("-builder is %s, but the identity token says %s", s.builder, b.Builder)
	default:
		b.Builder = s.builder
		b.Evidence["builder"] = provenance.Caller
	}
	return nil
}

// report prints what was signed.
func (s *step) report(signed *statement) {
	for _, a := range signed.subjects {
		fmt.Fprintf(s.stdout, "%s  %s  %s\n", a.Digests[0], cli.Printable(cmp.Or(a.Name, "-")), cmp.Or(s.out, "attached"))
	}
	if s.explain {
		fmt.Fprint(s.stdout, signed.explanation)
	}
	if s.warning != "" {
		fmt.Fprintf(os.Stderr, "attest: %s\n", cli.Printable(s.warning))
	}
}

// openSummary opens the file for the summary, so that it is known before anything
// is signed whether it can be written.
func (s *step) openSummary() (err error) {
	if s.summary == "" {
		return nil
	}
	_, err = os.Lstat(s.summary)
	s.summaryIsNew = errors.Is(err, fs.ErrNotExist)
	s.summaryFile, err = os.OpenFile(s.summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	return err
}

// closeSummary adds text to the summary, if it is open, and closes it. Without text,
// a file that was not there is removed.
func (s *step) closeSummary(text string) error {
	if s.summaryFile == nil {
		return nil
	}
	_, err := io.WriteString(s.summaryFile, text)
	err = errors.Join(err, s.summaryFile.Close())
	if text == "" && s.summaryIsNew {
		err = errors.Join(err, os.Remove(s.summary))
	}
	return err
}

// summary returns what was signed, in Markdown.
func (st *statement) summary() string {
	var md strings.Builder
	fmt.Fprintf(&md, "### Attested: %s\n\n| artifact | digest |\n|---|---|\n", code(st.predicateType))
	for _, a := range st.subjects[:min(len(st.subjects), 100)] {
		fmt.Fprintf(&md, "| %s | %s |\n", code(cmp.Or(a.Name, "-")), code(a.Digests[0].String()))
	}
	if n := len(st.subjects) - 100; n > 0 {
		fmt.Fprintf(&md, "\nand %d more\n", n)
	}
	if text := st.explanation.String(); text != "" {
		fmt.Fprintf(&md, "\n<details><summary>What it tells, and how that is known</summary>\n\n```\n%s```\n</details>\n", strings.ReplaceAll(text, "```", "'''"))
	}
	return md.String()
}

// code returns s as code in a table of Markdown.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(cli.Printable(s)) + "`"
}
