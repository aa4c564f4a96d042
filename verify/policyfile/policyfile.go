// Package policyfile reads a [verify.Policy] from a file, in YAML or in JSON, and
// writes one. This is all that there is in one:
//
//	expires: 2027-01-31             # a day, which is its first moment in UTC, or 2027-01-31T12:00:00Z
//	serial: 7                       # grows with each edition; Options.MinSerial refuses older ones
//	builders:
//	  - id: https://github.com/org/app/.github/workflows/release.yml
//	    refs: {releases: true}      # which behind an @ follow the id; without them the id is whole
//	    workflow:                   # who signs without a key; Options.Workflow returns the identity
//	      issuer: https://token.actions.githubusercontent.com
//	    commit: 89abcdef0123456789abcdef0123456789abcdef   # of the builder
//	    level: 2
//	  - id: https://github.com/actions/runner/github-hosted
//	    delegated: true             # the workflow is another than the id
//	    workflow:
//	      issuer: https://token.actions.githubusercontent.com
//	      builder: https://github.com/org/app/.github/workflows/npm.yml
//	      refs: {tags: [v1]}        # which behind an @ follow the builder
//	  - id: https://example.com/builder
//	    key: release                # a name; Options.Key returns the key
//	source: https://github.com/org/app
//	sourceID: "1296269"             # by which the platform tells the repository
//	ownerID: "583231"               # and whom it belongs to
//	subject: pkg:npm/%40org/app@1.2.3
//	refs: {releases: true, versions: ">=1.2.0 <2.0.0", branches: [main], tags: [nightly]}   # or: any, {any: true}
//	commit: 0123456789abcdef0123456789abcdef01234567
//	signedCommit: true
//	version: v1.2.3                 # as which the artifact is offered
//	atLeast: v1.1.0
//	buildTypes: [https://actions.github.io/buildtypes/workflow/v1]
//	older: true                     # statements and provenance before version 1, too
//	parameters:
//	  /workflow/path: .github/workflows/release.yml   # exactly this value
//	  /inputs/channel: {oneOf: [stable, beta]}
//	  /inputs/note: any                               # or: {any: true}
//	triggers: [push, release]
//	runners: [github-hosted]
//	environments: [production]
//	maxAge: 30d                     # or hours, 12h
//	inputs:
//	  pinned: {"https://go.dev/dl/go1.26.8.linux-amd64.tar.gz": "sha256:…"}
//	  origins: ["git+https://github.com/org/"]
//	  digests: true                 # each input has one
//	buildInfo: true
//	steps:
//	  - name: review
//	    predicateType: https://in-toto.io/attestation/link/v0.3
//	    keys: [alice, bob]          # and workflows and accounts, as in what is required
//	    threshold: 2
//	  - name: bundle
//	    predicateType: https://slsa.dev/provenance/v1
//	    builder: https://example.com/bundler
//	    keys: [bundler]
//	require:
//	  - predicateType: https://cyclonedx.org/bom
//	    keys: [release, {name: audit, from: 2026-01-01, until: 2027-01-01}]
//	    threshold: 2
//	    subject: app                # the artifact's name in it
//	    maxAge: 90d
//	    sbom: {minimum: [ntia-2021], buildInfo: true, minAge: 7d, maxAge: 1000d}
//	  - predicateType: https://in-toto.io/attestation/test-result/v0.1
//	    workflows:
//	      - issuer: https://gitlab.com
//	        builder: https://gitlab.com/org/app//.gitlab-ci.yml
//	        refs: {branches: [main]}
//	    accounts:
//	      - {issuer: https://accounts.google.com, subject: releases@example.com}
//	    tests: true
//	  - predicateType: https://in-toto.io/attestation/vulns/v0.2
//	    keys: [scanner]
//	    scan: {below: 9.0, method: cvss_score}        # or {}: none at all
//	  - predicateType: https://slsa.dev/verification_summary/v1
//	    source: true                # about the commit, and not the artifact
//	    keys: [source]
//	    summary:
//	      verifier: https://example.com/source-verifier
//	      resource: git+https://github.com/org/app
//	      refs: {branches: [main]}
//	      level: 3
//	      properties: [SLSA_SOURCE_TWO_PARTY_REVIEWED]
//	      policy: "sha256:…"
//	  - predicateType: https://in-toto.io/attestation/svr/v0.2
//	    keys: [audit]
//	    properties: [ORG_OIDC_ACCESS]
//	revoked:                        # each one of key, builder, and issuer with subject
//	  - {key: "sha256:…", from: 2026-03-01, reason: the laptop was stolen}
//	  - {builder: https://example.com/builder}
//	  - {issuer: https://accounts.google.com, subject: mallory@example.com}
//	exceptions:
//	  - rule: vulnerability
//	    item: CVE-2026-0001
//	    digest: "sha256:…"          # of the artifact
//	    owner: alice@example.com
//	    reason: there is no fixed version yet
//	    control: the endpoint is not reachable from outside
//	    expires: 2026-12-31
//
// What each means is said at the field of [verify.Policy] of that name; source of a
// requirement is OfSource. Every member of the document may be left out. What is
// missing is then missing in the Policy, and the caller may fill it in; a Policy that
// lacks what it must have is refused by [verify.Policy.Verify]. A builder has an id,
// and a key or a workflow; what is required, and a step, has a predicate type, and
// keys, workflows or accounts, whose number counts for the threshold together; an
// exception has all members but item.
//
// A key, a workflow and an account can have from and until, the times between which it
// may have signed: see [verify.During]. A key then is {name: release, until: 2027-01-01}.
//
// # Who signs
//
// A file only names who signs, and [Options] say who that is. Names without the
// function for them are an error. Workflows and accounts sign without a key of
// their own: package sign/sigstore makes their identities of a trusted root, which
// a file does not name. The workflow of a builder is the builder, with the builder's
// refs, unless it says another; then delegated must be true, and otherwise it must
// not.
//
// # What is refused
//
// A member that is not known, is there twice or has another type is an error with
// its line, as are an empty list, one that has the same twice, and a document that is
// empty or has a second one behind it. Aliases, merge keys and custom tags are not
// read.
//
// Truth is written true or false, and numbers as JSON has them: what versions
// of YAML or its readers disagree about is an error. JSON is read as the YAML
// that it is, so its escapes \/ and those of surrogate pairs (\ud83d\ude00) are
// not; the characters themselves are.
//
// A file that is well-formed can still be refused: it has expired, is older than
// Options.MinSerial, or stands for a policy that accepts what it should not. That is
// an error of its own, "refused policy: what".
//
// # To begin with
//
// [Preset] writes a policy file for GitHub, GitLab, or a builder that has a key of its
// own, with comments that say what each part is for. [Marshal] writes what is a Policy
// already, as the one that [verify.Expect] makes of a release.
//
// # Signed policies
//
// Where a file goes through hands that are not trusted it is signed: its bytes are the
// payload of an envelope with the type [MediaType], and [ParseSigned] reads it. Who
// withholds the next edition, or brings back the last, needs no key, so a signed
// policy must have expires and serial. What names it in a summary or a report is its
// [Descriptor], which is the same for the file and in the envelope.
package policyfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sign"
	"github.com/hallmark-dev/hallmark/verify"
)

