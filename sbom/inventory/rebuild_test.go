package inventory

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// A fakeLedger has records of artifacts, each with what it took in.
type fakeLedger struct {
	records []Entry // with the ids 1, 2, …
	took    [][]hallmark.Digest
	runs    map[hallmark.Digest]bool
	asked   map[hallmark.Digest]int // by usedBy
}

// numbered returns a digest that is told by its last digits.
func numbered(n int) hallmark.Digest {
	d, err := hallmark.ParseDigest(fmt.Sprintf("sha256:%064d", n))
	if err != nil {
		panic(err)
	}
	return d
}

// add adds a record of the artifact n, which took in others.
func (l *fakeLedger) add(name string, n int, finished time.Time, run string, took ...int) *Entry {
	e := Entry{Artifact: hallmark.Artifact{Name: name, Digests: []hallmark.Digest{numbered(n)}}, id: int64(len(l.records) + 1)}
	e.Build.Finished, e.Build.Run = finished, run
	var digests []hallmark.Digest
	for _, n := range took {
		digests = append(digests, numbered(n))
	}
	l.records, l.took = append(l.records, e), append(l.took, digests)
	return &l.records[len(l.records)-1]
}

func (l *fakeLedger) find(_ context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error) {
	found := make(map[hallmark.Digest][]int64)
	for _, d := range digests {
		for i := range l.records {
			if slices.Contains(l.records[i].Artifact.Digests, d) {
				found[d] = append(found[d], l.records[i].id)
			}
		}
	}
	return found, nil
}

func (l *fakeLedger) usedBy(_ context.Context, digests []hallmark.Digest) (map[hallmark.Digest][]int64, error) {
	found := make(map[hallmark.Digest][]int64)
	for _, d := range digests {
		if l.asked == nil {
			l.asked = make(map[hallmark.Digest]int)
		}
		l.asked[d]++
		for i := range l.records {
			if slices.Contains(l.took[i], d) {
				found[d] = append(found[d], l.records[i].id)
			}
		}
	}
	return found, nil
}

func (l *fakeLedger) entriesOf(_ context.Context, ids []int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, id := range ids {
			if !yield(l.records[id-1], nil) {
				return
			}
		}
	}
}

func (l *fakeLedger) running(context.Context) (map[hallmark.Digest]bool, error) {
	return l.runs, nil
}

func (l *fakeLedger) last(_ context.Context, names []string) (map[string]lastBuild, error) {
	last := make(map[string]lastBuild)
	for _, e := range l.records {
		b := last[e.Artifact.Name]
		switch {
		case !slices.Contains(names, e.Artifact.Name) || e.Build.Finished.Before(b.finished):
			continue
		case e.Build.Finished.After(b.finished):
			b = lastBuild{finished: e.Build.Finished}
		}
		b.runs = append(b.runs, e.Build.Run)
		last[e.Artifact.Name] = b
	}
	return last, nil
}

