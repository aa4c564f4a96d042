package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/examples/internal/cli"
	"github.com/hallmark-dev/hallmark/examples/internal/gate"
	"github.com/hallmark-dev/hallmark/examples/internal/images"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/cyclonedx"
	"github.com/hallmark-dev/hallmark/sbom/spdx"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/sign/oci"
)

// maxFile is the size of a file that is read, in bytes.
const maxFile = 256 << 20

// A piece is one envelope, or one SBOM that nobody has signed, and where it is: it is read
// again when it is needed, because all of it may be more than fits in memory.
type piece struct {
	path         string
	offset, size int64
	sum          [sha256.Size]byte

	// Of an SBOM without an envelope: the artifact, and what it is told by.
	about   *hallmark.Artifact
	content [sha256.Size]byte
}

// An item is an artifact that there is evidence of.
type item struct {
	artifact hallmark.Artifact
	image    oci.Image // if it was given as one: then evidence of it is in its registry
	loose    []*piece  // SBOMs without an envelope

	pieces []*piece // all evidence of it, once everything was read
	mark   hallmark.Digest
}

func (it *item) String() string {
	if it.artifact.Name != "" {
		return fmt.Sprintf("%s (%s)", it.artifact.Name, key(it.artifact))
	}
	return key(it.artifact).String()
}

// sources are what is given to ingest, as far as it is known before any of it is verified.
type sources struct {
	artifact  hallmark.Artifact // that all SBOMs without an envelope are about, if it is given
	plainHTTP bool
	client    *oci.Client

	index  gate.Index
	pieces map[*sign.Envelope]*piece // of those that index has, without their payloads
	items  map[hallmark.Digest]*item
	loose  []*piece // SBOMs without an envelope

	refused []error
	passed  int // files that are no evidence
}

func newSources() sources {
	return sources{pieces: make(map[*sign.Envelope]*piece), items: make(map[hallmark.Digest]*item)}
}

// refuse lists what cannot be taken.
func (s *sources) refuse(what string, err error) {
	s.refused = append(s.refused, fmt.Errorf("%s: %w", what, err))
}

// read reads what an argument names: a file, a directory, an image or a repository.
func (s *sources) read(ctx context.Context, name string, p *cli.Progress) error {
	if repository, ok := strings.CutPrefix(name, "oci://"); ok {
		return s.readRegistry(ctx, repository, p)
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "@sha") {
		return s.readRegistry(ctx, name, p)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return s.readFile(name, true)
	}
	// In the order of the names, so that the same files give the same inventory.
	return filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && path == name:
			return err
		case err != nil:
			s.refuse(path, err)
			return nil
		case d.IsDir():
			return nil
		}
		p.Note("%d artifacts: %s", len(s.items), cli.Printable(path))
		return s.readFile(path, false)
	})
}

