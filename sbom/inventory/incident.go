package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Cause is what an incident is about. With a Package, a Digest or a License, Query asks
// for a component, of the artifacts in its Of. With an Advisory it has none of these, and
// the components are what the Advisory affects. With neither, what is affected is all that
// its Of asks for: what a builder, a key, a signer, a workflow, an input or a span of time
// has made. Trust is decided by its Rule, if there is one.
type Cause struct {
	Query    Query         // of a component, or of artifacts by its Of
	Advisory *osv.Advisory // nil if it is about none
}

// ReportOptions say what a [Report] has. The zero value is ready for use.
type ReportOptions struct {
	// Limit is how many entries each list may have, up to MaxSteps; DefaultListed if it
	// is 0.
	Limit int

	// Others lists the artifacts that were asked about and are not affected, too. A VEX
	// document needs them. For a cause of the kind CauseArtifacts there are none.
	Others bool

	// Rebuild says what has to be rebuilt.
	Rebuild RebuildOptions
}

// Report asks all that an incident asks: what is affected, whether it can be trusted,
// where it runs, what took it in, in which order to rebuild, and what of all this cannot be
// told. The answers are of one moment.
//
// An artifact is affected if one of its records has a component in question, with or
// without a doubt. That it is not is believed of an SBOM that is attested and says of
// itself that it is complete ([Entry]), and of no other. More than MaxSteps affected
// artifacts and dependents are an error, as is a cause of no kind.
func (v *Inventory) Report(ctx context.Context, c Cause, o ReportOptions) (*Report, error) {
	failed := func(err error) (*Report, error) { return nil, fmt.Errorf("inventory: report: %w", err) }
	cause, err := c.describe()
	if err != nil {
		return failed(err)
	}
	limit := cmp.Or(o.Limit, DefaultListed)
	if limit < 0 || limit > MaxSteps {
		return failed(fmt.Errorf("lists of %d entries, want at most %d", limit, MaxSteps))
	}
	r := &Report{
		Version: 1, At: v.o.Now().UTC().Round(0), Cause: cause, Unlisted: make(map[string]int),
		Affected: []ReportAffected{}, Dependents: []ReportDependent{}, Deployments: []ReportDeployment{},
		Environments: []ReportEnvironment{}, Rebuild: []ReportStep{}, Incomplete: []string{},
	}
	if rule := c.Query.Rule; rule != nil {
		if rule.Policy == nil {
			return failed(errors.New("a rule without a policy"))
		}
		r.Policy = rule.Digest
	}
	err = v.view(ctx, func(s *session) error {
		i := &incident{Report: r, s: s, cause: c, limit: limit, suspects: make(map[hallmark.Digest]*suspect)}
		if err := i.suspect(ctx, o.Others); err != nil {
			return err
		}
		var digests []hallmark.Digest
		for _, one := range i.suspects {
			digests = append(digests, one.digests...)
		}
		closed, err := closeOver(ctx, s, digests)
		if err != nil {
			return err
		}
		if rule := c.Query.Rule; rule != nil {
			if err := closed.judge(ctx, s, rule); err != nil {
				return err
			}
		}
		steps, err := closed.steps(ctx, s, o.Rebuild)
		if err != nil {
			return err
		}
		return i.list(ctx, closed, steps)
	})
	if err != nil {
		return nil, err
	}
	if len(r.Unlisted) == 0 {
		r.Unlisted = nil
	}
	return r, nil
}

// describe returns c as a Report has it, or what is wrong with it.
func (c *Cause) describe() (ReportCause, error) {
	q := &c.Query
	f := &q.Of
	d := ReportCause{Package: q.Package.PURL, Versions: q.Package.Versions, Digest: q.Digest, License: q.License}
	if *f != (Filter{}) {
		d.Of = &ReportFilter{
			f.Digest, f.Name, f.Source, f.Commit, f.Workflow, f.Builder, f.Signer, f.Key, f.Input,
			f.After.UTC(), f.Before.UTC(), f.Verdict, f.Contents, f.Deployed, f.Incomplete,
		}
	}
	component := q.Package != (sbom.Query{}) || !q.Digest.IsZero() || q.License != ""
	switch a := c.Advisory; {
	case component && a != nil:
		return d, errors.New("the cause is both a component and an advisory")
	case component:
		d.Kind = CauseComponent
	case a != nil:
		d.Kind = CauseAdvisory
		d.Advisory = &ReportAdvisory{a.ID, a.Aliases, append([]string{}, a.PURLs()...), a.Summary, a.Modified.UTC()}
	case d.Of == nil:
		return d, errors.New("the cause is neither a component nor an advisory nor some of the artifacts")
	default:
		d.Kind = CauseArtifacts
	}
	return d, nil
}

