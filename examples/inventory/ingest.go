package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

const ingestUsage = `usage: inventory ingest [-policy FILE] [flags] PATH...

Reads evidence of artifacts, verifies it and keeps what it says. A PATH is a file with
envelopes, Sigstore bundles or an SBOM, a directory with such files at any depth
(*.intoto.jsonl, *.sigstore.json, *.sigstore.jsonl, *.cdx.json, *.bom.json, *.spdx.json and
what else of *.json is one), an image by its digest, "registry.example/team/app@sha256:…",
of which what is attached to it and to the images for its platforms is read, or
"oci://registry.example/team/app": all images of a repository that have a tag.

The policy says whose word counts; the inventory keeps its verdict on each artifact, also
if that is rejected. Without one nobody has decided. -policy may be given several times,
as NAME=FILE, for artifacts of that name: "registry.example/team/app" or
"registry.example/team/*". An artifact that no policy is for is undecided by none.

An SBOM that nobody has signed is kept if there is none that is attested, and every answer
says so. It must be clear which artifact it is about: the document has a digest of it, or
APP.cdx.json lies beside the file APP, or -artifact says it for all of them. Otherwise it
is refused.

An artifact is judged by what one run is given of it: give all evidence of it at once.
What was taken in before, by the same policies, keys and trusted root, is passed over.
So an interrupted run goes on where it ended if it is started again; what it has added
until then stays. The evidence is what counts: keep it. -rebuild makes the inventory anew
from all of it, as a new version of this program may ask for: a file takes the place of
the old one at the end, and what runs where is taken over as far as it can be read.

Exit code: 0 all was taken in; 2 some of it was refused, which is listed with the reason,
or nothing could be done.`

// An ingestion takes artifacts in.
type ingestion struct {
	sources
	store *store
	rules gate.Rules
	at    time.Time
	lost  error // why the deployments of the inventory before are not in this one

	mu     sync.Mutex
	counts counts
}

// counts are what came of an ingestion. As JSON it is the output of -json.
type counts struct {
	Artifacts int            `json:"artifacts"`
	Known     int            `json:"known"` // that were passed over
	New       int            `json:"new"`   // records
	Updated   int            `json:"updated"`
	Same      int            `json:"same"`
	Verdicts  map[string]int `json:"verdicts"`    // of what was not passed over
	NoSBOM    int            `json:"withoutSBOM"` // of the same
	Passed    int            `json:"otherFiles"`  // that are no evidence, or an SBOM that is in an envelope too
	Refused   []string       `json:"refused,omitempty"`
	Lost      string         `json:"deploymentsLost,omitempty"` // why, with -rebuild
}

func ingest(ctx context.Context, args []string) error {
	var c common
	g := ingestion{sources: newSources(), counts: counts{Verdicts: make(map[string]int)}}
	var policies cli.List
	loader := newLoader(&c)
	flags := cli.Flags("inventory ingest")
	c.flags(flags)
	policyFlags(flags, &policies, loader, "NAME=FILE, for artifacts of that name; may be repeated")
	artifact := flags.String("artifact", "", "the `FILE`, digest or image that SBOMs without an envelope are about")
	flags.BoolVar(&g.plainHTTP, "plain-http", false, "speak http with registries: for one on this machine")
	rebuild := flags.Bool("rebuild", false, "make the inventory anew")
	if err := cli.Parse(flags, ingestUsage, args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no PATH with evidence (-h lists the flags)")
	}
	var err error
	if g.rules, err = loadRules(ctx, policies, loader); err != nil {
		return err
	}
	if *artifact != "" {
		if g.artifact, err = artifactOf(*artifact); err != nil {
			return fmt.Errorf("-artifact: %w", err)
		}
	}
	g.at = c.at.Now()

	p := cli.NewProgress()
	defer func() {
		if p != nil {
			p.Stop()
		}
	}()
	p.Step("reading")
	for _, path := range flags.Args() {
		if err := g.read(ctx, path, p); err != nil {
			return err
		}
	}
	items := g.settle()
	g.counts.Artifacts = len(items)
	if len(items) == 0 && g.refused != nil {
		return fmt.Errorf("no evidence can be read: %w", errors.Join(g.refused...))
	}
	if len(items) == 0 {
		return errors.New("there is no evidence")
	}

	done := func() error { return nil }
	if *rebuild {
		g.store, done, g.lost, err = c.anew(ctx)
	} else {
		g.store, err = c.open(ctx, true)
	}
	if err != nil {
		return err
	}
	err = g.run(ctx, items, p)
	if err == nil {
		err = done()
	}
	g.store.close()
	p.Stop()
	p = nil
	if ctx.Err() != nil {
		then := "the same command"
		if *rebuild {
			if g.store.dialect == inventory.SQLite {
				return fmt.Errorf("%w: the inventory is as it was", context.Cause(ctx))
			}
			then = "without -rebuild the same command"
		}
		return fmt.Errorf("%w: %d records were added, and stay; %s goes on from there", context.Cause(ctx), g.counts.New+g.counts.Updated, then)
	}
	if err != nil {
		return err
	}
	return g.print(c.json)
}

