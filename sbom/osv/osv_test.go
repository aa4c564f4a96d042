package osv_test

import (
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// record returns a record with a member affected.
func record(affected string) string {
	return `{"schema_version":"1.7.4","id":"T-1","modified":"2026-01-02T03:04:05Z","affected":[` + affected + `]}`
}

// entry returns an entry of affected with ranges of a type, each given by its events.
func entry(ecosystem, name, typ string, events ...string) string {
	var ranges []string
	for _, e := range events {
		var one []string
		for _, event := range strings.Fields(e) {
			kind, version, _ := strings.Cut(event, "=")
			one = append(one, fmt.Sprintf(`{%q:%q}`, kind, version))
		}
		ranges = append(ranges, fmt.Sprintf(`{"type":%q,"events":[%s]}`, typ, strings.Join(one, ",")))
	}
	return fmt.Sprintf(`{"package":{"ecosystem":%q,"name":%q},"ranges":[%s]}`, ecosystem, name, strings.Join(ranges, ","))
}

func parse(t *testing.T, data string) *osv.Advisory {
	t.Helper()
	a, err := osv.Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestParse(t *testing.T) {
	got := parse(t, `{
		"schema_version": "1.8.0",
		"id": "T-1",
		"modified": "2026-01-02T03:04:05.5Z",
		"published": "2026-01-02T04:04:05+01:00",
		"withdrawn": "2026-02-01T00:00:00Z",
		"aliases": ["CVE-1"],
		"upstream": ["U-1"],
		"related": ["R-1", "R-2"],
		"summary": "s",
		"details": "d",
		"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N", "more": 1}],
		"affected": [{
			"ecosystem_specific": {"imports": [{"path": "example.com/m/p", "symbols": ["F"], "goos": ["windows"], "goarch": ["amd64"], "more": []}], "more": {}},
			"package": {"ecosystem": "Go", "name": "example.com/m", "purl": "pkg:golang/example.com/m", "more": null},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}], "database_specific": {"more": 1}},
				{"type": "GIT", "repo": "https://example.com/m", "events": [{"introduced": "0"}, {"limit": "abc"}]}],
			"versions": ["9.9.9"],
			"severity": [{"type": "CVSS_V4", "score": "x"}],
			"database_specific": 1
		}],
		"references": [{"type": "FIX", "url": "https://example.com/fix", "more": 1}],
		"credits": [{"name": "n"}],
		"database_specific": {"more": 1},
		"more": [1]
	}`)
	want := &osv.Advisory{
		SchemaVersion: "1.8.0", ID: "T-1", Aliases: []string{"CVE-1"}, Upstream: []string{"U-1"}, Related: []string{"R-1", "R-2"}, Summary: "s", Details: "d",
		Modified:  time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC),
		Published: got.Published,
		Withdrawn: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
		Severity:  []osv.Severity{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N"}},
		Affected: []osv.Package{{
			Ecosystem: "Go", Name: "example.com/m", PURL: "pkg:golang/example.com/m",
			Ranges: []osv.Range{
				{Type: osv.SemVer, Events: []osv.Event{{Kind: osv.Introduced, Version: "0"}, {Kind: osv.Fixed, Version: "1.2.3"}}},
				{Type: osv.Git, Repo: "https://example.com/m", Events: []osv.Event{{Kind: osv.Introduced, Version: "0"}, {Kind: osv.Limit, Version: "abc"}}},
			},
			Versions: []string{"9.9.9"},
			Severity: []osv.Severity{{Type: "CVSS_V4", Score: "x"}},
			Imports:  []osv.Import{{Path: "example.com/m/p", Symbols: []string{"F"}, GOOS: []string{"windows"}, GOARCH: []string{"amd64"}}},
		}},
		References: []osv.Reference{{Type: "FIX", URL: "https://example.com/fix"}},
	}
	if !reflect.DeepEqual(got, want) || !got.Published.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	// What the format lets be null, and what is not Go's.
	parse(t, `{"id":"T","modified":"0001-01-01T00:00:00Z","aliases":null,"severity":null,"affected":[{"package":{"ecosystem":"npm","name":"n"},"severity":null,"ecosystem_specific":{"imports":1}}],"references":null}`)
}

// places are bytes in a document, which errors name.
var places = regexp.MustCompile(` \(byte \d+\)`)

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{``, `malformed advisory: $: want an object, got the end`},
		{`[]`, `malformed advisory: $: want an object, got an array`},
		{`{"id":"T"}`, `malformed advisory: $: it has no time of modification`},
		{`{"modified":"2026-01-02T03:04:05Z"}`, `malformed advisory "": it has no id`},
		{`{"id":"T","modified":"2026-01-02"}`, `malformed advisory: $.modified: "2026-01-02" is not a time of RFC 3339`},
		{`{"id":"T","modified":null}`, `malformed advisory: $.modified: want a string, got null`},
		{`{"id":"T","id":"U","modified":"2026-01-02T03:04:05Z"}`, `malformed advisory: $: member "id" occurs twice`},
		{`{"id":"T","modified":"2026-01-02T03:04:05Z"} x`, `malformed advisory: $: data after the end of the document`},
		{`{"id":"T","modified":"2026-01-02T03:04:05Z","schema_version":"2.0.0"}`, `malformed advisory "T": version "2.0.0" of the schema, want 1`},
		{`{"id":"T","modified":"2026-01-02T03:04:05Z","schema_version":"1.x"}`, `malformed advisory "T": schema_version: malformed version "1.x": want three numbers`},
		{`{"id":"T","modified":"2026-01-02T03:04:05Z","withdrawn":"0001-01-01T00:00:00Z"}`, `malformed advisory: $: it was withdrawn at no time`},
		{`{"id":"T","modified":"2026-01-02T03:04:05Z","aliases":"U"}`, `malformed advisory: $.aliases: want an array, got a string`},
		{record(`{"package":{"ecosystem":"Go"}}`), `malformed advisory: $.affected[0].package: a package without an ecosystem or a name`},
		{record(`{"package":null}`), `malformed advisory: $.affected[0].package: want an object, got null`},
		{record(entry("Go", "m", "semver", "introduced=0")), `malformed advisory: $.affected[0].ranges[0].type: a range of the type "semver", want SEMVER, ECOSYSTEM or GIT`},
		{record(entry("Go", "m", "SEMVER", "")), `malformed advisory: $.affected[0].ranges[0]: a range without an introduced event`},
		{record(entry("Go", "m", "SEMVER", "fixed=1.0.0")), `malformed advisory: $.affected[0].ranges[0]: a range without an introduced event`},
		{record(entry("Go", "m", "SEMVER", "introduced=0 removed=1.0.0")), `malformed advisory: $.affected[0].ranges[0].events[1].removed: an event of the unknown kind "removed"`},
		{record(entry("Go", "m", "SEMVER", "introduced=")), `malformed advisory: $.affected[0].ranges[0].events[0].introduced: an event without a version`},
		{record(`{"ranges":[{"type":"SEMVER","events":[{"introduced":"0","fixed":"1.0.0"}]}]}`), `malformed advisory: $.affected[0].ranges[0].events[0].fixed: an event that is introduced and fixed`},
		{record(`{"ranges":[{"type":"SEMVER","events":[{}]}]}`), `malformed advisory: $.affected[0].ranges[0].events[0]: an event of no kind`},
		{record(`{"ranges":[{"type":"SEMVER","events":[{"introduced":0}]}]}`), `malformed advisory: $.affected[0].ranges[0].events[0].introduced: want a string, got a number`},
		{record(`{"ranges":[{"events":[{"introduced":"0"}]}]}`), `malformed advisory: $.affected[0].ranges[0]: a range without a type`},
		{record(`{"versions":[1]}`), `malformed advisory: $.affected[0].versions[0]: want a string, got a number`},
		{record(`{"ecosystem_specific":[]}`), `malformed advisory: $.affected[0].ecosystem_specific: want an object`},
		{record(`{"package":{"ecosystem":"Go","name":"m"},"ecosystem_specific":{"imports":[{"symbols":[]}]}}`), `malformed advisory: $.affected[0]: ecosystem_specific: $.imports[0]: an import without a path`},
		{strings.Repeat(" ", osv.MaxRecord+1), `malformed advisory: 33554433 bytes, want at most 33554432`},
		{`{"aliases":[` + strings.Repeat(`"",`, osv.MaxEntries) + `""]}`, `malformed advisory: $.aliases[1000000]: more than 1000000 entries of lists`},
	} {
		a, err := osv.Parse([]byte(tt.in))
		if err == nil || places.ReplaceAllString(err.Error(), "") != tt.want || a != nil {
			t.Errorf("%.100s: got %v, error\n     %v\nwant %s", tt.in, a, err, tt.want)
		}
	}
}

