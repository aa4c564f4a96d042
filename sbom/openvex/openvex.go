// Package openvex writes and reads OpenVEX documents, which say of products whether
// vulnerabilities in their components affect them.
//
// A [Document] is one of version 0.2.0 of the format:
//
//	{"@context":"https://openvex.dev/ns/v0.2.0",
//	 "@id":"urn:uuid:…","author":"…","timestamp":"2026-01-02T03:04:05Z","version":1,
//	 "statements":[{"vulnerability":{"name":"CVE-2023-45288"},
//	   "products":[{"hashes":{"sha-256":"…"},"subcomponents":[{"@id":"pkg:golang/golang.org/x/net@v0.22.0"}]}],
//	   "status":"affected","action_statement":"…"}]}
//
// A product is a file or an image that somebody runs, and its digests say which one.
// A statement about a product that only has a name is a statement about whatever has
// that name.
//
// [Document.Marshal] writes each Document in one form, and refuses what [Document.Check]
// finds a fault in. [Parse] is strict about form: members that the format does not have,
// or twice, and values of another type are errors. What a document says is for Check to
// judge, because many that are in use lack what must be there.
//
// A Document is what its author claims. [Document.Statement] makes a predicate of it
// about the products, which can be signed.
//
// https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
package openvex

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
)

// Type is the context of the documents that this package writes, and the type of
// predicate that they are. [Parse] also reads [TypeUnversioned].
const Type = "https://openvex.dev/ns/v0.2.0"

// TypeUnversioned is the context of documents that do not say of which version they
// are.
const TypeUnversioned = "https://openvex.dev/ns"

// A Document is a list of statements about products.
type Document struct {
	// ID is an IRI that identifies the document. If it is empty, Marshal writes a UUID
	// that it makes of the rest.
	ID string

	Author      string    // a person or an organization; best an email address or an IRI
	Role        string    // of the author; may be empty
	Timestamp   time.Time // when the document was issued
	LastUpdated time.Time // when it was last changed; may be zero
	Version     int       // from 1; higher whenever anything in the document changes
	Tooling     string    // what made the document; may be empty

	// Statements are at least one.
	Statements []Statement
}

// A Statement says how a vulnerability stands to products.
type Statement struct {
	ID      string // an IRI that identifies the statement; may be empty
	Version int    // of the statement; may be 0

	// Vulnerability is what the statement is about.
	Vulnerability Vulnerability

	// Timestamp is when the statement was known to be true; zero if it is that of the
	// Document. LastUpdated is when it was last changed; may be zero.
	Timestamp, LastUpdated time.Time

	// Products are what the statement is about. There can be none if the Document is in
	// an attestation, whose subjects they are then.
	Products []Product

	Status   Status // how the vulnerability stands to the products
	Supplier string // of the products; may be empty

	// StatusNotes say how the status was found; may be empty.
	StatusNotes string

	// Justification and ImpactStatement say why products are [NotAffected]: one is
	// needed, best the first, and the JSON schema of the format, other than its text,
	// does not allow both.
	Justification   Justification
	ImpactStatement string

	// ActionStatement says what to do about products that are [Affected], and is needed
	// then. ActionTimestamp is when it was issued; may be zero.
	ActionStatement string
	ActionTimestamp time.Time
}

// A Vulnerability is known by its name.
type Vulnerability struct {
	ID          string   // an IRI; may be empty
	Name        string   // "CVE-2023-45288"
	Description string   // may be empty
	Aliases     []string // other names
}

// A Product is software that is used as one piece.
type Product struct {
	Component

	// Subcomponents are the components in which the vulnerability is; may be none.
	Subcomponents []Component
}

// A Component is software. At least one of its fields must be there.
type Component struct {
	ID    string // an IRI; a package URL is one
	PURL  string // a package URL
	CPE22 string // a name of the Common Platform Enumeration, "cpe:/a:…"
	CPE23 string // the same in version 2.3, "cpe:2.3:a:…"

	// Digests are those of its bytes, one of an algorithm: md5, sha1, sha256, sha384,
	// sha512, sha3_224, sha3_256, sha3_384, sha3_512, blake2s and blake2b. The format
	// has no name for others, such as the dirHash of a Go module.
	Digests []hallmark.Digest
}

// A Status is how a vulnerability stands to products.
type Status string

// The statuses.
const (
	NotAffected        Status = "not_affected"        // nothing needs to be done
	Affected           Status = "affected"            // something should be done
	Fixed              Status = "fixed"               // the products contain a fix
	UnderInvestigation Status = "under_investigation" // it is not known yet
)

// A Justification is why products are [NotAffected].
type Justification string

// The justifications.
const (
	// The component is not in the product.
	ComponentNotPresent Justification = "component_not_present"

	// The component is, and not the vulnerable code of it.
	VulnerableCodeNotPresent Justification = "vulnerable_code_not_present"

	// The vulnerable code cannot be executed as the product uses it.
	VulnerableCodeNotInExecutePath Justification = "vulnerable_code_not_in_execute_path"

	// No attacker can control the vulnerable code.
	VulnerableCodeCannotBeControlledByAdversary Justification = "vulnerable_code_cannot_be_controlled_by_adversary"

	// The product has protections that cannot be circumvented or switched off.
	InlineMitigationsAlreadyExist Justification = "inline_mitigations_already_exist"
)

