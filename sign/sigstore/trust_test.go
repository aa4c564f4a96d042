package sigstore_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmark-dev/hallmark/sign/sigstore"
)

// A repository is a TUF repository, with one key for everything.
type repository struct {
	now     time.Time
	key     ed25519.PrivateKey
	initial []byte // root.json, version 1

	root    *metadata.Metadata[metadata.RootType]
	targets *metadata.Metadata[metadata.TargetsType]
	version int64 // of all but the root

	mu       sync.Mutex
	files    map[string][]byte
	requests []string
}

func newRepository(now time.Time) *repository {
	_, key := must2(ed25519.GenerateKey(rand.Reader))
	r := &repository{now: now, key: key, files: make(map[string][]byte)}
	r.root = metadata.Root(now.AddDate(1, 0, 0))
	public := must(metadata.KeyFromPublicKey(key.Public()))
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		if err := r.root.Signed.AddKey(public, role); err != nil {
			panic(err)
		}
	}
	r.targets = metadata.Targets(now.AddDate(0, 6, 0))
	r.initial = publish(r, r.root)
	return r
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

// publish returns m as it is signed by the repository's key.
func publish[T metadata.Roles](r *repository, m *metadata.Metadata[T]) []byte {
	m.ClearSignatures()
	must(m.Sign(must(signature.LoadSigner(r.key, crypto.Hash(0)))))
	return must(m.ToBytes(false))
}

func (r *repository) set(name string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = data
}

// target adds a target.
func (r *repository) target(name string, data []byte) {
	file := must(metadata.TargetFile().FromBytes(name, data, "sha256"))
	r.targets.Signed.Targets[name] = file
	r.set("/targets/"+hex.EncodeToString(file.Hashes["sha256"])+"."+name, data)
}

// publish publishes a next version of all but the root.
func (r *repository) publish() {
	r.version++
	r.targets.Signed.Version = r.version
	r.set(fmt.Sprintf("/%d.targets.json", r.version), publish(r, r.targets))
	snapshot := metadata.Snapshot(r.now.AddDate(0, 0, 7))
	snapshot.Signed.Version = r.version
	snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(r.version)
	r.set(fmt.Sprintf("/%d.snapshot.json", r.version), publish(r, snapshot))
	stamp := metadata.Timestamp(r.now.AddDate(0, 0, 1))
	stamp.Signed.Version = r.version
	stamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(r.version)
	r.set("/timestamp.json", publish(r, stamp))
}

// rotate publishes a next version of the root.
func (r *repository) rotate() {
	r.root.Signed.Version++
	r.set(fmt.Sprintf("/%d.root.json", r.root.Signed.Version), publish(r, r.root))
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.URL.Path)
	data, ok := r.files[req.URL.Path]
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	_, _ = w.Write(data)
}

