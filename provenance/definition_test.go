package provenance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/provenance"
)

// goBuild is a predicate with everything that two runs of one build can differ
// in, and the build's own parts.
func goBuild(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`{"buildDefinition":{"buildType":"https://example.com/type/v1",` +
		`"externalParameters":{"source":{"repository":"https://example.com/r","ref":"refs/heads/main"},"flags":["-trimpath","-ldflags=-s"]},` +
		`"internalParameters":{"event":"push"},"resolvedDependencies":[` +
		`{"uri":"git+https://example.com/r@refs/heads/main","digest":{"gitCommit":"` + commitA + `"},"annotations":{"commitFrom":"caller"}},` +
		`{"uri":"pkg:golang/a@v1","digest":{"dirHash":"` + shaA + `"},"downloadLocation":"https://one.example.com/a"},` +
		`{"uri":"pkg:golang/b@v1"}]},` +
		`"runDetails":{"builder":{"id":"https://example.com/builder","version":{"go":"1.26.8"}},` +
		`"metadata":{"invocationId":"run-1","startedOn":"2026-01-02T03:04:05Z","finishedOn":"2026-01-02T03:04:06Z"},` +
		`"byproducts":[{"name":"log","digest":{"sha256":"` + shaA + `"}},{"name":"go-build-recipe.json","content":"eyJmbGFncyI6WyItdHJpbXBhdGgiXX0="}]}}`) // {"flags":["-trimpath"]}
}

