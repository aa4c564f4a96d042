// Package intoto turns Statements into the protocol buffer types of
// github.com/in-toto/attestation and back.
//
// It is for programs that already speak those types. They should not be what a
// statement is written with: the JSON that protobuf makes of them differs from
// one build of a program to the next, and their numbers are floating point.
package intoto

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-dev/hallmark/internal/strictjson"
	"github.com/hallmark-dev/hallmark/provenance"
)

// ToProto returns s as a protocol buffer. It fails if [provenance.Statement]'s
// Marshal does, if a subject has Extensions, which the official types have no
// place for, and if an annotation or the predicate has an integer beyond 2⁵³,
// where a protocol buffer rounds: the error names it. Numbers with a fraction or
// an exponent become the nearest floating point numbers.
func ToProto(s *provenance.Statement) (*v1.Statement, error) {
	data, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	v, err := strictjson.Value(data)
	if err != nil {
		return nil, fmt.Errorf("intoto: %w", err)
	}
	if err := exact("$", v); err != nil {
		return nil, err
	}
	p := new(v1.Statement)
	if err := protojson.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("intoto: %w", err)
	}
	return p, nil
}

// FromProto returns p as a Statement. The _type must be
// [provenance.StatementType]. Nothing else is checked: see
// [provenance.Statement.Validate].
func FromProto(p *v1.Statement) (*provenance.Statement, error) {
	if p == nil {
		return nil, errors.New("intoto: no statement")
	}
	data, err := protojson.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("intoto: %w", err)
	}
	s, err := provenance.Parse(data)
	if err != nil {
		return nil, err
	}
	if s.Type != "" {
		return nil, fmt.Errorf("malformed statement: _type %q, want %q", s.Type, provenance.StatementType)
	}
	if s.Predicate != nil {
		// What protojson wrote has white space that nobody may rely on.
		if s.Predicate, err = strictjson.Append(nil, s.Predicate); err != nil {
			return nil, fmt.Errorf("intoto: predicate: %w", err)
		}
	}
	return s, nil
}

// exact returns an error if v holds an integer beyond 2⁵³.
func exact(path string, v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if err := exact(path+"."+name, v[name]); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := exact(path+"["+strconv.Itoa(i)+"]", e); err != nil {
				return err
			}
		}
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return nil
		}
		if n, err := v.Int64(); err != nil || n > 1<<53 || n < -1<<53 {
			return fmt.Errorf("intoto: %s: the integer %.40s is beyond 2⁵³, where a protocol buffer rounds", path, v)
		}
	}
	return nil
}
