package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A Step is something that was done before the build, attested by those who did
// it. What a step made, the subjects of its statement, is taken in by the next step
// and, from the last one, by the build: at least one of its products must be among
// the materials of what comes after it, by a secure digest, and no material that has
// the name of a product may have another digest.
type Step struct {
	// Name is the step's name, for people; in a link it must be the link's.
	Name string

	// PredicateType is provenance.LinkType or provenance.PredicateType.
	PredicateType string

	// Builder is the builder.id of a step whose attestation is provenance.
	Builder string

	// Identities are those who may attest it, and Threshold how many of them must
	// have attested the same products of the same materials; 0 means 1.
	Identities []Identity
	Threshold  int
}

// check returns what s lacks.
func (s *Step) check() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("no name"))
	}
	switch {
	case s.PredicateType != provenance.LinkType && s.PredicateType != provenance.PredicateType:
		errs = append(errs, fmt.Errorf("predicate type %q, want %s or %s", s.PredicateType, provenance.LinkType, provenance.PredicateType))
	case (s.PredicateType == provenance.PredicateType) != (s.Builder != ""):
		errs = append(errs, errors.New("want a builder with provenance, and none with a link"))
	}
	if err := checkSigners(s.Identities, s.Threshold); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A performance is a step as some have attested it, all of them alike.
type performance struct {
	products, materials []provenance.ResourceDescriptor
	statement           *provenance.Statement
	proofs              []*Evidence // of all that are alike
	checks              []Check
	signers             [][]string // by identity
}

// An attempt is what there is of a step: its performances, or why there are none, and
// what could not be decided, which may be another one.
type attempt struct {
	done   []performance
	failed []Check
	open   []error
}

// A way leads from the first step to one of the performances of a step, each of which
// made what the next one took in.
type way struct {
	before  *way
	done    *performance // nil if an exception stands for the step
	checks  []Check
	excused int // how many steps of the way
}

// steps looks for a way by all steps to b, one that needs the fewest exceptions.
func (h *hearing) steps(b *provenance.Build) (f found, failed []Check, open []error, err error) {
	steps := h.policy.Steps
	if h.attempts == nil {
		for k := range steps {
			a, err := h.performed(&steps[k])
			if err != nil {
				return found{}, nil, nil, err
			}
			h.attempts = append(h.attempts, a)
		}
	}
	excuses, lacking := make([][]Check, len(steps)), false
	for k, a := range h.attempts {
		open = append(open, a.open...)
		// An exception stands for the whole step and for what binds it to the next.
		if excuse := h.settle([]Check{newCheck(RuleStep, steps[k].Name, Failed, "nothing that the next takes in", "the step", -1)}); passed(excuse) {
			excuses[k] = excuse
		} else if len(a.done) == 0 {
			failed = append(failed, a.failed...)
			lacking = true
		}
	}
	if len(failed) > 0 {
		return found{}, failed, nil, nil
	}
	if lacking {
		return found{}, nil, open, nil
	}

	ways := []*way{{}}
	for k := range len(steps) + 1 {
		name, done := "the build", []performance{{materials: b.Dependencies}} // behind the last step
		if k < len(steps) {
			name, done = steps[k].Name, h.attempts[k].done
		}
		var next []*way
		why := ""
		for i := range done {
			var best *way
			m := taken(done[i].materials)
			for _, w := range ways {
				if best != nil && best.excused <= w.excused {
					continue
				}
				if w.done != nil {
					if got := w.done.feeds(m); got != "" {
						why = got
						continue
					}
				}
				best = w
			}
			if best != nil {
				next = append(next, &way{best, &done[i], done[i].checks, best.excused})
			}
		}
		if k < len(steps) && excuses[k] != nil {
			best := slices.MinFunc(ways, func(a, b *way) int { return cmp.Compare(a.excused, b.excused) })
			next = append(next, &way{best, nil, excuses[k], best.excused + 1})
		}
		switch {
		case next != nil:
		case len(open) > 0:
			return found{}, nil, open, nil
		default:
			return found{}, []Check{newCheck(RuleStep, steps[k-1].Name, Failed, why, "it made what "+name+" took in", -1)}, nil, nil
		}
		ways = next
	}
	var all []*way
	for w := ways[0].before; w.before != nil; w = w.before {
		all = append(all, w)
	}
	for _, w := range slices.Backward(all) {
		f.checks = append(f.checks, w.checks...)
		if w.done != nil {
			f.statements = append(f.statements, w.done.statement)
			f.proofs = append(f.proofs, w.done.proofs)
		}
	}
	return f, nil, nil, nil
}

// materials are the digests of what was taken in, by names and URIs and by each
// digest that is secure.
type materials struct {
	named   map[string]map[string]provenance.DigestSet // each once
	digests map[string][]provenance.DigestSet
}

func taken(ds []provenance.ResourceDescriptor) *materials {
	m := &materials{make(map[string]map[string]provenance.DigestSet), make(map[string][]provenance.DigestSet)}
	for _, d := range ds {
		text := fmt.Sprintf("%q", d.Digest)
		for _, name := range []string{d.Name, d.URI} {
			if m.named[name] == nil {
				m.named[name] = make(map[string]provenance.DigestSet)
			}
			m.named[name][text] = d.Digest
		}
		for _, one := range d.Digest.Digests() {
			if one.Secure() {
				m.digests[one.String()] = append(m.digests[one.String()], d.Digest)
			}
		}
	}
	return m
}

