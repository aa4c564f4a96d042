package oci_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// A registry is as much of a registry as the tests need, and one that can be
// told what to get wrong.
type registry struct {
	*httptest.Server

	API       bool // it knows the referrers API,
	Header    bool // says so when a manifest is pushed,
	Page      int  // and lists so many on a page; 0 means all
	Condition bool // it knows If-Match and If-None-Match

	// Before is asked first, and answers if it returns true.
	Before func(w http.ResponseWriter, r *http.Request) bool

	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	manifests map[string]kept   // by digest
	tags      map[string]string // digests
	requests  []string          // method and path
}

type kept struct {
	mediaType string
	data      []byte
}

func newRegistry() *registry {
	r := &registry{blobs: map[string][]byte{}, manifests: map[string]kept{}, tags: map[string]string{}}
	r.Server = httptest.NewServer(r)
	return r
}

func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// put keeps a manifest, under a tag too if it is not empty, and returns its
// digest.
func (r *registry) put(tag, mediaType string, manifest any) string {
	data, err := json.Marshal(manifest)
	if err != nil {
		panic(err)
	}
	return r.putBytes(tag, mediaType, data)
}

func (r *registry) putBytes(tag, mediaType string, data []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := digestOf(data)
	r.manifests[d] = kept{mediaType, data}
	if tag != "" {
		r.tags[tag] = d
	}
	return d
}

// blob keeps a blob and returns its descriptor.
func (r *registry) blob(mediaType string, data []byte) object {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs[digestOf(data)] = data
	return object{"mediaType": mediaType, "digest": digestOf(data), "size": len(data)}
}

type object = map[string]any

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	emptyType    = "application/vnd.oci.empty.v1+json"
	dsseType     = "application/vnd.dsse.envelope.v1+json"
	bundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// app keeps an image under the tag v1 and returns its reference by digest.
func (r *registry) app() string {
	d := r.put("v1", manifestType, object{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": r.blob("application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"amd64","os":"linux"}`)),
		"layers": []object{r.blob("application/vnd.oci.image.layer.v1.tar", []byte("a layer"))},
	})
	return r.host() + "/team/app@" + d
}

// refer keeps a manifest that refers to subject, with a layer, and returns its
// descriptor.
func (r *registry) refer(subject, artifactType string, layer object) object {
	m := object{
		"schemaVersion": 2, "mediaType": manifestType, "artifactType": artifactType,
		"config": r.blob(emptyType, []byte("{}")), "layers": []object{layer},
		"subject": object{"mediaType": manifestType, "digest": subject, "size": 1},
	}
	d := r.put("", manifestType, m)
	return object{"mediaType": manifestType, "digest": d, "size": len(r.manifests[d].data), "artifactType": artifactType}
}

// referrers is the list under the tag for subject.
func (r *registry) referrers(subject string, entries ...object) {
	if entries == nil {
		entries = []object{}
	}
	r.put(strings.Replace(subject, ":", "-", 1), indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
}

// count returns how many requests began so.
func (r *registry) count(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.requests {
		if strings.HasPrefix(q, prefix) {
			n++
		}
	}
	return n
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	before := r.Before
	r.mu.Unlock()
	if before != nil && before(w, req) {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no"}]}`, code)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rest, ok := strings.CutPrefix(req.URL.Path, "/v2/team/app/")
	if !ok {
		fail(http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	kind, name, _ := strings.Cut(rest, "/")
	switch method := req.Method; {
	case kind == "manifests" && (method == http.MethodGet || method == http.MethodHead):
		d := name
		if t, ok := r.tags[name]; ok {
			d = t
		}
		m, ok := r.manifests[d]
		if !ok {
			fail(http.StatusNotFound, "MANIFEST_UNKNOWN")
			return
		}
		w.Header().Set("Content-Type", m.mediaType)
		w.Header().Set("Docker-Content-Digest", d)
		if r.Condition {
			w.Header().Set("ETag", `"`+d+`"`)
		}
		w.Write(m.data)

	case kind == "manifests" && method == http.MethodPut:
		d := digestOf(body)
		if strings.Contains(name, ":") && name != d {
			fail(http.StatusBadRequest, "DIGEST_INVALID")
			return
		}
		if r.Condition {
			old, is := r.tags[name]
			if req.Header.Get("If-None-Match") == "*" && is || req.Header.Get("If-Match") != "" && req.Header.Get("If-Match") != `"`+old+`"` {
				fail(http.StatusPreconditionFailed, "UNKNOWN")
				return
			}
		}
		// As strict as distribution: everything it names must be there.
		var m struct {
			Config, Subject   *struct{ Digest string }
			Layers, Manifests []struct{ Digest string }
		}
		if err := json.Unmarshal(body, &m); err != nil {
			fail(http.StatusBadRequest, "MANIFEST_INVALID")
			return
		}
		if m.Config != nil {
			m.Layers = append(m.Layers, *m.Config)
		}
		for _, l := range m.Layers {
			if _, ok := r.blobs[l.Digest]; !ok {
				fail(http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN")
				return
			}
		}
		for _, l := range m.Manifests {
			if _, ok := r.manifests[l.Digest]; !ok {
				fail(http.StatusNotFound, "MANIFEST_UNKNOWN")
				return
			}
		}
		r.manifests[d] = kept{req.Header.Get("Content-Type"), body}
		if name != d {
			r.tags[name] = d
		}
		if r.API && r.Header && m.Subject != nil {
			w.Header().Set("OCI-Subject", m.Subject.Digest)
		}
		w.WriteHeader(http.StatusCreated)

	case kind == "referrers" && r.API:
		var entries []object
		for _, d := range slices.Sorted(maps.Keys(r.manifests)) {
			var m struct {
				Subject *struct{ Digest string }
				Config  struct{ MediaType string }
			}
			_ = json.Unmarshal(r.manifests[d].data, &m)
			if m.Subject != nil && m.Subject.Digest == name {
				// The type of the config, as registries that are in use have it.
				entries = append(entries, object{"mediaType": r.manifests[d].mediaType, "digest": d, "size": len(r.manifests[d].data), "artifactType": m.Config.MediaType})
			}
		}
		from := 0
		fmt.Sscan(req.URL.Query().Get("from"), &from)
		entries = entries[from:]
		if r.Page > 0 && len(entries) > r.Page {
			entries = entries[:r.Page]
			w.Header().Set("Link", fmt.Sprintf(`<%s?from=%d>; rel="next"`, req.URL.Path, from+r.Page))
		}
		if entries == nil {
			entries = []object{}
		}
		w.Header().Set("Content-Type", indexType)
		_ = json.NewEncoder(w).Encode(object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})

	case rest == "blobs/uploads/" && method == http.MethodPost:
		w.Header().Set("Location", "/v2/team/app/blobs/uploads/1?state=secret")
		w.WriteHeader(http.StatusAccepted)

	case rest == "blobs/uploads/1" && method == http.MethodPut:
		if d := req.URL.Query().Get("digest"); d != digestOf(body) {
			fail(http.StatusBadRequest, "DIGEST_INVALID")
			return
		}
		r.blobs[digestOf(body)] = body
		w.WriteHeader(http.StatusCreated)

	case kind == "blobs" && (method == http.MethodGet || method == http.MethodHead):
		data, ok := r.blobs[name]
		if !ok {
			fail(http.StatusNotFound, "BLOB_UNKNOWN")
			return
		}
		http.ServeContent(w, req, "", time.Time{}, strings.NewReader(string(data)))

	default:
		http.NotFound(w, req)
	}
}
