package hallmark_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

func TestNewDigest(t *testing.T) {
	for _, text := range []string{
		"sha256:" + strings.Repeat("0f", 32), "gitCommit:" + strings.Repeat("a9", 20), "gitCommit:" + strings.Repeat("00", 32), "sha512:" + strings.Repeat("ff", 64),
	} {
		want, err := hallmark.ParseDigest(text)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := hex.DecodeString(want.Hex())
		if err != nil {
			t.Fatal(err)
		}
		if d, err := hallmark.NewDigest(want.Algorithm(), sum); err != nil || d != want {
			t.Errorf("%s: %s, error %v", text, d, err)
		}
		for _, n := range []int{0, 1, len(sum) - 1, len(sum) + 1, 300} {
			if d, err := hallmark.NewDigest(want.Algorithm(), make([]byte, n)); err == nil || !d.IsZero() || !strings.Contains(err.Error(), fmt.Sprintf("digest of %d bytes", n)) {
				t.Errorf("%s: of %d bytes: %s, error %v", text, n, d, err)
			}
		}
	}
	for _, algorithm := range []string{"", "sha-256", "SHA256", "shake128"} {
		if d, err := hallmark.NewDigest(algorithm, make([]byte, 32)); err == nil || !d.IsZero() {
			t.Errorf("%q: %s, error %v", algorithm, d, err)
		}
	}
}

// Of all bytes only the lower-case digits are digits, wherever they stand.
func TestDigits(t *testing.T) {
	for c := range 256 {
		for _, at := range []int{0, 1, 31} {
			sum := []byte(strings.Repeat("5a", 16))
			sum[at] = byte(c)
			d, err := hallmark.ParseDigest("md5:" + string(sum))
			if digit := strings.IndexByte("0123456789abcdef", byte(c)) >= 0; digit != (err == nil) {
				t.Errorf("byte %q at %d: error %v", rune(c), at, err)
			}
			if err != nil {
				continue
			}
			if got := hex.EncodeToString([]byte(d.Sum())); got != string(sum) || d.Hex() != string(sum) || d.String() != "md5:"+string(sum) {
				t.Errorf("%q: sum %q, hexadecimal %q, written %q", sum, got, d.Hex(), d)
			}
			if same, err := hallmark.NewDigest("md5", d.Sum()); err != nil || same != d {
				t.Errorf("%q: from its sum %q, error %v", sum, same, err)
			}
		}
	}
}

