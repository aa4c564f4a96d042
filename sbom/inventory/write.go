package inventory

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A seen remembers numbers, so that a database is not asked again for what does not
// change.
type seen struct {
	generation int64          // of the tables
	parts      map[hash]int32 // but for main components, which are seldom seen again
	facts      map[hash]int32
	families   map[int64][]rooted
	planted    int // parts of the trees of families

	// Of each table, the row with the highest number of these.
	part, fact, set last
}

type last struct {
	id   int32
	hash hash
}

// note remembers a row, if none with a higher number is.
func (l *last) note(id int32, h hash) {
	if id > l.id {
		*l = last{id, h}
	}
}

// holds reports whether the rows that n remembers are still there: a server may be set back
// to what it was before, by a standby that takes over or by a backup.
func (n *seen) holds(ctx context.Context, s *session) (bool, error) {
	for table, l := range map[string]last{"inventory_part": n.part, "inventory_fact": n.fact, "inventory_set": n.set} {
		if l.id == 0 {
			continue
		}
		same := false
		err := s.query(ctx, func(rows *sql.Rows) error {
			var h sql.RawBytes
			err := rows.Scan(&h)
			same = string(h) == string(l.hash[:])
			return err
		}, "SELECT hash FROM "+table+" WHERE id = ?", int64(l.id))
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// A rooted tree is one that sets are told by.
type rooted struct {
	id int32
	*tree
}

func newSeen() *seen {
	return &seen{parts: make(map[hash]int32), facts: make(map[hash]int32), families: make(map[int64][]rooted)}
}

// A writer adds one batch. What it learns is remembered once that is committed.
type writer struct {
	*session
	seen *seen

	parts    map[hash]int32 // of this batch
	facts    map[hash]int32
	families map[int64][]rooted

	part, fact, set last
}

// A kept set is one as it is in the tables.
type kept struct {
	id, tree int32
	patch    string
}

func (v *Inventory) add(ctx context.Context, records []prepared) (added Added, err error) {
	for i := range records {
		if err := v.early(records[i].decided); err != nil {
			return added, fmt.Errorf("inventory: record of %.200s: %w", records[i].artifact.Digests[0], err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var w *writer
	err = v.update(ctx, func(s *session) error {
		generation, err := s.generation(ctx)
		if err != nil {
			return err
		}
		same := generation == v.seen.generation
		if same {
			if same, err = v.seen.holds(ctx, s); err != nil {
				return err
			}
		}
		if !same {
			v.seen = newSeen()
			v.seen.generation = generation
		}
		w = &writer{session: s, seen: v.seen, parts: make(map[hash]int32), facts: make(map[hash]int32), families: make(map[int64][]rooted)}
		added, err = w.add(ctx, records)
		return err
	})
	if err != nil {
		return Added{}, err
	}
	v.seen.remember(w)
	return added, nil
}

// remember remembers what w has learnt.
func (n *seen) remember(w *writer) {
	for _, m := range []struct {
		from, to map[hash]int32
		most     int
	}{{w.parts, n.parts, cacheParts}, {w.facts, n.facts, cacheFacts}} {
		if len(m.to)+len(m.from) > m.most {
			clear(m.to)
		}
		maps.Copy(m.to, m.from)
	}
	n.part.note(w.part.id, w.part.hash)
	n.fact.note(w.fact.id, w.fact.hash)
	n.set.note(w.set.id, w.set.hash)
	size := func(list []rooted) (n int) {
		for _, t := range list {
			n += len(t.parts)
		}
		return n
	}
	for key, list := range w.families {
		n.planted += size(list) - size(n.families[key])
		n.families[key] = list
	}
	if len(n.families) > cacheTrees || n.planted > treeParts {
		clear(n.families)
		n.planted = 0
	}
}

// early returns an error if a verdict is of a time to come: until then no other one would be
// kept instead of it.
func (v *Inventory) early(decided time.Time) error {
	if now := v.o.Now(); decided.After(now.Add(skew)) {
		return fmt.Errorf("a verdict of %s, and now is %s", decided.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

func (w *writer) add(ctx context.Context, records []prepared) (added Added, err error) {
	if err := w.addFacts(ctx, records); err != nil {
		return added, err
	}
	if err := w.addParts(ctx, records); err != nil {
		return added, err
	}
	if err := w.addSets(ctx, records); err != nil {
		return added, err
	}

	// Which records are there already?
	hashes := make([]hash, len(records))
	for i := range records {
		hashes[i] = records[i].identity()
	}
	type held struct {
		id   int64
		mark string
	}
	there := make(map[hash]held)
	err = w.byHash(ctx, "inventory_record", "id, hash, mark", hashes, func(rows *sql.Rows) error {
		var k held
		var h, mark sql.RawBytes
		if err := rows.Scan(&k.id, &h, &mark); err != nil {
			return err
		}
		if len(h) != len(hash{}) {
			return fmt.Errorf("%w: a hash of %d bytes", errDamaged, len(h))
		}
		k.mark = string(mark)
		there[hash(h)] = k
		return nil
	})
	if err != nil {
		return added, err
	}
	var fresh []*prepared
	var late []int // those that may have a later verdict than was kept
	index := make(map[hash]int)
	for i, h := range hashes {
		p := &records[i]
		p.hash = h
		if _, ok := there[h]; ok {
			late = append(late, i)
		} else if k, ok := index[h]; ok { // twice in this batch
			if p.later(fresh[k].decided, p.verdict.hash == fresh[k].verdict.hash) {
				fresh[k] = p
			}
			added.Same++
		} else {
			index[h] = len(fresh)
			fresh = append(fresh, p)
		}
	}
	if err := w.addRecords(ctx, fresh); err != nil {
		return added, err
	}
	added.New = len(fresh)

	// Those that are there already change as far as their verdicts are not older.
	var ids []int64
	for _, i := range late {
		ids = append(ids, there[hashes[i]].id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := w.rows(ctx, ids)
	if err != nil {
		return added, err
	}
	changed := make(map[int64]bool)
	for _, i := range late {
		p := &records[i]
		k := there[p.hash]
		i, _ := slices.BinarySearch(ids, k.id)
		old := &rows[i].head
		verdict, mark := w.factOf(&p.verdict), p.mark.String()
		if !p.later(old.decided, verdict == old.verdict) {
			added.Same++
			continue
		}
		if micros(p.decided) == micros(old.decided) {
			p.attested = old.attested // which may have been judged since
		}
		head := p.head(w.factOf(&p.origin), verdict, w.factOf(&p.gaps), old.parts)
		if head.same(old) && mark == k.mark {
			added.Same++
			continue
		}
		*old = head
		err = w.exec(ctx, "UPDATE inventory_record SET verdict = ?, attested = ?, incomplete = ?, mark = ?, evidence = ? WHERE id = ?",
			p.code, attestedCode(p.attested), number(p.incomplete), p.markBytes(), p.evidence, k.id)
		if err != nil {
			return added, err
		}
		there[p.hash] = held{k.id, mark}
		changed[k.id] = true
		added.Updated++
	}
	return added, w.rewrite(ctx, slices.DeleteFunc(rows, func(r row) bool { return !changed[r.id] }))
}

// identity returns the hash of what makes p this record and no other. Its sets are in the
// tables.
func (p *prepared) identity() hash {
	b := append(make([]byte, 0, 3*len(hash{})), p.hash[:]...)
	for _, s := range []*set{p.contents, p.inputs} {
		h := hash{}
		if s != nil {
			h = s.hash
		}
		b = append(b, h[:]...)
	}
	return sha256.Sum256(b)
}

// head returns that of p with the numbers of its facts and that of its components.
func (p *prepared) head(origin, verdict, gaps int32, parts int) head {
	run, by := p.build.Run, false
	if p.build.Source != "" {
		run, by = strings.CutPrefix(run, p.build.Source)
	}
	return head{p.artifact, p.build.Commit, p.build.Ref, run, by, p.build.Finished, p.decided, origin, verdict, gaps, p.attested, p.complete, parts}
}

// same reports whether other, of the same record, says the same.
func (h *head) same(other *head) bool {
	return micros(h.decided) == micros(other.decided) && h.verdict == other.verdict && h.gaps == other.gaps && h.attested == other.attested && h.complete == other.complete
}

// later reports whether what p says is kept instead of what was decided at a time: if it was
// decided later, or then and is the same, so that only gaps or the mark are others.
func (p *prepared) later(than time.Time, same bool) bool {
	a, b := micros(p.decided), micros(than)
	return a > b || a == b && same
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (p *prepared) markBytes() any {
	if p.mark.IsZero() {
		return nil
	}
	return []byte(p.mark.String())
}

// byHash asks a table for the rows of hashes.
func (w *writer) byHash(ctx context.Context, table, columns string, hashes []hash, row func(*sql.Rows) error) error {
	for some := range slices.Chunk(hashes, inlineLimit) {
		values := make([]any, len(some))
		for i := range some {
			values[i] = some[i][:]
		}
		if err := w.query(ctx, row, "SELECT "+columns+" FROM "+table+" WHERE hash IN ("+list(len(some))+")", values...); err != nil {
			return err
		}
	}
	return nil
}

// numbers asks a table for the numbers of those hashes that it has, and returns the number
// of the next row.
func (w *writer) numbers(ctx context.Context, table string, hashes []hash, found map[hash]int32) (next int32, err error) {
	err = w.byHash(ctx, table, "id, hash", hashes, func(rows *sql.Rows) error {
		var id int32
		var h sql.RawBytes
		if err := rows.Scan(&id, &h); err != nil {
			return err
		}
		if len(h) != len(hash{}) {
			return fmt.Errorf("%w: a hash of %d bytes", errDamaged, len(h))
		}
		found[hash(h)] = id
		return nil
	})
	if err != nil {
		return 0, err
	}
	return w.next(ctx, table)
}

// next returns the number of the next row of a table.
func (w *writer) next(ctx context.Context, table string) (int32, error) {
	last, err := w.number(ctx, "SELECT max(id) FROM "+table)
	if err == nil && last >= 1<<31-1-1<<24 {
		err = fmt.Errorf("%s is full", table)
	}
	return int32(last + 1), err
}

func (w *writer) factOf(f *fact) int32 {
	if id, ok := w.facts[f.hash]; ok {
		return id
	}
	return w.seen.facts[f.hash]
}

// addFacts adds the facts that are not there.
func (w *writer) addFacts(ctx context.Context, records []prepared) error {
	var facts []*fact
	for i := range records {
		facts = append(facts, &records[i].origin, &records[i].verdict, &records[i].gaps)
	}
	return w.intern(ctx, facts)
}

// intern adds those of facts that are not there.
func (w *writer) intern(ctx context.Context, facts []*fact) error {
	missing := make(map[hash]*fact)
	var order []hash
	for _, f := range facts {
		if _, ok := w.seen.facts[f.hash]; !ok && missing[f.hash] == nil {
			missing[f.hash] = f
			order = append(order, f.hash)
		}
	}
	if len(order) == 0 {
		return nil
	}
	next, err := w.numbers(ctx, "inventory_fact", order, w.facts)
	if err != nil {
		return err
	}
	begin := next
	var rows, tags [][]any
	var texts [][]byte
	for _, h := range order {
		if id, ok := w.facts[h]; ok {
			w.fact.note(id, h)
			continue
		}
		w.facts[h] = next
		w.fact.note(next, h)
		rows = append(rows, []any{int64(next), h[:]})
		texts = append(texts, appendBytes(nil, append(binary.AppendUvarint(nil, uint64(next)), missing[h].data...)))
		for _, tag := range missing[h].tags {
			tags = append(tags, []any{tag, int64(next)})
		}
		next++
	}
	if err := w.insert(ctx, "inventory_fact", []string{"id", "hash"}, slices.Values(rows)); err != nil {
		return err
	}
	if err := w.addBlocks(ctx, "inventory_facts", perFacts, int64(begin), texts); err != nil {
		return err
	}
	return w.insert(ctx, "inventory_tag", []string{"tag", "fact"}, slices.Values(tags))
}

// sets yields those that records have.
func sets(records []prepared) iter.Seq[*set] {
	return func(yield func(*set) bool) {
		for i := range records {
			for _, s := range []*set{records[i].contents, records[i].inputs} {
				if s != nil && !yield(s) {
					return
				}
			}
		}
	}
}

// unnumbered yields the parts of records whose number is not known, and whether they are
// main components.
func (w *writer) unnumbered(records []prepared) iter.Seq2[*part, bool] {
	return func(yield func(*part, bool) bool) {
		for i := range records {
			if p := records[i].main; p != nil && p.of != w.seen && !yield(p, true) {
				return
			}
		}
		for s := range sets(records) {
			for i := range s.pieces {
				if p := s.pieces[i].part; p.of != w.seen && !yield(p, false) {
					return
				}
			}
		}
	}
}

// addParts adds the parts that are not there, and gives all of them their numbers.
func (w *writer) addParts(ctx context.Context, records []prepared) error {
	missing := make(map[hash]*part)
	var order []hash
	for p := range w.unnumbered(records) {
		if id, ok := w.seen.parts[p.hash]; ok {
			p.id, p.of = id, w.seen
		} else if missing[p.hash] == nil {
			missing[p.hash] = p
			order = append(order, p.hash)
		}
	}
	if len(order) == 0 {
		return nil
	}
	ids := make(map[hash]int32, len(order))
	next, err := w.numbers(ctx, "inventory_part", order, ids)
	if err != nil {
		return err
	}
	var rows, terms [][]any
	for _, h := range order {
		if id, ok := ids[h]; ok {
			w.part.note(id, h)
			continue
		}
		ids[h] = next
		w.part.note(next, h)
		p := missing[h]
		label, all, err := p.describe()
		if err != nil {
			return err
		}
		rows = append(rows, []any{int64(next), h[:], label, []byte(p.data)})
		for _, term := range all {
			terms = append(terms, []any{term, int64(next)})
		}
		next++
	}
	if err := w.insert(ctx, "inventory_part", []string{"id", "hash", "label", "data"}, slices.Values(rows)); err != nil {
		return err
	}
	if err := w.insert(ctx, "inventory_term", []string{"term", "part"}, slices.Values(terms)); err != nil {
		return err
	}
	for p, main := range w.unnumbered(records) {
		p.id, p.of = ids[p.hash], w.seen
		if !main {
			w.parts[p.hash] = p.id
		}
	}
	return nil
}

// addSets adds the sets that are not there, and a segment that says in which of them and
// in which trees a part is.
func (w *writer) addSets(ctx context.Context, records []prepared) error {
	found := make(map[hash]*kept)
	trees := make(map[hash]*tree)
	var order []*set
	var hashes []hash
	for s := range sets(records) {
		t := s.tree()
		s.hash, s.size = t.hash(), len(t.parts)
		if trees[s.hash] == nil {
			trees[s.hash] = t
			order, hashes = append(order, s), append(hashes, s.hash)
		}
	}
	if len(order) == 0 {
		return nil
	}
	err := w.byHash(ctx, "inventory_set", "id, hash, tree, patch", hashes, func(rows *sql.Rows) error {
		k := new(kept)
		var h sql.RawBytes
		if err := rows.Scan(&k.id, &h, &k.tree, &k.patch); err != nil {
			return err
		}
		if len(h) != len(hash{}) {
			return fmt.Errorf("%w: a hash of %d bytes", errDamaged, len(h))
		}
		w.set.note(k.id, hash(h))
		found[hash(h)] = k
		return nil
	})
	if err != nil {
		return err
	}
	next, err := w.next(ctx, "inventory_set")
	if err != nil {
		return err
	}
	root, err := w.next(ctx, "inventory_tree")
	if err != nil {
		return err
	}
	var posted postings
	var setRows, treeRows [][]any
	for _, s := range order {
		if found[s.hash] != nil {
			continue
		}
		t := trees[s.hash]
		base, p, data, err := w.nearest(ctx, s.family, t)
		if err != nil {
			return err
		}
		if p == nil {
			base, p = rooted{root, t}, new(patch)
			data = p.append(nil)
			treeRows = append(treeRows, []any{int64(root), s.family, t.append(nil)})
			posted.trees = appendPairs(posted.trees, t.parts, root)
			posted.grown = append(posted.grown, base)
			w.families[s.family] = grown(w.family(s.family), base)
			root++
		}
		k := &kept{next, base.id, string(data)}
		found[s.hash] = k
		w.set.note(next, s.hash)
		setRows = append(setRows, []any{int64(next), s.hash[:], int64(k.tree), []byte(k.patch)})
		for part := range p.more() {
			posted.sets = append(posted.sets, uint64(part)<<32|uint64(next))
		}
		next++
	}
	for s := range sets(records) {
		s.kept = found[s.hash]
	}
	if len(setRows) == 0 {
		return nil
	}
	if err := w.insert(ctx, "inventory_tree", []string{"id", "family", "data"}, slices.Values(treeRows)); err != nil {
		return err
	}
	if err := w.insert(ctx, "inventory_set", []string{"id", "hash", "tree", "patch"}, slices.Values(setRows)); err != nil {
		return err
	}
	return w.addSegment(ctx, &posted, int64(len(setRows)))
}

// tree returns the tree of s by the numbers of its parts.
func (s *set) tree() *tree {
	order := make([]uint64, len(s.pieces)) // the number, and the position
	for i := range s.pieces {
		order[i] = uint64(s.pieces[i].id)<<32 | uint64(i)
	}
	slices.Sort(order)
	t := &tree{make([]int32, 0, len(order)), make([]int32, len(order))}
	place := make([]int32, len(order)) // in the tree, of each piece
	for k, o := range order {
		if k == 0 || order[k-1]>>32 != o>>32 {
			t.parts = append(t.parts, int32(o>>32))
			t.parents[len(t.parts)-1] = s.pieces[uint32(o)].parent
		}
		place[uint32(o)] = int32(len(t.parts) - 1)
	}
	t.parents = t.parents[:len(t.parts)]
	for i, before := range t.parents {
		if before >= first {
			t.parents[i] = first + place[before-first]
		}
	}
	return t
}

// hash returns the hash of a tree.
func (t *tree) hash() hash {
	b := make([]byte, 0, 8*len(t.parts))
	for i, part := range t.parts {
		b = binary.BigEndian.AppendUint32(b, uint32(part))
		b = binary.BigEndian.AppendUint32(b, uint32(t.parents[i]))
	}
	return sha256.Sum256(b)
}

// nearest returns the tree of a family that t differs from the least, and how. If it differs
// much from all of them there is no patch.
func (w *writer) nearest(ctx context.Context, key int64, t *tree) (base rooted, p *patch, data []byte, err error) {
	if len(t.parts) < leastTree {
		base = rooted{0, bare()}
		p = patchOf(base.tree, t)
		return base, p, p.append(nil), nil
	}
	list := w.family(key)
	if list == nil {
		err := w.query(ctx, func(rows *sql.Rows) error {
			var r rooted
			var data string
			if err := rows.Scan(&r.id, &data); err != nil {
				return err
			}
			kept, err := openTree(data)
			if err == nil {
				r.tree, err = kept.whole()
			}
			list = append(list, r)
			return err
		}, "SELECT id, data FROM inventory_tree WHERE family = ? ORDER BY id DESC LIMIT "+strconv.Itoa(variants), key)
		if err != nil {
			return base, nil, nil, err
		}
		slices.Reverse(list)
		w.families[key] = list
	}
	most := 0
	for _, r := range list {
		if n := common(r.parts, t.parts); n > most {
			base, most = r, n
		}
	}
	if 2*most < len(t.parts) {
		return base, nil, nil, nil
	}
	p = patchOf(base.tree, t)
	if data = p.append(nil); len(data) > 2*len(t.parts)/3 { // a quarter of a tree, about
		return base, nil, nil, nil
	}
	return base, p, data, nil
}

// common returns how many numbers are in both of two ascending lists.
func common(a, b []int32) (n int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			n++
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return n
}

// family returns the last trees of a family, as far as they are remembered.
func (w *writer) family(key int64) []rooted {
	if list, ok := w.families[key]; ok {
		return list
	}
	return w.seen.families[key]
}

// grown returns list with one more tree, without the first if there are too many.
func grown(list []rooted, r rooted) []rooted {
	return append(slices.Clone(list[max(0, len(list)-variants+1):]), r)
}

// addRecords adds records, of whose parts and facts all are there.
func (w *writer) addRecords(ctx context.Context, records []*prepared) error {
	last, err := w.number(ctx, "SELECT max(id) FROM inventory_record")
	if err != nil {
		return err
	}
	if last+int64(len(records)) >= 1<<31 {
		return errors.New("inventory_record is full")
	}
	none := new(kept)
	of := func(s *set) *kept {
		if s == nil {
			return none
		}
		return s.kept
	}
	rows := func(yield func([]any) bool) {
		for i, p := range records {
			var main int32
			if p.main != nil {
				main = p.main.id
			}
			contents := of(p.contents)
			if !yield([]any{
				last + 1 + int64(i), p.hash[:], int64(main), int64(contents.id), int64(contents.tree), int64(of(p.inputs).id), int64(w.factOf(&p.origin)),
				p.code, attestedCode(p.attested), number(p.incomplete), micros(p.build.Finished), p.markBytes(), p.sbom.String(), p.evidence,
			}) {
				return
			}
		}
	}
	columns := []string{"id", "hash", "main", "contents", "tree", "inputs", "origin", "verdict", "attested", "incomplete", "built", "mark", "sbom", "evidence"}
	if err := w.insert(ctx, "inventory_record", columns, rows); err != nil {
		return err
	}
	answers := make([][]byte, len(records))
	for i, p := range records {
		var r row
		k := of(p.contents)
		r.id, r.contents, r.tree, r.patch = last+1+int64(i), k.id, k.tree, k.patch
		parts := 0
		if p.contents != nil {
			parts = p.contents.size
		}
		r.main, r.head = p.label, p.head(w.factOf(&p.origin), w.factOf(&p.verdict), w.factOf(&p.gaps), parts)
		answers[i] = r.append(nil)
	}
	if err := w.addBlocks(ctx, "inventory_block", perBlock, last+1, answers); err != nil {
		return err
	}
	about := func(yield func([]any) bool) {
		for i, p := range records {
			id := last + 1 + int64(i)
			for _, term := range p.about() {
				if !yield([]any{term, id}) {
					return
				}
			}
		}
	}
	return w.insert(ctx, "inventory_about", []string{"term", "record"}, about)
}

// about returns what a record is looked for by.
func (p *prepared) about() []string {
	var terms []string
	for _, d := range p.artifact.Digests {
		terms = append(terms, d.String())
	}
	if p.artifact.Name != "" {
		terms = append(terms, "name:"+p.artifact.Name)
	}
	if !p.build.Commit.IsZero() {
		terms = append(terms, "commit:"+p.build.Commit.String())
	}
	return terms
}

func attestedCode(c Contents) int64 {
	switch c {
	case Attested:
		return 2
	case Unattested:
		return 1
	}
	return 0
}
