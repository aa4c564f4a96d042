package provenance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// An Explanation says what a statement or a build tells, and how each fact is
// known: what somebody else shows, and what is only said.
type Explanation struct {
	// What names the kind of predicate, "SLSA Build provenance".
	What string

	// Subjects are the artifacts it is about; nil for a Build, which has none
	// yet.
	Subjects []ResourceDescriptor

	// Facts are what it tells, the best evidence first.
	Facts []Fact

	// Level is the highest SLSA Build level that this can defend, and Why has
	// what is in the way of the next one: see [Build.Level]. Level is -1 if it is
	// not about a build.
	Level int
	Why   []string

	// Problems are what is wrong with the statement, as [Statement.Validate] has
	// it.
	Problems []Problem

	observed bool // it is of a Build that was not read
}

// A Fact is one thing that is told.
type Fact struct {
	Path     string   // what it is, "builder" or "external.workflow.path"
	Value    string   // JSON if it is no string; URLs without user information
	Evidence Evidence // NoEvidence if it is only said
}

// Explain returns what is known of b and how. If b was not observed but read, its
// facts have no evidence.
func (b *Build) Explain() *Explanation {
	e := &Explanation{What: "SLSA Build provenance", Facts: b.facts(), observed: len(b.Evidence) > 0}
	e.Level, e.Why = b.Level()
	if e.observed {
		for i, f := range e.Facts {
			switch f.Path {
			case "type", "dependencies", "started", "finished", "byproducts":
				// Whoever observed it put it there.
				e.Facts[i].Evidence = max(f.Evidence, Caller)
			}
		}
	}
	slices.SortStableFunc(e.Facts, func(x, y Fact) int { return int(y.Evidence) - int(x.Evidence) })
	return e
}

// Explain returns what s tells. Nothing of it has evidence: that a statement
// shows something itself is never more than its author says.
func (s *Statement) Explain() *Explanation {
	e := &Explanation{Subjects: slices.Clone(s.Subjects), Level: -1, Problems: s.Validate()}
	e.What, e.Facts = s.facts()
	if b, err := ParseBuild(s); err == nil {
		e.What, e.Facts = "SLSA Build provenance", b.facts()
		e.Level, e.Why = b.Level()
	}
	return e
}

// facts returns what b tells, in the order in which it is read best.
func (b *Build) facts() []Fact {
	var fs facts
	fs.evidence = b.Evidence
	source, parameter := b.Source()
	said := func(from Evidence) string {
		if from == NoEvidence || b.Evidence != nil {
			return ""
		}
		return ", as said by the " + from.String()
	}
	fs.add("builder", b.Builder)
	if source.Repository != "" {
		fs.add("source.repository", source.Repository+said(source.RepositoryFrom))
	}
	fs.add("source.ref", source.Ref)
	if !source.Commit.IsZero() {
		fs.add("source.commit", source.Commit.String()+said(source.CommitFrom))
	}
	if source.Modified {
		fs.add("source.modified", "true")
	}
	fs.add("invocation", b.Invocation)
	fs.add("type", b.Type)
	fs.tree("external", b.External, func(path string) bool {
		// They are the source, and have been told.
		at := "external." + parameter
		return parameter != "" && (path == at || path == at+".repository" || path == at+".ref" || path == at+".uri" && b.Type == typeContainerBased)
	})
	fs.tree("internal", b.Internal, func(string) bool { return false })
	n, digests := 0, 0
	for _, d := range b.Inputs() {
		n++
		if d.identifies() {
			digests++
		}
	}
	if n > 0 {
		fs.add("dependencies", fmt.Sprintf("%d, %d of them with a digest", n, digests))
	}
	fs.time("started", b.Started)
	fs.time("finished", b.Finished)
	if len(b.Byproducts) > 0 {
		fs.add("byproducts", fmt.Sprint(len(b.Byproducts)))
	}
	return fs.list
}

