package inspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/gomod"
)

// A program is what an artifact says of itself.
type program struct {
	doc *sbom.Document // of gomod.ReadBinary; nil if it says nothing
	why string         // why it says nothing
}

// size is about what it takes to keep it.
func (p program) size() int64 {
	if p.doc == nil {
		return 1 << 10
	}
	return int64(len(p.doc.Components)+1) << 10
}

// errNotIt says that the bytes at hand are not the artifact's.
type errNotIt string

func (e errNotIt) Error() string { return string(e) }

// program reads the artifact. What follows from its bytes is kept; whether they are
// at hand is asked each time.
func (i *Inspector) program(ctx context.Context, a hallmark.Artifact) (program, error) {
	var digests []hallmark.Digest
	var key strings.Builder
	for _, d := range a.Digests {
		if d.Secure() {
			digests = append(digests, d)
			fmt.Fprintln(&key, d)
		}
	}
	switch {
	case digests == nil:
		return program{why: "the artifact has no digest by SHA-256 or better"}, nil
	case i.o.Open == nil:
		return program{why: "the bytes of the artifact are not at hand"}, nil
	}
	p, err := i.programs.get(ctx, key.String(), func() (program, error) { return read(ctx, i.o.Open, a, digests) })
	if e := errNotIt(""); errors.As(err, &e) {
		return program{why: string(e)}, nil
	}
	return p, err
}

// read opens the artifact and reads what it says, if its bytes have all of the digests.
func read(ctx context.Context, open func(context.Context, hallmark.Artifact) (io.ReaderAt, error), a hallmark.Artifact, digests []hallmark.Digest) (p program, err error) {
	r, err := open(ctx, a)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && r == nil:
		return program{}, errNotIt("the bytes of the artifact are not at hand")
	case err != nil:
		return program{}, fmt.Errorf("inspect: open the artifact: %w", err)
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}

	var algorithms []string
	for _, d := range digests {
		algorithms = append(algorithms, d.Algorithm())
	}
	blocks := &blocks{r: r}
	all := io.LimitReader(&reader{ctx, io.NewSectionReader(r, 0, math.MaxInt64)}, maxArtifact+1)
	got, err := hallmark.Hash(io.TeeReader(all, blocks), algorithms...)
	if err != nil {
		return program{}, fmt.Errorf("inspect: read the artifact: %w", err)
	}
	blocks.end()
	if blocks.size > maxArtifact {
		return program{why: fmt.Sprintf("the artifact has more than %d bytes", int64(maxArtifact))}, nil
	}
	for _, d := range got {
		if !slices.Contains(digests, d) {
			return program{}, errNotIt("the bytes at hand are not the artifact: they have " + d.String())
		}
	}

	p.doc, err = gomod.ReadBinary(blocks, gomod.BinaryOptions{})
	switch {
	case blocks.err != nil:
		return program{}, fmt.Errorf("inspect: read the artifact: %w", blocks.err)
	case err != nil:
		p.why = fmt.Sprintf("the artifact is no Go program that can be read: %v", err)
	}
	return p, nil
}

// A reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// blocks are bytes that were hashed, as Write was told, and that are read again: each
// block is the one that was hashed, or reading it fails. Whoever can change a file
// in the meantime could otherwise have one hashed and another one read.
type blocks struct {
	r    io.ReaderAt
	size int64
	sums [][sha256.Size]byte
	err  error // why a block was not read

	open hash.Hash // of the block that is not complete
	left int       // bytes that it lacks

	last int64  // the block in buf
	buf  []byte // nil if there is none
}

func (b *blocks) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if b.open == nil {
			b.open, b.left = sha256.New(), blockSize
		}
		part := p[:min(len(p), b.left)]
		b.open.Write(part)
		b.left -= len(part)
		p = p[len(part):]
		if b.left == 0 {
			b.end()
		}
	}
	b.size += int64(n)
	return n, nil
}

// end completes a block.
func (b *blocks) end() {
	if b.open != nil {
		b.sums = append(b.sums, [sha256.Size]byte(b.open.Sum(nil)))
		b.open = nil
	}
}

func (b *blocks) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off < 0 || off >= b.size {
			return n, io.EOF
		}
		block := off / blockSize
		if b.buf == nil || b.last != block {
			if err := b.load(block); err != nil {
				b.err = err
				return n, err
			}
		}
		c := copy(p[n:], b.buf[off-block*blockSize:])
		n += c
		off += int64(c)
	}
	return n, nil
}

func (b *blocks) load(block int64) error {
	start := block * blockSize
	buf := make([]byte, min(blockSize, b.size-start))
	b.buf = nil
	if _, err := io.ReadFull(io.NewSectionReader(b.r, start, int64(len(buf))), buf); err != nil {
		return fmt.Errorf("at %d: %w", start, err)
	}
	if sha256.Sum256(buf) != b.sums[block] {
		return fmt.Errorf("at %d: the bytes changed after they were hashed", start)
	}
	b.buf, b.last = buf, block
	return nil
}
