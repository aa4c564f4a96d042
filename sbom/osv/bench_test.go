package osv_test

import (
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/osv"
)

func BenchmarkAffects(b *testing.B) {
	a, err := osv.Parse([]byte(advisory))
	if err != nil {
		b.Fatal(err)
	}
	c := program().Components[1]
	for b.Loop() {
		a.Affects(&c)
	}
}
