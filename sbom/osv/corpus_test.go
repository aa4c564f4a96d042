package osv_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// goDB is the snapshot of the Go vulnerability database.
func goDB(t *testing.T) *osv.DB {
	dir := os.Getenv("HALLMARK_CORPUS")
	if dir == "" {
		t.Skip("HALLMARK_CORPUS is not set: it names the directory of the documents to judge by")
	}
	db, err := osv.ReadDB(os.DirFS(filepath.Join(dir, "govulndb")))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestGoDB(t *testing.T) {
	n := 0
	for a, err := range goDB(t).All() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if u := a.Unknown(); len(u) > 0 {
			t.Errorf("%s: %q", a.ID, u)
		}
	}
	if n != 4291 {
		t.Errorf("%d advisories, want 4291", n)
	}
}
