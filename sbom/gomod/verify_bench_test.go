package gomod

import (
	"archive/zip"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// BenchmarkVerify hashes all modules of this repository's go.sum files that the module cache has, with as many workers as Verify: Verify itself,
// and a bare loop that reads and hashes the same files.
func BenchmarkVerify(b *testing.B) {
	places, err := Locate("", os.Getenv)
	if err != nil {
		b.Skip(err)
	}
	d := &sbom.Document{Main: sbom.Component{Ref: "main", Name: "main", Type: sbom.Application, Scope: sbom.Runtime}}
	seen := make(map[string]bool)
	var found []*verification
	var size int64
	for _, name := range []string{"go.sum", "examples/go.sum", "internal/conformance/go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			c, err := moduleUse{path: f[0], version: f[1], sum: f[2]}.component()
			v := &verification{path: f[0], version: f[1]}
			if err != nil || seen[c.Ref] || !v.locate(places.ModCache) {
				continue
			}
			seen[c.Ref] = true
			info, err := os.Stat(v.zip)
			if err != nil {
				continue
			}
			v.size = info.Size()
			z, err := zip.OpenReader(v.zip)
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range z.File {
				size += int64(f.UncompressedSize64)
			}
			z.Close()
			if _, err := os.Stat(v.dir); err == nil {
				fs.WalkDir(os.DirFS(v.dir), ".", func(_ string, e fs.DirEntry, _ error) error {
					if info, err := e.Info(); err == nil && !e.IsDir() {
						size += info.Size()
					}
					return nil
				})
			}
			found = append(found, v)
			d.Components = append(d.Components, c)
		}
	}
	if err := d.Sort(); err != nil {
		b.Fatal(err)
	}

	b.Run("verify", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if err := Verify(b.Context(), d, VerifyOptions{ModCache: places.ModCache}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(found)), "modules")
	})
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			var next atomic.Int64
			var wg sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				wg.Go(func() {
					h, buf := sha256.New(), make([]byte, 256<<10)
					for i := int(next.Add(1)) - 1; i < len(found); i = int(next.Add(1)) - 1 {
						if err := bare(found[i], h, buf); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		}
	})
}

func bare(v *verification, h io.Writer, buf []byte) error {
	z, err := zip.OpenReader(v.zip)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		if _, err := io.CopyBuffer(h, r, buf); err != nil {
			return err
		}
		r.Close()
	}
	return filepath.WalkDir(v.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // a directory that is not there has no files
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, buf) // not f's own WriteTo, which has a small buffer
		return err
	})
}
