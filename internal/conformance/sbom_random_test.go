package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// documents is how many random Documents each test makes. Every one is another,
// and the same in every run.
const documents = 400

func TestCycloneDXOfRandomDocuments(t *testing.T) {
	schema := cycloneDXSchema(t, "1.6")
	for seed := range uint64(documents) {
		d, s := randomDocument(seed)
		data, err := cyclonedx.Marshal(d, s)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		bad := func(format string, a ...any) {
			t.Helper()
			t.Errorf("seed %d: "+format, append([]any{seed}, a...)...)
		}
		if err := validate(schema, data); err != nil {
			bad("%v", err)
		}
		if again, _ := cyclonedx.Marshal(shuffled(d, seed), s); !bytes.Equal(again, data) {
			bad("the same Document in another order gives other bytes")
		}
		for _, h := range dirHashes(d) {
			if bytes.Contains(data, []byte(h)) {
				bad("a module sum stands in hexadecimal, as if it were the hash of a file")
			}
		}

		var bom cdx.BOM
		if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Fatalf("seed %d: cyclonedx-go cannot read it: %v", seed, err)
		}
		var back bytes.Buffer
		if err := cdx.NewBOMEncoder(&back, cdx.BOMFileFormatJSON).Encode(&bom); err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, data, back.Bytes()) {
			bad("cyclonedx-go loses something of it:\n%s", back.Bytes())
		}

		if len(*bom.Components) != len(d.Components) {
			bad("%d components, want %d", len(*bom.Components), len(d.Components))
		}
		for _, c := range append(*bom.Components, *bom.Metadata.Component) {
			want := d.Component(c.BOMRef)
			switch {
			case want == nil:
				bad("component %q is not in the Document", c.BOMRef)
				continue
			case c.Name != want.Name, c.Version != want.Version, c.PackageURL != want.PURL, string(c.Type) != string(want.Type):
				bad("component %+v, want %+v", c, want)
			case want.Replaces != "" && (*c.Pedigree.Ancestors)[0].PackageURL != want.Replaces:
				bad("ancestor %+v, want %s", (*c.Pedigree.Ancestors)[0], want.Replaces)
			case want != &d.Main && (c.Scope == cdx.ScopeRequired) != (want.Scope == sbom.Runtime || want.Scope == sbom.System):
				bad("component %q has scope %q, want that for %q", c.BOMRef, c.Scope, want.Scope)
			}
			// Everything that is a property, and every digest somewhere.
			var got, wanted []string
			for _, p := range deref(c.Properties) {
				// TestCycloneDXRoundTrip looks at edges and distributions.
				if !strings.HasPrefix(p.Name, "hallmark:edge:") && !strings.HasPrefix(p.Name, "hallmark:distribution:") {
					got = append(got, p.Name+"="+p.Value)
				}
			}
			for _, h := range deref(c.Hashes) {
				got = append(got, "hash="+h.Value)
			}
			for _, p := range want.Properties {
				wanted = append(wanted, cycloneDXProperty(p.Name)+"="+p.Value)
			}
			if want.Verification != "" {
				wanted = append(wanted, "hallmark:go:verification="+string(want.Verification))
			}
			if f := distributed(d, want); f != nil {
				for _, dg := range f.Digests {
					wanted = append(wanted, "distribution="+f.URL+" "+dg.Hex())
				}
			}
			for _, r := range deref(c.ExternalReferences) {
				for _, h := range deref(r.Hashes) {
					got = append(got, string(r.Type)+"="+r.URL+" "+h.Value)
				}
			}
			if evidence := want != &d.Main && want.Verification.AtLeast(sbom.Recomputed) && len(want.Digests) > 0; evidence != (c.Evidence != nil && c.Evidence.Identity != nil) {
				bad("component %q, %q: evidence %v", c.BOMRef, want.Verification, c.Evidence)
			}
			if want.Scope != sbom.Runtime {
				wanted = append(wanted, "hallmark:scope="+string(want.Scope))
			}
			for _, target := range want.Targets {
				wanted = append(wanted, "hallmark:target="+target)
			}
			for _, path := range want.Packages {
				wanted = append(wanted, "hallmark:package="+path)
			}
			for _, f := range want.Embedded {
				wanted = append(wanted, "embedded="+f.Path+" "+f.Digest.Hex())
			}
			for _, f := range deref(c.Components) {
				line := "embedded=" + f.Name + " "
				for _, h := range deref(f.Hashes) {
					line += h.Value
				}
				for _, p := range deref(f.Properties) {
					line += strings.TrimPrefix(p.Value, "sha512_256:")
				}
				got = append(got, line)
			}
			for _, dg := range want.Digests {
				switch {
				case dg.H1() != "":
					wanted = append(wanted, "hallmark:go:h1="+dg.H1())
				case dg.Algorithm() == "sha256":
					wanted = append(wanted, "hash="+dg.Hex())
				default:
					wanted = append(wanted, "hallmark:digest="+dg.String())
				}
			}
			licences, properties := cycloneDXLicences(want.Licenses)
			wanted = append(wanted, properties...)
			if !equalSets(got, wanted) {
				bad("component %q has %q, want %q", c.BOMRef, got, wanted)
			}
			if got := foundLicences(c); !equalSets(got, licences) {
				bad("component %q has licences %q, want %q", c.BOMRef, got, licences)
			}
		}

		var got, wanted []string
		for _, p := range deref(bom.Metadata.Properties) {
			got = append(got, p.Name+"="+p.Value)
		}
		for _, u := range d.Unknown {
			wanted = append(wanted, "hallmark:unknown="+u)
		}
		for _, p := range d.Properties {
			wanted = append(wanted, cycloneDXProperty(p.Name)+"="+p.Value)
		}
		for _, target := range d.Targets {
			wanted = append(wanted, "hallmark:target="+target.Name)
			for _, u := range target.Unknown {
				wanted = append(wanted, "hallmark:target:"+target.Name+":unknown="+u)
			}
			for _, p := range target.Properties {
				wanted = append(wanted, "hallmark:target:"+target.Name+":property:"+p.Name+"="+p.Value)
			}
		}
		if !equalSets(got, wanted) {
			bad("the metadata have %q, want %q", got, wanted)
		}

		var edges []string
		for _, dep := range *bom.Dependencies {
			for _, to := range deref(dep.Dependencies) {
				edges = append(edges, dep.Ref+"\n"+to)
			}
		}
		if !equalSets(edges, edgesOf(d)) {
			bad("%d edges, want %d", len(edges), len(edgesOf(d)))
		}
		known := make(map[string]sbom.Completeness)
		for _, c := range *bom.Compositions {
			for _, ref := range deref(c.Dependencies) {
				known[string(ref)] = map[cdx.CompositionAggregate]sbom.Completeness{"complete": sbom.Complete, "unknown": sbom.Unknown}[c.Aggregate]
			}
		}
		if !maps.Equal(known, completeness(d)) {
			bad("compositions say %v, want %v", known, completeness(d))
		}
	}
}

