package verify

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
)

// Probe tries p on evidence that it must not accept, and returns an error that names
// what it accepted: nothing at all; a signature by a key that nobody has, verified now or
// kept, for each of its identities; and, with identities that stand in for those of p, provenance that is
// all that p asks for but for another builder, another source or another artifact,
// and summaries of another verifier or artifact. Identities are asked, so that one
// that has to ask somebody else takes its time.
//
// A policy that passes may still be a bad one.
func (p *Policy) Probe(ctx context.Context) error {
	if p == nil {
		return errors.New("verify: policy: there is none")
	}
	var now time.Time
	if p.Now != nil {
		now = p.Now()
	}
	if err := p.check(now); err != nil {
		return err
	}
	const nobody = "https://nobody.invalid/"
	a := hallmark.Artifact{Name: "probe", Digests: []hallmark.Digest{digestOf([]byte("probe"))}}
	other := hallmark.Artifact{Name: "another", Digests: []hallmark.Digest{digestOf([]byte("another"))}}
	var errs []error

	// A key that everybody can make is nobody's.
	seed := sha256.Sum256([]byte("a key that no policy names"))
	stranger, err := sign.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return err
	}
	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://nobody.invalid/","subject":[{"digest":{"sha256":"` + a.Digests[0].Hex() + `"}}]}`)
	e, err := sign.Sign(ctx, provenance.MediaType, payload, stranger)
	if err != nil {
		return err
	}
	fp, err := sign.Fingerprint(stranger.Public())
	if err != nil {
		return err
	}
	kept := Evidence{PayloadType: e.PayloadType, Payload: e.Payload, Keys: []hallmark.Digest{fp}, Threshold: 1}
	for _, id := range p.identities() {
		if ev, err := id.Recognize(ctx, e); err == nil && ev != nil {
			errs = append(errs, fmt.Errorf("verify: policy: %s recognizes a signature by a stranger", id))
		}
		if ev, err := recall(id, &kept); err == nil && ev != nil {
			errs = append(errs, fmt.Errorf("verify: policy: %s recalls a signature by a stranger", id))
		}
		if ctx.Err() != nil {
			return fmt.Errorf("verify: %w", context.Cause(ctx))
		}
	}
	accepted := func(what string, q *Policy, a hallmark.Artifact, envelopes ...*sign.Envelope) {
		if _, err := q.Verify(ctx, a, envelopes...); err == nil {
			errs = append(errs, fmt.Errorf("verify: policy: it accepts %s", what))
		}
	}
	accepted("an artifact without evidence", p, a)
	accepted("an artifact that a stranger signed", p, a, e)

	// What is left is to be tried alone, by somebody who speaks for everybody.
	q := *p
	q.Require, q.Steps, q.Exceptions, q.Inspector, q.Builders = nil, nil, nil, nobodyElse{}, nil
	for _, b := range p.Builders {
		c := claimed(p, &b, now)
		for _, name := range []string{"workflow", "pipeline", "source"} {
			for _, lie := range []struct {
				what string
				of   func(c *Claims)
				a    hallmark.Artifact
			}{
				{"provenance of another builder", func(c *Claims) { c.Builder = nobody + "builder" }, a},
				{"provenance of another source", func(c *Claims) { c.Repository = nobody + "source" }, a},
				{"provenance of another artifact", func(*Claims) {}, other},
			} {
				said := c
				lie.of(&said)
				b.Identity = everybody{said, now}
				q.Builders = []Builder{b}
				e, err := p.imagine(&said, name, a)
				if err != nil {
					return err
				}
				accepted(lie.what, &q, lie.a, e)
			}
		}
	}
	for _, r := range p.Require {
		if r.Summary == nil || r.OfSource {
			continue
		}
		s := *r.Summary
		r.Identities, r.Threshold = []Identity{everybody{Claims{Issuer: nobody, Subject: nobody}, now}}, 1
		v := provenance.VSA{
			Verifier: provenance.Agent{ID: s.Verifier}, TimeVerified: now, ResourceURI: s.Resource, Result: provenance.Passed,
			Policy:         provenance.ResourceDescriptor{URI: nobody},
			VerifiedLevels: append([]string{fmt.Sprintf("SLSA_BUILD_LEVEL_%d", s.Level)}, s.Properties...),
		}
		if now.IsZero() {
			v.TimeVerified = time.Unix(0, 0)
		}
		if !s.Policy.IsZero() {
			v.Policy.Digest = provenance.NewDigestSet(s.Policy)
		}
		only := &Policy{Require: []Requirement{r}, Now: p.Now}
		for _, lie := range []struct {
			what string
			of   func(v *provenance.VSA)
			a    hallmark.Artifact
		}{
			{"a summary of another verifier", func(v *provenance.VSA) { v.Verifier.ID = nobody + "verifier" }, a},
			{"a summary of another resource", func(v *provenance.VSA) { v.ResourceURI = nobody + "resource" }, a},
			{"a summary of another artifact", func(*provenance.VSA) {}, other},
		} {
			said := v
			lie.of(&said)
			st, err := said.Statement(a)
			if err != nil {
				continue // what it asks for cannot be said
			}
			e, err := imagined(st)
			if err != nil {
				return err
			}
			accepted(lie.what, only, lie.a, e)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	return errors.Join(errs...)
}

// identities returns everybody whom p names.
func (p *Policy) identities() []Identity {
	var all []Identity
	for _, b := range p.Builders {
		all = append(all, b.Identity)
	}
	for _, q := range p.Require {
		all = append(all, q.Identities...)
	}
	for _, s := range p.Steps {
		all = append(all, s.Identities...)
	}
	return all
}

// everybody signs whatever there is.
type everybody struct {
	claims Claims
	at     time.Time
}

func (e everybody) Recognize(_ context.Context, env *sign.Envelope) (*Evidence, error) {
	return &Evidence{PayloadType: env.PayloadType, Payload: env.Payload, Claims: &e.claims, Times: []time.Time{e.at}}, nil
}

func (everybody) String() string { return "everybody" }

// nobodyElse is an Inspector that is content.
type nobodyElse struct{}

func (nobodyElse) Inspect(context.Context, hallmark.Artifact, *provenance.Statement, Question) ([]Finding, error) {
	return []Finding{{Outcome: Passed}}, nil
}

// claimed returns the claims of a build by b that p would accept, as far as they can
// be made up.
func claimed(p *Policy, b *Builder, now time.Time) Claims {
	first := func(list []string, otherwise string) string {
		if len(list) > 0 {
			return list[0]
		}
		return otherwise
	}
	c := Claims{
		Issuer: "https://nobody.invalid/", Builder: b.ID, Repository: p.Source, RepositoryID: p.SourceID, OwnerID: p.OwnerID,
		Ref: p.Refs.example(), Commit: strings.Repeat("0", 40), Trigger: first(p.Triggers, "push"), Runner: first(p.Runners, "github-hosted"),
		Environment: first(p.Environments, ""), Invocation: "https://nobody.invalid/runs/1/attempts/1", BuildSignerDigest: b.Commit.Hex(),
	}
	if !b.Refs.IsZero() {
		c.Builder += "@" + b.Refs.example()
	}
	if !p.Commit.IsZero() {
		c.Commit = p.Commit.Hex()
	}
	if v := p.Version; v != "" && p.Refs.Allow("refs/tags/"+v) {
		c.Ref = "refs/tags/" + v
	} else if v := p.AtLeast; v != "" && p.Refs.Allow("refs/tags/"+v) {
		c.Ref = "refs/tags/" + v
	}
	c.Subject, c.BuildSigner = c.Builder, c.Builder
	return c
}

// example returns a ref that r allows, or "".
func (r Refs) example() string {
	try := []string{"refs/tags/v1.0.0", "refs/heads/main"}
	for _, b := range r.Branches {
		try = append(try, "refs/heads/"+b)
	}
	for _, t := range r.Tags {
		try = append(try, "refs/tags/"+t)
	}
	for word := range strings.FieldsSeq(r.Versions) {
		try = append(try, "refs/tags/v"+strings.TrimPrefix(strings.TrimLeft(word, "<>=!"), "v"))
	}
	for _, ref := range try {
		if r.Allow(ref) {
			return ref
		}
	}
	return ""
}

// imagine returns provenance of a by a build that c is about, whose source is the
// external parameter of a name. Nobody signed it.
func (p *Policy) imagine(c *Claims, name string, a hallmark.Artifact) (*sign.Envelope, error) {
	external := map[string]any{name: map[string]any{"repository": c.Repository, "ref": c.Ref}}
	for at, q := range p.Parameters {
		v := any("probe")
		if len(q.OneOf) > 0 {
			v = q.OneOf[0]
		}
		put(external, strings.Split(at, "/")[1:], v)
	}
	commit, err := hallmark.ParseDigest("gitCommit:" + c.Commit)
	if err != nil {
		return nil, err
	}
	source := provenance.Source{Repository: c.Repository, Ref: c.Ref, Commit: commit}
	d, _ := source.Descriptor()
	b := provenance.Build{Type: p.BuildTypes[0], External: external, Dependencies: []provenance.ResourceDescriptor{d}, Builder: c.Builder, Invocation: c.Invocation}
	for uri, d := range p.Inputs.Pinned {
		b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{URI: uri, Digest: provenance.NewDigestSet(d)})
	}
	a.Name = p.Subject
	st, err := b.Statement(a)
	if err != nil {
		return nil, err
	}
	return imagined(st)
}

// put sets the value at a path of object members, unless something else is on it.
func put(object map[string]any, path []string, v any) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i, name := range path {
		name = unescape.Replace(name)
		if i == len(path)-1 {
			if _, taken := object[name]; !taken {
				object[name] = v
			}
			return
		}
		next, ok := object[name].(map[string]any)
		if !ok {
			if _, taken := object[name]; taken {
				return
			}
			next = make(map[string]any)
			object[name] = next
		}
		object = next
	}
}

// imagined returns st in an envelope that nobody signed.
func imagined(st *provenance.Statement) (*sign.Envelope, error) {
	payload, err := st.Marshal()
	if err != nil {
		return nil, err
	}
	return &sign.Envelope{PayloadType: provenance.MediaType, Payload: payload, Signatures: []sign.Signature{{Sig: []byte{0}}}}, nil
}
