package spdx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// statements returns the lines that say what is in c. Its writers clear what they
// have said elsewhere.
func statements(c *sbom.Component) (lines []string) {
	say := func(keyword, rest string) { lines = append(lines, keyword+" "+rest) }
	for _, d := range c.Digests {
		if h1 := d.H1(); h1 != "" {
			say("go.sum", h1)
		} else {
			say("digest", d.String())
		}
	}
	if f := c.Distribution; f != nil {
		say("distribution", quote(f.Path, ""))
		if f.URL != "" {
			say("distributed at", f.URL)
		}
		for _, d := range f.Digests {
			say("distributed as", d.String())
		}
	}
	if c.Verification != sbom.Unverified {
		say("verification", string(c.Verification))
	}
	if c.Replaces != "" {
		say("replaces", c.Replaces)
	}
	if c.Type != "" {
		say("type", string(c.Type))
	}
	if c.Group != "" {
		say("group", quote(c.Group, ""))
	}
	if c.Supplier != nil {
		say("supplier", literal(c.Supplier))
	}
	if c.Producer != nil {
		say("producer", literal(c.Producer))
	}
	for _, s := range sorted(c.CPEs, cmp.Compare) {
		say("cpe", quote(s, ""))
	}
	for _, r := range sorted(c.References, compareReferences) {
		say("reference", literal(r))
	}
	if c.Support != "" {
		say("support", quote(c.Support, ""))
	}
	if c.SupportUntil.Nanosecond() != 0 { // fields are to the second
		say("supported", "until "+c.SupportUntil.UTC().Format(time.RFC3339Nano))
	}
	for _, g := range sorted(c.Gaps, compareGaps) {
		say("gap", string(g.Element)+" "+string(g.Kind))
	}
	for _, t := range sorted(c.Targets, cmp.Compare) {
		say("target", quote(t, ""))
	}
	for _, path := range sorted(c.Packages, cmp.Compare) {
		say("package", quote(path, ""))
	}
	for _, f := range sorted(c.Embedded, compareFiles) {
		say("embedded", f.Digest.String()+" "+quote(f.Path, ""))
	}
	return appendProperties(lines, "", c.Properties)
}

// state adds to c what a line of statements says, and reports whether it says
// anything.
func state(c *sbom.Component, line string) bool {
	keyword, rest, _ := strings.Cut(line, " ")
	switch keyword {
	case "go.sum":
		d, err := hallmark.ParseH1(rest)
		c.Digests = append(c.Digests, d)
		return err == nil
	case "digest":
		return appendDigest(&c.Digests, rest)
	case "distribution":
		if c.Distribution != nil {
			return false
		}
		c.Distribution = new(sbom.Distribution)
		return unquote(&c.Distribution.Path, rest)
	case "distributed":
		how, rest, _ := strings.Cut(rest, " ")
		switch {
		case c.Distribution == nil:
			return false
		case how == "at":
			c.Distribution.URL = rest
			return true
		}
		return how == "as" && appendDigest(&c.Distribution.Digests, rest)
	case "verification":
		c.Verification = sbom.Verification(rest)
		return rest != "" && c.Verification.AtLeast(sbom.Unverified)
	case "replaces":
		c.Replaces = rest
		return strings.HasPrefix(rest, "pkg:")
	case "type":
		c.Type = sbom.Type(rest)
		return true
	case "group":
		return unquote(&c.Group, rest)
	case "supplier":
		return value(&c.Supplier, rest)
	case "producer":
		return value(&c.Producer, rest)
	case "cpe":
		return unquoteTo(&c.CPEs, rest)
	case "reference":
		c.References = append(c.References, sbom.Reference{})
		return value(&c.References[len(c.References)-1], rest)
	case "support":
		return unquote(&c.Support, rest)
	case "supported":
		until, isUntil := strings.CutPrefix(rest, "until ")
		t, err := time.Parse(time.RFC3339Nano, until)
		c.SupportUntil = t.UTC()
		return isUntil && err == nil && t.Nanosecond() != 0
	case "gap":
		element, kind, _ := strings.Cut(rest, " ")
		c.Gaps = append(c.Gaps, sbom.Gap{Element: sbom.Element(element), Kind: sbom.GapKind(kind)})
		return true
	case "target":
		return unquoteTo(&c.Targets, rest)
	case "package":
		return unquoteTo(&c.Packages, rest)
	case "embedded":
		digest, path, _ := strings.Cut(rest, " ")
		d, err := hallmark.ParseDigest(digest)
		c.Embedded = append(c.Embedded, sbom.File{Digest: d})
		return err == nil && unquote(&c.Embedded[len(c.Embedded)-1].Path, path)
	case "property":
		return property(&c.Properties, rest)
	}
	return false
}

