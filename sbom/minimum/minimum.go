// Package minimum says which of the minimum elements an SBOM has, by the editions
// that authorities and customers ask for.
//
//	profile, ok := minimum.Lookup("bsi-2.1")
//	report := profile.Check(minimum.Subject{Document: doc, Stamp: stamp, Format: format})
//	if !report.Satisfied { report.WriteText(os.Stdout) }
//
// # Profiles
//
// A [Profile] is one edition as a list of fields, each with its definition and the
// clause that it is from:
//
//	ntia-2021  The Minimum Elements For a Software Bill of Materials, NTIA, 2021-07-12
//	cisa-2026  2026 Minimum Elements for a Software Bill of Materials, CISA and others,
//	           2026-07-29, which replaces that; its 17 data fields
//	bsi-2.1    BSI TR-03183-2, version 2.1.0, 2025-08-20
//	telco-1.1  OpenChain Telco SBOM Guide, version 1.1
//	cra-2024   Regulation (EU) 2024/2847, Annex I, Part II, point (1)
//	fda-2026   Cybersecurity in Medical Devices, FDA, 2026-02-03, section V.A.4(b)
//
// # Answers
//
// Of the document, or of each component, a field is
//
//	present   it has a value that fits the definition
//	unknown   the document says that its author does not know it
//	withheld  the document says that its author does not tell it
//	missing   the document says nothing, or something that does not fit
//
// Unknown is what an [sbom.Gap] of the kind [sbom.NotKnown] says, the reason why
// no licence is declared, the word "unknown" or NOASSERTION in the place of a
// value, and for requirements a composition that says so. Whether it is enough is a matter of the edition: CISA accepts unknown and
// withheld for every field of a component, NTIA for relationships, BSI for the
// completeness of dependencies; none accepts that nothing is said.
//
// A field that an edition requires only where there is something to tell ([IfAny])
// or that it recommends is answered like the others and does not change the
// verdict: from a document nobody can see that there was something to tell.
//
// # What is looked at
//
// Everything that a [sbom.Document] with its [sbom.Stamp] holds, and the
// [sbom.Format] that it is or will be in, since some editions name formats; and of
// what a reader left aside ([sbom.Document.Remainder]), if it was in that format,
// other identifiers of components, vulnerabilities, the serial number, compositions,
// the creator's comment, and in SPDX 3 the files that components are distributed as. Services of CycloneDX are no components. All
// components are looked at, those that only tests or tools need too. Components
// of the type file are left out but by bsi-2.1, for which a file is a component:
// in the other editions a component is what somebody supplies under a name and a
// version. By bsi-2.1 components that are not part of the artifact are identified
// components (clause 3.2.4), of which fewer fields are required. Modules that are
// linked into a Go program are logical components (3.2.2), unless the document
// describes them as files: what is in the artifact is one file, the program's, and
// by 5.2.2 fields that the way of assembly makes unavailable are left out. So they
// are asked neither for a file name nor for the hash of a file.
//
// Not looked at is whether what is said is true: a supplier is a name here, a
// signature that one is there, a date that it is not zero. Nor are the practices
// of the editions, such as how often an SBOM is made and to whom it is given.
package minimum

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/hallmark-dev/hallmark/sbom"
)

// A Profile is an edition of minimum elements.
type Profile struct {
	Name   string // by which [Lookup] finds it, "bsi-2.1"
	Title  string // of the publication
	URL    string // where it is
	Fields []Field

	files bool // whether a file is a component
}

// A Field is one of the minimum elements.
type Field struct {
	Name       string // as the edition has it, "Component version"
	Clause     string // where in the edition it is
	Definition string // what it takes to be present, in a sentence
	Level      Level
	Component  bool // whether each component has it; else the document

	// Unknown and Withheld report whether it is enough to say that.
	Unknown, Withheld bool

	place place
	look  func(*view, *sbom.Component) (Status, string)

	// of reports whether a component should have the field; nil means all.
	of func(*view, *sbom.Component) bool
}

// A Level is how far an edition asks for a field.
type Level string

// The Levels.
const (
	Required    Level = "required"
	IfAny       Level = "if any" // required where there is something to tell
	Recommended Level = "recommended"
)

// A Status is the answer for one field of the document or a component.
type Status string

// The answers; the package comment says what they mean.
const (
	Present  Status = "present"
	Unknown  Status = "unknown"
	Withheld Status = "withheld"
	Missing  Status = "missing"
)

// A Subject is what is held against a Profile.
type Subject struct {
	Document *sbom.Document // not nil; what [sbom.Document.Check] would find is not looked for
	Stamp    sbom.Stamp
	Format   sbom.Format // of the document that it is or will be

	// New says that Document is to be written by this module. Then each value
	// that SPDX 2 must have and that is not known is NOASSERTION, and of every
	// list of requirements it is said how complete it is. Of a Document that was
	// read only what was in it counts.
	New bool

	// Signed says that a signature of the document's author is with it, in an
	// envelope or a file of its own.
	Signed bool
}

// A Report is what a Profile found.
type Report struct {
	Profile string // its name
	Format  sbom.Format

	// Satisfied reports whether all Required fields are satisfied.
	Satisfied bool

	// Components is how many were looked at.
	Components int

	Results []Result // one for each field, in the Profile's order
}

