package provenance_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
)

// older returns provenance of an older version with a predicate.
func older(t testing.TB, version, predicate string) *provenance.Statement {
	t.Helper()
	return parse(t, `{"_type":"https://in-toto.io/Statement/v0.1",`+subjects+`,"predicateType":"https://slsa.dev/provenance/v`+version+`","predicate":`+predicate+`}`)
}

const (
	// All that versions 0.2 and 0.1 know.
	v02 = `{"builder":{"id":"a:builder"},"buildType":"a:type",` +
		`"invocation":{"configSource":{"uri":"git+https://example.com/r","digest":{"sha1":"` + commitA + `"},"entryPoint":"build.yml"},"parameters":{"p":1.0},"environment":{"e":9007199254740993}},` +
		`"buildConfig":{"steps":[1]},` +
		`"metadata":{"buildInvocationId":"run 1","buildStartedOn":"2026-01-02T03:04:05Z","buildFinishedOn":"2026-01-02T03:04:06Z","completeness":{"parameters":true,"environment":false,"materials":false},"reproducible":false},` +
		`"materials":[{"uri":"pkg:golang/a@v1","digest":{"sha256":"` + shaA + `"}}]}`
	v01 = `{"builder":{"id":"a:builder"},` +
		`"recipe":{"type":"a:type","definedInMaterial":1,"entryPoint":"build.yml","arguments":{"p":1.0},"environment":{"e":9007199254740993}},` +
		`"metadata":{"buildInvocationId":"run 1","buildStartedOn":"2026-01-02T03:04:05Z","buildFinishedOn":"2026-01-02T03:04:06Z","completeness":{"arguments":true},"reproducible":false},` +
		`"materials":[{"uri":"pkg:golang/a@v1","digest":{"sha256":"` + shaA + `"}},{"uri":"git+https://example.com/r","digest":{"sha1":"` + commitA + `"}}]}`
	v1 = `{"buildDefinition":{"buildType":"a:type","externalParameters":{"entryPoint":"build.yml","p":1.0,"source":"git+https://example.com/r"},"internalParameters":{"e":9007199254740993},` +
		`"resolvedDependencies":[{"uri":"git+https://example.com/r","digest":{"sha1":"` + commitA + `"}},{"uri":"pkg:golang/a@v1","digest":{"sha256":"` + shaA + `"}}]},` +
		`"runDetails":{"builder":{"id":"a:builder"},"metadata":{"invocationId":"run 1","startedOn":"2026-01-02T03:04:05Z","finishedOn":"2026-01-02T03:04:06Z"}}}`
)

