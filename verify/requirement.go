package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A Requirement is an attestation that there must be beside the provenance.
// Requirements do not depend on each other: evidence that fails one may satisfy
// another. Beyond its type, subject and signers a predicate is looked at only as far
// as one of the fields below asks for: results of failed tests are test results.
type Requirement struct {
	// PredicateType is the exact predicate type.
	PredicateType string

	// Identities are those who may sign it.
	Identities []Identity

	// Threshold is how many of them must have signed, each by a key or a
	// certificate identity that is not counted for another; 0 means 1. They
	// need not have signed the same statement: two test results may differ.
	Threshold int

	// OfSource says that it is about the commit that was built, a subject's
	// gitCommit, instead of the artifact.
	OfSource bool

	// Subject is the name that the artifact must have in it. Empty means any.
	Subject string

	// MaxAge is how old it may be, as [Policy.MaxAge] says, by the time at which a
	// verification summary or result was made, or a scan finished. What else is
	// signed with a plain key says none, and is unproven. Zero means any age.
	MaxAge time.Duration

	Summary *Summary // what a verification summary must say
	Tests   bool     // that the result of tests is PASSED
	Scan    *Scan    // what a scan for vulnerabilities may say
	SBOM    *SBOM    // what an SBOM must have in it

	// Properties are those that a simple verification result must have.
	Properties []string
}

// A Summary is what a verification summary attestation (VSA) must say beside
// PASSED, by "Verifying VSAs" of SLSA 1.2.
type Summary struct {
	// Verifier is the exact verifier.id, for which the Identities of the
	// requirement may speak.
	Verifier string

	// Resource is the exact resourceUri: what the artifact was verified as.
	Resource string

	// Level is the least level of the build track or, of a commit, of the source
	// track. Zero asks for none. A summary with two levels of the track has none.
	Level int

	// Properties are others of the verified levels that must be there:
	// "SLSA_BUILD_REPRODUCED", or names of the verifier's own.
	Properties []string

	// Policy is a digest of the policy that the verifier must have used. The zero
	// Digest stands for any.
	Policy hallmark.Digest

	// Refs are, of a summary of a commit, the refs of which at least one must have
	// pointed to it. The zero Refs does not ask.
	Refs Refs
}

// A Scan is what a scan for known vulnerabilities may say. Each one that is found
// is a check of its own, whose item is its name, so that one can be excused.
type Scan struct {
	// Below is the severity that no vulnerability may reach: a score, "7.0", or one
	// of the words low, medium, high and critical. Empty allows no vulnerability at all.
	Below string

	// Method is whose ratings count, "cvss_score"; empty means all. A vulnerability
	// that is not rated by it, or also in other terms than Below, is unproven.
	Method string
}

// An SBOM is what an SBOM must have in it. The policy's Inspector tells.
type SBOM struct {
	// Minimum are names of profiles of minimum elements.
	Minimum []string

	// BuildInfo asks that it lists what the artifact says it was built from.
	BuildInfo bool

	// MinAge and MaxAge are how old releases of dependencies must and may be. Zero
	// means any age.
	MinAge, MaxAge time.Duration
}