// MediaType is the payload type of an envelope with a policy file, in YAML or in
// JSON.
const MediaType = "application/vnd.hallmark.policy+yaml"

// Options says how [Parse] resolves what a file only names.
type Options struct {
	// Key returns the public key that a file calls name. Without it every
	// name is unknown.
	Key func(name string) (sign.Verifier, error)

	// Workflow returns the identity of the workflow builder of a build platform,
	// whose identity tokens are issued by issuer: that of
	// sigstore.Workflow{Issuer: issuer, Builder: builder, Refs: refs}. Without it
	// every workflow is unknown. Refs are not zero if the builder is named without
	// the ref that comes behind it.
	Workflow func(issuer, builder string, refs verify.Refs) (verify.Identity, error)

	// Account returns the identity of the person or service that issuer calls
	// subject: that of sigstore.Account{Issuer: issuer, Subject: subject}. Without
	// it every account is unknown.
	Account func(issuer, subject string) (verify.Identity, error)

	// Named is called, unless it is nil, with each identity and how the file names
	// it: what [Marshal] asks for.
	Named func(verify.Identity, Signatory)

	// MinSerial is the lowest serial that is accepted, that of the last policy that
	// the caller has used, so that an older one does not come back. Of two with the
	// same serial either is as good. Zero accepts every policy, also one without a
	// serial.
	MinSerial int

	// Now is what the policy has as its Now. It must be given if somebody may have
	// signed only from or until some time, if a policy that has all it must have has
	// a rule about time, and for [ParseSigned].
	Now func() time.Time

	// Inspector is what the policy has as its Inspector.
	Inspector verify.Inspector
}

// A Signatory is who signs, as a file names them: by one of Key, Builder and Subject.
type Signatory struct {
	Key string // the name of a key

	Issuer  string      // who issues the identity tokens of a workflow or an account
	Builder string      // of a workflow
	Refs    verify.Refs // of a workflow that Builder names without a ref
	Subject string      // of an account

	// From and Until are the times between which it may have signed; zero leaves
	// that end open.
	From, Until time.Time
}

