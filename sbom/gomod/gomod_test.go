package gomod

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

func TestPURL(t *testing.T) {
	for _, test := range []struct{ path, version, want string }{
		{"example.com/a", "v1.2.3", "pkg:golang/example.com/a@v1.2.3"},
		{"example.com/a", "", "pkg:golang/example.com/a"},
		{"stdlib", "1.26.8", "pkg:golang/stdlib@1.26.8"},
		{"github.com/BurntSushi/toml", "v1.5.0", "pkg:golang/github.com/BurntSushi/toml@v1.5.0"},
		{"github.com/docker/docker", "v28.0.0+incompatible", "pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible"},
		{"example.com/a", "v1.2.4-0.20261121104830-bcb64c912b21+dirty", "pkg:golang/example.com/a@v1.2.4-0.20261121104830-bcb64c912b21%2Bdirty"},
		{"example.com/~x/c++_y", "v0.0.0-rc.1", "pkg:golang/example.com/~x/c%2B%2B_y@v0.0.0-rc.1"},
		{"example.com/a:b", "v1", "pkg:golang/example.com/a:b@v1"},
		{"example.com/@ ?#%é", "v1/2", "pkg:golang/example.com/%40%20%3F%23%25%C3%A9@v1%2F2"},
	} {
		if got := PURL(test.path, test.version); got != test.want {
			t.Errorf("PURL(%q, %q)\n got %s\nwant %s", test.path, test.version, got, test.want)
		}
	}
}

func TestGoVersion(t *testing.T) {
	for _, test := range []struct{ version, want string }{
		{"go1.26.8", "go1.26.8"},
		{"go1.20", "go1.20"},
		{"go1.27rc1", "go1.27rc1"},
		{"go1.26.8-X:jsonv2", "go1.26.8"},
		{"go1.25.4 X:jsonv2,greenteagc", "go1.25.4"},
		{"go1.22.2 (Red Hat 1.22.2-1.el9)", "go1.22.2"},
		{"devel go1.27-9d3a6b1 Thu Nov 12 10:00:00 2026 +0000", ""},
		{"go1.27-devel_9d3a6b1", ""},
		{"go1.27-devel_9d3a6b1-X:jsonv2", ""},
		{"go1.26.8-company", ""},
		{"unknown", ""},
		{"", ""},
	} {
		s, c := stdlib(test.version), toolchain(test.version, "linux-amd64")
		if test.want == "" && (s.PURL != "pkg:golang/stdlib" || s.Version != "" || c.PURL != "pkg:golang/golang.org/toolchain" || c.Version != "") {
			t.Errorf("%q: got %s and %s, want no versions", test.version, s.PURL, c.PURL)
		}
		if test.want == "go1.26.8" && (s.PURL != "pkg:golang/stdlib@1.26.8" || c.PURL != "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64") {
			t.Errorf("%q: got %s and %s", test.version, s.PURL, c.PURL)
		}
	}
}

func TestSplitFlags(t *testing.T) {
	for _, test := range []struct {
		goflags string
		want    []string
	}{
		{"", nil},
		{"-mod=mod", []string{"-mod=mod"}},
		{" -trimpath\t-mod=vendor ", []string{"-trimpath", "-mod=vendor"}},
		{"'-mod=mod'", []string{"-mod=mod"}},
		{`"-ldflags=-X main.a=-mod=mod" -tags=x,y`, []string{"-ldflags=-X main.a=-mod=mod", "-tags=x,y"}},
		{`'-ldflags=-s -w''-tags=x y'`, []string{"-ldflags=-s -w", "-tags=x y"}},
	} {
		if got, err := splitFlags(test.goflags); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("splitFlags(%q) = %q, %v, want %q", test.goflags, got, err, test.want)
		}
	}
	if got, err := splitFlags("-a '-tags=unfinished"); err == nil {
		t.Errorf("unterminated quote: got %q", got)
	}
}

// getenv returns the environment of the test without what a user may have set
// for the go command, and with the given variables.
func getenv(vars ...string) func(string) string {
	m := map[string]string{"GOFLAGS": "-buildvcs=false", "GOWORK": "off", "GOEXPERIMENT": "", "GOFIPS140": "", "GOOS": "", "GOARCH": "", "CGO_ENABLED": "0"}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		m[name] = value
	}
	return func(name string) string {
		if v, ok := m[name]; ok {
			return v
		}
		return os.Getenv(name)
	}
}

