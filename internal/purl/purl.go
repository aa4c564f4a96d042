// Package purl reads package URLs and writes them in their canonical form.
//
//	pkg:type/namespace/name@version?key=value&key=value#subpath
//
// It follows ECMA-427 and the definitions of types beside it, which say for
// some types that letters have no case, and where a namespace must be or must
// not be. It differs from them on purpose in two points:
//
//   - The letters of the type golang keep their case, and it needs no namespace.
//     The definition says that they are lowered, and that it predates modules: the
//     case of a module path matters, and a path can be one word, as "stdlib" is.
//   - Upper-case letters of the key of a qualifier are read as lower-case ones, as
//     the standard has it. One test of its suite wants an error, and another
//     one of the same input does not.
//
// https://github.com/package-url/purl-spec
package purl

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLength is how many bytes a package URL may have.
const maxLength = 1 << 16

// A PURL is a package URL in its parts. None of them is percent-encoded.
type PURL struct {
	Type       string // "golang"; in lower case
	Namespace  string // "golang.org/x", without slashes at its ends; may be empty
	Name       string
	Version    string      // may be empty
	Qualifiers []Qualifier // sorted by Key, none twice
	Subpath    string      // "cmd/app", without slashes at its ends; may be empty
}

// A Qualifier is a fact about a package that its type has no other place for.
type Qualifier struct {
	Key   string // in lower case
	Value string // not empty
}

// Parse parses a package URL. It reads all spellings that the standard has for
// one, and returns the parts of the canonical one, which [PURL.String] writes: s
// is canonical if the two are equal.
//
// A package URL is malformed if it has more than 64 KiB, a part that is not UTF-8
// or has a control character, a segment with a slash in it, a qualifier twice, or
// not what its type needs.
func Parse(s string) (PURL, error) {
	malformed := func(format string, a ...any) (PURL, error) {
		return PURL{}, fmt.Errorf("malformed package URL %.150q: %w", s, fmt.Errorf(format, a...))
	}
	if len(s) > maxLength {
		return malformed("it has %d bytes, want at most %d", len(s), maxLength)
	}
	var p PURL
	var err error
	rest := s

	// "Split the PURL string once from right on '#'" and "Discard any segment that
	// is empty, or equal to '.' or '..'"
	if i := strings.LastIndexByte(rest, '#'); i >= 0 {
		if p.Subpath, err = unescapePath(rest[i+1:], "", ".", ".."); err != nil {
			return malformed("subpath: %w", err)
		}
		rest = rest[:i]
	}

	// "Split the remainder once from right on '?'"
	if i := strings.LastIndexByte(rest, '?'); i >= 0 {
		for pair := range strings.SplitSeq(rest[i+1:], "&") {
			key, value, _ := strings.Cut(pair, "=")
			if value, err = unescape(value); err != nil {
				return malformed("qualifier %.50q: %w", key, err)
			}
			if value != "" { // "Discard any key/value pairs where the value is empty"
				p.Qualifiers = append(p.Qualifiers, Qualifier{lower(key), value})
			}
		}
		rest = rest[:i]
	}

	// "Split the remainder once from left on ':'"
	scheme, rest, ok := strings.Cut(rest, ":")
	if !ok || lower(scheme) != "pkg" {
		return malformed("it does not begin with pkg:")
	}
	var slash bool
	p.Type, rest, slash = strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if !slash {
		return malformed("no type, or no name")
	}
	p.Type = lower(p.Type)

	// "Split the remainder once from right on '@'". A scope of npm begins with
	// one, which is not always encoded: there, no version is behind it.
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		scope := (i == 0 || rest[i-1] == '/') && strings.Contains(rest[i:], "/")
		if !scope {
			if p.Version, err = unescape(rest[i+1:]); err != nil {
				return malformed("version: %w", err)
			}
			rest = rest[:i]
		}
	}

	rest = strings.Trim(rest, "/")
	i := strings.LastIndexByte(rest, '/')
	if p.Type == "git" { // its namespace is a host, and its name the path there
		i = strings.IndexByte(rest, '/')
	}
	if p.Name, err = unescape(rest[i+1:]); err != nil {
		return malformed("name: %w", err)
	}
	if p.Namespace, err = unescapePath(rest[:max(i, 0)], ""); err != nil {
		return malformed("namespace: %w", err)
	}

	if err := p.normalize(); err != nil {
		return malformed("%w", err)
	}
	return p, nil
}

// Build returns the canonical form of a package URL that has the parts of p. It
// fails where [Parse] does.
func Build(p PURL) (string, error) {
	p.Type = lower(p.Type)
	p.Qualifiers = slices.Clone(p.Qualifiers)
	if err := p.normalize(); err != nil {
		return "", fmt.Errorf("malformed package URL of %.50q: %w", p.Name, err)
	}
	// Parts can hold what Parse does not read, or reads as something else.
	s := p.String()
	again, err := Parse(s)
	if err == nil && !reflect.DeepEqual(again, p) {
		err = fmt.Errorf("malformed package URL of %.50q: %.150q has other parts", p.Name, s)
	}
	if err != nil {
		return "", err
	}
	return s, nil
}

