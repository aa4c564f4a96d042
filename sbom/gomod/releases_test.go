package gomod_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// releases returns the properties that AddReleases gives the only module of a
// program, one in a line, for the files that a module cache has of it.
func releases(t *testing.T, module string, files map[string]string) (string, *sbom.Document, error) {
	t.Helper()
	cache := t.TempDir()
	modulePath, _, _ := strings.Cut(module, "@")
	for name, text := range files {
		place(t, cache, "cache/download/"+modulePath+"/@v/"+name, text)
	}
	d := program(t, module)
	err := gomod.AddReleases(t.Context(), d, gomod.ReleaseOptions{ModCache: cache})
	var lines []string
	for _, c := range d.Components {
		if c.Name == modulePath {
			for _, p := range c.Properties {
				lines = append(lines, p.Name+"="+p.Value)
			}
		}
	}
	return strings.Join(lines, "\n"), d, err
}

const (
	git40 = "be10c925b6266227e207a5e7c33e793bd5110055"
	git64 = "be10c925b6266227e207a5e7c33e793bd5110055be10c925b6266227e207a5e7"
)

func TestAddReleasesInfo(t *testing.T) {
	const mark = "\noriginUnverified=no sum covers it"
	for _, test := range []struct{ name, version, info, want string }{
		{"time", "v1.0.0", `{"Version":"v1.0.0","Time":"2024-12-10T11:37:26Z"}`, "released=2024-12-10T11:37:26Z"},
		{"time elsewhere", "v1.0.0", `{"Version":"v1.0.0","Time":"2024-12-10T11:37:26.5+02:00"}`, "released=2024-12-10T09:37:26Z"},
		{"no time", "v1.0.0", `{"Version":"v1.0.0"}`, ""},
		{"null", "v1.0.0", ` { "Version" : "v1.0.0", "Time" : null, "Origin" : null } ` + "\n", ""},
		{"zero time", "v1.0.0", `{"Version":"v1.0.0","Time":"0001-01-01T00:00:00Z"}`, ""},
		{"pseudo-version", "v0.0.0-20231114221320-be10c925b626", `{"Version":"v0.0.0-20231114221320-be10c925b626","Time":"2026-01-01T00:00:00Z"}`, "released=2023-11-14T22:13:20Z"},
		{
			"pseudo-version and its commit", "v0.0.0-20231114221320-be10c925b626", `{"Version":"v0.0.0-20231114221320-be10c925b626","Origin":{"VCS":"git","Hash":"` + git40 + `"}}`,
			"originCommit=" + git40 + mark + "\noriginVCS=git\nreleased=2023-11-14T22:13:20Z",
		},
		{
			"origin", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://git.example.com/m","Subdir":"sub","Hash":"` + git64 + `","TagSum":"t1:x","Ref":"refs/tags/sub/v1.0.0"}}`,
			"originCommit=" + git64 + "\noriginDirectory=sub\noriginRef=refs/tags/sub/v1.0.0\noriginURL=https://git.example.com/m" + mark + "\noriginVCS=git",
		},
		{
			"origin of Subversion", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"svn","URL":"svn+ssh://svn.example.com/m","Hash":"17"}}`,
			"originCommit=17\noriginURL=svn+ssh://svn.example.com/m" + mark + "\noriginVCS=svn",
		},
		{"origin that says nothing", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","TagPrefix":"v"}}`, ""},
		{"empty origin", "v1.0.0", `{"Version":"v1.0.0","Origin":{}}`, ""},
		{
			"user", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://me:secret@Git.Example.com:8443/a%20b?token=secret#secret"}}`,
			"originURL=https://git.example.com:8443/a%20b" + mark + "\noriginVCS=git",
		},
		{
			"user in the path", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://mirror.example.com/https://me:secret@git.example.com/m","Hash":"` + git40 + `"}}`,
			"originCommit=" + git40 + mark + "\noriginVCS=git",
		},
		{
			"directory of a machine", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"file:///home/me/m","Hash":"` + git40 + `"}}`,
			"originCommit=" + git40 + mark + "\noriginVCS=git",
		},
		{
			"other members", "v1.0.0", `{"Version":"v1.0.0","Name":"x","Other":[{"Version":1,"version":2}],"Origin":{"VCS":"git","More":{"VCS":null},"Ref":"HEAD"}}`,
			"originRef=HEAD" + mark + "\noriginVCS=git",
		},

		{"empty", "v1.0.0", ``, "error: want an object, got the end"},
		{"no JSON", "v1.0.0", `Version: v1.0.0`, "error: want an object"},
		{"null alone", "v1.0.0", `null`, "error: want an object, got null"},
		{"array", "v1.0.0", `[]`, "error: want an object"},
		{"cut off", "v1.0.0", `{"Version":"v1.0.0","Time":"2024-12-1`, "error: string has no end"},
		{"cut off in the object", "v1.0.0", `{"Version":"v1.0.0"`, "error: want a comma"},
		{"two documents", "v1.0.0", `{"Version":"v1.0.0"}{}`, "error: data after the end"},
		{"byte order mark", "v1.0.0", "\ufeff" + `{"Version":"v1.0.0"}`, "error: want an object"},
		{"not UTF-8", "v1.0.0", "{\"Version\":\"v1.0.0\",\"x\":\"\xff\"}", "error: string is not UTF-8"},
		{"no version", "v1.0.0", `{}`, `error: version "", want "v1.0.0"`},
		{"another version", "v1.0.0", `{"Version":"v1.0.1"}`, `error: version "v1.0.1", want "v1.0.0"`},
		{"version is a number", "v1.0.0", `{"Version":1}`, "error: $.Version (byte 11): want a string, got a number"},
		{"version is null", "v1.0.0", `{"Version":null}`, "error: want a string, got null"},
		{"twice", "v1.0.0", `{"Version":"v1.0.0","Version":"v1.0.0"}`, `error: member "Version" occurs twice`},
		{"twice in the origin", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","\u0056CS":"hg"}}`, `error: member "VCS" occurs twice`},
		{"other letters", "v1.0.0", `{"Version":"v1.0.0","version":"v1.0.1"}`, `error: member "version", want "Version"`},
		{"other letters in the origin", "v1.0.0", `{"Version":"v1.0.0","Origin":{"haſh":"x"}}`, `error: member "haſh", want "Hash"`},
		{"bad time", "v1.0.0", `{"Version":"v1.0.0","Time":"2024-12-10 11:37:26"}`, "error: is not of RFC 3339"},
		{"no such day", "v1.0.0", `{"Version":"v1.0.0","Time":"2024-02-30T00:00:00Z"}`, "error: is not of RFC 3339"},
		{"empty time", "v1.0.0", `{"Version":"v1.0.0","Time":""}`, "error: is not of RFC 3339"},
		{"time is a number", "v1.0.0", `{"Version":"v1.0.0","Time":1700000000}`, "error: want a string, got a number"},
		{"origin is a string", "v1.0.0", `{"Version":"v1.0.0","Origin":"git"}`, "error: want an object, got a string"},
		{"hash is an object", "v1.0.0", `{"Version":"v1.0.0","Origin":{"Hash":{}}}`, "error: want a string, got an object"},
		{"no system", "v1.0.0", `{"Version":"v1.0.0","Origin":{"URL":"https://git.example.com/m"}}`, `error: version control system "" is not known`},
		{"unknown system", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"Git"}}`, `error: version control system "Git" is not known`},
		{"short hash", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Hash":"be10c925b626"}}`, "error: want 40 or 64 hexadecimal digits"},
		{"hash in upper case", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Hash":"` + strings.ToUpper(git40) + `"}}`, "error: want 40 or 64 hexadecimal digits"},
		{"hash of another commit", "v0.0.0-20231114221320-aaaaaaaaaaaa", `{"Version":"v0.0.0-20231114221320-aaaaaaaaaaaa","Origin":{"VCS":"git","Hash":"` + git40 + `"}}`, "error: but the version has aaaaaaaaaaaa"},
		{"absolute directory", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Subdir":"/home/me"}}`, "error: want a relative path"},
		{"directory above", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Subdir":"../x"}}`, "error: want a relative path"},
		{"line break", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Ref":"refs/tags/v1\nretracted=no"}}`, "error: is not text"},
		{"long ref", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","Ref":"` + strings.Repeat("x", 9000) + `"}}`, "error: 9000 bytes, want at most 8192"},
		{"path for a URL", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"/home/me/m"}}`, "error: want an absolute URL"},
		{"SSH without a URL", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"me:secret@git.example.com:m"}}`, "error: want an absolute URL"},
		{"malformed URL", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"https://me:secret@git.example.com:port/m"}}`, "error: want an absolute URL"},
		{"script", "v1.0.0", `{"Version":"v1.0.0","Origin":{"VCS":"git","URL":"javascript://example.com/%0Aalert(1)"}}`, `error: a URL of scheme "javascript"`},
		{"deep", "v1.0.0", `{"Version":"v1.0.0","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "error: nested deeper than 100"},
		{"large", "v1.0.0", `{"Version":"v1.0.0","x":"` + strings.Repeat("x", 1<<20) + `"}`, "error: larger than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, d, err := releases(t, "example.com/m@"+test.version, map[string]string{test.version + ".info": test.info})
			if text, ok := strings.CutPrefix(test.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), text) || !strings.HasPrefix(err.Error(), "gomod: release example.com/m@"+test.version+": cache/download/example.com/m/@v/"+test.version+".info in the module cache: ") {
					t.Errorf("got error %v, want %q in it", err, text)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("a password is in %v", err)
				}
				if got != "" || slices.ContainsFunc(d.Unknown, func(s string) bool { return strings.Contains(s, "latestKnown") }) {
					t.Error("the document was changed")
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got\n%s\n%v\nwant\n%s", got, err, test.want)
			}
		})
	}
}