func TestFetchTrust(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	later := func(days int) func() time.Time { return func() time.Time { return now.AddDate(0, 0, days) } }
	start := func(t *testing.T) (*repository, string) {
		r := newRepository(now)
		r.target("trusted_root.json", []byte("the root"))
		r.target("signing_config.v0.2.json", []byte("the config"))
		r.publish()
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		return r, server.URL
	}
	refused := func(t *testing.T, trust *sigstore.Trust, err error, want string) {
		t.Helper()
		if trust != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sigstore: repository") {
			t.Errorf("%v, %v, want an error with %q", trust, err, want)
		}
	}

	t.Run("fetched", func(t *testing.T) {
		home, cache := t.TempDir(), t.TempDir()
		for _, name := range []string{"HOME", "USERPROFILE", "XDG_CACHE_HOME", "TMPDIR", "TUF_ROOT", "SIGSTORE_ROOT_FILE"} {
			t.Setenv(name, home)
		}
		r, url := start(t)
		r.rotate()
		r.rotate()
		dir := filepath.Join(cache, "made")
		for _, opt := range []sigstore.TrustOptions{{Now: clock}, {Now: clock, Cache: dir}, {Now: clock, Cache: dir, Client: new(http.Client)}} {
			trust, err := sigstore.FetchTrust(t.Context(), url, r.initial, opt)
			if err != nil || string(trust.TrustedRoot) != "the root" || string(trust.SigningConfig) != "the config" {
				t.Errorf("%+v: %+v, %v", opt, trust, err)
			}
		}
		// What is in the cache is not fetched again.
		n := 0
		for _, asked := range r.requests {
			if strings.HasSuffix(asked, "trusted_root.json") {
				n++
			}
		}
		if n != 2 {
			t.Errorf("trusted_root.json was fetched %d times, want 2: %q", n, r.requests)
		}
		data, err := os.ReadFile(filepath.Join(dir, "root.json"))
		if err != nil || !bytes.Equal(data, r.files["/3.root.json"]) {
			t.Errorf("in the cache is not the last root: %v", err)
		}
		if files, err := os.ReadDir(home); err != nil || len(files) > 0 {
			t.Errorf("something was kept at home: %v, %v", files, err)
		}
	})
	t.Run("no signing config", func(t *testing.T) {
		r, url := start(t)
		delete(r.targets.Signed.Targets, "signing_config.v0.2.json")
		r.publish()
		trust, err := sigstore.FetchTrust(t.Context(), url, r.initial, sigstore.TrustOptions{Now: clock})
		if err != nil || trust.TrustedRoot == nil || trust.SigningConfig != nil {
			t.Errorf("%+v, %v", trust, err)
		}
	})
	for _, test := range []struct {
		name   string
		change func(*repository)
		now    func() time.Time
		want   string
	}{
		{"no trusted root", func(r *repository) { delete(r.targets.Signed.Targets, "trusted_root.json"); r.publish() }, clock, "no trusted_root.json"},
		{"a timestamp that expired", nil, later(2), "timestamp.json is expired"},
		{"a snapshot that expired", func(r *repository) {
			stamp := metadata.Timestamp(now.AddDate(1, 0, 0))
			stamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(1)
			r.set("/timestamp.json", publish(r, stamp))
		}, later(8), "snapshot.json is expired"},
		{"a root that expired", nil, later(400), "root.json is expired"},
		{"another key", func(r *repository) {
			_, r.key = must2(ed25519.GenerateKey(rand.Reader))
			r.publish()
		}, clock, "timestamp"},
		{"a root by another key", func(r *repository) {
			key := r.key
			_, r.key = must2(ed25519.GenerateKey(rand.Reader))
			r.rotate()
			r.key = key
		}, clock, "root"},
		{"a root that skips a version", func(r *repository) {
			r.rotate()
			r.rotate()
			r.set("/2.root.json", r.files["/3.root.json"])
		}, clock, "expected 2, got 3"},
		{"no snapshot", func(r *repository) { delete(r.files, "/1.snapshot.json") }, clock, "1.snapshot.json"},
		{"another target", func(r *repository) {
			for name := range r.files {
				if strings.HasSuffix(name, "trusted_root.json") {
					r.files[name] = []byte("The root")
				}
			}
		}, clock, "trusted_root.json"},
		{"a target that is longer", func(r *repository) {
			for name := range r.files {
				if strings.HasSuffix(name, "trusted_root.json") {
					r.files[name] = []byte("the root that is longer")
				}
			}
		}, clock, "more than 8 bytes"},
		{"a target over the bound", func(r *repository) {
			r.target("trusted_root.json", make([]byte, sigstore.MaxTrustedRootSize+1))
			r.publish()
		}, clock, "at most 4194304 are read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, url := start(t)
			if test.change != nil {
				test.change(r)
			}
			dir := t.TempDir()
			trust, err := sigstore.FetchTrust(t.Context(), url, r.initial, sigstore.TrustOptions{Now: test.now})
			refused(t, trust, err, test.want)
			trust, err = sigstore.FetchTrust(t.Context(), url, r.initial, sigstore.TrustOptions{Now: test.now, Cache: dir})
			refused(t, trust, err, test.want)
		})
	}

	// What was seen once is not taken back.
	for _, test := range []struct {
		name string
		back func(r *repository, old map[string][]byte)
		want string
	}{
		{"timestamp", func(r *repository, old map[string][]byte) { r.files["/timestamp.json"] = old["/timestamp.json"] }, "timestamp version"},
		{"snapshot", func(r *repository, old map[string][]byte) { // a newer timestamp of an older snapshot
			stamp := metadata.Timestamp(now.AddDate(0, 0, 1))
			stamp.Signed.Version = 9
			stamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(1)
			r.set("/timestamp.json", publish(r, stamp))
		}, "snapshot version"},
		{"root", func(r *repository, old map[string][]byte) { delete(r.files, "/2.root.json") }, "root.json has version 1, and 2 was seen already"},
	} {
		t.Run("back: "+test.name, func(t *testing.T) {
			r, url := start(t)
			old := make(map[string][]byte)
			for name, data := range r.files {
				old[name] = data
			}
			r.rotate()
			r.publish()
			opt := sigstore.TrustOptions{Now: clock, Cache: t.TempDir()}
			if _, err := sigstore.FetchTrust(t.Context(), url, r.initial, opt); err != nil {
				t.Fatal(err)
			}
			test.back(r, old)
			for range 3 { // what was seen is not forgotten by an error
				trust, err := sigstore.FetchTrust(t.Context(), url, r.initial, opt)
				refused(t, trust, err, test.want)
			}
		})
	}

	t.Run("bad", func(t *testing.T) {
		r, url := start(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		moved := httptest.NewServer(http.RedirectHandler(url, http.StatusFound))
		defer moved.Close()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "root.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			ctx  context.Context
			url  string
			root []byte
			opt  sigstore.TrustOptions
			want string
		}{
			{t.Context(), "http://tuf.example.com", r.initial, sigstore.TrustOptions{Now: clock}, "is not an https URL"},
			{t.Context(), "", r.initial, sigstore.TrustOptions{Now: clock}, "is not a URL"},
			{t.Context(), url, nil, sigstore.TrustOptions{Now: clock}, "malformed root.json"},
			{t.Context(), url, []byte("{}"), sigstore.TrustOptions{Now: clock}, "malformed root.json"},
			{t.Context(), url, newRepository(now).initial, sigstore.TrustOptions{Now: clock}, "timestamp"},
			{t.Context(), url, r.initial, sigstore.TrustOptions{Now: clock, Cache: dir}, "malformed root.json in the cache"},
			{t.Context(), moved.URL, r.initial, sigstore.TrustOptions{Now: clock}, "redirects are not followed"},
			{ended, url, r.initial, sigstore.TrustOptions{Now: clock}, context.Canceled.Error()},
		} {
			trust, err := sigstore.FetchTrust(test.ctx, test.url, test.root, test.opt)
			refused(t, trust, err, test.want)
		}
	})

	t.Run("cancelled", func(t *testing.T) {
		hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		defer hanging.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		trust, err := sigstore.FetchTrust(ctx, hanging.URL, newRepository(now).initial, sigstore.TrustOptions{Now: clock})
		refused(t, trust, err, "deadline exceeded")
		if took := time.Since(began); took > 150*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// The roots that the public good instance has had, each signed by the one before.
func TestRootHistory(t *testing.T) {
	dir := corpus(t, "sigstore-roots", "production-tuf", "root_history")
	files, err := filepath.Glob(filepath.Join(dir, "*.root.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no roots", err)
	}
	r := &repository{files: make(map[string][]byte)}
	for _, f := range files {
		r.files["/"+filepath.Base(f)] = read(t, f)
	}
	stamp := read(t, corpus(t, "sigstore-roots", "production-tuf", "timestamp.json"))
	r.files["/timestamp.json"] = stamp
	var parsed struct{ Signed struct{ Expires time.Time } }
	if err := json.Unmarshal(stamp, &parsed); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return parsed.Signed.Expires.Add(-time.Hour) }
	server := httptest.NewServer(r)
	defer server.Close()
	last := len(files)

	// The corpus has no snapshot: that it is asked for says that the roots and
	// the timestamp are verified.
	fetch := func(root []byte) error {
		r.requests = nil
		cache := t.TempDir()
		_, err := sigstore.FetchTrust(t.Context(), server.URL, root, sigstore.TrustOptions{Now: now, Cache: cache})
		if err == nil {
			t.Fatal("fetched without a snapshot")
		}
		if strings.Contains(err.Error(), "snapshot.json") {
			kept := read(t, filepath.Join(cache, "root.json"))
			if !bytes.Equal(kept, r.files[fmt.Sprintf("/%d.root.json", last)]) {
				t.Error("it was not brought to the last root")
			}
		}
		return err
	}
	oldest := 0
	for first := 1; first <= last; first++ {
		root := r.files[fmt.Sprintf("/%d.root.json", first)]
		err := fetch(root)
		if !bytes.Contains(root, []byte("BEGIN PUBLIC KEY")) { // a key in the form of version 0.9 of the specification
			if !strings.Contains(err.Error(), "malformed root.json") {
				t.Errorf("from root %d: %v", first, err)
			}
			continue
		}
		if oldest == 0 {
			oldest = first
		}
		if !strings.Contains(err.Error(), "snapshot.json") {
			t.Errorf("from root %d: %v", first, err)
		}
		for next := first + 1; next <= last; next++ {
			if !slices.Contains(r.requests, fmt.Sprintf("/%d.root.json", next)) {
				t.Errorf("from root %d: root %d was not asked for", first, next)
			}
		}
	}
	if oldest == 0 || oldest+2 > last {
		t.Fatalf("of %d roots none but %d can be begun with", last, oldest)
	}
	if err := fetch(sigstore.PublicGoodRoot()); !strings.Contains(err.Error(), "snapshot.json") {
		t.Errorf("from the root that came with sigstore-go: %v", err)
	}

	// A root that was changed, and one that was left out.
	next := fmt.Sprintf("/%d.root.json", oldest+1)
	changed := bytes.Replace(r.files[next], []byte(`"threshold": 3`), []byte(`"threshold": 2`), 1)
	if bytes.Equal(changed, r.files[next]) {
		t.Fatal("nothing was changed")
	}
	for _, data := range [][]byte{changed, r.files[fmt.Sprintf("/%d.root.json", oldest+2)]} {
		r.files[next] = data
		if err := fetch(r.files[fmt.Sprintf("/%d.root.json", oldest)]); strings.Contains(err.Error(), "snapshot.json") {
			t.Errorf("with a root that is not the next: %v", err)
		}
	}
}
