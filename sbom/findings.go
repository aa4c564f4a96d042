package sbom

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/internal/versions"
)

// A Finding is something in a Document that is not as its readers will expect it.
// Unlike what [Document.Check] refuses, it can be written down.
type Finding struct {
	Kind FindingKind // what it is about

	// Ref is that of the component that it is in; empty for the Document.
	Ref string

	// Field is the field of the [Component] or [Document] that it is in, and
	// Value what is there, or the part of it that matters.
	Field, Value string

	// Text is a sentence on what is not as expected.
	Text string
}

// String returns a line of text, without a line break.
func (f Finding) String() string {
	s := "document"
	if f.Ref != "" {
		s = printable(f.Ref)
	}
	s += ": " + f.Field
	if f.Value != "" {
		s += " " + printable(f.Value)
	}
	return s + ": " + printable(f.Text)
}

// A FindingKind is what a Finding is about.
type FindingKind string

// The kinds of Findings.
const (
	// PURLSpelling: a package URL is not in its canonical form, so that who
	// compares texts does not find it.
	PURLSpelling FindingKind = "purl-spelling"

	// PURLMismatch: a package URL has another name or version than its component.
	PURLMismatch FindingKind = "purl-mismatch"

	// PURLMalformed, DigestMalformed and LicenseMalformed: a CycloneDX document that was
	// read has a package URL, a hash of the wrong length for its algorithm or a
	// licence expression that is none. It is in the Remainder alone.
	PURLMalformed    FindingKind = "purl-malformed"
	DigestMalformed  FindingKind = "digest-malformed"
	LicenseMalformed FindingKind = "license-malformed"

	// PURLTwice: another component has the same package URL, with a version.
	PURLTwice FindingKind = "purl-twice"

	// VersionMalformed: the version is none that the type of the package URL
	// knows, so that no range of versions can tell. Of golang, npm and cargo only.
	VersionMalformed FindingKind = "version-malformed"

	// DigestWeak: no digest is of an algorithm that still withstands collisions.
	DigestWeak FindingKind = "digest-weak"

	// DigestTwice: there are two digests of one algorithm.
	DigestTwice FindingKind = "digest-twice"

	// CPEMalformed: a CPE is neither a formatted string of version 2.3 nor a URI
	// of version 2.2 (NIST IR 7695, sections 6.1 and 6.2).
	CPEMalformed FindingKind = "cpe-malformed"

	// URLMalformed: a URL is malformed, or not absolute.
	URLMalformed FindingKind = "url-malformed"

	// EmailMalformed: an email address is none.
	EmailMalformed FindingKind = "email-malformed"

	// TimeMalformed: a time has a year that cannot be written (RFC 3339).
	TimeMalformed FindingKind = "time-malformed"

	// GapContradicted: it is said to be missing, and it is there.
	GapContradicted FindingKind = "gap-contradicted"

	// EdgesMissing: there are components and no edges.
	EdgesMissing FindingKind = "edges-missing"

	// Unreachable: the component is part of the artifact, and no chain of edges
	// of any kind leads to it from the main component.
	Unreachable FindingKind = "unreachable"
)