// What the go command says of modules like these, a test in internal/conformance
// asks it.
func TestAddReleasesGoMod(t *testing.T) {
	const head = "module example.com/m\n\n"
	for _, test := range []struct {
		name, module string
		files        map[string]string // go.mod files by version, without what is in head
		want         string
		later        bool // a later version is known
	}{
		{"nothing", "example.com/m@v1.0.0", nil, "", false},
		{"itself", "example.com/m@v1.0.0", map[string]string{"v1.0.0": ""}, "latestKnown=v1.0.0", false},
		{"a later one", "example.com/m@v1.0.0", map[string]string{"v1.0.0": "", "v1.1.0": ""}, "latestKnown=v1.1.0", true},
		{"retracted", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "// Bad.\nretract v1.0.0\n"}, "latestKnown=v1.1.0\nretracted=Bad.", true},
		{"retracted by itself", "example.com/m@v1.0.0", map[string]string{"v1.0.0": "retract [v0.0.0, v1.0.0] // Wrong\n"}, "latestKnown=v1.0.0\nretracted=Wrong", false},
		{"retracted by the middle one only", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract v1.0.0\n", "v1.2.0": ""}, "latestKnown=v1.2.0", true},
		{"retracted twice", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract (\n\tv1.0.0 // one\n\t[v0.9.0, v1.0.0] // two\n\tv1.0.1 // three\n)\n"}, "latestKnown=v1.1.0\nretracted=one\nretracted=two", true},
		{"no reason", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract v1.0.0\n"}, "latestKnown=v1.1.0\nretracted=no reason is given", true},
		{"reason of lines", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "// One\n//\n// two\tthree.\nretract v1.0.0\n"}, "latestKnown=v1.1.0\nretracted=One two three.", true},
		{"reason that is not printable", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract v1.0.0 // \u202egnorw\n"}, "latestKnown=v1.1.0\nretracted=withheld: not printable", true},
		{"reason too long", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract v1.0.0 // " + strings.Repeat("x", 5000) + "\n"}, "latestKnown=v1.1.0\nretracted=withheld: longer than 4096 bytes", true},
		{"release before pre-release", "example.com/m@v1.0.0", map[string]string{"v1.0.1": "", "v1.1.0-rc.1": "retract v1.0.0\n"}, "latestKnown=v1.0.1", true},
		{"pre-release", "example.com/m@v1.0.0-rc.1", map[string]string{"v1.0.0-rc.2": "retract v1.0.0-rc.1\n"}, "latestKnown=v1.0.0-rc.2\nretracted=no reason is given", true},
		{"lower one only", "example.com/m@v1.1.0-rc.1", map[string]string{"v1.0.0": "retract v1.1.0-rc.1 // x\n", "v1.1.0-rc.1": ""}, "latestKnown=v1.0.0\nretracted=x", false},
		{"pseudo-versions", "example.com/m@v0.0.0-20200101000000-aaaaaaaaaaaa", map[string]string{
			"v0.0.0-20200101000000-aaaaaaaaaaaa": "", "v0.0.0-20220101000000-bbbbbbbbbbbb": "retract v0.0.0-20200101000000-aaaaaaaaaaaa\n", "v0.0.0-20210101000000-cccccccccccc": "",
		}, "latestKnown=v0.0.0-20220101000000-bbbbbbbbbbbb\nreleased=2020-01-01T00:00:00Z\nretracted=no reason is given", true},
		{"latest, not highest pseudo-version", "example.com/m@v1.0.1-0.20200101000000-aaaaaaaaaaaa", map[string]string{
			"v1.0.1-0.20200101000000-aaaaaaaaaaaa": "", "v0.0.0-20220101000000-bbbbbbbbbbbb": "",
		}, "latestKnown=v0.0.0-20220101000000-bbbbbbbbbbbb\nreleased=2020-01-01T00:00:00Z", false},
		{"deprecated", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "// Deprecated: use\n// another.\nmodule example.com/m\n"}, "deprecated=use another.\nlatestKnown=v1.1.0", true},
		{"not deprecated any more", "example.com/m@v1.0.0", map[string]string{"v1.0.0": "module example.com/m // Deprecated: no\n", "v1.1.0": ""}, "latestKnown=v1.1.0", true},
		{"other name", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "module example.com/renamed // Deprecated: moved\n"}, "deprecated=moved\nlatestKnown=v1.1.0", true},
		{"incompatible", "example.com/m@v2.0.0+incompatible", map[string]string{"v1.0.0": "module example.com/m\n", "v2.0.0+incompatible": "module example.com/m\n", "v3.0.0+incompatible": ""}, "latestKnown=v3.0.0+incompatible", true},
		{"incompatible, given up", "example.com/m@v2.0.0+incompatible", map[string]string{"v1.0.0": "retract v2.0.0+incompatible // See v1.\n", "v2.0.0+incompatible": ""}, "latestKnown=v1.0.0\nretracted=See v1.", false},
		{"major version", "example.com/m/v2@v2.0.0", map[string]string{"v2.0.1": "module example.com/m/v2\nretract v2.0.0\n", "v3.0.0": ""}, "latestKnown=v2.0.1\nretracted=no reason is given", true},
		{"names that are no versions", "example.com/m@v1.0.0", map[string]string{"v1": "", "v1.2": "", "v1.2.3.4": "", "master": "", "v2.0.0": "", "v1.0.0+meta": "", "": "", "v1.0.0-!": "", "V1.9.0": ""}, "", false},
		{"upper case", "example.com/m@v1.0.0", map[string]string{"v1.0.1-!r!c1": "// Deprecated: x\nmodule example.com/m\n"}, "deprecated=x\nlatestKnown=v1.0.1-RC1", true},
		{"future line", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "go 9.99\nfuture (\n\tx y\n)\nretract v1.0.0\n"}, "latestKnown=v1.1.0\nretracted=no reason is given", true},
		{"malformed", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "retract (\n"}, "error: cache/download/example.com/m/@v/v1.1.0.mod in the module cache: malformed go.mod", false},
		{"too large", "example.com/m@v1.0.0", map[string]string{"v1.1.0": "//" + strings.Repeat("x", 16<<20)}, "error: larger than 16777216 bytes", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := make(map[string]string)
			for v, text := range test.files {
				if !strings.Contains(text, "module ") {
					text = head + text
				}
				files[v+".mod"] = text
			}
			got, d, err := releases(t, test.module, files)
			if text, ok := strings.CutPrefix(test.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), text) || got != "" {
					t.Errorf("got %q, error %v, want %q in it", got, err, text)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got\n%s\n%v\nwant\n%s", got, err, test.want)
			}
			const unknown = "whether modules are retracted or deprecated of which the module cache has no later go.mod (latestKnown)"
			if slices.Contains(d.Unknown, unknown) == test.later {
				t.Errorf("unknown is %q; a later version is known: %t", d.Unknown, test.later)
			}
		})
	}
}

