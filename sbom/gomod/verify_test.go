package gomod

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// zipOf returns the zip of a module with files of these contents.
func zipOf(t testing.TB, m string, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i, content := range files {
		f, err := w.Create(fmt.Sprintf("%s/%d/f.go", m, i))
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A cache is a module cache, and the Document of a program that is made of the
// modules in it.
type cache struct {
	t   testing.TB
	dir string
	d   *sbom.Document
}

func newCache(t testing.TB) *cache {
	return &cache{t, t.TempDir(), &sbom.Document{
		Main: sbom.Component{Ref: "main", Name: "example.com/main", Version: "v1.0.0", Type: sbom.Application, Scope: sbom.Runtime},
	}}
}

func (c *cache) write(name string, data []byte) {
	c.t.Helper()
	name = filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		c.t.Fatal(err)
	}
}

// add adds a module with a file of each content, in the forms asked for: "zip",
// "dir" and "mod". The judge of its sum is x/mod.
func (c *cache) add(path, version, forms string, files ...string) *sbom.Component {
	c.t.Helper()
	m := path + "@" + version
	data := zipOf(c.t, m, files...)
	scratch := filepath.Join(c.t.TempDir(), "m.zip")
	if err := os.WriteFile(scratch, data, 0o666); err != nil {
		c.t.Fatal(err)
	}
	sum, err := dirhash.HashZip(scratch, dirhash.Hash1)
	if err != nil {
		c.t.Fatal(err)
	}
	escaped, err := modpath.EscapePath(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.Contains(forms, "zip") {
		c.write("cache/download/"+escaped+"/@v/"+version+".zip", data)
	}
	if strings.Contains(forms, "mod") {
		c.write("cache/download/"+escaped+"/@v/"+version+".mod", []byte("module "+path+"\n"))
	}
	if strings.Contains(forms, "dir") {
		for i, content := range files {
			c.write(fmt.Sprintf("%s@%s/%d/f.go", escaped, version, i), []byte(content))
		}
	}
	component, err := moduleUse{path: path, version: version, sum: sum}.component()
	if err != nil {
		c.t.Fatal(err)
	}
	c.d.Components = append(c.d.Components, component)
	if err := c.d.Sort(); err != nil {
		c.t.Fatal(err)
	}
	return c.d.Component(component.Ref)
}

func (c *cache) verify(o VerifyOptions) error {
	c.t.Helper()
	o.ModCache = c.dir
	return Verify(c.t.Context(), c.d, o)
}

// levels returns what is said of each component: its name, its level, and why it
// is no higher.
func (c *cache) levels() []string {
	var all []string
	for _, x := range c.d.All() {
		words := append([]string{x.Name, string(x.Verification)}, propertyValues(x, "unverified")...)
		all = append(all, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	return all
}

func propertyValues(c *sbom.Component, name string) (values []string) {
	for _, p := range c.Properties {
		if p.Name == name {
			values = append(values, p.Value)
		}
	}
	return values
}

// A database has the sums of modules by path, and of their go.mod files.
type database map[string][2]string

func (db database) Verify(_ context.Context, path, version, sum, goModSum string) error {
	has, ok := db[path]
	switch {
	case !ok:
		return fmt.Errorf("%s@%s: %w", path, version, fs.ErrNotExist)
	case has[0] != sum || goModSum != "" && has[1] != goModSum:
		return fmt.Errorf("database: %s@%s: %s and %s are wrong", path, version, sum, goModSum)
	}
	return nil
}

func TestVerify(t *testing.T) {
	c := newCache(t)
	files := []string{"package f", "", strings.Repeat("large ", 1<<18)}
	sums := make(database)
	for _, path := range []string{"example.com/a", "github.com/Upper/Case", "example.com/gone"} {
		forms := "zip dir mod"
		if path == "example.com/gone" {
			forms = ""
		}
		mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("module " + path + "\n")), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sums[path] = [2]string{c.add(path, "v1.0.0", forms, files...).Digests[0].H1(), mod}
	}
	c.add("example.com/dir", "v1.0.0", "dir", files...)
	c.add("example.com/zip", "v1.0.0", "zip", files...)
	c.add("example.com/partial", "v1.0.0", "zip dir", files...)
	c.write("cache/download/example.com/partial/@v/v1.0.0.partial", nil)
	c.write("example.com/partial@v1.0.0/0/f.go", []byte("half of it"))
	c.add("example.com/nosum", "v1.0.0", "zip", files...).Digests = nil
	c.d.Components = append(
		c.d.Components, stdlib("go1.26.8"), toolchain("go1.26.8", "linux-amd64"),
		sbom.Component{Ref: "d", Name: "example.com/d", Type: sbom.Library, Scope: sbom.Runtime, Properties: []sbom.Property{{Name: "origin", Value: "directory"}}},
		sbom.Component{Ref: "v", Name: "example.com/v", Version: "v1.0.0", PURL: PURL("example.com/v", "v1.0.0"), Type: sbom.Library, Scope: sbom.Runtime, Properties: []sbom.Property{{Name: "origin", Value: "vendor"}}},
		sbom.Component{Ref: "npm", Name: "npm", Version: "v1.0.0", PURL: "pkg:npm/npm@v1.0.0", Type: sbom.Library, Scope: sbom.Runtime, Digests: c.d.Components[0].Digests},
	)
	odd, err := moduleUse{path: "../../escape", version: "v1.0.0", sum: sums["example.com/a"][0]}.component()
	if err != nil {
		t.Fatal(err)
	}
	c.d.Components = append(c.d.Components, odd)
	if err := c.d.Sort(); err != nil {
		t.Fatal(err)
	}

	var calls []string
	o := VerifyOptions{Progress: func(done, total int) { calls = append(calls, fmt.Sprint(done, "/", total)) }}
	for _, tt := range []struct {
		database Database
		base     string
		want     []string
	}{
		{nil, "", []string{
			"example.com/main", "example.com/d", "npm",
			"../../escape listed not in the module cache",
			"example.com/a recomputed",
			"example.com/dir recomputed",
			"example.com/gone listed not in the module cache",
			"example.com/nosum no sum is recorded",
			"example.com/partial recomputed",
			"example.com/zip recomputed",
			"github.com/Upper/Case recomputed",
			"golang.org/toolchain no sum is recorded", "stdlib", "example.com/v",
		}},
		{sums, "https://modules.example/go/", []string{
			"example.com/main", "example.com/d", "npm",
			"../../escape listed not in the module cache",
			"example.com/a included",
			"example.com/dir recomputed not in the cache of the checksum database",
			"example.com/gone listed not in the module cache",
			"example.com/nosum no sum is recorded",
			"example.com/partial recomputed not in the cache of the checksum database",
			"example.com/zip recomputed not in the cache of the checksum database",
			"github.com/Upper/Case included",
			"golang.org/toolchain not in the module cache", "stdlib", "example.com/v",
		}},
	} {
		calls = nil
		o.Database, o.DistributionBase = tt.database, tt.base
		if err := c.verify(o); err != nil {
			t.Fatal(err)
		}
		got := c.levels()
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
		want := []string{"1/7", "2/7", "3/7", "4/7", "5/7", "6/7", "7/7"}
		if tt.database != nil { // which is asked about the toolchain too
			want = []string{"1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8"}
		}
		if !slices.Equal(calls, want) {
			t.Errorf("progress %v, want %v", calls, want)
		}
		for _, x := range c.d.All() {
			hasZip := slices.Contains([]string{"example.com/a", "example.com/partial", "example.com/zip", "github.com/Upper/Case"}, x.Name)
			if (x.Distribution != nil) != (hasZip && tt.base != "") {
				t.Errorf("%s: distribution %+v", x.Name, x.Distribution)
			}
		}
	}

	f := c.d.Component(PURL("github.com/Upper/Case", "v1.0.0")).Distribution
	a, err := hallmark.HashFile(filepath.Join(c.dir, "cache", "download", "github.com", "!upper", "!case", "@v", "v1.0.0.zip"), "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	if want := (&sbom.Distribution{
		Path:    "github.com/!upper/!case/@v/v1.0.0.zip",
		URL:     "https://modules.example/go/github.com/!upper/!case/@v/v1.0.0.zip",
		Digests: a.Digests,
	}); !reflect.DeepEqual(f, want) {
		t.Errorf("distribution %+v, want %+v", f, want)
	}
}

// The toolchain's sum is in no go.sum: only a database can say whether what the
// module cache has is the toolchain.
func TestVerifyToolchain(t *testing.T) {
	const path, version = "golang.org/toolchain", "v0.0.1-go1.26.8.linux-amd64"
	const zipFile, dir = "cache/download/" + path + "/@v/" + version + ".zip", path + "@" + version
	const goMod = "module std\n"
	// pack writes the toolchain as the go command has it before it is used, or after it.
	pack := func(c *cache, used bool) {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for _, name := range []string{"VERSION", "bin/go", "src/_go.mod", "src/cmd/_go.mod"} {
			f, err := w.Create(dir + "/" + name)
			if err == nil {
				_, err = io.WriteString(f, goMod)
			}
			if err != nil {
				t.Fatal(err)
			}
			c.write(dir+"/"+name, []byte(goMod))
			if d, ok := strings.CutSuffix(name, "_go.mod"); ok && used {
				c.write(dir+"/"+d+"go.mod", []byte(goMod))
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c.write(zipFile, buf.Bytes())
		c.write("cache/download/"+path+"/@v/"+version+".mod", []byte("module golang.org/toolchain\n"))
	}
	judge := newCache(t)
	pack(judge, false)
	sum, err := dirhash.HashZip(filepath.Join(judge.dir, filepath.FromSlash(zipFile)), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := goModSum(filepath.Join(judge.dir, "cache", "download", "golang.org", "toolchain", "@v", version+".mod"))
	if err != nil {
		t.Fatal(err)
	}
	db := database{path: {sum, mod}}

	for _, tt := range []struct {
		name     string
		database Database
		used     bool
		change   func(c *cache)
		want     string // the level and why it is no higher, or an error
		mismatch bool
	}{
		{"fresh", db, false, func(*cache) {}, "included", false},
		{"used", db, true, func(*cache) {}, "included", false},
		{"no zip", db, true, func(c *cache) { os.Remove(filepath.Join(c.dir, filepath.FromSlash(zipFile))) }, "included", false},
		{"no directory", db, false, func(c *cache) { os.RemoveAll(filepath.Join(c.dir, filepath.FromSlash(dir))) }, "included", false},
		{"nothing", db, false, func(c *cache) {
			os.RemoveAll(filepath.Join(c.dir, "golang.org"))
			os.RemoveAll(filepath.Join(c.dir, "cache"))
		}, "not in the module cache", false},
		{"no database", nil, true, func(*cache) {}, "no sum is recorded", false},
		{"no record", database{}, true, func(*cache) {}, "not in the cache of the checksum database", false},
		{"no record of what was tampered with", database{}, true, func(c *cache) { c.write(dir+"/bin/go", []byte("evil")) }, "MISMATCH", true},
		{"go.mod of its own", db, true, func(c *cache) { c.write(dir+"/src/go.mod", []byte("module evil\n")) }, "MISMATCH", true},
		{"go.mod elsewhere", db, true, func(c *cache) { c.write(dir+"/bin/go.mod", []byte(goMod)) }, "MISMATCH", true},
		{"file added", db, true, func(c *cache) { c.write(dir+"/src/x.go", nil) }, "MISMATCH", true},
		{"both tampered with", db, true, func(c *cache) {
			c.write(zipFile, zipOf(t, dir, "evil"))
			os.RemoveAll(filepath.Join(c.dir, "golang.org"))
		}, "database: golang.org/toolchain@" + version, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCache(t)
			pack(c, tt.used)
			tt.change(c)
			c.d.Components = append(c.d.Components, toolchain("go1.26.8", "linux-amd64"))
			if err := c.d.Sort(); err != nil {
				t.Fatal(err)
			}
			x := &c.d.Components[0]
			for range 2 { // the second time as the first
				err := c.verify(VerifyOptions{Database: tt.database, DistributionBase: "https://modules.example"})
				if e, ok := errors.AsType[*MismatchError](err); ok != tt.mismatch || ok && (e.File != dir || e.Want != sum) {
					t.Errorf("got %v", err)
				}
				if err != nil {
					if !tt.mismatch && !strings.Contains(err.Error(), tt.want) {
						t.Errorf("got %v, want %q", err, tt.want)
					}
					if len(x.Digests) > 0 {
						t.Error("it has a digest")
					}
					continue
				}
				got := strings.Join(append(propertyValues(x, "unverified"), string(x.Verification)), "")
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				included := x.Verification == sbom.Included
				if (len(x.Digests) == 1 && x.Digests[0].H1() == sum) != included || len(x.Digests) > 1 || x.Distribution != nil && !included {
					t.Errorf("digests %v, distribution %v", x.Digests, x.Distribution)
				}
				if err := c.d.Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A module cache that was changed, and a database that knows better, are errors,
// of which each names its module, and nothing is said about any.
func TestVerifyMismatch(t *testing.T) {
	const zipFile, dirFile = "cache/download/example.com/a/@v/v1.0.0.zip", "example.com/a@v1.0.0/0/f.go"
	for _, tt := range []struct {
		name     string
		change   func(c *cache)
		mismatch string // File of the MismatchError
		want     string
	}{
		{"file changed", func(c *cache) { c.write(dirFile, []byte("package g")) }, "example.com/a@v1.0.0", ""},
		{"file added", func(c *cache) { c.write("example.com/a@v1.0.0/0/zz.go", nil) }, "example.com/a@v1.0.0", ""},
		{"file removed", func(c *cache) { os.Remove(filepath.Join(c.dir, filepath.FromSlash(dirFile))) }, "example.com/a@v1.0.0", ""},
		{"file renamed", func(c *cache) {
			os.Rename(filepath.Join(c.dir, filepath.FromSlash(dirFile)), filepath.Join(c.dir, "example.com", "a@v1.0.0", "0", "F.go"))
		}, "example.com/a@v1.0.0", ""},
		{"zip of others", func(c *cache) { c.write(zipFile, zipOf(c.t, "example.com/a@v1.0.0", "package g")) }, zipFile, ""},
		{"zip of another version", func(c *cache) { c.write(zipFile, zipOf(c.t, "example.com/a@v1.0.1", "package f", "more")) }, zipFile, ""},
		{"zip with names twice", func(c *cache) {
			var buf bytes.Buffer
			w := zip.NewWriter(&buf)
			for range 2 {
				if _, err := w.Create("example.com/a@v1.0.0/0/f.go"); err != nil {
					c.t.Fatal(err)
				}
			}
			w.Close()
			c.write(zipFile, buf.Bytes())
		}, "", `zip in the module cache: malformed zip: "example.com/a@v1.0.0/0/f.go": the name occurs twice`},
		{"zip with a line break", func(c *cache) {
			var buf bytes.Buffer
			w := zip.NewWriter(&buf)
			if _, err := w.Create("a\nb"); err != nil {
				c.t.Fatal(err)
			}
			w.Close()
			c.write(zipFile, buf.Bytes())
		}, "", `"a\nb": a line break in the name`},
		{"no zip", func(c *cache) { c.write(zipFile, []byte("PK")) }, "", "zip in the module cache: malformed zip: zip: not a valid zip file"},
		{"zip is a directory", func(c *cache) {
			os.Remove(filepath.Join(c.dir, filepath.FromSlash(zipFile)))
			c.write(zipFile+"/x", nil)
		}, "", "zip in the module cache: not a regular file"},
		{"link", func(c *cache) {
			if runtime.GOOS == "windows" {
				c.t.Skip("links need a privilege on Windows")
			}
			name := filepath.Join(c.dir, filepath.FromSlash(dirFile))
			if err := errors.Join(os.Rename(name, name+".real"), os.Rename(name+".real", filepath.Join(c.dir, "elsewhere")), os.Symlink(filepath.Join(c.dir, "elsewhere"), name)); err != nil {
				c.t.Fatal(err)
			}
		}, "", "0/f.go: not a regular file"},
		{"go.sum", func(c *cache) {
			d, err := hallmark.ParseDigest("dirHash:" + strings.Repeat("0", 64))
			if err != nil {
				c.t.Fatal(err)
			}
			c.d.Component(PURL("example.com/a", "v1.0.0")).Digests[0] = d
		}, zipFile, ""},
		{"go.mod", func(c *cache) { c.write("cache/download/example.com/a/@v/v1.0.0.mod", []byte("module x\n")) }, "", "database: example.com/a@v1.0.0"},
		{"large go.mod", func(c *cache) {
			c.write("cache/download/example.com/a/@v/v1.0.0.mod", make([]byte, maxGoMod+1))
		}, "", "v1.0.0.mod in the module cache: larger than 16777216 bytes"},
		{"not in the cache, and wrong", func(c *cache) {
			os.RemoveAll(filepath.Join(c.dir, "cache"))
			os.RemoveAll(filepath.Join(c.dir, "example.com", "a@v1.0.0"))
			c.d.Component(PURL("example.com/a", "v1.0.0")).Digests = c.d.Component(PURL("example.com/b", "v1.0.0")).Digests
		}, "", "database: example.com/a@v1.0.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCache(t)
			sum := c.add("example.com/a", "v1.0.0", "zip dir mod", "package f", "more").Digests[0].H1()
			c.add("example.com/b", "v1.0.0", "zip", "package b")
			mod, err := goModSum(filepath.Join(c.dir, "cache/download/example.com/a/@v/v1.0.0.mod"))
			if err != nil {
				t.Fatal(err)
			}
			o := VerifyOptions{Database: database{"example.com/a": {sum, mod}}}
			tt.change(c)
			before := *c.d
			before.Components = slices.Clone(c.d.Components)
			err = c.verify(o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			e, ok := errors.AsType[*MismatchError](err)
			if ok != (tt.mismatch != "") || ok && (e.File != tt.mismatch || e.Path != "example.com/a" || e.Got == e.Want || !strings.Contains(err.Error(), e.Got) || !strings.Contains(err.Error(), e.Want)) {
				t.Errorf("got %#v, want a MismatchError of %q", err, tt.mismatch)
			}
			if !reflect.DeepEqual(c.d, &before) {
				t.Errorf("the Document was changed: %+v", c.d)
			}
		})
	}
}

func TestVerifySeveralFaults(t *testing.T) {
	c := newCache(t)
	for _, path := range []string{"example.com/c", "example.com/a", "example.com/b"} {
		c.add(path, "v1.0.0", "zip", "package f")
		if path != "example.com/b" {
			c.write("cache/download/"+path+"/@v/v1.0.0.zip", nil)
		}
	}
	err := c.verify(VerifyOptions{})
	want := `gomod: verify: module example.com/a@v1.0.0: cache/download/example.com/a/@v/v1.0.0.zip in the module cache: malformed zip: zip: not a valid zip file
module example.com/c@v1.0.0: cache/download/example.com/c/@v/v1.0.0.zip in the module cache: malformed zip: zip: not a valid zip file`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestVerifyOptions(t *testing.T) {
	c := newCache(t)
	c.add("example.com/a", "v1.0.0", "zip", "package f")
	if err := Verify(t.Context(), c.d, VerifyOptions{}); err == nil {
		t.Error("no ModCache, and no error")
	}
	for _, base := range []string{"modules.example", "https://", "//modules.example", "https://me:secret@modules.example", "https://modules.example?x=secret", "https://modules.example/#secret", "https://modules.example/ secret", "https://secret\x00"} {
		if err := c.verify(VerifyOptions{DistributionBase: base}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", base, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Verify(ctx, c.d, VerifyOptions{ModCache: c.dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.d.Phase = "dreams"
	if err := c.verify(VerifyOptions{}); err == nil || !strings.Contains(err.Error(), `phase "dreams"`) {
		t.Errorf("no Document: %v", err)
	}
}

// Every bit of a zip that is flipped changes the module or is only of its
// packing; x/mod says which.
func TestVerifyFlippedByte(t *testing.T) {
	c := newCache(t)
	want := c.add("example.com/a", "v1.0.0", "zip", strings.Repeat("package f\n", 20), "x").Digests[0].H1()
	name := filepath.Join(c.dir, "cache", "download", "example.com", "a", "@v", "v1.0.0.zip")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	caught := 0
	for at := range data {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1
		if err := os.WriteFile(name, flipped, 0o666); err != nil {
			t.Fatal(err)
		}
		sum, err := dirhash.HashZip(name, dirhash.Hash1)
		same := err == nil && sum == want
		if got := c.verify(VerifyOptions{}) == nil; got != same {
			t.Errorf("byte %d of %d: verified %t, want %t (%s, %v)", at, len(data), got, same, sum, err)
		}
		if !same {
			caught++
		}
	}
	if caught < len(data)/2 {
		t.Errorf("%d of %d bytes are of the module", caught, len(data))
	}
}

func TestHasherBounds(t *testing.T) {
	h := newHasher(t.Context())
	h.left = 10
	if err := h.add("a", strings.NewReader("123456")); err != nil {
		t.Error(err)
	}
	if err := h.add("b", strings.NewReader("12345")); err == nil || !strings.Contains(err.Error(), "bytes in all files") {
		t.Errorf("small file: %v", err)
	}
	h.reset()
	h.left = int64(len(h.buf)) + 10
	if err := h.add("c", bytes.NewReader(make([]byte, 2*len(h.buf)))); err == nil || !strings.Contains(err.Error(), "bytes in all files") {
		t.Errorf("large file: %v", err)
	}
	h.reset()
	for i := range maxZipFiles {
		h.lines[fmt.Sprint(i)] = [32]byte{}
	}
	if err := h.add("d", strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "more than 500000 files") {
		t.Errorf("files: %v", err)
	}
}

// FuzzVerifyZip holds what is computed of a zip against x/mod. What is refused
// here and not there has a reason.
func FuzzVerifyZip(f *testing.F) {
	f.Add(zipOf(f, "example.com/a@v1.0.0", "package f", ""))
	f.Add(zipOf(f, "", strings.Repeat("a", 1000)))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	name := filepath.Join(f.TempDir(), "a.zip")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		h := newHasher(t.Context())
		sum, err := h.zip(file)
		want, judgeErr := dirhash.HashZip(name, dirhash.Hash1)
		switch {
		case err == nil && (judgeErr != nil || sum != want):
			t.Errorf("sum %s, want %s, %v", sum, want, judgeErr)
		case err != nil && judgeErr == nil && !strings.Contains(err.Error(), "the name occurs twice"):
			t.Errorf("%v, and x/mod has the sum %s", err, want)
		}
	})
}
