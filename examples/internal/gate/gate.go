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

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

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

A policy can be signed: it then is the payload of an envelope, which examples/attest
-policy makes, and -policy-key gives the keys of which one must have signed it. One that
is not signed is refused then.

-explain prints in sentences what the policy demands, and needs no artifact.

For one artifact that is accepted, and not otherwise, -expect writes a policy by which the
next release is built as this one was, and -vsa adds to a file a signed summary of the
verification, by which others need not verify again: a policy asks for one with
"summary". Its time is that of -at, of the variable SOURCE_DATE_EPOCH, or now.

-json prints for each artifact one JSON object, on a line of its own, whose schema is
the file verify/report.schema.json of this module.

Exit code: 0 every artifact is accepted; 1 one is rejected, which it is too if the
evidence does not tell enough; 2 one could not be decided, or something not be written.`

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

	Editions    Editions
	TrustedRoot string
	PlainHTTP   bool
	At          cli.Time

	means Means
	given *evidence                  // what is in -evidence, once it was read
	files map[hallmark.Digest]string // artifacts that are files, for who inspects them
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

// Main is the program.
func Main(ctx context.Context, args []string, means Means) error {
	var o Options
	var next handOn
	flags := cli.Flags("verify")
	o.Flags(flags, means)
	flags.Var(&o.Byproducts, "byproduct", "a `SUFFIX`, such as .cdx.json: the file ARTIFACT+SUFFIX must be a byproduct that the provenance names; may be repeated")
	flags.BoolVar(&o.JSON, "json", false, "print one JSON object for each artifact, on a line of its own")
	explain := flags.Bool("explain", false, "print what the policy demands")
	next.flags(flags)
	if err := cli.Parse(flags, Usage, args); err != nil {
		return err
	}
	if o.Policy == "" {
		return errors.New("no -policy (-h lists the flags)")
	}
	if *explain && (flags.NArg() > 0 || o.JSON || next != handOn{}) {
		return errors.New("-explain verifies nothing: it goes without an artifact, -json, -expect and -vsa")
	}
	if flags.NArg() == 0 && !*explain {
		return errors.New("no artifact to verify (-h lists the flags)")
	}
	if err := next.check(ctx, flags.Args()); err != nil {
		return err
	}
	at, err := o.when()
	if err != nil {
		return err
	}
	rule, err := o.load(ctx)
	if err != nil {
		return err
	}
	if *explain {
		_, err = fmt.Println(strings.Join(rule.Policy.Explain(), "\n"))
		return err
	}

	findings := false
	var undecided []error
	for _, name := range flags.Args() {
		r, res, err := o.verify(ctx, rule.Policy, name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.Verdict == verify.Undecided {
			undecided = append(undecided, err)
		}
		findings = findings || r.Verdict == verify.Rejected
		text := ""
		if r.Verdict != verify.Undecided {
			text = r.String()
		}
		if o.JSON {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			text = string(line)
		}
		if text == "" {
			continue
		}
		// A verdict that nobody can read is none.
		if _, err := fmt.Println(text); err != nil {
			return err
		}
		if r.Verdict == verify.Accepted {
			if err := next.write(ctx, rule, res, at); err != nil {
				return err
			}
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
func (o *Options) load(ctx context.Context) (Rule, error) {
	loader := Loader{Keys: o.Keys, TrustedRoot: o.TrustedRoot, Editions: o.Editions, Identities: o.means.Identities, Inspector: o.inspector(), Now: o.At.Now}
	rule, err := loader.Load(ctx, o.Policy)
	if err != nil {
		return Rule{}, err
	}
	policy := rule.Policy
	if o.Source != "" {
		if policy.Source != "" && policy.Source != o.Source {
			return Rule{}, fmt.Errorf("-source is %s, but the policy has %s", o.Source, policy.Source)
		}
		policy.Source = o.Source
	}
	if o.Commit != "" {
		commit, err := hallmark.ParseDigest("gitCommit:" + o.Commit)
		if err != nil {
			return Rule{}, fmt.Errorf("-commit: %w", err)
		}
		if !policy.Commit.IsZero() && policy.Commit != commit {
			return Rule{}, fmt.Errorf("-commit is %s, but the policy has %s", o.Commit, policy.Commit.Hex())
		}
		policy.Commit = commit
	}
	if o.AnyCommit && policy.Commit.IsZero() && policy.Refs.IsZero() {
		policy.Refs.Any = true
	}
	if policy.Source == "" && len(policy.Builders) > 0 {
		return Rule{}, fmt.Errorf("%s names no source: say with -source which repository is expected", o.Policy)
	}
	if policy.Refs.IsZero() && policy.Commit.IsZero() && len(policy.Builders) > 0 {
		return Rule{}, fmt.Errorf("%s names neither refs nor a commit: say with -commit which one is expected", o.Policy)
	}
	if err := policy.Probe(ctx); err != nil {
		return Rule{}, fmt.Errorf("%s: %w", o.Policy, err)
	}
	return rule, nil
}

// verify decides about what an argument names. The error is that of a report that is
// undecided or rejected, and the result is nil then.
func (o *Options) verify(ctx context.Context, policy *verify.Policy, name string) (*verify.Report, *verify.Result, error) {
	a, err := o.artifact(ctx, name)
	a.Name = name
	if err != nil {
		return verify.NewReport(a, nil, err), nil, err
	}
	ev, err := o.evidence(ctx, name)
	if err == nil && len(ev.envelopes) == 0 && len(ev.skipped) > 0 {
		err = fmt.Errorf("%s: no evidence can be read: %w", name, errors.Join(ev.skipped...))
	}
	if err != nil {
		return verify.NewReport(a, nil, err), nil, err
	}
	res, err := policy.Verify(ctx, a, ev.envelopes...)
	if err == nil {
		err = o.byproducts(a, res)
	}
	r := verify.NewReport(a, res, err)
	for _, err := range ev.skipped {
		r.Warnings = append(r.Warnings, "passed over: "+err.Error())
	}
	if err != nil {
		res = nil
	}
	return r, res, err
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
		o.hashed(as[0], name)
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

// byproducts returns a [verify.RejectedError] unless the files beside an artifact are
// those that the accepted provenance names.
func (o *Options) byproducts(a hallmark.Artifact, res *verify.Result) error {
	var reasons []verify.Check
	for _, suffix := range o.Byproducts {
		file, err := hallmark.HashFile(a.Name + suffix)
		if err != nil {
			return err
		}
		c := verify.Check{
			Rule: "byproduct", Item: file.Name, Outcome: verify.Failed,
			Got: file.Digests[0].String(), Want: "a byproduct that the provenance names", Envelope: -1,
		}
		if b := res.Build(); b != nil {
			for _, d := range b.Byproducts {
				if d.Name != file.Name {
					continue
				}
				c.Want = fmt.Sprint(d.Digest.Digests())
				if slices.Contains(d.Digest.Digests(), file.Digests[0]) {
					c.Outcome = verify.Passed
				}
			}
		}
		if c.Outcome != verify.Passed {
			reasons = append(reasons, c)
		}
	}
	if reasons != nil {
		return &verify.RejectedError{Artifact: a, Reasons: reasons}
	}
	return nil
}