// normalize does what the type of p says about its parts, and returns what is
// wrong with them.
func (p *PURL) normalize() error {
	if p.Type == "" || p.Type[0] < 'a' || p.Type[0] > 'z' || strings.Trim(p.Type, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return fmt.Errorf("type %.50q: want letters, digits, full stops and hyphens, and a letter first", p.Type)
	}
	if p.Name == "" {
		return errors.New("no name")
	}

	switch p.Type {
	case "alpm", "apk", "bitbucket", "brew", "composer", "deb", "git", "github", "hex", "luarocks", "npm", "vscode-extension":
		p.Namespace, p.Name = lower(p.Namespace), lower(p.Name)
	case "qpkg", "rpm":
		p.Namespace = lower(p.Namespace)
	case "bitnami", "oci", "otp", "pub":
		p.Name = lower(p.Name)
	case "pypi":
		name := strings.FieldsFunc(lower(p.Name), func(r rune) bool { return strings.ContainsRune("-_.", r) })
		if p.Name = strings.Join(name, "-"); p.Name == "" {
			return errors.New("no name")
		}
	case "huggingface":
		p.Version = lower(p.Version) // a commit
	}
	switch p.Type {
	case "mlflow", "oci", "otp", "pypi":
		if p.Namespace != "" {
			return fmt.Errorf("namespace %.50q, and the type %s has none", p.Namespace, p.Type)
		}
	case "vscode-extension":
		if p.Namespace == "" {
			return fmt.Errorf("no namespace, and the type %s has one", p.Type)
		}
	case "cpan":
		if strings.Contains(p.Name, "::") {
			return fmt.Errorf("name %.50q is a module, want a distribution", p.Name)
		}
	}

	slices.SortFunc(p.Qualifiers, func(a, b Qualifier) int { return cmp.Compare(a.Key, b.Key) })
	for i, q := range p.Qualifiers {
		if q.Key == "" || q.Key[0] >= '0' && q.Key[0] <= '9' || strings.Trim(q.Key, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
			return fmt.Errorf("qualifier %.50q: want letters, digits, full stops, hyphens and underscores, and no digit first", q.Key)
		}
		if i > 0 && q.Key == p.Qualifiers[i-1].Key {
			return fmt.Errorf("qualifier %.50q occurs twice", q.Key)
		}
	}
	return nil
}

// String returns the canonical form of p, if p is from [Parse].
func (p PURL) String() string {
	var b strings.Builder
	b.WriteString("pkg:")
	b.WriteString(p.Type)
	if p.Namespace != "" {
		b.WriteByte('/')
		escapePath(&b, p.Namespace)
	}
	b.WriteByte('/')
	if p.Type == "git" {
		escapePath(&b, p.Name)
	} else {
		escape(&b, p.Name)
	}
	if p.Version != "" {
		b.WriteByte('@')
		escape(&b, p.Version)
	}
	separator := byte('?')
	for _, q := range p.Qualifiers {
		b.WriteByte(separator)
		b.WriteString(q.Key)
		b.WriteByte('=')
		escape(&b, q.Value)
		separator = '&'
	}
	if p.Subpath != "" {
		b.WriteByte('#')
		escapePath(&b, p.Subpath)
	}
	return b.String()
}

// Path returns the namespace and the name of p with a slash between them. For
// the type golang it is the path of the module.
func (p PURL) Path() string {
	if p.Namespace == "" {
		return p.Name
	}
	return p.Namespace + "/" + p.Name
}

// Golang returns the package URL of a Go module or of the standard library
// ("stdlib"). The case of path is kept, because module paths are case-sensitive.
// version is the module's, "v1.2.3", and may be empty.
func Golang(path, version string) string {
	var b strings.Builder
	b.WriteString("pkg:golang/")
	escapePath(&b, path)
	if version != "" {
		b.WriteByte('@')
		escape(&b, version)
	}
	return b.String()
}

// lower returns s with ASCII letters in lower case: what else a script has for
// case is nothing that the standard speaks of.
func lower(s string) string {
	upper := 0
	for upper < len(s) && (s[upper] < 'A' || s[upper] > 'Z') {
		upper++
	}
	if upper == len(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// escape percent-encodes all but letters, digits and the characters that the
// specification leaves as they are: ". - _ ~" and the colon.
func escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
}

// escapePath percent-encodes the segments of a path.
func escapePath(b *strings.Builder, path string) {
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		escape(b, segment)
	}
}

// unescape decodes what escape encodes.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') >= 0 {
		b := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				b = append(b, s[i])
				continue
			}
			if i+2 >= len(s) || digit(s[i+1]) < 0 || digit(s[i+2]) < 0 {
				return "", fmt.Errorf("%.3q is not an encoded byte", s[i:])
			}
			b = append(b, byte(digit(s[i+1])<<4|digit(s[i+2])))
			i += 2
		}
		s = string(b)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%.50q is not UTF-8", s)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", fmt.Errorf("%.50q has a control character", s)
		}
	}
	return s, nil
}

// digit returns the value of a hexadecimal digit, or -1.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unescapePath decodes the segments of a path, without those that are discarded.
func unescapePath(s string, discarded ...string) (string, error) {
	if !strings.Contains(s, "%") && !strings.Contains("/"+s+"/", "//") && len(discarded) == 1 {
		return unescape(s) // there are only empty segments to discard, and none is
	}
	var segments []string
	for segment := range strings.SplitSeq(s, "/") {
		segment, err := unescape(segment)
		if err != nil {
			return "", err
		}
		if strings.Contains(segment, "/") {
			return "", fmt.Errorf("%.50q: a segment has a slash in it", segment)
		}
		if !slices.Contains(discarded, segment) {
			segments = append(segments, segment)
		}
	}
	return strings.Join(segments, "/"), nil
}