// Findings returns what is not as expected in d: first for the Document and then
// for each component, in the order of [Document.All]. It looks at what is in d
// alone, at no clock and no network; whether elements are there that somebody asks
// for is another question. d is one that passes [Document.Check].
func (d *Document) Findings() []Finding {
	var list []Finding
	ref := ""
	add := func(kind FindingKind, field, value, format string, a ...any) {
		list = append(list, Finding{kind, ref, field, value, fmt.Sprintf(format, a...)})
	}
	absolute := func(field, s string) {
		if u, err := url.Parse(s); err != nil || u.Scheme == "" {
			add(URLMalformed, field, s, "it is not an absolute URL")
		}
	}
	party := func(field string, p *Party) {
		if p == nil {
			return
		}
		if p.URL != "" {
			absolute(field, p.URL)
		}
		user, host, ok := strings.Cut(p.Email, "@")
		if p.Email != "" && (!ok || user == "" || host == "" || strings.Contains(host, "@") || strings.IndexFunc(p.Email, unicode.IsSpace) >= 0) {
			add(EmailMalformed, field, p.Email, "it is not an email address")
		}
	}

	for i := range d.Authors {
		party("Authors", &d.Authors[i])
	}
	if len(d.Components) > 0 && len(d.Edges) == 0 {
		add(EdgesMissing, "Edges", "", "there are components, and nothing says what requires them")
	}

	all := d.All()
	reached := d.reached()
	first := make(map[string]string) // Ref, by PURL
	for _, c := range all {
		ref = c.Ref
		if p, err := purl.Parse(c.PURL); err == nil {
			canonical := p.String()
			if canonical != c.PURL {
				add(PURLSpelling, "PURL", c.PURL, "its canonical form is %s", canonical)
			}
			if p.Version != "" && p.Version != c.Version {
				add(PURLMismatch, "PURL", c.PURL, "its version is %q, and that of the component %q", p.Version, c.Version)
			}
			if !strings.EqualFold(c.fullName(), p.Path()) && !strings.EqualFold(c.Name, p.Name) {
				add(PURLMismatch, "PURL", c.PURL, "its name is %q, and that of the component %q", p.Path(), c.fullName())
			}
			if versions.Ordered(p.Type) && p.Version != "" {
				if _, err := versions.Parse(p.Type, p.Version); err != nil {
					add(VersionMalformed, "PURL", c.PURL, "%v", err)
				}
			}
			if other, ok := first[canonical]; ok && p.Version != "" {
				add(PURLTwice, "PURL", c.PURL, "component %s has it too", other)
			} else {
				first[canonical] = c.Ref
			}
		}
		if p, err := purl.Parse(c.Replaces); err == nil && p.String() != c.Replaces {
			add(PURLSpelling, "Replaces", c.Replaces, "its canonical form is %s", p)
		}

		strong := len(c.Digests) == 0
		sums := make(map[string]string)
		for _, dg := range c.Digests {
			switch dg.Algorithm() {
			case "md5", "sha1", "ripemd160", "gost":
			default:
				strong = true
			}
			if have, ok := sums[dg.Algorithm()]; ok && have != dg.Hex() {
				add(DigestTwice, "Digests", dg.String(), "there is another one of %s", dg.Algorithm())
			}
			sums[dg.Algorithm()] = dg.Hex()
		}
		if !strong {
			add(DigestWeak, "Digests", c.Digests[0].Algorithm(), "no digest withstands collisions")
		}

		for _, r := range c.Remainder {
			if strings.HasPrefix(r.Format, CycloneDX+"@") {
				r.malformed(func(kind FindingKind, field, value, text string) { add(kind, field, value, "%s", text) })
			}
		}
		for _, s := range c.CPEs {
			if !isCPE(s) {
				add(CPEMalformed, "CPEs", s, "it is neither a CPE 2.3 formatted string nor a CPE 2.2 URI")
			}
		}
		for _, r := range c.References {
			absolute("References", r.URL)
		}
		party("Supplier", c.Supplier)
		party("Producer", c.Producer)
		if y := c.SupportUntil.UTC().Year(); !c.SupportUntil.IsZero() && (y < 1 || y > 9999) {
			add(TimeMalformed, "SupportUntil", "", "its year is %d", y)
		}

		for _, g := range c.Gaps {
			there := false
			switch g.Element {
			case ElementSupplier:
				there = c.Supplier != nil
			case ElementProducer:
				there = c.Producer != nil
			case ElementVersion:
				there = c.Version != ""
			case ElementIdentifier:
				there = c.PURL != "" || len(c.CPEs) > 0
			case ElementHash:
				there = len(c.Digests) > 0
			case ElementLicense:
				there = c.Licenses != nil && c.Licenses.Declared+c.Licenses.Concluded != ""
			case ElementCopyright:
				there = c.Copyright != ""
			case ElementRequires:
				there = c.Requirements == Complete
			}
			if there {
				add(GapContradicted, "Gaps", string(g.Element), "it is said to be %s, and it is there", g.Kind)
			}
		}
		if !reached[c.Ref] && c.Scope == Runtime && len(d.Edges) > 0 {
			add(Unreachable, "Ref", "", "no chain of edges leads to it from the main component")
		}
	}
	return list
}

// malformed tells what of r, which is of a component of a CycloneDX document, is not in
// a field of a Component since it is malformed.
func (r Remainder) malformed(add func(kind FindingKind, field, value, text string)) {
	switch r.Path {
	case "/purl":
		var s string
		if json.Unmarshal(r.Value, &s) == nil {
			if _, err := purl.Parse(s); err != nil {
				add(PURLMalformed, "PURL", s, "it is no package URL")
			}
		}
	case "/hashes":
		var hashes []struct{ Alg, Content string }
		if json.Unmarshal(r.Value, &hashes) != nil {
			return
		}
		for _, h := range hashes {
			bits := map[string]int{
				"MD5": 128, "SHA-1": 160, "SHA-256": 256, "SHA-384": 384, "SHA-512": 512, "SHA3-256": 256, "SHA3-384": 384, "SHA3-512": 512,
				"BLAKE2b-256": 256, "BLAKE2b-384": 384, "BLAKE2b-512": 512, "Streebog-256": 256, "Streebog-512": 512,
			}[h.Alg]
			if bits != 0 && len(h.Content) != bits/4 {
				add(DigestMalformed, "Digests", h.Alg, fmt.Sprintf("%d hexadecimal digits, want %d", len(h.Content), bits/4))
			}
		}
	case "/licenses":
		var licenses []struct{ Expression string }
		if json.Unmarshal(r.Value, &licenses) != nil {
			return
		}
		for _, l := range licenses {
			if _, err := LicenseIDs(l.Expression); l.Expression != "" && err != nil {
				add(LicenseMalformed, "Licenses", l.Expression, "it is no licence expression")
			}
		}
	}
}

// reached returns the Refs of the components to which edges of any kind lead from
// the main one.
func (d *Document) reached() map[string]bool {
	next := make(map[string][]string)
	for _, e := range d.Edges {
		next[e.From] = append(next[e.From], e.To)
	}
	reached := map[string]bool{d.Main.Ref: true}
	for queue := []string{d.Main.Ref}; len(queue) > 0; queue = queue[1:] {
		for _, to := range next[queue[0]] {
			if !reached[to] {
				reached[to] = true
				queue = append(queue, to)
			}
		}
	}
	return reached
}

// isCPE reports whether s is a CPE 2.3 formatted string or a CPE 2.2 URI.
func isCPE(s string) bool {
	if strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "cpe:2.3:"); ok {
		// 11 attributes, none empty; a colon in one has a backslash before it.
		attributes := strings.Split(strings.NewReplacer(`\\`, "_", `\:`, "_").Replace(rest), ":")
		for _, a := range attributes {
			if a == "" {
				return false
			}
		}
		return len(attributes) == 11 && len(attributes[0]) == 1 && strings.Contains("aho*-", attributes[0])
	}
	rest, ok := strings.CutPrefix(s, "cpe:/")
	if !ok {
		return false
	}
	attributes := strings.Split(rest, ":")
	return len(attributes) <= 7 && (attributes[0] == "" || len(attributes[0]) == 1 && strings.Contains("aho", attributes[0]))
}
