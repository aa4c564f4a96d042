package images

import (
	"errors"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sign/oci"
)

// The image of a container is the one that a container runtime takes.
func TestParseContainer(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	for in, want := range map[string]string{
		"nginx@" + digest:                               "docker.io/library/nginx",
		"nginx:1@" + digest:                             "docker.io/library/nginx",
		"docker.io/nginx@" + digest:                     "docker.io/library/nginx",
		"index.docker.io/library/nginx@" + digest:       "docker.io/library/nginx",
		"team/app@" + digest:                            "docker.io/team/app",
		"registry.example/app@" + digest:                "registry.example/app",
		"localhost/app@" + digest:                       "localhost/app",
		"localhost:5000/team/app:v1@" + digest:          "localhost:5000/team/app",
		"registry.k8s.io/kube-proxy:v1.31.0@" + digest:  "registry.k8s.io/kube-proxy",
		"[::1]:5000/app@" + digest:                      "[::1]:5000/app",
		"nginx":                                         "",
		"nginx@sha256:12":                               "",
		"docker-pullable://nginx@" + digest:             "",
		strings.Repeat("a", oci.MaxReference) + digest:  "",
		"registry.example/app:v1":                       "",
		"REGISTRY.example/app@" + digest:                "",
		"docker.io/" + strings.Repeat("/", 3) + digest:  "",
		"registry.example/app@" + digest + "@" + digest: "",
	} {
		image, err := ParseContainer(in)
		if (err == nil) != (want != "") || image.Repository() != want || want != "" && image.Digest().String() != digest {
			t.Errorf("%.100s: got %s, %v, want %q", in, image, err, want)
		}
	}
	// What to do is said.
	_, err := ParseContainer("registry.example/app:v1")
	if !errors.Is(err, oci.ErrTag) || !strings.Contains(err.Error(), "resolve the tag once, and give the image as <registry>/<repository>@sha256:<hex>") {
		t.Errorf("a tag: %v", err)
	}
}
