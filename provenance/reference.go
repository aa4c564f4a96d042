package provenance

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// ReferenceType is the predicate type of a [Reference].
const ReferenceType = "https://in-toto.io/attestation/reference/v0.1"

// A Reference points to documents about the subjects, an SBOM for instance,
// that are kept elsewhere.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/reference.md
type Reference struct {
	// Attester is who provides the documents.
	Attester Agent

	// References are the documents. Each has a DownloadLocation and a MediaType,
	// and should have a digest.
	References []ResourceDescriptor

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseReference returns the Reference in s, whose predicate type must be
// [ReferenceType].
func ParseReference(s *Statement) (*Reference, error) {
	v := new(Reference)
	if err := parse(s, v, "reference", ReferenceType); err != nil {
		return nil, err
	}
	return v, nil
}

// Statement returns the Statement that the documents are about subjects. It
// fails if [Statement.Validate] finds an error in it.
func (v *Reference) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(v, subjects)
}

func (*Reference) predicateType() string { return ReferenceType }

func (v *Reference) shape(string) shape {
	return shape{[]field{
		nested("attester", true, v.Attester.shape()),
		descriptors("references", &v.References),
	}, &v.Extensions}
}

func (v *Reference) validate(ps *problems, _ *Statement) {
	const at = "$.predicate"
	checkURI(ps, at+".attester.id", v.Attester.ID)
	if len(v.References) == 0 {
		ps.add(Error, at+".references", "no reference")
	}
	validateDescriptors(ps, at+".references", v.References)
	for i, d := range v.References {
		at := fmt.Sprintf("%s.references[%d]", at, i)
		if d.DownloadLocation == "" {
			ps.add(Error, at+".downloadLocation", "missing")
		}
		if d.MediaType == "" {
			ps.add(Error, at+".mediaType", "missing: application/octet-stream if it is not known")
		}
		if len(d.Digest) == 0 {
			ps.add(Warning, at+".digest", "missing: the document can be exchanged")
		}
	}
}
