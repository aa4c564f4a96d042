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

	text reader // of what is behind the numbers of facts, until it is parsed

	// For answers.
	background
	ways []way // to the candidates that it has
}

// perBlock is how many rows a block has: so few that a block is in one page of the database
// as a rule, and who asks for a few records does not read many.
const perBlock = 4

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

// append appends r to a block, with its length before it.
func (r *row) append(block []byte) []byte {
	b := binary.AppendUvarint(make([]byte, 0, 512), uint64(r.id))
	for _, id := range [...]int32{r.contents, r.tree, r.head.origin, r.verdict, r.head.gaps} {
		b = binary.AppendUvarint(b, uint64(id))
	}
	// The label of the main component mostly has the name in it.
	b = appendText(b, r.artifact.Name)
	before, behind, ok := r.main, "", false
	if r.artifact.Name != "" {
		before, behind, ok = strings.Cut(r.main, r.artifact.Name)
	}
	b = appendText(appendText(append(b, byte(number(ok))), before), behind)
	b = appendText(b, r.patch)
	b = appendDigests(b, r.artifact.Digests)
	b = appendText(appendText(appendDigest(b, r.commit), r.ref), r.run)
	b = binary.AppendVarint(b, micros(r.finished))
	b = binary.AppendVarint(b, micros(r.decided))
	b = append(b, byte(number(r.bySource)), byte(attestedCode(r.attested)), byte(number(r.complete)))
	b = binary.AppendUvarint(b, uint64(r.parts))
	return append(binary.AppendUvarint(block, uint64(len(b))), b...)
}

// begin begins to read a row: no more than what it refers to.
func begin(id int64, from reader) row {
	r := row{id: id}
	for _, n := range [...]*int32{&r.contents, &r.tree, &r.head.origin, &r.verdict, &r.head.gaps} {
		*n = int32(from.number())
	}
	r.text = from
	return r
}

// parse reads the rest.
func (r *row) parse() error {
	from := r.text
	r.text = reader{}
	r.artifact.Name = from.text()
	around, before, behind := from.number() == 1, from.text(), from.text()
	r.main = before
	if around {
		r.main = before + r.artifact.Name + behind
	}
	r.patch = from.text()
	r.artifact.Digests = from.digests()
	r.commit = from.digest()
	r.ref, r.run = from.text(), from.text()
	r.finished, r.decided = fromMicros(from.signed()), fromMicros(from.signed())
	r.bySource = from.number() == 1
	switch from.number() {
	case 2:
		r.attested = Attested
	case 1:
		r.attested = Unattested
	default:
		r.attested = NoSBOM
	}
	r.complete = from.number() == 1
	r.parts = int(from.number())
	return from.end("a record")
}

// each calls f for each row of a block, with its number and what is behind that.
func each(block string, f func(id int64, rest reader, all string) error) error {
	r := reader{rest: block}
	for len(r.rest) > 0 {
		one := reader{rest: r.text()}
		all := one.rest
		id := int64(one.number())
		if r.failed || one.failed {
			return fmt.Errorf("%w: a block", errDamaged)
		}
		if err := f(id, one, all); err != nil {
			return err
		}
	}
	return nil
}

func blockOf(id int64) int64 { return id / perBlock }

// rows returns those with the numbers ids, which are sorted.
func (s *session) rows(ctx context.Context, ids []int64) ([]row, error) {
	rows, err := s.read(ctx, ids, nil)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if err := rows[i].parse(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// read appends to found the rows with the numbers ids, which are sorted, and only begins to
// read them.
func (s *session) read(ctx context.Context, ids []int64, found []row) ([]row, error) {
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
			var data string
			if err := rows.Scan(&data); err != nil {
				return err
			}
			return each(data, func(id int64, rest reader, _ string) error {
				if next == len(some) || some[next] != id {
					return nil
				}
				next++
				found = append(found, begin(id, rest))
				return nil
			})
		}, "SELECT data FROM inventory_block WHERE "+in+" ORDER BY id", values...)
		if err != nil {
			return nil, err
		}
		if next != len(some) {
			return nil, fmt.Errorf("%w: a record is missing", errDamaged)
		}
	}
	return found, nil
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

// scan gives all rows that contain one of trees or of sets, some at a time. It is for many
// of them: all blocks are read.
func (s *session) scan(ctx context.Context, trees, sets bits, buffer func() []row, give func([]row) (more bool, err error)) error {
	last := int64(-1)
	for size := firstChunk / perBlock; ; size = min(4*size, chunk/perBlock) {
		n := 0
		rows := buffer()
		err := s.query(ctx, func(r *sql.Rows) error {
			var data string
			if err := r.Scan(&last, &data); err != nil {
				return err
			}
			n++
			return each(data, func(id int64, rest reader, _ string) error {
				if r := begin(id, rest); trees.has(r.tree) || sets.has(r.contents) {
					rows = append(rows, r)
				}
				return nil
			})
		}, "SELECT id, data FROM inventory_block WHERE id > ? ORDER BY id LIMIT "+strconv.Itoa(size), last)
		if err != nil {
			return err
		}
		if more, err := give(rows); err != nil || !more || n < size {
			return err
		}
	}
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
		data, err := s.block(ctx, b)
		if err != nil {
			return err
		}
		var written []byte
		err = each(string(data), func(id int64, _ reader, all string) error {
			if r := byBlock[b][id]; r != nil {
				written = r.append(written)
			} else {
				written = appendText(written, all)
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

// block returns a block, which is empty if it is not there.
func (s *session) block(ctx context.Context, id int64) (data []byte, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&data) }, "SELECT data FROM inventory_block WHERE id = ?", id)
	return data, err
}

// addRows adds rows, whose numbers follow those that are there.
func (s *session) addRows(ctx context.Context, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	first := blockOf(rows[0].id)
	old, err := s.block(ctx, first)
	if err != nil {
		return err
	}
	var blocks [][]any
	data := old
	for i := range rows {
		data = rows[i].append(data)
		if b := blockOf(rows[i].id); i == len(rows)-1 || blockOf(rows[i+1].id) != b {
			blocks = append(blocks, []any{b, data})
			data = nil
		}
	}
	if old != nil {
		if err := s.exec(ctx, "UPDATE inventory_block SET data = ? WHERE id = ?", blocks[0][1], first); err != nil {
			return err
		}
		blocks = blocks[1:]
	}
	return s.insert(ctx, "inventory_block", []string{"id", "data"}, slices.Values(blocks))
}
