package provenance_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

// fuzzPredicate: a predicate that is read and can be stated is read as the same
// again, and stated with the same bytes.
func fuzzPredicate(f *testing.F, types ...string) {
	for typ, predicate := range fullPredicates() {
		for i, t := range types {
			if typ == t {
				f.Add(byte(i), []byte(predicate))
				f.Add(byte(len(types)-1), []byte(predicate))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, predicate []byte) {
		in := &provenance.Statement{PredicateType: types[int(which)%len(types)], Predicate: predicate}
		s, err := restate(in, app(t))
		if err != nil {
			return
		}
		again, err := restate(s, app(t))
		if err != nil {
			t.Fatalf("%v in %s", err, s.Predicate)
		}
		if !reflect.DeepEqual(s, again) {
			t.Fatalf("%s\nthen\n%s", s.Predicate, again.Predicate)
		}
	})
}

func FuzzParseVSA(f *testing.F) {
	f.Add(byte(2), []byte(`{"verifier":{"id":"a:b"},"policy":{"uri":"a:b"},"resource_uri":"a:b","verification_result":"PASSED","policy_level":"X"}`))
	fuzzPredicate(f, provenance.VSAType, provenance.VSATypeV01, provenance.VSATypeV02)
}

// FuzzParseSourceVSA: revisions that are read and can be stated are read again.
func FuzzParseSourceVSA(f *testing.F) {
	f.Add([]byte(`["refs/heads/main"]`), []byte(aSource))
	f.Add([]byte(`null`), []byte(aSource))
	f.Fuzz(func(t *testing.T, refs, predicate []byte) {
		in, err := provenance.Parse([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[` + strings.Replace(aCommit, `["refs/heads/main"]`, string(refs), 1) +
			`],"predicateType":"` + provenance.VSAType + `","predicate":` + string(predicate) + `}`))
		if err != nil {
			return
		}
		v, rs, err := provenance.ParseSourceVSA(in)
		if err != nil {
			return
		}
		s, err := v.SourceStatement(rs[0])
		if err != nil {
			return
		}
		v2, rs2, err := provenance.ParseSourceVSA(s)
		if err != nil {
			t.Fatal(err)
		}
		s2, err := v2.SourceStatement(rs2[0])
		if err != nil || !reflect.DeepEqual(s, s2) {
			t.Fatalf("%+v\nthen\n%+v, error %v", s, s2, err)
		}
	})
}

func FuzzParseTestResult(f *testing.F) { fuzzPredicate(f, provenance.TestResultType) }

func FuzzParseVulns(f *testing.F) {
	f.Add(byte(1), []byte(`{"scanner":{`+scannerA+`,"result":[{"vulnerability":{"id":"1","annotations":{"a":1}}}]},`+scanned+`}`))
	f.Add(byte(2), []byte(`{"scanners":[{`+scannerA+`,"result":{}}],`+scanned+`}`))
	fuzzPredicate(f, provenance.VulnsType, provenance.VulnsTypeV01, provenance.CosignVulnsType)
}

func FuzzParseSCAI(f *testing.F) { fuzzPredicate(f, provenance.SCAIType, provenance.SCAITypeV02) }

func FuzzParseRelease(f *testing.F) {
	f.Add(byte(1), []byte(`{"purl":"pkg:golang/a@v1","releaseId":"1"}`))
	fuzzPredicate(f, provenance.ReleaseType, provenance.ReleaseTypeV01)
}

func FuzzParseLink(f *testing.F) { fuzzPredicate(f, provenance.LinkType) }

func FuzzParseReference(f *testing.F) { fuzzPredicate(f, provenance.ReferenceType) }

func FuzzParseSVR(f *testing.F) { fuzzPredicate(f, provenance.SVRType, provenance.SVRTypeV01) }

func FuzzParseSBOM(f *testing.F) {
	fuzzPredicate(f, provenance.CycloneDXType, provenance.SPDXType, provenance.SPDXType+"/v2.3", provenance.SPDXType+"/v3")
}
