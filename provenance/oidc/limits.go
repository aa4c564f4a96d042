package oidc

import "time"

// Bounds of what this package reads and how long it waits. What is over one of
// them is refused with an error that names the bound.
const (
	// MaxTokenSize is the size of a token, in bytes. Those of the systems that
	// are known have between one and four thousand.
	MaxTokenSize = 64 << 10

	// MaxClaims is how many claims a token may have.
	MaxClaims = 500

	// MaxDocumentSize is the size of one answer of a server, in bytes: of a
	// discovery document, a set of keys, or the answer that has the token.
	MaxDocumentSize = 1 << 20

	// MaxKeys is how many keys an issuer may have.
	MaxKeys = 100

	// MinRSABits and MaxRSABits bound the modulus of the RSA key that a token
	// is verified with.
	MinRSABits, MaxRSABits = 2048, 4096

	// MaxWait is how long one answer may take if the context does not end
	// before.
	MaxWait = 30 * time.Second

	// Skew is how far the clocks of the issuer and of the machine may be apart.
	Skew = time.Minute
)
