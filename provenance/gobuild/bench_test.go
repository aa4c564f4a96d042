package gobuild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

// BenchmarkSource compares 1,000 files of 16 KiB with a commit: what ProveSource
// does when the go command has listed them. BenchmarkSourceHash hashes the same
// files: the proof takes at most half as long again. BenchmarkSourceTree is what
// git does before, while the go command works.
func BenchmarkSource(b *testing.B) {
	dir, names := benchmarkFiles(b)
	t := tool{dir, os.Getenv}
	top, commit, err := t.checkout(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	c, err := t.readTree(context.Background(), commit)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		s := &source{top: top, digits: len(commit), files: make(map[string]*File), dirs: make(map[string]place)}
		for _, name := range names {
			if err := s.add(name, "p"); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.compare(context.Background(), t, c, nil, new(SourceProof)); err != nil {
			b.Fatal(err)
		}
		for _, f := range s.files {
			if f.Outcome != Match {
				b.Fatal(f)
			}
		}
	}
}

func BenchmarkSourceTree(b *testing.B) {
	dir, _ := benchmarkFiles(b)
	t := tool{dir, os.Getenv}
	b.ResetTimer()
	for b.Loop() {
		_, commit, err := t.checkout(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := t.readTree(context.Background(), commit); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSourceHash(b *testing.B) {
	_, names := benchmarkFiles(b)
	b.ResetTimer()
	for b.Loop() {
		if _, err := hallmark.HashFiles(context.Background(), names, hallmark.HashOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkFiles(b *testing.B) (dir string, names []string) {
	b.Helper()
	dir, err := filepath.EvalSymlinks(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		name := filepath.Join(dir, fmt.Sprintf("p%02d", i%50), fmt.Sprintf("f%d.go", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte(fmt.Sprintf("// %6d content\n", i)), 1<<10), 0o666); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=n", "-c", "user.email=m@example.com", "commit", "-qm", "c"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	return dir, names
}
