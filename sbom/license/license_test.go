package license_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/license"
)

// scanner is shared by the tests, because it takes a second to get ready.
var scanner license.Scanner

// Short texts of licences that are on the list. There is no copy of a whole
// one here: internal/conformance takes those of real modules.
const (
	apacheHeader = `Copyright 2026 Someone

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
`
	isc = `Copyright (c) 2026 Someone

Permission to use, copy, modify, and distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`
	own = "Whoever finds this may keep it, if they say where it was.\n"
)

func words(n int) string { return strings.Repeat("something ", n) + "\n" }

// describe returns l as lines: what is declared, then each file.
func describe(l *sbom.Licenses) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", l.Declared, l.Unknown)
	for _, f := range l.Files {
		fmt.Fprintf(&b, "%s %s %d%% %s\n", f.Path, f.Kind, f.Coverage, strings.Join(f.IDs, ","))
	}
	text := b.String()
	for i, t := range l.Texts {
		text = strings.ReplaceAll(text, t.ID, fmt.Sprintf("Ref%d", i))
	}
	return text
}

// check holds l against what every Document is held against.
func check(t *testing.T, l *sbom.Licenses) {
	t.Helper()
	d := sbom.Document{Main: sbom.Component{Ref: "a", Name: "a", Type: sbom.Library, Scope: sbom.Runtime, Licenses: l}}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		name     string
		files    map[string]string
		packages []string
		want     string
	}{
		{"nothing", map[string]string{"README.md": apacheHeader, "go.mod": "module a"}, nil, "no licence file in the root of the module\n"},
		{"nothing beside packages", map[string]string{"x/x.go": "package x"}, []string{"x"}, "no licence file in the root of the module or beside a package that is linked\n"},
		{"one", map[string]string{"LICENSE": isc}, nil, "ISC\nLICENSE license 100% ISC\n"},
		{"two files", map[string]string{"LICENSE": isc, "LICENSE-APACHE": apacheHeader}, nil, "Apache-2.0 AND ISC\nLICENSE license 100% ISC\nLICENSE-APACHE license 100% Apache-2.0\n"},
		{"two in a file", map[string]string{"COPYING": isc + "\nThe rest:\n\n" + apacheHeader + isc}, nil, "Apache-2.0 AND ISC\nCOPYING license 99% Apache-2.0,ISC\n"},
		{"one shadows the other", map[string]string{"LICENSE": isc, "LICENSE.docs": apacheHeader}, nil, "Apache-2.0 AND ISC\nLICENSE license 100% ISC\nLICENSE.docs license 100% Apache-2.0\n"},
		{"unknown", map[string]string{"LICENSE": own}, nil, "Ref0\nLICENSE license 0% Ref0\n"},
		{"unknown twice", map[string]string{"LICENSE": own, "COPYING": own}, nil, "Ref0\nCOPYING license 0% Ref0\nLICENSE license 0% Ref0\n"},
		{"empty", map[string]string{"LICENSE": ""}, nil, "Ref0\nLICENSE license 0% Ref0\n"},
		{"low coverage", map[string]string{"LICENSE": isc + words(60)}, nil, "ISC AND Ref0\nLICENSE license 65% ISC,Ref0\n"},
		{"enough coverage", map[string]string{"LICENSE": isc + words(30)}, nil, "ISC\nLICENSE license 79% ISC\n"},
		{"an unknown one in a long file", map[string]string{"LICENSE": strings.Repeat(isc, 8) + words(101) + isc}, nil, "ISC AND Ref0\nLICENSE license 91% ISC,Ref0\n"},
		{"an unknown one at the end", map[string]string{"LICENSE": strings.Repeat(isc, 8) + words(101)}, nil, "ISC AND Ref0\nLICENSE license 90% ISC,Ref0\n"},
		{"a link is no text", map[string]string{"LICENSE": "See https://www.apache.org/licenses/LICENSE-2.0\n"}, nil, "Ref0\nLICENSE license 0% Ref0\n"},
		{"too long", map[string]string{"LICENSE": isc + strings.Repeat(" ", 1<<20)}, nil, "Ref0\nLICENSE license 0% Ref0\n"},
		{"not UTF-8", map[string]string{"LICENSE": "\xff\xfe"}, nil, "Ref0\nLICENSE license 0% Ref0\n"},
		{
			"notice",
			map[string]string{"LICENSE": isc, "NOTICE": "The product.\n" + apacheHeader, "THIRD-PARTY-NOTICES.txt": own},
			nil,
			"ISC\nLICENSE license 100% ISC\nNOTICE notice 97% Apache-2.0\nTHIRD-PARTY-NOTICES.txt notice 0% \n",
		},
		{"notice alone", map[string]string{"NOTICE": apacheHeader}, nil, "no licence file in the root of the module\nNOTICE notice 100% Apache-2.0\n"},
		{"patents", map[string]string{"LICENSE": isc, "PATENTS": own}, nil, "ISC\nLICENSE license 100% ISC\nPATENTS patents 0% \n"},
		{"copyright with a licence", map[string]string{"COPYRIGHT": isc}, nil, "ISC\nCOPYRIGHT license 100% ISC\n"},
		{"copyright without", map[string]string{"COPYRIGHT": "Copyright 2026 Someone\n"}, nil, "no licence file in the root of the module\nCOPYRIGHT notice 0% \n"},
		{
			"up the tree",
			map[string]string{"LICENSE": isc, "a/LICENSE": own, "a/b/c/NOTICE": own, "a/b/c/COPYING": apacheHeader, "z/LICENSE": own, "a/b/d/LICENSE": own},
			[]string{"a/b/c", ".", "a"},
			"Apache-2.0 AND ISC AND Ref0\nLICENSE license 100% ISC\na/LICENSE license 0% Ref0\na/b/c/COPYING license 100% Apache-2.0\na/b/c/NOTICE notice 0% \n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := make(fstest.MapFS)
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			l, err := scanner.Scan(t.Context(), files, "", tt.packages)
			if err != nil {
				t.Fatal(err)
			}
			check(t, l)
			if got := describe(l); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			for _, text := range l.Texts {
				if !strings.HasPrefix(text.ID, "LicenseRef-sha256-") {
					t.Errorf("id %s", text.ID)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		kind  sbom.LicenseKind
		names string
	}{
		{sbom.KindLicense, "LICENSE License license LICENCE LICENSES LICENSE.txt license.md LICENSE.docs LICENSE-APACHE LICENSE_MIT LICENSE-2.0.txt LICENSE.MIT " +
			"Apache-License-2.0 MIT-LICENSE MIT-LICENSE.txt testify.LICENSE LICENSE-THIRD-PARTY COPYING COPYING.LESSER COPYING3 COPYING3.LIB UNLICENSE UNLICENSE.md COPYLEFT"},
		{sbom.KindNotice, "NOTICE NOTICE.txt Notice.md NOTICES THIRD-PARTY-NOTICES COPYRIGHT Copyright.txt COPYRIGHTS"},
		{sbom.KindPatents, "PATENTS PATENT.txt patents.md"},
		{"", "README.md license.go license_test.go notice.go LICENSE.go copyright.c licenses.json license.yaml LICENSES-3rdparty.csv .license .licenserc " +
			"licensed licensing.txt sublicense.txt md txt 2.0 ... relicense-me.txt NOTICEBOARD go.mod AUTHORS"},
	} {
		for _, name := range strings.Fields(tt.names) {
			l, err := scanner.Scan(t.Context(), fstest.MapFS{name: &fstest.MapFile{Data: []byte(own)}}, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			var got sbom.LicenseKind
			if len(l.Files) > 0 {
				got = l.Files[0].Kind
			}
			if got != tt.kind {
				t.Errorf("%s is of kind %q, want %q", name, got, tt.kind)
			}
		}
	}
}

// A link can lead out of the module, and a directory has no text.
func TestOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(isc), 0o666); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "module")
	for _, sub := range []string{"LICENSES", "x"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join("..", "text"), filepath.Join(root, "LICENSE")); err != nil {
		t.Fatal(err)
	}
	l, err := scanner.Scan(t.Context(), os.DirFS(root), "", []string{"x"})
	if err != nil || len(l.Files) > 0 {
		t.Errorf("%v, %v", l, err)
	}
}

