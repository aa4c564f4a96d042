// Review writes one page about a release, for whoever has to approve it.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const usage = `usage: review -policy FILE [flags] ARTIFACT

Decides whether the policy accepts a release, as examples/verify does, and writes one HTML
page about it: the verdict, the six questions of a release review with their evidence, the
way from the artifact to the commit, the workflow and who signed as a picture, every check
and what to do about it, exceptions, warnings, and what is inside by the SBOM that is
attested, with licences and the graph of dependencies to search in.

A page is written for every verdict. It is complete in itself: it loads nothing, and what
is in it from the evidence is shown as text. The same input and -at give the same bytes.

ARTIFACT, the evidence of it, keys and trusted root are given as to examples/verify.

Exit code: 0 accepted; 1 rejected, or unproven because the evidence does not tell
enough; 2 it could not be decided, or there is no page because the input is bad.`

func main() { cli.Main("review", run) }

func run(ctx context.Context, args []string) error {
	var o gate.Options
	flags := cli.Flags("review")
	o.Flags(flags, gate.Means{Identities: keyless.Identities, Image: image, Find: find})
	output := flags.String("o", "", "the `FILE` to write; standard output by default")
	if err := cli.Parse(flags, usage, args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("%d artifacts, want one (-h lists the flags)", flags.NArg())
	}
	// One time for the policy and for the page.
	now := o.At.Now().UTC().Truncate(time.Second)
	if err := o.At.Set(now.Format(time.RFC3339)); err != nil {
		return err
	}
	c, err := o.Open(ctx, flags.Arg(0))
	if err != nil {
		return err
	}

	var res *verify.Result
	if len(c.Envelopes) == 0 && len(c.Skipped) > 0 {
		err = fmt.Errorf("%s: no evidence can be read: %w", flags.Arg(0), errors.Join(c.Skipped...))
	} else {
		res, err = c.Policy.Verify(ctx, c.Artifact, c.Envelopes...)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := newPage(ctx, c, res, err, now)
	p.Policy.File, p.Policy.Digest = text(filepath.Base(o.Policy)), text(digestOf(c.Text))

	var b bytes.Buffer
	if err := p.write(&b); err != nil {
		return err
	}
	if *output == "" {
		if _, err := os.Stdout.Write(b.Bytes()); err != nil {
			return err
		}
	} else {
		if err := cli.WriteFile(*output, 0o644, cli.Bytes(b.Bytes())); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", cli.Printable(c.Artifact.Name), p.Verdict)
	}
	if p.Verdict == rejected || p.Verdict == unproven {
		return cli.ErrFindings
	}
	return err
}

func image(reference string) (hallmark.Artifact, error) {
	image, err := images.Parse(reference)
	if err != nil {
		return hallmark.Artifact{}, err
	}
	return image.Artifact(), nil
}

func find(ctx context.Context, reference string, plainHTTP bool) ([]*sign.Envelope, []error, error) {
	image, err := images.Parse(reference)
	if err != nil {
		return nil, nil, err
	}
	client, err := images.NewClient(http.DefaultClient, plainHTTP)
	if err != nil {
		return nil, nil, err
	}
	return images.Find(ctx, client, image)
}