func TestParseDigest(t *testing.T) {
	for _, test := range []struct {
		algorithm string
		digits    int
		secure    bool
	}{
		{"md5", 32, false},
		{"sha1", 40, false},
		{"ripemd160", 40, false},
		{"sha224", 56, false},
		{"sha256", 64, true},
		{"sha384", 96, true},
		{"sha512", 128, true},
		{"sha512_224", 56, false},
		{"sha512_256", 64, true},
		{"sha3_224", 56, false},
		{"sha3_256", 64, true},
		{"sha3_384", 96, true},
		{"sha3_512", 128, true},
		{"blake2b", 128, false},
		{"blake2s", 64, false},
		{"sm3", 64, false},
		{"gost", 64, false},
		{"dirHash", 64, false},
		{"gitCommit", 40, false},
		{"gitCommit", 64, false},
		{"gitTree", 40, false},
		{"gitBlob", 64, false},
		{"gitTag", 40, false},
	} {
		sum := strings.Repeat("0123456789abcdef", 8)[:test.digits]
		s := test.algorithm + ":" + sum
		d, err := hallmark.ParseDigest(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if d.String() != s || d.Algorithm() != test.algorithm || d.Hex() != sum || d.IsZero() {
			t.Errorf("%s: parsed to %s, %q %q", s, d, d.Algorithm(), d.Hex())
		}
		if d.Secure() != test.secure {
			t.Errorf("%s: Secure is %t, want %t", s, d.Secure(), test.secure)
		}
		if !hallmark.KnownAlgorithm(test.algorithm) {
			t.Errorf("%s is not known", test.algorithm)
		}
		var back hallmark.Digest
		text, err := d.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != d {
			t.Errorf("%s: text %s comes back as %s", s, text, back)
		}
		for _, bad := range []string{s + "0", s[:len(s)-1], s + "\n", " " + s, test.algorithm + ":"} {
			if d, err := hallmark.ParseDigest(bad); err == nil {
				t.Errorf("%q: parsed to %s", bad, d)
			}
		}
	}
}

func TestParseDigestRefuses(t *testing.T) {
	zeros := strings.Repeat("0", 63)
	for _, test := range []struct{ in, want string }{
		{"", `malformed digest "": no colon, want algorithm:hex`},
		{"sha256", `malformed digest "sha256": no colon, want algorithm:hex`},
		{"sha256-abc", `malformed digest "sha256-abc": no colon, want algorithm:hex`},
		{":", `malformed digest ":": unknown algorithm ""`},
		{"SHA256:" + zeros + "0", `malformed digest "SHA256:` + zeros + `0": unknown algorithm "SHA256"`},
		{"shake256:00", `malformed digest "shake256:00": unknown algorithm "shake256"`},
		{"h1:00", `malformed digest "h1:00": unknown algorithm "h1"`},
		{"sha256:abc", `malformed digest "sha256:abc": 3 digits, want [64]`},
		{"gitCommit:abc", `malformed digest "gitCommit:abc": 3 digits, want [40 64]`},
		{"sha256:" + zeros + "A", `malformed digest "sha256:` + zeros + `A": not lower-case hexadecimal`},
		{"sha256:" + zeros[1:] + "g0", `malformed digest "sha256:` + zeros[1:] + `g0": not lower-case hexadecimal`},
		{"sha256:x" + zeros, `malformed digest "sha256:x` + zeros + `": not lower-case hexadecimal`},
		{"sha256:" + zeros + ":", `malformed digest "sha256:` + zeros + `:": not lower-case hexadecimal`},
		// Two bytes of UTF-8 count as two digits.
		{"sha256:" + zeros[1:] + "é", `malformed digest "sha256:` + zeros[1:] + `é": not lower-case hexadecimal`},
		// An error stays short.
		{strings.Repeat("a", 1000), `malformed digest "` + strings.Repeat("a", 150) + `": no colon, want algorithm:hex`},
	} {
		d, err := hallmark.ParseDigest(test.in)
		wantError(t, test.in, err, test.want)
		if !d.IsZero() {
			t.Errorf("%q: %s beside the error", test.in, d)
		}
		back := hallmark.Digest{}
		wantError(t, "UnmarshalText", back.UnmarshalText([]byte(test.in)), test.want)
	}
}

func TestZeroDigest(t *testing.T) {
	var d hallmark.Digest
	if !d.IsZero() || d.Secure() || d.String() != "" || d.H1() != "" || d.Algorithm() != "" || d.Hex() != "" {
		t.Errorf("the zero Digest says %q", d)
	}
	_, err := d.MarshalText()
	wantError(t, "MarshalText", err, "hallmark: the zero digest has no text form")
	if b, err := json.Marshal(d); err == nil {
		t.Errorf("the zero Digest was marshaled: %s", b)
	}
}

// emptyH1 is the sum of an empty list of files: the SHA-256 of nothing.
const emptyH1 = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

func TestParseH1(t *testing.T) {
	d, err := hallmark.ParseH1(emptyH1)
	if err != nil {
		t.Fatal(err)
	}
	if want := "dirHash:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; d.String() != want {
		t.Errorf("got %s, want %s", d, want)
	}
	if d.H1() != emptyH1 {
		t.Errorf("H1 is %s, want %s", d.H1(), emptyH1)
	}
	sum, err := hallmark.ParseDigest("sha256:" + d.Hex())
	if err != nil {
		t.Fatal(err)
	}
	if sum == d || sum.H1() != "" {
		t.Errorf("a SHA-256 (%s) passes for a sum of go.sum", sum)
	}

	b64 := strings.TrimPrefix(emptyH1, "h1:")
	for _, test := range []struct{ in, want string }{
		{"", `malformed module sum "": it does not begin with h1: as in go.sum`},
		{b64, `malformed module sum "` + b64 + `": it does not begin with h1: as in go.sum`},
		{"H1:" + b64, `malformed module sum "H1:` + b64 + `": it does not begin with h1: as in go.sum`},
		{"h2:" + b64, `malformed module sum "h2:` + b64 + `": it does not begin with h1: as in go.sum`},
		{"h1:", `malformed module sum "h1:": want 32 bytes in base64`},
		{"h1:AAAA", `malformed module sum "h1:AAAA": want 32 bytes in base64`},
		{"h1:" + strings.TrimSuffix(b64, "="), `malformed module sum "h1:` + strings.TrimSuffix(b64, "=") + `": want 32 bytes in base64`},
		// Other spellings of the same bytes.
		{emptyH1 + "\n", `malformed module sum "` + emptyH1 + `\n": want 32 bytes in base64`},
		{"h1:\n" + b64, `malformed module sum "h1:\n` + b64 + `": want 32 bytes in base64`},
		{strings.Replace(emptyH1, "FU=", "FV=", 1), `malformed module sum "` + strings.Replace(emptyH1, "FU=", "FV=", 1) + `": want 32 bytes in base64`},
		{strings.ReplaceAll(emptyH1, "+", "-"), `malformed module sum "` + strings.ReplaceAll(emptyH1, "+", "-") + `": want 32 bytes in base64`},
	} {
		d, err := hallmark.ParseH1(test.in)
		wantError(t, test.in, err, test.want)
		if !d.IsZero() {
			t.Errorf("%q: %s beside the error", test.in, d)
		}
	}
}

