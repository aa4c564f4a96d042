package git

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Signers are those whose signatures count, whatever the user of the machine has
// configured. With the zero Signers no signature is good.
type Signers struct {
	// SSH are the signers with SSH keys.
	SSH []AllowedSigner

	// RevokedSSH are SSH keys that no longer count, as "ssh-keygen -Y verify -r"
	// reads them: a key revocation list, or public keys, one per line.
	RevokedSSH []byte

	// OpenPGP are public keys, armored or not, as "gpg --import" reads them,
	// with the revocations that are known of them. Each is trusted for what its
	// user IDs say.
	OpenPGP []byte
}

// An AllowedSigner is a line of a file of allowed signers: a key, and whose it
// is. See ALLOWED SIGNERS in ssh-keygen(1).
type AllowedSigner struct {
	Principals    []string  // patterns of names, usually one mail address
	CertAuthority bool      // the key is that of an authority that signs the keys of the principals
	Namespaces    []string  // patterns of what signatures are for, of which commits need "git"; none: for all
	ValidAfter    time.Time // in UTC; zero: always
	ValidBefore   time.Time // in UTC; zero: forever
	Key           string    // "ssh-ed25519 AAAA…"
}

// ParseAllowedSigners parses a file of allowed signers. Times without a zone,
// which ssh-keygen takes for times of the machine's zone, are in UTC. The file
// is read strictly: a line that ssh-keygen would pass over is an error.
func ParseAllowedSigners(data []byte) ([]AllowedSigner, error) {
	if len(data) > MaxSignersSize {
		return nil, fmt.Errorf("malformed allowed signers: %d bytes, want at most %d", len(data), MaxSignersSize)
	}
	var signers []AllowedSigner
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if len(signers) == MaxAllowedSigners {
			return nil, fmt.Errorf("malformed allowed signers: more than %d", MaxAllowedSigners)
		}
		s, err := parseAllowedSigner(line)
		if err != nil {
			return nil, fmt.Errorf("malformed allowed signers: line %d: %w", n, err)
		}
		signers = append(signers, s)
	}
	return signers, nil
}

// String returns s as a line of a file of allowed signers, without a line break.
func (s AllowedSigner) String() string {
	line := strings.Join(s.Principals, ",")
	if strings.ContainsAny(line, " \t") {
		line = `"` + line + `"`
	}
	var options []string
	if s.CertAuthority {
		options = append(options, "cert-authority")
	}
	if len(s.Namespaces) > 0 {
		options = append(options, `namespaces="`+strings.Join(s.Namespaces, ",")+`"`)
	}
	// Without a zone, because versions before 9.1 know none. ssh-keygen is run
	// in UTC.
	const layout = "20060102150405"
	if !s.ValidAfter.IsZero() {
		options = append(options, `valid-after="`+s.ValidAfter.UTC().Format(layout)+`"`)
	}
	if !s.ValidBefore.IsZero() {
		options = append(options, `valid-before="`+s.ValidBefore.UTC().Format(layout)+`"`)
	}
	if options != nil {
		line += " " + strings.Join(options, ",")
	}
	return line + " " + s.Key
}

