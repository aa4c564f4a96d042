package provenance

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/purl"
)

// ReleaseType is the predicate type of a [Release].
const ReleaseType = "https://in-toto.io/attestation/release/v0.2"

// ReleaseTypeV01 is the predicate type of a Release that is read and not
// written. Its package id is "releaseId", or "packageId" as in the examples of
// the specification.
const ReleaseTypeV01 = "https://in-toto.io/attestation/release/v0.1"

// A Release says that the subjects, all of them and no others, are one version
// of a package. Their names are the names of its files.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/release.md
type Release struct {
	// PURL is the package URL of the package with its version.
	PURL string

	// PackageID stays the same for all versions of the package, whatever it is
	// called; empty if there is none.
	PackageID string

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseRelease returns the Release in s, whose predicate type must be
// [ReleaseType] or [ReleaseTypeV01].
func ParseRelease(s *Statement) (*Release, error) {
	v := new(Release)
	if err := parse(s, v, "release", ReleaseType, ReleaseTypeV01); err != nil {
		return nil, err
	}
	return v, nil
}

// Statement returns the Statement that the release is made of subjects. It fails
// if [Statement.Validate] finds an error in it.
func (v *Release) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(v, subjects)
}

func (*Release) predicateType() string { return ReleaseType }

func (v *Release) shape(predicateType string) shape {
	id := text("packageId", &v.PackageID)
	if predicateType == ReleaseTypeV01 {
		id = id.or("releaseId")
	}
	return shape{[]field{text("purl", &v.PURL), id}, &v.Extensions}
}

func (v *Release) validate(ps *problems, s *Statement) {
	const at = "$.predicate.purl"
	p, err := purl.Parse(v.PURL)
	switch {
	case v.PURL == "":
		ps.add(Error, at, "missing")
	case err != nil:
		ps.add(Error, at, "%v", err)
	case p.Version == "":
		ps.add(Error, at, "%.200q has no version", v.PURL)
	case len(p.Qualifiers) > 0 && p.Type != "oci":
		ps.add(Warning, at, "%.200q has qualifiers, which only some types need to name a release", v.PURL)
	case p.Subpath != "":
		ps.add(Warning, at, "%.200q has a subpath", v.PURL)
	}
	for i, d := range s.Subjects {
		if d.Name == "" {
			ps.add(Warning, fmt.Sprintf("$.subject[%d].name", i), "missing: a release names its files")
		}
	}
}