// An incident is a Report that is being made.
type incident struct {
	*Report
	s     *session
	cause Cause
	limit int

	suspects map[hallmark.Digest]*suspect // by identity; in the end, what is affected
}

// say says what cannot be told.
func (i *incident) say(format string, a ...any) {
	i.Incomplete = append(i.Incomplete, fmt.Sprintf(format, a...))
}

// A suspect is an artifact that has a component in question, or is in question itself.
type suspect struct {
	entry      Entry // with the least trust of its records
	digests    []hallmark.Digest
	components []ReportComponent
	statuses   []status // of these
	more       int      // components
	status     status   // the worst
}

// add adds a component.
func (one *suspect) add(c ReportComponent, st status) {
	for at := range one.components {
		if had := &one.components[at]; had.PURL == c.PURL && had.Name == c.Name && had.Version == c.Version && slices.Equal(had.Digests, c.Digests) {
			return // another record has it too
		}
	}
	at := len(one.components)
	if at == maxCauses {
		one.more++
		if at = slices.IndexFunc(one.statuses, func(had status) bool { return had < st }); at < 0 {
			return
		}
		one.components, one.statuses = slices.Delete(one.components, at, at+1), slices.Delete(one.statuses, at, at+1)
	}
	one.components, one.statuses = append(one.components, c), append(one.statuses, st)
}

// with returns the components with a status from the one to the other.
func (one *suspect) with(from, to status) []ReportComponent {
	var list []ReportComponent
	for at, c := range one.components {
		if st := one.statuses[at]; from <= st && st <= to {
			list = append(list, c)
		}
	}
	return list
}

// A status is what is found of an artifact; the worst last.
type status int

const (
	absent status = iota
	outside
	fixed
	notLinked
	doubtful
	affected
)

func (s status) String() string {
	return [...]string{StatusAbsent, StatusOutside, StatusFixed, StatusNotLinked, "doubtful", "affected"}[s]
}

// suspect finds what is affected, and what else was asked about.
func (i *incident) suspect(ctx context.Context, others bool) error {
	suspected := func(e *Entry, st status) (*suspect, error) {
		one := i.suspects[e.Digest()]
		if one == nil {
			if len(i.suspects) == MaxSteps {
				return nil, fmt.Errorf("inventory: report: more than %d artifacts: ask about fewer", MaxSteps)
			}
			one = &suspect{entry: *e, status: st}
			i.suspects[e.Digest()] = one
		}
		if rank(e.Trust) < rank(one.entry.Trust) {
			one.entry = *e
		}
		for _, d := range e.Artifact.Digests {
			if !slices.Contains(one.digests, d) {
				one.digests = append(one.digests, d)
			}
		}
		one.status = max(one.status, st)
		return one, nil
	}

	q := &i.cause.Query
	if i.Cause.Kind == CauseArtifacts {
		err := i.entries(ctx, func(e *Entry) error {
			_, err := suspected(e, affected)
			return err
		})
		if err != nil {
			return err
		}
		i.Counts.Asked = len(i.suspects)
		return nil
	}

	found, err := i.candidates(ctx, others)
	if err != nil {
		return err
	}
	var fault error
	err = i.s.hits(ctx, found, &q.Of, q.Rule, func(h Hit) bool {
		st := statusOf(&h)
		var one *suspect
		if one, fault = suspected(&h.Entry, st); fault != nil {
			return false
		}
		c := ReportComponent{Version: h.Component.Version, PURL: h.Component.PURL, Digests: h.Component.Digests, Path: h.Path, Doubt: h.Doubt}
		if c.PURL == "" {
			c.Name = strings.TrimPrefix(h.Component.Group+"/"+h.Component.Name, "/")
		}
		if h.Finding != nil && st >= doubtful {
			c.Fixed = h.Finding.Fixed
		}
		one.add(c, st)
		return true
	})
	if err := cmp.Or(err, fault); err != nil {
		return err
	}
	return i.clear(ctx, others)
}

// rank returns how much trust there is, the least first.
func rank(t Trust) int {
	n := 2 * slices.Index([]string{verify.Rejected, verify.Undecided, "", verify.Accepted}, t.Verdict.Verdict)
	if !t.Lapsed {
		n++
	}
	return 3*n + slices.Index([]Contents{NoSBOM, Unattested, Attested}, t.Contents)
}