// run takes the items in.
func (g *ingestion) run(ctx context.Context, items []*item, p *cli.Progress) error {
	p.Step("%d artifacts", len(items))
	work, err := g.unknown(ctx, items)
	if err != nil {
		return err
	}
	start := time.Now()
	added, err := g.store.AddAll(ctx, g.records(ctx, work, func(n int) {
		rate := float64(n) / time.Since(start).Seconds()
		left := time.Duration(float64(len(work)-n) / rate * float64(time.Second))
		p.Note("%d of %d artifacts, %.0f/s, %s left", n, len(work), rate, left.Round(time.Second))
	}), nil)
	g.counts.New, g.counts.Updated, g.counts.Same = added.New, added.Updated, added.Same
	if err != nil {
		return g.store.explain(err)
	}
	return nil
}

// unknown returns the items that have not been taken in as they are, and marks them.
func (g *ingestion) unknown(ctx context.Context, items []*item) ([]*item, error) {
	var work []*item
	for some := range slices.Chunk(items, 1000) {
		marks := make([]hallmark.Digest, len(some))
		for i, it := range some {
			it.pieces = g.found(it)
			if it.image.Repository() == "" { // else only the registry knows what there is
				marks[i] = g.mark(it, nil)
			}
		}
		known, err := g.store.Known(ctx, marks)
		if err != nil {
			return nil, g.store.explain(err)
		}
		for i, it := range some {
			if known[i] {
				g.counts.Known++
				continue
			}
			it.mark = marks[i]
			work = append(work, it)
		}
	}
	return work, nil
}

// mark returns what an item is known by: its evidence, and by what it is judged.
func (g *ingestion) mark(it *item, fetched []*sign.Envelope) hallmark.Digest {
	h := sha256.New()
	rule, _ := g.rules.For(it.artifact.Name)
	fmt.Fprintf(h, "evidence 1\n%s %q\n%s\n", key(it.artifact), it.artifact.Name, rule.Digest)
	for _, where := range it.pieces {
		h.Write(where.sum[:])
	}
	for _, e := range fetched {
		sum := sumOf(e)
		h.Write(sum[:])
	}
	mark, err := hallmark.ParseDigest(fmt.Sprintf("sha256:%x", h.Sum(nil)))
	if err != nil {
		panic(err)
	}
	return mark
}

// records yields the records of items, in their order. They are made by several at once.
// progress is told how many items are done.
func (g *ingestion) records(ctx context.Context, items []*item, progress func(done int)) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type made struct {
			records []inventory.Record
			err     error
		}
		workers := runtime.GOMAXPROCS(0)
		results := make(chan chan made, workers)
		go func() {
			defer close(results)
			for _, it := range items {
				result := make(chan made, 1)
				select {
				case results <- result: // as many as fit are under way
				case <-ctx.Done():
					return
				}
				go func() {
					records, err := g.observe(ctx, it)
					result <- made{records, err}
				}()
			}
		}()
		i := 0
		for result := range results {
			m := <-result
			it := items[i]
			i++
			if ctx.Err() != nil {
				yield(inventory.Record{}, context.Cause(ctx))
				return
			}
			if m.err != nil {
				g.mu.Lock()
				g.refuse(it.String(), m.err)
				g.mu.Unlock()
			}
			for _, r := range m.records {
				if !yield(r, nil) {
					return
				}
			}
			progress(i)
		}
	}
}

