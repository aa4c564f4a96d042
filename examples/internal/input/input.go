// Package input tells what the example programs are given to describe: a
// directory, a binary or a document of any format.
package input

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
)

// MaxDocument is how many bytes a document may have that is read.
const MaxDocument = 256 << 20

// A Kind is what an argument is.
type Kind string

const (
	Directory Kind = "directory"
	Binary    Kind = "binary"
	Document  Kind = "document"
)

// KindOf looks at the first bytes of a file: a binary has a zero among them, and a
// text has none, unless it is in UTF-16 and says so.
func KindOf(path string) (Kind, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if info.IsDir() {
		return Directory, nil
	}
	var first [1 << 10]byte
	n, err := io.ReadFull(f, first[:])
	switch text := string(first[:n]); {
	case err == io.EOF:
		return "", fmt.Errorf("%s: empty file", path)
	case err != nil && err != io.ErrUnexpectedEOF:
		return "", err
	case strings.Contains(text, "\x00") && !strings.HasPrefix(text, "\xff\xfe") && !strings.HasPrefix(text, "\xfe\xff"):
		return Binary, nil
	}
	return Document, nil
}

// ReadDocument reads a document of any format.
func ReadDocument(path string) (*sbom.Document, sbom.Stamp, error) {
	data, err := cli.ReadFile(path, MaxDocument)
	if err != nil {
		return nil, sbom.Stamp{}, err
	}
	f, err := sbom.Detect(data)
	if err != nil {
		if text := strings.TrimLeft(string(data[:min(len(data), 1<<10)]), " \t\r\n"); !strings.HasPrefix(text, "{") {
			return nil, sbom.Stamp{}, fmt.Errorf("%s: neither a Go binary nor a JSON document: %w", path, err)
		}
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", path, err)
	}
	parse := cyclonedx.Parse
	if f.Name == sbom.SPDX {
		parse = spdx.Parse
	}
	doc, stamp, err := parse(data)
	if err != nil {
		return nil, sbom.Stamp{}, fmt.Errorf("%s: %w", path, err)
	}
	return doc, stamp, nil
}
