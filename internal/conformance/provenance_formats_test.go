package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

const (
	gcbTests = "slsa-framework__slsa-verifier/verifiers__internal__gcb__"
	ghaTests = "slsa-framework__slsa-verifier/verifiers__internal__gha__testdata__"
	npmTests = "npm__cli/workspaces__libnpmpublish__test__fixtures__"
)

// refused returns why a document of the corpus is no statement that Parse reads,
// or "".
func refused(file string) (want, reason string) {
	const typ = `malformed statement: _type "`
	switch file {
	case "in-toto__in-toto-golang/test__data__clone-dsse.776a00e2.link",
		"in-toto__in-toto-golang/test__data__package-dsse.2f89b927.link",
		"in-toto__in-toto-golang/test__data__update-version-dsse.776a00e2.link":
		return typ + `link"`, "a link of in-toto before there were statements"
	case "in-toto__in-toto-golang/test__data__demo.dsse.layout", "in-toto__in-toto-golang/test__data__dsse-only.root.layout":
		return typ + `layout"`, "a layout, which is a policy"
	case "carabiner-dev__signer/dsse__testdata__gpg-ed25519.dsse.json":
		return typ + `"`, "it has no _type, under any name"
	case "conforma__policy/acceptance__samples__policy-input-spdx-sbom.json":
		return "malformed statement: no subject", "a sample that is cut down"
	case "carabiner-dev__signer/dsse__testdata__sigstore.dsse.json":
		return "malformed statement: no predicateType", "a test document without a predicate type"

	// What is meant to be refused.
	case npmTests + "no-provenance-subject-bundle.json":
		return "malformed statement: no subject", "a negative: no subject"
	case ghaTests + "bundle__valid.intoto.sigstore":
		return "malformed statement: no predicateType", "a bundle that is valid around a statement that is not"
	case gcbTests + "slsaprovenance__v0.1__testdata__gcloud-container-invalid-intotoheader.json":
		return typ + `https://in-toto.io/Statement/v0.2"`, "a negative: another _type"
	case ghaTests + "npm-stmt-mismatch-pub-type.intoto.sigstore":
		return typ + `https://in-toto.io/StatementA/v0.1"`, "a negative: another _type"
	case ghaTests + "npm-att-publish-invalid-signature.intoto.sigstore":
		return "$.subject[0].digest (byte 125): want an object, got a string", "a negative: tampered with"
	}
	return "", ""
}

// unreadable returns why provenance of the corpus is none that ParseBuild reads.
func unreadable(a attestation) (want, reason string) {
	switch {
	case a.container == "gcloud" && bytes.Contains(a.payload, []byte(`"slsaProvenance"`)) && !bytes.Contains(a.payload, []byte(`"predicate":`)):
		return "malformed provenance: no predicate", "the predicate is in another member, beside the signed statement"
	case a.file == "slsa-framework__slsa-jenkins-generator/example__provenance.slsa":
		return `$.buildtype (byte 16): want "buildType"`, "some readers take it for buildType, and others for nothing"
	}
	return "", ""
}

// Every statement in the corpus is read, whatever it is in and of whatever
// version, but for those that are none.
func TestReadCorpus(t *testing.T) {
	all := attestations(t, func(string, string) bool { return true })
	containers, refusals, builds := make(map[string]int), make(map[string]int), make(map[string]int)
	read, notes := 0, 0
	files := make(map[string]bool)
	for _, a := range all {
		files[a.file] = true
		s, err := provenance.Parse(a.payload)
		if want, reason := refused(a.file); err != nil || want != "" {
			switch {
			case err == nil && a.file == ghaTests+"npm-stmt-mismatch-pub-type.intoto.sigstore",
				err == nil && a.file == ghaTests+"npm-att-publish-invalid-signature.intoto.sigstore":
				// The other statement of the file.
			case err == nil || want == "" || !strings.Contains(err.Error(), want):
				t.Errorf("%s: error %v, want %q (%s)", a.file, err, want, reason)
			}
			if err != nil {
				refusals[a.file]++
				continue
			}
		}
		read++
		containers[a.container]++
		if len(s.Notes) > 0 {
			notes++
		}

		// A predicate keeps every number and every member.
		if s.Predicate != nil {
			again, err := provenance.New("https://example.com/any", s.Predicate, someArtifact(t))
			if err != nil {
				t.Errorf("%s: %v", a.file, err)
			} else if !slices.Equal(tokens(t, again.Predicate), tokens(t, s.Predicate)) {
				t.Errorf("%s: predicate %s\nwant %s", a.file, again.Predicate, s.Predicate)
			}
		}

		switch s.PredicateType {
		case provenance.PredicateType, provenance.PredicateTypeV02, provenance.PredicateTypeV01:
		default:
			continue
		}
		_, err = provenance.ParseBuild(s)
		if want, reason := unreadable(a); err != nil || want != "" {
			if err == nil || want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q (%s)", a.file, err, want, reason)
			}
			builds["unreadable"]++
			continue
		}
		builds[strings.TrimPrefix(s.PredicateType, "https://slsa.dev/provenance/")]++
	}
	for name, least := range map[string]int{"bare": 30, "DSSE": 50, "Sigstore bundle": 40, "PEP 740": 3, "gcloud": 30, "attestations API": 5} {
		if containers[name] < least {
			t.Errorf("%d statements in %s, want %d", containers[name], name, least)
		}
	}
	if builds["v1"] < 40 || builds["v0.2"] < 60 || builds["v0.1"] < 15 {
		t.Errorf("builds %v", builds)
	}
	t.Logf("%d documents of %d files, %d of them statements, %d with notes: %v", len(all), len(files), read, notes, containers)
	t.Logf("provenance %v, refused %v", builds, slices.Sorted(maps.Keys(refusals)))
}

