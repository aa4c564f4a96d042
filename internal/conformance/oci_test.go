package conformance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

const (
	ociUser, ociPassword = "hallmark", "correct horse"

	bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	dsseMediaType   = "application/vnd.dsse.envelope.v1+json"
	emptyMediaType  = "application/vnd.oci.empty.v1+json"
)

func ociCredential(context.Context, string) (auth.Credential, error) {
	return auth.Credential{Username: ociUser, Password: ociPassword}, nil
}

func ociClient(t testing.TB) *oci.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &oci.Client{HTTP: &http.Client{Transport: transport}, Credential: ociCredential, PlainHTTP: true}
}

// A registryKind is a registry that other people made.
type registryKind struct {
	name  string
	api   bool // it knows the referrers API
	start func(t *testing.T) (host string)
}

func registryKinds() []registryKind {
	inProcess := func(api bool) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(api)))
			t.Cleanup(s.Close)
			return strings.TrimPrefix(s.URL, "http://")
		}
	}
	return []registryKind{
		{"go-containerregistry with the API", true, inProcess(true)},
		{"go-containerregistry without the API", false, inProcess(false)},
		{"distribution", false, startDistribution},
	}
}

// startDistribution starts docker-registry, which is distribution 2.8 in Debian:
// it has no referrers API. It asks for a password.
func startDistribution(t *testing.T) (host string) {
	program := os.Getenv("HALLMARK_REGISTRY")
	if program == "" {
		var err error
		if program, err = exec.LookPath("docker-registry"); err != nil {
			t.Skip("HALLMARK_REGISTRY is not set and docker-registry is not in PATH: a registry without the referrers API")
		}
	}
	// The registry takes no port of its own choice.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = l.Addr().String()
	l.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passwords := write("passwords", ociUser+":$2a$04$CMKm5oOimKgVGC2NGRJqM.zlYRjiUnhHRZyY3kjZhbJkYVJgMucO.\n")
	config := write("config.yml", fmt.Sprintf(`version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: %q, secret: "for this test"}
auth: {htpasswd: {realm: registry, path: %q}}
`, filepath.Join(dir, "storage"), host, passwords))

	var output bytes.Buffer
	cmd := exec.Command(program, "serve", config)
	cmd.Env = []string{"OTEL_TRACES_EXPORTER=none"}
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the registry said:\n%.2000s", &output)
		}
	})
	for range 100 {
		resp, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			resp.Body.Close()
			return host
		}
		select {
		case <-ended:
			t.Fatalf("%s ended", program)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("the registry did not start within 10 seconds")
	return ""
}

func ggcrOptions() []remote.Option {
	return []remote.Option{remote.WithAuth(&authn.Basic{Username: ociUser, Password: ociPassword})}
}

// orasRepository returns oras' client for the repository of an image.
func orasRepository(t *testing.T, image oci.Image) *orasremote.Repository {
	t.Helper()
	repo, err := orasremote.NewRepository(image.Repository())
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP, repo.Client = true, &auth.Client{Credential: ociCredential}
	return repo
}

// pushApp pushes an image for two platforms under the tag v1, with go-containerregistry.
func pushApp(t *testing.T, host string) (index v1.ImageIndex) {
	t.Helper()
	index = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := random.Image(1000, 2)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        mutate.MediaType(image, types.OCIManifestSchema1),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	tag, err := name.NewTag(host + "/team/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index, ggcrOptions()...); err != nil {
		t.Fatal(err)
	}
	return index
}

// signed returns an envelope, and a bundle of it.
func signed(t testing.TB, payloadType, payload string) (envelope, bundle *sign.Envelope) {
	t.Helper()
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	if envelope, err = sign.Sign(context.Background(), payloadType, []byte(payload), signer); err != nil {
		t.Fatal(err)
	}
	text, err := envelope.MarshalBundle()
	if err != nil {
		t.Fatal(err)
	}
	if bundle, err = sign.Parse(text); err != nil {
		t.Fatal(err)
	}
	return envelope, bundle
}

