package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	xsumdb "golang.org/x/mod/sumdb"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/sumdb"
)

// TestGoModVerify lets the go command fill an empty module cache with the modules
// of the example programs, through the user's GOPROXY and checksum database,
// and proves of each that it is in that database, from the cache alone.
func TestGoModVerify(t *testing.T) {
	if db := strings.TrimSpace(string(runGo(t, t.TempDir(), nil, "env", "GOSUMDB"))); db != "sum.golang.org" {
		t.Fatalf("GOSUMDB is %s: the test is about the database that the go command uses by default", db)
	}
	examples := filepath.Join("..", "..", "examples")
	documents := make(map[string]*sbom.Document)
	modules := make(map[string]bool)
	for _, command := range []string{"release", "sbom", "verify"} {
		d, err := gomod.Load(t.Context(), examples, gomod.Options{Getenv: getenv(map[string]string{"GOWORK": "off"}), Packages: []string{"./" + command}})
		if err != nil {
			t.Fatal(err)
		}
		documents[command] = d
		for _, c := range d.Components {
			if len(c.Digests) > 0 {
				modules[c.Name+"@"+c.Version] = true
			}
		}
	}

	gopath := t.TempDir()
	modCache := filepath.Join(gopath, "pkg", "mod")
	// Outside of a module there is no go.sum, and the database is asked.
	runGo(t, t.TempDir(), map[string]string{"GOPATH": gopath, "GOMODCACHE": modCache, "GOFLAGS": "-modcacherw", "GOWORK": "off"},
		append([]string{"mod", "download"}, slices.Sorted(maps.Keys(modules))...)...)
	cache := os.DirFS(filepath.Join(modCache, "cache", "download", "sumdb"))
	config := os.DirFS(filepath.Join(gopath, "pkg", "sumdb"))
	open := func(o sumdb.Options) *sumdb.Database {
		t.Helper()
		db, err := sumdb.Open(cache, o)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}

	for _, o := range []sumdb.Options{{Config: config}, {}} {
		for command, d := range documents {
			if err := gomod.Verify(t.Context(), d, gomod.VerifyOptions{ModCache: modCache, Database: open(o)}); err != nil {
				t.Fatal(err)
			}
			for _, c := range d.Components {
				if want := len(c.Digests) > 0; (c.Verification == sbom.Included) != want || !want && c.Verification != sbom.Unverified {
					t.Errorf("%s: %s %s is %q: %v", command, c.Name, c.Version, c.Verification, c.Properties)
				}
			}
		}
	}

	// The go command's own client, which may not use the network, says the same.
	db := open(sumdb.Options{Config: config})
	for m := range modules {
		path, version, _ := strings.Cut(m, "@")
		lines, err := xsumdb.NewClient(&offline{t, cache, config}).Lookup(path, version)
		if err != nil {
			t.Fatal(err)
		}
		r, err := db.Lookup(t.Context(), path, version)
		if want := path + " " + version + " " + r.Sum; err != nil || len(lines) != 1 || lines[0] != want {
			t.Errorf("%s: %q, %v, x/mod has %q", m, want, err, lines)
		}
	}

	// One byte anywhere.
	d := documents["sbom"]
	tamper := func(name string, at int, want func(error) bool) {
		t.Helper()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(data)
		changed[at%len(data)] ^= 1
		if err := os.WriteFile(name, changed, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := gomod.Verify(t.Context(), d, gomod.VerifyOptions{ModCache: modCache, Database: open(sumdb.Options{Config: config})}); !want(err) {
			t.Errorf("%s, byte %d: %v", name, at, err)
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	security := func(err error) bool { _, ok := errors.AsType[*sumdb.SecurityError](err); return ok }
	mismatch := func(err error) bool { _, ok := errors.AsType[*gomod.MismatchError](err); return ok }
	download := filepath.Join(modCache, "cache", "download")
	tamper(filepath.Join(download, "sumdb", "sum.golang.org", "lookup", "golang.org", "x", "mod@v0.42.0"), 20, security)
	tamper(filepath.Join(download, "golang.org", "x", "mod", "@v", "v0.42.0.mod"), 9, security)
	tamper(filepath.Join(modCache, "golang.org", "x", "mod@v0.42.0", "README.md"), 0, mismatch)
	tamper(filepath.Join(download, "golang.org", "x", "mod", "@v", "v0.42.0.zip"), 1000, func(err error) bool { return err != nil })
	tiles := 0
	err := filepath.WalkDir(filepath.Join(download, "sumdb", "sum.golang.org", "tile", "8", "3"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			tiles++
			tamper(name, 0, func(err error) bool { return err == nil || security(err) })
		}
		return err
	})
	if err != nil || tiles == 0 {
		t.Errorf("%d tiles, %v", tiles, err)
	}
	if err := gomod.Verify(t.Context(), d, gomod.VerifyOptions{ModCache: modCache, Database: open(sumdb.Options{Config: config})}); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

// offline is the go command's client without network.
type offline struct {
	t             *testing.T
	cache, config fs.FS
}

func (o *offline) ReadRemote(path string) ([]byte, error) {
	return nil, fmt.Errorf("%s: no network", path)
}

func (o *offline) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(sumdb.Key), nil
	}
	return fs.ReadFile(o.config, file)
}
func (o *offline) WriteConfig(string, []byte, []byte) error { return nil }
func (o *offline) ReadCache(file string) ([]byte, error)    { return fs.ReadFile(o.cache, file) }
func (o *offline) WriteCache(string, []byte)                {}
func (o *offline) Log(msg string)                           { o.t.Log(msg) }
func (o *offline) SecurityError(msg string)                 { o.t.Error(msg) }
