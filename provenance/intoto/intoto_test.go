package intoto_test

import (
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/intoto"
)

const (
	shaA   = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	shaB   = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	commit = "283bf967fa3c591925dd25e6a6e8e781542117bf"
)

func statement(predicate string) *provenance.Statement {
	s := &provenance.Statement{
		Subjects:      []provenance.ResourceDescriptor{{Name: "app", Digest: provenance.DigestSet{"sha256": shaA}}},
		PredicateType: "https://example.com/p",
	}
	if predicate != "" {
		s.Predicate = json.RawMessage(predicate)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	every := statement(`{}`)
	every.Subjects = append(every.Subjects, provenance.ResourceDescriptor{
		Name: "all", URI: "pkg:golang/a", Digest: provenance.DigestSet{"sha256": shaB, "gitCommit": commit}, Content: []byte{0, 0xff},
		DownloadLocation: "https://example.com/a?b&c", MediaType: "text/plain", Annotations: map[string]any{"a": []any{json.Number("1"), nil, true, "<ü>"}},
	})
	for _, c := range []struct {
		name string
		s    *provenance.Statement
	}{
		{"no predicate", statement("")},
		{"empty predicate", statement("{}")},
		{"values", statement(`{"a":null,"b":[true,false,"\u2028<>&",{}],"c":{"d":[]}}`)},
		{"numbers", statement(`{"a":[0,-1,1.5,9007199254740992,-9007199254740992]}`)},
		{"every member", every},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := c.s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			p, err := intoto.ToProto(c.s)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Validate(); err != nil && c.s.Predicate != nil { // which they require
				t.Errorf("their Validate: %v", err)
			}
			s, err := intoto.FromProto(p)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestToProtoRefuses(t *testing.T) {
	extended := statement("")
	extended.Subjects[0].Extensions = provenance.Extensions{"acme_x": json.RawMessage("1")}
	annotated := statement("")
	annotated.Subjects[0].Annotations = map[string]any{"n": json.Number("9007199254740993")}
	for _, c := range []struct {
		name string
		s    *provenance.Statement
		want string
	}{
		{"2⁵³+1", statement(`{"a":[0,{"b":9007199254740993}]}`), "intoto: $.predicate.a[1].b: the integer 9007199254740993 is beyond 2⁵³, where a protocol buffer rounds"},
		{"-2⁵³-1", statement(`{"a":-9007199254740993}`), "intoto: $.predicate.a: the integer -9007199254740993 is beyond 2⁵³, where a protocol buffer rounds"},
		{"2⁶⁰, which is written with other digits", statement(`{"a":1152921504606846976}`), "intoto: $.predicate.a: the integer 1152921504606846976 is beyond 2⁵³, where a protocol buffer rounds"},
		{"many digits", statement(`{"a":123456789012345678901234567890}`), "intoto: $.predicate.a: the integer 123456789012345678901234567890 is beyond 2⁵³, where a protocol buffer rounds"},
		{"in an annotation", annotated, "intoto: $.subject[0].annotations.n: the integer 9007199254740993 is beyond 2⁵³, where a protocol buffer rounds"},
		{"an extension", extended, "intoto: proto:"},
		{"no subject", &provenance.Statement{PredicateType: "a:b"}, "malformed statement: $.subject: no subject"},
		{"no predicate type", &provenance.Statement{Subjects: statement("").Subjects}, "malformed statement: $.predicateType: missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := intoto.ToProto(c.s)
			if p != nil || err == nil || c.s != extended && err.Error() != c.want || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("statement %v, error %v, want %q", p, err, c.want)
			}
		})
	}
}

// Numbers with a fraction are the nearest floating point numbers, as the
// documentation says.
func TestToProtoFractions(t *testing.T) {
	p, err := intoto.ToProto(statement(`{"a":[0.1,1.0,1e2,0.10000000000000000000001]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := intoto.FromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(s.Predicate), `{"a":[0.1,1,100,0.1]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFromProtoRefuses(t *testing.T) {
	good := func() *v1.Statement {
		p, err := intoto.ToProto(statement("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name  string
		spoil func(p *v1.Statement)
		want  string
	}{
		{"no type", func(p *v1.Statement) { p.Type = "" }, "malformed statement: _type"},
		{"another type", func(p *v1.Statement) { p.Type = "https://in-toto.io/Statement/v0.1" }, "malformed statement: _type"},
		{"no subject", func(p *v1.Statement) { p.Subject = nil }, "malformed statement: no subject"},
		{"no predicate type", func(p *v1.Statement) { p.PredicateType = "" }, "malformed statement: no predicateType"},
		{"name that is not UTF-8", func(p *v1.Statement) { p.Subject[0].Name = "\xff" }, "intoto: "},
		{"predicate that has no JSON", func(p *v1.Statement) {
			p.Predicate.Fields = map[string]*structpb.Value{"a": {}}
		}, "intoto: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good()
			c.spoil(p)
			s, err := intoto.FromProto(p)
			if s != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("statement %v, error %v, want %q", s, err, c.want)
			}
		})
	}
	if s, err := intoto.FromProto(nil); s != nil || err == nil || err.Error() != "intoto: no statement" {
		t.Errorf("nil: statement %v, error %v", s, err)
	}
}
