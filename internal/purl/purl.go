// Package purl writes package URLs in their canonical form.
//
// https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
package purl

import "strings"

// Golang returns the package URL of a Go module or of the standard library
// ("stdlib"). The case of path is kept, because module paths are case-sensitive.
// version is the module's, "v1.2.3", and may be empty.
func Golang(path, version string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		elements[i] = escape(e)
	}
	s := "pkg:golang/" + strings.Join(elements, "/")
	if version != "" {
		s += "@" + escape(version)
	}
	return s
}

// escape percent-encodes all but letters, digits and the characters that the
// specification leaves as they are: ". - _ ~" and the colon.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