func TestZip(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, text := range map[string]string{"example.com/a@v1.0.0/LICENSE": isc, "example.com/a@v1.0.0/x/NOTICE": own} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(r, "example.com/a@v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := scanner.Scan(t.Context(), files, "", []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := describe(l), "ISC\nLICENSE license 100% ISC\nx/NOTICE notice 0% \n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestErrors(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	many := make(fstest.MapFS)
	for i := range 1001 {
		many[fmt.Sprintf("LICENSE-%d", i)] = &fstest.MapFile{Data: []byte(own)}
	}
	spread := make(fstest.MapFS)
	var dirs []string
	for i := range 1001 {
		dirs = append(dirs, fmt.Sprintf("d%d", i))
		spread[dirs[i]+"/NOTICE"] = &fstest.MapFile{}
	}
	for _, tt := range []struct {
		name     string
		ctx      context.Context
		files    fs.FS
		h1       string
		packages []string
		want     string
	}{
		{name: "no root", files: os.DirFS(filepath.Join(t.TempDir(), "gone")), want: "no such file"},
		{name: "no package", files: fstest.MapFS{}, packages: []string{"gone"}, want: "gone"},
		{name: "a package outside", files: fstest.MapFS{}, packages: []string{"../x"}, want: `malformed directory "../x"`},
		{name: "an absolute package", files: fstest.MapFS{}, packages: []string{"/x"}, want: `malformed directory "/x"`},
		{name: "h1", files: fstest.MapFS{}, h1: "h1:x", want: "h1:x"},
		{name: "large", files: fstest.MapFS{"LICENSE": {Data: make([]byte, 4<<20+1)}}, want: "LICENSE: larger than 4194304 bytes"},
		{name: "many", files: many, want: "more than 1000 licence files"},
		{name: "many in all", files: spread, packages: dirs, want: "more than 1000 licence files"},
		{name: "cancelled", ctx: cancelled, files: fstest.MapFS{"LICENSE": {}}, want: "context canceled"},
	} {
		ctx := tt.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		if _, err := scanner.Scan(ctx, tt.files, tt.h1, tt.packages); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := scanner.Scan(cancelled, fstest.MapFS{}, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want one that is context.Canceled", err)
	}
}

// A memory is a Cache.
type memory struct {
	mu         sync.Mutex
	values     map[string][]byte
	gets, puts int
}

func (m *memory) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	v, ok := m.values[key]
	return v, ok
}

func (m *memory) Put(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if m.values == nil {
		m.values = make(map[string][]byte)
	}
	m.values[key] = value
}

// unused is a module that nobody may look at.
type unused struct{ t *testing.T }

func (u unused) Open(name string) (fs.File, error) {
	u.t.Errorf("%s was opened", name)
	return nil, fs.ErrNotExist
}

func TestCache(t *testing.T) {
	const h1 = "h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4="
	files := fstest.MapFS{"LICENSE": {Data: []byte(isc)}, "a/b/LICENSE": {Data: []byte(own)}, "c/README": {}}
	want, err := scanner.Scan(t.Context(), files, "", []string{"a/b", "c"})
	if err != nil {
		t.Fatal(err)
	}

	cache := new(memory)
	cached := license.Scanner{Cache: cache}
	scan := func(files fs.FS, h1 string, packages ...string) *sbom.Licenses {
		t.Helper()
		l, err := cached.Scan(t.Context(), files, h1, packages)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	// A few directories first: the entry grows.
	scan(files, h1)
	if got := scan(files, h1, "a/b", "c"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	cached = license.Scanner{Cache: cache} // another process
	if got := scan(unused{t}, h1, "a/b", "c"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := describe(scan(unused{t}, h1)); got != "ISC\nLICENSE license 100% ISC\n" {
		t.Errorf("only the root: got %s", got)
	}

	// Texts are cached too, for what has no sum.
	puts := cache.puts
	if got := scan(files, "", "a/b", "c"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if cache.puts != puts {
		t.Errorf("%d texts were recognized again", cache.puts-puts)
	}

	// What is not a value of this version is found again.
	for _, change := range []func([]byte) []byte{
		func(v []byte) []byte { return nil },
		func(v []byte) []byte { return v[:len(v)-1] },
		func(v []byte) []byte {
			return bytes.Replace(v, []byte("hallmark license"), []byte("hallmark licence"), 1)
		},
		func(v []byte) []byte { return bytes.ReplaceAll(v, []byte("sha256:"), []byte("sha257:")) },
		func(v []byte) []byte {
			return append(v[:bytes.IndexByte(v, '\n')+1:bytes.IndexByte(v, '\n')+1], "null"...)
		},
	} {
		cache.values[h1] = change(bytes.Clone(cache.values[h1]))
		if got := scan(files, h1, "a/b", "c"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// The format names the licensecheck whose results it is of.
func TestCacheFormat(t *testing.T) {
	gomod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	cache := new(memory)
	cached := license.Scanner{Cache: cache}
	if _, err := cached.Scan(t.Context(), fstest.MapFS{"LICENSE": {Data: []byte(own)}}, "", nil); err != nil {
		t.Fatal(err)
	}
	for key, value := range cache.values {
		first, _, _ := strings.Cut(string(value), "\n")
		_, version, ok := strings.Cut(first, "licensecheck ")
		if !ok || !strings.Contains(string(gomod), "github.com/google/licensecheck "+version+"\n") {
			t.Errorf("%s: %q does not name the version that go.mod requires", key, first)
		}
	}
}

func TestConcurrent(t *testing.T) {
	var fresh license.Scanner
	files := fstest.MapFS{"LICENSE": {Data: []byte(isc + apacheHeader)}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			l, err := fresh.Scan(context.Background(), files, "", nil)
			if err != nil || l.Declared != "Apache-2.0 AND ISC" {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	wg.Wait()
}

func FuzzScan(f *testing.F) {
	for _, text := range []string{"", isc, apacheHeader, own, isc + words(101) + apacheHeader, "copyright http://", "\xff(c)\x00", strings.Repeat("permission ", 100)} {
		f.Add("LICENSE", []byte(text))
		f.Add("NOTICE.txt", []byte(text))
		f.Add("copyright", []byte(text))
	}
	// To get ready takes longer, with the fuzzer's instruments, than it waits.
	if _, err := scanner.Scan(f.Context(), fstest.MapFS{"LICENSE": {}}, "", nil); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if !fs.ValidPath(name) || strings.Contains(name, "/") || name == "." {
			return
		}
		files := fstest.MapFS{name: {Data: text}}
		l, err := scanner.Scan(t.Context(), files, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		check(t, l)
		again, err := scanner.Scan(t.Context(), files, "", nil)
		if err != nil || !reflect.DeepEqual(l, again) {
			t.Errorf("%v, %+v and %+v of the same text", err, l, again)
		}
		if len(l.Files) > 1 || len(l.Texts) > 1 {
			t.Errorf("%+v", l)
		}
	})
}

// Getting ready: what a Cache spares, besides the texts.
func BenchmarkReady(b *testing.B) {
	files := fstest.MapFS{"LICENSE": {Data: []byte(isc)}}
	b.ReportAllocs()
	for b.Loop() {
		var s license.Scanner
		if _, err := s.Scan(b.Context(), files, "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	text := []byte(isc + apacheHeader)
	files := fstest.MapFS{"LICENSE": {Data: text}}
	const h1 = "h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4="
	for _, s := range []struct {
		name string
		s    *license.Scanner
		h1   string
	}{
		{"no cache", &scanner, ""},
		{"text cached", &license.Scanner{Cache: new(memory)}, ""},
		{"module cached", &license.Scanner{Cache: new(memory)}, h1},
	} {
		b.Run(s.name, func(b *testing.B) {
			if _, err := s.s.Scan(b.Context(), files, s.h1, nil); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.s.Scan(b.Context(), files, s.h1, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleScanner_Scan() {
	files := fstest.MapFS{ // a module: os.DirFS, or a zip
		"LICENSE":               {Data: []byte(isc)},
		"NOTICE":                {Data: []byte(apacheHeader)},
		"internal/sort/COPYING": {Data: []byte(apacheHeader)},
	}
	var scanner license.Scanner
	found, err := scanner.Scan(context.Background(), files, "", []string{"internal/sort"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Declared)
	for _, f := range found.Files {
		fmt.Println(f.Path, f.Kind, f.Coverage, f.IDs)
	}
	// Output:
	// Apache-2.0 AND ISC
	// LICENSE license 100 [ISC]
	// NOTICE notice 100 [Apache-2.0]
	// internal/sort/COPYING license 100 [Apache-2.0]
}
