package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
)

// An Identity is somebody who signs. [Key] and [Keys] make identities of public
// keys; package sign/sigstore makes them of workflows and people that sign without
// keys of their own.
//
// Implementations must be safe for concurrent use.
type Identity interface {
	// Recognize verifies e and returns what speaks for it. The error is
	// [ErrNotSigned] if the identity did not sign e, or wraps it to say why
	// not, and is any other error if that cannot be told.
	Recognize(ctx context.Context, e *sign.Envelope) (*Evidence, error)

	// String names the identity for people.
	String() string
}

// ErrNotSigned says that an identity did not sign an envelope.
var ErrNotSigned = errors.New("not signed by this identity")

// Evidence is what an [Identity] has verified of an envelope. It has at least
// one key, or claims. It can be kept, as JSON for instance, and recalled:
// [Policy.Recall] says what of a payload may be left out then.
type Evidence struct {
	PayloadType string `json:"payloadType"`
	Payload     []byte `json:"payload"` // exactly the bytes that were verified

	// Signed is the SHA-256 digest of what was signed. It tells that a Payload which
	// was kept is another one. Zero stands for that of Payload.
	Signed hallmark.Digest `json:"signed,omitzero"`

	// Keys are the fingerprints of the distinct keys that signed.
	Keys []hallmark.Digest `json:"keys,omitempty"`

	// Claims are what the certificate says of the signer, if the key was
	// certified for the moment. They are nil for plain keys.
	Claims *Claims `json:"claims,omitempty"`

	// Times are when the signature was there, as authorities of timestamps or logs
	// say, all of them verified. There are none for plain keys.
	Times []time.Time `json:"times,omitempty"`

	// Vouchers are who vouched for Claims and Times: an identity that relies on
	// authorities recalls the evidence as far as these are its own. There are none
	// for plain keys.
	Vouchers []Voucher `json:"vouchers,omitempty"`

	// Threshold is how many of Keys must have signed. Zero is not known: if a policy
	// revokes one of several keys, nothing is left of such evidence.
	Threshold int `json:"threshold,omitempty"`
}

// A Voucher is an authority or a log that vouched for evidence. Its key is the same in
// whatever file names it.
type Voucher struct {
	// Role is what it does: "certificate-authority", the issuer of the certificate;
	// "certificate-log", which has promised to keep that; "log", which has the
	// signature, or "log-promise", which has only promised to have it;
	// "timestamp-authority".
	Role string `json:"role"`

	Key  hallmark.Digest `json:"key"`           // fingerprint of its public key
	Time time.Time       `json:"time,omitzero"` // that it has signed, if it has
}

// earliest returns the earliest time at which the signature is known to have been
// there. ok is false if none is known.
func (e *Evidence) earliest() (t time.Time, ok bool) {
	for _, one := range e.Times {
		if !one.IsZero() && (!ok || one.Before(t)) {
			t, ok = one, true
		}
	}
	return t, ok
}

