// Package provenance says how an artifact was made.
//
// A [Statement] is an in-toto statement: a predicate about artifacts, which are
// named by their digests.
//
//	{"_type":"https://in-toto.io/Statement/v1",
//	 "subject":[{"name":"app","digest":{"sha256":"…"}}],
//	 "predicateType":"https://slsa.dev/provenance/v1",
//	 "predicate":{…}}
//
// A [Build] is the predicate of SLSA Build provenance, version 1: the build
// type, the parameters, the source and the other inputs, and the builder that
// turned them into the artifacts. Any other predicate, an SBOM for instance,
// becomes a Statement through [New].
//
// Builds are observed by the packages below this one: provenance/github in a
// job of GitHub Actions, provenance/git in a checkout on somebody's machine;
// provenance/gobuild adds what a Go binary says of itself. None of them reads
// the environment but through the function that it is given.
//
// # A claim
//
// A Statement is what its author claims. Who the author is, a signature shows
// (package sign); whether to believe it, package verify decides. Until then
// nothing of it may be relied on.
//
// # Bytes
//
// [Statement.Marshal] writes each Statement in one form only: members in the
// order of the specification, maps in byte order, subjects by name and digest,
// no white space, numbers with the digits that they were given with, nothing
// escaped but what must be. It refuses to write what [Statement.Validate] finds
// an error in. [Parse] is strict about JSON and lenient about content, because
// readers must ignore members that they do not know.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// MediaType is the payload type of a Statement in an envelope.
const MediaType = "application/vnd.in-toto+json"

// StatementType is the _type of the statements that this package writes and
// reads.
const StatementType = "https://in-toto.io/Statement/v1"

// A Statement is a predicate about artifacts.
type Statement struct {
	// Subjects are the artifacts. They are matched by digest alone.
	Subjects []ResourceDescriptor

	// PredicateType is the URI that says how to read Predicate.
	PredicateType string

	// Predicate is a JSON object, or nil if there is none.
	Predicate json.RawMessage
}

// New returns a Statement about subjects. predicate is a [json.RawMessage] with
// an object, whose members keep their order, or a value that encoding/json
// marshals to an object; nil makes a Statement without one.
func New(predicateType string, predicate any, subjects ...hallmark.Artifact) (*Statement, error) {
	s := &Statement{PredicateType: predicateType}
	for _, a := range subjects {
		s.Subjects = append(s.Subjects, ResourceDescriptor{Name: a.Name, Digest: NewDigestSet(a.Digests...)})
	}
	if predicate != nil {
		var err error
		if s.Predicate, err = strictjson.Append(nil, predicate); err != nil {
			return nil, fmt.Errorf("provenance: predicate: %w", err)
		}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// Marshal returns s as JSON. The same Statement gives the same bytes, in
// whatever order its subjects are. It fails if [Statement.Validate] finds an
// error.
func (s *Statement) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	subjects := sortedBy(s.Subjects, func(a, b *ResourceDescriptor) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.URI, b.URI)
	})
	b := append([]byte(nil), `{"_type":"`+StatementType+`","subject":[`...)
	for i, d := range subjects {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = d.append(b); err != nil {
			return nil, fmt.Errorf("provenance: subject %d: %w", i, err)
		}
	}
	b = append(b, `],"predicateType":`...)
	b, err := strictjson.AppendString(b, s.PredicateType)
	if err != nil {
		return nil, fmt.Errorf("provenance: predicate type: %w", err)
	}
	if s.Predicate != nil {
		b = append(b, `,"predicate":`...)
		if b, err = strictjson.Append(b, s.Predicate); err != nil {
			return nil, fmt.Errorf("provenance: predicate: %w", err)
		}
	}
	b = append(b, '}')
	if len(b) > MaxStatementSize {
		return nil, fmt.Errorf("provenance: statement of %d bytes, at most %d can be read", len(b), MaxStatementSize)
	}
	return b, nil
}

// check returns the errors among the problems that Validate finds.
func (s *Statement) check() error {
	var errs []error
	for _, p := range s.Validate() {
		if p.Severity == Error {
			errs = append(errs, fmt.Errorf("malformed statement: %s", p))
		}
	}
	return errors.Join(errs...)
}

// Parse parses a statement, usually the verified payload of an envelope.
//
// A member that occurs twice, a name in another case, bytes that are not
// UTF-8, data after the end, and a member of the wrong JSON type are errors, as
// is another _type than [StatementType], a missing predicateType, or a subject
// list that is missing or empty. What is wrong inside of a subject, such as a
// digest that is too short, is left to [Statement.Validate] and to those who
// match digests: it identifies nothing. Members that in-toto does not know are
// ignored, at every level.
func Parse(payload []byte) (*Statement, error) {
	if len(payload) > MaxStatementSize {
		return nil, fmt.Errorf("malformed statement: %d bytes, at most %d are read", len(payload), MaxStatementSize)
	}
	var s Statement
	var typ string
	err := strictjson.Read(payload, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "_type":
				typ, err = r.String()
			case "subject":
				s.Subjects, err = readDescriptors(r, MaxSubjects)
			case "predicateType":
				s.PredicateType, err = r.String()
			case "predicate":
				if r.Null() { // unset and empty are the same
					return nil
				}
				if r.Kind() != '{' {
					return r.Errorf("the predicate is not an object")
				}
				s.Predicate, err = r.Raw()
			default:
				err = skip(r, name, "_type", "subject", "predicateType", "predicate")
			}
			return err
		})
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("malformed statement: %w", err)
	case typ != StatementType:
		return nil, fmt.Errorf("malformed statement: _type %.200q, want %q", typ, StatementType)
	case len(s.Subjects) == 0:
		return nil, errors.New("malformed statement: no subject")
	case s.PredicateType == "":
		return nil, errors.New("malformed statement: no predicateType")
	}
	s.Predicate = slices.Clone(s.Predicate)
	return &s, nil
}