func TestContains(t *testing.T) {
	const noOrder = "the versions of its ecosystem have no order here"
	for _, tt := range []struct{ entry, version, want string }{ // want is "in", "out" or a doubt
		{entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "go1.21.8", "in"},
		{entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "1.21.9", "out"},
		{entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "go1.22rc1", "in"},
		{entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "1.22", "in"},
		{entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "devel go1.23-abc", `malformed version "devel go1.23-abc": want three numbers`},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=2.0.0"), "v2.0.0+incompatible", "out"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=2.0.0+incompatible"), "v1.9.9", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.2.3"), "(devel)", `malformed version "(devel)": want numbers without leading zeros`},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.2.3"), "", "it has no version"},
		{entry("Go", "m", "SEMVER", "introduced=0"), "", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0"), "(devel)", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 limit=*"), "(devel)", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 limit=1.0.0"), "v1.0.0", "out"},
		{entry("Go", "m", "SEMVER", "introduced=0 limit=1.0.0"), "v0.9.0", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 limit=1.0.0 limit=2.0.0"), "v1.9.0", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 last_affected=1.0.0"), "v1.0.0", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 last_affected=1.0.0"), "v1.0.1-0", "out"},
		{entry("Go", "m", "SEMVER", "introduced=1.0.0 last_affected=1.0.0"), "v1.0.0", "in"},
		{entry("Go", "m", "SEMVER", "introduced=1.0.0 last_affected=1.0.0"), "v1.0.1", "out"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.0.0 last_affected=0.9.0"), "v1.0.0", "a range of the advisory has both fixed and last_affected events"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.0.0 introduced=1.0.0"), "v1.5.0", "a range of the advisory has introduced and fixed events at the same version"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.0.0 introduced=1.0.0"), "v0.5.0", "in"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.0.0 introduced=1.0.0 fixed=2.0.0"), "v2.0.0", "out"},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.x"), "v0.5.0", `in a range of the advisory: malformed version "1.x": want numbers without leading zeros`},
		{entry("Go", "m", "SEMVER", "introduced=0 fixed=1.x", "introduced=0"), "v0.5.0", "in"},
		{entry("Go", "m", "ECOSYSTEM", "introduced=1.0.0 fixed=1.2.0", "introduced=2.0.0 fixed=2.2.0"), "v2.1.9", "in"},
		{entry("Go", "m", "GIT", "introduced=0 fixed=abc"), "v1.0.0", "the advisory has its ranges in Git commits"},
		{`{"package":{"ecosystem":"Go","name":"m"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]},{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}`, "v1.0.0", "out"},
		{`{"package":{"ecosystem":"Go","name":"m"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}],"versions":["1.0.0"]}`, "v1.0.0", "in"},
		{`{"package":{"ecosystem":"Go","name":"m"},"versions":["1.0.0","2.0.0"]}`, "v2.0.0+incompatible", "in"},
		{`{"package":{"ecosystem":"Go","name":"m"},"versions":["1.0.0"]}`, "v1.0.1", "out"},
		{`{"package":{"ecosystem":"Go","name":"m"},"versions":["1.0.0"]}`, "(devel)", `version "(devel)" has no place in the order of versions`},
		{`{"package":{"ecosystem":"Go","name":"m"}}`, "v1.0.1", "the advisory does not say which versions are affected"},

		{entry("npm", "n", "SEMVER", "introduced=0 fixed=1.2.3"), "1.2.3-rc.1", "in"},
		{entry("npm", "n", "SEMVER", "introduced=0 fixed=1.2.3"), "v1.2.3", `malformed version "v1.2.3": want numbers without leading zeros`},
		{entry("npm", "n", "ECOSYSTEM", "introduced=0 fixed=6.5.4"), "6.5.3", "in"},
		{entry("npm", "n", "ECOSYSTEM", "introduced=0 fixed=6.5.4"), "6.5.4", "out"},
		{entry("crates.io", "c", "SEMVER", "introduced=0.0.0-0 fixed=0.4.2"), "0.4.2", "out"},
		{entry("SwiftURL", "https://example.com/a/b.git", "SEMVER", "introduced=0 fixed=2.0.0"), "1.9.9", "in"},
		{entry("Hex", "h", "SEMVER", "introduced=0 fixed=2.0.0"), "2.0.0", "out"},

		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 fixed=2.0"), "1.0", noOrder},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 fixed=2.0"), "2.0", "out"},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 last_affected=2.0"), "2.0", "in"},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=1.0 fixed=2.0"), "1.0", "in"},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=1.0 fixed=1.0"), "1.0", noOrder},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=1.0 last_affected=1.0"), "1.0", "in"},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 fixed=2.0 introduced=3.0 fixed=4.0"), "2.0", noOrder},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 fixed=2.0 limit=1.0"), "2.0", noOrder},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0"), "1.0", "in"},
		{entry("PyPI", "p", "ECOSYSTEM", "introduced=0 fixed=2.0"), "", "it has no version"},
		{`{"package":{"ecosystem":"PyPI","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0"}]}],"versions":["1.0"]}`, "1.0", "in"},
		{`{"package":{"ecosystem":"PyPI","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0"}]}],"versions":["1.0"]}`, "1.1", noOrder},
		{`{"package":{"ecosystem":"PyPI","name":"p"},"versions":["1.0"]}`, "1.1", "out"},
		{`{"package":{"ecosystem":"PyPI","name":"p"},"versions":["1.0"]}`, "", "it has no version"},
		{entry("Maven", "g:a", "ECOSYSTEM", "introduced=0"), "1.0", "in"},
		{entry("Maven:https://maven.google.com", "g:a", "ECOSYSTEM", "introduced=0"), "1.0", "in"},
		{entry("Debian:12", "openssl", "ECOSYSTEM", "introduced=0"), "3.0-1", "the advisory is about Debian:12, and whether the package is of that release is not compared"},
		{entry("Debian:12", "openssl", "ECOSYSTEM", "introduced=0 fixed=3.0-2", "introduced=0"), "3.0-1", "the advisory is about Debian:12, and whether the package is of that release is not compared; " + noOrder},
	} {
		a := parse(t, record(tt.entry))
		ok, doubt := a.Affected[0].Contains(tt.version)
		got := doubt
		switch {
		case doubt != "" && !ok:
			t.Errorf("%s %q: not affected, and a doubt", tt.entry, tt.version)
		case doubt == "" && ok:
			got = "in"
		case doubt == "":
			got = "out"
		}
		if got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.entry, tt.version, got, tt.want)
		}
	}
}

