// Package gate holds artifacts against a policy file and says what came of it.
// examples/verify is this as a program; examples/release runs it on what it has
// just built, in a process of its own.
package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// cycloneDX is the predicate type of CycloneDX documents. A gate does not need
// the package that writes them.
const cycloneDX = "https://cyclonedx.org/bom"

// Usage describes the flags and the exit codes.
const Usage = `usage: verify -policy FILE [flags] ARTIFACT...

Decides for each artifact whether the policy accepts it. An artifact is a file,
an image by its digest, "registry.example/team/app@sha256:…", or a digest
"sha256:…". Unless -evidence names other evidence, that of a file is in the files
ARTIFACT.intoto.jsonl, ARTIFACT.sigstore.json and ARTIFACT.sigstore.jsonl beside
it, of which one must be there, and that of an image is what is attached to it in
its registry (network, with the credentials of docker login). A tag of an image can
be moved while it is verified, and is refused.

A policy names keys, of which -key gives the files, and workflows and accounts that
sign without a key. Those are recognized by what a Sigstore instance keeps and signs:
-trusted-root gives its keys, as a file that you have from where you trust it.

Exit code: 0 every artifact is accepted; 1 one is rejected, or unproven because
the evidence does not tell enough; 2 it could not be decided.`

// Options are the flags of a gate.
type Options struct {
	Policy     string
	Keys       cli.List
	Evidence   cli.List
	Byproducts cli.List
	Source     string
	Commit     string
	AnyCommit  bool
	JSON       bool
	At         time.Time // when the policy is asked; zero is now

	TrustedRoot string
	PlainHTTP   bool

	means Means
	given *evidence // what is in -evidence, once it was read
}

// Means are what a gate has beside keys and files. examples/verify has them;
// examples/release verifies only what it has just written, and does without code
// that speaks with others. What is nil is refused.
type Means struct {
	Identities Identities

	// Image returns the image that a reference names, by a digest.
	Image func(reference string) (hallmark.Artifact, error)

	// Find returns the envelopes that are attached to an image, and why other
	// things are none.
	Find func(ctx context.Context, reference string, plainHTTP bool) (envelopes []*sign.Envelope, skipped []error, err error)
}

// Verdicts of a Record.
const (
	Accepted  = "accepted"
	Rejected  = "rejected"
	Unproven  = "unproven"
	Undecided = "undecided"
)

// A Record is what came of one artifact. As JSON it is one line of the output
// of -json.
type Record struct {
	Artifact   string   `json:"artifact"`
	Digest     string   `json:"digest,omitempty"`
	Verdict    string   `json:"verdict"`
	Error      string   `json:"error,omitempty"`   // why it is undecided
	Reasons    []Check  `json:"reasons,omitempty"` // why it is rejected or unproven
	Checks     []Check  `json:"checks,omitempty"`  // why it is accepted
	Skipped    []string `json:"skipped,omitempty"` // lines of the evidence that are none
	Builder    string   `json:"builder,omitempty"`
	Level      int      `json:"level,omitempty"`
	Repository string   `json:"repository,omitempty"`
	Ref        string   `json:"ref,omitempty"`
	Commit     string   `json:"commit,omitempty"`
	Components int      `json:"components,omitempty"` // in the attested CycloneDX document
}

// A Check is a verify.Check as JSON.
type Check struct {
	Rule     string `json:"rule"`
	Item     string `json:"item,omitempty"`
	Outcome  string `json:"outcome"`
	Got      string `json:"got"`
	Want     string `json:"want"`
	Envelope int    `json:"evidence"`
}

