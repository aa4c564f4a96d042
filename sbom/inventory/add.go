package inventory

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/hallmark-dev/hallmark"
)

// Added is what [Inventory.Add] has done.
type Added struct {
	New     int // records that were not there
	Updated int // that were, and have a later verdict now, or another mark with the same
	Same    int // that were there as they are
}

// Add adds records: all of them or, with an error, none. A record that is there already is
// not added again; if its verdict is a later one than was kept, that is kept instead, with
// its evidence. Records are the same if they say the same of contents and build of the
// same artifact under the same name, and the same have signed that.
//
// Others that write wait as long as it takes, or as long as the database lets them.
func (v *Inventory) Add(ctx context.Context, records ...Record) (Added, error) {
	if len(records) > MaxBatch {
		return Added{}, fmt.Errorf("inventory: %d records at once, want at most %d", len(records), MaxBatch)
	}
	ready, err := prepare(ctx, newBenches(), records, 0)
	if err != nil {
		return Added{}, err
	}
	return v.add(ctx, ready)
}

// AddAll adds records in batches. Each batch is added wholly or not at all, so that what was
// added before an error stays, and adding the same records again goes on where it ended.
// progress, if it is not nil, is called after each batch with all that was done until
// then. An error of records ends it before the batch that it is in. records is ranged over
// by another goroutine, which has ended when AddAll returns.
func (v *Inventory) AddAll(ctx context.Context, records iter.Seq2[Record, error], progress func(Added)) (Added, error) {
	ctx, cancel := context.WithCancelCause(ctx)

	// While one batch is written the next one is prepared, and records for it are taken.
	collected, batches := make(chan result[Record]), make(chan result[prepared])
	var wg sync.WaitGroup
	defer wg.Wait() // until nobody uses records any more
	defer cancel(nil)
	wg.Go(func() { collect(ctx, records, collected) })
	wg.Go(func() { prepareAll(ctx, collected, batches) })

	var all Added
	for b := range batches {
		if b.err != nil {
			return all, b.err
		}
		added, err := v.add(ctx, b.list)
		if err != nil {
			return all, err
		}
		all.New += added.New
		all.Updated += added.Updated
		all.Same += added.Same
		if progress != nil {
			progress(all)
		}
	}
	if ctx.Err() != nil {
		return all, fmt.Errorf("inventory: %w", context.Cause(ctx))
	}
	return all, nil
}

// A result is what one goroutine has for the next one: a list, or the error that ends it.
type result[T any] struct {
	list   []T
	weight int // of the list
	err    error
}

// send sends r unless ctx has ended, and reports whether more may follow.
func (r result[T]) send(ctx context.Context, to chan<- result[T]) bool {
	select {
	case to <- r:
		return r.err == nil
	case <-ctx.Done():
		return false
	}
}

// collect sends records, some at a time, and closes to.
func collect(ctx context.Context, records iter.Seq2[Record, error], to chan<- result[Record]) {
	defer close(to)
	var r result[Record]
	for one, err := range records {
		if err != nil {
			// The batch that it would be in is not added.
			result[Record]{err: err}.send(ctx, to)
			return
		}
		r.list = append(r.list, one)
		r.weight += one.weight()
		if len(r.list) == group || r.weight >= groupWeight {
			if !r.send(ctx, to) {
				return
			}
			r = result[Record]{}
		}
		if ctx.Err() != nil {
			return
		}
	}
	if len(r.list) > 0 {
		r.send(ctx, to)
	}
}

// prepareAll sends batches of what was collected, and closes to. Documents and evidence are
// forgotten as soon as they are prepared.
func prepareAll(ctx context.Context, collected <-chan result[Record], to chan<- result[prepared]) {
	defer close(to)
	benches := newBenches()
	var b result[prepared]
	done := 0
	for r := range collected {
		some, err := []prepared(nil), r.err
		if err == nil {
			some, err = prepare(ctx, benches, r.list, done)
		}
		if err != nil {
			result[prepared]{err: err}.send(ctx, to)
			return
		}
		for i := range r.list {
			r.list[i].Document, r.list[i].Evidence = nil, nil
		}
		done += len(r.list)
		b.list, b.weight = append(b.list, some...), b.weight+r.weight
		if len(b.list) >= batch || b.weight >= batchWeight {
			if !b.send(ctx, to) {
				return
			}
			b = result[prepared]{}
		}
	}
	if len(b.list) > 0 {
		b.send(ctx, to)
	}
}

// weight is about how many bytes r needs until it is added.
func (r *Record) weight() int {
	n := len(r.Build.Inputs)
	if r.Document != nil {
		n += len(r.Document.Components)
	}
	n *= 100
	for i := range r.Evidence {
		n += len(r.Evidence[i].Payload)
	}
	return n
}

// Known reports for each mark whether there is a Record with it. The zero mark is not
// known.
func (v *Inventory) Known(ctx context.Context, marks []hallmark.Digest) ([]bool, error) {
	there := make(map[string]bool)
	err := v.view(ctx, func(s *session) error {
		for some := range slices.Chunk(marks, inlineLimit) {
			values := make([]any, len(some))
			for i, m := range some {
				values[i] = []byte(m.String())
			}
			err := s.query(ctx, func(rows *sql.Rows) error {
				var mark sql.RawBytes
				err := rows.Scan(&mark)
				there[string(mark)] = true
				return err
			}, "SELECT mark FROM inventory_record WHERE mark IN ("+list(len(some))+")", values...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	known := make([]bool, len(marks))
	for i, m := range marks {
		known[i] = !m.IsZero() && there[m.String()]
	}
	return known, nil
}

func list(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