func TestEquivalent(t *testing.T) {
	const definition = "$.predicate.buildDefinition."
	base := func() *provenance.Statement { return parse(t, statement(goBuild())) }
	bk := func(replace ...string) string {
		return strings.NewReplacer(replace...).Replace(`{"buildDefinition":{"buildType":"https://buildkite.github.io/slsa-buildtypes/job/v1",` +
			`"externalParameters":{"pipeline":"p","step":{"id":"1","key":"k"},"job":{"id":"1"}},"internalParameters":{"buildkite":{"pipeline_id":"1","build_id":"1","build_number":"1"}}},` +
			`"runDetails":{"builder":{"id":"a:b"}}}`)
	}
	ours := func(replace ...string) string {
		return strings.NewReplacer(replace...).Replace(`{"buildDefinition":{"buildType":"https://hallmark-dev.github.io/buildtypes/x/v1",` +
			`"externalParameters":{"a":1},"internalParameters":{"gitlab":{"project_id":"1","pipeline_id":"1","runner_id":"1","job_id":"1"},"ci":{"run_number":"1"}}},` +
			`"runDetails":{"builder":{"id":"a:b"}}}`)
	}
	typed := func(buildType, internal string) string {
		return `{"buildDefinition":{"buildType":"` + buildType + `","externalParameters":{"a":1},"internalParameters":` + internal + `},"runDetails":{"builder":{"id":"a:b"}}}`
	}
	several := func(sums ...string) string {
		for i, sum := range sums {
			sums[i] = `{"uri":"pkg:golang/b@v1","digest":{"x":"` + sum + `"}}`
		}
		return strings.Join(sums, ",")
	}
	for _, c := range []struct {
		name, a, b string // predicates
		want       []string
	}{
		{"itself", goBuild(), goBuild(), nil},
		{"another run", goBuild(), goBuild("run-1", "run-2", "2026-01-02T03", "2026-01-03T03"), nil},
		{"another builder", goBuild(), goBuild("https://example.com/builder", "https://example.com/rebuilder", `"go":"1.26.8"`, `"x":"1"`), nil},
		{"another log", goBuild(), goBuild(`{"name":"log","digest":{"sha256":"`+shaA, `{"name":"log","digest":{"sha256":"`+shaB), nil},
		{"another proxy", goBuild(), goBuild("one.example.com", "two.example.com"), nil},
		{"another witness of the commit", goBuild(), goBuild(`,"annotations":{"commitFrom":"caller"}`, ""), nil},
		{"another order", goBuild(), goBuild(`{"uri":"pkg:golang/b@v1"}`, `{"uri":"pkg:golang/a@v1","digest":{"dirHash":"`+shaA+`"}}`, `{"uri":"pkg:golang/a@v1","digest":{"dirHash":"`+shaA+`"},"downloadLocation":"https://one.example.com/a"}`, `{"uri":"pkg:golang/b@v1"}`), nil},
		{"a linker flag", goBuild(), goBuild("-ldflags=-s", "-ldflags=-s -w"), []string{
			definition + `externalParameters.flags[1]: "-ldflags=-s", then "-ldflags=-s -w"`,
		}},
		{"a resource more of several with one name", goBuild(`{"uri":"pkg:golang/b@v1"}`, several("1", "2", "3")), goBuild(`{"uri":"pkg:golang/b@v1"}`, several("2", "3")), []string{
			definition + `resolvedDependencies["pkg:golang/b@v1"]: {"digest":{"x":"1"},"uri":"pkg:golang/b@v1"}, then nothing`,
		}},
		{"another resource of several with one name", goBuild(`{"uri":"pkg:golang/b@v1"}`, several("1", "2", "2")), goBuild(`{"uri":"pkg:golang/b@v1"}`, several("2", "2", "3")), []string{
			definition + `resolvedDependencies["pkg:golang/b@v1"].digest.x: "1", then "3"`,
		}},
		{"a flag more", goBuild(), goBuild(`"-ldflags=-s"]`, `"-ldflags=-s","-race"]`), []string{
			definition + `externalParameters.flags[2]: nothing, then "-race"`,
		}},
		{"a flag of the recipe", goBuild(), goBuild("eyJmbGFncyI6WyItdHJpbXBhdGgiXX0=", "eyJmbGFncyI6WyItcmFjZSJdfQ=="), []string{
			`$.predicate.runDetails.byproducts["go-build-recipe.json"].content.flags[0]: "-trimpath", then "-race"`,
		}},
		{"a recipe that is too large to be in it", goBuild(`"content":"eyJmbGFncyI6WyItdHJpbXBhdGgiXX0="`, `"digest":{"sha256":"`+shaA+`"}`), goBuild(`"content":"eyJmbGFncyI6WyItdHJpbXBhdGgiXX0="`, `"digest":{"sha256":"`+shaB+`"}`), []string{
			`$.predicate.runDetails.byproducts["go-build-recipe.json"].digest.sha256: "` + shaA + `", then "` + shaB + `"`,
		}},
		{"no recipe", goBuild(), goBuild(`,{"name":"go-build-recipe.json","content":"eyJmbGFncyI6WyItdHJpbXBhdGgiXX0="}`, ""), []string{
			`$.predicate.runDetails.byproducts["go-build-recipe.json"]: {"content":{"flags":["-trimpath"]},"name":"go-build-recipe.json"}, then nothing`,
		}},
		{"build type", goBuild(), goBuild("type/v1", "type/v2"), []string{
			definition + `buildType: "https://example.com/type/v1", then "https://example.com/type/v2"`,
		}},
		{"ref", goBuild(), goBuild("refs/heads/main", "refs/heads/x"), []string{
			definition + `externalParameters.source.ref: "refs/heads/main", then "refs/heads/x"`,
			definition + `resolvedDependencies["git+https://example.com/r@refs/heads/main"]: {"digest":{"gitCommit":"` + commitA + `"},"uri":"git+https://example.com/r@refs/heads/main"}, then nothing`,
			definition + `resolvedDependencies["git+https://example.com/r@refs/heads/x"]: nothing, then {"digest":{"gitCommit":"` + commitA + `"},"uri":"git+https://example.com/r@refs/heads/x"}`,
		}},
		{"commit", goBuild(), goBuild(commitA, commitB), []string{
			definition + `resolvedDependencies["git+https://example.com/r@refs/heads/main"].digest.gitCommit: "` + commitA + `", then "` + commitB + `"`,
		}},
		{"modified files", goBuild(), goBuild(`"commitFrom":"caller"`, `"modified":true`), []string{
			definition + `resolvedDependencies["git+https://example.com/r@refs/heads/main"].annotations: nothing, then {"modified":true}`,
		}},
		{"deleted files", goBuild(`"commitFrom":"caller"`, `"modified":true,"deleted":["a"]`), goBuild(`"commitFrom":"caller"`, `"modified":true,"deleted":["a","b"]`), []string{
			definition + `resolvedDependencies["git+https://example.com/r@refs/heads/main"].annotations.deleted[1]: nothing, then "b"`,
		}},
		{"a digest more", goBuild(), goBuild(`{"uri":"pkg:golang/b@v1"}`, `{"uri":"pkg:golang/b@v1","digest":{"dirHash":"`+shaB+`"}}`), []string{
			definition + `resolvedDependencies["pkg:golang/b@v1"].digest: nothing, then {"dirHash":"` + shaB + `"}`,
		}},
		{"a dependency twice", goBuild(), goBuild(`{"uri":"pkg:golang/b@v1"}`, `{"uri":"pkg:golang/b@v1"},{"uri":"pkg:golang/b@v1","name":"x"},{"uri":"pkg:golang/b@v1"}`), []string{
			definition + `resolvedDependencies["pkg:golang/b@v1"]: nothing, then {"uri":"pkg:golang/b@v1"}`,
			definition + `resolvedDependencies["x" "pkg:golang/b@v1"]: nothing, then {"name":"x","uri":"pkg:golang/b@v1"}`,
		}},
		{"no dependencies", bk(), bk(`"buildkite":{`, `"x.y":null,"buildkite":{`, `}}},"runD`, `}},"resolvedDependencies":[{"uri":"a:b"}]},"runD`), []string{
			definition + `internalParameters."x.y": nothing, then null`,
			definition + `resolvedDependencies["a:b"]: nothing, then {"uri":"a:b"}`,
		}},
		{"an extension", goBuild(), goBuild(`"internalParameters":{`, `"acme_x":[1.0],"internalParameters":{`), []string{
			definition + `acme_x: nothing, then [1.0]`,
		}},
		{"an extension of the run", goBuild(), goBuild(`"metadata":{`, `"acme_x":1,"metadata":{`), nil},
		{"event", goBuild(), goBuild(`"push"`, `"release"`), []string{definition + `internalParameters.event: "push", then "release"`}},
		{"a value of another type", goBuild(), goBuild(`"push"`, `["push"]`, `"ref":"refs/heads/main"`, `"ref":{}`), []string{
			definition + `externalParameters.source.ref: "refs/heads/main", then {}`,
			definition + `internalParameters.event: "push", then ["push"]`,
		}},
		{"another run at Buildkite", bk(), bk(`"id":"1"`, `"id":"2"`, `"build_id":"1"`, `"build_id":"2"`, `"build_number":"1"`, `"build_number":"2"`), nil},
		{"another pipeline at Buildkite", bk(), bk(`"pipeline_id":"1"`, `"pipeline_id":"2"`), []string{
			definition + `internalParameters.buildkite.pipeline_id: "1", then "2"`,
		}},
		{"another run at Google", typed("https://cloud.google.com/build/gcb-buildtypes/google-worker/v1", `{"systemSubstitutions":{"BUILD_ID":"1"}}`), typed("https://cloud.google.com/build/gcb-buildtypes/google-worker/v1", `{"systemSubstitutions":{"BUILD_ID":"2"}}`), nil},
		{"another commit at Google", typed("https://cloud.google.com/build/gcb-buildtypes/google-worker/v1", `{"systemSubstitutions":{"BUILD_ID":"1","COMMIT_SHA":"1"}}`), typed("https://cloud.google.com/build/gcb-buildtypes/google-worker/v1", `{"systemSubstitutions":{"BUILD_ID":"2","COMMIT_SHA":"2"}}`), []string{
			definition + `internalParameters.systemSubstitutions.COMMIT_SHA: "1", then "2"`,
		}},
		{"another run of the generator", typed("https://github.com/slsa-framework/slsa-github-generator/generic@v1", `{"github_run_id":"1","GITHUB_EVENT_PAYLOAD":{"x":1},"github_ref":"1"}`), typed("https://github.com/slsa-framework/slsa-github-generator/generic@v1", `{"github_run_id":"2","github_ref":"2"}`), []string{
			definition + `internalParameters.github_ref: "1", then "2"`,
		}},
		{"another run of npm", typed("https://github.com/npm/cli/gha/v2", `{"GITHUB_RUN_ATTEMPT":"1","RUNNER_NAME":"a"}`), typed("https://github.com/npm/cli/gha/v2", `{"GITHUB_RUN_ATTEMPT":"2","RUNNER_NAME":"b"}`), nil},
		{"another run in a type of ours", ours(), ours(`"pipeline_id":"1"`, `"pipeline_id":"2"`, `"runner_id":"1"`, `"runner_id":"2"`, `"job_id":"1"`, `"job_id":"2"`, `"run_number":"1"`, `"run_number":"2"`), nil},
		{"another project in a type of ours", ours(), ours(`"project_id":"1"`, `"project_id":"2"`), []string{
			definition + `internalParameters.gitlab.project_id: "1", then "2"`,
		}},
		{"the same of another type", ours("hallmark-dev.github.io", "example.com"), ours("hallmark-dev.github.io", "example.com", `"runner_id":"1"`, `"runner_id":"2"`), []string{
			definition + `internalParameters.gitlab.runner_id: "1", then "2"`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := parse(t, statement(c.a)), parse(t, statement(c.b))
			before := string(a.Predicate)
			ds, err := provenance.Equivalent(a, b)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range ds {
				got = append(got, d.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			// The other way round it is the same, and so says the digest.
			back, err := provenance.Equivalent(b, a)
			if err != nil || len(back) != len(ds) {
				t.Errorf("the other way round: %v, %v", back, err)
			}
			inDefinition := slices.ContainsFunc(ds, func(d provenance.Difference) bool {
				return !strings.HasPrefix(d.Path, "$.predicate.runDetails.")
			})
			if same := definitionDigest(t, a) == definitionDigest(t, b); same == inDefinition {
				t.Errorf("same digest: %v, differences %v", same, got)
			}
			if string(a.Predicate) != before {
				t.Error("the statement has changed")
			}
		})
	}

	// Subjects are a part of it.
	a, b := base(), base()
	b.Subjects[0].Digest = provenance.DigestSet{"sha256": shaB}
	b.Subjects[0].MediaType = "x/y"
	ds, err := provenance.Equivalent(a, b)
	if want := `[$.subject["app"].digest.sha256: "` + shaA + `", then "` + shaB + `"]`; err != nil || fmt.Sprint(ds) != want {
		t.Errorf("got %v, %v, want %s", ds, err, want)
	}
	if definitionDigest(t, a) == definitionDigest(t, b) {
		t.Error("same digest for another artifact")
	}

	other := stated(t, "https://example.com/p", anApp, "{}")
	for _, err := range []error{
		func() error { _, err := provenance.Equivalent(a, other); return err }(),
		func() error { _, err := provenance.Equivalent(other, a); return err }(),
		func() error { _, err := other.DefinitionDigest(); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), `predicate type "https://example.com/p"`) {
			t.Errorf("not provenance: error %v", err)
		}
	}
}

func definitionDigest(t testing.TB, s *provenance.Statement) hallmark.Digest {
	t.Helper()
	d, err := s.DefinitionDigest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The digest is that of the text that the documentation describes, written down
// here by hand.
func TestDefinitionDigest(t *testing.T) {
	digests, err := hallmark.Hash(strings.NewReader(`{"buildDefinition":{"buildType":"https://example.com/type/v1",`+
		`"externalParameters":{"flags":["-trimpath","-ldflags=-s"],"source":{"ref":"refs/heads/main","repository":"https://example.com/r"}},`+
		`"internalParameters":{"event":"push"},"resolvedDependencies":[`+
		`{"digest":{"dirHash":"`+shaA+`"},"uri":"pkg:golang/a@v1"},`+
		`{"digest":{"gitCommit":"`+commitA+`"},"uri":"git+https://example.com/r@refs/heads/main"},`+
		`{"uri":"pkg:golang/b@v1"}]},`+
		`"predicateType":"https://slsa.dev/provenance/v1","subject":[{"digest":{"sha256":"`+shaA+`"},"name":"app"}]}`), "sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := definitionDigest(t, parse(t, statement(goBuild()))); got != digests[0] {
		t.Errorf("got %s, want %s", got, digests[0])
	}
}

// The order in which things are in a Build does not show.
func TestDefinitionDigestOfShuffles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var want hallmark.Digest
	for i := range 200 {
		b, subjects := full(t, r)
		b.Invocation, b.Started = fmt.Sprint("run-", i), b.Started.AddDate(0, 0, -i)
		s, err := b.Statement(subjects...)
		if err != nil {
			t.Fatal(err)
		}
		got := definitionDigest(t, s)
		if i == 0 {
			want = got
		}
		if got != want {
			t.Fatalf("shuffle %d: %s, want %s", i, got, want)
		}
	}
}

// FuzzEquivalent: builds with the same digest are equivalent, and those with
// another are not.
func FuzzEquivalent(f *testing.F) {
	f.Add([]byte(goBuild()), []byte(goBuild("-ldflags=-s", "-race")))
	f.Add([]byte(goBuild()), []byte(goBuild("run-1", "run-2")))
	f.Add([]byte(build(nil)), []byte(build(map[string]string{"more": `"internalParameters":{"":[{"":1.0}]},"resolvedDependencies":[{"name":"a"},{"name":"a"},{"uri":"a"}]`})))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a := &provenance.Statement{PredicateType: provenance.PredicateType, Predicate: x}
		b := &provenance.Statement{PredicateType: provenance.PredicateType, Predicate: y}
		ds, err := provenance.Equivalent(a, b)
		if err != nil {
			return
		}
		da, err := a.DefinitionDigest()
		if err != nil {
			return // what Equivalent can compare need not be such as can be written
		}
		db, err := b.DefinitionDigest()
		if err != nil {
			return
		}
		ds = slices.DeleteFunc(ds, func(d provenance.Difference) bool { return strings.HasPrefix(d.Path, "$.predicate.runDetails.") })
		if (da == db) != (len(ds) == 0) {
			t.Fatalf("%s\n%s\ndifferences %v", da, db, ds)
		}
	})
}

