package cyclonedx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

const licenseRef = "LicenseRef-"

// licenses writes what l says that the licences are, and returns properties with
// what has no place there or among what was found.
func (w *writer) licenses(properties []sbom.Property, c *sbom.Component) []sbom.Property {
	l := c.Licenses
	if l == nil {
		return properties
	}
	add := func(name, value string) { properties = append(properties, sbom.Property{Name: name, Value: value}) }

	// Up to 1.6, the schema has a list of licences with identifiers, or one
	// expression. Up to 1.5, it does not tell what is declared from what is
	// concluded.
	declared, concluded := l.Declared != "", l.Concluded != ""
	if declared && concluded && (w.minor < 6 || w.minor == 6 && (isExpression(l.Declared) || isExpression(l.Concluded))) {
		declared = false
		add("hallmark:license:declared", l.Declared)
		w.moved(w.place(c) + "/licenses")
	}
	if concluded && w.minor < 6 {
		add("hallmark:license:acknowledgement", "concluded")
		if !declared {
			w.moved(w.place(c) + "/licenses")
		}
	}
	if declared || concluded {
		w.p.list("licenses")
		if declared {
			w.license(l.Declared, "declared")
		}
		if concluded {
			w.license(l.Concluded, "concluded")
		}
		w.p.close(']')
	}
	if l.Unknown != "" {
		add("hallmark:license:unknown", l.Unknown)
	}

	found := make(map[string]bool) // texts are where they were found
	for _, f := range sortedFiles(l) {
		if f.Kind == sbom.KindLicense {
			for _, id := range f.IDs {
				found[id] = true
			}
			if w.minor >= 5 {
				continue
			}
		}
		ids := "-"
		if len(f.IDs) > 0 {
			ids = strings.Join(slices.Sorted(slices.Values(f.IDs)), ",")
		}
		add("hallmark:license:"+string(f.Kind), fmt.Sprintf("%s %d %s %s", f.Digest, f.Coverage, ids, f.Path))
	}
	for _, t := range slices.SortedFunc(slices.Values(l.Texts), func(a, b sbom.LicenseText) int { return strings.Compare(a.ID, b.ID) }) {
		if !found[t.ID] {
			add("hallmark:license:text:"+t.ID, t.Text)
		}
	}
	return properties
}

func sortedFiles(l *sbom.Licenses) []sbom.LicenseFile {
	return slices.SortedFunc(slices.Values(l.Files), func(a, b sbom.LicenseFile) int { return strings.Compare(a.Path, b.Path) })
}

// isExpression reports whether an expression is written as one. It is a licence if
// it is one identifier. Not all identifiers that the schema allows as an id are
// known here; in an expression it allows any.
func isExpression(s string) bool {
	return !isListed(s) && (!strings.HasPrefix(s, licenseRef) || strings.Contains(s, " "))
}

// license writes an expression as an element of licenses.
func (w *writer) license(expression, acknowledgement string) {
	p := &w.p
	p.element()
	if isExpression(expression) {
		p.member("expression", expression)
		if w.minor >= 6 {
			p.member("acknowledgement", acknowledgement)
		}
		p.close('}')
		return
	}
	p.object("license")
	w.licenseID(expression)
	if w.minor >= 6 {
		p.member("acknowledgement", acknowledgement)
	}
	p.close('}')
	p.close('}')
}

func (w *writer) licenseID(id string) {
	if isListed(id) {
		w.p.member("id", id)
	} else {
		w.p.member("name", id)
	}
}

// foundLicenses writes the licences that were found, as evidence.
func (w *writer) foundLicenses(l *sbom.Licenses) {
	p := &w.p
	// A text stands where it was found, once.
	texts := make(map[string]string, len(l.Texts))
	for _, t := range l.Texts {
		texts[t.ID] = t.Text
	}
	p.list("licenses")
	seen := make(map[string]bool)
	for _, f := range sortedFiles(l) {
		if f.Kind != sbom.KindLicense {
			continue
		}
		for _, id := range slices.Sorted(slices.Values(f.IDs)) {
			if w.minor < 5 && seen[id] {
				continue // it would say the same again
			}
			seen[id] = true
			p.element()
			p.object("license")
			w.licenseID(id)
			if text, ok := texts[id]; ok {
				p.object("text")
				p.name("content")
				p.text(text)
				p.member("contentType", "text/plain; charset=utf-8")
				p.close('}')
				delete(texts, id)
			}
			if w.minor >= 5 {
				w.printProperties([]sbom.Property{
					{Name: "hallmark:license:file", Value: f.Path},
					{Name: "hallmark:license:digest", Value: f.Digest.String()},
					{Name: "hallmark:license:coverage", Value: strconv.Itoa(f.Coverage)},
				})
			}
			p.close('}')
			p.close('}')
		}
	}
	p.close(']')
}

