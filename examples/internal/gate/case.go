package gate

import (
	"context"
	"errors"
	"flag"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Case is an artifact, what is given as evidence of it, and the policy that it is held
// against.
type Case struct {
	Policy    *verify.Policy
	Text      []byte // of the policy file, without the envelope if it is signed
	Artifact  hallmark.Artifact
	Envelopes []*sign.Envelope
	Skipped   []error // what is given as evidence and is none
}

// Flags defines the flags that say what a Case is made of.
func (o *Options) Flags(flags *flag.FlagSet, means Means) {
	o.means = means
	flags.StringVar(&o.Policy, "policy", "", "the policy `FILE`, YAML or JSON, or an envelope with it: see -policy-key")
	o.Editions.Flags(flags)
	flags.Var(&o.Evidence, "evidence", "a `FILE` with an envelope, a Sigstore bundle, or one of them on each line, or a directory with such files: *.intoto.jsonl, *.sigstore.json, *.sigstore.jsonl, and what else of *.json is one; may be repeated")
	flags.Var(&o.Keys, "key", "`NAME=FILE`: the public key, in PEM, that the policy calls NAME; may be repeated")
	if means.Identities != nil {
		flags.StringVar(&o.TrustedRoot, "trusted-root", "", "the `FILE` trusted_root.json of the Sigstore instance by which the policy's workflows and accounts sign")
	}
	if means.Find != nil {
		flags.BoolVar(&o.PlainHTTP, "plain-http", false, "speak http with registries: for one on this machine")
	}
	flags.Var(&o.At, "at", "decide as at this `TIME`, such as 2026-12-31T12:00:00Z or 2026-12-31, instead of now")
	flags.StringVar(&o.Source, "source", "", "the repository `URL` that is expected, if the policy leaves it open")
	flags.StringVar(&o.Commit, "commit", "", "the commit, in `HEX`, that is expected, if the policy leaves it open")
	flags.BoolVar(&o.AnyCommit, "any-commit", false, "accept every commit of the repository, if the policy leaves it open")
}

// Open returns the Case of the artifact that an argument names.
func (o *Options) Open(ctx context.Context, name string) (*Case, error) {
	if o.Policy == "" {
		return nil, errors.New("no -policy (-h lists the flags)")
	}
	rule, err := o.load(ctx)
	if err != nil {
		return nil, err
	}
	artifact, err := o.artifact(ctx, name)
	if err != nil {
		return nil, err
	}
	ev, err := o.evidence(ctx, name)
	if err != nil {
		return nil, err
	}
	return &Case{rule.Policy, rule.Text, artifact, ev.envelopes, ev.skipped}, nil
}
