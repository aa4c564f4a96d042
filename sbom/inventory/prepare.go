package inventory

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/verify"
)

// Check returns everything that is wrong with r, so that [Inventory.Add] would refuse it.
// Of the Document it looks at Refs and Edges, and not at what is not kept.
func (r *Record) Check() error { return r.check(new(graph)) }

// check leaves the graph of the Document in g.
func (r *Record) check(g *graph) error {
	var errs []error
	fail := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	bounded := func(most int, what string, texts []string) {
		for _, s := range texts {
			if !plain(s, most) {
				fail("%s %.100q: want UTF-8 of at most %d bytes without a NUL", what, s, most)
			}
		}
	}
	text := func(what string, texts ...string) { bounded(maxText, what, texts) }
	term := func(what string, texts ...string) { bounded(maxTerm, what, texts) }
	list := func(what string, n, most int) {
		if n > most {
			fail("%d %s, want at most %d", n, what, most)
		}
	}

	term("artifact", r.Artifact.Name)
	list("digests", len(r.Artifact.Digests), maxList)
	if !slices.ContainsFunc(r.Artifact.Digests, hallmark.Digest.Secure) {
		fail("artifact %.200q has no digest by SHA-256 or better", r.Artifact.Name)
	}
	algorithms := make(map[string]bool)
	for _, d := range r.Artifact.Digests {
		if d.IsZero() || algorithms[d.Algorithm()] {
			fail("artifact %.200q: digest %s: want each of another algorithm", r.Artifact.Name, d)
		}
		algorithms[d.Algorithm()] = true
	}

	b := &r.Build
	term("build", b.Source, b.Workflow, b.Builder)
	text("build", b.Ref, b.Type, b.Run)
	list("inputs", len(b.Inputs), MaxParts)
	for i := range b.Inputs {
		in := &b.Inputs[i]
		text("input", in.URI, in.Name, in.Location)
		list("digests of an input", len(in.Digests), maxList)
	}

	if !datable(b.Finished) {
		fail("time %s: want a year from 1 to 9999", b.Finished)
	}

	if err := r.Verdict.check(); err != nil {
		errs = append(errs, err)
	}
	list("gaps", len(r.Gaps), maxList)
	text("gap", r.Gaps...)

	list("pieces of evidence", len(r.Evidence), maxList)
	attested, size := r.Attested.IsZero(), 0
	for i, e := range r.Evidence {
		size += len(e.Payload)
		if len(e.Payload) > maxPayload {
			fail("evidence %d: %d bytes, want at most %d: leave out what is not kept", i, len(e.Payload), maxPayload)
		}
		if len(e.Keys) == 0 && e.Claims == nil {
			fail("evidence %d: nobody has signed it", i)
		}
		if e.Claims != nil {
			term("signer", e.Claims.Subject, e.Claims.Builder, e.Claims.BuildConfig)
		}
		if r.Attested.IsZero() || e.PayloadType != provenance.MediaType || signed(&e) != r.Attested {
			continue
		}
		attested = true
		if err := about(e.Payload, r.Artifact); err != nil {
			fail("evidence %d: %w", i, err)
		} else if st, err := provenance.Parse(e.Payload); err != nil || !isSBOM(st.PredicateType) {
			fail("evidence %d: the statement is not of an SBOM", i)
		}
	}
	if size > maxEvidence {
		fail("%d bytes of evidence, want at most %d: leave out what is not kept", size, maxEvidence)
	}
	if !attested {
		fail("the SBOM is said to be attested by %s, which is not among the evidence", r.Attested)
	}
	switch {
	case r.Document == nil && !r.Attested.IsZero():
		fail("an SBOM is said to be attested, and there is none")
	case r.Document != nil:
		list("components", len(r.Document.Components), MaxParts)
		errs = append(errs, g.read(r.Document)...)
	}
	return errors.Join(errs...)
}

// signed returns the digest of what was signed.
func signed(e *verify.Evidence) hallmark.Digest {
	if !e.Signed.IsZero() {
		return e.Signed
	}
	sum := sha256.Sum256(e.Payload)
	d, err := hallmark.NewDigest("sha256", sum[:])
	if err != nil {
		panic("inventory: internal error: " + err.Error())
	}
	return d
}

// about returns an error unless the statement in payload is about a.
func about(payload []byte, a hallmark.Artifact) error {
	st, err := provenance.Parse(payload)
	if err != nil {
		return err
	}
	for _, s := range st.Subjects {
		same, other := false, false
		for _, d := range a.Digests {
			hex, ok := s.Digest[d.Algorithm()]
			same = same || ok && hex == d.Hex() && d.Secure()
			other = other || ok && hex != d.Hex()
		}
		if same && !other {
			return nil
		}
	}
	return errors.New("the statement is about another artifact")
}