// writeFiles makes a directory of files, of which names and texts alternate.
func writeFiles(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for pair := range slices.Chunk(files, 2) {
		name := filepath.Join(dir, filepath.FromSlash(pair[0]))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(pair[1]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goCommand runs the go command in dir, with the environment that [Load] gets
// but without the network, and returns what it prints.
func goCommand(t testing.TB, dir string, getenv func(string) string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOFLAGS", "GOWORK", "GOOS", "GOARCH", "GOEXPERIMENT", "CGO_ENABLED"} {
		if v := getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, "GOENV=off", "GOPROXY=off", "GOTOOLCHAIN=local")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// treeDigest returns a digest of all names, modes and bytes in dir.
func treeDigest(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(h, path, info.Mode(), info.ModTime())
		if e.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			h.Write(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// summary renders what a Document says in lines that a person can check.
// Go versions and the host, which differ from machine to machine, are replaced.
func summary(t *testing.T, d *sbom.Document) string {
	t.Helper()
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	var b strings.Builder
	line := func(c *sbom.Component) {
		fmt.Fprintf(&b, "%s %s %s [%s]", c.Scope, c.Type, c.Name, c.Ref)
		for _, digest := range c.Digests {
			fmt.Fprintf(&b, " %s", digest.H1())
		}
		if c.Replaces != "" {
			fmt.Fprintf(&b, " for %s", c.Replaces)
		}
		for _, p := range c.Properties {
			fmt.Fprintf(&b, " %s=%s", p.Name, p.Value)
		}
		if c.Requirements != "" {
			fmt.Fprintf(&b, " %s", c.Requirements)
		}
		b.WriteByte('\n')
		if c.Ref != c.PURL && !strings.HasPrefix(c.Ref, c.PURL) {
			t.Errorf("%s: PURL %s", c.Ref, c.PURL)
		}
	}
	line(&d.Main)
	for i := range d.Components {
		line(&d.Components[i])
	}
	for _, e := range d.Edges {
		fmt.Fprintf(&b, "%s → %s\n", e.From, e.To)
	}
	for _, p := range d.Properties {
		fmt.Fprintf(&b, "%s=%s\n", p.Name, p.Value)
	}
	for _, u := range d.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", u)
	}
	text := b.String()
	for _, c := range d.Components {
		switch {
		case c.Version == "":
		case c.Name == toolchainName:
			text = strings.ReplaceAll(text, c.Version, "TOOLCHAIN")
		case c.Name == stdlibName:
			text = strings.ReplaceAll(text, "stdlib@"+c.Version, "stdlib@GO")
		}
	}
	return strings.ReplaceAll(text, "GoVersion="+property(d.Properties, "GoVersion"), "GoVersion=GO")
}

// diff returns the lines that only one of two texts has.
func diff(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var b strings.Builder
	for _, line := range g {
		if !slices.Contains(w, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	for _, line := range w {
		if !slices.Contains(g, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	return b.String()
}

// Two directories that hold a module of the same name stay two components.
func TestSetRef(t *testing.T) {
	taken := make(map[string]bool)
	var refs []string
	for _, replaced := range []string{"example.com/a", "example.com/b"} {
		m := moduleUse{path: "example.com/fork", replacedPath: replaced, replacedVersion: "v1.0.0", origin: "directory"}
		c, err := m.component()
		if err != nil {
			t.Fatal(err)
		}
		setRef(&c, taken)
		refs = append(refs, c.Ref)
	}
	want := []string{"pkg:golang/example.com/fork", "pkg:golang/example.com/fork?replaces=example.com/b@v1.0.0"}
	if !slices.Equal(refs, want) || len(slices.Collect(maps.Keys(taken))) != 2 {
		t.Errorf("got %q, want %q", refs, want)
	}
}

func TestAbsolute(t *testing.T) {
	for path, want := range map[string]bool{"../lib": false, "./lib": false, `..\lib`: false, "/home/me/lib": true, `C:\lib`: true, "c:/lib": true, `\\host\lib`: true} {
		if got := absolute(path); got != want {
			t.Errorf("absolute(%q) = %v", path, got)
		}
	}
}