// facts returns what s tells if it is no build, and what it is called.
func (s *Statement) facts() (what string, list []Fact) {
	var fs facts
	if isSBOM(s.PredicateType) {
		if b, err := ParseSBOM(s); err == nil {
			fs.add("format", b.Format+" "+b.Version)
			fs.add("size", fmt.Sprintf("%d bytes", len(b.Document)))
		}
		return "A bill of materials", fs.list
	}
	p := newPredicate(s.PredicateType)
	if p != nil && strictjson.Read(s.Predicate, p.shape(s.PredicateType).read) != nil {
		return "An unreadable statement of type " + s.PredicateType, nil
	}
	switch p := p.(type) {
	case *VSA:
		what = "A verification summary"
		fs.add("result", string(p.Result))
		fs.texts("levels", p.VerifiedLevels)
		fs.add("resource", p.ResourceURI)
		fs.add("verifier", p.Verifier.ID)
		fs.add("policy", p.Policy.URI)
		fs.time("verified", p.TimeVerified)
		switch {
		case p.DependencyLevels != nil && len(p.DependencyLevels) == 0:
			fs.add("dependencies", "none")
		default:
			for _, l := range slices.Sorted(maps.Keys(p.DependencyLevels)) {
				fs.add("dependencies."+l, fmt.Sprint(p.DependencyLevels[l]))
			}
		}
	case *TestResult:
		what = "A test result"
		fs.add("result", string(p.Result))
		fs.add("run", p.URL)
		for _, l := range []struct {
			name  string
			tests []string
		}{{"passed", p.Passed}, {"warned", p.Warned}, {"failed", p.Failed}} {
			if l.tests != nil {
				fs.add(l.name, fmt.Sprint(len(l.tests)))
			}
		}
		fs.resources("configuration", p.Configuration)
	case *Vulns:
		what = "A vulnerability scan"
		switch found := p.Scanner.Vulnerabilities; {
		case found == nil:
			fs.add("found", "not told")
		case len(found) == 0:
			fs.add("found", "none")
		default:
			for _, v := range found {
				var scores []string
				for _, s := range v.Severity {
					scores = append(scores, s.Method+" "+s.Score)
				}
				fs.add("found", strings.TrimSpace(v.ID+" "+strings.Join(scores, ", ")))
			}
		}
		fs.add("scanner", strings.TrimSpace(p.Scanner.URI+" "+p.Scanner.Version))
		fs.add("database", p.Scanner.DB.URI)
		fs.time("database.updated", p.Scanner.DB.LastUpdate)
		fs.time("finished", p.Metadata.Finished)
	case *SCAI:
		what = "A report of attributes"
		for _, a := range p.Attributes {
			evidence := ", without evidence"
			if a.Evidence != nil {
				evidence = ", evidence " + label(a.Evidence)
			}
			fs.add("attribute", a.Attribute+evidence)
		}
	case *Release:
		what = "A record of a release"
		fs.add("package", p.PURL)
	case *Link:
		what = "A record of a step"
		fs.add("step", p.Name)
		fs.texts("command", p.Command)
		fs.resources("material", p.Materials)
	case *Reference:
		what = "A list of documents"
		fs.add("attester", p.Attester.ID)
		fs.resources("document", p.References)
	case *SVR:
		what = "A verification result"
		fs.texts("properties", p.Properties)
		fs.add("verifier", p.Verifier.ID)
		fs.time("verified", p.TimeCreated)
		fs.resources("policy", p.Policies)
	default:
		what = "A statement of type " + s.PredicateType
	}
	return what, fs.list
}

// facts collects Facts.
type facts struct {
	list     []Fact
	evidence map[string]Evidence
}

// add adds a fact, unless it is empty.
func (fs *facts) add(path, value string) {
	if value != "" {
		fs.list = append(fs.list, Fact{path, hideUsers(value), fs.evidence[path]})
	}
}

func (fs *facts) time(path string, t time.Time) {
	if !t.IsZero() {
		fs.add(path, t.UTC().Format(time.RFC3339Nano))
	}
}

func (fs *facts) texts(path string, list []string) { fs.add(path, strings.Join(list, " ")) }

func (fs *facts) resources(path string, ds []ResourceDescriptor) {
	for _, d := range ds {
		fs.add(path, label(&d))
	}
}

// tree adds the values of an object of parameters, but for those to skip.
func (fs *facts) tree(path string, m map[string]any, skip func(path string) bool) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		at := member(path, name)
		switch v := m[name].(type) {
		case map[string]any:
			fs.tree(at, v, skip)
		case string:
			if !skip(at) {
				fs.add(at, v)
			}
		default:
			if j, err := strictjson.Append(nil, v); err == nil {
				fs.add(at, string(j))
			}
		}
	}
}

// label returns the first of name, URI, download location and digest that d has.
func label(d *ResourceDescriptor) string {
	for _, s := range []string{d.Name, d.URI, d.DownloadLocation} {
		if s != "" {
			return s
		}
	}
	for _, s := range d.Digest.Digests() {
		return s.String()
	}
	return "without a name"
}