func (l *fakeLedger) rebuild(t testing.TB, o RebuildOptions, numbers ...int) []Step {
	t.Helper()
	var digests []hallmark.Digest
	for _, n := range numbers {
		digests = append(digests, numbered(n))
	}
	c, err := closeOver(t.Context(), l, digests)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := c.steps(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// tell writes steps for a test: "1 base!; 2 app (base)", with ! for what was asked for.
func tell(steps []Step) string {
	var all []string
	list := func(open string, digests []hallmark.Digest, end string) string {
		var names []string
		for _, d := range digests {
			names = append(names, strings.TrimLeft(d.Hex(), "0"))
		}
		if names == nil {
			return ""
		}
		return " " + open + strings.Join(names, " ") + end
	}
	for _, s := range steps {
		asked := ""
		if s.Asked {
			asked = "!"
		}
		all = append(all, fmt.Sprintf("%d %s%s%s%s%s", s.Round, strings.TrimLeft(s.Entry.Digest().Hex(), "0"), asked,
			list("(", s.After, ")"), list("<", s.Circle, ">"), list("[", s.Outside, "]")))
	}
	return strings.Join(all, "; ")
}

func TestRebuild(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n)*3600, 0).UTC() }
	for _, tt := range []struct {
		name  string
		o     RebuildOptions
		ask   []int
		build func(l *fakeLedger)
		want  string
	}{
		{"nothing", RebuildOptions{}, nil, func(l *fakeLedger) { l.add("a", 1, at(1), "") }, ""},
		{"not there", RebuildOptions{}, []int{7}, func(l *fakeLedger) { l.add("a", 1, at(1), "") }, ""},
		{"alone", RebuildOptions{}, []int{1}, func(l *fakeLedger) { l.add("a", 1, at(1), ""); l.add("b", 2, at(1), "") }, "1 1!"},
		{"a chain", RebuildOptions{}, []int{1}, func(l *fakeLedger) {
			l.add("c", 3, at(1), "", 2)
			l.add("b", 2, at(1), "", 1)
			l.add("a", 1, at(1), "")
			l.add("d", 4, at(1), "", 9)
		}, "1 1!; 2 2 (1); 3 3 (2)"},
		{"a diamond, and a short cut", RebuildOptions{}, []int{1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("b", 2, at(1), "", 1)
			l.add("c", 3, at(1), "", 1)
			l.add("d", 4, at(1), "", 3, 2, 1)
		}, "1 1!; 2 2 (1); 2 3 (1); 3 4 (1 2 3)"},
		{"from the middle", RebuildOptions{}, []int{2}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("b", 2, at(1), "", 1)
			l.add("c", 3, at(1), "", 2)
		}, "1 2!; 2 3 (2)"},
		{"all of a chain", RebuildOptions{}, []int{3, 2, 1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("b", 2, at(1), "", 1)
			l.add("c", 3, at(1), "", 2)
		}, "1 1!; 2 2! (1); 3 3! (2)"},
		{"itself", RebuildOptions{}, []int{1}, func(l *fakeLedger) { l.add("a", 1, at(1), "", 1) }, "1 1!"},
		{"a circle", RebuildOptions{}, []int{1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("b", 2, at(1), "", 1, 4)
			l.add("c", 3, at(1), "", 2)
			l.add("d", 4, at(1), "", 3)
			l.add("e", 5, at(1), "", 4)
		}, "1 1!; 2 2 (1) <3 4>; 2 3 <2 4>; 2 4 <2 3>; 3 5 (4)"},
		{"two circles", RebuildOptions{}, []int{1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "", 2)
			l.add("b", 2, at(1), "", 1)
			l.add("c", 3, at(1), "", 2, 4)
			l.add("d", 4, at(1), "", 3)
		}, "1 1! <2>; 1 2 <1>; 2 3 (2) <4>; 2 4 <3>"},
		{"from elsewhere", RebuildOptions{}, []int{8, 9}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "", 9, 8)
			l.add("b", 2, at(1), "", 1, 9)
		}, "1 1 [8 9]; 2 2 (1) [9]"},
		{"what runs", RebuildOptions{Deployed: true}, []int{1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("b", 2, at(1), "", 1)
			l.add("c", 3, at(1), "", 1)
			l.add("d", 4, at(1), "", 3)
			l.runs = map[hallmark.Digest]bool{numbered(3): true}
		}, "1 1!; 2 3 (1)"},
		{"nothing runs", RebuildOptions{Deployed: true}, []int{1}, func(l *fakeLedger) { l.add("a", 1, at(1), "") }, ""},
		{"last builds", RebuildOptions{Latest: true}, []int{1, 2}, func(l *fakeLedger) {
			l.add("base", 1, at(1), "")
			l.add("base", 2, at(2), "")
			l.add("web", 3, at(3), "", 1)
			l.add("web", 4, at(4), "", 2)
			l.add("api", 5, at(5), "", 1) // the last one took in an old base
			l.add("tool", 6, at(5), "", 1)
			l.add("tool", 7, at(6), "") // the last one is clean
		}, "1 1!; 1 2!; 2 5 (1); 2 4 (2)"},
		{"what runs, and last builds", RebuildOptions{Latest: true, Deployed: true}, []int{1, 2}, func(l *fakeLedger) {
			l.add("web", 1, at(1), "")
			l.add("web", 2, at(2), "")
			l.add("web", 3, at(3), "")
			l.add("api", 4, at(1), "", 1)
			l.runs = map[hallmark.Digest]bool{numbered(2): true}
		}, "1 1!; 1 2!; 2 4 (1)"},
		{"no name, and no time", RebuildOptions{Latest: true}, []int{1, 2, 3, 4}, func(l *fakeLedger) {
			l.add("", 1, at(1), "")
			l.add("", 2, at(2), "")
			l.add("web", 3, time.Time{}, "")
			l.add("web", 4, at(2), "")
			l.add("web", 5, at(3), "")
		}, "1 1!; 1 2!; 1 3!"},
		{"one run, several times", RebuildOptions{Latest: true}, []int{1, 2, 3}, func(l *fakeLedger) {
			l.add("app", 1, at(1), "run 1")
			l.add("app", 2, at(2), "run 2")
			l.add("app", 3, at(3), "run 2")
		}, "1 2!; 1 3!"},
		{"several records of one artifact", RebuildOptions{}, []int{1}, func(l *fakeLedger) {
			l.add("a", 1, at(1), "")
			l.add("a", 1, at(1), "")
			// One record tells of an input, and another one of another digest, by which
			// it was taken in.
			l.add("b", 2, at(1), "", 1)
			e := l.add("b", 2, at(1), "")
			e.Artifact.Digests = append(e.Artifact.Digests, numbered(22))
			l.add("c", 3, at(1), "", 22)
		}, "1 1!; 2 2 (1); 3 3 (2)"},
	} {
		var l fakeLedger
		tt.build(&l)
		if got := tell(l.rebuild(t, tt.o, tt.ask...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		for d, n := range l.asked {
			if n > 1 {
				t.Errorf("%s: %s is asked for %d times", tt.name, d, n)
			}
		}
	}
}

// Random graphs, with circles: the rounds are those that the definition has.
func TestRebuildRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := 1 + r.IntN(12)
		took := make([][]int, n)
		var l fakeLedger
		for i := range n {
			for range r.IntN(3) {
				took[i] = append(took[i], r.IntN(n))
			}
			l.add(fmt.Sprint("n", i), i+1, time.Time{}, "", increment(took[i])...)
		}
		ask := []int{r.IntN(n), r.IntN(n)}

		// What reaches what, by as many steps as there are.
		reaches := make([][]bool, n)
		for i := range n {
			reaches[i] = make([]bool, n)
			for _, in := range took[i] {
				reaches[i][in] = true
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reaches[i][j] = reaches[i][j] || reaches[i][k] && reaches[k][j]
				}
			}
		}
		in := make([]bool, n)
		for i := range n {
			in[i] = slices.Contains(ask, i) || reaches[i][ask[0]] || reaches[i][ask[1]]
		}
		var round func(i int) int
		round = func(i int) int {
			most := 1
			for member := range n { // of i's circle
				if member != i && !(reaches[i][member] && reaches[member][i]) {
					continue
				}
				for _, j := range took[member] {
					if in[j] && j != member && !reaches[j][i] {
						most = max(most, round(j)+1)
					}
				}
			}
			return most
		}
		steps := l.rebuild(t, RebuildOptions{}, increment(ask)...)
		there := 0
		for _, ok := range in {
			if ok {
				there++
			}
		}
		if len(steps) != there {
			t.Errorf("seed %d: %d steps, want %d", seed, len(steps), there)
		}
		for _, s := range steps {
			var i int
			fmt.Sscan(strings.TrimLeft(s.Entry.Digest().Hex(), "0"), &i)
			i--
			circle := 0
			for j := range n {
				if j != i && in[j] && reaches[i][j] && reaches[j][i] {
					circle++
				}
			}
			if !in[i] || s.Round != round(i) || len(s.Circle) != circle || s.Asked != slices.Contains(ask, i) {
				t.Errorf("seed %d: %s, of which %d is %v in round %d", seed, tell([]Step{s}), i+1, in[i], round(i))
			}
		}
	}
}

func increment(list []int) []int {
	var more []int
	for _, n := range list {
		more = append(more, n+1)
	}
	return more
}

// A long chain takes no time that grows with its square, and no stack.
func TestRebuildLong(t *testing.T) {
	const n = 200_000
	inputs := make([][]int32, n)
	for i := range inputs[:n-1] {
		inputs[i] = []int32{int32(i + 1)}
	}
	rounds, _ := order(inputs)
	if rounds[0] != n || rounds[n-1] != 1 {
		t.Errorf("rounds %d to %d", rounds[n-1], rounds[0])
	}
	inputs[n-1] = []int32{0}
	rounds, circles := order(inputs)
	if rounds[0] != 1 || rounds[n/2] != 1 || circles[0] != circles[n-1] {
		t.Errorf("a circle: rounds %d to %d", rounds[n-1], rounds[0])
	}
}
