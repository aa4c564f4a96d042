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
	sum       string // not in hexadecimal
}

// lengths gives the name of an algorithm, and how many bytes its sums can have: one or two
// numbers, and none for an unknown algorithm. Algorithms of no fixed length (shake128,
// shake256) are left out: two of their digests cannot be told from a truncated one.
func lengths(algorithm string) (name string, short, long int) {
	switch algorithm {
	case "md5":
		return "md5", 16, 16
	case "sha1":
		return "sha1", 20, 20
	case "ripemd160":
		return "ripemd160", 20, 20
	case "sha224":
		return "sha224", 28, 28
	case "sha512_224":
		return "sha512_224", 28, 28
	case "sha3_224":
		return "sha3_224", 28, 28
	case "sha256":
		return "sha256", 32, 32
	case "sha512_256":
		return "sha512_256", 32, 32
	case "sha3_256":
		return "sha3_256", 32, 32
	case "blake2s":
		return "blake2s", 32, 32
	case "sm3":
		return "sm3", 32, 32
	case "gost":
		return "gost", 32, 32
	case "dirHash":
		return "dirHash", 32, 32
	case "sha384":
		return "sha384", 48, 48
	case "sha3_384":
		return "sha3_384", 48, 48
	case "sha512":
		return "sha512", 64, 64
	case "sha3_512":
		return "sha3_512", 64, 64
	case "blake2b":
		return "blake2b", 64, 64
	case "gitCommit":
		return "gitCommit", 20, 32
	case "gitTree":
		return "gitTree", 20, 32
	case "gitBlob":
		return "gitBlob", 20, 32
	case "gitTag":
		return "gitTag", 20, 32
	}
	return "", 0, 0
}

// KnownAlgorithm reports whether a Digest can have the algorithm.
func KnownAlgorithm(algorithm string) bool {
	name, _, _ := lengths(algorithm)
	return name != ""
}

// ParseDigest parses the form "algorithm:hex". The hexadecimal digits must be
// lower case and as many as the algorithm has; no other spelling is accepted,
// so that equal digests are equal strings.
func ParseDigest(s string) (Digest, error) {
	algorithm, sum, ok := strings.Cut(s, ":")
	if !ok {
		return Digest{}, fmt.Errorf("malformed digest %.150q: no colon, want algorithm:hex", s)
	}
	name, short, long := lengths(algorithm)
	if name == "" {
		return Digest{}, fmt.Errorf("malformed digest %.150q: unknown algorithm %.50q", s, algorithm)
	}
	if len(sum) != 2*short && len(sum) != 2*long {
		return Digest{}, fmt.Errorf("malformed digest %.150q: %d digits, want %v", s, len(sum), slices.Compact([]int{2 * short, 2 * long}))
	}
	var memory [64]byte
	other := byte(0)
	for i := range len(sum) / 2 { // without a branch on digits, which nobody could predict
		high, low := lowerHex[sum[2*i]], lowerHex[sum[2*i+1]]
		memory[i] = high<<4 | low
		other |= high | low
	}
	if other > 15 {
		return Digest{}, fmt.Errorf("malformed digest %.150q: not lower-case hexadecimal", s)
	}
	return Digest{name, string(memory[:len(sum)/2])}, nil
}

// lowerHex has what each lower-case hexadecimal digit stands for, and 255 for all else.
const lowerHex = noHex + noHex + noHex +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff\xff\xff\xff\xff" +
	noHex + noHex +
	"\xff\x0a\x0b\x0c\x0d\x0e\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	noHex + noHex + noHex + noHex + noHex + noHex + noHex + noHex + noHex

const noHex = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

// NewDigest returns the Digest that an algorithm's sum is, which is an error unless
// it is as long as those of the algorithm are. Of a string it makes no copy.
func NewDigest[T string | []byte](algorithm string, sum T) (Digest, error) {
	name, short, long := lengths(algorithm)
	if name == "" {
		return Digest{}, fmt.Errorf("digest by an unknown algorithm %.50q", algorithm)
	}
	if len(sum) != short && len(sum) != long {
		return Digest{}, fmt.Errorf("%s digest of %d bytes, want %v", algorithm, len(sum), slices.Compact([]int{short, long}))
	}
	return Digest{name, string(sum)}, nil
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
	return Digest{"dirHash", string(b)}, nil
}

// Algorithm returns the DigestSet name of d's hash function.
func (d Digest) Algorithm() string { return d.algorithm }

// Hex returns d's sum in lower-case hexadecimal, "" for the zero Digest.
func (d Digest) Hex() string {
	var memory [128]byte
	return string(hex.AppendEncode(memory[:0], []byte(d.sum)))
}

// Sum returns d's sum as bytes, none for the zero Digest.
func (d Digest) Sum() string { return d.sum }

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
	return string(base64.StdEncoding.AppendEncode([]byte("h1:"), []byte(d.sum)))
}

// String returns the form that [ParseDigest] reads, or "" for the zero Digest.
func (d Digest) String() string {
	if d.IsZero() {
		return ""
	}
	var memory [160]byte
	text := append(append(memory[:0], d.algorithm...), ':')
	return string(hex.AppendEncode(text, []byte(d.sum)))
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
