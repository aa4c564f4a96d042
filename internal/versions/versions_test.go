package versions_test

import (
	"slices"
	"testing"

	"github.com/hallmark-dev/hallmark/internal/versions"
)

// In order, as section 11 of Semantic Versioning has them, and then by size.
func TestCompare(t *testing.T) {
	ordered := []string{
		"(devel)", // what has no order is before what has
		"0.0.1", "1.0.0-0", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0", "99999999999999999999.0.0", "100000000000000000000.0.0",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			got := versions.Compare("npm", a, b)
			if want := slices.Compare([]int{i}, []int{j}); got != want {
				t.Errorf("%s with %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	if got := versions.Compare("rpm", "10", "9"); got >= 0 {
		t.Errorf("10 with 9 as texts: got %d", got)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		purlType, version string
		written           int
		build             string
	}{
		{"golang", "v1", 1, ""},
		{"golang", "1.2", 2, ""},
		{"golang", "v1.2.3-rc.1", 3, ""},
		{"golang", "v2.0.0+incompatible", 3, "incompatible"},
		{"golang", "go1.26rc1", 3, ""},
		{"npm", "1.2.3-a+b.c", 3, "b.c"},
	} {
		v, err := versions.Parse(tt.purlType, tt.version)
		if err != nil || v.Written != tt.written || v.Build != tt.build {
			t.Errorf("%s %s: got %+v, error %v", tt.purlType, tt.version, v, err)
		}
	}
	for _, tt := range []struct{ purlType, version string }{
		{"golang", ""},
		{"golang", "v"},
		{"golang", "vv1"},
		{"golang", "v1.2.3.4"},
		{"golang", "v01"},
		{"golang", "v1.2-rc.1"},
		{"golang", "v1.2+b"},
		{"golang", "v1.2.3-"},
		{"golang", "v1.2.3+"},
		{"golang", "v1.2.3-01"},
		{"golang", "v1.2.3-a_b"},
		{"golang", "v1.2.3 "},
		{"golang", "v1.2.٣"},
		{"golang", "vgo1.2"},
		{"npm", "v1.2.3"},
		{"npm", "1.2"},
	} {
		if v, err := versions.Parse(tt.purlType, tt.version); err == nil {
			t.Errorf("%s %q: got %+v, want an error", tt.purlType, tt.version, v)
		}
	}
}

func TestExactly(t *testing.T) {
	for _, tt := range []struct {
		purlType, one, other string
		want                 bool
	}{
		{"golang", "v1.2.0", "1.2", true},
		{"golang", "v1.2.0", "v1.2.0+b", true},
		{"golang", "v1.2.0", "v1.2.1", false},
		{"golang", "(devel)", "(devel)", true},
		{"golang", "(devel)", "v1.2.0", false},
		{"rpm", "1.0", "1.0", true},
		{"rpm", "1.0", "1.0.0", false},
	} {
		if got, err := versions.Exactly(tt.purlType, tt.one).Contains(tt.other); got != tt.want || err != nil {
			t.Errorf("%s: %s is %s: got %t, error %v", tt.purlType, tt.other, tt.one, got, err)
		}
	}
	if _, err := versions.Exactly("golang", "v1.2.0").Contains("(devel)"); err == nil {
		t.Error("whether (devel) is v1.2.0 can be told")
	}
}

// A version that can be written in a range is equal to itself.
func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"<1.2.3", ">=1.0.0, <1.5.2", "vers:golang/>=1.0.0|<1.5.2|!=1.3.0", "vers:golang/*", "1.2.3-rc.1+build", "=go1.26rc1", ""} {
		f.Add("golang", s, "1.2.3")
		f.Add("npm", s, "v1")
		f.Add("rpm", s, "1-2.el9")
	}
	f.Fuzz(func(t *testing.T, purlType, ranged, version string) {
		if r, err := versions.ParseRange(purlType, ranged); err == nil {
			r.Contains(version)
		}
		if r, err := versions.ParseRange(purlType, "="+version); err == nil {
			if in, err := versions.Exactly(purlType, version).Contains(version); !in || err != nil {
				t.Errorf("%q is not itself: %v", version, err)
			}
			r.Contains(version)
		}
	})
}
