package oci_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// bundle returns a bundle of the payload. Nothing here verifies it.
func bundle(payloadType, payload string) string {
	return `{"mediaType":"` + bundleType + `","verificationMaterial":{"publicKey":{"hint":"1"}},"dsseEnvelope":` + envelope(payloadType, payload) + `}`
}

func envelope(payloadType, payload string) string {
	return fmt.Sprintf(`{"payload":%q,"payloadType":%q,"signatures":[{"sig":"c2ln"}]}`, base64.StdEncoding.EncodeToString([]byte(payload)), payloadType)
}

func mustParse(t testing.TB, text string) *sign.Envelope {
	t.Helper()
	e, err := sign.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustImage(t testing.TB, reference string) oci.Image {
	t.Helper()
	i, err := oci.ParseImage(reference)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// start returns a registry with an image and a client for it, and takes both
// away at the end of the test.
func start(t testing.TB) (*registry, *oci.Client, oci.Image) {
	t.Helper()
	r := newRegistry()
	t.Cleanup(r.Close)
	return r, &oci.Client{HTTP: r.Client(), PlainHTTP: true}, mustImage(t, r.app())
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q, want %q in it", err, p)
		}
	}
}

func TestParseImage(t *testing.T) {
	const sum = "315f5bdb76d078c43b8ac0064e4a0164612b1fce77c869345bfc94c75894edd3"
	for _, c := range []struct{ in, want string }{
		{"registry.example/app@sha256:" + sum, ""},
		{"registry.example/a/b/c@sha256:" + sum, ""},
		{"localhost/app@sha256:" + sum, ""},
		{"localhost:5000/app@sha256:" + sum, ""},
		{"127.0.0.1:5000/app@sha256:" + sum, ""},
		{"[::1]:5000/app@sha256:" + sum, ""},
		{"[::1]/app@sha256:" + sum, ""},
		{"xn--rgistry-bya.example:443/app@sha256:" + sum, ""},
		{"docker.io/library/nginx@sha256:" + sum, ""},
		{"registry.example/app@sha512:" + sum + sum, ""},
		{"registry.example/app:v1@sha256:" + sum, "registry.example/app@sha256:" + sum},
	} {
		if c.want == "" {
			c.want = c.in
		}
		i, err := oci.ParseImage(c.in)
		if err != nil || i.String() != c.want {
			t.Errorf("%s: %q, %v, want %q", c.in, i, err, c.want)
			continue
		}
		a, err := hallmark.ParseArtifact(i.String())
		if err != nil || a.Name != i.Artifact().Name || !slices.Equal(a.Digests, i.Artifact().Digests) {
			t.Errorf("%s: artifact %v (%v), want %v", c.in, i.Artifact(), err, a)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"", "no registry"},
		{"app@sha256:" + sum, "no registry"},
		{"team/app@sha256:" + sum, "no registry"},
		{"registry.example@sha256:" + sum, "no registry"},
		{"registry.example/app", "no digest"},
		{"registry.example/app:v1", "tag"},
		{"registry.example/app:@sha256:" + sum, "not a tag"},
		{"registry.example/app:a b@sha256:" + sum, "not a tag"},
		{"registry.example/App@sha256:" + sum, "not the name of a repository"},
		{"registry.example/../app@sha256:" + sum, "not the name of a repository"},
		{"registry.example//app@sha256:" + sum, "not the name of a repository"},
		{"registry.example/app/@sha256:" + sum, "not the name of a repository"},
		{"Registry.example/app@sha256:" + sum, "lower case"},
		{"user:password@registry.example/app@sha256:" + sum, "malformed digest"},
		{"https://r.example/app@sha256:" + sum, "a scheme before the registry"},
		{"registry.example?x/app@sha256:" + sum, "host"},
		// Hosts that are spelled in another way, or look like one: "ı" is not "i".
		{"reg\u0131stry.example/app@sha256:" + sum, "not the host"},
		{"registry\uff0eexample.test/app@sha256:" + sum, "not the host"},
		{"registry.example\u200b/app@sha256:" + sum, "not the host"},
		{"registry.example./app@sha256:" + sum, "not the host"},
		{".example/app@sha256:" + sum, "not the host"},
		{"registry..example/app@sha256:" + sum, "not the host"},
		{"-registry.example/app@sha256:" + sum, "not the host"},
		{"registry-.example/app@sha256:" + sum, "not the host"},
		{"my_registry.example/app@sha256:" + sum, "not the host"},
		{"*.example/app@sha256:" + sum, "not the host"},
		{"registry.example:/app@sha256:" + sum, "not the host"},
		{"registry.example:0/app@sha256:" + sum, "not the host"},
		{"registry.example:0443/app@sha256:" + sum, "not the host"},
		{"registry.example:65536/app@sha256:" + sum, "not the host"},
		{"registry.example:x/app@sha256:" + sum, "not the host"},
		{"[0:0::1]:5000/app@sha256:" + sum, "not the host"},
		{"[fe80::1%25eth0]:5000/app@sha256:" + sum, "not the host"},
		{"[127.0.0.1]:5000/app@sha256:" + sum, "not the host"},
		{"[::1/app@sha256:" + sum, "not the host"},
		{"registry.example/app@sha256:" + sum[1:], "malformed digest"},
		{"registry.example/app@sha256:" + strings.ToUpper(sum), "malformed digest"},
		{"registry.example/app@sha1:" + sum[:40], "want sha256 or sha512"},
		{"registry.example/app@sha256:" + sum + "@sha256:" + sum, "malformed digest"},
		{"docker.io/nginx@sha256:" + sum, "docker.io/library/nginx"},
		{"registry.example/" + strings.Repeat("a", oci.MaxReference) + "@sha256:" + sum, "bytes"},
	} {
		i, err := oci.ParseImage(c.in)
		if i != (oci.Image{}) {
			t.Errorf("%s: an image with an error", c.in)
		}
		wantError(t, err, c.want)
		if got := errors.Is(err, oci.ErrTag); got != (c.in == "registry.example/app:v1") {
			t.Errorf("%s: ErrTag: %v", c.in, got)
		}
	}
	if s := (oci.Image{}).String(); s != "" {
		t.Errorf("the zero image is %q", s)
	}
}

