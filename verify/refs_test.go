package verify

import (
	"fmt"
	"strings"
	"testing"
)

func TestRefsAllow(t *testing.T) {
	for _, tt := range []struct {
		refs    Refs
		allowed string // full names, with spaces between
		others  string
	}{
		{Refs{}, "", "refs/heads/main refs/tags/v1.2.3 refs/tags/"},
		{Refs{Branches: []string{"main", "release/2"}}, "refs/heads/main refs/heads/release/2", "refs/tags/main refs/heads/Main refs/heads/mai refs/heads/main2 main refs/pull/1/merge refs/heads/"},
		{Refs{Tags: []string{"v1", "tools/v1.2.0"}}, "refs/tags/v1 refs/tags/tools/v1.2.0", "refs/heads/v1 refs/tags/v1.2.0 refs/tags/V1"},
		{Refs{Releases: true}, "refs/tags/v0.0.1 refs/tags/v1.2.3 refs/tags/v10.20.99999999999999999999", "refs/heads/v1.2.3 refs/tags/1.2.3 refs/tags/v1 refs/tags/v1.2 refs/tags/v1.2.3-rc.1 refs/tags/v1.2.3+b refs/tags/v01.2.3 refs/tags/v1.2.3.4 refs/tags/tools/v1.2.3 refs/tags/vv1.2.3 refs/tags/vgo1.2.3 refs/tags/v1.2.3/ v1.2.3"},
		{Refs{Any: true}, "refs/heads/main refs/pull/1/merge refs/tags/x 0123", ""},

		{Refs{Versions: ">=1.2.0 <2.0.0"}, "refs/tags/v1.2.0 refs/tags/v1.2 refs/tags/v1.99.0", "refs/tags/v1.1.9 refs/tags/v1 refs/tags/v2.0.0 refs/tags/v2.0.0-rc.1 refs/tags/v1.3.0-rc.1 refs/tags/v1.3.0+b refs/tags/1.3.0 refs/heads/v1.3.0 refs/tags/v01.3.0 refs/tags/v1.03.0 refs/tags/v1.3.0.0 refs/tags/tools/v1.3.0 refs/tags/go1.3.0 refs/tags/vgo1.3.0 refs/tags/v1.3rc1"},
		{Refs{Versions: " >=v1.2\t<v2 "}, "refs/tags/v1.2.0 refs/tags/v1.99.99", "refs/tags/v1.1.9 refs/tags/v2.0.0 refs/tags/v2"},
		{Refs{Versions: ">1.2.0 <=1.4.0 !=1.3.0"}, "refs/tags/v1.2.1 refs/tags/v1.4.0", "refs/tags/v1.2.0 refs/tags/v1.3.0 refs/tags/v1.3 refs/tags/v1.4.1"},
		{Refs{Versions: "=14.2"}, "refs/tags/v14.2 refs/tags/v14.2.0", "refs/tags/v14.2.1 refs/tags/v14"},
		{Refs{Versions: ">=14.2.0 <15.0.0"}, "refs/tags/v14.2", "refs/tags/v14 refs/tags/v15"},
		{Refs{Versions: ">=2 <1"}, "", "refs/tags/v1.0.0 refs/tags/v2.0.0"},
		{Refs{Versions: "v1"}, "refs/tags/v1 refs/tags/v1.0 refs/tags/v1.2.3", "refs/tags/v10.0.0 refs/tags/v2.0.0 refs/tags/v0.1.0 refs/tags/v1.0.0-rc.1 refs/tags/tools/v1"},
		{Refs{Versions: "1.2"}, "refs/tags/v1.2 refs/tags/v1.2.0 refs/tags/v1.2.9", "refs/tags/v1.20.0 refs/tags/v1 refs/tags/v2.1.2"},
		{Refs{Versions: "v1.2.3"}, "refs/tags/v1.2.3", "refs/tags/v1.2.30 refs/tags/v1.2.3+b refs/tags/v1.2"},
		{Refs{Versions: ">=99999999999999999998"}, "refs/tags/v99999999999999999999.0.0 refs/tags/v100000000000000000000", "refs/tags/v9.0.0 refs/tags/v18446744073709551616"},

		// What a range does not take in may be named, and the other way round.
		{Refs{Tags: []string{"tools/v1.2.0"}, Versions: "v1"}, "refs/tags/tools/v1.2.0 refs/tags/v1.5.0", "refs/tags/tools/v1.3.0"},
		{Refs{Releases: true, Versions: "v1"}, "refs/tags/v1.2 refs/tags/v3.0.0", "refs/tags/v3"},

		// What is malformed allows nothing.
		{Refs{Versions: "^1.2"}, "", "refs/tags/v1.2.0 refs/tags/^1.2"},
		{Refs{Versions: ">=1 || <9"}, "", "refs/tags/v1.2.0"},
	} {
		for ref := range strings.FieldsSeq(tt.allowed) {
			if !tt.refs.Allow(ref) {
				t.Errorf("%s does not allow %s", tt.refs, ref)
			}
		}
		for ref := range strings.FieldsSeq(tt.others) {
			if tt.refs.Allow(ref) {
				t.Errorf("%s allows %s", tt.refs, ref)
			}
		}
		if tt.refs.Allow("") != tt.refs.Any {
			t.Errorf("%s: a build without a ref: got %t", tt.refs, !tt.refs.Any)
		}
	}
}