// Main is the program.
func Main(ctx context.Context, args []string, means Means) error {
	var o Options
	flags := cli.Flags("verify")
	o.Flags(flags, means)
	flags.Var(&o.Byproducts, "byproduct", "a `SUFFIX`, such as .cdx.json: the file ARTIFACT+SUFFIX must be a byproduct that the provenance names; may be repeated")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON object for each artifact, on a line of its own")
	if err := cli.Parse(flags, Usage, args); err != nil {
		return err
	}
	if o.Policy == "" {
		return errors.New("no -policy (-h lists the flags)")
	}
	if flags.NArg() == 0 {
		return errors.New("no artifact to verify (-h lists the flags)")
	}
	policy, err := o.load()
	if err != nil {
		return err
	}

	findings := false
	var undecided []error
	for _, artifact := range flags.Args() {
		r, err := o.verify(ctx, policy, artifact)
		if err != nil {
			undecided = append(undecided, err)
			r.Verdict, r.Error = Undecided, err.Error()
		}
		findings = findings || r.Verdict == Rejected || r.Verdict == Unproven
		if o.JSON {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fmt.Printf("%s\n", line)
		} else if err == nil {
			fmt.Print(r.text())
		}
	}
	if len(undecided) > 0 {
		return errors.Join(undecided...)
	}
	if findings {
		return cli.ErrFindings
	}
	return nil
}

// load reads the policy and fills in what it leaves open. A flag cannot replace
// what the policy says.
func (o *Options) load() (*verify.Policy, error) {
	loader := Loader{Keys: o.Keys, TrustedRoot: o.TrustedRoot, Identities: o.means.Identities, Now: o.now}
	policy, _, err := loader.Load(o.Policy)
	if err != nil {
		return nil, err
	}
	if o.Source != "" {
		if policy.Source != "" && policy.Source != o.Source {
			return nil, fmt.Errorf("-source is %s, but the policy has %s", o.Source, policy.Source)
		}
		policy.Source = o.Source
	}
	if o.Commit != "" {
		commit, err := hallmark.ParseDigest("gitCommit:" + o.Commit)
		if err != nil {
			return nil, fmt.Errorf("-commit: %w", err)
		}
		if !policy.Commit.IsZero() && policy.Commit != commit {
			return nil, fmt.Errorf("-commit is %s, but the policy has %s", o.Commit, policy.Commit.Hex())
		}
		policy.Commit = commit
	}
	if o.AnyCommit && policy.Commit.IsZero() {
		policy.Refs.Any = true
	}
	if policy.Source == "" {
		return nil, fmt.Errorf("%s names no source: say with -source which repository is expected", o.Policy)
	}
	if r := policy.Refs; policy.Commit.IsZero() && len(r.Branches) == 0 && len(r.Tags) == 0 && !r.Releases && !r.Any {
		return nil, fmt.Errorf("%s names neither refs nor a commit: say with -commit which one is expected", o.Policy)
	}
	return policy, nil
}