// settled returns a JSON value without what means as much as nothing where SLSA
// and in-toto say so, and with lists of resources in one order.
func settled(v any, resources bool) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any)
		for name, e := range v {
			if slices.Contains([]string{"externalParameters", "annotations"}, name) {
				m[name] = e
				continue
			}
			e = settled(e, slices.Contains([]string{"resolvedDependencies", "builderDependencies", "byproducts"}, name))
			if e == nil || reflect.DeepEqual(e, map[string]any{}) || reflect.DeepEqual(e, []any{}) || e == any("") {
				continue
			}
			m[name] = e
		}
		return m
	case []any:
		list := []any{}
		for _, e := range v {
			if e = settled(e, false); !resources || !reflect.DeepEqual(e, map[string]any{}) {
				list = append(list, e)
			}
		}
		if resources {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return list
	}
	return v
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A Build has all that its predicate has: what is written of it differs in
// nothing that means something. A few predicates are not valid, and what is
// wrong with them is mended first.
func TestBuildLossless(t *testing.T) {
	mended, written := 0, 0
	for _, a := range attestations(t, func(_, predicateType string) bool { return predicateType == provenance.PredicateType }) {
		if want, _ := refused(a.file); want != "" {
			continue
		}
		s, err := provenance.Parse(a.payload)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		v := decode(t, s.Predicate).(map[string]any)
		definition, run := v["buildDefinition"].(map[string]any), v["runDetails"].(map[string]any)
		dependencies, _ := definition["resolvedDependencies"].([]any)
		for _, d := range dependencies {
			if uri, ok := d.(map[string]any)["uri"].(string); ok && !strings.Contains(strings.SplitN(uri, "/", 2)[0], ":") {
				d.(map[string]any)["uri"] = "docker:" + uri
			}
		}
		if external, _ := definition["externalParameters"].(map[string]any); len(external) == 0 {
			definition["externalParameters"] = map[string]any{"some": "parameter"}
		}
		if run["builder"] == nil {
			run["builder"] = map[string]any{"id": "https://example.com/builder"}
		}
		if !reflect.DeepEqual(v, decode(t, s.Predicate)) {
			mended++
		}
		predicate, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := provenance.ParseBuild(&provenance.Statement{PredicateType: provenance.PredicateType, Predicate: predicate})
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		again, err := b.Statement(someArtifact(t))
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		written++
		// Times are instants: those with zeros behind the point lose them.
		if got, want := settled(decode(t, again.Predicate), false), settled(v, false); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%v\nwant\n%v", a.file, got, want)
		}
	}
	if written < 40 {
		t.Errorf("%d predicates, want 40", written)
	}
	t.Logf("%d predicates written again, %d of them mended", written, mended)
}

// eachValue calls visit with the path of each value in v that is no object or array
// with something in it, and with a function that replaces it.
func eachValue(path string, v any, replace func(any), visit func(path string, v any, replace func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			at := path + "." + name
			if strings.ContainsAny(name, ".[") || name == "" || len(fmt.Sprintf("%q", name)) != len(name)+2 {
				at = fmt.Sprintf("%s.%q", path, name)
			}
			eachValue(at, v[name], func(e any) { v[name] = e }, visit)
		}
	case []any:
		for i := range v {
			eachValue(fmt.Sprintf("%s[%d]", path, i), v[i], func(e any) { v[i] = e }, visit)
		}
	default:
		visit(path, v, replace)
	}
}

