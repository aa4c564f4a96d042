package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/git"
	"github.com/hallmark-dev/hallmark/provenance/gobuild"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/sbom/minimum"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/verify"
)

const (
	sum0   = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	sum1   = "h1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	hex0   = "0000000000000000000000000000000000000000000000000000000000000000"
	commit = "0123456789012345678901234567890123456789"
)

// info is what a program says of itself.
func info() *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Path:      "example.com/app/cmd/app",
		Main:      debug.Module{Path: "example.com/app", Version: "v1.2.0"},
		Deps: []*debug.Module{
			{Path: "example.com/Lib", Version: "v1.0.0", Sum: sum0},
			{Path: "example.com/old", Version: "v0.1.0", Replace: &debug.Module{Path: "example.com/new", Version: "v0.2.0", Sum: sum0}},
		},
		Settings: []debug.BuildSetting{
			{Key: "CGO_ENABLED", Value: "0"},
			{Key: "GOOS", Value: "linux"},
			{Key: "GOARCH", Value: "amd64"},
			{Key: "GOAMD64", Value: "v1"},
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: commit},
			{Key: "vcs.modified", Value: "false"},
		},
	}
}

func set(key, value string) func(*debug.BuildInfo) {
	return func(i *debug.BuildInfo) {
		for k := range i.Settings {
			if i.Settings[k].Key == key {
				i.Settings[k].Value = value
				return
			}
		}
		i.Settings = append(i.Settings, debug.BuildSetting{Key: key, Value: value})
	}
}

