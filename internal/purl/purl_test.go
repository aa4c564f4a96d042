package purl_test

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
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

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in        string
		want      purl.PURL
		canonical string // if it is not in
	}{
		{"pkg:golang/golang.org/x/mod@v0.42.0", purl.PURL{Type: "golang", Namespace: "golang.org/x", Name: "mod", Version: "v0.42.0"}, ""},
		{"pkg:golang/stdlib@1.26.8", purl.PURL{Type: "golang", Name: "stdlib", Version: "1.26.8"}, ""},
		{"pkg:golang/example.com/M@v1.0.0+incompatible", purl.PURL{Type: "golang", Namespace: "example.com", Name: "M", Version: "v1.0.0+incompatible"}, "pkg:golang/example.com/M@v1.0.0%2Bincompatible"},
		{"pkg:golang/../lib@(devel)", purl.PURL{Type: "golang", Namespace: "..", Name: "lib", Version: "(devel)"}, "pkg:golang/../lib@%28devel%29"},
		{"PKG://Golang///a/b/#/x/./../y/", purl.PURL{Type: "golang", Namespace: "a", Name: "b", Subpath: "x/y"}, "pkg:golang/a/b#x/y"},
		{"pkg:npm/@babel/core", purl.PURL{Type: "npm", Namespace: "@babel", Name: "core"}, "pkg:npm/%40babel/core"},
		{"pkg:npm/@babel/core@7.0.0", purl.PURL{Type: "npm", Namespace: "@babel", Name: "core", Version: "7.0.0"}, "pkg:npm/%40babel/core@7.0.0"},
		{"pkg:github/A/B@refs/heads/Main", purl.PURL{Type: "github", Namespace: "a", Name: "b", Version: "refs/heads/Main"}, "pkg:github/a/b@refs%2Fheads%2FMain"},
		{"pkg:git/example.com/a/b@1", purl.PURL{Type: "git", Namespace: "example.com", Name: "a/b", Version: "1"}, ""},
		{"pkg:pypi/Zope_.-Interface", purl.PURL{Type: "pypi", Name: "zope-interface"}, "pkg:pypi/zope-interface"},
		{"pkg:oci/App?mediaType=a%2Fb%2Bjson&arch=amd64&tag=", purl.PURL{Type: "oci", Name: "app", Qualifiers: []purl.Qualifier{{"arch", "amd64"}, {"mediatype", "a/b+json"}}}, "pkg:oci/app?arch=amd64&mediatype=a%2Fb%2Bjson"},
		{"pkg:generic/a@?#", purl.PURL{Type: "generic", Name: "a"}, "pkg:generic/a"},
		{"pkg:generic/%C3%A4", purl.PURL{Type: "generic", Name: "ä"}, ""},
	} {
		got, err := purl.Parse(c.in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, error %v, want %+v", c.in, got, err, c.want)
		}
		if want := cmp.Or(c.canonical, c.in); got.String() != want {
			t.Errorf("%s: written as %s, want %s", c.in, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "it does not begin with pkg:",
		"golang/a/b":                          "it does not begin with pkg:",
		"http://a/b":                          "it does not begin with pkg:",
		"pkg:a":                               "no type, or no name",
		"pkg:golang/":                         "no name",
		"pkg:golang/@v1":                      "no name",
		"pkg:/a":                              "no type, or no name",
		"pkg:1a/b":                            `type "1a": want letters, digits, full stops and hyphens, and a letter first`,
		"pkg:a_b/c":                           `type "a_b": want letters, digits, full stops and hyphens, and a letter first`,
		"pkg:a/b%2":                           `name: "%2" is not an encoded byte`,
		"pkg:a/b%zz":                          `name: "%zz" is not an encoded byte`,
		"pkg:a/b@%ff":                         `version: "\xff" is not UTF-8`,
		"pkg:a/b%00":                          `name: "b\x00" has a control character`,
		"pkg:a/b\n":                           `name: "b\n" has a control character`,
		"pkg:a/b%2Fc/d":                       `namespace: "b/c": a segment has a slash in it`,
		"pkg:a/b#c%2Fd":                       `subpath: "c/d": a segment has a slash in it`,
		"pkg:a/b?c d=e":                       `qualifier "c d": want letters, digits, full stops, hyphens and underscores, and no digit first`,
		"pkg:a/b?=e":                          `qualifier "": want letters, digits, full stops, hyphens and underscores, and no digit first`,
		"pkg:a/b?c=%":                         `qualifier "c": "%" is not an encoded byte`,
		"pkg:a/b?c=1&C=2":                     `qualifier "c" occurs twice`,
		"pkg:otp/a/b":                         `namespace "a", and the type otp has none`,
		"pkg:vscode-extension/b":              "no namespace, and the type vscode-extension has one",
		"pkg:cpan/A/B::C":                     `name "B::C" is a module, want a distribution`,
		"pkg:pypi/-":                          "no name",
		"pkg:a/" + strings.Repeat("b", 1<<16): "it has 65542 bytes, want at most 65536",
	} {
		want := fmt.Sprintf("malformed package URL %.150q: %s", in, want)
		if got, err := purl.Parse(in); err == nil || err.Error() != want {
			t.Errorf("got %+v, error %v, want %s", got, err, want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, p := range []purl.PURL{
		{},
		{Type: "generic"},
		{Type: "generic", Name: "a", Namespace: "/b"},
		{Type: "generic", Name: "a", Namespace: "b//c"},
		{Type: "generic", Name: "a", Version: "\n"},
		{Type: "generic", Name: "a", Subpath: "../b"},
		{Type: "generic", Name: "a", Qualifiers: []purl.Qualifier{{Key: "b"}}},
		{Type: "generic", Name: "a", Qualifiers: []purl.Qualifier{{"b", "1"}, {"b", "2"}}},
		{Type: "generic", Name: "a", Qualifiers: []purl.Qualifier{{"B", "1"}}},
		{Type: "git", Name: "a/b"}, // a would be the host
	} {
		if got, err := purl.Build(p); err == nil {
			t.Errorf("%+v: got %s, want an error", p, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"pkg:golang/golang.org/x/mod@v0.42.0", "pkg:npm/@babel/core@7.0.0?a=b&c=%20#d/e", "PKG://git/a//b/@1", "pkg:a/b%2Fc", "pkg:pypi/_a_",
		"pkg:a/b@@/c", "pkg:a//@b/c", "pkg:huggingface/A/B@C", "pkg:git///a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := purl.Parse(s)
		if err != nil {
			return
		}
		again, err := purl.Parse(p.String())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q is %+v, written as %s, and read as %+v, error %v", s, p, p, again, err)
		}
		if built, err := purl.Build(p); err != nil || built != p.String() {
			t.Fatalf("%q is built as %s, error %v, want %s", s, built, err, p)
		}
	})
}

func ExampleParse() {
	p, err := purl.Parse("pkg:golang/github.com/docker/docker@v28.0.0+incompatible?type=module#client")
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Path(), p.Version, p.Qualifiers, p.Subpath)
	fmt.Println(p)
	// Output:
	// github.com/docker/docker v28.0.0+incompatible [{type module}] client
	// pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible?type=module#client
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := purl.Parse("pkg:golang/github.com/docker/docker@v28.0.0%2Bincompatible"); err != nil {
			b.Fatal(err)
		}
	}
}
