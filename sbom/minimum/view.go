package minimum

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
)

// A family is the documents that have the same places.
type family int

const (
	neither family = iota // no format that is known here
	cyclonedx
	spdx2
	spdx3
)

// A place is where a value is in CycloneDX, SPDX 2 and SPDX 3, separated by "|". An
// empty part is a format that has no place for it.
type place string

func (p place) in(f family) string {
	first, rest, _ := strings.Cut(string(p), "|")
	second, third, _ := strings.Cut(rest, "|")
	switch f {
	case cyclonedx:
		return first
	case spdx2:
		return second
	case spdx3:
		return third
	}
	return ""
}

// A view is a Subject with what all components are asked for.
type view struct {
	Subject
	family   family
	requires map[string]bool // the Refs of which an edge leads to something other than a file
	related  map[string]bool // the Refs at the ends of such edges

	// told reports whether the document says of the requirements of a component
	// that they are not known to be all there.
	told func(ref string) bool

	// notComplete reports likewise what a document in SPDX 3 says of the completeness of
	// relationships. That is no relationship yet, and nothing else is asked for it.
	notComplete func(ref string) bool

	// files are the names and the purposes of the files that components are
	// distributed as, by their Refs, in a document in SPDX 3 of somebody else.
	files map[string]file3
}

// A file3 is a software_File in SPDX 3.
type file3 struct {
	name     string
	purposes []string
}

func newView(s Subject) *view {
	v := &view{Subject: s, requires: make(map[string]bool), related: make(map[string]bool)}
	switch major, _, _ := strings.Cut(s.Format.Version, "."); {
	case s.Format.Name == "cyclonedx-json" && major == "1":
		v.family = cyclonedx
	case s.Format.Name == "spdx-json" && major == "2":
		v.family = spdx2
	case s.Format.Name == "spdx-json" && major == "3":
		v.family = spdx3
	}
	// That a file is in a package is no relationship between components.
	files := make(map[string]bool)
	for _, c := range s.Document.Components {
		if c.Type == sbom.FileType {
			files[c.Ref] = true
		}
	}
	for _, e := range s.Document.Edges {
		if files[e.To] {
			continue
		}
		v.related[e.From], v.related[e.To] = true, true
		switch e.Kind {
		case sbom.ForTests, sbom.ForTools, sbom.Declared:
		default:
			v.requires[e.From] = true
		}
	}
	v.told = v.compositions()
	if v.family == spdx3 {
		v.notComplete = v.noted()
		v.findFiles()
	}
	return v
}

// remainder returns what a reader of the Format left aside at a path, or nil. It
// is null if the document does not have what is written of a Document there.
func (v *view) remainder(list []sbom.Remainder, path string) json.RawMessage {
	for _, r := range list {
		if r.Path == path && strings.HasPrefix(r.Format, v.Format.Name+"@") {
			return r.Value
		}
	}
	return nil
}

// compositions returns told. What a Document does not have of the compositions of
// a CycloneDX document that was read is in its Remainder, all of them or none.
func (v *view) compositions() func(ref string) bool {
	if v.New {
		return func(string) bool { return true }
	}
	if v.family != cyclonedx {
		return func(string) bool { return false }
	}
	rest := v.remainder(v.Document.Remainder, "/compositions")
	if rest == nil {
		return func(string) bool { return true }
	}
	var list []struct{ Dependencies []string }
	if err := json.Unmarshal(rest, &list); err != nil {
		return func(string) bool { return false }
	}
	listed := make(map[string]bool)
	for _, c := range list {
		for _, ref := range c.Dependencies {
			listed[ref] = true
		}
	}
	return func(ref string) bool { return listed[ref] }
}

// noted returns notComplete of a document in SPDX 3: it has a dependsOn of the
// component whose completeness is something other than complete, or that leads to
// NoAssertionElement. All relationships of a document that was read are in its
// Remainder, unless this module has written it, which always says one of these.
func (v *view) noted() func(ref string) bool {
	listed, own := make(map[string]bool), true
	for _, r := range v.Document.Remainder {
		if !strings.HasPrefix(r.Format, v.Format.Name+"@3.") || !strings.HasPrefix(r.Path, "/@graph/") {
			continue
		}
		own = false
		if !bytes.Contains(r.Value, []byte(`"dependsOn"`)) {
			continue
		}
		var e struct {
			From, RelationshipType, Completeness string
			To                                   []string
		}
		if json.Unmarshal(r.Value, &e) != nil || e.RelationshipType != "dependsOn" {
			continue
		}
		nothing := slices.ContainsFunc(e.To, func(id string) bool {
			return id == "NoAssertionElement" || id == "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement"
		})
		if e.Completeness == "noAssertion" || e.Completeness == "incomplete" || nothing {
			listed[e.From] = true
		}
	}
	return func(ref string) bool { return own || listed[ref] }
}

