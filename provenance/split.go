package provenance

import (
	"fmt"
	"strings"
)

// SplitSize is how many subjects a statement may have for those who take the
// least: GitHub keeps attestations of at most 1024.
const SplitSize = 1024

// Split returns statements that say of the subjects of s what s says, each about
// at most size of them; [SplitSize] if size is 0. Each is complete by itself: it
// has the whole predicate. They have the subjects in the order in which
// [Statement.Marshal] writes them, and only the last has fewer than size, so
// that the same subjects make the same statements in whatever order they come.
//
// s may have more than [MaxSubjects]. It is an error if two subjects have one
// name, wherever they are, if [Statement.Validate] finds an error in one of the
// statements, and if what s says, a [Release] or a [Link], is about all of its
// subjects together and there are more than size.
func (s *Statement) Split(size int) ([]*Statement, error) {
	if size == 0 {
		size = SplitSize
	}
	if size < 0 || size > MaxSubjects {
		return nil, fmt.Errorf("provenance: statements of %d subjects, want 1 to %d", size, MaxSubjects)
	}
	if len(s.Subjects) > size {
		switch s.PredicateType {
		case ReleaseType, ReleaseTypeV01, LinkType:
			return nil, fmt.Errorf("provenance: %d subjects, want at most %d: a predicate of type %s is about all of them together",
				len(s.Subjects), size, s.PredicateType)
		}
	}
	subjects := sortedSubjects(s.Subjects)
	for i := 1; i < len(subjects); i++ {
		if name := subjects[i].Name; name != "" && name == subjects[i-1].Name {
			return nil, fmt.Errorf("provenance: two subjects are named %.200q", hideUsers(name))
		}
	}
	parts := make([]*Statement, 0, len(subjects)/size+1)
	for first := 0; first < len(subjects) || first == 0; first += size {
		part := *s
		last := min(first+size, len(subjects))
		part.Subjects = subjects[first:last:last]
		if err := part.check(); err != nil {
			return nil, err
		}
		parts = append(parts, &part)
	}
	return parts, nil
}

// sortedSubjects returns subjects in the order in which they are written.
func sortedSubjects(subjects []ResourceDescriptor) []ResourceDescriptor {
	return sortedBy(subjects, func(a, b *ResourceDescriptor) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.URI, b.URI)
	})
}
