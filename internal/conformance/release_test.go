package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/vuln/scan"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/release"
)

// TestGoTest: the go command runs the tests of a module in which everything
// happens that can, and what is read of its output is what happened.
func TestGoTest(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.24\n",
		"ok/ok_test.go": `package ok

import (
	"fmt"
	"os"
	"testing"
)

func TestA(t *testing.T) {
	t.Run("sub one", func(t *testing.T) {})
	t.Run("parallel", func(t *testing.T) { t.Parallel() })
}
func TestSkipped(t *testing.T)   { t.Skip("no") }
func TestNoNewline(t *testing.T) { fmt.Print("no newline"); fmt.Fprint(os.Stderr, "nor here") }
func TestFake(t *testing.T) {
	fmt.Println("{\"Action\":\"fail\",\"Package\":\"example.com/m/ok\",\"Test\":\"TestA\"}")
	fmt.Println("--- FAIL: TestA (0.00s)")
	fmt.Println("FAIL")
}
func FuzzF(f *testing.F) {
	f.Add("a")
	f.Fuzz(func(t *testing.T, s string) {})
}
func Example() {
	fmt.Println("hi")
	// Output: hi
}
func BenchmarkB(b *testing.B) { for i := 0; i < b.N; i++ {} }
`,
		"bad/bad_test.go": `package bad

import "testing"

func TestGood(t *testing.T) {}
func TestBad(t *testing.T)  { t.Run("sub", func(t *testing.T) { t.Error("bad") }) }
`,
		"panics/panics_test.go": `package panics

import "testing"

func TestFirst(t *testing.T) {}
func TestPanic(t *testing.T) { t.Run("sub", func(t *testing.T) { panic("x") }) }
func TestLater(t *testing.T) {}
`,
		"exits/exits_test.go": `package exits

import (
	"os"
	"testing"
)

func TestExit(t *testing.T) { os.Exit(0) }
`,
		"hangs/hangs_test.go": `package hangs

import (
	"testing"
	"time"
)

func TestHang(t *testing.T) { time.Sleep(time.Hour) }
`,
		"main/main_test.go": `package main

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { m.Run(); os.Exit(3) }
func TestA(t *testing.T)    {}
`,
		"nobuild/nobuild_test.go": "package nobuild\n\nfunc TestA(t *testing.T) {}\n",
		"noimport/noimport.go":    "package noimport\n\nimport _ \"example.com/none\"\n",
		"noimport/a_test.go":      "package noimport\n",
		"vet/vet_test.go": `package vet

import (
	"fmt"
	"testing"
)

func TestA(t *testing.T) { fmt.Printf("%d", "x") }
`,
		"empty/empty_test.go": "package empty\n",
		"none/none.go":        "package none\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) *provenance.TestResult {
		t.Helper()
		stdout, stderr := goTest(t, dir, args...)
		got, err := release.ReadGoTest(bytes.NewReader(stdout), release.GoTestOptions{})
		if err != nil {
			t.Fatalf("go test -json %v: %v\n%s\n%s", args, err, stdout, stderr)
		}
		// Cut off anywhere, it is not taken for a run that passed.
		for n := range bytes.Count(stdout, []byte("\n")) {
			cut := bytes.Join(bytes.SplitAfter(stdout, []byte("\n"))[:n], nil)
			if r, err := release.ReadGoTest(bytes.NewReader(cut), release.GoTestOptions{Packages: []string{"example.com/m/ok"}}); err == nil && r.Result != got.Result && r.Result == provenance.Passed {
				t.Errorf("go test -json %v, cut after %d lines: PASSED", args, n)
			}
		}
		return got
	}

	passed := []string{
		"example.com/m/ok.Example", "example.com/m/ok.FuzzF", "example.com/m/ok.FuzzF/seed#0", "example.com/m/ok.TestA", "example.com/m/ok.TestA/parallel",
		"example.com/m/ok.TestA/sub_one", "example.com/m/ok.TestFake", "example.com/m/ok.TestNoNewline",
	}
	for _, args := range [][]string{{"./ok", "./none", "./empty"}, {"-bench=.", "-benchtime=1x", "./ok"}, {"-count=3", "./ok"}} {
		r := run(args...)
		if r.Result != provenance.Warned || !slices.Equal(r.Passed, passed) || !slices.Equal(r.Warned, []string{"example.com/m/ok.TestSkipped"}) || r.Failed != nil {
			t.Errorf("%v: got %+v", args, r)
		}
	}
	if r := run("-skip=TestSkipped", "./ok"); r.Result != provenance.Passed || !slices.Equal(r.Passed, passed) || r.Warned != nil {
		t.Errorf("-skip: got %+v", r)
	}
	if r := run("-run=^$", "-fuzz=FuzzF", "-fuzztime=5x", "./ok"); r.Result != provenance.Passed || !slices.Equal(r.Passed, []string{"example.com/m/ok.FuzzF"}) {
		t.Errorf("-fuzz: got %+v", r)
	}
	if r := run("-timeout=100ms", "./hangs"); r.Result != provenance.Failed || !slices.Equal(r.Failed, []string{"example.com/m/hangs.TestHang"}) {
		t.Errorf("-timeout: got %+v", r)
	}
	if err := os.RemoveAll(filepath.Join(dir, "hangs")); err != nil {
		t.Fatal(err)
	}
	all := run("./...")
	failed := []string{
		"example.com/m/bad.TestBad", "example.com/m/bad.TestBad/sub", "example.com/m/exits.TestExit", "example.com/m/main",
		"example.com/m/nobuild", "example.com/m/noimport", "example.com/m/panics.TestPanic", "example.com/m/panics.TestPanic/sub", "example.com/m/vet",
	}
	if all.Result != provenance.Failed || !slices.Equal(all.Failed, failed) {
		t.Errorf("all: got %s %q\nwant %q", all.Result, all.Failed, failed)
	}
	for _, name := range append(passed, "example.com/m/bad.TestGood", "example.com/m/panics.TestFirst", "example.com/m/main.TestA") {
		if !slices.Contains(all.Passed, name) {
			t.Errorf("all: %s has not passed", name)
		}
	}
	if r := run("./missing"); r.Result != provenance.Failed || !slices.Equal(r.Failed, []string{"./missing"}) {
		t.Errorf("a package that is missing: got %+v", r)
	}
	for _, args := range [][]string{{"./none"}, {"./empty"}, {"-run=^$", "./ok"}} {
		stdout, _ := goTest(t, dir, args...)
		if r, err := release.ReadGoTest(bytes.NewReader(stdout), release.GoTestOptions{}); err == nil || !strings.Contains(err.Error(), "no test was run") {
			t.Errorf("%v: got %+v %v", args, r, err)
		}
	}

	// This module, as it is.
	stdout, _ := goTest(t, filepath.Join("..", ".."), "./internal/uuid", "./internal/strictjson")
	r, err := release.ReadGoTest(bytes.NewReader(stdout), release.GoTestOptions{Packages: []string{
		"github.com/hallmark-dev/hallmark/internal/uuid", "github.com/hallmark-dev/hallmark/internal/strictjson",
	}})
	if err != nil || r.Result != provenance.Passed || !slices.Contains(r.Passed, "github.com/hallmark-dev/hallmark/internal/strictjson.TestRefuses") {
		t.Errorf("this module: got %+v %v", r, err)
	}
}

