package verify

import (
	"time"

	"github.com/hallmark-dev/hallmark"
)

// MaxException is how long before its end an [Exception] may be used. What is needed
// for longer is a policy.
const MaxException = 90 * 24 * time.Hour

// endsSoon is how long before its end an Exception or a Policy is warned of.
const endsSoon = 14 * 24 * time.Hour

// An Exception excuses one check of one artifact for a time. All members but Item
// must be given.
//
// It never excuses that nobody trusted has signed, what was signed, or that the
// evidence is about another artifact: [RuleSignature], [RuleRevoked],
// [RulePayloadType], [RuleProvenance] and [RuleSubject]. It excuses a check of its own Rule and Item
// alone, and is looked at when nothing else makes the check pass.
type Exception struct {
	// Rule and Item are those of the [Check] that is excused. An empty Item is no
	// wildcard.
	Rule Rule
	Item string

	// Digest is one of the artifact's, by SHA-256 or better.
	Digest hallmark.Digest

	Owner   string // who answers for it
	Reason  string // why it is needed
	Control string // what is done instead

	// Expires is when it ends, at most [MaxException] after the policy is asked.
	Expires time.Time
}

// A Revocation says whom not to trust any more: a Key, a certificate's Subject with
// its Issuer, or a Builder; exactly one of these three.
type Revocation struct {
	// Key is the fingerprint of a public key, as [sign.Fingerprint] returns it.
	Key hallmark.Digest

	// Issuer and Subject are those of [Claims].
	Issuer, Subject string

	// Builder is a builder.id, with its ref or, for all refs, without.
	Builder string

	// From is when trust ended. What was signed before, as an authority has
	// verified, is as good as it was; what nobody knows the time of is not. Zero
	// means always.
	From time.Time

	// Reason is why, for people.
	Reason string
}