func TestResolve(t *testing.T) {
	ctx := context.Background()
	r, c, image := start(t)
	got, err := c.Resolve(ctx, r.host()+"/team/app:v1")
	if err != nil || got != image {
		t.Errorf("got %v, %v, want %v", got, err, image)
	}
	// A digest is not looked up, whatever the tag beside it names.
	r.put("v2", manifestType, object{"schemaVersion": 2, "layers": []object{}})
	n := r.count("")
	got, err = c.Resolve(ctx, strings.Replace(image.String(), "@", ":v2@", 1))
	if err != nil || got != image || r.count("") != n {
		t.Errorf("got %v, %v after %d requests, want %v after none", got, err, r.count("")-n, image)
	}
	_, err = c.Resolve(ctx, r.host()+"/team/app")
	wantError(t, err, "neither a tag nor a digest")
	_, err = c.Resolve(ctx, r.host()+"/team/app:v3")
	wantError(t, err, "resolve "+r.host()+"/team/app:v3", "status 404", "MANIFEST_UNKNOWN")
	_, err = (&oci.Client{}).Resolve(ctx, r.host()+"/team/app:v1")
	wantError(t, err, "no HTTP client")

	// What the registry says is not what it sends.
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", image.Digest().String())
		io.WriteString(w, `{"schemaVersion":2}`)
		return true
	}
	_, err = c.Resolve(ctx, r.host()+"/team/app:v1")
	wantError(t, err, "its bytes have the digest", image.Digest().String())
	// A signed manifest of docker's first format has a digest of its own kind.
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
		io.WriteString(w, `{"schemaVersion":1}`)
		return true
	}
	_, err = c.Resolve(ctx, r.host()+"/team/app:v1")
	wantError(t, err, "media type")
}

func TestDrift(t *testing.T) {
	ctx := context.Background()
	r, c, image := start(t)
	tagged := func(tag string) string { return strings.Replace(image.String(), "@", ":"+tag+"@", 1) }
	other := r.put("other", manifestType, object{"schemaVersion": 2, "layers": []object{}})
	entry := object{"mediaType": manifestType, "digest": image.Digest().String(), "size": 1}
	inner := r.put("listed", indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{entry}})
	r.put("nested", indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{{"mediaType": indexType, "digest": inner, "size": 1}}})
	for _, d := range []struct {
		tag, now string // "" for what is not there, "-" for any
		moved    bool
	}{
		{"v1", image.Digest().String(), false},
		{"other", other, true},
		{"gone", "", true},
		{"listed", inner, false},
		{"nested", "-", true},
	} {
		now, moved, err := c.Drift(ctx, tagged(d.tag))
		if got := now.Digest().String(); err != nil || moved != d.moved || d.now != "-" && got != d.now || d.now != "" && now.Repository() != image.Repository() {
			t.Errorf("%s: got %s, %v, %v, want %q, %v", d.tag, now, moved, err, d.now, d.moved)
		}
	}

	// The digest of then may be by another algorithm than the registry's.
	manifest := r.manifests[image.Digest().String()].data
	longer := fmt.Sprintf("%s:v1@sha512:%x", image.Repository(), sha512.Sum512(manifest))
	if now, moved, err := c.Drift(ctx, longer); err != nil || moved || !strings.HasSuffix(longer, now.Digest().String()) {
		t.Errorf("by SHA-512: %s, %v, %v", now, moved, err)
	}

	n := r.count("")
	for in, want := range map[string]string{
		image.String():            "want a tag and the digest that it had",
		r.host() + "/team/app:v1": "want a tag and the digest that it had",
		"app:v1":                  "no registry before the repository",
	} {
		_, moved, err := c.Drift(ctx, in)
		wantError(t, err, want)
		if moved || r.count("") != n {
			t.Errorf("%s: moved %v, after %d requests", in, moved, r.count("")-n)
		}
	}
	// That nothing was told is not that there is none.
	_, _, err := c.Drift(ctx, strings.Replace(tagged("v1"), "/team/app", "/team/other", 1))
	wantError(t, err, "drift of ", "status 404", "NAME_UNKNOWN")
	for _, answer := range []string{"{}", `{"errors":[{"code":"DENIED"}]}`} {
		r.Before = func(w http.ResponseWriter, q *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, answer)
			return true
		}
		if _, moved, err := c.Drift(ctx, tagged("gone")); err == nil || moved {
			t.Errorf("%s: moved %v, %v", answer, moved, err)
		}
	}
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		w.Header().Set("Content-Type", indexType)
		io.WriteString(w, "{")
		return true
	}
	_, _, err = c.Drift(ctx, tagged("v1"))
	wantError(t, err, "drift of ", "malformed")
}

// What is attached is found on every kind of registry, byte by byte, once.
func TestAttach(t *testing.T) {
	ctx := context.Background()
	statement := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1"}`
	texts := []string{
		bundle("application/vnd.in-toto+json", statement),
		strings.ReplaceAll(bundle("application/vnd.in-toto+json", statement), ",", ",\n "),
		strings.Replace(bundle("text/plain", "old"), ".v0.3+json", "+json;version=0.1", 1),
		envelope("application/vnd.in-toto+json", statement),
		envelope("text/plain", "hello"),
	}
	var envelopes []*sign.Envelope
	for _, text := range texts {
		envelopes = append(envelopes, mustParse(t, text))
	}
	for _, kind := range []struct {
		name string
		set  func(r *registry)
		tag  bool // it has a list under the tag after that
	}{
		{"no API", func(r *registry) {}, true},
		{"no API, conditions", func(r *registry) { r.Condition = true }, true},
		{"API", func(r *registry) { r.API, r.Header = true, true }, false},
		{"API without header", func(r *registry) { r.API = true }, false},
		{"API, pages", func(r *registry) { r.API, r.Page = true, 2 }, false},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			r, c, image := start(t)
			kind.set(r)
			added, err := c.Attach(ctx, image, slices.Concat(envelopes, envelopes[:1])...)
			if err != nil || len(added) != len(texts) {
				t.Fatalf("added %d, %v, want %d", len(added), err, len(texts))
			}
			if _, tag := r.tags[strings.Replace(image.Digest().String(), ":", "-", 1)]; tag != kind.tag {
				t.Errorf("a list under the tag: %v, want %v", tag, kind.tag)
			}
			n := r.count("PUT")
			for _, c := range []*oci.Client{c, {HTTP: c.HTTP, PlainHTTP: true, Created: time.Unix(1, 0)}} {
				again, err := c.Attach(ctx, image, envelopes...)
				if err != nil || len(again) != 0 || r.count("PUT") != n {
					t.Errorf("attached again: added %d, %v, %d requests", len(again), err, r.count("PUT")-n)
				}
			}
			found, skipped, err := c.Find(ctx, image)
			if err != nil || len(skipped) > 0 {
				t.Fatal(skipped, err)
			}
			var got []string
			for _, a := range found {
				if !slices.Contains(added, a.Manifest) {
					t.Errorf("found a manifest %s that was not added", a.Manifest)
				}
				text := string(a.Envelope.Bundle)
				if text == "" {
					b, err := a.Envelope.Marshal()
					if err != nil {
						t.Fatal(err)
					}
					text = string(b)
				}
				got = append(got, text)
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(texts))
			if !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
			if !slices.IsSortedFunc(found, func(a, b oci.Attached) int { return strings.Compare(a.Manifest.Hex(), b.Manifest.Hex()) }) {
				t.Error("not in the order of the manifests' digests")
			}
		})
	}
}