func TestSPDXOfRandomDocuments(t *testing.T) {
	schemas := map[string]interface{ Validate(any) error }{
		"2.3": spdxSchema(t, "2.3"), "2.3.1": spdxSchema(t, "2.3.1"),
	}
	for seed := range uint64(documents) {
		d, s := randomDocument(seed)
		data, err := spdx.Marshal(d, s)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		bad := func(format string, a ...any) {
			t.Helper()
			t.Errorf("seed %d: "+format, append([]any{seed}, a...)...)
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatal(err)
		}
		for version, schema := range schemas {
			if err := schema.Validate(value); err != nil {
				bad("%s: %v", version, err)
			}
		}
		if again, _ := spdx.Marshal(shuffled(d, seed), s); !bytes.Equal(again, data) {
			bad("the same Document in another order gives other bytes")
		}
		for _, h := range dirHashes(d) {
			if bytes.Contains(data, []byte(h)) {
				bad("a module sum stands in hexadecimal, as if it were the hash of a file")
			}
		}

		doc, err := spdxjson.Read(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("seed %d: tools-golang cannot read it: %v", seed, err)
		}
		// ValidateDocument of v0.5.7 takes NONE and NOASSERTION for packages
		// that are missing.
		named := *doc
		named.Relationships = slices.DeleteFunc(slices.Clone(doc.Relationships), func(r *v2_3.Relationship) bool {
			return r.RefB.SpecialID != ""
		})
		if err := spdxlib.ValidateDocument(&named); err != nil {
			bad("tools-golang: %v", err)
		}
		var back bytes.Buffer
		if err := spdxjson.Write(doc, &back); err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, data, back.Bytes()) {
			bad("tools-golang loses something of it:\n%s", back.Bytes())
		}

		// Identifiers say nothing of a package: it is found by its place.
		if len(doc.Packages) != 1+len(d.Components) {
			t.Fatalf("seed %d: %d packages, want %d", seed, len(doc.Packages), 1+len(d.Components))
		}
		refs := make(map[common.ElementID]string)
		for i, p := range doc.Packages {
			want := &d.Main
			if i > 0 {
				want = &d.Components[i-1]
			}
			refs[p.PackageSPDXIdentifier] = want.Ref
			purl := ""
			for _, r := range p.PackageExternalReferences {
				if r.Category != common.CategoryPackageManager || r.RefType != "purl" {
					bad("package %q has the external reference %v", want.Ref, r)
				}
				purl += r.Locator
			}
			if p.PackageName != want.Name || p.PackageVersion != want.Version || purl != want.PURL ||
				p.PrimaryPackagePurpose != strings.ToUpper(string(want.Type)) {
				bad("package %+v, want %+v", p, want)
			}
			if p.FilesAnalyzed || p.PackageVerificationCode != nil || p.PackageSupplier.Supplier != "NOASSERTION" {
				bad("package %+v claims more than is known", p)
			}
			var got, wanted []string
			location := "NOASSERTION"
			if f := distributed(d, want); f != nil {
				location = f.URL
				for _, dg := range f.Digests {
					wanted = append(wanted, dg.Hex())
				}
			}
			for _, c := range p.PackageChecksums {
				got = append(got, c.Value)
			}
			if location == "NOASSERTION" {
				for _, dg := range want.Digests {
					if dg.Algorithm() == "sha256" {
						wanted = append(wanted, dg.Hex())
					}
				}
			}
			if !equalSets(got, wanted) || p.PackageDownloadLocation != location {
				bad("package %q at %q has checksums %v, want %q with %q", want.Ref, p.PackageDownloadLocation, got, location, wanted)
			}
			lines := strings.Split(p.PackageComment, "\n")
			if want.Verification != "" && !slices.Contains(lines, "verification "+string(want.Verification)) {
				bad("package %q does not say that it is %s: %q", want.Ref, want.Verification, lines)
			}
			for _, dg := range want.Digests {
				checksum := common.Checksum{Algorithm: common.SHA256, Value: dg.Hex()}
				switch {
				case dg.H1() != "" && slices.Contains(lines, "go.sum "+dg.H1()):
				case dg.Algorithm() == "sha256" && slices.Contains(p.PackageChecksums, checksum):
				case dg.H1() == "" && slices.Contains(lines, "digest "+dg.String()):
				default:
					bad("package %q does not have the digest %s", want.Ref, dg)
				}
			}
			if want.Replaces != "" && !slices.Contains(lines, "replaces "+want.Replaces) {
				bad("package %q does not say that it replaces %s: %q", want.Ref, want.Replaces, lines)
			}
			declared, concluded, comments := "NOASSERTION", "NOASSERTION", ""
			if l := want.Licenses; l != nil {
				declared, concluded = cmp.Or(l.Declared, declared), cmp.Or(l.Concluded, concluded)
				comments = p.PackageLicenseComments
				if n := len(l.Files); n > 0 && strings.Count(comments, "\n")+1 < n || (l.Unknown != "") != strings.HasPrefix(comments, "unknown ") {
					bad("package %q has the comments on its licence %q, want %d files, unknown %q", want.Ref, comments, n, l.Unknown)
				}
				for _, f := range l.Files {
					if !strings.Contains("\n"+comments, "\n"+string(f.Kind)+" "+f.Digest.String()+" "+fmt.Sprint(f.Coverage)+"% ") {
						bad("package %q does not have the file %s in %q", want.Ref, f.Path, comments)
					}
				}
				for _, text := range l.Texts {
					if !slices.ContainsFunc(doc.OtherLicenses, func(o *v2_3.OtherLicense) bool {
						return o.LicenseIdentifier == text.ID && o.ExtractedText == text.Text
					}) {
						bad("there is no text of %s", text.ID)
					}
				}
			}
			if p.PackageLicenseDeclared != declared || p.PackageLicenseConcluded != concluded || p.PackageLicenseComments != comments {
				bad("package %q is declared %q and concluded %q %q, want %+v", want.Ref, p.PackageLicenseDeclared, p.PackageLicenseConcluded, p.PackageLicenseComments, want.Licenses)
			}
			found := statements(lines, "target ", "package ", "embedded ", "property ")
			var stated []string
			for _, target := range want.Targets {
				stated = append(stated, "target "+target)
			}
			for _, path := range want.Packages {
				stated = append(stated, "package "+path)
			}
			for _, f := range want.Embedded {
				stated = append(stated, "embedded "+f.Digest.String()+" "+f.Path)
			}
			for _, p := range want.Properties {
				stated = append(stated, "property "+p.Name+"="+p.Value)
			}
			if !equalSets(found, stated) {
				bad("package %q says %q, want %q", want.Ref, found, stated)
			}
		}
		var stated []string
		for _, u := range d.Unknown {
			stated = append(stated, "unknown "+u)
		}
		for _, p := range d.Properties {
			stated = append(stated, "property "+p.Name+"="+p.Value)
		}
		for _, target := range d.Targets {
			stated = append(stated, "target "+target.Name)
			for _, u := range target.Unknown {
				stated = append(stated, "target "+target.Name+" unknown "+u)
			}
			for _, p := range target.Properties {
				stated = append(stated, "target "+target.Name+" property "+p.Name+"="+p.Value)
			}
		}
		comment, _ := strings.CutSuffix("\n"+doc.DocumentComment, "\nrequirements complete unless NOASSERTION")
		if comment = strings.TrimPrefix(comment, "\n"); comment == "" && len(stated) == 0 {
		} else if found := statements(strings.Split(comment, "\n"), ""); !equalSets(found, stated) {
			bad("the document says %q, want %q", found, stated)
		}
		if len(refs) != len(doc.Packages) {
			bad("%d identifiers for %d packages", len(refs), len(doc.Packages))
		}

		var edges, related, want []string
		none := make(map[string]string) // NONE or NOASSERTION
		for _, r := range doc.Relationships {
			a, b := refs[r.RefA.ElementRefID], refs[r.RefB.ElementRefID]
			switch {
			case r.Relationship == common.TypeRelationshipDependsOn && r.RefB.SpecialID != "":
				none[a] += r.RefB.SpecialID
			case r.Relationship == common.TypeRelationshipDependsOn:
				edges = append(edges, a+"\n"+b)
			case r.Relationship == common.TypeRelationshipDescribe && r.RefA.ElementRefID == "DOCUMENT" && b == d.Main.Ref:
			default:
				comment, _, ok := strings.Cut(r.RelationshipComment, ": ")
				if !ok {
					comment = "" // for which targets
				}
				related = append(related, a+"\n"+r.Relationship+comment+"\n"+b)
			}
		}
		if !equalSets(edges, edgesOf(d)) {
			bad("%d edges, want %d", len(edges), len(edgesOf(d)))
		}
		scopes := make(map[string]sbom.Scope)
		for _, c := range d.Components {
			scopes[c.Ref] = c.Scope
			switch c.Scope {
			case sbom.Runtime:
				want = append(want, d.Main.Ref+"\nCONTAINS\n"+c.Ref)
			case sbom.System:
				want = append(want, d.Main.Ref+"\nDYNAMIC_LINK\n"+c.Ref)
			case sbom.Build:
				want = append(want, c.Ref+"\nBUILD_TOOL_OF\n"+d.Main.Ref)
			case sbom.TestOnly:
				comment := "scope"
				if slices.Contains(d.Edges, sbom.Edge{From: d.Main.Ref, To: c.Ref, Kind: sbom.ForTests}) {
					comment = ""
				}
				want = append(want, c.Ref+"\nTEST_DEPENDENCY_OF"+comment+"\n"+d.Main.Ref)
			case sbom.ToolOnly:
				want = append(want, c.Ref+"\nDEV_TOOL_OF\n"+d.Main.Ref)
			case sbom.GraphOnly:
				want = append(want, d.Main.Ref+"\nOTHERgraph\n"+c.Ref)
			}
		}
		for _, e := range otherEdges(d) {
			switch {
			case e.Kind == sbom.ForTests && e.From == d.Main.Ref && scopes[e.To] == sbom.TestOnly && !slices.ContainsFunc(d.Edges, func(o sbom.Edge) bool {
				return o.From == e.From && o.To == e.To && o.Kind == e.Kind && o.Target != ""
			}): // it is the same statement
			case e.Kind == sbom.ForTests:
				want = append(want, e.To+"\nTEST_DEPENDENCY_OF\n"+e.From)
			case e.Kind == sbom.ForTools:
				want = append(want, e.To+"\nDEV_DEPENDENCY_OF\n"+e.From)
			default:
				want = append(want, e.From+"\nOTHERrequirement\n"+e.To)
			}
		}
		if !equalSets(related, want) {
			bad("relationships %q, want %q", related, want)
		}
		for ref, c := range completeness(d) {
			want := ""
			switch {
			case c == sbom.Unknown:
				want = "NOASSERTION"
			case !slices.ContainsFunc(edgesOf(d), func(e string) bool { return strings.HasPrefix(e, ref+"\n") }):
				want = "NONE"
			}
			if none[ref] != want {
				bad("%q DEPENDS_ON %q, want %q", ref, none[ref], want)
			}
		}
	}
}