// observe returns the records of an item: none, if it has been taken in before.
func (g *ingestion) observe(ctx context.Context, it *item) ([]inventory.Record, error) {
	var envelopes, unsigned []*sign.Envelope
	for _, where := range it.pieces {
		e, err := where.load()
		switch {
		case err != nil:
			return nil, err
		case where.about != nil:
			unsigned = append(unsigned, e)
		default:
			envelopes = append(envelopes, e)
		}
	}
	if it.image.Repository() != "" {
		fetched, skipped, err := images.Find(ctx, g.client, it.image)
		if err != nil {
			return nil, err
		}
		g.mu.Lock()
		for _, err := range skipped {
			g.refuse(it.image.String(), err)
		}
		g.mu.Unlock()
		it.mark = g.mark(it, fetched)
		known, err := g.store.Known(ctx, []hallmark.Digest{it.mark})
		if err != nil {
			return nil, err
		}
		if known[0] {
			g.mu.Lock()
			g.counts.Known++
			g.mu.Unlock()
			return nil, nil
		}
		envelopes = append(envelopes, fetched...)
	}
	var rule inventory.Rule
	if r, ok := g.rules.For(it.artifact.Name); ok {
		rule = ruleOf(r)
	}
	records, err := inventory.Observe(ctx, rule, it.artifact, envelopes, readSBOM, g.at)
	attested := slices.ContainsFunc(records, func(r inventory.Record) bool { return !r.Attested.IsZero() })
	if err == nil && len(unsigned) > 0 && !attested {
		records, err = inventory.Observe(ctx, rule, it.artifact, append(envelopes, unsigned...), readSBOM, g.at)
	}
	if err != nil {
		return nil, err
	}
	// Only with the last one all of them are there.
	records[len(records)-1].Mark = it.mark
	g.mu.Lock()
	defer g.mu.Unlock()
	verdict := records[0].Verdict.Verdict
	if verdict == "" {
		verdict = "none"
	}
	g.counts.Verdicts[verdict]++
	if records[0].Document == nil {
		g.counts.NoSBOM++
	}
	if attested {
		g.passed += len(unsigned)
	}
	return records, nil
}

// print prints what came of it, and returns how it ends.
func (g *ingestion) print(asJSON bool) error {
	k := &g.counts
	k.Passed = g.passed
	if g.lost != nil {
		k.Lost = strings.TrimPrefix(g.lost.Error(), "inventory: ")
	}
	for _, err := range g.refused {
		k.Refused = append(k.Refused, err.Error())
	}
	var b strings.Builder
	if asJSON {
		line, err := json.Marshal(k)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\n", line)
	} else {
		for _, r := range k.Refused {
			fmt.Fprintf(&b, "refused: %s\n", cli.Printable(strings.ReplaceAll(r, "\n", "; ")))
		}
		fmt.Fprintf(&b, "%d artifacts: %d known, %d new records, %d updated, %d there already", k.Artifacts, k.Known, k.New, k.Updated, k.Same)
		for _, v := range []string{verify.Accepted, verify.Rejected, verify.Undecided} {
			if n := k.Verdicts[v]; n > 0 {
				fmt.Fprintf(&b, "; %d %s", n, v)
			}
		}
		if n := k.Verdicts["none"]; n > 0 {
			fmt.Fprintf(&b, "; nobody has decided on %d", n)
		}
		if k.NoSBOM > 0 {
			fmt.Fprintf(&b, "; %d without an SBOM", k.NoSBOM)
		}
		b.WriteByte('\n')
		if k.Lost != "" {
			fmt.Fprintf(&b, "what ran where is not taken over, so tell it again with deployments: %s\n", cli.Printable(k.Lost))
		}
	}
	if _, err := os.Stdout.WriteString(b.String()); err != nil {
		return err
	}
	switch n := len(k.Refused); {
	case n == 1:
		return fmt.Errorf("refused: %s", k.Refused[0])
	case n > 1:
		return fmt.Errorf("refused: %s (and %d more)", k.Refused[0], n-1)
	}
	return nil
}

