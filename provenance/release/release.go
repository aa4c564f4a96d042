// Package release keeps the statements of one release together.
//
// A release is a number of artifacts, and statements about each of them: how it
// was built, what is in it, that it was tested, that it was scanned. A [Set] makes
// these statements over the same subjects in one call:
//
//	set := release.Set{Subjects: files, Build: build, Steps: []release.Step{
//		{Predicate: bom, Of: []string{"app"}}, // a *provenance.SBOM
//		{Predicate: tests},                    // of ReadGoTest
//		{Predicate: scan},                     // of ReadGovulncheck
//	}}
//	statements, err := set.Statements()
//
// Each is signed by itself (package sign), and all go into the file
// "<artifact>.intoto.jsonl" (sign.AppendFile).
//
// [Check] looks at the other end whether such statements belong together: that no
// artifact is without one and no statement without its artifact, that no two
// contradict each other, and that all are of one version. It says what is there,
// not whether to believe it: who signed what is for package verify.
//
// [ReadGoTest] and [ReadGovulncheck] turn what these programs write into
// predicates.
//
// # References
//
// The provenance that a Set makes names the other statements: for each it has a
// byproduct
//
//	{"name":"statement-01","digest":{"sha256":"…"},"mediaType":"application/vnd.in-toto+json",
//	 "annotations":{"predicateType":"https://in-toto.io/attestation/test-result/v0.1"}}
//
// with the digest of the statement's bytes, which are the payload of its envelope.
// Whoever has verified the provenance can tell that a statement is missing or was
// exchanged, whoever signed it.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// A Set is what is said of the artifacts of one release.
type Set struct {
	// Subjects are the artifacts, all of them. Each has a name of its own, and a
	// digest that is [hallmark.Digest.Secure].
	Subjects []hallmark.Artifact

	// Build is how they were made.
	Build *provenance.Build

	// Steps are what else is said of them.
	Steps []Step

	// Rules say what the artifacts need; see [Check].
	Rules Rules
}

// A Step is what one step of a pipeline has to say.
type Step struct {
	// Predicate is what it says: a [provenance.SBOM], a [provenance.TestResult],
	// [provenance.Vulns], or another.
	Predicate Predicate

	// Of are the names of the artifacts that it says it of; none means all.
	Of []string
}

// A Predicate is what can be said of artifacts. The predicates of package
// provenance are Predicates.
type Predicate interface {
	// Statement returns the statement about subjects.
	Statement(subjects ...hallmark.Artifact) (*provenance.Statement, error)
}

// Statements returns the statements that s is: the provenance first, which names
// the others, and then those of the steps in their order. Statements about more
// than [provenance.SplitSize] subjects are split. The same set gives the same
// statements, in whatever order its subjects are.
//
// It is an error if [Check] finds anything in them, such as an artifact without an
// SBOM where another has one.
func (s *Set) Statements() ([]*provenance.Statement, error) {
	if len(s.Subjects) == 0 {
		return nil, errors.New("release: no subjects")
	}
	if s.Build == nil {
		return nil, errors.New("release: no build")
	}
	byName := make(map[string]hallmark.Artifact)
	for i, a := range s.Subjects {
		if _, ok := byName[a.Name]; ok || a.Name == "" {
			return nil, fmt.Errorf("release: subject %d: the name %.200q, want one of its own", i, a.Name)
		}
		byName[a.Name] = a
	}
	var others []*provenance.Statement
	for i, step := range s.Steps {
		if step.Predicate == nil {
			return nil, fmt.Errorf("release: step %d: no predicate", i)
		}
		subjects := s.Subjects
		if len(step.Of) > 0 {
			subjects = nil
			for _, name := range step.Of {
				a, ok := byName[name]
				if !ok {
					return nil, fmt.Errorf("release: step %d: no subject is named %.200q", i, name)
				}
				subjects = append(subjects, a)
			}
		}
		parts, err := state(step.Predicate, subjects)
		if err != nil {
			return nil, fmt.Errorf("release: step %d: %w", i, err)
		}
		others = append(others, parts...)
	}

	build := *s.Build
	build.Byproducts = slices.Clone(build.Byproducts)
	payloads := make(map[string]bool)
	for i, other := range others {
		d, err := payloadDigest(other)
		if err != nil {
			return nil, fmt.Errorf("release: %w", err)
		}
		payloads[d] = true
		build.Byproducts = append(build.Byproducts, provenance.ResourceDescriptor{
			Name:        fmt.Sprintf("statement-%02d", i+1),
			Digest:      provenance.DigestSet{"sha256": d},
			MediaType:   provenance.MediaType,
			Annotations: map[string]any{annotationPredicateType: other.PredicateType},
		})
	}
	statements, err := state(&build, s.Subjects)
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	for _, st := range statements {
		// What cannot be written and read again is not handed out.
		if _, err := st.Marshal(); err != nil {
			return nil, fmt.Errorf("release: %w", err)
		}
	}
	statements = append(statements, others...)
	if r := check(statements, s.Subjects, s.Rules, payloads); !r.OK() {
		return nil, fmt.Errorf("release: the set is not complete:\n%s", r)
	}
	return statements, nil
}

// annotationPredicateType is the annotation of a byproduct that is a statement.
const annotationPredicateType = "predicateType"

// state returns the statements of p about subjects, of which there may be more
// than one statement can have.
func state(p Predicate, subjects []hallmark.Artifact) ([]*provenance.Statement, error) {
	s, err := p.Statement(subjects[0])
	if err != nil {
		return nil, err
	}
	if len(s.Subjects) != 1 {
		return nil, fmt.Errorf("a statement about %d subjects, want the one it was asked for", len(s.Subjects))
	}
	s.Subjects = nil
	for _, a := range subjects {
		s.Subjects = append(s.Subjects, provenance.ResourceDescriptor{Name: a.Name, Digest: provenance.NewDigestSet(a.Digests...)})
	}
	return s.Split(0)
}

// payloadDigest returns the SHA-256 of s as it is signed, in hexadecimal.
func payloadDigest(s *provenance.Statement) (string, error) {
	payload, err := s.Marshal()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:]), nil
}
