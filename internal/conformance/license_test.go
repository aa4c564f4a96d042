package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/licensecheck"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/license"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// downloaded returns the directories of modules in the module cache, by
// path@version. They are downloaded through the user's GOPROXY if they are not
// there.
func downloaded(t testing.TB, modules ...string) map[string]string {
	t.Helper()
	dirs := make(map[string]string)
	out := runGo(t, t.TempDir(), map[string]string{"GOFLAGS": "", "GOWORK": "off"}, append([]string{"mod", "download", "-json"}, modules...)...)
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var m struct{ Path, Version, Dir string }
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
	return dirs
}

// TestLicensesOfModules holds sbom/license against what a person reads in real
// modules. Those of other scanners are wrong for several of them: go-spew is
// not 0BSD, and yaml.v3 has two licences.
func TestLicensesOfModules(t *testing.T) {
	tests := []struct {
		module string
		want   string   // declared, in which REF and a file's name is the LicenseRef of its text
		files  []string // kind, path and percent
	}{
		{"github.com/stretchr/testify@v1.10.0", "MIT", []string{"license LICENSE 98"}},
		{"github.com/google/go-cmp@v0.7.0", "BSD-3-Clause", []string{"license LICENSE 100"}},
		{"github.com/google/licensecheck@v0.3.1", "BSD-3-Clause", []string{"license LICENSE 100"}},
		{"github.com/spf13/cobra@v1.9.1", "Apache-2.0", []string{"license LICENSE.txt 100"}},
		{"github.com/davecgh/go-spew@v1.1.1", "ISC", []string{"license LICENSE 100"}},
		{"gopkg.in/yaml.v3@v3.0.1", "Apache-2.0 AND MIT", []string{"license LICENSE 85", "notice NOTICE 100"}},
		{"sigs.k8s.io/json@v0.0.0-20241010143419-9aa6b5e7a4b3", "Apache-2.0 AND BSD-3-Clause", []string{"license LICENSE 99"}},
		{"sigs.k8s.io/yaml@v1.4.0", "Apache-2.0 AND BSD-3-Clause AND MIT", []string{"license LICENSE 96"}},
		{"golang.org/x/mod@v0.42.0", "BSD-3-Clause", []string{"license LICENSE 100", "patents PATENTS 100"}},
		{"github.com/BurntSushi/toml@v1.5.0", "MIT", []string{"license COPYING 97"}},
		// LICENSE.docs stands beside LICENSE and does not hide it. 346 words of
		// it are about Creative Commons and no licence.
		{"github.com/opencontainers/go-digest@v1.0.0", "Apache-2.0 AND CC-BY-SA-4.0 AND REF LICENSE.docs", []string{"license LICENSE 100", "license LICENSE.docs 82"}},
		// The file says "or".
		{"github.com/spdx/tools-golang@v0.5.7", "Apache-2.0 AND CC-BY-4.0 AND GPL-2.0 AND REF LICENSE.docs", []string{"license LICENSE.code 99", "license LICENSE.docs 85"}},
		// Apache-2.0, and a notice that names it.
		{"github.com/prometheus/procfs@v0.15.1", "Apache-2.0", []string{"license LICENSE 100", "notice NOTICE 0"}},
		// Two files, one for the system that it is named after.
		{"github.com/bgentry/speakeasy@v0.1.0", "Apache-2.0 AND MIT", []string{"license LICENSE 98", "license LICENSE_WINDOWS 100"}},
		// No licence at all.
		{"github.com/bmizerany/assert@v0.0.0-20160611221934-b7ed37b82869", "", nil},
	}
	var modules []string
	for _, tt := range tests {
		modules = append(modules, tt.module)
	}
	dirs := downloaded(t, modules...)
	var scanner license.Scanner
	for _, tt := range tests {
		l, err := scanner.Scan(t.Context(), os.DirFS(dirs[tt.module]), "", nil)
		if err != nil {
			t.Errorf("%s: %v", tt.module, err)
			continue
		}
		declared := l.Declared
		var files []string
		for _, f := range l.Files {
			declared = strings.ReplaceAll(declared, "LicenseRef-sha256-"+f.Digest.Hex(), "REF "+f.Path)
			files = append(files, fmt.Sprintf("%s %s %d", f.Kind, f.Path, f.Coverage))
		}
		if declared != tt.want || !slices.Equal(files, tt.files) {
			t.Errorf("%s: %s of %q, want %s of %q", tt.module, declared, files, tt.want, tt.files)
		}
	}
}

