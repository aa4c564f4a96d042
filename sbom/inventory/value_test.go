package inventory

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/sbom"
	"github.com/hallmark-dev/hallmark/verify"
)

// What is wrong with a Record is an error, whatever else is.
func TestCheckOfNothing(t *testing.T) {
	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"` + strings.Repeat("a", 64) +
		`"}}],"predicateType":"https://cyclonedx.org/bom","predicate":{}}`)
	if _, err := provenance.Parse(payload); err != nil {
		t.Fatal(err)
	}
	e := verify.Evidence{PayloadType: provenance.MediaType, Payload: payload, Keys: []hallmark.Digest{fingerprint(t, 1)}}
	r := Record{Document: new(sbom.Document), Evidence: []verify.Evidence{e}, Attested: signed(&e)}
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "another artifact") {
		t.Errorf("error %v", err)
	}
}

// A component that could not be read again is refused.
func TestZeroDigest(t *testing.T) {
	d := &sbom.Document{Main: sbom.Component{Ref: "main"}, Components: []sbom.Component{{Ref: "a", Name: "left", Digests: make([]hallmark.Digest, 1)}}}
	err := new(prepared).of(&Record{Artifact: artifact(t), Document: d})
	if err == nil || !strings.Contains(err.Error(), `component "left": a zero digest`) {
		t.Errorf("error %v", err)
	}
}

// Facts are read as they were written, with all that they have.
func TestFacts(t *testing.T) {
	d, err := hallmark.ParseDigest("sha256:" + strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	e := verify.Exception{Rule: "source", Item: "item", Digest: d, Owner: "owner", Reason: "reason", Control: "control", Expires: noon()}
	for i, v := 0, reflect.ValueOf(e); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("this test forgets %s", v.Type().Field(i).Name)
		}
	}
	for _, want := range []any{
		&origin{"source", "workflow", "builder", "type", []string{"a", "b"}}, new(origin),
		&decision{"accepted", d, []string{"one", "two"}, []verify.Exception{e, {}}}, new(decision),
		[]string{"gap", "other"},
		[]string(nil),
	} {
		data := written(want)
		if got, err := parseFact(string(data)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, error %v, want %+v", got, err, want)
		}
		for i := range data {
			if got, err := parseFact(string(data[:i])); err == nil {
				t.Errorf("%d of %d bytes of %+v: %+v", i, len(data), want, got)
			}
		}
	}
}

// written returns a fact as it is kept.
func written(fact any) []byte {
	switch f := fact.(type) {
	case *origin:
		return f.append(nil)
	case *decision:
		return f.append(nil)
	}
	return appendGaps(nil, fact.([]string))
}

// values are some of what is in the tables.
func values() (list []string) {
	base := &tree{[]int32{1, 2, 5, 9}, []int32{theMain, first, nothing, first + 1}}
	other := &tree{[]int32{1, 2, 9, 11}, []int32{theMain, first, first + 3, first + 1}}
	d, _ := hallmark.ParseDigest("sha256:" + strings.Repeat("a", 64))
	c := &sbom.Component{
		Type: sbom.Library, Name: "name", Group: "group", Version: "v1", PURL: "pkg:golang/a@v1", Digests: []hallmark.Digest{d}, Packages: []string{"a/b"},
		Distribution: &sbom.Distribution{Digests: []hallmark.Digest{d}}, Licenses: &sbom.Licenses{Declared: "MIT"},
	}
	r := row{id: 7, main: "main", contents: 3, tree: 2, patch: string(patchOf(base, other).append(nil))}
	r.head = head{artifact: hallmark.Artifact{Name: "a", Digests: []hallmark.Digest{d}}, finished: noon(), origin: 1, verdict: 2, gaps: 3, attested: Attested, complete: true, parts: 4}
	for _, b := range [][]byte{
		base.append(nil), patchOf(base, other).append(nil), appendComponent(nil, c), appendInput(nil, &Input{URI: "a", Digests: []hallmark.Digest{d}}),
		r.append(nil), r.append(r.append(nil)), appendInts(nil, []int32{1, 5, 1 << 30}), []byte("{1,5,1073741824}"),
		(&origin{Source: "a", Signers: []string{"b"}}).append(nil), (&decision{Verdict: "c", Policy: d, Exceptions: []verify.Exception{{Item: "i"}}}).append(nil),
		{},
	} {
		list = append(list, string(b))
	}
	return list
}

