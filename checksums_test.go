package hallmark_test

import (
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

// hexOf returns n digits.
func hexOf(digit string, n int) string { return strings.Repeat(digit, n) }

func TestParseChecksums(t *testing.T) {
	a64, b64, a96, a128 := hexOf("a", 64), hexOf("b", 64), hexOf("a", 96), hexOf("a", 128)
	for _, c := range []struct{ name, data, want string }{
		{"sha256sum", a64 + "  dist/app\n", "dist/app sha256:" + a64},
		{"binary mode", a64 + " *dist/app\n", "dist/app sha256:" + a64},
		{"no newline at the end", a64 + "  app", "app sha256:" + a64},
		{"carriage return", a64 + "  app\r\n", "app sha256:" + a64},
		{"upper case", strings.ToUpper(a64) + "  app\n", "app sha256:" + a64},
		{"sha384sum", a96 + "  app\n", "app sha384:" + a96},
		{"sha512sum", a128 + "  app\n", "app sha512:" + a128},
		{"spaces in the name", a64 + "   my app \n", " my app  sha256:" + a64},
		{"a name like a tag", a64 + "  SHA256 (x) = y\n", "SHA256 (x) = y sha256:" + a64},
		{"a name with a star", a64 + "  *app\n", "*app sha256:" + a64},
		{"escaped", `\` + a64 + `  a\nb\\c\rd` + "\n", "a\nb\\c\rd sha256:" + a64},
		{"a backslash that is not escaped", a64 + `  dist\app` + "\n", `dist\app sha256:` + a64},
		{"BSD", "SHA256 (app) = " + a64 + "\n", "app sha256:" + a64},
		{"BSD, parentheses", "SHA256 (a) (b) = (c)) = " + a64 + "\n", "a) (b) = (c) sha256:" + a64},
		{"BSD, escaped", `\SHA256 (a\nb) = ` + a64 + "\n", "a\nb sha256:" + a64},
		{"openssl", "SHA2-256(app)= " + a64 + "\n", "app sha256:" + a64},
		{"BSD SHA-512/256", "SHA512/256 (app) = " + a64 + "\n", "app sha512_256:" + a64},
		{"BSD SHA3", "SHA3-384 (app) = " + a96 + "\n", "app sha3_384:" + a96},
		{"BSD BLAKE2b", "BLAKE2b (app) = " + a128 + "\n", "app blake2b:" + a128},
		{"several", a64 + "  b\n\n# comment\n" + b64 + "  a\n", "b sha256:" + a64 + "\na sha256:" + b64},
		{"one name, two algorithms", a64 + "  app\n" + a128 + "  app\n", "app sha256:" + a64 + " sha512:" + a128},
		{"the same twice", a64 + "  app\n" + a64 + " *app\n", "app sha256:" + a64},
	} {
		t.Run(c.name, func(t *testing.T) {
			artifacts, err := hallmark.ParseChecksums([]byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range artifacts {
				got = append(got, a.Name+" "+strings.Join(texts(a.Digests), " "))
			}
			if s := strings.Join(got, "\n"); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestParseChecksumsRefuses(t *testing.T) {
	a64, b64 := hexOf("a", 64), hexOf("b", 64)
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", "no line with a checksum"},
		{"comments only", "# nothing\n\n", "no line with a checksum"},
		{"MD5", hexOf("a", 32) + "  app\n", "line 1: a hash of 32 digits"},
		{"SHA-1", hexOf("a", 40) + "  app\n", "line 1: a hash of 40 digits"},
		{"SHA-224", hexOf("a", 56) + "  app\n", "line 1: a hash of 56 digits"},
		{"one digit short", hexOf("a", 63) + "  app\n", "63 digits"},
		{"no name", a64 + "  \n", "want <hex>  <name>"},
		{"hash only", a64 + "\n", "want <hex>  <name>"},
		{"one space", a64 + " app\n", "want <hex>  <name>"},
		{"a tab", a64 + "\tapp\n", "want <hex>  <name>"},
		{"no hash", "hello world\n", "want <hex>  <name>"},
		{"BSD, weak", "SHA1 (app) = " + hexOf("a", 40) + "\n", `algorithm "SHA1"`},
		{"BSD, unknown", "SHA255 (app) = " + a64 + "\n", `algorithm "SHA255"`},
		{"BSD, length", "SHA512 (app) = " + a64 + "\n", "64 digits, want [128]"},
		{"BSD, not hexadecimal", "SHA256 (app) = " + hexOf("g", 64) + "\n", "not lower-case hexadecimal"},
		{"BSD, no name", "SHA256 () = " + a64 + "\n", "want <hex>  <name>"},
		{"BSD, no equals sign", "SHA256 (app) " + a64 + "\n", "want <hex>  <name>"},
		{"two digests of one name", a64 + "  app\n" + b64 + "  app\n", `line 2: "app" has the digest sha256:` + b64},
		{"a bad escape", `\` + a64 + `  a\tb` + "\n", `not followed by n, r or \`},
		{"an escape at the end", `\` + a64 + `  a\` + "\n", `not followed by n, r or \`},
		{"not UTF-8", a64 + "  \xff\n", "not UTF-8"},
		{"a NUL", a64 + "  a\x00b\n", "has a NUL"},
		{"a long line", a64 + "  " + strings.Repeat("a", hallmark.MaxChecksumLine) + "\n", "want at most 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := hallmark.ParseChecksums([]byte(c.data))
			wantFault(t, fmt.Sprint(got), err, c.want)
		})
	}
}

func TestParseArtifact(t *testing.T) {
	a64, a128 := hexOf("a", 64), hexOf("a", 128)
	for _, c := range []struct{ in, name, digests string }{
		{"app@sha256:" + a64, "app", "sha256:" + a64},
		{"registry.example:5000/org/app@sha256:" + a64, "registry.example:5000/org/app", "sha256:" + a64},
		{"user@host/app@sha256:" + a64, "user@host/app", "sha256:" + a64},
		{"app@sha256:" + a64 + ",sha512:" + a128, "app", "sha256:" + a64 + " sha512:" + a128},
		{"app@gitBlob:" + hexOf("a", 40) + ",sha256:" + a64, "app", "gitBlob:" + hexOf("a", 40) + " sha256:" + a64},
		{"sha256:" + a64, "", "sha256:" + a64},
	} {
		a, err := hallmark.ParseArtifact(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := strings.Join(texts(a.Digests), " "); a.Name != c.name || got != c.digests {
			t.Errorf("%s: got %q %q, want %q %q", c.in, a.Name, got, c.name, c.digests)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"", "no colon"},
		{"app", "no colon"},
		{"app:latest", "unknown algorithm"},
		{"@sha256:" + a64, "no name before the @"},
		{"app@sha256:" + a64[1:], "63 digits"},
		{"app@sha1:" + hexOf("a", 40), "no digest by SHA-2"},
		{"app@sha256:" + a64 + ",sha256:" + a64, "two digests by sha256"},
		{"app@sha256:" + a64 + ",", "no colon"},
		{"app@sha256:" + strings.ToUpper(a64), "not lower-case"},
		{"a\xff@sha256:" + a64, "not UTF-8"},
		{"a\x00b@sha256:" + a64, "has a NUL"},
	} {
		a, err := hallmark.ParseArtifact(c.in)
		wantFault(t, fmt.Sprint(c.in, a), err, c.want)
	}
}

// FuzzParseChecksums: what is read has a name and a strong digest, and is read
// again as the same when it is written as sha256sum writes it.
func FuzzParseChecksums(f *testing.F) {
	f.Add([]byte(hexOf("a", 64) + "  app\n"))
	f.Add([]byte(`\` + hexOf("a", 64) + ` *a\nb` + "\n"))
	f.Add([]byte("SHA256 (app) = " + hexOf("b", 64) + "\nSHA512 (app) = " + hexOf("b", 128)))
	f.Add([]byte("SHA2-256(a)= " + hexOf("c", 64) + "\r\n# x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		artifacts, err := hallmark.ParseChecksums(data)
		if err != nil {
			return
		}
		var again strings.Builder
		sums := 0
		for _, a := range artifacts {
			if a.Name == "" || len(a.Digests) == 0 {
				t.Fatalf("%q: %v", data, a)
			}
			for _, d := range a.Digests {
				if d.Algorithm() != "sha256" {
					continue
				}
				sums++
				name := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(a.Name)
				fmt.Fprintf(&again, "\\%s  %s\n", d.Hex(), name)
			}
		}
		if sums == 0 {
			return
		}
		back, err := hallmark.ParseChecksums([]byte(again.String()))
		if err != nil {
			t.Fatalf("%q written again as %q: %v", data, again.String(), err)
		}
		for _, b := range back {
			found := false
			for _, a := range artifacts {
				found = found || a.Name == b.Name && a.Digest("sha256") == b.Digest("sha256")
			}
			if !found {
				t.Fatalf("%q written again as %q has %v", data, again.String(), b)
			}
		}
	})
}

// FuzzParseArtifact: what is read has a strong digest, and is the same when it is
// written again.
func FuzzParseArtifact(f *testing.F) {
	f.Add("app@sha256:" + hexOf("a", 64))
	f.Add("a@b@sha256:" + hexOf("a", 64) + ",sha512:" + hexOf("b", 128))
	f.Add("sha256:" + hexOf("a", 64))
	f.Fuzz(func(t *testing.T, s string) {
		a, err := hallmark.ParseArtifact(s)
		if err != nil {
			return
		}
		if !slices.ContainsFunc(a.Digests, hallmark.Digest.Secure) {
			t.Fatalf("%q: %v", s, a)
		}
		again := strings.Join(texts(a.Digests), ",")
		if a.Name != "" {
			again = a.Name + "@" + again
		}
		if again != s {
			t.Fatalf("%q is written again as %q", s, again)
		}
	})
}

// P6: linear in the number of lines.
func BenchmarkParseChecksums(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var data []byte
			for i := range n {
				data = fmt.Appendf(data, "%064x  dist/app_%06d.tar.gz\n", i, i)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hallmark.ParseChecksums(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/line")
		})
	}
}

func ExampleParseChecksums() {
	artifacts, err := hallmark.ParseChecksums([]byte(
		"315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3  dist/app\n" +
			"SHA256 (dist/app.exe) = e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range artifacts {
		fmt.Println(a.Name, a.Digest("sha256"))
	}
	// Output:
	// dist/app sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3
	// dist/app.exe sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
}

func ExampleParseArtifact() {
	a, err := hallmark.ParseArtifact("registry.example/org/app@sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Name)
	// Output: registry.example/org/app
}