// tools-golang v0.5.7 takes the text of a creator from the JSON as it stands,
// escapes and all: common.Creator.UnmarshalJSON. What is written is right.
func TestSPDXCreatorWithQuotes(t *testing.T) {
	d, s := randomDocument(0)
	s.Tool = sbom.Tool{Name: `the "tool"`, Version: `\1`}
	data, err := spdx.Marshal(d, s)
	if err != nil {
		t.Fatal(err)
	}
	var ours struct{ CreationInfo struct{ Creators []string } }
	if err := json.Unmarshal(data, &ours); err != nil {
		t.Fatal(err)
	}
	if got := ours.CreationInfo.Creators; len(got) != 1 || got[0] != `Tool: the "tool"-\1` {
		t.Errorf("creators %q", got)
	}
	var theirs v2_3.Document
	if err := json.Unmarshal(data, &theirs); err != nil {
		t.Fatal(err)
	}
	if got := theirs.CreationInfo.Creators[0].Creator; got != `the \"tool\"-\\1` {
		t.Errorf("tools-golang reads the creator as %s: its defect is mended, and random tools may have quotes", got)
	}
}

// randomDocument returns a Document with what is hard to write down: names of
// many scripts and of JSON's and HTML's own characters, no versions, components
// that replace others, many edges or none.
func randomDocument(seed uint64) (*sbom.Document, sbom.Stamp) {
	r := rand.New(rand.NewPCG(seed, 0))
	one := func(in int) bool { return r.IntN(in) == 0 }
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	word := func() string {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(pick(
				"a", "Z", "0", ".", "-", "_", "/", "+", "~", "@", ":", " ", "%2B", "<", ">", "&", "'", `"`, `\`, `\u003c`, `\n`, "=",
				"ä", "ı", "ſ", "e\u0301", "語", "🜚", "\u202e", "\u200d", "\u2028", "\ufeff", "\ufffd", "NONE", "NOASSERTION", "SPDXRef-", "urn:uuid:",
				"github.com/", "example.com/a", "00000000-0000-0000-0000-000000000000", `"documentNamespace": "https://spdx.org/spdxdocs/`,
			))
		}
		return b.String()
	}
	text := func() string {
		return word() + pick("", "", "\n", "\t", "\x00", "\x7f", "\r\n", "\u0085") + pick("", word())
	}
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(pick("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"))
		}
		return b.String()
	}
	digest := func(from ...string) hallmark.Digest {
		d, err := hallmark.ParseDigest(pick(from...))
		if err != nil {
			panic(err)
		}
		return d
	}
	properties := func() (ps []sbom.Property) {
		for range r.IntN(3) * r.IntN(3) {
			ps = append(ps, sbom.Property{
				Name:  pick("", text(), "GOOS", "bsi:component:executable", "bsi:component:structured", "bsi:component:filename"),
				Value: pick("", text(), "executable", "structured", "unstructured"),
			})
		}
		return ps
	}
	purl := func() string {
		return pick("pkg:golang/", "pkg:golang/example.com/", "pkg:npm/%40") + pick("a", "A%2Fb", "%C3%A4", "x.y-z") +
			pick("", "@v1.2.3", "@v2.0.0%2Bincompatible", "@v0.0.0-20261121104830-bcb64c912b21") + pick("", "", "?type=module", "#cmd/x")
	}
	texts := []string{text(), text(), text(), ""}
	licences := func() *sbom.Licenses {
		l := new(sbom.Licenses)
		ref := func() string {
			i := r.IntN(len(texts))
			t := sbom.LicenseText{ID: fmt.Sprintf("LicenseRef-%d.x-Y", i), Text: texts[i]}
			if !slices.Contains(l.Texts, t) {
				l.Texts = append(l.Texts, t)
			}
			return t.ID
		}
		id := func() string { return pick("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0", "Not-Listed.1", ref()) }
		var declared []string
		for i := range r.IntN(4) {
			d, err := hallmark.ParseDigest("sha256:" + digits(64))
			if err != nil {
				panic(err)
			}
			f := sbom.LicenseFile{
				Path: fmt.Sprintf("%d%s", i, pick("LICENSE", "a b/LICENSE", "<&>", `"x"`, "\x01", "ä")), Digest: d,
				Kind: sbom.LicenseKind(pick("license", "license", "notice", "patents")), Coverage: r.IntN(101),
			}
			for range r.IntN(3) {
				f.IDs = append(f.IDs, id())
			}
			if f.Kind == sbom.KindLicense {
				f.IDs = append(f.IDs, id())
				declared = append(declared, f.IDs...)
			}
			slices.Sort(f.IDs)
			f.IDs = slices.Compact(f.IDs)
			l.Files = append(l.Files, f)
		}
		slices.Sort(declared)
		l.Declared = strings.Join(slices.Compact(declared), " AND ")
		if one(3) {
			l.Concluded = pick("MIT", "(MIT OR Apache-2.0) AND "+id(), "GPL-2.0+ WITH Classpath-exception-2.0", id())
		}
		if l.Declared == "" {
			l.Unknown = "unknown: " + text()
		}
		return l
	}
	used := make(map[string]bool)
	component := func() sbom.Component {
		c := sbom.Component{
			Type:         sbom.Type(pick("application", "library", "library")),
			Name:         word(),
			Version:      pick("", "v1.2.3", "v2.0.0+incompatible", word()),
			Scope:        sbom.Runtime,
			Requirements: sbom.Completeness(pick("", "complete", "complete")),
			Properties:   properties(),
		}
		if !one(6) {
			c.PURL = purl()
		}
		for c.Ref = pick(c.PURL, "x"+word()); c.Ref == "" || used[c.Ref]; c.Ref += pick("'", "-", " ", "ä") {
		}
		used[c.Ref] = true
		if one(4) {
			c.Scope = sbom.Scope(pick("system", "build", "test", "tool", "graph"))
		}
		for i := range r.IntN(3) * r.IntN(3) {
			c.Packages = append(c.Packages, fmt.Sprint(i, text()))
		}
		for i := range r.IntN(3) * r.IntN(3) {
			c.Embedded = append(c.Embedded, sbom.File{
				Path:   fmt.Sprint(text(), i),
				Digest: digest("sha256:"+digits(64), "sha384:"+digits(96), "sha512_256:"+digits(64)),
			})
		}
		if one(5) {
			c.Replaces = purl()
		}
		for range r.IntN(3) {
			c.Digests = append(c.Digests, digest("dirHash:"+digits(64), "dirHash:"+digits(64), "sha256:"+digits(64), "gitCommit:"+digits(40)))
		}
		c.Verification = sbom.Verification(pick("", "listed", "recomputed", "included"))
		if c.Verification.AtLeast(sbom.Recomputed) && one(2) {
			c.Distribution = &sbom.Distribution{Path: word(), URL: pick("", "https://example.com/", "http://[::1]:80/p/") + pick("a@v1+x.zip", "%C3%A4/!b.zip")}
			if c.Distribution.URL[0] != 'h' {
				c.Distribution.URL = ""
			}
			for _, length := range []int{256, 384, 512}[:1+r.IntN(3)] {
				dg, err := hallmark.ParseDigest(fmt.Sprintf("sha%d:%s", length, digits(length/4)))
				if err != nil {
					panic(err)
				}
				c.Distribution.Digests = append(c.Distribution.Digests, dg)
			}
		}
		if one(2) {
			c.Licenses = licences()
		}
		return c
	}

	d := &sbom.Document{
		Main:       component(),
		Phase:      sbom.Phase(pick("", "pre-build", "build", "post-build")),
		Properties: properties(),
	}
	d.Main.Scope = sbom.Runtime
	for range r.IntN(3) {
		d.Unknown = append(d.Unknown, text())
	}
	var targets []string
	if one(2) {
		targets = []string{"linux/amd64", "windows/arm64", `"a"`, "ä=<&>\t"}[:2+r.IntN(3)]
	}
	for _, name := range targets {
		t := sbom.Target{Name: name, Properties: properties()}
		for range r.IntN(3) {
			t.Unknown = append(t.Unknown, text())
		}
		d.Targets = append(d.Targets, t)
	}
	n := r.IntN(30)
	if one(100) {
		n = 400
	}
	refs := []string{d.Main.Ref}
	for range n {
		c := component()
		for _, name := range targets {
			if one(3) {
				c.Targets = append(c.Targets, name)
			}
		}
		refs = append(refs, c.Ref)
		d.Components = append(d.Components, c)
	}
	for range r.IntN(1 + 5*n) {
		e := sbom.Edge{From: refs[r.IntN(len(refs))], To: refs[r.IntN(len(refs))]}
		if one(3) {
			e.Kind = sbom.EdgeKind(pick("test", "tool", "requirement"))
		}
		if len(targets) > 0 && one(2) {
			e.Target = pick(targets...)
		}
		if e.From != e.To {
			d.Edges = append(d.Edges, e)
		}
	}
	if err := d.Sort(); err != nil {
		panic(fmt.Sprintf("seed %d: %v", seed, err))
	}
	// No quotes and backslashes: see TestSPDXCreatorWithQuotes.
	tool := sbom.Tool{Name: pick("", "tool", "<a> & b", "ä語", "Tool: Person: x")}
	if tool.Name != "" {
		tool.Version = pick("", "v1.2.3", "<1>")
	}
	return d, sbom.Stamp{
		Created: time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).In(time.FixedZone("", 60*r.IntN(600))),
		Tool:    tool,
	}
}

