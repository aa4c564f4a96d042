package sumdb_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/module"
	xsumdb "golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-dev/hallmark/sbom/sumdb"
)

const databaseName = "sum.example.com"

// sum returns a sum that no module has, in the form of go.sum.
func sum(of string) string {
	h := sha256.Sum256([]byte(of))
	return "h1:" + base64.StdEncoding.EncodeToString(h[:])
}

// modules are those that the go command has asked for, from an old one to a new
// one. The database gets 70 others between two of them, so that there are tiles
// of all kinds.
func modules() []module.Version {
	return []module.Version{
		{Path: "example.com/a", Version: "v1.0.0"},
		{Path: "example.com/b", Version: "v0.0.0-20200102030405-abcdefabcdef"},
		{Path: "github.com/Upper/Case", Version: "v2.0.0+incompatible"},
		{Path: "golang.org/toolchain", Version: "v0.0.1-go1.26.8.linux-amd64"},
		{Path: "example.com/a", Version: "v1.1.0"},
		{Path: "example.com/e", Version: "v1.0.0"},
		{Path: "example.com/f", Version: "v1.0.0"},
		{Path: "example.com/g", Version: "v1.0.0"},
		{Path: "example.com/h", Version: "v1.0.0"},
	}
}

// A world is a checksum database and the module cache of somebody who has asked
// it, as x/mod/sumdb, which is the go command's client, leaves it.
type world struct {
	key    string // that verifies
	server *xsumdb.TestServer
	cache  fstest.MapFS
	config fstest.MapFS

	mu sync.Mutex
	t  testing.TB
}

func newWorld(t testing.TB, signer, key, salt string) *world {
	w := &world{t: t, key: key, cache: make(fstest.MapFS), config: make(fstest.MapFS)}
	w.server = xsumdb.NewTestServer(signer, func(path, version string) ([]byte, error) {
		of := path + "@" + version
		if strings.HasPrefix(path, "filler/") {
			of += salt
		}
		return fmt.Appendf(nil, "%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", path, version, sum(of), sum(of+"/go.mod")), nil
	})
	return w
}

// fill adds modules to the database that nobody here asks for.
func (w *world) fill(from, n int) {
	w.t.Helper()
	for i := range n {
		if _, err := w.server.Lookup(w.t.Context(), module.Version{Path: "filler/m", Version: fmt.Sprintf("v1.0.%d", from+i)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ask asks for a module, as the go command does when it downloads one.
func (w *world) ask(m module.Version) {
	w.t.Helper()
	if lines, err := xsumdb.NewClient(w).Lookup(m.Path, m.Version); err != nil || len(lines) != 1 {
		w.t.Fatal(lines, err)
	}
}

// whole returns a world in which all modules have been asked for.
func whole(t testing.TB) *world {
	t.Helper()
	signer, key, err := note.GenerateKey(rand.Reader, databaseName)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, signer, key, "")
	for i, m := range modules() {
		w.fill(70*i, 70)
		w.ask(m)
	}
	return w
}

func (w *world) ReadRemote(path string) ([]byte, error) {
	r := httptest.NewRecorder()
	xsumdb.NewServer(w.server).ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
	if r.Code != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, r.Body)
	}
	return r.Body.Bytes(), nil
}

func (w *world) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(w.key), nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.config[file]; f != nil {
		return f.Data, nil
	}
	return nil, nil
}

func (w *world) WriteConfig(file string, old, new []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.config[file] = &fstest.MapFile{Data: new}
	return nil
}

func (w *world) ReadCache(file string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cache.ReadFile(file)
}

func (w *world) WriteCache(file string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cache[file] = &fstest.MapFile{Data: data}
}

func (w *world) Log(msg string)           { w.t.Log(msg) }
func (w *world) SecurityError(msg string) { w.t.Error(msg) }

// lookup looks up modules, in a database that is opened for it.
func lookup(cache, config fs.FS, key string, ms ...module.Version) ([]sumdb.Record, []error) {
	records, errs := make([]sumdb.Record, len(ms)), make([]error, len(ms))
	db, err := sumdb.Open(cache, sumdb.Options{Key: key, Config: config})
	for i, m := range ms {
		if errs[i] = err; err == nil {
			records[i], errs[i] = db.Lookup(context.Background(), m.Path, m.Version)
		}
	}
	return records, errs
}

