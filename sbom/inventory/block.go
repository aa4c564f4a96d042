package inventory

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// A row is what every answer says of a record. Rows that follow each other are kept in one
// block, because a database is slower with many rows than with few large ones.
type row struct {
	id       int64
	main     string // how the main component is called in a path
	contents int32  // a set, or 0
	tree     int32  // that the set is told by, or 0
	patch    string // of the set
	head
}

// perBlock is how many rows a block has: so few that a block is in one page of the database
// as a rule, and who asks for a few records does not read many.
const perBlock = 8

// A head is what a row says of the artifact.
type head struct {
	artifact              hallmark.Artifact
	commit                hallmark.Digest
	ref                   string
	run                   string // without the source before it, if bySource
	bySource              bool
	finished, decided     time.Time
	origin, verdict, gaps int32 // facts
	attested              Contents
	complete              bool
	parts                 int
}

// append appends r to a block.
func (r *row) append(block []byte) []byte {
	b := binary.AppendUvarint(make([]byte, 0, 512), uint64(r.id))
	for _, id := range [...]int32{r.contents, r.tree, r.origin, r.verdict, r.gaps} {
		b = binary.AppendUvarint(b, uint64(id))
	}
	b = appendText(b, r.patch)
	// The label of the main component mostly has the name in it.
	b = appendText(b, r.artifact.Name)
	before, behind, ok := r.main, "", false
	if r.artifact.Name != "" {
		before, behind, ok = strings.Cut(r.main, r.artifact.Name)
	}
	b = appendText(appendText(append(b, byte(number(ok))), before), behind)
	b = appendDigests(b, r.artifact.Digests)
	b = appendText(appendText(appendDigest(b, r.commit), r.ref), r.run)
	b = binary.AppendVarint(b, micros(r.finished))
	b = binary.AppendVarint(b, micros(r.decided))
	b = append(b, byte(number(r.bySource)), byte(attestedCode(r.attested)), byte(number(r.complete)))
	b = binary.AppendUvarint(b, uint64(r.parts))
	return appendBytes(block, b)
}

// A rough is a row as a block has it.
type rough struct {
	id                    int64
	contents, tree        int32
	origin, verdict, gaps int32
	patch                 []byte
	rest                  []byte // a head and what is around it, to be parsed
	all                   []byte
}