// Bounds of what [Explanation.String] writes of one list, and of one value.
const (
	maxShown      = 20
	maxShownBytes = 300
)

// String returns e as text for people, of lines that end in a newline. What comes
// from the statement is on one line each and printable; long lists and values are
// cut.
func (e *Explanation) String() string {
	var t strings.Builder
	if e.observed {
		fmt.Fprintf(&t, "%s, as the build itself was observed.\n", e.What)
	} else {
		fmt.Fprintf(&t, "%s%s\n", shorten(e.What, maxShownBytes), about(len(e.Subjects)))
	}
	for i, d := range e.Subjects {
		if i == maxShown {
			fmt.Fprintf(&t, "  and %d more\n", len(e.Subjects)-i)
			break
		}
		line := label(&d)
		for _, digest := range d.Digest.Digests() {
			if digest.String() != line {
				line += "  " + digest.String()
			}
		}
		fmt.Fprintf(&t, "  %s\n", shorten(line, maxShownBytes))
	}
	switch n := len(e.Subjects); {
	case slices.ContainsFunc(e.Subjects, func(d ResourceDescriptor) bool { return len(d.Digest.Digests()) == 0 }):
		// It, or one of them, has none.
	case n == 1:
		t.WriteString("Whoever has it can check that it has this digest.\n")
	case n > 1:
		t.WriteString("Whoever has them can check that they have these digests.\n")
	}

	for start := 0; start < len(e.Facts); {
		end := start
		width := 0
		for end < len(e.Facts) && e.Facts[end].Evidence == e.Facts[start].Evidence {
			width = max(width, min(len(e.Facts[end].name()), 40))
			end++
		}
		fmt.Fprintf(&t, "\n%s\n", e.heading(e.Facts[start].Evidence))
		for i, f := range e.Facts[start:end] {
			if i == maxShown {
				fmt.Fprintf(&t, "  and %d more\n", end-start-i)
				break
			}
			fmt.Fprintf(&t, "  %-*s  %s\n", width, shorten(f.name(), 100), shorten(f.Value, maxShownBytes))
		}
		start = end
	}

	switch {
	case e.Level == 0:
		t.WriteString("\nWhat is in the way of SLSA Build level 1:\n")
	case e.Level > 0 && e.observed:
		fmt.Fprintf(&t, "\nThis evidence can defend SLSA Build level %d. What is in the way of level %d:\n", e.Level, e.Level+1)
	case e.Level > 0:
		t.WriteString("\nBy itself it shows SLSA Build level 1: that there is provenance. It has the level of its\n" +
			"builder if whoever signed it may speak for that builder, which a policy decides.\n")
	}
	if e.observed || e.Level == 0 {
		for _, w := range e.Why {
			fmt.Fprintf(&t, "  %s\n", w)
		}
	}

	for _, severity := range []Severity{Error, Warning} {
		n := 0
		for _, p := range e.Problems {
			if p.Severity != severity {
				continue
			}
			switch n {
			case 0:
				fmt.Fprintf(&t, "\n%s\n", []string{Error: "Wrong with it:", Warning: "Not quite right:"}[severity])
			case maxShown:
				t.WriteString("  and more\n")
			}
			if n < maxShown {
				fmt.Fprintf(&t, "  %s\n", shorten(p.String(), maxShownBytes))
			}
			n++
		}
	}
	return t.String()
}

// name returns what f is called in a text.
func (f Fact) name() string {
	switch f.Path {
	case "source.repository", "source.ref", "source.commit", "source.modified":
		return strings.TrimPrefix(f.Path, "source.")
	case "invocation":
		return "run"
	case "type":
		return "build type"
	}
	return f.Path
}

// heading returns what can be said of facts with the evidence.
func (e *Explanation) heading(from Evidence) string {
	switch from {
	case Claim:
		return "The platform says so, in the job's identity token, which was verified:"
	case Git:
		return "The checkout shows it, which a step of the build could have changed:"
	case Environment:
		return "The environment says so, which a step of the build could have changed:"
	case Binary:
		return "The binary says so of itself, which whoever has it can change:"
	case ModulePath:
		return "The path of the Go module suggests it:"
	case Caller:
		return "The program that made the provenance says so:"
	}
	if e.observed {
		return "Nothing shows it:"
	}
	return "All else is the word of whoever signed it, or of nobody if nobody did:"
}

// about returns the end of a sentence about n artifacts.
func about(n int) string {
	switch n {
	case 0:
		return "."
	case 1:
		return " for one artifact:"
	}
	return fmt.Sprintf(" for %d artifacts:", n)
}
