package provenance_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/provenance"
)

func TestBuildStatementRefuses(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name  string
		spoil func(*provenance.Build)
		want  string
	}{
		{"nothing wrong", func(b *provenance.Build) {}, ""},
		{"no builder", func(b *provenance.Build) { b.Builder = "" }, "provenance: the builder is not known: name it, or give the observer the job's verified claims"},
		{"builder that is no URI", func(b *provenance.Build) { b.Builder = "me" }, `$.predicate.runDetails.builder.id: "me" is not an absolute URI`},
		{"no type", func(b *provenance.Build) { b.Type = "" }, "$.predicate.buildDefinition.buildType: missing"},
		{"no parameters", func(b *provenance.Build) { b.External = nil }, "$.predicate.buildDefinition.externalParameters: missing or empty"},
		{"parameter that is no JSON value", func(b *provenance.Build) { b.External["f"] = func() {} }, "provenance: json: unsupported type: func()"},
		{"parameter that is not UTF-8", func(b *provenance.Build) { b.External["s"] = "\xff" }, `provenance: string "\xff" is not UTF-8`},
		{"parameter that is no number", func(b *provenance.Build) { b.External["n"] = json.Number("NaN") }, "provenance: "},
		{"dependency that is nothing", func(b *provenance.Build) { b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{}) }, "$.predicate.buildDefinition.resolvedDependencies[1]: a resource needs"},
		{"dependency with a short digest", func(b *provenance.Build) { b.Dependencies[0].Digest = provenance.DigestSet{"gitCommit": "283bf96"} }, "7 digits, want [40 64]"},
		{"annotation that is no JSON value", func(b *provenance.Build) { b.Byproducts[0].Annotations = map[string]any{"f": make(chan int)} }, "provenance: json: unsupported type: chan int"},
		{"byproduct with a bad uri", func(b *provenance.Build) { b.Byproducts[0].URI = "log.txt" }, `$.predicate.runDetails.byproducts[0].uri: "log.txt" is not an absolute URI`},
		{"finished before it started", func(b *provenance.Build) { b.Started, b.Finished = start, start.Add(-1) }, "$.predicate.runDetails.metadata.finishedOn: 2026-01-02T03:04:04.999999999Z is before startedOn"},
		{"time in a year of five digits", func(b *provenance.Build) { b.Started = start.AddDate(8000, 0, 0) }, `malformed time "10026-01-02T03:04:05Z"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := provenance.Local(provenance.Source{Repository: "https://example.com/r", Commit: digest(t, "gitCommit:"+commitA)})
			b.Byproducts = []provenance.ResourceDescriptor{{Name: "log", Content: []byte("ok")}}
			c.spoil(b)
			s, err := b.Statement(app(t))
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || s != nil:
				t.Errorf("statement %v, error %v, want %q", s, err, c.want)
			case !strings.Contains(err.Error(), c.want):
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}

	b := provenance.Local(provenance.Source{})
	if _, err := b.Statement(); err == nil || err.Error() != "malformed statement: $.subject: no subject" {
		t.Errorf("no subject: error %v", err)
	}
	b.Type, b.External = "x", nil
	want := "malformed statement: $.subject: no subject\n" +
		"malformed statement: $.predicate.buildDefinition.buildType: \"x\" is not an absolute URI\n" +
		"malformed statement: $.predicate.buildDefinition.externalParameters: missing or empty"
	if _, err := b.Statement(); err == nil || err.Error() != want {
		t.Errorf("several faults: error %v, want %s", err, want)
	}
}

func TestParseBuildRefuses(t *testing.T) {
	const d, r = `"buildDefinition":`, `"runDetails":`
	for _, c := range []struct{ name, predicate, want string }{
		{"definition that is a list", `{` + d + `[]}`, "$.buildDefinition (byte 19): want an object, got an array"},
		{"definition in another case", `{"BuildDefinition":{}}`, `want "buildDefinition"`},
		{"run in another case", `{"rundetails":{}}`, `want "runDetails"`},
		{"type that is null", `{` + d + `{"buildType":null}}`, "$.buildDefinition.buildType (byte 32): want a string, got null"},
		{"type in another case", `{` + d + `{"buildtype":"a:b"}}`, `want "buildType"`},
		{"parameters that are a list", `{` + d + `{"externalParameters":[]}}`, "parameters are not an object"},
		{"parameters that are a string", `{` + d + `{"internalParameters":"x"}}`, "parameters are not an object"},
		{"parameters in another case", `{` + d + `{"ExternalParameters":{}}}`, `want "externalParameters"`},
		{"dependencies that are an object", `{` + d + `{"resolvedDependencies":{}}}`, "want an array, got an object"},
		{"dependency that is null", `{` + d + `{"resolvedDependencies":[null]}}`, "$.buildDefinition.resolvedDependencies[0] (byte 44): want an object, got null"},
		{"builder that is a string", `{` + r + `{"builder":"a:b"}}`, "$.runDetails.builder (byte 25): want an object, got a string"},
		{"builder in another case", `{` + r + `{"Builder":{}}}`, `want "builder"`},
		{"id in another case", `{` + r + `{"builder":{"ID":"a:b"}}}`, `want "id"`},
		{"id that is a number", `{` + r + `{"builder":{"id":1}}}`, "want a string, got a number"},
		{"version that is a string", `{` + r + `{"builder":{"version":"1"}}}`, "want an object, got a string"},
		{"version of a part that is a number", `{` + r + `{"builder":{"version":{"go":1}}}}`, "want a string, got a number"},
		{"metadata that is a list", `{` + r + `{"metadata":[]}}`, "want an object, got an array"},
		{"two invocations", `{` + r + `{"metadata":{"invocationId":"1","invocationID":"2"}}}`, "a second invocation id"},
		{"invocation in another case", `{` + r + `{"metadata":{"InvocationId":"1"}}}`, `want "invocationId"`},
		{"time that is a number", `{` + r + `{"metadata":{"startedOn":1}}}`, "want a string, got a number"},
		{"time without a zone", `{` + r + `{"metadata":{"finishedOn":"2026-01-02T03:04:05"}}}`, `malformed time "2026-01-02T03:04:05", want RFC 3339`},
		{"time with a comma", `{` + r + `{"metadata":{"finishedOn":"2026-01-02T03:04:05,6Z"}}}`, `malformed time "2026-01-02T03:04:05,6Z", want RFC 3339`},
		{"hour of one digit", `{` + r + `{"metadata":{"finishedOn":"2026-01-02T3:04:05Z"}}}`, `malformed time "2026-01-02T3:04:05Z", want RFC 3339`},
		{"day alone", `{` + r + `{"metadata":{"finishedOn":"2026-01-02"}}}`, `malformed time "2026-01-02", want RFC 3339`},
		{"byproducts that are an object", `{` + r + `{"byproducts":{}}}`, "want an array, got an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := provenance.ParseBuild(parse(t, statement(c.predicate)))
			if err == nil || b != nil || !strings.HasPrefix(err.Error(), "malformed provenance: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("build %v, error %v, want %q", b, err, c.want)
			}
		})
	}

	s := parse(t, statement(build(nil)))
	s.PredicateType = "https://slsa.dev/provenance/v1.0"
	want := `provenance: predicate type "https://slsa.dev/provenance/v1.0", want "https://slsa.dev/provenance/v1"`
	if _, err := provenance.ParseBuild(s); err == nil || err.Error() != want {
		t.Errorf("another predicate type: error %v", err)
	}
	s.PredicateType, s.Predicate = provenance.PredicateType, nil
	if _, err := provenance.ParseBuild(s); err == nil {
		t.Error("no error without a predicate")
	}
}

func TestParseBuildAccepts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, predicate string
		want            provenance.Build
	}{
		{"nothing", `{}`, provenance.Build{}},
		{
			"nulls",
			`{"buildDefinition":{"externalParameters":null,"internalParameters":null,"resolvedDependencies":null},"runDetails":{"builder":{"builderDependencies":null,"version":null},"metadata":null,"byproducts":null}}`,
			provenance.Build{},
		},
		{
			"nulls in a resource and in the metadata",
			`{"buildDefinition":{"resolvedDependencies":[{"name":null,"uri":"a:b","digest":null,"content":null,"downloadLocation":null,"mediaType":null,"annotations":null}]},"runDetails":{"metadata":{"invocationId":null,"finishedOn":null}}}`,
			provenance.Build{Dependencies: []provenance.ResourceDescriptor{{URI: "a:b"}}},
		},
		{
			"unknown members",
			`{"x":{},"buildDefinition":{"example_x":1,"buildType":"t"},"runDetails":{"example_x":1,"builder":{"example_x":1,"id":"b"},"metadata":{"example_x":1,"startedOn":null}}}`,
			provenance.Build{Type: "t", Builder: "b", Extensions: map[string]provenance.Extensions{
				"":                    {"x": json.RawMessage(`{}`)},
				"buildDefinition":     {"example_x": json.RawMessage(`1`)},
				"runDetails":          {"example_x": json.RawMessage(`1`)},
				"runDetails.builder":  {"example_x": json.RawMessage(`1`)},
				"runDetails.metadata": {"example_x": json.RawMessage(`1`)},
			}},
		},
		{
			"another zone",
			`{"runDetails":{"metadata":{"startedOn":"2026-01-02T04:04:05+01:00","finishedOn":"2026-01-02T03:04:05.000000000Z"}}}`,
			provenance.Build{Started: at, Finished: at, Notes: notes(provenance.Warning, "$.predicate.runDetails.metadata.startedOn", "2026-01-02T04:04:05+01:00 is not in UTC, with a Z at its end")},
		},
		{
			"the old name of the invocation", `{"runDetails":{"metadata":{"invocationID":"1"}}}`,
			provenance.Build{Invocation: "1", Notes: notes(provenance.Note, "$.predicate.runDetails.metadata.invocationID", "read as invocationId")},
		},
		{
			"empty byproducts", `{"runDetails":{"byproducts":[{},{"uri":"a:b"},{"name":"","digest":{},"annotations":null}]}}`,
			provenance.Build{Byproducts: []provenance.ResourceDescriptor{{URI: "a:b"}}, Notes: append(
				notes(provenance.Warning, "$.predicate.runDetails.byproducts[0]", "an empty resource, left out"),
				notes(provenance.Warning, "$.predicate.runDetails.byproducts[2]", "an empty resource, left out")...,
			)},
		},
		{
			"the two names of one algorithm", `{"buildDefinition":{"resolvedDependencies":[{"digest":{"dirHash1":"` + shaA + `"}},{"digest":{"dirHash":"` + shaB + `"}}]}}`,
			provenance.Build{
				Dependencies: []provenance.ResourceDescriptor{{Digest: provenance.DigestSet{"dirHash": shaA}}, {Digest: provenance.DigestSet{"dirHash": shaB}}},
				Notes:        notes(provenance.Note, "$.predicate.buildDefinition.resolvedDependencies[0].digest.dirHash1", "read as dirHash"),
			},
		},
		{
			"the zero time", `{"runDetails":{"metadata":{"startedOn":"0001-01-01T00:00:00Z"}}}`,
			provenance.Build{Notes: notes(provenance.Warning, "$.predicate.runDetails.metadata.startedOn", "the zero time, read as none")},
		},
		{"version", `{"runDetails":{"builder":{"version":{"go":"1.26"}}}}`, provenance.Build{BuilderVersion: map[string]string{"go": "1.26"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := provenance.ParseBuild(parse(t, statement(c.predicate)))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*b, c.want) {
				t.Errorf("got %#v, want %#v", *b, c.want)
			}
		})
	}
}

func TestBuildSource(t *testing.T) {
	const repository, ref = "https://example.com/r", "refs/heads/main"
	const uri = "git+" + repository + "@" + ref
	parameter := func(repository, ref any) map[string]any {
		return map[string]any{"repository": repository, "ref": ref}
	}
	git := func(uri, commit string, annotations ...string) provenance.ResourceDescriptor {
		d := provenance.ResourceDescriptor{URI: uri, Annotations: make(map[string]any)}
		if commit != "" {
			d.Digest = provenance.DigestSet{"gitCommit": commit}
		}
		for i := 0; i < len(annotations); i += 2 {
			d.Annotations[annotations[i]] = annotations[i+1]
			if annotations[i+1] == "true" {
				d.Annotations[annotations[i]] = true
			}
		}
		return d
	}
	a, b := digest(t, "gitCommit:"+commitA), digest(t, "gitCommit:"+commitB)
	known := provenance.Source{Repository: repository, Ref: ref, Commit: a}
	unknown := provenance.Source{Repository: repository, Ref: ref}
	modified := func(s provenance.Source) provenance.Source { s.Modified = true; return s }
	from := func(s provenance.Source, repository, commit provenance.Evidence) provenance.Source {
		s.RepositoryFrom, s.CommitFrom = repository, commit
		return s
	}
	source := map[string]any{"source": parameter(repository, ref)}
	type dependencies = []provenance.ResourceDescriptor

	for _, c := range []struct {
		name          string
		external      map[string]any
		dependencies  dependencies
		want          provenance.Source
		wantParameter string
	}{
		{"workflow", map[string]any{"workflow": parameter(repository, ref)}, dependencies{git(uri, commitA)}, known, "workflow"},
		{"source", source, dependencies{git(uri, commitA)}, known, "source"},
		{"both", map[string]any{"workflow": parameter(repository, ref), "source": parameter(repository, ref)}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"neither", map[string]any{"repository": repository}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"no parameters", nil, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"empty source", map[string]any{"source": map[string]any{}}, dependencies{git("", commitA)}, provenance.Source{}, ""},
		{"repository that is no string", map[string]any{"source": parameter([]any{repository}, ref)}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"one of both empty", map[string]any{"workflow": map[string]any{}, "source": parameter(repository, ref)}, dependencies{git(uri, commitA)}, known, "source"},
		{"no ref", map[string]any{"source": parameter(repository, "")}, dependencies{git("git+"+repository, commitA)}, provenance.Source{Repository: repository, Commit: a}, "source"},
		{"ref that is no string", map[string]any{"source": parameter(repository, 1)}, dependencies{git(uri, commitA)}, provenance.Source{Repository: repository}, "source"},

		{"pipeline", map[string]any{"pipeline": parameter(repository, ref)}, dependencies{git(uri, commitA)}, known, "pipeline"},
		{"pipeline and source", map[string]any{"pipeline": parameter(repository, ref), "source": parameter(repository, ref)}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"Buildkite, branch", map[string]any{"pipeline": "x", "repository": repository, "build": map[string]any{"branch": "main"}}, dependencies{git(uri, commitA)}, known, ""},
		{
			"Buildkite, tag",
			map[string]any{"repository": repository, "build": map[string]any{"branch": "main", "tag": "v1"}},
			dependencies{git("git+"+repository+"@refs/tags/v1", commitA)},
			provenance.Source{Repository: repository, Ref: "refs/tags/v1", Commit: a},
			"",
		},
		{
			"Buildkite, neither",
			map[string]any{"repository": repository, "build": map[string]any{"commit": commitA}},
			dependencies{git("git+"+repository, commitA)},
			provenance.Source{Repository: repository, Commit: a},
			"",
		},
		{"Buildkite, repository that is no string", map[string]any{"repository": 1, "build": map[string]any{"branch": "main"}}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},
		{"Buildkite, build that is a string", map[string]any{"repository": repository, "build": "main"}, dependencies{git(uri, commitA)}, provenance.Source{}, ""},

		{"no dependency", source, nil, unknown, "source"},
		{"dependency of another ref", source, dependencies{git("git+"+repository+"@refs/heads/other", commitA)}, unknown, "source"},
		{"dependency of another repository", source, dependencies{git("git+https://example.com/fork@"+ref, commitA)}, unknown, "source"},
		{"dependency without git+", source, dependencies{git(repository+"@"+ref, commitA)}, unknown, "source"},
		{"dependency without a commit", source, dependencies{git(uri, "")}, unknown, "source"},
		{"commit that is too short", source, dependencies{git(uri, "283bf96")}, unknown, "source"},
		{"commit by another algorithm", source, dependencies{{URI: uri, Digest: provenance.DigestSet{"sha1": commitA}}}, unknown, "source"},
		{"commit of a SHA-256 repository", source, dependencies{git(uri, shaA)}, provenance.Source{Repository: repository, Ref: ref, Commit: digest(t, "gitCommit:"+shaA)}, "source"},
		{"not the first dependency", source, dependencies{git("pkg:golang/a@v1", ""), git(uri, commitA)}, known, "source"},

		{"two commits", source, dependencies{git(uri, commitA), git(uri, commitB)}, unknown, "source"},
		{"three commits", source, dependencies{git(uri, commitA), git(uri, commitB), git(uri, commitA)}, unknown, "source"},
		{"one commit twice", source, dependencies{git(uri, commitA), git(uri, commitA)}, known, "source"},
		{"a commit and none", source, dependencies{git(uri, ""), git(uri, commitA)}, known, "source"},

		{"modified", source, dependencies{git(uri, "", "modified", "true", "base", "gitCommit:"+commitA)}, modified(known), "source"},
		{"modified, no base", source, dependencies{git(uri, "", "modified", "true")}, modified(unknown), "source"},
		{"modified, with a digest", source, dependencies{git(uri, commitA, "modified", "true")}, modified(known), "source"},
		{"modified, base that is a file", source, dependencies{git(uri, "", "modified", "true", "base", "sha256:"+shaA)}, modified(unknown), "source"},
		{"base, not modified", source, dependencies{git(uri, commitB, "base", "gitCommit:"+commitA)}, provenance.Source{Repository: repository, Ref: ref, Commit: b}, "source"},
		{"modified as a word", source, dependencies{git(uri, commitA, "modified", "yes")}, known, "source"},
		{"modified and clean", source, dependencies{git(uri, "", "modified", "true", "base", "gitCommit:"+commitA), git(uri, commitB)}, modified(unknown), "source"},
		{"clean and modified", source, dependencies{git(uri, commitB), git(uri, "", "modified", "true", "base", "gitCommit:"+commitA)}, modified(unknown), "source"},

		{"the caller's word", source, dependencies{git(uri, commitA, "repositoryFrom", "caller", "commitFrom", "caller")}, from(known, provenance.Caller, provenance.Caller), "source"},
		{"module path", source, dependencies{git(uri, commitA, "repositoryFrom", "module path")}, from(known, provenance.ModulePath, provenance.NoEvidence), "source"},
		{"evidence that an annotation cannot give", source, dependencies{git(uri, commitA, "repositoryFrom", "claim", "commitFrom", "claim")}, known, "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := &provenance.Build{External: c.external, Dependencies: c.dependencies}
			if got, parameter := build.Source(); got != c.want || parameter != c.wantParameter {
				t.Errorf("got %+v by %q, want %+v by %q", got, parameter, c.want, c.wantParameter)
			}
		})
	}
}

func TestSourceDescriptor(t *testing.T) {
	const repository, ref = "https://example.com/r", "refs/tags/v1.2.3"
	commit := digest(t, "gitCommit:"+commitA)
	for _, c := range []struct {
		name string
		s    provenance.Source
		uri  string
		want string // as a dependency, or ""
	}{
		{"nothing", provenance.Source{}, "", ""},
		{"a ref alone", provenance.Source{Ref: ref}, "", ""},
		{"repository", provenance.Source{Repository: repository}, "git+" + repository, `{"uri":"git+https://example.com/r"}`},
		{"repository and ref", provenance.Source{Repository: repository, Ref: ref}, "git+" + repository + "@" + ref, `{"uri":"git+https://example.com/r@refs/tags/v1.2.3"}`},
		{"all", provenance.Source{Repository: repository, Ref: ref, Commit: commit, RepositoryFrom: provenance.Git, CommitFrom: provenance.Claim}, "git+" + repository + "@" + ref, `{"uri":"git+https://example.com/r@refs/tags/v1.2.3","digest":{"gitCommit":"` + commitA + `"}}`},
		{"commit alone", provenance.Source{Commit: commit}, "", `{"digest":{"gitCommit":"` + commitA + `"}}`},
		{"modified", provenance.Source{Repository: repository, Commit: commit, Modified: true}, "git+" + repository, `{"uri":"git+https://example.com/r","annotations":{"base":"gitCommit:` + commitA + `","modified":true}}`},
		{"modified, commit not known", provenance.Source{Repository: repository, Modified: true}, "git+" + repository, `{"uri":"git+https://example.com/r","annotations":{"modified":true}}`},
		{"modified, repository not known", provenance.Source{Commit: commit, Modified: true}, "", ""},
		{"the caller's word", provenance.Source{Repository: repository, Commit: commit, RepositoryFrom: provenance.Caller, CommitFrom: provenance.Caller}, "git+" + repository, `{"uri":"git+https://example.com/r","digest":{"gitCommit":"` + commitA + `"},"annotations":{"commitFrom":"caller","repositoryFrom":"caller"}}`},
		{"module path", provenance.Source{Repository: repository, Commit: commit, RepositoryFrom: provenance.ModulePath, CommitFrom: provenance.Git}, "git+" + repository, `{"uri":"git+https://example.com/r","digest":{"gitCommit":"` + commitA + `"},"annotations":{"repositoryFrom":"module path"}}`},
		{"evidence of nothing", provenance.Source{Commit: commit, RepositoryFrom: provenance.ModulePath}, "", `{"digest":{"gitCommit":"` + commitA + `"}}`},
		{"evidence of no commit", provenance.Source{Repository: repository, CommitFrom: provenance.Caller}, "git+" + repository, `{"uri":"git+https://example.com/r"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.URI(); got != c.uri {
				t.Errorf("URI %q, want %q", got, c.uri)
			}
			d, ok := c.s.Descriptor()
			if ok != (c.want != "") {
				t.Fatalf("ok %v, descriptor %v", ok, d)
			}

			// Local has the same descriptor, and what it writes is read back.
			b := provenance.Local(c.s)
			if !ok {
				if len(b.Dependencies) != 0 {
					t.Errorf("dependencies %v", b.Dependencies)
				}
				return
			}
			s, err := b.Statement(app(t))
			if err != nil {
				t.Fatal(err)
			}
			if want := `"resolvedDependencies":[` + c.want + `]`; !strings.Contains(string(s.Predicate), want) {
				t.Errorf("predicate %s\nwant %s", s.Predicate, want)
			}
			if b, err = provenance.ParseBuild(s); err != nil {
				t.Fatal(err)
			}
			got, _ := b.Source()
			want := c.s
			if want.Repository == "" {
				want = provenance.Source{} // a parameter names the source, or nothing does
			}
			if want.RepositoryFrom > provenance.ModulePath {
				want.RepositoryFrom = provenance.NoEvidence
			}
			if want.CommitFrom > provenance.Caller || want.Commit.IsZero() {
				want.CommitFrom = provenance.NoEvidence
			}
			if got != want {
				t.Errorf("source %+v, want %+v", got, want)
			}
		})
	}
}