// each calls f for each row of a block, with r, which it must not keep.
func (r *rough) each(block []byte, f func(*rough) error) error {
	from := reader[[]byte]{data: block}
	for from.at < len(from.data) {
		r.all = from.text()
		one := reader[[]byte]{data: r.all}
		r.id = int64(one.number())
		for _, to := range [...]*int32{&r.contents, &r.tree, &r.origin, &r.verdict, &r.gaps} {
			*to = one.id()
		}
		r.patch, r.rest = one.text(), one.rest()
		if from.failed || one.failed {
			return fmt.Errorf("%w: a block", errDamaged)
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// parse reads what is behind the patch. Texts are there once c has written them. main is
// how the main component is called in a path. What is said of the run of a build by its
// source is behind source.
func (h *head) parse(rest []byte, c *clerk, source string, main *string) error {
	from := reader[[]byte]{data: rest}
	name := from.text()
	if around, before, behind := from.number() == 1, from.text(), from.text(); around {
		c.text(main, before, name, behind)
		c.within(&h.artifact.Name, len(before), len(name))
	} else {
		c.text(main, before)
		c.text(&h.artifact.Name, name)
	}
	h.artifact.Digests = c.digests.take(from.count())
	for i := range h.artifact.Digests {
		if !c.digest(&h.artifact.Digests[i], &from) {
			from.fail()
		}
	}
	h.commit = hallmark.Digest{}
	c.digest(&h.commit, &from)
	c.text(&h.ref, from.text())
	run := from.text()
	h.finished, h.decided = fromMicros(from.signed()), fromMicros(from.signed())
	h.bySource = from.number() == 1
	if h.bySource && source != "" {
		c.text(&h.run, []byte(source), run)
		h.bySource = false
	} else {
		c.text(&h.run, run)
	}
	switch from.number() {
	case 2:
		h.attested = Attested
	case 1:
		h.attested = Unattested
	default:
		h.attested = NoSBOM
	}
	h.complete = from.number() == 1
	h.parts = int(from.number())
	return from.end("a record")
}

// perFacts is how many facts a block of them has.
const perFacts = 16

func blockOf(id int64) int64 { return id / perBlock }

// rows returns those with the numbers ids, which are sorted.
func (s *session) rows(ctx context.Context, ids []int64) ([]row, error) {
	rows := make([]row, len(ids))
	var c clerk
	n := 0
	err := s.read(ctx, ids, func(from *rough) error {
		r := &rows[n]
		n++
		return r.parse(from, &c)
	})
	if err != nil {
		return nil, err
	}
	return rows, c.write()
}

// parse makes r of what a block has, as far as c has not to write it.
func (r *row) parse(from *rough, c *clerk) error {
	r.id, r.contents, r.tree, r.patch = from.id, from.contents, from.tree, string(from.patch)
	r.origin, r.verdict, r.gaps = from.origin, from.verdict, from.gaps
	return r.head.parse(from.rest, c, "", &r.main)
}

// read calls f for the rows with the numbers ids, which are sorted.
func (s *session) read(ctx context.Context, ids []int64, f func(*rough) error) error {
	var r rough
	for some := range slices.Chunk(ids, chunk) {
		blocks := make([]int32, 0, len(some))
		for _, id := range some {
			if b := int32(blockOf(id)); len(blocks) == 0 || blocks[len(blocks)-1] != b {
				blocks = append(blocks, b)
			}
		}
		in, values := s.around("id", blocks)
		next := 0 // of some, the first that is not found
		err := s.query(ctx, func(rows *sql.Rows) error {
			var data sql.RawBytes
			if err := rows.Scan(&data); err != nil {
				return err
			}
			return r.each(data, func(r *rough) error {
				if next == len(some) || some[next] != r.id {
					return nil
				}
				next++
				return f(r)
			})
		}, "SELECT data FROM inventory_block WHERE "+in+" ORDER BY id", values...)
		if err != nil {
			return err
		}
		if next != len(some) {
			return fmt.Errorf("%w: a record is missing", errDamaged)
		}
	}
	return nil
}

// spread calls f for parts of n things, on as many cores as that is worth.
func spread(n int, f func(from, to int) error) error {
	const least = 64 // things to begin with them on another core
	parts := max(1, min(runtime.GOMAXPROCS(0), n/least))
	errs := make([]error, parts)
	var wg sync.WaitGroup
	for k := 1; k < parts; k++ {
		wg.Go(func() { errs[k] = f(k*n/parts, (k+1)*n/parts) })
	}
	errs[0] = f(0, n/parts)
	wg.Wait()
	return errors.Join(errs...)
}

// scan calls f for all rows from a block on, of at most so many blocks, and returns the next
// block, which is 0 behind the last one.
func (s *session) scan(ctx context.Context, from int64, blocks int, f func(*rough) error) (next int64, err error) {
	var r rough
	n := 0
	err = s.query(ctx, func(rows *sql.Rows) error {
		var block int64
		var data sql.RawBytes
		if err := rows.Scan(&block, &data); err != nil {
			return err
		}
		n++
		next = block + 1
		return r.each(data, func(r *rough) error {
			if blockOf(r.id) != block {
				return fmt.Errorf("%w: a record is in another block", errDamaged)
			}
			return f(r)
		})
	}, "SELECT id, data FROM inventory_block WHERE id >= ? ORDER BY id LIMIT "+strconv.Itoa(blocks), from)
	if n < blocks {
		next = 0
	}
	return next, err
}

// rewrite writes rows instead of those with the same numbers.
func (s *session) rewrite(ctx context.Context, rows []row) error {
	byBlock := make(map[int64]map[int64]*row)
	for i := range rows {
		b := blockOf(rows[i].id)
		if byBlock[b] == nil {
			byBlock[b] = make(map[int64]*row)
		}
		byBlock[b][rows[i].id] = &rows[i]
	}
	for _, b := range slices.Sorted(maps.Keys(byBlock)) {
		data, err := s.block(ctx, "inventory_block", b)
		if err != nil {
			return err
		}
		var written []byte
		err = new(rough).each(data, func(r *rough) error {
			if row := byBlock[b][r.id]; row != nil {
				written = row.append(written)
			} else {
				written = appendBytes(written, r.all)
			}
			return nil
		})
		if err == nil {
			err = s.exec(ctx, "UPDATE inventory_block SET data = ? WHERE id = ?", written, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// block returns a block of a table, which is empty if it is not there.
func (s *session) block(ctx context.Context, table string, id int64) (data []byte, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&data) }, "SELECT data FROM "+table+" WHERE id = ?", id)
	return data, err
}

// addBlocks adds things to the blocks of a table, of which each has so many. Their numbers
// follow those that are there.
func (s *session) addBlocks(ctx context.Context, table string, per, first int64, things [][]byte) error {
	if len(things) == 0 {
		return nil
	}
	begun := first / per
	old, err := s.block(ctx, table, begun)
	if err != nil {
		return err
	}
	var blocks [][]any
	data := old
	for i, thing := range things {
		data = append(data, thing...)
		id := first + int64(i)
		if i == len(things)-1 || (id+1)%per == 0 {
			blocks = append(blocks, []any{id / per, data})
			data = nil
		}
	}
	if old != nil {
		if err := s.exec(ctx, "UPDATE "+table+" SET data = ? WHERE id = ?", blocks[0][1], begun); err != nil {
			return err
		}
		blocks = blocks[1:]
	}
	return s.insert(ctx, table, []string{"id", "data"}, slices.Values(blocks))
}