// What we attach, the clients of oras and go-containerregistry find and read,
// byte by byte, on each registry; and what is on the index is not on a platform.
func TestOCIAttach(t *testing.T) {
	ctx := context.Background()
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			host := kind.start(t)
			index := pushApp(t, host)
			c := ociClient(t)
			image, err := c.Resolve(ctx, host+"/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			if want, err := index.Digest(); err != nil || image.Digest().String() != want.String() {
				t.Fatalf("resolved to %s, want %s (%v)", image, want, err)
			}
			platforms, err := c.Platforms(ctx, image)
			if err != nil || len(platforms) != 2 || platforms[1].String() != "linux/arm64" {
				t.Fatalf("platforms %v, %v", platforms, err)
			}
			envelope, bundle := signed(t, "application/vnd.in-toto+json", `{"predicateType":"https://slsa.dev/provenance/v1"}`)
			text, err := envelope.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for _, on := range []oci.Image{image, platforms[0].Image} {
				for range 2 {
					if _, err := c.Attach(ctx, on, bundle, envelope); err != nil {
						t.Fatal(err)
					}
				}
				found, skipped, err := c.Find(ctx, on)
				if err != nil || len(skipped) > 0 || len(found) != 2 {
					t.Fatalf("found %d, skipped %v, %v", len(found), skipped, err)
				}

				repo := orasRepository(t, on)
				subject, err := repo.Resolve(ctx, on.Digest().String())
				if err != nil {
					t.Fatal(err)
				}
				digestRef, err := name.NewDigest(on.String())
				if err != nil {
					t.Fatal(err)
				}
				for artifactType, want := range map[string][]byte{bundleMediaType: bundle.Bundle, "application/vnd.in-toto+json": text} {
					// oras: by the type, as `oras discover --artifact-type` does.
					var seen []ocispec.Descriptor
					all := 0
					err = repo.Referrers(ctx, subject, "", func(referrers []ocispec.Descriptor) error {
						for _, d := range referrers {
							all++
							data, err := content.FetchAll(ctx, repo, d)
							if err != nil {
								return err
							}
							if bytes.Contains(data, []byte(`"artifactType":"`+artifactType+`"`)) {
								seen = append(seen, d)
							}
						}
						return nil
					})
					if err != nil || len(seen) != 1 || all != 2 {
						t.Fatalf("oras sees %d of %s among %d, %v, want 1 among 2", len(seen), artifactType, all, err)
					}
					successors, err := content.Successors(ctx, repo, seen[0])
					if err != nil || len(successors) != 3 || successors[0].Digest != subject.Digest {
						t.Fatalf("oras sees %v (%v), want subject, config and layer", successors, err)
					}
					got, err := content.FetchAll(ctx, repo, successors[2])
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("oras reads %q (%v), want %q", got, err, want)
					}

					// go-containerregistry, as cosign does.
					referrers, err := remote.Referrers(digestRef, ggcrOptions()...)
					if err != nil {
						t.Fatal(err)
					}
					manifest, err := referrers.IndexManifest()
					if err != nil || len(manifest.Manifests) != 2 {
						t.Fatalf("go-containerregistry sees %v, %v", manifest, err)
					}
					i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == seen[0].Digest.String() })
					if i < 0 {
						t.Fatal("go-containerregistry does not see what oras does")
					}
					// Its own registry reports the type of the config: what is found
					// must not depend on it.
					if got, want := manifest.Manifests[i].ArtifactType, map[bool]string{true: emptyMediaType, false: artifactType}[kind.api]; got != want {
						t.Errorf("go-containerregistry sees the artifactType %s, want %s", got, want)
					}
					if !kind.api && artifactType == bundleMediaType && manifest.Manifests[i].Annotations["dev.sigstore.bundle.predicateType"] != "https://slsa.dev/provenance/v1" {
						t.Errorf("the list has the annotations %v", manifest.Manifests[i].Annotations)
					}
					attached, err := remote.Image(digestRef.Context().Digest(seen[0].Digest.String()), ggcrOptions()...)
					if err != nil {
						t.Fatal(err)
					}
					layers, err := attached.Layers()
					if err != nil || len(layers) != 1 {
						t.Fatal(layers, err)
					}
					r, err := layers[0].Compressed()
					if err != nil {
						t.Fatal(err)
					}
					got, err = io.ReadAll(r)
					r.Close()
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("go-containerregistry reads %q (%v), want %q", got, err, want)
					}
				}
			}
			if found, _, err := c.Find(ctx, platforms[1].Image); err != nil || len(found) != 0 {
				t.Errorf("found %d on the platform to which nothing is attached, %v", len(found), err)
			}
			wrong := ociClient(t)
			wrong.Credential = func(context.Context, string) (auth.Credential, error) {
				return auth.Credential{Username: ociUser, Password: "wr0ng-pa55word"}, nil
			}
			if kind.name == "distribution" {
				_, _, err := wrong.Find(ctx, image)
				if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wr0ng") {
					t.Errorf("with a wrong password: %v", err)
				}
			}
		})
	}
}