func TestLocalEvidence(t *testing.T) {
	b := provenance.Local(provenance.Source{
		Repository: "https://example.com/r", Ref: "refs/heads/main", Commit: digest(t, "gitCommit:"+commitA),
		RepositoryFrom: provenance.ModulePath, CommitFrom: provenance.Git,
	})
	want := map[string]provenance.Evidence{
		"builder": provenance.Caller, "source.repository": provenance.ModulePath, "source.ref": provenance.Git, "source.commit": provenance.Git,
	}
	if !reflect.DeepEqual(b.Evidence, want) {
		t.Errorf("evidence %v, want %v", b.Evidence, want)
	}
	b = provenance.Local(provenance.Source{})
	if want := map[string]provenance.Evidence{"builder": provenance.Caller}; !reflect.DeepEqual(b.Evidence, want) {
		t.Errorf("evidence of nothing %v, want %v", b.Evidence, want)
	}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(s.Predicate), "resolvedDependencies") || !strings.Contains(string(s.Predicate), `"externalParameters":{"source":{}}`) {
		t.Errorf("a source that is not known: %s", s.Predicate)
	}
}

// The source comes first, whatever its URI.
func TestSourceFirst(t *testing.T) {
	b := provenance.Local(provenance.Source{Repository: "https://example.com/r", Commit: digest(t, "gitCommit:"+commitA)})
	b.Dependencies = append([]provenance.ResourceDescriptor{{URI: "z:z"}, {URI: "a:a"}}, b.Dependencies...)
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	want := `"resolvedDependencies":[{"uri":"git+https://example.com/r","digest":{"gitCommit":"` + commitA + `"}},{"uri":"a:a"},{"uri":"z:z"}]`
	if !strings.Contains(string(s.Predicate), want) {
		t.Errorf("%s, want %s", s.Predicate, want)
	}
	if b.Dependencies[0].URI != "z:z" {
		t.Error("Statement changed the order in the Build")
	}
}

