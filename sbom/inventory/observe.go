package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Observe makes the Records of an artifact: what the policy of rule says of it at a time,
// on the envelopes, and the facts of those that somebody has signed whom the policy names.
// There is a Record for each SBOM that is about the artifact, which read makes a Document
// of, those that are attested first, and one without a Document if there is none. What
// cannot be read or kept is told by the Gaps of one without a Document, the last one. If
// rule has no policy nobody decides, and nothing is attested.
//
// Envelopes that nobody has signed whom the policy names make Records that say so, at
// most 100, and change nothing of the others.
//
// Build is what the provenance says that the policy accepts, or, if it rejects the artifact,
// the first that somebody signed whom it names: who that is Evidence has, and whether
// they may speak for that builder the Verdict says.
//
// Observe fails if ctx ends, and if a has no digest that can be relied on. That nothing
// can be decided is no error of it, but a Verdict.
func Observe(ctx context.Context, rule Rule, a hallmark.Artifact, envelopes []*sign.Envelope, read func(*provenance.SBOM) (*sbom.Document, error), at time.Time) ([]Record, error) {
	base := Record{Artifact: a}
	switch err := base.Check(); {
	case err != nil:
		return nil, fmt.Errorf("inventory: %w", err)
	case rule.Policy != nil && at.IsZero():
		return nil, errors.New("inventory: no time at which the policy is asked")
	case read == nil:
		return nil, errors.New("inventory: no function that reads SBOMs")
	}
	base.Gaps = []string{}
	var result *verify.Result
	if rule.Policy != nil {
		res, err := rule.Policy.Verify(ctx, a, envelopes...)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("inventory: %w", context.Cause(ctx))
		}
		result = res
		base.Verdict = verdictOf(verify.NewReport(a, res, err), rule, at)
		evidence, err := rule.Policy.Recognize(ctx, envelopes...)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("inventory: %w", context.Cause(ctx))
		}
		if err != nil {
			base.Gaps = append(base.Gaps, sentence("who signed the evidence is not fully known: ", err))
		}
		base.Evidence = distinct(evidence)
	}

	// What is said of the artifact, by those who are known first.
	type said struct {
		payload []byte
		signed  hallmark.Digest
		known   bool
	}
	var all []said
	seen := make(map[hallmark.Digest]bool)
	add := func(payloadType string, payload []byte, known bool) {
		s := said{payload, signed(&verify.Evidence{Payload: payload}), known}
		if payloadType == provenance.MediaType && !seen[s.signed] {
			seen[s.signed] = true
			all = append(all, s)
		}
	}
	for i := range base.Evidence {
		add(base.Evidence[i].PayloadType, base.Evidence[i].Payload, true)
	}
	for _, e := range envelopes {
		if e != nil {
			add(e.PayloadType, e.Payload, false)
		}
	}

	needed := make(map[hallmark.Digest]bool) // what the policy accepts the artifact by
	accepted := hallmark.Digest{}            // the provenance among it
	if result != nil {
		for i, proof := range result.Evidence() {
			for k := range proof {
				needed[signed(&proof[k])] = true
				if i == 0 && k == 0 && result.Build() != nil {
					accepted = signed(&proof[k])
				}
			}
		}
	}

	var records []Record
	var unread []string
	ours := make(map[hallmark.Digest]bool) // statements about the artifact
	strange, tooMany, built := 0, 0, false
	for _, s := range all {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("inventory: %w", context.Cause(ctx))
		}
		st, err := provenance.Parse(s.payload)
		if err == nil {
			err = about(s.payload, a)
		}
		if err != nil {
			continue // of another artifact, or of nobody who could be believed
		}
		ours[s.signed] = true
		if b, err := provenance.ParseBuild(st); err == nil && s.known {
			if !built && (accepted.IsZero() || accepted == s.signed) {
				built = true
				base.Build = buildOf(b, base.Evidence, s.signed)
			}
			continue
		}
		if !isSBOM(st.PredicateType) {
			continue
		}
		what := "an SBOM cannot be read: "
		if !s.known {
			what = "an SBOM that nobody has signed whom the policy names cannot be read: "
			if strange++; strange > maxStrange {
				tooMany++
				continue
			}
		}
		r := Record{}
		bom, err := provenance.ParseSBOM(st)
		if err == nil {
			r.Document, err = read(bom)
		}
		if err == nil {
			err = checkDocument(r.Document)
		}
		if err != nil {
			unread = append(unread, sentence(what, err))
			continue
		}
		if s.known {
			r.Attested, r.Revoked = s.signed, !recalls(rule.Policy, base.Evidence, s.signed)
		}
		records = append(records, r)
	}
	if n := len(unread) - maxReasons; n > 0 {
		unread = append(unread[:maxReasons], fmt.Sprintf("%d more SBOMs cannot be read", n))
	}
	if tooMany > 0 {
		unread = append(unread, fmt.Sprintf("%d more SBOMs that nobody has signed whom the policy names are not looked at", tooMany))
	}
	if err := (&Record{Artifact: a, Build: base.Build}).Check(); err != nil {
		base.Gaps = append(base.Gaps, sentence("what the provenance says cannot be kept: ", err))
		base.Build = Build{}
	}

	// What is needed and what is about the artifact is kept before what somebody who is
	// known has signed of others.
	order := func(e verify.Evidence) int {
		switch d := signed(&e); {
		case needed[d]:
			return 0
		case ours[d]:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(base.Evidence, func(x, y verify.Evidence) int { return cmp.Compare(order(x), order(y)) })
	kept, gaps := reduce(base.Evidence, base.Build, func(e verify.Evidence) bool { return order(e) < 2 })
	base.Evidence, base.Gaps = kept, append(base.Gaps, gaps...)

	if len(records) == 0 || len(unread) > 0 {
		records = append(records, Record{Gaps: unread})
	}
	for i := range records {
		r := base
		r.Document, r.Attested, r.Revoked = records[i].Document, records[i].Attested, records[i].Revoked
		r.Gaps = slices.Concat(base.Gaps, records[i].Gaps)
		if !slices.ContainsFunc(kept, func(e verify.Evidence) bool { return e.Signed == r.Attested }) {
			r.Attested, r.Revoked = hallmark.Digest{}, false
		}
		records[i] = r
	}
	return records, nil
}

// distinct returns evidence, each piece once, however many envelopes have it.
func distinct(evidence []verify.Evidence) []verify.Evidence {
	seen := make(map[string]bool)
	return slices.DeleteFunc(evidence, func(e verify.Evidence) bool {
		e.Signed, e.Payload = signed(&e), nil
		text, err := json.Marshal(e)
		again := err == nil && seen[string(text)]
		seen[string(text)] = true
		return again
	})
}

// recalls reports whether somebody whom p names, and does not revoke, has signed a statement,
// of which d is the digest. What cannot be told is not so.
func recalls(p *verify.Policy, evidence []verify.Evidence, d hallmark.Digest) bool {
	return slices.ContainsFunc(evidence, func(e verify.Evidence) bool {
		if e.PayloadType != provenance.MediaType || signed(&e) != d {
			return false
		}
		own, err := p.Recalls(e)
		return own && err == nil
	})
}

// checkDocument returns why a Document cannot be kept.
func checkDocument(d *sbom.Document) error {
	if d == nil {
		return errors.New("the reader has made nothing of it")
	}
	if n := len(d.Components); n > MaxParts {
		return fmt.Errorf("%d components, want at most %d", n, MaxParts)
	}
	errs := new(graph).read(d)
	size := 0
	for _, text := range d.Unknown {
		size += len(text)
	}
	for _, target := range d.Targets {
		for _, text := range target.Unknown {
			size += len(target.Name) + len(text)
		}
	}
	if size > maxPayload {
		errs = append(errs, fmt.Errorf("%d bytes on what it does not tell, want at most %d", size, maxPayload))
	}
	for _, c := range d.All() {
		if _, _, err := newPart(appendComponent(nil, c)).describe(); err != nil && len(errs) < 10 {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func isSBOM(predicateType string) bool {
	return predicateType == provenance.CycloneDXType || strings.HasPrefix(predicateType, provenance.CycloneDXType+"/") ||
		predicateType == provenance.SPDXType || strings.HasPrefix(predicateType, provenance.SPDXType+"/")
}

// sentence returns err as a sentence that may be kept.
func sentence(what string, err error) string {
	text := strings.ToValidUTF8(strings.ReplaceAll(what+err.Error(), "\n", "; "), "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, text)
	const most = 1000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}

// verdictOf returns what a report says, as it is kept.
func verdictOf(r *verify.Report, rule Rule, at time.Time) Verdict {
	v := Verdict{Verdict: r.Verdict, Policy: rule.Digest, At: at}
	if r.Error != "" {
		v.Reasons = append(v.Reasons, sentence("", errors.New(r.Error)))
	}
	more := 0
	for _, c := range r.Checks {
		switch {
		case r.Verdict == verify.Accepted || c.Outcome == verify.Passed:
		case len(v.Reasons) == maxReasons:
			more++
		default:
			name := strings.TrimSpace(string(c.Rule) + " " + c.Item)
			v.Reasons = append(v.Reasons, sentence("", fmt.Errorf("%s %s: got %s, want %s", name, c.Outcome, c.Got, c.Want)))
		}
	}
	if more > 0 {
		v.Reasons = append(v.Reasons, fmt.Sprintf("and %d more", more))
	}
	for _, e := range r.Exceptions {
		d, _ := hallmark.ParseDigest(e.Digest) // of the artifact, which is known
		v.Exceptions = append(v.Exceptions, verify.Exception{Rule: e.Rule, Item: e.Item, Digest: d, Owner: e.Owner, Reason: e.Reason, Control: e.Control, Expires: e.Expires})
	}
	return v
}

// buildOf returns the facts of b, which the evidence with a digest has.
func buildOf(b *provenance.Build, evidence []verify.Evidence, signedAs hallmark.Digest) Build {
	source, _ := b.Source()
	out := Build{Source: source.Repository, Commit: source.Commit, Ref: source.Ref, Builder: b.Builder, Type: b.Type, Run: b.Invocation, Finished: b.Finished}
	for _, name := range []string{"workflow", "pipeline"} {
		p, _ := b.External[name].(map[string]any)
		for _, member := range []string{"path", "entryPoint"} {
			if path, _ := p[member].(string); path != "" && out.Workflow == "" {
				out.Workflow = path
			}
		}
	}
	for i := range evidence {
		e := &evidence[i]
		if signed(e) != signedAs {
			continue
		}
		if c := e.Claims; c != nil && out.Workflow == "" {
			out.Workflow = c.BuildConfig
		}
		for _, t := range e.Times {
			if b.Finished.IsZero() && (out.Finished.IsZero() || t.Before(out.Finished)) {
				out.Finished = t
			}
		}
	}
	for _, d := range b.Inputs() {
		if in := inputOf(d); in.URI+in.Name+in.Location != "" {
			out.Inputs = append(out.Inputs, in)
		}
	}
	return out
}

func inputOf(d provenance.ResourceDescriptor) Input {
	return Input{URI: d.URI, Name: d.Name, Location: d.DownloadLocation, Digests: d.Digest.Digests()}
}

// descriptor returns in as a resource.
func (in *Input) descriptor() map[string]any {
	d := make(map[string]any)
	for name, value := range map[string]string{"uri": in.URI, "name": in.Name, "downloadLocation": in.Location} {
		if value != "" {
			d[name] = value
		}
	}
	if len(in.Digests) > 0 {
		d["digest"] = provenance.NewDigestSet(in.Digests...)
	}
	return d
}

// reduce returns evidence without what is not kept of its payloads: the documents of SBOMs,
// and of provenance those inputs that b has. What is too much all the same is left out,
// and sentences say so; for what is not important, which comes last, there is less room.
func reduce(evidence []verify.Evidence, b Build, important func(verify.Evidence) bool) (kept []verify.Evidence, gaps []string) {
	size, others, left := 0, 0, 0
	for _, e := range evidence {
		e.Signed = signed(&e)
		if st, err := provenance.Parse(e.Payload); err == nil && e.PayloadType == provenance.MediaType {
			emptied := isSBOM(st.PredicateType)
			if _, build := provenance.ParseBuild(st); !emptied && len(e.Payload) > maxPayload && build != nil && st.PredicateType != provenance.LinkType {
				emptied = true
				gaps = append(gaps, fmt.Sprintf("what is in %s is not kept: %d bytes, want at most %d", e.Signed, len(e.Payload), maxPayload))
			}
			payload := e.Payload
			switch {
			case emptied:
				payload, err = replace(e.Payload, json.RawMessage("{}"), "predicate")
			case st.PredicateType == provenance.PredicateType:
				payload, err = withoutInputs(e.Payload, st, b)
			}
			if err == nil {
				e.Payload = payload
			}
		}
		if !important(e) {
			others++
		}
		if len(kept) == maxList || len(e.Payload) > maxPayload || size+len(e.Payload) > maxEvidence || others > maxOthers {
			left++
			continue
		}
		size += len(e.Payload)
		kept = append(kept, e)
	}
	if n := len(gaps) - maxReasons; n > 0 {
		gaps = append(gaps[:maxReasons], fmt.Sprintf("and so is what is in %d more", n))
	}
	if left > 0 {
		gaps = append(gaps, fmt.Sprintf("%d pieces of evidence are too large or too many to be kept", left))
	}
	return kept, gaps
}

// replace returns a JSON object, which was read strictly before, with another value for the
// member at a path.
func replace(object []byte, value json.RawMessage, path ...string) ([]byte, error) {
	if len(path) == 0 {
		return value, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	inner, err := replace(members[path[0]], value, path[1:]...)
	if err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("no object")
	}
	members[path[0]] = inner
	return json.Marshal(members)
}

// dependencies returns the resolvedDependencies of a payload, provenance of version 1, as
// they are written.
func dependencies(payload []byte) (list []json.RawMessage, err error) {
	for _, name := range inDependencies() {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(payload, &members); err != nil {
			return nil, err
		}
		if payload = members[name]; payload == nil {
			return nil, nil
		}
	}
	err = json.Unmarshal(payload, &list)
	return list, err
}

func withDependencies(payload []byte, list []json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return replace(payload, text, inDependencies()...)
}

func inDependencies() []string {
	return []string{"predicate", "buildDefinition", "resolvedDependencies"}
}

// withoutInputs returns the payload of st, provenance, without the inputs of b, if it has
// all of these: each once, as it is kept once. What else there is stays.
func withoutInputs(payload []byte, st *provenance.Statement, b Build) ([]byte, error) {
	build, err := provenance.ParseBuild(st)
	if err != nil {
		return payload, nil
	}
	list, err := dependencies(payload)
	if err != nil || len(list) != len(build.Dependencies) {
		return payload, err
	}
	key := func(in Input) string { return string(appendInput(nil, &in)) }
	known := make(map[string]bool)
	for _, in := range b.Inputs {
		known[key(in)] = true
	}
	inputs := make(map[string]bool)
	for _, d := range build.Inputs() {
		inputs[key(inputOf(d))] = true
	}
	left := []json.RawMessage{}
	for i, d := range build.Dependencies {
		in := inputOf(d)
		// Of a digest by an algorithm that is not known here, nothing would be left.
		same := maps.Equal(provenance.NewDigestSet(in.Digests...), d.Digest) && (d.URI != "" || len(d.Digest) > 0)
		if k := key(in); same && inputs[k] && known[k] {
			delete(known, k)
		} else {
			left = append(left, list[i])
		}
	}
	if len(known) > 0 || len(left) == len(list) {
		return payload, nil
	}
	return withDependencies(payload, left)
}

// restore returns evidence with the inputs that reduce took out of it.
func restore(evidence []verify.Evidence, inputs []Input) error {
	if len(inputs) == 0 {
		return nil
	}
	for i := range evidence {
		e := &evidence[i]
		st, err := provenance.Parse(e.Payload)
		if err != nil || e.PayloadType != provenance.MediaType || st.PredicateType != provenance.PredicateType || e.Signed == signed(&verify.Evidence{Payload: e.Payload}) {
			continue
		}
		list, err := dependencies(e.Payload)
		if err != nil {
			return err
		}
		for k := range inputs {
			text, err := json.Marshal(inputs[k].descriptor())
			if err != nil {
				return err
			}
			list = append(list, text)
		}
		if e.Payload, err = withDependencies(e.Payload, list); err != nil {
			return err
		}
	}
	return nil
}