func (o *Options) verify(ctx context.Context, policy *verify.Policy, name string) (Record, error) {
	r := Record{Artifact: name}
	a, err := o.artifact(ctx, name)
	if err != nil {
		return r, err
	}
	r.Digest = a.Digests[0].String()
	ev, err := o.evidence(ctx, name)
	if err != nil {
		return r, err
	}
	for _, err := range ev.skipped {
		r.Skipped = append(r.Skipped, err.Error())
	}
	if len(ev.envelopes) == 0 && len(ev.skipped) > 0 {
		return r, fmt.Errorf("%s: no evidence can be read: %w", name, errors.Join(ev.skipped...))
	}

	res, err := policy.Verify(ctx, a, ev.envelopes...)
	if rejected, ok := errors.AsType[*verify.RejectedError](err); ok {
		r.Verdict = Rejected
		if rejected.Unproven() {
			r.Verdict = Unproven
		}
		r.Reasons = checks(rejected.Reasons)
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Verdict = Accepted
	r.Checks = checks(res.Checks())
	r.Builder, r.Level = res.Builder().ID, res.Level()
	source, _ := res.Build().Source()
	r.Repository, r.Ref, r.Commit = source.Repository, source.Ref, source.Commit.Hex()
	for _, st := range res.Statements() {
		if st.PredicateType == cycloneDX {
			var bom struct {
				Components []json.RawMessage `json:"components"`
			}
			if err := json.Unmarshal(st.Predicate, &bom); err != nil {
				return r, fmt.Errorf("%s: attested SBOM: %w", name, err)
			}
			r.Components = len(bom.Components)
		}
	}
	for _, suffix := range o.Byproducts {
		c, err := byproduct(res, name+suffix)
		if err != nil {
			return r, err
		}
		if c.Outcome != string(verify.Passed) {
			r.Reasons = append(r.Reasons, c)
		} else {
			r.Checks = append(r.Checks, c)
		}
	}
	if r.Reasons != nil {
		return Record{Artifact: r.Artifact, Digest: r.Digest, Verdict: Rejected, Reasons: r.Reasons, Skipped: r.Skipped}, nil
	}
	return r, nil
}

// isDigest and isImage tell what an argument is that is not a file. A file of such a
// name can be given with its directory: ./NAME.
func isDigest(name string) bool {
	return strings.HasPrefix(name, "sha256:") && !strings.ContainsRune(name, filepath.Separator)
}

func isImage(name string) bool {
	return strings.Contains(name, "@sha") && strings.Contains(name, "/") && !strings.HasPrefix(name, ".") && !filepath.IsAbs(name)
}

// artifact returns the artifact that an argument names.
func (o *Options) artifact(ctx context.Context, name string) (hallmark.Artifact, error) {
	switch {
	case isDigest(name):
		d, err := hallmark.ParseDigest(name)
		return hallmark.Artifact{Name: name, Digests: []hallmark.Digest{d}}, err
	case isImage(name) && o.means.Image == nil:
		return hallmark.Artifact{}, fmt.Errorf("%s: this program knows no images", name)
	case isImage(name):
		return o.means.Image(name)
	}
	as, err := hallmark.HashFiles(ctx, []string{name}, hallmark.HashOptions{Algorithms: []string{"sha256", "sha512"}})
	if err == nil {
		return as[0], nil
	}
	// An image without a digest looks like a file, which then is not there.
	host, _, ok := strings.Cut(name, "/")
	if ok && errors.Is(err, fs.ErrNotExist) && o.means.Image != nil && !strings.HasPrefix(host, ".") && (strings.ContainsAny(host, ".:") || host == "localhost") {
		if _, asImage := o.means.Image(name); asImage != nil {
			err = fmt.Errorf("%w, and as an image: %w", err, asImage)
		}
	}
	return hallmark.Artifact{}, err
}

// byproduct checks that a file is one that the accepted provenance names.
func byproduct(res *verify.Result, file string) (Check, error) {
	a, err := hallmark.HashFile(file)
	if err != nil {
		return Check{}, err
	}
	c := Check{Rule: "byproduct", Item: a.Name, Outcome: string(verify.Failed), Got: a.Digests[0].String(), Want: "a byproduct that the provenance names"}
	for _, d := range res.Build().Byproducts {
		if d.Name != a.Name {
			continue
		}
		c.Want = strings.Join(digests(d.Digest.Digests()), " ")
		if slices.Contains(d.Digest.Digests(), a.Digests[0]) {
			c.Outcome = string(verify.Passed)
		}
	}
	return c, nil
}

func digests(ds []hallmark.Digest) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return all
}

func checks(cs []verify.Check) []Check {
	var all []Check
	for _, c := range cs {
		all = append(all, Check{string(c.Rule), c.Item, string(c.Outcome), c.Got, c.Want, c.Envelope})
	}
	return all
}

// text is the record for people.
func (r *Record) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", cli.Printable(r.Artifact), r.Verdict)
	for _, c := range r.Reasons {
		name, got, want := strings.TrimSpace(c.Rule+" "+c.Item), "got", "want"
		if c.Rule == string(verify.RuleSubject) {
			got, want = "attested", "here"
		}
		fmt.Fprintf(&b, "  %s %s\n    %-8s %s\n    %-8s %s\n",
			cli.Printable(name), c.Outcome, got, cli.Printable(c.Got), want, cli.Printable(c.Want))
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "  passed over: %s\n", cli.Printable(s))
	}
	if r.Verdict != Accepted {
		return b.String()
	}
	fmt.Fprintf(&b, "  %s\n  built from %s", r.Digest, cli.Printable(r.Repository))
	if r.Commit != "" {
		fmt.Fprintf(&b, " at %s", r.Commit)
	}
	fmt.Fprintf(&b, "\n  by %s, trusted up to SLSA Build level %d\n", r.Builder, r.Level)
	if r.Components > 0 {
		fmt.Fprintf(&b, "  %d components attested\n", r.Components)
	}
	return b.String()
}
