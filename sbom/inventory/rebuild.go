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
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// RebuildOptions say what has to be rebuilt. The zero value is all builds there are of
// what is affected. Deployed and Latest leave out builds that nobody needs any more;
// with both, a build is needed if one of them says so.
type RebuildOptions struct {
	// Deployed is what runs now, and what that took in.
	Deployed bool

	// Latest is the last build of each name, and what that took in. A name whose last
	// build is not affected needs none. It is the run that finished last, with all
	// that it made under that name. A build that has no name, or of which no time is
	// known, counts as a last one.
	Latest bool
}

// A Step is an artifact to rebuild, as [Inventory.Rebuild] has it.
type Step struct {
	// Round is from 1 on: what is in one can be built at once, when all rounds before
	// it are done.
	Round int

	// Entry says what it is and, by its Build, from what, by which workflow and where.
	// The digest that the artifact goes by in other Steps is [Entry.Digest].
	Entry Entry

	// Asked reports whether it is one of those that were asked for. Others are there
	// for what they took in.
	Asked bool

	// After are the artifacts that it took in and that are in rounds before, sorted.
	After []hallmark.Digest

	// Circle are others in its round that it took in, directly or not, and that took
	// it in: evidence that cannot all be true of builds, but of names. Which of them is
	// first, somebody has to decide. Sorted.
	Circle []hallmark.Digest

	// Outside are digests that were asked for, that it took in, and of which no
	// artifact in the inventory is: others have to rebuild those. Sorted.
	Outside []hallmark.Digest
}

// Digest is the digest that the artifact of e goes by where there is room for one: its
// sha256, or else the first for which [hallmark.Digest.Secure] holds.
func (e *Entry) Digest() hallmark.Digest { return identity(e.Artifact) }

func identity(a hallmark.Artifact) hallmark.Digest {
	if d := a.Digest("sha256"); !d.IsZero() {
		return d
	}
	for _, d := range a.Digests {
		if d.Secure() {
			return d
		}
	}
	return hallmark.Digest{}
}

// Rebuild returns in which order what is affected has to be rebuilt: the artifacts with
// the digests, those whose builds took one of them in, those that took in one of these,
// and so on. An artifact took another in if that is an input of its build, or a component
// with a digest of it. Steps are sorted by Round, name and digest.
//
// What has been taken in and is of no artifact in the inventory ends a way: nothing is
// known of what it is made of. More than MaxSteps are an error.
func (v *Inventory) Rebuild(ctx context.Context, o RebuildOptions, digests ...hallmark.Digest) ([]Step, error) {
	for _, d := range digests {
		if d.IsZero() {
			return nil, errors.New("inventory: rebuild: a zero digest")
		}
	}
	var steps []Step
	err := v.view(ctx, func(s *session) error {
		c, err := closeOver(ctx, s, digests)
		if err != nil {
			return err
		}
		steps, err = c.steps(ctx, s, o)
		return err
	})
	return steps, err
}

// A ledger is what the order of rebuilding is found in.
type ledger interface {
	// find returns the records of the artifacts with each digest.
	find(ctx context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error)

	// usedBy returns the records of the artifacts that took in what has each digest.
	usedBy(ctx context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error)

	// entriesOf returns the entries of records, sorted as these are.
	entriesOf(ctx context.Context, ids []int64) iter.Seq2[Entry, error]

	// running returns the digests of what runs now.
	running(ctx context.Context) (map[hallmark.Digest]bool, error)

	// last returns when the last build of each name finished, and the runs that did then.
	last(ctx context.Context, names []string) (map[string]lastBuild, error)
}

type lastBuild struct {
	finished time.Time
	runs     []string
}

// has reports whether e is of the last build of its name.
func (l *lastBuild) has(e *Entry) bool {
	return e.Artifact.Name == "" || e.Build.Finished.IsZero() || !e.Build.Finished.Before(l.finished) ||
		e.Build.Run != "" && slices.Contains(l.runs, e.Build.Run)
}

// running returns the digests of what runs now.
func (s *session) running(ctx context.Context) (map[hallmark.Digest]bool, error) {
	runs := make(map[hallmark.Digest]bool)
	err := s.query(ctx, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		d, err := hallmark.ParseDigest(text)
		if err != nil {
			return fmt.Errorf("%w: a deployment: %w", errDamaged, err)
		}
		runs[d] = true
		return nil
	}, "SELECT DISTINCT digest FROM inventory_deployment WHERE until = 0")
	return runs, err
}

