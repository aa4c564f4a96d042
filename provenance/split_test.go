package provenance_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		subjects, size int
		want           string // the numbers of subjects
	}{
		{1, 0, "[1]"},
		{1024, 0, "[1024]"},
		{1025, 0, "[1024 1]"},
		{10_000, 0, "[1024 1024 1024 1024 1024 1024 1024 1024 1024 784]"},
		{5, 2, "[2 2 1]"},
		{5, 1, "[1 1 1 1 1]"},
		{5, provenance.MaxSubjects, "[5]"},
	} {
		s := release(t, c.subjects)
		parts, err := s.Split(c.size)
		if err != nil {
			t.Errorf("%d by %d: %v", c.subjects, c.size, err)
			continue
		}
		var sizes []int
		names := make(map[string]bool)
		for _, p := range parts {
			sizes = append(sizes, len(p.Subjects))
			for _, d := range p.Subjects {
				names[d.Name] = true
			}
			// Each is read by itself, and says the same.
			back, err := provenance.Parse(marshal(t, p))
			if err != nil {
				t.Fatal(err)
			}
			if back.PredicateType != s.PredicateType || !bytes.Equal(back.Predicate, s.Predicate) {
				t.Errorf("%d by %d: a part says another thing", c.subjects, c.size)
			}
		}
		if got := fmt.Sprint(sizes); got != c.want || len(names) != c.subjects {
			t.Errorf("%d by %d: got %s with %d names, want %s", c.subjects, c.size, got, len(names), c.want)
		}
	}
}

// More subjects than one statement can have.
func TestSplitMany(t *testing.T) {
	s := release(t, provenance.MaxSubjects)
	more := s.Subjects[0]
	more.Name = "zz"
	s.Subjects = append(s.Subjects, more)
	parts, err := s.Split(provenance.MaxSubjects)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != 2 || len(parts[1].Subjects) != 1 || parts[1].Subjects[0].Name != "zz" {
		t.Errorf("got %d parts", len(parts))
	}
}

func TestSplitOrder(t *testing.T) {
	s := release(t, 3000)
	all := func() []byte {
		parts, err := s.Split(0)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, p := range parts {
			b = append(append(b, marshal(t, p)...), '\n')
		}
		return b
	}
	want := all()
	r := rand.New(rand.NewSource(1))
	for range 20 {
		r.Shuffle(len(s.Subjects), func(i, j int) { s.Subjects[i], s.Subjects[j] = s.Subjects[j], s.Subjects[i] })
		before := slices.Clone(s.Subjects)
		if !bytes.Equal(all(), want) {
			t.Fatal("the order of the subjects shows")
		}
		if s.Subjects[0].Name != before[0].Name {
			t.Fatal("the statement was changed")
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	two := []hallmark.Artifact{
		{Name: "a", Digests: []hallmark.Digest{digest(t, "sha256:"+strings.Repeat("a", 64))}},
		{Name: "b", Digests: []hallmark.Digest{digest(t, "sha256:"+strings.Repeat("b", 64))}},
	}
	rel, err := (&provenance.Release{PURL: "pkg:generic/app@1.0"}).Statement(two...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rel.Split(2); err != nil {
		t.Errorf("a release that is not split: %v", err)
	}
	// The names are in different parts.
	same := release(t, 3)
	same.Subjects[2].Name = same.Subjects[0].Name
	weak := release(t, 3)
	weak.Subjects[1].Digest = provenance.DigestSet{"md5": strings.Repeat("a", 32)}
	link := *rel
	link.PredicateType = provenance.LinkType
	for _, c := range []struct {
		name string
		s    *provenance.Statement
		size int
		want string
	}{
		{"a link", &link, 1, "about all of them together"},
		{"a release", rel, 1, "about all of them together"},
		{"one name", same, 1, "two subjects are named"},
		{"md5", weak, 1, "broken or unknown algorithms"},
		{"size", release(t, 1), -1, "want 1 to"},
		{"size", release(t, 1), provenance.MaxSubjects + 1, "want 1 to"},
		{"none", &provenance.Statement{PredicateType: "https://example.com/x"}, 1, "no subject"},
	} {
		parts, err := c.s.Split(c.size)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %d parts and %v, want %s", c.name, len(parts), err, c.want)
		}
	}
}

func marshal(t *testing.T, s *provenance.Statement) []byte {
	t.Helper()
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkSplit(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := release(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Split(0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subject")
		})
	}
}

func ExampleStatement_Split() {
	var files []hallmark.Artifact
	for i := range 2500 {
		d, _ := hallmark.ParseDigest(fmt.Sprintf("sha256:%064x", i))
		files = append(files, hallmark.Artifact{Name: fmt.Sprintf("file%04d", i), Digests: []hallmark.Digest{d}})
	}
	s, err := provenance.New("https://example.com/review/v1", map[string]string{"result": "good"}, files...)
	if err != nil {
		panic(err)
	}
	parts, err := s.Split(0)
	if err != nil {
		panic(err)
	}
	for _, p := range parts {
		fmt.Println(len(p.Subjects), p.Subjects[0].Name)
	}
	// Output:
	// 1024 file0000
	// 1024 file1024
	// 452 file2048
}
