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
// turned them into the artifacts. [ParseBuild] reads versions 0.2 and 0.1 into
// it too, and [Convert] turns them into version 1, and tells what is lost.
//
// The other steps of a pipeline have predicates of their own: [SBOM],
// [TestResult], [Vulns], [SCAI], [Link], [Release], [Reference], and those of a
// verifier, [VSA] and [SVR]. Each is read from a Statement and makes one. Any
// other predicate becomes a Statement through [New].
//
// Builds are observed by the packages below this one: provenance/ci in a job of a
// CI system, with provenance/github, gitlab and buildkite for those that have a
// layout of their own, and provenance/git in a checkout on somebody's machine.
// provenance/oidc fetches the word of the platform, which counts for more than the
// environment; provenance/gobuild ties a Go program to its source, and
// provenance/release keeps the statements of a release together. None of them
// reads the environment but through the function that it is given.
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
// an error in, and what [Parse] does not read. [Parse] is strict about JSON and
// lenient about content, because readers must ignore members that they do not
// know. [Lint] names the mistakes that programs in use make.
//
// [Equivalent] says in what two builds differ that should be one, and
// [Statement.Explain] in words what a statement tells and who stands for it.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// StatementType is the _type of the statements that this package writes.
const StatementType = "https://in-toto.io/Statement/v1"

// StatementTypeV01 is the older _type that this package also reads.
//
// https://github.com/in-toto/attestation/blob/v0.1.0/spec/README.md
const StatementTypeV01 = "https://in-toto.io/Statement/v0.1"

