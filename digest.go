package hallmark

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Digest names content by a hash of it. It is written "algorithm:hex", as in
// OCI ("sha256:e3b0…"), and is one entry of an in-toto DigestSet.
//
// Algorithms have the names of the DigestSet specification: the file hashes
// (sha256, sha384, sha512, sha3_256, blake2b, …), dirHash for the "h1:" sums of
// go.sum, and gitCommit, gitTree, gitBlob and gitTag for git objects, which are
// 40 digits long in a SHA-1 repository and 64 in a SHA-256 one. A Digest says
// nothing of the strength of its algorithm: see [Digest.Secure].
//
// Digests are comparable with ==. The zero Digest is not valid and equals no
// parsed one.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md
type Digest struct {
	algorithm string
	hex       string
}

// hexLengths gives the lengths that an algorithm's hexadecimal form can have: one
// or two, and none of an unknown algorithm. Algorithms of no fixed length
// (shake128, shake256) are left out: two of their digests cannot be told from a
// truncated one.
func hexLengths(algorithm string) (short, long int) {
	switch algorithm {
	case "md5":
		return 32, 32
	case "sha1", "ripemd160":
		return 40, 40
	case "sha224", "sha512_224", "sha3_224":
		return 56, 56
	case "sha256", "sha512_256", "sha3_256", "blake2s", "sm3", "gost", "dirHash":
		return 64, 64
	case "sha384", "sha3_384":
		return 96, 96
	case "sha512", "sha3_512", "blake2b":
		return 128, 128
	case "gitCommit", "gitTree", "gitBlob", "gitTag":
		return 40, 64
	}
	return 0, 0
}

// KnownAlgorithm reports whether a Digest can have the algorithm.
func KnownAlgorithm(algorithm string) bool {
	short, _ := hexLengths(algorithm)
	return short > 0
}

// ParseDigest parses the form "algorithm:hex". The hexadecimal digits must be
// lower case and as many as the algorithm has; no other spelling is accepted,
// so that equal digests are equal strings.
func ParseDigest(s string) (Digest, error) {
	algorithm, sum, ok := strings.Cut(s, ":")
	if !ok {
		return Digest{}, fmt.Errorf("malformed digest %.150q: no colon, want algorithm:hex", s)
	}
	short, long := hexLengths(algorithm)
	if short == 0 {
		return Digest{}, fmt.Errorf("malformed digest %.150q: unknown algorithm %.50q", s, algorithm)
	}
	if len(sum) != short && len(sum) != long {
		return Digest{}, fmt.Errorf("malformed digest %.150q: %d digits, want %v", s, len(sum), slices.Compact([]int{short, long}))
	}
	other := byte(0)
	for i := range len(sum) { // without a branch on digits, which nobody could predict
		other |= notLowerHex[sum[i]]
	}
	if other != 0 {
		return Digest{}, fmt.Errorf("malformed digest %.150q: not lower-case hexadecimal", s)
	}
	return Digest{algorithm, sum}, nil
}

// notLowerHex is 0 for a lower-case hexadecimal digit.
var notLowerHex = func() (table [256]byte) {
	for c := range table {
		table[c] = 1
	}
	for _, c := range "0123456789abcdef" {
		table[c] = 0
	}
	return table
}()

// NewDigest returns the Digest that an algorithm's sum is, which is an error unless
// it is as long as those of the algorithm are.
func NewDigest(algorithm string, sum []byte) (Digest, error) {
	short, long := hexLengths(algorithm)
	if short == 0 {
		return Digest{}, fmt.Errorf("digest by an unknown algorithm %.50q", algorithm)
	}
	if n := hex.EncodedLen(len(sum)); n != short && n != long {
		return Digest{}, fmt.Errorf("%s digest of %d bytes, want %v", algorithm, len(sum), slices.Compact([]int{short / 2, long / 2}))
	}
	var memory [128]byte
	return Digest{algorithm, string(hex.AppendEncode(memory[:0], sum))}, nil
}

// ParseH1 parses a sum as go.sum writes it, "h1:" and the base64 form of a
// SHA-256, into a dirHash Digest. It is the hash of a list of file hashes
// (golang.org/x/mod/sumdb/dirhash), not the SHA-256 of any file.
func ParseH1(sum string) (Digest, error) {
	b64, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return Digest{}, fmt.Errorf("malformed module sum %.150q: it does not begin with h1: as in go.sum", sum)
	}
	var memory [64]byte
	b, err := base64.StdEncoding.Strict().AppendDecode(memory[:0], []byte(b64))
	// The length, because encoding/base64 passes over line breaks.
	if err != nil || len(b64) != 44 || len(b) != 32 {
		return Digest{}, fmt.Errorf("malformed module sum %.150q: want 32 bytes in base64", sum)
	}
	return Digest{"dirHash", hex.EncodeToString(b)}, nil
}

// Algorithm returns the DigestSet name of d's hash function.
func (d Digest) Algorithm() string { return d.algorithm }

// Hex returns d's sum in lower-case hexadecimal.
func (d Digest) Hex() string { return d.hex }

// IsZero reports whether d is the zero Digest, which names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Secure reports whether d's algorithm is one by which a file may be
// identified against somebody who wants to pass off another one: SHA-2 and
// SHA-3 of 256 bits and more. Hashes of git objects and module trees name
// another thing than a file's bytes and are not among them.
func (d Digest) Secure() bool {
	switch d.algorithm {
	case "sha256", "sha384", "sha512", "sha512_256", "sha3_256", "sha3_384", "sha3_512":
		return true
	}
	return false
}

// H1 returns a dirHash Digest in the form that go.sum uses. It returns "" for
// any other Digest.
func (d Digest) H1() string {
	if d.algorithm != "dirHash" {
		return ""
	}
	var memory [64]byte
	b, err := hex.AppendDecode(memory[:0], []byte(d.hex))
	if err != nil {
		panic("hallmark: internal error: digest is not hexadecimal")
	}
	return string(base64.StdEncoding.AppendEncode([]byte("h1:"), b))
}

// String returns the form that [ParseDigest] reads, or "" for the zero Digest.
func (d Digest) String() string {
	if d.IsZero() {
		return ""
	}
	return d.algorithm + ":" + d.hex
}

// MarshalText returns the form that [ParseDigest] reads. It fails for the zero
// Digest.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, fmt.Errorf("hallmark: the zero digest has no text form")
	}
	return []byte(d.String()), nil
}

// UnmarshalText is [ParseDigest] for encoders.
func (d *Digest) UnmarshalText(text []byte) error {
	p, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = p
	return nil
}
