package inventory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// ReportType is the predicate type of a [Report] that is a statement.
const ReportType = "https://hallmark-dev.github.io/predicates/incident/v1"

// The kinds of what a [Report] is about.
const (
	CauseComponent = "component" // a component, by package, digest or licence
	CauseAdvisory  = "advisory"  // the components that an advisory is about
	CauseArtifacts = "artifacts" // artifacts, by who or what made them
)

// The answers for an artifact that a [Report] is not about.
const (
	StatusAbsent    = "absent"     // nothing that is asked for is in it
	StatusNotLinked = "not linked" // a Go module is, without the packages that are affected
	StatusOutside   = "outside"    // the package is, in a version that is not affected
	StatusFixed     = "fixed"      // the package is, in a version in which the vulnerability is fixed
	StatusUnknown   = "unknown"    // it cannot be told
)

// A Report is an incident as data, for people by its String, and for programs as JSON,
// whose schema is the file report.schema.json beside this one. [Inventory.Report] makes
// it. Anybody can write one: what it says is worth as much as who signed it.
//
// Counts are always of all. A list has only as many entries as the report was to have,
// and Unlisted says how many more there are.
type Report struct {
	// Version is that of the schema, 1.
	Version int `json:"version"`

	// At is when the inventory was asked, in UTC.
	At time.Time `json:"at"`

	// Cause is what the incident is about.
	Cause ReportCause `json:"cause"`

	// Policy is the digest of the policy by which trust was decided anew; zero if it is
	// the verdicts that were kept.
	Policy hallmark.Digest `json:"policy,omitzero"`

	// Counts are how many there are of what.
	Counts ReportCounts `json:"counts"`

	// Affected are the artifacts in question: those that run first, then by name and
	// digest.
	Affected []ReportAffected `json:"affected"`

	// Others are the other artifacts that were asked about, if the report was to have
	// them, by name and digest.
	Others []ReportOther `json:"others,omitempty"`

	// Dependents are artifacts that took in one that is affected, directly or not, and
	// are not affected by themselves, by name and digest.
	Dependents []ReportDependent `json:"dependents"`

	// Deployments are where the affected artifacts and their dependents run, and then
	// where they ran; each by environment, service, digest and beginning.
	Deployments []ReportDeployment `json:"deployments"`

	// Environments are those of which it is known what runs there, by name.
	Environments []ReportEnvironment `json:"environments"`

	// Rebuild is in which order what is affected has to be rebuilt.
	Rebuild []ReportStep `json:"rebuild"`

	// Unlisted is how many entries of a list are not in it, by its name.
	Unlisted map[string]int `json:"unlisted,omitempty"`

	// Incomplete says what cannot be told, a sentence each.
	Incomplete []string `json:"incomplete"`
}

// A ReportCause is what a Report is about. Kind says which of the members there are.
type ReportCause struct {
	Kind     string          `json:"kind"`
	Package  string          `json:"package,omitempty"`  // package URL
	Versions string          `json:"versions,omitempty"` // range of its versions
	Digest   hallmark.Digest `json:"digest,omitzero"`    // of the component
	License  string          `json:"license,omitempty"`
	Advisory *ReportAdvisory `json:"advisory,omitempty"`
	Of       *ReportFilter   `json:"of,omitempty"` // the artifacts that were asked about; nil for all
}

