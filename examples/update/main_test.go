package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// modules are those of the proxy, by path@version, with their files.
func modules() map[string]map[string]string {
	mod := func(path string) string { return "module " + path + "\n\ngo 1.24\n" }
	lib := mod("example.com/lib")
	return map[string]map[string]string{
		"example.com/lib@v1.0.0": {"go.mod": lib, "LICENSE": "Ask.\n", "lib.go": "package lib\n\nfunc F() {}\n", "internal/i/i.go": "package i\n\nfunc I() {}\n", "cmd/c/c.go": "package main\n\nfunc main() {}\n"},
		"example.com/lib@v1.0.1": {"go.mod": lib, "LICENSE": "Ask.\n", "lib.go": "package lib\n\nfunc F() {}\n\nfunc G() {}\n", "internal/i/i.go": "package i\n"},
		"example.com/lib@v1.1.0": {"go.mod": lib, "LICENSE": "Do not ask.\n", "lib.go": "package lib\n\nfunc F(int) {}\n"},
		"example.com/lib@v1.2.0": {"go.mod": lib + "\nretract v1.1.0 // it breaks\n", "LICENSE": "Ask.\n", "lib.go": "package lib\n\nfunc F() {}\n\nvar x int = \"\"\n"},

		"example.com/early@v0.1.0": {"go.mod": mod("example.com/early"), "early.go": "package early\n\nfunc F() {}\n"},
		"example.com/early@v0.2.0": {"go.mod": mod("example.com/early"), "early.go": "package early\n"},

		"github.com/somebody/gone@v1.0.0": {"go.mod": mod("github.com/somebody/gone"), "gone.go": "package gone\n"},
		"github.com/somebody/kept@v1.0.0": {"go.mod": mod("github.com/somebody/kept"), "kept.go": "package kept\n"},
		"github.com/stranger/came@v1.0.0": {"go.mod": mod("github.com/stranger/came"), "came.go": "package came\n"},
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve has the go command take modules from a directory and from nowhere else, into a
// module cache of the test's own.
//
// https://go.dev/ref/mod#goproxy-protocol
func serve(t *testing.T) {
	t.Helper()
	proxy := t.TempDir()
	lists := make(map[string]string)
	for m, files := range modules() {
		path, version, _ := strings.Cut(m, "@")
		lists[path] += version + "\n"
		at := filepath.Join(proxy, filepath.FromSlash(path), "@v")
		write(t, at, version+".mod", files["go.mod"])
		write(t, at, version+".info", `{"Version":"`+version+`"}`)
		f, err := os.Create(filepath.Join(at, version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for name, text := range files {
			w, err := z.Create(m + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for path, list := range lists {
		write(t, filepath.Join(proxy, filepath.FromSlash(path), "@v"), "list", list)
	}
	for name, value := range map[string]string{
		"GOPROXY":    (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(proxy), "/")}).String(),
		"GOMODCACHE": t.TempDir(),
		"GOFLAGS":    "-modcacherw",
		"GONOSUMDB":  "*",
		"GOWORK":     "off",
	} {
		t.Setenv(name, value)
	}
}

// newApp writes a module that imports packages and requires modules, path@version.
func newApp(t *testing.T, packages string, requires ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := "module example.com/app\n\ngo 1.24\n"
	for _, r := range requires {
		text += "\nrequire " + strings.Replace(r, "@", " ", 1)
	}
	write(t, dir, "go.mod", text+"\n")
	text = "package main\n\n"
	for _, p := range strings.Fields(packages) {
		text += "import _ \"" + p + "\"\n"
	}
	write(t, dir, "main.go", text+"\nfunc main() {}\n")
	cmd := exec.Command("go", "mod", "tidy")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	return dir
}

// update runs the program and returns what it prints.
func update(t *testing.T, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved := os.Stdout
	os.Stdout = w
	got := make(chan string)
	go func() {
		data, _ := io.ReadAll(r)
		got <- string(data)
	}()
	err = run(t.Context(), args)
	os.Stdout = saved
	w.Close()
	return <-got, err
}

// lines returns text without the blanks that align it.
func lines(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(all, "\n")
}

func TestUpdate(t *testing.T) {
	serve(t)
	old := newApp(t, "example.com/lib example.com/early github.com/somebody/gone github.com/somebody/kept",
		"example.com/lib@v1.0.0", "example.com/early@v0.1.0", "github.com/somebody/gone@v1.0.0", "github.com/somebody/kept@v1.0.0")
	patched := newApp(t, "example.com/lib example.com/early github.com/somebody/gone github.com/somebody/kept",
		"example.com/lib@v1.0.1", "example.com/early@v0.1.0", "github.com/somebody/gone@v1.0.0", "github.com/somebody/kept@v1.0.0")
	new := newApp(t, "example.com/lib example.com/early github.com/stranger/came github.com/somebody/kept",
		"example.com/lib@v1.1.0", "example.com/early@v0.2.0", "github.com/stranger/came@v1.0.0", "github.com/somebody/kept@v1.0.0")
	unloadable := newApp(t, "example.com/early github.com/somebody/gone github.com/somebody/kept example.com/lib",
		"example.com/lib@v1.2.0", "example.com/early@v0.1.0", "github.com/somebody/gone@v1.0.0", "github.com/somebody/kept@v1.0.0")

	const ask, notAsk = "LicenseRef-sha256-79bc4689398e…", "LicenseRef-sha256-d9522507eca0…"
	for _, tt := range []struct {
		name     string
		old, new string
		args     []string
		findings bool
		want     string
	}{
		{"nothing", old, old, nil, false, "no module was updated, added or removed"},
		{"compatible", old, patched, nil, false, `UPDATE NUMBER API LICENCE
example.com/lib v1.0.0 → v1.0.1 patch compatible ` + ask},
		{"breaking", old, new, nil, true, `UPDATE NUMBER API LICENCE
example.com/early v0.1.0 → v0.2.0 v0 1 incompatible
example.com/lib v1.0.0 → v1.1.0 minor 1 incompatible ` + ask + ` → ` + notAsk + `

ADDED LICENCE WHY
github.com/stranger/came v1.0.0 unknown example.com/app → github.com/stranger/came

REMOVED LICENCE WHY IT WAS THERE
github.com/somebody/gone v1.0.0 unknown example.com/app → github.com/somebody/gone

FINDING MODULE
breaking example.com/lib v1.1.0 1 incompatible change in a minor update from v1.0.0
F: changed from func() to func(int)
origin github.com/stranger/came v1.0.0 nothing was from github.com/stranger before
licence example.com/lib v1.1.0 declared ` + ask + ` → ` + notAsk},
		{"older", new, old, []string{"-api=false"}, true, `UPDATE NUMBER API LICENCE
example.com/early v0.2.0 → v0.1.0 older not compared
example.com/lib v1.1.0 → v1.0.0 older not compared ` + notAsk + ` → ` + ask + `

ADDED LICENCE WHY
github.com/somebody/gone v1.0.0 unknown example.com/app → github.com/somebody/gone

REMOVED LICENCE WHY IT WAS THERE
github.com/stranger/came v1.0.0 unknown example.com/app → github.com/stranger/came

FINDING MODULE
older example.com/early v0.1.0 v0.2.0 was used before
older example.com/lib v1.0.0 v1.1.0 was used before
licence example.com/lib v1.0.0 declared ` + notAsk + ` → ` + ask},
		{"undecided", old, unloadable, nil, true, `UPDATE NUMBER API LICENCE
example.com/lib v1.0.0 → v1.2.0 minor undecided ` + ask + `

FINDING MODULE
undecided example.com/lib v1.2.0 v1.2.0: example.com/lib: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := update(t, append(tt.args, "-old", tt.old, "-new", tt.new)...)
			if errors.Is(err, cli.ErrFindings) != tt.findings || !tt.findings && err != nil {
				t.Errorf("error %v, want findings: %v", err, tt.findings)
			}
			if got = lines(got); got != tt.want && !(tt.name == "undecided" && strings.HasPrefix(got, tt.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if strings.Contains(got, "TestUpdate") { // a directory of the test
				t.Errorf("a path of this machine in\n%s", got)
			}
		})
	}
}

// Of documents and binaries the same is told as of the directories that they are of.
func TestKinds(t *testing.T) {
	serve(t)
	old := newApp(t, "example.com/lib github.com/somebody/kept", "example.com/lib@v1.0.0", "github.com/somebody/kept@v1.0.0")
	new := newApp(t, "example.com/lib github.com/somebody/kept", "example.com/lib@v1.1.0", "github.com/somebody/kept@v1.0.0")
	// The same version with another sum, as if somebody else had published it.
	tampered := newApp(t, "example.com/lib github.com/somebody/kept", "example.com/lib@v1.1.0", "github.com/somebody/kept@v1.0.0")
	sums, err := os.ReadFile(filepath.Join(tampered, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const sum = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	write(t, tampered, "go.sum", regexp.MustCompile(`(github.com/somebody/kept v1.0.0) h1:\S+`).ReplaceAllString(string(sums), "$1 "+sum))

	document := func(dir string, write func(io.Writer, *sbom.Document) error) string {
		t.Helper()
		doc, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: os.Getenv})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sbom.json")
		if err := cli.WriteFile(file, 0o644, func(w io.Writer) error { return write(w, doc) }); err != nil {
			t.Fatal(err)
		}
		return file
	}
	asCycloneDX := func(w io.Writer, d *sbom.Document) error { return cyclonedx.Write(w, d, sbom.Stamp{}, cyclonedx.V16) }
	asSPDX := func(w io.Writer, d *sbom.Document) error {
		return spdx.Write(w, d, sbom.Stamp{Created: time.Unix(1700000000, 0), Tool: sbom.Tool{Name: "test"}}, spdx.V23)
	}
	binary := func(dir string) string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "app")
		cmd := exec.Command("go", "build", "-buildvcs=false", "-o", file, ".")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		return file
	}
	report := func(old, new string) Report {
		t.Helper()
		got, err := update(t, "-json", "-old", old, "-new", new)
		if !errors.Is(err, cli.ErrFindings) {
			t.Fatalf("%v, want findings in\n%s", err, got)
		}
		var r Report
		dec := json.NewDecoder(strings.NewReader(got))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		return r
	}

	for _, tt := range []struct{ old, new string }{
		{old, new},
		{binary(old), binary(new)},
		{document(old, asCycloneDX), document(new, asCycloneDX)},
		{document(old, asSPDX), new},
	} {
		r := report(tt.old, tt.new)
		found := slices.IndexFunc(r.Updates, func(u *Update) bool { return u.Name == "example.com/lib" })
		if found < 0 {
			t.Fatalf("%s: no update in %+v", tt.new, r)
		}
		u := r.Updates[found]
		if u.Old != "v1.0.0" || u.New != "v1.1.0" || u.Number != Minor || u.API != Incompatible || len(u.Incompatible) != 1 {
			t.Errorf("%s: got %+v", tt.new, u)
		}
		if f := r.Findings[0]; f.Kind != "breaking" || f.Name != "example.com/lib" || f.Version != "v1.1.0" {
			t.Errorf("%s: got %+v", tt.new, f)
		}
	}

	// forged returns a document of new in which a module has another sum.
	forged := func(name string) string {
		text := readFile(t, document(new, asSPDX))
		other := strings.ReplaceAll(text, sumOf(t, new, name), "h1:"+strings.Repeat("A", 43)+"=")
		if other == text {
			t.Fatalf("no sum in\n%s", text)
		}
		return write(t, t.TempDir(), "sbom.json", other)
	}
	r := report(old, forged("github.com/somebody/kept"))
	if f := r.Findings[0]; f.Kind != "tampered" || f.Name != "github.com/somebody/kept" || f.Version != "v1.0.0" {
		t.Errorf("another sum: got %+v", r.Findings)
	}
	if _, err := update(t, "-old", old, "-new", tampered); err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), "checksum mismatch") {
		t.Errorf("another sum in go.sum: got %v", err)
	}

	// What is loaded is what the document tells of, or nothing.
	r = report(document(old, asSPDX), forged("example.com/lib"))
	if f := r.Findings[0]; f.Kind != "undecided" || !strings.Contains(f.Text, "checksum mismatch") {
		t.Errorf("another sum: got %+v", r.Findings)
	}
}

// sumOf returns the sum of a module of a directory.
func sumOf(t *testing.T, dir, name string) string {
	t.Helper()
	doc, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range doc.Components {
		if c.Name == name {
			return c.Digests[0].H1()
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The proxy is asked for newer versions, and nothing is written into the directory.
func TestCheck(t *testing.T) {
	serve(t)
	dir := newApp(t, "example.com/lib example.com/early github.com/somebody/kept",
		"example.com/lib@v1.1.0", "example.com/early@v0.1.0", "github.com/somebody/kept@v1.0.0")
	before := readFile(t, filepath.Join(dir, "go.mod")) + readFile(t, filepath.Join(dir, "go.sum"))
	got, err := update(t, "-check", dir)
	if !errors.Is(err, cli.ErrFindings) {
		t.Errorf("error %v, want findings", err)
	}
	const want = `UPDATE NUMBER API LICENCE
example.com/early v0.1.0 → v0.2.0 v0 1 incompatible
example.com/lib v1.1.0 → v1.2.0 minor undecided LicenseRef-sha256-d9522507eca0… → LicenseRef-sha256-79bc4689398e…

FINDING MODULE
undecided example.com/lib v1.2.0 v1.2.0: example.com/lib: `
	if got := lines(got); !strings.HasPrefix(got, want) || strings.Contains(got, "TestCheck") || !strings.Contains(got, "retracted example.com/lib v1.1.0 it breaks") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if after := readFile(t, filepath.Join(dir, "go.mod")) + readFile(t, filepath.Join(dir, "go.sum")); after != before {
		t.Errorf("go.mod and go.sum were\n%s\nand are\n%s", before, after)
	}

	current := newApp(t, "github.com/somebody/kept", "github.com/somebody/kept@v1.0.0")
	if got, err := update(t, "-check", current); err != nil || lines(got) != "no module was updated, added or removed" {
		t.Errorf("nothing newer: %v, printed\n%s", err, got)
	}
	t.Setenv("GOPROXY", "off")
	if got, err := update(t, "-check", dir); err == nil || errors.Is(err, cli.ErrFindings) {
		t.Errorf("without a proxy: %v, printed\n%s", err, got)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	text := write(t, dir, "text", "text\n")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "want -old and -new, or -check"},
		{[]string{"-old", dir}, "want -old and -new, or -check"},
		{[]string{"-old", dir, "-new", dir, "-check", dir}, "want either"},
		{[]string{"-check", dir, "more"}, `unexpected argument "more"`},
		{[]string{"-chekc", dir}, "-h lists the flags"},
		{[]string{"-check", text}, "-check is for directories"},
		{[]string{"-check", dir}, "go.mod"},
		{[]string{"-old", filepath.Join(dir, "gone"), "-new", dir}, "gone"},
		{[]string{"-old", text, "-new", text}, "neither a Go binary nor a JSON document"},
	} {
		err := run(t.Context(), tt.args)
		if err == nil || errors.Is(err, cli.ErrFindings) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want an error with %q", tt.args, err, tt.want)
		}
	}
	write(t, dir, "go.mod", "module example.com/app\n\ngo 1.24\n")
	write(t, dir, "main.go", "package main\n\nfunc main() {}\n")
	if err := run(cancelled, []string{"-old", dir, "-new", dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestPromise(t *testing.T) {
	for _, tt := range []struct {
		old, new string
		want     Promise
	}{
		{"v1.0.0", "v1.0.1", Patch},
		{"v1.0.9", "v1.1.0", Minor},
		{"v2.0.0+incompatible", "v2.1.0+incompatible", Minor},
		{"v2.0.0+incompatible", "v3.0.0+incompatible", Major},
		{"v0.9.0", "v1.0.0", Major},
		{"v0.1.0", "v0.1.1", Initial},
		{"v1.0.0-rc.1", "v1.0.0", Prerelease},
		{"v1.0.0", "v1.0.1-0.20260101000000-0123456789ab", Prerelease},
		{"v1.1.0", "v1.0.9", Older},
		{"1.0.0", "v1.0.1", Patch},
		{"go1.25.1", "go1.26.0", Minor},
		{"", "v1.0.0", NoNumber},
		{"v1.0.0", "latest", NoNumber},
	} {
		if got := promise(tt.old, tt.new); got != tt.want {
			t.Errorf("%s → %s: got %s, want %s", tt.old, tt.new, got, tt.want)
		}
	}
}

func TestOrigin(t *testing.T) {
	for _, tt := range []struct{ name, purl, want string }{
		{"github.com/a/b/v2", "pkg:golang/github.com/a/b/v2@v2.0.0", "github.com/a"},
		{"golang.org/x/mod", "pkg:golang/golang.org/x/mod", "golang.org"},
		{"gopkg.in/yaml.v3", "pkg:golang/gopkg.in/yaml.v3", "gopkg.in/yaml"},
		{"gopkg.in/a/b.v3", "pkg:golang/gopkg.in/a/b.v3", "gopkg.in/a"},
		{"stdlib", "pkg:golang/stdlib@1.26.0", "the Go distribution"},
		{"left-pad", "pkg:npm/left-pad@1.0.0", "pkg:npm"},
		{"b", "pkg:npm/%40a/b@1.0.0", "pkg:npm/%40a"},
		{"b", "pkg:npm/%40a/b@1.0.0?repository_url=https://x/y", "pkg:npm/%40a"},
	} {
		if got := origin(&sbom.Component{Name: tt.name, PURL: tt.purl}); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.purl, got, tt.want)
		}
	}
}