func TestRefsCheck(t *testing.T) {
	for _, r := range []Refs{
		{},
		{Any: true},
		{Releases: true},
		{Branches: []string{"main"}},
		{Versions: "v1"},
		{Versions: ">=1.2.0 <2.0.0"},
		{Versions: strings.Repeat("!=1 ", 1000)},
	} {
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, tt := range []struct {
		refs Refs
		want string
	}{
		{Refs{Branches: []string{"main", ""}}, "a branch or tag without a name"},
		{Refs{Tags: []string{""}, Versions: "x"}, "a branch or tag without a name\nmalformed range of versions \"x\": malformed version \"vx\": want numbers without leading zeros"},
		{Refs{Versions: " "}, `malformed range of versions " ": no conditions`},
		{Refs{Versions: ">= 1.2.0"}, `malformed range of versions ">= 1.2.0": malformed version "v": want numbers without leading zeros`},
		{Refs{Versions: ">=1.2.0, <2"}, `malformed range of versions ">=1.2.0, <2": malformed version "v1.2.0,": want numbers without leading zeros`},
		{Refs{Versions: "v1 v2"}, `malformed range of versions "v1 v2": v1: want an operator before it, or nothing beside it`},
		{Refs{Versions: "v1 <1.5"}, `malformed range of versions "v1 <1.5": v1: want an operator before it, or nothing beside it`},
		{Refs{Versions: "==1"}, `malformed range of versions "==1": ==1: unknown operator`},
		{Refs{Versions: "=>1"}, `malformed range of versions "=>1": =>1: unknown operator`},
		{Refs{Versions: "!1"}, `malformed range of versions "!1": !1: unknown operator`},
		{Refs{Versions: "~1.2"}, `malformed range of versions "~1.2": malformed version "v~1.2": want numbers without leading zeros`},
		{Refs{Versions: "1.x"}, `malformed range of versions "1.x": malformed version "v1.x": want numbers without leading zeros`},
		{Refs{Versions: "*"}, `malformed range of versions "*": malformed version "v*": want numbers without leading zeros`},
		{Refs{Versions: ">=01.2.0"}, `malformed range of versions ">=01.2.0": malformed version "v01.2.0": want numbers without leading zeros`},
		{Refs{Versions: ">=1.2.3.4"}, `malformed range of versions ">=1.2.3.4": malformed version "v1.2.3.4": want three numbers`},
		{Refs{Versions: ">=go1.2"}, `malformed range of versions ">=go1.2": malformed version "vgo1.2": want numbers without leading zeros`},
		{Refs{Versions: ">=vv1"}, `malformed range of versions ">=vv1": malformed version "vv1": want numbers without leading zeros`},
		{Refs{Versions: ">=1.2.0-rc.1"}, `malformed range of versions ">=1.2.0-rc.1": >=1.2.0-rc.1: neither a pre-release nor build metadata is in a range`},
		{Refs{Versions: "v1.2.0+b"}, `malformed range of versions "v1.2.0+b": v1.2.0+b: neither a pre-release nor build metadata is in a range`},
		{Refs{Versions: strings.Repeat("<1 ", 1001)}, `malformed range of versions "` + strings.Repeat("<1 ", 33) + `<": 1001 conditions, want at most 1000`},
	} {
		if err := tt.refs.Check(); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: got %v, want %s", tt.refs, err, tt.want)
		}
	}
}

