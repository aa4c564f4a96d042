package sigstore

// MaxTrustedRootSize is the size of a trusted root, in bytes. [ParseTrustedRoot]
// refuses a larger one. What bundles may have is bounded by [sign.Parse] and,
// at 32 log entries and 32 timestamps, by sigstore-go.
const MaxTrustedRootSize = 4 << 20
