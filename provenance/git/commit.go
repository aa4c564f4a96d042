package git

import (
	"bytes"
	"crypto/sha1" // names of git objects
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// A Person is an author, a committer or a tagger as a git object has it. Nobody
// but a signature of that object vouches for it. Bytes that are not UTF-8 are
// replaced by U+FFFD.
type Person struct {
	Name, Mail string    // either may be empty
	Time       time.Time // when, in UTC
}

// parsePerson parses what stands behind the word "author" in a commit:
//
//	Name <mail> 1700000000 +0100
func parsePerson(s string) (Person, error) {
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return Person{}, fmt.Errorf("malformed person %.200q: want Name <mail> seconds zone", s)
	}
	fields := strings.Fields(s[end+1:])
	if len(fields) != 2 {
		return Person{}, fmt.Errorf("malformed person %.200q: want seconds and zone at the end", s)
	}
	sec, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || sec > maxSeconds || sec < -maxSeconds {
		return Person{}, fmt.Errorf("malformed person %.200q: time %.50q", s, fields[0])
	}
	return Person{
		Name: strings.ToValidUTF8(strings.TrimSpace(s[:open]), "\uFFFD"),
		Mail: strings.ToValidUTF8(s[open+1:end], "\uFFFD"),
		Time: time.Unix(sec, 0).UTC(),
	}, nil
}

// A commit is what a commit object says, as far as it is needed here.
type commit struct {
	tree              string
	author, committer Person
	signature         string // the header gpgsig, or gpgsig-sha256 of a SHA-256 repository
}

func parseCommit(text []byte, sha256 bool) (*commit, error) {
	signatureName := "gpgsig"
	if sha256 {
		signatureName = "gpgsig-sha256"
	}
	c := new(commit)
	seen := make(map[string]bool)
	err := headers(text, func(name, value string) (err error) {
		switch name {
		case "tree", "author", "committer", signatureName:
			if seen[name] {
				return fmt.Errorf("a second %s", name)
			}
			seen[name] = true
		}
		switch name {
		case "tree":
			c.tree = value
		case "author":
			c.author, err = parsePerson(value)
		case "committer":
			c.committer, err = parsePerson(value)
		case signatureName:
			c.signature = value
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("malformed commit: %w", err)
	}
	for _, name := range []string{"tree", "author", "committer"} {
		if !seen[name] {
			return nil, fmt.Errorf("malformed commit: no %s", name)
		}
	}
	return c, nil
}

// A tagObject is what a tag object says, as far as it is needed here.
type tagObject struct {
	object, kind, name string
	signature          string // at the end of the message
}

func parseTag(text []byte) (*tagObject, error) {
	t := new(tagObject)
	seen := make(map[string]bool)
	err := headers(text, func(name, value string) error {
		if seen[name] {
			return fmt.Errorf("a second %s", name)
		}
		seen[name] = true
		switch name {
		case "object":
			t.object = value
		case "type":
			t.kind = value
		case "tag":
			t.name = value
		}
		return nil
	})
	if err == nil && (t.object == "" || t.kind == "" || t.name == "") {
		err = errors.New("want object, type and tag")
	}
	if err != nil {
		return nil, fmt.Errorf("malformed tag: %w", err)
	}
	// As git finds it: from the last line on that begins one.
	for at := 0; at < len(text); {
		if signatureFormat(string(text[at:])) != "" {
			t.signature = string(text[at:])
		}
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return t, nil
}

// headers calls f for each header of a commit or tag. Lines that begin with a
// space go on with the value of the header before.
func headers(text []byte, f func(name, value string) error) error {
	head, _, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		head = bytes.TrimSuffix(text, []byte("\n"))
	}
	lines := strings.Split(string(head), "\n")
	for i := 0; i < len(lines); {
		name, value, ok := strings.Cut(lines[i], " ")
		if !ok || name == "" {
			return fmt.Errorf("header %.200q", lines[i])
		}
		for i++; i < len(lines) && strings.HasPrefix(lines[i], " "); i++ {
			value += "\n" + lines[i][1:]
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	return nil
}

// newHash returns the hash that names the objects of a repository, for an
// object of a type and size whose content is then written to it.
func newHash(sha256Names bool, kind string, size int64) hash.Hash {
	h := sha1.New()
	if sha256Names {
		h = sha256.New()
	}
	fmt.Fprintf(h, "%s %d\x00", kind, size)
	return h
}

// objectID returns the name of an object.
func objectID(sha256Names bool, kind string, content []byte) string {
	h := newHash(sha256Names, kind, int64(len(content)))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}
