package verify

import (
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
	what                string // its products and materials
	products, materials []provenance.ResourceDescriptor
	statement           *provenance.Statement
	checks              []Check
	signers             [][]string // by identity
}

// steps looks for the steps before b, each of which made what the next one took in.
func (h *hearing) steps(b *provenance.Build) (f found, failed []Check, open []error, err error) {
	steps := h.policy.Steps
	done := make([][]performance, len(steps))
	excused := make([]bool, len(steps))
	for k := range steps {
		// An exception stands for the whole step and for what binds it to the next.
		none := h.settle([]Check{newCheck(RuleStep, steps[k].Name, Failed, "not asked for", "the step", -1)})
		if excused[k] = passed(none); excused[k] {
			f.checks = append(f.checks, none...)
			continue
		}
		var why []Check
		var undecided []error
		if done[k], why, undecided, err = h.performed(&steps[k]); err != nil {
			return found{}, nil, nil, err
		}
		failed, open = append(failed, why...), append(open, undecided...)
	}
	if len(failed) > 0 {
		return found{}, failed, nil, nil
	}

	// From the last step to the first, by every way that there is.
	var way func(k int, next string, materials []provenance.ResourceDescriptor, bound bool) ([]performance, *Check)
	way = func(k int, next string, materials []provenance.ResourceDescriptor, bound bool) ([]performance, *Check) {
		switch {
		case k < 0:
			return nil, nil
		case excused[k]:
			return way(k-1, steps[k].Name, nil, false)
		}
		var why *Check
		for _, p := range done[k] {
			if got := p.feeds(materials); bound && got != "" {
				c := newCheck(RuleStep, steps[k].Name, Failed, got, "it made what "+next+" took in", -1)
				why = &c
				continue
			}
			before, no := way(k-1, steps[k].Name, p.materials, true)
			if no == nil {
				return append(before, p), nil
			}
			why = no
		}
		return nil, why
	}
	if len(open) > 0 {
		return found{}, nil, open, nil
	}
	done2, no := way(len(steps)-1, "the build", b.Dependencies, true)
	if no != nil {
		return found{}, []Check{*no}, nil, nil
	}
	for _, p := range done2 {
		f.statements = append(f.statements, p.statement)
		f.checks = append(f.checks, p.checks...)
	}
	return f, nil, nil, nil
}

// feeds returns why p did not make any of the materials, or "".
func (p *performance) feeds(materials []provenance.ResourceDescriptor) string {
	feeds := false
	for _, product := range p.products {
		for _, m := range materials {
			shared, conflict := false, false
			for algorithm, hex := range product.Digest {
				other, ok := m.Digest[algorithm]
				if !ok {
					continue
				}
				d, err := hallmark.ParseDigest(algorithm + ":" + hex)
				if conflict = conflict || other != hex; err == nil && d.Secure() {
					shared = true
				}
			}
			if shared && !conflict {
				feeds = true
			} else if product.Name != "" && (product.Name == m.Name || product.Name == m.URI) {
				return fmt.Sprintf("it made another %.200q", product.Name)
			}
		}
	}
	if !feeds {
		return "it made nothing of that"
	}
	return ""
}

// performed returns what was attested of a step by as many as must, or why there is
// nothing.
func (h *hearing) performed(s *Step) (done []performance, failed []Check, open []error, err error) {
	why := failures{item: s.Name, unsigned: RuleStep}
	var all []performance
	for i := range h.evidence {
		undecided := func(err error) { open = append(open, fmt.Errorf("evidence %d: %w", i, err)) }
		if h.evidence[i].envelope == nil {
			undecided(errors.New("no envelope"))
			continue
		}
		for k, id := range s.Identities {
			ev, no, err := h.recognize(i, id, RuleStep, s.Name)
			switch {
			case h.ctx.Err() != nil:
				return nil, nil, nil, h.interrupted()
			case err != nil:
				undecided(err)
				continue
			case no != nil:
				why.refused = append(why.refused, *no)
				continue
			case ev == nil:
				continue
			}
			p, checks, err := h.performance(i, s, ev)
			if err != nil {
				undecided(err)
				continue
			}
			if !passed(checks) {
				why.add(checks)
				continue
			}
			at := slices.IndexFunc(all, func(o performance) bool { return o.what == p.what })
			if at < 0 {
				at = len(all)
				p.signers = make([][]string, len(s.Identities))
				all = append(all, p)
			}
			all[at].signers[k] = append(all[at].signers[k], ev.signers()...)
			all[at].checks = append(all[at].checks, checks...)
		}
	}
	threshold := max(s.Threshold, 1)
	most := 0
	for _, p := range all {
		n := distinct(p.signers)
		if n >= threshold {
			done = append(done, p)
		}
		most = max(most, n)
	}
	want := names(s.Identities)
	if threshold > 1 {
		want = fmt.Sprintf("%d of %s", threshold, want)
	}
	switch {
	case len(done) > 0:
		return done, nil, nil, nil
	case len(open) > 0:
		return nil, nil, open, nil
	case most > 0:
		return nil, []Check{newCheck(RuleStep, s.Name, Failed, fmt.Sprintf("%d distinct signers of the same", most), want, -1)}, nil, nil
	}
	return nil, why.reasons(want), nil, nil
}

// performance reads what ev says of a step.
func (h *hearing) performance(i int, s *Step, ev *Evidence) (p performance, checks []Check, err error) {
	checks = []Check{newCheck(RuleSignature, s.Name, Passed, ev.signer(), "", i)}
	if ev.PayloadType != provenance.MediaType {
		return p, h.about(i, append(checks, newCheck(RulePayloadType, s.Name, Failed, quote(ev.PayloadType), quote(provenance.MediaType), i))), nil
	}
	st, err := h.parse(i)
	if err != nil {
		return p, nil, err
	}
	c := newCheck(RuleStep, s.Name, Failed, quote(st.PredicateType), quote(s.PredicateType), i)
	if st.PredicateType == s.PredicateType {
		p.statement, p.products = st, st.Subjects
		if s.PredicateType == provenance.LinkType {
			l, err := provenance.ParseLink(st)
			if err != nil {
				return p, nil, err
			}
			p.materials, c.Got, c.Want = l.Materials, quote(l.Name), quote(s.Name)
		} else {
			b, err := provenance.ParseBuild(st)
			if err != nil {
				return p, nil, err
			}
			p.materials, c.Got, c.Want = b.Dependencies, quote(b.Builder), quote(s.Builder)
		}
		if c.Got == c.Want {
			c.Outcome = Passed
		}
	}
	var what []string
	for _, ds := range [][]provenance.ResourceDescriptor{p.products, p.materials} {
		var lines []string
		for _, d := range ds {
			lines = append(lines, fmt.Sprintf("%q %q %q", d.Name, d.URI, texts(d.Digest.Digests())))
		}
		slices.Sort(lines)
		what = append(what, strings.Join(lines, "\n"))
	}
	p.what = strings.Join(what, "\n\n")
	return p, h.about(i, append(checks, c)), nil
}
