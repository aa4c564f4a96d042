package conformance

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/mod/module"

	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModVendor lets the go command make vendor directories, from the modules of
// testdata/gomod/vendor-cases and testdata/gomod/proxy. What it has made, VerifyVendor must
// find to be what the modules have: the file "want" has each module, and how many
// files. Then each file is changed in each way, and things are added at each place:
// that one difference must be found, under the right module.
func TestGoModVendor(t *testing.T) {
	proxy := goproxytest.NewTestServer(t, filepath.Join("testdata", "gomod", "proxy"), "")
	modcache := t.TempDir()
	files, err := filepath.Glob(filepath.Join("testdata", "gomod", "vendor-cases", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := prepare(t, file, proxy.URL, modcache)
			c.env["GOPROXY"] = "off"
			vendor := filepath.Join(c.app, "vendor")
			if c.env["GOWORK"] == "" {
				vendor = filepath.Join(c.dir, "vendor")
			}
			if lib := filepath.Join(c.dir, "lib", "pkg"); strings.HasPrefix(filepath.Base(file), "replace") {
				// The first is passed over. What the second one embeds is copied.
				for name, to := range map[string]string{"link.c": "lib.go", "link.go": filepath.Join("..", "linked"), filepath.Join("data", "link"): "f"} {
					if err := os.Symlink(to, filepath.Join(lib, name)); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(filepath.Join(lib, "..", "linked"), []byte("package pkg\n\nimport _ \"embed\"\n\n//go:embed sub/f\nvar f string\n"), 0o666); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(filepath.Join(lib, "sub"), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(lib, "sub", "f"), nil, 0o666); err != nil {
					t.Fatal(err)
				}
				runGo(t, c.app, c.env, "mod", "vendor")
			}
			verify := func() []gomod.VendoredModule {
				t.Helper()
				list, err := gomod.VerifyVendor(t.Context(), c.app, gomod.VendorOptions{Getenv: getenv(c.env)})
				if err != nil {
					t.Fatal(err)
				}
				return list
			}

			before := treeDigest(t, c.dir)
			var got strings.Builder
			for _, m := range verify() {
				fmt.Fprintf(&got, "%s, %d files\n", m, m.Files)
			}
			if got.String() != c.want {
				t.Fatalf("got\n%s\nwant\n%s", got.String(), c.want)
			}
			if treeDigest(t, c.dir) != before {
				t.Fatal("files were changed")
			}

			// finds reports whether one difference is found, in a file of a module: that
			// of the package or of the module which has the longest path.
			text, err := os.ReadFile(filepath.Join(vendor, "modules.txt"))
			if err != nil {
				t.Fatal(err)
			}
			owners := map[string]string{"example.com/over/sub/NOTICE": "example.com/over"} // below the other one
			last := ""
			for line := range strings.Lines(string(text)) {
				f := strings.Fields(line)
				switch {
				case f[0] == "#":
					last = f[1]
				case f[0] != "##":
					owners[last], owners[f[0]] = cmp.Or(owners[last], last), last
				}
			}
			finds := func(kind, name string) {
				t.Helper()
				owner := ""
				for p := name; owner == "" && p != "."; p = path.Dir(p) {
					owner = owners[p]
				}
				var got []string
				for _, m := range verify() {
					for kind, list := range map[string][]string{"changed": m.Changed, "extra": m.Extra, "missing": m.Missing} {
						for _, name := range list {
							got = append(got, fmt.Sprintf("%s: %s %s", m.Path, kind, name))
						}
					}
				}
				if want := fmt.Sprintf("%s: %s %s", owner, kind, name); len(got) != 1 || got[0] != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			elsewhere := filepath.Join(t.TempDir(), "file")
			dirs := []string{".", "example.com/new", "new.example/module/new", "example.com/over/sub/deep/new"}
			err = filepath.WalkDir(vendor, func(name string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(vendor, name)
				do(err)
				rel = filepath.ToSlash(rel)
				if e.IsDir() {
					dirs = append(dirs, rel)
					return nil
				}
				if rel == "modules.txt" {
					return nil
				}
				data, err := os.ReadFile(name)
				do(err)
				flipped := append([]byte("x"), data...)
				if len(data) > 0 {
					flipped = slices.Clone(data)
					flipped[len(data)/2] ^= 1
				}
				do(os.WriteFile(name, flipped, 0o666))
				finds("changed", rel)
				do(os.Remove(name))
				finds("missing", rel)
				do(os.WriteFile(elsewhere, data, 0o666))
				do(os.Symlink(elsewhere, name))
				finds("changed", rel)
				do(os.Remove(name))
				do(os.WriteFile(name, data, 0o666))
				return nil
			})
			do(err)
			for _, dir := range dirs {
				_, err := os.Stat(filepath.Join(vendor, filepath.FromSlash(dir)))
				isNew := err != nil
				do(os.MkdirAll(filepath.Join(vendor, filepath.FromSlash(dir)), 0o777))
				for _, base := range []string{"zz.go", "zz_test.go", ".zz", "LICENSE.zz", "vendor", "modules.txt.zz"} {
					rel := path.Join(dir, base)
					name := filepath.Join(vendor, filepath.FromSlash(rel))
					do(os.WriteFile(name, []byte("package zz\n"), 0o666))
					finds("extra", rel)
					do(os.Remove(name))
				}
				rel := path.Join(dir, "zz")
				for _, to := range []string{elsewhere, t.TempDir(), "nowhere", "."} {
					name := filepath.Join(vendor, filepath.FromSlash(rel))
					do(os.Symlink(to, name))
					finds("extra", rel)
					do(os.Remove(name))
				}
				if isNew {
					do(os.Remove(filepath.Join(vendor, filepath.FromSlash(dir))))
				}
			}
			for _, m := range verify() {
				if !m.Clean() {
					t.Errorf("as it was: %s", m)
				}
			}
		})
	}
}

// Where the go command runs without cgo, it does not copy what a package embeds
// with cgo only. Both are right.
func TestGoModVendorCgo(t *testing.T) {
	proxy := goproxytest.NewTestServer(t, filepath.Join("testdata", "gomod", "proxy"), "")
	c := prepare(t, filepath.Join("testdata", "gomod", "vendor-cases", "plain.txtar"), proxy.URL, t.TempDir())
	optional := filepath.Join(c.app, "vendor", "example.com", "rich", "cgo", "data", "with-cgo")
	for _, cgo := range []string{"0", "1"} {
		c.env["CGO_ENABLED"] = cgo
		runGo(t, c.app, c.env, "mod", "vendor")
		if _, err := os.Stat(optional); (err == nil) != (cgo == "1") {
			t.Errorf("CGO_ENABLED=%s: %v", cgo, err)
		}
		list, err := gomod.VerifyVendor(t.Context(), c.app, gomod.VendorOptions{Getenv: getenv(c.env)})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if !m.Clean() {
				t.Errorf("CGO_ENABLED=%s: %s", cgo, m)
			}
		}
	}
	if err := os.WriteFile(optional, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	list, err := gomod.VerifyVendor(t.Context(), c.app, gomod.VendorOptions{Getenv: getenv(c.env)})
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(list, func(m gomod.VendoredModule) bool {
		return m.Path == "example.com/rich" && slices.Equal(m.Changed, []string{"example.com/rich/cgo/data/with-cgo"})
	})
	if !found {
		t.Errorf("a file that need not be there was changed: %s", list)
	}
}

// BenchmarkGoModVendor vendors a module that needs more than 200 others, with the user's
// GOPROXY, and compares VerifyVendor with a bare loop that reads and hashes the
// same zips and files, in turn.
func BenchmarkGoModVendor(b *testing.B) {
	const name = "github.com/prometheus/prometheus@v0.305.0"
	env := map[string]string{"GOFLAGS": "", "GOWORK": "off"}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(runGo(b, b.TempDir(), env, "mod", "download", "-json", name), &downloaded); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := os.CopyFS(dir, os.DirFS(downloaded.Dir)); err != nil {
		b.Fatal(err)
	}
	runGo(b, dir, env, "mod", "vendor")
	modCache := strings.TrimSpace(string(runGo(b, dir, env, "env", "GOMODCACHE")))

	var verify, bare time.Duration
	files := 0
	for b.Loop() {
		start := time.Now()
		list, err := gomod.VerifyVendor(b.Context(), dir, gomod.VendorOptions{Getenv: getenv(env)})
		if err != nil {
			b.Fatal(err)
		}
		verify += time.Since(start)

		files = 0
		var work []func(io.Writer, []byte) error
		for _, m := range list {
			if !m.Clean() {
				b.Error(m)
			}
			files += m.Files
			p, err := module.EscapePath(m.Path)
			if err != nil {
				b.Fatal(err)
			}
			work = append(work, func(w io.Writer, buf []byte) error {
				z, err := zip.OpenReader(filepath.Join(modCache, "cache", "download", filepath.FromSlash(p), "@v", m.Version+".zip"))
				if err != nil {
					return err
				}
				defer z.Close()
				for _, f := range z.File {
					r, err := f.Open()
					if err != nil {
						return err
					}
					if _, err := io.CopyBuffer(w, r, buf); err != nil {
						return err
					}
					r.Close()
				}
				return nil
			})
		}
		start = time.Now()
		err = filepath.WalkDir(filepath.Join(dir, "vendor"), func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				work = append(work, func(w io.Writer, buf []byte) error {
					f, err := os.Open(name)
					if err != nil {
						return err
					}
					defer f.Close()
					_, err = io.CopyBuffer(w, struct{ io.Reader }{f}, buf)
					return err
				})
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				h, buf := sha256.New(), make([]byte, 256<<10)
				for i := int(next.Add(1)) - 1; i < len(work); i = int(next.Add(1)) - 1 {
					if err := work[i](h, buf); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
		bare += time.Since(start)
	}
	b.ReportMetric(float64(files), "files")
	b.ReportMetric(float64(verify)/float64(bare), "VerifyVendor/bare")
	b.ReportMetric(float64(verify.Milliseconds())/float64(b.N), "ms/VerifyVendor")
	b.ReportMetric(float64(bare.Milliseconds())/float64(b.N), "ms/bare")
}