// feeds returns why p did not make any of the materials, or "".
func (p *performance) feeds(m *materials) string {
	feeds := false
	for _, product := range p.products {
		if product.Name != "" {
			for _, d := range m.named[product.Name] {
				if !same(product.Digest, d) {
					return fmt.Sprintf("it made another %.200q", product.Name)
				}
			}
		}
		for _, one := range product.Digest.Digests() {
			feeds = feeds || slices.ContainsFunc(m.digests[one.String()], func(d provenance.DigestSet) bool { return same(product.Digest, d) })
		}
	}
	if !feeds {
		return "it made nothing of that"
	}
	return ""
}

// same reports whether a and b share a secure digest, and none of an algorithm that
// both have differs.
func same(a, b provenance.DigestSet) bool {
	shared := false
	for algorithm, hex := range a {
		other, ok := b[algorithm]
		if !ok {
			continue
		}
		if other != hex {
			return false
		}
		d, err := hallmark.ParseDigest(algorithm + ":" + hex)
		shared = shared || err == nil && d.Secure()
	}
	return shared
}

// performed returns what was attested of a step by as many as must, or why there is
// nothing.
func (h *hearing) performed(s *Step) (a attempt, err error) {
	why := failures{item: s.Name, unsigned: RuleStep}
	var all []performance
	alike := make(map[string]int) // the index in all of what was done
	for i := range h.evidence {
		undecided := func(err error) { a.open = append(a.open, fmt.Errorf("evidence %d: %w", i, err)) }
		if h.evidence[i].envelope == nil {
			undecided(errors.New("no envelope"))
			continue
		}
		for k, id := range s.Identities {
			ev, no, err := h.recognize(i, id, RuleStep, s.Name)
			switch {
			case h.ctx.Err() != nil:
				return a, h.interrupted()
			case err != nil:
				undecided(err)
				continue
			case no != nil:
				why.refused = append(why.refused, *no)
				continue
			case ev == nil:
				continue
			}
			p, what, checks, err := h.performance(i, s, ev)
			if err != nil {
				undecided(err)
				continue
			}
			if !passed(checks) {
				why.add(checks)
				continue
			}
			at, ok := alike[what]
			if !ok {
				at = len(all)
				alike[what] = at
				p.signers = make([][]string, len(s.Identities))
				all = append(all, p)
			}
			all[at].signers[k] = append(all[at].signers[k], ev.signers()...)
			all[at].proofs = append(all[at].proofs, ev)
			all[at].checks = append(all[at].checks, checks...)
		}
	}
	threshold := max(s.Threshold, 1)
	most := 0
	for _, p := range all {
		n := distinct(p.signers)
		if n >= threshold {
			a.done = append(a.done, p)
		}
		most = max(most, n)
	}
	want := wanted(s.Identities, threshold)
	switch {
	case len(a.done) > 0 || len(a.open) > 0:
	case most > 0:
		a.failed = []Check{newCheck(RuleStep, s.Name, Failed, fmt.Sprintf("%d distinct signers of the same", most), want, -1)}
	default:
		a.failed = why.reasons(want)
	}
	a.failed = h.settle(a.failed)
	return a, nil
}

// performance reads what ev says of a step: all that is equal is one text.
func (h *hearing) performance(i int, s *Step, ev *Evidence) (p performance, what string, checks []Check, err error) {
	checks = []Check{newCheck(RuleSignature, s.Name, Passed, ev.signer(), "", i)}
	if ev.PayloadType != provenance.MediaType {
		return p, "", h.about(i, append(checks, newCheck(RulePayloadType, s.Name, Failed, quote(ev.PayloadType), quote(provenance.MediaType), i))), nil
	}
	st, err := h.parse(i)
	if err != nil {
		return p, "", nil, err
	}
	c := newCheck(RuleStep, s.Name, Failed, quote(st.PredicateType), quote(s.PredicateType), i)
	if st.PredicateType == s.PredicateType {
		p.statement, p.products = st, st.Subjects
		if s.PredicateType == provenance.LinkType {
			l, err := provenance.ParseLink(st)
			if err != nil {
				return p, "", nil, err
			}
			p.materials, c.Got, c.Want = l.Materials, quote(l.Name), quote(s.Name)
		} else {
			b, err := provenance.ParseBuild(st)
			if err != nil {
				return p, "", nil, err
			}
			p.materials, c.Got, c.Want = b.Dependencies, quote(b.Builder), quote(s.Builder)
			if no := h.revoked(i, b.Builder, ev); no != nil {
				no.Item = s.Name
				checks = append(checks, *no)
			}
		}
		if c.Got == c.Want {
			c.Outcome = Passed
		}
	}
	var lists []string
	for _, ds := range [][]provenance.ResourceDescriptor{p.products, p.materials} {
		var lines []string
		for _, d := range ds {
			lines = append(lines, fmt.Sprintf("%q %q %q", d.Name, d.URI, d.Digest))
		}
		slices.Sort(lines)
		lists = append(lists, strings.Join(lines, "\n"))
	}
	return p, strings.Join(lists, "\n\n"), h.about(i, append(checks, c)), nil
}