// findFiles finds the files of a document in SPDX 3 that was read: all elements that
// are no packages are in its Remainder, unless this module has written it. The first
// file of a component counts.
func (v *view) findFiles() {
	files := make(map[string]file3)
	distributed := make(map[string][]string)
	for _, r := range v.Document.Remainder {
		if !strings.HasPrefix(r.Format, v.Format.Name+"@3.") {
			continue
		}
		var e struct {
			Type, SPDXID, Name, From, RelationshipType string

			To       []string
			Purposes []string `json:"software_additionalPurpose"`
		}
		if json.Unmarshal(r.Value, &e) != nil {
			continue // of another shape than what is looked for
		}
		switch {
		case e.Type == "software_File":
			files[e.SPDXID] = file3{e.Name, e.Purposes}
		case e.RelationshipType == "hasDistributionArtifact":
			distributed[e.From] = append(distributed[e.From], e.To...)
		}
	}
	v.files = make(map[string]file3)
	for ref, to := range distributed {
		for _, id := range to {
			if f, ok := files[id]; ok {
				v.files[ref] = f
				break
			}
		}
	}
}

// atLeast reports whether the version of the format is want or a later one.
func (v *view) atLeast(want ...int) bool {
	parts := strings.Split(v.Format.Version, ".")
	for i, w := range want {
		if i == len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n != w {
			return err == nil && n > w
		}
	}
	return true
}

// gap returns what c says of not telling e, and Missing with why if it says
// nothing.
func gap(c *sbom.Component, e sbom.Element, why string) (Status, string) {
	for _, g := range c.Gaps {
		switch {
		case g.Element != e:
		case g.Kind == sbom.NotKnown:
			return Unknown, "declared as unknown"
		case g.Kind == sbom.Withheld:
			return Withheld, "declared as withheld"
		}
	}
	return Missing, why
}

// asserted is gap, but Unknown where a package of SPDX 2 has NOASSERTION in a member:
// that is what stands there if c has no such fact and its Remainder has nothing of
// the member, not even that it was not there.
func (v *view) asserted(c *sbom.Component, member string, e sbom.Element, why string) (Status, string) {
	status, detail := gap(c, e, why)
	if status == Missing && v.family == spdx2 && v.remainder(c.Remainder, member) == nil {
		return Unknown, "written as NOASSERTION"
	}
	return status, detail
}

// value returns Present if there is a text, and it does not say that none is
// known.
func value(text string) (Status, string) {
	switch {
	case text == "":
		return Missing, "nothing is said"
	case text == "NOASSERTION" || strings.EqualFold(text, "unknown"):
		return Unknown, text
	}
	return Present, text
}

// Fields of the document.

// author returns the first who is named as answering for the document.
func author(v *view, _ *sbom.Component) (Status, string) {
	for _, a := range v.Document.Authors {
		if status, text := party(&a); status == Present {
			return status, text
		}
	}
	return Missing, "nobody is named"
}

// authorOrTool is author with the tool as one, if there is no other.
func authorOrTool(v *view, _ *sbom.Component) (Status, string) {
	if status, text := author(v, nil); status == Present || v.Stamp.Tool.Name == "" {
		return status, text
	}
	return Present, "the tool " + v.Stamp.Tool.Name
}

func authorOrganization(v *view, _ *sbom.Component) (Status, string) {
	for _, a := range v.Document.Authors {
		if status, text := party(&a); status == Present && !a.Person {
			return status, text
		}
	}
	return Missing, "no organization is named"
}

// authorContact returns the first contact of one who answers for the document.
func authorContact(v *view, _ *sbom.Component) (Status, string) {
	if len(v.Document.Authors) == 0 {
		return Missing, "nobody is named"
	}
	for _, a := range v.Document.Authors {
		if text := contact(&a); text != "" {
			return Present, text
		}
	}
	return Missing, "nobody who is named has an email address or a URL"
}

