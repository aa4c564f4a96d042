package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

const affectedUsage = `usage: inventory affected [flags]

Tells which artifacts are affected: what they have of what is asked for and by which way
they come to have it, whether they are trusted, and where they run. The last line counts
them, and how many artifacts nothing certain can be said of: those without an SBOM, and
those whose SBOM is known to have gaps.
` + questionUsage + `

The trust is that of the verdict that was kept, and with -policy what this policy says of
the same evidence now. An artifact is trusted if it is accepted and somebody whom the
policy names has signed its SBOM. What it says beyond doubt and what not is told: a
"doubt" is the reason to look.

-json prints one JSON object for each answer, on a line of its own, and one with the
member "summary" behind them.

Exit code: 0 nothing is affected; 1 something is; 2 there is no answer.`

func affected(ctx context.Context, args []string) error {
	var c common
	var q question
	var policies cli.List
	loader := newLoader(&c)
	flags := cli.Flags("inventory affected")
	c.flags(flags)
	q.flags(flags)
	policyFlags(flags, &policies, loader, "")
	if err := parse(flags, affectedUsage, args); err != nil {
		return err
	}
	if err := q.read(); err != nil {
		return err
	}
	if !q.asked() {
		return errors.New("nothing is asked for (-h lists the flags)")
	}
	rules, err := loadRules(ctx, policies, loader)
	if err != nil {
		return err
	}
	if q.query.Rule, err = one(rules); err != nil {
		return err
	}
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	running, err := s.running(ctx)
	if err != nil {
		return err
	}
	out := c.output("ARTIFACT", "DIGEST", "COMPONENT", "TRUST", "RUNS", "PATH")
	t := newTally()
	for h, err := range q.answers(ctx, s) {
		if err != nil {
			return s.explain(err)
		}
		a := answerOf(&h, running)
		t.add(&h.Entry, len(a.Runs) > 0, h.Doubt != "")
		name := ""
		if a.Component != nil {
			name = labelOf(a.Component)
		}
		path := strings.Join(steps(h.Path), " → ")
		if h.Doubt != "" {
			path = strings.TrimSpace(path + " (doubt: " + h.Doubt + ")")
		}
		if err := out.row(a, h.Title(), short(a.Artifact.Digests), name, h.Trust.String(), where(a.Runs), path); err != nil {
			return err
		}
	}
	sum, err := t.summary(ctx, s, q.query.Of, q.component() || q.advisory != nil)
	if err != nil {
		return s.explain(err)
	}
	if sum.Of == 0 {
		return errNobody
	}
	if a := q.advisory; a != nil {
		sum.Advisory = a.Unknown()
		if !a.Withdrawn.IsZero() {
			sum.Advisory = append(sum.Advisory, "it was withdrawn on "+a.Withdrawn.UTC().Format(time.DateOnly))
		}
	}
	if err := out.end(map[string]any{"summary": sum}, "%s", sum); err != nil {
		return err
	}
	if sum.Affected > 0 {
		return cli.ErrFindings
	}
	return nil
}

// errNobody is the error of a question that is about no artifact: a name with a typing error
// is not affected by anything.
var errNobody = errors.New("no artifact of the inventory is asked about")

// one returns the only rule, or nil if there is none.
func one(rules gate.Rules) (*inventory.Rule, error) {
	switch {
	case len(rules) == 0:
		return nil, nil
	case len(rules) > 1 || rules[0].Pattern != "*":
		return nil, errors.New("want one -policy FILE, for all that is asked for")
	}
	r := ruleOf(rules[0])
	return &r, nil
}

// steps names the parts of a path for people: package URLs without what all of them have.
func steps(path []string) []string {
	short := make([]string, len(path))
	for i, p := range path {
		if _, rest, ok := strings.Cut(p, "/"); ok && strings.HasPrefix(p, "pkg:") {
			p = rest
		}
		short[i] = p
	}
	return short
}

// A tally counts the artifacts of answers, each once.
type tally struct {
	state map[hallmark.Digest]*counted
}

type counted struct{ trusted, runs, certain bool }

func newTally() *tally { return &tally{make(map[hallmark.Digest]*counted)} }

func (t *tally) add(e *inventory.Entry, runs, doubt bool) {
	k := key(e.Artifact)
	c := t.state[k]
	if c == nil {
		c = &counted{trusted: true}
		t.state[k] = c
	}
	c.trusted = c.trusted && e.Trust.Trusted() // what one record of it says must hold for all
	c.runs = c.runs || runs
	c.certain = c.certain || !doubt
}

