package hallmark

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseChecksums reads a file of checksums, in the order of its lines:
//
//	e3b0c442…  dist/app        sha256sum, sha384sum, sha512sum, goreleaser
//	e3b0c442… *dist/app        the same, in binary mode
//	SHA256 (dist/app) = e3b0…  BSD, sha256sum --tag; also SHA2-256, SHA384, SHA512, SHA512/256, SHA3-256, BLAKE2b
//
// Without a tag the algorithm is told by the length: SHA-256, SHA-384 or
// SHA-512, although other algorithms have these lengths. A line that begins with
// a backslash has \n, \r and \\ in the name. Digits may be in upper case. Empty lines
// and those that begin with # are passed over, and a carriage return at the end
// of a line is.
//
// A name that occurs more than once has several digests, each by another
// algorithm; two different ones by one algorithm are an error. So are a hash that
// is too weak for identifying a file (MD5, SHA-1, and those under 256 bits), a
// line of another form, and a file without any line.
//
// Whoever writes the file says what the digests are: nothing is hashed.
func ParseChecksums(data []byte) ([]Artifact, error) {
	if len(data) > MaxChecksums {
		return nil, fmt.Errorf("malformed checksums: %d bytes, want at most %d", len(data), MaxChecksums)
	}
	var artifacts []Artifact
	where := make(map[string]int) // in artifacts, by name
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) > MaxChecksumLine {
			return nil, fmt.Errorf("malformed checksums: line %d: %d bytes, want at most %d", number, len(line), MaxChecksumLine)
		}
		name, d, err := parseChecksum(string(line))
		if err != nil {
			return nil, fmt.Errorf("malformed checksums: line %d: %w", number, err)
		}
		i, ok := where[name]
		if !ok {
			i = len(artifacts)
			where[name] = i
			artifacts = append(artifacts, Artifact{Name: name})
		}
		switch had := artifacts[i].Digest(d.algorithm); had {
		case Digest{}:
			artifacts[i].Digests = append(artifacts[i].Digests, d)
		case d:
		default:
			return nil, fmt.Errorf("malformed checksums: line %d: %.200q has the digest %s, and %s before", number, name, d, had)
		}
	}
	if len(artifacts) == 0 {
		return nil, errors.New("malformed checksums: no line with a checksum")
	}
	return artifacts, nil
}

// parseChecksum returns what a line says.
func parseChecksum(line string) (name string, d Digest, err error) {
	const form = "want <hex>  <name> or <ALGORITHM> (<name>) = <hex>"
	line, escaped := strings.CutPrefix(line, `\`)
	var algorithm, sum string
	if i := strings.IndexByte(line, ' '); i > 0 && isHex(line[:i]) && len(line) > i+2 && (line[i+1] == ' ' || line[i+1] == '*') {
		sum, name = line[:i], line[i+2:]
		switch len(sum) {
		case 64:
			algorithm = "sha256"
		case 96:
			algorithm = "sha384"
		case 128:
			algorithm = "sha512"
		default:
			return "", d, fmt.Errorf("a hash of %d digits, want 64, 96 or 128: shorter ones are too weak", len(sum))
		}
	} else {
		var ok bool
		var rest string
		if algorithm, rest, ok = strings.Cut(line, "("); !ok {
			return "", d, errors.New(form)
		}
		end := strings.LastIndex(rest, ")")
		if end < 1 {
			return "", d, errors.New(form)
		}
		name = rest[:end]
		if sum, ok = strings.CutPrefix(strings.TrimLeft(rest[end+1:], " "), "="); !ok {
			return "", d, errors.New(form)
		}
		sum = strings.TrimLeft(sum, " ")
		tag := strings.TrimRight(algorithm, " ")
		if algorithm = taggedAlgorithm(tag); algorithm == "" {
			return "", d, fmt.Errorf("algorithm %.50q, want one of at least 256 bits, such as SHA256", tag)
		}
	}
	if d, err = ParseDigest(algorithm + ":" + strings.ToLower(sum)); err != nil {
		return "", d, err
	}
	if escaped {
		if name, err = unescapeName(name); err != nil {
			return "", d, err
		}
	}
	return name, d, checkName(name)
}

// checkName returns an error for a name that no statement can have.
func checkName(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name %.200q is not UTF-8", name)
	}
	if strings.ContainsRune(name, 0) {
		return fmt.Errorf("the name %.200q has a NUL", name)
	}
	return nil
}

// taggedAlgorithm returns the name that a Digest has for the algorithm of a
// tag, or "" if it is unknown or too weak.
func taggedAlgorithm(tag string) string {
	switch tag {
	case "SHA256", "SHA2-256":
		return "sha256"
	case "SHA384", "SHA2-384":
		return "sha384"
	case "SHA512", "SHA2-512":
		return "sha512"
	case "SHA512/256", "SHA512-256", "SHA2-512/256":
		return "sha512_256"
	case "SHA3-256", "SHA3-384", "SHA3-512":
		return "sha3_" + tag[len("SHA3-"):]
	case "BLAKE2b", "BLAKE2b512", "BLAKE2B-512":
		return "blake2b"
	}
	return ""
}

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func unescapeName(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i < len(s) && s[i] == 'n':
			b.WriteByte('\n')
		case i < len(s) && s[i] == 'r':
			b.WriteByte('\r')
		case i < len(s) && s[i] == '\\':
			b.WriteByte('\\')
		default:
			return "", fmt.Errorf(`the name %.200q has a \ that is not followed by n, r or \`, s)
		}
	}
	return b.String(), nil
}

// ParseArtifact parses a name and its digests:
//
//	dist/app@sha256:e3b0…                  a file
//	registry.example/org/app@sha256:e3b0…  an image, as OCI writes it
//	app@sha256:e3b0…,sha512:cf83…          with several digests
//	sha256:e3b0…                           without a name
//
// The name is all before the last @. One of an image should be that of its
// repository, without a tag, which can move. It must be UTF-8 without a NUL. At
// least one digest must be [Digest.Secure].
func ParseArtifact(s string) (Artifact, error) {
	var a Artifact
	digests := s
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		a.Name, digests = s[:i], s[i+1:]
		if a.Name == "" {
			return Artifact{}, fmt.Errorf("malformed artifact %.200q: no name before the @", s)
		}
		if err := checkName(a.Name); err != nil {
			return Artifact{}, fmt.Errorf("malformed artifact: %w", err)
		}
	}
	for text := range strings.SplitSeq(digests, ",") {
		d, err := ParseDigest(text)
		if err != nil {
			return Artifact{}, fmt.Errorf("malformed artifact %.200q: %w", s, err)
		}
		if !a.Digest(d.algorithm).IsZero() {
			return Artifact{}, fmt.Errorf("malformed artifact %.200q: two digests by %s", s, d.algorithm)
		}
		a.Digests = append(a.Digests, d)
	}
	if !slices.ContainsFunc(a.Digests, Digest.Secure) {
		return Artifact{}, fmt.Errorf("malformed artifact %.200q: no digest by SHA-2 or SHA-3 of 256 bits or more", s)
	}
	return a, nil
}