// shuffled returns d in another order.
func shuffled(d *sbom.Document, seed uint64) *sbom.Document {
	r := rand.New(rand.NewPCG(seed, 1))
	s := *d
	s.Components = slices.Clone(d.Components)
	r.Shuffle(len(s.Components), func(i, j int) { s.Components[i], s.Components[j] = s.Components[j], s.Components[i] })
	s.Edges = slices.Clone(d.Edges)
	r.Shuffle(len(s.Edges), func(i, j int) { s.Edges[i], s.Edges[j] = s.Edges[j], s.Edges[i] })
	s.Properties = slices.Clone(d.Properties)
	slices.Reverse(s.Properties)
	s.Targets = slices.Clone(d.Targets)
	slices.Reverse(s.Targets)
	for i := range s.Components {
		c := &s.Components[i]
		c.Targets, c.Packages, c.Embedded = slices.Clone(c.Targets), slices.Clone(c.Packages), slices.Clone(c.Embedded)
		slices.Reverse(c.Targets)
		slices.Reverse(c.Packages)
		slices.Reverse(c.Embedded)
		if l := s.Components[i].Licenses; l != nil {
			other := *l
			other.Files, other.Texts = slices.Clone(l.Files), slices.Clone(l.Texts)
			slices.Reverse(other.Files)
			slices.Reverse(other.Texts)
			s.Components[i].Licenses = &other
		}
	}
	return &s
}