// invalid returns why older provenance of the corpus is not valid as version 1,
// or "".
func invalid(file string) (want, reason string) {
	const predicate = "malformed statement: $.predicate."
	switch file {
	case "carabiner-dev__collector/envelope__dsse__testdata__single.dsse.json":
		return "malformed statement: $.subject[0].digest.SHA256", "the algorithm is sha256"
	case "conforma__policy/acceptance__samples__policy-input-golden-container.json":
		return "malformed statement: $.subject[1].name", "Tekton Chains gives three subjects one name"
	case "conforma__cli/pkg__schema__examples__hacbs1_invalid.json", "guacsec__guac/internal__testing__testdata__exampledata__oci-dsse-att.json":
		return predicate + "buildDefinition.buildType", "Tekton Chains had build types without a scheme"
	case "docker__attest/test__testdata__example_attestation.json":
		return predicate + "runDetails.builder.id: missing", "BuildKit did not know its builder"
	case "sigstore__rekor/cmd__rekor-cli__app__tests__intoto_multi_dsse.json":
		return predicate + "runDetails.builder.id", "random text for a builder"
	case gcbTests + "slsaprovenance__v0.1__testdata__gcloud-container-invalid-slsaheader.json":
		return predicate + "buildDefinition.buildType: missing", "a negative: version 0.1 that says it is 0.2"
	}
	return "", ""
}

// What Convert does not report as lost is in the new predicate, and what it
// reports is not: for each value in the predicates of the corpus, another value
// in its place shows in the result, or does not.
func TestConvertCorpus(t *testing.T) {
	converted, marshaled, values, lost := 0, 0, 0, 0
	for _, a := range attestations(t, func(_, predicateType string) bool {
		return predicateType == provenance.PredicateTypeV02 || predicateType == provenance.PredicateTypeV01
	}) {
		if want, _ := refused(a.file); want != "" {
			continue
		}
		if want, _ := unreadable(a); want != "" {
			continue
		}
		s, err := provenance.Parse(a.payload)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		first, losses, err := provenance.Convert(s)
		if err != nil {
			t.Errorf("%s: %v", a.file, err)
			continue
		}
		converted++
		payload, err := first.Marshal()
		if want, reason := invalid(a.file); err == nil && want == "" {
			marshaled++
			if err := officialValidate(payload); err != nil {
				t.Errorf("%s: the official types say %v of %s", a.file, err, payload)
			}
		} else if err == nil || want == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q (%s)", a.file, err, want, reason)
		}
		seen := make(map[string]bool)
		reported := func(path string, losses []provenance.Loss) bool {
			for _, l := range losses {
				if rest, ok := strings.CutPrefix(path, l.Path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
					seen[l.Path] = true
					return true
				}
			}
			return false
		}
		root := decode(t, s.Predicate)
		n := 0
		eachValue("$.predicate", root, nil, func(path string, v any, replace func(any)) {
			if v == nil || v == any("") {
				return // unset
			}
			// In an event's payload or a pipeline's steps one value is as
			// another.
			if n++; n > 80 && n%29 != 0 {
				return
			}
			values++
			was := reported(path, losses)
			if was {
				lost++
			}
			other := any("another value")
			switch v.(type) {
			case bool:
				other = v == any(false)
			case json.Number:
				other = json.Number("9007199254740993")
			}
			switch {
			case strings.HasSuffix(path, "StartedOn"), strings.HasSuffix(path, "FinishedOn"):
				if strings.HasPrefix(path, "$.predicate.metadata.build") {
					other = "2001-02-03T04:05:06Z"
				}
			case strings.HasSuffix(path, ".definedInMaterial"):
				return // it becomes the source, or a loss: see the tests of Convert
			}
			replace(other)
			predicate, err := json.Marshal(root)
			replace(v)
			if err != nil {
				t.Fatal(err)
			}
			second, losses, err := provenance.Convert(&provenance.Statement{PredicateType: s.PredicateType, Predicate: predicate})
			if err != nil {
				t.Errorf("%s: %s: %v", a.file, path, err)
				return
			}
			text, err := json.Marshal(other)
			if err != nil {
				t.Fatal(err)
			}
			changed := !bytes.Equal(second.Predicate, first.Predicate)
			if !was && (!changed || !bytes.Contains(second.Predicate, text)) && !reported(path, losses) {
				t.Errorf("%s: %s is lost and not reported", a.file, path)
			}
			if was && changed {
				t.Errorf("%s: %s is reported as lost and is in the result", a.file, path)
			}
		})
		for _, l := range losses {
			if !seen[l.Path] && !strings.HasSuffix(l.Path, ".definedInMaterial") && n <= 80 {
				t.Errorf("%s: a loss of what is not there: %s", a.file, l)
			}
		}
	}
	if converted < 80 || marshaled < 60 || lost < 200 {
		t.Errorf("%d converted, %d of them valid, %d of %d values lost", converted, marshaled, lost, values)
	}
	t.Logf("%d converted, %d of them valid as version 1; %d values tried, %d of them lost", converted, marshaled, values, lost)
}