// isSBOM reports whether a file of this name is an SBOM.
func isSBOM(name string) bool {
	return slices.ContainsFunc(sbomSuffixes(), func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

func sbomSuffixes() []string {
	return []string{".cdx.json", ".bom.json", ".spdx.json", ".spdx3.json", "/bom.json", ".sbom.json"}
}

// readFile reads one file. One that was named must be evidence, whatever its name is. What
// is wrong with a file is listed, and is no reason to stop.
func (s *sources) readFile(path string, named bool) error {
	info, err := os.Lstat(path)
	slashed := filepath.ToSlash(path)
	evidence := gate.IsEvidence(path)
	switch {
	case err != nil:
	case !named && !evidence && !isSBOM(slashed) && !strings.HasSuffix(path, ".json"):
		s.passed++
		return nil
	case !named && !info.Mode().IsRegular():
		err = errors.New("not a regular file: name it if it is evidence")
	}
	var data []byte
	if err == nil {
		data, err = cli.ReadFile(path, maxFile)
	}
	if err != nil {
		s.refuse(path, unwrapPath(err))
		return nil
	}
	var noSBOM error
	if !evidence {
		if _, noSBOM = sbom.Detect(data); noSBOM == nil {
			s.addSBOM(path, data)
			return nil
		}
		if !named && !isSBOM(slashed) {
			if _, err := sign.Parse(data); err != nil {
				s.passed++ // some other JSON
				return nil
			}
		}
	}
	lines := strings.HasSuffix(path, ".jsonl")
	if first, rest, _ := bytes.Cut(data, []byte("\n")); !lines || len(bytes.TrimSpace(rest)) == 0 || !json.Valid(first) {
		e, err := sign.Parse(data)
		if err == nil {
			s.add(e, &piece{path: path, size: int64(len(data))})
			return nil
		}
		if isSBOM(slashed) {
			err = noSBOM
		}
		if !lines && (!named || isSBOM(slashed)) {
			s.refuse(path, err)
			return nil
		}
	}
	var faults []error
	found := 0
	at := int64(0)
	for n := 1; at < int64(len(data)); n++ {
		line, _, _ := bytes.Cut(data[at:], []byte("\n"))
		where := &piece{path: path, offset: at, size: int64(len(line))}
		at += where.size + 1
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e, err := sign.Parse(line)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		found++
		s.add(e, where)
	}
	switch {
	case found == 0 && faults == nil:
		s.refuse(path, errors.New("empty"))
	case found == 0 && len(faults) > 1: // no lines of envelopes at all
		s.refuse(path, fmt.Errorf("%w, and so %d lines more", faults[0], len(faults)-1))
	default:
		for _, err := range faults {
			s.refuse(path, err)
		}
	}
	return nil
}

// unwrapPath returns an error about a file without the file's name.
func unwrapPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// add adds an envelope. What it says that it is about is looked at, and not believed.
func (s *sources) add(e *sign.Envelope, where *piece) {
	where.sum = sumOf(e)
	stub := &sign.Envelope{PayloadType: e.PayloadType, Payload: e.Payload}
	st, err := s.index.Add(stub, hallmark.Digest{})
	if err != nil {
		// It may be about anything: if whoever signed it counts, all would be undecided.
		s.refuse(where.path, err)
	}
	stub.Payload = nil
	s.pieces[stub] = where
	if st == nil {
		return
	}
	for _, subject := range st.Subjects {
		a := hallmark.Artifact{Name: subject.Name}
		for _, d := range subject.Digest.Digests() {
			if d.Secure() {
				a.Digests = append(a.Digests, d)
			}
		}
		s.artifactOf(a)
	}
}

// artifactOf returns the item of an artifact, or nil if it has no digest that is one of
// files: a commit is no artifact.
func (s *sources) artifactOf(a hallmark.Artifact) *item {
	if len(a.Digests) == 0 {
		return nil
	}
	key := key(a)
	it := s.items[key]
	if it == nil {
		it = &item{artifact: hallmark.Artifact{Digests: []hallmark.Digest{key}}}
		s.items[key] = it
	}
	it.artifact.Name = cmp.Or(it.artifact.Name, a.Name)
	return it
}

// key returns the digest that an artifact is known by here.
func key(a hallmark.Artifact) hallmark.Digest {
	if d := a.Digest("sha256"); !d.IsZero() {
		return d
	}
	return a.Digests[0]
}

// content returns what an SBOM of an artifact is told by, however it is laid out.
func content(a hallmark.Artifact, b *provenance.SBOM) [sha256.Size]byte {
	var compact bytes.Buffer
	fmt.Fprintf(&compact, "%s %s\n", key(a), b.Type())
	if json.Compact(&compact, b.Document) != nil {
		compact.Write(b.Document)
	}
	return sha256.Sum256(compact.Bytes())
}

// addSBOM adds a file that is an SBOM. Which artifact it is about say -artifact, the file
// beside it that its name is made of, or itself: all that say something must agree.
func (s *sources) addSBOM(path string, data []byte) {
	b, err := provenance.NewSBOM(data)
	if err != nil {
		s.refuse(path, err)
		return
	}
	a, err := s.subject(path, b)
	if err != nil {
		s.refuse(path, err)
		return
	}
	h := sha256.New()
	fmt.Fprintf(h, "sbom %s\n", key(a))
	h.Write(data)
	where := &piece{path: path, size: int64(len(data)), about: &a, content: content(a, b)}
	h.Sum(where.sum[:0])
	s.loose = append(s.loose, where)
}

// subject returns the artifact that an SBOM in a file is about.
func (s *sources) subject(path string, b *provenance.SBOM) (hallmark.Artifact, error) {
	doc, err := readSBOM(b)
	if err != nil {
		return hallmark.Artifact{}, err
	}
	said := hallmark.Artifact{Name: doc.Main.Name}
	for _, d := range doc.Main.Digests {
		if d.Secure() {
			said.Digests = append(said.Digests, d)
		}
	}
	given := s.artifact
	if given.Digests == nil {
		for _, suffix := range sbomSuffixes() {
			file, ok := strings.CutSuffix(path, suffix)
			if info, err := os.Stat(file); !ok || err != nil || !info.Mode().IsRegular() {
				continue
			}
			if given, err = hallmark.HashFile(file, "sha256"); err != nil {
				return hallmark.Artifact{}, err
			}
			for _, d := range said.Digests {
				is, err := hallmark.HashFile(file, d.Algorithm())
				if err == nil && is.Digests[0] != d {
					err = fmt.Errorf("it says that it is about %s, and %s beside it is %s", d, filepath.Base(file), is.Digests[0])
				}
				if err != nil {
					return hallmark.Artifact{}, err
				}
			}
			break
		}
	}
	switch {
	case given.Digests == nil && said.Digests == nil:
		return hallmark.Artifact{}, errors.New("an SBOM that nobody has signed, and it does not say by a digest which artifact it is about: say it with -artifact")
	case given.Digests == nil:
		return said, nil
	}
	if d := said.Digest(given.Digests[0].Algorithm()); !d.IsZero() && d != given.Digests[0] {
		return hallmark.Artifact{}, fmt.Errorf("it says that it is about %s, and not %s", d, given.Digests[0])
	}
	return given, nil
}

// readSBOM reads what is in an SBOM.
func readSBOM(b *provenance.SBOM) (*sbom.Document, error) {
	parse := cyclonedx.Parse
	if b.Format == provenance.SPDX {
		parse = spdx.Parse
	}
	doc, _, err := parse(b.Document)
	return doc, err
}

// cosign is the tags under which registries keep what is attached to an image.
func cosign() *regexp.Regexp { return regexp.MustCompile(`^sha(256|512)-[0-9a-f]{64,128}(\.[a-z]+)?$`) }

// readRegistry adds an image, or with a repository the images that its tags name, each
// with the images for the platforms that it has.
func (s *sources) readRegistry(ctx context.Context, name string, p *cli.Progress) error {
	if s.client == nil {
		r, err := images.NewRegistry(nil, s.plainHTTP)
		if err != nil {
			return err
		}
		s.client = r.Client
	}
	if strings.Contains(name, "@") {
		image, err := images.Parse(name)
		if err != nil {
			return err
		}
		return s.addImage(ctx, image)
	}
	repository, err := remote.NewRepository(name)
	if err != nil {
		return fmt.Errorf("oci://%s: %w", name, err)
	}
	repository.PlainHTTP = s.plainHTTP
	repository.Client = &auth.Client{Client: s.client.HTTP, Credential: s.client.Credential}
	var tags []string
	err = repository.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("oci://%s: %w", name, err)
	}
	slices.Sort(tags)
	tags = slices.DeleteFunc(tags, cosign().MatchString)
	for i, tag := range tags {
		p.Note("%s: %d of %d tags", cli.Printable(name), i, len(tags))
		image, err := s.client.Resolve(ctx, name+":"+tag)
		if err == nil {
			err = s.addImage(ctx, image)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.refuse(name+":"+tag, err)
		}
	}
	return nil
}

// addImage adds an image and those for its platforms. What is attached to them is fetched
// when they are looked at.
func (s *sources) addImage(ctx context.Context, image oci.Image) error {
	platforms, err := s.client.Platforms(ctx, image)
	if err != nil {
		return err
	}
	all := []oci.Image{image}
	for _, p := range platforms {
		all = append(all, p.Image)
	}
	for _, one := range all {
		a := one.Artifact()
		it := s.artifactOf(a)
		it.image = one
		it.artifact.Name = a.Name // it is there, whatever a statement calls it
	}
	return nil
}

// settle ends reading: an SBOM that is in an envelope too is not taken twice. It returns
// the artifacts in the order of their names.
func (s *sources) settle() []*item {
	has := make(map[*item]map[[sha256.Size]byte]bool)
	for _, where := range s.loose {
		it := s.artifactOf(*where.about)
		if has[it] == nil {
			has[it] = s.contents(it)
		}
		if has[it][where.content] {
			s.passed++
			continue
		}
		has[it][where.content] = true
		it.loose = append(it.loose, where)
	}
	return slices.SortedFunc(maps.Values(s.items), func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.artifact.Name, b.artifact.Name), cmp.Compare(key(a.artifact).String(), key(b.artifact).String()))
	})
}

