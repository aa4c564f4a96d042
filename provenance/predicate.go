package provenance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/internal/strictjson"
)

// A predicate is the value of one of the predicate types that this package
// knows beside SLSA Build provenance.
type predicate interface {
	// predicateType is the type that the predicate is written with.
	predicateType() string

	// shape is what there is to read and to write in a statement of a
	// predicate type. Its members point into the predicate.
	shape(predicateType string) shape

	// validate reports what is wrong with the predicate as the one of s.
	validate(ps *problems, s *Statement)
}

// newPredicate returns an empty predicate for a type that this package reads, or
// nil.
func newPredicate(predicateType string) predicate {
	switch predicateType {
	case VSAType, VSATypeV02, VSATypeV01:
		return new(VSA)
	case TestResultType:
		return new(TestResult)
	case VulnsType, VulnsTypeV01, CosignVulnsType:
		return new(Vulns)
	case SCAIType, SCAITypeV02:
		return new(SCAI)
	case ReleaseType, ReleaseTypeV01:
		return new(Release)
	case LinkType:
		return new(Link)
	case ReferenceType:
		return new(Reference)
	case SVRType, SVRTypeV01:
		return new(SVR)
	}
	return nil
}

// validateOther reports what is wrong with the predicate of s, if its type is
// known and not that of SLSA Build provenance. The rules are those of the types
// that this package writes; others need only be such as can be read.
func (s *Statement) validateOther(ps *problems) {
	if isSBOM(s.PredicateType) {
		validateSBOM(ps, s)
		return
	}
	p := newPredicate(s.PredicateType)
	if p == nil {
		return
	}
	if s.Predicate == nil {
		ps.add(Error, "$.predicate", "missing")
		return
	}
	shape := p.shape(s.PredicateType)
	if err := strictjson.Read(s.Predicate, shape.read); err != nil {
		ps.add(Error, "$.predicate", "%v", err)
		return
	}
	if s.PredicateType == p.predicateType() {
		p.validate(ps, s)
		shape.validate(ps, "$.predicate")
	}
}

// parse reads the predicate of s into p, which is called what and read from the
// types, the first of which it is written with.
func parse(s *Statement, p predicate, what string, types ...string) error {
	if !slices.Contains(types, s.PredicateType) {
		return fmt.Errorf("provenance: predicate type %.200q, want %q", s.PredicateType, types[0])
	}
	if s.Predicate == nil {
		return fmt.Errorf("malformed %s: no predicate", what)
	}
	if err := strictjson.Read(s.Predicate, p.shape(s.PredicateType).read); err != nil {
		return fmt.Errorf("malformed %s: %w", what, err)
	}
	return nil
}

// write returns p as JSON.
func write(p predicate) (json.RawMessage, error) {
	b, err := p.shape(p.predicateType()).append(nil)
	if err != nil {
		return nil, fmt.Errorf("provenance: predicate: %w", err)
	}
	return b, nil
}

// state returns the Statement that p is what is said of subjects.
func state(p predicate, subjects []hallmark.Artifact) (*Statement, error) {
	b, err := write(p)
	if err != nil {
		return nil, err
	}
	return New(p.predicateType(), b, subjects...)
}

// A shape is that of a JSON object as it is read into and written from a value of
// Go: the members that are known, in the order in which they are written, and the
// others.
type shape struct {
	fields     []field
	extensions *Extensions
}

// A field is a member that is known of an object.
type field struct {
	name     string
	also     []string // other names that it has where it is read
	set      bool     // it is written
	read     func(r *strictjson.Reader) error
	append   func(b []byte) ([]byte, error)
	validate func(ps *problems, at string) // the extensions in it; nil if it has none
}

// read reads o. A null is as good as no member; a name that differs from a
// known one in case only is an error; members that are not known are kept.
func (o shape) read(r *strictjson.Reader) error {
	names := o.names()
	seen := make([]bool, len(names))
	return r.Object(func(name string) (err error) {
		for i, f := range o.fields {
			if name != f.name && !slices.Contains(f.also, name) {
				continue
			}
			if r.Null() {
				return nil
			}
			if seen[i] {
				return r.Errorf("a second %s", f.name)
			}
			seen[i] = true
			return f.read(r)
		}
		*o.extensions, err = extension(r, *o.extensions, name, names...)
		return err
	})
}

// append appends o: the known members in their order, then the others by name.
func (o shape) append(b []byte) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(*o.extensions)) {
		if known := mistaken(name, o.names()...); known != "" {
			return nil, fmt.Errorf("extension %.100q: some readers take it for %s", name, known)
		}
	}
	sep := byte('{')
	var err error
	for _, f := range o.fields {
		if !f.set {
			continue
		}
		b = append(append(append(b, sep, '"'), f.name...), '"', ':')
		if b, err = f.append(b); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		sep = ','
	}
	if sep == '{' && len(*o.extensions) == 0 {
		b = append(b, '{')
	}
	if b, err = o.extensions.append(b, sep); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// validate reports what is wrong with the extensions of o and of the objects in
// it.
func (o shape) validate(ps *problems, at string) {
	o.extensions.validate(ps, at, o.names()...)
	for _, f := range o.fields {
		if f.validate != nil {
			f.validate(ps, at+"."+f.name)
		}
	}
}

// names returns the names of the members that are known.
func (o shape) names() []string {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.name
	}
	return names
}

// or returns f with other names under which it is read.
func (f field) or(names ...string) field {
	f.also = names
	return f
}