func TestEcosystems(t *testing.T) {
	for _, tt := range []struct{ ecosystem, name, told, purl, unknown string }{
		{"Go", "github.com/BurntSushi/toml", "", "pkg:golang/github.com/BurntSushi/toml", ""},
		{"Go", "github.com/BurntSushi/toml", "pkg:golang/github.com/burntsushi/toml@v1", "pkg:golang/github.com/BurntSushi/toml", ""},
		{"Go", "stdlib", "pkg:golang/stdlib", "pkg:golang/stdlib", ""},
		{"Go", "toolchain", "pkg:golang/toolchain", "pkg:golang/golang.org/toolchain", ""},
		{"npm", "@Angular/core", "pkg:npm/%40angular/core", "pkg:npm/%40angular/core", ""},
		{"crates.io", "serde", "", "pkg:cargo/serde", ""},
		{"PyPI", "Django_x", "", "pkg:pypi/django-x", ""},
		{"Maven", "org.apache.logging.log4j:log4j-core", "", "pkg:maven/org.apache.logging.log4j/log4j-core", ""},
		{"Maven:https://maven.google.com", "g:a", "", "pkg:maven/g/a", ""},
		{"Maven", "log4j", "", "", `there is no package URL for log4j of "Maven"`},
		{"NuGet", "Newtonsoft.Json", "", "pkg:nuget/Newtonsoft.Json", ""},
		{"RubyGems", "rails", "", "pkg:gem/rails", ""},
		{"Packagist", "Symfony/HTTP", "", "pkg:composer/symfony/http", ""},
		{"Packagist:https://packages.drupal.org/8", "drupal/x", "", "pkg:composer/drupal/x", ""},
		{"Hex", "Plug", "", "pkg:hex/plug", ""},
		{"Pub", "http", "", "pkg:pub/http", ""},
		{"Hackage", "aeson", "", "pkg:hackage/aeson", ""},
		{"CRAN", "readxl", "", "pkg:cran/readxl", ""},
		{"Bioconductor", "b", "", "pkg:bioconductor/b", ""},
		{"ConanCenter", "openssl", "", "pkg:conan/openssl", ""},
		{"Bitnami", "WordPress", "", "pkg:bitnami/wordpress", ""},
		{"Julia", "HTTP", "pkg:julia/HTTP?uuid=1", "pkg:julia/HTTP", ""},
		{"opam", "dune", "", "pkg:opam/dune", ""},
		{"SwiftURL", "https://github.com/apple/swift-nio.git", "", "pkg:swift/github.com/apple/swift-nio", ""},
		{"VSCode", "ms.Go", "", "pkg:vscode-extension/ms/go", ""},
		{"VSCode", "go", "", "", `there is no package URL for go of "VSCode"`},
		{"Debian:12", "openssl", "pkg:deb/debian/openssl?arch=source", "pkg:deb/debian/openssl", "openssl is a source package of Debian:12: what is made of it under other names is not looked for"},
		{"Ubuntu:22.04:LTS", "openssl", "pkg:deb/ubuntu/openssl@3.0?arch=source&distro=jammy", "pkg:deb/ubuntu/openssl", "openssl is a source package of Ubuntu:22.04:LTS: what is made of it under other names is not looked for"},
		{"Alpine:v3.20", "busybox", "", "pkg:apk/alpine/busybox", "busybox is a source package of Alpine:v3.20: what is made of it under other names is not looked for"},
		{"Wolfi", "git", "", "pkg:apk/wolfi/git", ""},
		{"Red Hat:rhel_aus:8.4::appstream", "curl", "", "pkg:rpm/redhat/curl", "curl is a source package of Red Hat:rhel_aus:8.4::appstream: what is made of it under other names is not looked for"},
		{"openSUSE:Leap 15.6", "curl", "", "pkg:rpm/opensuse/curl", "curl is a source package of openSUSE:Leap 15.6: what is made of it under other names is not looked for"},
		{"Rocky Linux:9", "curl", "pkg:rpm/rocky-linux/curl?distro=rocky-9", "pkg:rpm/rocky-linux/curl", ""},
		{"Rocky Linux:9", "curl", "", "", `there is no package URL for curl of "Rocky Linux:9"`},
		{"Android", "platform/base", "", "", `there is no package URL for platform/base of "Android"`},
		{"go", "m", "", "", `there is no package URL for m of "go"`},
		{"Tomorrow", "m", "golang/m", "", `there is no package URL for m of "Tomorrow", and the one in the record is none: malformed package URL "golang/m": it does not begin with pkg:`},
		{"npm", "a", "pkg:npm/b", "pkg:npm/a", "it is looked for as pkg:npm/a and not as pkg:npm/b, which the record has too"},
		{"npm", "a", "npm/a", "pkg:npm/a", `it is looked for as pkg:npm/a; what the record has is none: malformed package URL "npm/a": it does not begin with pkg:`},
		{"npm", "a/", "", "", `malformed package URL of "": no name`},
	} {
		a := parse(t, record(fmt.Sprintf(`{"package":{"ecosystem":%q,"name":%q,"purl":%q}}`, tt.ecosystem, tt.name, tt.told)))
		if p := a.Affected[0]; p.PURL != tt.purl || p.Unknown != tt.unknown {
			t.Errorf("%s %s %s: got %s, %q, want %s, %q", tt.ecosystem, tt.name, tt.told, p.PURL, p.Unknown, tt.purl, tt.unknown)
		}
	}

	a := parse(t, record(entry("npm", "b", "SEMVER", "introduced=0")+","+entry("npm", "a", "SEMVER", "introduced=0")+","+entry("npm", "b", "SEMVER", "introduced=1.0.0")+
		`,{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}`))
	if got := fmt.Sprint(a.PURLs(), a.Unknown()); got != "[pkg:npm/a pkg:npm/b] [affected[3]: the advisory names no package]" {
		t.Errorf("got %s", got)
	}
	a.Withdrawn = a.Modified
	if got := fmt.Sprint(a.PURLs(), a.Unknown()); got != "[] []" {
		t.Errorf("withdrawn: got %s", got)
	}
	if got := parse(t, record("")).Unknown(); len(got) != 1 {
		t.Errorf("nothing affected: got %q", got)
	}
}

