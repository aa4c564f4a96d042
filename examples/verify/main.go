// Verify is a gate: it decides whether artifacts are what a policy file expects.
package main

import (
	"context"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/examples/internal/keyless"
)

func main() { cli.Main("verify", run) }

func run(ctx context.Context, args []string) error {
	return gate.Main(ctx, args, gate.Means{Identities: keyless.Identities, Image: images.Artifact, Find: images.FindFor})
}
