package gomod

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	gobuild "go/build"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/dirhash"
)

// A vendorFixture is a module with a vendor directory that is as it should be, and a
// module cache.
type vendorFixture struct {
	*cache
	root, sum string
	env       []string
}

func newVendorFixture(t testing.TB) *vendorFixture {
	f := &vendorFixture{cache: newCache(t), env: []string{"GOWORK=off"}}
	f.sum = f.add("example.com/a", "v1.0.0", "zip dir", "package a", "package b").Digests[0].H1()
	f.root = writeFiles(t,
		"app/go.mod", "module example.com/app\n\ngo 1.25.0\n\nrequire (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0\n)\n\nreplace example.com/b => ../b\n",
		"app/go.sum", "example.com/a v1.0.0 "+f.sum+"\n",
		"app/vendor/modules.txt", "# example.com/a v1.0.0\n## explicit\nexample.com/a/0\nexample.com/a/1\n# example.com/b v1.0.0 => ../b\n## explicit\nexample.com/b\n# example.com/b => ../b\n",
		"app/vendor/example.com/a/0/f.go", "package a",
		"app/vendor/example.com/a/1/f.go", "package b",
		"app/vendor/example.com/b/b.go", "package b\n",
		"b/go.mod", "module example.com/b\n",
		"b/b.go", "package b\n",
	)
	return f
}

// put writes a file of the fixture.
func (f *vendorFixture) put(name, text string) {
	f.t.Helper()
	name = filepath.Join(f.root, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666)); err != nil {
		f.t.Fatal(err)
	}
}

// edit replaces a text that a file of the fixture has.
func (f *vendorFixture) edit(name, from, to string) {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.root, filepath.FromSlash(name)))
	if err != nil || !strings.Contains(string(data), from) {
		f.t.Fatalf("%s: no %q: %v", name, from, err)
	}
	f.put(name, strings.Replace(string(data), from, to, 1))
}

