// Emit reads statements, one per line, and writes each as it is written again:
// the statement, and the one that its Build makes if it has one. The test that
// builds it compares what differently built programs write.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, provenance.MaxStatementSize)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		s, err := provenance.Parse(in.Bytes())
		if err != nil {
			log.Fatal(err)
		}
		write(out, s)
		b, err := provenance.ParseBuild(s)
		if err != nil {
			fmt.Fprintln(out, err)
			continue
		}
		var subjects []hallmark.Artifact
		for _, d := range s.Subjects {
			subjects = append(subjects, hallmark.Artifact{Name: d.Name, Digests: d.Digest.Digests()})
		}
		again, err := b.Statement(subjects...)
		if err != nil {
			fmt.Fprintln(out, err)
			continue
		}
		write(out, again)
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
}

func write(out *bufio.Writer, s *provenance.Statement) {
	payload, err := s.Marshal()
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	fmt.Fprintf(out, "%s\n", payload)
}
