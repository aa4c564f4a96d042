package gomod

import (
	"bytes"
	"cmp"
	"errors"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// goroot returns the toolchain's directory.
func goroot(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(goCommand(t, ".", getenv(), "env", "GOROOT"))
}

// The standard library's own files are scanned, for three systems, and go/build
// says what must come out.
func TestScanStandardLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, one thing after the other")
	}
	src := filepath.Join(goroot(t), "src")
	for _, o := range []Target{
		{GOOS: "linux", GOARCH: "amd64", CGO: "1"},
		{GOOS: "windows", GOARCH: "arm64", CGO: "0", Tags: []string{"netgo"}},
		{GOOS: "ios", GOARCH: "arm64", CGO: "1"},
	} {
		s, err := readSettings(Options{Getenv: getenv()}, o)
		if err != nil {
			t.Fatal(err)
		}
		target := newSelector(s, s.goVersion)
		judge := gobuild.Context{
			GOROOT: s.goroot, GOOS: s.goos, GOARCH: s.goarch, CgoEnabled: s.cgo, Compiler: "gc",
			BuildTags: s.tags, ToolTags: s.extraTags, ReleaseTags: gobuild.Default.ReleaseTags,
		}
		directories := 0
		err = filepath.WalkDir(src, func(dir string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return err
			}
			if e.Name() == "testdata" || e.Name() == "cmd" {
				return filepath.SkipDir
			}
			files := readDirectory(os.DirFS(dir), ".").files
			if len(files) == 0 {
				return nil
			}
			directories++
			judgeDir(t, target, &judge, dir, files)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if directories < 200 {
			t.Errorf("%d directories with Go files, want more than 200", directories)
		}
	}
}

func judgeDir(t *testing.T, target *selector, judge *gobuild.Context, dir string, files []*goFile) {
	t.Helper()
	want, wantErr := judge.ImportDir(dir, 0)
	got, err := target.scan(&sourceTree{files: os.DirFS(dir)}, ".", files)
	_, noGo := errors.AsType[*gobuild.NoGoError](wantErr)
	switch {
	case noGo && len(want.TestGoFiles)+len(want.XTestGoFiles) > 0:
		if err != nil || !got.tests {
			t.Errorf("%s: got %+v, %v, want tests only", dir, got, err)
		}
		return
	case wantErr != nil || err != nil:
		if noGo != (err == errNoFiles) || (wantErr == nil) != (err == nil) {
			t.Errorf("%s: got error %v, want %v", dir, err, wantErr)
		}
		return
	}
	imports := slices.DeleteFunc(slices.Clone(want.Imports), func(path string) bool { return path == "C" })
	if got.name != want.Name && len(want.GoFiles)+len(want.CgoFiles) > 0 || !slices.Equal(got.imports, imports) || got.cgo != (len(want.CgoFiles) > 0) {
		t.Errorf("%s: got %+v\nwant %s %q, cgo files %q", dir, got, want.Name, imports, want.CgoFiles)
	}
}