// What oras and go-containerregistry attach, we find, and neither takes the
// other's away, nor we theirs.
func TestOCIFind(t *testing.T) {
	ctx := context.Background()
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			host := kind.start(t)
			pushApp(t, host)
			c := ociClient(t)
			image, err := c.Resolve(ctx, host+"/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			payload := func(i int) string { return fmt.Sprintf(`{"number":%d}`, i) }

			// oras attach, with a bundle.
			repo := orasRepository(t, image)
			subject, err := repo.Resolve(ctx, image.Digest().String())
			if err != nil {
				t.Fatal(err)
			}
			_, bundle := signed(t, "application/vnd.in-toto+json", payload(0))
			layer := content.NewDescriptorFromBytes(bundleMediaType, bundle.Bundle)
			if err := repo.Push(ctx, layer, bytes.NewReader(bundle.Bundle)); err != nil {
				t.Fatal(err)
			}
			pack := oras.PackManifestOptions{Subject: &subject, Layers: []ocispec.Descriptor{layer}}
			if _, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, bundleMediaType, pack); err != nil {
				t.Fatal(err)
			}

			// We attach the same: it is there. And another one.
			if added, err := c.Attach(ctx, image, bundle); err != nil || len(added) != 0 {
				t.Errorf("what oras has attached is attached again: %v, %v", added, err)
			}
			envelope, _ := signed(t, "application/vnd.in-toto+json", payload(1))
			if _, err := c.Attach(ctx, image, envelope); err != nil {
				t.Fatal(err)
			}

			// cosign: an envelope through go-containerregistry, without an
			// artifactType but with that type in the config.
			envelope, _ = signed(t, "application/vnd.in-toto+json", payload(2))
			text, err := envelope.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			hash, err := v1.NewHash(image.Digest().String())
			if err != nil {
				t.Fatal(err)
			}
			attestation, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(text, dsseMediaType))
			if err != nil {
				t.Fatal(err)
			}
			referrer := mutate.Subject(mutate.ConfigMediaType(attestation, dsseMediaType), v1.Descriptor{MediaType: types.OCIImageIndex, Digest: hash, Size: subject.Size}).(v1.Image)
			d, err := referrer.Digest()
			if err != nil {
				t.Fatal(err)
			}
			reference, err := name.NewDigest(image.Repository() + "@" + d.String())
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(reference, referrer, ggcrOptions()...); err != nil {
				t.Fatal(err)
			}

			// cosign 2: under its tag.
			envelope, _ = signed(t, "application/vnd.in-toto+json", payload(3))
			if text, err = envelope.Marshal(); err != nil {
				t.Fatal(err)
			}
			attestation, err = mutate.Append(empty.Image, mutate.Addendum{Layer: static.NewLayer(text, dsseMediaType), Annotations: map[string]string{"dev.cosignproject.cosign/signature": ""}})
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(reference.Context().Tag("sha256-"+image.Digest().Hex()+".att"), attestation, ggcrOptions()...); err != nil {
				t.Fatal(err)
			}

			// Something else: an SBOM as it is.
			if _, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, "application/spdx+json", oras.PackManifestOptions{Subject: &subject}); err != nil {
				t.Fatal(err)
			}

			found, skipped, err := c.Find(ctx, image)
			if err != nil {
				t.Fatal(err)
			}
			if len(skipped) != 1 || !strings.Contains(skipped[0].Error(), "application/spdx+json") {
				t.Errorf("skipped %v, want the SBOM", skipped)
			}
			var got []string
			for _, a := range found {
				got = append(got, string(a.Envelope.Payload))
			}
			slices.Sort(got)
			if want := []string{payload(0), payload(1), payload(2), payload(3)}; !slices.Equal(got, want) {
				t.Errorf("found %v, want %v", got, want)
			}
			seen := 0
			// One that has pushed asks no registry again that did not say that it
			// knows the API.
			err = orasRepository(t, image).Referrers(ctx, subject, "", func(referrers []ocispec.Descriptor) error {
				seen += len(referrers)
				return nil
			})
			if err != nil || seen != 4 {
				t.Errorf("oras sees %d, %v, want 4", seen, err)
			}
		})
	}
}