// licenseStatements returns the lines that say what l has beside expressions, and
// texts that these or files refer to.
func licenseStatements(l *sbom.Licenses) (lines []string) {
	if l.Unknown != "" {
		lines = append(lines, "unknown "+quote(l.Unknown, ""))
	}
	files := slices.SortedFunc(slices.Values(l.Files), func(a, b sbom.LicenseFile) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range files {
		ids := "-"
		if len(f.IDs) > 0 {
			ids = strings.Join(slices.Sorted(slices.Values(f.IDs)), ",")
		}
		lines = append(lines, fmt.Sprintf("%s %s %d%% %s %s", f.Kind, f.Digest, f.Coverage, ids, quote(f.Path, "")))
	}
	used := make(map[string]bool)
	for _, id := range licenseRefs(l) {
		used[id] = true
	}
	for _, t := range slices.SortedFunc(slices.Values(l.Texts), func(a, b sbom.LicenseText) int { return cmp.Compare(a.ID, b.ID) }) {
		if !used[t.ID] {
			lines = append(lines, "text "+t.ID)
		}
	}
	return lines
}

// stateLicense adds to l what a line of licenseStatements says, and reports
// whether it says anything. A text has its ID alone.
func stateLicense(l *sbom.Licenses, line string) bool {
	keyword, rest, _ := strings.Cut(line, " ")
	switch keyword {
	case "unknown":
		return unquote(&l.Unknown, rest)
	case "text":
		l.Texts = append(l.Texts, sbom.LicenseText{ID: rest})
		return true
	case "license", "notice", "patents":
		field := strings.SplitN(rest, " ", 4)
		if len(field) < 4 {
			return false
		}
		f := sbom.LicenseFile{Kind: sbom.LicenseKind(keyword)}
		d, err := hallmark.ParseDigest(field[0])
		percent, isPercent := strings.CutSuffix(field[1], "%")
		coverage, err2 := strconv.Atoi(percent)
		if err != nil || err2 != nil || !isPercent {
			return false
		}
		f.Digest, f.Coverage = d, coverage
		if field[2] != "-" {
			f.IDs = strings.Split(field[2], ",")
		}
		ok := unquote(&f.Path, field[3])
		l.Files = append(l.Files, f)
		return ok
	}
	return false
}

// licenseRefs returns the identifiers of texts that the expressions and files of l
// have.
func licenseRefs(l *sbom.Licenses) []string {
	var refs distinct[string]
	add := func(ids []string) {
		for _, id := range ids {
			if strings.HasPrefix(id, "LicenseRef-") {
				refs.add(id)
			}
		}
	}
	for _, expression := range []string{l.Declared, l.Concluded} {
		ids, _ := sbom.LicenseIDs(expression) // Check has seen it, or it is empty
		add(ids)
	}
	for _, f := range l.Files {
		add(f.IDs)
	}
	return refs.list
}

const completeLine = "requirements complete unless NOASSERTION"

// documentStatements returns the lines that say what is in d, but not in its
// components. Its writers clear what they have said elsewhere.
func documentStatements(d *sbom.Document) (lines []string) {
	for _, u := range d.Unknown {
		lines = append(lines, "unknown "+quote(u, ""))
	}
	lines = appendProperties(lines, "", d.Properties)
	for _, t := range slices.SortedFunc(slices.Values(d.Targets), func(a, b sbom.Target) int { return cmp.Compare(a.Name, b.Name) }) {
		name := "target " + quote(t.Name, "")
		lines = append(lines, name)
		for _, u := range t.Unknown {
			lines = append(lines, name+" unknown "+quote(u, ""))
		}
		lines = appendProperties(lines, name+" ", t.Properties)
	}
	for _, p := range d.Authors {
		lines = append(lines, "author "+literal(p))
	}
	if d.Phase != "" {
		lines = append(lines, "phase "+string(d.Phase))
	}
	return lines
}

// stateDocument adds to d what a line of documentStatements says, and reports
// whether it says anything.
func stateDocument(d *sbom.Document, line string) bool {
	keyword, rest, _ := strings.Cut(line, " ")
	switch keyword {
	case "unknown":
		return unquoteTo(&d.Unknown, rest)
	case "property":
		return property(&d.Properties, rest)
	case "author":
		d.Authors = append(d.Authors, sbom.Party{})
		return value(&d.Authors[len(d.Authors)-1], rest)
	case "phase":
		d.Phase = sbom.Phase(rest)
		return true
	case "target":
		name, rest := quotedPrefix(rest, " ")
		n := len(d.Targets)
		if rest == "" {
			d.Targets = append(d.Targets, sbom.Target{Name: name})
			return true
		}
		if n == 0 || d.Targets[n-1].Name != name {
			return false
		}
		switch keyword, rest, _ := strings.Cut(rest, " "); keyword {
		case "unknown":
			return unquoteTo(&d.Targets[n-1].Unknown, rest)
		case "property":
			return property(&d.Targets[n-1].Properties, rest)
		}
	}
	return false
}

// split divides a comment into the text before its statements, and these: the
// last lines of it for all of which is holds.
func split(comment string, is func(line string) bool) (text string, lines []string) {
	rest := comment
	for {
		i := strings.LastIndexByte(rest, '\n')
		if line := rest[i+1:]; !is(line) {
			return strings.TrimSuffix(comment[:len(rest)], "\n"), split2(comment[len(rest):])
		}
		if i < 0 {
			return "", strings.Split(comment, "\n")
		}
		rest = rest[:i]
	}
}

// split2 returns the lines of what is behind the text of a comment.
func split2(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s[1:], "\n")
}