// readLicenses returns what a component says of its licences, or nil.
func readLicenses(n *node, property map[string][]string, texts []sbom.LicenseText) *sbom.Licenses {
	one := func(name string) string {
		if v := property[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	if len(property) == 0 && n.get("licenses") == nil && n.get("evidence") == nil {
		return nil // a text alone says nothing
	}
	l := &sbom.Licenses{Unknown: one("hallmark:license:unknown"), Texts: texts}

	known := make(map[string]bool) // texts
	for _, t := range l.Texts {
		known[t.ID] = true
	}
	files := make(map[string]int) // by path
	for i := range n.get("evidence").items("licenses") {
		e := n.get("evidence").items("licenses")[i].get("license")
		id := e.str("id") + e.str("name")
		if text := e.get("text"); text != nil && strings.HasPrefix(id, licenseRef) && !known[id] {
			known[id] = true
			l.Texts = append(l.Texts, sbom.LicenseText{ID: id, Text: text.str("content")})
		}
		said := make(map[string]string)
		for _, p := range e.items("properties") {
			said[p.str("name")] = p.str("value")
		}
		file, ok := readLicenseFile(sbom.KindLicense, said["hallmark:license:digest"], said["hallmark:license:coverage"], id, said["hallmark:license:file"])
		if !ok {
			continue
		}
		if i, ok := files[file.Path]; ok {
			l.Files[i].IDs = append(l.Files[i].IDs, id)
		} else {
			files[file.Path] = len(l.Files)
			l.Files = append(l.Files, file)
		}
	}
	for _, kind := range []sbom.LicenseKind{sbom.KindLicense, sbom.KindNotice, sbom.KindPatents} {
		for _, line := range property["hallmark:license:"+string(kind)] {
			if part := strings.SplitN(line, " ", 4); len(part) == 4 {
				if file, ok := readLicenseFile(kind, part[0], part[1], part[2], part[3]); ok {
					l.Files = append(l.Files, file)
				}
			}
		}
	}
	slices.SortStableFunc(l.Files, func(a, b sbom.LicenseFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(l.Texts, func(a, b sbom.LicenseText) int { return strings.Compare(a.ID, b.ID) })

	var declared, concluded []string
	for _, e := range n.items("licenses") {
		expression, of := e.str("expression"), &e
		if id := e.get("license"); id != nil {
			of = id
			if expression = id.str("id"); expression == "" {
				expression = id.str("name")
			}
			if isExpression(expression) && id.get("id") == nil {
				expression = " " // a name that nobody else need know
			}
		}
		if of.str("acknowledgement") == "concluded" || one("hallmark:license:acknowledgement") == "concluded" {
			concluded = append(concluded, expression)
		} else {
			declared = append(declared, expression)
		}
	}
	l.Declared, l.Concluded = together(known, declared), together(known, concluded)
	if d := one("hallmark:license:declared"); d != "" {
		l.Declared = d
	}
	if l.Declared+l.Concluded+l.Unknown == "" && len(l.Files) == 0 {
		return nil
	}
	return l
}

// readLicenseFile reads what is said of a file. ids are separated by commas.
func readLicenseFile(kind sbom.LicenseKind, digest, coverage, ids, path string) (f sbom.LicenseFile, ok bool) {
	d, derr := hallmark.ParseDigest(digest)
	n, nerr := strconv.Atoi(coverage)
	if derr != nil || nerr != nil || strconv.Itoa(n) != coverage {
		return f, false
	}
	f = sbom.LicenseFile{Path: path, Digest: d, Kind: kind, Coverage: n}
	if ids != "-" {
		f.IDs = strings.Split(ids, ",")
	}
	return f, true
}

// together returns one expression for several licences, all of which apply as far
// as is known. It returns "" if one of them is no expression, or if it is not known
// what it stands for: texts are the IDs of those that are there.
func together(texts map[string]bool, expressions []string) string {
	all := slices.Clone(expressions)
	for i, e := range all {
		ids, err := sbom.LicenseIDs(e)
		if err != nil {
			return ""
		}
		for _, id := range ids {
			if strings.HasPrefix(id, licenseRef) && !texts[id] {
				return ""
			}
		}
		if len(all) > 1 && strings.Contains(e, " ") {
			all[i] = "(" + e + ")"
		}
	}
	return strings.Join(all, " AND ")
}

// isListed reports whether id is one of the SPDX identifiers that the JSON
// schema allows in the field for them, and that package license finds.
func isListed(id string) bool {
	switch id {
	case
		"0BSD", "AAL", "ADSL", "AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0", "AGPL-1.0", "AGPL-1.0-only", "AGPL-1.0-or-later",
		"AGPL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "AMDPLPA", "AML", "AMPAS", "ANTLR-PD", "APAFML", "APL-1.0", "APSL-1.0", "APSL-1.1",
		"APSL-1.2", "APSL-2.0", "Abstyles", "Adobe-2006", "Adobe-Glyph", "Afmparse", "Aladdin", "Apache-1.0", "Apache-1.1", "Apache-2.0",
		"Artistic-1.0", "Artistic-1.0-Perl", "Artistic-1.0-cl8", "Artistic-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent",
		"BSD-2-Clause-Views", "BSD-3-Clause", "BSD-3-Clause-Attribution", "BSD-3-Clause-Clear", "BSD-3-Clause-LBNL",
		"BSD-3-Clause-No-Nuclear-License", "BSD-3-Clause-No-Nuclear-License-2014", "BSD-3-Clause-No-Nuclear-Warranty", "BSD-3-Clause-Open-MPI",
		"BSD-4-Clause", "BSD-4-Clause-UC", "BSD-Protection", "BSD-Source-Code", "BSL-1.0", "Bahyph", "Barr", "Beerware", "BitTorrent-1.0",
		"BitTorrent-1.1", "BlueOak-1.0.0", "Borceux", "CAL-1.0", "CATOSL-1.1", "CC-BY-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0",
		"CC-BY-3.0-AT", "CC-BY-4.0", "CC-BY-NC-1.0", "CC-BY-NC-2.0", "CC-BY-NC-2.5", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-ND-1.0",
		"CC-BY-NC-ND-2.0", "CC-BY-NC-ND-2.5", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-1.0", "CC-BY-NC-SA-2.0",
		"CC-BY-NC-SA-2.5", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-1.0", "CC-BY-ND-2.0", "CC-BY-ND-2.5", "CC-BY-ND-3.0", "CC-BY-ND-4.0",
		"CC-BY-SA-1.0", "CC-BY-SA-2.0", "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-3.0-AT", "CC-BY-SA-4.0", "CC-PDDC", "CC0-1.0", "CDDL-1.0",
		"CDDL-1.1", "CDLA-Permissive-1.0", "CDLA-Sharing-1.0", "CECILL-1.0", "CECILL-1.1", "CECILL-2.0", "CECILL-2.1", "CECILL-B", "CECILL-C",
		"CERN-OHL-1.1", "CERN-OHL-1.2", "CERN-OHL-P-2.0", "CERN-OHL-S-2.0", "CERN-OHL-W-2.0", "CNRI-Jython", "CNRI-Python",
		"CNRI-Python-GPL-Compatible", "CPAL-1.0", "CPL-1.0", "CPOL-1.02", "CUA-OPL-1.0", "Caldera", "ClArtistic", "Condor-1.1", "Crossword",
		"CrystalStacker", "Cube", "D-FSL-1.0", "DOC", "DSDP", "Dotseqn", "ECL-1.0", "ECL-2.0", "EFL-1.0", "EFL-2.0", "EPICS", "EPL-1.0",
		"EPL-2.0", "EUDatagrid", "EUPL-1.0", "EUPL-1.1", "EUPL-1.2", "Entessa", "ErlPL-1.1", "Eurosym", "FSFAP", "FSFUL", "FSFULLR", "FTL",
		"Fair", "Frameworx-1.0", "FreeImage", "GFDL-1.1", "GFDL-1.1-invariants-only", "GFDL-1.1-invariants-or-later",
		"GFDL-1.1-no-invariants-only", "GFDL-1.1-no-invariants-or-later", "GFDL-1.2", "GFDL-1.2-invariants-only",
		"GFDL-1.2-invariants-or-later", "GFDL-1.2-no-invariants-only", "GFDL-1.2-no-invariants-or-later", "GFDL-1.3",
		"GFDL-1.3-invariants-only", "GFDL-1.3-invariants-or-later", "GFDL-1.3-no-invariants-only", "GFDL-1.3-no-invariants-or-later", "GL2PS",
		"GLWTPL", "GPL-1.0", "GPL-1.0-only", "GPL-1.0-or-later", "GPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0", "GPL-3.0-only",
		"GPL-3.0-or-later", "Giftware", "Glide", "Glulxe", "HPND", "HPND-sell-variant", "HaskellReport", "Hippocratic-2.1", "IBM-pibs", "ICU",
		"IJG", "IPA", "IPL-1.0", "ISC", "ImageMagick", "Imlib2", "Info-ZIP", "Intel", "Intel-ACPI", "Interbase-1.0", "JPNIC", "JSON",
		"JasPer-2.0", "LAL-1.2", "LAL-1.3", "LGPL-2.0", "LGPL-2.0-only", "LGPL-2.0-or-later", "LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later",
		"LGPL-3.0", "LGPL-3.0-only", "LGPL-3.0-or-later", "LGPLLR", "LPL-1.0", "LPL-1.02", "LPPL-1.0", "LPPL-1.1", "LPPL-1.2", "LPPL-1.3a",
		"LPPL-1.3c", "Latex2e", "Leptonica", "LiLiQ-P-1.1", "LiLiQ-R-1.1", "LiLiQ-Rplus-1.1", "Libpng", "Linux-OpenIB", "MIT", "MIT-0",
		"MIT-CMU", "MIT-advertising", "MIT-enna", "MIT-feh", "MITNFA", "MPL-1.0", "MPL-1.1", "MPL-2.0", "MPL-2.0-no-copyleft-exception",
		"MS-PL", "MS-RL", "MTLL", "MakeIndex", "MirOS", "Motosoto", "MulanPSL-1.0", "MulanPSL-2.0", "Multics", "Mup", "NASA-1.3", "NBPL-1.0",
		"NCGL-UK-2.0", "NCSA", "NGPL", "NIST-PD", "NIST-PD-fallback", "NLOD-1.0", "NLPL", "NOSL", "NPL-1.0", "NPL-1.1", "NPOSL-3.0", "NRL",
		"NTP", "NTP-0", "Naumen", "Net-SNMP", "NetCDF", "Newsletr", "Nokia", "Noweb", "O-UDA-1.0", "OCCT-PL", "OCLC-2.0", "ODC-By-1.0",
		"ODbL-1.0", "OFL-1.0", "OFL-1.1", "OGC-1.0", "OGL-Canada-2.0", "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGTSL", "OLDAP-1.1",
		"OLDAP-1.2", "OLDAP-1.3", "OLDAP-1.4", "OLDAP-2.0", "OLDAP-2.0.1", "OLDAP-2.1", "OLDAP-2.2", "OLDAP-2.2.1", "OLDAP-2.2.2", "OLDAP-2.3",
		"OLDAP-2.4", "OLDAP-2.5", "OLDAP-2.6", "OLDAP-2.7", "OLDAP-2.8", "OML", "OPL-1.0", "OSET-PL-2.1", "OSL-1.0", "OSL-1.1", "OSL-2.0",
		"OSL-2.1", "OSL-3.0", "OpenSSL", "PDDL-1.0", "PHP-3.0", "PHP-3.01", "PSF-2.0", "Parity-6.0.0", "Parity-7.0.0", "Plexus",
		"PolyForm-Noncommercial-1.0.0", "PolyForm-Small-Business-1.0.0", "PostgreSQL", "Python-2.0", "QPL-1.0", "Qhull", "RHeCos-1.1",
		"RPL-1.1", "RPL-1.5", "RPSL-1.0", "RSA-MD", "RSCPL", "Rdisc", "Ruby", "SAX-PD", "SCEA", "SGI-B-1.0", "SGI-B-1.1", "SGI-B-2.0",
		"SHL-0.5", "SHL-0.51", "SISSL", "SISSL-1.2", "SMLNJ", "SMPPL", "SNIA", "SPL-1.0", "SSH-OpenSSH", "SSH-short", "SSPL-1.0", "SWL",
		"Saxpath", "Sendmail", "Sendmail-8.23", "SimPL-2.0", "Sleepycat", "Spencer-86", "Spencer-94", "Spencer-99", "SugarCRM-1.1.3",
		"TAPR-OHL-1.0", "TCL", "TCP-wrappers", "TMate", "TORQUE-1.1", "TOSL", "TU-Berlin-1.0", "TU-Berlin-2.0", "UCL-1.0", "UPL-1.0",
		"Unicode-DFS-2015", "Unicode-DFS-2016", "Unicode-TOU", "Unlicense", "VOSTROM", "VSL-1.0", "Vim", "W3C", "W3C-19980720", "W3C-20150513",
		"WTFPL", "Watcom-1.0", "Wsuipa", "X11", "XFree86-1.1", "XSkat", "Xerox", "Xnet", "YPL-1.0", "YPL-1.1", "ZPL-1.1", "ZPL-2.0", "ZPL-2.1",
		"Zed", "Zend-2.0", "Zimbra-1.3", "Zimbra-1.4", "Zlib", "blessing", "bzip2-1.0.5", "bzip2-1.0.6", "copyleft-next-0.3.0",
		"copyleft-next-0.3.1", "curl", "diffmark", "dvipdfm", "eGenix", "etalab-2.0", "gSOAP-1.3b", "gnuplot", "iMatix", "libpng-2.0",
		"libselinux-1.0", "libtiff", "mpich2", "psfrag", "psutils", "xinetd", "xpp", "zlib-acknowledgement":
		return true
	}
	return false
}