// anew opens an inventory that is to take the place of the one that there is, with the
// deployments of that one; lost says why there are none, if it has some that cannot be read.
// done puts it there.
func (c *common) anew(ctx context.Context) (s *store, done func() error, lost, err error) {
	deployments, lost, err := c.rescue(ctx)
	if err != nil {
		return nil, nil, nil, err
	}

	if isPostgreSQL(c.db) {
		old, err := c.connect(c.db, true)
		if err != nil {
			return nil, nil, nil, err
		}
		err = inventory.Drop(ctx, old.db, old.dialect)
		old.close()
		if err != nil {
			return nil, nil, nil, old.explain(err)
		}
		if s, err = c.open(ctx, true); err != nil {
			return nil, nil, nil, err
		}
		// At once: nobody knows them any more if this is interrupted.
		for some := range slices.Chunk(deployments, inventory.MaxDeployments) {
			if err := s.Deploy(ctx, some...); err != nil {
				s.close()
				return nil, nil, nil, s.explain(err)
			}
		}
		return s, func() error { return nil }, lost, nil
	}
	dir, err := os.MkdirTemp(filepath.Dir(c.db), "."+filepath.Base(c.db)+".*")
	if err != nil {
		return nil, nil, nil, err
	}
	file := filepath.Join(dir, "anew.db")
	if s, err = c.openFile(ctx, file, true); err != nil {
		os.RemoveAll(dir)
		return nil, nil, nil, err
	}
	s.dir = dir
	for some := range slices.Chunk(deployments, inventory.MaxDeployments) {
		if err := s.Deploy(ctx, some...); err != nil {
			s.close()
			return nil, nil, nil, s.explain(err)
		}
	}
	return s, func() error {
		if err := s.db.Close(); err != nil { // with it all is in one file
			return err
		}
		for _, beside := range []string{"-wal", "-shm"} {
			_, err := os.Stat(c.db + beside)
			if err == nil && lost == nil {
				return fmt.Errorf("%s: another process has it open: end that first", c.db)
			}
			if err == nil { // of one that nobody can open
				err = os.Remove(c.db + beside)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return os.Rename(file, c.db)
	}, lost, nil
}

// rescue returns the deployments of the inventory that there is, none if there is no
// inventory. One that is damaged, or of another version, is no reason not to replace it: lost
// says which. What is something else, and what others have locked, is left alone.
func (c *common) rescue(ctx context.Context) (all []inventory.Deployment, lost, err error) {
	if !isPostgreSQL(c.db) {
		if _, err := os.Stat(c.db); errors.Is(err, os.ErrNotExist) {
			return nil, nil, nil
		}
	}
	s, err := c.connect(c.db, false)
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	read := func() error {
		there, others, err := s.look(ctx)
		if err != nil {
			return err
		}
		if s.dialect == inventory.SQLite && others > 0 {
			return errOthers
		}
		if !there {
			return nil
		}
		v, err := inventory.Open(ctx, s.db, s.dialect, inventory.Options{Now: c.at.Now})
		if err != nil {
			return err
		}
		for d, err := range v.Deployments(ctx, inventory.Filter{}) {
			if err != nil {
				return err
			}
			all = append(all, d.Deployment)
		}
		return nil
	}
	err = read()
	switch e, ok := errors.AsType[*sqlite.Error](err); {
	case err == nil:
		return all, nil, nil
	case errors.Is(err, errOthers), ok && e.Code()&0xff != sqlite3.SQLITE_CORRUPT, s.dialect == inventory.PostgreSQL && !strings.Contains(err.Error(), remedy), ctx.Err() != nil:
		return nil, nil, s.explain(err)
	}
	return nil, err, nil
}

var errOthers = errors.New("it has tables of something else, which would be lost: take a file of its own")