func TestRefsAllowAt(t *testing.T) {
	const base = "https://github.com/org/builder/.github/workflows/build.yml"
	for _, tt := range []struct {
		refs Refs
		uri  string
		want bool
	}{
		{Refs{Releases: true}, base + "@refs/tags/v1.2.3", true},
		{Refs{Versions: "v1"}, base + "@refs/tags/v1", true},
		{Refs{Branches: []string{"main"}}, base + "@refs/heads/main", true},
		{Refs{Branches: []string{"a@b"}}, base + "@refs/heads/a@b", true},
		{Refs{Any: true}, base + "@refs/pull/1/merge", true},
		{Refs{Any: true}, base + "@89abcdef0123456789abcdef0123456789abcdef", true},
		{Refs{Releases: true}, base + "@refs/heads/main", false},
		{Refs{Releases: true}, base + "@refs/tags/v1.2.3-rc.1", false},
		{Refs{Releases: true}, base + "@refs/heads/main@refs/tags/v1.2.3", false},
		{Refs{Releases: true}, base + "@refs/tags/x@refs/tags/v1.2.3", false},
		{Refs{Releases: true}, base + "@v1.2.3", false},
		{Refs{Releases: true}, base + "x@refs/tags/v1.2.3", false},
		{Refs{Releases: true}, "x" + base + "@refs/tags/v1.2.3", false},
		{Refs{Any: true}, base + "@other.yml@refs/tags/v1.2.3", false},
		{Refs{Any: true}, base + "@", false},
		{Refs{Any: true}, base, false},
		{Refs{}, base + "@refs/tags/v1.2.3", false},
	} {
		if got := tt.refs.AllowAt(base, tt.uri); got != tt.want {
			t.Errorf("%s at %s: got %t", tt.refs, tt.uri, got)
		}
	}
}

func TestVersionOfRef(t *testing.T) {
	for _, tt := range []struct {
		ref, version string
		is, since    bool
	}{
		{"refs/tags/v1.2.0", "v1.2.0", true, true},
		{"refs/tags/tools/v1.2.0", "v1.2.0", true, true},
		{"refs/tags/a/tools/v1.2.0", "v1.2.0", true, true},
		{"refs/tags/tools/v1.2.0", "tools/v1.2.0", true, false},
		{"refs/tags/other/tools/v1.2.0", "tools/v1.2.0", false, false},
		{"refs/heads/v1.2.0", "v1.2.0", false, false},
		{"v1.2.0", "v1.2.0", false, false},
		{"", "v1.2.0", false, false},
		{"refs/tags/xv1.2.0", "v1.2.0", false, false},
		{"refs/tags/v1.2.0/x", "v1.2.0", false, false},
		{"refs/tags/v1.2", "v1.2.0", false, true},
		{"refs/tags/v1.2.0+b", "v1.2.0", false, true}, // its order is the same
		{"refs/tags/v1.2.0-rc.1", "v1.2.0", false, false},
		{"refs/tags/v1.3.0-rc.1", "v1.2.0", false, true},
		{"refs/tags/v1.10.0", "v1.9.0", false, true},
		{"refs/tags/tools/v1.1.9", "v1.2.0", false, false},
		{"refs/tags/v1", "v1.2.0", false, false},
		{"refs/tags/1.3.0", "v1.2.0", false, false},
		{"refs/tags/1.2.0", "1.2.0", true, false},
		{"refs/tags/v1.3.0", "1.2.0", false, true},
		{"refs/tags/v01.3.0", "v1.2.0", false, false},
		{"refs/tags/v1.3.0", "latest", false, false},
	} {
		if is, since := isVersion(tt.ref, tt.version), notBefore(tt.ref, tt.version); is != tt.is || since != tt.since {
			t.Errorf("%s as %s: got %t, and not before it %t", tt.ref, tt.version, is, since)
		}
	}
}

// A range allows nothing if it is malformed, and no tag that is no version.
func FuzzRefs(f *testing.F) {
	for _, s := range []string{">=1.2.0 <2.0.0", "v1", "1.2", "!=v1.2.3", ">=1.2.0-rc.1", "=>1", ">= 1", "v1 v2"} {
		f.Add(s, "v1.2.3")
		f.Add(s, "tools/v1")
	}
	f.Fuzz(func(t *testing.T, ranged, tag string) {
		r := Refs{Versions: ranged}
		if !r.Allow("refs/tags/" + tag) {
			return
		}
		if v, err := tagged(tag); err != nil || v.Pre != nil || v.Build != "" || r.Check() != nil {
			t.Errorf("%q allows %q", ranged, tag)
		}
	})
}

func ExampleRefs() {
	refs := Refs{Branches: []string{"main"}, Versions: ">=1.2.0 <2.0.0"}
	fmt.Println(refs)
	for _, ref := range []string{"refs/heads/main", "refs/tags/v1.4.0", "refs/tags/v1.4.0-rc.1", "refs/tags/v2.0.0"} {
		fmt.Println(ref, refs.Allow(ref))
	}
	const workflow = "https://github.com/org/builder/.github/workflows/build.yml"
	fmt.Println("that workflow:", refs.AllowAt(workflow, workflow+"@refs/tags/v1.4.0"))

	refs.Versions = "latest"
	fmt.Println(refs.IsZero(), refs.Check())
	// Output:
	// refs/heads/main or a tag of a version in >=1.2.0 <2.0.0
	// refs/heads/main true
	// refs/tags/v1.4.0 true
	// refs/tags/v1.4.0-rc.1 false
	// refs/tags/v2.0.0 false
	// that workflow: true
	// false malformed range of versions "latest": malformed version "vlatest": want numbers without leading zeros
}
