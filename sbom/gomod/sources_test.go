package gomod

import (
	"archive/zip"
	"context"
	gobuild "go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// A mapCache is a Cache. It is used by one goroutine.
type mapCache map[string][]byte

func (c mapCache) Get(key string) ([]byte, bool) { value, ok := c[key]; return value, ok }
func (c mapCache) Put(key string, value []byte)  { c[key] = value }

// What a Cache has is what the files have; and files of which a Cache has all are
// not read.
func TestCache(t *testing.T) {
	dir := writeFiles(t,
		"a.go", "package p\n\nimport \"fmt\"\n",
		"b_test.go", "//go:build linux\n\npackage p\n\nimport \"os\"\n",
		"x/_hidden.go", "package x\n",
		"y/broken.go", "package y\nimport x\n",
		"z/text.txt", "",
	)
	cache := make(mapCache)
	read := func(root string) (all []any) {
		t.Helper()
		s := &sources{cache: cache}
		tree, err := s.module("m@v1.0.0", "h1:x", root, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []string{".", "x", "y", "z", "nowhere"} {
			ls := tree.list(d)
			all = append(all, d, ls.isGo, ls.err == nil)
			for _, f := range ls.files {
				h, err := tree.read(d, f)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, f.name, *h)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := read(dir)
	if len(cache) != 1 {
		t.Fatalf("%d values in the cache, want one", len(cache))
	}
	if got := read(filepath.Join(dir, "gone")); !reflect.DeepEqual(got, want) {
		t.Errorf("from the cache: got %v, want %v", got, want)
	}
	for key, value := range cache {
		cache[key] = value[:len(value)-2]
	}
	if got := read(dir); !reflect.DeepEqual(got, want) {
		t.Errorf("with half a value: got %v, want %v", got, want)
	}
	for key := range cache {
		cache[key] = []byte("of another version\n{}")
	}
	if got := read(dir); !reflect.DeepEqual(got, want) {
		t.Errorf("with a value of another version: got %v, want %v", got, want)
	}
}

func TestZipBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	dir := t.TempDir()
	for _, tt := range []struct {
		name  string
		write func(f *os.File) error
		want  string
	}{
		{"not a zip", func(f *os.File) error { _, err := f.WriteString("not a zip"); return err }, "malformed zip"},
		{"too large", func(f *os.File) error { return f.Truncate(maxZip + 1) }, "malformed zip: larger than"},
		{"too many files", func(f *os.File) error {
			z := zip.NewWriter(f)
			for range maxZipFiles + 1 {
				if _, err := z.CreateRaw(&zip.FileHeader{Name: "x"}); err != nil {
					return err
				}
			}
			return z.Close()
		}, "malformed zip: 500001 files"},
	} {
		name := filepath.Join(dir, "m.zip")
		f, err := os.Create(name)
		if err == nil {
			err = tt.write(f)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := new(sources).module("m@v1.0.0", "h1:x", dir, name); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// A Cache is believed, but must not make Load panic.
func FuzzCache(f *testing.F) {
	f.Add([]byte(`{".":{"IsGo":true,"Files":[{"Name":"a.go","Header":{"Name":"p","Imports":["fmt"],"Constraints":["//go:build x"]}}]}}`))
	f.Add([]byte(`{".":{"IsGo":true,"Files":[{"Name":"../a.go"}]}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		s := &sources{cache: mapCache{"h1:x": append([]byte(cacheFormat), value...)}}
		tree, err := s.module("m@v1.0.0", "h1:x", t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		sel := &selector{tags: map[string]bool{"linux": true}}
		sel.scan(tree, ".", tree.list(".").files)
		sel.scanTests(tree, ".", tree.list(".").files, "p")
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	})
}

// The patterns of a file, against go/build.
func FuzzEmbedPatterns(f *testing.F) {
	for _, seed := range []string{
		"//go:embed a b/*.txt\nvar x string\n", "//go:embed \"a b\" `c`\n", "//go:embed\n//go:embed \"a\"b\n//go:embedx y\n", "var s = `\n//go:embed no\n`\n", "/*\n//go:embed no\n*/ //go:embed yes\n", "//go:embed all:x \t y\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		src := "package p\n\nimport _ \"embed\"\n\n" + body
		if strings.Contains(src, "\x00") {
			return
		}
		ctx := gobuild.Default
		ctx.ReadDir = func(string) ([]fs.FileInfo, error) {
			return []fs.FileInfo{oneFile{}}, nil
		}
		ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(src)), nil }
		ctx.IsDir = func(string) bool { return true }
		p, err := ctx.ImportDir("/p", 0)
		if err != nil {
			return
		}
		got := embedPatterns([]byte(src))
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, p.EmbedPatterns) {
			t.Errorf("%q: got %q, want %q", src, got, p.EmbedPatterns)
		}
	})
}

// A oneFile is x.go.
type oneFile struct{ fs.FileInfo }

func (oneFile) Name() string      { return "x.go" }
func (oneFile) IsDir() bool       { return false }
func (oneFile) Mode() fs.FileMode { return 0 }
func (oneFile) Size() int64       { return 0 }

func TestMatchEmbed(t *testing.T) {
	files := fstest.MapFS{
		"p/a.txt": {}, "p/b.txt": {}, "p/d/x": {}, "p/d/.y": {}, "p/d/_z/w": {}, "p/empty/.only": {}, "p/mod/go.mod": {}, "p/mod/x": {},
		"p/d/inner/go.mod": {}, "p/d/inner/x": {}, "p/.git/config": {}, "p/bad/a:b": {}, "p/link": {Mode: fs.ModeSymlink}, "other": {},
	}
	for _, tt := range []struct{ pattern, want string }{
		{"a.txt", "p/a.txt"},
		{"*.txt", "p/a.txt p/b.txt"},
		{"d", "p/d/x"},
		{"all:d", "p/d/.y p/d/_z/w p/d/x"},
		{"[", "invalid pattern syntax"},
		{"../other", "invalid pattern syntax"},
		{"/p/a.txt", "invalid pattern syntax"},
		{".", "invalid pattern syntax"},
		{"nothing", "no matching files found"},
		{"empty", "contains no embeddable files"},
		{"mod/x", "in different module"},
		{".git/config", "invalid name .git"},
		{"bad", "invalid name"},
		{"link", "cannot embed irregular file link"},
	} {
		got, err := matchEmbed(t.Context(), files, "p", tt.pattern)
		if text := strings.Join(got, " "); err == nil && text != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %q, %v, want %s", tt.pattern, got, err, tt.want)
		}
	}
}

// In a zip, the go command looks at names and not at modes: what is a link or a
// directory there is a file when it is extracted.
func TestZipFiles(t *testing.T) {
	write := func(names ...string) *os.File {
		t.Helper()
		f, err := os.Create(filepath.Join(t.TempDir(), "m.zip"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		w := zip.NewWriter(f)
		for _, name := range names {
			h := &zip.FileHeader{Name: name}
			switch path.Base(name) {
			case "link.go":
				h.SetMode(fs.ModeSymlink)
			case "dir.go":
				h.SetMode(fs.ModeDir)
			case "pipe.go":
				h.SetMode(fs.ModeNamedPipe)
			}
			if _, err := w.CreateHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	files, err := zipFiles(write("m@v1.0.0/", "m@v1.0.0/a/", "m@v1.0.0/a/link.go", "m@v1.0.0/a/dir.go", "m@v1.0.0/a/pipe.go"), "m@v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range readDirectory(files, "a").files {
		if _, err := readFile(files, "a/"+f.name, 1); err != nil {
			t.Error(err)
		}
		got = append(got, f.name)
	}
	if want := "dir.go link.go pipe.go"; strings.Join(got, " ") != want {
		t.Errorf("Go files %s, want %s", got, want)
	}
	for _, name := range []string{"x.go", "m@v1.0.0", "m@v1.0.00/x.go", "m@v1.0.0//x.go", "m@v1.0.0/../x.go", "m@v1.0.0/a/../x.go", "/m@v1.0.0/x.go", `m@v1.0.0/a\x.go`} {
		if _, err := zipFiles(write("m@v1.0.0/a.go", name), "m@v1.0.0"); err == nil || !strings.Contains(err.Error(), "malformed zip") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

// Links to the directory itself make a glob match more names than there is memory for.
func TestMatchEmbedLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	dir := writeFiles(t, "a.txt", "")
	for i := range 8 {
		if err := os.Symlink(".", filepath.Join(dir, strconv.Itoa(i))); err != nil {
			t.Skip("no symbolic links:", err)
		}
	}
	_, err := matchEmbed(t.Context(), os.DirFS(dir), ".", strings.Repeat("*/", 20)+"*")
	if want := "more than 500000 names to compare with"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := matchEmbed(ctx, os.DirFS(dir), ".", "*"); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
