package fleet

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/verify"
)

// OddStart is about when all of an odd fleet was built.
func OddStart() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// OddPackages returns the package URLs, without versions, of the packages that odd fleets
// are made of, and a few that they are not.
func OddPackages() []string {
	return []string{
		"pkg:golang/example.com/a",
		"pkg:golang/example.com/A",
		"pkg:golang/example.com/b/v2",
		"pkg:golang/example.com/b",
		"pkg:golang/example.com/%C3%A4",
		"pkg:golang/github.com/BurntSushi/toml",
		"pkg:golang/stdlib",
		"pkg:golang/std",
		"pkg:npm/a",
		"pkg:npm/%40acme/a",
		"pkg:pypi/a-b",
		"pkg:deb/debian/a?arch=amd64",
		"pkg:deb/debian/a",
		"pkg:cargo/a",
		"pkg:generic/a",
		"pkg:golang/example.com/%C5%BF",
		"pkg:golang/example.com/s",
		"pkg:golang/example.com/none",
		"pkg:golang/example.com",
	}
}

// OddVersions returns versions as packages of odd fleets have them.
func OddVersions() []string {
	return []string{
		"v1.0.0", "v1.2.3", "v1.2.4-0.20260102030405-0123456789ab", "v1.2.4", "v1.10.0", "v1.2.3-rc.1", "v2.0.0+incompatible", "v2.0.0", "v2.0.1", "v0.0.0-20250102030405-0123456789ab",
		"1.2.3", "1.10.0", "1.26rc1", "1.26.0-rc.1", "go1.25.3", "1.25.3", "v1", "(devel)", "latest", "2.0.0.post1", "1:2.0-3", "1.2.3+build.5", "v1.2.3+build.6",
		"v99999999999999999999.0.0", "v1.0.0-", "ä",
	}
}

// OddLicenses returns the identifiers of the licences that components of odd fleets have.
func OddLicenses() []string {
	return []string{"MIT", "Apache-2.0", "GPL-2.0-only", "LicenseRef-own", "BSD-3-Clause"}
}

// Odd makes a few Records with what is seldom and awkward: components without a package
// URL or with one that does not parse, twice in a Document, of types without an order of
// versions, with versions that are none, used instead of others, with the letters of their
// path in another case; Documents with nothing in them, several of one artifact, one of
// several artifacts; artifacts of which nothing is known.
//
// All Documents pass [sbom.Document.Check] if sound is true, and almost all others do.
func Odd(seed uint64, sound bool) []inventory.Record {
	r := rand.New(rand.NewPCG(seed, 3))
	o := odd{Rand: r, sound: sound}
	for i := range 1 + r.IntN(12) {
		o.pool = append(o.pool, o.component(i))
	}
	var documents []*sbom.Document
	for range 1 + r.IntN(8) {
		documents = append(documents, o.document())
	}
	var records []inventory.Record
	artifacts := 1 + r.IntN(20)
	for i := range artifacts {
		for k := range []int{1, 1, 1, 1, 2, 3}[r.IntN(6)] {
			rec := o.record(seed, i, k)
			if r.IntN(8) > 0 {
				d := *documents[r.IntN(len(documents))]
				switch r.IntN(3) {
				case 0: // the same components, in another order and about another one
					d.Components, d.Edges = slices.Clone(d.Components), slices.Clone(d.Edges)
					r.Shuffle(len(d.Components), func(i, k int) { d.Components[i], d.Components[k] = d.Components[k], d.Components[i] })
					r.Shuffle(len(d.Edges), func(i, k int) { d.Edges[i], d.Edges[k] = d.Edges[k], d.Edges[i] })
					d.Main.Name, d.Main.PURL = rec.Artifact.Name+"x", ""
				case 1:
					d.Unknown = append(slices.Clone(d.Unknown), fmt.Sprint("what comes ", k))
				}
				rec.Document = &d
				if len(rec.Evidence) > 0 && r.IntN(4) > 0 {
					e := evidence(statement("x", rec.Artifact.Digests[0], provenance.CycloneDXType, nil), hallmark.Digest{})
					e.Keys, e.Claims = rec.Evidence[0].Keys, rec.Evidence[0].Claims
					rec.Attested = e.Signed
					rec.Evidence = append(rec.Evidence, e)
				}
			}
			records = append(records, rec)
		}
	}
	return records
}

type odd struct {
	*rand.Rand
	sound bool
	pool  []sbom.Component // with an empty Ref
}

func pick[T any](o *odd, from ...T) T { return from[o.IntN(len(from))] }

func (o *odd) digest(algorithm string, n int) hallmark.Digest {
	return sum(algorithm, 3, fmt.Sprint("odd ", o.IntN(n)))
}