// A Digest that can be parsed has one spelling.
func FuzzParseDigest(f *testing.F) {
	for _, s := range []string{abcSHA1, abcSHA256, abcSHA384, abcSHA512, abcSHA3_256, emptyH1, "sha256:", "gitCommit:abc", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := hallmark.ParseDigest(s); err == nil && d.String() != s {
			t.Errorf("%q is parsed to %q", s, d)
		}
		if d, err := hallmark.ParseH1(s); err == nil && d.H1() != s {
			t.Errorf("%q is parsed to %q", s, d.H1())
		}
	})
}

func ExampleParseDigest() {
	d, err := hallmark.ParseDigest("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Algorithm(), d.Hex()[:8])

	_, err = hallmark.ParseDigest("sha256:BA7816BF")
	fmt.Println(err)
	// Output:
	// sha256 ba7816bf
	// malformed digest "sha256:BA7816BF": 8 digits, want [64]
}

func ExampleDigest_Sum() {
	d, err := hallmark.ParseDigest("md5:d41d8cd98f00b204e9800998ecf8427e")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(d.Sum()), []byte(d.Sum()[:4]))
	// Output: 16 [212 29 140 217]
}

func ExampleNewDigest() {
	sum := sha256.Sum256([]byte("abc"))
	d, err := hallmark.NewDigest("sha256", sum[:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d)

	_, err = hallmark.NewDigest("sha512", sum[:])
	fmt.Println(err)
	// Output:
	// sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	// sha512 digest of 32 bytes, want [64]
}

func ExampleKnownAlgorithm() {
	for _, algorithm := range []string{"sha256", "gitCommit", "SHA-256"} {
		fmt.Println(algorithm, hallmark.KnownAlgorithm(algorithm))
	}
	// Output:
	// sha256 true
	// gitCommit true
	// SHA-256 false
}

func ExampleParseH1() {
	d, err := hallmark.ParseH1("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d)
	fmt.Println(d.H1())
	// Output:
	// dirHash:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	// h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
}

func ExampleDigest_Secure() {
	for _, s := range []string{
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
		"gitCommit:a9993e364706816aba3e25717850c26c9cd0d89d",
	} {
		d, err := hallmark.ParseDigest(s)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Algorithm(), d.Secure())
	}
	// Output:
	// sha256 true
	// sha1 false
	// gitCommit false
}