func timestamp(v *view, _ *sbom.Component) (Status, string) {
	if v.Stamp.Created.IsZero() {
		return Missing, "no time is given"
	}
	return Present, v.Stamp.Created.UTC().Format(time.RFC3339)
}

func toolName(v *view, _ *sbom.Component) (Status, string) { return value(v.Stamp.Tool.Name) }

func toolVersion(v *view, _ *sbom.Component) (Status, string) { return value(v.Stamp.Tool.Version) }

func toolWithVersion(v *view, _ *sbom.Component) (Status, string) {
	for _, text := range []string{v.Stamp.Tool.Name, v.Stamp.Tool.Version} {
		if status, _ := value(text); status != Present {
			return Missing, "no tool, or not its name and version"
		}
	}
	return Present, v.Stamp.Tool.Name + " " + v.Stamp.Tool.Version
}

func phase(v *view, _ *sbom.Component) (Status, string) { return value(string(v.Document.Phase)) }

func fromBuild(v *view, _ *sbom.Component) (Status, string) {
	switch v.Document.Phase {
	case sbom.Built, sbom.PostBuild, sbom.Operations:
		return Present, string(v.Document.Phase)
	}
	return Missing, fmt.Sprintf("phase %q", v.Document.Phase)
}

// sbomType is phase, or one of the words that the Telco Guide wants in the
// creator's comment.
func sbomType(v *view, _ *sbom.Component) (Status, string) {
	if v.Document.Phase != "" {
		return Present, string(v.Document.Phase)
	}
	comment := bytes.ToLower(v.remainder(v.Document.Remainder, "/creationInfo/comment"))
	for _, word := range []string{"design", "source", "build", "analyzed", "deployed", "runtime"} {
		if bytes.Contains(comment, []byte(word)) {
			return Present, word
		}
	}
	return Missing, "no type of SBOM is told"
}

func signature(v *view, _ *sbom.Component) (Status, string) {
	switch {
	case v.Signed:
		return Present, "beside the document"
	case v.Document.Original != nil:
		return Present, "in the document, not verified here"
	}
	return Missing, "no signature"
}

// identifier returns what tells the document, and this version of it, from all
// others. SPDX does not go without; what this module writes has one that is made
// of its content.
func identifier(v *view, _ *sbom.Component) (Status, string) {
	switch v.family {
	case neither:
		return Missing, "the format is not known"
	case cyclonedx:
		serial := v.remainder(v.Document.Remainder, "/serialNumber")
		if !v.New && string(serial) == "null" {
			return Missing, "no serial number"
		}
		return Present, "serial number"
	case spdx2:
		return Present, "namespace"
	}
	return Present, "spdxId"
}

func anyFormat(v *view, _ *sbom.Component) (Status, string) {
	if v.family == neither {
		return Missing, fmt.Sprintf("%s is neither CycloneDX nor SPDX", v.Format)
	}
	return Present, v.Format.String()
}

func formatVersion(v *view, _ *sbom.Component) (Status, string) {
	if v.family == neither || v.Format.Version == "" {
		return Missing, fmt.Sprintf("%s has no version that is known", v.Format)
	}
	return Present, v.Format.Version
}

func bsiFormat(v *view, _ *sbom.Component) (Status, string) {
	if v.family == cyclonedx && v.atLeast(1, 6) || v.family == spdx3 && v.atLeast(3, 0, 1) {
		return Present, v.Format.String()
	}
	return Missing, fmt.Sprintf("%s, want CycloneDX 1.6 or SPDX 3.0.1 or later", v.Format)
}

func spdx2Format(v *view, _ *sbom.Component) (Status, string) {
	if v.family == spdx2 && (v.Format.Version == "2.2" || v.Format.Version == "2.3") {
		return Present, v.Format.String()
	}
	return Missing, fmt.Sprintf("%s, want SPDX 2.2 or 2.3", v.Format)
}

// bySPDX2 is for what every document in SPDX 2 has, or it would not be one.
func bySPDX2(v *view, _ *sbom.Component) (Status, string) {
	if v.family != spdx2 {
		return Missing, fmt.Sprintf("%s does not have it", v.Format)
	}
	return Present, "mandatory in SPDX 2"
}

