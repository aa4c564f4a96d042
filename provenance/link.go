package provenance

import (
	"fmt"

	"github.com/hallmark-dev/hallmark"
)

// LinkType is the predicate type of a [Link].
const LinkType = "https://in-toto.io/attestation/link/v0.3"

// A Link says that a step of a supply chain was carried out: it took materials
// and made the subjects.
//
// https://github.com/in-toto/attestation/blob/main/spec/predicates/link.md
type Link struct {
	// Name is the step's name in the layout of the supply chain.
	Name string

	// Command is the program that was run and its arguments.
	Command []string

	// Materials are what the step took. Each has a name, which no other has,
	// and a digest.
	Materials []ResourceDescriptor

	// Byproducts are what the step left beside; JSON values. Classic in-toto
	// has "stdout", "stderr" and "return-value".
	Byproducts map[string]any

	// Environment is what the step ran in; JSON values. It is published:
	// environment variables do not belong here but one by one.
	Environment map[string]any

	// Extensions are members that this package does not know.
	Extensions Extensions
}

// ParseLink returns the Link in s, whose predicate type must be [LinkType].
func ParseLink(s *Statement) (*Link, error) {
	l := new(Link)
	if err := parse(s, l, "link", LinkType); err != nil {
		return nil, err
	}
	return l, nil
}

// Statement returns the Statement that the step made subjects, which must all
// have names. It fails if [Statement.Validate] finds an error in it.
func (l *Link) Statement(subjects ...hallmark.Artifact) (*Statement, error) {
	return state(l, subjects)
}

func (*Link) predicateType() string { return LinkType }

func (l *Link) shape(string) shape {
	return shape{[]field{
		text("name", &l.Name),
		texts("command", &l.Command, MaxDependencies),
		descriptors("materials", &l.Materials),
		values("byproducts", &l.Byproducts),
		values("environment", &l.Environment),
	}, &l.Extensions}
}

func (l *Link) validate(ps *problems, s *Statement) {
	const at = "$.predicate"
	for i, d := range s.Subjects {
		if d.Name == "" {
			ps.add(Error, fmt.Sprintf("$.subject[%d].name", i), "missing: a step is matched with others by the names of its products")
		}
	}
	if l.Name == "" {
		ps.add(Error, at+".name", "missing")
	}
	validateDescriptors(ps, at+".materials", l.Materials)
	names := make(map[string]int)
	for i, d := range l.Materials {
		at := fmt.Sprintf("%s.materials[%d]", at, i)
		if first, ok := names[d.Name]; d.Name == "" {
			ps.add(Error, at+".name", "missing")
		} else if ok {
			ps.add(Error, at+".name", "%.200q is also the name of material %d", hideUsers(d.Name), first)
		} else {
			names[d.Name] = i
		}
		if len(d.Digest) == 0 {
			ps.add(Error, at+".digest", "a material needs a digest")
		}
	}
}
