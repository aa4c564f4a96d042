package oci

import (
	"time"

	"github.com/hallmark-dev/hallmark/sign"
)

// Bounds of what is read of a registry, and of what is written there. Where the
// list of all that is attached would be over a bound, the call fails with an
// error that names it: a part of a list says nothing about what is not on it. A
// single manifest or layer that is over a bound is skipped.
const (
	// MaxReference is the length of a reference, in bytes.
	MaxReference = 1024

	// MaxManifestSize is the size of a manifest, of an index, and of one page of
	// a list of referrers, in bytes. Registries take no larger ones.
	MaxManifestSize = 4 << 20

	// MaxPages is how many pages the list of an image's referrers may have.
	MaxPages = 100

	// MaxReferrers is how many manifests may refer to one image.
	MaxReferrers = 1000

	// MaxLayers is how many layers of one manifest are looked at.
	MaxLayers = 100

	// MaxLayerSize is the size of one layer that is read, in bytes: that of the
	// largest envelope.
	MaxLayerSize = sign.MaxEnvelopeSize

	// MaxTotalSize is the size of all layers that one call of [Client.Find]
	// reads, in bytes.
	MaxTotalSize = 256 << 20

	// MaxPlatforms is how many manifests [Client.Platforms] returns.
	MaxPlatforms = 256

	// MaxIndexDepth is how many indexes may stand in each other.
	MaxIndexDepth = 3

	// MaxRedirects is how many redirects one request follows.
	MaxRedirects = 5

	// MaxWait is how long one request may take, if the context does not end
	// before.
	MaxWait = 2 * time.Minute

	// Parallel is how many requests one call has under way at once, at most.
	Parallel = 8
)