// always returns f as one that is written even if it is empty.
func (f field) always() field {
	f.set = true
	return f
}

// plain is a member whose value strictjson writes.
func plain(name string, set bool, v any, read func(r *strictjson.Reader) error) field {
	return field{name: name, set: set, read: read, append: func(b []byte) ([]byte, error) {
		return strictjson.Append(b, v)
	}}
}

// text is a string, which is not written if it is empty.
func text[S ~string](name string, v *S) field {
	return plain(name, *v != "", string(*v), func(r *strictjson.Reader) error {
		s, err := r.String()
		*v = S(s)
		return err
	})
}

// texts is a list of at most limit strings, which is not written if it is nil.
func texts(name string, v *[]string, limit int) field {
	return plain(name, *v != nil, *v, func(r *strictjson.Reader) error {
		*v = []string{}
		return r.Array(func(i int) error {
			if i == limit {
				return r.Errorf("more than %d strings", limit)
			}
			s, err := r.String()
			*v = append(*v, s)
			return err
		})
	})
}

// textMap is an object of strings, which is not written if it is nil.
func textMap(name string, v *map[string]string) field {
	return plain(name, *v != nil, *v, func(r *strictjson.Reader) error {
		*v = make(map[string]string)
		return r.Object(func(key string) (err error) {
			(*v)[key], err = r.String()
			return err
		})
	})
}

// values is an object of JSON values, which is not written if it is nil.
func values(name string, v *map[string]any) field {
	return plain(name, *v != nil, *v, func(r *strictjson.Reader) error {
		*v = make(map[string]any)
		return r.Object(func(key string) (err error) {
			(*v)[key], err = r.Value()
			return err
		})
	})
}

// timestamp is a time, which is not written if it is zero.
func timestamp(name string, v *time.Time) field {
	return plain(name, !v.IsZero(), v.UTC().Format(time.RFC3339Nano), func(r *strictjson.Reader) error {
		s, err := r.String()
		if err != nil {
			return err
		}
		t, err := parseTime(r, s)
		*v = t.UTC()
		return err
	})
}

// unnoted is a noter for predicates that have no place for notes.
func unnoted(Severity, string, string, ...any) {}

// resource is a resource, which is always written.
func resource(name string, v *ResourceDescriptor) field {
	return field{
		name: name, set: true,
		read: func(r *strictjson.Reader) (err error) {
			*v, err = readDescriptor(r, unnoted)
			return err
		},
		append: func(b []byte) ([]byte, error) { return v.append(b) },
	}
}

// descriptor is a resource, which is not written if it is nil.
func descriptor(name string, v **ResourceDescriptor) field {
	return field{
		name: name, set: *v != nil,
		read: func(r *strictjson.Reader) error {
			d, err := readDescriptor(r, unnoted)
			*v = &d
			return err
		},
		append: func(b []byte) ([]byte, error) { return (*v).append(b) },
	}
}

// descriptors is a set of resources, written in their order. It is not written
// if it is nil.
func descriptors(name string, v *[]ResourceDescriptor) field {
	return field{
		name: name, set: *v != nil,
		read: func(r *strictjson.Reader) (err error) {
			if *v, err = readDescriptors(r, MaxDependencies, unnoted); *v == nil {
				*v = []ResourceDescriptor{}
			}
			return err
		},
		append: func(b []byte) ([]byte, error) {
			return appendList(b, sorted(*v), func(b []byte, d *ResourceDescriptor) ([]byte, error) { return d.append(b) })
		},
	}
}

// nested is an object. It is not written if set is false.
func nested(name string, set bool, o shape) field {
	return field{name: name, set: set, read: o.read, append: o.append, validate: o.validate}
}

// list is a list of objects in their order, which is not written if it is nil.
func list[T any](name string, v *[]T, of func(*T) shape) field {
	return field{
		name: name, set: *v != nil,
		read: func(r *strictjson.Reader) error {
			*v = []T{}
			return r.Array(func(i int) error {
				if i == MaxDependencies {
					return r.Errorf("more than %d elements", MaxDependencies)
				}
				var e T
				err := of(&e).read(r)
				*v = append(*v, e)
				return err
			})
		},
		append: func(b []byte) ([]byte, error) {
			return appendList(b, *v, func(b []byte, e *T) ([]byte, error) { return of(e).append(b) })
		},
		validate: func(ps *problems, at string) {
			for i := range *v {
				of(&(*v)[i]).validate(ps, fmt.Sprintf("%s[%d]", at, i))
			}
		},
	}
}

func appendList[T any](b []byte, list []T, element func([]byte, *T) ([]byte, error)) ([]byte, error) {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = element(b, &list[i]); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(b, ']'), nil
}

// An Agent is who did what a predicate tells of: a verifier, an attester.
type Agent struct {
	// ID is the URI of the agent.
	ID string

	// Version has versions of the agent's parts, by their names.
	Version map[string]string

	// Extensions are members that this package does not know.
	Extensions Extensions
}

func (a *Agent) shape(more ...field) shape {
	return shape{append([]field{
		text("id", &a.ID),
		textMap("version", &a.Version),
	}, more...), &a.Extensions}
}

// A Result is the outcome of a verification or a test.
type Result string

const (
	Passed Result = "PASSED" // nothing failed or warned
	Warned Result = "WARNED" // of tests only: none failed
	Failed Result = "FAILED" // something failed
)
