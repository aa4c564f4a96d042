// Verify is a gate: it decides whether artifacts are what a policy file expects.
package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/sigstore"
	"github.com/hallmark-dev/hallmark/verify"
	"github.com/hallmark-dev/hallmark/verify/policyfile"
)

func main() { cli.Main("verify", run) }

func run(ctx context.Context, args []string) error {
	return gate.Main(ctx, args, gate.Means{Identities: identities, Image: image, Find: find})
}

// identities says who signs without a key, as far as the trusted root in a file
// vouches for them.
func identities(file string, o *policyfile.Options) error {
	data, err := cli.ReadFile(file, sigstore.MaxTrustedRootSize)
	if err != nil {
		return err
	}
	root, err := sigstore.ParseTrustedRoot(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	identity := func(who sigstore.Signatory) (verify.Identity, error) {
		id, err := root.NewIdentity(who)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return id, nil
	}
	o.Workflow = func(issuer, builder string, refs verify.Refs) (verify.Identity, error) {
		return identity(sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: refs})
	}
	o.Account = func(issuer, subject string) (verify.Identity, error) {
		return identity(sigstore.Account{Issuer: issuer, Subject: subject})
	}
	return nil
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