// topLevel returns whether the document says what its main component requires.
func topLevel(v *view, _ *sbom.Component) (Status, string) {
	main := &v.Document.Main
	complete := main.Requirements == sbom.Complete
	switch {
	case v.requires[main.Ref] && complete:
		return Present, "all are there"
	case v.requires[main.Ref]:
		return Present, "whether these are all is not told"
	case complete:
		return Present, "there are none"
	}
	return unrelated(v, main)
}

// unrelated returns what is said of a component with no requirements.
func unrelated(v *view, c *sbom.Component) (Status, string) {
	status, detail := gap(c, sbom.ElementRequires, "nothing is said of what it requires")
	if status == Missing && v.told(c.Ref) {
		return Unknown, "what it requires is said to be unknown"
	}
	return status, detail
}

// noVulnerabilities returns Present if a reader left no vulnerabilities aside; a
// Document itself has none.
func noVulnerabilities(v *view, _ *sbom.Component) (Status, string) {
	if found := v.remainder(v.Document.Remainder, "/vulnerabilities"); found != nil && string(found) != "[]" && string(found) != "null" {
		return Missing, "there are some"
	}
	if v.family == spdx3 {
		for _, r := range v.Document.Remainder {
			if bytes.Contains(r.Value, []byte(`"security_`)) {
				return Missing, "there is an element of the security profile at " + r.Path
			}
		}
	}
	return Present, "there is none"
}

// Fields of a component.

// party returns the first of name, email address and URL that p has.
func party(p *sbom.Party) (Status, string) {
	for _, text := range []string{p.Name, p.Email, p.URL} {
		if text != "" {
			return value(text)
		}
	}
	return Missing, "nobody is named"
}

// contact returns p's email address, or else its URL, if it has any that can be
// used.
func contact(p *sbom.Party) string {
	if user, host, ok := strings.Cut(p.Email, "@"); ok && user != "" && host != "" && !strings.ContainsAny(p.Email, " <>()") && !strings.Contains(host, "@") {
		return p.Email
	}
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return p.URL
	}
	return ""
}

func supplier(v *view, c *sbom.Component) (Status, string) {
	switch {
	case c.Supplier != nil:
		return party(c.Supplier)
	case c.Producer != nil:
		return v.asserted(c, "/supplier", sbom.ElementSupplier, "only its producer is named")
	}
	return v.asserted(c, "/supplier", sbom.ElementSupplier, "nobody is named")
}

func producer(v *view, c *sbom.Component) (Status, string) {
	switch {
	case c.Producer != nil:
		return party(c.Producer)
	case string(v.remainder(c.Remainder, "/originator")) == `"NOASSERTION"`:
		return Unknown, "NOASSERTION"
	case c.Supplier != nil:
		return gap(c, sbom.ElementProducer, "only its supplier is named")
	}
	return gap(c, sbom.ElementProducer, "nobody is named")
}

func producerContact(v *view, c *sbom.Component) (Status, string) {
	status, detail := producer(v, c)
	if status != Present {
		return status, detail
	}
	if text := contact(c.Producer); text != "" {
		return Present, text
	}
	return Missing, "neither an email address nor a URL of " + detail
}

func name(v *view, c *sbom.Component) (Status, string) {
	if c == &v.Document.Main && v.family == cyclonedx && string(v.remainder(v.Document.Remainder, "/metadata/component")) == "null" && c.Place == "" && c.Name == "unnamed" {
		return Missing, "the document does not say what it is about"
	}
	return value(c.Name)
}

func version(_ *view, c *sbom.Component) (Status, string) {
	if status, text := value(c.Version); status != Missing {
		return status, text
	}
	return gap(c, sbom.ElementVersion, "no version")
}

func purl(_ *view, c *sbom.Component) (Status, string) {
	if c.PURL != "" {
		return Present, c.PURL
	}
	return gap(c, sbom.ElementIdentifier, "no package URL")
}

// identifiers returns a name by which databases have the component. Those that a
// Document has no field for are in the Remainder.
func identifiers(_ *view, c *sbom.Component) (Status, string) {
	if c.PURL != "" {
		return Present, c.PURL
	}
	if len(c.CPEs) > 0 {
		return Present, c.CPEs[0]
	}
	for _, r := range c.Remainder {
		switch member, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/"); member {
		case "swid", "swhid", "omniborId":
			return Present, r.Path
		case "externalRefs", "externalIdentifier":
			for _, kind := range []string{`"swh`, `"swid`, `"gitoid`} {
				if bytes.Contains(r.Value, []byte(kind)) {
					return Present, r.Path
				}
			}
		}
	}
	for _, p := range c.Properties {
		if p.Name == "cdx:cisa:component-identifier" && p.Value != "" {
			return Present, p.Value
		}
	}
	return gap(c, sbom.ElementIdentifier, "neither a package URL nor another identifier")
}

