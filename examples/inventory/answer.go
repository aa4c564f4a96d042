package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom/inventory"
)

// An output prints answers: a table for people, or with -json one object on each line.
type output struct {
	json  bool
	lines *bufio.Writer
	table *tabwriter.Writer
}

func (c *common) output(columns ...string) *output {
	o := &output{json: c.json, lines: bufio.NewWriter(os.Stdout)}
	if !o.json {
		o.table = tabwriter.NewWriter(o.lines, 0, 0, 2, ' ', 0)
		o.head = columns
	}
	return o
}

// row prints an answer. What others wrote in it is printable afterwards.
func (o *output) row(object any, cells ...string) error {
	if o.json {
		return json.NewEncoder(o.lines).Encode(object)
	}
	if o.head != nil {
		fmt.Fprintln(o.table, strings.Join(o.head, "\t"))
		o.head = nil
	}
	for i, c := range cells {
		if cells[i] = cli.Printable(c); c == "" {
			cells[i] = "-"
		}
	}
	_, err := fmt.Fprintln(o.table, strings.Join(cells, "\t"))
	return err
}

// end prints what is behind the table: a sentence for people.
func (o *output) end(object any, format string, a ...any) error {
	if o.json {
		if object != nil {
			if err := json.NewEncoder(o.lines).Encode(object); err != nil {
				return err
			}
		}
		return o.lines.Flush()
	}
	if err := o.table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(o.lines, format+"\n", a...)
	return o.lines.Flush()
}
