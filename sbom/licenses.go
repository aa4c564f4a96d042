package sbom

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
)

// Licenses is what is known of the licences of a component. What came with the
// component and what somebody makes of it are two fields, and neither is ever
// derived from the other.
//
// Expressions are SPDX license expressions as in Annex D of SPDX 2.3, with one
// space between words and none or one inside of parentheses. What stands behind WITH
// may be an addition as well, as in SPDX 3.0.1: "AdditionRef-…". Whether an identifier
// is on the SPDX License List is not checked, since the list grows, nor whether another
// document has what "DocumentRef-…:" is in front of. NONE and NOASSERTION are not
// expressions: an empty field says that much.
//
// https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
// https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/
type Licenses struct {
	// Declared is what the licence texts that came with the component say. It
	// has all IDs of all Files of the kind [KindLicense].
	Declared string

	// Concluded is the judgement of whoever answers for the Document. No
	// package of this module sets it.
	Concluded string

	// Unknown says why Declared is empty, in one sentence.
	Unknown string

	// Files are the files that were looked at, sorted by Path. They are the
	// evidence for Declared.
	Files []LicenseFile

	// Texts are what the LicenseRefs in the other fields stand for, sorted by
	// ID.
	Texts []LicenseText
}

// A LicenseFile is a file of a component that has to do with its licences.
type LicenseFile struct {
	Path   string          // in the component, separated by slashes
	Digest hallmark.Digest // of the file's bytes
	Kind   LicenseKind

	// Coverage is how much of the file's words the texts of known licences
	// make up, in percent, rounded down.
	Coverage int

	// IDs are SPDX identifiers of the licences whose texts are in the file,
	// sorted. A file of the kind [KindLicense] has at least one: the
	// LicenseRef of its own text, if that is not known, or not all of it.
	IDs []string
}

// A LicenseKind is what a file has to do with licences.
type LicenseKind string

// The kinds that files have.
const (
	KindLicense LicenseKind = "license" // it licenses the component
	KindNotice  LicenseKind = "notice"  // it has notices, which licences may ask to be kept
	KindPatents LicenseKind = "patents" // it grants rights in patents, beside a licence
)

// A LicenseText is the text of a licence that is not on the SPDX License List.
type LicenseText struct {
	ID string // "LicenseRef-…"

	// Text is in UTF-8. Bytes of the file that are not are U+FFFD.
	Text string
}

func (l *Licenses) sort() {
	slices.SortFunc(l.Files, func(a, b LicenseFile) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(l.Texts, func(a, b LicenseText) int { return cmp.Compare(a.ID, b.ID) })
}

// check calls fail for every fault of l. texts are those of the Document so far,
// by their IDs.
func (l *Licenses) check(fail func(format string, a ...any), texts map[string]string) {
	if l.Declared == "" && l.Concluded == "" && l.Unknown == "" {
		fail("licenses: neither declared, nor concluded, nor unknown")
	}
	if l.Declared != "" && l.Unknown != "" {
		fail("licenses: declared as %s, and unknown", l.Declared)
	}

	own := make(map[string]bool, len(l.Texts))
	for _, t := range l.Texts {
		if own[t.ID] {
			fail("licenses: two texts of %s", t.ID)
		}
		own[t.ID] = true
		if first, ok := texts[t.ID]; ok && first != t.Text {
			fail("licenses: %s is another text than that of another component", t.ID)
		}
		texts[t.ID] = t.Text
		if !utf8.ValidString(t.Text) { // and too long to be quoted
			fail("licenses: the text of %s is not UTF-8", t.ID)
		}
		if !strings.HasPrefix(t.ID, licenseRef) || checkLicenseID(t.ID) != nil {
			fail("licenses: %q cannot identify a text, want %s and letters, digits, hyphens or full stops", t.ID, licenseRef)
		}
	}
	hasText := func(id string) {
		if strings.HasPrefix(id, licenseRef) && !own[id] {
			fail("licenses: no text of %s", id)
		}
	}
	expression := func(of, s string) (ids []string) {
		if s == "" {
			return nil
		}
		ids, err := LicenseIDs(s)
		if err != nil {
			fail("licenses: %s: %w", of, err)
		}
		for _, id := range ids {
			hasText(id)
		}
		return ids
	}
	declared := expression("declared", l.Declared)
	expression("concluded", l.Concluded)

	paths := make(map[string]bool, len(l.Files))
	for _, f := range l.Files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			fail("licenses: malformed path %q", f.Path)
		}
		if paths[f.Path] {
			fail("licenses: file %s occurs twice", f.Path)
		}
		paths[f.Path] = true
		if f.Digest.IsZero() {
			fail("licenses: file %s has no digest", f.Path)
		}
		if f.Coverage < 0 || f.Coverage > 100 {
			fail("licenses: file %s: coverage of %d percent", f.Path, f.Coverage)
		}
		switch f.Kind {
		case KindLicense:
			if len(f.IDs) == 0 {
				fail("licenses: file %s licenses the component and has no identifier", f.Path)
			}
			for _, id := range f.IDs {
				if _, ok := slices.BinarySearch(declared, id); !ok {
					fail("licenses: file %s has %s, which is not declared", f.Path, id)
				}
			}
		case KindNotice, KindPatents:
		default:
			fail("licenses: file %s: kind %q is not known", f.Path, f.Kind)
		}
		for _, id := range f.IDs {
			if err := checkLicenseID(id); err != nil {
				fail("licenses: file %s: %w", f.Path, err)
			}
			hasText(id)
		}
	}
}