// check returns what q lacks.
func (q *Requirement) check() error {
	var errs []error
	if q.PredicateType == "" {
		errs = append(errs, errors.New("has no predicate type"))
	}
	if err := checkSigners(q.Identities, q.Threshold); err != nil {
		errs = append(errs, err)
	}
	for _, rule := range []struct {
		what string
		is   bool
		fits bool
	}{
		{"a summary", q.Summary != nil, isSummary(q.PredicateType)},
		{"passed tests", q.Tests, q.PredicateType == provenance.TestResultType},
		{"a scan", q.Scan != nil, isScan(q.PredicateType)},
		{"properties", q.Properties != nil, isResult(q.PredicateType)},
		{"an SBOM", q.SBOM != nil, isSBOM(q.PredicateType)},
	} {
		if rule.is && !rule.fits {
			errs = append(errs, fmt.Errorf("asks for %s, which %q is not", rule.what, q.PredicateType))
		}
	}
	if s := q.Summary; s != nil {
		if s.Verifier == "" || s.Resource == "" {
			errs = append(errs, errors.New("asks for a summary, and names no verifier or no resource"))
		}
		most := 3
		if q.OfSource {
			most = 4
		}
		if s.Level < 0 || s.Level > most {
			errs = append(errs, fmt.Errorf("asks for level %d, want at most %d", s.Level, most))
		}
		if s.Level == 0 && len(s.Properties) == 0 {
			errs = append(errs, errors.New("asks for a summary of no level"))
		}
		if !s.Refs.IsZero() && !q.OfSource {
			errs = append(errs, errors.New("asks for refs, which only the summary of a commit has"))
		}
		if err := s.Refs.Check(); err != nil {
			errs = append(errs, err)
		}
	}
	if q.Properties != nil && len(q.Properties) == 0 {
		errs = append(errs, errors.New("asks for no property"))
	}
	if s := q.Scan; s != nil && s.Below != "" {
		if _, ok := lessSevere(s.Below, s.Below); !ok {
			errs = append(errs, fmt.Errorf("asks for severities below %q, want a score or a word", s.Below))
		}
	}
	if q.MaxAge < 0 || q.SBOM != nil && (q.SBOM.MinAge < 0 || q.SBOM.MaxAge < 0) {
		errs = append(errs, errors.New("has a negative age"))
	}
	return errors.Join(errs...)
}

// item returns what a check of q is about: what is asked of the source is excused by
// itself.
func (q *Requirement) item(of string) string {
	if q.OfSource {
		return strings.TrimSpace("source " + of)
	}
	return of
}

// require looks for statements about a for q, signed by as many identities as it
// asks for. If there are none it returns why, or what could not be decided.
func (h *hearing) require(q *Requirement, a hallmark.Artifact) (f found, failed []Check, open []error, err error) {
	name := q.item(q.PredicateType)
	why := failures{item: name, unsigned: RuleRequired}
	all := newTally(len(q.Identities))
	plain := newTally(len(q.Identities)) // what needs no exception: if it is enough, none is needed
	for i := range h.evidence {
		undecided := func(err error) { open = append(open, fmt.Errorf("evidence %d: %w", i, err)) }
		if h.evidence[i].envelope == nil {
			undecided(errors.New("no envelope"))
			continue
		}
		var refused []Check
		var contents []Check // of the statement, which need not be looked at twice
		var made time.Time
		signed, emptied := false, false
		for k, id := range q.Identities {
			ev, no, err := h.recognize(i, id, RuleRequired, name)
			switch {
			case h.ctx.Err() != nil:
				return f, nil, nil, h.interrupted()
			case err != nil:
				undecided(err)
				continue
			case no != nil:
				refused = append(refused, *no)
				continue
			case ev == nil:
				continue
			}
			signed = true
			st, checks, err := h.read(i, ev, RuleRequired, name, a, q.Subject, q.PredicateType)
			if err == nil && st != nil && contents == nil {
				if emptied = h.evidence[i].emptied(st); emptied {
					contents = h.forgotten(i, q)
				} else {
					contents, made, err = h.contents(i, q, a, st)
				}
				for k := range contents {
					contents[k].Item = q.item(contents[k].Item)
				}
				contents = h.settle(h.about(i, contents))
			}
			if h.ctx.Err() != nil {
				return f, nil, nil, h.interrupted()
			}
			if err != nil {
				undecided(err)
				continue
			}
			if st != nil {
				checks = append(checks, contents...)
				if q.MaxAge != 0 && !(emptied && saysWhen(q.PredicateType)) {
					old := []Check{h.age(i, name, q.MaxAge, made, ev)}
					checks = append(checks, h.settle(h.about(i, old))...)
				}
			}
			if !passed(checks) {
				why.add(checks)
				continue
			}
			all.add(k, st, checks, ev)
			if !slices.ContainsFunc(checks, func(c Check) bool { return c.Outcome == Excused }) {
				plain.add(k, st, checks, ev)
			}
		}
		if !signed {
			why.refused = append(why.refused, refused...)
		}
	}

	threshold := max(q.Threshold, 1)
	if distinct(plain.signers) >= threshold {
		return plain.found, nil, nil, nil
	}
	n := distinct(all.signers)
	if n >= threshold {
		return all.found, nil, nil, nil
	}
	want := wanted(q.Identities, threshold)
	// An exception stands for the whole requirement, so that evidence that speaks
	// against the artifact cannot be taken away for it to hold. None stands for a
	// summary that is there instead of provenance: somebody trusted must have signed.
	settle := h.settle
	if len(h.policy.Builders) == 0 && q.Summary != nil {
		settle = func(checks []Check) []Check { return checks }
	}
	short := settle([]Check{newCheck(RuleRequired, name, Failed, fmt.Sprintf("%d distinct signers", n), want, -1)})
	switch {
	case passed(short):
		return found{checks: short}, nil, nil, nil
	case len(open) > 0:
		return found{}, nil, open, nil
	case n > 0 && len(why.about) > 0:
		return found{}, append(short, why.about...), nil, nil
	case n > 0:
		return found{}, append(short, why.failed...), nil, nil
	}
	return found{}, settle(why.reasons(want)), nil, nil
}