// The manifests are what BUNDLE_SPEC and cosign have, and the same every time.
func TestAttachedManifest(t *testing.T) {
	ctx := context.Background()
	statement := `{"predicateType":"https://slsa.dev/provenance/v1"}`
	for _, c := range []struct {
		name, text string
		created    time.Time
		want       string
	}{
		{
			"bundle", bundle("application/vnd.in-toto+json", statement),
			time.Date(2024, 3, 8, 19, 18, 20, 0, time.FixedZone("", 3600)),
			`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json",` +
				`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
				`"layers":[{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","digest":"sha256:$","size":#,"annotations":{"org.opencontainers.image.title":"sha256-$.sigstore.json"}}],` +
				`"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"@","size":393},` +
				`"annotations":{"dev.sigstore.bundle.content":"dsse-envelope","dev.sigstore.bundle.predicateType":"https://slsa.dev/provenance/v1","org.opencontainers.image.created":"2024-03-08T18:18:20Z"}}`,
		},
		{
			"envelope", envelope("application/vnd.in-toto+json", statement),
			time.Time{},
			`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.in-toto+json",` +
				`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
				`"layers":[{"mediaType":"application/vnd.dsse.envelope.v1+json","digest":"sha256:$","size":#,"annotations":{"in-toto.io/predicate-type":"https://slsa.dev/provenance/v1","org.opencontainers.image.title":"sha256-$.intoto.jsonl"}}],` +
				`"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"@","size":393}}`,
		},
		{
			"another payload", envelope("text/plain", "hello"),
			time.Time{},
			`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.dsse.envelope.v1+json",` +
				`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},` +
				`"layers":[{"mediaType":"application/vnd.dsse.envelope.v1+json","digest":"sha256:$","size":#,"annotations":{"org.opencontainers.image.title":"sha256-$.dsse.json"}}],` +
				`"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"@","size":393}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, client, image := start(t)
			r.API, r.Header = true, true
			client.Created = c.created
			added, err := client.Attach(ctx, image, mustParse(t, c.text))
			if err != nil {
				t.Fatal(err)
			}
			layer := digestOf([]byte(c.text))
			want := strings.NewReplacer("$", strings.TrimPrefix(layer, "sha256:"), "#", fmt.Sprint(len(c.text)), "@", image.Digest().String()).Replace(c.want)
			if got := string(r.manifests[added[0].String()].data); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAttachRefuses(t *testing.T) {
	ctx := context.Background()
	r, c, image := start(t)
	e := mustParse(t, envelope("text/plain", "hello"))
	n := r.count("")
	for _, f := range []struct {
		image     oci.Image
		envelopes []*sign.Envelope
		want      string
	}{
		{image, nil, "no envelope"},
		{image, []*sign.Envelope{e, nil}, "envelope 1: it is nil"},
		{image, []*sign.Envelope{{PayloadType: "text/plain"}}, "envelope 0: sign"},
		{image, []*sign.Envelope{{PayloadType: "text/plain", Bundle: json.RawMessage("{")}}, "envelope 0: malformed"},
		{oci.Image{}, []*sign.Envelope{e}, "no image"},
	} {
		_, err := c.Attach(ctx, f.image, f.envelopes...)
		wantError(t, err, f.want)
	}
	if r.count("") != n {
		t.Error("the registry was asked")
	}
	_, err := c.Attach(ctx, mustImage(t, r.host()+"/team/app@"+digest), e)
	wantError(t, err, "attach to", digest, "MANIFEST_UNKNOWN")
	if r.count("PUT")+r.count("POST") > 0 {
		t.Error("something was attached to an image that is not there")
	}
	// Somebody has another image under the tag.
	tag := strings.Replace(image.Digest().String(), ":", "-", 1)
	before := r.put(tag, manifestType, object{"schemaVersion": 2, "layers": []object{}})
	_, err = c.Attach(ctx, image, e)
	wantError(t, err, tag, "media type")
	if r.tags[tag] != before {
		t.Error("it was overwritten")
	}
}

// Somebody keeps the same bytes as something else: nobody finds them there.
func TestAttachedAsSomethingElse(t *testing.T) {
	ctx := context.Background()
	r, c, image := start(t)
	r.API, r.Header = true, true
	r.refer(image.Digest().String(), "application/x", r.blob("application/y", []byte(envelope("text/plain", "hello"))))
	for want := range 2 {
		found, skipped, err := c.Find(ctx, image)
		if err != nil || len(found) != want || len(skipped) != 1 {
			t.Errorf("found %d, skipped %v, %v, want %d", len(found), skipped, err, want)
		}
		if _, err := c.Attach(ctx, image, mustParse(t, envelope("text/plain", "hello"))); err != nil {
			t.Fatal(err)
		}
	}
}

// Entries of others stay as they are.
func TestAttachKeepsOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, c, image := start(t)
	d := r.put("", manifestType, object{"schemaVersion": 2, "layers": []object{}})
	other := `{"digest" : "` + d + `", "size": 1, "mediaType":"` + manifestType + `","unknown":{"a":[1.50]}}`
	tag := strings.Replace(image.Digest().String(), ":", "-", 1)
	r.putBytes(tag, indexType, []byte(`{"manifests":[`+other+`],"schemaVersion":2,"mediaType":"`+indexType+`","annotations":{"k":"v"}}`))
	if _, err := c.Attach(ctx, image, mustParse(t, envelope("text/plain", "hello"))); err != nil {
		t.Fatal(err)
	}
	got := string(r.manifests[r.tags[tag]].data)
	if !strings.Contains(got, "["+other+",") || !strings.HasSuffix(got, `],"annotations":{"k":"v"}}`) {
		t.Errorf("the list is %s", got)
	}
	found, skipped, err := c.Find(ctx, image)
	if err != nil || len(found) != 1 || len(skipped) != 1 {
		t.Errorf("found %d, skipped %v, %v", len(found), skipped, err)
	}
}

// Many attach at once, some of them through the same client, to a registry whose
// answers are late, so that they overwrite each other.
func TestAttachAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, condition := range []bool{false, true} {
		t.Run(fmt.Sprint("condition ", condition), func(t *testing.T) {
			t.Parallel()
			r, _, image := start(t)
			r.Condition = condition
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				if strings.HasSuffix(q.URL.Path, strings.Replace(image.Digest().String(), ":", "-", 1)) {
					time.Sleep(time.Millisecond)
				}
				return false
			}
			const clients, each = 4, 10
			var wg sync.WaitGroup
			for i := range clients {
				c := &oci.Client{HTTP: r.Client(), PlainHTTP: true}
				for j := range each {
					wg.Go(func() {
						if _, err := c.Attach(ctx, image, mustParse(t, envelope("text/plain", fmt.Sprint(i, j)))); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			found, skipped, err := (&oci.Client{HTTP: r.Client(), PlainHTTP: true}).Find(ctx, image)
			if err != nil || len(skipped) > 0 || len(found) != clients*each {
				t.Errorf("found %d, skipped %v, %v, want %d", len(found), skipped, err, clients*each)
			}
		})
	}
}

// What is attached, and wrong: it is skipped with a reason, and hides nothing.
func TestFindSkips(t *testing.T) {
	ctx := context.Background()
	good := bundle("text/plain", "good")
	for _, c := range []struct {
		name string
		add  func(r *registry, subject string) []object // what the list under the tag has besides
		want string                                     // "" if it is read
	}{
		{"another subject", func(r *registry, _ string) []object {
			return []object{r.refer(digest, bundleType, r.blob(bundleType, []byte(good)))}
		}, "another subject, " + digest},
		{"no subject", func(r *registry, _ string) []object {
			d := r.put("", manifestType, object{"schemaVersion": 2, "layers": []object{r.blob(bundleType, []byte(good))}})
			return []object{{"mediaType": manifestType, "digest": d, "size": 1}}
		}, "no subject"},
		{"the image itself", func(r *registry, subject string) []object {
			return []object{{"mediaType": manifestType, "digest": subject, "size": 1, "artifactType": bundleType}}
		}, "no subject"},
		{"a manifest that is not there", func(r *registry, _ string) []object {
			return []object{{"mediaType": manifestType, "digest": digest, "size": 1, "artifactType": bundleType}}
		}, "status 404"},
		{"a layer that is not there", func(r *registry, subject string) []object {
			return []object{r.refer(subject, bundleType, object{"mediaType": bundleType, "digest": digest, "size": 10})}
		}, "status 404"},
		{"a layer of another size", func(r *registry, subject string) []object {
			l := r.blob(bundleType, []byte(good))
			l["size"] = len(good) + 1
			return []object{r.refer(subject, bundleType, l)}
		}, "want"},
		{"a layer that is longer", func(r *registry, subject string) []object {
			l := r.blob(bundleType, []byte(good))
			l["size"] = 5
			return []object{r.refer(subject, bundleType, l)}
		}, "more than 5 bytes"},
		{"a layer without a size", func(r *registry, subject string) []object {
			l := r.blob(bundleType, []byte(good))
			delete(l, "size")
			return []object{r.refer(subject, bundleType, l)}
		}, "-1 bytes"},
		{"a huge layer", func(r *registry, subject string) []object {
			return []object{r.refer(subject, bundleType, object{"mediaType": bundleType, "digest": digest, "size": oci.MaxLayerSize + 1})}
		}, "at most"},
		{"a layer with other bytes", func(r *registry, subject string) []object {
			l := r.blob(bundleType, []byte(good+" "))
			r.blobs[l["digest"].(string)] = []byte(strings.Replace(good+" ", "c2ln", "c2lo", 1))
			return []object{r.refer(subject, bundleType, l)}
		}, "its bytes have the digest"},
		{"a manifest with other bytes", func(r *registry, subject string) []object {
			e := r.refer(subject, bundleType, r.blob(bundleType, []byte(good+" ")))
			m := r.manifests[e["digest"].(string)]
			m.data = append(m.data, ' ')
			r.manifests[e["digest"].(string)] = m
			return []object{e}
		}, "its bytes have the digest"},
		{"not an envelope", func(r *registry, subject string) []object {
			return []object{r.refer(subject, bundleType, r.blob(bundleType, []byte("{}")))}
		}, "malformed envelope"},
		{"a signature of a digest", func(r *registry, subject string) []object {
			return []object{r.refer(subject, bundleType, r.blob(bundleType, []byte(`{"mediaType":"`+bundleType+`","messageSignature":{}}`)))}
		}, "message signature"},
		{"an unsigned statement", func(r *registry, subject string) []object {
			t := "application/vnd.in-toto+json"
			return []object{r.refer(subject, t, r.blob(t, []byte(`{"_type":"https://in-toto.io/Statement/v1"}`)))}
		}, "no payloadType"},
		{"something else", func(r *registry, subject string) []object {
			return []object{r.refer(subject, "application/spdx+json", r.blob("application/spdx+json", []byte("{}")))}
		}, "no layer with an envelope"},
		{"an envelope as something else", func(r *registry, subject string) []object {
			return []object{r.refer(subject, "application/x", r.blob("application/y", []byte(good+" ")))}
		}, "no layer with an envelope"},
		{"an index", func(r *registry, subject string) []object {
			d := r.put("", indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{}, "subject": object{"digest": subject}})
			return []object{{"mediaType": indexType, "digest": d, "size": 1}}
		}, "want that of a manifest"},
		{"a manifest that is none", func(r *registry, subject string) []object {
			d := r.put("", manifestType, object{"schemaVersion": 1, "subject": object{"digest": subject}})
			return []object{{"mediaType": manifestType, "digest": d, "size": 1}}
		}, "schemaVersion"},
		{"a manifest with a member twice", func(r *registry, subject string) []object {
			d := r.putBytes("", manifestType, []byte(`{"schemaVersion":2,"subject":{"digest":"`+digest+`"},"subject":{"digest":"`+subject+`"}}`))
			return []object{{"mediaType": manifestType, "digest": d, "size": 1}}
		}, "occurs twice"},
		{"many layers", func(r *registry, subject string) []object {
			var layers []object
			for range oci.MaxLayers + 1 {
				layers = append(layers, r.blob(bundleType, []byte(good)))
			}
			d := r.put("", manifestType, object{"schemaVersion": 2, "layers": layers, "subject": object{"digest": subject}})
			return []object{{"mediaType": manifestType, "digest": d, "size": 1}}
		}, "layers"},

		// What others push.
		{"an index that calls it something else", func(r *registry, subject string) []object {
			e := r.refer(subject, bundleType, r.blob(bundleType, []byte(good+"\n")))
			e["artifactType"] = emptyType
			return []object{e}
		}, ""},
		{"a layer of no particular type", func(r *registry, subject string) []object {
			return []object{r.refer(subject, bundleType, r.blob("application/octet-stream", []byte(good+"\n")))}
		}, ""},
		{"Docker's envelopes", func(r *registry, subject string) []object {
			return []object{r.refer(subject, "application/vnd.in-toto+json", r.blob("application/vnd.in-toto.provenance+dsse", []byte(envelope("text/plain", "docker"))))}
		}, ""},
		{"lines", func(r *registry, subject string) []object {
			t := "application/vnd.in-toto.bundle"
			return []object{r.refer(subject, t, r.blob(t, []byte(envelope("text/plain", "line")+"\n\n")))}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, client, image := start(t)
			subject := image.Digest().String()
			e := r.refer(subject, bundleType, r.blob(bundleType, []byte(good)))
			r.referrers(subject, append(c.add(r, subject), e)...)
			found, skipped, err := client.Find(ctx, image)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found, func(a oci.Attached) bool { return string(a.Envelope.Payload) == "good" }) {
				t.Error("what is good was not found")
			}
			if c.want == "" {
				if len(found) != 2 || len(skipped) != 0 {
					t.Errorf("found %d, skipped %v, want 2 and none", len(found), skipped)
				}
				return
			}
			if len(found) != 1 || len(skipped) != 1 {
				t.Fatalf("found %d, skipped %v, want one of each", len(found), skipped)
			}
			wantError(t, skipped[0], c.want, "sha256:")
		})
	}
}

// The registry and the tag do not have the same: what is on either list is found.
func TestFindBoth(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, c, image := start(t)
	subject := image.Digest().String()
	old := r.refer(subject, bundleType, r.blob(bundleType, []byte(bundle("text/plain", "old"))))
	r.referrers(subject, old)
	if _, err := c.Attach(ctx, image, mustParse(t, bundle("text/plain", "new"))); err != nil {
		t.Fatal(err)
	}
	r.API = true // knows all now, and lists them twice
	for range 2 {
		found, skipped, err := c.Find(ctx, image)
		if err != nil || len(found) != 2 || len(skipped) != 0 {
			t.Errorf("found %d, skipped %v, %v", len(found), skipped, err)
		}
		// Now it does not know what was there before.
		r.Before = func(w http.ResponseWriter, q *http.Request) bool {
			if strings.Contains(q.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", indexType)
				io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`)
				return true
			}
			return false
		}
	}
}