// skip reads the value of a member that is none of known. A name that differs
// from one of them in case only is an error: encoding/json, for one, takes it
// for that member, and would read another statement.
func skip(r *strictjson.Reader, name string, known ...string) error {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return r.Errorf("want %q", k)
		}
	}
	return r.Skip()
}

// A Severity says what a [Problem] means for those who read the statement.
type Severity int

const (
	// Error is something that the specification forbids, or that lets two
	// readers understand two things. Marshal does not write it.
	Error Severity = iota

	// Warning is something that the specification advises against, or that
	// this package does not know.
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// A Problem is something wrong with a statement.
type Problem struct {
	Path     string // where, as "$.subject[0].digest.sha256"
	Severity Severity
	Text     string // what
}

func (p Problem) String() string { return p.Path + ": " + p.Text }

// problems collects Problems.
type problems []Problem

func (ps *problems) add(s Severity, path, format string, a ...any) {
	*ps = append(*ps, Problem{path, s, fmt.Sprintf(format, a...)})
}

// Validate returns everything that is wrong with s, in the order of its
// members: of the statement, of its subjects, and of its predicate if it is of
// a type that this package writes. Other predicates are checked only for being a
// JSON object.
func (s *Statement) Validate() []Problem {
	var ps problems
	switch n := len(s.Subjects); {
	case n == 0:
		ps.add(Error, "$.subject", "no subject")
	case n > MaxSubjects:
		ps.add(Error, "$.subject", "%d subjects, at most %d can be read", n, MaxSubjects)
		return ps
	}
	names, uris := make(map[string]int), make(map[string]int)
	for i, d := range s.Subjects {
		at := fmt.Sprintf("$.subject[%d]", i)
		if first, ok := names[d.Name]; ok && d.Name != "" {
			ps.add(Error, at+".name", "%q is also the name of subject %d", d.Name, first)
		} else {
			names[d.Name] = i
		}
		if first, ok := uris[d.URI]; ok && d.URI != "" {
			ps.add(Warning, at+".uri", "%q is also the uri of subject %d", d.URI, first)
		} else {
			uris[d.URI] = i
		}
		if len(d.Digest) == 0 {
			ps.add(Error, at+".digest", "a subject needs a digest")
		} else if !d.identifies() {
			ps.add(Error, at+".digest", "no digest but by broken or unknown algorithms")
		}
		d.validate(&ps, at)
	}
	checkURI(&ps, "$.predicateType", s.PredicateType)
	if s.Predicate == nil {
		if s.PredicateType == PredicateType {
			ps.add(Error, "$.predicate", "provenance without a predicate")
		}
		s.validatePredicate(&ps)
		return ps
	}
	err := strictjson.Read(s.Predicate, func(r *strictjson.Reader) error {
		if r.Kind() != '{' {
			return r.Errorf("not an object")
		}
		return r.Skip()
	})
	if err != nil {
		ps.add(Error, "$.predicate", "%v", err)
		return ps
	}
	if s.PredicateType == PredicateType {
		b, err := ParseBuild(s)
		if err != nil {
			ps.add(Error, "$.predicate", "%v", err)
			return ps
		}
		b.validate(&ps)
	}
	s.validatePredicate(&ps)
	return ps
}

// checkURI reports a URI that is not absolute, or whose scheme or authority is
// not in lower case, in which case two spellings would be one URI (RFC 3986
// section 6.2.2.1).
func checkURI(ps *problems, path, uri string) {
	scheme, rest, ok := strings.Cut(uri, ":")
	switch {
	case uri == "":
		ps.add(Error, path, "missing")
		return
	case !ok || rest == "" || !isScheme(scheme):
		ps.add(Error, path, "%.200q is not an absolute URI", uri)
		return
	case strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", c) }):
		ps.add(Error, path, "%.200q has a character that no URI has", uri)
		return
	case scheme != strings.ToLower(scheme):
		ps.add(Error, path, "the scheme of %.200q is not in lower case", uri)
	}
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		if i := strings.IndexAny(authority, "/?#"); i >= 0 {
			authority = authority[:i]
		}
		if authority != strings.ToLower(authority) {
			ps.add(Error, path, "the authority of %.200q is not in lower case", uri)
		}
	}
}

// isScheme reports whether s is a letter and then letters, digits, and + - .
func isScheme(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && strings.IndexByte(letters, s[0]) >= 0 && strings.Trim(s, letters+"0123456789+-.") == ""
}