// A tally is the evidence that counts towards a threshold.
type tally struct {
	found
	signers [][]string // by identity
}

func newTally(identities int) *tally { return &tally{signers: make([][]string, identities)} }

// add counts st, for which ev speaks as the k-th identity.
func (t *tally) add(k int, st *provenance.Statement, checks []Check, ev *Evidence) {
	n := len(t.statements)
	if n == 0 || t.statements[n-1] != st { // several may have signed one
		t.statements, t.proofs = append(t.statements, st), append(t.proofs, nil)
		n++
	}
	t.proofs[n-1] = append(t.proofs[n-1], ev)
	t.checks = append(t.checks, checks...)
	t.signers[k] = append(t.signers[k], ev.signers()...)
}

// wanted says, for people, that as many of ids must sign.
func wanted(ids []Identity, threshold int) string {
	var all []string
	for _, id := range ids {
		name := "nobody"
		if id != nil {
			name = id.String()
		}
		all = append(all, name)
	}
	if threshold > 1 {
		return fmt.Sprintf("%d of %s", threshold, strings.Join(all, ", "))
	}
	return strings.Join(all, " or ")
}

// contents holds what st, of the i-th envelope, says of a against q, and returns
// the time that it says it was made, if it does.
func (h *hearing) contents(i int, q *Requirement, a hallmark.Artifact, st *provenance.Statement) (checks []Check, made time.Time, err error) {
	check := func(rule Rule, item string, ok bool, got, want string) {
		checks = append(checks, compared(rule, item, ok, got, want, i))
	}
	checks = []Check{}
	switch {
	case isSummary(q.PredicateType) && (q.Summary != nil || q.MaxAge != 0):
		v, err := provenance.ParseVSA(st)
		if err != nil {
			return nil, made, err
		}
		made = v.TimeVerified
		if q.Summary != nil {
			checks = append(checks, q.Summary.check(i, h.policy, v, q.OfSource)...)
			if q.OfSource && !q.Summary.Refs.IsZero() {
				_, revisions, err := provenance.ParseSourceVSA(st)
				if err != nil {
					return nil, made, err
				}
				var refs []string
				ok := false
				for _, r := range revisions {
					if slices.Contains(a.Digests, r.Commit) {
						refs = append(refs, r.Refs...)
						ok = ok || slices.ContainsFunc(r.Refs, q.Summary.Refs.Allow)
					}
				}
				check(RuleSummary, "ref", ok, strings.Join(refs, ", "), q.Summary.Refs.String())
			}
		}
	case q.Tests:
		t, err := provenance.ParseTestResult(st)
		if err != nil {
			return nil, made, err
		}
		got := string(t.Result)
		if n := len(t.Failed); n > 0 {
			got = fmt.Sprintf("%s, %d failed: %s", t.Result, n, strings.Join(t.Failed[:min(n, 3)], ", "))
		}
		check(RuleTests, "", t.Result == provenance.Passed && len(t.Failed) == 0, got, string(provenance.Passed))
	case isScan(q.PredicateType) && (q.Scan != nil || q.MaxAge != 0):
		v, err := provenance.ParseVulns(st)
		if err != nil {
			return nil, made, err
		}
		made = v.Metadata.Finished
		if q.Scan != nil {
			checks = append(checks, q.Scan.check(i, v)...)
		}
	case isResult(q.PredicateType) && (q.Properties != nil || q.MaxAge != 0):
		v, err := provenance.ParseSVR(st)
		if err != nil {
			return nil, made, err
		}
		made = v.TimeCreated
		for _, want := range q.Properties {
			got := "not among " + strings.Join(v.Properties, ", ")
			if slices.Contains(v.Properties, want) {
				got = want
			}
			check(RuleProperty, want, got == want, got, want)
		}
	case isSBOM(q.PredicateType):
		for _, question := range h.questions(q) {
			more, err := h.ask(i, q.PredicateType, a, st, question)
			if err != nil {
				return nil, made, err
			}
			checks = append(checks, more...)
		}
	}
	return checks, made, nil
}