// readStatements returns what the last lines of a comment say of a component, and
// the text before them.
func readStatements(comment string) (c sbom.Component, text string) {
	if comment == "" {
		return c, ""
	}
	var probe sbom.Component
	text, lines := split(comment, func(line string) bool {
		probe = sbom.Component{}
		return state(&probe, line) || strings.HasPrefix(line, "distributed ")
	})
	for _, line := range lines {
		if !state(&c, line) {
			return sbom.Component{}, comment
		}
	}
	// What is not said as it is written here is somebody else's text.
	if !slices.Equal(statements(&c), lines) || !sane(&c) {
		return sbom.Component{}, comment
	}
	return c, text
}

// sane reports whether a Document can have what was read into c from statements.
func sane(c *sbom.Component) bool {
	probe := *c
	probe.Ref, probe.Name, probe.Scope, probe.Targets = "probe", "probe", sbom.Runtime, nil
	probe.Type = cmp.Or(probe.Type, sbom.Library)
	if f := probe.Distribution; f != nil && len(f.Digests) == 0 {
		probe.Distribution = nil // they are its checksums
	}
	return (&sbom.Document{Main: probe}).Check() == nil
}

func readLicenseStatements(comment string) (l sbom.Licenses, text string) {
	if comment == "" {
		return l, ""
	}
	text, lines := split(comment, func(line string) bool { return stateLicense(new(sbom.Licenses), line) })
	for _, line := range lines {
		stateLicense(&l, line)
	}
	again := l
	if !slices.Equal(licenseStatements(&again), lines) {
		return sbom.Licenses{}, comment
	}
	return l, text
}

