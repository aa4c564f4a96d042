package hallmark_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// tree makes a directory with files, whose content is their name.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func hashDir(t *testing.T, dir string, o hallmark.DirOptions) hallmark.Artifact {
	t.Helper()
	a, err := hallmark.HashDir(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestHashDir(t *testing.T) {
	names := []string{"a", "a-b", "ax/c", "b/d/e", "ü"}
	dir := tree(t, names...)
	both := hallmark.DirOptions{Algorithms: []string{"gitTree", "dirHash"}}
	first := hashDir(t, dir, both)
	if first.Name != filepath.Base(dir) || len(first.Digests) != 2 || first.Digests[0].Algorithm() != "gitTree" {
		t.Fatalf("got %v", first)
	}
	// Another place, an empty directory and the modification time make no
	// difference.
	other := tree(t, names...)
	if err := os.Mkdir(filepath.Join(other, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := hashDir(t, other, both); got.Digest("dirHash") != first.Digest("dirHash") || got.Digest("gitTree") != first.Digest("gitTree") {
		t.Errorf("got %v, want %v", got.Digests, first.Digests)
	}
	// One algorithm has the same value as both in one pass.
	for _, algorithm := range both.Algorithms {
		if got := hashDir(t, dir, hallmark.DirOptions{Algorithms: []string{algorithm}}); got.Digest(algorithm) != first.Digest(algorithm) {
			t.Errorf("%s alone: got %v", algorithm, got.Digests)
		}
	}
	// Everything that a digest is said to tell changes it.
	for _, c := range []struct {
		name    string
		change  func(dir string) error
		changed string
	}{
		{"content", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("b"), 0o666) }, "dirHash gitTree"},
		{"name", func(dir string) error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "z")) }, "dirHash gitTree"},
		{"added", func(dir string) error { return os.WriteFile(filepath.Join(dir, "z"), nil, 0o666) }, "dirHash gitTree"},
		{"removed", func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }, "dirHash gitTree"},
		{"moved", func(dir string) error { return os.Rename(filepath.Join(dir, "b/d/e"), filepath.Join(dir, "b/e")) }, "dirHash gitTree"},
		{"mode", func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), 0o755) }, "gitTree"},
	} {
		if c.name == "mode" && runtime.GOOS == "windows" {
			continue
		}
		dir := tree(t, names...)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		got := hashDir(t, dir, both)
		for _, algorithm := range both.Algorithms {
			if changed := got.Digest(algorithm) != first.Digest(algorithm); changed != strings.Contains(c.changed, algorithm) {
				t.Errorf("%s: %s changed: %v", c.name, algorithm, changed)
			}
		}
	}
}