// saysWhen reports whether contents knows of a predicate when it was made.
func saysWhen(predicateType string) bool {
	return isSummary(predicateType) || isScan(predicateType) || isResult(predicateType)
}

func isSummary(predicateType string) bool {
	switch predicateType {
	case provenance.VSAType, provenance.VSATypeV01, provenance.VSATypeV02:
		return true
	}
	return false
}

func isScan(predicateType string) bool {
	switch predicateType {
	case provenance.VulnsType, provenance.VulnsTypeV01, provenance.CosignVulnsType:
		return true
	}
	return false
}

func isResult(predicateType string) bool {
	return predicateType == provenance.SVRType || predicateType == provenance.SVRTypeV01
}

// isSBOM reports whether a predicate is an SBOM, perhaps of a version that its
// type names.
func isSBOM(predicateType string) bool {
	for _, t := range []string{provenance.CycloneDXType, provenance.SPDXType} {
		if rest, ok := strings.CutPrefix(predicateType, t); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// check holds v against s, by "Verifying VSAs" of SLSA 1.2.
func (s *Summary) check(i int, p *Policy, v *provenance.VSA, ofSource bool) []Check {
	var checks []Check
	check := func(item string, ok bool, got, want string) {
		checks = append(checks, compared(RuleSummary, item, ok, got, want, i))
	}
	check("verifier", v.Verifier.ID == s.Verifier, v.Verifier.ID, s.Verifier)
	check("resource", v.ResourceURI == s.Resource, v.ResourceURI, s.Resource)
	// FAILED among the levels speaks against a result that says otherwise.
	result := v.Result
	if slices.Contains(v.VerifiedLevels, string(provenance.Failed)) {
		result = provenance.Failed
	}
	check("result", result == provenance.Passed, string(result), string(provenance.Passed))
	track := provenance.BuildTrack
	if ofSource {
		track = provenance.SourceTrack
	}
	said := strings.Join(v.VerifiedLevels, ", ")
	if s.Level > 0 {
		level, ok := v.Level(track)
		check("level", ok && level >= s.Level, said, fmt.Sprintf("SLSA_%s_LEVEL_%d", track, s.Level))
	}
	for _, want := range s.Properties {
		check(want, slices.Contains(v.VerifiedLevels, want), said, want)
	}
	if !s.Policy.IsZero() {
		got, ok := v.Policy.Digest[s.Policy.Algorithm()]
		if ok {
			got = s.Policy.Algorithm() + ":" + got
		}
		check("policy", got == s.Policy.String(), got, s.Policy.String())
	}
	return checks
}

// check holds what was found against s.
func (s *Scan) check(i int, v *provenance.Vulns) []Check {
	want := s.want()
	if v.Scanner.Vulnerabilities == nil {
		return []Check{newCheck(RuleVulnerability, "", Unproven, notSaid, want, i)}
	}
	var checks []Check
	for _, one := range v.Scanner.Vulnerabilities {
		c := newCheck(RuleVulnerability, one.ID, Failed, "", want, i)
		var said []string
		below, judged := true, true
		for _, r := range one.Severity {
			if s.Method != "" && r.Method != s.Method {
				continue
			}
			said = append(said, strings.TrimSpace(r.Method+" "+r.Score))
			less, ok := lessSevere(r.Score, s.Below)
			below, judged = below && (less || !ok), judged && ok
		}
		c.Got = cmp.Or(strings.Join(said, ", "), "found")
		switch {
		case s.Below == "" || !below:
		case said == nil:
			c.Outcome, c.Got = Unproven, notSaid
		case !judged:
			c.Outcome = Unproven
		default:
			c.Outcome = Passed
		}
		checks = append(checks, c)
	}
	if checks == nil {
		checks = []Check{newCheck(RuleVulnerability, "", Passed, "none", want, i)}
	}
	return checks
}

// want says what s allows.
func (s *Scan) want() string {
	switch {
	case s.Below == "":
		return "no vulnerability"
	case s.Method == "":
		return "below " + s.Below
	}
	return "below " + s.Below + " by " + s.Method
}

// lessSevere reports whether a severity is less than a limit. Scores and words are
// not compared with each other: ok is false then.
func lessSevere(severity, limit string) (less, ok bool) {
	scale := []string{"none", "low", "medium", "high", "critical"}
	a, b := slices.Index(scale, strings.ToLower(severity)), slices.Index(scale, strings.ToLower(limit))
	if a >= 0 && b >= 0 {
		return a < b, true
	}
	x, ok := score(severity)
	y, ok2 := score(limit)
	return x < y, ok && ok2
}

// score returns a severity that is a number: digits, perhaps with a decimal point.
func score(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// questions are what q asks of an SBOM.
func (h *hearing) questions(q *Requirement) []Question {
	var all []Question
	if h.policy.Version != "" {
		all = append(all, Question{Rule: RuleVersion, Version: h.policy.Version, Now: h.now})
	}
	if q.SBOM == nil {
		return all
	}
	for _, profile := range q.SBOM.Minimum {
		all = append(all, Question{Rule: RuleMinimum, Profile: profile, Now: h.now})
	}
	if q.SBOM.BuildInfo {
		all = append(all, Question{Rule: RuleBuildInfo, Now: h.now})
	}
	if q.SBOM.MinAge != 0 || q.SBOM.MaxAge != 0 {
		all = append(all, Question{Rule: RuleDependencyAge, MinAge: q.SBOM.MinAge, MaxAge: q.SBOM.MaxAge, Now: h.now})
	}
	return all
}

// distinct returns how many identities, given by their signers, can be counted
// if no signer is counted twice: a maximum matching, one augmenting path after
// the other. A group of keys is one identity, and two names of one key are one
// signer.
func distinct(identities [][]string) int {
	holder := make(map[string]int) // which identity a signer counts for
	n := 0
	for i := range identities {
		tried := make(map[string]bool)
		var place func(i int) bool
		place = func(i int) bool {
			for _, s := range identities[i] {
				if tried[s] {
					continue
				}
				tried[s] = true
				if other, taken := holder[s]; !taken || place(other) {
					holder[s] = i
					return true
				}
			}
			return false
		}
		if place(i) {
			n++
		}
	}
	return n
}