// Every identifier that can be found is on the SPDX License List, or becomes a
// LicenseRef; and what is on the list is an id in CycloneDX. The texts are
// those that licensecheck is tested with.
func TestLicenseIDsAreListed(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(sbomCorpus(t), "schemas", "cyclonedx", "spdx.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Enum []string }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, l := range licensecheck.BuiltinLicenses() {
		if l.LRE == "" || ids[l.ID] {
			continue
		}
		ids[l.ID] = true
		if got, err := sbom.LicenseIDs(l.ID); err != nil || !slices.Equal(got, []string{l.ID}) {
			t.Errorf("%s: %q, %v", l.ID, got, err)
		}
		c := sbom.Component{Ref: "a", Name: "a", Type: sbom.Library, Scope: sbom.Runtime, Licenses: &sbom.Licenses{Declared: l.ID}}
		bom, err := cyclonedx.BOM(&sbom.Document{Main: c}, sbom.Stamp{})
		if err != nil {
			t.Fatal(err)
		}
		listed := slices.Contains(list.Enum, l.ID)
		if choice := (*bom.Metadata.Component.Licenses)[0]; (choice.License != nil && choice.License.ID == l.ID) != listed {
			t.Errorf("%s is on the list: %v; CycloneDX: %+v", l.ID, listed, choice)
		}
	}

	const module = "github.com/google/licensecheck@v0.3.1"
	files, err := filepath.Glob(filepath.Join(downloaded(t, module)[module], "testdata", "*.t*"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	var scanner license.Scanner
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// On top is what licensecheck must find: a percentage, and a line
		// with an identifier and its place for each match.
		head, text, ok := strings.Cut(string(data), "\n\n")
		if !ok {
			t.Fatalf("%s has no head", file)
		}
		l, err := scanner.Scan(t.Context(), fstest.MapFS{"LICENSE": {Data: []byte(text)}}, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := l.Files[0]
		ref := "LicenseRef-sha256-" + got.Digest.Hex()
		for line := range strings.Lines(head) {
			f := strings.Fields(line)
			if len(f) != 2 || !ids[f[0]] {
				continue // a percentage, a comment or a link
			}
			found[f[0]] = true
			want := f[0]
			if !slices.Contains(list.Enum, want) {
				want = ref
			}
			if !slices.Contains(got.IDs, want) {
				t.Errorf("%s: got %q, want %s", filepath.Base(file), got.IDs, want)
			}
		}
		for _, id := range got.IDs {
			if !slices.Contains(list.Enum, id) && id != ref {
				t.Errorf("%s: %s is not on the list", filepath.Base(file), id)
			}
		}
	}
	for id := range ids {
		if !found[id] {
			t.Logf("there is no test of %s", id)
		}
	}
	if len(ids) < 400 || len(found) < 300 {
		t.Errorf("%d identifiers, %d of them tested", len(ids), len(found))
	}
}

// A large program has licences for each of its modules, in both formats.
func TestLicensesOfProgram(t *testing.T) {
	dir, env := prometheus(t)
	d, o := licensed(t, dir, env)
	memory := new(cache)
	if err := gomod.AddLicenses(t.Context(), d, &license.Scanner{Cache: memory}, o); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	for _, c := range d.All() {
		l := c.Licenses
		if l.Concluded != "" {
			t.Errorf("%s: somebody concluded %s", c.Ref, l.Concluded)
		}
		if l.Declared == "" {
			t.Errorf("%s: %s", c.Ref, l.Unknown)
		}
		counts[l.Declared]++
	}
	t.Logf("%d components: %v", len(d.All()), counts)
	for ref, want := range map[string]string{
		"github.com/prometheus/prometheus": "Apache-2.0",
		"stdlib":                           "BSD-3-Clause",
		"golang.org/x/net":                 "BSD-3-Clause",
		"sigs.k8s.io/json":                 "Apache-2.0 AND BSD-3-Clause",
		"github.com/davecgh/go-spew":       "ISC",
	} {
		i := slices.IndexFunc(d.All(), func(c *sbom.Component) bool { return c.Name == ref })
		if i < 0 || d.All()[i].Licenses.Declared != want {
			t.Errorf("%s is not %s", ref, want)
		}
	}

	stamp := sbom.Stamp{Created: time.Unix(1700000000, 0)}
	bom, err := cyclonedx.Marshal(d, stamp)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(cycloneDXSchema(t, "1.6"), bom); err != nil {
		t.Error(err)
	}
	doc, err := spdx.Marshal(d, stamp)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(spdxSchema(t, "2.3"), doc); err != nil {
		t.Error(err)
	}

	// From the cache, and from zips, it is the same.
	again, _ := licensed(t, dir, env)
	if err := gomod.AddLicenses(t.Context(), again, &license.Scanner{Cache: memory}, o); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, d) {
		t.Error("with the cache, the licences are others")
	}
	zips := t.TempDir()
	if err := os.Mkdir(filepath.Join(zips, "cache"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(o.Places.ModCache, "cache", "download"), filepath.Join(zips, "cache", "download")); err != nil {
		t.Fatal(err)
	}
	o.Places.ModCache = zips
	if err := gomod.AddLicenses(t.Context(), again, new(license.Scanner), o); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, d) {
		t.Error("from zips, the licences are others")
	}
}

// BenchmarkLicenses is the work of spec P2: the Document of a program of more
// than 200 modules with its licences, without a cache and with one. Every run
// has a Scanner of its own, as every process has. The time of both is held
// against that of the Document alone in the same runs.
func BenchmarkLicenses(b *testing.B) {
	dir, env := prometheus(b)
	for _, bb := range []struct {
		name  string
		cache license.Cache
	}{{"scanned", nil}, {"cached", new(cache)}} {
		b.Run(bb.name, func(b *testing.B) {
			run := func() (load, all time.Duration) {
				start := time.Now()
				d, o := licensed(b, dir, env)
				load = time.Since(start)
				if err := gomod.AddLicenses(b.Context(), d, &license.Scanner{Cache: bb.cache}, o); err != nil {
					b.Fatal(err)
				}
				return load, time.Since(start)
			}
			run()
			b.ReportAllocs()
			var loads, alls time.Duration
			for b.Loop() {
				load, all := run()
				loads, alls = loads+load, alls+all
			}
			b.ReportMetric(float64(alls)/float64(loads), "×load")
			b.ReportMetric(float64((alls-loads).Microseconds())/float64(b.N)/1e3, "ms-licences/op")
		})
	}
}

// prometheus returns the directory of a module with a large program, and the
// environment to load it in.
func prometheus(t testing.TB) (dir string, env map[string]string) {
	const module = "github.com/prometheus/prometheus@v0.305.0"
	return downloaded(t, module)[module], map[string]string{
		"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "amd64", "GOEXPERIMENT": "", "GOFIPS140": "", "GOPROXY": "off",
	}
}

// licensed returns the Document of the program in dir, without licences, and
// where they are.
func licensed(t testing.TB, dir string, env map[string]string) (*sbom.Document, gomod.LicenseOptions) {
	t.Helper()
	d, err := gomod.Load(t.Context(), dir, gomod.Options{Getenv: getenv(env), Packages: []string{"./cmd/prometheus"}})
	if err != nil {
		t.Fatal(err)
	}
	goroot, modcache, _ := strings.Cut(strings.TrimSpace(string(runGo(t, dir, env, "env", "GOROOT", "GOMODCACHE"))), "\n")
	return d, gomod.LicenseOptions{Places: gomod.Places{ModCache: modcache, GOROOT: goroot, Root: dir, Modules: map[string]string{d.Main.Name: dir}}}
}

// A cache is a license.Cache in memory.
type cache struct{ m sync.Map }

func (c *cache) Get(key string) ([]byte, bool) {
	v, ok := c.m.Load(key)
	if !ok {
		return nil, false
	}
	return v.([]byte), true
}

func (c *cache) Put(key string, value []byte) { c.m.Store(key, value) }