// cycloneDXLicences returns what a component with l must have: its licences and
// their evidence as foundLicences gives them, and its properties.
func cycloneDXLicences(l *sbom.Licenses) (licences, properties []string) {
	if l == nil {
		return nil, nil
	}
	// One identifier each, or else one of them is a property.
	plain := func(s string) bool { return !strings.ContainsAny(s, " +") && s != "Not-Listed.1" }
	if l.Declared != "" {
		if l.Concluded != "" && !(plain(l.Declared) && plain(l.Concluded)) {
			properties = append(properties, "hallmark:license:declared="+l.Declared)
		} else {
			licences = append(licences, "declared "+l.Declared)
		}
	}
	if l.Concluded != "" {
		licences = append(licences, "concluded "+l.Concluded)
	}
	if l.Unknown != "" {
		properties = append(properties, "hallmark:license:unknown="+l.Unknown)
	}
	texts := make(map[string]string)
	for _, t := range l.Texts {
		texts[t.ID] = t.Text
	}
	for _, f := range l.Files {
		if f.Kind != sbom.KindLicense {
			ids := cmp.Or(strings.Join(f.IDs, ","), "-")
			properties = append(properties, fmt.Sprintf("hallmark:license:%s=%s %d %s %s", f.Kind, f.Digest, f.Coverage, ids, f.Path))
			continue
		}
		for _, id := range f.IDs {
			text := ""
			if t, ok := texts[id]; ok {
				text = "text " + t
				delete(texts, id)
			}
			licences = append(licences, fmt.Sprintf("%s %s %s %d %s", f.Path, id, f.Digest, f.Coverage, text))
		}
	}
	for id, text := range texts {
		properties = append(properties, "hallmark:license:text:"+id+"="+text)
	}
	return licences, properties
}