// last returns when the last build of each name finished, and the runs that did then.
func (s *session) last(ctx context.Context, names []string) (map[string]lastBuild, error) {
	last := make(map[string]lastBuild)
	for some := range slices.Chunk(names, inlineLimit) {
		in := "IN (" + list(len(some)) + ")"
		var values []any
		for _, name := range slices.Concat(some, some) {
			values = append(values, "name:"+name)
		}
		var ids []int64
		err := s.query(ctx, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT r.id FROM inventory_about a JOIN inventory_record r ON r.id = a.record JOIN "+
			"(SELECT b.term AS term, MAX(q.built) AS built FROM inventory_about b JOIN inventory_record q ON q.id = b.record WHERE b.term "+in+" GROUP BY b.term) m "+
			"ON m.term = a.term AND m.built = r.built WHERE a.term "+in, values...)
		if err != nil {
			return nil, err
		}
		slices.Sort(ids)
		for e, err := range s.entriesOf(ctx, slices.Compact(ids)) {
			if err != nil {
				return nil, err
			}
			b := last[e.Artifact.Name]
			b.finished = e.Build.Finished
			if e.Build.Run != "" {
				b.runs = append(b.runs, e.Build.Run)
			}
			last[e.Artifact.Name] = b
		}
	}
	return last, nil
}

// A closure is what is asked for, and all that took it in, directly or not.
type closure struct{ nodes []*node }

// A node is an artifact of a closure, with all its records.
type node struct {
	entry   Entry // of its first record
	digests []hallmark.Digest
	asked   bool
	inputs  []int32           // nodes that it took in, sorted
	outside []hallmark.Digest // that were asked for, of no node, and that it took in, sorted
}

// closeOver returns the closure of the digests.
func closeOver(ctx context.Context, l ledger, digests []hallmark.Digest) (*closure, error) {
	c := new(closure)
	byRecord := make(map[int64]int32)           // the node of each record
	byDigest := make(map[hallmark.Digest]int32) // and of each digest
	users := make(map[hallmark.Digest][]int64)  // records of what took in what has it

	queue := sortDigests(slices.Clone(digests)) // to be asked for
	asked := make(map[hallmark.Digest]bool)
	for len(queue) > 0 {
		found, err := l.find(ctx, queue)
		if err != nil {
			return nil, err
		}
		took, err := l.usedBy(ctx, queue)
		if err != nil {
			return nil, err
		}
		var ids []int64
		for _, d := range queue {
			asked[d] = true
		}
		for _, list := range []map[hallmark.Digest][]int64{found, took} {
			for _, d := range queue {
				for _, id := range list[d] {
					if _, ok := byRecord[id]; !ok {
						ids = append(ids, id)
					}
				}
			}
		}
		maps.Copy(users, took)
		slices.Sort(ids)
		queue = nil
		for e, err := range l.entriesOf(ctx, slices.Compact(ids)) {
			if err != nil {
				return nil, err
			}
			i := int32(-1)
			for _, d := range e.Artifact.Digests {
				if n, ok := byDigest[d]; ok && d.Secure() {
					i = n
					break
				}
			}
			if i < 0 {
				if len(c.nodes) == MaxSteps {
					return nil, fmt.Errorf("inventory: rebuild: more than %d artifacts: ask for fewer", MaxSteps)
				}
				i = int32(len(c.nodes))
				c.nodes = append(c.nodes, &node{entry: e})
			}
			byRecord[e.id] = i
			for _, d := range e.Artifact.Digests {
				if _, ok := byDigest[d]; !ok {
					byDigest[d] = i
					c.nodes[i].digests = append(c.nodes[i].digests, d)
					queue = append(queue, d)
				}
			}
		}
		queue = sortDigests(slices.DeleteFunc(queue, func(d hallmark.Digest) bool { return asked[d] }))
	}

	for d, ids := range users {
		made, ok := byDigest[d]
		for _, id := range ids {
			switch user := byRecord[id]; {
			case !ok:
				c.nodes[user].outside = append(c.nodes[user].outside, d)
			case user != made: // nothing waits for itself
				c.nodes[user].inputs = append(c.nodes[user].inputs, made)
			}
		}
	}
	for _, d := range digests {
		if i, ok := byDigest[d]; ok {
			c.nodes[i].asked = true
		}
	}
	for _, n := range c.nodes {
		slices.Sort(n.inputs)
		n.inputs = slices.Compact(n.inputs)
		n.outside = sortDigests(n.outside)
	}
	return c, nil
}

