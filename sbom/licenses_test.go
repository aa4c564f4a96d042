package sbom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// licensed returns a Document in which a component has licences of every kind.
func licensed(t *testing.T) (*sbom.Document, *sbom.Licenses) {
	t.Helper()
	digest, err := hallmark.ParseDigest("sha256:" + strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	l := &sbom.Licenses{
		Declared:  "LicenseRef-own AND MIT",
		Concluded: "MIT OR LicenseRef-own",
		Files: []sbom.LicenseFile{
			{Path: "LICENSE", Digest: digest, Kind: sbom.KindLicense, Coverage: 50, IDs: []string{"LicenseRef-own", "MIT"}},
			{Path: "x/NOTICE", Digest: digest, Kind: sbom.KindNotice, Coverage: 100, IDs: []string{"Apache-2.0"}},
			{Path: "x/PATENTS", Digest: digest, Kind: sbom.KindPatents},
		},
		Texts: []sbom.LicenseText{{ID: "LicenseRef-own", Text: "Do what you want."}},
	}
	d := document()
	d.Components[3].Licenses = l
	return d, l
}

func TestCheckLicenses(t *testing.T) {
	if d, _ := licensed(t); d.Check() != nil {
		t.Error(d.Check())
	}
	for _, tt := range []struct {
		name   string
		change func(*sbom.Document, *sbom.Licenses)
		want   string
	}{
		{"nothing", func(d *sbom.Document, l *sbom.Licenses) { *l = sbom.Licenses{} }, "neither declared, nor concluded, nor unknown"},
		{"unknown and declared", func(d *sbom.Document, l *sbom.Licenses) { l.Unknown = "x" }, "declared as LicenseRef-own AND MIT, and unknown"},
		{"declared", func(d *sbom.Document, l *sbom.Licenses) { l.Declared += " AND" }, "declared: malformed license expression"},
		{"concluded", func(d *sbom.Document, l *sbom.Licenses) { l.Concluded = "NOASSERTION" }, `concluded: malformed license expression "NOASSERTION"`},
		{"not declared", func(d *sbom.Document, l *sbom.Licenses) { l.Declared = "LicenseRef-own" }, "file LICENSE has MIT, which is not declared"},
		{"nothing declared", func(d *sbom.Document, l *sbom.Licenses) { l.Declared = "" }, "file LICENSE has MIT, which is not declared"},
		{"no identifier", func(d *sbom.Document, l *sbom.Licenses) { l.Files[0].IDs = nil }, "file LICENSE licenses the component and has no identifier"},
		{"identifier", func(d *sbom.Document, l *sbom.Licenses) { l.Files[1].IDs[0] = "Apache 2.0" }, `file x/NOTICE: "Apache 2.0" is no license identifier`},
		{"no text", func(d *sbom.Document, l *sbom.Licenses) { l.Texts = nil }, "no text of LicenseRef-own"},
		{"no text of what was concluded", func(d *sbom.Document, l *sbom.Licenses) { l.Concluded = "LicenseRef-other" }, "no text of LicenseRef-other"},
		{"text twice", func(d *sbom.Document, l *sbom.Licenses) { l.Texts = append(l.Texts, l.Texts...) }, "two texts of LicenseRef-own"},
		{"other text", func(d *sbom.Document, l *sbom.Licenses) {
			d.Main.Licenses = &sbom.Licenses{Unknown: "x", Texts: []sbom.LicenseText{{ID: "LicenseRef-own", Text: "Don't."}}}
		}, "LicenseRef-own is another text than that of another component"},
		{"text of a listed licence", func(d *sbom.Document, l *sbom.Licenses) { l.Texts[0].ID = "MIT" }, `"MIT" cannot identify a text`},
		{"text not UTF-8", func(d *sbom.Document, l *sbom.Licenses) { l.Texts[0].Text = "\xff" }, "the text of LicenseRef-own is not UTF-8"},
		{"unknown not UTF-8", func(d *sbom.Document, l *sbom.Licenses) { l.Declared, l.Files, l.Unknown = "", nil, "\xff" }, `text "\xff" is not UTF-8`},
		{"path", func(d *sbom.Document, l *sbom.Licenses) { l.Files[0].Path = "/LICENSE" }, `malformed path "/LICENSE"`},
		{"path of the root", func(d *sbom.Document, l *sbom.Licenses) { l.Files[0].Path = "." }, `malformed path "."`},
		{"path not UTF-8", func(d *sbom.Document, l *sbom.Licenses) { l.Files[0].Path = "\xff" }, `malformed path "\xff"`},
		{"file twice", func(d *sbom.Document, l *sbom.Licenses) { l.Files[1].Path = "LICENSE" }, "file LICENSE occurs twice"},
		{"digest", func(d *sbom.Document, l *sbom.Licenses) { l.Files[2].Digest = hallmark.Digest{} }, "file x/PATENTS has no digest"},
		{"coverage", func(d *sbom.Document, l *sbom.Licenses) { l.Files[2].Coverage = 101 }, "file x/PATENTS: coverage of 101 percent"},
		{"kind", func(d *sbom.Document, l *sbom.Licenses) { l.Files[2].Kind = "" }, `file x/PATENTS: kind "" is not known`},
	} {
		d, l := licensed(t)
		tt.change(d, l)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), "licenses: "+tt.want) && !strings.Contains(err.Error(), "sbom: d: "+tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestSortLicenses(t *testing.T) {
	d, l := licensed(t)
	slices.Reverse(l.Files)
	l.Texts = append(l.Texts, sbom.LicenseText{ID: "LicenseRef-a"})
	if err := d.Sort(); err != nil {
		t.Fatal(err)
	}
	if l.Files[0].Path != "LICENSE" || l.Files[2].Path != "x/PATENTS" || l.Texts[0].ID != "LicenseRef-a" {
		t.Errorf("%+v", l)
	}
}

func TestLicenseIDs(t *testing.T) {
	for _, tt := range []struct{ expression, want string }{
		{"MIT", "MIT"},
		{"MIT AND Apache-2.0", "Apache-2.0 MIT"},
		{"MIT OR MIT", "MIT"},
		{"(MIT OR Apache-2.0) AND BSD-3-Clause", "Apache-2.0 BSD-3-Clause MIT"},
		{"((MIT OR (ISC AND 0BSD)))", "0BSD ISC MIT"},
		{"GPL-2.0+", "GPL-2.0"},
		{"GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", "GPL-2.0-only MIT"},
		{"(GPL-2.0+ WITH Classpath-exception-2.0)", "GPL-2.0"},
		{"LicenseRef-a.B-1", "LicenseRef-a.B-1"},
		{"and OR or", "and or"}, // operators are upper case
		{"( MIT )", "MIT"},
		{"( ( MIT OR ISC) AND (0BSD ) )", "0BSD ISC MIT"},
		{"( MIT OR ISC ) AND GPL-2.0-only WITH x", "GPL-2.0-only ISC MIT"},
		{"DocumentRef-a:LicenseRef-b", "DocumentRef-a:LicenseRef-b"},
		{"(DocumentRef-a:LicenseRef-b OR MIT)", "DocumentRef-a:LicenseRef-b MIT"},
		{"GPL-2.0 WITH AdditionRef-x", "GPL-2.0"},
		{"GPL-2.0 WITH DocumentRef-d:AdditionRef-x", "GPL-2.0"},
		{"DocumentRef-a:LicenseRef-b WITH AdditionRef-x", "DocumentRef-a:LicenseRef-b"},
	} {
		ids, err := sbom.LicenseIDs(tt.expression)
		if got := strings.Join(ids, " "); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.expression, got, err, tt.want)
		}
	}
	for _, bad := range []string{
		"", " ", "MIT ", " MIT", "MIT  AND ISC", "MIT\tAND ISC", "MIT ISC", "MIT and ISC", "AND", "MIT AND", "OR MIT", "MIT AND OR ISC",
		"(MIT", "MIT)", "()", "( )", "( ) MIT", "(", ")", "( MIT", "MIT )", "(  MIT )", "( MIT ) WITH x", "MIT AND )", "(MIT OR )", "MIT ( ISC )", "MIT WITH ( x )",
		"AdditionRef-x", "MIT OR AdditionRef-x", "Licenseref-a", "LICENSEREF-a", "additionref-a", "documentref-a", "documentref-a:LicenseRef-b", "DocumentRef-:LicenseRef-b",
		"DocumentRef-a:LicenseRef-", "DocumentRef-a:MIT", "DocumentRef-a:AdditionRef-b", "DocumentRef-a:LicenseRef-b+", "LicenseRef-a:LicenseRef-b",
		"MIT WITH DocumentRef-a:LicenseRef-x", "MIT WITH DocumentRef-a:x", "MIT WITH DocumentRef-a", "MIT WITH AdditionRef-", "MIT WITH additionref-x", "MIT WITH Licenseref-x",
		"(MIT) ISC", "MIT (ISC)", "MIT AND) ISC", "MIT (AND ISC", "MIT AND (", ")MIT(", "(MIT AND ISC))",
		"MIT WITH", "MIT WITH (x)", "MIT WITH x WITH y", "(MIT) WITH x", "(MIT AND ISC) WITH x", "WITH x", "MIT WITH LicenseRef-x", "MIT WITH AND",
		"NONE", "NOASSERTION", "MIT OR NONE", "Apache 2.0", "MIT/ISC", "MIT, ISC", "Méthode", "LicenseRef-", "LicenseRef-a+", "LicenseRef-a_b",
		"DocumentRef-a", "+", "MIT++", "M(I)T", strings.Repeat("(", 1<<20) + "MIT", strings.Repeat("MIT OR ", 1<<18) + "MIT",
	} {
		if ids, err := sbom.LicenseIDs(bad); err == nil || !strings.HasPrefix(err.Error(), "malformed license expression ") || len(err.Error()) > 1500 {
			t.Errorf("%.100q: got %q, %.2000v", bad, ids, err)
		}
	}
}

func FuzzLicenseIDs(f *testing.F) {
	for _, s := range []string{"MIT", "(MIT OR Apache-2.0+) AND GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-x", "((", "A AND (B)", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ids, err := sbom.LicenseIDs(s)
		if err != nil {
			return
		}
		// An expression can be a part of another, and be negated by none.
		if strings.Count(s, "(") != strings.Count(s, ")") || len(ids) == 0 {
			t.Errorf("%q: %q", s, ids)
		}
		again, err := sbom.LicenseIDs("(" + s + ") AND (" + s + ")")
		if len(s) < 1<<18 && (err != nil || !slices.Equal(again, ids)) {
			t.Errorf("%q twice: %q, %v, want %q", s, again, err, ids)
		}
	})
}

func ExampleLicenseIDs() {
	fmt.Println(sbom.LicenseIDs("(MIT OR Apache-2.0) AND BSD-3-Clause"))
	fmt.Println(sbom.LicenseIDs("MIT/Apache-2.0"))
	// Output:
	// [Apache-2.0 BSD-3-Clause MIT] <nil>
	// [] malformed license expression "MIT/Apache-2.0": "MIT/Apache-2.0" is no license identifier: want letters, digits, hyphens and full stops
}