// cycloneDXProperty is the name that a Property has in a document: its own if
// it has a namespace.
func cycloneDXProperty(name string) string {
	if i := strings.IndexByte(name, ':'); i > 0 {
		return name
	}
	return "hallmark:property:" + name
}

// foundLicences returns the licences of a CycloneDX component, and the evidence
// of each.
func foundLicences(c cdx.Component) (licences []string) {
	if c.Licenses != nil {
		for _, l := range *c.Licenses {
			if l.License != nil {
				licences = append(licences, fmt.Sprintf("%s %s", l.License.Acknowledgement, l.License.ID+l.License.Name))
			} else {
				licences = append(licences, fmt.Sprintf("%s %s", *l.Acknowledgement, l.Expression))
			}
		}
	}
	if c.Evidence != nil && c.Evidence.Licenses != nil {
		for _, e := range *c.Evidence.Licenses {
			property := make(map[string]string)
			for _, p := range *e.License.Properties {
				property[p.Name] = p.Value
			}
			text := ""
			if e.License.Text != nil {
				text = "text " + e.License.Text.Content
			}
			licences = append(licences, fmt.Sprintf("%s %s %s %s %s", property["hallmark:license:file"], e.License.ID+e.License.Name,
				property["hallmark:license:digest"], property["hallmark:license:coverage"], text))
		}
	}
	return licences
}

