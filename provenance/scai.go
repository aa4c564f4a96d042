package provenance

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// SCAIType is the predicate type of a [SCAI].
const SCAIType = "https://in-toto.io/attestation/scai/v0.3"

// SCAITypeV02 is the predicate type of SCAI that is read and not written. Its
// members are those of v0.3.
const SCAITypeV02 = "https://in-toto.io/attestation/scai/attribute-report/v0.2"

// A SCAI report asserts attributes of the subjects: that they were hardened, or
// built on a machine that can prove its state (Software Supply Chain Attribute
// Integrity).
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/scai.md
type SCAI struct {
	// Attributes are the assertions, in the producer's order.
	Attributes []Assertion

	// Producer is what made the subjects; nil if not told.
	Producer *ResourceDescriptor

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// An Assertion is one attribute of a [SCAI].
type Assertion struct {
	// Attribute is its name, "WITH_STACK_PROTECTION", which producer and
	// consumer agree on.
	Attribute string

	// Target is what has the attribute, if that is not the subject.
	Target *ResourceDescriptor

	// Conditions are those under which it arises; JSON values.
	Conditions map[string]any

	// Evidence is what shows it; nil if there is only the producer's word.
	Evidence *ResourceDescriptor

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseSCAI returns the SCAI in s, whose predicate type must be [SCAIType] or
// [SCAITypeV02].
func ParseSCAI(s *Statement) (*SCAI, error) {
	c := new(SCAI)
	if err := parse(s, c, "attribute report", SCAIType, SCAITypeV02); err != nil {
		return nil, err
	}
	return c, nil
}

// Statement returns the Statement that subjects have the attributes. It fails if
// [Statement.Validate] finds an error in it.
func (c *SCAI) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(c, subjects)
}

func (*SCAI) predicateType() string { return SCAIType }

func (c *SCAI) shape(string) shape {
	return shape{[]field{
		list("attributes", &c.Attributes, func(a *Assertion) shape {
			return shape{[]field{
				text("attribute", &a.Attribute),
				descriptor("target", &a.Target),
				values("conditions", &a.Conditions),
				descriptor("evidence", &a.Evidence),
			}, &a.Extensions}
		}),
		descriptor("producer", &c.Producer),
	}, &c.Extensions}
}

func (c *SCAI) validate(ps *problems, _ *Statement) {
	const at = "$.predicate"
	switch n := len(c.Attributes); {
	case n == 0:
		ps.add(Error, at+".attributes", "no attribute")
	case n > MaxDependencies:
		ps.add(Error, at+".attributes", "%d attributes, at most %d can be read", n, MaxDependencies)
		return
	}
	for i, a := range c.Attributes {
		at := fmt.Sprintf("%s.attributes[%d]", at, i)
		if a.Attribute == "" {
			ps.add(Error, at+".attribute", "missing")
		}
		if a.Target != nil {
			a.Target.validate(ps, at+".target")
		}
		if a.Evidence != nil {
			a.Evidence.validate(ps, at+".evidence")
		}
	}
	if c.Producer != nil {
		c.Producer.validate(ps, at+".producer")
	}
}
