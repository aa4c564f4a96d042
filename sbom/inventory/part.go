package inventory

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
)

type hash = [sha256.Size]byte

// A part is a component, or an input of a build, as it is kept: once, whatever it is a
// part of.
type part struct {
	hash hash
	data string // its fields one after the other, each with its length before it

	// For the writer alone: the number of the part in the tables that seen is about.
	id int32
	of *seen
}

func newPart(data []byte) *part { return &part{hash: sha256.Sum256(data), data: string(data)} }

// describe returns how the part is called in a path, and what it is looked for by, or why it
// cannot be kept.
func (p *part) describe() (name string, terms []string, err error) {
	what := "component"
	if p.data[0] == inputPart {
		what = "input"
		var in Input
		in, err = parseInput(p.data)
		name, terms = cmp.Or(in.URI, in.Name, in.Location), inputTerms(&in)
	} else {
		var c *sbom.Component
		c, err = parseComponent(p.data)
		name, terms = label(c), componentTerms(c)
	}
	switch {
	case err != nil: // only a Digest may be one that is not read again
		return "", nil, fmt.Errorf("%s %.100q: a zero digest", what, name)
	case len(p.data) > maxRecord || !plain(name, maxText):
		return "", nil, fmt.Errorf("%s %.100q: want UTF-8 of at most %d bytes without a NUL, and of all together %d bytes", what, name, maxText, maxRecord)
	}
	for _, term := range terms {
		if !plain(term, maxTerm) {
			return "", nil, fmt.Errorf("%s %.100q: %.100q: want UTF-8 of at most %d bytes without a NUL", what, name, term, maxTerm)
		}
	}
	return name, terms, nil
}

const (
	componentPart = 'c'
	inputPart     = 'i'
)

func appendText(b []byte, s string) []byte {
	if len(s) < 0x80 { // as most are
		return append(append(b, byte(len(s))), s...)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendBytes appends a thing with its length before it.
func appendBytes(b, thing []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(thing))), thing...)
}

func appendDigests(b []byte, ds []hallmark.Digest) []byte {
	b = binary.AppendUvarint(b, uint64(len(ds)))
	for _, d := range ds {
		b = appendDigest(b, d)
	}
	return b
}

// appendDigest appends the algorithm of d and its sum. The zero Digest has neither.
func appendDigest(b []byte, d hallmark.Digest) []byte {
	return appendText(appendText(b, d.Algorithm()), d.Sum())
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendComponent(b []byte, c *sbom.Component) []byte {
	b = append(b, componentPart)
	for _, s := range [...]string{string(c.Type), c.Name, c.Group, c.Version, c.PURL, c.Replaces} {
		b = appendText(b, s)
	}
	b = appendDigests(b, c.Digests)
	if c.Distribution != nil {
		b = appendDigests(b, c.Distribution.Digests)
	} else {
		b = appendDigests(b, nil)
	}
	b = appendTexts(b, c.Packages)
	if c.Licenses != nil {
		return appendText(appendText(b, c.Licenses.Declared), c.Licenses.Concluded)
	}
	return appendText(appendText(b, ""), "")
}

func appendInput(b []byte, in *Input) []byte {
	b = append(b, inputPart)
	return appendDigests(appendTexts(b, []string{in.URI, in.Name, in.Location}), in.Digests)
}

// A reader reads what the functions above have written. It makes no copies: texts are parts
// of what is read. After a failure it returns zero values, and failed is set.
type reader[T string | []byte] struct {
	data   T
	at     int // what has been read of data
	failed bool
}

func (r *reader[T]) fail() { r.failed, r.at = true, len(r.data) }

// rest returns what has not been read.
func (r *reader[T]) rest() T { return r.data[r.at:] }

// number reads a uvarint, as package encoding/binary has it.
func (r *reader[T]) number() uint64 {
	if i := r.at; i < len(r.data) && r.data[i] < 0x80 { // as most are
		r.at++
		return uint64(r.data[i])
	}
	return r.large()
}

func (r *reader[T]) large() (n uint64) {
	for i := 0; r.at+i < len(r.data) && i < binary.MaxVarintLen64; i++ {
		b := r.data[r.at+i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break
			}
			r.at += i + 1
			return n
		}
	}
	r.fail()
	return 0
}

// id reads the number of something in a table.
func (r *reader[T]) id() int32 {
	n := r.number()
	if n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int32(n)
}

// position reads one in a tree.
func (r *reader[T]) position() int32 {
	n := r.number()
	if n > MaxParts {
		r.fail()
		return 0
	}
	return int32(n)
}

// signed reads a varint.
func (r *reader[T]) signed() int64 {
	n := r.number()
	return int64(n>>1) ^ -int64(n&1)
}