// licenseRef is what identifiers of licences begin with that are not on the SPDX
// License List.
const licenseRef = "LicenseRef-"

// Other prefixes of the grammar: of what licences are with, and of both in another
// document.
const (
	additionRef = "AdditionRef-"
	documentRef = "DocumentRef-"
)

// maxExpression is how many bytes an expression may have.
const maxExpression = 1 << 20

// LicenseIDs returns the identifiers of the licences in an SPDX license
// expression, sorted and without duplicates. A "+" behind one is not part of it,
// and "DocumentRef-…:" in front of one is. An exception behind WITH is not among them.
// LicenseIDs fails if the expression is malformed, which what is longer than 1 MiB is.
func LicenseIDs(expression string) (ids []string, err error) {
	malformed := func(format string, a ...any) ([]string, error) {
		short := expression
		if len(short) > 200 {
			short = strings.ToValidUTF8(short[:200], "") + "…"
		}
		return nil, fmt.Errorf("malformed license expression %q: %w", short, fmt.Errorf(format, a...))
	}
	if len(expression) > maxExpression {
		return malformed("it has %d bytes, want at most %d", len(expression), maxExpression)
	}

	// An operand is wanted at first, behind an operator and behind "(". Depth
	// alone remembers the parentheses: what binds stronger does not matter here.
	depth := 0
	operand, with := true, false
	bare := false // the last word was an identifier, which may have an exception
	for word := range strings.SplitSeq(expression, " ") {
		opened := len(word) - len(strings.TrimLeft(word, "("))
		closed := len(word) - len(strings.TrimRight(word, ")"))
		if opened > 0 && (!operand || with) {
			return malformed("%q where an operator is wanted", word)
		}
		alone := opened+closed == len(word) // what is in the parentheses has a space beside it
		if word == "" || opened > 0 && closed > 0 && alone || closed > 0 && alone && operand {
			return malformed("%q where a word is wanted", word)
		}
		depth += opened
		switch name := word[opened : len(word)-closed]; {
		case alone:
			bare = false
		case operand && with:
			if !isException(name) {
				return malformed("%q where an exception is wanted", name)
			}
			operand, with, bare = false, false, false
		case operand:
			id := strings.TrimSuffix(name, "+")
			if err := checkLicenseID(id); err != nil {
				return malformed("%w", err)
			}
			if strings.Contains(id, licenseRef) && id != name {
				return malformed("%q: no other version of a text can be meant", name)
			}
			ids = append(ids, id)
			operand, bare = false, closed == 0
		case name == "AND", name == "OR", name == "WITH":
			if opened+closed > 0 {
				return malformed("%q where an operator is wanted", word)
			}
			if with = name == "WITH"; with && !bare {
				return malformed("WITH behind something other than an identifier")
			}
			operand = true
		default:
			return malformed("%q where an operator is wanted", word)
		}
		if depth -= closed; depth < 0 {
			return malformed("%q closes what is not open", word)
		}
	}
	if operand {
		return malformed("it ends where an identifier is wanted")
	}
	if depth > 0 {
		return malformed("%d parentheses are not closed", depth)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// checkLicenseID returns what is wrong with a license identifier.
func checkLicenseID(id string) error {
	switch id {
	case "AND", "OR", "WITH", "NONE", "NOASSERTION":
		return fmt.Errorf("%q is no license identifier", id)
	case "":
		return errors.New("a license identifier is empty")
	}
	local := id
	if document, rest, ok := strings.Cut(id, ":"); ok && isRef(document, documentRef) && isRef(rest, licenseRef) {
		local = rest
	}
	if isRef(local, licenseRef) {
		return nil
	}
	for _, prefix := range []string{licenseRef, additionRef, documentRef} { // which are case-sensitive
		if len(local) >= len(prefix) && strings.EqualFold(local[:len(prefix)], prefix) {
			return fmt.Errorf("%q is no license identifier", id)
		}
	}
	if !isIDString(local) {
		return fmt.Errorf("%q is no license identifier: want letters, digits, hyphens and full stops", id)
	}
	return nil
}

// isException reports whether a text can stand behind WITH.
func isException(s string) bool {
	local := s
	if document, rest, ok := strings.Cut(s, ":"); ok && isRef(document, documentRef) {
		local = rest
	}
	return isRef(local, additionRef) || local == s && checkLicenseID(s) == nil && !strings.HasPrefix(s, licenseRef)
}

// isRef reports whether s is an identifier that begins with prefix.
func isRef(s, prefix string) bool {
	local, ok := strings.CutPrefix(s, prefix)
	return ok && local != "" && isIDString(local)
}

func isIDString(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}