// Claims are what a certificate says of whom it was issued to: for one run of a
// workflow, or to a person or an account. The authority has vouched for each,
// unlike for what the run itself says in a predicate. A claim that a certificate
// does not have is empty; a policy treats it as unproven. Only for what certificates
// of 2022 did not have, beside event, ref, commit and repository, it takes the word of
// the provenance.
//
// What the provenance says of a claim must be the same. Where it says what depends on
// its build type: those of GitHub Actions (actions/attest, npm, slsa-github-generator
// with its delegated and container-based builders), GitLab CI/CD and Buildkite are
// known, and of any other builder, source, ref, commit and run.
//
// The names in parentheses are those of Fulcio's extensions, with their numbers.
type Claims struct {
	// Issuer is who issued the identity token that the certificate was issued
	// for (Issuer, .8).
	Issuer string `json:"issuer,omitempty"`

	// Subject is how the certificate names its holder: by the URI of a workflow
	// or a service, an e-mail address, or the name of an account, "name!domain".
	Subject string `json:"subject,omitempty"`

	// Builder is Subject if that is a URI, and empty for those who build
	// nothing: the workflow that signed, with its ref.
	Builder string `json:"builder,omitempty"`

	// BuildSigner is the URI of the build instructions that are responsible for
	// signing, and BuildSignerDigest the commit that they are of (Build Signer
	// URI, .9, Build Signer Digest, .10). On GitHub and GitLab the URI is
	// Builder.
	BuildSigner       string `json:"buildSigner,omitempty"`
	BuildSignerDigest string `json:"buildSignerDigest,omitempty"`

	// BuildConfig is the URI of the build instructions that started the run, and
	// BuildConfigDigest the commit that they are of (Build Config URI, .18, Build
	// Config Digest, .19). Of a reusable workflow it is the caller.
	BuildConfig       string `json:"buildConfig,omitempty"`
	BuildConfigDigest string `json:"buildConfigDigest,omitempty"`

	// Repository is the URL of the source repository, and RepositoryID what the
	// platform tells it by, which one of the same name made later does not have
	// (Source Repository URI, .12, Source Repository Identifier, .15).
	Repository   string `json:"repository,omitempty"`
	RepositoryID string `json:"repositoryID,omitempty"`

	// Visibility of the repository at the time of signing, "public" or "private"
	// (Source Repository Visibility At Signing, .22).
	Visibility string `json:"visibility,omitempty"`

	// Owner is the URL of whom the repository belongs to, and OwnerID what the
	// platform tells them by (Source Repository Owner URI, .16, Source Repository
	// Owner Identifier, .17).
	Owner   string `json:"owner,omitempty"`
	OwnerID string `json:"ownerID,omitempty"`

	Ref    string `json:"ref,omitempty"`    // full ref of the source (Source Repository Ref, .14)
	Commit string `json:"commit,omitempty"` // hexadecimal commit of the source (Source Repository Digest, .13)

	Workflow    string `json:"workflow,omitempty"`    // name that the workflow gives itself (GitHub Workflow Name, .4)
	Trigger     string `json:"trigger,omitempty"`     // event that started the run (Build Trigger, .20)
	Runner      string `json:"runner,omitempty"`      // kind of machine, "github-hosted" (Runner Environment, .11)
	Environment string `json:"environment,omitempty"` // where the job deploys to, and who must have allowed it (Deployment Environment, .23)
	Invocation  string `json:"invocation,omitempty"`  // URL of the run (Run Invocation URI, .21)

	// TokenSubject is the token's claim sub as it was (Token Subject, .24).
	TokenSubject string `json:"tokenSubject,omitempty"`
}

// name is how the certificate names its holder.
func (c *Claims) name() string { return cmp.Or(c.Subject, c.Builder) }

// signers returns a string for each party that signed, equal for equal parties.
func (e *Evidence) signers() []string {
	if c := e.Claims; c != nil {
		return []string{c.Issuer + " " + c.name()}
	}
	return texts(e.Keys)
}

// signer names the signers for people.
func (e *Evidence) signer() string {
	if e.Claims != nil {
		return e.Claims.name()
	}
	return "key " + strings.Join(e.signers(), ", ")
}

// Key returns the Identity of whoever holds the key of v.
func Key(v sign.Verifier) (Identity, error) { return Keys(1, v) }

// Keys returns the Identity of a group that has signed when at least threshold
// of the keys have. Keys are told apart by their public halves, so that neither
// a second signature nor a second key id of one key counts. It is an error if
// two verifiers have the same key, or if threshold is not between 1 and their
// number.
//
// The Identity tries each key with each signature until one is the key's, those
// that name its id first. A signature that is nobody's does not matter, but costs
// its time: at most the number of keys times [sign.MaxSignatures] times that of one
// verification. A context that ends is looked at before each.
func Keys(threshold int, verifiers ...sign.Verifier) (Identity, error) {
	if threshold < 1 || threshold > len(verifiers) {
		return nil, fmt.Errorf("verify: a threshold of %d for %d keys", threshold, len(verifiers))
	}
	k := &keys{threshold: threshold}
	seen := make(map[hallmark.Digest]bool)
	for i, v := range verifiers {
		if v == nil {
			return nil, fmt.Errorf("verify: key %d is nil", i)
		}
		fp, err := sign.Fingerprint(v.Public())
		if err != nil {
			return nil, fmt.Errorf("verify: key %d: %w", i, err)
		}
		if seen[fp] {
			return nil, fmt.Errorf("verify: key %d (%s) is there twice", i, fp)
		}
		seen[fp] = true
		id, err := v.KeyID()
		if err != nil {
			id = "" // a hint that is missing costs time only
		}
		k.keys = append(k.keys, key{v, fp, id})
	}
	return k, nil
}

type keys struct {
	threshold int
	keys      []key
}

type key struct {
	v           sign.Verifier
	fingerprint hallmark.Digest
	id          string
}

