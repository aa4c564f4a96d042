package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/sheet"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// A page is a report as it is shown: what others wrote is text.
type page struct {
	Title sheet.Text
	State string // of the whole: "bad", "open" or "good"
	Says  string
	At    time.Time
	Facts []fact
	Tiles []tile

	Affected     []affectedView
	MoreAffected int

	Environments    []environmentView
	MoreDeployments int

	Rounds    []roundView
	MoreSteps int

	Dependents     []dependentView
	MoreDependents int

	Unknown []sheet.Text
}

type fact struct{ Name, Value sheet.Text }

type tile struct {
	N            int
	Label, State string
}

type artifactView struct{ Name, Digest sheet.Text }

type trustView struct {
	State, Sign string
	Text        sheet.Text
	Reasons     []sheet.Text
}

type componentView struct {
	Label, Doubt, Fixed sheet.Text
	Path                []sheet.Text // from the artifact
}

type affectedView struct {
	artifactView
	Trust      trustView
	Components []componentView
	More       int
	Runs       []sheet.Text
	MoreRuns   int
	Build      []fact
	Gaps       []sheet.Text
}

type environmentView struct {
	Name sheet.Text
	Told string
	Rows []runView
}

type runView struct {
	artifactView
	Service   sheet.Text
	Dependent bool
	From      string
}

type roundView struct {
	N     int
	Steps []stepView
}

type stepView struct {
	artifactView
	Affected      bool
	Build         []fact
	Updates       []sheet.Text
	After, Circle []sheet.Text
}

type dependentView struct {
	artifactView
	Trust   trustView
	Inputs  []sheet.Text
	Running bool
}

// newPage returns the page of a report.
func newPage(r *inventory.Report) *page {
	n := &r.Counts
	p := &page{
		Title: sheet.Text(r.Cause.String()), At: r.At, Unknown: texts(r.Incomplete),
		MoreAffected: r.Unlisted["affected"], MoreDeployments: r.Unlisted["deployments"], MoreSteps: r.Unlisted["rebuild"], MoreDependents: r.Unlisted["dependents"],
	}
	switch {
	case n.Affected > n.Doubtful:
		p.State, p.Says = "bad", fmt.Sprintf("%s affected, and %s.", are(n.Affected, "artifact"), runs(n.Running))
	case n.Affected > 0:
		p.State, p.Says = "open", fmt.Sprintf("%s in doubt: it is not certain that they are affected.", are(n.Affected, "artifact"))
	case n.Unknown > 0 || n.Strangers > 0:
		p.State, p.Says = "open", "Nothing is known to be affected, but it cannot be told of everything."
	default:
		p.State, p.Says = "good", "Nothing is affected."
	}
	p.facts(r)
	p.Tiles = []tile{
		{n.Affected, "affected", pick(n.Affected > 0, "bad", "good")},
		{n.Running, "run, of these and of what took them in", pick(n.Running > 0, "bad", "good")},
		{n.Affected - n.Trusted, "affected and not trusted", pick(n.Affected > n.Trusted, "bad", "good")},
		{n.Doubtful, "affected in doubt", pick(n.Doubtful > 0, "open", "good")},
		{n.Unknown, "others of which it cannot be told", pick(n.Unknown > 0, "open", "good")},
		{n.Strangers, "deployments of what is not in the inventory", pick(n.Strangers > 0, "open", "good")},
		{n.Steps, "to build again, in " + count(n.Rounds, "round"), pick(n.Steps > 0, "open", "good")},
	}

	names := make(map[hallmark.Digest]string)
	running := make(map[hallmark.Digest][]sheet.Text)
	told := make(map[string]string)
	for _, e := range r.Environments {
		told[e.Name] = "not told of all together"
		if !e.Told.IsZero() {
			told[e.Name] = "as of " + sheet.Minute(e.Told)
		}
	}
	for i := range r.Deployments {
		d := &r.Deployments[i]
		if !d.To.IsZero() {
			continue
		}
		running[d.Digest] = append(running[d.Digest], sheet.Text(place{Environment: d.Environment, Service: d.Service}.String()))
		last := len(p.Environments) - 1
		if last < 0 || p.Environments[last].Name != sheet.Text(d.Environment) {
			p.Environments = append(p.Environments, environmentView{Name: sheet.Text(d.Environment), Told: told[d.Environment]})
			last++
		}
		from := ""
		if !d.From.IsZero() {
			from = sheet.Minute(d.From)
		}
		p.Environments[last].Rows = append(p.Environments[last].Rows, runView{
			artifactView{sheet.Text(d.Name), sheet.Text(d.Digest.String())}, sheet.Text(d.Service), d.Dependent, from,
		})
	}
	note := func(a *inventory.ReportArtifact) artifactView {
		names[a.Digest()] = a.Title()
		return artifactView{sheet.Text(a.Name), sheet.Text(a.Digest().String())}
	}
	for i := range r.Affected {
		a := &r.Affected[i]
		v := affectedView{artifactView: note(&a.Artifact), Trust: showTrust(&a.Trust), More: a.More, Build: buildFacts(&a.Build, a.Signers), Gaps: texts(a.Gaps)}
		for _, d := range a.Artifact.Digests {
			v.Runs = append(v.Runs, running[d]...)
		}
		const most = 20
		if v.MoreRuns = len(v.Runs) - most; v.MoreRuns > 0 {
			v.Runs = v.Runs[:most]
		}
		for _, c := range a.Components {
			v.Components = append(v.Components, componentView{
				Label: sheet.Text(labelOf(&c)), Doubt: sheet.Text(c.Doubt), Fixed: sheet.Text(c.Fixed), Path: texts(steps(c.Path)),
			})
		}
		p.Affected = append(p.Affected, v)
	}
	for i := range r.Dependents {
		note(&r.Dependents[i].Artifact)
	}
	titles := func(ds []hallmark.Digest) (all []sheet.Text) {
		for _, d := range ds {
			all = append(all, sheet.Text(cmp.Or(names[d], d.String())))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	for i := range r.Dependents {
		d := &r.Dependents[i]
		p.Dependents = append(p.Dependents, dependentView{note(&d.Artifact), showTrust(&d.Trust), titles(d.Inputs), d.Running})
	}
	for i := range r.Rebuild {
		note(&r.Rebuild[i].Artifact)
	}
	for i := range r.Rebuild {
		s := &r.Rebuild[i]
		if len(p.Rounds) == 0 || p.Rounds[len(p.Rounds)-1].N != s.Round {
			p.Rounds = append(p.Rounds, roundView{N: s.Round})
		}
		v := stepView{artifactView: note(&s.Artifact), Affected: s.Affected, Build: buildFacts(&s.Build, nil), After: titles(s.After), Circle: titles(s.Circle)}
		for _, u := range s.Updates {
			v.Updates = append(v.Updates, sheet.Text(fmt.Sprintf("%s to %s", strings.TrimSpace(u.Component+" "+u.From), u.To)))
		}
		round := &p.Rounds[len(p.Rounds)-1]
		round.Steps = append(round.Steps, v)
	}
	return p
}

// facts are what the report is about.
func (p *page) facts(r *inventory.Report) {
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{sheet.Text(name), sheet.Text(value)})
		}
	}
	c := &r.Cause
	if a := c.Advisory; a != nil {
		add("Advisory", a.ID)
		add("Also called", strings.Join(a.Aliases, ", "))
		add("Summary", a.Summary)
	}
	add("Package", strings.TrimSpace(c.Package+" "+c.Versions))
	add("Digest", c.Digest.String())
	add("Licence", c.License)
	if c.Of != nil {
		add("Artifacts", c.Of.String())
	}
	add("Asked at", sheet.Minute(r.At))
	add("Asked about", count(r.Counts.Asked, "artifact"))
	if r.Policy.IsZero() {
		add("Trust", "by the verdicts that were kept")
	} else {
		add("Trust", "by the policy "+r.Policy.String())
	}
}

