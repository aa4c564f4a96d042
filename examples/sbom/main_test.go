package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// newModule writes a module that uses another one on Windows only.
func newModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "app/go.mod", "module example.com/app\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n")
	write(t, dir, "app/main.go", "package main\n\nfunc main() {}\n")
	write(t, dir, "app/main_windows.go", "package main\n\nimport _ \"example.com/lib\"\n")
	write(t, dir, "app/main_extra.go", "//go:build extra\n\npackage main\n\nimport _ \"example.com/lib\"\n")
	write(t, dir, "lib/go.mod", "module example.com/lib\n\ngo 1.26\n")
	write(t, dir, "lib/lib.go", "package lib\n")
	return filepath.Join(dir, "app")
}

// names runs the program and returns the names in what it writes.
func names(t *testing.T, format string, args ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sbom.json")
	if err := run(t.Context(), append([]string{"-format", format, "-o", file}, args...)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SpecVersion string
		SPDXVersion string
		Metadata    struct {
			Timestamp string
			Component struct{ Name string }
		}
		Components []struct{ Name string }
		Packages   []struct{ Name string }
		Creation   struct{ Created string } `json:"creationInfo"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	all := []string{doc.SpecVersion + doc.SPDXVersion, doc.Metadata.Timestamp + doc.Creation.Created}
	if doc.Metadata.Component.Name != "" {
		all = append(all, doc.Metadata.Component.Name)
	}
	for _, c := range append(doc.Components, doc.Packages...) {
		all = append(all, c.Name)
	}
	return all
}

func TestFormats(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir := newModule(t)
	binary := filepath.Join(t.TempDir(), "app")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags=extra", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, tt := range []struct {
		format string
		args   []string
		want   string
	}{
		{"cyclonedx-json", []string{"-target", "linux/amd64", dir}, "1.6 2023-11-14T22:13:20Z example.com/app golang.org/toolchain stdlib"},
		{"cyclonedx-json@1.6", []string{"-target", "windows/arm64", dir}, "1.6 2023-11-14T22:13:20Z example.com/app example.com/lib golang.org/toolchain stdlib"},
		{"cyclonedx-json", []string{"-target", "linux/amd64", "-tags", "extra", "-package", ".", dir}, "1.6 2023-11-14T22:13:20Z example.com/app example.com/lib golang.org/toolchain stdlib"},
		{"spdx-json", []string{"-target", "linux/amd64", dir}, "SPDX-2.3 2023-11-14T22:13:20Z example.com/app golang.org/toolchain stdlib"},
		{"spdx-json@2.3", []string{binary}, "SPDX-2.3 2023-11-14T22:13:20Z example.com/app example.com/lib golang.org/toolchain stdlib"},
		{"cyclonedx-json", []string{binary}, "1.6 2023-11-14T22:13:20Z example.com/app example.com/lib golang.org/toolchain stdlib"},
	} {
		if got := strings.Join(names(t, tt.format, tt.args...), " "); got != tt.want {
			t.Errorf("%s %q:\n got %s\nwant %s", tt.format, tt.args, got, tt.want)
		}
	}
}

// The modules of the running test are in the module cache, or it could not have
// been built. Whether the cache knows the checksum database depends on how
// they came there.
func TestVerify(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	modCache, gopath := goEnv(t, "GOMODCACHE"), goEnv(t, "GOPATH")
	t.Setenv("GOPATH", gopath)
	t.Setenv("GOMODCACHE", modCache)
	file := filepath.Join(t.TempDir(), "sbom.json")
	if err := run(t.Context(), []string{"-verify", "-distribution", "https://modules.example", "-o", file, binary}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components []struct {
			Name               string
			Properties         []struct{ Name, Value string }
			ExternalReferences []struct{ URL, Type string }
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, c := range doc.Components {
		for _, p := range c.Properties {
			if p.Name == "hallmark:go:verification" {
				verified++
				if p.Value != "recomputed" && p.Value != "included" {
					t.Errorf("%s is %s", c.Name, p.Value)
				}
				if len(c.ExternalReferences) != 1 || !strings.HasPrefix(c.ExternalReferences[0].URL, "https://modules.example/") {
					t.Errorf("%s: external references %v", c.Name, c.ExternalReferences)
				}
			}
		}
	}
	if verified < 2 {
		t.Errorf("%d of %d components are verified", verified, len(doc.Components))
	}

	// A module that has other files.
	t.Setenv("GOMODCACHE", t.TempDir())
	write(t, os.Getenv("GOMODCACHE"), "github.com/!cyclone!d!x/cyclonedx-go@v0.12.0/x.go", "package x")
	if err := run(t.Context(), []string{"-verify", "-o", file + ".2", binary}); !errors.Is(err, cli.ErrFindings) {
		t.Errorf("got %v, want findings", err)
	}
	if _, err := os.Stat(file + ".2"); err == nil {
		t.Error("a document was written")
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestLicenses(t *testing.T) {
	dir := newModule(t)
	write(t, dir, "LICENSE", "Only for those who ask.\n")
	write(t, filepath.Dir(dir), "lib/LICENSE.txt", "Only for friends.\n")
	binary := filepath.Join(t.TempDir(), "app")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags=extra", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, tt := range []struct {
		args []string
		want string // what is declared, for each package
	}{
		{[]string{dir}, "example.com/app NOASSERTION, golang.org/toolchain NOASSERTION, stdlib NOASSERTION"},
		{
			[]string{"-licenses", "-tags", "extra", dir},
			"example.com/app LicenseRef-sha256-…, example.com/lib LicenseRef-sha256-…, golang.org/toolchain BSD-3-Clause, stdlib BSD-3-Clause",
		},
		{[]string{"-licenses", binary}, "example.com/app NOASSERTION, example.com/lib NOASSERTION, golang.org/toolchain NOASSERTION, stdlib BSD-3-Clause"},
	} {
		file := filepath.Join(t.TempDir(), "sbom.json")
		if err := run(t.Context(), append([]string{"-format", "spdx-json", "-o", file}, tt.args...)); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Packages []struct{ Name, LicenseDeclared, LicenseConcluded string }
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range doc.Packages {
			if ref, sum, ok := strings.Cut(p.LicenseDeclared, "sha256-"); ok && len(sum) == 64 {
				p.LicenseDeclared = ref + "sha256-…"
			}
			got = append(got, p.Name+" "+p.LicenseDeclared)
			if p.LicenseConcluded != "NOASSERTION" {
				t.Errorf("%s is concluded to be %s", p.Name, p.LicenseConcluded)
			}
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func TestBadInput(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "")
	dir := newModule(t)
	text := write(t, t.TempDir(), "notes.txt", "no binary")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	broken := write(t, t.TempDir(), "sbom.json", `{"bomFormat": "CycloneDX", "specVersion"`)
	rules := write(t, t.TempDir(), "rules.json", `{"producers": [{"nane": "Acme"}]}`)
	contrary := write(t, t.TempDir(), "rules.json", `{"producers": [{"prefix": "a", "name": "x"}, {"prefix": "a", "name": "y"}]}`)
	known := write(t, t.TempDir(), "rules.json", `{"components": [{"purl": "pkg:golang/example.com/app", "type": "library", "name": "app", "scope": "runtime"}]}`)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name  string
		ctx   context.Context
		args  []string
		epoch string
		want  string
	}{
		{name: "nothing", want: "want one directory, binary or document"},
		{name: "two", args: []string{dir, dir}, want: "want one directory, binary or document"},
		{name: "flag", args: []string{"-licence", dir}, want: "-licence"},
		{name: "format", args: []string{"-format", "cyclonedx-json@1.3", dir}, want: "cyclonedx-json@1.3"},
		{name: "format of SPDX", args: []string{"-format", "spdx-json@3.0", dir}, want: "spdx-json@3.0"},
		{name: "profile", args: []string{"-check", "ntia", dir}, want: "want one of bsi-2.1"},
		{name: "check of nothing", args: []string{"-check", "", dir}, want: "-check: empty"},
		{name: "rules of nothing", args: []string{"-rules", "", dir}, want: "-rules: empty"},
		{name: "why and check", args: []string{"-why", "example.com/lib", "-check", "ntia-2021", dir}, want: "-o, -check, -diff or -why: one of them"},
		{name: "two answers", args: []string{"-check", "ntia-2021", "-diff", text, dir}, want: "one of them"},
		{name: "no document", args: []string{broken}, want: "malformed SBOM"},
		{name: "package of a document", args: []string{"-package", ".", broken}, want: "is a document: -package is for directories"},
		{name: "licences of a document", args: []string{"-licenses", broken}, want: "is a document: -licenses is for directories and binaries"},
		{name: "licences of nothing", args: []string{"-licenses", t.TempDir()}, want: "no go.mod"},
		{name: "target", args: []string{"-target", "linux", dir}, want: "GOOS/GOARCH"},
		{name: "unknown target", args: []string{"-target", "linux/pdp11", dir}, want: "linux/pdp11"},
		{name: "missing", args: []string{filepath.Join(dir, "gone")}, want: "gone"},
		{name: "no module", args: []string{t.TempDir()}, want: "no go.mod"},
		{name: "empty", args: []string{write(t, t.TempDir(), "app", "")}, want: "app: empty file"},
		{name: "neither", args: []string{text}, want: "notes.txt: neither a Go binary nor a JSON document: malformed SBOM: $ (byte 0)"},
		{name: "XML", args: []string{write(t, t.TempDir(), "sbom.xml", "<?xml version=\"1.0\"?><bom/>")}, want: "neither a Go binary nor a JSON document"},
		{name: "byte order mark", args: []string{write(t, t.TempDir(), "sbom.json", "\ufeff{}")}, want: "neither a Go binary nor a JSON document"},
		{name: "UTF-16", args: []string{write(t, t.TempDir(), "sbom.json", "\xff\xfe{\x00}\x00")}, want: "neither a Go binary nor a JSON document"},
		{name: "no binary", args: []string{write(t, t.TempDir(), "data", "\x00\x01\x02\x03\x04\x05\x06\x07")}, want: "data: malformed binary"},

		{name: "target of a binary", args: []string{"-target", "linux/amd64", text}, want: "-target is for directories"},
		{name: "unredacted directory", args: []string{"-unredacted", dir}, want: "-unredacted is for binaries"},
		{name: "private alone", args: []string{"-private", "example.com", dir}, want: "-private is for -sources"},
		{name: "two versions", args: []string{"-version", "v1.0.0", "-vcs", dir}, want: "not both"},
		{name: "vendor of nothing", args: []string{"-vendor", dir}, want: "no vendor directory"},
		{name: "why nothing", args: []string{"-why", "../x", dir}, want: "malformed module name"},
		{name: "why and sources", args: []string{"-why", "example.com/lib", "-sources", dir}, want: "-why checks and writes nothing"},
		{name: "no such binary", args: []string{"-binary", filepath.Join(dir, "gone"), dir}, want: "gone"},
		{name: "binary for one of two", args: []string{"-binary", binary, "-target", "linux/amd64", "-target", "windows/amd64", dir}, want: "is for 1 targets, and the document for 2"},
		{name: "binary that is none", args: []string{"-binary", text, dir}, want: "malformed binary"},
		{name: "package", args: []string{"-package", "./gone", dir}, want: "gone"},
		{name: "distribution alone", args: []string{"-distribution", "https://modules.example", dir}, want: "-distribution is for -verify"},
		{name: "distribution with a password", args: []string{"-verify", "-distribution", "https://me:secret@modules.example", dir}, want: "without a user"},
		{name: "rules and why", args: []string{"-rules", rules, "-why", "example.com/lib", dir}, want: "-why checks and writes nothing"},
		{name: "no such rules", args: []string{"-rules", filepath.Join(dir, "gone"), dir}, want: "gone: no such file"},
		{name: "rules in a directory", args: []string{"-rules", dir, dir}, want: "is a directory"},
		{name: "rules cut off", args: []string{"-rules", broken, dir}, want: "sbom.json: malformed rules: $.bomFormat (byte 13): unknown member"},
		{name: "unknown rule", args: []string{"-rules", rules, dir}, want: "rules.json: malformed rules: $.producers[0].nane (byte 23): unknown member"},
		{name: "rules that contradict", args: []string{"-rules", contrary, dir}, want: `a second rule about the producer of "a"`},
		{name: "rules at odds with the document", args: []string{"-rules", known, "-target", "linux/amd64", dir}, want: "component pkg:golang/example.com/app: it is in the document already"},
		{name: "time", epoch: "yesterday", args: []string{dir}, want: "SOURCE_DATE_EPOCH"},
		{name: "output", args: []string{"-o", filepath.Join(dir, "no", "such", "file"), dir}, want: filepath.Join("no", "such", "file") + ": no such file"},
		{name: "cancelled", ctx: cancelled, args: []string{dir}, want: "canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", tt.epoch)
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			file := filepath.Join(t.TempDir(), "sbom.json")
			args := tt.args
			if !slices.Contains(args, "-why") {
				args = append([]string{"-o", file}, args...)
			}
			err := run(ctx, args)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What a Document can have besides, and what it can be held against.
func TestFlags(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir := newModule(t)
	above := filepath.Dir(dir)
	write(t, dir, "main_test.go", "package main\n\nimport _ \"example.com/lib\"\n")
	write(t, dir, "LICENSE", "Only for those who ask.\n")
	build := func(name string, args ...string) string {
		t.Helper()
		binary := filepath.Join(t.TempDir(), name)
		cmd := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", binary}, args...), ".")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		return binary
	}
	plain, extra := build("plain"), build("extra", "-tags=extra")
	text := func(args ...string) (string, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "sbom.json")
		if err := run(t.Context(), append([]string{"-o", file}, args...)); err != nil {
			return "", err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		return string(data), nil
	}
	for _, tt := range []struct {
		args []string
		want []string // each in the document; or not, with ! before it
	}{
		{[]string{dir}, []string{"!example.com/lib", `"pre-build"`}},
		{[]string{"-tests", dir}, []string{"example.com/lib", `"value": "test"`}},
		{[]string{"-graph", dir}, []string{"example.com/lib", `"value": "graph"`, "hallmark:edge:requirement"}},
		{[]string{"-target", "linux/amd64", "-target", "windows/amd64", dir}, []string{"example.com/lib", "hallmark:target", `"value": "windows/amd64"`}},
		{[]string{dir}, []string{"!bsi:component"}},
		{[]string{plain}, []string{`"bsi:component:executable"`, `"bsi:component:filename"`, `"value": "plain"`, "!" + filepath.Dir(plain)}},
		{[]string{"-format", "spdx-json@3.0.1", plain}, []string{`"name":"plain"`, `"software_additionalPurpose":["executable"]`}},
		{[]string{"-binary", plain, dir}, []string{"!example.com/lib", `"build"`, `"bsi:component:executable"`}},
		{[]string{"-binary", extra, "-tags", "extra", dir}, []string{"example.com/lib", `"build"`}},
		{[]string{"-version", "v1.2.3", dir}, []string{"example.com/app@v1.2.3", "versionFrom"}},
		{[]string{"-verify", "-releases", "-cache", filepath.Join(above, "cache"), "-licenses", dir}, []string{"LicenseRef-"}},
		{[]string{"-embedded", dir}, []string{"!example.com/lib"}},
		{[]string{"-unredacted", extra}, []string{"example.com/lib", `"post-build"`}},
	} {
		got, err := text(tt.args...)
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		for _, want := range tt.want {
			if s, not := strings.CutPrefix(want, "!"); strings.Contains(got, s) == not {
				t.Errorf("%q: want %s in\n%s", tt.args, want, got)
			}
		}
	}
	first, err := text("-licenses", dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := text("-licenses", "-cache", filepath.Join(above, "cache"), dir); err != nil || got != first {
			t.Errorf("with a cache: %v, got\n%s\nwant\n%s", err, got, first)
		}
	}

	for _, args := range [][]string{
		{"-binary", extra, dir},
		{"-sources", dir}, // the replace directive
	} {
		if _, err := text(args...); !errors.Is(err, cli.ErrFindings) {
			t.Errorf("%q: got %v, want findings", args, err)
		}
	}
	vendor := exec.Command("go", "mod", "vendor")
	vendor.Dir = dir
	if out, err := vendor.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if got, err := text("-vendor", "-tags", "extra", dir); err != nil || !strings.Contains(got, `"value": "vendor"`) {
		t.Errorf("vendored: %v\n%s", err, got)
	}
	write(t, dir, "vendor/example.com/lib/lib.go", "package lib\n\nfunc init() {}\n")
	if _, err := text("-vendor", "-tags", "extra", dir); !errors.Is(err, cli.ErrFindings) {
		t.Errorf("a vendored file was changed: %v", err)
	}
}

// A document is written in every format and read again; it is checked and compared.
func TestDocuments(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir, tmp := newModule(t), t.TempDir()
	file := func(name string) string { return filepath.Join(tmp, name) }
	sbom := func(args ...string) (stdout string, err error) {
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
	if _, err := sbom("-tests", "-target", "linux/amd64", "-target", "windows/amd64", "-o", file("first.json"), dir); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(file("first.json"))
	if err != nil {
		t.Fatal(err)
	}
	from := "first.json"
	for _, format := range []string{"spdx-json@2.3", "cyclonedx-json@1.4", "spdx-json@3.0.1", "cyclonedx-json@1.7", "cyclonedx-json@1.5", "cyclonedx-json@1.6"} {
		// The clock has gone on, but the document is the one that it was.
		t.Setenv("SOURCE_DATE_EPOCH", "1800000000")
		if _, err := sbom("-format", format, "-o", file(format), file(from)); err != nil {
			t.Fatalf("%s to %s: %v", from, format, err)
		}
		if got, err := sbom("-diff", file("first.json"), file(format)); err != nil || got != "" {
			t.Errorf("%s: %v, and the difference is\n%s", format, err, got)
		}
		from = format
	}
	if last, err := os.ReadFile(file(from)); err != nil || string(last) != string(first) {
		t.Errorf("after all formats: %v, got\n%s\nwant\n%s", err, last, first)
	}

	if got, err := sbom("-diff", file("first.json"), "-target", "linux/amd64", dir); !errors.Is(err, cli.ErrFindings) || !strings.Contains(got, "example.com/lib") {
		t.Errorf("another target: %v, and the difference is\n%s", err, got)
	}
	for _, profile := range []string{"cra-2024", "bsi-2.1"} {
		got, err := sbom("-check", profile, file("first.json"))
		if want := profile == "bsi-2.1"; errors.Is(err, cli.ErrFindings) != want || !want && err != nil || !strings.Contains(got, profile) {
			t.Errorf("%s: %v\n%s", profile, err, got)
		}
		if again, _ := sbom("-check", profile, dir); again == "" {
			t.Errorf("%s: nothing is said of a directory", profile)
		}
	}
}

// git says which version it is.
func TestVersionOfCheckout(t *testing.T) {
	dir := newModule(t)
	for _, args := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=Me", "-c", "user.email=me@example.com", "commit", "-q", "-m", "first"},
		{"tag", "v1.4.0"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	if got := strings.Join(names(t, "spdx-json", "-vcs", dir), " "); !strings.Contains(got, "example.com/app") {
		t.Error(got)
	}
	file := filepath.Join(t.TempDir(), "sbom.json")
	if err := run(t.Context(), []string{"-vcs", "-o", file, dir}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), "example.com/app@v1.4.0") {
		t.Errorf("%v\n%s", err, data)
	}
}

// Why prints, and writes nothing.
func TestWhy(t *testing.T) {
	dir := newModule(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	err = run(t.Context(), []string{"-why", "example.com/lib", "-target", "linux/amd64", dir})
	os.Stdout = stdout
	w.Close()
	got, rerr := io.ReadAll(r)
	if err != nil || rerr != nil {
		t.Fatal(err, rerr)
	}
	if want := "example.com/lib v1.0.0: other target only, replaced by ../lib, by example.com/app/main_extra.go\n  example.com/app\n    example.com/lib\n"; string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A file that cannot take its name leaves the one that was there.
func TestOutputIsWhole(t *testing.T) {
	dir := newModule(t)
	file := write(t, t.TempDir(), "sbom.json", "as it was")
	if err := run(t.Context(), []string{"-o", file, "-package", "./gone", dir}); err == nil {
		t.Fatal("no error")
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "as it was" {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), []string{"-o", file, dir})
	if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Op != "replace" || e.Path != file {
		t.Errorf("got %v, want that a directory cannot be replaced", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// capture returns what f writes to a standard stream.
func capture(t *testing.T, stream **os.File, f func() error) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved := *stream
	*stream = w
	got := make(chan string)
	go func() {
		data, _ := io.ReadAll(r)
		got <- string(data)
	}()
	err = f()
	*stream = saved
	w.Close()
	return <-got, err
}

// Rules are applied to what is made and to what is converted, and those that are not
// applied are named.
func TestRules(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir, tmp := newModule(t), t.TempDir()
	rules := write(t, tmp, "rules.json", `{
		"authors": [{"name": "Acme", "email": "sbom@acme.example"}],
		"producers": [
			{"prefix": "pkg:golang/example.com", "name": "Acme", "url": "https://acme.example"},
			{"prefix": "pkg:golang/example.net", "name": "Nobody"}
		],
		"licenses": [{"prefix": "pkg:golang/example.com", "expression": "MIT", "reason": "old letter", "expires": "2023-11-14"}],
		"gaps": [{"prefix": "pkg:golang", "element": "producer", "kind": "unknown"}, {"prefix": "pkg:golang", "element": "version", "kind": "unknown"}]
	}`)
	others := write(t, tmp, "others.json", `{"producers": [{"prefix": "pkg:golang/example.com", "name": "Other"}]}`)
	const unused = ": producer pkg:golang/example.net: it is about no component\n"
	first, second := filepath.Join(tmp, "first.json"), filepath.Join(tmp, "second.json")
	for _, tt := range []struct {
		args []string
		want string // on standard error
	}{
		{[]string{"-rules", rules, "-o", first, dir}, rules + unused + rules + ": license pkg:golang/example.com: it has expired\n"},
		{[]string{"-o", second, dir}, ""},
		{[]string{"-rules", rules, "-o", second, second}, rules + unused + rules + ": license pkg:golang/example.com: it has expired\n"},
		{[]string{"-rules", others, "-o", filepath.Join(tmp, "third.json"), first}, others + ": producer pkg:golang/example.com: not applied to pkg:golang/example.com/app, of which the document says something else\n"},
	} {
		got, err := capture(t, &os.Stderr, func() error { return run(t.Context(), tt.args) })
		if err != nil || got != tt.want {
			t.Errorf("%q: %v, printed\n%s\nwant\n%s", tt.args, err, got, tt.want)
		}
	}
	var texts []string
	for _, file := range []string{first, second} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	if texts[0] != texts[1] {
		t.Errorf("made with rules:\n%s\nconverted with rules:\n%s", texts[0], texts[1])
	}
	for _, want := range []string{"sbom@acme.example", "https://acme.example", `"rule:producer"`, `"cdx:cisa:unknown-information"`} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("want %s in\n%s", want, texts[0])
		}
	}
	// Nothing is lost but what the other format has no place for.
	services := write(t, tmp, "services.json", `{"bomFormat": "CycloneDX", "specVersion": "1.6", "services": [{"name": "x"}]}`)
	got, err := capture(t, &os.Stderr, func() error {
		return run(t.Context(), []string{"-format", "spdx-json", "-o", second, services})
	})
	if err != nil || !strings.HasPrefix(got, "lost /services: ") {
		t.Errorf("%v, printed\n%s", err, got)
	}
	got, err = capture(t, &os.Stdout, func() error { return run(t.Context(), []string{"-rules", rules, "-check", "bsi-2.1", dir}) })
	if !errors.Is(err, cli.ErrFindings) || strings.Contains(got, "\nCreator of the SBOM: ") || !strings.Contains(got, "\nComponent version: ") {
		t.Errorf("%v, printed\n%s", err, got)
	}
}