// candidates returns the components that the cause is about; with others, also those that
// an advisory is about and does not affect.
func (i *incident) candidates(ctx context.Context, others bool) ([]candidate, error) {
	a := i.cause.Advisory
	if a == nil {
		return i.s.candidates(ctx, &i.cause.Query)
	}
	for _, unknown := range a.Unknown() {
		i.say("Of the advisory, %s.", unknown)
	}
	if !a.Withdrawn.IsZero() {
		i.say("The advisory was withdrawn on %s, and affects nothing.", a.Withdrawn.UTC().Format(time.DateOnly))
	}
	found, err := i.s.concerned(ctx, a, others)
	return slices.DeleteFunc(found, func(c candidate) bool { return c.finding.Answer == osv.NotLinked && !others }), err
}

// statusOf returns what a hit says of its artifact.
func statusOf(h *Hit) status {
	switch f := h.Finding; {
	case f == nil && h.Doubt == "" || f != nil && f.Answer == osv.Affected:
		return affected
	case f == nil || f.Answer == osv.Doubt:
		return doubtful
	case f.Answer == osv.NotLinked:
		return notLinked
	case hasFix(f.Package, h.Component):
		return fixed
	}
	return outside
}

// hasFix reports whether c, which p does not affect, is certainly p, and of a version in
// which it is fixed.
func hasFix(p *osv.Package, c *sbom.Component) bool {
	for _, r := range p.Ranges {
		for _, e := range r.Events {
			if e.Kind == osv.Fixed {
				m, ok, err := sbom.Query{PURL: p.PURL, Versions: ">= " + e.Version}.Match(c)
				if ok && err == nil && m.Doubt == "" {
					return true
				}
			}
		}
	}
	return false
}

// entries calls each for the artifacts that are asked about, by their records.
func (i *incident) entries(ctx context.Context, each func(e *Entry) error) error {
	rule := i.cause.Query.Rule
	var some []Entry
	flush := func() error {
		if rule != nil {
			if err := i.s.judgeThese(ctx, rule, some); err != nil {
				return err
			}
		}
		for at := range some {
			if err := each(&some[at]); err != nil {
				return err
			}
		}
		some = some[:0]
		return nil
	}
	var fault error
	err := i.s.entries(ctx, &i.cause.Query.Of, func(e Entry) bool {
		if some = append(some, e); len(some) == firstChunk {
			fault = flush()
		}
		return fault == nil
	})
	if err := cmp.Or(err, fault); err != nil {
		return err
	}
	return flush()
}

