package provenance_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// sizes are numbers of subjects. Time and memory of each benchmark must not grow
// faster than they do.
func sizes() []int { return []int{1_000, 10_000, 100_000} }

// release returns a statement about n artifacts in no order. n has no divisor in
// common with the prime.
func release(tb testing.TB, n int) *provenance.Statement {
	tb.Helper()
	artifacts := make([]hallmark.Artifact, n)
	for i := range artifacts {
		artifacts[i*7919%n] = hallmark.Artifact{
			Name:    fmt.Sprintf("dist/app_%06d.tar.gz", i),
			Digests: []hallmark.Digest{digest(tb, fmt.Sprintf("sha256:%064x", i))},
		}
	}
	s, err := provenance.Local(provenance.Source{Repository: "https://example.com/r"}).Statement(artifacts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkMarshal(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := release(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Marshal(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subject")
		})
	}
}

// BenchmarkMarshalUnnamed is about subjects that their digests alone tell apart.
func BenchmarkMarshalUnnamed(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := release(b, n)
			for i := range s.Subjects {
				s.Subjects[i].Name = ""
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Marshal(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subject")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			data, err := release(b, n).Marshal()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := provenance.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subject")
		})
	}
}

// BenchmarkParseBuild is about as many dependencies.
func BenchmarkParseBuild(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			build := provenance.Local(provenance.Source{Repository: "https://example.com/r"})
			for i := range n - 1 { // the source is one too
				build.Dependencies = append(build.Dependencies, provenance.ResourceDescriptor{
					URI:    fmt.Sprintf("pkg:golang/example.com/m%06d@v1.0.0", i),
					Digest: provenance.DigestSet{"dirHash": fmt.Sprintf("%064x", i)},
				})
			}
			s, err := build.Statement(hallmark.Artifact{Name: "app", Digests: []hallmark.Digest{digest(b, "sha256:"+shaA)}})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(s.Predicate)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := provenance.ParseBuild(s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/dependency")
		})
	}
}

func BenchmarkLint(b *testing.B) {
	for _, n := range sizes() {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			data, err := release(b, n).Marshal()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if ps := provenance.Lint(data); ps != nil {
					b.Fatal(ps)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/subject")
		})
	}
}