func document0(t testing.TB, changes ...func(*debug.BuildInfo)) *sbom.Document {
	t.Helper()
	i := info()
	for _, change := range changes {
		change(i)
	}
	d, err := gomod.FromBuildInfo(i, gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// app is the artifact of all these tests. Its bytes are no program: what it says of
// itself is put into the cache.
func app(t testing.TB) hallmark.Artifact {
	t.Helper()
	ds, err := hallmark.Hash(strings.NewReader("the app"), "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	return hallmark.Artifact{Name: "app", Digests: ds}
}

func inspector(t testing.TB, o Options, program0 *sbom.Document) *Inspector {
	t.Helper()
	i := New(o)
	if program0 != nil {
		i.o.Open = func(context.Context, hallmark.Artifact) (io.ReaderAt, error) { panic("opened") }
		var key strings.Builder
		for _, d := range app(t).Digests {
			fmt.Fprintln(&key, d)
		}
		if _, err := i.programs.get(t.Context(), key.String(), func() (program, error) { return program{doc: program0}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// statement returns an SBOM as a statement. A document is a *sbom.Document or JSON.
func statement(t testing.TB, document any, predicateType string) *provenance.Statement {
	t.Helper()
	var text []byte
	var err error
	switch d := document.(type) {
	case string:
		text = []byte(d)
	case *sbom.Document:
		stamp := sbom.Stamp{Created: time.Unix(1.7e9, 0), Tool: sbom.Tool{Name: "test"}}
		if strings.HasPrefix(predicateType, provenance.SPDXType) {
			text, err = spdx.Marshal(d, stamp)
		} else {
			text, err = cyclonedx.Marshal(d, stamp)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return &provenance.Statement{PredicateType: predicateType, Predicate: text}
}

func built(t testing.TB, change func(*provenance.Build)) *provenance.Statement {
	t.Helper()
	c, err := hallmark.ParseDigest("gitCommit:" + commit)
	if err != nil {
		t.Fatal(err)
	}
	b := provenance.Local(provenance.Source{Repository: "https://example.com/app", Ref: "refs/tags/v1.2.0", Commit: c})
	if change != nil {
		change(b)
	}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(findings []verify.Finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, fmt.Sprintf("%s %q: got %s, want %s", f.Outcome, f.Item, f.Got, f.Want))
	}
	return strings.Join(lines, "\n")
}

func ask(t testing.TB, i *Inspector, s *provenance.Statement, q verify.Question) string {
	t.Helper()
	findings, err := i.Inspect(t.Context(), app(t), s, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) == 0 {
		t.Fatal("no findings")
	}
	return text(findings)
}

func TestVersion(t *testing.T) {
	const cdx, other = provenance.CycloneDXType, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"application","name":"app"%s}}}`
	q := verify.Question{Rule: verify.RuleVersion, Version: "v1.2.0"}
	for _, test := range []struct {
		name string
		s    *provenance.Statement
		p    *sbom.Document
		want string
	}{
		{"SBOM", statement(t, document0(t), cdx), nil, `passed "main component": got v1.2.0, want v1.2.0`},
		{"SPDX", statement(t, document0(t), provenance.SPDXType+"/v2.3"), nil, `passed "main component": got v1.2.0, want v1.2.0`},
		{
			"of another version", statement(t, document0(t, func(i *debug.BuildInfo) { i.Main.Version = "v1.2.0+dirty" }), cdx), nil,
			`failed "main component": got v1.2.0+dirty, want v1.2.0`,
		},
		{
			"of none", statement(t, document0(t, func(i *debug.BuildInfo) { i.Main.Version = "(devel)" }), cdx), nil,
			`unproven "main component": got the SBOM does not say which version it is of, want v1.2.0`,
		},
		{"without v", statement(t, fmt.Sprintf(other, `,"version":"1.2.0","purl":"pkg:npm/app@1.2.0"`), cdx), nil, `passed "main component": got v1.2.0, want v1.2.0`},
		{"Go without v", statement(t, fmt.Sprintf(other, `,"version":"1.2.0","purl":"pkg:golang/app@1.2.0"`), cdx), nil, `failed "main component": got 1.2.0, want v1.2.0`},
		{"artifact", built(t, nil), document0(t), `passed "build info": got v1.2.0, want v1.2.0`},
		{
			"relabelled", built(t, nil), document0(t, func(i *debug.BuildInfo) { i.Main.Version = "v1.1.0" }),
			`failed "build info": got v1.1.0, want v1.2.0`,
		},
		{
			"artifact of none", built(t, nil), document0(t, func(i *debug.BuildInfo) { i.Main.Version = "(devel)" }),
			`unproven "build info": got the artifact does not say which version it is, want v1.2.0`,
		},
		{
			"provenance v0.2", &provenance.Statement{PredicateType: provenance.PredicateTypeV02, Predicate: []byte(`{"builder":{"id":"https://example.com/b"},"buildType":"https://example.com/t"}`)}, document0(t),
			`passed "build info": got v1.2.0, want v1.2.0`,
		},
		{"no artifact", built(t, nil), nil, `unproven "build info": got the bytes of the artifact are not at hand, want v1.2.0`},
	} {
		if got := ask(t, inspector(t, Options{}, test.p), test.s, q); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

// What is asked of an SBOM that is none, or of a statement of another type.
func TestStatements(t *testing.T) {
	const cdx = `{"bomFormat":"CycloneDX","specVersion":"1.6"}`
	for _, test := range []struct {
		name, document, predicateType string
		want                          string
	}{
		{"good", cdx, provenance.CycloneDXType, `unproven "main component"`},
		{"versioned", cdx, provenance.CycloneDXType + "/v1.6", `unproven "main component"`},
		{"another version", cdx, provenance.CycloneDXType + "/v1.5", `failed "": got malformed SBOM: CycloneDX 1.6, but the predicate type is`},
		{"another format", cdx, provenance.SPDXType, `failed "": got malformed SBOM: CycloneDX 1.6, but the predicate type is`},
		{"no SBOM", `{}`, provenance.CycloneDXType, `failed "": got malformed SBOM: neither`},
		{"no JSON", `{`, provenance.CycloneDXType, `failed "": got malformed SBOM`},
		{"malformed", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}`, provenance.CycloneDXType, `failed "": got malformed CycloneDX`},
		{"unknown version", `{"bomFormat":"CycloneDX","specVersion":"9.9"}`, provenance.CycloneDXType, `failed "": got malformed CycloneDX`},
		{"malformed SPDX", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT"}`, provenance.SPDXType, `failed "": got malformed SPDX`},
		{"unknown type", cdx, "https://cyclonedx.org/bomb", `unproven "": got the predicate type "https://cyclonedx.org/bomb" is none that is known, want an SBOM`},
		{"other type", `{}`, "https://in-toto.io/attestation/test-result/v0.1", `unproven "": got the predicate type "https://in-toto.io/attestation/test-result/v0.1" is none`},
		{"malformed provenance", `{"buildDefinition":[]}`, provenance.PredicateType, `failed "": got malformed`},
	} {
		got := ask(t, inspector(t, Options{}, nil), statement(t, test.document, test.predicateType), verify.Question{Rule: verify.RuleVersion, Version: "v1"})
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}

	// What is kept of one type is not that of another.
	i := New(Options{})
	for range 2 {
		for _, predicateType := range []string{provenance.CycloneDXType, provenance.SPDXType} {
			got := ask(t, i, statement(t, cdx, predicateType), verify.Question{Rule: verify.RuleVersion, Version: "v1"})
			if want := map[string]string{provenance.CycloneDXType: "unproven", provenance.SPDXType: "failed"}[predicateType]; !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %s, want %s", predicateType, got, want)
			}
		}
	}

	sbomStatement := statement(t, cdx, provenance.CycloneDXType)
	for _, test := range []struct {
		rule verify.Rule
		s    *provenance.Statement
		want string
	}{
		{verify.RuleMinimum, built(t, nil), "want an SBOM"},
		{verify.RuleDependencyAge, built(t, nil), "want an SBOM"},
		{verify.RuleCommitSigned, sbomStatement, "want SLSA provenance"},
		{verify.RuleSource, built(t, nil), "got nothing is known of this rule, want source"},
	} {
		got := ask(t, inspector(t, Options{}, nil), test.s, verify.Question{Rule: test.rule})
		if !strings.HasPrefix(got, "unproven") || !strings.HasSuffix(got, test.want) {
			t.Errorf("%s: got %s, want %s", test.rule, got, test.want)
		}
	}
}

func TestMinimum(t *testing.T) {
	d := document0(t)
	lines := strings.Split(ask(t, New(Options{}), statement(t, d, provenance.CycloneDXType), verify.Question{Rule: verify.RuleMinimum, Profile: "ntia-2021"}), "\n")
	want := []string{
		`passed "ntia-2021: Data format": got it has it, want the document is in one of the formats that are read by machines, SPDX or CycloneDX`,
		`passed "ntia-2021: Author of SBOM Data": `,
		`passed "ntia-2021: Timestamp": `,
		`passed "ntia-2021: Dependency Relationship": `,
		`failed "ntia-2021: Supplier Name": got missing in pkg:golang/example.com/app@v1.2.0: nobody is named; and in 4 more of 5 components, want who supplies the component is named`,
		`passed "ntia-2021: Component Name": `,
		`failed "ntia-2021: Version of the Component": got missing in pkg:golang/golang.org/toolchain: no version, want `,
	}
	if len(lines) != len(want) {
		t.Fatalf("got %d findings, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
	}
	for k := range want {
		if !strings.HasPrefix(lines[k], want[k]) {
			t.Errorf("got  %s\nwant %s", lines[k], want[k])
		}
	}

	// The envelope is a signature.
	got := ask(t, New(Options{}), statement(t, d, provenance.CycloneDXType), verify.Question{Rule: verify.RuleMinimum, Profile: "cisa-2026"})
	if !strings.Contains(got, `passed "cisa-2026: SBOM Author Signature"`) || !strings.Contains(got, `failed "cisa-2026: SBOM Author":`) {
		t.Errorf("got %s", got)
	}
	got = ask(t, New(Options{}), statement(t, d, provenance.CycloneDXType), verify.Question{Rule: verify.RuleMinimum, Profile: "ntia"})
	if want := `unproven "ntia": got no profile has this name, want bsi-2.1, cisa-2026, cra-2024, fda-2026, ntia-2021, telco-1.1`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// By its item an exception names a field, so that no two may have the same.
func TestMinimumItems(t *testing.T) {
	s := statement(t, document0(t), provenance.CycloneDXType)
	for _, p := range minimum.Profiles() {
		findings, err := New(Options{}).Inspect(t.Context(), app(t), s, verify.Question{Rule: verify.RuleMinimum, Profile: p.Name})
		if err != nil {
			t.Fatal(err)
		}
		items := make(map[string]bool)
		failing := false
		for _, f := range findings {
			if items[f.Item] {
				t.Errorf("%s is there twice", f.Item)
			}
			items[f.Item] = true
			failing = failing || f.Outcome != verify.Passed
		}
		d, stamp, err := cyclonedx.Parse(s.Predicate)
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Check(minimum.Subject{Document: d, Stamp: stamp, Format: sbom.Format{Name: sbom.CycloneDX, Version: "1.6"}, Signed: true}); r.Satisfied == failing {
			t.Errorf("%s: satisfied %t, and a finding failed: %t", p.Name, r.Satisfied, failing)
		}
	}
}

func TestModules(t *testing.T) {
	const all = `passed "": got the 2 modules of the artifact, want the modules of the artifact`
	drop := func(name string) func(*debug.BuildInfo) {
		return func(i *debug.BuildInfo) {
			i.Deps = slices.DeleteFunc(i.Deps, func(m *debug.Module) bool { return m.Path == name })
		}
	}
	fat, err := sbom.Union(map[string]*sbom.Document{"linux/amd64": document0(t), "linux/arm64": document0(t, set("GOARCH", "arm64"))})
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(main, components string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":` + main + `},"components":[` + components + `]}`
	}
	module := func(purl, more string) string {
		return fmt.Sprintf(`{"type":"library","name":"any","purl":%q,"bom-ref":"%s%d"%s}`, purl, purl, len(more), more)
	}
	const (
		mainModule = `{"type":"application","name":"app","purl":"pkg:golang/example.com/app@v1.2.0?type=module"}`
		file       = `{"type":"file","name":"dist/app"}`
		lib        = "pkg:golang/example.com/Lib@v1.0.0?type=module"
		replaced   = "pkg:golang/example.com/new@v0.2.0?type=module"
	)
	both := module(lib, "") + "," + module(replaced, "")
	bare := func(d *sbom.Document) *sbom.Document { // as one of others that knows sums
		d.Properties = nil
		return d
	}
	for _, test := range []struct {
		name     string
		document any // the SBOM
		program  *sbom.Document
		want     string
	}{
		{"same", document0(t), document0(t), all},
		{"of several targets", fat, document0(t), all},
		{"of other targets", fat, document0(t, set("GOARCH", "riscv64")), `failed "target linux/riscv64": got not in the SBOM, want linux/riscv64`},
		{"module missing in the SBOM", document0(t, drop("example.com/Lib")), document0(t), `failed "module example.com/Lib": got not in the SBOM, want v1.0.0`},
		{"module missing in the artifact", document0(t), document0(t, drop("example.com/Lib")), `failed "module example.com/Lib": got v1.0.0, want not in the artifact`},
		{
			"version and sum", document0(t, func(i *debug.BuildInfo) { i.Deps[0].Version, i.Deps[0].Sum = "v1.0.1", sum1 }), document0(t),
			`failed "module example.com/Lib: version": got v1.0.1, want v1.0.0` + "\n" +
				`failed "module example.com/Lib: sum": got ` + sum1 + `, want ` + sum0,
		},
		{"directory missing in the SBOM", document0(t), document0(t, func(i *debug.BuildInfo) {
			i.Deps = append(i.Deps, &debug.Module{Path: "example.com/x", Version: "(devel)"})
		}), `failed "module example.com/x": got not in the SBOM, want (devel)`},
		{"setting", document0(t, set("GOOS", "windows")), document0(t), `failed "GOOS": got windows, want linux`},
		{"no setting", document0(t), document0(t, set("-tags", "x")), `failed "-tags": got not in the SBOM, want x`},
		{"other program", document0(t, func(i *debug.BuildInfo) { i.Main.Path = "example.com/evil" }), document0(t), `failed "main module": got example.com/evil, want example.com/app`},

		{"of another tool", foreign(mainModule, both), document0(t), all},
		{"main module among the components", foreign(file, both+","+module("pkg:golang/example.com/app@(devel)", "")), document0(t), all},
		{"no main module", foreign(file, both), document0(t), all},
		{"another main module", foreign(strings.ReplaceAll(mainModule, "app@", "evil@"), both), document0(t), `failed "main module": got example.com/evil, want example.com/app`},
		{"main without v", foreign(strings.ReplaceAll(mainModule, "v1.2", "1.2"), both), document0(t), all},
		{"main of another version", foreign(strings.ReplaceAll(mainModule, "v1.2", "v1.3"), both), document0(t), `failed "version of the main module": got v1.3.0, want v1.2.0`},
		{"another tool lacks one", foreign(mainModule, module(lib, "")), document0(t), `failed "module example.com/old": got not in the SBOM, want v0.2.0`},
		{"another tool has one more", foreign(mainModule, both+","+module("pkg:golang/example.com/x@v1.0.0", "")), document0(t), `failed "module example.com/x": got v1.0.0, want not in the artifact`},
		{"in another version", foreign(mainModule, both+","+module("pkg:golang/example.com/Lib@v1.0.1", "")), document0(t), `failed "module pkg:golang/example.com/Lib@v1.0.10": got v1.0.1, want not in the artifact`},
		{"one not needed", foreign(mainModule, both+","+module("pkg:golang/example.com/x@v1.0.0", `,"scope":"excluded"`)), document0(t), all},
		{"one that may be", foreign(mainModule, both+","+module("pkg:golang/example.com/x@v1.0.0", `,"scope":"optional"`)), document0(t), all},
		{"needed, and said not to be", foreign(mainModule, module(replaced, "")+","+module(lib, `,"scope":"excluded"`)), document0(t), `failed "module example.com/Lib": got not in the SBOM, want v1.0.0`},
		{"said twice", foreign(mainModule, both+","+module(lib, `,"author":"me"`)), document0(t), all},
		{"lower case", foreign(mainModule, module(replaced, "")+","+module(strings.ToLower(lib), "")), document0(t), all},
		{"no v", foreign(mainModule, module(replaced, "")+","+module("pkg:golang/example.com/Lib@1.0.0", "")), document0(t), all},
		{"a subpath", foreign(mainModule, module(replaced, "")+","+module("pkg:golang/example.com@v1.0.0#Lib", "")), document0(t), all},
		{"packages as subpaths", foreign(strings.Replace(mainModule, "=module", "=module#cmd/app", 1), module(replaced+"#x", "")+","+module(lib, "")), document0(t), all},
		{"as a subpath, too", foreign(mainModule, both+","+module("pkg:golang/example.com/app@v1.0.0#sub", "")), document0(t), `failed "module example.com/app/sub": got v1.0.0, want not in the artifact`},
		{"a module below the main one", foreign(mainModule, both+","+module("pkg:golang/example.com/app/sub@v1.0.0", "")), document0(t), `failed "module example.com/app/sub": got v1.0.0, want not in the artifact`},
		{"the name of another", foreign(mainModule, module(replaced, "")+`,{"type":"library","name":"example.com/Lib","version":"v1.0.0","purl":"pkg:golang/example.com/evil@v1.0.0"}`), document0(t), `failed "module example.com/evil": got v1.0.0, want not in the artifact` + "\n" + `failed "module example.com/Lib": got not in the SBOM, want v1.0.0`},
		{"no module", foreign(mainModule, both+","+module("pkg:npm/x@1.0.0", "")+`,{"type":"file","name":"x"}`), document0(t), all},
		{"standard library", foreign(mainModule, both+","+module("pkg:golang/std@go1.26.8", "")), document0(t), all},
		{"another standard library", foreign(mainModule, both+","+module("pkg:golang/stdlib@1.26.7", "")), document0(t), `failed "module stdlib: version": got 1.26.7, want 1.26.8`},
		{"the module that was replaced", foreign(mainModule, module(lib, "")+","+module("pkg:golang/example.com/old@v0.1.0", "")), document0(t), "failed \"module example.com/old: version\": got v0.1.0, want v0.2.0"},
		{"another sum without settings", bare(document0(t, func(i *debug.BuildInfo) { i.Deps[0].Sum = sum1 })), document0(t), `failed "module example.com/Lib: sum": got ` + sum1 + `, want ` + sum0},
		{"no settings", bare(document0(t)), document0(t, set("-tags", "x")), all},
		{"digest of another file", foreign(strings.Replace(mainModule, "}", `,"hashes":[{"alg":"SHA-256","content":"`+hex0+`"}]}`, 1), both), document0(t), `failed "main component: digest": got sha256:` + hex0},

		{"no artifact", document0(t), nil, `unproven "": got the bytes of the artifact are not at hand, want the modules of the artifact`},
	} {
		for _, predicateType := range []string{provenance.CycloneDXType, provenance.SPDXType} {
			if _, ok := test.document.(string); ok && predicateType == provenance.SPDXType {
				continue
			}
			s := statement(t, test.document, predicateType)
			got := ask(t, inspector(t, Options{}, test.program), s, verify.Question{Rule: verify.RuleBuildInfo})
			if got != test.want && !strings.HasPrefix(got, test.want+"\n") && !(strings.HasSuffix(test.want, hex0) && strings.HasPrefix(got, test.want)) ||
				strings.HasPrefix(test.want, "passed") && got != test.want {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", test.name, predicateType, got, test.want)
			}
		}
	}
}

func TestBuild(t *testing.T) {
	const (
		ok = `passed "commit": got ` + commit + `, want ` + commit + "\n" + `passed "modified": got false, want false`
	)
	attached := func(change func(*debug.BuildInfo)) *provenance.Statement {
		return built(t, func(b *provenance.Build) {
			i := info()
			if change != nil {
				change(i)
			}
			if err := gobuild.Attach(b, i, gobuild.Recipe{}); err != nil {
				t.Fatal(err)
			}
			for k := range b.Byproducts {
				if len(b.Byproducts[k].Content) == 0 {
					t.Fatal("the recipe has no content")
				}
			}
		})
	}
	listed := ok + "\n" + `passed "toolchain": got 1.26.8, want 1.26.8` + "\n" + `passed "modules": got 2 modules of the artifact, want the modules of the artifact` + "\n" +
		`passed "program": got example.com/app/cmd/app, want example.com/app/cmd/app` + "\n" + `passed "toolchain": got go1.26.8, want go1.26.8` + "\n" + `passed "settings": got 4 settings, want the settings of the artifact`
	for _, test := range []struct {
		name string
		s    *provenance.Statement
		p    *sbom.Document
		want string // among the findings that have not passed, or all
	}{
		{"commit", built(t, nil), document0(t), ok},
		{"modules and recipe", attached(nil), document0(t), listed},
		{
			"another commit", built(t, nil), document0(t, set("vcs.revision", strings.Repeat("1", 40))),
			`failed "commit": got ` + commit + `, want ` + strings.Repeat("1", 40),
		},
		{"another system", built(t, nil), document0(t, set("vcs", "hg")), `failed "commit": got ` + commit + `, want hg ` + commit},
		{"modified", built(t, nil), document0(t, set("vcs.modified", "true")), `failed "modified": got false, want true`},
		{
			"no stamp", built(t, nil), document0(t, set("vcs", ""), set("vcs.revision", ""), set("vcs.modified", "")),
			`unproven "commit": got the artifact was not stamped with a commit, want ` + commit,
		},
		{
			"pseudo-version of another commit", built(t, nil), document0(t, func(i *debug.BuildInfo) { i.Main.Version = "v1.2.1-0.20260101000000-111111111111+dirty" }),
			`failed "module version": got ` + commit + `, want the commit of v1.2.1-0.20260101000000-111111111111`,
		},
		{
			"no commit", built(t, func(b *provenance.Build) { b.Dependencies = nil }), document0(t),
			`unproven "commit": got the provenance names no commit, want ` + commit,
		},
		{
			"module that the provenance does not have", attached(func(i *debug.BuildInfo) { i.Deps = i.Deps[:1] }), document0(t),
			`failed "pkg:golang/example.com/new@v0.2.0": got not in the provenance, want a dependency`,
		},
		{
			"another sum", attached(func(i *debug.BuildInfo) { i.Deps[0].Sum = sum1 }), document0(t),
			`failed "pkg:golang/example.com/Lib@v1.0.0": got dirHash:01` + hex0[2:] + `, want dirHash:` + hex0,
		},
		{"another Go", attached(func(i *debug.BuildInfo) { i.GoVersion = "go1.26.7" }), document0(t), `failed "toolchain": got 1.26.7, want 1.26.8` + "\n" + `failed "toolchain": got go1.26.7, want go1.26.8`},
		{"another program", attached(func(i *debug.BuildInfo) { i.Path += "2" }), document0(t), `failed "program": got example.com/app/cmd/app2, want example.com/app/cmd/app`},
		{"another setting", attached(set("GOOS", "windows")), document0(t), `failed "setting GOOS": got windows, want linux`},
		{"setting that the recipe does not have", attached(nil), document0(t, set("-race", "true")), `failed "setting -race": got none, want true`},
		{
			"no recipe", built(t, func(b *provenance.Build) {
				b.Byproducts = []provenance.ResourceDescriptor{{Name: gobuild.RecipeName, Content: []byte("{]")}}
			}), document0(t), `failed "recipe": got malformed`,
		},
		{"no artifact", built(t, nil), nil, `unproven "": got the bytes of the artifact are not at hand, want what the provenance says of the artifact`},
	} {
		got := ask(t, inspector(t, Options{}, test.p), test.s, verify.Question{Rule: verify.RuleBuildInfo})
		if !strings.HasPrefix(test.want, "passed") {
			lines := slices.DeleteFunc(strings.Split(got, "\n"), func(l string) bool { return strings.HasPrefix(l, "passed") })
			got = strings.Join(lines, "\n")
		}
		if got != test.want && !(strings.HasSuffix(test.want, "malformed") && strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestAges(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	with := func(times ...string) *sbom.Document {
		d := document0(t)
		k := 0
		for i := range d.Components {
			if c := &d.Components[i]; c.Name == "example.com/Lib" || c.Name == "example.com/new" {
				if times[k] != "" {
					c.Properties = append(c.Properties, sbom.Property{Name: "released", Value: times[k]})
				}
				k++
			}
		}
		return d
	}
	const lib, other = "pkg:golang/example.com/Lib@v1.0.0", "pkg:golang/example.com/new@v0.2.0"
	for _, test := range []struct {
		name     string
		d        *sbom.Document
		released func(context.Context, *sbom.Component) (time.Time, error)
		min, max time.Duration
		want     string
	}{
		{"old enough", with("2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"), nil, 30 * day, 0, `passed "": got 2 of 2 dependencies, want released at least 30 days ago`},
		{"young enough", with("2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z"), nil, 0, 31 * day, `passed "": got 2 of 2 dependencies, want released at most 31 days ago`},
		{
			"too young", with("2026-01-01T00:00:01Z", "2025-01-01T00:00:00+02:00"), nil, 30 * day, 0,
			`failed "` + lib + `": got released 2026-01-01T00:00:01Z, want released at least 30 days ago` + "\n" + `passed "": got 1 of 2 dependencies, want released at least 30 days ago`,
		},
		{
			"too old and too young", with("2026-01-31T00:00:00Z", "2025-12-30T23:00:00-01:00"), nil, time.Hour, 31 * day,
			`failed "` + lib + `": got released 2026-01-31T00:00:00Z, want released at least 1h0m0s ago and released at most 31 days ago` + "\n" + `passed "": got 1 of 2 dependencies, want released at least 1h0m0s ago and released at most 31 days ago`,
		},
		{
			"in the future", with("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), nil, 0, 31 * day,
			`failed "` + other + `": got released 2026-02-01T00:00:00Z, after the policy is asked, want released at most 31 days ago` + "\n" + `passed "": got 1 of 2 dependencies, want released at most 31 days ago`,
		},
		{
			"nobody says", with("", "yesterday"), nil, day, 0,
			`unproven "` + lib + `": got nobody says when it was released, want released at least 1 day ago` + "\n" + `unproven "` + other + `": got nobody says when it was released, want released at least 1 day ago`,
		},
		{"any", with("", ""), nil, 0, 0, `passed "": got any age is allowed, want any age`},
		{
			"the caller knows better", with("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), func(_ context.Context, c *sbom.Component) (time.Time, error) {
				if c.Name == "example.com/Lib" {
					return now.Add(-time.Hour), nil
				}
				return time.Time{}, nil
			}, day, 0,
			`failed "` + lib + `": got released 2026-01-30T23:00:00Z, want released at least 1 day ago` + "\n" + `passed "": got 1 of 2 dependencies, want released at least 1 day ago`,
		},
		{"no dependencies", document0(t, func(i *debug.BuildInfo) { i.Deps = nil }), nil, day, 0, `passed "": got 0 of 0 dependencies, want released at least 1 day ago`},
	} {
		for _, predicateType := range []string{provenance.CycloneDXType, provenance.SPDXType} {
			got := ask(t, inspector(t, Options{Released: test.released}, nil), statement(t, test.d, predicateType),
				verify.Question{Rule: verify.RuleDependencyAge, MinAge: test.min, MaxAge: test.max, Now: now})
			if got != test.want {
				t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
			}
		}
	}
	got := ask(t, New(Options{}), statement(t, with("", ""), provenance.CycloneDXType), verify.Question{Rule: verify.RuleDependencyAge, MinAge: day})
	if want := `unproven "": got it is not known what time it is, want released at least 1 day ago`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	gone := errors.New("the proxy does not answer")
	i := New(Options{Released: func(context.Context, *sbom.Component) (time.Time, error) { return time.Time{}, gone }})
	if f, err := i.Inspect(t.Context(), app(t), statement(t, with("", ""), provenance.CycloneDXType), verify.Question{Rule: verify.RuleDependencyAge, MinAge: day, Now: now}); !errors.Is(err, gone) || f != nil {
		t.Errorf("got %v, %v", f, err)
	}
}

// Which components are dependencies that were released.
func TestDependencies(t *testing.T) {
	const doc = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
		{"type":"library","name":"a","bom-ref":"a"},
		{"type":"library","name":"b","bom-ref":"b","scope":"optional"},
		{"type":"library","name":"c","bom-ref":"c","scope":"excluded"},
		{"type":"file","name":"d","bom-ref":"d"},
		{"type":"library","name":"std","bom-ref":"e","purl":"pkg:golang/std@1.26.8"},
		{"type":"library","name":"f","bom-ref":"f","purl":"pkg:npm/f@1.0.0","components":[{"type":"library","name":"g","bom-ref":"g"}]}]}`
	findings, err := New(Options{}).Inspect(t.Context(), app(t), statement(t, doc, provenance.CycloneDXType), verify.Question{Rule: verify.RuleDependencyAge, MinAge: 1, Now: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.Item)
	}
	if want := []string{"a", "b", "pkg:npm/f@1.0.0", "g"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSignature(t *testing.T) {
	const want = ", want a signature of the commit by somebody who is trusted for it"
	failing := errors.New("git is not there")
	for _, test := range []struct {
		name string
		sig  *git.Signature
		want string
	}{
		{"good", &git.Signature{Status: git.Good, Signer: "ann@example.com", Key: "SHA256:abc"}, `passed "": got gitCommit:` + commit + ` is signed by ann@example.com with SHA256:abc` + want},
		{"none", &git.Signature{Why: "the commit has no signature"}, `failed "": got the signature of gitCommit:` + commit + `: no signature: the commit has no signature` + want},
		{"bad", &git.Signature{Status: git.Bad}, `failed "": got the signature of gitCommit:` + commit + `: bad` + want},
		{"revoked", &git.Signature{Status: git.Revoked}, `failed "": got the signature of gitCommit:` + commit + `: revoked` + want},
		{"expired", &git.Signature{Status: git.Expired}, `failed "": got the signature of gitCommit:` + commit + `: expired` + want},
		{"unknown", &git.Signature{Status: git.Unknown, Why: "no key"}, `unproven "": got the signature of gitCommit:` + commit + `: unknown: no key` + want},
		{"nothing", nil, `unproven "": got nothing is known of the signature of gitCommit:` + commit + want},
	} {
		i := New(Options{Signature: func(_ context.Context, s provenance.Source) (*git.Signature, error) {
			if s.Repository != "https://example.com/app" || s.Commit.Hex() != commit {
				t.Errorf("asked for %+v", s)
			}
			return test.sig, nil
		}})
		if got := ask(t, i, built(t, nil), verify.Question{Rule: verify.RuleCommitSigned}); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
	q := verify.Question{Rule: verify.RuleCommitSigned}
	if got, want := ask(t, New(Options{}), built(t, nil), q), `unproven "": got the signatures of commits are not at hand`+want; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	i := New(Options{Signature: func(context.Context, provenance.Source) (*git.Signature, error) { return nil, failing }})
	if _, err := i.Inspect(t.Context(), app(t), built(t, nil), q); !errors.Is(err, failing) {
		t.Errorf("got %v, want %v", err, failing)
	}
	if got := ask(t, i, built(t, func(b *provenance.Build) { b.Dependencies = nil }), q); !strings.HasPrefix(got, `unproven "": got the provenance names no commit`) {
		t.Errorf("got %s", got)
	}
	modified := built(t, func(b *provenance.Build) {
		source, _ := b.Source()
		source.Modified = true
		b.Dependencies[0], _ = source.Descriptor()
	})
	if got := ask(t, i, modified, q); !strings.HasPrefix(got, `unproven "": got files were modified after gitCommit:`+commit) {
		t.Errorf("got %s", got)
	}
}

// What is said of the artifact when its bytes are not those, or cannot be read.
func TestBytes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := hallmark.HashFile(self, "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	ds, err := hallmark.Hash(strings.NewReader("text"), "sha256", "sha512")
	if err != nil {
		t.Fatal(err)
	}
	textFile := hallmark.Artifact{Name: "text", Digests: ds}
	dir := hallmark.Artifact{Name: "dir", Digests: []hallmark.Digest{must(hallmark.ParseH1(sum0))}}
	crossed := hallmark.Artifact{Name: "crossed", Digests: []hallmark.Digest{program.Digests[0], ds[1]}}
	open := func(r io.ReaderAt, err error) func(context.Context, hallmark.Artifact) (io.ReaderAt, error) {
		return func(context.Context, hallmark.Artifact) (io.ReaderAt, error) { return r, err }
	}
	file := func() io.ReaderAt {
		f, err := os.Open(self)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	broken := errors.New("the disk is broken")
	for _, test := range []struct {
		name string
		a    hallmark.Artifact
		open func(context.Context, hallmark.Artifact) (io.ReaderAt, error)
		want string // finding, or error
	}{
		{"program", program, open(file(), nil), `unproven "build info": got the artifact does not say which version it is`},
		{"not at hand", program, open(nil, fmt.Errorf("no file: %w", fs.ErrNotExist)), `unproven "build info": got the bytes of the artifact are not at hand`},
		{"nothing", program, open(nil, nil), `unproven "build info": got the bytes of the artifact are not at hand`},
		{"not opened", program, open(nil, broken), "error: inspect: open the artifact: the disk is broken"},
		{"other bytes", program, open(strings.NewReader("text"), nil), `unproven "build info": got the bytes at hand are not the artifact: they have ` + ds[0].String()},
		{"one digest of two", crossed, open(file(), nil), `unproven "build info": got the bytes at hand are not the artifact: they have ` + program.Digests[1].String()},
		{"no program", textFile, open(strings.NewReader("text"), nil), `unproven "build info": got the artifact is no Go program that can be read: `},
		{"directory", dir, open(strings.NewReader("text"), nil), `unproven "build info": got the artifact has no digest by SHA-256 or better`},
		{"read error", program, open(faulty{file(), 1 << 20, broken}, nil), "error: inspect: read the artifact: the disk is broken"},
		{"read error afterwards", program, open(&changing{file(), broken, 0}, nil), "error: inspect: read the artifact: at 0: the disk is broken"},
		{"other bytes afterwards", program, open(&changing{file(), nil, 0}, nil), "error: inspect: read the artifact: at 0: the bytes changed after they were hashed"},
	} {
		findings, err := New(Options{Open: test.open}).Inspect(t.Context(), test.a, built(t, nil), verify.Question{Rule: verify.RuleVersion, Version: "v1"})
		got := text(findings)
		if err != nil {
			got = "error: " + err.Error()
		}
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}

	// Every block is the one that was hashed, whatever is read of them.
	data := bytes.Repeat([]byte("0123456789abcdef"), blockSize/8+3)
	b := &blocks{r: bytes.NewReader(data)}
	for part := range slices.Chunk(data, 1000) {
		b.Write(part)
	}
	b.end()
	for _, off := range []int64{0, 1, blockSize - 1, blockSize, 2*blockSize - 7, int64(len(data)) - 1} {
		for _, n := range []int{1, 16, blockSize, 2 * blockSize} {
			p := make([]byte, n)
			want := data[off:min(off+int64(n), int64(len(data)))]
			got, err := b.ReadAt(p, off)
			if !bytes.Equal(p[:got], want) || (err == io.EOF) != (len(want) < n) || err != nil && err != io.EOF {
				t.Errorf("%d bytes at %d: got %d, %v", n, off, got, err)
			}
		}
	}
	if n, err := b.ReadAt(make([]byte, 1), -1); n != 0 || err == nil {
		t.Errorf("at -1: got %d, %v", n, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// faulty cannot be read from some byte on.
type faulty struct {
	io.ReaderAt
	from int64
	err  error
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

// changing has other bytes, or none, at its beginning when that is read again.
type changing struct {
	io.ReaderAt
	err   error
	times int
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	if off == 0 {
		if c.times++; c.times > 1 && c.err != nil {
			return 0, c.err
		} else if c.times > 1 {
			p[100]++
		}
	}
	return n, err
}

// The SBOM is parsed and the artifact read once, for all who ask and whatever they ask.
func TestConcurrent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, err := hallmark.HashFile(self)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := gomod.ReadBinary(f, gomod.BinaryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var opened atomic.Int32
	i := New(Options{Open: func(context.Context, hallmark.Artifact) (io.ReaderAt, error) {
		opened.Add(1)
		return os.Open(self)
	}})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			s := statement(t, doc, provenance.CycloneDXType) // of its own
			for _, q := range []verify.Question{
				{Rule: verify.RuleBuildInfo},
				{Rule: verify.RuleMinimum, Profile: "ntia-2021"},
				{Rule: verify.RuleVersion, Version: "v1"},
				{Rule: verify.RuleDependencyAge, MinAge: 1, Now: time.Unix(1, 0)},
			} {
				first, err := i.Inspect(t.Context(), a, s, q)
				if err != nil {
					t.Error(err)
				}
				if again, err := i.Inspect(t.Context(), a, s, q); err != nil || !slices.Equal(first, again) {
					t.Errorf("%s: got %v and %v", q.Rule, first, again)
				}
				if q.Rule == verify.RuleBuildInfo && first[0].Outcome != verify.Passed {
					t.Error(text(first))
				}
			}
		})
	}
	wg.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("the artifact was opened %d times", n)
	}
	if n := len(i.sboms.entries); n != 1 {
		t.Errorf("%d SBOMs are kept", n)
	}
}

func TestContext(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	for _, rule := range []verify.Rule{verify.RuleVersion, verify.RuleBuildInfo, verify.RuleMinimum, verify.RuleDependencyAge} {
		if f, err := New(Options{}).Inspect(ctx, app(t), statement(t, document0(t), provenance.CycloneDXType), verify.Question{Rule: rule}); !errors.Is(err, gone) || f != nil {
			t.Errorf("%s: got %v, %v", rule, f, err)
		}
	}
	// Of a large artifact not everything is read when it is too late.
	ctx, cancel = context.WithCancelCause(t.Context())
	i := New(Options{Open: func(context.Context, hallmark.Artifact) (io.ReaderAt, error) {
		cancel(gone)
		return endless{}, nil
	}})
	if f, err := i.Inspect(ctx, app(t), built(t, nil), verify.Question{Rule: verify.RuleBuildInfo}); !errors.Is(err, gone) || f != nil {
		t.Errorf("got %v, %v", f, err)
	}
}

type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestCache(t *testing.T) {
	slots := make(chan struct{}, 1)
	c := newCache(slots, func(n int64) int64 { return n })
	made := 0
	get := func(key string, size int64) {
		t.Helper()
		if v, err := c.get(t.Context(), key, func() (int64, error) { made++; return size, nil }); err != nil || v != size {
			t.Fatalf("got %d, %v", v, err)
		}
	}
	has := func(want ...string) {
		t.Helper()
		if !slices.Equal(c.order, want) || len(c.entries) != len(want) {
			t.Errorf("got %q of %d, want %q", c.order, len(c.entries), want)
		}
	}
	get("a", maxKept/2)
	get("b", maxKept/2)
	get("a", maxKept/2)
	if made != 2 {
		t.Errorf("made %d", made)
	}
	has("b", "a")
	get("c", 1) // too much: b was not asked for the longest
	has("a", "c")
	get("d", maxKept*2) // larger than all that may be kept
	has("d")
	get("e", 1)
	has("e")
	for k := range maxEntries + 10 {
		get(fmt.Sprint(k), 0)
	}
	if len(c.order) != maxEntries || c.size != 0 {
		t.Errorf("%d entries of %d bytes", len(c.order), c.size)
	}

	// A failure is told, and tried again.
	broken := errors.New("broken")
	for range 2 {
		if _, err := c.get(t.Context(), "x", func() (int64, error) { made++; return 0, broken }); err != broken {
			t.Errorf("got %v", err)
		}
	}
	get("x", 1)

	// Who waits for another one ends with the context, and makes it if the other one fails.
	synctest.Test(t, func(t *testing.T) {
		c := newCache(make(chan struct{}, 1), func(n int64) int64 { return n })
		finish := make(chan struct{})
		go c.get(t.Context(), "y", func() (int64, error) { <-finish; return 0, broken })
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(broken)
		for _, key := range []string{"y", "z"} { // made by another one, and no slot for it
			if _, err := c.get(ctx, key, func() (int64, error) { panic("made") }); err != broken {
				t.Errorf("got %v", err)
			}
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if v, err := c.get(t.Context(), "y", func() (int64, error) { return 7, nil }); v != 7 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		synctest.Wait()
		close(finish)
		wg.Wait()
	})

	// One that panics leaves nobody waiting.
	func() {
		defer func() { recover() }()
		c.get(t.Context(), "p", func() (int64, error) { panic("p") })
	}()
	get("p", 1)
}

// The main component can have a digest that is none of the artifact's bytes.
func TestMainDigest(t *testing.T) {
	d := document0(t)
	d.Main.Digests = []hallmark.Digest{must(hallmark.ParseH1(sum0))}
	a := app(t)
	i := inspector(t, Options{}, document0(t))
	a.Digests = append(a.Digests, must(hallmark.ParseH1(sum1)))
	findings, err := i.Inspect(t.Context(), a, statement(t, d, provenance.CycloneDXType), verify.Question{Rule: verify.RuleBuildInfo})
	if err != nil || len(findings) != 1 || findings[0].Outcome != verify.Passed {
		t.Errorf("got %s, %v", text(findings), err)
	}
}

// What is not a fact of the SBOM stays as it is: findings of others do not depend on it.
func TestUnchanged(t *testing.T) {
	s := statement(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"x","purl":"pkg:golang/example.com/Lib@1.0.0","hashes":[{"alg":"SHA-256","content":"`+hex0+`"}]}]}`, provenance.CycloneDXType)
	i := inspector(t, Options{}, document0(t))
	d, err := i.sbom(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(d.Document)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []verify.Question{{Rule: verify.RuleBuildInfo}, {Rule: verify.RuleMinimum, Profile: "bsi-2.1"}, {Rule: verify.RuleDependencyAge, MaxAge: 1, Now: time.Unix(1, 0)}} {
		ask(t, i, s, q)
	}
	if after, err := json.Marshal(d.Document); err != nil || !bytes.Equal(before, after) {
		t.Errorf("got\n%s\nwas\n%s (%v)", after, before, err)
	}
}

// Whatever an SBOM is, there is an answer, the same one again, and each finding says something.
func FuzzInspect(f *testing.F) {
	d := document0(f)
	f.Add([]byte(statement(f, d, provenance.CycloneDXType).Predicate), true)
	f.Add([]byte(statement(f, d, provenance.SPDXType).Predicate), false)
	f.Add([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"x","purl":"pkg:golang/std@go1"},{"type":"library","name":"x","purl":"pkg:golang/example.com/lib@1.0.0"}]}`), true)
	f.Add([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"file","name":"x","purl":"pkg:golang/%2f@"}}}`), true)
	f.Fuzz(func(t *testing.T, data []byte, isCycloneDX bool) {
		predicateType := provenance.SPDXType
		if isCycloneDX {
			predicateType = provenance.CycloneDXType
		}
		s := &provenance.Statement{PredicateType: predicateType, Predicate: data}
		i, again := inspector(t, Options{}, d), inspector(t, Options{}, d)
		for _, q := range []verify.Question{
			{Rule: verify.RuleBuildInfo},
			{Rule: verify.RuleMinimum, Profile: "cisa-2026"},
			{Rule: verify.RuleVersion, Version: "v1.2.0"},
			{Rule: verify.RuleDependencyAge, MinAge: 1, MaxAge: time.Hour, Now: time.Unix(1.8e9, 0)},
		} {
			got, err := i.Inspect(t.Context(), app(t), s, q)
			if err != nil || len(got) == 0 {
				t.Fatalf("%s: got %v, %v", q.Rule, got, err)
			}
			for _, f := range got {
				if f.Want == "" || f.Got == "" || !slices.Contains([]verify.Outcome{verify.Passed, verify.Failed, verify.Unproven}, f.Outcome) {
					t.Errorf("%s: got %+v", q.Rule, f)
				}
			}
			if second, err := again.Inspect(t.Context(), app(t), s, q); err != nil || !slices.Equal(got, second) {
				t.Errorf("%s: got %v, and then %v, %v", q.Rule, got, second, err)
			}
		}
	})
}
