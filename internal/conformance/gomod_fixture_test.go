package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/mod/module"
	"golang.org/x/tools/txtar"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// TestGoModFixtures holds gomod against the go command, on the modules of
// testdata/gomod/cases, which require those of testdata/gomod/proxy. Three
// things must agree: what Load says of the sources, what "go version -m" and
// ReadBinary say of the program built from them, and the file "want", which a
// person can check. A case's text has these lines:
//
//	setup: ARGS         go ARGS is run in app, with the proxy
//	sums                go.sum has all modules of the proxy
//	workspace           go.work is used
//	package: ARG        what to load and build, "." if absent
//	target: GOOS/GOARCH
//	tags: TAG,TAG
//	env: NAME=VALUE     a variable, after the setup
//	remove: NAME        a file or directory of the module cache is removed, after the setup
//	nobuild             no program is built
//	onetarget           it is not loaded for other targets
//	error: TEXT         Load and the go command must fail, Load with this text
//
// A case without errors is also loaded for other targets, whole and in part, with no
// file to say what is wanted: the go command is judge enough.
func TestGoModFixtures(t *testing.T) {
	proxy := goproxytest.NewTestServer(t, filepath.Join("testdata", "gomod", "proxy"), "")
	modcache := t.TempDir()
	files, err := filepath.Glob(filepath.Join("testdata", "gomod", "cases", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := prepare(t, file, proxy.URL, modcache)
			dir, app, env := c.dir, c.app, c.env
			before := treeDigest(t, dir)

			env["GOPROXY"] = "off"
			o := gomod.Options{Getenv: getenv(env), Packages: []string{c.pattern}}
			if c.tags != "" {
				o.Targets = []gomod.Target{{Tags: strings.Split(c.tags, ",")}}
			}
			source, err := judgeSource(t, app, o)
			if treeDigest(t, dir) != before {
				t.Error("the sources were changed")
			}
			if len(c.errors) > 0 {
				if err == nil {
					t.Fatal("no error")
				}
				for _, text := range c.errors {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("got error %v\nwant %q in it", err, text)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := graph(source); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if got, want := edges(source), goListEdges(t, app, env, c.tags, c.pattern); !slices.Equal(got, want) {
				t.Errorf("edges: got\n%s\ngo list has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if c.build {
				judgeBinary(t, source, app, env, "-tags="+c.tags, c.pattern)
			}

			for _, target := range []string{"windows/arm64", "darwin/arm64", "js/wasm"} {
				if c.oneTarget {
					break
				}
				var other gomod.Target
				other.GOOS, other.GOARCH, _ = strings.Cut(target, "/")
				if c.tags != "" {
					other.Tags = strings.Split(c.tags, ",")
				}
				o.Targets = []gomod.Target{other}
				for _, o.Packages = range [][]string{{c.pattern}, nil} {
					judgeSource(t, app, o)
				}
			}
			o.Packages = []string{c.pattern}
			o.Targets = append(o.Targets, gomod.Target{})
			o.Tests, o.Tools, o.Embedded = true, true, true
			judgeSource(t, app, o)
			o.Targets, o.Graph = nil, true
			judgeSource(t, app, o)
		})
	}
}

// TestGoModMissing takes away what a Document needs: it must become an error
// that names it, not a shorter list.
func TestGoModMissing(t *testing.T) {
	proxy := goproxytest.NewTestServer(t, filepath.Join("testdata", "gomod", "proxy"), "")
	cases := filepath.Join("testdata", "gomod", "cases")
	load := func(c *fixture) error {
		_, err := gomod.Load(t.Context(), c.app, gomod.Options{Getenv: getenv(c.env), Packages: []string{c.pattern}})
		return err
	}

	modcache := t.TempDir()
	c := prepare(t, filepath.Join(cases, "plain.txtar"), proxy.URL, modcache)
	if err := load(c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.com/b@v1.0.0", "cache/download/example.com/b/@v/v1.0.0.zip"} {
		if err := os.RemoveAll(filepath.Join(modcache, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	if err := load(c); err == nil || !strings.Contains(err.Error(), "not in the module cache: example.com/b@v1.0.0") {
		t.Errorf("a module is not in the cache: got %v", err)
	}
	// The go command would extract a zip. Load writes nothing, and reads it.
	runGo(t, c.app, c.env, "mod", "download")
	o := gomod.Options{Getenv: getenv(c.env), Tests: true, Tools: true, Embedded: true}
	want, err := gomod.Load(t.Context(), c.app, o)
	if err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(modcache, filepath.FromSlash("cache/download/example.com/b/@v/v1.0.0.partial"))
	if err := os.WriteFile(partial, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"example.com/b@v1.0.0/go.mod", "example.com"} { // not complete, and not there at all
		if err := os.RemoveAll(filepath.Join(modcache, filepath.FromSlash(dir))); err != nil {
			t.Fatal(err)
		}
		if got, err := gomod.Load(t.Context(), c.app, o); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("without %s: got %v, %+v\nwant %+v", dir, err, got, want)
		}
	}
	if err := os.Remove(partial); err != nil {
		t.Fatal(err)
	}
	// What was recorded at the download is not what go.sum says.
	runGo(t, c.app, c.env, "mod", "download")
	for _, name := range []string{"v1.0.0.ziphash", "v1.0.0.mod"} {
		file := filepath.Join(modcache, filepath.FromSlash("cache/download/example.com/b/@v"), name)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append([]byte("x"), data...), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := load(c); err == nil || !strings.Contains(err.Error(), "example.com/b@v1.0.0") || !strings.Contains(err.Error(), "checksum mismatch") {
			t.Errorf("%s was changed: got %v", name, err)
		}
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Everything is there again, but for a sum.
	runGo(t, c.app, c.env, "mod", "download")
	if err := load(c); err != nil {
		t.Fatal(err)
	}
	sums := filepath.Join(c.app, "go.sum")
	data, err := os.ReadFile(sums)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "example.com/nomod v1.0.0 ") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(sums, []byte(kept.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	before := treeDigest(t, c.dir)
	if err := load(c); err == nil || !strings.Contains(err.Error(), "example.com/nomod") {
		t.Errorf("a module has no sum: got %v", err)
	}
	if treeDigest(t, c.dir) != before {
		t.Error("the sources were changed")
	}

	// In a workspace the go command adds missing sums to go.work.sum. What
	// GOPRIVATE matches it would not even check.
	c = prepare(t, filepath.Join(cases, "workspace.txtar"), proxy.URL, t.TempDir())
	if err := load(c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.work.sum", "app/go.sum", "lib/go.sum"} {
		if err := os.RemoveAll(filepath.Join(c.dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	c.env["GOPRIVATE"] = "example.com"
	before = treeDigest(t, c.dir)
	if err := load(c); err == nil || !strings.Contains(err.Error(), "example.com/a@v1.0.0") || !strings.Contains(err.Error(), "go.work.sum") {
		t.Errorf("a workspace has no sums: got %v", err)
	}
	if treeDigest(t, c.dir) != before {
		t.Error("the workspace was changed")
	}
}

// A fixture is a case, ready to be loaded.
type fixture struct {
	dir, app      string
	env           map[string]string
	pattern, tags string
	build         bool
	oneTarget     bool
	want          string
	errors        []string
}

// prepare writes the files of a case and runs its setup.
func prepare(t *testing.T, file, proxy, modcache string) *fixture {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &fixture{dir: t.TempDir(), pattern: ".", build: true}
	c.app = filepath.Join(c.dir, "app")
	c.env = map[string]string{
		"GOMODCACHE": modcache, "GOFLAGS": "-modcacherw", "GOSUMDB": "off", "GOPROXY": proxy,
		"GOWORK": "off", "CGO_ENABLED": "0", "GOOS": "", "GOARCH": "", "GOEXPERIMENT": "", "GOFIPS140": "", "GOPRIVATE": "", "GONOPROXY": "", "GONOSUMDB": "",
	}
	for _, f := range archive.Files {
		if f.Name == "want" {
			c.want = string(f.Data)
			continue
		}
		name := filepath.Join(c.dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var setups, vars, remove []string
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "setup":
			setups = append(setups, value)
		case "workspace":
			c.env["GOWORK"] = ""
		case "package":
			c.pattern = value
		case "target":
			c.env["GOOS"], c.env["GOARCH"], _ = strings.Cut(value, "/")
		case "tags":
			c.tags = value
		case "env":
			vars = append(vars, value)
		case "remove":
			remove = append(remove, value)
		case "nobuild":
			c.build = false
		case "onetarget":
			c.oneTarget = true
		case "sums":
			if err := os.WriteFile(filepath.Join(c.app, "go.sum"), proxySums(t, c), 0o666); err != nil {
				t.Fatal(err)
			}
		case "error":
			c.errors = append(c.errors, value)
		}
	}
	if len(remove) > 0 {
		modcache = t.TempDir()
		c.env["GOMODCACHE"] = modcache
	}
	for _, setup := range setups {
		runGo(t, c.app, c.env, strings.Fields(setup)...)
	}
	for _, name := range remove {
		if err := os.RemoveAll(filepath.Join(modcache, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		c.env[name] = value
	}
	return c
}

// proxySums returns the lines of go.sum for all modules of the proxy.
func proxySums(t *testing.T, c *fixture) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "gomod", "proxy", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"mod", "download", "-json"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		i := strings.LastIndex(name, "_v")
		path, err := module.UnescapePath(strings.ReplaceAll(name[:i], "_", "/"))
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, path+"@"+name[i+1:])
	}
	var b bytes.Buffer
	for dec := json.NewDecoder(bytes.NewReader(runGo(t, t.TempDir(), c.env, args...))); dec.More(); {
		var m struct{ Path, Version, Sum, GoModSum string }
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s %s\n%[1]s %[2]s/go.mod %[4]s\n", m.Path, m.Version, m.Sum, m.GoModSum)
	}
	return b.Bytes()
}

// judgeBinary builds a program and compares what ReadBinary says of it with
// "go version -m", and with a Document of its sources.
func judgeBinary(t *testing.T, source *sbom.Document, dir string, env map[string]string, args ...string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	runGo(t, dir, env, append([]string{"build", "-trimpath", "-buildvcs=false", "-o", program}, args...)...)
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := gomod.ReadBinary(bytes.NewReader(data), gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := gomod.Reconcile(source, binary); err != nil {
		t.Error(err)
	}

	var info debug.BuildInfo
	if err := json.Unmarshal(runGo(t, dir, env, "version", "-m", "-json", program), &info); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range info.Deps {
		line := m.Path
		switch r := m.Replace; {
		case r == nil:
			line += " " + m.Version + " " + m.Sum
		case r.Version == "(devel)":
			line += " in " + r.Path + " for " + gomod.PURL(m.Path, m.Version)
		default:
			line = strings.TrimSpace(r.Path+" "+r.Version+" "+r.Sum) + " for " + gomod.PURL(m.Path, m.Version)
		}
		want = append(want, strings.TrimSpace(strings.Replace(line, "(devel)", "", 1)))
	}
	slices.Sort(want)
	for name, d := range map[string]*sbom.Document{"source": source, "binary": binary} {
		var got []string
		for _, c := range d.Components {
			if c.Scope != sbom.Runtime || c.Name == "stdlib" {
				continue
			}
			line := c.Name
			if in := property(c.Properties, "directory"); in != "" {
				// go version has the name of the module that is replaced.
				line, _, _ = strings.Cut(strings.TrimPrefix(c.Replaces, "pkg:golang/"), "@")
				line += " in " + in
			}
			if c.Version != "" {
				line += " " + c.Version
			}
			for _, digest := range c.Digests {
				line += " " + digest.H1()
			}
			if c.Replaces != "" {
				line += " for " + c.Replaces
			}
			got = append(got, line)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\ngo version -m has\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// goListEdges returns the imports between modules by what go list prints.
func goListEdges(t *testing.T, dir string, env map[string]string, tags, pattern string) []string {
	t.Helper()
	const format = `{{.ImportPath}},{{if .Standard}}stdlib{{else}}{{with .Module}}{{if and .Replace .Replace.Version}}{{.Replace.Path}}{{else}}{{.Path}}{{end}}{{else}}{{.ImportPath}}{{end}}{{end}}{{range .Imports}},{{.}}{{end}}`
	out := runGo(t, dir, env, "list", "-deps", "-buildvcs=false", "-pgo=off", "-tags="+tags, "-f="+format, pattern)
	module := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		module[fields[0]] = fields[1]
	}
	edges := make(map[string]bool)
	var root string // the package asked for comes last
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		root = fields[1]
		for _, imported := range fields[2:] {
			if to := module[imported]; to != fields[1] && imported != "C" {
				edges[fields[1]+" → "+to] = true
			}
		}
	}
	edges[root+" → stdlib"] = true // the runtime, which is not imported
	return slices.Sorted(maps.Keys(edges))
}

// edges returns d's edges by the names of modules; a directory has the name of
// what it replaces, as in go list.
func edges(d *sbom.Document) []string {
	name := func(ref string) string {
		c := d.Component(ref)
		if property(c.Properties, "directory") != "" {
			path, _, _ := strings.Cut(strings.TrimPrefix(c.Replaces, "pkg:golang/"), "@")
			return path
		}
		return c.Name
	}
	var list []string
	for _, e := range d.Edges {
		list = append(list, name(e.From)+" → "+name(e.To))
	}
	slices.Sort(list)
	return list
}

// graph returns the modules and edges of d, one in a line.
func graph(d *sbom.Document) string {
	var b strings.Builder
	for _, c := range append([]sbom.Component{d.Main}, d.Components...) {
		if c.Scope != sbom.Runtime || c.Name == "stdlib" {
			continue
		}
		b.WriteString(c.Name)
		if c.Version != "" {
			b.WriteString(" " + c.Version)
		}
		if c.Replaces != "" {
			b.WriteString(" for " + c.Replaces)
		}
		if in := property(c.Properties, "directory"); in != "" {
			b.WriteString(" in " + in)
		}
		b.WriteByte('\n')
	}
	for _, e := range d.Edges {
		fmt.Fprintf(&b, "%s → %s\n", d.Component(e.From).Name, d.Component(e.To).Name)
	}
	return b.String()
}

func property(ps []sbom.Property, name string) string {
	for _, p := range ps {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// getenv returns the process's environment with some variables changed.
func getenv(env map[string]string) func(string) string {
	return func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		return os.Getenv(name)
	}
}

// runGo runs the go command in the process's environment with some variables
// changed, and returns its standard output.
func runGo(t testing.TB, dir string, env map[string]string, args ...string) []byte {
	t.Helper()
	out, _ := goCommand(t, dir, env, args...)
	return out
}

// goCommand is runGo, and returns the standard error too.
func goCommand(t testing.TB, dir string, env map[string]string, args ...string) (stdout, stderr []byte) {
	t.Helper()
	stdout, stderr, err := tryGo(dir, env, args...)
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout, stderr
}

// tryGo is goCommand for what may fail.
func tryGo(dir string, env map[string]string, args ...string) (stdout, stderr []byte, err error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var errout bytes.Buffer
	cmd.Stderr = &errout
	stdout, err = cmd.Output()
	return stdout, errout.Bytes(), err
}

// treeDigest returns a digest of the names, modes, times and contents of all files in dir.
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
		fmt.Fprintf(h, "%q %v %v %d\n", path, info.Mode(), info.ModTime(), info.Size())
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
	return hex.EncodeToString(h.Sum(nil))
}