func (o *odd) component(i int) sbom.Component {
	c := sbom.Component{
		Type:  pick(o, sbom.Library, sbom.Library, sbom.Library, sbom.Application, sbom.Container, sbom.FileType, sbom.Unclassified),
		Scope: pick(o, sbom.Runtime, sbom.Runtime, sbom.Runtime, sbom.Optional, sbom.System, sbom.Build, sbom.TestOnly, sbom.ToolOnly, sbom.GraphOnly, sbom.Unscoped),
	}
	base := pick(o, OddPackages()[:17]...)
	v := pick(o, OddVersions()...)
	path, query, _ := strings.Cut(base, "?")
	p, err := purl.Parse(path)
	if err != nil {
		panic("fleet: internal error: " + err.Error())
	}
	c.Name, c.Version = p.Path(), v
	c.PURL = path + "@" + url.PathEscape(v)
	if query != "" {
		c.PURL += "?" + query
	}
	switch o.IntN(14) {
	case 0: // none
		c.PURL = ""
	case 1: // known by its name and group
		c.PURL, c.Group = "", pick(o, "example.com", "@acme", "debian")
		c.Name = pick(o, "a", "A", "b/v2")
	case 2: // without a version
		c.PURL, c.Version = base, ""
	case 3: // with the version in one place
		c.PURL = base
	case 4:
		c.Version = ""
	case 5: // spelled in another way
		c.PURL = "pkg://" + c.PURL[len("pkg:"):]
	case 6:
		c.PURL += "#client"
	case 7:
		if query == "" {
			c.PURL += "?arch=arm64&distro=x"
		}
	case 8:
		if !o.sound {
			c.PURL = pick(o, "pkg:", "golang/example.com/a@v1.0.0", "pkg:golang/example.com/a@%zz", "pkg:golang/", "\x00")
		}
	}
	if o.IntN(4) == 0 {
		c.Replaces = pick(o, OddPackages()[:17]...)
		if o.IntN(2) == 0 {
			if path, query, _ := strings.Cut(c.Replaces, "?"); query == "" {
				c.Replaces = path + "@" + url.PathEscape(pick(o, OddVersions()...))
			}
		}
	}
	for _, algorithm := range []string{"dirHash", "sha256", "sha512", "sha1"} {
		if o.IntN(3) == 0 {
			c.Digests = append(c.Digests, o.digest(algorithm, 4))
		}
	}
	switch o.IntN(7) {
	case 0:
		c.Licenses = &sbom.Licenses{Declared: "MIT"}
	case 1:
		c.Licenses = &sbom.Licenses{Declared: "MIT OR (Apache-2.0 AND GPL-2.0-only WITH Classpath-exception-2.0)", Concluded: "Apache-2.0"}
	case 2:
		c.Licenses = &sbom.Licenses{Unknown: "there is no text"}
	case 3:
		c.Licenses = &sbom.Licenses{Concluded: "LicenseRef-own", Texts: []sbom.LicenseText{{ID: "LicenseRef-own", Text: "own"}}}
	case 4:
		c.Licenses = &sbom.Licenses{Declared: "GPL-2.0-only+"}
	}
	if o.IntN(3) == 0 {
		c.Packages = pick(o, []string{"."}, []string{".", "client"}, []string{"client", "server"}, []string{"a/b", "client"})
	}
	if o.IntN(3) == 0 {
		c.Requirements = sbom.Complete
	}
	if o.IntN(6) == 0 {
		c.Gaps = []sbom.Gap{{Element: sbom.ElementRequires, Kind: sbom.NotKnown}}
	}
	if c.Name == "" {
		c.Name = fmt.Sprint("part ", i)
	}
	return c
}

func (o *odd) document() *sbom.Document {
	d := &sbom.Document{Phase: pick(o, sbom.Built, sbom.PostBuild, "")}
	d.Main = o.component(99)
	d.Main.Scope = sbom.Runtime
	d.Main.Ref = pick(o, "main", "0", "zzz")
	if o.IntN(6) == 0 {
		return d // empty
	}
	for i := range o.IntN(12) {
		c := o.pool[o.IntN(len(o.pool))]
		c.Ref = fmt.Sprintf("%s%d", pick(o, "a", "b", "ref-"), i)
		d.Components = append(d.Components, c)
	}
	all := d.All()
	for range o.IntN(3 * len(all)) {
		e := sbom.Edge{From: all[o.IntN(len(all))].Ref, To: all[o.IntN(len(all))].Ref}
		e.Kind = pick(o, sbom.Linked, sbom.Linked, sbom.Linked, sbom.ForTests, sbom.ForTools, sbom.Declared, sbom.Contains)
		if o.IntN(3) == 0 {
			e.From = d.Main.Ref
		}
		if e.From != e.To {
			d.Edges = append(d.Edges, e)
		}
	}
	if o.IntN(4) == 0 {
		d.Targets = []sbom.Target{{Name: "linux/amd64"}, {Name: "windows/amd64", Unknown: []string{"cgo is not known"}}}
		for i := range d.Edges {
			d.Edges[i].Target = pick(o, "", "linux/amd64", "windows/amd64")
		}
		for i := range d.Components {
			if o.IntN(2) == 0 {
				d.Components[i].Targets = []string{"linux/amd64"}
			}
		}
	}
	if o.IntN(5) == 0 {
		d.Unknown = []string{"it is not known what is linked by cgo"}
	}
	slices.SortFunc(d.Components, func(a, b sbom.Component) int { return strings.Compare(a.Ref, b.Ref) })
	return d
}

