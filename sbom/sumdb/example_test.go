package sumdb_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/hallmark-dev/hallmark/sbom/sumdb"
)

// The verifier key of the database in testdata.
const exampleKey = "sum.example.com+62790267+AfMRJPFrrRvEksvgPjC0svpJphmEkkNYsQT7GLVFVfMd"

// The directories stand for cache/download/sumdb in the module cache, and for
// pkg/sumdb in GOPATH. For the database of the go command the key is left out.
func ExampleOpen() {
	db, err := sumdb.Open(os.DirFS("testdata/cache"), sumdb.Options{
		Key:    exampleKey,
		Config: os.DirFS("testdata/config"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(db.Name())
	// Output: sum.example.com
}

func ExampleDatabase_Verify() {
	db, err := sumdb.Open(os.DirFS("testdata/cache"), sumdb.Options{Key: exampleKey})
	if err != nil {
		log.Fatal(err)
	}
	const sum = "h1:0WTZeeveBdYt+3+UyGj7IH6b6YWjYgHMhUc9axA84Po=" // as in go.sum
	for _, m := range []struct{ version, sum string }{
		{"v1.2.3", sum},
		{"v1.2.3", "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{"v1.2.4", sum},
	} {
		err := db.Verify(context.Background(), "example.com/lib", m.version, m.sum, "")
		_, security := errors.AsType[*sumdb.SecurityError](err)
		missing, notCached := errors.AsType[*sumdb.NotCachedError](err)
		switch {
		case err == nil:
			fmt.Println("proved")
		case security:
			fmt.Println("stop:", err)
		case notCached:
			fmt.Println("cannot tell without", missing.File)
		default:
			log.Fatal(err)
		}
	}
	// Output:
	// proved
	// stop: checksum database: example.com/lib@v1.2.3: the module has the sum h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, the database has h1:0WTZeeveBdYt+3+UyGj7IH6b6YWjYgHMhUc9axA84Po=
	// cannot tell without lookup/example.com/lib@v1.2.4
}

func ExampleDatabase_Lookup() {
	db, err := sumdb.Open(os.DirFS("testdata/cache"), sumdb.Options{Key: exampleKey})
	if err != nil {
		log.Fatal(err)
	}
	r, err := db.Lookup(context.Background(), "example.com/lib", "v1.2.3")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("record", r.ID, "of", r.TreeSize)
	fmt.Println(r.Sum)
	fmt.Println(r.GoModSum)
	// Output:
	// record 6 of 7
	// h1:0WTZeeveBdYt+3+UyGj7IH6b6YWjYgHMhUc9axA84Po=
	// h1:J9aBuZmDaivp5UZjYUFwyv6z0OwdnHwEZVypI6nIGaM=
}
