package sigstore

import "time"

// MaxTrustedRootSize is the size of a trusted root, in bytes. [ParseTrustedRoot]
// refuses a larger one. What bundles may have is bounded by [sign.Parse] and,
// at 32 log entries and 32 timestamps, by sigstore-go.
const MaxTrustedRootSize = 4 << 20

// Bounds of what [ParseSigningConfig], [Signer.Sign] and [FetchTrust] read, how
// often they ask and how long they wait. What is over one of them is refused
// with an error that names the bound.
const (
	// MaxSigningConfigSize is the size of a signing config, in bytes.
	MaxSigningConfigSize = 1 << 20

	// MaxServices is how many services of one kind a signing config may list.
	MaxServices = 32

	// MaxTokenSize is the size of an identity token, in bytes.
	MaxTokenSize = 64 << 10

	// MaxAnswerSize is the size of one answer of a service, in bytes.
	MaxAnswerSize = 1 << 20

	// MaxAttempts is how often a request is sent before it is given up.
	MaxAttempts = 4

	// MaxWait is how long one answer may take, if the context does not end
	// before.
	MaxWait = 30 * time.Second

	// MaxRetryAfter is how long a service may ask to be left alone before the
	// next attempt. One that asks for more is given up.
	MaxRetryAfter = 30 * time.Second

	// Skew is how far the clocks of the issuer of a token, of the certificate
	// authority and of the machine may be apart.
	Skew = time.Minute
)