// count returns how many things follow, each of at least one byte.
func (r *reader[T]) count() int {
	n := r.number()
	if n > uint64(len(r.data)-r.at) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader[T]) text() T { return r.take(r.count()) }

// take reads n bytes.
func (r *reader[T]) take(n int) T {
	if n > len(r.data)-r.at {
		r.fail()
		n = 0
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *reader[T]) texts() (list []T) {
	for range r.count() {
		list = append(list, r.text())
	}
	return list
}

func (r *reader[T]) digest() hallmark.Digest {
	algorithm, sum := r.text(), r.text()
	if len(algorithm)+len(sum) == 0 {
		return hallmark.Digest{}
	}
	d, err := hallmark.NewDigest(string(algorithm), sum)
	if err != nil {
		r.failed = true
	}
	return d
}

func (r *reader[T]) digests() (list []hallmark.Digest) {
	for range r.count() {
		d := r.digest()
		if d.IsZero() {
			r.failed = true
		}
		list = append(list, d)
	}
	return list
}

func (r *reader[T]) end(what string) error {
	if r.failed || r.at < len(r.data) {
		return fmt.Errorf("%w: %s", errDamaged, what)
	}
	return nil
}

func parseComponent(data string) (*sbom.Component, error) {
	if len(data) == 0 || data[0] != componentPart {
		return nil, fmt.Errorf("%w: a component", errDamaged)
	}
	r := reader[string]{data: data[1:]}
	c := &sbom.Component{Type: sbom.Type(r.text()), Name: r.text(), Group: r.text(), Version: r.text(), PURL: r.text(), Replaces: r.text()}
	c.Digests = r.digests()
	if ds := r.digests(); ds != nil {
		c.Distribution = &sbom.Distribution{Digests: ds}
	}
	c.Packages = r.texts()
	if declared, concluded := r.text(), r.text(); declared+concluded != "" {
		c.Licenses = &sbom.Licenses{Declared: declared, Concluded: concluded}
	}
	return c, r.end("a component")
}

func parseInput(data string) (in Input, err error) {
	if len(data) == 0 || data[0] != inputPart {
		return in, fmt.Errorf("%w: an input", errDamaged)
	}
	r := reader[string]{data: data[1:]}
	if texts := r.texts(); len(texts) == 3 {
		in = Input{URI: texts[0], Name: texts[1], Location: texts[2]}
	} else {
		r.failed = true
	}
	in.Digests = r.digests()
	return in, r.end("an input")
}

// Terms are what parts are looked for by. They find all that could be meant, and more.

// packageTerm returns the term of a package, as [sbom.Document.Find] tells one from
// another but for the case of letters.
func packageTerm(p purl.PURL) string {
	path := p.Path()
	if p.Type == "golang" && path == "std" {
		path = "stdlib"
	}
	return "package:" + p.Type + "/" + fold(path)
}

// packageTerms returns the terms of all components that may be a package.
func packageTerms(p purl.PURL) []string {
	path := p.Path()
	if p.Type == "golang" && path == "std" { // as Find has it
		path = "stdlib"
	}
	return []string{packageTerm(p), nameTerm(path)}
}

// fold returns the same text for all that [strings.EqualFold] holds to be equal, which
// strings.ToLower does not.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

func nameTerm(name string) string            { return "name:" + fold(name) }
func licenseTerm(id string) string           { return "license:" + strings.ToLower(id) }
func componentTerm(d hallmark.Digest) string { return "component:" + d.String() }
func inputTerm(d hallmark.Digest) string     { return "input:" + d.String() }

// componentTerms returns the terms of a component, sorted.
func componentTerms(c *sbom.Component) []string {
	var terms []string
	if p, err := purl.Parse(c.PURL); err == nil {
		terms = append(terms, packageTerm(p))
	} else {
		name := c.Name
		if c.Group != "" {
			name = c.Group + "/" + name
		}
		terms = append(terms, nameTerm(name))
	}
	if p, err := purl.Parse(c.Replaces); err == nil {
		terms = append(terms, packageTerm(p))
	}
	for _, d := range c.Digests {
		terms = append(terms, componentTerm(d))
	}
	if c.Distribution != nil {
		for _, d := range c.Distribution.Digests {
			terms = append(terms, componentTerm(d))
		}
	}
	if c.Licenses != nil {
		for _, expression := range []string{c.Licenses.Declared, c.Licenses.Concluded} {
			ids, err := sbom.LicenseIDs(expression)
			if err != nil { // no expression, which Check lets pass
				continue
			}
			for _, id := range ids {
				terms = append(terms, licenseTerm(id))
			}
		}
	}
	slices.Sort(terms)
	return slices.Compact(terms)
}

func inputTerms(in *Input) []string {
	var terms []string
	for _, d := range in.Digests {
		terms = append(terms, inputTerm(d))
	}
	slices.Sort(terms)
	return slices.Compact(terms)
}