func TestEvidenceOrder(t *testing.T) {
	var names []string
	for e := provenance.NoEvidence; e <= provenance.Claim; e++ {
		names = append(names, e.String())
	}
	if got, want := strings.Join(names, " < "), "none < caller < module path < binary < environment < git < claim"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := provenance.Evidence(99).String(); got != "none" {
		t.Errorf("unknown evidence %q", got)
	}
}

// Build types whose sources are named by a URI, or in ways of their own.
func TestBuildSourceByType(t *testing.T) {
	const (
		repository = "https://example.com/g/r"
		uri        = "git+" + repository + "@refs/heads/main"
		other      = "https://example.com/type"
		container  = "https://slsa.dev/container-based-build/v0.1?draft"
		delegator  = "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0"
		runner     = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/2147fb44/PROVENANCE.md"
		gitlab     = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"
	)
	a := digest(t, "gitCommit:"+commitA)
	known := provenance.Source{Repository: repository, Ref: "refs/heads/main", Commit: a}
	noRef := provenance.Source{Repository: repository, Commit: a}
	type external = map[string]any
	text := func(v string) external { return external{"source": v, "entryPoint": "build"} }
	object := external{"source": external{"uri": uri, "digest": external{"sha1": commitA}}}
	on := func(digests ...string) []provenance.ResourceDescriptor {
		d := provenance.ResourceDescriptor{URI: digests[0], Digest: provenance.DigestSet{}}
		for i := 1; i < len(digests); i += 2 {
			d.Digest[digests[i]] = digests[i+1]
		}
		return []provenance.ResourceDescriptor{{URI: "pkg:golang/a@v1"}, d}
	}
	two := func(a, b []provenance.ResourceDescriptor) []provenance.ResourceDescriptor { return append(a, b...) }
	for _, c := range []struct {
		name, buildType string
		external        external
		dependencies    []provenance.ResourceDescriptor
		want            provenance.Source
		parameter       string
	}{
		{"URI", other, text(uri), on(uri, "sha1", commitA), known, "source"},
		{"URI, gitCommit", other, text(uri), on(uri, "gitCommit", commitA), known, "source"},
		{"URI, both", other, text(uri), on(uri, "gitCommit", commitA, "sha1", commitA), known, "source"},
		{"URI, two commits in one dependency", other, text(uri), on(uri, "gitCommit", commitA, "sha1", commitB), provenance.Source{Repository: repository, Ref: "refs/heads/main"}, "source"},
		{"URI, two commits", other, text(uri), two(on(uri, "sha1", commitA), on(uri, "sha1", commitB)), provenance.Source{Repository: repository, Ref: "refs/heads/main"}, "source"},
		{"URI, a file's digest", other, text(uri), on(uri, "sha256", shaA), provenance.Source{Repository: repository, Ref: "refs/heads/main"}, "source"},
		{"URI, no ref", other, text("git+" + repository), on("git+"+repository, "sha1", commitA), noRef, "source"},
		{"URI, a ref with an @", other, text("git+" + repository + "@refs/heads/a@b"), on("git+"+repository+"@refs/heads/a@b", "sha1", commitA), provenance.Source{Repository: repository, Ref: "refs/heads/a@b", Commit: a}, "source"},
		{"URI, the other ref's commit", other, text(uri), on("git+"+repository+"@refs/heads/other", "sha1", commitA), provenance.Source{}, ""},
		{"URI, no dependency", other, text(uri), nil, provenance.Source{}, ""},
		{"URI, short name of a ref", other, text("git+" + repository + "@main"), on("git+"+repository+"@main", "sha1", commitA), provenance.Source{}, ""},
		{"URI, not of git", other, text(repository), on(repository, "sha1", commitA), provenance.Source{}, ""},
		{"URI, a user", other, text("git+https://u@example.com/g/r"), on("git+https://u@example.com/g/r", "sha1", commitA), provenance.Source{}, ""},
		{"URI, an @ in the host's place", other, text("git+https://example.com@refs/heads/main"), on("git+https://example.com@refs/heads/main", "sha1", commitA), provenance.Source{}, ""},
		{"URI, a query", other, text("git+" + repository + "?x@refs/heads/main"), on("git+"+repository+"?x@refs/heads/main", "sha1", commitA), provenance.Source{}, ""},
		{"URI, a fragment", other, text(uri + "#dir"), on(uri+"#dir", "sha1", commitA), provenance.Source{}, ""},
		{"URI, a path", other, text("git+file:///g/r"), on("git+file:///g/r", "sha1", commitA), provenance.Source{}, ""},
		{"URI, no path", other, text("git+https://example.com"), on("git+https://example.com", "sha1", commitA), provenance.Source{}, ""},
		{"URI of a workflow", other, external{"workflow": uri}, on(uri, "sha1", commitA), provenance.Source{}, ""},
		{"URI, and a workflow", other, external{"source": uri, "workflow": external{"repository": repository, "ref": "refs/heads/main"}}, on(uri, "gitCommit", commitA), provenance.Source{}, ""},

		{"container", container, object, on(uri, "sha1", commitA), known, "source"},
		{"container, no dependency", container, object, nil, provenance.Source{}, ""},
		{"container, URI and repository", container, external{"source": external{"uri": uri, "repository": "https://example.com/x"}}, on(uri, "sha1", commitA), provenance.Source{Repository: "https://example.com/x"}, "source"},
		{"object with a URI of another type", other, object, on(uri, "sha1", commitA), provenance.Source{}, ""},

		{"delegator", delegator, external{"inputs": external{}}, on(uri, "gitCommit", commitA), known, ""},
		{"delegator, two sources", delegator, nil, two(on(uri, "gitCommit", commitA), on("git+https://example.com/x@refs/heads/main", "gitCommit", commitB)), provenance.Source{}, ""},
		{"delegator, one source twice", delegator, nil, two(on(uri, "gitCommit", commitA), on(uri, "gitCommit", commitB)), provenance.Source{}, ""},
		{"delegator, none", delegator, nil, on("https://example.com/x", "gitCommit", commitA), provenance.Source{}, ""},
		{"delegator, a short name", delegator, nil, on("git+"+repository+"@v1", "gitCommit", commitA), provenance.Source{}, ""},
		{"dependency of another type", other, nil, on(uri, "gitCommit", commitA), provenance.Source{}, ""},

		{"GitLab runner", runner, text(repository), on(repository, "sha256", commitA), noRef, "source"},
		{"GitLab runner, SHA-256", runner, text(repository), on(repository, "sha256", shaA), provenance.Source{Repository: repository, Commit: digest(t, "gitCommit:"+shaA)}, "source"},
		{"GitLab runner, gitCommit", runner, text(repository), on(repository, "gitCommit", commitA), noRef, "source"},
		{"GitLab runner, a digest that is none", runner, text(repository), on(repository, "sha256", "283bf96"), provenance.Source{Repository: repository}, "source"},
		{"GitLab runner, no dependency", runner, text(repository), on(repository+"x", "sha256", commitA), provenance.Source{}, ""},
		{"GitLab runner, an @", runner, text(repository + "@refs/heads/main"), on(repository+"@refs/heads/main", "sha256", commitA), provenance.Source{}, ""},
		{"runner of somebody else", "https://gitlab.com/evil/gitlab-runner/-/blob/x/PROVENANCE.md", text(repository), on(repository, "sha256", commitA), provenance.Source{}, ""},
		{"another file of GitLab's runner", "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/x/README.md", text(repository), on(repository, "sha256", commitA), provenance.Source{}, ""},
		{"GitLab", gitlab, text(repository), on(repository, "gitCommit", commitA), noRef, "source"},
		{"GitLab, sha256", gitlab, text(repository), on(repository, "sha256", shaA), provenance.Source{Repository: repository}, "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &provenance.Build{Type: c.buildType, External: c.external, Dependencies: c.dependencies}
			if got, parameter := b.Source(); got != c.want || parameter != c.parameter {
				t.Errorf("got %+v by %q, want %+v by %q", got, parameter, c.want, c.parameter)
			}
			inputs := len(c.dependencies)
			for _, d := range c.dependencies {
				if c.want.Repository == repository && (d.URI == c.want.URI() || d.URI == repository) {
					inputs--
				}
			}
			if got := b.Inputs(); len(got) != inputs {
				t.Errorf("got the inputs %v, want %d", got, inputs)
			}
		})
	}
}