// cosign 2 keeps envelopes under a tag, in a manifest without a subject.
// Layers are counted by the sizes that manifests say, before any is fetched.
func TestFindTotal(t *testing.T) {
	r, c, image := start(t)
	layers := make([]object, oci.MaxTotalSize/oci.MaxLayerSize+1)
	for i := range layers {
		layers[i] = r.blob(bundleType, fmt.Append(nil, i))
		layers[i]["size"] = oci.MaxLayerSize
	}
	var entries []object
	for _, layer := range layers {
		entries = append(entries, r.refer(image.Digest().String(), bundleType, layer))
	}
	r.referrers(image.Digest().String(), entries...)
	found, skipped, err := c.Find(context.Background(), image)
	if err != nil || len(found) != 0 || len(skipped) != len(layers) {
		t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
	}
	if n := r.count("GET /v2/team/app/blobs/"); n != len(layers)-1 {
		t.Errorf("%d layers were fetched, want %d", n, len(layers)-1)
	}
	if text := fmt.Sprint(skipped); strings.Count(text, "with it, more than 268435456 bytes in all") != 1 {
		t.Errorf("skipped %s", text)
	}
}

// Who writes the list says what it was when it was read, and a registry that names
// another subject than the image has not put anything on its list.
func TestListWritten(t *testing.T) {
	t.Parallel()
	r, c, image := start(t)
	r.Condition = true
	tag := strings.Replace(image.Digest().String(), ":", "-", 1)
	var conditions []string
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		switch {
		case q.Method != http.MethodPut:
		case strings.HasSuffix(q.URL.Path, tag):
			r.mu.Lock()
			conditions = append(conditions, q.Header.Get("If-None-Match"), q.Header.Get("If-Match"), r.tags[tag])
			r.mu.Unlock()
		default:
			w.Header().Set("OCI-Subject", digest)
		}
		return false
	}
	for _, payload := range []string{"1", "2"} {
		if _, err := c.Attach(context.Background(), image, mustParse(t, bundle("text/plain", payload))); err != nil {
			t.Fatal(err)
		}
	}
	if len(conditions) != 6 {
		t.Fatalf("conditions %q, want those of two requests", conditions)
	}
	if want := []string{"*", "", "", "", `"` + conditions[5] + `"`, conditions[5]}; !slices.Equal(conditions, want) {
		t.Errorf("conditions %q, want %q", conditions, want)
	}
}