// The official examples of build types are valid, but for what is wrong with
// the examples.
func TestBuildTypeExamples(t *testing.T) {
	examples := map[string][]string{
		"actions__buildtypes/workflow__v1__example.json":                                               nil,
		"slsa-framework__github-actions-buildtypes/workflow__v1__example.json":                         nil,
		"slsa-framework__gcb-buildtypes/triggered-build__v1__example.json":                             {"$.predicate.runDetails.builder.id"},
		"buildkite-plugins__generate-provenance-attestation-buildkite-plugin/examples__statement.json": {"$.subject[0].digest", "$.subject[0].digest.sha256", "$.subject[1].digest", "$.subject[1].digest.sha256"},
	}
	for _, a := range attestations(t, func(string, string) bool { return true }) {
		want, ok := examples[a.file]
		if !ok {
			continue
		}
		delete(examples, a.file)
		errors := func(payload []byte) (paths []string) {
			s, err := provenance.Parse(payload)
			if err != nil {
				t.Fatalf("%s: %v", a.file, err)
			}
			for _, p := range s.Validate() {
				if p.Severity == provenance.Error {
					paths = append(paths, p.Path)
				}
			}
			return paths
		}
		if got := errors(a.payload); !slices.Equal(got, want) {
			t.Errorf("%s: errors at %v, want %v", a.file, got, want)
		}
		// The one lacks the builder, which SLSA requires, and the other has
		// words for digests. Everything else of them is in order.
		mended := strings.NewReplacer(
			`"runDetails": {`, `"runDetails": {"builder": {"id": "https://cloudbuild.googleapis.com/GoogleHostedWorker"},`,
		).Replace(string(a.payload))
		if !strings.Contains(a.file, "gcb") {
			mended = strings.NewReplacer("fake_sha_1", someSHA256, "fake_sha_2", someSHA256).Replace(string(a.payload))
		}
		if got := errors([]byte(mended)); got != nil {
			t.Errorf("%s, mended: errors at %v", a.file, got)
		}
	}
	if len(examples) > 0 {
		t.Errorf("not in the corpus: %v", examples)
	}
}

// negatives returns where this module refuses a document that is meant to be
// refused, as far as what is wrong is in the statement: the error of Parse or
// ParseBuild, or the path that Validate finds an error at.
func negatives() map[string]string {
	return map[string]string{
		gcbTests + "slsaprovenance__v0.1__testdata__gcloud-container-invalid-intotoheader.json":                           "_type",
		gcbTests + "slsaprovenance__v0.1__testdata__gcloud-container-invalid-slsaheader.json":                             "$.predicate.buildType",
		ghaTests + "npm-stmt-mismatch-pub-type.intoto.sigstore":                                                           "_type",
		ghaTests + "npm-att-publish-nodigest.intoto.sigstore":                                                             "$.subject[0].digest",
		npmTests + "no-provenance-subject-bundle.json":                                                                    "no subject",
		"sigstore__sigstore-conformance/test__assets__bundle-verify__rekor2-dsse-mismatch-sig_fail__bundle.sigstore.json": "$.predicate.buildDefinition.externalParameters",
	}
}

