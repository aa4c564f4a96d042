package provenance_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-dev/hallmark/provenance"
)

// The shapes are those that the programs write, with other values.
func TestLint(t *testing.T) {
	const protobuf = ": encoding/json wrote a protocol buffer, as in go-witness and melange"
	v1 := func(predicate string) string { return statement(predicate) }
	old := func(version, predicate string) string {
		return `{"_type":"https://in-toto.io/Statement/v0.1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v` + version + `","predicate":` + predicate + `}`
	}
	dependency := func(members string) string {
		return v1(build(map[string]string{"more": `"resolvedDependencies":[{` + members + `}]`}))
	}
	typed := func(predicateType string) string {
		return strings.Replace(v1(build(nil)), "https://slsa.dev/provenance/v1", predicateType, 1)
	}
	const uri = "$.predicate.buildDefinition.resolvedDependencies[0]"
	upper := make([]string, 41)
	for i := range upper {
		upper[i] = fmt.Sprintf(`"CI_%d":""`, i)
	}

	for _, c := range []struct {
		name, payload string
		want          []string // severity path: text
	}{
		{"nothing wrong", v1(build(nil)), nil},
		{"nothing wrong, version 0.2", old("0.2", v02), nil},
		{"nothing wrong, version 0.1", old("0.1", v01), nil},
		{"another predicate", `{"_type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicateType":"a:b","predicate":{"build_type":1}}`, nil},

		// Producers.
		{
			"go-witness", `{"_type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v1.0","predicate":` +
				`{"build_definition":{"build_type":"https://witness.dev/slsa-build@v0.1","external_parameters":{"command":"make"},"internal_parameters":{"env":{"PATH":"/bin","USER":"x"}},"resolved_dependencies":[{"name":"git:commithash","digest":{"sha1":"` + commitA + `"},"media_type":"x/y"}]},` +
				`"run_details":{"builder":{"id":"https://witness.dev/witness-default-builder@v0.1"},"metadata":{"invocation_id":"","started_on":{"seconds":1700000000,"nanos":1},"finished_on":{"seconds":1700000001}}}}}`,
			[]string{
				`error $.predicateType: "https://slsa.dev/provenance/v1.0", which go-witness writes, want "https://slsa.dev/provenance/v1"`,
				"error $.predicate.build_definition: want buildDefinition" + protobuf,
				"error $.predicate.run_details: want runDetails" + protobuf,
				"error $.predicate.build_definition.build_type: want buildType" + protobuf,
				"error $.predicate.build_definition.external_parameters: want externalParameters" + protobuf,
				"error $.predicate.build_definition.internal_parameters: want internalParameters" + protobuf,
				"error $.predicate.build_definition.resolved_dependencies: want resolvedDependencies" + protobuf,
				"warning $.predicate.build_definition.internal_parameters.env: looks like all of an environment, which can have secrets: go-witness and npm write it",
				"error $.predicate.build_definition.resolved_dependencies[0].media_type: want mediaType" + protobuf,
				"error $.predicate.run_details.metadata.finished_on: want finishedOn" + protobuf,
				"error $.predicate.run_details.metadata.invocation_id: want invocationId" + protobuf,
				"error $.predicate.run_details.metadata.started_on: want startedOn" + protobuf,
				"error $.predicate.run_details.metadata.started_on: an object, want RFC 3339" + protobuf,
				"error $.predicate.run_details.metadata.finished_on: an object, want RFC 3339" + protobuf,
			},
		},
		{
			"melange", `{"type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicate_type":"https://slsa.dev/provenance/v1","predicate":` +
				`{"buildDefinition":{"buildType":"https://chainguard.dev/buildtypes/melange/v1","externalParameters":{"x":"y"}},"runDetails":{"builder":{"id":"a:b"},"metadata":{"startedOn":{"seconds":1}}}}}`,
			[]string{
				"error $.predicate_type: want predicateType" + protobuf,
				"error $.type: want _type" + protobuf,
				"error $.predicate.runDetails.metadata.startedOn: an object, want RFC 3339" + protobuf,
			},
		},
		{
			"gitlab-runner", `{"_type":"https://in-toto.io/Statement/v0.1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v1","predicate":` +
				`{"buildDefinition":{"buildType":"https://gitlab.com/gitlab-org/gitlab-runner/-/blob/x/PROVENANCE.md","externalParameters":{"CI":"","CI_JOB_ID":""},"resolvedDependencies":[{"uri":"https://gitlab.com/g/p","digest":{"sha256":"` + commitA + `"}}]},` +
				`"runDetails":{"builder":{"id":"https://gitlab.com/g/p/-/runners/1"},"metadata":{"invocationID":"123"}}}}`,
			[]string{
				"note $._type: version 0.1 of the statement around version 1 of provenance, as gitlab-runner and npm wrote it",
				"warning $.predicate.buildDefinition.externalParameters: every parameter is blank, as gitlab-runner makes them",
				"error $.predicate.buildDefinition.resolvedDependencies[0].digest.sha256: a SHA-1 under sha256: gitlab-runner puts commits there, which belong under gitCommit",
				"note $.predicate.runDetails.metadata.invocationID: want invocationId: in-toto-golang wrote it so",
				"note $.predicate.runDetails.metadata.invocationID: a number, which is not unique: gitlab-runner writes that of the job",
			},
		},
		{
			"BuildKit", old("0.2", `{"builder":{"id":""},"buildType":"https://mobyproject.org/buildkit@v1","metadata":{"buildInvocationID":"x"}}`),
			[]string{
				"error $.predicate.builder.id: no builder, which BuildKit leaves empty unless it is told",
				"note $.predicate.metadata.buildInvocationID: want buildInvocationId: in-toto-golang wrote it so",
			},
		},
		{
			"BuildKit, version 1", v1(build(map[string]string{"builder": `"builder":{"id":""}`})),
			[]string{"error $.predicate.runDetails.builder.id: no builder, which BuildKit leaves empty unless it is told"},
		},
		{"no builder", v1(build(map[string]string{"builder": ""})), []string{"error $.predicate.runDetails.builder.id: no builder, which BuildKit leaves empty unless it is told"}},
		{
			"the Jenkins plugin", old("0.2", `{"builder":{"id":"a:b"},"buildtype":"a:b","invocation":{"configSource":{"uri":"git+https://example.com/r","digest":{"sha1":"`+commitA+`"},"entrypoint":"x"}},"metadata":{"completeness":{"parameters":true,"environment":true,"materials":true},"reproducible":true}}`),
			[]string{
				"error $.predicate.buildtype: want buildType: some readers take it for that, and others for nothing",
				"error $.predicate.invocation.configSource.entrypoint: want entryPoint: some readers take it for that, and others for nothing",
				"warning $.predicate.metadata: claims to be complete and reproducible, which the Jenkins plugin always does",
			},
		},
		{
			"npm in GitLab", old("0.2", `{"builder":{"id":"a:b"},"buildType":"https://github.com/npm/cli/gitlab/v0alpha1","invocation":{"parameters":{"CI":"","CI_JOB":""},"environment":{`+strings.Join(upper, ",")+`}}}`),
			[]string{
				"warning $.predicate.invocation.parameters: every parameter is blank, as gitlab-runner makes them",
				"warning $.predicate.invocation.environment: looks like all of an environment, which can have secrets: go-witness and npm write it",
			},
		},
		{
			"Google Cloud Build", dependency(`"uri":"gcr.io/cloud-builders/docker@sha256:` + shaA + `"},{"uri":"gcr.io/x"`),
			[]string{
				"warning " + uri + ".uri: no scheme: Google Cloud Build writes images so",
				"warning $.predicate.buildDefinition.resolvedDependencies[1].uri: no scheme: Google Cloud Build writes images so",
			},
		},
		{
			"Google Cloud Build's byproduct", v1(build(map[string]string{"run": `"byproducts":[{}]`})),
			[]string{"warning $.predicate.runDetails.byproducts[0]: an empty resource, which Google Cloud Build writes"},
		},
		{
			"Google Cloud Build's text", `{"_type":"https://in-toto.io/Statement/v0.1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v0.1","slsaProvenance":{}}`,
			[]string{"warning $.slsaProvenance: Google Cloud Build shows the predicate here; the one that it signed is in an envelope"},
		},
		{
			"the Buildkite plugin", v1(`{"buildDefinition":{"buildType":"https://buildkite.github.io/slsa-buildtypes/job/v1","externalParameters":{"build":{"commit":"HEAD"}},"resolvedDependencies":[{"uri":"git@example.com:o/r","digest":{"gitCommit":"HEAD"}}]},"runDetails":{"builder":{"id":"a:b"}}}`),
			[]string{
				`error $.predicate.buildDefinition.externalParameters.build.commit: "HEAD" is not a commit: the Buildkite plugin writes what the job was asked for`,
				"error " + uri + ".uri: user@host:path is not a URI: the Buildkite plugin writes it so",
				`error ` + uri + `.digest.gitCommit: "HEAD" is not a commit`,
			},
		},
		{"what the Buildkite plugin signs", base64.StdEncoding.EncodeToString([]byte(v1(build(nil)))), []string{"error $: base64 of a statement, not the statement: the Buildkite plugin signs that"}},
		{
			"actions/attest", v1(`{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{}},"internalParameters":{"github":{"event_name":"pull_request"}}},"runDetails":{"builder":{"id":"a:b"}}}`),
			[]string{`warning $.predicate.buildDefinition.internalParameters.github.event_name: "pull_request": the build type is not for this event, although actions/attest uses it for all`},
		},
		{"oss-rebuild", dependency(`"name":"git+https://example.com/r","digest":{"sha1":"` + commitA + `"}`), []string{"note " + uri + ".name: a repository as the name, want it as the uri: oss-rebuild writes it so"}},
		{"a whole statement as the predicate", v1(v1(build(nil))), []string{"error $.predicate: a whole statement instead of its predicate"}},
		{"an envelope", `{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}`, []string{"error $: an envelope, not the statement in it"}},

		{"reproducible, and not complete", old("0.2", `{"builder":{"id":"a:b"},"metadata":{"completeness":{"parameters":true,"environment":false,"materials":true},"reproducible":true}}`), nil},
		{"complete, and not reproducible", old("0.2", `{"builder":{"id":"a:b"},"metadata":{"completeness":{"parameters":true,"environment":true,"materials":true}}}`), nil},
		{"an empty time", v1(build(map[string]string{"run": `"metadata":{"startedOn":{},"finishedOn":{"nanos":1}}`})), []string{
			"error $.predicate.runDetails.metadata.startedOn: an object, want RFC 3339" + protobuf,
			"error $.predicate.runDetails.metadata.finishedOn: an object, want RFC 3339" + protobuf,
		}},
		{"both spellings", v1(`{"build_definition":{"build_type":"x"},"buildDefinition":{},"runDetails":{"builder":{"id":"a:b"}}}`), []string{
			"error $.predicate.build_definition: want buildDefinition" + protobuf,
		}},

		// Types.
		{"a slash too many", typed("https://slsa.dev/provenance/v1/"), []string{`error $.predicateType: "https://slsa.dev/provenance/v1/", want "https://slsa.dev/provenance/v1"`}},
		{"http", typed("http://slsa.dev/provenance/v1"), []string{`error $.predicateType: "http://slsa.dev/provenance/v1", want "https://slsa.dev/provenance/v1"`}},
		{"a draft", typed("https://slsa.dev/provenance/v1.0?draft"), []string{`error $.predicateType: "https://slsa.dev/provenance/v1.0?draft", want "https://slsa.dev/provenance/v1"`}},
		{"no scheme", typed("cosign.sigstore.dev/attestation/v1"), []string{`error $.predicateType: "cosign.sigstore.dev/attestation/v1" has no scheme`}},
		{"the first name", typed("https://in-toto.io/Provenance/v0.1"), []string{
			`error $.predicateType: "https://in-toto.io/Provenance/v0.1", want "https://slsa.dev/provenance/v0.1"`,
			"error $.predicate.builder.id: no builder, which BuildKit leaves empty unless it is told",
		}},
		{"a version that is none", typed("https://slsa.dev/provenance/v3"), nil},
		{"another statement type", strings.Replace(v1(build(nil)), "Statement/v1", "Statement/v1.0", 1), []string{`error $._type: "https://in-toto.io/Statement/v1.0" is not a type of statements, want "https://in-toto.io/Statement/v1"`}},

		// Digests.
		{"SHA-256 commit under sha1", dependency(`"uri":"git+https://example.com/r","digest":{"sha1":"` + shaA + `"}`), []string{"error " + uri + ".digest.sha1: a SHA-256 under sha1: a commit of a SHA-256 repository belongs under gitCommit"}},
		{"SHA-256 commit under sha256", dependency(`"uri":"https://example.com/r.git@refs/heads/x","digest":{"sha256":"` + shaA + `"}`), []string{"warning " + uri + ".digest.sha256: of a git repository: a commit belongs under gitCommit"}},
		{"SHA-1 commit under sha1", dependency(`"uri":"git+https://example.com/r","digest":{"sha1":"` + commitA + `"}`), []string{"note " + uri + ".digest.sha1: of a git repository: a commit belongs under gitCommit"}},
		{"SHA-1 of a file", dependency(`"uri":"https://example.com/r","digest":{"sha1":"` + commitA + `"}`), nil},
		{"algorithm in upper case", dependency(`"digest":{"SHA256":"` + shaA + `"}`), []string{`error ` + uri + `.digest.SHA256: "SHA256" is not the name of an algorithm: they are in lower case, without a hyphen`}},
		{"algorithm with a hyphen", dependency(`"digest":{"sha-256":"` + shaA + `"}`), []string{`error ` + uri + `.digest.sha-256: "sha-256" is not the name of an algorithm: they are in lower case, without a hyphen`}},
		{"algorithm twice", dependency(`"digest":{"sha256":"sha256:` + shaA + `"}`), []string{"error " + uri + ".digest.sha256: the algorithm is in the digest too"}},
		{"digest in upper case", dependency(`"digest":{"sha256":"` + strings.ToUpper(shaA) + `"}`), []string{"error " + uri + ".digest.sha256: not in lower case"}},
		{"digest in base64", dependency(`"digest":{"sha256":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="}`), []string{"error " + uri + ".digest.sha256: base64, want hexadecimal"}},
		{"the other name of dirHash", dependency(`"digest":{"dirHash1":"` + shaA + `"}`), []string{"note " + uri + ".digest.dirHash1: want dirHash"}},
		{"an algorithm that nobody knows", dependency(`"digest":{"arn":"aws"}`), nil},

		// No statements.
		{"nothing", "", []string{"error $: $ (byte 0): want a value, got the end"}},
		{"an array", "[]", []string{"error $: not an object"}},
		{"member twice", `{"_type":"","_type":""}`, []string{`error $: $ (byte 19): member "_type" occurs twice`}},
		{"other JSON", "{}", nil},
		{"members of other types", `{"_type":1,"subject":{},"predicateType":[],"predicate":"x"}`, nil},
		{"members of a predicate of other types", v1(`{"buildDefinition":[],"runDetails":{"builder":1,"metadata":"x","byproducts":{}}}`), []string{"error $.predicate.runDetails.builder.id: no builder, which BuildKit leaves empty unless it is told"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range provenance.Lint([]byte(c.payload)) {
				got = append(got, p.Severity.String()+" "+p.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
	if got := provenance.Lint(make([]byte, provenance.MaxStatementSize+1)); len(got) != 1 || got[0].Text != "67108865 bytes, at most 67108864 are read" {
		t.Errorf("too large: %v", got)
	}
}
