package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// Observe makes the Records of an artifact: what the policy of rule says of it at a time,
// on the envelopes, and the facts of those that somebody has signed whom the policy names.
// There is a Record for each SBOM that is about the artifact, which read makes a Document
// of, or one without a Document if there is none. An SBOM that nobody has signed whom the
// policy names is not attested, and none is if rule has no policy: nobody decides then. What
// cannot be read is told by Gaps.
//
// Build is what the provenance says that the policy accepts, or, if it rejects the artifact,
// the first that somebody signed whom it names: who that is Evidence has, and whether
// they may speak for that builder the Verdict says.
//
// Observe fails if ctx ends. That nothing can be decided is no error of it, but a Verdict.
func Observe(ctx context.Context, rule Rule, a hallmark.Artifact, envelopes []*sign.Envelope, read func(*provenance.SBOM) (*sbom.Document, error), at time.Time) ([]Record, error) {
	base := Record{Artifact: a}
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
			base.Gaps = append(base.Gaps, sentences("who signed the evidence is not fully known: ", err)...)
		}
		base.Evidence = evidence
	}

	// What is said of the artifact, by those who are known first.
	type said struct {
		payload  []byte
		attested hallmark.Digest
	}
	var all []said
	seen := make(map[hallmark.Digest]bool)
	for i := range base.Evidence {
		e := &base.Evidence[i]
		if d := signed(e); e.PayloadType == provenance.MediaType && !seen[d] {
			seen[d] = true
			all = append(all, said{e.Payload, d})
		}
	}
	for _, e := range envelopes {
		if e == nil || e.PayloadType != provenance.MediaType {
			continue
		}
		if d := signed(&verify.Evidence{Payload: e.Payload}); !seen[d] {
			seen[d] = true
			all = append(all, said{e.Payload, hallmark.Digest{}})
		}
	}

	var records []Record
	accepted := hallmark.Digest{} // the provenance that the policy accepts
	if result != nil && result.Build() != nil {
		if proofs := result.Evidence(); len(proofs) > 0 && len(proofs[0]) > 0 {
			accepted = signed(&proofs[0][0])
		}
	}
	built := false
	for _, s := range all {
		st, err := provenance.Parse(s.payload)
		if err == nil {
			err = about(s.payload, a)
		}
		if err != nil {
			continue // of another artifact, or of nobody who could be believed
		}
		if b, err := provenance.ParseBuild(st); err == nil && !s.attested.IsZero() {
			if !built && (accepted.IsZero() || accepted == s.attested) {
				built = true
				base.Build = buildOf(b, base.Evidence, s.attested)
			}
			continue
		}
		if !isSBOM(st.PredicateType) {
			continue
		}
		r := Record{Attested: s.attested}
		bom, err := provenance.ParseSBOM(st)
		if err == nil {
			r.Document, err = read(bom)
		}
		if err == nil && r.Document == nil {
			err = errors.New("the reader has made nothing of it")
		}
		if err == nil {
			err = errors.Join(new(graph).read(r.Document)...)
		}
		if err != nil {
			r.Document, r.Attested = nil, hallmark.Digest{}
			r.Gaps = sentences("an SBOM cannot be read: ", err)
		}
		records = append(records, r)
	}

	if len(records) == 0 {
		records = append(records, Record{})
	}
	var failed error
	base.Evidence, failed = reduce(base.Evidence, base.Build)
	if failed != nil {
		base.Gaps = append(base.Gaps, sentences("not all evidence can be kept: ", failed)...)
	}
	for i := range records {
		r := &records[i]
		doc, attested, gaps := r.Document, r.Attested, r.Gaps
		*r = base
		r.Document, r.Attested = doc, attested
		r.Gaps = append(slices.Clone(base.Gaps), gaps...)
	}
	return records, nil
}

func isSBOM(predicateType string) bool {
	return predicateType == provenance.CycloneDXType || strings.HasPrefix(predicateType, provenance.CycloneDXType+"/") ||
		predicateType == provenance.SPDXType || strings.HasPrefix(predicateType, provenance.SPDXType+"/")
}

