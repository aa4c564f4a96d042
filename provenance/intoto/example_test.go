package intoto_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/hallmark-dev/hallmark/provenance"
	"github.com/hallmark-dev/hallmark/provenance/intoto"
)

func Example() {
	s := &provenance.Statement{
		Subjects: []provenance.ResourceDescriptor{{
			Name:   "app",
			Digest: provenance.DigestSet{"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		}},
		PredicateType: "https://example.com/review/v1",
		Predicate:     json.RawMessage(`{"approved":true,"score":3}`),
	}
	p, err := intoto.ToProto(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.GetSubject()[0].GetName(), p.GetPredicate().GetFields()["score"].GetNumberValue())

	s, err = intoto.FromProto(p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", s.Predicate)

	// No protocol buffer holds this number.
	s.Predicate = json.RawMessage(`{"approved":true,"score":9007199254740993}`)
	_, err = intoto.ToProto(s)
	fmt.Println(err)
	// Output:
	// app 3
	// {"approved":true,"score":3}
	// intoto: $.predicate.score: the integer 9007199254740993 is beyond 2⁵³, where a protocol buffer rounds
}