// remove removes a file or directory of the fixture, or of its module cache.
func (f *vendorFixture) remove(name string) {
	f.t.Helper()
	for _, dir := range []string{f.root, f.dir} {
		if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *vendorFixture) link(to, name string) {
	f.t.Helper()
	if runtime.GOOS == "windows" {
		f.t.Skip("links need a privilege on Windows")
	}
	f.remove(name)
	if err := os.Symlink(to, filepath.Join(f.root, filepath.FromSlash(name))); err != nil {
		f.t.Fatal(err)
	}
}

// malformed puts a zip with a file of that name into the cache, and its sum into
// go.sum.
func (f *vendorFixture) malformed(name string) {
	f.t.Helper()
	const file = "cache/download/example.com/a/@v/v1.0.0.zip"
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	_, err := w.Create(name)
	if err := errors.Join(err, w.Close()); err != nil {
		f.t.Fatal(err)
	}
	f.write(file, buf.Bytes())
	sum, err := dirhash.HashZip(filepath.Join(f.dir, filepath.FromSlash(file)), dirhash.Hash1)
	if err != nil {
		f.t.Fatal(err)
	}
	f.edit("app/go.sum", f.sum, sum)
}

func TestVerifyVendor(t *testing.T) {
	const zipFile, dir = "cache/download/example.com/a/@v/v1.0.0.zip", "example.com/a@v1.0.0"
	const a, b = "example.com/a@v1.0.0: ", "example.com/b@v1.0.0 => ../b: "
	clean := []string{a + "ok", b + "ok"}
	for _, tt := range []struct {
		name   string
		change func(f *vendorFixture)
		want   []string // lines, or an error if there is one only
	}{
		{"clean", func(*vendorFixture) {}, clean},
		{"no zip", func(f *vendorFixture) { f.remove(zipFile) }, clean},
		{"no directory", func(f *vendorFixture) { f.remove(dir) }, clean},
		{"directory tampered with", func(f *vendorFixture) { f.write(dir+"/0/f.go", nil) }, clean},
		{"not to be used", func(f *vendorFixture) { f.env = append(f.env, "GOFLAGS=-mod=readonly") }, clean},
		{"below go 1.14", func(f *vendorFixture) { f.edit("app/go.mod", "go 1.25.0\n", "") }, []string{a + "ok", b + "missing example.com/b/go.mod"}},
		{"empty directory", func(f *vendorFixture) { f.put("app/vendor/x/y", ""); f.remove("app/vendor/x/y") }, clean},

		{"unusual names", func(f *vendorFixture) {
			f.put("app/vendor/example.com/a/x, y", "")
			f.put("app/vendor/example.com/a/ä z", "")
			f.put("app/vendor/\x1b[2J", "")
		}, []string{`no module: extra "\x1b[2J"`, a + `extra "example.com/a/x, y", example.com/a/ä z`, b + "ok"}},
		{"many", func(f *vendorFixture) {
			for i := range 12 {
				f.put("app/vendor/example.com/b/"+strconv.Itoa(10+i), "")
			}
		}, []string{a + "ok", b + "extra example.com/b/10, example.com/b/11, example.com/b/12, example.com/b/13, example.com/b/14, example.com/b/15, example.com/b/16, example.com/b/17, example.com/b/18, example.com/b/19, and 2 more"}},
		{"all at once", func(f *vendorFixture) {
			f.put("app/vendor/example.com/a/0/f.go", "package c")
			f.put("app/vendor/example.com/a/0/f_test.go", "package c")
			f.remove("app/vendor/example.com/a/1/f.go")
		}, []string{a + "changed example.com/a/0/f.go; extra example.com/a/0/f_test.go; missing example.com/a/1/f.go", b + "ok"}},
		{"files of another module", func(f *vendorFixture) {
			f.put("app/vendor/example.com/a/b.go", "package b\n")
			f.put("app/vendor/example.com/ab/b.go", "package b\n")
			f.put("app/vendor/example.com/b.go", "package b\n")
		}, []string{"no module: extra example.com/ab/b.go, example.com/b.go", a + "extra example.com/a/b.go", b + "ok"}},
		{"a directory for a file", func(f *vendorFixture) {
			f.remove("app/vendor/example.com/b/b.go")
			f.put("app/vendor/example.com/b/b.go/b.go", "package b\n")
		}, []string{a + "ok", b + "extra example.com/b/b.go/b.go; missing example.com/b/b.go"}},
		{"a file for a module", func(f *vendorFixture) {
			f.remove("app/vendor/example.com/b")
			f.put("app/vendor/example.com/b", "package b\n")
		}, []string{a + "ok", b + "extra example.com/b; missing example.com/b/b.go"}},
		{"a link for a module", func(f *vendorFixture) { f.link(filepath.Join(f.root, "b"), "app/vendor/example.com/b") }, []string{a + "ok", b + "extra example.com/b; missing example.com/b/b.go"}},
		{"modules.txt is a link", func(f *vendorFixture) {
			f.put("m", "")
			f.remove("m")
			if err := os.Rename(filepath.Join(f.root, "app", "vendor", "modules.txt"), filepath.Join(f.root, "m")); err != nil {
				f.t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(f.root, "m"), filepath.Join(f.root, "app", "vendor", "modules.txt")); err != nil {
				f.t.Skip(err)
			}
		}, []string{"no module: extra modules.txt", a + "ok", b + "ok"}},
		{"the directory was changed", func(f *vendorFixture) { f.put("b/b.go", "package b // changed\n") }, []string{a + "ok", b + "changed example.com/b/b.go"}},

		{"no sum", func(f *vendorFixture) { f.put("app/go.sum", "") }, []string{a + "unknown: no sum is recorded", b + "ok"}},
		{"two sums", func(f *vendorFixture) {
			f.put("app/go.sum", "example.com/a v1.0.0 "+f.sum+"\nexample.com/a v1.0.0 h1:USOPeaOvHGNsWkt2pUqvkraHkwVwHLa+/VDoGH1nslk=\n")
		}, []string{a + "unknown: several sums are recorded", b + "ok"}},
		{"not in the cache", func(f *vendorFixture) {
			f.remove(zipFile)
			f.remove(dir)
			f.put("app/vendor/example.com/a/zz.go", "")
			f.link("b.go", "app/vendor/example.com/a/1/f.go")
		}, []string{a + "unknown: not in the module cache; extra example.com/a/1/f.go", b + "ok"}},
		{"half extracted", func(f *vendorFixture) {
			f.remove(zipFile)
			f.write(strings.Replace(zipFile, ".zip", ".partial", 1), nil)
		}, []string{a + "unknown: not in the module cache", b + "ok"}},
		{"no replacing directory", func(f *vendorFixture) { f.remove("b") }, []string{a + "ok", b + "unknown: the directory is not there"}},

		{"zip tampered with", func(f *vendorFixture) { f.write(zipFile, zipOf(f.t, dir, "package a", "package c")) }, []string{"module example.com/a@v1.0.0: cache/download/example.com/a/@v/v1.0.0.zip in the module cache has the sum h1:"}},
		{"directory alone, tampered with", func(f *vendorFixture) { f.remove(zipFile); f.write(dir+"/2", nil) }, []string{"module example.com/a@v1.0.0: example.com/a@v1.0.0 in the module cache has the sum h1:"}},
		{"zip of another module", func(f *vendorFixture) { f.malformed("example.com/b@v1.0.0/b.go") }, []string{`module example.com/a@v1.0.0: its zip: malformed zip: "example.com/b@v1.0.0/b.go" is no name of a file of the module`}},
		{"zip that climbs", func(f *vendorFixture) { f.malformed(dir + "/0/../f.go") }, []string{`is no name of a file of the module`}},
		{"zip with a backslash", func(f *vendorFixture) { f.malformed(dir + `/0\f.go`) }, []string{`is no name of a file of the module`}},
		{"replacing directory is a file", func(f *vendorFixture) { f.remove("b"); f.put("b", "") }, []string{"module example.com/b@v1.0.0: ../b: not a directory"}},
		{"no vendor", func(f *vendorFixture) { f.remove("app/vendor") }, []string{"there is no vendor directory"}},
		{"vendor is a file", func(f *vendorFixture) { f.remove("app/vendor"); f.put("app/vendor", "") }, []string{"vendor is not a directory"}},
		{"vendor is a link", func(f *vendorFixture) { f.put("v/modules.txt", ""); f.link(filepath.Join(f.root, "v"), "app/vendor") }, []string{"vendor is not a directory"}},
		{"no modules.txt", func(f *vendorFixture) { f.remove("app/vendor/modules.txt") }, []string{"inconsistent vendor/modules.txt: example.com/a@v1.0.0: go.mod requires it, and it is not marked as explicit"}},
		{"another version", func(f *vendorFixture) { f.edit("app/go.mod", "a v1.0.0", "a v1.0.1") }, []string{"inconsistent vendor/modules.txt: example.com/a@v1.0.0: it is marked as explicit, and no go.mod requires it"}},
		{"no such package", func(f *vendorFixture) { f.edit("app/vendor/modules.txt", "example.com/a/1\n", "example.com/a/2\n") }, []string{"inconsistent vendor/modules.txt: example.com/a@v1.0.0: it has no package example.com/a/2"}},
		{"no Go files", func(f *vendorFixture) {
			f.put("b/x/x.c", "")
			f.edit("app/vendor/modules.txt", "example.com/b\n", "example.com/b\nexample.com/b/x\n")
		}, []string{"inconsistent vendor/modules.txt: example.com/b@v1.0.0: it has no package example.com/b/x"}},
		{"package of another module", func(f *vendorFixture) {
			f.edit("app/vendor/modules.txt", "example.com/a/1\n", "example.com/a/1\nexample.com/ab\n")
		}, []string{"inconsistent vendor/modules.txt: example.com/a@v1.0.0: package example.com/ab cannot be of it"}},
		{"two versions", func(f *vendorFixture) {
			f.edit("app/go.mod", "go 1.25.0\n", "go 1.13\n")
			f.edit("app/vendor/modules.txt", "## explicit\nexample.com/a/0\n", "example.com/a/0\n# example.com/a v1.1.0\n")
			f.edit("app/go.mod", "a v1.0.0", "a v1.1.0")
		}, []string{"inconsistent vendor/modules.txt: example.com/a@v1.1.0: it has packages of version v1.0.0 too"}},
		{"replaced by itself", func(f *vendorFixture) {
			f.edit("app/go.mod", "../b", "./vendor/example.com/b")
			f.edit("app/vendor/modules.txt", "../b", "./vendor/example.com/b")
			f.edit("app/vendor/modules.txt", "../b", "./vendor/example.com/b")
			f.put("app/vendor/example.com/b/go.mod", "module example.com/b\n")
		}, []string{"inconsistent vendor/modules.txt: example.com/b@v1.0.0: it is replaced by ./vendor/example.com/b, which is in vendor itself"}},
		{"of a workspace", func(f *vendorFixture) { f.edit("app/vendor/modules.txt", "# ", "## workspace\n# ") }, []string{"inconsistent vendor/modules.txt: either it or the build is of a workspace, and not the other"}},
		{"in a workspace", func(f *vendorFixture) { f.env = []string{"GOWORK=auto"}; f.put("app/go.work", "go 1.25.0\n\nuse .\n") }, []string{"inconsistent vendor/modules.txt: either it or the build is of a workspace, and not the other"}},
		{"-mod=mod", func(f *vendorFixture) { f.env = append(f.env, "GOFLAGS=-mod=mod") }, []string{"GOFLAGS has -mod=mod"}},
		{"malformed go.sum", func(f *vendorFixture) { f.put("app/go.sum", "x\n") }, []string{"malformed go.sum"}},
		{"no module", func(f *vendorFixture) { f.remove("app/go.mod") }, []string{"no go.mod"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "unusual names" && runtime.GOOS == "windows" {
				t.Skip("no such name on Windows")
			}
			f := newVendorFixture(t)
			tt.change(f)
			before, cache := treeDigest(t, f.root), treeDigest(t, f.dir)
			list, err := VerifyVendor(t.Context(), filepath.Join(f.root, "app"), VendorOptions{Getenv: getenv(f.env...), ModCache: f.dir})
			if treeDigest(t, f.root) != before || treeDigest(t, f.dir) != cache {
				t.Error("files were changed")
			}
			if err != nil {
				if len(tt.want) != 1 || !strings.HasPrefix(err.Error(), "gomod: verify vendor: ") || !strings.Contains(err.Error(), tt.want[0]) {
					t.Errorf("got %v\nwant %q", err, tt.want)
				}
				if _, ok := errors.AsType[*MismatchError](err); ok != strings.HasSuffix(tt.name, "tampered with") {
					t.Errorf("got %#v", err)
				}
				return
			}
			var got []string
			for _, m := range list {
				got = append(got, m.String())
				if m.Clean() != strings.HasSuffix(m.String(), ": ok") {
					t.Errorf("%s: Clean is %v", m, m.Clean())
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestVerifyVendorOptions(t *testing.T) {
	f := newVendorFixture(t)
	app := filepath.Join(f.root, "app")
	if _, err := VerifyVendor(t.Context(), app, VendorOptions{}); err == nil || !strings.Contains(err.Error(), "VendorOptions.Getenv is nil") {
		t.Errorf("no options: %v", err)
	}
	if _, err := VerifyVendor(t.Context(), app, VendorOptions{Getenv: func(string) string { return "" }}); err == nil || !strings.Contains(err.Error(), "the module cache is unknown") {
		t.Errorf("no module cache: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	var calls []string
	o := VendorOptions{Getenv: getenv(f.env...), ModCache: f.dir, Progress: func(done, total int) { calls = append(calls, fmt.Sprint(done, "/", total)) }}
	if list, err := VerifyVendor(ctx, app, o); err != nil || list[0].Files != 2 || list[1].Files != 1 || !slices.Equal(calls, []string{"1/2", "2/2"}) {
		t.Errorf("got %v, %v, progress %v", list, err, calls)
	}
	o.Progress = func(int, int) { cancel(stop) }
	if list, err := VerifyVendor(ctx, app, o); !errors.Is(err, stop) || list != nil {
		t.Errorf("cancelled: %v, %v", list, err)
	}
}

// What patterns match, the go command says. Each pattern is that of a package
// with the same files.
func TestEmbedded(t *testing.T) {
	patterns := []string{
		"f", "f f", "*", "?", "[f-g]", "[", "a*b", "none", "none f", "f none", "d", "d/", "d/f", "d/*", "*/f", "*/*", "all:d", "all:d d", "d all:d", "all:*",
		".", "..", "./f", "../p0/f", "/f", "d/../f", "d//f", "", ".h", "d/.h", "d/_u/*", "all:d/_u", "empty", "hidden", "all:hidden", "only/.h", "all:", "all:all:d",
		"module", "module/f", "holds", "holds/*", "all:holds", "holds/f", ".git", "d/.git", "all:.git", "sp ace", "\"sp ace\"", "`sp ace`", "\"sp\\x20ace\"", "\"sp ace", "f\tg", "f\u00a0g",
		"vendor", "testdata", "go.mod", "p.go", "p_test.go", "aux.txt", "bad", "bad/*", "bad/f", "x/aux/f", "x",
	}
	var files []string
	for i, p := range patterns {
		dir := fmt.Sprintf("p%d/", i)
		files = append(files, dir+"p.go", "package p\n\nimport \"embed\"\n\n//go:embed "+p+"\nvar x embed.FS\n")
		for _, name := range []string{
			"f", "g", "sp ace", ".h", "p_test.go", "d/f", "d/.h", "d/_u/f", "d/e/f", "d/.git/f", ".git/f", "hidden/.h", "only/.h", "module/go.mod", "module/f",
			"holds/f", "holds/module/go.mod", "holds/module/f", "vendor/f", "testdata/f", "aux.txt", "bad/f", "bad/a'b", "x/aux/f",
		} {
			files = append(files, dir+name, "package p\n")
		}
	}
	root := writeFiles(t, append(files, "go.mod", "module example.com/m\n\ngo 1.25.0\n")...)
	for i := range patterns {
		if err := os.Mkdir(filepath.Join(root, fmt.Sprintf("p%d", i), "empty"), 0o777); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "windows" {
			continue
		}
		// Of these no pattern above is told but by its first letter.
		for name, to := range map[string]string{"link": "f", "dlink": "d", "d/link": "f"} {
			if err := os.Symlink(to, filepath.Join(root, fmt.Sprintf("p%d", i), filepath.FromSlash(name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := goCommand(t, root, getenv("GOWORK=off", "GOFLAGS="), "list", "-e", "-f={{.ImportPath}}{{range .EmbedFiles}},{{.}}{{end}}", "./...")
	judge := make(map[string]string)
	for line := range strings.Lines(out) {
		p, files, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ",")
		judge[strings.TrimPrefix(p, "example.com/m/")] = files
	}
	matching := 0
	for i, p := range patterns {
		dir := fmt.Sprintf("p%d", i)
		var buf bytes.Buffer
		up := upstream{files: os.DirFS(root)}
		g, err := readVendored(up.files, dir+"/p.go", &buf)
		if err != nil {
			t.Fatal(err)
		}
		files, err := up.embedded(t.Context(), dir, g.embeds)
		if err != nil {
			t.Errorf("%q: %v", p, err)
			continue
		}
		for i := range files {
			files[i] = strings.TrimPrefix(files[i], dir+"/")
		}
		if len(files) > 0 {
			matching++
		}
		if got := strings.Join(files, ","); got != judge[dir] {
			t.Errorf("%q: got %q, go list has %q", p, got, judge[dir])
		}
	}
	if matching < 20 {
		t.Errorf("%d patterns match, want 20 at least", matching)
	}
}

// What a file embeds, go/build says.
func FuzzParseVendored(f *testing.F) {
	for _, seed := range []string{
		"package p\n\nimport \"embed\"\n\n//go:embed a b \"c d\" `e`\nvar x embed.FS\n", "package p\nimport _ \"embed\"\n//go:embed \"\n//go:embedx\n//go:embed\n/*\n//go:embed no\n*/\n// go:embed no\nvar y = `\n//go:embed no\n`\n//go:embed\tyes",
		"//go:build ignore\n\npackage p\nimport \"C\"\nimport \"embed\"\n//go:embed c\n", "// +build !ignore\n\npackage documentation\nimport \"embed\"\n//go:embed no", "package p\nimport \"embed\"\n\x00\n//go:embed no", "package p\nimport (\"embed\"; `C`);//go:embed x",
		"\xef\xbb\xbfpackage p\nimport \"embed\"\n//go:embed x\n", "package p\nimport \"em\\x62ed\"\n//go:embed x\r\n", "package p\nimport \"embed\"\n'\n//go:embed x", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g := parseVendored(data)
		if g.nul && !bytes.Contains(data, []byte{0}) || g.nul && !g.ignored {
			t.Errorf("got %+v", g)
		}
		if bytes.IndexByte(data, 0) >= 0 {
			return // go/build may stop there
		}
		files := fstest.MapFS{"f.go": {Data: data}}
		judge := gobuild.Context{
			GOOS: "linux", GOARCH: "amd64", Compiler: "gc", CgoEnabled: true, UseAllFiles: true,
			IsDir: func(string) bool { return true },
			ReadDir: func(string) ([]fs.FileInfo, error) {
				fi, err := files.Stat("f.go")
				return []fs.FileInfo{fi}, err
			},
			OpenFile: func(string) (io.ReadCloser, error) { return files.Open("f.go") },
		}
		p, err := judge.ImportDir("/m", gobuild.IgnoreVendor)
		if err != nil && len(p.InvalidGoFiles) > 0 {
			return // the go command fails
		}
		slices.Sort(g.embeds)
		if got := slices.Compact(g.embeds); !slices.Equal(got, p.EmbedPatterns) {
			t.Errorf("got %q, want %q", got, p.EmbedPatterns)
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && g.cgo != (len(p.CgoFiles) > 0) {
			t.Errorf("cgo is %v, want %q", g.cgo, p.CgoFiles)
		}
	})
}