// sentences returns err as a sentence that may be kept.
func sentences(what string, err error) []string {
	text := strings.ReplaceAll(strings.ToValidUTF8(what+err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	const most = 1000
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return []string{strings.ReplaceAll(text, "\n", "; ")}
}

// verdictOf returns what a report says, as it is kept.
func verdictOf(r *verify.Report, rule Rule, at time.Time) Verdict {
	v := Verdict{Verdict: r.Verdict, Policy: rule.Digest, At: at}
	if r.Error != "" {
		v.Reasons = sentences("", errors.New(r.Error))
	}
	for _, c := range r.Checks {
		if r.Verdict == verify.Accepted || c.Outcome == verify.Passed || len(v.Reasons) == maxReasons {
			continue
		}
		v.Reasons = append(v.Reasons, sentences("", errors.New(strings.TrimSpace(fmt.Sprintf("%s %s %s: got %s, want %s", c.Rule, c.Item, c.Outcome, c.Got, c.Want))))...)
	}
	for _, e := range r.Exceptions {
		d, err := hallmark.ParseDigest(e.Digest)
		if err != nil {
			continue // it names the artifact, which is known
		}
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
		in := Input{URI: d.URI, Name: d.Name, Location: d.DownloadLocation}
		for _, digest := range d.Digest.Digests() {
			in.Digests = append(in.Digests, digest)
		}
		if in.URI+in.Name+in.Location != "" {
			out.Inputs = append(out.Inputs, in)
		}
	}
	return out
}

// reduce returns evidence without what is not kept of its payloads: the documents of SBOMs,
// and of provenance those inputs that b has. What is too large all the same is left out, and
// the error says so.
func reduce(evidence []verify.Evidence, b Build) ([]verify.Evidence, error) {
	var kept []verify.Evidence
	var errs []error
	for _, e := range evidence {
		e.Signed = signed(&e)
		if st, err := provenance.Parse(e.Payload); err == nil && e.PayloadType == provenance.MediaType {
			switch {
			case isSBOM(st.PredicateType):
				e.Payload, err = replace(e.Payload, json.RawMessage("{}"), "predicate")
			case st.PredicateType == provenance.PredicateType:
				e.Payload, err = withoutInputs(e.Payload, st, b)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.Signed, err))
				continue
			}
		}
		if len(e.Payload) > maxPayload {
			errs = append(errs, fmt.Errorf("%s: %d bytes, want at most %d", e.Signed, len(e.Payload), maxPayload))
			continue
		}
		kept = append(kept, e)
	}
	return kept, errors.Join(errs...)
}

// replace returns a JSON object, which was read strictly before, with another value for the member at a path.
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
	members[path[0]] = inner
	return json.Marshal(members)
}

const dependencies = "resolvedDependencies"

// withoutInputs returns the payload of st, provenance, without those dependencies that are
// among the inputs of b, as they are, and no others.
func withoutInputs(payload []byte, st *provenance.Statement, b Build) ([]byte, error) {
	build, err := provenance.ParseBuild(st)
	if err != nil {
		return payload, nil // kept as it is
	}
	known := make(map[string]bool)
	for i := range b.Inputs {
		known[string(appendInput(nil, &b.Inputs[i]))] = true
	}
	inputs := make(map[string]bool)
	for _, in := range buildOf(build, nil, hallmark.Digest{}).Inputs {
		inputs[string(appendInput(nil, &in))] = true
	}
	var predicate struct {
		BuildDefinition map[string]json.RawMessage `json:"buildDefinition"`
	}
	if err := json.Unmarshal(st.Predicate, &predicate); err != nil {
		return nil, err
	}
	var all, left []json.RawMessage
	if err := json.Unmarshal(predicate.BuildDefinition[dependencies], &all); err != nil {
		return payload, nil // there are none
	}
	left = []json.RawMessage{}
	for i, d := range build.Dependencies {
		in := Input{URI: d.URI, Name: d.Name, Location: d.DownloadLocation, Digests: d.Digest.Digests()}
		key := string(appendInput(nil, &in))
		if len(all) != len(build.Dependencies) || !known[key] || !inputs[key] {
			left = append(left, all[i])
		}
	}
	if len(left) == len(all) {
		return payload, nil
	}
	text, err := json.Marshal(left)
	if err != nil {
		return nil, err
	}
	return replace(payload, text, "predicate", "buildDefinition", dependencies)
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
		var predicate struct {
			BuildDefinition map[string]json.RawMessage `json:"buildDefinition"`
		}
		if err := json.Unmarshal(st.Predicate, &predicate); err != nil {
			return err
		}
		var all []json.RawMessage
		if err := json.Unmarshal(predicate.BuildDefinition[dependencies], &all); err != nil {
			return err
		}
		for k := range inputs {
			in := &inputs[k]
			d := make(map[string]any)
			for name, value := range map[string]string{"uri": in.URI, "name": in.Name, "downloadLocation": in.Location} {
				if value != "" {
					d[name] = value
				}
			}
			if len(in.Digests) > 0 {
				d["digest"] = provenance.NewDigestSet(in.Digests...)
			}
			text, err := json.Marshal(d)
			if err != nil {
				return err
			}
			all = append(all, text)
		}
		text, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if e.Payload, err = replace(e.Payload, text, "predicate", "buildDefinition", dependencies); err != nil {
			return err
		}
	}
	return nil
}
