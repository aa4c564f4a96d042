// Audit holds what already runs against a policy.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
	"github.com/hallmark-dev/hallmark/sign"
)

const usage = `usage: audit -policy FILE -evidence PATH [flags] [FILE]

Decides for everything that runs whether the policy accepts it. FILE, or standard input,
is what "kubectl get pods -A -o json" prints, or a list of digests "sha256:…" and of
images by their digests, "registry.example/team/app@sha256:…", between blanks or line
breaks; what follows a # is a comment. Of a Pod counts what its node says that it runs
(imageID), in all kinds of containers, whether they run still or have ended, and what its
volumes name.

What runs may come of many sources, and a policy is for one: -policy may be given several
times, as REPOSITORY=FILE, for "registry.example/team/app" or "registry.example/team/*".
The longest that fits decides; FILE alone is for all others. Policies can be signed, as
examples/attest -policy does it: -policy-key then gives the keys of which one must have
signed each.

Evidence is in files and directories, or, with "-evidence oci", attached to the images in
the registries that -registry names, which are asked with the credentials of docker login.
With -drift these are asked too what the tags name now by which images were started: a
tag that names another image than the one that runs is a finding.

-json prints for each image one JSON object, on a line of its own: image, the places
where it runs, its report, whose schema is the file verify/report.schema.json of this
module, and with -drift its tags. An exception that was needed says when it expires and
what is left until then.

Exit code: 0 everything is accepted; 1 something is rejected, or a tag has moved; 2
something could not be decided, such as an image that no policy is for, or a container of
which no node has told the image.`

// parallel is how many images are decided about at once.
const parallel = 8

// options are the flags.
type options struct {
	policies, evidence, registries cli.List
	loader                         gate.Loader
	plainHTTP, drift, json         bool
	timeout                        time.Duration
}

// A source is where evidence is found.
type source func(ctx context.Context, r *running) ([]*sign.Envelope, error)

func main() { cli.Main("audit", run) }

func run(ctx context.Context, args []string) error {
	var at cli.Time
	o := options{loader: gate.Loader{Identities: keyless.Identities, Inspector: gate.Inspector(), Now: at.Now}}
	flags := cli.Flags("audit")
	flags.Var(&o.policies, "policy", "the policy `FILE`, YAML or JSON, or REPOSITORY=FILE; may be repeated")
	o.loader.Editions.Flags(flags)
	flags.Var(&at, "at", "decide as at this `TIME`, such as 2026-12-31T12:00:00Z or 2026-12-31, instead of now")
	flags.Var(&o.loader.Keys, "key", "`NAME=FILE`: the public key, in PEM, that policies call NAME; may be repeated")
	flags.StringVar(&o.loader.TrustedRoot, "trusted-root", "", "the `FILE` trusted_root.json of the Sigstore instance by which the workflows and accounts of policies sign")
	flags.Var(&o.evidence, "evidence", "a `PATH` with evidence, a file or a directory as examples/verify reads it; may be repeated; or oci for what is attached to the images")
	flags.Var(&o.registries, "registry", "a `HOST` that is asked, with -evidence oci and -drift; may be repeated")
	flags.BoolVar(&o.plainHTTP, "plain-http", false, "speak http with registries: for one on this machine")
	flags.BoolVar(&o.drift, "drift", false, "ask what tags name now")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "how long one image may take")
	flags.BoolVar(&o.json, "json", false, "print one JSON object for each image, on a line of its own")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	attached := len(o.evidence) == 1 && o.evidence[0] == "oci"
	switch {
	case len(o.policies) == 0:
		return errors.New("no -policy (-h lists the flags)")
	case len(o.evidence) == 0:
		return errors.New("no -evidence (-h lists the flags)")
	case (attached || o.drift) && len(o.registries) == 0:
		return errors.New("-evidence oci and -drift want -registry: say which registries may be asked")
	case o.timeout <= 0:
		return errors.New("-timeout: want a positive time")
	case flags.NArg() > 1:
		return fmt.Errorf("%s: want one FILE, or none for standard input (-h lists the flags)", flags.Arg(1))
	}
	rules, err := gate.LoadRules(ctx, o.policies, o.loader, nil)
	if err != nil {
		return err
	}
	var registry *images.Registry
	if attached || o.drift {
		if registry, err = images.NewRegistry(o.registries, o.plainHTTP); err != nil {
			return err
		}
	}
	find := func(ctx context.Context, r *running) ([]*sign.Envelope, error) {
		if r.image.Repository() == "" {
			return nil, errors.New("a digest alone is in no registry: give its evidence as files")
		}
		return registry.Find(ctx, r.image)
	}
	if !attached {
		if find, err = o.index(); err != nil {
			return err
		}
	}
	v, err := input(ctx, flags.Arg(0))
	if err != nil {
		return err
	}

	records := make([]record, len(v.all))
	p := cli.NewProgress()
	p.Step("%d images", len(v.all))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(parallel, len(v.all)) {
		wg.Go(func() {
			for i := range next {
				ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no decision within %s", o.timeout))
				records[i] = o.decide(ctx, v.all[i], rules, find, registry)
				cancel()
			}
		})
	}
	for i := range v.all {
		if ctx.Err() != nil {
			break
		}
		next <- i // one that is under way ends with ctx
	}
	close(next)
	wg.Wait()
	p.Stop()
	// What was not asked to the end would be no audit.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return o.print(records, v.places)
}

// input reads what runs from a file, or from standard input if it has no name.
func input(ctx context.Context, name string) (*inventory, error) {
	f := os.Stdin
	if name == "" || name == "-" {
		name = "standard input"
	} else {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
		read <- result{data, err}
	}()
	var r result
	select {
	case r = <-read:
	case <-ctx.Done(): // nobody may ever write to a terminal
		return nil, context.Cause(ctx)
	}
	if r.err == nil && len(r.data) > maxInput {
		r.err = fmt.Errorf("larger than %d bytes: audit one namespace after the other", maxInput)
	}
	if r.err != nil {
		return nil, fmt.Errorf("%s: %w", name, r.err)
	}
	v, err := parse(r.data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// index returns the evidence in files.
func (o *options) index() (source, error) {
	envelopes, skipped, err := gate.ReadEvidence(o.evidence)
	if err != nil {
		return nil, err
	}
	if len(envelopes) == 0 && len(skipped) > 0 {
		return nil, fmt.Errorf("no evidence can be read: %w", errors.Join(skipped...))
	}
	x := new(gate.Index)
	for _, e := range envelopes {
		_, _ = x.Add(e, hallmark.Digest{}) // it is found whether its statement can be read or not
	}
	return func(_ context.Context, r *running) ([]*sign.Envelope, error) {
		return x.About(r.artifact.Digests[0]), nil
	}, nil
}