// What is asked for by https is not fetched by http, and no cookie is sent.
func TestTransport(t *testing.T) {
	r, _, image := start(t)
	secure := httptest.NewTLSServer(r)
	t.Cleanup(secure.Close)
	r.referrers(image.Digest().String(), r.refer(image.Digest().String(), bundleType, r.blob(bundleType, []byte(bundle("text/plain", "1")))))
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		if q.Header.Get("Cookie") != "" {
			t.Errorf("%s: with a cookie", q.URL)
		}
		http.SetCookie(w, &http.Cookie{Name: "who", Value: "me", Path: "/"})
		if q.TLS != nil && strings.Contains(q.URL.Path, "/blobs/") {
			http.Redirect(w, q, r.URL+q.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	client := *secure.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar = jar
	c := &oci.Client{HTTP: &client}
	_, _, err = c.Find(context.Background(), mustImage(t, strings.TrimPrefix(secure.URL, "https://")+"/team/app@"+image.Digest().String()))
	wantError(t, err, "redirect from https to http is refused")
}

// A weak ETag says nothing about bytes, and If-Match does not take it.
func TestWeakETag(t *testing.T) {
	t.Parallel()
	r, c, image := start(t)
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		w.Header().Set("ETag", `W/"1"`)
		if m := q.Header.Get("If-Match"); m != "" {
			t.Errorf("If-Match: %s", m)
		}
		return false
	}
	for _, payload := range []string{"1", "2"} {
		if _, err := c.Attach(context.Background(), image, mustParse(t, bundle("text/plain", payload))); err != nil {
			t.Fatal(err)
		}
	}
}

// A list of referrers is one, whatever type the registry sends it under: to take
// it for none would hide what is attached.
func TestFindType(t *testing.T) {
	for _, contentType := range []string{"application/json", "", "text/plain", indexType + "; charset=utf-8", strings.ToUpper(indexType)} {
		r, c, image := start(t)
		e := r.refer(image.Digest().String(), bundleType, r.blob(bundleType, []byte(bundle("text/plain", "1"))))
		r.Before = func(w http.ResponseWriter, q *http.Request) bool {
			if !strings.Contains(q.URL.Path, "/referrers/") {
				return false
			}
			w.Header().Set("Content-Type", contentType)
			json.NewEncoder(w).Encode(object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{e}})
			return true
		}
		found, skipped, err := c.Find(context.Background(), image)
		if err != nil || len(found) != 1 || len(skipped) != 0 {
			t.Errorf("%q: found %d, skipped %v, %v", contentType, len(found), skipped, err)
		}
	}
}