// algorithms are the names of hash functions, in the order of the format's own, and
// what hallmark.Digest calls them.
//
// https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md#appendix-a-hash-names-table
func algorithms() [][2]string {
	return [][2]string{
		{"md5", "md5"},
		{"sha1", "sha1"},
		{"sha-256", "sha256"},
		{"sha-384", "sha384"},
		{"sha-512", "sha512"},
		{"sha3-224", "sha3_224"},
		{"sha3-256", "sha3_256"},
		{"sha3-384", "sha3_384"},
		{"sha3-512", "sha3_512"},
		{"blake2s-256", "blake2s"},
		{"blake2b-512", "blake2b"},
	}
}

// Check returns every way in which d is not a valid document, joined:
//
//   - no author, no timestamp, no version or no statement; an ID that is no IRI; a text
//     that is not UTF-8; a time of change that is before the one of issue, or that RFC
//     3339 has no form for;
//   - two statements with the same ID, or that say something else of the same
//     vulnerability and product at the same time;
//   - a statement without a name of a vulnerability, or with an alias twice; with a
//     status or a justification that there is not; without products;
//   - [NotAffected] without a Justification or an ImpactStatement, [Affected] without
//     an ActionStatement, and any of them with another status;
//   - a product or a subcomponent that nothing identifies, with an ID that is no IRI, a
//     PURL that is malformed, a CPE that is not one, a Digest that the format has no
//     name for, or two of one algorithm.
func (d *Document) Check() error { return d.check(true) }

// check is Check, for which statements may do without products where the document is in
// an attestation.
func (d *Document) check(products bool) error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf("openvex: "+format, a...)) }
	text := func(where string, texts ...string) {
		for _, t := range texts {
			if !utf8.ValidString(t) {
				fail("%s: text %.100q is not UTF-8", where, t)
			}
		}
	}
	iri := func(where, id string) {
		if u, err := url.Parse(id); id != "" && (err != nil || u.Scheme == "" || strings.ContainsAny(id, " \"<>\\^`{|}")) {
			fail("%s: @id %.100q is not an IRI", where, id)
		}
	}
	times := func(where string, ts ...time.Time) {
		for _, t := range ts {
			if _, err := t.UTC().MarshalText(); err != nil {
				fail("%s: time: %w", where, err)
			}
		}
	}

	iri("document", d.ID)
	text("document", d.ID, d.Author, d.Role, d.Tooling)
	times("document", d.Timestamp, d.LastUpdated)
	if strings.TrimSpace(d.Author) == "" {
		fail("document: no author")
	}
	if d.Timestamp.IsZero() {
		fail("document: no timestamp")
	}
	if !d.LastUpdated.IsZero() && d.LastUpdated.Before(d.Timestamp) {
		fail("document: last updated before its timestamp")
	}
	if d.Version < 1 {
		fail("document: version %d, want 1 or more", d.Version)
	}
	if len(d.Statements) == 0 {
		fail("document: no statements")
	}

	ids := make(map[string]bool)
	type claim struct {
		at       time.Time
		name, of string
	}
	claims := make(map[claim]Status)
	for i, s := range d.Statements {
		where := fmt.Sprintf("statement %d", i)
		iri(where, s.ID)
		iri(where+": vulnerability", s.Vulnerability.ID)
		text(where, s.ID, s.Supplier, s.StatusNotes, s.ImpactStatement, s.ActionStatement, s.Vulnerability.ID, s.Vulnerability.Name, s.Vulnerability.Description)
		text(where, s.Vulnerability.Aliases...)
		times(where, s.Timestamp, s.LastUpdated, s.ActionTimestamp)
		if s.ID != "" && ids[s.ID] {
			fail("%s: @id %.100q occurs twice", where, s.ID)
		}
		ids[s.ID] = true
		if s.Version < 0 {
			fail("%s: version %d", where, s.Version)
		}
		if strings.TrimSpace(s.Vulnerability.Name) == "" {
			fail("%s: no name of a vulnerability", where)
		}
		seen := make(map[string]bool)
		for _, a := range s.Vulnerability.Aliases {
			if a == "" || seen[a] {
				fail("%s: alias %.100q is empty or occurs twice", where, a)
			}
			seen[a] = true
		}
		at := s.Timestamp
		if at.IsZero() {
			at = d.Timestamp
		}
		if !s.LastUpdated.IsZero() && s.LastUpdated.Before(at) {
			fail("%s: last updated before its timestamp", where)
		}

		switch s.Justification {
		case "", ComponentNotPresent, VulnerableCodeNotPresent, VulnerableCodeNotInExecutePath, VulnerableCodeCannotBeControlledByAdversary, InlineMitigationsAlreadyExist:
		default:
			fail("%s: justification %.100q is not known", where, s.Justification)
		}
		switch s.Status {
		case NotAffected:
			// "a VEX statement MUST include either a status justification or an
			// impact_statement"
			if s.Justification == "" && s.ImpactStatement == "" {
				fail("%s: %s, and neither a justification nor an impact statement", where, s.Status)
			}
		case Affected:
			// "a VEX statement MUST include a statement that SHOULD describe actions"
			if s.ActionStatement == "" {
				fail("%s: %s, and no action statement", where, s.Status)
			}
		case Fixed, UnderInvestigation:
		default:
			fail("%s: status %.100q is not known", where, s.Status)
		}
		if s.Status != NotAffected && (s.Justification != "" || s.ImpactStatement != "") {
			fail("%s: %s, and a justification or an impact statement", where, s.Status)
		}
		if s.Status != Affected && (s.ActionStatement != "" || !s.ActionTimestamp.IsZero()) {
			fail("%s: %s, and an action statement", where, s.Status)
		}

		if len(s.Products) == 0 && products {
			fail("%s: no products", where)
		}
		for j, p := range s.Products {
			where := fmt.Sprintf("%s: product %d", where, j)
			p.check(where, fail)
			text(where, p.ID, p.CPE22, p.CPE23)
			iri(where, p.ID)
			for k, c := range p.Subcomponents {
				where := fmt.Sprintf("%s: subcomponent %d", where, k)
				c.check(where, fail)
				text(where, c.ID, c.CPE22, c.CPE23)
				iri(where, c.ID)
			}
			key := claim{at.UTC(), s.Vulnerability.Name, string(p.append(nil))}
			if other, ok := claims[key]; ok && other != s.Status {
				fail("%s: %s, and another statement of the same time says %s", where, s.Status, other)
			}
			claims[key] = s.Status
		}
	}
	return errors.Join(errs...)
}

