package sbom_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom"
)

// found returns a line for each match.
func found(matches []sbom.Match) string {
	var b strings.Builder
	for _, m := range matches {
		fmt.Fprintf(&b, "%s", m.Component.Ref)
		if m.Doubt != "" {
			fmt.Fprintf(&b, " (%s)", m.Doubt)
		}
		b.WriteByte('\n')
	}
	return strings.ReplaceAll(b.String(), "pkg:golang/example.com/", "")
}

func TestFind(t *testing.T) {
	d := release()
	x := d.Component("pkg:golang/example.com/x@v1.2.3")
	x.Packages = []string{".", "a/b"}
	fork := golang("example.com/fork", "v0.1.0")
	fork.Replaces = "pkg:golang/example.com/w@v3.0.0"
	local := golang("example.com/z", "")
	local.PURL = "pkg:golang/example.com/z"
	local.Ref = local.PURL
	devel := golang("example.com/z", "(devel)")
	devel.PURL = "pkg:golang/example.com/z@%28devel%29"
	lower := golang("example.com/toml", "v1.5.0")
	unnamed := lib("unnamed")
	unnamed.Name, unnamed.Version = "example.com/u", "v1.0.0"
	std := golang("stdlib", "1.26rc1")
	std.Ref, std.PURL = "pkg:golang/stdlib@1.26rc1", "pkg:golang/stdlib@1.26rc1"
	tool := golang("std", "go1.22.1") // as some tools call it
	tool.Ref, tool.PURL = "std", "pkg:golang/std@1.22.1?type=module"
	curl := lib("curl")
	curl.Name, curl.PURL, curl.Version = "curl", "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25", "7.50.3-1.fc25"
	d.Components = append(d.Components, fork, local, devel, lower, unnamed, std, tool, curl)
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct{ purl, versions, want string }{
		{"pkg:golang/example.com/app", "", "app@v1.0.0\n"},
		{"pkg:golang/example.com/x", "", "x@v1.2.3\n"},
		{"pkg:golang/example.com/x@v1.2.3", "", "x@v1.2.3\n"},
		{"pkg:golang/example.com/x@1.2.3", "", "x@v1.2.3\n"},
		{"pkg:golang/example.com/x@v1.2.4", "", ""},
		{"pkg:npm/example.com/x", "", ""},
		{"pkg:golang/example.com/nowhere", "", ""},
		{"pkg:golang/example.com/x#a/b", "", "x@v1.2.3\n"},
		{"pkg:golang/example.com/x#a", "", ""},
		{"pkg:golang/example.com/y#a", "", "y@v0.9.0 (its parts are not known)\n"},
		{"pkg:golang/example.com/z", "", "z\nz@(devel)\nz@v1.0.0\nz@v1.1.0\n"},
		{"pkg:golang/example.com/z", "< v1.1.0", "z (it has no version)\nz@(devel) (malformed version \"(devel)\": want numbers without leading zeros)\nz@v1.0.0\n"},
		{"pkg:golang/example.com/z@v1.1.0", "", "z (it has no version)\nz@(devel) (malformed version \"(devel)\": want numbers without leading zeros)\nz@v1.1.0\n"},
		{"pkg:golang/example.com/z", "vers:golang/*", "z (it has no version)\nz@(devel)\nz@v1.0.0\nz@v1.1.0\n"},
		{"pkg:golang/example.com/w", "<1.0.0", "fork@v0.1.0 (it is used instead of w@v3.0.0)\n"},
		{"pkg:golang/example.com/fork", ">=0.1.0", "fork@v0.1.0\n"},
		{"pkg:golang/example.com/TOML", "", "toml@v1.5.0 (its path differs in the case of letters)\n"},
		{"pkg:golang/example.com/TOML", ">1.5.0", ""},
		{"pkg:golang/example.com/u", ">1.0.0", ""},
		{"pkg:golang/example.com/u", ">=1.0.0", "unnamed (it has no package URL)\n"},
		{"pkg:golang/stdlib", "<1.26.0", "pkg:golang/stdlib@1.26rc1\nstd\n"},
		{"pkg:golang/std@1.22.1", "", "std\n"},
		{"pkg:golang/stdlib", "<1.26.0-0", "std\n"},
		{"pkg:golang/stdlib@1.26.0-rc.1", "", "pkg:golang/stdlib@1.26rc1\n"},
		{"pkg:golang/stdlib", ">=go1.26beta2,<=go1.26rc1", "pkg:golang/stdlib@1.26rc1\n"},
		{"pkg:golang/stdlib", ">go1.26rc1", ""},
		{"pkg:rpm/fedora/curl", "", "curl\n"},
		{"pkg:rpm/fedora/curl@7.50.3-1.fc25", "", "curl\n"},
		{"pkg:rpm/fedora/curl?arch=i386", "=7.50.3-1.fc25", "curl\n"},
		{"pkg:rpm/fedora/curl?arch=i386", "vers:rpm/1|7.50.3-1.fc25", "curl\n"},
		{"pkg:rpm/fedora/curl?arch=i386", "!=7.50.3-1.fc25", ""},
		{"pkg:rpm/fedora/curl?arch=x86_64", "", ""},
		{"pkg:rpm/fedora/curl@7.50", "", ""},
		{"pkg:rpm/fedora/Curl", "", "curl (its path differs in the case of letters)\n"},
	} {
		matches, err := d.Find(sbom.Query{PURL: tt.purl, Versions: tt.versions})
		if got := found(matches); err != nil || got != tt.want {
			t.Errorf("%s %s: error %v, got\n%swant\n%s", tt.purl, tt.versions, err, got, tt.want)
		}
		var alone []sbom.Match
		for _, c := range d.All() {
			if m, ok, err := (sbom.Query{PURL: tt.purl, Versions: tt.versions}).Match(c); err != nil {
				t.Error(err)
			} else if ok {
				alone = append(alone, m)
			}
		}
		if got := found(alone); got != tt.want {
			t.Errorf("%s %s: one by one\n%swant\n%s", tt.purl, tt.versions, got, tt.want)
		}
	}

	matches, err := d.Find(sbom.Query{PURL: "pkg:golang/example.com/z@v1.0.0"})
	if err != nil || len(matches) != 3 || matches[0].Chain != nil || len(matches[2].Chain) != 3 {
		t.Errorf("got %+v, error %v, want a chain for the last one", matches, err)
	}
}

