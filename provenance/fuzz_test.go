package provenance_test

import (
	"reflect"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

// FuzzParse: what Parse accepts and Marshal writes is read as the same
// statement, and written as the same bytes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(statement(build(nil))))
	f.Add([]byte(statement(build(map[string]string{
		"more": `"internalParameters":{"n":[1.0,1e2,9007199254740993]},"resolvedDependencies":[{"uri":"git+https://example.com/r","digest":{"gitCommit":"` + commitA + `"},"annotations":{"modified":true}}]`,
		"run":  `"metadata":{"invocationId":"1","startedOn":"2026-01-02T03:04:05Z"},"byproducts":[{"name":"x","content":"eA==","mediaType":"text/plain"}]`,
	}))))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + shaA + `"}},{"uri":"a:b","digest":{"gitCommit":"` + commitA + `"}}],"predicateType":"a:b","x":"\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := provenance.Parse(data)
		if err != nil {
			return
		}
		failed := false
		for _, p := range s.Validate() {
			failed = failed || p.Severity == provenance.Error
		}
		out, err := s.Marshal()
		if err != nil {
			// Parse read no more than can be written.
			if !failed {
				t.Fatalf("Validate finds no error, Marshal: %v", err)
			}
			return
		}
		if failed {
			t.Fatalf("Validate finds an error, Marshal writes %s", out)
		}
		again, err := provenance.Parse(out)
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		out2, err := again.Marshal()
		if err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if string(out) != string(out2) {
			t.Fatalf("%s\nthen\n%s", out, out2)
		}
	})
}

// FuzzParseBuild: a predicate that is read and can be written says the same of
// its source and the same altogether.
func FuzzParseBuild(f *testing.F) {
	f.Add([]byte(build(nil)))
	f.Add([]byte(build(map[string]string{
		"external": `"externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://example.com/r","path":"x"}}`,
		"more":     `"internalParameters":{"n":[1.0,9007199254740993]},"resolvedDependencies":[{"uri":"git+https://example.com/r@refs/heads/main","annotations":{"modified":true,"base":"gitCommit:` + commitA + `"}},{"name":"x","content":""}]`,
		"builder":  `"builder":{"id":"a:b","version":{"x":"1"},"builderDependencies":[{"uri":"a:b"}]}`,
		"run":      `"metadata":{"invocationID":"1","startedOn":"2026-01-02T03:04:05.5+01:00","finishedOn":null},"byproducts":[{"digest":{"x":"y"}}]`,
	})))
	f.Add([]byte(`{"buildDefinition":{"externalParameters":null},"runDetails":{"metadata":null}}`))
	f.Fuzz(func(t *testing.T, predicate []byte) {
		in := &provenance.Statement{PredicateType: provenance.PredicateType, Predicate: predicate}
		b, err := provenance.ParseBuild(in)
		if err != nil {
			return
		}
		s, err := b.Statement(app(t))
		if err != nil {
			return
		}
		b2, err := provenance.ParseBuild(s)
		if err != nil {
			t.Fatalf("%v in %s", err, s.Predicate)
		}
		source, parameter := b.Source()
		if source2, parameter2 := b2.Source(); source2 != source || parameter2 != parameter {
			t.Fatalf("source %v by %q, then %v by %q", source, parameter, source2, parameter2)
		}
		s2, err := b2.Statement(app(t))
		if err != nil {
			t.Fatalf("%v in %s", err, s.Predicate)
		}
		if !reflect.DeepEqual(s, s2) {
			t.Fatalf("%s\nthen\n%s", s.Predicate, s2.Predicate)
		}
	})
}

// FuzzConvert: what is converted can be read, by ParseBuild too, and a predicate
// that is valid is written.
func FuzzConvert(f *testing.F) {
	f.Add([]byte(v02), false)
	f.Add([]byte(v01), true)
	f.Add([]byte(`{"builder":{"id":"a:b","x":1},"buildType":"a:b","invocation":{"x":1,"configSource":{"uri":"a:b"},"parameters":{"source":1}},"materials":[{},{"uri":"a:b","annotations":{"x":1}}]}`), false)
	f.Fuzz(func(t *testing.T, predicate []byte, first bool) {
		in := &provenance.Statement{Subjects: parse(t, statement("{}")).Subjects, PredicateType: provenance.PredicateTypeV02, Predicate: predicate}
		if first {
			in.PredicateType = provenance.PredicateTypeV01
		}
		s, _, err := provenance.Convert(in)
		b, err2 := provenance.ParseBuild(in)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("Convert: %v, ParseBuild: %v", err, err2)
		}
		if err != nil {
			return
		}
		again, err := provenance.ParseBuild(s)
		if err != nil {
			t.Fatalf("%v in %s", err, s.Predicate)
		}
		if again.Builder != b.Builder || again.Type != b.Type || len(again.Dependencies) != len(b.Dependencies) || !again.Started.Equal(b.Started) {
			t.Fatalf("%+v\nthen\n%+v", b, again)
		}
		in2, err := provenance.ParseBuild(&provenance.Statement{PredicateType: provenance.PredicateType, Predicate: s.Predicate})
		if err != nil || !reflect.DeepEqual(in2, again) {
			t.Fatalf("%v: %+v\nthen\n%+v", err, again, in2)
		}
	})
}

// FuzzLint: nothing makes it fail, and every problem has a place and a text.
func FuzzLint(f *testing.F) {
	f.Add([]byte(statement(build(nil))))
	f.Add([]byte(`{"type":"x","predicate_type":"https://slsa.dev/provenance/v1.0","subject":[{"uri":"a@b:c","digest":{"sha256":"00"}}],"predicate":{"build_definition":{"external_parameters":{"a":"","b":""}},"runDetails":{"metadata":{"startedOn":{"seconds":1}},"byproducts":[{}]}}}`))
	f.Add([]byte(`{"predicateType":"https://slsa.dev/provenance/v0.1","slsaProvenance":{},"predicate":{"recipe":{"environment":{"PATH":"x"}},"metadata":{"completeness":{"a":true,"b":true,"c":true},"reproducible":true}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range provenance.Lint(data) {
			if p.Path == "" || p.Path[0] != '$' || p.Text == "" {
				t.Fatalf("problem %q", p)
			}
		}
	})
}