func TestHashDirRefuses(t *testing.T) {
	linked := tree(t, "a")
	if err := os.Symlink("a", filepath.Join(linked, "link")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	file := filepath.Join(tree(t, "a"), "a")
	for _, c := range []struct {
		name, dir string
		o         hallmark.DirOptions
		want      string
	}{
		{"a link", linked, hallmark.DirOptions{}, `"link" is a link`},
		{"a file", file, hallmark.DirOptions{}, "not a directory"},
		{"an empty directory", t.TempDir(), hallmark.DirOptions{}, "no file in the directory"},
		{"missing", filepath.Join(linked, "b"), hallmark.DirOptions{}, "no such file"},
		{"a repository", tree(t, "a", "sub/.git/HEAD"), hallmark.DirOptions{Algorithms: []string{"gitTree"}}, `".git`},
		{"unknown algorithm", linked, hallmark.DirOptions{Algorithms: []string{"sha256"}}, `"sha256"`},
		{"twice", linked, hallmark.DirOptions{Algorithms: []string{"gitTree", "gitTree"}}, "asked for twice"},
	} {
		if c.name == "a repository" {
			c.want = `"sub/.git/HEAD", which a gitTree cannot have`
		}
		a, err := hallmark.HashDir(context.Background(), c.dir, c.o)
		wantFault(t, c.name+" "+fmt.Sprint(a), err, c.want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := hallmark.HashDir(ctx, linked, hallmark.DirOptions{Algorithms: []string{"gitTree"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if a := hashDir(t, linked, hallmark.DirOptions{Algorithms: []string{"gitTree"}}); len(a.Digests) != 1 {
		t.Errorf("a gitTree with a link: %v", a)
	}
}

// What changes when a is read, or when it has been.
func TestHashDirChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		reads  int // the change comes with this one: a, b, c
		change func(dir string) error
	}{
		{"a file added", 1, func(dir string) error { return os.WriteFile(filepath.Join(dir, "d"), nil, 0o666) }},
		{"a file removed", 2, func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }},
		{"a file that was read got longer", 2, func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("aa"), 0o666) }},
		{"a file that was read got another content", 2, func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "a"), []byte("z"), 0o666); err != nil {
				return err
			}
			return os.Chtimes(filepath.Join(dir, "a"), time.Time{}, time.Unix(1, 0))
		}},
		{"a file that was read became a directory", 2, func(dir string) error {
			if err := os.Remove(filepath.Join(dir, "a")); err != nil {
				return err
			}
			return os.Mkdir(filepath.Join(dir, "a"), 0o777)
		}},
	} {
		dir := tree(t, "a", "b", "c")
		reads := 0
		a, err := hallmark.HashDir(context.Background(), dir, hallmark.DirOptions{Workers: 1, Progress: func(int64) {
			if reads++; reads == c.reads {
				if err := c.change(dir); err != nil {
					t.Error(err)
				}
			}
		}})
		wantFault(t, fmt.Sprint(c.name, a), err, "changed while it was read")
	}
}

func TestCheckFile(t *testing.T) {
	path := filepath.Join(tree(t, "a"), "a")
	a, err := hallmark.HashFile(path, "sha256", "gitBlob")
	if err != nil {
		t.Fatal(err)
	}
	// git hash-object of a file with the letter a.
	if got, want := a.Digest("gitBlob").String(), "gitBlob:2e65efe2a145dda7ee51d1741299f848e5bf752e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := a.CheckFile(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("b"), 0o666); err != nil {
		t.Fatal(err)
	}
	wantFault(t, "changed", a.CheckFile(path), "the file changed: sha256:")
	d, err := hallmark.ParseDigest("md5:" + strings.Repeat("0", 32))
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, "md5", hallmark.Artifact{Digests: []hallmark.Digest{d}}.CheckFile(path), "no digest to compare")
	_, err = hallmark.Hash(strings.NewReader("a"), "gitBlob")
	wantFault(t, "a reader", err, "begins with the length")
}

func BenchmarkHashDir(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("d%d/e%d/f%d", i%10, i%100, i))
			}
			dir := tree(b, names...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hallmark.HashDir(context.Background(), dir, hallmark.DirOptions{Algorithms: []string{"dirHash", "gitTree"}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/file")
		})
	}
}

func ExampleHashDir() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("hello\n"), 0o666); err != nil {
		log.Fatal(err)
	}
	a, err := hallmark.HashDir(context.Background(), dir, hallmark.DirOptions{Algorithms: []string{"dirHash", "gitTree"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Digests[0].H1())
	fmt.Println(a.Digests[1])
	// Output:
	// h1:U/MTbknduiUdDztSYaUnMfbpBiMl2oAft+3CdTktZ90=
	// gitTree:aaa96ced2d9a1c8e72c56b253a0e2fe78393feb7
}

func ExampleArtifact_CheckFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app")
	if err := os.WriteFile(path, []byte("one"), 0o666); err != nil {
		log.Fatal(err)
	}
	app, err := hallmark.HashFile(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("two"), 0o666); err != nil {
		log.Fatal(err)
	}
	fmt.Println(app.CheckFile(path) == nil)
	// Output: false
}

// wantFault reports an error that is none or does not say what is wanted.
func wantFault(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s:\n\tgot  %v\n\twant %s", what, err, want)
	}
}