func (o *odd) record(seed uint64, artifact, which int) inventory.Record {
	rec := inventory.Record{Artifact: hallmark.Artifact{
		Name:    pick(o, "app", "app", "lib", "", "ä\t'\"%"),
		Digests: []hallmark.Digest{sum("sha256", seed, fmt.Sprint("odd artifact ", artifact))},
	}}
	// All Records of an artifact have the same digests.
	if h := hash(seed, "odd digests", artifact, 0); h[0]%3 == 0 {
		rec.Artifact.Digests = append(rec.Artifact.Digests, sum("sha512", seed, fmt.Sprint("odd artifact ", artifact)), sum("sha1", seed, fmt.Sprint("odd artifact ", artifact)))
		rec.Artifact.Name = "several digests"
	}
	if o.IntN(3) > 0 {
		rec.Build = inventory.Build{
			Source:   pick(o, "", "https://git.example.org/a", "https://git.example.org/A", "https://git.example.org/a/b"),
			Workflow: pick(o, "", "build.yml", ".github/workflows/build.yml"),
			Builder:  pick(o, "", "https://ci.example.org/b", "https://ci.example.org/b@refs/heads/main", "https://ci.example.org/b@refs/tags/v1", "https://ci.example.org/bb@refs/tags/v1", "https://ci.example.org/b_%@x"),
			Type:     pick(o, "", buildType),
			Run:      pick(o, "", "run 1"),
		}
		if o.IntN(2) == 0 {
			rec.Build.Commit = parse("gitCommit", hash(3, "odd", o.IntN(3), 0)[:20])
			rec.Build.Ref = "refs/tags/v1.0.0"
		}
		if o.IntN(3) > 0 {
			rec.Build.Finished = OddStart().Add(time.Duration(o.IntN(20)) * time.Hour)
		}
		for range o.IntN(4) {
			in := inventory.Input{URI: pick(o, "", "pkg:golang/example.com/a@v1.0.0", "https://example.com/x"), Name: pick(o, "", "image")}
			if in.URI == "" && in.Name == "" {
				in.Name = "x"
			}
			switch o.IntN(4) {
			case 0:
				in.Digests = []hallmark.Digest{sum("sha256", seed, fmt.Sprint("odd artifact ", o.IntN(20)))}
			case 1:
				in.Digests = []hallmark.Digest{o.digest("sha256", 4), o.digest("sha512", 4), o.digest("gitCommit", 4)}
			case 2:
				in.Digests = []hallmark.Digest{o.digest("sha256", 4)}
			}
			rec.Build.Inputs = append(rec.Build.Inputs, in)
		}
	}
	for i := range o.IntN(3) {
		e := evidence(statement(fmt.Sprint("x", i), rec.Artifact.Digests[0], "https://example.org/anything", []byte(`{"n":1}`)), hallmark.Digest{})
		e.Keys = nil
		switch o.IntN(3) {
		case 0:
			e.Keys = []hallmark.Digest{o.digest("sha256", 3)}
		case 1:
			e.Keys = []hallmark.Digest{sum("sha256", 3, "odd 0"), sum("sha256", 3, "odd 1")}
			e.Threshold = 2
		case 2:
			e.Claims = &verify.Claims{Issuer: "https://issuer.example.org", Subject: pick(o, "ann@example.org", "https://ci.example.org/b@refs/tags/v1"), Repository: "https://git.example.org/a"}
			e.Times = []time.Time{OddStart().Add(time.Hour)}
		}
		rec.Evidence = append(rec.Evidence, e)
	}
	if o.IntN(4) > 0 {
		rec.Verdict = inventory.Verdict{Policy: o.digest("sha256", 2), At: OddStart().Add(time.Duration(o.IntN(100)) * time.Hour)}
		switch o.IntN(4) {
		case 0:
			rec.Verdict.Verdict = verify.Rejected
			rec.Verdict.Reasons = []string{"one", "two"}[:1+o.IntN(2)]
		case 1:
			rec.Verdict.Verdict = verify.Undecided
			rec.Verdict.Reasons = []string{"who knows"}
		case 2:
			rec.Verdict.Verdict = verify.Accepted
			for range 1 + o.IntN(2) {
				rec.Verdict.Exceptions = append(rec.Verdict.Exceptions, verify.Exception{
					Rule: verify.RuleCommit, Digest: rec.Artifact.Digests[0], Owner: "ann", Reason: "it is so", Control: "none",
					Expires: OddStart().Add(time.Duration(o.IntN(60)-30) * 24 * time.Hour),
				})
			}
		default:
			rec.Verdict.Verdict = verify.Accepted
		}
	}
	if o.IntN(6) == 0 {
		rec.Gaps = []string{fmt.Sprint("gap ", which)}
	}
	if o.IntN(2) == 0 {
		rec.Mark = o.digest("sha256", 1000)
	}
	return rec
}
