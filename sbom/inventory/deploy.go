package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-dev/hallmark"
)

// A Deployment says that an artifact runs somewhere, or ran.
type Deployment struct {
	Digest      hallmark.Digest // of the artifact; one for which [hallmark.Digest.Secure] holds
	Environment string          // such as a cluster: "production"
	Service     string          // what runs it there: "shop/web"
	From        time.Time       // when it began; zero if that is not known
	To          time.Time       // when it ended; zero if it still runs
}

// check returns what is wrong with d.
func (d *Deployment) check() error {
	if !d.Digest.Secure() {
		return fmt.Errorf("digest %q: want one by which an artifact is identified, such as a sha256", d.Digest)
	}
	for _, s := range []string{d.Environment, d.Service} {
		if err := checkPlace(s); err != nil {
			return err
		}
	}
	for _, t := range []time.Time{d.From, d.To} {
		if err := checkTime(t); err != nil {
			return err
		}
	}
	if !d.To.IsZero() && d.To.Before(d.From) {
		return fmt.Errorf("it ends at %s, and begins at %s", d.To.UTC().Format(time.RFC3339), d.From.UTC().Format(time.RFC3339))
	}
	return nil
}

func checkPlace(s string) error {
	switch {
	case len(s) > maxPlace:
		return fmt.Errorf("%.50q: %d bytes, want at most %d", s, len(s), maxPlace)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%.50q: want UTF-8 without control characters", s)
	}
	return nil
}

func checkTime(t time.Time) error {
	if !t.IsZero() && (t.Unix() <= 0 || t.UTC().Year() > 9999) {
		return fmt.Errorf("%s: want a time from 1970 to 9999", t.UTC().Format(time.RFC3339))
	}
	return nil
}