// Files of which each is odd in its own way, in one directory each.
func TestScanFiles(t *testing.T) {
	long := strings.Repeat("// a long comment\n", 2000)
	files := []string{
		"package p", "package p\n", "package p //", "package p // x\n", "package p /* x */", "package p;",
		"\xef\xbb\xbfpackage p\nimport \"fmt\"\n", "\n\n// x\n\npackage p\nimport\"fmt\"", "package p\nimport `fmt`",
		"package p\nimport (\n)\n", "package p\nimport ()", "package p\nimport (\"fmt\";\"os\")\nimport . \"io\"\nimport _ \"hash\"\nimport é \"bytes\"",
		long + "package p\n" + long + "import \"fmt\"\n" + long, long + "package p", long + "//go:build ignore\n\npackage p\n",
		"//go:build linux\npackage p\n", "// +build ignore\n\npackage p\n", "// +build ignore\npackage p\n", "/* */ // +build ignore\n\npackage p\n",
		"//go:build linux\n//go:build amd64\n\npackage p\n", "//go:build (\n\npackage p\n", "//go:build\n\npackage p\n", "//go:buildx\n\npackage p\n",
		"/*\n//go:build ignore\n*/\npackage p\n", "package p\n//go:build ignore\n", "/**/ /**///go:build ignore\npackage p\n", "//\tgo:build ignore\n\npackage p\n",
		"package p\nimport \"a\\x62c\"\n", "package p\nimport \"a b\"\n", "package p\nimport \"\"\n", "package p\nimport \"a\nb\"\n", "package p\nimport `a\nb`\n",
		"package p\nimport x\n", "package p\nimport \"x", "package p\nimport (\"x\"", "package p\nimport", "package p\nimp", "package p\nimports \"x\"\n",
		"package\n", "package 1\n", "pakage p\n", "", "\n", "// only a comment", "/* not closed\npackage p\n", "package p / x", "package p\x00", "// \x00\npackage p\n",
		"package p\nimport \"C\"\n", "package p\nimport \"C\"\nimport \"example.com/x\"\n", "package documentation\nimport \"x\"\n", "package p\nvar i = 1\nimport \"x\"\n",
		"package p\nfunc f() {}\n", "package p\nif x\n", "package p\nimport \"x\" import \"y\"\n", "package p\nimport a.b \"x\"\n",
		"//go:build go1.26 && !go1.999 && unix && gc && goexperiment.regabiargs && amd64.v1\n\npackage p\nimport \"x\"\n", "//go:build boringcrypto || cgo\n\npackage p\n",
		"\xef\xbb\xbf//go:build ignore\n\npackage p\n", "\xef\xbb\xbf// +build ignore\n\npackage p\n",
	}
	for _, o := range []Target{{GOOS: "linux", GOARCH: "amd64", CGO: "0"}, {GOOS: "android", GOARCH: "amd64", CGO: "1"}} {
		s, err := readSettings(Options{Getenv: getenv()}, o)
		if err != nil {
			t.Fatal(err)
		}
		target := newSelector(s, s.goVersion)
		judge := gobuild.Context{
			GOROOT: s.goroot, GOOS: s.goos, GOARCH: s.goarch, CgoEnabled: s.cgo, Compiler: "gc",
			ToolTags: s.extraTags, ReleaseTags: gobuild.Default.ReleaseTags,
		}
		for i, text := range files {
			dir := t.TempDir()
			name := "f" + strconv.Itoa(i) + ".go"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) {
				// Where the sentence of a syntax error is, the parser's is the one.
				if strings.Contains(text, "\x00") {
					if _, err := target.scan(&sourceTree{files: os.DirFS(dir)}, ".", []*goFile{{name: name}}); err == nil && !strings.HasPrefix(text, "//") {
						t.Errorf("%.40q: no error", text)
					}
					return
				}
				judgeDir(t, target, &judge, dir, []*goFile{{name: name}})
				if t.Failed() {
					t.Logf("%.60q", text)
				}
			})
		}
	}
}

func TestMatchName(t *testing.T) {
	s, err := readSettings(Options{Getenv: getenv()}, Target{GOOS: "android", GOARCH: "arm64"})
	if err != nil {
		t.Fatal(err)
	}
	target := newSelector(s, "go1.26")
	judge := gobuild.Context{GOOS: "android", GOARCH: "arm64", Compiler: "gc"}
	judge.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("package p\n")), nil }
	for _, name := range []string{
		"x.go", "linux.go", "x_linux.go", "x_android.go", "x_windows.go", "x_arm64.go", "x_amd64.go", "x_linux_arm64.go", "x_windows_arm64.go", "x_arm64_linux.go",
		"x_linux_test.go", "x_windows_test.go", "x_test.go", "_linux.go", "x__linux.go", "x_unix.go", "x_zos.go", "x_sparc.go", "x_linux.y.go", "x_linux_x.go", "linux_arm64.go", "a_b_c.go", "x_.go",
	} {
		want, err := judge.MatchFile(".", name)
		if err != nil {
			t.Fatal(err)
		}
		if name[0] == '_' {
			continue // not read at all
		}
		if got := target.matchName(name); got != want {
			t.Errorf("matchName(%q) = %v, want %v", name, got, want)
		}
	}
}

// What parseHeader accepts, the parser must read in the same way.
func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{
		"package p\nimport \"fmt\"\nimport (\n\t. `os`\n\tx \"io\" // y\n)\nvar x int\n", "// x\n\n/* y */ package p;import _ \"x\"\n", "package p", "\xef\xbb\xbfpackage é\n", "package p\nimport x \"y\"; func f()", "package p\n;import \"x\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, end, err := parseHeader(data, true)
		if end < 0 || end > len(data) {
			t.Fatalf("the header of %d bytes ends at %d", len(data), end)
		}
		if part, _, err := parseHeader(data, false); err == nil && (part.Name != h.Name || !slices.Equal(part.Imports, h.Imports)) {
			t.Errorf("got %+v, and %+v of the whole", part, h)
		}
		if err != nil || bytes.ContainsRune(data[:end], 0) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), "", data[:end], parser.ImportsOnly)
		if err != nil {
			return // what is no Go is the compiler's to say
		}
		var imports []string
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			imports = append(imports, path)
		}
		if h.Name != file.Name.Name || !slices.Equal(h.Imports, imports) {
			t.Errorf("got %+v, want %s %q", h, file.Name.Name, imports)
		}
	})
}