// String names s for people.
func (s Signatory) String() string {
	switch {
	case s.Key != "":
		return fmt.Sprintf("key %.100q", s.Key)
	case s.Subject != "":
		return fmt.Sprintf("account %.100q", s.Subject)
	}
	return fmt.Sprintf("workflow %.100q", s.Builder)
}

// Parse parses a policy. Faults are reported together, at most [MaxFaults] of them,
// each as "malformed policy: line N: what". What is no YAML is one fault, whose line
// is given if the YAML reader knows it.
//
// A policy that has all it must have is probed, and refused if it would accept what no
// policy means: see [verify.Policy.Probe]. One that leaves its builders, its source,
// its build types, or both its refs and its commit to the caller is not; who fills
// them in should probe it then.
func Parse(data []byte, o Options) (*verify.Policy, error) { return parse(data, o, false) }

// ParseSigned parses a policy that id has signed, of which nothing is read before.
// The error wraps [verify.ErrNotSigned] if somebody else has signed e or nobody. It is
// an error, too, if what was signed is not of the type [MediaType], if the policy does
// not say when it expires or what its serial is, and if o has no Now.
func ParseSigned(ctx context.Context, e *sign.Envelope, id verify.Identity, o Options) (*verify.Policy, error) {
	switch {
	case e == nil:
		return nil, errors.New("policyfile: no envelope")
	case id == nil:
		return nil, errors.New("policyfile: nobody is expected to sign the policy")
	case o.Now == nil:
		return nil, errors.New("policyfile: a signed policy, and no Options.Now to tell the time")
	}
	ev, err := id.Recognize(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("policyfile: %s: %w", id, err)
	}
	// What the caller names by its digest is the envelope's payload.
	if ev == nil || len(ev.Keys) == 0 && ev.Claims == nil || ev.PayloadType != e.PayloadType || !bytes.Equal(ev.Payload, e.Payload) {
		return nil, fmt.Errorf("policyfile: %s: recognized without evidence of what the envelope has", id)
	}
	if ev.PayloadType != MediaType {
		return nil, fmt.Errorf("policyfile: what was signed is a %.100q, want %q", ev.PayloadType, MediaType)
	}
	return parse(ev.Payload, o, true)
}

// Serial returns the serial of a policy file, or 0 if it has none. It is to be kept
// for the next time, as Options.MinSerial. Nothing else of the file is looked at:
// [Parse] has done that. Of a signed one data is the payload of its envelope.
func Serial(data []byte) (int, error) {
	doc, err := document(data)
	if err != nil {
		return 0, err
	}
	serial, p := 0, new(parser)
	p.mapping(doc, "a policy", func(name string, _, v *yaml.Node) bool {
		if name == "serial" {
			serial = p.number(v)
		}
		return true
	})
	return serial, p.err()
}

// Descriptor names a policy file by its digest, that of its bytes by SHA-256, and by
// uri, where it can be had. It is what [verify.Result.VSA] wants. Of a signed one data
// is the payload of its envelope.
func Descriptor(uri string, data []byte) provenance.ResourceDescriptor {
	sum := sha256.Sum256(data)
	return provenance.ResourceDescriptor{
		URI:       uri,
		Digest:    provenance.DigestSet{"sha256": hex.EncodeToString(sum[:])},
		MediaType: MediaType,
	}
}

func parse(data []byte, o Options, signed bool) (*verify.Policy, error) {
	doc, err := document(data)
	if err != nil {
		return nil, err
	}
	p := parser{options: o}
	policy := p.policy(doc, signed)
	if err := p.err(); err != nil {
		return nil, err
	}
	policy.Now, policy.Inspector = o.Now, o.Inspector
	if complete(policy) {
		if err := policy.Probe(context.Background()); err != nil {
			return nil, fmt.Errorf("refused policy: %w", err)
		}
	}
	return policy, nil
}

// complete reports whether p leaves nothing to the caller that it must have.
func complete(p *verify.Policy) bool {
	asked := []bool{
		len(p.Builders) > 0, p.Source != "", len(p.BuildTypes) > 0,
		!p.Refs.IsZero() || !p.Commit.IsZero(),
	}
	if !slices.Contains(asked, true) {
		// It relies on a verifier who has seen the provenance.
		return slices.ContainsFunc(p.Require, func(q verify.Requirement) bool { return q.Summary != nil && !q.OfSource })
	}
	return !slices.Contains(asked, false)
}

// document returns what data has in it as YAML.
func document(data []byte) (*yaml.Node, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("malformed policy: %d bytes, at most %d are read", len(data), MaxSize)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("malformed policy: it is empty")
	case err != nil:
		return nil, fmt.Errorf("malformed policy: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("malformed policy: a second document")
	}
	return doc.Content[0], nil
}