func TestConvert(t *testing.T) {
	const config, leaves = "$.predicate.buildConfig: version 1 has no steps in it", ": version 1 leaves it to the builder's id"
	const head, tail = `{"buildDefinition":{"buildType":"","externalParameters":{},`, `"runDetails":{"builder":{"id":""}}}`
	for _, c := range []struct {
		name, version, predicate string
		want                     string
		losses                   []string
	}{
		{"all of 0.2", "0.2", v02, v1, []string{config, "$.predicate.metadata.completeness" + leaves, "$.predicate.metadata.reproducible" + leaves}},
		{"all of 0.1", "0.1", v01, v1, []string{"$.predicate.metadata.completeness" + leaves, "$.predicate.metadata.reproducible" + leaves}},
		{"nothing of 0.2", "0.2", `{}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},
		{"nothing of 0.1", "0.1", `{}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},
		{
			"unset", "0.2",
			`{"invocation":{"configSource":{"uri":null,"digest":null,"entryPoint":null,"x":null},"parameters":null,"environment":null,"x":[]},"buildConfig":null,"metadata":{"buildInvocationId":null,"buildStartedOn":null,"completeness":{},"reproducible":null},"materials":[{}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil,
		},
		{"nulls", "0.2", `{"invocation":null,"metadata":null,"materials":null}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},
		{"a null for the config source", "0.2", `{"invocation":{"configSource":null}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},
		{"nulls of 0.1", "0.1", `{"recipe":{"definedInMaterial":null,"entryPoint":null,"arguments":null}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},
		{"no recipe", "0.1", `{"recipe":null}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, nil},

		// The configuration's source.
		{
			"source that is a material", "0.2", `{"invocation":{"configSource":{"uri":"a:b","digest":{"sha1":"1"}}},"materials":[{"uri":"a:b","digest":{"sha1":"1"}}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"source":"a:b"},"resolvedDependencies":[{"uri":"a:b","digest":{"sha1":"1"}}]},` + tail, nil,
		},
		{
			"source without a digest that is a material", "0.2", `{"invocation":{"configSource":{"uri":"a:b"}},"materials":[{"uri":"a:b","digest":{"sha1":"1"}}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"source":"a:b"},"resolvedDependencies":[{"uri":"a:b","digest":{"sha1":"1"}}]},` + tail, nil,
		},
		{
			"source with another digest than the material", "0.2", `{"invocation":{"configSource":{"uri":"a:b","digest":{"sha1":"2"}}},"materials":[{"uri":"a:b","digest":{"sha1":"1"}}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"source":"a:b"},"resolvedDependencies":[{"uri":"a:b","digest":{"sha1":"1"}},{"uri":"a:b","digest":{"sha1":"2"}}]},` + tail, nil,
		},
		{
			"source that is a digest alone", "0.2", `{"invocation":{"configSource":{"digest":{"sha1":"2"}}}}`,
			head + `"resolvedDependencies":[{"digest":{"sha1":"2"}}]},` + tail, nil,
		},

		// Names that parameters have already.
		{
			"parameters with the new names", "0.2", `{"invocation":{"configSource":{"uri":"a:b","entryPoint":"x"},"parameters":{"source":"evil:b","entryPoint":{"a":1}}}}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"entryPoint":"x","source":"a:b"},"resolvedDependencies":[{"uri":"a:b"}]},` + tail,
			[]string{
				"$.predicate.invocation.parameters.source: another value has its name in version 1",
				"$.predicate.invocation.parameters.entryPoint: another value has its name in version 1",
			},
		},
		{
			"parameters that say the same", "0.1", `{"recipe":{"entryPoint":"x","arguments":{"entryPoint":"x","source":null}}}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"entryPoint":"x","source":null}},` + tail, nil,
		},

		// The material that defines a recipe.
		{
			"index that is a string", "0.1", `{"recipe":{"definedInMaterial":"0"},"materials":[{"uri":"a:b"}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"source":"a:b"},"resolvedDependencies":[{"uri":"a:b"}]},` + tail, nil,
		},
		{
			"index of a material without a uri", "0.1", `{"recipe":{"definedInMaterial":0},"materials":[{"digest":{"sha1":"1"}}]}`,
			head + `"resolvedDependencies":[{"digest":{"sha1":"1"}}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: the material has no uri of its own"},
		},
		{
			"index of one of two with a uri", "0.1", `{"recipe":{"definedInMaterial":1},"materials":[{"uri":"a:b","digest":{"sha1":"1"}},{"uri":"a:b","digest":{"sha1":"2"}}]}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{"source":"a:b"},"resolvedDependencies":[{"uri":"a:b","digest":{"sha1":"1"}},{"uri":"a:b","digest":{"sha1":"2"}}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: the material has no uri of its own"},
		},
		{
			"the zero time", "0.2", `{"metadata":{"buildStartedOn":"0001-01-01T00:00:00Z","buildFinishedOn":null}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail,
			[]string{"$.predicate.metadata.buildStartedOn: the zero time, which means none"},
		},
		{
			"index of none", "0.1", `{"recipe":{"definedInMaterial":1},"materials":[{"uri":"a:b"}]}`,
			head + `"resolvedDependencies":[{"uri":"a:b"}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: no material has this index"},
		},
		{
			"index below zero", "0.1", `{"recipe":{"definedInMaterial":"-1"},"materials":[{"uri":"a:b"}]}`,
			head + `"resolvedDependencies":[{"uri":"a:b"}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: no material has this index"},
		},
		{
			"index with a sign", "0.1", `{"recipe":{"definedInMaterial":"+0"},"materials":[{"uri":"a:b"}]}`,
			head + `"resolvedDependencies":[{"uri":"a:b"}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: no material has this index"},
		},
		{
			"index that is no integer", "0.1", `{"recipe":{"definedInMaterial":0.5},"materials":[{"uri":"a:b"}]}`,
			head + `"resolvedDependencies":[{"uri":"a:b"}]},` + tail,
			[]string{"$.predicate.recipe.definedInMaterial: no material has this index"},
		},

		// What neither knows.
		{
			"extensions", "0.2", `{"https://acme.example/x":{"z":1,"a":2},"builder":{"acme_y":[]},"metadata":{"acme_z":1.0},"materials":[{"uri":"a:b","acme_m":1}]}`,
			head + `"resolvedDependencies":[{"uri":"a:b","acme_m":1}]},"runDetails":{"builder":{"id":"","acme_y":[]},"metadata":{"acme_z":1.0}},"https://acme.example/x":{"z":1,"a":2}}`, nil,
		},
		{
			"extensions without a place", "0.2", `{"invocation":{"acme_a":1,"configSource":{"acme_b":"x"}}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail,
			[]string{
				"$.predicate.invocation.acme_a: unknown, and its object is not in version 1",
				"$.predicate.invocation.configSource.acme_b: unknown, and its object is not in version 1",
			},
		},
		{
			"members of version 1", "0.2", `{"runDetails":{"builder":{"id":"evil"}},"build_definition":{},"builder":{"id":"a:b","version":{}},"metadata":{"invocationId":"1","started_on":"x"}}`,
			`{"buildDefinition":{"buildType":"","externalParameters":{}},"runDetails":{"builder":{"id":"a:b"}}}`,
			[]string{
				"$.predicate.runDetails: unknown, and would be runDetails in version 1",
				"$.predicate.build_definition: unknown, and would be buildDefinition in version 1",
				"$.predicate.builder.version: unknown, and would be version in version 1",
				"$.predicate.metadata.invocationId: unknown, and would be invocationId in version 1",
				"$.predicate.metadata.started_on: unknown, and would be startedOn in version 1",
			},
		},
		{
			"members of the other version", "0.2", `{"recipe":{"type":"a:b"}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail[:len(tail)-1] + `,"recipe":{"type":"a:b"}}`, nil,
		},
		{"the other name of the invocation", "0.2", `{"metadata":{"buildInvocationID":"1"}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},"runDetails":{"builder":{"id":""},"metadata":{"invocationId":"1"}}}`, nil},
		{"path that has to be quoted", "0.2", `{"invocation":{"a.b":1}}`, `{"buildDefinition":{"buildType":"","externalParameters":{}},` + tail, []string{`$.predicate.invocation."a.b": unknown, and its object is not in version 1`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := older(t, c.version, c.predicate)
			s, losses, err := provenance.Convert(in)
			if err != nil {
				t.Fatal(err)
			}
			if s.Type != "" || s.PredicateType != provenance.PredicateType || !reflect.DeepEqual(s.Subjects, in.Subjects) {
				t.Errorf("got %+v", s)
			}
			if string(s.Predicate) != c.want {
				t.Errorf("got  %s\nwant %s", s.Predicate, c.want)
			}
			var texts []string
			for _, l := range losses {
				texts = append(texts, l.String())
			}
			if !reflect.DeepEqual(texts, c.losses) {
				t.Errorf("losses\n\t%s\nwant\n\t%s", strings.Join(texts, "\n\t"), strings.Join(c.losses, "\n\t"))
			}

			// ParseBuild reads the same, and says what it did not read.
			b, err := provenance.ParseBuild(in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := provenance.ParseBuild(s)
			if err != nil {
				t.Fatal(err)
			}
			lost := 0
			for _, n := range b.Notes {
				if n.Severity == provenance.Warning && strings.HasPrefix(n.Text, "not read: ") {
					lost++
				}
			}
			if lost != len(losses) {
				t.Errorf("notes %v, want %d losses", b.Notes, len(losses))
			}
			if b.Builder != again.Builder || b.Type != again.Type || len(b.External) != len(again.External) || len(b.Dependencies) != len(again.Dependencies) || b.Started != again.Started {
				t.Errorf("ParseBuild reads %+v, then %+v", b, again)
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct{ version, predicate, want string }{
		{"1", v1, `provenance: predicate type "https://slsa.dev/provenance/v1", want "https://slsa.dev/provenance/v0.2" or "https://slsa.dev/provenance/v0.1"`},
		{"0.2", `null`, "malformed provenance: no predicate"},
		{"0.2", `{"builder":null}`, "malformed provenance: $.builder (byte 11): want an object, got null"},
		{"0.2", `{"buildType":1}`, "malformed provenance: $.buildType (byte 13): want a string, got a number"},
		{"0.2", `{"buildtype":"a:b"}`, `malformed provenance: $.buildtype (byte 13): want "buildType"`},
		{"0.2", `{"invocation":{"configSource":{"entrypoint":"x"}}}`, `want "entryPoint"`},
		{"0.2", `{"invocation":{"configSource":{"uri":1}}}`, "want a string, got a number"},
		{"0.2", `{"invocation":{"configSource":[]}}`, "want an object, got an array"},
		{"0.2", `{"invocation":{"parameters":[]}}`, "parameters are not an object"},
		{"0.2", `{"invocation":{"Environment":{}}}`, `want "environment"`},
		{"0.2", `{"metadata":{"buildInvocationId":"1","buildInvocationID":"1"}}`, "a second invocation id"},
		{"0.2", `{"metadata":{"buildStartedOn":{"seconds":1}}}`, "want a string, got an object"},
		{"0.2", `{"metadata":{"Reproducible":true}}`, `want "reproducible"`},
		{"0.2", `{"materials":{}}`, "want an array, got an object"},
		{"0.1", `{"recipe":{"definedInMaterial":{}}}`, "want a value, got an object"},
		{"0.1", `{"recipe":{"Type":"a:b"}}`, `want "type"`},
		{"0.1", `{"Recipe":{}}`, `want "recipe"`},
		{"0.1", `{"builder":{"ID":"a:b"}}`, `want "id"`},
	} {
		s, losses, err := provenance.Convert(older(t, c.version, c.predicate))
		if err == nil || s != nil || losses != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: statement %v, error %v, want %q", c.predicate, s, err, c.want)
		}
		if c.version == "1" {
			continue
		}
		if _, err := provenance.ParseBuild(older(t, c.version, c.predicate)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParseBuild says %v, want %q", c.predicate, err, c.want)
		}
	}
}

func TestParseBuildOlder(t *testing.T) {
	want := provenance.Build{
		Type:     "a:type",
		External: map[string]any{"p": json.Number("1.0"), "source": "git+https://example.com/r", "entryPoint": "build.yml"},
		Internal: map[string]any{"e": json.Number("9007199254740993")},
		Dependencies: []provenance.ResourceDescriptor{
			{URI: "pkg:golang/a@v1", Digest: provenance.DigestSet{"sha256": shaA}},
			{URI: "git+https://example.com/r", Digest: provenance.DigestSet{"sha1": commitA}},
		},
		Builder:    "a:builder",
		Invocation: "run 1",
		Started:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Finished:   time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
	}
	for version, predicate := range map[string]string{"0.2": v02, "0.1": v01} {
		b, err := provenance.ParseBuild(older(t, version, predicate))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Notes) < 4 {
			t.Errorf("notes %v", b.Notes)
		}
		b.Notes = nil
		if !reflect.DeepEqual(*b, want) {
			t.Errorf("version %s: got\n%+v\nwant\n%+v", version, *b, want)
		}
	}
}