func FuzzConstraints(f *testing.F) {
	for _, seed := range []string{
		"//go:build linux && !cgo\n\npackage p\n", "// +build linux,!cgo darwin\n// +build amd64\n\npackage p\n", "/* x\n//go:build no\n*/\n//go:build yes\npackage p", "//go:build (\n", "// +build\n\n", "//go:build\f\"",
	} {
		f.Add([]byte(seed))
	}
	target := &selector{tags: map[string]bool{"linux": true, "amd64": true, "gc": true, "unix": true, "yes": true}, defaults: true}
	judge := gobuild.Context{GOOS: "linux", GOARCH: "amd64", Compiler: "gc", BuildTags: []string{"yes"}}
	f.Fuzz(func(t *testing.T, data []byte) {
		// Only headers that end are given, so that both look at the same bytes.
		data = slices.Concat(data, []byte("\n\npackage p\n"))
		judge.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		if _, end, err := parseHeader(data, true); err != nil || bytes.ContainsRune(data, 0) {
			return
		} else {
			data = data[:end]
		}
		want, wantErr := judge.MatchFile("", "x.go")
		lines, err := constraints(data)
		got := target.meets(lines)
		if (err == nil) != (wantErr == nil) || err == nil && got != want {
			t.Errorf("%q: got %v, %v, want %v, %v", data, got, err, want, wantErr)
		}
	})
}

// matchPattern against the regular expression that the go command makes.
func FuzzMatchPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"a/...", "a"}, {"a/...", "a/b"}, {"a/...", "a/vendor/b"}, {"a/vendor/...", "a/vendor/b"}, {"a/vendor/...", "a/vendor"}, {"...", "x/y"}, {"a...b", "axxb"}, {"a/.../b", "a/x/b"}, {"a/...", "ab"}, {"a/vendor", "a/vendor"}, {"x......y", "xy"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern+name, "\x00\n") || !utf8.ValidString(pattern) || !utf8.ValidString(name) || len(pattern) > 50 || len(name) > 200 || strings.HasPrefix(pattern, "vendor/...") {
			return // for the last of these, the go command's is none that matches
		}
		replace := func(s string) string {
			elem := strings.Split(s, "/")
			for i := range len(elem) - 1 {
				if elem[i] == "vendor" {
					elem[i] = "\x00"
				}
			}
			return strings.Join(elem, "/")
		}
		re := replace(regexp.QuoteMeta(pattern))
		switch {
		case strings.HasSuffix(re, "/\x00/"+`\.\.\.`):
			re = strings.TrimSuffix(re, "/\x00/"+`\.\.\.`) + "(/vendor|/\x00/" + `\.\.\.)`
		case re == "\x00/"+`\.\.\.`:
			re = "(/vendor|/\x00/" + `\.\.\.)`
		}
		if strings.HasSuffix(re, `/\.\.\.`) {
			re = strings.TrimSuffix(re, `/\.\.\.`) + `(/\.\.\.)?`
		}
		re = strings.ReplaceAll(re, `\.\.\.`, "[^\x00]*")
		want := regexp.MustCompile("^" + re + "$").MatchString(replace(name))
		if got := matchPattern(pattern, name); got != want {
			t.Errorf("matchPattern(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

// The whole of a program's packages and imports, against go list.
func TestPackages(t *testing.T) {
	for _, target := range []string{"linux/amd64", "windows/386", "js/wasm"} {
		var o Target
		o.GOOS, o.GOARCH, _ = strings.Cut(target, "/")
		s, err := readSettings(Options{Getenv: getenv()}, o)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		ms, err := readMains(dir, s)
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLoader(ms, s, new(sources))
		if err != nil {
			t.Fatal(err)
		}
		packages, err := l.load(t.Context(), dir, []string{"./..."}, newSelector(s, s.goVersion), false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range packages {
			got = append(got, strings.Join(append([]string{p.path, p.name, p.module(), p.tree.module.Version}, p.imports...), " "))
		}
		out := goCommand(t, dir, getenv("GOOS="+o.GOOS, "GOARCH="+o.GOARCH), "list", "-deps",
			"-f={{if not .Standard}}{{.ImportPath}} {{.Name}} {{.Module.Path}} {{.Module.Version}}{{range .Imports}} {{.}}{{end}}{{end}}", "./...")
		want := strings.Split(strings.TrimSpace(out), "\n")
		slices.SortFunc(want, func(a, b string) int { return cmp.Compare(strings.Fields(a)[0], strings.Fields(b)[0]) })
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s", target, diff(strings.Join(got, "\n"), strings.Join(want, "\n")))
		}
	}
}