// clear looks at all artifacts that were asked about, and takes those that are not affected
// from the suspects. With others it lists them.
func (i *incident) clear(ctx context.Context, others bool) error {
	type other struct {
		artifact hallmark.Artifact // if others are listed
		certain  bool              // one of its records is attested and complete
		why      string            // else
	}
	all := make(map[hallmark.Digest]*other)
	unbuilt := 0
	err := i.entries(ctx, func(e *Entry) error {
		d := e.Digest()
		o := all[d]
		if o == nil {
			o = new(other)
			all[d] = o
			if others {
				o.artifact = e.Artifact
			}
			if e.Build.Builder == "" {
				unbuilt++
			}
		}
		if e.Complete && e.Trust.Contents == Attested {
			o.certain = true
		} else if o.why == "" {
			switch {
			case e.Trust.Contents == NoSBOM:
				o.why = "it has no SBOM"
			case e.Trust.Contents == Unattested:
				o.why = "nobody whom the policy names has signed its SBOM"
			case len(e.Gaps) > 0:
				o.why = "its SBOM has gaps: " + e.Gaps[0]
			default:
				o.why = "its SBOM does not say that it is complete"
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	i.Counts.Asked = len(all)
	var list []ReportOther
	for d, o := range all {
		one := i.suspects[d]
		if one != nil && one.status >= doubtful {
			continue
		}
		if !o.certain {
			i.Counts.Unknown++
		}
		if !others {
			continue
		}
		r := ReportOther{Artifact: ReportArtifact{o.artifact.Name, o.artifact.Digests}, Status: StatusAbsent}
		if one != nil {
			r.Status, r.Components = one.status.String(), one.with(one.status, one.status)
		}
		if !o.certain {
			r.Status, r.Why = StatusUnknown, o.why
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b ReportOther) int { return compareArtifacts(&a.Artifact, &b.Artifact) })
	i.Others = cut(i, "others", list)
	for d, one := range i.suspects {
		if one.status < doubtful {
			delete(i.suspects, d)
		}
	}
	if n := i.Counts.Unknown; n > 0 {
		i.say("Of %s it is not known whether it is affected: there is no SBOM that is attested and complete.", artifacts(n))
	}
	if unbuilt > 0 {
		i.say("Of %s it is not known who built it, and of what: there is no provenance.", artifacts(unbuilt))
	}
	return nil
}

// list lists what was found: what is affected and what took it in, where both run, and in
// which order both are rebuilt.
func (i *incident) list(ctx context.Context, closed *closure, steps []Step) error {
	names := make(map[hallmark.Digest]*node)
	var digests []hallmark.Digest
	for _, n := range closed.nodes {
		for _, d := range n.digests {
			names[d] = n
			digests = append(digests, d)
		}
	}
	deployed, err := i.deployments(ctx, digests)
	if err != nil {
		return err
	}
	runs, ran := make(map[*node]bool), make(map[*node]bool)
	environments, services := make(map[string]bool), make(map[[2]string]bool)
	var deployments []ReportDeployment
	for _, d := range deployed {
		n := names[d.Digest]
		ran[n] = true
		if d.To.IsZero() {
			runs[n] = true
			environments[d.Environment] = true
			services[[2]string{d.Environment, d.Service}] = true
		}
		deployments = append(deployments, ReportDeployment{d.Digest, n.entry.Artifact.Name, !n.asked, d.Environment, d.Service, d.From, d.To})
	}
	c := &i.Counts
	c.Running, c.Ran, c.Environments, c.Services = len(runs), len(ran)-len(runs), len(environments), len(services)
	i.Deployments = append(i.Deployments, cut(i, "deployments", deployments)...)

	var list []ReportAffected
	for _, one := range i.suspects {
		e := &one.entry
		a := ReportAffected{
			Artifact: ReportArtifact{e.Artifact.Name, one.digests}, Build: reportBuild(&e.Build), Signers: e.Signers, Trust: reportTrust(&e.Trust),
			Doubtful: one.status == doubtful, Components: one.with(doubtful, affected), More: one.more, Running: runs[names[e.Digest()]], Gaps: e.Gaps,
		}
		c.Affected++
		if a.Doubtful {
			c.Doubtful++
		}
		if a.Trust.Trusted {
			c.Trusted++
		}
		switch e.Trust.Verdict.Verdict {
		case verify.Accepted:
			c.Accepted++
		case verify.Rejected:
			c.Rejected++
		case verify.Undecided:
			c.Undecided++
		default:
			c.Undeclared++
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b ReportAffected) int {
		if a.Running != b.Running {
			if a.Running {
				return -1
			}
			return 1
		}
		return compareArtifacts(&a.Artifact, &b.Artifact)
	})
	i.Affected = append(i.Affected, cut(i, "affected", list)...)

	var dependents []ReportDependent
	for _, n := range closed.nodes {
		if n.asked {
			continue
		}
		d := ReportDependent{
			Artifact: ReportArtifact{n.entry.Artifact.Name, n.digests}, Build: reportBuild(&n.entry.Build),
			Trust: reportTrust(&n.entry.Trust), Running: runs[n],
		}
		for _, in := range n.inputs {
			d.Inputs = append(d.Inputs, closed.nodes[in].entry.Digest())
		}
		d.Inputs = sortDigests(d.Inputs)
		dependents = append(dependents, d)
	}
	c.Dependents = len(dependents)
	slices.SortFunc(dependents, func(a, b ReportDependent) int { return compareArtifacts(&a.Artifact, &b.Artifact) })
	i.Dependents = append(i.Dependents, cut(i, "dependents", dependents)...)

	circles := 0
	c.Steps = len(steps)
	for _, s := range steps {
		c.Rounds = max(c.Rounds, s.Round)
		if len(s.Circle) > 0 {
			circles++
		}
	}
	for _, s := range cut(i, "rebuild", steps) {
		step := ReportStep{Round: s.Round, Artifact: ReportArtifact{s.Entry.Artifact.Name, s.Entry.Artifact.Digests}, Build: reportBuild(&s.Entry.Build), Affected: s.Asked, After: s.After, Circle: s.Circle}
		if one := i.suspects[s.Entry.Digest()]; one != nil {
			for _, c := range one.with(doubtful, affected) {
				if c.Fixed != "" {
					step.Updates = append(step.Updates, ReportUpdate{c.label(), c.Version, c.Fixed})
				}
			}
		}
		i.Rebuild = append(i.Rebuild, step)
	}
	if circles > 0 {
		i.say("By the evidence, %s took in one another. Which of them is to be built first cannot be told.", artifacts(circles))
	}
	return i.describePlaces(ctx)
}

// deployments returns where the artifacts with the digests run, and then where they ran.
func (i *incident) deployments(ctx context.Context, digests []hallmark.Digest) ([]Deployment, error) {
	var all []Deployment
	for some := range slices.Chunk(digests, inlineLimit) {
		values := make([]any, len(some))
		for at, d := range some {
			values[at] = d.String()
		}
		err := i.s.query(ctx, func(rows *sql.Rows) error {
			if len(all) == MaxDeployments {
				return fmt.Errorf("inventory: report: more than %d deployments: ask about fewer artifacts", MaxDeployments)
			}
			d, err := scanDeployment(rows)
			all = append(all, d)
			return err
		}, "SELECT digest, environment, service, since, until FROM inventory_deployment WHERE digest IN ("+list(len(some))+")", values...)
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Deployment) int {
		if a.To.IsZero() != b.To.IsZero() {
			if a.To.IsZero() {
				return -1
			}
			return 1
		}
		return compareDeployments(&a, &b)
	})
	return all, nil
}

// describePlaces tells of which environments it is known what runs there, and how well.
func (i *incident) describePlaces(ctx context.Context) error {
	err := i.s.query(ctx, func(rows *sql.Rows) error {
		var e ReportEnvironment
		var told sql.NullInt64
		err := rows.Scan(&e.Name, &told)
		e.Told = fromMicros(told.Int64)
		i.Environments = append(i.Environments, e)
		return err
	}, "SELECT p.environment, e.told FROM (SELECT environment FROM inventory_deployment UNION SELECT environment FROM inventory_environment) p "+
		"LEFT JOIN inventory_environment e ON e.environment = p.environment ORDER BY p.environment")
	if err != nil {
		return err
	}
	strangers, err := i.s.number(ctx, "SELECT COUNT(*) FROM inventory_deployment d WHERE d.until = 0 AND NOT EXISTS (SELECT 1 FROM inventory_about a WHERE a.term = d.digest)")
	if err != nil {
		return err
	}
	i.Counts.Strangers = int(strangers)

	if len(i.Environments) == 0 {
		i.say("Where anything runs is not known: nobody has told the inventory.")
	}
	for _, e := range i.Environments {
		switch {
		case e.Told.IsZero():
			i.say("Of the environment %q it is known what was deployed, and not what else runs there.", e.Name)
		case i.At.Sub(e.Told) > stale:
			i.say("What runs in the environment %q was last told at %s.", e.Name, e.Told.Format(time.RFC3339))
		}
	}
	if strangers > 0 {
		i.say("In %s something runs of which the inventory knows nothing.", count(int(strangers), "place"))
	}
	return nil
}

// judge decides anew on what took in what is asked for.
func (c *closure) judge(ctx context.Context, s *session, rule *Rule) error {
	var nodes []*node
	for _, n := range c.nodes {
		if !n.asked {
			nodes = append(nodes, n)
		}
	}
	for some := range slices.Chunk(nodes, firstChunk) {
		entries := make([]Entry, len(some))
		for i, n := range some {
			entries[i] = n.entry
		}
		if err := s.judgeThese(ctx, rule, entries); err != nil {
			return err
		}
		for i, n := range some {
			n.entry = entries[i]
		}
	}
	return nil
}

// cut returns as many entries of a list as the Report may have, and notes how many more
// there are.
func cut[T any](i *incident, name string, list []T) []T {
	if more := len(list) - i.limit; more > 0 {
		i.Unlisted[name] = more
		return list[:i.limit]
	}
	return list
}

func compareArtifacts(a, b *ReportArtifact) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), compareDigests(a.Digest(), b.Digest()))
}

func reportBuild(b *Build) ReportBuild {
	return ReportBuild{b.Source, b.Commit, b.Ref, b.Workflow, b.Builder, b.Run, b.Finished.UTC()}
}

func reportTrust(t *Trust) ReportTrust {
	v := &t.Verdict
	return ReportTrust{t.Trusted(), t.String(), v.Verdict, t.Contents, t.Lapsed, v.Policy, v.At.UTC(), v.Reasons, len(v.Exceptions)}
}