// steps returns in which order what the options ask for has to be rebuilt.
func (c *closure) steps(ctx context.Context, l ledger, o RebuildOptions) ([]Step, error) {
	needed, err := c.needed(ctx, l, o)
	if err != nil {
		return nil, err
	}
	inputs := make([][]int32, len(c.nodes))
	for i, n := range c.nodes {
		if needed[i] {
			inputs[i] = n.inputs
		}
	}
	rounds, circles := order(inputs)
	members := make(map[int32][]int32)
	for i, circle := range circles {
		members[circle] = append(members[circle], int32(i))
	}
	var steps []Step
	for i, n := range c.nodes {
		if !needed[i] {
			continue
		}
		step := Step{Round: rounds[i], Entry: n.entry, Asked: n.asked, Outside: n.outside}
		for _, in := range n.inputs {
			if circles[in] != circles[i] {
				step.After = append(step.After, c.nodes[in].entry.Digest())
			}
		}
		for _, other := range members[circles[i]] {
			if other != int32(i) {
				step.Circle = append(step.Circle, c.nodes[other].entry.Digest())
			}
		}
		step.After, step.Circle = sortDigests(step.After), sortDigests(step.Circle)
		steps = append(steps, step)
	}
	slices.SortFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Round, b.Round), strings.Compare(a.Entry.Title(), b.Entry.Title()), compareDigests(a.Entry.Digest(), b.Entry.Digest()))
	})
	return steps, nil
}

// needed reports for each node whether the options ask for it, or one that they ask for
// took it in.
func (c *closure) needed(ctx context.Context, l ledger, o RebuildOptions) ([]bool, error) {
	needed := make([]bool, len(c.nodes))
	var marked []int32
	mark := func(i int32) {
		if !needed[i] {
			needed[i] = true
			marked = append(marked, i)
		}
	}
	if o.Deployed {
		running, err := l.running(ctx)
		if err != nil {
			return nil, err
		}
		for i, n := range c.nodes {
			if slices.ContainsFunc(n.digests, func(d hallmark.Digest) bool { return running[d] }) {
				mark(int32(i))
			}
		}
	}
	if o.Latest {
		names := make(map[string]bool)
		for _, n := range c.nodes {
			names[n.entry.Artifact.Name] = true
		}
		delete(names, "")
		last, err := l.last(ctx, slices.Sorted(maps.Keys(names)))
		if err != nil {
			return nil, err
		}
		for i, n := range c.nodes {
			if build := last[n.entry.Artifact.Name]; build.has(&n.entry) {
				mark(int32(i))
			}
		}
	}
	if o == (RebuildOptions{}) {
		for i := range c.nodes {
			mark(int32(i))
		}
	}
	for len(marked) > 0 {
		n := c.nodes[marked[len(marked)-1]]
		marked = marked[:len(marked)-1]
		for _, in := range n.inputs {
			mark(in)
		}
	}
	return needed, nil
}

// order returns for each node the round that it is in: 1 if it has no inputs, or else the
// one after the last of those of its inputs. Nodes that are inputs of one another,
// directly or not, are in one round, and have the same circle, which no other node has.
//
// It is the algorithm of Tarjan (Depth-first search and linear graph algorithms, 1972),
// which completes a circle when all that it can reach is complete.
func order(inputs [][]int32) (rounds []int, circles []int32) {
	rounds, circles = make([]int, len(inputs)), make([]int32, len(inputs))
	index := make([]int32, len(inputs)) // in which the nodes were come to, from 1
	low := make([]int32, len(inputs))   // the least index that can be reached
	var open []int32                    // nodes whose circle is not complete
	type visit struct {
		node int32
		next int // of its inputs
	}
	count := int32(0)
	for root := range inputs {
		if index[root] != 0 {
			continue
		}
		path := []visit{{node: int32(root)}}
		for len(path) > 0 {
			at := &path[len(path)-1]
			n := at.node
			if at.next == 0 && index[n] == 0 {
				count++
				index[n], low[n] = count, count
				open = append(open, n)
			}
			if at.next < len(inputs[n]) {
				in := inputs[n][at.next]
				at.next++
				if index[in] == 0 {
					path = append(path, visit{node: in})
				} else if rounds[in] == 0 { // it is open
					low[n] = min(low[n], index[in])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				before := path[len(path)-1].node
				low[before] = min(low[before], low[n])
			}
			if low[n] != index[n] {
				continue
			}
			// n and what was come to after it are a circle.
			first, round := len(open)-1, 1
			for open[first] != n {
				first--
			}
			for _, member := range open[first:] {
				for _, in := range inputs[member] {
					round = max(round, rounds[in]+1) // 0 within the circle
				}
			}
			for _, member := range open[first:] {
				rounds[member], circles[member] = round, n
			}
			open = open[:first]
		}
	}
	return rounds, circles
}

func compareDigests(a, b hallmark.Digest) int { return strings.Compare(a.String(), b.String()) }

// sortDigests sorts list, and leaves out what is there twice.
func sortDigests(list []hallmark.Digest) []hallmark.Digest {
	slices.SortFunc(list, compareDigests)
	return slices.Compact(list)
}