// A prepared record is one that only needs numbers for what it is made of.
type prepared struct {
	hash       hash // of all that makes it this record and no other but contents and inputs
	artifact   hallmark.Artifact
	build      *Build
	main       *part  // nil without a Document
	label      string // of it
	contents   *set   // nil without a Document
	inputs     *set   // nil without inputs
	origin     fact
	verdict    fact
	gaps       fact
	decided    time.Time
	code       int64
	attested   Contents
	incomplete bool
	complete   bool
	mark       hallmark.Digest
	sbom       hallmark.Digest // what the SBOM's statement was signed as
	evidence   []byte
}

// A piece is a part of a set before it has a number.
type piece struct {
	*part
	parent int32 // what is before it, by the position in the set
}

// A set is the parts of an artifact, or of what its build took in. A part may be in it more
// than once: then the first piece counts.
type set struct {
	family int64
	pieces []piece

	// Known once it is in the tables.
	hash hash
	size int // parts, each once
	kept *kept
}

func newSet(family string, pieces []piece) *set {
	sum := sha256.Sum256([]byte(family))
	return &set{family: int64(binary.LittleEndian.Uint64(sum[:]) >> 1), pieces: pieces}
}

// An atlas has one part for all components that are alike, so that each is hashed once, and
// nothing else of a Document has to be remembered.
type atlas struct {
	seed  maphash.Seed
	mu    sync.RWMutex
	parts map[uint64]*part // by a hash of their data
	size  int              // of their data
}

func newAtlas() *atlas { return &atlas{seed: maphash.MakeSeed(), parts: make(map[uint64]*part)} }

// find appends to found the parts whose data is in buf, one after the other up to ends, and
// whose hashes are given.
func (a *atlas) find(buf []byte, ends []int, hashes []uint64, found []*part) []*part {
	known := len(found)
	missing := 0
	a.mu.RLock()
	start := 0
	for i, end := range ends {
		p := a.parts[hashes[i]]
		if p != nil && p.data != string(buf[start:end]) { // which makes it only slower
			p = nil
		}
		if p == nil {
			missing++
		}
		found = append(found, p)
		start = end
	}
	a.mu.RUnlock()
	if missing == 0 {
		return found
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.parts)+missing > cacheAtlas || a.size > atlasBytes {
		clear(a.parts)
		a.size = 0
	}
	start = 0
	for i, end := range ends {
		if p := &found[known+i]; *p == nil {
			*p = newPart(buf[start:end])
			a.parts[hashes[i]] = *p
			a.size += end - start
		}
		start = end
	}
	return found
}

// A fact is something that many records have in common.
type fact struct {
	hash hash
	data []byte
	tags []string
}

// newFact returns what is written as data, behind its kind.
func newFact(data []byte, tags ...string) fact { return fact{sha256.Sum256(data), data, tags} }

// Kinds of facts.
const (
	originFact   = 'o'
	decisionFact = 'd'
	gapsFact     = 'g'
)

// An origin is who made what, and of what.
type origin struct {
	Source, Workflow, Builder, Type string
	Signers                         []string
}

func (o *origin) append(b []byte) []byte {
	b = append(b, originFact)
	for _, s := range [...]string{o.Source, o.Workflow, o.Builder, o.Type} {
		b = appendText(b, s)
	}
	return appendTexts(b, o.Signers)
}

// A decision is a Verdict without its time.
type decision struct {
	Verdict    string
	Policy     hallmark.Digest
	Reasons    []string
	Exceptions []verify.Exception
}

func (d *decision) append(b []byte) []byte {
	b = appendText(append(b, decisionFact), d.Verdict)
	b = appendTexts(appendDigest(b, d.Policy), d.Reasons)
	b = binary.AppendUvarint(b, uint64(len(d.Exceptions)))
	for _, e := range d.Exceptions {
		b = appendDigest(appendText(appendText(b, string(e.Rule)), e.Item), e.Digest)
		for _, s := range [...]string{e.Owner, e.Reason, e.Control} {
			b = appendText(b, s)
		}
		b = binary.AppendVarint(b, micros(e.Expires))
	}
	return b
}

// fact returns v without its time.
func (v *Verdict) fact() fact {
	d := decision{v.Verdict, v.Policy, v.Reasons, v.Exceptions}
	return newFact(d.append(nil))
}

func appendGaps(b []byte, gaps []string) []byte { return appendTexts(append(b, gapsFact), gaps) }

