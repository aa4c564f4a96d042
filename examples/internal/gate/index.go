package gate

import (
	"maps"
	"slices"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// An Index finds what is evidence of one artifact among that of many. Nothing of it is
// believed: what an envelope says that it is about tells where it is looked for, and no
// more. The zero Index is empty.
type Index struct {
	about map[string][]int // by digest: of envelopes
	all   []indexed
	any   []int // whose statement cannot be read: it may be about anything
}

type indexed struct {
	envelope  *sign.Envelope
	materials []string // digests that a build or a step names as what it took in
}

// Add adds an envelope. It is found by the subjects of its statement, and by named, if it
// is a digest. It returns that statement, or nil if it has none. An error says that it
// cannot be read; the envelope then is found for every artifact, because its signer may be
// one whose word counts.
func (x *Index) Add(e *sign.Envelope, named hallmark.Digest) (*provenance.Statement, error) {
	if x.about == nil {
		x.about = make(map[string][]int)
	}
	n := len(x.all)
	entry := indexed{envelope: e}
	digests := make(map[string]bool)
	if !named.IsZero() {
		digests[named.String()] = true
	}
	var st *provenance.Statement
	var unread error
	if e.PayloadType == provenance.MediaType {
		if st, unread = provenance.Parse(e.Payload); unread == nil {
			for _, s := range st.Subjects {
				addDigests(digests, s.Digest)
			}
			entry.materials = materials(st)
		} else {
			st = nil
			x.any = append(x.any, n)
		}
	}
	x.all = append(x.all, entry)
	for d := range digests {
		x.about[d] = append(x.about[d], n)
	}
	return st, unread
}

// About returns the envelopes that are about a digest, and those about what these name
// as the materials of a build or a step, in the order in which they were added: a policy
// may ask for what was done before the build, and for what is attested of its commit.
func (x *Index) About(d hallmark.Digest) []*sign.Envelope {
	found := slices.Clone(x.any)
	seen := make(map[int]bool)
	for _, n := range found {
		seen[n] = true
	}
	asked := map[string]bool{d.String(): true}
	for next := []string{d.String()}; len(next) > 0; next = next[1:] {
		for _, n := range x.about[next[0]] {
			if seen[n] {
				continue
			}
			seen[n] = true
			found = append(found, n)
			for _, m := range x.all[n].materials {
				if !asked[m] && x.about[m] != nil {
					asked[m] = true
					next = append(next, m)
				}
			}
		}
	}
	slices.Sort(found)
	var envelopes []*sign.Envelope
	for _, n := range found {
		envelopes = append(envelopes, x.all[n].envelope)
	}
	return envelopes
}

// materials returns the digests of what the build or the step of a statement took in.
func materials(st *provenance.Statement) []string {
	digests := make(map[string]bool)
	if b, err := provenance.ParseBuild(st); err == nil {
		for _, d := range b.Dependencies {
			addDigests(digests, d.Digest)
		}
		if source, _ := b.Source(); !source.Commit.IsZero() {
			digests[source.Commit.String()] = true
		}
	} else if l, err := provenance.ParseLink(st); err == nil {
		for _, d := range l.Materials {
			addDigests(digests, d.Digest)
		}
	}
	return slices.Sorted(maps.Keys(digests))
}

// addDigests adds the digests by which evidence is looked for.
func addDigests(to map[string]bool, set provenance.DigestSet) {
	for _, algorithm := range []string{"sha256", "sha512", "gitCommit"} {
		if hex, ok := set[algorithm]; ok {
			to[algorithm+":"+hex] = true
		}
	}
}
