package hallmark_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// The sums of "abc" are those of FIPS 180-4 and FIPS 202.
const (
	abcSHA1       = "sha1:a9993e364706816aba3e25717850c26c9cd0d89d"
	abcSHA256     = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	abcSHA384     = "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
	abcSHA512     = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
	abcSHA512_256 = "sha512_256:53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
	abcSHA3_256   = "sha3_256:3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
	abcSHA3_384   = "sha3_384:ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"
	abcSHA3_512   = "sha3_512:b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"
)

func TestHash(t *testing.T) {
	all := []string{abcSHA1, abcSHA256, abcSHA384, abcSHA512, abcSHA512_256, abcSHA3_256, abcSHA3_384, abcSHA3_512}
	var algorithms []string
	for _, s := range all {
		algorithm, _, _ := strings.Cut(s, ":")
		algorithms = append(algorithms, algorithm)
	}
	for _, r := range []io.Reader{
		strings.NewReader("abc"),
		iotest.OneByteReader(strings.NewReader("abc")),
		iotest.DataErrReader(strings.NewReader("abc")),
	} {
		ds, err := hallmark.Hash(r, algorithms...)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(ds); !slices.Equal(got, all) {
			t.Errorf("Hash by %v:\ngot  %v\nwant %v", algorithms, got, all)
		}
	}

	ds, err := hallmark.Hash(strings.NewReader("abc"))
	if err != nil || len(ds) != 1 || ds[0].String() != abcSHA256 {
		t.Errorf("Hash by no algorithm: %v, %v", ds, err)
	}
}

func TestHashRefuses(t *testing.T) {
	for _, test := range []struct {
		algorithms []string
		want       string
	}{
		{[]string{"md5"}, `hallmark: cannot compute a digest by "md5"`},
		{[]string{"sha256", "gitCommit"}, `hallmark: cannot compute a digest by "gitCommit"`},
		{[]string{""}, `hallmark: cannot compute a digest by ""`},
		{[]string{"SHA256"}, `hallmark: cannot compute a digest by "SHA256"`},
		{[]string{"sha256", "sha1", "sha256"}, `hallmark: digest by "sha256" is asked for twice`},
	} {
		_, err := hallmark.Hash(strings.NewReader(""), test.algorithms...)
		wantError(t, fmt.Sprintf("Hash by %v", test.algorithms), err, test.want)
		_, err = hallmark.HashFile("absent", test.algorithms...)
		wantError(t, fmt.Sprintf("HashFile by %v", test.algorithms), err, test.want)
		_, err = hallmark.HashFiles(t.Context(), nil, hallmark.HashOptions{Algorithms: test.algorithms})
		wantError(t, fmt.Sprintf("HashFiles by %v", test.algorithms), err, test.want)
	}

	broken := errors.New("broken")
	ds, err := hallmark.Hash(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	if ds != nil || !errors.Is(err, broken) {
		t.Errorf("Hash of a reader that breaks: %v, %v", ds, err)
	}
}

func TestHashFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.bin")
	writeFile(t, path, "abc")
	a, err := hallmark.HashFile(path, "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := texts(a.Digests), []string{abcSHA256, abcSHA512}; a.Name != "app.bin" || !slices.Equal(got, want) {
		t.Errorf("HashFile: %q %v, want app.bin %v", a.Name, got, want)
	}
	if got := a.Digest("sha512").String(); got != abcSHA512 {
		t.Errorf("Digest(sha512) is %s", got)
	}
	if got := a.Digest("sha1"); !got.IsZero() {
		t.Errorf("Digest(sha1) is %s, want the zero Digest", got)
	}

	link, loop := filepath.Join(dir, "link"), filepath.Join(dir, "loop")
	if err := errors.Join(os.Symlink(path, link), os.Symlink(loop, loop)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ path, want string }{
		{dir, "hash " + dir + ": not a regular file (d---------)"},
		{link, "hash " + link + ": not a regular file (L---------)"},
		{loop, "hash " + loop + ": not a regular file (L---------)"},
	} {
		_, err := hallmark.HashFile(test.path)
		wantError(t, "HashFile", err, test.want)
	}
	if _, err := hallmark.HashFile(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("HashFile of a file that is not there: %v", err)
	}
}