func TestFindCosignTag(t *testing.T) {
	ctx := context.Background()
	r, c, image := start(t)
	layers := []object{r.blob(dsseType, []byte(envelope("text/plain", "1"))), r.blob(dsseType, []byte(envelope("text/plain", "2")))}
	layers[0]["annotations"] = object{"dev.sigstore.cosign/certificate": "PEM"}
	tag := strings.Replace(image.Digest().String(), ":", "-", 1) + ".att"
	r.put(tag, manifestType, object{"schemaVersion": 2, "mediaType": manifestType, "config": r.blob("application/vnd.oci.image.config.v1+json", []byte("{}")), "layers": layers})
	found, skipped, err := c.Find(ctx, image)
	if err != nil || len(found) != 2 || len(skipped) != 0 {
		t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
	}
	if found[0].Annotations["dev.sigstore.cosign/certificate"] != "PEM" || found[0].Manifest.String() != r.tags[tag] || found[0].ArtifactType != "" {
		t.Errorf("found %+v", found[0])
	}
	r.put(tag, indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": []object{}})
	found, skipped, err = c.Find(ctx, image)
	if err != nil || len(found) != 0 || len(skipped) != 1 {
		t.Errorf("found %d, skipped %v, %v", len(found), skipped, err)
	}
}

// A registry that takes the tag for the digest in it, as GitLab's does.
func TestTagIsTheImage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, c, image := start(t)
	tag := strings.Replace(image.Digest().String(), ":", "-", 1)
	r.tags[tag] = image.Digest().String()
	found, skipped, err := c.Find(ctx, image)
	if err != nil || len(found) != 0 || len(skipped) != 1 {
		t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
	}
	wantError(t, skipped[0], "the image itself")
	if _, err := c.Attach(ctx, image, mustParse(t, bundle("text/plain", "1"))); err != nil {
		t.Fatal(err)
	}
	if found, _, err := c.Find(ctx, image); err != nil || len(found) != 1 {
		t.Errorf("found %d, %v", len(found), err)
	}
}