// module returns a Go module as a component.
func module(path, version string, packages ...string) sbom.Component {
	c := sbom.Component{Name: path, Version: version, PURL: "pkg:golang/" + path, Packages: packages}
	if version != "" {
		c.PURL += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return c
}

func TestAffects(t *testing.T) {
	imports := func(entry, paths string) string {
		var list []string
		for _, p := range strings.Fields(paths) {
			list = append(list, fmt.Sprintf(`{"path":%q}`, p))
		}
		return strings.TrimSuffix(entry, "}") + `,"ecosystem_specific":{"imports":[` + strings.Join(list, ",") + `]}}`
	}
	std := imports(entry("Go", "stdlib", "SEMVER", "introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2"), "net/http")
	x := imports(entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=0.23.0"), "example.com/x/a example.com/x")
	fork := module("example.com/fork", "v9.0.0")
	fork.Replaces = "pkg:golang/example.com/x@v0.1.0"
	other := module("example.com/x", "v0.1.0", "b")
	other.Replaces = "pkg:golang/example.com/x@v0.30.0"
	unnamed := sbom.Component{Name: "example.com/x", Version: "v0.1.0"}

	for _, tt := range []struct {
		affected  string
		component sbom.Component
		want      string
	}{
		{std, module("stdlib", "1.22.1"), "affected: which of its packages are needed is not known [net/http] 1.22.2"},
		{std, module("std", "go1.22.1", "net/http"), "affected:  [net/http] 1.22.2"},
		{std, module("stdlib", "1.22.1", "net/url", "os"), "not linked: it is needed without the packages that are affected [] 1.22.2"},
		{std, module("stdlib", "1.22.2"), "unaffected: 1.22.2 is not in the versions that are affected [] 1.22.2"},
		{std, module("stdlib", "1.20.1", "net/http"), "affected:  [net/http] 1.21.9"},
		{std, module("example.com/x", "v0.1.0"), "unaffected: it is none of the packages [] "},
		{x, module("example.com/x", "v0.1.0"), "affected: which of its packages are needed is not known [example.com/x/a example.com/x] v0.23.0"},
		{x, module("example.com/x", "v0.1.0", ".", "b"), "affected:  [example.com/x] v0.23.0"},
		{x, module("example.com/x", "v0.1.0", "a", "b"), "affected:  [example.com/x/a] v0.23.0"},
		{x, module("example.com/x", "v0.1.0", "a/b"), "not linked: it is needed without the packages that are affected [] v0.23.0"},
		{x, module("example.com/x", ""), "doubt: it has no version [example.com/x/a example.com/x] "},
		{x, module("example.com/x", "", "b"), "not linked: it is needed without the packages that are affected [] "},
		{x, module("example.com/X", "v0.1.0"), "doubt: its path differs in the case of letters [example.com/x/a example.com/x] v0.23.0"},
		{x, module("example.com/X", "(devel)"), `doubt: its path differs in the case of letters; malformed version "(devel)": want numbers without leading zeros [example.com/x/a example.com/x] `},
		{x, module("example.com/X", "v0.23.0"), "unaffected: v0.23.0 is not in the versions that are affected [] v0.23.0"},
		{x, fork, "doubt: it is used instead of pkg:golang/example.com/x@v0.1.0 [example.com/x/a example.com/x] "},
		{x, other, "not linked: it is needed without the packages that are affected [] v0.23.0"},
		{x, unnamed, "doubt: it has no package URL [example.com/x/a example.com/x] v0.23.0"},
		{imports(entry("Go", "example.com/x", "SEMVER", "introduced=0"), "example.com/y"), module("example.com/x", "v0.1.0", "b"), "affected:  [example.com/y] "},
		{entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=1.0.0-rc.1"), module("example.com/x", "v0.1.0", "b"), "affected:  [] v1.0.0-rc.1"},
		{entry("Go", "toolchain", "SEMVER", "introduced=0 fixed=1.22.2"), module("golang.org/toolchain", "v0.0.1-go1.22rc1.linux-amd64"), "affected:  [] 1.22.2"},
		{entry("Go", "toolchain", "SEMVER", "introduced=0 fixed=1.22.2"), module("golang.org/toolchain", "v0.0.1-go1.22.2.linux-amd64"), "unaffected: 1.22.2 is not in the versions that are affected [] 1.22.2"},
		{entry("Go", "toolchain", "SEMVER", "introduced=0 fixed=1.22.2"), module("golang.org/toolchain", ""), "doubt: it has no version [] "},

		{std, module("stdlib", "1.21.10"), "unaffected: 1.21.10 is not in the versions that are affected [] 1.21.9"},
		{std, module("stdlib", "1.23.0"), "unaffected: 1.23.0 is not in the versions that are affected [] 1.22.2"},
		{entry("Go", "example.com/x", "SEMVER", "introduced=1.0.0 fixed=1.1.0"), module("example.com/x", "v0.9.0"), "unaffected: v0.9.0 is not in the versions that are affected [] "},
		{entry("Go", "example.com/x", "SEMVER", "introduced=1.0.0 last_affected=1.1.0"), module("example.com/x", "v1.2.0"), "unaffected: v1.2.0 is not in the versions that are affected [] "},

		// Several entries: the worst answer, and a version that all of them have as good.
		{entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=0.5.0") + "," + entry("Go", "example.com/x", "SEMVER", "introduced=0.4.0 fixed=0.6.0"), module("example.com/x", "v0.1.0"), "affected:  [] v0.6.0"},
		{entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=0.5.0") + "," + entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=0.0.1"), module("example.com/x", "v0.1.0"), "affected:  [] v0.5.0"},
		{x + "," + entry("Go", "example.com/x", "GIT", "introduced=0"), module("example.com/x", "v0.1.0", "b"), "doubt: the advisory has its ranges in Git commits [] "},
		{x + "," + imports(entry("Go", "example.com/x", "SEMVER", "introduced=0 fixed=0.22.0"), "example.com/x/b"), module("example.com/x", "v0.1.0", "a", "b"), "affected:  [example.com/x/a example.com/x/b] v0.23.0"},
		{entry("PyPI", "Foo", "ECOSYSTEM", "introduced=0 fixed=2"), sbom.Component{Name: "foo", PURL: "pkg:pypi/foo@1"}, "doubt: the versions of its ecosystem have no order here [] "},
		{entry("Android", "foo", "ECOSYSTEM", "introduced=0"), sbom.Component{Name: "foo"}, "unaffected: it is none of the packages [] "},
	} {
		f := parse(t, record(tt.affected)).Affects(&tt.component)
		var paths []string
		for _, i := range f.Imports {
			paths = append(paths, i.Path)
		}
		if got := fmt.Sprintf("%s: %s %s %s", f.Answer, f.Reason, paths, f.Fixed); got != tt.want {
			t.Errorf("%s\n%s %s: got\n%s\nwant\n%s", tt.affected, tt.component.PURL, tt.component.Packages, got, tt.want)
		}
		if (f.Package == nil) != (f.Reason == "it is none of the packages") {
			t.Errorf("%s: got the package %v", tt.affected, f.Package)
		}
	}

	a := parse(t, record(x))
	a.Withdrawn = a.Modified
	c := module("example.com/x", "v0.1.0")
	if f := a.Affects(&c); f.Answer != osv.Unaffected || f.Reason != "the advisory was withdrawn on 2026-01-02" {
		t.Errorf("withdrawn: got %+v", f)
	}
}

func TestFind(t *testing.T) {
	app, x, y := module("example.com/app", "v1.0.0"), module("example.com/x", "v0.1.0"), module("example.com/x/y", "v0.1.0")
	d := &sbom.Document{Main: app, Components: []sbom.Component{x, y}}
	d.Main.Ref, d.Components[0].Ref, d.Components[1].Ref = "app", "x", "y"
	d.Edges = []sbom.Edge{{From: "app", To: "y"}, {From: "y", To: "x"}}
	matches := parse(t, record(entry("Go", "example.com/x", "SEMVER", "introduced=0")+","+entry("Go", "example.com/app", "SEMVER", "introduced=0 fixed=2.0.0"))).Find(d)
	if len(matches) != 2 || matches[0].Component != &d.Main || matches[0].Fixed != "v2.0.0" || fmt.Sprint(matches[1].Chain) != "[app y x]" {
		t.Errorf("got %+v", matches)
	}
}

// files returns a database of files.
func files(nameAndData ...string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for i := 0; i < len(nameAndData); i += 2 {
		fsys[nameAndData[i]] = &fstest.MapFile{Data: []byte(nameAndData[i+1])}
	}
	return fsys
}

const (
	index   = `[{"path":"m","vulns":[{"id":"T-1","modified":"2026-01-02T03:04:05Z","fixed":"1.0.0"},{"id":"T-1","modified":"2026-01-02T03:04:05Z"}]}]`
	indexed = `{"modified":"2026-02-03T00:00:00Z"}`
)

func TestDB(t *testing.T) {
	one := record(entry("Go", "m", "SEMVER", "introduced=0"))
	two := strings.Replace(record(entry("npm", "@A/b", "SEMVER", "introduced=0")+","+entry("Android", "c", "SEMVER", "introduced=0")), "T-1", "T-2", 1)
	for name, fsys := range map[string]fs.FS{
		"Go's": files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", one),
		"any":  files("a/T-1.json", one, "README.md", "x", "b.json", two),
	} {
		db, err := osv.ReadDB(fsys)
		if err != nil {
			t.Fatal(err)
		}
		about, err := db.About("pkg:golang/M@v1.0.0")
		if err != nil || len(about) != 1 || about[0].ID != "T-1" {
			t.Errorf("%s: got %v, error %v", name, about, err)
		}
		if about, err := db.About("pkg:golang/other", "pkg:npm/m"); err != nil || about != nil {
			t.Errorf("%s: got %v, error %v", name, about, err)
		}
		if _, err := db.About("golang/m"); err == nil {
			t.Errorf("%s: about what is not a package URL: no error", name)
		}
		if a, err := db.Advisory("T-1"); err != nil || a.ID != "T-1" {
			t.Errorf("%s: got %v, error %v", name, a, err)
		}
		if _, err := db.Advisory("T-3"); err == nil || !strings.Contains(err.Error(), "T-3") {
			t.Errorf("%s: an unknown id: error %v", name, err)
		}
		unnamed, fork := sbom.Component{Ref: "u", Name: "M"}, sbom.Component{Ref: "f", Name: "f", PURL: "pkg:golang/f", Replaces: "pkg:golang/m"}
		unnamed.Name = "m"
		grouped := sbom.Component{Ref: "g", Group: "@a", Name: "b"}
		d := &sbom.Document{Main: module("m", "v1.0.0"), Components: []sbom.Component{unnamed, fork, grouped}}
		d.Main.Ref = "m"
		matches, err := db.Find(d)
		var got []string
		for _, m := range matches {
			got = append(got, m.Advisory.ID+" "+m.Component.Ref+" "+string(m.Answer))
		}
		want := "[T-1 m affected T-1 f doubt T-1 u doubt]"
		if name == "any" {
			want = "[T-1 m affected T-1 f doubt T-1 u doubt T-2 g doubt]"
		}
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: got %s, error %v, want %s", name, got, err, want)
		}
	}

	if db, err := osv.ReadDB(files("index/modules.json", index, "index/db.json", indexed)); err != nil || !db.Modified().Equal(time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v, error %v", db, err)
	}
	if db, err := osv.ReadDB(files("x.json", one)); err != nil || !db.Modified().Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got %v, error %v", db, err)
	}
}

func TestDBRefuses(t *testing.T) {
	one := record(entry("Go", "m", "SEMVER", "introduced=0"))
	for _, tt := range []struct {
		fsys fs.FS
		want string
	}{
		{files(), "there are no advisories"},
		{files("a.json", one, "b/c.json", one), "a.json and b/c.json are both T-1"},
		{files("a.json", "{}"), "a.json: malformed advisory: $: it has no time of modification"},
		{files("index/modules.json", "[]", "index/db.json", indexed), "there are no advisories"},
		{files("index/modules.json", index), "open index/db.json: file does not exist"},
		{files("index/modules.json", index, "index/db.json", "{}"), "malformed index/db.json: it has no time of modification"},
		{files("index/modules.json", "{}", "index/db.json", indexed), "malformed index/modules.json: $: want an array, got an object"},
		{files("index/modules.json", `[{}]`, "index/db.json", indexed), "malformed index/modules.json: $[0]: a module without a path"},
		{files("index/modules.json", `[{"path":"m"},{"path":"m"}]`, "index/db.json", indexed), `malformed index/modules.json: $[1]: module "m" occurs twice`},
		{files("index/modules.json", `[{"path":"m","vulns":[{"id":"../x"}]}]`, "index/db.json", indexed), `malformed index/modules.json: $[0].vulns[0]: id "../x", want the name of a file`},
		{files("index/modules.json", strings.Replace(index, "03:04:05", "03:04:06", 1), "index/db.json", indexed), `malformed index/modules.json: $[0].vulns[1]: T-1 was modified at two times`},
		// What is read later:
		{files("index/modules.json", index, "index/db.json", indexed), "open ID/T-1.json: file does not exist"},
		{files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", "x"), "ID/T-1.json: malformed advisory: $: want an object, got 'x'"},
		{files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", strings.Replace(one, "T-1", "T-2", 1)), `ID/T-1.json is "T-2"`},
		{files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", strings.Replace(one, "03:04:05", "03:04:06", 1)), "T-1 was modified at 2026-01-02T03:04:06Z, and index/modules.json says 2026-01-02T03:04:05Z"},
		{files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", record(entry("Go", "m", "SEMVER", "introduced=0")+","+entry("Go", "n", "SEMVER", "introduced=0"))), `T-1 is about "n", and index/modules.json does not say so`},
		{files("index/modules.json", index, "index/db.json", indexed, "ID/T-1.json", record("")), `index/modules.json says that T-1 is about "m", and it is not`},
	} {
		db, err := osv.ReadDB(tt.fsys)
		if err == nil {
			_, err = db.About("pkg:golang/m")
		}
		if want := "database of advisories: " + tt.want; err == nil || places.ReplaceAllString(err.Error(), "") != want {
			t.Errorf("error\n     %v\nwant %s", err, want)
		}
	}
}

// Whatever is in a directory, it is read or refused, and so are its records.
func FuzzReadDB(f *testing.F) {
	f.Add([]byte(index), []byte(indexed), []byte(record(entry("Go", "m", "SEMVER", "introduced=0"))))
	f.Add([]byte(`[{"path":"stdlib","vulns":[{"id":"T-1","modified":"2026-01-02T03:04:05Z"}]}]`), []byte(indexed), []byte(`{}`))
	f.Fuzz(func(t *testing.T, modules, db, record []byte) {
		fsys := files("index/modules.json", string(modules), "index/db.json", string(db), "ID/T-1.json", string(record))
		d, err := osv.ReadDB(fsys)
		if err != nil {
			return
		}
		n := 0
		for a, err := range d.All() {
			if err != nil {
				return
			}
			n++
			for _, u := range a.PURLs() {
				if about, err := d.About(u); err != nil || len(about) == 0 {
					t.Errorf("%s is about %s, and is not found: error %v", a.ID, u, err)
				}
			}
		}
		if n == 0 {
			t.Error("a database without advisories")
		}
	})
}

// Whatever is parsed can be asked, and a doubt is never a no.
func FuzzParse(f *testing.F) {
	f.Add([]byte(record(entry("Go", "m", "SEMVER", "introduced=0 fixed=1.0.0 limit=*"))), "v1.0.0")
	f.Add([]byte(record(entry("Debian:12", "m", "ECOSYSTEM", "introduced=0 last_affected=1.0.0"))), "1:2-3")
	f.Add([]byte(record(entry("npm", "@a/b", "GIT", "introduced=0 fixed=abc"))), "")
	f.Add([]byte(record(`{"package":{"ecosystem":"Go","name":"m","purl":"pkg:golang/n"},"ecosystem_specific":{"imports":[{"path":"m/a","symbols":["F"],"goos":["linux"]}]}}`)), "(devel)")
	f.Add([]byte(`{"id":"T","modified":"2026-01-02T03:04:05Z","aliases":null,"withdrawn":"2026-01-02T03:04:05Z"}`), "x")
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		a, err := osv.Parse(data)
		if err != nil {
			return
		}
		for _, p := range a.Affected {
			if ok, doubt := p.Contains(version); !ok && doubt != "" {
				t.Errorf("%s is not affected, and %s", version, doubt)
			}
			if p.PURL == "" && p.Unknown == "" {
				t.Errorf("%s of %s is not looked for, and nothing is said of it", p.Name, p.Ecosystem)
			}
			c := &sbom.Component{Name: p.Name, Version: version, PURL: p.PURL}
			answer := a.Affects(c).Answer
			if ok, _ := p.Contains(version); ok && p.PURL != "" && p.Name != "toolchain" && answer == osv.Unaffected && a.Withdrawn.IsZero() {
				t.Errorf("%s %s is affected, and the advisory says %s", p.PURL, version, answer)
			}
		}
	})
}