// What version 0.2 says of the source in its own places.
func TestSourceOfV02(t *testing.T) {
	const uri = "git+https://example.com/g/r@refs/tags/v1.0.0"
	for _, c := range []struct{ name, predicate, want string }{
		{"a material", `{"builder":{"id":"a:b"},"buildType":"a:t","invocation":{"configSource":{"uri":"` + uri + `","digest":{"sha1":"` + commitA + `"}}},"materials":[{"uri":"` + uri + `","digest":{"sha1":"` + commitA + `"}}]}`, uri + " gitCommit:" + commitA},
		{"no material", `{"builder":{"id":"a:b"},"buildType":"a:t","invocation":{"configSource":{"uri":"` + uri + `","digest":{"sha1":"` + commitA + `"}}}}`, uri + " gitCommit:" + commitA},
		{"a material of another commit", `{"builder":{"id":"a:b"},"buildType":"a:t","invocation":{"configSource":{"uri":"` + uri + `","digest":{"sha1":"` + commitA + `"}}},"materials":[{"uri":"` + uri + `","digest":{"sha1":"` + commitB + `"}}]}`, uri + " :"},
		{"a parameter", `{"builder":{"id":"a:b"},"buildType":"a:t","invocation":{"parameters":{"source":"` + uri + `"}},"materials":[{"uri":"git+https://example.com/g/r","digest":{"sha1":"` + commitA + `"}}]}`, " :"},
	} {
		b, err := provenance.ParseBuild(older(t, "0.2", c.predicate))
		if err != nil {
			t.Fatal(err)
		}
		s, _ := b.Source()
		got := s.URI() + " :"
		if !s.Commit.IsZero() {
			got = s.URI() + " " + s.Commit.String()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// Parameters that were not decoded from JSON may have their own types.
func TestSourceOfStrings(t *testing.T) {
	b := &provenance.Build{External: map[string]any{"source": map[string]string{"repository": "https://example.com/a", "ref": "refs/heads/main"}}}
	if s, parameter := b.Source(); parameter != "source" || s.URI() != "git+https://example.com/a@refs/heads/main" {
		t.Errorf("got %q by %q", s.URI(), parameter)
	}
}

func notes(severity provenance.Severity, path, text string) []provenance.Problem {
	return []provenance.Problem{{Path: path, Severity: severity, Text: text}}
}

// Nothing of a build is lost when it is written again, whatever its producer
// added to it.
func TestBuildExtensions(t *testing.T) {
	const resource = `{"name":"n","uri":"a:b","digest":{"sha256":"` + shaA + `"},"content":"eA==","downloadLocation":"a:c","mediaType":"x/y","annotations":{"a":[9007199254740993,1.0]},"acme_a":{"z":1,"a":1e2},"acme_b":null}`
	const predicate = `{"buildDefinition":{"buildType":"a:b","externalParameters":{"a":1.0},"internalParameters":{"b":null},"resolvedDependencies":[` + resource + `],"acme_d":[{"z":1,"a":2}]},` +
		`"runDetails":{"builder":{"id":"a:b","builderDependencies":[` + resource + `],"version":{"x":"1"},"acme_e":"<"},` +
		`"metadata":{"invocationId":"1","startedOn":"2026-01-02T03:04:05Z","finishedOn":"2026-01-02T03:04:05.5Z","acme_f":9007199254740993},"byproducts":[` + resource + `],"acme_g":false},` +
		`"acme_h":{},"acme_i":1}`
	b, err := provenance.ParseBuild(parse(t, statement(predicate)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Statement(app(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(s.Predicate) != predicate {
		t.Errorf("got  %s\nwant %s", s.Predicate, predicate)
	}
	b.Extensions = map[string]provenance.Extensions{"runDetails.metadata": {"acme_x": json.RawMessage(" 1 ")}}
	b.Invocation, b.Started, b.Finished = "", time.Time{}, time.Time{}
	if s, err = b.Statement(app(t)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(s.Predicate), `"metadata":{"acme_x":1},"byproducts"`) {
		t.Errorf("metadata of an extension alone: %s", s.Predicate)
	}

	for name, c := range map[string]struct {
		extensions map[string]provenance.Extensions
		want       string
	}{
		"no object": {map[string]provenance.Extensions{"buildDefinition.externalParameters": {"x": nil}}, `provenance: extensions of "buildDefinition.externalParameters", which is no object of a predicate`},
		"a member":  {map[string]provenance.Extensions{"runDetails": {"builder": json.RawMessage(`{}`)}}, `member "builder" occurs twice`},
		"no JSON":   {map[string]provenance.Extensions{"": {"acme_x": json.RawMessage(`x`)}}, `provenance: extension "acme_x": `},
		"nothing":   {map[string]provenance.Extensions{"": {"acme_x": nil}}, `provenance: extension "acme_x": `},
		"not UTF-8": {map[string]provenance.Extensions{"": {"\xff": json.RawMessage(`1`)}}, "is not UTF-8"},
	} {
		b.Extensions = c.extensions
		if _, err := b.Statement(app(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// Whoever signs a statement must not be able to keep those busy who read it.
func TestSourceOfManyCommits(t *testing.T) {
	b := &provenance.Build{External: map[string]any{"source": map[string]any{"repository": "https://example.com/r"}}}
	for i := range provenance.MaxDependencies {
		b.Dependencies = append(b.Dependencies, provenance.ResourceDescriptor{
			URI: "git+https://example.com/r", Digest: provenance.DigestSet{"gitCommit": fmt.Sprintf("%040x", i)},
		})
	}
	start := time.Now()
	if s, _ := b.Source(); !s.Commit.IsZero() {
		t.Errorf("one of many commits: %s", s.Commit)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%v for %d commits", took, len(b.Dependencies))
	}
}