// A ReportAdvisory is what an advisory says of itself.
type ReportAdvisory struct {
	ID       string    `json:"id"`
	Aliases  []string  `json:"aliases,omitempty"`
	Packages []string  `json:"packages"` // package URLs of what it is about, as far as it can be looked for
	Summary  string    `json:"summary,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
}

// A ReportFilter is a [Filter].
type ReportFilter struct {
	// All that is not empty must hold, as Filter has it.
	Digest     hallmark.Digest `json:"digest,omitzero"`
	Name       string          `json:"name,omitempty"`
	Source     string          `json:"source,omitempty"`
	Commit     hallmark.Digest `json:"commit,omitzero"`
	Workflow   string          `json:"workflow,omitempty"`
	Builder    string          `json:"builder,omitempty"`
	Signer     string          `json:"signer,omitempty"`
	Key        hallmark.Digest `json:"key,omitzero"`
	Input      hallmark.Digest `json:"input,omitzero"`
	After      time.Time       `json:"after,omitzero"`
	Before     time.Time       `json:"before,omitzero"`
	Verdict    string          `json:"verdict,omitempty"`
	Contents   Contents        `json:"contents,omitempty"`
	Deployed   bool            `json:"deployed,omitempty"`
	Incomplete bool            `json:"incomplete,omitempty"`
}

// ReportCounts are how many there are of what. Artifacts are counted once, however many
// records there are of one.
type ReportCounts struct {
	Asked    int `json:"asked"`    // artifacts that were asked about
	Affected int `json:"affected"` // of these
	Doubtful int `json:"doubtful"` // of the affected, those of which it is not certain
	Unknown  int `json:"unknown"`  // of those asked about and not affected, those of which it cannot be told

	// Of the affected, those that are trusted, as [Trust.Trusted] has it, and by verdict.
	// Undeclared are those of which nobody has decided.
	Trusted    int `json:"trusted"`
	Accepted   int `json:"accepted"`
	Rejected   int `json:"rejected"`
	Undecided  int `json:"undecided"`
	Undeclared int `json:"undeclared"`

	Dependents int `json:"dependents"` // artifacts

	// Running are the affected artifacts and dependents that run now, in how many
	// Environments and Services; Ran are those that ran and do not now.
	Running      int `json:"running"`
	Environments int `json:"environments"`
	Services     int `json:"services"`
	Ran          int `json:"ran"`

	// Strangers are deployments that run of artifacts that are not in the inventory.
	Strangers int `json:"strangers"`

	Steps  int `json:"steps"`  // of rebuilding
	Rounds int `json:"rounds"` // of these
}

// A ReportArtifact is an artifact.
type ReportArtifact struct {
	Name    string            `json:"name,omitempty"` // may be empty
	Digests []hallmark.Digest `json:"digests"`        // at least one for which [hallmark.Digest.Secure] holds
}

// Digest is the digest that the artifact goes by, as [Entry.Digest] has it.
func (a *ReportArtifact) Digest() hallmark.Digest {
	return identity(hallmark.Artifact{Digests: a.Digests})
}

// Title names the artifact for people, as [Entry.Title] does.
func (a *ReportArtifact) Title() string {
	return (&Entry{Artifact: hallmark.Artifact{Name: a.Name, Digests: a.Digests}}).Title()
}

// A ReportBuild is where an artifact came from. What is not known is empty.
type ReportBuild struct {
	// They are those of a [Build].
	Source   string          `json:"source,omitempty"`
	Commit   hallmark.Digest `json:"commit,omitzero"`
	Ref      string          `json:"ref,omitempty"`
	Workflow string          `json:"workflow,omitempty"`
	Builder  string          `json:"builder,omitempty"`
	Run      string          `json:"run,omitempty"`
	Finished time.Time       `json:"finished,omitzero"`
}

// A ReportTrust is a [Trust].
type ReportTrust struct {
	Trusted    bool            `json:"trusted"`
	Text       string          `json:"text"` // for people, by [Trust.String]
	Verdict    string          `json:"verdict,omitempty"`
	Contents   Contents        `json:"contents"`
	Lapsed     bool            `json:"lapsed,omitempty"`
	Policy     hallmark.Digest `json:"policy,omitzero"`
	At         time.Time       `json:"at,omitzero"`
	Reasons    []string        `json:"reasons,omitempty"`
	Exceptions int             `json:"exceptions,omitempty"`
}

// A ReportComponent is a component because of which an artifact is affected.
type ReportComponent struct {
	Name    string            `json:"name,omitempty"` // if it has no package URL
	Version string            `json:"version,omitempty"`
	PURL    string            `json:"purl,omitempty"`
	Digests []hallmark.Digest `json:"digests,omitempty"`
	Path    []string          `json:"path,omitempty"`  // from the artifact, as [Hit] has it
	Doubt   string            `json:"doubt,omitempty"` // why it is not certain; empty if it is
	Fixed   string            `json:"fixed,omitempty"` // the next version that is not affected
}

// A ReportAffected is an artifact in question.
type ReportAffected struct {
	Artifact ReportArtifact `json:"artifact"`
	Build    ReportBuild    `json:"build,omitzero"`    // where it came from
	Signers  []string       `json:"signers,omitempty"` // who signed the evidence, as [Entry] has it

	// Trust is the least that a record of the artifact has.
	Trust ReportTrust `json:"trust"`

	// Doubtful says that all Components are in doubt.
	Doubtful bool `json:"doubtful,omitempty"`

	// Components are those because of which it is affected, of which More are not in the
	// list. There are none if the cause is of the kind CauseArtifacts.
	Components []ReportComponent `json:"components,omitempty"`
	More       int               `json:"more,omitempty"`

	Running bool     `json:"running,omitempty"` // now, somewhere
	Gaps    []string `json:"gaps,omitempty"`    // what is known to be missing in what is known of it
}

// A ReportOther is an artifact that was asked about and is not affected, as far as is
// known.
type ReportOther struct {
	Artifact ReportArtifact `json:"artifact"`
	Status   string         `json:"status"` // StatusAbsent, or one of those beside it

	// Why says why the Status is StatusUnknown.
	Why string `json:"why,omitempty"`

	// Components are those in it that the Status is about.
	Components []ReportComponent `json:"components,omitempty"`
}

// A ReportDependent is an artifact that took in one that is affected.
type ReportDependent struct {
	Artifact ReportArtifact    `json:"artifact"`
	Build    ReportBuild       `json:"build,omitzero"`
	Trust    ReportTrust       `json:"trust"`
	Inputs   []hallmark.Digest `json:"inputs"` // the affected artifacts and dependents that it took in directly
	Running  bool              `json:"running,omitempty"`
}

// A ReportDeployment is a [Deployment] of an affected artifact, or of a dependent.
type ReportDeployment struct {
	Digest      hallmark.Digest `json:"digest"`
	Name        string          `json:"name,omitempty"` // of the artifact
	Dependent   bool            `json:"dependent,omitempty"`
	Environment string          `json:"environment"`
	Service     string          `json:"service"`
	From        time.Time       `json:"from,omitzero"`
	To          time.Time       `json:"to,omitzero"` // absent if it runs
}

// A ReportEnvironment is an environment of which it is known what runs there.
type ReportEnvironment struct {
	Name string `json:"name"` // as deployments have it

	// Told is when it was last told what runs there, of all together; zero if there are
	// only single deployments.
	Told time.Time `json:"told,omitzero"`
}

// A ReportStep is a [Step].
type ReportStep struct {
	Round    int               `json:"round"`
	Artifact ReportArtifact    `json:"artifact"`
	Build    ReportBuild       `json:"build,omitzero"`
	Affected bool              `json:"affected,omitempty"` // by itself
	After    []hallmark.Digest `json:"after,omitempty"`
	Circle   []hallmark.Digest `json:"circle,omitempty"`

	// Updates are the components to update in it, with the version that is fixed.
	Updates []ReportUpdate `json:"updates,omitempty"`
}

// A ReportUpdate is a component to update.
type ReportUpdate struct {
	Component string `json:"component"` // package URL, or name
	From      string `json:"from,omitempty"`
	To        string `json:"to"`
}

// Marshal returns r as JSON on one line, with a newline at its end. The same Report gives
// the same bytes. It fails if [ParseReport] does not read them.
func (r *Report) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("inventory: report: %w", err)
	}
	b, err := strictjson.Append(nil, r)
	if err != nil {
		return nil, fmt.Errorf("inventory: report: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseReport parses a report, such as the predicate of a verified statement whose type is
// [ReportType]. What [Report.Marshal] does not write is refused: a member that it does
// not know or that is there twice, members in another order, a time in another form,
// counts that are not those of the lists. White space does not matter.
func ParseReport(data []byte) (*Report, error) {
	malformed := func(err error) (*Report, error) { return nil, fmt.Errorf("malformed report: %w", err) }
	if len(data) > MaxReport {
		return malformed(fmt.Errorf("%d bytes, at most %d are read", len(data), MaxReport))
	}
	read, err := strictjson.Append(nil, json.RawMessage(data))
	if err != nil {
		return malformed(err)
	}
	r := new(Report)
	if err := json.Unmarshal(read, r); err != nil {
		return malformed(err)
	}
	if err := r.check(); err != nil {
		return malformed(err)
	}
	written, err := strictjson.Append(nil, r)
	if err != nil {
		return malformed(err)
	}
	if !bytes.Equal(read, written) {
		n := 0
		for n < min(len(read), len(written)) && read[n] == written[n] {
			n++
		}
		near := func(b []byte) []byte { return b[min(max(n-20, 0), len(b)):min(n+20, len(b))] }
		return malformed(fmt.Errorf("%q, want %q", near(read), near(written)))
	}
	return r, nil
}

// check returns what is wrong with r, as far as it can be seen in r.
func (r *Report) check() error {
	if r.Version != 1 {
		return fmt.Errorf("$.version: %d, want 1", r.Version)
	}
	if r.At.IsZero() || r.At.Location() != time.UTC {
		return fmt.Errorf("$.at: %s, want a time in UTC", r.At.Format(time.RFC3339))
	}
	c := &r.Cause
	component, advisory := c.Package != "" || !c.Digest.IsZero() || c.License != "", c.Advisory != nil
	switch {
	case c.Kind != CauseComponent && c.Kind != CauseAdvisory && c.Kind != CauseArtifacts:
		return fmt.Errorf("$.cause.kind: %.100q, want %q, %q or %q", c.Kind, CauseComponent, CauseAdvisory, CauseArtifacts)
	case component != (c.Kind == CauseComponent) || advisory != (c.Kind == CauseAdvisory) || c.Versions != "" && c.Package == "" ||
		c.Kind == CauseArtifacts && c.Of == nil || advisory && (c.Advisory.ID == "" || c.Advisory.Packages == nil):
		return fmt.Errorf("$.cause: its members are not those of the kind %q", c.Kind)
	}
	for _, list := range []struct {
		name         string
		listed, many int
		missing      bool
	}{
		{"affected", len(r.Affected), r.Counts.Affected, r.Affected == nil},
		{"others", len(r.Others), r.Counts.Asked - r.Counts.Affected, false},
		{"dependents", len(r.Dependents), r.Counts.Dependents, r.Dependents == nil},
		{"deployments", len(r.Deployments), -1, r.Deployments == nil},
		{"rebuild", len(r.Rebuild), r.Counts.Steps, r.Rebuild == nil},
		{"environments", len(r.Environments), -1, r.Environments == nil},
		{"incomplete", len(r.Incomplete), -1, r.Incomplete == nil},
	} {
		more := r.Unlisted[list.name]
		switch {
		case list.missing:
			return fmt.Errorf("$.%s: missing", list.name)
		case list.name == "others" && list.listed+more == 0: // the report was not to have them
		case list.many >= 0 && list.listed+more != list.many:
			return fmt.Errorf("$.%s: %d entries and %d unlisted ones, want %d", list.name, list.listed, more, list.many)
		}
	}
	for name, n := range r.Unlisted {
		if n <= 0 || !slices.Contains([]string{"affected", "others", "dependents", "deployments", "rebuild"}, name) {
			return fmt.Errorf("$.unlisted: %d of %.100q", n, name)
		}
	}
	n := &r.Counts
	if n.Accepted+n.Rejected+n.Undecided+n.Undeclared != n.Affected || n.Trusted > n.Accepted || n.Doubtful > n.Affected ||
		slices.Min([]int{
			n.Asked, n.Affected, n.Doubtful, n.Unknown, n.Trusted, n.Accepted, n.Rejected, n.Undecided, n.Undeclared, n.Dependents,
			n.Running, n.Environments, n.Services, n.Ran, n.Strangers, n.Steps, n.Rounds,
		}) < 0 {
		return errors.New("$.counts: they contradict each other")
	}
	artifact := func(list string, i int, a *ReportArtifact) error {
		if a.Digest().IsZero() {
			return fmt.Errorf("$.%s[%d].artifact.digests: none by which it is identified", list, i)
		}
		return nil
	}
	var errs []error
	for i := range r.Affected {
		errs = append(errs, artifact("affected", i, &r.Affected[i].Artifact))
	}
	for i := range r.Others {
		o := &r.Others[i]
		errs = append(errs, artifact("others", i, &o.Artifact))
		if !slices.Contains([]string{StatusAbsent, StatusNotLinked, StatusOutside, StatusFixed, StatusUnknown}, o.Status) || (o.Status == StatusUnknown) != (o.Why != "") {
			errs = append(errs, fmt.Errorf("$.others[%d]: status %.100q with the reason %.100q", i, o.Status, o.Why))
		}
	}
	for i := range r.Dependents {
		errs = append(errs, artifact("dependents", i, &r.Dependents[i].Artifact))
		if len(r.Dependents[i].Inputs) == 0 {
			errs = append(errs, fmt.Errorf("$.dependents[%d].inputs: none", i))
		}
	}
	for i := range r.Rebuild {
		errs = append(errs, artifact("rebuild", i, &r.Rebuild[i].Artifact))
		if s := r.Rebuild[i]; s.Round < 1 || s.Round > n.Rounds {
			errs = append(errs, fmt.Errorf("$.rebuild[%d].round: %d of %d", i, s.Round, n.Rounds))
		}
	}
	return errors.Join(errs...)
}

// Statement returns r as a statement to sign and hand on: what is known of an incident,
// about the affected artifacts that it lists. [provenance.Statement.Split] makes several
// of one with many subjects. It fails if nothing is affected, and if not all that is
// affected is listed, because whoever holds an artifact that is not a subject would take
// it for one that is not affected.
//
// A subject has the name of the artifact, with its digest if another one has that name
// too. The predicate is r as [Report.Marshal] has it.
func (r *Report) Statement() (*provenance.Statement, error) {
	switch more := r.Unlisted["affected"]; {
	case len(r.Affected) == 0:
		return nil, errors.New("inventory: report: nothing is affected, so there is nothing for a statement to be about")
	case more > 0:
		return nil, fmt.Errorf("inventory: report: %s more that are affected are not listed: ask for a report with all of them", artifacts(more))
	}
	data, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	named := make(map[string]int)
	for i := range r.Affected {
		named[r.Affected[i].Artifact.Name]++
	}
	subjects := make([]hallmark.Artifact, len(r.Affected))
	for i := range r.Affected {
		a := &r.Affected[i].Artifact
		subjects[i] = hallmark.Artifact{Name: a.Name, Digests: a.Digests}
		if a.Name != "" && named[a.Name] > 1 {
			subjects[i].Name += "@" + a.Digest().String()
		}
	}
	return provenance.New(ReportType, json.RawMessage(data), subjects...)
}

// String is the report for people, without a newline at its end. It shows the beginnings
// of the lists, and says how long they are.
func (r *Report) String() string {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	n := &r.Counts

	p("%s, asked at %s\n", r.Cause.String(), r.At.Format(time.RFC3339))
	p("  affected: %d of %s", n.Affected, artifacts(n.Asked))
	if n.Doubtful > 0 {
		p(", %d of them in doubt", n.Doubtful)
	}
	if n.Unknown > 0 {
		p("; of %d more it cannot be told", n.Unknown)
	}
	if n.Dependents > 0 {
		p("; %s took them in", artifacts(n.Dependents))
	}
	if n.Affected > 0 {
		p("\n  trusted: %d; verdicts: %d accepted, %d rejected, %d undecided, %d of which nobody has decided", n.Trusted, n.Accepted, n.Rejected, n.Undecided, n.Undeclared)
		if !r.Policy.IsZero() {
			p(", by the policy %s", r.Policy)
		}
	}
	p("\n  running now: %s", artifacts(n.Running))
	if n.Running > 0 {
		p(", in %s, as %s", count(n.Environments, "environment"), count(n.Services, "service"))
	}
	if n.Ran > 0 {
		p("; %d more ran", n.Ran)
	}
	if n.Steps > 0 {
		p("\n  to rebuild: %s in %s", artifacts(n.Steps), count(n.Rounds, "round"))
	}

	list := func(title, name string, listed int, entry func(i int)) {
		if listed+r.Unlisted[name] == 0 {
			return
		}
		p("\n\n%s", title)
		for i := range min(listed, shown) {
			p("\n  ")
			entry(i)
		}
		if more := listed + r.Unlisted[name] - shown; more > 0 {
			p("\n  and %d more", more)
		}
	}
	names := make(map[hallmark.Digest]string)
	for i := range r.Rebuild {
		names[r.Rebuild[i].Artifact.Digest()] = r.Rebuild[i].Artifact.Title()
	}
	titles := func(digests []hallmark.Digest) string {
		var all []string
		for _, d := range digests {
			all = append(all, line(cmp.Or(names[d], d.String())))
		}
		slices.Sort(all)
		all = slices.Compact(all)
		if more := len(all) - 5; more > 1 {
			all = append(all[:5], fmt.Sprintf("%d more", more))
		}
		return strings.Join(all, ", ")
	}
	list("Affected", "affected", len(r.Affected), func(i int) {
		a := &r.Affected[i]
		p("%s: %s", a.Artifact.line(), line(a.Trust.Text))
		if a.Running {
			p(", runs")
		}
		for i, c := range a.Components {
			if i == 3 {
				p("\n    and %d more components", len(a.Components)-3+a.More)
				break
			}
			p("\n    %s", line(c.label()))
			if c.Fixed != "" {
				p(", fixed in %s", line(c.Fixed))
			}
			if len(c.Path) > 2 {
				p(", by %s", line(strings.Join(c.Path[1:len(c.Path)-1], " > ")))
			}
			if c.Doubt != "" {
				p("; in doubt: %s", line(c.Doubt))
			}
		}
	})
	list("Took in what is affected", "dependents", len(r.Dependents), func(i int) {
		d := &r.Dependents[i]
		p("%s: %s", d.Artifact.line(), line(d.Trust.Text))
		if d.Running {
			p(", runs")
		}
	})
	list("Deployments", "deployments", len(r.Deployments), func(i int) {
		d := &r.Deployments[i]
		p("%s %s: %s", line(cmp.Or(d.Environment, "-")), line(cmp.Or(d.Service, "-")), line(cmp.Or(d.Name, d.Digest.String())))
		if d.Name != "" {
			p(" %s", short(d.Digest))
		}
		if !d.From.IsZero() {
			p(", from %s", d.From.Format(time.RFC3339))
		}
		if !d.To.IsZero() {
			p(", until %s", d.To.Format(time.RFC3339))
		}
	})
	list("Rebuild", "rebuild", len(r.Rebuild), func(i int) {
		s := &r.Rebuild[i]
		p("%d. %s", s.Round, s.Artifact.line())
		if s.Build.Source != "" {
			p(" from %s", line(s.Build.Source))
		}
		if !s.Build.Commit.IsZero() {
			p(", commit %s", s.Build.Commit.Hex())
		}
		if s.Build.Workflow != "" {
			p(", by %s", line(s.Build.Workflow))
		}
		for _, u := range s.Updates {
			p("\n    update %s to %s", line(u.Component), line(u.To))
		}
		if len(s.After) > 0 {
			p("\n    after %s", titles(s.After))
		}
		if len(s.Circle) > 0 {
			p("\n    in a circle with %s", titles(s.Circle))
		}
	})
	list("Cannot be told", "", len(r.Incomplete), func(i int) { p("%s", line(r.Incomplete[i])) })
	return b.String()
}

// String says for people what the report is about.
func (c *ReportCause) String() string {
	var all []string
	if a := c.Advisory; a != nil {
		text := strings.Join(append([]string{a.ID}, a.Aliases[:min(len(a.Aliases), 3)]...), ", ")
		if a.Summary != "" {
			text += ": " + a.Summary
		}
		all = append(all, text)
	}
	if c.Package != "" {
		all = append(all, strings.TrimSpace(c.Package+" "+c.Versions))
	}
	if !c.Digest.IsZero() {
		all = append(all, "components with "+c.Digest.String())
	}
	if c.License != "" {
		all = append(all, "components under "+c.License)
	}
	if c.Of != nil {
		all = append(all, "artifacts "+c.Of.String())
	}
	return line(strings.Join(all, "; "))
}

// String says for people which artifacts a filter asks for.
func (f *ReportFilter) String() string {
	var all []string
	add := func(format, value string) {
		if value != "" {
			all = append(all, fmt.Sprintf(format, value))
		}
	}
	add("with %s", f.Digest.String())
	add("named %s", f.Name)
	add("from %s", f.Source)
	add("of %s", f.Commit.String())
	add("by the workflow %s", f.Workflow)
	add("by the builder %s", f.Builder)
	add("signed by %s", f.Signer)
	add("signed with %s", f.Key.String())
	add("that took in %s", f.Input.String())
	if !f.After.IsZero() {
		add("built since %s", f.After.Format(time.RFC3339))
	}
	if !f.Before.IsZero() {
		add("built before %s", f.Before.Format(time.RFC3339))
	}
	add("with the verdict %s", f.Verdict)
	add("with contents %s", string(f.Contents))
	if f.Deployed {
		add("%s", "that run")
	}
	if f.Incomplete {
		add("%s", "of whose contents not all is known")
	}
	return strings.Join(all, ", ")
}

func (a *ReportArtifact) line() string {
	if a.Name == "" {
		return a.Title()
	}
	return line(a.Name) + " " + short(a.Digest())
}

func (c *ReportComponent) label() string {
	return cmp.Or(c.PURL, strings.TrimSpace(c.Name+" "+c.Version))
}

// short is the beginning of a digest, for people.
func short(d hallmark.Digest) string { return fmt.Sprintf("%s:%.12s", d.Algorithm(), d.Hex()) }

func artifacts(n int) string { return count(n, "artifact") }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// line is a text on one line that nothing else can be taken for.
func line(s string) string {
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "") + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
