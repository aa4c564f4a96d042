// Package imagestest is a small registry for tests.
package imagestest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark/sign/oci"
)

// A Registry is one that keeps what it is given, for one repository.
type Registry struct {
	API                bool // it knows the referrers API
	Username, Password string
	Refuse             func(r *http.Request) int // a status, or 0

	// What it has and was asked, to be looked at while nobody asks it.
	Manifests map[string][]byte // by digest and by tag
	Requests  []string

	mu    sync.Mutex
	blobs map[string][]byte
}

func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Requests = append(g.Requests, r.Method+" "+r.URL.Path)
	if user, password, _ := r.BasicAuth(); user != g.Username || password != g.Password {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if g.Refuse != nil {
		if status := g.Refuse(r); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/team/app/"), "/")
	kept := g.blobs
	if kind == "manifests" {
		kept = g.Manifests
	}
	switch {
	case kind == "referrers" && g.API:
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		list := []any{}
		for d, data := range g.Manifests {
			var m struct {
				MediaType string
				Subject   struct{ Digest string }
			}
			if json.Unmarshal(data, &m) == nil && m.Subject.Digest == name && strings.HasPrefix(d, "sha256:") {
				list = append(list, map[string]any{"mediaType": m.MediaType, "digest": d, "size": len(data)})
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
	case r.Method == http.MethodPost && name == "uploads/":
		w.Header().Set("Location", r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut && kind == "blobs":
		g.blobs[r.URL.Query().Get("digest")] = body
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut && kind == "manifests":
		g.Put(name, body)
		var m struct{ Subject struct{ Digest string } }
		if err := json.Unmarshal(body, &m); g.API && err == nil && m.Subject.Digest != "" {
			w.Header().Set("OCI-Subject", m.Subject.Digest)
		}
		w.WriteHeader(http.StatusCreated)
	case kept[name] != nil && kind != "referrers":
		var m struct{ MediaType string }
		if json.Unmarshal(kept[name], &m) == nil {
			w.Header().Set("Content-Type", m.MediaType)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(kept[name]))
	default:
		w.WriteHeader(http.StatusNotFound)
		if kind == "manifests" {
			io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}`)
		}
	}
}

// Put keeps a manifest by its digest and by another name.
func (g *Registry) Put(name string, manifest []byte) (digest string) {
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256(manifest))
	g.Manifests[digest], g.Manifests[name] = manifest, manifest
	return digest
}

// Start starts the registry with an image that has the tag v1, and returns its name
// without a tag, and its digest.
func (g *Registry) Start(t testing.TB) (name, digest string) {
	g.blobs, g.Manifests = make(map[string][]byte), make(map[string][]byte)
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/team/app", g.Put("v1", Image("one"))
}

// Image returns the manifest of an image.
func Image(name string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%x","size":1},"layers":[],"annotations":{"name":%q}}`, sha256.Sum256(nil), name)
}

// Client returns a client that may read and write.
func (g *Registry) Client() *oci.Client {
	return &oci.Client{HTTP: http.DefaultClient, PlainHTTP: true, Credential: func(context.Context, string) (auth.Credential, error) {
		return auth.Credential{Username: g.Username, Password: g.Password}, nil
	}}
}