// parsed returns all of a row.
func parsed(r *rough) (row, error) {
	var one row
	var c clerk
	err := one.parse(r, &c)
	if err == nil {
		err = c.write()
	}
	return one, err
}

// What a database has is read, or is an error: a value that is read, written and read again
// is the same.
func FuzzValues(f *testing.F) {
	for _, data := range values() {
		f.Add(data)
	}
	base := &tree{[]int32{1, 2, 5, 9}, []int32{theMain, first, nothing, first + 1}}
	standing, err := openTree(string(base.append(nil)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if kept, err := openTree(data); err == nil {
			one, err := kept.whole()
			if err == nil {
				again, err := openTree(string(one.append(nil)))
				if err == nil {
					var all *tree
					if all, err = again.whole(); err == nil && !reflect.DeepEqual(all, one) {
						t.Errorf("%+v, then %+v", one, all)
					}
				}
				if err != nil {
					t.Errorf("%+v, then error %v", one, err)
				}
			}
			for at := range kept.n {
				if way, _, _ := path(kept, new(patch), int32(first+2*at)); len(way) > kept.n {
					t.Errorf("a way of %d parts", len(way))
				}
				kept.position(kept.part(at))
			}
		}
		var p, q patch
		if p.parse([]byte(data)) == nil {
			if err := q.parse(p.append(nil)); err != nil || !slices.Equal(p.changes, q.changes) || !slices.Equal(p.added, q.added) || !slices.Equal(p.parents, q.parents) {
				t.Errorf("%+v, then %+v, error %v", p, q, err)
			}
			p.apply(base)
			for _, place := range p.more() {
				path(standing, &p, place)
			}
			for i := range base.parts {
				path(standing, &p, int32(first+2*i))
			}
			touches([]byte(data), []int32{0, 1, 1 << 20})
		}
		if c, err := parseComponent(data); err == nil {
			if again, err := parseComponent(string(appendComponent(nil, c))); err != nil || !reflect.DeepEqual(again, c) {
				t.Errorf("%+v, then %+v, error %v", c, again, err)
			}
		}
		if in, err := parseInput(data); err == nil {
			if again, err := parseInput(string(appendInput(nil, &in))); err != nil || !reflect.DeepEqual(again, in) {
				t.Errorf("%+v, then %+v, error %v", in, again, err)
			}
		}
		new(rough).each([]byte(data), func(r *rough) error {
			one, err := parsed(r)
			if err != nil {
				return nil
			}
			return new(rough).each(one.append(nil), func(r *rough) error {
				if again, err := parsed(r); err != nil || !reflect.DeepEqual(again, one) {
					t.Errorf("%+v, then %+v, error %v", one, again, err)
				}
				return nil
			})
		})
		from := reader[string]{data: data}
		var memory slab[int32]
		if way := readTrail(&from); !from.failed {
			if again := string(way.append(nil)); again != data[:from.at] {
				again := reader[string]{data: again}
				if other := readTrail(&again); again.end("") != nil || other.at != way.at || !slices.Equal(other.route(&memory, 7), way.route(&memory, 7)) || !slices.Equal(other.positions(&memory), way.positions(&memory)) {
					t.Errorf("a way %+v, then %+v", way, other)
				}
			}
		}
		for _, dialect := range []Dialect{SQLite, PostgreSQL} {
			s := &session{v: &Inventory{dialect: dialect}}
			ids, err := s.ints(nil, []byte(data))
			if err == nil && (!slices.IsSorted(ids) || len(ids) > 0 && ids[0] <= 0) {
				t.Errorf("%s: %v", dialect, ids)
			}
		}
		unpack([]byte(data))
		if fact, err := parseFact(data); err == nil {
			if other, err := parseFact(string(written(fact))); err != nil || !reflect.DeepEqual(other, fact) {
				t.Errorf("%+v, then %+v, error %v", fact, other, err)
			}
		}
	})
}