// contents returns which SBOMs are in envelopes about an artifact.
func (s *sources) contents(it *item) map[[sha256.Size]byte]bool {
	all := make(map[[sha256.Size]byte]bool)
	for _, where := range s.found(it) {
		if e, err := where.load(); err == nil {
			if st, err := provenance.Parse(e.Payload); err == nil {
				if b, err := provenance.ParseSBOM(st); err == nil {
					all[content(it.artifact, b)] = true
				}
			}
		}
	}
	return all
}

// found returns the pieces of evidence of an artifact.
func (s *sources) found(it *item) []*piece {
	var pieces []*piece
	for _, stub := range s.index.About(key(it.artifact)) {
		pieces = append(pieces, s.pieces[stub])
	}
	return append(pieces, it.loose...)
}

// load reads a piece again.
func (w *piece) load() (*sign.Envelope, error) {
	f, err := os.Open(w.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, w.size)
	if _, err := f.ReadAt(data, w.offset); err != nil {
		return nil, fmt.Errorf("%s: it has changed meanwhile: %w", w.path, err)
	}
	if w.about == nil {
		e, err := sign.Parse(data)
		if err == nil && sumOf(e) != w.sum {
			err = errors.New("it has changed meanwhile")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.path, err)
		}
		return e, nil
	}
	b, err := provenance.NewSBOM(data)
	if err == nil && content(*w.about, b) != w.content {
		err = errors.New("it has changed meanwhile")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.path, err)
	}
	// As a statement that nobody has signed.
	st, err := b.Statement(*w.about)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.path, err)
	}
	payload, err := st.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.path, err)
	}
	return &sign.Envelope{PayloadType: provenance.MediaType, Payload: payload}, nil
}

// sumOf returns the digest of all that an envelope says.
func sumOf(e *sign.Envelope) (sum [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d\n", e.PayloadType, len(e.Payload))
	h.Write(e.Payload)
	for _, s := range e.Signatures {
		fmt.Fprintf(h, "%q %x\n", s.KeyID, s.Sig)
	}
	h.Write(e.Bundle)
	h.Sum(sum[:0])
	return sum
}
