package oci

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
)

// The tag is as long as a tag may be, whatever the digest is.
func TestFallbackTag(t *testing.T) {
	for _, c := range []struct{ digest, want string }{
		{"sha256:" + strings.Repeat("a", 64), "sha256-" + strings.Repeat("a", 64)},
		{"sha512:" + strings.Repeat("a", 64) + strings.Repeat("b", 64), "sha512-" + strings.Repeat("a", 64)},
	} {
		d, err := hallmark.ParseDigest(c.digest)
		if err != nil {
			t.Fatal(err)
		}
		if got := fallbackTag(d); got != c.want {
			t.Errorf("%s: %s, want %s", c.digest, got, c.want)
		}
	}
}

// An artifactType has no parameters, and begins as readers expect it to.
func TestMediaTypeOf(t *testing.T) {
	for _, c := range []struct{ bundle, want string }{
		{"application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle.v0.3+json"},
		{"application/vnd.dev.sigstore.bundle+json;version=0.3", "application/vnd.dev.sigstore.bundle.v0.3+json"},
		{"application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json"},
	} {
		if got := mediaTypeOf([]byte(`{"dsseEnvelope":{},"mediaType":"` + c.bundle + `"}`)); got != c.want || !isEnvelope(got) {
			t.Errorf("%s: %s, want %s", c.bundle, got, c.want)
		}
	}
}

func TestNextLink(t *testing.T) {
	for _, c := range []struct {
		links []string
		want  string
	}{
		{nil, ""},
		{[]string{`</v2/a?last=1,2>; rel="next"`}, "/v2/a?last=1,2"},
		{[]string{`</v2/a>; Rel=next`}, "/v2/a"},
		{[]string{`</v2/a>`}, "/v2/a"},
		{[]string{`</v2/a>; rel="first", </v2/b>; title="x, y"; rel = "next"`}, "/v2/b"},
		{[]string{`</v2/a>; rel="first"`, `</v2/b>; rel="next"`}, "/v2/b"},
		{[]string{`</v2/a>; rel="prev"`}, ""},
		{[]string{`</v2/a`, `/v2/a>; rel="next"`, `rel="next"`}, ""},
	} {
		if got := nextLink(http.Header{"Link": c.links}); got != c.want {
			t.Errorf("%q: %q, want %q", c.links, got, c.want)
		}
	}
}

// FuzzParseImage: what is read is the same when it is written and read again.
func FuzzParseImage(f *testing.F) {
	f.Add("registry.example/team/app:v1@sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3")
	f.Add("[::1]:5000/app@sha512:")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseImage(s)
		if err != nil {
			if i != (Image{}) {
				t.Fatal("an image with an error")
			}
			return
		}
		again, err := ParseImage(i.String())
		if err != nil || again != i {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}

// FuzzParseManifest: what is read is within its bounds, and encoding/json reads
// the same subject.
func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"a","config":{"mediaType":"c","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"subject":{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"annotations":{"a":"b"}}`))
	f.Add([]byte(`{"schemaVersion":2,"subject":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		if len(m.layers) > MaxLayers {
			t.Fatalf("%d layers", len(m.layers))
		}
		var peer map[string]json.RawMessage
		if err := json.Unmarshal(data, &peer); err != nil {
			t.Fatal(err)
		}
		var subject map[string]any
		if s, ok := peer["subject"]; ok {
			if err := json.Unmarshal(s, &subject); err != nil {
				t.Fatal(err)
			}
		}
		if want, _ := subject["digest"].(string); m.subject.String() != want {
			t.Fatalf("subject %s, want %s", m.subject, want)
		}
	})
}

// FuzzParseIndex: an index with one more entry is read as that, and all that was
// in it is as it was.
func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"m","size":1,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","platform":{"os":"linux","architecture":"arm","variant":"v7"}}],"annotations":{"a":"b"}}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":null}`))
	entry := json.RawMessage(`{"digest":"sha256:315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data)
		if err != nil {
			return
		}
		more, err := x.add([]json.RawMessage{entry})
		if err != nil {
			return
		}
		y, err := parseIndex(more)
		if err != nil {
			t.Fatalf("%s: %v", more, err)
		}
		if len(y.manifests) != len(x.manifests)+1 || len(y.members) != len(x.members) {
			t.Fatalf("%s: %d manifests and %d members, want one more than %d, and %d", more, len(y.manifests), len(y.members), len(x.manifests), len(x.members))
		}
		for i, d := range x.manifests {
			if !bytes.Equal(y.manifests[i].raw, d.raw) {
				t.Fatalf("entry %d was %s and is %s", i, d.raw, y.manifests[i].raw)
			}
		}
		for i, m := range x.members {
			if y.members[i].name != m.name || !bytes.Equal(y.members[i].raw, m.raw) {
				t.Fatalf("member %s was %s and is %s", m.name, m.raw, y.members[i].raw)
			}
		}
	})
}
