package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/semver"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/internal/fleet"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const drillUsage = `usage: inventory drill [flags]

Makes up a fleet: services that were built again and again, of shared components, base
images and libraries, and that run in two environments. Then a component has a
vulnerability, and the key of a builder was stolen. It is asked what an incident asks, and
told how long it took until the first answer and until the last one.

The inventory is in a file that is removed in the end, or in -db, which must have none yet:
PostgreSQL too, from which it is removed as well. -keep leaves it there.

Exit code: 0 each question was answered; 2 one was not.`

func drill(ctx context.Context, args []string) error {
	var c common
	o := fleet.Options{ByService: true}
	flags := cli.Flags("inventory drill")
	c.flags(flags)
	flags.Lookup("db").DefValue = ""
	c.db = ""
	flags.IntVar(&o.Services, "services", 250, "how many `SERVICES` there are")
	flags.IntVar(&o.Builds, "builds", 8, "how many `BUILDS` of each")
	flags.IntVar(&o.Components, "components", 250, "how many `COMPONENTS` each has")
	seed := flags.Uint64("seed", 1, "the `NUMBER` that the fleet is made of: the same makes the same")
	keep := flags.Bool("keep", false, "leave the inventory in -db")
	if err := parse(flags, drillUsage, args); err != nil {
		return err
	}
	for name, n := range map[string]int{"services": o.Services, "builds": o.Builds, "components": o.Components} {
		if n < 1 || n > 100_000 {
			return fmt.Errorf("-%s %d: want 1 to 100000", name, n)
		}
	}
	if *keep && c.db == "" {
		return errors.New("-keep without -db: say where to keep it")
	}
	f := fleet.New(*seed, o)
	// As at the end of what was made up, if nobody says another time.
	if c.at.String() == "" {
		if err := c.at.Set(f.Finished(o.Services-1, o.Builds-1).AddDate(0, 0, 7).Format(time.RFC3339)); err != nil {
			return err
		}
	}

	file := c.db
	if file == "" {
		dir, err := os.MkdirTemp("", "inventory-drill-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "inventory.db")
	} else if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s: it is there already: a drill makes its own", file)
	} else if !isPostgreSQL(file) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := c.openFile(ctx, file, true)
	if err != nil {
		return err
	}
	defer s.close()
	for _, err := range s.Artifacts(ctx, inventory.Filter{}) {
		if err != nil {
			return s.explain(err)
		}
		return fmt.Errorf("%s: there is an inventory in it: a drill makes its own", s.name)
	}
	if !*keep {
		defer func() {
			if s.dialect == inventory.PostgreSQL {
				_ = inventory.Drop(context.WithoutCancel(ctx), s.db, s.dialect)
				return
			}
			s.db.Close()
			for _, end := range []string{"", "-wal", "-shm"} {
				os.Remove(file + end)
			}
		}()
	}
	d := exercise{ctx: ctx, store: s, fleet: f, now: c.at.Now, out: c.output("QUESTION", "ANSWER", "FIRST", "ALL")}
	if err := d.run(); err != nil {
		return s.explain(err)
	}
	return d.out.end(nil, "%d artifacts of %d components each, in %s", f.Len(), o.Components, s.dialect)
}

// An exercise asks what an incident asks, and takes the time.
type exercise struct {
	ctx   context.Context
	store *store
	fleet *fleet.Fleet
	out   *output
	now   func() time.Time
	begin time.Time
	first time.Time
}

// A taken is a line of the output of drill -json.
type taken struct {
	Question string  `json:"question"`
	Answer   string  `json:"answer"`
	First    float64 `json:"firstMilliseconds,omitempty"`
	All      float64 `json:"allMilliseconds"`
}

func (d *exercise) start() { d.begin, d.first = time.Now(), time.Time{} }

func (d *exercise) done(question, format string, a ...any) error {
	took := time.Since(d.begin)
	ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
	t := taken{Question: question, Answer: fmt.Sprintf(format, a...), All: ms(took)}
	first := ""
	if !d.first.IsZero() {
		t.First = ms(d.first.Sub(d.begin))
		first = fmt.Sprintf("%.1f ms", t.First)
	}
	return d.out.row(t, question, t.Answer, first, fmt.Sprintf("%.1f ms", t.All))
}

// drain returns how many answers there are.
func drain[T any](d *exercise, answers iter.Seq2[T, error], each func(*T)) (n int, err error) {
	d.start()
	for a, err := range answers {
		if err != nil {
			return 0, err
		}
		if n++; n == 1 {
			d.first = time.Now()
		}
		if each != nil {
			each(&a)
		}
	}
	return n, nil
}

func (d *exercise) run() error {
	p := cli.NewProgress()
	p.Step("adding %d artifacts", d.fleet.Len())
	d.start()
	added, err := d.store.AddAll(d.ctx, d.fleet.Records(), func(a inventory.Added) {
		p.Note("added %d of %d artifacts", a.New, d.fleet.Len())
	})
	p.Stop()
	if err != nil {
		return err
	}
	rate := float64(added.New) / time.Since(d.begin).Seconds()
	if err := d.done("take the evidence in", "%d artifacts, %.0f/s", added.New, rate); err != nil {
		return err
	}
	var deployments []inventory.Deployment
	for x := range d.fleet.Deployments() {
		deployments = append(deployments, inventory.Deployment{Digest: x.Digest, Environment: x.Environment, Service: x.Service, From: x.From, To: x.To})
	}
	d.start()
	if err := d.store.Deploy(d.ctx, deployments...); err != nil {
		return err
	}
	if err := d.done("take in what runs and ran where", "%d deployments", len(deployments)); err != nil {
		return err
	}
	if err := d.component(); err != nil {
		return err
	}
	return d.builder()
}