// fileDigests returns the digests of files that the component is.
func fileDigests(c *sbom.Component) []hallmark.Digest {
	digests := c.Digests
	if c.Distribution != nil {
		digests = slices.Concat(digests, c.Distribution.Digests)
	}
	for _, r := range c.References {
		if r.Type == "distribution" {
			digests = slices.Concat(digests, r.Digests)
		}
	}
	return slices.DeleteFunc(slices.Clone(digests), func(d hallmark.Digest) bool {
		return d.Algorithm() == "dirHash" || strings.HasPrefix(d.Algorithm(), "git")
	})
}

func hash(_ *view, c *sbom.Component) (Status, string) {
	if digests := fileDigests(c); len(digests) > 0 {
		return Present, digests[0].String()
	}
	if len(c.Digests) > 0 {
		return gap(c, sbom.ElementHash, c.Digests[0].Algorithm()+" is not the hash of a file")
	}
	return gap(c, sbom.ElementHash, "no digest")
}

func sha512(_ *view, c *sbom.Component) (Status, string) {
	digests := fileDigests(c)
	for _, d := range digests {
		if d.Algorithm() == "sha512" {
			return Present, d.String()
		}
	}
	if len(digests) > 0 {
		return gap(c, sbom.ElementHash, "only "+digests[0].Algorithm())
	}
	return hash(nil, c)
}

func declared(v *view, c *sbom.Component) (Status, string) {
	if l := c.Licenses; l != nil {
		switch {
		case l.Declared != "":
			return Present, l.Declared
		case l.Unknown != "":
			return Unknown, l.Unknown
		}
	}
	return v.asserted(c, "/licenseDeclared", sbom.ElementLicense, "no licence is declared")
}

func concluded(v *view, c *sbom.Component) (Status, string) {
	if c.Licenses != nil && c.Licenses.Concluded != "" {
		return Present, c.Licenses.Concluded
	}
	return v.asserted(c, "/licenseConcluded", sbom.ElementLicense, "no licence is concluded")
}

func license(v *view, c *sbom.Component) (Status, string) {
	if c.Licenses != nil && c.Licenses.Concluded != "" {
		return Present, c.Licenses.Concluded
	}
	status, detail := declared(v, c)
	if status != Present && v.family == cyclonedx {
		// A licence that is not of SPDX's list has a name there, and no place in a Document.
		var list []struct{ License struct{ ID, Name string } }
		if json.Unmarshal(v.remainder(c.Remainder, "/licenses"), &list) == nil {
			for _, l := range list {
				if status, text := value(cmp.Or(l.License.Name, l.License.ID)); status != Missing {
					return status, text
				}
			}
		}
	}
	return status, detail
}

func copyright(v *view, c *sbom.Component) (Status, string) {
	if status, text := value(c.Copyright); status != Missing {
		return status, text
	}
	return v.asserted(c, "/copyrightText", sbom.ElementCopyright, "no copyright notice")
}

// relationship returns whether the document says what the component has to do
// with others.
func relationship(v *view, c *sbom.Component) (Status, string) {
	if v.related[c.Ref] || c.Requirements == sbom.Complete {
		return Present, ""
	}
	return unrelated(v, c)
}

// completeness returns whether the document says that the requirements are all
// there, or not.
func completeness(v *view, c *sbom.Component) (Status, string) {
	if c.Requirements == sbom.Complete {
		return Present, ""
	}
	status, _ := unrelated(v, c)
	if status == Missing && v.notComplete != nil && v.notComplete(c.Ref) {
		status = Unknown
	}
	if status == Missing {
		return Missing, "whether its requirements are all there is not told"
	}
	return status, "whether its requirements are all there is said to be " + string(status)
}