// Fingerprint returns the name that ssh-keygen gives the key, "SHA256:…", or ""
// if Key is malformed. [Signature.Key] has that form.
func (s AllowedSigner) Fingerprint() string {
	kind, text, _ := strings.Cut(s.Key, " ")
	blob, err := parseKey(kind, text)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func parseAllowedSigner(line string) (s AllowedSigner, err error) {
	principals, rest, err := word(line)
	if err != nil {
		return s, err
	}
	if s.Principals, err = patterns("principals", principals); err != nil {
		return s, err
	}
	kind, rest, err := word(rest)
	if err != nil {
		return s, err
	}
	text, after, _ := word(rest)
	if _, err := parseKey(kind, text); err == nil {
		s.Key = kind + " " + text
		return s, nil
	}
	// What is no key is options.
	if err := s.parseOptions(kind); err != nil {
		return s, err
	}
	kind = text
	if text, _, err = word(after); err != nil {
		return s, err
	}
	if _, err := parseKey(kind, text); err != nil {
		return s, err
	}
	s.Key = kind + " " + text
	return s, nil
}

// word returns the first word of a line, and what follows it. Within quotes, a
// space is part of a word; those around a whole word are taken off.
func word(line string) (first, rest string, err error) {
	line = strings.TrimLeft(line, " \t")
	quoted := false
	end := len(line)
	for i, c := range []byte(line) {
		if c == '"' {
			quoted = !quoted
		} else if !quoted && (c == ' ' || c == '\t') {
			end = i
			break
		}
		if c == '\\' || c == 0x7f || c < ' ' && c != '\t' {
			return "", "", fmt.Errorf("character %q", c)
		}
	}
	first, rest = line[:end], line[end:]
	if quoted {
		return "", "", errors.New("a quote without its end")
	}
	if first == "" {
		return "", "", errors.New("want principals, options and a key")
	}
	if n := len(first); n > 1 && first[0] == '"' && first[n-1] == '"' && strings.Count(first, `"`) == 2 {
		first = first[1 : n-1]
	}
	return first, rest, nil
}

// patterns splits a list of patterns.
func patterns(what, list string) ([]string, error) {
	ps := strings.Split(list, ",")
	for _, p := range ps {
		if p == "" || strings.ContainsAny(p, `"`) {
			return nil, fmt.Errorf("%s %.200q", what, list)
		}
	}
	return ps, nil
}

func (s *AllowedSigner) parseOptions(text string) error {
	seen := make(map[string]bool)
	for rest := text; ; {
		// To the next comma that is not in quotes.
		end, quoted := len(rest), false
		for i, c := range []byte(rest) {
			if c == '"' {
				quoted = !quoted
			} else if c == ',' && !quoted {
				end = i
				break
			}
		}
		name, value, hasValue := strings.Cut(rest[:end], "=")
		name = strings.ToLower(name)
		if seen[name] {
			return fmt.Errorf("a second option %s", name)
		}
		seen[name] = true
		if hasValue {
			if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
				return fmt.Errorf("option %.200q: want its value in quotes", rest[:end])
			}
			value = value[1 : len(value)-1]
		}
		var err error
		switch {
		case name == "cert-authority" && !hasValue:
			s.CertAuthority = true
		case name == "namespaces" && hasValue:
			s.Namespaces, err = patterns("namespaces", value)
		case name == "valid-after" && hasValue:
			s.ValidAfter, err = parseTime(value)
		case name == "valid-before" && hasValue:
			s.ValidBefore, err = parseTime(value)
		default:
			err = fmt.Errorf("option %.200q", rest[:end])
		}
		if err != nil {
			return err
		}
		if end == len(rest) {
			break
		}
		rest = rest[end+1:]
	}
	if !s.ValidAfter.IsZero() && !s.ValidBefore.IsZero() && !s.ValidAfter.Before(s.ValidBefore) {
		return errors.New("valid-after is not before valid-before")
	}
	return nil
}

// parseTime parses YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without a Z
// at the end.
func parseTime(text string) (time.Time, error) {
	digits := strings.TrimSuffix(text, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) != len(digits) {
			continue
		}
		// The zero time says that there is none.
		if t, err := time.Parse(layout, digits); err == nil && t.Year() >= 1970 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %.200q: want YYYYMMDD[HHMM[SS]][Z]", text)
}

// parseKey returns the bytes of a key, which begin with its type.
func parseKey(kind, text string) ([]byte, error) {
	blob, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || kind == "" || len(blob) < 4 || uint64(len(blob)-4) < uint64(binary.BigEndian.Uint32(blob)) ||
		string(blob[4:4+binary.BigEndian.Uint32(blob)]) != kind || strings.ContainsAny(kind, "\",= \t\r\n") || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("key %.50q %.50q: want a type and its key in base64", kind, text)
	}
	return blob, nil
}

// file returns the file of allowed signers that says what the signers do. It is
// an error if it would be read as saying something else.
func file(signers []AllowedSigner) ([]byte, error) {
	var out []byte
	for _, s := range signers {
		s.ValidAfter, s.ValidBefore = s.ValidAfter.UTC(), s.ValidBefore.UTC()
		line := s.String()
		again, err := ParseAllowedSigners([]byte(line))
		if err != nil {
			return nil, err
		}
		if len(again) != 1 || !reflect.DeepEqual(again[0], s) {
			return nil, fmt.Errorf("malformed allowed signer %.200q", line)
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}