// edgesOf returns the edges that are dependencies in both formats: those that are
// linked, and all but declared ones of components that are not in the artifact.
func edgesOf(d *sbom.Document) []string {
	edges := make(map[string]bool)
	for _, e := range d.Edges {
		if isDependency(d, e) {
			edges[e.From+"\n"+e.To] = true
		}
	}
	return slices.Collect(maps.Keys(edges))
}

// otherEdges returns the edges that are none, each once for all targets.
func otherEdges(d *sbom.Document) []sbom.Edge {
	edges := make(map[sbom.Edge]bool)
	for _, e := range d.Edges {
		if e.Target = ""; !isDependency(d, e) {
			edges[e] = true
		}
	}
	return slices.Collect(maps.Keys(edges))
}

func isDependency(d *sbom.Document, e sbom.Edge) bool {
	switch e.Kind {
	case sbom.Linked:
		return true
	case sbom.ForTests, sbom.ForTools:
		return d.Component(e.From).Scope != sbom.Runtime
	}
	return false
}

// statements returns the lines of a comment that begin with one of prefixes, with
// their texts as they were before they were quoted.
func statements(lines []string, prefixes ...string) (all []string) {
	for _, line := range lines {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(line, prefix) }) {
			all = append(all, statement(line))
		}
	}
	return all
}