// Deploy adds deployments, all or, with an error, none: what a deployment job tells of
// itself. One that has the Digest, Environment, Service and From of another is the same;
// an end that was told of it stays, and of two ends the later one does, because who asks
// what ran wants to know of all that could have. The artifacts need not be in the
// inventory.
func (v *Inventory) Deploy(ctx context.Context, ds ...Deployment) error {
	if err := checkDeployments(ds); err != nil {
		return fmt.Errorf("inventory: deploy: %w", err)
	}
	return v.update(ctx, func(s *session) error {
		for _, d := range ds {
			if err := s.deploy(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// Snapshot adds all that runs in an environment at a time, all or, with an error, none:
// what [ParsePods] reads of a cluster. What ran there before, and is not among ds or has
// a To there, has ended at that time. What is among ds has run since its From, or else
// since at, and goes on with what is known of it. The Environment of ds is empty, or
// the one that is told of.
//
// The same Snapshot can be added again. One that is older than another of the same
// environment is an error, because it does not tell what has ended since.
func (v *Inventory) Snapshot(ctx context.Context, environment string, at time.Time, ds ...Deployment) error {
	failed := func(err error) error { return fmt.Errorf("inventory: snapshot: %w", err) }
	if at.IsZero() {
		return failed(errors.New("no time"))
	}
	all := make([]Deployment, len(ds))
	for i, d := range ds {
		if d.Environment != "" && d.Environment != environment {
			return failed(fmt.Errorf("deployment %d is in %q, want %q", i, d.Environment, environment))
		}
		if d.From.After(at) || d.To.After(at) {
			return failed(fmt.Errorf("deployment %d is of a time after %s", i, at.UTC().Format(time.RFC3339)))
		}
		if d.From.IsZero() && d.To.IsZero() {
			d.From = at
		}
		d.Environment = environment
		all[i] = d
	}
	if err := checkPlace(environment); err != nil {
		return failed(err)
	}
	if err := checkTime(at); err != nil {
		return failed(err)
	}
	if err := checkDeployments(all); err != nil {
		return failed(err)
	}

	type key struct{ digest, service string }
	ends := make(map[key]time.Time) // of what is told, zero for what runs
	for _, d := range all {
		k := key{d.Digest.String(), d.Service}
		if end, ok := ends[k]; !ok || d.To.IsZero() || !end.IsZero() && d.To.After(end) {
			ends[k] = d.To
		}
	}
	return v.update(ctx, func(s *session) error {
		told, err := s.number(ctx, "SELECT told FROM inventory_environment WHERE environment = ?", environment)
		switch {
		case err != nil:
			return err
		case told > at.UnixMicro():
			return failed(fmt.Errorf("it is of %s, and there is one of %s of %q", at.UTC().Format(time.RFC3339), fromMicros(told).Format(time.RFC3339), environment))
		}
		err = s.exec(ctx, "INSERT INTO inventory_environment (environment, told) VALUES (?, ?) ON CONFLICT (environment) DO UPDATE SET told = excluded.told",
			environment, at.UnixMicro())
		if err != nil {
			return err
		}

		runs := make(map[key]bool) // what is known to run
		var gone []Deployment      // what is known to run, and does not
		err = s.query(ctx, func(rows *sql.Rows) error {
			d, err := scanDeployment(rows)
			if err != nil {
				return err
			}
			k := key{d.Digest.String(), d.Service}
			end, ok := ends[k]
			switch {
			case ok && end.IsZero():
				runs[k] = true
			case d.From.After(at): // it began later
			default:
				if d.To = end; !ok || end.Before(d.From) {
					d.To = at
				}
				gone = append(gone, d)
			}
			return nil
		}, "SELECT digest, environment, service, since, until FROM inventory_deployment WHERE environment = ? AND until = 0", environment)
		if err != nil {
			return err
		}
		for _, d := range gone {
			if err := s.deploy(ctx, d); err != nil {
				return err
			}
		}
		for _, d := range all {
			switch k := (key{d.Digest.String(), d.Service}); {
			case !d.To.IsZero():
				err = s.deploy(ctx, d)
			case !runs[k]:
				runs[k] = true
				// One that has ended and is told again with the same beginning goes on.
				err = s.exec(ctx, "INSERT INTO inventory_deployment (digest, environment, service, since, until) VALUES (?, ?, ?, ?, 0) "+
					"ON CONFLICT (digest, environment, service, since) DO UPDATE SET until = 0", k.digest, environment, k.service, micros(d.From))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A Deployed is a [Deployment], and what the inventory has of the artifact.
type Deployed struct {
	Deployment

	// Entry is that of the artifact's first record; nil if there is none: something runs
	// of which nothing is known.
	Entry *Entry
}

// Deployments returns where the artifacts that f asks for run and ran, sorted by
// environment, service, digest and beginning; with Deployed in f, where they run. The
// zero Filter, and one with Deployed alone, ask also for what is not in the inventory. It
// is otherwise like [Inventory.Affected].
func (v *Inventory) Deployments(ctx context.Context, f Filter) iter.Seq2[Deployed, error] {
	return answer(ctx, v, func(s *session, yield func(Deployed) bool) error {
		where, values, err := s.where(ctx, &f)
		if err != nil {
			return err
		}
		now := ""
		if f.Deployed {
			now = " AND until = 0"
		}
		a := &answering{s: s, facts: make(map[int32]any)}
		at := []any{"", "", "", int64(-1)} // the last one that was told
		var before *Deployment             // that one
		for {
			var some []Deployed
			var digests []any
			err := s.query(ctx, func(rows *sql.Rows) error {
				d, err := scanDeployment(rows)
				some = append(some, Deployed{Deployment: d})
				digests = append(digests, d.Digest.String())
				return err
			}, "SELECT digest, environment, service, since, until FROM inventory_deployment WHERE (environment, service, digest, since) > (?, ?, ?, ?)"+now+
				" ORDER BY environment, service, digest, since LIMIT "+strconv.Itoa(inlineLimit), at...)
			if err != nil || len(some) == 0 {
				return err
			}
			last := &some[len(some)-1]
			if before != nil && compareDeployments(before, &last.Deployment) >= 0 {
				return fmt.Errorf("%w: a deployment follows itself", errDamaged)
			}
			before = &last.Deployment
			at = []any{last.Environment, last.Service, last.Digest.String(), micros(last.From)}

			ids := make(map[string]int64) // the first of each digest
			err = s.query(ctx, func(rows *sql.Rows) error {
				var digest string
				var id int64
				err := rows.Scan(&digest, &id)
				if old, ok := ids[digest]; !ok || id < old {
					ids[digest] = id
				}
				return err
			}, "SELECT a.term, r.id FROM inventory_about a JOIN inventory_record r ON r.id = a.record WHERE a.term IN ("+list(len(digests))+")"+where, append(digests, values...)...)
			if err != nil {
				return err
			}
			first := make(map[string]*Entry)
			wanted := slices.Compact(slices.Sorted(maps.Values(ids)))
			of, err := a.drafts(ctx, wanted)
			if err != nil {
				return err
			}
			entries, err := a.finish(of)
			if err != nil {
				return err
			}
			for digest, id := range ids {
				i, _ := slices.BinarySearch(wanted, id)
				first[digest] = &entries[i]
			}
			for _, d := range some {
				d.Entry = first[d.Digest.String()]
				if (d.Entry != nil || f == (Filter{}) || f == Filter{Deployed: true}) && !yield(d) {
					return nil
				}
			}
		}
	})
}

// compareDeployments compares what a database tells deployments by.
func compareDeployments(a, b *Deployment) int {
	return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Service, b.Service), compareDigests(a.Digest, b.Digest), cmp.Compare(micros(a.From), micros(b.From)))
}

// scanDeployment reads the columns of a deployment.
func scanDeployment(rows *sql.Rows) (d Deployment, err error) {
	var digest string
	var since, until int64
	if err := rows.Scan(&digest, &d.Environment, &d.Service, &since, &until); err != nil {
		return d, err
	}
	if d.Digest, err = hallmark.ParseDigest(digest); err != nil {
		return d, fmt.Errorf("%w: a deployment: %w", errDamaged, err)
	}
	d.From, d.To = fromMicros(since), fromMicros(until)
	return d, nil
}

// deploy adds d.
func (s *session) deploy(ctx context.Context, d Deployment) error {
	return s.exec(ctx, "INSERT INTO inventory_deployment (digest, environment, service, since, until) VALUES (?, ?, ?, ?, ?) "+
		"ON CONFLICT (digest, environment, service, since) DO UPDATE SET until = excluded.until WHERE inventory_deployment.until < excluded.until",
		d.Digest.String(), d.Environment, d.Service, micros(d.From), micros(d.To))
}

// checkDeployments returns what is wrong with ds.
func checkDeployments(ds []Deployment) error {
	if len(ds) > MaxDeployments {
		return fmt.Errorf("%d deployments, want at most %d", len(ds), MaxDeployments)
	}
	for i := range ds {
		if err := ds[i].check(); err != nil {
			return fmt.Errorf("deployment %d: %w", i, err)
		}
	}
	return nil
}
