// Package uuid makes UUIDs of contents.
//
// https://www.rfc-editor.org/rfc/rfc9562
package uuid

import (
	"crypto/sha1"
	"fmt"
	"hash"
)

// Nil is the UUID that stands for none.
const Nil = "00000000-0000-0000-0000-000000000000"

// A Content is the UUID of what is written to it.
type Content struct{ h hash.Hash }

// New returns a Content, nothing so far. The namespace of the UUID is the UUID of
// version 5 of url in the namespace for URLs.
func New(url string) *Content {
	// The namespace for URLs, section 6.6.
	u := [16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	c := &Content{sha1.New()}
	c.h.Write(u[:])
	c.h.Write([]byte(url))
	u = c.sum()
	c.h.Reset()
	c.h.Write(u[:])
	return c
}

// Write adds data to the content. It does not fail.
func (c *Content) Write(data []byte) (int, error) { return c.h.Write(data) }

func (c *Content) sum() (u [16]byte) {
	copy(u[:], c.h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// String returns the UUID of version 5 of what was written.
func (c *Content) String() string {
	u := c.sum()
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// OfContent returns a UUID of version 5 of data. Its namespace is the UUID of
// version 5 of url in the namespace for URLs.
func OfContent(url string, data []byte) string {
	c := New(url)
	c.Write(data)
	return c.String()
}