func (c *Component) check(where string, fail func(format string, a ...any)) {
	if c.ID == "" && c.PURL == "" && c.CPE22 == "" && c.CPE23 == "" && len(c.Digests) == 0 {
		fail("%s: nothing identifies it", where)
	}
	if c.PURL != "" {
		if _, err := purl.Parse(c.PURL); err != nil {
			fail("%s: %w", where, err)
		}
	}
	if c.CPE22 != "" && !strings.HasPrefix(c.CPE22, "cpe:/") {
		fail("%s: CPE %.100q does not begin with cpe:/", where, c.CPE22)
	}
	if c.CPE23 != "" && !strings.HasPrefix(c.CPE23, "cpe:2.3:") {
		fail("%s: CPE %.100q does not begin with cpe:2.3:", where, c.CPE23)
	}
	for i, d := range c.Digests {
		if !slices.ContainsFunc(algorithms(), func(a [2]string) bool { return a[1] == d.Algorithm() }) {
			fail("%s: the format has no name for the algorithm of the digest %q", where, d)
		}
		if slices.ContainsFunc(c.Digests[:i], func(o hallmark.Digest) bool { return o.Algorithm() == d.Algorithm() }) {
			fail("%s: two digests of the algorithm %q", where, d.Algorithm())
		}
	}
}

// Statement returns the in-toto statement that d is what is said of subjects, of the
// predicate type [Type]. Subjects are those given, which statements without Products are
// about, and all Products: an attestation is found by the digests of its subjects.
// Their names are the ID, or else the PURL.
//
// It fails if [Document.Check] finds a fault, but for statements without products where
// subjects are given; if a product has no digest that is [hallmark.Digest.Secure]; and
// if two that share a digest have different ones of another algorithm.
func (d *Document) Statement(subjects ...hallmark.Artifact) (*provenance.Statement, error) {
	predicate, err := d.marshal(len(subjects) == 0)
	if err != nil {
		return nil, err
	}
	subjects = slices.Clone(subjects)
	known := make(map[hallmark.Digest]hallmark.Artifact)
	for _, a := range subjects {
		for _, dg := range a.Digests {
			known[dg] = a
		}
	}
	for i, s := range d.Statements {
		for j, p := range s.Products {
			secure, there := false, false
			for _, dg := range p.Digests {
				if !dg.Secure() {
					continue
				}
				secure = true
				a, ok := known[dg]
				there = there || ok
				for _, o := range p.Digests {
					if other := a.Digest(o.Algorithm()); ok && other != o && !other.IsZero() {
						return nil, fmt.Errorf("openvex: statement %d: product %d: it has the digest %s and another subject with it has %s, but not %s", i, j, dg, other, o)
					}
				}
			}
			if !secure {
				return nil, fmt.Errorf("openvex: statement %d: product %d: no digest that identifies it", i, j)
			}
			if there {
				continue
			}
			a := hallmark.Artifact{Name: cmp.Or(p.ID, p.PURL), Digests: p.Digests}
			subjects = append(subjects, a)
			for _, dg := range p.Digests {
				known[dg] = a
			}
		}
	}
	return provenance.New(Type, predicate, subjects...)
}
