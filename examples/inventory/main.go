// Inventory answers which artifacts contain a component, whether they can still be
// trusted, where they run and in which order to build them again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

const usage = `usage: inventory COMMAND [flags] [ARGUMENT...]

Keeps what evidence says of artifacts in a database, and answers from there.

  ingest          take evidence in: envelopes, SBOMs, images in registries
  affected        which artifacts contain a component, or were built so, and where they run
  trust           hold everything against a policy again: what changes
  rebuild-order   what to build again after something was affected, in which order
  deployments     what runs where, read from "kubectl get pods -o json"
  report          all of an incident: as JSON, as a page, as VEX, signed
  drill           an incident in a fleet that is made up: how long each answer takes

"inventory COMMAND -h" tells the flags of a command. All of them have -db: a file for
SQLite, inventory.db by default, or postgres://USER@HOST/NAME.

Exit code: 0 done; 1 there are findings: something is affected, or is not trusted any
more; 2 there is no answer, or the input is bad.`

func main() { cli.Main("inventory", run) }

func run(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, []string) error{
		"ingest": ingest, "affected": affected, "trust": trust, "rebuild-order": rebuildOrder,
		"deployments": deployments, "report": report, "drill": drill,
	}
	if len(args) == 0 {
		return errors.New("no command (-h lists them)")
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		_, err := fmt.Println(usage)
		return err
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("%q is no command (-h lists them)", args[0])
	}
	return command(ctx, args[1:])
}

// parse is [cli.Parse] for a command without arguments.
func parse(flags *flag.FlagSet, usage string, args []string) error {
	err := cli.Parse(flags, usage, args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%s: no argument is wanted (-h lists the flags)", flags.Arg(0))
	}
	return err
}

// newLoader returns a loader of policies that decide as at the time that c has.
func newLoader(c *common) *gate.Loader {
	return &gate.Loader{Identities: keyless.Identities, Inspector: gate.Inspector(), Now: c.at.Now}
}

// policyFlags defines the flags that say by which policies is decided.
func policyFlags(flags *flag.FlagSet, policies *cli.List, l *gate.Loader, or string) {
	if or != "" {
		or = ", or " + or
	}
	flags.Var(policies, "policy", "the policy `FILE`, YAML or JSON"+or)
	l.Editions.Flags(flags)
	flags.Var(&l.Keys, "key", "`NAME=FILE`: the public key, in PEM, that policies call NAME; may be repeated")
	flags.StringVar(&l.TrustedRoot, "trusted-root", "", "the `FILE` trusted_root.json of the Sigstore instance by which the workflows and accounts of policies sign")
}

func loadRules(ctx context.Context, policies []string, l *gate.Loader) (gate.Rules, error) {
	if len(policies) == 0 && (l.Keys != nil || l.TrustedRoot != "" || l.Editions.Keys != nil) {
		return nil, errors.New("-key, -trusted-root and -policy-key are for -policy")
	}
	return gate.LoadRules(ctx, policies, *l, nil)
}

// ruleOf returns r as package inventory wants it.
func ruleOf(r gate.Rule) inventory.Rule {
	ds, err := hallmark.Hash(strings.NewReader(string(r.Text)), "sha256")
	if err != nil {
		panic(err) // a reader of a string has no errors
	}
	return inventory.Rule{Policy: r.Policy, Digest: ds[0]}
}

// artifactOf returns the artifact that an argument names: a digest, an image or a file.
func artifactOf(name string) (hallmark.Artifact, error) {
	if d, err := hallmark.ParseDigest(name); err == nil {
		return hallmark.Artifact{Digests: []hallmark.Digest{d}}, nil
	}
	if _, err := os.Stat(name); err != nil && strings.Contains(name, "@sha") {
		return images.Artifact(name)
	}
	return hallmark.HashFile(name, "sha256")
}
