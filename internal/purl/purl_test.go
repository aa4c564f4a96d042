package purl_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/purl"
)

func TestGolang(t *testing.T) {
	for _, c := range []struct{ path, version, want string }{
		{"stdlib", "1.26.8", "pkg:golang/stdlib@1.26.8"},
		{"stdlib", "", "pkg:golang/stdlib"},
		{"golang.org/x/mod", "v0.42.0", "pkg:golang/golang.org/x/mod@v0.42.0"},
		{"github.com/BurntSushi/toml", "v1.5.0", "pkg:golang/github.com/BurntSushi/toml@v1.5.0"},
		{"github.com/docker/docker", "v28.0.0+incompatible", "pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible"},
		{"example.com/m", "v0.0.0-20260102030405-0123456789ab", "pkg:golang/example.com/m@v0.0.0-20260102030405-0123456789ab"},
		{"git.sr.ht/~octocat/m", "v1.0.0-rc.1", "pkg:golang/git.sr.ht/~octocat/m@v1.0.0-rc.1"},
		{"gopkg.in/yaml.v3", "v3.0.1", "pkg:golang/gopkg.in/yaml.v3@v3.0.1"},

		// What no module has must not change what the package URL means.
		{"a@b?c#d", "v1@2?3#4/5", "pkg:golang/a%40b%3Fc%23d@v1%402%3F3%234%2F5"},
		{"a b", "%", "pkg:golang/a%20b@%25"},
		{"ä", "\x00\xff", "pkg:golang/%C3%A4@%00%FF"},
	} {
		got := purl.Golang(c.path, c.version)
		if got != c.want {
			t.Errorf("Golang(%q, %q) = %q, want %q", c.path, c.version, got, c.want)
		}
		path, version, _ := strings.Cut(strings.TrimPrefix(got, "pkg:golang/"), "@")
		if p, err := url.PathUnescape(path); err != nil || p != c.path {
			t.Errorf("the path in %q is %q, error %v", got, p, err)
		}
		if v, err := url.PathUnescape(version); err != nil || v != c.version {
			t.Errorf("the version in %q is %q, error %v", got, v, err)
		}
	}
}