func readDocumentStatements(comment string) (d sbom.Document, complete bool, text string) {
	if comment == "" {
		return d, false, ""
	}
	is := func(line string) bool {
		probe := &sbom.Document{}
		if name, rest := quotedPrefix(strings.TrimPrefix(line, "target "), " "); rest != "" {
			probe.Targets = []sbom.Target{{Name: name}}
		}
		return line == completeLine || stateDocument(probe, line)
	}
	text, lines := split(comment, is)
	all := lines
	if n := len(lines); n > 0 && lines[n-1] == completeLine {
		complete, lines = true, lines[:n-1]
	}
	for _, line := range lines {
		if !stateDocument(&d, line) {
			return sbom.Document{}, false, comment
		}
	}
	again := documentStatements(&d)
	if complete {
		again = append(again, completeLine)
	}
	probe := d
	probe.Main = sbom.Component{Ref: "probe", Name: "probe", Type: sbom.Library, Scope: sbom.Runtime}
	if !slices.Equal(again, all) || probe.Check() != nil {
		return sbom.Document{}, false, comment
	}
	return d, complete, text
}

// sorted returns a list in the order of compare: the list itself if it is in it,
// else a copy.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

func compareReferences(a, b sbom.Reference) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.URL, b.URL), cmp.Compare(a.Comment, b.Comment),
		slices.CompareFunc(a.Digests, b.Digests, func(a, b hallmark.Digest) int { return cmp.Compare(a.String(), b.String()) }))
}

func sortReferences(rs []sbom.Reference) { slices.SortStableFunc(rs, compareReferences) }

func compareGaps(a, b sbom.Gap) int {
	return cmp.Or(cmp.Compare(a.Element, b.Element), cmp.Compare(a.Kind, b.Kind))
}

func compareFiles(a, b sbom.File) int { return cmp.Compare(a.Path, b.Path) }

// appendProperties appends a line for each property, sorted, that begins with
// prefix.
func appendProperties(lines []string, prefix string, ps []sbom.Property) []string {
	first := len(lines)
	for _, p := range ps {
		lines = append(lines, prefix+"property "+quote(p.Name, "=")+"="+quote(p.Value, ""))
	}
	slices.Sort(lines[first:])
	return lines
}

func property(ps *[]sbom.Property, s string) bool {
	name, value := quotedPrefix(s, "=")
	*ps = append(*ps, sbom.Property{Name: name})
	return unquote(&(*ps)[len(*ps)-1].Value, value)
}

// quote returns s as it stands in a line of a comment.
func quote(s, special string) string {
	if strings.HasPrefix(s, `"`) || strings.ContainsFunc(s, unicode.IsControl) || special != "" && strings.ContainsAny(s, special) {
		return strconv.Quote(s)
	}
	return s
}

// unquote sets to to what quote has made s of.
func unquote(to *string, s string) bool {
	*to = s
	if !strings.HasPrefix(s, `"`) {
		return true
	}
	var err error
	*to, err = strconv.Unquote(s)
	return err == nil
}

func unquoteTo(to *[]string, s string) bool {
	*to = append(*to, "")
	return unquote(&(*to)[len(*to)-1], s)
}

// quotedPrefix returns the text that s begins with, and what is behind the
// separator after it.
func quotedPrefix(s, separator string) (text, rest string) {
	if q, err := strconv.QuotedPrefix(s); err == nil && q[0] == '"' {
		text, err = strconv.Unquote(q)
		if err == nil {
			return text, strings.TrimPrefix(s[len(q):], separator)
		}
	}
	text, rest, _ = strings.Cut(s, separator)
	return text, rest
}

func appendDigest(to *[]hallmark.Digest, s string) bool {
	d, err := hallmark.ParseDigest(s)
	*to = append(*to, d)
	return err == nil
}

// literal returns v as JSON. Its type has nothing that JSON cannot say.
func literal(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic("spdx: internal error: " + err.Error())
	}
	return string(data)
}

func value(to any, s string) bool {
	dec := json.NewDecoder(bytes.NewReader([]byte(s)))
	dec.DisallowUnknownFields()
	return dec.Decode(to) == nil
}
