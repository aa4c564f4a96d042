package inventory

import (
	"encoding/hex"
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// A clerk writes texts that are made of others: those of several rows at once, in one piece
// of memory.
type clerk struct {
	draft   []byte
	owed    []promise
	digests slab[hallmark.Digest]
}

// A promise is where a text is to be, or the Digest that it is of.
type promise struct {
	text   *string
	digest *hallmark.Digest
	end    int // in what is to be written
}

// sheet is how many bytes are written at once, about.
const sheet = 4096

// text promises the text that parts are together.
func (c *clerk) text(to *string, parts ...string) {
	for _, part := range parts {
		c.draft = append(c.draft, part...)
	}
	c.owed = append(c.owed, promise{text: to, end: len(c.draft)})
}

// digest promises a Digest that from has next, unless it is the zero one.
func (c *clerk) digest(to *hallmark.Digest, from *reader) (ok bool) {
	algorithm, sum := from.text(), from.text()
	if algorithm == "" && sum == "" {
		return false
	}
	c.draft = append(append(c.draft, algorithm...), ':')
	c.draft = hex.AppendEncode(c.draft, []byte(sum))
	c.owed = append(c.owed, promise{digest: to, end: len(c.draft)})
	return true
}

// write keeps the promises.
func (c *clerk) write() error {
	text := string(c.draft)
	start := 0
	for _, p := range c.owed {
		one := text[start:p.end]
		start = p.end
		if p.text != nil {
			*p.text = one
			continue
		}
		d, err := hallmark.ParseDigest(one)
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		*p.digest = d
	}
	c.draft, c.owed = c.draft[:0], c.owed[:0]
	return nil
}

// A slab is memory that is made for many at once.
type slab[T any] struct{ rest []T }

// take returns n zero values, none if n is 0.
func (s *slab[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	if n > len(s.rest) {
		s.rest = make([]T, max(n, 64))
	}
	some := s.rest[:n:n]
	s.rest = s.rest[n:]
	return some
}