// A summary counts artifacts.
type summary struct {
	Affected  int `json:"affected"`
	Trusted   int `json:"trusted"`
	Untrusted int `json:"untrusted"`
	Running   int `json:"running"`
	Doubtful  int `json:"doubtful"` // only in doubt are they affected
	Of        int `json:"of"`

	// Artifacts that are not affected as far as it is known, of which nothing certain can
	// be said.
	WithoutSBOM int `json:"withoutSBOM"`
	WithGaps    int `json:"withGaps"`

	Advisory []string `json:"advisory,omitempty"` // what it does not tell, or that it was withdrawn
}

func (s summary) String() string {
	text := fmt.Sprintf("%d of %d artifacts: %d trusted, %d not; %d run", s.Affected, s.Of, s.Trusted, s.Untrusted, s.Running)
	if s.Doubtful > 0 {
		text += fmt.Sprintf("; %d in doubt", s.Doubtful)
	}
	if s.WithoutSBOM > 0 || s.WithGaps > 0 {
		text += fmt.Sprintf("; of %d others it cannot be told: %d without an SBOM, %d with gaps in it", s.WithoutSBOM+s.WithGaps, s.WithoutSBOM, s.WithGaps)
	}
	for _, note := range s.Advisory {
		text += "\nof the advisory: " + cli.Printable(note)
	}
	return text
}

// summary counts what t has, and the others that f asks for.
func (t *tally) summary(ctx context.Context, s *store, f inventory.Filter, components bool) (summary, error) {
	sum := summary{Affected: len(t.state)}
	for c := range maps.Values(t.state) {
		if c.trusted {
			sum.Trusted++
		} else {
			sum.Untrusted++
		}
		if c.runs {
			sum.Running++
		}
		if !c.certain {
			sum.Doubtful++
		}
	}
	all := f
	if !components {
		all = inventory.Filter{} // f itself is the question
	}
	count := func(f inventory.Filter) (map[hallmark.Digest]bool, error) {
		seen := make(map[hallmark.Digest]bool) // without an SBOM?
		for e, err := range s.Artifacts(ctx, f) {
			if err != nil {
				return nil, err
			}
			k := key(e.Artifact)
			without, ok := seen[k]
			seen[k] = e.Trust.Contents == inventory.NoSBOM && (without || !ok)
		}
		return seen, nil
	}
	seen, err := count(all)
	if err != nil || !components {
		sum.Of = len(seen)
		return sum, err
	}
	sum.Of = len(seen)
	f.Incomplete = true
	if seen, err = count(f); err != nil {
		return sum, err
	}
	for k, without := range seen {
		switch {
		case t.state[k] != nil:
		case without:
			sum.WithoutSBOM++
		default:
			sum.WithGaps++
		}
	}
	return sum, nil
}

const trustUsage = `usage: inventory trust -policy FILE [flags]

Holds the evidence that was kept against a policy again, and tells what changes: the
verdict that was kept, and the new one. Nothing is fetched or read again.

-policy may be given several times, as NAME=FILE, as to ingest. With -save the new
verdicts are kept; without it nothing is written. -all tells also what does not change.

Exit code: 0 nothing that was trusted has lost it; 1 something has; 2 there is no answer.`

func trust(ctx context.Context, args []string) error {
	var c common
	var q question
	var policies cli.List
	loader := newLoader(&c)
	flags := cli.Flags("inventory trust")
	c.flags(flags)
	q.filterFlags(flags)
	policyFlags(flags, &policies, loader, "NAME=FILE, for artifacts of that name; may be repeated")
	all := flags.Bool("all", false, "tell also what does not change")
	save := flags.Bool("save", false, "keep the new verdicts")
	if err := parse(flags, trustUsage, args); err != nil {
		return err
	}
	if len(policies) == 0 {
		return errors.New("no -policy (-h lists the flags)")
	}
	if err := q.read(); err != nil {
		return err
	}
	rules, err := loadRules(ctx, policies, loader)
	if err != nil {
		return err
	}
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	running, err := s.running(ctx)
	if err != nil {
		return err
	}

	out := c.output("ARTIFACT", "DIGEST", "WAS", "IS", "RUNS", "REASON")
	var sum struct {
		Artifacts int `json:"records"`
		Changed   int `json:"changed"`
		Lost      int `json:"lost"`
		Gained    int `json:"gained"`
	}
	var keep []inventory.Judgement
	for i, r := range rules {
		of := q.query.Of
		if of.Name == "" && !strings.HasSuffix(r.Pattern, "*") {
			of.Name = r.Pattern
		}
		for j, err := range s.Judge(ctx, ruleOf(r), of) {
			if err != nil {
				return s.explain(err)
			}
			if best, ok := rules.For(j.Artifact.Name); !ok || best.Pattern != rules[i].Pattern {
				continue
			}
			sum.Artifacts++
			was, is := j.Trust, j.Now
			changed := was.String() != is.String()
			switch {
			case was.Trusted() && !is.Trusted():
				sum.Lost++
			case !was.Trusted() && is.Trusted():
				sum.Gained++
			}
			if changed {
				sum.Changed++
			}
			if *save {
				keep = append(keep, j)
			}
			if !changed && !*all {
				continue
			}
			j.Trust = is
			a := answerOf(&inventory.Hit{Entry: j.Entry}, running)
			before := trustOf(was)
			a.Was = &before
			if err := out.row(a, j.Title(), short(a.Artifact.Digests), was.String(), is.String(), where(a.Runs), first(is.Verdict.Reasons)); err != nil {
				return err
			}
		}
	}
	if sum.Artifacts == 0 {
		return errNobody
	}
	for some := range slices.Chunk(keep, 1000) {
		if err := s.Keep(ctx, some...); err != nil {
			return s.explain(err)
		}
	}
	saved := ""
	if *save {
		saved = "; the new verdicts are kept"
	}
	if err := out.end(map[string]any{"summary": sum}, "%d of %d verdicts change: %d lose trust, %d gain it%s", sum.Changed, sum.Artifacts, sum.Lost, sum.Gained, saved); err != nil {
		return err
	}
	if sum.Lost > 0 {
		return cli.ErrFindings
	}
	return nil
}

