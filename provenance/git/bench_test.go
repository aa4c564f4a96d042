package git_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance/git"
)

// BenchmarkInspect inspects checkouts of files of 10 kB.
func BenchmarkInspect(b *testing.B) {
	for _, n := range []int{10, 1_000} {
		b.Run(fmt.Sprintf("%d files", n), func(b *testing.B) {
			r := emptyRepository(b)
			for i := range n {
				r.write(fmt.Sprintf("%d/%d.go", i/100, i), string(bytes.Repeat([]byte(fmt.Sprintf("%09d\n", i)), 1_000)))
			}
			r.commit()
			home := b.TempDir()
			getenv := func(name string) string {
				return map[string]string{"HOME": home, "PATH": os.Getenv("PATH")}[name]
			}
			b.SetBytes(int64(n) * 10_000)
			for b.Loop() {
				if _, err := git.Inspect(b.Context(), r.dir, getenv); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