func TestHashFiles(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	var total int64
	for i := range 40 {
		path := filepath.Join(dir, fmt.Sprintf("file%02d", i))
		content := strings.Repeat("x", i*20_000)
		writeFile(t, path, content)
		paths = append(paths, path)
		total += int64(len(content))
	}
	for _, workers := range []int{0, 1, 3, 100} {
		var progress atomic.Int64
		as, err := hallmark.HashFiles(t.Context(), paths, hallmark.HashOptions{
			Algorithms: []string{"sha384", "sha256"},
			Workers:    workers,
			Progress:   func(n int64) { progress.Add(n) },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			want, err := hallmark.HashFile(path, "sha384", "sha256")
			if err != nil {
				t.Fatal(err)
			}
			if as[i].Name != want.Name || !slices.Equal(as[i].Digests, want.Digests) {
				t.Errorf("%d workers: file %d is %v, want %v", workers, i, as[i], want)
			}
		}
		if got := progress.Load(); got != total {
			t.Errorf("%d workers: progress of %d bytes, want %d", workers, got, total)
		}
	}

	as, err := hallmark.HashFiles(t.Context(), nil, hallmark.HashOptions{})
	if err != nil || len(as) != 0 {
		t.Errorf("HashFiles of none: %v, %v", as, err)
	}

	absent := filepath.Join(dir, "absent")
	as, err = hallmark.HashFiles(t.Context(), slices.Insert(slices.Clone(paths), 5, absent), hallmark.HashOptions{})
	if as != nil || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), absent) {
		t.Errorf("HashFiles with a file that is not there: %v, %v", as, err)
	}
}

func TestHashFilesCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, strings.Repeat("x", 4<<20))

	stopped := errors.New("the user has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	as, err := hallmark.HashFiles(ctx, []string{path}, hallmark.HashOptions{})
	if as != nil || !errors.Is(err, stopped) {
		t.Errorf("cancelled before: %v, %v", as, err)
	}

	// In the middle of the only file.
	ctx, cancel = context.WithCancelCause(t.Context())
	var calls atomic.Int64
	as, err = hallmark.HashFiles(ctx, []string{path}, hallmark.HashOptions{Progress: func(int64) {
		calls.Add(1)
		cancel(stopped)
	}})
	if as != nil || !errors.Is(err, stopped) || calls.Load() != 1 {
		t.Errorf("cancelled within: %v, %v after %d reads", as, err, calls.Load())
	}
}

// What changes under the reader is not a file with a digest.
func TestHashFilesChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer": func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("y"), 2<<20), 0o666)
		},
		"shorter": func(path string) error { return os.Truncate(path, 300<<10) },
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
	} {
		path := filepath.Join(t.TempDir(), "file")
		writeFile(t, path, strings.Repeat("x", 1<<20))
		var once sync.Once
		as, err := hallmark.HashFiles(t.Context(), []string{path}, hallmark.HashOptions{Progress: func(int64) {
			once.Do(func() {
				if err := change(path); err != nil {
					t.Error(err)
				}
			})
		}})
		if as != nil {
			t.Errorf("%s: %v", name, as)
		}
		wantError(t, name, err, "hash "+path+": the file changed while it was read")
	}
}

// P11: HashFiles, beside a bare loop that reads and hashes the same files, and
// SHA-256 of as many bytes in memory, all on all cores.
func BenchmarkHashFiles(b *testing.B) {
	const files, size = 16, 8 << 20
	dir := b.TempDir()
	content := bytes.Repeat([]byte("hallmark"), files*size/8)
	var paths []string
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, content[i*size:][:size], 0o666); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, path)
	}
	// everywhere calls hash for each file, from as many goroutines as run.
	everywhere := func(hash func(i int, buf []byte)) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				buf := make([]byte, 256<<10)
				for i := next.Add(1) - 1; i < files; i = next.Add(1) - 1 {
					hash(int(i), buf)
				}
			})
		}
		wg.Wait()
	}
	b.Run("hallmark", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			if _, err := hallmark.HashFiles(b.Context(), paths, hallmark.HashOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			everywhere(func(i int, buf []byte) {
				f, err := os.Open(paths[i])
				if err != nil {
					b.Error(err)
					return
				}
				defer f.Close()
				h := sha256.New()
				if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buf); err != nil {
					b.Error(err)
				}
				h.Sum(nil)
			})
		}
	})
	b.Run("memory", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			everywhere(func(i int, _ []byte) { sha256.Sum256(content[i*size:][:size]) })
		}
	})
}

func ExampleHash() {
	ds, err := hallmark.Hash(strings.NewReader("abc"), "sha256", "sha1")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range ds {
		fmt.Println(d)
	}
	// Output:
	// sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	// sha1:a9993e364706816aba3e25717850c26c9cd0d89d
}

func ExampleHashFile() {
	app, err := hallmark.HashFile("testdata/app")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(app.Name, app.Digest("sha256"))
	fmt.Println("no SHA-512:", app.Digest("sha512").IsZero())
	// Output:
	// app sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	// no SHA-512: true
}

func ExampleHashFiles() {
	var hashed atomic.Int64
	artifacts, err := hallmark.HashFiles(context.Background(), []string{"testdata/lib", "testdata/app"}, hallmark.HashOptions{
		Progress: func(bytes int64) { hashed.Add(bytes) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range artifacts {
		fmt.Println(a.Name, a.Digest("sha256"))
	}
	fmt.Println(hashed.Load(), "bytes")
	// Output:
	// lib sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	// app sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
	// 3 bytes
}

func texts(ds []hallmark.Digest) []string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	return all
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %q", what, want)
	} else if err.Error() != want {
		t.Errorf("%s:\ngot  %s\nwant %s", what, err, want)
	}
}