// first returns the first of several reasons, and how many more there are.
func first(reasons []string) string {
	switch len(reasons) {
	case 0:
		return ""
	case 1:
		return reasons[0]
	}
	return fmt.Sprintf("%s (and %d more)", reasons[0], len(reasons)-1)
}

const rebuildUsage = `usage: inventory rebuild-order [flags] [DIGEST...]

Tells what has to be built again, and in which order: the artifacts that the flags ask
for, or those with the digests, and all that took one of them in, as an input of its build
or as a component. What is in one round can be built at once.
` + questionUsage + `

-runs leaves out what does not run, and -latest all but the last build of each name, except
for what the others are built of; with both, a build is there if one of them says so.

Exit code: 0 there is nothing to build again; 1 there is; 2 there is no answer.`

func rebuildOrder(ctx context.Context, args []string) error {
	var c common
	var q question
	var o inventory.RebuildOptions
	flags := cli.Flags("inventory rebuild-order")
	c.flags(flags)
	q.flags(flags)
	flags.BoolVar(&o.Deployed, "runs", false, "what runs, and what that is built of")
	flags.BoolVar(&o.Latest, "latest", false, "the last build of each name, and what that is built of")
	if err := cli.Parse(flags, rebuildUsage, args); err != nil {
		return err
	}
	if err := q.read(); err != nil {
		return err
	}
	var digests []hallmark.Digest
	for _, arg := range flags.Args() {
		a, err := artifactOf(arg)
		if err != nil {
			return err
		}
		digests = append(digests, key(a))
	}
	if q.asked() == (digests != nil) {
		return errors.New("want either flags that say what is affected, or its digests (-h lists the flags)")
	}
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	if digests == nil {
		if digests, err = q.digests(ctx, s); err != nil {
			return s.explain(err)
		}
	}
	steps, err := s.Rebuild(ctx, o, digests...)
	if err != nil {
		return s.explain(err)
	}
	out := c.output("ROUND", "ARTIFACT", "DIGEST", "REPOSITORY", "COMMIT", "WORKFLOW", "AFTER")
	rounds := 0
	for i := range steps {
		st := &steps[i]
		rounds = max(rounds, st.Round)
		b := st.Entry.Build
		commit := ""
		if !b.Commit.IsZero() {
			commit = b.Commit.Hex()
		}
		line := step{
			ReportStep: inventory.ReportStep{
				Round: st.Round, Artifact: inventory.ReportArtifact{Name: st.Entry.Artifact.Name, Digests: st.Entry.Artifact.Digests},
				Build: buildOf(&b), Affected: st.Asked, After: st.After, Circle: st.Circle,
			},
			Outside: st.Outside,
		}
		if err := out.row(line, fmt.Sprint(st.Round), st.Entry.Title(), short(st.Entry.Artifact.Digests), b.Source, commit, b.Workflow, waits(st)); err != nil {
			return err
		}
	}
	if err := out.end(nil, "%d artifacts in %d rounds", len(steps), rounds); err != nil {
		return err
	}
	if len(steps) > 0 {
		return cli.ErrFindings
	}
	return nil
}

// A step is a line of the output of rebuild-order -json.
type step struct {
	inventory.ReportStep
	Outside []hallmark.Digest `json:"outside,omitempty"` // that others have to build again
}

