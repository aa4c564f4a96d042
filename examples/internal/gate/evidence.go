package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/sign"
)

const (
	// maxEvidence is the size of a file of evidence, and of all files of a
	// directory that are read, in bytes.
	maxEvidence = 256 << 20

	// maxEntries is how many files a directory with evidence may have.
	maxEntries = 10_000
)

// An evidence is what a policy is to decide over.
type evidence struct {
	envelopes []*sign.Envelope
	skipped   []error // what is none
}

// suffixes are those of files that have evidence, and nothing else.
func suffixes() []string { return []string{".intoto.jsonl", ".sigstore.json", ".sigstore.jsonl"} }

// IsEvidence reports whether a file of this name has evidence, and nothing else.
func IsEvidence(name string) bool {
	return slices.ContainsFunc(suffixes(), func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// ReadEvidence reads files, and directories as [evidence.readDir] does. skipped is why
// what else is there is no evidence.
func ReadEvidence(paths []string) (envelopes []*sign.Envelope, skipped []error, err error) {
	ev := new(evidence)
	for _, path := range paths {
		if err := ev.read(path); err != nil {
			return nil, nil, err
		}
	}
	return ev.envelopes, ev.skipped, nil
}

// evidence returns the evidence of the artifact that an argument names.
func (o *Options) evidence(ctx context.Context, name string) (*evidence, error) {
	switch {
	case len(o.Evidence) > 0:
		if o.given == nil {
			ev := new(evidence)
			var err error
			if ev.envelopes, ev.skipped, err = ReadEvidence(o.Evidence); err != nil {
				return nil, err
			}
			o.given = ev
		}
		return o.given, nil
	case isDigest(name):
		return nil, fmt.Errorf("%s: a digest needs -evidence", name)
	case isImage(name):
		p := cli.NewProgress()
		defer p.Stop()
		p.Step("fetching what is attached to %s", cli.Printable(name))
		ev := new(evidence)
		var err error
		ev.envelopes, ev.skipped, err = o.means.Find(ctx, name, o.PlainHTTP)
		return ev, err
	}
	ev, found := new(evidence), false
	var missing error
	for _, suffix := range suffixes() {
		switch err := ev.readFile(name + suffix); {
		case err == nil:
			found = true
		case errors.Is(err, fs.ErrNotExist):
			missing = cmp.Or(missing, err)
		default:
			return nil, err
		}
	}
	if !found {
		return nil, fmt.Errorf("%s: no -evidence, and beside it neither %s: %w", name, strings.Join(suffixes(), " nor "), missing)
	}
	return ev, nil
}

// read adds what is in a file or a directory.
func (ev *evidence) read(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return ev.readDir(path)
	}
	return ev.readFile(path)
}

func (ev *evidence) readFile(path string) error {
	data, err := cli.ReadFile(path, maxEvidence)
	if err != nil {
		return err
	}
	return ev.add(path, data)
}

// add adds what is in the file path, which is data.
func (ev *evidence) add(path string, data []byte) error {
	envelopes, skipped, err := sign.ParseLines(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ev.envelopes = append(ev.envelopes, envelopes...)
	for _, err := range skipped {
		ev.skipped = append(ev.skipped, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// readDir adds what is in the files of a directory that have evidence by their names,
// and in those *.json files that are an envelope or a bundle, in the order of the names.
// Directories in it are passed over. A file of such a name that is no regular file, such as
// a symbolic link, is an error: what is in it may be elsewhere.
func (ev *evidence) readDir(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	list, err := root.Open(".")
	if err != nil {
		return err
	}
	defer list.Close()
	entries, err := list.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(entries) > maxEntries {
		return fmt.Errorf("%s: more than %d files: name those with evidence", dir, maxEntries)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	total, found := 0, false
	var others []string // *.json files that are none
	for _, e := range entries {
		name := e.Name()
		sure := IsEvidence(name)
		if e.IsDir() || !sure && !strings.HasSuffix(name, ".json") {
			continue
		}
		path := filepath.Join(dir, name)
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s: not a regular file: name it with -evidence if it is evidence", path)
		}
		data, err := readIn(root, name, maxEvidence-total)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		total += len(data)
		if !sure {
			env, err := sign.Parse(data)
			if err != nil {
				others = append(others, name)
				continue
			}
			ev.envelopes = append(ev.envelopes, env)
		} else if err := ev.add(path, data); err != nil {
			return err
		}
		found = true
	}
	if n := len(others); n > 0 {
		more := ""
		if n > 5 {
			others, more = others[:5], fmt.Sprintf(" and %d more", n-5)
		}
		ev.skipped = append(ev.skipped, fmt.Errorf("%s: no envelopes: %s%s", dir, strings.Join(others, ", "), more))
	} else if !found {
		return fmt.Errorf("%s: no file with evidence", dir)
	}
	return nil
}

// readIn returns what is in a file of a directory, of which at most limit bytes are
// read.
func readIn(root *os.Root, name string, limit int) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s: with it, more than %d bytes: name the files with evidence", name, maxEvidence)
	}
	return data, err
}
