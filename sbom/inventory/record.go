package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Record is what is known of one artifact: what is in it, where it came from, and what
// a policy says of both. The Inventory keeps facts of it, and no documents.
type Record struct {
	// Artifact is what the Record is about. One of its digests must be one for which
	// [hallmark.Digest.Secure] holds.
	Artifact hallmark.Artifact

	// Document is what is in the artifact; nil if nothing says.
	Document *sbom.Document

	// Attested is what Evidence has as Signed, of the statement that the Document was read
	// from. It is zero for a Document that nobody has signed whom the policy
	// names, and every answer says so.
	Attested hallmark.Digest

	// Revoked says that the policy revokes whoever signed that statement, or cannot
	// tell. The Document is unattested then, until a policy says otherwise.
	Revoked bool

	// Build is where the artifact came from, as provenance says that is among Evidence.
	Build Build

	// Evidence are what was verified of the envelopes about the artifact. Of it a verdict
	// under another policy is made later, as [verify.Policy.Recall] does, which says what of
	// a payload need not be kept. To the resolvedDependencies of provenance of version 1
	// of which the Payload is not what was signed, all of Build.Inputs are added then, each
	// once.
	Evidence []verify.Evidence

	// Verdict is what a policy says of the artifact.
	Verdict Verdict

	// Gaps are sentences on what is known to be missing, such as an SBOM that cannot be
	// read. What the Document itself says of its gaps is added to them.
	Gaps []string

	// Mark is what the caller knows the input by that the Record was made of: a digest of
	// its own choice. See [Inventory.Known]. It may be zero.
	Mark hallmark.Digest
}

// A Build is where an artifact came from. What is not known is empty.
type Build struct {
	Source   string          // URL of the repository
	Commit   hallmark.Digest // a gitCommit
	Ref      string          // full, "refs/tags/v1.2.3"
	Workflow string          // what the build was started by: a path in the repository, or a URI
	Builder  string          // builder.id
	Type     string          // build type
	Run      string          // the invocation
	Finished time.Time       // or, if the provenance does not say, when it was signed

	// Inputs are what the build took in, other than its source.
	Inputs []Input
}

// An Input is something that a build took in.
type Input struct {
	URI, Name, Location string // not all are empty; Location is its downloadLocation
	Digests             []hallmark.Digest
}

// A Verdict is what a policy said of an artifact.
type Verdict struct {
	// Verdict is verify.Accepted, verify.Rejected or verify.Undecided, or empty if nobody
	// has decided.
	Verdict string

	Policy     hallmark.Digest    // of the policy file
	At         time.Time          // when it was decided
	Reasons    []string           // of what is not accepted, a sentence each
	Exceptions []verify.Exception // that were needed
}

// Contents says how far it can be believed what is in an artifact.
type Contents string

// The kinds of Contents.
const (
	Attested   Contents = "attested"   // somebody whom the policy names has signed the SBOM
	Unattested Contents = "unattested" // there is an SBOM, and nobody whom the policy names has signed it
	NoSBOM     Contents = "none"       // there is no SBOM that can be read
)

// Trust is what an answer may be trusted for.
type Trust struct {
	Verdict  Verdict  // what a policy said of the artifact
	Contents Contents // how far it can be believed what is in it

	// Lapsed says that the verdict needed an exception that has ended since.
	Lapsed bool
}

// Trusted reports whether the artifact is accepted, by no exception that has ended, and
// its SBOM is attested.
func (t Trust) Trusted() bool {
	return t.Verdict.Verdict == verify.Accepted && !t.Lapsed && t.Contents == Attested
}

// String says it for people: "accepted", "accepted with 1 exception", "rejected",
// "accepted, SBOM not attested", "nobody has decided, no SBOM".
func (t Trust) String() string {
	text := t.Verdict.Verdict
	switch n := len(t.Verdict.Exceptions); {
	case text == "":
		text = "nobody has decided"
	case text == verify.Accepted && t.Lapsed:
		text = "accepted once, by an exception that has ended"
	case text == verify.Accepted && n == 1:
		text += " with 1 exception"
	case text == verify.Accepted && n > 1:
		text += fmt.Sprintf(" with %d exceptions", n)
	}
	switch t.Contents {
	case Unattested:
		text += ", SBOM not attested"
	case NoSBOM:
		text += ", no SBOM"
	}
	return text
}

// check returns why v cannot be kept.
func (v *Verdict) check() error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	switch v.Verdict {
	case verify.Accepted, verify.Rejected, verify.Undecided:
		if v.At.IsZero() {
			fail("verdict %q: when it was made is missing", v.Verdict)
		}
	case "":
	default:
		fail("verdict %q, want %q, %q, %q or none", v.Verdict, verify.Accepted, verify.Rejected, verify.Undecided)
	}
	if len(v.Reasons) > maxList || len(v.Exceptions) > maxList {
		fail("%d reasons and %d exceptions, want at most %d", len(v.Reasons), len(v.Exceptions), maxList)
	}
	for _, s := range v.Reasons {
		if !plain(s, maxText) {
			fail("reason %.100q: want UTF-8 of at most %d bytes without a NUL", s, maxText)
		}
	}
	times := []time.Time{v.At}
	for _, e := range v.Exceptions {
		times = append(times, e.Expires)
	}
	for _, t := range times {
		if !datable(t) {
			fail("time %s: want a year from 1 to 9999", t)
		}
	}
	return errors.Join(errs...)
}

// plain reports whether s is text of at most some bytes that any database keeps.
func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func datable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// lapsed reports whether v needed an exception that has ended at now.
func (v *Verdict) lapsed(now time.Time) bool {
	return slices.ContainsFunc(v.Exceptions, func(e verify.Exception) bool { return !now.Before(e.Expires) })
}

// An Entry is what the Inventory keeps of a Record, as answers have it.
type Entry struct {
	Artifact hallmark.Artifact
	Build    Build    // without Inputs
	Signers  []string // who signed the evidence: keys by fingerprint, holders of certificates by name
	Trust    Trust
	Gaps     []string // what is known to be missing, a sentence each
	Parts    int      // how many components are in it, without the main one

	// Complete says that the SBOM has no gaps, and says itself that it has everything that
	// its components require.
	Complete bool

	id int64 // of the record
}

// Title names the artifact of e for people: its name, or else a digest.
func (e *Entry) Title() string {
	if e.Artifact.Name != "" || len(e.Artifact.Digests) == 0 {
		return e.Artifact.Name
	}
	return e.Artifact.Digests[0].String()
}

// label names a component in a path: by its package URL, or else by its name and version.
func label(c *sbom.Component) string {
	if c.PURL != "" {
		return c.PURL
	}
	name := c.Name
	if c.Group != "" {
		name = c.Group + "/" + name
	}
	return strings.TrimSpace(name + " " + c.Version)
}
