package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// Bounds of a folder of evidence.
const (
	maxFiles  = 100_000   // files in it
	maxFile   = 64 << 20  // bytes of one
	maxFolder = 512 << 20 // bytes of all: they are kept in memory
)

// A source is where evidence is found.
type source interface {
	// find returns what is there about an image. Nothing of it is believed.
	find(ctx context.Context, image oci.Image) ([]*sign.Envelope, error)
	// state is the same for as long as find returns the same, or "" if that is
	// not known.
	state() string
}

// A folder is the evidence in the files of a directory, as they were at one time.
type folder struct {
	found   gate.Index
	content string // SHA-256 of all names and bytes
	files   int
	skipped int  // files and lines
	unread  bool // a file could not be read, and may be some day
}

func (f *folder) find(_ context.Context, image oci.Image) ([]*sign.Envelope, error) {
	return f.found.About(image.Digest()), nil
}

func (f *folder) state() string { return f.content }

// loadFolder reads the files of a directory that have evidence by their names. What an
// envelope says that it is about tells where it is looked for, and no more; a file whose name
// is a digest, as "sha256-<hex>.intoto.jsonl" or with a colon, is looked for there too.
// A file or line that is no evidence is passed over with a warning.
func loadFolder(dir string, log *slog.Logger) (*folder, error) {
	names, err := evidenceFiles(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{files: len(names)}
	warn := func(name string, errs ...error) {
		f.skipped += len(errs)
		log.Warn("evidence is passed over", "file", cut(name, 200), "pieces", len(errs), "error", cut(errs[0].Error(), 500))
	}
	h := sha256.New()
	total := 0
	for _, name := range names {
		data, err := readRegular(filepath.Join(dir, name))
		if err != nil {
			warn(name, err)
			f.unread = true
			fmt.Fprintf(h, "%q unread\n", name)
			continue
		}
		if total += len(data); total > maxFolder {
			return nil, fmt.Errorf("%s: more than %d bytes of evidence", dir, maxFolder)
		}
		fmt.Fprintf(h, "%q %d\n", name, len(data))
		h.Write(data)
		envelopes, skipped, err := sign.ParseLines(data)
		if err != nil {
			skipped = append(skipped, err)
		}
		base, _, _ := strings.Cut(name, ".")
		named, _ := hallmark.ParseDigest(strings.Replace(base, "-", ":", 1))
		for _, e := range envelopes {
			if _, err := f.found.Add(e, named); err != nil {
				skipped = append(skipped, err)
			}
		}
		if len(skipped) > 0 {
			warn(name, skipped...)
		}
	}
	f.content = hex.EncodeToString(h.Sum(nil))
	return f, nil
}

// readRegular reads a file, to which a link may lead. Who waits for the other end of a
// pipe learns of no change any more.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	return cli.ReadFile(name, maxFile)
}

// evidenceFiles returns the names of the files of evidence in dir, in order.
func evidenceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		// What kubelet mounts are links.
		if gate.IsEvidence(e.Name()) && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s: %d files of evidence, at most %d are read", dir, len(names), maxFiles)
	}
	return names, nil
}

// folderMark returns what changes when a file in dir is added, removed or written,
// and whether the newest is so new that it may be written again at the same time
// by the file system's clock.
func folderMark(dir string, now time.Time) (mark string, settled bool, err error) {
	names, err := evidenceFiles(dir)
	if err != nil {
		return "", false, err
	}
	h := sha256.New()
	settled = true
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", false, err
		}
		settled = settled && now.Sub(info.ModTime()).Abs() > 2*time.Second
		fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)), settled, nil
}

// A registry is the evidence that is attached to images, where they are.
type registry struct{ *images.Registry }

func (r registry) find(ctx context.Context, image oci.Image) ([]*sign.Envelope, error) {
	return r.Find(ctx, image)
}

func (registry) state() string { return "" }

// cut returns s with at most n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