// property returns the value of a Property of BSI's namespace, which is one of
// values if there are any; or, from SPDX 3, what purposes of the file say instead.
func property(name string, values ...string) func(*view, *sbom.Component) (Status, string) {
	return func(v *view, c *sbom.Component) (Status, string) {
		for _, p := range c.Properties {
			switch {
			case p.Name != name || p.Value == "":
			case len(values) == 0 || slices.Contains(values, p.Value):
				return Present, p.Value
			default:
				return Missing, fmt.Sprintf("%s is %q, want one of %q", name, p.Value, values)
			}
		}
		// TR-03183-2, 8.2: what is structured is a container, and what is not is
		// firmware; no other purpose says that it is not executable, or no archive.
		purposes := v.files[c.Ref].purposes
		container, firmware := slices.Contains(purposes, "container"), slices.Contains(purposes, "firmware")
		switch {
		case name == "bsi:component:structured" && container:
			return Present, "structured"
		case name == "bsi:component:structured" && firmware:
			return Present, "unstructured"
		case name == "bsi:component:executable" || name == "bsi:component:archive":
			if slices.Contains(purposes, values[0]) {
				return Present, values[0]
			}
			if container || firmware {
				return Present, values[1]
			}
		}
		if v.family == spdx3 {
			return Missing, "nothing is said of a file"
		}
		return Missing, "no property " + name
	}
}

func filename(v *view, c *sbom.Component) (Status, string) {
	status, text := property("bsi:component:filename")(v, c)
	if name := path.Base(v.files[c.Ref].name); status == Missing && name != "." {
		return Present, name
	}
	switch {
	case status == Present && strings.ContainsAny(text, `/\`):
		return Missing, text + " is a path, want the name alone"
	case status == Missing && c.Distribution != nil:
		return Present, path.Base(c.Distribution.Path)
	}
	return status, text
}

// reference returns the first reference of one of the types.
func reference(c *sbom.Component, types ...string) string {
	for _, t := range types {
		for _, r := range c.References {
			if r.Type == t {
				return r.URL
			}
		}
	}
	return ""
}

func sourceURI(_ *view, c *sbom.Component) (Status, string) {
	return value(reference(c, "source-distribution", "vcs"))
}

func deployableURI(_ *view, c *sbom.Component) (Status, string) {
	if c.Distribution != nil && c.Distribution.URL != "" {
		return Present, c.Distribution.URL
	}
	return value(reference(c, "distribution"))
}

// downloadLocation is deployableURI, and NOASSERTION where SPDX 2 has to have one.
func downloadLocation(v *view, c *sbom.Component) (Status, string) {
	status, text := deployableURI(v, c)
	if status == Missing && v.family == spdx2 {
		return Unknown, "NOASSERTION or NONE, since SPDX 2 must have a value"
	}
	return status, text
}

func sourceHash(_ *view, c *sbom.Component) (Status, string) {
	for _, r := range c.References {
		if r.Type == "source-distribution" && len(r.Digests) > 0 {
			return Present, r.Digests[0].String()
		}
	}
	return Missing, "no digest of a source distribution"
}

func securityTxt(_ *view, c *sbom.Component) (Status, string) {
	return value(reference(c, "rfc-9116"))
}

func support(_ *view, c *sbom.Component) (Status, string) { return value(c.Support) }

func supportUntil(_ *view, c *sbom.Component) (Status, string) {
	if c.SupportUntil.IsZero() {
		return Missing, "no date"
	}
	return Present, c.SupportUntil.UTC().Format(time.DateOnly)
}

// inArtifact reports whether c is part of the artifact, or may be.
func inArtifact(_ *view, c *sbom.Component) bool {
	switch c.Scope {
	case sbom.System, sbom.Build, sbom.TestOnly, sbom.ToolOnly, sbom.GraphOnly:
		return false
	}
	return true
}

// ofFile reports whether c is part of the artifact, or may be, as a file.
func ofFile(v *view, c *sbom.Component) bool { return inArtifact(v, c) && !v.logical(c) }

// logical reports whether c has no file of its own in the artifact. No format tells
// that, but a Go module is never in one as a file: the linker makes one file of all.
// A document that describes the module's file, though, is asked for all of it.
func (v *view) logical(c *sbom.Component) bool {
	if c == &v.Document.Main || c.Type != sbom.Library || !strings.HasPrefix(c.PURL, "pkg:golang/") {
		return false
	}
	if _, ok := v.files[c.Ref]; ok {
		return false
	}
	return !slices.ContainsFunc(c.Properties, func(p sbom.Property) bool {
		switch p.Name {
		case "bsi:component:filename", "bsi:component:executable", "bsi:component:archive", "bsi:component:structured":
			return true
		}
		return false
	})
}