// parseFact returns an *origin, *decision or []string.
func parseFact(data string) (any, error) {
	r := reader[string]{data: data}
	switch r.number() {
	case originFact:
		o := &origin{r.text(), r.text(), r.text(), r.text(), r.texts()}
		return o, r.end("an origin")
	case decisionFact:
		d := &decision{Verdict: r.text(), Policy: r.digest(), Reasons: r.texts()}
		for range r.count() {
			d.Exceptions = append(d.Exceptions, verify.Exception{
				Rule: verify.Rule(r.text()), Item: r.text(), Digest: r.digest(), Owner: r.text(), Reason: r.text(), Control: r.text(), Expires: fromMicros(r.signed()),
			})
		}
		return d, r.end("a decision")
	case gapsFact:
		gaps := r.texts()
		return gaps, r.end("gaps")
	}
	return nil, fmt.Errorf("%w: a fact", errDamaged)
}

// facts are those that are remembered, by their numbers: an *origin, a *decision or a
// []string each.
type facts map[int32]any

// read reads a block of them.
func (f facts) read(block string) error {
	for from := (reader[string]{data: block}); from.at < len(from.data); {
		one := reader[string]{data: from.text()}
		id := one.id()
		if from.failed || one.failed {
			return fmt.Errorf("%w: facts", errDamaged)
		}
		fact, err := parseFact(one.rest())
		if err != nil {
			return err
		}
		f[id] = fact
	}
	return nil
}

// Codes of verdicts in a column.
func verdictCode(verdict string) int64 {
	switch verdict {
	case verify.Accepted:
		return 1
	case verify.Rejected:
		return 2
	case verify.Undecided:
		return 3
	}
	return 0
}

// prepare prepares records, which are behind so many others, on benches.
func prepare(ctx context.Context, benches []*bench, records []Record, behind int) ([]prepared, error) {
	out := make([]prepared, len(records))
	errs := make([]error, len(records))
	var wg sync.WaitGroup
	next := make(chan int)
	for _, b := range benches[:min(len(benches), len(records))] {
		wg.Go(func() {
			for i := range next {
				if err := records[i].prepare(&out[i], b); err != nil {
					errs[i] = fmt.Errorf("inventory: record %d: %w", behind+i, err)
				}
			}
		})
	}
	for i := range records {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("inventory: %w", context.Cause(ctx))
	}
	return out, errors.Join(errs...)
}

// A bench has what is needed to prepare one record after the other.
type bench struct {
	graph
	packer
	atlas *atlas

	buf    []byte // components as they are kept
	ends   []int  // of each, in buf
	hashes []uint64
	parts  []*part
}

// newBenches returns a bench for each core.
func newBenches() []*bench {
	list, a := make([]*bench, runtime.GOMAXPROCS(0)), newAtlas()
	for i := range list {
		list[i] = &bench{atlas: a}
	}
	return list
}

// components returns the parts that components are, until the next call.
func (b *bench) components(list []sbom.Component) []*part {
	b.parts = b.parts[:0]
	for some := range slices.Chunk(list, chunk) {
		b.buf, b.ends, b.hashes = b.buf[:0], b.ends[:0], b.hashes[:0]
		for i := range some {
			start := len(b.buf)
			b.buf = appendComponent(b.buf, &some[i])
			b.ends = append(b.ends, len(b.buf))
			b.hashes = append(b.hashes, maphash.Bytes(b.atlas.seed, b.buf[start:]))
		}
		b.parts = b.atlas.find(b.buf, b.ends, b.hashes, b.parts)
	}
	return b.parts
}