// Facts are of what a component is, not of what it stands for.
func TestAddReleasesComponents(t *testing.T) {
	cache := t.TempDir()
	info := func(path, version string) {
		place(t, cache, "cache/download/"+path+"/@v/"+version+".info", `{"Version":"`+version+`","Time":"2024-12-10T11:37:26Z"}`)
	}
	d := program(t, "example.com/a@v1.0.0")
	add := func(c sbom.Component) {
		c.PURL = gomod.PURL(c.Name, c.Version)
		c.Ref, c.Type, c.Scope = c.PURL, sbom.Library, sbom.Runtime
		d.Components = append(d.Components, c)
		info(c.Name, c.Version)
	}
	origin := func(s string) []sbom.Property { return []sbom.Property{{Name: "origin", Value: s}} }
	add(sbom.Component{Name: "example.com/fork", Version: "v1.1.0", Replaces: "pkg:golang/example.com/old@v1.0.0"})
	add(sbom.Component{Name: "example.com/vendored", Version: "v1.0.0", Properties: origin("vendor")})
	add(sbom.Component{Name: "example.com/other", Version: "v1.0.0", Properties: origin("elsewhere")})
	add(sbom.Component{Name: "example.com/dir", Properties: origin("directory")})
	add(sbom.Component{Name: "../../up", Version: "v1.0.0"})
	add(sbom.Component{Name: "example.com/branch", Version: "main"})
	info("example.com/old", "v1.0.0")
	info("example.com/a", "v1.0.0")
	info("stdlib", "1.26.8")
	d.Main.Version, d.Main.PURL = "v1.0.0", gomod.PURL(d.Main.Name, "v1.0.0")
	d.Main.Ref = d.Main.PURL
	info(d.Main.Name, "v1.0.0")
	i := slices.IndexFunc(d.Components, func(c sbom.Component) bool { return c.Scope == sbom.Build })
	d.Components[i].Version = "v0.0.1-go1.26.8.linux-amd64"
	d.Components[i].PURL = gomod.PURL("golang.org/toolchain", d.Components[i].Version)
	info("golang.org/toolchain", d.Components[i].Version)
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}

	released := func() string {
		var names []string
		for _, c := range d.All() {
			for _, p := range c.Properties {
				if p.Name == "released" {
					names = append(names, c.Name)
				}
			}
		}
		return strings.Join(names, " ")
	}
	o := gomod.ReleaseOptions{ModCache: cache}
	for range 2 { // the second time, it replaces
		if err := gomod.AddReleases(t.Context(), d, o); err != nil {
			t.Fatal(err)
		}
		if got, want := released(), "example.com/a example.com/fork example.com/vendored"; got != want {
			t.Errorf("released: %s, want %s", got, want)
		}
		if n := len(d.Unknown) - len(slices.Compact(slices.Sorted(slices.Values(d.Unknown)))); n != 0 {
			t.Errorf("unknown: %q", d.Unknown)
		}
	}
	// A main module that was installed by its version is one of the cache.
	d.Main.Digests = d.Components[slices.IndexFunc(d.Components, func(c sbom.Component) bool { return c.Name == "example.com/a" })].Digests
	if err := gomod.AddReleases(t.Context(), d, o); err != nil {
		t.Fatal(err)
	}
	if got, want := released(), "example.com/app example.com/a example.com/fork example.com/vendored"; got != want {
		t.Errorf("released: %s, want %s", got, want)
	}
	// What is not there any more is not kept.
	if err := gomod.AddReleases(t.Context(), d, gomod.ReleaseOptions{ModCache: t.TempDir()}); err != nil || released() != "" {
		t.Errorf("released: %s, %v", released(), err)
	}
	if property := d.Component("pkg:golang/example.com/vendored@v1.0.0").Properties; !slices.Equal(property, origin("vendor")) {
		t.Errorf("properties %v", property)
	}
}