// distribution keeps links in files: while somebody writes one, it cannot read it,
// says 500, and does not know what the link names.
func TestBeingWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, c, image := start(t)
	var mu sync.Mutex
	asked := make(map[string]int)
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		name := q.Method + q.URL.Path
		if asked[name]++; asked[name] > 2 {
			return false
		}
		status, code := http.StatusInternalServerError, "UNKNOWN"
		if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/sha256:") {
			status, code = http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN"
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q}]}`, code)
		return true
	}
	if added, err := c.Attach(ctx, image, mustParse(t, bundle("text/plain", "1"))); err != nil || len(added) != 1 {
		t.Fatal(added, err)
	}
	clear(asked)
	if found, skipped, err := c.Find(ctx, image); err != nil || len(found) != 1 || len(skipped) != 0 {
		t.Errorf("found %d, skipped %v, %v", len(found), skipped, err)
	}

	// One that never gets over it is asked ten times.
	clear(asked)
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		asked[q.URL.Path]++
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	_, _, err := c.Find(ctx, image)
	wantError(t, err, "status 503")
	for path, n := range asked {
		if n != 10 {
			t.Errorf("%s was asked %d times", path, n)
		}
	}
}

// Without an answer that can be relied on, nobody is told that nothing is
// attached.
func TestFindFails(t *testing.T) {
	ctx := context.Background()
	status := func(part string, status int) func(*registry) {
		return func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				if strings.Contains(q.URL.Path, part) {
					w.WriteHeader(status)
					io.WriteString(w, `{"errors":[{"code":"DENIED","message":"the secret is s3cret"}]}`)
					return true
				}
				return false
			}
		}
	}
	page := func(body, contentType, link string) func(*registry) {
		return func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				if strings.Contains(q.URL.Path, "/referrers/") {
					w.Header().Set("Content-Type", contentType)
					if link != "" {
						w.Header().Set("Link", link)
					}
					io.WriteString(w, body)
					return true
				}
				return false
			}
		}
	}
	const empty = `{"schemaVersion":2,"manifests":[]}`
	many := make([]string, oci.MaxReferrers+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"mediaType":%q,"size":1,"digest":"sha256:%064x"}`, manifestType, i)
	}
	for _, c := range []struct {
		name string
		set  func(r *registry)
		want string // "" if it is no error
	}{
		{"API 404", status("/referrers/", 404), ""},
		{"API 405", status("/referrers/", 405), ""},
		{"API 401", status("/referrers/", 401), "status 401 Unauthorized (DENIED)"},
		{"API 403", status("/referrers/", 403), "status 403 Forbidden (DENIED)"},
		{"API 429", status("/referrers/", 429), "status 429"},
		{"API 500", status("/referrers/", 500), "status 500"},
		{"API 200, a page for people", page("<html>", "text/html", ""), ""},
		{"API, not JSON", page("{", indexType, ""), "malformed index"},
		{"API, a member twice", page(`{"schemaVersion":2,"manifests":[],"manifests":[]}`, indexType, ""), "occurs twice"},
		{"API, something after it", page(empty+"{}", indexType, ""), "after the end"},
		{"API, an entry without a digest", page(`{"schemaVersion":2,"manifests":[{"size":1}]}`, indexType, ""), "no digest"},
		{"API, too large", page(empty+strings.Repeat(" ", oci.MaxManifestSize), indexType, ""), "more than"},
		{"API, too many", page(`{"schemaVersion":2,"manifests":[`+strings.Join(many, ",")+`]}`, indexType, ""), "more than 1000"},
		{"API, pages without end", page(empty, indexType, `</v2/team/app/referrers/again>; rel="next"`), "more than 100 pages"},
		{"API, pages with the same", page(`{"schemaVersion":2,"manifests":[`+strings.Join(many[:500], ",")+`]}`, indexType, `</v2/team/app/referrers/again>; rel="next"`), "more than 1000"},
		{"API, page at another host", page(empty, indexType, `<http://other.example/v2/>; rel="next"`), "another host, other.example"},
		{"API, compressed", func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				w.Header().Set("Content-Encoding", "gzip")
				io.WriteString(w, "bomb")
				return true
			}
		}, `content encoding "gzip"`},
		{"API, redirect to another host", func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				http.Redirect(w, q, "http://other.example/"+q.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
		}, "redirect to another host, other.example, is refused"},
		{"API, redirects without end", func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				http.Redirect(w, q, q.URL.Path, http.StatusTemporaryRedirect)
				return true
			}
		}, "more than 5 redirects"},
		{"tag 500", status("/manifests/sha256-", 500), "status 500"},
		{"tag 403", status("/manifests/sha256-", 403), "status 403"},
		{"a manifest 500", func(r *registry) {
			r.referrers(strings.TrimPrefix(r.app(), r.host()+"/team/app@"), object{"mediaType": manifestType, "digest": digest, "size": 1})
			status("/manifests/"+digest, 500)(r)
		}, "status 500"},
		{"a list that cannot be read", func(r *registry) {
			subject := strings.TrimPrefix(r.app(), r.host()+"/team/app@")
			r.putBytes(strings.Replace(subject, ":", "-", 1), indexType, []byte(`{"schemaVersion":2,"manifests":[{}]}`))
		}, "malformed index"},
		{"the image is not there", func(r *registry) { clear(r.manifests) }, "status 404"},
		{"the connection breaks", func(r *registry) {
			r.Before = func(w http.ResponseWriter, q *http.Request) bool { panic(http.ErrAbortHandler) }
		}, "EOF"},
		{"no registry", func(r *registry) { r.Close() }, "connect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, client, image := start(t)
			c.set(r)
			found, skipped, err := client.Find(ctx, image)
			if c.want == "" {
				if err != nil || len(found)+len(skipped) > 0 {
					t.Errorf("found %v, skipped %v, %v", found, skipped, err)
				}
				return
			}
			wantError(t, err, c.want)
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %q repeats what the registry said", err)
			}
			if len(found)+len(skipped) > 0 {
				t.Error("something was found beside an error")
			}
		})
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, c, image := start(t)
	entry := func(mediaType, d, os string) object {
		return object{"mediaType": mediaType, "digest": d, "size": 1, "platform": object{"os": os, "architecture": "amd64"}}
	}
	put := func(entries ...object) string {
		return r.put("", indexType, object{"schemaVersion": 2, "mediaType": indexType, "manifests": entries})
	}
	platforms := func(d string) (string, error) {
		ps, err := c.Platforms(ctx, mustImage(t, r.host()+"/team/app@"+d))
		var list []string
		for _, p := range ps {
			list = append(list, p.String())
		}
		return strings.Join(list, " "), err
	}
	a, b := digestOf([]byte("a")), digestOf([]byte("b"))
	attestation := entry(manifestType, digestOf([]byte("c")), "unknown")
	attestation["annotations"] = object{"vnd.docker.reference.type": "attestation-manifest"}
	inner := put(entry(manifestType, b, "windows"), entry(manifestType, a, "linux"))
	three := put(entry(indexType, put(entry(indexType, inner, "x")), "x"))
	for _, f := range []struct{ name, digest, want, fault string }{
		{"a manifest", image.Digest().String(), "", ""},
		{"an index", put(entry(manifestType, a, "linux"), attestation, entry("text/plain", b, "other"), entry(manifestType, a, "again")), "linux/amd64", ""},
		{"an index in it", put(entry(manifestType, a, "linux"), entry(indexType, inner, "x")), "linux/amd64 windows/amd64", ""},
		{"three", three, "windows/amd64 linux/amd64", ""},
		{"four", put(entry(indexType, three, "x")), "", "more than 3 indexes in each other"},
		{"one that is not there", put(entry(indexType, a, "x")), "", "status 404"},
		{"no manifest", a, "", "status 404"},
	} {
		got, err := platforms(f.digest)
		if f.fault != "" {
			wantError(t, err, f.fault)
		} else if err != nil || got != f.want {
			t.Errorf("%s: %s, %v, want %s", f.name, got, err, f.want)
		}
	}
	var many []object
	for i := range oci.MaxPlatforms + 1 {
		many = append(many, entry(manifestType, digestOf(fmt.Append(nil, i)), "linux"))
	}
	_, err := platforms(put(many...))
	wantError(t, err, "more than 256 manifests")

	// What is attached to one is not attached to the other.
	child := image
	index := mustImage(t, r.host()+"/team/app@"+put(entry(manifestType, child.Digest().String(), "linux")))
	if _, err := c.Attach(ctx, child, mustParse(t, envelope("text/plain", "an SBOM"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Attach(ctx, index, mustParse(t, envelope("text/plain", "provenance"))); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		image oci.Image
		want  string
	}{{child, "an SBOM"}, {index, "provenance"}} {
		found, _, err := c.Find(ctx, f.image)
		if err != nil || len(found) != 1 || string(found[0].Envelope.Payload) != f.want {
			t.Errorf("found %v, %v, want %s", found, err, f.want)
		}
	}
}

// A registry that gives tokens, and one that asks for a password: both get what
// they ask for, nobody else does, and no error has it.
func TestCredentials(t *testing.T) {
	t.Parallel()
	const password, token = "passw0rd-of-the-registry", "t0ken-of-the-registry"
	ctx := context.Background()
	credential := func(_ context.Context, host string) (auth.Credential, error) {
		return auth.Credential{Username: "user", Password: password}, nil
	}
	noSecret := func(t *testing.T, what string) {
		t.Helper()
		if strings.Contains(what, password) || strings.Contains(what, token) || strings.Contains(what, base64.StdEncoding.EncodeToString([]byte("user:"+password))) {
			t.Errorf("a secret in %q", what)
		}
	}
	for _, kind := range []string{"basic", "bearer"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r, c, image := start(t)
			c.Credential = credential

			// Blobs are stored elsewhere, as registries have it.
			var leaked string
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("Authorization") != "" || q.Header.Get("Cookie") != "" {
					leaked = fmt.Sprint(q.Header)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				w.Write(r.blobs[strings.TrimPrefix(q.URL.Path, "/")])
			}))
			t.Cleanup(store.Close)
			answer := http.StatusOK
			r.Before = func(w http.ResponseWriter, q *http.Request) bool {
				user, got, _ := q.BasicAuth()
				switch {
				case q.URL.Path == "/token" && answer != http.StatusOK:
					w.WriteHeader(answer)
					fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"%s is wrong"}]}`, got)
				case q.URL.Path == "/token" && user == "user" && got == password:
					fmt.Fprintf(w, `{"token":%q}`, token)
				case kind == "basic" && user == "user" && got == password, kind == "bearer" && q.Header.Get("Authorization") == "Bearer "+token:
					if answer != http.StatusOK {
						w.WriteHeader(answer)
						fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, q.Header.Get("Authorization"), q.Header.Get("Authorization"))
						return true
					}
					if q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/blobs/") {
						http.Redirect(w, q, store.URL+"/"+q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]+"?signature=s3cret", http.StatusTemporaryRedirect)
						return true
					}
					return false
				case kind == "basic":
					w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
					w.WriteHeader(http.StatusUnauthorized)
				default:
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+r.URL+`/token",service="registry"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
				return true
			}
			if _, err := c.Attach(ctx, image, mustParse(t, bundle("text/plain", "1"))); err != nil {
				t.Fatal(err)
			}
			found, skipped, err := c.Find(ctx, image)
			if err != nil || len(found) != 1 || len(skipped) != 0 {
				t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
			}
			if leaked != "" {
				t.Errorf("what blobs are stored at was sent %s", leaked)
			}
			if kind == "bearer" && r.count("GET /token") > 3 {
				t.Errorf("%d tokens were asked for", r.count("GET /token"))
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				noSecret(t, fmt.Sprintf(verb, c))
			}
			store.Close()
			_, _, err = c.Find(ctx, image)
			wantError(t, err, "connect")
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the address of a redirect is in the error: %v", err)
			}
			for _, status := range []int{400, 401, 403, 500, 302} {
				for _, c := range []*oci.Client{c, {HTTP: c.HTTP, Credential: credential, PlainHTTP: true}} {
					answer = status
					_, _, err := c.Find(ctx, image)
					if err == nil {
						t.Errorf("status %d: no error", status)
					}
					noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
					_, err = c.Attach(ctx, image, mustParse(t, bundle("text/plain", "2")))
					noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
				}
			}
		})
	}

	// Somebody who wants to be sent the credentials.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "" {
			t.Error("another host was sent the credentials")
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	r, c, image := start(t)
	c.Credential = credential
	e := r.refer(image.Digest().String(), bundleType, r.blob(bundleType, []byte(bundle("text/plain", "1"))))
	r.referrers(image.Digest().String(), e)
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.URL.Path, "/blobs/") {
			http.Redirect(w, q, other.URL+q.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	_, _, err := c.Find(ctx, image)
	wantError(t, err, "status 401")
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		http.Redirect(w, q, "http://user:"+password+"@"+q.Host+q.URL.Path, http.StatusTemporaryRedirect)
		return true
	}
	_, _, err = c.Find(ctx, image)
	wantError(t, err, "redirect with a password")
	noSecret(t, fmt.Sprint(err))
}