// waits says what a step waits for.
func waits(st *inventory.Step) string {
	var parts []string
	for _, list := range []struct {
		what    string
		digests []hallmark.Digest
	}{{"", st.After}, {"in a circle with ", st.Circle}, {"made elsewhere: ", st.Outside}} {
		if n := len(list.digests); n == 1 {
			parts = append(parts, list.what+short(list.digests))
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%s%s and %d more", list.what, short(list.digests), n-1))
		}
	}
	return strings.Join(parts, "; ")
}

// digests returns those of the artifacts that q asks for.
func (q *question) digests(ctx context.Context, s *store) ([]hallmark.Digest, error) {
	var all []hallmark.Digest
	seen := make(map[hallmark.Digest]bool)
	for h, err := range q.answers(ctx, s) {
		if err != nil {
			return nil, err
		}
		if k := key(h.Artifact); !seen[k] {
			seen[k] = true
			all = append(all, k)
		}
	}
	return all, nil
}

const deploymentsUsage = `usage: inventory deployments [-pods FILE -environment NAME] [flags]

Tells what runs where. With -pods it takes in what "kubectl get pods -A -o json" prints, of
which - is standard input: this is what runs in the environment, at the time of -at. What
ran there and is not in it has ended by then.

What runs and is not in the inventory is told too: nobody knows what is in it.

Exit code: 0 done; 1 something runs that is not in the inventory; 2 there is no answer, or
of some containers it is not known what they run.`

func deployments(ctx context.Context, args []string) error {
	var c common
	var q question
	flags := cli.Flags("inventory deployments")
	c.flags(flags)
	q.filterFlags(flags)
	pods := flags.String("pods", "", "a `FILE` with what kubectl get pods -A -o json prints")
	environment := flags.String("environment", "", "the `NAME` of where the Pods are, such as that of a cluster; or of what is asked for")
	ended := flags.Bool("ended", false, "tell also what does not run any more")
	if err := parse(flags, deploymentsUsage, args); err != nil {
		return err
	}
	if err := q.read(); err != nil {
		return err
	}
	if *pods != "" && *environment == "" {
		return errors.New("-pods without -environment: say where they are")
	}
	var run []inventory.Deployment
	var skipped []error
	if *pods != "" {
		data, err := readPods(*pods)
		if err != nil {
			return err
		}
		if run, skipped, err = inventory.ParsePods(data, *environment); err != nil {
			return about(*pods, err)
		}
	}
	s, err := c.open(ctx, *pods != "")
	if err != nil {
		return err
	}
	defer s.close()
	if *pods != "" {
		if err := s.Snapshot(ctx, *environment, c.at.Now(), run...); err != nil {
			return s.explain(err)
		}
	}
	out := c.output("WHERE", "ARTIFACT", "DIGEST", "TRUST", "SINCE", "UNTIL")
	total, unknown := 0, 0
	for d, err := range s.Deployments(ctx, q.query.Of) {
		if err != nil {
			return s.explain(err)
		}
		if *environment != "" && d.Environment != *environment || !d.To.IsZero() && !*ended {
			continue
		}
		total++
		line := deployed{place: place{d.Environment, d.Service, d.From, d.To}, Digest: d.Digest}
		name, says := "", "not in the inventory"
		if d.Entry == nil {
			unknown++
		} else {
			a := answerOf(&inventory.Hit{Entry: *d.Entry}, nil)
			line.Artifact = &a
			name, says = d.Entry.Title(), d.Entry.Trust.String()
		}
		if err := out.row(line, line.String(), name, short([]hallmark.Digest{d.Digest}), says, minute(d.From), minute(d.To)); err != nil {
			return err
		}
	}
	if err := out.end(nil, "%d deployments, %d of them of what is not in the inventory", total, unknown); err != nil {
		return err
	}
	switch {
	case len(skipped) > 0:
		return fmt.Errorf("of %d containers it is not known what they run: %w", len(skipped), skipped[0])
	case unknown > 0:
		return cli.ErrFindings
	}
	return nil
}

// readPods returns what is in a file, or on standard input.
func readPods(file string) ([]byte, error) {
	if file != "-" {
		return cli.ReadFile(file, inventory.MaxPods)
	}
	data, err := io.ReadAll(io.LimitReader(os.Stdin, inventory.MaxPods+1))
	if err == nil && len(data) > inventory.MaxPods {
		err = fmt.Errorf("standard input: larger than %d bytes: read one namespace after the other", inventory.MaxPods)
	}
	return data, err
}

// A deployed is a line of the output of deployments -json.
type deployed struct {
	place
	Digest   hallmark.Digest `json:"digest"`
	Artifact *answer         `json:"artifact,omitempty"`
}