func TestAddReleasesErrors(t *testing.T) {
	d := program(t, "example.com/a@v1.0.0", "example.com/b@v1.0.0", "example.com/c@v1.0.0")
	if err := gomod.AddReleases(t.Context(), d, gomod.ReleaseOptions{}); err == nil || err.Error() != "gomod: ReleaseOptions.ModCache is empty" {
		t.Errorf("no module cache: %v", err)
	}
	cache := t.TempDir()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := gomod.AddReleases(cancelled, d, gomod.ReleaseOptions{ModCache: cache}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := gomod.AddReleases(t.Context(), &sbom.Document{}, gomod.ReleaseOptions{ModCache: cache}); err == nil {
		t.Error("no error for what is no document")
	}

	// All faults are told, and nothing is written.
	place(t, cache, "cache/download/example.com/a/@v/v1.0.0.info", "x")
	place(t, cache, "cache/download/example.com/b/@v/v1.0.0.info", `{"Version":"v1.0.0","Time":"2024-12-10T11:37:26Z"}`)
	place(t, cache, "cache/download/example.com/c/@v", "a file")
	before := names(t, cache)
	err := gomod.AddReleases(t.Context(), d, gomod.ReleaseOptions{ModCache: cache})
	for _, m := range []string{"a", "c"} {
		if err == nil || !strings.Contains(err.Error(), "gomod: release example.com/"+m+"@v1.0.0: ") {
			t.Errorf("got %v, want an error with module %s", err, m)
		}
	}
	for _, c := range d.Components {
		if len(c.Properties) != 0 {
			t.Errorf("%s was changed: %v", c.Ref, c.Properties)
		}
	}
	if after := names(t, cache); !maps.Equal(before, after) {
		t.Errorf("the cache was changed: %v, %v", before, after)
	}
}

// names returns the files in a directory with their contents.
func names(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		m[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