// A Result is what was found of one field.
type Result struct {
	Field Field // of the Profile

	// Satisfied reports whether it is present wherever it should be, or what
	// is said of it instead is enough.
	Satisfied bool

	// Present, Unknown, Withheld and Missing count the answers.
	Present, Unknown, Withheld, Missing int

	// Findings are all answers other than Present, the main component's first
	// and those of others by their Refs. Of a field of the document it is its
	// one answer, whatever it is.
	Findings []Finding
}

// A Finding is the answer for one field of the document or a component.
type Finding struct {
	Ref string // of the component; empty for the document

	// Place is where in a document of the Format the value is or would be: a
	// JSON pointer (RFC 6901) into the document, or into the object that is the
	// component. "#/dependencies" is in the document, though of a component.
	// Since elements of SPDX 3 have no place of their own, it is the class
	// and the member there, "CreationInfo/created". It is empty where the format
	// has no place for the value.
	Place string

	Status Status
	Detail string // what is there, or what is wrong with it
}

// Lookup returns the Profile with a name, and whether there is one.
func Lookup(name string) (Profile, bool) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Check answers for each field of p. It looks once at each component.
func (p Profile) Check(s Subject) *Report {
	v := newView(s)
	r := &Report{Profile: p.Name, Format: s.Format, Satisfied: true, Results: make([]Result, len(p.Fields))}
	for i, f := range p.Fields {
		r.Results[i].Field = f
		if !f.Component {
			r.Results[i].add(v, nil)
		}
	}
	for i, c := range s.Document.All() {
		if i > 0 && c.Type == sbom.FileType && !p.files {
			continue
		}
		r.Components++
		for i, f := range p.Fields {
			if f.Component && (f.of == nil || f.of(v, c)) {
				r.Results[i].add(v, c)
			}
		}
	}
	for i := range r.Results {
		f := &r.Results[i]
		f.Satisfied = f.Missing == 0 && (f.Unknown == 0 || f.Field.Unknown) && (f.Withheld == 0 || f.Field.Withheld)
		if f.Field.Level == Required && !f.Satisfied {
			r.Satisfied = false
		}
	}
	return r
}

// add looks at the field of r in c, which is nil for the document.
func (r *Result) add(v *view, c *sbom.Component) {
	status, detail := r.Field.look(v, c)
	switch status {
	case Present:
		r.Present++
	case Unknown:
		r.Unknown++
	case Withheld:
		r.Withheld++
	case Missing:
		r.Missing++
	default:
		panic("minimum: internal error: status " + string(status))
	}
	if c == nil || status != Present {
		f := Finding{Place: r.Field.place.in(v.family), Status: status, Detail: detail}
		if c != nil {
			f.Ref = c.Ref
		}
		r.Findings = append(r.Findings, f)
	}
}

// WriteText writes r for people: a table of the fields, and below it what is
// unknown, withheld or missing, with the place. What is the same of several
// components is told once, with their Refs below it, or that it is so of all that
// were looked at for the field.
func (r *Report) WriteText(w io.Writer) error {
	verdict := func(satisfied bool, l Level) string {
		switch {
		case satisfied:
			return "satisfied"
		case l != Required:
			return "does not count"
		}
		return "not satisfied"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, as %s: %s\ncomponents: %d\n\n", r.Profile, r.Format, verdict(r.Satisfied, Required), r.Components)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FIELD\tCLAUSE\tLEVEL\tPRESENT\tUNKNOWN\tWITHHELD\tMISSING\tVERDICT")
	for _, f := range r.Results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
			f.Field.Name, f.Field.Clause, f.Field.Level, f.Present, f.Unknown, f.Withheld, f.Missing, verdict(f.Satisfied, f.Field.Level))
	}
	table.Flush()
	for _, f := range r.Results {
		if f.Unknown+f.Withheld+f.Missing == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s\n", f.Field.Name, f.Field.Definition)
		same := make(map[Finding][]string) // Refs, by what is found
		for _, g := range f.Findings {
			ref := g.Ref
			g.Ref = ""
			same[g] = append(same[g], ref)
		}
		for _, g := range f.Findings {
			g.Ref = ""
			refs := same[g]
			if len(refs) == 0 {
				continue // told already
			}
			same[g] = nil
			fmt.Fprintf(&b, "  %s", g.Status)
			switch all := f.Present + f.Unknown + f.Withheld + f.Missing; {
			case len(refs) == 1 && refs[0] != "":
				fmt.Fprintf(&b, " in %s", printable(refs[0]))
			case len(refs) > 1 && len(refs) == all:
				fmt.Fprintf(&b, " in all %d components", all)
				refs = nil
			case len(refs) > 1:
				fmt.Fprintf(&b, " in %d of %d components", len(refs), all)
			}
			if g.Place != "" {
				fmt.Fprintf(&b, ", at %s", printable(g.Place))
			}
			if g.Detail != "" {
				fmt.Fprintf(&b, ": %s", printable(g.Detail))
			}
			b.WriteByte('\n')
			if len(refs) > 1 {
				for _, ref := range refs {
					fmt.Fprintf(&b, "    %s\n", printable(ref))
				}
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printable returns s in one line: quoted if it holds what a terminal would not
// show as it is, since Refs of documents of others can hold anything.
func printable(s string) string {
	if q := fmt.Sprintf("%q", s); q[1:len(q)-1] != strings.ReplaceAll(s, `"`, `\"`) {
		return q
	}
	return s
}
