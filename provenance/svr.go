package provenance

import (
	"fmt"
	"time"

	"github.com/hallmark-dev/hallmark"
)

// SVRType is the predicate type of an [SVR].
const SVRType = "https://in-toto.io/attestation/svr/v0.2"

// SVRTypeV01 is the predicate type of an SVR that is read and not written. It
// has no policies.
const SVRTypeV01 = "https://in-toto.io/attestation/svr/v0.1"

// An SVR is a simple verification result: a verifier says which properties it
// found the subjects to have.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md
type SVR struct {
	// Verifier is who verified.
	Verifier Agent

	// Policies are what the subjects were held against. They are written even if
	// there are none.
	Policies []ResourceDescriptor

	// TimeCreated is when.
	TimeCreated time.Time

	// Properties are names of what was found, "SLSA_BUILD_LEVEL_3" or names of
	// the verifier's own.
	Properties []string

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseSVR returns the SVR in s, whose predicate type must be [SVRType] or
// [SVRTypeV01].
func ParseSVR(s *Statement) (*SVR, error) {
	v := new(SVR)
	if err := parse(s, v, "verification result", SVRType, SVRTypeV01); err != nil {
		return nil, err
	}
	return v, nil
}

// Statement returns the Statement that subjects have the properties. It fails if
// [Statement.Validate] finds an error in it.
func (v *SVR) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(v, subjects)
}

func (*SVR) predicateType() string { return SVRType }

func (v *SVR) shape(string) shape {
	return shape{[]field{
		nested("verifier", true, v.Verifier.shape(descriptors("policies", &v.Policies).always())),
		timestamp("timeCreated", &v.TimeCreated),
		texts("properties", &v.Properties, MaxLevels).always(),
	}, &v.Extensions}
}

func (v *SVR) validate(ps *problems, _ *Statement) {
	const at = "$.predicate"
	checkURI(ps, at+".verifier.id", v.Verifier.ID)
	if v.Policies == nil {
		ps.add(Error, at+".verifier.policies", "missing: it is an empty list if there are none")
	}
	validateDescriptors(ps, at+".verifier.policies", v.Policies)
	if v.TimeCreated.IsZero() {
		ps.add(Error, at+".timeCreated", "missing")
	}
	if v.Properties == nil {
		ps.add(Error, at+".properties", "missing")
	}
	seen := make(map[string]bool)
	for i, p := range v.Properties {
		at := fmt.Sprintf("%s.properties[%d]", at, i)
		if p == "" {
			ps.add(Error, at, "empty")
		}
		if seen[p] {
			ps.add(Warning, at, "%.200q occurs twice", p)
		}
		seen[p] = true
	}
}
