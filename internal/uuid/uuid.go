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

// OfContent returns a UUID of version 5 of data. Its namespace is the UUID of
// version 5 of url in the namespace for URLs.
func OfContent(url string, data []byte) string {
	h := New(url)
	h.Write(data)
	return Sum(h)
}

// New returns a hash for content that is not in memory as a whole. Of what is
// written to it, [Sum] returns the UUID that [OfContent] returns.
func New(url string) hash.Hash {
	// The namespace for URLs, section 6.6.
	h := sha1.New()
	h.Write([]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8})
	h.Write([]byte(url))
	space := version5(h)
	h.Reset()
	h.Write(space[:])
	return h
}

// Sum returns the UUID of what was written to h.
func Sum(h hash.Hash) string {
	u := version5(h)
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func version5(h hash.Hash) (u [16]byte) {
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}