func buildFacts(b *inventory.ReportBuild, signers []string) (facts []fact) {
	commit, finished := "", ""
	if !b.Commit.IsZero() {
		commit = b.Commit.Hex()
	}
	if !b.Finished.IsZero() {
		finished = sheet.Minute(b.Finished)
	}
	for _, f := range [][2]string{
		{"Source", b.Source},
		{"Commit", commit},
		{"Ref", b.Ref},
		{"Workflow", b.Workflow},
		{"Builder", b.Builder},
		{"Run", b.Run},
		{"Finished", finished},
		{"Signed by", strings.Join(signers, ", ")},
	} {
		if f[1] != "" {
			facts = append(facts, fact{sheet.Text(f[0]), sheet.Text(f[1])})
		}
	}
	return facts
}

func showTrust(t *inventory.ReportTrust) trustView {
	v := trustView{"bad", "✗", sheet.Text(t.Text), texts(t.Reasons)}
	switch {
	case t.Trusted:
		v.State, v.Sign = "good", "✓"
	case t.Verdict == "accepted" || t.Verdict == "":
		v.State, v.Sign = "open", "?"
	}
	return v
}

func texts(all []string) (ts []sheet.Text) {
	for _, s := range all {
		ts = append(ts, sheet.Text(s))
	}
	return ts
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}

func runs(n int) string {
	switch n {
	case 0:
		return "nothing is known to run of them and of what took them in"
	case 1:
		return "1 of them and of what took them in runs"
	}
	return fmt.Sprintf("%d of them and of what took them in run", n)
}

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

//go:embed script.js
var scriptJS string

// write writes p as HTML. The same report is the same bytes.
func (p *page) write(w io.Writer) error { return sheet.Write(w, pageHTML, styleCSS, scriptJS, p) }