// Documents that are meant to be refused are, if the statement is what is wrong
// with them. With the others, a signature or a certificate is, or a policy that
// the document's own tests have.
func TestNegativeCorpus(t *testing.T) {
	want := negatives()
	elsewhere := 0
	for _, a := range attestations(t, func(string, string) bool { return true }) {
		var faults []string
		s, err := provenance.Parse(a.payload)
		if err == nil {
			switch s.PredicateType {
			case provenance.PredicateType, provenance.PredicateTypeV02, provenance.PredicateTypeV01:
				if s.Predicate != nil {
					_, err = provenance.ParseBuild(s)
				}
			}
			for _, p := range s.Validate() {
				if p.Severity == provenance.Error {
					faults = append(faults, p.Path)
				}
			}
		}
		if err != nil {
			faults = append(faults, err.Error())
		}
		if w, ok := want[a.file]; ok {
			if slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, w) }) {
				delete(want, a.file)
			}
		} else if a.negative && faults == nil {
			elsewhere++
		}
	}
	for file, w := range want {
		t.Errorf("%s: no fault %q", file, w)
	}
	t.Logf("%d further documents have nothing wrong in their statements", elsewhere)
}

// Extensions are a defect of the official types in v1.2.0: they refuse members
// that in-toto says must be ignored. When this fails they have been mended.
func TestOfficialTypesExtensions(t *testing.T) {
	b := provenance.Local(provenance.Source{Repository: "https://github.com/octocat/hello"})
	for path, where := range map[string]string{"": "Provenance", "runDetails.builder": "Builder"} {
		b.Extensions = map[string]provenance.Extensions{path: {"acme_x": json.RawMessage("1")}}
		s, err := b.Statement(someArtifact(t))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := officialValidate(payload); err == nil || !strings.Contains(err.Error(), `unknown field "acme_x"`) {
			t.Errorf("%s: error %v", where, err)
		}
	}
}

// The linter finds something in every kind of document that is known for a
// mistake, and nothing in those of actions/attest.
func TestLintCorpus(t *testing.T) {
	found := make(map[string]int)
	for _, a := range attestations(t, func(string, string) bool { return true }) {
		ps := provenance.Lint(a.payload)
		for _, p := range ps {
			found[p.Text]++
			if p.Severity == provenance.Error && strings.HasPrefix(a.file, "cli__cli/") {
				t.Errorf("%s: %s", a.file, p)
			}
		}
	}
	for _, want := range []string{
		"no builder, which BuildKit leaves empty unless it is told",
		"want buildInvocationId: in-toto-golang wrote it so",
		"want buildType: some readers take it for that, and others for nothing",
		"want _type: encoding/json wrote a protocol buffer, as in go-witness and melange",
		"an empty resource, which Google Cloud Build writes",
		"Google Cloud Build shows the predicate here; the one that it signed is in an envelope",
		"no scheme: Google Cloud Build writes images so",
		"of a git repository: a commit belongs under gitCommit",
		`"https://slsa.dev/provenance/v1.0?draft", want "https://slsa.dev/provenance/v1"`,
		`"SHA256" is not the name of an algorithm: they are in lower case, without a hyphen`,
	} {
		if found[want] == 0 {
			t.Errorf("nowhere: %s", want)
		}
	}
	t.Logf("%d mistakes", len(found))
}

// The bytes of a statement are the same from programs that were built with
// different flags, whatever the number of threads.
func TestSameBytesFromAnyBinary(t *testing.T) {
	var in bytes.Buffer
	statements := 0
	add := func(payload []byte) {
		if err := json.Compact(&in, payload); err != nil {
			t.Fatal(err)
		}
		in.WriteByte('\n')
		statements++
	}
	all := emitted(t, someCommit)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		payload, err := all[name].Marshal()
		if err != nil {
			t.Fatal(err)
		}
		add(payload)
	}
	if os.Getenv("HALLMARK_CORPUS") != "" {
		for _, a := range attestations(t, func(string, string) bool { return true }) {
			if _, err := provenance.Parse(a.payload); err == nil {
				add(a.payload)
			}
		}
	}

	var want []byte
	for i, flags := range [][]string{nil, {"-trimpath"}, {"-ldflags=-s -w", "-gcflags=-N -l"}} {
		program := filepath.Join(t.TempDir(), "emit")
		build := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", program}, flags...), "./testdata/emit")...)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", flags, err, out)
		}
		for _, threads := range []string{"1", "4"} {
			run := exec.Command(program)
			run.Env = append(os.Environ(), "GOMAXPROCS="+threads)
			run.Stdin = bytes.NewReader(in.Bytes())
			run.Stderr = os.Stderr
			got, err := run.Output()
			if err != nil {
				t.Fatalf("%v: %v", flags, err)
			}
			if i == 0 && want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%v, %s threads: other bytes", flags, threads)
			}
		}
	}
	if lines := bytes.Count(want, []byte("\n")); lines < 2*len(all) {
		t.Errorf("%d lines", lines)
	}
	t.Logf("%d statements, %d bytes written of them", statements, len(want))
}
