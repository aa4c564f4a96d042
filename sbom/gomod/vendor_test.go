package gomod

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/module"
)

const modulesTxt = `## workspace
# example.com/a v1.2.3
## explicit; go 1.21
example.com/a
example.com/a/sub
# example.com/b v1.0.0 => ../b
## explicit
example.com/b
# example.com/c v1.0.0 => example.com/fork v1.1.0
example.com/c
# example.com/c v1.5.0
# example.com/d v1.0.0 => not understood v1
example.com/d
# example.com/e
of/d
# example.com/f => ../f
# example.com/g v1.0.0
## future; go 1.22
not a package
`

func TestParseVendor(t *testing.T) {
	v, err := parseVendor(modulesTxt)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(v.workspace, v.modules, v.replaces, len(v.packages), v.packages["example.com/a/sub"], v.replaced[module.Version{Path: "example.com/f"}], v.explicit[v.modules[0]], v.goLines[v.modules[0]])
	want := "true [example.com/a@v1.2.3 example.com/b@v1.0.0 example.com/c@v1.0.0 example.com/d@v1.0.0] [example.com/b@v1.0.0 example.com/c@v1.0.0 example.com/f] 6 example.com/a@v1.2.3 ../f true 1.21\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	var many strings.Builder
	for i := range maxModules + 2 {
		fmt.Fprintf(&many, "# example.com/m%d v1.0.0\nexample.com/m%d\n", i, i)
	}
	if _, err := parseVendor(many.String()); err == nil || !strings.Contains(err.Error(), "malformed vendor/modules.txt: line 40002: more than 20000 modules") {
		t.Errorf("too many modules: got %v", err)
	}
}

func FuzzParseVendor(f *testing.F) {
	f.Add(modulesTxt)
	f.Add("# \n## \n#\n# a v1.0.0 =>\n# a => b => c\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseVendor(text)
		if err != nil {
			return
		}
		for _, m := range v.modules {
			if v.version[m.Path] == "" && m.Version != "" {
				t.Errorf("no version of %s", m)
			}
		}
		for path, m := range v.packages {
			if m.Path == "" || module.CheckImportPath(path) != nil {
				t.Errorf("package %q of %q", path, m)
			}
			if !slices.ContainsFunc(v.modules, func(n module.Version) bool { return n.Path == m.Path }) {
				t.Errorf("%s has a package and is not among the modules", m)
			}
		}
	})
}