// goTest returns what go test -json writes.
func goTest(t *testing.T, dir string, args ...string) (stdout, stderr []byte) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-json", "-buildvcs=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Fatalf("go test -json %v: %v\n%s", args, err, &errs)
		}
	}
	return out.Bytes(), errs.Bytes()
}

// TestGovulncheck: govulncheck scans a module, and its program, with a database of
// two vulnerabilities of the standard library, on disk. The database has the
// layout of https://go.dev/doc/security/vuln/database#api.
func TestGovulncheck(t *testing.T) {
	dir := t.TempDir()
	const modified = `"modified":"2026-01-02T03:04:05Z"`
	entry := func(id, pkg, symbol string) string {
		return `{"schema_version":"1.3.1","id":"` + id + `",` + modified + `,"aliases":["CVE-` + id[3:] + `"],"summary":"It fails","details":"It fails.",
			"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.9999.0"}]}],
			"ecosystem_specific":{"imports":[{"path":"` + pkg + `","symbols":["` + symbol + `"]}]}}]}`
	}
	stdlib := func(id string) string { return `{"id":"` + id + `",` + modified + `,"fixed":"1.9999.0"}` }
	for name, text := range map[string]string{
		"db/index/db.json":        `{` + modified + `}`,
		"db/index/modules.json":   `[{"path":"stdlib","vulns":[` + stdlib("GO-2099-0001") + `,` + stdlib("GO-2099-0002") + `,` + stdlib("GO-2099-0003") + `]}]`,
		"db/index/vulns.json":     `[{"id":"GO-2099-0001",` + modified + `},{"id":"GO-2099-0002",` + modified + `},{"id":"GO-2099-0003",` + modified + `}]`,
		"db/ID/GO-2099-0001.json": entry("GO-2099-0001", "net/url", "Parse"),
		"db/ID/GO-2099-0002.json": entry("GO-2099-0002", "net/url", "PathUnescape"),
		"db/ID/GO-2099-0003.json": entry("GO-2099-0003", "archive/zip", "OpenReader"),
		"none/index/db.json":      `{` + modified + `}`,
		"none/index/modules.json": `[]`,
		"none/index/vulns.json":   `[]`,
		"m/go.mod":                "module example.com/m\n\ngo 1.24\n",
		"m/main.go":               "package main\n\nimport \"net/url\"\n\nfunc main() { _, _ = url.Parse(\"x\") }\n",
		"broken/go.mod":           "module example.com/broken\n\ngo 1.24\n",
		"broken/main.go":          "package main\n\nfunc main() { undefined() }\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	program := filepath.Join(dir, "program.exe")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	build.Dir, build.Env = filepath.Join(dir, "m"), env
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d, err := hallmark.ParseDigest("sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	run := func(db string, args ...string) (v *provenance.Vulns, err, ran error) {
		var out, errs bytes.Buffer
		url := "file://" + filepath.ToSlash(filepath.Join(dir, db))
		cmd := scan.Command(t.Context(), append([]string{"-format", "json", "-db", url}, args...)...)
		cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ran = cmd.Wait()
		v, err = release.ReadGovulncheck(&out, at, at)
		return v, err, ran
	}
	module := func(name string) string { return filepath.Join(dir, name) }

	for _, c := range []struct {
		name, db string
		args     []string
		want     string
	}{
		{"symbols", "db", []string{"-C", module("m"), "./..."}, "GO-2099-0001 called [net/url] [net/url.Parse]; GO-2099-0002 imported [net/url]; GO-2099-0003 required"},
		{"packages", "db", []string{"-C", module("m"), "-scan", "package", "./..."}, "GO-2099-0001 imported [net/url]; GO-2099-0002 imported [net/url]; GO-2099-0003 required"},
		{"modules", "db", []string{"-C", module("m"), "-scan", "module"}, "GO-2099-0001 required; GO-2099-0002 required; GO-2099-0003 required"},
		{"a program", "db", []string{"-mode", "binary", program}, "GO-2099-0001 linked [net/url] [net/url.Parse]; GO-2099-0002 imported [net/url]; GO-2099-0003 required"},
		{"nothing known", "none", []string{"-C", module("m"), "./..."}, ""},
	} {
		v, err, ran := run(c.db, c.args...)
		if err != nil || ran != nil {
			t.Errorf("%s: %v, govulncheck: %v", c.name, err, ran)
			continue
		}
		var got []string
		for _, found := range v.Scanner.Vulnerabilities {
			a := found.Annotations[0]
			text := fmt.Sprint(found.ID, " ", a["found"])
			for _, list := range []string{"packages", "symbols"} {
				if a[list] != nil {
					text += fmt.Sprint(" ", a[list])
				}
			}
			got = append(got, text)
			if a["module"] != "stdlib" || a["fixedVersion"] != "v1.9999.0" || fmt.Sprint(found.Annotations[1]) != "map[aliases:[CVE-"+found.ID[3:]+"] summary:It fails]" {
				t.Errorf("%s: %v", c.name, found)
			}
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if v.Scanner.DB.URI != "" || !v.Scanner.DB.LastUpdate.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s: database %v", c.name, v.Scanner.DB)
		}
		v.Scanner.URI = release.GovulncheckURI // it is this test that scans
		if _, err := v.Statement(hallmark.Artifact{Name: "m", Digests: []hallmark.Digest{d}}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	// A scan that failed is no empty result.
	for _, c := range []struct {
		name, db string
		args     []string
	}{
		{"a package that is missing", "db", []string{"-C", module("m"), "./missing"}},
		{"a package with a fault", "db", []string{"-C", module("broken"), "./..."}},
		{"no module", "db", []string{"-C", module("db"), "./..."}},
		{"no package", "db", []string{"-C", module("m")}},
		{"no program", "db", []string{"-mode", "binary", module("m/main.go")}},
		{"no database", "missing", []string{"-C", module("m"), "./..."}},
		{"a query", "db", []string{"-mode", "query", "stdlib@v1.20.0"}},
	} {
		if v, err, ran := run(c.db, c.args...); err == nil {
			t.Errorf("%s: got %v, govulncheck: %v", c.name, v, ran)
		}
	}
	// An entry that the database does not have breaks the scan off.
	if err := os.Remove(module("db/ID/GO-2099-0002.json")); err != nil {
		t.Fatal(err)
	}
	if v, err, ran := run("db", "-C", module("m"), "./..."); err == nil {
		t.Errorf("half a database: got %v, govulncheck: %v", v, ran)
	}
}
