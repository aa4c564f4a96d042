package inspect

import (
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
	"github.com/hallmark-dev/hallmark/verify"
)

// BenchmarkInspect asks of SBOMs of three sizes: the first question, for which the SBOM
// is parsed, and each that follows.
func BenchmarkInspect(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		i := info()
		for k := range n {
			i.Deps = append(i.Deps, &debug.Module{Path: fmt.Sprintf("example.com/m%d", k), Version: "v1.0.0", Sum: sum0})
		}
		d, err := gomod.FromBuildInfo(i, gomod.BinaryOptions{})
		if err != nil {
			b.Fatal(err)
		}
		a, s := app(b), statement(b, d, provenance.CycloneDXType)
		run := func(name string, fresh bool, q verify.Question) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(s.Predicate)))
				b.ReportAllocs()
				one := inspector(b, Options{}, d)
				for b.Loop() {
					if fresh {
						one = inspector(b, Options{}, d)
					}
					if _, err := one.Inspect(b.Context(), a, s, q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("first", true, verify.Question{Rule: verify.RuleVersion, Version: "v1.2.0"})
		run("version", false, verify.Question{Rule: verify.RuleVersion, Version: "v1.2.0"})
		run("minimum", false, verify.Question{Rule: verify.RuleMinimum, Profile: "cisa-2026"})
		run("build-info", false, verify.Question{Rule: verify.RuleBuildInfo})
		run("age", false, verify.Question{Rule: verify.RuleDependencyAge, MinAge: time.Hour, Now: time.Unix(1.8e9, 0)})
	}
}