func (r *Record) prepare(p *prepared, b *bench) (err error) {
	if err := r.check(&b.graph); err != nil {
		return err
	}
	p.artifact, p.build, p.decided, p.mark, p.sbom = r.Artifact, &r.Build, r.Verdict.At, r.Mark, r.Attested
	p.attested = NoSBOM
	gaps := slices.Clone(r.Gaps)
	if d := r.Document; d != nil {
		p.attested = Unattested
		if !r.Attested.IsZero() && !r.Revoked {
			p.attested = Attested
		}
		p.main, p.label = newPart(appendComponent(nil, &d.Main)), label(&d.Main)
		family := r.Artifact.Name
		if u, err := purl.Parse(d.Main.PURL); err == nil {
			family = packageTerm(u)
		}
		p.contents = newSet(family, b.graph.pieces(b.components(d.Components)))
		for _, text := range d.Unknown {
			gaps = append(gaps, "the SBOM does not tell: "+text)
		}
		for _, target := range d.Targets {
			for _, text := range target.Unknown {
				gaps = append(gaps, "the SBOM does not tell for "+target.Name+": "+text)
			}
		}
		// A component whose Digests are those of a file has the artifact's, if it is that.
		for _, h := range d.Main.Digests {
			if want := r.Artifact.Digest(h.Algorithm()); !want.IsZero() && want != h {
				gaps = append(gaps, fmt.Sprintf("the SBOM is about %s, and the artifact is %s", h, want))
			}
		}
		p.complete = len(gaps) == 0 && d.Main.Requirements == sbom.Complete
		for i := range d.Components {
			p.complete = p.complete && d.Components[i].Requirements == sbom.Complete
		}
	} else if len(gaps) == 0 {
		gaps = append(gaps, "there is no SBOM")
	}
	p.incomplete = len(gaps) > 0
	if n := len(r.Build.Inputs); n > 0 {
		pieces := make([]piece, n)
		for i := range r.Build.Inputs {
			pieces[i] = piece{newPart(appendInput(nil, &r.Build.Inputs[i])), theMain}
		}
		p.inputs = newSet("inputs "+r.Build.Source+" "+r.Artifact.Name, pieces)
	}

	signers, tags := r.signers()
	o := origin{r.Build.Source, r.Build.Workflow, r.Build.Builder, r.Build.Type, signers}
	for tag, value := range map[string]string{"source:": o.Source, "workflow:": o.Workflow, "builder:": o.Builder} {
		if value != "" {
			tags = append(tags, tag+value)
		}
	}
	if i := strings.LastIndexByte(o.Builder, '@'); i > 0 {
		tags = append(tags, "builder:"+o.Builder[:i])
	}
	slices.Sort(tags)
	p.origin = newFact(o.append(nil), slices.Compact(tags)...)
	p.verdict, p.code = r.Verdict.fact(), verdictCode(r.Verdict.Verdict)
	p.gaps = newFact(appendGaps(nil, gaps))
	if p.evidence, err = b.pack(r.Evidence); err != nil {
		return err
	}
	if n := len(p.evidence) + len(p.gaps.data) + len(p.verdict.data); n > maxRecord {
		return fmt.Errorf("%d bytes of evidence and sentences, want at most %d", n, maxRecord)
	}

	// What makes it this record and no other. Of the evidence it is who signed it: of what
	// they have said since there is the verdict.
	id := appendText(nil, r.Artifact.Name)
	digests := slices.SortedFunc(slices.Values(r.Artifact.Digests), func(a, b hallmark.Digest) int { return cmp.Compare(a.String(), b.String()) })
	id = appendDigests(id, digests)
	id = appendTexts(id, []string{r.Build.Commit.String(), r.Build.Ref, r.Build.Run, r.Attested.String()})
	id = binary.AppendVarint(id, micros(r.Build.Finished))
	if p.main != nil {
		id = append(id, p.main.hash[:]...)
	}
	id = append(id, p.origin.hash[:]...)
	p.hash = sha256.Sum256(id)
	return nil
}

// signers returns who signed the evidence of r, sorted, and the tags by which they are
// found.
func (r *Record) signers() (names, tags []string) {
	for _, e := range r.Evidence {
		if c := e.Claims; c != nil {
			name := cmp.Or(c.Subject, c.Builder)
			names, tags = append(names, name), append(tags, "signer:"+name)
			if c.BuildConfig != "" {
				workflow, _, _ := strings.Cut(c.BuildConfig, "@")
				tags = append(tags, "workflow:"+c.BuildConfig, "workflow:"+workflow)
			}
			continue
		}
		for _, k := range e.Keys {
			names, tags = append(names, k.String()), append(tags, "key:"+k.String(), "signer:"+k.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names), tags
}

// micros is a time as it is kept: microseconds since 1970, and 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// A packer writes evidence as it is kept: how many pieces there are, their payloads, and the
// rest as JSON, compressed.
type packer struct {
	w *flate.Writer
}

func (k *packer) pack(evidence []verify.Evidence) ([]byte, error) {
	if len(evidence) == 0 {
		return []byte{}, nil
	}
	// Payloads are text mostly, which becomes shorter as it is than in base64.
	var data []byte
	bare := slices.Clone(evidence)
	for i := range bare {
		data = appendText(data, string(bare[i].Payload))
		bare[i].Payload = nil
	}
	text, err := json.Marshal(bare)
	data = append(binary.AppendUvarint(nil, uint64(len(bare))), append(data, text...)...)
	if err == nil && len(data) > maxRecord {
		err = fmt.Errorf("%d bytes of evidence, want at most %d", len(data), maxRecord)
	}
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if k.w == nil {
		if k.w, err = flate.NewWriter(&b, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	k.w.Reset(&b)
	if _, err := k.w.Write(data); err != nil {
		return nil, err
	}
	if err := k.w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
