package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// Expect returns a Policy for the releases after r: trust on first use. It asks what
// r's policy asks, but for a Commit, a Version and a Subject, which are of one release;
// and that the next build is like this one: of the same builder of the policy, source
// with its ids, build type, kind of ref, trigger, runner and environment, with the same
// external parameters but for those that r's policy lets be anything, and of no version
// before this one. It has no exceptions. It is an error if r has no provenance, and if
// that needed an exception: what was excused is nothing to go by.
//
// What [Policy.Verify] then rejects is what the next release changed;
// [Result.Compare] shows what changed in one that is accepted.
func Expect(r *Result) (*Policy, error) {
	if r == nil || r.build == nil {
		return nil, errors.New("verify: expect: there is no provenance to go by")
	}
	if excused(r.build.checks) > 0 {
		return nil, fmt.Errorf("verify: expect: the build of %s needed an exception", title(r.artifact))
	}
	c := *r.policy
	p := &c
	source, parameter := r.build.build.Source()
	f := factsOf(r.build.build, r.build.evidence.Claims)
	p.Builders = []Builder{r.build.builder}
	p.BuildTypes = []string{r.build.build.Type}
	p.Source, p.SourceID, p.OwnerID = source.Repository, f.repositoryID, f.ownerID
	p.Commit, p.Version, p.Subject, p.Exceptions = hallmark.Digest{}, "", "", nil
	switch p.Refs = kindOf(source.Ref); {
	case p.Refs.IsZero():
		p.Commit = source.Commit
	case p.Refs.Releases:
		p.AtLeast = lastPart(source.Ref)
		if in := (Refs{Versions: r.policy.Refs.Versions}); in.Allow(source.Ref) {
			p.Refs = in
		}
	}
	p.Triggers, p.Runners, p.Environments = only(f.trigger), only(f.runner), only(f.environment)
	p.Parameters = make(map[string]Parameter)
	for at, v := range parametersOf(r.build.build, source, parameter) {
		q := r.policy.Parameters[at]
		if !q.Any {
			q = Parameter{OneOf: []any{v}}
		}
		p.Parameters[at] = q
	}
	p.Inputs.Pinned, p.Inputs.Origins = maps.Clone(p.Inputs.Pinned), slices.Clone(p.Inputs.Origins)
	p.Require, p.Steps, p.Revoked = slices.Clone(p.Require), slices.Clone(p.Steps), slices.Clone(p.Revoked)
	return p, nil
}

// kindOf returns the refs that are of the kind of ref: every release, or the same
// branch or tag.
func kindOf(ref string) Refs {
	if (Refs{Releases: true}).Allow(ref) {
		return Refs{Releases: true}
	}
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return Refs{Branches: []string{branch}}
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return Refs{Tags: []string{tag}}
	}
	return Refs{}
}

// only returns a list of s, or none.
func only(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// A Change is what differs between two builds.
type Change struct {
	What     string // "builder", "parameter", "input" …
	Item     string // which of several; often empty
	Old, New string // empty for what was not there
}

// Compare returns what differs between the build of r and that of a later release,
// sorted by kind and name: builder, signer, level, build type, source, ref, commit,
// trigger, runner, environment, external parameters and inputs. A Result without
// provenance has none of these.
func (r *Result) Compare(next *Result) []Change {
	old, now := r.traits(), next.traits()
	var all []Change
	keys := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(now)))
	slices.SortFunc(keys, func(a, b trait) int {
		return strings.Compare(a.what+"\x00"+a.item, b.what+"\x00"+b.item)
	})
	for _, k := range slices.Compact(keys) {
		if old[k] != now[k] {
			all = append(all, Change{k.what, k.item, old[k], now[k]})
		}
	}
	return all
}

type trait struct{ what, item string }

// traits are what a build can be compared by.
func (r *Result) traits() map[trait]string {
	if r == nil || r.build == nil {
		return nil
	}
	b := r.build.build
	source, parameter := b.Source()
	f := factsOf(b, r.build.evidence.Claims)
	all := map[trait]string{
		{"builder", ""}:       b.Builder,
		{"signer", ""}:        r.build.evidence.signer(),
		{"level", ""}:         strconv.Itoa(r.Level()),
		{"build type", ""}:    b.Type,
		{"source", ""}:        source.Repository,
		{"repository id", ""}: f.repositoryID,
		{"owner id", ""}:      f.ownerID,
		{"ref", ""}:           source.Ref,
		{"commit", ""}:        source.Commit.String(),
		{"trigger", ""}:       f.trigger,
		{"runner", ""}:        f.runner,
		{"environment", ""}:   f.environment,
	}
	if c := r.build.evidence.Claims; c != nil {
		all[trait{"builder commit", ""}] = c.BuildSignerDigest
	}
	for at, v := range parametersOf(b, source, parameter) {
		text, err := strictjson.Append(nil, v)
		if err != nil {
			text = []byte("a value that cannot be written")
		}
		all[trait{"parameter", at}] = string(text)
	}
	inputs := make(map[string][]string)
	for _, d := range b.Inputs() {
		if d.URI != "" {
			inputs[d.URI] = append(inputs[d.URI], texts(d.Digest.Digests())...)
		}
	}
	for uri, digests := range inputs {
		slices.Sort(digests)
		all[trait{"input", uri}] = strings.Join(digests, " ")
	}
	return all
}