func (k *keys) Recognize(ctx context.Context, e *sign.Envelope) (*Evidence, error) {
	if e == nil {
		return nil, errors.New("verify: no envelope")
	}
	pae := e.PAE()
	// The payload is a part of what is verified, whatever becomes of e.
	payload := pae[len(pae)-len(e.Payload):]
	ev := &Evidence{PayloadType: e.PayloadType, Payload: payload[:len(payload):len(payload)], Threshold: k.threshold}
	for _, one := range k.keys {
		if one.signed(ctx, e, pae) {
			ev.Keys = append(ev.Keys, one.fingerprint)
		}
		// A verifier may have given up.
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return k.enough(ev)
}

// Recall recalls its own keys, and nothing else that was known of the signature: who
// has a plain key relies on nobody who could tell the time.
func (k *keys) Recall(e *Evidence) (*Evidence, error) {
	ev := &Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Signed: e.Signed, Threshold: k.threshold}
	for _, one := range k.keys {
		if slices.Contains(e.Keys, one.fingerprint) {
			ev.Keys = append(ev.Keys, one.fingerprint)
		}
	}
	return k.enough(ev)
}

// enough returns ev if as many of k have signed as must.
func (k *keys) enough(ev *Evidence) (*Evidence, error) {
	switch n := len(ev.Keys); {
	case n >= k.threshold:
		return ev, nil
	case n > 0:
		return nil, fmt.Errorf("%w: by %d of its keys, and %d must", ErrNotSigned, n, k.threshold)
	}
	return nil, ErrNotSigned
}

// signed reports whether a signature of e is k's. Signatures that name its key
// id are tried first, and then all others: the id is only a hint.
func (k *key) signed(ctx context.Context, e *sign.Envelope, pae []byte) bool {
	for _, hinted := range []bool{true, false} {
		for _, s := range e.Signatures {
			if ctx.Err() != nil {
				return false
			}
			if (s.KeyID == k.id) == hinted && k.v.Verify(ctx, pae, s.Sig) == nil {
				return true
			}
		}
	}
	return false
}

func (k *keys) String() string {
	var all []string
	for _, one := range k.keys {
		all = append(all, one.fingerprint.String())
	}
	text := "key " + strings.Join(all, " or ")
	if k.threshold > 1 {
		text = fmt.Sprintf("%d of keys %s", k.threshold, strings.Join(all, ", "))
	}
	return text
}

// During returns the Identity of id for signatures that were made from one time until
// another, the second excluded; a zero time is no bound. The earliest time counts that
// an authority has verified. A signature whose time nobody has verified counts as made
// now, which now tells: a key that has run out does not sign any more, but what it
// signed before, and a timestamp says so, stays good.
func During(id Identity, from, until time.Time, now func() time.Time) (Identity, error) {
	switch {
	case id == nil:
		return nil, errors.New("verify: no identity")
	case now == nil:
		return nil, errors.New("verify: no Now to tell the time")
	case !from.IsZero() && !until.IsZero() && !from.Before(until):
		return nil, fmt.Errorf("verify: a time from %s until %s", date(from), date(until))
	}
	return &during{id, from, until, now}, nil
}

type during struct {
	Identity
	from, until time.Time
	now         func() time.Time
}

func (d *during) Recognize(ctx context.Context, e *sign.Envelope) (*Evidence, error) {
	return d.timely(d.Identity.Recognize(ctx, e))
}

func (d *during) Recall(e *Evidence) (*Evidence, error) { return d.timely(recall(d.Identity, e)) }

// timely returns ev if it was signed in time.
func (d *during) timely(ev *Evidence, err error) (*Evidence, error) {
	if ev == nil || err != nil {
		return nil, err
	}
	t, ok := ev.earliest()
	said := "as an authority saw"
	if !ok {
		t, said = d.now(), "as nobody saw when it was made"
		if t.IsZero() {
			return nil, errors.New("verify: Now tells the zero time")
		}
	}
	switch {
	case !d.from.IsZero() && t.Before(d.from):
		return nil, fmt.Errorf("%w: %s, %s, which is before %s", ErrNotSigned, date(t), said, date(d.from))
	case !d.until.IsZero() && !t.Before(d.until):
		return nil, fmt.Errorf("%w: %s, %s, which is not before %s", ErrNotSigned, date(t), said, date(d.until))
	}
	return ev, nil
}

func (d *during) String() string {
	text := d.Identity.String()
	if !d.from.IsZero() {
		text += " from " + date(d.from)
	}
	if !d.until.IsZero() {
		text += " until " + date(d.until)
	}
	return text
}