// A tag that somebody moves on a registry is found to have moved, and the manifest of a
// platform is no other image than its index.
func TestOCIDrift(t *testing.T) {
	ctx := context.Background()
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			host := kind.start(t)
			pushApp(t, host)
			c := ociClient(t)
			image, err := c.Resolve(ctx, host+"/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			platforms, err := c.Platforms(ctx, image)
			if err != nil {
				t.Fatal(err)
			}
			check := func(was oci.Image, tag string, want oci.Image, wantMoved bool) {
				t.Helper()
				now, moved, err := c.Drift(ctx, strings.Replace(was.String(), "@", ":"+tag+"@", 1))
				if err != nil || now != want || moved != wantMoved {
					t.Errorf("got %q, %v, %v, want %q, %v", now, moved, err, want, wantMoved)
				}
			}
			check(image, "v1", image, false)
			check(platforms[1].Image, "v1", image, false)
			check(image, "v2", oci.Image{}, true)
			pushApp(t, host) // another one, under the same tag
			next, err := c.Resolve(ctx, host+"/team/app:v1")
			if err != nil || next == image {
				t.Fatal(next, err)
			}
			check(image, "v1", next, true)
			check(platforms[1].Image, "v1", next, true)
		})
	}
}

// Two processes attach fifty envelopes each, all at once: none is lost, whatever
// the registry knows.
func TestOCIProcesses(t *testing.T) {
	const each = 50
	ctx := context.Background()
	if reference, process := os.Getenv("HALLMARK_TEST_ATTACH"), os.Getenv("HALLMARK_TEST_PROCESS"); reference != "" {
		image, err := oci.ParseImage(reference)
		if err != nil {
			t.Fatal(err)
		}
		c := ociClient(t)
		var wg sync.WaitGroup
		for i := range each {
			envelope, _ := signed(t, "text/plain", process+" "+fmt.Sprint(i))
			wg.Go(func() {
				if added, err := c.Attach(ctx, image, envelope); err != nil || len(added) != 1 {
					t.Errorf("added %d, %v", len(added), err)
				}
			})
		}
		wg.Wait()
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			host := kind.start(t)
			pushApp(t, host)
			c := ociClient(t)
			image, err := c.Resolve(ctx, host+"/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for process := range 2 {
				wg.Go(func() {
					cmd := exec.Command(self, "-test.run=^TestOCIProcesses$", "-test.count=1")
					cmd.Env = append(os.Environ(), "HALLMARK_TEST_ATTACH="+image.String(), "HALLMARK_TEST_PROCESS="+fmt.Sprint(process))
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("process %d: %v\n%s", process, err, out)
					}
				})
			}
			wg.Wait()
			found, skipped, err := c.Find(ctx, image)
			if err != nil || len(skipped) > 0 {
				t.Fatal(skipped, err)
			}
			payloads := make(map[string]bool)
			for _, a := range found {
				payloads[string(a.Envelope.Payload)] = true
			}
			if len(found) != 2*each || len(payloads) != 2*each {
				t.Errorf("found %d of %d", len(payloads), 2*each)
			}
			// And all are on the list that others read.
			repo := orasRepository(t, image)
			seen := 0
			err = repo.Referrers(ctx, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.Digest(image.Digest().String())}, "", func(referrers []ocispec.Descriptor) error {
				seen += len(referrers)
				return nil
			})
			if err != nil || seen != 2*each {
				t.Errorf("oras sees %d, %v, want %d", seen, err, 2*each)
			}
		})
	}
}