// A registry that does not answer: the end of the context is the end of the
// call, and nothing stays behind.
func TestCancel(t *testing.T) {
	e := mustParse(t, bundle("text/plain", "1"))
	r, c, image := start(t)
	r.referrers(image.Digest().String(), r.refer(image.Digest().String(), bundleType, r.blob(bundleType, []byte(bundle("text/plain", "2")))))
	var part atomic.Value
	part.Store("nowhere")
	stop := make(chan struct{})
	defer close(stop)
	r.Before = func(w http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.URL.Path, part.Load().(string)) {
			select {
			case <-q.Context().Done():
			case <-stop:
			}
			return true
		}
		return false
	}
	cause := errors.New("the caller has enough")
	for _, at := range []string{"/referrers/", "/manifests/sha256-", "/manifests/", "/blobs/", "/uploads/", "nowhere"} {
		for name, call := range map[string]func(ctx context.Context) error{
			"Resolve": func(ctx context.Context) error { _, err := c.Resolve(ctx, r.host()+"/team/app:v1"); return err },
			"Drift": func(ctx context.Context) error {
				_, _, err := c.Drift(ctx, strings.Replace(image.String(), "@", ":v1@", 1))
				return err
			},
			"Platforms": func(ctx context.Context) error { _, err := c.Platforms(ctx, image); return err },
			"Find":      func(ctx context.Context) error { _, _, err := c.Find(ctx, image); return err },
			"Attach":    func(ctx context.Context) error { _, err := c.Attach(ctx, image, e); return err },
		} {
			part.Store(at)
			c.HTTP.CloseIdleConnections()
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancelCause(context.Background())
			ended := make(chan time.Time, 1)
			time.AfterFunc(30*time.Millisecond, func() {
				ended <- time.Now()
				cancel(cause)
			})
			err := call(ctx)
			if err == nil { // it was not asked that, or was done before
				cancel(nil)
				<-ended
				continue
			}
			if took := time.Since(<-ended); took > 100*time.Millisecond {
				t.Errorf("%s at %s: returned %v after the context ended", name, at, took)
			}
			if !errors.Is(err, cause) {
				t.Errorf("%s at %s: %v, want the cause", name, at, err)
			}
			c.HTTP.CloseIdleConnections()
			after := 0
			for range 100 {
				if after = runtime.NumGoroutine(); after <= before {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if after > before {
				t.Errorf("%s at %s: %d goroutines, %d before", name, at, after, before)
			}
		}
	}
}

// The registry is on this machine and in this process, so most of it is the
// registry.
func BenchmarkFind(b *testing.B) {
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ctx := context.Background()
			r, c, image := start(b)
			r.API, r.Header = true, true
			c.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = oci.Parallel
			var envelopes []*sign.Envelope
			for i := range n {
				e, err := sign.Sign(ctx, "text/plain", fmt.Appendf(nil, "%4000d", i), signer)
				if err != nil {
					b.Fatal(err)
				}
				envelopes = append(envelopes, e)
			}
			if _, err := c.Attach(ctx, image, envelopes...); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if found, _, err := c.Find(ctx, image); err != nil || len(found) != n {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}
