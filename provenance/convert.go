package provenance

import (
	"errors"
	"fmt"
	"slices"
)

// A Loss is a value of a predicate that another version of it has no place for.
type Loss struct {
	Path string // where it was, as "$.predicate.buildConfig"
	Why  string
}

func (l Loss) String() string { return l.Path + ": " + l.Why }

// Convert returns s, SLSA provenance of version 0.2 or 0.1, as a statement with
// provenance of version 1, and what of the predicate is not in it: every value
// is either there or in a Loss, of which the path is that of the value or of
// what holds it. What is only unset, null, or an empty object or array is not
// lost.
//
// It follows the migration table of SLSA v1.0, in which the source and the entry
// point become the external parameters "source" and "entryPoint"; they take the
// place of parameters that have these names. Extensions keep their names, but
// for those that would become another member. The build type stays what it was,
// although SLSA asks for another one, which describes the parameters as they are
// now, because nothing here can know it: set it in the Build.
//
// The result is not checked. [Statement.Marshal] does, and refuses what version
// 1 does not allow, a builder without an id for instance. It is a new claim,
// of whoever signs it: it does not have the signature of s.
//
// https://slsa.dev/spec/v1.0/provenance#migrating-from-02
func Convert(s *Statement) (*Statement, []Loss, error) {
	if s.PredicateType != PredicateTypeV02 && s.PredicateType != PredicateTypeV01 {
		return nil, nil, fmt.Errorf("provenance: predicate type %.200q, want %q or %q", s.PredicateType, PredicateTypeV02, PredicateTypeV01)
	}
	if s.Predicate == nil {
		return nil, nil, errors.New("malformed provenance: no predicate")
	}
	o, err := parseOld(s)
	if err != nil {
		return nil, nil, err
	}
	predicate, err := o.marshal()
	if err != nil {
		return nil, nil, err
	}
	return &Statement{Subjects: slices.Clone(s.Subjects), PredicateType: PredicateType, Predicate: predicate}, o.losses, nil
}