// component is the part about a component.
func (d *exercise) component() error {
	q := inventory.Query{Package: sbom.Query{PURL: d.fleet.Package(0.3)}}
	versions := make(map[string]bool)
	_, err := drain(d, d.store.Affected(d.ctx, q), func(h *inventory.Hit) { versions[h.Component.Version] = true })
	if err != nil {
		return err
	}
	all := slices.Sorted(maps.Keys(versions))
	if len(all) == 0 {
		return fmt.Errorf("no artifact has %s: make the fleet larger", q.Package.PURL)
	}
	semver.Sort(all)
	q.Package.Versions = "<= " + all[len(all)/2]
	what := fmt.Sprintf("who has %s %s", q.Package.PURL, q.Package.Versions)
	ask := func(what string, q inventory.Query) (digests []hallmark.Digest, err error) {
		artifacts := make(map[hallmark.Digest]bool)
		trusted := 0
		_, err = drain(d, d.store.Affected(d.ctx, q), func(h *inventory.Hit) {
			if k := key(h.Artifact); !artifacts[k] {
				artifacts[k] = true
				digests = append(digests, k)
				if h.Trust.Trusted() {
					trusted++
				}
			}
		})
		if err != nil {
			return nil, err
		}
		return digests, d.done(what, "%d artifacts, %d of them trusted", len(artifacts), trusted)
	}
	digests, err := ask(what, q)
	if err != nil {
		return err
	}
	q.Of.Deployed = true
	if _, err := ask("which of these run", q); err != nil {
		return err
	}
	n, err := drain(d, d.store.Artifacts(d.ctx, inventory.Filter{Incomplete: true, Deployed: true}), nil)
	if err != nil {
		return err
	}
	if err := d.done("of which that run can it not be told", "%d artifacts", n); err != nil {
		return err
	}
	d.start()
	steps, err := d.store.Rebuild(d.ctx, inventory.RebuildOptions{Deployed: true}, digests...)
	if err != nil {
		return err
	}
	rounds := 0
	for _, s := range steps {
		rounds = max(rounds, s.Round)
	}
	if err := d.done("what to build again, in which order", "%d artifacts in %d rounds", len(steps), rounds); err != nil {
		return err
	}
	d.start()
	q.Of.Deployed = false
	r, err := d.store.Report(d.ctx, inventory.Cause{Query: q}, inventory.ReportOptions{})
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := newPage(r).write(&page); err != nil {
		return err
	}
	return d.done("all of this as a report", "a page of %d KB", page.Len()>>10)
}

// builder is the part about a builder.
func (d *exercise) builder() error {
	builders := d.fleet.Builders()
	bad := builders[1]
	n, err := drain(d, d.store.Artifacts(d.ctx, inventory.Filter{Builder: bad.ID}), nil)
	if err != nil {
		return err
	}
	if err := d.done("what has "+bad.ID+" built", "%d artifacts", n); err != nil {
		return err
	}
	// A policy for each service, as there would be, that knows its repository.
	sources := make(map[string]inventory.Build)
	for e, err := range d.store.Artifacts(d.ctx, inventory.Filter{}) {
		if err != nil {
			return err
		}
		sources[e.Artifact.Name] = e.Build
	}
	base := verify.Policy{Now: d.now, Inspector: gate.Inspector()}
	for i, b := range builders {
		var keys []sign.Verifier
		for _, k := range b.Keys {
			signer, err := sign.NewSigner(k)
			if err != nil {
				return err
			}
			keys = append(keys, signer)
			if i == 1 {
				fingerprint, err := sign.Fingerprint(k.Public())
				if err != nil {
					return err
				}
				base.Revoked = append(base.Revoked, verify.Revocation{Key: fingerprint, Reason: "it was stolen"})
			}
		}
		id, err := verify.Keys(1, keys...)
		if err != nil {
			return err
		}
		base.Builders = append(base.Builders, verify.Builder{ID: b.ID, Identity: id, Refs: verify.Refs{Any: true}})
		base.Require = []verify.Requirement{{PredicateType: provenance.CycloneDXType}}
	}
	for _, b := range base.Builders {
		base.Require[0].Identities = append(base.Require[0].Identities, b.Identity)
	}
	d.start()
	all, lost := 0, 0
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		policy, build := base, sources[name]
		policy.Source, policy.BuildTypes, policy.Refs = build.Source, []string{build.Type}, verify.Refs{Any: true}
		policy.Parameters = map[string]verify.Parameter{"/workflow/path": {OneOf: []any{build.Workflow}}}
		for j, err := range d.store.Judge(d.ctx, inventory.Rule{Policy: &policy, Digest: fleet.PolicyDigest()}, inventory.Filter{Name: name}) {
			if err != nil {
				return err
			}
			if all++; all == 1 {
				d.first = time.Now()
			}
			if j.Trust.Trusted() && !j.Now.Trusted() {
				lost++
			}
		}
	}
	return d.done("whom to trust without its keys, by a policy for each service", "%d verdicts, %d lose trust", all, lost)
}
