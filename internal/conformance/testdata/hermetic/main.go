// Hermetic prints the Document of a Go program, from a binary or from the
// packages in a directory. TestGoModHermetic looks at what it links and does.
package main

import (
	"context"
	"log"
	"os"

	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

func main() {
	var doc *sbom.Document
	var err error
	if packages := os.Args[2:]; len(packages) > 0 {
		doc, err = gomod.Load(context.Background(), os.Args[1], gomod.Options{Getenv: os.Getenv, Packages: packages})
	} else {
		doc, err = readBinary(os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
	data, err := cyclonedx.Marshal(doc, sbom.Stamp{})
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(data)
}

func readBinary(name string) (*sbom.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return gomod.ReadBinary(f, gomod.BinaryOptions{})
}