// The same build has the same digest in the words of an older version.
func TestDefinitionDigestOfOldVersions(t *testing.T) {
	old := func(run, time string) *provenance.Statement {
		return stated(t, provenance.PredicateTypeV02, anApp, `{"builder":{"id":"https://example.com/builder"},"buildType":"https://github.com/slsa-framework/slsa-github-generator/go@v1",`+
			`"invocation":{"configSource":{"uri":"git+https://example.com/r@refs/heads/main","digest":{"sha1":"`+commitA+`"},"entryPoint":"x.yml"},"parameters":{},"environment":{"github_run_id":"`+run+`","github_ref":"refs/heads/main"}},`+
			`"metadata":{"buildInvocationID":"`+run+`","buildStartedOn":"`+time+`"},"materials":[{"uri":"git+https://example.com/r@refs/heads/main","digest":{"sha1":"`+commitA+`"}}]}`)
	}
	a, b := old("1", "2026-01-02T03:04:05Z"), old("2", "2026-01-03T03:04:05Z")
	ds, err := provenance.Equivalent(a, b)
	if err != nil || ds != nil || definitionDigest(t, a) != definitionDigest(t, b) {
		t.Errorf("differences %v, error %v", ds, err)
	}
	converted, _, err := provenance.Convert(a)
	if err != nil {
		t.Fatal(err)
	}
	if ds, err := provenance.Equivalent(a, converted); err != nil || ds != nil {
		t.Errorf("converted: differences %v, error %v", ds, err)
	}
}