// A Statement is a predicate about artifacts.
type Statement struct {
	// Type is StatementTypeV01 if the statement was read as such. It is empty
	// for version 1, which is what Marshal writes in any case.
	Type string

	// Subjects are the artifacts. They are matched by digest alone.
	Subjects []ResourceDescriptor

	// PredicateType is the URI that says how to read Predicate.
	PredicateType string

	// Predicate is a JSON object, or nil if there is none.
	Predicate json.RawMessage

	// Notes say what [Parse] read otherwise than it is written, outside of the
	// predicate: each is a Note if nothing is lost by it, or a Warning.
	Notes []Problem
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

// Marshal returns s as JSON, a statement of version 1. The same Statement gives
// the same bytes, in whatever order its subjects are. It fails if [Parse] does
// not read the bytes, or [Statement.Validate] finds an error in what it reads:
// nothing is handed out to be signed that this package would refuse.
func (s *Statement) Marshal() ([]byte, error) {
	b, err := s.marshal()
	if err == nil {
		var again *Statement
		if again, err = Parse(b); err == nil {
			err = again.check()
		}
		if err == nil {
			return b, nil
		}
		err = fmt.Errorf("provenance: what would be written is refused: %w", err)
	}
	// In the words and the order of s, if the fault shows in s too.
	if e := s.check(); e != nil {
		return nil, e
	}
	return nil, err
}

func (s *Statement) marshal() ([]byte, error) {
	subjects := sortedSubjects(s.Subjects)
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
// is another _type than [StatementType] and [StatementTypeV01], a missing
// predicateType, or a subject list that is missing or empty. What is wrong
// inside of a subject, such as a digest that is too short, is left to
// [Statement.Validate] and to those who match digests: it identifies nothing.
// Members of the statement that in-toto does not know are ignored, but for
// "type" if there is no _type, because the official Go types take it for that;
// those of a resource are its Extensions. The predicate is kept as it is.
func Parse(payload []byte) (*Statement, error) {
	if len(payload) > MaxStatementSize {
		return nil, fmt.Errorf("malformed statement: %d bytes, at most %d are read", len(payload), MaxStatementSize)
	}
	var s Statement
	var typ, alias string
	typed := false
	note := func(severity Severity, path, format string, a ...any) {
		s.Notes = append(s.Notes, Problem{path, severity, fmt.Sprintf(format, a...)})
	}
	err := strictjson.Read(payload, func(r *strictjson.Reader) error {
		return r.Object(func(name string) (err error) {
			switch name {
			case "_type":
				typed = true
				typ, err = r.String()
			case "subject":
				s.Subjects, err = readDescriptors(r, MaxSubjects, note)
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
			case "type":
				if r.Kind() != '"' {
					return r.Skip()
				}
				alias, err = r.String()
			default:
				err = skip(r, name, "_type", "subject", "predicateType", "predicate")
			}
			return err
		})
	})
	if !typed && alias != "" {
		typ = alias
		note(Warning, "$.type", "read as _type, which is missing")
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("malformed statement: %w", err)
	case typ == StatementTypeV01:
		s.Type = typ
	case typ != StatementType:
		return nil, fmt.Errorf("malformed statement: _type %.200q, want %q or %q", typ, StatementType, StatementTypeV01)
	}
	switch {
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

// extension reads, as skip, the value of a member that is none of known, and
// keeps it in to, which it returns.
func extension(r *strictjson.Reader, to Extensions, name string, known ...string) (Extensions, error) {
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return to, r.Errorf("want %q", k)
		}
	}
	raw, err := r.Raw()
	if err != nil {
		return to, err
	}
	if to == nil {
		to = make(Extensions)
	}
	to[name], err = strictjson.Append(nil, raw)
	return to, err
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

	// Note is something that is in order, or that loses nothing, and that is
	// read otherwise than it is written.
	Note
)

func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
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

// member returns the path of a member of the object at a path. A name that
// could be read as several is quoted, as in the errors of a reader.
func member(at, name string) string {
	name = name[:min(len(name), 100)]
	if q := strconv.Quote(name); name == "" || len(q) != len(name)+2 || strings.ContainsAny(name, ".[") {
		return at + "." + q
	}
	return at + "." + name
}

// problems collects Problems.
type problems []Problem

func (ps *problems) add(s Severity, path, format string, a ...any) {
	*ps = append(*ps, Problem{path, s, fmt.Sprintf(format, a...)})
}

// Validate returns everything that is wrong with s, in the order of its
// members: of the statement, of its subjects, and of its predicate if this
// package knows the type. Other predicates are checked only for being a JSON
// object.
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
			ps.add(Error, at+".name", "%.200q is also the name of subject %d", hideUsers(d.Name), first)
		} else {
			names[d.Name] = i
		}
		if d.Name == "" && s.Type == StatementTypeV01 {
			ps.add(Warning, at+".name", "missing, which only later versions allow")
		}
		if first, ok := uris[d.URI]; ok && d.URI != "" {
			ps.add(Warning, at+".uri", "%.200q is also the uri of subject %d", hideUsers(d.URI), first)
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
	if s.Predicate != nil {
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
	}
	s.validatePredicate(&ps)
	return append(ps, s.Notes...)
}

// validatePredicate reports what is wrong with the predicate, which is a JSON
// object or missing, by the rules of its type.
func (s *Statement) validatePredicate(ps *problems) {
	switch s.PredicateType {
	case PredicateType, PredicateTypeV02, PredicateTypeV01:
		s.validateBuild(ps)
	default:
		s.validateOther(ps)
	}
}

// checkURI reports a URI that is not absolute, or whose scheme or authority is
// not in lower case, in which case two spellings would be one URI (RFC 3986
// section 6.2.2.1). User information is one thing that no URI here needs, but
// for the "git" of an SSH URL: it can be a password, and is not shown.
func checkURI(ps *problems, path, uri string) {
	scheme, rest, ok := strings.Cut(uri, ":")
	authority, _ := strings.CutPrefix(rest, "//")
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority = authority[:i]
	}
	if !strings.HasPrefix(rest, "//") {
		authority = ""
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		if authority[:i] != "git" {
			uri = scheme + "://…@" + rest[len("//")+i+1:]
			ps.add(Error, path, "%.200q has user information, which can be a secret", uri)
		}
		authority = authority[i+1:]
	}
	switch {
	case uri == "":
		ps.add(Error, path, "missing")
		return
	case !ok || rest == "" || !isScheme(scheme):
		// user@host:path, user@host/path or //user@host/path
		remote := strings.TrimLeft(uri, "/")
		host, _, _ := strings.Cut(remote, "/")
		if i := strings.LastIndexByte(host, '@'); i >= 0 && host[:i] != "git" {
			uri = "…@" + remote[i+1:]
		}
		ps.add(Error, path, "%.200q is not an absolute URI", uri)
		return
	case strings.ContainsFunc(rest, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`"<>\^{|}`+"`", c) }):
		ps.add(Error, path, "%.200q has a character that no URI has", uri)
		return
	case strings.ContainsFunc(rest, func(c rune) bool { return c > 0x7f }) || !isEscaped(rest):
		// Refs of git are in URIs as they are, and can have both.
		ps.add(Warning, path, "%.200q has characters that ought to be escaped", uri)
	}
	if scheme != strings.ToLower(scheme) {
		ps.add(Error, path, "the scheme of %.200q is not in lower case", uri)
	}
	if authority != strings.ToLower(authority) {
		ps.add(Error, path, "the authority of %.200q is not in lower case", uri)
	}
}

// isScheme reports whether s is a letter and then letters, digits, and + - .
func isScheme(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && strings.IndexByte(letters, s[0]) >= 0 && strings.Trim(s, letters+"0123456789+-.") == ""
}

// isEscaped reports whether two hexadecimal digits follow every percent sign.
func isEscaped(uri string) bool {
	for _, part := range strings.Split(uri, "%")[1:] {
		if len(part) < 2 || strings.Trim(part[:2], "0123456789abcdefABCDEF") != "" {
			return false
		}
	}
	return true
}
