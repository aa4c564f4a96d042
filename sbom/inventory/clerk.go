package inventory

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// A clerk writes texts that are made of others: those of several rows at once, in one piece
// of memory.
type clerk struct {
	paper   []byte
	owed    []promise
	digests slab[hallmark.Digest]
}

// A promise is where a text is to be, or the Digest that it is of.
type promise struct {
	text     *string
	digest   *hallmark.Digest
	from, to int // in what is to be written
	sum      int // from there on, behind the algorithm of a Digest
}

// sheet is how many rows a clerk writes at once.
const sheet = 32

// text promises the text that parts are together.
func (c *clerk) text(to *string, parts ...[]byte) {
	from := len(c.paper)
	for _, part := range parts {
		c.paper = append(c.paper, part...)
	}
	c.owed = append(c.owed, promise{text: to, from: from, to: len(c.paper)})
}

// within promises what is at a place of the text that was promised last.
func (c *clerk) within(to *string, from, n int) {
	from += c.owed[len(c.owed)-1].from
	c.owed = append(c.owed, promise{text: to, from: from, to: from + n})
}

// digest promises a Digest that from has next, unless it is the zero one.
func (c *clerk) digest(to *hallmark.Digest, from *reader[[]byte]) (ok bool) {
	algorithm, sum := from.text(), from.text()
	if len(algorithm)+len(sum) == 0 {
		return false
	}
	start := len(c.paper)
	c.paper = append(append(c.paper, algorithm...), sum...)
	c.owed = append(c.owed, promise{digest: to, from: start, sum: start + len(algorithm), to: len(c.paper)})
	return true
}

// write keeps the promises.
func (c *clerk) write() error {
	text := string(c.paper)
	for _, p := range c.owed {
		if p.text != nil {
			*p.text = text[p.from:p.to]
			continue
		}
		d, err := hallmark.NewDigest(text[p.from:p.sum], text[p.sum:p.to])
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		*p.digest = d
	}
	c.paper, c.owed = c.paper[:0], c.owed[:0]
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
		s.rest = make([]T, max(n, 128))
	}
	some := s.rest[:n:n]
	s.rest = s.rest[n:]
	return some
}
