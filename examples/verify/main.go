// Verify is a gate: it decides whether artifacts are what a policy file expects.
package main

import (
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
)

func main() { cli.Main("verify", gate.Main) }
