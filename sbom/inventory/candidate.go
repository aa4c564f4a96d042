package inventory

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hallmark-dev/hallmark/internal/purl"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/sbom/osv"
)

// A candidate is a part that is asked for.
type candidate struct {
	part      int32
	component *sbom.Component
	doubt     string
	finding   *osv.Finding
}

// candidates returns the parts that q asks for, by their numbers.
func (s *session) candidates(ctx context.Context, q *Query) ([]candidate, error) {
	var terms []string
	switch {
	case q.Package != sbom.Query{}:
		want, err := purl.Parse(q.Package.PURL)
		if err != nil {
			return nil, err
		}
		// A malformed query is one also if there is nothing to hold against it.
		if _, _, err := q.Package.Match(new(sbom.Component)); err != nil {
			return nil, err
		}
		terms = packageTerms(want)
	case !q.Digest.IsZero():
		terms = []string{componentTerm(q.Digest)}
	case q.License != "":
		terms = []string{licenseTerm(q.License)}
	default:
		return nil, errors.New("the query names no package, digest or licence")
	}
	if q.License != "" {
		if ids, err := sbom.LicenseIDs(q.License); err != nil || len(ids) != 1 {
			return nil, fmt.Errorf("malformed licence %.100q: want one identifier", q.License)
		}
	}
	found, err := s.partsBy(ctx, terms)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(c candidate) bool {
		of := componentTerms(c.component)
		return !q.Digest.IsZero() && !slices.Contains(of, componentTerm(q.Digest)) ||
			q.License != "" && !slices.Contains(of, licenseTerm(q.License))
	})
	if q.Package == (sbom.Query{}) {
		return found, nil
	}

	var matches []candidate
	for _, c := range found {
		m, ok, err := q.Package.Match(c.component)
		if err != nil {
			return nil, err
		}
		if ok {
			c.doubt = m.Doubt
			matches = append(matches, c)
		}
	}
	return matches, nil
}

// concerned returns the parts that a is about, by their numbers: those that it affects,
// may affect, or does not because of what is not linked, and with all those in other
// versions too.
func (s *session) concerned(ctx context.Context, a *osv.Advisory, all bool) ([]candidate, error) {
	var terms []string
	for _, u := range a.PURLs() {
		p, err := purl.Parse(u)
		if err != nil {
			return nil, err
		}
		terms = append(terms, packageTerms(p)...)
	}
	found, err := s.partsBy(ctx, terms)
	if err != nil {
		return nil, err
	}
	var concerned []candidate
	for _, c := range found {
		f := a.Affects(c.component)
		if f.Answer == osv.Unaffected && (!all || f.Package == nil) {
			continue
		}
		c.finding = &f
		if f.Answer == osv.Doubt {
			c.doubt = f.Reason
		}
		concerned = append(concerned, c)
	}
	return concerned, nil
}

// partsBy returns the components with one of the terms, by their numbers.
func (s *session) partsBy(ctx context.Context, terms []string) ([]candidate, error) {
	found := make(map[int32]candidate)
	terms = slices.DeleteFunc(terms, func(term string) bool { return !plain(term, maxTerm) }) // which no component has
	for some := range slices.Chunk(terms, inlineLimit) {
		values := make([]any, len(some))
		for i, term := range some {
			values[i] = term
		}
		err := s.query(ctx, func(rows *sql.Rows) error {
			var c candidate
			var data sql.RawBytes
			if err := rows.Scan(&c.part, &data); err != nil {
				return err
			}
			var err error
			c.component, err = parseComponent(string(data))
			found[c.part] = c
			return err
		}, "SELECT t.part, p.data FROM inventory_term t LEFT JOIN inventory_part p ON p.id = t.part WHERE t.term IN ("+list(len(some))+")", values...)
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b candidate) int { return cmp.Compare(a.part, b.part) }), nil
}
