// Verify is a gate: it decides whether artifacts are what a policy file expects.
package main

import (
	"context"
	"net/http"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
	"github.com/hallmark-dev/hallmark/sign"
)

func main() { cli.Main("verify", run) }

func run(ctx context.Context, args []string) error {
	return gate.Main(ctx, args, gate.Means{Identities: keyless.Identities, Image: image, Find: find})
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