// statement reads one line of a comment as package spdx says that it is written.
func statement(line string) string {
	// A text is a quoted string, or goes on to the separator.
	text := func(s, separator string) (text, rest string) {
		if strings.HasPrefix(s, `"`) {
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				return "malformed: " + s, ""
			}
			text, _ = strconv.Unquote(quoted)
			return text, strings.TrimPrefix(s[len(quoted):], separator)
		}
		text, rest, _ = strings.Cut(s, separator)
		return text, rest
	}
	const end = "\n" // which no line has
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "target":
		name, rest := text(rest, " ")
		if rest == "" {
			return "target " + name
		}
		return "target " + name + " " + statement(rest)
	case "property":
		name, rest := text(rest, "=")
		value, _ := text(rest, end)
		return "property " + name + "=" + value
	case "embedded":
		digest, rest, _ := strings.Cut(rest, " ")
		path, _ := text(rest, end)
		return "embedded " + digest + " " + path
	}
	rest, _ = text(rest, end)
	return kind + " " + rest
}

func completeness(d *sbom.Document) map[string]sbom.Completeness {
	m := map[string]sbom.Completeness{d.Main.Ref: d.Main.Requirements}
	for _, c := range d.Components {
		m[c.Ref] = c.Requirements
	}
	return m
}

// distributed returns the distribution of a component that is written down.
func distributed(d *sbom.Document, c *sbom.Component) *sbom.Distribution {
	if c == &d.Main || c.Distribution == nil || c.Distribution.URL == "" {
		return nil
	}
	return c.Distribution
}

func dirHashes(d *sbom.Document) []string {
	var sums []string
	for _, c := range append(slices.Clone(d.Components), d.Main) {
		for _, dg := range c.Digests {
			if dg.H1() != "" {
				sums = append(sums, dg.Hex())
			}
		}
	}
	return sums
}

func deref[T any](p *[]T) []T {
	if p == nil {
		return nil
	}
	return *p
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var va, vb any
	if err := json.Unmarshal(a, &va); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vb); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(va, vb)
}
