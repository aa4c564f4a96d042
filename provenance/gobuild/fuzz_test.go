package gobuild

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

func FuzzParseTree(f *testing.F) {
	const id = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commit, err := hallmark.ParseDigest("gitCommit:" + id)
	if err != nil {
		f.Fatal(err)
	}
	root, err := hallmark.ParseDigest("gitTree:" + id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("100644 blob " + id + "\ta\x00040000 tree " + id + "\tb\x00120000 blob " + id + "\tb/c\x00160000 commit " + id + "\td\x00"))
	f.Add([]byte("100644 blob " + id + "\tb/c\x00"))
	f.Add([]byte("100644 blob " + id + "\ta"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, out []byte) {
		c, ids, objects, err := parseTree(out, commit, root)
		if err != nil {
			if c != nil {
				t.Error("both a tree and an error")
			}
			return
		}
		if len(ids) != len(objects) {
			t.Errorf("%d names of %d trees", len(ids), len(objects))
		}
		for name := range c.blobs {
			if dir := path.Dir(name); strings.Contains(name, "/") && name[0] != '/' && path.Clean(name) == name && ids[dir] == "" {
				t.Errorf("%q has no directory", name)
			}
		}
	})
}

func TestParseTree(t *testing.T) {
	const id = "283bf967fa3c591925dd25e6a6e8e781542117bf"
	commit, _ := hallmark.ParseDigest("gitCommit:" + id)
	for _, c := range []struct{ out, want string }{
		{"", ""},
		{"100644 blob " + id + "\ta b\x00", ""},
		{"100644 blob " + id + "\ta", "malformed git ls-tree"},
		{"100644 blob " + id + " a\x00", "malformed git ls-tree"},
		{"100644 " + id + "\ta\x00", "malformed git ls-tree"},
		{"100644 blob " + id[:39] + "\ta\x00", "malformed git ls-tree"},
		{"100644 blob " + id[:39] + "x\ta\x00", "malformed git ls-tree"},
		{"100644 blob " + id + "\t\x00", "malformed git ls-tree"},
		{"100644 blob " + id + "\ta/b\x00", "before its directory"},
	} {
		_, _, _, err := parseTree([]byte(c.out), commit, commit)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: error %v, want %q", c.out, err, c.want)
		}
	}
}

func pointerText(lines ...string) string {
	return "version https://git-lfs.github.com/spec/v1\n" + strings.Join(lines, "\n") + "\n"
}

func TestParsePointer(t *testing.T) {
	const sum = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{pointerText("oid sha256:"+sum, "size 12345"), true},
		{pointerText("oid sha256:"+sum, "size 0"), true},
		{strings.TrimSuffix(pointerText("oid sha256:"+sum, "size 12345"), "\n"), false},
		{pointerText("size 12345", "oid sha256:"+sum), false},
		{pointerText("ext-0-x sha256:"+sum, "oid sha256:"+sum, "size 12345"), false},
		{pointerText("oid sha256:"+sum, "oid sha256:"+sum, "size 12345"), false},
		{pointerText("oid sha256:" + sum), false},
		{pointerText("size 12345"), false},
		{pointerText("oid sha256:"+strings.ToUpper(sum), "size 12345"), false},
		{pointerText("oid sha256:"+sum[1:], "size 12345"), false},
		{pointerText("oid sha512:"+sum, "size 12345"), false},
		{pointerText("oid sha256:"+sum, "size 012345"), false},
		{pointerText("oid sha256:"+sum, "size -1"), false},
		{pointerText("oid sha256:"+sum, "size 12345", "x y"), false},
		{"version https://git-lfs.github.com/spec/v2\noid sha256:" + sum + "\nsize 12345\n", false},
		{"", false},
	} {
		oid, size, ok := parsePointer(c.text)
		if ok != c.ok || ok && (oid != sum || size != 12345 && size != 0) {
			t.Errorf("%q: %q, %d, %v", c.text, oid, size, ok)
		}
	}
}

func FuzzParsePointer(f *testing.F) {
	f.Add(pointerText("oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393", "size 12345"))
	f.Add(pointerText("size 1", "oid sha256:"))
	f.Fuzz(func(t *testing.T, text string) {
		if oid, size, ok := parsePointer(text); ok && (len(oid) != 64 || size < 0 || len(text) > 42+1+76+1+30) {
			t.Errorf("%q: %q, %d", text, oid, size)
		}
	})
}

func TestSplitFlags(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // nil is an error
	}{
		{"", []string{}},
		{" -a\t-b \n", []string{"-a", "-b"}},
		{`'-ldflags=-s -w' -x`, []string{"-ldflags=-s -w", "-x"}},
		{`"-ldflags=-X 'a=b'"`, []string{"-ldflags=-X 'a=b'"}},
		{`-ldflags='-s -w'`, []string{"-ldflags='-s", "-w'"}},
		{`'-a`, nil},
	} {
		got, err := splitFlags(c.text)
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

func FuzzSplitFlags(f *testing.F) {
	f.Add(`-a '-ldflags=-s -w' "-b"`)
	f.Fuzz(func(t *testing.T, text string) {
		flags, err := splitFlags(text)
		n := 0
		for _, f := range flags {
			n += len(f)
		}
		if n > len(text) || err != nil && flags != nil {
			t.Errorf("%q of %q, %v", flags, text, err)
		}
	})
}

// Trees of old tools have modes that git prints as others.
func TestSameEntries(t *testing.T) {
	a, b := "100664 a\x0012345678901234567890", "100644 a\x0012345678901234567890"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{a, a, true},
		{a, b, true},
		{a + a, b + b, true},
		{a, a + b, false},
		{a, strings.Replace(b, "a", "b", 1), false},
		{a, b[:len(b)-1], false},
		{a, b[:len(b)-1] + "x", false},
		{a, "x", false},
		{"", "", true},
	} {
		if got := sameEntries([]byte(c.a), []byte(c.b), 20); got != c.want {
			t.Errorf("%q, %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