func TestLookup(t *testing.T) {
	w := whole(t)
	for _, tt := range []struct {
		name   string
		config fs.FS
		size   int64 // of the tree that the first record is found in
	}{
		{"with the latest tree", w.config, 639},
		{"without", fstest.MapFS{}, 71},
		{"without configuration", nil, 71},
		{"with an empty one", fstest.MapFS{databaseName + "/latest": {}}, 71},
	} {
		records, errs := lookup(w.cache, tt.config, w.key, modules()...)
		for i, m := range modules() {
			of := m.Path + "@" + m.Version
			want := sumdb.Record{ID: int64(71*i + 70), TreeSize: max(tt.size, int64(71*i+71)), Sum: sum(of), GoModSum: sum(of + "/go.mod")}
			if errs[i] != nil || records[i] != want {
				t.Errorf("%s: %s: %+v, %v, want %+v", tt.name, m, records[i], errs[i], want)
			}
		}
	}
}

// Records of any age can come first, and at the same time.
func TestLookupInAnyOrder(t *testing.T) {
	w := whole(t)
	for first := range modules() {
		db, err := sumdb.Open(w.cache, sumdb.Options{Key: w.key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Lookup(t.Context(), modules()[first].Path, modules()[first].Version); err != nil {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for _, m := range modules() {
			wg.Go(func() {
				if _, err := db.Lookup(t.Context(), m.Path, m.Version); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestVerify(t *testing.T) {
	w := whole(t)
	db, err := sumdb.Open(w.cache, sumdb.Options{Key: w.key, Config: w.config})
	if err != nil {
		t.Fatal(err)
	}
	if db.Name() != databaseName {
		t.Errorf("name %q", db.Name())
	}
	const path, version = "github.com/Upper/Case", "v2.0.0+incompatible"
	right, rightMod := sum(path+"@"+version), sum(path+"@"+version+"/go.mod")
	for _, tt := range []struct {
		name, path, version, sum, goMod string
		want                            string // in the error
		security                        bool
	}{
		{"both", path, version, right, rightMod, "", false},
		{"module", path, version, right, "", "", false},
		{"go.mod", path, version, "", rightMod, "", false},
		{"neither", path, version, "", "", "no sum to verify", false},
		{"other module", path, version, sum("x"), rightMod, "the module has the sum " + sum("x") + ", the database has " + right, true},
		{"other go.mod", path, version, right, sum("x"), "its go.mod file has the sum " + sum("x") + ", the database has " + rightMod, true},
		{"the other's sum", path, version, rightMod, "", "the module has the sum", true},
		{"another case", "github.com/upper/case", version, right, "", "lookup/github.com/upper/case@v2.0.0+incompatible is not in the module cache", false},
		{"unknown version", path, "v3.0.0+incompatible", right, "", "lookup/github.com/!upper/!case@v3.0.0+incompatible is not in the module cache", false},
		{"way out", "../../a", version, right, "", "malformed", false},
		{"no version", path, "", right, "", "version", false},
	} {
		err := db.Verify(t.Context(), tt.path, tt.version, tt.sum, tt.goMod)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if e, ok := errors.AsType[*sumdb.SecurityError](err); ok != tt.security || ok && (e.Path != tt.path || e.Version != tt.version) {
			t.Errorf("%s: %#v", tt.name, err)
		}
		notCached, ok := errors.AsType[*sumdb.NotCachedError](err)
		if want := strings.Contains(tt.want, "not in the module cache"); ok != want || errors.Is(err, fs.ErrNotExist) != want || ok && notCached.Path != tt.path {
			t.Errorf("%s: %#v", tt.name, err)
		}
	}
}

// watched remembers the files that were read.
type watched struct {
	fs.FS
	names map[string]bool
}

func (w watched) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	if err == nil {
		w.names[name] = true
	}
	return f, err
}

// One flipped bit in any file never makes another record, and in what was read
// it is noticed.
func TestFlippedByte(t *testing.T) {
	w := whole(t)
	some := []module.Version{modules()[0], modules()[2], modules()[8]}
	read := watched{w.cache, make(map[string]bool)}
	want, errs := lookup(read, w.config, w.key, some...)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	flip := func(fsys fstest.MapFS, name string, at int) {
		was := fsys[name]
		data := bytes.Clone(was.Data)
		data[at] ^= 0x20 // no other spelling of the same base64
		fsys[name] = &fstest.MapFile{Data: data}
		defer func() { fsys[name] = was }()
		got, errs := lookup(w.cache, w.config, w.key, some...)
		noticed := false
		for i, err := range errs {
			if _, ok := errors.AsType[*sumdb.SecurityError](err); err != nil && !ok {
				t.Errorf("%s, byte %d: %v, want a SecurityError", name, at, err)
			}
			noticed = noticed || err != nil
			if err == nil && got[i] != want[i] {
				t.Errorf("%s, byte %d: %+v, want %+v", name, at, got[i], want[i])
			}
		}
		if !noticed && read.names[name] {
			t.Errorf("%s, byte %d: not noticed", name, at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.cache)) {
		step := 13
		switch {
		case strings.Contains(name, "/tile/"):
			step = 223 // all over the hashes
		case strings.Contains(name, "!upper"):
			step = 1
		}
		for at := 0; at < len(w.cache[name].Data); at += step {
			flip(w.cache, name, at)
		}
	}
	read.names[databaseName+"/latest"] = true
	for at := range w.config[databaseName+"/latest"].Data {
		flip(w.config, databaseName+"/latest", at)
	}
}

// A file that is missing is named, or was not needed.
func TestMissingFile(t *testing.T) {
	w := whole(t)
	want, _ := lookup(w.cache, w.config, w.key, modules()...)
	for _, name := range slices.Sorted(maps.Keys(w.cache)) {
		was := w.cache[name]
		delete(w.cache, name)
		got, errs := lookup(w.cache, w.config, w.key, modules()...)
		for i, err := range errs {
			e, ok := errors.AsType[*sumdb.NotCachedError](err)
			switch {
			case ok && path.Join(databaseName, e.File) == name:
			case err != nil:
				t.Errorf("without %s: %v", name, err)
			case got[i] != want[i]:
				t.Errorf("without %s: %+v, want %+v", name, got[i], want[i])
			}
			if i == 0 && name == databaseName+"/lookup/example.com/a@v1.0.0" && !ok {
				t.Errorf("without %s: %v", name, err)
			}
		}
		w.cache[name] = was
	}

	// Without any tiles nothing is proved.
	maps.DeleteFunc(w.cache, func(name string, _ *fstest.MapFile) bool { return strings.Contains(name, "/tile/") })
	_, errs := lookup(w.cache, w.config, w.key, modules()...)
	for _, err := range errs {
		if e, ok := errors.AsType[*sumdb.NotCachedError](err); !ok || !strings.HasPrefix(e.File, "tile/8/") {
			t.Errorf("without tiles: %v", err)
		}
	}
}

// A database that shows a module to one and hides it from the other.
func TestFork(t *testing.T) {
	signer, key, err := note.GenerateKey(rand.Reader, databaseName)
	if err != nil {
		t.Fatal(err)
	}
	a := modules()[0]
	for _, tt := range []struct {
		name string
		more int // records that the other timeline has more
	}{
		{"of the same size", 0},
		{"longer", 300},
	} {
		ours, theirs := newWorld(t, signer, key, ""), newWorld(t, signer, key, "other")
		ours.fill(0, 300)
		ours.ask(a)
		theirs.fill(0, 300)
		theirs.ask(a)
		theirs.fill(300, tt.more)
		theirs.ask(module.Version{Path: "example.com/last", Version: "v1.0.0"})

		for _, w := range []*world{ours, theirs} {
			if _, err := open(t, w.cache, w.config, key).Lookup(t.Context(), a.Path, a.Version); err != nil {
				t.Fatal(err)
			}
		}
		if tt.more == 0 {
			ours.ask(module.Version{Path: "example.com/last", Version: "v1.0.0"})
		}
		// The latest tree and its tiles are of one timeline, the record of the other.
		maps.Copy(theirs.cache, fstest.MapFS{databaseName + "/lookup/example.com/last@v1.0.0": ours.cache[databaseName+"/lookup/example.com/last@v1.0.0"]})
		name := databaseName + "/lookup/example.com/a@v1.0.0"
		asked := a
		if tt.more == 0 {
			asked = module.Version{Path: "example.com/last", Version: "v1.0.0"}
		} else {
			theirs.cache[name] = ours.cache[name]
		}
		_, err := open(t, theirs.cache, theirs.config, key).Lookup(t.Context(), asked.Path, asked.Version)
		e, ok := errors.AsType[*sumdb.SecurityError](err)
		if !ok || !strings.Contains(e.Reason, "two timelines") {
			t.Errorf("%s: %v, want a fork", tt.name, err)
			continue
		}
		for _, signed := range [][]byte{e.Older, e.Newer} {
			verifier, err := note.NewVerifier(key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
				t.Errorf("%s: proof: %v", tt.name, err)
			}
		}
		if bytes.Equal(e.Older, e.Newer) {
			t.Errorf("%s: the proof is one tree twice", tt.name)
		}
	}
}

func open(t testing.TB, cache, config fs.FS, key string) *sumdb.Database {
	t.Helper()
	db, err := sumdb.Open(cache, sumdb.Options{Key: key, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Records that are in the tree and are not of the module that was asked for.
func TestOtherRecord(t *testing.T) {
	w := whole(t)
	name := databaseName + "/lookup/example.com/e@v1.0.0"
	w.cache[name] = w.cache[databaseName+"/lookup/example.com/f@v1.0.0"]
	_, err := open(t, w.cache, w.config, w.key).Lookup(t.Context(), "example.com/e", "v1.0.0")
	if e, ok := errors.AsType[*sumdb.SecurityError](err); !ok || !strings.Contains(e.Reason, "is of another module") {
		t.Error(err)
	}
}

// broken is a file system that fails.
type broken struct{}

func (broken) Open(string) (fs.File, error) { return nil, io.ErrUnexpectedEOF }

func TestErrors(t *testing.T) {
	w := whole(t)
	_, other, err := note.GenerateKey(rand.Reader, databaseName)
	if err != nil {
		t.Fatal(err)
	}
	large := fstest.MapFS{}
	maps.Copy(large, w.cache)
	large[databaseName+"/lookup/example.com/a@v1.0.0"] = &fstest.MapFile{Data: make([]byte, 1<<20+1)}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name          string
		ctx           context.Context
		cache, config fs.FS
		key           string
		want          string
		security      bool
	}{
		{name: "default key", cache: w.cache, want: "lookup/example.com/a@v1.0.0 is not in the module cache"},
		{name: "no cache", key: w.key, want: "sumdb: the cache is nil"},
		{name: "malformed key", cache: w.cache, key: "sum.example.com", want: "malformed checksum database key"},
		{name: "key with a path", cache: w.cache, key: strings.Replace(w.key, "sum.example.com", "sum/../example", 1), want: "malformed checksum database key"},
		{name: "other key", cache: w.cache, key: other, want: "signature of the tree", security: true},
		{name: "latest of another key", cache: w.cache, config: w.config, key: other, want: "latest tree: signature", security: true},
		{name: "latest that fails", cache: w.cache, config: broken{}, key: w.key, want: "latest tree: unexpected EOF"},
		{name: "cache that fails", cache: broken{}, key: w.key, want: "example.com/a@v1.0.0: unexpected EOF"},
		{name: "large", cache: large, key: w.key, want: "larger than 1048576 bytes"},
		{name: "cancelled", ctx: cancelled, cache: w.cache, key: w.key, want: "context canceled"},
	} {
		ctx := tt.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		db, err := sumdb.Open(tt.cache, sumdb.Options{Key: tt.key, Config: tt.config})
		if err == nil {
			_, err = db.Lookup(ctx, "example.com/a", "v1.0.0")
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if _, ok := errors.AsType[*sumdb.SecurityError](err); ok != tt.security {
			t.Errorf("%s: %#v", tt.name, err)
		}
	}
}

// Whatever a lookup holds, it makes the record that the database has or none.
func FuzzLookup(f *testing.F) {
	w := whole(f)
	name := databaseName + "/lookup/example.com/e@v1.0.0"
	right := w.cache[name].Data
	want, err := open(f, w.cache, w.config, w.key).Lookup(f.Context(), "example.com/e", "v1.0.0")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(right)
	f.Add(w.cache[databaseName+"/lookup/example.com/f@v1.0.0"].Data)
	f.Add(bytes.Replace(right, []byte("\n"), []byte("\n\n"), 1))
	f.Add(append([]byte("-1"), right...))
	f.Add([]byte("9223372036854775807\nexample.com/e v1.0.0 h1:\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cache := maps.Clone(w.cache)
		cache[name] = &fstest.MapFile{Data: data}
		got, err := open(t, cache, w.config, w.key).Lookup(t.Context(), "example.com/e", "v1.0.0")
		if err == nil && got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if err != nil && got != (sumdb.Record{}) {
			t.Errorf("a record with an error: %+v", got)
		}
	})
}