// Each range is told by the versions that are in it, in both forms.
func TestVersionRanges(t *testing.T) {
	versions := []string{"v0.9.0", "v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta", "v1.0.0-beta.2", "v1.0.0-beta.11", "v1.0.0", "v1.2.9", "v1.2.10", "v1.5.0", "v2.0.0+incompatible", "v2.1.0"}
	d := &sbom.Document{Main: lib("main")}
	for i, v := range versions {
		c := golang("example.com/m", v)
		c.Ref = fmt.Sprintf("%02d", i)
		c.PURL = strings.ReplaceAll(c.PURL, "+", "%2B")
		d.Components = append(d.Components, c)
	}
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ versions, want string }{
		{"<v1.0.0-alpha", "v0.9.0"},
		{"<1", "v0.9.0 v1.0.0-alpha v1.0.0-alpha.1 v1.0.0-alpha.beta v1.0.0-beta.2 v1.0.0-beta.11"},
		{">=1.0.0-beta.2, <=1.2.9", "v1.0.0-beta.2 v1.0.0-beta.11 v1.0.0 v1.2.9"},
		{"> 1.2.9,!=1.5", "v1.2.10 v2.0.0+incompatible v2.1.0"},
		{"=2.0.0", "v2.0.0+incompatible"},
		{"2.0.0", "v2.0.0+incompatible"},
		{">=2, <1", ""},
		{"vers:golang/>=1.0.0|<1.2.10|>=2.0.0", "v1.0.0 v1.2.9 v2.0.0+incompatible v2.1.0"},
		{"vers:golang/ >=2.0.0 | < 1.0.0-alpha.1 ", "v0.9.0 v1.0.0-alpha v2.0.0+incompatible v2.1.0"},
		{"vers:golang/|<=0.9.0|1.0.0||>1.5.0|<2.1.0|", "v0.9.0 v1.0.0 v2.0.0+incompatible"},
		{"vers:golang/>=1.0.0|!=1.2.9|<1.5.0", "v1.0.0 v1.2.10"},
		{"vers:golang/>=1.0.0|<=1.2.9|=1.5.0", "v1.0.0 v1.2.9 v1.5.0"},
		{"vers:golang/1.0.0|v2.0.0%2Bincompatible", "v1.0.0 v2.0.0+incompatible"},
		{"vers:golang/!=1.0.0|!=2.1.0", "v0.9.0 v1.0.0-alpha v1.0.0-alpha.1 v1.0.0-alpha.beta v1.0.0-beta.2 v1.0.0-beta.11 v1.2.9 v1.2.10 v1.5.0 v2.0.0+incompatible"},
		{"vers:golang/*", strings.Join(versions, " ")},
	} {
		matches, err := d.Find(sbom.Query{PURL: "pkg:golang/example.com/m", Versions: tt.versions})
		var got []string
		for _, m := range matches {
			got = append(got, m.Component.Version)
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: error %v, got %s, want %s", tt.versions, err, got, tt.want)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	for _, tt := range []struct{ purl, versions, want string }{
		{"golang/x", "", `malformed package URL "golang/x": it does not begin with pkg:`},
		{"pkg:golang/x@v1.0.0", "<2", "pkg:golang/x@v1.0.0 has a version, and there is a range of versions"},
		{"pkg:golang/x", "<", `malformed range of versions "<": condition "": want an operator and a version`},
		{"pkg:golang/x", "<1,", `malformed range of versions "<1,": condition "": want an operator and a version`},
		{"pkg:golang/x", "<1 || >2", `malformed range of versions "<1 || >2": condition "1 || >2": want an operator and a version`},
		{"pkg:golang/x", "^1.0.0", `malformed range of versions "^1.0.0": malformed version "^1.0.0": want numbers without leading zeros`},
		{"pkg:golang/x", "<1.02", `malformed range of versions "<1.02": malformed version "1.02": want numbers without leading zeros`},
		{"pkg:golang/x", "<1.2.3.4", `malformed range of versions "<1.2.3.4": malformed version "1.2.3.4": want three numbers`},
		{"pkg:golang/x", "<1.2-rc", `malformed range of versions "<1.2-rc": malformed version "1.2-rc": want three numbers`},
		{"pkg:golang/x", "<1.2.3-01", `malformed range of versions "<1.2.3-01": malformed version "1.2.3-01": pre-release`},
		{"pkg:golang/x", "<1.2.3+", `malformed range of versions "<1.2.3+": malformed version "1.2.3+": build metadata`},
		{"pkg:golang/x", "<gov1.2.3", `malformed range of versions "<gov1.2.3": malformed version "gov1.2.3": want numbers without leading zeros`},
		{"pkg:golang/x", "<v1.2rc1", `malformed range of versions "<v1.2rc1": malformed version "v1.2rc1": want numbers without leading zeros`},
		{"pkg:npm/x", "<v1.2.3", `malformed range of versions "<v1.2.3": malformed version "v1.2.3": want numbers without leading zeros`},
		{"pkg:npm/x", "<1.2", `malformed range of versions "<1.2": malformed version "1.2": want three numbers`},
		{"pkg:rpm/x/y", "<1.2", `malformed range of versions "<1.2": <1.2: the versions of packages of the type rpm have no order here`},
		{"pkg:rpm/x/y", "vers:rpm/1|1", `malformed range of versions "vers:rpm/1|1": version "1" occurs twice`},
		{"pkg:golang/x", "vers:npm/<1.2.3", `malformed range of versions "vers:npm/<1.2.3": its type is "npm", want "golang"`},
		{"pkg:golang/x", "vers:golang", `malformed range of versions "vers:golang": no slash behind the type`},
		{"pkg:golang/x", "vers:golang/|", `malformed range of versions "vers:golang/|": no conditions`},
		{"pkg:golang/x", "vers:golang/*|<1", `malformed range of versions "vers:golang/*|<1": condition "*": want an operator and a version`},
		{"pkg:golang/x", "vers:golang/<1|<2", `malformed range of versions "vers:golang/<1|<2": <2 does not fit to < before it`},
		{"pkg:golang/x", "vers:golang/>=1|>2", `malformed range of versions "vers:golang/>=1|>2": >2 does not fit to >= before it`},
		{"pkg:golang/x", "vers:golang/>=1|=2", `malformed range of versions "vers:golang/>=1|=2": =2 does not fit to >= before it`},
		{"pkg:golang/x", "vers:golang/=1|<2", `malformed range of versions "vers:golang/=1|<2": <2 does not fit to = before it`},
		{"pkg:golang/x", "vers:golang/<1|!=1.0", `malformed range of versions "vers:golang/<1|!=1.0": version "1.0" occurs twice`},
		{"pkg:golang/x", "vers:golang/%zz", `malformed range of versions "vers:golang/%zz": invalid URL escape "%zz"`},
		{"pkg:golang/x", strings.Repeat("1,", 1000) + "1", `malformed range of versions "` + strings.Repeat("1,", 50) + `": 1001 conditions, want at most 1000`},
	} {
		matches, err := release().Find(sbom.Query{PURL: tt.purl, Versions: tt.versions})
		if want := "sbom: find: " + tt.want; err == nil || err.Error() != want || matches != nil {
			t.Errorf("%s %.100s: got %v, error %v, want %s", tt.purl, tt.versions, matches, err, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"<1.2.3", ">=1.0.0, <1.5.2", "vers:golang/>=1.0.0|<1.5.2|!=1.3.0", "vers:golang/*", "1.2.3-rc.1+build", "=go1.26rc1", ""} {
		f.Add("golang", s)
		f.Add("npm", s)
		f.Add("rpm", s)
	}
	f.Fuzz(func(t *testing.T, purlType, versions string) {
		c := lib("c")
		c.PURL = "pkg:" + purlType + "/a/c@1.2.3"
		d := &sbom.Document{Main: lib("main"), Components: []sbom.Component{c}}
		matches, err := d.Find(sbom.Query{PURL: "pkg:" + purlType + "/a/c", Versions: versions})
		if err != nil && matches != nil || len(matches) > 1 {
			t.Errorf("got %v, error %v", matches, err)
		}
	})
}

func ExampleQuery_Match() {
	q := sbom.Query{PURL: "pkg:golang/golang.org/x/net", Versions: "< 0.23.0"}
	for _, version := range []string{"@v0.22.0", "@v0.23.0", ""} {
		m, ok, err := q.Match(&sbom.Component{PURL: "pkg:golang/golang.org/x/net" + version})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%t %q\n", ok, m.Doubt)
	}
	// Output:
	// true ""
	// false ""
	// true "it has no version"
}

// Who is hit by a defect that was mended in v1.1.0, and through what?
func ExampleDocument_Find() {
	matches, err := release().Find(sbom.Query{PURL: "pkg:golang/example.com/z", Versions: "< v1.1.0"})
	if err != nil {
		panic(err)
	}
	for _, m := range matches {
		fmt.Println(m.Component.Name, m.Component.Version, m.Doubt == "")
		for _, ref := range m.Chain {
			fmt.Println("  ", ref)
		}
	}
	// Output:
	// example.com/z v1.0.0 true
	//    pkg:golang/example.com/app@v1.0.0
	//    pkg:golang/example.com/x@v1.2.3
	//    pkg:golang/example.com/z@v1.0.0
}

func BenchmarkFind(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		d := large(n, 1)
		for b.Loop() {
			if matches, err := d.Find(sbom.Query{PURL: "pkg:golang/example.com/m990", Versions: ">=1.0.1"}); err != nil || len(matches) != 1 || len(matches[0].Chain) < 3 {
				b.Fatal(matches, err)
			}
		}
	})
}
